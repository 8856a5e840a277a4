/*
 * NAME
 *     cert.c - facts of a certificate: names, validity, key usage, policy, hcRole
 *
 * SYNOPSIS
 *     sign_cert_read(bytes, &facts, &e);
 *
 * DESCRIPTION
 *     hcRole (ISO 17090, used by HPKI) is no extension of its own. It sits in subjectDirectoryAttributes (2.5.29.9) as an attribute of type
 *     1.0.17090.0.1 with a SET OF HCActorData:
 *         HCActorData ::= SET OF HCActor;  HCActor ::= SEQUENCE { [0] CodedData, [1] region OPTIONAL }
 *         CodedData   ::= SET { [0] OBJECT IDENTIFIER, [1] NumericString OPTIONAL, [2] UTF8String }       (all tags explicit)
 *     [2] is the role ("Medical Doctor"). The reader below walks these tags with lengths checked and reads nothing else.
 *
 * DIAGNOSTICS
 *     CG-6030 for bytes that are no certificate.
 */
#include <time.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include "base/text.h"
#include "sign/internal.h"

X509 *sign_x509_read(struct bytes in)
{
    X509 *x = NULL;
    if (in.len == 0 || in.len > INT32_MAX)
        return NULL;
    if ((unsigned char)in.data[0] == 0x30) {
        const unsigned char *p = (const unsigned char *)in.data;
        x = d2i_X509(NULL, &p, (long)in.len);
        if (x != NULL && p != (const unsigned char *)in.data + in.len) {
            X509_free(x);
            x = NULL;
        }
    } else {
        BIO *bio = BIO_new_mem_buf(in.data, (int)in.len);
        x = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
        BIO_free(bio);
    }
    ERR_clear_error();
    return x;
}

int64_t sign_asn1_time_ms(const ASN1_TIME *t)
{
    struct tm tm;
    if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1)
        return -1;
    return (int64_t)timegm(&tm) * 1000;
}

/* ---- names ---- */

static void name_text(const X509_NAME *name, int nid, char *ret_text, size_t size)
{
    int at = -1, last = -1;
    unsigned char *utf8 = NULL;
    ret_text[0] = '\0';
    while ((at = X509_NAME_get_index_by_NID(name, nid, at)) >= 0)
        last = at;
    if (last < 0)
        return;
    int len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
    if (len > 0 && text_is_utf8((const char *)utf8, (size_t)len) && memchr(utf8, '\0', (size_t)len) == NULL)
        text_copy(ret_text, size, (const char *)utf8);
    if (len >= 0)
        OPENSSL_free(utf8);
}

static void san_name(X509 *x, char *ret_text, size_t size)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    ret_text[0] = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && ret_text[0] == '\0'; i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
        if (g->type == GEN_DIRNAME)
            name_text(g->d.directoryName, NID_commonName, ret_text, size);
    }
    GENERAL_NAMES_free(names);
}

static void serial_text(X509 *x, char *ret_text, size_t size)
{
    BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
    char *hex = n != NULL ? BN_bn2hex(n) : NULL;
    text_copy(ret_text, size, hex != NULL ? hex : "");
    OPENSSL_free(hex);
    BN_free(n);
}

/* ---- hcRole ---- */

struct der { const unsigned char *at, *end; };

/* Enters the next element; false when there is none or its length does not fit. */
static bool der_next(struct der *in, int *ret_tag, struct der *ret_content)
{
    size_t left = (size_t)(in->end - in->at), len, head = 2;
    if (left < 2 || (in->at[0] & 0x1f) == 0x1f)
        return false;
    len = in->at[1];
    if (len == 0x80 || len > 0x82)
        return false;
    if (len > 0x80) {
        head += len - 0x80;
        if (left < head)
            return false;
        len = head == 3 ? in->at[2] : (size_t)in->at[2] << 8 | in->at[3];
    }
    if (len > left - head)
        return false;
    *ret_tag = in->at[0];
    *ret_content = (struct der){ in->at + head, in->at + head + len };
    in->at += head + len;
    return true;
}

static void add_role(struct sign_cert_facts *facts, struct der text)
{
    size_t len = (size_t)(text.end - text.at);
    if (facts->roles == SIGN_ROLES || len == 0 || len >= SIGN_ROLE_MAX || !text_is_utf8((const char *)text.at, len) || memchr(text.at, '\0', len) != NULL)
        return;
    memcpy(facts->role[facts->roles], text.at, len);
    facts->role[facts->roles++][len] = '\0';
}

/* Follows the tags of one HCActorData down to its texts: 31 HCActorData, 30 HCActor, A0, 31 CodedData, A2, 0C. */
static void read_actors(struct der in, size_t depth, struct sign_cert_facts *facts)
{
    static const int path[] = { 0x31, 0x30, 0xA0, 0x31, 0xA2, 0x0C };
    struct der content;
    int tag;
    while (der_next(&in, &tag, &content)) {
        if (tag != path[depth])
            continue;
        if (depth + 1 == sizeof path / sizeof path[0])
            add_role(facts, content);
        else
            read_actors(content, depth + 1, facts);
    }
}

static void read_roles(X509 *x, struct sign_cert_facts *facts)
{
    static const unsigned char hc_actor[] = { 0x28, 0x81, 0x85, 0x42, 0x00, 0x01 };   /* 1.0.17090.0.1 */
    int at = X509_get_ext_by_NID(x, NID_subject_directory_attributes, -1), tag;
    if (at < 0)
        return;
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(X509_get_ext(x, at));
    struct der in = { ASN1_STRING_get0_data(value), ASN1_STRING_get0_data(value) + ASN1_STRING_length(value) }, list, attribute, type, values;
    if (!der_next(&in, &tag, &list) || tag != 0x30)
        return;
    while (der_next(&list, &tag, &attribute)) {
        if (tag != 0x30 || !der_next(&attribute, &tag, &type) || tag != 0x06 || !der_next(&attribute, &tag, &values) || tag != 0x31)
            continue;
        if (type.end - type.at == (ptrdiff_t)sizeof hc_actor && memcmp(type.at, hc_actor, sizeof hc_actor) == 0)
            read_actors(values, 0, facts);
    }
}

bool sign_has_role(const struct sign_cert_facts *facts, const char *const *roles)
{
    bool found = roles == NULL;
    for (size_t i = 0; i < facts->roles && !found; i++)
        for (const char *const *r = roles; *r != NULL; r++)
            found |= strcmp(facts->role[i], *r) == 0;
    return found;
}

/* ---- policy and usage ---- */

/* The OID stands on the end entity: HPKI's CA certificates carry another one, so path processing with an explicit policy would always fail. */
bool sign_x509_has_policy(X509 *x, const char *const *policies)
{
    CERTIFICATEPOLICIES *list = X509_get_ext_d2i(x, NID_certificate_policies, NULL, NULL);
    bool found = policies == NULL;
    for (int i = 0; i < sk_POLICYINFO_num(list) && !found; i++) {
        char oid[128];
        OBJ_obj2txt(oid, sizeof oid, sk_POLICYINFO_value(list, i)->policyid, 1);
        for (const char *const *p = policies; *p != NULL; p++)
            found |= strcmp(oid, *p) == 0;
    }
    CERTIFICATEPOLICIES_free(list);
    return found;
}

static bool is_non_repudiation_only(X509 *x)
{
    int critical = 0;
    ASN1_BIT_STRING *usage = X509_get_ext_d2i(x, NID_key_usage, &critical, NULL);
    bool ok = usage != NULL && critical == 1 && ASN1_BIT_STRING_get_bit(usage, 1) == 1;
    for (int bit = 0; bit <= 8 && ok; bit++)
        ok = bit == 1 || ASN1_BIT_STRING_get_bit(usage, bit) == 0;
    ASN1_BIT_STRING_free(usage);
    return ok;
}

/* ---- face ---- */

int sign_x509_facts(X509 *x, struct sign_cert_facts *ret_facts)
{
    struct sign_cert_facts f = { 0 };
    unsigned len = 0;
    name_text(X509_get_subject_name(x), NID_commonName, f.subject, sizeof f.subject);
    name_text(X509_get_subject_name(x), NID_serialNumber, f.subject_serial, sizeof f.subject_serial);
    name_text(X509_get_issuer_name(x), NID_commonName, f.issuer, sizeof f.issuer);
    if (f.issuer[0] == '\0')
        name_text(X509_get_issuer_name(x), NID_organizationalUnitName, f.issuer, sizeof f.issuer);
    san_name(x, f.name_ja, sizeof f.name_ja);
    serial_text(x, f.serial, sizeof f.serial);
    read_roles(x, &f);
    f.not_before_ms = sign_asn1_time_ms(X509_get0_notBefore(x));
    f.not_after_ms = sign_asn1_time_ms(X509_get0_notAfter(x));
    f.non_repudiation_only = is_non_repudiation_only(x);
    bool ok = X509_digest(x, EVP_sha256(), f.fingerprint.byte, &len) == 1 && len == SHA256_BYTES && f.not_before_ms >= 0 && f.not_after_ms >= 0;
    ERR_clear_error();
    if (!ok)
        return ERR_SYNTAX;
    *ret_facts = f;
    return 0;
}

int sign_cert_read(struct bytes certificate, struct sign_cert_facts *ret_facts, struct err *e)
{
    X509 *x = sign_x509_read(certificate);
    int r = x != NULL ? sign_x509_facts(x, ret_facts) : ERR_SYNTAX;
    X509_free(x);
    return r == 0 ? 0 : err_set(e, ERR_SYNTAX, MSG_SIGN_CERT_FORM, NULL, "certificate", NULL);
}
