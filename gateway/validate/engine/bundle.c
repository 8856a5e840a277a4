/*
 * NAME
 *     bundle - what holds between the entries of a Bundle and no invariant says
 *
 * DESCRIPTION
 *     Links by Bundle type, the first entry of documents and messages, entries that nothing links to a document's Composition, fullUrls, search results.
 *     Linear in the number of entries: links are found by hash (references.c) and joined by union-find.
 *     The HL7 reference counts some entries from one instead of zero and names the first entry where another is meant; with `--reading hl7` the place is given as there,
 *     with `--reading service` as it is.
 *
 * DIAGNOSTICS
 *     VALIDATE_FIRST_ENTRY, _NO_ENTRIES, _UNREACHABLE, _UNRESOLVED, _FULLURL_NEEDED, _FULLURL_OTHER, _LINK, _LINK_TWICE, _SEARCH_NO_RESOURCE, _SEARCH_NO_ID, _SEARCH_MODE.
 */
#include "validate/engine/engine.h"

#include <string.h>

#include "validate/engine/formats.h"

enum { SECTION_DEPTH = 32, TYPES_MAX = 16 };

struct bundle {
    struct engine *e;
    const struct place *at;
    const struct json_node *entries, *composition;
    struct bytes type;
    const struct json_node **entry;     /* by position */
    uint32_t *group;
    uint32_t count;
};

static const struct bytes nothing = { NULL, 0 };

static const struct json_node *first_of(const struct json_node *array)
{
    return json_is(array, JSON_ARRAY) ? array->child : NULL;
}

static bool type_is_one_of(const struct bundle *b, const char *const *list)
{
    for (; *list != NULL; list++)
        if (format_is(b->type, *list))
            return true;
    return false;
}

/* Where the reference says that entry i is, for the rules in which it counts from one. */
static int32_t counted(const struct bundle *b, size_t i)
{
    return (int32_t)i + (b->e->request->reading == VALIDATE_HL7 ? 1 : 0);
}

static void report_entry(const struct bundle *b, int32_t index, const struct json_node *entry, enum msg_severity severity, enum msg_id msg, struct bytes arg1, struct bytes arg2)
{
    struct place place = engine_child(b->at, "entry", index, entry);

    engine_report_bytes(b->e, &place, entry, severity, msg, NULL, arg1, arg2);
}

/* ---- Bundle.link ---- */

static void check_link(const struct bundle *b, const struct json_node *list, const struct json_node *link, int32_t index)
{
    static const char *const searching[] = { "searchset", "history", NULL }, *const paging[] = { "first", "previous", "next", "last", NULL };
    struct place place = engine_child(b->at, "link", index, link), relation = engine_child(&place, "relation", NO_INDEX, json_get(link, "relation"));
    struct bytes name = format_member(link, "relation");
    bool search = type_is_one_of(b, searching), pages = false;

    for (size_t i = 0; paging[i] != NULL; i++)
        pages |= name.data != NULL && format_is(name, paging[i]);
    if (name.data == NULL)
        return;
    if (pages && !search)
        engine_report_bytes(b->e, &relation, NULL, MSG_ERROR, MSG_VALIDATE_LINK, NULL, name, b->type);
    if (!format_is(name, "self") && !(pages && search))
        return;
    for (const struct json_node *n = list->child; n != link; n = n->next)
        if (json_equals(json_get(n, "relation"), format_is(name, "self") ? "self" : "") || (pages && format_member(n, "relation").len == name.len && memcmp(format_member(n, "relation").data, name.data, name.len) == 0)) {
            engine_report_bytes(b->e, search ? &place : &relation, NULL, MSG_ERROR, MSG_VALIDATE_LINK_TWICE, NULL, name, nothing);
            return;
        }
}

static void check_links(const struct bundle *b)
{
    const struct json_node *list = json_get(b->at->node, "link");
    int32_t i = 0;

    for (const struct json_node *n = first_of(list); n != NULL && i < 1000; n = n->next, i++)
        check_link(b, list, n, i);
}

/* ---- documents and messages ---- */

/* A reference of the Composition must lead to an entry. */
static void check_resolves(const struct bundle *b, const struct place *at, const struct json_node *reference)
{
    struct bytes text = format_member(reference, "reference");
    struct reference_target target;

    if (text.data == NULL || text.data[0] == '#')
        return;
    target = references_find(b->e, b->composition, text);
    if (target.entry == NULL) {
        struct place place = engine_child(at, "reference", NO_INDEX, json_get(reference, "reference"));

        engine_report_bytes(b->e, b->e->request->reading == VALIDATE_HL7 ? &place : at, place.node, MSG_ERROR, MSG_VALIDATE_UNRESOLVED, NULL, text, nothing);
    }
}

static void check_member(const struct bundle *b, const struct place *at, const char *name)
{
    const struct json_node *member = json_get(at->node, name);
    int32_t i = 0;

    if (json_is(member, JSON_OBJECT)) {
        struct place place = engine_child(at, name, NO_INDEX, member);

        check_resolves(b, &place, member);
    }
    for (const struct json_node *n = first_of(member); n != NULL; n = n->next, i++) {
        struct place place = engine_child(at, name, counted(b, (size_t)i), n);

        check_resolves(b, &place, n);
    }
}

static void check_members_of(const struct bundle *b, const struct place *at, const char *name, const char *inner)
{
    int32_t i = 0;

    for (const struct json_node *n = first_of(json_get(at->node, name)); n != NULL; n = n->next, i++) {
        struct place place = engine_child(at, name, counted(b, (size_t)i), n);

        check_member(b, &place, inner);
    }
}

static void check_sections(const struct bundle *b, const struct place *at, int depth)
{
    int32_t i = 0;

    for (const struct json_node *n = depth < SECTION_DEPTH ? first_of(json_get(at->node, "section")) : NULL; n != NULL; n = n->next, i++) {
        struct place section = engine_child(at, "section", counted(b, (size_t)i), n), owner = *at;

        owner.node = n;
        check_member(b, b->e->request->reading == VALIDATE_HL7 ? &owner : &section, "author");
        check_member(b, b->e->request->reading == VALIDATE_HL7 ? &owner : &section, "focus");
        check_member(b, &section, "entry");
        check_sections(b, &section, depth + 1);
    }
}

static void check_composition(const struct bundle *b, const struct place *composition)
{
    check_member(b, composition, "subject");
    check_member(b, composition, "author");
    check_member(b, composition, "encounter");
    check_member(b, composition, "custodian");
    check_members_of(b, composition, "attester", "party");
    check_members_of(b, composition, "event", "detail");
    check_sections(b, composition, 0);
}

/* ---- which entries hang together? ---- */

static uint32_t group_of(const struct bundle *b, uint32_t i)
{
    while (b->group[i] != i) {
        b->group[i] = b->group[b->group[i]];
        i = b->group[i];
    }
    return i;
}

static void join(const struct bundle *b, uint32_t i, uint32_t j)
{
    uint32_t a = group_of(b, i), c = group_of(b, j);

    b->group[a > c ? a : c] = a > c ? c : a;
}

/* Position of an entry: they lie in the file in order. */
static uint32_t position_of(const struct bundle *b, const struct json_node *entry)
{
    uint32_t low = 0, high = b->count;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (b->entry[middle]->start <= entry->start)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static bool is_absolute(const struct json_node *n)
{
    struct bytes text = { n->text, n->len };

    return format_begins(text, "http:") || format_begins(text, "https:") || format_begins(text, "urn:");
}

static void join_linked(const struct bundle *b, uint32_t i)
{
    const struct json_node *top = json_get(b->entry[i], "resource");
    bool bundle = json_equals(json_get(top, "resourceType"), "Bundle");   /* whose texts lead to its own entries first */

    for (const struct json_node *n = top; n != NULL; n = engine_next_node(n, top)) {
        struct reference_target target;

        if (n->type != JSON_STRING || n->len == 0 || n->text[0] == '#' || !engine_may_link(b->e, n) || (!bundle && is_absolute(n) && !references_has_url(b->e, b->at->node, (struct bytes){ n->text, n->len })))
            continue;
        target = references_find(b->e, top, (struct bytes){ n->text, n->len });
        if (target.resource != NULL && target.entry != NULL && target.entry->parent == b->entries)
            join(b, i, position_of(b, target.entry));
    }
}

/* Entries that no chain of references joins with the first resource; a style sheet is joined by the Bundle's own link. */
static void check_joined(const struct bundle *b, bool message)
{
    uint32_t first = 0, resources = 0;

    while (first < b->count && !json_is(json_get(b->entry[first], "resource"), JSON_OBJECT))
        first++;
    for (uint32_t i = first; i < b->count; i++)
        if (json_is(json_get(b->entry[i], "resource"), JSON_OBJECT))
            join_linked(b, i);
    for (const struct json_node *n = first_of(json_get(b->at->node, "link")); n != NULL && first < b->count; n = n->next) {
        struct bytes url = format_member(n, "url");
        struct reference_target target;

        if (!json_equals(json_get(n, "relation"), "stylesheet") || url.data == NULL)
            continue;
        target = references_find(b->e, json_get(b->entry[first], "resource"), url);
        if (target.entry != NULL && target.entry->parent == b->entries)
            join(b, first, position_of(b, target.entry));
    }
    for (uint32_t i = first; i < b->count; i++) {
        if (!json_is(json_get(b->entry[i], "resource"), JSON_OBJECT))
            continue;
        resources++;
        if (group_of(b, i) != group_of(b, first))
            report_entry(b, b->e->request->reading == VALIDATE_HL7 ? (int32_t)resources : (int32_t)i, b->entry[i], message ? MSG_WARNING : MSG_ERROR, MSG_VALIDATE_UNREACHABLE,
                         format_member(b->entry[i], "fullUrl"), nothing);
    }
}

static void check_first(struct bundle *b, bool message)
{
    const struct json_node *first = json_get(b->entry[0], "resource");
    const char *wanted = message ? "MessageHeader" : "Composition";
    struct place entry = engine_child(b->at, "entry", counted(b, 0), b->entry[0]), resource;

    if (!json_is(first, JSON_OBJECT)) {
        report_entry(b, 0, b->entry[0], MSG_ERROR, MSG_VALIDATE_FIRST_ENTRY, (struct bytes){ wanted, strlen(wanted) }, nothing);
        if (!message)
            check_joined(b, false);
        return;
    }
    resource = engine_child(&entry, "resource", NO_INDEX, first);
    b->composition = first;
    if (!json_equals(json_get(first, "resourceType"), wanted))
        engine_report_bytes(b->e, &resource, first, MSG_ERROR, MSG_VALIDATE_FIRST_ENTRY, NULL, (struct bytes){ wanted, strlen(wanted) }, nothing);
    else if (message)
        check_member(b, &resource, "focus");
    else
        check_composition(b, &resource);
    check_joined(b, message);
}

/* ---- search results ---- */

/* The types that the search was for, out of its own link: "[base]/Type?..." or "_type=A,B". */
static size_t searched_types(const struct bundle *b, struct bytes *ret_types)
{
    struct bytes url = nothing, path;
    const char *mark, *slash;
    size_t count = 0;

    for (const struct json_node *n = first_of(json_get(b->at->node, "link")); n != NULL && url.data == NULL; n = n->next)
        if (json_equals(json_get(n, "relation"), "self"))
            url = format_member(n, "url");
    if (url.data == NULL)
        return 0;
    mark = memchr(url.data, '?', url.len);
    path = (struct bytes){ url.data, mark != NULL ? (size_t)(mark - url.data) : url.len };
    slash = memrchr(path.data, '/', path.len);
    if (slash != NULL)
        path = (struct bytes){ slash + 1, path.len - (size_t)(slash + 1 - path.data) };
    if (image_find_type(b->e->image, path.data, path.len) != 0) {
        ret_types[count++] = path;
    } else if (mark != NULL && (slash = memmem(mark, url.len - (size_t)(mark - url.data), "_type=", 6)) != NULL) {
        const char *at = slash + 6, *end = url.data + url.len;

        while (at < end && count < TYPES_MAX) {
            size_t len = 0;

            while (at + len < end && at[len] != ',' && at[len] != '&')
                len++;
            ret_types[count++] = (struct bytes){ at, len };
            if (at + len == end || at[len] == '&')
                break;
            at += len + 1;
        }
    }
    return count;
}

static void check_found(const struct bundle *b, int32_t i, const struct json_node *entry, const struct bytes *types, size_t type_count)
{
    const struct json_node *resource = json_get(entry, "resource");
    struct bytes mode = format_member(json_get(entry, "search"), "mode"), type = format_member(resource, "resourceType");
    struct place at = engine_child(b->at, "entry", i, entry), place = engine_child(&at, "resource", NO_INDEX, resource);
    bool wanted = type_count == 0;

    if (!json_is(resource, JSON_OBJECT)) {
        report_entry(b, i, entry, MSG_ERROR, MSG_VALIDATE_SEARCH_NO_RESOURCE, nothing, nothing);
        return;
    }
    if (mode.data == NULL)
        return;
    for (size_t k = 0; k < type_count; k++)
        wanted |= types[k].len == type.len && type.len > 0 && memcmp(types[k].data, type.data, type.len) == 0;
    if (format_is(mode, "match") || format_is(mode, "include")) {
        if (json_get(resource, "id") == NULL)
            engine_report_bytes(b->e, &place, resource, MSG_ERROR, MSG_VALIDATE_SEARCH_NO_ID, NULL, nothing, nothing);
        if (format_is(mode, "match") && !wanted)
            engine_report_bytes(b->e, &place, resource, MSG_ERROR, MSG_VALIDATE_SEARCH_MODE, NULL, type, mode);
    } else if (!format_is(type, "OperationOutcome")) {
        engine_report_bytes(b->e, &place, resource, MSG_ERROR, MSG_VALIDATE_SEARCH_MODE, NULL, type, mode);
    }
}

static void check_search(const struct bundle *b)
{
    struct bytes types[TYPES_MAX];
    size_t count = searched_types(b, types);

    for (uint32_t i = 0; i < b->count; i++)
        check_found(b, (int32_t)i, b->entry[i], types, count);
}

/* ---- all Bundles ---- */

/* Does anything in the resource refer to another one? Then the base of its address must be known. */
static bool refers(const struct json_node *resource)
{
    for (const struct json_node *n = resource; n != NULL; n = engine_next_node(n, resource))
        if (n->type == JSON_STRING && n->len > 0 && n->text[0] != '#' && json_key_is(n, "reference"))
            return true;
    return false;
}

/* A resource that has a URL of its own is not meant by it, unless this is its place on a server. */
static void check_full_url(const struct bundle *b, int32_t i, const struct json_node *entry)
{
    static const char *const answers[] = { "transaction-response", "batch-response", NULL }, *const requests[] = { "transaction", "batch", NULL };
    const struct json_node *resource = json_get(entry, "resource");
    struct bytes full_url = format_member(entry, "fullUrl"), url = format_member(resource, "url"), id = format_member(resource, "id");

    if (json_get(entry, "fullUrl") == NULL && !type_is_one_of(b, answers) && (!type_is_one_of(b, requests) || refers(resource)))
        report_entry(b, i, entry, MSG_ERROR, MSG_VALIDATE_FULLURL_NEEDED, nothing, nothing);
    if (url.data != NULL && full_url.len == url.len && memcmp(url.data, full_url.data, url.len) == 0 && !format_begins(url, "http://hl7.org/fhir/v3/")
        && !format_begins(url, "http://hl7.org/fhir/v2/")
        && !(id.len > 0 && url.len > id.len && url.data[url.len - id.len - 1] == '/' && memcmp(url.data + url.len - id.len, id.data, id.len) == 0))
        report_entry(b, b->e->request->reading == VALIDATE_HL7 ? 0 : i, entry, MSG_ERROR, MSG_VALIDATE_FULLURL_OTHER, full_url, nothing);
}

static bool list_entries(struct bundle *b)
{
    b->count = json_is(b->entries, JSON_ARRAY) ? b->entries->count : 0;
    b->entry = arena_array(b->e->arena, (size_t)b->count + 1, sizeof *b->entry);
    b->group = arena_array(b->e->arena, (size_t)b->count + 1, sizeof *b->group);
    if (b->entry == NULL || b->group == NULL) {
        b->e->failed = true;
        return false;
    }
    b->count = 0;
    for (const struct json_node *n = first_of(b->entries); n != NULL; n = n->next) {
        b->group[b->count] = b->count;
        b->entry[b->count++] = n;
    }
    return true;
}

void bundle_check(struct engine *e, const struct place *at)
{
    struct bundle b = { .e = e, .at = at, .entries = json_get(at->node, "entry"), .type = format_member(at->node, "type") };
    bool document = b.type.data != NULL && format_is(b.type, "document"), message = b.type.data != NULL && format_is(b.type, "message");

    if (b.type.data == NULL)
        b.type = (struct bytes){ "", 0 };
    if (!list_entries(&b))
        return;
    check_links(&b);
    if (b.count == 0) {
        if (document || message)
            engine_report(e, at, NULL, MSG_ERROR, MSG_VALIDATE_NO_ENTRIES, NULL, NULL, NULL, NULL);
        return;
    }
    if (document || message)
        check_first(&b, message);
    else if (format_is(b.type, "searchset"))
        check_search(&b);
    for (uint32_t i = 0; i < b.count; i++)
        check_full_url(&b, (int32_t)i, b.entry[i]);
}
