/*
 * package.h - from FHIR packages to an image (model/image.h).
 *
 * A package is a .tgz in NPM layout (https://confluence.hl7.org/display/FHIR/NPM+Package+Specification: package/package.json, package/(name).json), read
 * through libarchive without touching the disk, or a facts file: the same resources, one JSON object a line, bare of prose, as the
 * built-in table is kept. StructureDefinitions are taken by their snapshot; one without is given a snapshot from its differential and its base.
 *
 *     struct package_set *set = package_set_new(&e);
 *     package_set_add_file(set, "hl7.fhir.r4.core.tgz", &e); package_set_add_file(set, "jp-clins.tgz", &e);
 *     package_set_compile(set, &image_bytes, &e);      // struct buf, ready for image_open() or for a file
 *     set = package_set_free(set);
 *
 * Later packages win over earlier ones where url and version are the same. What is wrong with a resource of a package is a note (package_note),
 * never a reason to refuse the rest; a package that is no package is ERR_SYNTAX. Limits: PACKAGE_MAX_FILE bytes a file, PACKAGE_MAX_TOTAL unpacked, PACKAGE_MAX_FILES.
 */
#ifndef VALIDATE_PACKAGE_PACKAGE_H
#define VALIDATE_PACKAGE_PACKAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

enum { PACKAGE_MAX_FILE = 32 << 20, PACKAGE_MAX_FILES = 50000 };
#define PACKAGE_MAX_TOTAL ((size_t)512 << 20)
#define PACKAGE_IMAGE_MAX ((size_t)256 << 20)

struct package_set;
struct package_info { const char *name, *version, *fhir_version; const char *file; unsigned char sha256[32]; size_t profiles, value_sets, systems; };

struct package_set *package_set_new(struct err *e);
struct package_set *package_set_free(struct package_set *set);   /* NULL is fine; returns NULL */
int package_set_add_file(struct package_set *set, const char *path, struct err *e);              /* .tgz */
int package_set_add_bytes(struct package_set *set, const char *name, const char *bytes, size_t len, struct err *e);   /* .tgz in memory */
int package_set_add_facts(struct package_set *set, const char *bytes, size_t len, struct err *e);  /* facts file in memory */
size_t package_set_count(const struct package_set *set);
const struct package_info *package_set_info(const struct package_set *set, size_t index);
/* What was not understood, one English line each ("jp-core: StructureDefinition/x: ..."). Lives in the set. */
size_t package_set_notes(const struct package_set *set);
const char *package_set_note(const struct package_set *set, size_t index);
/* Writes the image. */
int package_set_compile(struct package_set *set, struct buf *ret_image, struct err *e);
/* Writes facts: what the canonicals in `roots` (count; "*" = every StructureDefinition, "-…" = never this one) and everything they reach need, without prose, one line a resource, sorted. */
int package_set_facts(struct package_set *set, const char *const *roots, size_t count, struct buf *ret_facts, struct err *e);

/*
 * The operator's packages: FOLDER/packages/NAME-VERSION.tgz (NAME-VERSION-DIGEST.tgz for a second one that says the same version), FOLDER/sets/SET.conf (a package file name a line, in order), FOLDER/sets/SET.image (the cache)
 * and SET.stamp (name, size, time and inode of the packages that it was made of, and the version of the compiler). Every change is a new file by rename; the
 * image is written anew when the stamp does not fit, the image does not verify or is of another version. Set names: 1-64 of [0-9A-Za-z_-].
 */
struct validate_set;    /* validate.h */
struct package_store;   /* an opened folder */
struct package_store *package_store_open(const char *folder, struct err *e);   /* creates the folder, its parents and the sub-folders */
struct package_store *package_store_close(struct package_store *store);
int package_store_add(struct package_store *store, const char *path, struct package_info *ret_info, struct err *e);   /* copies the file in, ERR_EXISTS when it is there; other bytes under the same name and version are filed beside it, with the digest in the name; texts of *ret_info (may be NULL) live as long as the store */
int package_store_remove(struct package_store *store, const char *file, struct err *e);                                /* ERR_NOT_NOW while a set uses it */
int package_store_use(struct package_store *store, const char *set, const char *const *files, size_t count, struct err *e);  /* compiles the set and defines it; ERR_INVALID without the R4 core: what it was before stays */
int package_store_drop(struct package_store *store, const char *set, struct err *e);   /* the set is no more, its packages stay. ERR_NOTFOUND when there is none */
/* Calls back, in the order of their names, for each package (sets: the names of those that use it) and each set (file NULL, name = the set, bytes of its image, sets: its files), names between spaces. */
struct package_listing { const char *file, *name, *version; size_t bytes; const char *sets; };
int package_store_list(struct package_store *store, int (*each)(void *self, const struct package_listing *row), void *self, struct err *e);
/* Compiles the set when its image is stale, damaged or of another version; *ret_made (may be NULL) says whether it was. ERR_NOTFOUND when there is no such set. */
int package_store_refresh(struct package_store *store, const char *set, bool *ret_made, struct err *e);
/* The set, opened (validate.h), its image made anew when stale. ERR_NOTFOUND when there is no such set, ERR_INVALID when it lacks the R4 core. */
int package_store_set(struct package_store *store, const char *set, struct validate_set **ret_set, struct err *e);
/* The same for loose files (--package FILE): the image is kept under FOLDER/loose/ by the digest of their stamp. */
int package_store_loose(struct package_store *store, const char *const *files, size_t count, struct validate_set **ret_set, struct err *e);

#endif
