/*
 * NAME
 *     retain - the end of the time that things are kept
 *
 * SYNOPSIS
 *     n = store_retain(store, before_wall_ms, 100, &e);
 *
 * DESCRIPTION
 *     A request that was answered long ago is removed with everything below it when nothing depends on it. Each row leaves an event "retired", and
 *     the words of its events are taken out of the chain: their digests stay, so the chain still verifies and the fold says "not there".
 *
 *     What must stay: the newest `done` message of a Bundle-ID and the newest live message of a unit (they decide what a register, change or
 *     cancel may do, for ever), messages with an open incident or a submit that can still take effect, requests that another one repeats or is
 *     about. Of these only the payloads go, by ordinary puts of the rows without them; they are looked at again a month later.
 *
 *     A payload goes when no row names it and it was put before that time; its file after the commit. Files without a row (their turn
 *     was rolled back) are looked for in one of the 256 folders a call.
 *
 * DIAGNOSTICS
 *     Those of the store. A call that fails has changed nothing.
 */
#include "store/store_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>
#include "base/file.h"
#include "base/timefmt.h"

enum { PAYLOADS_MAX = 1024 };
static const int64_t again_ms = INT64_C(30) * 24 * 60 * 60 * 1000;

typedef int visit(struct store *store, enum store_table table, union store_row *row, const struct flow_cause *cause, struct err *e);

/* Every row that a query gives, the id of the last one being its last argument. */
static int each(struct store *store, enum store_query query, int64_t of, visit *visit_row, const struct flow_cause *cause, struct err *e)
{
    union store_row row;
    int64_t after = 0;
    int r;

    while ((r = store_row_query(store, query, &row, ARGS(ARG_INT(of), ARG_INT(after)), e)) == 1) {
        after = row.head.id;
        if ((r = visit_row(store, store_query_table(query), &row, cause, e)) != 0)
            return r;
    }
    return r;
}

/* ---- may it go? visits return 1 = no ---- */

static int incident_holds(struct store *store, enum store_table table, union store_row *row, const struct flow_cause *cause, struct err *e)
{
    (void)store, (void)table, (void)cause, (void)e;
    return row->incident.open;
}

/* Its bytes may still be asked for. */
static int message_busy(struct store *store, enum store_table table, union store_row *row, const struct flow_cause *cause, struct err *e)
{
    (void)table;
    if (!flow_message_final(row->message.state) || row->message.blocks || row->message.loud > 0)
        return 1;
    return each(store, Q_INCIDENT_NEXT_OF_MESSAGE, row->message.id, incident_holds, cause, e);
}

static int message_needed(struct store *store, enum store_table table, union store_row *row, const struct flow_cause *cause, struct err *e)
{
    const struct flow_message *m = &row->message;
    union store_row other;
    int r;

    (void)table, (void)cause;
    if ((r = store_row_query(store, Q_UNIT_NEXT_REPEATING, &other, ARGS(ARG_INT(m->id), ARG_INT(0)), e)) != 0)
        return r;
    if (m->state != FLOW_MS_DONE)
        return 0;
    r = store_row_query(store, Q_MESSAGE_LAST_DONE, &other, ARGS(ARG_TEXT(m->facility), ARG_TEXT(m->bundle_id)), e);
    if (r < 0 || other.message.id == m->id)
        return r;
    r = store_row_query(store, Q_MESSAGE_LIVE_OF_UNIT, &other, ARGS(ARG_TEXT(m->facility), ARG_TEXT(m->unit)), e);
    return r < 0 ? r : r == 1 && other.message.id == m->id;
}

static int request_needed(struct store *store, int64_t request, const struct flow_cause *cause, struct err *e)
{
    int64_t other;
    int r = store_number_query(store, Q_RETAIN_REPEATED, &other, NULL, ARGS(ARG_INT(request)), e);

    if (r == 0)
        r = store_number_query(store, Q_RETAIN_ABOUT, &other, NULL, ARGS(ARG_INT(request)), e);
    return r != 0 ? r : each(store, Q_MESSAGE_NEXT_OF_REQUEST, request, message_needed, cause, e);
}

/* ---- it goes ---- */

static int row_retire(struct store *store, enum store_table table, union store_row *row, const struct flow_cause *cause, struct err *e)
{
    return store_row_retire(store, table, row, cause, e);
}

static int message_retire(struct store *store, enum store_table table, union store_row *row, const struct flow_cause *cause, struct err *e)
{
    int64_t id = row->message.id;
    int r = each(store, Q_INCIDENT_NEXT_OF_MESSAGE, id, row_retire, cause, e);

    if (r == 0)
        r = each(store, Q_EXCHANGE_NEXT_OF_MESSAGE, id, row_retire, cause, e);
    if (r == 0)
        r = each(store, Q_ATTEMPT_NEXT_OF_MESSAGE, id, row_retire, cause, e);
    return r == 0 ? row_retire(store, table, row, cause, e) : r;
}

static int request_retire(struct store *store, const struct flow_request *request, const struct flow_cause *cause, struct err *e)
{
    int r = each(store, Q_MESSAGE_NEXT_OF_REQUEST, request->id, message_retire, cause, e);

    if (r == 0)
        r = each(store, Q_UNIT_NEXT_OF_REQUEST, request->id, row_retire, cause, e);
    if (r == 0)
        r = each(store, Q_ATTACHMENT_NEXT_OF_REQUEST, request->id, row_retire, cause, e);
    if (r == 0)
        r = store_run_query(store, Q_OUT_NAME_DROP, NULL, ARGS(ARG_INT(request->id)), e);
    return r == 0 ? store_row_retire(store, TABLE_REQUEST, request, cause, e) : r;
}

/* ---- its payloads go ---- */

static int row_lighten(struct store *store, enum store_table table, union store_row *row, const struct flow_cause *cause, struct err *e)
{
    static const struct sha256 absent;
    const struct store_columns *t = store_columns_of(table);
    bool changed = false;

    for (size_t i = 0; i < t->count; i++) {
        char *field = (char *)row + t->column[i].offset;
        if (t->column[i].type != COLUMN_PAYLOAD || memcmp(field, &absent, sizeof absent) == 0)
            continue;
        memcpy(field, &absent, sizeof absent);
        changed = true;
    }
    return changed ? store_row_put(store, table, row, cause, e) : 0;
}

static int message_lighten(struct store *store, enum store_table table, union store_row *row, const struct flow_cause *cause, struct err *e)
{
    int64_t id = row->message.id;
    int r = each(store, Q_EXCHANGE_NEXT_OF_MESSAGE, id, row_lighten, cause, e);

    if (r == 0)
        r = each(store, Q_ATTEMPT_NEXT_OF_MESSAGE, id, row_lighten, cause, e);
    return r == 0 ? row_lighten(store, table, row, cause, e) : r;
}

static int request_lighten(struct store *store, const struct flow_request *request, const struct flow_cause *cause, struct err *e)
{
    union store_row row = { .request = *request };
    int r = each(store, Q_MESSAGE_NEXT_OF_REQUEST, request->id, message_lighten, cause, e);

    if (r == 0)
        r = each(store, Q_ATTACHMENT_NEXT_OF_REQUEST, request->id, row_lighten, cause, e);
    return r == 0 ? row_lighten(store, TABLE_REQUEST, &row, cause, e) : r;
}

/* ---- payloads that nobody names ---- */

/* 1 and what was removed, 0 = none left */
static int payload_remove_next(struct store *store, int64_t before_wall_ms, struct sha256 *ret_digest, bool *ret_file, struct err *e)
{
    sqlite3_stmt *stmt;
    int64_t id = 0;
    int rc, r = store_query_begin(store, Q_PAYLOAD_UNNAMED, &stmt, e);

    if (r < 0)
        return r;
    if ((r = store_bind(store, stmt, ARGS(ARG_INT(before_wall_ms)), e)) == 0) {
        rc = sqlite3_step(stmt);
        r = rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : store_sqlite_error(store, rc, e);
        if (r == 1 && sqlite3_column_bytes(stmt, 1) != SHA256_BYTES)
            r = err_set(e, ERR_CORRUPT, MSG_STORE_CORRUPT, NULL, "payload", NULL);
    }
    if (r == 1) {
        id = sqlite3_column_int64(stmt, 0);
        memcpy(ret_digest, sqlite3_column_blob(stmt, 1), SHA256_BYTES);
        *ret_file = sqlite3_column_int(stmt, 2) == PLACE_FILE;
    }
    store_query_done(stmt);
    if (r != 1)
        return r;
    r = store_run_query(store, Q_PAYLOAD_CONTENT_DROP, NULL, ARGS(ARG_INT(id)), e);
    if (r == 0)
        r = store_run_query(store, Q_PAYLOAD_DROP, NULL, ARGS(ARG_INT(id)), e);
    if (r == 0)
        r = store_run_query(store, Q_FACTS_DROP, NULL, ARGS(ARG_DIGEST(ret_digest)), e);
    return r < 0 ? r : 1;
}

/* No row, no file. Outside a transaction, so that every row there is can be seen. */
static void sweep_folder(struct store *store)
{
    char name[3];
    struct sha256 digest;
    int64_t id;

    snprintf(name, sizeof name, "%02x", store->swept++ & 0xff);
    int fd = dir_open(store->payload, name, NULL);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (d == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *at; (at = readdir(d)) != NULL;) {
        if (strcmp(at->d_name, ".") == 0 || strcmp(at->d_name, "..") == 0)
            continue;
        bool named = sha256_from_hex(at->d_name, strlen(at->d_name), &digest) == 0;
        if (!named || store_number_query(store, Q_PAYLOAD_FIND, &id, NULL, ARGS(ARG_DIGEST(&digest)), NULL) == 0)
            unlinkat(dirfd(d), at->d_name, 0);
    }
    closedir(d);
}

/* ---- one slice ---- */

static int request_end(struct store *store, const struct flow_request *request, int64_t before_wall_ms, const struct flow_cause *cause, struct err *e)
{
    int r = each(store, Q_MESSAGE_NEXT_OF_REQUEST, request->id, message_busy, cause, e);

    if (r == 0 && (r = request_needed(store, request->id, cause, e)) == 0)
        return request_retire(store, request, cause, e);
    if (r == 1 && (r = each(store, Q_MESSAGE_NEXT_OF_REQUEST, request->id, message_busy, cause, e)) == 0)
        r = request_lighten(store, request, cause, e);
    return r < 0 ? r : store_run_query(store, Q_RETAIN_LATER, NULL, ARGS(ARG_INT(request->id), ARG_INT(before_wall_ms + again_ms)), e);
}

static int slice(struct store *store, int64_t before_wall_ms, int max, struct sha256 *gone, size_t *ret_files, struct err *e)
{
    struct flow_cause cause = { .msg = MSG_STORE_RETIRED, .actor = "", .wall_ms = time_wall_ms() };
    struct flow_request request;
    int done = 0, r = 0;

    while (done < max && r >= 0) {
        r = store_row_query(store, Q_RETAIN_NEXT, &request, ARGS(ARG_INT(before_wall_ms)), e);
        if (r == 0)
            r = store_row_query(store, Q_RETAIN_AGAIN, &request, ARGS(ARG_INT(before_wall_ms)), e);
        if (r != 1)
            break;
        r = request_end(store, &request, before_wall_ms, &cause, e);
        done++;
    }
    for (size_t i = 0; i < PAYLOADS_MAX && r >= 0; i++) {
        bool file = false;
        if ((r = payload_remove_next(store, before_wall_ms, &gone[*ret_files], &file, e)) != 1)
            break;
        *ret_files += file;
    }
    return r < 0 ? r : done;
}

int store_retain(struct store *store, int64_t before_wall_ms, int max, struct err *e)
{
    struct sha256 *gone = malloc((PAYLOADS_MAX + 1) * sizeof *gone);
    size_t files = 0;
    int done = 0, r;

    if (gone == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "store", NULL);
    if ((r = store_begin(store, e)) < 0)
        goto out;
    done = slice(store, before_wall_ms, max, gone, &files, e);
    if (done < 0)
        store_rollback(store);
    r = done < 0 ? done : store_commit(store, e);
    for (size_t i = 0; i < files && r == 0; i++)
        store_payload_unlink(store, &gone[i]);
    if (r == 0)
        sweep_folder(store);
out:
    free(gone);
    return r < 0 ? r : done;
}
