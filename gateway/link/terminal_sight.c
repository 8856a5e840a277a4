/*
 * NAME
 *     terminal_sight - one file in the terminal's answer folder, read twice before it is believed
 *
 * SYNOPSIS
 *     sight_look(), sight_same()
 *
 * DESCRIPTION
 *     An empty file is one that is being made. A file that was told is not read again before its size, its time or its place on the disk changes.
 */
#include <errno.h>
#include <fcntl.h>
#include "base/file.h"
#include "link/terminal_share.h"
#include "link/terminal_sight.h"

bool sight_same(const struct sighting *s, const struct stat *st)
{
    return s->told && s->told_size == st->st_size && s->told_inode == st->st_ino && s->told_mtime.tv_sec == st->st_mtim.tv_sec
        && s->told_mtime.tv_nsec == st->st_mtim.tv_nsec;
}

static enum sight sight_told(struct sighting *s, const struct stat *st, const struct sha256 *digest)
{
    bool news = !s->told || memcmp(digest, &s->told_digest, sizeof *digest) != 0;
    s->told = true;
    s->seen = false;
    s->told_digest = *digest;
    s->told_mtime = st->st_mtim;
    s->told_size = st->st_size;
    s->told_inode = st->st_ino;
    return news ? SIGHT_NEWS : SIGHT_AGAIN;
}

enum sight sight_look(int dir, const char *name, const struct exchange_profile *p, int64_t now_ms, struct sighting *s, struct buf *ret_bytes)
{
    struct stat st;
    struct sha256 digest;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        s->seen = false;
        return share_meaning(errno) == THERE_LOST ? SIGHT_LOST : SIGHT_WAIT;
    }
    if (!S_ISREG(st.st_mode) || st.st_size == 0 || sight_same(s, &st))
        return SIGHT_WAIT;
    if (st.st_size > p->answer_limit)
        return SIGHT_LIMIT;
    buf_reset(ret_bytes);
    if (file_read(dir, name, (size_t)p->answer_limit, ret_bytes, NULL) < 0 || ret_bytes->len == 0
        || sha256_of(ret_bytes->data, ret_bytes->len, &digest) < 0) {
        s->seen = false;
        return SIGHT_WAIT;
    }
    if (s->seen && memcmp(&digest, &s->digest, sizeof digest) == 0)
        return now_ms - s->seen_ms >= p->equal_reads_ms ? sight_told(s, &st, &digest) : SIGHT_WAIT;
    s->seen = true;
    s->digest = digest;
    s->seen_ms = now_ms;
    return SIGHT_WAIT;
}
