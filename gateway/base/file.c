/*
 * NAME
 *     file - files and directories, safely
 *
 * SYNOPSIS
 *     dir = dir_open(AT_FDCWD, path, &e); file_write(dir, name, data, len, 0640, FILE_NEW, FILE_DURABLE, &e);
 *     fd = memfd_seal(label, data, len, &e);
 *
 * DESCRIPTION
 *     No call follows a link in the last component, every descriptor is closed on exec, every durable write goes temporary name, fsync, rename,
 *     fsync of the directory. A file that is too large is refused before and while it is read.
 *
 * DIAGNOSTICS
 *     As file.h lists them, with errno in sys_errno and the call in arg 1. After a failure no temporary file is left.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/crypt.h"

enum { READ_CHUNK = 1 << 16, NAME_BYTES = 255 };

/* What a caller wants to tell apart; everything else is ERR_IO, ERR_NOMEM or ERR_LIMIT as in err_set_errno(). */
static int set_file_errno(struct err *e, const char *path, const char *what)
{
    static const struct { int number; enum err_code code; } codes[] = {
        { ENOENT, ERR_NOTFOUND }, { EEXIST, ERR_EXISTS }, { EACCES, ERR_DENIED }, { EPERM, ERR_DENIED }, { EROFS, ERR_DENIED },
        { ELOOP, ERR_INVALID }, { ENOTDIR, ERR_INVALID }, { EISDIR, ERR_INVALID }, { ENXIO, ERR_INVALID }, { ENAMETOOLONG, ERR_INVALID }
    };
    int number = errno;
    int code = err_set_errno(e, MSG_IO, path, what);
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].number == number)
            code = codes[i].code;
    if (e != NULL)
        e->code = code;
    return code;
}

int dir_open(int at, const char *path, struct err *e)
{
    int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 ? fd : set_file_errno(e, path, "open directory");
}

/* Against the umask. Shares that know no modes refuse, and the file or folder then has no more rights than asked for. */
static void set_mode(int fd, mode_t mode)
{
    int ignored = fchmod(fd, mode);
    (void)ignored;
}

int dir_make(int at, const char *path, mode_t mode, struct err *e)
{
    int made = mkdirat(at, path, mode);
    if (made < 0 && errno != EEXIST)
        return set_file_errno(e, path, "make directory");
    int fd = dir_open(at, path, e);
    if (made == 0 && fd >= 0)
        set_mode(fd, mode);
    return fd;
}

int dir_make_path(const char *path, mode_t mode, struct err *e)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    if (len >= sizeof part)
        return err_set(e, ERR_LIMIT, MSG_FILE_NAME, path, "", NULL);
    for (size_t i = 1; i < len; i++)
        if (path[i] == '/') {
            memcpy(part, path, i);
            part[i] = '\0';
            (void)mkdir(part, mode); /* there already, or the last one says why not */
        }
    return dir_make(AT_FDCWD, path, mode, e);
}

int dir_sync(int dir, struct err *e)
{
    return fsync(dir) == 0 ? 0 : set_file_errno(e, NULL, "fsync directory");
}

int fd_write_all(int fd, const void *data, size_t len, struct err *e)
{
    const char *p = data;
    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return set_file_errno(e, NULL, "write");
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

/* A name is one component: it cannot lead out of its directory. */
static int check_name(const char *name, struct err *e)
{
    size_t len = strlen(name);
    if (len > 0 && len <= NAME_BYTES && strchr(name, '/') == NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
        return 0;
    return err_set(e, ERR_INVALID, MSG_FILE_NAME, name, NULL, NULL);
}

/* ".NAME-tmp-XXXX": NAME is shortened so that the whole is never longer than a name may be. */
static int temp_name(const char *name, char ret_temp[static NAME_BYTES + 1], struct err *e)
{
    enum { AROUND = sizeof ".-tmp-0123456789abcdef" };
    uint64_t salt;
    int r = rand_fill(&salt, sizeof salt, e);
    if (r < 0)
        return r;
    snprintf(ret_temp, NAME_BYTES + 1, ".%.*s-tmp-%016llx", NAME_BYTES - AROUND, name, (unsigned long long)salt);
    return 0;
}

/* Gives a finished temporary file its name, which nobody else may have. */
static int publish_new(int dir, const char *temp, const char *name)
{
    if (renameat2(dir, temp, dir, name, RENAME_NOREPLACE) == 0)
        return 0;
    /* File systems without the flag (FUSE, older network ones) say EINVAL. */
    if ((errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) || linkat(dir, temp, dir, name, 0) < 0)
        return -1;
    unlinkat(dir, temp, 0);
    return 0;
}

static int write_temp(int dir, const char *temp, const void *data, size_t len, mode_t mode, enum file_sync sync, struct err *e)
{
    int fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return set_file_errno(e, temp, "create");
    set_mode(fd, mode);
    int r = fd_write_all(fd, data, len, e);
    if (r == 0 && sync == FILE_DURABLE && fsync(fd) < 0)
        r = set_file_errno(e, temp, "fsync");
    /* close() is where network file systems report what they could not write. */
    if (close(fd) < 0 && r == 0 && errno != EINTR)
        r = set_file_errno(e, temp, "close");
    return r;
}

int file_write(int dir, const char *name, const void *data, size_t len, mode_t mode, enum file_replace replace, enum file_sync sync, struct err *e)
{
    char temp[NAME_BYTES + 1];
    int r, published;
    if ((r = check_name(name, e)) < 0 || (r = temp_name(name, temp, e)) < 0)
        return r;
    if ((r = write_temp(dir, temp, data, len, mode, sync, e)) < 0)
        goto remove;
    published = replace == FILE_NEW ? publish_new(dir, temp, name) : renameat(dir, temp, dir, name);
    if (published < 0) {
        r = set_file_errno(e, name, "rename");
        goto remove;
    }
    return sync == FILE_DURABLE ? dir_sync(dir, e) : 0;
remove:
    unlinkat(dir, temp, 0);
    return r;
}

static int read_all(int fd, size_t max, struct buf *out, struct err *e)
{
    size_t start = out->len;
    off_t offset = 0;
    for (;;) {
        size_t have = out->len - start;
        /* One byte more than allowed, so that a file that grows while it is read is seen. */
        size_t room = max - have < READ_CHUNK ? max - have + 1 : READ_CHUNK;
        if (room > out->max - out->len)
            room = out->max - out->len;
        if (room == 0)
            return err_set(e, ERR_LIMIT, MSG_LIMIT, NULL, "read", NULL);
        if (buf_reserve(out, room) < 0)
            return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "read", NULL);
        ssize_t n = pread(fd, out->data + out->len, room, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return set_file_errno(e, NULL, "read");
        if (n == 0)
            return 0;
        if ((size_t)n > max - have)
            return err_set(e, ERR_LIMIT, MSG_LIMIT, NULL, "read", NULL);
        out->len += (size_t)n;
        offset += n;
    }
}

int file_read_fd(int fd, size_t max, struct buf *out, struct err *e)
{
    struct stat st;
    size_t start = out->len;
    if (fstat(fd, &st) < 0)
        return set_file_errno(e, NULL, "stat");
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_INVALID, MSG_FILE_KIND, NULL, NULL, NULL);
    if (st.st_size < 0 || (uintmax_t)st.st_size > max)
        return err_set(e, ERR_LIMIT, MSG_LIMIT, NULL, "read", NULL);
    if (out->failed != 0)
        return err_set(e, out->failed, MSG_LIMIT, NULL, "read", NULL);
    if ((size_t)st.st_size < out->max - out->len && buf_reserve(out, (size_t)st.st_size + 1) < 0)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "read", NULL);
    int r = read_all(fd, max, out, e);
    if (r < 0)
        out->len = start;
    if (out->capacity > 0)
        out->data[out->len] = '\0';
    return r;
}

int file_read(int dir, const char *name, size_t max, struct buf *out, struct err *e)
{
    /* O_NONBLOCK: opening a FIFO must not wait for its writer. */
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return set_file_errno(e, name, "open");
    int r = file_read_fd(fd, max, out, e);
    if (r == ERR_INVALID)
        err_set(e, ERR_INVALID, MSG_FILE_KIND, NULL, name, NULL);
    close(fd);
    return r;
}

enum { ALL_SEALS = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };

int memfd_seal(const char *label, const void *data, size_t len, struct err *e)
{
    int fd = memfd_create(label, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return err_set_errno(e, MSG_IO, NULL, "memfd_create");
    int r = 0;
    /* pwrite: whoever reads from the descriptor begins at the start */
    for (size_t done = 0; r == 0 && done < len;) {
        ssize_t n = pwrite(fd, (const char *)data + done, len - done, (off_t)done);
        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR)
            r = set_file_errno(e, NULL, "write");
    }
    if (r == 0 && fcntl(fd, F_ADD_SEALS, ALL_SEALS) < 0)
        r = err_set_errno(e, MSG_IO, NULL, "seal");
    if (r < 0) {
        close(fd);
        return r;
    }
    return fd;
}

/* That nobody can change it any more, and its size. */
static int memfd_check(int fd, size_t max, struct stat *ret_st, struct err *e)
{
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & ALL_SEALS) != ALL_SEALS)
        return err_set(e, ERR_INVALID, MSG_MEMFD_UNSEALED, NULL, NULL, NULL);
    if (fstat(fd, ret_st) < 0)
        return err_set_errno(e, MSG_IO, NULL, "stat");
    return (uintmax_t)ret_st->st_size > max ? err_set(e, ERR_LIMIT, MSG_LIMIT, NULL, "memfd", NULL) : 0;
}

int memfd_read(int fd, size_t max, struct buf *out, struct err *e)
{
    struct stat st;
    int r = memfd_check(fd, max, &st, e);
    size_t size = r == 0 ? (size_t)st.st_size : 0;
    if (r == 0 && (r = buf_reserve(out, size)) < 0)
        return err_set(e, r, r == ERR_LIMIT ? MSG_LIMIT : MSG_NOMEM, NULL, "memfd", NULL);
    for (size_t done = 0; r == 0 && done < size;) {
        ssize_t n = pread(fd, out->data + out->len + done, size - done, (off_t)done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            r = err_set_errno(e, MSG_IO, NULL, "read");
    }
    out->len += r == 0 ? size : 0;
    if (out->capacity > 0)
        out->data[out->len] = '\0';
    return r;
}

int memfd_map(int fd, size_t max, struct bytes *ret_bytes, struct err *e)
{
    struct stat st;
    int r = memfd_check(fd, max, &st, e);
    if (r < 0)
        return r;
    if (st.st_size == 0) {
        *ret_bytes = (struct bytes){ "", 0 };
        return 0;
    }
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return err_set_errno(e, MSG_IO, NULL, "mmap");
    *ret_bytes = (struct bytes){ p, (size_t)st.st_size };
    return 0;
}

void memfd_unmap(struct bytes *mapped)
{
    if (mapped->len > 0)
        munmap((void *)(uintptr_t)mapped->data, mapped->len);
    *mapped = (struct bytes){ "", 0 };
}
