/*
 * NAME
 *     exchange/names - durable names of exchanges: file names on the terminal's share, labels on the Web API
 *
 * SYNOPSIS
 *     exchange_request_name(), exchange_answer_name(), exchange_err_name(), exchange_name_parse(), exchange_notice_name()
 *
 * DESCRIPTION
 *     The profile's patterns hold ${api} and ${suffix}. Ours is the suffix: the host prefix and the counter in base 36, 13 digits, which is
 *     enough for 64 bits; 15 to 21 characters, within the 12 to 32 that field code shows.
 *
 * DIAGNOSTICS
 *     ERR_NOTFOUND means a foreign file: other systems of the clinic use the same folders, and their files are never touched.
 */
#include "base/text.h"
#include "exchange/exchange_private.h"

enum { COUNTER_DIGITS = 13, SUFFIX_MIN = 12, SUFFIX_MAX = 32, NOTICE_FREE_MAX = 64 };

static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

static const char *pattern_of(const struct exchange_profile *p, enum exchange_name_kind kind)
{
    return kind == EXCHANGE_NAME_REQUEST ? p->name_request : kind == EXCHANGE_NAME_ANSWER ? p->name_answer : p->name_err;
}

static int name_print(const struct exchange_profile *p, enum exchange_name_kind kind, const char *api, const char *suffix,
                      char ret_name[static EXCHANGE_NAME_MAX])
{
    const char *pattern = pattern_of(p, kind), *at_api = strstr(pattern, "${api}"), *at_suffix = strstr(pattern, "${suffix}");
    int len = snprintf(ret_name, EXCHANGE_NAME_MAX, "%.*s%s%.*s%s%s", (int)(at_api - pattern), pattern, api,
                       (int)(at_suffix - at_api - 6), at_api + 6, suffix, at_suffix + 9);
    return len > 0 && len < EXCHANGE_NAME_MAX ? 0 : ERR_LIMIT;
}

int exchange_request_name(const struct exchange_profile *p, int operation, const char *host, uint64_t counter,
                          char ret_name[static EXCHANGE_NAME_MAX], struct err *e)
{
    char suffix[EXCHANGE_HOST_MAX + COUNTER_DIGITS + 1];
    if (!exchange_text_ok(host, "0-9a-z", EXCHANGE_HOST_MIN, EXCHANGE_HOST_MAX))
        return err_set(e, ERR_INVALID, MSG_LINK_OPTION, NULL, "host", "2 to 8 of 0-9 a-z");
    if (operation < 0 || operation >= EXCHANGE_OPERATION_COUNT || !p->call[operation].known)
        return err_set(e, ERR_UNSUPPORTED, MSG_EXCHANGE_OPERATION, NULL, exchange_operation_name(operation), NULL);
    size_t len = strlen(host);
    memcpy(suffix, host, len);
    for (size_t i = COUNTER_DIGITS; i-- > 0; counter /= 36)
        suffix[len + i] = digits[counter % 36];
    suffix[len + COUNTER_DIGITS] = '\0';
    return name_print(p, EXCHANGE_NAME_REQUEST, p->call[operation].api, suffix, ret_name);
}

int exchange_name_of_suffix(const struct exchange_profile *p, int operation, const char *suffix, char ret_name[static EXCHANGE_NAME_MAX])
{
    if (!exchange_text_ok(suffix, "A-Za-z0-9", SUFFIX_MIN, SUFFIX_MAX))
        return ERR_INVALID;
    if (operation < 0 || operation >= EXCHANGE_OPERATION_COUNT || !p->call[operation].known)
        return ERR_UNSUPPORTED;
    return name_print(p, EXCHANGE_NAME_REQUEST, p->call[operation].api, suffix, ret_name);
}

/* The counter behind our host prefix; false when the suffix is not of our making. */
static bool suffix_is_ours(const char *suffix, const char *host, uint64_t *ret_counter)
{
    size_t len = strlen(host);
    uint64_t counter = 0;
    if (strlen(suffix) != len + COUNTER_DIGITS || memcmp(suffix, host, len) != 0)
        return false;
    for (const char *c = suffix + len; *c != '\0'; c++) {
        const char *digit = strchr(digits, *c);
        if (digit == NULL || counter > (UINT64_MAX - (uint64_t)(digit - digits)) / 36)
            return false;
        counter = counter * 36 + (uint64_t)(digit - digits);
    }
    *ret_counter = counter;
    return true;
}

static bool name_match(const struct exchange_profile *p, enum exchange_name_kind kind, const char *name, struct exchange_name *ret)
{
    const char *pattern = pattern_of(p, kind), *at_api = strstr(pattern, "${api}"), *at_suffix = strstr(pattern, "${suffix}");
    size_t before = (size_t)(at_api - pattern), between = (size_t)(at_suffix - at_api) - 6, after = strlen(at_suffix + 9), len = strlen(name);
    for (int op = 0; op < EXCHANGE_OPERATION_COUNT; op++) {
        size_t api = p->call[op].known ? strlen(p->call[op].api) : 0, fixed = before + api + between + after;
        if (api == 0 || len < fixed + SUFFIX_MIN || len > fixed + SUFFIX_MAX)
            continue;
        const char *suffix = name + before + api + between;
        size_t suffix_len = len - fixed;
        if (memcmp(name, pattern, before) != 0 || memcmp(name + before, p->call[op].api, api) != 0
            || memcmp(name + before + api, at_api + 6, between) != 0 || strcmp(suffix + suffix_len, at_suffix + 9) != 0
            || !text_all_of(suffix, suffix_len, "A-Za-z0-9"))
            continue;
        ret->kind = kind;
        ret->operation = op;
        memcpy(ret->suffix, suffix, suffix_len);
        ret->suffix[suffix_len] = '\0';
        return true;
    }
    return false;
}

int exchange_name_parse(const struct exchange_profile *p, const char *name, const char *host, struct exchange_name *ret_name)
{
    struct exchange_name found = { .kind = EXCHANGE_NAME_REQUEST };
    if (!name_match(p, EXCHANGE_NAME_REQUEST, name, &found) && !name_match(p, EXCHANGE_NAME_ANSWER, name, &found)
        && !name_match(p, EXCHANGE_NAME_ERR, name, &found))
        return ERR_NOTFOUND;
    found.ours = host != NULL && suffix_is_ours(found.suffix, host, &found.counter);
    *ret_name = found;
    return 0;
}

bool exchange_notice_name(const struct exchange_profile *p, const char *name)
{
    struct exchange_name parsed;
    if (p->notice.name == NULL)
        return false;
    const char *star = strchr(p->notice.name, '*');
    size_t before = (size_t)(star - p->notice.name), after = strlen(star + 1), len = strlen(name);
    if (len <= before + after || len > before + after + NOTICE_FREE_MAX || len >= EXCHANGE_NAME_MAX)
        return false;
    return memcmp(name, p->notice.name, before) == 0 && strcmp(name + len - after, star + 1) == 0
        && text_all_of(name + before, len - before - after, "A-Za-z0-9_-") && exchange_name_parse(p, name, NULL, &parsed) < 0;
}

static int derive(const struct exchange_profile *p, const char *request_name, enum exchange_name_kind kind, char ret_name[static EXCHANGE_NAME_MAX])
{
    struct exchange_name found = { .kind = EXCHANGE_NAME_REQUEST };
    if (!name_match(p, EXCHANGE_NAME_REQUEST, request_name, &found))
        return ERR_NOTFOUND;
    return name_print(p, kind, p->call[found.operation].api, found.suffix, ret_name);
}

int exchange_answer_name(const struct exchange_profile *p, const char *request_name, char ret_name[static EXCHANGE_NAME_MAX])
{
    return derive(p, request_name, EXCHANGE_NAME_ANSWER, ret_name);
}

int exchange_err_name(const struct exchange_profile *p, const char *request_name, char ret_name[static EXCHANGE_NAME_MAX])
{
    return derive(p, request_name, EXCHANGE_NAME_ERR, ret_name);
}

/* Here and not with the reading: the desk asks it, and has no parser. */
bool exchange_answer_fits(const char *said_institution, const char *said_identifier, const char *institution, const char *identifier)
{
    return strcmp(said_identifier, identifier) == 0 && (said_institution[0] == '\0' || strcmp(said_institution, institution) == 0);
}
