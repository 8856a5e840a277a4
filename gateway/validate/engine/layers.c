/*
 * NAME
 *     layers - what a profile adds: counts, types, values, bindings, constraints, the profiles of its types
 *
 * DESCRIPTION
 *     A layer is checked in two steps: layer_children() when its object is walked (how often each child stands there, which slice each item belongs to),
 *     layer_element() when the walk reaches the element itself. Only what the definition adds to the base type is looked at, except for a *foreign*
 *     layer: a profile of another type that a resource declares is held against it name by name, as the reference does.
 *
 *     In the reading "service" a minimum that a Japanese profile adds to an element without must-support is a warning, and so is a must-support element
 *     that is missing without being required.
 */
#include <string.h>

#include "validate/engine/walk.h"

static const char japanese[] = "http://jpfhir.jp/";

const char *layer_url(const struct engine *e, const struct img_element *def)
{
    const struct img_profile *profile = image_profile(e->image, def->profile);

    return profile != NULL ? image_text(e->image, profile->url) : NULL;
}

static bool is_japanese(const struct engine *e, const struct img_element *def)
{
    const char *url = layer_url(e, def);

    return url != NULL && strncmp(url, japanese, sizeof japanese - 1) == 0;
}

enum msg_severity layer_severity(const struct engine *e, const struct img_element *def)
{
    return e->walk->service && (def->flags & IMG_MUST_SUPPORT) == 0 && is_japanese(e, def) ? MSG_WARNING : MSG_ERROR;
}

/* ---- children ---- */

/* The group of items that a child of the layer is about. */
static struct group *group_of(const struct engine *e, uint32_t first_group, uint64_t names, const struct img_element *child)
{
    struct engine_walk *w = e->walk;

    if ((names & document_name_bit(child->name)) == 0)
        return NULL;
    for (uint32_t g = first_group; g < w->group_count; g++)
        if (w->groups[g].name == child->name)
            return &w->groups[g];
    for (uint32_t g = first_group; g < w->group_count; g++)   /* "valueQuantity" for a choice, as older profiles write it */
        if (w->groups[g].count > 0 && (w->groups[g].element->flags & IMG_CHOICE) != 0 && w->items[w->groups[g].first].member->name == child->name)
            return &w->groups[g];
    return NULL;
}

static void report_counts(struct engine *e, const struct place *at, const struct short_child *s, uint32_t count)
{
    const struct img_element *child = s->child;
    const char *url = layer_url(e, child), *path = image_text(e->image, child->path);

    if (count < s->min)
        engine_report(e, at, NULL, layer_severity(e, child), MSG_VALIDATE_MISSING, NULL, url, path, NULL);
    else
        engine_report(e, at, NULL, MSG_ERROR, MSG_VALIDATE_TOO_MANY, NULL, url, path, NULL);
}

static void layer_child(struct engine *e, const struct place *at, const struct layer *layer, const struct short_child *s, uint32_t first_group, uint64_t names)
{
    struct engine_walk *w = e->walk;
    struct group *group = group_of(e, first_group, names, s->child);
    uint32_t count = group != NULL ? group->count : 0, first = group != NULL ? group->first : 0, numbers = w->number_count;

    if (group != NULL)
        group->taken = true;
    if (count < s->min || count > s->max)
        report_counts(e, at, s, count);
    for (uint32_t i = 0; i < count && (s->below || s->sliced); i++)
        walk_link(e, first + i, s->child, layer->foreign);
    if (!s->sliced)
        return;
    for (uint32_t i = 0; i < count; i++)
        walk_push_number(e, first + i);
    if (!e->failed)
        slices_assign(e, at, layer, s->child, numbers, count);
    w->number_count = numbers;
}

/* A child of a foreign profile: all that it says counts. */
static void layer_child_whole(struct engine *e, const struct place *at, const struct layer *layer, const struct img_element *child, uint32_t first_group, uint64_t names)
{
    struct short_child whole = { .child = child, .min = child->min, .max = child->max, .below = true, .sliced = child->slices.count > 0 };

    layer_child(e, at, layer, &whole, first_group, names);
}

/* A foreign profile does not know these children at all. */
static void report_untaken(struct engine *e, const struct place *at, const struct layer *layer, uint32_t first_group)
{
    const struct engine_walk *w = e->walk;
    const struct img_profile *profile = image_profile(e->image, layer->def->profile);

    for (uint32_t g = first_group; g < w->group_count; g++) {
        struct group group = w->groups[g];
        for (uint32_t i = 0; !group.taken && i < group.count; i++) {
            struct place place = walk_item_place(at, &w->items[group.first + i]);
            engine_report(e, &place, NULL, MSG_ERROR, MSG_VALIDATE_FORBIDDEN, NULL, image_text(e->image, profile->url), image_text(e->image, group.element->path), NULL);
        }
    }
}

/* What the guide wants filled when it is known, and is not there: one issue an object here, one a resource in the end (unfilled.c). */
static void report_unfilled(struct engine *e, const struct place *at, const struct layer *layer, uint32_t first_group, uint64_t names)
{
    enum { NAMES_MAX = 160 };
    char missing[NAMES_MAX + 1] = "";
    size_t len = 0;

    for (uint32_t i = 0; i < layer->def->children.count; i++) {
        const struct img_element *child = image_element(e->image, e->image->children[layer->def->children.first + i]);
        struct bytes name = image_bytes(e->image, child->name);
        const struct group *group;

        if ((child->flags & IMG_MUST_SUPPORT) == 0 || child->min > 0 || child->max == 0 || len + name.len + 2 > NAMES_MAX)
            continue;
        group = group_of(e, first_group, names, child);
        if (group != NULL && group->count > 0)
            continue;
        len += (size_t)snprintf(missing + len, sizeof missing - len, "%s%s", len > 0 ? ", " : "", name.data);
    }
    if (len > 0)
        engine_report(e, at, NULL, MSG_WARNING, MSG_VALIDATE_MUST_SUPPORT, NULL, layer_url(e, layer->def), missing, layer_url(e, layer->def));
}

void layer_children(struct engine *e, const struct place *at, const struct layer *layer, uint32_t first_group, uint64_t names)
{
    const struct img_element *def = layer->def;
    struct engine_walk *w = e->walk;

    for (uint32_t g = first_group; layer->foreign && g < w->group_count; g++)
        w->groups[g].taken = false;
    if (layer->foreign) {
        for (uint32_t i = 0; i < def->children.count && !e->failed; i++)
            layer_child_whole(e, at, layer, image_element(e->image, e->image->children[def->children.first + i]), first_group, names);
    } else {
        const struct shortlist *list = walk_shortlist(e, def, false);
        for (uint32_t i = 0; list != NULL && i < list->count && !e->failed; i++)
            if (!list->child[i].quiet || (names & list->child[i].name_bit) != 0)
                layer_child(e, at, layer, &list->child[i], first_group, names);
    }
    if (w->service && e->trial == 0 && is_japanese(e, def))
        report_unfilled(e, at, layer, first_group, names);
    if (layer->foreign && def->children.count > 0)
        report_untaken(e, at, layer, first_group);
}

/* ---- types ---- */

static bool pushed_before(const struct engine *e, const struct img_element *def)
{
    const struct engine_walk *w = e->walk;

    for (uint32_t i = w->first_layer; i < w->layer_count; i++)
        if (w->layers[i].def == def)
            return true;
    return false;
}

/* Layer of a profile's root: what it says of the element itself is checked here, its children when the object is walked. */
static void enter_profile(struct engine *e, const struct place *at, img_id profile, bool foreign)
{
    const struct img_element *root = image_element(e->image, image_profile(e->image, profile)->root);
    struct layer layer = { root, foreign };

    if (root == NULL || pushed_before(e, root))
        return;
    layer_element(e, at, &layer, at->up);
}

static img_id find_named(struct engine *e, const struct place *at, img_str canonical)
{
    img_id profile = session_profile(e->session, e->image, canonical);

    if (profile == 0)
        engine_report_bytes(e, at, NULL, MSG_ERROR, MSG_VALIDATE_PROFILE_UNKNOWN, NULL, image_bytes(e->image, canonical), (struct bytes){ NULL, 0 });
    return profile;
}

bool layer_holds(struct engine *e, const struct place *at, const struct img_element *def)
{
    struct engine_walk *w = e->walk;
    struct layer layer = { def, false };
    uint32_t first = w->layer_count, outer = w->first_layer;
    size_t before = e->trial_errors, found;

    e->trial++;
    w->first_layer = first;
    layer_element(e, at, &layer, at->up);
    walk_object(e, at, image_body(e->image, image_element(e->image, at->element), at->type), first, w->layer_count - first, false);
    w->layer_count = first;
    w->first_layer = outer;
    found = e->trial_errors - before;
    e->trial_errors = before;
    e->trial--;
    return found == 0;
}

void layer_type_profiles(struct engine *e, const struct place *at, const struct img_type *type)
{
    const struct image *image = e->image;
    img_id profile, fits = 0;

    if (type->profiles.count == 1) {
        profile = find_named(e, at, image->links[type->profiles.first]);
        if (profile != 0)
            enter_profile(e, at, profile, false);
        return;
    }
    for (uint32_t i = 0; i < type->profiles.count && fits == 0; i++) {
        profile = find_named(e, at, image->links[type->profiles.first + i]);
        if (profile != 0 && image_profile(image, profile)->root != 0 && layer_holds(e, at, image_element(image, image_profile(image, profile)->root)))
            fits = profile;
    }
    if (fits != 0)
        enter_profile(e, at, fits, false);
    else
        engine_report(e, at, NULL, MSG_ERROR, MSG_VALIDATE_FITS_NONE, NULL, NULL, image_text(image, image->links[type->profiles.first]), NULL);
}

/* The entry of the definition's types for what is there; NULL when none fits. */
static const struct img_type *fitting_type(const struct engine *e, const struct img_element *def, img_id type)
{
    const struct img_profile *actual = image_profile(e->image, type);
    const struct img_profile *wanted;

    for (uint32_t i = 0; i < def->types.count; i++) {
        const struct img_type *t = &e->image->types[def->types.first + i];
        wanted = image_profile(e->image, t->profile_of_code);
        if (actual != NULL && (t->code == actual->type || t->profile_of_code == type))
            return t;
        if (wanted == NULL || wanted->abstract || actual == NULL)
            return t;
    }
    return NULL;
}

/* The type is none of those that the profile allows: where it is said depends on how many those are. */
static void report_type(struct engine *e, const struct place *at, const struct layer *layer, const struct place *parent)
{
    const struct image *image = e->image;
    const struct img_element *def = layer->def;
    const struct img_profile *actual = image_profile(image, at->type), *of = image_profile(image, def->profile);
    const struct img_type *first = &image->types[def->types.first];
    const char *is = actual != NULL ? image_text(image, actual->type) : "", *should = image_text(image, first->code);

    if (def->types.count > 1)
        engine_report(e, parent != NULL ? parent : at, NULL, MSG_ERROR, MSG_VALIDATE_TYPE, NULL, layer_url(e, def), is, should);
    else if ((def->flags & IMG_CHOICE) == 0 || of->type != e->walk->name.extension)
        engine_report(e, at, NULL, MSG_ERROR, MSG_VALIDATE_TYPE, NULL, layer_url(e, def), is, should);
    if (def->types.count == 1 && first->profile_of_code != 0)
        enter_profile(e, at, first->profile_of_code, true);
}

static void check_value(struct engine *e, const struct place *at, const struct img_element *def)
{
    const struct img_profile *type = image_profile(e->image, at->type);

    if (def->fixed != 0)
        value_check(e, at, def, def->fixed, false);
    if (def->pattern != 0)
        value_check(e, at, def, def->pattern, true);
    if (type != NULL && type->kind == IMG_PRIMITIVE && (def->min_value != 0 || def->max_value != 0 || def->max_length != 0))
        primitive_check(e, at, type, def);
}

void layer_element(struct engine *e, const struct place *at, const struct layer *layer, const struct place *parent)
{
    const struct img_element *def = layer->def;
    uint32_t adds = layer->foreign ? UINT16_MAX : def->adds;
    const struct img_type *type = NULL;

    if (e->walk->depth >= ENGINE_MAX_DEPTH) {
        walk_limit(e, at, "depth");
        return;
    }
    e->walk->depth++;
    if (def->types.count > 0 && def->parent != 0) {
        type = fitting_type(e, def, at->type);
        if (type == NULL)
            report_type(e, at, layer, parent);
    }
    if ((adds & IMG_ADDS_VALUE) != 0)
        check_value(e, at, def);
    if (def->constraints.count > 0 || def->content_reference != 0)
        invariants_check(e, at, def);
    if ((adds & IMG_ADDS_BINDING) != 0 && binding_counts(def))
        binding_check(e, at, def, layer_url(e, def));
    if (type != NULL && type->targets.count > 0 && (adds & IMG_ADDS_TYPES) != 0 && image_profile(e->image, at->type) != NULL && image_profile(e->image, at->type)->type == e->walk->name.reference)
        reference_check(e, at, def, type, layer_url(e, def));
    if (def->children.count > 0)
        walk_push_layer(e, def, layer->foreign);
    else if (def->content_reference != 0)
        walk_push_layer(e, image_element(e->image, def->content_reference), layer->foreign);
    if (type != NULL && type->profiles.count > 0)
        layer_type_profiles(e, at, type);
    e->walk->depth--;
}

/* ---- resources within resources ---- */

static bool names_resource(const struct engine *e, const struct img_type *type, img_id resource)
{
    const struct img_profile *actual = image_profile(e->image, resource);

    return type->code == e->walk->name.resource || (actual != NULL && (type->code == actual->type || image_type_is(e->image, resource, image_text(e->image, type->code))));
}

static void demand_one_of(struct engine *e, const struct place *at, const struct img_type *type)
{
    const struct image *image = e->image;
    img_id profile;

    if (type->profiles.count == 1) {
        profile = find_named(e, at, image->links[type->profiles.first]);
        if (profile != 0)
            run_demand(e, at, profile);
        return;
    }
    for (uint32_t i = 0; i < type->profiles.count; i++) {
        profile = find_named(e, at, image->links[type->profiles.first + i]);
        if (profile != 0 && engine_conforms(e, at->node, profile))
            return;
    }
    engine_report(e, at, NULL, MSG_ERROR, MSG_VALIDATE_FITS_NONE, NULL, NULL, image_text(image, image->links[type->profiles.first]), NULL);
}

void layer_resource(struct engine *e, const struct place *at, const struct layer *layer)
{
    const struct img_element *def = layer->def;
    struct engine_walk *w = e->walk;
    const struct run *own = run_own(e, at->node, at);
    const struct img_type *type = NULL;
    uint32_t first = w->layer_count;

    if (own == NULL || own->type == 0)
        return;
    for (uint32_t i = 0; i < def->types.count && type == NULL; i++)
        if (names_resource(e, &e->image->types[def->types.first + i], own->type))
            type = &e->image->types[def->types.first + i];
    if (type == NULL && def->types.count > 0)
        engine_report(e, at, NULL, MSG_ERROR, MSG_VALIDATE_TYPE, NULL, layer_url(e, def), image_text(e->image, image_profile(e->image, own->type)->type), image_text(e->image, e->image->types[def->types.first].code));
    else if (type != NULL && type->profiles.count > 0)
        demand_one_of(e, at, type);
    if (def->children.count > 0 && walk_push_layer(e, def, false))
        walk_object(e, own->place, image_element(e->image, image_profile(e->image, own->type)->root), first, 1, false);
    w->layer_count = first;
}
