/* snapshot.c - drafts of a definition that gives only what it changes. */
#include "validate/package/package_private.h"

bool snapshot_make(struct compile *c, struct definition *d, int depth)
{
    (void)c;
    (void)d;
    (void)depth;
    return false;
}
