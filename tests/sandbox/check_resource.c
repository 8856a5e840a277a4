/*
 * NAME
 *     check_resource - required elements of the resource types, and the rules beside the tables
 *
 * DESCRIPTION
 *     One table of rows a type, from the reading of the JP-CLINS profiles: elements that are 1..1 and must-support, fixed values, and what the
 *     base specification asks of them. Rules that need two elements at once are functions.
 */
#include "tests/sandbox/check.h"
#include "base/text.h"

#define END { NULL, 0, 0, FORM_ANY, NULL, NULL }
#define META(profile) \
    { "meta", 1, 1, FORM_OBJECT, NULL, "meta" }, { "meta.lastUpdated", 1, 1, FORM_INSTANT, NULL, "meta" }, \
    { "meta.profile", 1, MANY, FORM_TEXT, NULL, "meta" }, { "meta.profile{~" profile "}", 1, 1, FORM_ANY, NULL, "meta.profile" }
#define RESOURCE_ID \
    { "identifier{system=" RESOURCE_ID_SYSTEM "}", 1, 1, FORM_OBJECT, NULL, "identifier" }, { "identifier.value", 1, 1, FORM_TEXT, NULL, "identifier" }
#define CODED(prefix) \
    { prefix ".coding", 1, MANY, FORM_OBJECT, NULL, "coding" }, { prefix ".coding.system", 1, 1, FORM_TEXT, NULL, "coding" }, \
    { prefix ".coding.code", 1, 1, FORM_TEXT, NULL, "coding" }, { prefix ".coding.display", 1, 1, FORM_TEXT, NULL, "coding" }
#define EXTENSIONS \
    { "extension{url=" INSTITUTION_EXTENSION "}", 0, 1, FORM_OBJECT, NULL, "R9011" }, \
    { "extension{url=" INSTITUTION_EXTENSION "}.valueIdentifier", 1, 1, FORM_OBJECT, NULL, "R9011" }, \
    { "extension{url=" INSTITUTION_EXTENSION "}.valueIdentifier.system", 1, 1, FORM_FIXED, INSTITUTION_SYSTEM, "R9011" }, \
    { "extension{url=" INSTITUTION_EXTENSION "}.valueIdentifier.value", 1, 1, FORM_TEXT, NULL, "R9012" }, \
    { "extension{url=" DEPARTMENT_EXTENSION "}", 0, 1, FORM_OBJECT, NULL, "R9014" }, \
    { "extension{url=" DEPARTMENT_EXTENSION "}.valueCodeableConcept", 1, 1, FORM_OBJECT, NULL, "R9014" }

static const struct check_row patient_rows[] = {
    META(ECS_SD "JP_Patient_eCS"),
    { "meta.profile", 1, 1, FORM_TEXT, NULL, "R0212" },
    EXTENSIONS,
    { "identifier", 1, MANY, FORM_OBJECT, NULL, "R1010" },
    { "identifier.value", 1, 1, FORM_TEXT, NULL, "R1010" },
    { "identifier{system=" MEMBER_SYSTEM "}", 1, 1, FORM_OBJECT, NULL, "R1012" },
    { "name", 1, MANY, FORM_OBJECT, NULL, "R1110" },
    { "name.text", 1, 1, FORM_TEXT, NULL, "R1110" },
    { "name.family", 1, 1, FORM_TEXT, NULL, "R1110" },
    { "name.given", 1, MANY, FORM_TEXT, NULL, "R1110" },
    { "gender", 1, 1, FORM_ONE_OF, "male|female|other|unknown", "R1120" },
    { "birthDate", 1, 1, FORM_DATE, NULL, "R1130" },
    { "address", 1, 1, FORM_OBJECT, NULL, "R1140" },
    { "address.text", 1, 1, FORM_TEXT, NULL, "R1140" },
    END
};

static const struct check_row condition_rows[] = {
    META(ECS_SD "JP_Condition_eCS"),
    RESOURCE_ID,
    EXTENSIONS,
    { "clinicalStatus.coding", 1, MANY, FORM_OBJECT, NULL, "R2001" },
    { "clinicalStatus.coding.code", 1, 1, FORM_ONE_OF, "active|recurrence|relapse|inactive|remission|resolved", "R2001" },
    { "verificationStatus", 1, 1, FORM_OBJECT, NULL, "R2002" },
    { "verificationStatus.coding", 1, MANY, FORM_OBJECT, NULL, "R2002" },
    { "verificationStatus.coding.code", 1, 1, FORM_ONE_OF, "unconfirmed|provisional|differential|confirmed|refuted|entered-in-error", "R2002" },
    { "category", 1, 1, FORM_OBJECT, NULL, "R2003" },
    { "code", 1, 1, FORM_OBJECT, NULL, "R2004" },
    { "code.text", 1, 1, FORM_TEXT, NULL, "R2004" },
    { "code.coding", 1, MANY, FORM_OBJECT, NULL, "R2004" },
    { "code.coding.system", 1, 1, FORM_TEXT, NULL, "R2004" },
    { "code.coding.display", 1, 1, FORM_TEXT, NULL, "R2004" },
    { "code.coding{system=http://medis.or.jp/CodeSystem/master-disease-keyNumber}", 1, MANY, FORM_OBJECT, NULL, "R2005" },
    { "code.coding{system=http://medis.or.jp/CodeSystem/master-disease-keyNumber}.code", 1, 1, FORM_TEXT, NULL, "R2005" },
    { "subject", 1, 1, FORM_OBJECT, NULL, "R2006" },
    { "subject.reference", 1, 1, FORM_TEXT, NULL, "R2006" },
    { "onsetDateTime", 0, 1, FORM_DATETIME, NULL, "R2007" },
    { "onsetPeriod", 0, 0, FORM_ANY, NULL, "R2007" }, { "onsetString", 0, 0, FORM_ANY, NULL, "R2007" },
    { "onsetAge", 0, 0, FORM_ANY, NULL, "R2007" }, { "onsetRange", 0, 0, FORM_ANY, NULL, "R2007" },
    { "abatementDateTime", 0, 1, FORM_DATETIME, NULL, "R2008" },
    { "abatementPeriod", 0, 0, FORM_ANY, NULL, "R2008" }, { "abatementString", 0, 0, FORM_ANY, NULL, "R2008" },
    { "recordedDate", 0, 1, FORM_DATETIME, NULL, "R2009" },
    END
};

static const struct check_row allergy_rows[] = {
    META(ECS_SD "JP_AllergyIntolerance_eCS"),
    RESOURCE_ID,
    EXTENSIONS,
    { "clinicalStatus.coding", 1, MANY, FORM_OBJECT, NULL, "R6001" },
    { "clinicalStatus.coding.code", 1, 1, FORM_ONE_OF, "active|inactive|resolved", "R6001" },
    { "verificationStatus.coding.code", 1, 1, FORM_ONE_OF, "unconfirmed|confirmed|refuted|entered-in-error", "R6002" },
    { "category", 0, MANY, FORM_ONE_OF, "food|medication|environment|biologic", "R6003" },
    { "criticality", 0, 1, FORM_ONE_OF, "low|high|unable-to-assess", "R6004" },
    { "code", 1, 1, FORM_OBJECT, NULL, "R6005" },
    { "code.text", 1, 1, FORM_TEXT, NULL, "R6005" },
    CODED("code"),
    { "patient", 1, 1, FORM_OBJECT, NULL, "R6006" },
    { "patient.reference", 1, 1, FORM_TEXT, NULL, "R6006" },
    { "recordedDate", 0, 1, FORM_DATETIME, NULL, "R6007" },
    { "reaction.manifestation", 1, MANY, FORM_OBJECT, NULL, "R6008" },
    END
};

static const struct check_row lab_rows[] = {
    META(ECS_SD "JP_Observation_LabResult_eCS"),
    RESOURCE_ID,
    EXTENSIONS,
    { "extension{url=" INSTITUTION_EXTENSION "}", 1, 1, FORM_OBJECT, NULL, "R901101" },
    { "status", 1, 1, FORM_ONE_OF, "registered|preliminary|final|amended|corrected|cancelled|entered-in-error|unknown", "R5001" },
    { "category", 1, 1, FORM_OBJECT, NULL, "R5002" },
    { "category.coding", 1, 1, FORM_OBJECT, NULL, "R5002" },
    { "category.coding.system", 1, 1, FORM_FIXED, "http://jpfhir.jp/fhir/core/CodeSystem/JP_SimpleObservationCategory_CS", "R5002" },
    { "category.coding.code", 1, 1, FORM_FIXED, "laboratory", "R5002" },
    { "code", 1, 1, FORM_OBJECT, NULL, "R5003" },
    { "code.text", 1, 1, FORM_TEXT, NULL, "R5003" },
    CODED("code"),
    { "subject", 1, 1, FORM_OBJECT, NULL, "R5004" },
    { "subject.reference", 1, 1, FORM_TEXT, NULL, "R5004" },
    { "effectiveDateTime", 1, 1, FORM_DATETIME, NULL, "R5005" },
    { "effectivePeriod", 0, 0, FORM_ANY, NULL, "R5005" }, { "effectiveInstant", 0, 0, FORM_ANY, NULL, "R5005" },
    { "effectiveTiming", 0, 0, FORM_ANY, NULL, "R5005" },
    { "basedOn", 0, 1, FORM_OBJECT, NULL, "R5006" },
    { "performer", 0, 1, FORM_OBJECT, NULL, "R5007" },
    { "specimen", 1, 1, FORM_OBJECT, NULL, "R5008" },
    { "valueBoolean", 0, 0, FORM_ANY, NULL, "R5009" }, { "valueInteger", 0, 0, FORM_ANY, NULL, "R5009" },
    { "valueRange", 0, 0, FORM_ANY, NULL, "R5009" }, { "valueRatio", 0, 0, FORM_ANY, NULL, "R5009" },
    { "valueSampledData", 0, 0, FORM_ANY, NULL, "R5009" }, { "valueTime", 0, 0, FORM_ANY, NULL, "R5009" },
    { "valueDateTime", 0, 0, FORM_ANY, NULL, "R5009" }, { "valuePeriod", 0, 0, FORM_ANY, NULL, "R5009" },
    END
};

static const struct check_row medication_rows[] = {
    META(ECS_SD "JP_MedicationRequest_eCS"),
    EXTENSIONS,
    { "identifier", 2, MANY, FORM_OBJECT, NULL, "R3001" },
    { "identifier{system=http://jpfhir.jp/fhir/core/mhlw/IdSystem/Medication-RPGroupNumber}", 1, 1, FORM_OBJECT, NULL, "R3001" },
    { "identifier{system=http://jpfhir.jp/fhir/core/mhlw/IdSystem/MedicationAdministrationIndex}", 1, 1, FORM_OBJECT, NULL, "R3001" },
    { "status", 1, 1, FORM_FIXED, "completed", "R3002" },
    { "intent", 1, 1, FORM_FIXED, "order", "R3003" },
    { "medicationCodeableConcept", 1, 1, FORM_OBJECT, NULL, "R3004" },
    { "medicationCodeableConcept.text", 1, 1, FORM_TEXT, NULL, "R3004" },
    CODED("medicationCodeableConcept"),
    { "subject", 1, 1, FORM_OBJECT, NULL, "R3005" },
    { "authoredOn", 1, 1, FORM_DATETIME, NULL, "R3006" },
    { "dosageInstruction.text", 1, 1, FORM_TEXT, NULL, "R5022" },
    END
};

static const struct check_row organization_rows[] = {
    META(ECS_SD "JP_Organization_eCS"),
    { "identifier{system=" INSTITUTION_SYSTEM "}", 1, 1, FORM_OBJECT, NULL, "R7001" },
    { "identifier{system=" INSTITUTION_SYSTEM "}.value", 1, 1, FORM_TEXT, NULL, "R7001" },
    { "name", 1, 1, FORM_TEXT, NULL, "R7002" },
    { "address", 0, 1, FORM_OBJECT, NULL, "R7003" },
    { "address.text", 1, 1, FORM_TEXT, NULL, "R7003" },
    END
};

static const struct check_row practitioner_rows[] = {
    META(ECS_SD "JP_Practitioner_eCS"),
    { "name", 1, MANY, FORM_OBJECT, NULL, "R7101" },
    END
};

static const struct check_row encounter_rows[] = {
    META(ECS_SD "JP_Encounter_eCS"),
    { "status", 1, 1, FORM_FIXED, "finished", "R7201" },
    { "class", 1, 1, FORM_OBJECT, NULL, "R7202" },
    { "class.system", 1, 1, FORM_FIXED, "http://terminology.hl7.org/CodeSystem/v3-ActCode", "R7202" },
    { "class.code", 1, 1, FORM_TEXT, NULL, "R7202" },
    { "class.display", 1, 1, FORM_TEXT, NULL, "R7202" },
    { "period.start", 1, 1, FORM_DATETIME, NULL, "R7203" },
    { "reasonCode.text", 1, 1, FORM_TEXT, NULL, "R7204" },
    END
};

static const struct check_row reference_rows[] = {
    { "status", 1, 1, FORM_TEXT, NULL, "R7301" },
    { "content", 1, MANY, FORM_OBJECT, NULL, "R7301" },
    { "content.attachment", 1, 1, FORM_OBJECT, NULL, "R7301" },
    END
};

/* ---- rules of two elements -------------------------------------------------------------------------------------------------------- */

static void patient_rules(struct sb_bundle *b, const struct json_node *r, const char *location)
{
    char at[LOCATION_MAX];
    unsigned n = 0;
    for (const struct json_node *i = check_items(r, "identifier"); i != NULL; i = i->next, n++) {
        const struct json_node *value = json_get(i, "value");
        check_at(at, "%s.identifier[%u].value", location, n);
        if (json_equals(json_get(i, "system"), MEMBER_SYSTEM) && json_is(value, JSON_STRING) && !form_insured(value->text, value->len))
            check_find(b, "R1013", at, "被保険者個人識別子の形式が正しくありません。");
    }
    n = 0;
    for (const struct json_node *i = check_items(r, "name"); i != NULL; i = i->next, n++) {
        const struct json_node *text = json_get(i, "text");
        check_at(at, "%s.name[%u].text", location, n);
        if (json_is(text, JSON_STRING) && text_has_fullwidth_space(text->text, text->len))
            check_find(b, "R1113", at, "氏名に全角空白が含まれています。");
    }
}

static const char *status_code(struct sb_bundle *b, const struct json_node *r, const char *name)
{
    return check_text(b, json_at(json_get(json_get(r, name), "coding"), 0), "code");
}

static void condition_rules(struct sb_bundle *b, const struct json_node *r, const char *location)
{
    const char *clinical = status_code(b, r, "clinicalStatus"), *verified = status_code(b, r, "verificationStatus");
    bool ended = json_get(r, "abatementDateTime") != NULL;
    if (ended && clinical[0] != '\0' && strcmp(clinical, "inactive") != 0 && strcmp(clinical, "resolved") != 0 && strcmp(clinical, "remission") != 0)
        check_find(b, "con-4", location, "終了日がある傷病名の状態が継続中になっています。");
    if (strcmp(verified, "entered-in-error") == 0 && clinical[0] != '\0')
        check_find(b, "con-5", location, "誤登録の傷病名に状態が付いています。");
}

static bool digits_after(const char *code, const char *prefix, size_t total)
{
    size_t n = strlen(prefix);
    return strlen(code) == total && strncmp(code, prefix, n) == 0 && text_all_of(code + n, total - n, "0-9A-Z");
}

/* Each coding is of one of the lists of JP_AllergyIntolerance_VS; the lists themselves are masters, so only the shape of the code is read. */
static void allergy_rules(struct sb_bundle *b, const struct json_node *r, const char *location)
{
#define JFAGY "http://jpfhir.jp/fhir/core/CodeSystem/"
    static const struct { const char *system, *prefix; size_t total; } list[] = {
        { JFAGY "YCM/JP_JfagyMedicationAllergen_CS", "YCM", 15 }, { JFAGY "GCM/JP_JfagyMedicationAllergen_CS", "GCM", 15 },
        { JFAGY "JP_JfagyFoodAllergen_CS", "J9F", 12 }, { JFAGY "JP_JfagyFoodAllergen_CS", "D9F", 12 },
        { JFAGY "JP_JfagyNonFoodNonMedicationAllergen_CS", "J9N", 12 }, { JFAGY "JP_JfagyNonFoodNonMedicationAllergen_CS", "D9N", 12 },
        { JFAGY "JP_JfagyMedicationAllergen_CS", "D9M", 12 }, { JFAGY "YCM/JP_JfagyMedicationAllergen_CS", "D9M", 12 },
        { JFAGY "GCM/JP_JfagyMedicationAllergen_CS", "D9M", 12 }, { JFAGY "JP_JfagyMedicationAllergen_CS", "YCM", 15 },
    };
    char at[LOCATION_MAX];
    unsigned n = 0;
    for (const struct json_node *i = check_items(json_get(r, "code"), "coding"); i != NULL; i = i->next, n++) {
        bool known = false;
        const char *system = check_text(b, i, "system"), *code = check_text(b, i, "code");
        for (size_t k = 0; k < sizeof list / sizeof list[0]; k++)
            known |= strcmp(system, list[k].system) == 0 && digits_after(code, list[k].prefix, list[k].total);
        check_at(at, "%s.code.coding[%u]", location, n);
        if (!known)
            check_find(b, "R6010", at, "アレルギーのコードが定められた一覧の形式ではありません。");
    }
    const char *verified = status_code(b, r, "verificationStatus");
    bool mistaken = strcmp(verified, "entered-in-error") == 0, has_status = json_get(r, "clinicalStatus") != NULL;
    if (mistaken == has_status)
        check_find(b, mistaken ? "ait-2" : "ait-1", location, "clinicalStatusの有無がverificationStatusと合いません。");
}

/* At most one coding of each list, and one of the four that the service can read; the local code stands beside it. */
static void lab_rules(struct sb_bundle *b, const struct json_node *r, const char *location)
{
#define LAB "http://jpfhir.jp/fhir/clins/CodeSystem/"
    static const char *const systems[] = {
        LAB "JLAC10/JP_CLINS_ObsLabResult_CoreLabo_CS", LAB "JLAC10/JP_CLINS_ObsLabResult_InfectionLabo_CS",
        "http://medis.or.jp/CodeSystem/master-JLAC10-17digits", LAB "JP_CLINS_ObsLabResult_Uncoded_CS",
        LAB "JP_CLINS_ObsLabResult_LocalCode_CS",
    };
    char at[LOCATION_MAX];
    unsigned standard = 0;
    check_at(at, "%s.code.coding", location);
    for (size_t i = 0; i < sizeof systems / sizeof systems[0]; i++) {
        unsigned count;
        check_pick(json_get(r, "code"), "coding", "system", systems[i], &count);
        if (count > 1)
            check_find(b, "R5010", at, "同じコード体系のコードが二つ以上あります。");
        standard += i < 4 ? count : 0;
    }
    if (standard == 0)
        check_find(b, "R5011", at, "標準コードまたは未標準化コードがありません。");
    bool value = json_get(r, "valueQuantity") != NULL || json_get(r, "valueCodeableConcept") != NULL || json_get(r, "valueString") != NULL;
    if (value && json_get(r, "dataAbsentReason") != NULL)
        check_find(b, "obs-6", location, "値と欠損理由は同時に指定できません。");
}

static void organization_rules(struct sb_bundle *b, const struct json_node *r, const char *location)
{
    char at[LOCATION_MAX];
    const struct json_node *value = json_get(check_pick(r, "identifier", "system", INSTITUTION_SYSTEM, NULL), "value");
    check_at(at, "%s.identifier", location);
    if (json_is(value, JSON_STRING) && !form_institution(value->text, value->len))
        check_find(b, "R7001", at, "医療機関番号は10桁の正しい番号でなければなりません。");
}

/* ---- by type ---------------------------------------------------------------------------------------------------------------------- */

typedef void rules(struct sb_bundle *b, const struct json_node *resource, const char *location);

/* profile: the row holds only for resources that claim it; NULL = for all of the type. flags: which of the three may stand in meta.tag. */
static const struct { const char *type, *profile; const struct check_row *rows; rules *extra; const char *flags; } type_table[] = {
    { "Patient", NULL, patient_rows, patient_rules, "" },
    { "Condition", NULL, condition_rows, condition_rules, "LTS|UNINFORMED|UNDELIVERED" },
    { "AllergyIntolerance", NULL, allergy_rows, allergy_rules, "LTS" },
    { "Observation", ECS_SD "JP_Observation_LabResult_eCS", lab_rows, lab_rules, "LTS" },
    { "MedicationRequest", NULL, medication_rows, NULL, "LTS" },
    { "Organization", NULL, organization_rows, organization_rules, "" },
    { "Practitioner", NULL, practitioner_rows, NULL, "" },
    { "Encounter", NULL, encounter_rows, NULL, "" },
    { "DocumentReference", NULL, reference_rows, NULL, "" },
    { "Composition", NULL, NULL, NULL, "LTS" },
    { "Observation", NULL, NULL, NULL, "LTS" },
};

enum { TYPES = sizeof type_table / sizeof type_table[0] };

static bool flag_allowed(const char *list, const char *code)
{
    size_t n = strlen(code);
    for (const char *p = list; *p != '\0'; p += strcspn(p, "|"), p += *p == '|')
        if (strcspn(p, "|") == n && strncmp(p, code, n) == 0)
            return true;
    return false;
}

void check_flags(struct sb_bundle *b, const struct json_node *resource, const char *location, const char *type)
{
    const char *allowed = strcmp(type, "Bundle") == 0 ? "LTS" : "", *seen[4] = { "", "", "", "" };
    bool closed = false;
    unsigned n = 0, count = 0;
    char at[LOCATION_MAX];
    for (int i = 0; i < TYPES; i++)
        if (strcmp(type_table[i].type, type) == 0)
            allowed = type_table[i].flags;
    closed = strcmp(type, "Condition") == 0 || strcmp(type, "AllergyIntolerance") == 0 || strcmp(type, "MedicationRequest") == 0 || strcmp(type, "Observation") == 0;
    for (const struct json_node *i = check_items(json_get(resource, "meta"), "tag"); i != NULL; i = i->next, n++) {
        const char *code = check_text(b, i, "code");
        bool flag = json_equals(json_get(i, "system"), FLAG_SYSTEM);
        check_at(at, "%s.meta.tag[%u]", location, n);
        if (flag && !flag_allowed("LTS|UNINFORMED|UNDELIVERED", code)) {
            check_find(b, "R9021", at, "フラグのコードが正しくありません。");
        } else if (flag && !flag_allowed(allowed, code)) {
            check_refuse(b, SB_BAD_FLAG, "R9020", at, "このリソース種別には指定できないフラグです。");
        } else if (flag) {
            for (unsigned k = 0; k < count; k++)
                if (strcmp(seen[k], code) == 0)
                    check_find(b, "R9021", at, "同じフラグが二つあります。");
            if (count < 4)
                seen[count++] = code;
        } else if (closed) {
            check_find(b, "R9022", at, "このリソースに許されていないタグです。");
        }
    }
}

/* A member "reference" with this text anywhere below; the reader has bounded the depth. */
static bool refers_to(const struct json_node *node, const char *reference)
{
    if (json_key_is(node, "reference") && json_equals(node, reference))
        return true;
    if (node->type != JSON_OBJECT && node->type != JSON_ARRAY)
        return false;
    for (const struct json_node *c = node->child; c != NULL; c = c->next)
        if (refers_to(c, reference))
            return true;
    return false;
}

/* Contained resources: base rules dom-2, dom-3, dom-4 and the one profile that the collection asks of an Encounter. */
void check_contained(struct sb_bundle *b, const struct json_node *resource, const char *location)
{
    unsigned n = 0;
    for (const struct json_node *c = check_items(resource, "contained"); c != NULL; c = c->next, n++) {
        char at[LOCATION_MAX], reference[96];
        const char *id = check_text(b, c, "id");
        check_at(at, "%s.contained[%u]", location, n);
        if (json_get(json_get(c, "meta"), "lastUpdated") != NULL || json_get(json_get(c, "meta"), "versionId") != NULL)
            check_find(b, "dom-4", at, "containedのmetaに最終更新日時や版数を持つことはできません。");
        if (json_get(c, "contained") != NULL)
            check_find(b, "dom-2", at, "containedを入れ子にすることはできません。");
        if (check_items(json_get(c, "meta"), "profile") == NULL)
            check_find(b, "meta.profile", at, "containedにmeta.profileがありません。");
        snprintf(reference, sizeof reference, "#%s", id);
        if (id[0] == '\0' || !refers_to(resource, reference))
            check_find(b, "dom-3", at, "containedがどこからも参照されていません。");
    }
}

void check_resource(struct sb_bundle *b, const struct json_node *resource, const char *location, bool in_document)
{
    const char *type = check_text(b, resource, "resourceType");
    for (int i = 0; i < TYPES; i++) {
        if (strcmp(type_table[i].type, type) != 0 || type_table[i].rows == NULL)
            continue;
        if (in_document && type_table[i].profile != NULL && !check_has_profile(resource, type_table[i].profile, false))
            continue;
        check_rows(b, resource, location, type_table[i].rows);
        if (type_table[i].extra != NULL)
            type_table[i].extra(b, resource, location);
    }
    check_flags(b, resource, location, type);
    check_contained(b, resource, location);
}
