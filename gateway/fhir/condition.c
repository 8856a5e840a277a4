/*
 * NAME
 *     condition - 傷病名 as JP_Condition_eCS
 *
 * DESCRIPTION
 *     The service reads the 病名管理番号 only, so a coding of that list always stands there: 99999999 when the chart has none. The other lists
 *     go beside it. Modifiers are extensions on the code. A disease that has ended is never `active` (con-4).
 *
 * DIAGNOSTICS
 *     MSG_FHIR_INCOMPLETE when the onset or a modifier's key is missing.
 */
#include "fhir/parts.h"

#define EXTENSION_DIAGNOSIS_TYPE "http://jpfhir.jp/fhir/eCS/Extension/StructureDefinition/JP_eCS_DiagnosisType"
#define EXTENSION_PREFIX "http://jpfhir.jp/fhir/core/Extension/StructureDefinition/JP_Condition_DiseasePrefixModifier"
#define EXTENSION_POSTFIX "http://jpfhir.jp/fhir/core/Extension/StructureDefinition/JP_Condition_DiseasePostfixModifier"
#define SYSTEM_DISEASE_KEY "http://medis.or.jp/CodeSystem/master-disease-keyNumber"

static const char *const status_code[] = {
    [CHART_ACTIVE] = "active", [CHART_REMISSION] = "remission", [CHART_INACTIVE] = "inactive", [CHART_RESOLVED] = "resolved",
};

static const char *const outcome_note[] = {
    [CHART_OUTCOME_NONE] = NULL,
    [CHART_CURED] = "転帰: 治癒",
    [CHART_DIED] = "転帰: 死亡",
    [CHART_STOPPED] = "転帰: 中止",
    [CHART_MOVED] = "転帰: 転医",
    [CHART_CONTINUED] = "転帰: 継続",
};

static void add_modifiers(struct fhir_build *b, struct fhir_node code, const char *url, const struct chart_modifier *modifier, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct chart_concept *concept = &modifier[i].concept;
        struct fhir_node extension = fhir_item(b, code, "extension");
        fhir_map(b, extension, concept->at);
        fhir_add(b, extension, "url", url);
        struct fhir_node value = fhir_object(b, extension, "valueCodeableConcept");
        if (!fhir_chart_coding(b, value, concept, CHART_MODIFIER_KEY))
            fhir_refuse(b, MSG_FHIR_INCOMPLETE, concept->at, "修飾語管理番号", concept->text.text);
        fhir_chart_coding(b, value, concept, CHART_MODIFIER_EXCHANGE);
        fhir_chart_coding(b, value, concept, CHART_MODIFIER_RECEIPT);
        fhir_add_text(b, value, "text", &concept->text);
    }
}

static void add_code(struct fhir_build *b, struct fhir_node condition, const struct chart_disease *d)
{
    struct fhir_node code = fhir_object(b, condition, "code");
    add_modifiers(b, code, EXTENSION_PREFIX, d->prefix, d->prefix_count);
    add_modifiers(b, code, EXTENSION_POSTFIX, d->postfix, d->postfix_count);
    if (!fhir_chart_coding(b, code, &d->concept, CHART_DISEASE_KEY))
        fhir_coding(b, code, SYSTEM_DISEASE_KEY, "99999999", "未コード化傷病名");
    fhir_chart_coding(b, code, &d->concept, CHART_DISEASE_EXCHANGE);
    fhir_chart_coding(b, code, &d->concept, CHART_DISEASE_RECEIPT);
    fhir_chart_coding(b, code, &d->concept, CHART_ICD10);
    fhir_concept_text(b, code, &d->concept);
}

static enum chart_disease_status settle_status(const struct chart_disease *d)
{
    if (d->end.text != NULL)
        return d->status == CHART_DISEASE_STATUS_NONE || d->status == CHART_ACTIVE ? CHART_RESOLVED : d->status;
    return d->status == CHART_DISEASE_STATUS_NONE ? CHART_ACTIVE : d->status;
}

static void add_principal(struct fhir_build *b, struct fhir_node condition)
{
    struct fhir_node extension = fhir_item(b, condition, "extension");
    fhir_add(b, extension, "url", EXTENSION_DIAGNOSIS_TYPE);
    fhir_concept(b, extension, "valueCodeableConcept", FHIR_HL7_CS "ex-diagnosistype", "principal", "主病名");
}

struct fhir_resource fhir_disease(struct fhir_build *b, const struct chart_disease *d)
{
    const struct chart_department *department = d->department != NULL ? d->department : b->chart->department;
    const struct chart_encounter *encounter = d->encounter != NULL ? d->encounter : b->chart->encounter;
    const struct chart_practitioner *recorder = d->recorder != NULL ? d->recorder : b->chart->practitioner;
    struct fhir_resource r = fhir_entry(b, "Condition", FHIR_ECS "JP_Condition_eCS", FHIR_ON_ENTRY, d->flags, d->at);
    fhir_contained_encounter(b, r.node, encounter, "encounter");
    fhir_contained_practitioner(b, r.node, recorder, "recorder", false);
    fhir_institution_extension(b, r.node);
    fhir_department_extension(b, r.node, department);
    if (d->principal)
        add_principal(b, r.node);
    fhir_own_identifier(b, r.node, &d->id);
    fhir_concept(b, r.node, "clinicalStatus", FHIR_HL7_CS "condition-clinical", status_code[settle_status(d)], NULL);
    fhir_concept(b, r.node, "verificationStatus", FHIR_HL7_CS "condition-ver-status", d->suspected ? "unconfirmed" : "confirmed", NULL);
    fhir_concept_item(b, r.node, "category", FHIR_HL7_CS "condition-category", "encounter-diagnosis", NULL);
    add_code(b, r.node, d);
    fhir_reference(b, r.node, "subject", b->frame->patient);
    fhir_add_text(b, r.node, "onsetDateTime", &d->onset);
    fhir_add_text(b, r.node, "abatementDateTime", &d->end);
    fhir_add_text(b, r.node, "recordedDate", &d->recorded);
    fhir_note(b, r.node, &d->note);
    if (outcome_note[d->outcome] != NULL)
        fhir_add(b, fhir_item(b, r.node, "note"), "text", outcome_note[d->outcome]);
    if (b->chart->kind == CHART_DISEASES && d->onset.text == NULL)
        fhir_refuse(b, MSG_FHIR_INCOMPLETE, d->at, "開始日", d->concept.text.text);
    return r;
}
