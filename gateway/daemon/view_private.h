/*
 * view_private.h - between view.c and view_text.c.
 */
#ifndef DAEMON_VIEW_PRIVATE_H
#define DAEMON_VIEW_PRIVATE_H

#include "daemon/view.h"
#include "report/writer.h"

struct view { struct store *store; struct writer w; bool paused; };

/* One line a row of "messages". */
void view_list_text(struct view *v, const cJSON *root, struct buf *out);
/* Indented lines, names in the reader's language. */
void view_story_text(struct view *v, const cJSON *root, struct buf *out);

#endif
