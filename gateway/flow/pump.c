/*
 * NAME
 *     pump - fills what is free: workers, signers, sessions, the desk's own pen
 * DESCRIPTION
 *     Runs at the end of every step. Each queue is an index of the store and a place up to which it has been looked through; a queue that
 *     came to its end costs nothing until something is put into it. Answers come first, because they free what waits for them.
 */
#include "flow/run.h"

static bool pump_worker_free(const struct run *r)
{
    static const unsigned thinks = RUN_JOB(LOOK) | RUN_JOB(CONVERT) | RUN_JOB(CHECK) | RUN_JOB(BUILD) | RUN_JOB(READ);
    return r->st->job_count < FLOW_JOBS_MAX && flow_run_job_count(r, thinks, -1) < (size_t)r->cfg->worker_jobs;
}

static int pump_read_one(struct run *r, const struct flow_exchange *x)
{
    struct flow_message m;
    struct flow_exchange root = *x;
    RUN_TRY(flow_run_get_message(r, x->message, &m));
    if (x->of != 0)
        RUN_TRY(flow_run_get_exchange(r, x->of, &root));
    struct flow_order *order = flow_run_work(r, FLOW_DO_READ, flow_run_job_add(r, FLOW_JOB_READ, x->id, x->version));
    if (order == NULL)
        return ERR_NOMEM;
    order->u.read.exchange = x->id;
    order->u.read.message = m.id;
    memcpy(order->u.read.facility, m.facility, sizeof m.facility);
    memcpy(order->u.read.route, x->route, sizeof x->route);
    order->u.read.kind = x->kind;
    order->u.read.operation = root.kind == FLOW_XK_PROBE ? FLOW_OP_CHANGE : m.operation;
    order->u.read.document = m.kind;
    memcpy(order->u.read.identifier, x->identifier, sizeof x->identifier);
    order->u.read.answer = x->answer;
    order->u.read.source_map = m.source_map;
    return 0;
}

static int pump_read(struct run *r)
{
    struct flow_queue *queue = &r->st->queue[FLOW_QUEUE_READ];
    struct flow_exchange x;
    while (queue->more && pump_worker_free(r)) {
        int rc = r->ops->exchange_next(r->t, NULL, FLOW_XS_ANSWERED, queue->after, &x, r->e);
        RUN_TRY(rc);
        queue->more = rc == 1;
        if (rc == 0)
            break;
        queue->after = x.id;
        if (flow_run_job_of(r, FLOW_JOB_READ, x.id) == NULL)
            RUN_TRY(pump_read_one(r, &x));
    }
    return 0;
}

static int pump_look(struct run *r, const struct flow_request *q, struct flow_job *job)
{
    bool notice = q->origin == FLOW_ORIGIN_SERVICE;
    struct flow_order *order = flow_run_work(r, notice ? FLOW_DO_READ_NOTICE : FLOW_DO_LOOK, job);
    if (order == NULL)
        return ERR_NOMEM;
    if (notice) {
        flow_notice_fill(q, order);
        return 0;
    }
    order->u.look.request = q->id;
    memcpy(order->u.look.source, q->source, sizeof q->source);
    order->u.look.original = q->original;
    return 0;
}

static int pump_convert(struct run *r, const struct flow_request *q, struct flow_job *job)
{
    struct flow_unit u;
    struct flow_order *order = flow_run_work(r, FLOW_DO_CONVERT, job);
    int rc;
    if (order == NULL)
        return ERR_NOMEM;
    order->u.convert.request = q->id;
    memcpy(order->u.convert.source, q->source, sizeof q->source);
    memcpy(order->u.convert.facility, q->facility, sizeof q->facility);
    order->u.convert.original = q->original;
    order->u.convert.wall_ms = r->ev->wall_ms;
    /* Two requests of one step must not share a seed: the token goes into it. */
    struct bytes part[2] = { { (const char *)r->ev->seed, sizeof r->ev->seed }, { (const char *)&job->token, sizeof job->token } };
    struct sha256 seed;
    RUN_TRY(sha256_of_parts(part, 2, &seed));
    memcpy(order->u.convert.seed, seed.byte, sizeof order->u.convert.seed);
    for (int64_t after = 0; (rc = r->ops->unit_next_of_request(r->t, q->id, after, &u, r->e)) == 1; after = u.id) {
        if (u.repeats || u.reason[0] != '\0' || u.settled == FLOW_OP_CANCEL || order->u.convert.unit_count == FLOW_UNITS_MAX)
            continue;
        struct flow_convert_unit *unit = &order->u.convert.unit[order->u.convert.unit_count++];
        unit->index = u.index;
        unit->operation = u.settled;
        memcpy(unit->bundle_id, u.bundle_id, sizeof unit->bundle_id);
    }
    return rc;
}

static int pump_compose(struct run *r, const struct flow_request *q, struct flow_job *job)
{
    struct flow_order *order = flow_run_work(r, FLOW_DO_COMPOSE, job);
    if (order == NULL)
        return ERR_NOMEM;
    order->u.request.request = q->id;
    return 0;
}

static int pump_hand_back(struct run *r, const struct flow_request *q, struct flow_job *job)
{
    struct flow_unit u;
    struct flow_message m;
    bool all_done = true, any = false;
    int rc;
    for (int64_t after = 0; (rc = r->ops->unit_next_of_request(r->t, q->id, after, &u, r->e)) == 1; after = u.id) {
        any = true;
        all_done = all_done && u.message != 0;
        if (u.message != 0) {
            RUN_TRY(flow_run_get_message(r, u.message, &m));
            all_done = all_done && m.state == FLOW_MS_DONE;
        }
    }
    RUN_TRY(rc);
    struct flow_order *order = flow_run_work(r, FLOW_DO_HAND_BACK, job);
    if (order == NULL)
        return ERR_NOMEM;
    order->u.hand_back.request = q->id;
    memcpy(order->u.hand_back.source, q->source, sizeof q->source);
    memcpy(order->u.hand_back.name, q->name, sizeof q->name);
    memcpy(order->u.hand_back.work_name, q->work_name, sizeof q->work_name);
    order->u.hand_back.outcome = q->outcome;
    order->u.hand_back.all_done = any && all_done;
    order->u.hand_back.origin = q->origin;
    return 0;
}

struct pump_queue {
    enum flow_queue_kind queue;
    enum flow_job_kind job;
    enum flow_request_state state;
    enum flow_request_step step;
    size_t at_once;                  /* 0 = as many as the workers take */
    int (*give)(struct run *r, const struct flow_request *q, struct flow_job *job);
};

static int pump_requests(struct run *r, const struct pump_queue *p)
{
    struct flow_queue *queue = &r->st->queue[p->queue];
    struct flow_request q;
    while (queue->more && !(p->job == FLOW_JOB_CONVERT && r->st->clock == FLOW_CLOCK_WRONG)) {
        bool room = p->at_once == 0 ? pump_worker_free(r) : r->st->job_count < FLOW_JOBS_MAX && flow_run_job_count(r, 1u << p->job, -1) < p->at_once;
        if (!room)
            break;
        int rc = r->ops->request_next(r->t, p->state, p->step, queue->after, &q, r->e);
        RUN_TRY(rc);
        queue->more = rc == 1;
        if (rc == 0)
            break;
        queue->after = q.id;
        if (flow_run_job_of(r, p->job, q.id) != NULL)
            continue;
        struct flow_job *job = flow_run_job_add(r, p->job, q.id, q.version);
        RUN_TRY(job == NULL ? flow_run_inconsistent(r, "job", q.id) : p->give(r, &q, job));
    }
    return 0;
}

int flow_pump_all(struct run *r)
{
    static const struct pump_queue queues[] = {
        { FLOW_QUEUE_COMPOSE, FLOW_JOB_COMPOSE, FLOW_RQ_OPEN, FLOW_RS_COMPOSE, 16, pump_compose },
        { FLOW_QUEUE_HAND_BACK, FLOW_JOB_HAND_BACK, FLOW_RQ_CLOSED, FLOW_RS_HAND_BACK, 16, pump_hand_back },
        { FLOW_QUEUE_CONVERT, FLOW_JOB_CONVERT, FLOW_RQ_RECEIVED, FLOW_RS_CONVERT, 0, pump_convert },
        { FLOW_QUEUE_LOOK, FLOW_JOB_LOOK, FLOW_RQ_RECEIVED, FLOW_RS_LOOK, 0, pump_look },
    };
    if (!r->st->started)
        return 0;
    RUN_TRY(pump_read(r));
    RUN_TRY(flow_send_pump(r));
    RUN_TRY(flow_sign_pump(r));
    for (size_t i = 0; i < sizeof queues / sizeof queues[0]; i++)
        RUN_TRY(pump_requests(r, &queues[i]));
    return flow_intake_room(r);
}

static int pump_lost_request(struct run *r, int64_t id, enum flow_queue_kind queue)
{
    enum { TRIES = 2 };
    struct flow_request q;
    RUN_TRY(r->ops->request_get(r->t, id, &q, r->e));
    if (q.state != FLOW_RQ_RECEIVED)
        return 0;
    q.deaths++;
    if (q.deaths >= TRIES && q.origin == FLOW_ORIGIN_SERVICE)
        return flow_notice_end(r, &q, MSG_FLOW_NOTICE_UNREADABLE);
    if (q.deaths >= TRIES)
        return flow_open_reject(r, &q, MSG_FLOW_DIED_TWICE);
    flow_run_enqueue(&r->st->queue[queue], id);
    return flow_run_put_request(r, &q, MSG_NONE);
}

static int pump_lost_message(struct run *r, int64_t id)
{
    enum { TRIES = 2 };
    struct flow_message m;
    RUN_TRY(flow_run_get_message(r, id, &m));
    if (flow_message_final(m.state))
        return 0;
    m.deaths++;
    if (m.deaths >= TRIES && (m.state == FLOW_MS_TO_SIGN || m.state == FLOW_MS_READY))
        return flow_message_enter(r, &m, FLOW_MS_REJECTED, MSG_FLOW_DIED_TWICE);
    if (m.deaths >= TRIES) {
        m.held = true;
        m.turn = false;
        flow_run_reason(m.reason, MSG_FLOW_ASK_PERSON);
    }
    if (m.state == FLOW_MS_TO_SIGN)
        flow_sign_enqueue(r, &m);
    return flow_run_put_message(r, &m, MSG_NONE);
}

/* WORKER_LOST, SIGN_LOST: a pure order is given again; what kills two workers is at fault itself. */
int flow_pump_lost(struct run *r)
{
    for (size_t i = 0; i < r->st->job_count; i++) {
        struct flow_job *job = &r->st->job[i];
        int64_t id = job->id;
        enum flow_job_kind kind = job->kind;
        if (job->token != r->ev->u.subject.token)
            continue;
        switch (kind) {
        case FLOW_JOB_READ:
            return flow_evidence_read_lost(r, job);
        case FLOW_JOB_LOOK:
        case FLOW_JOB_CONVERT:
            flow_run_job_remove(r, job);
            return pump_lost_request(r, id, kind == FLOW_JOB_LOOK ? FLOW_QUEUE_LOOK : FLOW_QUEUE_CONVERT);
        case FLOW_JOB_CHECK:
        case FLOW_JOB_BUILD:
            flow_run_job_remove(r, job);
            return pump_lost_message(r, id);
        case FLOW_JOB_SIGN:
            flow_run_enqueue(&r->st->signer[job->signer].queue, id);
            flow_run_job_remove(r, job);
            return 0;
        case FLOW_JOB_BUILT:
        case FLOW_JOB_COMPOSE:
        case FLOW_JOB_CLAIM:
        case FLOW_JOB_HAND_BACK:
            return 0;
        }
    }
    return 0;
}
