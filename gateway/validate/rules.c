/*
 * rules.c - invariants of resources that a table cannot say. Keys are those of FHIR R4 and of the JP-CLINS packages; rules that are only printed
 * in the guide (no profile carries them) warn in the reading "service". See check.h.
 */
#include "validate/check.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define INSTITUTION_EXTENSION "http://jpfhir.jp/fhir/clins/Extension/StructureDefinition/JP_eCS_InstitutionNumber"
#define INSTITUTION_ID "http://jpfhir.jp/fhir/core/IdSystem/insurance-medical-institution-no"
#define MEMBER_SYSTEM "http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID"
#define CHART_SYSTEM "urn:oid:1.2.392.100495.20.3.51."
#define NAME_KIND "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
#define FLAG_SYSTEM "http://jpfhir.jp/fhir/clins/CodeSystem/JP_ehrshrs_indication"
#define JLAC10 "http://jpfhir.jp/fhir/clins/CodeSystem/JLAC10/"
#define LAB_LOCAL "http://jpfhir.jp/fhir/clins/CodeSystem/JP_CLINS_ObsLabResult_LocalCode_CS"
#define LAB_UNCODED "http://jpfhir.jp/fhir/clins/CodeSystem/JP_CLINS_ObsLabResult_Uncoded_CS"
#define SECTION_SYSTEM "http://jpfhir.jp/fhir/clins/CodeSystem/document-section"

static bool status_is(const struct json_node *concept, const char *code)
{
    return check_find(json_get(concept, "coding"), "code", code) != NULL;
}

static void broken(struct check *c, const char *key, const struct json_node *at, const char *what)
{
    check_add(c, MSG_ERROR, MSG_VALIDATE_INVARIANT, key, at, key, what);
}

static void check_sections_base(struct check *c, const struct json_node *list, int depth);

void check_base_invariants(struct check *c, const struct json_node *r)
{
    const struct json_node *clinical = json_get(r, "clinicalStatus"), *verification = json_get(r, "verificationStatus");
    bool mistaken = status_is(verification, "entered-in-error");

    if (check_type_is(r, "Condition")) {
        if (check_member_of_choice(r, "abatement") != NULL && clinical != NULL && !status_is(clinical, "resolved") && !status_is(clinical, "remission")
            && !status_is(clinical, "inactive"))
            broken(c, "con-4", r, "abatement[x] / clinicalStatus = active");
        if (mistaken && clinical != NULL)
            broken(c, "con-5", r, "clinicalStatus / entered-in-error");
    } else if (check_type_is(r, "AllergyIntolerance")) {
        if (!mistaken && clinical == NULL)
            broken(c, "ait-1", r, "clinicalStatus");
        if (mistaken && clinical != NULL)
            broken(c, "ait-2", r, "clinicalStatus / entered-in-error");
    } else if (check_type_is(r, "Observation")) {
        if (json_get(r, "dataAbsentReason") != NULL && check_member_of_choice(r, "value") != NULL)
            check_add(c, MSG_ERROR, MSG_VALIDATE_VALUE_AND_REASON, "obs-6", r, NULL, NULL);
    } else if (check_type_is(r, "Organization")) {
        if (json_get(r, "identifier") == NULL && json_get(r, "name") == NULL)
            broken(c, "org-1", r, "identifier / name");
    } else if (check_type_is(r, "Composition")) {
        check_sections_base(c, json_get(r, "section"), 0);
    }
}

/* --- the entries of the five kinds --------------------------------------------------------------------------------------------- */

/* ^[0-9]{8}:[^:^\s^　]*:[^:^\s^　]*:(.{0}|[0-9][0-9])$ - so a caret is refused as well */
static bool is_member_id(const struct json_node *n)
{
    size_t pos = 9, colons = 0, last = 0;

    if (!json_is(n, JSON_STRING) || n->len < 11 || !text_all_digits(n->text, 8) || n->text[8] != ':')
        return false;
    while (pos < n->len) {
        int32_t ch = text_next(n->text, n->len, &pos);

        if (ch < 0 || ch == '^' || ch == ' ' || (ch >= '\t' && ch <= '\r') || ch == 0x3000)
            return false;
        if (ch == ':') {
            colons++;
            last = pos;
        }
    }
    return colons == 2 && (n->len == last || (n->len == last + 2 && text_all_digits(n->text + last, 2)));
}

static void check_names(struct check *c, const struct json_node *names, const struct json_node *resource)
{
    bool kanji = false, kana = false;

    for (const struct json_node *n = json_is(names, JSON_ARRAY) ? names->child : NULL; n != NULL; n = n->next) {
        const struct json_node *kind = check_find(json_get(n, "extension"), "url", NAME_KIND), *text = json_get(n, "text");

        if (kind != NULL && json_is(text, JSON_STRING) && text_has_fullwidth_space(text->text, text->len))
            check_add(c, MSG_ERROR, MSG_VALIDATE_NAME_SPACE, "R1113", resource, NULL, NULL);
        kanji |= json_equals(json_get(kind, "valueCode"), "IDE");
        kana |= json_equals(json_get(kind, "valueCode"), "SYL");
    }
    if (names != NULL && (!kanji || !kana))
        check_prose(c, MSG_VALIDATE_NAME_KINDS, "R1112", resource, kanji ? "SYL" : "IDE", NULL);
}

void check_patient(struct check *c, const struct json_node *r)
{
    const struct json_node *list = json_get(r, "identifier"), *member = check_find(list, "system", MEMBER_SYSTEM), *chart = NULL;
    size_t charts = 0, prefix = strlen(CHART_SYSTEM);

    if (check_count(list, "system", MEMBER_SYSTEM) != 1)
        check_add(c, MSG_ERROR, MSG_VALIDATE_MEMBER_ID, "valid-system-insurance-patientIdentifier", r, MEMBER_SYSTEM, NULL);
    else if (!is_member_id(json_get(member, "value")))
        check_add_text(c, MSG_ERROR, MSG_VALIDATE_MEMBER_ID, "valid-value-insurance-patientIdentifier", r, json_get(member, "value"), NULL);
    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next) {
        const struct json_node *system = json_get(n, "system");

        if (json_is(system, JSON_STRING) && system->len >= prefix && memcmp(system->text, CHART_SYSTEM, prefix) == 0) {
            struct json_node number = { .type = JSON_STRING, .text = system->text + prefix + 1, .len = system->len - (uint32_t)prefix - 1 };

            charts++;
            if (system->len != prefix + 11 || system->text[prefix] != '1' || !check_is_institution(&number))
                chart = system;
        }
    }
    if (charts > 1 || chart != NULL)
        check_add_text(c, MSG_ERROR, MSG_VALIDATE_LOCAL_ID, "valid-system-local-patientID", r, chart, NULL);
    check_names(c, json_get(r, "name"), r);
    if (json_get(r, "address") != NULL && (json_path(r, "address/0/state") == NULL || json_path(r, "address/0/city") == NULL))
        check_prose(c, MSG_VALIDATE_MISSING, NULL, json_get(r, "address"), "state / city", NULL);
}

/* The extension where it stands: form of the number (regex not anchored in the package; ten digits are meant). */
static void check_institution(struct check *c, const struct json_node *r)
{
    const struct json_node *extension = check_find(json_get(r, "extension"), "url", INSTITUTION_EXTENSION), *value = json_path(extension, "valueIdentifier/value");

    if (extension != NULL && !check_is_institution(value))
        check_add_text(c, MSG_ERROR, MSG_VALIDATE_INSTITUTION, "valid-value-institutionNumberExtension", extension, value, NULL);
    else if (json_path(extension, "valueIdentifier/system") != NULL && !json_equals(json_path(extension, "valueIdentifier/system"), INSTITUTION_ID))
        check_add(c, MSG_ERROR, MSG_VALIDATE_VALUE, NULL, json_get(extension, "valueIdentifier"), "system", INSTITUTION_ID);
    else if (value != NULL && !text_check_digit_ok(value->text, value->len))
        check_prose(c, MSG_VALIDATE_CHECK_DIGIT, NULL, value, "10", NULL);
}

/* meta.tag is closed: the allowed flags ("LTS|…"), each once. */
static void check_flags(struct check *c, const struct json_node *r, const char *allowed)
{
    const struct json_node *tags = json_path(r, "meta/tag");

    for (const struct json_node *n = json_is(tags, JSON_ARRAY) ? tags->child : NULL; n != NULL; n = n->next) {
        const struct json_node *code = json_get(n, "code");
        char quoted[24] = "";
        bool known;

        if (json_is(code, JSON_STRING) && code->len < sizeof quoted)
            memcpy(quoted, code->text, code->len);
        known = json_equals(json_get(n, "system"), FLAG_SYSTEM) && quoted[0] != '\0'
            && (strcmp(quoted, "LTS") == 0 || (strcmp(allowed, "LTS") != 0 && (strcmp(quoted, "UNINFORMED") == 0 || strcmp(quoted, "UNDELIVERED") == 0)));
        if (!known || check_count(tags, "code", quoted) > 1)
            check_add_text(c, MSG_ERROR, MSG_VALIDATE_FLAG, NULL, n, code, NULL);
    }
}

void check_condition(struct check *c, const struct json_node *r)
{
    check_flags(c, r, "LTS|UNINFORMED|UNDELIVERED");
    check_institution(c, r);
}

void check_allergy(struct check *c, const struct json_node *r)
{
    check_flags(c, r, "LTS");
    check_institution(c, r);
}

/* Each of these code systems at most once a lab item; a code of the core or infection list needs its name. */
static void check_lab_codings(struct check *c, const struct json_node *r)
{
    static const char *const once[] = { LAB_LOCAL, LAB_UNCODED, "http://medis.or.jp/CodeSystem/master-JLAC10-17digits" };
    const struct json_node *code = json_get(r, "code"), *codings = json_get(code, "coding");

    for (size_t i = 0; i < sizeof once / sizeof *once; i++)
        if (check_count(codings, "system", once[i]) > 1)
            check_add(c, MSG_ERROR, MSG_VALIDATE_TOO_MANY, NULL, code, once[i], "1");
    for (const struct json_node *n = json_is(codings, JSON_ARRAY) ? codings->child : NULL; n != NULL; n = n->next)
        if (json_equals(json_get(n, "system"), LAB_UNCODED)) {
            if (!json_equals(json_get(n, "code"), "99999999999999999"))
                check_add_text(c, MSG_ERROR, MSG_VALIDATE_VALUE, NULL, n, json_get(n, "code"), "99999999999999999");
            if (!json_equals(json_get(n, "display"), "未標準化コード項目(JLAC)"))
                check_add_text(c, MSG_ERROR, MSG_VALIDATE_VALUE, NULL, n, json_get(n, "display"), "未標準化コード項目(JLAC)");
        }
    if (codings != NULL && check_find(codings, "system", LAB_LOCAL) == NULL)
        check_prose(c, MSG_VALIDATE_LAB_CODE, NULL, code, NULL, NULL);
}

/* Texts of lab results that people read: no half-width kana, no full-width space (prose of the guide). */
static void check_lab_text(struct check *c, const struct json_node *n)
{
    if (json_is(n, JSON_STRING) && (text_has_halfwidth_kana(n->text, n->len) || text_has_fullwidth_space(n->text, n->len)) && c->service)
        check_add_text(c, MSG_WARNING, MSG_VALIDATE_HALFWIDTH, NULL, n, n, NULL);
}

void check_lab(struct check *c, const struct json_node *r)
{
    const struct json_node *codings = json_path(r, "code/coding"), *notes = json_get(r, "note");

    check_flags(c, r, "LTS");
    if (check_find(json_get(r, "extension"), "url", INSTITUTION_EXTENSION) == NULL)
        check_add(c, MSG_ERROR, MSG_VALIDATE_INSTITUTION, "resource-needs-extension-of-institutionNumber", r, NULL, NULL);
    check_institution(c, r);
    check_lab_codings(c, r);
    check_lab_text(c, json_path(r, "code/text"));
    check_lab_text(c, json_get(r, "valueString"));
    check_lab_text(c, json_path(r, "valueCodeableConcept/text"));
    for (const struct json_node *n = json_is(codings, JSON_ARRAY) ? codings->child : NULL; n != NULL; n = n->next)
        check_lab_text(c, json_get(n, "display"));
    for (const struct json_node *n = json_is(notes, JSON_ARRAY) ? notes->child : NULL; n != NULL; n = n->next)
        check_lab_text(c, json_get(n, "text"));
    if (check_member_of_choice(r, "value") == NULL && json_get(r, "dataAbsentReason") == NULL && json_get(r, "hasMember") == NULL)
        check_prose(c, MSG_VALIDATE_MISSING, NULL, r, "value[x] / dataAbsentReason", NULL);
}

void check_medication(struct check *c, const struct json_node *r)
{
    static const char *const systems[] = {
        "http://capstandard.jp/iyaku.info/CodeSystem/YJ-code", "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/MedicationGeneralOrderCode",
        "http://jpfhir.jp/fhir/eCS/CodeSystem/MedicationCodeNocoded_CS"
    };
    bool one = false;

    for (size_t i = 0; i < sizeof systems / sizeof *systems; i++)
        one |= check_count(json_path(r, "medicationCodeableConcept/coding"), "system", systems[i]) == 1;
    if (!one)
        check_add(c, MSG_ERROR, MSG_VALIDATE_MEDICATION_CODE, "needs-anyOfStandardCode-medication", r, NULL, NULL);
    check_flags(c, r, "LTS");
    check_institution(c, r);
}

/* --- documents ----------------------------------------------------------------------------------------------------------------- */

enum text_need { TEXT_WANTED, TEXT_FREE, TEXT_FORBIDDEN };

struct section { const char *code, *title; bool inner /* inside 300 */; uint8_t min, max /* 0 = any */, entries_min, entries_max /* 0 = any */; enum text_need text; };

static const struct section referral_sections[] = {
    { "920", "紹介元情報", false, 1, 1, 1, 3, TEXT_FREE }, { "910", "紹介先情報", false, 1, 1, 1, 3, TEXT_FREE }, { "200", "CDA参照", false, 0, 1, 1, 1, TEXT_FREE },
    { "300", "構造情報", false, 0, 1, 0, 0, TEXT_FREE }, { "210", "添付情報", false, 0, 0, 1, 0, TEXT_FREE }, { "220", "備考・連絡情報", false, 0, 0, 0, 1, TEXT_FREE },
    { "230", "PDF", false, 0, 0, 1, 0, TEXT_FORBIDDEN }, { "950", "紹介目的", true, 1, 1, 0, 1, TEXT_WANTED }, { "340", "傷病名・主訴", true, 1, 1, 0, 0, TEXT_WANTED },
    { "360", "現病歴", true, 1, 1, 0, 0, TEXT_WANTED }, { "370", "既往歴", true, 0, 1, 0, 0, TEXT_WANTED }, { "510", "アレルギー・不耐性反応", true, 0, 1, 0, 0, TEXT_WANTED },
    { "550", "家族歴", true, 0, 1, 0, 0, TEXT_WANTED }, { "610", "身体所見", true, 0, 1, 0, 0, TEXT_WANTED }, { "520", "感染症情報", true, 0, 1, 0, 0, TEXT_WANTED },
    { "640", "社会歴・生活習慣", true, 0, 1, 0, 0, TEXT_WANTED }, { "530", "予防接種歴", true, 0, 1, 0, 0, TEXT_WANTED }, { "730", "手術", true, 0, 1, 0, 0, TEXT_WANTED },
    { "740", "輸血歴", true, 0, 1, 0, 0, TEXT_WANTED }, { "720", "処置", true, 0, 1, 0, 0, TEXT_WANTED }, { "430", "投薬指示", true, 0, 1, 0, 0, TEXT_WANTED },
    { "620", "検査結果", true, 0, 1, 0, 0, TEXT_WANTED }, { "330", "臨床経過", true, 0, 1, 0, 0, TEXT_WANTED }, { "420", "診療方針指示", true, 0, 1, 0, 0, TEXT_WANTED },
    { "810", "医療機器", true, 0, 1, 0, 0, TEXT_WANTED }, { "410", "事前指示", true, 0, 1, 0, 0, TEXT_WANTED }, { "830", "臨床研究参加", true, 0, 1, 0, 0, TEXT_WANTED },
    { NULL, NULL, false, 0, 0, 0, 0, TEXT_FREE }
};
/* Only the CDA form passes the package (362, 372, 552, 642 are not in its own code system), so the structured one is left to it. */
static const struct section discharge_sections[] = {
    { "200", "CDA参照", false, 0, 1, 1, 1, TEXT_FREE }, { "300", "構造情報", false, 0, 1, 0, 0, TEXT_FREE }, { "210", "添付情報", false, 0, 0, 1, 0, TEXT_FREE },
    { "230", "PDF", false, 0, 0, 1, 0, TEXT_FREE }, { NULL, NULL, false, 0, 0, 0, 0, TEXT_FREE }
};
static const struct section summary_sections[] = {
    { "422", "計画サマリー", false, 0, 1, 2, 0, TEXT_FREE }, { NULL, NULL, false, 0, 0, 0, 0, TEXT_FREE }
};

/* cmp-1, cmp-2, at any depth (bounded by the reader) */
static void check_sections_base(struct check *c, const struct json_node *list, int depth)
{
    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL && depth < 32; n = n->next) {
        const struct json_node *entry = json_get(n, "entry"), *sub = json_get(n, "section");

        if (json_get(n, "text") == NULL && entry == NULL && sub == NULL)
            check_add_text(c, MSG_ERROR, MSG_VALIDATE_SECTION_EMPTY, "cmp-1", n, json_get(n, "title"), NULL);
        if (entry != NULL && json_get(n, "emptyReason") != NULL)
            check_add_text(c, MSG_ERROR, MSG_VALIDATE_SECTION_EMPTY, "cmp-2", n, json_get(n, "title"), NULL);
        check_sections_base(c, sub, depth + 1);
    }
}

static const struct json_node *section_coding(const struct json_node *section)
{
    return json_path(section, "code/coding/0");
}

static size_t count_sections(const struct json_node *list, const char *code)
{
    size_t count = 0;

    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next)
        count += check_find(json_path(n, "code/coding"), "code", code) != NULL;
    return count;
}

static void check_section(struct check *c, const struct json_node *n, const struct section *s)
{
    const struct json_node *title = json_get(n, "title"), *display = json_get(section_coding(n), "display"), *entry = json_get(n, "entry");
    size_t entries = json_is(entry, JSON_ARRAY) ? entry->count : 0;
    char named[80], limit[8];

    snprintf(named, sizeof named, "%sセクション", s->title);
    if (title != NULL && !json_equals(title, s->title))
        check_add(c, MSG_ERROR, MSG_VALIDATE_VALUE, NULL, title, "title", s->title);
    if (display != NULL && !json_equals(display, named))
        check_add(c, MSG_ERROR, MSG_VALIDATE_VALUE, NULL, display, "display", named);
    if (s->text == TEXT_FORBIDDEN && json_get(n, "text") != NULL)
        check_add(c, MSG_ERROR, MSG_VALIDATE_FORBIDDEN, NULL, n, "text", NULL);
    if (s->text == TEXT_WANTED && json_get(n, "text") == NULL)
        check_prose(c, MSG_VALIDATE_SECTION_TEXT, NULL, n, s->title, NULL);
    if (json_path(n, "text/status") != NULL && !json_equals(json_path(n, "text/status"), "additional"))
        check_add(c, MSG_ERROR, MSG_VALIDATE_VALUE, NULL, json_path(n, "text/status"), "status", "additional");
    if (entries < s->entries_min)
        check_add(c, MSG_ERROR, MSG_VALIDATE_MISSING, NULL, n, "entry", s->title);
    snprintf(limit, sizeof limit, "%u", s->entries_max);
    if (s->entries_max > 0 && entries > s->entries_max)
        check_add(c, MSG_ERROR, MSG_VALIDATE_TOO_MANY, NULL, n, "entry", limit);
}

static void check_sections(struct check *c, const struct json_node *owner, const struct section *table, bool inner)
{
    static const struct rule head[] = {
        { "section.title", 1, 1, NEED_FIRM, NULL, NULL, NULL, NULL }, { "section.code", 1, 1, NEED_FIRM, NULL, NULL, NULL, NULL },
        { "section.code.coding", 1, 1, NEED_FIRM, NULL, NULL, NULL, NULL }, { "section.code.coding.system", 1, 1, NEED_FIRM, SECTION_SYSTEM, NULL, NULL, NULL },
        { "section.code.coding.code", 1, 1, NEED_FIRM, NULL, NULL, NULL, NULL }, { "section.code.text", 0, 0, NEED_FIRM, NULL, NULL, NULL, NULL },
        { "section.mode", 0, 0, NEED_FIRM, NULL, NULL, NULL, NULL }, { "section.orderedBy", 0, 0, NEED_FIRM, NULL, NULL, NULL, NULL },
        { NULL, 0, 0, NEED_BASE, NULL, NULL, NULL, NULL }
    };
    const struct json_node *list = json_get(owner, "section");

    check_rules(c, owner, head);
    for (const struct section *s = table; s->code != NULL; s++) {
        size_t count = s->inner == inner ? count_sections(list, s->code) : 0;

        if (s->inner == inner && count < s->min)
            check_add(c, MSG_ERROR, MSG_VALIDATE_MISSING, NULL, owner, s->code, s->title);
        if (s->inner == inner && s->max > 0 && count > s->max)
            check_add(c, MSG_ERROR, MSG_VALIDATE_TOO_MANY, NULL, owner, s->title, "1");
    }
    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next) {
        const struct section *s = table;

        while (s->code != NULL && (s->inner != inner || !json_equals(json_get(section_coding(n), "code"), s->code)))
            s++;
        if (s->code != NULL)
            check_section(c, n, s);
        else if (json_get(section_coding(n), "code") != NULL)
            check_add_text(c, MSG_ERROR, MSG_VALIDATE_SECTION_UNKNOWN, NULL, section_coding(n), json_get(section_coding(n), "code"), NULL);
        if (s->code != NULL && strcmp(s->code, "300") != 0 && json_get(n, "section") != NULL)
            check_add(c, MSG_ERROR, MSG_VALIDATE_FORBIDDEN, NULL, n, "section", NULL);
    }
}

static const struct json_node *check_either_section(struct check *c, const struct json_node *r, const char *key)
{
    const struct json_node *list = json_get(r, "section");

    if ((count_sections(list, "200") > 0) == (count_sections(list, "300") > 0))
        check_add(c, MSG_ERROR, MSG_VALIDATE_SECTION_CHOICE, key, r, NULL, NULL);
    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next)
        if (json_equals(json_get(section_coding(n), "code"), "300"))
            return n;
    return NULL;
}

void check_referral(struct check *c, const struct json_node *r)
{
    const struct json_node *structured = check_either_section(c, r, "checkExist-CDASection-or-CompositionSection");

    check_sections(c, r, referral_sections, false);
    if (structured != NULL)
        check_sections(c, structured, referral_sections, true);
    if (structured != NULL && json_equals(json_path(r, "category/0/coding/0/code"), "OUTPATIENT") == json_equals(json_path(r, "category/0/coding/0/code"), "DISCHARGE"))
        check_prose(c, MSG_VALIDATE_VALUE, NULL, json_get(r, "category") != NULL ? json_get(r, "category") : r, "category", "OUTPATIENT|DISCHARGE");
}

void check_discharge(struct check *c, const struct json_node *r)
{
    check_either_section(c, r, "checkExist-CDASection-or-structuredSection");
    check_sections(c, r, discharge_sections, false);
}

void check_summary(struct check *c, const struct json_node *r)
{
    check_sections(c, r, summary_sections, false);
}
