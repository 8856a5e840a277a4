/*
 * NAME
 *     terminal - the software of the qualification terminal, as seen from the shared folder
 *
 * DESCRIPTION
 *     Takes every complete request out of req/ (it is read, then unlinked), works on it, and puts the answer into res/ under a temporary name that it
 *     renames. Names that are no request of the service are other systems' files: never opened, never moved. At most `sessions` requests at once.
 *     One thread; what has to happen later (slow, late, completed, removed, doubled) is a job with a time.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/sandbox/sandbox.h"
#include "base/file.h"
#include "base/timefmt.h"

enum stage { STAGE_RUN, STAGE_PUBLISH, STAGE_COMPLETE, STAGE_REMOVE, STAGE_DOUBLE, STAGE_END };
enum { NAME_BYTES = 96 };
static const size_t arena_max = (size_t)1 << 30;
static const char marker[] = "clinsgw-share.txt";
static const char *const shared_names[] = { "req", "res", marker };

struct job {
    enum stage stage;
    int64_t due_ms;
    bool counted;                 /* in sb.in_flight */
    char api[16], suffix[40], name[NAME_BYTES];
    struct sb_exchange x;
    struct buf body, answer;
    struct job *next;
};

struct terminal { struct sb *sb; pthread_t thread; struct job *jobs; };

/* ---- the share -------------------------------------------------------------------------------------------------------------------- */

static bool share_path(const struct sb *sb, bool away, const char *name, char ret_path[static 4096])
{
    int n = snprintf(ret_path, 4096, "%s%s%s%s", sb->options->share, away ? ".away" : "", name[0] != '\0' ? "/" : "", name);
    return n > 0 && n < 4096;
}

int terminal_share(struct sb *sb, bool away, int64_t back_ms, struct err *e)
{
    char from[4096], to[4096];
    int result = 0;
    pthread_mutex_lock(&sb->lock);
    bool moves = sb->share_away != away;
    if (moves && share_path(sb, true, "", to) && mkdir(to, 0700) < 0 && errno != EEXIST)
        result = err_set_errno(e, MSG_NONE, to, "mkdir");
    for (size_t i = 0; moves && result == 0 && i < sizeof shared_names / sizeof shared_names[0]; i++)
        if (share_path(sb, !away, shared_names[i], from) && share_path(sb, away, shared_names[i], to) && rename(from, to) < 0 && errno != ENOENT)
            result = err_set_errno(e, MSG_NONE, to, "rename");
    if (moves && result == 0 && !away && share_path(sb, true, "", from))
        rmdir(from);
    if (result == 0)
        sb->share_away = away;
    sb->share_back_ms = away && back_ms > 0 ? time_boot_ms() + back_ms : 0;
    pthread_mutex_unlock(&sb->lock);
    return result;
}

/* True when folders are there to work with; brings the share back when its time has come. */
static bool share_there(struct sb *sb)
{
    struct err e = ERR_INIT;
    pthread_mutex_lock(&sb->lock);
    bool back = sb->share_away && sb->share_back_ms != 0 && time_boot_ms() >= sb->share_back_ms;
    bool away = sb->share_away;
    pthread_mutex_unlock(&sb->lock);
    if (back && terminal_share(sb, false, 0, &e) < 0) {
        fprintf(stderr, "clinsgw-sandbox: the share cannot come back: %s\n", e.place);
        return false;
    }
    return back || !away;
}

static int open_folder(const struct sb *sb, const char *name)
{
    char path[4096];
    return share_path(sb, false, name, path) ? dir_open(AT_FDCWD, path, NULL) : ERR_LIMIT;
}

static int make_share(const struct sb *sb, struct err *e)
{
    static const char text[] = "This folder is the clinsgw share.\n";
    int root = dir_make(AT_FDCWD, sb->options->share, 0777, e), result = root;
    for (int i = 0; result >= 0 && i < 2; i++) {
        result = dir_make(root, shared_names[i], 0777, e);
        if (result >= 0)
            close(result);
    }
    if (result >= 0)
        result = file_write(root, marker, text, sizeof text - 1, 0644, FILE_NEW, FILE_FAST, e);
    if (root >= 0)
        close(root);
    return result == ERR_EXISTS ? 0 : result;
}

/* ---- jobs ------------------------------------------------------------------------------------------------------------------------- */

static void job_free(struct sb *sb, struct job *j)
{
    if (j->counted) {
        pthread_mutex_lock(&sb->lock);
        sb->in_flight--;
        pthread_mutex_unlock(&sb->lock);
    }
    buf_free(&j->body);
    buf_free(&j->answer);
    arena_free(j->x.arena);
    free(j);
}

static void job_later(struct job *j, enum stage stage, int64_t ms)
{
    j->stage = stage;
    j->due_ms = time_boot_ms() + ms;
}

/* The finished answer under its name; a temporary name of our own first. */
static int publish(struct sb *sb, const char *name, const char *data, size_t len)
{
    int res = open_folder(sb, "res");
    if (res < 0)
        return res;
    char temporary[NAME_BYTES + 8];
    snprintf(temporary, sizeof temporary, "~%s.tmp", name);
    int fd = openat(res, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666), result = ERR_IO;
    if (fd >= 0) {
        result = fd_write_all(fd, data, len, NULL);
        close(fd);
    }
    if (result == 0 && renameat(res, temporary, res, name) < 0)
        result = ERR_IO;
    close(res);
    return result;
}

int terminal_notice(struct sb *sb, const struct sb_notice *notice, struct err *e)
{
    char name[NAME_BYTES], now[TIME_TEXT_MAX];
    struct buf text;
    time_format_jst_ms(time_wall_ms(), now);
    buf_init(&text, 4096);
    buf_addf(&text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<XmlMsg><MessageHeader><ProcessExecutionTime>%s</ProcessExecutionTime>"
        "<MedicalInstitutionCode>%s</MedicalInstitutionCode></MessageHeader><MessageBody><DocumentIdentifier>%s</DocumentIdentifier>"
        "<ConsentResult>%s</ConsentResult></MessageBody>%s\n", now, notice->institution, notice->document, notice->result, notice->broken ? "" : "</XmlMsg>");
    int n = snprintf(name, sizeof name, "CISsicon01res_%s.xml", notice->suffix);
    int result = text.failed != 0 || n >= NAME_BYTES ? ERR_LIMIT : publish(sb, name, text.data, text.len);
    buf_free(&text);
    return result < 0 ? err_set(e, (enum err_code)result, MSG_NONE, sb->options->share, "notice", NULL) : 0;
}

static void complete(struct sb *sb, const struct job *j, size_t from)
{
    int res = open_folder(sb, "res"), fd = res >= 0 ? openat(res, j->name, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (fd >= 0) {
        if (fd_write_all(fd, j->answer.data + from, j->answer.len - from, NULL) < 0)
            fprintf(stderr, "clinsgw-sandbox: an answer could not be completed\n");
        close(fd);
    }
    if (res >= 0)
        close(res);
}

static void take_away(struct sb *sb, const struct job *j)
{
    int res = open_folder(sb, "res");
    if (res < 0)
        return;
    unlinkat(res, j->name, 0);
    close(res);
}

static void stage_run(struct sb *sb, struct job *j)
{
    struct sb_order *order = j->x.plan.order;
    struct sb_answer *a = &j->x.answer;
    if (order[SB_F_DROP_BEFORE].on) {
        service_log_lost(sb, &j->x);
        j->stage = STAGE_END;
        return;
    }
    order[SB_F_FAILURE_BEFORE].on |= order[SB_F_HTTP_BEFORE].on;
    order[SB_F_FAILURE_AFTER].on |= order[SB_F_HTTP_AFTER].on;
    service_run(sb, &j->x);
    if (order[SB_F_DROP_AFTER].on || order[SB_F_VANISH].on || envelope_write(SB_FOLDER, a, time_wall_ms(), &j->answer) < 0) {
        j->stage = STAGE_END;
        return;
    }
    bool not_taken = a->own_code != NULL || sb_code_get(a->code)->not_taken;
    snprintf(j->name, sizeof j->name, "%s%s_%s.xml", j->api, not_taken ? "err" : "res", j->suffix);
    job_later(j, STAGE_PUBLISH, order[SB_F_SLOW_ANSWER].on ? order[SB_F_SLOW_ANSWER].ms : 0);
}

static void stage_publish(struct sb *sb, struct job *j)
{
    const struct sb_order *order = j->x.plan.order;
    size_t half = order[SB_F_HALF].on ? j->answer.len / 2 : j->answer.len;
    if (publish(sb, j->name, j->answer.data, half) < 0) {
        job_later(j, STAGE_PUBLISH, 50);    /* folder away or full: again a little later */
        return;
    }
    if (order[SB_F_HALF].on && order[SB_F_HALF].ms > 0)
        job_later(j, STAGE_COMPLETE, order[SB_F_HALF].ms);
    else if (order[SB_F_REMOVE].on)
        job_later(j, STAGE_REMOVE, order[SB_F_REMOVE].ms);
    else if (order[SB_F_DOUBLE].on)
        job_later(j, STAGE_DOUBLE, order[SB_F_DOUBLE].ms);
    else
        j->stage = STAGE_END;
}

static void job_step(struct sb *sb, struct job *j)
{
    switch (j->stage) {
    case STAGE_RUN:
        stage_run(sb, j);
        return;
    case STAGE_PUBLISH:
        stage_publish(sb, j);
        return;
    case STAGE_COMPLETE:
        complete(sb, j, j->answer.len / 2);
        break;
    case STAGE_REMOVE:
        take_away(sb, j);
        break;
    case STAGE_DOUBLE:
        if (publish(sb, j->name, j->answer.data, j->answer.len) < 0)
            fprintf(stderr, "clinsgw-sandbox: an answer could not be doubled\n");
        break;
    case STAGE_END:
        break;
    }
    j->stage = STAGE_END;
}

/* ---- requests --------------------------------------------------------------------------------------------------------------------- */

static bool room_taken(struct sb *sb)
{
    pthread_mutex_lock(&sb->lock);
    bool room = sb->in_flight < sb->settings.sessions;
    sb->in_flight += room;
    pthread_mutex_unlock(&sb->lock);
    return room;
}

static void job_open(struct sb *sb, struct job *j, enum sb_op op)
{
    struct err e = ERR_INIT;
    struct sb_order *order = j->x.plan.order;
    struct bytes body = buf_bytes(&j->body);
    if (j->body.failed != 0)
        body.len = (size_t)SB_MAX_REQUEST + 1;
    service_open(sb, &j->x, SB_FOLDER, op, false, body);
    j->x.may_send = service_may_send(sb, j->x.request.institution, NULL);
    job_later(j, STAGE_RUN, (order[SB_F_SLOW].on ? order[SB_F_SLOW].ms : 0) + (order[SB_F_LATE].on ? order[SB_F_LATE].ms : 0));
    if (order[SB_F_SHARE_GONE].on && terminal_share(sb, true, order[SB_F_SHARE_GONE].ms, &e) < 0)
        fprintf(stderr, "clinsgw-sandbox: the share cannot go: %s\n", e.place);
}

/* NULL when the file is to be left alone. */
static struct job *job_take(struct sb *sb, int req, const char *name, enum sb_op op, const char *suffix, size_t suffix_len)
{
    struct job *j = calloc(1, sizeof *j);
    if (j == NULL)
        return NULL;
    buf_init(&j->body, (size_t)SB_MAX_REQUEST + 1);    /* file_read wants to see the byte too many */
    buf_init(&j->answer, 1 << 20);
    j->x.arena = arena_new(arena_max);
    j->counted = room_taken(sb);
    int result = j->counted && j->x.arena != NULL ? file_read(req, name, SB_MAX_REQUEST, &j->body, NULL) : ERR_NOT_NOW;
    if (result == ERR_LIMIT)
        j->body.failed = ERR_LIMIT;
    if ((result < 0 && result != ERR_LIMIT) || unlinkat(req, name, 0) < 0) {
        job_free(sb, j);
        return NULL;
    }
    snprintf(j->api, sizeof j->api, "%s", sb_op_get(op)->api);
    snprintf(j->suffix, sizeof j->suffix, "%.*s", (int)suffix_len, suffix);
    job_open(sb, j, op);
    return j;
}

static void scan(struct terminal *t)
{
    int req = open_folder(t->sb, "req");
    DIR *d = req >= 0 ? fdopendir(dup(req)) : NULL;
    struct job **end = &t->jobs;
    while (*end != NULL)
        end = &(*end)->next;
    for (const struct dirent *one; d != NULL && (one = readdir(d)) != NULL;) {
        const char *suffix;
        size_t suffix_len;
        enum sb_op op = sb_op_by_file(one->d_name, &suffix, &suffix_len);
        struct job *j = op != SB_OP_NONE ? job_take(t->sb, req, one->d_name, op, suffix, suffix_len) : NULL;
        if (j != NULL) {
            *end = j;
            end = &j->next;
        }
    }
    if (d != NULL)
        closedir(d);
    if (req >= 0)
        close(req);
}

static void work(struct terminal *t, bool there)
{
    for (struct job **p = &t->jobs; *p != NULL;) {
        struct job *j = *p;
        /* the common case answers in the same turn */
        for (int steps = 0; steps < 2 && j->stage != STAGE_END && j->due_ms <= time_boot_ms() && (there || j->stage == STAGE_RUN); steps++)
            job_step(t->sb, j);
        if (j->stage == STAGE_END) {
            *p = j->next;
            job_free(t->sb, j);
        } else {
            p = &j->next;
        }
    }
}

static void *terminal_main(void *argument)
{
    struct terminal *t = argument;
    struct pollfd stop = { t->sb->stop_fd, POLLIN, 0 };
    do {
        bool there = share_there(t->sb);
        pthread_mutex_lock(&t->sb->lock);
        bool paused = t->sb->paused;
        pthread_mutex_unlock(&t->sb->lock);
        if (paused)
            continue;
        if (there)
            scan(t);
        work(t, there);
    } while (poll(&stop, 1, (int)t->sb->options->scan_ms) <= 0);
    while (t->jobs != NULL) {
        struct job *j = t->jobs;
        t->jobs = j->next;
        job_free(t->sb, j);
    }
    return NULL;
}

int terminal_start(struct sb *sb, struct terminal **ret_terminal, struct err *e)
{
    struct terminal *t = calloc(1, sizeof *t);
    if (t == NULL)
        return err_set(e, ERR_NOMEM, MSG_NONE, NULL, NULL, NULL);
    t->sb = sb;
    int result = make_share(sb, e);
    if (result == 0 && pthread_create(&t->thread, NULL, terminal_main, t) != 0)
        result = err_set(e, ERR_NOMEM, MSG_NONE, NULL, "thread", NULL);
    if (result < 0)
        free(t);
    else
        *ret_terminal = t;
    return result;
}

struct terminal *terminal_join(struct terminal *terminal)
{
    if (terminal != NULL) {
        pthread_join(terminal->thread, NULL);
        free(terminal);
    }
    return NULL;
}
