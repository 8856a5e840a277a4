/*
 * NAME
 *     operate - what a person asks for
 * DESCRIPTION
 *     Every operator's event is answered with one REPLY order. Retry and cancel make a request of their own (origin operator): without an
 *     original to be claimed or filed, with its outcome in the source of what it is about.
 * DIAGNOSTICS
 *     Refusals are replies with a message and a code; they are no errors of flow_step().
 */
#include "flow/run.h"

int flow_resolve_wait(const struct flow_tables_ops *ops, void *tables, const struct flow_message *message, bool done, int64_t boot_ms, int64_t *ret_wait_ms, struct err *e)
{
    struct flow_exchange x;
    int64_t wait = 0;
    int rc = 0;
    if (!(done && message->operation != FLOW_OP_CANCEL))
        for (int64_t after = 0; (rc = ops->exchange_next_loud(tables, message->facility, message->bundle_id, after, &x, e)) == 1; after = x.id) {
            int64_t left = !x.gone || x.due_ms == 0 ? INT64_MAX : x.due_ms > boot_ms ? x.due_ms - boot_ms : 1;
            wait = left > wait ? left : wait;
        }
    if (rc < 0)
        return rc;
    *ret_wait_ms = wait;
    return 0;
}

static int operate_message(struct run *r, struct flow_message *m)
{
    int rc = flow_run_get_message(r, r->ev->u.operate.id, m);
    if (rc == ERR_NOTFOUND) {
        rc = flow_run_reply(r, MSG_NOT_FOUND, ERR_NOTFOUND, 0, r->ev->u.operate.id, 0);
        return rc < 0 ? rc : 0;
    }
    return rc < 0 ? rc : 1;
}

/* A cancel of the Bundle-ID that is out may still decide it; one that only waits behind this message does not. */
static int operate_cancel_out(struct run *r, const struct flow_message *m, bool *ret_out)
{
    struct flow_message c;
    int rc = 0;
    *ret_out = false;
    for (int64_t after = 0; !*ret_out && (rc = r->ops->message_next_blocking(r->t, m->facility, m->bundle_id, after, &c, r->e)) == 1; after = c.id)
        *ret_out = c.operation == FLOW_OP_CANCEL && !flow_message_final(c.state) && c.state != FLOW_MS_READY;
    return rc < 0 ? rc : 0;
}

static int operate_resolve(struct run *r)
{
    struct flow_message m;
    struct flow_attempt a;
    int64_t wait;
    bool cancel = false, done = r->ev->u.operate.done;
    int rc = operate_message(r, &m);
    if (rc != 1)
        return rc;
    if (m.state != FLOW_MS_UNKNOWN)
        return flow_run_reply(r, flow_message_final(m.state) ? MSG_FLOW_REPLY_FINAL : MSG_FLOW_REPLY_NOT_FINAL, ERR_NOT_NOW, m.request, m.id, 0);
    RUN_TRY(flow_resolve_wait(r->ops, r->t, &m, done, r->ev->boot_ms, &wait, r->e));
    if (wait > 0)
        return flow_run_reply(r, MSG_FLOW_REPLY_WAIT, ERR_NOT_NOW, m.request, m.id, wait);
    if (!done && m.operation != FLOW_OP_CANCEL)
        RUN_TRY(operate_cancel_out(r, &m, &cancel));
    if (cancel)
        return flow_run_reply(r, MSG_FLOW_REPLY_CANCEL_FIRST, ERR_NOT_NOW, m.request, m.id, 0);
    RUN_TRY(rc = r->ops->attempt_last(r->t, m.id, &a, r->e));
    m.due_ms = 0;
    m.failures = 0;
    bool unsigned_yet = m.signature == FLOW_SIGNATURE_WANTED && flow_run_is_zero(&m.signed_bundle) && !m.unsigned_ok;
    bool unverified = m.signature == FLOW_SIGNATURE_PRESENT && m.attempts == 0;
    if (done)
        RUN_TRY(flow_message_done(r, &m, FLOW_EVIDENCE_PERSON, 0, rc == 1 ? a.id : 0));
    else if (unsigned_yet || unverified)     /* held by a restore before it was signed */
        RUN_TRY(flow_message_enter(r, &m, FLOW_MS_TO_SIGN, flow_sign_reason(r, &m)));
    else
        RUN_TRY(flow_message_make_ready(r, &m, MSG_NONE));
    return flow_run_reply(r, MSG_FLOW_REPLY_OK, 0, m.request, m.id, 0);
}

/* A new operator's order about an earlier request; not yet stored. */
static void operate_order(struct run *r, const struct flow_request *about, struct flow_request *q)
{
    memset(q, 0, sizeof *q);
    q->state = FLOW_RQ_RECEIVED;
    q->origin = FLOW_ORIGIN_OPERATOR;
    memcpy(q->source, about->source, sizeof q->source);
    memcpy(q->facility, about->facility, sizeof q->facility);
    memcpy(q->name, about->name, sizeof q->name);
    memcpy(q->actor, r->ev->u.operate.actor, sizeof q->actor);
    q->received_wall_ms = q->since_wall_ms = r->ev->wall_ms;
    q->about_request = about->id;
}

static int operate_cancel(struct run *r)
{
    struct flow_message m;
    struct flow_request about, q;
    struct flow_unit u;
    int rc = operate_message(r, &m);
    if (rc != 1)
        return rc;
    bool dead = flow_message_final(m.state) && m.state != FLOW_MS_DONE;
    if (dead || m.operation == FLOW_OP_CANCEL || m.bundle_id[0] == '\0')
        return flow_run_reply(r, MSG_FLOW_REPLY_FINAL, ERR_NOT_NOW, m.request, m.id, 0);
    RUN_TRY(r->ops->request_get(r->t, m.request, &about, r->e));
    operate_order(r, &about, &q);
    RUN_TRY(flow_intake_step(r, &q, FLOW_RS_TURN));
    memset(&u, 0, sizeof u);
    u.request = q.id;
    memcpy(u.source, q.source, sizeof u.source);
    memcpy(u.facility, q.facility, sizeof u.facility);
    u.asked = u.settled = FLOW_OP_CANCEL;
    u.kind = m.kind;
    memcpy(u.unit, m.unit, sizeof u.unit);
    memcpy(u.list_key, m.list_key, sizeof u.list_key);
    memcpy(u.bundle_id, m.bundle_id, sizeof u.bundle_id);
    RUN_TRY(flow_run_put_unit(r, &u));
    RUN_TRY(flow_open_request(r, &q, NULL, 0));
    return flow_run_reply(r, MSG_FLOW_REPLY_OK, 0, q.id, 0, 0);
}

static int operate_retry(struct run *r)
{
    struct flow_message m;
    struct flow_request about, q;
    struct flow_attachment a;
    int rc;
    bool dead = false;
    int64_t id = r->ev->u.operate.request;
    if (r->ev->u.operate.id != 0) {
        if ((rc = operate_message(r, &m)) != 1)
            return rc;
        id = m.request;
    }
    rc = r->ops->request_get(r->t, id, &about, r->e);
    if (rc == ERR_NOTFOUND)
        return flow_run_reply(r, MSG_NOT_FOUND, ERR_NOTFOUND, id, 0, 0);
    RUN_TRY(rc);
    if (about.origin == FLOW_ORIGIN_SERVICE)
        return flow_notice_again(r, &about);
    for (int64_t after = 0; (rc = r->ops->message_next_of_request(r->t, about.id, after, &m, r->e)) == 1; after = m.id)
        if (r->ev->u.operate.id == 0 || m.id == r->ev->u.operate.id)
            dead = dead || (flow_message_final(m.state) && m.state != FLOW_MS_DONE);
    RUN_TRY(rc);
    if (!dead || flow_run_is_zero(&about.original))
        return flow_run_reply(r, MSG_FLOW_REPLY_DONE_ALREADY, ERR_NOT_NOW, about.id, 0, 0);
    operate_order(r, &about, &q);
    q.original = about.original;
    RUN_TRY(flow_intake_step(r, &q, FLOW_RS_LOOK));
    for (int64_t after = 0; (rc = r->ops->attachment_next_of_request(r->t, about.id, after, &a, r->e)) == 1; ) {
        after = a.id;
        a.id = a.version = 0;
        a.request = q.id;
        RUN_TRY(flow_run_put_attachment(r, &a));
    }
    RUN_TRY(rc);
    return flow_run_reply(r, MSG_FLOW_REPLY_OK, 0, q.id, 0, 0);
}

static int operate_release(struct run *r)
{
    struct flow_request q;
    int rc = r->ops->request_get(r->t, r->ev->u.operate.request, &q, r->e);
    if (rc == ERR_NOTFOUND || (rc == 0 && (q.state != FLOW_RQ_RECEIVED || q.step != FLOW_RS_HELD)))
        return flow_run_reply(r, MSG_FLOW_REPLY_NOT_HELD, ERR_NOT_NOW, r->ev->u.operate.request, 0, 0);
    RUN_TRY(rc);
    flow_run_reason(q.reason, MSG_NONE);
    /* Its units, if it had been looked at before the restore, stand already: it goes on behind them. */
    struct flow_unit u;
    RUN_TRY(rc = r->ops->unit_next_of_request(r->t, q.id, 0, &u, r->e));
    if (!r->ev->u.operate.done)
        RUN_TRY(flow_open_reject(r, &q, MSG_FLOW_DROPPED));
    else if (rc == 0)
        RUN_TRY(flow_intake_step(r, &q, FLOW_RS_LOOK));
    else {
        q.due_ms = flow_run_is_zero(&q.content) ? r->ev->boot_ms + flow_intake_wait_ms(r, &q) : 0;
        RUN_TRY(flow_intake_step(r, &q, flow_run_is_zero(&q.content) ? FLOW_RS_ATTACH : FLOW_RS_TURN));
    }
    return flow_run_reply(r, MSG_FLOW_REPLY_OK, 0, q.id, 0, 0);
}

static int operate_acknowledge(struct run *r)
{
    struct flow_incident incident;
    struct flow_cause cause = flow_run_cause(r, MSG_NONE);
    int rc = r->ops->incident_get(r->t, r->ev->u.operate.id, &incident, r->e);
    if (rc == ERR_NOTFOUND)
        return flow_run_reply(r, MSG_NOT_FOUND, ERR_NOTFOUND, 0, 0, 0);
    RUN_TRY(rc);
    incident.open = false;
    RUN_TRY(r->ops->incident_put(r->t, &incident, &cause, r->e));
    RUN_TRY(rc = r->ops->incident_next_open(r->t, 0, &incident, r->e));
    RUN_TRY(flow_run_alarm(r, FLOW_ALARM_INCIDENT, 0, "", rc == 1, MSG_FLOW_ALARM_INCIDENT));
    return flow_run_reply(r, MSG_FLOW_REPLY_OK, 0, 0, 0, 0);
}

static int operate_pause(struct run *r, bool pause)
{
    struct flow_cause cause = flow_run_cause(r, pause ? MSG_FLOW_ALARM_PAUSED : MSG_NONE);
    RUN_TRY(r->ops->counter_set(r->t, FLOW_COUNTER_PAUSED, pause, &cause, r->e));
    r->st->paused = pause;
    if (!pause) {
        RUN_TRY(r->ops->counter_set(r->t, FLOW_COUNTER_RESTORED, 0, &cause, r->e));
        RUN_TRY(flow_run_alarm(r, FLOW_ALARM_RESTORE, 0, "", false, MSG_FLOW_ALARM_RESTORE));
    }
    RUN_TRY(flow_run_alarm(r, FLOW_ALARM_PAUSED, 0, "", pause, MSG_FLOW_ALARM_PAUSED));
    return flow_run_reply(r, MSG_FLOW_REPLY_OK, 0, 0, 0, 0);
}

int flow_operate_event(struct run *r)
{
    r->actor = r->ev->u.operate.actor;
    switch (r->ev->type) {
    case FLOW_EV_RETRY: return operate_retry(r);
    case FLOW_EV_CANCEL: return operate_cancel(r);
    case FLOW_EV_RESOLVE: return operate_resolve(r);
    case FLOW_EV_RELEASE: return operate_release(r);
    case FLOW_EV_ACKNOWLEDGE: return operate_acknowledge(r);
    case FLOW_EV_PAUSE: return operate_pause(r, true);
    case FLOW_EV_RESUME: return operate_pause(r, false);
    case FLOW_EV_BELIEVE_CLOCK: return flow_clock_believe(r);
    case FLOW_EV_AFTER_RESTORE: return flow_start_after_restore(r);
    default: return 0;
    }
}
