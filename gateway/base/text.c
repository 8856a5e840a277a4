/*
 * NAME
 *     text - UTF-8, Japanese text, small conversions
 *
 * SYNOPSIS
 *     c = text_next(text, len, &pos); text_to_int64(text, len, min, max, &value);
 *
 * DESCRIPTION
 *     Decoding follows RFC 3629: no overlong forms, no surrogates, nothing over U+10FFFF. Questions about a text that is not UTF-8 are answered for
 *     the part before the first bad byte, as a "no": text_all_...() is false, text_find_control() gives the bad byte's offset.
 *
 * DIAGNOSTICS
 *     Codes only; these functions know no place to name.
 */
#include "base/text.h"

#include <string.h>

#include "base/err.h"

enum { FULLWIDTH_SPACE = 0x3000, KANA_FIRST = 0xFF61, KANA_LAST = 0xFF9F, VOICED = 0xFF9E, SEMI_VOICED = 0xFF9F };

int32_t text_next(const char *text, size_t len, size_t *pos)
{
    const unsigned char *p = (const unsigned char *)text + *pos;
    size_t left = len - *pos;
    int32_t c;

    if (*pos >= len)
        return -1;
    if (p[0] < 0x80) {
        *pos += 1;
        return p[0];
    }
    if (p[0] >= 0xE0 && p[0] < 0xF0) {
        if (left < 3 || (p[1] & 0xC0) != 0x80 || (p[2] & 0xC0) != 0x80)
            return -1;
        c = (p[0] & 0x0F) << 12 | (p[1] & 0x3F) << 6 | (p[2] & 0x3F);
        if (c < 0x800 || (c >= 0xD800 && c <= 0xDFFF))
            return -1;
        *pos += 3;
        return c;
    }
    if (p[0] >= 0xC2 && p[0] < 0xE0) {
        if (left < 2 || (p[1] & 0xC0) != 0x80)
            return -1;
        *pos += 2;
        return (p[0] & 0x1F) << 6 | (p[1] & 0x3F);
    }
    if (p[0] < 0xF0 || p[0] > 0xF4 || left < 4 || (p[1] & 0xC0) != 0x80 || (p[2] & 0xC0) != 0x80 || (p[3] & 0xC0) != 0x80)
        return -1;
    c = (p[0] & 0x07) << 18 | (p[1] & 0x3F) << 12 | (p[2] & 0x3F) << 6 | (p[3] & 0x3F);
    if (c < 0x10000 || c > 0x10FFFF)
        return -1;
    *pos += 4;
    return c;
}

/*
 * Past what is well-formed and nothing special: printable ASCII, and U+1000 to U+CFFF, where kana and nearly all kanji are. Every lead byte E1 to EC with two
 * continuation bytes is well-formed.
 */
static size_t skip_ordinary(const char *text, size_t len, size_t pos)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);
    const unsigned char *p = (const unsigned char *)text;
    uint64_t w;

    while (pos < len) {
        if (len - pos >= 8 && (memcpy(&w, p + pos, 8), ((w | (w + ones) | (w - ones * 0x20)) & highs) == 0)) /* all of them from 0x20 to 0x7E */
            pos += 8;
        else if (p[pos] >= 0x20 && p[pos] < 0x7F)
            pos++;
        else if (p[pos] >= 0xE1 && p[pos] <= 0xEC && len - pos >= 3 && (p[pos + 1] & 0xC0) == 0x80 && (p[pos + 2] & 0xC0) == 0x80)
            pos += 3;
        else
            break;
    }
    return pos;
}

size_t text_count(const char *text, size_t len)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    size_t count = len, i = 0;
    uint64_t w;

    while (len - i >= 8) {
        uint64_t sums = 0, four[4];   /* sums: of each of the eight bytes in turn */

        for (; len - i >= sizeof four; i += sizeof four) {   /* ASCII continues nothing */
            memcpy(four, text + i, sizeof four);
            if (((four[0] | four[1] | four[2] | four[3]) & ones << 7) != 0)
                break;
        }
        for (size_t end = len - i < sizeof four ? len : i + sizeof four; end - i >= 8; i += 8) {
            memcpy(&w, text + i, 8);
            sums += (w >> 7 & ~(w >> 6)) & ones;   /* 10xxxxxx continues */
        }
        count -= (size_t)(sums * ones >> 56);
    }
    for (; i < len; i++)
        count -= ((unsigned char)text[i] & 0xC0) == 0x80;
    return count;
}

bool text_is_utf8(const char *text, size_t len)
{
    for (size_t pos = skip_ordinary(text, len, 0); pos < len; pos = skip_ordinary(text, len, pos))
        if (text_next(text, len, &pos) < 0)
            return false;
    return true;
}

size_t text_cut(const char *text, size_t len, size_t max)
{
    size_t n = max;

    if (len <= max)
        return len;
    while (n > 0 && max - n < 4 && ((unsigned char)text[n] & 0xC0) == 0x80)
        n--;
    return n;
}

size_t text_copy(char *ret_text, size_t size, const char *text)
{
    size_t n;

    if (size == 0)
        return 0;
    n = text_cut(text, strlen(text), size - 1);
    memcpy(ret_text, text, n);
    ret_text[n] = '\0';
    return n;
}

int text_add_utf8(struct buf *b, int32_t c)
{
    char out[4];
    size_t n = 0;

    if (c < 0 || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        return ERR_INVALID;
    if (c < 0x80) {
        out[n++] = (char)c;
    } else if (c < 0x800) {
        out[n++] = (char)(0xC0 | c >> 6);
    } else if (c < 0x10000) {
        out[n++] = (char)(0xE0 | c >> 12);
    } else {
        out[n++] = (char)(0xF0 | c >> 18);
        out[n++] = (char)(0x80 | (c >> 12 & 0x3F));
    }
    if (c >= 0x800)
        out[n++] = (char)(0x80 | (c >> 6 & 0x3F));
    if (c >= 0x80)
        out[n++] = (char)(0x80 | (c & 0x3F));
    return buf_add(b, out, n);
}

static bool is_halfwidth_kana(int32_t c)
{
    return c >= KANA_FIRST && c <= KANA_LAST;
}

bool text_has_halfwidth_kana(const char *text, size_t len)
{
    size_t pos = skip_ordinary(text, len, 0);
    int32_t c;

    while ((c = text_next(text, len, &pos)) >= 0) {
        if (is_halfwidth_kana(c))
            return true;
        pos = skip_ordinary(text, len, pos);
    }
    return false;
}

bool text_has_fullwidth_space(const char *text, size_t len)
{
    size_t pos = 0;
    int32_t c;

    while ((c = text_next(text, len, &pos)) >= 0)
        if (c == FULLWIDTH_SPACE)
            return true;
    return false;
}

int64_t text_find_control(const char *text, size_t len, bool allow_layout)
{
    /* DEL and C1; noncharacters of the first plane and BOM; private use, where 外字 live, also in planes 15 and 16. */
    static const int32_t bad[][2] = { { 0x7F, 0x9F }, { 0xE000, 0xF8FF }, { 0xFEFF, 0xFEFF }, { 0xFFFE, 0xFFFF }, { 0xF0000, 0x10FFFF } };
    for (size_t pos = skip_ordinary(text, len, 0); pos < len; pos = skip_ordinary(text, len, pos)) {
        size_t at = pos;
        int32_t c = text_next(text, len, &pos);

        if (c < 0 || (c < 0x20 && !(allow_layout && (c == '\t' || c == '\n' || c == '\r'))))
            return (int64_t)at;
        for (size_t i = 0; c >= 0x7F && i < sizeof bad / sizeof *bad; i++)
            if (c >= bad[i][0] && c <= bad[i][1])
                return (int64_t)at;
    }
    return -1;
}

void text_flatten(char *text, size_t len)
{
    int64_t bad;

    for (size_t at = 0; at < len && (bad = text_find_control(text + at, len - at, false)) >= 0;) {
        size_t next = at + (size_t)bad, start = next;
        if (text_next(text, len, &next) < 0)
            next = start + 1;
        memset(text + start, '?', next - start);
        at = next;
    }
}

bool text_all_fullwidth(const char *text, size_t len)
{
    size_t pos = 0;

    while (pos < len) {
        int32_t c = text_next(text, len, &pos);

        if (c < 0x80 || is_halfwidth_kana(c))
            return false;
    }
    return true;
}

bool text_all_ascii(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] >= 0x80)
            return false;
    return true;
}

bool text_all_digits(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return true;
}

bool text_all_of(const char *text, size_t len, const char *set)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        bool found = false;

        for (const char *s = set; *s != '\0' && !found; s++) {
            if (s[1] == '-' && s[2] != '\0') {
                found = c >= (unsigned char)s[0] && c <= (unsigned char)s[2];
                s += 2;
            } else {
                found = c == (unsigned char)*s;
            }
        }
        if (!found)
            return false;
    }
    return true;
}

int text_to_int64(const char *text, size_t len, int64_t min, int64_t max, int64_t *ret_value)
{
    bool negative = len > 0 && text[0] == '-', over = false;
    size_t first = negative ? 1 : 0;
    uint64_t magnitude = 0, largest = (uint64_t)INT64_MAX + (negative ? 1U : 0U);
    int64_t value;

    if (first == len || !text_all_digits(text + first, len - first))
        return ERR_SYNTAX;
    for (size_t i = first; i < len && !over; i++) {
        unsigned digit = (unsigned)(text[i] - '0');

        over = magnitude > (largest - digit) / 10;
        magnitude = over ? magnitude : magnitude * 10 + digit;
    }
    if (over)
        return ERR_LIMIT;
    value = !negative ? (int64_t)magnitude : magnitude == 0 ? 0 : -(int64_t)(magnitude - 1) - 1;
    if (value < min || value > max)
        return ERR_LIMIT;
    *ret_value = value;
    return 0;
}

bool text_check_digit_ok(const char *digits, size_t len)
{
    unsigned sum = 0;

    if (len < 2 || !text_all_digits(digits, len))
        return false;
    for (size_t i = 0; i + 1 < len; i++) {
        /* weight 2 stands next to the check digit; the digits of a product are added */
        unsigned product = (unsigned)(digits[len - 2 - i] - '0') * (i % 2 == 0 ? 2U : 1U);

        sum += product / 10 + product % 10;
    }
    return (10 - sum % 10) % 10 == (unsigned)(digits[len - 1] - '0');
}

int text_add_escaped(struct buf *out, const char *text, size_t len)
{
    size_t pos = 0;
    int code = 0;

    while (code == 0 && pos < len) {
        size_t at = pos;
        int32_t c = text_next(text, len, &pos);

        if (c < 0)
            return ERR_SYNTAX;
        switch (c) {
        case '&': code = buf_add_str(out, "&amp;"); break;
        case '<': code = buf_add_str(out, "&lt;"); break;
        case '>': code = buf_add_str(out, "&gt;"); break;
        case '"': code = buf_add_str(out, "&quot;"); break;
        case '\'': code = buf_add_str(out, "&#39;"); break;
        default:
            if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0xFFFE || c == 0xFFFF)
                code = text_add_utf8(out, 0xFFFD);
            else
                code = buf_add(out, text + at, pos - at);
            break;
        }
    }
    return code;
}
