/*
 * engine.h - what the parts of the engine share: the state of one validation, places, and the leaf checks that the walk calls.
 *
 * The walk (walk.c, slices.c, profiles.c, ...) goes through the document once by the base types and once by the additions of each profile that a
 * resource or element must conform to. At each element it calls the leaf checks below, which know nothing of profiles: primitives.c, xhtml.c,
 * references.c, bundle.c, typed.c, bindings.c. All of them report through engine_report().
 *
 * Order in which things are checked, and where they are reported, is that of the HL7 reference (org.hl7.fhir.validation): a missing element at its
 * parent, an unknown property at the object that holds it, an invariant at its element, a wrong code at the Coding or CodeableConcept.
 */
#ifndef VALIDATE_ENGINE_ENGINE_H
#define VALIDATE_ENGINE_ENGINE_H

#include "base/arena.h"
#include "base/issue.h"
#include "base/json_doc.h"
#include "validate/fhirpath/fhirpath.h"
#include "validate/model/document.h"
#include "validate/model/image.h"
#include "validate/terms/terms.h"
#include "validate/validate.h"

enum { ENGINE_MAX_DEPTH = 100, NO_INDEX = -1 };

/*
 * One place in the document, linked to the place above it: lives on the stack of the walk. The element is `node` (its value; NULL when it has only a
 * companion) with `companion` (the "_name" object of a primitive).
 */
struct place {
    const struct place *up;              /* NULL at the root */
    struct bytes name;                   /* as the location prints it: "value" for valueQuantity; the resource type at the root */
    struct bytes of_type;                /* "Quantity" for valueQuantity: printed as .ofType(Quantity); len 0 = no choice */
    int32_t index;                       /* position in its array, NO_INDEX = no array */
    const struct json_node *node, *companion;
    img_id type;                         /* profile of the element's type by the base definition; 0 = unknown */
    img_id element;                      /* definition by the base types */
    const struct place *resource;        /* place of the nearest resource (itself for a resource) */
};

/* Documents are looked up by hash: fullUrl, relative "Type/id", contained "#id". Built once a document by references_index(). */
struct reference_index;

/* Where a reference leads. */
enum reference_way { REFERENCE_NONE /* not found */, REFERENCE_OUTSIDE /* an absolute or relative reference that leaves the document: nothing can be said */, REFERENCE_CONTAINED, REFERENCE_BUNDLED, REFERENCE_SELF };
struct reference_target { enum reference_way way; const struct json_node *resource; const struct json_node *entry; /* Bundle.entry, even one without a resource; or NULL */ struct bytes type; bool ambiguous; /* two entries have this fullUrl */ };

struct engine {
    const struct validate_request *request;
    const struct image *image;
    struct validate_session *session;
    struct document document;
    struct terms terms;
    struct arena *arena;                 /* of this call */
    struct issue_list *issues;
    struct reference_index *references;
    struct fhirpath_env path_env;        /* image, arena, hooks filled; resource and root_resource set anew for each element */
    struct fhirpath_kept path_kept;
    struct engine_walk *walk;            /* private to the walk: memo of conformance, depth, trial state */
    unsigned trial;                      /* > 0: within a question (does it match?): errors are counted in trial_errors and not kept */
    size_t trial_errors;
    bool failed;                         /* memory ran out: the call fails */
};

/* engine.c: the whole instance. Issues go into the list (without line and column); ERR_NOMEM when memory ran out, the list is then marked as failed. */
int engine_validate(const struct validate_request *request, const struct image *image, const struct json_node *root, struct arena *arena, struct issue_list *issues, struct err *e);

/* ---- reporting (report.c) ---- */

/*
 * Adds an issue at the place. The text of the location is made only when the issue is kept. `node` (NULL = the place's node) gives the byte offset, line and column. profile = canonical
 * of the profile that asks, NULL = base definition. rule NULL = the message's own code. An equal issue (location, message, rule, arg1) is kept once.
 */
void engine_report(struct engine *e, const struct place *at, const struct json_node *node, enum msg_severity severity, enum msg_id msg, const char *rule, const char *profile, const char *arg1, const char *arg2);
/* Same with texts that are not terminated; cut at a sensible length. */
void engine_report_bytes(struct engine *e, const struct place *at, const struct json_node *node, enum msg_severity severity, enum msg_id msg, const char *rule, struct bytes arg1, struct bytes arg2);
/*
 * An error that a reader of the JSON finds, before definitions are asked: a wrong kind, an unknown property, an empty array. It is said, but a resource conforms to its profiles all the same
 * (engine_conforms), as with the HL7 reference, whose reader has dropped the thing when the definitions are laid on. Not counted in a trial.
 */
void engine_report_read(struct engine *e, const struct place *at, const struct json_node *node, enum msg_id msg, struct bytes arg1, struct bytes arg2);
/* The FHIRPath location of a place, in the arena of the issues; NULL when memory is out. */
const char *engine_location(struct engine *e, const struct place *at);
struct fhirpath_item engine_item(const struct place *at);

/* ---- offered by the walk to the leaf checks and hooks (walk.c) ---- */

/* Does the resource conform to the profile, base rules included? Remembered per (node, profile); a question within itself is answered yes. */
bool engine_conforms(struct engine *e, const struct json_node *resource, img_id profile);
/* The place of a child resource below a place is made by the walk; leaf checks make places below `at` with this. */
static inline struct place engine_child(const struct place *at, const char *name, int32_t index, const struct json_node *node)
{
    return (struct place){ .up = at, .name = { name, strlen(name) }, .index = index, .node = node, .resource = at->resource };
}

/* ---- leaf checks ---- */

/* primitives.c: value and companion of a primitive element by its type: JSON kind, regex and range, empty, stray spaces, length; definition gives max_length (may be NULL). */
void primitive_check(struct engine *e, const struct place *at, const struct img_profile *type, const struct img_element *definition);
/* A first look, cheaper than primitive_check(): there is nothing to be said of a short string or code of visible ASCII. */
bool primitive_is_plain(const struct place *at, enum img_well_known type, const struct img_element *definition);
/* xhtml.c: a narrative's div: well-formed, namespace, allowed elements and attributes, not empty. *ret_fine says what htmlChecks() answers. */
void xhtml_check(struct engine *e, const struct place *at);
bool xhtml_fine(struct bytes text);       /* htmlChecks(): allowed elements and attributes only, some content */
/* typed.c: what the reference checks of certain types by code (Identifier.system absolute, Coding.system, Attachment.size, Reference.reference forms, Extension.url, Meta, Quantity, resource ids). */
void typed_check(struct engine *e, const struct place *at);
bool typed_has(enum img_well_known type); /* is there anything to check? */
/* references.c */
/* The next value below `top` in the order of the bytes; NULL after the last. Needs no depth. */
const struct json_node *engine_next_node(const struct json_node *n, const struct json_node *top);
int references_index(struct engine *e, const struct json_node *root);
/* Does an entry of the Bundle have this address? A first look, cheaper than references_find(), for texts that are absolute. */
bool references_has_url(const struct engine *e, const struct json_node *bundle, struct bytes url);
struct reference_target references_find(struct engine *e, const struct json_node *from_resource, struct bytes reference);
/* A Reference element against its definition: resolvable, allowed target types and profiles, aggregation. `definition` may be of the base or of a profile. */
void reference_check(struct engine *e, const struct place *at, const struct img_element *definition, const struct img_type *type, const char *profile);
/* May the string be a link? Reference.reference and elements of type uri, url and canonical are. */
bool engine_may_link(const struct engine *e, const struct json_node *n);
/* canonical_targets.c: a canonical that leads to something known must lead to a resource of the type that its definition names. */
void canonical_check_target(struct engine *e, const struct place *at, const struct img_element *definition, struct bytes text);
/* contained resources: ids, orphans */
void contained_check(struct engine *e, const struct place *resource);
/* bundle.c: a Bundle's own rules beyond its invariants: first entry of a document or message, fullUrl and id, orphans, search and transaction members. */
void bundle_check(struct engine *e, const struct place *bundle);
/* bindings.c: code, Coding, CodeableConcept, Quantity, uri, string against the definition's binding; and every Coding against its own system (display). */
void binding_check(struct engine *e, const struct place *at, const struct img_element *definition, const char *profile);
/* Is there a binding that is looked at? */
static inline bool binding_counts(const struct img_element *def) { return def->binding != 0 && (def->binding_strength == IMG_REQUIRED || def->binding_strength == IMG_EXTENSIBLE); }
void coding_check(struct engine *e, const struct place *at);
/* guide.c: printed rules of the JP-CLINS guide that no profile carries; only for VALIDATE_SERVICE. */
void guide_check(struct engine *e, const struct place *root);

#endif
