/*
 * NAME
 *     fhir_read_root_facts - what a finished Bundle says about itself
 *
 * SYNOPSIS
 *     fhir_read_root_facts(root, arena, &facts, &e);
 *
 * DESCRIPTION
 *     Reads the few members that the desk keys its rows by and that the request's fields repeat. A Bundle nested inside (a discharge summary)
 *     is never looked into.
 *
 * DIAGNOSTICS
 *     ERR_INVALID for JSON that is no Bundle. What is missing in a Bundle is a NULL, not an error.
 */
#include "fhir/fhir.h"

#include <string.h>

#include "base/json_doc.h"
#include "base/text.h"

#define SYSTEM_INSTITUTION "http://jpfhir.jp/fhir/core/IdSystem/insurance-medical-institution-no"
#define SYSTEM_CHART_NUMBER "urn:oid:1.2.392.100495.20.3.51."
#define EXTENSION_INSTITUTION "http://jpfhir.jp/fhir/clins/Extension/StructureDefinition/JP_eCS_InstitutionNumber"
#define SYSTEM_RESOURCE_TAG "http://jpfhir.jp/fhir/clins/CodeSystem/BundleResourceType_CS"
#define SYSTEM_FLAG "http://jpfhir.jp/fhir/clins/CodeSystem/JP_ehrshrs_indication"

enum { INSTITUTION_DIGITS = 10 };

/* A document is known by the type code of its Composition (doc-typecodes; the check-up package has a LOINC code of its own), else by a profile. */
static const struct { const char *text; enum fhir_bundle_kind kind; } type_table[] = {
    { "57133-1", FHIR_BUNDLE_LETTER }, { "18842-5", FHIR_BUNDLE_DISCHARGE }, { "56447-6", FHIR_BUNDLE_PATIENT_SUMMARY },
    { "53576-5", FHIR_BUNDLE_CHECKUP }, { "JPGCHKUP01", FHIR_BUNDLE_CHECKUP },
}, profile_table[] = {
    { "JP_Bundle_eReferral", FHIR_BUNDLE_LETTER }, { "JP_Bundle_eDischargeSummary", FHIR_BUNDLE_DISCHARGE },
    { "JP_Bundle_ePCS", FHIR_BUNDLE_PATIENT_SUMMARY }, { "JP_Bundle_eCheckup", FHIR_BUNDLE_CHECKUP },
}, resource_table[] = {
    { "Condition", FHIR_BUNDLE_DISEASES }, { "AllergyIntolerance", FHIR_BUNDLE_ALLERGIES }, { "Observation", FHIR_BUNDLE_LAB },
};

/* First object of a list whose member has this text. */
static const struct json_node *find_item(const struct json_node *list, const char *member, const char *text)
{
    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next)
        if (json_equals(json_get(n, member), text))
            return n;
    return NULL;
}

static const struct json_node *resource_at(const struct json_node *entries, size_t index)
{
    return json_get(json_at(entries, index), "resource");
}

static const struct json_node *find_resource(const struct json_node *entries, const char *type)
{
    for (const struct json_node *n = json_is(entries, JSON_ARRAY) ? entries->child : NULL; n != NULL; n = n->next)
        if (json_equals(json_path(n, "resource/resourceType"), type))
            return json_get(n, "resource");
    return NULL;
}

/* Resource whose entry has the URL of the reference. */
static const struct json_node *resolve(struct arena *arena, const struct json_node *entries, const struct json_node *reference)
{
    const char *url = json_get_text(arena, reference, "reference");
    return url == NULL ? NULL : json_get(find_item(entries, "fullUrl", url), "resource");
}

/* Institution number of the Organization among the entries of the section with this code. */
static const char *section_institution(struct arena *arena, const struct json_node *entries, const struct json_node *composition, const char *code)
{
    const struct json_node *sections = json_get(composition, "section");
    for (const struct json_node *s = json_is(sections, JSON_ARRAY) ? sections->child : NULL; s != NULL; s = s->next) {
        const struct json_node *list = json_get(s, "entry");
        if (!json_equals(json_path(s, "code/coding/0/code"), code) || !json_is(list, JSON_ARRAY))
            continue;
        for (const struct json_node *ref = list->child; ref != NULL; ref = ref->next) {
            const struct json_node *resource = resolve(arena, entries, ref);
            const char *number = json_get_text(arena, find_item(json_get(resource, "identifier"), "system", SYSTEM_INSTITUTION), "value");
            if (number != NULL && json_equals(json_get(resource, "resourceType"), "Organization"))
                return number;
        }
    }
    return NULL;
}

/* A number that is none is not passed on: what is cut to ten digits later might be somebody else's. */
static const char *only_institution(const char *text)
{
    return text != NULL && strlen(text) == INSTITUTION_DIGITS && text_all_digits(text, INSTITUTION_DIGITS) ? text : NULL;
}

static bool names_institution(const char *text)
{
    return text != NULL && strlen(text) >= INSTITUTION_DIGITS && text_all_digits(text, INSTITUTION_DIGITS);
}

static const char *find_institution(struct arena *arena, const struct json_node *entries, const struct json_node *composition, const char *bundle_id)
{
    if (names_institution(bundle_id) && bundle_id[INSTITUTION_DIGITS] == '^')
        return arena_strndup(arena, bundle_id, INSTITUTION_DIGITS);
    for (const struct json_node *n = json_is(entries, JSON_ARRAY) ? entries->child : NULL; n != NULL; n = n->next) {
        const struct json_node *extension = find_item(json_path(n, "resource/extension"), "url", EXTENSION_INSTITUTION);
        const char *number = json_get_text(arena, json_get(extension, "valueIdentifier"), "value");
        if (names_institution(number))
            return number;
    }
    return section_institution(arena, entries, composition, "920");
}

static void read_patient(struct arena *arena, const struct json_node *patient, struct fhir_bundle_facts *facts)
{
    const struct json_node *list = json_get(patient, "identifier");
    facts->insured = json_get_text(arena, find_item(list, "system", FHIR_SYSTEM_MEMBER), "value");
    if (facts->insured == NULL)
        facts->insured = json_get_text(arena, find_item(list, "system", FHIR_SYSTEM_PUBLIC_PAYER), "value");
    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL && facts->chart_number == NULL; n = n->next) {
        const char *system = json_get_text(arena, n, "system");
        if (system != NULL && strncmp(system, SYSTEM_CHART_NUMBER, strlen(SYSTEM_CHART_NUMBER)) == 0)
            facts->chart_number = json_get_text(arena, n, "value");
    }
    facts->patient_name = json_get_text(arena, json_path(patient, "name/0"), "text");
}

static enum fhir_bundle_kind document_kind(const struct json_node *composition, const char *profile)
{
    for (size_t i = 0; i < sizeof type_table / sizeof type_table[0]; i++)
        if (json_equals(json_path(composition, "type/coding/0/code"), type_table[i].text))
            return type_table[i].kind;
    for (size_t i = 0; profile != NULL && i < sizeof profile_table / sizeof profile_table[0]; i++)
        if (strstr(profile, profile_table[i].text) != NULL)
            return profile_table[i].kind;
    return FHIR_BUNDLE_UNKNOWN;
}

static enum fhir_bundle_kind collection_kind(const struct json_node *root, const struct json_node *entries)
{
    const struct json_node *code = json_get(find_item(json_path(root, "meta/tag"), "system", SYSTEM_RESOURCE_TAG), "code");
    for (size_t i = 0; i < sizeof resource_table / sizeof resource_table[0]; i++)
        if (json_equals(code, resource_table[i].text))
            return resource_table[i].kind;
    for (size_t i = 0; code == NULL && i < sizeof resource_table / sizeof resource_table[0]; i++)
        if (find_resource(entries, resource_table[i].text) != NULL)
            return resource_table[i].kind;
    return FHIR_BUNDLE_UNKNOWN;
}

static const char *resource_type_of(enum fhir_bundle_kind kind)
{
    for (size_t i = 0; i < sizeof resource_table / sizeof resource_table[0]; i++)
        if (resource_table[i].kind == kind)
            return resource_table[i].text;
    return kind == FHIR_BUNDLE_UNKNOWN ? NULL : "Composition";
}

static bool has_long_term(const struct json_node *resource)
{
    const struct json_node *tags = json_path(resource, "meta/tag");
    for (const struct json_node *n = json_is(tags, JSON_ARRAY) ? tags->child : NULL; n != NULL; n = n->next)
        if (json_equals(json_get(n, "system"), SYSTEM_FLAG) && json_equals(json_get(n, "code"), "LTS"))
            return true;
    return false;
}

int fhir_read_root_facts(const struct json_node *root, struct arena *arena, struct fhir_bundle_facts *ret_facts, struct err *e)
{
    if (!json_equals(json_get(root, "resourceType"), "Bundle"))
        return err_set(e, ERR_INVALID, MSG_FHIR_FACTS, "Bundle", NULL, NULL);
    struct fhir_bundle_facts facts = { .kind = FHIR_BUNDLE_UNKNOWN };
    const struct json_node *entries = json_get(root, "entry");
    const struct json_node *first = resource_at(entries, 0);
    const struct json_node *composition = json_equals(json_get(first, "resourceType"), "Composition") ? first : NULL;
    facts.entry_count = json_is(entries, JSON_ARRAY) ? entries->count : 0;
    facts.bundle_id = json_get_text(arena, json_get(root, "identifier"), "value");
    facts.profile = json_dup(arena, json_path(root, "meta/profile/0"));
    facts.kind = composition != NULL ? document_kind(composition, facts.profile) : collection_kind(root, entries);
    facts.resource_type = resource_type_of(facts.kind);
    facts.institution = find_institution(arena, entries, composition, facts.bundle_id);
    read_patient(arena, find_resource(entries, "Patient"), &facts);
    facts.receiver = only_institution(section_institution(arena, entries, composition, "910"));
    facts.issued = composition != NULL ? json_get_text(arena, composition, "date") : json_get_text(arena, root, "timestamp");
    facts.has_signature = json_get(root, "signature") != NULL;
    facts.long_term = has_long_term(root) || has_long_term(composition);
    *ret_facts = facts;
    return 0;
}
