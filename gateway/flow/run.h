/*
 * run.h - one call of flow_step(), inside the room: what every subject of the state machine works with.
 *
 * A step first applies its event, then settles what that touched (keys of the order, finished messages, requests whose turn has come),
 * then fills free capacity from the queues (pump), and last tells the vendors whose requests changed. The lists of `struct run` carry
 * what is to be settled, so that no function has to change a row while its caller holds a copy of it: a function that takes a pointer to a
 * row writes exactly that row, and marks the rest.
 */
#ifndef FLOW_RUN_H
#define FLOW_RUN_H

#include "flow/flow.h"

/* A key of the order whose first messages may have got their turn. */
struct run_key { char facility[FLOW_CODE], bundle_id[FLOW_BUNDLE_ID], list_key[FLOW_UNIT]; };
struct run_ids { int64_t *id; size_t count, capacity; };

struct run {
    const struct flow_config *cfg;
    struct flow_state *st;
    const struct flow_tables_ops *ops;
    void *t;
    const struct flow_event *ev;
    struct flow_orders *orders;
    struct err *e;
    uint64_t draws;                  /* random values taken from the event's seed */
    struct run_ids touched;          /* requests whose status file is to be replaced */
    struct run_ids finals;           /* messages that have become final */
    struct run_key *key;
    size_t key_count, key_capacity;
    bool turns;                      /* a request at step `turn` may go on */
    const char *actor;
};

/* Hands an error on. Nothing in this room owns anything between two calls, so there is nothing to clean up. */
#define RUN_TRY(call) do { int run_rc_ = (call); if (run_rc_ < 0) return run_rc_; } while (0)

/* ---- run.c: rows, orders, jobs ---- */
void flow_run_free(struct run *r);
int flow_run_mark_id(struct run *r, struct run_ids *list, int64_t id);
int flow_run_mark_key(struct run *r, const struct flow_message *m);
int flow_run_inconsistent(struct run *r, const char *what, int64_t id);
struct flow_cause flow_run_cause(const struct run *r, enum msg_id msg);
int flow_run_put_request(struct run *r, struct flow_request *q, enum msg_id msg);
int flow_run_put_attachment(struct run *r, struct flow_attachment *a);
int flow_run_put_unit(struct run *r, struct flow_unit *u);
int flow_run_put_message(struct run *r, struct flow_message *m, enum msg_id msg);
int flow_run_put_attempt(struct run *r, struct flow_attempt *a);
int flow_run_put_exchange(struct run *r, struct flow_exchange *x, enum msg_id msg);
int flow_run_get_message(struct run *r, int64_t id, struct flow_message *ret_m);
int flow_run_get_exchange(struct run *r, int64_t id, struct flow_exchange *ret_x);
/* The request a report is about: 1, and its job is over; 0 when nobody waits for the report, or the request has gone on without it. */
int flow_run_request_of(struct run *r, enum flow_job_kind kind, int64_t token, enum flow_request_state state, enum flow_request_step step, struct flow_request *ret_q);
struct flow_order *flow_run_order(struct run *r, enum flow_order_type type);   /* NULL: out of memory, error set */
struct flow_order *flow_run_work(struct run *r, enum flow_order_type type, const struct flow_job *job);   /* the order whose report names that job; job NULL: there was no room for it */
int flow_run_log_message(struct run *r, const struct flow_message *m, enum msg_id msg);
int flow_run_log_request(struct run *r, const struct flow_request *q, enum msg_id msg);
enum { FLOW_ALARM_LOOK_MS = 10000 };   /* while an alarm stands it is looked at so often whether it still does */
int flow_run_alarm(struct run *r, enum flow_alarm alarm, int32_t index, const char *name, bool raise, enum msg_id msg);
int flow_run_reply(struct run *r, enum msg_id msg, int code, int64_t request, int64_t message, int64_t wait_ms);
void flow_run_uuid(struct run *r, char ret_text[static UUID_TEXT]);
int64_t flow_run_backoff(struct run *r, int64_t first_ms, int64_t longest_ms, int32_t failures);
void flow_run_reason(char ret_reason[static FLOW_REASON], enum msg_id msg);
struct flow_job *flow_run_job_add(struct run *r, enum flow_job_kind kind, int64_t id, int64_t version);   /* NULL: no room */
struct flow_job *flow_run_job_find(struct run *r, enum flow_job_kind kind, int64_t token);
bool flow_run_job_take(struct run *r, enum flow_job_kind kind, int64_t token, struct flow_job *ret_job);  /* found, and removed; false: nobody waits for it any more */
struct flow_job *flow_run_job_of(struct run *r, enum flow_job_kind kind, int64_t id);
void flow_run_job_remove(struct run *r, struct flow_job *job);
#define RUN_JOB(kind) (1u << FLOW_JOB_##kind)
size_t flow_run_job_count(const struct run *r, unsigned kinds, int route);   /* jobs of these kinds; of all routes (-1) or of one */
void flow_run_enqueue(struct flow_queue *queue, int64_t id);
void flow_run_enqueue_send(struct run *r, const struct flow_message *m);
bool flow_run_is_zero(const struct sha256 *digest);
const struct flow_facility_config *flow_run_facility(const struct flow_config *cfg, const char *code, size_t *ret_index);
const struct flow_route_config *flow_run_route_config(const struct flow_config *cfg, const char *id);
struct flow_route_state *flow_run_route(struct run *r, const char *id);           /* made when new; NULL: no room */
struct flow_signer_slot *flow_run_signer(struct run *r, const char *id);

/* ---- intake.c, settle.c, open.c: a request from its claim to its messages, and back to the vendor ---- */
int flow_intake_offered(struct run *r);
int flow_intake_claimed(struct run *r);
int flow_intake_claim_failed(struct run *r);
int flow_intake_spool_up(struct run *r);
int flow_intake_attachment(struct run *r);
int flow_intake_looked(struct run *r);
int flow_intake_attachment_due(struct run *r, struct flow_request *q);
int flow_intake_step(struct run *r, struct flow_request *q, enum flow_request_step step);
bool flow_intake_counts(enum flow_request_step step);
int flow_intake_room(struct run *r);
int64_t flow_intake_wait_ms(const struct run *r, const struct flow_request *q);
int flow_intake_order_attachment(struct run *r, const struct flow_request *q, const struct flow_attachment *a);
int flow_settle_turns(struct run *r);
int flow_open_reject(struct run *r, struct flow_request *q, enum msg_id why);
int flow_open_request(struct run *r, struct flow_request *q, const struct flow_unit_converted *made, size_t made_count);
int flow_open_converted(struct run *r);
int flow_open_finals(struct run *r);
int flow_open_composed(struct run *r);
int flow_open_handed_back(struct run *r);

/* ---- notice.c: an unasked result ---- */
int flow_notice_come(struct run *r);
int flow_notice_read(struct run *r);
void flow_notice_fill(const struct flow_request *q, struct flow_order *order);
int flow_notice_end(struct run *r, struct flow_request *q, enum msg_id why);
int flow_notice_again(struct run *r, struct flow_request *q);

/* ---- message.c, order.c, cancel.c ---- */
int flow_message_enter(struct run *r, struct flow_message *m, enum flow_message_state state, enum msg_id msg);
int flow_message_make_ready(struct run *r, struct flow_message *m, enum msg_id msg);
int flow_message_done(struct run *r, struct flow_message *m, enum flow_evidence evidence, int64_t exchange, int64_t attempt);
int flow_message_unknown(struct run *r, struct flow_message *m);
int flow_message_has_open_cancel(struct run *r, const char *facility, const char *bundle_id, int64_t except, bool *ret_has);
int flow_message_bundle_loud(struct run *r, const char *facility, const char *bundle_id, bool *ret_loud);
int flow_order_keys(struct run *r);
int flow_order_may_go(struct run *r, const struct flow_message *m, bool *ret_may);
int flow_cancel_begin(struct run *r, struct flow_message *m);
int flow_cancel_close_register(struct run *r, const struct flow_message *cancel);

/* ---- sign.c ---- */
int flow_sign_state(struct run *r);
int flow_sign_signed(struct run *r);
int flow_sign_failed(struct run *r);
int flow_sign_checked(struct run *r);
int flow_sign_pump(struct run *r);
int flow_sign_prefer(struct run *r);
void flow_sign_enqueue(struct run *r, const struct flow_message *m);
/* Why a message that enters to_sign waits: as its signer stands just then. */
enum msg_id flow_sign_reason(struct run *r, const struct flow_message *m);

/* ---- send.c, link.c, evidence.c, unknown.c ---- */
int flow_send_built(struct run *r);
int flow_send_pump(struct run *r);
int flow_link_up(struct run *r);
int flow_link_down(struct run *r, const char *route, enum msg_id why);
int flow_link_lost(struct run *r);
int flow_link_published(struct run *r);
int flow_link_not_left(struct run *r);
int flow_link_unsure(struct run *r);
int flow_link_left(struct run *r);
int flow_link_ended(struct run *r);
int flow_link_answer(struct run *r);
int flow_link_folder(struct run *r);
int flow_link_stray(struct run *r);
int flow_link_state(struct run *r, struct flow_exchange *x, enum flow_exchange_state state);
int flow_link_give_up(struct run *r, struct flow_exchange *x, bool gone);
int flow_link_quiet(struct run *r, struct flow_exchange *x, struct flow_message *m);
int flow_link_gone(struct run *r, struct flow_exchange *x);
int flow_link_exchange_due(struct run *r, struct flow_exchange *x);
bool flow_link_busy(enum flow_exchange_state state);
int flow_link_find_busy(struct run *r, int64_t message, struct flow_exchange *ret_x);   /* 1, 0 */
struct flow_order *flow_link_order(struct run *r, enum flow_order_type type, const struct flow_exchange *x, const struct flow_message *m);
int flow_evidence_read(struct run *r);
int flow_evidence_read_lost(struct run *r, struct flow_job *job);

enum flow_unknown_act { UNKNOWN_NOTHING, UNKNOWN_WAIT_SETTLE, UNKNOWN_WAIT_CANCEL, UNKNOWN_PERSON, UNKNOWN_POLL, UNKNOWN_INQUIRE, UNKNOWN_PROBE, UNKNOWN_REPEAT };
int flow_unknown_act(struct run *r, const struct flow_message *m, enum flow_unknown_act *ret_act);
int flow_unknown_plan(struct run *r, struct flow_message *m);      /* sets due, turn, held, reason; does not put */
int flow_unknown_replan(struct run *r, int64_t message, bool failed);

/* ---- timers.c, clock.c, start.c, operate.c, pump.c ---- */
int flow_clock_start(struct run *r);
int flow_clock_event(struct run *r);
int flow_clock_believe(struct run *r);
int flow_timers_due(struct run *r);
int flow_timers_ages(struct run *r);
int flow_start_begin(struct run *r);
int flow_start_after_restore(struct run *r);
int flow_operate_event(struct run *r);
int flow_pump_all(struct run *r);
int flow_pump_lost(struct run *r);

#endif
