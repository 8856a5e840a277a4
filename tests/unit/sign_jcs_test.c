/* sign_jcs_test.c - RFC 8785: the vectors of the RFC, and what must be refused. */
#include "tests/unit/test.h"
#include "sign/sign.h"

static char out_text[8192];

/* "" on failure, else the canonical text; the code in *ret_code. */
static const char *canonical(const char *json, int *ret_code)
{
    struct buf out;
    struct err e = ERR_INIT;
    buf_init(&out, sizeof out_text - 1);
    int r = sign_jcs((struct bytes){ json, strlen(json) }, &out, &e);
    snprintf(out_text, sizeof out_text, "%s", r == 0 ? out.data : "");
    buf_free(&out);
    if (ret_code != NULL)
        *ret_code = r;
    return out_text;
}

static const char *number(uint64_t bits)
{
    double v;
    char json[64];
    memcpy(&v, &bits, sizeof v);
    snprintf(json, sizeof json, "%.17g", v);
    return canonical(json, NULL);
}

TEST(jcs_numbers_of_appendix_b)
{
    static const struct { uint64_t bits; const char *want; } table[] = {
        { 0x0000000000000000, "0" }, { 0x8000000000000000, "0" }, { 0x0000000000000001, "5e-324" }, { 0x8000000000000001, "-5e-324" },
        { 0x7fefffffffffffff, "1.7976931348623157e+308" }, { 0xffefffffffffffff, "-1.7976931348623157e+308" },
        { 0x4340000000000000, "9007199254740992" }, { 0xc340000000000000, "-9007199254740992" }, { 0x4430000000000000, "295147905179352830000" },
        { 0x44b52d02c7e14af5, "9.999999999999997e+22" }, { 0x44b52d02c7e14af6, "1e+23" }, { 0x44b52d02c7e14af7, "1.0000000000000001e+23" },
        { 0x444b1ae4d6e2ef4e, "999999999999999700000" }, { 0x444b1ae4d6e2ef4f, "999999999999999900000" }, { 0x444b1ae4d6e2ef50, "1e+21" },
        { 0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7" }, { 0x3eb0c6f7a0b5ed8d, "0.000001" }, { 0x41b3de4355555553, "333333333.3333332" },
        { 0x41b3de4355555554, "333333333.33333325" }, { 0x41b3de4355555555, "333333333.3333333" }, { 0x41b3de4355555556, "333333333.3333334" },
        { 0x41b3de4355555557, "333333333.33333343" }, { 0xbecbf647612f3696, "-0.0000033333333333333333" }, { 0x43143ff3c1cb0959, "1424953923781206.2" },
        /* 2^-44: the double below is half as far as the one above */
        { 0x3d30000000000000, "5.684341886080802e-14" },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        CHECK_STR(number(table[i].bits), table[i].want);
}

TEST(jcs_numbers_as_written)
{
    static const struct { const char *in, *want; } table[] = {
        { "1.50", "1.5" }, { "0.0", "0" }, { "-0.0", "0" }, { "0e99", "0" }, { "10", "10" }, { "100e-2", "1" }, { "1E2", "100" }, { "1e21", "1e+21" },
        { "123456789012345678", "123456789012345680" }, { "0.1", "0.1" }, { "0.000001", "0.000001" }, { "0.0000001", "1e-7" }, { "1e-7", "1e-7" },
        { "4.50", "4.5" }, { "2e-3", "0.002" }, { "0.000000000000000000000000001", "1e-27" }, { "-12.0300", "-12.03" }, { "1e-400", "0" },
        { "0.1000000000000000055511151231257827", "0.1" }, { "1000000000000000000000", "1e+21" }, { "100000000000000000000", "100000000000000000000" },
        { "999999999999999", "999999999999999" }, { "1e300", "1e+300" }, { "12.5e+1", "125" },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        CHECK_STR(canonical(table[i].in, NULL), table[i].want);
}

/* Every fast result must equal what the search through doubles gives: the fraction is made too long for the fast way. */
TEST(jcs_short_and_long_spelling_agree)
{
    uint64_t seed = 88172645463325252U;
    for (int i = 0; i < 20000; i++) {
        char fast[64], slow[96], first[64];
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        int digits = (int)(seed % 15) + 1, exponent = (int)((seed >> 8) % 60) - 30;
        uint64_t limit = 1;
        for (int k = 0; k < digits; k++)
            limit *= 10;
        uint64_t value = (seed >> 16) % limit;
        snprintf(fast, sizeof fast, "%llue%d", (unsigned long long)value, exponent);
        snprintf(slow, sizeof slow, "%llu.00000000000000000000e%d", (unsigned long long)value, exponent);
        snprintf(first, sizeof first, "%s", canonical(fast, NULL));
        CHECK_STR(canonical(slow, NULL), first);
    }
}

TEST(jcs_refuses_what_no_double_holds)
{
    int code;
    canonical("[1e400]", &code);
    CHECK_INT(code, ERR_INVALID);
    canonical("-1e309", &code);
    CHECK_INT(code, ERR_INVALID);
}

TEST(jcs_example_of_section_3_2_2)
{
    CHECK_STR(canonical("{\n \"numbers\": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],\n"
                        " \"string\": \"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\",\n \"literals\": [null, true, false]\n}", NULL),
              "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],"
              "\"string\":\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
}

TEST(jcs_sorts_by_utf16_code_units)
{
    CHECK_STR(canonical("{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,\"\\ud83d\\ude00\":5,\"\\u0080\":6,\"\\u00f6\":7}", NULL),
              "{\"\\r\":2,\"1\":4,\"\xc2\x80\":6,\"\xc3\xb6\":7,\"\xe2\x82\xac\":1,\"\xf0\x9f\x98\x80\":5,\"\xef\xac\xb3\":3}");
    CHECK_STR(canonical("{\"aa\":1,\"a\":2,\"\":3,\"B\":4}", NULL), "{\"\":3,\"B\":4,\"a\":2,\"aa\":1}");
}

TEST(jcs_escapes_shortest)
{
    CHECK_STR(canonical("\"\\b\\t\\n\\f\\r\\u0001\\u001f\\u007f\\/\"", NULL), "\"\\b\\t\\n\\f\\r\\u0001\\u001f\x7f/\"");
}

TEST(jcs_keeps_nested_empty_values)
{
    CHECK_STR(canonical(" { \"a\" : [ ] , \"b\" : { } , \"c\" : [ [ ] , { } ] } ", NULL), "{\"a\":[],\"b\":{},\"c\":[[],{}]}");
}

TEST(jcs_refuses_what_is_no_strict_json)
{
    int code;
    canonical("{\"a\":1,\"a\":2}", &code);
    CHECK(code < 0);
    canonical("{\"a\":1,}", &code);
    CHECK(code < 0);
    canonical("\"\\ud800\"", &code);
    CHECK(code < 0);
    canonical("", &code);
    CHECK(code < 0);
}

TEST(jcs_reports_a_full_buffer)
{
    struct buf out;
    buf_init(&out, 4);
    CHECK_ERR(sign_jcs((struct bytes){ "[1,2,3]", 7 }, &out, NULL), ERR_LIMIT);
    buf_free(&out);
}

TEST(payload_leaves_out_id_meta_signature_of_the_root_only)
{
    struct buf out;
    static const char bundle[] = "{\"resourceType\":\"Bundle\",\"id\":\"x\",\"meta\":{},\"signature\":{\"data\":\"\"},\"entry\":[{\"id\":\"y\",\"meta\":{},\"signature\":1}]}";
    buf_init(&out, 4096);
    CHECK_OK(sign_canonical_payload((struct bytes){ bundle, sizeof bundle - 1 }, &sign_profile_default, &out, NULL));
    CHECK_STR(out.data, "{\"entry\":[{\"id\":\"y\",\"meta\":{},\"signature\":1}],\"resourceType\":\"Bundle\"}");
    buf_reset(&out);
    CHECK_ERR(sign_canonical_payload((struct bytes){ "[]", 2 }, &sign_profile_default, &out, NULL), ERR_INVALID);
    buf_free(&out);
}

TEST_MAIN()
