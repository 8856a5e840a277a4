/*
 * NAME
 *     exchange/profile - the interface profile: loading and checking the data file that says what travels on the wire
 *
 * SYNOPSIS
 *     exchange_profile_parse(), exchange_profile_load(), exchange_profile_free(), exchange_operation_of(), exchange_operation_name(),
 *     exchange_class_name(), exchange_code_class(), exchange_http_class()
 *
 * DESCRIPTION
 *     A profile is a file in the form of base/conf.h. The typed sections ([profile], [operation ...], [answer], [kinds], [consents], [notice]) are
 *     read by tables here; the free lists ([header], [body ...], [codes], [http]) by profile_lists.c. Everything is checked once, at load, so
 *     that nothing else in the room has to doubt the profile.
 *
 * DIAGNOSTICS
 *     Every mistake is an error with file and line, the key, and what is allowed there: the messages CG-10xx of the configuration reader and
 *     CG-7001 to CG-7004.
 */
#include <iconv.h>
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>
#include "base/file.h"
#include "base/text.h"
#include "exchange/exchange_private.h"

enum { PROFILE_FILE_MAX = 1 << 20, PROFILE_ARENA_MAX = 16 << 20 };

#define SECOND 1000
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define AT(member) offsetof(struct exchange_profile, member)

static const char *const padding_names[] = { "zero", "space", "none", NULL };
static const char *const settle_names[] = { "person", "inquiry", "probe", "repeat", NULL };
static const char *const class_names[] = { "success", "pending", "final", "not_done_retry", "unknown", NULL };

static const struct conf_key profile_keys[] = {
    { "name", CONF_TEXT, AT(name), true, 0, 0, NULL, NULL },
    { "interface", CONF_TEXT, AT(interface), true, 0, 0, NULL, NULL },
    { "size_limit", CONF_SIZE, AT(size_limit), true, 1024, EXCHANGE_REQUEST_MAX, NULL, NULL },
    { "insurer_padding", CONF_ENUM, AT(insurer_padding), false, 0, 0, padding_names, "zero" },
    { "insurer_width", CONF_INT, AT(insurer_width), false, 1, 16, NULL, "8" },
    { "answer_limit", CONF_SIZE, AT(answer_limit), false, 1024, EXCHANGE_REQUEST_MAX, NULL, "16MiB" },
    { "answer_time", CONF_TIME, AT(answer_ms), true, SECOND, DAY, NULL, NULL },
    { "settle_time", CONF_TIME, AT(settle_ms), true, 0, 7 * (int64_t)DAY, NULL, NULL },
    { "result_first", CONF_TIME, AT(result_first_ms), false, 100, HOUR, NULL, "2s" },
    { "result_max", CONF_TIME, AT(result_max_ms), false, 100, DAY, NULL, "60s" },
    { "pending_time", CONF_TIME, AT(pending_ms), false, SECOND, 7 * (int64_t)DAY, NULL, "24h" },
    { "taken_time", CONF_TIME, AT(taken_ms), false, SECOND, DAY, NULL, "60s" },
    { "retry_first", CONF_TIME, AT(retry_first_ms), false, 100, HOUR, NULL, "5s" },
    { "retry_max", CONF_TIME, AT(retry_max_ms), false, 100, DAY, NULL, "5m" },
    { "folder_request", CONF_TEXT, AT(folder_request), true, 0, 0, NULL, NULL },
    { "folder_answer", CONF_TEXT, AT(folder_answer), true, 0, 0, NULL, NULL },
    { "marker", CONF_TEXT, AT(marker), true, 0, 0, NULL, NULL },
    { "name_request", CONF_TEXT, AT(name_request), true, 0, 0, NULL, NULL },
    { "name_answer", CONF_TEXT, AT(name_answer), true, 0, 0, NULL, NULL },
    { "name_err", CONF_TEXT, AT(name_err), true, 0, 0, NULL, NULL },
    { "poll_time", CONF_TIME, AT(poll_ms), false, 10, MINUTE, NULL, "300ms" },
    { "sweep_time", CONF_TIME, AT(sweep_ms), false, 100, HOUR, NULL, "30s" },
    { "equal_reads_time", CONF_TIME, AT(equal_reads_ms), false, 10, MINUTE, NULL, "300ms" },
    { "login_path", CONF_TEXT, AT(login_path), true, 0, 0, NULL, NULL },
    { "login_user", CONF_TEXT, AT(login_user), false, 0, 0, NULL, "user" },
    { "login_password", CONF_TEXT, AT(login_password), false, 0, 0, NULL, "password" },
    { "login_token", CONF_TEXT, AT(login_token), true, 0, 0, NULL, NULL },
    { "login_expires", CONF_TEXT, AT(login_expires), false, 0, 0, NULL, "result/expiresIn" },
    { "login_life", CONF_TIME, AT(login_life_ms), false, SECOND, 30 * (int64_t)DAY, NULL, "30m" },
    { "login_margin", CONF_TIME, AT(login_margin_ms), false, 0, DAY, NULL, "60s" },
    { "login_pause", CONF_TIME, AT(login_pause_ms), false, 0, HOUR, NULL, "10s" },
    { "login_limit", CONF_SIZE, AT(login_limit), false, 256, 1 << 20, NULL, "64KiB" },
    { "token_header", CONF_TEXT, AT(token_header), false, 0, 0, NULL, "Authorization" },
    { "token_prefix", CONF_TEXT, AT(token_prefix), false, 0, 0, NULL, "" },
    { "content_type", CONF_TEXT, AT(content_type), false, 0, 0, NULL, "application/json;charset=UTF-8" },
    { "connect_time", CONF_TIME, AT(connect_ms), false, 10, 10 * MINUTE, NULL, "10s" },
    { "call_time", CONF_TIME, AT(call_ms), false, 10, HOUR, NULL, "90s" },
    { NULL, CONF_TEXT, 0, false, 0, 0, NULL, NULL }
};
#undef AT

#define AT(member) offsetof(struct exchange_call, member)
static const struct conf_key call_keys[] = {
    { "interfaces", CONF_TEXT, AT(interfaces), false, 0, 0, NULL, "" },
    { "api", CONF_TEXT, AT(api), true, 0, 0, NULL, NULL },
    { "path", CONF_TEXT, AT(path), true, 0, 0, NULL, NULL },
    { "settle", CONF_ENUM, AT(settle), true, 0, 0, settle_names, NULL },
    { NULL, CONF_TEXT, 0, false, 0, 0, NULL, NULL }
};
#undef AT

#define ANSWER(member) { #member, CONF_TEXT, offsetof(struct exchange_answer_paths, member), true, 0, 0, NULL, NULL }
static const struct conf_key answer_keys[] = {
    ANSWER(executed), ANSWER(institution), ANSWER(identifier), ANSWER(segment), ANSWER(segment_done), ANSWER(segment_pending),
    ANSWER(error_code), ANSWER(error_message), ANSWER(charset), ANSWER(charset_shift_jis), ANSWER(status), ANSWER(status_done),
    ANSWER(status_error), ANSWER(result_code), ANSWER(result_message), ANSWER(receipt), ANSWER(check_list), ANSWER(check_code),
    ANSWER(check_message), ANSWER(check_location), ANSWER(verify_list), ANSWER(verify_status), ANSWER(verify_valid), ANSWER(verify_message),
    ANSWER(document_status), ANSWER(document_held), ANSWER(document_open),
    { NULL, CONF_TEXT, 0, false, 0, 0, NULL, NULL }
};

#define KIND(name, index) { name, CONF_TEXT, offsetof(struct exchange_profile, kind) + (index) * sizeof(char *), true, 0, 0, NULL, NULL }
static const struct conf_key kind_keys[] = {
    KIND("referral", EXCHANGE_KIND_REFERRAL), KIND("summary", EXCHANGE_KIND_SUMMARY), KIND("condition", EXCHANGE_KIND_CONDITION),
    KIND("allergy", EXCHANGE_KIND_ALLERGY), KIND("observation", EXCHANGE_KIND_OBSERVATION),
    { NULL, CONF_TEXT, 0, false, 0, 0, NULL, NULL }
};

#define CONSENT(name, index) { name, CONF_TEXT, offsetof(struct exchange_profile, consent) + (index) * sizeof(char *), true, 0, 0, NULL, NULL }
static const struct conf_key consent_keys[] = {
    CONSENT("spoken", EXCHANGE_CONSENT_SPOKEN), CONSENT("portal", EXCHANGE_CONSENT_PORTAL), CONSENT("card", EXCHANGE_CONSENT_CARD),
    { NULL, CONF_TEXT, 0, false, 0, 0, NULL, NULL }
};

#define AT(member) offsetof(struct exchange_notice_form, member)
static const struct conf_key notice_keys[] = {
    { "name", CONF_TEXT, AT(name), true, 0, 0, NULL, NULL },
    { "institution", CONF_TEXT, AT(institution), true, 0, 0, NULL, NULL },
    { "document", CONF_TEXT, AT(document), true, 0, 0, NULL, NULL },
    { "result", CONF_TEXT, AT(result), true, 0, 0, NULL, NULL },
    { "remove", CONF_BOOL, AT(remove), false, 0, 0, NULL, "no" },
    { NULL, CONF_TEXT, 0, false, 0, 0, NULL, NULL }
};
#undef AT

#define MAY(settle) (1u << EXCHANGE_SETTLE_##settle)

/* Name of each operation and the ways of settling that make sense for it (states.md "Unknown -> known"): an inquiry shows letters only, a
 * probe by change could reset the consent of a letter, a register is never repeated. */
static const struct { const char *name; unsigned settle; const char *allowed; } operations[EXCHANGE_OPERATION_COUNT] = {
    [EXCHANGE_DOCUMENT_REGISTER] = { "document-register", MAY(INQUIRY) | MAY(PERSON), "inquiry, person" },
    [EXCHANGE_DOCUMENT_CHANGE] = { "document-change", MAY(REPEAT) | MAY(PERSON), "repeat, person" },
    [EXCHANGE_DOCUMENT_CANCEL] = { "document-cancel", MAY(REPEAT) | MAY(PERSON), "repeat, person" },
    [EXCHANGE_SUMMARY_REGISTER] = { "summary-register", MAY(PERSON), "person" },
    [EXCHANGE_SUMMARY_CHANGE] = { "summary-change", MAY(REPEAT) | MAY(PERSON), "repeat, person" },
    [EXCHANGE_SUMMARY_CANCEL] = { "summary-cancel", MAY(REPEAT) | MAY(PERSON), "repeat, person" },
    [EXCHANGE_CHART_REGISTER] = { "chart-register", MAY(PROBE) | MAY(PERSON), "probe, person" },
    [EXCHANGE_CHART_CHANGE] = { "chart-change", MAY(REPEAT) | MAY(PERSON), "repeat, person" },
    [EXCHANGE_CHART_CANCEL] = { "chart-cancel", MAY(REPEAT) | MAY(PERSON), "repeat, person" },
    [EXCHANGE_DOCUMENT_INQUIRY] = { "document-inquiry", MAY(REPEAT), "repeat" },
    [EXCHANGE_RESULT] = { "result", MAY(REPEAT), "repeat" }
};

enum exchange_operation exchange_operation_of(enum exchange_family family, enum exchange_verb verb)
{
    static const enum exchange_operation table[EXCHANGE_FAMILY_COUNT][EXCHANGE_VERB_COUNT] = {
        [EXCHANGE_DOCUMENT] = { EXCHANGE_DOCUMENT_REGISTER, EXCHANGE_DOCUMENT_CHANGE, EXCHANGE_DOCUMENT_CANCEL },
        [EXCHANGE_SUMMARY] = { EXCHANGE_SUMMARY_REGISTER, EXCHANGE_SUMMARY_CHANGE, EXCHANGE_SUMMARY_CANCEL },
        [EXCHANGE_CHART] = { EXCHANGE_CHART_REGISTER, EXCHANGE_CHART_CHANGE, EXCHANGE_CHART_CANCEL }
    };
    if (family >= EXCHANGE_FAMILY_COUNT || verb >= EXCHANGE_VERB_COUNT)
        return EXCHANGE_OPERATION_COUNT;
    return table[family][verb];
}

const char *exchange_operation_name(int operation)
{
    return operation >= 0 && operation < EXCHANGE_OPERATION_COUNT ? operations[operation].name : "unknown-operation";
}

const char *exchange_class_name(int class)
{
    return class >= 0 && class < EXCHANGE_CLASS_COUNT ? class_names[class] : "unknown";
}

bool exchange_code_class(const struct exchange_profile *p, const char *code, int *ret_class, unsigned *ret_marks)
{
    for (size_t i = 0; i < p->code_count; i++) {
        if (strcmp(p->code[i].code, code) == 0) {
            *ret_class = p->code[i].class;
            *ret_marks = p->code[i].marks;
            return true;
        }
    }
    *ret_class = EXCHANGE_UNKNOWN;
    *ret_marks = 0;
    return false;
}

int exchange_http_class(const struct exchange_profile *p, long status)
{
    return status >= 100 && status < 600 ? p->http[status] : EXCHANGE_HTTP_UNKNOWN;
}

int exchange_profile_fail(struct err *e, const char *file, uint32_t line, enum msg_id msg, const char *what, const char *allowed)
{
    char place[ERR_PLACE_MAX];
    snprintf(place, sizeof place, "%s:%u", file, line);
    int code = err_set(e, ERR_INVALID, msg, place, what, allowed);
    if (e != NULL)
        e->line = line;
    return code;
}

bool exchange_text_ok(const char *text, const char *set, size_t min, size_t max)
{
    size_t len = text != NULL ? strlen(text) : 0;
    return len >= min && len <= max && (len == 0 || text_all_of(text, len, set));
}

bool exchange_path_ok(const char *path)
{
    size_t depth = 0;
    while (*path != '\0') {
        size_t len = strcspn(path, "/");
        if (len == 0 || len > 64 || ++depth > PATH_DEPTH_MAX || !text_all_of(path, 1, "A-Za-z_") || !text_all_of(path, len, "A-Za-z0-9_.-"))
            return false;
        path += len;
        if (*path == '/' && *++path == '\0')
            return false;
    }
    return depth > 0;
}

/* Line of a key in a section, for errors found after conf_apply(). */
static uint32_t line_of(const struct conf_section *section, const char *key)
{
    for (const struct conf_line *l = section->lines; l != NULL; l = l->next)
        if (strcmp(l->key, key) == 0)
            return l->line;
    return section->line;
}

static bool plain_name_ok(const char *name)
{
    return exchange_text_ok(name, "A-Za-z0-9._-", 1, 64) && name[0] != '.';
}

/* Exactly one ${api}, then one ${suffix}, with something between them, and safe characters around. */
static bool pattern_ok(const char *pattern)
{
    const char *api = strstr(pattern, "${api}"), *suffix = strstr(pattern, "${suffix}");
    if (api == NULL || suffix == NULL || suffix <= api + 6 || pattern[0] == '.')
        return false;
    size_t before = (size_t)(api - pattern), between = (size_t)(suffix - api) - 6;
    const char *after = suffix + 9;
    return exchange_text_ok(after, "A-Za-z0-9._-", 0, 16) && before <= 16 && between <= 16
        && (before == 0 || text_all_of(pattern, before, "A-Za-z0-9._-")) && text_all_of(api + 6, between, "A-Za-z0-9._-");
}

/* One '*' behind something that tells the family: a pattern for everything would take other systems' files. */
static bool notice_name_ok(const char *pattern)
{
    enum { FAMILY_MIN = 6, SIDE_MAX = 40 };
    const char *star = strchr(pattern, '*');
    return star != NULL && pattern[0] != '.' && star - pattern >= FAMILY_MIN && star - pattern <= SIDE_MAX && text_all_of(pattern, (size_t)(star - pattern), "A-Za-z0-9._-")
        && exchange_text_ok(star + 1, "A-Za-z0-9._-", 0, SIDE_MAX);
}

/* The section may be missing: then the unasked result is not known here. */
static int read_notice(struct exchange_profile *p, struct conf *conf, struct err *e)
{
    const struct conf_section *s = conf_find(conf, "notice", NULL);
    struct exchange_notice_form f;
    size_t told = conf->told;
    if (s == NULL)
        return 0;
    memset(&f, 0, sizeof f);
    int code = conf_apply(conf, s, notice_keys, &f, p->arena, e);
    if (code < 0 || conf->told > told || s->unread)
        return code;
    const struct { const char *key; bool ok; const char *allowed; } check[] = {
        { "name", notice_name_ok(f.name), "6 to 40 of A-Z a-z 0-9 . _ -, one '*', an ending" },
        { "institution", exchange_path_ok(f.institution), "element names joined by '/'" },
        { "document", exchange_path_ok(f.document), "element names joined by '/'" },
        { "result", exchange_path_ok(f.result), "element names joined by '/'" },
    };
    for (size_t i = 0; i < sizeof check / sizeof *check; i++)
        if (!check[i].ok)
            return exchange_profile_fail(e, conf->file, line_of(s, check[i].key), MSG_PROFILE_VALUE, check[i].key, check[i].allowed);
    p->notice = f;
    return 0;
}

static int check_texts(const struct exchange_profile *p, const struct conf *conf, const struct conf_section *s, struct err *e)
{
    static const char plain[] = "a plain name of A-Z a-z 0-9 . _ - that does not begin with '.'";
    static const char pattern[] = "text with ${api} and ${suffix}, something between them";
    static const char http_path[] = "a path that begins with '/'";
    static const char member[] = "member names joined by '/'";
    static const char header[] = "an HTTP header name";
    const struct { const char *key, *value; bool ok; const char *allowed; } check[] = {
        { "name", p->name, plain_name_ok(p->name), plain },
        { "folder_request", p->folder_request, plain_name_ok(p->folder_request), plain },
        { "folder_answer", p->folder_answer, plain_name_ok(p->folder_answer), plain },
        { "marker", p->marker, plain_name_ok(p->marker), plain },
        { "name_request", p->name_request, pattern_ok(p->name_request), pattern },
        { "name_answer", p->name_answer, pattern_ok(p->name_answer), pattern },
        { "name_err", p->name_err, pattern_ok(p->name_err), pattern },
        { "name_answer", p->name_answer, strcmp(p->name_answer, p->name_request) != 0, "another pattern than name_request" },
        { "name_err", p->name_err, strcmp(p->name_err, p->name_request) != 0 && strcmp(p->name_err, p->name_answer) != 0,
          "another pattern than name_request and name_answer" },
        { "login_path", p->login_path, p->login_path[0] == '/' && exchange_text_ok(p->login_path, "A-Za-z0-9/._~-", 1, 512), http_path },
        { "login_user", p->login_user, exchange_path_ok(p->login_user), member },
        { "login_password", p->login_password, exchange_path_ok(p->login_password), member },
        { "login_token", p->login_token, exchange_path_ok(p->login_token), member },
        { "login_expires", p->login_expires, exchange_path_ok(p->login_expires), member },
        { "token_header", p->token_header, exchange_text_ok(p->token_header, "A-Za-z0-9-", 1, 64), header },
        { "token_prefix", p->token_prefix, exchange_text_ok(p->token_prefix, "A-Za-z ", 0, 32), "letters and a space, or \"\"" },
        { "content_type", p->content_type, exchange_text_ok(p->content_type, "A-Za-z0-9/;=. -", 1, 128), "a media type" },
        { "result_max", "", p->result_max_ms >= p->result_first_ms, "not less than result_first" },
        { "retry_max", "", p->retry_max_ms >= p->retry_first_ms, "not less than retry_first" },
    };
    for (size_t i = 0; i < sizeof check / sizeof *check; i++)
        if (!check[i].ok)
            return exchange_profile_fail(e, conf->file, line_of(s, check[i].key), MSG_PROFILE_VALUE, check[i].key, check[i].allowed);
    return 0;
}

static int section_apply(struct conf *conf, const char *kind, const struct conf_key *keys, void *target, struct arena *arena, struct err *e)
{
    const struct conf_section *s = conf_find(conf, kind, NULL);
    char shown[40];
    snprintf(shown, sizeof shown, "[%s]", kind);
    if (s == NULL)
        return conf->header_unread ? 0 : conf_fault(conf, exchange_profile_fail(e, conf->file, 0, MSG_PROFILE_MISSING, shown, "a section"), e);
    return conf_apply(conf, s, keys, target, arena, e);
}

static int read_operation(struct exchange_profile *p, struct conf *conf, const struct conf_section *s, struct err *e)
{
    int op = 0;
    while (op < EXCHANGE_OPERATION_COUNT && strcmp(operations[op].name, s->name) != 0)
        op++;
    if (op == EXCHANGE_OPERATION_COUNT)
        return exchange_profile_fail(e, conf->file, s->line, MSG_PROFILE_UNKNOWN, s->name,
                                     "document-|summary-|chart- with register|change|cancel, document-inquiry, result");
    struct exchange_call *call = &p->call[op];
    size_t told = conf->told;
    int code = conf_apply(conf, s, call_keys, call, p->arena, e);
    if (code < 0 || conf->told > told || s->unread)
        return code;
    if (!exchange_text_ok(call->api, "A-Za-z0-9", 4, 32))
        return exchange_profile_fail(e, conf->file, line_of(s, "api"), MSG_PROFILE_VALUE, "api", "4 to 32 of A-Z a-z 0-9");
    if (call->path[0] != '/' || !exchange_text_ok(call->path, "A-Za-z0-9/._~-", 1, 512))
        return exchange_profile_fail(e, conf->file, line_of(s, "path"), MSG_PROFILE_VALUE, "path", "a path that begins with '/'");
    if ((operations[op].settle & 1u << call->settle) == 0)
        return exchange_profile_fail(e, conf->file, line_of(s, "settle"), MSG_PROFILE_VALUE, "settle", operations[op].allowed);
    for (int other = 0; other < EXCHANGE_OPERATION_COUNT; other++)
        if (p->call[other].known && strcasecmp(p->call[other].api, call->api) == 0)
            return exchange_profile_fail(e, conf->file, line_of(s, "api"), MSG_PROFILE_TWICE, call->api, operations[other].name);
    call->known = true;
    return 0;
}

static int read_operations(struct exchange_profile *p, struct conf *conf, struct err *e)
{
    static const char *const kinds[] = { "profile", "operation", "header", "body", "kinds", "consents", "answer", "codes", "http", "notice" };
    for (const struct conf_section *s = conf->sections; s != NULL; s = s->next) {
        size_t i = 0;
        while (i < sizeof kinds / sizeof *kinds && strcmp(kinds[i], s->kind) != 0)
            i++;
        int code = 0;
        if (i == sizeof kinds / sizeof *kinds && (s->kind[0] != '\0' || s->lines != NULL))
            code = exchange_profile_fail(e, conf->file, s->line, MSG_PROFILE_UNKNOWN, s->kind,
                                         "[profile] [operation ...] [header] [body ...] [kinds] [consents] [answer] [codes] [http] [notice]");
        else if (strcmp(s->kind, "operation") == 0)
            code = read_operation(p, conf, s, e);
        if (code < 0 && (code = conf_fault(conf, code, e)) < 0)
            return code;
    }
    return 0;
}

/* What one value demands of another. */
static int check_across(const struct exchange_profile *p, const struct conf *conf, struct err *e)
{
    bool absent = false;
    for (size_t i = 0; i < p->code_count; i++)
        absent |= (p->code[i].marks & EXCHANGE_ABSENT) != 0;
    for (int op = 0; op < EXCHANGE_OPERATION_COUNT; op++) {
        const struct conf_section *s = conf_find(conf, "operation", operations[op].name);
        if (s == NULL)
            continue;
        if (p->call[op].settle == EXCHANGE_SETTLE_INQUIRY && !p->call[EXCHANGE_DOCUMENT_INQUIRY].known)
            return exchange_profile_fail(e, conf->file, line_of(s, "settle"), MSG_PROFILE_MISSING, "[operation document-inquiry]", "settle = inquiry");
        if (p->call[op].settle == EXCHANGE_SETTLE_PROBE && (!p->call[EXCHANGE_CHART_CHANGE].known || !absent))
            return exchange_profile_fail(e, conf->file, line_of(s, "settle"), MSG_PROFILE_MISSING,
                                         "[operation chart-change], a code marked absent", "settle = probe");
    }
    const char *const *path = (const char *const *)(const void *)p->answer;
    for (size_t i = 0; answer_keys[i].key != NULL; i++) {
        const char *key = answer_keys[i].key, *value = path[answer_keys[i].offset / sizeof *path];
        bool is_value = strstr(key, "_done") || strstr(key, "_pending") || strstr(key, "_shift_jis") || strcmp(key, "status_error") == 0
                     || strstr(key, "_held") || strstr(key, "_open") || strstr(key, "_valid");
        if (is_value ? !exchange_text_ok(value, "A-Za-z0-9_.-", 1, 64) : !exchange_path_ok(value))
            return exchange_profile_fail(e, conf->file, line_of(conf_find(conf, "answer", NULL), key), MSG_PROFILE_VALUE, key,
                                         is_value ? "a value of A-Z a-z 0-9 _ . -" : "element names joined by '/'");
    }
    return 0;
}

/* A check that takes for granted what comes before it: it stands only while nothing of that was told as a mistake. */
static int profile_fill(struct exchange_profile *p, struct conf *conf, struct err *e)
{
    int code = section_apply(conf, "profile", profile_keys, p, p->arena, e);
    if (code == 0 && conf->told == 0)
        code = conf_fault(conf, check_texts(p, conf, conf_find(conf, "profile", NULL), e), e);
    if (code == 0)
        code = read_operations(p, conf, e);
    if (code == 0)
        code = section_apply(conf, "answer", answer_keys, p->answer, p->arena, e);
    if (code == 0)
        code = section_apply(conf, "kinds", kind_keys, p, p->arena, e);
    if (code == 0)
        code = section_apply(conf, "consents", consent_keys, p, p->arena, e);
    if (code == 0)
        code = conf_fault(conf, read_notice(p, conf, e), e);
    if (code == 0 && conf->told == 0)
        code = conf_fault(conf, exchange_profile_lists(p, conf, e), e);
    if (code == 0 && conf->told == 0)
        code = conf_fault(conf, check_across(p, conf, e), e);
    return code == 0 && conf->told > 0 ? ERR_INVALID : code;
}

static int parse(const char *file, const char *bytes, size_t len, const struct conf_faults *faults, struct exchange_profile **ret_profile, struct err *e)
{
    struct arena *arena = arena_new(PROFILE_ARENA_MAX);
    struct exchange_profile *p = arena != NULL ? arena_alloc(arena, sizeof *p) : NULL;
    struct conf *conf;
    int code;
    if (p == NULL || (p->answer = arena_alloc(arena, sizeof *p->answer)) == NULL) {
        arena_free(arena);
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "interface profile", NULL);
    }
    p->arena = arena;
    p->cp932 = (void *)(intptr_t)-1;
    if ((code = conf_parse(file, bytes, len, arena, faults, &conf, e)) < 0 || (code = profile_fill(p, conf, e)) < 0)
        goto fail;
    p->cp932 = (void *)iconv_open("UTF-8", "CP932");
    if (p->cp932 == (void *)(intptr_t)-1) {
        code = err_set(e, ERR_UNSUPPORTED, MSG_PROFILE_MISSING, file, "CP932", "iconv");
        goto fail;
    }
    *ret_profile = p;
    return 0;
fail:
    exchange_profile_free(p);
    return code;
}

int exchange_profile_parse(const char *file, const char *bytes, size_t len, struct exchange_profile **ret_profile, struct err *e)
{
    return parse(file, bytes, len, NULL, ret_profile, e);
}

int exchange_profile_load(const char *path, struct exchange_profile **ret_profile, struct err *e)
{
    return exchange_profile_load_telling(path, NULL, ret_profile, e);
}

int exchange_profile_load_telling(const char *path, const struct conf_faults *faults, struct exchange_profile **ret_profile, struct err *e)
{
    struct buf text;
    buf_init(&text, PROFILE_FILE_MAX);
    int code = file_read(AT_FDCWD, path, PROFILE_FILE_MAX, &text, e);
    if (code == 0)
        code = parse(path, text.data, text.len, faults, ret_profile, e);
    buf_free(&text);
    return code;
}

struct exchange_profile *exchange_profile_free(struct exchange_profile *profile)
{
    if (profile == NULL)
        return NULL;
    if (profile->cp932 != (void *)(intptr_t)-1)
        iconv_close((iconv_t)profile->cp932);
    arena_free(profile->arena);
    return NULL;
}
