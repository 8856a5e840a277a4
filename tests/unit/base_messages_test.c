/* Tests of base/messages.h and of the table of messages as a whole. */
#include "base/messages.h"

#include <string.h>
#include "base/text.h"
#include "tests/unit/test.h"

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

/* {1} or {1|words} */
static bool asks_for(const char *text, char number)
{
    for (const char *at = text; (at = strchr(at, '{')) != NULL; at++)
        if (at[1] == number && (at[2] == '}' || at[2] == '|'))
            return true;
    return false;
}

/* One for each message, so that a fault names its message. */
static void check_message(const struct msg_info *m, const char *previous)
{
    if (strlen(m->code) != 7 || strncmp(m->code, "CG-", 3) != 0 || !text_all_digits(m->code + 3, 4))
        test_fail(__FILE__, __LINE__, "%s: code %s", m->name, m->code);
    if (strcmp(m->code, previous) <= 0)
        test_fail(__FILE__, __LINE__, "%s: number %s is used twice or out of order", m->name, m->code);
    for (int lang = LANG_JA; lang <= LANG_EN; lang++)
        if (m->text[lang] == NULL || m->text[lang][0] == '\0' || !text_is_utf8(m->text[lang], strlen(m->text[lang])) ||
            text_find_control(m->text[lang], strlen(m->text[lang]), false) >= 0 || !text_is_utf8(m->next[lang], strlen(m->next[lang])))
            test_fail(__FILE__, __LINE__, "%s: text in language %d is missing or broken", m->name, lang);
    if (asks_for(m->text[LANG_JA], '1') != asks_for(m->text[LANG_EN], '1') || asks_for(m->text[LANG_JA], '2') != asks_for(m->text[LANG_EN], '2'))
        test_fail(__FILE__, __LINE__, "%s: placeholders differ between the languages", m->name);
    if (has(m->text[LANG_JA], "{3}") || has(m->text[LANG_JA], "{0}") || has(m->next[LANG_JA], "{") || has(m->next[LANG_EN], "{"))
        test_fail(__FILE__, __LINE__, "%s: a placeholder that nobody fills", m->name);
    if ((m->next[LANG_JA][0] == '\0') != (m->next[LANG_EN][0] == '\0'))
        test_fail(__FILE__, __LINE__, "%s: next step in one language only", m->name);
    if (text_all_ascii(m->text[LANG_JA], strlen(m->text[LANG_JA])) || has(m->text[LANG_EN], "。") || has(m->next[LANG_EN], "ください"))
        test_fail(__FILE__, __LINE__, "%s: languages exchanged", m->name);
    if (text_has_halfwidth_kana(m->text[LANG_JA], strlen(m->text[LANG_JA])) || text_has_halfwidth_kana(m->next[LANG_JA], strlen(m->next[LANG_JA])))
        test_fail(__FILE__, __LINE__, "%s: half-width kana", m->name);
}

TEST(messages_are_whole_and_numbered_once)
{
    const char *previous = "CG-0000";
    for (int id = 1; id < MSG_COUNT; id++) {
        const struct msg_info *m = msg_get((enum msg_id)id);
        check_message(m, previous);
        previous = m->code;
    }
}

TEST(messages_that_ask_to_resend_say_how)
{
    for (int id = 1; id < MSG_COUNT; id++) {
        const struct msg_info *m = msg_get((enum msg_id)id);
        if (m->step == STEP_FIX_AND_RESEND && m->next[LANG_JA][0] == '\0')
            test_fail(__FILE__, __LINE__, "%s (%s) has no next step in words", m->name, m->code);
    }
}

TEST(msg_by_code_finds_every_message)
{
    for (int id = 1; id < MSG_COUNT; id++)
        CHECK_INT(msg_by_code(msg_get((enum msg_id)id)->code), id);
    CHECK_INT(msg_by_code("CG-0000"), MSG_NONE);
    CHECK_INT(msg_by_code("CG-"), MSG_NONE);
    CHECK_INT(msg_by_code(""), MSG_NONE);
    CHECK_INT(msg_by_code(NULL), MSG_NONE);
}

TEST(msg_get_is_never_null)
{
    CHECK_STR(msg_get(MSG_COUNT)->name, "NONE");
    CHECK_STR(msg_get((enum msg_id)0x7fffffff)->text[LANG_JA], "");
    CHECK_STR(msg_get(MSG_NOMEM)->code, "CG-0001");
    CHECK_STR(msg_get(MSG_CONF_SYNTAX)->code, "CG-1001");
}

TEST(msg_format_fills_placeholders)
{
    char text[200];
    CHECK_INT(msg_format(MSG_IO, LANG_EN, "open", "{1}", text, sizeof text), strlen("input or output failed: open {1}"));
    CHECK_STR(text, "input or output failed: open {1}");
    msg_format(MSG_IO, LANG_JA, NULL, NULL, text, sizeof text);
    CHECK_STR(text, "入出力エラー:");
    CHECK_INT(msg_format(MSG_NONE, LANG_JA, "a", "b", text, sizeof text), 0);
    CHECK_STR(text, "");
}

TEST(msg_format_cuts_at_a_character)
{
    for (size_t size = 1; size < 64; size++) {
        char text[64];
        memset(text, 'x', sizeof text);
        size_t len = msg_format(MSG_IO, LANG_JA, "読み込み", "失敗", text, size);
        CHECK(len < size);
        CHECK_INT(strlen(text), len);
        CHECK(text_is_utf8(text, len));
        CHECK(size == 64 || text[size] == 'x');
    }
    CHECK_INT(msg_format(MSG_IO, LANG_JA, NULL, NULL, NULL, 0), 0);
}

TEST(msg_format_stops_for_good_at_the_cut)
{
    char text[8];
    /* "not found: {1}": nothing short may slip in behind a piece that did not fit */
    msg_format(MSG_NOT_FOUND, LANG_EN, "a", NULL, text, sizeof text);
    CHECK_STR(text, "not fou");
}

TEST(names_of_steps_and_severities)
{
    CHECK_STR(msg_step_name(STEP_ISSUE_PAPER), "issue_paper");
    CHECK_STR(msg_step_name(STEP_NONE), "none");
    CHECK_STR(msg_step_name((enum msg_step)99), "none");
    CHECK_STR(msg_severity_name(MSG_ALARM), "alarm");
    CHECK_STR(msg_severity_name(MSG_INFO), "info");
}

TEST(next_step_of_a_warning_does_not_ask_for_another_sending)
{
    char next[MSG_NEXT_MAX];
    msg_next(MSG_VALIDATE_MISSING, MSG_ERROR, LANG_EN, next);
    CHECK_STR(next, "add the element at this place and send again");
    msg_next(MSG_VALIDATE_MISSING, MSG_WARNING, LANG_EN, next);
    CHECK_STR(next, "add the element at this place");
    msg_next(MSG_VALIDATE_MISSING, MSG_WARNING, LANG_JA, next);
    CHECK_STR(next, "この場所にその項目を追加してください");
    msg_next(MSG_CHART_NAME_KANA, MSG_WARNING, LANG_JA, next); /* a warning of its own says what it always says */
    CHECK_STR(next, msg_get(MSG_CHART_NAME_KANA)->next[LANG_JA]);
    for (int id = 1; id < MSG_COUNT; id++)
        for (int lang = 0; lang < 2; lang++) {
            const char *code = msg_get((enum msg_id)id)->code;
            if (strcmp(code, "CG-5") < 0 || strcmp(code, "CG-518") > 0) /* what the validator may tell as a warning */
                continue;
            msg_next((enum msg_id)id, MSG_WARNING, (enum msg_lang)lang, next);
            if (strstr(next, "again") != NULL || strstr(next, "送り直") != NULL)
                test_fail(__FILE__, __LINE__, "%s as a warning: %s", code, next);
        }
}

TEST(messages_without_arguments_read_as_sentences)
{
    static const struct { enum msg_id msg; enum msg_lang lang; const char *want; } rows[] = {
        { MSG_CHART_MISSING_MEMBER, LANG_JA, "必須の項目がありません" },
        { MSG_CHART_TOO_LONG, LANG_JA, "項目が長すぎます" },
        { MSG_CONF_UNKNOWN_KEY, LANG_JA, "設定項目はここにはありません" },
        { MSG_SERVICE_REFUSED, LANG_EN, "the service refused" },
        { MSG_READY_NOT_BUNDLE, LANG_JA, "FHIRのBundleではありません" },
        { MSG_CHART_NO_CODE, LANG_JA, "項目にコードが一つもありません" },
        { MSG_CHART_NO_CODE, LANG_EN, "an item has no code at all" },
        { MSG_CHART_UNCODED, LANG_JA, "院内の項目に対応する標準コードがないため、未コードとして送ります" },
        { MSG_CHART_UNCODED, LANG_EN, "no standard code for local code: sent as uncoded" },
    };
    char text[1024];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        msg_format_bare(rows[i].msg, rows[i].lang, text, sizeof text);
        CHECK_STR(text, rows[i].want);
    }
    for (int id = 1; id < MSG_COUNT; id++)
        for (int lang = 0; lang < 2; lang++) {
            size_t n = msg_format_bare((enum msg_id)id, (enum msg_lang)lang, text, sizeof text);
            CHECK(n > 0 && strchr(text, '{') == NULL);
            bool of_a_file = strcmp(msg_get((enum msg_id)id)->code, "CG-3") > 0 && strcmp(msg_get((enum msg_id)id)->code, "CG-6") < 0;
            if (of_a_file && (strstr(text, "…") != NULL || strstr(text, "\"\"") != NULL || strstr(text, "「」") != NULL || strstr(text, "  ") != NULL))
                test_fail(__FILE__, __LINE__, "%s does not read without what it would quote: %s", msg_get((enum msg_id)id)->code, text);
        }
    CHECK_INT(msg_format_bare(MSG_SERVICE_REFUSED, LANG_EN, text, 8), 7);
}

TEST(messages_end_without_a_space_when_the_last_argument_is_empty)
{
    char text[200];
    msg_format(MSG_SERVICE_REFUSED, LANG_EN, "E1", "", text, sizeof text);
    CHECK_STR(text, "the service refused: E1");
}

TEST_MAIN()
