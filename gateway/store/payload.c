/*
 * NAME
 *     payload - bytes by their digest, and what the desk remembers beside the rows
 *
 * SYNOPSIS
 *     store_payload_put(store, bytes, &digest, &e); store_payload_get(store, &digest, &content, &e);
 *
 * DESCRIPTION
 *     A payload lies in the database up to STORE_INLINE_MAX bytes, else in payload/XX/DIGEST, which is durable before its row is. A file whose
 *     row was rolled back is harmless: the next put of the same bytes replaces it.
 *
 *     The row of a payload is written once, at the commit of the transaction that put it; until then it stands in store->fresh.
 *
 *     `refs` counts the columns of rows that name a payload; what no row names is removed at the end of the time that things are kept (retain.c).
 *
 * DIAGNOSTICS
 *     ERR_CORRUPT: bytes and digest differ. Error texts carry eight digits of the digest.
 */
#include "store/store_private.h"

#include <fcntl.h>
#include <unistd.h>
#include "base/file.h"
#include "base/text.h"
#include "base/timefmt.h"

enum { DAY_MS = 24 * 60 * 60 * 1000 };

struct payload { int64_t id, size; enum payload_place place; int64_t refs; };

static int damaged(const struct sha256 *digest, struct err *e)
{
    char hex[SHA256_HEX];

    sha256_to_hex(digest, hex);
    hex[8] = '\0';
    return err_set(e, ERR_CORRUPT, MSG_STORE_PAYLOAD_BAD, NULL, hex, NULL);
}

/* The newest are asked for first. */
static struct fresh *fresh_find(struct store *store, const struct sha256 *digest)
{
    for (size_t i = store->fresh_count; i > 0; i--)
        if (memcmp(&store->fresh[i - 1].digest, digest, sizeof *digest) == 0)
            return &store->fresh[i - 1];
    return NULL;
}

/* 1, 0, or a negative code */
static int payload_find(struct store *store, const struct sha256 *digest, struct payload *ret_payload, struct err *e)
{
    const struct fresh *fresh = fresh_find(store, digest);
    sqlite3_stmt *stmt;
    int rc, r;

    if (fresh != NULL) {
        *ret_payload = (struct payload){ fresh->id, fresh->size, fresh->place, fresh->refs };
        return 1;
    }
    r = store_query_begin(store, Q_PAYLOAD_FIND, &stmt, e);

    if (r < 0)
        return r;
    if ((r = store_bind(store, stmt, ARGS(ARG_DIGEST(digest)), e)) == 0) {
        rc = sqlite3_step(stmt);
        r = rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : store_sqlite_error(store, rc, e);
    }
    if (r == 1)
        *ret_payload = (struct payload){ sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1), sqlite3_column_int(stmt, 2) == PLACE_FILE ? PLACE_FILE : PLACE_INLINE, sqlite3_column_int64(stmt, 3) };
    store_query_done(stmt);
    return r;
}

/* ---- files ---- */

/* The folder of a digest; made durable when make is set. */
static int folder_open(struct store *store, const char *hex, bool make, struct err *e)
{
    char name[3] = { hex[0], hex[1], '\0' };
    int fd = dir_open(store->payload, name, e), r;

    if (fd != ERR_NOTFOUND || !make)
        return fd;
    fd = dir_make(store->payload, name, 0700, e);
    if (fd >= 0 && (r = dir_sync(store->payload, e)) < 0) {
        close(fd);
        return r;
    }
    return fd;
}

static int file_put(struct store *store, struct bytes content, const struct sha256 *digest, struct err *e)
{
    char hex[SHA256_HEX];
    struct err local = ERR_INIT;
    int r;

    sha256_to_hex(digest, hex);
    int fd = folder_open(store, hex, true, &local);
    if (fd >= 0) {
        r = file_write(fd, hex, content.data, content.len, 0600, FILE_REPLACE, FILE_DURABLE, &local);
        close(fd);
    } else {
        r = fd;
    }
    if (r == ERR_LIMIT) {
        store->broken = true;
        return err_set(e, ERR_LIMIT, MSG_STORE_FULL, NULL, NULL, NULL);
    }
    if (r == ERR_IO)   /* a failed fsync is among these */
        store->poisoned = true;
    if (r < 0)
        err_copy(e, &local);
    return r;
}

static int file_get(struct store *store, int64_t size, const struct sha256 *digest, struct buf *out, struct err *e)
{
    char hex[SHA256_HEX];

    sha256_to_hex(digest, hex);
    int fd = folder_open(store, hex, false, e);
    int r = fd < 0 ? fd : file_read(fd, hex, (size_t)size, out, e);
    if (fd >= 0)
        close(fd);
    return r == ERR_NOTFOUND || r == ERR_LIMIT ? damaged(digest, e) : r;
}

void store_payload_unlink(struct store *store, const struct sha256 *digest)
{
    char hex[SHA256_HEX];

    sha256_to_hex(digest, hex);
    int fd = folder_open(store, hex, false, NULL);
    if (fd < 0)
        return;
    unlinkat(fd, hex, 0);
    close(fd);
}

/* ---- put and get ---- */

static int content_add(struct store *store, int64_t id, struct bytes content, struct err *e)
{
    sqlite3_stmt *stmt;
    int rc, r = store_query_begin(store, Q_PAYLOAD_CONTENT_ADD, &stmt, e);

    if (r < 0)
        return r;
    sqlite3_bind_int64(stmt, 1, id);
    /* An empty text must not become NULL. */
    rc = sqlite3_bind_blob64(stmt, 2, content.len > 0 ? content.data : "", content.len, SQLITE_STATIC);
    if (rc != SQLITE_OK || (rc = sqlite3_step(stmt)) != SQLITE_DONE)
        r = store_sqlite_error(store, rc, e);
    store_query_done(stmt);
    return r;
}

/* Its id and its place among those of this transaction. */
static int fresh_add(struct store *store, const struct sha256 *digest, size_t size, enum payload_place place, int64_t *ret_id, struct err *e)
{
    if (store->next_payload == 0) {
        int r = store_number_query(store, Q_PAYLOAD_LAST, &store->next_payload, NULL, NULL, 0, e);
        if (r < 0)
            return r;
        store->next_payload++;
    }
    if (store->fresh_count == store->fresh_capacity) {
        size_t capacity = store->fresh_capacity == 0 ? 64 : store->fresh_capacity * 2;
        struct fresh *more = realloc(store->fresh, capacity * sizeof *more);
        if (more == NULL)
            return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "store", NULL);
        store->fresh = more;
        store->fresh_capacity = capacity;
    }
    *ret_id = store->next_payload++;
    store->fresh[store->fresh_count++] = (struct fresh){ .digest = *digest, .id = *ret_id, .size = (int64_t)size, .place = place };
    return 0;
}

int store_payload_write(struct store *store, struct err *e)
{
    int64_t now = time_wall_ms();
    int r = 0;

    for (size_t i = 0; i < store->fresh_count && r == 0; i++) {
        const struct fresh *f = &store->fresh[i];
        r = store_run_query(store, Q_PAYLOAD_ADD, NULL, ARGS(ARG_INT(f->id), ARG_DIGEST(&f->digest), ARG_INT(f->size), ARG_INT(f->place), ARG_INT(f->refs), ARG_INT(now)), e);
    }
    store->fresh_count = 0;
    return r;
}

int store_payload_put(struct store *store, struct bytes content, struct sha256 *ret_digest, struct err *e)
{
    struct sha256 digest;
    struct payload known;
    int64_t id = 0;
    enum payload_place place = content.len > STORE_INLINE_MAX ? PLACE_FILE : PLACE_INLINE;
    int r = store_usable(store, true, e);

    if (r < 0)
        return r;
    if (sha256_make(store->digester, &content, 1, &digest) < 0)
        return err_set(e, ERR_INTERNAL, MSG_INTERNAL, NULL, "store", "digest");
    if ((r = payload_find(store, &digest, &known, e)) == 0) {
        r = place == PLACE_FILE ? file_put(store, content, &digest, e) : 0;
        if (r == 0)
            r = fresh_add(store, &digest, content.len, place, &id, e);
        if (r == 0 && place == PLACE_INLINE)
            r = content_add(store, id, content, e);
    } else if (r == 1 && known.refs == 0 && fresh_find(store, &digest) == NULL) {
        r = store_run_query(store, Q_PAYLOAD_AGAIN, NULL, ARGS(ARG_INT(known.id), ARG_INT(time_wall_ms())), e);
    }
    if (r < 0) {
        store->broken = true;
        return r;
    }
    *ret_digest = digest;
    return 0;
}

static int content_get(struct store *store, int64_t id, const struct sha256 *digest, struct buf *out, struct err *e)
{
    sqlite3_stmt *stmt;
    int rc, r = store_query_begin(store, Q_PAYLOAD_CONTENT_GET, &stmt, e);

    if (r == 0 && (r = store_bind(store, stmt, ARGS(ARG_INT(id)), e)) == 0) {
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW && buf_add(out, sqlite3_column_blob(stmt, 0), (size_t)sqlite3_column_bytes(stmt, 0)) < 0)
            r = err_set(e, out->failed, out->failed == ERR_LIMIT ? MSG_LIMIT : MSG_NOMEM, NULL, "payload", NULL);
        else if (rc == SQLITE_DONE)
            r = damaged(digest, e);
        else if (rc != SQLITE_ROW)
            r = store_sqlite_error(store, rc, e);
        store_query_done(stmt);
    }
    return r;
}

int store_payload_get(struct store *store, const struct sha256 *digest, struct buf *ret_content, struct err *e)
{
    struct payload known;
    struct sha256 found;
    size_t start = ret_content->len;
    int r = payload_find(store, digest, &known, e);

    if (r == 0)
        return err_set(e, ERR_NOTFOUND, MSG_NOT_FOUND, NULL, "payload", NULL);
    if (r > 0)
        r = known.place == PLACE_FILE ? file_get(store, known.size, digest, ret_content, e) : content_get(store, known.id, digest, ret_content, e);
    if (r == 0 && sha256_of(ret_content->data + start, ret_content->len - start, &found) < 0)
        r = err_set(e, ERR_INTERNAL, MSG_INTERNAL, NULL, "store", "digest");
    if (r == 0 && memcmp(&found, digest, sizeof found) != 0)
        r = damaged(digest, e);
    if (r < 0 && ret_content->len > start) {
        ret_content->len = start;
        ret_content->data[start] = '\0';
    }
    return r;
}

int store_payload_fd(struct store *store, const struct sha256 *digest, struct err *e)
{
    struct buf content;
    int r;

    buf_init(&content, SIZE_MAX / 2);
    r = store_payload_get(store, digest, &content, e);
    if (r == 0)
        r = memfd_seal("payload", content.data, content.len, e);
    buf_free(&content);
    return r;
}

int store_payload_check(struct store *store, const struct sha256 *digest, struct err *e)
{
    struct buf content;

    buf_init(&content, SIZE_MAX / 2);
    int r = store_payload_get(store, digest, &content, e);
    buf_free(&content);
    return r;
}

/* ---- who names it ---- */

int store_payload_refer(struct store *store, const struct sha256 *digest, int change, struct err *e)
{
    struct fresh *fresh = fresh_find(store, digest);
    int changes, r;

    if (fresh != NULL) {
        fresh->refs += change;
        return 0;
    }
    r = store_run_query(store, Q_PAYLOAD_REFER, &changes, ARGS(ARG_DIGEST(digest), ARG_INT(change)), e);

    if (r == 0 && changes == 0)
        r = err_set(e, ERR_INTERNAL, MSG_INTERNAL, NULL, "store", "a row names a payload that was not put");
    return r;
}

/* ---- what the desk remembers beside the rows ---- */

int store_out_name_put(struct store *store, int64_t request, const char *out_name, struct err *e)
{
    struct flow_request row;
    int r = store_usable(store, true, e);

    if (r == 0)
        r = store_row_get(store, TABLE_REQUEST, request, &row, e);
    if (r == 0)
        r = store_run_query(store, Q_OUT_NAME_PUT, NULL, ARGS(ARG_INT(request), ARG_TEXT(row.source), ARG_TEXT(out_name)), e);
    return r;
}

int store_out_name_get(struct store *store, int64_t request, char ret_name[static FLOW_NAME], struct err *e)
{
    sqlite3_stmt *stmt;
    int rc, r = store_query_begin(store, Q_OUT_NAME_GET, &stmt, e);

    if (r < 0)
        return r;
    if ((r = store_bind(store, stmt, ARGS(ARG_INT(request)), e)) == 0) {
        rc = sqlite3_step(stmt);
        if (rc != SQLITE_ROW && rc != SQLITE_DONE)
            r = store_sqlite_error(store, rc, e);
        else
            snprintf(ret_name, FLOW_NAME, "%s", rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : "");
    }
    store_query_done(stmt);
    return r;
}

int store_out_name_taken(struct store *store, const char *source, const char *out_name, bool *ret_taken, struct err *e)
{
    int64_t request;
    int r = store_number_query(store, Q_OUT_NAME_TAKEN, &request, NULL, ARGS(ARG_TEXT(source), ARG_TEXT(out_name), ARG_INT(time_wall_ms() - DAY_MS)), e);

    if (r >= 0)
        *ret_taken = r == 1;
    return r < 0 ? r : 0;
}

int store_facts_put(struct store *store, const struct sha256 *bundle, const struct store_facts *facts, struct err *e)
{
    int r = store_usable(store, true, e);

    return r < 0 ? r : store_run_query(store, Q_FACTS_PUT, NULL, ARGS(ARG_DIGEST(bundle), ARG_INT(facts->consent), ARG_TEXT(facts->receiver), ARG_TEXT(facts->chart_kind)), e);
}

int store_facts_get(struct store *store, const struct sha256 *bundle, struct store_facts *ret_facts, struct err *e)
{
    struct store_facts facts = { .consent = 0 };
    sqlite3_stmt *stmt;
    int rc, r = store_query_begin(store, Q_FACTS_GET, &stmt, e);

    if (r < 0)
        return r;
    if ((r = store_bind(store, stmt, ARGS(ARG_DIGEST(bundle)), e)) == 0) {
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW) {
            facts.consent = sqlite3_column_int64(stmt, 0);
            snprintf(facts.receiver, sizeof facts.receiver, "%s", (const char *)sqlite3_column_text(stmt, 1));
            snprintf(facts.chart_kind, sizeof facts.chart_kind, "%s", (const char *)sqlite3_column_text(stmt, 2));
        } else {
            r = rc == SQLITE_DONE ? err_set(e, ERR_NOTFOUND, MSG_NOT_FOUND, NULL, "facts", NULL) : store_sqlite_error(store, rc, e);
        }
    }
    store_query_done(stmt);
    if (r == 0)
        *ret_facts = facts;
    return r;
}
