/*
 * matches, matchesFull, replaceMatches by PCRE2: UTF-8, "." takes every character, bounded in steps and depth. Patterns that are a plain row of characters are matched
 * without it (row.h).
 *
 * A pattern that does not compile, or that would take too long on its text, is an error of the evaluation and never an answer.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "validate/fhirpath/eval.h"

#include <pcre2.h>
#include <string.h>
#include "validate/fhirpath/row.h"

enum { MATCH_LIMIT = 200000, DEPTH_LIMIT = 2000, HEAP_LIMIT_KB = 8192, PATTERN_MAX = 20000, KEPT = 256, RESULT_MAX = 16 << 20 };

/* Patterns by their text; a later one takes the place of an earlier one with the same slot. */
struct kept { char *text; size_t len; bool full; pcre2_code *code; struct fp_row *row; /* NULL: the pattern is none */ };
struct fhirpath_regexes { struct kept slot[KEPT]; pcre2_match_data *match; pcre2_match_context *context; };

static pcre2_match_context *new_context(void)
{
    pcre2_match_context *c = pcre2_match_context_create(NULL);
    if (c != NULL) {
        pcre2_set_match_limit(c, MATCH_LIMIT);
        pcre2_set_depth_limit(c, DEPTH_LIMIT);
        pcre2_set_heap_limit(c, HEAP_LIMIT_KB);
    }
    return c;
}

struct fhirpath_regexes *fhirpath_regexes_free(struct fhirpath_regexes *r)
{
    if (r == NULL)
        return NULL;
    for (size_t i = 0; i < KEPT; i++) {
        pcre2_code_free(r->slot[i].code);
        free(r->slot[i].text);
        free(r->slot[i].row);
    }
    pcre2_match_data_free(r->match);
    pcre2_match_context_free(r->context);
    free(r);
    return NULL;
}

struct fhirpath_regexes *fhirpath_regexes_new(void)
{
    struct fhirpath_regexes *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->match = pcre2_match_data_create(16, NULL);
    r->context = new_context();
    return r->match != NULL && r->context != NULL ? r : fhirpath_regexes_free(r);
}

static pcre2_code *compile(struct fp_eval *f, const struct fhirpath_item *pattern, bool full)
{
    int error;
    PCRE2_SIZE offset;
    if (pattern->len > PATTERN_MAX) {
        fp_fail(f, ERR_LIMIT, "length of a regular expression");
        return NULL;
    }
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (context == NULL) {
        fp_fail(f, ERR_NOMEM, "memory");
        return NULL;
    }
    pcre2_set_parens_nest_limit(context, 100);
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern->text, pattern->len, PCRE2_UTF | PCRE2_DOTALL | (full ? PCRE2_ANCHORED | PCRE2_ENDANCHORED : 0), &error, &offset, context);
    pcre2_compile_context_free(context);
    if (code == NULL)
        fp_fail(f, ERR_INVALID, "the regular expression cannot be read");
    return code;
}

/* A matcher: what is kept of it belongs to the caller's regexes, the rest is given back at the end. */
struct matcher { const struct fp_row *row; const pcre2_code *code; pcre2_match_data *match; pcre2_match_context *context; pcre2_code *own; };

/* Ends and length tell patterns apart well enough; the text decides. */
static size_t slot_of(const struct fhirpath_item *pattern, bool full)
{
    uint64_t head = 0, tail = 0;
    size_t n = pattern->len < sizeof head ? pattern->len : sizeof head;
    if (n > 0) {
        memcpy(&head, pattern->text, n);
        memcpy(&tail, pattern->text + pattern->len - n, n);
    }
    return (size_t)((head * 31 + tail + pattern->len * 2 + full) * UINT64_C(0x9E3779B97F4A7C15) >> 32) % KEPT;
}

/* The pattern as it is kept, compiled now if it is new. */
static const struct kept *kept_pattern(struct fp_eval *f, const struct fhirpath_item *pattern, bool full)
{
    struct kept *k = &f->env->regexes->slot[slot_of(pattern, full)];
    if (k->code != NULL && k->len == pattern->len && k->full == full && memcmp(k->text, pattern->text, pattern->len) == 0)
        return k;
    struct fp_row row;
    pcre2_code *code = compile(f, pattern, full);
    char *text = code != NULL ? malloc(pattern->len + 1) : NULL;
    struct fp_row *kept_row = text != NULL && fp_row_read(pattern->text, pattern->len, full, &row) ? malloc(sizeof row) : NULL;
    if (text == NULL) {
        if (code != NULL)
            fp_fail(f, ERR_NOMEM, "memory");
        pcre2_code_free(code);
        return NULL;
    }
    if (pattern->len > 0)
        memcpy(text, pattern->text, pattern->len);
    if (kept_row != NULL)
        *kept_row = row;
    pcre2_code_free(k->code);
    free(k->text);
    free(k->row);
    *k = (struct kept){ text, pattern->len, full, code, kept_row };
    return k;
}

static int open_matcher(struct fp_eval *f, const struct fhirpath_item *pattern, bool full, struct matcher *m)
{
    struct fhirpath_regexes *r = f->env->regexes;
    *m = (struct matcher){ .code = NULL };
    if (r != NULL) {
        const struct kept *k = kept_pattern(f, pattern, full);
        if (k != NULL)
            *m = (struct matcher){ .row = k->row, .code = k->code, .match = r->match, .context = r->context };
        return k != NULL ? 0 : f->failed;
    }
    m->code = m->own = compile(f, pattern, full);
    if (m->code == NULL)
        return f->failed;
    m->match = pcre2_match_data_create(16, NULL);
    m->context = new_context();
    return m->match != NULL && m->context != NULL ? 0 : fp_fail(f, ERR_NOMEM, "memory");
}

static void close_matcher(struct matcher *m)
{
    if (m->own == NULL)
        return;
    pcre2_code_free(m->own);
    pcre2_match_data_free(m->match);
    pcre2_match_context_free(m->context);
}

/* Matches from byte `from` on: 1 found, 0 not, negative failed. */
static int match_at(struct fp_eval *f, const struct matcher *m, const struct fhirpath_item *v, size_t from, uint32_t options)
{
    int ret = fp_step(f, 1 + (v->len - from) / 64);
    if (ret < 0)
        return ret;
    int found = pcre2_match(m->code, (PCRE2_SPTR)v->text, v->len, from, options | PCRE2_NO_UTF_CHECK, m->match, m->context);
    if (found >= 0 || found == PCRE2_ERROR_NOMATCH)
        return found >= 0;
    return fp_fail(f, found == PCRE2_ERROR_NOMEMORY ? ERR_NOMEM : ERR_LIMIT, "the regular expression takes too long");
}

/* $1, $12, \1: what a group took; everything else stands for itself. */
static void add_replacement(struct buf *out, const struct fhirpath_item *by, const struct matcher *m, const char *text)
{
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(m->match);
    uint32_t groups = pcre2_get_ovector_count(m->match);
    for (size_t i = 0; i < by->len; i++) {
        char c = by->text[i];
        if (c == '\\' && i + 1 < by->len) {
            buf_add_char(out, by->text[++i]);
        } else if (c == '$' && i + 1 < by->len && by->text[i + 1] >= '0' && by->text[i + 1] <= '9') {
            uint32_t group = (uint32_t)(by->text[++i] - '0');
            if (group < groups && ends[2 * group] != PCRE2_UNSET && ends[2 * group] <= ends[2 * group + 1])
                buf_add(out, text + ends[2 * group], ends[2 * group + 1] - ends[2 * group]);
        } else {
            buf_add_char(out, c);
        }
    }
}

static int replace(struct fp_eval *f, const struct matcher *m, const struct fhirpath_item *v, const struct fhirpath_item *by, struct buf *out)
{
    size_t at = 0, copied = 0;
    int found = 0;
    while (at <= v->len && (found = match_at(f, m, v, at, 0)) == 1) {
        const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(m->match);
        if (ends[0] > ends[1])
            return fp_fail(f, ERR_UNSUPPORTED, "\\K in a regular expression");
        buf_add(out, v->text + copied, ends[0] - copied);
        add_replacement(out, by, m, v->text);
        copied = ends[1];
        at = ends[1];
        if (ends[0] == ends[1]) {
            /* an empty match: on to the next character */
            at++;
            while (at < v->len && ((unsigned char)v->text[at] & 0xC0) == 0x80)
                at++;
        }
    }
    if (found < 0)
        return found;
    buf_add(out, v->text + copied, v->len - copied);
    return out->failed ? fp_fail(f, (enum err_code)out->failed, "length of a text") : 0;
}

static int replace_matches(struct fp_eval *f, const struct fhirpath_item *v, const struct fhirpath_item *pattern, const struct fhirpath_item *by)
{
    struct matcher m;
    struct buf out;
    if (pattern->len == 0)
        return fp_push_text(f, FHIRPATH_STRING, v->text, v->len);
    buf_init(&out, RESULT_MAX);
    int ret = open_matcher(f, pattern, false, &m);
    if (ret == 0)
        ret = replace(f, &m, v, by, &out);
    const char *copy = ret == 0 ? fp_copy(f, out.data, out.len) : NULL;
    if (ret == 0)
        ret = copy == NULL ? ERR_NOMEM : fp_push_text(f, FHIRPATH_STRING, copy, out.len);
    close_matcher(&m);
    buf_free(&out);
    return ret;
}

int fp_fn_regex(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base)
{
    struct fhirpath_item v, pattern, by = { .kind = FHIRPATH_STRING, .text = "" };
    bool present = false, has_pattern = false, has_by = true;
    int ret = fp_focus(f, base, &v, &present);
    if (ret == 0)
        ret = fp_argument(f, n, 1, s, &pattern, &has_pattern);
    if (ret == 0)
        ret = fp_argument(f, n, 2, s, &by, &has_by);
    if (ret < 0 || !present || !has_pattern || !has_by)
        return ret;
    if (v.kind != FHIRPATH_STRING || pattern.kind != FHIRPATH_STRING || by.kind != FHIRPATH_STRING)
        return fp_fail(f, ERR_INVALID, "a text wanted");
    return replace_matches(f, &v, &pattern, &by);
}

int fp_one_match(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, struct fhirpath_item *ret_item, bool *ret_present)
{
    struct fhirpath_item v, pattern;
    struct matcher m;
    bool present = false, has_pattern = false;
    int ret = fp_focus_value(f, n, s, &v, &present);
    if (ret == 0)
        ret = fp_argument(f, n, 1, s, &pattern, &has_pattern);
    if (ret < 0)
        return ret;
    *ret_present = present ? has_pattern : f->env->reference_ways;
    if (!present)
        *ret_item = fp_bool(false);
    if (!present || !has_pattern)
        return 0;
    if (v.kind != FHIRPATH_STRING || pattern.kind != FHIRPATH_STRING)
        return fp_fail(f, ERR_INVALID, "a text wanted");
    ret = open_matcher(f, &pattern, n->fn == FN_MATCHES_FULL, &m);
    if (ret == 0)
        ret = m.row != NULL ? fp_row_matches(m.row, v.text, v.len) : match_at(f, &m, &v, 0, 0);
    close_matcher(&m);
    *ret_item = fp_bool(ret == 1);
    return ret < 0 ? ret : 0;
}
