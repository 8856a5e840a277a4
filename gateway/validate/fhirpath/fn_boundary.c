/* lowBoundary, highBoundary, precision, comparable: what a value of limited precision may mean. */
#include "validate/fhirpath/eval.h"

#include <string.h>
#include "validate/fhirpath/ucum.h"

enum { DECIMAL_DEFAULT = 8, DECIMAL_MAX = 31, DATE_DEFAULT = 8, DATETIME_DEFAULT = 17, TIME_DEFAULT = 9 };

/* Half a unit of the last digit away. Towards zero it is cut, away from zero rounded: 1.587 to two digits lies between 1.58 and 1.59. */
static int decimal_boundary(struct fp_eval *f, const struct fhirpath_item *v, int64_t digits, bool high)
{
    struct fp_decimal d, bound;
    if (digits < 0 || digits > DECIMAL_MAX || !fp_decimal(v, &d))
        return 0;
    const struct fp_decimal half = { 5, d.scale + 1 };
    bool away = high ? d.digits >= 0 : d.digits <= 0;
    if (half.scale > FP_SCALE_MAX || !(high ? fp_decimal_add(d, half, &bound) : fp_decimal_subtract(d, half, &bound)))
        return 0;
    bound = fp_decimal_round(bound, (int)digits, away ? FP_HALF_UP : FP_DOWN);
    if (bound.scale != digits)
        return 0;
    return v->kind == FHIRPATH_QUANTITY ? fp_push_quantity(f, bound, v->unit, v->unit_len) : fp_push_decimal(f, bound);
}

static int moment_boundary(struct fp_eval *f, const struct fhirpath_item *v, int64_t digits, bool high)
{
    struct fp_moment m;
    if (!fp_moment(v, &m) || (v->kind == FHIRPATH_DATE && digits > DATE_DEFAULT) || !fp_moment_boundary(&m, digits, high))
        return 0;
    return fp_push_moment(f, &m);
}

static int boundary(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, const struct fhirpath_item *v)
{
    struct fhirpath_item digits;
    bool given, high = n->fn == FN_HIGH_BOUNDARY;
    int ret = fp_argument(f, n, 1, s, &digits, &given);
    if (ret < 0)
        return ret;
    if (given && digits.kind != FHIRPATH_INTEGER)
        return fp_fail(f, ERR_INVALID, "an integer wanted");
    switch (v->kind) {
    case FHIRPATH_INTEGER: case FHIRPATH_DECIMAL: case FHIRPATH_QUANTITY: return decimal_boundary(f, v, given ? digits.integer : DECIMAL_DEFAULT, high);
    case FHIRPATH_DATE: return moment_boundary(f, v, given ? digits.integer : DATE_DEFAULT, high);
    case FHIRPATH_DATETIME: return moment_boundary(f, v, given ? digits.integer : DATETIME_DEFAULT, high);
    case FHIRPATH_TIME: return moment_boundary(f, v, given ? digits.integer : TIME_DEFAULT, high);
    default: return fp_fail(f, ERR_INVALID, "a number or date wanted");
    }
}

static int precision(struct fp_eval *f, const struct fhirpath_item *v)
{
    struct fp_decimal d;
    struct fp_moment m;
    if (fp_is_number(v) && fp_decimal(v, &d))
        return fp_push_integer(f, d.scale);
    if (fp_moment(v, &m))
        return fp_push_integer(f, fp_moment_digits(&m));
    return fp_fail(f, ERR_INVALID, "a number or date wanted");
}

static bool unit_of(const struct fhirpath_item *v, struct ucum_unit *unit)
{
    const char *code = fp_unit_code(fp_calendar_unit(v->unit, v->unit_len));
    return code != NULL ? ucum_parse(code, strlen(code), unit) : ucum_parse(v->unit, v->unit_len, unit);
}

static int comparable(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, const struct fhirpath_item *v)
{
    struct fhirpath_item other;
    struct ucum_unit a, b;
    bool present = false;
    int ret = fp_argument(f, n, 1, s, &other, &present);
    if (ret < 0 || !present)
        return ret;
    if (v->kind != FHIRPATH_QUANTITY || other.kind != FHIRPATH_QUANTITY)
        return fp_fail(f, ERR_INVALID, "quantities wanted");
    return fp_push_bool(f, unit_of(v, &a) && unit_of(&other, &b) && ucum_commensurable(&a, &b));
}

int fp_fn_boundary(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base)
{
    struct fhirpath_item v;
    bool present = false;
    int ret = fp_focus(f, base, &v, &present);
    if (ret < 0 || !present)
        return ret;
    return n->fn == FN_PRECISION ? precision(f, &v) : n->fn == FN_COMPARABLE ? comparable(f, n, s, &v) : boundary(f, n, s, &v);
}
