/* What is read from finished Bundles: built here, and the official examples where they are at hand. */
#include "tests/unit/test.h"
#include "tests/unit/fhir_charts.h"

enum { ARENA_MAX = 64 << 20, JSON_MAX = 16 << 20 };

static int read_facts(const char *text, size_t len, struct arena *arena, struct fhir_bundle_facts *ret_facts)
{
    const struct json_node *root = NULL;
    int code = json_parse(text, len, NULL, arena, &root, NULL);
    return code < 0 ? code : fhir_read_root_facts(root, arena, ret_facts, NULL);
}

static struct fhir_bundle_facts facts_of(const char *variant, struct arena *arena)
{
    struct fhir_options options;
    struct issue_list issues;
    struct buf json;
    struct fhir_bundle_facts facts;
    fhir_test_options(&options);
    issues_init(&issues, arena);
    buf_init(&json, JSON_MAX);
    CHECK_OK(fhir_build_bundle(fhir_variant_chart(variant, arena), &options, arena, &json, NULL, &issues, NULL));
    const char *bytes = arena_strndup(arena, json.data, json.len);
    CHECK_OK(read_facts(bytes, json.len, arena, &facts));
    buf_free(&json);
    return facts;
}

TEST(fhir_facts_of_a_collection)
{
    struct arena *arena = arena_new(ARENA_MAX);
    struct fhir_bundle_facts f = facts_of("allergies", arena);
    CHECK_INT(f.kind, FHIR_BUNDLE_ALLERGIES);
    CHECK_STR(f.resource_type, "AllergyIntolerance");
    CHECK_STR(f.bundle_id, "1318814790^2026^3f6c2d1e-0d5b-4a57-9a2e-3c8f0a1b2c3d");
    CHECK_STR(f.institution, "1318814790");
    CHECK_STR(f.insured, "00012345:あいう:１８７:05");
    CHECK_STR(f.chart_number, "000999739");
    CHECK_STR(f.patient_name, "牧野 爛漫");
    CHECK_STR(f.issued, "2026-11-21T09:30:05.123+09:00");
    CHECK(f.receiver == NULL);
    CHECK(!f.has_signature && !f.long_term);
    CHECK_INT(f.entry_count, 8);
    arena_free(arena);
}

TEST(fhir_facts_of_a_letter)
{
    struct arena *arena = arena_new(ARENA_MAX);
    struct fhir_bundle_facts f = facts_of("letter_full", arena);
    CHECK_INT(f.kind, FHIR_BUNDLE_LETTER);
    CHECK_STR(f.resource_type, "Composition");
    CHECK_STR(f.receiver, "1311234567");
    CHECK_STR(f.issued, "2026-11-21T10:00:00+09:00");
    CHECK(f.long_term);
    arena_free(arena);
}

TEST(fhir_facts_of_a_public_payer)
{
    struct arena *arena = arena_new(ARENA_MAX);
    CHECK_STR(facts_of("public_payer", arena).insured, "12130001::1234567:");
    CHECK_STR(facts_of("both_payers", arena).insured, "00012345:あいう:１８７:05");
    arena_free(arena);
}

static int read_text(const char *text, struct arena *arena, struct fhir_bundle_facts *ret_facts) { return read_facts(text, strlen(text), arena, ret_facts); }

TEST(fhir_facts_are_lenient)
{
    struct arena *arena = arena_new(ARENA_MAX);
    struct fhir_bundle_facts f;
    CHECK_OK(read_text("{\"resourceType\":\"Bundle\"}", arena, &f));
    CHECK_INT(f.kind, FHIR_BUNDLE_UNKNOWN);
    CHECK(f.bundle_id == NULL && f.institution == NULL && f.insured == NULL && f.entry_count == 0);
    CHECK_OK(read_text("{\"resourceType\":\"Bundle\",\"entry\":{\"a\":1},\"identifier\":[1],\"meta\":7,\"signature\":null}", arena, &f));
    CHECK(f.has_signature);
    CHECK_OK(read_text("{\"resourceType\":\"Bundle\",\"entry\":[1,null,{\"resource\":[]},{\"resource\":{\"resourceType\":\"Observation\",\"extension\":[{\"url\":\"x\"},3]}}]}", arena, &f));
    CHECK_INT(f.kind, FHIR_BUNDLE_LAB);
    CHECK_OK(read_text("{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"resourceType\":\"Composition\",\"section\":[1,{\"code\":{\"coding\":[{\"code\":\"910\"}]},\"entry\":[{\"reference\":\"urn:x\"},4]}]}}]}", arena, &f));
    CHECK(f.receiver == NULL);
    arena_free(arena);
}

TEST(fhir_facts_need_a_bundle)
{
    struct arena *arena = arena_new(ARENA_MAX);
    struct fhir_bundle_facts f;
    CHECK_ERR(read_text("{\"resourceType\":\"Patient\"}", arena, &f), ERR_INVALID);
    CHECK_ERR(read_text("[]", arena, &f), ERR_INVALID);
    CHECK_ERR(read_text("{", arena, &f), ERR_SYNTAX);
    arena_free(arena);
}

/* Reads one official example; NULL without the shared folder. */
static char *example(struct arena *arena, const char *name, size_t *ret_len)
{
    char path[1024];
    const char *shared = getenv("CLINSGW_SHARED");
    snprintf(path, sizeof path, "%s/spec/examples/jp-clins/%s", shared != NULL ? shared : "../shared", name);
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return NULL;
    char *bytes = arena_alloc(arena, 1 << 20);
    *ret_len = fread(bytes, 1, 1 << 20, f);
    fclose(f);
    return bytes;
}

TEST(fhir_facts_of_the_official_examples)
{
    static const struct { const char *file; enum fhir_bundle_kind kind; const char *insured, *receiver; } cases[] = {
        { "Bundle-Bundle-CLINS-Observations-Example-01.json", FHIR_BUNDLE_LAB, "00012345:あいう:１８７:01", NULL },
        { "Bundle-Bundle-CLINS-Referral-Example-01.json", FHIR_BUNDLE_LETTER, "00012345:あいう:１８７:05", "1311234567" },
        { "Bundle-Bundle-CLINS-Referral-NoEntry-Example-01.json", FHIR_BUNDLE_LETTER, "00012345:あいう:１８７:05", "1311234567" },
        { "Bundle-Bundle-CLINS-PCS-Example-01.json", FHIR_BUNDLE_PATIENT_SUMMARY, "00012345:あいう:１８７:05", NULL },
    };
    struct arena *arena = arena_new(ARENA_MAX);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t len = 0;
        struct fhir_bundle_facts f;
        const char *bytes = example(arena, cases[i].file, &len);
        if (bytes == NULL) {
            arena_free(arena);
            SKIP("the official examples are not here");
        }
        CHECK_OK(read_facts(bytes, len, arena, &f));
        CHECK_INT(f.kind, cases[i].kind);
        CHECK_STR(f.insured, cases[i].insured);
        CHECK_STR(f.institution, "1318814790");
        CHECK_STR(f.receiver, cases[i].receiver);
    }
    arena_free(arena);
}

TEST_MAIN()
