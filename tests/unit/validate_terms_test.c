/*
 * Codes through the public face: value sets and code systems from a small package of facts, systems that are grammars, tables of the caller.
 */
#include "tests/unit/test.h"
#include "validate/package/package.h"
#include "validate/terms/terms.h"

static const char facts[] =
    "{\"name\":\"facts\",\"version\":\"1\",\"fhirVersions\":[\"4.0.1\"]}\n"
    "{\"resourceType\":\"CodeSystem\",\"url\":\"http://x/animals\",\"version\":\"2.0\",\"status\":\"active\",\"content\":\"complete\",\"caseSensitive\":true,\"concept\":["
        "{\"code\":\"mammal\",\"display\":\"Mammal\",\"concept\":[{\"code\":\"cat\",\"display\":\"Cat\",\"designation\":[{\"value\":\"ねこ\"}]},{\"code\":\"dog\",\"display\":\"The  Dog\"}]},{\"code\":\"bird\"}]}\n"
    "{\"resourceType\":\"CodeSystem\",\"url\":\"http://x/loose\",\"status\":\"active\",\"content\":\"complete\",\"caseSensitive\":false,\"concept\":[{\"code\":\"Red\"},{\"code\":\"Blue\"}]}\n"
    "{\"resourceType\":\"CodeSystem\",\"url\":\"http://x/part\",\"status\":\"active\",\"content\":\"fragment\",\"caseSensitive\":true,\"concept\":[{\"code\":\"known\"}]}\n"
    "{\"resourceType\":\"CodeSystem\",\"url\":\"http://x/empty\",\"status\":\"active\",\"content\":\"not-present\",\"caseSensitive\":true}\n"
    "{\"resourceType\":\"CodeSystem\",\"url\":\"http://x/sample\",\"status\":\"active\",\"content\":\"example\",\"caseSensitive\":true,\"concept\":[{\"code\":\"shown\"}]}\n"
    "{\"resourceType\":\"ValueSet\",\"url\":\"http://x/vs/all\",\"version\":\"1\",\"status\":\"active\",\"compose\":{\"include\":[{\"system\":\"http://x/animals\"}]}}\n"
    "{\"resourceType\":\"ValueSet\",\"url\":\"http://x/vs/two\",\"status\":\"active\",\"compose\":{\"include\":[{\"system\":\"http://x/animals\",\"concept\":[{\"code\":\"cat\"},{\"code\":\"dog\"}]},{\"system\":\"http://x/loose\"}]}}\n"
    "{\"resourceType\":\"ValueSet\",\"url\":\"http://x/vs/pets\",\"status\":\"active\",\"compose\":{\"include\":[{\"system\":\"http://x/animals\",\"filter\":[{\"property\":\"concept\",\"op\":\"descendent-of\",\"value\":\"mammal\"}]}]}}\n"
    "{\"resourceType\":\"ValueSet\",\"url\":\"http://x/vs/no-dogs\",\"status\":\"active\",\"compose\":{\"include\":[{\"valueSet\":[\"http://x/vs/all\"]}],\"exclude\":[{\"system\":\"http://x/animals\",\"concept\":[{\"code\":\"dog\"}]}]}}\n"
    "{\"resourceType\":\"ValueSet\",\"url\":\"http://x/vs/both\",\"status\":\"active\",\"compose\":{\"include\":[{\"valueSet\":[\"http://x/vs/no-dogs\",\"http://x/vs/two\"]}]}}\n"
    "{\"resourceType\":\"ValueSet\",\"url\":\"http://x/vs/elsewhere\",\"status\":\"active\",\"compose\":{\"include\":[{\"system\":\"http://elsewhere\"}]}}\n"
    "{\"resourceType\":\"ValueSet\",\"url\":\"http://x/vs/listed\",\"status\":\"active\",\"compose\":{\"include\":[{\"system\":\"http://elsewhere\",\"concept\":[{\"code\":\"one\"}]}]}}\n"
    "{\"resourceType\":\"ValueSet\",\"url\":\"http://x/vs/part\",\"status\":\"active\",\"compose\":{\"include\":[{\"system\":\"http://x/part\"}]}}\n"
    "{\"resourceType\":\"ValueSet\",\"url\":\"http://x/vs/languages\",\"status\":\"active\",\"compose\":{\"include\":[{\"system\":\"urn:ietf:bcp:47\"}]}}\n"
    "{\"resourceType\":\"ValueSet\",\"url\":\"http://x/vs/round\",\"status\":\"active\",\"compose\":{\"include\":[{\"valueSet\":[\"http://x/vs/round\"]}]}}\n"
    "{\"resourceType\":\"ValueSet\",\"url\":\"http://x/vs/hole\",\"status\":\"active\",\"compose\":{\"include\":[{\"valueSet\":[\"http://x/vs/nowhere\"]}]}}\n";

static struct bytes text(const char *s)
{
    return (struct bytes){ s, s == NULL ? 0 : strlen(s) };
}

/* The image of the facts above, made once. */
static struct terms terms_of_facts(void)
{
    static struct image image;
    static struct buf block;
    struct err e = ERR_INIT;
    struct package_set *set;

    if (block.len > 0)
        return (struct terms){ .image = &image };
    set = package_set_new(&e);
    buf_init(&block, PACKAGE_IMAGE_MAX);
    CHECK(set != NULL);
    CHECK_OK(package_set_add_facts(set, facts, sizeof facts - 1, &e));
    CHECK_OK(package_set_compile(set, &block, &e));
    CHECK_OK(image_open(block.data, block.len, &image, &e));
    package_set_free(set);
    return (struct terms){ .image = &image };
}

static enum terms_answer in(const struct terms *t, const char *set, const char *system, const char *code)
{
    struct terms_coding c = { .system = text(system), .code = text(code), .system_inferred = system == NULL };

    return terms_in_value_set(t, set, strlen(set), &c, NULL);
}

static enum terms_answer known(const struct terms *t, const char *system, const char *version, const char *code, const char *display, enum terms_reason *ret_reason)
{
    struct terms_coding c = { .system = text(system), .version = text(version), .code = text(code), .display = text(display) };
    struct terms_why why;
    enum terms_answer a = terms_in_system(t, &c, &why);

    *ret_reason = why.reason;
    return a;
}

TEST(terms_value_set_of_a_whole_system)
{
    struct terms t = terms_of_facts();

    CHECK_INT(in(&t, "http://x/vs/all", "http://x/animals", "cat"), TERMS_YES);
    CHECK_INT(in(&t, "http://x/vs/all|1", "http://x/animals", "mammal"), TERMS_YES);
    CHECK_INT(in(&t, "http://x/vs/all", "http://x/animals", "Cat"), TERMS_NO);
    CHECK_INT(in(&t, "http://x/vs/all", "http://x/animals", "fish"), TERMS_NO);
    CHECK_INT(in(&t, "http://x/vs/all", "http://x/animals", ""), TERMS_NO);
    CHECK_INT(in(&t, "http://x/vs/all", "http://x/loose", "Red"), TERMS_NO);
    CHECK_INT(in(&t, "http://x/vs/all", NULL, "bird"), TERMS_YES);
    CHECK_INT(in(&t, "http://x/vs/all", NULL, "fish"), TERMS_NO);
}

TEST(terms_case_counts_where_the_system_says_so)
{
    struct terms t = terms_of_facts();

    CHECK_INT(in(&t, "http://x/vs/two", "http://x/loose", "RED"), TERMS_YES);
    CHECK_INT(in(&t, "http://x/vs/two", "http://x/animals", "CAT"), TERMS_NO);
}

TEST(terms_lists_filters_excludes_and_nested_sets)
{
    struct terms t = terms_of_facts();

    CHECK_INT(in(&t, "http://x/vs/two", "http://x/animals", "dog"), TERMS_YES);
    CHECK_INT(in(&t, "http://x/vs/two", "http://x/animals", "bird"), TERMS_NO);
    CHECK_INT(in(&t, "http://x/vs/two", NULL, "Blue"), TERMS_YES);
    CHECK_INT(in(&t, "http://x/vs/pets", "http://x/animals", "cat"), TERMS_YES);
    CHECK_INT(in(&t, "http://x/vs/pets", "http://x/animals", "mammal"), TERMS_NO);
    CHECK_INT(in(&t, "http://x/vs/no-dogs", "http://x/animals", "bird"), TERMS_YES);
    CHECK_INT(in(&t, "http://x/vs/no-dogs", "http://x/animals", "dog"), TERMS_NO);
    CHECK_INT(in(&t, "http://x/vs/both", "http://x/animals", "cat"), TERMS_YES);
    CHECK_INT(in(&t, "http://x/vs/both", "http://x/animals", "bird"), TERMS_NO);
    CHECK_INT(in(&t, "http://x/vs/both", "http://x/animals", "dog"), TERMS_NO);
}

TEST(terms_what_nobody_has_loaded_is_unknown)
{
    struct terms t = terms_of_facts();
    struct terms_coding c = { .system = text("http://elsewhere"), .code = text("x") };
    struct terms_why why;

    CHECK_INT(in(&t, "http://x/vs/elsewhere", "http://elsewhere", "x"), TERMS_UNKNOWN);
    CHECK_INT(in(&t, "http://x/vs/elsewhere", "http://other", "x"), TERMS_NO);
    CHECK_INT(in(&t, "http://x/vs/listed", "http://elsewhere", "one"), TERMS_YES);
    CHECK_INT(in(&t, "http://x/vs/listed", "http://elsewhere", "two"), TERMS_UNKNOWN);
    CHECK_INT(in(&t, "http://x/vs/nowhere", "http://x/animals", "cat"), TERMS_UNKNOWN);
    CHECK_INT(terms_in_value_set(&t, "http://x/vs/nowhere", 19, &c, &why), TERMS_UNKNOWN);
    CHECK_INT(why.reason, TERMS_VALUE_SET_MISSING);
    CHECK_INT(in(&t, "http://x/vs/hole", "http://x/animals", "cat"), TERMS_UNKNOWN);
    CHECK(!terms_value_set_known(&t, "http://x/vs/nowhere", 19));
    CHECK(terms_value_set_known(&t, "http://x/vs/all", 15));
}

TEST(terms_a_set_that_includes_itself_ends)
{
    struct terms t = terms_of_facts();

    CHECK_INT(in(&t, "http://x/vs/round", "http://x/animals", "cat"), TERMS_UNKNOWN);
}

TEST(terms_a_code_and_its_system)
{
    struct terms t = terms_of_facts();
    enum terms_reason why;

    CHECK_INT(known(&t, "http://x/animals", NULL, "cat", NULL, &why), TERMS_YES);
    CHECK_INT(known(&t, "http://x/animals", NULL, "fish", NULL, &why), TERMS_NO);
    CHECK_INT(why, TERMS_CODE_UNKNOWN);
    CHECK_INT(known(&t, "http://x/animals", "2.0", "cat", NULL, &why), TERMS_YES);
    CHECK_INT(known(&t, "http://x/animals", "7.1", "cat", NULL, &why), TERMS_UNKNOWN);
    CHECK_INT(known(&t, "http://elsewhere", NULL, "cat", NULL, &why), TERMS_UNKNOWN);
    CHECK_INT(why, TERMS_SYSTEM_MISSING);
}

TEST(terms_incomplete_systems_say_nothing_about_what_they_lack)
{
    struct terms t = terms_of_facts();
    enum terms_reason why;

    CHECK_INT(known(&t, "http://x/part", NULL, "known", NULL, &why), TERMS_YES);
    CHECK_INT(known(&t, "http://x/part", NULL, "other", NULL, &why), TERMS_UNKNOWN);
    CHECK_INT(why, TERMS_IN_FRAGMENT);
    CHECK_INT(in(&t, "http://x/vs/part", "http://x/part", "known"), TERMS_YES);
    CHECK_INT(in(&t, "http://x/vs/part", "http://x/part", "other"), TERMS_NO);
    CHECK_INT(known(&t, "http://x/sample", NULL, "shown", NULL, &why), TERMS_YES);
    CHECK_INT(known(&t, "http://x/sample", NULL, "other", NULL, &why), TERMS_UNKNOWN);
    CHECK_INT(known(&t, "http://x/empty", NULL, "any", NULL, &why), TERMS_UNKNOWN);
    CHECK(!terms_system_known(&t, "http://x/empty", 14));
    CHECK(terms_system_known(&t, "http://x/part", 13));
}

TEST(terms_displays_are_compared_kindly)
{
    struct terms t = terms_of_facts();
    enum terms_reason why;

    CHECK_INT(known(&t, "http://x/animals", NULL, "dog", "the dog ", &why), TERMS_YES);
    CHECK_INT(why, TERMS_FINE);
    CHECK_INT(known(&t, "http://x/animals", NULL, "cat", "ねこ", &why), TERMS_YES);
    CHECK_INT(why, TERMS_FINE);
    CHECK_INT(known(&t, "http://x/animals", NULL, "dog", "thedog", &why), TERMS_YES);
    CHECK_INT(why, TERMS_DISPLAY_WRONG);
    CHECK_INT(known(&t, "http://x/animals", NULL, "bird", "whatever", &why), TERMS_YES);
    CHECK_INT(why, TERMS_FINE); /* the system gives none */
}

TEST(terms_grammars_need_no_table)
{
    static const struct { const char *system, *code; enum terms_answer answer; } rows[] = {
        { "http://unitsofmeasure.org", "mg/dL", TERMS_YES }, { "http://unitsofmeasure.org", "10*3/uL", TERMS_YES }, { "http://unitsofmeasure.org", "milligram", TERMS_NO },
        { "urn:ietf:bcp:47", "ja", TERMS_YES }, { "urn:ietf:bcp:47", "zh-Hant-TW", TERMS_YES }, { "urn:ietf:bcp:47", "en-x-us", TERMS_YES }, { "urn:ietf:bcp:47", "ja_JP", TERMS_NO },
        { "urn:ietf:bcp:47", "ja-", TERMS_NO }, { "urn:ietf:bcp:47", "", TERMS_NO },
        { "urn:ietf:bcp:13", "text/plain", TERMS_YES }, { "urn:ietf:bcp:13", "application/fhir+json; fhirVersion=4.0", TERMS_YES }, { "urn:ietf:bcp:13", "pdf", TERMS_NO },
        { "urn:ietf:bcp:13", "text/", TERMS_NO }, { "urn:ietf:rfc:3986", "urn:uuid:1", TERMS_YES }, { "urn:ietf:rfc:3986", "a b", TERMS_NO },
        { "urn:iso:std:iso:3166", "JP", TERMS_YES }, { "urn:iso:std:iso:3166", "JP-13", TERMS_YES }, { "urn:iso:std:iso:3166", "jp", TERMS_NO }, { "urn:iso:std:iso:4217", "JPY", TERMS_YES },
    };
    struct terms t = terms_of_facts();
    enum terms_reason why;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CHECK_INT(known(&t, rows[i].system, NULL, rows[i].code, NULL, &why), rows[i].answer);
        CHECK_INT(why, rows[i].answer == TERMS_NO ? TERMS_SYNTAX_WRONG : TERMS_FINE);
    }
    CHECK_INT(in(&t, "http://x/vs/languages", NULL, "ja-JP"), TERMS_YES);
    CHECK_INT(in(&t, "http://x/vs/languages", NULL, "j a"), TERMS_NO);
}

TEST(terms_subsumption_climbs_the_tree)
{
    struct terms t = terms_of_facts();
    struct terms_coding mammal = { .system = text("http://x/animals"), .code = text("mammal") }, cat = mammal, other = mammal, nobody = { .system = text("http://elsewhere"), .code = text("a") }, knows = nobody;

    cat.code = text("cat");
    other.system = text("http://x/loose");
    knows.code = text("b");
    CHECK_INT(terms_subsumes(&t, &mammal, &cat), TERMS_YES);
    CHECK_INT(terms_subsumes(&t, &cat, &mammal), TERMS_NO);
    CHECK_INT(terms_subsumes(&t, &cat, &cat), TERMS_YES);
    CHECK_INT(terms_subsumes(&t, &mammal, &other), TERMS_NO);
    CHECK_INT(terms_subsumes(&t, &nobody, &knows), TERMS_UNKNOWN);
}

/* ---- tables of the caller ---- */

static bool is(struct bytes a, const char *b)
{
    return a.len == strlen(b) && memcmp(a.data, b, a.len) == 0;
}

static enum validate_answer find_code(void *self, struct bytes system, struct bytes code, struct bytes *ret_display)
{
    (void)self;
    if (!is(system, "http://elsewhere"))
        return VALIDATE_UNKNOWN;
    if (!is(code, "x"))
        return VALIDATE_NO;
    *ret_display = text("エックス");
    return VALIDATE_YES;
}

static enum validate_answer in_value_set(void *self, const char *value_set, struct bytes system, struct bytes code)
{
    (void)self;
    (void)system;
    return strcmp(value_set, "http://x/vs/nowhere") != 0 ? VALIDATE_UNKNOWN : is(code, "x") ? VALIDATE_YES : VALIDATE_NO;
}

TEST(terms_tables_of_the_caller_take_part)
{
    struct validate_terms more = { .find_code = find_code, .in_value_set = in_value_set };
    struct terms t = terms_of_facts();
    enum terms_reason why;

    t.more = &more;
    CHECK_INT(in(&t, "http://x/vs/elsewhere", "http://elsewhere", "x"), TERMS_YES);
    CHECK_INT(in(&t, "http://x/vs/elsewhere", "http://elsewhere", "y"), TERMS_NO);
    CHECK_INT(in(&t, "http://x/vs/hole", "http://elsewhere", "x"), TERMS_YES);
    CHECK_INT(in(&t, "http://x/vs/hole", "http://elsewhere", "y"), TERMS_NO);
    CHECK_INT(known(&t, "http://elsewhere", NULL, "x", "エックス", &why), TERMS_YES);
    CHECK_INT(why, TERMS_FINE);
    CHECK_INT(known(&t, "http://elsewhere", NULL, "x", "ゼット", &why), TERMS_YES);
    CHECK_INT(why, TERMS_DISPLAY_WRONG);
    CHECK_INT(known(&t, "http://elsewhere", NULL, "z", NULL, &why), TERMS_NO);
    CHECK_INT(in(&t, "http://x/vs/all", "http://x/animals", "cat"), TERMS_YES);
}

TEST_MAIN()
