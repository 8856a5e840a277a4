/*
 * NAME
 *     crypt - digests, base64, random numbers, identifiers
 *
 * SYNOPSIS
 *     sha256_of(data, len, &digest); base64_add(&out, data, len); rand_fill(key, sizeof key, &e); uuid_new(text, &e);
 *
 * DESCRIPTION
 *     SHA-256 by OpenSSL, random bytes by getrandom(2), base64 by RFC 4648 so strictly that every run of bytes has exactly one accepted text.
 *
 * DIAGNOSTICS
 *     ERR_SYNTAX for bad hex or base64 (what was appended is taken back), the errors of the buffer, ERR_IO without random bytes.
 */
#include "base/crypt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char hex_digits[] = "0123456789abcdef";

void crypt_start_quiet(void)
{
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS, NULL); /* where it fails, the first digest says so */
}

int sha256_of(const void *data, size_t len, struct sha256 *ret_digest)
{
    struct sha256 digest;
    if (EVP_Digest(data, len, digest.byte, NULL, EVP_sha256(), NULL) != 1)
        return ERR_INTERNAL;
    *ret_digest = digest;
    return 0;
}

int sha256_of_parts(const struct bytes *parts, size_t count, struct sha256 *ret_digest)
{
    struct sha256 digest;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; ok && i < count; i++)
        ok = EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) == 1;
    ok = ok && EVP_DigestFinal_ex(ctx, digest.byte, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    if (!ok)
        return ERR_INTERNAL;
    *ret_digest = digest;
    return 0;
}

struct sha256_maker { EVP_MD *method; EVP_MD_CTX *ctx; };

struct sha256_maker *sha256_maker_new(void)
{
    struct sha256_maker *maker = calloc(1, sizeof *maker);
    if (maker == NULL)
        return NULL;
    maker->method = EVP_MD_fetch(NULL, "SHA256", NULL);
    maker->ctx = EVP_MD_CTX_new();
    return maker->method == NULL || maker->ctx == NULL ? sha256_maker_free(maker) : maker;
}

struct sha256_maker *sha256_maker_free(struct sha256_maker *maker)
{
    if (maker != NULL) {
        EVP_MD_CTX_free(maker->ctx);
        EVP_MD_free(maker->method);
        free(maker);
    }
    return NULL;
}

int sha256_make(struct sha256_maker *maker, const struct bytes *parts, size_t count, struct sha256 *ret_digest)
{
    struct sha256 digest;
    int ok = EVP_DigestInit_ex(maker->ctx, maker->method, NULL) == 1;
    for (size_t i = 0; ok && i < count; i++)
        ok = EVP_DigestUpdate(maker->ctx, parts[i].data, parts[i].len) == 1;
    if (!ok || EVP_DigestFinal_ex(maker->ctx, digest.byte, NULL) != 1)
        return ERR_INTERNAL;
    *ret_digest = digest;
    return 0;
}

void sha256_to_hex(const struct sha256 *digest, char ret_hex[static SHA256_HEX])
{
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        ret_hex[2 * i] = hex_digits[digest->byte[i] >> 4];
        ret_hex[2 * i + 1] = hex_digits[digest->byte[i] & 15];
    }
    ret_hex[SHA256_HEX - 1] = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int sha256_from_hex(const char *hex, size_t len, struct sha256 *ret_digest)
{
    struct sha256 digest;
    if (len != SHA256_HEX - 1)
        return ERR_SYNTAX;
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        int high = hex_value(hex[2 * i]), low = hex_value(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return ERR_SYNTAX;
        digest.byte[i] = (unsigned char)(high << 4 | low);
    }
    *ret_digest = digest;
    return 0;
}

static int encode(struct buf *out, const unsigned char *in, size_t len, const char letters[static 64], int pad)
{
    int r = buf_reserve(out, base64_size(len));
    if (r < 0)
        return r;
    char *p = out->data + out->len;
    for (; len >= 3; in += 3, len -= 3) {
        *p++ = letters[in[0] >> 2];
        *p++ = letters[(in[0] & 3) << 4 | in[1] >> 4];
        *p++ = letters[(in[1] & 15) << 2 | in[2] >> 6];
        *p++ = letters[in[2] & 63];
    }
    if (len > 0) {
        unsigned second = len == 2 ? in[1] : 0;
        *p++ = letters[in[0] >> 2];
        *p++ = letters[(in[0] & 3u) << 4 | second >> 4];
        if (len == 2)
            *p++ = letters[(second & 15) << 2];
        for (size_t i = len; pad && i < 3; i++)
            *p++ = '=';
    }
    *p = '\0';
    out->len = (size_t)(p - out->data);
    return 0;
}

int base64_add(struct buf *out, const void *data, size_t len)
{
    return encode(out, data, len, alphabet, 1);
}

int base64url_add(struct buf *out, const void *data, size_t len)
{
    return encode(out, data, len, alphabet_url, 0);
}

size_t base64_size(size_t len)
{
    return len / 3 * 4 + (len % 3 != 0 ? 4 : 0);
}

/* 64 = not of the alphabet */
static void invert(const char letters[static 64], unsigned char ret_value[static 256])
{
    memset(ret_value, 64, 256);
    for (unsigned i = 0; i < 64; i++)
        ret_value[(unsigned char)letters[i]] = (unsigned char)i;
}

/*
 * Decodes up to the first '='; *ret_used says how far it came. Bits that are left over must be zero, so that every
 * run of bytes has exactly one accepted text.
 */
static int decode(struct buf *out, const char *text, size_t len, const char letters[static 64], int allow_space, size_t *ret_letters, size_t *ret_used)
{
    unsigned char value[256];
    char chunk[1024];  /* one call of the buffer a chunk, not one a byte */
    unsigned bits = 0, held = 0;
    size_t letter_count = 0, chunk_len = 0, i;
    int r;
    invert(letters, value);
    for (i = 0; i < len && text[i] != '='; i++) {
        unsigned v = value[(unsigned char)text[i]];
        if (v == 64) {
            if (allow_space && strchr(" \t\r\n", text[i]) != NULL && text[i] != '\0')
                continue;
            return ERR_SYNTAX;
        }
        letter_count++;
        bits = bits << 6 | v;
        held += 6;
        if (held >= 8) {
            held -= 8;
            chunk[chunk_len++] = (char)(bits >> held & 255);
            bits &= (1u << held) - 1;
        }
        if (chunk_len == sizeof chunk) {
            if ((r = buf_add(out, chunk, chunk_len)) < 0)
                return r;
            chunk_len = 0;
        }
    }
    if ((r = buf_add(out, chunk, chunk_len)) < 0)
        return r;
    *ret_letters = letter_count;
    *ret_used = i;
    return letter_count % 4 == 1 || bits != 0 ? ERR_SYNTAX : 0;
}

/* What was appended before the fault was found is taken back. */
static int decode_end(struct buf *out, size_t start, int r)
{
    if (r < 0) {
        out->len = start;
        if (out->capacity > 0)
            out->data[start] = '\0';
    }
    return r;
}

int base64_decode(struct buf *out, const char *text, size_t len, int allow_space)
{
    size_t start = out->len, letters, i, padding = 0;
    int r = decode(out, text, len, alphabet, allow_space, &letters, &i);
    if (r < 0)
        return decode_end(out, start, r);
    for (; i < len; i++) {
        if (text[i] == '=')
            padding++;
        else if (!allow_space || text[i] == '\0' || strchr(" \t\r\n", text[i]) == NULL)
            return decode_end(out, start, ERR_SYNTAX);
    }
    return decode_end(out, start, padding == (4 - letters % 4) % 4 ? 0 : ERR_SYNTAX);
}

int base64url_decode(struct buf *out, const char *text, size_t len)
{
    size_t start = out->len, letters, used;
    int r = decode(out, text, len, alphabet_url, 0, &letters, &used);
    return decode_end(out, start, r == 0 && used != len ? ERR_SYNTAX : r);
}

int rand_fill(void *data, size_t len, struct err *e)
{
    unsigned char *p = data;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set_errno(e, MSG_IO, NULL, "getrandom");
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

static void uuid_format(unsigned char byte[static 16], unsigned version, char ret_text[static UUID_TEXT])
{
    byte[6] = (unsigned char)((byte[6] & 0x0f) | version << 4);
    byte[8] = (unsigned char)((byte[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *ret_text++ = '-';
        *ret_text++ = hex_digits[byte[i] >> 4];
        *ret_text++ = hex_digits[byte[i] & 15];
    }
    *ret_text = '\0';
}

int uuid_new(char ret_text[static UUID_TEXT], struct err *e)
{
    unsigned char byte[16];
    int r = rand_fill(byte, sizeof byte, e);
    if (r < 0)
        return r;
    uuid_format(byte, 4, ret_text);
    return 0;
}

void uuid_from_seed(const unsigned char seed[static 32], uint64_t counter, char ret_text[static UUID_TEXT])
{
    unsigned char input[40];
    struct sha256 digest = { { 0 } };
    memcpy(input, seed, 32);
    for (unsigned i = 0; i < 8; i++)
        input[32 + i] = (unsigned char)(counter >> (56 - 8 * i));
    /* No way to report: a library that cannot digest 40 bytes has nothing to go on with. */
    if (sha256_of(input, sizeof input, &digest) < 0)
        abort();
    uuid_format(digest.byte, 8, ret_text);
}
