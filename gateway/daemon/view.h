/*
 * view.h - what `clinsgw list`, `show` and `export` say about rows of the store: the same from the running desk and from the command line when the desk
 * is stopped.
 *
 *     struct view_ask ask = { .state = "unknown", .limit = 50 };
 *     view_list(store, &ask, LANG_JA, false, &text, &e);
 *     view_show(store, "42", LANG_JA, false, &text, &e);
 *     view_part(store, "42", "signed", &bytes, &e);
 *
 * Names of files are shown by view_show() only; no text of a document is ever shown: for that there is export.
 * Failure: ERR_NOTFOUND, ERR_EXISTS (several fit), ERR_INVALID (argument), those of the store.
 */
#ifndef DAEMON_VIEW_H
#define DAEMON_VIEW_H

#include "base/buf.h"
#include "base/err.h"
#include "store/store.h"

enum { VIEW_TEXT_MAX = 8 << 20, VIEW_LIST_MAX = 10000 };

struct view_ask { const char *state, *facility, *source; /* NULL = any */ int64_t limit; /* 0 = 100 */ };

/* Not a state of a message: the service's unasked results. */
#define VIEW_STATE_NOTICE "notice"

/* Messages, newest first, before them the requests that have none yet. ERR_INVALID: no such state. */
int view_list(struct store *store, const struct view_ask *ask, enum msg_lang lang, bool json, struct buf *out, struct err *e);
/* Terms that the newest messages (limit 0 = 1000) sent without a standard code, newest first: the work list for the code map. */
int view_uncoded(struct store *store, const struct view_ask *ask, enum msg_lang lang, bool json, struct buf *out, struct err *e);
/* The whole story of a message, or of a request with all its messages. */
int view_show(struct store *store, const char *handle, enum msg_lang lang, bool json, struct buf *out, struct err *e);
/* Bytes: original, bundle, signed, request, answer. ERR_INVALID: no such part; ERR_NOTFOUND: this one has none. */
int view_part(struct store *store, const char *handle, const char *part, struct buf *out, struct err *e);

#endif
