/* Regular expressions that are a row of characters. */
#include "validate/fhirpath/row.h"

#include <string.h>

struct reader { const char *text; size_t len, at; };

static void add(uint64_t set[2], unsigned char from, unsigned char to)
{
    for (unsigned c = from; c <= to; c++)
        set[c >> 6] |= UINT64_C(1) << (c & 63);
}

static bool is_alnum(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

/* Behind a backslash: signs stand for themselves, "d" for digits; nothing else is known here. */
static bool read_escape(struct reader *r, uint64_t set[2])
{
    char c = ++r->at < r->len ? r->text[r->at] : '\0';
    if (c != 'd' && (is_alnum(c) || c <= ' ' || c > '~'))
        return false;
    add(set, c == 'd' ? '0' : (unsigned char)c, c == 'd' ? '9' : (unsigned char)c);
    r->at++;
    return true;
}

/* "[...]", the reader behind the bracket */
static bool read_set(struct reader *r, uint64_t set[2])
{
    size_t first = r->at;
    for (; r->at < r->len && r->text[r->at] != ']'; r->at++) {
        char c = r->text[r->at], last = c;
        if (c == '\\') {
            if (!read_escape(r, set))
                return false;
            r->at--;
            if (r->at + 2 < r->len && r->text[r->at + 1] == '-' && r->text[r->at + 2] != ']')
                return false;
            continue;
        }
        if (c < ' ' || c > '~' || c == '[' || (c == '^' && r->at == first))
            return false;
        if (r->at + 2 < r->len && r->text[r->at + 1] == '-' && r->text[r->at + 2] != ']') {
            last = r->text[r->at + 2];
            r->at += 2;
        }
        if (last < c || last > '~' || (last != c && (!is_alnum(c) || !is_alnum(last))))
            return false;
        add(set, (unsigned char)c, (unsigned char)last);
    }
    return r->at < r->len && r->at++ > first;
}

/* "{7}" behind a character; 1 where there is none. */
static bool read_count(struct reader *r, uint32_t *ret_count)
{
    uint32_t count = 0;
    size_t first;
    *ret_count = 1;
    if (r->at < r->len && r->text[r->at] == '{') {
        for (first = ++r->at; r->at < r->len && r->text[r->at] >= '0' && r->text[r->at] <= '9' && count <= FP_ROW_MAX; r->at++)
            count = count * 10 + (uint32_t)(r->text[r->at] - '0');
        if (r->at == first || r->at == r->len || r->text[r->at++] != '}')
            return false;
        *ret_count = count;
    }
    return r->at == r->len || strchr("*+?{", r->text[r->at]) == NULL;
}

static bool read_character(struct reader *r, uint64_t set[2])
{
    char c = r->text[r->at];
    if (c == '\\')
        return read_escape(r, set);
    r->at++;
    if (c == '[')
        return read_set(r, set);
    if (c < ' ' || c > '~' || strchr("^$.|()*+?{}]", c) != NULL)
        return false;
    add(set, (unsigned char)c, (unsigned char)c);
    return true;
}

bool fp_row_read(const char *pattern, size_t len, bool full, struct fp_row *ret_row)
{
    struct reader r = { pattern, len, 0 };
    struct fp_row row = { .full = full };
    row.from_start = len > 0 && pattern[0] == '^';
    row.to_end = len > row.from_start && pattern[len - 1] == '$' && (len < 2 || pattern[len - 2] != '\\');
    r.at = row.from_start;
    r.len -= row.to_end;
    while (r.at < r.len) {
        uint64_t set[2] = { 0, 0 };
        uint32_t count;
        if (!read_character(&r, set) || !read_count(&r, &count) || count > FP_ROW_MAX - row.count)
            return false;
        for (uint32_t i = 0; i < count; i++)
            memcpy(row.set[row.count++], set, sizeof set);
    }
    if (row.count == 0)
        return false;
    *ret_row = row;
    return true;
}

static bool stands_at(const struct fp_row *row, const char *text)
{
    for (uint32_t i = 0; i < row->count; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c > 127 || (row->set[i][c >> 6] >> (c & 63) & 1) == 0)
            return false;
    }
    return true;
}

bool fp_row_matches(const struct fp_row *row, const char *text, size_t len)
{
    if (len < row->count || (row->full && len != row->count))
        return false;
    size_t last = row->from_start ? 0 : len - row->count;
    for (size_t at = 0; at <= last; at++) {
        size_t end = at + row->count;
        if ((!row->to_end || end == len || (end + 1 == len && text[end] == '\n')) && stands_at(row, text + at))
            return true;
    }
    return false;
}
