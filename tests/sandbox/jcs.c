/*
 * NAME
 *     jcs - JSON Canonicalization Scheme (RFC 8785), written apart from the gateway's
 *
 * DESCRIPTION
 *     Members are ordered by the UTF-16 code units of their names (3.2.3), strings are escaped as 3.2.2.2 says, numbers are printed as ECMAScript
 *     prints a double (3.2.2.3): the fewest digits that read back to the same value.
 */
#include <math.h>
#include "tests/sandbox/sandbox.h"
#include "base/text.h"

/* ---- strings ---------------------------------------------------------------------------------------------------------------------- */

static int add_string(struct buf *out, const char *text, size_t len)
{
    static const char escapes[] = "\b\t\n\f\r\"\\", letters[] = "btnfr\"\\";
    buf_add_char(out, '"');
    size_t plain = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        const char *hit = c != '\0' ? strchr(escapes, c) : NULL;
        if (hit == NULL && c >= 0x20)
            continue;
        buf_add(out, text + plain, i - plain);
        plain = i + 1;
        if (hit != NULL) {
            buf_add_char(out, '\\');
            buf_add_char(out, letters[hit - escapes]);
        } else {
            buf_addf(out, "\\u%04x", c);
        }
    }
    buf_add(out, text + plain, len - plain);
    return buf_add_char(out, '"');
}

/* The next UTF-16 code unit of a name; a supplementary character gives its two surrogates one after the other. -1 at the end. */
static int32_t next_unit(const char *text, size_t len, size_t *pos, int32_t *low)
{
    if (*low != 0) {
        int32_t unit = *low;
        *low = 0;
        return unit;
    }
    if (*pos >= len)
        return -1;
    int32_t c = text_next(text, len, pos);
    if (c < 0x10000)
        return c;
    *low = 0xDC00 + ((c - 0x10000) & 0x3FF);
    return 0xD800 + ((c - 0x10000) >> 10);
}

static int by_name(const void *left, const void *right)
{
    const struct json_node *a = *(const struct json_node *const *)left, *b = *(const struct json_node *const *)right;
    size_t at_a = 0, at_b = 0;
    int32_t low_a = 0, low_b = 0, unit_a, unit_b;
    do {
        unit_a = next_unit(a->key, a->key_len, &at_a, &low_a);
        unit_b = next_unit(b->key, b->key_len, &at_b, &low_b);
    } while (unit_a == unit_b && unit_a >= 0);
    return unit_a < unit_b ? -1 : unit_a > unit_b;
}

/* ---- numbers ---------------------------------------------------------------------------------------------------------------------- */

/* Fewest significant digits that read back; digits without point, value = 0.DIGITS x 10^point. */
static void shortest(double value, char ret_digits[static 32], int *ret_point)
{
    char text[40];
    for (int precision = 0; precision < 17; precision++) {
        double back;
        snprintf(text, sizeof text, "%.*e", precision, value);
        if (sscanf(text, "%lf", &back) == 1 && back >= value && back <= value)
            break;
    }
    int exponent = 0;
    size_t n = 0;
    const char *e = strchr(text, 'e');
    for (const char *p = text; p < e; p++)
        if (*p >= '0' && *p <= '9')
            ret_digits[n++] = *p;
    while (n > 1 && ret_digits[n - 1] == '0')
        n--;
    ret_digits[n] = '\0';
    sscanf(e + 1, "%d", &exponent);
    *ret_point = exponent + 1;
}

/* Number::toString of ECMAScript 7.1.12.1 */
static int add_number(struct buf *out, const struct json_node *node)
{
    char text[64], digits[32];
    double value;
    int point, consumed = 0;
    if (node->len >= sizeof text)
        return ERR_INVALID;
    snprintf(text, sizeof text, "%.*s", (int)node->len, node->text);
    if (sscanf(text, "%lf%n", &value, &consumed) != 1 || (size_t)consumed != node->len || !isfinite(value))
        return ERR_INVALID;
    if (fpclassify(value) == FP_ZERO)
        return buf_add_char(out, '0');
    if (value < 0)
        buf_add_char(out, '-');
    shortest(fabs(value), digits, &point);
    int n = (int)strlen(digits);
    if (point > 21 || point < -5) {
        buf_add_char(out, digits[0]);
        if (n > 1)
            buf_addf(out, ".%s", digits + 1);
        return buf_addf(out, "e%c%d", point > 0 ? '+' : '-', abs(point - 1));
    }
    if (point <= 0)
        return buf_addf(out, "0.%.*s%s", -point, "000000", digits);
    if (point < n)
        return buf_addf(out, "%.*s.%s", point, digits, digits + point);
    return buf_addf(out, "%s%.*s", digits, point - n, "0000000000000000000000");
}

/* ---- values ----------------------------------------------------------------------------------------------------------------------- */

static bool left_out(const struct json_node *member, const char *const *names)
{
    for (; names != NULL && *names != NULL; names++)
        if (json_key_is(member, *names))
            return true;
    return false;
}

static int add_value(struct buf *out, const struct json_node *node);

static int add_object(struct buf *out, const struct json_node *object, const char *const *leave_out)
{
    const struct json_node **member = calloc((size_t)object->count + 1, sizeof *member);
    size_t n = 0;
    int result = 0;
    if (member == NULL)
        return ERR_NOMEM;
    for (const struct json_node *c = object->child; c != NULL; c = c->next)
        if (!left_out(c, leave_out))
            member[n++] = c;
    qsort(member, n, sizeof *member, by_name);
    buf_add_char(out, '{');
    for (size_t i = 0; i < n && result == 0; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        add_string(out, member[i]->key, member[i]->key_len);
        buf_add_char(out, ':');
        result = add_value(out, member[i]);
    }
    buf_add_char(out, '}');
    free(member);
    return result;
}

static int add_value(struct buf *out, const struct json_node *node)
{
    int result = 0;
    switch (node->type) {
    case JSON_NULL: return buf_add_str(out, "null");
    case JSON_FALSE: return buf_add_str(out, "false");
    case JSON_TRUE: return buf_add_str(out, "true");
    case JSON_NUMBER: return add_number(out, node);
    case JSON_STRING: return add_string(out, node->text, node->len);
    case JSON_OBJECT: return add_object(out, node, NULL);
    case JSON_ARRAY:
        buf_add_char(out, '[');
        for (const struct json_node *c = node->child; c != NULL && result == 0; c = c->next) {
            if (c != node->child)
                buf_add_char(out, ',');
            result = add_value(out, c);
        }
        buf_add_char(out, ']');
        return result;
    }
    return ERR_INTERNAL;
}

int jcs_write(const struct json_node *object, const char *const *leave_out, struct buf *out)
{
    int result = add_object(out, object, leave_out);
    return result < 0 ? result : out->failed;
}
