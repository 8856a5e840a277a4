/* The words of a FHIRPath expression: names, literals, signs; comments and spaces fall away. */
#include "validate/fhirpath/lexer.h"

#include <stdbool.h>
#include <string.h>
#include "base/text.h"

void fp_lexer_init(struct fp_lexer *l, const char *text, size_t len)
{
    *l = (struct fp_lexer){ .text = text, .len = len };
}

static bool is_digit(int c) { return c >= '0' && c <= '9'; }
static bool is_name(int c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c); }

static int peek(const struct fp_lexer *l, size_t ahead)
{
    return l->at + ahead < l->len ? (unsigned char)l->text[l->at + ahead] : -1;
}

static int fault(struct fp_lexer *l, const char *what)
{
    l->fault = what;
    return -1;
}

static int skip_space(struct fp_lexer *l)
{
    for (;;) {
        int c = peek(l, 0);
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            l->at++;
        } else if (c == 0xC2 && peek(l, 1) == 0xA0) {
            /* expressions pasted from documents hold no-break spaces */
            l->at += 2;
        } else if (c == '/' && peek(l, 1) == '/') {
            while (l->at < l->len && l->text[l->at] != '\n' && l->text[l->at] != '\r')
                l->at++;
        } else if (c == '/' && peek(l, 1) == '*') {
            size_t start = l->at;
            for (l->at += 2; l->at < l->len && !(peek(l, 0) == '*' && peek(l, 1) == '/'); l->at++)
                ;
            if (l->at >= l->len) {
                l->at = start;
                return fault(l, "comment without end");
            }
            l->at += 2;
        } else {
            return 0;
        }
    }
}

/* Digits in groups: "dd:dd:dd", each group from the second on behind the separator. Returns the number of groups read, with the widths wanted. */
static unsigned groups(struct fp_lexer *l, const unsigned char *widths, unsigned count, char separator)
{
    unsigned read = 0;
    for (; read < count; read++) {
        size_t from = read > 0 ? 1 : 0;
        if (from == 1 && peek(l, 0) != separator)
            break;
        for (unsigned i = 0; i < widths[read]; i++)
            if (!is_digit(peek(l, from + i)))
                return read;
        l->at += from + widths[read];
    }
    return read;
}

static int lex_clock(struct fp_lexer *l)
{
    static const unsigned char widths[] = { 2, 2, 2 };
    unsigned read = groups(l, widths, 3, ':');
    if (read == 3 && peek(l, 0) == '.' && is_digit(peek(l, 1)))
        for (l->at++; is_digit(peek(l, 0)); l->at++)
            ;
    return read > 0 ? 0 : -1;
}

/* @2015, @2015-02-04T14:34:28.123+09:00, @T14:34 */
static int lex_moment(struct fp_lexer *l)
{
    static const unsigned char date[] = { 4, 2, 2 };
    static const unsigned char zone[] = { 2, 2 };
    l->at++;
    if (peek(l, 0) == 'T') {
        l->at++;
        l->token.kind = TOKEN_TIME;
        if (lex_clock(l) < 0)
            return fault(l, "time expected");
        if (peek(l, 0) == 'Z' || (peek(l, 0) == '+' && is_digit(peek(l, 1)) && is_digit(peek(l, 2)) && peek(l, 3) == ':'))
            return fault(l, "a time has no zone");
        return 0;
    }
    l->token.kind = TOKEN_DATE;
    if (groups(l, date, 3, '-') == 0)
        return fault(l, "date expected");
    if (peek(l, 0) != 'T')
        return 0;
    l->at++;
    l->token.kind = TOKEN_DATETIME;
    if (!is_digit(peek(l, 0)))
        return 0;
    if (lex_clock(l) < 0)
        return fault(l, "time expected");
    if (peek(l, 0) == 'Z') {
        l->at++;
    } else if ((peek(l, 0) == '+' || peek(l, 0) == '-') && is_digit(peek(l, 1)) && is_digit(peek(l, 2)) && peek(l, 3) == ':') {
        l->at++;
        if (groups(l, zone, 2, ':') != 2)
            return fault(l, "zone expected");
    }
    return 0;
}

static int lex_number(struct fp_lexer *l)
{
    l->token.kind = TOKEN_INTEGER;
    while (is_digit(peek(l, 0)))
        l->at++;
    if (peek(l, 0) == '.' && is_digit(peek(l, 1))) {
        l->token.kind = TOKEN_DECIMAL;
        for (l->at++; is_digit(peek(l, 0)); l->at++)
            ;
    }
    return 0;
}

static int lex_quoted(struct fp_lexer *l, int quote)
{
    l->token.kind = quote == '\'' ? TOKEN_STRING : TOKEN_QUOTED_NAME;
    size_t start = l->at;
    for (l->at++; l->at < l->len && peek(l, 0) != quote; l->at++)
        if (peek(l, 0) == '\\')
            l->at++;
    if (l->at >= l->len) {
        l->at = start;
        return fault(l, "quote without end");
    }
    l->at++;
    return 0;
}

static int lex_sign(struct fp_lexer *l)
{
    static const char *const signs[] = { "!=", "!~", "<=", ">=" };
    l->token.kind = TOKEN_SIGN;
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (peek(l, 0) == signs[i][0] && peek(l, 1) == signs[i][1]) {
            memcpy(l->token.sign, signs[i], 3);
            l->at += 2;
            return 0;
        }
    int c = peek(l, 0);
    if (c <= 0 || strchr("=~<>|&+-*/.,()[]{}%", c) == NULL)
        return fault(l, "unexpected character");
    l->token.sign[0] = (char)c;
    l->at++;
    return 0;
}

int fp_lexer_next(struct fp_lexer *l)
{
    if (skip_space(l) < 0)
        return -1;
    memset(&l->token, 0, sizeof l->token);
    l->token.start = l->at;
    int c = peek(l, 0);
    int ret = 0;
    if (c < 0) {
        l->token.kind = TOKEN_END;
    } else if (is_digit(c)) {
        ret = lex_number(l);
    } else if (is_name(c) || c == '$') {
        l->token.kind = c == '$' ? TOKEN_VARIABLE : TOKEN_NAME;
        for (l->at++; is_name(peek(l, 0)); l->at++)
            ;
    } else if (c == '@') {
        ret = lex_moment(l);
    } else if (c == '\'' || c == '`' || c == '"') {
        ret = lex_quoted(l, c);
    } else {
        ret = lex_sign(l);
    }
    l->token.end = l->at;
    return ret;
}

static int hex4(const char *p, size_t left)
{
    int value = 0;
    for (size_t i = 0; i < 4; i++) {
        int c = i < left ? (unsigned char)p[i] : 0;
        int digit = is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* One escape sequence, p behind the backslash; bytes used, 0 = no such escape. */
static size_t unescape(const char *p, size_t left, struct buf *out)
{
    static const char from[] = "\\/'\"`frnt", to[] = "\\/'\"`\f\r\n\t";
    const char *found = left > 0 && p[0] != '\0' ? strchr(from, p[0]) : NULL;
    if (found != NULL) {
        buf_add_char(out, to[found - from]);
        return 1;
    }
    if (left < 5 || p[0] != 'u')
        return 0;
    int32_t c = hex4(p + 1, left - 1);
    if (c >= 0xD800 && c < 0xDC00 && left >= 11 && p[5] == '\\' && p[6] == 'u') {
        int low = hex4(p + 7, left - 7);
        if (low < 0xDC00 || low > 0xDFFF)
            return 0;
        text_add_utf8(out, 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00));
        return 11;
    }
    if (c <= 0 || (c >= 0xD800 && c <= 0xDFFF))
        return 0;
    text_add_utf8(out, c);
    return 5;
}

int fp_lexer_text(struct fp_lexer *l, const struct fp_token *token, struct buf *out)
{
    size_t i = token->start, end = token->end;
    if (token->kind == TOKEN_STRING || token->kind == TOKEN_QUOTED_NAME) {
        i++;
        end--;
    }
    while (i < end) {
        if (l->text[i] != '\\') {
            buf_add_char(out, l->text[i++]);
            continue;
        }
        size_t used = unescape(l->text + i + 1, end - i - 1, out);
        if (used == 0) {
            l->at = i;
            return fault(l, "no such escape");
        }
        i += 1 + used;
    }
    return out->failed ? fault(l, "too long") : 0;
}
