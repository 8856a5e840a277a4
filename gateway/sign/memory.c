/*
 * NAME
 *     memory.c - certificates that were decoded, and paths that were judged, a moment ago
 *
 * SYNOPSIS
 *     x = sign_memory_certificate(m, x5c_text);  j = sign_memory_path(m, &question);  sign_memory_keep_path(m, &answer);
 *
 * DESCRIPTION
 *     Letters of one morning carry the same two certificates, and decoding and judging them costs several times what verifying a signature costs. What is
 *     remembered is only what a second look would find again: a certificate by its whole text, a judgement by the very certificates, the rules and
 *     the second of the time that it was made for (OpenSSL judges in whole seconds), so that an answer from here and a fresh one cannot differ.
 *     A judgement holds references to its certificates: while it is kept, no other certificate can have their addresses. Anchors, intermediates and
 *     CRLs that are added make all judgements be forgotten.
 *
 * DIAGNOSTICS
 *     None. Without memory nothing is remembered and everything is looked at anew.
 */
#include "sign/internal.h"

enum { CERTIFICATES = 8, PATHS = 4, TEXT_MAX = 16 << 10 };

struct decoded { char *text; size_t len; X509 *certificate; };

struct sign_memory {
    struct decoded decoded[CERTIFICATES];
    struct sign_path path[PATHS];
    size_t next_decoded, next_path;    /* the oldest gives way */
};

struct sign_memory *sign_memory_new(void)
{
    return calloc(1, sizeof(struct sign_memory));
}

static void forget_path(struct sign_path *p)
{
    X509_free(p->certificate);
    for (size_t i = 0; i < p->extra_count; i++)
        X509_free(p->extra[i]);
    p->certificate = NULL;
    p->extra_count = 0;
}

void sign_memory_forget_paths(struct sign_memory *m)
{
    for (size_t i = 0; i < PATHS; i++)
        forget_path(&m->path[i]);
}

struct sign_memory *sign_memory_free(struct sign_memory *m)
{
    if (m != NULL) {
        sign_memory_forget_paths(m);
        for (size_t i = 0; i < CERTIFICATES; i++) {
            free(m->decoded[i].text);
            X509_free(m->decoded[i].certificate);
        }
        free(m);
    }
    return NULL;
}

/* ---- certificates ---- */

static X509 *decode(struct bytes text)
{
    struct buf der;
    X509 *x = NULL;
    buf_init(&der, 64 << 10);
    if (base64_decode(&der, text.data, text.len, 0) == 0 && der.len > 0 && (unsigned char)der.data[0] == 0x30)
        x = sign_x509_read(buf_bytes(&der));
    buf_free(&der);
    return x;
}

X509 *sign_memory_certificate(struct sign_memory *m, struct bytes text)
{
    struct decoded *d = NULL;
    X509 *x = NULL;
    for (size_t i = 0; m != NULL && i < CERTIFICATES && x == NULL; i++) {
        d = &m->decoded[i];
        if (d->certificate != NULL && d->len == text.len && memcmp(d->text, text.data, text.len) == 0)
            x = d->certificate;
    }
    if (x != NULL)
        return X509_up_ref(x) == 1 ? x : NULL;
    x = decode(text);
    char *copy = x != NULL && m != NULL && text.len <= TEXT_MAX ? malloc(text.len) : NULL;
    if (copy == NULL || X509_up_ref(x) != 1) {
        free(copy);
        return x;
    }
    memcpy(copy, text.data, text.len);
    d = &m->decoded[m->next_decoded++ % CERTIFICATES];
    free(d->text);
    X509_free(d->certificate);
    *d = (struct decoded){ copy, text.len, x };
    return x;
}

/* ---- judgements ---- */

static bool same_question(const struct sign_path *a, const struct sign_path *b)
{
    if (a->certificate != b->certificate || a->extra_count != b->extra_count || a->second != b->second || a->revocation != b->revocation || a->policies != b->policies)
        return false;
    for (size_t i = 0; i < a->extra_count; i++)
        if (a->extra[i] != b->extra[i])
            return false;
    return true;
}

const struct sign_path *sign_memory_path(const struct sign_memory *m, const struct sign_path *question)
{
    for (size_t i = 0; i < PATHS; i++)
        if (m->path[i].certificate != NULL && same_question(&m->path[i], question))
            return &m->path[i];
    return NULL;
}

void sign_memory_keep_path(struct sign_memory *m, const struct sign_path *answer)
{
    struct sign_path *p = &m->path[m->next_path++ % PATHS];
    forget_path(p);
    *p = *answer;
    p->extra_count = 0;
    if (X509_up_ref(p->certificate) != 1) {
        p->certificate = NULL;
        return;
    }
    for (size_t i = 0; i < answer->extra_count; i++) {
        if (X509_up_ref(answer->extra[i]) != 1) {
            forget_path(p);
            return;
        }
        p->extra_count++;
    }
}
