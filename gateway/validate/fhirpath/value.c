/*
 * Values of items: primitive elements as system values, equality, equivalence, order, hash.
 *
 * Decimals are compared as numbers by their digits, dates by their precision. Complex elements are equal when their JSON is, the order of members aside.
 */
#include "validate/fhirpath/eval.h"

#include <math.h>
#include <string.h>
#include "validate/fhirpath/fold.h"
#include "validate/fhirpath/ucum.h"

enum { NODE_DEPTH = 128 };

/* ---- elements as values ---- */

static enum fhirpath_kind kind_of_type(const struct img_profile *type)
{
    static const uint8_t kinds[IMG_WELL_KNOWN_TYPES] = {
        [IMG_BOOLEAN] = FHIRPATH_BOOLEAN, [IMG_INTEGER] = FHIRPATH_INTEGER, [IMG_POSITIVE_INT] = FHIRPATH_INTEGER, [IMG_UNSIGNED_INT] = FHIRPATH_INTEGER, [IMG_INTEGER64] = FHIRPATH_INTEGER,
        [IMG_DECIMAL] = FHIRPATH_DECIMAL, [IMG_DATE] = FHIRPATH_DATE, [IMG_DATE_TIME] = FHIRPATH_DATETIME, [IMG_INSTANT] = FHIRPATH_DATETIME, [IMG_TIME] = FHIRPATH_TIME,
    };
    unsigned kind = type != NULL ? kinds[type->well_known] : FHIRPATH_NODE;
    return kind != FHIRPATH_NODE ? (enum fhirpath_kind)kind : FHIRPATH_STRING;
}

static bool is_integer_text(const struct json_node *n)
{
    return memchr(n->text, '.', n->len) == NULL && memchr(n->text, 'e', n->len) == NULL && memchr(n->text, 'E', n->len) == NULL;
}

/* Digits with a sign and a point. */
static bool is_number(const struct json_node *n)
{
    uint32_t sign = n->len > 0 && n->text[0] == '-', points = 0, digits = 0;
    for (uint32_t i = sign; i < n->len; i++) {
        digits += n->text[i] >= '0' && n->text[i] <= '9';
        points += n->text[i] == '.';
    }
    return digits > 0 && points <= 1 && digits + points + sign == n->len;
}

/* A string that should be a date reads as one only when it is one. The HL7 core takes spaces around it, and no time of day without seconds. */
static void string_value(struct fhirpath_item *v, const struct json_node *n, enum fhirpath_kind wanted, bool reference_ways)
{
    const char *text = n->text;
    size_t len = n->len;
    struct fp_moment moment;
    v->kind = FHIRPATH_STRING;
    v->text = n->text;
    v->len = n->len;
    if (wanted < FHIRPATH_DATE || wanted > FHIRPATH_TIME)
        return;
    for (; reference_ways && len > 0 && text[0] == ' '; text++)
        len--;
    while (reference_ways && len > 0 && text[len - 1] == ' ')
        len--;
    if (len == 0 || !fp_moment_parse(text, len, wanted == FHIRPATH_TIME, &moment) || text[len - 1] == 'T' || (reference_ways && wanted != FHIRPATH_TIME && len > 10 && len < 19))
        return;
    v->kind = wanted;
    v->text = text;
    v->len = len;
}

static void number_value(struct fhirpath_item *v, const struct json_node *n, enum fhirpath_kind wanted)
{
    v->kind = FHIRPATH_DECIMAL;
    v->text = n->text;
    v->len = n->len;
    if (n->type == JSON_NUMBER && is_integer_text(n) && wanted != FHIRPATH_DECIMAL && json_to_int64(n, &v->integer) == 0)
        v->kind = FHIRPATH_INTEGER;
}

/* value and code (unit where there is no code) of a Quantity element. */
static bool quantity_value(struct fhirpath_item *v, const struct json_node *object, bool reference_ways)
{
    const struct json_node *value = json_get(object, "value"), *code = json_get(object, "code"), *unit = json_get(object, "unit");
    const struct json_node *system = json_get(object, "system");
    if (!json_is(value, JSON_NUMBER) && !(reference_ways && json_is(value, JSON_STRING) && is_number(value)))
        return false;
    const struct json_node *best = json_is(code, JSON_STRING) && (reference_ways || system == NULL || json_equals(system, "http://unitsofmeasure.org") || !json_is(unit, JSON_STRING)) ? code : unit;
    v->kind = FHIRPATH_QUANTITY;
    v->text = value->text;
    v->len = value->len;
    v->unit = json_is(best, JSON_STRING) ? best->text : "1";
    v->unit_len = json_is(best, JSON_STRING) ? best->len : 1;
    return true;
}

void fp_make_value(struct fp_eval *f, struct fhirpath_item *item)
{
    const struct json_node *n = item->node;
    if (item->kind != FHIRPATH_NODE || n == NULL)
        return;
    const struct image *image = f->env->image;
    const struct img_profile *type = image_profile(image, item->type);
    enum fhirpath_kind wanted = kind_of_type(type);
    switch (n->type) {
    case JSON_TRUE: case JSON_FALSE:
        item->kind = FHIRPATH_BOOLEAN;
        item->integer = n->type == JSON_TRUE;
        break;
    case JSON_NUMBER: number_value(item, n, wanted); break;
    case JSON_STRING:
        if (f->env->reference_ways && (wanted == FHIRPATH_DECIMAL || wanted == FHIRPATH_INTEGER) && is_number(n))
            number_value(item, n, wanted);   /* "1" for 1: the reader has complained, and still knows what was meant */
        else
            string_value(item, n, wanted, f->env->reference_ways);
        break;
    case JSON_OBJECT:
        if (type != NULL && type->well_known == IMG_QUANTITY)
            quantity_value(item, n, f->env->reference_ways);
        break;
    default: break;
    }
}

struct fhirpath_item fp_value(struct fp_eval *f, const struct fhirpath_item *item)
{
    struct fhirpath_item v = *item;
    fp_make_value(f, &v);
    return v;
}

bool fhirpath_text(const struct fhirpath_item *item, struct bytes *ret_text)
{
    static const struct bytes words[] = { { "false", 5 }, { "true", 4 } };
    if (item->kind == FHIRPATH_BOOLEAN) {
        *ret_text = words[item->integer != 0];
    } else if (item->kind == FHIRPATH_NODE) {
        const struct json_node *n = item->node;
        if (n == NULL || n->type == JSON_OBJECT || n->type == JSON_ARRAY || n->type == JSON_NULL)
            return false;
        *ret_text = n->type == JSON_TRUE || n->type == JSON_FALSE ? words[n->type == JSON_TRUE] : (struct bytes){ n->text, n->len };
    } else if (item->kind == FHIRPATH_INTEGER) {
        return false;
    } else {
        *ret_text = (struct bytes){ item->text, item->len };
    }
    return true;
}

bool fp_is_number(const struct fhirpath_item *v) { return v->kind == FHIRPATH_INTEGER || v->kind == FHIRPATH_DECIMAL; }

bool fp_decimal(const struct fhirpath_item *v, struct fp_decimal *ret)
{
    if (v->kind == FHIRPATH_INTEGER) {
        *ret = fp_decimal_of(v->integer);
        return true;
    }
    return (v->kind == FHIRPATH_DECIMAL || v->kind == FHIRPATH_QUANTITY) && fp_decimal_parse(v->text, v->len, ret);
}

bool fp_moment(const struct fhirpath_item *v, struct fp_moment *ret)
{
    return v->kind >= FHIRPATH_DATE && v->kind <= FHIRPATH_TIME && fp_moment_parse(v->text, v->len, v->kind == FHIRPATH_TIME, ret);
}

/* ---- quantities ---- */

/* UCUM code of the unit; NULL: a calendar year or month, which no code means. */
static bool unit_of(const struct fhirpath_item *v, struct ucum_unit *ret)
{
    if (v->kind != FHIRPATH_QUANTITY)
        return ucum_parse("1", 1, ret);
    enum fp_unit word = fp_calendar_unit(v->unit, v->unit_len);
    const char *code = fp_unit_code(word);
    if (word != FP_UNIT_NONE)
        return code != NULL && ucum_parse(code, strlen(code), ret);
    return ucum_parse(v->unit, v->unit_len, ret);
}

static bool same_unit(const struct fhirpath_item *a, const struct fhirpath_item *b)
{
    if (a->kind != FHIRPATH_QUANTITY || b->kind != FHIRPATH_QUANTITY)
        return a->kind == b->kind;
    enum fp_unit x = fp_calendar_unit(a->unit, a->unit_len), y = fp_calendar_unit(b->unit, b->unit_len);
    return x != FP_UNIT_NONE ? x == y : a->unit_len == b->unit_len && memcmp(a->unit, b->unit, a->unit_len) == 0;
}

/* years and months among themselves: 12 months are a year */
static bool calendar_months(const struct fhirpath_item *v, struct fp_decimal *d)
{
    enum fp_unit unit = v->kind == FHIRPATH_QUANTITY ? fp_calendar_unit(v->unit, v->unit_len) : FP_UNIT_NONE;
    return (unit == FP_UNIT_MONTH || unit == FP_UNIT_YEAR) && fp_decimal(v, d) && (unit == FP_UNIT_MONTH || fp_decimal_multiply(*d, fp_decimal_of(12), d));
}

/* Both numbers in one unit; a factor between units that is a power of ten or a small ratio stays exact by the rounding to 15 digits. False: not commensurable. */
static bool common_unit(const struct fhirpath_item *a, const struct fhirpath_item *b, struct fp_decimal *x, struct fp_decimal *y)
{
    struct ucum_unit u, v;
    if (!fp_decimal(a, x) || !fp_decimal(b, y))
        return false;
    if (same_unit(a, b) || (calendar_months(a, x) && calendar_months(b, y)))
        return true;
    if (!unit_of(a, &u) || !unit_of(b, &v) || !ucum_commensurable(&u, &v))
        return false;
    if (u.offset == 0.0 && v.offset == 0.0) {
        struct fp_decimal factor;
        return fp_decimal_of_binary((long double)v.factor / (long double)u.factor, &factor) && fp_decimal_multiply(*y, factor, y);
    }
    long double base = fp_decimal_to_binary(*y) * (long double)v.factor + (long double)v.offset;
    return fp_decimal_of_binary((base - (long double)u.offset) / (long double)u.factor, y);
}

/* Conversions of units are exact to 12 digits. */
static bool nearly(struct fp_decimal x, struct fp_decimal y)
{
    long double p = fp_decimal_to_binary(x), q = fp_decimal_to_binary(y);
    return fp_decimal_compare(x, y) == 0 || fabsl(p - q) <= 1e-12L * (fabsl(p) + fabsl(q));
}

static enum fp_order quantity_order(const struct fhirpath_item *a, const struct fhirpath_item *b)
{
    struct fp_decimal x, y;
    if (!common_unit(a, b, &x, &y))
        return FP_UNSURE;
    return !same_unit(a, b) && nearly(x, y) ? FP_SAME : (enum fp_order)fp_decimal_compare(x, y);
}

static enum fhirpath_answer quantity_equal(const struct fhirpath_item *a, const struct fhirpath_item *b)
{
    struct ucum_unit u, v;
    enum fp_order order = quantity_order(a, b);
    if (order != FP_UNSURE)
        return order == FP_SAME ? FHIRPATH_YES : FHIRPATH_NO;
    /* Units that are both understood and measure other things are different; a calendar year and a mean year cannot be compared. */
    bool known = unit_of(a, &u) && unit_of(b, &v);
    return known || (a->kind == FHIRPATH_QUANTITY && b->kind == FHIRPATH_QUANTITY && fp_calendar_unit(a->unit, a->unit_len) == FP_UNIT_NONE && fp_calendar_unit(b->unit, b->unit_len) == FP_UNIT_NONE)
        ? FHIRPATH_NO : FHIRPATH_EMPTY;
}

/* ---- equality ---- */

static bool same_text(const struct fhirpath_item *a, const struct fhirpath_item *b) { return a->len == b->len && memcmp(a->text, b->text, a->len) == 0; }

enum { NODES_UNDECIDED = 2 };

/* What needs no look inside: a negative code, 0 = different, 1 = the same, or undecided. Steps are counted: the document may be large. */
static int nodes_at_sight(struct fp_eval *f, const struct json_node *a, const struct json_node *b, unsigned depth)
{
    int ret = fp_step(f, 1);
    if (ret < 0)
        return ret;
    if (a == b)
        return 1;
    return a == NULL || b == NULL || a->type != b->type || a->count != b->count || depth > NODE_DEPTH ? 0 : NODES_UNDECIDED;
}

/* Two places by their JSON. Returns a negative code, 0 = different, 1 = equal. */
static int nodes_equal(struct fp_eval *f, const struct json_node *a, const struct json_node *b, unsigned depth)
{
    int ret = nodes_at_sight(f, a, b, depth);
    if (ret != NODES_UNDECIDED)
        return ret;
    struct fp_decimal x, y;
    if (a->type == JSON_STRING)
        return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
    if (a->type == JSON_NUMBER)
        return (a->len == b->len && memcmp(a->text, b->text, a->len) == 0) || (fp_decimal_parse(a->text, a->len, &x) && fp_decimal_parse(b->text, b->len, &y) && fp_decimal_compare(x, y) == 0);
    ret = 1;
    const struct json_node *q = b->child;
    for (const struct json_node *p = a->child; ret == 1 && p != NULL; p = p->next) {
        /* Members mostly stand in the same order: try there first. */
        if (a->type == JSON_OBJECT && (q == NULL || !(q->key_len == p->key_len && memcmp(q->key, p->key, p->key_len) == 0)))
            for (q = b->child; q != NULL && !(q->key_len == p->key_len && memcmp(q->key, p->key, p->key_len) == 0); q = q->next)
                ;
        if (q == NULL)
            return 0;
        ret = nodes_equal(f, p, q, depth + 1);
        q = q->next;
    }
    return ret;
}

static enum fhirpath_answer moment_equal(const struct fhirpath_item *a, const struct fhirpath_item *b)
{
    struct fp_moment x, y;
    if (!fp_moment(a, &x) || !fp_moment(b, &y) || x.is_time != y.is_time)
        return FHIRPATH_NO;
    enum fp_order order = fp_moment_compare(&x, &y);
    return order == FP_UNSURE ? FHIRPATH_EMPTY : order == FP_SAME ? FHIRPATH_YES : FHIRPATH_NO;
}

static bool is_moment(const struct fhirpath_item *v) { return v->kind >= FHIRPATH_DATE && v->kind <= FHIRPATH_TIME; }
static bool is_measure(const struct fhirpath_item *v) { return v->kind == FHIRPATH_QUANTITY || fp_is_number(v); }

static enum fhirpath_answer values_equal(struct fp_eval *f, const struct fhirpath_item *a, const struct fhirpath_item *b)
{
    struct fp_decimal x, y;
    struct bytes s, t;
    if (fp_is_number(a) && fp_is_number(b)) {
        if (a->kind == FHIRPATH_INTEGER && b->kind == FHIRPATH_INTEGER)
            return a->integer == b->integer ? FHIRPATH_YES : FHIRPATH_NO;
        return fp_decimal(a, &x) && fp_decimal(b, &y) && fp_decimal_compare(x, y) == 0 ? FHIRPATH_YES : FHIRPATH_NO;
    }
    if (is_measure(a) && is_measure(b))
        return quantity_equal(a, b);
    if (is_moment(a) && is_moment(b))
        return moment_equal(a, b);
    if (a->kind == b->kind && a->kind == FHIRPATH_BOOLEAN)
        return a->integer == b->integer ? FHIRPATH_YES : FHIRPATH_NO;
    if (a->kind == b->kind && a->kind == FHIRPATH_STRING)
        return same_text(a, b) ? FHIRPATH_YES : FHIRPATH_NO;
    if (a->kind == b->kind && a->kind == FHIRPATH_TYPE_INFO)
        return same_text(a, b) && a->unit_len == b->unit_len && memcmp(a->unit, b->unit, a->unit_len) == 0 ? FHIRPATH_YES : FHIRPATH_NO;
    /* The core compares primitives of different types by what they look like. */
    return f->env->reference_ways && fhirpath_text(a, &s) && fhirpath_text(b, &t) && s.len == t.len && memcmp(s.data, t.data, s.len) == 0 ? FHIRPATH_YES : FHIRPATH_NO;
}

bool fp_plain_text(const struct fp_eval *f, const struct fhirpath_item *item, struct bytes *ret)
{
    const struct json_node *n = item->node;
    if (item->kind == FHIRPATH_STRING) {
        *ret = (struct bytes){ item->text, item->len };
        return true;
    }
    if (item->kind != FHIRPATH_NODE || n == NULL || n->type != JSON_STRING || kind_of_type(image_profile(f->env->image, item->type)) != FHIRPATH_STRING)
        return false;
    *ret = (struct bytes){ n->text, n->len };
    return true;
}

int fp_equal(struct fp_eval *f, const struct fhirpath_item *a, const struct fhirpath_item *b, enum fhirpath_answer *ret)
{
    int r = fp_step(f, 1);
    if (r < 0)
        return r;
    struct bytes s, t;
    if (fp_plain_text(f, a, &s) && fp_plain_text(f, b, &t)) {
        *ret = s.len == t.len && memcmp(s.data, t.data, s.len) == 0 ? FHIRPATH_YES : FHIRPATH_NO;
        return 0;
    }
    struct fhirpath_item x = fp_value(f, a), y = fp_value(f, b);
    if (x.kind == FHIRPATH_NODE && y.kind == FHIRPATH_NODE) {
        r = nodes_equal(f, x.node, y.node, 0);
        if (r == 1 && x.node == NULL)
            r = nodes_equal(f, x.companion, y.companion, 0);
        *ret = r == 1 ? FHIRPATH_YES : FHIRPATH_NO;
        return r < 0 ? r : 0;
    }
    *ret = values_equal(f, &x, &y);
    return 0;
}

int fp_equal_collections(struct fp_eval *f, size_t a, size_t n, size_t b, size_t m, enum fhirpath_answer *ret)
{
    enum fhirpath_answer all = FHIRPATH_YES, one;
    if (n == 0 || m == 0) {
        *ret = FHIRPATH_EMPTY;
        return 0;
    }
    if (n != m)
        all = FHIRPATH_NO;
    for (size_t i = 0; all != FHIRPATH_NO && i < n; i++) {
        int r = fp_equal(f, &f->stack[a + i], &f->stack[b + i], &one);
        if (r < 0)
            return r;
        if (one != FHIRPATH_YES)
            all = one;
    }
    *ret = all;
    return 0;
}

/* ---- equivalence ---- */

/* Decimals are equivalent when they are equal to the precision of the less precise. */
static bool decimals_equivalent(struct fp_decimal x, struct fp_decimal y)
{
    int scale = x.scale < y.scale ? x.scale : y.scale;
    return fp_decimal_compare(fp_decimal_round(x, scale, FP_HALF_UP), fp_decimal_round(y, scale, FP_HALF_UP)) == 0;
}

static int nodes_equivalent(struct fp_eval *f, const struct json_node *a, const struct json_node *b, unsigned depth)
{
    int ret = nodes_at_sight(f, a, b, depth);
    if (ret != NODES_UNDECIDED)
        return ret;
    struct fp_decimal x, y;
    if (a->type == JSON_STRING)
        return fp_fold_equal(a->text, a->len, b->text, b->len);
    if (a->type == JSON_NUMBER)
        return fp_decimal_parse(a->text, a->len, &x) && fp_decimal_parse(b->text, b->len, &y) && decimals_equivalent(x, y);
    ret = 1;
    for (const struct json_node *p = a->child; ret == 1 && p != NULL; p = p->next) {
        int found = 0;
        for (const struct json_node *q = b->child; found == 0 && q != NULL; q = q->next)
            if (a->type == JSON_ARRAY || (q->key_len == p->key_len && memcmp(q->key, p->key, p->key_len) == 0))
                found = nodes_equivalent(f, p, q, depth + 1);
        ret = found;
    }
    return ret;
}

static bool quantities_equivalent(const struct fhirpath_item *a, const struct fhirpath_item *b)
{
    struct fp_decimal x, y;
    if (common_unit(a, b, &x, &y))
        return decimals_equivalent(x, fp_decimal_strip(y)) || nearly(x, y);
    return false;
}

int fp_equivalent(struct fp_eval *f, const struct fhirpath_item *a, const struct fhirpath_item *b, bool *ret)
{
    struct fhirpath_item x = fp_value(f, a), y = fp_value(f, b);
    struct fp_decimal p, q;
    int r = fp_step(f, 1);
    if (r < 0)
        return r;
    if (x.kind == FHIRPATH_NODE && y.kind == FHIRPATH_NODE) {
        r = nodes_equivalent(f, x.node, y.node, 0);
        *ret = r == 1;
        return r < 0 ? r : 0;
    }
    if (fp_is_number(&x) && fp_is_number(&y))
        *ret = fp_decimal(&x, &p) && fp_decimal(&y, &q) && decimals_equivalent(p, q);
    else if (is_measure(&x) && is_measure(&y))
        *ret = quantities_equivalent(&x, &y);
    else if (x.kind == FHIRPATH_STRING && y.kind == FHIRPATH_STRING)
        *ret = fp_fold_equal(x.text, x.len, y.text, y.len);
    else
        *ret = values_equal(f, &x, &y) == FHIRPATH_YES;
    return 0;
}

/* Same items in any order. */
int fp_equivalent_collections(struct fp_eval *f, size_t a, size_t n, size_t b, size_t m, bool *ret)
{
    bool all = n == m;
    if (!all || n == 0) {
        *ret = all;
        return 0;
    }
    bool *used = arena_array(f->env->arena, n, sizeof *used);
    if (used == NULL)
        return fp_fail(f, ERR_NOMEM, "memory");
    for (size_t i = 0; all && i < n; i++) {
        bool found = false;
        for (size_t j = 0; !found && j < m; j++) {
            int r = used[j] ? 0 : fp_equivalent(f, &f->stack[a + i], &f->stack[b + j], &found);
            if (r < 0)
                return r;
            used[j] |= found;
        }
        all = found;
    }
    *ret = all;
    return 0;
}

/* ---- order ---- */

/* Two Quantity elements with the same unit in words, or none: the HL7 core asks for no code then. */
static bool same_unit_text(const struct fhirpath_item *x, const struct fhirpath_item *y)
{
    if (x->kind != FHIRPATH_QUANTITY || y->kind != FHIRPATH_QUANTITY || !json_is(x->node, JSON_OBJECT) || !json_is(y->node, JSON_OBJECT))
        return false;
    const struct json_node *a = json_get(x->node, "unit"), *b = json_get(y->node, "unit");
    return a == NULL || b == NULL ? a == b : a->type == JSON_STRING && b->type == JSON_STRING && a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

int fp_compare(struct fp_eval *f, const struct fhirpath_item *a, const struct fhirpath_item *b, enum fp_order *ret)
{
    struct fhirpath_item x = fp_value(f, a), y = fp_value(f, b);
    struct fp_decimal p, q;
    struct fp_moment s, t;
    if (fp_is_number(&x) && fp_is_number(&y)) {
        if (!fp_decimal(&x, &p) || !fp_decimal(&y, &q))
            return fp_fail(f, ERR_INVALID, "a number has too many digits");
        *ret = (enum fp_order)fp_decimal_compare(p, q);
    } else if (x.kind == FHIRPATH_STRING && y.kind == FHIRPATH_STRING) {
        int order = memcmp(x.text, y.text, x.len < y.len ? x.len : y.len);
        *ret = order != 0 ? (order < 0 ? FP_BEFORE : FP_AFTER) : x.len == y.len ? FP_SAME : x.len < y.len ? FP_BEFORE : FP_AFTER;
    } else if (f->env->reference_ways && same_unit_text(&x, &y) && fp_decimal(&x, &p) && fp_decimal(&y, &q)) {
        *ret = (enum fp_order)fp_decimal_compare(p, q);
    } else if (is_measure(&x) && is_measure(&y)) {
        *ret = quantity_order(&x, &y);
    } else if (fp_moment(&x, &s) && fp_moment(&y, &t) && s.is_time == t.is_time) {
        *ret = fp_moment_compare(&s, &t);
    } else {
        return fp_fail(f, ERR_INVALID, "these have no order");
    }
    return 0;
}

/* ---- hash ---- */

static uint64_t mix(uint64_t h) { return (h ^ (h >> 29)) * 0xBF58476D1CE4E5B9u; }

static uint64_t text_hash(const char *text, size_t len) { return mix(image_hash(text, len) + 0x51u * (uint64_t)len); }

static uint64_t decimal_hash(const char *text, size_t len)
{
    struct fp_decimal d;
    if (!fp_decimal_parse(text, len, &d))
        return text_hash(text, len);
    d = fp_decimal_strip(d);
    return mix((uint64_t)d.digits * 31 + (uint64_t)d.scale);
}

static uint64_t node_hash(struct fp_eval *f, const struct json_node *n, unsigned depth)
{
    f->steps++;
    if (n == NULL || depth > NODE_DEPTH)
        return 1;
    if (n->type == JSON_STRING)
        return text_hash(n->text, n->len);
    if (n->type == JSON_NUMBER)
        return decimal_hash(n->text, n->len);
    uint64_t h = (uint64_t)n->type;
    /* The order of members does not matter, the one of items does. */
    for (const struct json_node *c = n->child; c != NULL; c = c->next)
        h = n->type == JSON_OBJECT ? h + mix(text_hash(c->key, c->key_len) ^ node_hash(f, c, depth + 1)) : mix(h * 31 + node_hash(f, c, depth + 1));
    return mix(h);
}

uint64_t fp_hash(struct fp_eval *f, const struct fhirpath_item *item)
{
    struct fhirpath_item v = fp_value(f, item);
    struct fp_moment moment;
    switch (v.kind) {
    case FHIRPATH_NODE: return node_hash(f, v.node, 0);
    /* A number and a quantity, a string and a date may be equal and are not found by hash: sets keep to the kinds of the language. */
    case FHIRPATH_BOOLEAN: return text_hash(v.integer != 0 ? "true" : "false", v.integer != 0 ? 4 : 5);
    case FHIRPATH_INTEGER: return mix((uint64_t)fp_decimal_strip(fp_decimal_of(v.integer)).digits * 31);
    case FHIRPATH_DECIMAL: return decimal_hash(v.text, v.len);
    case FHIRPATH_DATE: case FHIRPATH_DATETIME: case FHIRPATH_TIME: return fp_moment(&v, &moment) ? mix(fp_moment_hash(&moment)) : text_hash(v.text, v.len);
    case FHIRPATH_QUANTITY: return 2;
    case FHIRPATH_STRING: case FHIRPATH_TYPE_INFO: break;
    }
    return text_hash(v.text, v.len);
}
