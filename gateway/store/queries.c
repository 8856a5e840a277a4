/*
 * NAME
 *     queries - the statements, and the rows as the state machine sees them
 *
 * SYNOPSIS
 *     flow_step(&cfg, st, &store_flow_ops, store, &event, &orders, &e);
 *
 * DESCRIPTION
 *     One table of statements. Every one finds its rows through an index (tests/unit/store_plan_test.c asks SQLite); where a partial index
 *     is meant, its condition is repeated word by word. An index ends with the row's id by itself, so that ORDER BY id behind equal columns
 *     needs no sorting.
 *
 * DIAGNOSTICS
 *     As flow.h says of struct flow_tables_ops: 1, 0, or a negative code.
 */
#include "store/store_private.h"

#define BY_ID " WHERE id = ?1"
#define NEXT(conditions) " WHERE " conditions " AND id > ?3 ORDER BY id LIMIT 1"
#define NEXT_BY_ONE(conditions) " WHERE " conditions " AND id > ?2 ORDER BY id LIMIT 1"
#define LAST(conditions) " WHERE " conditions " ORDER BY id DESC LIMIT 1"

/* What stands behind SELECT (all columns, or the id alone) FROM. The index is named: left to itself the planner, which has no statistics here, takes a worse one now and then. */
static const struct { enum store_table table; const char *index, *tail; } row_query[Q_ROW_QUERIES] = {
    [Q_REQUEST_GET] = { TABLE_REQUEST, NULL, BY_ID }, [Q_ATTACHMENT_GET] = { TABLE_ATTACHMENT, NULL, BY_ID }, [Q_UNIT_GET] = { TABLE_UNIT, NULL, BY_ID },
    [Q_MESSAGE_GET] = { TABLE_MESSAGE, NULL, BY_ID }, [Q_ATTEMPT_GET] = { TABLE_ATTEMPT, NULL, BY_ID }, [Q_EXCHANGE_GET] = { TABLE_EXCHANGE, NULL, BY_ID },
    [Q_INCIDENT_GET] = { TABLE_INCIDENT, NULL, BY_ID },

    [Q_REQUEST_NEXT] = { TABLE_REQUEST, "request_step", NEXT("state = ?1 AND step = ?2 AND state < 4") },
    [Q_REQUEST_NEXT_OF_FACILITY] = { TABLE_REQUEST, "request_facility", NEXT("facility = ?1 AND step = ?2 AND state = 1") },
    [Q_REQUEST_BY_WORK_NAME] = { TABLE_REQUEST, "request_work", LAST("source = ?1 AND work_name = ?2 AND state < 4") },
    [Q_REQUEST_BY_REQUEST_ID] = { TABLE_REQUEST, "request_vendor_id", LAST("source = ?1 AND request_id = ?2 AND id < ?3 AND request_id <> '' AND origin = 0 AND repeat_of = 0") },
    [Q_REQUEST_BY_NOTICE] = { TABLE_REQUEST, "request_any_id", LAST("request_id = ?1 AND request_id <> '' AND origin = 2") },
    [Q_REQUEST_OLDEST] = { TABLE_REQUEST, "request_since", " WHERE state = ?1 AND state < 4 ORDER BY since_wall_ms, id LIMIT 1" },

    [Q_ATTACHMENT_NEXT_OF_REQUEST] = { TABLE_ATTACHMENT, "attachment_request", NEXT_BY_ONE("request = ?1") },

    [Q_UNIT_NEXT_OF_REQUEST] = { TABLE_UNIT, "unit_request", NEXT_BY_ONE("request = ?1") },
    [Q_UNIT_FIRST_WAITING] = { TABLE_UNIT, "unit_waiting", " WHERE facility = ?1 AND unit = ?2 AND request < ?3 AND waiting = 1 ORDER BY request, id LIMIT 1" },
    [Q_UNIT_FIRST_WAITING_BUNDLE] = { TABLE_UNIT, "unit_waiting_bundle", " WHERE facility = ?1 AND bundle_id = ?2 AND request < ?3 AND waiting = 1 AND bundle_id <> '' ORDER BY request, id LIMIT 1" },
    [Q_UNIT_LAST] = { TABLE_UNIT, "unit_last", " WHERE source = ?1 AND unit = ?2 AND request < ?3 ORDER BY request DESC LIMIT 1" },
    [Q_UNIT_NEXT_REPEATING] = { TABLE_UNIT, "unit_repeating", NEXT_BY_ONE("message = ?1 AND repeats = 1") },

    [Q_MESSAGE_NEXT_OF_REQUEST] = { TABLE_MESSAGE, "message_request", NEXT_BY_ONE("request = ?1") },
    [Q_MESSAGE_NEXT_OF_BUNDLE] = { TABLE_MESSAGE, "message_bundle", NEXT("facility = ?1 AND bundle_id = ?2 AND bundle_id <> ''") },
    [Q_MESSAGE_LIVE_OF_UNIT] = { TABLE_MESSAGE, "message_live", LAST("facility = ?1 AND unit = ?2 AND state < 8") },
    [Q_MESSAGE_LAST_DONE] = { TABLE_MESSAGE, "message_done", LAST("facility = ?1 AND bundle_id = ?2 AND state = 7") },
    [Q_MESSAGE_NEXT_BLOCKING] = { TABLE_MESSAGE, "message_blocks", NEXT("facility = ?1 AND bundle_id = ?2 AND blocks = 1") },
    [Q_MESSAGE_NEXT_BLOCKING_LIST] = { TABLE_MESSAGE, "message_blocks_list", NEXT("facility = ?1 AND list_key = ?2 AND blocks = 1 AND list_key <> ''") },
    [Q_MESSAGE_NEXT_SENDABLE] = { TABLE_MESSAGE, "message_sendable", NEXT("facility = ?1 AND state = ?2 AND turn = 1 AND due_ms = 0") },
    [Q_MESSAGE_NEXT_TO_SIGN] = { TABLE_MESSAGE, "message_sign", NEXT_BY_ONE("signer = ?1 AND state = 1") },
    [Q_MESSAGE_OLDEST] = { TABLE_MESSAGE, "message_since", " WHERE facility = ?1 AND state = ?2 ORDER BY since_wall_ms, id LIMIT 1" },
    [Q_MESSAGE_NEXT_IN_STATE] = { TABLE_MESSAGE, "message_state", NEXT_BY_ONE("state = ?1") },

    [Q_ATTEMPT_LAST] = { TABLE_ATTEMPT, "attempt_number", " WHERE message = ?1 ORDER BY number DESC LIMIT 1" },
    [Q_ATTEMPT_NEXT_OF_MESSAGE] = { TABLE_ATTEMPT, "attempt_message", NEXT_BY_ONE("message = ?1") },

    [Q_EXCHANGE_NEXT] = { TABLE_EXCHANGE, "exchange_route", NEXT("state = ?1 AND route = ?2 AND state < 7") },
    [Q_EXCHANGE_NEXT_ANY] = { TABLE_EXCHANGE, "exchange_state", NEXT_BY_ONE("state = ?1 AND state < 7") },
    [Q_EXCHANGE_SETTLING] = { TABLE_EXCHANGE, "exchange_loud_route", NEXT_BY_ONE("route = ?1 AND loud = 1") },
    [Q_EXCHANGE_SETTLING_ANY] = { TABLE_EXCHANGE, "exchange_loud", " WHERE loud = 1 AND id > ?1 ORDER BY id LIMIT 1" },
    [Q_EXCHANGE_BY_NAME] = { TABLE_EXCHANGE, "exchange_name", " WHERE name = ?1" },
    [Q_EXCHANGE_NEXT_OF_MESSAGE] = { TABLE_EXCHANGE, "exchange_message", NEXT_BY_ONE("message = ?1") },
    [Q_EXCHANGE_NEXT_LOUD] = { TABLE_EXCHANGE, "exchange_loud_bundle", NEXT("facility = ?1 AND bundle_id = ?2 AND loud = 1") },

    [Q_INCIDENT_NEXT_OPEN] = { TABLE_INCIDENT, "incident_open", " WHERE \"open\" = 1 AND id > ?1 ORDER BY id LIMIT 1" },
    [Q_INCIDENT_NEXT_OF_MESSAGE] = { TABLE_INCIDENT, "incident_message", NEXT_BY_ONE("message = ?1") },

    /* for people: ?1 = facility or source, '' = any */
    [Q_LIST_MESSAGES] = { TABLE_MESSAGE, NULL, " WHERE (?1 = '' OR facility = ?1) AND id < ?3 ORDER BY id DESC LIMIT ?4" },
    [Q_LIST_MESSAGES_STATE] = { TABLE_MESSAGE, "message_state", " WHERE (?1 = '' OR facility = ?1) AND state = ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4" },
    [Q_LIST_REQUESTS] = { TABLE_REQUEST, NULL, " WHERE (?1 = '' OR source = ?1) AND id < ?3 ORDER BY id DESC LIMIT ?4" },
    [Q_LIST_REQUESTS_STATE] = { TABLE_REQUEST, "request_state", " WHERE (?1 = '' OR source = ?1) AND state = ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4" },
    [Q_FIND_UUID] = { TABLE_MESSAGE, "message_uuid", " WHERE uuid >= ?1 AND uuid < ?2 ORDER BY uuid LIMIT 2" },
    [Q_FIND_BUNDLE] = { TABLE_MESSAGE, "message_any_bundle", " WHERE bundle_id = ?1 AND bundle_id <> '' ORDER BY id DESC LIMIT 1" },
    [Q_FIND_REQUEST_ID] = { TABLE_REQUEST, "request_any_id", " WHERE request_id = ?1 AND request_id <> '' ORDER BY id DESC LIMIT 1" },
    [Q_RETAIN_NEXT] = { TABLE_REQUEST, "request_retain", " WHERE retain_ms = 0 AND since_wall_ms < ?1 AND state = 4 ORDER BY since_wall_ms LIMIT 1" },
    [Q_RETAIN_AGAIN] = { TABLE_REQUEST, "request_retain", " WHERE retain_ms > 0 AND retain_ms < ?1 AND state = 4 ORDER BY retain_ms LIMIT 1" },
};

#define TIMER(table) "SELECT due_ms, id FROM " table " WHERE due_ms > 0 ORDER BY due_ms, id LIMIT 1"
#define EVENT_COLUMNS "SELECT seq, wall_ms, tbl, row, event, msg, actor, body, hash FROM event "
#define DELETE(table) "DELETE FROM " table " WHERE id = ?1"

static const char *const other_query[QUERIES] = {
    [Q_TIMER_REQUEST] = TIMER("request"), [Q_TIMER_MESSAGE] = TIMER("message"), [Q_TIMER_EXCHANGE] = TIMER("exchange"),
    [Q_COUNTER_GET] = "SELECT value FROM counter WHERE id = ?1",
    [Q_COUNTER_SET] = "INSERT INTO counter(id, value) VALUES(?1, ?2) ON CONFLICT(id) DO UPDATE SET value = excluded.value",
    [Q_MAX_EVENT_ROW] = "SELECT row FROM event WHERE tbl = ?1 ORDER BY row DESC LIMIT 1",
    [Q_NEXT_EVENT_ROW] = "SELECT row FROM event WHERE tbl = ?1 AND row > ?2 ORDER BY row LIMIT 1",
    [Q_EVENT_ADD] = "INSERT INTO event(seq, wall_ms, tbl, row, event, msg, actor, body, hash) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [Q_EVENT_HEAD] = "SELECT seq, hash FROM event WHERE seq < 9223372036854775807 ORDER BY seq DESC LIMIT 1",
    [Q_EVENTS_OF_ROW] = EVENT_COLUMNS "WHERE tbl = ?1 AND row = ?2 ORDER BY seq",
    [Q_EVENTS_ALL] = EVENT_COLUMNS "WHERE seq > 0 ORDER BY seq",
    [Q_EVENT_ERASE] = "UPDATE event SET body = ?2 WHERE seq = ?1",
    [Q_PAYLOAD_FIND] = "SELECT id, size, place, refs FROM payload WHERE sha256 = ?1",
    [Q_PAYLOAD_LAST] = "SELECT id FROM payload WHERE id > 0 ORDER BY id DESC LIMIT 1",
    [Q_PAYLOAD_ADD] = "INSERT INTO payload(id, sha256, size, place, refs, put_ms) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [Q_PAYLOAD_CONTENT_ADD] = "INSERT INTO content(id, bytes) VALUES(?1, ?2)",
    [Q_PAYLOAD_CONTENT_GET] = "SELECT bytes FROM content WHERE id = ?1",
    [Q_PAYLOAD_REFER] = "UPDATE payload SET refs = refs + ?2 WHERE sha256 = ?1",
    [Q_PAYLOAD_DROP] = DELETE("payload"), [Q_PAYLOAD_CONTENT_DROP] = DELETE("content"),
    [Q_PAYLOAD_AGAIN] = "UPDATE payload SET put_ms = ?2 WHERE id = ?1 AND refs = 0",
    [Q_PAYLOAD_UNNAMED] = "SELECT id, sha256, place FROM payload WHERE refs = 0 AND put_ms < ?1 ORDER BY put_ms LIMIT 1",
    [Q_PAYLOAD_NEXT] = "SELECT id, sha256, refs, place FROM payload WHERE id > ?1 ORDER BY id LIMIT 1",
    [Q_FACTS_PUT] = "INSERT INTO facts(bundle, consent, receiver, chart_kind) VALUES(?1, ?2, ?3, ?4) ON CONFLICT(bundle) DO UPDATE SET "
                    "consent = excluded.consent, receiver = excluded.receiver, chart_kind = excluded.chart_kind",
    [Q_FACTS_GET] = "SELECT consent, receiver, chart_kind FROM facts WHERE bundle = ?1",
    [Q_FACTS_DROP] = "DELETE FROM facts WHERE bundle = ?1",
    [Q_OUT_NAME_PUT] = "INSERT INTO out_name(request, source, stem) VALUES(?1, ?2, ?3) ON CONFLICT(request) DO UPDATE SET source = excluded.source, stem = excluded.stem",
    [Q_OUT_NAME_GET] = "SELECT stem FROM out_name WHERE request = ?1",
    [Q_OUT_NAME_TAKEN] = "SELECT n.request FROM out_name n CROSS JOIN request r ON r.id = n.request WHERE n.source = ?1 AND n.stem = ?2 AND (r.state <> 4 OR r.since_wall_ms > ?3) LIMIT 1",
    [Q_OUT_NAME_DROP] = "DELETE FROM out_name WHERE request = ?1",
    [Q_TALLY_PUT] = "INSERT INTO tally(tbl, facility, state, n) VALUES(?1, ?2, ?3, ?4) ON CONFLICT(tbl, facility, state) DO UPDATE SET n = excluded.n",
    [Q_TALLY_ALL] = "SELECT tbl, facility, state, n FROM tally WHERE tbl >= 0",
    [Q_LAST_SUCCESS] = "SELECT since_wall_ms FROM message INDEXED BY message_since WHERE facility = ?1 AND state = 7 ORDER BY since_wall_ms DESC LIMIT 1",
    [Q_LAST_FILE] = "SELECT received_wall_ms FROM request WHERE source = ?1 AND origin = 0 ORDER BY received_wall_ms DESC LIMIT 1",
    [Q_FILES_SINCE] = "SELECT count(*) FROM request WHERE source = ?1 AND received_wall_ms >= ?2 AND origin = 0",
    [Q_INCIDENTS_OPEN] = "SELECT count(*) FROM incident WHERE \"open\" = 1",
    [Q_INCIDENTS_OPEN_OF] = "SELECT count(*) FROM incident i CROSS JOIN message m ON m.id = i.message WHERE i.\"open\" = 1 AND m.facility = ?1",
    [Q_RETAIN_LATER] = "UPDATE request SET retain_ms = ?2 WHERE id = ?1",
    [Q_RETAIN_REPEATED] = "SELECT id FROM request WHERE repeat_of = ?1 AND repeat_of > 0 LIMIT 1",
    [Q_RETAIN_ABOUT] = "SELECT id FROM request WHERE about_request = ?1 AND about_request > 0 LIMIT 1",
    [Q_REQUEST_DELETE] = DELETE("request"), [Q_ATTACHMENT_DELETE] = DELETE("attachment"), [Q_UNIT_DELETE] = DELETE("unit"),
    [Q_MESSAGE_DELETE] = DELETE("message"), [Q_ATTEMPT_DELETE] = DELETE("attempt"), [Q_EXCHANGE_DELETE] = DELETE("exchange"),
    [Q_INCIDENT_DELETE] = DELETE("incident"),
};

int store_query_text(enum store_query query, struct buf *text)
{
    if (query >= Q_ROW_QUERIES)
        return buf_add_str(text, other_query[query]);
    const struct store_columns *t = store_columns_of(row_query[query].table);
    buf_add_str(text, store_query_gives_id(query) ? "SELECT id" : "SELECT id, version");
    for (size_t i = 0; i < t->count && !store_query_gives_id(query); i++)
        buf_addf(text, ", \"%s\"", t->column[i].name);
    buf_addf(text, " FROM %s", t->table);
    if (row_query[query].index != NULL)
        buf_addf(text, " INDEXED BY %s", row_query[query].index);
    return buf_add_str(text, row_query[query].tail);
}

bool store_query_gives_id(enum store_query query)
{
    return row_query[query].index != NULL && query < Q_LIST_MESSAGES;
}

enum store_table store_query_table(enum store_query query)
{
    return row_query[query].table;
}

/* ---- struct flow_tables_ops ---- */

#define GET(name, table) \
    static int name##_get(void *t, int64_t id, struct flow_##name *ret_row, struct err *e) { return store_row_get(t, table, id, ret_row, e); }
#define PUT(name, table) \
    static int name##_put(void *t, struct flow_##name *row, const struct flow_cause *cause, struct err *e) { return store_row_put(t, table, row, cause, e); }
GET(request, TABLE_REQUEST)
GET(message, TABLE_MESSAGE)
GET(attempt, TABLE_ATTEMPT)
GET(exchange, TABLE_EXCHANGE)
GET(incident, TABLE_INCIDENT)
PUT(request, TABLE_REQUEST)
PUT(attachment, TABLE_ATTACHMENT)
PUT(unit, TABLE_UNIT)
PUT(message, TABLE_MESSAGE)
PUT(attempt, TABLE_ATTEMPT)
PUT(exchange, TABLE_EXCHANGE)
PUT(incident, TABLE_INCIDENT)

static int request_next(void *t, enum flow_request_state state, enum flow_request_step step, int64_t after, struct flow_request *ret_row, struct err *e)
{
    return store_row_query(t, Q_REQUEST_NEXT, ret_row, ARGS(ARG_INT(state), ARG_INT(step), ARG_INT(after)), e);
}

static int request_next_of_facility(void *t, const char *facility, enum flow_request_step step, int64_t after, struct flow_request *ret_row, struct err *e)
{
    return store_row_query(t, Q_REQUEST_NEXT_OF_FACILITY, ret_row, ARGS(ARG_TEXT(facility), ARG_INT(step), ARG_INT(after)), e);
}

static int request_by_work_name(void *t, const char *source, const char *work_name, struct flow_request *ret_row, struct err *e)
{
    return store_row_query(t, Q_REQUEST_BY_WORK_NAME, ret_row, ARGS(ARG_TEXT(source), ARG_TEXT(work_name)), e);
}

static int request_by_request_id(void *t, const char *source, const char *request_id, int64_t before, struct flow_request *ret_row, struct err *e)
{
    return store_row_query(t, Q_REQUEST_BY_REQUEST_ID, ret_row, ARGS(ARG_TEXT(source), ARG_TEXT(request_id), ARG_INT(before)), e);
}

static int request_by_notice(void *t, const char *request_id, struct flow_request *ret_row, struct err *e)
{
    return store_row_query(t, Q_REQUEST_BY_NOTICE, ret_row, ARGS(ARG_TEXT(request_id)), e);
}

static int request_oldest(void *t, enum flow_request_state state, struct flow_request *ret_row, struct err *e)
{
    return store_row_query(t, Q_REQUEST_OLDEST, ret_row, ARGS(ARG_INT(state)), e);
}

static int attachment_next_of_request(void *t, int64_t request, int64_t after, struct flow_attachment *ret_row, struct err *e)
{
    return store_row_query(t, Q_ATTACHMENT_NEXT_OF_REQUEST, ret_row, ARGS(ARG_INT(request), ARG_INT(after)), e);
}

static int unit_next_of_request(void *t, int64_t request, int64_t after, struct flow_unit *ret_row, struct err *e)
{
    return store_row_query(t, Q_UNIT_NEXT_OF_REQUEST, ret_row, ARGS(ARG_INT(request), ARG_INT(after)), e);
}

static int unit_first_waiting(void *t, const char *facility, const char *unit, int64_t before_request, struct flow_unit *ret_row, struct err *e)
{
    return store_row_query(t, Q_UNIT_FIRST_WAITING, ret_row, ARGS(ARG_TEXT(facility), ARG_TEXT(unit), ARG_INT(before_request)), e);
}

static int unit_first_waiting_bundle(void *t, const char *facility, const char *bundle_id, int64_t before_request, struct flow_unit *ret_row, struct err *e)
{
    return store_row_query(t, Q_UNIT_FIRST_WAITING_BUNDLE, ret_row, ARGS(ARG_TEXT(facility), ARG_TEXT(bundle_id), ARG_INT(before_request)), e);
}

static int unit_last(void *t, const char *source, const char *unit, int64_t before_request, struct flow_unit *ret_row, struct err *e)
{
    return store_row_query(t, Q_UNIT_LAST, ret_row, ARGS(ARG_TEXT(source), ARG_TEXT(unit), ARG_INT(before_request)), e);
}

static int unit_next_repeating(void *t, int64_t message, int64_t after, struct flow_unit *ret_row, struct err *e)
{
    return store_row_query(t, Q_UNIT_NEXT_REPEATING, ret_row, ARGS(ARG_INT(message), ARG_INT(after)), e);
}

static int message_next_of_request(void *t, int64_t request, int64_t after, struct flow_message *ret_row, struct err *e)
{
    return store_row_query(t, Q_MESSAGE_NEXT_OF_REQUEST, ret_row, ARGS(ARG_INT(request), ARG_INT(after)), e);
}

static int message_next_of_bundle(void *t, const char *facility, const char *bundle_id, int64_t after, struct flow_message *ret_row, struct err *e)
{
    return store_row_query(t, Q_MESSAGE_NEXT_OF_BUNDLE, ret_row, ARGS(ARG_TEXT(facility), ARG_TEXT(bundle_id), ARG_INT(after)), e);
}

static int message_live_of_unit(void *t, const char *facility, const char *unit, struct flow_message *ret_row, struct err *e)
{
    return store_row_query(t, Q_MESSAGE_LIVE_OF_UNIT, ret_row, ARGS(ARG_TEXT(facility), ARG_TEXT(unit)), e);
}

static int message_last_done(void *t, const char *facility, const char *bundle_id, struct flow_message *ret_row, struct err *e)
{
    return store_row_query(t, Q_MESSAGE_LAST_DONE, ret_row, ARGS(ARG_TEXT(facility), ARG_TEXT(bundle_id)), e);
}

static int message_next_blocking(void *t, const char *facility, const char *bundle_id, int64_t after, struct flow_message *ret_row, struct err *e)
{
    return store_row_query(t, Q_MESSAGE_NEXT_BLOCKING, ret_row, ARGS(ARG_TEXT(facility), ARG_TEXT(bundle_id), ARG_INT(after)), e);
}

static int message_next_blocking_list(void *t, const char *facility, const char *list_key, int64_t after, struct flow_message *ret_row, struct err *e)
{
    return store_row_query(t, Q_MESSAGE_NEXT_BLOCKING_LIST, ret_row, ARGS(ARG_TEXT(facility), ARG_TEXT(list_key), ARG_INT(after)), e);
}

static int message_next_sendable(void *t, const char *facility, enum flow_message_state state, int64_t after, struct flow_message *ret_row, struct err *e)
{
    return store_row_query(t, Q_MESSAGE_NEXT_SENDABLE, ret_row, ARGS(ARG_TEXT(facility), ARG_INT(state), ARG_INT(after)), e);
}

static int message_next_to_sign(void *t, const char *signer, int64_t after, struct flow_message *ret_row, struct err *e)
{
    return store_row_query(t, Q_MESSAGE_NEXT_TO_SIGN, ret_row, ARGS(ARG_TEXT(signer), ARG_INT(after)), e);
}

static int message_oldest(void *t, const char *facility, enum flow_message_state state, struct flow_message *ret_row, struct err *e)
{
    return store_row_query(t, Q_MESSAGE_OLDEST, ret_row, ARGS(ARG_TEXT(facility), ARG_INT(state)), e);
}

static int message_next_in_state(void *t, enum flow_message_state state, int64_t after, struct flow_message *ret_row, struct err *e)
{
    return store_row_query(t, Q_MESSAGE_NEXT_IN_STATE, ret_row, ARGS(ARG_INT(state), ARG_INT(after)), e);
}

static int attempt_last(void *t, int64_t message, struct flow_attempt *ret_row, struct err *e)
{
    return store_row_query(t, Q_ATTEMPT_LAST, ret_row, ARGS(ARG_INT(message)), e);
}

static int attempt_next_of_message(void *t, int64_t message, int64_t after, struct flow_attempt *ret_row, struct err *e)
{
    return store_row_query(t, Q_ATTEMPT_NEXT_OF_MESSAGE, ret_row, ARGS(ARG_INT(message), ARG_INT(after)), e);
}

static int exchange_next(void *t, const char *route, enum flow_exchange_state state, int64_t after, struct flow_exchange *ret_row, struct err *e)
{
    if (route == NULL)
        return store_row_query(t, Q_EXCHANGE_NEXT_ANY, ret_row, ARGS(ARG_INT(state), ARG_INT(after)), e);
    return store_row_query(t, Q_EXCHANGE_NEXT, ret_row, ARGS(ARG_INT(state), ARG_TEXT(route), ARG_INT(after)), e);
}

static int exchange_next_settling(void *t, const char *route, int64_t after, struct flow_exchange *ret_row, struct err *e)
{
    if (route == NULL)
        return store_row_query(t, Q_EXCHANGE_SETTLING_ANY, ret_row, ARGS(ARG_INT(after)), e);
    return store_row_query(t, Q_EXCHANGE_SETTLING, ret_row, ARGS(ARG_TEXT(route), ARG_INT(after)), e);
}

static int exchange_by_name(void *t, const char *name, struct flow_exchange *ret_row, struct err *e)
{
    return store_row_query(t, Q_EXCHANGE_BY_NAME, ret_row, ARGS(ARG_TEXT(name)), e);
}

static int exchange_next_of_message(void *t, int64_t message, int64_t after, struct flow_exchange *ret_row, struct err *e)
{
    return store_row_query(t, Q_EXCHANGE_NEXT_OF_MESSAGE, ret_row, ARGS(ARG_INT(message), ARG_INT(after)), e);
}

static int exchange_next_loud(void *t, const char *facility, const char *bundle_id, int64_t after, struct flow_exchange *ret_row, struct err *e)
{
    return store_row_query(t, Q_EXCHANGE_NEXT_LOUD, ret_row, ARGS(ARG_TEXT(facility), ARG_TEXT(bundle_id), ARG_INT(after)), e);
}

static int incident_next_open(void *t, int64_t after, struct flow_incident *ret_row, struct err *e)
{
    return store_row_query(t, Q_INCIDENT_NEXT_OPEN, ret_row, ARGS(ARG_INT(after)), e);
}

static int timer_earliest(struct store *store, int64_t *ret_due_ms, enum flow_subject *ret_subject, int64_t *ret_id, struct err *e)
{
    static const struct { enum store_query query; enum flow_subject subject; } timer[] = {
        { Q_TIMER_REQUEST, FLOW_SUBJECT_REQUEST }, { Q_TIMER_MESSAGE, FLOW_SUBJECT_MESSAGE }, { Q_TIMER_EXCHANGE, FLOW_SUBJECT_EXCHANGE },
    };
    int found = 0;

    for (size_t i = 0; i < sizeof timer / sizeof timer[0]; i++) {
        int64_t due, id;
        int r = store_number_query(store, timer[i].query, &due, &id, NULL, 0, e);
        if (r < 0)
            return r;
        if (r == 1 && (!found || due < *ret_due_ms)) {
            *ret_due_ms = due;
            *ret_subject = timer[i].subject;
            *ret_id = id;
            found = 1;
        }
    }
    return found;
}

static int timer_next(void *t, int64_t *ret_due_ms, struct err *e)
{
    enum flow_subject subject;
    int64_t due, id;
    int r = timer_earliest(t, &due, &subject, &id, e);

    if (r == 1)
        *ret_due_ms = due;
    return r;
}

static int timer_due(void *t, int64_t now_ms, enum flow_subject *ret_subject, int64_t *ret_id, struct err *e)
{
    enum flow_subject subject;
    int64_t due, id;
    int r = timer_earliest(t, &due, &subject, &id, e);

    if (r != 1 || due > now_ms)
        return r < 0 ? r : 0;
    *ret_subject = subject;
    *ret_id = id;
    return 1;
}

static int counter_get(void *t, enum flow_counter counter, int64_t *ret_value, struct err *e)
{
    int r = store_number_query(t, Q_COUNTER_GET, ret_value, NULL, ARGS(ARG_INT(counter)), e);
    return r < 0 ? r : 0;
}

static int counter_set(void *t, enum flow_counter counter, int64_t value, const struct flow_cause *cause, struct err *e)
{
    struct store *store = t;
    char body[40];
    int r = store_usable(store, true, e);

    if (r == 0)
        r = store_run_query(store, Q_COUNTER_SET, NULL, ARGS(ARG_INT(counter), ARG_INT(value)), e);
    if (r < 0)
        return r;
    int n = snprintf(body, sizeof body, "value=%lld\n", (long long)value);
    r = store_event_add(store, TABLE_COUNTER, (int64_t)counter, cause, (struct bytes){ body, (size_t)n }, e);
    store->broken |= r < 0;
    return r;
}

const struct flow_tables_ops store_flow_ops = {
    .request_get = request_get, .request_put = request_put, .attachment_put = attachment_put, .unit_put = unit_put,
    .message_get = message_get, .message_put = message_put, .attempt_get = attempt_get, .attempt_put = attempt_put,
    .exchange_get = exchange_get, .exchange_put = exchange_put, .incident_get = incident_get, .incident_put = incident_put,
    .request_next = request_next, .request_next_of_facility = request_next_of_facility, .request_by_work_name = request_by_work_name,
    .request_by_request_id = request_by_request_id, .request_by_notice = request_by_notice, .request_oldest = request_oldest,
    .attachment_next_of_request = attachment_next_of_request, .unit_next_of_request = unit_next_of_request,
    .unit_first_waiting = unit_first_waiting, .unit_first_waiting_bundle = unit_first_waiting_bundle, .unit_last = unit_last,
    .unit_next_repeating = unit_next_repeating, .message_next_of_request = message_next_of_request,
    .message_next_of_bundle = message_next_of_bundle, .message_live_of_unit = message_live_of_unit, .message_last_done = message_last_done,
    .message_next_blocking = message_next_blocking, .message_next_blocking_list = message_next_blocking_list,
    .message_next_sendable = message_next_sendable, .message_next_to_sign = message_next_to_sign, .message_oldest = message_oldest,
    .message_next_in_state = message_next_in_state, .attempt_last = attempt_last, .attempt_next_of_message = attempt_next_of_message,
    .exchange_next = exchange_next, .exchange_next_settling = exchange_next_settling, .exchange_by_name = exchange_by_name,
    .exchange_next_of_message = exchange_next_of_message, .exchange_next_loud = exchange_next_loud, .incident_next_open = incident_next_open,
    .timer_next = timer_next, .timer_due = timer_due, .counter_get = counter_get, .counter_set = counter_set,
};
