/*
 * fhirpath.h - FHIRPath (ANSI/HL7 FHIRPath 2.0 as FHIR R4 uses it, http://hl7.org/fhir/R4/fhirpath.html) over a read-only document.
 *
 * An expression is compiled once into a program: plain bytes without pointers that may lie anywhere at an address aligned to 8 and are kept in the
 * image beside the invariants. Evaluating touches no file, network or clock (the caller gives the time) and allocates in the caller's arena only.
 *
 *     struct buf program; buf_init(&program, FHIRPATH_PROGRAM_MAX);
 *     if (fhirpath_compile(text, len, &program, &e) < 0) ...                 // ERR_SYNTAX: what and where in the expression
 *     struct fhirpath_env env = { .image = set, .arena = a, .resource = item, .root_resource = item, .hooks = &hooks, .self = me };
 *     if (fhirpath_eval(program.data, program.len, &env, &focus, &result, &e) < 0) ...   // could not be evaluated: never a pass
 *
 * Values: an item is either a place in the document (node, companion, FHIR type) or a computed value. A primitive element is a place; operators read
 * its value through the type. A value that does not fit its type (date "2024-13") reads as a string.
 *
 * Limits: depth of the expression, items in a collection and steps of one evaluation are bounded (FHIRPATH_MAX_...); beyond: ERR_LIMIT.
 */
#ifndef VALIDATE_FHIRPATH_FHIRPATH_H
#define VALIDATE_FHIRPATH_FHIRPATH_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json_doc.h"
#include "validate/model/document.h"
#include "validate/model/image.h"

enum { FHIRPATH_PROGRAM_MAX = 1 << 20, FHIRPATH_MAX_DEPTH = 200, FHIRPATH_MAX_ITEMS = 2000000 };

enum fhirpath_kind {
    FHIRPATH_NODE,       /* a place in the document */
    FHIRPATH_BOOLEAN, FHIRPATH_STRING, FHIRPATH_INTEGER, FHIRPATH_DECIMAL, FHIRPATH_DATE, FHIRPATH_DATETIME, FHIRPATH_TIME, FHIRPATH_QUANTITY,
    FHIRPATH_TYPE_INFO,  /* result of type() */
};

struct fhirpath_item {
    enum fhirpath_kind kind;
    /* FHIRPATH_NODE */
    const struct json_node *node;        /* NULL when the element has only a companion */
    const struct json_node *companion;   /* the "_name" object of a primitive, or NULL */
    img_id type;                         /* profile of the element's type (image.h); 0 = unknown */
    img_id element;                      /* definition of the element in the base types, for children of backbone elements; 0 = unknown */
    const struct json_node *resource;    /* nearest resource that holds the node; itself for a resource */
    /* computed values */
    const char *text; size_t len;        /* string, decimal, date, dateTime, time as written; number of a quantity; name of a type info ("Patient", "String") */
    const char *unit; size_t unit_len;   /* of a quantity: UCUM code or word ("day", "months"); of a type info the namespace ("FHIR", "System") */
    int64_t integer;                     /* boolean (0, 1), integer */
};

struct fhirpath_items { struct fhirpath_item *item; size_t count, capacity; };

enum fhirpath_answer { FHIRPATH_NO, FHIRPATH_YES, FHIRPATH_EMPTY };

/* What an expression may ask its surroundings. Each may be NULL: resolve gives nothing, the others make the evaluation fail with ERR_UNSUPPORTED. */
struct fhirpath_hooks {
    /* The resource that a Reference, canonical or uri points to, within the document; false = not found. */
    bool (*resolve)(void *self, const struct fhirpath_item *from, struct bytes reference, struct fhirpath_item *ret_item);
    int (*member_of)(void *self, const struct fhirpath_item *coded, struct bytes value_set, enum fhirpath_answer *ret, struct err *e);
    int (*conforms_to)(void *self, const struct fhirpath_item *item, struct bytes profile, enum fhirpath_answer *ret, struct err *e);
    int (*html_checks)(void *self, const struct fhirpath_item *div, enum fhirpath_answer *ret, struct err *e);
    int (*subsumes)(void *self, const struct fhirpath_item *a, const struct fhirpath_item *b, enum fhirpath_answer *ret, struct err *e);
};

struct fhirpath_variable { const char *name; const struct fhirpath_item *item; };

/* The texts of the path from a resource that was asked about last ("... in %rootResource.contained.id"); zeroed at first; of one document. */
enum { FHIRPATH_KEPT = 32 };
struct fhirpath_kept { const void *path; const struct json_node *resource; size_t count; bool other; /* there are more, or other things than texts */ struct bytes text[FHIRPATH_KEPT]; };

struct fhirpath_env {
    const struct image *image;           /* types of elements; never NULL */
    const struct document *document;     /* of the tree that the items are in; NULL = what values are is looked up each time */
    struct arena *arena;
    const struct fhirpath_hooks *hooks;  /* NULL = none */
    void *self;                          /* for the hooks */
    const struct fhirpath_item *resource, *root_resource;   /* %resource, %rootResource; %context is the focus */
    const struct fhirpath_variable *variables; size_t variable_count;   /* further %name; %ucum, %sct, %loinc, %vs-x and %ext-x are built in */
    int64_t now_ms; int32_t zone_minutes;/* now(), today(), timeOfDay(): UTC milliseconds since 1970 and the zone to write them in */
    uint64_t steps;                      /* out: steps taken; evaluation stops with ERR_LIMIT beyond max_steps (0 = default 10,000,000) */
    uint64_t max_steps;
    bool reference_ways;                 /* true in the validator: where the HL7 core differs from the printed specification, follow the core */
    bool strict;                         /* an element that its type does not know is an error instead of nothing, and so is asking for the first of children() */
    struct fhirpath_regexes *regexes;    /* NULL = compile each time */
    struct fhirpath_kept *kept;          /* NULL = nothing is kept */
};

/* Compiled regular expressions, kept from one evaluation to the next; belongs to one thread. */
struct fhirpath_regexes *fhirpath_regexes_new(void);                                   /* NULL when out of memory */
struct fhirpath_regexes *fhirpath_regexes_free(struct fhirpath_regexes *regexes);      /* returns NULL */

/* Appends the program; the buffer's length must be a multiple of 8 and is one afterwards. ERR_SYNTAX with arg1 = what is wrong, column = where; ERR_LIMIT too deep or long. */
int fhirpath_compile(const char *text, size_t len, struct buf *ret_program, struct err *e);
/* Gives the names in a program the numbers that they have in the image, elements and types: for programs that are kept there. type_of answers as image_find_type(). */
struct fhirpath_names { img_str (*number_of)(void *self, const char *name, size_t len); img_id (*type_of)(void *self, const char *name, size_t len); };
void fhirpath_link(char *program, const struct fhirpath_names *names, void *self);
/* The invariant holds, without a failure, for every object that has none of the members in one of the *ret_names: bits as of document_name_bit(). Returns how many there
   are; 0 = it must be evaluated. For linked programs and the ways of the reference. */
enum { FHIRPATH_UNLESS = 2 };
size_t fhirpath_unless(const char *program, uint64_t ret_names[FHIRPATH_UNLESS]);
/* Is this block a program that fhirpath_eval() can walk without leaving it? For programs out of files. */
bool fhirpath_program_ok(const char *program, size_t len);
/* Focus may be NULL (empty). *ret_items lives in the arena. The error names what is wrong (arg1) and the column in the expression. */
int fhirpath_eval(const char *program, size_t len, struct fhirpath_env *env, const struct fhirpath_item *focus, struct fhirpath_items *ret_items, struct err *e);
/* As an invariant: true when the result is boolean true or a non-empty collection that is not a boolean; false for the empty one. */
int fhirpath_test(const char *program, size_t len, struct fhirpath_env *env, const struct fhirpath_item *focus, bool *ret_holds, struct err *e);

/* A resource as an item; type and definition are found by its resourceType. */
struct fhirpath_item fhirpath_resource(const struct image *image, const struct json_node *resource);
/* The same of a resource in the tree that env->document knows: its type was looked up there once. */
struct fhirpath_item fhirpath_resource_of(const struct fhirpath_env *env, const struct json_node *resource);
/* Nothing that a reader keeps is in the element: no known member, only empty arrays or values of the wrong kind, a resource without a type. For exists(), empty() and ext-1 in the ways of the reference. */
bool fhirpath_is_hollow(const struct fhirpath_env *env, const struct fhirpath_item *item);
/* The item's value as text (string of a primitive, "true", digits); false when it has none. */
bool fhirpath_text(const struct fhirpath_item *item, struct bytes *ret_text);
/* The name of the item's type, *ret_space "FHIR" or "System": Patient, boolean; Boolean. Empty for an element whose type is not known. */
struct bytes fhirpath_type_name(const struct image *image, const struct fhirpath_item *item, const char **ret_space);

#endif
