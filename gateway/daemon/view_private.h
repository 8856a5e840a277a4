/*
 * view_private.h - between view.c and view_text.c.
 */
#ifndef DAEMON_VIEW_PRIVATE_H
#define DAEMON_VIEW_PRIVATE_H

#include <cjson/cJSON.h>
#include "daemon/view.h"

struct view { struct store *store; enum msg_lang lang; bool failed; };

/* Adds a text member; empty texts are left out. */
void view_put(struct view *v, cJSON *to, const char *name, const char *text);
/* One line a row of "messages". */
void view_list_text(struct view *v, const cJSON *root, struct buf *out);
/* Indented lines, names in the reader's language. */
void view_story_text(struct view *v, const cJSON *root, struct buf *out);

#endif
