/*
 * NAME
 *     timers - what happens when nothing happens
 * DESCRIPTION
 *     Boot-clock timers stand in the rows (due_ms) and are found through an index. Ages of what waits are wall times and need no timer of
 *     their own: the oldest row of each state says when somebody is to be told.
 */
#include "flow/run.h"

static int timers_message(struct run *r, struct flow_message *m)
{
    struct flow_exchange busy;
    struct flow_attempt a;
    int rc, tried;
    m->due_ms = 0;
    RUN_TRY(rc = flow_link_find_busy(r, m->id, &busy));
    bool answered = rc == 1 && busy.state == FLOW_XS_ANSWERED;      /* its answer is being read */
    switch (m->state) {
    case FLOW_MS_SENDING:
    case FLOW_MS_SENT:
        RUN_TRY(flow_run_put_message(r, m, MSG_NONE));
        if (answered)
            return 0;
        if (rc == 1)
            return flow_link_give_up(r, &busy, false);
        return flow_message_unknown(r, m);
    case FLOW_MS_UNKNOWN:
        if (rc == 1) {
            RUN_TRY(flow_run_put_message(r, m, MSG_NONE));
            return answered ? 0 : flow_link_give_up(r, &busy, false);
        }
        m->turn = !m->held;
        return flow_run_put_message(r, m, MSG_NONE);
    case FLOW_MS_PENDING:
        if (rc == 1 && busy.kind == FLOW_XK_POLL)      /* its answer, or its end, sets the next one */
            return flow_run_put_message(r, m, MSG_NONE);
        RUN_TRY(tried = r->ops->attempt_last(r->t, m->id, &a, r->e));
        if (m->deadline_ms <= r->ev->boot_ms || tried == 0 || flow_run_route_config(r->cfg, a.route) == NULL)
            return flow_message_unknown(r, m);         /* its time is over, or its link was taken out of the configuration: nobody can be asked */
        m->turn = true;
        return flow_run_put_message(r, m, MSG_NONE);
    case FLOW_MS_READY:
        RUN_TRY(flow_run_put_message(r, m, MSG_NONE));
        return flow_run_mark_key(r, m);
    default:
        return flow_run_put_message(r, m, MSG_NONE);
    }
}

static int timers_one(struct run *r, enum flow_subject subject, int64_t id)
{
    struct flow_request q;
    struct flow_message m;
    struct flow_exchange x;
    switch (subject) {
    case FLOW_SUBJECT_REQUEST:
        RUN_TRY(r->ops->request_get(r->t, id, &q, r->e));
        return flow_intake_attachment_due(r, &q);
    case FLOW_SUBJECT_MESSAGE:
        RUN_TRY(flow_run_get_message(r, id, &m));
        return timers_message(r, &m);
    case FLOW_SUBJECT_EXCHANGE:
        RUN_TRY(flow_run_get_exchange(r, id, &x));
        return flow_link_exchange_due(r, &x);
    case FLOW_SUBJECT_NONE:
        break;
    }
    return flow_run_inconsistent(r, "timer", id);
}

int flow_timers_due(struct run *r)
{
    enum flow_subject subject;
    int64_t id;
    int rc;
    while ((rc = r->ops->timer_due(r->t, r->ev->boot_ms, &subject, &id, r->e)) == 1)
        RUN_TRY(timers_one(r, subject, id));
    RUN_TRY(rc);
    for (size_t i = 0; i < r->st->route_count; i++)
        if (r->st->route[i].not_before_ms <= r->ev->boot_ms)
            r->st->route[i].not_before_ms = 0;
    if (r->st->hand_back_ms != 0 && r->st->hand_back_ms <= r->ev->boot_ms) {
        r->st->hand_back_ms = 0;
        r->st->queue[FLOW_QUEUE_HAND_BACK] = (struct flow_queue){ .after = 0, .more = true };
    }
    return 0;
}

/* Raises or clears one age alarm; *wait becomes the time to the next look when that is sooner. */
static int timers_age(struct run *r, enum flow_alarm alarm, int32_t index, const char *name, bool any, int64_t since, int64_t age, enum msg_id msg, int64_t *wait)
{
    int64_t left = any ? since + age - r->ev->wall_ms : age;
    if (left < *wait && left > 0)
        *wait = left;
    return flow_run_alarm(r, alarm, index, name, any && left <= 0, msg);
}

int flow_timers_ages(struct run *r)
{
    enum { LONGEST_MS = 600000 };
    static const enum msg_id message_msg[FLOW_MS_STATES] = {
        [FLOW_MS_TO_SIGN] = MSG_FLOW_ALARM_TO_SIGN, [FLOW_MS_READY] = MSG_FLOW_ALARM_READY, [FLOW_MS_SENDING] = MSG_FLOW_ALARM_ANSWER,
        [FLOW_MS_SENT] = MSG_FLOW_ALARM_ANSWER, [FLOW_MS_PENDING] = MSG_FLOW_ALARM_ANSWER, [FLOW_MS_UNKNOWN] = MSG_FLOW_ALARM_UNKNOWN };
    struct flow_request q;
    struct flow_message m;
    int64_t wait = LONGEST_MS;
    int rc;
    if (r->st->age_check_ms > r->ev->boot_ms)
        return 0;
    RUN_TRY(flow_sign_prefer(r));
    for (int s = FLOW_RQ_RECEIVED; s <= FLOW_RQ_CLOSED; s++) {
        RUN_TRY(rc = r->ops->request_oldest(r->t, (enum flow_request_state)s, &q, r->e));
        RUN_TRY(timers_age(r, FLOW_ALARM_REQUEST_AGE, s, "", rc == 1, q.since_wall_ms, r->cfg->request_age_ms[s], MSG_FLOW_ALARM_REQUEST_AGE, &wait));
    }
    for (size_t i = 0; i < r->cfg->facility_count; i++) {
        const struct flow_facility_config *f = &r->cfg->facility[i];
        for (int s = FLOW_MS_TO_SIGN; s <= FLOW_MS_UNKNOWN; s++) {
            RUN_TRY(rc = r->ops->message_oldest(r->t, f->code, (enum flow_message_state)s, &m, r->e));
            RUN_TRY(timers_age(r, FLOW_ALARM_MESSAGE_AGE, s, f->code, rc == 1, m.since_wall_ms, r->cfg->message_age_ms[s], message_msg[s], &wait));
            if (s == FLOW_MS_UNKNOWN && rc == 0)
                RUN_TRY(flow_run_alarm(r, FLOW_ALARM_PERSON, 0, f->code, false, MSG_FLOW_ASK_PERSON));
            if (s == FLOW_MS_TO_SIGN && f->policy == FLOW_POLICY_PREFER) {
                int64_t left = (rc == 1 ? m.since_wall_ms - r->ev->wall_ms : 0) + f->prefer_age_ms;
                wait = left > 0 && left < wait ? left : wait;
            }
        }
    }
    if (r->st->alarm_count > 0 && wait > FLOW_ALARM_LOOK_MS)
        wait = FLOW_ALARM_LOOK_MS;
    r->st->age_check_ms = r->ev->boot_ms + (wait > 0 ? wait : 1);
    return 0;
}

int flow_next_due(const struct flow_state *st, const struct flow_tables_ops *ops, void *tables, int64_t *ret_boot_ms, struct err *e)
{
    int64_t due = 0, best = INT64_MAX;
    int rc = ops->timer_next(tables, &due, e);
    if (rc < 0)
        return rc;
    if (rc == 1)
        best = due;
    if (st->started && st->age_check_ms < best)
        best = st->age_check_ms;
    if (st->hand_back_ms != 0 && st->hand_back_ms < best)
        best = st->hand_back_ms;
    for (size_t i = 0; i < st->route_count; i++)
        if (st->route[i].up && st->route[i].not_before_ms != 0 && st->route[i].not_before_ms < best)
            best = st->route[i].not_before_ms;
    *ret_boot_ms = best;
    return 0;
}
