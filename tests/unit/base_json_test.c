/* The strict JSON reader through base/json_doc.h. */
#include "base/json_doc.h"

#include "tests/unit/test.h"

static struct arena *arena;

static int parse_len(const char *text, size_t len, const struct json_limits *limits, const struct json_node **root, struct err *e)
{
    arena = arena_free(arena);
    arena = arena_new(256 << 20);
    err_clear(e);
    return json_parse(text, len, limits, arena, root, e);
}

static const struct json_node *parse_ok(const char *text)
{
    const struct json_node *root = NULL;
    struct err e = ERR_INIT;

    CHECK_OK(parse_len(text, strlen(text), NULL, &root, &e));
    return root;
}

static void refuse_len(const char *text, size_t len, enum err_code code, enum msg_id msg, int64_t offset)
{
    const struct json_node *root = NULL;
    struct err e = ERR_INIT;

    CHECK_ERR(parse_len(text, len, NULL, &root, &e), code);
    CHECK(root == NULL);
    CHECK_STR(msg_get(e.msg)->name, msg_get(msg)->name);
    if (offset >= 0)
        CHECK_INT(e.offset, offset);
}

static void refuse(const char *text, enum msg_id msg, int64_t offset)
{
    refuse_len(text, strlen(text), ERR_SYNTAX, msg, offset);
}

TEST(json_reads_every_kind_of_value)
{
    const char *text = " {\"a\":[1,-2.50e+3,true,false,null,\"x\"],\"b\":{},\"c\":[]} \n";
    const struct json_node *root = parse_ok(text), *a = json_get(root, "a");

    CHECK(json_is(root, JSON_OBJECT));
    CHECK_INT(root->count, 3);
    CHECK_INT(a->count, 6);
    CHECK_STR(json_dup(arena, json_at(a, 1)), "-2.50e+3");
    CHECK(json_is(json_at(a, 2), JSON_TRUE) && json_is(json_at(a, 3), JSON_FALSE) && json_is(json_at(a, 4), JSON_NULL));
    CHECK(json_equals(json_path(root, "a/5"), "x"));
    CHECK(json_is(json_get(root, "b"), JSON_OBJECT) && json_get(root, "b")->child == NULL);
    CHECK(json_is(json_get(root, "c"), JSON_ARRAY));
    CHECK(json_at(a, 6) == NULL && json_get(root, "d") == NULL && json_path(root, "a/x") == NULL);
    CHECK(json_is(parse_ok("0"), JSON_NUMBER) && json_is(parse_ok("\"\""), JSON_STRING) && json_is(parse_ok("null"), JSON_NULL));
}

TEST(json_keeps_offsets_of_names_and_values)
{
    const char *text = "{ \"ab\" : [ 12 ] }";
    const struct json_node *root = parse_ok(text), *ab = json_get(root, "ab");

    CHECK_INT(root->start, 0);
    CHECK_INT(root->end, strlen(text));
    CHECK_INT(ab->key_start, 2);
    CHECK_INT(ab->start, 9);
    CHECK_INT(ab->end, 15);
    CHECK_INT(ab->child->start, 11);
    CHECK_INT(ab->child->end, 13);
    CHECK(ab->parent == root && ab->child->parent == ab);
}

TEST(json_borrows_plain_strings_and_decodes_escapes)
{
    const char *text = "[\"血清\",\"a\\n\\u8840\\ud83d\\ude00\\/\"]";
    const struct json_node *root = parse_ok(text);

    CHECK(root->child->text == text + 2);
    CHECK(json_equals(root->child->next, "a\n血😀/"));
}

TEST(json_refuses_what_is_no_json)
{
    refuse("", MSG_JSON_EMPTY, 0);
    refuse(" \n\t", MSG_JSON_EMPTY, 3);
    refuse("{'a':1}", MSG_JSON_SYNTAX, 1);
    refuse("{\"a\" 1}", MSG_JSON_SYNTAX, 5);
    refuse("{\"a\":1,}", MSG_JSON_SYNTAX, 7);
    refuse("[1,]", MSG_JSON_SYNTAX, 3);
    refuse("[1 2]", MSG_JSON_SYNTAX, 3);
    refuse("{\"a\":1]", MSG_JSON_SYNTAX, 6);
    refuse("]", MSG_JSON_SYNTAX, 0);
    refuse("[//x\n1]", MSG_JSON_SYNTAX, 1);
    refuse("NaN", MSG_JSON_SYNTAX, 0);
    refuse("nul!", MSG_JSON_SYNTAX, 3);
    refuse("<Bundle/>", MSG_JSON_SYNTAX, 0);
    refuse("{} {}", MSG_JSON_TRAILING, 3);
    refuse("1 x", MSG_JSON_TRAILING, 2);
    refuse_len("1\0", 2, ERR_SYNTAX, MSG_JSON_TRAILING, 1);
}

TEST(json_refuses_numbers_outside_the_grammar)
{
    refuse("01", MSG_JSON_SYNTAX, 1);
    refuse("-", MSG_JSON_TRUNCATED, 1);
    refuse("[1.]", MSG_JSON_SYNTAX, 3);
    refuse("[.5]", MSG_JSON_SYNTAX, 1);
    refuse("[+1]", MSG_JSON_SYNTAX, 1);
    refuse("[1e]", MSG_JSON_SYNTAX, 3);
    refuse("[0x10]", MSG_JSON_SYNTAX, 2);
}

TEST(json_refuses_truncated_input_at_every_byte)
{
    const char *text = "{\"a\":[1.5e3,true,\"血\\u0041\\ud83d\\ude00\"],\"b\":null}";
    const struct json_node *root = NULL;
    struct err e = ERR_INIT;

    for (size_t n = 1; n < strlen(text); n++) {
        char *cut = malloc(n);

        memcpy(cut, text, n);
        CHECK_ERR(parse_len(cut, n, NULL, &root, &e), ERR_SYNTAX);
        if (e.msg != MSG_JSON_TRUNCATED)
            test_fail(__FILE__, __LINE__, "cut at %zu: %s", n, msg_get(e.msg)->name);
        free(cut);
    }
}

TEST(json_refuses_bad_text)
{
    refuse("\xEF\xBB\xBF{}", MSG_JSON_BOM, 0);
    refuse("\"\x83J\x83\x8B\x83\x65\"", MSG_JSON_NOT_UTF8, 1);
    refuse("\"a\xC0\xAF b\"", MSG_JSON_NOT_UTF8, 2);
    refuse("\"\xED\xA0\x80 \"", MSG_JSON_NOT_UTF8, 1);
    refuse("\xFF\xFE{", MSG_JSON_NOT_UTF8, 0);
    refuse("\"\\u0000\"", MSG_JSON_BAD_TEXT, 1);
    refuse("\"\\ud800 and more\"", MSG_JSON_BAD_TEXT, 1);
    refuse("\"\\ud800\\u0041\"", MSG_JSON_BAD_TEXT, 1);
    refuse("\"\\udc00 and more\"", MSG_JSON_BAD_TEXT, 1);
    refuse("\"\\x41 and more\"", MSG_JSON_BAD_TEXT, 1);
    refuse("\"12345678\n\"", MSG_JSON_BAD_TEXT, 9);
    refuse("\"血\t\"", MSG_JSON_BAD_TEXT, 4);
    refuse_len("\"a\0b\"", 5, ERR_SYNTAX, MSG_JSON_BAD_TEXT, 2);
}

TEST(json_refuses_duplicate_members_in_small_and_large_objects)
{
    char text[4096] = "{";
    const struct json_node *root = NULL;
    struct err e = ERR_INIT;

    refuse("{\"a\":{\"x\":1,\"\\u0078\":2}}", MSG_JSON_DUPLICATE, 12);
    for (int i = 0; i < 200; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "\"m%d\":0,", i);
    snprintf(text + strlen(text), sizeof text - strlen(text), "\"m77\":1}");
    CHECK_ERR(parse_len(text, strlen(text), NULL, &root, &e), ERR_SYNTAX);
    CHECK_STR(msg_get(e.msg)->name, "JSON_DUPLICATE");
    CHECK_STR(e.arg[0], "m77");
    CHECK_STR(e.place, "/m77");
    CHECK_INT(e.offset, strlen(text) - 8);
    text[strlen(text) - 6] = 'x';
    CHECK_OK(parse_len(text, strlen(text), NULL, &root, &e));
    CHECK_INT(root->count, 201);
}

TEST(json_bears_ten_thousand_levels_and_obeys_its_limits)
{
    enum { DEEP = 10000 };
    struct json_limits deep = { .max_depth = DEEP }, few = { .max_nodes = 3 }, small = { .max_bytes = 4 };
    const struct json_node *root = NULL;
    struct err e = ERR_INIT;
    char *text = malloc(2 * DEEP);

    memset(text, '[', DEEP);
    memset(text + DEEP, ']', DEEP);
    refuse_len(text, 2 * DEEP, ERR_LIMIT, MSG_JSON_TOO_DEEP, 64);
    refuse_len(text, DEEP, ERR_LIMIT, MSG_JSON_TOO_DEEP, 64);
    CHECK_OK(parse_len(text, 2 * DEEP, &deep, &root, &e));
    CHECK_ERR(parse_len(text, DEEP, &deep, &root, &e), ERR_SYNTAX);
    free(text);
    CHECK_OK(parse_len("[1,2]", 5, &few, &root, &e));
    CHECK_ERR(parse_len("[1,2,3]", 7, &few, &root, &e), ERR_LIMIT);
    CHECK_STR(msg_get(e.msg)->name, "JSON_TOO_LARGE");
    CHECK_ERR(parse_len("[1,2]", 5, &small, &root, &e), ERR_LIMIT);
}

TEST(json_reports_memory_that_ran_out)
{
    struct arena *tiny = arena_new(4096);
    const struct json_node *root = NULL;
    struct err e = ERR_INIT;
    char text[20001];

    for (size_t i = 0; i < 20000; i += 2)
        memcpy(text + i, "1,", 2);
    text[0] = '[';
    text[1] = '1';
    text[19999] = ']';
    text[19998] = '1';
    text[2] = ',';
    CHECK_ERR(json_parse(text, 20000, NULL, tiny, &root, &e), ERR_NOMEM);
    CHECK(root == NULL);
    arena_free(tiny);
}

TEST(json_names_place_line_and_column)
{
    const char *text = "{\n  \"患者\": [ 1,\n    \"名\" x ] }";
    const struct json_node *root = NULL;
    struct err e = ERR_INIT;
    char pointer[16];

    CHECK_ERR(parse_len(text, strlen(text), NULL, &root, &e), ERR_SYNTAX);
    CHECK_STR(e.place, "/患者");
    CHECK_INT(e.line, 3);
    CHECK_INT(e.column, 9);
    CHECK_STR(e.arg[0], "x");
    root = parse_ok("{\"a/b\":[0,{\"~\":[{\"長い名前\":1}]}]}");
    json_pointer(json_path(root->child, "1/~/0"), pointer, sizeof pointer);
    CHECK_STR(pointer, "/a~1b/1/~0/0");
    json_pointer(json_path(root->child, "1/~/0/長い名前"), pointer, sizeof pointer);
    CHECK_STR(pointer, "…い名前");
    json_pointer(root, pointer, sizeof pointer);
    CHECK_STR(pointer, "");
}

TEST(json_converts_integers_only)
{
    const struct json_node *n = parse_ok("[42,-9223372036854775808,9223372036854775808,1.0,\"1\"]");
    int64_t value = 7;

    CHECK_OK(json_to_int64(json_at(n, 0), &value));
    CHECK_INT(value, 42);
    CHECK_OK(json_to_int64(json_at(n, 1), &value));
    CHECK_INT(value, INT64_MIN);
    CHECK_ERR(json_to_int64(json_at(n, 2), &value), ERR_LIMIT);
    CHECK_ERR(json_to_int64(json_at(n, 3), &value), ERR_INVALID);
    CHECK_ERR(json_to_int64(json_at(n, 4), &value), ERR_INVALID);
    CHECK_ERR(json_to_int64(NULL, &value), ERR_INVALID);
    CHECK_INT(value, INT64_MIN);
}

TEST_MAIN()
