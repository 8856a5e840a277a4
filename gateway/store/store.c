/*
 * NAME
 *     store - the durable memory of the gateway
 *
 * SYNOPSIS
 *     store_open(dir, STORE_READ_WRITE, &store, &e); store_begin(store, &e); ... store_commit(store, &e); store = store_close(store);
 *
 * DESCRIPTION
 *     One SQLite database, dir/store.db, in WAL mode under an exclusive lock, and dir/payload/ for large payloads. dir/lock is held by flock(2)
 *     as long as the store is open, by readers too: with locking_mode=EXCLUSIVE there is no sharing.
 *
 *     A commit is one fsync of the log (synchronous=FULL). Checkpoints are made here and not by SQLite, which would hide a failed fsync of one
 *     and try again; after a failed fsync nobody knows what the disk holds, so the store is done for.
 *
 *     Every statement has its place in an index; each is prepared when it is first used, and kept.
 *
 * DIAGNOSTICS
 *     ERR_LIMIT: the disk is full; roll back and go on. ERR_IO: for good. ERR_CORRUPT: damage. ERR_NOT_NOW: another process, or no transaction.
 *     Texts of errors name tables and codes, never contents.
 */
#include "store/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"

enum { PATH_MAX_BYTES = 4096, TEXT_MAX_BYTES = 1 << 20 };

/* ---- errors ---- */

int store_usable(const struct store *store, bool write, struct err *e)
{
    if (store->poisoned)
        return err_set(e, ERR_IO, MSG_STORE_FAILED, NULL, "earlier failure", NULL);
    if (write && store->mode == STORE_READ_ONLY)
        return err_set(e, ERR_DENIED, MSG_STORE_READ_ONLY, NULL, NULL, NULL);
    if (write && (!store->in_turn || store->broken))
        return err_set(e, ERR_NOT_NOW, MSG_NOT_NOW, NULL, "store", store->broken ? "transaction is to be rolled back" : "no transaction");
    return 0;
}

/*
 * SQLite knows ENOSPC as a full disk, but neither a quota nor a limit of the file's size. Its own record of errno misses what fails inside COMMIT, so errno
 * itself is asked: the failed write was the last call that set it.
 */
static bool out_of_room(int rc, int number)
{
    if ((rc & 0xff) == SQLITE_FULL)
        return true;
    return (rc == SQLITE_IOERR_WRITE || rc == SQLITE_IOERR_TRUNCATE) && (number == ENOSPC || number == EDQUOT || number == EFBIG);
}

int store_sqlite_error(struct store *store, int rc, struct err *e)
{
    int number = errno, extended = sqlite3_extended_errcode(store->db);

    if ((extended & 0xff) == (rc & 0xff))
        rc = extended;
    const char *name = sqlite3_errstr(rc);

    store->broken = store->in_turn;
    if (out_of_room(rc, number))
        return err_set(e, ERR_LIMIT, MSG_STORE_FULL, NULL, NULL, NULL);
    switch (rc & 0xff) {
    case SQLITE_NOMEM: return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "store", NULL);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return err_set(e, ERR_CORRUPT, MSG_STORE_CORRUPT, NULL, name, NULL);
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return err_set(e, ERR_NOT_NOW, MSG_STORE_LOCKED, NULL, NULL, NULL);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN: return err_set(e, ERR_DENIED, MSG_IO, NULL, "store", name);
    case SQLITE_CONSTRAINT: return err_set(e, ERR_EXISTS, MSG_INTERNAL, NULL, "store", name);
    case SQLITE_IOERR:
        if (rc == SQLITE_IOERR_NOMEM)
            return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "store", NULL);
        store->poisoned = true;
        err_set(e, ERR_IO, MSG_STORE_FAILED, NULL, name, NULL);
        if (e != NULL)
            e->sys_errno = number;
        return ERR_IO;
    default: return err_set(e, ERR_INTERNAL, MSG_INTERNAL, NULL, "store", name);
    }
}

int store_exec(struct store *store, const char *sql, struct err *e)
{
    int rc = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : store_sqlite_error(store, rc, e);
}

/* ---- statements ---- */

int store_query_begin(struct store *store, enum store_query query, sqlite3_stmt **ret_stmt, struct err *e)
{
    int r = store_usable(store, false, e), rc;

    if (r == 0 && store->query[query] == NULL) {
        buf_reset(&store->text);
        if (store_query_text(query, &store->text) < 0)
            return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "store", NULL);
        rc = sqlite3_prepare_v3(store->db, store->text.data, -1, SQLITE_PREPARE_PERSISTENT, &store->query[query], NULL);
        r = rc == SQLITE_OK ? 0 : store_sqlite_error(store, rc, e);
    }
    if (r == 0)
        *ret_stmt = store->query[query];
    return r;
}

void store_query_done(sqlite3_stmt *stmt)
{
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
}

int store_bind(struct store *store, sqlite3_stmt *stmt, const struct store_arg *args, size_t count, struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        int rc = args[i].text != NULL ? sqlite3_bind_text(stmt, (int)i + 1, args[i].text, -1, SQLITE_STATIC)
                 : args[i].digest != NULL ? sqlite3_bind_blob(stmt, (int)i + 1, args[i].digest, SHA256_BYTES, SQLITE_STATIC)
                 : sqlite3_bind_int64(stmt, (int)i + 1, args[i].number);
        if (rc != SQLITE_OK)
            return store_sqlite_error(store, rc, e);
    }
    return 0;
}

int store_rows_query(struct store *store, enum store_query query, void *ret_rows, int max, const struct store_arg *args, size_t count, struct err *e)
{
    enum store_table table = store_query_table(query);
    size_t size = store_columns_of(table)->row_size;
    sqlite3_stmt *stmt;
    int found = 0, rc = SQLITE_ROW;
    union store_row row;
    int r = store_query_begin(store, query, &stmt, e);

    if (r < 0)
        return r;
    r = store_bind(store, stmt, args, count, e);
    while (r == 0 && found < max && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        r = store_row_read(stmt, table, &row, e);
        if (r == 0)
            memcpy((char *)ret_rows + (size_t)found++ * size, &row, size);
    }
    if (r == 0 && rc != SQLITE_ROW && rc != SQLITE_DONE)
        r = store_sqlite_error(store, rc, e);
    store_query_done(stmt);
    return r < 0 ? r : found;
}

int store_row_query(struct store *store, enum store_query query, void *ret_row, const struct store_arg *args, size_t count, struct err *e)
{
    int64_t id;
    int r;

    if (!store_query_gives_id(query))
        return store_rows_query(store, query, ret_row, 1, args, count, e);
    r = store_number_query(store, query, &id, NULL, args, count, e);
    if (r == 1 && (r = store_row_get(store, store_query_table(query), id, ret_row, e)) == 0)
        r = 1;
    return r;
}

int store_number_query(struct store *store, enum store_query query, int64_t *ret_a, int64_t *ret_b, const struct store_arg *args, size_t count, struct err *e)
{
    sqlite3_stmt *stmt;
    int rc;
    int r = store_query_begin(store, query, &stmt, e);

    if (r < 0)
        return r;
    if ((r = store_bind(store, stmt, args, count, e)) == 0) {
        rc = sqlite3_step(stmt);
        r = rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : store_sqlite_error(store, rc, e);
    }
    if (r >= 0)
        *ret_a = r == 1 ? sqlite3_column_int64(stmt, 0) : 0;
    if (r >= 0 && ret_b != NULL)
        *ret_b = r == 1 ? sqlite3_column_int64(stmt, 1) : 0;
    store_query_done(stmt);
    return r;
}

int store_run_query(struct store *store, enum store_query query, int *ret_changes, const struct store_arg *args, size_t count, struct err *e)
{
    sqlite3_stmt *stmt;
    int rc;
    int r = store_query_begin(store, query, &stmt, e);

    if (r < 0)
        return r;
    if ((r = store_bind(store, stmt, args, count, e)) == 0 && (rc = sqlite3_step(stmt)) != SQLITE_DONE)
        r = store_sqlite_error(store, rc, e);
    if (r == 0 && ret_changes != NULL)
        *ret_changes = sqlite3_changes(store->db);
    store_query_done(stmt);
    return r;
}

/* ---- transactions ---- */

int store_begin(struct store *store, struct err *e)
{
    int r = store_usable(store, false, e);

    if (r < 0)
        return r;
    if (store->mode == STORE_READ_ONLY)
        return err_set(e, ERR_DENIED, MSG_STORE_READ_ONLY, NULL, NULL, NULL);
    if (store->in_turn)
        return err_set(e, ERR_NOT_NOW, MSG_NOT_NOW, NULL, "store", "transaction is open");
    r = store_exec(store, "BEGIN IMMEDIATE", e);
    if (r == 0) {
        store->in_turn = true;
        store->broken = false;
    }
    return r;
}

/* SQLite ends the transaction itself after some errors. What is kept in memory is read anew. */
void store_rollback(struct store *store)
{
    struct err ignored = ERR_INIT;

    if (!store->in_turn)
        return;
    store->in_turn = store->broken = false;
    if (!sqlite3_get_autocommit(store->db) && sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
        store->poisoned = true;
    if (!store->poisoned && store_memory_load(store, &ignored) < 0)
        store->poisoned = true;
}

/* The log is moved into the database when it has grown. The commit before it stands whatever happens here; a full disk is tried again later. */
static void checkpoint(struct store *store, int pages)
{
    if (store->wal_pages < pages)
        return;
    int rc = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    store->wal_pages = 0;
    if (rc != SQLITE_OK && rc != SQLITE_BUSY)
        store_sqlite_error(store, rc, NULL);
}

int store_commit(struct store *store, struct err *e)
{
    int r = store_usable(store, true, e);

    if (r == 0)
        r = store_tally_write(store, e);
    if (r == 0)
        r = store_payload_write(store, e);
    if (r == 0)
        r = store_exec(store, "COMMIT", e);
    if (r < 0) {
        store_rollback(store);
        return r;
    }
    store->in_turn = false;
    checkpoint(store, WAL_PAGES);
    return 0;
}

void store_tidy(struct store *store)
{
    if (store_usable(store, false, NULL) == 0 && !store->in_turn && store->mode == STORE_READ_WRITE)
        checkpoint(store, WAL_PAGES_QUIET);
}

void store_rest(struct store *store)
{
    if (store_usable(store, false, NULL) == 0 && !store->in_turn)
        (void)sqlite3_db_release_memory(store->db);
}

static int on_wal(void *ctx, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((struct store *)ctx)->wal_pages = pages;
    return SQLITE_OK;
}

/* ---- open, close ---- */

static int take_lock(struct store *store, struct err *e)
{
    int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | (store->mode == STORE_READ_WRITE ? O_CREAT : 0);

    store->lock = openat(store->dir, "lock", flags, 0600);
    if (store->lock < 0)
        return errno == ENOENT ? err_set(e, ERR_NOTFOUND, MSG_STORE_NOT_THERE, NULL, NULL, NULL)
               : errno == EACCES ? err_set(e, ERR_DENIED, MSG_IO, NULL, "open the lock file", NULL) : err_set_errno(e, MSG_IO, NULL, "open the lock file");
    if (flock(store->lock, LOCK_EX | LOCK_NB) == 0)
        return 0;
    return errno == EWOULDBLOCK ? err_set(e, ERR_NOT_NOW, MSG_STORE_LOCKED, NULL, NULL, NULL) : err_set_errno(e, MSG_IO, NULL, "lock");
}

static int open_dirs(struct store *store, const char *dir, struct err *e)
{
    bool make = store->mode == STORE_READ_WRITE;
    int fd = make ? dir_make(AT_FDCWD, dir, 0700, e) : dir_open(AT_FDCWD, dir, e);

    if (fd < 0)
        return fd == ERR_NOTFOUND && !make ? err_set(e, ERR_NOTFOUND, MSG_STORE_NOT_THERE, NULL, NULL, NULL) : fd;
    store->dir = fd;
    int r = take_lock(store, e);
    if (r < 0)
        return r;
    fd = make ? dir_make(store->dir, "payload", 0700, e) : dir_open(store->dir, "payload", e);
    if (fd < 0)
        return fd;
    store->payload = fd;
    return make ? dir_sync(store->dir, e) : 0;
}

/*
 * Exclusive before the first look at the log: then SQLite keeps the index of the log in its own memory. A reader opens for writing all the same,
 * because a log that a killed desk has left behind must be recovered; query_only keeps its hands still.
 */
static int open_database(struct store *store, const char *dir, struct err *e)
{
    static const char *const settings[] = {
        "PRAGMA locking_mode = EXCLUSIVE", "PRAGMA page_size = 4096", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL",
        "PRAGMA journal_size_limit = 33554432", "PRAGMA temp_store = MEMORY", "PRAGMA secure_delete = ON", "PRAGMA cache_size = -20480", "PRAGMA trusted_schema = OFF",
    };
    char path[PATH_MAX_BYTES];
    struct stat st;
    int n = snprintf(path, sizeof path, "%s/store.db", dir), r = 0;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | (store->mode == STORE_READ_WRITE ? SQLITE_OPEN_CREATE : 0);

    if (n < 0 || (size_t)n >= sizeof path)
        return err_set(e, ERR_INVALID, MSG_FILE_NAME, NULL, NULL, NULL);
    if (store->mode == STORE_READ_ONLY && fstatat(store->dir, "store.db", &st, AT_SYMLINK_NOFOLLOW) < 0)
        return err_set(e, ERR_NOTFOUND, MSG_STORE_NOT_THERE, NULL, NULL, NULL);
    if ((r = store_disk_open(&store->disk, e)) < 0)
        return r;
    int rc = sqlite3_open_v2(path, &store->db, flags, store_disk_name(store->disk));
    if (rc != SQLITE_OK)
        return store->db == NULL ? err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "store", NULL) : store_sqlite_error(store, rc, e);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    /* Else SQLite prepares a statement anew whenever a value is bound that a partial index names: every index is named in queries.c. */
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_QPSG, 1, NULL);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0] && r == 0; i++)
        r = store_exec(store, settings[i], e);
    sqlite3_wal_hook(store->db, on_wal, store);   /* in place of SQLite's own checkpoints */
    return r;
}

/* SQLite counts every allocation under a lock, for statistics that nobody asks for. It refuses when a store is open already: then it has been said. */
static void quiet_library(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int store_open(const char *dir, enum store_mode mode, struct store **ret_store, struct err *e)
{
    mode_t mask = umask(0077);
    struct store *store = calloc(1, sizeof *store);
    int r;

    quiet_library();
    if (store == NULL) {
        umask(mask);
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "store", NULL);
    }
    store->dir = store->lock = store->payload = -1;
    store->mode = mode;
    buf_init(&store->text, TEXT_MAX_BYTES);
    buf_init(&store->body, TEXT_MAX_BYTES);
    store->kept = calloc(TABLE_ROWS, sizeof *store->kept);
    store->digester = sha256_maker_new();
    if (store->kept == NULL || store->digester == NULL) {
        r = err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "store", NULL);
        goto fail;
    }
    if ((r = open_dirs(store, dir, e)) < 0 || (r = open_database(store, dir, e)) < 0 || (r = store_schema_make(store, e)) < 0 || (r = store_memory_load(store, e)) < 0)
        goto fail;
    if (mode == STORE_READ_ONLY && (r = store_exec(store, "PRAGMA query_only = ON", e)) < 0)
        goto fail;
    umask(mask);
    *ret_store = store;
    return 0;
fail:
    umask(mask);
    store_close(store);
    return r;
}

struct store *store_close(struct store *store)
{
    if (store == NULL)
        return NULL;
    store_rollback(store);
    for (size_t i = 0; i < QUERIES; i++)
        sqlite3_finalize(store->query[i]);
    for (size_t i = 0; i < TABLE_ROWS; i++)
        sqlite3_finalize(store->insert[i]);
    for (size_t i = 0; i < UPDATES_KEPT; i++)
        sqlite3_finalize(store->update[i].stmt);
    /* After a failed fsync nothing more is written. */
    if (store->poisoned)
        sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close(store->db);
    store_disk_close(store->disk);
    buf_free(&store->text);
    buf_free(&store->body);
    free(store->tally);
    free(store->kept);
    free(store->fresh);
    sha256_maker_free(store->digester);
    if (store->payload >= 0)
        close(store->payload);
    if (store->lock >= 0)
        close(store->lock);
    if (store->dir >= 0)
        close(store->dir);
    free(store);
    return NULL;
}
