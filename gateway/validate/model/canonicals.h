/*
 * canonicals.h - what an address stands for, looked up once and remembered from one document to the next.
 *
 * The same few addresses stand in every document and in every definition. One that the image knows as a text has a number there, and by that number profile,
 * system, value set and type are remembered; about one that the image does not know there is nothing to remember. So the table has a fixed size, whatever comes in.
 *
 *     struct canonicals *c = calloc(1, sizeof *c);                       // zeroed at first; of one image
 *     img_id profile = canonicals_find(c, image, url, len)->profile;     // url may have "|version"
 *
 * The answers are those of image_find_profile(), image_find_system(), image_find_value_set() and image_find_type(). What is returned is good until the next call.
 */
#ifndef VALIDATE_MODEL_CANONICALS_H
#define VALIDATE_MODEL_CANONICALS_H

#include "validate/model/image.h"

enum { CANONICALS_SLOTS = 1024 };

struct canonical_found {
    img_str text;                          /* 0 = free */
    img_id profile, system, value_set;     /* of the canonical */
    img_id type;                           /* of the name of a type */
    uint32_t judged;                       /* for primitives.c: what it thinks of the address; 0 = nothing yet */
};

struct canonicals { struct canonical_found slot[CANONICALS_SLOTS], other; };

/* A text of the image; 0 is found nowhere. */
struct canonical_found *canonicals_get(struct canonicals *c, const struct image *image, img_str text);
/* Any text; its `type` is 0 when the image does not know the text. */
struct canonical_found *canonicals_find(struct canonicals *c, const struct image *image, const char *text, size_t len);
img_id canonicals_type(struct canonicals *c, const struct image *image, const char *name, size_t len);

#endif
