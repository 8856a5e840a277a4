/*
 * vj_units.c - the units of a request: which message each becomes, and its chart.
 */
#include "adapters/vendor_json/vj.h"

#include "adapters/ready_bundle/ready_bundle.h"

#define AT(type) offsetof(struct type, at)
#define UNIT_ITEM(member) .offset = offsetof(struct vj_unit, member), .count_offset = offsetof(struct vj_unit, member##_count)

enum { LIST_MAX = 1000, LAB_ITEMS_MAX = 1000 };

/* ---- tables -------------------------------------------------------------------------------------------------------------------------------- */

static void read_attachment_name(struct vj *r, const struct vj_member *m, const struct json_node *node, void *target)
{
    (void)m;
    (void)r;
    ((struct vj_unit *)target)->attachment = node;
}

static const struct vj_member diseases_members[] = {
    VJ_UNIT_MEMBERS,
    VJ_UNIT_BUNDLE_ID,
    { .name = "items", .type = VJ_LIST, .object = &vj_disease, .max = LIST_MAX, .rules = VJ_REQUIRED, UNIT_ITEM(disease) },
    { 0 }
};

static const struct vj_member allergies_members[] = {
    VJ_UNIT_MEMBERS,
    VJ_UNIT_BUNDLE_ID,
    { .name = "items", .type = VJ_LIST, .object = &vj_allergy, .max = LIST_MAX, .rules = VJ_REQUIRED, UNIT_ITEM(allergy) },
    { 0 }
};

static const struct vj_member lab_members[] = {
    VJ_UNIT_MEMBERS,
    VJ_UNIT_KEY,
    VJ_UNIT_BUNDLE_ID,
    { .name = "order_number", .type = VJ_FORM, .form = &vj_form_id, .offset = offsetof(struct vj_unit, lab.order_number) },
    { .name = "collected", .type = VJ_TIME, .offset = offsetof(struct vj_unit, lab.collected) },
    { .name = "issued", .type = VJ_TIME, .offset = offsetof(struct vj_unit, lab.issued) },
    { .name = "requester", .type = VJ_OBJECT, .object = &vj_practitioner, .offset = offsetof(struct vj_unit, lab.requester) },
    { .name = "specimen", .type = VJ_OBJECT, .object = &vj_specimen, .offset = offsetof(struct vj_unit, specimen) },
    { .name = "comment", .type = VJ_LAB_TEXT, .max = 4000, .offset = offsetof(struct vj_unit, lab.comment) },
    { .name = "items", .type = VJ_LIST, .object = &vj_lab_item, .max = LAB_ITEMS_MAX, .rules = VJ_REQUIRED, .offset = offsetof(struct vj_unit, lab.item),
      .count_offset = offsetof(struct vj_unit, lab.item_count) },
    { 0 }
};

static const struct vj_member bundle_members[] = {
    { .name = "kind", .type = VJ_CUSTOM, .custom = vj_read_elsewhere },
    { .name = "operation", .type = VJ_CUSTOM, .custom = vj_read_elsewhere },
    VJ_UNIT_KEY,
    VJ_UNIT_BUNDLE_ID,
    { .name = "attachment", .type = VJ_CUSTOM, .custom = read_attachment_name, .rules = VJ_REQUIRED },
    { .name = "sign", .type = VJ_BOOL, .offset = offsetof(struct vj_unit, sign) },
    { .name = "signer", .type = VJ_FORM, .form = &vj_form_id, .offset = offsetof(struct vj_unit, signer) },
    { 0 }
};

static const struct vj_member cancel_members[] = {
    { .name = "kind", .type = VJ_CUSTOM, .custom = vj_read_elsewhere },
    { .name = "operation", .type = VJ_CUSTOM, .custom = vj_read_elsewhere },
    VJ_UNIT_KEY,
    VJ_UNIT_BUNDLE_ID,
    { 0 }
};

static const struct vj_object diseases_unit = { "diseases", sizeof(struct vj_unit), AT(vj_unit), diseases_members, NULL };
static const struct vj_object allergies_unit = { "allergies", sizeof(struct vj_unit), AT(vj_unit), allergies_members, NULL };
static const struct vj_object lab_unit = { "lab_report", sizeof(struct vj_unit), AT(vj_unit), lab_members, NULL };
static const struct vj_object bundle_unit = { "bundle", sizeof(struct vj_unit), AT(vj_unit), bundle_members, NULL };
static const struct vj_object cancel_unit = { "cancel", sizeof(struct vj_unit), AT(vj_unit), cancel_members, NULL };

static const struct vj_object *const content_units[CHART_KIND_COUNT] = {
    [CHART_DISEASES] = &diseases_unit, [CHART_ALLERGIES] = &allergies_unit, [CHART_LAB] = &lab_unit, [CHART_LETTER] = &vj_letter_unit,
};

/* ---- look ------------------------------------------------------------------------------------------------------------------------------------ */

static bool kind_of(const struct json_node *unit, struct adapter_look_unit *u)
{
    const struct json_node *kind = json_get(unit, "kind");
    if (json_equals(kind, "bundle")) {
        u->ready = true;
        return true;
    }
    return json_is(kind, JSON_STRING) && chart_kind_from_name(kind->text, kind->len, &u->kind) == 0;
}

static bool operation_of(const struct json_node *unit, struct adapter_look_unit *u)
{
    const struct json_node *operation = json_get(unit, "operation");
    u->operation = !u->ready && chart_kind_is_list(u->kind) ? ORDER_CURRENT : ORDER_REGISTER;
    if (!vj_given(operation))
        return true;
    return json_is(operation, JSON_STRING) && order_operation_from_name(operation->text, operation->len, &u->operation) == 0;
}

/* Summaries and check-ups come as ready Bundles, so of them only a cancel can be said in words; a ready Bundle says what it is itself. */
static bool fits(const struct adapter_look_unit *u)
{
    if (u->ready)
        return u->operation == ORDER_REGISTER || u->operation == ORDER_CHANGE;
    return u->operation == ORDER_CANCEL || content_units[u->kind] != NULL;
}

static int look_ready(struct vj *r, const struct json_node *unit, struct adapter_look_unit *u, struct err *e)
{
    const struct adapter_file *file = vj_file(r, json_get(unit, "attachment"));
    struct issue_list unheard;
    struct ready_facts facts;
    int code;
    u->incomplete = file == NULL;
    if (file == NULL)
        return 0;
    issues_init(&unheard, r->arena);
    if ((code = ready_bundle_facts(file->content, r->options, r->arena, &facts, &unheard, e)) < 0)
        return code;
    u->kind = facts.kind;
    u->valid = u->valid && facts.known && facts.bundle_id != NULL;
    u->bundle_id = facts.bundle_id;
    u->insured = facts.insured;
    u->chart_number = facts.chart_number;
    if (u->key == NULL && facts.known && chart_kind_is_list(facts.kind))
        u->key = facts.chart_number;
    return 0;
}

int vj_look_unit(struct vj *r, const struct json_node *unit, const struct chart_patient *patient, struct adapter_look_unit *ret_unit, struct err *e)
{
    struct adapter_look_unit u = { .kind = CHART_DISEASES };
    const struct json_node *items = json_get(unit, "items");
    int code = 0;
    u.valid = kind_of(unit, &u) && operation_of(unit, &u) && fits(&u);
    if (!u.ready && chart_kind_is_list(u.kind) && u.operation == ORDER_CURRENT && json_is(items, JSON_ARRAY) && items->count == 0) {
        u.emptied = true;
        u.operation = ORDER_CANCEL;
    }
    u.sign = json_is(json_get(unit, "sign"), JSON_TRUE);
    u.key = vj_given(json_get(unit, "key")) ? json_get_text(r->arena, unit, "key") : NULL;
    u.bundle_id = vj_given(json_get(unit, "bundle_id")) ? json_get_text(r->arena, unit, "bundle_id") : NULL;
    u.signer = vj_given(json_get(unit, "signer")) ? json_get_text(r->arena, unit, "signer") : NULL;
    u.chart_number = patient->number.text;
    u.insured = vj_insured(patient);
    if (u.ready)
        code = look_ready(r, unit, &u, e);
    else if (chart_kind_is_list(u.kind))
        u.key = u.chart_number;
    u.resource_type = chart_kind_resource(u.kind);
    if (code == 0)
        *ret_unit = u;
    return code;
}

static void name_of(const struct json_node *object, const char *member, void (*add)(void *context, const struct json_node *name), void *context)
{
    const struct json_node *name = json_get(object, member);
    if (vj_given(name) && vj_file_name_ok(name))
        add(context, name);
}

void vj_name_files(const struct json_node *root, void (*add)(void *context, const struct json_node *name), void *context)
{
    static const char *const lists[] = { "attachments", "sections/clinical_course/documents" };
    const struct json_node *units = json_get(root, "units");
    for (const struct json_node *unit = units != NULL ? units->child : NULL; unit != NULL; unit = unit->next) {
        name_of(unit, "attachment", add, context);
        name_of(json_get(unit, "cda"), "file", add, context);
        for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
            const struct json_node *list = json_path(unit, lists[i]);
            for (const struct json_node *item = json_is(list, JSON_ARRAY) ? list->child : NULL; item != NULL; item = item->next)
                name_of(item, "file", add, context);
        }
    }
}

/* ---- what a unit must name ---------------------------------------------------------------------------------------------------------------------- */

/* Says why vj_look_unit() could not make sense of it. */
static void explain_invalid(struct vj *r, const struct json_node *node)
{
    const struct json_node *kind = json_get(node, "kind"), *operation = json_get(node, "operation");
    struct adapter_look_unit u = { .kind = CHART_DISEASES };
    if (!json_is(node, JSON_OBJECT))
        vj_error(r, MSG_CHART_WRONG_TYPE, node, "units", "オブジェクト object");
    else if (!vj_given(kind))
        vj_error(r, MSG_CHART_MISSING_MEMBER, node, "kind", NULL);
    else if (!kind_of(node, &u))
        vj_error(r, MSG_CHART_BAD_CHOICE, kind, "kind", "diseases, allergies, lab_report, letter, bundle, patient_summary (cancel), checkup (cancel)");
    else if (!operation_of(node, &u))
        vj_error(r, MSG_CHART_BAD_CHOICE, operation, "operation", "register, change, cancel, current");
    else if (!fits(&u))
        vj_error(r, MSG_CHART_OPERATION, vj_spot(node, "operation"), json_dup(r->arena, kind), order_operation_name(u.operation));
}

static void check_names(struct vj *r, const struct json_node *node, const struct adapter_look_unit *frame, const struct vj_unit *unit)
{
    bool list = chart_kind_is_list(frame->kind), key = list ? frame->chart_number != NULL : unit->key.text != NULL;
    const struct json_node *named = json_get(node, "bundle_id");
    bool opens = frame->operation == ORDER_REGISTER || frame->operation == ORDER_CURRENT || frame->emptied;
    if (unit->bundle_id.text != NULL && !adapter_bundle_id_ok(unit->bundle_id.text, strlen(unit->bundle_id.text)))
        vj_error(r, MSG_CHART_BAD_FORM, named, "bundle_id", vj_form_bundle_id.wanted_ja);
    else if (unit->bundle_id.text != NULL && !adapter_institution_ok(r->options, unit->bundle_id.text, 10))
        vj_error(r, MSG_CHART_OTHER_INSTITUTION, named, arena_strndup(r->arena, unit->bundle_id.text, 10), NULL);
    if (list && vj_given(json_get(node, "key")))
        vj_error(r, MSG_CHART_NOT_BOTH, json_get(node, "key"), "key", chart_kind_name(frame->kind));
    if (opens && vj_given(named))
        vj_error(r, MSG_CHART_NOT_BOTH, named, "bundle_id", order_operation_name(frame->emptied ? ORDER_CURRENT : frame->operation));
    if (key || vj_given(json_get(node, "key")) || (!opens && vj_given(named)))
        return;
    vj_error(r, MSG_CHART_NO_KEY, node, list ? "patient.number" : opens ? "key" : "key, bundle_id", NULL);
}

static void check_insured(struct vj *r, const struct json_node *node, const struct adapter_look_unit *frame)
{
    const struct json_node *root = node->parent->parent, *patient = json_get(root, "patient");
    const struct json_node *spot = patient != NULL ? vj_spot(patient, "insurance") : root;
    /* a malformed insurance has been told already, at its own place */
    if (frame->insured == NULL && issues_ok(&r->order->issues))
        vj_error(r, frame->kind == CHART_LETTER ? MSG_CHART_NO_INSURED_LETTER : MSG_CHART_NO_INSURED, spot, NULL, NULL);
}

/* ---- read ------------------------------------------------------------------------------------------------------------------------------------------ */

static void finish_lists(struct vj *r, const struct json_node *node, const struct vj_unit *unit, enum chart_kind kind)
{
    const struct json_node *items = json_get(node, "items");
    const struct json_node *item = items != NULL ? items->child : NULL;
    if (json_is(items, JSON_ARRAY) && items->count == 0)
        vj_error(r, MSG_CHART_EMPTY_LIST, items, "items", NULL);
    for (size_t i = 0; kind == CHART_DISEASES && i < unit->disease_count && item != NULL; i++, item = item->next)
        vj_check_disease_list(r, item, &unit->disease[i]);
    for (size_t i = 0; kind == CHART_ALLERGIES && i < unit->allergy_count && item != NULL; i++, item = item->next)
        vj_check_allergy_list(r, item, &unit->allergy[i]);
}

static void finish_lab(struct vj *r, const struct json_node *node, struct vj_unit *unit)
{
    struct chart_lab_report *lab = &unit->lab;
    const struct json_node *items = json_get(node, "items");
    lab->at = unit->at;
    lab->number = unit->key;
    if (lab->requester == NULL)
        lab->requester = unit->practitioner;
    if (lab->requester == NULL)
        vj_error(r, MSG_CHART_MISSING_MEMBER, node, "requester", NULL);
    vj_check_future(r, node, "collected", &lab->collected);
    vj_check_future(r, node, "issued", &lab->issued);
    if (json_is(items, JSON_ARRAY) && items->count == 0)
        vj_error(r, MSG_CHART_EMPTY_LIST, items, "items", NULL);
    vj_complete_lab(r, items, lab->item, lab->item_count, unit->specimen, &lab->collected, &lab->issued);
}

static void need(struct vj *r, const struct json_node *node, const void *given, const char *name)
{
    if (given == NULL && !vj_given(json_get(node, name)))
        vj_error(r, MSG_CHART_MISSING_MEMBER, node, name, NULL);
}

static const struct chart *make_chart(struct vj *r, const struct json_node *node, const struct adapter_look_unit *frame, const struct chart *common, struct vj_unit *unit)
{
    struct chart *chart = vj_alloc(r, sizeof *chart);
    if (chart == NULL)
        return NULL;
    if (unit->department == NULL)
        unit->department = common->department;
    if (unit->practitioner == NULL)
        unit->practitioner = common->practitioner;
    if (unit->encounter == NULL)
        unit->encounter = common->encounter;
    *chart = *common;
    chart->at = unit->at;
    chart->kind = frame->kind;
    chart->department = unit->department;
    chart->practitioner = unit->practitioner;
    chart->encounter = unit->encounter;
    chart->disease = unit->disease;
    chart->disease_count = unit->disease_count;
    chart->allergy = unit->allergy;
    chart->allergy_count = unit->allergy_count;
    if (frame->kind != CHART_ALLERGIES)
        need(r, node, unit->department, "department");
    if (frame->kind == CHART_DISEASES || frame->kind == CHART_LAB)
        need(r, node, unit->encounter, "encounter");
    switch (frame->kind) {
    case CHART_LAB:
        finish_lab(r, node, unit);
        chart->lab = &unit->lab;
        break;
    case CHART_LETTER:
        vj_finish_letter(r, node, unit);
        chart->letter = &unit->letter;
        break;
    default: finish_lists(r, node, unit, frame->kind); break;
    }
    return chart;
}

/* Findings in the Bundle beside it: told at the name of the file, with the place inside as their location. */
static void retell(struct vj *r, const struct json_node *name, const struct issue_list *found)
{
    for (const struct issue *i = found->first; i != NULL; i = i->next) {
        struct issue *told = issues_add(r->issues, i->severity, i->msg, i->rule, i->arg1, i->arg2);
        char pointer[256];
        if (told == NULL)
            continue;
        json_pointer(name, pointer, sizeof pointer);
        told->pointer = arena_strdup(r->arena, pointer);
        told->location = i->pointer;
        told->offset = name->start;
        json_line_column(r->file.data, r->file.len, name->start, &told->line, &told->column);
    }
}

static int read_ready(struct vj *r, const struct json_node *node, const struct vj_unit *unit, struct order_unit *ret_unit, struct err *e)
{
    const struct json_node *name = unit->attachment;
    const struct adapter_file *file;
    struct issue_list found;
    struct ready_facts facts;
    struct order_attachment attachment = { .at = unit->at, .media_type = "application/fhir+json" };
    int code;
    if (name == NULL)
        return 0;
    if (!vj_file_name_ok(name)) {
        vj_error(r, MSG_CHART_ATTACHMENT_NAME, name, json_dup(r->arena, name), NULL);
        return 0;
    }
    file = vj_file(r, name);
    if (file == NULL) {
        vj_error(r, MSG_CHART_ATTACHMENT_MISSING, name, json_dup(r->arena, name), NULL);
        return 0;
    }
    issues_init(&found, r->arena);
    if ((code = ready_bundle_facts(file->content, r->options, r->arena, &facts, &found, e)) < 0)
        return code;
    retell(r, name, &found);
    if (unit->bundle_id.text != NULL && facts.bundle_id != NULL && strcmp(unit->bundle_id.text, facts.bundle_id) != 0)
        vj_error(r, MSG_READY_ID_DIFFERS, json_get(node, "bundle_id"), unit->bundle_id.text, facts.bundle_id);
    if (unit->sign && facts.is_signed)
        vj_error(r, MSG_READY_SIGN, json_get(node, "sign"), "signature", NULL);
    else if (unit->sign && facts.known && !chart_kind_is_document(facts.kind))
        vj_error(r, MSG_READY_SIGN, json_get(node, "sign"), chart_kind_name(facts.kind), NULL);
    ret_unit->ready = file->content;
    ret_unit->ready_name = json_dup(r->arena, name);
    ret_unit->ready_signed = facts.is_signed;
    attachment.name = ret_unit->ready_name;
    attachment.content = file->content;
    if (sha256_of(file->content.data, file->content.len, &attachment.digest) < 0)
        r->failed = true;
    vj_add_attachment(r, name, &attachment);
    return 0;
}

int vj_read_unit(struct vj *r, const struct json_node *node, const struct adapter_look_unit *frame, const struct chart *common, struct order_unit *ret_unit, struct err *e)
{
    struct vj_unit *unit = vj_alloc(r, sizeof *unit);
    bool cancel = frame->operation == ORDER_CANCEL && !frame->emptied;
    int code = 0;
    if (unit == NULL)
        return vj_nomem(e);
    r->issues = &ret_unit->issues;
    *ret_unit = (struct order_unit){ .at = vj_place(r, node), .kind = frame->kind, .operation = frame->operation, .emptied = frame->emptied, .key = frame->key,
                                     .chart_number = frame->chart_number, .bundle_id = frame->bundle_id, .insured = frame->insured, .sign = frame->sign,
                                     .signer = frame->signer, .issues = ret_unit->issues };
    if (frame->ready) {
        vj_read_object(r, &bundle_unit, node, unit);
        if (frame->operation == ORDER_CANCEL || frame->operation == ORDER_CURRENT)
            explain_invalid(r, node);
        code = read_ready(r, node, unit, ret_unit, e);
    } else if (!frame->valid) {
        explain_invalid(r, node);
    } else if (cancel) {
        vj_read_object(r, &cancel_unit, node, unit);
        check_names(r, node, frame, unit);
    } else {
        vj_read_object(r, content_units[frame->kind], node, unit);
        check_names(r, node, frame, unit);
        if (!frame->emptied) {
            check_insured(r, node, frame);
            ret_unit->chart = make_chart(r, node, frame, common, unit);
        }
    }
    if (code == 0 && (r->failed || ret_unit->issues.failed))
        return vj_nomem(e);
    return code;
}
