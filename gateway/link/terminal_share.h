/*
 * terminal_share.h - the terminal's shared folder as directory handles that can be believed; private to the room.
 *
 * A handle is opened anew for each turn of work, from the path, and only where the marker file lies: an empty mount point, a stale mount and
 * another share look alike otherwise. Nothing here ever creates a directory.
 */
#ifndef LINK_TERMINAL_SHARE_H
#define LINK_TERMINAL_SHARE_H

#include <stdbool.h>
#include "link/link_private.h"

struct share { int root, request, answer; };

enum share_state { SHARE_HERE, SHARE_LOST, SHARE_DENIED };
enum share_there { THERE_YES, THERE_NO, THERE_BUSY /* not to be told now: try later */, THERE_LOST };

/* Opens root, checks the marker, opens both folders. *ret_errno says why not. share_close() after SHARE_HERE only. */
enum share_state share_open(const char *path, const struct exchange_profile *p, struct share *ret_share, int *ret_errno);
void share_close(struct share *share);
/* The path still leads to this very root and the marker still lies there: only then is an absence believed. */
bool share_confirm(const char *path, const struct exchange_profile *p, const struct share *share);
/* What an errno of a call below the share means. */
enum share_there share_meaning(int error);
/* Is a file of that name there (whatever it is)? */
enum share_there share_has(int dir, const char *name);
/* Unlinks; THERE_NO = it is not there (any more). */
enum share_there share_unlink(int dir, const char *name);
/* Temporary name, no API pattern: ".clinsgw-SUFFIX.tmp". ERR_NOTFOUND when name is no request's name. */
int share_temporary(const struct exchange_profile *p, const char *name, char ret_name[static EXCHANGE_NAME_MAX]);

/* Puts bytes under temporary, durable, and renames to name, which must not be there. */
enum share_put { PUT_DONE, PUT_FAILED /* temporary gone, nothing published */, PUT_TAKEN, PUT_UNSURE /* the rename failed */ };
enum share_put share_put(const struct share *share, const char *temporary, const char *name, struct bytes bytes, int *ret_errno);

#endif
