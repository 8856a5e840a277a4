/*
 * NAME
 *     people - Patient, Practitioner, Organization, Encounter
 *
 * DESCRIPTION
 *     JP_Patient_eCS (guide: 患者情報), JP_Practitioner_eCS, JP_Organization_eCS, JP_Encounter_eCS, and JP_Practitioner where one is contained in
 *     a clinical resource. Identifier systems that carry the institution's number are made of it.
 *
 * DIAGNOSTICS
 *     As in node.h.
 */
#include "fhir/parts.h"

#include <string.h>

#define SYSTEM_CHART_NUMBER "urn:oid:1.2.392.100495.20.3.51.1"
#define SYSTEM_DOCTOR_NUMBER "urn:oid:1.2.392.100495.20.3.41.1"
#define SYSTEM_NARCOTICS "urn:oid:1.2.392.100495.20.3.32.1"
#define SYSTEM_LICENSE "http://jpfhir.jp/fhir/core/mhlw/IdSystem/medicalRegistrationNumber"
#define SYSTEM_CERTIFICATE "http://jpfhir.jp/fhir/core/CodeSystem/JP_MedicalLicenseCertificate_CS"
#define EXTENSION_NAME_USE "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"

static const char *const gender_code[] = {
    [CHART_GENDER_UNKNOWN] = "unknown", [CHART_MALE] = "male", [CHART_FEMALE] = "female", [CHART_OTHER] = "other",
};

static const struct { const char *code, *display; } class_table[] = {
    [CHART_OUTPATIENT] = { "AMB", "外来" },
    [CHART_INPATIENT] = { "IMP", "入院" },
};

static void add_name(struct fhir_build *b, struct fhir_node person, const char *use, const struct chart_text *text, const struct chart_text *family, const struct chart_text *given, const struct chart_place *at)
{
    if (text->text == NULL)
        return;
    struct fhir_node name = fhir_item(b, person, "name");
    fhir_map(b, name, at);
    struct fhir_node extension = fhir_item(b, name, "extension");
    fhir_add(b, extension, "url", EXTENSION_NAME_USE);
    fhir_add(b, extension, "valueCode", use);
    fhir_add(b, name, "use", "official");
    fhir_add_text(b, name, "text", text);
    fhir_add_text(b, name, "family", family);
    fhir_add_item(b, name, "given", given->text);
    fhir_map_member(b, name, "given", given->at);
}

static void add_names(struct fhir_build *b, struct fhir_node person, const struct chart_name *name)
{
    add_name(b, person, "IDE", &name->text, &name->family, &name->given, name->at);
    add_name(b, person, "SYL", &name->kana_text, &name->kana_family, &name->kana_given, name->at);
}

static void add_phone(struct fhir_build *b, struct fhir_node person, const struct chart_text *phone)
{
    if (phone->text == NULL)
        return;
    struct fhir_node telecom = fhir_item(b, person, "telecom");
    fhir_add(b, telecom, "system", "phone");
    fhir_add_text(b, telecom, "value", phone);
}

static void add_address(struct fhir_build *b, struct fhir_node person, const struct chart_address *address)
{
    if (address == NULL)
        return;
    struct fhir_node node = fhir_item(b, person, "address");
    fhir_map(b, node, address->at);
    fhir_add_text(b, node, "text", &address->text);
    fhir_add_item(b, node, "line", address->line.text);
    fhir_add_text(b, node, "city", &address->city);
    fhir_add_text(b, node, "state", &address->state);
    fhir_add_text(b, node, "postalCode", &address->postal_code);
    fhir_add(b, node, "country", "JP");
}

static void add_insurance(struct fhir_build *b, struct fhir_node patient, const struct chart_insurance *insurance)
{
    if (insurance == NULL)
        return;
    size_t before = b->failed == 0 ? (size_t)cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(patient.json, "identifier")) : 0;
    if (insurance->member_id.text != NULL) {
        fhir_identifier(b, patient, FHIR_SYSTEM_MEMBER, &insurance->member_id);
        fhir_identifier(b, patient, FHIR_SYSTEM_PUBLIC_PAYER, &insurance->public_id);
    } else {
        fhir_identifier(b, patient, b->options->public_payer_system, &insurance->public_id);
    }
    if (b->failed == 0)
        fhir_map_member(b, patient, fhir_format(b, "identifier[%zu]", before), insurance->at);
}

struct fhir_resource fhir_patient(struct fhir_build *b)
{
    const struct chart_patient *p = b->chart->patient;
    struct fhir_resource r = fhir_entry(b, "Patient", FHIR_ECS "JP_Patient_eCS", FHIR_ON_ENTRY, 0, p->at);
    fhir_institution_extension(b, r.node);
    fhir_identifier(b, r.node, fhir_format(b, SYSTEM_CHART_NUMBER "%s", b->chart->institution->code.text), &p->number);
    add_insurance(b, r.node, p->insurance);
    add_names(b, r.node, &p->name);
    add_phone(b, r.node, &p->phone);
    fhir_add(b, r.node, "gender", gender_code[p->gender]);
    fhir_add_text(b, r.node, "birthDate", &p->birth_date);
    add_address(b, r.node, p->address);
    b->frame->patient = r.url;
    return r;
}

static void add_license(struct fhir_build *b, struct fhir_node person, const char *system, const struct chart_text *number, const char *code)
{
    if (number->text == NULL)
        return;
    struct fhir_node qualification = fhir_item(b, person, "qualification");
    fhir_identifier(b, qualification, system, number);
    fhir_concept(b, qualification, "code", SYSTEM_CERTIFICATE, code, NULL);
}

static void fill_practitioner(struct fhir_build *b, struct fhir_node node, const struct chart_practitioner *p, const char *institution)
{
    fhir_identifier(b, node, fhir_format(b, SYSTEM_DOCTOR_NUMBER "%s", institution), &p->id);
    add_names(b, node, &p->name);
    add_phone(b, node, &p->phone);
    add_license(b, node, fhir_format(b, SYSTEM_NARCOTICS "%.2s", institution), &p->narcotics_number, "narcotics-practitioner");
    add_license(b, node, SYSTEM_LICENSE, &p->license_number, "medical-registration");
}

struct fhir_resource fhir_practitioner(struct fhir_build *b, const struct chart_practitioner *practitioner, const char *institution)
{
    struct fhir_resource r = fhir_entry(b, "Practitioner", FHIR_ECS "JP_Practitioner_eCS", FHIR_ON_ENTRY, 0, practitioner->at);
    fill_practitioner(b, r.node, practitioner, institution);
    return r;
}

void fhir_contained_practitioner(struct fhir_build *b, struct fhir_node resource, const struct chart_practitioner *practitioner, const char *member, bool list)
{
    if (practitioner == NULL)
        return;
    struct fhir_node node = fhir_contained(b, resource, "Practitioner", "practitioner", FHIR_CORE "JP_Practitioner");
    fhir_map(b, node, practitioner->at);
    fill_practitioner(b, node, practitioner, b->chart->institution->code.text);
    if (list)
        fhir_reference_item(b, resource, member, "#practitioner");
    else
        fhir_reference(b, resource, member, "#practitioner");
}

struct fhir_resource fhir_organization(struct fhir_build *b, const struct chart_institution *institution, const struct chart_department *department)
{
    struct fhir_resource r = fhir_entry(b, "Organization", FHIR_ECS "JP_Organization_eCS", FHIR_ON_ENTRY, 0, institution->at);
    fhir_department_extension(b, r.node, department);
    fhir_identifier(b, r.node, FHIR_INSTITUTION_NUMBER, &institution->code);
    fhir_concept_item(b, r.node, "type", FHIR_HL7_CS "organization-type", "prov", NULL);
    fhir_add_text(b, r.node, "name", &institution->name);
    add_phone(b, r.node, &institution->phone);
    add_address(b, r.node, institution->address);
    return r;
}

void fhir_encounter_class(struct fhir_build *b, struct fhir_node encounter, enum chart_class class)
{
    struct fhir_node node = fhir_object(b, encounter, "class");
    fhir_add(b, node, "system", FHIR_HL7_CS "v3-ActCode");
    fhir_add(b, node, "code", class_table[class].code);
    fhir_add(b, node, "display", class_table[class].display);
}

struct fhir_resource fhir_encounter(struct fhir_build *b, enum chart_class class, const struct chart_text *number, const struct chart_text *start,
                                    const struct chart_text *end, const struct chart_text *reason, const struct chart_place *at)
{
    struct fhir_resource r = fhir_entry(b, "Encounter", FHIR_ECS "JP_Encounter_eCS", FHIR_ON_ENTRY, 0, at);
    fhir_own_identifier(b, r.node, number);
    fhir_add(b, r.node, "status", "finished");
    fhir_encounter_class(b, r.node, class);
    fhir_reference(b, r.node, "subject", b->frame->patient);
    if (start->text != NULL) {
        struct fhir_node period = fhir_object(b, r.node, "period");
        fhir_add_text(b, period, "start", start);
        fhir_add_text(b, period, "end", end);
    }
    if (reason->text != NULL)
        fhir_add_text(b, fhir_item(b, r.node, "reasonCode"), "text", reason);
    return r;
}
