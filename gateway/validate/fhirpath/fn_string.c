/* Functions over texts. Positions and lengths count characters (code points). */
#include "validate/fhirpath/eval.h"

#include <string.h>
#include "base/text.h"
#include "validate/fhirpath/fold.h"

enum { SHORT = 400 };

static bool is_text(const struct fhirpath_item *v) { return v->kind == FHIRPATH_STRING; }

/* Bytes of the first `count` characters; fewer when the text ends. */
static size_t offset_of(const struct fhirpath_item *v, int64_t count)
{
    size_t at = 0;
    while (count > 0 && at < v->len && (unsigned char)v->text[at] < 0x80) {
        at++;
        count--;
    }
    while (count-- > 0 && at < v->len && text_next(v->text, v->len, &at) >= 0)
        ;
    return at;
}

static int64_t count_chars(const char *text, size_t len)
{
    int64_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

/* memmem() prepares a table, which does not pay for short texts. */
static const char *find_short(const char *text, size_t len, const char *part, size_t part_len)
{
    const char *end = text + len - part_len + 1, *p = text;
    while (p < end && (p = memchr(p, part[0], (size_t)(end - p))) != NULL) {
        if (memcmp(p, part, part_len) == 0)
            return p;
        p++;
    }
    return NULL;
}

/* Position of the part from byte `from` on; SIZE_MAX = nowhere. */
static size_t find(const struct fhirpath_item *v, const struct fhirpath_item *part, size_t from)
{
    if (part->len > v->len || from > v->len - part->len)
        return SIZE_MAX;
    const char *text = v->text + from, *p = text;
    size_t len = v->len - from;
    if (part->len > 0)
        p = len <= SHORT ? find_short(text, len, part->text, part->len) : memmem(text, len, part->text, part->len);
    return p != NULL ? (size_t)(p - v->text) : SIZE_MAX;
}

static size_t find_last(const struct fhirpath_item *v, const struct fhirpath_item *part)
{
    for (size_t i = part->len <= v->len ? v->len - part->len + 1 : 0; i > 0; i--)
        if (memcmp(v->text + i - 1, part->text, part->len) == 0)
            return i - 1;
    return SIZE_MAX;
}

static int substring(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, const struct fhirpath_item *v, const struct fhirpath_item *start, struct fhirpath_item *ret_item, bool *ret_present)
{
    struct fhirpath_item length;
    bool limited;
    int ret = fp_argument(f, n, 2, s, &length, &limited);
    if (ret < 0)
        return ret;
    if (start->kind != FHIRPATH_INTEGER || (limited && length.kind != FHIRPATH_INTEGER))
        return fp_fail(f, ERR_INVALID, "an integer wanted");
    size_t from = offset_of(v, start->integer);
    if (start->integer < 0 || from >= v->len)
        return 0;
    struct fhirpath_item rest = { .kind = FHIRPATH_STRING, .text = v->text + from, .len = v->len - from };
    if (limited)
        rest.len = offset_of(&rest, length.integer);
    *ret_item = rest;
    *ret_present = true;
    return 0;
}

/* Replaces every occurrence; an empty pattern stands between all characters. */
static int replace(struct fp_eval *f, const struct fhirpath_item *v, const struct fhirpath_item *pattern, const struct fhirpath_item *by)
{
    struct buf out;
    int ret = 0;
    buf_init(&out, FHIRPATH_PROGRAM_MAX * 16);
    size_t at = 0;
    while (ret == 0 && at <= v->len) {
        size_t hit = find(v, pattern, at);
        if (hit == SIZE_MAX || (pattern->len == 0 && at == v->len)) {
            if (pattern->len == 0)
                buf_add(&out, by->text, by->len);
            break;
        }
        size_t keep = pattern->len > 0 ? hit : at;
        buf_add(&out, v->text + at, keep - at);
        buf_add(&out, by->text, by->len);
        at = keep + pattern->len;
        if (pattern->len == 0) {
            size_t next = at;
            text_next(v->text, v->len, &next);
            next = next > at ? next : at + 1;
            buf_add(&out, v->text + at, next - at);
            at = next;
        }
        ret = fp_step(f, 1 + by->len / 16);
    }
    if (at < v->len)
        buf_add(&out, v->text + at, v->len - at);
    const char *copy = ret == 0 && !out.failed ? fp_copy(f, out.data, out.len) : NULL;
    if (ret == 0)
        ret = out.failed ? fp_fail(f, (enum err_code)out.failed, "length of a text") : copy == NULL ? ERR_NOMEM : fp_push_text(f, FHIRPATH_STRING, copy, out.len);
    buf_free(&out);
    return ret;
}

static int change_case(struct fp_eval *f, const struct fhirpath_item *v, bool up)
{
    struct buf out;
    int32_t c;
    size_t at = 0;
    buf_init(&out, v->len * 3 + 8);
    while (at < v->len && (c = text_next(v->text, v->len, &at)) >= 0)
        text_add_utf8(&out, up ? fp_upper(c) : fp_lower(c));
    const char *copy = out.failed ? NULL : fp_copy(f, out.data, out.len);
    int ret = copy == NULL ? fp_fail(f, ERR_NOMEM, "memory") : fp_push_text(f, FHIRPATH_STRING, copy, out.len);
    buf_free(&out);
    return ret;
}

static int to_chars(struct fp_eval *f, const struct fhirpath_item *v)
{
    int ret = 0;
    for (size_t at = 0, next = 0; ret == 0 && at < v->len; at = next) {
        if (text_next(v->text, v->len, &next) < 0)
            next = v->len;
        ret = fp_push_text(f, FHIRPATH_STRING, v->text + at, next - at);
    }
    return ret;
}

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }

static int trim(struct fp_eval *f, const struct fhirpath_item *v)
{
    size_t from = 0, to = v->len;
    while (from < to && is_space(v->text[from]))
        from++;
    while (to > from && is_space(v->text[to - 1]))
        to--;
    return fp_push_text(f, FHIRPATH_STRING, v->text + from, to - from);
}

static int split(struct fp_eval *f, const struct fhirpath_item *v, const struct fhirpath_item *separator)
{
    if (separator->len == 0)
        return to_chars(f, v);
    int ret = 0;
    size_t at = 0, hit;
    while (ret == 0 && (hit = find(v, separator, at)) != SIZE_MAX) {
        ret = fp_push_text(f, FHIRPATH_STRING, v->text + at, hit - at);
        at = hit + separator->len;
    }
    return ret == 0 ? fp_push_text(f, FHIRPATH_STRING, v->text + at, v->len - at) : ret;
}

static int join(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base)
{
    struct fhirpath_item separator = { .kind = FHIRPATH_STRING, .text = "" };
    bool present = false;
    size_t end = f->top, total = 0;
    int ret = fp_argument(f, n, 1, s, &separator, &present);
    if (ret < 0 || base == end)
        return ret;
    if (!is_text(&separator))
        return fp_fail(f, ERR_INVALID, "a text wanted");
    for (size_t i = base; i < end; i++) {
        struct fhirpath_item v = fp_value(f, &f->stack[i]);
        if (!is_text(&v))
            return fp_fail(f, ERR_INVALID, "texts wanted");
        f->stack[i] = v;
        total += v.len + separator.len;
    }
    char *text = arena_alloc(f->env->arena, total + 1);
    if (text == NULL)
        return fp_fail(f, ERR_NOMEM, "memory");
    size_t at = 0;
    for (size_t i = base; i < end; i++) {
        if (i > base && separator.len > 0) {
            memcpy(text + at, separator.text, separator.len);
            at += separator.len;
        }
        if (f->stack[i].len > 0)
            memcpy(text + at, f->stack[i].text, f->stack[i].len);
        at += f->stack[i].len;
    }
    f->top = base;
    ret = fp_step(f, total / 16);
    return ret == 0 ? fp_push_text(f, FHIRPATH_STRING, text, at) : ret;
}

/* What a function over a text asks of its focus. */
static int text_or_nothing(struct fp_eval *f, const struct fhirpath_item *v, bool *present)
{
    if (*present && v->kind == FHIRPATH_NODE && v->node == NULL)
        *present = false;                /* an element with an extension only has no text */
    return *present && !is_text(v) ? fp_fail(f, ERR_INVALID, "a text wanted") : 0;
}

static struct fhirpath_item position(const struct fhirpath_item *v, size_t at)
{
    return fp_integer(at == SIZE_MAX ? -1 : count_chars(v->text, at));
}

static int with_text(struct fp_eval *f, unsigned fn, const struct fhirpath_item *v, const struct fhirpath_item *a, struct fhirpath_item *ret_item)
{
    bool fits = a->len <= v->len;
    if (!is_text(a))
        return fp_fail(f, ERR_INVALID, "a text wanted");
    switch (fn) {
    case FN_STARTS_WITH: *ret_item = fp_bool(fits && memcmp(v->text, a->text, a->len) == 0); break;
    case FN_ENDS_WITH: *ret_item = fp_bool(fits && memcmp(v->text + v->len - a->len, a->text, a->len) == 0); break;
    case FN_CONTAINS: *ret_item = fp_bool(find(v, a, 0) != SIZE_MAX); break;
    case FN_INDEX_OF: *ret_item = position(v, find(v, a, 0)); break;
    default: *ret_item = position(v, find_last(v, a)); break;
    }
    return 0;
}

int fp_one_text(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, struct fhirpath_item *ret_item, bool *ret_present)
{
    struct fhirpath_item v, first;
    bool present = false, has_first = false;
    int ret = fp_focus_value(f, n, s, &v, &present);
    if (ret == 0)
        ret = text_or_nothing(f, &v, &present);
    if (ret == 0)
        ret = fp_argument(f, n, 1, s, &first, &has_first);
    *ret_present = ret == 0 && !present && f->env->reference_ways && (n->fn == FN_STARTS_WITH || n->fn == FN_ENDS_WITH || n->fn == FN_CONTAINS);
    if (*ret_present)
        *ret_item = fp_bool(false);      /* ref-1 and its like ask this of an element that is not there, and deny it */
    if (ret < 0 || !present || (n->fn != FN_LENGTH && !has_first))
        return ret;
    if (n->fn == FN_SUBSTRING)
        return substring(f, n, s, &v, &first, ret_item, ret_present);
    *ret_present = true;
    if (n->fn != FN_LENGTH)
        return with_text(f, n->fn, &v, &first, ret_item);
    *ret_item = fp_integer(count_chars(v.text, v.len));
    return 0;
}

int fp_fn_string(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base)
{
    struct fhirpath_item v, first, second;
    bool present = false, has_first = false, has_second = false;
    if (n->fn == FN_JOIN)
        return join(f, n, s, base);
    int ret = fp_focus(f, base, &v, &present);
    if (ret == 0)
        ret = text_or_nothing(f, &v, &present);
    if (ret == 0)
        ret = fp_argument(f, n, 1, s, &first, &has_first);
    if (ret < 0 || !present)
        return ret;
    switch (n->fn) {
    case FN_UPPER: case FN_LOWER: return change_case(f, &v, n->fn == FN_UPPER);
    case FN_TO_CHARS: return to_chars(f, &v);
    case FN_TRIM: return trim(f, &v);
    default: break;
    }
    if (!has_first)
        return 0;
    if (!is_text(&first))
        return fp_fail(f, ERR_INVALID, "a text wanted");
    if (n->fn == FN_SPLIT)
        return split(f, &v, &first);
    ret = fp_argument(f, n, 2, s, &second, &has_second);
    if (ret < 0 || !has_second)
        return ret;
    return is_text(&second) ? replace(f, &v, &first, &second) : fp_fail(f, ERR_INVALID, "a text wanted");
}
