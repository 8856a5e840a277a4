/*
 * NAME
 *     runs - the walk over one resource, done once for each question
 *
 * DESCRIPTION
 *     Each resource of the document has one own run: its base type and the profiles that it declares, issues kept. It is made when the walk comes to the
 *     resource or when somebody asks earlier whether it conforms to something; where entries and contained resources stand is written down beforehand.
 *     For a further profile (named by a Bundle's slice, a reference's target, conformsTo) a run of its own looks at that profile's additions; its issues are
 *     caught and handed on when the profile is demanded, or only counted when it was a question. A resource conforms to a profile when its own run
 *     found no error and the profile's run neither. A question about what is still under way is answered yes: what is wrong with it is being found anyway.
 *
 * DIAGNOSTICS
 *     Runs within runs are bounded (WALK_MAX_NEST); beyond, the question is answered yes and the document gets an issue that says so.
 */
#include <string.h>

#include "validate/engine/defining.h"
#include "validate/engine/walk.h"

enum { RUN_MIN = 64 };

/* ---- the table of runs ---- */

static uint32_t run_slot(struct run *const *slots, uint32_t size, const struct json_node *node, img_id profile)
{
    uint64_t hash = ((uint64_t)((uintptr_t)node >> 4) + profile * 0x9E3779B9u) * 0x9E3779B97F4A7C15u;
    uint32_t at = (uint32_t)(hash >> 32) & (size - 1);

    while (slots[at] != NULL && (slots[at]->node != node || slots[at]->profile != profile))
        at = (at + 1) & (size - 1);
    return at;
}

static bool runs_grow(struct engine *e)
{
    struct engine_walk *w = e->walk;
    uint32_t size = w->run_slots == 0 ? RUN_MIN : w->run_slots * 2;
    struct run **slots = arena_array(e->arena, size, sizeof(struct run *));

    if (slots == NULL) {
        e->failed = true;
        return false;
    }
    for (uint32_t i = 0; i < w->run_slots; i++)
        if (w->runs[i] != NULL)
            slots[run_slot(slots, size, w->runs[i]->node, w->runs[i]->profile)] = w->runs[i];
    w->runs = slots;
    w->run_slots = size;
    return true;
}

static struct run *run_find(struct engine *e, const struct json_node *node, img_id profile)
{
    struct engine_walk *w = e->walk;
    struct run *run;
    uint32_t at;

    if ((w->run_count + 1) * 2 > w->run_slots && !runs_grow(e))
        return NULL;
    at = run_slot(w->runs, w->run_slots, node, profile);
    if (w->runs[at] != NULL)
        return w->runs[at];
    run = arena_alloc(e->arena, sizeof *run);
    if (run == NULL) {
        e->failed = true;
        return NULL;
    }
    run->node = node;
    run->profile = profile;
    w->runs[at] = run;
    w->run_count++;
    return run;
}

/* ---- where a resource stands ---- */

static struct place *new_place(struct engine *e, const struct place *from)
{
    struct place *place = arena_alloc(e->arena, sizeof *place);

    if (place == NULL)
        e->failed = true;
    else
        *place = *from;
    return place;
}

/* The place of a node below the place of an object, through at most one array; index as counted by the caller. */
static const struct place *place_below(struct engine *e, const struct place *up, const struct json_node *node, int32_t index)
{
    const struct json_node *named = node->parent->type == JSON_ARRAY ? node->parent : node;
    uint32_t member = document_known(&e->document, named)->member;
    struct item item = { .node = node, .index = index, .face = member != 0 ? walk_face(e, member) : NULL };
    struct place place = { .up = up, .name = { named->key, named->key_len }, .index = index, .node = node, .resource = up->resource };

    if (item.face != NULL)
        place = walk_item_place(up, &item);
    return new_place(e, &place);
}

/*
 * Resources are asked about before the walk comes to them: where the entries and the contained resources of this one stand is written down once,
 * so that nobody has to count.
 */
static void prime(struct engine *e, const struct run *own)
{
    static const char *const lists[] = { "entry", "contained" };

    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++) {
        const struct json_node *list = json_get(own->node, lists[l]);
        int32_t index = 0;
        for (const struct json_node *n = list != NULL && list->type == JSON_ARRAY ? list->child : NULL; n != NULL && !e->failed; n = n->next) {
            const struct json_node *resource = l == 0 ? json_get(n, "resource") : n;
            struct run *run = json_is(resource, JSON_OBJECT) ? run_find(e, resource, 0) : NULL;
            const struct place *up = own->place;
            int32_t here = index;
            index += n->type == JSON_OBJECT;   /* as the walk counts: what is no object is not there */
            if (run == NULL || run->place != NULL)
                continue;
            if (l == 0)
                up = place_below(e, up, n, here);
            run->place = up != NULL ? place_below(e, up, resource, l == 0 ? NO_INDEX : here) : NULL;
        }
    }
}

/* The chain of places up to the next resource, where nothing on the stack of the walk is pointed to. */
static const struct place *keep_chain(struct engine *e, const struct place *from)
{
    struct place *place;

    if (from == NULL || from->resource == from)
        return from;
    place = new_place(e, from);
    for (struct place *p = place; p != NULL && p->up != NULL && p->up->resource != p->up;) {
        struct place *up = new_place(e, p->up);
        p->up = up;
        p = up;
    }
    return place;
}

/* ---- the own run ---- */

static struct bytes text_of(const struct json_node *node)
{
    return node != NULL && node->type == JSON_STRING ? (struct bytes){ node->text, node->len } : (struct bytes){ "", 0 };
}

static bool prepare(struct engine *e, struct run *run, const struct place *hint)
{
    const struct place *from = run->place != NULL ? run->place : keep_chain(e, hint);
    struct bytes type = text_of(json_get(run->node, "resourceType"));
    struct place root = { .name = type, .index = NO_INDEX }, *place = new_place(e, from != NULL ? from : &root);

    if (place == NULL)
        return false;
    run->item = fhirpath_resource_of(&e->path_env, run->node);
    run->type = run->item.type;
    if (run->type != 0 && (image_profile(e->image, run->type)->kind != IMG_RESOURCE || image_profile(e->image, run->type)->abstract))
        run->type = 0;
    place->node = run->node;
    place->companion = NULL;
    place->type = run->type;
    place->element = run->type != 0 ? image_profile(e->image, run->type)->root : 0;
    place->resource = place;
    run->place = place;
    return true;
}

struct saved { struct issue_list *issues; const struct fhirpath_item *resource, *root; unsigned trial, depth; size_t trial_errors, errors; uint32_t first_layer; };

static struct saved enter(struct engine *e, const struct run *own, struct issue_list *issues)
{
    struct engine_walk *w = e->walk;
    struct saved saved = { e->issues, e->path_env.resource, e->path_env.root_resource, e->trial, w->depth, e->trial_errors, w->errors, w->first_layer };
    const struct place *up = own->place->up;
    const struct run *outer = NULL;

    if (up != NULL && own->place->name.len == 9 && memcmp(own->place->name.data, "contained", 9) == 0 && up->resource != NULL)
        outer = run_find(e, up->resource->node, 0);
    e->issues = issues;
    e->trial = 0;
    e->path_env.resource = &own->item;
    e->path_env.root_resource = outer != NULL ? &outer->item : &own->item;
    w->errors = 0;
    w->depth = 0;
    w->first_layer = w->layer_count;
    w->nest++;
    return saved;
}

static void leave(struct engine *e, const struct saved *saved)
{
    struct engine_walk *w = e->walk;

    w->nest--;
    w->depth = saved->depth;
    w->first_layer = saved->first_layer;
    w->errors = saved->errors;
    e->issues = saved->issues;
    e->trial = saved->trial;
    e->trial_errors = saved->trial_errors;
    e->path_env.resource = saved->resource;
    e->path_env.root_resource = saved->root;
}

static void push_profile(struct engine *e, const struct run *own, img_id id)
{
    const struct img_profile *profile = image_profile(e->image, id);
    const struct img_profile *type = image_profile(e->image, own->type);
    struct run *run = run_find(e, own->node, id);
    struct layer layer = { image_element(e->image, profile->root), profile->type != type->type };

    if (run == NULL || run->covered)
        return;
    run->covered = true;
    run->state = RUN_DONE;
    if (layer.def == NULL)
        engine_report(e, own->place, NULL, MSG_ERROR, MSG_VALIDATE_PROFILE_UNKNOWN, NULL, NULL, image_text(e->image, profile->url), NULL);
    else if (id != own->type)
        layer_element(e, own->place, &layer, NULL);
}

static enum msg_severity unknown_profile(const struct engine *e, const struct run *own)
{
    const char *type = image_text(e->image, image_profile(e->image, own->type)->type);

    return e->walk->service && (strcmp(type, "Bundle") == 0 || strcmp(type, "Composition") == 0) ? MSG_ERROR : MSG_WARNING;
}

static void push_declared(struct engine *e, const struct run *own)
{
    const struct json_node *list = json_get(json_get(own->node, "meta"), "profile");
    struct place meta = engine_child(own->place, "meta", NO_INDEX, json_get(own->node, "meta"));
    int32_t index = 0;

    for (const struct json_node *n = list != NULL && list->type == JSON_ARRAY ? list->child : NULL; n != NULL; n = n->next, index++) {
        struct place at = engine_child(&meta, "profile", index, n);
        img_id id;
        if (n->type != JSON_STRING || n->len == 0)
            continue;
        id = canonicals_find(e->session->canonicals, e->image, n->text, n->len)->profile;
        if (id != 0)
            push_profile(e, own, id);
        else
            engine_report_bytes(e, &at, n, unknown_profile(e, own), MSG_VALIDATE_PROFILE_UNKNOWN, NULL, (struct bytes){ n->text, n->len }, (struct bytes){ NULL, 0 });
    }
}

/* The profile that the caller asked for, of the outermost resource. */
static void push_requested(struct engine *e, const struct run *own)
{
    const char *url = e->request->profile;
    img_id id = url != NULL && own->node->parent == NULL ? image_find_profile(e->image, url, strlen(url)) : 0;

    if (url == NULL || own->node->parent != NULL)
        return;
    if (id == 0)
        engine_report(e, own->place, NULL, MSG_ERROR, MSG_VALIDATE_PROFILE_UNKNOWN, NULL, NULL, url, NULL);
    else
        push_profile(e, own, id);
}

static void own_run(struct engine *e, struct run *run)
{
    const struct place *at = run->place;
    const struct img_element *root = image_element(e->image, at->element);
    struct engine_walk *w = e->walk;
    struct bytes name = text_of(json_get(run->node, "resourceType"));
    uint32_t first = w->layer_count;

    if (root == NULL) {
        engine_report_bytes(e, at, run->node, MSG_ERROR, MSG_VALIDATE_RESOURCE_TYPE, NULL, name, (struct bytes){ NULL, 0 });
        return;
    }
    prime(e, run);
    push_declared(e, run);
    push_requested(e, run);
    invariants_check(e, at, root);
    typed_check(e, at);
    walk_object(e, at, root, first, w->layer_count - first, true);
    contained_check(e, at);
    if (name.len == 6 && memcmp(name.data, "Bundle", 6) == 0)
        bundle_check(e, at);
    else
        defining_check(e, at);
    if (run->node->parent == NULL && w->service)
        guide_check(e, at);
    w->layer_count = first;
}

struct run *run_own(struct engine *e, const struct json_node *resource, const struct place *hint)
{
    struct run *run = run_find(e, resource, 0);
    struct saved saved;

    if (run == NULL || run->state != RUN_NEW || e->failed)
        return run;
    if (!prepare(e, run, hint))
        return NULL;
    if (e->walk->nest >= WALK_MAX_NEST) {
        walk_limit(e, run->place, "resources within resources");
        return run;
    }
    run->state = RUN_UNDER_WAY;
    saved = enter(e, run, e->walk->main);
    own_run(e, run);
    run->errors = e->walk->errors;
    run->state = RUN_DONE;
    leave(e, &saved);
    return run;
}

/* ---- runs for further profiles ---- */

static struct run *profile_run(struct engine *e, const struct json_node *resource, img_id id)
{
    struct run *own = run_own(e, resource, NULL), *run = run_find(e, resource, id);
    const struct img_profile *profile = image_profile(e->image, id);
    struct engine_walk *w = e->walk;
    uint32_t first = w->layer_count;
    struct layer layer;
    struct saved saved;

    if (run == NULL || own == NULL || run->state != RUN_NEW || own->type == 0 || own->type == id || profile->root == 0 || w->nest >= WALK_MAX_NEST)
        return run;
    layer = (struct layer){ image_element(e->image, profile->root), profile->type != image_profile(e->image, own->type)->type };
    issues_init(&run->caught, w->main->arena);
    run->state = RUN_UNDER_WAY;
    saved = enter(e, own, &run->caught);
    layer_element(e, own->place, &layer, NULL);
    walk_object(e, own->place, image_element(e->image, own->place->element), first, w->layer_count - first, false);
    w->layer_count = first;
    run->errors = w->errors;
    run->state = RUN_DONE;
    leave(e, &saved);
    return run;
}

bool engine_conforms(struct engine *e, const struct json_node *resource, img_id profile)
{
    const struct img_profile *wanted = image_profile(e->image, profile);
    const struct run *own, *run;

    if (wanted == NULL || resource == NULL || resource->type != JSON_OBJECT)
        return false;
    own = run_own(e, resource, NULL);
    if (own == NULL || own->type == 0)
        return false;
    if (image_profile(e->image, own->type)->type != wanted->type)
        return wanted->derivation == IMG_SPECIALIZATION && image_type_is(e->image, own->type, image_text(e->image, wanted->type)) && own->errors == 0;
    run = profile_run(e, resource, profile);
    return own->errors == 0 && run != NULL && run->errors == 0;
}

void run_demand(struct engine *e, const struct place *at, img_id profile)
{
    struct run *run = profile_run(e, at->node, profile);

    if (run == NULL || run->covered || run->state != RUN_DONE)
        return;
    if (e->trial > 0) {
        e->trial_errors += run->errors;
        return;
    }
    e->walk->errors += run->errors;
    for (const struct issue *i = run->caught.first; i != NULL; i = i->next)
        report_keep(e, i);
}
