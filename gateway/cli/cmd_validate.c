/*
 * NAME
 *      cmd_validate - clinsgw validate: FHIR instances without a gateway
 *
 * DESCRIPTION
 *      Every file by itself, in this process, without configuration. A folder stands for the *.json and *.fhir in it. The file names of the caller are shown
 *      as given.
 *
 * DIAGNOSTICS
 *      0 all valid, 1 an error was found, 2 one could not be checked.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <cjson/cJSON.h>
#include "base/file.h"
#include "cli/cli.h"
#include "validate/validate.h"

enum { INPUT_MAX = 64 << 20, ARENA_MAX = 1 << 30, NOT_CHECKED = 2 };
enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_JSONL, FORMAT_OUTCOME };

static const char *const formats[] = { [FORMAT_TEXT] = "text", [FORMAT_JSON] = "json", [FORMAT_JSONL] = "jsonl", [FORMAT_OUTCOME] = "operationoutcome" };

struct check { struct cli *c; enum format format; enum validate_reading reading; const char *profile; cJSON *files; int worst; bool failed; };

static void worse(struct check *k, int code)
{
    k->worst = code > k->worst ? code : k->worst;
}

static void put(struct check *k, cJSON *o, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0' && cJSON_AddStringToObject(o, name, text) == NULL)
        k->failed = true;
}

static void sentence(const struct check *k, const struct issue *i, char *text, size_t size)
{
    msg_format(i->msg, k->c->lang, i->arg1, i->arg2, text, size);
}

static cJSON *child(struct check *k, cJSON *array)
{
    cJSON *o = cJSON_CreateObject();

    if (o == NULL || array == NULL || !cJSON_AddItemToArray(array, o)) {
        cJSON_Delete(o);
        k->failed = true;
        return NULL;
    }
    return o;
}

static void add_issue(struct check *k, cJSON *array, const struct issue *i)
{
    cJSON *o = child(k, array);
    char text[2048];

    sentence(k, i, text, sizeof text);
    put(k, o, "severity", msg_severity_name(i->severity));
    put(k, o, "location", i->location);
    put(k, o, "rule", i->rule != NULL ? i->rule : msg_get(i->msg)->code);
    if (i->line > 0) {
        (void)cJSON_AddNumberToObject(o, "line", i->line);
        (void)cJSON_AddNumberToObject(o, "column", i->column);
    }
    put(k, o, "profile", i->profile);
    put(k, o, "message", text);
}

/* OperationOutcome.issue (FHIR R4): code "invalid", the text as details, the place as expression. */
static void add_outcome_issue(struct check *k, cJSON *array, const struct issue *i)
{
    static const char *const severity[] = { [MSG_INFO] = "information", [MSG_WARNING] = "warning", [MSG_ERROR] = "error", [MSG_ALARM] = "fatal" };
    cJSON *o = child(k, array), *details, *places, *coding, *place;
    char text[2048];

    sentence(k, i, text, sizeof text);
    put(k, o, "severity", severity[i->severity]);
    put(k, o, "code", i->rule != NULL ? "invariant" : "invalid");
    details = cJSON_AddObjectToObject(o, "details");
    coding = cJSON_AddArrayToObject(details, "coding");
    coding = child(k, coding);
    put(k, coding, "code", i->rule != NULL ? i->rule : msg_get(i->msg)->code);
    put(k, details, "text", text);
    if (i->location != NULL && i->location[0] != '\0') {
        places = cJSON_AddArrayToObject(o, "expression");
        place = cJSON_CreateString(i->location);
        if (place == NULL || places == NULL || !cJSON_AddItemToArray(places, place)) {
            cJSON_Delete(place);
            k->failed = true;
        }
    }
}

static void print_text(struct check *k, const char *file, const struct issue_list *list)
{
    char text[2048], count[24];

    for (const struct issue *i = list->first; i != NULL; i = i->next) {
        sentence(k, i, text, sizeof text);
        printf("%s:%u:%u: %s %s %s", file, i->line, i->column, msg_severity_name(i->severity), i->rule != NULL ? i->rule : msg_get(i->msg)->code, text);
        if (i->location != NULL && i->location[0] != '\0')
            printf(" [%s]", i->location);
        if (msg_get(i->msg)->next[k->c->lang][0] != '\0')
            printf(k->c->lang == LANG_JA ? " → 次に: %s" : " -> next: %s", msg_get(i->msg)->next[k->c->lang]);
        putchar('\n');
    }
    snprintf(count, sizeof count, "%zu", list->errors);
    msg_format(list->errors > 0 ? MSG_CLI_FILE_INVALID : MSG_CLI_FILE_VALID, k->c->lang, file, count, text, sizeof text);
    puts(text);
}

static void print_json(struct check *k, cJSON *o, bool pretty)
{
    char *text = pretty ? cJSON_Print(o) : cJSON_PrintUnformatted(o);

    if (text == NULL)
        k->failed = true;
    else
        puts(text);
    cJSON_free(text);
}

/* An OperationOutcome says "all is well" with one information. */
static void print_outcome(struct check *k, const struct issue_list *list)
{
    cJSON *root = cJSON_CreateObject(), *array, *o;

    put(k, root, "resourceType", "OperationOutcome");
    array = cJSON_AddArrayToObject(root, "issue");
    for (const struct issue *i = list->first; i != NULL; i = i->next)
        add_outcome_issue(k, array, i);
    if (list->first == NULL) {
        o = child(k, array);
        put(k, o, "severity", "information");
        put(k, o, "code", "informational");
        put(k, cJSON_AddObjectToObject(o, "details"), "text", "valid");
    }
    print_json(k, root, true);
    cJSON_Delete(root);
}

static void report(struct check *k, const char *file, const struct issue_list *list)
{
    cJSON *o, *array;

    if (k->format == FORMAT_TEXT) {
        print_text(k, file, list);
        return;
    }
    if (k->format == FORMAT_OUTCOME) {
        print_outcome(k, list);
        return;
    }
    o = k->format == FORMAT_JSON ? child(k, k->files) : cJSON_CreateObject();
    put(k, o, "file", file);
    (void)cJSON_AddBoolToObject(o, "valid", list->errors == 0);
    array = cJSON_AddArrayToObject(o, "issues");
    for (const struct issue *i = list->first; i != NULL; i = i->next)
        add_issue(k, array, i);
    if (k->format == FORMAT_JSONL) {
        print_json(k, o, false);
        cJSON_Delete(o);
    }
}

static int read_input(const char *file, struct buf *text, struct err *e)
{
    char block[65536];
    ssize_t n = 1;

    if (strcmp(file, "-") != 0)
        return file_read(AT_FDCWD, file, INPUT_MAX, text, e);
    while (n > 0 && text->failed == 0) {
        n = read(STDIN_FILENO, block, sizeof block);
        if (n < 0 && errno != EINTR)
            return err_set_errno(e, MSG_IO, file, "read");
        if (n > 0)
            (void)buf_add(text, block, (size_t)n);
        n = n < 0 ? 1 : n;
    }
    return text->failed == 0 ? 0 : err_set(e, text->failed, MSG_LIMIT, file, file, NULL);
}

static void check_file(struct check *k, const char *file)
{
    struct arena *arena = arena_new(ARENA_MAX);
    struct issue_list list;
    struct buf text;
    struct err e = ERR_INIT;
    struct validate_request request = { .reading = k->reading, .profile = k->profile };
    int r = arena == NULL ? err_set(&e, ERR_NOMEM, MSG_NOMEM, NULL, "validate", NULL) : 0;

    buf_init(&text, INPUT_MAX);
    if (r == 0)
        r = read_input(file, &text, &e);
    if (r == 0) {
        issues_init(&list, arena);
        request.bytes = text.data;
        request.len = text.len;
        r = validate_bytes(&request, &list, &e);
    }
    if (r < 0) {
        (void)cli_say_err(k->c, NOT_CHECKED, &e);
        worse(k, NOT_CHECKED);
    } else {
        report(k, file, &list);
        worse(k, list.errors > 0 ? CLI_FAILED : CLI_DONE);
    }
    buf_free(&text);
    arena_free(arena);
}

static int is_instance(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return entry->d_name[0] != '.' && dot != NULL && (strcmp(dot, ".json") == 0 || strcmp(dot, ".fhir") == 0);
}

/* False when it is no folder. */
static bool check_folder(struct check *k, const char *path)
{
    struct dirent **entry = NULL;
    int n = strcmp(path, "-") == 0 ? -1 : scandir(path, &entry, is_instance, alphasort);

    for (int i = 0; i < n; i++) {
        char *file = arena_printf(k->c->arena, "%s/%s", path, entry[i]->d_name);
        if (file != NULL)
            check_file(k, file);
        else
            worse(k, NOT_CHECKED);
        free(entry[i]);
    }
    free(entry);
    return n >= 0;
}

int cli_validate(struct cli *c)
{
    struct check k = { .c = c, .format = c->json ? FORMAT_JSON : FORMAT_TEXT, .reading = VALIDATE_HL7, .profile = cli_value(c, "profile") };
    const char *format = cli_value(c, "format"), *reading = cli_value(c, "reading");
    size_t f = 0;
    cJSON *root = NULL;

    while (format != NULL && f < sizeof formats / sizeof *formats && strcmp(format, formats[f]) != 0)
        f++;
    if (format != NULL && f == sizeof formats / sizeof *formats)
        return cli_say(c, CLI_USAGE, MSG_CLI_USAGE, format, NULL);
    if (reading != NULL && strcmp(reading, "hl7") != 0 && strcmp(reading, "service") != 0)
        return cli_say(c, CLI_USAGE, MSG_CLI_USAGE, reading, NULL);
    if (format != NULL)
        k.format = (enum format)f;
    if (reading != NULL && strcmp(reading, "service") == 0)
        k.reading = VALIDATE_SERVICE;
    if (k.format == FORMAT_JSON) {
        root = cJSON_CreateObject();
        k.files = cJSON_AddArrayToObject(root, "files");
    }
    for (size_t i = 0; i < c->plains; i++)
        if (!check_folder(&k, c->plain[i]))
            check_file(&k, c->plain[i]);
    if (root != NULL) {
        (void)cJSON_AddNumberToObject(root, "exit", k.worst);
        print_json(&k, root, true);
        cJSON_Delete(root);
    }
    return k.failed ? NOT_CHECKED : k.worst;
}
