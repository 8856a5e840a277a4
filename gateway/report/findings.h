/*
 * findings.h - the findings about one Bundle or one request as a payload: what workers say and what outcome files are made from.
 *
 * A payload is a JSON array; each item names the message by its stable code, so that the text can be made later in the reader's language:
 *     {"code":"CG-5102","severity":"error","rule":"R1113","arg":["…",""],"pointer":"/units/0/…","location":"Bundle.entry[0]…",
 *      "profile":"…","line":12,"column":7,"offset":345}
 * Absent members are left out. A finding of the service itself has code CG-7xxx, its own code in "rule" and its text in arg[0].
 */
#ifndef REPORT_FINDINGS_H
#define REPORT_FINDINGS_H

#include <stdbool.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/issue.h"

/* What may be left out, and what nobody could check for want of a code table: for dry runs. Beside every file that was sent it would teach people not to read, and its Bundle
 * tells it again whenever somebody asks `clinsgw validate`. */
bool findings_is_advice(const struct issue *issue);
/* Appends the array, with or without advice. ERR_NOMEM, ERR_LIMIT. A list that failed is ERR_NOMEM. */
int findings_write(const struct issue_list *issues, bool advice, struct buf *out, struct err *e);
/* Reads a payload back; a first line before the array (the vendor's own members in the report of a file) is passed over; unknown codes become MSG_INTERNAL with the code as argument. ERR_CORRUPT. Texts live in the list's arena. */
int findings_read(const char *bytes, size_t len, struct issue_list *ret_issues, struct err *e);
/* The finding a person should read first: the first error, else the first warning; NULL when the list is empty. */
const struct issue *findings_worst(const struct issue_list *issues);

#endif
