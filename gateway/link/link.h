/*
 * link.h - the ways out of the house: the terminal's shared folder, the Web API, and a sink that answers at once (bench, tests).
 *
 * A link is told what to do and reports facts; it decides nothing about messages. Single-threaded, never blocks but in the file system
 * of the share. The main of the link door runs one loop:
 *
 *     struct link_options o = { .profile = p, .host = "gw01", .fact = on_fact, .user = door, .folder = "/mnt/clins" };
 *     if (link_open(&link_terminal, &o, &link, &e) < 0) ...             // configuration wrong; a share or service that is away is no error
 *     for (;;) {
 *         struct pollfd desk = { .fd = socket, .events = POLLIN };
 *         link_wait(link, &desk, 1, time_boot_ms(), -1);                // until the desk speaks or the link has work
 *         if (desk.revents) ... link_submit(link, &request, &e) ...      // orders
 *         link_step(link, time_boot_ms());                              // work; facts come out of here only, never out of an order
 *     }
 *     link_close(link);
 *
 * Orders return 0 or ERR_NOMEM, ERR_NOT_NOW (no free session), ERR_EXISTS (that exchange is being watched already), ERR_INVALID,
 * ERR_NOTFOUND; an order that returns an error had no effect and brings no fact.
 *
 * Facts about one exchange. Every submit ends in exactly one of NOT_LEFT, STATUS, ENDED, or goes on to PUBLISHED and, later, ANSWER:
 *
 *     submit --> NOT_LEFT                                 shown not to have left the house; may be sent again
 *            --> PUBLISHED [--> LEFT_REQ] --> ANSWER...   terminal: watched until link_forget() or link_remove(); ANSWER again if its bytes change
 *            --> [PUBLISHED] --> ANSWER | STATUS | ENDED  Web API: the connection's end is the end of the submit; ENDED = outcome unknown
 *
 * Ownership: request bytes stay the caller's until `release` is called (exactly once for each accepted submit, from link_step() or link_close());
 * bytes of a fact are lent for the time of the callback. The callback may give orders.
 */
#ifndef LINK_LINK_H
#define LINK_LINK_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "exchange/exchange.h"

enum link_fact_kind {
    LINK_PUBLISHED,      /* terminal: stands in req/ under its name. Web API: the last byte of the body is handed over */
    LINK_NOT_LEFT,       /* how says why it is sure that the service does not have it */
    LINK_LEFT_REQ,       /* terminal: gone from req/, while the share was there before and after the look */
    LINK_ANSWER,         /* bytes; answer_kind. Terminal: after two equal reads */
    LINK_STATUS,         /* Web API: HTTP status with a class of its own: class is EXCHANGE_FINAL or EXCHANGE_NOT_DONE_RETRY; http_status */
    LINK_ENDED,          /* may have happened: how; http_status where there was one */
    LINK_LOOKED,         /* answer to link_look(): place */
    LINK_REMOVED,        /* answer to link_remove(): no answer of that name in the folder any more */
    LINK_FOUND,          /* terminal: an answer of our own making lies there that nobody awaits: name. Once a name. Left alone */
    LINK_DOWN,           /* share lost, service not reachable: how */
    LINK_UP,
    LINK_LOGGED_IN,      /* first token; expires_ms from now */
    LINK_TOKEN_RENEWED,  /* a later token; expires_ms from now */
    LINK_LOGIN_FAILED,   /* how: LINK_HOW_DENIED (name, password or certificate refused) or the network's reason */
    LINK_NOTICE,         /* terminal: an unasked result (exchange_notice_name()): its own file name, bytes after two equal reads. No bytes: how says why. Left alone */
    LINK_FACT_COUNT
};

enum link_how {
    LINK_HOW_NONE,
    LINK_HOW_RESOLVE, LINK_HOW_CONNECT, LINK_HOW_TLS,   /* no byte of the request left */
    LINK_HOW_NO_BODY,        /* connection died before a body byte was handed over */
    LINK_HOW_TOKEN,          /* with LINK_STATUS: token not accepted (401), nothing done; the link logs in again */
    LINK_HOW_LOGIN,          /* no token to be had */
    LINK_HOW_DENIED,         /* log-in refused */
    LINK_HOW_NAME_TAKEN,     /* a request or an answer of that name is there: take a new name */
    LINK_HOW_SHARE,          /* share away: missing, stale, no marker */
    LINK_HOW_WRITE,          /* our temporary file could not be written and is gone again */
    LINK_HOW_BROKEN,         /* connection ended before the answer was complete */
    LINK_HOW_TIMEOUT,
    LINK_HOW_ANSWER_LIMIT,   /* answer over the profile's limit */
    LINK_HOW_HTTP,           /* HTTP status of class unknown (5xx, 3xx, ...) */
    LINK_HOW_RENAME,         /* rename failed, and neither request nor temporary nor answer is there */
    LINK_HOW_CLOSED,         /* the link was closed while the call ran */
    LINK_HOW_PERMISSION,     /* share there, access refused */
    LINK_HOW_MANY,           /* with LINK_NOTICE: more unasked results lie there than are watched */
    LINK_HOW_COUNT
};

enum link_place {
    LINK_PLACE_REQUEST,      /* request in req/ */
    LINK_PLACE_ANSWER,       /* answer or err answer in res/ (the request may be there too) */
    LINK_PLACE_TEMPORARY,    /* only our temporary file was there; it is removed: nothing left */
    LINK_PLACE_NOWHERE       /* neither: taken and answer gone, or never written */
};

struct link_fact {
    enum link_fact_kind kind;
    uint64_t exchange;           /* the caller's number; 0 for facts about the link itself */
    const char *name;            /* request name of the exchange; LINK_NOTICE: the file's; or "" */
    enum link_how how;
    enum link_place place;
    int answer_kind;             /* enum exchange_answer_kind */
    int class;                   /* enum exchange_class, for LINK_STATUS */
    long http_status;            /* 0 = none */
    struct bytes bytes;          /* LINK_ANSWER, LINK_NOTICE */
    int64_t expires_ms;          /* life of the token */
    int sys_errno;               /* where a system call failed, else 0 */
};

struct link_request {
    uint64_t exchange;           /* the caller's number, not 0 */
    const char *name;            /* exchange_request_name(); copied */
    int operation;               /* enum exchange_operation */
    const char *institution, *identifier;   /* copied; used by the sink only */
    struct bytes bytes;          /* finished request; see release */
    void (*release)(void *arg);  /* bytes are no longer needed; may be NULL */
    void *release_arg;
};

struct link;

struct link_options {
    const struct exchange_profile *profile;   /* outlives the link */
    const char *host;                         /* prefix of our names ([0-9a-z]{2,8}): only such temporaries are cleaned up */
    int sessions;                             /* Web API: calls at once, 1-20 */
    void (*fact)(void *user, const struct link_fact *fact);
    void *user;
    /* terminal */
    const char *folder;                       /* root of the mounted share */
    /* Web API; file names are read at open and at each handshake, secrets are copied and wiped */
    const char *login_url, *api_url;          /* "https://host[:port]" without a path */
    const char *login_user, *login_password;
    const char *certificate_file, *key_file, *key_password;   /* PEM; key_password NULL = none */
    const char *ca_file;                      /* PEM: the only trust anchors; the system's store is never used */
    const char *resolve;                      /* "host:port:address" for tests and closed networks without DNS, or NULL */
};

/* One back end. Use the functions below, not the members. */
struct link_ops {
    const char *name;            /* "terminal", "webapi", "sink" */
    int form;                    /* enum exchange_form of its requests and answers */
    struct link *(*open)(const struct link_options *options, struct err *e, int *ret_code);
    void (*close)(struct link *link);
    int (*log_in)(struct link *link, struct err *e);
    int (*submit)(struct link *link, const struct link_request *request, struct err *e);
    int (*look)(struct link *link, uint64_t exchange, const char *name, struct err *e);
    int (*await)(struct link *link, uint64_t exchange, const char *name, struct err *e);
    int (*remove)(struct link *link, uint64_t exchange, const char *name, struct err *e);
    int (*forget)(struct link *link, uint64_t exchange);
    int (*remove_notice)(struct link *link, const char *name);
    void (*step)(struct link *link, int64_t now_ms);
    int (*wait)(struct link *link, struct pollfd *extra, size_t count, int timeout_ms);
    int64_t (*next)(struct link *link, int64_t now_ms);   /* ms until step has work without an event; -1 = never */
};

extern const struct link_ops link_terminal, link_webapi, link_sink;

/* ERR_INVALID with a place for wrong options, ERR_IO for files that cannot be read, ERR_NOMEM. A share or service that is away is a fact, later. */
int link_open(const struct link_ops *ops, const struct link_options *options, struct link **ret_link, struct err *e);
/* Ends all calls (their facts are not reported: the successor's desk knows them as lost), calls every release. NULL is fine; returns NULL. */
struct link *link_close(struct link *link);
const struct link_ops *link_ops_get(const struct link *link);

/* Web API: log in now (it happens by itself before the first submit and before the token ends). Elsewhere: nothing, no fact. */
int link_log_in(struct link *link, struct err *e);
/* Sends. Terminal: no limit on the number, the desk keeps its own. Web API: ERR_NOT_NOW when all sessions are busy. */
int link_submit(struct link *link, const struct link_request *request, struct err *e);
/* After a crash: where is it? Brings LINK_LOOKED (once the share is there). Web API and sink: ERR_UNSUPPORTED, nothing can be looked at.
 * Does not watch the exchange: follow with link_await(). */
int link_look(struct link *link, uint64_t exchange, const char *name, struct err *e);
/* Watches for LEFT_REQ and ANSWER of a request published earlier. Web API, sink: ERR_UNSUPPORTED. */
int link_await(struct link *link, uint64_t exchange, const char *name, struct err *e);
/* Deletes the answer (res and err) of that exact name and stops watching. Only after the bytes are durable. Brings LINK_REMOVED. Web API, sink: done at once. */
int link_remove(struct link *link, uint64_t exchange, const char *name, struct err *e);
/* Stops watching without touching anything. ERR_NOTFOUND. */
int link_forget(struct link *link, uint64_t exchange);

/* Deletes an unasked result that was told, if it is still that very file. Only after the bytes are durable. Brings no fact; one that stays is told again after
 * the next start. ERR_NOTFOUND: not there. Web API, sink: ERR_UNSUPPORTED. */
int link_remove_notice(struct link *link, const char *name);

/* Works off what is due. now_ms: CLOCK_BOOTTIME milliseconds (tests pass their own). */
void link_step(struct link *link, int64_t now_ms);
/* Sleeps until the link has work or one of extra has events (revents filled), at most max_ms more (-1 = no maximum). Returns 0 or ERR_IO. */
int link_wait(struct link *link, struct pollfd *extra, size_t count, int64_t now_ms, int64_t max_ms);

const char *link_fact_name(int kind);
/* The sentence for a `how` (MSG_NONE for NONE). */
enum msg_id link_how_message(int how);

#endif
