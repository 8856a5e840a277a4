/*
 * walk.h - private to the walk: what walk.c, layers.c, slices.c, runs.c, extensions.c, values.c, invariants.c and report.c share.
 *
 * The walk goes through an object once. Its base definition and the definitions of all profiles that apply to it travel along as *layers*: at each
 * object the children are listed once (items, grouped by element), each layer says which of its own children and slices apply to which item,
 * and each item is then visited once with what was found. A *run* is the walk over one resource: its own run (base types and declared
 * profiles, done once, issues kept) or a run for one more profile that something else asks for (issues caught, kept when it is demanded,
 * counted when it was only a question).
 */
#ifndef VALIDATE_ENGINE_WALK_H
#define VALIDATE_ENGINE_WALK_H

#include "validate/engine/engine.h"
#include "validate/engine/session.h"

enum { WALK_MAX_NEST = 40 /* runs within runs */, WALK_MAX_LAYERS = 256 /* at one place */ };
/* Comparisons of an item with a slice in one document. */
#define WALK_MAX_MATCHES ((uint64_t)20000000)

/* A definition that applies to a place besides its base type. */
struct layer {
    const struct img_element *def;
    bool foreign;               /* the definition is of another type than the place: nothing of it is known to be checked by the base walk */
};

/* What a member is to the walk wherever it stands: what follows from it by the base type, put together once a session. */
struct face {
    const struct img_element *element, *root /* of the type, or NULL */, *body /* whose children are those of the value */;
    const struct img_type *type; /* entry of the definition, or NULL */
    const struct img_profile *profile;   /* of the type, or NULL */
    img_id element_id, type_id;
    struct bytes name, of_type; /* as in struct place */
    uint64_t names;             /* bits of the names under which it may be found: of the element, of a choice's member as it is spelt */
    bool primitive, resource, array;
    bool outranked;             /* a choice that is not the first one */
    bool asks, root_asks;       /* invariants to evaluate: of the element, of its type */
    bool bound, typed;          /* a binding that is looked at; a type with checks of its own (typed.c) */
};

/* One child of the object that is being walked. */
struct item {
    const struct json_node *node, *companion;
    const struct img_member *member;
    const struct face *face;
    int32_t index;              /* NO_INDEX = no array */
    uint32_t layers;            /* first link + 1 */
};

/* The items of one element, side by side. */
struct group { const struct img_element *element; img_str name; uint32_t first, count; bool taken; };

struct link { struct layer layer; uint32_t next; };

/* A value at the end of a discriminator's path. */
struct found { const struct json_node *node, *companion; img_id element, type; };

/* The walk over one resource for one profile; profile 0 is the own run and holds what is known of the resource. */
enum run_state { RUN_NEW, RUN_UNDER_WAY, RUN_DONE };
struct run {
    const struct json_node *node;
    img_id profile;
    enum run_state state;
    bool covered;               /* the own run does this profile, too */
    bool shown;                 /* issues were handed on */
    size_t errors;
    struct issue_list caught;
    /* own run */
    const struct place *place;
    struct fhirpath_item item;
    img_id type;
};

struct engine_walk {
    struct item *items; uint32_t item_count, item_capacity;
    struct group *groups; uint32_t group_count, group_capacity;
    struct link *links; uint32_t link_count, link_capacity;
    struct layer *layers; uint32_t layer_count, layer_capacity;
    uint32_t *numbers; uint32_t number_count, number_capacity;   /* scratch of the slices */
    struct found *found; uint32_t found_count, found_capacity;
    struct run **runs; uint32_t run_count, run_slots;            /* by (node, profile) */
    struct id_table *ids;                                        /* ids.c: of elements; NULL = none yet */
    struct issue **seen; uint32_t seen_count, seen_slots;        /* issues of the main list */
    struct issue_list *main;
    unsigned path_depth;        /* expressions under way */
    uint32_t first_layer;       /* of the place under way */
    size_t errors;              /* of the run under way */
    unsigned depth, nest;
    uint64_t matches;
    uint64_t compared;          /* by the checks of resources that define something: defining.h */
    bool limit_told, service;
    const struct json_node *html; bool html_fine;                /* the narrative that was asked about last: two invariants ask the same */
    struct { img_str reference, extension, coding, quantity, resource, id, value, url, child_extension; } name;
};

/* Marks for what a frame of the walk put on the stacks. */
struct walk_mark { uint32_t items, groups, links, layers, numbers; };

/* The children to look at when an object is held against the definition: its own (base) or as a layer. NULL when memory is out. */
const struct shortlist *walk_new_shortlist(struct engine *e, const struct img_element *def, bool base);
static inline const struct shortlist *walk_shortlist(struct engine *e, const struct img_element *def, bool base)
{
    const struct shortlist *list = (base ? e->session->own : e->session->added)[def - e->image->elements];
    return list != NULL ? list : walk_new_shortlist(e, def, base);
}
/* Grows an array in the arena; false when memory is out (the engine is then marked as failed). */
bool walk_more_room(struct engine *e, void **array, uint32_t *capacity, uint32_t count, size_t size);
/* The same where there is no room for one more. */
static inline bool walk_room(struct engine *e, void **array, uint32_t *capacity, uint32_t count, size_t size)
{
    return count < *capacity || walk_more_room(e, array, capacity, count, size);
}
bool walk_push_layer(struct engine *e, const struct img_element *def, bool foreign);
bool walk_link(struct engine *e, uint32_t item, const struct img_element *def, bool foreign);
uint32_t walk_push_number(struct engine *e, uint32_t number);
uint32_t walk_push_zeros(struct engine *e, uint32_t count);   /* returns where they begin */

/* report.c: adds a finished issue to the list under way, unless the main list holds an equal one. */
void report_keep(struct engine *e, const struct issue *issue);

/* walk.c */
/* member: index + 1. NULL when memory is out. */
const struct face *walk_new_face(struct engine *e, uint32_t member);
static inline const struct face *walk_face(struct engine *e, uint32_t member)
{
    const struct face *face = e->session->faces[member - 1];
    return face != NULL ? face : walk_new_face(e, member);
}
static inline struct place walk_item_place(const struct place *at, const struct item *item)
{
    const struct face *face = item->face;
    return (struct place){ .up = at, .name = face->name, .of_type = face->of_type, .index = item->index, .node = item->node, .companion = item->companion, .type = face->type_id,
                           .element = face->element_id, .resource = at->resource };
}
/* The object at the place: children by `body`, layers on top. base: the base types are checked, too. */
void walk_object(struct engine *e, const struct place *at, const struct img_element *body, uint32_t first_layer, uint32_t layer_count, bool base);
void walk_limit(struct engine *e, const struct place *at, const char *what);

/* layers.c */
/* Counts, slices and links: which children of the layer apply to which items. names: bits of the items' names (document_name_bit). */
void layer_children(struct engine *e, const struct place *at, const struct layer *layer, uint32_t first_group, uint64_t names);
/* Checks the element itself against the layer and pushes the layers that apply to its children. */
void layer_element(struct engine *e, const struct place *at, const struct layer *layer, const struct place *parent);
/* The profiles that the type entry names: pushes their layers. */
void layer_type_profiles(struct engine *e, const struct place *at, const struct img_type *type);
void layer_resource(struct engine *e, const struct place *at, const struct layer *layer);
enum msg_severity layer_severity(const struct engine *e, const struct img_element *def);
const char *layer_url(const struct engine *e, const struct img_element *def);
/* Is everything of the layer fulfilled by the object? Nothing is reported. */
bool layer_holds(struct engine *e, const struct place *at, const struct img_element *def);

/* slices.c */
/* Assigns the items (numbers[first..]) to the slices of the slicing element. */
void slices_assign(struct engine *e, const struct place *at, const struct layer *layer, const struct img_element *slicing, uint32_t first, uint32_t count);

/* runs.c */
struct run *run_own(struct engine *e, const struct json_node *resource, const struct place *hint);
/* Holds the resource against the profile and hands the issues on. */
void run_demand(struct engine *e, const struct place *at, img_id profile);

/* extensions.c */
/* An Extension against its own definition; pushes the layer of the definition. */
void extension_check(struct engine *e, const struct place *at);

/* values.c */
void value_check(struct engine *e, const struct place *at, const struct img_element *def, img_id value, bool pattern);

/* unfilled.c: makes one warning a resource of those about must-support elements that are not there. last_before: the list's last issue before this call, NULL = none. */
void unfilled_merge(struct issue_list *list, struct issue *last_before);

/* sentences.c: reports an invariant that does not hold, in our own words where people meet it every day */
void sentence_report(struct engine *e, const struct place *at, const struct img_constraint *constraint);

/* ids.c: the element's id, unless another element of the resource has it already. holder = the object or companion that carries it. */
void ids_note(struct engine *e, const struct place *at, const struct json_node *holder);

/* invariants.c */
void invariants_run(struct engine *e, const struct place *at, const struct img_element *def);
/* Most elements have none to evaluate. */
static inline bool invariants_any(const struct img_element *def) { return (def->flags & IMG_INVARIANTS) != 0 || def->content_reference != 0; }
static inline void invariants_check(struct engine *e, const struct place *at, const struct img_element *def)
{
    if (invariants_any(def))
        invariants_run(e, at, def);
}
void invariants_native(struct engine *e, const struct place *at, const struct img_element *body, uint32_t first_group);
extern const struct fhirpath_hooks invariant_hooks;

#endif
