/*
 * flow.h - the state machine: what is true about a file at any moment, and what is to be done next.
 *
 * One pure function. It has no files, no network, no clock and no random numbers: it is given one event (something that happened, with the
 * time and a random seed drawn by the desk), reads and writes rows through a table of functions, and leaves a list of orders.
 *
 *     struct flow_state *st = flow_state_new(&e);
 *     flow_orders_init(&orders);
 *     loop:  store_begin(tables);
 *            for every report that is there:                       // one turn of the desk, one transaction
 *                put the payloads that the event names;
 *                flow_step(&cfg, st, ops, tables, &event, &orders, &e);
 *            store_commit(tables);                                 // the one fsync
 *            for every order: give it to its door;                 // never before the commit
 *            flow_orders_reset(&orders);
 *            flow_next_due(st, ops, tables, &due, &e);   // sleep until then, then FLOW_EV_TIMER
 *
 * The first event of a life is FLOW_EV_START. Everything in `struct flow_state` can be made again from the rows and what doors report:
 * after START routes count as down, signers as unavailable and disk as low until an event says otherwise (FLOW_EV_LINK_UP,
 * FLOW_EV_SIGNER, FLOW_EV_DISK).
 *
 * Ownership: the caller owns state, orders, rows and the event; pointers inside an event need to live for the call only. Orders hold no
 * pointers except into the rows copied into them.
 *
 * Failure: flow_step() returns a negative code only when the rows cannot be read or written (or memory is out). The caller must then roll
 * the transaction back, throw the state away and start again with FLOW_EV_START: a half-done step is never to be committed. A report that
 * fits nothing (late, doubled, of an order that was forgotten) is no failure: it returns 0 and changes nothing.
 *
 * Orders and reports: every order that expects one report carries a `token`; its report carries the same token. A report with a token
 * that is no longer known is ignored. Orders to workers and to the sign door are pure and are given again after a loss; FLOW_DO_SUBMIT is
 * given once in the life of an exchange.
 */
#ifndef FLOW_FLOW_H
#define FLOW_FLOW_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include "base/crypt.h"
#include "base/err.h"
#include "base/messages.h"

/* ---- sizes of the texts in rows, with their NUL ---- */
enum {
    FLOW_CODE = 11,         /* institution code, 10 digits */
    FLOW_SOURCE = 64,       /* name of a source in the configuration */
    FLOW_ROUTE = 32,        /* name of a route in the configuration */
    FLOW_SIGNER = 64,       /* name of a signer in the configuration */
    FLOW_NAME = 256,        /* name of a file: any bytes but '/' and NUL */
    FLOW_REQUEST_ID = 129,  /* request_id of the vendor */
    FLOW_UNIT = 224,        /* canonical text of a unit, see flow_unit_text() */
    FLOW_CHART = 65,        /* chart number of a patient */
    FLOW_KEY = 129,         /* unit.key of the vendor */
    FLOW_BUNDLE_ID = 65,    /* institution^year^id, at most 52 */
    FLOW_INSURED = 65,      /* 被保険者個人識別子 */
    FLOW_IDENTIFIER = 65,   /* ArbitraryFileIdentifier: a uuid */
    FLOW_SUFFIX = 33,       /* the name of an exchange: 12-32 of [A-Za-z0-9], file name suffix at the terminal */
    FLOW_RESULT = 33,       /* result or error code of the service */
    FLOW_RECEIPT = 65,      /* ReceptionNumber */
    FLOW_REASON = 8,        /* "CG-8101": stable code of a message, "" = none */
    FLOW_ACTOR = 64,        /* who did it: "", "operator:root", ... */
    FLOW_ROUTES_MAX = 16,
    FLOW_FACILITIES_MAX = 8,
    FLOW_SOURCES_MAX = 64,
    FLOW_SIGNERS_MAX = 16,
    FLOW_JOBS_MAX = 160,    /* pure orders out at once, all kinds */
    FLOW_SESSIONS_MAX = 20
};

/* ---- words ---- */

enum flow_operation {
    FLOW_OP_NONE,           /* the one rejected message of a file that yielded none */
    FLOW_OP_REGISTER,
    FLOW_OP_CHANGE,
    FLOW_OP_CANCEL,
    FLOW_OP_CURRENT,        /* becomes register or change when its turn comes */
    FLOW_OP_CLEAR           /* asked only: `current` with an empty list; settled as a cancel of what is live */
};

enum flow_kind {            /* what the Bundle is; decides how an unknown register may be settled */
    FLOW_KIND_NONE,
    FLOW_KIND_LETTER,       /* 診療情報提供書: a status inquiry exists */
    FLOW_KIND_SUMMARY,      /* 患者サマリー: neither inquiry nor probe */
    FLOW_KIND_CONDITION,    /* 傷病名: a list, one unit a chart number */
    FLOW_KIND_ALLERGY,      /* アレルギー・薬剤禁忌: a list, one unit a chart number */
    FLOW_KIND_OBSERVATION,  /* 検査, 感染症: one unit a report */
    FLOW_KIND_COUNT
};

enum flow_request_state { FLOW_RQ_NONE, FLOW_RQ_RECEIVED, FLOW_RQ_OPEN, FLOW_RQ_CLOSED, FLOW_RQ_ANSWERED, FLOW_RQ_STATES };

/* What a request waits for inside its state. The steps of `received` come in this order. */
enum flow_request_step {
    FLOW_RS_NONE,           /* open: its messages go their way; answered */
    FLOW_RS_LOOK,           /* received: to be looked at by a worker */
    FLOW_RS_ATTACH,         /* received: named attachments are still missing */
    FLOW_RS_TURN,           /* received: an earlier request of the facility must be looked at, or opened, first */
    FLOW_RS_CONVERT,        /* received: units settled, to be converted */
    FLOW_RS_HELD,           /* received: found in .work/ after a restore, waits for a person (retry or drop) */
    FLOW_RS_COMPOSE,        /* open: every message final, outcome text to be made */
    FLOW_RS_HAND_BACK,      /* closed: outcome to be written, original to be filed away */
    FLOW_RS_COUNT
};

enum flow_message_state {
    FLOW_MS_NONE,
    FLOW_MS_TO_SIGN, FLOW_MS_READY, FLOW_MS_SENDING, FLOW_MS_SENT, FLOW_MS_PENDING, FLOW_MS_UNKNOWN,   /* open */
    FLOW_MS_DONE, FLOW_MS_REFUSED, FLOW_MS_REJECTED, FLOW_MS_WITHDRAWN,                                /* final */
    FLOW_MS_STATES
};

enum flow_evidence {
    FLOW_EVIDENCE_NONE,
    FLOW_EVIDENCE_ANSWER,   /* own answer of a submit or its poll (or of the cancel that settled it) */
    FLOW_EVIDENCE_INQUIRY,
    FLOW_EVIDENCE_PROBE,
    FLOW_EVIDENCE_PERSON,
    FLOW_EVIDENCE_UNSENT    /* a cancel that had nothing to take back: nothing of its Bundle-ID ever left the house */
};

enum flow_exchange_kind { FLOW_XK_SUBMIT, FLOW_XK_POLL, FLOW_XK_INQUIRE, FLOW_XK_PROBE };

enum flow_exchange_state {
    FLOW_XS_NONE,
    FLOW_XS_INTENT,         /* committed; FLOW_DO_SUBMIT is given after that commit */
    FLOW_XS_LOOKING,        /* terminal: it is not known whether it left; the folder must be looked at (crash, door lost, failed rename) */
    FLOW_XS_PUBLISHED,      /* terminal: the request is in req/ */
    FLOW_XS_LEFT,           /* terminal: gone from req/, answer awaited */
    FLOW_XS_ENDED,          /* nobody waits for it any more (time-out, connection ended, 処理中); a late answer is still welcome */
    FLOW_XS_ANSWERED,       /* answer bytes stored, to be read by a worker */
    FLOW_XS_CLOSED,         /* read with a verdict, or shown not to have left */
    FLOW_XS_STATES
};

enum flow_class {           /* of an answer, as the interface profile classes its codes */
    FLOW_CLASS_NONE,
    FLOW_CLASS_SUCCESS,
    FLOW_CLASS_FINAL,       /* refused */
    FLOW_CLASS_NOT_DONE_RETRY,
    FLOW_CLASS_PENDING,     /* 処理中 */
    FLOW_CLASS_UNKNOWN,
    FLOW_CLASS_COUNT
};

enum flow_link { FLOW_LINK_TERMINAL, FLOW_LINK_WEBAPI };
enum flow_policy { FLOW_POLICY_NEVER, FLOW_POLICY_PREFER, FLOW_POLICY_REQUIRE };
enum flow_origin { FLOW_ORIGIN_VENDOR, FLOW_ORIGIN_OPERATOR, FLOW_ORIGIN_SERVICE };
enum flow_signature { FLOW_SIGNATURE_NONE, FLOW_SIGNATURE_WANTED, FLOW_SIGNATURE_PRESENT /* ready Bundle that came signed: to be verified */ };

bool flow_message_final(enum flow_message_state state);
struct flow_message;
/* The code that tells a person why it is where it is: the row's own, or, of one that is ready while sending is paused, that it waits for that. "" = none. */
const char *flow_message_reason(const struct flow_message *m, bool paused);
const char *flow_operation_name(enum flow_operation op);          /* "register", "change", "cancel", "current", "clear", "" */
const char *flow_kind_name(enum flow_kind kind);                  /* "letter", "summary", "condition", "allergy", "observation", "" */
const char *flow_request_state_name(enum flow_request_state s);   /* "received", ... */
const char *flow_message_state_name(enum flow_message_state s);   /* "to_sign", ... */
const char *flow_exchange_state_name(enum flow_exchange_state s);
const char *flow_exchange_kind_name(enum flow_exchange_kind k);   /* "submit", "poll", "inquire", "probe" */
const char *flow_evidence_name(enum flow_evidence v);
const char *flow_class_name(enum flow_class c);

/* ---- rows ----
 * Plain structs; every text ends with NUL and the bytes behind it are 0, absent = "" or 0 (a digest of 32 zero bytes = absent).
 * `id` 0 = not yet stored; ids rise in order of insertion and are the order of receipt. `version` counts the puts of the row.
 * Times: `..._wall_ms` wall clock, UTC, for people; `due_ms` boot clock, 0 = no timer, cleared and set anew by START. */

/* One vendor file, one operator's order, or one unasked result of the service (a notice: no units, no messages; it only is told). */
struct flow_request {
    int64_t id, version;
    enum flow_request_state state;
    enum flow_request_step step;
    enum flow_origin origin;
    char source[FLOW_SOURCE];            /* where its outcome goes; a notice: "" until it is read, and for ever when it is told to nobody */
    char facility[FLOW_CODE];            /* as source */
    char name[FLOW_NAME];                /* the vendor's file name; operator's order: that of the file it is about; a notice: that on the share */
    char work_name[FLOW_NAME];           /* name below .work/, "" for an operator's order and a notice */
    char actor[FLOW_ACTOR];              /* operator's order: who; a notice: "link:ROUTE" */
    int64_t mtime_ns;                    /* of the file as claimed */
    int64_t received_wall_ms;            /* claimed */
    int64_t since_wall_ms;               /* in this state since */
    int64_t due_ms;                      /* boot clock: end of the attachment wait */
    struct sha256 original;              /* payload: its bytes; operator's retry: those of the request it is about */
    struct sha256 content;               /* over original and attachments, absent until all are there */
    struct sha256 report;                /* payload: issues and echoed members as the workers wrote them (look, then convert); a notice: what it says */
    struct sha256 outcome;               /* payload: the outcome file, from `closed` on */
    char request_id[FLOW_REQUEST_ID];    /* "" = none; a notice: SHA-256 of its name and bytes as hex, by which the same one is known again */
    bool all_or_none;
    int64_t about_request;               /* operator's order: the request that it is about; a notice: that of its document, where it is ours; else 0 */
    int64_t repeat_of;                   /* request whose outcome this one repeats, else 0; then it has no messages */
    int32_t open_units;                  /* units whose message (own or repeated) is not final; 0 = outcome may be made */
    int32_t deaths;                      /* workers that died on it; two = rejected */
    bool outcome_written, filed;         /* hand-back facts, in `closed` */
    char reason[FLOW_REASON];            /* why it was rejected as a whole, or what it waits for */
};

/* A named attachment of a request. */
struct flow_attachment {
    int64_t id, version;
    int64_t request;
    char name[FLOW_NAME];
    char work_name[FLOW_NAME];           /* "" until claimed */
    struct sha256 payload;               /* absent until claimed */
};

/* One unit of a request: what the vendor asked, and what it was settled to. */
struct flow_unit {
    int64_t id, version;
    int64_t request;
    int32_t index;                       /* place in the request, from 0 */
    char source[FLOW_SOURCE], facility[FLOW_CODE];   /* as the request's, for the indexes */
    enum flow_operation asked;
    enum flow_operation settled;         /* FLOW_OP_NONE until settled */
    enum flow_kind kind;
    char unit[FLOW_UNIT];                /* canonical text */
    char list_key[FLOW_UNIT];            /* lists: (chart number, kind), else "" */
    char bundle_id[FLOW_BUNDLE_ID];      /* as named by the vendor, or as settled */
    char insured[FLOW_INSURED];          /* that a cancel's own request names, "" = none */
    bool waiting;                        /* its request is still `received`: later requests of the unit wait */
    int64_t message;                     /* own message, or that of an earlier request (repeat), 0 = none yet */
    bool repeats;                        /* `message` belongs to an earlier request */
    char reason[FLOW_REASON];            /* rejected when it was settled: why (its message says so too, once open) */
};

/* One Bundle, one operation, one facility. */
struct flow_message {
    int64_t id, version;
    int64_t request;
    int32_t index;                       /* of its unit in the request; -1 = the request as a whole was rejected */
    char uuid[UUID_TEXT];                /* durable identity for the signer's ledger */
    char source[FLOW_SOURCE], facility[FLOW_CODE];
    enum flow_message_state state;
    enum flow_operation operation;       /* CURRENT until its turn comes */
    enum flow_kind kind;
    char unit[FLOW_UNIT], list_key[FLOW_UNIT];
    char bundle_id[FLOW_BUNDLE_ID];
    char insured[FLOW_INSURED];          /* inside its Bundle; a cancel: named by its request, may be "" */
    int64_t received_wall_ms, since_wall_ms;
    int64_t due_ms;                      /* boot clock: ready: not before; sent, sending: answer time; pending: next poll; unknown: next act */
    int64_t deadline_ms;                 /* boot clock, no index: pending: end of the profile's time */

    struct sha256 bundle;                /* payload B, as validated and approved */
    struct sha256 source_map;            /* payload */
    struct sha256 issues;                /* payload: findings about it, absent = none */
    struct sha256 findings;              /* payload: the service's findings from its last answer, mapped to the vendor's file */
    struct sha256 signed_bundle;         /* payload, absent = unsigned; replaced when it is signed again */
    enum flow_signature signature;       /* what was wanted of it */
    char signer[FLOW_SIGNER];
    int64_t signed_wall_ms;              /* signing time */
    int64_t certificate_end_wall_ms;     /* of the signer's certificate, 0 = not known */
    uint64_t size;                       /* of B in bytes */

    bool all_or_none;                    /* as its request's */
    bool turn;                           /* ready: every earlier message of its key is final and quiet; pending, unknown: its next poll, inquiry, probe or repeat is due */
    bool blocks;                         /* later messages of its key wait: not final, or loud */
    int32_t loud;                        /* submits and probes of it that can still take effect */
    int32_t attempts;                    /* attempts ever made; 0 = nothing left the house */
    int32_t submits;                     /* submit exchanges of the last attempt; > 1 = it was repeated */
    int32_t failures;                    /* tries in a row without progress: back-off */
    int32_t deaths;                      /* workers that died on it; two = rejected */
    bool held;                           /* unknown: nothing is done by itself until a person speaks (refused repeat, restore, no way known) */
    bool unsigned_ok;                    /* policy `prefer`: goes unsigned after its age */
    char reason[FLOW_REASON];            /* to_sign: what it waits for; rejected: why; unknown: next step */
    char result_code[FLOW_RESULT];       /* last code of the service */

    enum flow_evidence evidence;         /* of done (and of a withdrawal or refusal that somebody vouched for) */
    int64_t evidence_exchange;           /* the exchange that said so, 0 with PERSON and UNSENT */
    int64_t stands_attempt;              /* done register or change: the attempt whose payload the service holds */
    bool may_have_stood;                 /* withdrawn by its cancel although it may have been there for a time */
};

/* One try to have the service do it, on one link. */
struct flow_attempt {
    int64_t id, version;
    int64_t message;
    int32_t number;                      /* 1, 2, ... of the message */
    char facility[FLOW_CODE], route[FLOW_ROUTE];
    enum flow_link link;
    enum flow_operation operation;       /* REGISTER, CHANGE or CANCEL */
    bool open;                           /* at most one a message */
    bool left;                           /* it may have reached the service; false only when every submit was shown not to have left */
    struct sha256 bundle;                /* payload sent: signed or unsigned bytes, absent for a cancel */
    char key_insured[FLOW_INSURED];      /* key fields of change and cancel */
    char receipt[FLOW_RECEIPT];          /* of a 処理中 answer, "" = none */
    int64_t receipt_exchange;            /* the submit that it belongs to */
    int64_t begun_wall_ms, ended_wall_ms;
};

/* One thing said to the service. */
struct flow_exchange {
    int64_t id, version;
    int64_t message, attempt;
    int64_t of;                          /* poll: the exchange it asks about, else 0 */
    enum flow_exchange_kind kind;
    enum flow_exchange_state state;
    char facility[FLOW_CODE], route[FLOW_ROUTE];
    char bundle_id[FLOW_BUNDLE_ID];
    char name[FLOW_SUFFIX];              /* unique for ever */
    char identifier[FLOW_IDENTIFIER];
    struct sha256 request;               /* payload: the request bytes */
    struct sha256 answer;                /* payload: the first answer bytes */
    bool repeat;                         /* a further submit of the same attempt */
    bool began_settled;                  /* when it began no submit or probe of the Bundle-ID could still take effect */
    bool began_cancel;                   /* when it began a cancel of the Bundle-ID was open (inquiries and probes) */
    bool loud;                           /* submit, probe: can still take effect */
    bool gone;                           /* left req/, or its connection ended: the settle time runs */
    bool removable;                      /* its answer lies in res/ and may be removed (verdict committed) */
    int64_t due_ms;                      /* boot clock: settled then; 0 = not running */
    int32_t deaths;                      /* workers that died reading its answer */
    enum flow_class answer_class;
    bool absent, already_there;
    char result_code[FLOW_RESULT];
    int64_t begun_wall_ms, left_wall_ms, answered_wall_ms;
};

/* A fact that contradicts a final state. Changes no state. */
struct flow_incident {
    int64_t id, version;
    int64_t message, exchange;
    enum flow_class answer_class;
    bool open;
    char reason[FLOW_REASON];
    int64_t since_wall_ms;
};

/* Why a row was written: the store makes the line of the event chain from it and from the row. */
struct flow_cause {
    int event;                           /* enum flow_event_type of the event in hand */
    enum msg_id msg;                     /* MSG_NONE = the change of state says it all */
    const char *actor;                   /* "" = the gateway itself; borrowed for the call */
    int64_t wall_ms;                     /* of the event */
};

enum flow_counter {                      /* durable numbers, 0 when never set */
    FLOW_COUNTER_NAME,                   /* last request name given, or set aside to be given by this life */
    FLOW_COUNTER_PAUSED,                 /* 1 = sending is paused by an operator */
    FLOW_COUNTER_RESTORED,               /* how often --after-restore ran */
    FLOW_COUNTER_LAST_WALL,              /* last wall time that was believed, at most an hour old while running */
    FLOW_COUNTERS
};

enum flow_subject { FLOW_SUBJECT_NONE, FLOW_SUBJECT_REQUEST, FLOW_SUBJECT_MESSAGE, FLOW_SUBJECT_EXCHANGE };

/*
 * The rows, as flow sees them. Everything runs inside the caller's open transaction and sees its own writes.
 *
 * get: 0, or ERR_NOTFOUND. put: id 0 inserts (fills id, version = 1); else replaces the row whose version is row->version, and raises it in
 * *row; ERR_NOT_NOW when another version is stored. Every put writes one event line.
 * Queries return 1 and the row, 0 when there is none, or a negative code. "next ... after" = the row with the smallest id > after.
 * Each needs an index (named in brackets; partial where it says so): with 100,000 messages waiting none may scan.
 */
struct flow_tables_ops {
    int (*request_get)(void *t, int64_t id, struct flow_request *ret_row, struct err *e);
    int (*request_put)(void *t, struct flow_request *row, const struct flow_cause *cause, struct err *e);
    int (*attachment_put)(void *t, struct flow_attachment *row, const struct flow_cause *cause, struct err *e);
    int (*unit_put)(void *t, struct flow_unit *row, const struct flow_cause *cause, struct err *e);
    int (*message_get)(void *t, int64_t id, struct flow_message *ret_row, struct err *e);
    int (*message_put)(void *t, struct flow_message *row, const struct flow_cause *cause, struct err *e);
    int (*attempt_get)(void *t, int64_t id, struct flow_attempt *ret_row, struct err *e);
    int (*attempt_put)(void *t, struct flow_attempt *row, const struct flow_cause *cause, struct err *e);
    int (*exchange_get)(void *t, int64_t id, struct flow_exchange *ret_row, struct err *e);
    int (*exchange_put)(void *t, struct flow_exchange *row, const struct flow_cause *cause, struct err *e);
    int (*incident_get)(void *t, int64_t id, struct flow_incident *ret_row, struct err *e);
    int (*incident_put)(void *t, struct flow_incident *row, const struct flow_cause *cause, struct err *e);

    /* requests */
    int (*request_next)(void *t, enum flow_request_state state, enum flow_request_step step, int64_t after, struct flow_request *ret_row, struct err *e); /* [state, step, id] where not answered */
    int (*request_next_of_facility)(void *t, const char *facility, enum flow_request_step step, int64_t after, struct flow_request *ret_row, struct err *e); /* state received; [facility, step, id] where received */
    int (*request_by_work_name)(void *t, const char *source, const char *work_name, struct flow_request *ret_row, struct err *e); /* newest not answered; [source, work_name] */
    /* largest id < before, vendor origin, repeat_of 0; [source, request_id, id] where request_id <> '' */
    int (*request_by_request_id)(void *t, const char *source, const char *request_id, int64_t before, struct flow_request *ret_row, struct err *e);
    int (*request_by_notice)(void *t, const char *request_id, struct flow_request *ret_row, struct err *e); /* origin service; [request_id] where request_id <> '' */
    int (*request_oldest)(void *t, enum flow_request_state state, struct flow_request *ret_row, struct err *e); /* smallest since_wall_ms; [state, since_wall_ms] where not answered */
    /* attachments */
    int (*attachment_next_of_request)(void *t, int64_t request, int64_t after, struct flow_attachment *ret_row, struct err *e); /* [request, id] */
    /* units */
    int (*unit_next_of_request)(void *t, int64_t request, int64_t after, struct flow_unit *ret_row, struct err *e); /* by id, which is the order of index; [request, id] */
    /* waiting, unit equal, request < before_request; [facility, unit, request] where waiting */
    int (*unit_first_waiting)(void *t, const char *facility, const char *unit, int64_t before_request, struct flow_unit *ret_row, struct err *e);
    /* same by Bundle-ID; [facility, bundle_id, request] where waiting and bundle_id <> '' */
    int (*unit_first_waiting_bundle)(void *t, const char *facility, const char *bundle_id, int64_t before_request, struct flow_unit *ret_row, struct err *e);
    int (*unit_last)(void *t, const char *source, const char *unit, int64_t before_request, struct flow_unit *ret_row, struct err *e); /* largest request < before_request; [source, unit, request] */
    int (*unit_next_repeating)(void *t, int64_t message, int64_t after, struct flow_unit *ret_row, struct err *e); /* repeats and message equal; [message, id] where repeats */
    /* messages */
    int (*message_next_of_request)(void *t, int64_t request, int64_t after, struct flow_message *ret_row, struct err *e); /* [request, id] */
    int (*message_next_of_bundle)(void *t, const char *facility, const char *bundle_id, int64_t after, struct flow_message *ret_row, struct err *e); /* [facility, bundle_id, id] where bundle_id <> '' */
    int (*message_live_of_unit)(void *t, const char *facility, const char *unit, struct flow_message *ret_row, struct err *e); /* largest id, state not rejected, refused, withdrawn; [facility, unit, id] where so */
    int (*message_last_done)(void *t, const char *facility, const char *bundle_id, struct flow_message *ret_row, struct err *e); /* largest id, state done; [facility, bundle_id, id] where done */
    int (*message_next_blocking)(void *t, const char *facility, const char *bundle_id, int64_t after, struct flow_message *ret_row, struct err *e); /* blocks; [facility, bundle_id, id] where blocks */
    int (*message_next_blocking_list)(void *t, const char *facility, const char *list_key, int64_t after, struct flow_message *ret_row, struct err *e); /* blocks; [facility, list_key, id] where blocks and list_key <> '' */
    /* turn and due_ms = 0, state ready, pending or unknown; [facility, state, id] where turn and due_ms = 0 */
    int (*message_next_sendable)(void *t, const char *facility, enum flow_message_state state, int64_t after, struct flow_message *ret_row, struct err *e);
    int (*message_next_to_sign)(void *t, const char *signer, int64_t after, struct flow_message *ret_row, struct err *e); /* state to_sign, signer equal ("" too); [signer, id] where to_sign */
    int (*message_oldest)(void *t, const char *facility, enum flow_message_state state, struct flow_message *ret_row, struct err *e); /* smallest since_wall_ms; [facility, state, since_wall_ms] where open */
    int (*message_next_in_state)(void *t, enum flow_message_state state, int64_t after, struct flow_message *ret_row, struct err *e); /* [state, id] where open */
    /* attempts */
    int (*attempt_last)(void *t, int64_t message, struct flow_attempt *ret_row, struct err *e); /* largest number; [message, number] */
    int (*attempt_next_of_message)(void *t, int64_t message, int64_t after, struct flow_attempt *ret_row, struct err *e); /* [message, id] */
    /* exchanges */
    int (*exchange_next)(void *t, const char *route, enum flow_exchange_state state, int64_t after, struct flow_exchange *ret_row, struct err *e); /* route NULL = any; never asked for CLOSED; [state, route, id] where not closed */
    int (*exchange_next_settling)(void *t, const char *route, int64_t after, struct flow_exchange *ret_row, struct err *e); /* loud (gone or not); route NULL = any; [route, id] where loud */
    int (*exchange_by_name)(void *t, const char *name, struct flow_exchange *ret_row, struct err *e); /* [name] unique */
    int (*exchange_next_of_message)(void *t, int64_t message, int64_t after, struct flow_exchange *ret_row, struct err *e); /* [message, id] */
    int (*exchange_next_loud)(void *t, const char *facility, const char *bundle_id, int64_t after, struct flow_exchange *ret_row, struct err *e); /* loud; [facility, bundle_id, id] where loud */
    /* incidents */
    int (*incident_next_open)(void *t, int64_t after, struct flow_incident *ret_row, struct err *e); /* [id] where open */
    /* timers: due_ms of requests, messages and exchanges; [due_ms] where due_ms > 0 on each */
    int (*timer_next)(void *t, int64_t *ret_due_ms, struct err *e);   /* the smallest due_ms of all */
    int (*timer_due)(void *t, int64_t now_ms, enum flow_subject *ret_subject, int64_t *ret_id, struct err *e); /* any row with 0 < due_ms <= now_ms, the smallest first */
    /* counters */
    int (*counter_get)(void *t, enum flow_counter counter, int64_t *ret_value, struct err *e);   /* 0, *ret_value = 0 when never set */
    int (*counter_set)(void *t, enum flow_counter counter, int64_t value, const struct flow_cause *cause, struct err *e);
};

/* ---- configuration, as flow needs it ---- */

struct flow_route_config {
    char id[FLOW_ROUTE];
    enum flow_link link;
    int32_t sessions;                    /* 1..FLOW_SESSIONS_MAX exchanges at once */
    int64_t settle_ms;                   /* assumption A: nothing takes effect later than this */
    int64_t answer_ms;                   /* sent -> unknown */
    int64_t poll_ms, poll_max_ms;        /* first and longest pause between polls */
    int64_t pending_ms;                  /* pending -> unknown */
    int64_t retry_ms, retry_max_ms;      /* back-off after not_done_retry and failures to leave */
    int64_t inquire_ms;                  /* unknown letter: first inquiry after this */
    bool inquire_letter;                 /* the profile has the status inquiry */
    bool probe_by_change;                /* the profile allows the probe; ships off */
    uint64_t max_request_bytes;          /* of the finished request */
};

struct flow_facility_config {
    char code[FLOW_CODE];                /* its name everywhere */
    char institution[FLOW_CODE];         /* the code that new Bundle-IDs carry (the second code, once it is in force) */
    char route[FLOW_ROUTE];              /* of new attempts */
    enum flow_policy policy;
    int64_t prefer_age_ms;               /* FLOW_POLICY_PREFER: unsigned after this */
    int64_t max_signature_age_ms;        /* 0 = no limit */
};

struct flow_source_config {
    char id[FLOW_SOURCE]; char facility[FLOW_CODE];
    int64_t attachment_wait_ms;          /* how long a request waits for an attachment that it names */
};

struct flow_config {
    struct flow_facility_config facility[FLOW_FACILITIES_MAX];
    size_t facility_count;
    struct flow_route_config route[FLOW_ROUTES_MAX];
    size_t route_count;
    struct flow_source_config source[FLOW_SOURCES_MAX];
    size_t source_count;
    int64_t clock_earliest_ms;           /* no wall clock is right before; 0 = not known */
    char name_tag[9];                    /* 2-8 of [A-Za-z0-9]: begins every exchange name, differs between gateways on one share */
    int32_t claims_max;                  /* requests in `received` at the steps look, turn, convert before claiming stops */
    int32_t worker_jobs;                 /* orders to the workers at once */
    int32_t sign_jobs;                   /* orders to one signer at once */
    int64_t request_age_ms[FLOW_RQ_STATES];   /* alarm ages; 0 = default of flow_config_defaults() */
    int64_t message_age_ms[FLOW_MS_STATES];
};

/* Fills everything that has a default (times generous, probe off). */
void flow_config_defaults(struct flow_config *cfg);

/* ---- events ---- */

enum flow_event_type {
    FLOW_EV_NONE,
    FLOW_EV_START,            /* first of a life */
    FLOW_EV_TIMER,            /* flow_next_due() has come */
    /* spool */
    FLOW_EV_OFFERED,          /* complete names in in/, sorted by (mtime, name); u.offered, one event a name */
    FLOW_EV_CLAIMED,          /* renamed, read, payload put; also at start for a name in .work/ without a row; u.claimed */
    FLOW_EV_CLAIM_FAILED,     /* it is gone, somebody else took it; u.claimed (token, source) */
    FLOW_EV_SPOOL_UP,         /* the door of this source is there (again): claims that were out are forgotten (what they renamed comes as CLAIMED, token 0), hand-backs and attachment orders are given again; u.source */
    FLOW_EV_ATTACHMENT,       /* answer to CLAIM_ATTACHMENT, or the file came later; u.attachment */
    FLOW_EV_OUTCOME_WRITTEN,  /* u.subject: request */
    FLOW_EV_FILED,            /* u.subject: request */
    FLOW_EV_HANDED_BACK,      /* both at once; u.subject: request */
    FLOW_EV_HAND_BACK_FAILED, /* share down or full: is tried again; u.subject: request */
    /* workers */
    FLOW_EV_LOOKED,           /* u.looked */
    FLOW_EV_CONVERTED,        /* u.converted */
    FLOW_EV_CHECKED,          /* u.checked */
    FLOW_EV_BUILT,            /* u.built */
    FLOW_EV_ANSWER_READ,      /* u.read */
    FLOW_EV_WORKER_LOST,      /* the worker died on this order; u.subject: token. One event an order that it held */
    FLOW_EV_COMPOSED,         /* outcome text made by the desk, payload put; u.composed */
    /* sign door */
    FLOW_EV_SIGNER,           /* a signer can or cannot sign; u.signer */
    FLOW_EV_SIGNED,           /* u.signed_bundle; payload put by the desk in the turn of CHECKED, or now */
    FLOW_EV_SIGN_FAILED,      /* u.sign_failed */
    FLOW_EV_SIGN_LOST,        /* the sign door died on this order; u.subject: token */
    /* link doors */
    FLOW_EV_LINK_UP,          /* route usable: share there with its marker, logged in; u.link */
    FLOW_EV_LINK_DOWN,        /* share lost, cannot log in, door restarting; u.link */
    FLOW_EV_DOOR_LOST,        /* the link door died (after waitpid): u.link. What was INTENT is looked at or becomes unknown */
    FLOW_EV_PUBLISHED,        /* terminal: rename done; Web API: may be left out; u.exchange */
    FLOW_EV_NOT_LEFT,         /* shown not to have left: resolve, connect, TLS error, 0 body bytes, own temporary file unlinked, name taken; u.exchange */
    FLOW_EV_UNSURE,           /* terminal: a failed rename shows nothing; u.exchange */
    FLOW_EV_LEFT_REQ,         /* terminal: gone from req/; u.exchange */
    FLOW_EV_CONNECTION_ENDED, /* Web API: over without a readable answer, after body bytes were handed over; u.exchange */
    FLOW_EV_ANSWER,           /* answer bytes (terminal: after two equal reads; also found by a sweep), payload put; u.answer */
    FLOW_EV_FOLDER,           /* answer to LOOK_FOLDER; u.folder */
    FLOW_EV_STRAY,            /* an answer-like file that fits no name of ours: kept and left alone; no member */
    /* the house */
    FLOW_EV_DISK,             /* u.disk */
    FLOW_EV_CLOCK,            /* u.clock: the desk has looked at the clocks: once an hour, and as long as they are not sane */
    /* operator */
    FLOW_EV_RETRY,            /* u.operate: message, or request */
    FLOW_EV_CANCEL,           /* u.operate: message */
    FLOW_EV_RESOLVE,          /* u.operate: message, done */
    FLOW_EV_RELEASE,          /* u.operate: request held in .work/ after a restore: go on (done = true) or reject it */
    FLOW_EV_ACKNOWLEDGE,      /* u.operate: incident */
    FLOW_EV_PAUSE,            /* u.operate (actor) */
    FLOW_EV_RESUME,           /* u.operate (actor) */
    FLOW_EV_BELIEVE_CLOCK,    /* u.operate (actor): the wall clock is right, whatever the last time says */
    FLOW_EV_AFTER_RESTORE,    /* u.operate (actor); before or in place of START work: gateway otherwise idle */
    FLOW_EV_RELOADED,         /* configuration changed: cfg is the new one from this call on */
    /* later ones: the numbers are on disk */
    FLOW_EV_NOTICE,           /* an unasked result (CIS-IF-119) lies in the answer folder, payload put; told again after every start of its door; u.notice */
    FLOW_EV_NOTICE_READ,      /* answer to READ_NOTICE; u.notice_read */
    FLOW_EV_TYPES
};

/* What look saw of one unit. */
struct flow_unit_looked {
    enum flow_operation operation;       /* REGISTER, CHANGE, CANCEL, CURRENT, CLEAR */
    enum flow_kind kind;
    char key[FLOW_KEY];                  /* unit.key, "" = none */
    char chart[FLOW_CHART];              /* chart number, for the lists */
    char bundle_id[FLOW_BUNDLE_ID];      /* named by the vendor or inside a ready Bundle, "" = none */
    char insured[FLOW_INSURED];          /* named in the request, for a cancel of what we do not hold */
};

/* What convert made of one unit. */
struct flow_unit_converted {
    int32_t index;                       /* of the unit */
    enum msg_id reject;                  /* MSG_NONE = passed; else why not (the worst finding) */
    struct sha256 bundle, source_map, issues;   /* payloads, put by the desk; issues absent = none */
    char insured[FLOW_INSURED];
    enum flow_signature signature;       /* WANTED is lowered to NONE by policy `never` */
    char signer[FLOW_SIGNER];            /* "" with NONE */
    uint64_t size;                       /* of the Bundle */
};

enum flow_folder { FLOW_FOLDER_REQUEST, FLOW_FOLDER_ANSWER, FLOW_FOLDER_TEMP /* only our temporary file, now unlinked */, FLOW_FOLDER_NEITHER };
enum flow_signer_state { FLOW_SIGNER_READY, FLOW_SIGNER_NO_CARD, FLOW_SIGNER_PIN, FLOW_SIGNER_LOCKED, FLOW_SIGNER_EXPIRED, FLOW_SIGNER_DOWN };
enum flow_clock { FLOW_CLOCK_SANE, FLOW_CLOCK_STEPPED /* no new Bundle-ID or signature */, FLOW_CLOCK_WRONG /* nothing is converted, signed, sent */ };
enum flow_disk { FLOW_DISK_OK, FLOW_DISK_LOW1 /* intake stops */, FLOW_DISK_LOW2 /* sending stops too */ };

struct flow_event {
    enum flow_event_type type;
    int64_t wall_ms, boot_ms;            /* drawn by the desk for this call */
    unsigned char seed[32];              /* random, fresh for each call: uuids, Bundle-IDs, jitter */
    union {
        struct { char source[FLOW_SOURCE]; } source;
        struct { char source[FLOW_SOURCE], name[FLOW_NAME]; int64_t mtime_ns; uint64_t size; } offered;
        struct {
            int64_t token;               /* of CLAIM; 0 = found in .work/ at start */
            char source[FLOW_SOURCE], name[FLOW_NAME], work_name[FLOW_NAME];
            int64_t mtime_ns;
            struct sha256 original;      /* absent when the thing cannot be read */
            enum msg_id problem;         /* MSG_NONE, or why it cannot be read (symlink, too large, hard link, ...) */
        } claimed;
        struct { int64_t request; char name[FLOW_NAME], work_name[FLOW_NAME]; struct sha256 payload; enum msg_id problem; bool there; } attachment; /* there = false: not (yet) there */
        struct { int64_t token, id; } subject;
        struct {
            int64_t token;
            enum msg_id reject;          /* MSG_NONE, or why it is no request at all */
            struct sha256 report;        /* payload, absent = nothing to say */
            char request_id[FLOW_REQUEST_ID];
            bool all_or_none;
            bool incomplete;             /* a unit is a ready Bundle in an attachment: looked at again when the attachments are there */
            const struct flow_unit_looked *units; size_t unit_count;
            const char (*attachments)[FLOW_NAME]; size_t attachment_count;
        } looked;
        struct { int64_t token; enum msg_id reject; struct sha256 report; const struct flow_unit_converted *units; size_t unit_count; } converted; /* reject: the whole */
        struct { int64_t token; enum msg_id reject; struct sha256 issues; int64_t signed_wall_ms, certificate_end_wall_ms; } checked;
        struct { int64_t token; enum msg_id reject; struct sha256 request; uint64_t size; } built;
        struct {
            int64_t token;
            bool fits;                   /* identifier echoed, institution echoed or absent, readable */
            enum flow_class answer_class;
            bool business;               /* the verdict is of the business level, not of the envelope or HTTP */
            bool absent, already_there;
            bool there;                  /* inquiry: the document stands */
            char receipt[FLOW_RECEIPT], code[FLOW_RESULT];
            struct sha256 findings;      /* payload, absent = none */
            enum msg_id msg;             /* sentence for the code, MSG_NONE = none */
        } read;
        struct { int64_t token; struct sha256 outcome; } composed;
        struct { char signer[FLOW_SIGNER]; enum flow_signer_state state; } signer;
        struct { int64_t token; struct sha256 signed_bundle; int64_t signed_wall_ms, certificate_end_wall_ms; } signed_bundle;
        struct { int64_t token; enum flow_signer_state state; enum msg_id reject; } sign_failed; /* state READY and reject set = this document never; else the signer waits */
        struct { char route[FLOW_ROUTE]; enum msg_id why; } link;
        struct { int64_t exchange; enum msg_id why; int64_t retry_after_ms; } exchange;
        struct { int64_t exchange; char name[FLOW_SUFFIX]; struct sha256 answer; } answer;   /* exchange 0 = found by a sweep: by name */
        struct { int64_t exchange; enum flow_folder found; } folder;
        struct { char route[FLOW_ROUTE], name[FLOW_NAME]; struct sha256 original; } notice;
        struct {
            int64_t token;
            bool readable;
            char facility[FLOW_CODE];        /* of the configuration; "" = it names none of ours */
            char bundle_id[FLOW_BUNDLE_ID];  /* of the document */
            char result[FLOW_RESULT];        /* as sent, for the log */
            struct sha256 report;            /* payload: what it says; absent when it cannot be read */
        } notice_read;
        struct { enum flow_disk level; } disk;
        struct { bool stepped; } clock;      /* it moved against the boot clock since the last look */
        struct { int64_t id; int64_t request; bool done; char actor[FLOW_ACTOR]; } operate;
    } u;
};

/* ---- orders ---- */

enum flow_order_type {
    FLOW_DO_NONE,
    /* spool */
    FLOW_DO_CLAIM,            /* u.claim */
    FLOW_DO_OFFER_AGAIN,      /* room again: offer what is there; u.source */
    FLOW_DO_CLAIM_ATTACHMENT, /* u.attachment: claim it when (and as soon as) it is there; report FLOW_EV_ATTACHMENT */
    FLOW_DO_HAND_BACK,        /* u.hand_back: write the outcome into out/, then file the original and its attachments away; OUTCOME_WRITTEN and FILED, or HAND_BACK_FAILED */
    FLOW_DO_WRITE_STATUS,     /* u.request: replace out/NAME.status.json (made from the rows); no report */
    /* workers */
    FLOW_DO_LOOK,             /* u.look */
    FLOW_DO_CONVERT,          /* u.convert */
    FLOW_DO_CHECK,            /* u.check */
    FLOW_DO_BUILD,            /* u.build */
    FLOW_DO_READ,             /* u.read */
    FLOW_DO_READ_NOTICE,      /* u.notice */
    FLOW_DO_COMPOSE,          /* u.request: the desk itself makes the outcome text (may be answered inside the same transaction) */
    /* sign door */
    FLOW_DO_SIGN,             /* u.sign */
    /* link doors */
    FLOW_DO_SUBMIT,           /* u.link */
    FLOW_DO_AWAIT,            /* u.link: a request published in an earlier life: report LEFT_REQ and ANSWER as for a fresh one */
    FLOW_DO_LOOK_FOLDER,      /* u.link: report FLOW_EV_FOLDER */
    FLOW_DO_REMOVE_ANSWER,    /* u.link: unlink the answer, it is stored; no report, lost = removed by a later sweep */
    FLOW_DO_REMOVE_NOTICE,    /* u.notice: unlink it where the profile says so, it is stored; no report, lost = told again by the door's next life */
    /* people */
    FLOW_DO_LOG,              /* u.log */
    FLOW_DO_ALARM,            /* u.alarm */
    FLOW_DO_REPLY,            /* answer to an operator's event; u.reply */
    FLOW_DO_TYPES
};

enum flow_alarm {             /* one alarm a condition, with an explicit end */
    FLOW_ALARM_REQUEST_AGE,   /* index = enum flow_request_state */
    FLOW_ALARM_MESSAGE_AGE,   /* index = enum flow_message_state, name = facility */
    FLOW_ALARM_PERSON,        /* unknown messages that only a person can settle, name = facility */
    FLOW_ALARM_LINK,          /* name = route */
    FLOW_ALARM_SIGNER,        /* messages wait for this signer, name = signer */
    FLOW_ALARM_DISK,          /* index = enum flow_disk */
    FLOW_ALARM_CLOCK,         /* index = enum flow_clock */
    FLOW_ALARM_INCIDENT,
    FLOW_ALARM_RESTORE,       /* held after a restore */
    FLOW_ALARM_PAUSED,
    FLOW_ALARMS
};

struct flow_convert_unit { int32_t index; enum flow_operation operation; char bundle_id[FLOW_BUNDLE_ID]; };
enum { FLOW_UNITS_MAX = 32, FLOW_ATTACHMENTS_MAX = 64 };

struct flow_order {
    enum flow_order_type type;
    int64_t token;                       /* 0 = no report, or the report names its row */
    union {
        struct { char source[FLOW_SOURCE], name[FLOW_NAME]; } claim;
        struct { char source[FLOW_SOURCE]; } source;
        struct { int64_t request; char source[FLOW_SOURCE], name[FLOW_NAME]; } attachment;
        struct { int64_t request; char source[FLOW_SOURCE], name[FLOW_NAME], work_name[FLOW_NAME]; struct sha256 outcome; bool all_done; enum flow_origin origin; } hand_back; /* attachments: attachment_next_of_request; origin vendor: the original is filed away */
        struct { int64_t request; } request;
        struct { int64_t request; char source[FLOW_SOURCE]; struct sha256 original; } look;
        struct {                         /* attachments: attachment_next_of_request; B is made for these units only */
            int64_t request; char source[FLOW_SOURCE], facility[FLOW_CODE]; struct sha256 original;
            int64_t wall_ms; unsigned char seed[32];
            size_t unit_count; struct flow_convert_unit unit[FLOW_UNITS_MAX];
        } convert;
        struct { int64_t message; char facility[FLOW_CODE]; struct sha256 bundle; struct sha256 original_bundle; int64_t wall_ms; } check; /* original_bundle absent: it came signed */
        struct {
            int64_t message; char facility[FLOW_CODE], route[FLOW_ROUTE];
            enum flow_exchange_kind kind; enum flow_operation operation; enum flow_kind document;
            char identifier[FLOW_IDENTIFIER], bundle_id[FLOW_BUNDLE_ID], key_insured[FLOW_INSURED], receipt[FLOW_RECEIPT];
            struct sha256 bundle;        /* absent for cancel, inquiry, poll */
            int64_t wall_ms;
        } build;
        struct {
            int64_t exchange, message; char facility[FLOW_CODE], route[FLOW_ROUTE];
            enum flow_exchange_kind kind; enum flow_operation operation; enum flow_kind document;
            char identifier[FLOW_IDENTIFIER]; struct sha256 answer, source_map;
        } read;
        struct { int64_t request; char route[FLOW_ROUTE], name[FLOW_NAME]; struct sha256 original; } notice;
        struct { int64_t message; char facility[FLOW_CODE], signer[FLOW_SIGNER], uuid[UUID_TEXT]; struct sha256 bundle; int64_t wall_ms; } sign; /* bundle = SHA-256 of B = the approval */
        struct {
            int64_t exchange; char facility[FLOW_CODE], route[FLOW_ROUTE], name[FLOW_SUFFIX];
            enum flow_exchange_kind kind; enum flow_operation operation; enum flow_kind document;
            struct sha256 request;       /* for SUBMIT only */
        } link;
        struct {                         /* one line of the status log */
            enum msg_id msg;             /* MSG_NONE: a plain change of state */
            int64_t request, message;    /* 0 = none */
            char source[FLOW_SOURCE], facility[FLOW_CODE];
            enum flow_kind kind; enum flow_operation operation;
            enum flow_request_state request_state; enum flow_message_state message_state;   /* 0 = not about one */
            char code[FLOW_RESULT];      /* of the service */
            char hash8[9];               /* first 8 hex digits of the original's hash, "" = none */
        } log;
        struct { enum flow_alarm alarm; bool raise; int32_t index; char name[FLOW_SIGNER]; enum msg_id msg; } alarm;
        struct { enum msg_id msg; int code; int64_t request, message; int64_t wait_ms; } reply;   /* code 0 or enum err_code; wait_ms: come back after */
    } u;
};

/* A growing list. flow_step() appends. */
struct flow_orders { struct flow_order *item; size_t count, capacity; };

void flow_orders_init(struct flow_orders *orders);
void flow_orders_reset(struct flow_orders *orders);   /* keeps the memory */
void flow_orders_free(struct flow_orders *orders);

/* ---- state in memory ---- */

enum flow_job_kind { FLOW_JOB_LOOK, FLOW_JOB_CONVERT, FLOW_JOB_SIGN, FLOW_JOB_CHECK, FLOW_JOB_BUILD, FLOW_JOB_BUILT, FLOW_JOB_READ, FLOW_JOB_COMPOSE, FLOW_JOB_CLAIM, FLOW_JOB_HAND_BACK };

/* A pure order that is out (or, BUILT, a finished request that waits for a free session). */
struct flow_job {
    int64_t token, id, version;          /* row it is about (message, request or exchange) and its version when ordered */
    enum flow_job_kind kind;
    int16_t route;                       /* BUILD, BUILT: index in the configuration */
    int16_t signer;                      /* SIGN, CHECK: index in state, -1 = came signed */
    enum flow_exchange_kind exchange_kind;
    enum flow_operation operation;
    int64_t of;                          /* poll: exchange asked about */
    char identifier[FLOW_IDENTIFIER];
    char key_insured[FLOW_INSURED];
    struct sha256 payload;               /* CHECK: signed bytes; BUILT: request bytes */
    int64_t wall_ms, end_wall_ms;        /* CHECK: signing time, certificate end */
};

/* Where to look for the next row of a queue: none below `after` waits that has no job. */
struct flow_queue { int64_t after; bool more; };
enum flow_queue_kind { FLOW_QUEUE_LOOK, FLOW_QUEUE_CONVERT, FLOW_QUEUE_COMPOSE, FLOW_QUEUE_HAND_BACK, FLOW_QUEUE_READ, FLOW_QUEUES };

struct flow_route_state { char id[FLOW_ROUTE]; bool up, met; int32_t busy; int32_t failures; int64_t not_before_ms; };
struct flow_signer_slot { char id[FLOW_SIGNER]; enum flow_signer_state state; struct flow_queue queue; };   /* id "" = verification of what came signed, always ready */
struct flow_alarm_slot { enum flow_alarm alarm; int32_t index; char name[FLOW_SIGNER]; };
enum { FLOW_ALARM_SLOTS = 64 };

/* Plain data without pointers: may be copied by assignment. Read by report/, written by flow alone. */
struct flow_state {
    bool started, paused;
    enum flow_clock clock;
    enum flow_disk disk;
    int64_t token;                       /* last given */
    int64_t name;                        /* request name given last; so many more are set aside: */
    int32_t names_left;
    int64_t age_check_ms;                /* boot clock: ages are looked at then */
    int64_t hand_back_ms;                /* boot clock: hand-backs that failed are tried again then, 0 = none */
    int32_t received;                    /* requests at the steps look, turn, convert, and claims that are out */
    bool refused_offer;                  /* a name was offered when there was no room: OFFER_AGAIN when there is */
    struct flow_queue queue[FLOW_QUEUES];
    struct flow_queue send[FLOW_FACILITIES_MAX][3];   /* ready, pending, unknown */
    size_t route_count, signer_count, alarm_count, job_count;
    struct flow_route_state route[FLOW_ROUTES_MAX];
    struct flow_signer_slot signer[FLOW_SIGNERS_MAX];
    struct flow_alarm_slot alarm[FLOW_ALARM_SLOTS];
    struct flow_job job[FLOW_JOBS_MAX];  /* [0, job_count) */
};

struct flow_state *flow_state_new(struct err *e);
struct flow_state *flow_state_free(struct flow_state *st);   /* NULL is fine; returns NULL */

/* ---- the function ---- */

/*
 * One event into rows and orders, see the top of this file.
 * Errors: those of the tables; ERR_NOMEM; ERR_INTERNAL when a row contradicts itself (a mistake of this program). After an error nothing
 * of the transaction may be kept.
 */
int flow_step(const struct flow_config *cfg, struct flow_state *st, const struct flow_tables_ops *ops, void *tables,
              const struct flow_event *event, struct flow_orders *orders, struct err *e);

/* Boot time at which FLOW_EV_TIMER is wanted; INT64_MAX = never. A time not later than now means at once. */
int flow_next_due(const struct flow_state *st, const struct flow_tables_ops *ops, void *tables, int64_t *ret_boot_ms, struct err *e);

/*
 * Canonical text of a unit: "L/condition/CHART" for the two lists, "K/kind/KEY" with a unit key, else "B/BUNDLE-ID".
 * ERR_INVALID when there is none of the three (a register without a key gives "" and 0: it is a unit of its own), ERR_LIMIT.
 */
int flow_unit_text(const struct flow_unit_looked *unit, char ret_text[static FLOW_UNIT], struct err *e);

/* When may a person resolve this message? 0 = now; else milliseconds to wait at least (INT64_MAX = link down or still in req/). */
int flow_resolve_wait(const struct flow_tables_ops *ops, void *tables, const struct flow_message *message, bool done, int64_t boot_ms, int64_t *ret_wait_ms, struct err *e);

#endif
