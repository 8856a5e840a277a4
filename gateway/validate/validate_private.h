/*
 * validate_private.h - private to the room: what a set of profiles is.
 */
#ifndef VALIDATE_VALIDATE_PRIVATE_H
#define VALIDATE_VALIDATE_PRIVATE_H

#include "validate/model/image.h"
#include "validate/validate.h"

struct validate_set {
    struct image image;
    void *map; size_t size;     /* the mapped file; NULL for the built-in table */
};

/* The profiles of a set; NULL means the built-in ones. */
const struct image *validate_set_image(const struct validate_set *set);

#endif
