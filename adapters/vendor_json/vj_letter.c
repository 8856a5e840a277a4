/*
 * vj_letter.c - the referral letter: its sections and the entries that belong in them.
 */
#include "adapters/vendor_json/vj.h"

#include "base/text.h"

#define AT(type) offsetof(struct type, at)
#define NOTE(record) { .name = "note", .type = VJ_TEXT, .max = 4000, .offset = offsetof(struct record, note) }
#define ID(record) { .name = "id", .type = VJ_FORM, .form = &vj_form_id, .offset = offsetof(struct record, id) }
#define NAME(record) { .name = "name", .type = VJ_LINE, .rules = VJ_REQUIRED, .offset = offsetof(struct record, concept.text) }, \
                   { .name = "local_code", .type = VJ_FORM, .form = &vj_form_ascii, .offset = offsetof(struct record, concept.local_code) }

/* ---- 投薬指示 ------------------------------------------------------------------------------------------------------------------------------ */

static const struct vj_member usage_members[] = {
    { .name = "text", .type = VJ_LINE, .rules = VJ_REQUIRED, .offset = offsetof(struct chart_concept, text) },
    { .name = "local_code", .type = VJ_FORM, .form = &vj_form_ascii, .offset = offsetof(struct chart_concept, local_code) },
    { .name = "code", .type = VJ_CODE, .system = CHART_USAGE, .offset = 0 },
    { .name = "jami_code", .type = VJ_CODE, .system = CHART_USAGE_JAMI, .offset = 0 },
    { 0 }
};

static void finish_usage(struct vj *r, const struct json_node *node, void *target)
{
    vj_finish_concept(r, target, node, NULL);
}

static const struct vj_object usage = { "usage", sizeof(struct chart_concept), AT(chart_concept), usage_members, finish_usage };

#define UNIT(record, member) \
    { .name = #member "_unit", .type = VJ_LINE, .max = 100, .offset = offsetof(struct record, member##_unit) }, \
    { .name = #member "_unit_code", .type = VJ_FORM, .form = &vj_form_id, .offset = offsetof(struct record, member##_unit_code) }
#define AMOUNT(record, member) { .name = #member, .type = VJ_DECIMAL, .offset = offsetof(struct record, member) }, UNIT(record, member)

static const struct vj_member medication_members[] = {
    ID(chart_medication),
    NAME(chart_medication),
    { .name = "yj_code", .type = VJ_CODE, .system = CHART_YJ, .offset = offsetof(struct chart_medication, concept) },
    { .name = "general_code", .type = VJ_CODE, .system = CHART_DRUG_GENERAL, .offset = offsetof(struct chart_medication, concept) },
    { .name = "hot9", .type = VJ_CODE, .system = CHART_HOT9, .offset = offsetof(struct chart_medication, concept) },
    { .name = "receipt_code", .type = VJ_CODE, .system = CHART_DRUG_RECEIPT, .offset = offsetof(struct chart_medication, concept) },
    { .name = "standard_name", .type = VJ_DISPLAY, .offset = offsetof(struct chart_medication, concept) },
    { .name = "uncoded", .type = VJ_UNCODED, .offset = offsetof(struct chart_medication, concept) },
    { .name = "rp_number", .type = VJ_WHOLE, .offset = offsetof(struct chart_medication, rp_number) },
    { .name = "order_in_rp", .type = VJ_WHOLE, .offset = offsetof(struct chart_medication, order_in_rp) },
    { .name = "authored", .type = VJ_TIME, .rules = VJ_REQUIRED, .offset = offsetof(struct chart_medication, authored) },
    { .name = "start", .type = VJ_TIME, .offset = offsetof(struct chart_medication, start) },
    { .name = "usage", .type = VJ_INLINE, .object = &usage, .rules = VJ_REQUIRED, .offset = offsetof(struct chart_medication, usage) },
    AMOUNT(chart_medication, dose),
    AMOUNT(chart_medication, daily),
    { .name = "days", .type = VJ_WHOLE, .offset = offsetof(struct chart_medication, days) },
    AMOUNT(chart_medication, quantity),
    { .name = "as_needed", .type = VJ_BOOL, .offset = offsetof(struct chart_medication, as_needed) },
    NOTE(chart_medication),
    { .name = "flags", .type = VJ_FLAGS, .max = CHART_LONG_TERM, .offset = offsetof(struct chart_medication, flags) },
    { .name = "requester", .type = VJ_OBJECT, .object = &vj_practitioner, .offset = offsetof(struct chart_medication, requester) },
    { 0 }
};

static void default_text(struct chart_text *target, const char *text, const struct chart_place *at)
{
    if (target->text == NULL)
        *target = (struct chart_text){ text, at };
}

static void check_amount(struct vj *r, const struct json_node *node, const char *name, const struct chart_text *amount, const struct chart_text *unit)
{
    if (amount->text == NULL && unit->text != NULL)
        vj_error(r, MSG_CHART_ONE_OF, node, name, "number");
    if (amount->text != NULL && unit->text == NULL)
        vj_error(r, MSG_CHART_MISSING_MEMBER, vj_spot(node, name), vj_join(r, name, "_unit", ""), NULL);
}

static void finish_medication(struct vj *r, const struct json_node *node, void *target)
{
    struct chart_medication *m = target;
    bool coded = m->concept.coding_count > 0 || m->concept.local_code.text != NULL;
    vj_finish_concept(r, &m->concept, node, json_get(node, "standard_name"));
    if (!coded && !m->concept.no_code && m->concept.text.text != NULL)
        vj_error(r, MSG_CHART_NO_CODE, node, m->concept.text.text, "yj_code, general_code, local_code, uncoded");
    if (m->concept.no_code && m->concept.coding_count > 0)
        vj_error(r, MSG_CHART_NOT_BOTH, vj_spot(node, "uncoded"), "uncoded", "yj_code, general_code, hot9, receipt_code");
    default_text(&m->rp_number, "1", m->at);
    default_text(&m->order_in_rp, "1", m->at);
    default_text(&m->start, m->authored.text, m->authored.at);
    check_amount(r, node, "dose", &m->dose, &m->dose_unit);
    check_amount(r, node, "daily", &m->daily, &m->daily_unit);
    check_amount(r, node, "quantity", &m->quantity, &m->quantity_unit);
}

const struct vj_object vj_medication = { "medication", sizeof(struct chart_medication), AT(chart_medication), medication_members, finish_medication };

/* ---- the other entries --------------------------------------------------------------------------------------------------------------------- */

static const struct vj_member family_condition_members[] = {
    { .name = "name", .type = VJ_LINE, .rules = VJ_REQUIRED, .offset = offsetof(struct chart_concept, text) },
    { .name = "management_number", .type = VJ_CODE, .system = CHART_DISEASE_KEY, .offset = 0 },
    { .name = "icd10", .type = VJ_CODE, .system = CHART_ICD10, .offset = 0 },
    { 0 }
};

static const struct vj_object family_condition = { "condition", sizeof(struct chart_concept), AT(chart_concept), family_condition_members, finish_usage };

static const struct vj_form relation_code = { "A-Z", 2, 10, "FTH, MTH, BRO, SIS, SON, DAU, … (v3-RoleCode)" };

static const struct vj_member family_members[] = {
    ID(chart_family),
    { .name = "relation", .type = VJ_LINE, .max = 100, .rules = VJ_REQUIRED, .offset = offsetof(struct chart_family, relation) },
    { .name = "relation_code", .type = VJ_FORM, .form = &relation_code, .rules = VJ_REQUIRED, .offset = offsetof(struct chart_family, relation_code) },
    { .name = "conditions", .type = VJ_LIST, .object = &family_condition, .max = 50, .offset = offsetof(struct chart_family, condition), .count_offset = offsetof(struct chart_family, condition_count) },
    NOTE(chart_family),
    { 0 }
};

const struct vj_object vj_family = { "family", sizeof(struct chart_family), AT(chart_family), family_members, NULL };

static void finish_term(struct vj *r, const struct json_node *node, struct chart_concept *concept, const struct chart_text *start, const struct chart_text *end)
{
    vj_finish_concept(r, concept, node, NULL);
    if (end != NULL)
        vj_check_order(r, node, "end", end, "start", start);
}

static const struct vj_member immunization_members[] = {
    ID(chart_immunization),
    { .name = "name", .type = VJ_LINE, .rules = VJ_REQUIRED, .offset = offsetof(struct chart_immunization, vaccine.text) },
    { .name = "local_code", .type = VJ_FORM, .form = &vj_form_ascii, .offset = offsetof(struct chart_immunization, vaccine.local_code) },
    { .name = "date", .type = VJ_PARTIAL, .rules = VJ_REQUIRED, .offset = offsetof(struct chart_immunization, date) },
    { .name = "lot_number", .type = VJ_FORM, .form = &vj_form_ascii, .offset = offsetof(struct chart_immunization, lot_number) },
    NOTE(chart_immunization),
    { 0 }
};

static void finish_immunization(struct vj *r, const struct json_node *node, void *target)
{
    struct chart_immunization *i = target;
    finish_term(r, node, &i->vaccine, NULL, NULL);
    vj_check_future(r, node, "date", &i->date);
}

const struct vj_object vj_immunization = { "immunization", sizeof(struct chart_immunization), AT(chart_immunization), immunization_members, finish_immunization };

static const struct vj_member procedure_members[] = {
    ID(chart_procedure),
    NAME(chart_procedure),
    { .name = "start", .type = VJ_TIME, .offset = offsetof(struct chart_procedure, start) },
    { .name = "end", .type = VJ_TIME, .offset = offsetof(struct chart_procedure, end) },
    NOTE(chart_procedure),
    { 0 }
};

static void finish_procedure(struct vj *r, const struct json_node *node, void *target)
{
    struct chart_procedure *p = target;
    finish_term(r, node, &p->concept, &p->start, &p->end);
}

const struct vj_object vj_procedure = { "procedure", sizeof(struct chart_procedure), AT(chart_procedure), procedure_members, finish_procedure };

static const struct vj_member plan_members[] = {
    ID(chart_plan),
    { .name = "title", .type = VJ_LINE, .max = 200, .rules = VJ_REQUIRED, .offset = offsetof(struct chart_plan, title) },
    { .name = "description", .type = VJ_TEXT, .rules = VJ_REQUIRED, .offset = offsetof(struct chart_plan, description) },
    { .name = "start", .type = VJ_TIME, .rules = VJ_REQUIRED, .offset = offsetof(struct chart_plan, start) },
    { 0 }
};

const struct vj_object vj_plan = { "plan", sizeof(struct chart_plan), AT(chart_plan), plan_members, NULL };

static const struct vj_member device_members[] = {
    ID(chart_device),
    NAME(chart_device),
    { .name = "start", .type = VJ_TIME, .offset = offsetof(struct chart_device, start) },
    NOTE(chart_device),
    { 0 }
};

static void finish_device(struct vj *r, const struct json_node *node, void *target)
{
    finish_term(r, node, &((struct chart_device *)target)->concept, NULL, NULL);
}

const struct vj_object vj_device = { "device", sizeof(struct chart_device), AT(chart_device), device_members, finish_device };

static const struct vj_member directive_members[] = {
    ID(chart_directive),
    { .name = "title", .type = VJ_LINE, .max = 200, .rules = VJ_REQUIRED, .offset = offsetof(struct chart_directive, title) },
    { .name = "date", .type = VJ_TIME, .offset = offsetof(struct chart_directive, date) },
    NOTE(chart_directive),
    { 0 }
};

const struct vj_object vj_directive = { "directive", sizeof(struct chart_directive), AT(chart_directive), directive_members, NULL };

static const struct vj_member study_members[] = {
    ID(chart_study),
    { .name = "title", .type = VJ_LINE, .max = 200, .rules = VJ_REQUIRED, .offset = offsetof(struct chart_study, title) },
    { .name = "start", .type = VJ_TIME, .offset = offsetof(struct chart_study, start) },
    { .name = "end", .type = VJ_TIME, .offset = offsetof(struct chart_study, end) },
    NOTE(chart_study),
    { 0 }
};

static void finish_study(struct vj *r, const struct json_node *node, void *target)
{
    const struct chart_study *s = target;
    vj_check_order(r, node, "end", &s->end, "start", &s->start);
}

const struct vj_object vj_study = { "study", sizeof(struct chart_study), AT(chart_study), study_members, finish_study };

/* ---- sections ---------------------------------------------------------------------------------------------------------------------------------- */

#define ENTRIES(object, member) &object, offsetof(struct chart_section, member), offsetof(struct chart_section, member##_count)

/* In the guide's order. entry NULL: text only. */
static const struct section_row {
    const char *name;
    enum chart_section_code code;
    const struct vj_object *entry;
    size_t offset, count_offset;
    bool needed;
} sections[] = {
    { "purpose", CHART_SECTION_PURPOSE, NULL, 0, 0, true },
    { "diagnoses", CHART_SECTION_DIAGNOSES, ENTRIES(vj_disease, disease), true },
    { "present_illness", CHART_SECTION_PRESENT_ILLNESS, ENTRIES(vj_disease, disease), true },
    { "past_history", CHART_SECTION_PAST_HISTORY, ENTRIES(vj_disease, disease), false },
    { "allergies", CHART_SECTION_ALLERGIES, ENTRIES(vj_allergy, allergy), false },
    { "family_history", CHART_SECTION_FAMILY_HISTORY, ENTRIES(vj_family, family), false },
    { "physical_findings", CHART_SECTION_PHYSICAL_FINDINGS, ENTRIES(vj_finding, finding), false },
    { "infections", CHART_SECTION_INFECTIONS, ENTRIES(vj_finding, finding), false },
    { "social_history", CHART_SECTION_SOCIAL_HISTORY, ENTRIES(vj_finding, finding), false },
    { "immunizations", CHART_SECTION_IMMUNIZATIONS, ENTRIES(vj_immunization, immunization), false },
    { "surgeries", CHART_SECTION_SURGERIES, ENTRIES(vj_procedure, procedure), false },
    { "transfusions", CHART_SECTION_TRANSFUSIONS, ENTRIES(vj_procedure, procedure), false },
    { "treatments", CHART_SECTION_TREATMENTS, ENTRIES(vj_procedure, procedure), false },
    { "medications", CHART_SECTION_MEDICATIONS, ENTRIES(vj_medication, medication), false },
    { "lab_results", CHART_SECTION_LAB_RESULTS, ENTRIES(vj_lab_item, lab), false },
    { "clinical_course", CHART_SECTION_COURSE, NULL, 0, 0, false },
    { "plan", CHART_SECTION_PLAN, ENTRIES(vj_plan, plan), false },
    { "devices", CHART_SECTION_DEVICES, ENTRIES(vj_device, device), false },
    { "advance_directives", CHART_SECTION_ADVANCE_DIRECTIVES, ENTRIES(vj_directive, directive), false },
    { "research", CHART_SECTION_RESEARCH, ENTRIES(vj_study, study), false },
    { "remarks", CHART_SECTION_REMARKS, NULL, 0, 0, false },
};

enum { SECTIONS = sizeof sections / sizeof sections[0], ENTRIES_MAX = 200 };

static const struct vj_choice empties[] = { { "nilknown", CHART_NILKNOWN }, { "notasked", CHART_NOTASKED }, { 0 } };

static void check_section(struct vj *r, const struct section_row *row, const struct json_node *node, const struct chart_section *section)
{
    const struct json_node *items = json_get(node, "items");
    bool entries = items != NULL && items->count > 0, text = vj_given(json_get(node, "text"));
    if (section->empty != CHART_NOT_EMPTY && entries)
        vj_error(r, MSG_CHART_NOT_BOTH, vj_spot(node, "empty_reason"), "empty_reason", "items");
    else if (section->empty == CHART_NOT_EMPTY && !entries && !text)
        vj_error(r, MSG_CHART_SECTION_VOID, node, row->name, row->entry != NULL ? "text, items, empty_reason" : "text, empty_reason");
    /* entries say everything in their own names, except the course, whose text is always needed */
    if (row->code == CHART_SECTION_COURSE && !text && section->empty == CHART_NOT_EMPTY && json_get(node, "documents") != NULL)
        vj_error(r, MSG_CHART_MISSING_MEMBER, node, "text", NULL);
}

static void read_section(struct vj *r, const struct section_row *row, const struct json_node *node, struct chart_section *section)
{
    struct vj_member members[] = {
        { .name = "text", .type = VJ_TEXT, .offset = offsetof(struct chart_section, text) },
        { .name = "empty_reason", .type = VJ_CHOICE, .choice = empties, .offset = offsetof(struct chart_section, empty) },
        { .name = NULL }, { .name = NULL },
    };
    const struct vj_object object = { row->name, sizeof *section, AT(chart_section), members, NULL };
    size_t errors = r->issues->errors;
    if (row->entry != NULL)
        members[2] = (struct vj_member){ .name = "items", .type = VJ_LIST, .object = row->entry, .max = ENTRIES_MAX, .offset = row->offset, .count_offset = row->count_offset };
    else if (row->code == CHART_SECTION_COURSE)
        members[2] = (struct vj_member){ .name = "documents", .type = VJ_LIST, .object = &vj_document, .max = 20, .offset = offsetof(struct chart_section, document),
                                         .count_offset = offsetof(struct chart_section, document_count) };
    section->code = row->code;
    vj_read_object(r, &object, node, section);
    if (r->issues->errors == errors)
        check_section(r, row, node, section);
}

static const char *section_names(struct vj *r)
{
    struct vj_member names[SECTIONS + 1] = { 0 };
    for (size_t i = 0; i < SECTIONS; i++)
        names[i].name = sections[i].name;
    return vj_member_names(r, names);
}

static void read_sections(struct vj *r, const struct vj_member *m, const struct json_node *node, void *target)
{
    struct chart_letter *letter = &((struct vj_unit *)target)->letter;
    size_t row;
    if (!json_is(node, JSON_OBJECT)) {
        vj_error(r, MSG_CHART_WRONG_TYPE, node, m->name, "オブジェクト object");
        return;
    }
    for (const struct json_node *child = node->child; child != NULL; child = child->next) {
        for (row = 0; row < SECTIONS && !json_key_is(child, sections[row].name); row++)
            ;
        if (row == SECTIONS && (child->key_len < 3 || memcmp(child->key, "x-", 2) != 0))
            vj_error(r, MSG_CHART_UNKNOWN_MEMBER, child, arena_strndup(r->arena, child->key, text_cut(child->key, child->key_len, 100)), section_names(r));
    }
    letter->section = arena_array(r->arena, SECTIONS, sizeof *letter->section);
    if (letter->section == NULL) {
        r->failed = true;
        return;
    }
    for (row = 0; row < SECTIONS; row++)
        if (vj_given(json_get(node, sections[row].name)))
            read_section(r, &sections[row], json_get(node, sections[row].name), &letter->section[letter->section_count++]);
}

/* ---- the letter ---------------------------------------------------------------------------------------------------------------------------------- */

static const struct vj_member receiver_members[] = {
    { .name = "institution", .type = VJ_INLINE, .object = &vj_institution, .rules = VJ_REQUIRED, .offset = offsetof(struct chart_receiver, institution) },
    { .name = "department", .type = VJ_OBJECT, .object = &vj_department, .offset = offsetof(struct chart_receiver, department) },
    { .name = "practitioner", .type = VJ_OBJECT, .object = &vj_practitioner, .offset = offsetof(struct chart_receiver, practitioner) },
    { 0 }
};

static void finish_receiver(struct vj *r, const struct json_node *node, void *target)
{
    const struct chart_receiver *receiver = target;
    const struct json_node *code = json_path(node, "institution/code");
    vj_check_institution(r, code != NULL ? code : node, receiver->institution.code.text, false);
}

static const struct vj_object receiver = { "receiver", sizeof(struct chart_receiver), AT(chart_receiver), receiver_members, finish_receiver };

static const struct vj_choice letter_categories[] = { { "outpatient", CHART_OUTPATIENT + 1 }, { "discharge", CHART_INPATIENT + 1 }, { 0 } };
static const struct vj_choice consents[] = { { "spoken", CHART_CONSENT_SPOKEN }, { "portal", CHART_CONSENT_PORTAL }, { "card_reader", CHART_CONSENT_CARD_READER }, { 0 } };

static void read_cda(struct vj *r, const struct vj_member *m, const struct json_node *node, void *target)
{
    struct chart_attachment *cda = vj_alloc(r, sizeof *cda);
    (void)m;
    if (cda != NULL)
        vj_read_object(r, &vj_cda, node, cda);
    ((struct vj_unit *)target)->letter.cda = cda;
}

#define LETTER(member) offsetof(struct vj_unit, letter.member)

static const struct vj_member letter_members[] = {
    VJ_UNIT_MEMBERS,
    VJ_UNIT_KEY,
    VJ_UNIT_BUNDLE_ID,
    { .name = "version", .type = VJ_WHOLE, .offset = LETTER(version) },
    { .name = "issued", .type = VJ_TIME, .rules = VJ_REQUIRED, .offset = LETTER(issued) },
    { .name = "category", .type = VJ_CHOICE, .choice = letter_categories, .offset = offsetof(struct vj_unit, category) },
    { .name = "receiver", .type = VJ_OBJECT, .object = &receiver, .rules = VJ_REQUIRED, .offset = offsetof(struct vj_unit, receiver) },
    { .name = "consent", .type = VJ_CHOICE, .choice = consents, .rules = VJ_REQUIRED, .offset = LETTER(consent) },
    { .name = "signer", .type = VJ_FORM, .form = &vj_form_id, .offset = LETTER(signer) },
    { .name = "flags", .type = VJ_FLAGS, .max = CHART_LONG_TERM, .offset = LETTER(flags) },
    { .name = "sections", .type = VJ_CUSTOM, .custom = read_sections },
    { .name = "cda", .type = VJ_CUSTOM, .custom = read_cda },
    { .name = "attachments", .type = VJ_LIST, .object = &vj_attachment, .max = ADAPTER_ATTACHMENTS_MAX, .offset = LETTER(attachment), .count_offset = LETTER(attachment_count) },
    { 0 }
};

const struct vj_object vj_letter_unit = { "letter", sizeof(struct vj_unit), AT(vj_unit), letter_members, NULL };

/* A letter without a word of its own, but with a PDF. Reasons for being empty are no words. */
static bool is_pdf_only(const struct json_node *node, const struct chart_letter *letter)
{
    const struct json_node *attachments = json_get(node, "attachments");
    bool pdf = false, words = false;
    for (const struct json_node *a = attachments != NULL ? attachments->child : NULL; a != NULL; a = a->next)
        pdf |= json_equals(json_get(a, "kind"), "pdf");
    for (size_t i = 0; i < letter->section_count; i++)
        words |= letter->section[i].empty == CHART_NOT_EMPTY;
    return pdf && !words;
}

static void check_sections(struct vj *r, const struct json_node *node, const struct chart_letter *letter)
{
    const struct json_node *spot = vj_spot(node, "sections");
    if (is_pdf_only(node, letter)) {
        vj_error(r, MSG_CHART_PDF_ONLY, vj_spot(node, "attachments"), NULL, NULL);
        return;
    }
    for (size_t i = 0; i < SECTIONS; i++)
        if (sections[i].needed && chart_letter_section(letter, sections[i].code) == NULL)
            vj_error(r, MSG_CHART_SECTION_NEEDED, spot, sections[i].name, NULL);
}

/* Laboratory results of a letter have no report around them: each brings its own specimen and time. */
static void complete_lab_section(struct vj *r, const struct json_node *node, struct chart_letter *letter)
{
    static const struct chart_text none = { NULL, NULL };
    for (size_t i = 0; i < letter->section_count; i++)
        if (letter->section[i].code == CHART_SECTION_LAB_RESULTS)
            vj_complete_lab(r, json_path(node, "sections/lab_results/items"), letter->section[i].lab, letter->section[i].lab_count, NULL, &none, &none);
}

void vj_finish_letter(struct vj *r, const struct json_node *node, struct vj_unit *unit)
{
    struct chart_letter *letter = &unit->letter;
    letter->at = unit->at;
    letter->number = unit->key;
    letter->author = unit->practitioner;
    if (unit->receiver != NULL)
        letter->receiver = *unit->receiver;
    default_text(&letter->version, "1", unit->at);
    if (unit->category != 0)
        letter->class = (enum chart_class)(unit->category - 1);
    else if (unit->encounter != NULL)
        letter->class = unit->encounter->class;
    vj_check_future(r, node, "issued", &letter->issued);
    if (letter->author == NULL)
        vj_error(r, MSG_CHART_MISSING_MEMBER, node, "practitioner", NULL);
    if (letter->cda != NULL && letter->section != NULL)
        vj_error(r, MSG_CHART_NOT_BOTH, vj_spot(node, "cda"), "cda", "sections");
    else if (letter->cda == NULL)
        check_sections(r, node, letter);
    complete_lab_section(r, node, letter);
}
