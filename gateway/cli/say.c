/*
 * NAME
 *      say - sentences of clinsgw, as text or JSON
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include "base/conf.h"
#include "base/file.h"
#include "cli/cli.h"

bool cli_has(const struct cli *c, const char *name)
{
    for (size_t i = 0; i < c->options; i++)
        if (strcmp(c->option[i].name, name) == 0)
            return true;
    return false;
}

const char *cli_value(const struct cli *c, const char *name)
{
    for (size_t i = 0; i < c->options; i++)
        if (strcmp(c->option[i].name, name) == 0)
            return c->option[i].value;
    return NULL;
}

int cli_print(const struct buf *text)
{
    return fwrite(text->data, 1, text->len, stdout) == text->len ? CLI_DONE : CLI_FAILED;
}

static cJSON *item_of(const struct cli *c, enum msg_id msg, const char *place, const char *text)
{
    const struct msg_info *info = msg_get(msg);
    cJSON *o = cJSON_CreateObject();

    if (o == NULL)
        return NULL;
    (void)cJSON_AddStringToObject(o, "code", info->code);
    (void)cJSON_AddStringToObject(o, "severity", msg_severity_name(info->severity));
    (void)cJSON_AddStringToObject(o, "text", text);
    if (info->next[c->lang][0] != '\0')
        (void)cJSON_AddStringToObject(o, "what_to_do", info->next[c->lang]);
    if (place[0] != '\0')
        (void)cJSON_AddStringToObject(o, "place", place);
    return o;
}

static void print_text(FILE *to, enum msg_id msg, const char *place, const char *text)
{
    fprintf(to, "%s %s", msg_get(msg)->code, text);
    if (place[0] != '\0')
        fprintf(to, " [%s]", place);
    fputc('\n', to);
}

static void print_next(const struct cli *c, FILE *to, const char *next)
{
    if (next[0] != '\0')
        fprintf(to, c->lang == LANG_JA ? "  → 次に: %s\n" : "  -> next: %s\n", next);
}

static int say(const struct cli *c, int exit, enum msg_id msg, const char *place, const char *arg1, const char *arg2)
{
    char text[2048], *printed;
    cJSON *o;

    msg_format(msg, c->lang, arg1, arg2, text, sizeof text);
    if (!c->json) {
        print_text(exit == CLI_DONE ? stdout : stderr, msg, place, text);
        print_next(c, exit == CLI_DONE ? stdout : stderr, msg_get(msg)->next[c->lang]);
        return exit;
    }
    o = item_of(c, msg, place, text);
    if (o != NULL)
        (void)cJSON_AddNumberToObject(o, "exit", exit);
    printed = o == NULL ? NULL : cJSON_Print(o);
    if (printed != NULL)
        puts(printed);
    cJSON_free(printed);
    cJSON_Delete(o);
    return exit;
}

int cli_say(const struct cli *c, int exit, enum msg_id msg, const char *arg1, const char *arg2)
{
    return say(c, exit, msg, "", arg1, arg2);
}

int cli_say_err(const struct cli *c, int exit, const struct err *e)
{
    const char *arg2 = e->arg[1][0] == '\0' && e->sys_errno != 0 ? strerror(e->sys_errno) : e->arg[1];

    return say(c, exit, e->msg == MSG_NONE ? MSG_INTERNAL : e->msg, e->place, e->arg[0], arg2);
}

/* ---- lists of checks ---- */

struct cli_checks {
    const struct cli *c;
    cJSON *list;
    const char *next;   /* of the lines above, not printed yet: several that ask for the same say it once */
    bool error;
};

struct cli_checks *cli_checks_new(const struct cli *c)
{
    struct cli_checks *k = calloc(1, sizeof *k);

    if (k == NULL)
        return NULL;
    k->c = c;
    k->next = "";
    k->list = cJSON_CreateArray();
    return k;
}

void cli_check(struct cli_checks *k, enum msg_id msg, const char *place, const char *arg1, const char *arg2)
{
    char text[2048];
    cJSON *o;

    msg_format(msg, k->c->lang, arg1, arg2, text, sizeof text);
    k->error = k->error || msg_get(msg)->severity >= MSG_ERROR;
    if (!k->c->json) {
        if (strcmp(k->next, msg_get(msg)->next[k->c->lang]) != 0)
            print_next(k->c, stdout, k->next);
        k->next = msg_get(msg)->next[k->c->lang];
        print_text(stdout, msg, place, text);
        return;
    }
    o = item_of(k->c, msg, place, text);
    if (o == NULL || k->list == NULL || !cJSON_AddItemToArray(k->list, o)) {
        cJSON_Delete(o);
        k->error = true;
    }
}

/* Is the value the path, or a folder above it? Its length then, else 0. */
static size_t value_names(const char *value, const char *path)
{
    size_t n = strlen(value);

    while (n > 1 && value[n - 1] == '/')
        n--;
    return value[0] == '/' && strncmp(path, value, n) == 0 && (path[n] == '\0' || path[n] == '/') ? n : 0;
}

/* The line that names the path most closely; NULL when it is a default. */
static const struct conf_line *find_line(const struct conf *conf, const char *path)
{
    const struct conf_line *best = NULL;
    size_t most = 0;

    for (const struct conf_section *s = conf->sections; s != NULL; s = s->next)
        for (const struct conf_line *l = s->lines; l != NULL; l = l->next)
            if (value_names(l->value, path) > most) {
                most = value_names(l->value, path);
                best = l;
            }
    return best;
}

void cli_check_path(struct cli_checks *k, enum msg_id msg, const char *path, const char *why)
{
    const char *file = k->c->settings != NULL ? k->c->settings->file : NULL;
    const struct conf_line *line = NULL;
    struct conf *conf;
    char place[4096] = "";
    struct buf text;

    buf_init(&text, CLI_REPLY_MAX);
    if (file != NULL && file_read(AT_FDCWD, file, CLI_REPLY_MAX, &text, NULL) == 0 && conf_parse(file, text.data, text.len, k->c->arena, NULL, &conf, NULL) == 0)
        line = find_line(conf, path);
    if (line != NULL)
        snprintf(place, sizeof place, "%s:%u %s", file, line->line, line->key);
    buf_free(&text);
    cli_check(k, msg, place, path, why);
}

bool cli_checks_clean(const struct cli_checks *k)
{
    return !k->error;
}

int cli_checks_end(struct cli_checks *k)
{
    int exit = k->error ? CLI_FAILED : CLI_DONE;
    char *printed;
    cJSON *root;

    if (k->c->json && (root = cJSON_CreateObject()) != NULL) {
        (void)cJSON_AddItemToObject(root, "checks", k->list);
        (void)cJSON_AddNumberToObject(root, "exit", exit);
        printed = cJSON_Print(root);
        if (printed != NULL)
            puts(printed);
        cJSON_free(printed);
        cJSON_Delete(root);
    } else {
        print_next(k->c, stdout, k->next);
        cJSON_Delete(k->list);
    }
    free(k);
    return exit;
}
