/*
 * masters.h - code lists that the operator has taken from their publishers and put into one folder: diseases, medicines, a laboratory's own items.
 *
 * A master is a file NAME.tsv, UTF-8. Its first line says what it is, each further one is a code:
 *
 *     system<TAB>http://medis.or.jp/CodeSystem/master-disease-keyNumber        (or with <TAB>fragment: codes beyond it may be right, too)
 *     20054525<TAB>アレルギー性鼻炎                                              (the name may be missing)
 *
 * Empty lines and lines that begin with # do not count; what follows a second tabulator neither. Other names in the folder are left alone.
 *
 *     struct codes_masters *m;
 *     if (codes_masters_load("/etc/clinsgw/masters", &m, &e) < 0) ...     // e: which file, which line
 *     enum codes_answer a = codes_masters_find(m, system, code, &display);
 *     m = codes_masters_free(m);
 *
 * Immutable once loaded: any number of threads may look. Limits: 64 masters, 64 MB each.
 */
#ifndef CODES_MASTERS_H
#define CODES_MASTERS_H

#include "base/buf.h"
#include "base/err.h"

enum { CODES_MASTERS_MAX = 64, CODES_MASTER_BYTES = 64 << 20 };

struct codes_masters;
enum codes_answer { CODES_NO, CODES_YES, CODES_UNKNOWN /* no master of this system says anything about it */ };

/* ERR_SYNTAX (MASTER_HEAD, MASTER_LINE), ERR_LIMIT, ERR_NOMEM, and failures of base/file.h. */
int codes_masters_load(const char *folder, struct codes_masters **ret_masters, struct err *e);
struct codes_masters *codes_masters_free(struct codes_masters *masters);   /* NULL is fine; returns NULL */
/* *ret_display, lent by the masters, is untouched unless the answer is CODES_YES; len 0 = the master has no name for it. masters NULL = CODES_UNKNOWN. */
enum codes_answer codes_masters_find(const struct codes_masters *masters, struct bytes system, struct bytes code, struct bytes *ret_display);
size_t codes_masters_count(const struct codes_masters *masters);

#endif
