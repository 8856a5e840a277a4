/* The interface profile: the shipped one loads, and every mistake is found with its line and what is allowed. */
#include "tests/unit/test.h"
#include <stdlib.h>
#include <unistd.h>
#include "base/file.h"
#include "exchange/exchange.h"
#include "tests/unit/notice_profile.h"
#include <fcntl.h>

#define SHIPPED "gateway/exchange/profiles/clins-2026.conf"

static struct buf shipped_text(void)
{
    struct buf b;
    struct err e = ERR_INIT;
    buf_init(&b, 1 << 20);
    CHECK_OK(file_read(AT_FDCWD, SHIPPED, 1 << 20, &b, &e));
    return b;
}

/* Line number of the first line that begins with text. */
static uint32_t line_number(const char *whole, const char *text)
{
    uint32_t line = 1;
    for (const char *at = whole; at != NULL; at = strchr(at, '\n'), at = at != NULL ? at + 1 : NULL, line++)
        if (strncmp(at, text, strlen(text)) == 0)
            return line;
    test_fail(__FILE__, __LINE__, "no line begins with %s", text);
}

/* The shipped profile with the line that begins with `from` replaced must fail at that line. */
static void expect_fault(const char *from, const char *to, enum msg_id msg)
{
    struct buf text = shipped_text(), changed;
    struct exchange_profile *p = NULL;
    struct err e = ERR_INIT;
    char place[64];
    buf_init(&changed, 1 << 20);
    uint32_t line = line_number(text.data, from);
    const char *at = text.data;
    for (uint32_t i = 1; i < line; i++)
        at = strchr(at, '\n') + 1;
    buf_add(&changed, text.data, (size_t)(at - text.data));
    buf_add_str(&changed, to);
    buf_add_str(&changed, strchr(at, '\n'));
    int code = exchange_profile_parse("x.conf", changed.data, changed.len, &p, &e);
    buf_free(&text);
    buf_free(&changed);
    exchange_profile_free(p);
    snprintf(place, sizeof place, "x.conf:%u", line);
    CHECK_INT(code, ERR_INVALID);
    if (e.msg != msg)
        test_fail(__FILE__, __LINE__, "%s: message %s", to, msg_get(e.msg)->name);
    CHECK_STR(e.place, place);
    CHECK(e.arg[0][0] != '\0' && e.arg[1][0] != '\0');
}

/* The same, where the fault shows somewhere else than in the changed line. */
static void expect_fault_elsewhere(const char *from, const char *to, enum msg_id msg)
{
    struct buf text = shipped_text(), changed;
    struct exchange_profile *p = NULL;
    struct err e = ERR_INIT;
    char *at = strstr(text.data, from);
    CHECK(at != NULL);
    buf_init(&changed, 1 << 20);
    buf_add(&changed, text.data, (size_t)(at - text.data));
    buf_add_str(&changed, to);
    buf_add_str(&changed, at + strlen(from));
    int code = exchange_profile_parse("x.conf", changed.data, changed.len, &p, &e);
    buf_free(&text);
    buf_free(&changed);
    exchange_profile_free(p);
    CHECK_INT(code, ERR_INVALID);
    CHECK_STR(msg_get(e.msg)->name, msg_get(msg)->name);
    CHECK(strncmp(e.place, "x.conf:", 7) == 0);
}

static void note(void *context, const struct err *fault)
{
    size_t used = strlen(context);
    snprintf((char *)context + used, 200 - used, "%s ", fault->arg[0]);
}

TEST(profile_tells_of_every_mistake_to_a_listener)
{
    static const struct { const char *from, *to; } changes[] = { { "\nresult_first", "\nresult_frist" }, { "\nsettle = ", "\nsettle = no" }, { "\n[codes]", "\n[cods]" } };
    char path[] = "/tmp/clinsgw-profile-XXXXXX", told[200] = "";
    struct exchange_profile *p = NULL;
    struct err e = ERR_INIT;
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    struct buf text = shipped_text();
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct buf changed;
        char *at = strstr(text.data, changes[i].from);
        CHECK(at != NULL);
        buf_init(&changed, 1 << 20);
        buf_add(&changed, text.data, (size_t)(at - text.data));
        buf_add_str(&changed, changes[i].to);
        buf_add_str(&changed, at + strlen(changes[i].from));
        buf_free(&text);
        text = changed;
    }
    CHECK_INT(write(fd, text.data, text.len), (ssize_t)text.len);
    close(fd);
    CHECK_ERR(exchange_profile_load_telling(path, &(struct conf_faults){ note, told }, &p, &e), ERR_INVALID);
    CHECK(p == NULL && e.msg == MSG_NONE);
    CHECK_STR(told, "result_frist settle cods ");
    unlink(path);
    buf_free(&text);
}

TEST(profile_as_shipped_loads)
{
    struct exchange_profile *p = NULL;
    struct err e = ERR_INIT;
    CHECK_OK(exchange_profile_load(SHIPPED, &p, &e));
    CHECK_STR(p->name, "clins-2026");
    CHECK_INT(p->size_limit, 10000000);
    for (int op = 0; op < EXCHANGE_OPERATION_COUNT; op++)
        CHECK(p->call[op].known && p->call[op].element_count > 2);
    CHECK_STR(p->call[EXCHANGE_CHART_REGISTER].api, "CISsicln01");
    CHECK_INT(p->call[EXCHANGE_CHART_REGISTER].settle, EXCHANGE_SETTLE_PERSON);
    CHECK_INT(p->call[EXCHANGE_DOCUMENT_REGISTER].settle, EXCHANGE_SETTLE_INQUIRY);
    exchange_profile_free(p);
}

TEST(profile_classes_of_codes_and_statuses)
{
    struct exchange_profile *p = NULL;
    int class;
    unsigned marks;
    CHECK_OK(exchange_profile_load(SHIPPED, &p, NULL));
    CHECK(exchange_code_class(p, "CISB1004E", &class, &marks));
    CHECK_INT(class, EXCHANGE_FINAL);
    CHECK_INT(marks, EXCHANGE_ABSENT);
    CHECK(!exchange_code_class(p, "CISB4242E", &class, &marks));
    CHECK_INT(class, EXCHANGE_UNKNOWN);
    CHECK_INT(exchange_http_class(p, 200), EXCHANGE_HTTP_ANSWER);
    CHECK_INT(exchange_http_class(p, 401), EXCHANGE_HTTP_TOKEN);
    CHECK_INT(exchange_http_class(p, 404), EXCHANGE_HTTP_FINAL);
    CHECK_INT(exchange_http_class(p, 429), EXCHANGE_HTTP_NOT_DONE_RETRY);
    CHECK_INT(exchange_http_class(p, 503), EXCHANGE_HTTP_UNKNOWN);
    CHECK_INT(exchange_http_class(p, 302), EXCHANGE_HTTP_UNKNOWN);
    CHECK_INT(exchange_http_class(p, 0), EXCHANGE_HTTP_UNKNOWN);
    CHECK_INT(exchange_http_class(p, 70000), EXCHANGE_HTTP_UNKNOWN);
    exchange_profile_free(p);
}

TEST(profile_faults_are_named_with_line)
{
    expect_fault("size_limit =", "size_limit = lots", MSG_CONF_BAD_VALUE);
    expect_fault("size_limit =", "size_limit = 10GB", MSG_CONF_BAD_VALUE);
    expect_fault("insurer_padding =", "insurer_padding = left", MSG_CONF_BAD_VALUE);
    expect_fault("poll_time =", "pool_time = 300ms", MSG_CONF_UNKNOWN_KEY);
    expect_fault("folder_request =", "folder_request = ../req", MSG_PROFILE_VALUE);
    expect_fault("marker =", "marker = .hidden", MSG_PROFILE_VALUE);
    expect_fault("name_request =", "name_request = request_${suffix}.xml", MSG_PROFILE_VALUE);
    expect_fault("name_request =", "name_request = ${api}${suffix}.xml", MSG_PROFILE_VALUE);
    expect_fault("name_answer =", "name_answer = ${api}req_${suffix}.xml", MSG_PROFILE_VALUE);
    expect_fault("login_path =", "login_path = auth", MSG_PROFILE_VALUE);
    expect_fault("token_header =", "token_header = \"A: b\"", MSG_PROFILE_VALUE);
    expect_fault("result_max =", "result_max = 1s", MSG_PROFILE_VALUE);
    expect_fault("api = CISsidoc02", "api = CISsidoc01", MSG_PROFILE_TWICE);
    expect_fault("api = CISsidoc02", "api = CIS/../x", MSG_PROFILE_VALUE);
    expect_fault("path = /cis-api-pro/MSA30010", "path = cis", MSG_PROFILE_VALUE);
    expect_fault("[operation result]", "[operation results]", MSG_PROFILE_UNKNOWN);
    expect_fault("[http]", "[https]", MSG_PROFILE_UNKNOWN);
    expect_fault("XmlMsg/MessageBody/ReceptionNumber", "XmlMsg/MessageBody/ReceptionNumber = ${reciept}", MSG_PROFILE_VALUE);
    expect_fault("XmlMsg/MessageBody/ReceptionNumber", "XmlMsg/MessageBody/ReceptionNumber = No. ${receipt}", MSG_PROFILE_VALUE);
    expect_fault("XmlMsg/MessageBody/ReceptionNumber", "XmlMsg//ReceptionNumber = ${receipt}", MSG_PROFILE_VALUE);
    expect_fault("XmlMsg/MessageBody/ReceptionNumber", "Other/ReceptionNumber = ${receipt}", MSG_PROFILE_TWICE);
    expect_fault("XmlMsg/MessageBody/ReceptionNumber", "XmlMsg/MessageHeader = ${receipt}", MSG_PROFILE_TWICE);
    expect_fault("CISB1004E =", "CISB1004E = finally", MSG_PROFILE_VALUE);
    expect_fault("CISB1004E =", "CISB1004E = success absent", MSG_PROFILE_VALUE);
    expect_fault("CISB1004E =", "CISB1004E = final missing", MSG_PROFILE_VALUE);
    expect_fault("CISB1004E =", "CISB1003E = final", MSG_PROFILE_TWICE);
    expect_fault("4xx =", "6xx = final", MSG_PROFILE_UNKNOWN);
    expect_fault("4xx =", "4xx = done", MSG_PROFILE_VALUE);
    expect_fault("segment_done =", "segment_done = ja nein", MSG_PROFILE_VALUE);
    expect_fault("segment =", "segment = Xml Msg", MSG_PROFILE_VALUE);
}

TEST(profile_register_is_never_repeated)
{
    /* the first settle line belongs to the document register, whose unknown outcome an inquiry or a person settles */
    expect_fault("settle = inquiry", "settle = repeat", MSG_PROFILE_VALUE);
    expect_fault("settle = inquiry", "settle = probe", MSG_PROFILE_VALUE);
}

TEST(profile_values_that_need_each_other)
{
    expect_fault_elsewhere("[body result]\nXmlMsg/MessageBody/ReceptionNumber = ${receipt}", "", MSG_PROFILE_MISSING);
    expect_fault_elsewhere("size_limit = 10MB", "", MSG_CONF_MISSING_KEY);
}

TEST(profile_probe_needs_a_code_for_absent)
{
    struct buf text = shipped_text(), changed;
    struct exchange_profile *p = NULL;
    struct err e = ERR_INIT;
    char *settle = strstr(strstr(text.data, "[operation chart-register]"), "settle = person");
    buf_init(&changed, 1 << 20);
    buf_add(&changed, text.data, (size_t)(settle - text.data));
    buf_add_str(&changed, "settle = probe");
    buf_add_str(&changed, settle + 15);
    CHECK_OK(exchange_profile_parse("x.conf", changed.data, changed.len, &p, &e));
    CHECK_INT(p->call[EXCHANGE_CHART_REGISTER].settle, EXCHANGE_SETTLE_PROBE);
    p = exchange_profile_free(p);
    char *absent = strstr(changed.data, "final absent");
    memcpy(absent, "final       ", 12);
    CHECK_ERR(exchange_profile_parse("x.conf", changed.data, changed.len, &p, &e), ERR_INVALID);
    CHECK_INT(e.msg, MSG_PROFILE_MISSING);
    buf_free(&text);
    buf_free(&changed);
}

TEST(profile_garbage_is_refused)
{
    struct exchange_profile *p = NULL;
    struct err e = ERR_INIT;
    CHECK(exchange_profile_parse("x.conf", "", 0, &p, &e) < 0);
    CHECK(exchange_profile_parse("x.conf", "[profile\n", 9, &p, &e) < 0);
    CHECK_STR(e.place, "x.conf:1");
    CHECK(exchange_profile_load("no/such/profile.conf", &p, &e) < 0);
    CHECK(p == NULL);
}

TEST(operations_of_families)
{
    CHECK_INT(exchange_operation_of(EXCHANGE_CHART, EXCHANGE_CANCEL), EXCHANGE_CHART_CANCEL);
    CHECK_INT(exchange_operation_of(EXCHANGE_FAMILY_COUNT, EXCHANGE_CANCEL), EXCHANGE_OPERATION_COUNT);
    CHECK_STR(exchange_operation_name(EXCHANGE_SUMMARY_CHANGE), "summary-change");
    CHECK_STR(exchange_operation_name(-1), "unknown-operation");
}

TEST(profile_knows_the_unasked_result_only_where_it_is_told)
{
    static const struct { const char *section; enum msg_id msg; } bad[] = {
        { "\n[notice]\nname = CISsicon01res_*.xml\ninstitution = A\ndocument = B\n", MSG_CONF_MISSING_KEY },
        { "\n[notice]\nname = *.xml\ninstitution = A\ndocument = B\nresult = C\n", MSG_PROFILE_VALUE },
        { "\n[notice]\nname = CISsicon01res.xml\ninstitution = A\ndocument = B\nresult = C\n", MSG_PROFILE_VALUE },
        { "\n[notice]\nname = CISsicon01res_**.xml\ninstitution = A\ndocument = B\nresult = C\n", MSG_PROFILE_VALUE },
        { "\n[notice]\nname = ../CISsicon01_*.xml\ninstitution = A\ndocument = B\nresult = C\n", MSG_PROFILE_VALUE },
        { "\n[notice]\nname = CISsicon01res_*.xml\ninstitution = A/\ndocument = B\nresult = C\n", MSG_PROFILE_VALUE },
    };
    struct exchange_profile *p = NULL;
    struct err e = ERR_INIT;
    CHECK_OK(exchange_profile_load(SHIPPED, &p, &e));
    CHECK(p->notice.name == NULL);
    CHECK(!exchange_notice_name(p, "CISsicon01res_1.xml"));
    p = exchange_profile_free(p);
    CHECK_OK(notice_profile(NOTICE_SECTION "remove = yes\n", &p, &e));
    CHECK(p->notice.remove);
    CHECK(exchange_notice_name(p, "CISsicon01res_1319999999_20261122.xml"));
    CHECK(!exchange_notice_name(p, "CISsicon01res_.xml"));
    CHECK(!exchange_notice_name(p, "CISsicon01res_a/b.xml"));
    CHECK(!exchange_notice_name(p, "CISsicon01res_aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggggg.xml"));
    p = exchange_profile_free(p);
    CHECK_OK(notice_profile("\n[notice]\nname = CISsidoc01*.xml\ninstitution = A\ndocument = B\nresult = C\n", &p, &e));
    CHECK(!exchange_notice_name(p, "CISsidoc01res_gw01000000000000z.xml"));   /* an answer stays an answer */
    CHECK(exchange_notice_name(p, "CISsidoc01consent_1.xml"));
    p = exchange_profile_free(p);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (notice_profile(bad[i].section, &p, &e) != ERR_INVALID || e.msg != bad[i].msg)
            test_fail(__FILE__, __LINE__, "%s: message %s", bad[i].section, msg_get(e.msg)->name);
        CHECK(strncmp(e.place, "x.conf:", 7) == 0);
    }
}

TEST_MAIN()
