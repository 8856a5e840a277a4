/*
 * NAME
 *     schema - the tables and indexes on disk
 *
 * SYNOPSIS
 *     store_schema_make(store, &e);
 *
 * DESCRIPTION
 *     The tables of rows are made from columns.c; STRICT, so that a value of the wrong kind is refused. Partial indexes hold only what is in work:
 *     they stay small however many years of finished messages lie in the tables. SQLite uses a partial index only for a statement that repeats
 *     its condition, so queries.c does. Conditions name states by number, for SQLite wants constants there: the assertions below tie the numbers
 *     to flow.h, where they must never change their meaning again.
 *
 *     PRAGMA user_version is the schema's number. Migrations run forward, one step a number, in one transaction.
 *
 * DIAGNOSTICS
 *     ERR_UNSUPPORTED: a newer schema. ERR_INVALID: some other program's database.
 */
#include "store/store_private.h"

_Static_assert(FLOW_RQ_RECEIVED == 1 && FLOW_RQ_ANSWERED == 4 && FLOW_RQ_STATES == 5, "states of requests are on disk");
_Static_assert(FLOW_MS_TO_SIGN == 1 && FLOW_MS_READY == 2 && FLOW_MS_UNKNOWN == 6 && FLOW_MS_DONE == 7 && FLOW_MS_REFUSED == 8 && FLOW_MS_WITHDRAWN == 10 && FLOW_MS_STATES == 11, "states of messages are on disk");
_Static_assert(FLOW_XS_INTENT == 1 && FLOW_XS_ANSWERED == 6 && FLOW_XS_CLOSED == 7 && FLOW_XS_STATES == 8, "states of exchanges are on disk");
_Static_assert(FLOW_ORIGIN_VENDOR == 0 && FLOW_ORIGIN_SERVICE == 2, "origins are on disk");
_Static_assert(FLOW_OP_REGISTER == 1 && FLOW_OP_CLEAR == 5 && FLOW_KIND_LETTER == 1 && FLOW_KIND_OBSERVATION == 5, "operations and kinds are on disk");
_Static_assert(FLOW_COUNTER_NAME == 0 && FLOW_COUNTER_PAUSED == 1 && FLOW_COUNTER_RESTORED == 2 && FLOW_COUNTER_LAST_WALL == 3, "counters are on disk");

/* `retain_ms` is no field of the row: from when on the end of its keeping is to be looked at (again). */
static const char *const extra_column[TABLE_ROWS] = { [TABLE_REQUEST] = ", retain_ms INTEGER NOT NULL DEFAULT 0" };

#define EVENT_TABLE \
    "CREATE TABLE event(seq INTEGER PRIMARY KEY, wall_ms INTEGER NOT NULL, tbl INTEGER NOT NULL, row INTEGER NOT NULL, event INTEGER NOT NULL, " \
    "msg TEXT NOT NULL, actor TEXT NOT NULL, body ANY NOT NULL, hash BLOB NOT NULL) STRICT"

static const char *const fixed[] = {
    /* requests */
    "CREATE INDEX request_step ON request(state, step) WHERE state < 4",
    "CREATE INDEX request_facility ON request(facility, step) WHERE state = 1",
    "CREATE INDEX request_work ON request(source, work_name) WHERE state < 4",
    "CREATE INDEX request_vendor_id ON request(source, request_id) WHERE request_id <> '' AND origin = 0 AND repeat_of = 0",
    "CREATE INDEX request_any_id ON request(request_id) WHERE request_id <> ''",
    "CREATE INDEX request_since ON request(state, since_wall_ms) WHERE state < 4",
    "CREATE INDEX request_due ON request(due_ms) WHERE due_ms > 0",
    "CREATE INDEX request_received ON request(source, received_wall_ms) WHERE origin = 0",
    "CREATE INDEX request_retain ON request(retain_ms, since_wall_ms) WHERE state = 4",
    "CREATE INDEX request_state ON request(state)",
    "CREATE INDEX request_repeat ON request(repeat_of) WHERE repeat_of > 0",
    "CREATE INDEX request_about ON request(about_request) WHERE about_request > 0",
    /* attachments, units */
    "CREATE INDEX attachment_request ON attachment(request)",
    "CREATE INDEX unit_request ON unit(request)",
    "CREATE INDEX unit_waiting ON unit(facility, unit, request) WHERE waiting = 1",
    "CREATE INDEX unit_waiting_bundle ON unit(facility, bundle_id, request) WHERE waiting = 1 AND bundle_id <> ''",
    "CREATE INDEX unit_last ON unit(source, unit, request)",
    "CREATE INDEX unit_repeating ON unit(message) WHERE repeats = 1",
    /* messages */
    "CREATE INDEX message_request ON message(request)",
    "CREATE INDEX message_bundle ON message(facility, bundle_id) WHERE bundle_id <> ''",
    "CREATE INDEX message_live ON message(facility, unit) WHERE state < 8",
    "CREATE INDEX message_done ON message(facility, bundle_id) WHERE state = 7",
    "CREATE INDEX message_blocks ON message(facility, bundle_id) WHERE blocks = 1",
    "CREATE INDEX message_blocks_list ON message(facility, list_key) WHERE blocks = 1 AND list_key <> ''",
    "CREATE INDEX message_sendable ON message(facility, state) WHERE turn = 1 AND due_ms = 0",
    "CREATE INDEX message_sign ON message(signer) WHERE state = 1",
    "CREATE INDEX message_since ON message(facility, state, since_wall_ms)",
    "CREATE INDEX message_state ON message(state)",
    "CREATE INDEX message_due ON message(due_ms) WHERE due_ms > 0",
    "CREATE INDEX message_uuid ON message(uuid)",
    "CREATE INDEX message_any_bundle ON message(bundle_id) WHERE bundle_id <> ''",
    /* attempts */
    "CREATE INDEX attempt_number ON attempt(message, number)",
    "CREATE INDEX attempt_message ON attempt(message)",
    /* exchanges */
    "CREATE INDEX exchange_route ON exchange(state, route) WHERE state < 7",
    "CREATE INDEX exchange_state ON exchange(state) WHERE state < 7",
    "CREATE INDEX exchange_loud_route ON exchange(route) WHERE loud = 1",
    "CREATE INDEX exchange_loud ON exchange(loud) WHERE loud = 1",
    "CREATE INDEX exchange_loud_bundle ON exchange(facility, bundle_id) WHERE loud = 1",
    "CREATE UNIQUE INDEX exchange_name ON exchange(name)",
    "CREATE INDEX exchange_message ON exchange(message)",
    "CREATE INDEX exchange_due ON exchange(due_ms) WHERE due_ms > 0",
    /* incidents */
    "CREATE INDEX incident_open ON incident(open) WHERE open = 1",
    "CREATE INDEX incident_message ON incident(message)",
    /* the rest. Contents stand apart from their names, so that a change of `refs` does not rewrite them. refs = columns of rows that name it,
     * put_ms = when it was put, last when nobody named it. */
    "CREATE TABLE counter(id INTEGER PRIMARY KEY, value INTEGER NOT NULL) STRICT",
    "CREATE TABLE payload(id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, size INTEGER NOT NULL, place INTEGER NOT NULL, refs INTEGER NOT NULL, put_ms INTEGER NOT NULL) STRICT",
    "CREATE INDEX payload_unnamed ON payload(put_ms) WHERE refs = 0",
    "CREATE TABLE content(id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT",
    EVENT_TABLE,
    "CREATE INDEX event_row ON event(tbl, row)",
    "CREATE TABLE facts(bundle BLOB PRIMARY KEY, consent INTEGER NOT NULL, receiver TEXT NOT NULL, chart_kind TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE out_name(request INTEGER PRIMARY KEY, source TEXT NOT NULL, stem TEXT NOT NULL) STRICT",
    "CREATE INDEX out_name_stem ON out_name(source, stem)",
    "CREATE TABLE tally(tbl INTEGER NOT NULL, facility TEXT NOT NULL, state INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(tbl, facility, state)) STRICT, WITHOUT ROWID",
};

static void table_text(struct buf *text, enum store_table table)
{
    const struct store_columns *t = store_columns_of(table);

    buf_addf(text, "CREATE TABLE %s(id INTEGER PRIMARY KEY, version INTEGER NOT NULL", t->table);
    for (size_t i = 0; i < t->count; i++) {
        const struct store_column *c = &t->column[i];
        buf_addf(text, ", \"%s\" %s", c->name, c->type == COLUMN_TEXT ? "TEXT NOT NULL" : c->type >= COLUMN_DIGEST ? "BLOB" : "INTEGER NOT NULL");
    }
    buf_addf(text, "%s) STRICT;\n", extra_column[table] != NULL ? extra_column[table] : "");
}

int store_schema_text(struct buf *text)
{
    for (int i = 0; i < TABLE_ROWS; i++)
        table_text(text, (enum store_table)i);
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        buf_addf(text, "%s;\n", fixed[i]);
    return text->failed;
}

/* 0 -> 1: everything. */
static int make_first(struct buf *text)
{
    buf_addf(text, "PRAGMA application_id = %d;\n", STORE_APPLICATION);
    return store_schema_text(text);
}

/* From the schema of that number to the next. */
static int (*const step[STORE_SCHEMA])(struct buf *text) = { make_first };

static int pragma_number(struct store *store, const char *pragma, int64_t *ret_value, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(store->db, pragma, -1, &stmt, NULL);

    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        *ret_value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return rc == SQLITE_ROW ? 0 : store_sqlite_error(store, rc, e);
}

static int is_ours(struct store *store, int64_t version, struct err *e)
{
    int64_t application = 0, tables = 0;
    char number[24];
    int r = pragma_number(store, "PRAGMA application_id", &application, e);

    if (r == 0)
        r = pragma_number(store, "SELECT count(*) FROM sqlite_schema", &tables, e);
    if (r < 0)
        return r;
    if (tables == 0 && version == 0)
        return store->mode == STORE_READ_ONLY ? err_set(e, ERR_NOTFOUND, MSG_STORE_NOT_THERE, NULL, NULL, NULL) : 0;
    if (application != STORE_APPLICATION)
        return err_set(e, ERR_INVALID, MSG_STORE_NOT_OURS, NULL, NULL, NULL);
    if (version <= STORE_SCHEMA)
        return 0;
    snprintf(number, sizeof number, "%lld", (long long)version);
    return err_set(e, ERR_UNSUPPORTED, MSG_STORE_NEWER, NULL, number, NULL);
}

int store_schema_make(struct store *store, struct err *e)
{
    int64_t version = 0;
    int r = pragma_number(store, "PRAGMA user_version", &version, e);

    if (r == 0)
        r = is_ours(store, version, e);
    if (r < 0 || version == STORE_SCHEMA)
        return r;
    if (store->mode == STORE_READ_ONLY)
        return err_set(e, ERR_NOT_NOW, MSG_STORE_READ_ONLY, NULL, NULL, NULL);
    buf_reset(&store->text);
    buf_add_str(&store->text, "BEGIN IMMEDIATE;\n");
    for (int64_t at = version; at < STORE_SCHEMA; at++)
        step[at](&store->text);
    buf_addf(&store->text, "PRAGMA user_version = %d;\nCOMMIT;\n", STORE_SCHEMA);
    if (store->text.failed != 0)
        return err_set(e, store->text.failed, MSG_NOMEM, NULL, "store", NULL);
    r = store_exec(store, store->text.data, e);
    if (r < 0)
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return r;
}
