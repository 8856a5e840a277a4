/*
 * store.h - the one durable memory: rows of the state machine, payloads, the chain of events. Used by the desk alone, and by the command line
 * when the desk is stopped.
 *
 *     store_open("/var/lib/clinsgw", STORE_READ_WRITE, &store, &e);       // locks, migrates, checks
 *     one turn:  store_begin(store, &e);
 *                store_payload_put(store, bytes, &digest, &e);            // before the event that names it
 *                flow_step(&cfg, st, &store_flow_ops, store, &event, &orders, &e);
 *                store_commit(store, &e);                                 // the one fsync; then the orders go out
 *     store_close(store);
 *
 * SQLite, WAL, synchronous=FULL, locking_mode=EXCLUSIVE (nothing is shared, not even the WAL index); a lock file beside it refuses a second
 * gateway. Payloads up to STORE_INLINE_MAX live in the database, so that a whole turn costs one fsync; larger ones are files below
 * payload/, synced before the row that names them. A payload is named by the SHA-256 of its bytes; putting it twice stores it once.
 *
 * Every put of a row writes one event: what changed, as text, and the cause, with the hash of the event before it. So the chain verifies, and
 * the state of everything is the fold of its events (store_verify()).
 *
 * Failure: a failed commit or a full disk rolls back; the caller starts its state anew (flow.h). A failed fsync is final: the store refuses
 * everything afterwards (ERR_IO) and the process should end.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include "base/buf.h"
#include "base/crypt.h"
#include "base/err.h"
#include "flow/flow.h"

struct store;

enum store_mode { STORE_READ_WRITE, STORE_READ_ONLY /* the command line, desk stopped: no lock is taken when a desk holds it: ERR_NOT_NOW */ };
enum { STORE_INLINE_MAX = 256 * 1024, STORE_SCHEMA = 1 };

/* Makes dir/store.db (and payload/) when there is none, takes the lock, migrates forward. ERR_NOT_NOW: another gateway holds it; ERR_UNSUPPORTED: made by a newer
 * version; ERR_CORRUPT. */
int store_open(const char *dir, enum store_mode mode, struct store **ret_store, struct err *e);
struct store *store_close(struct store *store);

int store_begin(struct store *store, struct err *e);
int store_commit(struct store *store, struct err *e);
void store_rollback(struct store *store);
/* Moves what the log has gathered into the database, so that no commit has to: for a moment in which nothing else is to be done, outside a transaction. Failures show at the next call. */
void store_tidy(struct store *store);
/* Gives up the pages of the database that are kept in memory, for a time of rest: they are read again when they are asked for. Outside a transaction; inside one nothing happens. */
void store_rest(struct store *store);

/* The rows as flow sees them; `tables` is the struct store. */
extern const struct flow_tables_ops store_flow_ops;

/* ---- payloads ---- */

/* Inside a transaction, before the row that names it: a put of a row that names bytes which are not there is refused (ERR_INTERNAL). The digest is computed here, never believed. */
int store_payload_put(struct store *store, struct bytes content, struct sha256 *ret_digest, struct err *e);
/* Appends. ERR_NOTFOUND; ERR_CORRUPT when the bytes no longer have their digest. */
int store_payload_get(struct store *store, const struct sha256 *digest, struct buf *ret_content, struct err *e);
/* The same as a sealed memfd for a door. */
int store_payload_fd(struct store *store, const struct sha256 *digest, struct err *e);

/* ---- what the desk remembers beside the rows (inside a transaction) ---- */

/* Stem of the outcome files of a request: "" = not known. */
int store_out_name_put(struct store *store, int64_t request, const char *out_name, struct err *e);
int store_out_name_get(struct store *store, int64_t request, char ret_name[static FLOW_NAME], struct err *e);
/* Another request of the source that is not answered yet, or was answered less than a day ago, has this stem. */
int store_out_name_taken(struct store *store, const char *source, const char *out_name, bool *ret_taken, struct err *e);

/* Request fields that are no part of the Bundle, by the digest of the unsigned Bundle (B). */
struct store_facts { int64_t consent; char receiver[FLOW_CODE]; char chart_kind[24]; };
int store_facts_put(struct store *store, const struct sha256 *bundle, const struct store_facts *facts, struct err *e);
int store_facts_get(struct store *store, const struct sha256 *bundle, struct store_facts *ret_facts, struct err *e);   /* ERR_NOTFOUND */

/* ---- reading for people (status, list, show); outside or inside a transaction ---- */

/* Messages by state (index enum flow_message_state) and requests by state; facility NULL = all. Cheap: kept, not counted. */
struct store_counts { int64_t message[FLOW_MS_STATES]; int64_t request[FLOW_RQ_STATES]; int64_t incidents_open; };
int store_counts(struct store *store, const char *facility, struct store_counts *ret_counts, struct err *e);

/* Newest first; before 0 = from the newest. Returns the number filled (at most max) or a negative code. state 0 = any. */
int store_messages(struct store *store, const char *facility, enum flow_message_state state, int64_t before, struct flow_message *ret_rows, int max, struct err *e);
int store_requests(struct store *store, const char *source, enum flow_request_state state, int64_t before, struct flow_request *ret_rows, int max, struct err *e);
/* By any handle a person types: message id, uuid or its first 8+ characters, Bundle-ID, request_id, "r" + request id. Exactly one of the two results is not 0.
 * ERR_NOTFOUND, ERR_EXISTS when several fit. */
int store_find(struct store *store, const char *handle, int64_t *ret_request, int64_t *ret_message, struct err *e);
/* Last time a message of the facility became done; 0 = never. And the last file of a source. Kept in memory and in counters. */
int store_last_success(struct store *store, const char *facility, int64_t *ret_wall_ms, struct err *e);
int store_last_file(struct store *store, const char *source, int64_t *ret_wall_ms, int64_t *ret_today, int64_t midnight_wall_ms, struct err *e);

/* One line of the chain. Texts are lent for the callback. */
struct store_event {
    int64_t seq, wall_ms;
    const char *table;                   /* "request", "message", "attempt", "exchange", ... */
    int64_t row;
    int event;                           /* enum flow_event_type */
    enum msg_id msg;
    const char *actor;
    const char *body;                    /* "field=value\n...": of the first event the fields that are not empty, then those that changed; \n and \\ inside a value are
                                          * escaped. "retired\n": the row was removed; "": its words were removed with it. No patient data leaves the machine through this. */
    char hash[SHA256_HEX];
};
/* Events of one row, oldest first; stops when the callback returns non-zero and returns that. The callback must not ask for events itself. */
int store_events(struct store *store, const char *table, int64_t row, int (*line)(void *ctx, const struct store_event *event), void *ctx, struct err *e);
/* Sequence number and hash of the newest event: goes to journald every hour. */
int store_chain_head(struct store *store, int64_t *ret_seq, char ret_hash[static SHA256_HEX], struct err *e);

/* Checks everything: chain of hashes, every row equals the fold of its events, every payload that a row names is there with its digest. Calls line for each fault; returns
 * the number of faults or a negative code. Outside a transaction; takes time in proportion to everything stored. */
int store_verify(struct store *store, void (*line)(void *ctx, const char *fault), void *ctx, struct err *e);

/* ---- care ---- */

/* A consistent copy of database and payload files into dir (must be empty or not there: ERR_EXISTS); its store.db appears last. Outside a transaction. */
int store_backup(struct store *store, const char *dir, struct err *e);
/*
 * The end of keeping, in slices, outside a transaction. Of answered requests that have been so since before that time at most max are treated: removed with their messages, or, where a row must
 * stay (the newest done message of a Bundle-ID, the newest live one of a unit, what another request repeats or is about), relieved of their payloads. Payloads that no row names go too. The chain
 * stays whole. Returns the number of requests treated (0 = nothing left to do for now) or a negative code.
 */
int store_retain(struct store *store, int64_t before_wall_ms, int max, struct err *e);
/* Reserve that is given back to the file system when the disk is full: makes dir/ballast of that size, or removes it (bytes 0). ERR_LIMIT: no room for it. */
int store_ballast(struct store *store, int64_t bytes, struct err *e);

#endif
