/*
 * arena.h - memory of one message, freed in one place.
 *
 * Everything allocated lives until arena_reset() or arena_free(). All calls may return NULL: an ordinary error (ERR_NOMEM).
 * Memory is zeroed and aligned for any type. The total is bounded by the maximum given at birth.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_new(size_t max);         /* NULL when out of memory */
struct arena *arena_free(struct arena *a);   /* NULL is fine; returns NULL */
void arena_reset(struct arena *a);           /* frees all, keeps some memory for what comes next */
void *arena_alloc(struct arena *a, size_t size);
void *arena_array(struct arena *a, size_t count, size_t size);  /* overflow-checked */
char *arena_strdup(struct arena *a, const char *text);          /* NULL text gives NULL */
char *arena_strndup(struct arena *a, const char *text, size_t len);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
size_t arena_used(const struct arena *a);

#endif
