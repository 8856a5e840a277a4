/*
 * buf.h - a growable run of bytes that is given its largest size when it is made.
 *
 *     struct buf b; buf_init(&b, 1 << 20);
 *     if (buf_add_str(&b, "x") < 0) ...      // ERR_NOMEM or ERR_LIMIT; sticky: b.failed stays set
 *     bytes = buf_take(&b, &len);            // moves ownership, b is empty again
 *     buf_free(&b);
 *
 * Data is always followed by a NUL that len does not count. Errors are sticky so that a builder can check once at the end.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>

struct buf {
    char *data;      /* "" when empty, never NULL after buf_init */
    size_t len;
    size_t capacity; /* allocated, 0 = none yet */
    size_t max;      /* len never passes this */
    int failed;      /* first error code, 0 = none */
};

/* Borrowed bytes. Not necessarily NUL-terminated. */
struct bytes { const char *data; size_t len; };

void buf_init(struct buf *b, size_t max);
void buf_free(struct buf *b);                /* leaves an empty, usable buffer with the same maximum */
void buf_wipe_free(struct buf *b);           /* same for secrets: OPENSSL_cleanse first */
void buf_reset(struct buf *b);               /* keeps the memory, forgets content and failure */
int buf_reserve(struct buf *b, size_t extra);/* room for extra more bytes */
int buf_add(struct buf *b, const void *data, size_t len);
int buf_add_str(struct buf *b, const char *text);
int buf_add_char(struct buf *b, char c);
int buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Moves the bytes out (free() them); NULL with *ret_len 0 when allocation failed or nothing was ever added. */
char *buf_take(struct buf *b, size_t *ret_len);

static inline struct bytes buf_bytes(const struct buf *b) { struct bytes r = { b->data, b->len }; return r; }

#endif
