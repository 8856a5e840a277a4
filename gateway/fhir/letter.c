/*
 * NAME
 *     letter - 診療情報提供書 as a document Bundle (JP_Bundle_eReferral)
 *
 * DESCRIPTION
 *     The Composition is entry 0; its sections are filled as the entries that they point to are made. Every entry is reached from the
 *     Composition. Sections stand in the order of the guide (codes/codes.h), with the fixed titles. A section without entries says why
 *     (emptyReason) and carries a text, because R4 demands content (cmp-1).
 *
 *     A discharge summary travels as a Bundle of its own inside section 210. With package 1.5.2 only its CDA form passes, so a CDA attachment is
 *     wrapped here into the smallest such Bundle; a ready one goes in unchanged.
 *
 * DIAGNOSTICS
 *     MSG_FHIR_INCOMPLETE, MSG_FHIR_NESTED, MSG_FHIR_FLAG.
 */
#include "fhir/parts.h"

#include <string.h>

#include "base/crypt.h"
#include "base/json_doc.h"
#include "base/text.h"
#include "codes/codes.h"
#include "fhir/sections.h"

#define COMPOSITION_LETTER "http://jpfhir.jp/fhir/eReferral/StructureDefinition/JP_Composition_eReferral"
#define COMPOSITION_DISCHARGE "http://jpfhir.jp/fhir/eDischargeSummary/StructureDefinition/JP_Composition_eDischargeSummary"
#define SYSTEM_DOCUMENT_TYPE "http://jpfhir.jp/fhir/Common/CodeSystem/doc-typecodes"
#define SYSTEM_DOCUMENT_SUBTYPE "http://jpfhir.jp/fhir/Common/CodeSystem/doc-subtypecodes"
#define EXTENSION_VERSION "http://hl7.org/fhir/StructureDefinition/composition-clinicaldocument-versionNumber"

static const struct { const char *code, *display; } category_table[] = {
    [CHART_OUTPATIENT] = { "OUTPATIENT", "外来文書" },
    [CHART_INPATIENT] = { "DISCHARGE", "退院時文書" },
};

static const struct { const char *reason, *text; } empty_table[] = {
    [CHART_NOT_EMPTY] = { NULL, NULL },
    [CHART_NILKNOWN] = { "nilknown", "特になし" },
    [CHART_NOTASKED] = { "notasked", "聴取していない" },
};

/* ---- pieces of a Composition ------------------------------------------------------------------------------------------------------- */

void fhir_composition_head(struct fhir_build *b, struct fhir_node composition, const struct fhir_document_head *head)
{
    struct fhir_node extension = fhir_item(b, composition, "extension");
    fhir_add(b, extension, "url", EXTENSION_VERSION);
    fhir_add(b, extension, "valueString", head->version);
    struct fhir_node identifier = fhir_object(b, composition, "identifier");
    fhir_add(b, identifier, "system", FHIR_IDENTIFIER);
    fhir_add(b, identifier, "value", head->identifier);
    fhir_add(b, composition, "status", "final");
    fhir_concept(b, composition, "type", SYSTEM_DOCUMENT_TYPE, head->type, head->title);
    fhir_concept_item(b, composition, "category", SYSTEM_DOCUMENT_SUBTYPE, head->category, head->category_display);
    fhir_add_text(b, composition, "date", head->date);
    fhir_add(b, composition, "title", head->title);
}

struct fhir_node fhir_section(struct fhir_build *b, struct fhir_node parent, const char *code)
{
    const struct codes_section *fixed = codes_letter_section_find(code);
    struct fhir_node section = fhir_item(b, parent, "section");
    fhir_add(b, section, "title", fixed->title);
    fhir_concept(b, section, "code", CODES_SYSTEM_SECTION, fixed->code, fhir_format(b, "%sセクション", fixed->title));
    return section;
}

void fhir_section_text(struct fhir_build *b, struct fhir_node section, const char *text, const struct chart_place *at)
{
    struct fhir_node narrative = fhir_object(b, section, "text");
    fhir_add(b, narrative, "status", "additional");
    fhir_add(b, narrative, "div", fhir_div(b, text));
    fhir_map(b, narrative, at);
}

static void add_authors(struct fhir_build *b, struct fhir_node composition, const char *practitioner, const char *organization)
{
    fhir_reference(b, composition, "subject", b->frame->patient);
    fhir_reference_item(b, composition, "author", practitioner);
    fhir_reference_item(b, composition, "author", organization);
    fhir_reference(b, composition, "custodian", organization);
}

/* ---- documents --------------------------------------------------------------------------------------------------------------------- */

struct fhir_resource fhir_document(struct fhir_build *b, const struct chart_attachment *a, const char *profile)
{
    struct fhir_resource r = fhir_entry(b, "DocumentReference", profile, FHIR_ON_ENTRY, 0, a->at);
    struct chart_text none = { NULL, NULL };
    fhir_own_identifier(b, r.node, &none);
    fhir_add(b, r.node, "status", "current");
    fhir_reference(b, r.node, "subject", b->frame->patient);
    fhir_add_text(b, r.node, "description", &a->title);
    struct fhir_node attachment = fhir_object(b, fhir_item(b, r.node, "content"), "attachment");
    fhir_map(b, attachment, a->at);
    fhir_add_text(b, attachment, "contentType", &a->media_type);
    fhir_add(b, attachment, "language", "ja");
    fhir_add_splice(b, attachment, "data", a->content, true);
    fhir_add_text(b, attachment, "title", &a->title);
    fhir_add_text(b, attachment, "creation", &a->created);
    return r;
}

/* Entry of a ready Bundle: its bytes stand where the resource stands. */
static const char *ready_bundle(struct fhir_build *b, const struct chart_attachment *a)
{
    const struct json_node *root = NULL;
    const char *url = fhir_uuid_url(b);
    if (json_parse(a->content.data, a->content.len, NULL, b->arena, &root, NULL) < 0 || !json_equals(json_get(root, "resourceType"), "Bundle")) {
        fhir_refuse(b, MSG_FHIR_NESTED, a->at, a->title.text, NULL);
        return url;
    }
    if (b->failed != 0)
        return url;
    cJSON *entry = cJSON_CreateObject();
    if (entry == NULL || !cJSON_AddItemToArray(b->frame->entries, entry)) {
        cJSON_Delete(entry);
        fhir_fail(b, ERR_NOMEM);
        return url;
    }
    struct fhir_node node = { entry, fhir_format(b, "%s.entry[%zu]", b->frame->bundle.path, b->frame->count++) };
    fhir_map(b, node, a->at);
    fhir_add(b, node, "fullUrl", url);
    fhir_add_splice(b, node, "resource", (struct bytes){ a->content.data + root->start, root->end - root->start }, false);
    return url;
}

/* The diagnoses of the stay; a discharge summary needs at least one. */
static void add_discharge_diseases(struct fhir_build *b, const struct chart_attachment *a)
{
    const struct chart_section *section = chart_letter_section(b->chart->letter, CHART_SECTION_DIAGNOSES);
    const struct chart_disease *disease = a->disease;
    size_t count = a->disease_count;
    if (count == 0 && section != NULL) {
        disease = section->disease;
        count = section->disease_count;
    }
    for (size_t i = 0; i < count; i++)
        fhir_disease(b, &disease[i]);
    if (count > 0)
        return;
    struct chart_disease untold = { .at = a->at };
    untold.concept.no_code = true;
    untold.concept.text = section != NULL && section->text.text != NULL ? section->text : a->title;
    fhir_disease(b, &untold);
}

static void fill_discharge(struct fhir_build *b, const struct chart_attachment *a)
{
    static const struct chart_text none = { NULL, NULL };
    const struct chart *c = b->chart;
    char id[UUID_TEXT];
    uuid_from_seed(b->options->seed, b->counter++, id);
    const char *bundle_id = fhir_format(b, "%.16s%s", b->options->bundle_id, id);   /* institution^year^ of the letter */
    fhir_begin_bundle(b, FHIR_CLINS "JP_Bundle_eDischargeSummary", "document", bundle_id, 0, NULL);
    struct fhir_resource composition = fhir_entry(b, "Composition", COMPOSITION_DISCHARGE, FHIR_ON_COMPOSITION, 0, a->at);
    fhir_patient(b);
    struct fhir_resource stay = fhir_encounter(b, CHART_INPATIENT, &none, &a->admission, &a->discharge, &none, a->at);
    struct fhir_resource doctor = fhir_practitioner(b, c->letter->author, c->institution->code.text);
    struct fhir_resource house = fhir_organization(b, c->institution, c->department);
    add_discharge_diseases(b, a);
    struct fhir_resource document = fhir_document(b, a, FHIR_ECS "JP_DocumentReference_CDAdocument");
    fhir_composition_head(b, composition.node, &(struct fhir_document_head){ "18842-5", "退院時サマリー", "DISCHARGE", "退院時文書", "1", bundle_id,
                                                                             a->created.text != NULL ? &a->created : &a->discharge });
    add_authors(b, composition.node, doctor.url, house.url);
    fhir_reference(b, composition.node, "encounter", stay.url);
    struct fhir_node period = fhir_object(b, fhir_item(b, composition.node, "event"), "period");
    fhir_add_text(b, period, "start", &a->admission);
    fhir_add_text(b, period, "end", &a->discharge);
    fhir_reference_item(b, fhir_section(b, composition.node, "200"), "entry", document.url);
}

const char *fhir_discharge_of_cda(struct fhir_build *b, const struct chart_attachment *a)
{
    struct fhir_frame *outer = b->frame, inner = { .bundle = { NULL, "" } };
    const char *url = fhir_uuid_url(b);
    if (b->failed != 0)
        return url;
    cJSON *entry = cJSON_CreateObject();
    if (entry == NULL || !cJSON_AddItemToArray(outer->entries, entry)) {
        cJSON_Delete(entry);
        fhir_fail(b, ERR_NOMEM);
        return url;
    }
    struct fhir_node node = { entry, fhir_format(b, "%s.entry[%zu]", outer->bundle.path, outer->count++) };
    fhir_map(b, node, a->at);
    fhir_add(b, node, "fullUrl", url);
    inner.bundle = fhir_object(b, node, "resource");
    b->frame = &inner;
    fill_discharge(b, a);
    b->frame = outer;
    return url;
}

/* ---- sections of the letter -------------------------------------------------------------------------------------------------------- */

static void add_party(struct fhir_build *b, struct fhir_node composition, const char *code, const struct chart_institution *institution,
                      const struct chart_department *department, const struct chart_practitioner *doctor, const char *organization, const char *practitioner)
{
    struct fhir_node section = fhir_section(b, composition, code);
    const char *text = institution->name.text;
    if (department != NULL && department->name.text != NULL)
        text = fhir_format(b, "%s %s", text, department->name.text);
    if (doctor != NULL && doctor->name.text.text != NULL)
        text = fhir_format(b, "%s %s", text, doctor->name.text.text);
    fhir_map(b, section, institution->at);
    fhir_section_text(b, section, text, institution->at);
    fhir_reference_item(b, section, "entry", organization);
    if (practitioner != NULL)
        fhir_reference_item(b, section, "entry", practitioner);
}

static void add_inner_section(struct fhir_build *b, struct fhir_node parent, const struct codes_section *fixed, const struct chart_section *s)
{
    struct fhir_node section = fhir_section(b, parent, fixed->code);
    fhir_map(b, section, s->at);
    const char *made = NULL;
    size_t entries = fhir_section_entries(b, section, s, &made);
    const char *text = s->text.text != NULL ? s->text.text : made;
    if (entries == 0 && s->empty != CHART_NOT_EMPTY) {
        text = text != NULL ? text : empty_table[s->empty].text;
        fhir_concept(b, section, "emptyReason", FHIR_HL7_CS "list-empty-reason", empty_table[s->empty].reason, NULL);
    }
    if (text != NULL)
        fhir_section_text(b, section, text, s->text.at != NULL ? s->text.at : s->at);
    else
        fhir_refuse(b, MSG_FHIR_INCOMPLETE, s->at, "本文", fixed->title);
}

static void add_structure(struct fhir_build *b, struct fhir_node composition)
{
    size_t count;
    const struct codes_section *fixed = codes_letter_sections(&count);
    struct fhir_node structured = fhir_section(b, composition, "300");
    for (size_t i = 0; i < count; i++) {
        int64_t code = 0;
        if (fixed[i].place != CODES_SECTION_INNER || text_to_int64(fixed[i].code, strlen(fixed[i].code), 0, 999, &code) < 0)
            continue;
        const struct chart_section *s = chart_letter_section(b->chart->letter, (enum chart_section_code)code);
        if (s != NULL)
            add_inner_section(b, structured, &fixed[i], s);
        else if (fixed[i].required)
            fhir_refuse(b, MSG_FHIR_INCOMPLETE, b->chart->letter->at, fixed[i].title, "診療情報提供書");
    }
}

static bool is_section_210(enum chart_attachment_kind kind)
{
    return kind == CHART_KEY_IMAGE || kind == CHART_DISCHARGE_CDA || kind == CHART_DISCHARGE_BUNDLE;
}

static const char *add_attachment(struct fhir_build *b, const struct chart_attachment *a)
{
    switch (a->kind) {
    case CHART_DISCHARGE_CDA:
        return fhir_discharge_of_cda(b, a);
    case CHART_DISCHARGE_BUNDLE:
        return ready_bundle(b, a);
    default:
        return fhir_document(b, a, FHIR_ECS "JP_DocumentReference_eCS").url;
    }
}

/* Section 210 with images and discharge summaries, or section 230 with PDFs (which may not carry a text). */
static void add_attachments(struct fhir_build *b, struct fhir_node composition, bool pdf)
{
    const struct chart_letter *letter = b->chart->letter;
    struct fhir_node section = { NULL, NULL };
    const char *titles = NULL;
    for (size_t i = 0; i < letter->attachment_count; i++) {
        const struct chart_attachment *a = &letter->attachment[i];
        if (pdf ? a->kind != CHART_PDF : !is_section_210(a->kind))
            continue;
        if (section.path == NULL)
            section = fhir_section(b, composition, pdf ? "230" : "210");
        fhir_reference_item(b, section, "entry", add_attachment(b, a));
        titles = titles == NULL ? a->title.text : fhir_format(b, "%s\n%s", titles, a->title.text);
    }
    if (section.path != NULL && !pdf && titles != NULL)
        fhir_section_text(b, section, titles, NULL);
}

static void add_remarks(struct fhir_build *b, struct fhir_node composition)
{
    const struct chart_section *s = chart_letter_section(b->chart->letter, CHART_SECTION_REMARKS);
    if (s == NULL)
        return;
    const char *text = s->text.text != NULL ? s->text.text : empty_table[s->empty].text;
    struct fhir_node section = fhir_section(b, composition, "220");
    fhir_map(b, section, s->at);
    if (s->text.text == NULL && s->empty != CHART_NOT_EMPTY)
        fhir_concept(b, section, "emptyReason", FHIR_HL7_CS "list-empty-reason", empty_table[s->empty].reason, NULL);
    fhir_section_text(b, section, text != NULL ? text : "特になし", s->text.at);
}

static void add_sections(struct fhir_build *b, struct fhir_node composition)
{
    const struct chart_letter *letter = b->chart->letter;
    if (letter->cda != NULL)
        fhir_reference_item(b, fhir_section(b, composition, "200"), "entry", fhir_document(b, letter->cda, FHIR_ECS "JP_DocumentReference_CDAdocument").url);
    else
        add_structure(b, composition);
    add_attachments(b, composition, false);
    add_remarks(b, composition);
    add_attachments(b, composition, true);
}

void fhir_build_letter(struct fhir_build *b)
{
    static const struct chart_text none = { NULL, NULL };
    const struct chart *c = b->chart;
    const struct chart_letter *letter = c->letter;
    const struct chart_receiver *to = &letter->receiver;
    fhir_check_flags(b, letter->at, letter->flags, CHART_LONG_TERM, "診療情報提供書");
    fhir_begin_bundle(b, FHIR_CLINS "JP_Bundle_eReferral", "document", b->options->bundle_id, letter->flags, NULL);
    struct fhir_resource composition = fhir_entry(b, "Composition", COMPOSITION_LETTER, FHIR_ON_COMPOSITION, letter->flags, letter->at);
    fhir_patient(b);
    struct fhir_resource doctor = fhir_practitioner(b, letter->author, c->institution->code.text);
    struct fhir_resource house = fhir_organization(b, c->institution, c->department);
    struct fhir_resource there = fhir_organization(b, &to->institution, to->department);
    const char *receiver = NULL;
    if (to->practitioner != NULL)
        receiver = fhir_practitioner(b, to->practitioner, to->institution.code.text).url;
    fhir_composition_head(b, composition.node, &(struct fhir_document_head){ "57133-1", "診療情報提供書", category_table[letter->class].code,
                          category_table[letter->class].display, letter->version.text != NULL ? letter->version.text : "1", b->options->bundle_id, &letter->issued });
    add_authors(b, composition.node, doctor.url, house.url);
    if (c->encounter != NULL)
        fhir_reference(b, composition.node, "encounter", fhir_encounter(b, c->encounter->class, &c->encounter->number, &c->encounter->start, &c->encounter->end, &none, c->encounter->at).url);
    struct fhir_node event = fhir_item(b, composition.node, "event");
    fhir_add(b, fhir_item(b, event, "code"), "text", "診療情報提供書発行");
    fhir_add_text(b, fhir_object(b, event, "period"), "start", &letter->issued);
    add_party(b, composition.node, "920", c->institution, c->department, letter->author, house.url, doctor.url);
    add_party(b, composition.node, "910", &to->institution, to->department, to->practitioner, there.url, receiver);
    add_sections(b, composition.node);
}
