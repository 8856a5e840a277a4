/*
 * NAME
 *     link/terminal_share - the terminal's shared folder, opened so that what is seen can be believed
 *
 * SYNOPSIS
 *     share_open(), share_close(), share_confirm(), share_has(), share_unlink(), share_temporary(), share_put()
 *
 * DESCRIPTION
 *     All work goes through handles below the root (openat, O_NOFOLLOW). The share is a file system of Windows behind CIFS or FUSE:
 *     RENAME_NOREPLACE, fsync of a directory and hard links may be refused there, so each has a way round.
 *
 * DIAGNOSTICS
 *     Reasons are errno values for the log; people get CG-7049, CG-7050, CG-7057.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "base/file.h"
#include "link/terminal_share.h"

enum { DIRECTORY_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

static bool marker_there(int root, const struct exchange_profile *p)
{
    struct stat st;
    return fstatat(root, p->marker, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

enum share_state share_open(const char *path, const struct exchange_profile *p, struct share *ret_share, int *ret_errno)
{
    struct share share = { -1, -1, -1 };
    errno = 0;
    share.root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);   /* the operator's own path may lead through a link */
    if (share.root >= 0 && marker_there(share.root, p)) {
        share.request = openat(share.root, p->folder_request, DIRECTORY_FLAGS);
        if (share.request >= 0)
            share.answer = openat(share.root, p->folder_answer, DIRECTORY_FLAGS);
    }
    if (share.answer >= 0) {
        *ret_share = share;
        return SHARE_HERE;
    }
    *ret_errno = errno;
    share_close(&share);
    return *ret_errno == EACCES || *ret_errno == EPERM ? SHARE_DENIED : SHARE_LOST;
}

void share_close(struct share *share)
{
    int *const fds[] = { &share->answer, &share->request, &share->root };
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}

bool share_confirm(const char *path, const struct exchange_profile *p, const struct share *share)
{
    struct stat now, then;
    int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool same = root >= 0 && fstat(root, &now) == 0 && fstat(share->root, &then) == 0 && now.st_dev == then.st_dev && now.st_ino == then.st_ino
             && marker_there(root, p) && marker_there(share->root, p);
    if (root >= 0)
        close(root);
    return same;
}

enum share_there share_meaning(int error)
{
    switch (error) {
    case ENOENT: return THERE_NO;
    case EACCES: case EPERM: case EBUSY: case ETXTBSY: case EAGAIN: case EINTR: case ELOOP: case EISDIR: case EEXIST: case ENOSPC: case EDQUOT:
    case EROFS: case EFBIG: case EMFILE: case ENFILE: case ENOMEM: return THERE_BUSY;
    default: return THERE_LOST;   /* ESTALE, EIO, ENOTCONN, EHOSTDOWN, ETIMEDOUT, ...: the share, not the file */
    }
}

enum share_there share_has(int dir, const char *name)
{
    struct stat st;
    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? THERE_YES : share_meaning(errno);
}

enum share_there share_unlink(int dir, const char *name)
{
    return unlinkat(dir, name, 0) == 0 ? THERE_NO : share_meaning(errno);
}

int share_temporary(const struct exchange_profile *p, const char *name, char ret_name[static EXCHANGE_NAME_MAX])
{
    struct exchange_name parsed;
    int code = exchange_name_parse(p, name, NULL, &parsed);
    if (code == 0)
        snprintf(ret_name, EXCHANGE_NAME_MAX, ".clinsgw-%s.tmp", parsed.suffix);
    return code;
}

static bool write_temporary(int dir, const char *temporary, struct bytes bytes)
{
    int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0 && errno == EEXIST && unlinkat(dir, temporary, 0) == 0)   /* of an earlier life of this very exchange */
        fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return false;
    bool written = fd_write_all(fd, bytes.data, bytes.len, NULL) == 0 && fsync(fd) == 0;
    int error = errno;
    bool closed = close(fd) == 0;
    if (!written)
        errno = error;
    return written && closed;
}

/* Without RENAME_NOREPLACE, names being unique among all writers, a look before the rename is enough. */
static int rename_new(int dir, const char *from, const char *to)
{
    if (renameat2(dir, from, dir, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
        return -1;
    enum share_there there = share_has(dir, to);
    if (there != THERE_NO) {
        errno = there == THERE_YES ? EEXIST : EIO;
        return -1;
    }
    return renameat(dir, from, dir, to);
}

enum share_put share_put(const struct share *share, const char *temporary, const char *name, struct bytes bytes, int *ret_errno)
{
    if (!write_temporary(share->request, temporary, bytes)) {
        *ret_errno = errno;
        unlinkat(share->request, temporary, 0);   /* not of an API pattern: even where this fails, nobody takes it */
        return PUT_FAILED;
    }
    if (rename_new(share->request, temporary, name) == 0) {
        fsync(share->request);                    /* refused by many network file systems; the name is there for all to see anyway */
        return PUT_DONE;
    }
    *ret_errno = errno;
    if (*ret_errno != EEXIST)
        return PUT_UNSURE;
    unlinkat(share->request, temporary, 0);
    return PUT_TAKEN;
}
