/* Tests of base/buf.h. */
#include "base/buf.h"

#include "base/err.h"
#include "tests/unit/test.h"

TEST(buf_is_an_empty_text_at_first)
{
    struct buf b;
    size_t len = 1;
    buf_init(&b, 10);
    CHECK_STR(b.data, "");
    CHECK_INT(b.len, 0);
    CHECK(buf_take(&b, &len) == NULL);
    CHECK_INT(len, 0);
    buf_free(&b);
    buf_free(&b);
}

TEST(buf_is_always_terminated)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 5000; i++) {
        CHECK_OK(buf_add_char(&b, (char)('a' + i % 26)));
        CHECK_INT(b.data[b.len], 0);
    }
    CHECK_INT(b.len, 5000);
    CHECK_INT(b.data[4999], 'a' + 4999 % 26);
    CHECK_INT(buf_bytes(&b).len, 5000);
    buf_free(&b);
    CHECK_STR(b.data, "");
}

TEST(buf_takes_its_maximum_and_not_one_byte_more)
{
    struct buf b;
    buf_init(&b, 5);
    CHECK_OK(buf_add_str(&b, "12345"));
    CHECK_STR(b.data, "12345");
    CHECK_ERR(buf_add_char(&b, '6'), ERR_LIMIT);
    CHECK_STR(b.data, "12345");
    buf_free(&b);
    CHECK_ERR(buf_addf(&b, "%d", 123456), ERR_LIMIT);
    buf_free(&b);
    CHECK_ERR(buf_reserve(&b, SIZE_MAX), ERR_LIMIT);
    buf_free(&b);
    buf_init(&b, 0);
    CHECK_OK(buf_add(&b, "", 0));
    CHECK_ERR(buf_add_char(&b, 'x'), ERR_LIMIT);
    buf_free(&b);
}

TEST(buf_failure_sticks)
{
    struct buf b;
    size_t len = 9;
    buf_init(&b, 3);
    CHECK_OK(buf_add_str(&b, "ab"));
    CHECK_ERR(buf_add_str(&b, "xx"), ERR_LIMIT);
    CHECK_ERR(buf_add_str(&b, "c"), ERR_LIMIT);
    CHECK_ERR(buf_addf(&b, "%s", ""), ERR_LIMIT);
    CHECK_INT(b.failed, ERR_LIMIT);
    CHECK(buf_take(&b, &len) == NULL);
    CHECK_INT(len, 0);
    CHECK_INT(b.failed, 0);
    CHECK_OK(buf_add_str(&b, "abc"));
    buf_free(&b);
}

TEST(buf_reset_forgives)
{
    struct buf b;
    buf_init(&b, 3);
    CHECK_OK(buf_add_str(&b, "abc"));
    CHECK_ERR(buf_add_char(&b, 'd'), ERR_LIMIT);
    buf_reset(&b);
    CHECK_STR(b.data, "");
    CHECK_OK(buf_add_str(&b, "xyz"));
    CHECK_STR(b.data, "xyz");
    buf_free(&b);
    buf_reset(&b);
    CHECK_STR(b.data, "");
}

TEST(buf_addf_writes_like_printf)
{
    struct buf b;
    buf_init(&b, 1 << 16);
    for (int i = 0; i < 1000; i++)
        CHECK_OK(buf_addf(&b, "%03d %s;", i, "名"));
    CHECK_INT(b.len, 8 * 1000);
    CHECK(memcmp(b.data + 8 * 999, "999 名;", 8) == 0);
    buf_free(&b);
}

TEST(buf_take_moves)
{
    struct buf b;
    size_t len;
    buf_init(&b, 100);
    CHECK_OK(buf_add(&b, "a\0b", 3));
    char *bytes = buf_take(&b, &len);
    CHECK_INT(len, 3);
    CHECK(memcmp(bytes, "a\0b", 4) == 0);
    CHECK_INT(b.len, 0);
    CHECK_OK(buf_add_str(&b, "new"));
    CHECK_STR(b.data, "new");
    CHECK(memcmp(bytes, "a\0b", 4) == 0);
    free(bytes);
    buf_wipe_free(&b);
    CHECK_STR(b.data, "");
}

TEST_MAIN()
