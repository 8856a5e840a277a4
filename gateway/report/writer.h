/*
 * writer.h - trees of named values for programs: the few steps that result files, status page, list and show share.
 *
 * Calling sequence: make the root with cJSON_CreateObject(), put members with the functions below, writer_print(), cJSON_Delete(). `ok` starts true and becomes
 * false when memory runs out; nothing has to be looked at in between, and NULL as the place to put something is fine then.
 * Ownership: the tree is the caller's, all texts are copied.
 */
#ifndef REPORT_WRITER_H
#define REPORT_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <cjson/cJSON.h>
#include "base/buf.h"
#include "base/messages.h"

struct writer { enum msg_lang lang; bool ok; };

/* A text; NULL and empty ones are left out. */
void writer_put_text(struct writer *w, cJSON *to, const char *name, const char *text);
void writer_put_number(struct writer *w, cJSON *to, const char *name, int64_t value);
/* A number; 0 is left out. */
void writer_put_count(struct writer *w, cJSON *to, const char *name, int64_t value);
/* true or false. */
void writer_put_bool(struct writer *w, cJSON *to, const char *name, bool value);
/* true; false is left out. */
void writer_put_yes(struct writer *w, cJSON *to, const char *name, bool value);
/* RFC 3339 in Japan time of milliseconds UTC; 0 = not known = left out. */
void writer_put_time(struct writer *w, cJSON *to, const char *name, int64_t wall_ms);
/* A sentence as three members: "code", the text under that name, and "what_to_do" where there is a next step. */
void writer_put_sentence(struct writer *w, cJSON *to, const char *name, enum msg_id msg, enum msg_severity as, const char *arg1, const char *arg2);
/* An empty array, an empty object below a name; NULL when memory ran out. */
cJSON *writer_put_list(struct writer *w, cJSON *to, const char *name);
cJSON *writer_put_object(struct writer *w, cJSON *to, const char *name);
/* A new object at the end of an array; NULL when memory ran out. */
cJSON *writer_put_item(struct writer *w, cJSON *array);

/* Appends the tree and a line end; 0, ERR_NOMEM (also when the tree is not whole), ERR_LIMIT. */
int writer_print(const struct writer *w, const cJSON *root, struct buf *out);

#endif
