/*
 * NAME
 *     open - a request becomes messages, and when these are final, an outcome
 * DESCRIPTION
 *     flow_open_request() stores one message a unit (in order of the units) and the request is `open`. flow_open_finals() counts the units down;
 *     at zero the outcome is composed (-> `closed`), handed back, and the request is `answered`.
 * DIAGNOSTICS
 *     ERR_INTERNAL when a count goes below zero.
 */
#include "flow/run.h"

static void open_common(struct run *r, const struct flow_request *q, struct flow_message *m)
{
    memset(m, 0, sizeof *m);
    m->request = q->id;
    memcpy(m->source, q->source, sizeof m->source);
    memcpy(m->facility, q->facility, sizeof m->facility);
    m->received_wall_ms = q->received_wall_ms;
    m->all_or_none = q->all_or_none;
    flow_run_uuid(r, m->uuid);
}

static int open_units_free(struct run *r, const struct flow_request *q)
{
    struct flow_unit u;
    int rc;
    for (int64_t after = 0; (rc = r->ops->unit_next_of_request(r->t, q->id, after, &u, r->e)) == 1; after = u.id)
        if (u.waiting) {
            u.waiting = false;
            RUN_TRY(flow_run_put_unit(r, &u));
        }
    return rc;
}

static int open_enter(struct run *r, struct flow_request *q, int32_t open_units)
{
    q->state = FLOW_RQ_OPEN;
    q->since_wall_ms = r->ev->wall_ms;
    q->due_ms = 0;
    q->open_units = open_units;
    RUN_TRY(flow_intake_step(r, q, open_units == 0 ? FLOW_RS_COMPOSE : FLOW_RS_NONE));
    return flow_run_log_request(r, q, MSG_NONE);
}

/* The request as a whole is no good: one rejected message. */
int flow_open_reject(struct run *r, struct flow_request *q, enum msg_id why)
{
    struct flow_message m;
    flow_run_reason(q->reason, why);
    RUN_TRY(open_units_free(r, q));
    RUN_TRY(open_enter(r, q, 1));
    open_common(r, q, &m);
    m.index = -1;
    m.issues = q->report;
    return flow_message_enter(r, &m, FLOW_MS_REJECTED, why);
}

static const struct flow_unit_converted *open_find(const struct flow_unit_converted *made, size_t count, int32_t index)
{
    for (size_t i = 0; i < count; i++)
        if (made[i].index == index)
            return &made[i];
    return NULL;
}

/* Why this unit is rejected: settled so, or by conversion. */
static enum msg_id open_why(const struct flow_unit *u, const struct flow_unit_converted *made)
{
    if (u->reason[0] != '\0')
        return msg_by_code(u->reason);
    if (u->settled == FLOW_OP_CANCEL)
        return MSG_NONE;
    return made == NULL ? MSG_FLOW_NO_UNITS : made->reject;
}

static int open_message(struct run *r, const struct flow_request *q, struct flow_unit *u, const struct flow_unit_converted *made, enum msg_id why)
{
    struct flow_message m;
    const struct flow_facility_config *f = flow_run_facility(r->cfg, q->facility, NULL);
    open_common(r, q, &m);
    m.index = u->index;
    m.operation = u->settled != FLOW_OP_NONE ? u->settled : u->asked;
    m.kind = u->kind;
    memcpy(m.unit, u->unit, sizeof m.unit);
    memcpy(m.list_key, u->list_key, sizeof m.list_key);
    memcpy(m.bundle_id, u->bundle_id, sizeof m.bundle_id);
    memcpy(m.insured, u->insured, sizeof m.insured);
    if (made != NULL) {
        m.bundle = made->bundle;
        m.source_map = made->source_map;
        m.issues = made->issues;
        m.size = made->size;
        m.signature = made->signature == FLOW_SIGNATURE_WANTED && f != NULL && f->policy == FLOW_POLICY_NEVER ? FLOW_SIGNATURE_NONE : made->signature;
        memcpy(m.insured, made->insured, sizeof m.insured);
        if (m.signature == FLOW_SIGNATURE_WANTED)
            memcpy(m.signer, made->signer, sizeof m.signer);
    }
    if (why != MSG_NONE)
        RUN_TRY(flow_message_enter(r, &m, FLOW_MS_REJECTED, why));
    else if (m.operation == FLOW_OP_CANCEL)
        RUN_TRY(flow_cancel_begin(r, &m));
    else if (m.signature != FLOW_SIGNATURE_NONE)
        RUN_TRY(flow_message_enter(r, &m, FLOW_MS_TO_SIGN, flow_sign_reason(r, &m)));
    else
        RUN_TRY(flow_message_make_ready(r, &m, MSG_NONE));
    u->message = m.id;
    return 0;
}

/* Loads the units, counts what is still open, and says whether one is rejected already. */
static int open_survey(struct run *r, const struct flow_request *q, const struct flow_unit_converted *made, size_t made_count, int32_t *ret_open, bool *ret_rejected)
{
    struct flow_unit u;
    struct flow_message m;
    int rc;
    *ret_open = 0;
    *ret_rejected = false;
    for (int64_t after = 0; (rc = r->ops->unit_next_of_request(r->t, q->id, after, &u, r->e)) == 1; after = u.id) {
        if (u.repeats) {
            RUN_TRY(flow_run_get_message(r, u.message, &m));
            *ret_open += !flow_message_final(m.state);
            continue;
        }
        (*ret_open)++;
        *ret_rejected = *ret_rejected || open_why(&u, open_find(made, made_count, u.index)) != MSG_NONE;
    }
    return rc;
}

int flow_open_request(struct run *r, struct flow_request *q, const struct flow_unit_converted *made, size_t made_count)
{
    struct flow_unit u;
    int32_t open_units;
    bool rejected;
    int rc;
    RUN_TRY(open_survey(r, q, made, made_count, &open_units, &rejected));
    RUN_TRY(open_enter(r, q, open_units));
    for (int64_t after = 0; (rc = r->ops->unit_next_of_request(r->t, q->id, after, &u, r->e)) == 1; after = u.id) {
        if (!u.repeats) {
            const struct flow_unit_converted *one = open_find(made, made_count, u.index);
            enum msg_id why = open_why(&u, one);
            if (why == MSG_NONE && q->all_or_none && rejected)
                why = MSG_FLOW_ALL_OR_NONE;
            RUN_TRY(open_message(r, q, &u, one, why));
        }
        u.waiting = false;
        RUN_TRY(flow_run_put_unit(r, &u));
    }
    return rc;
}

int flow_open_converted(struct run *r)
{
    struct flow_request q;
    int rc = flow_run_request_of(r, FLOW_JOB_CONVERT, r->ev->u.converted.token, FLOW_RQ_RECEIVED, FLOW_RS_CONVERT, &q);
    if (rc != 1)
        return rc;
    if (!flow_run_is_zero(&r->ev->u.converted.report))
        q.report = r->ev->u.converted.report;
    if (r->ev->u.converted.reject != MSG_NONE)
        return flow_open_reject(r, &q, r->ev->u.converted.reject);
    return flow_open_request(r, &q, r->ev->u.converted.units, r->ev->u.converted.unit_count);
}

static int open_count_down(struct run *r, int64_t request)
{
    struct flow_request q;
    RUN_TRY(r->ops->request_get(r->t, request, &q, r->e));
    if (q.state != FLOW_RQ_OPEN || q.open_units <= 0)
        return flow_run_inconsistent(r, "request.open_units", q.id);
    q.open_units--;
    return q.open_units == 0 ? flow_intake_step(r, &q, FLOW_RS_COMPOSE) : flow_run_put_request(r, &q, MSG_NONE);
}

/* One rejected before any is sent rejects all; after that each goes its own way. */
static int open_all_or_none(struct run *r, const struct flow_message *m)
{
    struct flow_message other;
    int rc;
    if (!m->all_or_none || m->state != FLOW_MS_REJECTED || m->attempts > 0)
        return 0;
    for (int64_t after = 0; (rc = r->ops->message_next_of_request(r->t, m->request, after, &other, r->e)) == 1; after = other.id)
        if (other.attempts > 0)
            return 0;
    RUN_TRY(rc);
    for (int64_t after = 0; (rc = r->ops->message_next_of_request(r->t, m->request, after, &other, r->e)) == 1; after = other.id)
        if (other.state == FLOW_MS_TO_SIGN || other.state == FLOW_MS_READY)
            RUN_TRY(flow_message_enter(r, &other, FLOW_MS_REJECTED, MSG_FLOW_ALL_OR_NONE));
    return rc;
}

int flow_open_finals(struct run *r)
{
    struct flow_message m;
    struct flow_unit u;
    int rc = 0;
    for (size_t i = 0; i < r->finals.count; i++) {
        RUN_TRY(flow_run_get_message(r, r->finals.id[i], &m));
        RUN_TRY(open_count_down(r, m.request));
        for (int64_t after = 0; (rc = r->ops->unit_next_repeating(r->t, m.id, after, &u, r->e)) == 1; after = u.id) {
            struct flow_request q;
            RUN_TRY(r->ops->request_get(r->t, u.request, &q, r->e));
            if (q.state == FLOW_RQ_OPEN)
                RUN_TRY(open_count_down(r, u.request));
        }
        RUN_TRY(rc);
        RUN_TRY(open_all_or_none(r, &m));
    }
    r->finals.count = 0;
    return 0;
}

int flow_open_composed(struct run *r)
{
    struct flow_request q;
    int rc = flow_run_request_of(r, FLOW_JOB_COMPOSE, r->ev->u.composed.token, FLOW_RQ_OPEN, FLOW_RS_COMPOSE, &q);
    if (rc != 1)
        return rc;
    q.state = FLOW_RQ_CLOSED;
    q.since_wall_ms = r->ev->wall_ms;
    q.outcome = r->ev->u.composed.outcome;
    q.outcome_written = false;
    q.filed = q.origin != FLOW_ORIGIN_VENDOR;       /* nothing in .work/ */
    RUN_TRY(flow_run_log_request(r, &q, MSG_NONE));
    return flow_intake_step(r, &q, FLOW_RS_HAND_BACK);
}

/* OUTCOME_WRITTEN, FILED, HANDED_BACK, HAND_BACK_FAILED. */
int flow_open_handed_back(struct run *r)
{
    enum { AGAIN_MS = 10000 };
    struct flow_request q;
    struct flow_job *job = flow_run_job_of(r, FLOW_JOB_HAND_BACK, r->ev->u.subject.id);
    int rc = r->ops->request_get(r->t, r->ev->u.subject.id, &q, r->e);
    if (rc == ERR_NOTFOUND)
        return 0;
    RUN_TRY(rc);
    if (q.state != FLOW_RQ_CLOSED)
        return 0;
    if (r->ev->type == FLOW_EV_HAND_BACK_FAILED) {
        if (job != NULL)
            flow_run_job_remove(r, job);
        if (r->st->hand_back_ms == 0)
            r->st->hand_back_ms = r->ev->boot_ms + AGAIN_MS;
        return 0;
    }
    q.outcome_written = q.outcome_written || r->ev->type != FLOW_EV_FILED;
    q.filed = q.filed || r->ev->type != FLOW_EV_OUTCOME_WRITTEN;
    if (!q.outcome_written || !q.filed)
        return flow_run_put_request(r, &q, MSG_NONE);
    if (job != NULL)
        flow_run_job_remove(r, job);
    q.state = FLOW_RQ_ANSWERED;
    q.since_wall_ms = r->ev->wall_ms;
    RUN_TRY(flow_run_log_request(r, &q, MSG_NONE));
    return flow_intake_step(r, &q, FLOW_RS_NONE);
}
