/*
 * formats.c - the forms of primitive values: see formats.h.
 */
#include "validate/engine/formats.h"

#include <string.h>

#include "base/text.h"

struct bytes format_text(const struct json_node *n)
{
    struct bytes text = { NULL, 0 };

    if (n == NULL)
        return text;
    if (n->type == JSON_TRUE || n->type == JSON_FALSE)
        text = n->type == JSON_TRUE ? (struct bytes){ "true", 4 } : (struct bytes){ "false", 5 };
    else if ((n->type == JSON_STRING || n->type == JSON_NUMBER) && n->len > 0)
        text = (struct bytes){ n->text, n->len };
    return text;
}

bool format_ends(struct bytes text, const char *tail)
{
    size_t len = strlen(tail);

    return text.len >= len && memcmp(text.data + text.len - len, tail, len) == 0;
}

bool format_holds(struct bytes text, const char *part)
{
    return text.len > 0 && memmem(text.data, text.len, part, strlen(part)) != NULL;
}

size_t format_until(struct bytes text, const char *ends)
{
    size_t len = 0;

    while (len < text.len && strchr(ends, text.data[len]) == NULL)
        len++;
    return len;
}

/* White space of Unicode but the zero-width ones. */
static bool is_space(int32_t c)
{
    if (c > 0x20 && c < 0x85)
        return false;
    return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F
        || c == 0x205F || c == 0x3000;
}

/* Bytes of the space that the text ends with; 0 = none. */
static size_t space_at_end(struct bytes text)
{
    size_t start = text.len - 1, pos;
    int32_t c;

    while (start > 0 && text.len - start < 4 && ((unsigned char)text.data[start] & 0xC0) == 0x80)
        start--;
    pos = start;
    c = text_next(text.data, text.len, &pos);
    return is_space(c) ? text.len - start : 0;
}

static bool is_plain(char c)
{
    return c > ' ' && c < 0x7F;
}

/* Is the text's first character, or one of three bytes, no space? No space begins with a byte over E3, and only U+3000 and its neighbours with E3 80. */
static bool is_letter_of_three(const char *at)
{
    unsigned char lead = (unsigned char)at[0];

    return (lead >= 0xE4 && lead < 0xF0) || (lead == 0xE3 && (unsigned char)at[1] != 0x80);
}

struct bytes format_trim(struct bytes text)
{
    size_t pos = 0, cut;

    if (text.len > 0 && (is_plain(text.data[0]) || (text.len >= 3 && is_letter_of_three(text.data)))
        && (is_plain(text.data[text.len - 1]) || (text.len >= 3 && is_letter_of_three(text.data + text.len - 3))))
        return text;
    while (pos < text.len) {
        size_t next = pos;
        int32_t c = text_next(text.data, text.len, &next);

        if (!is_space(c))
            break;
        pos = next;
    }
    if (pos > 0) {
        text.data += pos;
        text.len -= pos;
    }
    while (text.len > 0 && (cut = space_at_end(text)) > 0)
        text.len -= cut;
    return text;
}

bool format_has_ascii_space(struct bytes text)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);
    uint64_t w;

    for (size_t i = 0; i < text.len; i++) {
        for (; text.len - i > 8 && (memcpy(&w, text.data + i, 8), ((w - ones * 0x21) & ~w & highs) == 0); i += 8) /* none of them below 0x21 */
            ;
        if (text.data[i] == ' ' || (text.data[i] >= 9 && text.data[i] <= 13))
            return true;
    }
    return false;
}

bool format_is_token(struct bytes text)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);
    size_t i = 0;
    uint64_t w;

    for (; text.len - i > 8; i += 8) {
        memcpy(&w, text.data + i, 8);
        if (((w | (w + ones) | (w - ones * 0x21)) & highs) != 0)
            return false;
    }
    if (text.len >= 8) {   /* the last eight, some of them again */
        memcpy(&w, text.data + text.len - 8, 8);
        return ((w | (w + ones) | (w - ones * 0x21)) & highs) == 0;
    }
    for (; i < text.len; i++)
        if (!is_plain(text.data[i]))
            return false;
    return text.len > 0;
}

size_t format_units(struct bytes text)
{
    size_t units = 0;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        units += (c & 0xC0) != 0x80;
        units += c >= 0xF0;
    }
    return units;
}

/* ---- dates ---- */

/* Two digits; -1 when they are none. */
static int two_digits(const char *text)
{
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
        return -1;
    return (text[0] - '0') * 10 + (text[1] - '0');
}

static int days_of_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return month == 2 && ((year % 4 == 0 && year % 100 != 0) || year % 400 == 0) ? 29 : days[month - 1];
}

/* hh:mm:ss(.fff) at the beginning; its length or 0. */
static size_t clock_length(struct bytes text)
{
    int hour, minute, second;
    size_t pos = 8;

    if (text.len < 8 || text.data[2] != ':' || text.data[5] != ':')
        return 0;
    hour = two_digits(text.data);
    minute = two_digits(text.data + 3);
    second = two_digits(text.data + 6);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
        return 0;
    if (pos < text.len && text.data[pos] == '.') {
        size_t first = ++pos;

        while (pos < text.len && text.data[pos] >= '0' && text.data[pos] <= '9')
            pos++;
        if (pos == first)
            return 0;
    }
    return pos;
}

static bool is_zone(struct bytes text)
{
    int hour, minute;

    if (text.len == 1)
        return text.data[0] == 'Z';
    if (text.len != 6 || (text.data[0] != '+' && text.data[0] != '-') || text.data[3] != ':')
        return false;
    hour = two_digits(text.data + 1);
    minute = two_digits(text.data + 4);
    return hour >= 0 && minute >= 0 && minute <= 59 && (hour <= 13 || (hour == 14 && minute == 0));
}

enum format_date format_date(struct bytes text)
{
    int century, year, month, day;
    size_t clock;

    if (text.len < 4 || (century = two_digits(text.data)) < 0 || (year = two_digits(text.data + 2)) < 0 || century + year == 0)
        return FORMAT_NO_DATE;
    year += century * 100;
    if (text.len == 4)
        return FORMAT_DAY;
    if (text.len < 7 || text.data[4] != '-' || (month = two_digits(text.data + 5)) < 1 || month > 12)
        return FORMAT_NO_DATE;
    if (text.len == 7)
        return FORMAT_DAY;
    if (text.len < 10 || text.data[7] != '-' || (day = two_digits(text.data + 8)) < 1 || day > days_of_month(year, month))
        return FORMAT_NO_DATE;
    if (text.len == 10)
        return FORMAT_DAY;
    text = (struct bytes){ text.data + 11, text.data[10] == 'T' ? text.len - 11 : 0 };
    clock = clock_length(text);
    if (clock == 0)
        return FORMAT_NO_DATE;
    if (clock == text.len)
        return FORMAT_TIME_WITHOUT_ZONE;
    return is_zone((struct bytes){ text.data + clock, text.len - clock }) ? FORMAT_TIME : FORMAT_NO_DATE;
}

bool format_is_time(struct bytes text)
{
    return text.len > 0 && clock_length(text) == text.len;
}

/* ---- numbers ---- */

static size_t digits_at(struct bytes text, size_t pos)
{
    size_t first = pos;

    while (pos < text.len && text.data[pos] >= '0' && text.data[pos] <= '9')
        pos++;
    return pos - first;
}

bool format_is_integer(struct bytes text)
{
    size_t pos = text.len > 0 && text.data[0] == '-' ? 1 : 0, n = digits_at(text, pos);

    return n > 0 && pos + n == text.len && (n == 1 || text.data[pos] != '0');
}

bool format_is_decimal(struct bytes text)
{
    size_t pos = text.len > 0 && text.data[0] == '-' ? 1 : 0, n = digits_at(text, pos);

    if (n == 0 || (n > 1 && text.data[pos] == '0'))
        return false;
    pos += n;
    if (pos < text.len && text.data[pos] == '.') {
        n = digits_at(text, pos + 1);
        if (n == 0)
            return false;
        pos += 1 + n;
    }
    if (pos < text.len && (text.data[pos] == 'e' || text.data[pos] == 'E')) {
        pos++;
        pos += pos < text.len && (text.data[pos] == '+' || text.data[pos] == '-');
        n = digits_at(text, pos);
        if (n == 0)
            return false;
        pos += n;
    }
    return pos == text.len;
}

/* ---- tokens ---- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool format_is_id(struct bytes text)
{
    if (text.len == 0 || text.len > 64)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!is_letter(text.data[i]) && !is_digit(text.data[i]) && text.data[i] != '-' && text.data[i] != '.')
            return false;
    return true;
}

/* No white space but single blanks inside. */
bool format_is_code(struct bytes text)
{
    bool blank = true;

    for (size_t pos = 0; pos < text.len;) {
        int32_t c = text_next(text.data, text.len, &pos);

        if (c < 0 || (is_space(c) && (c != ' ' || blank)))
            return false;
        blank = c == ' ';
    }
    return !blank;
}

static size_t base64_letters(struct bytes text, size_t *ret_padding, bool *ret_fine)
{
    size_t count = 0, padding = 0;
    bool fine = true;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (c == ' ' || (c >= 9 && c <= 13))
            continue;
        if (c == '=')
            padding++;
        else if (!is_letter(c) && !is_digit(c) && c != '+' && c != '/')
            fine = false;
        else
            fine &= padding == 0;
        count++;
    }
    *ret_padding = padding;
    *ret_fine = fine && padding <= 2;
    return count;
}

bool format_is_base64(struct bytes text)
{
    size_t padding;
    bool fine;
    size_t count = base64_letters(text, &padding, &fine);

    return fine && count % 4 == 0;
}

size_t format_base64_size(struct bytes text)
{
    size_t padding;
    bool fine;
    size_t count = base64_letters(text, &padding, &fine);

    return count / 4 * 3 > padding ? count / 4 * 3 - padding : 0;
}

bool format_is_uuid(struct bytes text)
{
    if (text.len != 36)
        return false;
    for (size_t i = 0; i < 36; i++) {
        char c = text.data[i];
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? c != '-' : !is_digit(c) && (c < 'a' || c > 'f'))
            return false;
    }
    return true;
}

bool format_is_oid(struct bytes text)
{
    size_t last = 0, pos = 1;

    if (text.len < 3 || text.data[0] < '0' || text.data[0] > '2')
        return false;
    while (pos < text.len) {
        size_t n;

        if (text.data[pos] != '.')
            return false;
        last = pos;
        n = digits_at(text, pos + 1);
        if (n == 0 || (n > 1 && text.data[pos + 1] == '0'))
            return false;
        pos += 1 + n;
    }
    return last >= 4 || format_begins(text, "1.3");
}

bool format_is_absolute(struct bytes text)
{
    const char *colon = text.len > 0 ? memchr(text.data, ':', text.len) : NULL;
    size_t scheme = colon != NULL ? (size_t)(colon - text.data) : 0;

    if (scheme == 0 || scheme + 1 == text.len || !is_letter(text.data[0]) || memchr(text.data, ' ', text.len) != NULL)
        return false;
    for (size_t i = 0; i < scheme; i++)
        if (!(text.data[i] >= 'a' && text.data[i] <= 'z') && !is_digit(text.data[i]) && text.data[i] != '_' && text.data[i] != '[' && text.data[i] != ']')
            return false;
    return true;
}
