/*
 * NAME
 *      cmd_doctor - clinsgw doctor: what is wrong with the installation
 *
 * DESCRIPTION
 *      All that check-config looks at, then programs, shares with their marker, names in .work/ that are not ours, clock, disk, PKCS#11 modules, and (when clinsgwd is stopped) the whole
 *      store. A module is foreign code: it is loaded in a child that has become the user of the signing process.
 *
 *      --after-restore is a step of every restore, with clinsgwd stopped: everything that is not final becomes unknown and is held, request names jump over
 *      those that may have been used, sending is paused.
 *
 * DIAGNOSTICS
 *      Exit status 1 when an error was found.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "base/proc.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "daemon/flow_settings.h"
#include "sign/sign.h"
#include "spool/spool.h"

enum module_state { MODULE_FINE, MODULE_NO_CARD, MODULE_BAD, MODULE_USER };

static void try_programs(struct cli_checks *k, const struct settings *s)
{
    static const char *const programs[] = { "clinsgw-spool", "clinsgw-convert", "clinsgw-sign", "clinsgw-link" };
    char path[4096];

    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
        if (snprintf(path, sizeof path, "%s/%s", s->doors_dir, programs[i]) >= (int)sizeof path || access(path, X_OK) < 0)
            cli_check(k, MSG_DOCTOR_DOOR, "", path, strerror(errno));
}

static void try_marker(struct cli_checks *k, const struct settings *s, const struct settings_link *link)
{
    struct exchange_profile *profile = NULL;
    char path[4096], marker[4096];
    struct stat st;

    if (link->folder == NULL || snprintf(path, sizeof path, "%s/%s.conf", s->profile_dir, link->profile) >= (int)sizeof path ||
        exchange_profile_load(path, &profile, NULL) < 0)
        return; /* check-config has said why */
    if (snprintf(marker, sizeof marker, "%s/%s", link->folder, profile->marker) >= (int)sizeof marker || lstat(marker, &st) < 0 || !S_ISREG(st.st_mode))
        cli_check(k, MSG_DOCTOR_MARKER, "", link->name, profile->marker);
    exchange_profile_free(profile);
}

/* What another gateway, or this one under another name, has claimed lies there until a person moves it. */
static void try_left_behind(struct cli_checks *k, const struct settings *s, const struct settings_source *source)
{
    size_t foreign = 0;
    char number[24];

    if (spool_count_foreign(source->root, s->host, &foreign) < 0 || foreign == 0)
        return; /* check-config has said what is wrong with the folders */
    snprintf(number, sizeof number, "%zu", foreign);
    cli_check(k, MSG_SPOOL_FOREIGN, source->root, source->name, number);
}

static void try_disk(struct cli_checks *k, const struct settings *s)
{
    struct statvfs st;
    int64_t free_bytes;
    char text[24];

    if (statvfs(s->state_dir, &st) < 0)
        return;
    free_bytes = (int64_t)st.f_bavail * (int64_t)st.f_frsize;
    snprintf(text, sizeof text, "%lld", (long long)(free_bytes / 1000000));
    if (free_bytes < s->low_water_intake)
        cli_check(k, MSG_DOCTOR_DISK, "", s->state_dir, text);
}

static void try_clock(struct cli_checks *k)
{
    struct timex t = { 0 };

    if (adjtimex(&t) >= 0 && (t.status & STA_UNSYNC) != 0)
        cli_check(k, MSG_DOCTOR_CLOCK, "", NULL, NULL);
}

static enum module_state ask_module(const struct settings *s, const struct settings_signer *signer)
{
    struct sign_signer_conf conf = { .module = signer->module, .token_label = signer->token };
    struct sign_signer *opened = NULL;
    struct sign_token_status status;
    int devnull = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (devnull >= 0) { /* modules talk to whoever listens */
        (void)dup2(devnull, STDOUT_FILENO);
        (void)dup2(devnull, STDERR_FILENO);
    }
    if (proc_become(s->sign_user, NULL) < 0)
        return MODULE_USER;
    if (sign_signer_open(&sign_signer_pkcs11, &conf, &opened, NULL) < 0)
        return MODULE_BAD;
    memset(&status, 0, sizeof status);
    if (sign_signer_status(opened, &status, NULL) < 0)
        return MODULE_BAD;
    return status.present ? MODULE_FINE : MODULE_NO_CARD;
}

static void try_module(struct cli_checks *k, const struct settings *s, const struct settings_signer *signer)
{
    int status = 0;
    pid_t pid;

    if (signer->type != SIGNER_PKCS11)
        return;
    pid = fork();
    if (pid == 0)
        _exit((int)ask_module(s, signer));
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) == MODULE_BAD || WEXITSTATUS(status) == MODULE_USER)
        cli_check(k, MSG_DOCTOR_MODULE, "", signer->name, WIFEXITED(status) && WEXITSTATUS(status) == MODULE_USER ? s->sign_user : signer->module);
    else if (WEXITSTATUS(status) == MODULE_NO_CARD)
        cli_check(k, MSG_DOCTOR_NO_CARD, "", signer->name, NULL);
}

static void say_fault(void *ctx, const char *fault)
{
    cli_check(ctx, MSG_DOCTOR_STORE_FAULT, "", fault, NULL);
}

/* Last: it takes on the desk's user for good. */
static void try_store(struct cli *c, struct cli_checks *k)
{
    struct store *store = NULL;
    struct err e = ERR_INIT;
    int r = cli_store(c, STORE_READ_ONLY, &store, &e);

    if (r == 0)
        cli_check_sources(c, k, store);
    if (r == 0)
        r = store_verify(store, say_fault, k, &e);
    if (r == 0)
        cli_check(k, MSG_DOCTOR_STORE_FINE, "", NULL, NULL);
    else if (r == ERR_NOT_NOW)
        cli_check(k, MSG_DOCTOR_STORE_BUSY, "", NULL, NULL);
    else if (r < 0 && r != ERR_NOTFOUND)
        cli_check(k, e.msg, e.place, e.arg[0], e.arg[1]);
    store_close(store);
}

/* ---- after a restore ---- */

static int load_flow(struct cli *c, struct flow_config *ret_config, struct err *e)
{
    struct exchange_profile *profile[SETTINGS_MAX] = { NULL };
    char path[4096];
    int r = 0;

    for (size_t i = 0; i < c->settings->links && r == 0; i++) {
        snprintf(path, sizeof path, "%s/%s.conf", c->settings->profile_dir, c->settings->link[i].profile);
        r = exchange_profile_load(path, &profile[i], e);
    }
    if (r == 0)
        flow_settings(c->settings, profile, ret_config);
    for (size_t i = 0; i < SETTINGS_MAX; i++)
        exchange_profile_free(profile[i]);
    return r;
}

static int after_restore(struct cli *c)
{
    struct flow_config *config = calloc(1, sizeof *config);
    struct flow_state *state = NULL;
    struct flow_orders orders;
    struct flow_event event = { .type = FLOW_EV_AFTER_RESTORE, .wall_ms = time_wall_ms(), .boot_ms = time_boot_ms() };
    struct store *store = NULL;
    struct err e = ERR_INIT;
    int r = config == NULL ? err_set(&e, ERR_NOMEM, MSG_NOMEM, NULL, "doctor", NULL) : load_flow(c, config, &e);

    flow_orders_init(&orders);
    snprintf(event.u.operate.actor, sizeof event.u.operate.actor, "operator:%u", (unsigned)getuid());
    if (r == 0)
        r = cli_store(c, STORE_READ_WRITE, &store, &e);
    if (r == 0)
        r = rand_fill(event.seed, sizeof event.seed, &e);
    if (r == 0 && (state = flow_state_new(&e)) == NULL)
        r = ERR_NOMEM;
    if (r == 0)
        r = store_begin(store, &e);
    if (r == 0)
        r = flow_step(config, state, &store_flow_ops, store, &event, &orders, &e);
    if (r == 0)
        r = store_commit(store, &e); /* what it would order is for a running desk: the rows say it all */
    flow_orders_free(&orders);
    flow_state_free(state);
    store_close(store);
    free(config);
    return r < 0 ? cli_say_err(c, CLI_FAILED, &e) : cli_say(c, CLI_DONE, MSG_DOCTOR_RESTORED, NULL, NULL);
}

int cli_doctor(struct cli *c)
{
    const struct settings *s = c->settings;
    struct cli_checks *k;
    int fd = cli_connect(c, NULL);

    if (fd >= 0)
        close(fd);
    if (cli_has(c, "after-restore"))
        return fd >= 0 ? cli_say(c, CLI_FAILED, MSG_CLI_DESK_RUNS, NULL, NULL) : after_restore(c);
    k = cli_checks_new(c);
    if (k == NULL)
        return cli_say(c, CLI_FAILED, MSG_NOMEM, "doctor", NULL);
    cli_check_settings(c, k);
    try_programs(k, s);
    for (size_t i = 0; i < s->links; i++)
        try_marker(k, s, &s->link[i]);
    for (size_t i = 0; i < s->sources; i++)
        try_left_behind(k, s, &s->source[i]);
    try_disk(k, s);
    try_clock(k);
    for (size_t i = 0; i < s->signers; i++)
        try_module(k, s, &s->signer[i]);
    if (fd >= 0) {
        cli_check_sources(c, k, NULL);
        cli_check(k, MSG_DOCTOR_STORE_BUSY, "", NULL, NULL);
    } else {
        try_store(c, k);
    }
    if (cli_checks_clean(k))
        cli_check(k, MSG_CHECK_FINE, "", c->config, NULL);
    return cli_checks_end(k);
}
