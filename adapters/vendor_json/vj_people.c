/*
 * vj_people.c - institution, department, patient with insurance, practitioner, encounter.
 */
#include "adapters/vendor_json/vj.h"

#include "base/text.h"

#define AT(type) offsetof(struct type, at)

/* ---- address -------------------------------------------------------------------------------------------------------------------------- */

static const struct vj_member address_members[] = {
    { .name = "text", .type = VJ_LINE, .offset = offsetof(struct chart_address, text) },
    { .name = "postal_code", .type = VJ_FORM, .form = &vj_form_postal, .offset = offsetof(struct chart_address, postal_code) },
    { .name = "state", .type = VJ_LINE, .offset = offsetof(struct chart_address, state) },
    { .name = "city", .type = VJ_LINE, .offset = offsetof(struct chart_address, city) },
    { .name = "line", .type = VJ_LINE, .offset = offsetof(struct chart_address, line) },
    { 0 }
};

static void finish_address(struct vj *r, const struct json_node *node, void *target)
{
    struct chart_address *a = target;
    if (a->text.text != NULL)
        return;
    if (a->state.text == NULL && a->city.text == NULL && a->line.text == NULL) {
        vj_error(r, MSG_CHART_ONE_OF, node, "address", "text, state + city + line");
        return;
    }
    a->text.text = vj_join(r, a->state.text != NULL ? a->state.text : "", a->city.text != NULL ? a->city.text : "", a->line.text != NULL ? a->line.text : "");
    a->text.at = a->at;
}

static const struct vj_object address = { "address", sizeof(struct chart_address), AT(chart_address), address_members, finish_address };

/* ---- institution and department ----------------------------------------------------------------------------------------------------------- */

static const struct vj_member institution_members[] = {
    { .name = "code", .type = VJ_FORM, .form = &vj_form_digits10, .rules = VJ_REQUIRED, .offset = offsetof(struct chart_institution, code) },
    { .name = "name", .type = VJ_LINE, .rules = VJ_NEEDED, .offset = offsetof(struct chart_institution, name) },
    { .name = "phone", .type = VJ_FORM, .form = &vj_form_phone, .offset = offsetof(struct chart_institution, phone) },
    { .name = "address", .type = VJ_OBJECT, .object = &address, .offset = offsetof(struct chart_institution, address) },
    { 0 }
};

void vj_check_institution(struct vj *r, const struct json_node *node, const char *code, bool own)
{
    size_t i = 0;
    if (code == NULL)
        return;
    /* InstitutionNumber: ^[0-4][0-9][1-3][0-9]{7}$ */
    if (code[0] > '4' || code[2] < '1' || code[2] > '3') {
        vj_error(r, MSG_CHART_BAD_FORM, node, "code", "都道府県2桁 + 点数表1桁(1〜3) + 7桁");
        return;
    }
    if (!text_check_digit_ok(code, strlen(code)))
        vj_warning(r, MSG_CHART_CHECK_DIGIT, node, "code", code);
    if (!own || r->options->institution_count == 0)
        return;
    while (i < r->options->institution_count && strcmp(r->options->institutions[i], code) != 0)
        i++;
    if (i == r->options->institution_count)
        vj_error(r, MSG_CHART_OTHER_INSTITUTION, node, code, NULL);
}

const struct vj_object vj_institution = { "institution", sizeof(struct chart_institution), AT(chart_institution), institution_members, NULL };

static const struct vj_member department_members[] = {
    { .name = "code", .type = VJ_FORM, .form = &vj_form_digits2, .offset = offsetof(struct chart_department, code) },
    { .name = "name", .type = VJ_LINE, .rules = VJ_REQUIRED, .offset = offsetof(struct chart_department, name) },
    { 0 }
};

const struct vj_object vj_department = { "department", sizeof(struct chart_department), AT(chart_department), department_members, NULL };

/* ---- insurance (R1012, R1013 and the prose beside them) -------------------------------------------------------------------------------------- */

static const struct vj_member insurance_members[] = {
    { .name = "insurer_number", .type = VJ_LINE, .max = 64, .offset = offsetof(struct chart_insurance, insurer_number) },
    { .name = "symbol", .type = VJ_LINE, .max = 120, .offset = offsetof(struct chart_insurance, symbol) },
    { .name = "number", .type = VJ_LINE, .max = 120, .offset = offsetof(struct chart_insurance, number) },
    { .name = "branch", .type = VJ_LINE, .max = 64, .offset = offsetof(struct chart_insurance, branch) },
    { .name = "payer_number", .type = VJ_LINE, .max = 64, .offset = offsetof(struct chart_insurance, payer_number) },
    { .name = "recipient_number", .type = VJ_LINE, .max = 64, .offset = offsetof(struct chart_insurance, recipient_number) },
    { 0 }
};

static bool digits_ok(struct vj *r, const struct json_node *node, const char *name, const struct chart_text *value, size_t min, size_t max, const char *wanted)
{
    size_t len = value->text != NULL ? strlen(value->text) : 0;
    if (value->text == NULL || (len >= min && len <= max && text_all_digits(value->text, len)))
        return true;
    vj_error(r, MSG_CHART_INSURED_FORM, vj_spot(node, name), name, wanted);
    return false;
}

static bool symbol_ok(struct vj *r, const struct json_node *node, const char *name, const struct chart_text *value)
{
    const char *text = value->text != NULL ? value->text : "";
    size_t len = strlen(text);
    if ((text_all_ascii(text, len) || text_all_fullwidth(text, len)) && strpbrk(text, ": ") == NULL && !text_has_fullwidth_space(text, len))
        return true;
    vj_error(r, MSG_CHART_INSURED_FORM, vj_spot(node, name), name, "すべて半角かすべて全角、空白とコロンなし (all half-width or all full-width; no space, no colon)");
    return false;
}

static void check_digit(struct vj *r, const struct json_node *node, const char *name, const char *digits)
{
    if (digits != NULL && !text_check_digit_ok(digits, strlen(digits)))
        vj_warning(r, MSG_CHART_CHECK_DIGIT, vj_spot(node, name), name, digits);
}

static const char *or_empty(const struct chart_text *text)
{
    return text->text != NULL ? text->text : "";
}

static void make_member_id(struct vj *r, const struct json_node *node, struct chart_insurance *i)
{
    size_t len;
    if (!digits_ok(r, node, "insurer_number", &i->insurer_number, 4, 8, "数字 4〜8 桁 (4-8 digits)")
        || !symbol_ok(r, node, "symbol", &i->symbol) || !symbol_ok(r, node, "number", &i->number)
        || !digits_ok(r, node, "branch", &i->branch, 2, 2, "数字 2 桁。ない場合は省略 (2 digits, or leave it out)"))
        return;
    if (i->insurer_number.text == NULL || i->number.text == NULL)
        return;
    len = strlen(i->insurer_number.text);
    i->insurer_number.text = vj_join(r, &"00000000"[len], i->insurer_number.text, "");
    check_digit(r, node, "insurer_number", i->insurer_number.text);
    i->member_id.text = arena_printf(r->arena, "%s:%s:%s:%s", i->insurer_number.text, or_empty(&i->symbol), i->number.text, or_empty(&i->branch));
    i->member_id.at = i->at;
    r->failed |= i->member_id.text == NULL;
}

static void finish_insurance(struct vj *r, const struct json_node *node, void *target)
{
    struct chart_insurance *i = target;
    make_member_id(r, node, i);
    if (!digits_ok(r, node, "payer_number", &i->payer_number, 8, 8, "数字 8 桁 (8 digits)")
        || !digits_ok(r, node, "recipient_number", &i->recipient_number, 7, 7, "数字 7 桁 (7 digits)"))
        return;
    check_digit(r, node, "payer_number", i->payer_number.text);
    check_digit(r, node, "recipient_number", i->recipient_number.text);
    if (i->payer_number.text == NULL || i->recipient_number.text == NULL)
        return;
    i->public_id.text = arena_printf(r->arena, "%s::%s:", i->payer_number.text, i->recipient_number.text);
    i->public_id.at = i->at;
    r->failed |= i->public_id.text == NULL;
}

const char *vj_insured(const struct chart_patient *patient)
{
    const struct chart_insurance *i = patient != NULL ? patient->insurance : NULL;
    if (i == NULL)
        return NULL;
    return i->member_id.text != NULL ? i->member_id.text : i->public_id.text;
}

static const struct vj_object insurance = { "insurance", sizeof(struct chart_insurance), AT(chart_insurance), insurance_members, finish_insurance };

/* ---- names ------------------------------------------------------------------------------------------------------------------------------------- */

#define NAME_MEMBERS(record, needed) \
    { .name = "family", .type = VJ_NAME, .rules = needed, .max = 200, .offset = offsetof(struct record, name.family) }, \
    { .name = "given", .type = VJ_NAME, .rules = needed, .max = 200, .offset = offsetof(struct record, name.given) }, \
    { .name = "family_kana", .type = VJ_KANA, .max = 200, .offset = offsetof(struct record, name.kana_family) }, \
    { .name = "given_kana", .type = VJ_KANA, .max = 200, .offset = offsetof(struct record, name.kana_given) }

static void join_name(struct vj *r, struct chart_text *text, const struct chart_text *family, const struct chart_text *given)
{
    text->text = vj_join(r, family->text, " ", given->text);
    text->at = family->at;
}

/* Every name that is given needs text, family and given name (JP_Patient_eCS) */
static void finish_name(struct vj *r, const struct json_node *node, struct chart_name *name, const struct chart_place *at)
{
    name->at = at;
    if (name->family.text != NULL && name->given.text != NULL)
        join_name(r, &name->text, &name->family, &name->given);
    if (name->kana_family.text != NULL && name->kana_given.text != NULL)
        join_name(r, &name->kana_text, &name->kana_family, &name->kana_given);
    else if (name->kana_family.text != NULL || name->kana_given.text != NULL)
        vj_error(r, MSG_CHART_ONE_OF, node, "family_kana, given_kana", "両方または省略 (both or neither)");
}

/* ---- patient --------------------------------------------------------------------------------------------------------------------------------------- */

static const struct vj_choice genders[] = { { "male", CHART_MALE }, { "female", CHART_FEMALE }, { "other", CHART_OTHER }, { "unknown", CHART_GENDER_UNKNOWN }, { 0 } };

static const struct vj_member patient_members[] = {
    { .name = "number", .type = VJ_FORM, .form = &vj_form_id, .rules = VJ_NEEDED, .offset = offsetof(struct chart_patient, number) },
    NAME_MEMBERS(chart_patient, VJ_NEEDED),
    { .name = "gender", .type = VJ_CHOICE, .choice = genders, .rules = VJ_NEEDED, .offset = offsetof(struct chart_patient, gender) },
    { .name = "birth_date", .type = VJ_DATE, .rules = VJ_NEEDED, .offset = offsetof(struct chart_patient, birth_date) },
    { .name = "phone", .type = VJ_FORM, .form = &vj_form_phone, .offset = offsetof(struct chart_patient, phone) },
    { .name = "address", .type = VJ_OBJECT, .object = &address, .rules = VJ_NEEDED, .offset = offsetof(struct chart_patient, address) },
    { .name = "insurance", .type = VJ_OBJECT, .object = &insurance, .offset = offsetof(struct chart_patient, insurance) },
    { 0 }
};

static void finish_patient(struct vj *r, const struct json_node *node, void *target)
{
    struct chart_patient *p = target;
    finish_name(r, node, &p->name, p->at);
    vj_check_future(r, node, "birth_date", &p->birth_date);
}

const struct vj_object vj_patient = { "patient", sizeof(struct chart_patient), AT(chart_patient), patient_members, finish_patient };

/* ---- practitioner and encounter ---------------------------------------------------------------------------------------------------------------------- */

static const struct vj_member practitioner_members[] = {
    { .name = "id", .type = VJ_FORM, .form = &vj_form_id, .offset = offsetof(struct chart_practitioner, id) },
    NAME_MEMBERS(chart_practitioner, VJ_REQUIRED),
    { .name = "license_number", .type = VJ_FORM, .form = &vj_form_id, .offset = offsetof(struct chart_practitioner, license_number) },
    { .name = "narcotics_number", .type = VJ_LINE, .max = 64, .offset = offsetof(struct chart_practitioner, narcotics_number) },
    { .name = "phone", .type = VJ_FORM, .form = &vj_form_phone, .offset = offsetof(struct chart_practitioner, phone) },
    { 0 }
};

static void finish_practitioner(struct vj *r, const struct json_node *node, void *target)
{
    struct chart_practitioner *p = target;
    finish_name(r, node, &p->name, p->at);
}

const struct vj_object vj_practitioner = { "practitioner", sizeof(struct chart_practitioner), AT(chart_practitioner), practitioner_members, finish_practitioner };

const struct vj_choice vj_choice_class[] = { { "outpatient", CHART_OUTPATIENT }, { "inpatient", CHART_INPATIENT }, { 0 } };

static const struct vj_member encounter_members[] = {
    { .name = "class", .type = VJ_CHOICE, .choice = vj_choice_class, .rules = VJ_REQUIRED, .offset = offsetof(struct chart_encounter, class) },
    { .name = "number", .type = VJ_FORM, .form = &vj_form_id, .offset = offsetof(struct chart_encounter, number) },
    { .name = "start", .type = VJ_TIME, .offset = offsetof(struct chart_encounter, start) },
    { .name = "end", .type = VJ_TIME, .offset = offsetof(struct chart_encounter, end) },
    { 0 }
};

static void finish_encounter(struct vj *r, const struct json_node *node, void *target)
{
    const struct chart_encounter *e = target;
    vj_check_order(r, node, "end", &e->end, "start", &e->start);
}

const struct vj_object vj_encounter = { "encounter", sizeof(struct chart_encounter), AT(chart_encounter), encounter_members, finish_encounter };
