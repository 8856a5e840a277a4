/*
 * terminal_sight.h - what is known of one file that the terminal writes, while it is watched; private to the room.
 *
 * The terminal does not say when a file is complete: it is believed after two equal reads. sight_look() is called again and again, with the same sighting
 * for the same name; it tells each content once.
 */
#ifndef LINK_TERMINAL_SIGHT_H
#define LINK_TERMINAL_SIGHT_H

#include <stdbool.h>
#include <sys/stat.h>
#include "base/crypt.h"
#include "link/link_private.h"

struct sighting {
    bool seen, told;               /* read once; told */
    struct sha256 digest, told_digest;
    int64_t seen_ms;
    struct timespec told_mtime;
    off_t told_size;
    ino_t told_inode;
};

enum sight {
    SIGHT_WAIT,                    /* not there, being made, read once, or told already */
    SIGHT_NEWS,                    /* bytes that were not told yet; from now on they are */
    SIGHT_AGAIN,                   /* written anew with the bytes that were told */
    SIGHT_LIMIT,                   /* over the profile's answer_limit */
    SIGHT_LOST                     /* the share went away */
};

/* Looks at the file below dir. ret_bytes (initialised, of at least answer_limit) holds its bytes after NEWS and AGAIN. No link is followed, what is no
 * plain file is not there. */
enum sight sight_look(int dir, const char *name, const struct exchange_profile *p, int64_t now_ms, struct sighting *s, struct buf *ret_bytes);
/* It is the very file that was told. */
bool sight_same(const struct sighting *s, const struct stat *st);

#endif
