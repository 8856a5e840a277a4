/*
 * NAME
 *      cmd_validate - clinsgw validate: FHIR instances without a gateway
 *
 * DESCRIPTION
 *      Every file by itself, in this process, without configuration. Profiles and code systems come from, in this order:
 *      - the set that --set names (default: fhir_set of the configuration, else "clins", where the operator has defined it) and the files of --package behind it;
 *      - with --no-default-packages the files of --package alone;
 *      - where neither is there, the tables that are built into the program.
 *      Compiled profiles are kept in the folder of the packages (packages.c) and mapped; compiling is done once for the same files.
 *
 * DIAGNOSTICS
 *      0 all valid, 1 an error was found, 2 one could not be checked.
 */
#include <string.h>
#include <unistd.h>
#include "base/text.h"
#include "cli/validate_cmd.h"
#include "daemon/masters.h"
#include "validate/package/package.h"

enum { NAMES_MAX = 256 << 20, PACKAGES_MAX = 64 };

/* The set that the gateway checks with, else the one that most want. */
static const char *default_set(const struct cli *c)
{
    return c->settings != NULL && c->settings->fhir_set != NULL ? c->settings->fhir_set : "clins";
}

/* ---- profiles ---- */

struct loose { struct arena *arena; const char *folder, *set, *file[PACKAGES_MAX]; size_t count; };

static int add_file(struct loose *l, const char *path, struct err *e)
{
    if (path == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "validate", NULL);
    if (l->count == PACKAGES_MAX)
        return err_set(e, ERR_LIMIT, MSG_LIMIT, path, path, NULL);
    l->file[l->count++] = path;
    return 0;
}

/* A row of the store: the set's own one names its packages in order. */
static int add_of_set(void *self, const struct package_listing *row)
{
    struct loose *l = self;
    const char *at = row->sets;
    int r = 0;

    if (row->file != NULL || strcmp(row->name, l->set) != 0)
        return 0;
    while (r == 0 && *at != '\0') {
        size_t len = strcspn(at, " ");
        if (len > 0)
            r = add_file(l, arena_printf(l->arena, "%s/packages/%.*s", l->folder, (int)len, at), NULL);
        at += len + (at[len] == ' ');
    }
    return r;
}

static int add_given(const struct cli *c, struct loose *l, struct err *e)
{
    int r = 0;

    for (size_t i = 0; i < c->options && r == 0; i++)
        if (strcmp(c->option[i].name, "package") == 0)
            r = add_file(l, c->option[i].value, e);
    return r;
}

/* The image of loose files is kept beside the packages, or in this user's cache where that may not be written. */
static int open_loose(struct cli *c, struct package_store *store, const struct loose *l, struct validate_set **ret_set, struct err *e)
{
    const char *cache = access(l->folder, W_OK) < 0 && cli_value(c, "folder") == NULL ? cli_package_cache(c) : NULL;
    struct package_store *own = NULL;
    int r;

    if (cache == NULL)
        return package_store_loose(store, l->file, l->count, ret_set, e);
    own = package_store_open(cache, e);
    r = own == NULL ? (e->code < 0 ? e->code : ERR_IO) : package_store_loose(own, l->file, l->count, ret_set, e);
    package_store_close(own);
    return r;
}

/* The image of a set that may not be written is stale or damaged: it is compiled for this user alone. */
static int open_stale(struct cli *c, struct package_store *store, struct loose *l, struct validate_set **ret_set, struct err *e)
{
    int r = package_store_list(store, add_of_set, l, e);

    return r < 0 ? r : open_loose(c, store, l, ret_set, e);
}

/* *ret_set stays NULL for the built-in tables. */
static int find_set(struct cli *c, struct package_store *store, const char *folder, struct validate_set **ret_set, struct err *e)
{
    const char *set = cli_value(c, "set");
    struct loose l = { .arena = c->arena, .folder = folder, .set = set != NULL ? set : default_set(c) };
    struct err ignored = ERR_INIT;
    int r = 0;

    if (cli_value(c, "package") == NULL) {
        if (cli_has(c, "no-default-packages"))
            return 0;
        r = package_store_set(store, l.set, ret_set, set != NULL ? e : &ignored);
        if (r < 0 && r != ERR_NOTFOUND && access(folder, W_OK) < 0)
            return open_stale(c, store, &l, ret_set, e);
        if (r < 0 && r != ERR_NOTFOUND && set == NULL)
            err_copy(e, &ignored);
        return r == ERR_NOTFOUND && set == NULL ? 0 : r;
    }
    if (!cli_has(c, "no-default-packages"))
        r = package_store_list(store, add_of_set, &l, e);
    if (r == 0)
        r = add_given(c, &l, e);
    return r < 0 ? r : open_loose(c, store, &l, ret_set, e);
}

static bool wants_packages(const struct cli *c, const char *folder)
{
    return cli_value(c, "package") != NULL || cli_value(c, "set") != NULL || (!cli_has(c, "no-default-packages") && access(folder, R_OK | X_OK) == 0);
}

static int open_set(struct cli *c, struct validate_set **ret_set, struct err *e)
{
    const char *folder = cli_package_folder(c);
    struct package_store *store = NULL;
    int r = 0;

    *ret_set = NULL;
    if (folder == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "validate", NULL);
    if (!wants_packages(c, folder))
        return 0;
    store = package_store_open(folder, e);
    if (store == NULL && access(folder, W_OK) < 0 && cli_value(c, "folder") == NULL && cli_package_cache(c) != NULL) { /* nothing was ever put into it */
        err_clear(e);
        folder = cli_package_cache(c);
        store = package_store_open(folder, e);
    }
    r = store == NULL ? (e->code < 0 ? e->code : ERR_IO) : find_set(c, store, folder, ret_set, e);
    package_store_close(store);
    return r;
}

/* Those of --masters, else the gateway's own where it is the gateway's set that is used, too. */
static int load_masters(const struct cli *c, struct codes_masters **ret_masters, struct err *e)
{
    const char *folder = cli_value(c, "masters");

    if (folder == NULL && c->settings != NULL && c->settings->master_dir != NULL && !cli_has(c, "no-default-packages") && access(c->settings->master_dir, R_OK | X_OK) == 0)
        folder = c->settings->master_dir;
    return folder == NULL ? 0 : codes_masters_load(folder, ret_masters, e);
}

/* ---- arguments ---- */

static int64_t default_jobs(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n < 1 ? 1 : n > VALIDATE_JOBS_MAX ? VALIDATE_JOBS_MAX : n;
}

/* False: the value is not one of those that the option takes, and the sentence has been printed. */
static bool read_options(const struct cli *c, struct validate_job *job)
{
    const char *form = cli_value(c, "format"), *reading = cli_value(c, "reading"), *jobs = cli_value(c, "jobs"), *wrong = NULL;
    int64_t n = default_jobs();

    if (form != NULL)
        job->form = validate_form_find(form);
    job->reading = reading != NULL && strcmp(reading, "service") == 0 ? VALIDATE_SERVICE : VALIDATE_HL7;
    if (job->form == FORM_COUNT)
        wrong = form;
    else if (reading != NULL && job->reading == VALIDATE_HL7 && strcmp(reading, "hl7") != 0)
        wrong = reading;
    else if (jobs != NULL && text_to_int64(jobs, strlen(jobs), 1, VALIDATE_JOBS_MAX, &n) < 0)
        wrong = jobs;
    job->jobs = (unsigned)n;
    if (wrong != NULL)
        (void)cli_say(c, CLI_USAGE, MSG_CLI_USAGE, wrong, NULL);
    return wrong == NULL;
}

static int list_files(const struct cli *c, struct validate_names *names, struct err *e)
{
    int r = 0;

    for (size_t i = 0; i < c->plains && r == 0; i++)
        r = validate_names_add(names, c->plain[i], e);
    return r;
}

int cli_validate(struct cli *c)
{
    struct validate_job job = { .c = c, .form = c->json ? FORM_JSON : FORM_TEXT, .profile = cli_value(c, "profile") };
    struct validate_names names = { .arena = NULL };
    struct codes_masters *masters = NULL;
    struct validate_set *set = NULL;
    struct validate_terms terms;
    struct err e = ERR_INIT;
    int r;

    if (!read_options(c, &job))
        return CLI_USAGE;
    names.arena = arena_new(NAMES_MAX);
    r = names.arena == NULL ? err_set(&e, ERR_NOMEM, MSG_NOMEM, NULL, "validate", NULL) : list_files(c, &names, &e);
    if (r == 0)
        r = open_set(c, &set, &e);
    if (r == 0)
        r = load_masters(c, &masters, &e);
    if (r == 0) {
        terms = masters_terms(masters);
        job.set = set;
        job.terms = &terms;
        job.progress = names.count > 1 && isatty(STDERR_FILENO) == 1;
        r = validate_pool_run(&job, &names);
    } else {
        r = cli_say_err(c, VALIDATE_NOT_CHECKED, &e);
    }
    validate_set_close(set);
    codes_masters_free(masters);
    arena_free(names.arena);
    return r;
}
