/*
 * NAME
 *     sign - what the service asks of Bundle.signature when there is one
 *
 * DESCRIPTION
 *     Author's signature, a compact JWS without payload (RFC 7515 appendix F) in base64, RS256, protected header with x5c and x5t#S256 and a time
 *     (iat), no crit. The payload is the canonical form (RFC 8785) of the Bundle without id, meta and signature. The certificate leads to an anchor of the
 *     directory given at start, its keyUsage is nonRepudiation, its policy HPKI's for signing, its role doctor or dentist, and no CRL found there revokes it.
 *
 * DIAGNOSTICS
 *     A sentence that goes into VerifyResult/Message.
 */
#include <dirent.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include "tests/sandbox/sandbox.h"
#include "base/timefmt.h"

enum { CERT_MAX = 65536, JWS_MAX = 1 << 20, CHAIN_MAX = 8, CLOCK_SLACK_S = 300 };

struct sb_anchors { X509_STORE *store; unsigned certificates, crls; };

/* ---- anchors ---------------------------------------------------------------------------------------------------------------------- */

/* One file: any number of PEM certificates and CRLs, or one DER certificate, or one DER CRL. */
static void load_file(struct sb_anchors *a, const char *path)
{
    BIO *in = BIO_new_file(path, "rb");
    X509 *cert;
    X509_CRL *crl;
    if (in == NULL)
        return;
    unsigned before = a->certificates + a->crls;
    while ((cert = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL) {
        a->certificates += X509_STORE_add_cert(a->store, cert) == 1;
        X509_free(cert);
    }
    (void)BIO_seek(in, 0);
    while ((crl = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL)) != NULL) {
        a->crls += X509_STORE_add_crl(a->store, crl) == 1;
        X509_CRL_free(crl);
    }
    (void)BIO_seek(in, 0);
    if (before == a->certificates + a->crls && (cert = d2i_X509_bio(in, NULL)) != NULL) {
        a->certificates += X509_STORE_add_cert(a->store, cert) == 1;
        X509_free(cert);
    }
    (void)BIO_seek(in, 0);
    if (before == a->certificates + a->crls && (crl = d2i_X509_CRL_bio(in, NULL)) != NULL) {
        a->crls += X509_STORE_add_crl(a->store, crl) == 1;
        X509_CRL_free(crl);
    }
    BIO_free(in);
}

struct sb_anchors *sign_load(const char *dir, struct err *e)
{
    struct sb_anchors *a = calloc(1, sizeof *a);
    if (a == NULL || (a->store = X509_STORE_new()) == NULL) {
        err_set(e, ERR_NOMEM, MSG_NONE, NULL, NULL, NULL);
        return sign_free(a);
    }
    if (dir == NULL)
        return a;
    DIR *d = opendir(dir);
    if (d == NULL) {
        err_set_errno(e, MSG_NONE, dir, "opendir");
        return sign_free(a);
    }
    for (const struct dirent *one; (one = readdir(d)) != NULL;) {
        char path[4096];
        if (one->d_name[0] != '.' && snprintf(path, sizeof path, "%s/%s", dir, one->d_name) < (int)sizeof path)
            load_file(a, path);
    }
    closedir(d);
    ERR_clear_error();
    /* an intermediate CA alone is an anchor too; revocation is looked at when a CRL is there */
    X509_STORE_set_flags(a->store, X509_V_FLAG_PARTIAL_CHAIN | (a->crls > 0 ? X509_V_FLAG_CRL_CHECK : 0));
    return a;
}

struct sb_anchors *sign_free(struct sb_anchors *anchors)
{
    if (anchors != NULL)
        X509_STORE_free(anchors->store);
    free(anchors);
    return NULL;
}

/* ---- the JWS ---------------------------------------------------------------------------------------------------------------------- */

struct jws {
    struct arena *arena;
    struct buf text, header, signature;
    struct bytes protected_part, signature_part;
    const struct json_node *head;
    X509 *cert[CHAIN_MAX];
    int certs;
    int64_t time_s;
};

static const char *jws_open(struct jws *j, const struct json_node *data)
{
    if (!json_is(data, JSON_STRING) || base64_decode(&j->text, data->text, data->len, 0) < 0)
        return "signature.dataがBase64ではありません。";
    const char *first = memchr(j->text.data, '.', j->text.len);
    const char *second = first != NULL ? memchr(first + 1, '.', j->text.len - (size_t)(first + 1 - j->text.data)) : NULL;
    if (second == NULL || second != first + 1 || memchr(second + 1, '.', j->text.len - (size_t)(second + 1 - j->text.data)) != NULL)
        return "signature.dataがペイロードを含まないJWS Compact形式ではありません。";
    j->protected_part = (struct bytes){ j->text.data, (size_t)(first - j->text.data) };
    j->signature_part = (struct bytes){ second + 1, j->text.len - (size_t)(second + 1 - j->text.data) };
    if (base64url_decode(&j->header, j->protected_part.data, j->protected_part.len) < 0 ||
        base64url_decode(&j->signature, j->signature_part.data, j->signature_part.len) < 0 || j->signature.len == 0)
        return "JWSがbase64urlではありません。";
    if (json_parse(j->header.data, j->header.len, NULL, j->arena, &j->head, NULL) < 0 || !json_is(j->head, JSON_OBJECT))
        return "JWSヘッダーがJSONではありません。";
    return NULL;
}

static const char *jws_read_chain(struct jws *j)
{
    const struct json_node *x5c = json_get(j->head, "x5c");
    if (!json_is(x5c, JSON_ARRAY) || x5c->count == 0 || x5c->count > CHAIN_MAX)
        return "JWSヘッダーに証明書(x5c)がありません。";
    for (const struct json_node *c = x5c->child; c != NULL; c = c->next) {
        struct buf der;
        buf_init(&der, CERT_MAX);
        X509 *cert = NULL;
        if (json_is(c, JSON_STRING) && base64_decode(&der, c->text, c->len, 0) == 0) {
            const unsigned char *p = (const unsigned char *)der.data;
            cert = d2i_X509(NULL, &p, (long)der.len);
            if (cert != NULL && p != (const unsigned char *)der.data + der.len) {
                X509_free(cert);
                cert = NULL;
            }
        }
        if (cert != NULL)
            j->cert[j->certs++] = cert;
        if (cert != NULL && j->certs == 1) {
            const struct json_node *claimed = json_get(j->head, "x5t#S256");
            struct sha256 digest;
            struct buf text;
            buf_init(&text, 64);
            bool same = sha256_of(der.data, der.len, &digest) == 0 && base64url_add(&text, digest.byte, SHA256_BYTES) == 0 &&
                json_equals(claimed, text.data);
            buf_free(&text);
            if (!same) {
                buf_free(&der);
                return "x5t#S256が証明書と一致しません。";
            }
        }
        buf_free(&der);
        if (cert == NULL)
            return "証明書(x5c)を読み取れません。";
    }
    return NULL;
}

/* Allowed header: RS256 alone, no crit, no unencoded payload, a time that is not to come. */
static const char *jws_check_header(struct jws *j, int64_t now_ms)
{
    static const char *const refused[] = { "crit", "b64", "jwk", "jku", "x5u", "x5t", "x5t#o", "sigX5ts", NULL };
    if (!json_equals(json_get(j->head, "alg"), "RS256"))
        return "署名アルゴリズムがRS256ではありません。";
    for (int i = 0; refused[i] != NULL; i++)
        if (json_get(j->head, refused[i]) != NULL)
            return "JWSヘッダーに許されていない項目があります。";
    const struct json_node *sig_t = json_get(j->head, "sigT"), *iat = json_get(j->head, "iat");
    if ((sig_t != NULL) == (iat != NULL))
        return "署名時刻はiatとsigTのどちらか一つで示してください。";
    int64_t ms = 0;
    if (iat != NULL ? json_to_int64(iat, &j->time_s) < 0 : !json_is(sig_t, JSON_STRING) || time_parse_instant(sig_t->text, sig_t->len, &ms) < 0)
        return "署名時刻を読み取れません。";
    if (sig_t != NULL)
        j->time_s = ms / 1000;
    if (j->time_s > now_ms / 1000 + CLOCK_SLACK_S)
        return "署名時刻が未来になっています。";
    return NULL;
}

static const char *jws_check_chain(struct jws *j, const struct sb_anchors *anchors)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *others = sk_X509_new_null();
    const char *why = "証明書が信頼できる認証局につながりません。";
    if (ctx == NULL || others == NULL)
        goto out;
    for (int i = 1; i < j->certs; i++)
        sk_X509_push(others, j->cert[i]);
    if (X509_STORE_CTX_init(ctx, anchors->store, j->cert[0], others) != 1)
        goto out;
    if (X509_verify_cert(ctx) == 1) {
        why = NULL;
    } else {
        switch (X509_STORE_CTX_get_error(ctx)) {
        case X509_V_ERR_CERT_HAS_EXPIRED: case X509_V_ERR_CERT_NOT_YET_VALID: why = "証明書の有効期間外です。"; break;
        case X509_V_ERR_CERT_REVOKED: why = "証明書は失効しています。"; break;
        default: break;
        }
    }
out:
    sk_X509_free(others);
    X509_STORE_CTX_free(ctx);
    return why;
}

/* hcRole: in subjectDirectoryAttributes, after the OID of the coding scheme, a UTF8String. Only these two may write a letter. */
static bool role_writes_letters(X509 *cert)
{
    static const char *const roles[] = { "\x0C\x0E" "Medical Doctor", "\x0C\x07" "Dentist" };
    int at = X509_get_ext_by_NID(cert, NID_subject_directory_attributes, -1);
    X509_EXTENSION *extension = at >= 0 ? X509_get_ext(cert, at) : NULL;
    const ASN1_OCTET_STRING *der = extension != NULL ? X509_EXTENSION_get_data(extension) : NULL;
    for (size_t i = 0; der != NULL && i < sizeof roles / sizeof roles[0]; i++)
        if (memmem(ASN1_STRING_get0_data(der), (size_t)ASN1_STRING_length(der), roles[i], strlen(roles[i])) != NULL)
            return true;
    return false;
}

/* A policy of HPKI for signing. */
static bool policy_is_hpki(X509 *cert)
{
    static const char arc[] = "1.2.392.100495.1.5.1.1.";
    CERTIFICATEPOLICIES *policies = X509_get_ext_d2i(cert, NID_certificate_policies, NULL, NULL);
    bool found = false;
    for (int i = 0; i < sk_POLICYINFO_num(policies); i++) {
        char oid[80];
        OBJ_obj2txt(oid, sizeof oid, sk_POLICYINFO_value(policies, i)->policyid, 1);
        found |= strncmp(oid, arc, sizeof arc - 1) == 0;
    }
    CERTIFICATEPOLICIES_free(policies);
    return found;
}

static const char *jws_check_certificate(struct jws *j)
{
    uint32_t usage = X509_get_key_usage(j->cert[0]);
    time_t at = (time_t)j->time_s;
    if (usage == UINT32_MAX || (usage & KU_NON_REPUDIATION) == 0 || (usage & KU_DIGITAL_SIGNATURE) != 0)
        return "証明書の鍵用途が否認防止ではありません。";
    if (!policy_is_hpki(j->cert[0]))
        return "証明書ポリシーがHPKI署名用ではありません。";
    if (!role_writes_letters(j->cert[0]))
        return "証明書の国家資格が医師または歯科医師ではありません。";
    if (X509_cmp_time(X509_get0_notBefore(j->cert[0]), &at) > 0 || X509_cmp_time(X509_get0_notAfter(j->cert[0]), &at) < 0)
        return "署名時刻が証明書の有効期間外です。";
    return NULL;
}

static const char *jws_check_bytes(struct jws *j, const struct json_node *bundle)
{
    static const char *const leave_out[] = { "id", "meta", "signature", NULL };
    struct buf canonical, input;
    const char *why = "署名がBundleの内容と一致しません。";
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY *key = X509_get0_pubkey(j->cert[0]);
    buf_init(&canonical, (size_t)64 << 20);
    buf_init(&input, (size_t)128 << 20);
    if (md == NULL || key == NULL || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || jcs_write(bundle, leave_out, &canonical) < 0)
        goto out;
    buf_add(&input, j->protected_part.data, j->protected_part.len);
    buf_add_char(&input, '.');
    if (base64url_add(&input, canonical.data, canonical.len) < 0)
        goto out;
    if (EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key) == 1 &&
        EVP_DigestVerify(md, (const unsigned char *)j->signature.data, j->signature.len, (const unsigned char *)input.data, input.len) == 1)
        why = NULL;
out:
    buf_free(&canonical);
    buf_free(&input);
    EVP_MD_CTX_free(md);
    return why;
}

/* The FHIR wrapping: type, when, who, and that `when` is the time of the JWS. */
static const char *check_wrapping(const struct json_node *signature, const struct jws *j)
{
    const struct json_node *type = json_at(json_get(signature, "type"), 0), *when = json_get(signature, "when");
    int64_t when_ms;
    if (!json_equals(json_get(type, "system"), "urn:iso-astm:E1762-95:2013") || !json_equals(json_get(type, "code"), "1.2.840.10065.1.12.1.1"))
        return "signature.typeが作成者の署名ではありません。";
    if (!json_is(when, JSON_STRING) || time_parse_instant(when->text, when->len, &when_ms) < 0 || when_ms / 1000 != j->time_s)
        return "signature.whenが署名時刻と一致しません。";
    if (!json_is(json_get(json_get(signature, "who"), "reference"), JSON_STRING))
        return "signature.whoがありません。";
    return NULL;
}

const char *sign_verify(const struct sb_anchors *anchors, const struct json_node *bundle, const struct json_node *signature, int64_t now_ms)
{
    struct jws j = { .arena = arena_new((size_t)8 << 20) };
    buf_init(&j.text, JWS_MAX);
    buf_init(&j.header, JWS_MAX);
    buf_init(&j.signature, 4096);
    const char *why = j.arena == NULL ? "メモリーが足りません。" : jws_open(&j, json_get(signature, "data"));
    if (why == NULL)
        why = jws_check_header(&j, now_ms);
    if (why == NULL)
        why = jws_read_chain(&j);
    if (why == NULL)
        why = check_wrapping(signature, &j);
    if (why == NULL)
        why = jws_check_bytes(&j, bundle);
    if (why == NULL)
        why = jws_check_certificate(&j);
    if (why == NULL)
        why = jws_check_chain(&j, anchors);
    for (int i = 0; i < j.certs; i++)
        X509_free(j.cert[i]);
    buf_free(&j.text);
    buf_free(&j.header);
    buf_free(&j.signature);
    arena_free(j.arena);
    ERR_clear_error();
    return why;
}
