/*
 * NAME
 *     trust.c - anchors, intermediates and CRLs; is there a valid path and is it unrevoked
 *
 * SYNOPSIS
 *     struct sign_trust *t = sign_trust_new(); sign_trust_add_anchor(t, pem, &e); ... sign_trust_free(t);
 *
 * DESCRIPTION
 *     OpenSSL builds the path; a callback collects every error instead of stopping at the first, because a missing CRL and a wrong signature
 *     mean different verdicts. One pitfall of HPKI is forgiven: the self-signed root names a CRL of its own, while the authority's list for
 *     its CAs is limited to CA certificates by a critical issuing distribution point; OpenSSL then reports "different CRL scope" (44) or
 *     "unable to get CRL" (3) for the root. A root is trusted because it was installed, not because a list that it signs itself says so.
 *
 * DIAGNOSTICS
 *     CG-6047 to CG-6049, CG-6053 to CG-6055 as findings; CG-6030 while adding.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include "sign/internal.h"

struct sign_trust *sign_trust_new(void)
{
    struct sign_trust *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->store = X509_STORE_new();
    t->intermediates = sk_X509_new_null();
    t->memory = sign_memory_new();
    t->crl_end_ms = INT64_MAX;
    if (t->store == NULL || t->intermediates == NULL || t->memory == NULL)
        return sign_trust_free(t);
    return t;
}

struct sign_trust *sign_trust_free(struct sign_trust *t)
{
    if (t != NULL) {
        X509_STORE_free(t->store);
        sk_X509_pop_free(t->intermediates, X509_free);
        sign_memory_free(t->memory);
        free(t);
    }
    return NULL;
}

int64_t sign_trust_crl_end_ms(const struct sign_trust *trust)
{
    return trust->crl_end_ms;
}

static int add_anchor(struct sign_trust *t, X509 *x, X509_CRL *crl)
{
    (void)crl;
    return X509_STORE_add_cert(t->store, x);
}

static int add_intermediate(struct sign_trust *t, X509 *x, X509_CRL *crl)
{
    (void)crl;
    return X509_up_ref(x) == 1 && sk_X509_push(t->intermediates, x) > 0;
}

static int add_crl(struct sign_trust *t, X509 *x, X509_CRL *crl)
{
    (void)x;
    int64_t end = sign_asn1_time_ms(X509_CRL_get0_nextUpdate(crl));
    if (end >= 0 && end < t->crl_end_ms)
        t->crl_end_ms = end;
    return X509_STORE_add_crl(t->store, crl);
}

typedef int (*add_function)(struct sign_trust *, X509 *, X509_CRL *);

/* One DER value, or every PEM block of the kind. Returns how many were added, -1 when one could not be. */
static int add_all(struct sign_trust *t, struct bytes in, bool crls, add_function add)
{
    int count = 0;
    bool der = in.len > 0 && (unsigned char)in.data[0] == 0x30, ok = true;
    BIO *bio = in.len > 0 && in.len <= INT32_MAX ? BIO_new_mem_buf(in.data, (int)in.len) : NULL;
    while (bio != NULL && ok) {
        X509 *x = crls ? NULL : der ? d2i_X509_bio(bio, NULL) : PEM_read_bio_X509(bio, NULL, NULL, NULL);
        X509_CRL *crl = !crls ? NULL : der ? d2i_X509_CRL_bio(bio, NULL) : PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
        if (x == NULL && crl == NULL)
            break;
        ok = add(t, x, crl) == 1;
        count++;
        X509_free(x);
        X509_CRL_free(crl);
    }
    BIO_free(bio);
    ERR_clear_error();
    return ok ? count : -1;
}

static int add(struct sign_trust *t, struct bytes in, bool crls, add_function function, const char *what, struct err *e)
{
    sign_memory_forget_paths(t->memory);
    int count = add_all(t, in, crls, function);
    if (count > 0)
        return 0;
    return count == 0 ? err_set(e, ERR_SYNTAX, MSG_SIGN_CERT_FORM, NULL, what, NULL) : err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, what, NULL);
}

int sign_trust_add_anchor(struct sign_trust *trust, struct bytes certificates, struct err *e)
{
    return add(trust, certificates, false, add_anchor, "anchor", e);
}

int sign_trust_add_intermediate(struct sign_trust *trust, struct bytes certificates, struct err *e)
{
    return add(trust, certificates, false, add_intermediate, "intermediate", e);
}

int sign_trust_add_crl(struct sign_trust *trust, struct bytes crls, struct err *e)
{
    return add(trust, crls, true, add_crl, "CRL", e);
}

/* ---- checking ---- */

/* What an error of path validation means. An error that is not listed leaves the matter undecided. */
static const struct { int error; enum sign_verdict weight; enum msg_id msg; } meaning[] = {
    { X509_V_ERR_CERT_SIGNATURE_FAILURE, SIGN_TOTAL_FAILED, MSG_VERIFY_CHAIN_BAD },
    { X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE, SIGN_TOTAL_FAILED, MSG_VERIFY_CHAIN_BAD },
    { X509_V_ERR_INVALID_CA, SIGN_TOTAL_FAILED, MSG_VERIFY_CHAIN_BAD },
    { X509_V_ERR_PATH_LENGTH_EXCEEDED, SIGN_TOTAL_FAILED, MSG_VERIFY_CHAIN_BAD },
    { X509_V_ERR_KEYUSAGE_NO_CERTSIGN, SIGN_TOTAL_FAILED, MSG_VERIFY_CHAIN_BAD },
    { X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, SIGN_TOTAL_FAILED, MSG_VERIFY_CHAIN_BAD },
    { X509_V_ERR_CERT_REVOKED, SIGN_TOTAL_FAILED, MSG_VERIFY_REVOKED },
    { X509_V_ERR_UNABLE_TO_GET_CRL, SIGN_INDETERMINATE, MSG_VERIFY_NO_CRL },
    { X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER, SIGN_INDETERMINATE, MSG_VERIFY_NO_CRL },
    { X509_V_ERR_DIFFERENT_CRL_SCOPE, SIGN_INDETERMINATE, MSG_VERIFY_NO_CRL },
    { X509_V_ERR_CRL_SIGNATURE_FAILURE, SIGN_INDETERMINATE, MSG_VERIFY_NO_CRL },
    { X509_V_ERR_CRL_NOT_YET_VALID, SIGN_INDETERMINATE, MSG_VERIFY_NO_CRL },
    { X509_V_ERR_CRL_HAS_EXPIRED, SIGN_INDETERMINATE, MSG_VERIFY_CRL_OLD },
};

static int on_verify(int ok, X509_STORE_CTX *ctx)
{
    struct sign_report *report = X509_STORE_CTX_get_app_data(ctx);
    int error = X509_STORE_CTX_get_error(ctx), depth = X509_STORE_CTX_get_error_depth(ctx);
    X509 *current = X509_STORE_CTX_get_current_cert(ctx);
    bool own_root = current != NULL && (X509_get_extension_flags(current) & EXFLAG_SS) != 0;
    if (ok)
        return 1;
    if (own_root && (error == X509_V_ERR_UNABLE_TO_GET_CRL || error == X509_V_ERR_DIFFERENT_CRL_SCOPE))
        return 1;
    if (depth == 0 && (error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID))
        return 1;   /* judged from the facts, together with the time of signing */
    enum sign_verdict weight = SIGN_INDETERMINATE;
    enum msg_id msg = MSG_VERIFY_CHAIN;
    for (size_t i = 0; i < sizeof meaning / sizeof meaning[0]; i++)
        if (meaning[i].error == error) {
            weight = meaning[i].weight;
            msg = meaning[i].msg;
        }
    sign_finding_add(report, weight, msg, X509_verify_cert_error_string(error), NULL);
    return 1;
}

int sign_trust_check(const struct sign_trust *trust, X509 *certificate, X509 *const *extra, size_t extra_count, bool revocation, int64_t time_ms, struct sign_report *report, struct err *e)
{
    int r = 0;
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *untrusted = sk_X509_dup(trust->intermediates);
    bool ok = ctx != NULL && untrusted != NULL;
    for (size_t i = 0; i < extra_count && ok; i++)
        ok = sk_X509_push(untrusted, extra[i]) > 0;
    ok = ok && X509_STORE_CTX_init(ctx, trust->store, certificate, untrusted) == 1 && X509_STORE_CTX_set_app_data(ctx, report) == 1;
    if (!ok) {
        r = err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "certificate", NULL);
        goto out;
    }
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_time(param, (time_t)(time_ms / 1000));
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN | (revocation ? X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL : 0UL));
    X509_STORE_CTX_set_verify_cb(ctx, on_verify);
    if (X509_verify_cert(ctx) < 0)
        r = err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "certificate", NULL);
    else if (X509_STORE_CTX_get0_chain(ctx) == NULL)
        sign_finding_add(report, SIGN_INDETERMINATE, MSG_VERIFY_CHAIN, "-", NULL);
out:
    X509_STORE_CTX_free(ctx);
    sk_X509_free(untrusted);
    ERR_clear_error();
    return r;
}
