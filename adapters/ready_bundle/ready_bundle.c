/*
 * NAME
 *     ready_bundle - a bare FHIR Bundle as a request: one register, passed on unchanged
 *
 * SYNOPSIS
 *     #include "adapters/adapter.h"
 *     ready_bundle_ops.read(bytes, NULL, 0, &options, arena, &order, &e);
 *
 * DESCRIPTION
 *     Kind from meta.profile of the Bundle; of a chart Bundle (JP_Bundle_CLINS) from the type of its entries, which meta.tag must name. Bundle-ID
 *     from identifier. The bytes are lent to the order and never touched.
 *     A discharge summary is no unit of its own: it travels inside a letter.
 *
 * DIAGNOSTICS
 *     READY_NOT_BUNDLE, READY_KIND, READY_MIXED, READY_NO_ID, CHART_OTHER_INSTITUTION, CHART_TOO_LONG, CHART_NO_INSURED(_LETTER), and those of the
 *     JSON reader.
 */
#include "adapters/ready_bundle/ready_bundle.h"

#include "base/json_doc.h"

#define SYSTEM_TAG "http://jpfhir.jp/fhir/clins/CodeSystem/BundleResourceType_CS"
#define SYSTEM_MEMBER "http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID"
#define SYSTEM_PUBLIC_PAYER "http://jpfhir.jp/fhir/clins/Idsystem/JP_PublicPayer_memberID"
#define SYSTEM_CHART_NUMBER "urn:oid:1.2.392.100495.20.3.51.1"
#define PROFILE_BASE "http://jpfhir.jp/fhir/clins/StructureDefinition/"

enum { NUMBER_MAX = 64 };

struct reading {
    struct bytes file;
    const struct adapter_options *options;
    struct arena *arena;
    struct issue_list *issues;
    struct ready_facts facts;
};

static void issue_at(struct reading *r, enum msg_id msg, const struct json_node *node, const char *arg1, const char *arg2)
{
    char pointer[512];
    struct issue *issue = issues_add(r->issues, MSG_ERROR, msg, NULL, arg1, arg2);
    if (issue == NULL)
        return;
    json_pointer(node, pointer, sizeof pointer);
    issue->pointer = arena_strdup(r->arena, pointer);
    issue->offset = node->start;
    json_line_column(r->file.data, r->file.len, node->start, &issue->line, &issue->column);
}

static const struct json_node *spot(const struct json_node *node, const char *path)
{
    const struct json_node *found = json_path(node, path);
    return found != NULL ? found : node;
}

/* A profile's URL with or without |version. */
static bool is_profile(const struct json_node *node, const char *url)
{
    size_t len = strlen(url);
    return json_is(node, JSON_STRING) && node->len >= len && memcmp(node->text, url, len) == 0 && (node->len == len || node->text[len] == '|');
}

static int kind_of_type(const struct json_node *type, enum chart_kind *ret_kind)
{
    static const enum chart_kind kinds[] = { CHART_DISEASES, CHART_ALLERGIES, CHART_LAB };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!json_equals(type, chart_kind_resource(kinds[i])))
            continue;
        *ret_kind = kinds[i];
        return 0;
    }
    return ERR_NOTFOUND;
}

static const struct json_node *type_tag(const struct json_node *bundle)
{
    const struct json_node *tags = json_path(bundle, "meta/tag");
    for (const struct json_node *tag = tags != NULL ? tags->child : NULL; tag != NULL; tag = tag->next)
        if (json_equals(json_get(tag, "system"), SYSTEM_TAG))
            return json_get(tag, "code");
    return NULL;
}

/* One type beside the Patient, and the tag names it: mixing is an error that the package itself does not see. */
static void collection_kind(struct reading *r, const struct json_node *bundle)
{
    const struct json_node *entries = json_get(bundle, "entry"), *first = NULL, *tag = type_tag(bundle);
    for (const struct json_node *entry = entries != NULL ? entries->child : NULL; entry != NULL; entry = entry->next) {
        const struct json_node *type = json_path(entry, "resource/resourceType");
        if (!json_is(type, JSON_STRING) || json_equals(type, "Patient"))
            continue;
        if (first == NULL)
            first = type;
        if (!json_equals(type, json_dup(r->arena, first))) {
            issue_at(r, MSG_READY_MIXED, type, json_dup(r->arena, first), json_dup(r->arena, type));
            return;
        }
    }
    if (first == NULL)
        issue_at(r, MSG_READY_KIND, spot(bundle, "entry"), "entry", NULL);
    else if (tag != NULL && json_is(tag, JSON_STRING) && !json_equals(first, json_dup(r->arena, tag)))
        issue_at(r, MSG_READY_MIXED, tag, json_dup(r->arena, tag), json_dup(r->arena, first));
    else if (kind_of_type(first, &r->facts.kind) < 0)
        issue_at(r, MSG_READY_KIND, first, json_dup(r->arena, first), NULL);
    else
        r->facts.known = true;
}

static void find_kind(struct reading *r, const struct json_node *bundle)
{
    static const struct { const char *url; enum chart_kind kind; } documents[] = {
        { PROFILE_BASE "JP_Bundle_eReferral", CHART_LETTER },
        { PROFILE_BASE "JP_Bundle_ePCS", CHART_PATIENT_SUMMARY },
        { PROFILE_BASE "JP_Bundle_eCheckupGeneral", CHART_CHECKUP },
    };
    const struct json_node *profiles = json_path(bundle, "meta/profile");
    const struct json_node *first = profiles != NULL ? profiles->child : NULL;
    for (const struct json_node *p = first; p != NULL; p = p->next) {
        if (is_profile(p, PROFILE_BASE "JP_Bundle_CLINS")) {
            collection_kind(r, bundle);
            return;
        }
        for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
            if (!is_profile(p, documents[i].url))
                continue;
            r->facts.kind = documents[i].kind;
            r->facts.known = true;
            return;
        }
    }
    issue_at(r, MSG_READY_KIND, spot(bundle, "meta/profile"), first != NULL ? json_dup(r->arena, first) : "meta.profile", NULL);
}

static void find_id(struct reading *r, const struct json_node *bundle)
{
    const struct json_node *value = json_path(bundle, "identifier/value");
    if (!json_is(value, JSON_STRING) || !adapter_bundle_id_ok(value->text, value->len)) {
        issue_at(r, MSG_READY_NO_ID, spot(bundle, "identifier"), json_is(value, JSON_STRING) ? json_dup(r->arena, value) : "-", NULL);
        return;
    }
    r->facts.bundle_id = json_dup(r->arena, value);
    r->facts.institution = arena_strndup(r->arena, value->text, 10);
    if (!adapter_institution_ok(r->options, value->text, 10))
        issue_at(r, MSG_CHART_OTHER_INSTITUTION, value, r->facts.institution, NULL);
}

/* Value of an identifier that goes into request and store. */
static const char *identifier_value(struct reading *r, const struct json_node *identifier)
{
    const struct json_node *value = json_get(identifier, "value");
    if (!json_is(value, JSON_STRING) || value->len <= NUMBER_MAX)
        return json_get_text(r->arena, identifier, "value");
    issue_at(r, MSG_CHART_TOO_LONG, value, "identifier.value", "64");
    return NULL;
}

static void read_patient(struct reading *r, const struct json_node *patient)
{
    const struct json_node *identifiers = json_get(patient, "identifier");
    const char *public_payer = NULL;
    for (const struct json_node *i = identifiers != NULL ? identifiers->child : NULL; i != NULL; i = i->next) {
        const struct json_node *system = json_get(i, "system");
        if (json_equals(system, SYSTEM_MEMBER))
            r->facts.insured = identifier_value(r, i);
        else if (json_equals(system, SYSTEM_PUBLIC_PAYER))
            public_payer = identifier_value(r, i);
        else if (json_is(system, JSON_STRING) && system->len >= sizeof SYSTEM_CHART_NUMBER - 1 && memcmp(system->text, SYSTEM_CHART_NUMBER, sizeof SYSTEM_CHART_NUMBER - 1) == 0)
            r->facts.chart_number = identifier_value(r, i);
    }
    if (r->facts.insured == NULL)
        r->facts.insured = public_payer;
}

static void find_patient(struct reading *r, const struct json_node *bundle)
{
    const struct json_node *entries = json_get(bundle, "entry");
    for (const struct json_node *entry = entries != NULL ? entries->child : NULL; entry != NULL; entry = entry->next) {
        const struct json_node *resource = json_get(entry, "resource");
        if (!json_equals(json_get(resource, "resourceType"), "Patient"))
            continue;
        read_patient(r, resource);
        break;
    }
    if (r->facts.known && r->facts.insured == NULL)
        issue_at(r, r->facts.kind == CHART_LETTER ? MSG_CHART_NO_INSURED_LETTER : MSG_CHART_NO_INSURED, spot(bundle, "entry"), NULL, NULL);
}

int ready_bundle_facts(struct bytes bundle, const struct adapter_options *options, struct arena *arena, struct ready_facts *ret_facts, struct issue_list *issues, struct err *e)
{
    struct reading r = { .file = bundle, .options = options, .arena = arena, .issues = issues };
    struct err why = ERR_INIT;
    const struct json_node *root;
    if (json_parse(bundle.data, bundle.len, NULL, arena, &root, &why) < 0) {
        if (why.code == ERR_NOMEM)
            return err_copy(e, &why), why.code;
        adapter_add_err(issues, &why);
    } else if (!json_equals(json_get(root, "resourceType"), "Bundle")) {
        issue_at(&r, MSG_READY_NOT_BUNDLE, spot(root, "resourceType"), "resourceType", NULL);
    } else {
        r.facts.is_signed = json_get(root, "signature") != NULL;
        find_kind(&r, root);
        find_id(&r, root);
        find_patient(&r, root);
    }
    if (issues->failed)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "ready_bundle", NULL);
    *ret_facts = r.facts;
    return 0;
}

/* ---- the adapter ------------------------------------------------------------------------------------------------------------------------- */

/* The two lists have the patient as their unit, everything else its Bundle-ID. */
static const char *unit_key(const struct ready_facts *facts)
{
    return facts->known && chart_kind_is_list(facts->kind) ? facts->chart_number : NULL;
}

static int look(struct bytes file, const struct adapter_file *files, size_t file_count, const struct adapter_options *options,
                struct arena *arena, struct adapter_look **ret_look, struct issue_list *issues, struct err *e)
{
    struct adapter_look *result = arena_alloc(arena, sizeof *result);
    struct adapter_look_unit *unit = arena_alloc(arena, sizeof *unit);
    struct ready_facts facts;
    int r;
    (void)files;
    (void)file_count;
    if (result == NULL || unit == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "ready_bundle", NULL);
    if ((r = ready_bundle_facts(file, options, arena, &facts, issues, e)) < 0)
        return r;
    *unit = (struct adapter_look_unit){ .kind = facts.kind, .operation = ORDER_REGISTER, .valid = facts.known && facts.bundle_id != NULL, .ready = true,
                                        .key = unit_key(&facts), .chart_number = facts.chart_number, .bundle_id = facts.bundle_id,
                                        .insured = facts.insured, .resource_type = chart_kind_resource(facts.kind) };
    *result = (struct adapter_look){ .institution = facts.institution, .unit = unit, .unit_count = 1 };
    *ret_look = result;
    return 0;
}

static int read_order(struct bytes file, const struct adapter_file *files, size_t file_count, const struct adapter_options *options,
                      struct arena *arena, struct order **ret_order, struct err *e)
{
    struct order *order = arena_alloc(arena, sizeof *order);
    struct order_unit *unit = arena_alloc(arena, sizeof *unit);
    struct chart_place *at = arena_alloc(arena, sizeof *at);
    struct ready_facts facts;
    int r;
    (void)files;
    (void)file_count;
    if (order == NULL || unit == NULL || at == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "ready_bundle", NULL);
    issues_init(&order->issues, arena);
    issues_init(&unit->issues, arena);
    if ((r = ready_bundle_facts(file, options, arena, &facts, &unit->issues, e)) < 0)
        return r;
    *at = (struct chart_place){ "", 0, 1, 1 };
    unit->at = at;
    unit->kind = facts.kind;
    unit->operation = ORDER_REGISTER;
    unit->key = unit_key(&facts);
    unit->chart_number = facts.chart_number;
    unit->bundle_id = facts.bundle_id;
    unit->insured = facts.insured;
    unit->ready = file;
    unit->ready_signed = facts.is_signed;
    order->institution = facts.institution;
    order->unit = unit;
    order->unit_count = 1;
    *ret_order = order;
    return 0;
}

const struct adapter_ops ready_bundle_ops = { "ready_bundle", look, read_order };
