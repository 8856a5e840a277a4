/*
 * NAME
 *     memory - the tables of the state machine as arrays
 * DESCRIPTION
 *     Every query scans in order of id and takes the first, the last or the smallest row that fits, as flow.h words it.
 * DIAGNOSTICS
 *     ERR_NOTFOUND, ERR_NOT_NOW for a put of an old version, ERR_NOMEM.
 */
#include "flow/memory.h"

static int memory_grow(void **row, size_t *capacity, size_t count, size_t size, struct err *e)
{
    if (count < *capacity)
        return 0;
    size_t more = *capacity == 0 ? 8 : *capacity * 2;
    void *grown = realloc(*row, more * size);
    if (grown == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "flow", NULL);
    *row = grown;
    *capacity = more;
    return 0;
}

/* get, put and the loop over one table */
#define MEMORY_GET(name, table) \
    static int memory_##name##_get(void *t, int64_t id, struct flow_##name *ret_row, struct err *e) \
    { \
        const struct flow_memory *rows = t; \
        if (id < 1 || (size_t)id > rows->table.count) \
            return err_set(e, ERR_NOTFOUND, MSG_NOT_FOUND, NULL, #name, NULL); \
        *ret_row = rows->table.row[id - 1]; \
        return 0; \
    }
#define MEMORY_PUT(name, table) \
    static int memory_##name##_put(void *t, struct flow_##name *row, const struct flow_cause *cause, struct err *e) \
    { \
        struct flow_memory *rows = t; \
        (void)cause; \
        rows->puts++; \
        if (row->id == 0) { \
            void *base = rows->table.row; \
            int rc = memory_grow(&base, &rows->table.capacity, rows->table.count, sizeof *row, e); \
            rows->table.row = base; \
            if (rc < 0) \
                return rc; \
            row->id = (int64_t)++rows->table.count; \
            row->version = 1; \
        } else { \
            if (row->id < 1 || (size_t)row->id > rows->table.count) \
                return err_set(e, ERR_NOTFOUND, MSG_NOT_FOUND, NULL, #name, NULL); \
            if (rows->table.row[row->id - 1].version != row->version) \
                return err_set(e, ERR_NOT_NOW, MSG_NOT_NOW, NULL, #name, "version"); \
            row->version++; \
        } \
        rows->table.row[row->id - 1] = *row; \
        return 0; \
    }
#define MEMORY_NEXT(table, type, after, ret, condition) \
    do { \
        const struct flow_memory *rows_ = t; \
        (void)e; \
        for (size_t i_ = (after) < 0 ? 0 : (size_t)(after); i_ < rows_->table.count; i_++) { \
            const struct type *row = &rows_->table.row[i_]; \
            if (condition) { \
                *(ret) = *row; \
                return 1; \
            } \
        } \
        return 0; \
    } while (0)
#define MEMORY_LAST(table, type, ret, condition) \
    do { \
        const struct flow_memory *rows_ = t; \
        (void)e; \
        for (size_t i_ = rows_->table.count; i_ > 0; i_--) { \
            const struct type *row = &rows_->table.row[i_ - 1]; \
            if (condition) { \
                *(ret) = *row; \
                return 1; \
            } \
        } \
        return 0; \
    } while (0)

MEMORY_GET(request, requests)
MEMORY_GET(message, messages)
MEMORY_GET(attempt, attempts)
MEMORY_GET(exchange, exchanges)
MEMORY_GET(incident, incidents)
MEMORY_PUT(request, requests)
MEMORY_PUT(attachment, attachments)
MEMORY_PUT(unit, units)
MEMORY_PUT(message, messages)
MEMORY_PUT(attempt, attempts)
MEMORY_PUT(exchange, exchanges)
MEMORY_PUT(incident, incidents)

static bool same(const char *a, const char *b) { return strcmp(a, b) == 0; }

static int memory_request_next(void *t, enum flow_request_state state, enum flow_request_step step, int64_t after, struct flow_request *ret_row, struct err *e)
{
    MEMORY_NEXT(requests, flow_request, after, ret_row, row->state == state && row->step == step);
}

static int memory_request_next_of_facility(void *t, const char *facility, enum flow_request_step step, int64_t after, struct flow_request *ret_row, struct err *e)
{
    MEMORY_NEXT(requests, flow_request, after, ret_row, row->state == FLOW_RQ_RECEIVED && row->step == step && same(row->facility, facility));
}

static int memory_request_by_work_name(void *t, const char *source, const char *work_name, struct flow_request *ret_row, struct err *e)
{
    MEMORY_LAST(requests, flow_request, ret_row, row->state != FLOW_RQ_ANSWERED && same(row->source, source) && same(row->work_name, work_name));
}

static int memory_request_by_request_id(void *t, const char *source, const char *request_id, int64_t before, struct flow_request *ret_row, struct err *e)
{
    MEMORY_LAST(requests, flow_request, ret_row, row->id < before && row->origin == FLOW_ORIGIN_VENDOR && row->repeat_of == 0 && same(row->source, source) && same(row->request_id, request_id));
}

static int memory_request_by_notice(void *t, const char *request_id, struct flow_request *ret_row, struct err *e)
{
    MEMORY_LAST(requests, flow_request, ret_row, row->origin == FLOW_ORIGIN_SERVICE && same(row->request_id, request_id));
}

static int memory_request_oldest(void *t, enum flow_request_state state, struct flow_request *ret_row, struct err *e)
{
    const struct flow_memory *rows = t;
    int found = 0;
    (void)e;
    for (size_t i = 0; i < rows->requests.count; i++)
        if (rows->requests.row[i].state == state && (!found || rows->requests.row[i].since_wall_ms < ret_row->since_wall_ms)) {
            *ret_row = rows->requests.row[i];
            found = 1;
        }
    return found;
}

static int memory_attachment_next_of_request(void *t, int64_t request, int64_t after, struct flow_attachment *ret_row, struct err *e)
{
    MEMORY_NEXT(attachments, flow_attachment, after, ret_row, row->request == request);
}

static int memory_unit_next_of_request(void *t, int64_t request, int64_t after, struct flow_unit *ret_row, struct err *e)
{
    MEMORY_NEXT(units, flow_unit, after, ret_row, row->request == request);
}

static int memory_unit_first_waiting(void *t, const char *facility, const char *unit, int64_t before_request, struct flow_unit *ret_row, struct err *e)
{
    MEMORY_NEXT(units, flow_unit, 0, ret_row, row->waiting && row->request < before_request && same(row->unit, unit) && same(row->facility, facility));
}

static int memory_unit_first_waiting_bundle(void *t, const char *facility, const char *bundle_id, int64_t before_request, struct flow_unit *ret_row, struct err *e)
{
    MEMORY_NEXT(units, flow_unit, 0, ret_row, row->waiting && row->request < before_request && same(row->bundle_id, bundle_id) && same(row->facility, facility));
}

static int memory_unit_last(void *t, const char *source, const char *unit, int64_t before_request, struct flow_unit *ret_row, struct err *e)
{
    const struct flow_memory *rows = t;
    int found = 0;
    (void)e;
    for (size_t i = 0; i < rows->units.count; i++) {
        const struct flow_unit *u = &rows->units.row[i];
        if (u->request < before_request && same(u->source, source) && same(u->unit, unit) && (!found || u->request > ret_row->request)) {
            *ret_row = *u;
            found = 1;
        }
    }
    return found;
}

static int memory_unit_next_repeating(void *t, int64_t message, int64_t after, struct flow_unit *ret_row, struct err *e)
{
    MEMORY_NEXT(units, flow_unit, after, ret_row, row->repeats && row->message == message);
}

static int memory_message_next_of_request(void *t, int64_t request, int64_t after, struct flow_message *ret_row, struct err *e)
{
    MEMORY_NEXT(messages, flow_message, after, ret_row, row->request == request);
}

static int memory_message_next_of_bundle(void *t, const char *facility, const char *bundle_id, int64_t after, struct flow_message *ret_row, struct err *e)
{
    MEMORY_NEXT(messages, flow_message, after, ret_row, same(row->bundle_id, bundle_id) && same(row->facility, facility));
}

static bool memory_dead(enum flow_message_state s) { return s == FLOW_MS_REJECTED || s == FLOW_MS_REFUSED || s == FLOW_MS_WITHDRAWN; }

static int memory_message_live_of_unit(void *t, const char *facility, const char *unit, struct flow_message *ret_row, struct err *e)
{
    MEMORY_LAST(messages, flow_message, ret_row, !memory_dead(row->state) && same(row->unit, unit) && same(row->facility, facility));
}

static int memory_message_last_done(void *t, const char *facility, const char *bundle_id, struct flow_message *ret_row, struct err *e)
{
    MEMORY_LAST(messages, flow_message, ret_row, row->state == FLOW_MS_DONE && same(row->bundle_id, bundle_id) && same(row->facility, facility));
}

static int memory_message_next_blocking(void *t, const char *facility, const char *bundle_id, int64_t after, struct flow_message *ret_row, struct err *e)
{
    MEMORY_NEXT(messages, flow_message, after, ret_row, row->blocks && same(row->bundle_id, bundle_id) && same(row->facility, facility));
}

static int memory_message_next_blocking_list(void *t, const char *facility, const char *list_key, int64_t after, struct flow_message *ret_row, struct err *e)
{
    MEMORY_NEXT(messages, flow_message, after, ret_row, row->blocks && list_key[0] != '\0' && same(row->list_key, list_key) && same(row->facility, facility));
}

static int memory_message_next_sendable(void *t, const char *facility, enum flow_message_state state, int64_t after, struct flow_message *ret_row, struct err *e)
{
    MEMORY_NEXT(messages, flow_message, after, ret_row, row->turn && row->due_ms == 0 && row->state == state && same(row->facility, facility));
}

static int memory_message_next_to_sign(void *t, const char *signer, int64_t after, struct flow_message *ret_row, struct err *e)
{
    MEMORY_NEXT(messages, flow_message, after, ret_row, row->state == FLOW_MS_TO_SIGN && same(row->signer, signer));
}

static int memory_message_oldest(void *t, const char *facility, enum flow_message_state state, struct flow_message *ret_row, struct err *e)
{
    const struct flow_memory *rows = t;
    int found = 0;
    (void)e;
    for (size_t i = 0; i < rows->messages.count; i++) {
        const struct flow_message *m = &rows->messages.row[i];
        if (m->state == state && same(m->facility, facility) && (!found || m->since_wall_ms < ret_row->since_wall_ms)) {
            *ret_row = *m;
            found = 1;
        }
    }
    return found;
}

static int memory_message_next_in_state(void *t, enum flow_message_state state, int64_t after, struct flow_message *ret_row, struct err *e)
{
    MEMORY_NEXT(messages, flow_message, after, ret_row, row->state == state);
}

static int memory_attempt_last(void *t, int64_t message, struct flow_attempt *ret_row, struct err *e)
{
    MEMORY_LAST(attempts, flow_attempt, ret_row, row->message == message);
}

static int memory_attempt_next_of_message(void *t, int64_t message, int64_t after, struct flow_attempt *ret_row, struct err *e)
{
    MEMORY_NEXT(attempts, flow_attempt, after, ret_row, row->message == message);
}

static int memory_exchange_next(void *t, const char *route, enum flow_exchange_state state, int64_t after, struct flow_exchange *ret_row, struct err *e)
{
    MEMORY_NEXT(exchanges, flow_exchange, after, ret_row, row->state == state && (route == NULL || same(row->route, route)));
}

static int memory_exchange_next_settling(void *t, const char *route, int64_t after, struct flow_exchange *ret_row, struct err *e)
{
    MEMORY_NEXT(exchanges, flow_exchange, after, ret_row, row->loud && (route == NULL || same(row->route, route)));
}

static int memory_exchange_by_name(void *t, const char *name, struct flow_exchange *ret_row, struct err *e)
{
    MEMORY_NEXT(exchanges, flow_exchange, 0, ret_row, same(row->name, name));
}

static int memory_exchange_next_of_message(void *t, int64_t message, int64_t after, struct flow_exchange *ret_row, struct err *e)
{
    MEMORY_NEXT(exchanges, flow_exchange, after, ret_row, row->message == message);
}

static int memory_exchange_next_loud(void *t, const char *facility, const char *bundle_id, int64_t after, struct flow_exchange *ret_row, struct err *e)
{
    MEMORY_NEXT(exchanges, flow_exchange, after, ret_row, row->loud && same(row->bundle_id, bundle_id) && same(row->facility, facility));
}

static int memory_incident_next_open(void *t, int64_t after, struct flow_incident *ret_row, struct err *e)
{
    MEMORY_NEXT(incidents, flow_incident, after, ret_row, row->open);
}

struct memory_due { int64_t due, id; enum flow_subject subject; };

static void memory_offer(struct memory_due *best, int64_t due, enum flow_subject subject, int64_t id)
{
    if (due > 0 && (best->subject == FLOW_SUBJECT_NONE || due < best->due))
        *best = (struct memory_due){ due, id, subject };
}

static struct memory_due memory_earliest(const struct flow_memory *rows)
{
    struct memory_due best = { 0, 0, FLOW_SUBJECT_NONE };
    for (size_t i = 0; i < rows->requests.count; i++)
        memory_offer(&best, rows->requests.row[i].due_ms, FLOW_SUBJECT_REQUEST, rows->requests.row[i].id);
    for (size_t i = 0; i < rows->messages.count; i++)
        memory_offer(&best, rows->messages.row[i].due_ms, FLOW_SUBJECT_MESSAGE, rows->messages.row[i].id);
    for (size_t i = 0; i < rows->exchanges.count; i++)
        memory_offer(&best, rows->exchanges.row[i].due_ms, FLOW_SUBJECT_EXCHANGE, rows->exchanges.row[i].id);
    return best;
}

static int memory_timer_next(void *t, int64_t *ret_due_ms, struct err *e)
{
    struct memory_due best = memory_earliest(t);
    (void)e;
    if (best.subject == FLOW_SUBJECT_NONE)
        return 0;
    *ret_due_ms = best.due;
    return 1;
}

static int memory_timer_due(void *t, int64_t now_ms, enum flow_subject *ret_subject, int64_t *ret_id, struct err *e)
{
    struct memory_due best = memory_earliest(t);
    (void)e;
    if (best.subject == FLOW_SUBJECT_NONE || best.due > now_ms)
        return 0;
    *ret_subject = best.subject;
    *ret_id = best.id;
    return 1;
}

static int memory_counter_get(void *t, enum flow_counter counter, int64_t *ret_value, struct err *e)
{
    (void)e;
    *ret_value = ((const struct flow_memory *)t)->counter[counter];
    return 0;
}

static int memory_counter_set(void *t, enum flow_counter counter, int64_t value, const struct flow_cause *cause, struct err *e)
{
    (void)e;
    (void)cause;
    ((struct flow_memory *)t)->counter[counter] = value;
    return 0;
}

const struct flow_tables_ops flow_memory_ops = {
    .request_get = memory_request_get, .request_put = memory_request_put, .attachment_put = memory_attachment_put, .unit_put = memory_unit_put,
    .message_get = memory_message_get, .message_put = memory_message_put, .attempt_get = memory_attempt_get, .attempt_put = memory_attempt_put,
    .exchange_get = memory_exchange_get, .exchange_put = memory_exchange_put, .incident_get = memory_incident_get, .incident_put = memory_incident_put,
    .request_next = memory_request_next, .request_next_of_facility = memory_request_next_of_facility, .request_by_work_name = memory_request_by_work_name,
    .request_by_request_id = memory_request_by_request_id, .request_by_notice = memory_request_by_notice, .request_oldest = memory_request_oldest,
    .attachment_next_of_request = memory_attachment_next_of_request, .unit_next_of_request = memory_unit_next_of_request,
    .unit_first_waiting = memory_unit_first_waiting, .unit_first_waiting_bundle = memory_unit_first_waiting_bundle, .unit_last = memory_unit_last,
    .unit_next_repeating = memory_unit_next_repeating, .message_next_of_request = memory_message_next_of_request,
    .message_next_of_bundle = memory_message_next_of_bundle, .message_live_of_unit = memory_message_live_of_unit,
    .message_last_done = memory_message_last_done, .message_next_blocking = memory_message_next_blocking,
    .message_next_blocking_list = memory_message_next_blocking_list, .message_next_sendable = memory_message_next_sendable,
    .message_next_to_sign = memory_message_next_to_sign, .message_oldest = memory_message_oldest, .message_next_in_state = memory_message_next_in_state,
    .attempt_last = memory_attempt_last, .attempt_next_of_message = memory_attempt_next_of_message,
    .exchange_next = memory_exchange_next, .exchange_next_settling = memory_exchange_next_settling, .exchange_by_name = memory_exchange_by_name,
    .exchange_next_of_message = memory_exchange_next_of_message, .exchange_next_loud = memory_exchange_next_loud,
    .incident_next_open = memory_incident_next_open, .timer_next = memory_timer_next, .timer_due = memory_timer_due,
    .counter_get = memory_counter_get, .counter_set = memory_counter_set,
};

struct flow_memory *flow_memory_new(struct err *e)
{
    struct flow_memory *rows = calloc(1, sizeof *rows);
    if (rows == NULL)
        err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "flow", NULL);
    return rows;
}

struct flow_memory *flow_memory_free(struct flow_memory *rows)
{
    if (rows == NULL)
        return NULL;
    free(rows->requests.row);
    free(rows->attachments.row);
    free(rows->units.row);
    free(rows->messages.row);
    free(rows->attempts.row);
    free(rows->exchanges.row);
    free(rows->incidents.row);
    free(rows);
    return NULL;
}

#define MEMORY_ASSIGN(table) \
    do { \
        if (to->table.capacity < from->table.count) { \
            void *grown_ = realloc(to->table.row, from->table.capacity * sizeof to->table.row[0]); \
            if (grown_ == NULL) \
                return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "flow", NULL); \
            to->table.row = grown_; \
            to->table.capacity = from->table.capacity; \
        } \
        if (from->table.count > 0) \
            memcpy(to->table.row, from->table.row, from->table.count * sizeof to->table.row[0]); \
        to->table.count = from->table.count; \
    } while (0)

int flow_memory_assign(struct flow_memory *to, const struct flow_memory *from, struct err *e)
{
    MEMORY_ASSIGN(requests);
    MEMORY_ASSIGN(attachments);
    MEMORY_ASSIGN(units);
    MEMORY_ASSIGN(messages);
    MEMORY_ASSIGN(attempts);
    MEMORY_ASSIGN(exchanges);
    MEMORY_ASSIGN(incidents);
    memcpy(to->counter, from->counter, sizeof to->counter);
    to->puts = from->puts;
    return 0;
}

int flow_memory_check(const struct flow_memory *rows, struct err *e)
{
    for (size_t i = 0; i < rows->attempts.count; i++)
        for (size_t k = 0; k < i; k++)
            if (rows->attempts.row[i].open && rows->attempts.row[k].open && rows->attempts.row[i].message == rows->attempts.row[k].message)
                return err_set(e, ERR_CORRUPT, MSG_INTERNAL, NULL, "two open attempts", NULL);
    for (size_t i = 0; i < rows->exchanges.count; i++)
        for (size_t k = 0; k < i; k++)
            if (same(rows->exchanges.row[i].name, rows->exchanges.row[k].name))
                return err_set(e, ERR_CORRUPT, MSG_INTERNAL, NULL, "two exchanges of one name", NULL);
    for (size_t i = 0; i < rows->messages.count; i++) {
        const struct flow_message *m = &rows->messages.row[i];
        int32_t loud = 0;
        for (size_t k = 0; k < rows->exchanges.count; k++)
            loud += rows->exchanges.row[k].loud && rows->exchanges.row[k].message == m->id;
        if (loud != m->loud || m->blocks != (!flow_message_final(m->state) || loud > 0))
            return err_set(e, ERR_CORRUPT, MSG_INTERNAL, NULL, "message.loud", NULL);
        if ((m->state == FLOW_MS_DONE) != (m->evidence != FLOW_EVIDENCE_NONE) && m->state != FLOW_MS_WITHDRAWN)
            return err_set(e, ERR_CORRUPT, MSG_INTERNAL, NULL, "evidence", NULL);
    }
    return 0;
}
