/*
 * NAME
 *     unknown - how a message that may have happened becomes known
 * DESCRIPTION
 *     One table: what kind of message may be settled in which way. The plan is made again whenever something changed in the Bundle-ID:
 *     an exchange settled, a cancel came or went, an inquiry came to nothing.
 *         register of a letter          status inquiry, as often as needed
 *         register of the five kinds    probe by change once settled, where the profile turns it on
 *         change, cancel                the same bytes again once settled
 *         any with a receipt number     is polled in turns with the above
 *         register with an open cancel  nothing: the cancel settles it
 *         else                          a person
 */
#include "flow/run.h"

static enum flow_unknown_act unknown_means(const struct flow_message *m, const struct flow_route_config *route)
{
    if (m->operation == FLOW_OP_CHANGE || m->operation == FLOW_OP_CANCEL)
        return UNKNOWN_REPEAT;
    if (m->kind == FLOW_KIND_LETTER && route->inquire_letter)
        return UNKNOWN_INQUIRE;
    if (m->kind >= FLOW_KIND_CONDITION && m->kind < FLOW_KIND_COUNT && route->probe_by_change)
        return UNKNOWN_PROBE;
    return UNKNOWN_PERSON;
}

int flow_unknown_act(struct run *r, const struct flow_message *m, enum flow_unknown_act *ret_act)
{
    struct flow_attempt a;
    bool cancel = false, loud;
    int rc;
    *ret_act = UNKNOWN_PERSON;
    if (m->state != FLOW_MS_UNKNOWN || m->held)
        return 0;
    RUN_TRY(rc = r->ops->attempt_last(r->t, m->id, &a, r->e));
    const struct flow_route_config *route = rc == 1 ? flow_run_route_config(r->cfg, a.route) : NULL;
    if (route == NULL)
        return 0;
    if (m->operation != FLOW_OP_CANCEL)
        RUN_TRY(flow_message_has_open_cancel(r, m->facility, m->bundle_id, m->id, &cancel));
    if (cancel && m->operation == FLOW_OP_REGISTER) {
        *ret_act = UNKNOWN_WAIT_CANCEL;
        return 0;
    }
    enum flow_unknown_act means = unknown_means(m, route);
    if (a.receipt[0] != '\0' && (means == UNKNOWN_PERSON || m->failures % 2 == 0)) {
        *ret_act = UNKNOWN_POLL;
        return 0;
    }
    RUN_TRY(flow_message_bundle_loud(r, m->facility, m->bundle_id, &loud));
    *ret_act = loud && (means == UNKNOWN_REPEAT || means == UNKNOWN_PROBE) ? UNKNOWN_WAIT_SETTLE : means;
    if (*ret_act == UNKNOWN_WAIT_SETTLE && a.receipt[0] != '\0')
        *ret_act = UNKNOWN_POLL;
    return 0;
}

int flow_unknown_plan(struct run *r, struct flow_message *m)
{
    static const enum msg_id reason[] = {
        [UNKNOWN_NOTHING] = MSG_FLOW_WAIT_SETTLE, [UNKNOWN_WAIT_SETTLE] = MSG_FLOW_WAIT_SETTLE, [UNKNOWN_WAIT_CANCEL] = MSG_FLOW_WAIT_CANCEL,
        [UNKNOWN_PERSON] = MSG_FLOW_ASK_PERSON, [UNKNOWN_POLL] = MSG_FLOW_WAIT_INQUIRY, [UNKNOWN_INQUIRE] = MSG_FLOW_WAIT_INQUIRY,
        [UNKNOWN_PROBE] = MSG_FLOW_WAIT_INQUIRY, [UNKNOWN_REPEAT] = MSG_FLOW_WAIT_SETTLE };
    struct flow_exchange busy;
    struct flow_attempt a;
    enum flow_unknown_act act;
    int rc;
    if (m->held)
        return 0;
    RUN_TRY(rc = flow_link_find_busy(r, m->id, &busy));
    if (rc == 1) {                       /* its answer, or its end, plans again */
        m->turn = false;
        if (m->reason[0] == '\0')
            flow_run_reason(m->reason, MSG_FLOW_WAIT_INQUIRY);
        return 0;
    }
    RUN_TRY(flow_unknown_act(r, m, &act));
    flow_run_reason(m->reason, reason[act]);
    if (act <= UNKNOWN_PERSON) {
        m->due_ms = 0;
        m->turn = false;
        return act == UNKNOWN_PERSON ? flow_run_alarm(r, FLOW_ALARM_PERSON, 0, m->facility, true, MSG_FLOW_ASK_PERSON) : 0;
    }
    if (m->turn || m->due_ms > r->ev->boot_ms)
        return 0;                        /* planned already */
    RUN_TRY(rc = r->ops->attempt_last(r->t, m->id, &a, r->e));
    const struct flow_route_config *route = rc == 1 ? flow_run_route_config(r->cfg, a.route) : NULL;
    if (route == NULL)
        return 0;
    if (m->failures == 0 && act != UNKNOWN_INQUIRE && act != UNKNOWN_POLL) {
        m->due_ms = 0;
        m->turn = true;
        return 0;
    }
    int64_t first = act == UNKNOWN_INQUIRE ? route->inquire_ms : act == UNKNOWN_POLL ? route->poll_ms : route->retry_ms;
    int64_t longest = route->settle_ms > route->retry_max_ms ? route->settle_ms : route->retry_max_ms;
    m->due_ms = r->ev->boot_ms + flow_run_backoff(r, first, first > longest ? first : longest, m->failures);
    m->turn = false;
    return 0;
}

int flow_unknown_replan(struct run *r, int64_t message, bool failed)
{
    struct flow_message m;
    struct flow_exchange other;
    int busy = 0;
    RUN_TRY(flow_run_get_message(r, message, &m));
    if (m.state == FLOW_MS_PENDING && failed) {     /* a poll that came to nothing: the next one */
        struct flow_attempt a;
        int rc;
        RUN_TRY(rc = r->ops->attempt_last(r->t, m.id, &a, r->e));
        const struct flow_route_config *route = rc == 1 ? flow_run_route_config(r->cfg, a.route) : NULL;
        m.failures += m.failures < 30;
        m.turn = false;
        if (route != NULL && m.deadline_ms > r->ev->boot_ms + route->pending_ms)
            m.deadline_ms = r->ev->boot_ms + route->pending_ms;      /* of an earlier life */
        m.due_ms = route == NULL ? 0 : r->ev->boot_ms + flow_run_backoff(r, route->poll_ms, route->poll_max_ms, m.failures);
        return flow_run_put_message(r, &m, MSG_NONE);
    }
    if (m.state != FLOW_MS_UNKNOWN)
        return 0;
    if (failed)
        RUN_TRY(busy = flow_link_find_busy(r, m.id, &other));
    if (failed && busy == 0) {             /* while another one is out, due_ms is its answer time */
        m.failures += m.failures < 30;
        m.due_ms = 0;
        m.turn = false;
    }
    struct flow_message before = m;
    RUN_TRY(flow_unknown_plan(r, &m));
    if (!failed && before.due_ms == m.due_ms && before.turn == m.turn && before.held == m.held && memcmp(before.reason, m.reason, sizeof m.reason) == 0)
        return 0;
    return flow_run_put_message(r, &m, MSG_NONE);
}
