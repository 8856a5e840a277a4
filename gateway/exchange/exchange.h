/*
 * exchange.h - what is said to the service and what it answers: operations, names, request bytes, answer bytes, all driven by the
 * interface profile (data, docs/interface-profile.md), because the annexes that define the wire are not public.
 *
 *     struct exchange_profile *p;
 *     if (exchange_profile_load("/etc/clinsgw/profiles/clins-2026.conf", &p, &e) < 0) ...     // file, line, key, what is allowed
 *     exchange_request_name(p, EXCHANGE_DOCUMENT_REGISTER, "gw01", counter, name, &e);         // the desk, once, durable before use
 *     buf_init(&b, EXCHANGE_REQUEST_MAX);
 *     exchange_build(p, EXCHANGE_DOCUMENT_REGISTER, EXCHANGE_XML, &fields, &b, &e);            // a worker
 *     ...
 *     exchange_read(p, op, EXCHANGE_XML, EXCHANGE_RES, bytes, arena, &answer, &e);             // a worker
 *     if (exchange_answer_fits(answer.institution, answer.identifier, institution, identifier)) ...  // the desk believes only a fitting answer
 *     if (exchange_notice_name(p, name)) ...                                                   // the link: an unasked result, not an answer
 *     exchange_notice_read(p, EXCHANGE_XML, bytes, arena, &notice, &e);                        // a worker
 *     exchange_profile_free(p);
 *
 * Ownership: a profile owns all it points to and is read-only after loading; one thread uses it at a time (it holds a character converter,
 * opened at load, because a confined worker can open nothing later). Answers live in the caller's arena; the answer's bytes are not kept.
 * Failure: nothing is returned half-made. An answer that cannot be read is ERR_SYNTAX: the caller keeps its bytes and believes nothing.
 */
#ifndef EXCHANGE_EXCHANGE_H
#define EXCHANGE_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/conf.h"
#include "base/err.h"

/* Operations of the service (CIS-IF numbers stand in the profile). Order: three verbs a family, so that arithmetic is never needed:
 * use exchange_operation_of(). The numbers are stored by the desk: never renumber. */
enum exchange_operation {
    EXCHANGE_DOCUMENT_REGISTER, EXCHANGE_DOCUMENT_CHANGE, EXCHANGE_DOCUMENT_CANCEL,   /* 文書情報 (letter) */
    EXCHANGE_SUMMARY_REGISTER, EXCHANGE_SUMMARY_CHANGE, EXCHANGE_SUMMARY_CANCEL,      /* 患者サマリー */
    EXCHANGE_CHART_REGISTER, EXCHANGE_CHART_CHANGE, EXCHANGE_CHART_CANCEL,            /* カルテ臨床情報 (the five kinds) */
    EXCHANGE_DOCUMENT_INQUIRY,                                                        /* 文書情報状況照会 */
    EXCHANGE_RESULT,                                                                  /* result of a 処理中 */
    EXCHANGE_OPERATION_COUNT
};
enum exchange_family { EXCHANGE_DOCUMENT, EXCHANGE_SUMMARY, EXCHANGE_CHART, EXCHANGE_FAMILY_COUNT };
enum exchange_verb { EXCHANGE_REGISTER, EXCHANGE_CHANGE, EXCHANGE_CANCEL, EXCHANGE_VERB_COUNT };

enum exchange_form { EXCHANGE_XML /* terminal folder */, EXCHANGE_JSON /* Web API */ };
enum exchange_answer_kind { EXCHANGE_RES, EXCHANGE_ERR /* "cannot be taken": the err file of the terminal folder */ };

/* What an answer means for the message (states.md). */
enum exchange_class { EXCHANGE_SUCCESS, EXCHANGE_PENDING, EXCHANGE_FINAL, EXCHANGE_NOT_DONE_RETRY, EXCHANGE_UNKNOWN, EXCHANGE_CLASS_COUNT };
/* What a code says beyond its class. */
enum exchange_mark { EXCHANGE_ABSENT = 1 /* nothing stands under the key */, EXCHANGE_ALREADY_THERE = 2 /* this Bundle-ID is registered already */ };
/* Who said it: the way there (header: SegmentOfResult, ErrorCode) or the service's business (body: ProcessingResult...). */
enum exchange_layer { EXCHANGE_TRANSPORT, EXCHANGE_BUSINESS };
/* How an unknown outcome of an operation may be settled (states.md "Unknown -> known"). */
enum exchange_settle { EXCHANGE_SETTLE_PERSON, EXCHANGE_SETTLE_INQUIRY, EXCHANGE_SETTLE_PROBE /* by change */, EXCHANGE_SETTLE_REPEAT };
/* What an HTTP status says about a business call. */
enum exchange_http { EXCHANGE_HTTP_ANSWER /* the body is an envelope */, EXCHANGE_HTTP_TOKEN /* token not accepted, nothing done */,
                     EXCHANGE_HTTP_NOT_DONE_RETRY, EXCHANGE_HTTP_FINAL /* not taken, will not succeed by repeating */, EXCHANGE_HTTP_UNKNOWN };
/* 文書 status of an inquiry. */
enum exchange_document_status { EXCHANGE_STATUS_NONE, EXCHANGE_STATUS_HELD /* 閲覧保留 */, EXCHANGE_STATUS_OPEN /* 閲覧可 */, EXCHANGE_STATUS_OTHER };
enum exchange_kind { EXCHANGE_KIND_NONE, EXCHANGE_KIND_REFERRAL /* 診療情報提供書 */, EXCHANGE_KIND_SUMMARY /* 患者サマリー */,
                     EXCHANGE_KIND_CONDITION, EXCHANGE_KIND_ALLERGY, EXCHANGE_KIND_OBSERVATION, EXCHANGE_KIND_COUNT };
enum exchange_consent { EXCHANGE_CONSENT_NONE, EXCHANGE_CONSENT_SPOKEN, EXCHANGE_CONSENT_PORTAL, EXCHANGE_CONSENT_CARD, EXCHANGE_CONSENT_COUNT };
enum exchange_padding { EXCHANGE_PAD_ZERO, EXCHANGE_PAD_SPACE, EXCHANGE_PAD_NONE };

enum {
    EXCHANGE_REQUEST_MAX = 64 << 20,   /* no profile may allow more than this; the real limit is profile->size_limit */
    EXCHANGE_ENVELOPE_MAX = 8192,      /* everything of a request but the Base64 of its Bundle */
    EXCHANGE_NAME_MAX = 128,           /* a request's or answer's file name with its NUL */
    EXCHANGE_HOST_MIN = 2, EXCHANGE_HOST_MAX = 8,   /* host prefix of names: [0-9a-z], unique among all writers of a share */
    EXCHANGE_CHECKS_MAX = 500          /* findings kept of one answer */
};

/* One line of a request's list: the path of element names and where the text comes from. */
struct exchange_element {
    const char *path;                  /* "XmlMsg/MessageHeader/MedicalInstitutionCode" */
    const char *literal;               /* fixed text, or NULL: variable */
    int variable;                      /* index into the table of variables in build.c */
    bool optional;                     /* ${receiver?}: left out when the caller gives none */
    uint32_t line;                     /* in the profile */
};

struct exchange_call {
    bool known;                        /* the profile has this operation */
    const char *interfaces;            /* "CIS-IF-101/102", for people */
    const char *api;                   /* "CISsidoc01" */
    const char *path;                  /* Web API path, "" = none */
    int settle;                        /* enum exchange_settle */
    struct exchange_element *element;  /* header lines, then body lines */
    size_t element_count;
};

struct exchange_code { const char *code; int class; unsigned marks; };

/* The unasked result (CIS-IF-119), as far as a site knows it: nothing of it is public, so the shipped profile has no such section. */
struct exchange_notice_form {
    const char *name;                  /* file name with one '*'; NULL: no section [notice], such files are left alone */
    const char *institution, *document, *result;   /* paths from the root */
    bool remove;                       /* taken out of the answer folder once it is stored; else the terminal clears it away */
};

/* All read-only. Times in milliseconds, sizes in bytes. */
struct exchange_profile {
    const char *name, *interface;      /* "clins-2026", "8.09" */
    /* requests */
    int64_t size_limit;                /* of the finished request */
    int insurer_padding;               /* enum exchange_padding: first part of 被保険者個人識別子 in the envelope */
    int64_t insurer_width;
    /* answers */
    int64_t answer_limit;
    /* times that the desk keeps */
    int64_t answer_ms;                 /* published and no answer for so long: unknown */
    int64_t settle_ms;                 /* assumption A: nothing takes effect later than this after leaving */
    int64_t result_first_ms, result_max_ms;  /* asking for a 処理中: first pause, doubled up to the largest */
    int64_t pending_ms;                /* 処理中 for so long: unknown */
    int64_t taken_ms;                  /* a request still in req/ after this: tell a person that the terminal hangs */
    int64_t retry_first_ms, retry_max_ms;    /* after not_left and not_done_retry: first pause, doubled up to the largest */
    /* terminal folder */
    const char *folder_request, *folder_answer, *marker;
    const char *name_request, *name_answer, *name_err;     /* "${api}req_${suffix}.xml" */
    int64_t poll_ms, sweep_ms, equal_reads_ms;
    /* Web API */
    const char *login_path, *login_user, *login_password, *login_token, *login_expires;
    const char *token_header, *token_prefix, *content_type;
    int64_t login_life_ms, login_margin_ms, login_pause_ms;
    int64_t connect_ms, call_ms, login_limit;
    /* everything else is reached through functions */
    struct exchange_call call[EXCHANGE_OPERATION_COUNT];
    struct exchange_answer_paths *answer;
    struct exchange_code *code; size_t code_count;
    int http[600];                     /* enum exchange_http by status; index 0..99 unused */
    const char *kind[EXCHANGE_KIND_COUNT], *consent[EXCHANGE_CONSENT_COUNT];
    struct exchange_notice_form notice;
    void *cp932;                       /* iconv_t */
    struct arena *arena;
};

/* Parses a profile; file is the name shown in errors. ERR_SYNTAX or ERR_INVALID with place "file:line" and what is allowed;
 * ERR_UNSUPPORTED when the system has no CP932 converter. */
int exchange_profile_parse(const char *file, const char *bytes, size_t len, struct exchange_profile **ret_profile, struct err *e);
/* Reads the file (at most 1 MiB) and parses it. */
int exchange_profile_load(const char *path, struct exchange_profile **ret_profile, struct err *e);
/* The same, telling of every mistake that can be known (base/conf.h) instead of stopping at the first; what was told is not left in *e. */
int exchange_profile_load_telling(const char *path, const struct conf_faults *faults, struct exchange_profile **ret_profile, struct err *e);
struct exchange_profile *exchange_profile_free(struct exchange_profile *profile);   /* NULL is fine; returns NULL */

enum exchange_operation exchange_operation_of(enum exchange_family family, enum exchange_verb verb);
/* "document-register" ... as in the profile's section names; never NULL. */
const char *exchange_operation_name(int operation);
const char *exchange_class_name(int class);
/* Class and marks of a code; false and EXCHANGE_UNKNOWN, 0 for one that is not listed. */
bool exchange_code_class(const struct exchange_profile *p, const char *code, int *ret_class, unsigned *ret_marks);
/* enum exchange_http of a status; EXCHANGE_HTTP_UNKNOWN for anything not listed. */
int exchange_http_class(const struct exchange_profile *p, long status);

/* ---- names ---- */

enum exchange_name_kind { EXCHANGE_NAME_REQUEST, EXCHANGE_NAME_ANSWER, EXCHANGE_NAME_ERR };
struct exchange_name {
    enum exchange_name_kind kind;
    int operation;
    char suffix[40];
    bool ours;              /* made by this function with the host given to the parser */
    uint64_t counter;       /* when ours */
};

/* Durable name of one exchange: host prefix + the counter in base 36 (13 digits), so unique among hosts and never reused while the counter
 * only grows. Lower case only: the share's file system does not tell case apart. ERR_INVALID for a bad host, ERR_UNSUPPORTED for an operation
 * that the profile lacks. */
int exchange_request_name(const struct exchange_profile *p, int operation, const char *host, uint64_t counter,
                          char ret_name[static EXCHANGE_NAME_MAX], struct err *e);
/* The request's file name for a suffix that was made before (12-32 of [A-Za-z0-9]). ERR_INVALID, ERR_UNSUPPORTED. */
int exchange_name_of_suffix(const struct exchange_profile *p, int operation, const char *suffix, char ret_name[static EXCHANGE_NAME_MAX]);
/* Names of the answer and of the err answer that belong to a request's name. ERR_NOTFOUND when it is no request's name. */
int exchange_answer_name(const struct exchange_profile *p, const char *request_name, char ret_name[static EXCHANGE_NAME_MAX]);
int exchange_err_name(const struct exchange_profile *p, const char *request_name, char ret_name[static EXCHANGE_NAME_MAX]);
/* Takes a name apart; host NULL = none is ours. ERR_NOTFOUND: a foreign file, to be left alone. */
int exchange_name_parse(const struct exchange_profile *p, const char *name, const char *host, struct exchange_name *ret_name);
/* The name is that of an unasked result, and of no request or answer: false for all where the profile has no [notice]. '*' stands for 1-64 of
 * [A-Za-z0-9_-]. */
bool exchange_notice_name(const struct exchange_profile *p, const char *name);

/* ---- requests ---- */

/* What may go into a request. All borrowed; NULL or NONE = not given, an error only where the profile's list asks for it. */
struct exchange_fields {
    const char *institution;           /* 10 digits */
    const char *identifier;            /* of this exchange: 1-64 of [A-Za-z0-9-] */
    const char *insured;               /* 被保険者個人識別子 under which the Bundle stands (key fields) */
    const char *system, *value;        /* Bundle.identifier (key fields) */
    enum exchange_kind kind;
    enum exchange_consent consent;
    const char *receiver;              /* 10 digits, letters only */
    const char *receipt;               /* of a 処理中 answer (EXCHANGE_RESULT) */
    struct bytes bundle;               /* data NULL = none */
};

/* Appends the finished request to *ret: UTF-8, no BOM, no CR, Base64 in one line. *ret should be empty; it is reset on failure.
 * ERR_LIMIT past the profile's size limit (MSG_EXCHANGE_TOO_LARGE), ERR_INVALID for a missing or malformed field, ERR_UNSUPPORTED. */
int exchange_build(const struct exchange_profile *p, int operation, enum exchange_form form, const struct exchange_fields *fields,
                   struct buf *ret, struct err *e);
/* Upper bound of a finished request around a Bundle of that many bytes; compare with p->size_limit before signing. */
size_t exchange_size_bound(size_t bundle_len);

/* ---- answers ---- */

struct exchange_check { const char *code, *message, *location; };        /* FhirCheckResult; location is a FHIRPath, any may be "" */
struct exchange_verify { bool valid; const char *status, *message; };    /* VerifyResult */

struct exchange_answer {
    int layer;                         /* enum exchange_layer that settled the class */
    int class;                         /* enum exchange_class */
    unsigned marks;                    /* enum exchange_mark */
    const char *institution;           /* "" when the answer has none */
    const char *identifier;            /* "" when the answer has none */
    const char *code, *message;        /* of the settling layer; "" when none */
    const char *receipt;               /* "" when none */
    const char *executed;              /* ProcessExecutionTime as sent, "" when none */
    int document_status;               /* enum exchange_document_status */
    struct exchange_check *check; size_t check_count;
    struct exchange_verify *verify; size_t verify_count;
    size_t findings_cut;               /* findings beyond EXCHANGE_CHECKS_MAX */
};

/* Reads an answer strictly: no DTD, no entities, no network, limits on size, depth and nodes; UTF-8 (a BOM is skipped) or, declared,
 * Shift_JIS (read as CP932). Elements that the profile does not name are skipped; a single element that comes twice is an error.
 * A code that is not listed, a code that contradicts its status: class EXCHANGE_UNKNOWN. Not an answer at all: ERR_SYNTAX. Over answer_limit: ERR_LIMIT. */
int exchange_read(const struct exchange_profile *p, int operation, enum exchange_form form, enum exchange_answer_kind kind,
                  struct bytes bytes, struct arena *arena, struct exchange_answer *ret_answer, struct err *e);
/* The identifier is just this one, and so is the institution where the answer names one. */
bool exchange_answer_fits(const char *said_institution, const char *said_identifier, const char *institution, const char *identifier);
/* Appends a success answer as JSON, as the service would give it (for the sink link). */
int exchange_answer_build(const struct exchange_profile *p, const char *institution, const char *identifier, struct buf *ret, struct err *e);

/* ---- the unasked result ---- */

enum { EXCHANGE_NOTICE_TEXT_MAX = 64 };   /* bytes of each of the three */

/* Whom it is for, which document it is about, what it says: as sent, none empty. */
struct exchange_notice { const char *institution, *document, *result; };

/* Reads it as strictly as an answer, into the arena. ERR_SYNTAX when it cannot be read or one of the three is missing, too long or comes twice; ERR_LIMIT over
 * answer_limit; ERR_UNSUPPORTED where the profile has no [notice]. */
int exchange_notice_read(const struct exchange_profile *p, enum exchange_form form, struct bytes bytes, struct arena *arena,
                         struct exchange_notice *ret_notice, struct err *e);

/* ---- log-in of the Web API ---- */

/* Appends the JSON body. It is a secret: free with buf_wipe_free(). */
int exchange_login_build(const struct exchange_profile *p, const char *user, const char *password, struct buf *ret, struct err *e);
/* Token (arena) and its life in ms (the profile's when the service names none). ERR_SYNTAX; ERR_DENIED when the answer carries no token. */
int exchange_login_read(const struct exchange_profile *p, struct bytes bytes, struct arena *arena, const char **ret_token, int64_t *ret_life_ms, struct err *e);

#endif
