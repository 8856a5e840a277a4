/*
 * NAME
 *     db - what the stand-in holds: registrations, their history, every request, receipts, known persons and institutions
 *
 * DESCRIPTION
 *     One SQLite file in WAL mode. Callers hold sb.lock. Statements are prepared once, in the order of the table below.
 *
 * DIAGNOSTICS
 *     ERR_IO with the text of SQLite in arg[0]; ERR_NOTFOUND where the header says so.
 */
#include <cjson/cJSON.h>
#include <sqlite3.h>
#include "tests/sandbox/sandbox.h"
#include "base/timefmt.h"

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS registrations(id INTEGER PRIMARY KEY, institution TEXT NOT NULL, insured TEXT NOT NULL, bundle_id TEXT NOT NULL,"
    " family INTEGER NOT NULL, kind TEXT NOT NULL, destination TEXT, consent TEXT, status TEXT NOT NULL, sha256 TEXT NOT NULL, bytes BLOB NOT NULL,"
    " at_ms INTEGER NOT NULL, UNIQUE(institution, bundle_id));"
    "CREATE TABLE IF NOT EXISTS history(id INTEGER PRIMARY KEY, institution TEXT NOT NULL, bundle_id TEXT NOT NULL, insured TEXT NOT NULL,"
    " effect TEXT NOT NULL, sha256 TEXT, request_id INTEGER NOT NULL, at_ms INTEGER NOT NULL);"
    "CREATE INDEX IF NOT EXISTS history_by_bundle ON history(bundle_id);"
    "CREATE TABLE IF NOT EXISTS requests(id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, link TEXT NOT NULL, op TEXT NOT NULL, institution TEXT,"
    " identifier TEXT, bundle_id TEXT, insured TEXT, sha256 TEXT, effect TEXT NOT NULL, code TEXT, faults TEXT);"
    "CREATE INDEX IF NOT EXISTS requests_by_bundle ON requests(bundle_id);"
    "CREATE TABLE IF NOT EXISTS receipts(number TEXT PRIMARY KEY, institution TEXT NOT NULL, polls INTEGER NOT NULL, stored TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS insured(number TEXT PRIMARY KEY, status TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS insured_patterns ON insured(number) WHERE substr(number,-1)='*';"
    "CREATE TABLE IF NOT EXISTS institutions(code TEXT PRIMARY KEY, participates TEXT NOT NULL);"
    "PRAGMA user_version = 1;";

/* The persons and institutions of the public examples and of docs/samples, and ranges that a test may use freely. '*' at the end stands for anything. */
static const char seed_rows[] =
    "INSERT OR IGNORE INTO insured VALUES('00012345:*', 'valid'), ('00138057:*', 'valid'), ('01999999:*', 'valid'), ('06132013:*', 'valid'),"
    " ('06270409:*', 'valid'), ('06999996:*', 'valid'), ('39999999:*', 'valid'), ('01999998:*', 'ended');"
    "INSERT OR IGNORE INTO institutions VALUES('1310000001', 'yes'), ('1310000002', 'yes'), ('1311234567', 'yes'), ('1318814790', 'yes'),"
    " ('1319876543', 'yes'), ('1319999999', 'yes'), ('1410123457', 'yes'), ('1310000009', 'no');";

enum stmt {
    ST_BEGIN, ST_COMMIT, ST_ROLLBACK, ST_FIND, ST_PUT, ST_REMOVE, ST_HISTORY, ST_LOG, ST_RECEIPT_ADD, ST_RECEIPT_GET, ST_RECEIPT_POLL,
    ST_INSURED_GET, ST_INSURED_LIKE, ST_INSURED_SET, ST_INSURED_FORGET, ST_INSTITUTION_GET, ST_INSTITUTION_SET, ST_STATUS_SET, ST_DUMP, ST_DUMP_HISTORY,
    ST_REQUESTS, ST_COUNT, ST_COUNT_OF
};

static const char *const stmt_table[ST_COUNT_OF] = {
    [ST_BEGIN] = "BEGIN IMMEDIATE",
    [ST_COMMIT] = "COMMIT",
    [ST_ROLLBACK] = "ROLLBACK",
    [ST_FIND] = "SELECT id, insured, family, kind, destination, consent, status, sha256 FROM registrations WHERE institution=?1 AND bundle_id=?2",
    [ST_PUT] = "INSERT INTO registrations(institution, insured, bundle_id, family, kind, destination, consent, status, sha256, bytes, at_ms)"
               " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
    [ST_REMOVE] = "DELETE FROM registrations WHERE id=?1",
    [ST_HISTORY] = "INSERT INTO history(institution, bundle_id, insured, effect, sha256, request_id, at_ms) VALUES(?1,?2,?3,?4,?5,?6,?7)",
    [ST_LOG] = "INSERT INTO requests(at_ms, link, op, institution, identifier, bundle_id, insured, sha256, effect, code, faults)"
               " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
    [ST_RECEIPT_ADD] = "INSERT INTO receipts VALUES(?1,?2,?3,?4)",
    [ST_RECEIPT_GET] = "SELECT polls, stored FROM receipts WHERE number=?1 AND institution=?2",
    [ST_RECEIPT_POLL] = "UPDATE receipts SET polls=polls-1 WHERE number=?1 AND polls>0",
    [ST_INSURED_GET] = "SELECT status FROM insured WHERE number=?1",
    [ST_INSURED_LIKE] = "SELECT status FROM insured WHERE substr(number,-1)='*' AND substr(?1,1,length(number)-1)=substr(number,1,length(number)-1)"
                        " ORDER BY length(number) DESC LIMIT 1",
    [ST_INSURED_SET] = "INSERT OR REPLACE INTO insured VALUES(?1,?2)",
    [ST_INSURED_FORGET] = "DELETE FROM insured WHERE number=?1",
    [ST_INSTITUTION_GET] = "SELECT participates FROM institutions WHERE code=?1",
    [ST_INSTITUTION_SET] = "INSERT OR REPLACE INTO institutions VALUES(?1,?2)",
    [ST_STATUS_SET] = "UPDATE registrations SET status=?2 WHERE bundle_id=?1",
    [ST_DUMP] = "SELECT id, institution, insured, bundle_id, family, kind, destination, consent, status, sha256, at_ms, bytes FROM registrations"
                " WHERE ?1 IS NULL OR bundle_id=?1 ORDER BY id",
    [ST_DUMP_HISTORY] = "SELECT effect, sha256, request_id, at_ms, insured FROM history WHERE institution=?1 AND bundle_id=?2 ORDER BY id",
    [ST_REQUESTS] = "SELECT id, at_ms, link, op, institution, identifier, bundle_id, insured, sha256, effect, code, faults FROM requests"
                    " WHERE (?1 IS NULL OR bundle_id=?1) AND (?2 IS NULL OR effect=?2) AND (?3 IS NULL OR op=?3) ORDER BY id",
    [ST_COUNT] = "SELECT (SELECT count(*) FROM registrations), (SELECT count(*) FROM requests)",
};

struct sb_db {
    sqlite3 *handle;
    sqlite3_stmt *stmt[ST_COUNT_OF];
};

static int db_fail(struct sb_db *db, struct err *e)
{
    return err_set(e, ERR_IO, MSG_NONE, NULL, db->handle != NULL ? sqlite3_errmsg(db->handle) : "sqlite", NULL);
}

static void bind_text(sqlite3_stmt *s, int at, const char *text)
{
    if (text == NULL)
        sqlite3_bind_null(s, at);
    else
        sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC);
}

/* Runs a statement that gives no row, and readies it for the next time. */
static int run(struct sb_db *db, enum stmt which, struct err *e)
{
    sqlite3_stmt *s = db->stmt[which];
    int rc = sqlite3_step(s), result = rc == SQLITE_DONE ? 0 : db_fail(db, e);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return result;
}

static const char *column(sqlite3_stmt *s, int at)
{
    return (const char *)sqlite3_column_text(s, at);
}

static void done(sqlite3_stmt *s)
{
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
}

struct sb_db *db_open(const char *file, struct err *e)
{
    static const char pragmas[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=2000;";
    struct sb_db *db = calloc(1, sizeof *db);
    if (db == NULL) {
        err_set(e, ERR_NOMEM, MSG_NONE, NULL, NULL, NULL);
        return NULL;
    }
    bool ok = sqlite3_open_v2(file, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK &&
        sqlite3_exec(db->handle, pragmas, NULL, NULL, NULL) == SQLITE_OK && sqlite3_exec(db->handle, schema, NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_exec(db->handle, seed_rows, NULL, NULL, NULL) == SQLITE_OK;
    for (int i = 0; ok && i < ST_COUNT_OF; i++)
        ok = sqlite3_prepare_v3(db->handle, stmt_table[i], -1, SQLITE_PREPARE_PERSISTENT, &db->stmt[i], NULL) == SQLITE_OK;
    if (!ok) {
        db_fail(db, e);
        return db_close(db);
    }
    return db;
}

struct sb_db *db_close(struct sb_db *db)
{
    if (db == NULL)
        return NULL;
    for (int i = 0; i < ST_COUNT_OF; i++)
        sqlite3_finalize(db->stmt[i]);
    sqlite3_close(db->handle);
    free(db);
    return NULL;
}

int db_begin(struct sb_db *db, struct err *e)
{
    return run(db, ST_BEGIN, e);
}

int db_end(struct sb_db *db, bool commit, struct err *e)
{
    return run(db, commit ? ST_COMMIT : ST_ROLLBACK, e);
}

int db_find(struct sb_db *db, const char *institution, const char *bundle_id, struct arena *arena, struct sb_registration *ret_row, struct err *e)
{
    sqlite3_stmt *s = db->stmt[ST_FIND];
    int result = 0;
    bind_text(s, 1, institution);
    bind_text(s, 2, bundle_id);
    int rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        struct sb_registration row = {
            .id = sqlite3_column_int64(s, 0), .institution = institution, .insured = arena_strdup(arena, column(s, 1)), .bundle_id = bundle_id,
            .family = (enum sb_family)sqlite3_column_int(s, 2), .kind = arena_strdup(arena, column(s, 3)),
            .destination = arena_strdup(arena, column(s, 4)), .consent = arena_strdup(arena, column(s, 5)), .status = arena_strdup(arena, column(s, 6)),
        };
        snprintf(row.sha256, sizeof row.sha256, "%s", column(s, 7));
        if (row.insured == NULL || row.kind == NULL || row.status == NULL)
            result = err_set(e, ERR_NOMEM, MSG_NONE, NULL, NULL, NULL);
        else
            *ret_row = row;
    } else {
        result = rc == SQLITE_DONE ? err_set(e, ERR_NOTFOUND, MSG_NONE, NULL, NULL, NULL) : db_fail(db, e);
    }
    done(s);
    return result;
}

int db_put(struct sb_db *db, const struct sb_registration *row, int64_t at_ms, struct err *e)
{
    sqlite3_stmt *s = db->stmt[ST_PUT];
    bind_text(s, 1, row->institution);
    bind_text(s, 2, row->insured);
    bind_text(s, 3, row->bundle_id);
    sqlite3_bind_int(s, 4, (int)row->family);
    bind_text(s, 5, row->kind);
    bind_text(s, 6, row->destination);
    bind_text(s, 7, row->consent);
    bind_text(s, 8, row->status);
    bind_text(s, 9, row->sha256);
    sqlite3_bind_blob64(s, 10, row->bytes.data, row->bytes.len, SQLITE_STATIC);
    sqlite3_bind_int64(s, 11, at_ms);
    return run(db, ST_PUT, e);
}

int db_remove(struct sb_db *db, int64_t id, struct err *e)
{
    sqlite3_bind_int64(db->stmt[ST_REMOVE], 1, id);
    return run(db, ST_REMOVE, e);
}

int db_history(struct sb_db *db, const struct sb_registration *row, const char *effect, int64_t request_id, int64_t at_ms, struct err *e)
{
    sqlite3_stmt *s = db->stmt[ST_HISTORY];
    bind_text(s, 1, row->institution);
    bind_text(s, 2, row->bundle_id);
    bind_text(s, 3, row->insured);
    bind_text(s, 4, effect);
    bind_text(s, 5, row->sha256);
    sqlite3_bind_int64(s, 6, request_id);
    sqlite3_bind_int64(s, 7, at_ms);
    return run(db, ST_HISTORY, e);
}

int db_log(struct sb_db *db, const struct sb_log_row *row, int64_t *ret_id, struct err *e)
{
    sqlite3_stmt *s = db->stmt[ST_LOG];
    sqlite3_bind_int64(s, 1, row->at_ms);
    bind_text(s, 2, row->link == SB_WEB ? "web" : "folder");
    bind_text(s, 3, row->op);
    bind_text(s, 4, row->institution);
    bind_text(s, 5, row->identifier);
    bind_text(s, 6, row->bundle_id);
    bind_text(s, 7, row->insured);
    bind_text(s, 8, row->sha256);
    bind_text(s, 9, row->effect);
    bind_text(s, 10, row->code);
    bind_text(s, 11, row->faults);
    int result = run(db, ST_LOG, e);
    if (result == 0)
        *ret_id = sqlite3_last_insert_rowid(db->handle);
    return result;
}

int db_receipt_add(struct sb_db *db, const char *institution, const char *number, int64_t polls, const char *stored, struct err *e)
{
    sqlite3_stmt *s = db->stmt[ST_RECEIPT_ADD];
    bind_text(s, 1, number);
    bind_text(s, 2, institution);
    sqlite3_bind_int64(s, 3, polls);
    bind_text(s, 4, stored);
    return run(db, ST_RECEIPT_ADD, e);
}

int db_receipt_poll(struct sb_db *db, const char *institution, const char *number, struct arena *arena, bool *ret_pending, const char **ret_stored, struct err *e)
{
    sqlite3_stmt *s = db->stmt[ST_RECEIPT_GET];
    bind_text(s, 1, number);
    bind_text(s, 2, institution);
    int rc = sqlite3_step(s);
    bool pending = rc == SQLITE_ROW && sqlite3_column_int64(s, 0) > 0;
    const char *stored = rc == SQLITE_ROW ? arena_strdup(arena, column(s, 1)) : NULL;
    done(s);
    if (rc == SQLITE_DONE)
        return err_set(e, ERR_NOTFOUND, MSG_NONE, NULL, NULL, NULL);
    if (stored == NULL)
        return db_fail(db, e);
    bind_text(db->stmt[ST_RECEIPT_POLL], 1, number);
    int result = run(db, ST_RECEIPT_POLL, e);
    if (result == 0) {
        *ret_pending = pending;
        *ret_stored = stored;
    }
    return result;
}

/* Looks one word up and gives it as static text out of `words` (NULL-terminated). */
static int look_up(struct sb_db *db, enum stmt which, const char *key, const char *const *words, const char **ret_word, struct err *e)
{
    sqlite3_stmt *s = db->stmt[which];
    bind_text(s, 1, key);
    int rc = sqlite3_step(s);
    const char *found = NULL;
    for (; rc == SQLITE_ROW && *words != NULL && found == NULL; words++)
        if (strcmp(*words, column(s, 0)) == 0)
            found = *words;
    done(s);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return db_fail(db, e);
    *ret_word = found;
    return 0;
}

int db_insured(struct sb_db *db, const char *number, const char **ret_status, struct err *e)
{
    static const char *const words[] = { "valid", "ended", NULL };
    const char *status = NULL;
    int result = look_up(db, ST_INSURED_GET, number, words, &status, e);
    if (result == 0 && status == NULL)
        result = look_up(db, ST_INSURED_LIKE, number, words, &status, e);
    if (result == 0)
        *ret_status = status;
    return result;
}

int db_insured_set(struct sb_db *db, const char *number, const char *status, struct err *e)
{
    enum stmt which = status != NULL ? ST_INSURED_SET : ST_INSURED_FORGET;
    bind_text(db->stmt[which], 1, number);
    if (status != NULL)
        bind_text(db->stmt[which], 2, status);
    return run(db, which, e);
}

int db_institution(struct sb_db *db, const char *code, const char **ret_participates, struct err *e)
{
    static const char *const words[] = { "yes", "no", NULL };
    return look_up(db, ST_INSTITUTION_GET, code, words, ret_participates, e);
}

int db_institution_set(struct sb_db *db, const char *code, const char *participates, struct err *e)
{
    bind_text(db->stmt[ST_INSTITUTION_SET], 1, code);
    bind_text(db->stmt[ST_INSTITUTION_SET], 2, participates);
    return run(db, ST_INSTITUTION_SET, e);
}

int db_status_set(struct sb_db *db, const char *bundle_id, const char *status, struct err *e)
{
    bind_text(db->stmt[ST_STATUS_SET], 1, bundle_id);
    bind_text(db->stmt[ST_STATUS_SET], 2, status);
    int result = run(db, ST_STATUS_SET, e);
    if (result == 0 && sqlite3_changes(db->handle) == 0)
        result = err_set(e, ERR_NOTFOUND, MSG_NONE, NULL, bundle_id, NULL);
    return result;
}

int db_reset(struct sb_db *db, struct err *e)
{
    static const char sql[] = "BEGIN IMMEDIATE; DELETE FROM registrations; DELETE FROM history; DELETE FROM requests; DELETE FROM receipts; COMMIT;";
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_fail(db, e);
}

/* ---- listings --------------------------------------------------------------------------------------------------------------------- */

static int print_line(cJSON *line, struct buf *out)
{
    char *text = cJSON_PrintUnformatted(line);
    if (text == NULL || buf_add_str(out, text) < 0)
        buf_add_str(out, "{}");
    cJSON_free(text);
    return buf_add_char(out, '\n');
}

static void add_columns(cJSON *line, sqlite3_stmt *s, const char *const *names)
{
    for (int i = 0; names[i] != NULL; i++) {
        if (sqlite3_column_type(s, i) == SQLITE_INTEGER)
            cJSON_AddNumberToObject(line, names[i], (double)sqlite3_column_int64(s, i));
        else if (sqlite3_column_type(s, i) != SQLITE_NULL)
            cJSON_AddStringToObject(line, names[i], column(s, i));
    }
}

static void add_time(cJSON *line, int64_t at_ms)
{
    char text[TIME_TEXT_MAX];
    time_format_jst_ms(at_ms, text);
    cJSON_AddStringToObject(line, "at", text);
}

static void add_history(struct sb_db *db, cJSON *line, sqlite3_stmt *row)
{
    static const char *const names[] = { "effect", "sha256", "request", "at_ms", "insured", NULL };
    sqlite3_stmt *s = db->stmt[ST_DUMP_HISTORY];
    cJSON *list = cJSON_AddArrayToObject(line, "history");
    bind_text(s, 1, column(row, 1));
    bind_text(s, 2, column(row, 3));
    while (sqlite3_step(s) == SQLITE_ROW) {
        cJSON *item = cJSON_CreateObject();
        add_columns(item, s, names);
        add_time(item, sqlite3_column_int64(s, 3));
        cJSON_AddItemToArray(list, item);
    }
    done(s);
}

int db_dump(struct sb_db *db, const char *bundle_id, bool with_bytes, struct buf *out, struct err *e)
{
    static const char *const names[] = { "id", "institution", "insured", "bundle_id", "family", "kind", "destination", "consent", "status", "sha256", "at_ms", NULL };
    static const char *const families[] = { "document", "summary", "chart" };
    sqlite3_stmt *s = db->stmt[ST_DUMP];
    int rc;
    bind_text(s, 1, bundle_id);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        cJSON *line = cJSON_CreateObject();
        add_columns(line, s, names);
        cJSON_ReplaceItemInObject(line, "family", cJSON_CreateString(families[sqlite3_column_int(s, 4) % 3]));
        add_time(line, sqlite3_column_int64(s, 10));
        cJSON_AddNumberToObject(line, "size", sqlite3_column_bytes(s, 11));
        add_history(db, line, s);
        if (with_bytes) {
            struct buf b;
            buf_init(&b, (size_t)64 << 20);
            base64_add(&b, sqlite3_column_blob(s, 11), (size_t)sqlite3_column_bytes(s, 11));
            cJSON_AddStringToObject(line, "bytes", b.data);
            buf_free(&b);
        }
        print_line(line, out);
        cJSON_Delete(line);
    }
    int result = rc == SQLITE_DONE ? out->failed : db_fail(db, e);
    done(s);
    return result;
}

int db_requests(struct sb_db *db, const char *bundle_id, const char *effect, const char *op, struct buf *out, int64_t *ret_count, struct err *e)
{
    static const char *const names[] = { "id", "at_ms", "link", "op", "institution", "identifier", "bundle_id", "insured", "sha256", "effect", "code", "faults", NULL };
    sqlite3_stmt *s = db->stmt[ST_REQUESTS];
    int64_t count = 0;
    int rc;
    bind_text(s, 1, bundle_id);
    bind_text(s, 2, effect);
    bind_text(s, 3, op);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        count++;
        if (out != NULL) {
            cJSON *line = cJSON_CreateObject();
            add_columns(line, s, names);
            add_time(line, sqlite3_column_int64(s, 1));
            print_line(line, out);
            cJSON_Delete(line);
        }
    }
    int result = rc == SQLITE_DONE ? 0 : db_fail(db, e);
    done(s);
    if (result == 0)
        *ret_count = count;
    return result;
}

int db_count(struct sb_db *db, int64_t *ret_registrations, int64_t *ret_requests, struct err *e)
{
    sqlite3_stmt *s = db->stmt[ST_COUNT];
    int result = 0;
    if (sqlite3_step(s) == SQLITE_ROW) {
        *ret_registrations = sqlite3_column_int64(s, 0);
        *ret_requests = sqlite3_column_int64(s, 1);
    } else {
        result = db_fail(db, e);
    }
    done(s);
    return result;
}
