/*
 * page_private.h - between the files of the status page.
 */
#ifndef REPORT_PAGE_PRIVATE_H
#define REPORT_PAGE_PRIVATE_H

#include "report/page.h"

/* Whole days left, -1 = over. */
int64_t page_days(const struct page *p, int64_t end_ms);

/* Each appends; 0 or ERR_NOMEM, ERR_LIMIT. */
int page_write_text(const struct page *p, enum msg_lang lang, struct buf *out);
int page_write_html(const struct page *p, enum msg_lang lang, struct buf *out);
int page_write_json(const struct page *p, enum msg_lang lang, struct buf *out);

#endif
