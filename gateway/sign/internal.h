/*
 * internal.h - what the files of the sign room share; nobody else includes it. sign.h is the contract.
 */
#ifndef SIGN_INTERNAL_H
#define SIGN_INTERNAL_H

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include "base/json_doc.h"
#include "base/timefmt.h"
#include "sign/sign.h"

enum {
    SIGN_ARENA_MAX = 512 << 20,     /* trees of one Bundle */
    SIGN_PAYLOAD_MAX = 96 << 20,    /* canonical bytes of one Bundle */
    SIGN_JWS_MAX = 256 << 10,       /* JWS text with chain and time-stamps */
    SIGN_RSA_MAX = 1024,            /* bytes of an RSA signature */
    SIGN_CHAIN_MAX = 6
};

/* jcs.c: members of `node` whose names are in skip (ended by NULL, may be NULL) are left out, at this level only. */
int sign_jcs_write(const struct json_node *node, const char *const *skip, struct buf *out, struct err *e);
int sign_payload_write(const struct json_node *bundle, const struct sign_profile *profile, struct buf *out, struct err *e);

/* bundle.c */
enum { SIGN_AUTHOR_OK, SIGN_AUTHOR_UNKNOWN, SIGN_AUTHOR_AMBIGUOUS };
extern const char sign_type_system[], sign_type_code[], sign_sig_format[];
/* wanted NULL = the only Practitioner among the authors. */
int sign_author_find(const struct json_node *bundle, const char *wanted, size_t wanted_len, const struct json_node **ret_entry);
/* The first of DER or PEM each, at most SIGN_CHAIN_MAX; *ret_count certificates are to be freed even after an error. */
int sign_chain_read(const struct bytes *list, size_t count, X509 *ret_chain[SIGN_CHAIN_MAX], size_t *ret_count, struct err *e);
/* sign_prepare() and sign_finish() with certificates that are decoded already. */
int sign_prepare_chain(const struct sign_order *order, X509 *const *given, size_t count, struct arena *arena, struct sign_prepared *ret_prepared, struct err *e);
int sign_finish_checked(const struct sign_order *order, const struct sign_prepared *prepared, struct bytes sig, X509 *certificate, struct buf *out, struct err *e);
void sign_format_when(enum sign_when form, int64_t time_ms, char ret_text[static TIME_TEXT_MAX]);

/* memory.c: what was decoded and judged a moment ago; belongs to a sign_trust, so that no other thread uses it. */
struct sign_path {
    X509 *certificate, *extra[SIGN_CHAIN_MAX];   /* the question: these very certificates ... */
    size_t extra_count;
    int64_t second;                              /* ... at this time ... */
    bool revocation;
    const char *const *policies;                 /* ... by these rules */
    struct sign_cert_facts facts;                /* the answer */
    bool has_policy;
    struct sign_report report;                   /* findings of sign_trust_check() alone */
};

struct sign_memory;
struct sign_memory *sign_memory_new(void);                                       /* NULL when out of memory */
struct sign_memory *sign_memory_free(struct sign_memory *memory);
/* The certificate in one text of x5c (base64 of DER), the caller's to free; NULL = it is none. memory may be NULL. */
X509 *sign_memory_certificate(struct sign_memory *memory, struct bytes text);
/* Lent until the next call; NULL = not known. */
const struct sign_path *sign_memory_path(const struct sign_memory *memory, const struct sign_path *question);
void sign_memory_keep_path(struct sign_memory *memory, const struct sign_path *answer);
void sign_memory_forget_paths(struct sign_memory *memory);

/* jws.c */
struct sign_jws {
    struct bytes protected_text, payload_text, signature_text;  /* base64url; payload empty when detached */
    const struct json_node *header;
    struct bytes signature;
    X509 *chain[SIGN_CHAIN_MAX];
    size_t chain_count;
    struct sha256 x5t;
    bool has_x5t, has_timestamp;
    int64_t iat_ms;               /* -1 = absent */
};
/* Adds findings and returns false when nothing more can be said. memory NULL = nothing is remembered. */
bool sign_jws_read(struct bytes text, struct sign_memory *memory, struct arena *arena, struct sign_jws *ret_jws, struct sign_report *report);
void sign_jws_clear(struct sign_jws *jws);
/* Digest of ASCII(header "." base64url(payload)). */
int sign_input_digest(struct bytes header_text, struct bytes payload, struct sha256 *ret_digest, struct err *e);
bool sign_rsa_ok(X509 *certificate, const struct sha256 *digest, struct bytes signature);

/* cert.c */
X509 *sign_x509_read(struct bytes der_or_pem);             /* the first certificate; NULL = none */
int sign_x509_facts(X509 *certificate, struct sign_cert_facts *ret_facts);
bool sign_x509_has_policy(X509 *certificate, const char *const *policies);
bool sign_has_role(const struct sign_cert_facts *facts, const char *const *roles);
int64_t sign_asn1_time_ms(const ASN1_TIME *t);             /* -1 = unreadable */

/* trust.c */
struct sign_trust {
    X509_STORE *store;
    STACK_OF(X509) *intermediates;
    int64_t crl_end_ms;
    struct sign_memory *memory;
};
/* Chain and revocation of `certificate`; extra = further certificates that came along. Findings go to the report. */
int sign_trust_check(const struct sign_trust *trust, X509 *certificate, X509 *const *extra, size_t extra_count, bool revocation, int64_t time_ms, struct sign_report *report, struct err *e);

/* sign.c: may a PIN be sent to a token in this state? */
int sign_flags_check(const struct sign_token_status *status, unsigned flags, struct err *e);

/* verify.c */
void sign_finding_add(struct sign_report *report, enum sign_verdict weight, enum msg_id msg, const char *arg1, const char *arg2);
/* Everything about the certificate: sign_trust_check() (trust NULL = undecided), validity, key usage, policy, role. */
int sign_certificate_judge(X509 *certificate, X509 *const *extra, size_t extra_count, const struct sign_trust *trust, const struct sign_rules *rules, int64_t time_ms, struct sign_report *report, struct err *e);

#endif
