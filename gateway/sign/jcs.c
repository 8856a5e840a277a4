/*
 * NAME
 *     jcs.c - JSON Canonicalization Scheme, RFC 8785
 *
 * SYNOPSIS
 *     sign_jcs(json, &out, &e);  sign_canonical_payload(bundle, &profile, &out, &e);
 *
 * DESCRIPTION
 *     Members in order of their UTF-16 code units, no white space, shortest escapes, numbers as ECMAScript prints them. The input has gone
 *     through the strict reader, so duplicate names and lone surrogates cannot occur here. The canonical form lives only inside the
 *     signature: the Bundle itself keeps every digit (1.50 stays 1.50 in the Bundle and counts as 1.5 in the payload).
 *
 * DIAGNOSTICS
 *     ERR_INVALID for a number that no IEEE 754 double can hold.
 */
#include <locale.h>
#include <math.h>
#include "base/text.h"
#include "sign/internal.h"

/* ---- numbers ---- */

enum { DIGITS_MAX = 20, EXACT_DIGITS = 15, EXACT_EXPONENT = 290 };

/* value = 0.d1d2d3... * 10^point, d1 != 0; count 0 = zero. */
struct decimal { char digit[DIGITS_MAX]; int count, point; bool negative; };

/* ECMA-262 Number::toString for radix 10. */
static int add_decimal(struct buf *out, const struct decimal *d)
{
    int n = d->point, k = d->count;
    if (k == 0)
        return buf_add_char(out, '0');
    if (d->negative)
        buf_add_char(out, '-');
    if (k <= n && n <= 21) {
        buf_add(out, d->digit, (size_t)k);
        for (int i = k; i < n; i++)
            buf_add_char(out, '0');
    } else if (0 < n && n <= 21) {
        buf_add(out, d->digit, (size_t)n);
        buf_add_char(out, '.');
        buf_add(out, d->digit + n, (size_t)(k - n));
    } else if (-6 < n && n <= 0) {
        buf_add_str(out, "0.");
        for (int i = n; i < 0; i++)
            buf_add_char(out, '0');
        buf_add(out, d->digit, (size_t)k);
    } else {
        buf_add_char(out, d->digit[0]);
        if (k > 1) {
            buf_add_char(out, '.');
            buf_add(out, d->digit + 1, (size_t)(k - 1));
        }
        buf_addf(out, "e%c%d", n > 0 ? '+' : '-', abs(n - 1));
    }
    return out->failed;
}

static void drop_zeros(struct decimal *d)
{
    while (d->count > 0 && d->digit[d->count - 1] == '0')
        d->count--;
}

/*
 * Reads a JSON number into decimal digits without any floating point. False when it has more significant digits, or a larger exponent, than
 * a double is sure to give back: up to 15 digits decimal -> double -> shortest decimal is the identity, which spares nearly all
 * clinical values the search below.
 */
static bool read_exact(const char *text, size_t len, struct decimal *ret)
{
    struct decimal d = { .negative = text[0] == '-' };
    size_t i = d.negative ? 1 : 0;
    bool fraction = false;
    for (; i < len && text[i] != 'e' && text[i] != 'E'; i++) {
        if (text[i] == '.') {
            fraction = true;
            continue;
        }
        if (d.count == 0 && text[i] == '0') {
            d.point -= fraction;
            if (d.point < -EXACT_EXPONENT)
                return false;
            continue;
        }
        if (d.count == EXACT_DIGITS + 1)
            return false;
        d.digit[d.count++] = text[i];
        d.point += !fraction;
    }
    int exponent = 0;
    bool down = false;
    for (i++; i < len; i++) {
        if (text[i] == '-')
            down = true;
        else if (text[i] != '+')
            exponent = exponent * 10 + (text[i] - '0');
        if (exponent > EXACT_EXPONENT)
            return false;
    }
    d.point += down ? -exponent : exponent;
    drop_zeros(&d);
    if (d.count > EXACT_DIGITS || abs(d.point) > EXACT_EXPONENT)
        return false;
    *ret = d;
    return true;
}

/* Adds one unit in the last place. */
static void bump(struct decimal *d)
{
    int i = d->count - 1;
    while (i >= 0 && d->digit[i] == '9')
        d->digit[i--] = '0';
    if (i >= 0) {
        d->digit[i]++;
        return;
    }
    d->digit[0] = '1';
    d->point++;
}

static double decimal_value(const struct decimal *d, locale_t plain)
{
    char text[DIGITS_MAX + 16];
    snprintf(text, sizeof text, "%s.%.*se%d", d->negative ? "-0" : "0", d->count, d->digit, d->point);
    return strtod_l(text, NULL, plain);
}

/*
 * Shortest digits that read back as v. The nearest decimal of each length is tried first; its upper neighbour too, because below a power
 * of two the gap to the next double is half as wide as above it (2^-44 needs 5.684341886080802e-14).
 */
static void shortest(double v, locale_t plain, struct decimal *ret)
{
    char text[64];
    for (int precision = 0; precision < 17; precision++) {
        struct decimal d = { .negative = v < 0, .count = precision + 1 };
        snprintf(text, sizeof text, "%.*e", precision, fabs(v));
        char *mark = strchr(text, 'e');
        d.digit[0] = text[0];
        memcpy(d.digit + 1, text + 2, (size_t)precision);
        int64_t exponent = 0;
        text_to_int64(mark + (mark[1] == '+' ? 2 : 1), strlen(mark) - (mark[1] == '+' ? 2 : 1), -400, 400, &exponent);
        d.point = (int)exponent + 1;
        bool found = decimal_value(&d, plain) == v;
        if (!found) {
            struct decimal up = d;
            bump(&up);
            found = decimal_value(&up, plain) == v;
            if (found)
                d = up;
        }
        *ret = d;
        if (found)
            break;
    }
    drop_zeros(ret);
}

static int write_number(const struct json_node *n, struct buf *out, struct err *e)
{
    struct decimal d;
    if (read_exact(n->text, n->len, &d))
        return add_decimal(out, &d);
    char *text = malloc((size_t)n->len + 1);
    /* strtod_l with a locale of our own: the process's locale must not turn the point into a comma */
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    int r = ERR_NOMEM;
    if (text == NULL || plain == (locale_t)0) {
        err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "jcs", NULL);
        goto out;
    }
    memcpy(text, n->text, n->len);
    text[n->len] = '\0';
    double v = strtod_l(text, NULL, plain);
    if (!isfinite(v)) {
        char place[ERR_PLACE_MAX];
        json_pointer(n, place, sizeof place);
        r = err_set(e, ERR_INVALID, MSG_SIGN_BUNDLE, place, "number", NULL);
        goto out;
    }
    if (v == 0)
        d = (struct decimal){ 0 };
    else
        shortest(v, plain, &d);
    r = add_decimal(out, &d);
out:
    if (plain != (locale_t)0)
        freelocale(plain);
    free(text);
    return r;
}

/* ---- strings ---- */

/* Past bytes that stand for themselves, eight at a time. */
static size_t skip_plain(const char *text, size_t len, size_t i)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);
    for (; len - i >= 8; i += 8) {
        uint64_t w, quote, slash, low;
        memcpy(&w, text + i, 8);
        quote = w ^ (ones * '"');
        slash = w ^ (ones * '\\');
        low = (w - ones * 0x20) & ~w;
        /* a zero byte, or one below 0x20; a false alarm costs a walk of eight bytes */
        if ((((quote - ones) & ~quote) | ((slash - ones) & ~slash) | low) & highs)
            break;
    }
    while (i < len && (unsigned char)text[i] >= 0x20 && text[i] != '"' && text[i] != '\\')
        i++;
    return i;
}

static int write_string(const char *text, size_t len, struct buf *out)
{
    static const char escape[256] = { ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\' };
    size_t from = 0;
    buf_add_char(out, '"');
    for (size_t i = skip_plain(text, len, 0); i < len; i = skip_plain(text, len, from)) {
        unsigned char c = (unsigned char)text[i];
        buf_add(out, text + from, i - from);
        from = i + 1;
        if (escape[c] != 0)
            buf_addf(out, "\\%c", escape[c]);
        else
            buf_addf(out, "\\u%04x", c);
    }
    if (from < len)
        buf_add(out, text + from, len - from);
    return buf_add_char(out, '"');
}

/* UTF-8 order is code point order, which differs from UTF-16 code unit order only between U+E000..U+FFFF and what lies above. */
static int32_t utf16_rank(int32_t c)
{
    return c >= 0x10000 ? c - 0x2000 : c >= 0xE000 ? c + 0x200000 : c;
}

static int compare_names(const void *left, const void *right)
{
    const struct json_node *a = *(const struct json_node *const *)left, *b = *(const struct json_node *const *)right;
    size_t i = 0, j = 0, shorter = a->key_len < b->key_len ? a->key_len : b->key_len;
    while (i < shorter && a->key[i] == b->key[i] && (unsigned char)a->key[i] < 0x80)
        i++;
    j = i;
    while (i < a->key_len && j < b->key_len) {
        int32_t x = utf16_rank(text_next(a->key, a->key_len, &i)), y = utf16_rank(text_next(b->key, b->key_len, &j));
        if (x != y)
            return x < y ? -1 : 1;
    }
    return (i < a->key_len) - (j < b->key_len);
}

/* ---- values ---- */

static bool is_skipped(const struct json_node *member, const char *const *skip)
{
    for (; skip != NULL && *skip != NULL; skip++)
        if (json_key_is(member, *skip))
            return true;
    return false;
}

enum { FEW_MEMBERS = 16 };

/* By insertion: nearly all objects have few members, and half of them stand in order. */
static void sort_few(const struct json_node **member, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const struct json_node *n = member[i];
        size_t at = i;
        for (; at > 0 && compare_names(&member[at - 1], &n) > 0; at--)
            member[at] = member[at - 1];
        member[at] = n;
    }
}

static int write_object(const struct json_node *node, const char *const *skip, struct buf *out, struct err *e)
{
    const struct json_node *few[FEW_MEMBERS], **many = node->count > FEW_MEMBERS ? malloc(node->count * sizeof *many) : NULL, **member = many != NULL ? many : few;
    size_t count = 0;
    int r = 0;
    if (node->count > FEW_MEMBERS && many == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "jcs", NULL);
    for (const struct json_node *n = node->child; n != NULL; n = n->next)
        if (!is_skipped(n, skip))
            member[count++] = n;
    if (count > FEW_MEMBERS)
        qsort(member, count, sizeof *member, compare_names);
    else
        sort_few(member, count);
    buf_add_char(out, '{');
    for (size_t i = 0; i < count && r == 0; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        write_string(member[i]->key, member[i]->key_len, out);
        buf_add_char(out, ':');
        r = sign_jcs_write(member[i], NULL, out, e);
    }
    buf_add_char(out, '}');
    free(many);
    return r;
}

/* Recursion is bounded by the reader's depth limit. */
int sign_jcs_write(const struct json_node *node, const char *const *skip, struct buf *out, struct err *e)
{
    int r = 0;
    switch (node->type) {
    case JSON_NULL: buf_add_str(out, "null"); break;
    case JSON_FALSE: buf_add_str(out, "false"); break;
    case JSON_TRUE: buf_add_str(out, "true"); break;
    case JSON_NUMBER: r = write_number(node, out, e); break;
    case JSON_STRING: write_string(node->text, node->len, out); break;
    case JSON_OBJECT: r = write_object(node, skip, out, e); break;
    case JSON_ARRAY:
        buf_add_char(out, '[');
        for (const struct json_node *n = node->child; n != NULL && r == 0; n = n->next) {
            r = sign_jcs_write(n, NULL, out, e);
            if (n->next != NULL)
                buf_add_char(out, ',');
        }
        buf_add_char(out, ']');
        break;
    }
    if (r == 0 && out->failed != 0)
        r = err_set(e, out->failed, out->failed == ERR_LIMIT ? MSG_LIMIT : MSG_NOMEM, NULL, "jcs", NULL);
    return r;
}

int sign_payload_write(const struct json_node *bundle, const struct sign_profile *profile, struct buf *out, struct err *e)
{
    static const char *const document[] = { "id", "meta", "signature", NULL };
    static const char *const *const skip[] = { [SIGN_CANONICAL_DOCUMENT_JCS] = document };
    return sign_jcs_write(bundle, skip[profile->canonical], out, e);
}

/* ---- face ---- */

int sign_jcs(struct bytes json, struct buf *out, struct err *e)
{
    const struct json_node *root = NULL;
    struct arena *arena = arena_new(SIGN_ARENA_MAX);
    if (arena == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "jcs", NULL);
    int r = json_parse(json.data, json.len, NULL, arena, &root, e);
    if (r == 0)
        r = sign_jcs_write(root, NULL, out, e);
    arena_free(arena);
    return r;
}

int sign_canonical_payload(struct bytes bundle, const struct sign_profile *profile, struct buf *out, struct err *e)
{
    const struct json_node *root = NULL;
    struct arena *arena = arena_new(SIGN_ARENA_MAX);
    if (arena == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "jcs", NULL);
    int r = json_parse(bundle.data, bundle.len, NULL, arena, &root, e);
    if (r == 0 && root->type != JSON_OBJECT)
        r = err_set(e, ERR_INVALID, MSG_SIGN_BUNDLE, NULL, "Bundle", NULL);
    if (r == 0)
        r = sign_payload_write(root, profile, out, e);
    arena_free(arena);
    return r;
}
