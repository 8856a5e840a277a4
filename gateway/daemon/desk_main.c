/*
 * NAME
 *      clinsgwd - the desk: store, state machine, timers
 *
 * SYNOPSIS
 *      clinsgwd [CONFIG]
 *
 * DESCRIPTION
 *      Reads the configuration (default /etc/clinsgw/clinsgw.conf), opens the store, starts the doors, and turns until told to stop (SIGTERM, SIGINT).
 *      SIGHUP reads the configuration anew: one that is wrong, or that no worker comes up with, is refused and the old one stays in force with its
 *      doors; a right one replaces them.
 *      Started as root it becomes the desk's user and starts each door under its own.
 *
 * DIAGNOSTICS
 *      Exit status 0 after a stop, 70 when it cannot start (the reason on standard error and in the journal), 71 when the store failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "base/crypt.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/timefmt.h"
#include "daemon/desk.h"
#include "daemon/flow_settings.h"
#include "daemon/version.h"

enum { STOP_MS = 4000, DIE_MS = 500, QUIET_MS = 40, REST_MS = 400, CONFIG_MAX = 1 << 20, POLL_MAX = DESK_DOORS_MAX + DESK_CLIENTS_MAX + 2 };

static int load_profiles(const struct settings *s, struct exchange_profile *ret_profile[SETTINGS_MAX], struct err *e)
{
    int r = 0;

    for (size_t i = 0; i < s->links && r == 0; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s.conf", s->profile_dir, s->link[i].profile);
        r = exchange_profile_load(path, &ret_profile[i], e);
        if (r < 0)
            r = settings_profile_missing(s, &s->link[i], e);
    }
    return r;
}

int desk_config_open(const char *path, struct err *e)
{
    struct buf text;
    int r;

    buf_init(&text, CONFIG_MAX);
    r = file_read(AT_FDCWD, path, CONFIG_MAX, &text, e);
    if (r == 0)
        r = memfd_seal("clinsgw-config", text.data, text.len, e);
    buf_free(&text);
    return r;
}

/* Before there is a log: the configuration says in which language it is kept. */
static void say_plainly(void *context, const struct err *e)
{
    char text[2048];

    (void)context;
    msg_format(e->msg, LANG_JA, e->arg[0], e->arg[1], text, sizeof text);
    fprintf(stderr, "clinsgwd: %s %s %s\n", msg_get(e->msg)->code, text, e->place);
}

static void tell_fault(void *context, const struct err *e)
{
    desk_log(context, e);
}

/* Loads everything that a configuration names; on failure nothing is changed. Mistakes that were told are not left in *e. */
static int load_config(struct desk *d, const struct conf_faults *faults, struct err *e)
{
    struct arena *arena = arena_new(16 << 20);
    struct settings *settings = NULL;
    struct exchange_profile *profile[SETTINGS_MAX] = { NULL };
    int config = desk_config_open(d->config_path, e), r = config;

    if (r >= 0)
        r = arena == NULL ? err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "configuration", NULL) : settings_load_fd(config, d->config_path, arena, faults, &settings, e);
    if (r == 0)
        r = load_profiles(settings, profile, e);
    if (r < 0) {
        if (config >= 0)
            close(config);
        for (size_t i = 0; i < SETTINGS_MAX; i++)
            exchange_profile_free(profile[i]);
        arena_free(arena);
        return r;
    }
    for (size_t i = 0; i < SETTINGS_MAX; i++) {
        exchange_profile_free(d->profile[i]);
        d->profile[i] = profile[i];
    }
    if (d->config >= 0)
        close(d->config);
    d->config = config;
    arena_free(d->arena);
    d->arena = arena;
    d->settings = settings;
    desk_flow_config(d);
    return 0;
}

void desk_flow_config(struct desk *d)
{
    flow_settings(d->settings, d->profile, &d->cfg);
}

static int open_signals(struct err *e)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? err_set_errno(e, MSG_IO, NULL, "signalfd") : fd;
}

static int start(struct desk *d, struct err *e)
{
    int r = load_config(d, &(struct conf_faults){ say_plainly, NULL }, e);

    if (r == 0)
        r = proc_become_starter(d->settings->desk_user, e);
    if (r == 0)
        r = proc_no_core(e);
    if (r == 0) {
        d->log = log_new("clinsgwd", "/run/systemd/journal/socket", (enum msg_lang)d->settings->language, e);
        r = d->log == NULL ? ERR_IO : 0;
    }
    if (r == 0)
        r = d->signals = open_signals(e);
    if (r >= 0)
        r = store_open(d->settings->state_dir, STORE_READ_WRITE, &d->store, e);
    if (r == 0)
        r = desk_status_open(d, e);
    if (r == 0)
        r = desk_house_open(d, e);
    if (r == 0)
        r = desk_try_new(d, e);
    if (r == 0)
        r = desk_control_open(d, e);
    if (r == 0)
        r = desk_doors_plan(d, e);
    if (r == 0)
        r = desk_flow_start(d, e);
    return r;
}

/* ---- configuration read anew ---- */

/* Gives what this turn has ordered, and what follows from that. Before doors end: then what they hold is what they were given. */
static void give_all(struct desk *d)
{
    for (int i = 0; i < 4 && !d->failed; i++) {
        desk_turn_commit(d);
        if (!desk_events_due(d))
            break;
    }
    desk_turn_commit(d);
}

/* False: one hangs in its share and does not even die. */
static bool stop_doors(struct desk *d, bool links_too)
{
    int64_t until = time_boot_ms() + STOP_MS;
    bool alive = true;

    give_all(d);
    d->replacing = true;
    for (size_t i = 0; links_too && i < d->settings->links; i++)
        desk_link_down(d, d->settings->link[i].name);
    desk_doors_stop(d, links_too);
    while (alive && time_boot_ms() < until + DIE_MS) {
        struct pollfd p = { .fd = d->signals, .events = POLLIN };
        struct signalfd_siginfo info;
        alive = false;
        desk_doors_reap(d);
        for (size_t i = 0; i < d->doors; i++) {
            if (d->door[i].pid > 0 && time_boot_ms() >= until)
                desk_door_kill(d, i);
            alive = alive || d->door[i].pid > 0;
        }
        if (alive)
            (void)poll(&p, 1, 100);
        while (read(d->signals, &info, sizeof info) == (ssize_t)sizeof info)
            d->stopping |= info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT;
    }
    d->replacing = false;
    d->replaced_ms = time_boot_ms();
    return !alive;
}

/* What waits for a source that is gone waits for ever: its outcome has no folder. */
static void tell_gone_sources(struct desk *d)
{
    struct facts_waiting waiting;
    struct err e = ERR_INIT;
    char number[24];

    if (facts_waiting(d->store, &waiting, &e) < 0) {
        desk_log(d, &e);
        return;
    }
    for (size_t i = 0; i < waiting.count; i++) {
        if (settings_find_source(d->settings, waiting.source[i].name) >= 0)
            continue;
        snprintf(number, sizeof number, "%lld", (long long)waiting.source[i].requests);
        desk_log_plain(d, MSG_CHECK_SOURCE_GONE, waiting.source[i].name, number);
    }
}

static void refuse_reload(struct desk *d, const struct err *e)
{
    if (e->msg != MSG_NONE) /* else each mistake was told */
        desk_log(d, e);
    desk_log_plain(d, MSG_RELOAD_REFUSED, "", "");
}

static void reload(struct desk *d)
{
    struct err e = ERR_INIT;
    struct flow_event event = { .type = FLOW_EV_RELOADED };
    struct arena *probe = arena_new(16 << 20);
    const struct conf_faults faults = { tell_fault, d };
    struct settings *wanted = NULL;

    if (probe == NULL || settings_load_telling(d->config_path, probe, &faults, &wanted, &e) < 0 || desk_doors_probe(d, &e) < 0) { /* asked before anything is stopped */
        refuse_reload(d, &e);
        arena_free(probe);
        return;
    }
    arena_free(probe);
    if (!stop_doors(d, true)) { /* no successor may start beside it: all anew, as after a crash */
        d->stopping = d->failed = true;
        return;
    }
    if (load_config(d, &faults, &e) < 0) {
        refuse_reload(d, &e);
    } else {
        desk_log_plain(d, MSG_RELOADED, "", "");
        tell_gone_sources(d);
    }
    d->doors = 0;
    if (desk_doors_plan(d, &e) < 0)
        desk_log(d, &e);
    desk_event(d, &event);
}

static void on_signals(struct desk *d)
{
    struct signalfd_siginfo info;

    while (read(d->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP)
            reload(d);
        else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            d->stopping = true;
    }
    desk_doors_reap(d);
}

/* ---- the loop ---- */

static int64_t next_due(struct desk *d)
{
    int64_t due = INT64_MAX, house = desk_house_due(d), status = desk_status_due(d);
    struct err e = ERR_INIT;

    if (flow_next_due(d->flow, &store_flow_ops, d->store, &due, &e) < 0) {
        desk_log(d, &e);
        d->failed = true;
        return 0;
    }
    for (size_t i = 0; i < d->doors; i++)
        if (d->door[i].pid == 0 && d->door[i].start_ms < due)
            due = d->door[i].start_ms;
    if (d->later != NULL)
        due = 0;
    due = house < due ? house : due;
    due = desk_turn_due(d) < due ? desk_turn_due(d) : due;
    return status < due ? status : due;
}

static void wait_for_work(struct desk *d, struct pollfd *p, size_t *ret_doors)
{
    int64_t due = next_due(d), left = due - time_boot_ms();
    size_t n = 0;

    desk_log_flush(d);
    p[n++] = (struct pollfd){ .fd = d->signals, .events = POLLIN };
    p[n++] = (struct pollfd){ .fd = d->control, .events = POLLIN };
    for (size_t i = 0; i < DESK_CLIENTS_MAX; i++)
        p[n++] = (struct pollfd){ .fd = d->client[i].fd, .events = POLLIN };
    *ret_doors = n;
    for (size_t i = 0; i < d->doors; i++)
        p[n++] = (struct pollfd){ .fd = d->door[i].fd, .events = POLLIN };
    if (left > 60 * 1000)
        left = 60 * 1000;
    if (left > QUIET_MS) { /* the store's own work is done when nobody waits for the desk */
        if (poll(p, n, QUIET_MS) != 0)
            return;
        store_tidy(d->store);
        left -= QUIET_MS;
    }
    if (left > REST_MS) { /* what busier times needed goes back to the system */
        if (poll(p, n, REST_MS) != 0)
            return;
        store_rest(d->store);
        (void)malloc_trim(0);
        left -= REST_MS;
    }
    while (poll(p, n, left < 0 ? 0 : (int)left) < 0 && errno == EINTR)
        continue;
}

static void turn(struct desk *d, const struct pollfd *p, size_t first_door)
{
    struct flow_event timer = { .type = FLOW_EV_TIMER };
    struct err e = ERR_INIT;
    int64_t now, due = INT64_MAX;
    int heard = 0;

    (void)desk_events_due(d); /* they were true before what is heard now */
    if (p[0].revents != 0) {
        give_all(d);
        on_signals(d);
    }
    for (size_t i = 0; i < d->doors; i++)
        if (p[first_door + i].revents != 0 && d->door[i].fd == p[first_door + i].fd)
            heard += desk_hear(d, i);
    now = time_boot_ms();
    desk_doors_check(d, now);
    if (flow_next_due(d->flow, &store_flow_ops, d->store, &due, &e) == 0 && due <= now)
        desk_event(d, &timer);
    for (size_t i = 0; i < DESK_CLIENTS_MAX; i++)
        if (p[2 + i].revents != 0 && d->client[i].fd == p[2 + i].fd)
            desk_control_hear(d, i);
    if (p[1].revents != 0)
        desk_control_accept(d);
    desk_house_turn(d, now);
    desk_turn_end(d, heard > 0);
    desk_house_care(d, now);
    desk_jobs_check(d, now);
    desk_doors_start(d, now);
    desk_try_check(d);
    desk_status_flush(d, now);
}

int main(int argc, char **argv)
{
    static struct desk d; /* the desk's own state */
    static struct pollfd p[POLL_MAX];
    struct err e = ERR_INIT;
    size_t first_door = 0;

    crypt_start_quiet();
    d.config_path = argc > 1 ? argv[1] : "/etc/clinsgw/clinsgw.conf";
    d.control = d.signals = d.status_log = d.replying = d.config = -1;
    for (size_t i = 0; i < DESK_CLIENTS_MAX; i++)
        d.client[i].fd = -1;
    flow_orders_init(&d.orders);
    buf_init(&d.taken, DESK_TAKEN_MAX);
    if (argc > 2)
        (void)err_set(&e, ERR_INVALID, MSG_CTL_ARGUMENT, NULL, argv[1], NULL);
    if (argc > 2 || start(&d, &e) < 0) {
        if (e.msg != MSG_NONE)
            say_plainly(NULL, &e);
        return 70;
    }
    desk_turn_commit(&d);
    desk_log_plain(&d, MSG_STARTED, CLINSGW_VERSION, "");
    (void)proc_notify(getenv("NOTIFY_SOCKET"), "READY=1", NULL);
    desk_doors_start(&d, time_boot_ms());
    while (!d.stopping) {
        wait_for_work(&d, p, &first_door);
        turn(&d, p, first_door);
    }
    (void)proc_notify(getenv("NOTIFY_SOCKET"), "STOPPING=1", NULL);
    (void)stop_doors(&d, true);
    desk_turn_commit(&d);
    desk_log_plain(&d, MSG_STOPPED, "", "");
    desk_log_flush(&d);
    buf_free(&d.lines);
    buf_free(&d.taken);
    desk_control_close(&d);
    desk_try_free(&d);
    flow_state_free(d.flow);
    flow_orders_free(&d.orders);
    store_close(d.store);
    log_free(d.log);
    arena_free(d.arena);
    return d.failed ? 71 : 0;
}
