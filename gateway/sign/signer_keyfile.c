/*
 * NAME
 *     signer_keyfile.c - a signer whose key is a PEM text in memory: for tests and demonstrations
 *
 * SYNOPSIS
 *     sign_signer_open(&sign_signer_key_file, &(struct sign_signer_conf){ .certificate = pem, .key = pem }, &signer, &e);
 *
 * DESCRIPTION
 *     `certificate` may carry the chain after the signing certificate. An encrypted key is opened by the first signature, with the PIN of the
 *     sitting. The key is no qualified key: ops->for_tests is set, and the door says so wherever it names the signer.
 *
 * DIAGNOSTICS
 *     CG-6022, CG-6013.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include "sign/internal.h"

struct key_file {
    struct buf key_text;
    EVP_PKEY *key;
    X509 *chain[SIGN_CHAIN_MAX];
    size_t count;
};

static void key_file_close(void *self)
{
    struct key_file *k = self;
    for (size_t i = 0; i < k->count; i++)
        X509_free(k->chain[i]);
    EVP_PKEY_free(k->key);
    buf_wipe_free(&k->key_text);
    free(k);
}

static void read_chain(struct key_file *k, struct bytes text)
{
    BIO *bio = text.len > 0 && text.len < INT32_MAX ? BIO_new_mem_buf(text.data, (int)text.len) : NULL;
    X509 *x;
    while (bio != NULL && k->count < SIGN_CHAIN_MAX && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
        k->chain[k->count++] = x;
    BIO_free(bio);
    if (k->count == 0 && (x = sign_x509_read(text)) != NULL)
        k->chain[k->count++] = x;
    ERR_clear_error();
}

static int key_file_open(const struct sign_signer_conf *conf, void **ret_self, struct err *e)
{
    struct key_file *k = calloc(1, sizeof *k);
    if (k == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "key", NULL);
    buf_init(&k->key_text, 64 << 10);
    read_chain(k, conf->certificate);
    int r = k->count > 0 ? 0 : err_set(e, ERR_SYNTAX, MSG_SIGN_KEY_FILE, NULL, "certificate", NULL);
    if (r == 0 && (conf->key.len == 0 || buf_add(&k->key_text, conf->key.data, conf->key.len) < 0))
        r = err_set(e, ERR_SYNTAX, MSG_SIGN_KEY_FILE, NULL, "key", NULL);
    if (r < 0)
        key_file_close(k);
    else
        *ret_self = k;
    return r;
}

static int key_file_status(void *self, struct sign_token_status *ret_status, struct err *e)
{
    const struct key_file *k = self;
    struct sign_token_status st = { .present = true, .has_certificate = true, .label = "key file" };
    if (sign_x509_facts(k->chain[0], &st.certificate) < 0)
        return err_set(e, ERR_SYNTAX, MSG_SIGN_KEY_FILE, NULL, "certificate", NULL);
    *ret_status = st;
    return 0;
}

static int key_file_certificates(void *self, struct arena *arena, struct bytes **ret_list, size_t *ret_count, struct err *e)
{
    const struct key_file *k = self;
    struct bytes *list = arena_array(arena, k->count, sizeof *list);
    for (size_t i = 0; list != NULL && i < k->count; i++) {
        unsigned char *der = NULL;
        int len = i2d_X509(k->chain[i], &der);
        if (len > 0)
            list[i] = (struct bytes){ arena_strndup(arena, (const char *)der, (size_t)len), (size_t)len };
        OPENSSL_free(der);
        if (list[i].data == NULL)
            list = NULL;
    }
    if (list == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "certificate", NULL);
    *ret_list = list;
    *ret_count = k->count;
    return 0;
}

struct answer { struct bytes pin; bool asked; };

static int give_pin(char *buffer, int size, int writing, void *user)
{
    struct answer *a = user;
    (void)writing;
    a->asked = true;
    if (a->pin.len == 0 || a->pin.len > (size_t)size)
        return -1;
    memcpy(buffer, a->pin.data, a->pin.len);
    return (int)a->pin.len;
}

static int load_key(struct key_file *k, struct bytes pin, struct err *e)
{
    struct answer answer = { pin, false };
    BIO *bio = k->key != NULL ? NULL : BIO_new_mem_buf(k->key_text.data, (int)k->key_text.len);
    if (bio != NULL)
        k->key = PEM_read_bio_PrivateKey(bio, NULL, give_pin, &answer);
    BIO_free(bio);
    if (k->key == NULL && answer.asked)
        return err_set(e, ERR_DENIED, MSG_SIGN_PIN_WRONG, NULL, NULL, NULL);
    if (k->key == NULL || X509_check_private_key(k->chain[0], k->key) != 1)
        return err_set(e, ERR_INVALID, MSG_SIGN_KEY_FILE, NULL, "key", NULL);
    return 0;
}

static int key_file_sign(void *self, const struct sha256 *digest, struct bytes pin, unsigned flags, struct buf *out, struct err *e)
{
    struct key_file *k = self;
    unsigned char sig[SIGN_RSA_MAX];
    size_t len = sizeof sig;
    (void)flags;
    int r = load_key(k, pin, e);
    if (r < 0) {
        ERR_clear_error();
        return r;
    }
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(k->key, NULL);
    bool ok = ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
        EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1 && EVP_PKEY_sign(ctx, sig, &len, digest->byte, SHA256_BYTES) == 1;
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return ok ? buf_add(out, sig, len) : err_set(e, ERR_INVALID, MSG_SIGN_KEY_FILE, NULL, "RSA", NULL);
}

const struct sign_signer_ops sign_signer_key_file = {
    .name = "key-file",
    .for_tests = true,
    .open = key_file_open,
    .close = key_file_close,
    .status = key_file_status,
    .certificates = key_file_certificates,
    .sign = key_file_sign,
};
