/*
 * NAME
 *     exchange/profile_lists - the free lists of the interface profile: request elements, result codes, HTTP statuses
 *
 * SYNOPSIS
 *     exchange_profile_lists(), exchange_variable_name()
 *
 * DESCRIPTION
 *     [header] and [body OPERATION] hold lines `path = ${variable}`, `path = ${variable?}` or `path = text`, in the order in which the elements
 *     are printed; the header's lines stand before each body's. [codes] holds `CODE = class [mark ...]`, [http] holds `NNN = class` and `Nxx = class`.
 *
 * DIAGNOSTICS
 *     CG-7001 to CG-7004 with file and line.
 */
#include <stdio.h>
#include "base/text.h"
#include "exchange/exchange_private.h"

static const char *const variables[VARIABLE_COUNT] = {
    [VARIABLE_INSTITUTION] = "institution", [VARIABLE_IDENTIFIER] = "identifier", [VARIABLE_INSURED] = "insured", [VARIABLE_SYSTEM] = "system",
    [VARIABLE_VALUE] = "value", [VARIABLE_KIND] = "kind", [VARIABLE_CONSENT] = "consent", [VARIABLE_RECEIVER] = "receiver",
    [VARIABLE_RECEIPT] = "receipt", [VARIABLE_BUNDLE] = "bundle"
};
static const char variables_allowed[] =
    "plain text, ${x} or ${x?} with x = institution identifier insured system value kind consent receiver receipt bundle";

struct word { const char *text; int value; };

static const struct word classes[] = {
    { "success", EXCHANGE_SUCCESS }, { "pending", EXCHANGE_PENDING }, { "final", EXCHANGE_FINAL },
    { "not_done_retry", EXCHANGE_NOT_DONE_RETRY }, { "unknown", EXCHANGE_UNKNOWN }, { NULL, 0 }
};
static const struct word marks[] = { { "absent", EXCHANGE_ABSENT }, { "already_there", EXCHANGE_ALREADY_THERE }, { NULL, 0 } };
static const struct word http_classes[] = {
    { "answer", EXCHANGE_HTTP_ANSWER }, { "token", EXCHANGE_HTTP_TOKEN }, { "not_done_retry", EXCHANGE_HTTP_NOT_DONE_RETRY },
    { "final", EXCHANGE_HTTP_FINAL }, { "unknown", EXCHANGE_HTTP_UNKNOWN }, { NULL, 0 }
};

static int out_of_memory(struct err *e) { return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "interface profile", NULL); }

const char *exchange_variable_name(int variable)
{
    return variable >= 0 && variable < VARIABLE_COUNT ? variables[variable] : "";
}

static bool word_find(const struct word *table, const char *text, size_t len, int *ret_value)
{
    for (; table->text != NULL; table++) {
        if (strlen(table->text) == len && memcmp(table->text, text, len) == 0) {
            *ret_value = table->value;
            return true;
        }
    }
    return false;
}

static size_t count_lines(const struct conf_section *s)
{
    size_t n = 0;
    for (const struct conf_line *l = s != NULL ? s->lines : NULL; l != NULL; l = l->next)
        n++;
    return n;
}

/* ${name} or ${name?}; false when it is malformed or unknown. */
static bool read_variable(const char *value, struct exchange_element *element)
{
    size_t len = strlen(value);
    if (len < 4 || value[1] != '{' || value[len - 1] != '}')
        return false;
    const char *name = value + 2;
    len -= 3;
    element->optional = name[len - 1] == '?';
    len -= element->optional;
    for (int i = 0; i < VARIABLE_COUNT; i++) {
        if (strlen(variables[i]) == len && memcmp(variables[i], name, len) == 0) {
            element->variable = i;
            return true;
        }
    }
    return false;
}

/* One path lies on the way to the other, or they begin at different roots: no tree could hold both. */
static bool paths_clash(const char *a, const char *b)
{
    size_t i = 0, root_a = strcspn(a, "/"), root_b = strcspn(b, "/");
    if (root_a != root_b || memcmp(a, b, root_a) != 0)
        return true;
    while (a[i] != '\0' && a[i] == b[i])
        i++;
    return (a[i] == '\0' && (b[i] == '/' || b[i] == '\0')) || (b[i] == '\0' && a[i] == '/');
}

static int read_element(const struct exchange_call *call, const struct conf *conf, const struct conf_line *line,
                        struct exchange_element *element, struct err *e)
{
    element->path = line->key;
    element->line = line->line;
    if (!exchange_path_ok(line->key) || strchr(line->key, '/') == NULL)
        return exchange_profile_fail(e, conf->file, line->line, MSG_PROFILE_VALUE, line->key, "2 to 8 element names joined by '/'");
    if (strchr(line->value, '$') == NULL) {
        element->literal = line->value;
        if (text_find_control(line->value, strlen(line->value), false) >= 0)
            return exchange_profile_fail(e, conf->file, line->line, MSG_PROFILE_VALUE, line->key, variables_allowed);
    } else if (line->value[0] != '$' || !read_variable(line->value, element)) {
        return exchange_profile_fail(e, conf->file, line->line, MSG_PROFILE_VALUE, line->key, variables_allowed);
    }
    for (const struct exchange_element *other = call->element; other < element; other++) {
        char where[48];
        snprintf(where, sizeof where, "line %u", other->line);
        bool both_bundle = element->literal == NULL && other->literal == NULL && element->variable == VARIABLE_BUNDLE
                        && other->variable == VARIABLE_BUNDLE;
        if (both_bundle || paths_clash(other->path, element->path))
            return exchange_profile_fail(e, conf->file, line->line, MSG_PROFILE_TWICE, line->key, where);
    }
    return 0;
}

static int read_body(struct exchange_profile *p, const struct conf *conf, int op, struct err *e)
{
    struct exchange_call *call = &p->call[op];
    const struct conf_section *header = conf_find(conf, "header", NULL), *body = conf_find(conf, "body", exchange_operation_name(op));
    const struct conf_section *own = conf_find(conf, "operation", exchange_operation_name(op));
    size_t count = count_lines(header) + count_lines(body);
    if (header == NULL || body == NULL || body->lines == NULL)
        return exchange_profile_fail(e, conf->file, own != NULL ? own->line : 0, MSG_PROFILE_MISSING,
                                     header == NULL ? "[header]" : "[body ...]", exchange_operation_name(op));
    call->element = arena_array(p->arena, count, sizeof *call->element);
    if (call->element == NULL)
        return out_of_memory(e);
    for (int part = 0; part < 2; part++) {
        for (const struct conf_line *l = part == 0 ? header->lines : body->lines; l != NULL; l = l->next) {
            int code = read_element(call, conf, l, &call->element[call->element_count], e);
            if (code < 0)
                return code;
            call->element_count++;
        }
    }
    return 0;
}

static int read_bodies(struct exchange_profile *p, const struct conf *conf, struct err *e)
{
    for (const struct conf_section *s = conf->sections; s != NULL; s = s->next) {
        int op = 0;
        if (strcmp(s->kind, "body") != 0)
            continue;
        while (op < EXCHANGE_OPERATION_COUNT && (!p->call[op].known || strcmp(exchange_operation_name(op), s->name) != 0))
            op++;
        if (op == EXCHANGE_OPERATION_COUNT)
            return exchange_profile_fail(e, conf->file, s->line, MSG_PROFILE_UNKNOWN, s->name, "a body for each [operation ...] of this file");
    }
    for (int op = 0; op < EXCHANGE_OPERATION_COUNT; op++) {
        int code = p->call[op].known ? read_body(p, conf, op, e) : 0;
        if (code < 0)
            return code;
    }
    return 0;
}

static int read_code(const struct conf *conf, const struct conf_line *line, struct exchange_code *code, struct err *e)
{
    const char *at = line->value;
    size_t len = strcspn(at, " \t");
    int mark;
    code->code = line->key;
    if (!exchange_text_ok(line->key, "A-Za-z0-9", 1, 32))
        return exchange_profile_fail(e, conf->file, line->line, MSG_PROFILE_VALUE, line->key, "a code of A-Z a-z 0-9");
    if (!word_find(classes, at, len, &code->class))
        return exchange_profile_fail(e, conf->file, line->line, MSG_PROFILE_VALUE, line->key, "success pending final not_done_retry unknown");
    for (at += len, at += strspn(at, " \t"); *at != '\0'; at += len, at += strspn(at, " \t")) {
        len = strcspn(at, " \t");
        if (code->class != EXCHANGE_FINAL || !word_find(marks, at, len, &mark))
            return exchange_profile_fail(e, conf->file, line->line, MSG_PROFILE_VALUE, line->key, "after final: absent already_there");
        code->marks |= (unsigned)mark;
    }
    return 0;
}

static int read_codes(struct exchange_profile *p, const struct conf *conf, struct err *e)
{
    const struct conf_section *s = conf_find(conf, "codes", NULL);
    if (count_lines(s) == 0)
        return exchange_profile_fail(e, conf->file, s != NULL ? s->line : 0, MSG_PROFILE_MISSING, "[codes]", "CODE = class");
    p->code = arena_array(p->arena, count_lines(s), sizeof *p->code);
    if (p->code == NULL)
        return out_of_memory(e);
    for (const struct conf_line *l = s->lines; l != NULL; l = l->next) {
        int class, code;
        unsigned found;
        if (exchange_code_class(p, l->key, &class, &found))
            return exchange_profile_fail(e, conf->file, l->line, MSG_PROFILE_TWICE, l->key, "[codes]");
        if ((code = read_code(conf, l, &p->code[p->code_count], e)) < 0)
            return code;
        p->code_count++;
    }
    return 0;
}

/* "404" -> 404..404, "4xx" -> 400..499; false when it is neither. */
static bool status_range(const char *key, int *ret_from, int *ret_to)
{
    int64_t status;
    if (strlen(key) != 3 || key[0] < '1' || key[0] > '5')
        return false;
    if (strcmp(key + 1, "xx") == 0) {
        *ret_from = (key[0] - '0') * 100;
        *ret_to = *ret_from + 99;
        return true;
    }
    if (text_to_int64(key, 3, 100, 599, &status) < 0)
        return false;
    *ret_from = *ret_to = (int)status;
    return true;
}

static int read_http(struct exchange_profile *p, const struct conf *conf, struct err *e)
{
    const struct conf_section *s = conf_find(conf, "http", NULL);
    bool exact[600] = { false };
    for (size_t i = 0; i < sizeof p->http / sizeof *p->http; i++)
        p->http[i] = EXCHANGE_HTTP_UNKNOWN;
    if (count_lines(s) == 0)
        return exchange_profile_fail(e, conf->file, s != NULL ? s->line : 0, MSG_PROFILE_MISSING, "[http]", "200 = answer");
    for (const struct conf_line *l = s->lines; l != NULL; l = l->next) {
        int from, to, class;
        if (!status_range(l->key, &from, &to))
            return exchange_profile_fail(e, conf->file, l->line, MSG_PROFILE_UNKNOWN, l->key, "100 to 599, 1xx to 5xx");
        if (!word_find(http_classes, l->value, strlen(l->value), &class))
            return exchange_profile_fail(e, conf->file, l->line, MSG_PROFILE_VALUE, l->key, "answer token not_done_retry final unknown");
        if (from == to && exact[from])
            return exchange_profile_fail(e, conf->file, l->line, MSG_PROFILE_TWICE, l->key, "[http]");
        for (int i = from; i <= to; i++)
            if (from == to || !exact[i])
                p->http[i] = class;
        exact[from] |= from == to;
    }
    return 0;
}

int exchange_profile_lists(struct exchange_profile *p, const struct conf *conf, struct err *e)
{
    int code = read_bodies(p, conf, e);
    if (code == 0)
        code = read_codes(p, conf, e);
    if (code == 0)
        code = read_http(p, conf, e);
    return code;
}
