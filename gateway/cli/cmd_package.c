/*
 * NAME
 *      cmd_package - clinsgw package add | list | remove | use | refresh
 *
 * DESCRIPTION
 *      The FHIR packages that the operator has taken from their publishers, and the named sets that Bundles are checked with. Works on the folder
 *      (packages.c) in this process; the daemon takes a changed set at its next reload. The unit refreshes compiled sets before the daemon starts: after an
 *      update of the program their images may be of another version.
 *
 * DIAGNOSTICS
 *      0 done, 1 refused, 78 the configuration is wrong; sentences carry the codes of messages.def 519x and 931x.
 */
#include <string.h>
#include <unistd.h>
#include <cjson/cJSON.h>
#include "cli/cli.h"
#include "validate/package/package.h"

struct package_cli { struct cli *c; struct package_store *store; const char *folder; cJSON *rows; size_t rows_told; bool failed, refused, sets_told; };

static void put(struct package_cli *p, cJSON *row, const char *name, const char *text)
{
    if (text != NULL && cJSON_AddStringToObject(row, name, text) == NULL)
        p->failed = true;
}

static cJSON *new_row(struct package_cli *p)
{
    cJSON *row = cJSON_CreateObject();

    if (row == NULL || !cJSON_AddItemToArray(p->rows, row)) {
        cJSON_Delete(row);
        p->failed = true;
        return NULL;
    }
    return row;
}

static int add_one(struct package_cli *p, const char *path)
{
    struct err e = ERR_INIT;
    struct package_info info;
    cJSON *row;

    if (package_store_add(p->store, path, &info, &e) < 0)
        return cli_say_err(p->c, CLI_FAILED, &e);
    if (!p->c->json) {
        printf(p->c->lang == LANG_JA ? "%s  プロファイル %zu、値セット %zu、コード体系 %zu\n" : "%s  %zu profiles, %zu value sets, %zu code systems\n", info.file, info.profiles,
               info.value_sets, info.systems);
        return CLI_DONE;
    }
    row = new_row(p);
    put(p, row, "file", info.file);
    put(p, row, "name", info.name);
    put(p, row, "version", info.version);
    put(p, row, "fhir_version", info.fhir_version);
    return CLI_DONE;
}

static int package_add(struct package_cli *p)
{
    int r = CLI_DONE;

    for (size_t i = 1; i < p->c->plains; i++)
        if (add_one(p, p->c->plain[i]) != CLI_DONE)
            r = CLI_FAILED;
    return r;
}

/* Two lists with their headings: the packages, then the sets. */
static void print_row(struct package_cli *p, const struct package_listing *row)
{
    static const char *const heading[2][2] = {
        [LANG_JA] = { "パッケージ                                            バイト数  使っているセット", "セット            パッケージ（先にあるものが土台）" },
        [LANG_EN] = { "PACKAGE                                               BYTES  USED BY SETS", "SET               PACKAGES, THE FIRST BELOW THE OTHERS" }
    };
    bool of_set = row->file == NULL, first = of_set ? !p->sets_told : p->rows_told == 0;

    if (first)
        printf("%s%s\n", p->rows_told > 0 ? "\n" : "", heading[p->c->lang][of_set]);
    if (of_set)
        printf("%-16s  %s\n", row->name, row->sets);
    else
        printf("%-48s %10zu  %s\n", row->file, row->bytes, row->sets[0] != '\0' ? row->sets : "-");
    p->sets_told = p->sets_told || of_set;
    p->rows_told++;
}

static int list_row(void *self, const struct package_listing *row)
{
    struct package_cli *p = self;
    cJSON *o;

    if (!p->c->json) {
        print_row(p, row);
        return 0;
    }
    o = new_row(p);
    put(p, o, row->file != NULL ? "file" : "set", row->file != NULL ? row->file : row->name);
    if (row->file != NULL) {
        put(p, o, "name", row->name);
        put(p, o, "version", row->version);
    }
    put(p, o, row->file != NULL ? "sets" : "files", row->sets);
    if (cJSON_AddNumberToObject(o, "bytes", (double)row->bytes) == NULL)
        p->failed = true;
    return 0;
}

static int package_list(struct package_cli *p)
{
    struct err e = ERR_INIT;

    if (package_store_list(p->store, list_row, p, &e) < 0)
        return cli_say_err(p->c, CLI_FAILED, &e);
    return p->c->json || p->rows_told > 0 ? CLI_DONE : cli_say(p->c, CLI_DONE, MSG_CLI_NO_PACKAGES, p->folder, NULL);
}

/* The set that the gateway checks with stays: its workers would not start again. */
static int remove_set(struct package_cli *p, const char *set)
{
    struct err e = ERR_INIT;

    if (p->c->settings != NULL && p->c->settings->fhir_set != NULL && strcmp(p->c->settings->fhir_set, set) == 0 && strcmp(p->c->settings->fhir_dir, p->folder) == 0)
        return cli_say(p->c, CLI_FAILED, MSG_CLI_SET_CONFIGURED, set, NULL);
    if (package_store_drop(p->store, set, &e) < 0)
        return cli_say_err(p->c, CLI_FAILED, &e);
    if (!p->c->json)
        return cli_say(p->c, CLI_DONE, MSG_CLI_SET_REMOVED, set, NULL);
    put(p, new_row(p), "set", set);
    return CLI_DONE;
}

static int package_remove(struct package_cli *p)
{
    const char *set = cli_value(p->c, "set");

    if ((set == NULL) == (p->c->plains < 2))
        return cli_say(p->c, CLI_USAGE, MSG_CLI_USAGE, "package remove FILE... | remove --set NAME", NULL);
    if (set != NULL)
        return remove_set(p, set);
    for (size_t i = 1; i < p->c->plains; i++) {
        struct err e = ERR_INIT;

        if (package_store_remove(p->store, p->c->plain[i], &e) < 0)
            return cli_say_err(p->c, CLI_FAILED, &e);
    }
    return CLI_DONE;
}

static int package_use(struct package_cli *p)
{
    const char *set = cli_value(p->c, "set");
    struct err e = ERR_INIT;

    if (set == NULL || p->c->plains < 2)
        return cli_say(p->c, CLI_USAGE, MSG_CLI_USAGE, "package use --set NAME FILE...", NULL);
    if (package_store_use(p->store, set, p->c->plain + 1, p->c->plains - 1, &e) < 0)
        return cli_say_err(p->c, CLI_FAILED, &e);
    if (!p->c->json)
        return cli_say(p->c, CLI_DONE, MSG_CLI_SET_MADE, set, NULL);
    put(p, new_row(p), "set", set);
    return CLI_DONE;
}

static int refresh_one(void *self, const struct package_listing *row)
{
    struct package_cli *p = self;
    struct err e = ERR_INIT;
    bool made = false;

    if (row->file != NULL)
        return 0;
    if (package_store_refresh(p->store, row->name, &made, &e) < 0) {
        (void)cli_say_err(p->c, CLI_FAILED, &e);
        p->refused = true;
    } else if (made && !p->c->json) {
        (void)cli_say(p->c, CLI_DONE, MSG_CLI_SET_REFRESHED, row->name, NULL);
    } else if (made) {
        put(p, new_row(p), "set", row->name);
    }
    return 0;
}

static int package_refresh(struct package_cli *p)
{
    struct err e = ERR_INIT;

    if (package_store_list(p->store, refresh_one, p, &e) < 0)
        return cli_say_err(p->c, CLI_FAILED, &e);
    return p->refused ? CLI_FAILED : CLI_DONE;
}

static const struct { const char *name; int (*run)(struct package_cli *p); size_t min, max; bool writes; const char *usage; } verbs[] = {
    { "add", package_add, 2, CLI_ARGS_MAX, true, "package add FILE..." }, { "list", package_list, 1, 1, false, "package list" },
    { "remove", package_remove, 1, CLI_ARGS_MAX, true, NULL }, { "use", package_use, 1, CLI_ARGS_MAX, true, NULL },
    { "refresh", package_refresh, 1, 1, false, "package refresh" } /* looks, and writes only what is stale */
};

static int print_rows(struct package_cli *p, int r)
{
    char *text = p->failed ? NULL : cJSON_PrintUnformatted(p->rows);

    if (text == NULL)
        return cli_say(p->c, CLI_FAILED, MSG_NOMEM, "package", NULL);
    if (r == CLI_DONE)
        puts(text);
    cJSON_free(text);
    return r;
}

/* A machine without a gateway has packages, too: a configuration need not be there, but one that is wrong does not say where they belong. */
static const char *find_folder(struct cli *c, struct err *e)
{
    const char *folder;

    if (!cli_has(c, "folder") && c->settings == NULL && access(c->config, F_OK) == 0 && settings_load(c->config, c->arena, &c->settings, e) < 0)
        return NULL;
    folder = cli_package_folder(c);
    if (folder == NULL)
        err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "package", NULL);
    return folder;
}

int cli_package(struct cli *c)
{
    struct package_cli p = { .c = c };
    struct err e = ERR_INIT;
    size_t verb = 0;
    int r;

    while (verb < sizeof verbs / sizeof *verbs && strcmp(verbs[verb].name, c->plain[0]) != 0)
        verb++;
    if (verb == sizeof verbs / sizeof *verbs)
        return cli_say(c, CLI_USAGE, MSG_CLI_USAGE, "package add|list|remove|use|refresh", NULL);
    if (c->plains < verbs[verb].min || c->plains > verbs[verb].max)
        return cli_say(c, CLI_USAGE, MSG_CLI_USAGE, verbs[verb].usage, NULL);
    p.folder = find_folder(c, &e);
    if (p.folder == NULL)
        return cli_say_err(c, CLI_CONFIG, &e);
    if (verbs[verb].run == package_refresh && access(p.folder, F_OK) < 0) /* a gateway without packages of its own */
        return CLI_DONE;
    if (verbs[verb].writes && access(p.folder, F_OK) == 0 && access(p.folder, W_OK | X_OK) < 0)
        return cli_say(c, CLI_FAILED, MSG_CLI_FOLDER_DENIED, p.folder, NULL);
    p.store = package_store_open(p.folder, &e);
    if (p.store == NULL)
        return cli_say_err(c, CLI_FAILED, &e);
    p.rows = cJSON_CreateArray();
    r = p.rows == NULL ? cli_say(c, CLI_FAILED, MSG_NOMEM, "package", NULL) : verbs[verb].run(&p);
    if (p.rows != NULL && c->json)
        r = print_rows(&p, r);
    cJSON_Delete(p.rows);
    package_store_close(p.store);
    return r;
}
