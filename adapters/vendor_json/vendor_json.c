/*
 * NAME
 *     vendor_json - the documented request format of docs/vendor-guide.md
 *
 * SYNOPSIS
 *     #include "adapters/adapter.h"
 *     vendor_json_ops.read(bytes, files, count, &options, arena, &order, &e);
 *
 * DESCRIPTION
 *     A request has a head (institution, patient and what else all units share) and units. The head is read once; its mistakes refuse every
 *     unit. Each unit is read by the table of its kind (vj_units.c) into its own list of issues, so that one bad unit holds back nobody
 *     unless all_or_none is set.
 *     look() reads the frame of each unit: kind, operation, keys, names of files. read() begins with the same frames, so the two agree.
 *
 * DIAGNOSTICS
 *     Issues with JSON pointer, line and column. Negative returns for memory only.
 */
#include "adapters/vendor_json/vj.h"

#include "base/timefmt.h"

#define DAY_MS ((int64_t)86400000)

struct head {
    const struct chart_place *at;
    struct chart_text request_id, version;
    bool all_or_none;
    const struct chart_institution *institution;
    const struct chart_department *department;
    const struct chart_patient *patient;
    const struct chart_practitioner *practitioner;
    const struct chart_encounter *encounter;
};

static void check_version(struct vj *r, const struct vj_member *m, const struct json_node *node, void *target)
{
    int64_t version = 0;
    (void)target;
    if (!json_is(node, JSON_NUMBER) || json_to_int64(node, &version) < 0 || version != 1)
        vj_error(r, MSG_CHART_BAD_CHOICE, node, m->name, "1");
}

#define HEAD(member) .offset = offsetof(struct head, member)

static const struct vj_member head_members[] = {
    { .name = "format_version", .type = VJ_CUSTOM, .custom = check_version },
    { .name = "request_id", .type = VJ_FORM, .form = &vj_form_id, HEAD(request_id) },
    { .name = "all_or_none", .type = VJ_BOOL, HEAD(all_or_none) },
    { .name = "institution", .type = VJ_OBJECT, .object = &vj_institution, .rules = VJ_REQUIRED, HEAD(institution) },
    { .name = "department", .type = VJ_OBJECT, .object = &vj_department, HEAD(department) },
    { .name = "patient", .type = VJ_OBJECT, .object = &vj_patient, .rules = VJ_NEEDED, HEAD(patient) },
    { .name = "practitioner", .type = VJ_OBJECT, .object = &vj_practitioner, HEAD(practitioner) },
    { .name = "encounter", .type = VJ_OBJECT, .object = &vj_encounter, HEAD(encounter) },
    { .name = "units", .type = VJ_CUSTOM, .custom = vj_read_elsewhere },
    { 0 }
};

static const struct vj_object head_object = { "request", sizeof(struct head), offsetof(struct head, at), head_members, NULL };

/* The day of wall time ms in Japan, "2026-11-21". */
static void day_of(int64_t ms, char ret_day[static 11])
{
    char text[TIME_TEXT_MAX];
    time_format_jst_ms(ms, text);
    memcpy(ret_day, text, 10);
    ret_day[10] = '\0';
}

static void start(struct vj *r, struct bytes file, const struct adapter_file *files, size_t file_count, const struct adapter_options *options, struct arena *arena)
{
    *r = (struct vj){ .file = file, .arena = arena, .options = options, .files = files, .file_count = file_count };
    if (options->now_ms == 0)
        return;
    /* one day of grace: the vendor's clock may be ahead */
    day_of(options->now_ms + DAY_MS, r->today);
    day_of(options->now_ms - 5 * 365 * DAY_MS - 2 * DAY_MS, r->five_years_ago);
}

static int parse(struct bytes file, struct arena *arena, const struct json_node **ret_root, struct issue_list *issues, struct err *e)
{
    struct json_limits limits = { .max_bytes = ADAPTER_FILE_MAX, .max_depth = 32, .max_nodes = 1000000 };
    struct err why = ERR_INIT;
    int code = json_parse(file.data, file.len, &limits, arena, ret_root, &why);
    if (code == 0 || why.code == ERR_NOMEM) {
        err_copy(e, &why);
        return code;
    }
    *ret_root = NULL;
    adapter_add_err(issues, &why);
    return 0;
}

/* Units of the request, or NULL with an issue. */
static const struct json_node *find_units(struct vj *r, const struct json_node *root)
{
    const struct json_node *units = json_get(root, "units");
    char limit[24];
    if (!json_is(root, JSON_OBJECT)) {
        vj_error(r, MSG_CHART_NOT_REQUEST, root, "{ … }", NULL);
        return NULL;
    }
    if (vj_given(units) && !json_is(units, JSON_ARRAY)) {
        vj_error(r, MSG_CHART_WRONG_TYPE, units, "units", "配列 array");
        return NULL;
    }
    if (!vj_given(units) || units->count == 0) {
        vj_error(r, MSG_CHART_NO_UNITS, vj_spot(root, "units"), NULL, NULL);
        return NULL;
    }
    if (units->count > ADAPTER_UNITS_MAX) {
        snprintf(limit, sizeof limit, "%d", ADAPTER_UNITS_MAX);
        vj_error(r, MSG_CHART_TOO_MANY, units, "units", limit);
        return NULL;
    }
    return units;
}

/* Frames of all units. The patient is read with nobody listening: read() tells what is wrong with him. */
static int look_units(struct vj *r, const struct json_node *root, const struct json_node *units, struct adapter_look_unit **ret_unit, struct err *e)
{
    struct adapter_look_unit *frames = arena_array(r->arena, units->count, sizeof *frames);
    struct issue_list unheard, *heard = r->issues;
    struct chart_patient *patient = arena_alloc(r->arena, sizeof *patient);
    const struct json_node *node = units->child;
    int code = 0;
    if (frames == NULL || patient == NULL)
        return vj_nomem(e);
    issues_init(&unheard, r->arena);
    r->issues = &unheard;
    if (json_is(json_get(root, "patient"), JSON_OBJECT))
        vj_read_object(r, &vj_patient, json_get(root, "patient"), patient);
    for (size_t i = 0; code == 0 && i < units->count; i++, node = node->next) {
        code = vj_look_unit(r, node, patient, &frames[i], e);
        r->building |= code == 0 && frames[i].valid && !frames[i].ready && frames[i].operation != ORDER_CANCEL;
    }
    r->issues = heard;
    if (code == 0)
        *ret_unit = frames;
    return code;
}

/* The vendor's own members; too much of them is the vendor's mistake. */
static int own_members(struct vj *r, const struct json_node *root, const char **ret_json, struct err *e)
{
    int code = adapter_own_members(root, r->file, r->arena, ret_json);
    if (code == ERR_LIMIT) {
        vj_error(r, MSG_CHART_TOO_LONG, root, "x-", "65536");
        return 0;
    }
    return code < 0 ? err_set(e, code, MSG_NOMEM, NULL, "vendor_json", NULL) : 0;
}

struct names { struct adapter_look *look; struct arena *arena; bool failed; };

static void add_name(void *context, const struct json_node *name)
{
    struct names *names = context;
    struct adapter_look *look = names->look;
    for (size_t i = 0; i < look->attachment_count; i++)
        if (json_equals(name, look->attachment[i]))
            return;
    if (look->attachment_count == ADAPTER_ATTACHMENTS_MAX)
        return;   /* read() refuses the request */
    look->attachment[look->attachment_count] = json_dup(names->arena, name);
    names->failed |= look->attachment[look->attachment_count] == NULL;
    look->attachment_count++;
}

static int look_request(struct vj *r, const struct json_node *root, struct adapter_look *look, struct err *e)
{
    const struct json_node *units, *institution = json_path(root, "institution/code");
    struct names names = { look, r->arena, false };
    int code = own_members(r, root, &look->x_json, e);
    if (code < 0)
        return code;
    if (vj_given(json_get(root, "request_id")))
        look->request_id = json_get_text(r->arena, root, "request_id");
    look->all_or_none = json_is(json_get(root, "all_or_none"), JSON_TRUE);
    if (vj_given(institution))
        look->institution = json_dup(r->arena, institution);
    /* said at once: what the units' keys mean in this facility is not that institution's business */
    if (look->institution != NULL && strlen(look->institution) == 10 && !adapter_institution_ok(r->options, look->institution, 10))
        vj_error(r, MSG_CHART_OTHER_INSTITUTION, institution, look->institution, NULL);
    units = find_units(r, root);
    if (units == NULL)
        return 0;
    look->attachment = arena_array(r->arena, ADAPTER_ATTACHMENTS_MAX, sizeof *look->attachment);
    if (look->attachment == NULL)
        return vj_nomem(e);
    vj_name_files(root, add_name, &names);
    code = look_units(r, root, units, &look->unit, e);
    look->unit_count = code == 0 ? units->count : 0;
    return names.failed ? vj_nomem(e) : code;
}

static int look(struct bytes file, const struct adapter_file *files, size_t file_count, const struct adapter_options *options,
                struct arena *arena, struct adapter_look **ret_look, struct issue_list *issues, struct err *e)
{
    struct adapter_look *result = arena_alloc(arena, sizeof *result);
    const struct json_node *root = NULL;
    struct vj r;
    int code;
    if (result == NULL)
        return vj_nomem(e);
    start(&r, file, files, file_count, options, arena);
    r.issues = issues;
    code = parse(file, arena, &root, issues, e);
    if (code == 0 && root != NULL)
        code = look_request(&r, root, result, e);
    if (code == 0 && (r.failed || issues->failed))
        code = vj_nomem(e);
    if (code == 0)
        *ret_look = result;
    return code;
}

/* ---- read ------------------------------------------------------------------------------------------------------------------------------------ */

static const char *unit_name(const struct order_unit *unit)
{
    return unit->key != NULL ? unit->key : unit->bundle_id;
}

/* The same thing asked twice in one file has no order that a vendor could mean. */
static void check_twice(struct vj *r, const struct json_node *units, struct order *order, const struct adapter_look_unit *frames)
{
    const struct json_node *node = units->child;
    for (size_t i = 0; i < order->unit_count; i++, node = node->next) {
        struct order_unit *unit = &order->unit[i];
        for (size_t k = 0; k < i; k++) {
            const struct order_unit *other = &order->unit[k];
            bool same = frames[i].valid && frames[k].valid && unit->kind == other->kind && unit_name(unit) != NULL && unit_name(other) != NULL
                        && strcmp(unit_name(unit), unit_name(other)) == 0 && (unit->operation == other->operation || chart_kind_is_list(unit->kind));
            if (!same)
                continue;
            r->issues = &unit->issues;
            vj_error(r, MSG_CHART_UNIT_TWICE, node, chart_kind_name(unit->kind), unit_name(unit));
            break;
        }
    }
}

static int read_units(struct vj *r, const struct json_node *units, const struct adapter_look_unit *frames, const struct chart *common, struct order *order, struct err *e)
{
    const struct json_node *node = units->child;
    int code = 0;
    order->unit = arena_array(r->arena, units->count, sizeof *order->unit);
    if (order->unit == NULL)
        return vj_nomem(e);
    order->unit_count = units->count;
    for (size_t i = 0; code == 0 && i < units->count; i++, node = node->next) {
        issues_init(&order->unit[i].issues, r->arena);
        code = vj_read_unit(r, node, &frames[i], common, &order->unit[i], e);
    }
    if (code == 0)
        check_twice(r, units, order, frames);
    for (size_t i = 0; i < order->unit_count; i++)
        if (!issues_ok(&order->unit[i].issues))
            order->unit[i].chart = NULL;
    return code;
}

static int read_request(struct vj *r, const struct json_node *root, struct order *order, struct err *e)
{
    const struct json_node *units = find_units(r, root), *code_node = json_path(root, "institution/code");
    struct adapter_look_unit *frames = NULL;
    struct head *head = arena_alloc(r->arena, sizeof *head);
    struct chart common = { .at = NULL };
    int code = head != NULL ? 0 : vj_nomem(e);
    if (code < 0 || !json_is(root, JSON_OBJECT))
        return code;
    if (units != NULL)
        code = look_units(r, root, units, &frames, e);
    if (code < 0)
        return code;
    vj_read_object(r, &head_object, root, head);
    order->request_id = head->request_id.text;
    order->all_or_none = head->all_or_none;
    if (head->institution != NULL) {
        order->institution = head->institution->code.text;
        vj_check_institution(r, code_node != NULL ? code_node : root, order->institution, true);
    }
    code = own_members(r, root, &order->x_json, e);
    if (code < 0)
        return code;
    common.institution = head->institution;
    common.department = head->department;
    common.patient = head->patient;
    common.practitioner = head->practitioner;
    common.encounter = head->encounter;
    if (units != NULL)
        code = read_units(r, units, frames, &common, order, e);
    r->issues = &order->issues;
    return code;
}

static int read_order(struct bytes file, const struct adapter_file *files, size_t file_count, const struct adapter_options *options,
                      struct arena *arena, struct order **ret_order, struct err *e)
{
    struct order *order = arena_alloc(arena, sizeof *order);
    const struct json_node *root = NULL;
    struct vj r;
    int code;
    if (order == NULL)
        return vj_nomem(e);
    start(&r, file, files, file_count, options, arena);
    issues_init(&order->issues, arena);
    r.order = order;
    r.issues = &order->issues;
    code = parse(file, arena, &root, &order->issues, e);
    if (code == 0 && root != NULL)
        code = read_request(&r, root, order, e);
    if (code == 0 && (r.failed || order->issues.failed))
        code = vj_nomem(e);
    if (code == 0)
        *ret_order = order;
    return code;
}

const struct adapter_ops vendor_json_ops = { "vendor_json", look, read_order };
