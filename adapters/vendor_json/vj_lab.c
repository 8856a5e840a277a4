/*
 * vj_lab.c - laboratory reports and values: 検査 and 感染症, and the values of findings in a letter.
 */
#include "adapters/vendor_json/vj.h"

#define AT(type) offsetof(struct type, at)
#define CONCEPT(type) offsetof(struct type, concept)
#define VALUE(type, member) offsetof(struct type, value.member)

/* ---- values ---------------------------------------------------------------------------------------------------------------------------- */

static const struct vj_choice comparators[] = { { "<", 1 }, { "<=", 2 }, { ">=", 3 }, { ">", 4 }, { 0 } };
static const struct vj_choice absences[] = { { "unknown", 1 }, { "asked-unknown", 2 }, { "not-asked", 3 }, { "masked", 4 }, { "not-applicable", 5 }, { "unsupported", 6 },
                                             { "error", 7 }, { "not-a-number", 8 }, { "negative-infinity", 9 }, { "positive-infinity", 10 }, { "not-performed", 11 },
                                             { "not-permitted", 12 }, { 0 } };

/* A word of a fixed list that the chart keeps as text. */
static void read_word(struct vj *r, const struct vj_member *m, const struct json_node *node, void *target)
{
    struct chart_text *text = (struct chart_text *)(void *)((char *)target + m->offset);
    const char *names = "";
    for (const struct vj_choice *c = m->choice; c->name != NULL; c++) {
        if (json_equals(node, c->name)) {
            text->text = c->name;
            text->at = vj_place(r, node);
            return;
        }
        names = vj_join(r, names, names[0] != '\0' ? ", " : "", c->name);
        if (names == NULL)
            return;
    }
    vj_error(r, MSG_CHART_BAD_CHOICE, node, m->name, names);
}

/* `text` and `qualitative` share a place in the chart: that only one of them is given is said by finish_value(). */
static void read_string_value(struct vj *r, const struct vj_member *m, const struct json_node *node, void *target)
{
    static const struct vj_member line[] = { { .name = "text", .type = VJ_LAB_TEXT, .max = 4000, .offset = 0 }, { 0 } };
    vj_read_leaf(r, line, node, (char *)target + m->offset);
}

#define VALUE_MEMBERS(record) \
    { .name = "number", .type = VJ_DECIMAL, .offset = VALUE(record, number) }, \
    { .name = "comparator", .type = VJ_CUSTOM, .custom = read_word, .choice = comparators, .offset = VALUE(record, comparator) }, \
    { .name = "unit", .type = VJ_LAB, .max = 100, .offset = VALUE(record, unit) }, \
    { .name = "unit_code", .type = VJ_FORM, .form = &vj_form_id, .offset = VALUE(record, unit_code) }, \
    { .name = "qualitative", .type = VJ_LAB, .offset = VALUE(record, text) }, \
    { .name = "qualitative_code", .type = VJ_FORM, .form = &vj_form_id, .offset = VALUE(record, code) }, \
    { .name = "qualitative_system", .type = VJ_LINE, .max = 200, .offset = VALUE(record, code_system) }, \
    { .name = "text", .type = VJ_CUSTOM, .custom = read_string_value, .offset = VALUE(record, text) }, \
    { .name = "absent", .type = VJ_CUSTOM, .custom = read_word, .choice = absences, .offset = VALUE(record, absent) }

static void finish_value(struct vj *r, const struct json_node *node, struct chart_value *value, const struct chart_place *at, bool needed)
{
    static const struct { const char *name; enum chart_value_type type; } kinds[] = {
        { "number", CHART_QUANTITY }, { "qualitative", CHART_QUALITATIVE }, { "text", CHART_STRING }, { "absent", CHART_ABSENT },
    };
    const char *first = NULL;
    value->at = at;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct json_node *given = json_get(node, kinds[i].name);
        if (!vj_given(given))
            continue;
        if (first != NULL)
            vj_error(r, MSG_CHART_NOT_BOTH, given, first, kinds[i].name);
        first = kinds[i].name;
        value->type = kinds[i].type;
        value->at = vj_place(r, given);
    }
    if (first == NULL && needed)
        vj_error(r, MSG_CHART_ONE_OF, node, "value", "number, qualitative, text, absent");
    if (value->type != CHART_QUANTITY && (value->comparator.text != NULL || value->unit.text != NULL || value->unit_code.text != NULL))
        vj_error(r, MSG_CHART_ONE_OF, node, "comparator, unit, unit_code", "number");
    if (value->type != CHART_QUALITATIVE && value->code.text != NULL)
        vj_error(r, MSG_CHART_ONE_OF, vj_spot(node, "qualitative_code"), "qualitative_code", "qualitative");
    if ((value->code.text == NULL) != (value->code_system.text == NULL))
        vj_error(r, MSG_CHART_ONE_OF, node, "qualitative_code, qualitative_system", "両方または省略 (both or neither)");
}

/* ---- items ------------------------------------------------------------------------------------------------------------------------------- */

static const struct vj_member range_members[] = {
    { .name = "low", .type = VJ_DECIMAL, .offset = offsetof(struct chart_range, low) },
    { .name = "high", .type = VJ_DECIMAL, .offset = offsetof(struct chart_range, high) },
    { .name = "unit", .type = VJ_LAB, .max = 100, .offset = offsetof(struct chart_range, unit) },
    { .name = "text", .type = VJ_LAB, .offset = offsetof(struct chart_range, text) },
    { 0 }
};

/* obs-3: a range has at least a low, a high or a text */
static void finish_range(struct vj *r, const struct json_node *node, void *target)
{
    const struct chart_range *range = target;
    if (range->low.text == NULL && range->high.text == NULL && range->text.text == NULL)
        vj_error(r, MSG_CHART_ONE_OF, node, "ranges", "low, high, text");
}

static const struct vj_object range = { "range", sizeof(struct chart_range), AT(chart_range), range_members, finish_range };

static const struct vj_member specimen_members[] = {
    { .name = "name", .type = VJ_LAB, .rules = VJ_REQUIRED, .max = 200, .offset = offsetof(struct chart_specimen, name) },
    { .name = "code", .type = VJ_FORM, .form = &vj_form_digits3, .offset = offsetof(struct chart_specimen, code) },
    { .name = "collected", .type = VJ_TIME, .offset = offsetof(struct chart_specimen, collected) },
    { 0 }
};

const struct vj_object vj_specimen = { "specimen", sizeof(struct chart_specimen), AT(chart_specimen), specimen_members, NULL };

static const struct vj_choice lab_lists[] = { { "core", CHART_JLAC10_CORE }, { "infection", CHART_JLAC10_INFECTION }, { "general", CHART_JLAC10_GENERAL }, { 0 } };
static const struct vj_choice statuses[] = { { "final", CHART_FINAL }, { "preliminary", CHART_PRELIMINARY }, { "corrected", CHART_CORRECTED }, { "cancelled", CHART_CANCELLED }, { 0 } };
static const struct vj_choice interpretations[] = {
    { "H", CHART_HIGH }, { "L", CHART_LOW }, { "N", CHART_NORMAL }, { "HH", CHART_CRITICAL_HIGH }, { "LL", CHART_CRITICAL_LOW }, { "A", CHART_ABNORMAL },
    { "POS", CHART_POSITIVE }, { "NEG", CHART_NEGATIVE }, { "IND", CHART_INDETERMINATE }, { 0 }
};

/* Which of the lists the JLAC10 code beside it is of: checked here, put on the coding by finish_lab_item(). */
static void read_lab_list(struct vj *r, const struct vj_member *m, const struct json_node *node, void *target)
{
    (void)target;
    if (!vj_given(json_get(node->parent, "jlac10")))
        vj_error(r, MSG_CHART_ONE_OF, node, m->name, "jlac10");
    for (const struct vj_choice *c = lab_lists; c->name != NULL; c++)
        if (json_equals(node, c->name))
            return;
    vj_error(r, MSG_CHART_BAD_CHOICE, node, m->name, "core, infection, general");
}

static const struct vj_member lab_item_members[] = {
    { .name = "id", .type = VJ_FORM, .form = &vj_form_id, .offset = offsetof(struct chart_lab_item, id) },
    { .name = "name", .type = VJ_LAB, .rules = VJ_REQUIRED, .offset = offsetof(struct chart_lab_item, concept.text) },
    { .name = "local_code", .type = VJ_FORM, .form = &vj_form_ascii, .offset = offsetof(struct chart_lab_item, concept.local_code) },
    { .name = "local_material", .type = VJ_FORM, .form = &vj_form_ascii, .offset = offsetof(struct chart_lab_item, local_material) },
    { .name = "jlac10", .type = VJ_CODE, .system = CHART_JLAC10, .offset = CONCEPT(chart_lab_item) },
    { .name = "jlac10_list", .type = VJ_CUSTOM, .custom = read_lab_list },
    { .name = "standard_name", .type = VJ_DISPLAY, .offset = CONCEPT(chart_lab_item) },
    VALUE_MEMBERS(chart_lab_item),
    { .name = "interpretation", .type = VJ_CHOICE, .choice = interpretations, .offset = offsetof(struct chart_lab_item, interpretation) },
    { .name = "ranges", .type = VJ_LIST, .object = &range, .max = 10, .offset = offsetof(struct chart_lab_item, range), .count_offset = offsetof(struct chart_lab_item, range_count) },
    { .name = "specimen", .type = VJ_OBJECT, .object = &vj_specimen, .offset = offsetof(struct chart_lab_item, specimen) },
    { .name = "status", .type = VJ_CHOICE, .choice = statuses, .offset = offsetof(struct chart_lab_item, status) },
    { .name = "collected", .type = VJ_TIME, .offset = offsetof(struct chart_lab_item, collected) },
    { .name = "issued", .type = VJ_TIME, .offset = offsetof(struct chart_lab_item, issued) },
    { .name = "comment", .type = VJ_LAB_TEXT, .max = 4000, .offset = offsetof(struct chart_lab_item, comment) },
    { .name = "flags", .type = VJ_FLAGS, .max = CHART_LONG_TERM, .offset = offsetof(struct chart_lab_item, flags) },
    { 0 }
};

static void finish_lab_item(struct vj *r, const struct json_node *node, void *target)
{
    struct chart_lab_item *item = target;
    struct chart_concept *concept = &item->concept;
    const struct json_node *list = json_get(node, "jlac10_list");
    for (const struct vj_choice *c = lab_lists; concept->coding_count > 0 && c->name != NULL; c++)
        if (json_equals(list, c->name))
            concept->coding[0].system = (enum chart_system)c->value;
    vj_finish_concept(r, concept, node, json_get(node, "standard_name"));
    /* told of codes that are merely absent: one that is there but malformed has its own issue */
    if (!vj_given(json_get(node, "local_code")) && !vj_given(json_get(node, "jlac10")) && concept->text.text != NULL)
        vj_error(r, MSG_CHART_NO_CODE, node, concept->text.text, "local_code, jlac10");
    if (item->local_material.text != NULL && concept->local_code.text == NULL)
        vj_error(r, MSG_CHART_ONE_OF, vj_spot(node, "local_material"), "local_material", "local_code");
    finish_value(r, node, &item->value, item->at, true);
    vj_check_future(r, node, "collected", &item->collected);
    vj_check_future(r, node, "issued", &item->issued);
}

const struct vj_object vj_lab_item = { "lab item", sizeof(struct chart_lab_item), AT(chart_lab_item), lab_item_members, finish_lab_item };

/* ---- findings of a letter: a name and a value ------------------------------------------------------------------------------------------------ */

static const struct vj_member finding_members[] = {
    { .name = "id", .type = VJ_FORM, .form = &vj_form_id, .offset = offsetof(struct chart_finding, id) },
    { .name = "name", .type = VJ_LINE, .rules = VJ_REQUIRED, .offset = offsetof(struct chart_finding, concept.text) },
    { .name = "local_code", .type = VJ_FORM, .form = &vj_form_ascii, .offset = offsetof(struct chart_finding, concept.local_code) },
    VALUE_MEMBERS(chart_finding),
    { .name = "date", .type = VJ_TIME, .offset = offsetof(struct chart_finding, date) },
    { .name = "note", .type = VJ_TEXT, .max = 4000, .offset = offsetof(struct chart_finding, note) },
    { 0 }
};

static void finish_finding(struct vj *r, const struct json_node *node, void *target)
{
    struct chart_finding *finding = target;
    vj_finish_concept(r, &finding->concept, node, NULL);
    finish_value(r, node, &finding->value, finding->at, true);
    vj_check_future(r, node, "date", &finding->date);
}

const struct vj_object vj_finding = { "finding", sizeof(struct chart_finding), AT(chart_finding), finding_members, finish_finding };

/* ---- completing ---------------------------------------------------------------------------------------------------------------------------------- */

void vj_complete_lab(struct vj *r, const struct json_node *items, struct chart_lab_item *item, size_t count, const struct chart_specimen *specimen,
                     const struct chart_text *collected, const struct chart_text *issued)
{
    const struct json_node *node = items != NULL ? items->child : NULL;
    for (size_t i = 0; i < count && node != NULL; i++, node = node->next) {
        if (item[i].specimen == NULL)
            item[i].specimen = specimen;
        if (item[i].collected.text == NULL && item[i].specimen != NULL && item[i].specimen->collected.text != NULL)
            item[i].collected = item[i].specimen->collected;
        if (item[i].collected.text == NULL)
            item[i].collected = *collected;
        if (item[i].issued.text == NULL)
            item[i].issued = *issued;
        /* Observation.specimen and effective are 1..1 */
        if (item[i].specimen == NULL)
            vj_error(r, MSG_CHART_MISSING_MEMBER, node, "specimen", NULL);
        if (item[i].collected.text == NULL && !vj_given(json_get(node, "collected")))
            vj_error(r, MSG_CHART_MISSING_MEMBER, node, "collected", NULL);
    }
}
