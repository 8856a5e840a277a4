/*
 * NAME
 *     sentences - what to say when a well-known invariant does not hold
 *
 * DESCRIPTION
 *     Most invariants are reported by their key and the definition's own words. Those that people meet every day have a sentence of ours, which says in both
 *     languages what to change; the key stays the rule of the issue. `about` fills {1}: a name or form that helps to find the place.
 */
#include <string.h>

#include "validate/engine/walk.h"

static const struct sentence { const char *key; enum msg_id msg; const char *about, *form; } sentences[] = {
    { "all-entries-needs-extension-of-institutionNumber", MSG_VALIDATE_INSTITUTION, "Bundle.entry", NULL },
    { "all-entries-needs-valid-institutionNumber", MSG_VALIDATE_INSTITUTION, "Bundle.entry", NULL },
    { "bdl-11", MSG_VALIDATE_FIRST_ENTRY, "Composition", NULL },
    { "bdl-7", MSG_VALIDATE_FULLURL_TWICE, "Bundle.entry.fullUrl", NULL },
    { "bundle-meta-tag-resourceType-exists", MSG_VALIDATE_MISSING, "meta.tag", "http://jpfhir.jp/fhir/clins/CodeSystem/BundleResourceType_CS" },
    { "bundle-meta-tag-resourceType-valid", MSG_VALIDATE_VALUE, "meta.tag.code", "AllergyIntolerance|Condition|Observation" },
    { "checkExist-CDASection-or-CompositionSection", MSG_VALIDATE_SECTION_CHOICE, NULL, NULL },
    { "checkExist-CDASection-or-structuredSection", MSG_VALIDATE_SECTION_CHOICE, NULL, NULL },
    { "cmp-1", MSG_VALIDATE_SECTION_EMPTY, "section", NULL },
    { "cmp-2", MSG_VALIDATE_SECTION_EMPTY, "section", NULL },
    { "condition-needs-contained-of-Encounter", MSG_VALIDATE_ENCOUNTER, NULL, NULL },
    { "condition-needs-extension-of-Department", MSG_VALIDATE_DEPARTMENT, NULL, NULL },
    { "condition-needs-onsetDateTime", MSG_VALIDATE_ONSET, NULL, NULL },
    { "dom-4", MSG_VALIDATE_CONTAINED_META, "meta.versionId, meta.lastUpdated", NULL },
    { "first-bundle-entry-is-Patient", MSG_VALIDATE_FIRST_ENTRY, "Patient", NULL },
    { "kanjiName-kanaName-donot-contain-ZenkakuKuuhaku", MSG_VALIDATE_NAME_SPACE, NULL, NULL },
    { "mustHaveOneMoreResources-with-designatedResourceType", MSG_VALIDATE_NOTHING_OF_TAG, "meta.tag", NULL },
    { "needs-anyOfStandardCode-medication", MSG_VALIDATE_MEDICATION_CODE, NULL, NULL },
    { "obs-6", MSG_VALIDATE_VALUE_AND_REASON, NULL, NULL },
    { "observation-needs-contained-of-Encounter", MSG_VALIDATE_ENCOUNTER, NULL, NULL },
    { "observation-needs-extension-of-Department", MSG_VALIDATE_DEPARTMENT, NULL, NULL },
    { "patients-profile-is-JP-Patient-eCS", MSG_VALIDATE_PROFILE_NEEDED, "http://jpfhir.jp/fhir/eCS/StructureDefinition/JP_Patient_eCS", NULL },
    { "resource-needs-extension-of-institutionNumber", MSG_VALIDATE_INSTITUTION, "extension", NULL },
    { "valid-system-bundleIdenfifier", MSG_VALIDATE_VALUE, "identifier.system", "http://jpfhir.jp/fhir/clins/bundle-identifier" },
    { "valid-system-insurance-patientIdentifier", MSG_VALIDATE_MEMBER_ID, "http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID", NULL },
    { "valid-system-local-patientID", MSG_VALIDATE_LOCAL_ID, "identifier.system", NULL },
    { "valid-value-bundleIdenfifier", MSG_VALIDATE_FORMAT, "identifier.value", "9999999999^20YY^1-36 A-Za-z0-9-" },
    { "valid-value-institutionNumberExtension", MSG_VALIDATE_INSTITUTION, "valueIdentifier.value", NULL },
    { "valid-value-insurance-patientIdentifier", MSG_VALIDATE_MEMBER_ID, "identifier.value", NULL },
    { "validEntryProfile-AllergyIntolerance", MSG_VALIDATE_PROFILE_VERSIONED, "AllergyIntolerance", NULL },
    { "validEntryProfile-Condition", MSG_VALIDATE_PROFILE_VERSIONED, "Condition", NULL },
    { "validEntryProfile-MedicationRequest", MSG_VALIDATE_PROFILE_VERSIONED, "MedicationRequest", NULL },
    { "validEntryProfile-ObservationLabResult", MSG_VALIDATE_PROFILE_VERSIONED, "Observation", NULL },
};

void sentence_report(struct engine *e, const struct place *at, const struct img_constraint *c)
{
    const char *key = image_text(e->image, c->key), *source = c->source != 0 ? image_text(e->image, c->source) : NULL;
    enum msg_severity severity = c->warning ? MSG_WARNING : MSG_ERROR;

    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++)
        if (strcmp(sentences[i].key, key) == 0) {
            engine_report(e, at, NULL, severity, sentences[i].msg, key, source, sentences[i].about, sentences[i].form);
            return;
        }
    engine_report(e, at, NULL, severity, MSG_VALIDATE_INVARIANT, key, source, key, image_text(e->image, c->human != 0 ? c->human : c->expression));
}
