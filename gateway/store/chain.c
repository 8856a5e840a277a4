/*
 * NAME
 *     chain - the events, and the proof that rows, events and payloads agree
 *
 * SYNOPSIS
 *     store_events(store, "message", 17, line, ctx, &e); faults = store_verify(store, fault, ctx, &e);
 *
 * DESCRIPTION
 *     Verification goes through the database three times, in constant memory: the events in their order (numbers without a gap, hashes), the rows
 *     (each equals the fold of its events, each payload it names is there), the payloads (bytes and digest). The kept counts are counted anew.
 *
 *     A chain proves that nothing was changed behind its newest hash. That hash goes to the journal every hour; a chain that was made anew from
 *     the beginning is found by comparing the two.
 *
 * DIAGNOSTICS
 *     A fault is a line for a person, in English, without contents; the return value is their number. Negative: verification itself failed.
 */
#include "store/store_private.h"

#include "base/text.h"

struct verify {
    struct store *store;
    void (*line)(void *ctx, const char *fault);
    void *ctx;
    int faults;
    int64_t references;                  /* columns of rows that name a payload */
};

__attribute__((format(printf, 2, 3)))
static void fault(struct verify *v, const char *format, ...)
{
    char text[160];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    v->faults++;
    if (v->line != NULL)
        v->line(v->ctx, text);
}

/* ---- events ---- */

struct event_row { struct store_event event; enum store_table table; struct sha256 hash; bool erased, readable; size_t body_len; };

/* Texts are lent by the statement. */
static void event_read(sqlite3_stmt *stmt, struct event_row *ret_row)
{
    const char *code = (const char *)sqlite3_column_text(stmt, 5), *actor = (const char *)sqlite3_column_text(stmt, 6);
    int64_t table = sqlite3_column_int64(stmt, 2);
    bool erased = sqlite3_column_type(stmt, 7) == SQLITE_BLOB;
    const void *body = erased ? sqlite3_column_blob(stmt, 7) : sqlite3_column_text(stmt, 7);
    int body_len = sqlite3_column_bytes(stmt, 7);

    *ret_row = (struct event_row){
        .event = { .seq = sqlite3_column_int64(stmt, 0), .wall_ms = sqlite3_column_int64(stmt, 1), .row = sqlite3_column_int64(stmt, 3), .event = sqlite3_column_int(stmt, 4),
                   .msg = code != NULL && *code != '\0' ? msg_by_code(code) : MSG_NONE, .actor = actor != NULL ? actor : "", .body = body != NULL ? body : "" },
        .erased = erased, .body_len = (size_t)body_len,
        .readable = table >= 0 && table < TABLES && sqlite3_column_bytes(stmt, 8) == SHA256_BYTES && (!erased || body_len == SHA256_BYTES),
    };
    ret_row->table = ret_row->readable ? (enum store_table)table : TABLE_COUNTER;
    ret_row->event.table = store_table_name(ret_row->table);
    if (ret_row->readable) {
        memcpy(&ret_row->hash, sqlite3_column_blob(stmt, 8), SHA256_BYTES);
        sha256_to_hex(&ret_row->hash, ret_row->event.hash);
    }
}

static int table_by_name(const char *name)
{
    for (int i = 0; i < TABLES; i++)
        if (strcmp(store_table_name((enum store_table)i), name) == 0)
            return i;
    return -1;
}

int store_events(struct store *store, const char *table, int64_t row, int (*line)(void *ctx, const struct store_event *event), void *ctx, struct err *e)
{
    sqlite3_stmt *stmt;
    struct event_row at;
    int rc = SQLITE_ROW, number = table_by_name(table), r;

    if (number < 0)
        return err_set(e, ERR_INVALID, MSG_NOT_FOUND, NULL, table, NULL);
    if ((r = store_query_begin(store, Q_EVENTS_OF_ROW, &stmt, e)) < 0)
        return r;
    r = store_bind(store, stmt, ARGS(ARG_INT(number), ARG_INT(row)), e);
    while (r == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        event_read(stmt, &at);
        if (at.erased)
            at.event.body = "";
        r = line(ctx, &at.event);
    }
    if (r == 0 && rc != SQLITE_DONE)
        r = store_sqlite_error(store, rc, e);
    store_query_done(stmt);
    return r;
}

int store_chain_head(struct store *store, int64_t *ret_seq, char ret_hash[static SHA256_HEX], struct err *e)
{
    int r = store_usable(store, false, e);

    if (r < 0)
        return r;
    *ret_seq = store->seq;
    sha256_to_hex(&store->head, ret_hash);
    return 0;
}

/* ---- verification ---- */

static int verify_chain(struct verify *v, struct err *e)
{
    struct store *store = v->store;
    struct sha256 before = { { 0 } }, body, hash;
    int64_t seq = 0;
    sqlite3_stmt *stmt;
    struct event_row at;
    int rc = SQLITE_DONE, r = store_query_begin(store, Q_EVENTS_ALL, &stmt, e);

    if (r < 0)
        return r;
    while (r == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        event_read(stmt, &at);
        if (at.event.seq != seq + 1)
            fault(v, "event %lld: %lld events are missing before it", (long long)at.event.seq, (long long)(at.event.seq - seq - 1));
        seq = at.event.seq;
        if (!at.readable) {
            fault(v, "event %lld: cannot be read", (long long)seq);
            continue;
        }
        if (at.erased)
            memcpy(&body, at.event.body, sizeof body);
        else
            r = sha256_of(at.event.body, at.body_len, &body);
        if (r == 0)
            r = store_event_hash(store, &before, &at.event, &body, &hash);
        if (r == 0 && memcmp(&hash, &at.hash, sizeof hash) != 0)
            fault(v, "event %lld: hash does not fit", (long long)seq);
        before = at.hash;   /* so that one changed event is one fault */
    }
    if (r == 0 && rc != SQLITE_DONE)
        r = store_sqlite_error(store, rc, e);
    store_query_done(stmt);
    if (r == 0 && (seq != store->seq || memcmp(&before, &store->head, sizeof before) != 0))
        fault(v, "event %lld: is not the newest that was written", (long long)seq);
    return r;
}

/* The row that the events of one row add up to. Present = inserted and not retired. */
struct fold { union store_row row; bool present; int erased; bool damaged; int64_t counter; };

static int fold_row(struct store *store, enum store_table table, int64_t row, struct fold *ret_fold, struct err *e)
{
    sqlite3_stmt *stmt;
    struct event_row at;
    int rc = SQLITE_DONE, r = store_query_begin(store, Q_EVENTS_OF_ROW, &stmt, e);

    memset(ret_fold, 0, sizeof *ret_fold);
    ret_fold->row.head.id = row;
    if (r < 0)
        return r;
    r = store_bind(store, stmt, ARGS(ARG_INT(table), ARG_INT(row)), e);
    while (r == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        event_read(stmt, &at);
        ret_fold->present = true;
        ret_fold->row.head.version++;
        if (at.erased) {
            ret_fold->erased++;
        } else if (table == TABLE_COUNTER) {
            size_t key = sizeof "value=" - 1;
            if (at.body_len <= key || text_to_int64(at.event.body + key, at.body_len - key - 1, INT64_MIN, INT64_MAX, &ret_fold->counter) < 0)
                ret_fold->damaged = true;
        } else if (strcmp(at.event.body, STORE_RETIRED_BODY) == 0) {
            ret_fold->present = false;
            ret_fold->erased = 0;
        } else if (store_body_apply(table, at.event.body, at.body_len, &ret_fold->row) < 0) {
            ret_fold->damaged = true;
        }
    }
    if (r == 0 && rc != SQLITE_DONE)
        r = store_sqlite_error(store, rc, e);
    store_query_done(stmt);
    return r;
}

static int verify_payload_names(struct verify *v, enum store_table table, const union store_row *row, struct err *e)
{
    static const struct sha256 absent;
    const struct store_columns *t = store_columns_of(table);

    for (size_t i = 0; i < t->count; i++) {
        const struct sha256 *digest = (const void *)((const char *)row + t->column[i].offset);
        int64_t id;
        if (t->column[i].type != COLUMN_PAYLOAD || memcmp(digest, &absent, sizeof absent) == 0)
            continue;
        v->references++;
        int r = store_number_query(v->store, Q_PAYLOAD_FIND, &id, NULL, ARGS(ARG_DIGEST(digest)), e);
        if (r < 0)
            return r;
        if (r == 0)
            fault(v, "%s %lld: its payload %s is not there", t->table, (long long)row->head.id, t->column[i].name);
    }
    return 0;
}

static int verify_row(struct verify *v, enum store_table table, int64_t id, int64_t *ret_present, struct err *e)
{
    const char *name = store_table_name(table);
    struct err local = ERR_INIT;
    struct fold fold;
    union store_row row;
    int r = fold_row(v->store, table, id, &fold, e);

    if (r < 0)
        return r;
    if (fold.damaged || fold.erased > 0)
        fault(v, "%s %lld: its events cannot be read", name, (long long)id);
    if (table == TABLE_COUNTER) {
        int64_t value;
        r = store_number_query(v->store, Q_COUNTER_GET, &value, NULL, ARGS(ARG_INT(id)), e);
        if (r == 0 || (r > 0 && value != fold.counter))
            fault(v, "%s %lld: differs from its events", name, (long long)id);
        *ret_present += r > 0;
        return r < 0 ? r : 0;
    }
    r = store_row_get_stored(v->store, table, id, &row, &local);
    if (r == ERR_NOTFOUND || r == ERR_CORRUPT) {
        if (fold.present || r == ERR_CORRUPT)
            fault(v, "%s %lld: %s", name, (long long)id, r == ERR_CORRUPT ? "cannot be read" : "is missing");
        *ret_present += r == ERR_CORRUPT;
        return 0;
    }
    if (r < 0) {
        err_copy(e, &local);
        return r;
    }
    ++*ret_present;
    if (!fold.present)
        fault(v, "%s %lld: is there after its end", name, (long long)id);
    else if (!fold.damaged && memcmp(&row, &fold.row, store_columns_of(table)->row_size) != 0)
        fault(v, "%s %lld: differs from its events", name, (long long)id);
    return verify_payload_names(v, table, &row, e);
}

/* First number of a statement that is used here only. */
static int ask(struct store *store, const char *sql, int64_t *ret_number, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL);

    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        *ret_number = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return rc == SQLITE_ROW ? 0 : store_sqlite_error(store, rc, e);
}

static int verify_rows(struct verify *v, enum store_table table, struct err *e)
{
    int64_t present = 0, rows = 0, id = 0;
    char sql[64];
    int r, counter = table == TABLE_COUNTER;

    id -= counter;   /* counters begin at 0 */
    while ((r = store_number_query(v->store, Q_NEXT_EVENT_ROW, &id, NULL, ARGS(ARG_INT(table), ARG_INT(id)), e)) == 1)
        if ((r = verify_row(v, table, id, &present, e)) < 0)
            return r;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", store_table_name(table));
    if (r == 0)
        r = ask(v->store, sql, &rows, e);
    if (r == 0 && rows != present)
        fault(v, "%s: %lld rows have no events", store_table_name(table), (long long)(rows - present));
    return r;
}

static int verify_payloads(struct verify *v, struct err *e)
{
    int64_t id = 0, references = 0;
    struct sha256 digest;
    struct err local;
    char hex[SHA256_HEX];
    int r = 0;

    while (r == 0) {
        sqlite3_stmt *stmt;
        if ((r = store_query_begin(v->store, Q_PAYLOAD_NEXT, &stmt, e)) < 0 || (r = store_bind(v->store, stmt, ARGS(ARG_INT(id)), e)) < 0)
            return r;
        int rc = sqlite3_step(stmt);
        bool sound = rc == SQLITE_ROW && sqlite3_column_bytes(stmt, 1) == SHA256_BYTES;
        if (sound)
            memcpy(&digest, sqlite3_column_blob(stmt, 1), SHA256_BYTES);
        id = sqlite3_column_int64(stmt, 0);
        references += sqlite3_column_int64(stmt, 2);
        store_query_done(stmt);
        if (rc == SQLITE_DONE)
            break;
        if (rc != SQLITE_ROW)
            return store_sqlite_error(v->store, rc, e);
        err_clear(&local);
        r = sound ? store_payload_check(v->store, &digest, &local) : ERR_CORRUPT;
        if (r == ERR_CORRUPT || r == ERR_NOTFOUND) {
            sha256_to_hex(&digest, hex);
            fault(v, "payload %.8s: its bytes are %s", sound ? hex : "?", "damaged or gone");
            r = 0;
        }
        if (r < 0)
            err_copy(e, &local);
    }
    if (r == 0 && references != v->references)
        fault(v, "payload: named %lld times, counted %lld", (long long)v->references, (long long)references);
    return r;
}

static int verify_counts(struct verify *v, struct err *e)
{
    static const struct { const char *what, *sql; } check[] = {
        { "message: kept counts are wrong",
          "SELECT count(*) FROM (SELECT * FROM (SELECT facility, state, count(*) AS n FROM message GROUP BY 1, 2 "
          "UNION ALL SELECT facility, state, -n FROM tally WHERE tbl = 3) GROUP BY facility, state HAVING sum(n) <> 0)" },
        { "request: kept counts are wrong",
          "SELECT count(*) FROM (SELECT * FROM (SELECT facility, state, count(*) AS n FROM request GROUP BY 1, 2 "
          "UNION ALL SELECT facility, state, -n FROM tally WHERE tbl = 0) GROUP BY facility, state HAVING sum(n) <> 0)" },
        { "database: its own check fails", "SELECT count(*) FROM pragma_quick_check WHERE quick_check <> 'ok'" },
    };
    _Static_assert(TABLE_REQUEST == 0 && TABLE_MESSAGE == 3, "tables are on disk");

    for (size_t i = 0; i < sizeof check / sizeof check[0]; i++) {
        int64_t wrong = 0;
        int r = ask(v->store, check[i].sql, &wrong, e);
        if (r < 0)
            return r;
        if (wrong != 0)
            fault(v, "%s", check[i].what);
    }
    return 0;
}

int store_verify(struct store *store, void (*line)(void *ctx, const char *fault), void *ctx, struct err *e)
{
    struct verify v = { .store = store, .line = line, .ctx = ctx };
    int r = store_usable(store, false, e);

    if (r == 0 && store->in_turn)
        r = err_set(e, ERR_NOT_NOW, MSG_NOT_NOW, NULL, "store", "transaction is open");
    if (r == 0)
        r = verify_chain(&v, e);
    for (int i = 0; i < TABLES && r == 0; i++)
        r = verify_rows(&v, (enum store_table)i, e);
    if (r == 0)
        r = verify_payloads(&v, e);
    if (r == 0)
        r = verify_counts(&v, e);
    return r < 0 ? r : v.faults;
}
