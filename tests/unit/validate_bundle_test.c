/*
 * The validator through its face: small Bundles of our own are taken, and every damage done to them is found by its rule at its place.
 */
#include "validate/validate.h"

#include "tests/unit/test.h"

#define META(profile) "\"meta\":{\"lastUpdated\":\"2026-01-02T03:04:05.678+09:00\",\"profile\":[\"http://jpfhir.jp/fhir/" profile "\"]}"
#define META_TAG(profile, code) "\"meta\":{\"lastUpdated\":\"2026-01-02T03:04:05.678+09:00\",\"profile\":[\"http://jpfhir.jp/fhir/" profile "\"],\"tag\":[" code "]}"
#define FLAG(code) "{\"system\":\"http://jpfhir.jp/fhir/clins/CodeSystem/JP_ehrshrs_indication\",\"code\":\"" code "\"}"
#define RESOURCE_ID(value) "\"identifier\":[{\"system\":\"http://jpfhir.jp/fhir/core/IdSystem/resourceInstance-identifier\",\"value\":\"" value "\"}]"
#define URN(digit) "urn:uuid:00000000-0000-4000-8000-00000000000" digit
#define ENTRY(digit, resource) "{\"fullUrl\":\"" URN(digit) "\",\"resource\":{" resource "}}"
#define INSTITUTION \
    "{\"url\":\"http://jpfhir.jp/fhir/clins/Extension/StructureDefinition/JP_eCS_InstitutionNumber\",\"valueIdentifier\":{\"system\":" \
    "\"http://jpfhir.jp/fhir/core/IdSystem/insurance-medical-institution-no\",\"value\":\"1312345679\"}}"
#define DEPARTMENT \
    "{\"url\":\"http://jpfhir.jp/fhir/eCS/Extension/StructureDefinition/JP_eCS_Department\",\"valueCodeableConcept\":{\"coding\":[{\"system\":" \
    "\"http://jami.jp/SS-MIX2/CodeSystem/ClinicalDepartment\",\"code\":\"01\",\"display\":\"内科\"}],\"text\":\"内科\"}}"
#define NAME(kind, family, given) \
    "{\"extension\":[{\"url\":\"http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation\",\"valueCode\":\"" kind "\"}],\"text\":\"" family " " given \
    "\",\"family\":\"" family "\",\"given\":[\"" given "\"]}"
#define PATIENT \
    "\"resourceType\":\"Patient\"," META("eCS/StructureDefinition/JP_Patient_eCS") ",\"extension\":[" INSTITUTION "],\"identifier\":[{\"system\":" \
    "\"urn:oid:1.2.392.100495.20.3.51.11312345679\",\"value\":\"0042\"},{\"system\":\"http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID\"," \
    "\"value\":\"06132013:１２:３４５:01\"}],\"name\":[" NAME("IDE", "試験", "花子") "," NAME("SYL", "シケン", "ハナコ") "],\"gender\":\"female\"," \
    "\"birthDate\":\"1960-02-29\",\"address\":[{\"text\":\"東京都千代田区1-1\",\"state\":\"東京都\",\"city\":\"千代田区\"}]"
#define CONTAINED_ENCOUNTER \
    "\"contained\":[{\"resourceType\":\"Encounter\",\"id\":\"enc\",\"meta\":{\"profile\":[\"http://jpfhir.jp/fhir/core/StructureDefinition/JP_Encounter\"]}," \
    "\"status\":\"finished\",\"class\":{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ActCode\",\"code\":\"AMB\",\"display\":\"ambulatory\"}}]," \
    "\"encounter\":{\"reference\":\"#enc\"}"
#define CONDITION(flags) \
    "\"resourceType\":\"Condition\"," META_TAG("eCS/StructureDefinition/JP_Condition_eCS", flags) "," CONTAINED_ENCOUNTER ",\"extension\":[" INSTITUTION "," \
    DEPARTMENT "]," RESOURCE_ID("c-1") ",\"clinicalStatus\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/condition-clinical\",\"code\":" \
    "\"active\"}]},\"verificationStatus\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/condition-ver-status\",\"code\":\"confirmed\"}]}," \
    "\"category\":[{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/condition-category\",\"code\":\"encounter-diagnosis\"}]}],\"code\":{\"coding\":" \
    "[{\"system\":\"http://medis.or.jp/CodeSystem/master-disease-keyNumber\",\"code\":\"20058911\",\"display\":\"狭心症\"}],\"text\":\"狭心症\"},\"subject\":" \
    "{\"reference\":\"" URN("1") "\"},\"onsetDateTime\":\"2025-12-01\""
#define LAB \
    "\"resourceType\":\"Observation\"," META_TAG("eCS/StructureDefinition/JP_Observation_LabResult_eCS", FLAG("LTS")) "," CONTAINED_ENCOUNTER ",\"extension\":[" \
    INSTITUTION "," DEPARTMENT "]," RESOURCE_ID("o-1") ",\"status\":\"final\",\"category\":[{\"coding\":[{\"system\":" \
    "\"http://jpfhir.jp/fhir/core/CodeSystem/JP_SimpleObservationCategory_CS\",\"code\":\"laboratory\"}]}],\"code\":{\"coding\":[{\"system\":" \
    "\"http://jpfhir.jp/fhir/clins/CodeSystem/JP_CLINS_ObsLabResult_LocalCode_CS\",\"code\":\"A1\",\"display\":\"尿素窒素\"},{\"system\":" \
    "\"http://jpfhir.jp/fhir/clins/CodeSystem/JP_CLINS_ObsLabResult_Uncoded_CS\",\"code\":\"99999999999999999\",\"display\":\"未標準化コード項目(JLAC)\"}]," \
    "\"text\":\"尿素窒素\"},\"subject\":{\"reference\":\"" URN("1") "\"},\"effectiveDateTime\":\"2026-01-02T03:04:05+09:00\",\"performer\":[{\"display\":\"医師\"}]," \
    "\"valueQuantity\":{\"value\":12.50,\"unit\":\"mg/dL\"},\"specimen\":{\"type\":\"Specimen\",\"display\":\"血清\"}"
#define ALLERGY \
    "\"resourceType\":\"AllergyIntolerance\"," META("eCS/StructureDefinition/JP_AllergyIntolerance_eCS") ",\"extension\":[" INSTITUTION "]," RESOURCE_ID("a-1") \
    ",\"clinicalStatus\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical\",\"code\":\"active\"}]}," \
    "\"category\":[\"food\"],\"code\":{\"coding\":[{\"system\":\"http://jpfhir.jp/fhir/core/CodeSystem/JP_JfagyFoodAllergen_CS\",\"code\":\"J9FC11310000\"," \
    "\"display\":\"さば\"}],\"text\":\"サバ\"},\"patient\":{\"reference\":\"" URN("1") "\"}"
#define COLLECTION(type, resource) \
    "{\"resourceType\":\"Bundle\"," META_TAG("clins/StructureDefinition/JP_Bundle_CLINS|1", "{\"system\":" \
    "\"http://jpfhir.jp/fhir/clins/CodeSystem/BundleResourceType_CS\",\"code\":\"" type "\"}") ",\"identifier\":{\"system\":" \
    "\"http://jpfhir.jp/fhir/clins/bundle-identifier\",\"value\":\"1312345679^2026^unit-1\"},\"type\":\"collection\",\"timestamp\":" \
    "\"2026-01-02T03:04:05.678+09:00\",\n\"entry\":[" ENTRY("1", PATIENT) ",\n" ENTRY("2", resource) "]}"

static const char conditions[] = COLLECTION("Condition", CONDITION(FLAG("LTS") "," FLAG("UNINFORMED") "," FLAG("UNDELIVERED")));
static const char lab_results[] = COLLECTION("Observation", LAB);
static const char allergies[] = COLLECTION("AllergyIntolerance", ALLERGY);

#define TEXT(text) "\"text\":{\"status\":\"additional\",\"div\":\"<div xmlns=\\\"http://www.w3.org/1999/xhtml\\\">" text "</div>\"}"
#define SECTION(code, title, rest) \
    "{\"title\":\"" title "\",\"code\":{\"coding\":[{\"system\":\"http://jpfhir.jp/fhir/clins/CodeSystem/document-section\",\"code\":\"" code "\",\"display\":\"" \
    title "セクション\"}]}," rest "}"
#define REF(digit) "{\"reference\":\"" URN(digit) "\"}"
#define ORGANIZATION(number, name) \
    "\"resourceType\":\"Organization\"," META("eCS/StructureDefinition/JP_Organization_eCS") ",\"identifier\":[{\"system\":" \
    "\"http://jpfhir.jp/fhir/core/IdSystem/insurance-medical-institution-no\",\"value\":\"" number "\"}],\"name\":\"" name "\""
#define COMPOSITION \
    "\"resourceType\":\"Composition\"," META("eReferral/StructureDefinition/JP_Composition_eReferral|1") ",\"extension\":[{\"url\":" \
    "\"http://hl7.org/fhir/StructureDefinition/composition-clinicaldocument-versionNumber\",\"valueString\":\"1\"}],\"identifier\":{\"system\":" \
    "\"http://jpfhir.jp/fhir/core/IdSystem/resourceInstance-identifier\",\"value\":\"1312345679-2026-1\"},\"status\":\"final\",\"type\":{\"coding\":[{\"system\":" \
    "\"http://jpfhir.jp/fhir/Common/CodeSystem/doc-typecodes\",\"code\":\"57133-1\",\"display\":\"診療情報提供書\"}]},\"category\":[{\"coding\":[{\"system\":" \
    "\"http://jpfhir.jp/fhir/Common/CodeSystem/doc-subtypecodes\",\"code\":\"OUTPATIENT\",\"display\":\"外来文書\"}]}],\"subject\":" REF("1") "," \
    "\"date\":\"2026-01-02T03:04:05+09:00\",\"author\":[" REF("3") "," REF("4") "],\"title\":\"診療情報提供書\",\"custodian\":" REF("4") ",\"event\":[{\"code\":" \
    "[{\"text\":\"診療情報提供書発行\"}],\"period\":{\"start\":\"2026-01-02\"}}],\"section\":[" \
    SECTION("920", "紹介元情報", TEXT("診療所") ",\"entry\":[" REF("4") "," REF("3") "]") ",\n" SECTION("910", "紹介先情報", TEXT("病院") ",\"entry\":[" REF("5") "]") ",\n" \
    SECTION("300", "構造情報", "\"section\":[" SECTION("950", "紹介目的", TEXT("精査")) "," SECTION("340", "傷病名・主訴", TEXT("腹痛")) "," \
    SECTION("360", "現病歴", TEXT("三日前から")) "," SECTION("330", "臨床経過", TEXT("なし")) "]") "]"

/* In two literals, as C99 promises no more than 4095 bytes in one. */
static char referral[8192];

__attribute__((constructor))
static void write_referral(void)
{
    snprintf(referral, sizeof referral, "%s%s",
             "{\"resourceType\":\"Bundle\"," META("clins/StructureDefinition/JP_Bundle_eReferral|1") ",\"identifier\":{\"system\":"
             "\"http://jpfhir.jp/fhir/clins/bundle-identifier\",\"value\":\"1312345679^2026^letter-1\"},\"type\":\"document\",\"timestamp\":"
             "\"2026-01-02T03:04:05.678+09:00\",\"entry\":[" ENTRY("2", COMPOSITION),
             "," ENTRY("1", PATIENT) "," ENTRY("3", "\"resourceType\":\"Practitioner\"," META("eCS/StructureDefinition/JP_Practitioner_eCS"))
             "," ENTRY("4", ORGANIZATION("1312345679", "診療所")) "," ENTRY("5", ORGANIZATION("1312345679", "病院")) "]}");
}

static struct arena *arena;
static struct issue_list issues;

static void run_with(const char *text, size_t len, enum validate_reading reading, const struct validate_terms *terms)
{
    struct validate_request r = { .bytes = text, .len = len, .reading = reading, .terms = terms };
    struct err e = ERR_INIT;

    arena = arena_free(arena);
    arena = arena_new(256 << 20);
    issues_init(&issues, arena);
    CHECK_OK(validate_bytes(&r, &issues, &e));
}

static void run(const char *text, enum validate_reading reading)
{
    run_with(text, strlen(text), reading, NULL);
}

/* The text with the first `from` replaced. */
static char *changed(const char *text, const char *from, const char *to)
{
    static char out[65536];
    const char *at = strstr(text, from);

    if (at == NULL)
        test_fail(__FILE__, __LINE__, "no \"%s\" to change", from);
    snprintf(out, sizeof out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return out;
}

static void show(void)
{
    for (const struct issue *i = issues.first; i != NULL; i = i->next)
        printf("       %s %s %s at %s\n", msg_severity_name(i->severity), msg_get(i->msg)->name, i->rule ? i->rule : "-", i->location);
}

static const struct issue *said(enum msg_id msg, enum msg_severity severity, const char *location)
{
    for (const struct issue *i = issues.first; i != NULL; i = i->next)
        if (i->msg == msg && i->severity == severity && strcmp(i->location, location) == 0)
            return i;
    show();
    return NULL;
}

static bool any(enum msg_id msg)
{
    for (const struct issue *i = issues.first; i != NULL; i = i->next)
        if (i->msg == msg)
            return true;
    return false;
}

struct damage { const char *text, *from, *to; enum msg_severity severity; const char *rule; enum msg_id msg; const char *location; };

static bool found(const struct damage *d)
{
    for (const struct issue *i = issues.first; i != NULL; i = i->next)
        if (i->severity == d->severity && (d->rule == NULL || (i->rule != NULL && strcmp(i->rule, d->rule) == 0)) && i->msg == d->msg
            && strcmp(i->location, d->location) == 0 && i->offset >= 0 && i->line > 0 && i->column > 0)
            return true;
    return false;
}

static void damage_all(const struct damage *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        run(changed(list[i].text, list[i].from, list[i].to), VALIDATE_SERVICE);
        if (!found(&list[i])) {
            show();
            test_fail(__FILE__, __LINE__, "damage %zu not found: %s -> %s", i, list[i].from, list[i].to);
        }
    }
}

#define DAMAGES(...) do { static const struct damage list[] = { __VA_ARGS__ }; damage_all(list, sizeof list / sizeof *list); } while (0)

TEST(validate_takes_sound_bundles_without_an_error)
{
    static const char *const sound[] = { conditions, lab_results, allergies, referral };

    for (size_t i = 0; i < sizeof sound / sizeof *sound; i++)
        for (int reading = VALIDATE_HL7; reading <= VALIDATE_SERVICE; reading++) {
            run(sound[i], (enum validate_reading)reading);
            if (issues.errors > 0 || (reading == VALIDATE_HL7 && issues.warnings > 0)) {
                show();
                test_fail(__FILE__, __LINE__, "sound Bundle %zu has findings", i);
            }
        }
}

TEST(validate_finds_damage_to_the_head_of_a_bundle)
{
    DAMAGES(
        { conditions, "JP_Bundle_CLINS|1", "JP_Bundle_CLINS|1.5.2", MSG_ERROR, NULL, MSG_VALIDATE_PROFILE_UNKNOWN, "Bundle.meta.profile[0]" },
        { conditions, "JP_Bundle_CLINS|1", "JP_Bundle_KLINS", MSG_ERROR, NULL, MSG_VALIDATE_PROFILE_UNKNOWN, "Bundle.meta.profile[0]" },
        { conditions, "\"lastUpdated\":\"2026-01-02T03:04:05.678+09:00\",", "", MSG_ERROR, NULL, MSG_VALIDATE_MISSING, "Bundle.meta" },
        { conditions, "BundleResourceType_CS", "Other_CS", MSG_ERROR, "bundle-meta-tag-resourceType-exists", MSG_VALIDATE_MISSING, "Bundle" },
        { conditions, "\"code\":\"Condition\"", "\"code\":\"Patient\"", MSG_ERROR, "bundle-meta-tag-resourceType-valid", MSG_VALIDATE_VALUE, "Bundle" },
        { conditions, "\"code\":\"Condition\"", "\"code\":\"Observation\"", MSG_ERROR, "mustHaveOneMoreResources-with-designatedResourceType",
          MSG_VALIDATE_NOTHING_OF_TAG, "Bundle" },
        { conditions, "\"code\":\"Condition\"", "\"code\":\"Observation\"", MSG_ERROR, NULL, MSG_VALIDATE_MIXED_TYPES, "Bundle.entry[1]" },
        { conditions, "clins/bundle-identifier", "clins/other", MSG_ERROR, "valid-system-bundleIdenfifier", MSG_VALIDATE_VALUE, "Bundle" },
        { conditions, "1312345679^2026^unit-1", "1312345679^2019^unit-1", MSG_ERROR, "valid-value-bundleIdenfifier", MSG_VALIDATE_FORMAT, "Bundle" },
        { conditions, "1312345679^2026^unit-1", "1342345670^2026^unit-1", MSG_ERROR, "valid-value-bundleIdenfifier", MSG_VALIDATE_FORMAT, "Bundle" },
        { conditions, "1312345679^2026^unit-1", "1312345679^2026^unit_1", MSG_ERROR, "valid-value-bundleIdenfifier", MSG_VALIDATE_FORMAT, "Bundle" },
        { conditions, "1312345679^2026^unit-1", "1312345679^2026^", MSG_ERROR, "valid-value-bundleIdenfifier", MSG_VALIDATE_FORMAT, "Bundle" },
        { conditions, "\"collection\"", "\"document\"", MSG_ERROR, NULL, MSG_VALIDATE_FIXED, "Bundle.type" },
        { conditions, "\"timestamp\":\"2026-01-02T03:04:05.678", "\"timestamp\":\"2026-01-02T03:04:05", MSG_WARNING, NULL, MSG_VALIDATE_MILLISECONDS, "Bundle.timestamp" },
        { conditions, "\"timestamp\":\"2026-01-02T03:04:05.678", "\"timestamp\":\"2026-01-02T25:04:05.678", MSG_ERROR, NULL, MSG_VALIDATE_DATE, "Bundle.timestamp" },
        { conditions, "\"resourceType\":\"Patient\"", "\"resourceType\":\"Person\"", MSG_ERROR, "first-bundle-entry-is-Patient", MSG_VALIDATE_FIRST_ENTRY, "Bundle" },
        { conditions, URN("2"), URN("1"), MSG_ERROR, "bdl-7", MSG_VALIDATE_FULLURL_TWICE, "Bundle" },
        { conditions, "\"fullUrl\":\"" URN("2") "\",", "", MSG_ERROR, NULL, MSG_VALIDATE_MISSING, "Bundle.entry[1]" },
        { conditions, "\"fullUrl\":\"" URN("2") "\",", "\"fullUrl\":\"http://x.example/Condition/1\",", MSG_WARNING, NULL, MSG_VALIDATE_FORMAT, "Bundle.entry[1].fullUrl" },
        { conditions, "{\"fullUrl\":\"" URN("2") "\",", "{\"search\":{\"mode\":\"match\"},\"fullUrl\":\"" URN("2") "\",", MSG_ERROR, "bdl-2", MSG_VALIDATE_INVARIANT, "Bundle" });
}

TEST(validate_finds_damage_to_the_patient)
{
    DAMAGES(
        { lab_results, "JP_Insurance_memberID", "JP_PublicPayer_memberID", MSG_ERROR, "valid-system-insurance-patientIdentifier", MSG_VALIDATE_MEMBER_ID, "Bundle.entry[0].resource" },
        { lab_results, "06132013:１２:３４５:01", "6132013:１２:３４５:01", MSG_ERROR, "valid-value-insurance-patientIdentifier", MSG_VALIDATE_MEMBER_ID, "Bundle.entry[0].resource" },
        { lab_results, "06132013:１２:３４５:01", "06132013:１２:３４５:1", MSG_ERROR, "valid-value-insurance-patientIdentifier", MSG_VALIDATE_MEMBER_ID, "Bundle.entry[0].resource" },
        { lab_results, "06132013:１２:３４５:01", "06132013:１　２:３４５:01", MSG_ERROR, "valid-value-insurance-patientIdentifier", MSG_VALIDATE_MEMBER_ID, "Bundle.entry[0].resource" },
        { lab_results, "06132013:１２:３４５:01", "06132013:１２:３４５", MSG_ERROR, "valid-value-insurance-patientIdentifier", MSG_VALIDATE_MEMBER_ID, "Bundle.entry[0].resource" },
        { lab_results, "51.11312345679", "51.2131234567", MSG_ERROR, "valid-system-local-patientID", MSG_VALIDATE_LOCAL_ID, "Bundle.entry[0].resource" },
        { lab_results, "\"試験 花子\"", "\"試験　花子\"", MSG_ERROR, "kanjiName-kanaName-donot-contain-ZenkakuKuuhaku", MSG_VALIDATE_NAME_SPACE, "Bundle.entry[0].resource" },
        { lab_results, "\"valueCode\":\"SYL\"", "\"valueCode\":\"ABC\"", MSG_WARNING, "R1112", MSG_VALIDATE_NAME_KINDS, "Bundle.entry[0].resource" },
        { lab_results, "\"family\":\"試験\",", "", MSG_ERROR, NULL, MSG_VALIDATE_MISSING, "Bundle.entry[0].resource.name[0]" },
        { lab_results, "\"gender\":\"female\",", "", MSG_ERROR, NULL, MSG_VALIDATE_MISSING, "Bundle.entry[0].resource" },
        { lab_results, "\"female\"", "\"F\"", MSG_ERROR, NULL, MSG_VALIDATE_BINDING, "Bundle.entry[0].resource.gender" },
        { lab_results, "1960-02-29", "1961-02-29", MSG_ERROR, NULL, MSG_VALIDATE_DATE, "Bundle.entry[0].resource.birthDate" },
        { lab_results, "\"text\":\"東京都千代田区1-1\",", "", MSG_ERROR, NULL, MSG_VALIDATE_MISSING, "Bundle.entry[0].resource.address[0]" },
        { lab_results, ",\"state\":\"東京都\"", "", MSG_WARNING, NULL, MSG_VALIDATE_MISSING, "Bundle.entry[0].resource.address" },
        { lab_results, "JP_Patient_eCS\"]},\"extension\":[" INSTITUTION "]", "JP_Patient_eCS|9\"]}", MSG_WARNING, NULL, MSG_VALIDATE_INSTITUTION, "Bundle.entry[0].resource" },
        { lab_results, "JP_Patient_eCS", "JP_Patient", MSG_ERROR, "patients-profile-is-JP-Patient-eCS", MSG_VALIDATE_PROFILE_NEEDED, "Bundle" });
}

TEST(validate_finds_damage_to_a_condition)
{
    DAMAGES(
        { conditions, "\"onsetDateTime\":\"2025-12-01\"", "\"recordedDate\":\"2025-12-01\"", MSG_ERROR, "condition-needs-onsetDateTime", MSG_VALIDATE_ONSET, "Bundle" },
        { conditions, "JP_eCS_Department", "JP_eCS_Other", MSG_ERROR, "condition-needs-extension-of-Department", MSG_VALIDATE_DEPARTMENT, "Bundle" },
        { conditions, "core/StructureDefinition/JP_Encounter", "core/StructureDefinition/JP_Encounter|1.1.2", MSG_ERROR, "condition-needs-contained-of-Encounter",
          MSG_VALIDATE_ENCOUNTER, "Bundle" },
        { conditions, "JP_Condition_eCS", "JP_Condition_eCS|1", MSG_ERROR, "validEntryProfile-Condition", MSG_VALIDATE_PROFILE_VERSIONED, "Bundle" },
        { conditions, "\"#enc\"", "\"#ens\"", MSG_ERROR, "ref-1", MSG_VALIDATE_INVARIANT, "Bundle.entry[1].resource.encounter" },
        { conditions, "\"#enc\"", "\"#ens\"", MSG_ERROR, "dom-3", MSG_VALIDATE_CONTAINED_UNUSED, "Bundle.entry[1].resource" },
        { conditions, "\"id\":\"enc\",\"meta\":{", "\"id\":\"enc\",\"meta\":{\"lastUpdated\":\"2026-01-02T03:04:05Z\",", MSG_ERROR, "dom-4", MSG_VALIDATE_CONTAINED_META,
          "Bundle.entry[1].resource" },
        { conditions, "\"UNINFORMED\"", "\"UNKNOWN\"", MSG_ERROR, NULL, MSG_VALIDATE_FLAG, "Bundle.entry[1].resource.meta.tag[1]" },
        { conditions, "\"UNINFORMED\"", "\"LTS\"", MSG_ERROR, NULL, MSG_VALIDATE_FLAG, "Bundle.entry[1].resource.meta.tag[1]" },
        { conditions, "master-disease-keyNumber", "master-disease-exCode", MSG_ERROR, NULL, MSG_VALIDATE_SLICE_MISSING, "Bundle.entry[1].resource.code" },
        { conditions, "\"display\":\"狭心症\"", "\"display\":\"\"", MSG_ERROR, NULL, MSG_VALIDATE_EMPTY, "Bundle.entry[1].resource.code.coding[0].display" },
        { conditions, ",\"display\":\"狭心症\"", "", MSG_ERROR, NULL, MSG_VALIDATE_MISSING, "Bundle.entry[1].resource.code.coding[0]" },
        { conditions, ",\"text\":\"狭心症\"", "", MSG_ERROR, NULL, MSG_VALIDATE_MISSING, "Bundle.entry[1].resource.code" },
        { conditions, "\"onsetDateTime\":\"2025-12-01\"", "\"onsetDateTime\":\"2025-12-01\",\"abatementDateTime\":\"2026-01-01\"", MSG_ERROR, "con-4", MSG_VALIDATE_INVARIANT,
          "Bundle.entry[1].resource" },
        { conditions, "\"onsetDateTime\":\"2025-12-01\"", "\"onsetDateTime\":\"2025-12-01T10:00\"", MSG_ERROR, NULL, MSG_VALIDATE_DATE,
          "Bundle.entry[1].resource.onset.ofType(dateTime)" },
        { conditions, "\"subject\":{\"reference\":\"" URN("1"), "\"subject\":{\"reference\":\"" URN("7"), MSG_ERROR, NULL, MSG_VALIDATE_UNRESOLVED,
          "Bundle.entry[1].resource.subject" },
        { conditions, "\"resourceType\":\"Condition\"", "\"resourceType\":\"Conditio\"", MSG_ERROR, NULL, MSG_VALIDATE_RESOURCE_TYPE, "Bundle.entry[1].resource" },
        { conditions, "\"category\":[{", "\"category\":[{},{", MSG_ERROR, NULL, MSG_VALIDATE_EMPTY, "Bundle.entry[1].resource.category[0]" },
        { conditions, "\"text\":\"狭心症\"", "\"text\":\"狭心\\u0007症\"", MSG_ERROR, NULL, MSG_VALIDATE_CONTROL, "Bundle.entry[1].resource.code.text" },
        { conditions, "\"text\":\"狭心症\"", "\"text\":\"狭心\\uE000症\"", MSG_WARNING, NULL, MSG_VALIDATE_CONTROL, "Bundle.entry[1].resource.code.text" },
        { conditions, "\"text\":\"狭心症\"", "\"text\":null", MSG_ERROR, NULL, MSG_VALIDATE_KIND, "Bundle.entry[1].resource.code.text" });
}

TEST(validate_finds_damage_to_labs_and_allergies)
{
    DAMAGES(
        { lab_results, "\"valueQuantity\"", "\"dataAbsentReason\":{\"text\":\"溶血\"},\"valueQuantity\"", MSG_ERROR, "obs-6", MSG_VALIDATE_VALUE_AND_REASON, "Bundle.entry[1].resource" },
        { lab_results, "\"status\":\"final\"", "\"status\":\"done\"", MSG_ERROR, NULL, MSG_VALIDATE_BINDING, "Bundle.entry[1].resource.status" },
        { lab_results, "\"status\":\"final\",", "", MSG_ERROR, NULL, MSG_VALIDATE_MISSING, "Bundle.entry[1].resource" },
        { lab_results, "\"specimen\":{\"type\":\"Specimen\",\"display\":\"血清\"}", "\"issued\":\"2026-01-02T03:04:05Z\"", MSG_ERROR, NULL, MSG_VALIDATE_MISSING, "Bundle.entry[1].resource" },
        { lab_results, "\"code\":\"LTS\"", "\"code\":\"UNDELIVERED\"", MSG_ERROR, NULL, MSG_VALIDATE_FLAG, "Bundle.entry[1].resource.meta.tag[0]" },
        { lab_results, "\"valueQuantity\":{\"value\":12.50,\"unit\":\"mg/dL\"},", "", MSG_WARNING, NULL, MSG_VALIDATE_MISSING, "Bundle.entry[1].resource" },
        { lab_results, "\"text\":\"尿素窒素\"", "\"text\":\"ﾆｮｳｿ\"", MSG_WARNING, NULL, MSG_VALIDATE_HALFWIDTH, "Bundle.entry[1].resource.code.text" },
        { lab_results, "\"code\":\"99999999999999999\"", "\"code\":\"9999\"", MSG_ERROR, NULL, MSG_VALIDATE_FIXED, "Bundle.entry[1].resource.code.coding[1].code" },
        { lab_results, "LocalCode_CS", "Local_CS", MSG_WARNING, NULL, MSG_VALIDATE_LAB_CODE, "Bundle.entry[1].resource.code" },
        { lab_results, "effectiveDateTime\":\"2026-01-02T03:04:05+09:00\"", "effectivePeriod\":{\"start\":\"2026-01-02\"}", MSG_ERROR, NULL, MSG_VALIDATE_TYPE,
          "Bundle.entry[1].resource.effective.ofType(Period)" },
        { lab_results, "\"resourceType\":\"Observation\"", "\"id\":\"a_b\",\"resourceType\":\"Observation\"", MSG_ERROR, NULL, MSG_VALIDATE_ID, "Bundle.entry[1].resource.id" },
        { allergies, "\"clinicalStatus\"", "\"_clinicalStatus\"", MSG_ERROR, NULL, MSG_VALIDATE_FORBIDDEN, "Bundle.entry[1].resource" },
        { allergies, "[\"food\"]", "[\"pollen\"]", MSG_ERROR, NULL, MSG_VALIDATE_BINDING, "Bundle.entry[1].resource.category[0]" },
        { allergies, "\"patient\":{\"reference\":\"" URN("1") "\"}", "\"note\":[{\"text\":\"なし\"}]", MSG_ERROR, NULL, MSG_VALIDATE_MISSING, "Bundle.entry[1].resource" },
        { allergies, "\"extension\":[" INSTITUTION "],\"identifier\":[{\"system\":\"http://jpfhir.jp/fhir/core/IdSystem/resource", "\"identifier\":[{\"system\":\"http://jpfhir.jp/fhir/core/IdSystem/resource",
          MSG_ERROR, "all-entries-needs-extension-of-institutionNumber", MSG_VALIDATE_INSTITUTION, "Bundle" });
}

TEST(validate_finds_damage_to_a_letter)
{
    DAMAGES(
        { referral, "\"code\":\"300\"", "\"code\":\"200\"", MSG_ERROR, NULL, MSG_VALIDATE_FIXED, "Bundle.entry[0].resource.section[2].title" },
        { referral, "\"code\":\"300\"", "\"code\":\"210\"", MSG_ERROR, "checkExist-CDASection-or-CompositionSection", MSG_VALIDATE_SECTION_CHOICE, "Bundle.entry[0].resource" },
        { referral, "\"title\":\"紹介目的\"", "\"title\":\"目的\"", MSG_ERROR, NULL, MSG_VALIDATE_FIXED, "Bundle.entry[0].resource.section[2].section[0].title" },
        { referral, "紹介目的セクション", "紹介目的", MSG_ERROR, NULL, MSG_VALIDATE_FIXED, "Bundle.entry[0].resource.section[2].section[0].code.coding[0].display" },
        { referral, "\"code\":\"950\"", "\"code\":\"322\"", MSG_ERROR, NULL, MSG_VALIDATE_BINDING, "Bundle.entry[0].resource.section[2].section[0].code.coding[0]" },
        { referral, "\"code\":\"950\"", "\"code\":\"322\"", MSG_ERROR, NULL, MSG_VALIDATE_SLICE_MISSING, "Bundle.entry[0].resource.section[2]" },
        { referral, "\"code\":\"920\"", "\"code\":\"230\"", MSG_ERROR, NULL, MSG_VALIDATE_TOO_MANY, "Bundle.entry[0].resource.section[0]" },
        { referral, TEXT("なし"), "\"emptyReason\":{\"text\":\"なし\"}", MSG_ERROR, "cmp-1", MSG_VALIDATE_SECTION_EMPTY, "Bundle.entry[0].resource.section[2].section[3]" },
        { referral, "\"entry\":[" REF("5") "]", "\"emptyReason\":{\"text\":\"なし\"},\"entry\":[" REF("5") "]", MSG_ERROR, "cmp-2", MSG_VALIDATE_SECTION_EMPTY,
          "Bundle.entry[0].resource.section[1]" },
        { referral, ",\"entry\":[" REF("5") "]", "", MSG_ERROR, NULL, MSG_VALIDATE_UNREACHABLE, "Bundle.entry[4]" },
        { referral, "\"author\":[" REF("3") "," REF("4") "],", "", MSG_ERROR, NULL, MSG_VALIDATE_MISSING, "Bundle.entry[0].resource" },
        { referral, ",\"custodian\":" REF("4"), "", MSG_ERROR, NULL, MSG_VALIDATE_MISSING, "Bundle.entry[0].resource" },
        { referral, "\"診療情報提供書発行\"", "\"発行\"", MSG_ERROR, NULL, MSG_VALIDATE_FIXED, "Bundle.entry[0].resource.event[0].code[0].text" },
        { referral, "composition-clinicaldocument-versionNumber", "composition-other", MSG_ERROR, NULL, MSG_VALIDATE_SLICE_MISSING, "Bundle.entry[0].resource" },
        { referral, "\"value\":\"1312345679\"}],\"name\":\"病院\"", "\"use\":\"usual\"}],\"name\":\"病院\"", MSG_ERROR, NULL, MSG_VALIDATE_MISSING, "Bundle.entry[4].resource.identifier[0]" },
        { referral, "\"resourceType\":\"Composition\"", "\"resourceType\":\"List\"", MSG_ERROR, "bdl-11", MSG_VALIDATE_FIRST_ENTRY, "Bundle" },
        { referral, "\"value\":\"1312345679^2026^letter-1\"", "\"use\":\"usual\"", MSG_ERROR, "bdl-9", MSG_VALIDATE_INVARIANT, "Bundle" },
        { referral, "JP_Composition_eReferral|1", "JP_Composition_eReferral|1.5.2", MSG_ERROR, NULL, MSG_VALIDATE_PROFILE_UNKNOWN, "Bundle.entry[0].resource.meta.profile[0]" },
        { referral, "{\"reference\":\"" URN("3") "\"}", "{\"reference\":\"" URN("3") "\",\"type\":\"Organization\"}", MSG_ERROR, NULL, MSG_VALIDATE_REFERENCE_TYPE,
          "Bundle.entry[0].resource.author[0]" });
}

TEST(validate_reads_the_way_it_is_told_to)
{
    /* custodian.reference has a minimum without must-support; an unknown Bundle profile; a rule that is only printed. */
    run(changed(referral, "\"custodian\":" REF("4"), "\"custodian\":{\"display\":\"診療所\"}"), VALIDATE_HL7);
    CHECK_INT(issues.errors, 2);   /* the reference, and that the Bundle has no Composition that conforms */
    run(changed(referral, "\"custodian\":" REF("4"), "\"custodian\":{\"display\":\"診療所\"}"), VALIDATE_SERVICE);
    CHECK_INT(issues.errors, 0);
    CHECK(said(MSG_VALIDATE_MISSING, MSG_WARNING, "Bundle.entry[0].resource.custodian"));
    run(changed(conditions, "JP_Bundle_CLINS|1", "JP_Bundle_CLINS|1.5.2"), VALIDATE_HL7);
    CHECK(issues_ok(&issues) && issues.warnings > 0);
    run(changed(lab_results, "LocalCode_CS", "Local_CS"), VALIDATE_HL7);
    CHECK(issues_ok(&issues) && issues.warnings == 0);
}

TEST(validate_is_not_led_astray_by_a_version_nobody_has)
{
    char once[sizeof lab_results + 16];

    snprintf(once, sizeof once, "%s", changed(lab_results, "JP_Patient_eCS", "JP_Patient_eCS|9"));
    run(changed(once, "\"gender\":\"female\",", ""), VALIDATE_SERVICE);
    CHECK(said(MSG_VALIDATE_SLICE_CLOSED, MSG_ERROR, "Bundle.entry[0]"));
    CHECK(said(MSG_VALIDATE_PROFILE_UNKNOWN, MSG_WARNING, "Bundle.entry[0].resource.meta.profile[0]"));
}

TEST(validate_names_line_and_column)
{
    const struct issue *issue;

    run(changed(conditions, "\"fullUrl\":\"" URN("2") "\",", "\"fullUrl\":\"no uri\","), VALIDATE_SERVICE);
    issue = said(MSG_VALIDATE_URI_SPACES, MSG_ERROR, "Bundle.entry[1].fullUrl");
    CHECK(issue != NULL);
    CHECK_INT(issue->line, 3);
    CHECK_INT(issue->column, 12);
}

TEST(validate_answers_about_bytes_that_are_no_fhir)
{
    static const char *const bad[] = { "", "{", "[]", "1", "{}", "{\"resourceType\":1}", "{\"resourceType\":\"Bundle\",\"entry\":[[],1,null,{}],\"type\":\"document\"}",
                                       "{\"resourceType\":\"Bundle\",\"entry\":{\"fullUrl\":\"x\"},\"meta\":[],\"type\":[\"collection\"]}", "\xEF\xBB\xBF{}" };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (int reading = VALIDATE_HL7; reading <= VALIDATE_SERVICE; reading++) {
            run(bad[i], (enum validate_reading)reading);
            if (issues_ok(&issues))
                test_fail(__FILE__, __LINE__, "took \"%s\"", bad[i]);
        }
}

TEST(validate_checks_against_a_profile_that_the_caller_names)
{
    const char *text = "{\"resourceType\":\"Patient\",\"active\":true}";
    struct validate_request r = { .bytes = text, .len = strlen(text), .profile = "http://jpfhir.jp/fhir/eCS/StructureDefinition/JP_Patient_eCS" };

    run(text, VALIDATE_HL7);
    CHECK(issues_ok(&issues));
    issues_init(&issues, arena);
    CHECK_OK(validate_bytes(&r, &issues, NULL));
    CHECK(issues.errors >= 5);
    CHECK_STR(issues.first->profile, r.profile);
    CHECK(validate_set_has(validate_set_builtin(), r.profile));
    CHECK(validate_set_has(validate_set_builtin(), "http://jpfhir.jp/fhir/clins/StructureDefinition/JP_Bundle_CLINS|1"));
    CHECK(!validate_set_has(validate_set_builtin(), "http://jpfhir.jp/fhir/clins/StructureDefinition/JP_Bundle_CLINS|1.5.2"));
    CHECK(!validate_set_has(validate_set_builtin(), "http://example.org/x"));
}

static enum validate_answer find_code(void *self, struct bytes system, struct bytes code, struct bytes *ret_display)
{
    (void)self;
    if (system.len != strlen("http://medis.or.jp/CodeSystem/master-disease-keyNumber") || memcmp(system.data, "http://medis.or.jp/", 19) != 0)
        return VALIDATE_UNKNOWN;
    if (code.len != 8 || memcmp(code.data, "20058911", 8) != 0)
        return VALIDATE_NO;
    *ret_display = (struct bytes){ "狭心症", strlen("狭心症") };
    return VALIDATE_YES;
}

TEST(validate_asks_the_masters_of_the_operator)
{
    struct validate_terms terms = { .find_code = find_code };
    const struct issue *issue;
    const char *text = changed(conditions, "\"code\":\"20058911\"", "\"code\":\"20058912\"");

    run_with(conditions, strlen(conditions), VALIDATE_SERVICE, &terms);
    CHECK(issues_ok(&issues) && !any(MSG_VALIDATE_DISPLAY) && !any(MSG_VALIDATE_CODE_UNKNOWN));
    run_with(text, strlen(text), VALIDATE_SERVICE, &terms);
    CHECK(said(MSG_VALIDATE_CODE_UNKNOWN, MSG_ERROR, "Bundle.entry[1].resource.code.coding[0]"));
    text = changed(conditions, "\"display\":\"狭心症\"", "\"display\":\"心筋梗塞\"");
    run_with(text, strlen(text), VALIDATE_SERVICE, &terms);
    CHECK_INT(issues.errors, 0);
    issue = said(MSG_VALIDATE_DISPLAY, MSG_WARNING, "Bundle.entry[1].resource.code.coding[0]");
    CHECK_STR(issue != NULL ? issue->arg2 : NULL, "狭心症");
}

#define MANY_URN "urn:uuid:00000000-0000-4000-8000-%012d"

TEST(validate_bears_bundles_of_many_entries_and_nested_bundles)
{
    enum { MANY_ENTRIES = 20000, DEEP = 12 };
    size_t size = 300 * MANY_ENTRIES, len;
    char *text = malloc(size);

    len = (size_t)snprintf(text, size, "{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[");
    for (int i = 0; i < MANY_ENTRIES; i++)
        len += (size_t)snprintf(text + len, size - len, "%s{\"fullUrl\":\"" MANY_URN "\",\"resource\":{\"resourceType\":\"Patient\",\"link\":[{\"type\":\"seealso\",\"other\":{\"reference\":\"" MANY_URN "\"}}]}}",
                                i > 0 ? "," : "", i, (i + 7) % MANY_ENTRIES);
    len += (size_t)snprintf(text + len, size - len, "]}");
    run_with(text, len, VALIDATE_HL7, NULL);
    CHECK(issues_ok(&issues));
    len = 0;
    for (int i = 0; i < DEEP; i++)
        len += (size_t)snprintf(text + len, size - len, "{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[{\"resource\":");
    len += (size_t)snprintf(text + len, size - len, "{\"resourceType\":\"RelatedPerson\",\"patient\":{\"display\":\"x\"}}");
    for (int i = 0; i < DEEP; i++)
        len += (size_t)snprintf(text + len, size - len, "}]}");
    run_with(text, len, VALIDATE_HL7, NULL);
    CHECK_INT(issues.errors, DEEP);   /* none has a fullUrl, to the bottom */
    free(text);
}

TEST(validate_never_passes_when_memory_runs_out)
{
    struct err e = ERR_INIT;
    int fine = 0;

    for (size_t max = 1024; max < 400000; max += max / 3) {
        struct arena *small = arena_new(max);
        struct issue_list list;
        struct validate_request r = { .bytes = conditions, .len = sizeof conditions - 1, .reading = VALIDATE_SERVICE };

        issues_init(&list, small);
        err_clear(&e);
        if (validate_bytes(&r, &list, &e) == 0) {
            CHECK(issues_ok(&list));
            fine++;
        } else {
            CHECK_INT(e.code, ERR_NOMEM);
            CHECK(!issues_ok(&list));
        }
        arena_free(small);
    }
    CHECK(fine > 0);
}

TEST_MAIN()
