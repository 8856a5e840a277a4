#include "tests/unit/test.h"

#include "adapters/adapter.h"
#include "base/json_doc.h"

TEST(request_and_bundle_are_told_apart_by_root_members)
{
    static const struct { const char *bytes; bool fhir; } cases[] = {
        { "{\"resourceType\":\"Bundle\"}", true },
        { " \n{ \"id\" : \"x\", \"resourceType\" : \"Bundle\" }", true },
        { "{\"meta\":{\"a\":[1,{\"b\":2}]},\"resourceType\":1}", true },
        { "{\"units\":[{\"resourceType\":\"Bundle\"}]}", false },
        { "{\"x-note\":\"resourceType\"}", false },
        { "{\"a\":\"\\\"resourceType\\\":\",\"b\":1}", false },
        { "[{\"resourceType\":\"Bundle\"}]", false },
        { "\"resourceType\"", false },
        { "{\"resourceType", false },
        { "{\"a\\", false },
        { "", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct adapter_ops *ops = adapter_choose("json", cases[i].bytes, strlen(cases[i].bytes));
        CHECK_INT(adapter_is_fhir(cases[i].bytes, strlen(cases[i].bytes)), cases[i].fhir);
        CHECK_STR(ops->format, cases[i].fhir ? "ready_bundle" : "vendor_json");
    }
    CHECK(adapter_choose("vendor_json", "{\"resourceType\":1}", 18) == &vendor_json_ops);
    CHECK(adapter_choose("ready_bundle", "", 0) == &ready_bundle_ops);
    CHECK(adapter_choose("ssmix2", "", 0) == NULL);
}

TEST(media_types_come_from_the_first_bytes)
{
    static const struct { const char *bytes; size_t len; const char *type; } cases[] = {
        { "%PDF-1.7", 8, "application/pdf" }, { "\x89PNG\r\n\x1a\n", 8, "image/png" }, { "\xFF\xD8\xFF\xE0", 4, "image/jpeg" },
        { "II*\0", 4, "image/tiff" }, { "MM\0*", 4, "image/tiff" }, { "\xEF\xBB\xBF<?xml", 8, "application/xml" }, { "\n<a/>", 5, "application/xml" },
        { " {}", 3, "application/json" }, { "GIF89a", 6, NULL }, { "%PDF", 4, NULL }, { "", 0, NULL }, { "MZ", 2, NULL }, { "<html>", 6, NULL }, { "\xEF\xBB\xBF", 3, NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK_STR(adapter_media_type(cases[i].bytes, cases[i].len), cases[i].type);
}

TEST(bundle_ids_have_one_form)
{
    static const char *const good[] = { "1319999999^2026^a", "1318814790^2024^0123-IDa-203949583949", "0110113719^2039^123456789012345678901234567890123456" };
    static const char *const bad[] = { "", "1319999999^2026^", "1319999999^2019^a", "1319999999^2040^a", "131999999^2026^a", "5319999999^2026^a", "1349999999^2026^a",
                                       "1319999999-2026-a", "1319999999^2026^a_b", "1319999999^2026^1234567890123456789012345678901234567", "1319999999^2026^あ" };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        CHECK(adapter_bundle_id_ok(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(!adapter_bundle_id_ok(bad[i], strlen(bad[i])));
}

static void check_own(const char *request, const char *want)
{
    struct arena *arena = arena_new(1 << 20);
    struct bytes file = { request, strlen(request) };
    const struct json_node *root = NULL;
    const char *json = NULL;
    struct err e = ERR_INIT;
    CHECK_OK(json_parse(file.data, file.len, NULL, arena, &root, &e));
    CHECK_OK(adapter_own_members(root, file, arena, &json));
    CHECK_STR(json, want);
    arena_free(arena);
}

TEST(own_members_come_back_as_written)
{
    check_own("{}", NULL);
    check_own("{\"x-\":1,\"y-a\":2}", NULL);
    check_own("{\"x-a\": 1.50 ,\"b\":2}", "{\"x-a\":1.50}");
    check_own("{\"x-a\":{\"x-b\":[1, 2]},\"u\":[{\"x-c\":\"\\u3042\"},{\"d\":{\"x-e/f\":null}}]}", "{\"x-a\":{\"x-b\":[1, 2]},\"/u/0/x-c\":\"\\u3042\",\"/u/1/d/x-e~1f\":null}");
    check_own("{\"x-q\\\"\":1}", "{\"x-q\\\"\":1}");
}

TEST(own_members_have_a_limit)
{
    struct arena *arena = arena_new(1 << 22);
    struct buf text;
    const struct json_node *root = NULL;
    const char *json = NULL;
    struct err e = ERR_INIT;
    buf_init(&text, 1 << 20);
    buf_add_str(&text, "{\"x-a\":\"");
    for (int i = 0; i < 70000; i++)
        buf_add_char(&text, 'a');
    buf_add_str(&text, "\"}");
    CHECK_OK(json_parse(text.data, text.len, NULL, arena, &root, &e));
    CHECK_ERR(adapter_own_members(root, buf_bytes(&text), arena, &json), ERR_LIMIT);
    CHECK(json == NULL);
    buf_free(&text);
    arena_free(arena);
}

TEST_MAIN()
