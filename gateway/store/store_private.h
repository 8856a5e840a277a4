/*
 * store_private.h - what the files of this room share. Nobody outside the room includes it, but for the tests that look at the plans of the
 * statements and fill rows by the tables of columns.
 *
 * columns.c   one table a row struct: name, type and place of every field. Everything else (schema, statements, event bodies) is made from it
 * schema.c    tables and indexes, migrations
 * store.c     open, close, transactions, statements, errors of SQLite
 * disk.c      between SQLite and the system: small writes become large ones
 * rows.c      get, put, the event of each put, and what is kept in memory: counts, and the rows that were in hand lately
 * queries.c   the table of functions that flow/ sees
 * payload.c   bytes by digest; what the desk remembers beside the rows
 * lists.c     reading for people
 * chain.c     events, fold and verification
 * care.c      backup, ballast
 * retain.c    the end of the time that things are kept
 *
 * A call that fails in the middle of a change sets `broken`: what the transaction holds is then half a change, and commit refuses it.
 * `poisoned` is for life: the disk has failed under us, and nothing more is believed or promised.
 */
#ifndef STORE_STORE_PRIVATE_H
#define STORE_STORE_PRIVATE_H

#include <sqlite3.h>
#include "store/store.h"

/* The numbers are on disk, in the events. Rows first. */
enum store_table {
    TABLE_REQUEST, TABLE_ATTACHMENT, TABLE_UNIT, TABLE_MESSAGE, TABLE_ATTEMPT, TABLE_EXCHANGE, TABLE_INCIDENT,
    TABLE_ROWS, TABLE_COUNTER = TABLE_ROWS, TABLES
};

/* ---- columns ---- */

enum column_type { COLUMN_BOOL, COLUMN_I32, COLUMN_ENUM, COLUMN_I64, COLUMN_U64, COLUMN_TEXT, COLUMN_DIGEST, COLUMN_PAYLOAD /* a digest that names a payload */ };
struct store_column { const char *name; enum column_type type; size_t offset, size; };
struct store_columns { const char *table; size_t row_size; const struct store_column *column; size_t count; };

/* Every row begins with these two. */
struct store_head { int64_t id, version; };
union store_row {
    struct store_head head;
    struct flow_request request;
    struct flow_attachment attachment;
    struct flow_unit unit;
    struct flow_message message;
    struct flow_attempt attempt;
    struct flow_exchange exchange;
    struct flow_incident incident;
};

const struct store_columns *store_columns_of(enum store_table table);
const char *store_table_name(enum store_table table);
/* Columns whose values differ, as bits; b NULL = compared with an empty row. */
uint64_t store_columns_diff(enum store_table table, const void *a, const void *b);
int store_column_bind(sqlite3_stmt *stmt, int place, const struct store_column *column, const void *row);
/* Columns id, version and all others, as the statements of queries.c select them. ERR_CORRUPT. */
int store_row_read(sqlite3_stmt *stmt, enum store_table table, void *ret_row, struct err *e);
/* In decimal; a formatted print of each would be a tenth of a put. */
int store_number_add(struct buf *text, int64_t number);
/* "name=value\n" for every column of the mask. */
int store_body_add(struct buf *body, enum store_table table, uint64_t mask, const void *row);
/* The other direction: changes row as the body says. ERR_CORRUPT. */
int store_body_apply(enum store_table table, const char *body, size_t len, void *row);

/* ---- statements ---- */

/* Their texts stand in queries.c; each is prepared when it is first asked for, and kept. */
enum store_query {
    Q_REQUEST_GET, Q_ATTACHMENT_GET, Q_UNIT_GET, Q_MESSAGE_GET, Q_ATTEMPT_GET, Q_EXCHANGE_GET, Q_INCIDENT_GET,   /* as enum store_table */
    Q_REQUEST_NEXT, Q_REQUEST_NEXT_OF_FACILITY, Q_REQUEST_BY_WORK_NAME, Q_REQUEST_BY_REQUEST_ID, Q_REQUEST_BY_NOTICE, Q_REQUEST_OLDEST,
    Q_ATTACHMENT_NEXT_OF_REQUEST,
    Q_UNIT_NEXT_OF_REQUEST, Q_UNIT_FIRST_WAITING, Q_UNIT_FIRST_WAITING_BUNDLE, Q_UNIT_LAST, Q_UNIT_NEXT_REPEATING,
    Q_MESSAGE_NEXT_OF_REQUEST, Q_MESSAGE_NEXT_OF_BUNDLE, Q_MESSAGE_LIVE_OF_UNIT, Q_MESSAGE_LAST_DONE, Q_MESSAGE_NEXT_BLOCKING,
    Q_MESSAGE_NEXT_BLOCKING_LIST, Q_MESSAGE_NEXT_SENDABLE, Q_MESSAGE_NEXT_TO_SIGN, Q_MESSAGE_OLDEST, Q_MESSAGE_NEXT_IN_STATE,
    Q_ATTEMPT_LAST, Q_ATTEMPT_NEXT_OF_MESSAGE,
    Q_EXCHANGE_NEXT, Q_EXCHANGE_NEXT_ANY, Q_EXCHANGE_SETTLING, Q_EXCHANGE_SETTLING_ANY, Q_EXCHANGE_BY_NAME, Q_EXCHANGE_NEXT_OF_MESSAGE, Q_EXCHANGE_NEXT_LOUD,
    Q_INCIDENT_NEXT_OPEN, Q_INCIDENT_NEXT_OF_MESSAGE,
    Q_LIST_MESSAGES, Q_LIST_MESSAGES_STATE, Q_LIST_REQUESTS, Q_LIST_REQUESTS_STATE, Q_FIND_UUID, Q_FIND_BUNDLE, Q_FIND_REQUEST_ID,
    Q_RETAIN_NEXT, Q_RETAIN_AGAIN,
    Q_ROW_QUERIES,

    /* numbers and bytes */
    Q_TIMER_REQUEST = Q_ROW_QUERIES, Q_TIMER_MESSAGE, Q_TIMER_EXCHANGE,
    Q_COUNTER_GET, Q_COUNTER_SET, Q_MAX_EVENT_ROW, Q_NEXT_EVENT_ROW,
    Q_EVENT_ADD, Q_EVENT_HEAD, Q_EVENTS_OF_ROW, Q_EVENTS_ALL, Q_EVENT_ERASE,
    Q_PAYLOAD_FIND, Q_PAYLOAD_LAST, Q_PAYLOAD_ADD, Q_PAYLOAD_AGAIN, Q_PAYLOAD_CONTENT_ADD, Q_PAYLOAD_CONTENT_GET, Q_PAYLOAD_REFER, Q_PAYLOAD_DROP, Q_PAYLOAD_CONTENT_DROP, Q_PAYLOAD_UNNAMED, Q_PAYLOAD_NEXT,
    Q_FACTS_PUT, Q_FACTS_GET, Q_FACTS_DROP, Q_OUT_NAME_PUT, Q_OUT_NAME_GET, Q_OUT_NAME_TAKEN, Q_OUT_NAME_DROP,
    Q_TALLY_PUT, Q_TALLY_ALL, Q_LAST_SUCCESS, Q_LAST_FILE, Q_FILES_SINCE, Q_INCIDENTS_OPEN, Q_INCIDENTS_OPEN_OF,
    Q_RETAIN_LATER, Q_RETAIN_REPEATED, Q_RETAIN_ABOUT,
    Q_REQUEST_DELETE, Q_ATTACHMENT_DELETE, Q_UNIT_DELETE, Q_MESSAGE_DELETE, Q_ATTEMPT_DELETE, Q_EXCHANGE_DELETE, Q_INCIDENT_DELETE,   /* as enum store_table */
    QUERIES
};

/* Appends the text of a statement. */
int store_query_text(enum store_query query, struct buf *text);
/* The rows that a row query gives. */
enum store_table store_query_table(enum store_query query);
/* True: the statement gives the id alone, which its index knows, and the row is got by it. */
bool store_query_gives_id(enum store_query query);

/* ---- schema ---- */

int store_schema_make(struct store *store, struct err *e);
/* The text of the whole schema, for schema.c and the tests. */
int store_schema_text(struct buf *text);

/* ---- the store ---- */

enum { UPDATES_KEPT = 96, ROWS_KEPT = 256 /* a table */, TALLY_MAX = 256, WAL_PAGES_QUIET = 500, WAL_PAGES = 8000 /* the log is moved into the database: when nothing happens, in any case */, STORE_APPLICATION = 0x434c4957 };

struct update { sqlite3_stmt *stmt; enum store_table table; uint64_t mask, used; };
enum payload_place { PLACE_INLINE, PLACE_FILE };
/* How many rows of a facility are in a state. One table a facility; table TABLE_MESSAGE or TABLE_REQUEST. */
struct tally { char facility[FLOW_CODE]; int64_t message[FLOW_MS_STATES], request[FLOW_RQ_STATES]; uint32_t dirty_message, dirty_request; };

/* A payload that was put in the open transaction. Its bytes are in the database (or in a file) already, its row is written at the commit, when it is known how often it is named. */
struct fresh { struct sha256 digest; int64_t id, size, refs; enum payload_place place; };

struct store_disk;

struct store {
    sqlite3 *db;
    struct store_disk *disk;             /* lives longer than db */
    int dir, lock, payload;              /* descriptors */
    enum store_mode mode;
    bool in_turn, broken, poisoned;
    int wal_pages;                       /* in the log after the last commit */
    sqlite3_stmt *query[QUERIES];
    sqlite3_stmt *insert[TABLE_ROWS];
    struct update update[UPDATES_KEPT];
    uint64_t update_clock;
    int64_t next_id[TABLE_ROWS];         /* 0 = not known yet */
    int64_t seq;                         /* of the newest event */
    struct sha256 head;
    struct tally *tally;
    size_t tally_count;
    union store_row (*kept)[ROWS_KEPT];  /* [table][id % ROWS_KEPT], as they stand in the transaction; id 0 = empty */
    struct fresh *fresh;
    size_t fresh_count, fresh_capacity;
    int64_t next_payload;                /* 0 = not known yet */
    struct sha256_maker *digester;
    unsigned swept;                      /* folders of payload/ looked through */
    struct buf text, body;
};

/* ERR_IO when poisoned; ERR_NOT_NOW when write and there is no transaction. */
int store_usable(const struct store *store, bool write, struct err *e);
/* Sorts an error of SQLite, poisons the store when it has to be. Returns the code. */
int store_sqlite_error(struct store *store, int rc, struct err *e);
/* The kept statement, ready to be bound; always give it back with store_query_done(). */
int store_query_begin(struct store *store, enum store_query query, sqlite3_stmt **ret_stmt, struct err *e);
void store_query_done(sqlite3_stmt *stmt);
int store_exec(struct store *store, const char *sql, struct err *e);

/* ---- disk ---- */

/* The layer through which a store's files are written; a name to open the database by. Closed after the database (NULL is fine). ERR_NOMEM. */
int store_disk_open(struct store_disk **ret_disk, struct err *e);
const char *store_disk_name(const struct store_disk *disk);
void store_disk_close(struct store_disk *disk);

/* Values of a statement. */
struct store_arg { const char *text; int64_t number; const struct sha256 *digest; };
#define ARG_TEXT(t) { .text = (t) }
#define ARG_INT(n) { .number = (int64_t)(n) }
#define ARG_DIGEST(d) { .digest = (d) }
#define ARGS(...) (const struct store_arg[]){ __VA_ARGS__ }, sizeof((const struct store_arg[]){ __VA_ARGS__ }) / sizeof(struct store_arg)

int store_bind(struct store *store, sqlite3_stmt *stmt, const struct store_arg *args, size_t count, struct err *e);
/* First row of a row query: 1, 0 or a negative code. */
int store_row_query(struct store *store, enum store_query query, void *ret_row, const struct store_arg *args, size_t count, struct err *e);
/* At most max rows of a row query, one behind the other: their number or a negative code. */
int store_rows_query(struct store *store, enum store_query query, void *ret_rows, int max, const struct store_arg *args, size_t count, struct err *e);
/* First row of a query of at most two numbers; ret_b NULL = one. 1, 0 (then both are 0) or a negative code. */
int store_number_query(struct store *store, enum store_query query, int64_t *ret_a, int64_t *ret_b, const struct store_arg *args, size_t count, struct err *e);
/* A statement without rows. *ret_changes (NULL = not wanted): rows changed. */
int store_run_query(struct store *store, enum store_query query, int *ret_changes, const struct store_arg *args, size_t count, struct err *e);

/* ---- rows ---- */

int store_row_get(struct store *store, enum store_table table, int64_t id, void *ret_row, struct err *e);
/* The same from the disk, past what is kept in memory. */
int store_row_get_stored(struct store *store, enum store_table table, int64_t id, void *ret_row, struct err *e);
int store_row_put(struct store *store, enum store_table table, void *row, const struct flow_cause *cause, struct err *e);
/* Deletes the row, says so in the chain and takes its words out of the chain. */
int store_row_retire(struct store *store, enum store_table table, const void *row, const struct flow_cause *cause, struct err *e);
int store_event_add(struct store *store, enum store_table table, int64_t row, const struct flow_cause *cause, struct bytes body, struct err *e);
/* hash of an event from what is hashed of it. */
int store_event_hash(struct store *store, const struct sha256 *before, const struct store_event *event, const struct sha256 *body, struct sha256 *ret_hash);
/* Reads everything that is kept in memory anew: at open, after a rollback. */
int store_memory_load(struct store *store, struct err *e);
int store_tally_write(struct store *store, struct err *e);
#define STORE_RETIRED_BODY "retired\n"

/* ---- payloads ---- */

int store_payload_refer(struct store *store, const struct sha256 *digest, int change, struct err *e);
/* Writes the rows of the payloads that were put: before the commit. */
int store_payload_write(struct store *store, struct err *e);
/* Of a payload whose row is gone: after the commit. */
void store_payload_unlink(struct store *store, const struct sha256 *digest);
/* Checks one against its digest: 0, ERR_CORRUPT, ERR_NOTFOUND. */
int store_payload_check(struct store *store, const struct sha256 *digest, struct err *e);

#endif
