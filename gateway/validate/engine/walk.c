/*
 * NAME
 *     walk - one object of the document against its base type, and all that apply to it at once
 *
 * DESCRIPTION
 *     The children of an object are listed once, in the order of the file: each member is looked up in the definition (binary search), members that no
 *     definition knows are reported at the object that holds them, JSON kinds that do not fit at the member. Then the minima of the base type,
 *     then the children of the layers, then each child: its base definition, its layers, and what is below.
 *
 *     Where the reference reads JSON before it validates, its habits are kept: a list given as a single object is reported and still checked, a list of
 *     primitives that is no list is reported and left out, a second choice of the same element is an unknown member.
 *
 * DIAGNOSTICS
 *     Depth over ENGINE_MAX_DEPTH is an issue (NOT_CHECKED), once a document.
 */
#include <string.h>

#include "validate/engine/walk.h"

/* ---- stacks ---- */

bool walk_more_room(struct engine *e, void **array, uint32_t *capacity, uint32_t count, size_t size)
{
    uint32_t more = *capacity == 0 ? 64 : *capacity * 2;
    void *larger;

    larger = more > *capacity ? arena_array(e->arena, more, size) : NULL;
    if (larger == NULL) {
        e->failed = true;
        return false;
    }
    if (count > 0)
        memcpy(larger, *array, count * size);
    *array = larger;
    *capacity = more;
    return true;
}

bool walk_push_layer(struct engine *e, const struct img_element *def, bool foreign)
{
    struct engine_walk *w = e->walk;

    if (!walk_room(e, (void **)&w->layers, &w->layer_capacity, w->layer_count, sizeof *w->layers))
        return false;
    w->layers[w->layer_count++] = (struct layer){ def, foreign };
    return true;
}

bool walk_link(struct engine *e, uint32_t item, const struct img_element *def, bool foreign)
{
    struct engine_walk *w = e->walk;
    struct link *link;

    if (!walk_room(e, (void **)&w->links, &w->link_capacity, w->link_count, sizeof *w->links))
        return false;
    link = &w->links[w->link_count];
    link->layer.def = def;
    link->layer.foreign = foreign;
    link->next = w->items[item].layers;
    w->items[item].layers = ++w->link_count;
    return true;
}

uint32_t walk_push_number(struct engine *e, uint32_t number)
{
    struct engine_walk *w = e->walk;

    if (!walk_room(e, (void **)&w->numbers, &w->number_capacity, w->number_count, sizeof *w->numbers))
        return 0;
    w->numbers[w->number_count] = number;
    return w->number_count++;
}

uint32_t walk_push_zeros(struct engine *e, uint32_t count)
{
    struct engine_walk *w = e->walk;
    uint32_t first = w->number_count;

    while (w->number_capacity - w->number_count < count)
        if (!walk_room(e, (void **)&w->numbers, &w->number_capacity, w->number_capacity, sizeof *w->numbers))
            return first;
    if (count > 0)
        memset(w->numbers + first, 0, count * sizeof *w->numbers);
    w->number_count += count;
    return first;
}

/* ---- what is to be looked at ---- */

static bool matters(const struct img_element *child, bool base)
{
    if (base)
        return child->min > 0 || (child->max != IMG_MANY && child->max != 1);
    return child->adds != 0 || child->slices.count > 0;
}

static struct short_child short_child(const struct img_element *child, bool base)
{
    const uint16_t counts = IMG_ADDS_MIN | IMG_ADDS_MAX | IMG_ADDS_MUST_SUPPORT;

    if (base)
        return (struct short_child){ .child = child, .name_bit = document_name_bit(child->name), .min = child->min, .max = child->max, .quiet = child->min == 0 };
    return (struct short_child){
        .child = child, .name_bit = document_name_bit(child->name), .min = (child->adds & IMG_ADDS_MIN) != 0 ? child->min : 0, .max = (child->adds & IMG_ADDS_MAX) != 0 ? child->max : IMG_MANY,
        .quiet = child->slices.count == 0 && ((child->adds & IMG_ADDS_MIN) == 0 || child->min == 0), .below = (child->adds & (uint16_t)~counts) != 0, .sliced = child->slices.count > 0,
    };
}

const struct shortlist *walk_new_shortlist(struct engine *e, const struct img_element *def, bool base)
{
    struct shortlist **slot = &(base ? e->session->own : e->session->added)[def - e->image->elements];
    struct shortlist *list = arena_alloc(e->session->arena, sizeof *list);

    if (list != NULL)
        list->child = arena_array(e->session->arena, def->children.count + 1, sizeof *list->child);
    if (list == NULL || list->child == NULL) {
        e->failed = true;
        return NULL;
    }
    for (uint32_t i = 0; i < def->children.count; i++) {
        const struct img_element *child = image_element(e->image, e->image->children[def->children.first + i]);
        if (matters(child, base))
            list->child[list->count++] = short_child(child, base);
    }
    *slot = list;
    return list;
}

/* ---- places ---- */

const struct face *walk_new_face(struct engine *e, uint32_t member)
{
    const struct image *image = e->image;
    const struct img_member *m = &image->members[member - 1];
    const struct img_element *element = image_element(image, m->element);
    struct face *face = arena_alloc(e->session->arena, sizeof *face);
    bool choice = (element->flags & IMG_CHOICE) != 0;

    if (face == NULL) {
        e->failed = true;
        return NULL;
    }
    face->element = element;
    face->element_id = m->element;
    face->type_id = image_member_type(image, m, &face->type);
    face->profile = image_profile(image, face->type_id);
    face->root = face->profile != NULL ? image_element(image, face->profile->root) : NULL;
    face->body = image_body(image, element, face->type_id);
    face->name = image_bytes(image, element->name);
    if (choice && face->type != NULL)
        face->of_type = image_bytes(image, face->type->code);
    face->names = document_name_bit(element->name) | (choice ? document_name_bit(m->name) : 0);
    face->primitive = face->profile != NULL && face->profile->kind == IMG_PRIMITIVE;
    face->resource = face->profile != NULL && face->profile->kind == IMG_RESOURCE;
    face->array = (element->flags & IMG_ARRAY) != 0;
    face->outranked = m->type > 1;
    face->asks = invariants_any(element);
    face->root_asks = face->root != NULL && invariants_any(face->root);
    face->bound = binding_counts(element);
    face->typed = face->profile != NULL && typed_has((enum img_well_known)face->profile->well_known);
    e->session->faces[member - 1] = face;
    return face;
}

void walk_limit(struct engine *e, const struct place *at, const char *what)
{
    unsigned trial = e->trial;

    if (e->walk->limit_told)
        return;
    e->walk->limit_told = true;
    e->trial = 0;
    engine_report(e, at, NULL, MSG_ERROR, MSG_VALIDATE_NOT_CHECKED, NULL, NULL, what, NULL);
    e->trial = trial;
}

/* ---- listing the children ---- */

struct listing {
    struct engine *e;
    const struct place *at;
    const struct json_node *object;
    const struct img_member *member;   /* being listed */
    struct place read;          /* the same place as a reader of the JSON sees it: without "[0]" where a list was given as a single object */
    uint32_t first_group;
    uint64_t names;             /* bits of the names under which items may be found: of their elements, and of the members as they are spelt */
    bool base, companions;
};

static void report_kind(const struct listing *l, const struct img_element *element, const struct json_node *node, int32_t index, const char *kind)
{
    struct place place = { .up = &l->read, .name = image_bytes(l->e->image, element->name), .index = index, .node = node, .resource = l->at->resource };

    if (l->base)
        engine_report_read(l->e, &place, node, MSG_VALIDATE_KIND, image_bytes(l->e->image, element->name), (struct bytes){ kind, strlen(kind) });
}

static void report_empty(const struct listing *l, const struct img_element *element, const struct json_node *node, int32_t index)
{
    struct place place;

    if (!l->base || node->count > 0)
        return;
    place = engine_child(&l->read, image_text(l->e->image, element->name), index, node);
    engine_report_read(l->e, &place, node, MSG_VALIDATE_EMPTY, place.name, (struct bytes){ NULL, 0 });
}

static void report_unknown(const struct listing *l, const struct json_node *node)
{
    if (l->base)
        engine_report_read(l->e, &l->read, node, MSG_VALIDATE_FORBIDDEN, (struct bytes){ node->key, node->key_len }, (struct bytes){ NULL, 0 });
}

static void add_item(const struct listing *l, const struct face *face, const struct json_node *node, const struct json_node *companion, int32_t index)
{
    struct engine_walk *w = l->e->walk;
    struct item *item;

    if (!walk_room(l->e, (void **)&w->items, &w->item_capacity, w->item_count, sizeof *w->items))
        return;
    item = &w->items[w->item_count++];
    item->node = node;
    item->companion = companion;
    item->member = l->member;
    item->face = face;
    item->index = index;
    item->layers = 0;
    w->groups[w->group_count - 1].count++;
}

static bool open_group(struct listing *l, const struct face *face)
{
    struct engine_walk *w = l->e->walk;
    struct group *group;

    if (!walk_room(l->e, (void **)&w->groups, &w->group_capacity, w->group_count, sizeof *w->groups))
        return false;
    group = &w->groups[w->group_count++];
    group->element = face->element;
    group->name = face->element->name;
    group->first = w->item_count;
    group->count = 0;
    group->taken = false;
    l->names |= face->names;
    return true;
}

static bool has_group(const struct listing *l, const struct face *face)
{
    const struct engine_walk *w = l->e->walk;

    for (uint32_t g = l->first_group; (l->names & face->names) != 0 && g < w->group_count; g++)
        if (w->groups[g].element == face->element)
            return true;
    return false;
}

static bool is_scalar(const struct json_node *node)
{
    return node->type == JSON_STRING || node->type == JSON_NUMBER || node->type == JSON_TRUE || node->type == JSON_FALSE;
}

static void add_primitive(const struct listing *l, const struct face *face, const struct json_node *value, const struct json_node *companion, int32_t index)
{
    if (value != NULL && !is_scalar(value))
        report_kind(l, face->element, value, NO_INDEX, "value");
    else if (companion != NULL && companion->type != JSON_OBJECT)
        report_kind(l, face->element, companion, NO_INDEX, "object");
    else
        add_item(l, face, value, companion, index);
}

static const struct json_node *not_null(const struct json_node *node)
{
    return node != NULL && node->type == JSON_NULL ? NULL : node;
}

static void list_primitive(const struct listing *l, const struct face *face, const struct json_node *value, const struct json_node *companion)
{
    const struct json_node *v, *c;
    int32_t index = 0;

    if (!face->array) {
        add_primitive(l, face, value, companion, NO_INDEX);
        return;
    }
    if (value != NULL && value->type != JSON_ARRAY) {
        report_kind(l, face->element, value, NO_INDEX, "array");
        return;
    }
    if (companion != NULL && companion->type != JSON_ARRAY) {
        report_kind(l, face->element, companion, NO_INDEX, "array");
        return;
    }
    if (value != NULL && value->count == 0 && l->base) {
        struct place place = engine_child(&l->read, face->name.data, NO_INDEX, value);
        engine_report_bytes(l->e, &place, value, MSG_WARNING, MSG_VALIDATE_EMPTY, NULL, place.name, (struct bytes){ NULL, 0 });   /* the reference lets it pass */
    }
    v = value != NULL ? value->child : NULL;
    c = companion != NULL ? companion->child : NULL;
    while (v != NULL || c != NULL) {
        add_primitive(l, face, not_null(v), not_null(c), index++);
        v = v != NULL ? v->next : NULL;
        c = c != NULL ? c->next : NULL;
    }
}

static void add_object(const struct listing *l, const struct face *face, const struct json_node *value, int32_t at, int32_t index)
{
    if (value->type != JSON_OBJECT) {
        report_kind(l, face->element, value, at, face->array ? "array" : "object");
        return;
    }
    report_empty(l, face->element, value, at);
    add_item(l, face, value, NULL, index);
}

static void list_objects(const struct listing *l, const struct face *face, const struct json_node *value)
{
    const struct engine_walk *w = l->e->walk;
    bool array = face->array;
    int32_t at = 0;

    if (!array || value->type != JSON_ARRAY) {
        if (array)
            report_kind(l, face->element, value, NO_INDEX, "array");
        add_object(l, face, value, NO_INDEX, array ? 0 : NO_INDEX);
        return;
    }
    report_empty(l, face->element, value, NO_INDEX);
    for (const struct json_node *n = value->child; n != NULL; n = n->next, at++)
        add_object(l, face, n, at, (int32_t)w->groups[w->group_count - 1].count);
}

/* The member "_name" for "name", or "name" for "_name". */
static const struct json_node *partner(const struct json_node *object, const struct json_node *of)
{
    bool companion = of->key[0] == '_';
    uint32_t len = companion ? of->key_len - 1 : of->key_len;
    const char *name = companion ? of->key + 1 : of->key;

    for (const struct json_node *n = object->child; n != NULL; n = n->next) {
        if (companion && n->key_len == len && memcmp(n->key, name, len) == 0)
            return n;
        if (!companion && n->key_len == len + 1 && n->key[0] == '_' && memcmp(n->key + 1, name, len) == 0)
            return n;
    }
    return NULL;
}

/* Of two choices of one element the reader of the HL7 core takes the one whose type the definition names first, whatever their order in the file. */
static bool outranked(const struct listing *l, const struct img_member *member)
{
    struct bytes name = image_bytes(l->e->image, image_element(l->e->image, member->element)->name);

    for (const struct json_node *n = l->object->child; n != NULL; n = n->next) {
        bool companion = n->key_len > 1 && n->key[0] == '_';
        const struct img_member *other = n->key_len > name.len && memcmp(n->key + companion, name.data, name.len) == 0 ? document_member(&l->e->document, n) : NULL;

        if (other != NULL && other->element == member->element && other->type < member->type)
            return true;
    }
    return false;
}

static void list_member(struct listing *l, const struct json_node *node)
{
    bool companion = node->key[0] == '_' && node->key_len > 1;
    uint32_t member = document_known(&l->e->document, node)->member;
    const struct face *face = member != 0 ? walk_face(l->e, member) : NULL;
    const struct json_node *other = NULL;

    if (face == NULL || (companion && !face->primitive)) {
        report_unknown(l, node);
        return;
    }
    l->member = &l->e->image->members[member - 1];
    if (l->companions && face->primitive)
        other = partner(l->object, node);
    if (companion && other != NULL)
        return;   /* listed with its value */
    if (has_group(l, face) || (face->outranked && outranked(l, l->member))) {
        report_unknown(l, node);   /* a second choice of the same element */
        return;
    }
    if (!open_group(l, face))
        return;
    if (face->primitive)
        list_primitive(l, face, companion ? NULL : node, companion ? node : other);
    else
        list_objects(l, face, node);
}

static void list_children(struct listing *l)
{
    const struct place *at = l->at;
    bool resource = at->resource == at;

    l->read = *at;
    if (at->node != NULL && at->node->parent != NULL && at->node->parent->type != JSON_ARRAY)
        l->read.index = NO_INDEX;
    l->companions = document_known(&l->e->document, l->object)->companions;
    for (const struct json_node *n = l->object->child; n != NULL; n = n->next)
        if (!(resource && json_key_is(n, "resourceType")))
            list_member(l, n);
}

/* ---- checks ---- */

static const struct group *find_group(const struct engine_walk *w, uint32_t first, img_str name)
{
    for (uint32_t g = first; g < w->group_count; g++)
        if (w->groups[g].name == name)
            return &w->groups[g];
    return NULL;
}

static void base_counts(struct engine *e, const struct place *at, const struct img_element *body, uint32_t first_group, uint64_t names)
{
    const struct shortlist *list = walk_shortlist(e, body, true);

    for (uint32_t i = 0; list != NULL && i < list->count; i++) {
        const struct img_element *child = list->child[i].child;
        bool there = (names & list->child[i].name_bit) != 0;
        const struct group *group = there ? find_group(e->walk, first_group, child->name) : NULL;
        uint32_t count = group != NULL ? group->count : 0;

        if (count < child->min)
            engine_report(e, at, NULL, MSG_ERROR, MSG_VALIDATE_MISSING, NULL, NULL, image_text(e->image, child->path), NULL);
        else if (child->max != IMG_MANY && count > child->max)
            engine_report(e, at, NULL, MSG_ERROR, MSG_VALIDATE_TOO_MANY, NULL, NULL, image_text(e->image, child->path), NULL);
    }
}

static void base_element(struct engine *e, const struct place *at, const struct face *face)
{
    img_str name = face->profile != NULL ? face->profile->type : 0;

    if (face->asks)
        invariants_run(e, at, face->element);
    if (face->root_asks)
        invariants_run(e, at, face->root);
    if (face->bound)
        binding_check(e, at, face->element, NULL);
    if (face->primitive) {
        if (!primitive_is_plain(at, (enum img_well_known)face->profile->well_known, face->element))
            primitive_check(e, at, face->profile, face->element);
        if ((face->element->flags & IMG_XHTML) != 0)
            xhtml_check(e, at);
        return;
    }
    if (face->profile == NULL)
        return;
    if (face->typed)
        typed_check(e, at);
    if (name == e->walk->name.coding || name == e->walk->name.quantity)
        coding_check(e, at);
    else if (name == e->walk->name.reference)
        reference_check(e, at, face->element, face->type, NULL);
    else if (name == e->walk->name.extension)
        extension_check(e, at);
    if (face->type != NULL && face->type->profiles.count > 0)
        layer_type_profiles(e, at, face->type);
}

/* A resource within this one: its own run, and the profiles that the layers ask for. */
static void walk_resource(struct engine *e, const struct place *at, const struct item *item, bool base)
{
    struct engine_walk *w = e->walk;
    const struct run *own = run_own(e, item->node, at);

    if (base && own != NULL && own->state == RUN_DONE && e->trial == 0)
        w->errors += own->errors;
    for (uint32_t l = item->layers; l != 0 && !e->failed; l = w->links[l - 1].next) {
        struct layer layer = w->links[l - 1].layer;
        layer_resource(e, at, &layer);
    }
}

static void walk_item(struct engine *e, const struct place *at, uint32_t index, bool base)
{
    struct engine_walk *w = e->walk;
    struct item item = w->items[index];
    struct place place = walk_item_place(at, &item);
    uint32_t first = w->layer_count, outer = w->first_layer;

    if (item.face->resource) {
        walk_resource(e, &place, &item, base);
        return;
    }
    w->first_layer = first;
    if (base)
        base_element(e, &place, item.face);
    for (uint32_t l = item.layers; l != 0 && !e->failed; l = w->links[l - 1].next) {
        struct layer layer = w->links[l - 1].layer;
        layer_element(e, &place, &layer, at);
    }
    if ((base || w->layer_count > first) && (place.companion != NULL || (place.node != NULL && place.node->type == JSON_OBJECT) || w->layer_count > first))
        walk_object(e, &place, item.face->body, first, w->layer_count - first, base);
    w->layer_count = first;
    w->first_layer = outer;
}

void walk_object(struct engine *e, const struct place *at, const struct img_element *body, uint32_t first_layer, uint32_t layer_count, bool base)
{
    struct engine_walk *w = e->walk;
    struct walk_mark mark = { w->item_count, w->group_count, w->link_count, w->layer_count, w->number_count };
    struct listing l = { .e = e, .at = at, .first_group = mark.groups, .base = base };

    l.object = at->node != NULL && at->node->type == JSON_OBJECT ? at->node : at->companion;
    if (w->depth >= ENGINE_MAX_DEPTH || layer_count > WALK_MAX_LAYERS) {
        walk_limit(e, at, "depth");
        return;
    }
    w->depth++;
    if (l.object != NULL)
        list_children(&l);
    if (base && body != NULL) {
        base_counts(e, at, body, mark.groups, l.names);
        if ((l.names & document_name_bit(w->name.id)) != 0 || (body->name == w->name.extension && body->parent == 0))   /* they are about ids and extensions */
            invariants_native(e, at, body, mark.groups);
    }
    for (uint32_t i = 0; i < layer_count && !e->failed; i++) {
        struct layer layer = w->layers[first_layer + i];
        layer_children(e, at, &layer, mark.groups, l.names);
    }
    for (uint32_t i = mark.items, end = w->item_count; i < end && !e->failed; i++)
        if (base || w->items[i].layers != 0)
            walk_item(e, at, i, base);
    w->depth--;
    w->item_count = mark.items;
    w->group_count = mark.groups;
    w->link_count = mark.links;
    w->layer_count = mark.layers;
    w->number_count = mark.numbers;
}
