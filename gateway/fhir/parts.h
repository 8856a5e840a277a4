/*
 * parts.h - private to fhir/: pieces that several resources share, and the builders of the resources.
 */
#ifndef FHIR_PARTS_H
#define FHIR_PARTS_H

#include "fhir/node.h"

#define FHIR_CORE "http://jpfhir.jp/fhir/core/StructureDefinition/"
#define FHIR_ECS "http://jpfhir.jp/fhir/eCS/StructureDefinition/"
#define FHIR_CLINS "http://jpfhir.jp/fhir/clins/StructureDefinition/"
#define FHIR_HL7_CS "http://terminology.hl7.org/CodeSystem/"
#define FHIR_UCUM "http://unitsofmeasure.org"
#define FHIR_IDENTIFIER "http://jpfhir.jp/fhir/core/IdSystem/resourceInstance-identifier"
#define FHIR_INSTITUTION_NUMBER "http://jpfhir.jp/fhir/core/IdSystem/insurance-medical-institution-no"

/* ---- entries and their head ---- */

/* New entry with fullUrl, resourceType and meta. flags = enum chart_flag; profile bare. */
struct fhir_resource fhir_entry(struct fhir_build *b, const char *type, const char *profile, enum fhir_position position, unsigned flags, const struct chart_place *at);
/* meta with lastUpdated (not on contained resources: dom-4), profile and flags. */
void fhir_meta(struct fhir_build *b, struct fhir_node resource, const char *profile, enum fhir_position position, unsigned flags);
/* Refuses flags that the type may not carry. */
void fhir_check_flags(struct fhir_build *b, const struct chart_place *at, unsigned flags, unsigned allowed, const char *type);

void fhir_identifier(struct fhir_build *b, struct fhir_node resource, const char *system, const struct chart_text *value);
/* The resource's own identifier: id, or one made of the Bundle-ID. */
void fhir_own_identifier(struct fhir_build *b, struct fhir_node resource, const struct chart_text *id);
void fhir_reference(struct fhir_build *b, struct fhir_node node, const char *name, const char *url);
void fhir_reference_item(struct fhir_build *b, struct fhir_node node, const char *name, const char *url);
void fhir_note(struct fhir_build *b, struct fhir_node resource, const struct chart_text *text);

void fhir_institution_extension(struct fhir_build *b, struct fhir_node resource);
void fhir_department_extension(struct fhir_build *b, struct fhir_node resource, const struct chart_department *department);

/* ---- codes ---- */

/* Appends {system, code, display} to concept.coding; display may be NULL. */
struct fhir_node fhir_coding(struct fhir_build *b, struct fhir_node concept, const char *system, const char *code, const char *display);
/* CodeableConcept `name` with one coding. */
struct fhir_node fhir_concept(struct fhir_build *b, struct fhir_node node, const char *name, const char *system, const char *code, const char *display);
/* Same as an item of a list. */
struct fhir_node fhir_concept_item(struct fhir_build *b, struct fhir_node node, const char *name, const char *system, const char *code, const char *display);
/* A coding of the chart under its list's URL; display: its own, else the concept's text. False when the chart has none of that list. */
bool fhir_chart_coding(struct fhir_build *b, struct fhir_node node, const struct chart_concept *concept, enum chart_system system);
/* code.text and the place of the concept. */
void fhir_concept_text(struct fhir_build *b, struct fhir_node node, const struct chart_concept *concept);

/* ---- contained resources; each is referred to by the given member ---- */

void fhir_contained_encounter(struct fhir_build *b, struct fhir_node resource, const struct chart_encounter *encounter, const char *member);
void fhir_contained_practitioner(struct fhir_build *b, struct fhir_node resource, const struct chart_practitioner *practitioner, const char *member, bool list);
struct fhir_node fhir_contained(struct fhir_build *b, struct fhir_node resource, const char *type, const char *id, const char *profile);

/* ---- people and places ---- */

struct fhir_resource fhir_patient(struct fhir_build *b);
struct fhir_resource fhir_practitioner(struct fhir_build *b, const struct chart_practitioner *practitioner, const char *institution);
struct fhir_resource fhir_organization(struct fhir_build *b, const struct chart_institution *institution, const struct chart_department *department);
/* Encounter entry of a document; start and end may be NULL texts. */
struct fhir_resource fhir_encounter(struct fhir_build *b, enum chart_class class, const struct chart_text *number, const struct chart_text *start,
                                    const struct chart_text *end, const struct chart_text *reason, const struct chart_place *at);
void fhir_encounter_class(struct fhir_build *b, struct fhir_node encounter, enum chart_class class);

/* ---- resources; each makes one entry ---- */

struct fhir_resource fhir_disease(struct fhir_build *b, const struct chart_disease *disease);
struct fhir_resource fhir_allergy(struct fhir_build *b, const struct chart_allergy *allergy);
/* report NULL for a result of a letter; performer is who ordered it. */
struct fhir_resource fhir_lab(struct fhir_build *b, const struct chart_lab_item *item, const struct chart_lab_report *report, const struct chart_practitioner *performer);
void fhir_value(struct fhir_build *b, struct fhir_node observation, const struct chart_value *value);
struct fhir_resource fhir_medication(struct fhir_build *b, const struct chart_medication *medication);
struct fhir_resource fhir_document(struct fhir_build *b, const struct chart_attachment *attachment, const char *profile);

/* XHTML div of plain text, line ends as <br/>, in the arena. */
const char *fhir_div(struct fhir_build *b, const char *text);

/* ---- documents ---- */

/* Begins a document Bundle in the frame's node: meta, identifier, type, timestamp. */
void fhir_begin_bundle(struct fhir_build *b, const char *profile, const char *type, const char *bundle_id, unsigned flags, const char *resource_tag);
/* Head of a Composition, up to custodian. */
struct fhir_document_head {
    const char *type, *title, *category, *category_display, *version, *identifier;
    const struct chart_text *date;
};
void fhir_composition_head(struct fhir_build *b, struct fhir_node composition, const struct fhir_document_head *head);
void fhir_build_letter(struct fhir_build *b);
/* A discharge summary around one CDA attachment, as an entry of the present Bundle; returns its fullUrl. */
const char *fhir_discharge_of_cda(struct fhir_build *b, const struct chart_attachment *attachment);
/* Adds a section; entries follow by fhir_section_entry(). */
struct fhir_node fhir_section(struct fhir_build *b, struct fhir_node parent, const char *code);
void fhir_section_text(struct fhir_build *b, struct fhir_node section, const char *text, const struct chart_place *at);

#endif
