/* Case of letters by ranges. */
#include "validate/fhirpath/fold.h"

#include "base/text.h"

/* Lower-case ranges; upper case is at the distance, or every other letter where distance is 1. */
static const struct { int32_t first, last, distance; } ranges[] = {
    { 'a', 'z', 32 }, { 0xE0, 0xF6, 32 }, { 0xF8, 0xFE, 32 }, { 0x101, 0x137, 1 }, { 0x14B, 0x177, 1 }, { 0x1E01, 0x1E95, 1 }, { 0x1EA1, 0x1EFF, 1 },
    { 0x3B1, 0x3C1, 32 }, { 0x3C3, 0x3CB, 32 }, { 0x430, 0x44F, 32 }, { 0x450, 0x45F, 80 }, { 0x461, 0x481, 1 }, { 0x48B, 0x4BF, 1 }, { 0xFF41, 0xFF5A, 32 },
};

int32_t fp_upper(int32_t c)
{
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return ranges[i].distance == 1 ? c - (c % 2 == ranges[i].first % 2) : c - ranges[i].distance;
    return c;
}

int32_t fp_lower(int32_t c)
{
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        int32_t first = ranges[i].first - ranges[i].distance, last = ranges[i].last - ranges[i].distance;
        if (c >= first && c <= last)
            return ranges[i].distance == 1 ? c + (c % 2 != ranges[i].first % 2) : c + ranges[i].distance;
    }
    return c;
}

static bool is_space(int32_t c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == 0xA0; }

/* The next character, folded; runs of spaces as one, -1 at the end. */
static int32_t next_folded(const char *text, size_t len, size_t *at)
{
    int32_t c = *at < len ? text_next(text, len, at) : -1;
    if (c >= 0 && !is_space(c))
        return fp_lower(c);
    if (c < 0)
        return -1;
    while (*at < len) {
        size_t ahead = *at;
        c = text_next(text, len, &ahead);
        if (c < 0)
            return -1;
        if (!is_space(c))
            return ' ';
        *at = ahead;
    }
    return -1;
}

static size_t skip_spaces(const char *text, size_t len)
{
    size_t at = 0;
    for (size_t ahead = 0; ahead < len && is_space(text_next(text, len, &ahead)); at = ahead)
        ;
    return at;
}

bool fp_fold_equal(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t i = skip_spaces(a, a_len), j = skip_spaces(b, b_len);
    for (;;) {
        int32_t x = next_folded(a, a_len, &i), y = next_folded(b, b_len, &j);
        if (x != y)
            return false;
        if (x < 0)
            return true;
    }
}
