/*
 * The walk of the validator through the public face, on a small set of types and profiles: what is listed, counted, sliced, fixed and constrained, and
 * where each finding is reported.
 */
#include "tests/unit/package_fixture.h"
#include "tests/unit/test.h"
#include "validate/package/package.h"
#include "validate/validate_private.h"

#define PROFILE(name, url, elements) "{\"resourceType\":\"StructureDefinition\",\"url\":\"" url "\",\"version\":\"1\",\"name\":\"" name "\",\"kind\":\"resource\",\"type\":\"Thing\"," \
    "\"baseDefinition\":\"" FIXTURE_TYPES "Thing\",\"derivation\":\"constraint\",\"differential\":{\"element\":[{\"id\":\"Thing\",\"path\":\"Thing\"}," elements "]}}\n"
#define BY_SYSTEM(more) "{\"id\":\"Thing.code\",\"path\":\"Thing.code\",\"slicing\":{\"discriminator\":[{\"type\":\"value\",\"path\":\"system\"}]," more "}}"
#define SLICE(name, system) "{\"id\":\"Thing.code:" name "\",\"path\":\"Thing.code\",\"sliceName\":\"" name "\"},{\"id\":\"Thing.code:" name ".system\",\"path\":\"Thing.code.system\",\"min\":1,\"fixedString\":\"" system "\"}"

static const char facts[] =
    "{\"name\":\"facts\",\"version\":\"1\",\"fhirVersions\":[\"4.0.1\"]}\n"
    PROFILE("Ordered", "http://example.org/Ordered", BY_SYSTEM("\"rules\":\"open\",\"ordered\":true") "," SLICE("a", "urn:a") "," SLICE("b", "urn:b"))
    PROFILE("AtEnd", "http://example.org/AtEnd", BY_SYSTEM("\"rules\":\"openAtEnd\"") "," SLICE("a", "urn:a"))
    PROFILE("Twice", "http://example.org/Twice", BY_SYSTEM("\"rules\":\"open\"") "," SLICE("a", "urn:a") "," SLICE("b", "urn:a"))
    PROFILE("Again", "http://example.org/Again", BY_SYSTEM("\"rules\":\"open\"") "," SLICE("a", "urn:a") ","
        "{\"id\":\"Thing.code:a\",\"path\":\"Thing.code\",\"sliceName\":\"a\",\"slicing\":{\"discriminator\":[{\"type\":\"value\",\"path\":\"code\"}],\"rules\":\"closed\"}},"
        "{\"id\":\"Thing.code:a/x\",\"path\":\"Thing.code\",\"sliceName\":\"a/x\",\"max\":\"1\"},{\"id\":\"Thing.code:a/x.code\",\"path\":\"Thing.code.code\",\"min\":1,\"fixedString\":\"x\"}");

static const char more_facts[] =
    "{\"name\":\"more\",\"version\":\"1\",\"fhirVersions\":[\"4.0.1\"]}\n"
    PROFILE("Fixed", "http://example.org/Fixed", "{\"id\":\"Thing.code.code\",\"path\":\"Thing.code.code\",\"fixedString\":\"x\"},{\"id\":\"Thing.value[x]\",\"path\":\"Thing.value[x]\",\"type\":[{\"code\":\"Coding\"}],\"patternCoding\":{\"system\":\"urn:p\"}}")
    PROFILE("Broken", "http://example.org/Broken", "{\"id\":\"Thing.part\",\"path\":\"Thing.part\",\"constraint\":[{\"key\":\"br-1\",\"severity\":\"error\",\"human\":\"h\",\"expression\":\"note.((\"}]}")
    PROFILE("Rule", "http://example.org/Rule", "{\"id\":\"Thing.part\",\"path\":\"Thing.part\",\"constraint\":[{\"key\":\"ru-1\",\"severity\":\"error\",\"human\":\"h\",\"expression\":\"note = 'a' and %resource.code.exists()\"}]}")
    PROFILE("Japan", "http://jpfhir.jp/Japan", "{\"id\":\"Thing.part\",\"path\":\"Thing.part\",\"min\":1},{\"id\":\"Thing.code\",\"path\":\"Thing.code\",\"min\":1,\"mustSupport\":true},{\"id\":\"Thing.value[x]\",\"path\":\"Thing.value[x]\",\"mustSupport\":true}");

static struct validate_set set;
static struct arena *arena;
static struct issue_list issues;

static void open_set(void)
{
    static struct buf block;
    struct err e = ERR_INIT;
    struct package_set *packages;
    size_t len = 0;
    char *tgz;

    if (set.image.base != NULL)
        return;
    packages = package_set_new(&e);
    tgz = fixture_tgz(fixture_core, FIXTURE_CORE, FIXTURE_FILE, &len);
    buf_init(&block, PACKAGE_IMAGE_MAX);
    CHECK(packages != NULL && tgz != NULL);
    CHECK_OK(package_set_add_bytes(packages, "core", tgz, len, &e));
    CHECK_OK(package_set_add_facts(packages, facts, sizeof facts - 1, &e));
    CHECK_OK(package_set_add_facts(packages, more_facts, sizeof more_facts - 1, &e));
    CHECK_OK(package_set_compile(packages, &block, &e));
    CHECK_OK(image_open(block.data, block.len, &set.image, &e));
    package_set_free(packages);
    free(tgz);
    arena = arena_new(64 << 20);
}

static void run_as(const char *text, const char *profile, enum validate_reading reading)
{
    struct validate_request r = { .bytes = text, .len = strlen(text), .profile = profile, .set = &set, .reading = reading };
    struct err e = ERR_INIT;

    open_set();
    arena_reset(arena);
    issues_init(&issues, arena);
    CHECK_OK(validate_bytes(&r, &issues, &e));
}

static void run(const char *text, const char *profile)
{
    run_as(text, profile, VALIDATE_HL7);
}

static size_t said(enum msg_severity severity, enum msg_id msg, const char *location)
{
    size_t count = 0;

    for (const struct issue *i = issues.first; i != NULL; i = i->next)
        count += i->severity == severity && i->msg == msg && strcmp(i->location, location) == 0 && i->line > 0;
    return count;
}

static void show(void)
{
    for (const struct issue *i = issues.first; i != NULL; i = i->next)
        printf("       %s %s %s at %s\n", msg_severity_name(i->severity), msg_get(i->msg)->name, i->arg1 != NULL ? i->arg1 : "", i->location);
}

/* Just this one error; codes without a system are warned of, too. */
static void only(enum msg_id msg, const char *location)
{
    if (issues.errors != 1 || said(MSG_ERROR, msg, location) != 1) {
        show();
        test_fail(__FILE__, __LINE__, "%s at %s wanted, and nothing else", msg_get(msg)->name, location);
    }
}

TEST(engine_takes_what_is_sound)
{
    run("{\"resourceType\":\"Thing\",\"code\":[{\"system\":\"urn:a\",\"code\":\"x\"}],\"part\":[{\"note\":\"a\",\"part\":[{\"note\":\"b\"}]}],\"valueString\":\"v\"}", NULL);
    CHECK_INT(issues.errors, 0);
    run("{\"resourceType\":\"Thing\",\"code\":[{\"system\":\"urn:a\"}],\"valueCoding\":{\"code\":\"c\"}}", "http://example.org/MyThing");
    if (issues.errors > 0)
        show();
    CHECK_INT(issues.errors, 0);
}

TEST(engine_reports_unknown_members_at_the_object_that_holds_them)
{
    run("{\"resourceType\":\"Thing\",\"part\":[{\"note\":\"a\"},{\"note\":\"a\",\"nota\":\"b\"}]}", NULL);
    only(MSG_VALIDATE_FORBIDDEN, "Thing.part[1]");
    run("{\"resourceType\":\"Thing\",\"valueString\":\"a\",\"valueCoding\":{\"code\":\"b\"}}", NULL);
    only(MSG_VALIDATE_FORBIDDEN, "Thing");
    run("{\"resourceType\":\"Thing\",\"_part\":[{\"id\":\"a\"}]}", NULL);
    only(MSG_VALIDATE_FORBIDDEN, "Thing");
    run("{\"resourceType\":\"Nothing\"}", NULL);
    only(MSG_VALIDATE_RESOURCE_TYPE, "Nothing");
    run("{\"part\":[]}", NULL);
    only(MSG_VALIDATE_RESOURCE_TYPE, "$");
    run("[1]", NULL);
    only(MSG_VALIDATE_RESOURCE_TYPE, "");
}

TEST(engine_reports_wrong_kinds_of_json)
{
    run("{\"resourceType\":\"Thing\",\"part\":{\"note\":\"a\"}}", NULL);
    only(MSG_VALIDATE_KIND, "Thing.part");
    run("{\"resourceType\":\"Thing\",\"part\":[{\"note\":[\"a\"]}]}", NULL);
    only(MSG_VALIDATE_KIND, "Thing.part[0].note");
    run("{\"resourceType\":\"Thing\",\"valueString\":null}", NULL);
    only(MSG_VALIDATE_KIND, "Thing.value");
    run("{\"resourceType\":\"Thing\",\"code\":[\"a\"]}", NULL);
    only(MSG_VALIDATE_KIND, "Thing.code[0]");
    run("{\"resourceType\":\"Thing\",\"code\":[{}]}", NULL);
    only(MSG_VALIDATE_EMPTY, "Thing.code[0]");
    run("{\"resourceType\":\"Thing\",\"code\":[]}", NULL);
    only(MSG_VALIDATE_EMPTY, "Thing.code");
    run("{\"resourceType\":\"Thing\",\"code\":[[]],\"unknown\":1}", NULL);
    only(MSG_VALIDATE_NESTED_ARRAY, "");
}

TEST(engine_says_what_is_no_json_and_what_is_too_deep)
{
    char deep[4096] = "{\"resourceType\":\"Thing\",\"part\":[";

    run("{\"resourceType\":", NULL);
    CHECK_INT(issues.errors, 1);
    for (int i = 0; i < 80; i++)
        strncat(deep, "{\"part\":[", sizeof deep - strlen(deep) - 1);
    run(deep, NULL);
    CHECK_INT(issues.errors, 1);
    CHECK(issues.first->msg == MSG_JSON_TOO_DEEP);
}

TEST(engine_slices_by_value_closed_and_sliced_again)
{
    run("{\"resourceType\":\"Thing\",\"code\":[{\"system\":\"urn:a\"},{\"system\":\"urn:z\"}],\"valueCoding\":{\"code\":\"c\"}}", "http://example.org/MyThing");
    only(MSG_VALIDATE_SLICE_CLOSED, "Thing.code[1]");
    run("{\"resourceType\":\"Thing\",\"code\":[{\"system\":\"urn:a\"},{\"system\":\"urn:a\"}],\"valueCoding\":{\"code\":\"c\"}}", "http://example.org/MyThing");
    CHECK(said(MSG_ERROR, MSG_VALIDATE_SLICE_MANY, "Thing") > 0);
    run("{\"resourceType\":\"Thing\",\"valueCoding\":{\"code\":\"c\"}}", "http://example.org/MyThing");
    CHECK_INT(said(MSG_ERROR, MSG_VALIDATE_MISSING, "Thing"), 1);
    CHECK_INT(said(MSG_ERROR, MSG_VALIDATE_SLICE_MISSING, "Thing"), 1);
    run("{\"resourceType\":\"Thing\",\"code\":[{\"system\":\"urn:a\",\"code\":\"x\"},{\"system\":\"urn:b\",\"code\":\"x\"}]}", "http://example.org/Again");
    CHECK_INT(issues.errors, 0);
    run("{\"resourceType\":\"Thing\",\"code\":[{\"system\":\"urn:a\",\"code\":\"x\"},{\"system\":\"urn:a\",\"code\":\"x\"}]}", "http://example.org/Again");
    only(MSG_VALIDATE_SLICE_MANY, "Thing");
    run("{\"resourceType\":\"Thing\",\"code\":[{\"system\":\"urn:a\",\"code\":\"y\"}]}", "http://example.org/Again");
    only(MSG_VALIDATE_SLICE_CLOSED, "Thing.code[0]");
}

TEST(engine_keeps_the_order_of_slices)
{
    run("{\"resourceType\":\"Thing\",\"code\":[{\"system\":\"urn:a\"},{\"system\":\"urn:z\"},{\"system\":\"urn:b\"}]}", "http://example.org/Ordered");
    CHECK_INT(issues.errors, 0);
    run("{\"resourceType\":\"Thing\",\"code\":[{\"system\":\"urn:b\"},{\"system\":\"urn:a\"}]}", "http://example.org/Ordered");
    only(MSG_VALIDATE_SLICE_ORDER, "Thing.code[1]");
    run("{\"resourceType\":\"Thing\",\"code\":[{\"system\":\"urn:a\"},{\"system\":\"urn:z\"}]}", "http://example.org/AtEnd");
    CHECK_INT(issues.errors, 0);
    run("{\"resourceType\":\"Thing\",\"code\":[{\"system\":\"urn:z\"},{\"system\":\"urn:a\"}]}", "http://example.org/AtEnd");
    only(MSG_VALIDATE_SLICE_ORDER, "Thing.code[1]");
    run("{\"resourceType\":\"Thing\",\"code\":[{\"system\":\"urn:a\"}]}", "http://example.org/Twice");
    only(MSG_VALIDATE_SLICE_TWICE, "Thing.code[0]");
}

TEST(engine_compares_fixed_values_patterns_and_types)
{
    run("{\"resourceType\":\"Thing\",\"code\":[{\"code\":\"x\"},{\"code\":\"y\"}]}", "http://example.org/Fixed");
    only(MSG_VALIDATE_FIXED, "Thing.code[1].code");
    run("{\"resourceType\":\"Thing\",\"valueCoding\":{\"system\":\"urn:p\",\"code\":\"any\"}}", "http://example.org/Fixed");
    CHECK_INT(issues.errors, 0);
    run("{\"resourceType\":\"Thing\",\"valueCoding\":{\"code\":\"any\"}}", "http://example.org/Fixed");
    only(MSG_VALIDATE_FIXED, "Thing.value.ofType(Coding).system");
    run("{\"resourceType\":\"Thing\",\"valueString\":\"any\"}", "http://example.org/Fixed");
    CHECK_INT(said(MSG_ERROR, MSG_VALIDATE_TYPE, "Thing.value.ofType(string)"), 1);
}

TEST(engine_runs_invariants_and_never_passes_one_that_cannot_run)
{
    run("{\"resourceType\":\"Thing\",\"code\":[{\"code\":\"x\"}],\"part\":[{\"note\":\"a\"},{\"note\":\"b\"}]}", "http://example.org/Rule");
    only(MSG_VALIDATE_INVARIANT, "Thing.part[1]");
    CHECK_STR(issues.last->rule, "ru-1");
    run("{\"resourceType\":\"Thing\",\"part\":[{\"note\":\"a\"}]}", "http://example.org/Rule");
    only(MSG_VALIDATE_INVARIANT, "Thing.part[0]");
    run("{\"resourceType\":\"Thing\",\"part\":[{\"note\":\"a\"}]}", "http://example.org/Broken");
    only(MSG_VALIDATE_EXPRESSION, "Thing.part[0]");
    run_as("{\"resourceType\":\"Thing\",\"part\":[{\"id\":\"a\"}]}", NULL, VALIDATE_SERVICE);
    only(MSG_VALIDATE_INVARIANT, "Thing.part[0]");   /* ele-1, answered without FHIRPath */
    run("{\"resourceType\":\"Thing\",\"part\":[{\"id\":\"a\"}]}", NULL);
    CHECK(issues.count == 0);                        /* the HL7 core lets an object pass that has an id only */
}

TEST(engine_tells_slices_by_what_a_reader_keeps)
{
    run("{\"resourceType\":\"Thing\",\"code\":[{\"system\":\"urn:a\"}]}", "http://example.org/Twice");
    CHECK(said(MSG_ERROR, MSG_VALIDATE_SLICE_TWICE, "Thing.code[0]") == 1);
    run("{\"resourceType\":\"Thing\",\"code\":[{\"system\":[\"urn:a\"]}]}", "http://example.org/Twice");
    only(MSG_VALIDATE_KIND, "Thing.code[0].system");   /* a list where one belongs */
}

TEST(engine_picks_profiles_by_version_and_survives_those_that_loop)
{
    run("{\"resourceType\":\"Thing\",\"code\":[{\"system\":\"urn:a\"}]}", "http://example.org/MyThing|1.1.9");
    only(MSG_VALIDATE_TOO_MANY, "Thing");
    run("{\"resourceType\":\"Thing\"}", "http://example.org/Unknown");
    only(MSG_VALIDATE_PROFILE_UNKNOWN, "Thing");
    run("{\"resourceType\":\"Thing\"}", "http://example.org/Loop");
    CHECK(issues.count <= 1);
}

TEST(engine_reads_minima_as_the_service_does)
{
    static const char bare[] = "{\"resourceType\":\"Thing\"}";

    run_as(bare, "http://jpfhir.jp/Japan", VALIDATE_HL7);
    CHECK_INT(said(MSG_ERROR, MSG_VALIDATE_MISSING, "Thing"), 2);
    CHECK_INT(issues.count, 2);
    run_as(bare, "http://jpfhir.jp/Japan", VALIDATE_SERVICE);
    CHECK_INT(said(MSG_WARNING, MSG_VALIDATE_MISSING, "Thing"), 1);
    CHECK_INT(said(MSG_ERROR, MSG_VALIDATE_MISSING, "Thing"), 1);
    CHECK_INT(said(MSG_WARNING, MSG_VALIDATE_MUST_SUPPORT, "Thing"), 1);
}

TEST(engine_counts_more_findings_than_it_keeps)
{
    struct buf text;

    buf_init(&text, 1 << 20);
    buf_add_str(&text, "{\"resourceType\":\"Thing\",\"part\":[");
    for (int i = 0; i < 2000; i++)
        buf_add_str(&text, i > 0 ? ",{\"x\":1}" : "{\"x\":1}");
    buf_add_str(&text, "]}");
    run(text.data, NULL);
    CHECK_INT(issues.errors, 2000);
    CHECK(!issues_ok(&issues) && !issues.failed);
    buf_free(&text);
}

/* What the validator says of an instance, one line an issue. */
static void findings(const char *text, const char *profile, const struct validate_set *of, struct validate_session *session, struct buf *ret_lines)
{
    struct validate_request r = { .bytes = text, .len = strlen(text), .profile = profile, .set = of, .session = session, .reading = VALIDATE_HL7 };
    struct err e = ERR_INIT;

    arena_reset(arena);
    issues_init(&issues, arena);
    CHECK_OK(validate_bytes(&r, &issues, &e));
    buf_reset(ret_lines);
    for (const struct issue *i = issues.first; i != NULL; i = i->next)
        CHECK_OK(buf_addf(ret_lines, "%d %s %s %s %s %u\n", (int)i->severity, msg_get(i->msg)->name, i->location, i->rule != NULL ? i->rule : "", i->arg1 != NULL ? i->arg1 : "", i->line));
}

TEST(engine_says_the_same_with_a_session_whatever_it_was_used_for_before)
{
    static const struct { const char *text, *profile; bool builtin; } cases[] = {
        { "{\"resourceType\":\"Thing\",\"code\":[{\"system\":\"urn:a\"},{\"system\":\"urn:b\"},{\"system\":\"urn:a\"}]}", "http://example.org/Ordered", false },
        { "{\"resourceType\":\"Thing\",\"code\":[{\"system\":\"urn:a\",\"code\":\"y\"},{\"system\":\"urn:a\",\"code\":\"x\"}]}", "http://example.org/Again", false },
        { "{\"resourceType\":\"Patient\",\"contact\":[{}],\"gender\":\"f\",\"birthDate\":\"2020-02-30\"}", NULL, true },
        { "{\"resourceType\":\"Thing\",\"part\":[{\"note\":\"b\"}]}", "http://example.org/Rule", false },
        { "{\"resourceType\":\"Bundle\",\"type\":\"document\",\"entry\":[{\"fullUrl\":\"urn:x\",\"resource\":{\"resourceType\":\"Patient\",\"_gender\":{}}}]}", NULL, true },
    };
    struct validate_session *session = validate_session_new();
    struct buf alone, within;

    open_set();
    buf_init(&alone, 1 << 20);
    buf_init(&within, 1 << 20);
    CHECK(session != NULL);
    for (size_t round = 0; round < 3; round++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            findings(cases[i].text, cases[i].profile, cases[i].builtin ? NULL : &set, NULL, &alone);
            CHECK(alone.len > 0);
            findings(cases[i].text, cases[i].profile, cases[i].builtin ? NULL : &set, session, &within);
            CHECK(alone.len == within.len && memcmp(alone.data, within.data, alone.len) == 0);
        }
    buf_free(&alone);
    buf_free(&within);
    validate_session_free(session);
}

TEST_MAIN()
