#include "tests/unit/test.h"

#include "adapters/adapter.h"

#define PROFILE "http://jpfhir.jp/fhir/clins/StructureDefinition/"
#define MEMBER "http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID"

static const char chart_bundle[] =
    "{\"resourceType\":\"Bundle\",\n"
    "\"meta\":{\"profile\":[\"" PROFILE "JP_Bundle_CLINS|1\"],\"tag\":[{\"system\":\"http://jpfhir.jp/fhir/clins/CodeSystem/BundleResourceType_CS\",\"code\":\"Condition\"}]},\n"
    "\"identifier\":{\"system\":\"http://jpfhir.jp/fhir/clins/bundle-identifier\",\"value\":\"1319999999^2026^B-1\"},\n"
    "\"entry\":[{\"resource\":{\"resourceType\":\"Patient\",\"identifier\":[{\"system\":\"urn:oid:1.2.392.100495.20.3.51.11319999999\",\"value\":\"00012345\"},\n"
    "{\"system\":\"" MEMBER "\",\"value\":\"06270409::1:\"}]}},\n"
    "{\"resource\":{\"resourceType\":\"Condition\"}},\n"
    "{\"resource\":{\"resourceType\":\"Condition\"}}]}";
static const char letter_bundle[] =
    "{\"resourceType\":\"Bundle\",\"meta\":{\"profile\":[\"" PROFILE "JP_Bundle_eReferral\"]},\"identifier\":{\"value\":\"1319999999^2026^L-1\"},"
    "\"entry\":[{\"resource\":{\"resourceType\":\"Patient\",\"identifier\":[{\"system\":\"" MEMBER "\",\"value\":\"06270409::1:\"}]}}]}";

static const char *const facility[] = { "1319999999" };
static const struct adapter_options options = { facility, 1, 0 };

struct reading { struct arena *arena; char *text; struct order *order; struct adapter_look *look; };

static char *replace(const char *text, const char *from, const char *to)
{
    struct buf out;
    const char *hit = strstr(text, from);
    char *result;
    CHECK(hit != NULL);
    buf_init(&out, 1 << 20);
    buf_add(&out, text, (size_t)(hit - text));
    buf_add_str(&out, to);
    buf_add_str(&out, hit + strlen(from));
    result = strdup(out.data);
    buf_free(&out);
    return result;
}

static void read_with(struct reading *r, const struct adapter_ops *ops, const char *text, const struct adapter_file *files, size_t count)
{
    struct issue_list unheard;
    struct err e = ERR_INIT;
    r->arena = arena_new(16 << 20);
    r->text = strdup(text);
    issues_init(&unheard, r->arena);
    CHECK_OK(ops->look((struct bytes){ r->text, strlen(text) }, files, count, &options, r->arena, &r->look, &unheard, &e));
    CHECK_OK(ops->read((struct bytes){ r->text, strlen(text) }, files, count, &options, r->arena, &r->order, &e));
}

static void done(struct reading *r)
{
    free(r->text);
    arena_free(r->arena);
}

TEST(a_bare_bundle_is_one_register_and_stays_as_it_is)
{
    struct reading r;
    read_with(&r, &ready_bundle_ops, chart_bundle, NULL, 0);
    const struct order_unit *unit = &r.order->unit[0];
    CHECK(order_unit_ok(r.order, unit));
    CHECK_INT(r.order->unit_count, 1);
    CHECK_INT(unit->kind, CHART_DISEASES);
    CHECK_INT(unit->operation, ORDER_REGISTER);
    CHECK_STR(unit->bundle_id, "1319999999^2026^B-1");
    CHECK_STR(unit->key, "00012345");
    CHECK_STR(unit->insured, "06270409::1:");
    CHECK_STR(r.order->institution, "1319999999");
    CHECK(unit->ready.data == r.text && unit->ready.len == strlen(r.text));
    CHECK(unit->chart == NULL && !unit->ready_signed && unit->ready_name == NULL);
    CHECK(r.look->unit[0].ready && r.look->unit[0].valid && !r.look->unit[0].incomplete);
    CHECK_STR(r.look->unit[0].bundle_id, "1319999999^2026^B-1");
    done(&r);
    read_with(&r, &ready_bundle_ops, letter_bundle, NULL, 0);
    CHECK_INT(r.order->unit[0].kind, CHART_LETTER);
    CHECK(r.order->unit[0].key == NULL);
    done(&r);
}

TEST(kinds_come_from_profile_and_entries)
{
    static const struct { const char *from, *to; enum chart_kind kind; } cases[] = {
        { "JP_Bundle_eReferral", "JP_Bundle_eReferral|1", CHART_LETTER }, { "JP_Bundle_eReferral", "JP_Bundle_ePCS", CHART_PATIENT_SUMMARY },
        { "JP_Bundle_eReferral", "JP_Bundle_eCheckupGeneral", CHART_CHECKUP },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = replace(letter_bundle, cases[i].from, cases[i].to);
        struct reading r;
        read_with(&r, &ready_bundle_ops, text, NULL, 0);
        CHECK(order_unit_ok(r.order, &r.order->unit[0]));
        CHECK_INT(r.order->unit[0].kind, cases[i].kind);
        done(&r);
        free(text);
    }
}

TEST(a_signature_is_seen)
{
    char *text = replace(letter_bundle, "\"meta\"", "\"signature\":{},\"meta\"");
    struct reading r;
    read_with(&r, &ready_bundle_ops, text, NULL, 0);
    CHECK(r.order->unit[0].ready_signed);
    done(&r);
    free(text);
}

TEST(bundles_that_are_no_unit)
{
    static const struct { const char *bundle, *from, *to; enum msg_id msg; const char *pointer; uint32_t line; } cases[] = {
        { chart_bundle, "\"Bundle\"", "\"Patient\"", MSG_READY_NOT_BUNDLE, "/resourceType", 1 },
        { chart_bundle, "JP_Bundle_CLINS", "JP_Bundle_CLINSX", MSG_READY_KIND, "/meta/profile", 2 },
        { letter_bundle, "JP_Bundle_eReferral", "JP_Bundle_eDischargeSummary", MSG_READY_KIND, "/meta/profile", 1 },
        { chart_bundle, "\"code\":\"Condition\"", "\"code\":\"Observation\"", MSG_READY_MIXED, "/meta/tag/0/code", 2 },
        { chart_bundle, "{\"resource\":{\"resourceType\":\"Condition\"}}]", "{\"resource\":{\"resourceType\":\"Observation\"}}]", MSG_READY_MIXED, "/entry/2/resource/resourceType", 7 },
        { chart_bundle, "^2026^", "-2026-", MSG_READY_NO_ID, "/identifier", 3 },
        { chart_bundle, "1319999999^", "1318814793^", MSG_CHART_OTHER_INSTITUTION, "/identifier/value", 3 },
        { chart_bundle, MEMBER, "urn:x", MSG_CHART_NO_INSURED, "/entry", 4 },
        { letter_bundle, MEMBER, "urn:x", MSG_CHART_NO_INSURED_LETTER, "/entry", 1 },
        { chart_bundle, "}}]}", "}}", MSG_JSON_TRUNCATED, "", 7 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = replace(cases[i].bundle, cases[i].from, cases[i].to);
        struct reading r;
        read_with(&r, &ready_bundle_ops, text, NULL, 0);
        const struct issue *issue = r.order->unit[0].issues.first;
        while (issue != NULL && issue->msg != cases[i].msg)
            issue = issue->next;
        if (issue == NULL || (issue->msg != MSG_JSON_TRUNCATED && strcmp(issue->pointer, cases[i].pointer) != 0) || issue->line != cases[i].line)
            test_fail(__FILE__, __LINE__, "case %zu: %s at %s line %u", i, issue != NULL ? msg_get(issue->msg)->name : "nothing", issue != NULL ? issue->pointer : "-", issue != NULL ? issue->line : 0);
        CHECK(!order_unit_ok(r.order, &r.order->unit[0]));
        done(&r);
        free(text);
    }
}

static const char request[] =
    "{\"institution\":{\"code\":\"1319999999\"},\"units\":[\n{\"kind\":\"bundle\",\"operation\":\"change\",\"attachment\":\"b.fhir\",\"key\":\"L-1\"}]}";

TEST(a_request_names_a_ready_bundle)
{
    const struct adapter_file files[] = { { "b.fhir", { letter_bundle, sizeof letter_bundle - 1 } } };
    char *text = replace(request, "\"key\"", "\"sign\":true,\"signer\":\"D001\",\"key\"");
    struct reading r;
    read_with(&r, &vendor_json_ops, text, files, 1);
    const struct order_unit *unit = &r.order->unit[0];
    CHECK(order_unit_ok(r.order, unit));
    CHECK_INT(unit->operation, ORDER_CHANGE);
    CHECK_INT(unit->kind, CHART_LETTER);
    CHECK_STR(unit->key, "L-1");
    CHECK_STR(unit->bundle_id, "1319999999^2026^L-1");
    CHECK_STR(unit->ready_name, "b.fhir");
    CHECK_STR(unit->signer, "D001");
    CHECK(unit->sign && r.look->unit[0].sign && unit->ready.data == letter_bundle);
    CHECK_INT(r.order->attachment_count, 1);
    done(&r);
    read_with(&r, &vendor_json_ops, text, NULL, 0);
    CHECK(r.look->unit[0].incomplete && r.look->unit[0].valid && r.look->unit[0].bundle_id == NULL);
    CHECK_STR(r.look->attachment[0], "b.fhir");
    CHECK_INT(r.order->unit[0].issues.first->msg, MSG_CHART_ATTACHMENT_MISSING);
    done(&r);
    free(text);
}

TEST(requests_for_a_bundle_that_cannot_be)
{
    static const struct { const char *from, *to, *bundle; enum msg_id msg; const char *pointer; } cases[] = {
        { "change", "current", letter_bundle, MSG_CHART_OPERATION, "/units/0/operation" },
        { "change", "cancel", letter_bundle, MSG_CHART_OPERATION, "/units/0/operation" },
        { "\"attachment\":\"b.fhir\",", "", letter_bundle, MSG_CHART_MISSING_MEMBER, "/units/0" },
        { "\"b.fhir\"", "\"a/b.fhir\"", letter_bundle, MSG_CHART_ATTACHMENT_NAME, "/units/0/attachment" },
        { "\"b.fhir\"", "7", letter_bundle, MSG_CHART_ATTACHMENT_NAME, "/units/0/attachment" },
        { "\"key\"", "\"items\":[],\"key\"", letter_bundle, MSG_CHART_UNKNOWN_MEMBER, "/units/0/items" },
        { "\"key\":\"L-1\"", "\"sign\":true", chart_bundle, MSG_READY_SIGN, "/units/0/sign" },
        { "\"key\":\"L-1\"", "\"bundle_id\":\"1319999999^2026^OTHER\"", letter_bundle, MSG_READY_ID_DIFFERS, "/units/0/bundle_id" },
        { "\"key\":\"L-1\"", "\"sign\":true", "{\"resourceType\":\"Bundle\",\"signature\":1}", MSG_READY_SIGN, "/units/0/sign" },
        { "\"key\":\"L-1\"", "\"key\":\"L-1\"", "%PDF-1.4", MSG_JSON_SYNTAX, "/units/0/attachment" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct adapter_file files[] = { { "b.fhir", { cases[i].bundle, strlen(cases[i].bundle) } } };
        char *text = replace(request, cases[i].from, cases[i].to);
        struct reading r;
        read_with(&r, &vendor_json_ops, text, files, 1);
        const struct issue *issue = r.order->unit[0].issues.first;
        while (issue != NULL && issue->msg != cases[i].msg)
            issue = issue->next;
        if (issue == NULL || strcmp(issue->pointer, cases[i].pointer) != 0 || issue->line != 2)
            test_fail(__FILE__, __LINE__, "case %zu: %s", i, issue != NULL ? issue->pointer : "not told");
        CHECK(!order_unit_ok(r.order, &r.order->unit[0]));
        done(&r);
        free(text);
    }
}

TEST_MAIN()
