/*
 * NAME
 *      door - start and end of a door process
 *
 * DESCRIPTION
 *      The confinement is a list of system calls that a worker needs after it has read its configuration: memory, its socket, memfds, time. Anything
 *      else kills the process, and the desk starts another. Instrumented builds (AddressSanitizer) need more calls and run without it.
 *
 * DIAGNOSTICS
 *      Exit status 70: could not start. 0: the desk is gone or said stop. 71: the desk broke the message table.
 */
#include <errno.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
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
    if (door.arena == NULL || settings_load(argv[1], door.arena, &door.settings, &e) < 0) {
        if (door.arena == NULL)
            err_set(&e, ERR_NOMEM, MSG_NOMEM, NULL, "door", NULL);
        give_up(argv[0], &e);
    }
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

    if (r == ERR_CLOSED || (r == 0 && door->in.type == WIRE_STOP))
        exit(0);
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

#if defined(__SANITIZE_ADDRESS__)
#define INSTRUMENTED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define INSTRUMENTED 1
#endif
#endif

int door_confine(struct err *e)
{
#ifdef INSTRUMENTED
    (void)e;
    return 0;
#else
    static const int allowed[] = {
        SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
        SCMP_SYS(lseek), SCMP_SYS(fcntl), SCMP_SYS(ftruncate), SCMP_SYS(memfd_create), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect),
        SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(futex), SCMP_SYS(getrandom),
        SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(tgkill), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(sigaltstack), SCMP_SYS(sched_yield),
    };
    static const struct { int what; rlim_t value; } limits[] = {
        { RLIMIT_AS, (rlim_t)3 << 30 }, { RLIMIT_NOFILE, 512 }, { RLIMIT_NPROC, 0 }, { RLIMIT_FSIZE, (rlim_t)DOOR_PAYLOAD_MAX * 2 },
    };
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int r = filter == NULL ? -ENOMEM : 0;

    for (size_t i = 0; i < sizeof limits / sizeof *limits && r == 0; i++) {
        struct rlimit limit = { limits[i].value, limits[i].value };
        r = setrlimit((__rlimit_resource_t)limits[i].what, &limit) < 0 ? -errno : 0;
    }
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed && r == 0; i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    if (r == 0)
        r = seccomp_load(filter);
    if (filter != NULL)
        seccomp_release(filter);
    if (r == 0)
        return 0;
    errno = -r;
    return err_set_errno(e, MSG_IO, NULL, "seccomp");
#endif
}
