/*
 * NAME
 *     slices - which slice does an item belong to?
 *
 * DESCRIPTION
 *     For each slicing element of a profile a plan is made once a session: the discriminators' paths cut into steps, and for every slice what it says at
 *     the end of each path (fixed or pattern value, value set, types, profiles, presence), found by following the path through the definitions: the slice's
 *     own children, its sub-slices, the profiles of its types, and what a fixed or pattern value further up implies. The items' values at the paths are
 *     gathered once an item, then held against each slice.
 *
 *     A slice is told apart by all discriminators together; one that the slice says nothing about is left out. A slice about which no discriminator says
 *     anything cannot be told apart: nothing belongs to it and its minimum is not asked for. An item that belongs to a slice which is sliced again is
 *     assigned there in the same way.
 *
 * DIAGNOSTICS
 *     An item in no slice of a closed slicing, or in two slices, is reported at the item; counts at the parent. Comparisons are bounded (WALK_MAX_MATCHES).
 */
#include <string.h>

#include "validate/engine/walk.h"

enum { MAX_STEPS = 8, MAX_DISCRIMINATORS = 6, MAX_CANDIDATES = 24 };

enum step_kind { STEP_NAME, STEP_RESOLVE, STEP_EXTENSION, STEP_OF_TYPE };
struct step { enum step_kind kind; img_str name; };
struct path { struct step steps[MAX_STEPS]; uint32_t count; bool broken; };

/* What a slice says at the end of a path. */
struct criterion {
    bool said, absent /* max 0 */;
    const struct img_element *def;
    img_id value; bool exact;
    img_str text;                 /* a url that is known by the profile's name only */
    struct bytes chars;           /* a value that is one text, or that url: compared here */
    img_id profile;               /* the only profile that is named, for slices told apart by profile */
};

struct plan {
    const struct img_element *slicing;
    uint32_t discriminators;
    struct path paths[MAX_DISCRIMINATORS];
    struct criterion *criteria;   /* slices x discriminators */
    bool *clear;                  /* per slice: can it be told apart? */
    uint32_t *hash;               /* per slice: of the texts that the discriminators ask for; 0 = one of them asks for something else */
    uint32_t *by_hash, hash_size; /* slice + 1 by hash, a power of two; size 0 = two have the same hash, and all are asked */
    uint32_t *open, open_count;   /* slices without a hash */
    uint32_t *counted, counted_count; /* slices with a minimum, a maximum or slices of their own */
    uint32_t *needed, needed_count;   /* those of them that ask for something where they have no more items than they may */
};

/* ---- paths ---- */

static size_t step_end(const char *text, size_t at, size_t len)
{
    unsigned depth = 0;

    for (; at < len && (depth > 0 || text[at] != '.'); at++)
        depth = text[at] == '(' ? depth + 1 : text[at] == ')' && depth > 0 ? depth - 1 : depth;
    return at;
}

/* extension('url') or ofType(Quantity): the name inside. */
static bool read_call(const struct engine *e, const char *text, size_t len, struct step *ret_step)
{
    const char *open = memchr(text, '(', len);
    size_t name = open != NULL ? (size_t)(open - text) : len, first = name + 1, last = len;

    if (open == NULL || text[len - 1] != ')')
        return false;
    last--;
    while (last > first && (text[first] == '\'' || text[first] == '"')) {
        first++;
        last--;
    }
    if (name == 7 && memcmp(text, "resolve", 7) == 0)
        *ret_step = (struct step){ STEP_RESOLVE, 0 };
    else if (name == 9 && memcmp(text, "extension", 9) == 0)
        *ret_step = (struct step){ STEP_EXTENSION, image_find_str(e->image, text + first, last - first) };
    else if (name == 6 && memcmp(text, "ofType", 6) == 0)
        *ret_step = (struct step){ STEP_OF_TYPE, image_find_str(e->image, text + first, last - first) };
    else
        return false;
    return true;
}

static void read_path(const struct engine *e, img_str path, struct path *ret_path)
{
    struct bytes text = image_bytes(e->image, path);
    size_t end;

    *ret_path = (struct path){ .count = 0 };
    for (size_t at = 0; at < text.len && !ret_path->broken; at = end + 1) {
        struct step step = { STEP_NAME, 0 };
        end = step_end(text.data, at, text.len);
        if (end - at == 5 && memcmp(text.data + at, "$this", 5) == 0)
            continue;
        if (memchr(text.data + at, '(', end - at) != NULL)
            ret_path->broken = !read_call(e, text.data + at, end - at, &step);
        else
            step.name = image_find_str(e->image, text.data + at, end - at);
        ret_path->broken |= ret_path->count == MAX_STEPS;
        if (!ret_path->broken)
            ret_path->steps[ret_path->count++] = step;
    }
}

/* ---- what the definitions say ---- */

struct candidate { const struct img_element *def; img_id value; bool exact; img_str text; };
struct candidates { struct candidate list[MAX_CANDIDATES]; uint32_t count; };

static void add_candidate(struct candidates *c, const struct img_element *def, img_id value, bool exact, img_str text)
{
    if (c->count < MAX_CANDIDATES)
        c->list[c->count++] = (struct candidate){ def, value, exact, text };
}

static void add_children(const struct image *image, const struct img_element *def, img_str name, struct candidates *ret)
{
    for (uint32_t i = 0; def != NULL && i < def->children.count; i++) {
        const struct img_element *child = image_element(image, image->children[def->children.first + i]);
        if (child->name != name)
            continue;
        add_candidate(ret, child, 0, false, 0);
        for (uint32_t s = 0; s < child->slices.count && s < MAX_CANDIDATES; s++)
            add_candidate(ret, image_element(image, image->children[child->slices.first + s]), 0, false, 0);
    }
}

/* The part of a fixed or pattern value that a member name leads to. */
static void add_values(const struct image *image, img_id value, bool exact, img_str name, struct candidates *ret)
{
    const struct img_value *v = image_value(image, value);

    if (v == NULL)
        return;
    for (img_id id = v->child; id != 0; id = image_value(image, id)->next) {
        const struct img_value *part = image_value(image, id);
        if (v->type == JSON_ARRAY)
            add_values(image, id, exact, name, ret);
        else if (part->key == name)
            add_candidate(ret, NULL, id, exact, 0);
    }
}

static void add_typed(const struct engine *e, const struct img_element *def, img_str name, struct candidates *ret)
{
    const struct image *image = e->image;

    for (uint32_t t = 0; t < def->types.count; t++) {
        const struct img_type *type = &image->types[def->types.first + t];
        for (uint32_t p = 0; p < type->profiles.count; p++) {
            struct bytes url = image_bytes(image, image->links[type->profiles.first + p]);
            img_id profile = image_find_profile(image, url.data, url.len);
            if (profile != 0)
                add_children(image, image_element(image, image_profile(image, profile)->root), name, ret);
            if (name == e->walk->name.url && type->code == e->walk->name.extension)
                add_candidate(ret, NULL, 0, true, image->links[type->profiles.first + p]);
        }
        if (type->profiles.count == 0 && type->profile_of_code != 0)
            add_children(image, image_element(image, image_profile(image, type->profile_of_code)->root), name, ret);
    }
}

static void follow_name(const struct engine *e, const struct candidate *from, img_str name, struct candidates *ret)
{
    const struct image *image = e->image;
    const struct img_element *def = from->def;

    if (from->value != 0)
        add_values(image, from->value, from->exact, name, ret);
    if (def == NULL)
        return;
    add_children(image, def, name, ret);
    if (def->content_reference != 0)
        add_children(image, image_element(image, def->content_reference), name, ret);
    add_values(image, def->fixed, true, name, ret);
    add_values(image, def->pattern, false, name, ret);
    add_typed(e, def, name, ret);
}

static bool starts_with(const struct image *image, img_str canonical, img_str url)
{
    struct bytes a = image_bytes(image, canonical), b = image_bytes(image, url);

    return a.len >= b.len && memcmp(a.data, b.data, b.len) == 0 && (a.len == b.len || a.data[b.len] == '|');
}

static void follow_extension(const struct engine *e, const struct candidate *from, img_str url, struct candidates *ret)
{
    const struct image *image = e->image;
    struct candidates children = { .count = 0 };

    if (from->def == NULL)
        return;
    add_children(image, from->def, e->walk->name.child_extension, &children);
    for (uint32_t i = 0; i < children.count; i++) {
        const struct img_element *def = children.list[i].def;
        for (uint32_t t = 0; t < def->types.count; t++) {
            const struct img_type *type = &image->types[def->types.first + t];
            if (type->profiles.count > 0 && starts_with(image, image->links[type->profiles.first], url))
                add_candidate(ret, def, 0, false, 0);
        }
    }
}

static void follow(const struct engine *e, const struct path *path, const struct img_element *slice, struct candidates *ret)
{
    struct candidates now, next;

    now.count = 0;
    add_candidate(&now, slice, 0, false, 0);
    for (uint32_t s = 0; s < path->count; s++) {
        next.count = 0;
        for (uint32_t i = 0; i < now.count; i++) {
            if (path->steps[s].kind == STEP_NAME)
                follow_name(e, &now.list[i], path->steps[s].name, &next);
            else if (path->steps[s].kind == STEP_EXTENSION)
                follow_extension(e, &now.list[i], path->steps[s].name, &next);
            else
                next.list[next.count++] = now.list[i];
        }
        now.count = next.count;
        memcpy(now.list, next.list, next.count * sizeof *next.list);
    }
    ret->count = now.count;
    memcpy(ret->list, now.list, now.count * sizeof *now.list);
}

static bool says_value(const struct candidate *from, struct criterion *ret)
{
    const struct img_element *def = from->def;

    *ret = (struct criterion){ .said = true, .def = def, .value = from->value, .exact = from->exact, .text = from->text };
    if (from->value != 0 || from->text != 0)
        return true;
    if (def == NULL)
        return false;
    ret->absent = def->max == 0;
    ret->value = def->fixed != 0 ? def->fixed : def->pattern;
    ret->exact = def->fixed != 0;
    return ret->absent || ret->value != 0 || (def->binding != 0 && def->binding_strength == IMG_REQUIRED && (def->adds & IMG_ADDS_BINDING) != 0);
}

static bool says(const struct candidate *from, enum img_discriminator_kind kind, struct criterion *ret)
{
    const struct img_element *def = from->def;

    if (kind == IMG_BY_VALUE || kind == IMG_BY_PATTERN)
        return says_value(from, ret);
    if (def == NULL)
        return false;
    *ret = (struct criterion){ .said = true, .def = def, .absent = def->max == 0 };
    if (kind == IMG_BY_EXISTS)
        return def->max == 0 || def->min > 0;
    return def->max == 0 || def->types.count > 0;
}

/* What would be looked up for every item is looked up once. */
static void settle(const struct engine *e, const struct plan *plan, uint32_t d, enum img_discriminator_kind kind, struct criterion *c)
{
    const struct image *image = e->image;
    const struct path *path = &plan->paths[d];
    const struct img_value *value = image_value(image, c->value);

    if (!c->said)
        return;
    if (value != NULL && value->type == JSON_STRING)
        c->chars = image_bytes(image, value->text);
    if (value == NULL && c->text != 0) {
        c->chars = image_bytes(image, c->text);
        c->chars.len = strcspn(c->chars.data, "|");
    }
    if (kind == IMG_BY_PROFILE && c->def != NULL && c->def->types.count == 1) {
        const struct img_type *type = &image->types[c->def->types.first];
        struct img_run named = path->count > 0 && path->steps[path->count - 1].kind == STEP_RESOLVE ? type->targets : type->profiles;
        struct bytes url = named.count == 1 ? image_bytes(image, image->links[named.first]) : (struct bytes){ "", 0 };
        c->profile = named.count == 1 ? image_find_profile(image, url.data, url.len) : 0;
    }
}

static bool plan_slice(struct engine *e, struct plan *plan, const struct img_element *slice, struct criterion *criteria)
{
    const struct image *image = e->image;
    bool clear = false;

    for (uint32_t d = 0; d < plan->discriminators; d++) {
        const struct img_discriminator *discriminator = &image->discriminators[plan->slicing->discriminators.first + d];
        struct candidates c;
        c.count = 0;
        if (!plan->paths[d].broken)
            follow(e, &plan->paths[d], slice, &c);
        criteria[d] = (struct criterion){ .said = false };
        for (uint32_t i = 0; i < c.count && !criteria[d].said; i++)
            if (!says(&c.list[i], (enum img_discriminator_kind)discriminator->kind, &criteria[d]))
                criteria[d].said = false;
        clear |= criteria[d].said;
        settle(e, plan, d, (enum img_discriminator_kind)discriminator->kind, &criteria[d]);
    }
    return clear || (plan->discriminators == 0 && slice->types.count > 0);
}

static uint32_t more_hash(uint32_t hash, struct bytes text)
{
    return (hash * 31 + image_hash(text.data, text.len)) | 1;   /* never 0 */
}

/* Of the texts that the discriminators ask of a slice; 0 when one of them asks for something else than one text. */
static uint32_t slice_hash(const struct image *image, const struct plan *plan, const struct criterion *criteria)
{
    uint32_t hash = 0;

    for (uint32_t d = 0; d < plan->discriminators; d++) {
        uint32_t kind = image->discriminators[plan->slicing->discriminators.first + d].kind;

        if ((kind != IMG_BY_VALUE && kind != IMG_BY_PATTERN) || !criteria[d].said || criteria[d].absent || criteria[d].chars.data == NULL)
            return 0;
        hash = more_hash(hash, criteria[d].chars);
    }
    return hash;
}

/* Slices by their texts, where no two ask for the same; the others beside them. */
static bool plan_hashes(struct engine *e, struct plan *plan, uint32_t slices)
{
    uint32_t size = 4;

    while (size < slices * 2)
        size *= 2;
    plan->by_hash = arena_array(e->session->arena, size, sizeof *plan->by_hash);
    plan->open = arena_array(e->session->arena, slices + 1, sizeof *plan->open);
    if (plan->by_hash == NULL || plan->open == NULL)
        return false;
    for (uint32_t s = 0; s < slices; s++) {
        uint32_t at = plan->hash[s] & (size - 1);

        if (plan->hash[s] == 0) {
            plan->open[plan->open_count++] = s;
            continue;
        }
        for (; plan->by_hash[at] != 0; at = (at + 1) & (size - 1))
            if (plan->hash[plan->by_hash[at] - 1] == plan->hash[s])
                return true;
        plan->by_hash[at] = s + 1;
    }
    plan->hash_size = size;
    return true;
}

static struct plan *plan_new(struct engine *e, const struct img_element *slicing)
{
    const struct image *image = e->image;
    struct plan *plan = arena_alloc(e->session->arena, sizeof *plan);
    uint32_t slices = slicing->slices.count;

    if (plan == NULL)
        goto failed;
    plan->slicing = slicing;
    plan->discriminators = slicing->discriminators.count < MAX_DISCRIMINATORS ? slicing->discriminators.count : MAX_DISCRIMINATORS;
    plan->criteria = arena_array(e->session->arena, (size_t)slices * (plan->discriminators + 1), sizeof *plan->criteria);
    plan->clear = arena_array(e->session->arena, slices + 1, sizeof *plan->clear);
    plan->hash = arena_array(e->session->arena, slices + 1, sizeof *plan->hash);
    plan->counted = arena_array(e->session->arena, slices + 1, sizeof *plan->counted);
    plan->needed = arena_array(e->session->arena, slices + 1, sizeof *plan->needed);
    if (plan->criteria == NULL || plan->clear == NULL || plan->hash == NULL || plan->counted == NULL || plan->needed == NULL)
        goto failed;
    for (uint32_t d = 0; d < plan->discriminators; d++)
        read_path(e, image->discriminators[slicing->discriminators.first + d].path, &plan->paths[d]);
    for (uint32_t s = 0; s < slices; s++) {
        const struct img_element *slice = image_element(image, image->children[slicing->slices.first + s]);
        struct criterion *criteria = plan->criteria + (size_t)s * plan->discriminators;

        plan->clear[s] = plan_slice(e, plan, slice, criteria);
        plan->hash[s] = slice_hash(image, plan, criteria);
        if (slice->min > 0 || slice->max != IMG_MANY || slice->slices.count > 0)
            plan->counted[plan->counted_count++] = s;
        if (slice->min > 0 || slice->slices.count > 0)
            plan->needed[plan->needed_count++] = s;
    }
    if (!plan_hashes(e, plan, slices))
        goto failed;
    return plan;
failed:
    e->failed = true;
    return NULL;
}

static const struct plan *plan_of(struct engine *e, const struct img_element *slicing)
{
    struct plan **slot = &e->session->plans[slicing - e->image->elements];

    if (*slot == NULL)
        *slot = plan_new(e, slicing);
    return *slot;
}

/* ---- what the item says ---- */

static void gather(struct engine *e, const struct found *found)
{
    struct engine_walk *w = e->walk;

    if (walk_room(e, (void **)&w->found, &w->found_capacity, w->found_count, sizeof *w->found))
        w->found[w->found_count++] = *found;
}

static void gather_name(struct engine *e, const struct found *from, img_str name)
{
    const struct json_node *object = from->node != NULL && from->node->type == JSON_OBJECT ? from->node : from->companion;

    for (const struct json_node *n = object != NULL && object->type == JSON_OBJECT && name != 0 ? object->child : NULL; n != NULL; n = n->next) {
        const struct img_member *named = document_member(&e->document, n);

        if (document_known(&e->document, n)->name != name || n->key[0] == '_')
            continue;
        if (n->type == JSON_ARRAY && named != NULL && (image_element(e->image, named->element)->flags & IMG_ARRAY) == 0)
            continue;   /* a list where one belongs: no reader keeps it */
        for (const struct json_node *i = n->type == JSON_ARRAY ? n->child : n; i != NULL; i = n->type == JSON_ARRAY ? i->next : NULL) {
            const struct known *known = document_known(&e->document, i);
            const struct img_member *member = document_member(&e->document, i);
            gather(e, &(struct found){ .node = i, .element = known->resource || member == NULL ? 0 : member->element, .type = known->type });
        }
    }
}

static void gather_resolved(struct engine *e, const struct place *at, const struct found *from)
{
    const struct json_node *reference = from->node != NULL && from->node->type == JSON_OBJECT ? json_get(from->node, "reference") : from->node;
    struct reference_target target;
    struct fhirpath_item resource;

    if (reference == NULL || reference->type != JSON_STRING || at->resource == NULL)
        return;
    target = references_find(e, at->resource->node, (struct bytes){ reference->text, reference->len });
    if (target.resource == NULL)
        return;
    resource = fhirpath_resource_of(&e->path_env, target.resource);
    gather(e, &(struct found){ .node = target.resource, .type = resource.type, .element = resource.element });
}

static void gather_extension(struct engine *e, const struct found *from, img_str url)
{
    struct engine_walk *w = e->walk;
    struct bytes wanted = image_bytes(e->image, url);
    uint32_t first = w->found_count, kept = first;

    gather_name(e, from, w->name.child_extension);
    for (uint32_t i = first; i < w->found_count; i++) {
        const struct json_node *is = json_get(w->found[i].node, "url");
        if (is != NULL && is->type == JSON_STRING && is->len == wanted.len && memcmp(is->text, wanted.data, wanted.len) == 0)
            w->found[kept++] = w->found[i];
    }
    w->found_count = kept;
}

/* Puts the item's values at the path on the stack; returns where they begin. */
static uint32_t gather_path(struct engine *e, const struct place *at, const struct path *path)
{
    struct engine_walk *w = e->walk;
    uint32_t first = w->found_count, end;

    gather(e, &(struct found){ at->node, at->companion, at->element, at->type });
    for (uint32_t s = 0; s < path->count && !e->failed; s++) {
        end = w->found_count;
        for (uint32_t i = first; i < end; i++) {
            struct found from = w->found[i];
            if (path->steps[s].kind == STEP_NAME)
                gather_name(e, &from, path->steps[s].name);
            else if (path->steps[s].kind == STEP_RESOLVE)
                gather_resolved(e, at, &from);
            else if (path->steps[s].kind == STEP_EXTENSION)
                gather_extension(e, &from, path->steps[s].name);
            else if (from.type != 0 && image_profile(e->image, from.type)->type == path->steps[s].name)
                gather(e, &from);
        }
        first = end;
    }
    return first;
}

/* ---- does it fit? ---- */

static bool fits_binding(struct engine *e, const struct img_element *def, const struct found *found)
{
    struct fhirpath_item item = { .kind = FHIRPATH_NODE, .node = found->node, .companion = found->companion, .type = found->type, .element = found->element };
    enum fhirpath_answer answer = FHIRPATH_NO;
    struct err ignored = ERR_INIT;

    invariant_hooks.member_of(e, &item, image_bytes(e->image, def->binding), &answer, &ignored);
    return answer == FHIRPATH_YES;
}

static bool fits_value(struct engine *e, const struct criterion *c, const struct found *found)
{
    const struct image *image = e->image;
    const struct img_value *value = image_value(image, c->value);

    if (found->node == NULL)
        return false;
    if (c->chars.data != NULL)
        return found->node->len == c->chars.len && found->node->type == JSON_STRING && memcmp(found->node->text, c->chars.data, c->chars.len) == 0;
    if (value != NULL)
        return c->exact && value->type != JSON_OBJECT ? image_value_equals(image, c->value, found->node) : image_value_within(image, c->value, found->node);
    return fits_binding(e, c->def, found);
}

/* A profile that constrains another type is out of the question. */
static bool may_conform(const struct image *image, img_id type, img_id profile)
{
    const struct img_profile *wanted = image_profile(image, profile);

    return wanted->derivation != IMG_CONSTRAINT || wanted->type == image_profile(image, type)->type;
}

static bool profile_fits(struct engine *e, const struct place *at, const struct found *found, img_id profile)
{
    if (profile == 0 || found->node == NULL || found->type == 0)
        return false;
    if (image_profile(e->image, found->type)->kind == IMG_RESOURCE)
        return may_conform(e->image, found->type, profile) && engine_conforms(e, found->node, profile);
    return found->node == at->node && image_profile(e->image, profile)->root != 0 && layer_holds(e, at, image_element(e->image, image_profile(e->image, profile)->root));
}

/* Types: the code fits. Profiles: one of those named is conformed to; none named leaves the code. */
static bool canonical_fits(struct engine *e, const struct place *at, const struct found *found, img_str canonical)
{
    return profile_fits(e, at, found, session_profile(e->session, e->image, canonical));
}

static bool fits_types(struct engine *e, const struct place *at, const struct criterion *c, const struct found *found, bool resolved, bool profiles)
{
    const struct image *image = e->image;
    const struct img_profile *actual = image_profile(image, found->type);

    if (profiles && c->profile != 0)
        return profile_fits(e, at, found, c->profile);
    for (uint32_t i = 0; i < c->def->types.count; i++) {
        const struct img_type *type = &image->types[c->def->types.first + i];
        struct img_run named = resolved ? type->targets : type->profiles;
        bool right = resolved || (actual != NULL && (type->code == actual->type || type->code == e->walk->name.resource));
        if (right && named.count == 0)
            return true;
        for (uint32_t p = 0; right && p < named.count; p++) {
            img_id profile = session_profile(e->session, image, image->links[named.first + p]);
            if (profiles ? canonical_fits(e, at, found, image->links[named.first + p]) : !resolved || (profile != 0 && actual != NULL && image_profile(image, profile)->type == actual->type))
                return true;
        }
    }
    return false;
}

static bool fits(struct engine *e, const struct place *at, const struct plan *plan, uint32_t d, const struct criterion *c, uint32_t first, uint32_t end)
{
    const struct engine_walk *w = e->walk;
    uint32_t kind = e->image->discriminators[plan->slicing->discriminators.first + d].kind;
    const struct path *path = &plan->paths[d];
    bool resolved = path->count > 0 && path->steps[path->count - 1].kind == STEP_RESOLVE;

    if (c->absent)
        return first == end;
    if (kind == IMG_BY_EXISTS)
        return first < end;
    for (uint32_t i = first; i < end; i++) {
        struct found found = w->found[i];
        if (kind == IMG_BY_VALUE || kind == IMG_BY_PATTERN ? fits_value(e, c, &found) : fits_types(e, at, c, &found, resolved, kind == IMG_BY_PROFILE))
            return true;
    }
    return false;
}

/* Where the item's values at each path stand on the stack. */
struct gathered { uint32_t first[MAX_DISCRIMINATORS], end[MAX_DISCRIMINATORS]; };

static bool slice_fits(struct engine *e, const struct place *at, const struct plan *plan, uint32_t s, const struct gathered *g)
{
    const struct image *image = e->image;
    const struct criterion *criteria = plan->criteria + (size_t)s * plan->discriminators;
    struct criterion by_type = { .said = true, .def = image_element(image, image->children[plan->slicing->slices.first + s]) };

    if (!plan->clear[s] || e->walk->matches > WALK_MAX_MATCHES)
        return false;
    if (plan->discriminators == 0)
        return fits_types(e, at, &by_type, &(struct found){ at->node, at->companion, at->element, at->type }, false, true);
    for (uint32_t d = 0; d < plan->discriminators; d++)
        if (criteria[d].said && !fits(e, at, plan, d, &criteria[d], g->first[d], g->end[d]))
            return false;
    return true;
}

/* ---- assigning ---- */

struct assignment {
    struct engine *e;
    const struct place *at;
    const struct layer *layer;
    const struct img_element *slicing;
    const struct plan *plan;
    uint32_t counts, chosen;      /* in numbers: per slice, per item (slice + 1) */
    uint32_t last;                /* slice + 1 of the item before, for ordered slicing */
    bool outside;                 /* an item in no slice was seen: for openAtEnd */
    bool over;                    /* a slice had more items than it may have */
};

static const struct img_element *slice_at(const struct assignment *a, uint32_t s)
{
    return image_element(a->e->image, a->e->image->children[a->slicing->slices.first + s]);
}

static bool is_part_of(const struct image *image, img_str a, img_str b)
{
    struct bytes x = image_bytes(image, a), y = image_bytes(image, b);

    return x.len > y.len && x.data[y.len] == '/' && memcmp(x.data, y.data, y.len) == 0;
}

static void choose(struct assignment *a, const struct place *place, uint32_t item, uint32_t i, uint32_t s)
{
    struct engine *e = a->e;
    struct engine_walk *w = e->walk;
    uint32_t before = w->numbers[a->chosen + i];
    img_str name = slice_at(a, s)->slice_name, other;

    if (before != 0) {
        other = slice_at(a, before - 1)->slice_name;
        if (!is_part_of(e->image, name, other) && !is_part_of(e->image, other, name))
            engine_report(e, place, NULL, MSG_ERROR, MSG_VALIDATE_SLICE_TWICE, NULL, layer_url(e, a->slicing), image_text(e->image, other), image_text(e->image, name));
        if (!is_part_of(e->image, name, other))
            return;
        w->numbers[a->counts + before - 1]--;
    }
    w->numbers[a->chosen + i] = s + 1;
    a->over |= ++w->numbers[a->counts + s] > slice_at(a, s)->max;
    walk_link(e, item, slice_at(a, s), a->layer->foreign);
}

static void check_order(struct assignment *a, const struct place *place, uint32_t chosen)
{
    struct engine *e = a->e;
    const char *url = layer_url(e, a->slicing), *name = image_text(e->image, a->slicing->name);

    if (chosen == 0) {
        a->outside = true;
        if (a->slicing->slicing_rules == IMG_CLOSED)
            engine_report(e, place, NULL, MSG_ERROR, MSG_VALIDATE_SLICE_CLOSED, NULL, url, name, NULL);
        return;
    }
    if ((a->slicing->flags & IMG_ORDERED_SLICES) != 0 && chosen < a->last)
        engine_report(e, place, NULL, MSG_ERROR, MSG_VALIDATE_SLICE_ORDER, NULL, url, name, NULL);
    else if (a->slicing->slicing_rules == IMG_OPEN_AT_END && a->outside)
        engine_report(e, place, NULL, MSG_ERROR, MSG_VALIDATE_SLICE_ORDER, NULL, url, name, NULL);
    a->last = chosen;
}

/* Of the texts that the discriminators find in an item, as slice_hash(); 0 when one of them finds something else than one text. */
static uint32_t item_hash(const struct engine *e, const struct plan *plan, const struct gathered *g)
{
    uint32_t hash = 0;

    for (uint32_t d = 0; d < plan->discriminators; d++) {
        const struct json_node *node = g->end[d] == g->first[d] + 1 ? e->walk->found[g->first[d]].node : NULL;

        if (!json_is(node, JSON_STRING))
            return 0;
        hash = more_hash(hash, (struct bytes){ node->text, node->len });
    }
    return hash;
}

/* The next slice from s on that the item may belong to: one that asks for other texts is passed by. */
static uint32_t next_slice(const struct plan *plan, uint32_t s, uint32_t hash)
{
    uint32_t at = hash & (plan->hash_size - 1), next = plan->slicing->slices.count;

    if (hash == 0 || plan->hash_size == 0)
        return s;
    while (plan->by_hash[at] != 0 && plan->hash[plan->by_hash[at] - 1] != hash)
        at = (at + 1) & (plan->hash_size - 1);
    if (plan->by_hash[at] > s)
        next = plan->by_hash[at] - 1;
    for (uint32_t i = 0; i < plan->open_count && plan->open[i] < next; i++)
        if (plan->open[i] >= s)
            return plan->open[i];
    return next;
}

static void assign_item(struct assignment *a, uint32_t item, uint32_t i)
{
    struct engine *e = a->e;
    struct engine_walk *w = e->walk;
    struct item copy = w->items[item];
    struct place place = walk_item_place(a->at, &copy);
    struct gathered g;
    uint32_t mark = w->found_count, hash;

    if (copy.face->resource && place.node != NULL) {
        struct fhirpath_item resource = fhirpath_resource_of(&e->path_env, place.node);
        place.type = resource.type;
        place.element = resource.element;
    }
    for (uint32_t d = 0; d < a->plan->discriminators; d++) {
        g.first[d] = gather_path(e, &place, &a->plan->paths[d]);
        g.end[d] = w->found_count;
    }
    hash = item_hash(e, a->plan, &g);
    w->matches += a->slicing->slices.count;
    for (uint32_t s = next_slice(a->plan, 0, hash); s < a->slicing->slices.count && !e->failed; s = next_slice(a->plan, s + 1, hash))
        if (slice_fits(e, &place, a->plan, s, &g))
            choose(a, &place, item, i, s);
    w->found_count = mark;
    check_order(a, &place, w->numbers[a->chosen + i]);
}

static void check_slice_counts(const struct assignment *a, uint32_t s)
{
    struct engine *e = a->e;
    const struct img_element *slice = slice_at(a, s);
    uint32_t count = e->walk->numbers[a->counts + s];
    bool clear = a->plan->clear[s];
    const char *url, *path, *name;

    if (count >= slice->min && (slice->max == IMG_MANY || count <= slice->max))
        return;
    url = layer_url(e, slice);
    path = image_text(e->image, a->slicing->path);
    name = image_text(e->image, slice->slice_name);
    if (!clear && slice->min > 0)
        engine_report(e, a->at, NULL, MSG_WARNING, MSG_VALIDATE_SLICE_UNCLEAR, NULL, url, path, name);
    else if (clear && count < slice->min)
        engine_report(e, a->at, NULL, layer_severity(e, slice), MSG_VALIDATE_SLICE_MISSING, NULL, url, path, name);
    else if (slice->max != IMG_MANY && count > slice->max)
        engine_report(e, a->at, NULL, MSG_ERROR, MSG_VALIDATE_SLICE_MANY, NULL, url, path, name);
}

/* A slice that is sliced again: the items that belong to it. */
static void assign_again(const struct assignment *a, uint32_t first, uint32_t count, uint32_t s)
{
    struct engine *e = a->e;
    struct engine_walk *w = e->walk;
    uint32_t mark = w->number_count;

    for (uint32_t i = 0; i < count && !e->failed; i++)
        if (w->numbers[a->chosen + i] == s + 1)
            walk_push_number(e, w->numbers[first + i]);
    if (!e->failed)
        slices_assign(e, a->at, a->layer, slice_at(a, s), mark, w->number_count - mark);
    w->number_count = mark;
}

void slices_assign(struct engine *e, const struct place *at, const struct layer *layer, const struct img_element *slicing, uint32_t first, uint32_t count)
{
    struct engine_walk *w = e->walk;
    uint32_t mark = w->number_count;
    struct assignment a = { .e = e, .at = at, .layer = layer, .slicing = slicing, .plan = plan_of(e, slicing) };
    const uint32_t *slices;

    if (a.plan == NULL || w->depth >= ENGINE_MAX_DEPTH)
        return;
    w->depth++;
    a.counts = walk_push_zeros(e, slicing->slices.count);
    a.chosen = walk_push_zeros(e, count);
    for (uint32_t i = 0; i < count && !e->failed; i++)
        assign_item(&a, w->numbers[first + i], i);
    slices = a.over ? a.plan->counted : a.plan->needed;
    for (uint32_t i = 0, end = a.over ? a.plan->counted_count : a.plan->needed_count; i < end && !e->failed; i++) {
        check_slice_counts(&a, slices[i]);
        if (slice_at(&a, slices[i])->slices.count > 0)
            assign_again(&a, first, count, slices[i]);
    }
    if (w->matches > WALK_MAX_MATCHES)
        walk_limit(e, at, "slices");
    w->depth--;
    w->number_count = mark;
}
