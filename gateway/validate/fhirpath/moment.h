/*
 * moment.h - dates, dateTimes and times with their precision and zone, and the words for calendar units. Private to this folder.
 */
#ifndef VALIDATE_FHIRPATH_MOMENT_H
#define VALIDATE_FHIRPATH_MOMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fp_precision { FP_YEAR = 1, FP_MONTH, FP_DAY, FP_HOUR, FP_MINUTE, FP_SECOND, FP_FRACTION };
enum { FP_MOMENT_TEXT = 48 };

struct fp_moment {
    int32_t year, month, day, hour, minute, second, nano;   /* what is finer than the precision is 1 for month and day, else 0 */
    uint8_t precision;       /* enum fp_precision; of a time at least FP_HOUR */
    uint8_t digits;          /* of the fraction, at most 9 are kept */
    bool is_time, has_zone;
    int16_t zone;            /* minutes east of Greenwich */
};

enum fp_order { FP_BEFORE = -1, FP_SAME = 0, FP_AFTER = 1, FP_UNSURE = 2 };

/* YYYY[-MM[-DD]][T[hh[:mm[:ss[.fff]]][zone]]] or hh[:mm[:ss[.fff]]]; checks ranges and the calendar. */
bool fp_moment_parse(const char *text, size_t len, bool is_time, struct fp_moment *ret);
size_t fp_moment_print(const struct fp_moment *m, char ret_text[static FP_MOMENT_TEXT]);
/* FP_UNSURE where precision or zone leave it open. */
enum fp_order fp_moment_compare(const struct fp_moment *a, const struct fp_moment *b);
/* Same text value: equal precision (seconds and fractions are one) and order. */
uint64_t fp_moment_hash(const struct fp_moment *m);

enum fp_unit { FP_UNIT_NONE, FP_UNIT_YEAR, FP_UNIT_MONTH, FP_UNIT_WEEK, FP_UNIT_DAY, FP_UNIT_HOUR, FP_UNIT_MINUTE, FP_UNIT_SECOND, FP_UNIT_MILLISECOND };
/* "day", "days", ... */
enum fp_unit fp_calendar_unit(const char *text, size_t len);
/* UCUM codes of a definite length: wk d h min s ms */
enum fp_unit fp_definite_unit(const char *text, size_t len);
/* The code of UCUM for a calendar unit; years and months have one of another meaning, so: NULL. */
const char *fp_unit_code(enum fp_unit unit);
/* Moves by that many whole units; units finer than the precision are counted in those of the precision. False: out of years 1-9999. */
bool fp_moment_add(struct fp_moment *m, int64_t amount, enum fp_unit unit);
/* Earliest or latest moment that the value may mean, with the given number of digits (4 6 8 10 12 14 17; time 2 4 6 9). False: no such precision. */
bool fp_moment_boundary(struct fp_moment *m, int64_t digits, bool high);
int fp_moment_digits(const struct fp_moment *m);
/* The moment of UTC milliseconds, to milliseconds, written in that zone. */
struct fp_moment fp_moment_of(int64_t wall_ms, int32_t zone_minutes);

#endif
