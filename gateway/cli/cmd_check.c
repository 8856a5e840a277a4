/*
 * NAME
 *      cmd_check - clinsgw check-config: what is wrong with the configuration
 *
 * DESCRIPTION
 *      Reads it as the daemon does, with the interface profiles, and tells of every mistake that can be known in one run, by line; then looks at everything it names: folders, secrets, certificates. Run as root each thing is
 *      tried as the user of the process that will need it (in a child), because root itself may read everything.
 *
 * DIAGNOSTICS
 *      A wrong file is said with file and line. Exit status 1 when an error was found; warnings alone are 0.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "base/proc.h"
#include "base/text.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "codes/code_map.h"
#include "codes/masters.h"
#include "daemon/facts.h"
#include "exchange/exchange.h"
#include "validate/validate.h"

enum { DAY_MS = 24 * 3600 * 1000, WARN_DAYS = 30, RUN_DIR_MAX = 80 };

/* ---- mistakes of a file ---- */

static void tell_fault(struct cli_checks *k, const struct err *e)
{
    cli_check(k, e->msg, e->place, e->arg[0], e->arg[1][0] == '\0' && e->sys_errno != 0 ? strerror(e->sys_errno) : e->arg[1]);
}

/* The mistakes of one file, by line as a person mends them; they are found in another order. */
struct faults { size_t count; struct err fault[CONF_FAULTS_MAX]; };

static void keep_fault(void *context, const struct err *e)
{
    struct faults *f = context;
    size_t at = f->count;

    for (; at > 0 && f->fault[at - 1].line > e->line; at--)
        f->fault[at] = f->fault[at - 1];
    f->fault[at] = *e;
    f->count++;
}

static void tell_faults(struct cli_checks *k, const struct faults *f)
{
    for (size_t i = 0; i < f->count; i++)
        tell_fault(k, &f->fault[i]);
}

/* ---- what the configuration names ---- */

/* errno of access(path, mode) as that user, 0 = allowed. */
static int access_as(const char *user, const char *path, int mode)
{
    int status = 0;
    pid_t pid;

    if (geteuid() != 0 || getpwnam(user) == NULL) /* a user that is not there has been told of */
        return access(path, mode) == 0 ? 0 : errno;
    pid = fork();
    if (pid == 0) {
        if (proc_become(user, NULL) < 0)
            _exit(EPERM);
        _exit(access(path, mode) == 0 ? 0 : errno);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return pid < 0 || !WIFEXITED(status) ? EAGAIN : WEXITSTATUS(status);
}

static void try_file(struct cli_checks *k, const char *user, const char *path, int mode, enum msg_id msg)
{
    int error = path == NULL ? 0 : access_as(user, path, mode);

    if (error != 0)
        cli_check_path(k, msg, path, strerror(error));
}

static void try_folder(struct cli_checks *k, const char *user, const char *path, bool write, bool may_be_missing)
{
    struct stat st;
    int error;

    if (path == NULL)
        return;
    if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
        error = errno;
        if (!may_be_missing || error != ENOENT)
            cli_check_path(k, MSG_CHECK_FOLDER, path, strerror(error == 0 ? ENOTDIR : error));
        return;
    }
    error = access_as(user, path, R_OK | X_OK);
    if (error != 0)
        cli_check_path(k, MSG_CHECK_FOLDER, path, strerror(error));
    else if (write && (error = access_as(user, path, W_OK | X_OK)) != 0)
        cli_check_path(k, MSG_CHECK_FOLDER_WRITE, path, strerror(error));
}

/* A secret: its user reads it, nobody else. One by name is a systemd credential: it exists in the unit only. */
static void try_secret(struct cli_checks *k, const char *user, const char *path)
{
    struct stat st;
    char mode[16];

    if (path == NULL || path[0] != '/')
        return;
    try_file(k, user, path, R_OK, MSG_CHECK_SECRET);
    if (stat(path, &st) == 0 && (st.st_mode & (S_IRWXO | S_IWGRP)) != 0) {
        snprintf(mode, sizeof mode, "%04o", (unsigned)(st.st_mode & 07777));
        cli_check_path(k, MSG_CHECK_SECRET_OPEN, path, mode);
    }
}

static void try_certificate(struct cli_checks *k, const char *user, const char *path)
{
    struct err e = ERR_INIT;
    int64_t end = 0, days;
    char text[24];
    int error = path == NULL ? 0 : access_as(user, path, R_OK);

    if (path == NULL)
        return;
    if (error != 0 || facts_certificate_end(path, &end, &e) < 0) {
        cli_check_path(k, MSG_CHECK_CERTIFICATE, path, error != 0 ? strerror(error) : e.sys_errno != 0 ? strerror(e.sys_errno) : "PEM, DER");
        return;
    }
    days = end < time_wall_ms() ? -1 : (end - time_wall_ms()) / DAY_MS;
    snprintf(text, sizeof text, "%lld", (long long)days);
    if (days < WARN_DAYS)
        cli_check_path(k, days < 0 ? MSG_CHECK_CERTIFICATE_ENDED : MSG_CHECK_CERTIFICATE_ENDS, path, text);
}

/* The desk reads its end for the status page. */
static void try_certificate_end(struct cli_checks *k, const char *user, const char *path)
{
    int error = path == NULL || access(path, F_OK) < 0 ? 0 : access_as(user, path, R_OK);

    if (error != 0)
        cli_check_path(k, MSG_CHECK_CERTIFICATE, path, user);
}

/* The workers map the set before they are confined; they never compile it. */
static void try_set(struct cli_checks *k, const struct settings *s)
{
    struct validate_set *set = NULL;
    struct err e = ERR_INIT;
    char path[4096];
    int error;

    if (s->fhir_set == NULL)
        return;
    snprintf(path, sizeof path, "%s/sets/%s.image", s->fhir_dir, s->fhir_set);
    if ((error = validate_set_open(path, &set, &e)) == ERR_NOTFOUND)
        cli_check(k, MSG_PACKAGE_SET_UNKNOWN, path, s->fhir_set, NULL);
    else if (error < 0)
        cli_check(k, e.msg == MSG_NONE ? MSG_CHECK_FILE : e.msg, path, e.arg[0], e.arg[1]);
    else if ((error = access_as(s->convert_user, path, R_OK)) != 0)
        cli_check_path(k, MSG_CHECK_FILE, path, strerror(error));
    validate_set_close(set);
}

static void try_masters(struct cli_checks *k, const struct settings *s)
{
    struct codes_masters *masters = NULL;
    struct err e = ERR_INIT;

    if (s->master_dir == NULL)
        return;
    try_folder(k, s->convert_user, s->master_dir, false, false);
    if (codes_masters_load(s->master_dir, &masters, &e) < 0 && e.msg != MSG_IO)
        cli_check(k, e.msg, s->master_dir, e.arg[0], e.arg[1]);
    codes_masters_free(masters);
}

/* One that several links name is told of once; one that is not there at each, because each may mean another. */
static void try_profile(struct cli_checks *k, const struct settings *s, const struct settings_link *link)
{
    static const struct faults none;
    struct exchange_profile *profile = NULL;
    struct faults faults = none;
    struct err e = ERR_INIT;
    char path[4096];

    snprintf(path, sizeof path, "%s/%s.conf", s->profile_dir, link->profile);
    for (const struct settings_link *other = s->link; other < link; other++)
        if (strcmp(other->profile, link->profile) == 0 && access(path, F_OK) == 0)
            return;
    if (exchange_profile_load_telling(path, &(struct conf_faults){ keep_fault, &faults }, &profile, &e) < 0 && e.msg != MSG_NONE && settings_profile_missing(s, link, &e) < 0
        && e.arg[0][0] == '\0')
        text_copy(e.arg[0], sizeof e.arg[0], path);
    tell_faults(k, &faults);
    if (e.msg != MSG_NONE)
        tell_fault(k, &e);
    exchange_profile_free(profile);
}

static void try_link(struct cli_checks *k, const struct settings *s, const struct settings_link *link)
{
    try_profile(k, s, link);
    try_folder(k, s->link_user, link->folder, false, false);
    try_secret(k, s->link_user, link->login_password_file);
    try_secret(k, s->link_user, link->key_password_file);
    try_secret(k, s->link_user, link->key);
    try_certificate(k, s->link_user, link->certificate);
    try_certificate_end(k, s->desk_user, link->certificate);
    try_certificate(k, s->link_user, link->ca);
}

/* Read as a worker reads it. */
static void try_code_map(struct cli_checks *k, const struct settings *s, const struct settings_facility *facility)
{
    struct code_map *map = NULL;
    struct err e = ERR_INIT;

    if (facility->code_map == NULL)
        return;
    try_file(k, s->convert_user, facility->code_map, R_OK, MSG_CHECK_FILE);
    if (access(facility->code_map, R_OK) == 0 && code_map_load(facility->code_map, &map, &e) < 0)
        cli_check(k, e.msg, e.place, e.arg[0], e.arg[1]);
    code_map_free(map);
}

static void try_source(struct cli_checks *k, const struct settings *s, const struct settings_source *source)
{
    static const struct { const char *name; bool may_be_missing; } folders[] = { { "in", false }, { "out", false }, { "done", false }, { "error", false }, { "try", true } };
    char path[4096];

    try_folder(k, s->spool_user, source->root, true, false);
    if (access(source->root, F_OK) < 0)
        return;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (snprintf(path, sizeof path, "%s/%s", source->root, folders[i].name) < (int)sizeof path)
            try_folder(k, s->spool_user, path, true, true);
}

static void try_signer(struct cli_checks *k, const struct settings *s, const struct settings_signer *signer)
{
    if (signer->type == SIGNER_KEY_FILE)
        cli_check(k, MSG_CHECK_KEY_FILE, "", signer->name, NULL);
    try_file(k, s->sign_user, signer->module, R_OK, MSG_CHECK_FILE);
    try_secret(k, s->sign_user, signer->key);
    try_secret(k, s->sign_user, signer->pin_credential);
    try_certificate(k, s->sign_user, signer->certificate);
}

static void try_users(struct cli_checks *k, const struct settings *s)
{
    const char *const users[] = { s->desk_user, s->spool_user, s->convert_user, s->sign_user, s->link_user };

    for (size_t i = 0; i < sizeof users / sizeof *users && geteuid() == 0; i++)
        if (getpwnam(users[i]) == NULL)
            cli_check(k, MSG_CHECK_USER, "", users[i], NULL);
    for (size_t i = 0; i < sizeof users / sizeof *users; i++) {
        int error = access_as(users[i], s->file, R_OK);
        if (error == 0)
            continue;
        cli_check(k, MSG_CHECK_FILE, "", s->file, users[i]); /* every process reads the configuration */
        break;
    }
}

void cli_check_settings(struct cli *c, struct cli_checks *k)
{
    const struct settings *s = c->settings;
    const struct { const char *name; size_t count; } needed[] = { { "facility CODE", s->facilities }, { "source NAME", s->sources }, { "link NAME", s->links } };

    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (needed[i].count == 0)
            cli_check(k, MSG_CHECK_NOTHING_TO_DO, "", needed[i].name, NULL);
    try_users(k, s);
    if (strlen(s->run_dir) > RUN_DIR_MAX)
        cli_check(k, MSG_CHECK_PATH_LONG, "", s->run_dir, NULL);
    try_folder(k, s->desk_user, s->state_dir, true, true);
    try_folder(k, s->desk_user, s->run_dir, true, true);
    try_folder(k, s->desk_user, s->doors_dir, false, false);
    try_folder(k, s->spool_user, s->page_dir, true, false);
    try_folder(k, s->convert_user, s->trust_dir, false, false);
    try_folder(k, s->convert_user, s->intermediate_dir, false, false);
    try_folder(k, s->convert_user, s->crl_dir, false, false);
    try_set(k, s);
    try_masters(k, s);
    for (size_t i = 0; i < s->links; i++)
        try_link(k, s, &s->link[i]);
    for (size_t i = 0; i < s->facilities; i++)
        try_code_map(k, s, &s->facility[i]);
    for (size_t i = 0; i < s->sources; i++)
        try_source(k, s, &s->source[i]);
    for (size_t i = 0; i < s->signers; i++)
        try_signer(k, s, &s->signer[i]);
}

static void tell_gone(struct cli_checks *k, const struct settings *s, const char *source, const char *number)
{
    if (settings_find_source(s, source) < 0)
        cli_check(k, MSG_CHECK_SOURCE_GONE, "", source, number);
}

/* The running desk knows: lines "source<TAB>number". */
static void ask_gone_sources(struct cli *c, struct cli_checks *k, int fd)
{
    const char *verb = c->verb;
    size_t options = c->options, plains = c->plains;
    struct buf text;
    int content = -1;

    buf_init(&text, CLI_REPLY_MAX);
    c->verb = "waiting";
    c->options = c->plains = 0;
    if (cli_send(c, fd, NULL) == 0 && wire_receive(fd, &c->in, NULL) == 0) {
        content = c->in.type == WIRE_REPLY ? wire_take_fd(&c->in, F_CONTENT) : -1;
        wire_release(&c->in);
    }
    c->verb = verb;
    c->options = options;
    c->plains = plains;
    if (content >= 0 && file_read_fd(content, CLI_REPLY_MAX, &text, NULL) == 0 && buf_add_char(&text, '\0') == 0)
        for (char *line = text.data, *end; *line != '\0'; line = end) {
            char *tab = strchr(line, '\t');
            end = strchr(line, '\n');
            if (tab == NULL || end == NULL || tab > end)
                break;
            *tab = *end++ = '\0';
            tell_gone(k, c->settings, line, tab + 1);
        }
    if (content >= 0)
        close(content);
    buf_free(&text);
}

void cli_check_sources(struct cli *c, struct cli_checks *k, struct store *store)
{
    struct facts_waiting waiting;
    char number[24];
    int fd = store == NULL ? cli_connect(c, NULL) : -1;

    if (fd >= 0) {
        ask_gone_sources(c, k, fd);
        close(fd);
    }
    if (store == NULL || facts_waiting(store, &waiting, NULL) < 0)
        return;
    for (size_t i = 0; i < waiting.count; i++) {
        snprintf(number, sizeof number, "%lld", (long long)waiting.source[i].requests);
        tell_gone(k, c->settings, waiting.source[i].name, number);
    }
}

int cli_check_config(struct cli *c)
{
    struct cli_checks *k = cli_checks_new(c);
    struct faults *faults = arena_alloc(c->arena, sizeof *faults);
    struct store *store = NULL;
    struct err e = ERR_INIT;
    int r;

    if (k == NULL || faults == NULL)
        return cli_say(c, CLI_FAILED, MSG_NOMEM, "check-config", NULL);
    if (c->plains > 0)
        c->config = c->plain[0];
    c->settings = NULL;
    r = settings_load_telling(c->config, c->arena, &(struct conf_faults){ keep_fault, faults }, &c->settings, &e);
    tell_faults(k, faults);
    if (r < 0 && e.msg != MSG_NONE)
        tell_fault(k, &e);
    else if (r == 0) {
        cli_check_settings(c, k);
        (void)cli_store(c, STORE_READ_ONLY, &store, NULL); /* refused while a desk has it; last, because it takes on the desk's user for good */
        cli_check_sources(c, k, store);
        store_close(store);
    }
    if (cli_checks_clean(k))
        cli_check(k, MSG_CHECK_FINE, "", c->config, NULL);
    return cli_checks_end(k);
}
