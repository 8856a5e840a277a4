/*
 * NAME
 *     cancel - what a cancel does to the other messages of its Bundle-ID
 * DESCRIPTION
 *     When it begins it withdraws, in the same commit, every register and change of its Bundle-ID that waits in `to_sign` or `ready`, and
 *     is done unsent when nothing of that Bundle-ID was ever attempted. When it becomes done, in whatever way, the same commit closes a
 *     register that it went past.
 */
#include "flow/run.h"

static int cancel_withdraw(struct run *r, const struct flow_message *c, bool *ret_held, bool *ret_attempted)
{
    struct flow_message m;
    int rc;
    *ret_held = *ret_attempted = false;
    for (int64_t after = 0; (rc = r->ops->message_next_of_bundle(r->t, c->facility, c->bundle_id, after, &m, r->e)) == 1; after = m.id) {
        if (m.id == c->id)
            continue;
        *ret_held = true;
        *ret_attempted = *ret_attempted || m.attempts > 0;
        if (m.operation != FLOW_OP_CANCEL && (m.state == FLOW_MS_TO_SIGN || m.state == FLOW_MS_READY))
            RUN_TRY(flow_message_enter(r, &m, FLOW_MS_WITHDRAWN, MSG_FLOW_CANCELLED_BEFORE));
    }
    return rc;
}

int flow_cancel_begin(struct run *r, struct flow_message *m)
{
    bool held = false, attempted = false;
    if (m->bundle_id[0] == '\0')       /* an empty list where nothing is live */
        return flow_message_done(r, m, FLOW_EVIDENCE_UNSENT, 0, 0);
    RUN_TRY(cancel_withdraw(r, m, &held, &attempted));
    if (held && !attempted)
        return flow_message_done(r, m, FLOW_EVIDENCE_UNSENT, 0, 0);
    if (!held && m->insured[0] == '\0')
        return flow_message_enter(r, m, FLOW_MS_REJECTED, MSG_FLOW_CANCEL_NO_INSURED);
    return flow_message_enter(r, m, FLOW_MS_READY, MSG_NONE);
}

/* Submits of the cancel that may have reached the service. */
static int cancel_count_sent(struct run *r, const struct flow_message *c, int *ret_count)
{
    struct flow_exchange x;
    int rc;
    *ret_count = 0;
    for (int64_t after = 0; (rc = r->ops->exchange_next_of_message(r->t, c->id, after, &x, r->e)) == 1; after = x.id) {
        bool not_left = x.state == FLOW_XS_CLOSED && x.answer_class == FLOW_CLASS_NONE;
        if (x.kind == FLOW_XK_SUBMIT && !not_left && x.answer_class != FLOW_CLASS_NOT_DONE_RETRY)
            (*ret_count)++;
    }
    return rc;
}

static int cancel_close_one(struct run *r, const struct flow_message *c, struct flow_message *m, int sent)
{
    struct flow_attempt a = { .id = 0 };
    struct flow_exchange x = { .id = 0 };
    bool single = c->evidence == FLOW_EVIDENCE_ANSWER && sent <= 1;
    int rc;
    if (c->evidence_exchange != 0)
        RUN_TRY(flow_run_get_exchange(r, c->evidence_exchange, &x));
    RUN_TRY(rc = r->ops->attempt_last(r->t, m->id, &a, r->e));
    if (single && x.answer_class == FLOW_CLASS_SUCCESS)
        return flow_message_done(r, m, FLOW_EVIDENCE_ANSWER, x.id, rc == 1 ? a.id : 0);
    m->evidence = single ? FLOW_EVIDENCE_ANSWER : c->evidence;
    m->evidence_exchange = c->evidence_exchange;
    m->may_have_stood = !(single && x.absent);
    return flow_message_enter(r, m, FLOW_MS_WITHDRAWN, m->may_have_stood ? MSG_FLOW_MAY_HAVE_STOOD : MSG_FLOW_CANCELLED_BEFORE);
}

int flow_cancel_close_register(struct run *r, const struct flow_message *c)
{
    struct flow_message m;
    int sent, rc;
    if (c->bundle_id[0] == '\0' || c->evidence == FLOW_EVIDENCE_UNSENT)
        return 0;
    RUN_TRY(cancel_count_sent(r, c, &sent));
    for (int64_t after = 0; (rc = r->ops->message_next_blocking(r->t, c->facility, c->bundle_id, after, &m, r->e)) == 1 && m.id < c->id; after = m.id)
        if (m.operation == FLOW_OP_REGISTER && (m.state == FLOW_MS_SENT || m.state == FLOW_MS_PENDING || m.state == FLOW_MS_UNKNOWN))
            RUN_TRY(cancel_close_one(r, c, &m, sent));
    return rc < 0 ? rc : 0;
}
