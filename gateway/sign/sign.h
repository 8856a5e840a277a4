/*
 * sign.h - signing letters, and judging signatures that are there.
 *
 * What for: the sign door signs validated Bundle bytes; convert workers judge signed bytes; the CLI exports parts and shows certificates.
 * Nothing here touches a network or reads a clock; files only where a function says so (module, ledger).
 *
 * The bytes. Let B be the approved Bundle bytes, approval = SHA-256(B). The signed Bundle is a splice:
 *     B up to its last `}`   ,"signature":{...}   the rest of B from that `}` on
 * and sign_unsplice() gives B back. What is signed is the canonical form of B (struct sign_profile). The service's record specification
 * is not public: container, canonical form and form of `when` are therefore values of the profile, never constants of the product.
 *
 * Calling sequence of the sign door (one sitting signs what waits; not thread-safe: a card is used by one caller at a time):
 *     struct sign_signer *signer;   sign_signer_open(&sign_signer_pkcs11, &conf, &signer, &e);
 *     struct sign_sitting *sitting; sign_sitting_begin(signer, pin, pin_len, SIGN_ATTENDED, &sitting, &e);      // wipes pin
 *     for each message: sign_bundle(&order, sitting, ledger, arena, &out, &e);
 *     or, for what waits together: sign_jobs_prepare(jobs, count, sitting, ledger, arena);   // one fsync of the ledger for all
 *                                  for each job: sign_job_finish(&job, sitting, ledger, &out, &e);
 *     sign_sitting_end(sitting);  sign_signer_close(signer);
 *
 * Failure: negative enum err_code and a CG-6xxx message; results stay untouched. sign_wait_of() says whether a letter whose signing failed
 * should wait (and for what) or has to be rejected. After one wrong PIN a sitting refuses everything: a PIN is never tried twice.
 */
#ifndef SIGN_SIGN_H
#define SIGN_SIGN_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/crypt.h"
#include "base/err.h"
#include "base/issue.h"
#include "base/json_doc.h"

/* ---- profile: what the bytes of a signature look like ------------------------------------------------------------------------- */

enum sign_container { SIGN_JADES_B_COMPACT_DETACHED };   /* ETSI TS 119 182-1 baseline B, RS256, typ jose, x5t#S256, x5c, iat, no crit */
enum sign_canonical { SIGN_CANONICAL_DOCUMENT_JCS };     /* RFC 8785 of the Bundle without root id, meta, signature (FHIR "#document") */
enum sign_when { SIGN_WHEN_JST_MS, SIGN_WHEN_UTC_S };    /* 2026-11-21T09:30:05.123+09:00 (Japanese profiles) | ...:05Z (HL7 validator) */

struct sign_profile {
    enum sign_container container;
    enum sign_canonical canonical;
    enum sign_when when;
};

/* What the gateway signs and verifies by until the record specification is known: times in Japanese form. */
extern const struct sign_profile sign_profile_default;

/* ---- pure parts, also for `export` --------------------------------------------------------------------------------------------- */

/* RFC 8785 form of any JSON text, appended to out. ERR_SYNTAX, ERR_INVALID (a number beyond IEEE 754 double), ERR_LIMIT. */
int sign_jcs(struct bytes json, struct buf *out, struct err *e);
/* Canonical payload of a Bundle, signed or not (both give the same bytes), appended to out. */
int sign_canonical_payload(struct bytes bundle, const struct sign_profile *profile, struct buf *out, struct err *e);
/* The JWS text of Bundle.signature.data, appended. ERR_NOTFOUND when the Bundle has no signature, ERR_SYNTAX. */
int sign_jws_text(struct bytes bundle, struct buf *out, struct err *e);
/* B, appended: the signed bytes without the spliced span. ERR_NOTFOUND when there is no signature, ERR_INVALID when nothing can be cut out. */
int sign_unsplice(struct bytes signed_bundle, struct buf *out, struct err *e);
/* SHA-256 of what sign_unsplice() would give; root = the signed bytes as json_parse() read them. The same errors, ERR_INTERNAL. */
int sign_unsplice_digest(struct bytes signed_bundle, const struct json_node *root, struct sha256 *ret_digest, struct err *e);
/* Most bytes that a splice can add, for size limits before signing. */
enum { SIGN_SPLICE_MAX = 24576 };

/* ---- certificates -------------------------------------------------------------------------------------------------------------- */

enum { SIGN_TEXT_MAX = 192, SIGN_SERIAL_MAX = 48, SIGN_ROLE_MAX = 64, SIGN_ROLES = 4 };

struct sign_cert_facts {
    char subject[SIGN_TEXT_MAX];         /* common name */
    char name_ja[SIGN_TEXT_MAX];         /* name in the directoryName of subjectAltName, "" = none */
    char issuer[SIGN_TEXT_MAX];          /* common name of the issuer, else its last OU */
    char serial[SIGN_SERIAL_MAX];        /* certificate serial number, upper-case hex */
    char subject_serial[SIGN_TEXT_MAX];  /* serialNumber attribute of the subject (registration number), "" = none */
    char role[SIGN_ROLES][SIGN_ROLE_MAX];/* hcRole texts of subjectDirectoryAttributes */
    size_t roles;
    int64_t not_before_ms, not_after_ms; /* wall ms */
    struct sha256 fingerprint;           /* of the DER */
    bool non_repudiation_only;           /* keyUsage critical and only nonRepudiation */
};

/* From DER or PEM (the first certificate). ERR_SYNTAX. */
int sign_cert_read(struct bytes certificate, struct sign_cert_facts *ret_facts, struct err *e);

/* ---- trust: anchors, intermediates, CRLs, all given as bytes ------------------------------------------------------------------- */

/*
 * Reusable for any number of verifications, one after the other: it remembers the certificates and judgements of the last ones, which changes no verdict
 * but forbids use by two threads at once.
 */
struct sign_trust;

struct sign_trust *sign_trust_new(void);                       /* NULL when out of memory */
struct sign_trust *sign_trust_free(struct sign_trust *trust);
/* DER, or PEM with any number of them. Intermediates are not trusted by being here. ERR_SYNTAX, ERR_NOMEM. */
int sign_trust_add_anchor(struct sign_trust *trust, struct bytes certificates, struct err *e);
int sign_trust_add_intermediate(struct sign_trust *trust, struct bytes certificates, struct err *e);
int sign_trust_add_crl(struct sign_trust *trust, struct bytes crls, struct err *e);
/* Earliest nextUpdate of all CRLs in wall ms, for the alarm before they end; INT64_MAX when there is none. */
int64_t sign_trust_crl_end_ms(const struct sign_trust *trust);

/* What a signing certificate must be. All lists end with NULL. */
struct sign_rules {
    const char *const *policies;  /* one of these in the end entity's certificatePolicies; NULL = any */
    const char *const *roles;     /* one of these as hcRole; NULL = any */
    bool check_revocation;        /* without a fitting CRL the verdict is INDETERMINATE */
    int64_t skew_ms;              /* allowed for iat in the future */
};
/* Policy 1.2.392.100495.1.5.1.1.0.1, roles "Medical Doctor", "Dentist", revocation checked, 5 minutes. */
extern const struct sign_rules sign_rules_default;

/* ---- signers ------------------------------------------------------------------------------------------------------------------- */

struct sign_signer;
struct sign_sitting;
struct sign_ledger;

/* Configuration of one signer; read during sign_signer_open(), not kept. */
struct sign_signer_conf {
    const char *module;           /* PKCS#11: path of the library to load */
    const void *cryptoki;         /* PKCS#11: a CK_FUNCTION_LIST used in place of a module (tests); NULL = load `module` */
    const char *token_label;      /* PKCS#11: NULL = first token labelled "HPKI Application" or blank, else the only token */
    bool keep_login;              /* PKCS#11: one log-in a sitting instead of one a signature: for HSMs only, an HPKI card wants consent each time */
    struct bytes certificate;     /* DER or PEM; PKCS#11: empty = the token's certificate for nonRepudiation; key file: required, may carry its chain */
    struct bytes key;             /* key file: PEM, encrypted with the PIN or not */
};

/* State of a token without any PIN; for the health check before the queue is opened. */
struct sign_token_status {
    bool present;                 /* a token is in the reader (key file: always) */
    bool pin_count_low, pin_final_try, pin_locked;
    char label[33], model[17], serial[17];
    bool has_certificate;
    struct sign_cert_facts certificate;
};

struct sign_signer_ops {
    const char *name;             /* "pkcs11", "key-file" */
    bool for_tests;               /* the key is no qualified key: the door says so in log and status */
    int (*open)(const struct sign_signer_conf *conf, void **ret_self, struct err *e);
    void (*close)(void *self);
    int (*status)(void *self, struct sign_token_status *ret_status, struct err *e);
    /* Signing certificate first, then what else the token holds; DER, in the arena. */
    int (*certificates)(void *self, struct arena *arena, struct bytes **ret_list, size_t *ret_count, struct err *e);
    /* RSASSA-PKCS1-v1_5 over a SHA-256 digest, appended. PIN may be empty where none is needed. Called once per signature, logs in and out by
       itself; looks at the token's flags before every log-in (flags: SIGN_ATTENDED, SIGN_FORCE_FINAL_TRY). */
    int (*sign)(void *self, const struct sha256 *digest, struct bytes pin, unsigned flags, struct buf *out, struct err *e);
    /* The sitting is over: log out. May be NULL. */
    void (*rest)(void *self);
};

/* Any PKCS#11 module, by the subset of functions that JAHIS 24-002 (HPKI対応ICカードガイドライン) guarantees; C_Login(CKU_USER) for every signature. */
extern const struct sign_signer_ops sign_signer_pkcs11;
/* A key in memory, for tests and demonstrations. */
extern const struct sign_signer_ops sign_signer_key_file;

/* Loads the module, looks for nothing yet: a card may come later. ERR_NOTFOUND (module), ERR_INVALID, ERR_SYNTAX. */
int sign_signer_open(const struct sign_signer_ops *ops, const struct sign_signer_conf *conf, struct sign_signer **ret_signer, struct err *e);
struct sign_signer *sign_signer_close(struct sign_signer *signer);
const struct sign_signer_ops *sign_signer_ops_get(const struct sign_signer *signer);
/* Returns 0 with present = false when there is no card; an error only when the module itself fails. */
int sign_signer_status(struct sign_signer *signer, struct sign_token_status *ret_status, struct err *e);

/* Flags of a sitting. */
enum {
    SIGN_ATTENDED = 1,        /* a person has just typed the PIN: allowed although the token says that tries are few */
    SIGN_FORCE_FINAL_TRY = 2  /* the person was told that this is the last try and wants it */
};

/*
 * One entry of a PIN. Copies the PIN into locked memory and wipes the caller's bytes at once, whatever the result. The PIN itself is first
 * used by the first signature. Refuses (ERR_NOT_NOW: no card; ERR_DENIED: locked, last try without SIGN_FORCE_FINAL_TRY, few tries
 * without SIGN_ATTENDED). The signer must outlive the sitting.
 */
int sign_sitting_begin(struct sign_signer *signer, char *pin, size_t pin_len, unsigned flags, struct sign_sitting **ret_sitting, struct err *e);
struct sign_sitting *sign_sitting_end(struct sign_sitting *sitting);      /* wipes; NULL is fine */
/* False once a PIN was refused or the card went: nothing more can be signed in this sitting. */
bool sign_sitting_alive(const struct sign_sitting *sitting);
const struct sign_cert_facts *sign_sitting_certificate(const struct sign_sitting *sitting);

/* What a message waits for after signing it failed (state to_sign), from the error. */
enum sign_wait { SIGN_WAIT_NONE /* no waiting helps: reject */, SIGN_WAIT_CARD, SIGN_WAIT_PIN, SIGN_WAIT_LOCKED, SIGN_WAIT_CERTIFICATE, SIGN_WAIT_OPERATOR };
enum sign_wait sign_wait_of(const struct err *e);

/* ---- ledger: message uuid -> digest of B, append-only; also which certificate's PIN was refused last ----------------------------- */

struct sign_ledger_entry { const char *uuid; struct sha256 digest; };

/* Opens or makes dir/name and reads it. A torn last line (crash) is cut off; any other damage is ERR_CORRUPT. Holds a lock on the file: ERR_NOT_NOW when taken. */
int sign_ledger_open(int dir, const char *name, struct sign_ledger **ret_ledger, struct err *e);
struct sign_ledger *sign_ledger_close(struct sign_ledger *ledger);
/* Binds each uuid to its digest, durably, with one fsync for all. Equal bindings are fine; ERR_EXISTS when a uuid is bound to another digest (then none is written). */
int sign_ledger_bind(struct sign_ledger *ledger, const struct sign_ledger_entry *entries, size_t count, struct err *e);
/* ERR_NOTFOUND when the uuid was never bound. uuid: 36 characters, lower case. */
int sign_ledger_find(const struct sign_ledger *ledger, const char *uuid, struct sha256 *ret_digest);
size_t sign_ledger_count(const struct sign_ledger *ledger);
/* A write or fsync has failed: nothing more is taken until the ledger is opened anew, which cuts off what was written by half. */
bool sign_ledger_broken(const struct sign_ledger *ledger);
/* Remembers over restarts that the PIN of this certificate was refused (true) or accepted since (false); durable, no line when nothing changes. */
int sign_ledger_note_pin(struct sign_ledger *ledger, const struct sha256 *certificate, bool refused, struct err *e);
bool sign_ledger_pin_refused(const struct sign_ledger *ledger, const struct sha256 *certificate);

/* ---- signing ------------------------------------------------------------------------------------------------------------------- */

/* One approved signature. */
struct sign_order {
    struct bytes bundle;              /* B */
    struct sha256 approved;           /* what the desk approved: must be SHA-256(B) */
    const char *message_uuid;         /* key of the ledger */
    const char *author;               /* fullUrl of the Practitioner who signs; NULL = the only Practitioner among Composition.author */
    int64_t time_ms;                  /* signing time: `when` and `iat` */
    const struct sign_profile *profile;
    const struct sign_rules *rules;   /* checked on the signer's own certificate */
    const struct sign_trust *trust;   /* intermediates complete x5c; CRLs refuse a revoked signer; NULL = neither */
};

/* Everything but the key's part: for signers that live elsewhere. Memory: the arena. */
struct sign_prepared {
    struct bytes header;              /* protected header, base64url */
    struct sha256 digest;             /* of the signing input: what the key signs */
    const char *when, *who;
    size_t splice_at;                 /* offset of the last `}` of B */
};

/*
 * Checks B against the approval and the author against B (entry of type Practitioner, named by Composition.author), builds header and digest.
 * chain: DER, signing certificate first. ERR_INVALID: digest differs, already signed, author unknown, no document Bundle, certificate ended
 * or of the wrong kind; ERR_UNTRUSTED: revoked.
 */
int sign_prepare(const struct sign_order *order, const struct bytes *chain, size_t chain_count, struct arena *arena, struct sign_prepared *ret_prepared, struct err *e);
/* The signed Bundle, appended to out; sig = the RSA signature, checked against the certificate before anything is written (ERR_UNTRUSTED). */
int sign_finish(const struct sign_order *order, const struct sign_prepared *prepared, struct bytes sig, struct bytes certificate, struct buf *out, struct err *e);
/*
 * prepare, ledger, key, finish. ledger NULL = none (tests). Nothing reaches the key unless all checks passed and the ledger is durable.
 * Without SIGN_ATTENDED it refuses (ERR_DENIED) while the ledger says that this certificate's PIN was refused, so that a restarted door
 * with a wrong credential cannot lock a card.
 */
int sign_bundle(const struct sign_order *order, struct sign_sitting *sitting, struct sign_ledger *ledger, struct arena *arena, struct buf *out, struct err *e);

/* The same in two halves, so that letters that wait together share one fsync. A job whose first half failed says so in the second, and holds back no other. */
enum { SIGN_JOBS_MAX = 32 };
struct sign_job {
    struct sign_order order;          /* the caller's; what it points to stays alive until the job is finished */
    struct sign_prepared prepared;
    int result;                       /* of the first half; a job that the caller gives up itself has it negative already */
    struct err e;
};
/* All checks of each job, then one binding in the ledger for those that passed. count <= SIGN_JOBS_MAX. */
void sign_jobs_prepare(struct sign_job *jobs, size_t count, struct sign_sitting *sitting, struct sign_ledger *ledger, struct arena *arena);
/* Key and finish. */
int sign_job_finish(const struct sign_job *job, struct sign_sitting *sitting, struct sign_ledger *ledger, struct buf *out, struct err *e);

/* ---- verification -------------------------------------------------------------------------------------------------------------- */

enum sign_verdict { SIGN_UNSIGNED, SIGN_TOTAL_PASSED, SIGN_INDETERMINATE, SIGN_TOTAL_FAILED };

struct sign_finding {
    enum sign_verdict weight;   /* SIGN_TOTAL_PASSED = a remark that changes nothing */
    enum msg_id msg;
    char arg[2][SIGN_TEXT_MAX];
};

enum { SIGN_FINDINGS = 16 };

struct sign_report {
    enum sign_verdict verdict;                 /* the heaviest of the findings */
    struct sign_finding finding[SIGN_FINDINGS];
    size_t count;
    bool has_certificate;
    struct sign_cert_facts certificate;
    int64_t iat_ms, when_ms;                   /* -1 = absent */
    bool has_timestamp;                        /* a signature time-stamp is there; its token is not examined: INDETERMINATE */
};

/*
 * Judges Bundle.signature at time_ms (trust NULL = nothing is trusted: INDETERMINATE at best), in the order that leaves no room for another key: strict JSON, crit, algorithm, certificate digest,
 * signature, chain, key usage, policy, role, revocation, times, signer. Stops at the first finding that makes later ones meaningless.
 * Returns 0 whenever there is a verdict, bad bytes included; negative only for memory. A Bundle without signature is SIGN_UNSIGNED.
 */
int sign_verify_bundle(struct bytes bundle, const struct sign_profile *profile, const struct sign_trust *trust, const struct sign_rules *rules,
                       int64_t time_ms, struct arena *arena, struct sign_report *ret_report, struct err *e);
/* The same for bytes that json_parse() has read already. */
int sign_verify_root(const struct json_node *root, const struct sign_profile *profile, const struct sign_trust *trust, const struct sign_rules *rules,
                     int64_t time_ms, struct arena *arena, struct sign_report *ret_report, struct err *e);
/* The part that needs no Bundle: a certificate (DER or PEM) judged as a signer at time_ms: chain, key usage, policy, role, revocation. */
int sign_verify_certificate(struct bytes certificate, const struct sign_trust *trust, const struct sign_rules *rules, int64_t time_ms, struct sign_report *ret_report, struct err *e);
/* Findings as issues at Bundle.signature: failed = error, indeterminate = warning, remarks = information. */
void sign_report_issues(const struct sign_report *report, struct issue_list *list);
const char *sign_verdict_name(enum sign_verdict verdict);   /* "unsigned", "total_passed", "indeterminate", "total_failed" */

#endif
