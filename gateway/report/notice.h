/*
 * notice.h - an unasked result of the service (CIS-IF-119) as text: what the store keeps of it, and what the vendor reads.
 *
 *     notice_keep(&said, &text, &e);                        // the desk, when a worker has read it: a payload
 *     notice_said(bytes, arena, &said, &e);                 // ... and back
 *     notice_write(&told, LANG_JA, &text, &e);              // consent-HASH.notice.json, form: docs/vendor-guide.md
 *
 * Everything is borrowed during the call; what notice_said() gives lives in the arena.
 */
#ifndef REPORT_NOTICE_H
#define REPORT_NOTICE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "flow/flow.h"

/* As the service wrote them. */
struct notice_said { const char *institution, *document, *result; };

struct notice_told {
    const struct flow_request *request;   /* of origin service */
    struct notice_said said;
    const char *about;                    /* printable file name of the vendor's request, NULL = the document is none of ours */
    const char *about_id;                 /* its request_id, "" = none */
    const struct flow_unit *unit;         /* of the document in it, NULL = not known */
    const struct flow_message *message;   /* of that unit, NULL = none */
};

/* Appends. ERR_NOMEM, ERR_LIMIT. */
int notice_keep(const struct notice_said *said, struct buf *out, struct err *e);
/* ERR_SYNTAX, ERR_NOMEM: none of ours. */
int notice_said(struct bytes text, struct arena *arena, struct notice_said *ret_said, struct err *e);
/* Appends the JSON text for the vendor; the same rows give the same bytes. ERR_NOMEM, ERR_LIMIT. */
int notice_write(const struct notice_told *told, enum msg_lang lang, struct buf *out, struct err *e);

#endif
