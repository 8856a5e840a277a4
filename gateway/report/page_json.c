/*
 * NAME
 *      page_json - the status page for programs
 *
 * DESCRIPTION
 *      Member names are part of the interface for monitoring (clinsgw(1)) and are only ever added to. Times are RFC 3339 in Japan time; what is not known
 *      is left out.
 */
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include "report/page_private.h"
#include "report/writer.h"

static void add_findings(struct writer *w, const struct page *p, cJSON *root)
{
    cJSON *array = writer_put_list(w, root, "findings");

    for (size_t i = 0; i < p->findings; i++) {
        const struct page_finding *f = &p->finding[i];
        cJSON *o = writer_put_item(w, array);
        writer_put_text(w, o, "word", page_word_name(f->word, LANG_EN));
        writer_put_sentence(w, o, "sentence", f->msg, msg_get(f->msg)->severity, f->arg, f->arg2);
        writer_put_time(w, o, "since", f->since_ms);
    }
}

static void add_sources(struct writer *w, const struct page *p, cJSON *root)
{
    cJSON *array = writer_put_list(w, root, "sources");

    for (size_t i = 0; i < p->sources; i++) {
        cJSON *o = writer_put_item(w, array);
        writer_put_text(w, o, "name", p->source[i].name);
        writer_put_text(w, o, "facility", p->source[i].facility);
        if (p->running)
            writer_put_bool(w, o, "up", p->source[i].up);
        writer_put_time(w, o, "last_file", p->source[i].last_file_ms);
        writer_put_number(w, o, "today", p->source[i].today);
    }
}

static void add_facilities(struct writer *w, const struct page *p, cJSON *root)
{
    cJSON *array = writer_put_list(w, root, "facilities");

    for (size_t i = 0; i < p->facilities; i++) {
        const struct page_facility *f = &p->facility[i];
        cJSON *o = writer_put_item(w, array), *states;
        writer_put_text(w, o, "code", f->code);
        writer_put_text(w, o, "name", f->name);
        writer_put_text(w, o, "link", f->link);
        states = writer_put_object(w, o, "messages");
        for (int k = FLOW_MS_TO_SIGN; k < FLOW_MS_STATES; k++)
            writer_put_number(w, states, flow_message_state_name((enum flow_message_state)k), f->message[k]);
        writer_put_time(w, o, "oldest_waiting", f->oldest_ms);
        writer_put_time(w, o, "oldest_awaited", f->awaited_ms);
        writer_put_time(w, o, "last_success", f->last_success_ms);
    }
}

static void add_links(struct writer *w, const struct page *p, cJSON *root)
{
    cJSON *array = writer_put_list(w, root, "links");

    for (size_t i = 0; i < p->links && p->running; i++) {
        const struct page_link *l = &p->link[i];
        cJSON *o = writer_put_item(w, array);
        writer_put_text(w, o, "name", l->name);
        writer_put_text(w, o, "type", l->type);
        writer_put_bool(w, o, "up", l->up);
        writer_put_time(w, o, "since", l->since_ms);
        writer_put_time(w, o, "next_try", l->next_try_ms);
        writer_put_number(w, o, "busy", l->busy);
        writer_put_number(w, o, "sessions", l->sessions);
    }
}

static void add_signers(struct writer *w, const struct page *p, cJSON *root)
{
    static const char *const state[] = { [FLOW_SIGNER_READY] = "ready", [FLOW_SIGNER_NO_CARD] = "no_card", [FLOW_SIGNER_PIN] = "pin",
                                         [FLOW_SIGNER_LOCKED] = "locked", [FLOW_SIGNER_EXPIRED] = "expired", [FLOW_SIGNER_DOWN] = "down" };
    cJSON *array = writer_put_list(w, root, "signers");

    for (size_t i = 0; i < p->signers && p->running; i++) {
        const struct page_signer *g = &p->signer[i];
        cJSON *o = writer_put_item(w, array);
        writer_put_text(w, o, "name", g->name);
        writer_put_text(w, o, "state", state[g->state]);
        writer_put_bool(w, o, "present", g->present);
        writer_put_bool(w, o, "attended", g->attended);
        writer_put_bool(w, o, "waiting", g->waiting);
        writer_put_bool(w, o, "pin_low", g->low);
        writer_put_bool(w, o, "pin_final_try", g->final_try);
        writer_put_bool(w, o, "pin_locked", g->locked);
        writer_put_time(w, o, "certificate_end", g->not_after_ms);
    }
}

static void add_expiries(struct writer *w, const struct page *p, cJSON *root)
{
    static const char *const kind[] = { [PAGE_EXPIRY_LINK] = "link_certificate", [PAGE_EXPIRY_SIGNER] = "signer_certificate", [PAGE_EXPIRY_CRL] = "crl" };
    cJSON *array = writer_put_list(w, root, "expiries");

    for (size_t i = 0; i < p->expiries; i++) {
        const struct page_expiry *x = &p->expiry[i];
        cJSON *o = writer_put_item(w, array);
        writer_put_text(w, o, "kind", kind[x->kind]);
        writer_put_text(w, o, "name", x->name);
        writer_put_bool(w, o, "readable", !x->unreadable);
        writer_put_time(w, o, "end", x->end_ms);
        if (x->end_ms != 0)
            writer_put_number(w, o, "days", page_days(p, x->end_ms));
    }
}

static void add_rest(struct writer *w, const struct page *p, cJSON *root)
{
    static const char *const disk[] = { [FLOW_DISK_OK] = "ok", [FLOW_DISK_LOW1] = "low_intake_stopped", [FLOW_DISK_LOW2] = "low_sending_stopped" };
    cJSON *array = writer_put_list(w, root, "unknown"), *o;

    for (size_t i = 0; i < p->unknowns; i++) {
        const struct page_unknown *u = &p->unknown[i];
        o = writer_put_item(w, array);
        writer_put_number(w, o, "message", u->message);
        writer_put_text(w, o, "kind", flow_kind_name(u->kind));
        writer_put_text(w, o, "operation", flow_operation_name(u->operation));
        writer_put_time(w, o, "since", u->since_ms);
        writer_put_sentence(w, o, "sentence", u->why, msg_get(u->why)->severity, NULL, NULL);
    }
    array = writer_put_list(w, root, "alarms");
    for (size_t i = 0; i < p->alarms; i++) {
        o = writer_put_item(w, array);
        writer_put_sentence(w, o, "sentence", p->alarm[i].msg, msg_get(p->alarm[i].msg)->severity, p->alarm[i].name, NULL);
        writer_put_text(w, o, "name", p->alarm[i].name);
        writer_put_time(w, o, "since", p->alarm[i].since_ms);
    }
    o = writer_put_object(w, root, "machine");
    writer_put_number(w, o, "disk_free_bytes", p->disk_free);
    writer_put_number(w, o, "requests_open", p->requests_open);
    writer_put_number(w, o, "incidents_open", p->incidents_open);
    if (p->running) {
        writer_put_text(w, o, "disk", disk[p->disk]);
        writer_put_bool(w, o, "clock_sane", p->clock_sane);
        writer_put_bool(w, o, "paused", p->paused);
        writer_put_time(w, o, "started", p->started_ms);
    }
    array = writer_put_list(w, root, "events");
    for (size_t i = 0; i < p->events; i++) {
        cJSON *line = cJSON_CreateString(p->event[i]);
        if (line == NULL || array == NULL || !cJSON_AddItemToArray(array, line)) {
            cJSON_Delete(line);
            w->ok = false;
        }
    }
}

int page_write_json(const struct page *p, enum msg_lang lang, struct buf *out)
{
    struct writer w = { lang, true };
    const struct page_finding *f = p->findings > 0 ? &p->finding[0] : NULL;
    cJSON *root = cJSON_CreateObject();
    int r;

    writer_put_text(&w, root, "word", page_word_name(p->word, LANG_EN));
    writer_put_number(&w, root, "exit", page_exit(p));
    if (f == NULL)
        writer_put_sentence(&w, root, "sentence", MSG_PAGE_ALL_WELL, MSG_INFO, NULL, NULL);
    else
        writer_put_sentence(&w, root, "sentence", f->msg, msg_get(f->msg)->severity, f->arg, f->arg2);
    if (f != NULL)
        writer_put_time(&w, root, "since", f->since_ms);
    writer_put_time(&w, root, "time", p->now_ms);
    writer_put_text(&w, root, "version", p->version);
    writer_put_bool(&w, root, "running", p->running);
    add_findings(&w, p, root);
    add_sources(&w, p, root);
    add_facilities(&w, p, root);
    add_links(&w, p, root);
    add_signers(&w, p, root);
    add_expiries(&w, p, root);
    add_rest(&w, p, root);
    r = writer_print(&w, root, out);
    cJSON_Delete(root);
    return r;
}
