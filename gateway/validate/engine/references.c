/*
 * NAME
 *     references - where does a reference lead, and may it lead there?
 *
 * DESCRIPTION
 *     One table of hashes a document, filled once: fullUrl and "Type/id" of every entry of every Bundle, "id" of every contained resource, each together
 *     with the Bundle or resource that holds it. A "#id" is looked for in the resource and outwards to its entry; a URL in the nearest Bundle by fullUrl; a
 *     relative one after the base of its own entry's fullUrl (http://hl7.org/fhir/R4/bundle.html#references). What leads out of the document is not judged.
 *
 * DIAGNOSTICS
 *     VALIDATE_UNRESOLVED, _REFERENCE_TYPE, _REFERENCE_TARGET, _REFERENCE_CHOICE, _REFERENCE_WAY, _REFERENCE_FORM, _ID_MISSING, _CONTAINED_UNUSED; warning _UNCHECKED.
 */
#include "validate/engine/engine.h"

#include <string.h>

#include "validate/engine/formats.h"
#include "validate/engine/session.h"

enum { NEST_MAX = 40, TARGETS_SHOWN = 8 };

struct reference_slot {
    const struct json_node *scope;      /* Bundle or resource; NULL = free */
    struct bytes key;
    const struct json_node *entry, *resource;
    bool led_to;                        /* by a "#id" in the resource that holds the contained one */
    bool twice;                         /* another entry has the same fullUrl */
};

struct reference_index { struct reference_slot *slots; size_t size, used; };

static const struct bytes nothing = { NULL, 0 };

static bool is_resource(const struct json_node *n)
{
    return json_is(n, JSON_OBJECT) && json_is(json_get(n, "resourceType"), JSON_STRING);
}

/* ---- the table ---- */

/* The key's slot, or the free one where it belongs; NULL in an empty table. */
static struct reference_slot *find_slot(const struct reference_index *index, const struct json_node *scope, struct bytes key)
{
    struct reference_slot *slot;
    size_t at;

    if (index->size == 0)
        return NULL;
    for (at = image_hash(key.data, key.len) + scope->start * 2654435761u; ; at++) {
        slot = &index->slots[at & (index->size - 1)];
        if (slot->scope == NULL || (slot->scope == scope && slot->key.len == key.len && memcmp(slot->key.data, key.data, key.len) == 0))
            return slot;
    }
}

static const struct reference_slot *find(const struct reference_index *index, const struct json_node *scope, struct bytes key)
{
    const struct reference_slot *slot = index != NULL && key.data != NULL ? find_slot(index, scope, key) : NULL;

    return slot != NULL && slot->scope != NULL ? slot : NULL;
}

/* The first one with a key wins. */
static void add(struct reference_index *index, const struct json_node *scope, struct bytes key, const struct json_node *entry, const struct json_node *resource)
{
    struct reference_slot *slot = key.data != NULL ? find_slot(index, scope, key) : NULL;

    if (slot == NULL)
        return;
    if (slot->scope != NULL) {
        slot->twice |= entry != NULL && slot->entry != entry;
        return;
    }
    *slot = (struct reference_slot){ scope, key, entry, resource, false, false };
    index->used++;
}

/* Calls back for each resource right below one: contained, entries, parameters. */
typedef void each_resource(void *self, const struct json_node *holder, const struct json_node *entry, const struct json_node *resource);

static void each_parameter(const struct json_node *holder, const struct json_node *list, each_resource *each, void *self, int depth)
{
    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL && depth < NEST_MAX; n = n->next) {
        const struct json_node *resource = json_get(n, "resource"), *parts = json_get(n, "part");

        if (json_is(resource, JSON_OBJECT))
            each(self, holder, n, resource);
        if (parts != NULL)
            each_parameter(holder, parts, each, self, depth + 1);
    }
}

static void each_below(const struct json_node *holder, each_resource *each, void *self)
{
    const struct json_node *list = json_get(holder, "contained");

    if (json_is(list, JSON_OBJECT))
        each(self, holder, NULL, list);      /* a list is missing around it, which is said; it is found all the same */
    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next)
        if (n->type == JSON_OBJECT)
            each(self, holder, NULL, n);
    if (json_equals(json_get(holder, "resourceType"), "Bundle")) {
        list = json_get(holder, "entry");
        for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next)
            each(self, holder, n, json_get(n, "resource"));
    } else if (json_equals(json_get(holder, "resourceType"), "Parameters")) {
        each_parameter(holder, json_get(holder, "parameter"), each, self, 0);
    }
}

struct filling { struct engine *e; struct reference_index *index; size_t count; int depth; };

static void count_one(void *self, const struct json_node *holder, const struct json_node *entry, const struct json_node *resource)
{
    struct filling *f = self;

    (void)holder;
    (void)entry;
    f->count += 2;
    if (json_is(resource, JSON_OBJECT) && f->depth < NEST_MAX) {
        f->depth++;
        each_below(resource, count_one, f);
        f->depth--;
    }
}

/* head, separator and tail as one text; data NULL when memory is out. */
static struct bytes join(struct engine *e, struct bytes head, const char *separator, struct bytes tail)
{
    size_t middle = strlen(separator);
    char *text = arena_alloc(e->arena, head.len + middle + tail.len + 1);

    if (text == NULL) {
        e->failed = true;
        return nothing;
    }
    memcpy(text, head.data, head.len);
    memcpy(text + head.len, separator, middle);
    memcpy(text + head.len + middle, tail.data, tail.len);
    return (struct bytes){ text, head.len + middle + tail.len };
}

static void add_one(void *self, const struct json_node *holder, const struct json_node *entry, const struct json_node *resource)
{
    struct filling *f = self;
    struct bytes id = format_member(resource, "id"), type = format_member(resource, "resourceType");

    if (entry == NULL) {
        if (json_is(resource, JSON_OBJECT) && fhirpath_resource_of(&f->e->path_env, resource).type != 0)   /* without a type it is no resource, and nobody finds it */
            add(f->index, holder, id, NULL, resource);
    } else {
        add(f->index, holder, format_member(entry, "fullUrl"), entry, resource);
        if (id.data != NULL && type.data != NULL)
            add(f->index, holder, join(f->e, type, "/", id), entry, resource);
    }
    if (json_is(resource, JSON_OBJECT) && f->depth < NEST_MAX) {
        f->depth++;
        each_below(resource, add_one, f);
        f->depth--;
    }
}

int references_index(struct engine *e, const struct json_node *root)
{
    struct filling filling = { e, NULL, 0, 0 };
    struct reference_index *index = arena_alloc(e->arena, sizeof *index);
    size_t size = 16;

    if (index == NULL)
        goto out_of_memory;
    each_below(root, count_one, &filling);
    if (filling.count > 0) {
        while (size < filling.count * 2)
            size *= 2;
        index->slots = arena_array(e->arena, size, sizeof *index->slots);
        if (index->slots == NULL)
            goto out_of_memory;
        index->size = size;
        filling.index = index;
        each_below(root, add_one, &filling);
    }
    e->references = index;
    return 0;
out_of_memory:
    e->failed = true;
    return ERR_NOMEM;
}

/* ---- finding ---- */

enum step { STEP_ROOT, STEP_CONTAINED, STEP_ENTRY, STEP_PARAMETER };

/* How the resource stands in the one around it. */
static enum step step_of(const struct json_node *resource)
{
    if (resource->parent == NULL)
        return STEP_ROOT;
    if (resource->parent->type == JSON_ARRAY && json_key_is(resource->parent, "contained"))
        return STEP_CONTAINED;
    if (json_key_is(resource, "resource") && resource->parent->parent != NULL && json_key_is(resource->parent->parent, "entry"))
        return STEP_ENTRY;
    return json_key_is(resource, "resource") ? STEP_PARAMETER : STEP_ROOT;
}

/* The resource around a resource; NULL at the root. */
static const struct json_node *resource_around(const struct json_node *resource)
{
    for (const struct json_node *n = resource->parent; n != NULL; n = n->parent)
        if (is_resource(n))
            return n;
    return NULL;
}

static struct reference_target target_of(enum reference_way way, const struct json_node *resource, const struct json_node *entry)
{
    return (struct reference_target){ way, resource, entry, format_member(resource, "resourceType"), false };
}

static struct reference_target find_contained(const struct engine *e, const struct json_node *from, struct bytes id)
{
    bool was_contained = false;

    for (const struct json_node *r = from; r != NULL; r = resource_around(r)) {
        enum step step = step_of(r);
        const struct reference_slot *slot = find(e->references, r, id);

        if (id.len == 0 && step != STEP_CONTAINED && (was_contained || r == from))
            return target_of(REFERENCE_SELF, r, NULL);
        if (id.len > 0 && slot != NULL && slot->entry == NULL)
            return target_of(REFERENCE_CONTAINED, slot->resource, NULL);
        was_contained |= step == STEP_CONTAINED;
        if (step == STEP_ENTRY || step == STEP_PARAMETER)
            break;
    }
    return target_of(REFERENCE_NONE, NULL, NULL);
}

static size_t count_slashes(struct bytes text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += text.data[i] == '/';
    return count;
}

/* The part in front of the n-th "/" from the end, that one included. */
static struct bytes base_of(struct bytes url, char separator, size_t n)
{
    size_t len = url.len;

    while (len > 0) {
        if (url.data[len - 1] == separator && --n == 0)
            break;
        len--;
    }
    return (struct bytes){ url.data, len };
}

/* "Type/id" with the base of the entry's own fullUrl; *ret_wants: the type that a urn cannot say. */
static const struct reference_slot *find_relative(struct engine *e, const struct json_node *bundle, struct bytes full_url, struct bytes reference, struct bytes *ret_wants)
{
    const char *slash = memchr(reference.data, '/', reference.len);
    struct bytes base, id;

    *ret_wants = nothing;
    if (format_begins(full_url, "urn")) {
        base = base_of(full_url, ':', 1);
        id = (struct bytes){ slash + 1, reference.len - (size_t)(slash + 1 - reference.data) };
        *ret_wants = (struct bytes){ reference.data, (size_t)(slash - reference.data) };
    } else {
        base = base_of(full_url, '/', 2);
        id = reference;
    }
    return find(e->references, bundle, join(e, base, "", id));
}

/* Without "/_history/n". */
static struct bytes without_version(struct bytes reference)
{
    const char *end = reference.data + reference.len, *history = reference.data;

    while ((history = memchr(history, '_', (size_t)(end - history))) != NULL) {
        if (history > reference.data && history[-1] == '/' && end - history >= 9 && memcmp(history, "_history/", 9) == 0)
            return (struct bytes){ reference.data, (size_t)(history - 1 - reference.data) };
        history++;
    }
    return reference;
}

static struct reference_target find_bundled(struct engine *e, const struct json_node *bundle, struct bytes full_url, struct bytes reference)
{
    const struct reference_slot *slot = NULL;
    struct bytes plain = without_version(reference), wants = nothing;

    if (format_begins(reference, "http:") || format_begins(reference, "urn:") || format_is_absolute(reference)) {
        slot = find(e->references, bundle, plain);
    } else if (full_url.data != NULL && count_slashes(plain) == 1) {
        slot = find_relative(e, bundle, full_url, plain, &wants);
        if (slot != NULL && wants.data != NULL) {
            struct bytes type = format_member(slot->resource, "resourceType");

            if (type.len != wants.len || memcmp(type.data, wants.data, wants.len) != 0)
                slot = NULL;
        }
    }
    if (slot == NULL || slot->entry == NULL || !json_is(slot->resource, JSON_OBJECT))
        return target_of(REFERENCE_OUTSIDE, NULL, slot != NULL ? slot->entry : NULL);
    return (struct reference_target){ REFERENCE_BUNDLED, slot->resource, slot->entry, format_member(slot->resource, "resourceType"), slot->twice };
}

/* Resources in Parameters know each other as "Type/id". */
static struct reference_target find_parameter(const struct engine *e, const struct json_node *parameters, struct bytes reference)
{
    const struct reference_slot *slot = find(e->references, parameters, reference);

    return slot != NULL && slot->entry != NULL ? target_of(REFERENCE_BUNDLED, slot->resource, NULL) : target_of(REFERENCE_NONE, NULL, NULL);
}

bool references_has_url(const struct engine *e, const struct json_node *bundle, struct bytes url)
{
    return find(e->references, bundle, without_version(url)) != NULL;
}

struct reference_target references_find(struct engine *e, const struct json_node *from_resource, struct bytes reference)
{
    struct bytes full_url = nothing;

    if (from_resource == NULL || reference.data == NULL || reference.len == 0)
        return target_of(REFERENCE_NONE, NULL, NULL);
    if (reference.data[0] == '#')
        return find_contained(e, from_resource, (struct bytes){ reference.data + 1, reference.len - 1 });
    for (const struct json_node *r = from_resource, *up; r != NULL; r = up) {
        enum step step = step_of(r);

        up = resource_around(r);
        if (json_equals(json_get(r, "resourceType"), "Bundle"))
            return find_bundled(e, r, full_url, reference);
        if (step == STEP_ENTRY && full_url.data == NULL)
            full_url = format_member(r->parent, "fullUrl");
        if (step == STEP_PARAMETER && up != NULL) {
            struct reference_target found = find_parameter(e, up, reference);

            if (found.resource != NULL)
                return found;
        }
    }
    return target_of(REFERENCE_OUTSIDE, NULL, NULL);
}

/* ---- judging a Reference ---- */

struct judged {
    struct engine *e;
    const struct place *at;
    const struct img_type *type;
    const char *profile;
    struct bytes reference;
    struct reference_target target;
    struct bytes type_name;     /* of the target, by what it is or else by what the URL says */
};

static void report(struct judged *j, enum msg_severity severity, enum msg_id msg, struct bytes arg1, struct bytes arg2)
{
    char first[160], second[400];

    snprintf(first, sizeof first, "%.*s", (int)(arg1.len < sizeof first ? arg1.len : sizeof first - 1), arg1.data != NULL ? arg1.data : "");
    snprintf(second, sizeof second, "%.*s", (int)(arg2.len < sizeof second ? arg2.len : sizeof second - 1), arg2.data != NULL ? arg2.data : "");
    engine_report(j->e, j->at, json_get(j->at->node, "reference"), severity, msg, NULL, j->profile, first, second);
}

/* "http://server/Type/id/_history/2" and shorter: the Type, if it is one. */
static struct bytes type_by_url(const struct engine *e, struct bytes reference)
{
    struct bytes plain = without_version(reference), id = base_of(plain, '/', 1), before;

    if (id.len == 0)
        return nothing;
    id.len--;
    before = base_of(id, '/', 1);
    before = (struct bytes){ id.data + before.len, id.len - before.len };
    return before.len > 0 && canonicals_type(e->session->canonicals, e->image, before.data, before.len) != 0 ? before : nothing;
}

/* The resource type that a target profile is about; data NULL = the profile is not loaded. */
static struct bytes target_type(const struct judged *j, uint32_t i, img_id *ret_profile)
{
    const struct img_profile *p;

    *ret_profile = session_profile(j->e->session, j->e->image, j->e->image->links[j->type->targets.first + i]);
    p = image_profile(j->e->image, *ret_profile);
    return p != NULL ? image_bytes(j->e->image, p->type) : nothing;
}

static bool same(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static struct bytes target_at(const struct judged *j, uint32_t i)
{
    return image_bytes(j->e->image, j->e->image->links[j->type->targets.first + i]);
}

static bool any_resource(const struct judged *j)
{
    for (uint32_t i = 0; i < j->type->targets.count; i++)
        if (format_is(target_at(j, i), "http://hl7.org/fhir/StructureDefinition/Resource"))
            return true;
    return j->type->targets.count == 0;
}

/* Names of the allowed types or profiles, for the message. */
static void list_targets(const struct judged *j, bool whole, char *ret_text, size_t size)
{
    size_t len = 0;

    ret_text[0] = '\0';
    for (uint32_t i = 0; i < j->type->targets.count && i < TARGETS_SHOWN && len + 1 < size; i++) {
        struct bytes text = target_at(j, i), base = base_of(text, '/', 1);
        int n;

        if (!whole && base.len < text.len)
            text = (struct bytes){ text.data + base.len, text.len - base.len };
        n = snprintf(ret_text + len, size - len, "%s%.*s", i > 0 ? ", " : "", (int)text.len, text.data);
        if (n < 0 || (size_t)n >= size - len)
            break;
        len += (size_t)n;
    }
}

/* Reference.type must be one of the allowed types, and what the target is. */
static void check_said_type(struct judged *j)
{
    struct bytes said = format_member(j->at->node, "type"), name = said;
    bool allowed = any_resource(j);
    char list[300];

    if (said.data == NULL)
        return;
    if (format_begins(said, "http://hl7.org/fhir/StructureDefinition/"))
        name = (struct bytes){ said.data + 40, said.len - 40 };
    for (uint32_t i = 0; i < j->type->targets.count && !allowed; i++) {
        img_id profile;
        struct bytes type = target_type(j, i, &profile);

        allowed = type.data == NULL || same(type, name) || same(target_at(j, i), said);
    }
    if (!allowed) {
        list_targets(j, false, list, sizeof list);
        report(j, MSG_ERROR, MSG_VALIDATE_REFERENCE_TARGET, said, (struct bytes){ list, strlen(list) });
    }
    if (j->type_name.data != NULL && !same(j->type_name, said))
        report(j, MSG_ERROR, MSG_VALIDATE_REFERENCE_TYPE, said, j->type_name);
}

/* The target's type among the allowed ones, and one of the profiles that it conforms to. */
static void check_target(struct judged *j)
{
    bool right_type = false, conforms = false, base_only = true, unknown = false;
    char list[390];

    for (uint32_t i = 0; i < j->type->targets.count; i++) {
        struct bytes canonical = target_at(j, i);
        img_id profile;
        struct bytes type = target_type(j, i, &profile);

        unknown |= type.data == NULL;
        if (type.data == NULL || !same(type, j->target.type))
            continue;
        right_type = true;
        base_only &= format_begins(canonical, "http://hl7.org/fhir/StructureDefinition/");
    }
    for (uint32_t i = 0; i < j->type->targets.count && right_type && !base_only && !conforms; i++) {
        img_id profile;

        if (same(target_type(j, i, &profile), j->target.type))
            conforms = engine_conforms(j->e, j->target.resource, profile);
    }
    if (unknown && !right_type) {
        list_targets(j, true, list, sizeof list);
        report(j, MSG_WARNING, MSG_VALIDATE_UNCHECKED, (struct bytes){ list, strlen(list) }, nothing);
    } else if (!right_type) {
        list_targets(j, false, list, sizeof list);
        report(j, MSG_ERROR, MSG_VALIDATE_REFERENCE_TARGET, j->target.type, (struct bytes){ list, strlen(list) });
    } else if (!base_only && !conforms && !unknown) {
        list_targets(j, true, list, sizeof list);
        report(j, MSG_ERROR, MSG_VALIDATE_REFERENCE_CHOICE, j->reference, (struct bytes){ list, strlen(list) });
    }
}

static void check_aggregation(struct judged *j)
{
    const struct img_type *t = j->type;
    bool contained = j->reference.data[0] == '#', found = j->target.resource != NULL;

    if (!t->contained && !t->referenced && !t->bundled)
        return;
    if (found ? !(contained ? t->contained : t->bundled || t->referenced) : !t->referenced)
        report(j, MSG_ERROR, MSG_VALIDATE_REFERENCE_WAY, j->reference, nothing);
}

/* "Type?name=value": a transaction may refer by a search; the rest of its form is checked in typed.c. */
static bool is_search(const struct engine *e, struct bytes reference)
{
    const char *mark = memchr(reference.data, '?', reference.len);

    return mark != NULL && image_find_type(e->image, reference.data, (size_t)(mark - reference.data)) != 0;
}

/* In a Bundle a relative reference is "Type/id" after the base of an entry that has a fullUrl. */
static void check_form(struct judged *j)
{
    const struct json_node *r = j->at->resource->node;
    struct bytes full_url = nothing;
    bool entered = false;
    size_t slashes = count_slashes(j->reference);

    if (format_begins(j->reference, "http:") || format_begins(j->reference, "urn:") || format_is_absolute(j->reference))
        return;
    for (; r != NULL && !json_equals(json_get(r, "resourceType"), "Bundle"); r = resource_around(r))
        if (step_of(r) == STEP_ENTRY && !entered) {
            entered = true;
            full_url = format_member(r->parent, "fullUrl");
        }
    if (r == NULL || !entered)
        return;
    if (full_url.data == NULL) {
        if (!json_equals(json_get(r, "type"), "batch-response") && !json_equals(json_get(r, "type"), "transaction-response"))
            report(j, MSG_ERROR, MSG_VALIDATE_FULLURL_NEEDED, nothing, nothing);
    } else if (slashes != 1 && slashes != 3 && !(json_equals(json_get(r, "type"), "transaction") && is_search(j->e, j->reference)))
        report(j, MSG_ERROR, MSG_VALIDATE_REFERENCE_FORM, j->reference, nothing);
}

/* Within a Bundle the service looks for a urn there and nowhere else; the reference remarks on it. */
static void check_found(struct judged *j)
{
    bool service = j->e->request->reading == VALIDATE_SERVICE, urn = format_begins(j->reference, "urn:"), bundled = false;

    if (j->target.resource != NULL || (!urn && !service))
        return;
    for (const struct json_node *r = j->at->resource->node; r != NULL && !bundled; r = resource_around(r))
        bundled = json_equals(json_get(r, "resourceType"), "Bundle");
    if (bundled)
        report(j, urn && service ? MSG_ERROR : MSG_WARNING, MSG_VALIDATE_UNRESOLVED, j->reference, nothing);
}

void reference_check(struct engine *e, const struct place *at, const struct img_element *definition, const struct img_type *type, const char *profile)
{
    struct judged j = { .e = e, .at = at, .type = type, .profile = profile, .reference = format_member(at->node, "reference") };

    (void)definition;
    if (type == NULL || at->node == NULL || j.reference.data == NULL || format_is(j.reference, "http://tools.ietf.org/html/bcp47"))
        return;
    j.target = references_find(e, at->resource->node, j.reference);
    j.type_name = j.target.resource == NULL ? type_by_url(e, j.reference) : is_resource(j.target.resource) ? j.target.type : (struct bytes){ "Resource", 8 };
    if (j.reference.data[0] == '#' && j.target.resource == NULL)
        report(&j, MSG_ERROR, MSG_VALIDATE_UNRESOLVED, j.reference, nothing);
    if (j.reference.data[0] != '#') {
        check_form(&j);
        check_found(&j);
        if (j.target.ambiguous)
            report(&j, MSG_ERROR, MSG_VALIDATE_FULLURL_TWICE, j.reference, nothing);
    }
    check_said_type(&j);
    if (j.target.resource != NULL && !any_resource(&j))
        check_target(&j);
    check_aggregation(&j);
}

/* ---- contained resources ---- */

const struct json_node *engine_next_node(const struct json_node *n, const struct json_node *top)
{
    if (n->child != NULL)
        return n->child;
    while (n != top && n->next == NULL)
        n = n->parent;
    return n != top ? n->next : NULL;
}

bool engine_may_link(const struct engine *e, const struct json_node *n)
{
    const struct img_profile *type = image_profile(e->image, document_known(&e->document, n)->type);

    if (n->type != JSON_STRING || n->len == 0 || type == NULL)
        return false;
    return type->well_known == IMG_URI || type->well_known == IMG_URL || type->well_known == IMG_CANONICAL || json_key_is(n, "reference");
}

static bool refers_to_holder(const struct json_node *contained)
{
    for (const struct json_node *n = contained; n != NULL; n = engine_next_node(n, contained))
        if (json_equals(n, "#"))
            return true;
    return false;
}

/* Marks the contained resources that some "#id" in the resource leads to: one pass, each id by hash. */
static void mark_used(struct engine *e, const struct json_node *resource)
{
    for (const struct json_node *n = resource; n != NULL && e->references->size > 0; n = engine_next_node(n, resource)) {
        struct reference_slot *slot;

        if (n->type != JSON_STRING || n->len < 2 || n->text[0] != '#' || !engine_may_link(e, n))
            continue;
        slot = find_slot(e->references, resource, (struct bytes){ n->text + 1, n->len - 1 });
        if (slot->scope != NULL)
            slot->led_to = true;
    }
}

/* An id of the wrong kind, which is said where it stands, is none. */
static bool is_value(const struct json_node *n)
{
    return n != NULL && n->type != JSON_NULL && n->type != JSON_ARRAY && n->type != JSON_OBJECT;
}

void contained_check(struct engine *e, const struct place *resource)
{
    const struct json_node *list = json_get(resource->node, "contained");
    int32_t i = 0;

    if (!json_is(list, JSON_ARRAY) || list->child == NULL || e->references == NULL)
        return;
    mark_used(e, resource->node);
    for (const struct json_node *n = list->child; n != NULL; n = n->next, i++) {
        struct place place = engine_child(resource, "contained", i, n);
        struct bytes id = format_member(n, "id");
        const struct reference_slot *slot = find(e->references, resource->node, id);

        if (n->type != JSON_OBJECT)
            continue;
        if (!is_value(json_get(n, "id")))
            engine_report(e, &place, n, MSG_ERROR, MSG_VALIDATE_ID_MISSING, NULL, NULL, NULL, NULL);
        else if (slot != NULL && !slot->led_to && !refers_to_holder(n))
            engine_report_bytes(e, resource, n, MSG_ERROR, MSG_VALIDATE_CONTAINED_UNUSED, "dom-3", id, nothing);
    }
}
