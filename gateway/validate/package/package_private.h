/*
 * package_private.h - what the parts of the chamber share: a set of packages with its resources, bare of prose, and the steps from them to an image.
 *
 * archive.c   .tgz -> files
 * package.c   files -> resources (this set)
 * define.c    StructureDefinitions in order, their bases, drafts of their elements
 * snapshot.c  drafts from a differential and the base's drafts
 * elements.c  drafts -> the tree of elements of an image
 * terminology.c  CodeSystem, ValueSet, NamingSystem -> image
 */
#ifndef VALIDATE_PACKAGE_PACKAGE_PRIVATE_H
#define VALIDATE_PACKAGE_PACKAGE_PRIVATE_H

#include "base/arena.h"
#include "base/json_doc.h"
#include "validate/model/image_private.h"
#include "validate/package/build.h"
#include "validate/package/package.h"

enum { PACKAGES_MAX = 32, NOTES_MAX = 1000, DRAFTS_MAX = 200000 /* elements of one definition */, BASES_MAX = 30 };
/* Part of `sources` of every image and of the store's stamps: raise it when the compiler makes something else of the same packages. */
enum { PACKAGE_COMPILER_VERSION = 1 };
#define PACKAGE_MEMORY ((size_t)1 << 30)

/* A resource of a package, reduced to the facts that an image needs. */
struct resource {
    struct resource *next;              /* in the order of loading */
    const struct json_node *json;
    const char *type, *url, *version, *source;   /* source "name#version"; version "" when there is none */
};

/* ---- StructureDefinitions ---- */

enum draft_field {
    DRAFT_MIN, DRAFT_MAX, DRAFT_BASE, DRAFT_TYPE, DRAFT_CONTENT_REFERENCE, DRAFT_FIXED, DRAFT_PATTERN, DRAFT_MIN_VALUE, DRAFT_MAX_VALUE, DRAFT_MAX_LENGTH,
    DRAFT_BINDING, DRAFT_SLICING, DRAFT_MUST_SUPPORT, DRAFT_MODIFIER, DRAFT_SUMMARY, DRAFT_FIELDS
};

/* An ElementDefinition of a snapshot on its way into the image: each member as the definition, or the one it inherits from, gives it. */
struct draft {
    const char *path, *id, *slice_name;              /* slice_name NULL = no slice */
    const struct json_node *field[DRAFT_FIELDS];     /* NULL = not given */
    const struct json_node **constraint; size_t constraint_count;
};

struct definition {
    const struct resource *resource;
    const char *url, *version, *name, *type, *base_url;
    struct definition *base;                         /* NULL = none or not loaded */
    uint8_t kind, derivation, abstract;
    enum { DEFINITION_NEW, DEFINITION_BUSY, DEFINITION_READY } state;
    struct draft *draft; size_t count;               /* filled by definition_drafts() */
    img_id id, root;                                 /* in the image */
};

struct package_set {
    struct arena *arena;                /* resources, names, notes */
    struct package_info package[PACKAGES_MAX];
    size_t packages;
    struct resource *first, **last;
    const char *note[NOTES_MAX];
    size_t notes, total;                /* total: bytes unpacked so far */
    const struct json_node *invariants; /* facts: an object of the invariants that elements name, or NULL */
};

/* One compilation. */
struct compile {
    struct package_set *set;
    struct arena *arena;                /* of this compilation */
    struct build build;
    struct definition *definition; size_t definitions;
    struct definition **by_url; uint32_t by_url_size;   /* hash of the URL without version; several versions side by side */
    struct code_system *system; size_t systems;
    uint32_t *constraint_slot;          /* hash of the constraints in the image */
};

/* A line for the operator or maintainer about something in a package that was not understood. */
void set_note(struct package_set *set, const char *source, const char *url, const char *what);

/* Facts give an invariant by its name in the list of all. NULL = none of that name. */
const struct json_node *set_invariant(const struct package_set *set, const struct json_node *name);

/* archive.c: calls back with each JSON file directly in package/. The bytes are the callee's for the time of the call. ERR_SYNTAX, ERR_LIMIT. */
int archive_each(const char *label, const char *bytes, size_t len, size_t *total, int (*each)(void *self, const char *name, const char *bytes, size_t len, struct err *e), void *self, struct err *e);

/* strip.c: a copy of the resource without what an image does not need; NULL when it is of no kind that is needed, or memory ran out. */
const struct json_node *strip_resource(struct arena *arena, const struct json_node *resource);
/* A whole copy. */
const struct json_node *strip_nothing(struct arena *arena, const struct json_node *node);

/* define.c */
int definitions_collect(struct compile *c, struct err *e);
/* By canonical, "|version" allowed; the newest without. NULL = not loaded. */
struct definition *definition_find(const struct compile *c, const char *canonical, size_t len);
struct definition *definition_of_type(const struct compile *c, const char *type, size_t len);
/* Fills drafts (from the snapshot, or made from the differential). False: none can be made. */
bool definition_drafts(struct compile *c, struct definition *d, int depth);
bool draft_read(struct compile *c, const struct json_node *element, struct draft *ret_draft);
/* All but path, id and name of the slice. */
bool draft_read_members(struct compile *c, const struct json_node *element, struct draft *draft);
/* Compiles all of them. */
int definitions_compile(struct compile *c, struct err *e);

/* snapshot.c */
bool snapshot_make(struct compile *c, struct definition *d, int depth);

/* elements.c */
void elements_compile(struct compile *c, struct definition *d);

/* values.c */
img_id value_compile(struct build *b, const struct json_node *node);

/* terminology.c */
int terminology_compile(struct compile *c, struct err *e);

/* Text of a node as bytes; { NULL, 0 } when it is no string or number. */
static inline struct bytes node_text(const struct json_node *node)
{
    bool has = node != NULL && (node->type == JSON_STRING || node->type == JSON_NUMBER);

    return (struct bytes){ has ? node->text : NULL, has ? node->len : 0 };
}

static inline img_str node_str(struct build *b, const struct json_node *node)
{
    struct bytes text = node_text(node);

    return build_str(b, text.data, text.len);
}

#endif
