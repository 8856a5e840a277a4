/*
 * file.h - files and directories, safely: never follows a link, always O_CLOEXEC, below a directory handle.
 *
 * Durable writes are in one place: file_write() writes a temporary name, fsyncs, renames (or links, when the name must be new) and
 * fsyncs the directory. A failed fsync is final for that file: it is not repeated.
 *
 * Failures of all calls: ERR_NOTFOUND (no such name), ERR_EXISTS, ERR_DENIED (permission, read-only), ERR_INVALID (a link, not of the kind asked
 * for, a name that is too long or no name), else ERR_LIMIT, ERR_NOMEM, ERR_IO as err_set_errno() sorts them.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/stat.h>
#include "base/buf.h"
#include "base/err.h"

/* Opens a directory (O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC); at AT_FDCWD or a directory handle. Returns a descriptor or a negative code. */
int dir_open(int at, const char *path, struct err *e);
/* Makes the directory when it is not there (mode), then opens it. The parent must exist. */
int dir_make(int at, const char *path, mode_t mode, struct err *e);
/* The same with the parents that are not there. */
int dir_make_path(const char *path, mode_t mode, struct err *e);

enum file_replace { FILE_REPLACE, FILE_NEW /* ERR_EXISTS when the name is taken */ };
enum file_sync { FILE_DURABLE, FILE_FAST /* atomic by rename, without fsync: for projections that can be made again */ };

/* Writes the whole content under dir/name; name is one component, no path. The temporary name is ".NAME-tmp-XXXX" in the same directory. */
int file_write(int dir, const char *name, const void *data, size_t len, mode_t mode, enum file_replace replace, enum file_sync sync, struct err *e);
/* Reads a regular file whole; ERR_LIMIT past max, ERR_INVALID when it is no regular file. Appends to *out. */
int file_read(int dir, const char *name, size_t max, struct buf *out, struct err *e);
/* Same from an open descriptor, from offset 0. */
int file_read_fd(int fd, size_t max, struct buf *out, struct err *e);
/* write(2) until all is out; ERR_IO. */
int fd_write_all(int fd, const void *data, size_t len, struct err *e);
int dir_sync(int dir, struct err *e);

/* A sealed memfd (F_SEAL_WRITE|SHRINK|GROW|SEAL) holding the bytes; returns the descriptor. */
int memfd_seal(const char *label, const void *data, size_t len, struct err *e);
/* Maps a memfd read-only after checking that it carries all four seals and size <= max. munmap with memfd_unmap. */
int memfd_map(int fd, size_t max, struct bytes *ret_bytes, struct err *e);
void memfd_unmap(struct bytes *mapped);
/* Appends the bytes of one to a buffer, after the same checks: cheaper than a map for what is small and looked at once. ret_content is left as it was after a failure. */
int memfd_read(int fd, size_t max, struct buf *ret_content, struct err *e);

#endif
