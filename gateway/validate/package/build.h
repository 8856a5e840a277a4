/*
 * build.h - the writer of images (model/image.h): tables that grow, strings and runs stored once. Private to the chamber.
 *
 *     struct build b;
 *     build_init(&b);
 *     img_str url = build_str(&b, text, len);
 *     img_id id = build_add(&b, IMG_VALUES, &value);
 *     build_finish(&b, sources, &image, &e);       // or the first failure
 *     build_free(&b);
 *
 * Failures are sticky (b.failed): calls give 0 from then on, the caller checks once. Pointers into tables are good until the next call.
 */
#ifndef VALIDATE_PACKAGE_BUILD_H
#define VALIDATE_PACKAGE_BUILD_H

#include "base/buf.h"
#include "base/err.h"
#include "validate/model/image.h"

/* Open addressing over 32-bit values; grows by doubling. */
struct build_slots { uint32_t *value; uint32_t size, used; };

struct build {
    struct buf table[IMG_SECTIONS];
    struct build_slots strings, runs;
    int failed;                  /* first error code, 0 = none */
};

void build_init(struct build *b);
void build_free(struct build *b);
/* Interned. data NULL gives 0; the empty text is a string of its own. */
img_str build_str(struct build *b, const char *text, size_t len);
img_str build_text(struct build *b, const char *text);       /* NUL-terminated; NULL gives 0 */
/* Appends an item, returns its index + 1; 0 on failure. */
img_id build_add(struct build *b, enum img_section section, const void *item);
/* Appends items as a run. Equal runs of a section are stored once when `shared`. */
struct img_run build_run(struct build *b, enum img_section section, const void *items, size_t count, bool shared);
uint32_t build_count(const struct build *b, enum img_section section);
void *build_at(struct build *b, enum img_section section, img_id id);
/* Text of an interned string; good until the next build_str(). */
struct bytes build_bytes(const struct build *b, img_str s);
/* Fails the build unless something failed before. */
void build_fail(struct build *b, int code);
/* Adds hash slots, header and checksum. */
int build_finish(struct build *b, const uint8_t sources[32], struct buf *ret_image, struct err *e);

#endif
