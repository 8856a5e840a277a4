/*
 * NAME
 *     sections - what stands in the sections of a letter
 *
 * DESCRIPTION
 *     One small function a kind of entry; a table joins them to the lists of struct chart_section. Profiles: JP_FamilyMemberHistory_eCS,
 *     JP_Observation_Common_eCS, JP_Immunization_eCS, JP_Procedure_eCS, JP_CarePlan_eCS, JP_DeviceUseStatement_eCS, JP_Consent_eCS,
 *     JP_ResearchSubject_eCS, and those of the five kinds. Terms of lists that the profiles do not slice are sent as text, with a code where the
 *     chart has one of a list with a URL.
 *
 * DIAGNOSTICS
 *     As in node.h.
 */
#include "fhir/sections.h"

#define SYSTEM_OBSERVATION_CATEGORY "http://jpfhir.jp/fhir/core/CodeSystem/JP_SimpleObservationCategory_CS"
#define SYSTEM_PLAN_CATEGORY "http://jpfhir.jp/fhir/CarePlan/CodeSystem/category"

/* A section's entries are added one by one with the line that stands for them in its text. */
struct filling { struct fhir_node section; size_t count; const char *text; };

static void add_line(struct fhir_build *b, struct filling *f, const char *url, const char *line)
{
    fhir_reference_item(b, f->section, "entry", url);
    f->count++;
    if (line != NULL)
        f->text = f->text == NULL ? line : fhir_format(b, "%s\n%s", f->text, line);
}

static struct fhir_resource begin(struct fhir_build *b, const char *type, const char *profile, const struct chart_text *id, const struct chart_place *at)
{
    struct fhir_resource r = fhir_entry(b, type, profile, FHIR_ON_ENTRY, 0, at);
    fhir_own_identifier(b, r.node, id);
    return r;
}

/* Codes of the lists that have a URL, and the term. */
static void add_term(struct fhir_build *b, struct fhir_node concept, const struct chart_concept *term, size_t max)
{
    for (size_t i = 0; i < term->coding_count && max > 0; i++)
        max -= fhir_chart_coding(b, concept, term, term->coding[i].system);
    fhir_concept_text(b, concept, term);
}

static void add_period(struct fhir_build *b, struct fhir_node resource, const char *instant, const char *period, const struct chart_text *start, const struct chart_text *end)
{
    if (start->text == NULL && end->text == NULL)
        return;
    if (end->text == NULL && instant != NULL) {
        fhir_add_text(b, resource, instant, start);
        return;
    }
    struct fhir_node node = fhir_object(b, resource, period);
    fhir_add_text(b, node, "start", start);
    fhir_add_text(b, node, "end", end);
}

static void add_diseases(struct fhir_build *b, struct filling *f, const struct chart_section *s)
{
    for (size_t i = 0; i < s->disease_count; i++)
        add_line(b, f, fhir_disease(b, &s->disease[i]).url, s->disease[i].concept.text.text);
}

static void add_allergies(struct fhir_build *b, struct filling *f, const struct chart_section *s)
{
    for (size_t i = 0; i < s->allergy_count; i++)
        add_line(b, f, fhir_allergy(b, &s->allergy[i]).url, s->allergy[i].concept.text.text);
}

static void add_family(struct fhir_build *b, struct filling *f, const struct chart_section *s)
{
    for (size_t i = 0; i < s->family_count; i++) {
        const struct chart_family *member = &s->family[i];
        struct fhir_resource r = begin(b, "FamilyMemberHistory", FHIR_ECS "JP_FamilyMemberHistory_eCS", &member->id, member->at);
        const char *line = member->relation.text;
        fhir_add(b, r.node, "status", "partial");
        fhir_reference(b, r.node, "patient", b->frame->patient);
        struct fhir_node relation = fhir_object(b, r.node, "relationship");
        fhir_map(b, fhir_coding(b, relation, FHIR_HL7_CS "v3-RoleCode", member->relation_code.text != NULL ? member->relation_code.text : "FAMMEMB", NULL), member->relation_code.at);
        fhir_add_text(b, relation, "text", &member->relation);
        fhir_note(b, r.node, &member->note);
        for (size_t k = 0; k < member->condition_count; k++) {
            add_term(b, fhir_object(b, fhir_item(b, r.node, "condition"), "code"), &member->condition[k], 1);
            line = fhir_format(b, "%s %s", line == NULL ? "" : line, member->condition[k].text.text);
        }
        add_line(b, f, r.url, line);
    }
}

/* By section code: what kind of observation a finding is. */
static const struct { enum chart_section_code section; const char *code, *display; } finding_category[] = {
    { CHART_SECTION_PHYSICAL_FINDINGS, "exam", "Exam" },
    { CHART_SECTION_INFECTIONS, "laboratory", "Laboratory" },
    { CHART_SECTION_SOCIAL_HISTORY, "social-history", "Social History" },
};

static const char *finding_line(struct fhir_build *b, const struct chart_finding *finding)
{
    const struct chart_value *v = &finding->value;
    const char *term = finding->concept.text.text;
    if (v->type == CHART_QUANTITY)
        return fhir_format(b, "%s: %s%s%s", term, v->comparator.text != NULL ? v->comparator.text : "", v->number.text, v->unit.text != NULL ? v->unit.text : "");
    return v->text.text != NULL ? fhir_format(b, "%s: %s", term, v->text.text) : term;
}

static void add_findings(struct fhir_build *b, struct filling *f, const struct chart_section *s)
{
    for (size_t i = 0; i < s->finding_count; i++) {
        const struct chart_finding *finding = &s->finding[i];
        struct fhir_resource r = begin(b, "Observation", FHIR_ECS "JP_Observation_Common_eCS", &finding->id, finding->at);
        fhir_add(b, r.node, "status", "final");
        for (size_t k = 0; k < sizeof finding_category / sizeof finding_category[0]; k++)
            if (finding_category[k].section == s->code)
                fhir_concept_item(b, r.node, "category", SYSTEM_OBSERVATION_CATEGORY, finding_category[k].code, finding_category[k].display);
        add_term(b, fhir_object(b, r.node, "code"), &finding->concept, CHART_CODINGS_MAX);
        fhir_reference(b, r.node, "subject", b->frame->patient);
        fhir_add_text(b, r.node, "effectiveDateTime", &finding->date);
        fhir_value(b, r.node, &finding->value);
        fhir_note(b, r.node, &finding->note);
        add_line(b, f, r.url, finding_line(b, finding));
    }
}

static void add_immunizations(struct fhir_build *b, struct filling *f, const struct chart_section *s)
{
    for (size_t i = 0; i < s->immunization_count; i++) {
        const struct chart_immunization *shot = &s->immunization[i];
        struct fhir_resource r = begin(b, "Immunization", FHIR_ECS "JP_Immunization_eCS", &shot->id, shot->at);
        fhir_add(b, r.node, "status", "completed");
        add_term(b, fhir_object(b, r.node, "vaccineCode"), &shot->vaccine, CHART_CODINGS_MAX);
        fhir_reference(b, r.node, "patient", b->frame->patient);
        fhir_add_text(b, r.node, "occurrenceDateTime", &shot->date);
        if (shot->date.text == NULL)
            fhir_add(b, r.node, "occurrenceString", "不明");
        fhir_add_text(b, r.node, "lotNumber", &shot->lot_number);
        fhir_note(b, r.node, &shot->note);
        add_line(b, f, r.url, shot->date.text != NULL ? fhir_format(b, "%s %s", shot->date.text, shot->vaccine.text.text) : shot->vaccine.text.text);
    }
}

static void add_procedures(struct fhir_build *b, struct filling *f, const struct chart_section *s)
{
    for (size_t i = 0; i < s->procedure_count; i++) {
        const struct chart_procedure *done = &s->procedure[i];
        struct fhir_resource r = begin(b, "Procedure", FHIR_ECS "JP_Procedure_eCS", &done->id, done->at);
        fhir_add(b, r.node, "status", "completed");
        add_term(b, fhir_object(b, r.node, "code"), &done->concept, CHART_CODINGS_MAX);
        fhir_reference(b, r.node, "subject", b->frame->patient);
        add_period(b, r.node, "performedDateTime", "performedPeriod", &done->start, &done->end);
        fhir_note(b, r.node, &done->note);
        add_line(b, f, r.url, done->start.text != NULL ? fhir_format(b, "%s %s", done->start.text, done->concept.text.text) : done->concept.text.text);
    }
}

static void add_medications(struct fhir_build *b, struct filling *f, const struct chart_section *s)
{
    for (size_t i = 0; i < s->medication_count; i++) {
        const struct chart_medication *m = &s->medication[i];
        add_line(b, f, fhir_medication(b, m).url, fhir_format(b, "%s %s", m->concept.text.text, m->usage.text.text));
    }
}

static void add_labs(struct fhir_build *b, struct filling *f, const struct chart_section *s)
{
    for (size_t i = 0; i < s->lab_count; i++)
        add_line(b, f, fhir_lab(b, &s->lab[i], NULL, b->chart->letter->author).url, s->lab[i].concept.text.text);
}

static void add_plans(struct fhir_build *b, struct filling *f, const struct chart_section *s)
{
    const struct chart_letter *letter = b->chart->letter;
    for (size_t i = 0; i < s->plan_count; i++) {
        const struct chart_plan *plan = &s->plan[i];
        struct fhir_resource r = begin(b, "CarePlan", FHIR_ECS "JP_CarePlan_eCS", &plan->id, plan->at);
        fhir_add(b, r.node, "status", "active");
        fhir_add(b, r.node, "intent", "plan");
        if (letter->class == CHART_INPATIENT)
            fhir_concept_item(b, r.node, "category", SYSTEM_PLAN_CATEGORY, "discharge-plan", "退院時プラン");
        else
            fhir_concept_item(b, r.node, "category", SYSTEM_PLAN_CATEGORY, "followup-plan", "外来診療経過中プラン");
        const struct chart_text *title = plan->title.text != NULL ? &plan->title : &plan->description;
        fhir_add_text(b, r.node, "title", title);
        fhir_add_text(b, r.node, "description", plan->description.text != NULL ? &plan->description : title);
        fhir_reference(b, r.node, "subject", b->frame->patient);
        fhir_add_text(b, fhir_object(b, r.node, "period"), "start", plan->start.text != NULL ? &plan->start : &letter->issued);
        add_line(b, f, r.url, plan->description.text != NULL ? plan->description.text : title->text);
    }
}

static void add_devices(struct fhir_build *b, struct filling *f, const struct chart_section *s)
{
    static const struct chart_text none = { NULL, NULL };
    for (size_t i = 0; i < s->device_count; i++) {
        const struct chart_device *device = &s->device[i];
        struct fhir_resource thing = begin(b, "Device", FHIR_ECS "JP_Device_eCS", &none, device->at);
        struct fhir_node name = fhir_item(b, thing.node, "deviceName");
        fhir_add_text(b, name, "name", &device->concept.text);
        fhir_add(b, name, "type", "user-friendly-name");
        add_term(b, fhir_object(b, thing.node, "type"), &device->concept, CHART_CODINGS_MAX);
        fhir_reference(b, thing.node, "patient", b->frame->patient);
        struct fhir_resource use = begin(b, "DeviceUseStatement", FHIR_ECS "JP_DeviceUseStatement_eCS", &device->id, device->at);
        fhir_add(b, use.node, "status", "active");
        fhir_reference(b, use.node, "subject", b->frame->patient);
        fhir_add_text(b, use.node, "timingDateTime", &device->start);
        fhir_reference(b, use.node, "device", thing.url);
        fhir_note(b, use.node, &device->note);
        add_line(b, f, use.url, device->concept.text.text);
    }
}

static void add_directives(struct fhir_build *b, struct filling *f, const struct chart_section *s)
{
    for (size_t i = 0; i < s->directive_count; i++) {
        const struct chart_directive *directive = &s->directive[i];
        struct fhir_resource r = begin(b, "Consent", FHIR_ECS "JP_Consent_eCS", &directive->id, directive->at);
        if (directive->note.text != NULL)
            fhir_section_text(b, r.node, directive->note.text, directive->note.at);   /* Consent has no note */
        fhir_add(b, r.node, "status", "active");
        fhir_concept(b, r.node, "scope", FHIR_HL7_CS "consentscope", "adr", NULL);
        fhir_concept_item(b, r.node, "category", FHIR_HL7_CS "consentcategorycodes", "acd", NULL);
        fhir_reference(b, r.node, "patient", b->frame->patient);
        fhir_add_text(b, r.node, "dateTime", &directive->date);
        fhir_add_text(b, fhir_object(b, r.node, "policyRule"), "text", &directive->title);
        add_line(b, f, r.url, directive->title.text);
    }
}

static void add_studies(struct fhir_build *b, struct filling *f, const struct chart_section *s)
{
    static const struct chart_text none = { NULL, NULL };
    for (size_t i = 0; i < s->study_count; i++) {
        const struct chart_study *study = &s->study[i];
        struct fhir_resource plan = begin(b, "ResearchStudy", FHIR_CORE "JP_ResearchStudy", &none, study->at);
        fhir_add_text(b, plan.node, "title", &study->title);
        fhir_add(b, plan.node, "status", "active");
        fhir_note(b, plan.node, &study->note);
        struct fhir_resource r = begin(b, "ResearchSubject", FHIR_ECS "JP_ResearchSubject_eCS", &study->id, study->at);
        fhir_add(b, r.node, "status", study->end.text != NULL ? "off-study" : "on-study");
        add_period(b, r.node, NULL, "period", &study->start, &study->end);
        fhir_reference(b, r.node, "study", plan.url);
        fhir_reference(b, r.node, "individual", b->frame->patient);
        add_line(b, f, r.url, study->title.text);
    }
}

static void add_documents(struct fhir_build *b, struct filling *f, const struct chart_section *s)
{
    for (size_t i = 0; i < s->document_count; i++)
        add_line(b, f, fhir_document(b, &s->document[i], FHIR_ECS "JP_DocumentReference_eCS").url, s->document[i].title.text);
}

/* 950: the purpose of the letter is the reason of an Encounter. */
static void add_purpose(struct fhir_build *b, struct filling *f, const struct chart_section *s)
{
    static const struct chart_text none = { NULL, NULL };
    if (s->code == CHART_SECTION_PURPOSE && s->text.text != NULL)
        add_line(b, f, fhir_encounter(b, b->chart->letter->class, &none, &none, &none, &s->text, s->at).url, NULL);
}

static void (*const fillers[])(struct fhir_build *, struct filling *, const struct chart_section *) = {
    add_purpose, add_diseases, add_allergies, add_family, add_findings, add_immunizations, add_procedures, add_medications, add_labs,
    add_plans, add_devices, add_directives, add_studies, add_documents,
};

size_t fhir_section_entries(struct fhir_build *b, struct fhir_node section, const struct chart_section *s, const char **ret_text)
{
    struct filling f = { .section = section };
    for (size_t i = 0; i < sizeof fillers / sizeof fillers[0]; i++)
        fillers[i](b, &f, s);
    if (f.text != NULL)
        *ret_text = f.text;
    return f.count;
}
