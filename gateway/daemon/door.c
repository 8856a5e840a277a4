/*
 * NAME
 *      door - start and end of a door process
 *
 * DESCRIPTION
 *      Waits for the lock of a predecessor that may still be dying, takes core dumps and the signals of a terminal away, dies with the desk.
 *
 * DIAGNOSTICS
 *      Exit status 70: could not start. 0: the desk is gone or said stop. 71: the desk broke the message table.
 */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>
#include "base/proc.h"
#include "daemon/door.h"

enum { EXIT_SETUP = 70, EXIT_PROTOCOL = 71 };

static _Noreturn void give_up(const char *program, const struct err *e)
{
    char text[512];

    msg_format(e->msg, LANG_EN, e->arg[0], e->arg[1], text, sizeof text);
    fprintf(stderr, "%s: %s %s %s\n", program, msg_get(e->msg)->code, text, e->place);
    exit(EXIT_SETUP);
}

struct door *door_start(int argc, char **argv)
{
    static struct door door; /* one door a process: this is its main's own state */
    struct err e = ERR_INIT;

    if (argc != 3) {
        fprintf(stderr, "%s is started by clinsgwd\n", argv[0]);
        exit(EXIT_SETUP);
    }
    if (proc_die_with_parent(getppid(), &e) < 0 || proc_no_core(&e) < 0)
        give_up(argv[0], &e);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN);  /* the desk decides when a door ends */
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    while (flock(DOOR_LOCK, LOCK_EX) < 0)
        if (errno != EINTR) {
            err_set_errno(&e, MSG_IO, argv[2], "door lock");
            give_up(argv[0], &e);
        }
    door.socket = DOOR_SOCKET;
    door.name = argv[2];
    door.arena = arena_new(16 << 20);
    if (door.arena == NULL || settings_load_fd(DOOR_CONFIG, argv[1], door.arena, NULL, &door.settings, &e) < 0) {
        if (door.arena == NULL)
            err_set(&e, ERR_NOMEM, MSG_NOMEM, NULL, "door", NULL);
        give_up(argv[0], &e);
    }
    close(DOOR_CONFIG);
    return &door;
}

void door_send(struct door *door)
{
    struct err e = ERR_INIT;
    int r = wire_send(door->socket, &door->out, &e);

    if (r == ERR_CLOSED || r == ERR_TIMEOUT)
        exit(0);
    if (r < 0) {
        give_up(door->name, &e);
    }
}

void door_ready(struct door *door)
{
    (void)malloc_trim(0); /* what the start needed and the work does not */
    wire_begin(&door->out, WIRE_READY);
    door_send(door);
}

void door_problem(struct door *door, const struct err *e)
{
    wire_begin(&door->out, WIRE_PROBLEM);
    wire_put_u64(&door->out, F_MSG, e->msg);
    wire_put_text(&door->out, F_ARG, e->arg[0]);
    wire_put_text(&door->out, F_ARG, e->arg[1]);
    door_send(door);
}

int door_receive(struct door *door)
{
    struct err e = ERR_INIT;
    int r = wire_receive(door->socket, &door->in, &e);

    bool stop = r == 0 && door->in.type == WIRE_STOP;

    if (r == ERR_CLOSED || (stop && !door->drains))
        exit(0);
    door->stopping |= stop;
    if (r < 0 && r != ERR_TIMEOUT)
        exit(EXIT_PROTOCOL);
    return r;
}

void door_wait(struct door *door)
{
    struct pollfd p = { .fd = door->socket, .events = POLLIN };

    while (poll(&p, 1, -1) < 0 && errno == EINTR)
        continue;
}
