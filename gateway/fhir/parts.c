/*
 * NAME
 *     parts - what the resources of a Bundle have in common
 *
 * DESCRIPTION
 *     Entry and meta, identifiers, extensions, codings, contained resources. The URLs of code lists stand in one table by enum chart_system.
 *
 * DIAGNOSTICS
 *     As in node.h: the first failure stays in build->failed.
 */
#include "fhir/parts.h"

#include <string.h>

#include "base/text.h"

#define EXTENSION_INSTITUTION "http://jpfhir.jp/fhir/clins/Extension/StructureDefinition/JP_eCS_InstitutionNumber"
#define EXTENSION_DEPARTMENT "http://jpfhir.jp/fhir/eCS/Extension/StructureDefinition/JP_eCS_Department"
#define SYSTEM_DEPARTMENT "http://jami.jp/SS-MIX2/CodeSystem/ClinicalDepartment"
#define SYSTEM_FLAG "http://jpfhir.jp/fhir/clins/CodeSystem/JP_ehrshrs_indication"

static const struct { unsigned flag; const char *code, *display; } flag_table[] = {
    { CHART_LONG_TERM, "LTS", "長期保存" },
    { CHART_UNINFORMED, "UNINFORMED", "未告知" },
    { CHART_UNDELIVERED, "UNDELIVERED", "未提供" },
};

/* Lists without a line are not written by fhir_chart_coding(): lab codes have rules of their own (observation.c). */
static const char *const system_url[CHART_SYSTEM_COUNT] = {
    [CHART_DISEASE_KEY] = "http://medis.or.jp/CodeSystem/master-disease-keyNumber",
    [CHART_DISEASE_EXCHANGE] = "http://medis.or.jp/CodeSystem/master-disease-exCode",
    [CHART_DISEASE_RECEIPT] = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/masterB-disease",
    [CHART_ICD10] = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/ICD10-2013-full",
    [CHART_MODIFIER_KEY] = "http://medis.or.jp/CodeSystem/master-disease-modKeyNumber",
    [CHART_MODIFIER_EXCHANGE] = "http://medis.or.jp/CodeSystem/master-disease-modExCode",
    [CHART_MODIFIER_RECEIPT] = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/masterZ-disease-modifier",
    [CHART_ALLERGEN_FOOD] = "http://jpfhir.jp/fhir/core/CodeSystem/JP_JfagyFoodAllergen_CS",
    [CHART_ALLERGEN_OTHER] = "http://jpfhir.jp/fhir/core/CodeSystem/JP_JfagyNonFoodNonMedicationAllergen_CS",
    [CHART_ALLERGEN_DRUG] = "http://jpfhir.jp/fhir/core/CodeSystem/YCM/JP_JfagyMedicationAllergen_CS",
    [CHART_ALLERGEN_INGREDIENT] = "http://jpfhir.jp/fhir/core/CodeSystem/GCM/JP_JfagyMedicationAllergen_CS",
    [CHART_YJ] = "http://capstandard.jp/iyaku.info/CodeSystem/YJ-code",
    [CHART_DRUG_GENERAL] = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/MedicationGeneralOrderCode",
    [CHART_HOT9] = "http://medis.or.jp/CodeSystem/master-HOT9",
    [CHART_USAGE] = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/MedicationUsage_ePrescription",
    [CHART_USAGE_JAMI] = "http://jami.jp/CodeSystem/MedicationUsage",
};

/* ---- entries ---------------------------------------------------------------------------------------------------------------------- */

static const char *profile_url(struct fhir_build *b, const char *profile, enum fhir_position position)
{
    const char *suffix = "";
    for (size_t i = 0; i < b->options->suffix_count; i++) {
        const struct fhir_suffix *s = &b->options->suffixes[i];
        if (s->position == position && (s->profile == NULL || strcmp(s->profile, profile) == 0))
            suffix = s->suffix;
    }
    return suffix[0] == '\0' ? profile : fhir_format(b, "%s%s", profile, suffix);
}

void fhir_meta(struct fhir_build *b, struct fhir_node resource, const char *profile, enum fhir_position position, unsigned flags)
{
    struct fhir_node meta = fhir_object(b, resource, "meta");
    if (position != FHIR_ON_CONTAINED)
        fhir_add(b, meta, "lastUpdated", b->now);
    fhir_add_item(b, meta, "profile", profile_url(b, profile, position));
    for (size_t i = 0; i < sizeof flag_table / sizeof flag_table[0]; i++) {
        if ((flags & flag_table[i].flag) == 0)
            continue;
        struct fhir_node tag = fhir_item(b, meta, "tag");
        fhir_add(b, tag, "system", SYSTEM_FLAG);
        fhir_add(b, tag, "code", flag_table[i].code);
        fhir_add(b, tag, "display", flag_table[i].display);
    }
}

void fhir_check_flags(struct fhir_build *b, const struct chart_place *at, unsigned flags, unsigned allowed, const char *type)
{
    for (size_t i = 0; i < sizeof flag_table / sizeof flag_table[0]; i++)
        if ((flags & flag_table[i].flag & ~allowed) != 0)
            fhir_refuse(b, MSG_FHIR_FLAG, at, flag_table[i].code, type);
}

struct fhir_resource fhir_entry(struct fhir_build *b, const char *type, const char *profile, enum fhir_position position, unsigned flags, const struct chart_place *at)
{
    struct fhir_resource r = { { NULL, "" }, fhir_uuid_url(b) };
    if (b->failed != 0)
        return r;
    cJSON *entry = cJSON_CreateObject();
    if (entry == NULL || !cJSON_AddItemToArray(b->frame->entries, entry)) {
        cJSON_Delete(entry);
        fhir_fail(b, ERR_NOMEM);
        return r;
    }
    struct fhir_node node = { entry, fhir_format(b, "%s.entry[%zu]", b->frame->bundle.path, b->frame->count++) };
    fhir_map(b, node, at);
    fhir_add(b, node, "fullUrl", r.url);
    r.node = fhir_object(b, node, "resource");
    fhir_add(b, r.node, "resourceType", type);
    fhir_meta(b, r.node, profile, position, flags);
    return r;
}

void fhir_identifier(struct fhir_build *b, struct fhir_node resource, const char *system, const struct chart_text *value)
{
    if (value->text == NULL)
        return;
    struct fhir_node id = fhir_item(b, resource, "identifier");
    fhir_add(b, id, "system", system);
    fhir_add_text(b, id, "value", value);
}

void fhir_own_identifier(struct fhir_build *b, struct fhir_node resource, const struct chart_text *id)
{
    struct chart_text value = *id;
    if (value.text == NULL)
        value.text = fhir_format(b, "%s-%zu", b->options->bundle_id, ++b->derived);
    fhir_identifier(b, resource, FHIR_IDENTIFIER, &value);
}

void fhir_reference(struct fhir_build *b, struct fhir_node node, const char *name, const char *url)
{
    fhir_add(b, fhir_object(b, node, name), "reference", url);
}

void fhir_reference_item(struct fhir_build *b, struct fhir_node node, const char *name, const char *url)
{
    fhir_add(b, fhir_item(b, node, name), "reference", url);
}

void fhir_note(struct fhir_build *b, struct fhir_node resource, const struct chart_text *text)
{
    if (text->text != NULL)
        fhir_add_text(b, fhir_item(b, resource, "note"), "text", text);
}

void fhir_institution_extension(struct fhir_build *b, struct fhir_node resource)
{
    const struct chart_text *code = &b->chart->institution->code;
    struct fhir_node extension = fhir_item(b, resource, "extension");
    fhir_add(b, extension, "url", EXTENSION_INSTITUTION);
    struct fhir_node value = fhir_object(b, extension, "valueIdentifier");
    fhir_add(b, value, "system", FHIR_INSTITUTION_NUMBER);
    fhir_add_text(b, value, "value", code);
}

void fhir_department_extension(struct fhir_build *b, struct fhir_node resource, const struct chart_department *department)
{
    if (department == NULL)
        return;
    struct fhir_node extension = fhir_item(b, resource, "extension");
    fhir_map(b, extension, department->at);
    fhir_add(b, extension, "url", EXTENSION_DEPARTMENT);
    struct fhir_node value = fhir_object(b, extension, "valueCodeableConcept");
    if (department->code.text != NULL)
        fhir_coding(b, value, SYSTEM_DEPARTMENT, department->code.text, department->name.text);
    fhir_add(b, value, "text", department->name.text);
}

/* ---- codes ------------------------------------------------------------------------------------------------------------------------- */

struct fhir_node fhir_coding(struct fhir_build *b, struct fhir_node concept, const char *system, const char *code, const char *display)
{
    struct fhir_node coding = fhir_item(b, concept, "coding");
    fhir_add(b, coding, "system", system);
    fhir_add(b, coding, "code", code);
    fhir_add(b, coding, "display", display);
    return coding;
}

struct fhir_node fhir_concept(struct fhir_build *b, struct fhir_node node, const char *name, const char *system, const char *code, const char *display)
{
    struct fhir_node concept = fhir_object(b, node, name);
    fhir_coding(b, concept, system, code, display);
    return concept;
}

struct fhir_node fhir_concept_item(struct fhir_build *b, struct fhir_node node, const char *name, const char *system, const char *code, const char *display)
{
    struct fhir_node concept = fhir_item(b, node, name);
    fhir_coding(b, concept, system, code, display);
    return concept;
}

bool fhir_chart_coding(struct fhir_build *b, struct fhir_node node, const struct chart_concept *concept, enum chart_system system)
{
    const struct chart_coding *coding = chart_concept_get(concept, system);
    if (coding == NULL || coding->code.text == NULL || system_url[system] == NULL)
        return false;
    struct fhir_node json = fhir_item(b, node, "coding");
    fhir_map(b, json, coding->code.at);
    fhir_add(b, json, "system", system_url[system]);
    fhir_add(b, json, "code", coding->code.text);
    fhir_add(b, json, "display", coding->display.text != NULL ? coding->display.text : concept->text.text);
    return true;
}

void fhir_concept_text(struct fhir_build *b, struct fhir_node node, const struct chart_concept *concept)
{
    fhir_map(b, node, concept->at);
    fhir_add_text(b, node, "text", &concept->text);
}

/* ---- contained --------------------------------------------------------------------------------------------------------------------- */

struct fhir_node fhir_contained(struct fhir_build *b, struct fhir_node resource, const char *type, const char *id, const char *profile)
{
    struct fhir_node node = fhir_item(b, resource, "contained");
    fhir_add(b, node, "resourceType", type);
    fhir_add(b, node, "id", id);
    fhir_meta(b, node, profile, FHIR_ON_CONTAINED, 0);
    return node;
}

void fhir_contained_encounter(struct fhir_build *b, struct fhir_node resource, const struct chart_encounter *encounter, const char *member)
{
    if (encounter == NULL)
        return;
    struct fhir_node node = fhir_contained(b, resource, "Encounter", "encounter", FHIR_CORE "JP_Encounter");
    fhir_map(b, node, encounter->at);
    fhir_identifier(b, node, FHIR_IDENTIFIER, &encounter->number);
    fhir_add(b, node, "status", "finished");
    fhir_encounter_class(b, node, encounter->class);
    if (encounter->start.text != NULL) {
        struct fhir_node period = fhir_object(b, node, "period");
        fhir_add_text(b, period, "start", &encounter->start);
        fhir_add_text(b, period, "end", &encounter->end);
    }
    fhir_reference(b, resource, member, "#encounter");
}

/* ---- narrative --------------------------------------------------------------------------------------------------------------------- */

enum { DIV_MAX = 4 * 1024 * 1024 };

const char *fhir_div(struct fhir_build *b, const char *text)
{
    struct buf div;
    buf_init(&div, DIV_MAX);
    buf_add_str(&div, "<div xmlns=\"http://www.w3.org/1999/xhtml\">");
    for (const char *line = text;;) {
        size_t len = strcspn(line, "\r\n");
        text_add_escaped(&div, line, len);
        if (line[len] == '\0')
            break;
        buf_add_str(&div, "<br/>");
        line += len + (line[len] == '\r' && line[len + 1] == '\n' ? 2 : 1);
    }
    buf_add_str(&div, "</div>");
    const char *kept = div.failed == 0 ? arena_strndup(b->arena, div.data, div.len) : NULL;
    if (kept == NULL)
        fhir_fail(b, div.failed != 0 ? div.failed : ERR_NOMEM);
    buf_free(&div);
    return kept == NULL ? "" : kept;
}
