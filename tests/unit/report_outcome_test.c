/* What the vendor reads: outcome and status files from rows, in every state, with findings, with the vendor's own members, with payloads that are broken. */
#include "base/json_doc.h"
#include "report/findings.h"
#include "report/notice.h"
#include "report/outcome.h"
#include "tests/unit/test.h"

static struct arena *arena;
static struct buf text;
static struct err e;
static struct flow_request request;
static struct flow_unit unit[3];
static struct flow_message message[3];
static struct outcome_unit units[3];
static struct outcome o;

/* A request of three units, all done. */
static void begin(void)
{
    arena = arena_free(arena);
    arena = arena_new(16 << 20);
    CHECK(arena != NULL);
    if (text.max > 0)
        buf_free(&text);
    buf_init(&text, 4 << 20);
    memset(&request, 0, sizeof request);
    memset(unit, 0, sizeof unit);
    memset(message, 0, sizeof message);
    memset(units, 0, sizeof units);
    e = (struct err)ERR_INIT;
    request.id = 42;
    request.state = FLOW_RQ_CLOSED;
    snprintf(request.facility, sizeof request.facility, "1310000001");
    request.received_wall_ms = 1795220000000;
    for (int i = 0; i < 3; i++) {
        unit[i].index = i;
        unit[i].kind = FLOW_KIND_LETTER;
        unit[i].asked = FLOW_OP_REGISTER;
        snprintf(unit[i].unit, sizeof unit[i].unit, "K/letter/2026-%d", i);
        message[i].state = FLOW_MS_DONE;
        message[i].kind = FLOW_KIND_LETTER;
        message[i].operation = FLOW_OP_REGISTER;
        snprintf(message[i].uuid, sizeof message[i].uuid, "uuid-%d", i);
        snprintf(message[i].bundle_id, sizeof message[i].bundle_id, "1310000001^2026^%d", i);
        message[i].since_wall_ms = 1795220005000;
        units[i] = (struct outcome_unit){ &unit[i], &message[i], "letter", { "", 0 }, { "", 0 }, false };
    }
    o = (struct outcome){ .request = &request, .name = "letter.json", .report = { "", 0 }, .unit = units, .unit_count = 3, .now_ms = 1795220006000 };
}

static const struct json_node *write_it(enum msg_lang lang, bool final)
{
    const struct json_node *root;
    buf_reset(&text);
    CHECK_OK(outcome_write(&o, lang, final, &text, &e));
    CHECK(text.len > 0 && text.data[text.len - 1] == '\n');
    CHECK_OK(json_parse(text.data, text.len, NULL, arena, &root, &e));
    return root;
}

static const char *text_at(const struct json_node *root, const char *path)
{
    return json_dup(arena, json_path(root, path));
}

static struct bytes finding(enum msg_severity severity, enum msg_id msg, const char *arg)
{
    struct issue_list list;
    struct issue *issue;
    struct buf b;
    struct bytes ret;

    issues_init(&list, arena);
    issue = issues_add(&list, severity, msg, "R1", arg, NULL);
    CHECK(issue != NULL);
    issue->pointer = "/units/0/patient";
    issue->line = 3;
    issue->column = 5;
    buf_init(&b, 1 << 16);
    CHECK_OK(findings_write(&list, true, &b, &e));
    ret.data = arena_strndup(arena, b.data, b.len);
    ret.len = b.len;
    CHECK(ret.data != NULL);
    buf_free(&b);
    return ret;
}

TEST(outcome_names_what_was_done)
{
    const struct json_node *root;
    begin();
    snprintf(request.request_id, sizeof request.request_id, "req \"7\"");
    root = write_it(LANG_JA, true);
    CHECK_STR(text_at(root, "file"), "letter.json");
    CHECK_STR(text_at(root, "request_id"), "req \"7\"");
    CHECK_STR(text_at(root, "request"), "42");
    CHECK_STR(text_at(root, "facility"), "1310000001");
    CHECK_STR(text_at(root, "outcome"), "done");
    CHECK_STR(text_at(root, "next_step"), "none");
    CHECK(json_get(root, "state") == NULL && json_get(root, "repeat_of") == NULL && json_get(root, "x") == NULL);
    CHECK_INT(json_get(root, "messages")->count, 3);
    CHECK_STR(text_at(root, "messages/1/bundle_id"), "1310000001^2026^1");
    CHECK_STR(text_at(root, "messages/1/unit_key"), "2026-1");
    CHECK_STR(text_at(root, "messages/1/operation"), "register");
    CHECK_STR(text_at(root, "messages/1/kind"), "letter");
    CHECK_STR(text_at(root, "messages/1/next_step"), "none");
    CHECK(json_path(root, "messages/1/code") == NULL);
    CHECK_INT(json_get(root, "issues")->count, 0);
}

TEST(outcome_is_the_same_for_the_same_rows)
{
    char *first;
    begin();
    write_it(LANG_JA, true);
    first = arena_strdup(arena, text.data);
    write_it(LANG_JA, true);
    CHECK_STR(text.data, first);
}

TEST(outcome_word_sums_the_messages_up)
{
    begin();
    CHECK_STR(outcome_word(&o), "done");
    message[2].state = FLOW_MS_REFUSED;
    CHECK_STR(outcome_word(&o), "mixed");
    for (int i = 0; i < 3; i++)
        message[i].state = FLOW_MS_WITHDRAWN;
    CHECK_STR(outcome_word(&o), "withdrawn");
    o.unit_count = 0;
    CHECK_STR(outcome_word(&o), "rejected");
    request.state = FLOW_RQ_OPEN;
    CHECK_STR(outcome_word(&o), "open");
    request.step = FLOW_RS_COMPOSE; /* about to be closed: the words of the end already */
    CHECK_STR(outcome_word(&o), "rejected");
}

TEST(outcome_of_a_file_under_way_says_wait)
{
    const struct json_node *root;
    begin();
    request.state = FLOW_RQ_OPEN;
    message[0].state = FLOW_MS_SENT;
    message[1].state = FLOW_MS_REJECTED;
    units[2].message = NULL;
    root = write_it(LANG_EN, false);
    CHECK_STR(text_at(root, "state"), "open");
    CHECK(json_get(root, "outcome") == NULL);
    CHECK_STR(text_at(root, "messages/0/outcome"), "sent");
    CHECK_STR(text_at(root, "messages/0/next_step"), "wait");
    CHECK_STR(text_at(root, "messages/1/next_step"), "fix_and_resend");
    CHECK_STR(text_at(root, "messages/2/outcome"), "received");
    CHECK_STR(text_at(root, "messages/2/operation"), "register");
    CHECK_STR(text_at(root, "next_step"), "wait");
    CHECK(json_path(root, "messages/0/at") == NULL && json_path(root, "messages/1/at") != NULL);
}

TEST(outcome_of_a_file_that_needs_a_person_says_so_at_once)
{
    const struct json_node *root;
    begin();
    request.state = FLOW_RQ_OPEN;
    message[0].state = FLOW_MS_UNKNOWN;
    snprintf(message[0].reason, sizeof message[0].reason, "%s", msg_get(MSG_SPOOL_FOREIGN)->code); /* any sentence whose step is to call */
    root = write_it(LANG_EN, false);
    CHECK_STR(text_at(root, "messages/0/next_step"), "call_it");
    CHECK_STR(text_at(root, "next_step"), "call_it");
}

TEST(outcome_shows_findings_with_place_and_next_step)
{
    const struct json_node *root;
    begin();
    message[0].state = FLOW_MS_REJECTED;
    units[0].issues = finding(MSG_ERROR, MSG_SPOOL_ATTACHMENT_MISSING, "scan.pdf");
    units[1].issues = finding(MSG_WARNING, MSG_SPOOL_ORPHAN, NULL);
    root = write_it(LANG_EN, true);
    CHECK_STR(text_at(root, "outcome"), "mixed");
    CHECK_STR(text_at(root, "messages/0/issues/0/severity"), "error");
    CHECK_STR(text_at(root, "messages/0/issues/0/code"), msg_get(MSG_SPOOL_ATTACHMENT_MISSING)->code);
    CHECK_STR(text_at(root, "messages/0/issues/0/text"), "the attachment did not come: scan.pdf");
    CHECK_STR(text_at(root, "messages/0/issues/0/what_to_do"), msg_get(MSG_SPOOL_ATTACHMENT_MISSING)->next[LANG_EN]);
    CHECK_STR(text_at(root, "messages/0/issues/0/pointer"), "/units/0/patient");
    CHECK_STR(text_at(root, "messages/0/issues/0/line"), "3");
    CHECK_STR(text_at(root, "messages/0/next_step"), "fix_and_resend");
    CHECK_STR(text_at(root, "messages/1/next_step"), "none"); /* done with a warning */
    CHECK_STR(text_at(root, "next_step"), "fix_and_resend");
}

TEST(outcome_gives_advice_only_in_dry_runs)
{
    struct issue_list list;
    struct buf payload;
    const struct json_node *root;

    begin();
    issues_init(&list, arena);
    CHECK(issues_add(&list, MSG_WARNING, MSG_VALIDATE_MUST_SUPPORT, NULL, "recorder", "profile") != NULL);
    CHECK(issues_add(&list, MSG_WARNING, MSG_VALIDATE_MILLISECONDS, NULL, "x", NULL) != NULL);
    buf_init(&payload, 1 << 20);
    CHECK_OK(findings_write(&list, true, &payload, &e));
    units[0].findings = buf_bytes(&payload);
    root = write_it(LANG_JA, true);
    CHECK_INT(json_path(root, "messages/0/issues")->count, 1);
    CHECK_STR(text_at(root, "messages/0/issues/0/code"), msg_get(MSG_VALIDATE_MILLISECONDS)->code);
    o.advice = true;
    CHECK_INT(json_path(write_it(LANG_JA, true), "messages/0/issues")->count, 2);
    buf_free(&payload);
}

TEST(outcome_puts_paper_before_all_else)
{
    const struct json_node *root;
    enum msg_id paper = MSG_NONE;
    begin();
    for (int id = 1; id < MSG_COUNT && paper == MSG_NONE; id++)
        if (msg_get((enum msg_id)id)->step == STEP_ISSUE_PAPER && msg_get((enum msg_id)id)->severity >= MSG_ERROR)
            paper = (enum msg_id)id;
    CHECK(paper != MSG_NONE);
    message[0].state = message[1].state = FLOW_MS_REJECTED;
    units[0].issues = finding(MSG_ERROR, MSG_SPOOL_ATTACHMENT_MISSING, NULL);
    units[1].issues = finding(MSG_ERROR, paper, NULL);
    root = write_it(LANG_JA, true);
    CHECK_STR(text_at(root, "messages/1/next_step"), "issue_paper");
    CHECK_STR(text_at(root, "next_step"), "issue_paper");
}

TEST(outcome_shows_the_codes_of_the_service)
{
    const struct json_node *root;
    begin();
    message[0].state = FLOW_MS_REFUSED;
    snprintf(message[0].result_code, sizeof message[0].result_code, "CISB1002E");
    message[1].state = FLOW_MS_WITHDRAWN;
    message[1].may_have_stood = true;
    units[2].repeats = true;
    root = write_it(LANG_JA, true);
    CHECK_STR(text_at(root, "messages/0/service/code"), "CISB1002E");
    CHECK_STR(text_at(root, "messages/0/next_step"), "fix_and_resend");
    CHECK(json_is(json_path(root, "messages/1/may_have_stood"), JSON_TRUE));
    CHECK(json_is(json_path(root, "messages/2/repeated"), JSON_TRUE));
    CHECK(json_path(root, "messages/1/service") == NULL);
}

TEST(outcome_of_a_file_without_units_says_why)
{
    const struct json_node *root;
    begin();
    o.unit_count = 1;
    units[0].unit = NULL;
    units[0].chart_kind = "";
    message[0].state = FLOW_MS_REJECTED;
    message[0].kind = FLOW_KIND_NONE;
    message[0].operation = FLOW_OP_NONE;
    snprintf(message[0].reason, sizeof message[0].reason, "%s", msg_get(MSG_SPOOL_SYMLINK)->code);
    snprintf(request.reason, sizeof request.reason, "%s", msg_get(MSG_SPOOL_SYMLINK)->code);
    o.report = finding(MSG_ERROR, MSG_SPOOL_SYMLINK, NULL);
    root = write_it(LANG_JA, true);
    CHECK_STR(text_at(root, "outcome"), "rejected");
    CHECK_STR(text_at(root, "code"), msg_get(MSG_SPOOL_SYMLINK)->code);
    CHECK_STR(text_at(root, "text"), msg_get(MSG_SPOOL_SYMLINK)->text[LANG_JA]);
    CHECK_STR(text_at(root, "issues/0/rule"), "R1");
    CHECK_STR(text_at(root, "next_step"), "fix_and_resend");
    CHECK(json_path(root, "messages/0/unit") == NULL && json_path(root, "messages/0/unit_key") == NULL);
}

TEST(outcome_shows_a_reason_that_it_does_not_know)
{
    const struct json_node *root;
    begin();
    message[0].state = FLOW_MS_REJECTED;
    snprintf(message[0].reason, sizeof message[0].reason, "CG-9876");
    root = write_it(LANG_JA, true);
    CHECK_STR(text_at(root, "messages/0/code"), "CG-9876");
    CHECK(json_path(root, "messages/0/text") == NULL);
    CHECK_STR(text_at(root, "messages/0/next_step"), "fix_and_resend");
}

TEST(outcome_gives_units_without_a_vendor_key_none)
{
    static const char *const odd[] = { "B/1310000001^2026^1/x", "K", "L/", "K/letter", "", "/" };
    begin();
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        snprintf(unit[0].unit, sizeof unit[0].unit, "%s", odd[i]);
        CHECK(json_path(write_it(LANG_JA, true), "messages/0/unit_key") == NULL);
    }
    snprintf(unit[0].unit, sizeof unit[0].unit, "L/condition/00/12");
    CHECK_STR(text_at(write_it(LANG_JA, true), "messages/0/unit_key"), "00/12");
}

TEST(outcome_echoes_the_vendors_own_members)
{
    const struct json_node *root;
    begin();
    o.x_json = "{\"x-id\": 1.50, \"x-list\": [\"あ\", null]}";
    o.repeat_of = "earlier.json";
    root = write_it(LANG_JA, true);
    CHECK_STR(text_at(root, "x/x-id"), "1.50"); /* with its digits */
    CHECK_STR(text_at(root, "x/x-list/0"), "あ");
    CHECK_STR(text_at(root, "repeat_of"), "earlier.json");
}

TEST(outcome_is_written_whatever_a_worker_has_left)
{
    static const char *const bad[] = { "{", "\"text\"", "{} , \"outcome\":\"done\"", "{\"a\":1,\"a\":2}", "\xff", "[]", "{\"x\":\"\xed\xa0\x80\"}" };
    const struct json_node *root;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        begin();
        o.x_json = bad[i];
        root = write_it(LANG_JA, true);
        CHECK(json_get(root, "x") == NULL);
        CHECK_STR(text_at(root, "issues/0/severity"), "warning");
        CHECK_STR(text_at(root, "outcome"), "done");
    }
    begin();
    units[0].issues = (struct bytes){ "not json", 8 };
    units[1].findings = (struct bytes){ "{}", 2 };
    o.report = (struct bytes){ "[", 1 };
    root = write_it(LANG_JA, true);
    CHECK_STR(text_at(root, "messages/0/issues/0/code"), msg_get(MSG_INTERNAL)->code);
    CHECK_STR(text_at(root, "messages/1/issues/0/code"), msg_get(MSG_INTERNAL)->code);
    CHECK_STR(text_at(root, "issues/0/code"), msg_get(MSG_INTERNAL)->code);
    CHECK_STR(text_at(root, "messages/2/outcome"), "done");
}

TEST(outcome_keeps_to_the_size_of_the_buffer)
{
    struct buf small;
    begin();
    buf_init(&small, 100);
    CHECK_ERR(outcome_write(&o, LANG_JA, true, &small, &e), ERR_LIMIT);
    CHECK_INT(e.code, ERR_LIMIT);
    buf_free(&small);
}

TEST(outcome_notice_is_one_sentence)
{
    const struct json_node *root;
    begin();
    CHECK_OK(outcome_notice("scan.pdf", MSG_SPOOL_ORPHAN, LANG_EN, 1795220006000, &text, &e));
    CHECK_OK(json_parse(text.data, text.len, NULL, arena, &root, &e));
    CHECK_STR(text_at(root, "file"), "scan.pdf");
    CHECK_STR(text_at(root, "severity"), "warning");
    CHECK_STR(text_at(root, "code"), msg_get(MSG_SPOOL_ORPHAN)->code);
    CHECK_STR(text_at(root, "text"), msg_get(MSG_SPOOL_ORPHAN)->text[LANG_EN]);
    CHECK_STR(text_at(root, "what_to_do"), msg_get(MSG_SPOOL_ORPHAN)->next[LANG_EN]);
    CHECK_STR(text_at(root, "next_step"), "fix_and_resend");
}

TEST(outcome_shows_names_in_any_bytes)
{
    static const struct { const char *name, *want; } names[] = {
        { "紹介状.json", "紹介状.json" }, { "a\nb", "a\\x0ab" }, { "\xff", "\\xff" }, { "\xe3\x81", "\\xe3\\x81" }, { "\x7f", "\\x7f" }, { "\xee\x80\x80", "\\xee\\x80\\x80" }, { "", "" },
    };
    char shown[64], tiny[8];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        outcome_printable(names[i].name, shown, sizeof shown);
        CHECK_STR(shown, names[i].want);
    }
    memset(tiny, 'z', sizeof tiny);
    outcome_printable("ああああ", tiny, sizeof tiny); /* never half a character, always an end */
    CHECK_STR(tiny, "あ");
    outcome_printable("\xff\xff\xff", tiny, sizeof tiny);
    CHECK_STR(tiny, "\\xff");
    outcome_printable("abc", tiny, 1);
    CHECK_STR(tiny, "");
}

TEST(outcome_leaves_no_memory_behind)
{
    begin();
    buf_free(&text);
    arena = arena_free(arena);
}

TEST(notice_of_consent_has_the_services_words_and_the_vendors_ids)
{
    struct notice_said said;
    begin();
    snprintf(request.name, sizeof request.name, "CISsicon01res_1.xml");
    CHECK_OK(notice_keep(&(struct notice_said){ "1310000001", "1310000001^2026^0", "2\n" }, &text, &e));
    CHECK_OK(notice_said(buf_bytes(&text), arena, &said, &e));
    CHECK_STR(said.institution, "1310000001");
    CHECK_STR(said.result, "2\n");
    CHECK_ERR(notice_said((struct bytes){ "{\"document\":\"x\"}", 16 }, arena, &said, &e), ERR_SYNTAX);
    CHECK_ERR(notice_said((struct bytes){ "[]", 2 }, arena, &said, &e), ERR_SYNTAX);
    for (int known = 0; known < 2; known++) {
        struct notice_told told = { .request = &request, .said = { "1310000001", "1310000001^2026^0", "2" } };
        const struct json_node *root;
        if (known) {
            told.about = "letter.json";
            told.about_id = "REQ-1";
            told.unit = &unit[0];
            told.message = &message[0];
        }
        buf_reset(&text);
        CHECK_OK(notice_write(&told, LANG_JA, &text, &e));
        CHECK_OK(json_parse(text.data, text.len, NULL, arena, &root, &e));
        CHECK_STR(text_at(root, "notice"), "consent");
        CHECK_STR(text_at(root, "document"), "1310000001^2026^0");
        CHECK_STR(text_at(root, "result"), "2");
        CHECK_STR(text_at(root, "from_file"), "CISsicon01res_1.xml");
        CHECK_STR(text_at(root, "code"), msg_get(MSG_FLOW_CONSENT_NOTICE)->code);
        CHECK_STR(text_at(root, "next_step"), "none");
        CHECK((json_get(root, "file") != NULL) == known && (json_get(root, "message") != NULL) == known && (json_get(root, "unit") != NULL) == known);
        if (known) {
            CHECK_STR(text_at(root, "request_id"), "REQ-1");
            CHECK_STR(text_at(root, "unit_key"), "2026-0");
            CHECK_STR(text_at(root, "message"), "uuid-0");
        }
    }
}

TEST_MAIN()
