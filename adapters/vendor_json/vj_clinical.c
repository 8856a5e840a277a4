/*
 * vj_clinical.c - diseases, allergies, laboratory results: the five kinds of chart information.
 */
#include "adapters/vendor_json/vj.h"

#define AT(type) offsetof(struct type, at)
#define CONCEPT(type) offsetof(struct type, concept)
#define TERM(type) offsetof(struct type, concept.text)
#define LOCAL(type) offsetof(struct type, concept.local_code)

/* A term needs a code of its own, a standard code, or the word that there is none. A malformed code has its own issue and counts here. */
static void need_code(struct vj *r, const struct json_node *node, struct chart_concept *concept, const char *wanted)
{
    static const char *const codes[] = { "local_code", "management_number", "exchange_code", "receipt_code", "icd10", "jfagy_code" };
    bool coded = false;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        coded |= vj_given(json_get(node, codes[i]));
    vj_finish_concept(r, concept, node, json_get(node, "standard_name"));
    if (concept->text.text == NULL)
        return;
    if (!coded && !concept->no_code)
        vj_error(r, MSG_CHART_NO_CODE, node, concept->text.text, wanted);
    else if (concept->no_code && concept->coding_count > 0)
        vj_error(r, MSG_CHART_NOT_BOTH, vj_spot(node, "uncoded"), "uncoded", wanted);
}

/* ---- 傷病名 ------------------------------------------------------------------------------------------------------------------------------ */

static const struct vj_member modifier_members[] = {
    { .name = "name", .type = VJ_LINE, .rules = VJ_REQUIRED, .offset = TERM(chart_modifier) },
    { .name = "management_number", .type = VJ_CODE, .system = CHART_MODIFIER_KEY, .rules = VJ_REQUIRED, .offset = CONCEPT(chart_modifier) },
    { .name = "exchange_code", .type = VJ_CODE, .system = CHART_MODIFIER_EXCHANGE, .offset = CONCEPT(chart_modifier) },
    { .name = "receipt_code", .type = VJ_CODE, .system = CHART_MODIFIER_RECEIPT, .offset = CONCEPT(chart_modifier) },
    { 0 }
};

static void finish_modifier(struct vj *r, const struct json_node *node, void *target)
{
    vj_finish_concept(r, &((struct chart_modifier *)target)->concept, node, NULL);
}

static const struct vj_object modifier = { "modifier", sizeof(struct chart_modifier), VJ_NO_PLACE, modifier_members, finish_modifier };

static const struct vj_choice disease_statuses[] = { { "active", CHART_ACTIVE }, { "remission", CHART_REMISSION }, { "inactive", CHART_INACTIVE }, { "resolved", CHART_RESOLVED }, { 0 } };
static const struct vj_choice outcomes[] = { { "cured", CHART_CURED }, { "died", CHART_DIED }, { "stopped", CHART_STOPPED }, { "moved", CHART_MOVED }, { "continued", CHART_CONTINUED }, { 0 } };

static const struct vj_member disease_members[] = {
    { .name = "id", .type = VJ_FORM, .form = &vj_form_id, .offset = offsetof(struct chart_disease, id) },
    { .name = "name", .type = VJ_LINE, .rules = VJ_REQUIRED, .offset = TERM(chart_disease) },
    { .name = "local_code", .type = VJ_FORM, .form = &vj_form_ascii, .offset = LOCAL(chart_disease) },
    { .name = "management_number", .type = VJ_CODE, .system = CHART_DISEASE_KEY, .offset = CONCEPT(chart_disease) },
    { .name = "exchange_code", .type = VJ_CODE, .system = CHART_DISEASE_EXCHANGE, .offset = CONCEPT(chart_disease) },
    { .name = "receipt_code", .type = VJ_CODE, .system = CHART_DISEASE_RECEIPT, .offset = CONCEPT(chart_disease) },
    { .name = "icd10", .type = VJ_CODE, .system = CHART_ICD10, .offset = CONCEPT(chart_disease) },
    { .name = "standard_name", .type = VJ_DISPLAY, .offset = CONCEPT(chart_disease) },
    { .name = "uncoded", .type = VJ_UNCODED, .offset = CONCEPT(chart_disease) },
    { .name = "prefixes", .type = VJ_LIST, .object = &modifier, .max = 10, .offset = offsetof(struct chart_disease, prefix), .count_offset = offsetof(struct chart_disease, prefix_count) },
    { .name = "suffixes", .type = VJ_LIST, .object = &modifier, .max = 10, .offset = offsetof(struct chart_disease, postfix), .count_offset = offsetof(struct chart_disease, postfix_count) },
    { .name = "onset", .type = VJ_TIME, .offset = offsetof(struct chart_disease, onset) },
    { .name = "end", .type = VJ_TIME, .offset = offsetof(struct chart_disease, end) },
    { .name = "recorded", .type = VJ_TIME, .offset = offsetof(struct chart_disease, recorded) },
    { .name = "status", .type = VJ_CHOICE, .choice = disease_statuses, .offset = offsetof(struct chart_disease, status) },
    { .name = "outcome", .type = VJ_CHOICE, .choice = outcomes, .offset = offsetof(struct chart_disease, outcome) },
    { .name = "suspected", .type = VJ_BOOL, .offset = offsetof(struct chart_disease, suspected) },
    { .name = "principal", .type = VJ_BOOL, .offset = offsetof(struct chart_disease, principal) },
    { .name = "note", .type = VJ_TEXT, .max = 4000, .offset = offsetof(struct chart_disease, note) },
    { .name = "flags", .type = VJ_FLAGS, .max = CHART_LONG_TERM | CHART_UNINFORMED | CHART_UNDELIVERED, .offset = offsetof(struct chart_disease, flags) },
    { .name = "department", .type = VJ_OBJECT, .object = &vj_department, .offset = offsetof(struct chart_disease, department) },
    { .name = "recorder", .type = VJ_OBJECT, .object = &vj_practitioner, .offset = offsetof(struct chart_disease, recorder) },
    { .name = "encounter", .type = VJ_OBJECT, .object = &vj_encounter, .offset = offsetof(struct chart_disease, encounter) },
    { 0 }
};

static enum chart_disease_status status_by_outcome(const struct chart_disease *d)
{
    if (d->outcome == CHART_CURED)
        return CHART_RESOLVED;
    if (d->outcome == CHART_DIED || d->outcome == CHART_STOPPED || d->outcome == CHART_MOVED)
        return CHART_INACTIVE;
    return d->end.text != NULL ? CHART_INACTIVE : CHART_ACTIVE;
}

static void finish_disease(struct vj *r, const struct json_node *node, void *target)
{
    struct chart_disease *d = target;
    need_code(r, node, &d->concept, "management_number, local_code, uncoded");
    vj_check_order(r, node, "end", &d->end, "onset", &d->onset);
    vj_check_future(r, node, "onset", &d->onset);
    vj_check_future(r, node, "end", &d->end);
    /* con-4: what has ended is not active; recurrence and relapse do not occur here */
    if (d->end.text != NULL && (d->status == CHART_ACTIVE || d->outcome == CHART_CONTINUED))
        vj_error(r, MSG_CHART_NOT_BOTH, vj_spot(node, "end"), "end", d->status == CHART_ACTIVE ? "status: active" : "outcome: continued");
    if (d->status == CHART_DISEASE_STATUS_NONE)
        d->status = status_by_outcome(d);
}

const struct vj_object vj_disease = { "disease", sizeof(struct chart_disease), AT(chart_disease), disease_members, finish_disease };

static void check_age(struct vj *r, const struct json_node *node, const struct chart_text *end, const struct chart_concept *concept)
{
    if (end->text != NULL && r->five_years_ago[0] != '\0' && strncmp(end->text, r->five_years_ago, 10) < 0)
        vj_warning(r, MSG_CHART_OLD_ENTRY, vj_spot(node, "end"), concept->text.text, end->text);
}

void vj_check_disease_list(struct vj *r, const struct json_node *node, const struct chart_disease *disease)
{
    if (!vj_given(json_get(node, "onset")))
        vj_error(r, MSG_CHART_MISSING_MEMBER, node, "onset", NULL);   /* condition-needs-onsetDateTime */
    check_age(r, node, &disease->end, &disease->concept);
}

/* ---- アレルギー ---------------------------------------------------------------------------------------------------------------------------- */

static const struct vj_choice severities[] = { { "mild", CHART_MILD }, { "moderate", CHART_MODERATE }, { "severe", CHART_SEVERE }, { 0 } };

static const struct vj_member reaction_members[] = {
    { .name = "manifestation", .type = VJ_LINE, .offset = offsetof(struct chart_reaction, manifestation) },
    { .name = "onset", .type = VJ_TIME, .offset = offsetof(struct chart_reaction, onset) },
    { .name = "severity", .type = VJ_CHOICE, .choice = severities, .offset = offsetof(struct chart_reaction, severity) },
    { .name = "note", .type = VJ_TEXT, .max = 4000, .offset = offsetof(struct chart_reaction, note) },
    { 0 }
};

static const struct vj_object reaction = { "reaction", sizeof(struct chart_reaction), AT(chart_reaction), reaction_members, NULL };

static const struct vj_choice categories[] = { { "medication", CHART_ALLERGY_MEDICATION }, { "food", CHART_ALLERGY_FOOD }, { "environment", CHART_ALLERGY_ENVIRONMENT }, { "other", CHART_ALLERGY_UNSPECIFIED }, { 0 } };
static const struct vj_choice allergy_statuses[] = { { "active", CHART_ACTIVE }, { "inactive", CHART_INACTIVE }, { "resolved", CHART_RESOLVED }, { 0 } };
static const struct vj_choice certainties[] = { { "confirmed", CHART_CONFIRMED }, { "unconfirmed", CHART_UNCONFIRMED }, { "refuted", CHART_REFUTED }, { 0 } };
static const struct vj_choice criticalities[] = { { "low", CHART_CRITICALITY_LOW }, { "high", CHART_CRITICALITY_HIGH }, { "unable-to-assess", CHART_CRITICALITY_UNKNOWN }, { 0 } };

/* The letters before the number say which of the lists a J-FAGY code is of. */
static void read_allergen(struct vj *r, const struct vj_member *m, const struct json_node *node, void *target)
{
    static const struct { const char *prefix; enum chart_system system; } lists[] = {
        { "J9F", CHART_ALLERGEN_FOOD }, { "J9N", CHART_ALLERGEN_OTHER }, { "YCM", CHART_ALLERGEN_DRUG }, { "GCM", CHART_ALLERGEN_INGREDIENT },
    };
    struct chart_concept *concept = &((struct chart_allergy *)target)->concept;
    for (size_t i = 0; json_is(node, JSON_STRING) && i < sizeof lists / sizeof lists[0]; i++) {
        if (node->len < 3 || memcmp(node->text, lists[i].prefix, 3) != 0)
            continue;
        const struct vj_member code = { .name = m->name, .type = VJ_CODE, .system = lists[i].system };
        vj_read_code(r, &code, node, concept);
        return;
    }
    vj_error(r, MSG_CHART_BAD_FORM, node, m->name, "J9F… / J9N… / YCM… / GCM…");
}

static const struct vj_member allergy_members[] = {
    { .name = "id", .type = VJ_FORM, .form = &vj_form_id, .offset = offsetof(struct chart_allergy, id) },
    { .name = "category", .type = VJ_CHOICE, .choice = categories, .rules = VJ_REQUIRED, .offset = offsetof(struct chart_allergy, category) },
    { .name = "name", .type = VJ_LINE, .rules = VJ_REQUIRED, .offset = TERM(chart_allergy) },
    { .name = "local_code", .type = VJ_FORM, .form = &vj_form_ascii, .offset = LOCAL(chart_allergy) },
    { .name = "jfagy_code", .type = VJ_CUSTOM, .custom = read_allergen },
    { .name = "standard_name", .type = VJ_DISPLAY, .offset = CONCEPT(chart_allergy) },
    { .name = "uncoded", .type = VJ_UNCODED, .offset = CONCEPT(chart_allergy) },
    { .name = "status", .type = VJ_CHOICE, .choice = allergy_statuses, .offset = offsetof(struct chart_allergy, status) },
    { .name = "certainty", .type = VJ_CHOICE, .choice = certainties, .offset = offsetof(struct chart_allergy, certainty) },
    { .name = "criticality", .type = VJ_CHOICE, .choice = criticalities, .offset = offsetof(struct chart_allergy, criticality) },
    { .name = "onset", .type = VJ_TIME, .offset = offsetof(struct chart_allergy, onset) },
    { .name = "end", .type = VJ_TIME, .offset = offsetof(struct chart_allergy, end) },
    { .name = "recorded", .type = VJ_TIME, .offset = offsetof(struct chart_allergy, recorded) },
    { .name = "reactions", .type = VJ_LIST, .object = &reaction, .max = 20, .offset = offsetof(struct chart_allergy, reaction), .count_offset = offsetof(struct chart_allergy, reaction_count) },
    { .name = "note", .type = VJ_TEXT, .max = 4000, .offset = offsetof(struct chart_allergy, note) },
    { .name = "flags", .type = VJ_FLAGS, .max = CHART_LONG_TERM, .offset = offsetof(struct chart_allergy, flags) },
    { .name = "department", .type = VJ_OBJECT, .object = &vj_department, .offset = offsetof(struct chart_allergy, department) },
    { .name = "recorder", .type = VJ_OBJECT, .object = &vj_practitioner, .offset = offsetof(struct chart_allergy, recorder) },
    { .name = "encounter", .type = VJ_OBJECT, .object = &vj_encounter, .offset = offsetof(struct chart_allergy, encounter) },
    { 0 }
};

/* A code of another kind of allergen would be read by the service as that kind. */
static bool fits_category(const struct chart_allergy *a)
{
    switch (a->concept.coding[0].system) {
    case CHART_ALLERGEN_FOOD: return a->category == CHART_ALLERGY_FOOD;
    case CHART_ALLERGEN_OTHER: return a->category == CHART_ALLERGY_ENVIRONMENT || a->category == CHART_ALLERGY_UNSPECIFIED;
    default: return a->category == CHART_ALLERGY_MEDICATION;
    }
}

static void finish_allergy(struct vj *r, const struct json_node *node, void *target)
{
    struct chart_allergy *a = target;
    need_code(r, node, &a->concept, "jfagy_code, local_code, uncoded");
    if (a->concept.coding_count > 0 && !fits_category(a))
        vj_error(r, MSG_CHART_NOT_BOTH, vj_spot(node, "jfagy_code"), a->concept.coding[0].code.text, "category");
    vj_check_order(r, node, "end", &a->end, "onset", &a->onset);
    vj_check_future(r, node, "onset", &a->onset);
    vj_check_future(r, node, "end", &a->end);
    if (a->status == CHART_DISEASE_STATUS_NONE)
        a->status = a->end.text != NULL ? CHART_RESOLVED : CHART_ACTIVE;
    else if (a->status == CHART_ACTIVE && a->end.text != NULL)
        vj_error(r, MSG_CHART_NOT_BOTH, vj_spot(node, "end"), "end", "status: active");
}

const struct vj_object vj_allergy = { "allergy", sizeof(struct chart_allergy), AT(chart_allergy), allergy_members, finish_allergy };

void vj_check_allergy_list(struct vj *r, const struct json_node *node, const struct chart_allergy *allergy)
{
    check_age(r, node, &allergy->end, &allergy->concept);
}
