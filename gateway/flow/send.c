/*
 * NAME
 *     send - from "its turn has come" to the durable intent
 * DESCRIPTION
 *     While a route is up and has room: the next sendable message is looked at once more (base of a change, a Bundle-ID used before, age
 *     of the signature), its request is built by a worker, and when the finished request is there and a session is free, one commit makes
 *     the attempt and the exchange; SUBMIT is given after that commit. Polls, inquiries, probes and repeats take the same way without a
 *     new attempt.
 * DIAGNOSTICS
 *     A request over the limit is a rejected message. A message that changed while its request was built is simply looked at again.
 */
#include "flow/run.h"
#include <inttypes.h>
#include <stdio.h>

static bool send_new_allowed(const struct run *r) { return !r->st->paused && r->st->disk != FLOW_DISK_LOW2 && r->st->clock != FLOW_CLOCK_WRONG; }

/* The route that this message uses now: of its facility for a new attempt, of its last attempt otherwise. */
static int send_route_of(struct run *r, const struct flow_message *m, struct flow_attempt *ret_a, const char **ret_route)
{
    const struct flow_facility_config *f = flow_run_facility(r->cfg, m->facility, NULL);
    int rc = r->ops->attempt_last(r->t, m->id, ret_a, r->e);
    RUN_TRY(rc);
    if (rc == 0)
        memset(ret_a, 0, sizeof *ret_a);
    *ret_route = m->state == FLOW_MS_READY ? (f != NULL ? f->route : "") : ret_a->route;
    return 0;
}

/* What the rules say when its turn has come: MSG_NONE = send it; else the message is not to be sent. Sets the operation of a `current`. */
static int send_verdict(struct run *r, struct flow_message *m, enum msg_id *ret_why)
{
    struct flow_message last;
    int rc;
    *ret_why = MSG_NONE;
    if (m->operation == FLOW_OP_CANCEL)
        return 0;
    RUN_TRY(rc = r->ops->message_last_done(r->t, m->facility, m->bundle_id, &last, r->e));
    bool stands = rc == 1 && last.operation != FLOW_OP_CANCEL;
    if (m->operation == FLOW_OP_CURRENT)
        m->operation = stands ? FLOW_OP_CHANGE : FLOW_OP_REGISTER;
    if (m->operation == FLOW_OP_CHANGE && !stands)
        *ret_why = MSG_FLOW_NO_BASE;
    /* A cancel that was done unsent leaves the Bundle-ID unused; what was sent before it cannot be. */
    if (m->operation == FLOW_OP_REGISTER && rc == 1 && last.evidence != FLOW_EVIDENCE_UNSENT)
        *ret_why = MSG_FLOW_BUNDLE_ID_USED;
    if (*ret_why == MSG_NONE && m->certificate_end_wall_ms != 0 && m->certificate_end_wall_ms <= r->ev->wall_ms && !flow_run_is_zero(&m->signed_bundle))
        *ret_why = MSG_FLOW_CERTIFICATE_ENDED;
    return 0;
}

static bool send_signature_old(const struct run *r, const struct flow_message *m)
{
    const struct flow_facility_config *f = flow_run_facility(r->cfg, m->facility, NULL);
    return f != NULL && f->max_signature_age_ms > 0 && !flow_run_is_zero(&m->signed_bundle) && m->signature == FLOW_SIGNATURE_WANTED
        && r->ev->wall_ms - m->signed_wall_ms > f->max_signature_age_ms;
}

/* The insured identifier under which the Bundle-ID stands: of its last done Bundle, else of the last one attempted, else the cancel's own. */
static int send_key_insured(struct run *r, const struct flow_message *m, char ret_insured[static FLOW_INSURED])
{
    struct flow_message x;
    bool done = false;
    int rc;
    memcpy(ret_insured, m->insured, FLOW_INSURED);
    for (int64_t after = 0; (rc = r->ops->message_next_of_bundle(r->t, m->facility, m->bundle_id, after, &x, r->e)) == 1 && x.id < m->id; after = x.id) {
        if (x.operation == FLOW_OP_CANCEL || x.attempts == 0 || (done && x.state != FLOW_MS_DONE))
            continue;
        done = x.state == FLOW_MS_DONE;
        memcpy(ret_insured, x.insured, FLOW_INSURED);
    }
    return rc < 0 ? rc : 0;
}

static int send_order_build(struct run *r, const struct flow_message *m, const struct flow_attempt *a, const char *route, enum flow_exchange_kind kind)
{
    struct flow_job *job = flow_run_job_add(r, FLOW_JOB_BUILD, m->id, m->version);
    struct flow_order *order = flow_run_work(r, FLOW_DO_BUILD, job);
    if (order == NULL)
        return ERR_NOMEM;
    bool again = m->state != FLOW_MS_READY;
    job->route = (int16_t)(flow_run_route(r, route) - r->st->route);
    job->exchange_kind = kind;
    job->operation = kind == FLOW_XK_PROBE ? FLOW_OP_CHANGE : again ? a->operation : m->operation;
    job->of = kind == FLOW_XK_POLL ? a->receipt_exchange : 0;
    flow_run_uuid(r, job->identifier);
    if (again)
        memcpy(job->key_insured, kind == FLOW_XK_PROBE || kind == FLOW_XK_INQUIRE ? m->insured : a->key_insured, sizeof job->key_insured);
    else if (m->operation != FLOW_OP_REGISTER)
        RUN_TRY(send_key_insured(r, m, job->key_insured));
    order->u.build.message = m->id;
    memcpy(order->u.build.facility, m->facility, sizeof m->facility);
    snprintf(order->u.build.route, sizeof order->u.build.route, "%s", route);
    order->u.build.kind = kind;
    order->u.build.operation = job->operation;
    order->u.build.document = m->kind;
    memcpy(order->u.build.identifier, job->identifier, sizeof job->identifier);
    memcpy(order->u.build.bundle_id, m->bundle_id, sizeof m->bundle_id);
    memcpy(order->u.build.key_insured, job->key_insured, sizeof job->key_insured);
    if (kind == FLOW_XK_POLL)
        memcpy(order->u.build.receipt, a->receipt, sizeof a->receipt);
    if ((kind == FLOW_XK_SUBMIT || kind == FLOW_XK_PROBE) && job->operation != FLOW_OP_CANCEL)
        order->u.build.bundle = again ? a->bundle : flow_run_is_zero(&m->signed_bundle) ? m->bundle : m->signed_bundle;
    order->u.build.wall_ms = r->ev->wall_ms;
    return 0;
}

/* The turn of a ready message. */
static int send_ready(struct run *r, struct flow_message *m, const struct flow_attempt *a, const char *route)
{
    enum msg_id why;
    bool may, cancelled = false;
    RUN_TRY(flow_order_may_go(r, m, &may));
    if (!may) {
        m->turn = false;
        return flow_run_put_message(r, m, MSG_NONE);
    }
    RUN_TRY(send_verdict(r, m, &why));
    if (why != MSG_NONE)
        return flow_message_enter(r, m, FLOW_MS_REJECTED, why);
    if (m->operation != FLOW_OP_CANCEL)
        RUN_TRY(flow_message_has_open_cancel(r, m->facility, m->bundle_id, m->id, &cancelled));
    if (cancelled)
        return flow_message_enter(r, m, FLOW_MS_WITHDRAWN, MSG_FLOW_CANCELLED_BEFORE);
    if (send_signature_old(r, m)) {
        memset(&m->signed_bundle, 0, sizeof m->signed_bundle);
        return flow_message_enter(r, m, FLOW_MS_TO_SIGN, MSG_FLOW_SIGN_AGAIN);
    }
    return send_order_build(r, m, a, route, FLOW_XK_SUBMIT);     /* what `current` has become is written with the intent */
}

/* What is due for a pending or unknown message. */
static int send_again(struct run *r, struct flow_message *m, const struct flow_attempt *a, const char *route)
{
    static const int kind_of[] = { [UNKNOWN_POLL] = 1 + FLOW_XK_POLL, [UNKNOWN_INQUIRE] = 1 + FLOW_XK_INQUIRE, [UNKNOWN_PROBE] = 1 + FLOW_XK_PROBE, [UNKNOWN_REPEAT] = 1 + FLOW_XK_SUBMIT };
    enum flow_unknown_act act = UNKNOWN_POLL;
    if (m->state == FLOW_MS_UNKNOWN)
        RUN_TRY(flow_unknown_act(r, m, &act));
    if (kind_of[act] == 0 || a->id == 0 || (act == UNKNOWN_POLL && a->receipt[0] == '\0')) {
        m->turn = false;
        return flow_run_put_message(r, m, MSG_NONE);
    }
    return send_order_build(r, m, a, route, (enum flow_exchange_kind)(kind_of[act] - 1));
}

static bool send_has_room(struct run *r, const char *id)
{
    const struct flow_route_config *route = flow_run_route_config(r->cfg, id);
    struct flow_route_state *state = flow_run_route(r, id);
    if (route == NULL || state == NULL || !state->up || state->not_before_ms > r->ev->boot_ms || r->st->job_count == FLOW_JOBS_MAX)
        return false;
    return flow_run_job_count(r, RUN_JOB(BUILD) | RUN_JOB(BUILT), (int)(state - r->st->route)) < (size_t)route->sessions;
}

static bool send_any_room(struct run *r)
{
    for (size_t i = 0; i < r->st->route_count; i++)
        if (send_has_room(r, r->st->route[i].id))
            return true;
    return false;
}

/* Orders requests to be built for one facility and state while there is room. */
static int send_pump_queue(struct run *r, size_t facility, size_t which, enum flow_message_state state)
{
    struct flow_queue *queue = &r->st->send[facility][which];
    const char *code = r->cfg->facility[facility].code, *route;
    int64_t skipped = -1;
    struct flow_message m;
    struct flow_attempt a;
    int rc;
    if (!queue->more || !send_new_allowed(r) || !send_any_room(r))
        return 0;
    while (queue->more) {
        if (state == FLOW_MS_READY && !send_has_room(r, r->cfg->facility[facility].route))
            return 0;
        RUN_TRY(rc = r->ops->message_next_sendable(r->t, code, state, queue->after, &m, r->e));
        if (rc == 0) {
            queue->more = false;
            break;
        }
        queue->after = m.id;
        if (flow_run_job_of(r, FLOW_JOB_BUILD, m.id) != NULL || flow_run_job_of(r, FLOW_JOB_BUILT, m.id) != NULL)
            continue;
        RUN_TRY(send_route_of(r, &m, &a, &route));
        if (state == FLOW_MS_READY)
            RUN_TRY(send_ready(r, &m, &a, route));
        else if (send_has_room(r, route))
            RUN_TRY(send_again(r, &m, &a, route));
        else if (skipped < 0)
            skipped = m.id;
    }
    if (skipped >= 0) {
        queue->after = skipped - 1;
        queue->more = true;
    }
    return 0;
}

int flow_send_built(struct run *r)
{
    struct flow_job *job = flow_run_job_find(r, FLOW_JOB_BUILD, r->ev->u.built.token);
    struct flow_message m;
    if (job == NULL)
        return 0;
    RUN_TRY(flow_run_get_message(r, job->id, &m));
    const struct flow_route_config *route = flow_run_route_config(r->cfg, r->st->route[job->route].id);
    bool large = route != NULL && r->ev->u.built.size > route->max_request_bytes;
    if (m.version != job->version || (r->ev->u.built.reject == MSG_NONE && !large)) {
        job->kind = FLOW_JOB_BUILT;
        job->payload = r->ev->u.built.request;
        return 0;                      /* flow_send_pump() looks at the version again */
    }
    enum flow_operation operation = job->operation;
    flow_run_job_remove(r, job);
    if (m.state == FLOW_MS_READY) {
        m.operation = operation;
        return flow_message_enter(r, &m, FLOW_MS_REJECTED, large ? MSG_FLOW_TOO_LARGE : r->ev->u.built.reject);
    }
    m.turn = false;
    m.held = true;                     /* an inquiry that cannot be built will not be built tomorrow */
    flow_run_reason(m.reason, MSG_FLOW_ASK_PERSON);
    return flow_run_put_message(r, &m, MSG_NONE);
}

static int send_new_attempt(struct run *r, const struct flow_job *job, struct flow_message *m, struct flow_attempt *ret_a)
{
    const struct flow_route_config *route = flow_run_route_config(r->cfg, r->st->route[job->route].id);
    memset(ret_a, 0, sizeof *ret_a);
    ret_a->message = m->id;
    ret_a->number = m->attempts + 1;
    memcpy(ret_a->facility, m->facility, sizeof ret_a->facility);
    memcpy(ret_a->route, route->id, sizeof ret_a->route);
    ret_a->link = route->link;
    ret_a->operation = job->operation;
    ret_a->open = true;
    ret_a->left = true;
    if (job->operation != FLOW_OP_CANCEL)
        ret_a->bundle = flow_run_is_zero(&m->signed_bundle) ? m->bundle : m->signed_bundle;
    memcpy(ret_a->key_insured, job->key_insured, sizeof ret_a->key_insured);
    ret_a->begun_wall_ms = r->ev->wall_ms;
    m->attempts++;
    m->submits = 0;
    return flow_run_put_attempt(r, ret_a);
}

/* Names are taken from the store many at a time, in the commit of the first that is used: what a life leaves unused is never given again. */
static int send_name(struct run *r, char ret_name[static FLOW_SUFFIX])
{
    enum { AT_ONCE = 32 };
    struct flow_state *st = r->st;
    if (st->names_left == 0) {
        struct flow_cause cause = flow_run_cause(r, MSG_NONE);
        RUN_TRY(r->ops->counter_get(r->t, FLOW_COUNTER_NAME, &st->name, r->e));
        RUN_TRY(r->ops->counter_set(r->t, FLOW_COUNTER_NAME, st->name + AT_ONCE, &cause, r->e));
        st->names_left = AT_ONCE;
    }
    st->names_left--;
    st->name++;
    memset(ret_name, 0, FLOW_SUFFIX);
    snprintf(ret_name, FLOW_SUFFIX, "%s%013" PRId64, r->cfg->name_tag, st->name);
    return 0;
}

/* The commit of the intent. */
static int send_begin(struct run *r, const struct flow_job *job, struct flow_message *m)
{
    struct flow_attempt a;
    struct flow_exchange x;
    bool first = m->state == FLOW_MS_READY, loud_before;
    int rc = 1;
    memset(&x, 0, sizeof x);
    RUN_TRY(flow_message_bundle_loud(r, m->facility, m->bundle_id, &loud_before));
    RUN_TRY(flow_message_has_open_cancel(r, m->facility, m->bundle_id, m->id, &x.began_cancel));
    if (first) {
        m->operation = job->operation;
        RUN_TRY(send_new_attempt(r, job, m, &a));
    } else {
        RUN_TRY(rc = r->ops->attempt_last(r->t, m->id, &a, r->e));
    }
    if (rc == 0 && !first)
        return flow_run_inconsistent(r, "message without attempt", m->id);
    x.message = m->id;
    x.attempt = a.id;
    x.of = job->of;
    x.kind = job->exchange_kind;
    x.state = FLOW_XS_INTENT;
    memcpy(x.facility, m->facility, sizeof x.facility);
    memcpy(x.route, a.route, sizeof x.route);
    memcpy(x.bundle_id, m->bundle_id, sizeof x.bundle_id);
    RUN_TRY(send_name(r, x.name));
    memcpy(x.identifier, job->identifier, sizeof x.identifier);
    x.request = job->payload;
    x.repeat = x.kind == FLOW_XK_SUBMIT && !first;
    x.began_settled = !loud_before;
    x.loud = x.kind == FLOW_XK_SUBMIT || x.kind == FLOW_XK_PROBE;
    x.begun_wall_ms = r->ev->wall_ms;
    RUN_TRY(flow_run_put_exchange(r, &x, MSG_NONE));
    r->st->route[job->route].busy++;
    m->loud += x.loud;
    m->submits += x.kind == FLOW_XK_SUBMIT;
    m->turn = false;
    m->due_ms = 0;
    if (first)
        RUN_TRY(flow_message_enter(r, m, FLOW_MS_SENDING, MSG_NONE));
    else
        RUN_TRY(flow_run_put_message(r, m, MSG_NONE));
    struct flow_order *order = flow_link_order(r, FLOW_DO_SUBMIT, &x, m);
    return order == NULL ? ERR_NOMEM : 0;
}

/* The oldest finished request of the route, or NULL. */
static struct flow_job *send_oldest(struct run *r, size_t route)
{
    struct flow_job *oldest = NULL;
    for (size_t i = 0; i < r->st->job_count; i++) {
        struct flow_job *job = &r->st->job[i];
        if (job->kind == FLOW_JOB_BUILT && job->route == (int16_t)route && (oldest == NULL || job->token < oldest->token))
            oldest = job;
    }
    return oldest;
}

static int send_pump_route(struct run *r, size_t index)
{
    struct flow_route_state *state = &r->st->route[index];
    const struct flow_route_config *route = flow_run_route_config(r->cfg, state->id);
    struct flow_job *found;
    while (route != NULL && state->up && send_new_allowed(r) && state->busy < route->sessions && (found = send_oldest(r, index)) != NULL) {
        struct flow_job job = *found;
        struct flow_message m;
        bool may = true;
        flow_run_job_remove(r, found);
        RUN_TRY(flow_run_get_message(r, job.id, &m));
        if (m.version == job.version && m.state == FLOW_MS_READY)
            RUN_TRY(flow_order_may_go(r, &m, &may));     /* a register that its cancel was to settle may have moved since */
        if (m.version != job.version || !m.turn || m.due_ms != 0)
            flow_run_enqueue_send(r, &m);
        else if (!may) {
            m.turn = false;
            RUN_TRY(flow_run_put_message(r, &m, MSG_NONE));
        } else
            RUN_TRY(send_begin(r, &job, &m));
    }
    return 0;
}

int flow_send_pump(struct run *r)
{
    static const struct { size_t which; enum flow_message_state state; } queues[] = { { 2, FLOW_MS_UNKNOWN }, { 1, FLOW_MS_PENDING }, { 0, FLOW_MS_READY } };
    for (size_t i = 0; i < r->st->route_count; i++)
        RUN_TRY(send_pump_route(r, i));
    for (size_t i = 0; i < r->cfg->facility_count; i++)
        for (size_t k = 0; k < sizeof queues / sizeof queues[0]; k++)
            RUN_TRY(send_pump_queue(r, i, queues[k].which, queues[k].state));
    return 0;
}
