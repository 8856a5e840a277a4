/*
 * NAME
 *     rows - get, put, and the event that every put writes
 *
 * SYNOPSIS
 *     store_row_get(store, TABLE_MESSAGE, id, &row, &e); store_row_put(store, TABLE_MESSAGE, &row, &cause, &e);
 *
 * DESCRIPTION
 *     A put reads the row as it stands (the compare of compare-and-set), writes the columns that differ, and appends one event: the first event
 *     of a row holds all its fields that are not empty, later ones the changed fields. The version is not in the body: it is the number of
 *     the row's events. Statements for UPDATE are made for the set of columns they change and kept, so that SQLite touches only the indexes of
 *     these columns; the state machine changes a row in a few dozen ways.
 *
 *     Rows that were in hand lately are kept in memory as they stand in the transaction: most of what a turn asks for it has just changed. Nothing but
 *     this file writes rows; a rollback forgets them all.
 *
 *     Hash of an event = SHA-256(hash before, "seq wall table row event code\nactor", SHA-256(body)). The body is inside by its digest, so that
 *     the words of a retired row can be taken out later (the digest stays in their place) while the chain still verifies.
 *
 * DIAGNOSTICS
 *     ERR_NOTFOUND, ERR_NOT_NOW (another version), ERR_EXISTS (name of an exchange used twice), ERR_INTERNAL (a payload is named that is not
 *     stored), and those of SQLite.
 */
#include "store/store_private.h"

#include "base/text.h"

static const struct sha256 absent;

static enum store_query of_table(enum store_query first, enum store_table table)
{
    return (enum store_query)((int)first + (int)table);
}

int store_row_get_stored(struct store *store, enum store_table table, int64_t id, void *ret_row, struct err *e)
{
    int r = store_row_query(store, of_table(Q_REQUEST_GET, table), ret_row, ARGS(ARG_INT(id)), e);

    if (r == 0)
        return err_set(e, ERR_NOTFOUND, MSG_NOT_FOUND, NULL, store_table_name(table), NULL);
    return r < 0 ? r : 0;
}

static union store_row *kept(struct store *store, enum store_table table, int64_t id)
{
    return &store->kept[table][(uint64_t)id % ROWS_KEPT];
}

int store_row_get(struct store *store, enum store_table table, int64_t id, void *ret_row, struct err *e)
{
    union store_row *row = kept(store, table, id);
    int r = store_usable(store, false, e);

    if (r == 0 && (id <= 0 || row->head.id != id)) {
        r = store_row_get_stored(store, table, id, ret_row, e);
        if (r == 0)
            memcpy(row, ret_row, store_columns_of(table)->row_size);
    } else if (r == 0) {
        memcpy(ret_row, row, store_columns_of(table)->row_size);
    }
    return r;
}

/* ---- events ---- */

int store_event_hash(struct store *store, const struct sha256 *before, const struct store_event *event, const struct sha256 *body, struct sha256 *ret_hash)
{
    struct buf *text = &store->text;
    const int64_t number[] = { event->seq, event->wall_ms, event->row, event->event };

    buf_reset(text);
    for (size_t i = 0; i < sizeof number / sizeof number[0]; i++) {
        store_number_add(text, number[i]);
        buf_add_char(text, ' ');
        if (i == 1) {
            buf_add_str(text, event->table);
            buf_add_char(text, ' ');
        }
    }
    buf_add_str(text, event->msg == MSG_NONE ? "" : msg_get(event->msg)->code);
    buf_add_char(text, '\n');
    if (buf_add_str(text, event->actor) < 0)
        return text->failed;
    struct bytes parts[] = { { (const char *)before->byte, SHA256_BYTES }, buf_bytes(text), { (const char *)body->byte, SHA256_BYTES } };
    return sha256_make(store->digester, parts, 3, ret_hash);
}

static int event_bind(sqlite3_stmt *stmt, const struct store_event *event, enum store_table table, struct bytes body, const struct sha256 *hash)
{
    const char *code = event->msg == MSG_NONE ? "" : msg_get(event->msg)->code;
    int rc = sqlite3_bind_int64(stmt, 1, event->seq);

    rc = rc != SQLITE_OK ? rc : sqlite3_bind_int64(stmt, 2, event->wall_ms);
    rc = rc != SQLITE_OK ? rc : sqlite3_bind_int(stmt, 3, (int)table);
    rc = rc != SQLITE_OK ? rc : sqlite3_bind_int64(stmt, 4, event->row);
    rc = rc != SQLITE_OK ? rc : sqlite3_bind_int(stmt, 5, event->event);
    rc = rc != SQLITE_OK ? rc : sqlite3_bind_text(stmt, 6, code, -1, SQLITE_STATIC);
    rc = rc != SQLITE_OK ? rc : sqlite3_bind_text(stmt, 7, event->actor, -1, SQLITE_STATIC);
    rc = rc != SQLITE_OK ? rc : sqlite3_bind_text64(stmt, 8, body.data, body.len, SQLITE_STATIC, SQLITE_UTF8);
    return rc != SQLITE_OK ? rc : sqlite3_bind_blob(stmt, 9, hash, sizeof *hash, SQLITE_STATIC);
}

int store_event_add(struct store *store, enum store_table table, int64_t row, const struct flow_cause *cause, struct bytes body, struct err *e)
{
    struct store_event event = { .seq = store->seq + 1, .wall_ms = cause != NULL ? cause->wall_ms : 0, .table = store_table_name(table), .row = row,
                                 .event = cause != NULL ? cause->event : 0, .msg = cause != NULL ? cause->msg : MSG_NONE,
                                 .actor = cause != NULL && cause->actor != NULL ? cause->actor : "" };
    struct sha256 body_digest, hash;
    sqlite3_stmt *stmt;
    int rc, r;

    if (sha256_make(store->digester, &body, 1, &body_digest) < 0 || store_event_hash(store, &store->head, &event, &body_digest, &hash) < 0)
        return err_set(e, ERR_INTERNAL, MSG_INTERNAL, NULL, "store", "event");
    if ((r = store_query_begin(store, Q_EVENT_ADD, &stmt, e)) < 0)
        return r;
    rc = event_bind(stmt, &event, table, body, &hash);
    if (rc != SQLITE_OK || (rc = sqlite3_step(stmt)) != SQLITE_DONE)
        r = store_sqlite_error(store, rc, e);
    store_query_done(stmt);
    if (r == 0) {
        store->seq++;
        store->head = hash;
    }
    return r;
}

/* ---- counts ---- */

static int tally_find(struct store *store, const char *facility, struct tally **ret_tally, struct err *e)
{
    for (size_t i = 0; i < store->tally_count; i++)
        if (strcmp(store->tally[i].facility, facility) == 0) {
            *ret_tally = &store->tally[i];
            return 0;
        }
    if (store->tally_count == TALLY_MAX)
        return err_set(e, ERR_LIMIT, MSG_LIMIT, NULL, "facilities", NULL);
    struct tally *grown = realloc(store->tally, (store->tally_count + 1) * sizeof *grown);
    if (grown == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "store", NULL);
    store->tally = grown;
    grown[store->tally_count] = (struct tally){ .dirty_message = 0 };
    text_copy(grown[store->tally_count].facility, sizeof grown->facility, facility);
    *ret_tally = &grown[store->tally_count++];
    return 0;
}

static int tally_add(struct store *store, enum store_table table, const char *facility, unsigned state, int64_t change, struct err *e)
{
    struct tally *t = NULL;
    int r = tally_find(store, facility, &t, e);

    if (r < 0)
        return r;
    if (state >= (table == TABLE_MESSAGE ? FLOW_MS_STATES : FLOW_RQ_STATES))
        return err_set(e, ERR_INTERNAL, MSG_INTERNAL, NULL, "store", "state");
    if (table == TABLE_MESSAGE) {
        t->message[state] += change;
        t->dirty_message |= UINT32_C(1) << state;
    } else {
        t->request[state] += change;
        t->dirty_request |= UINT32_C(1) << state;
    }
    return 0;
}

/* before or after NULL = the row was not, or is no longer, there */
static int tally_move(struct store *store, enum store_table table, const union store_row *before, const union store_row *after, struct err *e)
{
    int r = 0;

    if (table == TABLE_MESSAGE) {
        if (before != NULL)
            r = tally_add(store, table, before->message.facility, before->message.state, -1, e);
        if (r == 0 && after != NULL)
            r = tally_add(store, table, after->message.facility, after->message.state, 1, e);
    } else if (table == TABLE_REQUEST) {
        if (before != NULL)
            r = tally_add(store, table, before->request.facility, before->request.state, -1, e);
        if (r == 0 && after != NULL)
            r = tally_add(store, table, after->request.facility, after->request.state, 1, e);
    }
    return r;
}

int store_tally_write(struct store *store, struct err *e)
{
    int r = 0;

    for (size_t i = 0; i < store->tally_count; i++) {
        struct tally *t = &store->tally[i];
        for (int s = 0; s < FLOW_MS_STATES && r == 0; s++)
            if (t->dirty_message >> s & 1)
                r = store_run_query(store, Q_TALLY_PUT, NULL, ARGS(ARG_INT(TABLE_MESSAGE), ARG_TEXT(t->facility), ARG_INT(s), ARG_INT(t->message[s])), e);
        for (int s = 0; s < FLOW_RQ_STATES && r == 0; s++)
            if (t->dirty_request >> s & 1)
                r = store_run_query(store, Q_TALLY_PUT, NULL, ARGS(ARG_INT(TABLE_REQUEST), ARG_TEXT(t->facility), ARG_INT(s), ARG_INT(t->request[s])), e);
        t->dirty_message = t->dirty_request = 0;
    }
    return r;
}

static int tally_load(struct store *store, struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = SQLITE_DONE, r = store_query_begin(store, Q_TALLY_ALL, &stmt, e);

    store->tally_count = 0;
    if (r < 0)
        return r;
    while (r == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        enum store_table table = sqlite3_column_int(stmt, 0) == TABLE_MESSAGE ? TABLE_MESSAGE : TABLE_REQUEST;
        r = tally_add(store, table, (const char *)sqlite3_column_text(stmt, 1), (unsigned)sqlite3_column_int(stmt, 2), sqlite3_column_int64(stmt, 3), e);
    }
    if (r == 0 && rc != SQLITE_DONE)
        r = store_sqlite_error(store, rc, e);
    store_query_done(stmt);
    for (size_t i = 0; i < store->tally_count; i++)
        store->tally[i].dirty_message = store->tally[i].dirty_request = 0;
    return r;
}

int store_memory_load(struct store *store, struct err *e)
{
    sqlite3_stmt *stmt;
    int rc, r = store_query_begin(store, Q_EVENT_HEAD, &stmt, e);

    memset(store->next_id, 0, sizeof store->next_id);
    store->next_payload = 0;
    store->fresh_count = 0;
    for (size_t i = 0; i < TABLE_ROWS * ROWS_KEPT; i++)   /* what was never used is not touched: it costs no memory */
        if (store->kept[i / ROWS_KEPT][i % ROWS_KEPT].head.id != 0)
            store->kept[i / ROWS_KEPT][i % ROWS_KEPT].head.id = 0;
    store->seq = 0;
    store->head = absent;
    if (r < 0)
        return r;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW && sqlite3_column_bytes(stmt, 1) == SHA256_BYTES) {
        store->seq = sqlite3_column_int64(stmt, 0);
        memcpy(&store->head, sqlite3_column_blob(stmt, 1), SHA256_BYTES);
    } else if (rc != SQLITE_DONE) {
        r = rc == SQLITE_ROW ? err_set(e, ERR_CORRUPT, MSG_STORE_CORRUPT, NULL, "event", NULL) : store_sqlite_error(store, rc, e);
    }
    store_query_done(stmt);
    return r < 0 ? r : tally_load(store, e);
}

/* ---- put ---- */

/* An id is never given twice, even when the newest rows were retired: the events remember it. */
static int id_next(struct store *store, enum store_table table, int64_t *ret_id, struct err *e)
{
    if (store->next_id[table] == 0) {
        int64_t last;
        int r = store_number_query(store, Q_MAX_EVENT_ROW, &last, NULL, ARGS(ARG_INT(table)), e);
        if (r < 0)
            return r;
        store->next_id[table] = last + 1;
    }
    *ret_id = store->next_id[table];
    return 0;
}

static int prepare(struct store *store, sqlite3_stmt **ret_stmt, struct err *e)
{
    if (store->text.failed != 0)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "store", NULL);
    int rc = sqlite3_prepare_v3(store->db, store->text.data, -1, SQLITE_PREPARE_PERSISTENT, ret_stmt, NULL);
    return rc == SQLITE_OK ? 0 : store_sqlite_error(store, rc, e);
}

/* Column i is parameter i + 3, in INSERT and UPDATE alike; 1 and 2 are id and version. */
static int insert_statement(struct store *store, enum store_table table, sqlite3_stmt **ret_stmt, struct err *e)
{
    const struct store_columns *t = store_columns_of(table);
    int r = 0;

    if (store->insert[table] == NULL) {
        buf_reset(&store->text);
        buf_addf(&store->text, "INSERT INTO %s(id, version", t->table);
        for (size_t i = 0; i < t->count; i++)
            buf_addf(&store->text, ", \"%s\"", t->column[i].name);
        buf_add_str(&store->text, ") VALUES(?1, ?2");
        for (size_t i = 0; i < t->count; i++)
            buf_addf(&store->text, ", ?%zu", i + 3);
        buf_add_char(&store->text, ')');
        r = prepare(store, &store->insert[table], e);
    }
    *ret_stmt = store->insert[table];
    return r;
}

static int update_statement(struct store *store, enum store_table table, uint64_t mask, sqlite3_stmt **ret_stmt, struct err *e)
{
    const struct store_columns *t = store_columns_of(table);
    struct update *u = &store->update[0];
    int r;

    for (size_t i = 0; i < UPDATES_KEPT; i++) {
        struct update *at = &store->update[i];
        if (at->stmt != NULL && at->table == table && at->mask == mask) {
            at->used = ++store->update_clock;
            *ret_stmt = at->stmt;
            return 0;
        }
        if (at->used < u->used)
            u = at;
    }
    buf_reset(&store->text);
    buf_addf(&store->text, "UPDATE %s SET version = ?2", t->table);
    for (size_t i = 0; i < t->count; i++)
        if (mask >> i & 1)
            buf_addf(&store->text, ", \"%s\" = ?%zu", t->column[i].name, i + 3);
    buf_add_str(&store->text, " WHERE id = ?1");
    sqlite3_finalize(u->stmt);
    *u = (struct update){ .table = table, .mask = mask, .used = ++store->update_clock };
    r = prepare(store, &u->stmt, e);
    *ret_stmt = u->stmt;
    return r;
}

static int write_columns(struct store *store, sqlite3_stmt *stmt, enum store_table table, uint64_t mask, const union store_row *row, struct err *e)
{
    const struct store_columns *t = store_columns_of(table);
    int rc = sqlite3_bind_int64(stmt, 1, row->head.id);

    rc = rc != SQLITE_OK ? rc : sqlite3_bind_int64(stmt, 2, row->head.version);
    for (size_t i = 0; i < t->count && rc == SQLITE_OK; i++)
        if (mask >> i & 1)
            rc = store_column_bind(stmt, (int)i + 3, &t->column[i], row);
    rc = rc != SQLITE_OK ? rc : sqlite3_step(stmt);
    int r = rc == SQLITE_DONE ? 0 : store_sqlite_error(store, rc, e);
    store_query_done(stmt);
    return r;
}

/* What rows name is counted, so that retention knows what nobody names any more. */
static int refer(struct store *store, enum store_table table, uint64_t mask, const union store_row *row, int change, struct err *e)
{
    const struct store_columns *t = store_columns_of(table);
    int r = 0;

    for (size_t i = 0; i < t->count && r == 0 && row != NULL && mask >> i != 0; i++) {
        if ((mask >> i & 1) == 0 || t->column[i].type != COLUMN_PAYLOAD)
            continue;
        const struct sha256 *digest = (const void *)((const char *)row + t->column[i].offset);
        if (memcmp(digest, &absent, sizeof absent) != 0)
            r = store_payload_refer(store, digest, change, e);
    }
    return r;
}

static int put_change(struct store *store, enum store_table table, const union store_row *before, const union store_row *after, const struct flow_cause *cause, struct err *e)
{
    uint64_t mask = store_columns_diff(table, after, before);
    sqlite3_stmt *stmt;
    int r = before == NULL ? insert_statement(store, table, &stmt, e) : update_statement(store, table, mask, &stmt, e);

    if (r == 0)
        r = write_columns(store, stmt, table, before == NULL ? UINT64_MAX : mask, after, e);
    if (r == 0)
        r = refer(store, table, mask, after, 1, e);
    if (r == 0)
        r = refer(store, table, mask, before, -1, e);
    if (r < 0)
        return r;
    buf_reset(&store->body);
    if (store_body_add(&store->body, table, mask, after) < 0)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "store", NULL);
    r = store_event_add(store, table, after->head.id, cause, buf_bytes(&store->body), e);
    return r < 0 ? r : tally_move(store, table, before, after, e);
}

int store_row_put(struct store *store, enum store_table table, void *row, const struct flow_cause *cause, struct err *e)
{
    struct store_head *head = row;
    union store_row before, after;
    bool fresh = head->id == 0;
    int r = store_usable(store, true, e);

    if (r == 0)
        r = fresh ? id_next(store, table, &head->id, e) : store_row_get(store, table, head->id, &before, e);
    if (r == 0 && !fresh && before.head.version != head->version)
        r = err_set(e, ERR_NOT_NOW, MSG_NOT_NOW, NULL, store_table_name(table), "version");
    if (r < 0)
        goto out;
    memcpy(&after, row, store_columns_of(table)->row_size);
    after.head.version = fresh ? 1 : before.head.version + 1;
    r = put_change(store, table, fresh ? NULL : &before, &after, cause, e);
    if (r < 0) {
        store->broken = true;
        goto out;
    }
    head->version = after.head.version;
    memcpy(kept(store, table, head->id), &after, store_columns_of(table)->row_size);
    store->next_id[table] += fresh;
out:
    if (r < 0 && fresh)
        head->id = 0;
    return r;
}

/* The digest of a body takes its place. */
static int erase_words(struct store *store, enum store_table table, int64_t row, struct err *e)
{
    sqlite3_stmt *stmt;
    struct sha256 digest;
    int rc = SQLITE_DONE, r = store_query_begin(store, Q_EVENTS_OF_ROW, &stmt, e);

    if (r == 0)
        r = store_bind(store, stmt, ARGS(ARG_INT(table), ARG_INT(row)), e);
    while (r == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (sqlite3_column_type(stmt, 7) == SQLITE_BLOB)
            continue;
        if (sha256_of(sqlite3_column_text(stmt, 7), (size_t)sqlite3_column_bytes(stmt, 7), &digest) < 0)
            r = err_set(e, ERR_INTERNAL, MSG_INTERNAL, NULL, "store", "event");
        else
            r = store_run_query(store, Q_EVENT_ERASE, NULL, ARGS(ARG_INT(sqlite3_column_int64(stmt, 0)), ARG_DIGEST(&digest)), e);
    }
    if (r == 0 && rc != SQLITE_DONE)
        r = store_sqlite_error(store, rc, e);
    if (store->query[Q_EVENTS_OF_ROW] != NULL)
        store_query_done(store->query[Q_EVENTS_OF_ROW]);
    return r;
}

int store_row_retire(struct store *store, enum store_table table, const void *row, const struct flow_cause *cause, struct err *e)
{
    const struct store_head *head = row;
    union store_row before;
    int r;

    memcpy(&before, row, store_columns_of(table)->row_size);
    if ((r = store_usable(store, true, e)) < 0)
        return r;
    if (kept(store, table, head->id)->head.id == head->id)
        kept(store, table, head->id)->head.id = 0;
    r = store_run_query(store, of_table(Q_REQUEST_DELETE, table), NULL, ARGS(ARG_INT(head->id)), e);
    if (r == 0)
        r = refer(store, table, UINT64_MAX, &before, -1, e);
    if (r == 0)
        r = tally_move(store, table, &before, NULL, e);
    if (r == 0)
        r = erase_words(store, table, head->id, e);
    if (r == 0)
        r = store_event_add(store, table, head->id, cause, (struct bytes){ STORE_RETIRED_BODY, sizeof STORE_RETIRED_BODY - 1 }, e);
    store->broken |= r < 0;
    return r;
}
