/*
 * node.h - private to fhir/: how the builder writes one element and remembers where it came from.
 *
 * A node is a JSON object in the making with its FHIRPath. Every function takes the build, does nothing once build->failed is set, and never
 * fails visibly: fhir_build_bundle() looks at build->failed at the end. Strings are referenced, not copied, so they must live as long as the
 * build (chart, arena, static).
 */
#ifndef FHIR_NODE_H
#define FHIR_NODE_H

#include <cjson/cJSON.h>
#include "base/timefmt.h"
#include "fhir/fhir.h"

struct fhir_node { cJSON *json; const char *path; };

/* One Bundle being filled: the outer one, or a discharge summary inside it. */
struct fhir_frame {
    struct fhir_node bundle;
    cJSON *entries;
    size_t count;
    const char *patient;             /* fullUrl */
};

/* Bytes that do not go through cJSON: a raw mark stands in the tree, fhir_print() puts the bytes in its place. */
struct fhir_splice { struct bytes content; bool base64; };

enum { FHIR_SPLICES_MAX = 512 };

struct fhir_build {
    const struct chart *chart;
    const struct fhir_options *options;
    struct arena *arena;
    struct source_map *map;
    struct issue_list *issues;
    struct fhir_frame *frame;
    uint64_t counter;                /* of the uuids */
    size_t derived;                  /* of the identifiers for entries that have none */
    char now[TIME_TEXT_MAX];
    struct fhir_splice *splice;
    size_t splice_count;
    int failed;                      /* first enum err_code */
};

/* A resource of the Bundle: its node and the URL that others refer to. */
struct fhir_resource { struct fhir_node node; const char *url; };

void fhir_fail(struct fhir_build *b, int code);
/* Adds an error about the chart and makes the build fail with ERR_INVALID. */
void fhir_refuse(struct fhir_build *b, enum msg_id msg, const struct chart_place *at, const char *arg1, const char *arg2);
void fhir_warn(struct fhir_build *b, enum msg_id msg, const struct chart_place *at, const char *location, const char *arg1, const char *arg2);

/* Child object `name`; the one that is there already when it is. */
struct fhir_node fhir_object(struct fhir_build *b, struct fhir_node parent, const char *name);
/* New object at the end of the list `name`, which is made when it is not there. */
struct fhir_node fhir_item(struct fhir_build *b, struct fhir_node parent, const char *name);
/* Members. NULL or empty text writes nothing. */
void fhir_add(struct fhir_build *b, struct fhir_node node, const char *name, const char *text);
void fhir_add_text(struct fhir_build *b, struct fhir_node node, const char *name, const struct chart_text *text);   /* and maps it */
void fhir_add_item(struct fhir_build *b, struct fhir_node node, const char *name, const char *text);                 /* into a list of strings */
void fhir_add_number(struct fhir_build *b, struct fhir_node node, const char *name, const struct chart_text *digits); /* raw, refused when it is no number */
void fhir_add_raw(struct fhir_build *b, struct fhir_node node, const char *name, const char *raw);
void fhir_add_true(struct fhir_build *b, struct fhir_node node, const char *name);
/* A string of Base64, or a JSON value as it is, written at printing. */
void fhir_add_splice(struct fhir_build *b, struct fhir_node node, const char *name, struct bytes content, bool base64);

/* The node (or its member) stands for this place of the vendor's file. */
void fhir_map(struct fhir_build *b, struct fhir_node node, const struct chart_place *at);
void fhir_map_member(struct fhir_build *b, struct fhir_node node, const char *name, const struct chart_place *at);

const char *fhir_uuid_url(struct fhir_build *b);
/* printf into the arena; "" after a failure. */
const char *fhir_format(struct fhir_build *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* True for a text that can stand as a number in JSON (and so in FHIR). */
bool fhir_is_number(const char *text);

/* Prints the tree with its splices behind what out holds. */
int fhir_print(struct fhir_build *b, const cJSON *root, struct buf *out);

#endif
