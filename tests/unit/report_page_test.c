/* The status page: word and sentence from the facts, the three forms, escaping, and nothing of a patient. */
#include <cjson/cJSON.h>
#include "base/timefmt.h"
#include "report/page.h"
#include "tests/unit/test.h"

enum { NOW = 1763683805 };
static const int64_t now_ms = (int64_t)NOW * 1000, day = 24 * 3600 * 1000LL;

/* A house where all is well. */
static struct page *well(void)
{
    struct page *p = calloc(1, sizeof *p);
    CHECK(p != NULL);
    p->now_ms = now_ms;
    p->started_ms = now_ms - day;
    p->version = "1.2.3";
    p->running = p->clock_sane = true;
    p->disk_free = 5000000000;
    p->source[p->sources++] = (struct page_source){ "karte", "1319999999", true, now_ms - 1000, 12 };
    p->facility[p->facilities++] = (struct page_facility){ .code = "1319999999", .name = "見本内科", .link = "web", .last_success_ms = now_ms - 5000 };
    p->link[p->links++] = (struct page_link){ "web", "webapi", true, now_ms - day, 0, 0, 4 };
    p->signer[p->signers++] = (struct page_signer){ .name = "D001", .state = FLOW_SIGNER_PIN, .present = true, .attended = true };
    p->event[p->events++] = "2026-11-21 09:30:05 CG-9004 started";
    return p;
}

static char *written(const struct page *p, enum page_form form, enum msg_lang lang)
{
    struct buf b;
    struct err e = ERR_INIT;
    size_t len;
    buf_init(&b, 1 << 20);
    CHECK_OK(page_write(p, form, lang, &b, &e));
    return buf_take(&b, &len);
}

TEST(page_says_ok_when_all_is_well)
{
    struct page *p = well();
    page_judge(p);
    CHECK_INT(p->word, PAGE_OK);
    CHECK_INT(page_exit(p), 0);
    CHECK_INT(p->findings, 0);
    char *text = written(p, PAGE_TEXT, LANG_JA);
    CHECK(strncmp(text, "OK: 正常に動いています\n", strlen("OK: 正常に動いています\n")) == 0);
    free(text);
    text = written(p, PAGE_TEXT, LANG_EN);
    CHECK(strncmp(text, "OK: everything works\n", 21) == 0);
    CHECK(strstr(text, "2026-11-21 09:30:05 CG-9004 started") != NULL);
    free(text);
    free(p);
}

TEST(page_stops_when_no_link_is_up)
{
    struct page *p = well();
    p->link[0].up = false;
    p->link[0].since_ms = now_ms - 60000;
    page_judge(p);
    CHECK_INT(p->word, PAGE_STOPPED);
    CHECK_INT(page_exit(p), 2);
    CHECK_INT(p->finding[0].msg, MSG_PAGE_LINKS_DOWN);
    CHECK_INT(p->finding[0].since_ms, now_ms - 60000);
    /* one of two is a warning that names it */
    p->link[p->links++] = (struct page_link){ "folder", "terminal", true, now_ms - day, 0, 0, 4 };
    page_judge(p);
    CHECK_INT(p->word, PAGE_WARNING);
    CHECK_INT(p->finding[0].msg, MSG_PAGE_LINK_DOWN);
    CHECK_STR(p->finding[0].arg, "web");
    free(p);
}

TEST(page_stops_when_no_worker_can_start)
{
    struct page *p = well();

    p->workers_down = "CG-5191 of another version";
    page_judge(p);
    CHECK_INT(p->word, PAGE_STOPPED);
    CHECK_INT(page_exit(p), 2);
    CHECK_INT(p->finding[0].msg, MSG_PAGE_NO_WORKERS);
    char *text = written(p, PAGE_TEXT, LANG_EN);
    CHECK(strstr(text, "CG-5191 of another version") != NULL);
    free(text);
    free(p);
}

TEST(page_waits_a_while_for_links_after_a_start)
{
    struct page *p = well();
    p->started_ms = now_ms - 3000;
    p->link[0] = (struct page_link){ .name = "web", .type = "webapi" };
    p->source[0].up = false;
    page_judge(p);
    CHECK_INT(p->word, PAGE_WARNING);
    CHECK_INT(p->findings, 1);
    CHECK_INT(p->finding[0].msg, MSG_PAGE_STARTING);
    p->started_ms = now_ms - 120000; /* it should be there by now */
    page_judge(p);
    CHECK_INT(p->word, PAGE_STOPPED);
    CHECK_INT(p->findings, 2);
    free(p);
}

TEST(page_puts_the_worst_and_oldest_first)
{
    struct page *p = well();
    p->source[0].up = false;
    p->alarm[p->alarms++] = (struct page_alarm){ FLOW_ALARM_MESSAGE_AGE, MSG_FLOW_ALARM_READY, "1319999999", now_ms - 1000, false };
    p->alarm[p->alarms++] = (struct page_alarm){ FLOW_ALARM_CLOCK, MSG_FLOW_ALARM_CLOCK, "", now_ms - 9000, false };
    p->alarm[p->alarms++] = (struct page_alarm){ FLOW_ALARM_DISK, MSG_FLOW_ALARM_DISK_SENDING, "", now_ms - 500, true };
    page_judge(p);
    CHECK_INT(p->findings, 4);
    CHECK_INT(p->finding[0].msg, MSG_FLOW_ALARM_DISK_SENDING);
    CHECK_INT(p->finding[1].msg, MSG_FLOW_ALARM_CLOCK);
    CHECK_INT(p->finding[2].msg, MSG_FLOW_ALARM_READY);
    CHECK_INT(p->finding[3].msg, MSG_PAGE_SOURCE_DOWN);
    CHECK_INT(page_exit(p), 2);
    free(p);
}

TEST(page_says_one_thing_once)
{
    struct page *p = well();
    p->signer[0].waiting = true;
    p->alarm[p->alarms++] = (struct page_alarm){ FLOW_ALARM_SIGNER, MSG_FLOW_WAIT_PIN, "D001", now_ms - 7000, false };
    p->unknown[p->unknowns++] = (struct page_unknown){ 42, FLOW_KIND_LETTER, FLOW_OP_REGISTER, MSG_FLOW_ASK_PERSON, now_ms - 100 };
    p->unknown_count = 3;
    p->alarm[p->alarms++] = (struct page_alarm){ FLOW_ALARM_PERSON, MSG_FLOW_ALARM_UNKNOWN, "1319999999", now_ms - 7000, false };
    page_judge(p);
    CHECK_INT(p->findings, 2);
    CHECK_INT(p->finding[0].msg, MSG_PAGE_SIGN_WAITS);
    CHECK_INT(p->finding[0].since_ms, now_ms - 7000);
    CHECK_INT(p->finding[1].msg, MSG_PAGE_PERSON);
    CHECK_STR(p->finding[1].arg, "3");
    free(p);
}

TEST(page_warns_before_and_after_an_end)
{
    static const struct { enum page_expiry_kind kind; int64_t left; bool unreadable; enum msg_id want; const char *days; } rows[] = {
        { PAGE_EXPIRY_LINK, 31 * 24 * 3600 * 1000LL, false, MSG_NONE, NULL },
        { PAGE_EXPIRY_LINK, 29 * 24 * 3600 * 1000LL + 5, false, MSG_PAGE_EXPIRES, "29" },
        { PAGE_EXPIRY_SIGNER, 5, false, MSG_PAGE_EXPIRES, "0" },
        { PAGE_EXPIRY_SIGNER, -5, false, MSG_PAGE_EXPIRED, NULL },
        { PAGE_EXPIRY_CRL, 2 * 24 * 3600 * 1000LL, false, MSG_NONE, NULL },
        { PAGE_EXPIRY_CRL, 3600 * 1000, false, MSG_PAGE_EXPIRES, "0" },
        { PAGE_EXPIRY_LINK, 0, true, MSG_PAGE_EXPIRY_UNREADABLE, NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct page *p = well();
        p->expiry[p->expiries++] = (struct page_expiry){ rows[i].kind, "certificate of link web", rows[i].unreadable ? 0 : now_ms + rows[i].left, rows[i].unreadable };
        page_judge(p);
        CHECK_INT(p->findings, rows[i].want == MSG_NONE ? 0 : 1);
        CHECK_INT(p->word, rows[i].want == MSG_NONE ? PAGE_OK : PAGE_WARNING);
        if (rows[i].want != MSG_NONE)
            CHECK_INT(p->finding[0].msg, rows[i].want);
        if (rows[i].days != NULL)
            CHECK_STR(p->finding[0].arg2, rows[i].days);
        free(p);
    }
}

TEST(page_of_a_stopped_gateway_ends_with_3)
{
    struct page *p = well();
    p->running = false;
    p->link[0].up = p->source[0].up = false; /* not known, so not said */
    page_judge(p);
    CHECK_INT(p->word, PAGE_STOPPED);
    CHECK_INT(page_exit(p), 3);
    CHECK_INT(p->findings, 1);
    CHECK_INT(p->finding[0].msg, MSG_PAGE_NOT_RUNNING);
    free(p);
}

TEST(page_tells_of_a_card_with_few_tries)
{
    struct page *p = well();
    p->signer[0].low = true;
    page_judge(p);
    CHECK_INT(p->finding[0].msg, MSG_PAGE_PIN_LOW);
    p->signer[0].locked = true;
    p->signer[0].state = FLOW_SIGNER_LOCKED;
    p->signer[0].waiting = true;
    page_judge(p);
    CHECK_INT(p->findings, 1);
    CHECK_INT(p->finding[0].msg, MSG_FLOW_WAIT_LOCKED);
    free(p);
}

TEST(page_html_is_one_escaped_file)
{
    struct page *p = well();
    p->facility[0].name = "<script>alert(\"a & b\")</script>";
    p->event[0] = "line with <b>markup</b> & more";
    p->link[0].up = false;
    page_judge(p);
    char *html = written(p, PAGE_HTML, LANG_JA);
    CHECK(strncmp(html, "<!DOCTYPE html>", 15) == 0);
    CHECK(strstr(html, "charset=\"utf-8\"") != NULL);
    CHECK(strstr(html, "http-equiv=\"refresh\" content=\"60\"") != NULL);
    CHECK(strstr(html, "<script") == NULL);
    CHECK(strstr(html, "&lt;script&gt;alert(") != NULL);
    CHECK(strstr(html, "&lt;b&gt;markup&lt;/b&gt; &amp; more") != NULL);
    CHECK(strstr(html, "class=\"stop word\"><b>停止</b>") != NULL); /* the colour with its word */
    CHECK(strstr(html, "src=") == NULL && strstr(html, "href=") == NULL && strstr(html, "url(") == NULL);
    CHECK(strcmp(html + strlen(html) - strlen("</body></html>\n"), "</body></html>\n") == 0);
    free(html);
    free(p);
}

TEST(page_json_has_the_facts)
{
    struct page *p = well();
    p->facility[0].message[FLOW_MS_READY] = 7;
    p->facility[0].oldest_ms = now_ms - 1000;
    p->unknown[p->unknowns++] = (struct page_unknown){ 42, FLOW_KIND_LETTER, FLOW_OP_REGISTER, MSG_FLOW_ASK_PERSON, now_ms - 100 };
    p->unknown_count = 1;
    page_judge(p);
    char *text = written(p, PAGE_JSON, LANG_EN);
    cJSON *root = cJSON_Parse(text), *o;
    CHECK(root != NULL);
    CHECK_STR(cJSON_GetStringValue(cJSON_GetObjectItem(root, "word")), "WARNING");
    CHECK_INT(cJSON_GetObjectItem(root, "exit")->valuedouble, 1);
    CHECK_STR(cJSON_GetStringValue(cJSON_GetObjectItem(root, "code")), msg_get(MSG_PAGE_PERSON)->code);
    CHECK(cJSON_IsTrue(cJSON_GetObjectItem(root, "running")));
    o = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "facilities"), 0);
    CHECK_INT(cJSON_GetObjectItem(cJSON_GetObjectItem(o, "messages"), "ready")->valuedouble, 7);
    CHECK(cJSON_GetObjectItem(o, "oldest_awaited") == NULL);
    CHECK(cJSON_GetObjectItem(o, "oldest_waiting") != NULL);
    o = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "unknown"), 0);
    CHECK_INT(cJSON_GetObjectItem(o, "message")->valuedouble, 42);
    CHECK_STR(cJSON_GetStringValue(cJSON_GetObjectItem(o, "kind")), "letter");
    o = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "signers"), 0);
    CHECK_STR(cJSON_GetStringValue(cJSON_GetObjectItem(o, "state")), "pin");
    cJSON_Delete(root);
    free(text);
    free(p);
}

TEST(page_same_facts_same_bytes)
{
    struct page *p = well(), *q = well();
    page_judge(p);
    page_judge(q);
    for (int form = PAGE_TEXT; form <= PAGE_JSON; form++) {
        char *a = written(p, (enum page_form)form, LANG_JA), *b = written(q, (enum page_form)form, LANG_JA);
        CHECK_STR(a, b);
        free(a);
        free(b);
    }
    free(p);
    free(q);
}

TEST(page_that_does_not_fit_is_an_error)
{
    struct page *p = well();
    struct buf b;
    struct err e = ERR_INIT;
    page_judge(p);
    buf_init(&b, 64);
    CHECK_ERR(page_write(p, PAGE_HTML, LANG_JA, &b, &e), ERR_LIMIT);
    buf_free(&b);
    buf_init(&b, 64);
    CHECK_ERR(page_write(p, PAGE_JSON, LANG_JA, &b, &e), ERR_LIMIT);
    buf_free(&b);
    free(p);
}

TEST(page_holds_more_findings_than_fit)
{
    struct page *p = well();
    p->links = 0;
    for (size_t i = 0; i < PAGE_LIST_MAX; i++)
        p->source[i] = (struct page_source){ .name = "x", .facility = "y" };
    p->sources = PAGE_LIST_MAX;
    for (size_t i = 0; i < sizeof p->expiry / sizeof *p->expiry; i++)
        p->expiry[p->expiries++] = (struct page_expiry){ PAGE_EXPIRY_LINK, "c", now_ms - 1, false };
    page_judge(p);
    CHECK_INT(p->findings, PAGE_FINDINGS_MAX);
    CHECK_INT(p->word, PAGE_WARNING);
    free(p);
}

TEST_MAIN()
