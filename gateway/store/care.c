/*
 * NAME
 *     care - a copy in a safe place, and a reserve for bad days
 *
 * SYNOPSIS
 *     store_backup(store, "/mnt/backup/2026-11-21", &e); store_ballast(store, 64 << 20, &e); store_ballast(store, 0, &e);
 *
 * DESCRIPTION
 *     A backup is a folder that store_open() takes. The payload files come first, the database last and under its name only when everything else
 *     is on the disk: a folder without store.db is no backup.
 *
 * DIAGNOSTICS
 *     ERR_EXISTS: the folder is not empty. ERR_CORRUPT: a payload no longer has its digest; a backup of it would be worth nothing.
 */
#include "store/store_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"

enum { BACKUP_PAGES = 1024, BACKUP_PATH = 4096 };
static const char part[] = "store.db.part";

static int is_empty(int dir, struct err *e)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    int r = 0;

    if (d == NULL) {
        r = err_set_errno(e, MSG_IO, NULL, "read directory");
        if (fd >= 0)
            close(fd);
        return r;
    }
    for (struct dirent *at; r == 0 && (at = readdir(d)) != NULL;)
        if (strcmp(at->d_name, ".") != 0 && strcmp(at->d_name, "..") != 0)
            r = err_set(e, ERR_EXISTS, MSG_STORE_NOT_EMPTY, NULL, NULL, NULL);
    closedir(d);
    return r;
}

static int copy_file(struct store *store, int payload, const struct sha256 *digest, struct err *e)
{
    char hex[SHA256_HEX], folder[3] = "";
    struct buf content;
    int fd, r;

    buf_init(&content, SIZE_MAX / 2);
    sha256_to_hex(digest, hex);
    memcpy(folder, hex, 2);
    r = store_payload_get(store, digest, &content, e);
    if (r == 0 && (fd = r = dir_make(payload, folder, 0700, e)) >= 0) {
        r = file_write(fd, hex, content.data, content.len, 0600, FILE_REPLACE, FILE_DURABLE, e);
        close(fd);
    }
    buf_free(&content);
    return r;
}

static int copy_files(struct store *store, int dir, struct err *e)
{
    struct sha256 digest;
    int64_t id = 0;
    int payload = dir_make(dir, "payload", 0700, e), r = payload < 0 ? payload : 0;

    while (r == 0) {
        sqlite3_stmt *stmt;
        if ((r = store_query_begin(store, Q_PAYLOAD_NEXT, &stmt, e)) < 0 || (r = store_bind(store, stmt, ARGS(ARG_INT(id)), e)) < 0)
            break;
        int rc = sqlite3_step(stmt);
        bool file = rc == SQLITE_ROW && sqlite3_column_int(stmt, 3) == PLACE_FILE && sqlite3_column_bytes(stmt, 1) == SHA256_BYTES;
        if (file)
            memcpy(&digest, sqlite3_column_blob(stmt, 1), SHA256_BYTES);
        id = sqlite3_column_int64(stmt, 0);
        store_query_done(stmt);
        if (rc == SQLITE_DONE)
            break;
        if (rc != SQLITE_ROW)
            r = store_sqlite_error(store, rc, e);
        else if (file)
            r = copy_file(store, payload, &digest, e);
    }
    if (r == 0)
        r = dir_sync(payload, e);
    if (payload >= 0)
        close(payload);
    return r;
}

/* Errors of the copy are not errors of the store: they do not poison it. */
static int copy_error(sqlite3 *copy, int rc, struct err *e)
{
    int number = sqlite3_system_errno(copy);
    bool full = (rc & 0xff) == SQLITE_FULL || ((rc & 0xff) == SQLITE_IOERR && (number == ENOSPC || number == EDQUOT || number == EFBIG));

    if (full)
        return err_set(e, ERR_LIMIT, MSG_STORE_FULL, NULL, NULL, NULL);
    return err_set(e, (rc & 0xff) == SQLITE_NOMEM ? ERR_NOMEM : ERR_IO, MSG_IO, NULL, "backup", sqlite3_errstr(rc));
}

static int copy_database(struct store *store, const char *path, struct err *e)
{
    sqlite3 *copy = NULL;
    sqlite3_backup *backup;
    int r = 0, rc = sqlite3_open_v2(path, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_exec(copy, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; PRAGMA synchronous = FULL", NULL, NULL, NULL);
    backup = rc == SQLITE_OK ? sqlite3_backup_init(copy, "main", store->db, "main") : NULL;
    if (backup != NULL) {
        while ((rc = sqlite3_backup_step(backup, BACKUP_PAGES)) == SQLITE_OK)
            continue;
        rc = sqlite3_backup_finish(backup);
    } else if (rc == SQLITE_OK) {
        rc = sqlite3_extended_errcode(copy);
    }
    if (rc != SQLITE_OK)
        r = copy_error(copy, rc, e);
    rc = sqlite3_close(copy);
    return r == 0 && rc != SQLITE_OK ? err_set(e, ERR_IO, MSG_IO, NULL, "backup", sqlite3_errstr(rc)) : r;
}

static int publish(int dir, struct err *e)
{
    int fd = openat(dir, part, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), r = 0;

    if (fd < 0 || fchmod(fd, 0600) < 0 || fsync(fd) < 0)
        r = err_set_errno(e, MSG_IO, NULL, "fsync the copy");
    if (fd >= 0)
        close(fd);
    if (r == 0 && renameat(dir, part, dir, "store.db") < 0)
        r = err_set_errno(e, MSG_IO, NULL, "rename the copy");
    return r < 0 ? r : dir_sync(dir, e);
}

int store_backup(struct store *store, const char *dir, struct err *e)
{
    char path[BACKUP_PATH];
    int n = snprintf(path, sizeof path, "%s/%s", dir, part), fd = -1;
    mode_t mask = umask(0077);
    int r = store_usable(store, false, e);

    if (r == 0 && store->in_turn)
        r = err_set(e, ERR_NOT_NOW, MSG_NOT_NOW, NULL, "store", "transaction is open");
    if (r == 0 && (n < 0 || (size_t)n >= sizeof path))
        r = err_set(e, ERR_INVALID, MSG_FILE_NAME, NULL, NULL, NULL);
    if (r == 0) {
        fd = dir_make(AT_FDCWD, dir, 0700, e);
        r = fd < 0 ? fd : is_empty(fd, e);
    }
    if (r == 0)
        r = copy_files(store, fd, e);
    if (r == 0)
        r = copy_database(store, path, e);
    if (r == 0)
        r = publish(fd, e);
    if (fd >= 0)
        close(fd);
    umask(mask);
    return r;
}

int store_ballast(struct store *store, int64_t bytes, struct err *e)
{
    struct stat st;
    int r = store_usable(store, false, e);

    if (r == 0 && store->mode == STORE_READ_ONLY)
        r = err_set(e, ERR_DENIED, MSG_STORE_READ_ONLY, NULL, NULL, NULL);
    if (r < 0)
        return r;
    if (fstatat(store->dir, "ballast", &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size == bytes && bytes > 0)
        return 0;
    if (unlinkat(store->dir, "ballast", 0) < 0 && errno != ENOENT)
        return err_set_errno(e, MSG_IO, NULL, "remove the ballast");
    if (bytes <= 0)
        return 0;
    int fd = openat(store->dir, "ballast", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set_errno(e, MSG_IO, NULL, "make the ballast");
    /* Real blocks: a hole would give nothing back. */
    int number = posix_fallocate(fd, 0, bytes);
    if (number == 0 && fsync(fd) < 0)
        number = errno;
    close(fd);
    if (number == 0)
        return 0;
    unlinkat(store->dir, "ballast", 0);
    errno = number;
    return err_set_errno(e, MSG_IO, NULL, "make the ballast");
}
