/* Answers: the two levels told apart, unknown codes, and everything that is no answer. */
#include "tests/unit/test.h"
#include "exchange/exchange.h"
#include "tests/unit/notice_profile.h"

#define SHIPPED "gateway/exchange/profiles/clins-2026.conf"
#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define IDS "<MedicalInstitutionCode>1318814790</MedicalInstitutionCode><ArbitraryFileIdentifier>id-1</ArbitraryFileIdentifier>"

static struct exchange_profile *profile;
static struct arena *arena;
static struct exchange_answer answer;
static struct err error;

static int read_kind(enum exchange_form form, enum exchange_answer_kind kind, const char *text, size_t len)
{
    struct err e = ERR_INIT;
    struct exchange_answer none = { 0 };
    if (profile == NULL)
        CHECK_OK(exchange_profile_load(SHIPPED, &profile, NULL));
    arena = arena != NULL ? arena : arena_new(64 << 20);
    arena_reset(arena);
    answer = none;
    error = e;
    /* an exact copy, so that a read past the end is seen */
    char *copy = malloc(len + (len == 0));
    memcpy(copy, text, len);
    int code = exchange_read(profile, EXCHANGE_DOCUMENT_REGISTER, form, kind, (struct bytes){ copy, len }, arena, &answer, &error);
    free(copy);
    return code;
}

static int read_xml(const char *text) { return read_kind(EXCHANGE_XML, EXCHANGE_RES, text, strlen(text)); }
static int read_json(const char *text) { return read_kind(EXCHANGE_JSON, EXCHANGE_RES, text, strlen(text)); }

static int read_parts(const char *header, const char *body)
{
    static char text[8192];
    snprintf(text, sizeof text, HEAD "<XmlMsg><MessageHeader>" IDS "%s</MessageHeader><MessageBody>%s</MessageBody></XmlMsg>", header, body);
    return read_xml(text);
}

TEST(success_with_identity)
{
    CHECK_OK(read_xml(HEAD "<XmlMsg><MessageHeader><ProcessExecutionTime>20261121093005</ProcessExecutionTime>" IDS
                      "<SegmentOfResult>1</SegmentOfResult><CharacterCodeIdentifier>0</CharacterCodeIdentifier></MessageHeader>\n <MessageBody>"
                      "<ProcessingResultStatus>1</ProcessingResultStatus><ProcessingResultCode>CISB0000I</ProcessingResultCode>"
                      "<ProcessingResultMessage>\xE6\xAD\xA3\xE5\xB8\xB8 &amp; <![CDATA[<ok>]]></ProcessingResultMessage></MessageBody></XmlMsg>"));
    CHECK_INT(answer.class, EXCHANGE_SUCCESS);
    CHECK_INT(answer.layer, EXCHANGE_BUSINESS);
    CHECK_STR(answer.code, "CISB0000I");
    CHECK_STR(answer.message, "\xE6\xAD\xA3\xE5\xB8\xB8 & <ok>");
    CHECK_STR(answer.executed, "20261121093005");
    CHECK(exchange_answer_fits(answer.institution, answer.identifier, "1318814790", "id-1"));
    CHECK(!exchange_answer_fits(answer.institution, answer.identifier, "1318814790", "id-2"));
    CHECK(!exchange_answer_fits(answer.institution, answer.identifier, "1310000000", "id-1"));
}

TEST(institution_may_be_missing_identifier_not)
{
    CHECK_OK(read_json("{\"XmlMsg\":{\"MessageHeader\":{\"SegmentOfResult\":\"1\",\"ArbitraryFileIdentifier\":\"id-1\"},"
                       "\"MessageBody\":{\"ProcessingResultStatus\":\"1\",\"ProcessingResultCode\":\"CISB0000I\"}}}"));
    CHECK(exchange_answer_fits(answer.institution, answer.identifier, "1318814790", "id-1"));
    CHECK_OK(read_json("{\"XmlMsg\":{\"MessageHeader\":{\"SegmentOfResult\":\"1\"},"
                       "\"MessageBody\":{\"ProcessingResultStatus\":\"1\",\"ProcessingResultCode\":\"CISB0000I\"}}}"));
    CHECK(!exchange_answer_fits(answer.institution, answer.identifier, "1318814790", "id-1"));
}

#define DONE "<SegmentOfResult>1</SegmentOfResult>"
#define PENDING "<SegmentOfResult>2</SegmentOfResult>"
#define FAILED "<SegmentOfResult>9</SegmentOfResult>"
#define RESULT(status, code) "<ProcessingResultStatus>" status "</ProcessingResultStatus><ProcessingResultCode>" code "</ProcessingResultCode>"
#define ERROR(code) "<ErrorCode>" code "</ErrorCode><ErrorMessage>m</ErrorMessage>"

TEST(table_of_classes)
{
    static const struct { const char *header, *body; int layer, class; unsigned marks; const char *code; } rows[] = {
        { DONE, RESULT("1", "CISB0000I"), EXCHANGE_BUSINESS, EXCHANGE_SUCCESS, 0, "CISB0000I" },
        { DONE, "<ProcessingResultStatus>1</ProcessingResultStatus>", EXCHANGE_BUSINESS, EXCHANGE_SUCCESS, 0, "" },
        { DONE, RESULT("1", "CISB0001I"), EXCHANGE_BUSINESS, EXCHANGE_PENDING, 0, "CISB0001I" },
        { DONE, RESULT("2", "CISB1001E"), EXCHANGE_BUSINESS, EXCHANGE_FINAL, 0, "CISB1001E" },
        { DONE, RESULT("2", "CISB1003E"), EXCHANGE_BUSINESS, EXCHANGE_FINAL, EXCHANGE_ALREADY_THERE, "CISB1003E" },
        { DONE, RESULT("2", "CISB1004E"), EXCHANGE_BUSINESS, EXCHANGE_FINAL, EXCHANGE_ABSENT, "CISB1004E" },
        { DONE, RESULT("2", "CISC0003E"), EXCHANGE_BUSINESS, EXCHANGE_NOT_DONE_RETRY, 0, "CISC0003E" },
        { PENDING, "", EXCHANGE_BUSINESS, EXCHANGE_PENDING, 0, "" },
        { PENDING, RESULT("1", "CISB0001I"), EXCHANGE_BUSINESS, EXCHANGE_PENDING, 0, "CISB0001I" },
        { FAILED ERROR("CISC0001E"), "", EXCHANGE_TRANSPORT, EXCHANGE_FINAL, 0, "CISC0001E" },
        { FAILED ERROR("CISC0004E"), "", EXCHANGE_TRANSPORT, EXCHANGE_NOT_DONE_RETRY, 0, "CISC0004E" },
        { FAILED ERROR("CISC9999E"), "", EXCHANGE_TRANSPORT, EXCHANGE_UNKNOWN, 0, "CISC9999E" },
        { "<SegmentOfResult>3</SegmentOfResult>" ERROR("CISC0001E"), "", EXCHANGE_TRANSPORT, EXCHANGE_FINAL, 0, "CISC0001E" },
        /* not listed */
        { DONE, RESULT("2", "CISB7777E"), EXCHANGE_BUSINESS, EXCHANGE_UNKNOWN, 0, "CISB7777E" },
        { DONE, RESULT("1", "CISB7777I"), EXCHANGE_BUSINESS, EXCHANGE_UNKNOWN, 0, "CISB7777I" },
        { FAILED ERROR("CISC7777E"), "", EXCHANGE_TRANSPORT, EXCHANGE_UNKNOWN, 0, "CISC7777E" },
        /* silent or contradicting themselves */
        { DONE, "", EXCHANGE_BUSINESS, EXCHANGE_UNKNOWN, 0, "" },
        { DONE, "<ProcessingResultStatus>2</ProcessingResultStatus>", EXCHANGE_BUSINESS, EXCHANGE_UNKNOWN, 0, "" },
        { DONE, RESULT("3", "CISB1001E"), EXCHANGE_BUSINESS, EXCHANGE_UNKNOWN, 0, "CISB1001E" },
        { DONE, RESULT("1", "CISB1001E"), EXCHANGE_BUSINESS, EXCHANGE_UNKNOWN, 0, "CISB1001E" },
        { DONE, RESULT("1", "CISB1004E"), EXCHANGE_BUSINESS, EXCHANGE_UNKNOWN, 0, "CISB1004E" },
        { DONE, RESULT("2", "CISB0000I"), EXCHANGE_BUSINESS, EXCHANGE_UNKNOWN, 0, "CISB0000I" },
        { DONE ERROR("CISC0001E"), RESULT("1", "CISB0000I"), EXCHANGE_BUSINESS, EXCHANGE_UNKNOWN, 0, "CISB0000I" },
        { PENDING, RESULT("2", "CISB1001E"), EXCHANGE_BUSINESS, EXCHANGE_UNKNOWN, 0, "CISB1001E" },
        { PENDING, RESULT("1", "CISB0000I"), EXCHANGE_BUSINESS, EXCHANGE_UNKNOWN, 0, "CISB0000I" },
        { FAILED, "", EXCHANGE_TRANSPORT, EXCHANGE_UNKNOWN, 0, "" },
        { FAILED ERROR("CISB0000I"), "", EXCHANGE_TRANSPORT, EXCHANGE_UNKNOWN, 0, "CISB0000I" },
        { FAILED, RESULT("2", "CISB1001E"), EXCHANGE_TRANSPORT, EXCHANGE_UNKNOWN, 0, "CISB1001E" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CHECK_OK(read_parts(rows[i].header, rows[i].body));
        if (answer.class != rows[i].class || answer.layer != rows[i].layer || answer.marks != rows[i].marks || strcmp(answer.code, rows[i].code) != 0)
            test_fail(__FILE__, __LINE__, "row %zu: class %s layer %d marks %u code %s", i, exchange_class_name(answer.class), answer.layer,
                      answer.marks, answer.code);
    }
}

TEST(err_file_never_means_success)
{
    static const char refusal[] = HEAD "<XmlMsg><MessageHeader>" IDS FAILED ERROR("CISC0002E") "</MessageHeader></XmlMsg>";
    static const char odd[] = HEAD "<XmlMsg><MessageHeader>" IDS DONE "</MessageHeader><MessageBody>" RESULT("1", "CISB0000I") "</MessageBody></XmlMsg>";
    CHECK_OK(read_kind(EXCHANGE_XML, EXCHANGE_ERR, refusal, sizeof refusal - 1));
    CHECK_INT(answer.class, EXCHANGE_FINAL);
    CHECK_INT(answer.layer, EXCHANGE_TRANSPORT);
    CHECK_OK(read_kind(EXCHANGE_XML, EXCHANGE_ERR, odd, sizeof odd - 1));
    CHECK_INT(answer.class, EXCHANGE_UNKNOWN);
}

TEST(lists_receipt_and_document_status)
{
    CHECK_OK(read_parts(DONE, RESULT("2", "CISB1007E") "<FhirCheckResultList><FhirCheckResult><ResultCode>F1</ResultCode><ResultMessage>m1</ResultMessage>"
                        "<Location>Bundle.entry[1].resource.code</Location></FhirCheckResult><FhirCheckResult><ResultCode>F2</ResultCode></FhirCheckResult>"
                        "</FhirCheckResultList><VerifyResultList><VerifyResult><Status>2</Status><Message>bad</Message></VerifyResult></VerifyResultList>"
                        "<DocumentStatus>2</DocumentStatus><ReceptionNumber>R-9</ReceptionNumber>"));
    CHECK_INT(answer.check_count, 2);
    CHECK_STR(answer.check[0].location, "Bundle.entry[1].resource.code");
    CHECK_STR(answer.check[1].code, "F2");
    CHECK_STR(answer.check[1].message, "");
    CHECK_INT(answer.verify_count, 1);
    CHECK(!answer.verify[0].valid);
    CHECK_INT(answer.document_status, EXCHANGE_STATUS_OPEN);
    CHECK_STR(answer.receipt, "R-9");
    CHECK_OK(read_parts(DONE, RESULT("1", "CISB0000I") "<DocumentStatus>7</DocumentStatus>"));
    CHECK_INT(answer.document_status, EXCHANGE_STATUS_OTHER);
}

TEST(json_repeats_as_array_or_as_one_object)
{
    CHECK_OK(read_json("{\"XmlMsg\":{\"MessageHeader\":{\"SegmentOfResult\":1},\"MessageBody\":{\"ProcessingResultStatus\":\"2\",\"ProcessingResultCode\":"
                       "\"CISB1007E\",\"VerifyResultList\":null,\"FhirCheckResultList\":{\"FhirCheckResult\":[{\"ResultCode\":\"a\"},{\"ResultCode\":\"b\"}]}}}}"));
    CHECK_INT(answer.check_count, 2);
    CHECK_STR(answer.check[1].code, "b");
    CHECK_OK(read_json("{\"XmlMsg\":{\"MessageHeader\":{\"SegmentOfResult\":\"1\"},\"MessageBody\":{\"ProcessingResultStatus\":\"1\","
                       "\"VerifyResultList\":{\"VerifyResult\":{\"Status\":\"1\",\"Message\":\"ok\"}},\"FhirCheckResultList\":{}}}}"));
    CHECK_INT(answer.verify_count, 1);
    CHECK(answer.verify[0].valid);
    CHECK_INT(answer.check_count, 0);
}

TEST(unknown_elements_are_skipped_doubled_ones_refused)
{
    CHECK_OK(read_parts(DONE "<Later xmlns:x=\"y\" a=\"b\"><x:Deeper>1</x:Deeper></Later><!-- c --><?pi x?>", RESULT("1", "CISB0000I")));
    CHECK_INT(answer.class, EXCHANGE_SUCCESS);
    CHECK_ERR(read_parts(DONE DONE, RESULT("1", "CISB0000I")), ERR_SYNTAX);
    CHECK_ERR(read_parts(DONE, RESULT("1", "CISB0000I") RESULT("2", "CISB1001E")), ERR_SYNTAX);
    CHECK_ERR(read_json("{\"XmlMsg\":{\"MessageHeader\":{\"SegmentOfResult\":[\"1\",\"9\"]}}}"), ERR_SYNTAX);
    CHECK_ERR(read_json("{\"XmlMsg\":{\"MessageHeader\":{\"SegmentOfResult\":{\"a\":\"1\"}}}}"), ERR_SYNTAX);
    CHECK_ERR(read_parts("<SegmentOfResult><x/></SegmentOfResult>", ""), ERR_SYNTAX);
}

TEST(not_an_answer_at_all)
{
    static const char *const bad[] = {
        "", " ", "<", "<html><body>503</body></html>", "<XmlMsg/>", "<XmlMsg>text</XmlMsg>", "plain text", "{}", "[]",
        "<XmlMsg><MessageHeader><SegmentOfResult></SegmentOfResult></MessageHeader></XmlMsg>",
        "<XmlMsg><MessageHeader>x<SegmentOfResult>1</SegmentOfResult></MessageHeader></XmlMsg>",
        "<XmlMsg><MessageHeader><SegmentOfResult>1</SegmentOfResult>y</MessageHeader></XmlMsg>",
        "<XmlMsg><MessageHeader><SegmentOfResult>1</SegmentOfResult></MessageHeader>",
        "<XmlMsg><MessageHeader><SegmentOfResult>1</SegmentOfResult></MessageHeader></XmlMsg><XmlMsg/>",
        "<XmlMsg><MessageHeader><SegmentOfResult>1&foo;</SegmentOfResult></MessageHeader></XmlMsg>",
        "<?xml version=\"1.0\" encoding=\"EUC-JP\"?><XmlMsg><MessageHeader><SegmentOfResult>1</SegmentOfResult></MessageHeader></XmlMsg>",
        "<XmlMsg><MessageHeader><SegmentOfResult>1\xFF</SegmentOfResult></MessageHeader></XmlMsg>",
        HEAD "<XmlMsg><MessageHeader><SegmentOfResult>1\xFF</SegmentOfResult></MessageHeader></XmlMsg>",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (read_xml(bad[i]) != ERR_SYNTAX)
            test_fail(__FILE__, __LINE__, "XML taken: %s", bad[i]);
        CHECK_INT(error.msg, MSG_ANSWER_SYNTAX);
        if (read_json(bad[i]) != ERR_SYNTAX)
            test_fail(__FILE__, __LINE__, "JSON taken: %s", bad[i]);
    }
    CHECK_ERR(read_kind(EXCHANGE_XML, EXCHANGE_RES, "<XmlMsg>\0</XmlMsg>", 18), ERR_SYNTAX);
    CHECK_ERR(read_json("{\"XmlMsg\":{\"MessageHeader\":{\"SegmentOfResult\":true}}}"), ERR_SYNTAX);
    CHECK_ERR(read_json("{\"XmlMsg\":{\"MessageHeader\":{\"SegmentOfResult\":\"1\",\"SegmentOfResult\":\"9\"}}}"), ERR_SYNTAX);
}

TEST(every_cut_of_an_answer_is_refused)
{
    static const char whole[] = HEAD "<XmlMsg><MessageHeader>" IDS DONE "</MessageHeader><MessageBody>" RESULT("1", "CISB0000I") "</MessageBody></XmlMsg>";
    static const char json[] = "{\"XmlMsg\":{\"MessageHeader\":{\"SegmentOfResult\":\"1\"},\"MessageBody\":{\"ProcessingResultStatus\":\"1\"}}}";
    CHECK_OK(read_kind(EXCHANGE_XML, EXCHANGE_RES, whole, sizeof whole - 1));
    for (size_t i = 0; i < sizeof whole - 1; i++)
        CHECK_ERR(read_kind(EXCHANGE_XML, EXCHANGE_RES, whole, i), ERR_SYNTAX);
    CHECK_OK(read_kind(EXCHANGE_JSON, EXCHANGE_RES, json, sizeof json - 1));
    for (size_t i = 0; i < sizeof json - 1; i++)
        CHECK_ERR(read_kind(EXCHANGE_JSON, EXCHANGE_RES, json, i), ERR_SYNTAX);
}

TEST(doctype_and_entities_are_refused)
{
    static const char laughs[] = "<?xml version=\"1.0\"?><!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">"
        "<!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;\"><!ENTITY e \"&d;&d;&d;&d;&d;&d;&d;&d;\">]><XmlMsg><MessageHeader><SegmentOfResult>&e;</SegmentOfResult></MessageHeader></XmlMsg>";
    static const char file[] = "<!DOCTYPE x [<!ENTITY f SYSTEM \"file:///etc/hostname\">]><XmlMsg><MessageHeader><SegmentOfResult>&f;</SegmentOfResult></MessageHeader></XmlMsg>";
    static const char outside[] = "<!DOCTYPE x SYSTEM \"http://127.0.0.1:9/x.dtd\"><XmlMsg><MessageHeader><SegmentOfResult>1</SegmentOfResult></MessageHeader></XmlMsg>";
    static const char parameter[] = "<!DOCTYPE x [<!ENTITY % p SYSTEM \"file:///etc/hostname\">%p;]><XmlMsg><MessageHeader><SegmentOfResult>1</SegmentOfResult></MessageHeader></XmlMsg>";
    CHECK_ERR(read_xml(laughs), ERR_SYNTAX);
    CHECK_STR(error.arg[0], "DOCTYPE");
    CHECK_ERR(read_xml(file), ERR_SYNTAX);
    CHECK_STR(error.arg[0], "DOCTYPE");
    CHECK_ERR(read_xml(outside), ERR_SYNTAX);
    CHECK_STR(error.arg[0], "DOCTYPE");
    CHECK_ERR(read_xml(parameter), ERR_SYNTAX);
    CHECK_STR(error.arg[0], "DOCTYPE");
}

TEST(depth_number_and_size_are_bounded)
{
    static char text[400000];
    size_t len = 0;
    for (int i = 0; i < 10000; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "<a>");
    CHECK_ERR(read_kind(EXCHANGE_XML, EXCHANGE_RES, text, len), ERR_LIMIT);
    CHECK_INT(error.msg, MSG_ANSWER_LIMIT);
    len = (size_t)snprintf(text, sizeof text, "<XmlMsg>");
    for (int i = 0; i < 30000; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "<a/>");
    CHECK_ERR(read_kind(EXCHANGE_XML, EXCHANGE_RES, text, len), ERR_LIMIT);
    memset(text, '[', 10000);
    CHECK(read_kind(EXCHANGE_JSON, EXCHANGE_RES, text, 10000) < 0);
    profile->answer_limit = 1000;
    memset(text, ' ', 1001);
    CHECK_ERR(read_kind(EXCHANGE_XML, EXCHANGE_RES, text, 1001), ERR_LIMIT);
    CHECK_ERR(read_kind(EXCHANGE_JSON, EXCHANGE_RES, text, 1001), ERR_LIMIT);
    profile->answer_limit = 16 << 20;
}

TEST(findings_beyond_the_maximum_are_counted)
{
    static char body[200000];
    size_t len = (size_t)snprintf(body, sizeof body, HEAD "<XmlMsg><MessageHeader>" DONE "</MessageHeader><MessageBody><FhirCheckResultList>");
    for (int i = 0; i < EXCHANGE_CHECKS_MAX + 7; i++)
        len += (size_t)snprintf(body + len, sizeof body - len, "<FhirCheckResult><ResultCode>F</ResultCode></FhirCheckResult>");
    snprintf(body + len, sizeof body - len, "</FhirCheckResultList></MessageBody></XmlMsg>");
    CHECK_OK(read_xml(body));
    CHECK_INT(answer.check_count, EXCHANGE_CHECKS_MAX);
    CHECK_INT(answer.findings_cut, 7);
}

#define SJIS_BODY "<XmlMsg><MessageHeader>" DONE "<CharacterCodeIdentifier>1</CharacterCodeIdentifier></MessageHeader><MessageBody>" RESULT("1", "CISB0000I") \
    "<ProcessingResultMessage>\xFB\xFC\x8B\xB4 \x87\x40 \x83\x5C</ProcessingResultMessage></MessageBody></XmlMsg>"
#define SJIS_READ "\xE9\xAB\x99\xE6\xA9\x8B \xE2\x91\xA0 \xE3\x82\xBD"   /* the ladder form of 高, a circled 1, and a byte that is also a backslash */

TEST(shift_jis_is_read_as_cp932)
{
    CHECK_OK(read_xml("<?xml version=\"1.0\" encoding=\"Shift_JIS\"?>" SJIS_BODY));
    CHECK_STR(answer.message, SJIS_READ);
    CHECK_OK(read_xml("<?xml version='1.0' encoding='windows-31J' ?>" SJIS_BODY));
    CHECK_STR(answer.message, SJIS_READ);
    /* declared by the header alone */
    CHECK_OK(read_xml("<?xml version=\"1.0\"?>" SJIS_BODY));
    CHECK_STR(answer.message, SJIS_READ);
    /* declared UTF-8, or by nothing: refused */
    CHECK_ERR(read_xml(HEAD SJIS_BODY), ERR_SYNTAX);
    CHECK_ERR(read_xml("<XmlMsg><MessageHeader>" DONE "</MessageHeader><MessageBody><ProcessingResultMessage>\x83\x5C</ProcessingResultMessage></MessageBody></XmlMsg>"), ERR_SYNTAX);
    /* half a character */
    CHECK_ERR(read_xml("<?xml version=\"1.0\" encoding=\"Shift_JIS\"?><XmlMsg><a>\x83</a></XmlMsg>\x83"), ERR_SYNTAX);
}

TEST(byte_order_mark_is_skipped)
{
    CHECK_OK(read_xml("\xEF\xBB\xBF" HEAD "<XmlMsg><MessageHeader>" IDS DONE "</MessageHeader><MessageBody>" RESULT("1", "CISB0000I") "</MessageBody></XmlMsg>"));
    CHECK_INT(answer.class, EXCHANGE_SUCCESS);
    CHECK_OK(read_json("\xEF\xBB\xBF{\"XmlMsg\":{\"MessageHeader\":{\"SegmentOfResult\":\"2\"}}}"));
    CHECK_INT(answer.class, EXCHANGE_PENDING);
}

TEST(own_success_answer_reads_back)
{
    struct buf b;
    buf_init(&b, 4096);
    CHECK_OK(exchange_answer_build(profile, "1318814790", "id-1", &b, NULL));
    CHECK_OK(read_kind(EXCHANGE_JSON, EXCHANGE_RES, b.data, b.len));
    CHECK_INT(answer.class, EXCHANGE_SUCCESS);
    CHECK(exchange_answer_fits(answer.institution, answer.identifier, "1318814790", "id-1"));
    buf_free(&b);
}

TEST(an_operation_the_profile_lacks)
{
    struct exchange_answer untouched = { .code = "x" };
    struct exchange_profile *p = NULL;
    CHECK_OK(exchange_profile_load(SHIPPED, &p, NULL));
    CHECK_ERR(exchange_read(p, 99, EXCHANGE_XML, EXCHANGE_RES, (struct bytes){ "x", 1 }, arena, &untouched, NULL), ERR_UNSUPPORTED);
    CHECK_STR(untouched.code, "x");
    exchange_profile_free(p);
    exchange_profile_free(profile);
    arena_free(arena);
    profile = NULL;
    arena = NULL;
}

static int read_notice(const char *text, struct exchange_notice *ret)
{
    struct exchange_profile *p = NULL;
    CHECK_OK(notice_profile(NOTICE_SECTION, &p, NULL));
    CHECK(!p->notice.remove);
    arena = arena != NULL ? arena : arena_new(64 << 20);
    arena_reset(arena);
    char *copy = malloc(strlen(text) + 1);
    memcpy(copy, text, strlen(text));
    int code = exchange_notice_read(p, EXCHANGE_XML, (struct bytes){ copy, strlen(text) }, arena, ret, &error);
    free(copy);
    exchange_profile_free(p);
    return code;
}

#define NOTICE(header, body) HEAD "<XmlMsg><MessageHeader>" header "</MessageHeader><MessageBody>" body "</MessageBody></XmlMsg>"
#define TO "<MedicalInstitutionCode>1318814790</MedicalInstitutionCode>"
#define ABOUT "<DocumentIdentifier>1319999999^2026^a</DocumentIdentifier>"
#define SAYS "<ConsentResult>1</ConsentResult>"

TEST(unasked_result_is_read_by_the_paths_of_the_profile)
{
    struct exchange_notice n = { NULL, NULL, NULL };
    CHECK_OK(read_notice(NOTICE(TO "<Other>x</Other>", ABOUT SAYS), &n));
    CHECK_STR(n.institution, "1318814790");
    CHECK_STR(n.document, "1319999999^2026^a");
    CHECK_STR(n.result, "1");
    if (profile == NULL)
        CHECK_OK(exchange_profile_load(SHIPPED, &profile, NULL));
    CHECK_ERR(exchange_notice_read(profile, EXCHANGE_XML, (struct bytes){ "<a/>", 4 }, arena, &n, &error), ERR_UNSUPPORTED);
}

TEST(unasked_result_that_cannot_be_believed_is_none)
{
    static const char *const bad[] = {
        "", "x", NOTICE("", ABOUT SAYS), NOTICE(TO, SAYS), NOTICE(TO, ABOUT), NOTICE(TO TO, ABOUT SAYS), NOTICE(TO, ABOUT ABOUT SAYS),
        NOTICE(TO, ABOUT "<ConsentResult/>"), NOTICE(TO, ABOUT "<ConsentResult><x>1</x></ConsentResult>"),
        NOTICE("<MedicalInstitutionCode>11111111112222222222333333333344444444445555555555666666666677777</MedicalInstitutionCode>", ABOUT SAYS),
        "<!DOCTYPE x [<!ENTITY e 'y'>]><XmlMsg><MessageHeader>" TO "</MessageHeader><MessageBody><DocumentIdentifier>&e;</DocumentIdentifier>" SAYS "</MessageBody></XmlMsg>",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct exchange_notice n = { "untouched", NULL, NULL };
        if (read_notice(bad[i], &n) == 0)
            test_fail(__FILE__, __LINE__, "believed: %s", bad[i]);
        CHECK_INT(error.code, ERR_SYNTAX);
        CHECK_STR(n.institution, "untouched");
    }
}

TEST_MAIN()
