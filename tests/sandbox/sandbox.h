/*
 * sandbox.h - the stand-in of the national service: what its files share among themselves.
 *
 * The stand-in is one program that plays both doors of the service (Web API and the terminal's shared folder) on the wire format of
 * docs/interface-profile.md. It was written from that page and shares no code with the gateway beyond gateway/base/, so that one misreading
 * of the page is not made twice. It is at once the other side of the end-to-end tests and a vendor's offline test kit (docs/sandbox.md).
 *
 * The way of one request:
 *
 *     transport (web.c, terminal.c)  bytes in, operation known from path or file name
 *     envelope.c                     bytes -> struct sb_request, or an ErrorCode
 *     fault.c                        which misbehaviour was ordered for this request -> struct sb_plan
 *     service.c                      checks, one transaction, struct sb_answer
 *       check_*.c, sign.c, jcs.c     reading of the Bundle and of its signature
 *       db.c                         what is registered, every request that was processed
 *     envelope.c                     struct sb_answer -> XML or JSON
 *
 * Threads: one a Web connection, one for the folder, one for the control socket. Everything in `struct sb` that changes is guarded by
 * sb.lock, and the database with it; reading and checking a Bundle happens outside the lock.
 */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/crypt.h"
#include "base/err.h"
#include "base/json_doc.h"

/* ---- operations ------------------------------------------------------------------------------------------------------------------- */

enum sb_op {
    SB_DOC_REGISTER, SB_DOC_CANCEL, SB_DOC_CHANGE, SB_DOC_INQUIRE,
    SB_PCS_REGISTER, SB_PCS_CANCEL, SB_PCS_CHANGE,
    SB_CHART_REGISTER, SB_CHART_CANCEL, SB_CHART_CHANGE,
    SB_RESULT,
    SB_OP_COUNT,
    SB_AUTH = SB_OP_COUNT,   /* the log-in: no envelope, but faults may name it */
    SB_OP_NONE
};

enum sb_family { SB_DOCUMENT, SB_SUMMARY, SB_CHART, SB_NO_FAMILY };
enum sb_action { SB_REGISTER, SB_CANCEL, SB_CHANGE, SB_INQUIRE, SB_COLLECT };
enum sb_link { SB_WEB, SB_FOLDER };

/* Leaves of MessageBody. */
enum sb_field {
    SB_DOCUMENT_INFO, SB_DOCUMENT_KIND, SB_CONSENT, SB_DESTINATION, SB_CLINICAL_INFO, SB_CLINICAL_KIND,
    SB_KEY_INSURED, SB_KEY_SYSTEM, SB_KEY_VALUE, SB_RECEPTION,
    SB_FIELD_COUNT
};

struct sb_op_info {
    const char *name;             /* as in fault and dump: "chart.register" */
    const char *api;              /* API id of the folder: "CISsicln01" */
    const char *path;             /* path of the Web API */
    enum sb_family family;
    enum sb_action action;
    unsigned required, optional;  /* sets of 1u << enum sb_field */
};

const struct sb_op_info *sb_op_get(enum sb_op op);
enum sb_op sb_op_by_name(const char *name);                      /* also "auth"; SB_OP_NONE */
enum sb_op sb_op_by_path(const char *path);
/* `<API id>req_<suffix>.xml` with a suffix of 12-32 letters and digits; SB_OP_NONE for everything else: not ours. */
enum sb_op sb_op_by_file(const char *name, const char **ret_suffix, size_t *ret_suffix_len);

/* ---- requests and answers --------------------------------------------------------------------------------------------------------- */

enum { SB_MAX_REQUEST = 10000000, SB_MAX_FINDINGS = 100 };

enum sb_code {
    SB_DONE, SB_ACCEPTED,
    SB_UNKNOWN_INSURED, SB_RECEIVER_REFUSES, SB_ALREADY_THERE, SB_ABSENT, SB_BAD_KEY, SB_MIXED_TYPES, SB_FHIR_FAILED, SB_BAD_SIGNATURE,
    SB_BAD_FLAG, SB_NOT_SENDER, SB_UNREADABLE,
    SB_BAD_ENVELOPE, SB_TOO_LARGE, SB_BUSY, SB_TOO_MANY_SESSIONS, SB_UNKNOWN_RECEIPT, SB_FAILURE,
    SB_CODE_COUNT
};

struct sb_code_info { const char *text, *message; bool header; /* ErrorCode of the header, else ProcessingResultCode */ bool not_taken; /* err file */ };

const struct sb_code_info *sb_code_get(enum sb_code code);
enum sb_code sb_code_by_text(const char *text);   /* SB_CODE_COUNT when there is none */

struct sb_request {
    enum sb_op op;
    enum sb_link link;
    const char *institution, *identifier;         /* "" until read */
    struct bytes field[SB_FIELD_COUNT];           /* .data NULL = absent; in the arena, NUL-terminated */
};

struct sb_finding { const char *code, *message, *location; struct sb_finding *next; };

struct sb_answer {
    enum sb_code code;
    const char *own_code;                         /* a fault's ErrorCode that is not in the table; NULL = by code */
    const char *institution, *identifier;         /* echoes; NULL = the element is left out */
    const char *reception;                        /* receipt number, NULL = none */
    const struct sb_finding *findings;
    const char *verify_status, *verify_message;   /* NULL = no VerifyResultList */
    const char *document_status;                  /* NULL = none */
};

/* ERR_INVALID with *ret_code what to answer; institution and identifier are filled as far as they could be read. */
int envelope_read(enum sb_link link, enum sb_op op, struct bytes body, struct arena *arena, struct sb_request *ret_request, enum sb_code *ret_code);
/* Appends the answer as XML (folder) or JSON (Web API). ERR_NOMEM, ERR_LIMIT. */
int envelope_write(enum sb_link link, const struct sb_answer *answer, int64_t now_ms, struct buf *out);

/* ---- reading the Bundle ----------------------------------------------------------------------------------------------------------- */

struct sb_bundle {
    const struct json_node *root;
    const char *bundle_id, *insured;   /* NUL-terminated, in the arena */
    struct sb_finding *findings, **findings_end;
    unsigned finding_count;
    struct arena *arena;
    const char *sender;                /* institution of the request */
    enum sb_code code;                 /* SB_DONE while nothing is wrong; the first refusal stays */
};

/* Runs every check that needs no table of persons or institutions. kind: ClinicalKind or NULL. */
void check_bundle(struct sb_bundle *b, enum sb_family family, const char *kind);
/* Adds a finding and makes code SB_FHIR_FAILED unless a refusal stands already. */
void check_find(struct sb_bundle *b, const char *rule, const char *location, const char *message);
void check_refuse(struct sb_bundle *b, enum sb_code code, const char *rule, const char *location, const char *message);

/* Forms (own readings of jp-clins). */
bool form_bundle_id(const char *text, size_t len);
bool form_insured(const char *text, size_t len);
bool form_institution(const char *text, size_t len);
bool form_identifier(const char *text, size_t len);

#define SB_BUNDLE_ID_SYSTEM "http://jpfhir.jp/fhir/clins/bundle-identifier"

/* ---- signature -------------------------------------------------------------------------------------------------------------------- */

/* RFC 8785 of an object without the named root members (NULL-terminated list). ERR_INVALID for a number that is no double. */
int jcs_write(const struct json_node *object, const char *const *leave_out, struct buf *out);

struct sb_anchors;
/* Every certificate (PEM or DER) and CRL below dir; dir NULL gives anchors that believe nobody. */
struct sb_anchors *sign_load(const char *dir, struct err *e);
struct sb_anchors *sign_free(struct sb_anchors *anchors);
/* NULL = valid, else why not (static text). */
const char *sign_verify(const struct sb_anchors *anchors, const struct json_node *bundle, const struct json_node *signature, int64_t now_ms);

/* ---- faults ----------------------------------------------------------------------------------------------------------------------- */

enum sb_fault_kind {
    SB_F_SLOW, SB_F_SLOW_ANSWER, SB_F_DROP_BEFORE, SB_F_DROP_AFTER, SB_F_HTTP_BEFORE, SB_F_HTTP_AFTER, SB_F_PENDING, SB_F_WRONG_IDENTIFIER,
    SB_F_WRONG_INSTITUTION, SB_F_HALF, SB_F_ERR, SB_F_VANISH, SB_F_REMOVE, SB_F_LATE, SB_F_SHARE_GONE, SB_F_TOKEN_EXPIRED, SB_F_SESSIONS,
    SB_F_BUSY, SB_F_FAILURE_BEFORE, SB_F_FAILURE_AFTER, SB_F_DOUBLE,
    SB_FAULT_KINDS
};

struct sb_order { bool on; int64_t ms, n; char code[16]; };
/* What one request gets. */
struct sb_plan { struct sb_order order[SB_FAULT_KINDS]; bool any; };

struct sb_faults;
struct sb_faults *fault_new(uint64_t seed);
struct sb_faults *fault_free(struct sb_faults *f);
/* words: kind, then key=value. ERR_INVALID with the bad word in e->arg[0]. *ret_id names the fault. */
int fault_add(struct sb_faults *f, char *const *words, size_t count, unsigned *ret_id, struct err *e);
void fault_clear(struct sb_faults *f, unsigned id /* 0 = all */);
/* Appends one JSON line a fault. */
int fault_list(const struct sb_faults *f, struct buf *out);
/* Draws the plan of one request and uses up what it takes. */
void fault_take(struct sb_faults *f, enum sb_op op, enum sb_link link, bool reused, const char *institution, const char *identifier, struct sb_plan *ret_plan);
const char *fault_name(enum sb_fault_kind kind);

/* ---- database --------------------------------------------------------------------------------------------------------------------- */

struct sb_db;

struct sb_registration {
    int64_t id;
    const char *institution, *insured, *bundle_id, *kind, *destination, *consent, *status;
    enum sb_family family;
    struct bytes bytes;
    char sha256[SHA256_HEX];
};

struct sb_log_row {
    int64_t at_ms;
    enum sb_link link;
    const char *op, *institution, *identifier, *bundle_id, *insured, *sha256, *effect, *code, *faults;
};


struct sb_db *db_open(const char *file, struct err *e);
struct sb_db *db_close(struct sb_db *db);
int db_begin(struct sb_db *db, struct err *e);
int db_end(struct sb_db *db, bool commit, struct err *e);
/* ERR_NOTFOUND. Texts in the arena, bytes not loaded. */
int db_find(struct sb_db *db, const char *institution, const char *bundle_id, struct arena *arena, struct sb_registration *ret_row, struct err *e);
int db_put(struct sb_db *db, const struct sb_registration *row, int64_t at_ms, struct err *e);
int db_remove(struct sb_db *db, int64_t id, struct err *e);
int db_history(struct sb_db *db, const struct sb_registration *row, const char *effect, int64_t request_id, int64_t at_ms, struct err *e);
int db_log(struct sb_db *db, const struct sb_log_row *row, int64_t *ret_id, struct err *e);
int db_receipt_add(struct sb_db *db, const char *institution, const char *number, int64_t polls, const char *stored, struct err *e);
/* Uses up one poll; ERR_NOTFOUND. *ret_pending = still 処理中. */
int db_receipt_poll(struct sb_db *db, const char *institution, const char *number, struct arena *arena, bool *ret_pending, const char **ret_stored, struct err *e);
/* Status of a person: "valid", "ended", or NULL when unknown. */
int db_insured(struct sb_db *db, const char *number, const char **ret_status, struct err *e);
int db_insured_set(struct sb_db *db, const char *number, const char *status /* NULL = forget */, struct err *e);
/* Participation of an institution: "yes", "no", or NULL when unknown. */
int db_institution(struct sb_db *db, const char *code, const char **ret_participates, struct err *e);
int db_institution_set(struct sb_db *db, const char *code, const char *participates, struct err *e);
int db_status_set(struct sb_db *db, const char *bundle_id, const char *status, struct err *e);  /* ERR_NOTFOUND */
int db_reset(struct sb_db *db, struct err *e);
/* One JSON line a row, appended. bundle_id NULL = all. */
int db_dump(struct sb_db *db, const char *bundle_id, bool with_bytes, struct buf *out, struct err *e);
int db_requests(struct sb_db *db, const char *bundle_id, const char *effect, const char *op, struct buf *out, int64_t *ret_count, struct err *e);
int db_count(struct sb_db *db, int64_t *ret_registrations, int64_t *ret_requests, struct err *e);

/* ---- the whole -------------------------------------------------------------------------------------------------------------------- */

struct sb_settings {
    bool refuse_duplicate;             /* else the last one wins */
    bool signature_required;           /* of letters */
    int steps[SB_OP_COUNT];            /* 1 or 2 */
    int64_t polls;                     /* result calls answered 処理中 before the final one, with two steps */
    int64_t token_ms;
    int64_t sessions;
};

struct sb_member { const char *code, *common_name; };   /* an institution that may send, and its certificate */

struct sb_options {
    const char *db, *tls_cert, *tls_key, *client_ca, *hpki_ca, *share, *control, *user, *password, *insured_file;
    int64_t port, scan_ms, seed;
    bool verbose;
    struct sb_member *members;
    size_t member_count;
};

struct sb {
    const struct sb_options *options;
    struct sb_db *db;
    struct sb_anchors *anchors;
    struct sb_faults *faults;
    struct sb_settings settings;
    pthread_mutex_t lock;
    pthread_cond_t changed;            /* paused or stopping changed */
    bool paused, stopping;
    int stop_fd;                       /* eventfd: readable once stopping */
    int64_t in_flight;                 /* requests being worked on, both links */
    uint64_t serial;                   /* receipt numbers, tokens */
    uint64_t token_epoch;              /* tokens of an older epoch are forgotten */
    unsigned char seed[32];
    bool share_away;                   /* the shared folder is gone for now */
    int64_t share_back_ms;             /* boot time at which it comes back by itself, 0 = on command */
};

void sb_stop(struct sb *sb);
/* Sleeps; false when the program is stopping. */
bool sb_sleep(struct sb *sb, int64_t ms);
/* Blocks while paused; false when stopping. */
bool sb_wait_running(struct sb *sb);
/* The next deterministic text: a uuid from the seed and the serial number. Caller holds no lock. */
void sb_next_id(struct sb *sb, char ret_text[static UUID_TEXT]);

/* One request on its way through the service. */
struct sb_exchange {
    struct arena *arena;
    struct sb_request request;
    struct sb_plan plan;
    struct sb_answer answer;
    bool readable;                     /* the envelope was read */
    bool may_send;                     /* transport says that this institution may speak */
};

/* Reads the envelope and draws the plan. body must outlive the exchange. */
void service_open(struct sb *sb, struct sb_exchange *x, enum sb_link link, enum sb_op op, bool reused, struct bytes body);
/* An institution of the table whose certificate has this common name (NULL = any, folder). */
bool service_may_send(const struct sb *sb, const char *institution, const char *common_name);
/* Checks and commits, fills x->answer. Uses the plan for everything that is not transport. */
void service_run(struct sb *sb, struct sb_exchange *x);
/* Records a request that was dropped before it was looked at. */
void service_log_lost(struct sb *sb, const struct sb_exchange *x);

/* Threads. start returns 0 and the thread ends when sb stops; join waits. */
struct web;
int web_start(struct sb *sb, struct web **ret_web, uint16_t *ret_port, struct err *e);
struct web *web_join(struct web *web);
struct terminal;
int terminal_start(struct sb *sb, struct terminal **ret_terminal, struct err *e);
struct terminal *terminal_join(struct terminal *terminal);
/* Moves marker and folders away, or back. Takes the lock itself. */
int terminal_share(struct sb *sb, bool away, int64_t back_ms, struct err *e);
/* Puts an unasked result (CIS-IF-119) into the answer folder. Its name and layout are assumed: nothing of it is public. */
struct sb_notice { const char *institution, *document, *result, *suffix; bool broken; };
int terminal_notice(struct sb *sb, const struct sb_notice *notice, struct err *e);
struct control;
int control_start(struct sb *sb, struct control **ret_control, struct err *e);
struct control *control_join(struct control *control);
/* The client: sends the words, prints the answer. Returns the exit status. */
int control_client(const char *socket_path, char *const *words, size_t count);

#endif
