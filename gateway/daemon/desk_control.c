/*
 * NAME
 *      desk_control - commands of clinsgw
 *
 * DESCRIPTION
 *      Listens on run_dir/control. Root, the desk's own user and members of its group may connect; the kernel's word for who they are stands in the
 *      audit trail as "operator:NAME". One command a connection, one answer. What changes something becomes an event of the state
 *      machine in this turn and is answered after its commit. `sign` is passed on: the connection goes to the signer's door, so that
 *      a PIN never enters the desk.
 *
 *      Clients are few and bounded: when all places are taken the longest idle one is dropped. Nothing here waits for a client, because a whole
 *      answer is one packet into an empty socket.
 *
 * DIAGNOSTICS
 *      A refusal is an answer with its message; a packet that fits no table ends the connection.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/file.h"
#include "base/proc.h"
#include "base/text.h"
#include "base/timefmt.h"
#include "daemon/desk.h"
#include "daemon/facts.h"
#include "daemon/view.h"

enum { ARGS_MAX = 8, BACKLOG = 16, GROUPS_MAX = 256 };

/* A command in hand; texts live in d->in. */
struct command { const char *verb, *arg[ARGS_MAX]; size_t args; };

/* ---- answers ---- */

static void drop(struct desk_client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    memset(c, 0, sizeof *c);
    c->fd = -1;
}

static void reply(struct desk *d, struct desk_client *c, int exit, enum msg_id msg, const char *arg1, const char *arg2)
{
    wire_begin(&d->out, WIRE_REPLY);
    wire_put_u64(&d->out, F_EXIT, (uint64_t)exit);
    wire_put_u64(&d->out, F_MSG, msg);
    if (arg1 != NULL || arg2 != NULL)
        wire_put_text(&d->out, F_ARG, arg1 == NULL ? "" : arg1);
    wire_put_text(&d->out, F_ARG, arg2);
    (void)wire_send(c->fd, &d->out, NULL);
    drop(c);
}

static void reply_err(struct desk *d, struct desk_client *c, const struct err *e)
{
    reply(d, c, 1, e->msg == MSG_NONE ? MSG_CTL_NOT_DONE : e->msg, e->arg[0], e->arg[1]);
}

static void reply_bytes(struct desk *d, struct desk_client *c, int exit, const struct buf *text)
{
    struct err e = ERR_INIT;
    int fd = memfd_seal("clinsgw-reply", text->data, text->len, &e);

    if (fd < 0) {
        reply_err(d, c, &e);
        return;
    }
    wire_begin(&d->out, WIRE_REPLY);
    wire_put_u64(&d->out, F_EXIT, (uint64_t)exit);
    wire_put_fd(&d->out, F_CONTENT, fd);
    (void)wire_send(c->fd, &d->out, NULL);
    close(fd);
    drop(c);
}

/* Value of --name=VALUE, NULL when it is not there. */
static const char *option(const struct command *cmd, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < cmd->args; i++)
        if (strncmp(cmd->arg[i], "--", 2) == 0 && strncmp(cmd->arg[i] + 2, name, len) == 0 && cmd->arg[i][2 + len] == '=')
            return cmd->arg[i] + 2 + len + 1;
    return NULL;
}

static bool flag(const struct command *cmd, const char *name)
{
    for (size_t i = 0; i < cmd->args; i++)
        if (strncmp(cmd->arg[i], "--", 2) == 0 && strcmp(cmd->arg[i] + 2, name) == 0)
            return true;
    return false;
}

/* The n-th argument that is no option, "" when there is none. */
static const char *plain(const struct command *cmd, size_t n)
{
    for (size_t i = 0; i < cmd->args; i++)
        if (strncmp(cmd->arg[i], "--", 2) != 0 && n-- == 0)
            return cmd->arg[i];
    return "";
}

/* ---- reading commands ---- */

static void do_status(struct desk *d, struct desk_client *c, const struct command *cmd)
{
    enum desk_page form = c->json ? DESK_PAGE_JSON : flag(cmd, "html") ? DESK_PAGE_HTML : DESK_PAGE_TEXT;
    struct buf text;
    struct err e = ERR_INIT;
    int code = 0;

    buf_init(&text, VIEW_TEXT_MAX);
    if (desk_page_make(d, form, (enum msg_lang)c->language, &text, &code, &e) < 0)
        reply_err(d, c, &e);
    else
        reply_bytes(d, c, code, &text);
    buf_free(&text);
}

static void do_list(struct desk *d, struct desk_client *c, const struct command *cmd)
{
    int (*view)(struct store *, const struct view_ask *, enum msg_lang, bool, struct buf *, struct err *) = strcmp(cmd->verb, "uncoded") == 0 ? view_uncoded : view_list;
    struct view_ask ask = { option(cmd, "state"), option(cmd, "facility"), option(cmd, "source"), 0 };
    const char *limit = option(cmd, "limit");
    struct buf text;
    struct err e = ERR_INIT;

    buf_init(&text, VIEW_TEXT_MAX);
    if (limit != NULL && text_to_int64(limit, strlen(limit), 1, VIEW_LIST_MAX, &ask.limit) < 0)
        reply(d, c, 1, MSG_CTL_ARGUMENT, limit, NULL);
    else if (view(d->store, &ask, (enum msg_lang)c->language, c->json, &text, &e) < 0)
        reply_err(d, c, &e);
    else
        reply_bytes(d, c, 0, &text);
    buf_free(&text);
}

static void do_show(struct desk *d, struct desk_client *c, const struct command *cmd)
{
    struct buf text;
    struct err e = ERR_INIT;

    buf_init(&text, VIEW_TEXT_MAX);
    if (view_show(d->store, plain(cmd, 0), (enum msg_lang)c->language, c->json, &text, &e) < 0)
        reply_err(d, c, &e);
    else
        reply_bytes(d, c, 0, &text);
    buf_free(&text);
}

/* One line a source that requests wait for: name, tab, number. For check-config, which has another configuration in hand. */
static void do_waiting(struct desk *d, struct desk_client *c, const struct command *cmd)
{
    struct facts_waiting waiting;
    struct buf text;
    struct err e = ERR_INIT;

    (void)cmd;
    buf_init(&text, VIEW_TEXT_MAX);
    if (facts_waiting(d->store, &waiting, &e) < 0) {
        reply_err(d, c, &e);
    } else {
        for (size_t i = 0; i < waiting.count; i++)
            buf_addf(&text, "%s\t%lld\n", waiting.source[i].name, (long long)waiting.source[i].requests);
        reply_bytes(d, c, 0, &text);
    }
    buf_free(&text);
}

static void do_export(struct desk *d, struct desk_client *c, const struct command *cmd)
{
    struct buf bytes;
    struct err e = ERR_INIT;
    const char *part = option(cmd, "what");

    buf_init(&bytes, DESK_PAYLOAD_MAX);
    if (view_part(d->store, plain(cmd, 0), part == NULL ? "" : part, &bytes, &e) < 0)
        reply_err(d, c, &e);
    else
        reply_bytes(d, c, 0, &bytes);
    buf_free(&bytes);
}

/* ---- changing commands ---- */

enum about { ABOUT_NOTHING, ABOUT_MESSAGE, ABOUT_EITHER, ABOUT_REQUEST, ABOUT_INCIDENT };

static const struct { const char *verb; enum flow_event_type event; enum about about; } changing[] = {
    { "retry", FLOW_EV_RETRY, ABOUT_EITHER },
    { "cancel", FLOW_EV_CANCEL, ABOUT_MESSAGE },
    { "resolve", FLOW_EV_RESOLVE, ABOUT_MESSAGE },
    { "release", FLOW_EV_RELEASE, ABOUT_REQUEST },
    { "acknowledge", FLOW_EV_ACKNOWLEDGE, ABOUT_INCIDENT },
    { "pause", FLOW_EV_PAUSE, ABOUT_NOTHING },
    { "resume", FLOW_EV_RESUME, ABOUT_NOTHING },
    { "after-restore", FLOW_EV_AFTER_RESTORE, ABOUT_NOTHING },
};

/* The one message of a request. */
static int only_message(struct desk *d, int64_t request, int64_t *ret_message, struct err *e)
{
    struct flow_message first, second;
    int r = store_flow_ops.message_next_of_request(d->store, request, 0, &first, e);

    if (r == 0)
        return err_set(e, ERR_NOTFOUND, MSG_NOT_FOUND, NULL, "message", NULL);
    if (r == 1)
        r = store_flow_ops.message_next_of_request(d->store, request, first.id, &second, e);
    if (r == 1)
        return err_set(e, ERR_EXISTS, MSG_STORE_AMBIGUOUS, NULL, NULL, NULL);
    if (r == 0)
        *ret_message = first.id;
    return r;
}

static int name_subject(struct desk *d, enum about about, const char *handle, struct flow_event *event, struct err *e)
{
    int64_t request = 0, message = 0;
    int r = 0;

    if (about == ABOUT_NOTHING)
        return 0;
    if (handle[0] == '\0')
        return err_set(e, ERR_INVALID, MSG_CTL_ARGUMENT, NULL, "ID", NULL);
    if (about == ABOUT_INCIDENT)
        return text_to_int64(handle, strlen(handle), 1, INT64_MAX, &event->u.operate.id) < 0 ? err_set(e, ERR_INVALID, MSG_CTL_ARGUMENT, NULL, handle, NULL) : 0;
    r = store_find(d->store, handle, &request, &message, e);
    if (r == 0 && about == ABOUT_MESSAGE && message == 0)
        r = only_message(d, request, &message, e);
    if (r == 0 && about == ABOUT_REQUEST && request == 0)
        r = err_set(e, ERR_INVALID, MSG_CTL_ARGUMENT, NULL, handle, NULL);
    event->u.operate.id = message;
    event->u.operate.request = message == 0 ? request : 0;
    return r;
}

static bool do_changing(struct desk *d, struct desk_client *c, const struct command *cmd)
{
    struct flow_event event = { .type = FLOW_EV_NONE };
    struct err e = ERR_INIT;
    enum about about = ABOUT_NOTHING;

    for (size_t i = 0; i < sizeof changing / sizeof *changing; i++)
        if (strcmp(cmd->verb, changing[i].verb) == 0) {
            event.type = changing[i].event;
            about = changing[i].about;
        }
    if (event.type == FLOW_EV_NONE)
        return false;
    if (event.type == FLOW_EV_RESUME && flag(cmd, "clock"))
        event.type = FLOW_EV_BELIEVE_CLOCK;
    event.u.operate.done = event.type == FLOW_EV_RELEASE ? !flag(cmd, "drop") : flag(cmd, "done");
    snprintf(event.u.operate.actor, sizeof event.u.operate.actor, "%s", c->actor);
    if (event.type == FLOW_EV_RESOLVE && flag(cmd, "done") == flag(cmd, "not-done")) {
        reply(d, c, 1, MSG_CTL_ARGUMENT, "--done | --not-done", NULL);
    } else if (name_subject(d, about, plain(cmd, 0), &event, &e) < 0) {
        reply_err(d, c, &e);
    } else {
        c->asked = true;
        d->replying = (int)(c - d->client);
        desk_event(d, &event);
        d->replying = -1;
    }
    return true;
}

void desk_control_reply(struct desk *d, const struct flow_order *order)
{
    struct desk_client *c = d->replying < 0 ? NULL : &d->client[d->replying];

    if (c == NULL || !c->asked)
        return;
    c->answer = *order;
    c->answered = true;
}

/* What the state machine said, with the time to wait and the number of the new request as words. */
static void say_answer(struct desk *d, struct desk_client *c)
{
    const struct flow_order *o = &c->answer;
    enum msg_id msg = o->u.reply.msg;
    char arg[TIME_TEXT_MAX] = "";

    if (o->u.reply.wait_ms == INT64_MAX) {
        msg = MSG_CTL_WAIT_LINK;
    } else if (o->u.reply.wait_ms > 0) {
        msg = MSG_CTL_WAIT_UNTIL;
        time_format_log(time_wall_ms() + o->u.reply.wait_ms, arg);
    } else if (o->u.reply.code == 0 && o->u.reply.request != 0 && o->u.reply.message == 0) {
        msg = MSG_CTL_ORDERED;
        snprintf(arg, sizeof arg, "%lld", (long long)o->u.reply.request);
    } else if (o->u.reply.code == ERR_NOTFOUND) {
        snprintf(arg, sizeof arg, "%lld", (long long)(o->u.reply.message != 0 ? o->u.reply.message : o->u.reply.request));
    }
    reply(d, c, o->u.reply.code == 0 ? 0 : 1, msg, arg[0] == '\0' ? NULL : arg, NULL);
}

void desk_control_turned(struct desk *d, bool committed)
{
    for (size_t i = 0; i < DESK_CLIENTS_MAX; i++) {
        struct desk_client *c = &d->client[i];
        if (c->fd < 0 || !c->asked)
            continue;
        if (committed && c->answered)
            say_answer(d, c);
        else
            reply(d, c, 1, MSG_CTL_NOT_DONE, NULL, NULL);
    }
}

/* ---- backup ---- */

static void do_backup(struct desk *d, struct desk_client *c, const struct command *cmd)
{
    struct err e = ERR_INIT;
    const char *dir = plain(cmd, 0);
    char notice[64];
    int r;

    if (dir[0] != '/') {
        reply(d, c, 1, MSG_CTL_ARGUMENT, dir, NULL);
        return;
    }
    desk_turn_commit(d); /* what came in before belongs into the copy */
    if (d->watchdog_ms > 0) /* a copy of years takes longer than a turn may */
        (void)proc_notify(getenv("NOTIFY_SOCKET"), "WATCHDOG_USEC=7200000000\nWATCHDOG=1", NULL);
    r = store_backup(d->store, dir, &e);
    if (d->watchdog_ms > 0) {
        snprintf(notice, sizeof notice, "WATCHDOG_USEC=%lld\nWATCHDOG=1", (long long)d->watchdog_ms * 3000);
        (void)proc_notify(getenv("NOTIFY_SOCKET"), notice, NULL);
    }
    if (r < 0)
        reply_err(d, c, &e);
    else
        reply(d, c, 0, MSG_CTL_BACKUP_DONE, dir, NULL);
}

/* ---- signing ---- */

static bool waits_for(struct desk *d, const char *signer)
{
    struct flow_message m;

    return store_flow_ops.message_next_to_sign(d->store, signer, 0, &m, NULL) == 1;
}

/* The signer that a person means: the one named, else the only one that needs a person, else the only such one with something waiting. -1 = must be named. */
static int choose_signer(struct desk *d, const char *name)
{
    int only = -1, waiting = -1;
    size_t attended = 0, with = 0;

    if (name[0] != '\0')
        return settings_find_signer(d->settings, name);
    for (size_t i = 0; i < d->settings->signers; i++) {
        const struct settings_signer *s = &d->settings->signer[i];
        if (s->type != SIGNER_PKCS11 || s->pin_credential != NULL)
            continue;
        attended++;
        only = (int)i;
        if (waits_for(d, s->name)) {
            with++;
            waiting = (int)i;
        }
    }
    return attended == 1 ? only : with == 1 ? waiting : d->settings->signers == 1 ? 0 : -1;
}

static void do_sign(struct desk *d, struct desk_client *c, const struct command *cmd)
{
    const struct settings_signer *s;
    char names[256] = "";
    size_t n = 0;
    int i = choose_signer(d, plain(cmd, 0)), door;

    for (size_t k = 0; k < d->settings->signers && n < sizeof names; k++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", k == 0 ? "" : " ", d->settings->signer[k].name);
    if (i < 0) {
        reply(d, c, 1, MSG_CTL_WHICH_SIGNER, names, NULL);
        return;
    }
    s = &d->settings->signer[i];
    door = desk_door_find(d, DESK_SIGN, s->name);
    if (s->type != SIGNER_PKCS11 || (s->pin_credential != NULL && d->signer[i].state == FLOW_SIGNER_READY)) {
        reply(d, c, 0, MSG_CTL_UNATTENDED, s->name, NULL);
    } else if (!waits_for(d, s->name)) {
        reply(d, c, 0, MSG_CTL_NOTHING_TO_SIGN, NULL, NULL);
    } else if (door < 0) {
        reply(d, c, 1, MSG_CTL_SIGN_DOOR, s->name, NULL);
    } else {
        wire_begin(&d->out, WIRE_SITTING);
        wire_put_text(&d->out, F_SIGNER, s->name);
        wire_put_fd(&d->out, F_CONNECTION, c->fd);
        wire_put_u64(&d->out, F_FORCE, flag(cmd, "force-final-try"));
        wire_put_u64(&d->out, F_LANGUAGE, (uint64_t)c->language);
        d->signer[i].sitting = desk_door_send(d, (size_t)door);
        if (d->signer[i].sitting)
            drop(c);
        else
            reply(d, c, 1, MSG_CTL_SIGN_DOOR, s->name, NULL);
    }
}

void desk_sitting_check(struct desk *d)
{
    for (size_t i = 0; i < d->settings->signers; i++) {
        struct desk_signer *s = &d->signer[i];
        const char *name = d->settings->signer[i].name;
        int door;
        if (!s->sitting || s->state != FLOW_SIGNER_READY || waits_for(d, name) || (door = desk_door_find(d, DESK_SIGN, name)) < 0)
            continue;
        wire_begin(&d->out, WIRE_SITTING_STATE);
        wire_put_text(&d->out, F_SIGNER, name);
        wire_put_u64(&d->out, F_STATE, 0);
        s->sitting = !desk_door_send(d, (size_t)door);
    }
}

/* ---- connections ---- */

static const struct { const char *verb; void (*run)(struct desk *, struct desk_client *, const struct command *); } verbs[] = {
    { "status", do_status }, { "list", do_list }, { "uncoded", do_list }, { "show", do_show }, { "waiting", do_waiting }, { "export", do_export }, { "backup", do_backup }, { "sign", do_sign },
};

static void run_command(struct desk *d, struct desk_client *c)
{
    struct wire_group cursor = wire_first(&d->in);
    struct command cmd = { .verb = wire_text(&d->in, F_VERB) };

    while (cmd.args < ARGS_MAX && wire_next_text(&cursor, F_ARG, &cmd.arg[cmd.args]))
        cmd.args++;
    c->language = wire_u64(&d->in, F_LANGUAGE) == LANG_EN ? LANG_EN : LANG_JA;
    c->json = wire_u64(&d->in, F_JSON) != 0;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(cmd.verb, verbs[i].verb) == 0) {
            verbs[i].run(d, c, &cmd);
            return;
        }
    if (!do_changing(d, c, &cmd))
        reply(d, c, 1, MSG_CTL_VERB, cmd.verb, NULL);
}

static void refuse(struct desk *d, struct desk_client *c)
{
    char space[4096], number[24];
    struct group gr, *found = NULL;

    snprintf(number, sizeof number, "%u", (unsigned)getegid());
    if (getgrgid_r(getegid(), &gr, space, sizeof space, &found) != 0)
        found = NULL;
    reply(d, c, 1, MSG_CTL_DENIED, found != NULL ? gr.gr_name : number, NULL);
}

void desk_control_hear(struct desk *d, size_t client)
{
    struct desk_client *c = &d->client[client];
    int r;

    if (c->fd < 0)
        return;
    r = wire_receive(c->fd, &d->in, NULL);
    if (r == ERR_TIMEOUT)
        return;
    if (r < 0 || d->in.type != WIRE_COMMAND || c->asked) { /* gone, broken, or a second command */
        if (r == 0)
            wire_release(&d->in);
        drop(c);
        return;
    }
    if (c->denied)
        refuse(d, c);
    else
        run_command(d, c);
    wire_release(&d->in);
}

/* Root, the desk itself, or a member of its group? */
static bool is_allowed(int fd, const struct ucred *peer)
{
    gid_t groups[GROUPS_MAX];
    socklen_t size = sizeof groups;

    if (peer->uid == 0 || peer->uid == geteuid() || peer->gid == getegid())
        return true;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
        return false;
    for (size_t i = 0; i < size / sizeof *groups; i++)
        if (groups[i] == getegid())
            return true;
    return false;
}

static void name_actor(struct desk_client *c)
{
    char space[4096];
    struct passwd pw, *found = NULL;

    if (getpwuid_r(c->uid, &pw, space, sizeof space, &found) == 0 && found != NULL)
        snprintf(c->actor, sizeof c->actor, "operator:%.48s", pw.pw_name);
    else
        snprintf(c->actor, sizeof c->actor, "operator:%u", (unsigned)c->uid);
}

/* A free place, else that of the client that has been silent longest. */
static struct desk_client *place(struct desk *d)
{
    struct desk_client *oldest = NULL;

    for (size_t i = 0; i < DESK_CLIENTS_MAX; i++) {
        struct desk_client *c = &d->client[i];
        if (c->fd < 0)
            return c;
        if (!c->asked && (oldest == NULL || c->since_ms < oldest->since_ms))
            oldest = c;
    }
    if (oldest != NULL)
        reply(d, oldest, 1, MSG_CTL_BUSY, NULL, NULL);
    return oldest;
}

void desk_control_accept(struct desk *d)
{
    int fd = accept4(d->control, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct desk_client *c = fd < 0 ? NULL : place(d);
    struct ucred peer;
    socklen_t size = sizeof peer;

    if (fd < 0)
        return;
    if (c == NULL || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
        close(fd);
        return;
    }
    memset(c, 0, sizeof *c);
    c->fd = fd;
    c->uid = peer.uid;
    c->since_ms = time_boot_ms();
    name_actor(c);
    c->denied = !is_allowed(fd, &peer);
}

int desk_control_open(struct desk *d, struct err *e)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int dir = dir_make(AT_FDCWD, d->settings->run_dir, 0750, e), fd;

    d->started_wall_ms = time_wall_ms();
    if (dir < 0)
        return dir;
    close(dir);
    if (strlen(d->settings->run_dir) + sizeof "/control" > sizeof address.sun_path)
        return err_set(e, ERR_LIMIT, MSG_CHECK_PATH_LONG, d->settings->run_dir, d->settings->run_dir, NULL);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/control", d->settings->run_dir);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set_errno(e, MSG_IO, NULL, "socket");
    (void)unlink(address.sun_path); /* the store's lock says that no other desk lives */
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 || chmod(address.sun_path, 0660) < 0 || listen(fd, BACKLOG) < 0) {
        int r = err_set_errno(e, MSG_IO, address.sun_path, address.sun_path);
        close(fd);
        return r;
    }
    d->control = fd;
    return 0;
}

void desk_control_close(struct desk *d)
{
    char path[sizeof ((struct sockaddr_un *)0)->sun_path];

    for (size_t i = 0; i < DESK_CLIENTS_MAX; i++)
        drop(&d->client[i]);
    if (d->control < 0)
        return;
    if (snprintf(path, sizeof path, "%s/control", d->settings->run_dir) < (int)sizeof path)
        (void)unlink(path);
    close(d->control);
    d->control = -1;
}
