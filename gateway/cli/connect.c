/*
 * NAME
 *      connect - the way to the desk, or to its store when it is stopped
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/file.h"
#include "base/proc.h"
#include "cli/cli.h"

int cli_connect(struct cli *c, struct err *e)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd, failed;

    if (strlen(c->settings->run_dir) + sizeof "/control" > sizeof address.sun_path)
        return err_set(e, ERR_LIMIT, MSG_CHECK_PATH_LONG, NULL, c->settings->run_dir, NULL);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/control", c->settings->run_dir);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set_errno(e, MSG_CLI_NO_DESK, NULL, "socket");
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    failed = errno;
    close(fd);
    return err_set(e, failed == ENOENT || failed == ECONNREFUSED ? ERR_CLOSED : ERR_DENIED, MSG_CLI_NO_DESK, NULL, strerror(failed), NULL);
}

int cli_send(struct cli *c, int fd, struct err *e)
{
    char text[600];
    int r;

    wire_begin(&c->out, WIRE_COMMAND);
    wire_put_text(&c->out, F_VERB, c->verb);
    for (size_t i = 0; i < c->options; i++) {
        const struct cli_option *o = &c->option[i];
        if (strcmp(o->name, "config") == 0 || strcmp(o->name, "lang") == 0 || strcmp(o->name, "json") == 0 || strcmp(o->name, "output") == 0)
            continue;
        snprintf(text, sizeof text, "--%s%s%s", o->name, o->value == NULL ? "" : "=", o->value == NULL ? "" : o->value);
        wire_put_text(&c->out, F_ARG, text);
    }
    for (size_t i = 0; i < c->plains; i++)
        wire_put_text(&c->out, F_ARG, c->plain[i]);
    wire_put_u64(&c->out, F_LANGUAGE, c->lang);
    wire_put_u64(&c->out, F_JSON, c->json);
    r = wire_send(fd, &c->out, e);
    if (r == ERR_INTERNAL || r == ERR_LIMIT) /* an argument that is too long or no text */
        r = err_set(e, ERR_INVALID, MSG_CLI_USAGE, NULL, c->plains > 0 ? c->plain[0] : c->verb, NULL);
    return r;
}

int cli_receive(struct cli *c, int fd)
{
    return wire_receive(fd, &c->in, NULL) == 0 ? CLI_DONE : cli_say(c, CLI_FAILED, MSG_CLI_ANSWER, NULL, NULL);
}

int cli_reply(struct cli *c, struct buf *ret_text)
{
    struct err e = ERR_INIT;
    struct wire_group cursor = wire_first(&c->in);
    const char *arg[2] = { NULL, NULL };
    int content, code = (int)wire_u64(&c->in, F_EXIT);
    uint64_t msg = wire_u64(&c->in, F_MSG);

    if (c->in.type != WIRE_REPLY) {
        wire_release(&c->in);
        return cli_say(c, CLI_FAILED, MSG_CLI_ANSWER, NULL, NULL);
    }
    (void)(wire_next_text(&cursor, F_ARG, &arg[0]) && wire_next_text(&cursor, F_ARG, &arg[1]));
    if (msg != MSG_NONE && msg < MSG_COUNT)
        cli_say(c, code, (enum msg_id)msg, arg[0], arg[1]);
    content = wire_take_fd(&c->in, F_CONTENT);
    if (content >= 0 && ret_text != NULL && file_read_fd(content, CLI_REPLY_MAX, ret_text, &e) < 0)
        code = cli_say(c, CLI_FAILED, MSG_CLI_ANSWER, NULL, NULL);
    if (content >= 0)
        close(content);
    wire_release(&c->in);
    return code;
}

int cli_ask(struct cli *c, struct buf *ret_text, bool *ret_there)
{
    struct err e = ERR_INIT;
    int fd = cli_connect(c, &e), code;

    if (ret_there != NULL)
        *ret_there = fd != ERR_CLOSED;
    if (fd == ERR_CLOSED)
        return ret_there != NULL ? CLI_NO_DESK : cli_say_err(c, CLI_NO_DESK, &e);
    if (fd < 0)
        return cli_say_err(c, fd == ERR_DENIED ? CLI_FAILED : CLI_NO_DESK, &e);
    code = cli_send(c, fd, &e) < 0 ? cli_say_err(c, e.code == ERR_INVALID ? CLI_USAGE : CLI_FAILED, &e) : cli_receive(c, fd);
    if (code == CLI_DONE)
        code = cli_reply(c, ret_text);
    close(fd);
    return code;
}

int cli_store(struct cli *c, enum store_mode mode, struct store **ret_store, struct err *e)
{
    int r = proc_become(c->settings->desk_user, e);

    return r < 0 ? r : store_open(c->settings->state_dir, mode, ret_store, e);
}
