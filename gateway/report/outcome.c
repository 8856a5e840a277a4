/*
 * NAME
 *      outcome - status and result files for the vendor
 *
 * DESCRIPTION
 *      JSON through cJSON. The next step of a message is that of its sentence; a unit that waits says `wait`, one that only a person can settle says
 *      `call_it`. Members of the vendor's own (x-...) come back as they came.
 *
 * DIAGNOSTICS
 *      ERR_NOMEM, ERR_LIMIT.
 */
#include <cjson/cJSON.h>
#include "base/json_doc.h"
#include "base/kind_word.h"
#include "base/text.h"
#include "report/findings.h"
#include "report/outcome.h"
#include "report/writer.h"

enum { ARENA_MAX = 64 << 20 };

void outcome_printable(const char *name, char *ret_text, size_t size)
{
    size_t len = strlen(name), pos = 0, n = 0;

    while (pos < len && n + 5 < size) {
        size_t start = pos;
        int32_t c = text_next(name, len, &pos);
        if (c < 0 || text_find_control(name + start, pos - start, false) == 0) {
            pos = start + 1;
            n += (size_t)snprintf(ret_text + n, size - n, "\\x%02x", (unsigned char)name[start]);
        } else {
            memcpy(ret_text + n, name + start, pos - start);
            n += pos - start;
        }
    }
    ret_text[n] = '\0';
}

/* Unlike most members, some stand in the file even when they are empty. */
static void text_at(struct writer *w, cJSON *object, const char *name, const char *text)
{
    w->ok = w->ok && (text == NULL || cJSON_AddStringToObject(object, name, text) != NULL);
}

static void add_issue(struct writer *w, cJSON *array, const struct issue *issue)
{
    cJSON *item = writer_put_item(w, array);

    if (item == NULL)
        return;
    text_at(w, item, "severity", msg_severity_name(issue->severity));
    writer_put_sentence(w, item, "text", issue->msg, issue->severity, issue->arg1, issue->arg2);
    text_at(w, item, "rule", issue->rule);
    text_at(w, item, "pointer", issue->pointer);
    text_at(w, item, "location", issue->location);
    text_at(w, item, "profile", issue->profile);
    if (issue->line > 0) {
        writer_put_number(w, item, "line", issue->line);
        writer_put_number(w, item, "column", issue->column);
    }
}

/* What stands for findings that cannot be read. */
static void add_unreadable(struct writer *w, cJSON *array)
{
    const struct issue issue = { .severity = MSG_WARNING, .msg = MSG_INTERNAL, .arg1 = "findings", .offset = -1 };
    add_issue(w, array, &issue);
}

/* Adds the findings of a payload; *ret_worst is filled with the first error, untouched when there is none. Payloads of older versions hold advice, too. */
static void add_findings(struct writer *w, struct arena *arena, cJSON *array, struct bytes payload, bool advice, const struct issue **ret_worst)
{
    struct issue_list list;
    const struct issue *worst;

    issues_init(&list, arena);
    if (findings_read(payload.data, payload.len, &list, NULL) < 0) {
        add_unreadable(w, array);
        return;
    }
    for (const struct issue *i = list.first; i != NULL; i = i->next)
        if (advice || !findings_is_advice(i))
            add_issue(w, array, i);
    worst = findings_worst(&list);
    if (worst != NULL && worst->severity >= MSG_ERROR && *ret_worst == NULL)
        *ret_worst = worst;
}

static enum msg_step step_of(const struct flow_message *m, bool paused, const struct issue *worst)
{
    enum msg_id reason = m == NULL ? MSG_NONE : msg_by_code(flow_message_reason(m, paused));

    if (m == NULL)
        return STEP_WAIT;
    if (m->state == FLOW_MS_DONE || m->state == FLOW_MS_WITHDRAWN)
        return STEP_NONE;
    if (worst != NULL && (m->state == FLOW_MS_REJECTED || m->state == FLOW_MS_REFUSED))
        return msg_get(worst->msg)->step;
    if (reason != MSG_NONE && msg_get(reason)->step != STEP_NONE)
        return msg_get(reason)->step;
    return flow_message_final(m->state) ? STEP_FIX_AND_RESEND : STEP_WAIT;
}

static const char *state_word(const struct flow_message *m)
{
    return m == NULL ? "received" : flow_message_state_name(m->state);
}

/* The vendor's part of flow_unit_text(): "K/letter/KEY", "L/condition/CHART"; a unit known by its Bundle-ID alone has none. */
const char *outcome_unit_key(const struct flow_unit *unit)
{
    const char *second = unit == NULL || (unit->unit[0] != 'K' && unit->unit[0] != 'L') || unit->unit[1] != '/' ? NULL : strchr(unit->unit + 2, '/');
    return second == NULL ? NULL : second + 1;
}

/* The sentence of a stored reason; one that this version does not know is shown as it is. */
static void add_reason(struct writer *w, cJSON *object, const char *reason, const char *arg1, const char *arg2)
{
    enum msg_id msg = msg_by_code(reason);

    if (msg != MSG_NONE)
        writer_put_sentence(w, object, "text", msg, msg_get(msg)->severity, arg1, arg2);
    else
        text_at(w, object, "code", reason);
}

/* What was rejected, or cancelled, has no Bundle that would know better. */
static const char *vendor_kind(enum flow_kind kind)
{
    static const enum kind_word words[FLOW_KIND_COUNT] = { [FLOW_KIND_NONE] = KIND_WORD_COUNT, [FLOW_KIND_LETTER] = KIND_WORD_LETTER, [FLOW_KIND_SUMMARY] = KIND_WORD_PATIENT_SUMMARY,
                                                           [FLOW_KIND_CONDITION] = KIND_WORD_DISEASES, [FLOW_KIND_ALLERGY] = KIND_WORD_ALLERGIES,
                                                           [FLOW_KIND_OBSERVATION] = KIND_WORD_LAB };
    return kind_word_text((size_t)kind < FLOW_KIND_COUNT ? words[kind] : KIND_WORD_COUNT);
}

static void add_unit(struct writer *w, struct arena *arena, cJSON *array, const struct outcome *o, const struct outcome_unit *u)
{
    cJSON *item = writer_put_item(w, array), *service, *issues;
    const struct flow_message *m = u->message;
    const struct issue *worst = NULL;

    if (item == NULL)
        return;
    if (u->unit != NULL)
        writer_put_number(w, item, "unit", u->unit->index);
    text_at(w, item, "kind", u->chart_kind[0] != '\0' ? u->chart_kind : vendor_kind(m != NULL && m->kind != FLOW_KIND_NONE ? m->kind : u->unit != NULL ? u->unit->kind : FLOW_KIND_NONE));
    text_at(w, item, "operation", m != NULL && m->operation != FLOW_OP_NONE ? flow_operation_name(m->operation) : u->unit != NULL ? flow_operation_name(u->unit->asked) : "");
    text_at(w, item, "unit_key", outcome_unit_key(u->unit));
    if (m != NULL && m->bundle_id[0] != '\0')
        text_at(w, item, "bundle_id", m->bundle_id);
    if (m != NULL)
        text_at(w, item, "message", m->uuid);
    text_at(w, item, "outcome", state_word(m));
    issues = writer_put_list(w, item, "issues");
    if (issues != NULL) {
        add_findings(w, arena, issues, u->issues, o->advice, &worst);
        add_findings(w, arena, issues, u->findings, o->advice, &worst);
    }
    if (m != NULL && flow_message_reason(m, o->paused)[0] != '\0' && m->state != FLOW_MS_DONE)
        add_reason(w, item, flow_message_reason(m, o->paused), worst != NULL ? worst->arg1 : m->result_code, worst != NULL ? worst->arg2 : "");
    if (m != NULL && m->result_code[0] != '\0') {
        service = writer_put_object(w, item, "service");
        text_at(w, service, "code", m->result_code);
    }
    writer_put_yes(w, item, "may_have_stood", m != NULL && m->may_have_stood);
    writer_put_yes(w, item, "repeated", u->repeats);
    if (m != NULL && flow_message_final(m->state))
        writer_put_time(w, item, "at", m->since_wall_ms);
    text_at(w, item, "next_step", msg_step_name(step_of(m, o->paused, worst)));
}

const char *outcome_word(const struct outcome *o)
{
    const char *word = NULL;

    if (o->request->state != FLOW_RQ_CLOSED && o->request->state != FLOW_RQ_ANSWERED && o->request->step != FLOW_RS_COMPOSE)
        return flow_request_state_name(o->request->state);
    for (size_t i = 0; i < o->unit_count; i++) {
        const char *one = state_word(o->unit[i].message);
        if (word != NULL && strcmp(word, one) != 0)
            return "mixed";
        word = one;
    }
    return word == NULL ? "rejected" : word;
}

/* The step that matters most for the file as a whole: paper before mending before calling before waiting. While it is under way there is nothing to mend yet. */
static enum msg_step whole_step(const cJSON *messages, bool final, const char *reason)
{
    static const enum msg_step order[] = { STEP_ISSUE_PAPER, STEP_FIX_AND_RESEND, STEP_CALL_IT, STEP_WAIT };
    const cJSON *item;

    for (size_t i = final ? 0 : 2; i < sizeof order / sizeof *order; i++)
        cJSON_ArrayForEach(item, messages) {
            const char *step = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "next_step"));
            if (step != NULL && strcmp(step, msg_step_name(order[i])) == 0)
                return order[i];
        }
    if (final && cJSON_GetArraySize(messages) == 0) /* a file that was never read */
        return msg_get(msg_by_code(reason))->step;
    return final ? STEP_NONE : STEP_WAIT;
}

/* The vendor's own members come from a worker as text: only a JSON object goes into the file as it is. */
static bool is_json_object(struct arena *arena, const char *text)
{
    const struct json_node *root;
    return json_parse(text, strlen(text), NULL, arena, &root, NULL) == 0 && json_is(root, JSON_OBJECT);
}

static cJSON *build(const struct outcome *o, struct writer *w, struct arena *arena, bool final)
{
    cJSON *root = cJSON_CreateObject(), *issues, *messages;
    const struct issue *worst = NULL;

    if (root == NULL) {
        w->ok = false;
        return NULL;
    }
    text_at(w, root, "file", o->name);
    if (o->request->request_id[0] != '\0')
        text_at(w, root, "request_id", o->request->request_id);
    writer_put_number(w, root, "request", o->request->id);
    text_at(w, root, "facility", o->request->facility);
    text_at(w, root, final ? "outcome" : "state", outcome_word(o));
    text_at(w, root, "repeat_of", o->repeat_of);
    writer_put_time(w, root, "received", o->request->received_wall_ms);
    writer_put_time(w, root, "written", o->now_ms);
    issues = writer_put_list(w, root, "issues");
    if (issues != NULL)
        add_findings(w, arena, issues, o->report, o->advice, &worst);
    if (o->request->reason[0] != '\0')
        add_reason(w, root, o->request->reason, worst != NULL ? worst->arg1 : "", worst != NULL ? worst->arg2 : "");
    messages = writer_put_list(w, root, "messages");
    for (size_t i = 0; messages != NULL && i < o->unit_count; i++)
        add_unit(w, arena, messages, o, &o->unit[i]);
    text_at(w, root, "next_step", msg_step_name(worst != NULL ? msg_get(worst->msg)->step : whole_step(messages, final, o->request->reason)));
    if (o->x_json != NULL && is_json_object(arena, o->x_json))
        w->ok = w->ok && cJSON_AddRawToObject(root, "x", o->x_json) != NULL;
    else if (o->x_json != NULL)
        add_unreadable(w, issues);
    return root;
}

/* Prints the tree and frees it. */
static int finish(const struct writer *w, cJSON *root, struct buf *out, struct err *e)
{
    int r = writer_print(w, root, out);

    cJSON_Delete(root);
    return r < 0 ? err_set(e, (enum err_code)r, r == ERR_NOMEM ? MSG_NOMEM : MSG_LIMIT, NULL, "outcome", NULL) : 0;
}

int outcome_write(const struct outcome *o, enum msg_lang lang, bool final, struct buf *out, struct err *e)
{
    struct writer w = { lang, true };
    struct arena *arena = arena_new(ARENA_MAX);
    cJSON *root = arena == NULL ? NULL : build(o, &w, arena, final);
    int r = finish(&w, root, out, e);

    arena_free(arena);
    return r;
}

int outcome_notice(const char *name, enum msg_id msg, enum msg_lang lang, int64_t now_ms, struct buf *out, struct err *e)
{
    struct writer w = { lang, true };
    cJSON *root = cJSON_CreateObject();

    if (root != NULL) {
        text_at(&w, root, "file", name);
        text_at(&w, root, "severity", msg_severity_name(msg_get(msg)->severity));
        writer_put_sentence(&w, root, "text", msg, msg_get(msg)->severity, NULL, NULL);
        writer_put_time(&w, root, "written", now_ms);
        text_at(&w, root, "next_step", msg_step_name(msg_get(msg)->step));
    }
    return finish(&w, root, out, e);
}
