/* Arithmetic on numbers, texts, dates and quantities. What overflows or divides by nothing gives the empty collection. */
#include "validate/fhirpath/eval.h"

#include <string.h>
#include "validate/fhirpath/ucum.h"

static int concatenate(struct fp_eval *f, const struct fhirpath_item *a, const struct fhirpath_item *b)
{
    static const struct fhirpath_item empty = { .kind = FHIRPATH_STRING };
    a = a->kind == FHIRPATH_NODE && a->node == NULL ? &empty : a;   /* an element that has extensions only */
    b = b->kind == FHIRPATH_NODE && b->node == NULL ? &empty : b;
    if (a->kind != FHIRPATH_STRING || b->kind != FHIRPATH_STRING)
        return fp_fail(f, ERR_INVALID, "texts wanted");
    if (a->len == 0 || b->len == 0)
        return a->len == 0 ? fp_push_text(f, FHIRPATH_STRING, b->text, b->len) : fp_push_text(f, FHIRPATH_STRING, a->text, a->len);
    char *text = arena_alloc(f->env->arena, a->len + b->len + 1);
    if (text == NULL)
        return fp_fail(f, ERR_NOMEM, "memory");
    if (a->len > 0)
        memcpy(text, a->text, a->len);
    if (b->len > 0)
        memcpy(text + a->len, b->text, b->len);
    int ret = fp_step(f, (a->len + b->len) / 16);
    return ret == 0 ? fp_push_text(f, FHIRPATH_STRING, text, a->len + b->len) : ret;
}

static bool integer_arithmetic(enum fp_op op, int64_t a, int64_t b, int64_t *ret)
{
    switch (op) {
    case FP_ADD: return !__builtin_add_overflow(a, b, ret);
    case FP_SUBTRACT: return !__builtin_sub_overflow(a, b, ret);
    case FP_MULTIPLY: return !__builtin_mul_overflow(a, b, ret);
    case FP_DIV: case FP_MOD:
        if (b == 0 || (a == INT64_MIN && b == -1))
            return false;
        *ret = op == FP_DIV ? a / b : a % b;
        return true;
    default: return false;
    }
}

static int numbers(struct fp_eval *f, enum fp_op op, const struct fhirpath_item *a, const struct fhirpath_item *b)
{
    struct fp_decimal x, y, d;
    int64_t i;
    if (a->kind == FHIRPATH_INTEGER && b->kind == FHIRPATH_INTEGER && op != FP_DIVIDE)
        return integer_arithmetic(op, a->integer, b->integer, &i) ? fp_push_integer(f, i) : 0;
    if (!fp_decimal(a, &x) || !fp_decimal(b, &y))
        return 0;
    bool fine = op == FP_ADD ? fp_decimal_add(x, y, &d) : op == FP_SUBTRACT ? fp_decimal_subtract(x, y, &d) : op == FP_MULTIPLY ? fp_decimal_multiply(x, y, &d) :
        op == FP_DIVIDE ? fp_decimal_divide(x, y, &d) : op == FP_DIV ? fp_decimal_div(x, y, &d) : fp_decimal_mod(x, y, &d);
    if (!fine)
        return 0;
    if (op == FP_DIV && fp_decimal_to_int64(d, &i))
        return fp_push_integer(f, i);
    return fp_push_decimal(f, d);
}

/* A unit text as UCUM has it: words for units of the calendar become codes. */
static struct bytes unit_code(const struct fhirpath_item *q)
{
    struct bytes unit = { "1", 1 };
    if (q->kind != FHIRPATH_QUANTITY)
        return unit;
    const char *code = fp_unit_code(fp_calendar_unit(q->unit, q->unit_len));
    unit.data = code != NULL ? code : q->unit;
    unit.len = code != NULL ? strlen(code) : q->unit_len;
    return unit;
}

static bool is_one(struct bytes unit) { return unit.len == 1 && unit.data[0] == '1'; }

static int scale_quantities(struct fp_eval *f, enum fp_op op, const struct fhirpath_item *a, const struct fhirpath_item *b)
{
    struct fp_decimal x, y, d;
    struct bytes p = unit_code(a), q = unit_code(b);
    if (!fp_decimal(a, &x) || !fp_decimal(b, &y) || !(op == FP_MULTIPLY ? fp_decimal_multiply(x, y, &d) : fp_decimal_divide(x, y, &d)))
        return 0;
    const char *unit;
    if (is_one(q))
        return fp_push_quantity(f, d, p.data, p.len);
    if (op == FP_DIVIDE && p.len == q.len && memcmp(p.data, q.data, p.len) == 0)
        return fp_push_quantity(f, d, "1", 1);
    if (p.len + q.len > 200)
        return 0;
    if (op == FP_MULTIPLY && is_one(p))
        return fp_push_quantity(f, d, q.data, q.len);
    unit = arena_printf(f->env->arena, op == FP_MULTIPLY ? "%.*s.(%.*s)" : "%.*s/(%.*s)", (int)p.len, p.data, (int)q.len, q.data);
    return unit == NULL ? fp_fail(f, ERR_NOMEM, "memory") : fp_push_quantity(f, d, unit, strlen(unit));
}

/* The sum in the unit of the left side. */
static int add_quantities(struct fp_eval *f, enum fp_op op, const struct fhirpath_item *a, const struct fhirpath_item *b)
{
    struct fp_decimal x, y, d, factor;
    struct ucum_unit u, v;
    struct bytes p = unit_code(a), q = unit_code(b);
    if (!fp_decimal(a, &x) || !fp_decimal(b, &y))
        return 0;
    if (p.len != q.len || memcmp(p.data, q.data, p.len) != 0) {
        if (!ucum_parse(p.data, p.len, &u) || !ucum_parse(q.data, q.len, &v) || !ucum_commensurable(&u, &v) || u.offset != 0.0 || v.offset != 0.0)
            return 0;
        if (!fp_decimal_of_binary((long double)v.factor / (long double)u.factor, &factor) || !fp_decimal_multiply(y, factor, &y))
            return 0;
    }
    if (!(op == FP_ADD ? fp_decimal_add(x, y, &d) : fp_decimal_subtract(x, y, &d)))
        return 0;
    const char *unit = a->kind == FHIRPATH_QUANTITY ? a->unit : p.data;
    return fp_push_quantity(f, d, unit, a->kind == FHIRPATH_QUANTITY ? a->unit_len : p.len);
}

static int move_moment(struct fp_eval *f, enum fp_op op, const struct fhirpath_item *a, const struct fhirpath_item *b)
{
    struct fp_moment m;
    struct fp_decimal d;
    int64_t amount;
    enum fp_unit unit = b->kind == FHIRPATH_QUANTITY ? fp_calendar_unit(b->unit, b->unit_len) : FP_UNIT_NONE;
    if (unit == FP_UNIT_NONE && b->kind == FHIRPATH_QUANTITY)
        unit = fp_definite_unit(b->unit, b->unit_len);
    if (unit == FP_UNIT_NONE || !fp_moment(a, &m) || !fp_decimal(b, &d))
        return fp_fail(f, ERR_INVALID, "a date is moved by years, months, weeks, days, hours, minutes, seconds");
    /* Only whole units count. */
    if (!fp_decimal_to_int64(fp_decimal_round(d, 0, FP_DOWN), &amount))
        return 0;
    return fp_moment_add(&m, op == FP_ADD ? amount : -amount, unit) ? fp_push_moment(f, &m) : 0;
}

int fp_arithmetic(struct fp_eval *f, enum fp_op op, const struct fhirpath_item *a, const struct fhirpath_item *b)
{
    bool sum = op == FP_ADD || op == FP_SUBTRACT, quantity_a = a->kind == FHIRPATH_QUANTITY, quantity_b = b->kind == FHIRPATH_QUANTITY;
    if (op == FP_CONCATENATE || (op == FP_ADD && a->kind == FHIRPATH_STRING && b->kind == FHIRPATH_STRING))
        return concatenate(f, a, b);
    if (fp_is_number(a) && fp_is_number(b))
        return numbers(f, op, a, b);
    if (sum && a->kind >= FHIRPATH_DATE && a->kind <= FHIRPATH_TIME)
        return move_moment(f, op, a, b);
    if ((quantity_a || fp_is_number(a)) && (quantity_b || fp_is_number(b)) && (sum || op == FP_MULTIPLY || op == FP_DIVIDE))
        return sum ? add_quantities(f, op, a, b) : scale_quantities(f, op, a, b);
    return fp_fail(f, ERR_INVALID, "these cannot be calculated with");
}

int fp_negate(struct fp_eval *f, const struct fhirpath_item *a)
{
    struct fp_decimal d;
    if (a->kind == FHIRPATH_INTEGER)
        return a->integer != INT64_MIN ? fp_push_integer(f, -a->integer) : 0;
    if (!fp_decimal(a, &d))
        return 0;
    d.digits = -d.digits;
    return a->kind == FHIRPATH_QUANTITY ? fp_push_quantity(f, d, a->unit, a->unit_len) : fp_push_decimal(f, d);
}
