/*
 * outcome.h - what the vendor reads: NAME.status.json while a file is under way, NAME.result.json at its end.
 *
 *     struct outcome o = { ... rows and payloads that the desk has read ... };
 *     outcome_write(&o, LANG_JA, true, &text, &e);
 *
 * One function makes both, from rows only, so that the same rows always give the same bytes. Form: docs/vendor-guide.md, chapter on results.
 * Everything is borrowed during the call.
 */
#ifndef REPORT_OUTCOME_H
#define REPORT_OUTCOME_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "flow/flow.h"

/* One unit of the file with its message (own, or that of the request it repeats). */
struct outcome_unit {
    const struct flow_unit *unit;         /* NULL: the message is about the file as a whole */
    const struct flow_message *message;   /* NULL: not made yet */
    const char *chart_kind;               /* in the words of the request: "diseases", "lab_report", ...; "" = not known */
    struct bytes issues, findings;        /* payloads (report/findings.h), len 0 = none */
    bool repeats;
};

struct outcome {
    const struct flow_request *request;
    const char *name;                     /* the vendor's file name as printable UTF-8 */
    const char *x_json;                   /* the vendor's own members as one JSON object, NULL = none */
    struct bytes report;                  /* findings about the file as a whole */
    const char *repeat_of;                /* file name of the request whose outcome this repeats, NULL = none */
    const struct outcome_unit *unit;
    size_t unit_count;
    int64_t now_ms;
    bool paused;                          /* sending is paused by a person */
    bool advice;                          /* a dry run: also say what the guide wants filled when it is known, and which codes nobody could check */
};

/* Appends the JSON text (pretty-printed, ends with a line end). ERR_NOMEM, ERR_LIMIT. Findings or members that cannot be read (their worker may have been taken over by
 * its input) are replaced by one finding that says so: the vendor gets an outcome in any case. */
int outcome_write(const struct outcome *outcome, enum msg_lang lang, bool final, struct buf *out, struct err *e);

/* "done", "refused", "rejected", "withdrawn", "mixed", or for a file under way the state: "received", "open". */
const char *outcome_word(const struct outcome *outcome);

/* NAME.notice.json: one sentence about a file that is no request and gets no outcome. name is printable UTF-8. ERR_NOMEM, ERR_LIMIT. */
int outcome_notice(const char *name, enum msg_id msg, enum msg_lang lang, int64_t now_ms, struct buf *out, struct err *e);

/* The vendor's own key of a unit (list: the chart number), lent; NULL: it is known by its Bundle-ID alone, or is NULL. */
const char *outcome_unit_key(const struct flow_unit *unit);

/* A name with bytes that are no printable UTF-8 shown as \xHH; always terminated; size at least 1. */
void outcome_printable(const char *name, char *ret_text, size_t size);

#endif
