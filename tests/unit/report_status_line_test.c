/* One event, one line: whatever the values hold. */
#include <stdbool.h>
#include <time.h>

#include "base/text.h"
#include "report/status_line.h"
#include "tests/unit/test.h"

static char text[4096];

static struct status_line line_of(enum msg_id msg)
{
    return (struct status_line){ .wall_ms = 1795220005000, .msg = msg, .message = "", .source = "", .facility = "", .kind = "", .operation = "", .state = "", .code = "", .hash8 = "" };
}

__attribute__((constructor)) static void use_japan_time(void)
{
    setenv("TZ", "JST-9", 1);
    tzset();
}

static void check_line(size_t n)
{
    CHECK_INT(n, strlen(text));
    CHECK(n > 0 && text[n - 1] == '\n');
    CHECK(memchr(text, '\n', n - 1) == NULL);
    CHECK(text_is_utf8(text, n));
    CHECK_INT(text_find_control(text, n - 1, false), -1);
}

TEST(status_line_says_all_that_is_known)
{
    struct status_line line = line_of(MSG_NONE);
    line.message = "42";
    line.source = "karte";
    line.facility = "1310000001";
    line.kind = "letter";
    line.operation = "register";
    line.state = "refused";
    line.code = "CISB1002E";
    line.hash8 = "1a2b3c4d";
    check_line(status_line_format(&line, LANG_JA, text, sizeof text));
    CHECK_STR(strchr(text, '-') == NULL ? "" : strstr(text, " - "),
              " - message=42 source=karte facility=1310000001 kind=letter op=register state=refused code=CISB1002E file=1a2b3c4d\n");
}

TEST(status_line_leaves_out_what_is_not_known)
{
    struct status_line line = line_of(MSG_NONE);
    check_line(status_line_format(&line, LANG_JA, text, sizeof text));
    CHECK(strstr(text, "=") == NULL);
    line.message = "r7";
    check_line(status_line_format(&line, LANG_JA, text, sizeof text));
    CHECK(strstr(text, " request=7\n") != NULL);
    line = (struct status_line){ .msg = MSG_SPOOL_SHARE_BACK };
    check_line(status_line_format(&line, LANG_JA, text, sizeof text)); /* NULL is nothing, too */
}

TEST(status_line_speaks_both_languages_and_names_the_next_step)
{
    struct status_line line = line_of(MSG_SPOOL_SHARE_GONE);
    line.source = "karte";
    check_line(status_line_format(&line, LANG_JA, text, sizeof text));
    CHECK(strstr(text, msg_get(MSG_SPOOL_SHARE_GONE)->code) != NULL);
    CHECK(strstr(text, "…") == NULL && strstr(text, "（") == NULL); /* an argument that may name a patient is not given */
    CHECK(strstr(text, "→ 次に: ") != NULL && strstr(text, msg_get(MSG_SPOOL_SHARE_GONE)->next[LANG_JA]) != NULL);
    check_line(status_line_format(&line, LANG_EN, text, sizeof text));
    CHECK(strstr(text, "-> next: ") != NULL && strstr(text, msg_get(MSG_SPOOL_SHARE_GONE)->next[LANG_EN]) != NULL);
    line.arg[0] = "other";
    check_line(status_line_format(&line, LANG_EN, text, sizeof text));
    CHECK(strstr(text, "(other)") != NULL);
    line.msg = MSG_SPOOL_SHARE_BACK; /* which has no next step */
    check_line(status_line_format(&line, LANG_EN, text, sizeof text));
    CHECK(strstr(text, "next:") == NULL);
}

TEST(status_line_stays_one_line)
{
    static const char *const hostile[] = { "E1\n2026-11-21 00:00:00 forged line", "\r\n", "\x1b[2J", "\xff\xfe", "a\xe3\x81", "\xc2\x85", "\x7f", "\xef\xbb\xbf" };
    struct status_line line = line_of(MSG_SPOOL_SHARE_GONE);
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        line.code = line.arg[0] = hostile[i];
        check_line(status_line_format(&line, LANG_JA, text, sizeof text));
    }
}

TEST(status_line_is_cut_at_a_character)
{
    struct status_line line = line_of(MSG_SPOOL_SHARE_GONE);
    char whole[4096];
    size_t full;
    line.source = "あいうえおかきくけこ";
    full = status_line_format(&line, LANG_JA, text, sizeof text);
    memcpy(whole, text, full);
    for (size_t size = 64; size <= full + 2; size++) {
        memset(text, 'Z', sizeof text);
        check_line(status_line_format(&line, LANG_JA, text, size));
        CHECK(strlen(text) < size);
        CHECK_INT(text[size], 'Z');
        CHECK(memcmp(text, whole, strlen(text) - 1) == 0);
    }
    CHECK_INT(strlen(text), full);
}

TEST_MAIN()
