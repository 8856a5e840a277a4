/* Mathematics. Roots, powers and logarithms go through binary numbers and are rounded to 15 digits; everything else is exact. */
#include "validate/fhirpath/eval.h"

#include <math.h>

/* abs, ceiling, floor, truncate, round keep integers integers and give a quantity its unit back. */
static int push_like(struct fp_eval *f, const struct fhirpath_item *v, struct fp_decimal d, bool whole)
{
    int64_t i;
    if (v->kind == FHIRPATH_QUANTITY)
        return fp_push_quantity(f, d, v->unit, v->unit_len);
    if ((whole || v->kind == FHIRPATH_INTEGER) && fp_decimal_to_int64(d, &i))
        return fp_push_integer(f, i);
    return fp_push_decimal(f, d);
}

static int push_binary(struct fp_eval *f, long double value)
{
    struct fp_decimal d;
    return fp_decimal_of_binary(value, &d) ? fp_push_decimal(f, d) : 0;
}

/* Whole powers by multiplication, so that 2.5.power(2) is 6.25 to the last digit. */
static int power(struct fp_eval *f, const struct fhirpath_item *v, struct fp_decimal base, const struct fhirpath_item *by, struct fp_decimal exponent)
{
    int64_t n, i;
    struct fp_decimal product = fp_decimal_of(1);
    bool exact = fp_decimal_to_int64(exponent, &n) && n >= 0 && n <= 200;
    for (int64_t k = 0; exact && k < n; k++)
        exact = fp_decimal_multiply(product, base, &product);
    if (!exact)
        return push_binary(f, powl(fp_decimal_to_binary(base), fp_decimal_to_binary(exponent)));
    if (v->kind == FHIRPATH_INTEGER && by->kind == FHIRPATH_INTEGER && fp_decimal_to_int64(product, &i))
        return fp_push_integer(f, i);
    return fp_push_decimal(f, product);
}

static int round_to(struct fp_eval *f, const struct fhirpath_item *v, struct fp_decimal d, const struct fhirpath_item *digits, bool has_digits)
{
    if (has_digits && (digits->kind != FHIRPATH_INTEGER || digits->integer < 0))
        return fp_fail(f, ERR_INVALID, "an integer wanted");
    int scale = !has_digits ? 0 : digits->integer > FP_SCALE_MAX ? FP_SCALE_MAX : (int)digits->integer;
    return push_like(f, v, scale < d.scale ? fp_decimal_round(d, scale, FP_HALF_UP) : d, !has_digits);
}

int fp_fn_math(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base)
{
    struct fhirpath_item v, a;
    bool present = false, has_a = false;
    struct fp_decimal d, x = { 0, 0 };
    int ret = fp_focus(f, base, &v, &present);
    if (ret == 0)
        ret = fp_argument(f, n, 1, s, &a, &has_a);
    if (ret < 0 || !present)
        return ret;
    bool keeps_unit = n->fn == FN_ABS || n->fn == FN_ROUND || n->fn == FN_CEILING || n->fn == FN_FLOOR || n->fn == FN_TRUNCATE;
    if (!fp_decimal(&v, &d) || (v.kind == FHIRPATH_QUANTITY && !keeps_unit) || (has_a && !fp_is_number(&a)) || (has_a && !fp_decimal(&a, &x)))
        return fp_fail(f, ERR_INVALID, "a number wanted");
    if ((n->fn == FN_LOG || n->fn == FN_POWER) && !has_a)
        return 0;
    long double binary = fp_decimal_to_binary(d);
    switch (n->fn) {
    case FN_ABS: d.digits = d.digits < 0 ? -d.digits : d.digits; return push_like(f, &v, d, false);
    case FN_CEILING: return push_like(f, &v, fp_decimal_round(d, 0, FP_CEILING), true);
    case FN_FLOOR: return push_like(f, &v, fp_decimal_round(d, 0, FP_FLOOR), true);
    case FN_TRUNCATE: return push_like(f, &v, fp_decimal_round(d, 0, FP_DOWN), true);
    case FN_ROUND: return round_to(f, &v, d, &a, has_a);
    case FN_SQRT: return push_binary(f, sqrtl(binary));
    case FN_EXP: return push_binary(f, expl(binary));
    case FN_LN: return push_binary(f, logl(binary));
    case FN_LOG: return push_binary(f, logl(binary) / logl(fp_decimal_to_binary(x)));
    default: return power(f, &v, d, &a, x);
    }
}
