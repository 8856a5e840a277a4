/*
 * wire_table.h - the table of messages between the processes: which, with which fields, how many, how long. See wire.h.
 *
 * A new message is a line in enum wire_type and a rule list in wire_table.c; nothing else has to know.
 */
#ifndef DAEMON_WIRE_TABLE_H
#define DAEMON_WIRE_TABLE_H

#include <stddef.h>

enum wire_type {
    WIRE_NONE,
    /* any door */
    WIRE_READY,             /* the door has set itself up and is confined */
    WIRE_STOP,              /* finish and end */
    WIRE_PROBLEM,           /* something for the log: a message id with arguments free of patient data */
    /* desk -> spool door */
    WIRE_CLAIM, WIRE_CLAIM_ATTACHMENT, WIRE_FILE_AWAY, WIRE_WRITE, WIRE_READ_TRY, WIRE_WRITE_PAGE, WIRE_OFFER_AGAIN,
    /* spool door -> desk */
    WIRE_OFFERED, WIRE_CLAIMED, WIRE_CLAIM_FAILED, WIRE_ATTACHMENT, WIRE_FILED, WIRE_WRITTEN, WIRE_TRY, WIRE_TRY_FILE, WIRE_ORPHAN, WIRE_SOURCE_STATE,
    /* desk -> convert worker, and back */
    WIRE_LOOK, WIRE_LOOKED, WIRE_CONVERT, WIRE_CONVERTED_UNIT, WIRE_CONVERTED, WIRE_CHECK, WIRE_CHECKED, WIRE_BUILD, WIRE_BUILT, WIRE_READ, WIRE_ANSWER,
    WIRE_READ_NOTICE, WIRE_NOTICE,
    /* desk -> sign door, and back */
    WIRE_SIGN, WIRE_SIGNED, WIRE_SIGN_FAILED, WIRE_SIGNER_STATE, WIRE_SITTING, WIRE_SITTING_STATE,
    /* desk -> link door, and back */
    WIRE_SUBMIT, WIRE_LINK_LOOK, WIRE_AWAIT, WIRE_REMOVE, WIRE_FORGET, WIRE_REMOVE_NOTICE, WIRE_FACT,
    /* command line -> desk (or sign door, once passed on), and back */
    WIRE_COMMAND, WIRE_REPLY, WIRE_PIN_ASK, WIRE_PIN,
    WIRE_TYPE_COUNT
};

enum wire_field {
    F_NONE,
    F_ORDER, F_SOURCE, F_NAME, F_WORK, F_OUT_NAME, F_MTIME, F_SIZE, F_MSG, F_ARG, F_CONTENT, F_END, F_PLACE, F_DURABLE, F_STATE,
    F_FORMAT, F_FACILITY, F_TIME, F_FILE, F_REQUEST_ID, F_ALL_OR_NONE, F_UNIT, F_INDEX, F_KIND, F_OPERATION, F_VALID, F_INCOMPLETE, F_EMPTIED, F_READY,
    F_SIGN, F_KEY, F_CHART, F_BUNDLE_ID, F_INSURED, F_SIGNER, F_RESOURCE, F_ATTACHMENT, F_ISSUES, F_ERRORS, F_X, F_SEED, F_DIGEST, F_SOURCE_MAP,
    F_RECEIVER, F_CONSENT, F_AUTHOR, F_COUNT_UNITS, F_SIGNED, F_SIGNATURE, F_FORM, F_PROFILE, F_INSTITUTION, F_IDENTIFIER, F_SYSTEM, F_RECEIPT,
    F_ANSWER_KIND, F_CLASS, F_MARKS, F_LAYER, F_CODE, F_TEXT, F_DOCUMENT_STATUS, F_UUID, F_WAIT, F_PRESENT, F_NOT_AFTER, F_ROLE, F_LOW, F_FINAL_TRY,
    F_LOCKED, F_ATTENDED, F_CONNECTION, F_EXCHANGE, F_HOW, F_HTTP, F_EXPIRES, F_ERRNO, F_VERB, F_LANGUAGE, F_JSON, F_EXIT, F_PIN, F_FORCE, F_DONE, F_TITLE, F_ADVICE,
    F_COUNT
};

enum wire_kind { WIRE_NUMBER = 1, WIRE_TEXT, WIRE_BYTES, WIRE_FD, WIRE_GROUP };
enum wire_count { WIRE_ONE = 1 /* exactly one */, WIRE_OPTIONAL, WIRE_MANY };

struct wire_rule { enum wire_field field; enum wire_count count; };

/* Bytes of a payload that goes inside the message instead of in a memfd, and of all of these in one message: the rest of a message has its room. */
enum { WIRE_INSIDE_MAX = 8 * 1024, WIRE_INSIDE_SUM = 24 * 1024 };

struct wire_field_info {
    enum wire_kind kind;
    size_t max;                      /* bytes of a text or byte string; of a descriptor, what may come inside the message in its place */
    const struct wire_rule *group;   /* rules inside a group */
};

struct wire_type_info { const char *name; const struct wire_rule *rules; };

extern const struct wire_field_info wire_field_table[F_COUNT];
extern const struct wire_type_info wire_type_table[WIRE_TYPE_COUNT];

#endif
