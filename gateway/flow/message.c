/*
 * NAME
 *     message - the arrows between the states of a message
 * DESCRIPTION
 *     flow_message_enter() is the only place where a message changes its state. A message that begins as `ready` gets its turn at once when
 *     nothing is before it. The caller sets the timer that belongs to the new state. It writes the row and marks what follows: the key of the order,
 *     the request when the message is final, the siblings of an all_or_none request that wait for its signature.
 */
#include "flow/run.h"

static int message_close_attempt(struct run *r, const struct flow_message *m)
{
    struct flow_attempt a;
    int rc;
    if (m->attempts == 0)
        return 0;
    RUN_TRY(rc = r->ops->attempt_last(r->t, m->id, &a, r->e));
    if (rc == 0 || !a.open)
        return 0;
    a.open = false;
    a.ended_wall_ms = r->ev->wall_ms;
    return flow_run_put_attempt(r, &a);
}

static int message_mark_siblings(struct run *r, const struct flow_message *m)
{
    struct flow_message other;
    int rc;
    for (int64_t after = 0; (rc = r->ops->message_next_of_request(r->t, m->request, after, &other, r->e)) == 1; after = other.id)
        if (!flow_message_final(other.state))
            RUN_TRY(flow_run_mark_key(r, &other));
    return rc;
}

int flow_message_enter(struct run *r, struct flow_message *m, enum flow_message_state state, enum msg_id msg)
{
    bool was_to_sign = m->state == FLOW_MS_TO_SIGN;
    if (m->state == FLOW_MS_UNKNOWN && state != FLOW_MS_UNKNOWN)
        r->st->age_check_ms = 0;        /* perhaps no person is asked any more */
    m->state = state;
    m->since_wall_ms = r->ev->wall_ms;
    if (state != FLOW_MS_UNKNOWN)       /* there the plan has set them */
        m->turn = m->held = false;
    if (state == FLOW_MS_TO_SIGN || state == FLOW_MS_SENDING)
        m->due_ms = 0;
    flow_run_reason(m->reason, msg);
    if (state == FLOW_MS_READY && m->id == 0 && !m->all_or_none)   /* its siblings, if they count, are not all there yet */
        RUN_TRY(flow_order_may_go(r, m, &m->turn));
    RUN_TRY(flow_run_put_message(r, m, msg));
    RUN_TRY(flow_run_log_message(r, m, msg));
    if (!m->turn || m->operation == FLOW_OP_CANCEL)                 /* else nothing of its key is there that could change with it */
        RUN_TRY(flow_run_mark_key(r, m));
    if (flow_message_final(state)) {
        RUN_TRY(flow_run_mark_id(r, &r->finals, m->id));
        RUN_TRY(message_close_attempt(r, m));
    } else if (state == FLOW_MS_READY) {
        RUN_TRY(message_close_attempt(r, m));
    } else if (state == FLOW_MS_TO_SIGN) {
        flow_sign_enqueue(r, m);
    }
    return was_to_sign && m->all_or_none ? message_mark_siblings(r, m) : 0;
}

int flow_message_has_open_cancel(struct run *r, const char *facility, const char *bundle_id, int64_t except, bool *ret_has)
{
    struct flow_message m;
    int rc = 0;
    *ret_has = false;
    if (bundle_id[0] == '\0')
        return 0;
    for (int64_t after = 0; !*ret_has && (rc = r->ops->message_next_blocking(r->t, facility, bundle_id, after, &m, r->e)) == 1; after = m.id)
        *ret_has = m.operation == FLOW_OP_CANCEL && !flow_message_final(m.state) && m.id != except;
    return rc < 0 ? rc : 0;
}

int flow_message_bundle_loud(struct run *r, const char *facility, const char *bundle_id, bool *ret_loud)
{
    struct flow_exchange x;
    int rc = bundle_id[0] == '\0' ? 0 : r->ops->exchange_next_loud(r->t, facility, bundle_id, 0, &x, r->e);
    *ret_loud = rc == 1;
    return rc < 0 ? rc : 0;
}

/* A register or change never becomes ready while a cancel of its Bundle-ID waits or is out. */
int flow_message_make_ready(struct run *r, struct flow_message *m, enum msg_id msg)
{
    bool cancelled = false;
    if (m->operation != FLOW_OP_CANCEL)
        RUN_TRY(flow_message_has_open_cancel(r, m->facility, m->bundle_id, m->id, &cancelled));
    return cancelled ? flow_message_enter(r, m, FLOW_MS_WITHDRAWN, MSG_FLOW_CANCELLED_BEFORE) : flow_message_enter(r, m, FLOW_MS_READY, msg);
}

int flow_message_done(struct run *r, struct flow_message *m, enum flow_evidence evidence, int64_t exchange, int64_t attempt)
{
    m->evidence = evidence;
    m->evidence_exchange = exchange;
    m->stands_attempt = m->operation == FLOW_OP_CANCEL ? 0 : attempt;
    m->failures = 0;
    RUN_TRY(flow_message_enter(r, m, FLOW_MS_DONE, evidence == FLOW_EVIDENCE_UNSENT ? MSG_FLOW_CANCEL_UNSENT : MSG_NONE));
    return m->operation == FLOW_OP_CANCEL ? flow_cancel_close_register(r, m) : 0;
}

int flow_message_unknown(struct run *r, struct flow_message *m)
{
    m->state = FLOW_MS_UNKNOWN;      /* the plan looks at it as what it becomes */
    m->failures = 0;
    m->due_ms = 0;
    m->held = m->turn = false;
    RUN_TRY(flow_unknown_plan(r, m));
    return flow_message_enter(r, m, FLOW_MS_UNKNOWN, msg_by_code(m->reason));
}
