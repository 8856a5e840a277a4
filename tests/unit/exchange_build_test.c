/* Names and requests: what leaves the house, in both forms. */
#include "tests/unit/test.h"
#include "base/crypt.h"
#include "base/json_doc.h"
#include "exchange/exchange.h"

#define SHIPPED "gateway/exchange/profiles/clins-2026.conf"

static const char bundle[] = "{\"resourceType\":\"Bundle\"}";

static struct exchange_profile *load(void)
{
    struct exchange_profile *p = NULL;
    struct err e = ERR_INIT;
    if (exchange_profile_load(SHIPPED, &p, &e) < 0)
        test_fail(__FILE__, __LINE__, "profile: %s", e.place);
    return p;
}

static struct exchange_fields letter(void)
{
    struct exchange_fields f = {
        .institution = "1318814790", .identifier = "0b1c-77", .insured = "12345:\xE3\x81\x82:7:01", .system = "http://x/bundle-identifier",
        .value = "1318814790^2026^a-1", .kind = EXCHANGE_KIND_REFERRAL, .consent = EXCHANGE_CONSENT_PORTAL, .receiver = "1310000001",
        .receipt = "R<1>&2", .bundle = { bundle, sizeof bundle - 1 }
    };
    return f;
}

static struct buf out;

static int build(int operation, enum exchange_form form, const struct exchange_fields *f, struct err *e)
{
    struct exchange_profile *p = load();
    buf_free(&out);
    buf_init(&out, EXCHANGE_REQUEST_MAX);
    int code = exchange_build(p, operation, form, f, &out, e);
    exchange_profile_free(p);
    return code;
}

TEST(names_are_fixed_width_and_derive_answers)
{
    struct exchange_profile *p = load();
    char name[EXCHANGE_NAME_MAX], other[EXCHANGE_NAME_MAX];
    struct exchange_name parsed;
    CHECK_OK(exchange_request_name(p, EXCHANGE_DOCUMENT_REGISTER, "gw01", 35, name, NULL));
    CHECK_STR(name, "CISsidoc01req_gw01000000000000z.xml");
    CHECK_OK(exchange_answer_name(p, name, other));
    CHECK_STR(other, "CISsidoc01res_gw01000000000000z.xml");
    CHECK_OK(exchange_name_parse(p, other, "gw01", &parsed));
    CHECK_INT(parsed.kind, EXCHANGE_NAME_ANSWER);
    CHECK(parsed.ours && parsed.counter == 35 && parsed.operation == EXCHANGE_DOCUMENT_REGISTER);
    CHECK_OK(exchange_err_name(p, name, other));
    CHECK_STR(other, "CISsidoc01err_gw01000000000000z.xml");
    CHECK_OK(exchange_name_parse(p, other, "gw02", &parsed));
    CHECK_INT(parsed.kind, EXCHANGE_NAME_ERR);
    CHECK(!parsed.ours);
    CHECK_ERR(exchange_answer_name(p, other, name), ERR_NOTFOUND);
    CHECK_OK(exchange_request_name(p, EXCHANGE_RESULT, "gateway9", UINT64_MAX, name, NULL));
    CHECK_OK(exchange_name_parse(p, name, "gateway9", &parsed));
    CHECK(parsed.ours && parsed.counter == UINT64_MAX);
    exchange_profile_free(p);
}

TEST(names_of_others_are_foreign)
{
    static const char *const foreign[] = {
        "", "CISsidoc01req_.xml", "CISsidoc01req_short.xml", "OQSsiquc01res_202611210001.xml", "CISsidoc09req_202611210001.xml",
        "CISsidoc01req_202611210001.pdf", "del202611210001.txt", "CISsidoc01req_2026112_0001.xml", "xCISsidoc01req_202611210001.xml",
        "CISsidoc01req_123456789012345678901234567890123.xml", ".clinsgw-gw01000000000000z.tmp"
    };
    struct exchange_profile *p = load();
    struct exchange_name parsed;
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (exchange_name_parse(p, foreign[i], "gw01", &parsed) != ERR_NOTFOUND)
            test_fail(__FILE__, __LINE__, "taken for ours: %s", foreign[i]);
    /* of the interface, but another client's */
    CHECK_OK(exchange_name_parse(p, "CISsidoc01req_202611210001.xml", "gw01", &parsed));
    CHECK(!parsed.ours);
    /* 13 digits that are no 64-bit number */
    CHECK_OK(exchange_name_parse(p, "CISsidoc01req_gw01zzzzzzzzzzzzz.xml", "gw01", &parsed));
    CHECK(!parsed.ours);
    exchange_profile_free(p);
}

TEST(names_refuse_bad_hosts)
{
    struct exchange_profile *p = load();
    char name[EXCHANGE_NAME_MAX] = "untouched";
    CHECK_ERR(exchange_request_name(p, EXCHANGE_RESULT, "g", 1, name, NULL), ERR_INVALID);
    CHECK_ERR(exchange_request_name(p, EXCHANGE_RESULT, "GW01", 1, name, NULL), ERR_INVALID);
    CHECK_ERR(exchange_request_name(p, EXCHANGE_RESULT, "gateway90", 1, name, NULL), ERR_INVALID);
    CHECK_ERR(exchange_request_name(p, EXCHANGE_RESULT, NULL, 1, name, NULL), ERR_INVALID);
    CHECK_ERR(exchange_request_name(p, EXCHANGE_OPERATION_COUNT, "gw01", 1, name, NULL), ERR_UNSUPPORTED);
    CHECK_STR(name, "untouched");
    exchange_profile_free(p);
}

TEST(letter_as_xml)
{
    struct exchange_fields f = letter();
    CHECK_OK(build(EXCHANGE_DOCUMENT_REGISTER, EXCHANGE_XML, &f, NULL));
    CHECK_STR(out.data, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<XmlMsg><MessageHeader><MedicalInstitutionCode>1318814790</MedicalInstitutionCode>"
              "<ArbitraryFileIdentifier>0b1c-77</ArbitraryFileIdentifier></MessageHeader><MessageBody>"
              "<DocumentInfo>eyJyZXNvdXJjZVR5cGUiOiJCdW5kbGUifQ==</DocumentInfo><DocumentKind>1</DocumentKind>"
              "<ConsentPattern>2</ConsentPattern><DestinationInstitutionCode>1310000001</DestinationInstitutionCode></MessageBody></XmlMsg>\n");
    buf_free(&out);
}

TEST(letter_as_json)
{
    struct exchange_fields f = letter();
    CHECK_OK(build(EXCHANGE_DOCUMENT_REGISTER, EXCHANGE_JSON, &f, NULL));
    CHECK_STR(out.data, "{\"XmlMsg\":{\"MessageHeader\":{\"MedicalInstitutionCode\":\"1318814790\",\"ArbitraryFileIdentifier\":\"0b1c-77\"},"
              "\"MessageBody\":{\"DocumentInfo\":\"eyJyZXNvdXJjZVR5cGUiOiJCdW5kbGUifQ==\",\"DocumentKind\":\"1\",\"ConsentPattern\":\"2\","
              "\"DestinationInstitutionCode\":\"1310000001\"}}}");
    buf_free(&out);
}

TEST(key_fields_are_padded_and_escaped)
{
    struct exchange_fields f = letter();
    CHECK_OK(build(EXCHANGE_CHART_CANCEL, EXCHANGE_XML, &f, NULL));
    CHECK(strstr(out.data, "<InsuredPersonIdentifier>00012345:\xE3\x81\x82:7:01</InsuredPersonIdentifier>") != NULL);
    CHECK(strstr(out.data, "<IdentifierSystem>http://x/bundle-identifier</IdentifierSystem>") != NULL);
    CHECK(strstr(out.data, "ClinicalInfo") == NULL);
    CHECK_OK(build(EXCHANGE_RESULT, EXCHANGE_XML, &f, NULL));
    CHECK(strstr(out.data, "<ReceptionNumber>R&lt;1&gt;&amp;2</ReceptionNumber>") != NULL);
    buf_free(&out);
}

TEST(padding_with_spaces_or_not_at_all)
{
    struct exchange_fields f = letter();
    struct exchange_profile *p = load();
    buf_init(&out, EXCHANGE_REQUEST_MAX);
    f.insured = "00012345:a:7:01";
    p->insurer_padding = EXCHANGE_PAD_SPACE;
    CHECK_OK(exchange_build(p, EXCHANGE_CHART_CANCEL, EXCHANGE_JSON, &f, &out, NULL));
    CHECK(strstr(out.data, "\"   12345:a:7:01\"") != NULL);
    p->insurer_padding = EXCHANGE_PAD_NONE;
    CHECK_OK(exchange_build(p, EXCHANGE_CHART_CANCEL, EXCHANGE_JSON, &f, &out, NULL));
    CHECK(strstr(out.data, "\"12345:a:7:01\"") != NULL);
    p->insurer_padding = EXCHANGE_PAD_ZERO;
    f.insured = "   12345:a:7:01";
    CHECK_OK(exchange_build(p, EXCHANGE_CHART_CANCEL, EXCHANGE_JSON, &f, &out, NULL));
    CHECK(strstr(out.data, "\"00012345:a:7:01\"") != NULL);
    buf_free(&out);
    exchange_profile_free(p);
}

TEST(optional_element_is_left_out)
{
    struct exchange_fields f = letter();
    f.consent = EXCHANGE_CONSENT_NONE;
    f.kind = EXCHANGE_KIND_SUMMARY;
    CHECK_OK(build(EXCHANGE_SUMMARY_REGISTER, EXCHANGE_XML, &f, NULL));
    CHECK(strstr(out.data, "ConsentPattern") == NULL);
    CHECK(strstr(out.data, "<DocumentKind>2</DocumentKind>") != NULL);
    buf_free(&out);
}

static void refused(int operation, struct exchange_fields f, const char *field)
{
    struct err e = ERR_INIT;
    CHECK_ERR(build(operation, EXCHANGE_XML, &f, &e), ERR_INVALID);
    CHECK_INT(e.msg, MSG_EXCHANGE_FIELD);
    CHECK_STR(e.arg[0], field);
    CHECK_INT(out.len, 0);
    buf_free(&out);
}

TEST(missing_and_malformed_fields_are_named)
{
    struct exchange_fields f = letter();
    f.institution = "131881479";
    refused(EXCHANGE_DOCUMENT_REGISTER, f, "institution");
    f = letter(), f.identifier = "a b";
    refused(EXCHANGE_DOCUMENT_REGISTER, f, "identifier");
    f = letter(), f.identifier = "12345678901234567890123456789012345678901234567890123456789012345";
    refused(EXCHANGE_DOCUMENT_REGISTER, f, "identifier");
    f = letter(), f.receiver = NULL;
    refused(EXCHANGE_DOCUMENT_REGISTER, f, "receiver");
    f = letter(), f.bundle.data = NULL;
    refused(EXCHANGE_DOCUMENT_REGISTER, f, "bundle");
    f = letter(), f.kind = EXCHANGE_KIND_NONE;
    refused(EXCHANGE_DOCUMENT_REGISTER, f, "kind");
    f = letter(), f.insured = "1:\r\n2";
    refused(EXCHANGE_DOCUMENT_CANCEL, f, "insured");
    f = letter(), f.value = "\xFF";
    refused(EXCHANGE_DOCUMENT_CANCEL, f, "value");
    f = letter(), f.value = "";
    refused(EXCHANGE_DOCUMENT_CANCEL, f, "value");
}

TEST(big_bundle_is_one_line_and_comes_back)
{
    size_t len = 7000000;
    char *big = malloc(len);
    struct buf back;
    struct exchange_fields f = letter();
    CHECK(big != NULL);
    for (size_t i = 0; i < len; i++)
        big[i] = (char)(i * 31 >> 3);
    f.bundle = (struct bytes){ big, len };
    for (int form = EXCHANGE_XML; form <= EXCHANGE_JSON; form++) {
        CHECK_OK(build(EXCHANGE_DOCUMENT_REGISTER, (enum exchange_form)form, &f, NULL));
        CHECK(out.len > base64_size(len) && out.len <= exchange_size_bound(len));
        const char *at = strstr(out.data, form == EXCHANGE_XML ? "<DocumentInfo>" : "\"DocumentInfo\":\"");
        CHECK(at != NULL);
        at += form == EXCHANGE_XML ? 14 : 16;
        buf_init(&back, len);
        CHECK_OK(base64_decode(&back, at, base64_size(len), 0));
        CHECK(back.len == len && memcmp(back.data, big, len) == 0);
        CHECK(memchr(out.data, '\r', out.len) == NULL);
        buf_free(&back);
    }
    buf_free(&out);
    free(big);
}

TEST(limit_counts_on_the_finished_request)
{
    size_t len = 7499997;   /* its Base64 is just below 10 MB, the envelope passes it */
    char *big = calloc(1, len + 16);
    struct err e = ERR_INIT;
    struct exchange_fields f = letter();
    CHECK(big != NULL);
    f.bundle = (struct bytes){ big, len };
    CHECK(base64_size(len) < 10000000);
    CHECK_ERR(build(EXCHANGE_DOCUMENT_REGISTER, EXCHANGE_XML, &f, &e), ERR_LIMIT);
    CHECK_INT(e.msg, MSG_EXCHANGE_TOO_LARGE);
    CHECK_STR(e.arg[1], "10000000");
    CHECK_INT(out.len, 0);
    f.bundle.len = len + 10;
    CHECK_ERR(build(EXCHANGE_DOCUMENT_REGISTER, EXCHANGE_JSON, &f, &e), ERR_LIMIT);
    buf_free(&out);
    free(big);
}

TEST(small_buffer_is_an_error_not_a_cut)
{
    struct exchange_profile *p = load();
    struct exchange_fields f = letter();
    struct err e = ERR_INIT;
    buf_init(&out, 200);
    CHECK_ERR(exchange_build(p, EXCHANGE_DOCUMENT_REGISTER, EXCHANGE_XML, &f, &out, &e), ERR_LIMIT);
    CHECK_INT(out.len, 0);
    CHECK_ERR(exchange_build(p, EXCHANGE_DOCUMENT_REGISTER, EXCHANGE_JSON, &f, &out, &e), ERR_LIMIT);
    buf_free(&out);
    exchange_profile_free(p);
}

TEST(login_body_and_token)
{
    struct exchange_profile *p = load();
    struct arena *a = arena_new(1 << 20);
    const char *token = NULL;
    int64_t life = 0;
    static const char good[] = "{\"status\":\"OK\",\"result\":{\"accessToken\":\"a\",\"idToken\":\"t.o-k\",\"expiresIn\":90}}";
    static const char plain[] = "{\"result\":{\"idToken\":\"t\"}}";
    static const char none[] = "{\"status\":\"NG\",\"msg\":\"no\"}";
    static const char nasty[] = "{\"result\":{\"idToken\":\"a\\r\\nX: y\"}}";
    buf_init(&out, 4096);
    CHECK_OK(exchange_login_build(p, "u\"1", "p\\w", &out, NULL));
    CHECK_STR(out.data, "{\"user\":\"u\\\"1\",\"password\":\"p\\\\w\"}");
    buf_wipe_free(&out);
    CHECK_OK(exchange_login_read(p, (struct bytes){ good, sizeof good - 1 }, a, &token, &life, NULL));
    CHECK_STR(token, "t.o-k");
    CHECK_INT(life, 90000);
    CHECK_OK(exchange_login_read(p, (struct bytes){ plain, sizeof plain - 1 }, a, &token, &life, NULL));
    CHECK_INT(life, p->login_life_ms);
    CHECK_ERR(exchange_login_read(p, (struct bytes){ none, sizeof none - 1 }, a, &token, &life, NULL), ERR_DENIED);
    CHECK_ERR(exchange_login_read(p, (struct bytes){ nasty, sizeof nasty - 1 }, a, &token, &life, NULL), ERR_SYNTAX);
    CHECK_ERR(exchange_login_read(p, (struct bytes){ "<html>", 6 }, a, &token, &life, NULL), ERR_SYNTAX);
    arena_free(a);
    exchange_profile_free(p);
}

TEST_MAIN()
