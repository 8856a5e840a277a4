/* Tests of base/proc.h. What changes a process for good is done in a child. */
#include "base/proc.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/unit/test.h"

static int listen_at(const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    memcpy(address.sun_path, name, strlen(name));
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    CHECK_OK(bind(fd, (const struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))));
    return fd;
}

static void check_notify(const char *name)
{
    char got[100] = "";
    struct err e = ERR_INIT;
    int fd = listen_at(name);
    CHECK_OK(proc_notify(name, "READY=1\nSTATUS=受付中", &e));
    CHECK(recv(fd, got, sizeof got - 1, 0) > 0);
    CHECK_STR(got, "READY=1\nSTATUS=受付中");
    CHECK_OK(proc_notify(name, "WATCHDOG=1", &e));
    memset(got, 0, sizeof got);
    CHECK(recv(fd, got, sizeof got - 1, 0) > 0);
    CHECK_STR(got, "WATCHDOG=1");
    close(fd);
}

TEST(proc_notify_reaches_a_path_and_an_abstract_name)
{
    char name[100];
    snprintf(name, sizeof name, "/tmp/clinsgw-notify-%ld", (long)getpid());
    unlink(name);
    check_notify(name);
    unlink(name);
    snprintf(name, sizeof name, "@clinsgw-notify-%ld", (long)getpid());
    check_notify(name);
}

TEST(proc_notify_without_a_socket_is_nothing)
{
    CHECK_OK(proc_notify(NULL, "READY=1", NULL));
    CHECK_OK(proc_notify("", "READY=1", NULL));
}

TEST(proc_notify_says_what_is_wrong)
{
    struct err e = ERR_INIT;
    char longname[200];
    memset(longname, 'x', sizeof longname);
    longname[0] = '/';
    longname[199] = '\0';
    CHECK_ERR(proc_notify("/nonexistent/notify", "READY=1", &e), ERR_IO);
    CHECK_INT(e.sys_errno, ENOENT);
    CHECK_ERR(proc_notify("relative", "READY=1", &e), ERR_INVALID);
    CHECK_ERR(proc_notify(longname, "READY=1", &e), ERR_INVALID);
    CHECK_INT(e.msg, MSG_NOTIFY_SOCKET);
}

/* Runs fn in a child; its return value is the child's exit status. */
static int in_child(int (*fn)(void))
{
    int status;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0)
        _exit(fn());
    CHECK_INT(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int no_core(void)
{
    struct rlimit limit;
    if (proc_no_core(NULL) < 0 || getrlimit(RLIMIT_CORE, &limit) < 0)
        return 1;
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0 || limit.rlim_cur != 0 || limit.rlim_max != 0 ? 2 : 0;
}

TEST(proc_no_core_sticks) { CHECK_OK(in_child(no_core)); }

static int die_with_parent(void)
{
    int signal_number = 0;
    if (proc_die_with_parent(getppid(), NULL) < 0 || prctl(PR_GET_PDEATHSIG, &signal_number, 0, 0, 0) < 0)
        return 1;
    if (signal_number != SIGKILL)
        return 2;
    return proc_die_with_parent(getpid(), NULL) == ERR_CLOSED ? 0 : 3;
}

TEST(proc_die_with_parent_knows_a_parent_that_is_gone) { CHECK_OK(in_child(die_with_parent)); }

static int become_nobody(void)
{
    struct passwd *nobody = getpwnam("nobody");
    gid_t groups[64];
    if (nobody == NULL || proc_become("nobody", NULL) < 0)
        return 1;
    if (getuid() != nobody->pw_uid || geteuid() != nobody->pw_uid || getgid() != nobody->pw_gid || getegid() != nobody->pw_gid)
        return 2;
    int count = getgroups(64, groups);
    for (int i = 0; i < count; i++)
        if (groups[i] == 0)
            return 3;
    return setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0 ? 4 : 0;
}

TEST(proc_become_is_for_good)
{
    if (geteuid() != 0)
        SKIP("not root");
    CHECK_OK(in_child(become_nobody));
}

/* Becomes the user daemon, keeping permitted capabilities. */
static int become_daemon(void)
{
    struct passwd *user = getpwnam("daemon");
    if (user == NULL || prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0)
        return -1;
    return setresuid(user->pw_uid, user->pw_uid, user->pw_uid);
}

/* Effective capabilities are gone, as for any user. */
static int become_without_right(void)
{
    if (become_daemon() < 0)
        return 1;
    uid_t before = getuid();
    return proc_become("nobody", NULL) == 0 && getuid() == before ? 0 : 2;
}

static struct __user_cap_header_struct cap_header = { _LINUX_CAPABILITY_VERSION_3, 0 };

/* A service that systemd started under its own user with two capabilities. */
static int become_by_capability(void)
{
    const uint32_t bits = 1u << CAP_SETUID | 1u << CAP_SETGID;
    struct __user_cap_data_struct data[2] = { { bits, bits, bits }, { 0, 0, 0 } };
    if (become_daemon() < 0 || syscall(SYS_capset, &cap_header, data) < 0 ||
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SETUID, 0, 0) < 0)
        return 1;
    int r = proc_become("nobody", NULL);
    struct passwd *nobody = getpwnam("nobody");
    if (r < 0 || nobody == NULL || getuid() != nobody->pw_uid || getgid() != nobody->pw_gid)
        return 2;
    if (syscall(SYS_capget, &cap_header, data) < 0 || (data[0].effective | data[0].permitted | data[0].inheritable) != 0)
        return 3;
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_SETUID, 0, 0) != 0 || setuid(0) == 0 ? 4 : 0;
}

TEST(proc_become_by_capability_keeps_none)
{
    if (geteuid() != 0)
        SKIP("not root");
    CHECK_OK(in_child(become_by_capability));
}

/* What the desk does, and then a door of it after exec. */
static int become_starter(void)
{
    const uint32_t bits = 1u << CAP_SETUID | 1u << CAP_SETGID | 1u << CAP_KILL;
    struct __user_cap_data_struct data[2];
    int r = proc_become_starter("daemon", NULL);
    struct passwd *user = getpwnam("daemon");
    if (r < 0 || user == NULL || getuid() != user->pw_uid)
        return 1;
    if (syscall(SYS_capget, &cap_header, data) < 0 || data[0].permitted != bits || data[0].effective != bits)
        return 2;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_SETUID, 0, 0) != 1 || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_SYS_ADMIN, 0, 0) != 0)
        return 3;
    r = proc_become("nobody", NULL);
    user = getpwnam("nobody");
    if (r < 0 || user == NULL || getuid() != user->pw_uid || setuid(0) == 0)
        return 4;
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_SETUID, 0, 0) == 0 ? 0 : 5;
}

TEST(proc_become_starter_can_start_others)
{
    if (geteuid() != 0)
        SKIP("not root");
    CHECK_OK(in_child(become_starter));
}

TEST(proc_become_is_nothing_without_the_right)
{
    if (geteuid() != 0)
        SKIP("not root");
    CHECK_OK(in_child(become_without_right));
}

TEST(proc_become_refuses_an_unknown_user)
{
    struct err e = ERR_INIT;
    CHECK_OK(proc_become(NULL, &e));
    if (geteuid() != 0)
        SKIP("not root");
    CHECK_ERR(proc_become("no-such-user-here", &e), ERR_NOTFOUND);
    CHECK_INT(e.msg, MSG_USER_UNKNOWN);
    CHECK_INT(getuid(), 0);
}

TEST_MAIN()
