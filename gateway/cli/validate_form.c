/*
 * NAME
 *      validate_form - findings as text for people and as JSON for programs
 *
 * DESCRIPTION
 *      text: a line a finding as compilers write it, those that may only follow from others behind the others, then a line a file. jsonl: a line a file, {"file", "valid", "issues": [{"severity", "location", "rule", "line", "column", "profile", "message",
 *      "next"}]}; json: the same objects in one document with the exit status. operationoutcome: one FHIR OperationOutcome after the other, in the order of the files.
 *      A file that could not be checked has one issue of severity "fatal".
 */
#include <string.h>
#include <cjson/cJSON.h>
#include "base/text.h"
#include "cli/validate_cmd.h"

enum { SENTENCE_MAX = 2048 };

static const char *const forms[FORM_COUNT] = { [FORM_TEXT] = "text", [FORM_JSON] = "json", [FORM_JSONL] = "jsonl", [FORM_OUTCOME] = "operationoutcome" };

enum validate_form validate_form_find(const char *name)
{
    unsigned f = FORM_TEXT;

    while (f < FORM_COUNT && strcmp(name, forms[f]) != 0)
        f++;
    return (enum validate_form)f;
}

/* ---- JSON ---- */

/* A tree being made; failed is sticky, and a tree that has failed is not printed. */
struct tree { bool failed; };

static void put(struct tree *t, cJSON *object, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0' && cJSON_AddStringToObject(object, name, text) == NULL)
        t->failed = true;
}

static void put_number(struct tree *t, cJSON *object, const char *name, uint32_t number)
{
    if (number > 0 && cJSON_AddNumberToObject(object, name, number) == NULL)
        t->failed = true;
}

static cJSON *put_array(struct tree *t, cJSON *object, const char *name)
{
    cJSON *array = cJSON_AddArrayToObject(object, name);

    t->failed = t->failed || array == NULL;
    return array;
}

static cJSON *put_item(struct tree *t, cJSON *array)
{
    cJSON *o = cJSON_CreateObject();

    if (o == NULL || array == NULL || !cJSON_AddItemToArray(array, o)) {
        cJSON_Delete(o);
        t->failed = true;
        return NULL;
    }
    return o;
}

static void print_tree(struct tree *t, cJSON *root, bool pretty, struct buf *out)
{
    char *text = t->failed ? NULL : pretty ? cJSON_Print(root) : cJSON_PrintUnformatted(root);

    if (text == NULL)
        out->failed = out->failed != 0 ? out->failed : ERR_NOMEM;
    else
        (void)buf_add_str(out, text);
    cJSON_free(text);
    cJSON_Delete(root);
}

static const char *rule_of(const struct issue *i)
{
    return i->rule != NULL ? i->rule : msg_get(i->msg)->code;
}

static void sentence(const struct validate_job *job, const struct issue *i, char *text, size_t size)
{
    msg_format(i->msg, job->c->lang, i->arg1, i->arg2, text, size);
}

static void failure_sentence(const struct validate_job *job, const struct err *e, char *text, size_t size)
{
    msg_format(e->msg == MSG_NONE ? MSG_INTERNAL : e->msg, job->c->lang, e->arg[0], e->arg[1][0] == '\0' && e->sys_errno != 0 ? strerror(e->sys_errno) : e->arg[1], text, size);
}

static cJSON *file_object(struct tree *t, const char *file, bool valid, cJSON **ret_issues)
{
    cJSON *o = cJSON_CreateObject();

    put(t, o, "file", file);
    t->failed = t->failed || o == NULL || cJSON_AddBoolToObject(o, "valid", valid) == NULL;
    *ret_issues = put_array(t, o, "issues");
    return o;
}

static void add_issue(const struct validate_job *job, struct tree *t, cJSON *array, const struct issue *i)
{
    cJSON *o = put_item(t, array);
    char text[SENTENCE_MAX], next[MSG_NEXT_MAX];

    sentence(job, i, text, sizeof text);
    msg_next(i->msg, i->severity, job->c->lang, next);
    put(t, o, "severity", msg_severity_name(i->severity));
    put(t, o, "location", i->location);
    put(t, o, "rule", rule_of(i));
    put_number(t, o, "line", i->line);
    put_number(t, o, "column", i->column);
    put(t, o, "profile", i->profile);
    put(t, o, "message", text);
    put(t, o, "next", next);
}

/* ---- OperationOutcome (FHIR R4): the sentence as details, the place as expression ---- */

static cJSON *outcome(struct tree *t, cJSON **ret_issues)
{
    cJSON *root = cJSON_CreateObject();

    t->failed = t->failed || root == NULL;
    put(t, root, "resourceType", "OperationOutcome");
    *ret_issues = put_array(t, root, "issue");
    return root;
}

static void add_outcome_issue(struct tree *t, cJSON *array, const char *severity, const char *type, const char *rule, const char *text, const char *place)
{
    cJSON *o = put_item(t, array), *details, *coding, *expressions, *expression;

    put(t, o, "severity", severity);
    put(t, o, "code", type);
    details = cJSON_AddObjectToObject(o, "details");
    coding = put_item(t, put_array(t, details, "coding"));
    put(t, coding, "system", "urn:clinsgw:rule");
    put(t, coding, "code", rule);
    put(t, details, "text", text);
    if (place == NULL || place[0] == '\0')
        return;
    expressions = put_array(t, o, "expression");
    expression = cJSON_CreateString(place);
    if (expression == NULL || expressions == NULL || !cJSON_AddItemToArray(expressions, expression)) {
        cJSON_Delete(expression);
        t->failed = true;
    }
}

static void outcome_issues(const struct validate_job *job, const struct issue_list *list, struct buf *out)
{
    static const char *const severity[] = { [MSG_INFO] = "information", [MSG_WARNING] = "warning", [MSG_ERROR] = "error", [MSG_ALARM] = "fatal" };
    struct tree t = { false };
    cJSON *array, *root = outcome(&t, &array);
    char text[SENTENCE_MAX];

    for (const struct issue *i = list->first; i != NULL; i = i->next) {
        sentence(job, i, text, sizeof text);
        add_outcome_issue(&t, array, severity[i->severity], i->rule != NULL ? "invariant" : "invalid", rule_of(i), text, i->location);
    }
    if (list->first == NULL)
        add_outcome_issue(&t, array, "information", "informational", "valid", "valid", NULL);
    print_tree(&t, root, true, out);
    (void)buf_add_str(out, "\n");
}

/* ---- text ---- */

/* Is the place of b inside the element that stands at a, however often it repeats? */
static bool is_below(const char *a, const char *element, const char *b)
{
    size_t n = strlen(a), m = strlen(element);

    if (strncmp(a, b, n) != 0 || b[n] != '.')
        return false;
    return m == 0 || (strncmp(b + n + 1, element, m) == 0 && strchr(".[", b[n + 1 + m]) != NULL);
}

/* Bytes of a location that name the resource: "Bundle.entry[3].resource", "Patient.contained[0]"; 0 = the file itself. */
static size_t resource_of(const char *location)
{
    size_t found = 0;

    for (const char *p = strchr(location, '.'); p != NULL; p = strchr(p + 1, '.')) {
        if (strncmp(p, ".resource", 9) == 0 && (p[9] == '.' || p[9] == '\0'))
            found = (size_t)(p - location) + 9;
        else if (strncmp(p, ".contained[", 11) == 0)
            found = (size_t)(p - location) + strcspn(p, "]");
    }
    return found;
}

/* May the first be there only because of the second? A target that is wrong makes each reference to it wrong, a part that is wrong may be what seems to be missing or fits nowhere. */
static bool may_follow(const struct issue *i, const struct issue *cause)
{
    const char *at = i->location == NULL ? "" : i->location, *there = cause->location == NULL ? "" : cause->location, *element;

    if (cause == i || cause->severity < MSG_ERROR || there[0] == '\0')
        return false;
    switch (i->msg) {
    case MSG_VALIDATE_REFERENCE_CHOICE:
        return cause->msg != i->msg && !is_below(there, "", at) && (resource_of(at) != resource_of(there) || strncmp(at, there, resource_of(at)) != 0);
    case MSG_VALIDATE_SLICE_MISSING:
        element = i->arg1 == NULL ? NULL : strrchr(i->arg1, '.');
        return element != NULL && is_below(at, element + 1, there);
    case MSG_VALIDATE_SLICE_CLOSED:
    case MSG_VALIDATE_FITS_NONE:
        return is_below(at, "", there);
    default:
        return false;
    }
}

static bool follows(const struct issue_list *list, const struct issue *i)
{
    for (const struct issue *cause = i->severity < MSG_ERROR ? NULL : list->first; cause != NULL; cause = cause->next)
        if (may_follow(i, cause))
            return true;
    return false;
}

static void text_issue(const struct validate_job *job, const char *file, const struct issue *i, struct buf *out)
{
    enum msg_lang lang = job->c->lang;
    char text[SENTENCE_MAX], next[MSG_NEXT_MAX];
    size_t from = out->len;

    sentence(job, i, text, sizeof text);
    msg_next(i->msg, i->severity, lang, next);
    (void)buf_addf(out, "%s:%u:%u: %s %s %s", file, i->line, i->column, msg_severity_name(i->severity), rule_of(i), text);
    if (i->location != NULL && i->location[0] != '\0')
        (void)buf_addf(out, " [%s]", i->location);
    if (next[0] != '\0')
        (void)buf_addf(out, lang == LANG_JA ? " → 次に: %s" : " -> next: %s", next);
    if (out->len > from) /* values of somebody else's file reach a terminal */
        text_flatten(out->data + from, out->len - from);
    (void)buf_add_str(out, "\n");
}

/* Causes first; what may only follow from them stands behind a line of its own. */
static void text_issues(const struct validate_job *job, const char *file, const struct issue_list *list, struct buf *out)
{
    enum msg_lang lang = job->c->lang;
    char text[SENTENCE_MAX], count[24];
    size_t following = 0;

    for (const struct issue *i = list->first; i != NULL; i = i->next)
        if (follows(list, i))
            following++;
        else
            text_issue(job, file, i, out);
    if (following > 0) {
        snprintf(count, sizeof count, "%zu", following);
        msg_format(MSG_CLI_FOLLOWING, lang, file, count, text, sizeof text);
        (void)buf_addf(out, lang == LANG_JA ? "%s → 次に: %s\n" : "%s -> next: %s\n", text, msg_get(MSG_CLI_FOLLOWING)->next[lang]);
    }
    for (const struct issue *i = following > 0 ? list->first : NULL; i != NULL; i = i->next)
        if (follows(list, i))
            text_issue(job, file, i, out);
    snprintf(count, sizeof count, "%zu", list->errors);
    msg_format(list->errors > 0 ? MSG_CLI_FILE_INVALID : MSG_CLI_FILE_VALID, lang, file, count, text, sizeof text);
    (void)buf_addf(out, "%s\n", text);
}

/* ---- one file ---- */

void validate_form_issues(const struct validate_job *job, const char *file, const struct issue_list *list, struct buf *out)
{
    struct tree t = { false };
    cJSON *root, *array;

    if (job->form == FORM_TEXT) {
        text_issues(job, file, list, out);
    } else if (job->form == FORM_OUTCOME) {
        outcome_issues(job, list, out);
    } else {
        root = file_object(&t, file, list->errors == 0, &array);
        for (const struct issue *i = list->first; i != NULL; i = i->next)
            add_issue(job, &t, array, i);
        print_tree(&t, root, false, out);
        if (job->form == FORM_JSONL)
            (void)buf_add_str(out, "\n");
    }
}

void validate_form_failure(const struct validate_job *job, const char *file, const struct err *e, struct buf *out)
{
    const char *code = msg_get(e->msg == MSG_NONE ? MSG_INTERNAL : e->msg)->code;
    struct tree t = { false };
    cJSON *root, *array, *o;
    char text[SENTENCE_MAX];

    failure_sentence(job, e, text, sizeof text);
    if (job->form == FORM_OUTCOME) {
        root = outcome(&t, &array);
        add_outcome_issue(&t, array, "fatal", "exception", code, text, NULL);
        print_tree(&t, root, true, out);
        (void)buf_add_str(out, "\n");
    } else if (job->form != FORM_TEXT) {
        root = file_object(&t, file, false, &array);
        o = put_item(&t, array);
        put(&t, o, "severity", "fatal");
        put(&t, o, "rule", code);
        put(&t, o, "message", text);
        print_tree(&t, root, false, out);
        if (job->form == FORM_JSONL)
            (void)buf_add_str(out, "\n");
    }
}

/* ---- around the files ---- */

void validate_form_begin(const struct validate_job *job, struct buf *out)
{
    if (job->form == FORM_JSON)
        (void)buf_add_str(out, "{\"files\":[\n");
}

void validate_form_next(const struct validate_job *job, struct buf *out)
{
    if (job->form == FORM_JSON)
        (void)buf_add_str(out, ",\n");
}

void validate_form_end(const struct validate_job *job, int exit, struct buf *out)
{
    if (job->form == FORM_JSON)
        (void)buf_addf(out, "\n],\"exit\":%d}\n", exit);
}
