/*
 * image.h - profiles, value sets and code systems in compiled form: one block of bytes, read-only, without pointers.
 *
 * package/ writes an image, everybody else reads it. The block is a file mapped read-only (all workers share its pages) or the built-in table
 * of the program; it may lie at any address that is aligned to 8 bytes. All references are 32-bit: an img_str is the offset of an interned
 * string (equal text = equal img_str within one image), an img_id is an index + 1 into the table that the member's comment names. 0 = none.
 *
 *     struct image image;
 *     if (image_open(bytes, len, &image, &e) < 0) ...        // header, checksum and every reference are verified: a damaged file is ERR_CORRUPT
 *     img_id p = image_find_profile(&image, url, strlen(url));
 *     const struct img_element *root = image_element(&image, image_profile(&image, p)->root);
 *
 * After image_open() succeeded no accessor can read outside the block: image_open() checks that every index, run and string lies inside, that
 * strings are terminated, that parent < child for elements and values, that concepts stand below their parents and that chains of bases end (so that
 * walks end). Accessors do not check again.
 *
 * What is compiled:
 * - Each StructureDefinition becomes a profile with its snapshot as a tree of elements. Direct children and slices are kept apart: `children` of an
 *   element never contains slices, `slices` of an element are its slices in the order of the snapshot; a slice of a slice
 *   ("a/b", re-slicing) is in the `slices` of the slice "a".
 * - An element that has children in the snapshot is walked by them; one without goes on in its type's profile (image_type_profile()) or, with
 *   content_reference, in the element named there.
 * - A profile that constrains a type repeats what its type says. `adds` tells what an element adds to its *counterpart*, which is the element at the same
 *   path of the base types (Patient.identifier.system -> Patient.identifier in Patient, then Identifier.system), so that a walk of the
 *   base types followed by a walk of the profile's additions checks everything once. For profiles of kind `derivation == IMG_CONSTRAINT` the run
 *   `constraints` holds the added invariants only. For a type's own definition (IMG_SPECIALIZATION) everything counts as added.
 */
#ifndef VALIDATE_MODEL_IMAGE_H
#define VALIDATE_MODEL_IMAGE_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <string.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/json_doc.h"

typedef uint32_t img_str;  /* offset of an interned string in the block; 0 = none */
typedef uint32_t img_id;   /* index + 1 in a table; 0 = none */

enum { IMG_VERSION = 6 };
#define IMG_MANY UINT32_MAX   /* max "*" */

/* A run in a table: first is an index (not + 1). */
struct img_run { uint32_t first, count; };

enum img_kind { IMG_PRIMITIVE, IMG_COMPLEX, IMG_RESOURCE, IMG_LOGICAL };
/* Types for which the engine has code of its own, known by their names in FHIR R4 once and for all when the image is made. */
enum img_well_known {
    IMG_OTHER_TYPE, IMG_STRING, IMG_URI, IMG_CODE, IMG_ID, IMG_CANONICAL, IMG_DATE_TIME, IMG_DECIMAL, IMG_INSTANT, IMG_DATE, IMG_BOOLEAN, IMG_MARKDOWN, IMG_XHTML_TEXT, IMG_POSITIVE_INT,
    IMG_UNSIGNED_INT, IMG_INTEGER, IMG_INTEGER64, IMG_URL, IMG_BASE64, IMG_TIME, IMG_UUID, IMG_OID, IMG_CODING, IMG_CODEABLE_CONCEPT, IMG_QUANTITY, IMG_REFERENCE, IMG_IDENTIFIER,
    IMG_EXTENSION, IMG_META, IMG_ATTACHMENT, IMG_WELL_KNOWN_TYPES
};
enum img_derivation { IMG_SPECIALIZATION, IMG_CONSTRAINT };

/* StructureDefinition */
struct img_profile {
    img_str url, version;       /* version 0 when the definition has none */
    img_str name;               /* StructureDefinition.name */
    img_str type;               /* "Patient", "string", "http://hl7.org/fhirpath/System.String" never stands here */
    img_str base_url;           /* baseDefinition */
    img_str regex;              /* primitive types: regex of the value, as the definition gives it */
    img_str source;             /* package "name#version" */
    img_id base;                /* profile of baseDefinition; 0 when it is not in the image or loops */
    img_id root;                /* element; 0 when there is neither snapshot nor a base to generate one from */
    struct img_run elements;    /* elements of the snapshot, depth first */
    struct img_run contexts;    /* extensions: where they may be used, in image.contexts */
    struct img_run context_invariants; /* strings: FHIRPath expressions (rare) */
    uint8_t kind, derivation;   /* enum img_kind, enum img_derivation */
    uint8_t abstract, modifier; /* modifier: Extension definition whose root is a modifier */
    uint8_t well_known;         /* enum img_well_known, by `type` */
    uint8_t spare[3];
};

enum img_context { IMG_CONTEXT_ELEMENT, IMG_CONTEXT_EXTENSION, IMG_CONTEXT_FHIRPATH };
struct img_context_rule { img_str expression; uint32_t type; /* enum img_context */ };

enum img_element_flag {
    IMG_MUST_SUPPORT = 1, IMG_MODIFIER = 2, IMG_SUMMARY = 4,
    IMG_CHOICE = 8,            /* path ends in [x] */
    IMG_ARRAY = 16,            /* the JSON form is an array: max of the *base definition* is not 1 */
    IMG_XHTML = 32,            /* Narrative.div */
    IMG_ORDERED_SLICES = 64,
    IMG_INVARIANTS = 128,      /* some constraint of the element is to be evaluated: others are native or best practice */
};

/* What an element adds to its counterpart. BELOW: something deeper adds (children, slices, types with profiles). */
enum img_adds {
    IMG_ADDS_MIN = 1, IMG_ADDS_MAX = 2, IMG_ADDS_TYPES = 4 /* fewer types, or profiles, or target profiles */, IMG_ADDS_BINDING = 8, IMG_ADDS_VALUE = 16 /* fixed, pattern, min/max value, length */,
    IMG_ADDS_CONSTRAINTS = 32, IMG_ADDS_SLICING = 64, IMG_ADDS_MUST_SUPPORT = 128, IMG_ADDS_BELOW = 256,
};

enum img_slicing_rules { IMG_OPEN, IMG_CLOSED, IMG_OPEN_AT_END };
enum img_strength { IMG_NO_BINDING, IMG_REQUIRED, IMG_EXTENSIBLE, IMG_PREFERRED, IMG_EXAMPLE };

/* ElementDefinition in a snapshot */
struct img_element {
    img_str path;               /* "Observation.component.value[x]" */
    img_str id;                 /* "Observation.component:a.value[x]" */
    img_str name;               /* last part of the path without "[x]" */
    img_str slice_name;         /* as given, "a/b" for a re-slice; 0 = no slice */
    img_id profile;             /* the profile it stands in */
    img_id parent;              /* element; the slicing element for a slice (its siblings' parent is one further up) */
    img_id counterpart;         /* element of the base type that it narrows; 0 for elements of types themselves */
    struct img_run children;    /* in image.children: img_ids of elements, no slices */
    struct img_run slices;      /* in image.children: img_ids of elements */
    struct img_run members;     /* in image.members: JSON member names below this element, sorted by name, choices spelt out */
    uint32_t min, max;          /* max IMG_MANY = "*" */
    uint32_t base_min, base_max;/* ElementDefinition.base: what the base definition of the type says */
    struct img_run types;       /* in image.types */
    struct img_run constraints; /* in image.links: img_ids of constraints */
    struct img_run discriminators; /* in image.discriminators; count 0 and slices present = slices are told apart by the reader of type or profile alone */
    img_id fixed, pattern;      /* value */
    img_id min_value, max_value;/* value */
    uint32_t max_length;        /* characters; 0 = none */
    img_str binding;            /* canonical of the value set, with |version if given */
    img_id content_reference;   /* element */
    uint16_t flags, adds;       /* enum img_element_flag, enum img_adds */
    uint8_t slicing_rules;      /* enum img_slicing_rules; only meaningful with slices or discriminators */
    uint8_t binding_strength;   /* enum img_strength */
    uint8_t has_slicing;        /* the snapshot has a slicing entry here, even without discriminators */
    uint8_t spare;
};

/* ElementDefinition.type. FHIRPath system types ("http://hl7.org/fhirpath/System.String") are compiled to the FHIR type of the extension
   structuredefinition-fhir-type, or "string" when there is none. */
struct img_type {
    img_str code;
    img_id profile_of_code;     /* profile of the type's own definition; 0 = not loaded */
    struct img_run profiles;    /* in image.links: img_str canonicals, versions kept */
    struct img_run targets;     /* in image.links: img_str canonicals */
    uint8_t contained, referenced, bundled, version_rule;   /* aggregation (all 0 = any); ReferenceVersionRules 0 either, 1 independent, 2 specific */
};

/* Choices are spelt by the types of the base definition: a name whose type the element does not allow has type 0 below an IMG_CHOICE element. */
struct img_member { img_str name; img_id element; img_id type; /* index + 1 within element->types when the name spells a choice, else 0 */ };

enum img_discriminator_kind { IMG_BY_VALUE, IMG_BY_PATTERN, IMG_BY_TYPE, IMG_BY_PROFILE, IMG_BY_EXISTS };
struct img_discriminator { img_str path; uint32_t kind; };

/* ElementDefinition.constraint; equal ones are stored once. */
struct img_constraint {
    img_str key, expression, source;
    img_str human;              /* the definition's own sentence; 0 in the built-in table */
    uint32_t program;           /* offset in the block of the compiled FHIRPath (see fhirpath.h), 8-aligned; 0 = the text did not compile */
    uint32_t program_len;
    uint8_t warning;            /* severity is warning */
    uint8_t best_practice;      /* carries the best-practice extension */
    uint8_t native;             /* enum img_native: a well-known expression for which the walk has code of its own */
    uint8_t shortcut;           /* enum img_shortcut */
    uint32_t spare;
    uint64_t unless[2];         /* it holds for objects with no member in one of these: bits of names (document_name_bit(), fhirpath_unless()); 0 = nothing is known */
};
enum img_native { IMG_NATIVE_NONE, IMG_NATIVE_ELE_1, IMG_NATIVE_EXT_1, IMG_NATIVE_DOM_3 };
/* Well-known expressions that hold at sight in most places: they are evaluated in the others only. */
enum img_shortcut { IMG_SHORT_NONE, IMG_SHORT_REFERENCE /* the reference does not begin with "#" */, IMG_SHORTCUTS };

/* JSON value of fixed[x], pattern[x], ... */
struct img_value {
    img_str key;                /* member name; 0 in arrays and at the root */
    img_str text;               /* string: decoded; number: as written */
    img_id child, next;         /* value */
    uint32_t count;
    uint32_t type;              /* enum json_type */
};

/* CodeSystem. See terms/terms.h for how they are used. */
enum img_content { IMG_COMPLETE, IMG_FRAGMENT, IMG_NOT_PRESENT, IMG_SUPPLEMENT, IMG_EXAMPLE_CONTENT };
struct img_system {
    img_str url, version, name, source;
    struct img_run concepts;    /* in image.concepts, sorted by code (img_str order is not text order: sorted by the number) */
    uint8_t content, case_sensitive, spare[2];
};
struct img_concept {
    img_str code, display;
    img_id parent;              /* concept of the same system, first parent; its level is lower, so that walks end */
    struct img_run more;        /* in image.links: further displays (img_str), designations */
    uint8_t abstract, inactive;
    uint16_t level;             /* 0 at the top */
};

/* ValueSet; filters over loaded systems are carried out when the image is made. */
enum img_include_kind {
    IMG_INCLUDE_SYSTEM,         /* all of `system` */
    IMG_INCLUDE_CODES,          /* the codes listed (also: result of filters) */
    IMG_INCLUDE_UNKNOWN,        /* filters over a system that is not loaded: nothing can be said but by the caller's own tables */
    IMG_INCLUDE_VALUE_SETS,     /* only value sets, no system */
};
struct img_include {
    img_str system, version;
    struct img_run codes;       /* in image.codes, sorted by code */
    struct img_run value_sets;  /* in image.links: img_str canonicals; a code must be in all of them, too */
    uint8_t kind, exclude, spare[2];
};
struct img_code { img_str code, display; /* display given in the value set, or 0 */ };
struct img_value_set { img_str url, version, name, source; struct img_run includes; uint8_t broken, spare[3]; /* broken: nothing to include was given */ };

/* NamingSystem: identifier systems that are known. */
struct img_naming { img_str uri, name; };

/* Hash slots: open addressing, power of two, value = img_id or img_str, 0 = free. Hash: image_hash(). */
struct img_table { uint32_t offset, count; };

enum img_section {
    IMG_STRINGS, IMG_PROFILES, IMG_ELEMENTS, IMG_CHILDREN, IMG_MEMBERS, IMG_TYPES, IMG_LINKS, IMG_CONSTRAINTS, IMG_DISCRIMINATORS, IMG_VALUES, IMG_CONTEXTS,
    IMG_PROGRAMS, IMG_SYSTEMS, IMG_CONCEPTS, IMG_VALUE_SETS, IMG_INCLUDES, IMG_CODES, IMG_NAMINGS,
    IMG_STRING_SLOTS, IMG_PROFILE_SLOTS, IMG_SYSTEM_SLOTS, IMG_VALUE_SET_SLOTS, IMG_SECTIONS
};

struct img_header {
    char magic[8];              /* "CLINSFHR" */
    uint32_t version;           /* IMG_VERSION */
    uint32_t byte_order;        /* 0x01020304 as written by the machine */
    uint64_t size;              /* of the block */
    uint64_t checksum;          /* image_checksum() over everything after this member */
    uint8_t sources[32];        /* SHA-256 over the digests of the packages in order and the version of the compiler: stale when it differs */
    struct img_table section[IMG_SECTIONS];  /* offset in bytes; count in items (bytes for strings and programs) */
};

/* An open image: typed views into the block. The block must outlive it. */
struct image {
    const char *base; size_t size;
    const struct img_header *header;
    const struct img_profile *profiles; const struct img_element *elements; const uint32_t *children; const struct img_member *members;
    const struct img_type *types; const uint32_t *links; const struct img_constraint *constraints; const struct img_discriminator *discriminators;
    const struct img_value *values; const struct img_context_rule *contexts; const struct img_system *systems; const struct img_concept *concepts;
    const struct img_value_set *value_sets; const struct img_include *includes; const struct img_code *codes; const struct img_naming *namings;
    uint32_t count[IMG_SECTIONS];
};

/* Verifies the block and fills *ret_image. ERR_CORRUPT: header, checksum or a reference is wrong; ERR_UNSUPPORTED: another version or byte order. */
int image_open(const char *bytes, size_t len, struct image *ret_image, struct err *e);
/* The checksum of the header: fast, not cryptographic; finds damage, not malice (the folder belongs to the operator). */
uint64_t image_checksum(const char *bytes, size_t len);
/* Hash of all tables' slots. */
uint32_t image_hash(const char *text, size_t len);

static inline uint32_t image_str_len(const struct image *i, img_str s) { uint32_t n; memcpy(&n, i->base + s, sizeof n); return n; }
/* NUL-terminated; "" for 0 (offset 0 is the header, so 0 is answered here). */
static inline const char *image_text(const struct image *i, img_str s) { return s == 0 ? "" : i->base + s + 4; }
static inline struct bytes image_bytes(const struct image *i, img_str s) { struct bytes b = { image_text(i, s), s == 0 ? 0 : image_str_len(i, s) }; return b; }
/* The interned string with this text, or 0: nothing in the image says it. */
img_str image_find_str(const struct image *i, const char *text, size_t len);

static inline const struct img_profile *image_profile(const struct image *i, img_id id) { return id == 0 ? NULL : &i->profiles[id - 1]; }
static inline const struct img_element *image_element(const struct image *i, img_id id) { return id == 0 ? NULL : &i->elements[id - 1]; }
static inline const struct img_constraint *image_constraint(const struct image *i, img_id id) { return id == 0 ? NULL : &i->constraints[id - 1]; }
static inline const struct img_value *image_value(const struct image *i, img_id id) { return id == 0 ? NULL : &i->values[id - 1]; }

/* Profile by canonical, "|version" allowed; without it the newest. A short version matches its dotted continuation ("1" finds "1.5.2" only when no exact "1" is there). */
img_id image_find_profile(const struct image *i, const char *canonical, size_t len);
/* The type's own definition by name ("Patient", "HumanName"). */
img_id image_find_type(const struct image *i, const char *name, size_t len);
/* Is the type `type` (profile of a type) the same as or derived from the type with this name? ("Patient" is a "DomainResource") */
bool image_type_is(const struct image *i, img_id type, const char *name);
const struct img_system *image_find_system(const struct image *i, const char *url, size_t len);      /* "|version" allowed */
const struct img_value_set *image_find_value_set(const struct image *i, const char *canonical, size_t len);

/* The member of an element's JSON object with this name, or NULL. Binary search over `members`. "_name" is asked for without the underscore. */
const struct img_member *image_member(const struct image *i, const struct img_element *element, const char *name, size_t len);

/* Do the JSON value and the compiled value say the same? Equal: everything. Pattern: everything in `value` is in `node` (arrays: each item matched
   by some item). Decimals by number (1.0 equals 1.00 only in value, compared by digits after removing trailing zeros). */
bool image_value_equals(const struct image *i, img_id value, const struct json_node *node);
bool image_value_within(const struct image *i, img_id value, const struct json_node *node);

#endif
