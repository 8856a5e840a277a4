/*
 * NAME
 *      clinsgw-link - the door of one route to the service
 *
 * SYNOPSIS
 *      clinsgw-link CONFIG LINK      (started by clinsgwd)
 *
 * DESCRIPTION
 *      Holds the client certificate and the log-in secret of its route, and nothing else. Passes orders on to the link room and its facts back to
 *      the desk. Decides nothing. Told to stop, it lets calls that are under way over the Web API come to their end for a short time: an answer
 *      that is not heard leaves its message unknown.
 */
#include <poll.h>
#include <unistd.h>
#include "base/file.h"
#include "base/timefmt.h"
#include "daemon/door.h"
#include "exchange/exchange.h"
#include "link/link.h"

enum { DRAIN_MS = 3500 /* less than the desk waits before it ends a door */ };

struct link_door { struct door *door; struct link *link; bool calls /* a submit ends with its call */; int under_way; };

static const struct link_ops *const back_end[] = { [LINK_TYPE_WEBAPI] = &link_webapi, [LINK_TYPE_TERMINAL] = &link_terminal, [LINK_TYPE_SINK] = &link_sink };

static void on_fact(void *user, const struct link_fact *fact)
{
    struct link_door *d = user;
    struct wire_out *out = &d->door->out;
    int fd = -1;

    if (d->calls && (fact->kind == LINK_NOT_LEFT || fact->kind == LINK_STATUS || fact->kind == LINK_ENDED || fact->kind == LINK_ANSWER))
        d->under_way--;
    wire_begin(out, WIRE_FACT);
    wire_put_u64(out, F_STATE, fact->kind);
    wire_put_u64(out, F_EXCHANGE, fact->exchange);
    wire_put_bytes(out, F_NAME, fact->name == NULL ? "" : fact->name, fact->name == NULL ? 0 : strlen(fact->name));
    wire_put_u64(out, F_HOW, fact->how);
    wire_put_u64(out, F_PLACE, fact->place);
    wire_put_u64(out, F_ANSWER_KIND, (uint64_t)fact->answer_kind);
    wire_put_u64(out, F_CLASS, (uint64_t)fact->class);
    wire_put_i64(out, F_HTTP, fact->http_status);
    wire_put_i64(out, F_EXPIRES, fact->expires_ms);
    wire_put_i64(out, F_ERRNO, fact->sys_errno);
    if ((fact->kind == LINK_ANSWER || (fact->kind == LINK_NOTICE && fact->bytes.data != NULL)) && !wire_put_inside(out, F_CONTENT, fact->bytes)) {
        fd = memfd_seal("clinsgw-answer", fact->bytes.data, fact->bytes.len, NULL);
        wire_put_fd(out, F_CONTENT, fd);
    }
    door_send(d->door);
    if (fd >= 0)
        close(fd);
}

/* A submitted request's bytes, mapped until the link lets go of them. */
struct held { struct bytes bytes; };

static void let_go(void *arg)
{
    struct held *held = arg;

    memfd_unmap(&held->bytes);
    free(held);
}

/* An order that could not be taken had no effect: that is a fact, too. */
static void not_left(struct link_door *d, uint64_t exchange, const char *name)
{
    struct link_fact fact = { .kind = LINK_NOT_LEFT, .exchange = exchange, .name = name, .how = LINK_HOW_NO_BODY };

    d->under_way += d->calls;
    on_fact(d, &fact);
}

static void submit(struct link_door *d, uint64_t exchange, const char *name)
{
    struct wire_in *in = &d->door->in;
    struct held *held = calloc(1, sizeof *held);
    struct link_request request = { .exchange = exchange, .name = name, .operation = (int)wire_u64(in, F_OPERATION), .institution = wire_text(in, F_INSTITUTION),
                                    .identifier = wire_text(in, F_IDENTIFIER), .release = let_go, .release_arg = held };
    struct err e = ERR_INIT;
    int fd = wire_take_fd(in, F_CONTENT);
    int r = held == NULL ? err_set(&e, ERR_NOMEM, MSG_NOMEM, NULL, "link", NULL) : memfd_map(fd, DOOR_PAYLOAD_MAX, &held->bytes, &e);

    if (fd >= 0)
        close(fd);
    if (r == 0) {
        request.bytes = held->bytes;
        r = link_submit(d->link, &request, &e);
        if (r < 0)
            memfd_unmap(&held->bytes);
        else
            d->under_way += d->calls;
    }
    if (r < 0) {
        free(held);
        door_problem(d->door, &e);
        not_left(d, exchange, name);
    }
}

static void obey(struct link_door *d)
{
    struct wire_in *in = &d->door->in;
    uint64_t exchange = wire_u64(in, F_EXCHANGE);
    struct bytes raw = wire_bytes(in, F_NAME);
    char name[EXCHANGE_NAME_MAX];
    struct err e = ERR_INIT;
    int r = 0;

    snprintf(name, sizeof name, "%.*s", (int)raw.len, raw.data);
    switch (in->type) {
    case WIRE_SUBMIT: submit(d, exchange, name); break;
    case WIRE_LINK_LOOK: r = link_look(d->link, exchange, name, &e); break;
    case WIRE_AWAIT: r = link_await(d->link, exchange, name, &e); break;
    case WIRE_REMOVE: r = link_remove(d->link, exchange, name, &e); break;
    case WIRE_FORGET: (void)link_forget(d->link, exchange); break;
    case WIRE_REMOVE_NOTICE: (void)link_remove_notice(d->link, name); break;
    default: break;
    }
    if (r < 0 && r != ERR_EXISTS && r != ERR_UNSUPPORTED)
        door_problem(d->door, &e);
}

static int secret_text(int fd, const char *name, struct buf *secret, struct err *e)
{
    return name == NULL ? 0 : settings_secret_read(fd, name, secret, e);
}

static int open_link(struct link_door *d, struct exchange_profile **ret_profile, struct err *e)
{
    const struct settings *s = d->door->settings;
    int index = settings_find_link(s, d->door->name), r;
    const struct settings_link *c;
    struct buf password, key_password;
    char path[4096];

    if (index < 0)
        return err_set(e, ERR_NOTFOUND, MSG_INTERNAL, NULL, "link", d->door->name);
    c = &s->link[index];
    d->calls = c->type == LINK_TYPE_WEBAPI;
    buf_init(&password, 4096);
    buf_init(&key_password, 4096);
    snprintf(path, sizeof path, "%s/%s.conf", s->profile_dir, c->profile);
    r = exchange_profile_load(path, ret_profile, e);
    if (r == 0)
        r = secret_text(DOOR_SECRET, c->login_password_file, &password, e);
    if (r == 0)
        r = secret_text(DOOR_SECRET_2, c->key_password_file, &key_password, e);
    if (r == 0) {
        struct link_options o = {
            .profile = *ret_profile, .host = s->host, .sessions = (int)c->sessions, .fact = on_fact, .user = d, .folder = c->folder, .login_url = c->login_url,
            .api_url = c->api_url, .login_user = c->login_user, .login_password = c->login_password_file == NULL ? NULL : password.data,
            .certificate_file = c->certificate, .key_file = c->key, .key_password = c->key_password_file == NULL ? NULL : key_password.data,
            .ca_file = c->ca, .resolve = c->resolve,
        };
        r = link_open(back_end[c->type], &o, &d->link, e);
    }
    buf_wipe_free(&password);
    buf_wipe_free(&key_password);
    return r;
}

int main(int argc, char **argv)
{
    static struct link_door d; /* the door's own state */
    struct exchange_profile *profile = NULL;
    struct err e = ERR_INIT;
    int64_t until = 0;

    d.door = door_start(argc, argv);
    d.door->drains = true;
    if (open_link(&d, &profile, &e) < 0) {
        door_problem(d.door, &e);
        return 70;
    }
    door_ready(d.door);
    if (link_log_in(d.link, &e) < 0)
        door_problem(d.door, &e);
    for (;;) {
        struct pollfd desk = { .fd = d.door->socket, .events = POLLIN };
        while (door_receive(d.door) == 0) {
            obey(&d);
            wire_release(&d.door->in);
        }
        link_step(d.link, time_boot_ms());
        if (d.door->stopping && until == 0)
            until = time_boot_ms() + DRAIN_MS;
        if (until != 0 && (d.under_way <= 0 || time_boot_ms() >= until))
            return 0;
        if (link_wait(d.link, &desk, 1, time_boot_ms(), until == 0 ? -1 : until - time_boot_ms()) < 0)
            return 1;
    }
}
