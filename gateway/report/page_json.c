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
#include "base/timefmt.h"
#include "report/page_private.h"

struct json { enum msg_lang lang; bool ok; };

static void text(struct json *j, cJSON *to, const char *name, const char *value)
{
    if (value != NULL && value[0] != '\0')
        j->ok = cJSON_AddStringToObject(to, name, value) != NULL && j->ok;
}

static void number(struct json *j, cJSON *to, const char *name, int64_t value)
{
    j->ok = cJSON_AddNumberToObject(to, name, (double)value) != NULL && j->ok;
}

static void yes(struct json *j, cJSON *to, const char *name, bool value)
{
    j->ok = cJSON_AddBoolToObject(to, name, value) != NULL && j->ok;
}

static void when(struct json *j, cJSON *to, const char *name, int64_t wall_ms)
{
    char value[TIME_TEXT_MAX];

    if (wall_ms == 0)
        return;
    time_format_jst_ms(wall_ms, value);
    text(j, to, name, value);
}

static cJSON *list(struct json *j, cJSON *to, const char *name)
{
    cJSON *array = cJSON_AddArrayToObject(to, name);

    j->ok = array != NULL && j->ok;
    return array;
}

static cJSON *item(struct json *j, cJSON *array)
{
    cJSON *object = cJSON_CreateObject();

    if (object == NULL || array == NULL || !cJSON_AddItemToArray(array, object)) {
        cJSON_Delete(object);
        j->ok = false;
        return NULL;
    }
    return object;
}

static void sentence(struct json *j, cJSON *to, enum msg_id msg, const char *arg1, const char *arg2)
{
    const struct msg_info *info = msg_get(msg);
    char value[1024];

    msg_format(msg, j->lang, arg1, arg2, value, sizeof value);
    text(j, to, "code", info->code);
    text(j, to, "sentence", value);
    text(j, to, "what_to_do", info->next[j->lang]);
}

static void add_findings(struct json *j, const struct page *p, cJSON *root)
{
    cJSON *array = list(j, root, "findings");

    for (size_t i = 0; i < p->findings; i++) {
        const struct page_finding *f = &p->finding[i];
        cJSON *o = item(j, array);
        text(j, o, "word", page_word_name(f->word, LANG_EN));
        sentence(j, o, f->msg, f->arg, f->arg2);
        when(j, o, "since", f->since_ms);
    }
}

static void add_sources(struct json *j, const struct page *p, cJSON *root)
{
    cJSON *array = list(j, root, "sources");

    for (size_t i = 0; i < p->sources; i++) {
        cJSON *o = item(j, array);
        text(j, o, "name", p->source[i].name);
        text(j, o, "facility", p->source[i].facility);
        if (p->running)
            yes(j, o, "up", p->source[i].up);
        when(j, o, "last_file", p->source[i].last_file_ms);
        number(j, o, "today", p->source[i].today);
    }
}

static void add_facilities(struct json *j, const struct page *p, cJSON *root)
{
    cJSON *array = list(j, root, "facilities");

    for (size_t i = 0; i < p->facilities; i++) {
        const struct page_facility *f = &p->facility[i];
        cJSON *o = item(j, array), *states;
        text(j, o, "code", f->code);
        text(j, o, "name", f->name);
        text(j, o, "link", f->link);
        states = o == NULL ? NULL : cJSON_AddObjectToObject(o, "messages");
        for (int k = FLOW_MS_TO_SIGN; k < FLOW_MS_STATES; k++)
            number(j, states, flow_message_state_name((enum flow_message_state)k), f->message[k]);
        when(j, o, "oldest_waiting", f->oldest_ms);
        when(j, o, "oldest_awaited", f->awaited_ms);
        when(j, o, "last_success", f->last_success_ms);
    }
}

static void add_links(struct json *j, const struct page *p, cJSON *root)
{
    cJSON *array = list(j, root, "links");

    for (size_t i = 0; i < p->links && p->running; i++) {
        const struct page_link *l = &p->link[i];
        cJSON *o = item(j, array);
        text(j, o, "name", l->name);
        text(j, o, "type", l->type);
        yes(j, o, "up", l->up);
        when(j, o, "since", l->since_ms);
        when(j, o, "next_try", l->next_try_ms);
        number(j, o, "busy", l->busy);
        number(j, o, "sessions", l->sessions);
    }
}

static void add_signers(struct json *j, const struct page *p, cJSON *root)
{
    static const char *const state[] = { [FLOW_SIGNER_READY] = "ready", [FLOW_SIGNER_NO_CARD] = "no_card", [FLOW_SIGNER_PIN] = "pin",
                                         [FLOW_SIGNER_LOCKED] = "locked", [FLOW_SIGNER_EXPIRED] = "expired", [FLOW_SIGNER_DOWN] = "down" };
    cJSON *array = list(j, root, "signers");

    for (size_t i = 0; i < p->signers && p->running; i++) {
        const struct page_signer *g = &p->signer[i];
        cJSON *o = item(j, array);
        text(j, o, "name", g->name);
        text(j, o, "state", state[g->state]);
        yes(j, o, "present", g->present);
        yes(j, o, "attended", g->attended);
        yes(j, o, "waiting", g->waiting);
        yes(j, o, "pin_low", g->low);
        yes(j, o, "pin_final_try", g->final_try);
        yes(j, o, "pin_locked", g->locked);
        when(j, o, "certificate_end", g->not_after_ms);
    }
}

static void add_expiries(struct json *j, const struct page *p, cJSON *root)
{
    static const char *const kind[] = { [PAGE_EXPIRY_LINK] = "link_certificate", [PAGE_EXPIRY_SIGNER] = "signer_certificate", [PAGE_EXPIRY_CRL] = "crl" };
    cJSON *array = list(j, root, "expiries");

    for (size_t i = 0; i < p->expiries; i++) {
        const struct page_expiry *x = &p->expiry[i];
        cJSON *o = item(j, array);
        text(j, o, "kind", kind[x->kind]);
        text(j, o, "name", x->name);
        yes(j, o, "readable", !x->unreadable);
        when(j, o, "end", x->end_ms);
        if (x->end_ms != 0)
            number(j, o, "days", page_days(p, x->end_ms));
    }
}

static void add_rest(struct json *j, const struct page *p, cJSON *root)
{
    static const char *const disk[] = { [FLOW_DISK_OK] = "ok", [FLOW_DISK_LOW1] = "low_intake_stopped", [FLOW_DISK_LOW2] = "low_sending_stopped" };
    cJSON *array = list(j, root, "unknown"), *o;

    for (size_t i = 0; i < p->unknowns; i++) {
        const struct page_unknown *u = &p->unknown[i];
        o = item(j, array);
        number(j, o, "message", u->message);
        text(j, o, "kind", flow_kind_name(u->kind));
        text(j, o, "operation", flow_operation_name(u->operation));
        when(j, o, "since", u->since_ms);
        sentence(j, o, u->why, NULL, NULL);
    }
    array = list(j, root, "alarms");
    for (size_t i = 0; i < p->alarms; i++) {
        o = item(j, array);
        sentence(j, o, p->alarm[i].msg, p->alarm[i].name, NULL);
        text(j, o, "name", p->alarm[i].name);
        when(j, o, "since", p->alarm[i].since_ms);
    }
    o = cJSON_AddObjectToObject(root, "machine");
    number(j, o, "disk_free_bytes", p->disk_free);
    number(j, o, "requests_open", p->requests_open);
    number(j, o, "incidents_open", p->incidents_open);
    if (p->running) {
        text(j, o, "disk", disk[p->disk]);
        yes(j, o, "clock_sane", p->clock_sane);
        yes(j, o, "paused", p->paused);
        when(j, o, "started", p->started_ms);
    }
    array = list(j, root, "events");
    for (size_t i = 0; i < p->events; i++) {
        cJSON *line = cJSON_CreateString(p->event[i]);
        if (line == NULL || array == NULL || !cJSON_AddItemToArray(array, line)) {
            cJSON_Delete(line);
            j->ok = false;
        }
    }
}

int page_write_json(const struct page *p, enum msg_lang lang, struct buf *out)
{
    struct json j = { lang, true };
    const struct page_finding *f = p->findings > 0 ? &p->finding[0] : NULL;
    cJSON *root = cJSON_CreateObject();
    char *printed = NULL;

    if (root == NULL)
        return ERR_NOMEM;
    text(&j, root, "word", page_word_name(p->word, LANG_EN));
    number(&j, root, "exit", page_exit(p));
    if (f == NULL)
        sentence(&j, root, MSG_PAGE_ALL_WELL, NULL, NULL);
    else
        sentence(&j, root, f->msg, f->arg, f->arg2);
    if (f != NULL)
        when(&j, root, "since", f->since_ms);
    when(&j, root, "time", p->now_ms);
    text(&j, root, "version", p->version);
    yes(&j, root, "running", p->running);
    add_findings(&j, p, root);
    add_sources(&j, p, root);
    add_facilities(&j, p, root);
    add_links(&j, p, root);
    add_signers(&j, p, root);
    add_expiries(&j, p, root);
    add_rest(&j, p, root);
    if (j.ok)
        printed = cJSON_Print(root);
    cJSON_Delete(root);
    if (printed == NULL)
        return ERR_NOMEM;
    (void)buf_add_str(out, printed);
    (void)buf_add_char(out, '\n');
    cJSON_free(printed);
    return out->failed;
}
