/*
 * NAME
 *     arena - memory of one message
 *
 * SYNOPSIS
 *     a = arena_new(max); p = arena_alloc(a, size); a = arena_free(a);
 *
 * DESCRIPTION
 *     Blocks in a list, each twice the size of the one before up to BLOCK_MAX; what is larger gets a block of its own. Requested bytes, rounded to
 *     the alignment, count against the maximum and blocks do not, so that the same input passes or fails at the same place on every machine.
 *     A reset keeps the first blocks, emptied: a process that does the same work over and over asks the system for memory once.
 *
 * DIAGNOSTICS
 *     NULL for want of memory and past the maximum alike.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = _Alignof(max_align_t), BLOCK_FIRST = 4096, BLOCK_MAX = 1 << 20, KEEP_MAX = 1 << 20 /* over a reset: the blocks of 4 KiB to 512 KiB */ };

struct block {
    struct block *next;
    size_t size, used;
    _Alignas(max_align_t) char data[];
};

struct arena {
    size_t max, used, next_size;
    struct block *first, *current;
};

struct arena *arena_new(size_t max)
{
    struct arena *a = calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    a->max = max < SIZE_MAX / 4 ? max : SIZE_MAX / 4;
    a->next_size = BLOCK_FIRST;
    return a;
}

static void blocks_free(struct block *b)
{
    while (b != NULL) {
        struct block *next = b->next;
        free(b);
        b = next;
    }
}

struct arena *arena_free(struct arena *a)
{
    if (a != NULL)
        blocks_free(a->first);
    free(a);
    return NULL;
}

void arena_reset(struct arena *a)
{
    struct block **link = &a->first;
    size_t kept = 0;
    a->next_size = BLOCK_FIRST;
    while (*link != NULL) {
        struct block *b = *link;
        if (b->size > KEEP_MAX - kept) {
            *link = b->next;
            free(b);
            continue;
        }
        memset(b->data, 0, b->used);
        b->used = 0;
        kept += b->size;
        while (a->next_size <= b->size && a->next_size < BLOCK_MAX)
            a->next_size *= 2;
        link = &b->next;
    }
    a->current = a->first;
    a->used = 0;
}

/* A block behind the current one that a reset has emptied. */
static struct block *block_kept(const struct arena *a, size_t size)
{
    struct block *b = a->current != NULL ? a->current->next : NULL;
    while (b != NULL && (b->used > 0 || b->size < size))
        b = b->next;
    return b;
}

/* A zeroed block with room for size bytes, linked in last. */
static struct block *block_add(struct arena *a, size_t size)
{
    size_t wanted = a->next_size > size ? a->next_size : size;
    struct block *b = calloc(1, sizeof *b + wanted);
    if (b == NULL)
        return NULL;
    b->size = wanted;
    if (a->next_size < BLOCK_MAX)
        a->next_size *= 2;
    if (a->first == NULL) {
        a->first = a->current = b;
        return b;
    }
    b->next = a->current->next;
    a->current->next = b;
    /* A large guest does not end the block that still has room. */
    if (b->size - size >= a->current->size - a->current->used)
        a->current = b;
    return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
    if (size > a->max || a->max - a->used < size)
        return NULL;
    size_t rounded = (size + (size == 0) + ALIGN - 1) / ALIGN * ALIGN;
    struct block *b = a->current;
    if (b == NULL || b->size - b->used < rounded) {
        b = block_kept(a, rounded);
        if (b != NULL)
            a->current = b;
        else
            b = block_add(a, rounded);
    }
    if (b == NULL)
        return NULL;
    void *memory = b->data + b->used;
    b->used += rounded;
    /* Rounding counts: many small pieces must not pass the maximum unseen. */
    a->used += rounded < a->max - a->used ? rounded : a->max - a->used;
    return memory;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t total;
    return __builtin_mul_overflow(count, size, &total) ? NULL : arena_alloc(a, total);
}

char *arena_strndup(struct arena *a, const char *text, size_t len)
{
    char *copy = len < SIZE_MAX ? arena_alloc(a, len + 1) : NULL;
    if (copy != NULL && len > 0)
        memcpy(copy, text, len);
    return copy;
}

char *arena_strdup(struct arena *a, const char *text)
{
    return text != NULL ? arena_strndup(a, text, strlen(text)) : NULL;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    char first[256]; /* nearly every text fits: it is formatted once */
    va_list ap;
    va_start(ap, format);
    int len = vsnprintf(first, sizeof first, format, ap);
    va_end(ap);
    char *text = len >= 0 ? arena_alloc(a, (size_t)len + 1) : NULL;
    if (text != NULL && (size_t)len < sizeof first) {
        memcpy(text, first, (size_t)len + 1);
    } else if (text != NULL) {
        va_start(ap, format);
        vsnprintf(text, (size_t)len + 1, format, ap);
        va_end(ap);
    }
    return text;
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}
