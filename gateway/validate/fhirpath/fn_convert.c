/* toX() and convertsToX(). */
#include "validate/fhirpath/eval.h"

#include <string.h>
#include "base/text.h"

static bool is_word(const struct fhirpath_item *v, const char *const *words)
{
    for (; *words != NULL; words++) {
        size_t i = 0;
        while (i < v->len && (*words)[i] != '\0' && ((v->text[i] >= 'A' && v->text[i] <= 'Z') ? v->text[i] - 'A' + 'a' : v->text[i]) == (*words)[i])
            i++;
        if (i == v->len && (*words)[i] == '\0')
            return true;
    }
    return false;
}

static int to_boolean(struct fp_eval *f, const struct fhirpath_item *v)
{
    static const char *const yes[] = { "true", "t", "yes", "y", "1", "1.0", NULL }, *const no[] = { "false", "f", "no", "n", "0", "0.0", NULL };
    struct fp_decimal d;
    int64_t i;
    if (v->kind == FHIRPATH_BOOLEAN)
        return fp_push_item(f, v);
    if (fp_is_number(v))
        return fp_decimal(v, &d) && fp_decimal_to_int64(d, &i) && (i == 0 || i == 1) ? fp_push_bool(f, i == 1) : 0;
    if (v->kind != FHIRPATH_STRING)
        return 0;
    return is_word(v, yes) ? fp_push_bool(f, true) : is_word(v, no) ? fp_push_bool(f, false) : 0;
}

static int to_integer(struct fp_eval *f, const struct fhirpath_item *v)
{
    int64_t i;
    if (v->kind == FHIRPATH_INTEGER)
        return fp_push_item(f, v);
    if (v->kind == FHIRPATH_BOOLEAN)
        return fp_push_integer(f, v->integer);
    if (v->kind != FHIRPATH_STRING)
        return 0;
    size_t sign = v->len > 1 && v->text[0] == '+';
    return text_to_int64(v->text + sign, v->len - sign, INT32_MIN, INT32_MAX, &i) == 0 ? fp_push_integer(f, i) : 0;
}

static int to_decimal(struct fp_eval *f, const struct fhirpath_item *v)
{
    struct fp_decimal d;
    if (v->kind == FHIRPATH_DECIMAL)
        return fp_push_item(f, v);
    if (v->kind == FHIRPATH_BOOLEAN)
        return fp_push_decimal(f, (struct fp_decimal){ v->integer * 10, 1 });
    if (v->kind == FHIRPATH_INTEGER)
        return fp_push_decimal(f, fp_decimal_of(v->integer));
    if (v->kind != FHIRPATH_STRING || memchr(v->text, 'e', v->len) != NULL || memchr(v->text, 'E', v->len) != NULL)
        return 0;
    return fp_decimal_parse(v->text, v->len, &d) ? fp_push_decimal(f, d) : 0;
}

/* 1 week, 1 'wk' */
static int quantity_text(struct fp_eval *f, const struct fhirpath_item *v)
{
    char number[FP_DECIMAL_TEXT];
    struct bytes digits = { v->text, v->len };
    struct fp_decimal d;
    if (digits.len > FP_DECIMAL_TEXT) {
        if (!fp_decimal_parse(v->text, v->len, &d))
            return 0;
        digits = (struct bytes){ number, fp_decimal_print(d, number) };
    }
    bool word = fp_calendar_unit(v->unit, v->unit_len) != FP_UNIT_NONE;
    const char *text = arena_printf(f->env->arena, word ? "%.*s %.*s" : "%.*s '%.*s'", (int)digits.len, digits.data, (int)(v->unit_len > 1000 ? 1000 : v->unit_len), v->unit);
    return text == NULL ? fp_fail(f, ERR_NOMEM, "memory") : fp_push_text(f, FHIRPATH_STRING, text, strlen(text));
}

static int to_string(struct fp_eval *f, const struct fhirpath_item *v)
{
    struct bytes text;
    if (v->kind == FHIRPATH_QUANTITY)
        return quantity_text(f, v);
    if (v->kind == FHIRPATH_INTEGER) {
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)v->integer);
        const char *copy = fp_copy(f, number, strlen(number));
        return copy == NULL ? ERR_NOMEM : fp_push_text(f, FHIRPATH_STRING, copy, strlen(copy));
    }
    if (v->kind == FHIRPATH_TYPE_INFO || !fhirpath_text(v, &text))
        return 0;
    return fp_push_text(f, FHIRPATH_STRING, text.data, text.len);
}

static int to_moment(struct fp_eval *f, const struct fhirpath_item *v, enum fhirpath_kind wanted)
{
    struct fp_moment m;
    if (v->kind == wanted)
        return fp_push_item(f, v);
    bool text = v->kind == FHIRPATH_STRING && v->len > 0 && v->text[v->len - 1] != 'T';
    bool date = v->kind == FHIRPATH_DATE || v->kind == FHIRPATH_DATETIME;
    if ((!text && !(date && wanted != FHIRPATH_TIME)) || !fp_moment_parse(v->text, v->len, wanted == FHIRPATH_TIME, &m))
        return 0;
    if (wanted == FHIRPATH_DATE && m.precision > FP_DAY) {
        if (text)
            return 0;
        m.precision = FP_DAY;
        m.has_zone = false;
        return fp_push_moment(f, &m);
    }
    return fp_push_text(f, wanted, v->text, v->len);
}

/* number, then nothing, a word of the calendar or a code in quotes */
static int string_to_quantity(struct fp_eval *f, const struct fhirpath_item *v)
{
    struct fp_decimal d;
    size_t end = 0;
    while (end < v->len && v->text[end] != ' ' && v->text[end] != '\t' && v->text[end] != '\'' && v->text[end] != 'e' && v->text[end] != 'E')
        end++;
    size_t unit = end;
    while (unit < v->len && (v->text[unit] == ' ' || v->text[unit] == '\t'))
        unit++;
    if (!fp_decimal_parse(v->text, end, &d))
        return 0;
    struct fhirpath_item q = { .kind = FHIRPATH_QUANTITY, .text = v->text, .len = end, .unit = "1", .unit_len = 1 };
    if (unit < v->len) {
        bool quoted = v->text[unit] == '\'' && v->len - unit > 2 && v->text[v->len - 1] == '\'';
        q.unit = v->text + unit + quoted;
        q.unit_len = v->len - unit - (quoted ? 2 : 0);
        if (!quoted && (unit == end || fp_calendar_unit(q.unit, q.unit_len) == FP_UNIT_NONE))
            return 0;
        if (quoted && memchr(q.unit, '\'', q.unit_len) != NULL)
            return 0;
    }
    return fp_push_item(f, &q);
}

static int to_quantity(struct fp_eval *f, const struct fhirpath_item *v)
{
    switch (v->kind) {
    case FHIRPATH_QUANTITY: return fp_push_item(f, v);
    case FHIRPATH_INTEGER: return fp_push_quantity(f, fp_decimal_of(v->integer), "1", 1);
    case FHIRPATH_BOOLEAN: return fp_push_quantity(f, (struct fp_decimal){ v->integer * 10, 1 }, "1", 1);
    case FHIRPATH_STRING: return string_to_quantity(f, v);
    case FHIRPATH_DECIMAL: break;
    default: return 0;
    }
    struct fhirpath_item q = *v;
    q.kind = FHIRPATH_QUANTITY;
    q.unit = "1";
    q.unit_len = 1;
    return fp_push_item(f, &q);
}

/* With a unit given the result must be in units that it can be converted to. */
static int check_unit(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base)
{
    struct fhirpath_item unit;
    bool present = false;
    enum fp_order order;
    int ret = fp_argument(f, n, 1, s, &unit, &present);
    if (ret < 0 || !present || f->top == base)
        return ret;
    if (unit.kind != FHIRPATH_STRING)
        return fp_fail(f, ERR_INVALID, "a unit wanted");
    const struct fhirpath_item one = { .kind = FHIRPATH_QUANTITY, .text = "1", .len = 1, .unit = unit.text, .unit_len = unit.len };
    ret = fp_compare(f, &f->stack[base], &one, &order);
    if (ret == 0 && order == FP_UNSURE)
        f->top = base;
    return ret;
}

static int convert(struct fp_eval *f, unsigned fn, const struct fhirpath_item *v)
{
    switch (fn) {
    case FN_TO_BOOLEAN: return to_boolean(f, v);
    case FN_TO_INTEGER: return to_integer(f, v);
    case FN_TO_DECIMAL: return to_decimal(f, v);
    case FN_TO_STRING: return to_string(f, v);
    case FN_TO_DATE: return to_moment(f, v, FHIRPATH_DATE);
    case FN_TO_DATETIME: return to_moment(f, v, FHIRPATH_DATETIME);
    case FN_TO_TIME: return to_moment(f, v, FHIRPATH_TIME);
    default: return to_quantity(f, v);
    }
}

int fp_fn_convert(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base)
{
    struct fhirpath_item v;
    bool present = false, ask = n->fn >= FN_CONVERTS_TO_BOOLEAN;
    int ret = fp_focus(f, base, &v, &present);
    if (ret < 0 || !present)
        return ret;
    unsigned fn = ask ? n->fn - FN_CONVERTS_TO_BOOLEAN + FN_TO_BOOLEAN : n->fn;
    ret = convert(f, fn, &v);
    if (ret == 0 && n->kid[1] != 0)
        ret = check_unit(f, n, s, base);
    if (ret < 0 || !ask)
        return ret;
    bool fits = f->top > base;
    f->top = base;
    return fp_push_bool(f, fits);
}
