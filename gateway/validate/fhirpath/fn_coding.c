/* encode, decode (base64, urlbase64, hex), escape, unescape (html, json). */
#include "validate/fhirpath/eval.h"

#include <string.h>
#include "base/text.h"

enum { RESULT_MAX = 64 << 20 };
static const char plain_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char hex_digits[] = "0123456789abcdef";

static void encode_base64(const struct fhirpath_item *v, const char *digits, struct buf *out)
{
    for (size_t i = 0; i < v->len; i += 3) {
        size_t n = v->len - i < 3 ? v->len - i : 3;
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (k < n ? (unsigned char)v->text[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            buf_add_char(out, k <= n ? digits[bits >> (18 - 6 * k) & 63] : '=');
    }
}

static bool decode_base64(const struct fhirpath_item *v, const char *digits, struct buf *out)
{
    uint32_t bits = 0;
    unsigned have = 0;
    size_t end = v->len;
    while (end > 0 && v->text[end - 1] == '=' && v->len - end < 2)
        end--;
    for (size_t i = 0; i < end; i++) {
        const char *digit = v->text[i] != '\0' ? strchr(digits, v->text[i]) : NULL;
        if (digit == NULL)
            return false;
        bits = bits << 6 | (uint32_t)(digit - digits);
        have += 6;
        if (have >= 8) {
            have -= 8;
            buf_add_char(out, (char)(bits >> have & 0xFF));
        }
    }
    return have < 6;
}

static void encode_hex(const struct fhirpath_item *v, struct buf *out)
{
    for (size_t i = 0; i < v->len; i++) {
        buf_add_char(out, hex_digits[(unsigned char)v->text[i] >> 4]);
        buf_add_char(out, hex_digits[(unsigned char)v->text[i] & 15]);
    }
}

static int hex_value(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

static bool decode_hex(const struct fhirpath_item *v, struct buf *out)
{
    for (size_t i = 0; i + 1 < v->len; i += 2) {
        int high = hex_value(v->text[i]), low = hex_value(v->text[i + 1]);
        if (high < 0 || low < 0)
            return false;
        buf_add_char(out, (char)(high << 4 | low));
    }
    return v->len % 2 == 0;
}

/* ---- escapes ---- */

struct escape { const char *plain, *written; };
static const struct escape html[] = { { "&", "&amp;" }, { "<", "&lt;" }, { ">", "&gt;" }, { "\"", "&quot;" }, { "'", "&#39;" }, { NULL, NULL } };
static const struct escape json[] = { { "\\", "\\\\" }, { "\"", "\\\"" }, { "\n", "\\n" }, { "\r", "\\r" }, { "\t", "\\t" }, { "\f", "\\f" }, { "\b", "\\b" }, { "/", "\\/" }, { NULL, NULL } };

static void add_escaped(const struct fhirpath_item *v, const struct escape *table, struct buf *out)
{
    for (size_t i = 0; i < v->len; i++) {
        const struct escape *e = table;
        while (e->plain != NULL && (e->plain[0] != v->text[i] || e->plain[0] == '/'))
            e++;
        if (e->plain != NULL)
            buf_add_str(out, e->written);
        else
            buf_add_char(out, v->text[i]);
    }
}

/* &#39; &#x27; \u0027: bytes used, 0 = none of these. */
static size_t add_numbered(const char *p, size_t left, bool is_json, struct buf *out)
{
    int32_t c = 0;
    bool hex = is_json || (left > 2 && (p[2] == 'x' || p[2] == 'X'));
    if (left < 4 || p[0] != (is_json ? '\\' : '&') || p[1] != (is_json ? 'u' : '#'))
        return 0;
    size_t at = !is_json && hex ? 3 : 2, first = at;
    while (at < left && at - first < (is_json ? 4u : 7u) && hex_value(p[at]) >= 0 && (hex || (p[at] >= '0' && p[at] <= '9')))
        c = c * (hex ? 16 : 10) + hex_value(p[at++]);
    if (at == first || c <= 0 || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF) || (is_json ? at - first != 4 : at == left || p[at] != ';'))
        return 0;
    text_add_utf8(out, c);
    return at + !is_json;
}

static void add_unescaped(const struct fhirpath_item *v, const struct escape *table, struct buf *out)
{
    for (size_t i = 0; i < v->len; ) {
        const struct escape *e = table;
        while (e->plain != NULL && (strlen(e->written) > v->len - i || memcmp(e->written, v->text + i, strlen(e->written)) != 0))
            e++;
        size_t used = e->plain == NULL ? add_numbered(v->text + i, v->len - i, table == json, out) : strlen(e->written);
        if (e->plain != NULL)
            buf_add_str(out, e->plain);
        else if (used == 0)
            buf_add_char(out, v->text[i]);
        i += used > 0 ? used : 1;
    }
}

/* false: no such target, or the text is not in that form. */
static bool recode(unsigned fn, const struct fhirpath_item *v, const struct fhirpath_item *form, struct buf *out)
{
    bool base64 = form->len == 6 && memcmp(form->text, "base64", 6) == 0, url = form->len == 9 && memcmp(form->text, "urlbase64", 9) == 0;
    bool hex = form->len == 3 && memcmp(form->text, "hex", 3) == 0;
    const struct escape *table = form->len != 4 ? NULL : memcmp(form->text, "html", 4) == 0 ? html : memcmp(form->text, "json", 4) == 0 ? json : NULL;
    if (fn == FN_ENCODE && hex)
        encode_hex(v, out);
    else if (fn == FN_ENCODE && (base64 || url))
        encode_base64(v, url ? url_digits : plain_digits, out);
    else if (fn == FN_DECODE && hex)
        return decode_hex(v, out);
    else if (fn == FN_DECODE && (base64 || url))
        return decode_base64(v, url ? url_digits : plain_digits, out);
    else if (fn == FN_ESCAPE && table != NULL)
        add_escaped(v, table, out);
    else if (fn == FN_UNESCAPE && table != NULL)
        add_unescaped(v, table, out);
    else
        return false;
    return true;
}

int fp_fn_coding(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base)
{
    struct fhirpath_item v, form;
    bool present = false, has_form = false;
    struct buf out;
    int ret = fp_focus(f, base, &v, &present);
    if (ret == 0)
        ret = fp_argument(f, n, 1, s, &form, &has_form);
    if (ret < 0 || !present || !has_form)
        return ret;
    if (v.kind != FHIRPATH_STRING || form.kind != FHIRPATH_STRING)
        return fp_fail(f, ERR_INVALID, "a text wanted");
    buf_init(&out, RESULT_MAX);
    /* Decoded bytes that are no text give nothing. */
    bool fine = recode(n->fn, &v, &form, &out) && text_is_utf8(out.data, out.len);
    if (out.failed) {
        ret = fp_fail(f, (enum err_code)out.failed, "length of a text");
    } else if (fine) {
        const char *copy = fp_copy(f, out.data, out.len);
        ret = copy == NULL ? ERR_NOMEM : fp_push_text(f, FHIRPATH_STRING, copy, out.len);
    }
    buf_free(&out);
    return ret;
}
