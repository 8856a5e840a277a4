/*
 * NAME
 *      desk_doors - the door processes: start, watch, end, start again
 *
 * DESCRIPTION
 *      A successor is never started before waitpid() has seen its predecessor's end, and waits for the predecessor's lock besides. A door that ends
 *      soon after its start is started again ever more slowly, up to a minute. What a dead door held becomes events: pure orders are
 *      reported lost and given again by the state machine, a submit never is.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "base/proc.h"
#include "base/timefmt.h"
#include "daemon/desk.h"
#include "daemon/door.h"

enum { RESTART_FIRST_MS = 200, RESTART_MAX_MS = 60 * 1000, STEADY_MS = 60 * 1000, DROP_MS = 2000, DROPPED_MS = 1000, DEAF_MS = 120 * 1000, PROBE_MS = 20 * 1000 };

static const char *const program[DESK_DOOR_KINDS] = { "clinsgw-spool", "clinsgw-convert", "clinsgw-sign", "clinsgw-link" };

static const char *user_of(const struct settings *s, enum desk_door_kind kind)
{
    const char *const user[DESK_DOOR_KINDS] = { s->spool_user, s->convert_user, s->sign_user, s->link_user };
    return user[kind];
}

/* ---- plan ---- */

static int add_door(struct desk *d, enum desk_door_kind kind, const char *name, struct err *e)
{
    struct desk_door *door;

    if (d->doors == DESK_DOORS_MAX)
        return err_set(e, ERR_LIMIT, MSG_LIMIT, NULL, "doors", NULL);
    door = &d->door[d->doors++];
    memset(door, 0, sizeof *door);
    door->kind = kind;
    door->fd = -1;
    snprintf(door->name, sizeof door->name, "%s", name);
    return 0;
}

/* Sources on one file system share a door; one that cannot be reached now gets its own. */
static int plan_sources(struct desk *d, struct err *e)
{
    const struct settings *s = d->settings;
    dev_t dev[SETTINGS_MAX];
    bool done[SETTINGS_MAX] = { false };
    int r = 0;

    for (size_t i = 0; i < s->sources; i++) {
        struct stat st;
        dev[i] = stat(s->source[i].root, &st) == 0 ? st.st_dev : 0;
    }
    for (size_t i = 0; i < s->sources && r == 0; i++) {
        char group[sizeof d->door[0].name];
        int n = snprintf(group, sizeof group, ",%s,", s->source[i].name);
        if (done[i])
            continue;
        for (size_t k = i + 1; k < s->sources; k++)
            if (!done[k] && dev[i] != 0 && dev[k] == dev[i] && (size_t)n + strlen(s->source[k].name) + 2 < sizeof group) {
                n += snprintf(group + n, sizeof group - (size_t)n, "%s,", s->source[k].name);
                done[k] = true;
            }
        r = add_door(d, DESK_SPOOL, group, e);
    }
    return r;
}

int desk_doors_plan(struct desk *d, struct err *e)
{
    const struct settings *s = d->settings;
    int r = plan_sources(d, e);

    memset(d->link_up, 0, sizeof d->link_up);
    memset(d->source_up, 0, sizeof d->source_up);
    for (size_t i = 0; i < SETTINGS_MAX; i++)
        d->signer[i] = (struct desk_signer){ .state = FLOW_SIGNER_DOWN }; /* until its door has said otherwise */

    for (int64_t i = 0; i < s->workers && r == 0; i++) {
        char name[24];
        snprintf(name, sizeof name, "%lld", (long long)i);
        r = add_door(d, DESK_CONVERT, name, e);
    }
    for (size_t i = 0; i < s->signers && r == 0; i++)
        r = add_door(d, DESK_SIGN, s->signer[i].name, e);
    for (size_t i = 0; i < s->links && r == 0; i++)
        r = add_door(d, DESK_LINK, s->link[i].name, e);
    return r;
}

/* ---- start ---- */

static int open_lock(const struct desk *d, const struct desk_door *door)
{
    char name[640];

    snprintf(name, sizeof name, "%s/door-%s-%s.lock", d->settings->run_dir, program[door->kind] + sizeof "clinsgw-" - 1, door->name);
    for (char *c = name + strlen(d->settings->run_dir) + 1; *c != '\0'; c++)
        if (*c == '/' || *c == ',')
            *c = '_';
    return open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* Hands the door's secrets over as open files, because only the desk's user may open them; the desk itself never reads them. */
static void hand_over_secrets(const struct settings *s, const struct desk_door *door)
{
    int link = door->kind == DESK_LINK ? settings_find_link(s, door->name) : -1, signer = door->kind == DESK_SIGN ? settings_find_signer(s, door->name) : -1;
    const char *const name[2] = { link >= 0 ? s->link[link].login_password_file : signer >= 0 ? s->signer[signer].pin_credential : NULL,
                                  link >= 0 ? s->link[link].key_password_file : NULL };

    for (int i = 0; i < 2; i++) {
        int fd = settings_secret_open(name[i]), high = fd < 0 ? -1 : fcntl(fd, F_DUPFD, 16); /* above all numbers that mean something to a door */
        if (fd >= 0)
            close(fd);
        close(DOOR_SECRET + i);
        if (high >= 0 && dup2(high, DOOR_SECRET + i) < 0)
            _exit(70);
    }
}

static _Noreturn void become_door(const struct desk *d, const struct desk_door *door, int socket, int lock)
{
    char path[4096];
    char *argv[] = { path, (char *)(uintptr_t)d->config_path, (char *)(uintptr_t)door->name, NULL };
    sigset_t none;
    struct err e = ERR_INIT;
    int high_socket = fcntl(socket, F_DUPFD, 16), high_lock = fcntl(lock, F_DUPFD, 16), high_config = fcntl(d->config, F_DUPFD, 16);

    snprintf(path, sizeof path, "%s/%s", d->settings->doors_dir, program[door->kind]);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (high_socket < 0 || high_lock < 0 || dup2(high_socket, DOOR_SOCKET) < 0 || dup2(high_lock, DOOR_LOCK) < 0)
        _exit(70);
    close(high_socket);
    close(high_lock);
    hand_over_secrets(d->settings, door);
    if (high_config < 0 || dup2(high_config, DOOR_CONFIG) < 0)
        _exit(70);
    close_range(DOOR_CONFIG + 1, ~0u, 0);
    umask(door->kind == DESK_SPOOL ? 0007 : 0077);
    if (proc_become(user_of(d->settings, door->kind), &e) < 0)
        _exit(70);
    execv(path, argv);
    _exit(70);
}

static void start_door(struct desk *d, struct desk_door *door, int64_t boot_ms)
{
    struct err e = ERR_INIT;
    int fd[2], lock = open_lock(d, door);
    pid_t pid;

    door->start_ms = boot_ms + RESTART_MAX_MS;
    if (lock < 0 || wire_pair(fd, &e) < 0) {
        if (lock < 0)
            err_set_errno(&e, MSG_IO, NULL, "door lock");
        else
            close(lock);
        desk_log(d, &e);
        return;
    }
    pid = fork();
    if (pid == 0)
        become_door(d, door, fd[1], lock);
    close(fd[1]);
    close(lock);
    if (pid < 0) {
        close(fd[0]);
        err_set_errno(&e, MSG_IO, NULL, "fork");
        desk_log(d, &e);
        return;
    }
    door->pid = pid;
    door->fd = fd[0];
    door->ready = door->cut = false;
    door->jobs = 0;
    door->started_ms = boot_ms;
}

void desk_doors_start(struct desk *d, int64_t boot_ms)
{
    for (size_t i = 0; i < d->doors && !d->stopping; i++)
        if (d->door[i].pid == 0 && d->door[i].start_ms <= boot_ms)
            start_door(d, &d->door[i], boot_ms);
}

/* The first word of a worker: ready, or why it cannot be. */
static int hear_probe(struct desk *d, const struct desk_door *door, struct err *e)
{
    struct pollfd p = { .fd = door->fd, .events = POLLIN };
    int64_t until = time_boot_ms() + PROBE_MS, left = PROBE_MS;
    const char *arg[2] = { "", "" };
    int n = -1, r;

    for (; n < 0 && left > 0; left = until - time_boot_ms())
        n = poll(&p, 1, (int)left);
    r = n == 1 ? wire_receive(door->fd, &d->in, NULL) : ERR_TIMEOUT;
    if (r < 0) /* it hangs, or died without a word */
        return err_set(e, (enum err_code)r, MSG_WIRE_CLOSED, NULL, NULL, NULL);
    if (d->in.type == WIRE_PROBLEM) {
        struct wire_group cursor = wire_first(&d->in);
        uint64_t msg = wire_u64(&d->in, F_MSG);

        for (int i = 0; i < 2 && wire_next_text(&cursor, F_ARG, &arg[i]); i++)
            continue;
        r = err_set(e, ERR_INVALID, msg < MSG_COUNT ? (enum msg_id)msg : MSG_INTERNAL, NULL, arg[0], arg[1]);
    }
    wire_release(&d->in);
    return r;
}

int desk_doors_probe(struct desk *d, struct err *e)
{
    struct desk_door door = { .kind = DESK_CONVERT, .name = "probe", .fd = -1 };
    int r, status, in_force = d->config, wanted = desk_config_open(d->config_path, e);

    if (wanted < 0)
        return wanted;
    d->config = wanted;
    start_door(d, &door, time_boot_ms());
    d->config = in_force;
    close(wanted);
    if (door.pid <= 0) /* why is in the log */
        return err_set(e, ERR_IO, MSG_WIRE_CLOSED, NULL, NULL, NULL);
    r = hear_probe(d, &door, e);
    close(door.fd);
    (void)kill(door.pid, SIGKILL);
    while (waitpid(door.pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return r;
}

/* ---- end ---- */

void desk_door_kill(struct desk *d, size_t door)
{
    if (d->door[door].pid > 0)
        kill(d->door[door].pid, SIGKILL);
}

/* A worker does one order after the other: it died of the first that it held. The others wait for the next worker, and so do all when the desk itself ended it. */
static void lose_work(struct desk *d, int index)
{
    struct desk_job *first = NULL;

    for (size_t i = 0; i < DESK_JOBS_MAX; i++) {
        struct desk_job *job = &d->job[i];
        if (!job->used || job->door != index)
            continue;
        job->door = -1;
        job->units = 0;
        job->spoiled = false;
        if (first == NULL || job->given < first->given)
            first = job;
    }
    for (size_t i = 0; i < DESK_JOBS_MAX; i++)
        if (d->job[i].used && d->job[i].door < 0 && d->job[i].try_index > 0) {
            struct desk_job job = d->job[i];
            desk_job_end(d, &d->job[i]); /* a trial makes its order anew */
            desk_try_lost(d, &job, &d->job[i] == first && !d->replacing);
        }
    if (first != NULL && first->used && first->try_index == 0 && !d->replacing) {
        struct flow_event event = { .type = FLOW_EV_WORKER_LOST, .u.subject.token = first->token };
        desk_job_end(d, first);
        desk_event(d, &event);
    }
}

static void lose_signatures(struct desk *d, int index)
{
    for (size_t i = 0; i < DESK_JOBS_MAX; i++)
        if (d->job[i].used && d->job[i].door == index) {
            struct flow_event event = { .type = FLOW_EV_SIGN_LOST, .u.subject.token = d->job[i].token };
            desk_job_end(d, &d->job[i]);
            desk_event(d, &event);
        }
}

/* What was claimed and not handed over does not count as on its way in any more: it comes again when the share is back, and other shares do not wait for it. */
static void lose_sources(struct desk *d, const char *group)
{
    for (size_t i = 0; i < d->settings->sources; i++) {
        struct flow_event event = { .type = FLOW_EV_SPOOL_UP };
        char wanted[FLOW_SOURCE + 2];
        snprintf(wanted, sizeof wanted, ",%s,", d->settings->source[i].name);
        if (strstr(group, wanted) == NULL)
            continue;
        d->source_up[i] = false;
        snprintf(event.u.source.source, sizeof event.u.source.source, "%s", d->settings->source[i].name);
        desk_event(d, &event);
    }
    desk_try_door_lost(d, group);
}

/* Nothing more is said to it or heard from it; it is reaped when it is dead, and only then gets a successor. */
static void cut_off(struct desk_door *door)
{
    if (door->fd >= 0)
        close(door->fd);
    door->cut |= door->fd >= 0;
    door->fd = -1;
    door->ready = false;
    door->deaf_ms = 0;
}

void desk_door_cut(struct desk *d, size_t door)
{
    desk_door_kill(d, door);
    cut_off(&d->door[door]);
}

static void plan_start(struct desk_door *door, int64_t now)
{
    door->pid = 0;
    door->jobs = 0;
    door->failures = now - door->started_ms > STEADY_MS ? 0 : door->failures + 1;
    door->start_ms = now + (door->failures > 8 ? RESTART_MAX_MS : RESTART_FIRST_MS << (door->failures > 1 ? door->failures - 1 : 0));
}

static void on_end(struct desk *d, size_t index)
{
    struct desk_door *door = &d->door[index];
    struct flow_event event = { .type = FLOW_EV_NONE };

    cut_off(door);
    plan_start(door, time_boot_ms());
    if (door->kind == DESK_CONVERT)
        lose_work(d, (int)index);
    else if (door->kind == DESK_SPOOL)
        lose_sources(d, door->name);
    if (door->kind == DESK_LINK) {
        int link = settings_find_link(d->settings, door->name);
        if (link >= 0)
            d->link_up[link] = false;
        event.type = FLOW_EV_DOOR_LOST;
        snprintf(event.u.link.route, sizeof event.u.link.route, "%s", door->name);
        event.u.link.why = MSG_WIRE_CLOSED;
        desk_event(d, &event);
    } else if (door->kind == DESK_SIGN) {
        int signer = settings_find_signer(d->settings, door->name);
        if (signer >= 0)
            d->signer[signer].state = FLOW_SIGNER_DOWN;
        event.type = FLOW_EV_SIGNER;
        snprintf(event.u.signer.signer, sizeof event.u.signer.signer, "%s", door->name);
        event.u.signer.state = FLOW_SIGNER_DOWN;
        desk_event(d, &event); /* before its orders come back, else they would be given to it again */
        lose_signatures(d, (int)index);
    }
    if (!d->stopping)
        log_event(d->log, MSG_DOOR_ENDED, program[door->kind], door->kind == DESK_SPOOL ? "" : door->name, NULL);
    d->page_dirty = true;
}

/* Nothing new is begun on that link from here on: what was meant for a door that cannot take it would count as perhaps done. */
void desk_link_down(struct desk *d, const char *route)
{
    struct flow_event event = { .type = FLOW_EV_LINK_DOWN, .u.link.why = MSG_WIRE_CLOSED };
    int link = settings_find_link(d->settings, route);

    if (link < 0)
        return;
    d->link_up[link] = false;
    snprintf(event.u.link.route, sizeof event.u.link.route, "%s", route);
    desk_event(d, &event);
}

void desk_doors_reap(struct desk *d)
{
    pid_t pid;
    int status;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (size_t i = 0; i < d->doors; i++)
            if (d->door[i].pid == pid) {
                d->door[i].ready = false;
                if (d->door[i].kind == DESK_LINK)
                    desk_link_down(d, d->door[i].name);
                while (d->door[i].fd >= 0 && desk_hear(d, i) > 0) /* its last words count: they were true when it said them */
                    continue;
                on_end(d, i);
            }
}

void desk_doors_drop(struct desk *d)
{
    int64_t until = time_boot_ms() + DROP_MS;
    size_t alive = 0;

    for (size_t i = 0; i < d->doors; i++)
        desk_door_kill(d, i);
    do {
        alive = 0;
        for (size_t i = 0; i < d->doors; i++) {
            struct desk_door *door = &d->door[i];
            cut_off(door);
            if (door->pid > 0 && waitpid(door->pid, NULL, WNOHANG) == door->pid) {
                door->pid = 0;
                door->jobs = 0;
                door->start_ms = time_boot_ms() + DROPPED_MS; /* no failure of its own */
            }
            alive += door->pid > 0; /* one that hangs in its share gets no successor before it is gone */
        }
        if (alive > 0)
            (void)poll(NULL, 0, 5);
    } while (alive > 0 && time_boot_ms() < until);
    for (size_t i = 0; i < DESK_JOBS_MAX; i++)
        d->job[i].used = false;
    for (size_t i = 0; i < d->doors; i++)
        if (d->door[i].kind == DESK_SPOOL)
            desk_try_door_lost(d, d->door[i].name);
    memset(d->link_up, 0, sizeof d->link_up);
    memset(d->source_up, 0, sizeof d->source_up);
    for (size_t i = 0; i < SETTINGS_MAX; i++)
        d->signer[i].state = FLOW_SIGNER_DOWN;
    d->page_dirty = true;
}

void desk_doors_check(struct desk *d, int64_t boot_ms)
{
    for (size_t i = 0; i < d->doors; i++) {
        struct desk_door *door = &d->door[i];
        int unread = 0;
        if (door->kind == DESK_CONVERT || door->kind == DESK_SIGN) /* see desk_jobs_check(); it may wait for a person */
            continue;
        if (door->fd < 0 || ioctl(door->fd, SIOCOUTQ, &unread) < 0 || unread == 0)
            door->deaf_ms = 0;
        else if (door->deaf_ms == 0)
            door->deaf_ms = boot_ms;
        else if (boot_ms - door->deaf_ms > DEAF_MS) {
            desk_door_cut(d, i);
        }
        if (door->cut && door->kind == DESK_SPOOL)
            lose_sources(d, door->name); /* now: it may not die while its share hangs */
        door->cut = false;
    }
}

void desk_doors_stop(struct desk *d, bool links_too)
{
    for (size_t i = 0; i < d->doors; i++)
        if (d->door[i].pid > 0 && d->door[i].fd >= 0 && (links_too || d->door[i].kind != DESK_LINK)) {
            wire_begin(&d->out, WIRE_STOP);
            (void)wire_send(d->door[i].fd, &d->out, NULL);
        }
}

/* ---- messages ---- */

bool desk_door_send(struct desk *d, size_t door)
{
    struct err e = ERR_INIT;
    int r;

    d->out_bad = false;
    if (d->door[door].fd < 0)
        return false;
    r = wire_send(d->door[door].fd, &d->out, &e);
    d->out_bad = r == ERR_LIMIT || r == ERR_INTERNAL;
    if (r == 0)
        return true;
    desk_log(d, &e);
    if (d->out_bad)
        return false;
    if (r == ERR_TIMEOUT)
        desk_door_cut(d, door); /* else each further message would wait as long */
    else
        desk_door_kill(d, door); /* it may have left last words */
    return false;
}

int desk_door_find(const struct desk *d, enum desk_door_kind kind, const char *name)
{
    for (size_t i = 0; i < d->doors; i++)
        if (d->door[i].kind == kind && d->door[i].ready && strcmp(d->door[i].name, name) == 0)
            return (int)i;
    return -1;
}

int desk_door_of_source(const struct desk *d, const char *source)
{
    char wanted[FLOW_SOURCE + 2];

    snprintf(wanted, sizeof wanted, ",%s,", source);
    for (size_t i = 0; i < d->doors; i++)
        if (d->door[i].kind == DESK_SPOOL && d->door[i].ready && strstr(d->door[i].name, wanted) != NULL)
            return (int)i;
    return -1;
}

void desk_ask_offers(struct desk *d)
{
    for (size_t i = 0; i < d->settings->sources; i++) {
        int door = desk_door_of_source(d, d->settings->source[i].name);
        if (door < 0)
            continue;
        wire_begin(&d->out, WIRE_OFFER_AGAIN);
        wire_put_text(&d->out, F_SOURCE, d->settings->source[i].name);
        (void)desk_door_send(d, (size_t)door);
    }
}

void desk_door_write(struct desk *d, const char *source, int place, const char *name, struct bytes text)
{
    int door = desk_door_of_source(d, source), fd = -1;
    struct err e = ERR_INIT;

    if (door < 0)
        return;
    wire_begin(&d->out, WIRE_WRITE);
    wire_put_u64(&d->out, F_ORDER, 0);
    wire_put_text(&d->out, F_SOURCE, source);
    wire_put_u64(&d->out, F_PLACE, (uint64_t)place);
    wire_put_bytes(&d->out, F_NAME, name, strlen(name));
    if (!wire_put_inside(&d->out, F_CONTENT, text) && (fd = memfd_seal("clinsgw-file", text.data, text.len, &e)) < 0) {
        desk_log(d, &e);
        return;
    }
    wire_put_fd(&d->out, F_CONTENT, fd);
    wire_put_u64(&d->out, F_DURABLE, 0);
    (void)desk_door_send(d, (size_t)door);
    if (fd >= 0)
        close(fd);
}

int desk_door_worker(const struct desk *d)
{
    int best = -1;

    for (size_t i = 0; i < d->doors; i++)
        if (d->door[i].kind == DESK_CONVERT && d->door[i].ready && (best < 0 || d->door[i].jobs < d->door[best].jobs))
            best = (int)i;
    return best;
}

/* ---- jobs ---- */

struct desk_job *desk_job_new(struct desk *d, int door, int64_t token, const struct flow_order *order)
{
    for (size_t i = 0; i < DESK_JOBS_MAX; i++)
        if (!d->job[i].used) {
            struct desk_job *job = &d->job[i];
            job->used = true; /* its units are filled as they come */
            job->spoiled = false;
            job->units = 0;
            job->try_index = 0;
            job->token = token;
            job->door = door;
            job->deadline_ms = time_boot_ms() + DESK_JOB_LIMIT_MS;
            job->given = ++d->given;
            if (order != NULL)
                job->order = *order;
            if (door >= 0)
                d->door[door].jobs++;
            return job;
        }
    return NULL;
}

struct desk_job *desk_job_find(struct desk *d, int64_t token, size_t door)
{
    for (size_t i = 0; i < DESK_JOBS_MAX; i++)
        if (d->job[i].used && d->job[i].token == token && d->job[i].door == (int)door)
            return &d->job[i];
    return NULL;
}

void desk_job_end(struct desk *d, struct desk_job *job)
{
    if (job->used && job->door >= 0) {
        d->door[job->door].jobs--;
        d->door[job->door].worked_ms = time_boot_ms();
    }
    job->used = false;
}

/* What waits behind others at a worker has not begun: the time that counts is that since its last answer. */
void desk_jobs_check(struct desk *d, int64_t boot_ms)
{
    for (size_t i = 0; i < DESK_JOBS_MAX; i++) {
        const struct desk_door *door = d->job[i].used && d->job[i].door >= 0 ? &d->door[d->job[i].door] : NULL;
        if (door != NULL && door->kind == DESK_CONVERT && boot_ms > d->job[i].deadline_ms && boot_ms - door->worked_ms > DESK_JOB_LIMIT_MS)
            desk_door_kill(d, (size_t)d->job[i].door);
    }
}
