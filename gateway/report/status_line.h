/*
 * status_line.h - one line of the status log for IT staff.
 *
 *     2026-11-21 09:30:05 CG-8312 message=42 source=karte kind=letter op=register state=refused code=CISB1002E file=1a2b3c4d サービスに… → 次に: …
 *
 * No patient data: the caller gives ids, sources, kinds, states, codes; never names of files, charts or people.
 */
#ifndef REPORT_STATUS_LINE_H
#define REPORT_STATUS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/messages.h"

struct status_line {
    int64_t wall_ms;
    enum msg_id msg;              /* MSG_NONE: a plain change of state */
    const char *message;          /* "42", "r7" for a request; here and below "" or NULL = none */
    const char *source, *facility, *kind, *operation, *state, *code, *hash8;
    const char *name;             /* of a link, signer, ... that an alarm is about */
    bool over;                    /* the end of an alarm: nothing is left to do */
    const char *arg[2];           /* fill the sentence; NULL = the code, else nothing is quoted: that is the vendor's and stands in the result file */
};

/* Formats with a line end, always terminated; returns the length. size: at least 64. */
size_t status_line_format(const struct status_line *line, enum msg_lang lang, char *ret_text, size_t size);

#endif
