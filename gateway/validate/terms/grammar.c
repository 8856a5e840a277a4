/*
 * NAME
 *      grammar - codes whose system is a grammar
 *
 * DESCRIPTION
 *      BCP 47: RFC 5646 section 2.1 (langtag, private use; grandfathered tags are not taken). BCP 13: RFC 6838 section 4.2, with the parameters that RFC 2045 allows
 *      behind it. RFC 3986: a scheme and something after it, no blanks. ISO 3166: alpha-2, alpha-3, numeric, and -2 subdivisions. ISO 4217: three capitals.
 */
#include <string.h>
#include "validate/fhirpath/ucum.h"
#include "validate/terms/grammar.h"

enum { SUBTAG_MAX = 8, NAME_MAX_LEN = 127 };

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_alnum(char c) { return is_letter(c) || is_digit(c); }

static bool among(char c, const char *list) { return c != '\0' && strchr(list, c) != NULL; }

static bool all(struct bytes text, bool (*is)(char))
{
    for (size_t i = 0; i < text.len; i++)
        if (!is(text.data[i]))
            return false;
    return true;
}

static bool is_unit(struct bytes code)
{
    return ucum_parse(code.data, code.len, NULL);
}

/* The next run of letters and digits; false at the end or where the run is empty or too long. */
static bool next_subtag(struct bytes code, size_t *at, struct bytes *ret_tag)
{
    size_t start = *at, end = start;

    while (end < code.len && code.data[end] != '-')
        end++;
    if (start >= code.len || end == start || end - start > SUBTAG_MAX)
        return false;
    *ret_tag = (struct bytes){ code.data + start, end - start };
    *at = end + (end < code.len ? 1 : 0);
    return all(*ret_tag, is_alnum) && (end == code.len || end + 1 < code.len);
}

static bool is_language(struct bytes code)
{
    size_t at = 0;
    struct bytes tag;
    bool extension = false, ends_open = false;

    if (!next_subtag(code, &at, &tag) || !all(tag, is_letter) || (tag.len == 1 && tag.data[0] != 'x' && tag.data[0] != 'X'))
        return false;
    extension = ends_open = tag.len == 1;
    while (at < code.len) {
        if (!next_subtag(code, &at, &tag) || (tag.len == 1 && ends_open))
            return false;
        ends_open = tag.len == 1;
        extension = extension || ends_open;
        if (!extension && tag.len == 3 && !all(tag, is_letter) && !all(tag, is_digit))
            return false;
    }
    return !ends_open;
}

/* restricted-name of RFC 6838 */
static size_t media_name(struct bytes code, size_t at)
{
    size_t start = at;

    while (at < code.len && (is_alnum(code.data[at]) || (at > start && among(code.data[at], "!#$&-^_.+"))))
        at++;
    return at - start <= NAME_MAX_LEN ? at : start;
}

static bool is_media_type(struct bytes code)
{
    size_t slash = media_name(code, 0), end;

    if (slash == 0 || slash >= code.len || code.data[slash] != '/')
        return false;
    end = media_name(code, slash + 1);
    if (end == slash + 1)
        return false;
    while (end < code.len && code.data[end] == ' ')
        end++;
    return end == code.len || (code.data[end] == ';' && memchr(code.data + end, '=', code.len - end) != NULL);
}

static bool is_uri(struct bytes code)
{
    size_t at = 0;

    while (at < code.len && (is_alnum(code.data[at]) || (at > 0 && among(code.data[at], "+-."))))
        at++;
    if (at == 0 || !is_letter(code.data[0]) || at + 1 >= code.len || code.data[at] != ':')
        return false;
    for (; at < code.len; at++)
        if ((unsigned char)code.data[at] <= ' ')
            return false;
    return true;
}

static bool is_country(struct bytes code)
{
    struct bytes head = code, tail = { NULL, 0 };
    const char *dash = code.len > 0 ? memchr(code.data, '-', code.len) : NULL;

    if (dash != NULL) {
        head.len = (size_t)(dash - code.data);
        tail = (struct bytes){ dash + 1, code.len - head.len - 1 };
        return head.len == 2 && all(head, is_capital) && tail.len >= 1 && tail.len <= 3 && all(tail, is_alnum);
    }
    return ((head.len == 2 || head.len == 3) && all(head, is_capital)) || (head.len == 3 && all(head, is_digit));
}

static bool is_currency(struct bytes code)
{
    return code.len == 3 && all(code, is_capital);
}

static const struct grammar { const char *system; bool (*fits)(struct bytes code); } grammars[] = {
    { "http://unitsofmeasure.org", is_unit },
    { "urn:ietf:bcp:47", is_language },
    { "urn:ietf:bcp:13", is_media_type },
    { "urn:ietf:rfc:3986", is_uri },
    { "urn:iso:std:iso:3166", is_country },
    { "urn:iso:std:iso:3166:-2", is_country },
    { "urn:iso:std:iso:4217", is_currency },
};

static const struct grammar *find(struct bytes system)
{
    for (size_t i = 0; i < sizeof grammars / sizeof *grammars; i++)
        if (system.len == strlen(grammars[i].system) && memcmp(system.data, grammars[i].system, system.len) == 0)
            return &grammars[i];
    return NULL;
}

bool grammar_knows(struct bytes system)
{
    return system.data != NULL && find(system) != NULL;
}

enum terms_answer grammar_check(struct bytes system, struct bytes code)
{
    const struct grammar *g = system.data == NULL ? NULL : find(system);

    if (g == NULL)
        return TERMS_UNKNOWN;
    return code.len > 0 && g->fits(code) ? TERMS_YES : TERMS_NO;
}
