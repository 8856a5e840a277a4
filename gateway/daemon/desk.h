/*
 * desk.h - the inside of clinsgwd: the store, the state machine, the doors, and the turn that joins them. Private to the desk's files.
 *
 *     desk_main.c      start, the loop, signals, stop
 *     desk_turn.c      one transaction: events into flow_step(), commit, orders out
 *     desk_doors.c     door processes: start, end, start again
 *     desk_orders.c    an order of the state machine as a message to a door
 *     desk_reports.c   a message from a door as an event
 *     desk_facts.c     the same for the link doors
 *     desk_try.c       files in try/: looked at and converted without a row
 *     desk_outcome.c   outcome and status files from the rows
 *     desk_control.c   commands of clinsgw
 *     desk_house.c     disk, clock, status page, status log, hourly witness
 *
 * Rule of the turn: everything that came in is put into one transaction; an order that has an effect goes out after its commit and never before.
 */
#ifndef DAEMON_DESK_H
#define DAEMON_DESK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/arena.h"
#include "base/log.h"
#include "daemon/facts.h"
#include "daemon/settings.h"
#include "daemon/wire.h"
#include "exchange/exchange.h"
#include "flow/flow.h"
#include "store/store.h"

enum desk_door_kind { DESK_SPOOL, DESK_CONVERT, DESK_SIGN, DESK_LINK, DESK_DOOR_KINDS };

enum {
    DESK_DOORS_MAX = 128, DESK_JOBS_MAX = 256, DESK_CLIENTS_MAX = 16, DESK_TRIES_MAX = 64, DESK_CACHE_MAX = 256, DESK_ALARMS_MAX = FLOW_ALARM_SLOTS,
    DESK_DIRTY_MAX = 4096, DESK_PAYLOAD_MAX = 96 << 20, DESK_TAKEN_MAX = 128 << 10 /* read, larger payloads are mapped */, DESK_CACHE_BYTES = 32 << 20, DESK_JOB_LIMIT_MS = 120 * 1000, DESK_SEEDS = 64
};

struct desk_door {
    enum desk_door_kind kind;
    char name[512];                  /* group of sources, number of a worker, signer, link */
    pid_t pid;                       /* 0 = not running */
    int fd;                          /* -1 = not running */
    bool ready;
    int64_t started_ms, start_ms;    /* boot clock: started; may be started (again) */
    int failures;                    /* ends in a row without a minute of life */
    int jobs;                        /* orders that it holds */
    int64_t worked_ms;               /* boot clock: when it was last done with one */
    int64_t deaf_ms;                 /* boot clock: since then it has left messages unread and said nothing, 0 = it has not */
    enum msg_id problem;             /* what it said before its end, MSG_NONE once it was ready */
    char problem_arg[2][128];
    bool cut;                        /* it was cut off and may be alive: desk_doors_check() tells the state machine */
};

/* A pure order that a worker or a signer holds. */
struct desk_job {
    bool used, spoiled;              /* spoiled: the worker could not do it, which says nothing about the file */
    int64_t token, deadline_ms;
    uint64_t given;                  /* order in which the doors got their orders: a worker is at the first of its own */
    int door;                        /* -1 = no worker was there: given as soon as one is ready */
    struct flow_order order;
    struct flow_unit_converted unit[FLOW_UNITS_MAX];
    size_t units;
    int try_index;                   /* order of a file in try/: index + 1, 0 = none */
};

struct desk_client {
    int fd;                          /* -1 = free */
    char actor[FLOW_ACTOR];          /* "operator:root", from the peer's credentials */
    uid_t uid;
    int language;
    bool json;
    bool denied;                     /* a stranger: told so when it asks */
    bool asked, answered;            /* an event was made of it; the state machine has answered, which is said after the commit */
    struct flow_order answer;
    int64_t since_ms;                /* boot clock */
};

/* A payload that was in hand: its bytes when it is small enough to go inside messages, else (or besides) its memfd. */
struct desk_cached { struct sha256 digest; char *bytes; int fd; uint64_t used; int64_t size; };

struct desk_alarm { bool raised, told, patient /* told only when it lasts */; struct flow_order order; int64_t since_wall_ms, since_ms /* boot clock */; };

struct desk_signer { int state; bool present, attended, low, final_try, locked, sitting /* a person's, handed on to the door */; int64_t not_after_ms; char title[192]; };

/* Facts that the desk itself knows while it gives orders; they become events of the next turn. */
struct desk_later { struct flow_event event; struct desk_later *next; };

struct desk_try;

struct desk {
    const char *config_path;
    int config;                      /* sealed text of the configuration in force: what a door is started with, whatever lies at the path by then */
    struct arena *arena;             /* of the settings in force */
    struct settings *settings;
    struct exchange_profile *profile[SETTINGS_MAX];
    struct flow_config cfg;
    struct flow_state *flow;
    struct flow_orders orders;
    size_t orders_answered;          /* of this transaction, looked at for what is answered inside it (COMPOSE, REPLY) */
    size_t orders_early;             /* ... and for what is given before its commit */
    bool pressed;                    /* an order waits for the commit that is not to wait */
    int64_t pressed_since_ms;        /* boot clock */
    struct store *store;
    unsigned char seeds[DESK_SEEDS][32];   /* random numbers for events to come: each is used once */
    size_t seeds_left;
    bool in_turn;                    /* a transaction is open */
    int64_t turn_since_ms;           /* boot clock: since then */
    struct log *log;
    int status_log;                  /* descriptor of status.log */
    struct buf lines;                /* of it that are not written yet */
    struct desk_door door[DESK_DOORS_MAX];
    size_t doors;
    struct desk_job job[DESK_JOBS_MAX];
    struct desk_later *later, **later_end;
    struct desk_client client[DESK_CLIENTS_MAX];
    int replying;                    /* client whose command is in hand, -1 = none */
    struct buf taken;                /* bytes of the payload that is being put, kept for the next */
    struct desk_cached cache[DESK_CACHE_MAX];
    uint64_t cache_clock;
    struct desk_alarm alarm[DESK_ALARMS_MAX];
    struct desk_signer signer[SETTINGS_MAX];
    bool source_up[SETTINGS_MAX], source_met[SETTINGS_MAX], link_up[SETTINGS_MAX];
    int64_t link_since_wall_ms[SETTINGS_MAX];
    struct desk_try *tries;
    int64_t dirty[DESK_DIRTY_MAX];   /* requests whose status file is to be written */
    int64_t dirty_since[DESK_DIRTY_MAX];
    bool dirty_fresh[DESK_DIRTY_MAX]; /* it came in this life and none was written yet: there is nothing to take away */
    int64_t newest;                  /* request that was seen last, or was there when this life began */
    size_t dirty_count;
    bool paused_told;                /* the status files of what waits to be sent say whether sending is paused */
    int64_t again_before;            /* messages below this one are still to be told of, 0 = none */
    int64_t written, published;      /* request, exchange: said by the door that is being heard, and told to the state machine with what it says next */
    int control;                     /* listening socket */
    int signals;                     /* signalfd */
    int64_t next_house_ms, next_page_ms, next_hour_ms, next_retain_ms, next_watchdog_ms, watchdog_ms;
    int64_t clock_wall_ms, clock_boot_ms;   /* last pair seen, for steps of the wall clock */
    int64_t started_wall_ms, next_ends_ms;
    struct facts_ends ends;          /* of certificates and revocation lists on disk */
    bool page_dirty, stopping, failed;
    bool replacing;                  /* the desk itself ends the doors: nobody is to blame */
    int64_t replaced_ms;             /* boot clock: when it last did */
    bool disk_full, disk_told;       /* a turn failed for want of room; the state machine knows the disk level */
    uint64_t given;                  /* orders given to doors */
    struct wire_out out;
    bool out_bad;                    /* the last message could not be made: too large, or bytes missing */
    struct wire_in in;
};

/* ---- desk_turn.c ---- */

/* Opens the transaction unless it is open. */
int desk_turn_begin(struct desk *d, struct err *e);
/* One event into the state machine: time and seed are drawn here. A failure marks the turn as failed; desk_turn_commit() rolls back. */
void desk_event(struct desk *d, struct flow_event *event);
/* The same in the next turn: for use while orders are given. */
void desk_event_later(struct desk *d, const struct flow_event *event);
/* Hands over what desk_event_later() collected; true when there was something. */
bool desk_events_due(struct desk *d);
/* Gives the orders that need no commit, and commits when it is time. heard: a door has said something in this turn, so there may be more of it by now. */
void desk_turn_end(struct desk *d, bool heard);
/* Commits, gives the other orders. After a failure: rolls back, forgets the state, begins anew with START. */
void desk_turn_commit(struct desk *d);
/* Boot time up to which the loop may wait because of the open transaction: 0 = it may only look, INT64_MAX = none is open. */
int64_t desk_turn_due(const struct desk *d);
/* The life of the state machine begins (again): fresh state, START, doors' states told anew. */
int desk_flow_start(struct desk *d, struct err *e);

/* Puts the bytes of a sealed memfd as a payload and keeps it at hand for later use (takes the descriptor over). */
int desk_payload_take(struct desk *d, int fd, struct sha256 *ret_digest, struct err *e);
/* The same of bytes in memory. */
int desk_payload_keep(struct desk *d, struct bytes text, struct sha256 *ret_digest, struct err *e);
/* A payload as a field of d->out, inside it or as a memfd. False: it cannot be had (logged) and is left out. */
bool desk_put_payload(struct desk *d, enum wire_field field, const struct sha256 *digest);
/* Puts what came in a field of a message; an absent one leaves the digest as it is. False when the event must not be made; a failing store fails the turn. */
bool desk_take(struct desk *d, struct wire_in *in, enum wire_field field, struct sha256 *ret_digest);
/* The same of a descriptor, fd < 0 = absent. */
bool desk_take_fd(struct desk *d, int fd, struct sha256 *ret_digest);
/* Puts a text of the desk's own as a payload. */
bool desk_put_text(struct desk *d, const char *text, size_t len, struct sha256 *ret_digest);
/* Bytes of a field as a terminated text, cut to size. */
void desk_text_of(char *ret_text, size_t size, struct bytes from);
/* Text into a field of a row or event, cut at a character. */
#define DESK_COPY(target, text) text_copy(target, sizeof(target), (text))
void desk_log(struct desk *d, const struct err *e);

/* ---- desk_doors.c ---- */

/* The text that lies at path as a sealed memfd. Descriptor or a negative code. */
int desk_config_open(const char *path, struct err *e);
int desk_doors_plan(struct desk *d, struct err *e);          /* which doors the settings ask for */
void desk_doors_start(struct desk *d, int64_t boot_ms);      /* starts those whose time has come */
void desk_link_down(struct desk *d, const char *route);
/* Lets one worker come up with the configuration that lies there now, and ends it: 0, or why it could not (interface profile, code map, compiled FHIR profiles, trust anchors). */
int desk_doors_probe(struct desk *d, struct err *e);
void desk_doors_reap(struct desk *d);                        /* waitpid; what a dead door held becomes events */
void desk_doors_stop(struct desk *d, bool links_too);        /* tells them to stop */
void desk_door_kill(struct desk *d, size_t door);
/* ... and says and hears nothing more. It is reaped when it is dead; only then it gets a successor. */
void desk_door_cut(struct desk *d, size_t door);
/* Ends all doors and forgets their orders without a word to the state machine: it begins anew. */
void desk_doors_drop(struct desk *d);
/* Ends doors that have not read what the desk said for a long time: a share that hangs holds up its own sources only. */
void desk_doors_check(struct desk *d, int64_t boot_ms);
/* Sends d->out; a door that does not take it is ended (and reaped later). False: it did not go out, which may be the message's own fault (too large, bytes missing). */
bool desk_door_send(struct desk *d, size_t door);
int desk_door_find(const struct desk *d, enum desk_door_kind kind, const char *name);   /* -1 = none or not ready */
/* Asks the doors of all sources to offer again what they have told before. */
void desk_ask_offers(struct desk *d);
int desk_door_of_source(const struct desk *d, const char *source);
/* A file beside the vendor's results that nothing waits for: place is an enum spool_place. A door that is away will never write it: it is told elsewhere, too. */
void desk_door_write(struct desk *d, const char *source, int place, const char *name, struct bytes text);
int desk_door_worker(const struct desk *d);                  /* the least busy one, -1 = none */
struct desk_job *desk_job_new(struct desk *d, int door, int64_t token, const struct flow_order *order);
/* The order with that number, if that door holds it: a worker that was taken over answers for itself only. Numbers of files in try/ are negative. */
struct desk_job *desk_job_find(struct desk *d, int64_t token, size_t door);
void desk_job_end(struct desk *d, struct desk_job *job);
void desk_jobs_check(struct desk *d, int64_t boot_ms);       /* kills workers that hang */

/* ---- desk_facts.c ---- */

void desk_fact(struct desk *d, size_t door, struct wire_in *in);   /* WIRE_FACT */
/* What was kept back to be told together with an answer is told alone. */
void desk_fact_flush(struct desk *d);
void desk_link_set(struct desk *d, const char *route, bool up, uint64_t how);

/* ---- desk_orders.c, desk_reports.c ---- */

void desk_give(struct desk *d, const struct flow_order *order);
/* Reads and handles what a door has said, at most some messages a call. */
int desk_hear(struct desk *d, size_t door);    /* number of messages handled */
/* A door is ready: what waited for it is given. */
void desk_give_waiting(struct desk *d);

/* ---- desk_try.c ---- */

void desk_try_file(struct desk *d, size_t door, struct wire_in *in);
void desk_try_beside(struct desk *d, struct wire_in *in);
void desk_try_looked(struct desk *d, struct desk_job *job, struct wire_in *in);
void desk_try_unit(struct desk *d, struct desk_job *job, struct wire_in *in);
void desk_try_converted(struct desk *d, struct desk_job *job, struct wire_in *in);
void desk_try_lost(struct desk *d, struct desk_job *job, bool blamed);
/* Trials that wait for a worker; once a turn: files that were turned away. */
void desk_try_waiting(struct desk *d);
void desk_try_check(struct desk *d);
/* The door of that source is gone: its trials are over, the next door offers their files again. */
void desk_try_door_lost(struct desk *d, const char *group);
int desk_try_new(struct desk *d, struct err *e);
void desk_try_free(struct desk *d);

/* ---- desk_outcome.c ---- */

/* Outcome (final) or status file of a request, in the vendor's form (docs/vendor-guide.md). */
int desk_outcome_text(struct desk *d, int64_t request, bool final, struct buf *ret_text, struct err *e);
/* Answers FLOW_DO_COMPOSE inside the turn. */
void desk_compose(struct desk *d, const struct flow_order *order);
/* Sealed memory with the outcome made once more from the rows, for one that the disk has damaged; the caller closes it. What failed has been logged. */
int desk_outcome_again(struct desk *d, int64_t request);
int desk_status_open(struct desk *d, struct err *e);       /* once, before the first request of this life */
void desk_status_dirty(struct desk *d, int64_t request);
void desk_status_flush(struct desk *d, int64_t boot_ms);
/* No status file of it lies anywhere: it came in this life, and the pause before the first one is not over. */
bool desk_status_unwritten(const struct desk *d, int64_t request);
/* Boot time of the next flush, INT64_MAX = none. */
int64_t desk_status_due(const struct desk *d);

/* ---- desk_control.c ---- */

int desk_control_open(struct desk *d, struct err *e);
void desk_control_accept(struct desk *d);
void desk_control_hear(struct desk *d, size_t client);
void desk_control_reply(struct desk *d, const struct flow_order *order);   /* FLOW_DO_REPLY: kept until the turn has ended */
/* The turn has been committed, or rolled back: says so to those who asked. */
void desk_control_turned(struct desk *d, bool committed);
/* Ends the sitting of a person's card when nothing waits for it any more: at the end of each turn. */
void desk_sitting_check(struct desk *d);
void desk_control_close(struct desk *d);

/* ---- desk_house.c ---- */

int desk_house_open(struct desk *d, struct err *e);
void desk_house_turn(struct desk *d, int64_t boot_ms);       /* disk, clock, page, witness, watchdog */
/* Between turns: lets go of what was answered longer ago than log_keep_days. */
void desk_house_care(struct desk *d, int64_t boot_ms);
int64_t desk_house_due(const struct desk *d);
void desk_log_order(struct desk *d, const struct flow_order *order);       /* FLOW_DO_LOG: status log and journal */
void desk_alarm_order(struct desk *d, const struct flow_order *order);     /* FLOW_DO_ALARM */
/* Writes what the status log has gathered: after each commit, and before the desk sleeps. */
void desk_log_flush(struct desk *d);
void desk_log_plain(struct desk *d, enum msg_id msg, const char *arg1, const char *arg2);
/* Everything that page and `clinsgw status` show, as text, HTML or JSON. */
enum desk_page { DESK_PAGE_TEXT, DESK_PAGE_HTML, DESK_PAGE_JSON };
int desk_page_make(struct desk *d, enum desk_page form, enum msg_lang lang, struct buf *ret_text, int *ret_exit, struct err *e);

/* settings -> flow_config */
void desk_flow_config(struct desk *d);

#endif
