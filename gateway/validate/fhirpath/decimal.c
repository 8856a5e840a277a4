/* Exact decimal numbers on 128-bit integers. */
#include "validate/fhirpath/decimal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Of either sign; products and sums that pass it have overflowed in the decimal sense. */
static fp_int128 power_of_ten(int exponent)
{
    fp_int128 p = 1;
    while (exponent-- > 0)
        p *= 10;
    return p;
}

static bool too_large(fp_int128 v)
{
    const fp_int128 limit = power_of_ten(38);
    return v >= limit || v <= -limit;
}

/* False when the product has overflowed in the decimal sense: asked before, 128 bits hold little more than 38 digits. */
static bool times_ten(fp_int128 *v)
{
    const fp_int128 limit = power_of_ten(37);
    if (*v >= limit || *v <= -limit)
        return false;
    *v *= 10;
    return true;
}

struct fp_decimal fp_decimal_of(int64_t value) { return (struct fp_decimal){ value, 0 }; }

static fp_int128 divide_rounded(fp_int128 a, fp_int128 b, enum fp_rounding how)
{
    fp_int128 q = a / b, r = a % b;
    if (r == 0)
        return q;
    bool negative = (a < 0) != (b < 0);
    fp_int128 magnitude = r < 0 ? -r : r, divisor = b < 0 ? -b : b;
    bool away = how == FP_HALF_UP ? magnitude >= divisor - magnitude : how == FP_FLOOR ? negative : how == FP_CEILING && !negative;
    return away ? q + (negative ? -1 : 1) : q;
}

/* Powers of ten in `exponent` that the text may have; larger ones cannot be held anyhow. */
static bool parse_exponent(const char *text, size_t len, int *ret)
{
    size_t i = 0;
    bool negative = len > 0 && text[0] == '-';
    if (len > 0 && (text[0] == '-' || text[0] == '+'))
        i++;
    if (i == len)
        return false;
    int value = 0;
    for (; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        if (value < 10000)
            value = value * 10 + (text[i] - '0');
    }
    *ret = negative ? -value : value;
    return true;
}

bool fp_decimal_parse(const char *text, size_t len, struct fp_decimal *ret)
{
    struct fp_decimal d = { 0, 0 };
    size_t i = 0, digits = 0;
    bool negative = len > 0 && text[0] == '-', fraction = false;
    if (len > 0 && (text[0] == '-' || text[0] == '+'))
        i++;
    for (; i < len && text[i] != 'e' && text[i] != 'E'; i++) {
        if (text[i] == '.' && !fraction && digits > 0) {
            fraction = true;
            continue;
        }
        if (text[i] < '0' || text[i] > '9' || d.digits >= power_of_ten(37) || d.scale >= FP_SCALE_MAX)
            return false;
        d.digits = d.digits * 10 + (text[i] - '0');
        d.scale += fraction;
        digits++;
    }
    if (digits == 0 || text[i - 1] == '.')
        return false;
    int exponent = 0;
    if (i < len && !parse_exponent(text + i + 1, len - i - 1, &exponent))
        return false;
    if (d.digits != 0) {
        for (; exponent > 0 && d.scale > 0; exponent--)
            d.scale--;
        for (; exponent > 0; exponent--)
            if (!times_ten(&d.digits))
                return false;
        for (; exponent < 0; exponent++)
            if (++d.scale > FP_SCALE_MAX)
                return false;
    }
    if (negative)
        d.digits = -d.digits;
    *ret = d;
    return true;
}

size_t fp_decimal_print(struct fp_decimal d, char ret_text[static FP_DECIMAL_TEXT])
{
    char reversed[FP_DECIMAL_TEXT];
    size_t n = 0, out = 0;
    bool negative = d.digits < 0;
    fp_int128 rest = negative ? -d.digits : d.digits;
    for (int place = 0; (rest > 0 || place <= d.scale) && n < FP_DECIMAL_TEXT - 4; place++) {
        if (place == d.scale && place > 0)
            reversed[n++] = '.';
        reversed[n++] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    }
    if (negative)
        ret_text[out++] = '-';
    while (n > 0)
        ret_text[out++] = reversed[--n];
    ret_text[out] = '\0';
    return out;
}

struct fp_decimal fp_decimal_strip(struct fp_decimal d)
{
    while (d.scale > 0 && d.digits % 10 == 0) {
        d.digits /= 10;
        d.scale--;
    }
    return d;
}

/* Both with the same scale; false when the digits do not fit. */
static bool align(struct fp_decimal *a, struct fp_decimal *b)
{
    struct fp_decimal *low = a->scale < b->scale ? a : b, *high = a->scale < b->scale ? b : a;
    while (low->scale < high->scale) {
        if (!times_ten(&low->digits))
            return false;
        low->scale++;
    }
    return true;
}

int fp_decimal_compare(struct fp_decimal a, struct fp_decimal b)
{
    a = fp_decimal_strip(a);
    b = fp_decimal_strip(b);
    if (align(&a, &b))
        return (a.digits > b.digits) - (a.digits < b.digits);
    /* The one that could not be given more digits is the larger in magnitude. */
    const struct fp_decimal *large = a.scale < b.scale ? &a : &b;
    int sign = large->digits < 0 ? -1 : 1;
    return large == &a ? sign : -sign;
}

/* Gives up fraction digits until both can be added. */
static bool align_or_round(struct fp_decimal *a, struct fp_decimal *b)
{
    *a = fp_decimal_strip(*a);
    *b = fp_decimal_strip(*b);
    while (!align(a, b)) {
        struct fp_decimal *high = a->scale > b->scale ? a : b;
        *high = fp_decimal_round(*high, high->scale - 1, FP_HALF_UP);
    }
    return true;
}

bool fp_decimal_add(struct fp_decimal a, struct fp_decimal b, struct fp_decimal *ret)
{
    fp_int128 sum;
    if (!align(&a, &b) && !align_or_round(&a, &b))
        return false;
    while (__builtin_add_overflow(a.digits, b.digits, &sum) || too_large(sum)) {
        if (a.scale == 0)
            return false;
        b = fp_decimal_round(b, a.scale - 1, FP_HALF_UP);
        a = fp_decimal_round(a, a.scale - 1, FP_HALF_UP);
    }
    *ret = (struct fp_decimal){ sum, a.scale };
    return true;
}

bool fp_decimal_subtract(struct fp_decimal a, struct fp_decimal b, struct fp_decimal *ret)
{
    b.digits = -b.digits;
    return fp_decimal_add(a, b, ret);
}

bool fp_decimal_multiply(struct fp_decimal a, struct fp_decimal b, struct fp_decimal *ret)
{
    fp_int128 product;
    while (__builtin_mul_overflow(a.digits, b.digits, &product) || too_large(product) || a.scale + b.scale > FP_SCALE_MAX) {
        struct fp_decimal *longer = a.scale > b.scale ? &a : &b;
        if (longer->scale == 0)
            return false;
        *longer = fp_decimal_round(*longer, longer->scale - 1, FP_HALF_UP);
    }
    *ret = (struct fp_decimal){ product, a.scale + b.scale };
    return true;
}

bool fp_decimal_divide(struct fp_decimal a, struct fp_decimal b, struct fp_decimal *ret)
{
    if (b.digits == 0)
        return false;
    /* As many fraction digits as fit, 20 at most. */
    b = fp_decimal_strip(b);
    while (a.scale - b.scale < 20 && a.digits < power_of_ten(36) && a.digits > -power_of_ten(36)) {
        a.digits *= 10;
        a.scale++;
    }
    struct fp_decimal q = { divide_rounded(a.digits, b.digits, FP_HALF_UP), a.scale - b.scale };
    for (; q.scale < 0; q.scale++)
        if (!times_ten(&q.digits))
            return false;
    *ret = fp_decimal_strip(q);
    return true;
}

bool fp_decimal_div(struct fp_decimal a, struct fp_decimal b, struct fp_decimal *ret)
{
    if (b.digits == 0 || !align(&a, &b))
        return false;
    *ret = (struct fp_decimal){ a.digits / b.digits, 0 };
    return true;
}

bool fp_decimal_mod(struct fp_decimal a, struct fp_decimal b, struct fp_decimal *ret)
{
    if (b.digits == 0 || !align(&a, &b))
        return false;
    *ret = (struct fp_decimal){ a.digits % b.digits, a.scale };
    return true;
}

struct fp_decimal fp_decimal_round(struct fp_decimal d, int scale, enum fp_rounding how)
{
    if (scale < 0)
        scale = 0;
    if (scale < d.scale) {
        int cut = d.scale - scale;
        d.digits = cut > FP_SCALE_MAX ? 0 : divide_rounded(d.digits, power_of_ten(cut), how);
        d.scale = scale;
    }
    while (d.scale < scale && d.scale < FP_SCALE_MAX && times_ten(&d.digits))
        d.scale++;
    return d;
}

bool fp_decimal_to_int64(struct fp_decimal d, int64_t *ret)
{
    d = fp_decimal_strip(d);
    if (d.scale != 0 || d.digits > INT64_MAX || d.digits < INT64_MIN)
        return false;
    *ret = (int64_t)d.digits;
    return true;
}

long double fp_decimal_to_binary(struct fp_decimal d)
{
    return (long double)d.digits / (long double)power_of_ten(d.scale);
}

bool fp_decimal_of_binary(long double value, struct fp_decimal *ret)
{
    char text[64];
    if (!isfinite(value) || value > 1e37L || value < -1e37L)
        return false;
    struct fp_decimal zero = { 0, 0 };
    int n = snprintf(text, sizeof text, "%.15Lg", value);
    /* What is too small to be written is nought. */
    if (!fp_decimal_parse(text, (size_t)n, ret))
        *ret = zero;
    return true;
}
