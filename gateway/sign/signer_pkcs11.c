/*
 * NAME
 *     signer_pkcs11.c - an HPKI card, or any token, behind a PKCS#11 library loaded at run time
 *
 * SYNOPSIS
 *     sign_signer_open(&sign_signer_pkcs11, &(struct sign_signer_conf){ .module = "/usr/lib/..." }, &signer, &e);
 *
 * DESCRIPTION
 *     Uses only what JAHIS 24-002 guarantees of an HPKI library: no slot events, no multi-part signing, no digests, CKM_RSA_PKCS over a
 *     DigestInfo built here, sessions with CKF_SERIAL_SESSION, C_Login for CKU_USER. One signature is
 *     GetTokenInfo, Login, FindObjects (by modulus and exponent of the certificate), SignInit, Sign for the length, Sign, Logout; with keep_login
 *     Login and Logout stand around the whole sitting.
 *     Labels and ids of objects are examples in that guide and are not relied on. The token's PIN flags are read before every log-in, and no
 *     log-in is ever repeated.
 *     Two signers over one library share its state: close them together.
 *
 * DIAGNOSTICS
 *     CG-6010 to CG-6020; the argument of CG-6020 names function and return value.
 */
#include <dlfcn.h>
#include <openssl/err.h>
#include <p11-kit-1/p11-kit/pkcs11.h>
#include "sign/internal.h"

enum { SLOTS_MAX = 32, OBJECTS_MAX = 16, CERTIFICATE_MAX = 16384, NUMBER_MAX = 1024 };

static const char hpki_label[] = "HPKI Application";

struct p11 {
    void *library;
    const CK_FUNCTION_LIST *f;
    bool finalize, open, keep_login, logged_in;
    CK_OBJECT_HANDLE key;         /* while logged in */
    char label[33];               /* "" = by the rule of the guide */
    X509 *configured;             /* certificate named by the operator, or NULL */
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE session;
    X509 *chain[OBJECTS_MAX];     /* [0] is the signing certificate */
    size_t count;
};

static const struct { CK_RV rv; enum err_code code; enum msg_id msg; } meaning[] = {
    { CKR_PIN_INCORRECT, ERR_DENIED, MSG_SIGN_PIN_WRONG },
    { CKR_PIN_INVALID, ERR_DENIED, MSG_SIGN_PIN_WRONG },
    { CKR_PIN_LEN_RANGE, ERR_DENIED, MSG_SIGN_PIN_WRONG },
    { CKR_PIN_LOCKED, ERR_DENIED, MSG_SIGN_PIN_LOCKED },
    { CKR_DEVICE_REMOVED, ERR_NOT_NOW, MSG_SIGN_CARD_REMOVED },
    { CKR_TOKEN_NOT_PRESENT, ERR_NOT_NOW, MSG_SIGN_CARD_REMOVED },
    { CKR_TOKEN_NOT_RECOGNIZED, ERR_NOT_NOW, MSG_SIGN_NO_CARD },
    { CKR_SESSION_HANDLE_INVALID, ERR_NOT_NOW, MSG_SIGN_CARD_REMOVED },
    { CKR_SESSION_CLOSED, ERR_NOT_NOW, MSG_SIGN_CARD_REMOVED },
};

static int refuse(CK_RV rv, const char *function, struct err *e)
{
    char text[32];
    for (size_t i = 0; i < sizeof meaning / sizeof meaning[0]; i++)
        if (meaning[i].rv == rv)
            return err_set(e, meaning[i].code, meaning[i].msg, NULL, function, NULL);
    snprintf(text, sizeof text, "0x%lX", rv);
    return err_set(e, ERR_IO, MSG_SIGN_DEVICE, NULL, function, text);
}

/* ---- opening ---- */

static void drop_chain(struct p11 *p)
{
    for (size_t i = 0; i < p->count; i++)
        X509_free(p->chain[i]);
    p->count = 0;
}

static void close_session(struct p11 *p)
{
    if (p->open)
        p->f->C_CloseSession(p->session);
    p->open = p->logged_in = false;
}

static void log_out(struct p11 *p)
{
    if (p->logged_in)
        p->f->C_Logout(p->session);
    p->logged_in = false;
}

static void p11_close(void *self)
{
    struct p11 *p = self;
    close_session(p);
    drop_chain(p);
    X509_free(p->configured);
    if (p->finalize)
        p->f->C_Finalize(NULL);
    if (p->library != NULL)
        dlclose(p->library);
    free(p);
}

static int load_module(struct p11 *p, const char *path, struct err *e)
{
    CK_C_GetFunctionList get = NULL;
    CK_FUNCTION_LIST *list = NULL;
    p->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (p->library == NULL)
        return err_set(e, ERR_NOTFOUND, MSG_SIGN_MODULE, NULL, path, dlerror());
    void *symbol = dlsym(p->library, "C_GetFunctionList");
    memcpy(&get, &symbol, sizeof get);   /* ISO C has no conversion from object to function pointer */
    if (get == NULL || get(&list) != CKR_OK || list == NULL)
        return err_set(e, ERR_INVALID, MSG_SIGN_MODULE, NULL, path, "C_GetFunctionList");
    p->f = list;
    return 0;
}

static int p11_open(const struct sign_signer_conf *conf, void **ret_self, struct err *e)
{
    struct p11 *p = calloc(1, sizeof *p);
    int r = 0;
    if (p == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "signer", NULL);
    p->keep_login = conf->keep_login;
    if (conf->token_label != NULL)
        snprintf(p->label, sizeof p->label, "%s", conf->token_label);
    if (conf->certificate.len > 0 && (p->configured = sign_x509_read(conf->certificate)) == NULL)
        r = err_set(e, ERR_SYNTAX, MSG_SIGN_CERT_FORM, NULL, "certificate", NULL);
    if (r == 0 && conf->cryptoki != NULL)
        p->f = conf->cryptoki;
    else if (r == 0)
        r = conf->module != NULL ? load_module(p, conf->module, e) : err_set(e, ERR_INVALID, MSG_SIGN_MODULE, NULL, "-", "module");
    if (r == 0) {
        CK_RV rv = p->f->C_Initialize(NULL);
        p->finalize = rv == CKR_OK;
        if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED)
            r = refuse(rv, "C_Initialize", e);
    }
    if (r < 0)
        p11_close(p);
    else
        *ret_self = p;
    return r;
}

/* ---- token ---- */

/* Cryptoki texts are padded with blanks and not terminated. */
static void read_padded(const unsigned char *text, size_t len, char *ret_text)
{
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\0'))
        len--;
    memcpy(ret_text, text, len);
    ret_text[len] = '\0';
}

static void read_token(const CK_TOKEN_INFO *info, struct sign_token_status *st)
{
    st->present = true;
    st->pin_count_low = (info->flags & CKF_USER_PIN_COUNT_LOW) != 0;
    st->pin_final_try = (info->flags & CKF_USER_PIN_FINAL_TRY) != 0;
    st->pin_locked = (info->flags & CKF_USER_PIN_LOCKED) != 0;
    read_padded(info->label, sizeof info->label, st->label);
    read_padded(info->model, sizeof info->model, st->model);
    read_padded(info->serialNumber, sizeof info->serialNumber, st->serial);
}

/* 3 = the label asked for, 2 = blank, 1 = any other (taken only when it is alone), 0 = not this one. */
static int rank_label(const struct p11 *p, const char *label)
{
    if (p->label[0] != '\0')
        return strcmp(label, p->label) == 0 ? 3 : 0;
    return strcmp(label, hpki_label) == 0 ? 3 : label[0] == '\0' ? 2 : 1;
}

/* present = false when there is no fitting token. */
static int find_token(struct p11 *p, CK_SLOT_ID *ret_slot, struct sign_token_status *ret_status, struct err *e)
{
    CK_SLOT_ID slot[SLOTS_MAX];
    CK_ULONG count = SLOTS_MAX;
    int best = 0, others = 0;
    CK_RV rv = p->f->C_GetSlotList(CK_TRUE, slot, &count);
    if (rv != CKR_OK)
        return refuse(rv, "C_GetSlotList", e);
    for (CK_ULONG i = 0; i < count; i++) {
        CK_TOKEN_INFO info;
        struct sign_token_status st = { 0 };
        if (p->f->C_GetTokenInfo(slot[i], &info) != CKR_OK)
            continue;   /* pulled out this moment */
        read_token(&info, &st);
        int rank = rank_label(p, st.label);
        if (rank < 3 && (info.flags & CKF_TOKEN_INITIALIZED) == 0)
            continue;   /* the empty slot that software tokens always show */
        others += rank == 1;
        if (rank > best) {
            best = rank;
            *ret_slot = slot[i];
            *ret_status = st;
        }
    }
    if (best == 0 || (best == 1 && others > 1))
        *ret_status = (struct sign_token_status){ 0 };
    return 0;
}

/* A fresh session on the token that is there now: cards change. */
static int open_session(struct p11 *p, struct sign_token_status *ret_status, struct err *e)
{
    struct sign_token_status st = { 0 };
    close_session(p);
    int r = find_token(p, &p->slot, &st, e);
    if (r < 0)
        return r;
    if (st.present) {
        CK_RV rv = p->f->C_OpenSession(p->slot, CKF_SERIAL_SESSION, NULL, NULL, &p->session);
        p->open = rv == CKR_OK;
        if (rv == CKR_DEVICE_REMOVED || rv == CKR_TOKEN_NOT_PRESENT)
            st.present = false;
        else if (rv != CKR_OK)
            return refuse(rv, "C_OpenSession", e);
    }
    *ret_status = st;
    return 0;
}

/* ---- objects ---- */

static int find_objects(struct p11 *p, CK_ATTRIBUTE *wanted, CK_ULONG wanted_count, CK_OBJECT_HANDLE *ret_list, CK_ULONG max, CK_ULONG *ret_count, struct err *e)
{
    CK_RV rv = p->f->C_FindObjectsInit(p->session, wanted, wanted_count);
    if (rv != CKR_OK)
        return refuse(rv, "C_FindObjectsInit", e);
    rv = p->f->C_FindObjects(p->session, ret_list, max, ret_count);
    p->f->C_FindObjectsFinal(p->session);
    return rv == CKR_OK ? 0 : refuse(rv, "C_FindObjects", e);
}

static X509 *read_certificate(struct p11 *p, CK_OBJECT_HANDLE object)
{
    X509 *x = NULL;
    unsigned char *der = malloc(CERTIFICATE_MAX);
    CK_ATTRIBUTE value = { CKA_VALUE, der, CERTIFICATE_MAX };
    if (der != NULL && p->f->C_GetAttributeValue(p->session, object, &value, 1) == CKR_OK && value.ulValueLen <= CERTIFICATE_MAX)
        x = sign_x509_read((struct bytes){ (const char *)der, value.ulValueLen });
    free(der);
    return x;
}

static bool can_sign_documents(X509 *x)
{
    return X509_check_ca(x) == 0 && (X509_get_key_usage(x) & KU_NON_REPUDIATION) != 0 && (X509_get_extension_flags(x) & EXFLAG_KUSAGE) != 0;
}

/* Puts the signing certificate first: the one the operator named, else the first that is for nonRepudiation and no CA. */
static bool choose_signing(struct p11 *p)
{
    for (size_t i = 0; i < p->count; i++) {
        bool fits = p->configured != NULL ? X509_cmp(p->chain[i], p->configured) == 0 : can_sign_documents(p->chain[i]);
        if (fits) {
            X509 *first = p->chain[0];
            p->chain[0] = p->chain[i];
            p->chain[i] = first;
            return true;
        }
    }
    if (p->configured == NULL || p->count == OBJECTS_MAX)
        return false;
    /* named by the operator but not on the token: the key decides */
    X509_up_ref(p->configured);
    p->chain[p->count] = p->count > 0 ? p->chain[0] : NULL;
    p->chain[0] = p->configured;
    p->count++;
    return true;
}

static int read_certificates(struct p11 *p, struct err *e)
{
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE wanted[] = { { CKA_CLASS, &class, sizeof class }, { CKA_TOKEN, &yes, sizeof yes } };
    CK_OBJECT_HANDLE object[OBJECTS_MAX];
    CK_ULONG count = 0;
    drop_chain(p);
    int r = find_objects(p, wanted, 2, object, OBJECTS_MAX, &count, e);
    for (CK_ULONG i = 0; r == 0 && i < count; i++) {
        X509 *x = read_certificate(p, object[i]);
        if (x != NULL)
            p->chain[p->count++] = x;
    }
    if (r == 0 && !choose_signing(p))
        r = err_set(e, ERR_NOTFOUND, MSG_SIGN_NO_CERTIFICATE, NULL, NULL, NULL);
    return r;
}

static int p11_status(void *self, struct sign_token_status *ret_status, struct err *e)
{
    struct p11 *p = self;
    struct sign_token_status st = { 0 };
    struct err local = ERR_INIT;
    int r = open_session(p, &st, e);
    if (r < 0)
        return r;
    if (st.present) {
        r = read_certificates(p, &local);
        st.has_certificate = r == 0 && sign_x509_facts(p->chain[0], &st.certificate) == 0;
        if (r == ERR_NOT_NOW)
            st = (struct sign_token_status){ 0 };
        else if (r < 0 && r != ERR_NOTFOUND) {
            err_copy(e, &local);
            return r;
        }
    }
    *ret_status = st;
    return 0;
}

static int p11_certificates(void *self, struct arena *arena, struct bytes **ret_list, size_t *ret_count, struct err *e)
{
    struct p11 *p = self;
    struct sign_token_status st = { .present = true };
    int r = p->open ? 0 : open_session(p, &st, e);
    if (r == 0 && !st.present)
        r = err_set(e, ERR_NOT_NOW, MSG_SIGN_NO_CARD, NULL, NULL, NULL);
    if (r == 0)
        r = read_certificates(p, e);
    if (r < 0)
        return r;
    struct bytes *list = arena_array(arena, p->count, sizeof *list);
    for (size_t i = 0; list != NULL && i < p->count; i++) {
        unsigned char *der = NULL;
        int len = i2d_X509(p->chain[i], &der);
        const char *copy = len > 0 ? arena_strndup(arena, (const char *)der, (size_t)len) : NULL;
        OPENSSL_free(der);
        list[i] = (struct bytes){ copy, (size_t)(len > 0 ? len : 0) };
        if (copy == NULL)
            list = NULL;
    }
    if (list == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "certificate", NULL);
    *ret_list = list;
    *ret_count = p->count;
    return 0;
}

/* ---- signing ---- */

static int find_key(struct p11 *p, CK_OBJECT_HANDLE *ret_key, struct err *e)
{
    unsigned char modulus[NUMBER_MAX], exponent[NUMBER_MAX];
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_BBOOL yes = CK_TRUE;
    CK_ULONG count = 0;
    BIGNUM *n = NULL, *x = NULL;
    EVP_PKEY *key = X509_get0_pubkey(p->chain[0]);
    int r = ERR_INVALID;
    if (key == NULL || EVP_PKEY_get_bn_param(key, "n", &n) != 1 || EVP_PKEY_get_bn_param(key, "e", &x) != 1 || BN_num_bytes(n) > NUMBER_MAX || BN_num_bytes(x) > NUMBER_MAX) {
        err_set(e, ERR_INVALID, MSG_SIGN_NO_KEY, NULL, NULL, NULL);
        goto out;
    }
    CK_ATTRIBUTE wanted[] = {
        { CKA_CLASS, &class, sizeof class },
        { CKA_TOKEN, &yes, sizeof yes },
        { CKA_MODULUS, modulus, (CK_ULONG)BN_bn2bin(n, modulus) },
        { CKA_PUBLIC_EXPONENT, exponent, (CK_ULONG)BN_bn2bin(x, exponent) },
    };
    r = find_objects(p, wanted, sizeof wanted / sizeof wanted[0], ret_key, 1, &count, e);
    if (r == 0 && count == 0)
        r = err_set(e, ERR_NOTFOUND, MSG_SIGN_NO_KEY, NULL, NULL, NULL);
out:
    BN_free(n);
    BN_free(x);
    ERR_clear_error();
    return r;
}

static int sign_logged_in(struct p11 *p, const struct sha256 *digest, struct buf *out, struct err *e)
{
    /* DER of DigestInfo for SHA-256 up to the digest, RFC 8017 section 9.2 note 1 */
    static const unsigned char prefix[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };
    unsigned char info[sizeof prefix + SHA256_BYTES], sig[SIGN_RSA_MAX];
    CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
    CK_ULONG len = 0;
    memcpy(info, prefix, sizeof prefix);
    memcpy(info + sizeof prefix, digest->byte, SHA256_BYTES);
    CK_RV rv = p->f->C_SignInit(p->session, &mechanism, p->key);
    if (rv != CKR_OK)
        return refuse(rv, "C_SignInit", e);
    rv = p->f->C_Sign(p->session, info, sizeof info, NULL, &len);
    if (rv == CKR_OK && len > sizeof sig)
        return err_set(e, ERR_LIMIT, MSG_SIGN_DEVICE, NULL, "C_Sign", "length");
    if (rv == CKR_OK)
        rv = p->f->C_Sign(p->session, info, sizeof info, sig, &len);
    if (rv != CKR_OK)
        return refuse(rv, "C_Sign", e);
    return len > 0 && buf_add(out, sig, len) == 0 ? 0 : err_set(e, ERR_LIMIT, MSG_SIGN_DEVICE, NULL, "C_Sign", "length");
}

/* The flags as they are now: another program may have used up tries since the sitting began. */
static int check_token(struct p11 *p, unsigned flags, bool *ret_pin_pad, struct err *e)
{
    struct sign_token_status st = { 0 };
    CK_TOKEN_INFO info;
    CK_RV rv = p->f->C_GetTokenInfo(p->slot, &info);
    if (rv != CKR_OK)
        return refuse(rv, "C_GetTokenInfo", e);
    read_token(&info, &st);
    *ret_pin_pad = (info.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
    return sign_flags_check(&st, flags, e);
}

static int log_in(struct p11 *p, struct bytes pin, unsigned flags, struct err *e)
{
    unsigned char typed[64];   /* a copy: the library may write where it is told to read */
    bool pin_pad = false;
    int r = check_token(p, flags, &pin_pad, e);
    if (r == 0 && pin.len > sizeof typed)
        r = err_set(e, ERR_INVALID, MSG_SIGN_PIN_FORM, NULL, NULL, NULL);
    if (r < 0)
        return r;
    if (pin.len > 0)
        memcpy(typed, pin.data, pin.len);
    CK_RV rv = p->f->C_Login(p->session, CKU_USER, pin_pad ? NULL : typed, pin_pad ? 0 : pin.len);
    OPENSSL_cleanse(typed, sizeof typed);
    if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN)
        return refuse(rv, "C_Login", e);
    p->logged_in = true;
    return find_key(p, &p->key, e);
}

static int p11_sign(void *self, const struct sha256 *digest, struct bytes pin, unsigned flags, struct buf *out, struct err *e)
{
    struct p11 *p = self;
    int r = 0;
    if (!p->open || p->count == 0)
        return err_set(e, ERR_NOT_NOW, MSG_SIGN_CARD_REMOVED, NULL, NULL, NULL);
    if (!p->logged_in)
        r = log_in(p, pin, flags, e);
    if (r == 0)
        r = sign_logged_in(p, digest, out, e);
    if (r < 0 || !p->keep_login)
        log_out(p);
    if (r < 0)
        close_session(p);
    return r;
}

static void p11_rest(void *self)
{
    log_out(self);
}

const struct sign_signer_ops sign_signer_pkcs11 = {
    .name = "pkcs11",
    .open = p11_open,
    .close = p11_close,
    .status = p11_status,
    .certificates = p11_certificates,
    .sign = p11_sign,
    .rest = p11_rest,
};
