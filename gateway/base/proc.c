/*
 * NAME
 *     proc - readiness, core dumps, parents and users of a process
 *
 * SYNOPSIS
 *     proc_become(user, &e); proc_no_core(&e); proc_die_with_parent(parent, &e); proc_notify(socket, "READY=1", &e);
 *
 * DESCRIPTION
 *     In that order: changing the user undoes the other two. A door drops all capabilities, the desk keeps the three that starting doors needs.
 *
 * DIAGNOSTICS
 *     ERR_IO with errno, ERR_NOTFOUND for a user, ERR_CLOSED when the parent has gone first. A failed change of user leaves the process as it stands: end it.
 */
#include "base/proc.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

int proc_notify(const char *socket_path, const char *state, struct err *e)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (socket_path == NULL || socket_path[0] == '\0')
        return 0;
    size_t len = strlen(socket_path);
    if ((socket_path[0] != '/' && socket_path[0] != '@') || len >= sizeof address.sun_path)
        return err_set(e, ERR_INVALID, MSG_NOTIFY_SOCKET, NULL, socket_path, NULL);
    memcpy(address.sun_path, socket_path, len);
    if (socket_path[0] == '@')
        address.sun_path[0] = '\0';  /* abstract name */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set_errno(e, MSG_IO, NULL, "socket");
    size_t size = offsetof(struct sockaddr_un, sun_path) + len;
    ssize_t n;
    do
        n = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address, (socklen_t)size);
    while (n < 0 && errno == EINTR);
    int r = n >= 0 ? 0 : err_set_errno(e, MSG_IO, NULL, "notify");
    close(fd);
    return r;
}

int proc_no_core(struct err *e)
{
    const struct rlimit none = { 0, 0 };
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
        return err_set_errno(e, MSG_IO, NULL, "core dumps off");
    return 0;
}

int proc_die_with_parent(pid_t parent, struct err *e)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return err_set_errno(e, MSG_IO, NULL, "parent-death signal");
    /* A parent that died before the call sends no signal any more. */
    if (getppid() != parent)
        return err_set(e, ERR_CLOSED, MSG_PARENT_GONE, NULL, NULL, NULL);
    return 0;
}

static int capabilities_get(struct __user_cap_data_struct ret_data[static _LINUX_CAPABILITY_U32S_3])
{
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    return (int)syscall(SYS_capget, &header, ret_data);
}

static const int starter_capabilities[] = { CAP_SETUID, CAP_SETGID, CAP_KILL };

/* Root, or a service that systemd gave the two capabilities instead. */
static bool may_change_user(void)
{
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    const uint32_t wanted = 1u << CAP_SETUID | 1u << CAP_SETGID;
    return capabilities_get(data) == 0 && (data[0].effective & wanted) == wanted;
}

/* Leaving root drops capabilities by itself; leaving another user does not. What is kept is made ambient, else exec would drop it. */
static int capabilities_keep(const int *kept, size_t count)
{
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    uint32_t bits = 0;
    for (size_t i = 0; i < count; i++)
        bits |= 1u << kept[i];
    const struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { bits, bits, bits }, { 0, 0, 0 } };
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 || syscall(SYS_capset, &header, data) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept[i], 0, 0) < 0)
            return -1;
    return 0;
}

static int become(const char *user, const int *kept, size_t count, struct err *e)
{
    struct passwd entry, *found = NULL;
    char text[4096];
    uid_t real, effective, saved;
    if (user == NULL || !may_change_user())
        return 0;
    if (getpwnam_r(user, &entry, text, sizeof text, &found) != 0 || found == NULL)
        return err_set(e, ERR_NOTFOUND, MSG_USER_UNKNOWN, NULL, user, NULL);
    if (prctl(PR_SET_KEEPCAPS, count > 0, 0, 0, 0) < 0 || initgroups(user, entry.pw_gid) < 0 ||
        setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid) < 0 || setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid) < 0 ||
        capabilities_keep(kept, count) < 0 || prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
        return err_set_errno(e, MSG_IO, NULL, "change user");
    if (getresuid(&real, &effective, &saved) < 0 || real != entry.pw_uid || effective != entry.pw_uid || saved != entry.pw_uid)
        return err_set(e, ERR_INTERNAL, MSG_INTERNAL, NULL, "change user", NULL);
    /* For good: a way back would make the separation worthless. */
    if (count == 0 && entry.pw_uid != 0 && setuid(0) == 0)
        return err_set(e, ERR_INTERNAL, MSG_INTERNAL, NULL, "change user", NULL);
    return 0;
}

int proc_become(const char *user, struct err *e)
{
    return become(user, NULL, 0, e);
}

int proc_become_starter(const char *user, struct err *e)
{
    return become(user, starter_capabilities, sizeof starter_capabilities / sizeof starter_capabilities[0], e);
}
