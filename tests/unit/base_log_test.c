/* Tests of base/log.h against a journal socket and a standard error of our own. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/buf.h"
#include "tests/unit/test.h"

static char path[100], got[1 << 16];

/* A datagram socket that stands in for the journal. */
static int journal(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    snprintf(path, sizeof path, "/tmp/clinsgw-journal-%ld", (long)getpid());
    unlink(path);
    memcpy(address.sun_path, path, strlen(path));
    CHECK_OK(bind(fd, (const struct sockaddr *)&address, sizeof address));
    return fd;
}

static const char *receive(int fd)
{
    ssize_t n = recv(fd, got, sizeof got - 1, 0);
    got[n > 0 ? n : 0] = '\0';
    return got;
}

/* What fn writes to standard error. */
static const char *captured(void (*fn)(struct log *), struct log *log)
{
    int pipe_fd[2], kept = dup(STDERR_FILENO);
    CHECK_OK(pipe2(pipe_fd, O_CLOEXEC));
    dup2(pipe_fd[1], STDERR_FILENO);
    fn(log);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(pipe_fd[1]);
    ssize_t n = read(pipe_fd[0], got, sizeof got - 1);
    close(pipe_fd[0]);
    got[n > 0 ? n : 0] = '\0';
    return got;
}

TEST(log_sends_one_datagram_with_fields)
{
    struct err e = ERR_INIT;
    int fd = journal();
    struct log *log = log_new("desk", path, LANG_EN, &e);
    CHECK(log != NULL);
    const struct log_field fields[] = { { "CLINSGW_MESSAGE", "m-1" }, { "CLINSGW_SOURCE", "labo" }, { NULL, NULL } };
    log_event(log, MSG_NOT_FOUND, "x", NULL, fields);
    CHECK_STR(receive(fd), "MESSAGE=not found: x\nPRIORITY=3\nSYSLOG_IDENTIFIER=desk\nCLINSGW_CODE=CG-0005\nCLINSGW_NAME=NOT_FOUND\n"
                           "CLINSGW_NEXT_STEP=none\nCLINSGW_MESSAGE=m-1\nCLINSGW_SOURCE=labo\n");
    CHECK_STR(receive(fd), "");
    log_event(log, MSG_INTERNAL, NULL, NULL, NULL);
    CHECK(strstr(receive(fd), "PRIORITY=2\n") != NULL);
    CHECK(log_free(log) == NULL);
    close(fd);
    unlink(path);
}

/* Standard error that nobody reads any more, as of a service whose journal hangs: a socket, then a pipe. */
TEST(log_waits_for_nobody)
{
    static const char blob[4096];
    for (int kind = 0; kind < 2; kind++) {
        int ends[2], kept = dup(STDERR_FILENO);
        CHECK_OK(kind == 0 ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) : pipe2(ends, O_CLOEXEC));
        int flags = fcntl(ends[1], F_GETFL);
        CHECK_OK(fcntl(ends[1], F_SETFL, flags | O_NONBLOCK));
        for (size_t size = sizeof blob; size > 0; size /= 2)
            while (write(ends[1], blob, size) > 0)
                continue;
        CHECK_OK(fcntl(ends[1], F_SETFL, flags));
        struct log *log = log_new("desk", "/nonexistent/journal", LANG_EN, NULL);
        dup2(ends[1], STDERR_FILENO);
        log_event(log, MSG_NOT_FOUND, "x", NULL, NULL);   /* comes back */
        dup2(kept, STDERR_FILENO);
        log_free(log);
        close(kept);
        close(ends[0]);
        close(ends[1]);
    }
}

TEST(log_speaks_japanese)
{
    int fd = journal();
    struct log *log = log_new("desk", path, LANG_JA, NULL);
    log_event(log, MSG_NOT_FOUND, "x", NULL, NULL);
    CHECK(strncmp(receive(fd), "MESSAGE=見つかりません: x\n", strlen("MESSAGE=見つかりません: x\n")) == 0);
    log_free(log);
    close(fd);
    unlink(path);
}

TEST(log_lets_no_value_start_a_line_of_its_own)
{
    int fd = journal();
    struct log *log = log_new("desk", path, LANG_EN, NULL);
    const struct log_field fields[] = { { "GOOD", "a\nPRIORITY=0" }, { "bad-name", "x" }, { "", "y" }, { "NEWLINE\nX", "z" }, { "EMPTY", NULL }, { NULL, NULL } };
    log_event(log, MSG_NOT_FOUND, "x\nMESSAGE=forged\r\x1b[2J\xff", NULL, fields);
    receive(fd);
    CHECK(strstr(got, "\nMESSAGE=") == NULL);
    CHECK(strstr(got, "\nPRIORITY=0") == NULL);
    CHECK(strstr(got, "MESSAGE=not found: x MESSAGE=forged  [2J?\n") != NULL);
    CHECK(strstr(got, "\nGOOD=a PRIORITY=0\nEMPTY=\n") != NULL);
    CHECK(strstr(got, "bad-name") == NULL && strstr(got, "NEWLINE") == NULL);
    log_free(log);
    close(fd);
    unlink(path);
}

static void one_event(struct log *log)
{
    const struct log_field fields[] = { { "A", "1" }, { "no", "2" }, { "B", "two\nlines" }, { NULL, NULL } };
    log_event(log, MSG_NOT_FOUND, "x\ny", NULL, fields);
}

static void check_line(const char *line, const char *end)
{
    CHECK_INT(strlen(line), 19 + strlen(end));  /* 2026-11-21 09:30:05 */
    CHECK_STR(line + strlen(line) - strlen(end), end);
    CHECK(strchr(line, '\n') == line + strlen(line) - 1);
}

TEST(log_writes_one_line_to_standard_error)
{
    char want[200];
    struct log *log = log_new("spool", NULL, LANG_EN, NULL);
    snprintf(want, sizeof want, " spool[%ld] error CG-0005 not found: x y A=1 B=two lines\n", (long)getpid());
    check_line(captured(one_event, log), want);
    log_free(log);
}

TEST(log_falls_back_when_the_journal_is_gone)
{
    char want[200];
    snprintf(want, sizeof want, " link[%ld] error CG-0005 not found: x y A=1 B=two lines\n", (long)getpid());
    struct log *log = log_new("link", "/nonexistent/journal", LANG_EN, NULL);
    CHECK(log != NULL);
    check_line(captured(one_event, log), want);
    log_free(log);
}

TEST(log_does_not_wait_for_a_journal_that_hangs)
{
    int fd = journal();
    struct log *log = log_new("link", path, LANG_EN, NULL);
    int kept = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(null, STDERR_FILENO);
    for (int i = 0; i < 5000; i++)  /* far more than a socket holds: returns, or the test hangs */
        log_event(log, MSG_NOT_FOUND, "x", NULL, NULL);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(null);
    CHECK(receive(fd)[0] == 'M');
    log_free(log);
    close(fd);
    unlink(path);
}

TEST(log_err_hides_arguments_unless_they_are_configuration)
{
    int fd = journal();
    struct log *log = log_new("desk", path, LANG_EN, NULL);
    struct err e = ERR_INIT;
    errno = EACCES;
    err_set_errno(&e, MSG_IO, "山田太郎.json", "open");
    errno = 77;
    log_err(log, &e);
    CHECK_INT(errno, 77);
    receive(fd);
    CHECK(strstr(got, "山田") == NULL);
    CHECK(strncmp(got, "MESSAGE=input or output failed: … … (io, Permission denied)\n", 20) == 0);
    CHECK(strstr(got, "(io, Permission denied)\n") != NULL);
    CHECK(strstr(got, "\nCLINSGW_ERROR=io\nERRNO=13\n") != NULL);
    err_set(&e, ERR_INVALID, MSG_CONF_BAD_VALUE, "clinsgw.conf:7", "wait", "1s .. 5s");
    log_err(log, &e);
    CHECK(strncmp(receive(fd), "MESSAGE=bad value for key \"wait\"; allowed: 1s .. 5s, clinsgw.conf:7 (invalid)\n", 70) == 0);
    CHECK(strstr(got, "ERRNO") == NULL);
    log_free(log);
    close(fd);
    unlink(path);
}

TEST(log_takes_long_texts)
{
    static char text[1 << 17];
    int fd = journal();
    struct log *log = log_new("desk", path, LANG_EN, NULL);
    struct err e = ERR_INIT;
    memset(text, 'x', sizeof text - 1);
    log_event(log, MSG_NOT_FOUND, text, NULL, NULL);
    CHECK(strlen(receive(fd)) > 1000);
    err_set(&e, ERR_INVALID, MSG_CONF_BAD_VALUE, text, text, text);
    log_err(log, &e);
    CHECK(strlen(receive(fd)) > 500);
    log_free(log);
    close(fd);
    unlink(path);
    CHECK(log_new("desk", text, LANG_EN, &e) == NULL);
    CHECK_INT(e.code, ERR_INVALID);
}

TEST(log_of_nobody_is_silent)
{
    struct err e = ERR_INIT;
    log_event(NULL, MSG_IO, NULL, NULL, NULL);
    log_err(NULL, &e);
    CHECK(log_free(NULL) == NULL);
}

TEST_MAIN()
