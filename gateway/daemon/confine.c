/*
 * NAME
 *      confine - what a worker can do once it has read its configuration
 *
 * DESCRIPTION
 *      A list of system calls: memory that is no program, its socket, memfds, time. Anything else kills the process, and the desk starts another. Limits on memory, descriptors and
 *      file size besides. Instrumented builds (AddressSanitizer) need more calls and run without it. A file of its own, so that only the worker links libseccomp.
 *
 * DIAGNOSTICS
 *      ERR_IO with the number of the failed call.
 */
#include <errno.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include "daemon/confine.h"
#include "daemon/door.h"

#if defined(__SANITIZE_ADDRESS__)
#define INSTRUMENTED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define INSTRUMENTED 1
#endif
#endif

int confine_worker(struct err *e)
{
#ifdef INSTRUMENTED
    (void)e;
    return 0;
#else
    static const int allowed[] = {
        SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
        SCMP_SYS(lseek), SCMP_SYS(fcntl), SCMP_SYS(ftruncate), SCMP_SYS(memfd_create), SCMP_SYS(munmap), SCMP_SYS(mremap),
        SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(futex), SCMP_SYS(getrandom),
        SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
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
    if (r == 0) /* no memory becomes a program */
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (r == 0) /* a signal to itself, for abort(): the other workers have the same user */
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
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
