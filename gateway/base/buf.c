/*
 * NAME
 *     buf - a growable run of bytes
 *
 * SYNOPSIS
 *     buf_init(&b, max); buf_add(&b, data, len); bytes = buf_take(&b, &len); buf_free(&b);
 *
 * DESCRIPTION
 *     Grows by doubling up to its maximum and one byte for the NUL. The text of an empty buffer is a constant that nobody writes to: every write
 *     goes through buf_reserve(), which allocates first.
 *
 * DIAGNOSTICS
 *     ERR_NOMEM and ERR_LIMIT; the first one sticks until buf_reset() or buf_free().
 */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include "base/err.h"

enum { FIRST_CAPACITY = 256 };

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){ .data = "", .max = max < SIZE_MAX / 2 ? max : SIZE_MAX / 2 };
}

void buf_free(struct buf *b)
{
    if (b->capacity > 0)
        free(b->data);
    buf_init(b, b->max);
}

void buf_wipe_free(struct buf *b)
{
    if (b->capacity > 0)
        OPENSSL_cleanse(b->data, b->capacity);
    buf_free(b);
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->failed = 0;
    if (b->capacity > 0)
        b->data[0] = '\0';
}

static int buf_fail(struct buf *b, int code)
{
    b->failed = code;
    return code;
}

int buf_reserve(struct buf *b, size_t extra)
{
    if (b->failed != 0)
        return b->failed;
    if (extra > b->max - b->len)
        return buf_fail(b, ERR_LIMIT);
    size_t need = b->len + extra + 1;
    if (need <= b->capacity)
        return 0;
    size_t capacity = b->capacity > 0 ? b->capacity : FIRST_CAPACITY;
    while (capacity < need)
        capacity *= 2;
    if (capacity > b->max + 1)
        capacity = b->max + 1;
    char *data = realloc(b->capacity > 0 ? b->data : NULL, capacity);
    if (data == NULL)
        return buf_fail(b, ERR_NOMEM);
    b->data = data;
    b->capacity = capacity;
    b->data[b->len] = '\0';
    return 0;
}

int buf_add(struct buf *b, const void *data, size_t len)
{
    int r = buf_reserve(b, len);
    if (r < 0)
        return r;
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
    return 0;
}

int buf_add_str(struct buf *b, const char *text)
{
    return buf_add(b, text, strlen(text));
}

int buf_add_char(struct buf *b, char c)
{
    return buf_add(b, &c, 1);
}

int buf_addf(struct buf *b, const char *format, ...)
{
    va_list ap;
    int r, len;
    va_start(ap, format);
    len = vsnprintf(NULL, 0, format, ap);
    va_end(ap);
    if (len < 0)
        return b->failed != 0 ? b->failed : buf_fail(b, ERR_INTERNAL);
    if ((r = buf_reserve(b, (size_t)len)) < 0)
        return r;
    va_start(ap, format);
    vsnprintf(b->data + b->len, (size_t)len + 1, format, ap);
    va_end(ap);
    b->len += (size_t)len;
    return 0;
}

char *buf_take(struct buf *b, size_t *ret_len)
{
    char *data = NULL;
    size_t len = 0;
    if (b->failed == 0 && b->capacity > 0) {
        data = b->data;
        len = b->len;
        b->capacity = 0;
    }
    buf_free(b);
    *ret_len = len;
    return data;
}
