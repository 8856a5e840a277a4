/*
 * terminal_notice.h - the unasked results in the terminal's answer folder; private to the room.
 *
 *     notices_sweep_begin(&n); for each name in the folder: notices_see(&n, link, name); notices_sweep_end(&n);    // now and then
 *     lost = notices_work(&n, link, folder, now);                                                                 // when notices_due() has come
 *     notices_remove(&n, name);                                                                                   // the desk has them
 *     notices_free(&n);
 *
 * Each name is watched until it is gone. Its bytes are told (LINK_NOTICE) after two equal reads, once in the life of the link; who is told them knows
 * whether he had them before. Nothing is removed but what notices_remove() names, and only while it is the very file that was told.
 */
#ifndef LINK_TERMINAL_NOTICE_H
#define LINK_TERMINAL_NOTICE_H

#include <stdbool.h>
#include "link/link_private.h"

struct notice;
struct notices { struct notice *first; size_t count; bool many, told_many; };

void notices_sweep_begin(struct notices *n);
/* A name that is no unasked result is passed over; so is one too many to be remembered, which is told once (LINK_HOW_MANY) until there is room again. */
void notices_see(struct notices *n, const struct link *link, const char *name);
/* Forgets the names that were not seen. */
void notices_sweep_end(struct notices *n);
/* Boot time at which there is something to do; INT64_MAX = not before the next sweep. */
int64_t notices_due(const struct notices *n);
/* Works off what is due in the answer folder. True: the share went away. */
bool notices_work(struct notices *n, const struct link *link, int folder, int64_t now_ms);
/* ERR_NOTFOUND when that name is not watched. */
int notices_remove(struct notices *n, const char *name);
void notices_free(struct notices *n);

#endif
