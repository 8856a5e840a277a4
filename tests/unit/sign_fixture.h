/*
 * sign_fixture.h - a demonstration PKI in a folder of its own for one test program, gone when the program ends.
 *
 *     const char *dir = fixture_pki(false);      // NULL: cannot be made here, skip
 *     struct buf b; fixture_read("hpki/doctor.crt", &b);
 */
#ifndef TESTS_UNIT_SIGN_FIXTURE_H
#define TESTS_UNIT_SIGN_FIXTURE_H

#include <fcntl.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "tests/unit/test.h"

static char fixture_dir[256];

/* Runs a program, quiet unless loud; its exit status, -1 when it could not be run. */
static inline int fixture_run(const char *const *argv, bool loud)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(null, 1);
        if (!loud)
            dup2(null, 2);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

static inline void fixture_remove(void)
{
    const char *argv[] = { "rm", "-rf", fixture_dir, NULL };
    if (fixture_dir[0] != '\0')
        fixture_run(argv, false);
}

static inline const char *fixture_temp(void)
{
    const char *base = getenv("TMPDIR");
    if (fixture_dir[0] != '\0')
        return fixture_dir;
    snprintf(fixture_dir, sizeof fixture_dir, "%s/clinsgw-sign-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(fixture_dir) == NULL) {
        fixture_dir[0] = '\0';
        return NULL;
    }
    atexit(fixture_remove);
    return fixture_dir;
}

static inline const char *fixture_pki(bool token)
{
    static int made;   /* 1 = there, -1 = cannot be */
    const char *argv[] = { "sh", "certs/make-demo-pki.sh", NULL, "1318814790", NULL };
    const char *tools[] = { "sh", "-c", token ? "command -v openssl softhsm2-util pkcs11-tool" : "command -v openssl", NULL };
    if (made == 0) {
        made = -1;
        if (fixture_run(tools, false) == 0 && access(argv[1], R_OK) == 0 && (argv[2] = fixture_temp()) != NULL) {
            if (!token)
                setenv("NO_TOKEN", "1", 1);
            made = fixture_run(argv, true) == 0 ? 1 : 2;
            unsetenv("NO_TOKEN");
        }
    }
    if (made == 2)
        test_fail(__FILE__, __LINE__, "certs/make-demo-pki.sh failed");
    return made == 1 ? fixture_dir : NULL;
}

/* File below the folder, into a buffer that the caller frees. */
static inline void fixture_read(const char *name, struct buf *ret)
{
    struct err e = ERR_INIT;
    char path[512];
    snprintf(path, sizeof path, "%s/%s", fixture_dir, name);
    buf_init(ret, 8 << 20);
    if (file_read(AT_FDCWD, path, 8 << 20, ret, &e) < 0)
        test_fail(__FILE__, __LINE__, "cannot read %s", path);
}

#endif
