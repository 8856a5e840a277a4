/*
 * NAME
 *      view - list, show and export over the rows of the store
 *
 * DESCRIPTION
 *      list and show build a tree of named values. As JSON it is printed as it is; as text a list becomes one line a row and a story becomes indented lines
 *      with the names in the reader's language (view_text.c).
 *
 * DIAGNOSTICS
 *      Those of the store; ERR_NOMEM.
 */
#include <stddef.h>
#include <stdlib.h>
#include "base/text.h"
#include "daemon/view.h"
#include "daemon/view_private.h"
#include "report/findings.h"
#include "report/notice.h"
#include "report/outcome.h"

enum { PAGE_ROWS = 64, LIST_DEFAULT = 100, PAYLOAD_MAX = 96 << 20, FINDINGS_ARENA = 4 << 20, FINDINGS_SHOWN = 200 };

static const struct sha256 absent;

static bool is_there(const struct sha256 *digest)
{
    return memcmp(digest, &absent, sizeof absent) != 0;
}

/* ---- the tree ---- */

static void put_digest(struct view *v, cJSON *to, const char *name, const struct sha256 *digest)
{
    char hex[SHA256_HEX];

    if (!is_there(digest))
        return;
    sha256_to_hex(digest, hex);
    writer_put_text(&v->w, to, name, hex);
}

static bool is_paused(struct store *store)
{
    int64_t paused = 0;
    return store_flow_ops.counter_get(store, FLOW_COUNTER_PAUSED, &paused, NULL) == 0 && paused != 0;
}

/* Code with its sentence and next step. */
static void put_reason(struct view *v, cJSON *to, const char *code)
{
    enum msg_id msg = msg_by_code(code);
    char text[1024];

    if (code[0] == '\0')
        return;
    writer_put_text(&v->w, to, "code", code);
    msg_format_bare(msg, v->w.lang, text, sizeof text); /* what it would quote stands among the findings */
    writer_put_text(&v->w, to, "reason", text);
    writer_put_text(&v->w, to, "what_to_do", msg_get(msg)->next[v->w.lang]);
}

static int print(struct view *v, cJSON *root, bool json, void (*as_text)(struct view *, const cJSON *, struct buf *), struct buf *out, struct err *e)
{
    int r = v->w.ok ? 0 : ERR_NOMEM;

    if (r == 0 && json)
        r = writer_print(&v->w, root, out);
    else if (r == 0)
        as_text(v, root, out);
    r = r == 0 ? out->failed : r;
    return r == 0 ? 0 : err_set(e, (enum err_code)r, r == ERR_NOMEM ? MSG_NOMEM : MSG_LIMIT, NULL, "view", NULL);
}

/* ---- list ---- */

static void list_message(struct view *v, cJSON *array, const void *row)
{
    const struct flow_message *m = row;
    cJSON *o = writer_put_item(&v->w, array);
    char id[24];

    snprintf(id, sizeof id, "%lld", (long long)m->id);
    writer_put_text(&v->w, o, "id", id);
    writer_put_time(&v->w, o, "received", m->received_wall_ms);
    writer_put_text(&v->w, o, "state", flow_message_state_name(m->state));
    writer_put_text(&v->w, o, "operation", flow_operation_name(m->operation));
    writer_put_text(&v->w, o, "kind", flow_kind_name(m->kind));
    writer_put_text(&v->w, o, "source", m->source);
    writer_put_text(&v->w, o, "facility", m->facility);
    writer_put_yes(&v->w, o, "held", m->held);
    writer_put_text(&v->w, o, "service_code", m->result_code);
    put_reason(v, o, flow_message_reason(m, v->paused));
}

static void list_request(struct view *v, cJSON *array, const void *row)
{
    const struct flow_request *q = row;
    cJSON *o = writer_put_item(&v->w, array);
    char id[24];

    snprintf(id, sizeof id, "r%lld", (long long)q->id);
    writer_put_text(&v->w, o, "id", id);
    writer_put_time(&v->w, o, "received", q->received_wall_ms);
    writer_put_text(&v->w, o, "state", flow_request_state_name(q->state));
    writer_put_text(&v->w, o, "source", q->source);
    writer_put_text(&v->w, o, "facility", q->facility);
    writer_put_yes(&v->w, o, "held", q->step == FLOW_RS_HELD);
    put_reason(v, o, q->reason);
}

static int state_of(const char *name, enum flow_message_state *ret_state)
{
    for (int i = FLOW_MS_TO_SIGN; i < FLOW_MS_STATES; i++)
        if (strcmp(name, flow_message_state_name((enum flow_message_state)i)) == 0) {
            *ret_state = (enum flow_message_state)i;
            return 0;
        }
    return ERR_INVALID;
}

static int read_messages(struct view *v, const struct view_ask *ask, enum flow_message_state state, int64_t before, void *rows, struct err *e)
{
    return store_messages(v->store, ask->facility, state, before, rows, PAGE_ROWS, e);
}

static int read_received(struct view *v, const struct view_ask *ask, enum flow_message_state state, int64_t before, void *rows, struct err *e)
{
    (void)state;
    return store_requests(v->store, ask->source, FLOW_RQ_RECEIVED, before, rows, PAGE_ROWS, e);
}

static int read_requests(struct view *v, const struct view_ask *ask, enum flow_message_state state, int64_t before, void *rows, struct err *e)
{
    (void)state, (void)ask;
    return store_requests(v->store, NULL, FLOW_RQ_NONE, before, rows, PAGE_ROWS, e);
}

static bool is_notice(const void *row)
{
    const struct flow_request *q = row;
    return q->origin == FLOW_ORIGIN_SERVICE;
}

/* A table of the store as list walks it. The query narrows by one name of what is asked, the walk compares both. */
struct listed {
    size_t size, id, source, facility; /* of a row; of the members in it */
    int (*read)(struct view *v, const struct view_ask *ask, enum flow_message_state state, int64_t before, void *rows, struct err *e);
    void (*add)(struct view *v, cJSON *array, const void *row);
    bool (*wanted)(const void *row);   /* NULL = every row */
};

static const struct listed messages = { sizeof(struct flow_message), offsetof(struct flow_message, id), offsetof(struct flow_message, source),
                                        offsetof(struct flow_message, facility), read_messages, list_message, NULL };
static const struct listed received_requests = { sizeof(struct flow_request), offsetof(struct flow_request, id), offsetof(struct flow_request, source),
                                                 offsetof(struct flow_request, facility), read_received, list_request, NULL };
static const struct listed notices = { sizeof(struct flow_request), offsetof(struct flow_request, id), offsetof(struct flow_request, source),
                                       offsetof(struct flow_request, facility), read_requests, list_request, is_notice };

static int list_rows(struct view *v, const struct view_ask *ask, const struct listed *t, enum flow_message_state state, cJSON *array, int64_t *left, struct err *e)
{
    char *rows = calloc(PAGE_ROWS, t->size);
    int n = rows == NULL ? err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "view", NULL) : PAGE_ROWS;
    int64_t before = 0;

    while (n == PAGE_ROWS && *left > 0) {
        n = t->read(v, ask, state, before, rows, e);
        for (int i = 0; i < n && *left > 0; i++) {
            const char *row = rows + (size_t)i * t->size;
            memcpy(&before, row + t->id, sizeof before);
            if (t->wanted != NULL && !t->wanted(row))
                continue;
            if ((ask->source == NULL || strcmp(row + t->source, ask->source) == 0) && (ask->facility == NULL || strcmp(row + t->facility, ask->facility) == 0)) {
                t->add(v, array, row);
                --*left;
            }
        }
    }
    free(rows);
    return n < 0 ? n : 0;
}

int view_list(struct store *store, const struct view_ask *ask, enum msg_lang lang, bool json, struct buf *out, struct err *e)
{
    struct view v = { .store = store, .w = { lang, true }, .paused = is_paused(store) };
    enum flow_message_state state = FLOW_MS_NONE;
    bool received = ask->state != NULL && strcmp(ask->state, flow_request_state_name(FLOW_RQ_RECEIVED)) == 0;
    bool notice = ask->state != NULL && strcmp(ask->state, VIEW_STATE_NOTICE) == 0;
    int64_t left = ask->limit == 0 ? LIST_DEFAULT : ask->limit;
    cJSON *root, *array;
    int r = 0;

    if (ask->state != NULL && !received && !notice && state_of(ask->state, &state) < 0)
        return err_set(e, ERR_INVALID, MSG_CTL_ARGUMENT, NULL, ask->state, NULL);
    root = cJSON_CreateObject();
    if (root == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "view", NULL);
    array = writer_put_list(&v.w, root, "messages");
    if (ask->state == NULL || received)
        r = list_rows(&v, ask, &received_requests, FLOW_MS_NONE, array, &left, e);
    if (notice)
        r = list_rows(&v, ask, &notices, FLOW_MS_NONE, array, &left, e);
    if (r == 0 && !received && !notice)
        r = list_rows(&v, ask, &messages, state, array, &left, e);
    if (r == 0)
        r = print(&v, root, json, view_list_text, out, e);
    cJSON_Delete(root);
    return r;
}

/* ---- show ---- */

/* The state in the canonical text of a row, by the names of its table. */
static const char *state_in(const struct store_event *ev, char *space, size_t size)
{
    const char *at = ev->body == NULL ? NULL : strncmp(ev->body, "state=", 6) == 0 ? ev->body : strstr(ev->body, "\nstate=");
    size_t len;
    int64_t number;

    if (at == NULL)
        return NULL;
    at = strchr(at, '=') + 1;
    len = strcspn(at, "\n");
    if (text_to_int64(at, len, 0, 100, &number) == 0) {
        if (strcmp(ev->table, "message") == 0 && number < FLOW_MS_STATES)
            return flow_message_state_name((enum flow_message_state)number);
        if (strcmp(ev->table, "request") == 0 && number < FLOW_RQ_STATES)
            return flow_request_state_name((enum flow_request_state)number);
    }
    snprintf(space, size, "%.*s", (int)(len < size ? len : size - 1), at);
    return space;
}

struct history { struct view *v; cJSON *array; char last[64]; };

/* One line a change of state, or a sentence, or a person; other writes of the row say nothing to a reader. */
static int history_line(void *ctx, const struct store_event *ev)
{
    struct history *h = ctx;
    char space[64], text[512];
    const char *state = state_in(ev, space, sizeof space);
    bool changed = state != NULL && strcmp(state, h->last) != 0;
    cJSON *o;

    if (!changed && ev->msg == MSG_NONE && (ev->actor == NULL || ev->actor[0] == '\0'))
        return 0;
    if (state != NULL)
        snprintf(h->last, sizeof h->last, "%s", state);
    o = writer_put_item(&h->v->w, h->array);
    writer_put_time(&h->v->w, o, "time", ev->wall_ms);
    writer_put_text(&h->v->w, o, "state", state);
    writer_put_text(&h->v->w, o, "actor", ev->actor);
    if (ev->msg != MSG_NONE) {
        msg_format_bare(ev->msg, h->v->w.lang, text, sizeof text);
        writer_put_text(&h->v->w, o, "code", msg_get(ev->msg)->code);
        writer_put_text(&h->v->w, o, "sentence", text);
    }
    return 0;
}

static int show_history(struct view *v, cJSON *to, const char *table, int64_t row, struct err *e)
{
    struct history h = { .v = v, .array = writer_put_list(&v->w, to, "history") };
    int r = store_events(v->store, table, row, history_line, &h, e);

    return r < 0 ? r : 0;
}

/* What the disk has damaged does not keep the rest of the story from a reader. */
static int show_damage(struct view *v, cJSON *to, const char *name, const struct err *e)
{
    cJSON *o = writer_put_item(&v->w, writer_put_list(&v->w, to, name));
    char sentence[512];

    msg_format(e->msg, v->w.lang, e->arg[0], e->arg[1], sentence, sizeof sentence);
    writer_put_text(&v->w, o, "severity", msg_severity_name(msg_get(e->msg)->severity));
    writer_put_text(&v->w, o, "code", msg_get(e->msg)->code);
    writer_put_text(&v->w, o, "sentence", sentence);
    return 0;
}

static int show_findings(struct view *v, cJSON *to, const char *name, const struct sha256 *digest, struct err *e)
{
    struct issue_list list;
    struct arena *arena;
    struct buf text;
    struct err damage = ERR_INIT;
    cJSON *array;
    size_t shown = 0;
    int r;

    if (!is_there(digest))
        return 0;
    arena = arena_new(FINDINGS_ARENA);
    if (arena == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "view", NULL);
    buf_init(&text, PAYLOAD_MAX);
    issues_init(&list, arena);
    r = store_payload_get(v->store, digest, &text, &damage);
    if (r == 0)
        r = findings_read(text.data, text.len, &list, &damage);
    if (r < 0)
        err_copy(e, &damage);
    array = r == 0 && list.first != NULL ? writer_put_list(&v->w, to, name) : NULL;
    for (const struct issue *i = list.first; r == 0 && i != NULL && shown < FINDINGS_SHOWN; i = i->next, shown++) {
        cJSON *o = writer_put_item(&v->w, array);
        char sentence[2048];
        msg_format(i->msg, v->w.lang, i->arg1, i->arg2, sentence, sizeof sentence);
        writer_put_text(&v->w, o, "severity", msg_severity_name(i->severity));
        writer_put_text(&v->w, o, "code", msg_get(i->msg)->code);
        writer_put_text(&v->w, o, "sentence", sentence);
        writer_put_text(&v->w, o, "rule", i->rule);
        writer_put_text(&v->w, o, "pointer", i->pointer);
        writer_put_text(&v->w, o, "location", i->location);
        writer_put_count(&v->w, o, "line", i->line);
        writer_put_count(&v->w, o, "column", i->column);
    }
    buf_free(&text);
    arena_free(arena);
    return r == ERR_CORRUPT ? show_damage(v, to, name, &damage) : r;
}

static int show_exchange(struct view *v, cJSON *array, const struct flow_exchange *x, struct err *e)
{
    cJSON *o = writer_put_item(&v->w, array);

    (void)e;
    writer_put_text(&v->w, o, "kind", flow_exchange_kind_name(x->kind));
    writer_put_text(&v->w, o, "state", flow_exchange_state_name(x->state));
    writer_put_text(&v->w, o, "name", x->name);
    writer_put_text(&v->w, o, "identifier", x->identifier);
    writer_put_text(&v->w, o, "route", x->route);
    writer_put_yes(&v->w, o, "repeat", x->repeat);
    writer_put_time(&v->w, o, "begun", x->begun_wall_ms);
    writer_put_time(&v->w, o, "left", x->left_wall_ms);
    writer_put_time(&v->w, o, "answered", x->answered_wall_ms);
    writer_put_text(&v->w, o, "answer", flow_class_name(x->answer_class));
    writer_put_text(&v->w, o, "service_code", x->result_code);
    put_digest(v, o, "request_sha256", &x->request);
    put_digest(v, o, "answer_sha256", &x->answer);
    return 0;
}

static int show_attempts(struct view *v, cJSON *to, const struct flow_message *m, struct err *e)
{
    struct flow_attempt a;
    struct flow_exchange x;
    cJSON *attempts = NULL;
    int r = 0;

    for (int64_t after = 0; (r = store_flow_ops.attempt_next_of_message(v->store, m->id, after, &a, e)) == 1; after = a.id) {
        cJSON *o, *exchanges = NULL;
        attempts = attempts == NULL ? writer_put_list(&v->w, to, "attempts") : attempts;
        o = writer_put_item(&v->w, attempts);
        writer_put_number(&v->w, o, "number", a.number);
        writer_put_text(&v->w, o, "operation", flow_operation_name(a.operation));
        writer_put_text(&v->w, o, "route", a.route);
        writer_put_yes(&v->w, o, "open", a.open);
        writer_put_time(&v->w, o, "begun", a.begun_wall_ms);
        writer_put_time(&v->w, o, "ended", a.ended_wall_ms);
        writer_put_text(&v->w, o, "receipt", a.receipt);
        put_digest(v, o, "bundle_sha256", &a.bundle);
        for (int64_t at = 0; (r = store_flow_ops.exchange_next_of_message(v->store, m->id, at, &x, e)) == 1; at = x.id)
            if (x.attempt == a.id) {
                exchanges = exchanges == NULL ? writer_put_list(&v->w, o, "exchanges") : exchanges;
                (void)show_exchange(v, exchanges, &x, e);
            }
        if (r < 0)
            return r;
    }
    return r < 0 ? r : 0;
}

static int show_incidents(struct view *v, cJSON *to, int64_t message, struct err *e)
{
    struct flow_incident i;
    cJSON *array = NULL;
    int r = 0;

    for (int64_t after = 0; (r = store_flow_ops.incident_next_open(v->store, after, &i, e)) == 1; after = i.id) {
        cJSON *o;
        if (i.message != message)
            continue;
        array = array == NULL ? writer_put_list(&v->w, to, "incidents") : array;
        o = writer_put_item(&v->w, array);
        writer_put_number(&v->w, o, "incident", i.id);
        writer_put_time(&v->w, o, "since", i.since_wall_ms);
        writer_put_text(&v->w, o, "answer", flow_class_name(i.answer_class));
        put_reason(v, o, i.reason);
    }
    return r < 0 ? r : 0;
}

static int show_message(struct view *v, cJSON *array, const struct flow_message *m, struct err *e)
{
    cJSON *o = writer_put_item(&v->w, array);
    int r;

    writer_put_number(&v->w, o, "message", m->id);
    writer_put_text(&v->w, o, "uuid", m->uuid);
    writer_put_text(&v->w, o, "state", flow_message_state_name(m->state));
    writer_put_time(&v->w, o, "since", m->since_wall_ms);
    writer_put_yes(&v->w, o, "held", m->held);
    put_reason(v, o, flow_message_reason(m, v->paused));
    writer_put_text(&v->w, o, "operation", flow_operation_name(m->operation));
    writer_put_text(&v->w, o, "kind", flow_kind_name(m->kind));
    writer_put_text(&v->w, o, "bundle_id", m->bundle_id);
    writer_put_text(&v->w, o, "service_code", m->result_code);
    writer_put_text(&v->w, o, "evidence", flow_evidence_name(m->evidence));
    writer_put_count(&v->w, o, "evidence_exchange", m->evidence_exchange);
    writer_put_yes(&v->w, o, "may_have_stood", m->may_have_stood);
    writer_put_text(&v->w, o, "signer", m->signer);
    writer_put_time(&v->w, o, "signed", m->signed_wall_ms);
    writer_put_count(&v->w, o, "size", (int64_t)m->size);
    put_digest(v, o, "bundle_sha256", &m->bundle);
    put_digest(v, o, "signed_sha256", &m->signed_bundle);
    r = show_attempts(v, o, m, e);
    if (r == 0)
        r = show_incidents(v, o, m->id, e);
    if (r == 0)
        r = show_findings(v, o, "findings", &m->issues, e);
    if (r == 0)
        r = show_findings(v, o, "service_findings", &m->findings, e);
    return r < 0 ? r : show_history(v, o, "message", m->id, e);
}

/* What the service said without being asked. */
static int show_notice(struct view *v, cJSON *o, const struct flow_request *q, struct err *e)
{
    struct arena *arena = arena_new(FINDINGS_ARENA);
    struct notice_said said;
    struct buf text;
    int r = arena == NULL ? err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "view", NULL) : 0;

    buf_init(&text, PAYLOAD_MAX);
    writer_put_text(&v->w, o, "notice", "consent");
    if (r == 0 && is_there(&q->report)) {
        struct err damage = ERR_INIT;
        r = store_payload_get(v->store, &q->report, &text, &damage);
        if (r == 0)
            r = notice_said(buf_bytes(&text), arena, &said, &damage);
        if (r < 0)
            err_copy(e, &damage);
        if (r == ERR_CORRUPT) {
            r = show_damage(v, o, "findings", &damage);
        } else if (r == 0) {
            writer_put_text(&v->w, o, "institution", said.institution);
            writer_put_text(&v->w, o, "document", said.document);
            writer_put_text(&v->w, o, "result", said.result);
        }
    }
    buf_free(&text);
    arena_free(arena);
    return r;
}

static int show_request(struct view *v, cJSON *o, const struct flow_request *q, struct err *e)
{
    struct flow_attachment a;
    cJSON *array = NULL;
    char text[FLOW_NAME * 4];
    int r;

    snprintf(text, sizeof text, "r%lld", (long long)q->id);
    writer_put_text(&v->w, o, "request", text);
    outcome_printable(q->name, text, sizeof text);
    writer_put_text(&v->w, o, "file", text);
    writer_put_text(&v->w, o, "source", q->source);
    writer_put_text(&v->w, o, "facility", q->facility);
    if (q->origin == FLOW_ORIGIN_SERVICE && (r = show_notice(v, o, q, e)) < 0)
        return r;
    if (q->origin != FLOW_ORIGIN_SERVICE)
        writer_put_text(&v->w, o, "request_id", q->request_id);
    writer_put_text(&v->w, o, "state", flow_request_state_name(q->state));
    writer_put_yes(&v->w, o, "held", q->step == FLOW_RS_HELD);
    put_reason(v, o, q->reason);
    writer_put_time(&v->w, o, "received", q->received_wall_ms);
    writer_put_time(&v->w, o, "since", q->since_wall_ms);
    writer_put_text(&v->w, o, "actor", q->actor);
    writer_put_count(&v->w, o, "about_request", q->about_request);
    writer_put_count(&v->w, o, "repeat_of", q->repeat_of);
    writer_put_yes(&v->w, o, "all_or_none", q->all_or_none);
    put_digest(v, o, "original_sha256", &q->original);
    for (int64_t after = 0; (r = store_flow_ops.attachment_next_of_request(v->store, q->id, after, &a, e)) == 1; after = a.id) {
        cJSON *item;
        array = array == NULL ? writer_put_list(&v->w, o, "attachments") : array;
        item = writer_put_item(&v->w, array);
        outcome_printable(a.name, text, sizeof text);
        writer_put_text(&v->w, item, "file", text);
        put_digest(v, item, "sha256", &a.payload);
    }
    return r < 0 ? r : show_history(v, o, "request", q->id, e);
}

static int show_all(struct view *v, cJSON *root, int64_t request, int64_t message, struct err *e)
{
    struct flow_message m;
    struct flow_request q;
    cJSON *array;
    int r = 0;

    if (message != 0) {
        r = store_flow_ops.message_get(v->store, message, &m, e);
        request = m.request;
    }
    if (r == 0)
        r = store_flow_ops.request_get(v->store, request, &q, e);
    if (r == 0)
        r = show_request(v, root, &q, e);
    if (r < 0)
        return r;
    array = writer_put_list(&v->w, root, "messages");
    if (message != 0)
        return show_message(v, array, &m, e);
    for (int64_t after = 0; (r = store_flow_ops.message_next_of_request(v->store, request, after, &m, e)) == 1; after = m.id)
        if ((r = show_message(v, array, &m, e)) < 0)
            return r;
    return r;
}

int view_show(struct store *store, const char *handle, enum msg_lang lang, bool json, struct buf *out, struct err *e)
{
    struct view v = { .store = store, .w = { lang, true }, .paused = is_paused(store) };
    int64_t request = 0, message = 0;
    cJSON *root;
    int r = handle[0] == '\0' ? err_set(e, ERR_INVALID, MSG_CTL_ARGUMENT, NULL, "ID", NULL) : store_find(store, handle, &request, &message, e);

    if (r < 0)
        return r;
    root = cJSON_CreateObject();
    if (root == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "view", NULL);
    r = show_all(&v, root, request, message, e);
    if (r == 0)
        r = print(&v, root, json, view_story_text, out, e);
    cJSON_Delete(root);
    return r;
}

/* ---- parts ---- */

enum part { PART_ORIGINAL, PART_BUNDLE, PART_SIGNED, PART_REQUEST, PART_ANSWER };

static const char *const parts[] = { [PART_ORIGINAL] = "original", [PART_BUNDLE] = "bundle", [PART_SIGNED] = "signed", [PART_REQUEST] = "request", [PART_ANSWER] = "answer" };

/* The exchange that a reader means: that of the evidence, else the last one with such bytes. */
static int exchange_digest(struct store *store, const struct flow_message *m, enum part part, struct sha256 *ret_digest, struct err *e)
{
    struct flow_exchange x;
    int r;

    for (int64_t after = 0; (r = store_flow_ops.exchange_next_of_message(store, m->id, after, &x, e)) == 1; after = x.id) {
        const struct sha256 *digest = part == PART_REQUEST ? &x.request : &x.answer;
        if (is_there(digest))
            *ret_digest = *digest;
        if (is_there(digest) && x.id == m->evidence_exchange)
            return 0;
    }
    return r;
}

static int part_digest(struct store *store, int64_t request, int64_t message, enum part part, struct sha256 *ret_digest, struct err *e)
{
    struct flow_message m;
    struct flow_request q;
    int r = 0;

    if (message == 0 && part != PART_ORIGINAL) {
        r = store_flow_ops.message_next_of_request(store, request, 0, &m, e);
        if (r <= 0)
            return r;
    } else if (message != 0) {
        r = store_flow_ops.message_get(store, message, &m, e);
        request = m.request;
    }
    if (r < 0)
        return r;
    switch (part) {
    case PART_ORIGINAL:
        r = store_flow_ops.request_get(store, request, &q, e);
        if (r == 0)
            *ret_digest = q.original;
        return r;
    case PART_BUNDLE: *ret_digest = m.bundle; return 0;
    case PART_SIGNED: *ret_digest = m.signature == FLOW_SIGNATURE_PRESENT && !is_there(&m.signed_bundle) ? m.bundle : m.signed_bundle; return 0;
    default: return exchange_digest(store, &m, part, ret_digest, e);
    }
}

int view_part(struct store *store, const char *handle, const char *part, struct buf *out, struct err *e)
{
    struct sha256 digest = absent;
    int64_t request = 0, message = 0;
    size_t which = 0;
    int r;

    while (which < sizeof parts / sizeof *parts && strcmp(part, parts[which]) != 0)
        which++;
    if (which == sizeof parts / sizeof *parts || handle[0] == '\0')
        return err_set(e, ERR_INVALID, MSG_CTL_ARGUMENT, NULL, handle[0] == '\0' ? "ID" : part, NULL);
    r = store_find(store, handle, &request, &message, e);
    if (r == 0)
        r = part_digest(store, request, message, (enum part)which, &digest, e);
    if (r == 0 && !is_there(&digest))
        r = err_set(e, ERR_NOTFOUND, MSG_CTL_NO_PART, NULL, handle, part);
    return r < 0 ? r : store_payload_get(store, &digest, out, e);
}
