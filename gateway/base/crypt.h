/*
 * crypt.h - digests, base64, random numbers, identifiers. Thin over OpenSSL.
 */
#ifndef BASE_CRYPT_H
#define BASE_CRYPT_H

#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

enum { SHA256_BYTES = 32, SHA256_HEX = 65, UUID_TEXT = 37 };

struct sha256 { unsigned char byte[SHA256_BYTES]; };

/* At the start of a program, before anything else of this room: OpenSSL then leaves the texts of its errors out (60 KB a process). Not for a program that shows them to a person. */
void crypt_start_quiet(void);

/* Cannot fail on sane systems; returns ERR_INTERNAL if OpenSSL refuses. */
int sha256_of(const void *data, size_t len, struct sha256 *ret_digest);
/* Over several runs of bytes. */
int sha256_of_parts(const struct bytes *parts, size_t count, struct sha256 *ret_digest);
/* The same many times over: what OpenSSL looks up for each digest is looked up once. NULL: out of memory. */
struct sha256_maker;
struct sha256_maker *sha256_maker_new(void);
struct sha256_maker *sha256_maker_free(struct sha256_maker *maker);   /* NULL is fine; returns NULL */
int sha256_make(struct sha256_maker *maker, const struct bytes *parts, size_t count, struct sha256 *ret_digest);
void sha256_to_hex(const struct sha256 *digest, char ret_hex[static SHA256_HEX]);
int sha256_from_hex(const char *hex, size_t len, struct sha256 *ret_digest);   /* ERR_SYNTAX */

/* Standard base64 in one line (RFC 4648 section 4), appended. */
int base64_add(struct buf *out, const void *data, size_t len);
/* base64url without padding (section 5), appended. */
int base64url_add(struct buf *out, const void *data, size_t len);
/* Strict: alphabet, padding, zero trailing bits; white space refused unless allow_space. No NUL is added to the data. ERR_SYNTAX. */
int base64_decode(struct buf *out, const char *text, size_t len, int allow_space);
int base64url_decode(struct buf *out, const char *text, size_t len);
/* Characters that base64_add writes for len bytes. */
size_t base64_size(size_t len);

/* Fills with the kernel's random bytes. */
int rand_fill(void *data, size_t len, struct err *e);
/* Random UUID (version 4), lower case. */
int uuid_new(char ret_text[static UUID_TEXT], struct err *e);
/* Deterministic UUID (version 8 layout, RFC 9562) from a seed and a counter: same input, same output. */
void uuid_from_seed(const unsigned char seed[static 32], uint64_t counter, char ret_text[static UUID_TEXT]);

#endif
