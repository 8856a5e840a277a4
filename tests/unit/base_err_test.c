/* Tests of base/err.h. */
#include "base/err.h"

#include <errno.h>
#include <string.h>
#include "base/text.h"
#include "tests/unit/test.h"

TEST(err_set_fills_everything_and_returns_the_code)
{
    struct err e = ERR_INIT;
    CHECK_ERR(err_set(&e, ERR_LIMIT, MSG_LIMIT, "/patient/name", "depth", "64"), ERR_LIMIT);
    CHECK_INT(e.code, ERR_LIMIT);
    CHECK_INT(e.msg, MSG_LIMIT);
    CHECK_STR(e.place, "/patient/name");
    CHECK_STR(e.arg[0], "depth");
    CHECK_STR(e.arg[1], "64");
    CHECK_INT(e.offset, -1);
    CHECK_INT(e.sys_errno, 0);
}

TEST(err_set_forgets_what_stood_there_before)
{
    struct err e = ERR_INIT;
    errno = EIO;
    err_set_errno(&e, MSG_IO, "old place", "old");
    e.line = 7;
    err_set(&e, ERR_INVALID, MSG_INTERNAL, NULL, NULL, NULL);
    CHECK_STR(e.place, "");
    CHECK_STR(e.arg[0], "");
    CHECK_INT(e.line, 0);
    CHECK_INT(e.sys_errno, 0);
}

TEST(err_set_takes_no_receiver)
{
    CHECK_ERR(err_set(NULL, ERR_SYNTAX, MSG_IO, "a", "b", "c"), ERR_SYNTAX);
    errno = ENOSPC;
    CHECK_ERR(err_set_errno(NULL, MSG_IO, NULL, "write"), ERR_LIMIT);
    err_copy(NULL, NULL);
    err_clear(NULL);
}

TEST(err_set_reads_its_own_texts)
{
    struct err e = ERR_INIT;
    err_set(&e, ERR_INVALID, MSG_LIMIT, "place", "first", "second");
    err_set(&e, ERR_INVALID, MSG_LIMIT, e.arg[1], e.place, e.arg[0]);
    CHECK_STR(e.place, "second");
    CHECK_STR(e.arg[0], "place");
    CHECK_STR(e.arg[1], "first");
}

TEST(err_set_cuts_at_a_character)
{
    char longtext[3 * ERR_ARG_MAX + 1] = "";
    for (size_t i = 0; i < ERR_ARG_MAX; i++)
        memcpy(longtext + 3 * i, "病", 3);
    struct err e = ERR_INIT;
    err_set(&e, ERR_INVALID, MSG_LIMIT, longtext, longtext, NULL);
    CHECK(text_is_utf8(e.arg[0], strlen(e.arg[0])));
    CHECK_INT(strlen(e.arg[0]), (ERR_ARG_MAX - 1) / 3 * 3);
    CHECK(text_is_utf8(e.place, strlen(e.place)));
    CHECK_INT(strlen(e.place), (ERR_PLACE_MAX - 1) / 3 * 3);
}

TEST(err_set_errno_sorts_by_what_the_caller_can_do)
{
    static const struct { int number, code; } table[] = {
        { ENOMEM, ERR_NOMEM }, { ENOSPC, ERR_LIMIT }, { EDQUOT, ERR_LIMIT }, { EFBIG, ERR_LIMIT }, { EIO, ERR_IO }, { EACCES, ERR_IO }
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct err e = ERR_INIT;
        errno = table[i].number;
        CHECK_ERR(err_set_errno(&e, MSG_IO, "x", "fsync"), table[i].code);
        CHECK_INT(e.sys_errno, table[i].number);
        CHECK_INT(errno, table[i].number);
        CHECK_STR(e.arg[0], "fsync");
    }
}

TEST(err_copy_and_clear)
{
    struct err a = ERR_INIT, b = ERR_INIT;
    err_set(&a, ERR_DENIED, MSG_IO, "p", "q", NULL);
    err_copy(&b, &a);
    CHECK_INT(b.code, ERR_DENIED);
    CHECK_STR(b.place, "p");
    err_clear(&b);
    CHECK_INT(b.code, 0);
    CHECK_INT(b.offset, -1);
    err_copy(&a, NULL);
    CHECK_INT(a.code, ERR_DENIED);
}

TEST(err_code_names_are_all_there_and_differ)
{
    for (int a = 0; a >= ERR_INTERNAL; a--) {
        CHECK(err_code_name(a)[0] != '?');
        for (int b = 0; b > a; b--)
            CHECK(strcmp(err_code_name(a), err_code_name(b)) != 0);
    }
    CHECK_STR(err_code_name(ERR_LIMIT), "limit");
    CHECK_STR(err_code_name(ERR_INTERNAL), "internal");
    CHECK_STR(err_code_name(ERR_INTERNAL - 1), "?");
    CHECK_STR(err_code_name(1), "?");
}

TEST_MAIN()
