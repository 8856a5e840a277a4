/*
 * row.h - regular expressions that are a row of characters, each out of a set of ASCII: "^[0-4][0-9]{9}$".
 *
 * Most patterns for numbers and codes are such rows, and to hold a text against one takes no search engine. Everything else (alternatives, groups, repetition
 * without a fixed count, sets that leave something out) is left to PCRE2; a row says what PCRE2 would say of the same pattern.
 */
#ifndef VALIDATE_FHIRPATH_ROW_H
#define VALIDATE_FHIRPATH_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FP_ROW_MAX = 40 };
struct fp_row { uint32_t count; bool from_start, to_end, full; uint64_t set[FP_ROW_MAX][2]; };

/* False: the pattern is none. full: the whole text is wanted. */
bool fp_row_read(const char *pattern, size_t len, bool full, struct fp_row *ret_row);
/* Is the row somewhere in the text? "$" takes a line feed at the end, as in PCRE2. */
bool fp_row_matches(const struct fp_row *row, const char *text, size_t len);

#endif
