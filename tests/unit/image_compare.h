/*
 * image_compare.h - do two images say the same of a profile? For tests: tables against packages, generated snapshots against official ones.
 */
#ifndef TESTS_UNIT_IMAGE_COMPARE_H
#define TESTS_UNIT_IMAGE_COMPARE_H

#include "validate/model/image.h"

struct image_differences {
    size_t elements;             /* compared */
    size_t count;                /* elements of which something differs */
    size_t print;                /* this many are printed on standard output */
    bool invariants_of_a_only;   /* an invariant that b adds is no difference */
};

/* Compares the elements by id. One that is missing on one side is a difference only when the other adds something there. */
void image_compare_profiles(const struct image *a, img_id pa, const struct image *b, img_id pb, struct image_differences *d);

#endif
