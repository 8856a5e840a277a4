/*
 * snapshot.h - a definition's elements as a tree that can be narrowed: the way from a differential to a snapshot, and back. Private to the chamber.
 *
 *     struct grove g = { .c = c };
 *     struct bough *root = grove_of_base(&g, d, depth);       // what the definition starts from
 *     struct bough *b = grove_reach(&g, root, id);            // unfolds types and content references, makes slices on the way
 *     bough_narrow(&g, b, &draft);                            // lays a differential's element over it
 *     grove_flatten(&g, root, d);
 *
 * Paths and ids are not kept: they follow from the place in the tree, so that copies need no renaming.
 */
#ifndef VALIDATE_PACKAGE_SNAPSHOT_H
#define VALIDATE_PACKAGE_SNAPSHOT_H

#include "validate/package/package_private.h"

struct bough {
    const char *name;                    /* last part of the path, "[x]" kept */
    const char *slice;                   /* NULL = no slice */
    struct draft draft;                  /* path and id unused */
    struct bough *up;                    /* parent; for a slice the element that it slices */
    struct bough *child, *last_child, *sliced, *last_slice, *next;
    bool fresh;                          /* made by grove_reach(): the base has no such element or slice, or the profile of a type brought it */
};

struct grove {
    struct compile *c;
    size_t count;                        /* boughs made; bounded by DRAFTS_MAX */
    int depth;                           /* of definitions that wait for each other */
    bool adds_elements;                  /* a specialization may name elements that the base does not have */
};

/* The tree of drafts in the order of a snapshot; NULL when there is none or memory ran out. */
struct bough *grove_of_drafts(struct grove *g, const struct draft *draft, size_t count);
struct bough *grove_new(struct grove *g, const char *name);    /* a root and nothing else */
struct bough *grove_of_base(struct grove *g, struct definition *d);
/* The element of this id ("Observation.code.coding:a.system"), made when it can be. NULL: there is no such element. */
struct bough *grove_reach(struct grove *g, struct bough *root, const char *id);
void bough_narrow(struct grove *g, struct bough *bough, const struct draft *draft);
/* Fills d->draft. */
bool grove_flatten(struct grove *g, struct bough *root, struct definition *d);

#endif
