#include "tests/unit/test.h"

#include "adapters/adapter.h"
#include "base/json_doc.h"

/* One request with every kind; each case puts one mistake into it. Lines are counted, so the text is laid out on purpose. */
static const char head[] =
    "{\n"
    "\"request_id\":\"R-1\",\n"
    "\"institution\":{\"code\":\"1319999999\",\"name\":\"見本内科\"},\n"
    "\"department\":{\"code\":\"01\",\"name\":\"内科\"},\n"
    "\"patient\":{\"number\":\"00012345\",\"family\":\"見本\",\"given\":\"花子\",\"family_kana\":\"ミホン\",\"given_kana\":\"ハナコ\",\"gender\":\"female\",\"birth_date\":\"1958-04-12\",\n"
    "\"address\":{\"text\":\"東京都新宿区\"},\n"
    "\"insurance\":{\"insurer_number\":\"138057\",\"symbol\":\"１２\",\"number\":\"３４\",\"branch\":\"01\"}},\n"
    "\"practitioner\":{\"id\":\"D001\",\"family\":\"試験\",\"given\":\"一郎\"},\n"
    "\"encounter\":{\"class\":\"outpatient\",\"start\":\"2026-11-20\"},\n"
    "\"units\":[\n";
static const char diseases[] =
    "{\"kind\":\"diseases\",\"items\":[\n"
    "{\"name\":\"狭心症\",\"management_number\":\"20058911\",\"onset\":\"2023-06-02\",\n"
    "\"flags\":[\"long_term\",\"uninformed\",\"undelivered\"]}]}";
static const char allergies[] =
    "{\"kind\":\"allergies\",\"items\":[\n"
    "{\"category\":\"food\",\"name\":\"そば\",\"jfagy_code\":\"J9FA19140000\",\"reactions\":[{\"severity\":\"mild\"}]}]}";
static const char lab[] =
    "{\"kind\":\"lab_report\",\"key\":\"LAB-1\",\"collected\":\"2026-11-20T09:00:00+09:00\",\"specimen\":{\"name\":\"血清\",\"code\":\"023\"},\"items\":[\n"
    "{\"name\":\"AST\",\"local_code\":\"0012\",\"jlac10\":\"3B035000002327201\",\"jlac10_list\":\"core\",\"number\":28.50,\"unit\":\"U/L\",\n"
    "\"ranges\":[{\"low\":\"13\",\"high\":30}],\"flags\":[\"long_term\"]},\n"
    "{\"name\":\"HBs抗原\",\"local_code\":\"5101\",\"qualitative\":\"(-)\"}]}";
static const char letter[] =
    "{\"kind\":\"letter\",\"key\":\"REF-1\",\"issued\":\"2026-11-20\",\"consent\":\"spoken\",\"signer\":\"D001\",\n"
    "\"receiver\":{\"institution\":{\"code\":\"1410123457\",\"name\":\"見本総合病院\"}},\n"
    "\"sections\":{\"purpose\":{\"text\":\"精査\"},\n"
    "\"diagnoses\":{\"items\":[{\"name\":\"狭心症\",\"management_number\":\"20058911\"}]},\n"
    "\"present_illness\":{\"text\":\"労作時胸痛\"}},\n"
    "\"attachments\":[{\"kind\":\"key_image\",\"title\":\"X線\",\"file\":\"x.png\"},\n"
    "{\"kind\":\"pdf\",\"title\":\"心電図\",\"data\":\"JVBERi0xLjQK\"}]}";
static const char tail[] = "\n]}\n";

static const char *const facility[] = { "1319999999" };
static const struct adapter_options options = { facility, 1, 1795219200000 };   /* 2026-11-21 */
static const struct adapter_file files[] = {
    { "x.png", { "\x89PNG\r\n\x1a\nrest", 12 } },
    { "no.txt", { "plain", 5 } },
    { "empty.pdf", { "", 0 } },
    { "cda.xml", { "<ClinicalDocument/>", 19 } },
    { "sum.fhir", { "{\"resourceType\":\"Bundle\"}", 25 } },
};
enum { FILES = sizeof files / sizeof files[0] };

struct reading { struct arena *arena; char *text; struct order *order; struct adapter_look *look; struct issue_list look_issues; };

static void read_text(struct reading *r, const char *text)
{
    struct err e = ERR_INIT;
    r->arena = arena_new(64 << 20);
    r->text = strdup(text);
    struct bytes file = { r->text, strlen(text) };
    issues_init(&r->look_issues, r->arena);
    r->order = NULL;
    CHECK_OK(vendor_json_ops.look(file, files, FILES, &options, r->arena, &r->look, &r->look_issues, &e));
    CHECK_OK(vendor_json_ops.read(file, files, FILES, &options, r->arena, &r->order, &e));
    CHECK_INT(r->look->unit_count, r->order->unit_count);
    for (size_t i = 0; i < r->order->unit_count; i++) {
        CHECK_INT(r->look->unit[i].kind, r->order->unit[i].kind);
        CHECK_INT(r->look->unit[i].operation, r->order->unit[i].operation);
    }
}

static void done(struct reading *r)
{
    free(r->text);
    arena_free(r->arena);
}

/* head + unit + tail with the first `from` replaced by `to`. */
static char *mutate(const char *unit, const char *from, const char *to)
{
    struct buf whole, text;
    const char *hit;
    char *result;
    buf_init(&whole, 1 << 20);
    buf_init(&text, 1 << 20);
    buf_add_str(&whole, head);
    buf_add_str(&whole, unit);
    buf_add_str(&whole, tail);
    hit = strstr(whole.data, from);
    if (hit == NULL)
        test_fail(__FILE__, __LINE__, "no \"%s\" in the request", from);
    buf_add(&text, whole.data, (size_t)(hit - whole.data));
    buf_add_str(&text, to);
    buf_add_str(&text, hit + strlen(from));
    result = strdup(text.data);
    buf_free(&whole);
    buf_free(&text);
    return result;
}

struct mistake { const char *from, *to; enum msg_id msg; const char *pointer; uint32_t line; };

static const struct issue *find(const struct issue_list *list, enum msg_id msg)
{
    const struct issue *i = list->first;
    while (i != NULL && i->msg != msg)
        i = i->next;
    return i;
}

static void check_mistakes(const char *unit, const struct mistake *m, size_t count, bool of_request)
{
    for (size_t i = 0; i < count; i++) {
        char *text = mutate(unit, m[i].from, m[i].to);
        struct reading r;
        read_text(&r, text);
        const struct issue_list *list = of_request ? &r.order->issues : &r.order->unit[0].issues;
        const struct issue *issue = find(list, m[i].msg);
        if (issue == NULL)
            test_fail(__FILE__, __LINE__, "\"%s\": no %s, first is %s at %s", m[i].to, msg_get(m[i].msg)->name,
                      list->first != NULL ? msg_get(list->first->msg)->name : "none", list->first != NULL && list->first->pointer != NULL ? list->first->pointer : "-");
        if (strcmp(issue->pointer, m[i].pointer) != 0 || issue->line != m[i].line)
            test_fail(__FILE__, __LINE__, "\"%s\": at %s line %u, want %s line %u", m[i].to, issue->pointer, issue->line, m[i].pointer, m[i].line);
        CHECK_INT(issue->severity, msg_get(m[i].msg)->severity);
        if (issue->severity == MSG_ERROR)
            CHECK(!order_unit_ok(r.order, &r.order->unit[0]));
        done(&r);
        free(text);
    }
}

#define CHECK_MISTAKES(unit, table, of_request) check_mistakes(unit, table, sizeof(table) / sizeof(table)[0], of_request)

TEST(good_units_have_no_issue)
{
    static const char *const units[] = { diseases, allergies, lab, letter };
    for (size_t i = 0; i < 4; i++) {
        char *text = mutate(units[i], "R-1", "R-2");
        struct reading r;
        read_text(&r, text);
        if (r.order->unit[0].issues.count > 0)
            test_fail(__FILE__, __LINE__, "%s at %s", msg_get(r.order->unit[0].issues.first->msg)->name, r.order->unit[0].issues.first->pointer);
        CHECK(order_unit_ok(r.order, &r.order->unit[0]));
        CHECK(r.order->unit[0].chart != NULL);
        CHECK_STR(r.order->request_id, "R-2");
        CHECK_STR(r.order->unit[0].insured, "00138057:１２:３４:01");
        CHECK_STR(r.look->unit[0].insured, "00138057:１２:３４:01");
        done(&r);
        free(text);
    }
}

TEST(mistakes_of_the_head_refuse_the_request)
{
    static const struct mistake mistakes[] = {
        { "\"request_id\":\"R-1\"", "\"requestId\":\"R-1\"", MSG_CHART_UNKNOWN_MEMBER, "/requestId", 2 },
        { "\"request_id\":\"R-1\"", "\"request_id\":\"あ\"", MSG_CHART_BAD_FORM, "/request_id", 2 },
        { "\"request_id\":\"R-1\"", "\"request_id\":7", MSG_CHART_WRONG_TYPE, "/request_id", 2 },
        { "\"request_id\":\"R-1\"", "\"all_or_none\":\"yes\"", MSG_CHART_WRONG_TYPE, "/all_or_none", 2 },
        { "\"request_id\":\"R-1\"", "\"format_version\":2", MSG_CHART_BAD_CHOICE, "/format_version", 2 },
        { "1319999999", "1318814790", MSG_CHART_OTHER_INSTITUTION, "/institution/code", 3 },
        { "1319999999", "131999999", MSG_CHART_BAD_FORM, "/institution/code", 3 },
        { "1319999999", "5319999999", MSG_CHART_BAD_FORM, "/institution/code", 3 },
        { "\"code\":\"1319999999\",", "", MSG_CHART_MISSING_MEMBER, "/institution", 3 },
        { ",\"name\":\"見本内科\"", ",\"name\":null", MSG_CHART_MISSING_MEMBER, "/institution/name", 3 },
        { "\"family\":\"見本\",", "", MSG_CHART_MISSING_MEMBER, "/patient", 5 },
        { "\"family\":\"見本\"", "\"family\":\"\"", MSG_CHART_MISSING_MEMBER, "/patient/family", 5 },
        { "\"family\":\"見本\"", "\"family\":\"見　本\"", MSG_CHART_FULL_SPACE, "/patient/family", 5 },
        { "\"family\":\"見本\"", "\"family\":\"\\ue000\"", MSG_CHART_CONTROL, "/patient/family", 5 },
        { "\"family\":\"見本\"", "\"family\":\"a\\u0001\"", MSG_CHART_CONTROL, "/patient/family", 5 },
        { "\"given_kana\":\"ハナコ\",", "", MSG_CHART_ONE_OF, "/patient", 5 },
        { "\"family_kana\":\"ミホン\"", "\"family_kana\":\"ﾐﾎﾝ\"", MSG_CHART_NAME_KANA, "/patient/family_kana", 5 },
        { "\"gender\":\"female\"", "\"gender\":\"F\"", MSG_CHART_BAD_CHOICE, "/patient/gender", 5 },
        { "1958-04-12", "1958-02-30", MSG_CHART_BAD_DATE, "/patient/birth_date", 5 },
        { "1958-04-12", "1958/04/12", MSG_CHART_BAD_DATE, "/patient/birth_date", 5 },
        { "1958-04-12", "1958-04", MSG_CHART_BAD_DATE, "/patient/birth_date", 5 },
        { "1958-04-12", "2058-04-12", MSG_CHART_DATE_FUTURE, "/patient/birth_date", 5 },
        { "{\"text\":\"東京都新宿区\"}", "{\"postal_code\":\"160-0022\"}", MSG_CHART_ONE_OF, "/patient/address", 6 },
        { "{\"text\":\"東京都新宿区\"}", "\"東京都\"", MSG_CHART_WRONG_TYPE, "/patient/address", 6 },
        { "\"138057\"", "\"13805\\u0660\"", MSG_CHART_INSURED_FORM, "/patient/insurance/insurer_number", 7 },
        { "\"138057\"", "\"123456789\"", MSG_CHART_INSURED_FORM, "/patient/insurance/insurer_number", 7 },
        { "\"138057\"", "\"138058\"", MSG_CHART_CHECK_DIGIT, "/patient/insurance/insurer_number", 7 },
        { "\"１２\"", "\"１2\"", MSG_CHART_INSURED_FORM, "/patient/insurance/symbol", 7 },
        { "\"３４\"", "\"3:4\"", MSG_CHART_INSURED_FORM, "/patient/insurance/number", 7 },
        { "\"３４\"", "\"３　４\"", MSG_CHART_INSURED_FORM, "/patient/insurance/number", 7 },
        { "\"branch\":\"01\"", "\"branch\":\"1\"", MSG_CHART_INSURED_FORM, "/patient/insurance/branch", 7 },
        { "\"branch\":\"01\"", "\"payer_number\":\"123\"", MSG_CHART_INSURED_FORM, "/patient/insurance/payer_number", 7 },
        { ",\"given\":\"一郎\"", "", MSG_CHART_MISSING_MEMBER, "/practitioner", 8 },
        { "\"outpatient\"", "\"AMB\"", MSG_CHART_BAD_CHOICE, "/encounter/class", 9 },
        { "\"start\":\"2026-11-20\"", "\"start\":\"2026-11-20T09:00:00\"", MSG_CHART_BAD_DATE, "/encounter/start", 9 },
        { "\"start\":\"2026-11-20\"", "\"start\":\"2026-11-20\",\"end\":\"2026-11-19\"", MSG_CHART_DATE_ORDER, "/encounter/end", 9 },
    };
    CHECK_MISTAKES(diseases, mistakes, true);
}

TEST(check_digits_only_warn)
{
    char *text = mutate(diseases, "138057", "138058");
    struct reading r;
    read_text(&r, text);
    CHECK(order_unit_ok(r.order, &r.order->unit[0]));
    CHECK_INT(r.order->issues.warnings, 1);
    done(&r);
    free(text);
}

TEST(mistakes_of_units_refuse_the_unit)
{
    static const struct mistake mistakes[] = {
        { "\"diseases\"", "\"disease\"", MSG_CHART_BAD_CHOICE, "/units/0/kind", 11 },
        { "\"kind\":\"diseases\",", "", MSG_CHART_MISSING_MEMBER, "/units/0", 11 },
        { "\"kind\":\"diseases\"", "\"kind\":\"diseases\",\"operation\":\"delete\"", MSG_CHART_BAD_CHOICE, "/units/0/operation", 11 },
        { "\"kind\":\"diseases\"", "\"kind\":\"diseases\",\"operation\":\"cancel\"", MSG_CHART_UNKNOWN_MEMBER, "/units/0/items", 11 },
        { "\"kind\":\"diseases\"", "\"kind\":\"diseases\",\"key\":\"1\"", MSG_CHART_NOT_BOTH, "/units/0/key", 11 },
        { "\"kind\":\"diseases\"", "\"kind\":\"diseases\",\"bundle_id\":\"1319999999^2026^a\"", MSG_CHART_NOT_BOTH, "/units/0/bundle_id", 11 },
        { "\"kind\":\"diseases\"", "\"kind\":\"diseases\",\"operation\":\"change\",\"bundle_id\":\"1319999999^1926^abc\"", MSG_CHART_BAD_FORM, "/units/0/bundle_id", 11 },
        { "\"kind\":\"diseases\"", "\"kind\":\"diseases\",\"operation\":\"change\",\"bundle_id\":\"1318814793^2026^a\"", MSG_CHART_OTHER_INSTITUTION, "/units/0/bundle_id", 11 },
        { "\"kind\":\"diseases\"", "\"kind\":\"patient_summary\"", MSG_CHART_OPERATION, "/units/0", 11 },
        { "\"kind\":\"diseases\"", "\"kind\":\"diseases\",\"operation\":\"register\",\"x-a\":1,\"y\":1", MSG_CHART_UNKNOWN_MEMBER, "/units/0/y", 11 },
        { "\"items\":[", "\"items\":[{\"name\":\"x\",\"uncoded\":true,\"onset\":\"2026-01-01\"},7,", MSG_CHART_WRONG_TYPE, "/units/0/items/1", 11 },
        { "\"name\":\"狭心症\",", "", MSG_CHART_MISSING_MEMBER, "/units/0/items/0", 12 },
        { "\"management_number\":\"20058911\",", "", MSG_CHART_NO_CODE, "/units/0/items/0", 12 },
        { "20058911", "2005891", MSG_CHART_BAD_FORM, "/units/0/items/0/management_number", 12 },
        { "\"management_number\":\"20058911\"", "\"management_number\":\"20058911\",\"uncoded\":true", MSG_CHART_NOT_BOTH, "/units/0/items/0/uncoded", 12 },
        { ",\"onset\":\"2023-06-02\"", "", MSG_CHART_MISSING_MEMBER, "/units/0/items/0", 12 },
        { "2023-06-02", "2026-13-02", MSG_CHART_BAD_DATE, "/units/0/items/0/onset", 12 },
        { "2023-06-02", "2027-01-02", MSG_CHART_DATE_FUTURE, "/units/0/items/0/onset", 12 },
        { "\"onset\":\"2023-06-02\"", "\"onset\":\"2023-06-02\",\"end\":\"2023-06-01\"", MSG_CHART_DATE_ORDER, "/units/0/items/0/end", 12 },
        { "\"onset\":\"2023-06-02\"", "\"onset\":\"2023-06-02\",\"end\":\"2023-07-01\",\"status\":\"active\"", MSG_CHART_NOT_BOTH, "/units/0/items/0/end", 12 },
        { "\"onset\":\"2023-06-02\"", "\"onset\":\"2013-06-02\",\"end\":\"2015-07-01\"", MSG_CHART_OLD_ENTRY, "/units/0/items/0/end", 12 },
        { "\"onset\":\"2023-06-02\"", "\"onset\":\"2023-06-02\",\"status\":\"relapse\"", MSG_CHART_BAD_CHOICE, "/units/0/items/0/status", 12 },
        { "\"onset\":\"2023-06-02\"", "\"onset\":\"2023-06-02\",\"prefixes\":[{\"name\":\"左\"}]", MSG_CHART_MISSING_MEMBER, "/units/0/items/0/prefixes/0", 12 },
        { "\"onset\":\"2023-06-02\"", "\"onset\":\"2023-06-02\",\"jlac10\":1", MSG_CHART_UNKNOWN_MEMBER, "/units/0/items/0/jlac10", 12 },
        { "\"long_term\",", "\"LTS\",", MSG_CHART_BAD_CHOICE, "/units/0/items/0/flags/0", 13 },
        { "\"long_term\",", "\"long_term\",\"long_term\",", MSG_CHART_BAD_FORM, "/units/0/items/0/flags/1", 13 },
    };
    static const struct mistake of_allergies[] = {
        { "\"category\":\"food\",", "", MSG_CHART_MISSING_MEMBER, "/units/0/items/0", 12 },
        { "\"food\"", "\"medication\"", MSG_CHART_NOT_BOTH, "/units/0/items/0/jfagy_code", 12 },
        { "J9FA19140000", "J9XA19140000", MSG_CHART_BAD_FORM, "/units/0/items/0/jfagy_code", 12 },
        { "J9FA19140000", "J9FA1914", MSG_CHART_BAD_FORM, "/units/0/items/0/jfagy_code", 12 },
        { "\"jfagy_code\":\"J9FA19140000\",", "", MSG_CHART_NO_CODE, "/units/0/items/0", 12 },
        { "\"reactions\"", "\"flags\":[\"uninformed\"],\"reactions\"", MSG_CHART_FLAG, "/units/0/items/0/flags/0", 12 },
        { "\"reactions\"", "\"flags\":[\"undelivered\"],\"reactions\"", MSG_CHART_FLAG, "/units/0/items/0/flags/0", 12 },
        { "\"mild\"", "\"mild\",\"manifestation\":\"\\u0007\"", MSG_CHART_CONTROL, "/units/0/items/0/reactions/0/manifestation", 12 },
    };
    CHECK_MISTAKES(diseases, mistakes, false);
    CHECK_MISTAKES(allergies, of_allergies, false);
}

TEST(mistakes_of_lab_reports)
{
    static const struct mistake mistakes[] = {
        { "\"key\":\"LAB-1\",", "", MSG_CHART_NO_KEY, "/units/0", 11 },
        { "\"key\":\"LAB-1\"", "\"key\":\"検査1\"", MSG_CHART_BAD_FORM, "/units/0/key", 11 },
        { "\"collected\":\"2026-11-20T09:00:00+09:00\",", "", MSG_CHART_MISSING_MEMBER, "/units/0/items/0", 12 },
        { "\"collected\":\"2026-11-20T09:00:00+09:00\"", "\"collected\":\"2026-11-20T25:00:00+09:00\"", MSG_CHART_BAD_DATE, "/units/0/collected", 11 },
        { "\"specimen\":{\"name\":\"血清\",\"code\":\"023\"},", "", MSG_CHART_MISSING_MEMBER, "/units/0/items/0", 12 },
        { "\"血清\"", "\"ｹｯｾｲ\"", MSG_CHART_HALF_KANA, "/units/0/specimen/name", 11 },
        { "\"name\":\"AST\"", "\"name\":\"ＡＳＴ　\"", MSG_CHART_FULL_SPACE, "/units/0/items/0/name", 12 },
        { "\"name\":\"AST\"", "\"name\":\"ｴｰｴｽﾃｨｰ\"", MSG_CHART_HALF_KANA, "/units/0/items/0/name", 12 },
        { "\"local_code\":\"0012\",\"jlac10\":\"3B035000002327201\",\"jlac10_list\":\"core\",", "", MSG_CHART_NO_CODE, "/units/0/items/0", 12 },
        { "3B035000002327201", "3B03500000232720", MSG_CHART_BAD_FORM, "/units/0/items/0/jlac10", 12 },
        { "\"core\"", "\"jlac11\"", MSG_CHART_BAD_CHOICE, "/units/0/items/0/jlac10_list", 12 },
        { "\"jlac10\":\"3B035000002327201\",", "", MSG_CHART_ONE_OF, "/units/0/items/0/jlac10_list", 12 },
        { "\"number\":28.50", "\"number\":2.8e1", MSG_CHART_BAD_FORM, "/units/0/items/0/number", 12 },
        { "\"number\":28.50", "\"number\":\"28,5\"", MSG_CHART_BAD_FORM, "/units/0/items/0/number", 12 },
        { "\"number\":28.50", "\"number\":\"028\"", MSG_CHART_BAD_FORM, "/units/0/items/0/number", 12 },
        { "\"number\":28.50,", "", MSG_CHART_ONE_OF, "/units/0/items/0", 12 },
        { "\"number\":28.50", "\"number\":28.50,\"text\":\"x\"", MSG_CHART_NOT_BOTH, "/units/0/items/0/text", 12 },
        { "\"number\":28.50", "\"number\":28.50,\"comparator\":\"～\"", MSG_CHART_BAD_CHOICE, "/units/0/items/0/comparator", 12 },
        { "\"qualitative\":\"(-)\"", "\"qualitative\":\"(-)\",\"unit\":\"U\"", MSG_CHART_ONE_OF, "/units/0/items/1", 14 },
        { "\"qualitative\":\"(-)\"", "\"absent\":\"none\"", MSG_CHART_BAD_CHOICE, "/units/0/items/1/absent", 14 },
        { "{\"low\":\"13\",\"high\":30}", "{}", MSG_CHART_ONE_OF, "/units/0/items/0/ranges/0", 13 },
        { "[\"long_term\"]", "[\"uninformed\"]", MSG_CHART_FLAG, "/units/0/items/0/flags/0", 13 },
        { "[\"long_term\"]", "\"long_term\"", MSG_CHART_WRONG_TYPE, "/units/0/items/0/flags", 13 },
        { "\"key\":\"LAB-1\"", "\"key\":\"LAB-1\",\"operation\":\"change\",\"key2\":1", MSG_CHART_UNKNOWN_MEMBER, "/units/0/key2", 11 },
    };
    CHECK_MISTAKES(lab, mistakes, false);
}

TEST(mistakes_of_letters)
{
    static const struct mistake mistakes[] = {
        { "\"consent\":\"spoken\",", "", MSG_CHART_MISSING_MEMBER, "/units/0", 11 },
        { "\"spoken\"", "\"yes\"", MSG_CHART_BAD_CHOICE, "/units/0/consent", 11 },
        { "\"issued\":\"2026-11-20\"", "\"issued\":\"2026-11-31\"", MSG_CHART_BAD_DATE, "/units/0/issued", 11 },
        { "\"signer\":\"D001\"", "\"flags\":[\"uninformed\"]", MSG_CHART_FLAG, "/units/0/flags/0", 11 },
        { "\"code\":\"1410123457\",", "", MSG_CHART_MISSING_MEMBER, "/units/0/receiver/institution", 12 },
        { "1410123457", "1410123456", MSG_CHART_CHECK_DIGIT, "/units/0/receiver/institution/code", 12 },
        { "\"purpose\":{\"text\":\"精査\"},", "", MSG_CHART_SECTION_NEEDED, "/units/0/sections", 13 },
        { "\"purpose\":{\"text\":\"精査\"}", "\"purpose\":{}", MSG_CHART_SECTION_VOID, "/units/0/sections/purpose", 13 },
        { "\"purpose\":{\"text\":\"精査\"}", "\"purpose\":{\"items\":[]}", MSG_CHART_UNKNOWN_MEMBER, "/units/0/sections/purpose/items", 13 },
        { "\"purpose\"", "\"summary\":{},\"purpose\"", MSG_CHART_UNKNOWN_MEMBER, "/units/0/sections/summary", 13 },
        { "\"diagnoses\":{", "\"diagnoses\":{\"empty_reason\":\"nilknown\",", MSG_CHART_NOT_BOTH, "/units/0/sections/diagnoses/empty_reason", 14 },
        { "\"x.png\"", "\"y.png\"", MSG_CHART_ATTACHMENT_MISSING, "/units/0/attachments/0/file", 16 },
        { "\"x.png\"", "\"../x.png\"", MSG_CHART_ATTACHMENT_NAME, "/units/0/attachments/0/file", 16 },
        { "\"x.png\"", "\".x.png\"", MSG_CHART_ATTACHMENT_NAME, "/units/0/attachments/0/file", 16 },
        { "\"x.png\"", "\"no.txt\"", MSG_CHART_ATTACHMENT_TYPE, "/units/0/attachments/0", 16 },
        { "\"x.png\"", "\"empty.pdf\"", MSG_CHART_ATTACHMENT_EMPTY, "/units/0/attachments/0", 16 },
        { "\"x.png\"", "\"x.png\",\"media_type\":\"image/jpeg\"", MSG_CHART_ATTACHMENT_TYPE, "/units/0/attachments/0/media_type", 16 },
        { "\"x.png\"", "\"x.png\",\"data\":\"AA==\"", MSG_CHART_NOT_BOTH, "/units/0/attachments/0", 16 },
        { "\"x.png\"", "\"x.png\",\"sha256\":\"00\"", MSG_CHART_BAD_FORM, "/units/0/attachments/0/sha256", 16 },
        { "\"x.png\"", "\"x.png\",\"sha256\":\"0000000000000000000000000000000000000000000000000000000000000000\"", MSG_CHART_ATTACHMENT_DIGEST, "/units/0/attachments/0/sha256", 16 },
        { "\"x.png\"", "\"x.png\",\"admission\":\"2026-01-01\"", MSG_CHART_ONE_OF, "/units/0/attachments/0/admission", 16 },
        { "\"kind\":\"key_image\"", "\"kind\":\"pdf\"", MSG_CHART_ATTACHMENT_TYPE, "/units/0/attachments/0", 16 },
        { "\"kind\":\"key_image\",\"title\":\"X線\",\"file\":\"x.png\"", "\"kind\":\"discharge_summary\",\"title\":\"S\",\"file\":\"cda.xml\"", MSG_CHART_MISSING_MEMBER, "/units/0/attachments/0", 16 },
        { "\"title\":\"X線\",", "", MSG_CHART_MISSING_MEMBER, "/units/0/attachments/0", 16 },
        { "JVBERi0xLjQK", "JVBERi0xLjQ", MSG_CHART_ATTACHMENT_DATA, "/units/0/attachments/1/data", 17 },
        { "JVBERi0xLjQK", "AAAA", MSG_CHART_ATTACHMENT_TYPE, "/units/0/attachments/1", 17 },
        { "\"receiver\"", "\"cda\":{\"title\":\"CDA\",\"file\":\"cda.xml\"},\"receiver\"", MSG_CHART_NOT_BOTH, "/units/0/cda", 12 },
    };
    CHECK_MISTAKES(letter, mistakes, false);
}

TEST(a_letter_of_nothing_but_a_pdf_is_refused)
{
    static const struct mistake mistakes[] = {
        { "\"sections\":{\"purpose\":{\"text\":\"精査\"},\n\"diagnoses\":{\"items\":[{\"name\":\"狭心症\",\"management_number\":\"20058911\"}]},\n\"present_illness\":{\"text\":\"労作時胸痛\"}},\n", "",
          MSG_CHART_PDF_ONLY, "/units/0/attachments", 13 },
        { "\"sections\":{\"purpose\":{\"text\":\"精査\"},\n\"diagnoses\":{\"items\":[{\"name\":\"狭心症\",\"management_number\":\"20058911\"}]},\n\"present_illness\":{\"text\":\"労作時胸痛\"}},\n",
          "\"sections\":{\"purpose\":{\"empty_reason\":\"notasked\"}},\n", MSG_CHART_PDF_ONLY, "/units/0/attachments", 14 },
    };
    CHECK_MISTAKES(letter, mistakes, false);
}

TEST(no_insured_number_means_paper_for_a_letter)
{
    static const char insured[] = ",\n\"insurance\":{\"insurer_number\":\"138057\",\"symbol\":\"１２\",\"number\":\"３４\",\"branch\":\"01\"}";
    static const struct mistake of_letter[] = { { insured, "", MSG_CHART_NO_INSURED_LETTER, "/patient", 5 }, { "\"number\":\"３４\",", "", MSG_CHART_NO_INSURED_LETTER, "/patient/insurance", 7 } };
    static const struct mistake of_list[] = { { insured, "", MSG_CHART_NO_INSURED, "/patient", 5 } };
    CHECK_MISTAKES(letter, of_letter, false);
    CHECK_MISTAKES(diseases, of_list, false);
    CHECK_INT(msg_get(MSG_CHART_NO_INSURED_LETTER)->step, STEP_ISSUE_PAPER);
}

TEST(public_payers_stand_in_for_a_member)
{
    char *text = mutate(diseases, "\"insurer_number\":\"138057\",\"symbol\":\"１２\",\"number\":\"３４\",\"branch\":\"01\"", "\"payer_number\":\"54016027\",\"recipient_number\":\"6247373\"");
    struct reading r;
    read_text(&r, text);
    CHECK_INT(r.order->issues.count, 0);
    CHECK_STR(r.order->unit[0].insured, "54016027::6247373:");
    CHECK(r.order->unit[0].chart->patient->insurance->member_id.text == NULL);
    done(&r);
    free(text);
}

/* A place is found forwards and backwards from the last one; each must be what counting from the beginning gives. */
static void check_place(const struct reading *r, const struct chart_place *at)
{
    uint32_t line, column;
    char pointer[512];
    const struct json_node *root, *node;
    CHECK(at != NULL);
    json_line_column(r->text, strlen(r->text), (size_t)at->offset, &line, &column);
    CHECK_INT(at->line, line);
    CHECK_INT(at->column, column);
    CHECK_OK(json_parse(r->text, strlen(r->text), NULL, r->arena, &root, NULL));
    node = json_path(root, at->pointer + 1);
    CHECK(node != NULL && (int64_t)node->start == at->offset);
    json_pointer(node, pointer, sizeof pointer);
    CHECK_STR(at->pointer, pointer);
}

TEST(places_are_those_of_the_file)
{
    static const char *const ends[] = { "\n", " ", "  \n \n" };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char *text = mutate(lab, "R-1", "R-1"), *loose = malloc(strlen(text) * 6 + 1), *to = loose;
        struct reading r;
        CHECK(loose != NULL);
        for (const char *p = text; *p != '\0'; p++) {
            size_t n = *p == '\n' ? strlen(ends[i]) : 1;
            memcpy(to, *p == '\n' ? ends[i] : p, n);
            to += n;
        }
        *to = '\0';
        read_text(&r, loose);
        const struct chart *chart = r.order->unit[0].chart;
        check_place(&r, chart->patient->at);
        check_place(&r, chart->patient->name.text.at);
        check_place(&r, chart->patient->name.kana_text.at);
        for (size_t k = 0; k < chart->lab->item_count; k++) {
            const struct chart_lab_item *item = &chart->lab->item[k];
            check_place(&r, item->at);
            check_place(&r, item->concept.at);
            check_place(&r, item->collected.at);
            for (size_t c = 0; c < item->concept.coding_count; c++)
                check_place(&r, item->concept.coding[c].code.at);
        }
        check_place(&r, chart->lab->item[0].value.number.at);
        check_place(&r, chart->lab->item[0].range[0].high.at);
        done(&r);
        free(loose);
        free(text);
    }
}

TEST(the_chart_keeps_digits_places_and_terms)
{
    char *text = mutate(lab, "R-1", "R-1");
    struct reading r;
    read_text(&r, text);
    const struct chart *chart = r.order->unit[0].chart;
    const struct chart_lab_item *item = &chart->lab->item[0];
    CHECK_STR(item->value.number.text, "28.50");
    CHECK_STR(item->value.number.at->pointer, "/units/0/items/0/number");
    CHECK_INT(item->value.number.at->line, 12);
    CHECK(memcmp(r.text + item->value.number.at->offset, "28.50", 5) == 0);
    CHECK_STR(item->range[0].high.text, "30");
    CHECK_STR(item->collected.text, "2026-11-20T09:00:00+09:00");
    CHECK_STR(item->specimen->name.text, "血清");
    CHECK_INT(item->concept.coding[0].system, CHART_JLAC10_CORE);
    CHECK_INT(item->flags, CHART_LONG_TERM);
    CHECK_INT(chart->lab->item[1].value.type, CHART_QUALITATIVE);
    CHECK_STR(chart->lab->item[1].concept.text.text, "HBs抗原");
    CHECK_STR(chart->lab->requester->name.text.text, "試験 一郎");
    CHECK_STR(chart->patient->name.text.text, "見本 花子");
    CHECK_STR(chart->patient->name.kana_text.text, "ミホン ハナコ");
    CHECK_STR(chart->institution->code.text, "1319999999");
    CHECK(chart->encounter != NULL && chart->department != NULL);
    done(&r);
    free(text);
}

TEST(the_letter_knows_its_sections_and_attachments)
{
    char *text = mutate(letter, "R-1", "R-1");
    struct reading r;
    read_text(&r, text);
    const struct chart_letter *l = r.order->unit[0].chart->letter;
    CHECK_STR(l->number.text, "REF-1");
    CHECK_STR(l->version.text, "1");
    CHECK_STR(l->signer.text, "D001");
    CHECK_STR(r.order->unit[0].signer, "D001");
    CHECK_INT(l->consent, CHART_CONSENT_SPOKEN);
    CHECK_STR(l->receiver.institution.code.text, "1410123457");
    CHECK_INT(l->section_count, 3);
    CHECK_INT(l->section[0].code, CHART_SECTION_PURPOSE);
    CHECK_INT(chart_letter_section(l, CHART_SECTION_DIAGNOSES)->disease_count, 1);
    CHECK(chart_letter_section(l, CHART_SECTION_PLAN) == NULL);
    CHECK_INT(l->attachment_count, 2);
    CHECK_STR(l->attachment[0].media_type.text, "image/png");
    CHECK_STR(l->attachment[1].media_type.text, "application/pdf");
    CHECK_INT(l->attachment[1].content.len, 9);
    CHECK_INT(r.order->attachment_count, 2);
    CHECK_STR(r.order->attachment[0].name, "x.png");
    CHECK(r.order->attachment[1].name == NULL);
    CHECK_INT(r.look->attachment_count, 1);
    CHECK_STR(r.look->attachment[0], "x.png");
    done(&r);
    free(text);
}

TEST(operations_have_their_defaults)
{
    static const struct { const char *unit; enum order_operation operation; bool emptied, ok; const char *key; } cases[] = {
        { diseases, ORDER_CURRENT, false, true, "00012345" },
        { allergies, ORDER_CURRENT, false, true, "00012345" },
        { lab, ORDER_REGISTER, false, true, "LAB-1" },
        { letter, ORDER_REGISTER, false, true, "REF-1" },
        { "{\"kind\":\"allergies\",\"items\":[]}", ORDER_CANCEL, true, true, "00012345" },
        { "{\"kind\":\"diseases\",\"operation\":\"current\",\"items\":[]}", ORDER_CANCEL, true, true, "00012345" },
        { "{\"kind\":\"diseases\",\"operation\":\"register\",\"items\":[]}", ORDER_REGISTER, false, false, "00012345" },
        { "{\"kind\":\"diseases\",\"operation\":\"change\",\"items\":[]}", ORDER_CHANGE, false, false, "00012345" },
        { "{\"kind\":\"diseases\",\"operation\":\"cancel\"}", ORDER_CANCEL, false, true, "00012345" },
        { "{\"kind\":\"diseases\",\"operation\":\"cancel\",\"items\":[]}", ORDER_CANCEL, false, false, "00012345" },
        { "{\"kind\":\"lab_report\",\"operation\":\"current\",\"key\":\"L\",\"items\":[]}", ORDER_CURRENT, false, false, "L" },
        { "{\"kind\":\"letter\",\"operation\":\"cancel\",\"key\":\"REF-1\"}", ORDER_CANCEL, false, true, "REF-1" },
        { "{\"kind\":\"letter\",\"operation\":\"cancel\"}", ORDER_CANCEL, false, false, NULL },
        { "{\"kind\":\"patient_summary\",\"operation\":\"cancel\",\"bundle_id\":\"1319999999^2026^a\"}", ORDER_CANCEL, false, true, NULL },
        { "{\"kind\":\"letter\",\"operation\":\"cancel\",\"bundle_id\":\"1319999999^2026^a\"}", ORDER_CANCEL, false, true, NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = mutate(cases[i].unit, "R-1", "R-1");
        struct reading r;
        read_text(&r, text);
        const struct order_unit *unit = &r.order->unit[0];
        CHECK_INT(unit->operation, cases[i].operation);
        CHECK_INT(unit->emptied, cases[i].emptied);
        CHECK_INT(r.look->unit[0].emptied, cases[i].emptied);
        CHECK_INT(order_unit_ok(r.order, unit), cases[i].ok);
        CHECK_STR(unit->key, cases[i].key);
        CHECK_STR(r.look->unit[0].key, cases[i].key);
        CHECK(unit->operation != ORDER_CANCEL || unit->chart == NULL);
        done(&r);
        free(text);
    }
}

TEST(a_cancel_needs_no_patient_in_full)
{
    struct reading r;
    read_text(&r, "{\"institution\":{\"code\":\"1319999999\"},\"patient\":{\"insurance\":{\"insurer_number\":\"06270409\",\"number\":\"1\"}},"
                  "\"units\":[{\"kind\":\"letter\",\"operation\":\"cancel\",\"bundle_id\":\"1319999999^2026^a\"}]}");
    CHECK(order_unit_ok(r.order, &r.order->unit[0]));
    CHECK_STR(r.order->unit[0].insured, "06270409::1:");
    CHECK_STR(r.look->unit[0].insured, "06270409::1:");
    CHECK_STR(r.look->unit[0].resource_type, "Composition");
    done(&r);
    read_text(&r, "{\"institution\":{\"code\":\"1319999999\"},\"units\":[{\"kind\":\"diseases\",\"operation\":\"cancel\"}]}");
    CHECK(find(&r.order->unit[0].issues, MSG_CHART_NO_KEY) != NULL);
    done(&r);
}

TEST(units_keep_their_mistakes_to_themselves)
{
    char *both = mutate("{\"kind\":\"allergies\",\"items\":[{\"category\":\"food\",\"name\":\"そば\"}]},{\"kind\":\"diseases\",\"items\":[{\"name\":\"病\",\"local_code\":\"1\",\"onset\":\"2026-01-01\"}]},"
                        "{\"kind\":\"diseases\",\"operation\":\"register\",\"items\":[{\"name\":\"病\",\"local_code\":\"1\",\"onset\":\"2026-01-01\"}]},7",
                        "\"request_id\":\"R-1\"", "\"all_or_none\":true,\"x-a\":{\"b\":1}");
    struct reading r;
    read_text(&r, both);
    CHECK(r.order->all_or_none && r.look->all_or_none);
    CHECK_STR(r.order->x_json, "{\"x-a\":{\"b\":1}}");
    CHECK_STR(r.look->x_json, "{\"x-a\":{\"b\":1}}");
    CHECK(!order_unit_ok(r.order, &r.order->unit[0]));
    CHECK(order_unit_ok(r.order, &r.order->unit[1]));
    CHECK(find(&r.order->unit[2].issues, MSG_CHART_UNIT_TWICE) != NULL);
    CHECK(r.order->unit[2].chart == NULL);
    CHECK(!r.look->unit[3].valid);
    CHECK(find(&r.order->unit[3].issues, MSG_CHART_WRONG_TYPE) != NULL);
    done(&r);
    free(both);
}

TEST(another_institution_is_told_before_its_keys_are_used)
{
    static const struct { const char *from, *to; bool told; } cases[] = {
        { "1319999999", "1318814790", true }, { "1319999999", "131999999", false }, { "\"code\":\"1319999999\",", "", false }, { "R-1", "R-1", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = mutate(lab, cases[i].from, cases[i].to);
        struct reading r;
        read_text(&r, text);
        CHECK((find(&r.look_issues, MSG_CHART_OTHER_INSTITUTION) != NULL) == cases[i].told);
        CHECK_INT(r.look_issues.count, cases[i].told);
        done(&r);
        free(text);
    }
}

TEST(files_that_are_no_request)
{
    static const struct { const char *text; enum msg_id msg; uint32_t line; } cases[] = {
        { "", MSG_JSON_EMPTY, 1 }, { "hello", MSG_JSON_SYNTAX, 1 }, { "{\n\"a\":1,\n\"a\":2}", MSG_JSON_DUPLICATE, 3 }, { "{\"units\":[", MSG_JSON_TRUNCATED, 1 },
        { "\xEF\xBB\xBF{}", MSG_JSON_BOM, 1 }, { "{\"a\":\"\x82\xA0\"}", MSG_JSON_NOT_UTF8, 1 }, { "[]", MSG_CHART_NOT_REQUEST, 1 }, { "7", MSG_CHART_NOT_REQUEST, 1 },
        { "{}", MSG_CHART_NO_UNITS, 1 }, { "{\"units\":[]}", MSG_CHART_NO_UNITS, 1 }, { "{\n\"units\":{}}", MSG_CHART_WRONG_TYPE, 2 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reading r;
        read_text(&r, cases[i].text);
        const struct issue *issue = find(&r.order->issues, cases[i].msg);
        if (issue == NULL)
            test_fail(__FILE__, __LINE__, "case %zu: got %s", i, r.order->issues.first != NULL ? msg_get(r.order->issues.first->msg)->name : "none");
        CHECK_INT(issue->line, cases[i].line);
        CHECK(find(&r.look_issues, cases[i].msg) != NULL);
        CHECK_INT(r.order->unit_count, 0);
        done(&r);
    }
}

static void check_repeated(const char *open, const char *item, size_t count, const char *close, enum msg_id msg, bool of_request)
{
    struct buf text;
    struct reading r;
    buf_init(&text, 16 << 20);
    buf_add_str(&text, open);
    for (size_t i = 0; i < count; i++) {
        buf_add_str(&text, i > 0 ? "," : "");
        buf_add_str(&text, item);
    }
    buf_add_str(&text, close);
    read_text(&r, text.data);
    CHECK(find(of_request ? &r.order->issues : &r.order->unit[0].issues, msg) != NULL);
    done(&r);
    buf_free(&text);
}

TEST(everything_that_grows_has_a_limit)
{
    static const char inst[] = "{\"institution\":{\"code\":\"1319999999\"},\"patient\":{\"number\":\"1\"},\"units\":[";
    check_repeated(inst, "{\"kind\":\"diseases\",\"operation\":\"cancel\"}", ADAPTER_UNITS_MAX + 1, "]}", MSG_CHART_TOO_MANY, true);
    check_repeated("{\"units\":[{\"kind\":\"diseases\",\"items\":[", "{\"name\":\"a\",\"uncoded\":true,\"onset\":\"2026\"}", 1001, "]}]}", MSG_CHART_TOO_MANY, false);
    check_repeated("{\"units\":[{\"kind\":\"lab_report\",\"key\":\"1\",\"items\":[", "{}", 1001, "]}]}", MSG_CHART_TOO_MANY, false);
    check_repeated("{\"units\":[{\"kind\":\"letter\",\"key\":\"1\",\"attachments\":[", "{}", ADAPTER_ATTACHMENTS_MAX + 1, "]}]}", MSG_CHART_TOO_MANY, false);
    check_repeated("{\"units\":[{\"kind\":\"letter\",\"key\":\"1\",\"sections\":{\"medications\":{\"items\":[", "{}", 201, "]}}}]}", MSG_CHART_TOO_MANY, false);
    check_repeated("[", "[", 40, "", MSG_JSON_SYNTAX, true);
    check_repeated("{\"units\":[{\"kind\":\"diseases\",\"items\":[{\"name\":\"", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 100, "\"}]}]}", MSG_CHART_TOO_LONG, false);
}

TEST(deep_nesting_is_refused)
{
    char text[10001];
    struct reading r;
    memset(text, '[', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    read_text(&r, text);
    CHECK(find(&r.order->issues, MSG_JSON_TOO_DEEP) != NULL);
    done(&r);
}

TEST(too_little_memory_is_an_ordinary_error)
{
    char *text = mutate(letter, "R-1", "R-1");
    struct bytes file = { text, strlen(text) };
    int failures = 0, successes = 0;
    for (size_t max = 1024; max < 256 * 1024; max += 1536) {
        struct arena *arena = arena_new(max);
        struct order *order = NULL;
        struct err e = ERR_INIT;
        int r = vendor_json_ops.read(file, files, 1, &options, arena, &order, &e);
        CHECK(r == 0 || r == ERR_NOMEM);
        CHECK((r == 0) == (order != NULL));
        if (r == 0)
            CHECK(order_unit_ok(order, &order->unit[0]));
        *(r == 0 ? &successes : &failures) += 1;
        arena_free(arena);
    }
    CHECK(failures > 0 && successes > 0);
    free(text);
}

TEST_MAIN()
