/*
 * NAME
 *     disk - what SQLite writes in small pieces goes out in large ones
 *
 * SYNOPSIS
 *     store_disk_open(&store->disk, &e); sqlite3_open_v2(path, &store->db, flags, store_disk_name(store->disk)); ... store_disk_close(store->disk);
 *
 * DESCRIPTION
 *     SQLite appends to its log with two calls of the kernel a page, and moves the log into the database with one. This layer between SQLite and the
 *     system gathers pieces that follow one another, up to GATHER_BYTES a file, and hands them on before anything else is done with the file: a read, a question
 *     for its size, and above all a sync. So the order of what is written to a file is SQLite's own, and what a sync has promised is on the disk;
 *     what was gathered and never synced is what a dying machine would have lost anyway.
 *
 *     The methods are of version 1: shared memory and memory-mapped reading are left out. A store has its log to itself (locking_mode = EXCLUSIVE).
 *
 * DIAGNOSTICS
 *     Codes of SQLite. A write that fails fails at the call that handed it on, at the latest at the sync, so before anything relies on it; what was gathered is
 *     then forgotten, as after any failed write.
 */
#include "store/store_private.h"

enum { GATHER_BYTES = 120 * 1024 /* SQLite's own file writes less than 128 KB at a time */, NAME_BYTES = 40 };

struct store_disk { sqlite3_vfs vfs; sqlite3_vfs *system; char name[NAME_BYTES]; };

/* The system's own file stands behind it in the same memory. */
struct gathered { sqlite3_file file; char *bytes; sqlite3_int64 at; int used; };

static sqlite3_file *behind(sqlite3_file *file)
{
    return (sqlite3_file *)(void *)((struct gathered *)(void *)file + 1);
}

static int hand_on(sqlite3_file *file)
{
    struct gathered *g = (void *)file;
    int used = g->used;

    g->used = 0;
    return used == 0 ? SQLITE_OK : behind(file)->pMethods->xWrite(behind(file), g->bytes, used, g->at);
}

static int file_close(sqlite3_file *file)
{
    struct gathered *g = (void *)file;
    int rc = hand_on(file), closed = behind(file)->pMethods->xClose(behind(file));

    free(g->bytes);
    g->bytes = NULL;
    return rc != SQLITE_OK ? rc : closed;
}

static int file_read(sqlite3_file *file, void *bytes, int size, sqlite3_int64 at)
{
    int rc = hand_on(file);
    return rc != SQLITE_OK ? rc : behind(file)->pMethods->xRead(behind(file), bytes, size, at);
}

static int file_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 at)
{
    struct gathered *g = (void *)file;
    int rc = SQLITE_OK;

    if (g->used > 0 && (at != g->at + g->used || size > GATHER_BYTES - g->used))
        rc = hand_on(file);
    if (rc != SQLITE_OK)
        return rc;
    if (g->bytes == NULL)
        g->bytes = malloc(GATHER_BYTES);
    if (g->bytes == NULL || size > GATHER_BYTES) /* nothing is gathered then: the pieces go out as they come */
        return behind(file)->pMethods->xWrite(behind(file), bytes, size, at);
    if (g->used == 0)
        g->at = at;
    memcpy(g->bytes + g->used, bytes, (size_t)size);
    g->used += size;
    return SQLITE_OK;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int rc = hand_on(file);
    return rc != SQLITE_OK ? rc : behind(file)->pMethods->xTruncate(behind(file), size);
}

static int file_sync(sqlite3_file *file, int flags)
{
    int rc = hand_on(file);
    return rc != SQLITE_OK ? rc : behind(file)->pMethods->xSync(behind(file), flags);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    int rc = hand_on(file);
    return rc != SQLITE_OK ? rc : behind(file)->pMethods->xFileSize(behind(file), ret_size);
}

static int file_lock(sqlite3_file *file, int level)
{
    return behind(file)->pMethods->xLock(behind(file), level);
}

static int file_unlock(sqlite3_file *file, int level)
{
    int rc = hand_on(file);
    return rc != SQLITE_OK ? rc : behind(file)->pMethods->xUnlock(behind(file), level);
}

static int file_check_lock(sqlite3_file *file, int *ret_locked)
{
    return behind(file)->pMethods->xCheckReservedLock(behind(file), ret_locked);
}

static int file_control(sqlite3_file *file, int what, void *value)
{
    int rc = hand_on(file);
    return rc != SQLITE_OK ? rc : behind(file)->pMethods->xFileControl(behind(file), what, value);
}

static int file_sector(sqlite3_file *file)
{
    return behind(file)->pMethods->xSectorSize(behind(file));
}

static int file_traits(sqlite3_file *file)
{
    return behind(file)->pMethods->xDeviceCharacteristics(behind(file));
}

static const sqlite3_io_methods methods = {
    .iVersion = 1, .xClose = file_close, .xRead = file_read, .xWrite = file_write, .xTruncate = file_truncate, .xSync = file_sync, .xFileSize = file_size, .xLock = file_lock,
    .xUnlock = file_unlock, .xCheckReservedLock = file_check_lock, .xFileControl = file_control, .xSectorSize = file_sector, .xDeviceCharacteristics = file_traits,
};

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
    sqlite3_vfs *system = ((struct store_disk *)(void *)vfs)->system;
    struct gathered *g = (void *)file;
    int rc;

    memset(g, 0, sizeof *g);
    rc = system->xOpen(system, name, behind(file), flags, ret_flags);
    if (rc == SQLITE_OK)
        file->pMethods = &methods;
    else if (behind(file)->pMethods != NULL) /* an open that failed half-way is to be closed */
        behind(file)->pMethods->xClose(behind(file));
    return rc;
}

int store_disk_open(struct store_disk **ret_disk, struct err *e)
{
    sqlite3_vfs *system = sqlite3_initialize() == SQLITE_OK ? sqlite3_vfs_find(NULL) : NULL;
    struct store_disk *disk = system == NULL ? NULL : calloc(1, sizeof *disk);

    _Static_assert(sizeof(struct gathered) % _Alignof(max_align_t) == 0, "the system's file stands behind it");
    if (disk == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "store", NULL);
    disk->system = system;
    disk->vfs = *system; /* everything but opening a file is the system's own */
    snprintf(disk->name, sizeof disk->name, "clinsgw-%p", (void *)disk);
    disk->vfs.zName = disk->name;
    disk->vfs.pNext = NULL;
    disk->vfs.szOsFile = (int)sizeof(struct gathered) + system->szOsFile;
    disk->vfs.xOpen = open_file;
    if (sqlite3_vfs_register(&disk->vfs, 0) != SQLITE_OK) {
        free(disk);
        return err_set(e, ERR_INTERNAL, MSG_INTERNAL, NULL, "store", "vfs");
    }
    *ret_disk = disk;
    return 0;
}

const char *store_disk_name(const struct store_disk *disk)
{
    return disk->name;
}

void store_disk_close(struct store_disk *disk)
{
    if (disk != NULL)
        sqlite3_vfs_unregister(&disk->vfs);
    free(disk);
}
