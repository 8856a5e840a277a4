/* daemon_confine_test.c - what a confined worker can still do, and what kills it. */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "daemon/confine.h"
#include "tests/unit/test.h"

static void work(void)
{
    int fd = memfd_seal("confine-test", "bytes", 5, NULL);
    struct bytes mapped;
    if (fd < 0 || memfd_map(fd, 100, &mapped, NULL) < 0 || memcmp(mapped.data, "bytes", 5) != 0)
        _exit(1);
    memfd_unmap(&mapped);
    char *large = malloc(8 << 20);
    memset(large, 1, 8 << 20);
    _exit(large[100] == 1 ? 0 : 1);
}

static void open_file(void) { _exit(open("/etc/hostname", O_RDONLY | O_CLOEXEC) < 0); }
static void open_socket(void) { _exit(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0); }
static void make_process(void) { _exit(fork() < 0); }
static void run_program(void) { _exit(execl("/bin/true", "true", (char *)NULL) < 0); }
static void map_program(void) { _exit(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED); }

static void turn_into_program(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    _exit(mprotect(p, 4096, PROT_READ | PROT_EXEC) < 0);
}

static void signal_another(void) { _exit(syscall(SYS_tgkill, getppid(), getppid(), 0) < 0); }

/* How a child ends that is confined and then does this. */
static int end_of(void (*what)(void))
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        if (confine_worker(NULL) < 0)
            _exit(99);
        what();
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    return status;
}

TEST(confined_worker_can_work_and_do_nothing_else)
{
    static void (*const never[])(void) = { open_file, open_socket, make_process, run_program, map_program, turn_into_program, signal_another };
    int status = end_of(open_file);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        SKIP("instrumented builds run unconfined");
    status = end_of(work);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        status = end_of(never[i]);
        CHECK(WIFSIGNALED(status));
        CHECK_INT(WTERMSIG(status), SIGSYS);
    }
    status = end_of(abort);
    CHECK(WIFSIGNALED(status));
    CHECK_INT(WTERMSIG(status), SIGABRT);
}

TEST_MAIN()
