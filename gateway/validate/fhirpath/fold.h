/*
 * fold.h - upper and lower case of letters, and texts compared without case and width of spaces. Private to this folder.
 *
 * Simple one-to-one mappings of Latin, Greek, Cyrillic and full-width letters; other scripts have no case or are left as they are.
 */
#ifndef VALIDATE_FHIRPATH_FOLD_H
#define VALIDATE_FHIRPATH_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int32_t fp_upper(int32_t c);
int32_t fp_lower(int32_t c);
/* Equal but for case; runs of spaces count as one, those at the ends not at all. */
bool fp_fold_equal(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
