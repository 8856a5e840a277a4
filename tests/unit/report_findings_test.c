/* Findings as a payload: there and back, and what a worker may have made of it. */
#include "report/findings.h"
#include "tests/unit/test.h"

static struct arena *arena;
static struct issue_list list, back;
static struct buf text;
static struct err e;

static void begin(void)
{
    arena = arena_free(arena);
    arena = arena_new(8 << 20);
    CHECK(arena != NULL);
    issues_init(&list, arena);
    issues_init(&back, arena);
    if (text.max > 0)
        buf_free(&text);
    buf_init(&text, 1 << 20);
    e = (struct err)ERR_INIT;
}

static int read_text(const char *json)
{
    begin();
    return findings_read(json, strlen(json), &back, &e);
}

TEST(findings_come_back_as_they_were)
{
    struct issue *issue;
    const struct issue *got;

    begin();
    issue = issues_add(&list, MSG_ERROR, MSG_SPOOL_TOO_LARGE, "bdl-7", "検査 \"値\"\n", NULL);
    CHECK(issue != NULL);
    issue->pointer = "/units/0/items/1";
    issue->location = "Bundle.entry[0].resource";
    issue->profile = "http://example.org/p";
    issue->line = 12;
    issue->column = 7;
    issue->offset = 345;
    CHECK(issues_add(&list, MSG_WARNING, MSG_SPOOL_ORPHAN, NULL, NULL, "second") != NULL);
    CHECK(issues_add(&list, MSG_INFO, MSG_SPOOL_VANISHED, NULL, NULL, NULL) != NULL);
    CHECK_OK(findings_write(&list, true, &text, &e));
    CHECK_OK(findings_read(text.data, text.len, &back, &e));
    CHECK_INT(back.count, 3);
    CHECK_INT(back.errors, 1);
    CHECK_INT(back.warnings, 1);
    got = back.first;
    CHECK_INT(got->severity, MSG_ERROR);
    CHECK_INT(got->msg, MSG_SPOOL_TOO_LARGE);
    CHECK_STR(got->rule, "bdl-7");
    CHECK_STR(got->arg1, "検査 \"値\"\n");
    CHECK_STR(got->pointer, "/units/0/items/1");
    CHECK_STR(got->location, "Bundle.entry[0].resource");
    CHECK_STR(got->profile, "http://example.org/p");
    CHECK_INT(got->line, 12);
    CHECK_INT(got->column, 7);
    CHECK_INT(got->offset, 345);
    got = got->next;
    CHECK_STR(got->arg2, "second");
    CHECK(got->rule == NULL && got->pointer == NULL && got->location == NULL && got->profile == NULL);
    CHECK_INT(got->line, 0);
    CHECK_INT(got->offset, -1);
    CHECK(got->next->arg1 == NULL);
}

TEST(findings_may_be_none)
{
    begin();
    CHECK_OK(findings_write(&list, true, &text, &e));
    CHECK_STR(text.data, "[]");
    CHECK_OK(findings_read(text.data, text.len, &back, &e));
    CHECK_OK(findings_read("", 0, &back, &e));
    CHECK_OK(findings_read("{\"x-a\":1}\n", 10, &back, &e));
    CHECK_OK(findings_read("{\"x-a\":1}\n[]", 12, &back, &e));
    CHECK_OK(findings_read("\n", 1, &back, &e));
    CHECK_INT(back.count, 0);
    CHECK(findings_worst(&back) == NULL);
}

TEST(findings_leave_advice_out_unless_it_is_asked_for)
{
    begin();
    CHECK(issues_add(&list, MSG_WARNING, MSG_VALIDATE_MUST_SUPPORT, NULL, "recorder", "profile") != NULL);
    CHECK(issues_add(&list, MSG_INFO, MSG_VALIDATE_BINDING_UNCHECKED, NULL, "value set", "") != NULL);
    CHECK_OK(findings_write(&list, false, &text, &e));
    CHECK_STR(text.data, "[]");
    CHECK(issues_add(&list, MSG_WARNING, MSG_VALIDATE_MILLISECONDS, NULL, "x", NULL) != NULL);
    buf_reset(&text);
    CHECK_OK(findings_write(&list, false, &text, &e));
    CHECK_OK(findings_read(text.data, text.len, &back, &e));
    CHECK_INT(back.count, 1);
    CHECK_INT(back.first->msg, MSG_VALIDATE_MILLISECONDS);
    buf_reset(&text);
    CHECK_OK(findings_write(&list, true, &text, &e));
    issues_init(&back, arena);
    CHECK_OK(findings_read(text.data, text.len, &back, &e));
    CHECK_INT(back.count, 3);
}

TEST(findings_that_quote_broken_bytes_can_be_read)
{
    begin();
    CHECK(issues_add(&list, MSG_ERROR, MSG_SPOOL_TOO_LARGE, "r\xff", "\xe3\x81", "ok \xc0\xaf あ") != NULL);
    CHECK_OK(findings_write(&list, true, &text, &e));
    CHECK_OK(findings_read(text.data, text.len, &back, &e));
    CHECK_STR(back.first->rule, "r?");
    CHECK_STR(back.first->arg1, "??");
    CHECK_STR(back.first->arg2, "ok ?? あ");
}

TEST(findings_are_not_written_from_a_list_that_failed)
{
    begin();
    list.failed = true;
    CHECK_ERR(findings_write(&list, true, &text, &e), ERR_NOMEM);
    CHECK_INT(e.code, ERR_NOMEM);
    CHECK_INT(text.len, 0);
}

TEST(findings_keep_to_the_size_of_the_buffer)
{
    struct buf small;
    begin();
    CHECK(issues_add(&list, MSG_ERROR, MSG_SPOOL_TOO_LARGE, NULL, NULL, NULL) != NULL);
    buf_init(&small, 10);
    CHECK_ERR(findings_write(&list, true, &small, &e), ERR_LIMIT);
    CHECK_INT(e.code, ERR_LIMIT);
    buf_free(&small);
}

TEST(findings_of_unknown_codes_keep_the_code)
{
    CHECK_OK(read_text("[{\"code\":\"CG-0000\",\"severity\":\"error\"},{\"code\":\"CG-9876\",\"arg\":[\"lost\",\"kept\"]},{\"severity\":\"shouting\"},{}]"));
    CHECK_INT(back.count, 4);
    CHECK_INT(back.errors, 4); /* what nobody knows is an error */
    CHECK_INT(back.first->next->msg, MSG_INTERNAL);
    CHECK_STR(back.first->next->arg1, "CG-9876");
    CHECK_STR(back.first->next->arg2, "kept");
}

TEST(findings_that_are_no_array_are_refused)
{
    static const char *const bad[] = { "{}", "[", "null", "\"x\"", "[{}] x", "[{\"code\":\"\xff\"}]", "[{\"code\":1,\"code\":2}]" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_ERR(read_text(bad[i]), ERR_CORRUPT);
        CHECK_INT(e.code, ERR_CORRUPT);
    }
}

TEST(findings_of_wrong_types_do_no_harm)
{
    CHECK_OK(read_text("[1,\"x\",null,[],{\"code\":[],\"severity\":{},\"rule\":7,\"arg\":\"x\",\"pointer\":{},\"line\":\"a\",\"column\":1.5,\"offset\":-9}]"));
    CHECK_INT(back.count, 5);
    CHECK_INT(back.last->line, 0);
    CHECK_INT(back.last->column, 0);
    CHECK_INT(back.last->offset, -1);
    CHECK_OK(read_text("[{\"line\":4294967296,\"column\":-1,\"offset\":99999999999999999999}]"));
    CHECK_INT(back.first->line, 0);
    CHECK_INT(back.first->column, 0);
    CHECK_INT(back.first->offset, -1);
}

TEST(findings_without_end_are_counted_and_not_kept)
{
    struct buf many;
    const struct issue *i;
    size_t kept = 0;

    begin();
    buf_init(&many, 1 << 20);
    buf_add_char(&many, '[');
    for (int n = 0; n < 2000; n++)
        buf_add_str(&many, n == 0 ? "{}" : ",{}");
    buf_add_char(&many, ']');
    CHECK_OK(findings_read(many.data, many.len, &back, &e));
    CHECK_INT(back.count, 2000);
    for (i = back.first; i != NULL; i = i->next)
        kept++;
    CHECK_INT(kept, back.max);
    buf_free(&many);
}

TEST(findings_worst_is_the_first_of_the_heaviest)
{
    begin();
    issues_add(&list, MSG_INFO, MSG_SPOOL_VANISHED, "i", NULL, NULL);
    CHECK_STR(findings_worst(&list)->rule, "i");
    issues_add(&list, MSG_WARNING, MSG_SPOOL_ORPHAN, "w1", NULL, NULL);
    issues_add(&list, MSG_WARNING, MSG_SPOOL_ORPHAN, "w2", NULL, NULL);
    CHECK_STR(findings_worst(&list)->rule, "w1");
    issues_add(&list, MSG_ERROR, MSG_SPOOL_TOO_LARGE, "e1", NULL, NULL);
    issues_add(&list, MSG_ERROR, MSG_SPOOL_TOO_LARGE, "e2", NULL, NULL);
    CHECK_STR(findings_worst(&list)->rule, "e1");
}

TEST(findings_leave_no_memory_behind)
{
    begin();
    buf_free(&text);
    arena = arena_free(arena);
}

TEST_MAIN()
