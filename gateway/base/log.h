/*
 * log.h - the event log of a process: one line an event, to journald with fields when there is a journal, else to standard error.
 *
 * No patient data ever: callers pass message ids, sources, kinds, hash prefixes and codes; names of files and clinical texts are never passed.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct log;

struct log_field { const char *name, *value; };  /* name in capitals as journald wants: "CLINSGW_MESSAGE" */

/* ident: process name. journal_path: socket ("/run/systemd/journal/socket"), or NULL for standard error only. Owns a descriptor. */
struct log *log_new(const char *ident, const char *journal_path, enum msg_lang lang, struct err *e);
struct log *log_free(struct log *log);
/* One event; arg1 and arg2 fill the text and must be free of patient data; both NULL: the sentence without what it would quote. Fields end with .name NULL; NULL = none. */
void log_event(struct log *log, enum msg_id id, const char *arg1, const char *arg2, const struct log_field *fields);
/* An error: message id, code name, errno text; never its arguments or place unless they are from configuration (1xxx). */
void log_err(struct log *log, const struct err *e);

#endif
