/*
 * NAME
 *      findings - issues as a payload
 *
 * DESCRIPTION
 *      Written by confined workers, read by the desk and the command line. Reading goes through the strict reader although the bytes are our own,
 *      because a worker may have been taken over by its input.
 */
#include <cjson/cJSON.h>
#include "base/json_doc.h"
#include "base/text.h"
#include "report/findings.h"

/* Texts quote input: bytes that are no UTF-8 become '?', or nobody could read the payload. */
static cJSON *new_string(const char *text)
{
    cJSON *item = cJSON_CreateString(text);
    char *p = item == NULL ? NULL : item->valuestring;
    size_t len = strlen(text), pos = 0;

    while (p != NULL && pos < len)
        if (text_next(p, len, &pos) < 0)
            p[pos++] = '?';
    return item;
}

/* Takes the item over. */
static bool add_item(cJSON *object, const char *name, cJSON *item)
{
    if (item != NULL && cJSON_AddItemToObject(object, name, item))
        return true;
    cJSON_Delete(item);
    return false;
}

static bool add_text(cJSON *object, const char *name, const char *text)
{
    return text == NULL || add_item(object, name, new_string(text));
}

static bool add_args(cJSON *object, const char *arg1, const char *arg2)
{
    const char *const arg[2] = { arg1 == NULL ? "" : arg1, arg2 == NULL ? "" : arg2 };
    cJSON *array = arg1 == NULL && arg2 == NULL ? NULL : cJSON_AddArrayToObject(object, "arg");

    if (arg1 == NULL && arg2 == NULL)
        return true;
    for (size_t i = 0; array != NULL && i < 2; i++) {
        cJSON *item = new_string(arg[i]);
        if (item == NULL || !cJSON_AddItemToArray(array, item)) {
            cJSON_Delete(item);
            return false;
        }
    }
    return array != NULL;
}

static bool add_number(cJSON *object, const char *name, int64_t value, int64_t absent)
{
    return value == absent || cJSON_AddNumberToObject(object, name, (double)value) != NULL;
}

static bool add_issue(cJSON *array, const struct issue *issue)
{
    cJSON *item = cJSON_CreateObject();
    bool ok = item != NULL && cJSON_AddItemToArray(array, item);

    if (!ok) {
        cJSON_Delete(item);
        return false;
    }
    ok = add_text(item, "code", msg_get(issue->msg)->code) && add_text(item, "severity", msg_severity_name(issue->severity)) && add_text(item, "rule", issue->rule);
    return ok && add_args(item, issue->arg1, issue->arg2) && add_text(item, "pointer", issue->pointer) && add_text(item, "location", issue->location) && add_text(item, "profile", issue->profile) &&
           add_number(item, "line", issue->line, 0) && add_number(item, "column", issue->column, 0) && add_number(item, "offset", issue->offset, -1);
}

bool findings_is_advice(const struct issue *issue)
{
    return issue->msg == MSG_VALIDATE_MUST_SUPPORT || issue->msg == MSG_VALIDATE_BINDING_UNCHECKED;
}

int findings_write(const struct issue_list *issues, bool advice, struct buf *out, struct err *e)
{
    cJSON *array = cJSON_CreateArray();
    char *text = NULL;
    bool ok = array != NULL && !issues->failed;
    int r;

    for (const struct issue *i = issues->first; ok && i != NULL; i = i->next)
        ok = (!advice && findings_is_advice(i)) || add_issue(array, i);
    if (ok)
        text = cJSON_PrintUnformatted(array);
    r = text == NULL ? ERR_NOMEM : buf_add_str(out, text);
    if (r < 0)
        err_set(e, (enum err_code)r, r == ERR_NOMEM ? MSG_NOMEM : MSG_LIMIT, NULL, "findings", NULL);
    cJSON_free(text);
    cJSON_Delete(array);
    return r;
}

static enum msg_severity severity_of(const struct json_node *node)
{
    for (int s = MSG_INFO; s <= MSG_ALARM; s++)
        if (json_equals(node, msg_severity_name((enum msg_severity)s)))
            return (enum msg_severity)s;
    return MSG_ERROR;
}

static int64_t number_of(const struct json_node *node, int64_t absent, int64_t max)
{
    int64_t value = absent;
    return json_to_int64(node, &value) < 0 || value < 0 || value > max ? absent : value;
}

static void read_item(const struct json_node *node, struct issue_list *list)
{
    struct arena *a = list->arena;
    const char *code = json_get_text(a, node, "code");
    enum msg_id msg = code == NULL ? MSG_NONE : msg_by_code(code);
    const struct json_node *arg = json_get(node, "arg");
    struct issue *issue = issues_add(list, severity_of(json_get(node, "severity")), msg == MSG_NONE ? MSG_INTERNAL : msg, json_get_text(a, node, "rule"),
                                     msg == MSG_NONE ? code : json_dup(a, json_at(arg, 0)), json_dup(a, json_at(arg, 1)));

    if (issue == NULL)
        return;
    issue->pointer = json_get_text(a, node, "pointer");
    issue->location = json_get_text(a, node, "location");
    issue->profile = json_get_text(a, node, "profile");
    issue->line = (uint32_t)number_of(json_get(node, "line"), 0, UINT32_MAX);
    issue->column = (uint32_t)number_of(json_get(node, "column"), 0, UINT32_MAX);
    issue->offset = number_of(json_get(node, "offset"), -1, INT64_MAX);
}

int findings_read(const char *bytes, size_t len, struct issue_list *ret_issues, struct err *e)
{
    const struct json_node *root;
    int r;

    if (len > 0 && bytes[0] != '[') { /* the report of a file: the vendor's own members in the first line */
        const char *line_end = memchr(bytes, '\n', len);
        size_t skip = line_end == NULL ? 0 : (size_t)(line_end + 1 - bytes);
        bytes += skip;
        len -= skip;
    }
    if (len == 0)
        return 0;
    r = json_parse(bytes, len, NULL, ret_issues->arena, &root, e);
    if (r < 0 || !json_is(root, JSON_ARRAY))
        return err_set(e, ERR_CORRUPT, MSG_INTERNAL, NULL, "findings", NULL);
    for (const struct json_node *item = root->child; item != NULL; item = item->next)
        read_item(item, ret_issues);
    return ret_issues->failed ? err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "findings", NULL) : 0;
}

const struct issue *findings_worst(const struct issue_list *issues)
{
    const struct issue *worst = NULL;

    for (const struct issue *i = issues->first; i != NULL; i = i->next)
        if (worst == NULL || i->severity > worst->severity)
            worst = i;
    return worst;
}
