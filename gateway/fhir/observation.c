/*
 * NAME
 *     observation - 検査・感染症 as JP_Observation_LabResult_eCS
 *
 * DESCRIPTION
 *     Four coding patterns: local + core, local + infection, local + general JLAC10, local + uncoded. The core and infection systems take only the
 *     codes of their CodeSystems, with the CodeSystem's own display (codes/codes.h); the receiver tells 感染症 from 検査 by the system alone,
 *     so a code of these lists goes under its list whatever list the chart named.
 *
 * DIAGNOSTICS
 *     MSG_FHIR_CORE_UNSENDABLE, MSG_FHIR_NOT_IN_LIST (warnings), MSG_FHIR_NO_LAB_CODE, MSG_FHIR_FLAG, MSG_FHIR_NOT_A_NUMBER (errors).
 */
#include "fhir/parts.h"

#include <string.h>

#include "codes/codes.h"

#define SYSTEM_OBSERVATION_CATEGORY "http://jpfhir.jp/fhir/core/CodeSystem/JP_SimpleObservationCategory_CS"
#define SYSTEM_MATERIAL "http://jpfhir.jp/fhir/core/CodeSystem/JP_ObservationSampleMaterialCode_CS"

static const char *const status_code[] = {
    [CHART_FINAL] = "final", [CHART_PRELIMINARY] = "preliminary", [CHART_CORRECTED] = "corrected", [CHART_CANCELLED] = "cancelled",
};
static const char *const interpretation_code[] = {
    [CHART_INTERPRETATION_NONE] = NULL, [CHART_HIGH] = "H", [CHART_LOW] = "L", [CHART_NORMAL] = "N", [CHART_CRITICAL_HIGH] = "HH",
    [CHART_CRITICAL_LOW] = "LL", [CHART_ABNORMAL] = "A", [CHART_POSITIVE] = "POS", [CHART_NEGATIVE] = "NEG", [CHART_INDETERMINATE] = "IND",
};
static const enum chart_system jlac_systems[] = { CHART_JLAC10_CORE, CHART_JLAC10_INFECTION, CHART_JLAC10, CHART_JLAC10_GENERAL };

/* ---- code -------------------------------------------------------------------------------------------------------------------------- */

static void add_local_code(struct fhir_build *b, struct fhir_node code, const struct chart_lab_item *item)
{
    const char *local = item->concept.local_code.text;
    if (local == NULL)
        return;
    if (item->local_material.text != NULL)
        local = fhir_format(b, "%s_%s", local, item->local_material.text);
    fhir_map(b, fhir_coding(b, code, CODES_SYSTEM_LAB_LOCAL, local, item->concept.text.text), item->concept.local_code.at);
}

static void add_general_code(struct fhir_build *b, struct fhir_node code, const struct chart_lab_item *item, const struct chart_coding *coding)
{
    const char *display = coding->display.text != NULL ? coding->display.text : item->concept.text.text;
    fhir_map(b, fhir_coding(b, code, CODES_SYSTEM_LAB_GENERAL, coding->code.text, display), coding->code.at);
}

/* Writes the chart's JLAC10 code under the list that it belongs to. */
static void add_standard_code(struct fhir_build *b, struct fhir_node code, const struct chart_lab_item *item, const struct chart_coding *coding)
{
    const struct codes_lab *lab = codes_lab_find(coding->code.text);
    const char *term = item->concept.text.text;
    if (lab != NULL && codes_lab_is_sendable(lab)) {
        fhir_map(b, fhir_coding(b, code, codes_lab_system_of(lab), lab->code, lab->display), coding->code.at);
        if (coding->system == CHART_JLAC10_GENERAL)
            add_general_code(b, code, item, coding);
        return;
    }
    if (lab != NULL)
        fhir_warn(b, MSG_FHIR_CORE_UNSENDABLE, coding->code.at, code.path, coding->code.text, term);
    else if (coding->system == CHART_JLAC10_CORE || coding->system == CHART_JLAC10_INFECTION)
        fhir_warn(b, MSG_FHIR_NOT_IN_LIST, coding->code.at, code.path, coding->code.text, term);
    add_general_code(b, code, item, coding);
}

static void add_code(struct fhir_build *b, struct fhir_node observation, const struct chart_lab_item *item)
{
    const struct chart_coding *coding = NULL;
    struct fhir_node code = fhir_object(b, observation, "code");
    for (size_t i = 0; coding == NULL && i < sizeof jlac_systems / sizeof jlac_systems[0]; i++)
        coding = chart_concept_get(&item->concept, jlac_systems[i]);
    add_local_code(b, code, item);
    if (coding != NULL && coding->code.text != NULL)
        add_standard_code(b, code, item, coding);
    else if (item->concept.no_code || item->concept.local_code.text != NULL)
        fhir_coding(b, code, CODES_SYSTEM_LAB_UNCODED, "99999999999999999", "未標準化コード項目(JLAC)");
    else
        fhir_refuse(b, MSG_FHIR_NO_LAB_CODE, item->at, item->concept.text.text, NULL);
    fhir_concept_text(b, code, &item->concept);
}

/* ---- value ------------------------------------------------------------------------------------------------------------------------- */

static void add_unit(struct fhir_build *b, struct fhir_node quantity, const struct chart_text *unit, const struct chart_text *code)
{
    fhir_add_text(b, quantity, "unit", unit);
    if (code->text == NULL)
        return;
    fhir_add(b, quantity, "system", FHIR_UCUM);
    fhir_add_text(b, quantity, "code", code);
}

static void add_quantity(struct fhir_build *b, struct fhir_node observation, const struct chart_value *value)
{
    struct fhir_node quantity = fhir_object(b, observation, "valueQuantity");
    fhir_map(b, quantity, value->at);
    fhir_add_number(b, quantity, "value", &value->number);
    fhir_add_text(b, quantity, "comparator", &value->comparator);
    add_unit(b, quantity, &value->unit, &value->unit_code);
}

static void add_qualitative(struct fhir_build *b, struct fhir_node observation, const struct chart_value *value)
{
    struct fhir_node concept = fhir_object(b, observation, "valueCodeableConcept");
    fhir_map(b, concept, value->at);
    if (value->code.text != NULL && value->code_system.text != NULL)
        fhir_map(b, fhir_coding(b, concept, value->code_system.text, value->code.text, value->text.text), value->code.at);
    fhir_add_text(b, concept, "text", &value->text);
}

void fhir_value(struct fhir_build *b, struct fhir_node observation, const struct chart_value *value)
{
    switch (value->type) {
    case CHART_VALUE_NONE:
        break;
    case CHART_QUANTITY:
        add_quantity(b, observation, value);
        break;
    case CHART_QUALITATIVE:
        add_qualitative(b, observation, value);
        break;
    case CHART_STRING:
        fhir_add_text(b, observation, "valueString", &value->text);
        break;
    case CHART_ABSENT:
        fhir_map(b, fhir_concept(b, observation, "dataAbsentReason", FHIR_HL7_CS "data-absent-reason",
                                 value->absent.text != NULL ? value->absent.text : "unknown", NULL), value->at);
        break;
    }
}

static void add_limit(struct fhir_build *b, struct fhir_node range, const char *name, const struct chart_text *limit, const struct chart_text *unit)
{
    if (limit->text == NULL)
        return;
    struct fhir_node quantity = fhir_object(b, range, name);
    fhir_add_number(b, quantity, "value", limit);
    fhir_add(b, quantity, "unit", unit->text);
}

static void add_ranges(struct fhir_build *b, struct fhir_node observation, const struct chart_lab_item *item)
{
    for (size_t i = 0; i < item->range_count; i++) {
        const struct chart_range *range = &item->range[i];
        if (range->low.text == NULL && range->high.text == NULL && range->text.text == NULL)
            continue;   /* obs-3 */
        struct fhir_node node = fhir_item(b, observation, "referenceRange");
        const struct chart_text *unit = range->unit.text != NULL ? &range->unit : &item->value.unit;
        fhir_map(b, node, range->at);
        add_limit(b, node, "low", &range->low, unit);
        add_limit(b, node, "high", &range->high, unit);
        fhir_add_text(b, node, "text", &range->text);
    }
}

/* ---- the rest ---------------------------------------------------------------------------------------------------------------------- */

static void contain_specimen(struct fhir_build *b, struct fhir_node observation, const struct chart_specimen *specimen)
{
    if (specimen == NULL || (specimen->code.text == NULL && specimen->collected.text == NULL))
        return;
    struct fhir_node node = fhir_contained(b, observation, "Specimen", "specimen", FHIR_CORE "JP_Specimen");
    fhir_map(b, node, specimen->at);
    struct fhir_node type = fhir_object(b, node, "type");
    if (specimen->code.text != NULL)
        fhir_map(b, fhir_coding(b, type, SYSTEM_MATERIAL, specimen->code.text, specimen->name.text), specimen->code.at);
    fhir_add_text(b, type, "text", &specimen->name);
    if (specimen->collected.text != NULL)
        fhir_add_text(b, fhir_object(b, node, "collection"), "collectedDateTime", &specimen->collected);
}

static void refer_specimen(struct fhir_build *b, struct fhir_node observation, const struct chart_specimen *specimen)
{
    if (specimen == NULL)
        return;
    struct fhir_node node = fhir_object(b, observation, "specimen");
    fhir_map(b, node, specimen->at);
    if (specimen->code.text != NULL || specimen->collected.text != NULL)
        fhir_add(b, node, "reference", "#specimen");
    fhir_add(b, node, "type", "Specimen");
    fhir_add(b, node, "display", specimen->name.text);
}

static void contain_order(struct fhir_build *b, struct fhir_node observation, const struct chart_lab_report *report)
{
    if (report == NULL || report->order_number.text == NULL)
        return;
    struct fhir_node node = fhir_contained(b, observation, "ServiceRequest", "order", FHIR_CORE "JP_ServiceRequest");
    fhir_identifier(b, node, FHIR_IDENTIFIER, &report->order_number);
    fhir_add(b, node, "status", "completed");
    fhir_add(b, node, "intent", "order");
    fhir_reference(b, node, "subject", b->frame->patient);
    fhir_reference_item(b, observation, "basedOn", "#order");
}

/* Observation.issued is an instant: a plain date cannot stand there. */
static const struct chart_text *instant_of(const struct chart_text *time)
{
    return time->text != NULL && strchr(time->text, 'T') != NULL ? time : NULL;
}

static void add_times(struct fhir_build *b, struct fhir_node observation, const struct chart_lab_item *item, const struct chart_lab_report *report)
{
    const struct chart_text *issued = instant_of(&item->issued);
    if (issued == NULL && item->issued.text == NULL && report != NULL)
        issued = instant_of(&report->issued);
    fhir_add_text(b, observation, "effectiveDateTime", &item->collected);
    if (issued != NULL)
        fhir_add_text(b, observation, "issued", issued);
    if (item->collected.text == NULL)
        fhir_refuse(b, MSG_FHIR_INCOMPLETE, item->at, "採取日時", item->concept.text.text);
}

struct fhir_resource fhir_lab(struct fhir_build *b, const struct chart_lab_item *item, const struct chart_lab_report *report, const struct chart_practitioner *performer)
{
    fhir_check_flags(b, item->at, item->flags, CHART_LONG_TERM, "検査");
    struct fhir_resource r = fhir_entry(b, "Observation", FHIR_ECS "JP_Observation_LabResult_eCS", FHIR_ON_ENTRY, item->flags, item->at);
    fhir_contained_encounter(b, r.node, b->chart->encounter, "encounter");
    contain_specimen(b, r.node, item->specimen);
    fhir_contained_practitioner(b, r.node, performer, "performer", true);
    contain_order(b, r.node, report);
    fhir_institution_extension(b, r.node);
    fhir_department_extension(b, r.node, b->chart->department);
    fhir_own_identifier(b, r.node, &item->id);
    fhir_add(b, r.node, "status", status_code[item->status]);
    fhir_concept_item(b, r.node, "category", SYSTEM_OBSERVATION_CATEGORY, "laboratory", NULL);
    add_code(b, r.node, item);
    fhir_reference(b, r.node, "subject", b->frame->patient);
    add_times(b, r.node, item, report);
    fhir_value(b, r.node, &item->value);
    if (interpretation_code[item->interpretation] != NULL)
        fhir_concept_item(b, r.node, "interpretation", FHIR_HL7_CS "v3-ObservationInterpretation", interpretation_code[item->interpretation], NULL);
    fhir_note(b, r.node, &item->comment);
    if (report != NULL)
        fhir_note(b, r.node, &report->comment);
    refer_specimen(b, r.node, item->specimen);
    add_ranges(b, r.node, item);
    return r;
}
