/*
 * NAME
 *     medication - 投薬指示 as JP_MedicationRequest_eCS with JP_MedicationDosage_eCS
 *
 * DESCRIPTION
 *     The profile wants a coded unit wherever an amount stands as a quantity. An amount whose unit has no code is told in dosage.text only, so
 *     that nothing is lost and no code is invented; dosage.text carries every amount in any case.
 *
 * DIAGNOSTICS
 *     As in node.h; MSG_FHIR_FLAG for a flag other than 長期保存.
 */
#include "fhir/parts.h"

#include <string.h>

#define SYSTEM_RP_NUMBER "http://jpfhir.jp/fhir/core/mhlw/IdSystem/Medication-RPGroupNumber"
#define SYSTEM_ORDER_IN_RP "http://jpfhir.jp/fhir/core/mhlw/IdSystem/MedicationAdministrationIndex"
#define SYSTEM_NOCODED "http://jpfhir.jp/fhir/eCS/CodeSystem/MedicationCodeNocoded_CS"
#define SYSTEM_LOCAL_DRUG "http://jpfhir.jp/fhir/eCS/CodeSystem/DrugCode/1"
#define SYSTEM_DUMMY_USAGE "http://jpfhir.jp/fhir/clins/CodeSystem/JP_CLINS_MedicationUsage_Uncoded_CS"
#define SYSTEM_UNIT "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/MedicationUnitMERIT9Code"
#define SYSTEM_STRENGTH "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/MedicationIngredientStrengthStrengthType"
#define EXTENSION_PERIOD "http://jpfhir.jp/fhir/core/Extension/StructureDefinition/JP_MedicationDosage_PeriodOfUse"

static void add_medicine(struct fhir_build *b, struct fhir_node request, const struct chart_medication *m)
{
    const struct chart_concept *c = &m->concept;
    struct fhir_node code = fhir_object(b, request, "medicationCodeableConcept");
    bool standard = fhir_chart_coding(b, code, c, CHART_YJ);
    standard |= fhir_chart_coding(b, code, c, CHART_DRUG_GENERAL);
    if (!standard)
        fhir_coding(b, code, SYSTEM_NOCODED, "NOCODED", "標準コードなし");
    fhir_chart_coding(b, code, c, CHART_HOT9);
    if (c->local_code.text != NULL)
        fhir_map(b, fhir_coding(b, code, fhir_format(b, SYSTEM_LOCAL_DRUG "%s", b->chart->institution->code.text), c->local_code.text, c->text.text), c->local_code.at);
    fhir_concept_text(b, code, c);
}

static void add_usage(struct fhir_build *b, struct fhir_node timing, const struct chart_concept *usage)
{
    struct fhir_node code = fhir_object(b, timing, "code");
    if (!fhir_chart_coding(b, code, usage, CHART_USAGE))
        fhir_coding(b, code, SYSTEM_DUMMY_USAGE, "0X0XXXXXXXXX0000", "ダミー用法コード");
    fhir_chart_coding(b, code, usage, CHART_USAGE_JAMI);
    fhir_concept_text(b, code, usage);
}

static void add_amount(struct fhir_build *b, struct fhir_node node, const struct chart_text *value, const struct chart_text *unit, const struct chart_text *code)
{
    fhir_add_number(b, node, "value", value);
    fhir_add_text(b, node, "unit", unit);
    fhir_add(b, node, "system", SYSTEM_UNIT);
    fhir_add_text(b, node, "code", code);
}

static bool is_whole(const struct chart_text *value, const struct chart_text *unit, const struct chart_text *code)
{
    return value->text != NULL && unit->text != NULL && code->text != NULL;
}

static void add_dose(struct fhir_build *b, struct fhir_node dosage, const struct chart_medication *m)
{
    bool dose = is_whole(&m->dose, &m->dose_unit, &m->dose_unit_code), daily = is_whole(&m->daily, &m->daily_unit, &m->daily_unit_code);
    if (!dose && !daily)
        return;
    struct fhir_node rate = fhir_item(b, dosage, "doseAndRate");
    fhir_concept(b, rate, "type", SYSTEM_STRENGTH, "1", "製剤量");
    if (dose)
        add_amount(b, fhir_object(b, rate, "doseQuantity"), &m->dose, &m->dose_unit, &m->dose_unit_code);
    if (!daily)
        return;
    struct fhir_node ratio = fhir_object(b, rate, "rateRatio");
    add_amount(b, fhir_object(b, ratio, "numerator"), &m->daily, &m->daily_unit, &m->daily_unit_code);
    struct fhir_node day = fhir_object(b, ratio, "denominator");
    fhir_add_raw(b, day, "value", "1");
    fhir_add(b, day, "unit", "日");
    fhir_add(b, day, "system", FHIR_UCUM);
    fhir_add(b, day, "code", "d");
}

static void add_days(struct fhir_build *b, struct fhir_node node, const struct chart_text *days)
{
    fhir_add_number(b, node, "value", days);
    fhir_add(b, node, "unit", "日");
    fhir_add(b, node, "system", FHIR_UCUM);
    fhir_add(b, node, "code", "d");
}

static const char *text_or_void(const struct chart_text *text)
{
    return text->text == NULL ? "" : text->text;
}

/* "1日3回毎食後 1回 2錠 1日 6錠 14日分 全量 84錠 頓用": what is known of it. */
static const char *dosage_text(struct fhir_build *b, const struct chart_medication *m)
{
    const char *text = m->usage.text.text;
    if (m->dose.text != NULL)
        text = fhir_format(b, "%s 1回 %s%s", text, m->dose.text, text_or_void(&m->dose_unit));
    if (m->daily.text != NULL)
        text = fhir_format(b, "%s 1日 %s%s", text, m->daily.text, text_or_void(&m->daily_unit));
    if (m->days.text != NULL)
        text = fhir_format(b, "%s %s日分", text, m->days.text);
    if (m->quantity.text != NULL)
        text = fhir_format(b, "%s 全量 %s%s", text, m->quantity.text, text_or_void(&m->quantity_unit));
    return m->as_needed ? fhir_format(b, "%s 頓用", text) : text;
}

static void add_dosage(struct fhir_build *b, struct fhir_node request, const struct chart_medication *m)
{
    struct fhir_node dosage = fhir_item(b, request, "dosageInstruction");
    fhir_map(b, dosage, m->usage.at != NULL ? m->usage.at : m->at);
    struct fhir_node extension = fhir_item(b, dosage, "extension");
    fhir_add(b, extension, "url", EXTENSION_PERIOD);
    const struct chart_text *start = m->start.text != NULL ? &m->start : &m->authored;
    fhir_add_text(b, fhir_object(b, extension, "valuePeriod"), "start", start);
    fhir_add(b, dosage, "text", dosage_text(b, m));
    struct fhir_node timing = fhir_object(b, dosage, "timing");
    if (m->days.text != NULL)
        add_days(b, fhir_object(b, fhir_object(b, timing, "repeat"), "boundsDuration"), &m->days);
    add_usage(b, timing, &m->usage);
    if (m->as_needed)
        fhir_add_true(b, dosage, "asNeededBoolean");
    add_dose(b, dosage, m);
}

static void add_dispense(struct fhir_build *b, struct fhir_node request, const struct chart_medication *m)
{
    bool quantity = is_whole(&m->quantity, &m->quantity_unit, &m->quantity_unit_code);
    if (!quantity && m->days.text == NULL)
        return;
    struct fhir_node dispense = fhir_object(b, request, "dispenseRequest");
    if (quantity)
        add_amount(b, fhir_object(b, dispense, "quantity"), &m->quantity, &m->quantity_unit, &m->quantity_unit_code);
    if (m->days.text != NULL)
        add_days(b, fhir_object(b, dispense, "expectedSupplyDuration"), &m->days);
}

struct fhir_resource fhir_medication(struct fhir_build *b, const struct chart_medication *m)
{
    static const struct chart_text one = { "1", NULL };
    const struct chart_practitioner *requester = m->requester != NULL ? m->requester : b->chart->letter->author;
    fhir_check_flags(b, m->at, m->flags, CHART_LONG_TERM, "処方");
    struct fhir_resource r = fhir_entry(b, "MedicationRequest", FHIR_ECS "JP_MedicationRequest_eCS", FHIR_ON_ENTRY, m->flags, m->at);
    fhir_contained_encounter(b, r.node, b->chart->encounter, "encounter");
    fhir_contained_practitioner(b, r.node, requester, "requester", false);
    fhir_institution_extension(b, r.node);
    fhir_department_extension(b, r.node, b->chart->department);
    fhir_identifier(b, r.node, SYSTEM_RP_NUMBER, m->rp_number.text != NULL ? &m->rp_number : &one);
    fhir_identifier(b, r.node, SYSTEM_ORDER_IN_RP, m->order_in_rp.text != NULL ? &m->order_in_rp : &one);
    fhir_own_identifier(b, r.node, &m->id);
    fhir_add(b, r.node, "status", "completed");
    fhir_add(b, r.node, "intent", "order");
    add_medicine(b, r.node, m);
    fhir_reference(b, r.node, "subject", b->frame->patient);
    fhir_add_text(b, r.node, "authoredOn", &m->authored);
    fhir_note(b, r.node, &m->note);
    add_dosage(b, r.node, m);
    add_dispense(b, r.node, m);
    return r;
}
