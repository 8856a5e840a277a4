/*
 * decimal.h - exact decimal numbers: an integer of up to 38 digits and the number of its digits behind the point. Private to this folder.
 *
 * Results that would need more digits lose fraction digits (rounded half away from zero); what has no fraction left to lose fails.
 */
#ifndef VALIDATE_FHIRPATH_DECIMAL_H
#define VALIDATE_FHIRPATH_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

__extension__ typedef __int128 fp_int128;

enum { FP_DECIMAL_TEXT = 48, FP_SCALE_MAX = 37 };

struct fp_decimal { fp_int128 digits; int scale; /* value = digits / 10^scale, scale >= 0 */ };

struct fp_decimal fp_decimal_of(int64_t value);
/* [+-]digits[.digits][e[+-]digits], all of the text; false: another form or too many digits. */
bool fp_decimal_parse(const char *text, size_t len, struct fp_decimal *ret);
/* Always terminated; keeps the scale: 1.50 stays 1.50. */
size_t fp_decimal_print(struct fp_decimal d, char ret_text[static FP_DECIMAL_TEXT]);
int fp_decimal_compare(struct fp_decimal a, struct fp_decimal b);
bool fp_decimal_add(struct fp_decimal a, struct fp_decimal b, struct fp_decimal *ret);
bool fp_decimal_subtract(struct fp_decimal a, struct fp_decimal b, struct fp_decimal *ret);
bool fp_decimal_multiply(struct fp_decimal a, struct fp_decimal b, struct fp_decimal *ret);
/* False for b = 0, too. */
bool fp_decimal_divide(struct fp_decimal a, struct fp_decimal b, struct fp_decimal *ret);
/* Integer part of a / b, and what is left. */
bool fp_decimal_div(struct fp_decimal a, struct fp_decimal b, struct fp_decimal *ret);
bool fp_decimal_mod(struct fp_decimal a, struct fp_decimal b, struct fp_decimal *ret);

enum fp_rounding { FP_HALF_UP /* away from zero */, FP_DOWN /* to zero */, FP_FLOOR, FP_CEILING };
/* To that many fraction digits: fewer are cut by the rule, more are filled with zeros where they fit. */
struct fp_decimal fp_decimal_round(struct fp_decimal d, int scale, enum fp_rounding how);
/* Without zeros at the end of the fraction. */
struct fp_decimal fp_decimal_strip(struct fp_decimal d);
bool fp_decimal_to_int64(struct fp_decimal d, int64_t *ret);   /* false with a fraction or out of range */
long double fp_decimal_to_binary(struct fp_decimal d);
/* 15 significant digits of a binary number; false when it is not finite or too large. */
bool fp_decimal_of_binary(long double value, struct fp_decimal *ret);

#endif
