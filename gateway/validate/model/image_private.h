/*
 * image_private.h - what the writer and the reader of images must agree on beyond image.h.
 */
#ifndef VALIDATE_MODEL_IMAGE_PRIVATE_H
#define VALIDATE_MODEL_IMAGE_PRIVATE_H

#include "validate/model/image.h"

extern const char image_magic[8];
enum { IMAGE_BYTE_ORDER = 0x01020304, IMAGE_ALIGN = 8, IMAGE_STRING_ALIGN = 4, IMAGE_BASES_MAX = 32 /* length of a chain of base definitions */ };

/* Bytes of one item of each section; 1 for strings and programs. */
extern const uint8_t image_item_size[IMG_SECTIONS];

/* Numbers by value, the rest byte by byte; none is older than any. <0, 0, >0. */
int image_compare_versions(const char *a, const char *b);

/* First bytes that the checksum covers. */
#define IMAGE_CHECKED_FROM (offsetof(struct img_header, checksum) + sizeof(uint64_t))

#endif
