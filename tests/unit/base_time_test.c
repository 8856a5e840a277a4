/* Times through base/timefmt.h, and the list of findings through base/issue.h. */
#include "base/timefmt.h"

#include "base/err.h"
#include "base/issue.h"
#include "tests/unit/test.h"

static int64_t instant(const char *text)
{
    int64_t ms = -1;

    CHECK_OK(time_parse_instant(text, strlen(text), &ms));
    return ms;
}

static bool datetime(const char *text)
{
    return time_is_datetime(text, strlen(text));
}

static bool date(const char *text)
{
    return time_is_date(text, strlen(text));
}

TEST(time_shows_japan_time_whatever_the_zone)
{
    char text[TIME_TEXT_MAX];
    int64_t ms = instant("2026-11-21T00:30:05.123Z");

    CHECK_INT(ms, INT64_C(1795221005123));
    time_format_jst_ms(ms, text);
    CHECK_STR(text, "2026-11-21T09:30:05.123+09:00");
    time_format_utc(ms, text);
    CHECK_STR(text, "2026-11-21T00:30:05Z");
    time_format_log(ms, text);
    CHECK_STR(text, "2026-11-21 09:30:05");
    time_format_compact(ms, text);
    CHECK_STR(text, "20261121093005");
    CHECK_INT(time_year_jst(instant("2026-12-31T14:59:59Z")), 2026);
    CHECK_INT(time_year_jst(instant("2026-12-31T15:00:00Z")), 2027);
    time_format_utc(-1, text);
    CHECK_STR(text, "1969-12-31T23:59:59Z");
}

TEST(time_reads_instants_with_zones_and_fractions)
{
    CHECK_INT(instant("1970-01-01T09:00:00+09:00"), 0);
    CHECK_INT(instant("1969-12-31T19:00:00.0019-05:00"), 1);
    CHECK_INT(instant("2000-02-29T00:00:00.5Z"), INT64_C(951782400500));
    CHECK_INT(instant("0001-01-01T00:00:00Z"), INT64_C(-62135596800000));
}

TEST(time_refuses_what_the_calendar_or_fhir_does_not_have)
{
    static const char *const bad[] = {
        "", "2026", "2026-11-21", "2026-11-21T09:30:05", "2026-11-21T09:30Z", "2026-11-21 09:30:05Z", "2026-11-21T24:00:00Z", "2026-11-21T09:60:00Z",
        "2026-11-21T09:30:61Z", "2026-11-21T09:30:05.Z", "2026-11-21T09:30:05+0900", "2026-11-21T09:30:05+14:01", "2026-11-21T09:30:05Z ",
        "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "0000-01-01T00:00:00Z", "2026-11-31T00:00:00Z", "２026-11-21T09:30:05Z", "2026-11-21T09:30:05z"
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t ms = 42;

        if (time_parse_instant(bad[i], strlen(bad[i]), &ms) != ERR_SYNTAX || ms != 42)
            test_fail(__FILE__, __LINE__, "took \"%s\"", bad[i]);
    }
}

TEST(time_knows_fhir_dates)
{
    CHECK(date("2026") && date("2026-11") && date("2024-02-29"));
    CHECK(!date("2026-2") && !date("2023-02-29") && !date("2026-11-21T09:30:05Z") && !date("2026/11/21") && !date("R8.11.21") && !date("20261121"));
    CHECK(datetime("2026") && datetime("2026-11-21") && datetime("2026-11-21T09:30:05+09:00") && datetime("2026-11-21T09:30:05.000Z"));
    CHECK(!datetime("2026-11T09:30:05Z") && !datetime("2026-11-21T09:30:05") && !datetime("2026-11-21T") && !datetime("2026-"));
}

TEST(time_clocks_move_forward)
{
    CHECK(time_wall_ms() > instant("2024-01-01T00:00:00Z"));
    CHECK(time_boot_ms() <= time_boot_ms());
}

TEST(issue_lists_count_past_their_end)
{
    struct arena *a = arena_new(1 << 20);
    struct issue_list list;
    struct issue *first, *second, *last;

    issues_init(&list, a);
    CHECK(issues_ok(&list));
    first = issues_add(&list, MSG_WARNING, MSG_LIMIT, "dom-3", "x", NULL);
    CHECK_STR(first->rule, "dom-3");
    CHECK_STR(first->arg1, "x");
    CHECK(first->arg2 == NULL && first->location == NULL && first->offset == -1);
    CHECK(issues_ok(&list));
    list.max = 2;
    CHECK(issues_add(&list, MSG_INFO, MSG_LIMIT, NULL, NULL, NULL) != NULL);
    CHECK(issues_add(&list, MSG_WARNING, MSG_LIMIT, NULL, NULL, NULL) == NULL);
    CHECK_INT(list.count, 3);
    CHECK(issues_ok(&list) && list.first->next == list.last);
    /* The others are full; errors have room of their own. */
    CHECK((second = issues_add(&list, MSG_ERROR, MSG_LIMIT, NULL, NULL, NULL)) != NULL);
    CHECK((last = issues_add(&list, MSG_ERROR, MSG_LIMIT, NULL, NULL, NULL)) != NULL);
    CHECK(issues_add(&list, MSG_ERROR, MSG_LIMIT, NULL, NULL, NULL) == NULL);
    CHECK_INT(list.count, 6);
    CHECK_INT(list.errors, 3);
    CHECK_INT(list.warnings, 2);
    CHECK(!issues_ok(&list) && !list.failed && list.first == first && second->next == last && list.last == last);
    arena_free(a);
}

TEST(issue_lists_without_memory_are_not_believed)
{
    struct arena *a = arena_new(256);
    struct issue_list list;

    issues_init(&list, a);
    for (int i = 0; i < 50 && !list.failed; i++)
        issues_add(&list, MSG_INFO, MSG_LIMIT, "rule", "argument", "argument");
    CHECK(list.failed && list.errors == 0 && !issues_ok(&list));
    arena_free(a);
}

TEST_MAIN()
