/*
 * NAME
 *     guide - rules of the JP-CLINS guide that no profile carries
 *
 * DESCRIPTION
 *     Only for the reading "service". What the guide prints without a profile or invariant behind it is a warning with the chapter of the guide; three things that this
 *     product itself relies on are errors: one Bundle of the five kinds holds one type, a flag stands only where it means something, and the Composition of a document is of the
 *     document's own kind. Resources are known by the profiles they declare, Bundles by theirs.
 *
 * DIAGNOSTICS
 *     VALIDATE_MIXED_TYPES, _FLAG, _PROFILE_NEEDED (errors); _REFERENCE_PATIENT_ONLY, _INSTITUTION, _CHECK_DIGIT, _NAME_KINDS, _MISSING, _HALFWIDTH, _LAB_CODE, _VALUE,
 *     _SECTION_TEXT, _MILLISECONDS, _FORMAT (warnings).
 */
#include "validate/engine/engine.h"

#include <string.h>

#include "base/text.h"
#include "validate/engine/formats.h"

#define CLINS "http://jpfhir.jp/fhir/clins/StructureDefinition/"
#define ECS "http://jpfhir.jp/fhir/eCS/StructureDefinition/"
#define INSTITUTION_EXTENSION "http://jpfhir.jp/fhir/clins/Extension/StructureDefinition/JP_eCS_InstitutionNumber"
#define NAME_KIND "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
#define FLAG_SYSTEM "http://jpfhir.jp/fhir/clins/CodeSystem/JP_ehrshrs_indication"
#define LAB_LOCAL "http://jpfhir.jp/fhir/clins/CodeSystem/JP_CLINS_ObsLabResult_LocalCode_CS"
#define BUNDLE_TAG "http://jpfhir.jp/fhir/clins/CodeSystem/BundleResourceType_CS"

enum { ISSUES_MAX = 1000, ABOVE_MAX = 100, NEST_MAX = 8 };

struct guide { struct engine *e; const struct place *root; size_t said; };

/* ---- reporting ---- */

static int32_t index_of(const struct json_node *item)
{
    int32_t i = 0;

    for (const struct json_node *n = item->parent->child; n != item; n = n->next)
        i++;
    return i;
}

/* The place of any node, made from the names in the file. */
static void report(struct guide *g, const struct json_node *node, enum msg_severity severity, enum msg_id msg, const char *rule, const char *arg1, const char *arg2)
{
    const struct json_node *above[ABOVE_MAX];
    struct place places[ABOVE_MAX];
    const struct place *up = g->root;
    size_t depth = 0;

    if (g->said++ >= ISSUES_MAX)
        return;
    for (const struct json_node *n = node; n != g->root->node && n != NULL; n = n->parent) {
        if (n->type == JSON_ARRAY && n != node)
            continue;
        if (depth == ABOVE_MAX)
            return;
        above[depth++] = n;
    }
    for (size_t i = 0; depth-- > 0; i++) {
        const struct json_node *n = above[depth];
        bool item = n->parent != NULL && n->parent->type == JSON_ARRAY;
        const struct json_node *named = item ? n->parent : n;

        places[i] = engine_child(up, "", item ? index_of(n) : NO_INDEX, n);
        places[i].name = (struct bytes){ named->key, named->key_len };
        up = &places[i];
    }
    engine_report(g->e, up, node, severity, msg, rule, NULL, arg1, arg2);
}

static void warn(struct guide *g, const struct json_node *node, enum msg_id msg, const char *rule, const char *arg1, const char *arg2)
{
    report(g, node, MSG_WARNING, msg, rule, arg1, arg2);
}

/* ---- looking ---- */

static const struct json_node *first_of(const struct json_node *array)
{
    return json_is(array, JSON_ARRAY) ? array->child : NULL;
}

static const struct json_node *find_item(const struct json_node *list, const char *member, const char *text)
{
    for (const struct json_node *n = first_of(list); n != NULL; n = n->next)
        if (json_equals(json_get(n, member), text))
            return n;
    return NULL;
}

/* Canonical URL with or without a version. */
static bool is_profile(const struct json_node *n, const char *url)
{
    size_t len = strlen(url);

    return json_is(n, JSON_STRING) && n->len >= len && memcmp(n->text, url, len) == 0 && (n->len == len || n->text[len] == '|');
}

static bool declares(const struct json_node *resource, const char *url)
{
    for (const struct json_node *n = first_of(json_path(resource, "meta/profile")); n != NULL; n = n->next)
        if (is_profile(n, url))
            return true;
    return false;
}

static const struct json_node *choice_of(const struct json_node *object, const char *prefix)
{
    size_t len = strlen(prefix);

    for (const struct json_node *n = json_is(object, JSON_OBJECT) ? object->child : NULL; n != NULL; n = n->next)
        if (n->key_len > len && memcmp(n->key, prefix, len) == 0 && n->key[len] >= 'A' && n->key[len] <= 'Z')
            return n;
    return NULL;
}

static const char *dup_text(struct guide *g, const struct json_node *n)
{
    return json_is(n, JSON_STRING) ? json_dup(g->e->arena, n) : NULL;
}

/* ---- the resources of the five kinds ---- */

static void check_institution(struct guide *g, const struct json_node *r)
{
    const struct json_node *value = json_path(find_item(json_get(r, "extension"), "url", INSTITUTION_EXTENSION), "valueIdentifier/value");

    if (json_is(value, JSON_STRING) && value->len == 10 && text_all_digits(value->text, 10) && !text_check_digit_ok(value->text, value->len))
        warn(g, value, MSG_VALIDATE_CHECK_DIGIT, NULL, dup_text(g, value), NULL);
}

/* Any tag but the flags of the type, and each but once, is an error: a lost or misplaced flag harms a patient (jp-clins, flags). */
static void check_flags(struct guide *g, const struct json_node *r)
{
    bool disease = json_equals(json_get(r, "resourceType"), "Condition");
    const struct json_node *tags = json_path(r, "meta/tag");

    for (const struct json_node *n = first_of(tags); n != NULL; n = n->next) {
        const struct json_node *code = json_get(n, "code");
        bool known = json_equals(json_get(n, "system"), FLAG_SYSTEM)
                  && (json_equals(code, "LTS") || (disease && (json_equals(code, "UNINFORMED") || json_equals(code, "UNDELIVERED"))));
        bool twice = false;

        for (const struct json_node *m = first_of(tags); m != n && known; m = m->next)
            twice |= json_is(json_get(m, "code"), JSON_STRING) && json_get(m, "code")->len == code->len && memcmp(json_get(m, "code")->text, code->text, code->len) == 0;
        if (!known || twice)
            report(g, n, MSG_ERROR, MSG_VALIDATE_FLAG, NULL, dup_text(g, code), NULL);
    }
}

static void check_encounter(struct guide *g, const struct json_node *r)
{
    if (json_get(r, "encounter") == NULL)
        warn(g, r, MSG_VALIDATE_MISSING, NULL, "encounter", NULL);
}

static void check_patient(struct guide *g, const struct json_node *r)
{
    const struct json_node *names = json_get(r, "name"), *address = json_get(r, "address");
    bool kanji = false, kana = false;

    for (const struct json_node *n = first_of(names); n != NULL; n = n->next) {
        const struct json_node *kind = find_item(json_get(n, "extension"), "url", NAME_KIND);

        kanji |= json_equals(json_get(kind, "valueCode"), "IDE");
        kana |= json_equals(json_get(kind, "valueCode"), "SYL");
    }
    if (names != NULL && (!kanji || !kana))
        warn(g, r, MSG_VALIDATE_NAME_KINDS, "R1112", kanji ? "SYL" : "IDE", NULL);
    if (address != NULL && (json_path(address, "0/state") == NULL || json_path(address, "0/city") == NULL))
        warn(g, address, MSG_VALIDATE_MISSING, NULL, "state / city", NULL);
    check_institution(g, r);
}

static void check_condition(struct guide *g, const struct json_node *r)
{
    check_flags(g, r);
    check_institution(g, r);
    check_encounter(g, r);
}

static void check_entry(struct guide *g, const struct json_node *r)
{
    check_flags(g, r);
    check_institution(g, r);
}

static void check_lab_text(struct guide *g, const struct json_node *n)
{
    if (json_is(n, JSON_STRING) && (text_has_halfwidth_kana(n->text, n->len) || text_has_fullwidth_space(n->text, n->len)))
        warn(g, n, MSG_VALIDATE_HALFWIDTH, NULL, dup_text(g, n), NULL);
}

static void check_lab(struct guide *g, const struct json_node *r)
{
    const struct json_node *code = json_get(r, "code"), *codings = json_get(code, "coding");

    check_entry(g, r);
    check_encounter(g, r);
    if (codings != NULL && find_item(codings, "system", LAB_LOCAL) == NULL)
        warn(g, code, MSG_VALIDATE_LAB_CODE, NULL, NULL, NULL);
    if (choice_of(r, "value") == NULL && json_get(r, "dataAbsentReason") == NULL && json_get(r, "hasMember") == NULL)
        warn(g, r, MSG_VALIDATE_MISSING, NULL, "value[x] / dataAbsentReason", NULL);
    if (json_get(r, "performer") == NULL)
        warn(g, r, MSG_VALIDATE_MISSING, NULL, "performer", NULL);
    check_lab_text(g, json_get(code, "text"));
    check_lab_text(g, json_get(r, "valueString"));
    check_lab_text(g, json_path(r, "valueCodeableConcept/text"));
    for (const struct json_node *n = first_of(codings); n != NULL; n = n->next)
        check_lab_text(g, json_get(n, "display"));
    for (const struct json_node *n = first_of(json_get(r, "note")); n != NULL; n = n->next)
        check_lab_text(g, json_get(n, "text"));
}

/* ---- letters ---- */

/* The sections of a letter's structured part that need a text of their own. */
static void check_section_texts(struct guide *g, const struct json_node *owner)
{
    for (const struct json_node *n = first_of(json_get(owner, "section")); n != NULL; n = n->next)
        if (json_get(n, "text") == NULL)
            warn(g, n, MSG_VALIDATE_SECTION_TEXT, NULL, dup_text(g, json_get(n, "title")), NULL);
}

static void check_referral(struct guide *g, const struct json_node *r)
{
    const struct json_node *category = json_path(r, "category/0/coding/0/code"), *structured = NULL;

    for (const struct json_node *n = first_of(json_get(r, "section")); n != NULL; n = n->next)
        if (find_item(json_path(n, "code/coding"), "code", "300") != NULL)
            structured = n;
    if (structured == NULL)
        return;
    check_section_texts(g, structured);
    if (!json_equals(category, "OUTPATIENT") && !json_equals(category, "DISCHARGE"))
        warn(g, json_get(r, "category") != NULL ? json_get(r, "category") : r, MSG_VALIDATE_VALUE, NULL, "category", "OUTPATIENT / DISCHARGE");
}

static const struct { const char *profile; void (*check)(struct guide *g, const struct json_node *r); } resource_rules[] = {
    { ECS "JP_Patient_eCS", check_patient }, { ECS "JP_Condition_eCS", check_condition }, { ECS "JP_AllergyIntolerance_eCS", check_entry },
    { ECS "JP_Observation_LabResult_eCS", check_lab }, { ECS "JP_MedicationRequest_eCS", check_entry },
    { "http://jpfhir.jp/fhir/eReferral/StructureDefinition/JP_Composition_eReferral", check_referral }
};

static void check_resource(struct guide *g, const struct json_node *r)
{
    for (size_t i = 0; i < sizeof resource_rules / sizeof *resource_rules; i++)
        if (declares(r, resource_rules[i].profile))
            resource_rules[i].check(g, r);
}

/* ---- Bundles ---- */

/* (institution)^(year)^(1-36 letters, digits, hyphens): asked of the five kinds by an invariant, of documents by the text. */
static bool is_bundle_id(const struct json_node *n)
{
    const char *t = n->text;

    return n->len >= 17 && n->len <= 52 && text_all_digits(t, 10) && t[0] <= '4' && t[2] >= '1' && t[2] <= '3' && t[10] == '^' && t[11] == '2' && t[12] == '0'
        && (t[13] == '2' || t[13] == '3') && t[14] >= '0' && t[14] <= '9' && t[15] == '^' && text_all_of(t + 16, n->len - 16, "A-Za-z0-9-");
}

/* In a Bundle of the five kinds only the Patient is referenced; everything else is contained. */
static void check_patient_only(struct guide *g, const struct json_node *resource, const struct json_node *patient_entry)
{
    for (const struct json_node *n = resource; n != NULL; n = engine_next_node(n, resource)) {
        struct reference_target target;

        if (n->type != JSON_STRING || !json_key_is(n, "reference") || n->len == 0 || n->text[0] == '#')
            continue;
        target = references_find(g->e, resource, (struct bytes){ n->text, n->len });
        if (target.entry != NULL && target.entry != patient_entry && target.entry->parent == patient_entry->parent)
            warn(g, n, MSG_VALIDATE_REFERENCE_PATIENT_ONLY, NULL, "urn:uuid", NULL);
    }
}

static void check_five_kinds(struct guide *g, const struct json_node *bundle)
{
    const struct json_node *entry = first_of(json_get(bundle, "entry")), *patient = entry, *type = json_get(find_item(json_path(bundle, "meta/tag"), "system", BUNDLE_TAG), "code");
    const char *wanted = dup_text(g, type);

    if (entry == NULL)
        return;
    if (json_equals(json_path(entry, "resource/resourceType"), "Patient")) {
        if (find_item(json_path(entry, "resource/extension"), "url", INSTITUTION_EXTENSION) == NULL)
            warn(g, json_get(entry, "resource"), MSG_VALIDATE_INSTITUTION, NULL, "Patient", NULL);
        entry = entry->next;
    }
    for (; entry != NULL; entry = entry->next) {
        const struct json_node *resource = json_get(entry, "resource");

        if (!json_is(resource, JSON_OBJECT))
            continue;
        if (wanted != NULL && !json_equals(json_get(resource, "resourceType"), wanted))
            report(g, entry, MSG_ERROR, MSG_VALIDATE_MIXED_TYPES, NULL, dup_text(g, json_get(resource, "resourceType")), wanted);
        check_patient_only(g, resource, patient);
    }
}

/* The Composition must be of the document's own kind, whatever it declares. */
static const char *const documents[][2] = {
    { CLINS "JP_Bundle_eReferral", "http://jpfhir.jp/fhir/eReferral/StructureDefinition/JP_Composition_eReferral" },
    { CLINS "JP_Bundle_eDischargeSummary", "http://jpfhir.jp/fhir/eDischargeSummary/StructureDefinition/JP_Composition_eDischargeSummary" },
    { CLINS "JP_Bundle_ePCS", "http://jpfhir.jp/fhir/ePCS/StructureDefinition/JP_Composition_ePCS" }
};

static void check_document(struct guide *g, const struct json_node *bundle)
{
    const struct json_node *composition = json_get(first_of(json_get(bundle, "entry")), "resource"), *id = json_path(bundle, "identifier/value");

    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        if (!declares(bundle, documents[i][0]))
            continue;
        if (json_equals(json_get(composition, "resourceType"), "Composition") && !declares(composition, documents[i][1]))
            report(g, composition, MSG_ERROR, MSG_VALIDATE_PROFILE_NEEDED, NULL, documents[i][1], NULL);
        if (json_is(id, JSON_STRING) && !is_bundle_id(id))
            warn(g, id, MSG_VALIDATE_FORMAT, NULL, dup_text(g, id), "9999999999^20YY^1-36 A-Za-z0-9-");
    }
}

static bool is_guide_bundle(const struct json_node *bundle)
{
    bool found = declares(bundle, CLINS "JP_Bundle_CLINS");

    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++)
        found |= declares(bundle, documents[i][0]);
    return found;
}

static void check_bundle(struct guide *g, const struct json_node *bundle, int depth)
{
    const struct json_node *timestamp = json_get(bundle, "timestamp");
    bool ours = is_guide_bundle(bundle);

    if (json_is(timestamp, JSON_STRING) && memchr(timestamp->text, '.', timestamp->len) == NULL)
        warn(g, timestamp, MSG_VALIDATE_MILLISECONDS, NULL, dup_text(g, timestamp), NULL);
    for (const struct json_node *n = first_of(json_get(bundle, "entry")); n != NULL; n = n->next) {
        const struct json_node *url = json_get(n, "fullUrl"), *resource = json_get(n, "resource");

        if (ours && json_is(url, JSON_STRING) && (url->len != 45 || memcmp(url->text, "urn:uuid:", 9) != 0))
            warn(g, url, MSG_VALIDATE_FORMAT, NULL, "fullUrl", "urn:uuid:xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
        if (json_equals(json_get(resource, "resourceType"), "Bundle") && depth < NEST_MAX)
            check_bundle(g, resource, depth + 1);
        else if (json_is(resource, JSON_OBJECT))
            check_resource(g, resource);
    }
    if (declares(bundle, CLINS "JP_Bundle_CLINS"))
        check_five_kinds(g, bundle);
    else
        check_document(g, bundle);
}

void guide_check(struct engine *e, const struct place *root)
{
    struct guide g = { .e = e, .root = root };

    if (e->request->reading != VALIDATE_SERVICE || !json_is(root->node, JSON_OBJECT))
        return;
    if (json_equals(json_get(root->node, "resourceType"), "Bundle"))
        check_bundle(&g, root->node, 0);
    else
        check_resource(&g, root->node);
}
