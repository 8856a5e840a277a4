/*
 * NAME
 *     start - taking up again what another life left
 * DESCRIPTION
 *     Nothing is done for messages that simply wait: queues find them through their indexes. Only rows with a timer (boot times of an
 *     earlier life mean nothing: restarted in full), exchanges that were under way, and requests on their way in are touched.
 *     After a restore everything that is not final becomes unknown and held: it may have been sent after the snapshot.
 */
#include "flow/run.h"

struct start_list { enum flow_subject *subject; int64_t *id; size_t count, capacity; };

static int start_push(struct run *r, struct start_list *list, enum flow_subject subject, int64_t id)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        enum flow_subject *subjects = realloc(list->subject, capacity * sizeof *subjects);
        if (subjects != NULL)
            list->subject = subjects;
        int64_t *ids = subjects == NULL ? NULL : realloc(list->id, capacity * sizeof *ids);
        if (ids == NULL)
            return err_set(r->e, ERR_NOMEM, MSG_NOMEM, NULL, "flow", NULL);
        list->id = ids;
        list->capacity = capacity;
    }
    list->subject[list->count] = subject;
    list->id[list->count++] = id;
    return 0;
}

/* Stops every timer of the earlier life and lists where they were. */
static int start_stop_timers(struct run *r, struct start_list *list)
{
    struct flow_request q;
    struct flow_message m;
    struct flow_exchange x;
    enum flow_subject subject;
    int64_t id;
    int rc;
    while ((rc = r->ops->timer_due(r->t, INT64_MAX, &subject, &id, r->e)) == 1) {
        RUN_TRY(start_push(r, list, subject, id));
        if (subject == FLOW_SUBJECT_REQUEST) {
            RUN_TRY(r->ops->request_get(r->t, id, &q, r->e));
            q.due_ms = 0;
            RUN_TRY(flow_run_put_request(r, &q, MSG_NONE));
        } else if (subject == FLOW_SUBJECT_MESSAGE) {
            RUN_TRY(flow_run_get_message(r, id, &m));
            m.due_ms = 0;
            RUN_TRY(flow_run_put_message(r, &m, MSG_NONE));
        } else {
            RUN_TRY(flow_run_get_exchange(r, id, &x));
            x.due_ms = 0;
            RUN_TRY(flow_run_put_exchange(r, &x, MSG_NONE));
        }
    }
    return rc;
}

static int start_timer_message(struct run *r, int64_t id)
{
    struct flow_message m;
    struct flow_attempt a;
    int rc;
    RUN_TRY(flow_run_get_message(r, id, &m));
    RUN_TRY(rc = r->ops->attempt_last(r->t, id, &a, r->e));
    const struct flow_route_config *route = rc == 1 ? flow_run_route_config(r->cfg, a.route) : NULL;
    if (m.due_ms != 0 || m.turn)
        return 0;
    if (route == NULL)                  /* its link was taken out of the configuration: nobody can be asked what the service came to */
        return m.state == FLOW_MS_PENDING ? flow_message_unknown(r, &m) : 0;
    if (m.state == FLOW_MS_READY)
        m.due_ms = r->ev->boot_ms + route->retry_ms;
    else if (m.state == FLOW_MS_PENDING) {
        m.due_ms = r->ev->boot_ms + route->poll_ms;
        m.deadline_ms = r->ev->boot_ms + route->pending_ms;
    } else if (m.state == FLOW_MS_UNKNOWN)
        return flow_unknown_replan(r, id, false);
    else
        return 0;                       /* sending, sent: when their link is up */
    return flow_run_put_message(r, &m, MSG_NONE);
}

static int start_set_timers(struct run *r, const struct start_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        struct flow_request q;
        if (list->subject[i] == FLOW_SUBJECT_MESSAGE)
            RUN_TRY(start_timer_message(r, list->id[i]));
        if (list->subject[i] != FLOW_SUBJECT_REQUEST)
            continue;                   /* exchanges settle anew when their link is up */
        RUN_TRY(r->ops->request_get(r->t, list->id[i], &q, r->e));
        q.due_ms = r->ev->boot_ms + flow_intake_wait_ms(r, &q);
        RUN_TRY(flow_run_put_request(r, &q, MSG_NONE));
    }
    return 0;
}

/* What a door had in hand when the desk died. Sessions are counted again on the way. */
static int start_exchanges(struct run *r)
{
    static const enum flow_exchange_state states[] = { FLOW_XS_LOOKING, FLOW_XS_INTENT, FLOW_XS_PUBLISHED, FLOW_XS_LEFT };   /* looking first: intents join it */
    struct flow_exchange x;
    int rc;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        for (int64_t after = 0; (rc = r->ops->exchange_next(r->t, NULL, states[i], after, &x, r->e)) == 1; after = x.id) {
            const struct flow_route_config *route = flow_run_route_config(r->cfg, x.route);
            struct flow_route_state *state = flow_run_route(r, x.route);
            if (state != NULL)
                state->busy++;
            if (route == NULL || route->link == FLOW_LINK_WEBAPI)
                RUN_TRY(flow_link_give_up(r, &x, true));
            else if (x.state == FLOW_XS_INTENT) {
                RUN_TRY(flow_link_state(r, &x, FLOW_XS_LOOKING));
                RUN_TRY(flow_run_put_exchange(r, &x, MSG_NONE));
            }
        }
        RUN_TRY(rc);
    }
    return 0;
}

static int start_requests(struct run *r)
{
    static const enum flow_request_step steps[] = { FLOW_RS_LOOK, FLOW_RS_TURN, FLOW_RS_CONVERT };
    struct flow_request q;
    int rc;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        for (int64_t after = 0; (rc = r->ops->request_next(r->t, FLOW_RQ_RECEIVED, steps[i], after, &q, r->e)) == 1; after = q.id)
            r->st->received++;
        RUN_TRY(rc);
    }
    return 0;
}

/* Signers of what waits get their slots when their doors report; the slot of verifications needs none. */
static void start_queues(struct run *r)
{
    const struct flow_queue all = { .after = 0, .more = true };
    for (size_t i = 0; i < FLOW_QUEUES; i++)
        r->st->queue[i] = all;
    for (size_t i = 0; i < FLOW_FACILITIES_MAX; i++)
        for (size_t k = 0; k < 3; k++)
            r->st->send[i][k] = all;
    struct flow_signer_slot *verify = flow_run_signer(r, "");
    if (verify != NULL)
        verify->queue = all;
}

int flow_start_begin(struct run *r)
{
    struct start_list list = { .count = 0 };
    struct flow_incident incident;
    int64_t paused = 0, restored = 0;
    memset(r->st, 0, sizeof *r->st);
    RUN_TRY(r->ops->counter_get(r->t, FLOW_COUNTER_PAUSED, &paused, r->e));
    RUN_TRY(r->ops->counter_get(r->t, FLOW_COUNTER_RESTORED, &restored, r->e));
    r->st->started = true;
    r->st->paused = paused != 0;
    r->st->disk = FLOW_DISK_LOW2;       /* until the desk has looked */
    RUN_TRY(flow_clock_start(r));
    start_queues(r);
    int rc = start_stop_timers(r, &list);
    if (rc == 0)
        rc = start_exchanges(r);
    if (rc == 0)
        rc = start_set_timers(r, &list);
    free(list.subject);
    free(list.id);
    RUN_TRY(rc);
    RUN_TRY(start_requests(r));
    r->turns = true;
    RUN_TRY(rc = r->ops->incident_next_open(r->t, 0, &incident, r->e));
    RUN_TRY(flow_run_alarm(r, FLOW_ALARM_INCIDENT, 0, "", rc == 1, MSG_FLOW_ALARM_INCIDENT));
    RUN_TRY(flow_run_alarm(r, FLOW_ALARM_RESTORE, 0, "", restored != 0, MSG_FLOW_ALARM_RESTORE));
    return flow_run_alarm(r, FLOW_ALARM_PAUSED, 0, "", r->st->paused, MSG_FLOW_ALARM_PAUSED);
}

static int start_hold_messages(struct run *r)
{
    struct flow_message m;
    int rc;
    for (int s = FLOW_MS_TO_SIGN; s <= FLOW_MS_UNKNOWN; s++) {
        for (int64_t after = 0; (rc = r->ops->message_next_in_state(r->t, (enum flow_message_state)s, after, &m, r->e)) == 1; after = m.id) {
            if (m.held && m.state == FLOW_MS_UNKNOWN)
                continue;
            m.due_ms = 0;
            m.turn = false;
            m.held = true;
            RUN_TRY(flow_message_enter(r, &m, FLOW_MS_UNKNOWN, MSG_FLOW_HELD_RESTORE));
        }
        RUN_TRY(rc);
    }
    return 0;
}

static int start_hold_requests(struct run *r)
{
    static const enum flow_request_step steps[] = { FLOW_RS_LOOK, FLOW_RS_ATTACH, FLOW_RS_TURN, FLOW_RS_CONVERT };
    struct flow_request q;
    int rc;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        for (int64_t after = 0; (rc = r->ops->request_next(r->t, FLOW_RQ_RECEIVED, steps[i], after, &q, r->e)) == 1; after = q.id) {
            if (q.origin == FLOW_ORIGIN_SERVICE) {       /* nothing goes out for it: read again */
                flow_run_enqueue(&r->st->queue[FLOW_QUEUE_LOOK], q.id);
                continue;
            }
            q.due_ms = 0;
            flow_run_reason(q.reason, MSG_FLOW_HELD_FILE);
            RUN_TRY(flow_intake_step(r, &q, FLOW_RS_HELD));
        }
        RUN_TRY(rc);
    }
    return 0;
}

int flow_start_after_restore(struct run *r)
{
    enum { GAP = 1000000 };
    static const enum flow_exchange_state states[] = { FLOW_XS_INTENT, FLOW_XS_LOOKING, FLOW_XS_PUBLISHED, FLOW_XS_LEFT };
    struct flow_cause cause = flow_run_cause(r, MSG_FLOW_HELD_RESTORE);
    struct flow_exchange x;
    int64_t name = 0, restored = 0;
    int rc;
    RUN_TRY(r->ops->counter_get(r->t, FLOW_COUNTER_NAME, &name, r->e));
    RUN_TRY(r->ops->counter_set(r->t, FLOW_COUNTER_NAME, name + GAP, &cause, r->e));
    r->st->names_left = 0;
    RUN_TRY(r->ops->counter_get(r->t, FLOW_COUNTER_RESTORED, &restored, r->e));
    RUN_TRY(r->ops->counter_set(r->t, FLOW_COUNTER_RESTORED, restored + 1, &cause, r->e));
    RUN_TRY(r->ops->counter_set(r->t, FLOW_COUNTER_PAUSED, 1, &cause, r->e));
    r->st->paused = true;
    r->st->job_count = 0;                /* whatever is out comes back to nothing */
    r->st->received = 0;
    RUN_TRY(start_requests(r));
    RUN_TRY(start_hold_messages(r));
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        for (int64_t after = 0; (rc = r->ops->exchange_next(r->t, NULL, states[i], after, &x, r->e)) == 1; after = x.id)
            RUN_TRY(flow_link_give_up(r, &x, true));
        RUN_TRY(rc);
    }
    RUN_TRY(start_hold_requests(r));
    RUN_TRY(flow_run_alarm(r, FLOW_ALARM_RESTORE, 0, "", true, MSG_FLOW_ALARM_RESTORE));
    RUN_TRY(flow_run_alarm(r, FLOW_ALARM_PAUSED, 0, "", true, MSG_FLOW_ALARM_PAUSED));
    return flow_run_reply(r, MSG_FLOW_REPLY_OK, 0, 0, 0, 0);
}
