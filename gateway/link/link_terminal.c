/*
 * NAME
 *     link_terminal - the way out through the shared folder of the 資格確認端末
 *
 * SYNOPSIS
 *     extern const struct link_ops link_terminal;
 *
 * DESCRIPTION
 *     A request is written under a temporary name and renamed; the terminal takes it from req/ and puts the answer of the derived name into
 *     res/. The link polls those exact names (events are not to be relied on over CIFS) and reports an answer only after two equal reads.
 *     Every order becomes a job; a turn of link_step() opens the share anew, works off what is due and closes it. While the share is away jobs
 *     wait, except a submit, which did not leave then. An absence is believed only if the share is still the same one after the look.
 *     Files of other systems are never touched; of our own, only temporaries without a live job, and answers that link_remove() names. Unasked results
 *     (terminal_notice.c) are removed when link_remove_notice() names them.
 *
 * DIAGNOSTICS
 *     LINK_DOWN with share (no folder, no marker, stale) or permission; LINK_UP. A locked answer is tried again without a word.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "link/terminal_notice.h"
#include "link/terminal_share.h"
#include "link/terminal_sight.h"

enum {
    RETRY_MS = 1000,       /* between two looks for a share that is away */
    PROBE_MS = 5000,       /* between two looks at an idle share */
    FOUND_MAX = 1000       /* unawaited answers remembered as told */
};

enum work {
    WORK_SUBMIT, WORK_UNSURE /* rename failed: where is it? */, WORK_LOOK, WORK_WATCH, WORK_REMOVE,
    WORK_FOUND /* told once, otherwise left alone */, WORK_OVER /* to be freed at the end of the turn */
};

struct job {
    enum work work;
    uint64_t exchange;
    char name[EXCHANGE_NAME_MAX], answer[EXCHANGE_NAME_MAX], err[EXCHANGE_NAME_MAX], temporary[EXCHANGE_NAME_MAX];
    struct link_request request;   /* WORK_SUBMIT: bytes, release */
    struct sighting sighting[2];   /* by enum exchange_answer_kind */
    bool left, started;
    bool watched;                  /* WORK_REMOVE: sighting says what was told and may go */
    int64_t since_ms, due_ms;
    int error;                     /* of the failed rename */
    struct job *next;
};

struct terminal {
    struct link base;
    char *folder;
    struct job *first, **last;
    enum { UP_UNKNOWN, UP_YES, UP_NO } up;
    enum link_how down_how;
    size_t found;
    bool opened, was_up;           /* next_* are set; the share was there once */
    int64_t retry_ms, probe_ms, sweep_ms;
    struct notices notices;
};

/* One turn: the open share, and whether it was lost on the way. */
struct turn { struct terminal *t; struct share share; int64_t now; bool lost; };

static void tell(const struct terminal *t, const struct job *job, struct link_fact fact)
{
    fact.exchange = job->exchange;
    fact.name = job->name;
    link_tell(&t->base, &fact);
}

static void job_release(struct job *job)
{
    if (job->request.release != NULL)
        job->request.release(job->request.release_arg);
    job->request.release = NULL;
}

static void job_end(struct terminal *t, struct job *job)
{
    job_release(job);
    t->found -= job->work == WORK_FOUND;
    job->work = WORK_OVER;
}

static struct job *job_find(const struct terminal *t, uint64_t exchange, const char *name, bool looks_too)
{
    for (struct job *job = t->first; job != NULL; job = job->next)
        if (job->work != WORK_OVER && (job->work == WORK_FOUND ? strcmp(job->name, name) == 0 : job->exchange == exchange)
            && (looks_too || job->work != WORK_LOOK))
            return job;
    return NULL;
}

static struct job *job_add(struct terminal *t, enum work work, uint64_t exchange, const char *name, struct err *e)
{
    struct job *job = calloc(1, sizeof *job);
    if (job == NULL || exchange_answer_name(t->base.profile, name, job->answer) < 0 || exchange_err_name(t->base.profile, name, job->err) < 0
        || share_temporary(t->base.profile, name, job->temporary) < 0) {
        free(job);
        err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "link", NULL);
        return NULL;
    }
    snprintf(job->name, sizeof job->name, "%s", name);
    job->work = work;
    job->exchange = exchange;
    *t->last = job;
    t->last = &job->next;
    return job;
}

/* ---- orders ---- */

static int terminal_submit(struct link *link, const struct link_request *request, struct err *e)
{
    struct terminal *t = (struct terminal *)link;
    struct job *old = job_find(t, request->exchange, request->name, false);
    if (old != NULL && old->work != WORK_FOUND)
        return err_set(e, ERR_EXISTS, MSG_NOT_NOW, NULL, "submit", NULL);
    struct job *job = job_add(t, WORK_SUBMIT, request->exchange, request->name, e);
    if (job == NULL)
        return ERR_NOMEM;
    job->request = *request;
    return 0;
}

static int terminal_look(struct link *link, uint64_t exchange, const char *name, struct err *e)
{
    return job_add((struct terminal *)link, WORK_LOOK, exchange, name, e) != NULL ? 0 : ERR_NOMEM;
}

static int terminal_await(struct link *link, uint64_t exchange, const char *name, struct err *e)
{
    struct terminal *t = (struct terminal *)link;
    struct job *old = job_find(t, exchange, name, false);
    if (old != NULL && old->work == WORK_FOUND)
        job_end(t, old);
    else if (old != NULL)
        return err_set(e, ERR_EXISTS, MSG_NOT_NOW, NULL, "await", NULL);
    return job_add(t, WORK_WATCH, exchange, name, e) != NULL ? 0 : ERR_NOMEM;
}

static int terminal_remove(struct link *link, uint64_t exchange, const char *name, struct err *e)
{
    struct terminal *t = (struct terminal *)link;
    struct job *old = job_find(t, exchange, name, false);
    if (old != NULL && (old->work == WORK_SUBMIT || old->work == WORK_UNSURE))
        return err_set(e, ERR_NOT_NOW, MSG_NOT_NOW, NULL, "remove", NULL);
    if (old != NULL && old->work == WORK_REMOVE)
        return 0;
    struct job *job = job_add(t, WORK_REMOVE, exchange, name, e);
    if (job == NULL)
        return ERR_NOMEM;
    if (old != NULL && old->work == WORK_WATCH) {
        job->watched = true;
        job->left = old->left;
        job->since_ms = old->since_ms;
        memcpy(job->sighting, old->sighting, sizeof job->sighting);
    }
    if (old != NULL)
        job_end(t, old);
    return 0;
}

static int terminal_forget(struct link *link, uint64_t exchange)
{
    struct terminal *t = (struct terminal *)link;
    struct job *job = job_find(t, exchange, "", false);
    if (job == NULL || job->work != WORK_WATCH)
        return ERR_NOTFOUND;
    job_end(t, job);
    return 0;
}

static int terminal_remove_notice(struct link *link, const char *name)
{
    return notices_remove(&((struct terminal *)link)->notices, name);
}

/* ---- up and down ---- */

static void set_down(struct terminal *t, int64_t now, enum link_how how, int error)
{
    t->retry_ms = now + RETRY_MS;
    if (t->up == UP_NO && t->down_how == how)
        return;
    t->up = UP_NO;
    t->down_how = how;
    link_tell(&t->base, &(struct link_fact){ .kind = LINK_DOWN, .how = how, .sys_errno = error });
}

static void set_up(struct terminal *t, int64_t now)
{
    t->probe_ms = now + PROBE_MS;
    if (t->up == UP_YES)
        return;
    t->up = UP_YES;
    t->was_up = true;
    link_tell(&t->base, &(struct link_fact){ .kind = LINK_UP });
}

/* True when the absence that was just seen may be believed; else the turn is over. */
static bool absent_for_sure(struct turn *turn)
{
    if (!turn->lost && share_confirm(turn->t->folder, turn->t->base.profile, &turn->share))
        return true;
    turn->lost = true;
    return false;
}

static enum share_there has(struct turn *turn, int dir, const char *name)
{
    enum share_there there = share_has(dir, name);
    turn->lost |= there == THERE_LOST;
    return there;
}

/* ---- sending ---- */

static void begin_watch(struct job *job, int64_t now, int64_t first_ms)
{
    job_release(job);
    job->work = WORK_WATCH;
    job->started = true;
    job->since_ms = now;
    job->due_ms = now + first_ms;
}

static void end_not_left(struct terminal *t, struct job *job, enum link_how how, int error)
{
    job_end(t, job);
    tell(t, job, (struct link_fact){ .kind = LINK_NOT_LEFT, .how = how, .sys_errno = error });
}

static void published(struct turn *turn, struct job *job)
{
    begin_watch(job, turn->now, turn->t->base.profile->poll_ms);
    tell(turn->t, job, (struct link_fact){ .kind = LINK_PUBLISHED });
}

/* The rename failed, which shows nothing: it may have happened on the server all the same. As after a crash, only the folder can tell. */
static void work_unsure(struct turn *turn, struct job *job)
{
    struct terminal *t = turn->t;
    enum share_there request = has(turn, turn->share.request, job->name), answer = has(turn, turn->share.answer, job->answer);
    enum share_there err = has(turn, turn->share.answer, job->err), temporary = has(turn, turn->share.request, job->temporary);
    job->due_ms = turn->now + t->base.profile->poll_ms;
    if (turn->lost)
        return;
    if (request == THERE_YES || answer == THERE_YES || err == THERE_YES) {
        published(turn, job);
    } else if (request == THERE_NO && answer == THERE_NO && err == THERE_NO && temporary == THERE_YES) {
        if (share_unlink(turn->share.request, job->temporary) == THERE_NO)
            end_not_left(t, job, LINK_HOW_WRITE, job->error);
    } else if (request == THERE_NO && answer == THERE_NO && err == THERE_NO && temporary == THERE_NO && absent_for_sure(turn)) {
        job_end(t, job);
        tell(t, job, (struct link_fact){ .kind = LINK_ENDED, .how = LINK_HOW_RENAME, .sys_errno = job->error });
    }
}

static void work_submit(struct turn *turn, struct job *job)
{
    struct terminal *t = turn->t;
    enum share_there request = has(turn, turn->share.request, job->name), answer = has(turn, turn->share.answer, job->answer);
    enum share_there err = has(turn, turn->share.answer, job->err);
    int error = 0;
    if (turn->lost) {
        end_not_left(t, job, LINK_HOW_SHARE, 0);
        return;
    }
    if (request != THERE_NO || answer != THERE_NO || err != THERE_NO) {
        end_not_left(t, job, LINK_HOW_NAME_TAKEN, 0);
        return;
    }
    switch (share_put(&turn->share, job->temporary, job->name, job->request.bytes, &error)) {
    case PUT_DONE:
        published(turn, job);
        break;
    case PUT_TAKEN:
        end_not_left(t, job, LINK_HOW_NAME_TAKEN, 0);
        break;
    case PUT_FAILED:
        turn->lost |= share_meaning(error) == THERE_LOST;
        end_not_left(t, job, error == EACCES || error == EPERM ? LINK_HOW_PERMISSION : turn->lost ? LINK_HOW_SHARE : LINK_HOW_WRITE, error);
        break;
    case PUT_UNSURE:
        job_release(job);
        job->work = WORK_UNSURE;
        job->error = error;
        work_unsure(turn, job);
        break;
    }
}

/* ---- looking, removing ---- */

static void looked(struct turn *turn, struct job *job, enum link_place place)
{
    job_end(turn->t, job);
    tell(turn->t, job, (struct link_fact){ .kind = LINK_LOOKED, .place = place });
}

/* Request before answers: in the other order a request taken and answered between the two looks would be nowhere. */
static void work_look(struct turn *turn, struct job *job)
{
    enum share_there temporary = has(turn, turn->share.request, job->temporary), request = has(turn, turn->share.request, job->name);
    enum share_there answer = has(turn, turn->share.answer, job->answer), err = has(turn, turn->share.answer, job->err);
    job->due_ms = turn->now + turn->t->base.profile->poll_ms;
    if (turn->lost || temporary == THERE_BUSY || request == THERE_BUSY || answer == THERE_BUSY || err == THERE_BUSY)
        return;
    if (answer == THERE_YES || err == THERE_YES)
        looked(turn, job, LINK_PLACE_ANSWER);
    else if (request == THERE_YES)
        looked(turn, job, LINK_PLACE_REQUEST);
    else if (temporary == THERE_YES) {
        if (share_unlink(turn->share.request, job->temporary) == THERE_NO)
            looked(turn, job, LINK_PLACE_TEMPORARY);
    } else if (absent_for_sure(turn)) {
        looked(turn, job, LINK_PLACE_NOWHERE);
    }
}

/* Another answer than the one that was told has come meanwhile: nobody has its bytes yet. */
static bool is_news(struct turn *turn, const struct job *job)
{
    for (int kind = EXCHANGE_RES; kind <= EXCHANGE_ERR; kind++) {
        struct stat st;
        if (fstatat(turn->share.answer, kind == EXCHANGE_RES ? job->answer : job->err, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)
            && !sight_same(&job->sighting[kind], &st))
            return true;
    }
    return false;
}

static void work_remove(struct turn *turn, struct job *job)
{
    if (job->watched && is_news(turn, job)) {
        job->work = WORK_WATCH;
        job->started = true;
        job->due_ms = turn->now;
        return;
    }
    enum share_there answer = share_unlink(turn->share.answer, job->answer), err = share_unlink(turn->share.answer, job->err);
    turn->lost |= answer == THERE_LOST || err == THERE_LOST;
    job->due_ms = turn->now + turn->t->base.profile->poll_ms;
    if (turn->lost || answer != THERE_NO || err != THERE_NO || !absent_for_sure(turn))
        return;
    job_end(turn->t, job);
    tell(turn->t, job, (struct link_fact){ .kind = LINK_REMOVED });
}

/* ---- watching ---- */

static void watch_answer(struct turn *turn, struct job *job, int kind)
{
    const struct exchange_profile *p = turn->t->base.profile;
    struct buf bytes;
    buf_init(&bytes, (size_t)p->answer_limit);
    switch (sight_look(turn->share.answer, kind == EXCHANGE_RES ? job->answer : job->err, p, turn->now, &job->sighting[kind], &bytes)) {
    case SIGHT_NEWS:
        tell(turn->t, job, (struct link_fact){ .kind = LINK_ANSWER, .answer_kind = kind, .bytes = buf_bytes(&bytes) });
        break;
    case SIGHT_AGAIN:
        if (job->watched)
            job->work = WORK_REMOVE;   /* written anew with the same bytes: it may go */
        break;
    case SIGHT_LIMIT:
        job_end(turn->t, job);
        tell(turn->t, job, (struct link_fact){ .kind = LINK_ENDED, .how = LINK_HOW_ANSWER_LIMIT });
        break;
    case SIGHT_LOST:
        turn->lost = true;
        break;
    case SIGHT_WAIT:
        break;
    }
    buf_free(&bytes);
}

static void work_watch(struct turn *turn, struct job *job)
{
    const struct exchange_profile *p = turn->t->base.profile;
    if (!job->started)
        begin_watch(job, turn->now, 0);
    if (!job->left && has(turn, turn->share.request, job->name) == THERE_NO && absent_for_sure(turn)) {
        job->left = true;
        tell(turn->t, job, (struct link_fact){ .kind = LINK_LEFT_REQ });
    }
    for (int kind = EXCHANGE_RES; kind <= EXCHANGE_ERR && !turn->lost && job->work == WORK_WATCH; kind++)
        watch_answer(turn, job, kind);
    bool seen = job->sighting[EXCHANGE_RES].seen || job->sighting[EXCHANGE_ERR].seen;
    bool fresh = turn->now - job->since_ms < p->answer_ms;
    job->due_ms = turn->now + (seen ? p->equal_reads_ms : fresh ? p->poll_ms : p->sweep_ms);
}

/* ---- the sweep ---- */

static bool is_temporary_of_ours(const struct terminal *t, const char *name)
{
    size_t host = strlen(t->base.host), len = strlen(name);
    return len == 9 + host + 13 + 4 && memcmp(name, ".clinsgw-", 9) == 0 && memcmp(name + 9, t->base.host, host) == 0
        && strcmp(name + len - 4, ".tmp") == 0;
}

static bool temporary_is_live(const struct terminal *t, const char *name)
{
    for (const struct job *job = t->first; job != NULL; job = job->next)
        if ((job->work == WORK_SUBMIT || job->work == WORK_UNSURE || job->work == WORK_LOOK) && strcmp(job->temporary, name) == 0)
            return true;
    return false;
}

static void sweep_request(struct turn *turn, const char *name)
{
    if (is_temporary_of_ours(turn->t, name) && !temporary_is_live(turn->t, name))
        unlinkat(turn->share.request, name, 0);
}

/* An answer of our own making that nobody awaits: told once, so that the desk may ask for it. */
static void sweep_answer(struct turn *turn, const char *name)
{
    struct terminal *t = turn->t;
    struct exchange_name parsed;
    char request[EXCHANGE_NAME_MAX];
    notices_see(&t->notices, &t->base, name);
    if (exchange_name_parse(t->base.profile, name, t->base.host, &parsed) < 0 || !parsed.ours || parsed.kind == EXCHANGE_NAME_REQUEST
        || exchange_request_name(t->base.profile, parsed.operation, t->base.host, parsed.counter, request, NULL) < 0)
        return;
    for (const struct job *job = t->first; job != NULL; job = job->next)
        if (job->work != WORK_OVER && strcmp(job->name, request) == 0)
            return;
    if (t->found >= FOUND_MAX)
        return;
    struct job *job = job_add(t, WORK_FOUND, 0, request, NULL);
    if (job == NULL)
        return;
    t->found++;
    tell(t, job, (struct link_fact){ .kind = LINK_FOUND, .answer_kind = parsed.kind == EXCHANGE_NAME_ERR ? EXCHANGE_ERR : EXCHANGE_RES });
}

static void sweep_folder(struct turn *turn, int folder, void (*each)(struct turn *, const char *))
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        each(turn, entry->d_name);
    closedir(dir);
}

/* ---- the turn ---- */

static void purge(struct terminal *t)
{
    struct job **at = &t->first;
    while (*at != NULL) {
        struct job *job = *at;
        if (job->work == WORK_OVER) {
            *at = job->next;
            free(job);
        } else {
            at = &job->next;
        }
    }
    t->last = at;
}

/* Nothing of a submit left while the share is away; everything else waits. */
static void fail_submits(struct terminal *t, enum link_how how, int error)
{
    for (struct job *job = t->first; job != NULL; job = job->next)
        if (job->work == WORK_SUBMIT)
            end_not_left(t, job, how, error);
}

static void run_jobs(struct turn *turn)
{
    static void (*const work[])(struct turn *, struct job *) = {
        [WORK_SUBMIT] = work_submit, [WORK_UNSURE] = work_unsure, [WORK_LOOK] = work_look, [WORK_WATCH] = work_watch, [WORK_REMOVE] = work_remove
    };
    for (struct job *job = turn->t->first; job != NULL && !turn->lost; job = job->next)
        if (job->work < WORK_FOUND && turn->now >= job->due_ms)
            work[job->work](turn, job);
    if (!turn->lost && turn->now >= turn->t->sweep_ms) {
        turn->t->sweep_ms = turn->now + turn->t->base.profile->sweep_ms;
        sweep_folder(turn, turn->share.request, sweep_request);
        notices_sweep_begin(&turn->t->notices);
        sweep_folder(turn, turn->share.answer, sweep_answer);
        notices_sweep_end(&turn->t->notices);
    }
    turn->lost = turn->lost || notices_work(&turn->t->notices, &turn->t->base, turn->share.answer, turn->now);
}

static int64_t terminal_next(struct link *link, int64_t now)
{
    const struct terminal *t = (const struct terminal *)link;
    if (!t->opened)
        return 0;
    bool away = t->up == UP_NO;
    int64_t due = away ? t->retry_ms : t->probe_ms < t->sweep_ms ? t->probe_ms : t->sweep_ms, notices = notices_due(&t->notices);
    if (!away && notices < due)
        due = notices;
    for (const struct job *job = t->first; job != NULL; job = job->next) {
        if (job->work == WORK_SUBMIT)
            return 0;
        if (!away && job->work < WORK_FOUND && job->due_ms < due)
            due = job->due_ms;
    }
    return due > now ? due - now : 0;
}

static void terminal_step(struct link *link, int64_t now)
{
    struct terminal *t = (struct terminal *)link;
    struct turn turn = { .t = t, .now = now };
    int error = 0;
    if (!t->opened) {
        /* The first sweep comes late: after a crash the desk looks at its names first, and a temporary is evidence. */
        t->opened = true;
        t->sweep_ms = now + t->base.profile->sweep_ms;
        t->retry_ms = t->probe_ms = now;
    }
    if (terminal_next(link, now) > 0)
        return;
    if (t->up == UP_NO && now < t->retry_ms) {
        fail_submits(t, t->down_how, 0);
        purge(t);
        return;
    }
    if (!t->was_up && t->sweep_ms <= now)
        t->sweep_ms = now + t->base.profile->sweep_ms;   /* ... however late the share comes */
    enum share_state state = share_open(t->folder, t->base.profile, &turn.share, &error);
    if (state == SHARE_HERE) {
        run_jobs(&turn);
        share_close(&turn.share);
        if (turn.lost)
            set_down(t, now, LINK_HOW_SHARE, 0);
        else
            set_up(t, now);   /* only now: a share that shows its marker and nothing else would come and go every second */
    } else {
        set_down(t, now, state == SHARE_DENIED ? LINK_HOW_PERMISSION : LINK_HOW_SHARE, error);
    }
    if (t->up == UP_NO)
        fail_submits(t, t->down_how, error);
    purge(t);
}

static void terminal_close(struct link *link)
{
    struct terminal *t = (struct terminal *)link;
    for (struct job *job = t->first; job != NULL; job = job->next)
        job_end(t, job);
    purge(t);
    notices_free(&t->notices);
    free(t->folder);
    free(t);
}

static struct link *terminal_open(const struct link_options *options, struct err *e, int *ret_code)
{
    struct terminal *t = calloc(1, sizeof *t);
    if (t == NULL) {
        *ret_code = err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "link", NULL);
        return NULL;
    }
    t->last = &t->first;
    *ret_code = link_init(&t->base, &link_terminal, options, e);
    if (*ret_code == 0 && (options->folder == NULL || options->folder[0] != '/'))
        *ret_code = link_bad_option(e, "folder", "/...");
    if (*ret_code == 0 && (t->folder = strdup(options->folder)) == NULL)
        *ret_code = err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "link", NULL);
    if (*ret_code < 0) {
        terminal_close(&t->base);
        return NULL;
    }
    return &t->base;
}

const struct link_ops link_terminal = {
    .name = "terminal", .form = EXCHANGE_XML, .open = terminal_open, .close = terminal_close, .submit = terminal_submit, .look = terminal_look,
    .await = terminal_await, .remove = terminal_remove, .forget = terminal_forget, .remove_notice = terminal_remove_notice, .step = terminal_step, .next = terminal_next
};
