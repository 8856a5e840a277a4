/*
 * test.h - the test harness: one program a file, one line a test.
 *
 *     #include "tests/unit/test.h"
 *     TEST(buf_refuses_past_its_maximum) { CHECK_ERR(buf_add_str(&b, "xx"), ERR_LIMIT); }
 *     TEST_MAIN()
 *
 * Prints "ok NAME", "FAIL NAME file:line what" or "skip NAME why". A failed check ends its test. Arguments pick tests by a part of the name.
 * Exit status 0 only when nothing failed and at least one test ran or was skipped.
 */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_case { const char *name; void (*run)(void); struct test_case *next; };

static struct test_case *test_first, **test_last = &test_first;
static jmp_buf test_exit;

static inline void test_register(struct test_case *c) { *test_last = c; test_last = &c->next; }

__attribute__((format(printf, 3, 4), noreturn))
static inline void test_fail(const char *file, int line, const char *format, ...)
{
    va_list ap;
    printf("     at %s:%d: ", file, line);
    va_start(ap, format);
    vprintf(format, ap);
    va_end(ap);
    putchar('\n');
    longjmp(test_exit, 1);
}

static inline void test_check_str(const char *file, int line, const char *got, const char *want)
{
    if (got == NULL || want == NULL ? got != want : strcmp(got, want) != 0)
        test_fail(file, line, "got \"%s\", want \"%s\"", got ? got : "(null)", want ? want : "(null)");
}

static inline void test_check_int(const char *file, int line, const char *text, intmax_t got, intmax_t want)
{
    if (got != want)
        test_fail(file, line, "%s is %jd, want %jd", text, got, want);
}

#define TEST(id) \
    static void test_##id(void); \
    __attribute__((constructor)) static void register_##id(void) \
    { static struct test_case c = { #id, test_##id, NULL }; test_register(&c); } \
    static void test_##id(void)

#define CHECK(cond) do { if (!(cond)) test_fail(__FILE__, __LINE__, "%s", #cond); } while (0)
#define CHECK_INT(got, want) test_check_int(__FILE__, __LINE__, #got, (intmax_t)(got), (intmax_t)(want))
#define CHECK_STR(got, want) test_check_str(__FILE__, __LINE__, (got), (want))
#define CHECK_OK(call) test_check_int(__FILE__, __LINE__, #call, (intmax_t)(call), 0)
#define CHECK_ERR(call, code) test_check_int(__FILE__, __LINE__, #call, (intmax_t)(call), (intmax_t)(code))
#define SKIP(why) do { printf("     %s\n", (why)); longjmp(test_exit, 2); } while (0)

/* Apart from the loop, so that no local of it lives across setjmp(). */
__attribute__((noinline, unused))
static int test_run_one(const struct test_case *c)
{
    switch (setjmp(test_exit)) {
    case 0: c->run(); printf("ok %s\n", c->name); return 0;
    case 1: printf("FAIL %s\n", c->name); return 1;
    default: printf("skip %s\n", c->name); return 0;
    }
}

static inline int test_run_all(int argc, char **argv)
{
    int failed = 0, seen = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (struct test_case *c = test_first; c != NULL; c = c->next) {
        int wanted = argc < 2;
        for (int i = 1; i < argc; i++)
            wanted |= strstr(c->name, argv[i]) != NULL;
        if (!wanted)
            continue;
        seen++;
        failed += test_run_one(c);
    }
    return failed > 0 || seen == 0;
}

#define TEST_MAIN() int main(int argc, char **argv) { return test_run_all(argc, argv); }

#endif
