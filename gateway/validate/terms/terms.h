/*
 * terms.h - terminology without a server: is a code in a value set, is it in its code system, is its display right?
 *
 * Answers come from the image (code systems and value sets of the packages), from systems that need no table (UCUM, BCP 47, BCP 13, ISO 3166 where loaded) and
 * from the caller's own tables (struct validate_terms: masters). What nobody has loaded is TERMS_UNKNOWN, never a yes or a no.
 *
 *     struct terms terms = { .image = image, .more = request->terms };
 *     struct terms_coding coding = { system, version, code, display };
 *     enum terms_answer a = terms_in_value_set(&terms, canonical, len, &coding, &why);
 *
 * Pure; no allocation. Supplements do not change membership. A version in the coding picks that version of the system; one that is not loaded is TERMS_UNKNOWN.
 *
 * A system of which only an example or nothing is there says nothing about codes that it does not hold. A fragment says nothing about a code by itself,
 * but a value set made of it holds what the fragment holds (the HL7 reference does the same).
 */
#ifndef VALIDATE_TERMS_TERMS_H
#define VALIDATE_TERMS_TERMS_H

#include "base/buf.h"
#include "validate/model/canonicals.h"
#include "validate/model/image.h"
#include "validate/validate.h"

enum terms_answer { TERMS_NO, TERMS_YES, TERMS_UNKNOWN };

struct terms { const struct image *image; const struct validate_terms *more; struct canonicals *canonicals; /* NULL = nothing is remembered */ };

struct terms_coding {
    struct bytes system;    /* data NULL = none given: for element type code the value set says the system */
    struct bytes version, code, display;
    bool system_inferred;   /* the element is of type code: any system of the value set will do */
    img_str system_number;  /* of the system's text in the image, where the caller knows it; else 0 */
};

enum terms_reason {
    TERMS_FINE,
    TERMS_VALUE_SET_MISSING,     /* the value set is not loaded */
    TERMS_SYSTEM_MISSING,        /* the system is not loaded */
    TERMS_FILTER_UNKNOWN,        /* a filter over a system that is not loaded */
    TERMS_CODE_UNKNOWN,          /* not in the code system */
    TERMS_NOT_IN_VALUE_SET,
    TERMS_DISPLAY_WRONG,         /* code is right; `expected` is the display */
    TERMS_CODE_ABSTRACT,         /* is a heading of the system: still a member */
    TERMS_IN_FRAGMENT,           /* unknown in a system of which only a part is loaded: no error */
    TERMS_SYNTAX_WRONG,          /* not in the form of a system that is defined by its grammar (a unit, a language, a media type) */
    TERMS_TOO_DEEP,              /* value sets that include each other without end */
};
struct terms_why { enum terms_reason reason; struct bytes expected; /* display, with TERMS_DISPLAY_WRONG */ struct bytes system; /* that was looked into */ };

/* Is the coding in the value set (canonical, "|version" allowed)? why may be NULL. */
enum terms_answer terms_in_value_set(const struct terms *t, const char *canonical, size_t len, const struct terms_coding *coding, struct terms_why *ret_why);
/* The same for a canonical that stands in the image. */
enum terms_answer terms_in_bound_set(const struct terms *t, img_str canonical, const struct terms_coding *coding, struct terms_why *ret_why);
/* Is the code in its own system, and is the display right (TERMS_YES with reason TERMS_DISPLAY_WRONG when only that is not)? */
enum terms_answer terms_in_system(const struct terms *t, const struct terms_coding *coding, struct terms_why *ret_why);
/* Does a subsume b (is a the same as or an ancestor of b)? */
enum terms_answer terms_subsumes(const struct terms *t, const struct terms_coding *a, const struct terms_coding *b);
/* Is this a value set / system that something is known of? */
bool terms_value_set_known(const struct terms *t, const char *canonical, size_t len);
bool terms_system_known(const struct terms *t, const char *url, size_t len);

#endif
