/*
 * NAME
 *     allergy - アレルギー・薬剤禁忌 as JP_AllergyIntolerance_eCS
 *
 * DESCRIPTION
 *     Every coding is bound to the allergen lists of J-FAGY, so nothing but these codes stands there, or the dummy of the category. The receiver
 *     tells 薬剤禁忌 from the rest by category = medication.
 *
 * DIAGNOSTICS
 *     MSG_FHIR_FLAG for a flag other than 長期保存.
 */
#include "fhir/parts.h"

#define ALLERGEN "http://jpfhir.jp/fhir/core/CodeSystem/"
#define EXTENSION_NULL_FLAVOR "http://hl7.org/fhir/StructureDefinition/iso21090-nullFlavor"

/* By enum chart_allergy_category. */
static const struct { const char *category, *dummy_system, *dummy_code, *dummy_display; } category_table[] = {
    [CHART_ALLERGY_MEDICATION] = { "medication", ALLERGEN "YCM/JP_JfagyMedicationAllergen_CS", "D9M000000000", "医薬品ダミーコード" },
    [CHART_ALLERGY_FOOD] = { "food", ALLERGEN "JP_JfagyFoodAllergen_CS", "D9F000000000", "食品ダミーコード" },
    [CHART_ALLERGY_ENVIRONMENT] = { "environment", ALLERGEN "JP_JfagyNonFoodNonMedicationAllergen_CS", "D9N000000000", "非食品・非医薬品ダミーコード" },
    [CHART_ALLERGY_UNSPECIFIED] = { NULL, ALLERGEN "JP_JfagyNonFoodNonMedicationAllergen_CS", "D9N000000000", "非食品・非医薬品ダミーコード" },
};

static const enum chart_system allergen_systems[] = {
    CHART_ALLERGEN_DRUG, CHART_ALLERGEN_INGREDIENT, CHART_ALLERGEN_FOOD, CHART_ALLERGEN_OTHER,
};

static const char *const certainty_code[] = {
    [CHART_CERTAINTY_NONE] = NULL, [CHART_CONFIRMED] = "confirmed", [CHART_UNCONFIRMED] = "unconfirmed", [CHART_REFUTED] = "refuted",
};
static const char *const criticality_code[] = {
    [CHART_CRITICALITY_NONE] = NULL, [CHART_CRITICALITY_LOW] = "low", [CHART_CRITICALITY_HIGH] = "high", [CHART_CRITICALITY_UNKNOWN] = "unable-to-assess",
};
static const char *const severity_code[] = {
    [CHART_SEVERITY_NONE] = NULL, [CHART_MILD] = "mild", [CHART_MODERATE] = "moderate", [CHART_SEVERE] = "severe",
};
/* AllergyIntolerance knows three clinical states; a remission is one that shows no reaction now. */
static const char *const status_code[] = {
    [CHART_DISEASE_STATUS_NONE] = "active", [CHART_ACTIVE] = "active", [CHART_REMISSION] = "inactive",
    [CHART_INACTIVE] = "inactive", [CHART_RESOLVED] = "resolved",
};

static void add_code(struct fhir_build *b, struct fhir_node allergy, const struct chart_allergy *a)
{
    struct fhir_node code = fhir_object(b, allergy, "code");
    bool coded = false;
    for (size_t i = 0; i < sizeof allergen_systems / sizeof allergen_systems[0]; i++)
        coded |= fhir_chart_coding(b, code, &a->concept, allergen_systems[i]);
    if (!coded)
        fhir_coding(b, code, category_table[a->category].dummy_system, category_table[a->category].dummy_code, category_table[a->category].dummy_display);
    fhir_concept_text(b, code, &a->concept);
}

static void add_reaction(struct fhir_build *b, struct fhir_node allergy, const struct chart_reaction *reaction)
{
    struct fhir_node node = fhir_item(b, allergy, "reaction");
    fhir_map(b, node, reaction->at);
    struct fhir_node manifestation = fhir_item(b, node, "manifestation");
    if (reaction->manifestation.text != NULL) {
        fhir_add_text(b, manifestation, "text", &reaction->manifestation);
    } else {
        /* the guide's example: what it looked like is not known */
        struct fhir_node extension = fhir_item(b, manifestation, "extension");
        fhir_add(b, extension, "url", EXTENSION_NULL_FLAVOR);
        fhir_add(b, extension, "valueCode", "NI");
    }
    fhir_add_text(b, node, "onset", &reaction->onset);
    fhir_add(b, node, "severity", severity_code[reaction->severity]);
    fhir_note(b, node, &reaction->note);
}

struct fhir_resource fhir_allergy(struct fhir_build *b, const struct chart_allergy *a)
{
    const struct chart_department *department = a->department != NULL ? a->department : b->chart->department;
    const struct chart_encounter *encounter = a->encounter != NULL ? a->encounter : b->chart->encounter;
    const struct chart_practitioner *recorder = a->recorder != NULL ? a->recorder : b->chart->practitioner;
    fhir_check_flags(b, a->at, a->flags, CHART_LONG_TERM, "アレルギー");
    struct fhir_resource r = fhir_entry(b, "AllergyIntolerance", FHIR_ECS "JP_AllergyIntolerance_eCS", FHIR_ON_ENTRY, a->flags, a->at);
    fhir_contained_encounter(b, r.node, encounter, "encounter");
    fhir_contained_practitioner(b, r.node, recorder, "recorder", false);
    fhir_institution_extension(b, r.node);
    fhir_department_extension(b, r.node, department);
    fhir_own_identifier(b, r.node, &a->id);
    fhir_concept(b, r.node, "clinicalStatus", FHIR_HL7_CS "allergyintolerance-clinical", status_code[a->status], NULL);
    if (certainty_code[a->certainty] != NULL)
        fhir_concept(b, r.node, "verificationStatus", FHIR_HL7_CS "allergyintolerance-verification", certainty_code[a->certainty], NULL);
    fhir_add_item(b, r.node, "category", category_table[a->category].category);
    fhir_add(b, r.node, "criticality", criticality_code[a->criticality]);
    add_code(b, r.node, a);
    fhir_reference(b, r.node, "patient", b->frame->patient);
    fhir_add_text(b, r.node, "onsetDateTime", &a->onset);
    fhir_add_text(b, r.node, "recordedDate", &a->recorded);
    fhir_note(b, r.node, &a->note);
    /* R4 has no end of an allergy; the status says it, and the date goes where a reader sees it */
    if (a->end.text != NULL) {
        struct chart_text end = { fhir_format(b, "終了日: %s", a->end.text), a->end.at };
        fhir_note(b, r.node, &end);
    }
    for (size_t i = 0; i < a->reaction_count; i++)
        add_reaction(b, r.node, &a->reaction[i]);
    return r;
}
