/*
 * The builder: every variant becomes strict JSON, the same twice, with a source map; and what it must refuse.
 * With CLINSGW_DUMP=FOLDER each Bundle is also written there as NAME.json, for tests/conformance/fhir_reference_test.py.
 */
#include "tests/unit/test.h"
#include "tests/unit/fhir_charts.h"

#include "base/json_doc.h"

enum { ARENA_MAX = 256 << 20, JSON_MAX = 64 << 20 };

struct built { struct arena *arena; struct buf json; struct source_map *map; struct issue_list issues; const struct json_node *root; int rc; };

static struct built build(const struct chart *chart, const struct fhir_options *given)
{
    struct built r = { .arena = arena_new(ARENA_MAX) };
    struct fhir_options options;
    struct err e = ERR_INIT;
    fhir_test_options(&options);
    buf_init(&r.json, JSON_MAX);
    r.map = source_map_new(r.arena);
    issues_init(&r.issues, r.arena);
    r.rc = fhir_build_bundle(chart, given != NULL ? given : &options, r.arena, &r.json, r.map, &r.issues, &e);
    if (r.rc == 0 && json_parse(r.json.data, r.json.len, NULL, r.arena, &r.root, &e) < 0)
        printf("     at byte %jd of: %.400s\n", (intmax_t)e.offset, r.json.data);
    return r;
}

static struct built build_variant(const char *name)
{
    static struct arena *charts;
    if (charts == NULL)
        charts = arena_new(ARENA_MAX);
    const struct chart *chart = fhir_variant_chart(name, charts);
    CHECK(chart != NULL);
    struct built r = build(chart, NULL);
    CHECK_OK(r.rc);
    CHECK(r.root != NULL);
    return r;
}

static void drop(struct built *r)
{
    buf_free(&r->json);
    r->arena = arena_free(r->arena);
}

static void check_text(const struct json_node *root, const char *path, const char *want)
{
    const struct json_node *n = json_path(root, path);
    if (n == NULL || n->len != strlen(want) || memcmp(n->text, want, n->len) != 0)
        test_fail(__FILE__, __LINE__, "%s is \"%.*s\", want \"%s\"", path, n != NULL ? (int)n->len : 6, n != NULL && n->text != NULL ? n->text : "(none)", want);
}

static void dump(const char *name, const struct buf *json)
{
    char path[512];
    const char *folder = getenv("CLINSGW_DUMP");
    if (folder == NULL)
        return;
    snprintf(path, sizeof path, "%s/%s.json", folder, name);
    FILE *f = fopen(path, "wb");
    CHECK(f != NULL);
    CHECK_INT(fwrite(json->data, 1, json->len, f), json->len);
    CHECK_INT(fclose(f), 0);
}

TEST(fhir_every_variant_builds_twice_the_same)
{
    size_t count;
    const struct fhir_variant *v = fhir_variants(&count);
    for (size_t i = 0; i < count; i++) {
        struct built one = build_variant(v[i].name), two = build_variant(v[i].name);
        printf("     %s: %zu bytes, %zu lines of source map\n", v[i].name, one.json.len, source_map_count(one.map));
        CHECK_INT(one.json.len, two.json.len);
        CHECK(memcmp(one.json.data, two.json.data, one.json.len) == 0);
        CHECK_INT(one.issues.errors, 0);
        CHECK_INT(one.issues.warnings, v[i].warnings);
        CHECK(source_map_count(one.map) > 5);
        dump(v[i].name, &one.json);
        drop(&one);
        drop(&two);
    }
}

TEST(fhir_bundle_head)
{
    struct built r = build_variant("diseases");
    check_text(r.root, "meta/lastUpdated", "2026-11-21T09:30:05.123+09:00");
    check_text(r.root, "meta/profile/0", "http://jpfhir.jp/fhir/clins/StructureDefinition/JP_Bundle_CLINS|1");
    check_text(r.root, "meta/tag/0/code", "Condition");
    check_text(r.root, "identifier/value", "1318814790^2026^3f6c2d1e-0d5b-4a57-9a2e-3c8f0a1b2c3d");
    check_text(r.root, "entry/0/resource/resourceType", "Patient");
    check_text(r.root, "entry/1/resource/meta/profile/0", "http://jpfhir.jp/fhir/eCS/StructureDefinition/JP_Condition_eCS");
    drop(&r);
}

TEST(fhir_disease_keeps_term_flags_and_modifiers)
{
    struct built r = build_variant("diseases");
    const struct json_node *d = json_path(r.root, "entry/1/resource");
    check_text(d, "code/text", "左前腕骨折・術後");
    check_text(d, "meta/tag/0/code", "LTS");
    check_text(d, "meta/tag/1/code", "UNINFORMED");
    check_text(d, "meta/tag/2/code", "UNDELIVERED");
    CHECK_INT(json_path(d, "code/extension")->count, 3);
    check_text(d, "code/extension/0/valueCodeableConcept/coding/0/code", "27000358");
    check_text(json_path(r.root, "entry/3/resource"), "code/coding/0/code", "99999999");
    check_text(json_path(r.root, "entry/4/resource"), "clinicalStatus/coding/0/code", "resolved");
    drop(&r);
}

TEST(fhir_decimals_keep_their_digits)
{
    struct built r = build_variant("lab");
    check_text(r.root, "entry/1/resource/valueQuantity/value", "3.90");
    check_text(r.root, "entry/1/resource/referenceRange/0/low/value", "4.10");
    check_text(r.root, "entry/11/resource/valueQuantity/value", "-0.0050");
    check_text(r.root, "entry/2/resource/valueQuantity/comparator", "<");
    CHECK(json_path(r.root, "entry/1/resource/referenceRange")->count == 3);
    drop(&r);
}

TEST(fhir_lab_codes_go_under_their_list)
{
    struct built r = build_variant("lab");
    check_text(r.root, "entry/1/resource/code/coding/0/code", "0000181800_023");
    check_text(r.root, "entry/1/resource/code/coding/1/display", "ALB");
    check_text(r.root, "entry/2/resource/code/coding/1/display", "K");
    CHECK_INT(json_path(r.root, "entry/3/resource/code/coding")->count, 3);
    check_text(r.root, "entry/4/resource/code/coding/1/system", "http://medis.or.jp/CodeSystem/master-JLAC10-17digits");
    check_text(r.root, "entry/6/resource/code/coding/1/code", "99999999999999999");
    check_text(r.root, "entry/8/resource/code/coding/1/display", "梅毒反応");
    drop(&r);
}

TEST(fhir_codes_outside_the_lists_become_general_with_a_warning)
{
    struct built r = build_variant("lab_odd");
    check_text(r.root, "entry/1/resource/code/coding/1/system", "http://medis.or.jp/CodeSystem/master-JLAC10-17digits");
    CHECK_INT(r.issues.first->msg, MSG_FHIR_CORE_UNSENDABLE);
    CHECK_STR(r.issues.first->location, "Bundle.entry[1].resource.code");
    CHECK_STR(r.issues.first->pointer, "/code/2B140000001904101");
    CHECK_INT(r.issues.last->msg, MSG_FHIR_NOT_IN_LIST);
    drop(&r);
}

TEST(fhir_source_map_names_the_vendors_place)
{
    struct built r = build_variant("diseases");
    struct chart_place place;
    CHECK_OK(source_map_find(r.map, "Bundle.entry[1].resource.code.text", &place));
    CHECK_STR(place.pointer, "/diseases/0/disease/text");
    CHECK_OK(source_map_find(r.map, "Bundle.entry[1].resource.code.coding[0].display", &place));
    CHECK_STR(place.pointer, "/code/20080427");
    CHECK_OK(source_map_find(r.map, "Bundle.entry[1].resource.category[0]", &place));
    CHECK_STR(place.pointer, "/diseases/0");
    CHECK_OK(source_map_find(r.map, "Bundle.entry[0].resource.birthDate", &place));
    CHECK_STR(place.pointer, "/patient/birth_date");
    CHECK_OK(source_map_find(r.map, "Bundle.entry[1].resource.ofType(Condition).onset.ofType(dateTime)", &place));
    CHECK_STR(place.pointer, "/diseases/0/onset");
    CHECK_OK(source_map_find(r.map, "Bundle.entry[1].resource.contained[0].ofType(Encounter).class", &place));
    CHECK_STR(place.pointer, "/encounter");
    CHECK_OK(source_map_find(r.map, "Bundle.identifier", &place));
    CHECK_STR(place.pointer, "/units/0");
    drop(&r);
}

TEST(fhir_source_map_reaches_into_the_nested_bundle)
{
    struct built r = build_variant("letter_full");
    struct chart_place place;
    char location[128];
    size_t nested = 0;
    const struct json_node *entries = json_get(r.root, "entry");
    while (nested < entries->count && !json_equals(json_path(json_at(entries, nested), "resource/resourceType"), "Bundle"))
        nested++;
    CHECK(nested < entries->count);
    snprintf(location, sizeof location, "Bundle.entry[%zu].resource.entry[5].resource.code", nested);
    CHECK_OK(source_map_find(r.map, location, &place));
    CHECK_STR(place.pointer, "/discharge/diseases/0");
    drop(&r);
}

TEST(fhir_letter_sections_stand_in_order_with_reasons)
{
    struct built r = build_variant("letter_empty");
    const struct json_node *c = json_path(r.root, "entry/0/resource");
    check_text(c, "title", "診療情報提供書");
    check_text(c, "category/0/coding/0/code", "DISCHARGE");
    check_text(c, "section/0/code/coding/0/code", "920");
    check_text(c, "section/2/title", "構造情報");
    const struct json_node *inner = json_path(c, "section/2/section");
    CHECK_INT(inner->count, 20);
    check_text(json_at(inner, 1), "text/div", "<div xmlns=\"http://www.w3.org/1999/xhtml\">胃潰瘍の疑い</div>");
    check_text(json_at(inner, 3), "emptyReason/coding/0/code", "nilknown");
    check_text(json_at(inner, 4), "emptyReason/coding/0/code", "notasked");
    CHECK(json_get(json_at(inner, 3), "entry") == NULL);
    drop(&r);
}

TEST(fhir_section_text_is_escaped_and_broken)
{
    struct built r = build_variant("letter_full");
    check_text(r.root, "entry/0/resource/section/2/section/2/text/div",
               "<div xmlns=\"http://www.w3.org/1999/xhtml\">6月から上腹部痛 &lt;強い&gt; &amp; 嘔気<br/>改善なし</div>");
    drop(&r);
}

TEST(fhir_references_are_fresh_and_resolve)
{
    struct built r = build_variant("letter_full");
    const struct json_node *entries = json_get(r.root, "entry");
    for (const struct json_node *a = entries->child; a != NULL; a = a->next)
        for (const struct json_node *b = a->next; b != NULL; b = b->next)
            CHECK(json_get(a, "fullUrl")->len == 45 && memcmp(json_get(a, "fullUrl")->text, json_get(b, "fullUrl")->text, 45) != 0);
    drop(&r);
}

TEST(fhir_attachment_bytes_come_back)
{
    static char bytes[300001];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7 + i / 256);
    struct built plain = build_variant("letter_cda");
    drop(&plain);
    struct arena *arena = arena_new(ARENA_MAX);
    struct chart chart = *fhir_variant_chart("letter_cda", arena);
    struct chart_letter letter = *chart.letter;
    struct chart_attachment pdf = letter.attachment[0];
    pdf.content = (struct bytes){ bytes, sizeof bytes };
    letter.attachment = &pdf;
    chart.letter = &letter;
    struct built r = build(&chart, NULL);
    CHECK_OK(r.rc);
    const struct json_node *last = json_at(json_get(r.root, "entry"), json_get(r.root, "entry")->count - 1);
    const struct json_node *data = json_path(last, "resource/content/0/attachment/data");
    struct buf decoded;
    buf_init(&decoded, sizeof bytes + 16);
    CHECK_OK(base64_decode(&decoded, data->text, data->len, 0));
    CHECK_INT(decoded.len, sizeof bytes);
    CHECK(memcmp(decoded.data, bytes, sizeof bytes) == 0);
    buf_free(&decoded);
    drop(&r);
    arena_free(arena);
}

TEST(fhir_suffixes_are_data)
{
    static const struct fhir_suffix own[] = {
        { NULL, FHIR_ON_BUNDLE, "|1.5.2" },
        { "http://jpfhir.jp/fhir/eCS/StructureDefinition/JP_Condition_eCS", FHIR_ON_ENTRY, "|9" },
    };
    struct fhir_options options;
    struct arena *arena = arena_new(ARENA_MAX);
    fhir_test_options(&options);
    options.suffixes = own;
    options.suffix_count = 2;
    struct built r = build(fhir_variant_chart("diseases", arena), &options);
    CHECK_OK(r.rc);
    check_text(r.root, "meta/profile/0", "http://jpfhir.jp/fhir/clins/StructureDefinition/JP_Bundle_CLINS|1.5.2");
    check_text(r.root, "entry/0/resource/meta/profile/0", "http://jpfhir.jp/fhir/eCS/StructureDefinition/JP_Patient_eCS");
    check_text(r.root, "entry/1/resource/meta/profile/0", "http://jpfhir.jp/fhir/eCS/StructureDefinition/JP_Condition_eCS|9");
    drop(&r);
    arena_free(arena);
}

TEST(fhir_public_payer_system_is_the_operators)
{
    struct fhir_options options;
    struct arena *arena = arena_new(ARENA_MAX);
    fhir_test_options(&options);
    options.public_payer_system = FHIR_SYSTEM_PUBLIC_PAYER;
    struct built r = build(fhir_variant_chart("public_payer", arena), &options);
    CHECK_OK(r.rc);
    check_text(r.root, "entry/0/resource/identifier/1/system", FHIR_SYSTEM_PUBLIC_PAYER);
    drop(&r);
    arena_free(arena);
}

static void check_refused(const struct chart *chart, enum msg_id msg)
{
    struct built r = build(chart, NULL);
    CHECK_ERR(r.rc, ERR_INVALID);
    CHECK_INT(r.issues.errors, 1);
    CHECK_INT(r.issues.first->msg, msg);
    CHECK_INT(r.json.len, 0);
    drop(&r);
}

TEST(fhir_refuses_what_cannot_be_said)
{
    struct arena *arena = arena_new(ARENA_MAX);
    struct chart diseases = *fhir_variant_chart("diseases", arena), allergies = *fhir_variant_chart("allergies", arena), lab = *fhir_variant_chart("lab", arena);
    struct chart empty = diseases;
    empty.disease_count = 0;
    check_refused(&empty, MSG_FHIR_EMPTY);

    struct chart_disease disease = diseases.disease[1];
    disease.onset.text = NULL;
    diseases.disease = &disease;
    diseases.disease_count = 1;
    check_refused(&diseases, MSG_FHIR_INCOMPLETE);

    struct chart_allergy allergy = allergies.allergy[0];
    allergy.flags = CHART_UNINFORMED;
    allergies.allergy = &allergy;
    allergies.allergy_count = 1;
    check_refused(&allergies, MSG_FHIR_FLAG);

    struct chart_lab_report report = *lab.lab;
    struct chart_lab_item item = report.item[0];
    report.item = &item;
    report.item_count = 1;
    lab.lab = &report;
    static const char *const numbers[] = { "1,5", "+1", ".5", "1.", "01", "", "1e", "NaN", "1 ", "１" };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        item.value.number.text = numbers[i];
        check_refused(&lab, MSG_FHIR_NOT_A_NUMBER);
    }
    item = lab.lab->item[0];
    item.value.number.text = "1";
    item.flags = 0;
    item.concept.coding_count = 0;
    item.concept.local_code.text = NULL;
    check_refused(&lab, MSG_FHIR_NO_LAB_CODE);
    arena_free(arena);
}

TEST(fhir_refuses_a_nested_file_that_is_no_bundle)
{
    static const char *const bad[] = { "", "{}", "[1]", "{\"resourceType\":\"Patient\"}", "{\"resourceType\":\"Bundle\"},{}", "{\"resourceType\":\"Bundle\"" };
    struct arena *arena = arena_new(ARENA_MAX);
    struct chart chart = *fhir_variant_chart("letter_ready", arena);
    struct chart_letter letter = *chart.letter;
    struct chart_attachment attachment = letter.attachment[0];
    letter.attachment = &attachment;
    chart.letter = &letter;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        attachment.content = (struct bytes){ bad[i], strlen(bad[i]) };
        check_refused(&chart, MSG_FHIR_NESTED);
    }
    arena_free(arena);
}

TEST(fhir_ready_kinds_are_not_built)
{
    struct arena *arena = arena_new(ARENA_MAX);
    struct chart chart = *fhir_variant_chart("diseases", arena);
    chart.kind = CHART_PATIENT_SUMMARY;
    struct built r = build(&chart, NULL);
    CHECK_ERR(r.rc, ERR_UNSUPPORTED);
    drop(&r);
    arena_free(arena);
}

TEST(fhir_limit_of_the_buffer_is_kept)
{
    struct arena *arena = arena_new(ARENA_MAX);
    struct fhir_options options;
    struct issue_list issues;
    struct buf json;
    fhir_test_options(&options);
    issues_init(&issues, arena);
    buf_init(&json, 2000);
    buf_add_str(&json, "before");
    CHECK_ERR(fhir_build_bundle(fhir_variant_chart("diseases", arena), &options, arena, &json, NULL, &issues, NULL), ERR_LIMIT);
    CHECK_STR(json.data, "before");
    CHECK_INT(json.len, 6);
    buf_free(&json);
    arena_free(arena);
}

TEST(fhir_small_arena_is_an_ordinary_error)
{
    for (size_t size = 200; size < 30000; size += 997) {
        struct arena *charts = arena_new(ARENA_MAX), *arena = arena_new(size);
        struct fhir_options options;
        struct issue_list issues;
        struct buf json;
        fhir_test_options(&options);
        issues_init(&issues, charts);
        buf_init(&json, JSON_MAX);
        int rc = fhir_build_bundle(fhir_variant_chart("letter_full", charts), &options, arena, &json, NULL, &issues, NULL);
        CHECK_ERR(rc, ERR_NOMEM);
        CHECK_INT(json.len, 0);
        buf_free(&json);
        arena_free(arena);
        arena_free(charts);
    }
}

TEST_MAIN()
