/*
 * bundle.c - Bundles: entries, fullUrls, links between them, and the rules of the four Bundle profiles. Linear in the number of entries. See check.h.
 */
#include "validate/check.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define INSTITUTION_EXTENSION "http://jpfhir.jp/fhir/clins/Extension/StructureDefinition/JP_eCS_InstitutionNumber"
#define DEPARTMENT_EXTENSION "http://jpfhir.jp/fhir/eCS/Extension/StructureDefinition/JP_eCS_Department"
#define INSTITUTION_ID "http://jpfhir.jp/fhir/core/IdSystem/insurance-medical-institution-no"
#define BUNDLE_ID "http://jpfhir.jp/fhir/clins/bundle-identifier"
#define BUNDLE_TAG "http://jpfhir.jp/fhir/clins/CodeSystem/BundleResourceType_CS"
#define ECS "http://jpfhir.jp/fhir/eCS/StructureDefinition/"

enum { NESTED_MAX = 8 };

static const struct json_node *first_entry(const struct json_node *bundle)
{
    const struct json_node *list = json_get(bundle, "entry");

    return json_is(list, JSON_ARRAY) ? list->child : NULL;
}

/* Indexes the entries; fullUrls must differ (bdl-7). */
static bool make_scope(struct check *c, struct scope *scope)
{
    const struct json_node *list = json_get(scope->bundle, "entry");
    uint32_t i = 0;

    scope->count = json_is(list, JSON_ARRAY) ? list->count : 0;
    scope->resources = arena_array(c->arena, (size_t)scope->count + 1, sizeof *scope->resources);
    scope->group = arena_array(c->arena, (size_t)scope->count + 1, sizeof *scope->group);
    if (!check_index_make(c, &scope->urls, scope->count) || scope->resources == NULL || scope->group == NULL) {
        c->failed = true;
        return false;
    }
    for (const struct json_node *n = first_entry(scope->bundle); n != NULL; n = n->next, i++) {
        const struct json_node *url = json_get(n, "fullUrl");
        struct index_slot *slot;

        scope->resources[i] = json_get(n, "resource");
        scope->group[i] = i;
        if (!json_is(url, JSON_STRING) || url->len == 0)
            continue;
        slot = check_index_find(&scope->urls, url->text, url->len);
        if (slot->key.data != NULL)
            check_add_text(c, MSG_ERROR, MSG_VALIDATE_FULLURL_TWICE, "bdl-7", url, url, NULL);
        else
            *slot = (struct index_slot){ .key = { url->text, url->len }, .value = i };
    }
    return true;
}

/* Documents: bdl-9, bdl-10, bdl-11, and every entry linked with the Composition in either direction. */
static void check_document(struct check *c, const struct scope *scope)
{
    const struct json_node *b = scope->bundle, *n = first_entry(b);
    uint32_t root, i = 0;

    if (json_path(b, "identifier/system") == NULL || json_path(b, "identifier/value") == NULL)
        check_add(c, MSG_ERROR, MSG_VALIDATE_MISSING, "bdl-9", b, "identifier.system / identifier.value", NULL);
    if (json_get(b, "timestamp") == NULL)
        check_add(c, MSG_ERROR, MSG_VALIDATE_MISSING, "bdl-10", b, "timestamp", NULL);
    if (n == NULL || !check_type_is(scope->resources[0], "Composition")) {
        check_add(c, MSG_ERROR, MSG_VALIDATE_FIRST_ENTRY, "bdl-11", b, "Composition", NULL);
        return;
    }
    for (root = 0; scope->group[root] != root; )
        root = scope->group[root];
    for (; n != NULL; n = n->next, i++) {
        uint32_t g = i;

        while (scope->group[g] != g)
            g = scope->group[g] = scope->group[scope->group[g]];
        if (g != root)
            check_add_text(c, MSG_ERROR, MSG_VALIDATE_UNREACHABLE, NULL, n, json_path(n, "resource/resourceType"), NULL);
    }
}

void check_bundle(struct check *c, const struct scope *outer, const struct json_node *bundle)
{
    struct scope scope = { .bundle = bundle, .outer = outer, .patient_only = check_has_profile(bundle, "http://jpfhir.jp/fhir/clins/StructureDefinition/JP_Bundle_CLINS") };
    const struct json_node *timestamp = json_get(bundle, "timestamp");
    int depth = 0;

    for (const struct scope *s = outer; s != NULL; s = s->outer)
        depth++;
    if (depth >= NESTED_MAX) {
        check_add(c, MSG_ERROR, MSG_VALIDATE_INVARIANT, NULL, bundle, "Bundle", "nesting <= 8");
        return;
    }
    if (!make_scope(c, &scope))
        return;
    check_resource(c, &scope, bundle);
    for (const struct json_node *n = first_entry(bundle); n != NULL && !c->failed; n = n->next, scope.entry++) {
        const struct json_node *resource = scope.resources[scope.entry], *url = json_get(n, "fullUrl");

        if (resource == NULL && json_get(n, "request") == NULL && json_get(n, "response") == NULL)
            check_add(c, MSG_ERROR, MSG_VALIDATE_MISSING, "bdl-5", n, "resource", NULL);
        else if (resource != NULL && check_type_is(resource, "Bundle"))
            check_bundle(c, &scope, resource);
        else if (resource != NULL && resource->type == JSON_OBJECT)
            check_resource(c, &scope, resource);
        else if (resource != NULL)
            check_add(c, MSG_ERROR, MSG_VALIDATE_KIND, NULL, resource, "resource", "object");
        if (json_is(url, JSON_STRING) && (url->len != 45 || memcmp(url->text, "urn:uuid:", 9) != 0 || !text_all_of(url->text + 9, 36, "0-9a-f-")))
            check_prose(c, MSG_VALIDATE_FORMAT, NULL, url, "fullUrl", "urn:uuid:xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
    }
    if (json_equals(json_get(bundle, "type"), "document") && !c->failed)
        check_document(c, &scope);
    if (json_is(timestamp, JSON_STRING) && memchr(timestamp->text, '.', timestamp->len) == NULL)
        check_add_text(c, MSG_WARNING, MSG_VALIDATE_MILLISECONDS, NULL, timestamp, timestamp, NULL);
}

/* --- JP_Bundle_CLINS ----------------------------------------------------------------------------------------------------------- */

/* ^[0-4][0-9][1-3][0-9]{7}[\^]20[2-3][0-9][\^][A-Za-z0-9\-]{1,36}$ */
static bool is_bundle_id(const struct json_node *n)
{
    struct json_node number = { .type = JSON_STRING, .text = n->text, .len = 10 };
    const char *t = n->text;

    return n->type == JSON_STRING && n->len >= 17 && n->len <= 52 && check_is_institution(&number) && t[10] == '^' && t[11] == '2' && t[12] == '0'
        && (t[13] == '2' || t[13] == '3') && t[14] >= '0' && t[14] <= '9' && t[15] == '^' && text_all_of(t + 16, n->len - 16, "A-Za-z0-9-");
}

static void check_bundle_id(struct check *c, const struct json_node *b, bool firm)
{
    const struct json_node *value = json_path(b, "identifier/value");

    if (value == NULL || is_bundle_id(value))
        return;
    if (firm)
        check_add_text(c, MSG_ERROR, MSG_VALIDATE_FORMAT, "valid-value-bundleIdenfifier", b, value, "9999999999^20YY^1-36 A-Za-z0-9-");
    else if (c->service)
        check_add_text(c, MSG_WARNING, MSG_VALIDATE_FORMAT, NULL, value, value, "9999999999^20YY^1-36 A-Za-z0-9-");
}

/* One entry of the tagged type. The package states these invariants at the Bundle; here the entry that breaks one is named. */
static void check_clins_entry(struct check *c, const struct json_node *r, const char *type, const char *url)
{
    const struct json_node *extensions = json_get(r, "extension"), *list = json_path(r, "meta/profile");
    const struct json_node *institution = check_find(extensions, "url", INSTITUTION_EXTENSION), *contained = json_get(r, "contained");
    bool encounter = false, condition = strcmp(type, "Condition") == 0;
    char key[64];

    if (institution == NULL)
        check_add(c, MSG_ERROR, MSG_VALIDATE_INSTITUTION, "all-entries-needs-extension-of-institutionNumber", r, NULL, NULL);
    else if (!check_is_institution(json_path(institution, "valueIdentifier/value")))
        check_add_text(c, MSG_ERROR, MSG_VALIDATE_INSTITUTION, "all-entries-needs-valid-institutionNumber", r, json_path(institution, "valueIdentifier/value"), NULL);
    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next)
        if (check_profile_is(n, url) && n->len > strlen(url)) {
            snprintf(key, sizeof key, "validEntryProfile-%s", strcmp(type, "Observation") == 0 ? "ObservationLabResult" : type);
            check_add_text(c, MSG_ERROR, MSG_VALIDATE_PROFILE_VERSIONED, key, n, n, NULL);
        }
    check_against(c, r, url);
    if (strcmp(type, "AllergyIntolerance") == 0)
        return;
    for (const struct json_node *n = json_is(contained, JSON_ARRAY) ? contained->child : NULL; n != NULL; n = n->next)
        encounter |= json_equals(json_path(n, "meta/profile/0"), "http://jpfhir.jp/fhir/core/StructureDefinition/JP_Encounter");
    if (!encounter)
        check_add(c, MSG_ERROR, MSG_VALIDATE_ENCOUNTER, condition ? "condition-needs-contained-of-Encounter" : "observation-needs-contained-of-Encounter", r, NULL, NULL);
    if (check_find(extensions, "url", DEPARTMENT_EXTENSION) == NULL)
        check_add(c, MSG_ERROR, MSG_VALIDATE_DEPARTMENT, condition ? "condition-needs-extension-of-Department" : "observation-needs-extension-of-Department", r, NULL, NULL);
    if (condition && json_get(r, "onsetDateTime") == NULL)
        check_add(c, MSG_ERROR, MSG_VALIDATE_ONSET, "condition-needs-onsetDateTime", r, NULL, NULL);
}

void check_bundle_clins(struct check *c, const struct json_node *b)
{
    static const char *const types[][2] = {
        { "AllergyIntolerance", ECS "JP_AllergyIntolerance_eCS" }, { "Condition", ECS "JP_Condition_eCS" }, { "Observation", ECS "JP_Observation_LabResult_eCS" }
    };
    const struct json_node *tags = json_path(b, "meta/tag"), *code = json_get(check_find(tags, "system", BUNDLE_TAG), "code"), *n = first_entry(b);
    const char *const *wanted = NULL;
    size_t found = 0;

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (json_equals(code, types[i][0]))
            wanted = types[i];
    if (check_count(tags, "system", BUNDLE_TAG) != 1)
        check_add(c, MSG_ERROR, MSG_VALIDATE_MISSING, "bundle-meta-tag-resourceType-exists", b, "meta.tag", BUNDLE_TAG);
    else if (wanted == NULL)
        check_add(c, MSG_ERROR, MSG_VALIDATE_VALUE, "bundle-meta-tag-resourceType-valid", code != NULL ? code : tags, "code", "AllergyIntolerance|Condition|Observation");
    if (json_path(b, "identifier/system") != NULL && !json_equals(json_path(b, "identifier/system"), BUNDLE_ID))
        check_add(c, MSG_ERROR, MSG_VALIDATE_VALUE, "valid-system-bundleIdenfifier", json_path(b, "identifier/system"), "system", BUNDLE_ID);
    check_bundle_id(c, b, true);
    if (n == NULL || !check_type_is(json_get(n, "resource"), "Patient"))
        check_add(c, MSG_ERROR, MSG_VALIDATE_FIRST_ENTRY, "first-bundle-entry-is-Patient", b, "Patient", NULL);
    else if (!check_has_profile(json_get(n, "resource"), ECS "JP_Patient_eCS"))
        check_add(c, MSG_ERROR, MSG_VALIDATE_PROFILE_NEEDED, "patients-profile-is-JP-Patient-eCS", json_get(n, "resource"), ECS "JP_Patient_eCS", NULL);
    if (n != NULL && check_type_is(json_get(n, "resource"), "Patient")) {
        check_against(c, json_get(n, "resource"), ECS "JP_Patient_eCS");
        if (check_find(json_path(n, "resource/extension"), "url", INSTITUTION_EXTENSION) == NULL)
            check_prose(c, MSG_VALIDATE_INSTITUTION, NULL, json_get(n, "resource"), "Patient", NULL);
        n = n->next;
    }
    for (; n != NULL && wanted != NULL; n = n->next) {
        const struct json_node *r = json_get(n, "resource");

        if (check_type_is(r, wanted[0])) {
            check_clins_entry(c, r, wanted[0], wanted[1]);
            found++;
        } else if (r != NULL) {
            check_add_text(c, MSG_ERROR, MSG_VALIDATE_MIXED_TYPES, NULL, n, json_get(r, "resourceType"), wanted[0]);
        }
    }
    if (wanted != NULL && found == 0)
        check_add(c, MSG_ERROR, MSG_VALIDATE_NOTHING_OF_TAG, "mustHaveOneMoreResources-with-designatedResourceType", b, wanted[0], NULL);
}

/* --- documents ----------------------------------------------------------------------------------------------------------------- */

struct member { const char *type; uint16_t min, max; };

static void check_members(struct check *c, const struct json_node *b, const struct member *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t seen = 0;
        char limit[8];

        for (const struct json_node *n = first_entry(b); n != NULL; n = n->next) {
            const struct json_node *r = json_get(n, "resource");

            if (!check_type_is(r, members[i].type))
                continue;
            /* An Organization counts when it has its institution number: without one it does not conform to the profile. */
            seen += strcmp(members[i].type, "Organization") != 0 || check_is_institution(json_get(check_find(json_get(r, "identifier"), "system", INSTITUTION_ID), "value"));
        }
        snprintf(limit, sizeof limit, "%u", seen < members[i].min ? members[i].min : members[i].max);
        if (seen < members[i].min)
            check_add(c, MSG_ERROR, MSG_VALIDATE_MISSING, NULL, b, members[i].type, limit);
        if (seen > members[i].max)
            check_add(c, MSG_ERROR, MSG_VALIDATE_TOO_MANY, NULL, b, members[i].type, limit);
    }
    check_bundle_id(c, b, false);
}

/* The Composition must be of the document's own kind, whatever it declares. */
static void check_composition(struct check *c, const struct json_node *b, const char *url)
{
    const struct json_node *r = json_get(first_entry(b), "resource");

    if (!check_type_is(r, "Composition"))
        return;
    if (!check_has_profile(r, url))
        check_add(c, MSG_ERROR, MSG_VALIDATE_PROFILE_NEEDED, NULL, r, url, NULL);
    check_against(c, r, url);
}

void check_bundle_referral(struct check *c, const struct json_node *b)
{
    static const struct member members[] = { { "Composition", 1, 1 }, { "Patient", 1, 1 }, { "Practitioner", 1, MANY }, { "Organization", 2, 4 } };

    check_composition(c, b, "http://jpfhir.jp/fhir/eReferral/StructureDefinition/JP_Composition_eReferral");
    check_members(c, b, members, sizeof members / sizeof *members);
}

void check_bundle_discharge(struct check *c, const struct json_node *b)
{
    static const struct member members[] = {
        { "Composition", 1, 1 }, { "Patient", 1, 1 }, { "Encounter", 1, 1 }, { "Practitioner", 1, MANY }, { "Organization", 1, MANY }, { "Condition", 1, MANY }
    };

    check_composition(c, b, "http://jpfhir.jp/fhir/eDischargeSummary/StructureDefinition/JP_Composition_eDischargeSummary");
    check_members(c, b, members, sizeof members / sizeof *members);
}

void check_bundle_summary(struct check *c, const struct json_node *b)
{
    static const struct member members[] = {
        { "Composition", 1, 1 }, { "Patient", 1, 1 }, { "Practitioner", 1, MANY }, { "Organization", 1, MANY }, { "Encounter", 1, MANY }, { "CarePlan", 1, 1 },
        { "Condition", 1, MANY }
    };

    check_composition(c, b, "http://jpfhir.jp/fhir/ePCS/StructureDefinition/JP_Composition_ePCS");
    check_members(c, b, members, sizeof members / sizeof *members);
}
