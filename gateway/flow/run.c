/*
 * NAME
 *     run - what one step of the state machine works with: rows with their causes, orders, jobs, queues
 * DESCRIPTION
 *     Every row is written through run_put_...(), which keeps what follows from a row's own members true: `blocks` of a message, no
 *     timer on a final one, its place in the queue of what may be sent. The list of requests to be told about grows by itself.
 * DIAGNOSTICS
 *     flow_run_inconsistent() (ERR_INTERNAL) says that a row contradicts itself: the step must not be committed.
 */
#include "flow/run.h"
#include "base/text.h"
#include <inttypes.h>
#include <stdio.h>

void flow_orders_init(struct flow_orders *orders) { memset(orders, 0, sizeof *orders); }
void flow_orders_reset(struct flow_orders *orders) { orders->count = 0; }

void flow_orders_free(struct flow_orders *orders)
{
    free(orders->item);
    flow_orders_init(orders);
}

struct flow_state *flow_state_new(struct err *e)
{
    struct flow_state *st = calloc(1, sizeof *st);
    if (st == NULL)
        err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "flow", NULL);
    return st;
}

struct flow_state *flow_state_free(struct flow_state *st)
{
    free(st);
    return NULL;
}

void flow_run_free(struct run *r)
{
    free(r->touched.id);
    free(r->finals.id);
    free(r->key);
}

static int run_nomem(struct run *r) { return err_set(r->e, ERR_NOMEM, MSG_NOMEM, NULL, "flow", NULL); }

int flow_run_mark_id(struct run *r, struct run_ids *list, int64_t id)
{
    for (size_t i = list->count; i > 0 && i + 16 > list->count; i--)   /* the same ids come close together */
        if (list->id[i - 1] == id)
            return 0;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        int64_t *more = realloc(list->id, capacity * sizeof *more);
        if (more == NULL)
            return run_nomem(r);
        list->id = more;
        list->capacity = capacity;
    }
    list->id[list->count++] = id;
    return 0;
}

int flow_run_mark_key(struct run *r, const struct flow_message *m)
{
    if (m->bundle_id[0] == '\0')
        return 0;
    for (size_t i = 0; i < r->key_count; i++)
        if (strcmp(r->key[i].bundle_id, m->bundle_id) == 0 && strcmp(r->key[i].facility, m->facility) == 0 && strcmp(r->key[i].list_key, m->list_key) == 0)
            return 0;
    if (r->key_count == r->key_capacity) {
        size_t capacity = r->key_capacity == 0 ? 8 : r->key_capacity * 2;
        struct run_key *more = realloc(r->key, capacity * sizeof *more);
        if (more == NULL)
            return run_nomem(r);
        r->key = more;
        r->key_capacity = capacity;
    }
    struct run_key *key = &r->key[r->key_count++];
    memcpy(key->facility, m->facility, sizeof key->facility);
    memcpy(key->bundle_id, m->bundle_id, sizeof key->bundle_id);
    memcpy(key->list_key, m->list_key, sizeof key->list_key);
    return 0;
}

int flow_run_inconsistent(struct run *r, const char *what, int64_t id)
{
    char number[24];
    snprintf(number, sizeof number, "%" PRId64, id);
    return err_set(r->e, ERR_INTERNAL, MSG_INTERNAL, NULL, what, number);
}

struct flow_cause flow_run_cause(const struct run *r, enum msg_id msg)
{
    struct flow_cause cause = { .event = (int)r->ev->type, .msg = msg, .actor = r->actor, .wall_ms = r->ev->wall_ms };
    return cause;
}

int flow_run_put_request(struct run *r, struct flow_request *q, enum msg_id msg)
{
    struct flow_cause cause = flow_run_cause(r, msg);
    RUN_TRY(r->ops->request_put(r->t, q, &cause, r->e));
    return flow_run_mark_id(r, &r->touched, q->id);
}

int flow_run_put_attachment(struct run *r, struct flow_attachment *a)
{
    struct flow_cause cause = flow_run_cause(r, MSG_NONE);
    return r->ops->attachment_put(r->t, a, &cause, r->e);
}

int flow_run_put_unit(struct run *r, struct flow_unit *u)
{
    struct flow_cause cause = flow_run_cause(r, MSG_NONE);
    return r->ops->unit_put(r->t, u, &cause, r->e);
}

int flow_run_put_message(struct run *r, struct flow_message *m, enum msg_id msg)
{
    struct flow_cause cause = flow_run_cause(r, msg);
    bool final = flow_message_final(m->state);
    if (m->loud < 0)
        return flow_run_inconsistent(r, "message.loud", m->id);
    if (final) {
        m->due_ms = 0;
        m->turn = false;
    }
    m->blocks = !final || m->loud > 0;
    RUN_TRY(r->ops->message_put(r->t, m, &cause, r->e));
    flow_run_enqueue_send(r, m);
    return flow_run_mark_id(r, &r->touched, m->request);
}

int flow_run_put_attempt(struct run *r, struct flow_attempt *a)
{
    struct flow_cause cause = flow_run_cause(r, MSG_NONE);
    return r->ops->attempt_put(r->t, a, &cause, r->e);
}

int flow_run_put_exchange(struct run *r, struct flow_exchange *x, enum msg_id msg)
{
    struct flow_cause cause = flow_run_cause(r, msg);
    return r->ops->exchange_put(r->t, x, &cause, r->e);
}

int flow_run_get_message(struct run *r, int64_t id, struct flow_message *ret_m) { return r->ops->message_get(r->t, id, ret_m, r->e); }
int flow_run_get_exchange(struct run *r, int64_t id, struct flow_exchange *ret_x) { return r->ops->exchange_get(r->t, id, ret_x, r->e); }

struct flow_order *flow_run_order(struct run *r, enum flow_order_type type)
{
    struct flow_orders *o = r->orders;
    if (o->count == o->capacity) {
        size_t capacity = o->capacity == 0 ? 16 : o->capacity * 2;
        struct flow_order *more = realloc(o->item, capacity * sizeof *more);
        if (more == NULL) {
            run_nomem(r);
            return NULL;
        }
        o->item = more;
        o->capacity = capacity;
    }
    struct flow_order *order = &o->item[o->count++];
    memset(order, 0, sizeof *order);
    order->type = type;
    return order;
}

struct flow_order *flow_run_work(struct run *r, enum flow_order_type type, const struct flow_job *job)
{
    struct flow_order *order = job != NULL ? flow_run_order(r, type) : NULL;
    if (job == NULL)
        run_nomem(r);
    if (order != NULL)
        order->token = job->token;
    return order;
}

int flow_run_log_message(struct run *r, const struct flow_message *m, enum msg_id msg)
{
    struct flow_order *order = flow_run_order(r, FLOW_DO_LOG);
    if (order == NULL)
        return ERR_NOMEM;
    order->u.log.msg = msg;
    order->u.log.request = m->request;
    order->u.log.message = m->id;
    memcpy(order->u.log.source, m->source, sizeof m->source);
    memcpy(order->u.log.facility, m->facility, sizeof m->facility);
    order->u.log.kind = m->kind;
    order->u.log.operation = m->operation;
    order->u.log.message_state = m->state;
    memcpy(order->u.log.code, m->result_code, sizeof m->result_code);
    return 0;
}

int flow_run_log_request(struct run *r, const struct flow_request *q, enum msg_id msg)
{
    if (q->origin == FLOW_ORIGIN_SERVICE && msg == MSG_NONE)    /* its one line says what it is */
        return 0;
    struct flow_order *order = flow_run_order(r, FLOW_DO_LOG);
    if (order == NULL)
        return ERR_NOMEM;
    order->u.log.msg = msg;
    order->u.log.request = q->id;
    memcpy(order->u.log.source, q->source, sizeof q->source);
    memcpy(order->u.log.facility, q->facility, sizeof q->facility);
    order->u.log.request_state = q->state;
    if (!flow_run_is_zero(&q->original)) {
        char hex[SHA256_HEX];
        sha256_to_hex(&q->original, hex);
        memcpy(order->u.log.hash8, hex, 8);
    }
    return 0;
}

int flow_run_alarm(struct run *r, enum flow_alarm alarm, int32_t index, const char *name, bool raise, enum msg_id msg)
{
    struct flow_state *st = r->st;
    size_t at = 0;
    while (at < st->alarm_count && !(st->alarm[at].alarm == alarm && st->alarm[at].index == index && strcmp(st->alarm[at].name, name) == 0))
        at++;
    bool raised = at < st->alarm_count;
    if (raised == raise || (raise && st->alarm_count == FLOW_ALARM_SLOTS))
        return 0;
    struct flow_order *order = flow_run_order(r, FLOW_DO_ALARM);
    if (order == NULL)
        return ERR_NOMEM;
    if (raise) {
        memset(&st->alarm[at], 0, sizeof st->alarm[at]);
        st->alarm[at].alarm = alarm;
        st->alarm[at].index = index;
        text_copy(st->alarm[at].name, sizeof st->alarm[at].name, name);
        st->alarm_count++;
        if (st->age_check_ms > r->ev->boot_ms + FLOW_ALARM_LOOK_MS)   /* so that its end is told soon */
            st->age_check_ms = r->ev->boot_ms + FLOW_ALARM_LOOK_MS;
    } else {
        st->alarm[at] = st->alarm[--st->alarm_count];
    }
    order->u.alarm.alarm = alarm;
    order->u.alarm.raise = raise;
    order->u.alarm.index = index;
    order->u.alarm.msg = msg;
    text_copy(order->u.alarm.name, sizeof order->u.alarm.name, name);
    return 0;
}

int flow_run_reply(struct run *r, enum msg_id msg, int code, int64_t request, int64_t message, int64_t wait_ms)
{
    struct flow_order *order = flow_run_order(r, FLOW_DO_REPLY);
    if (order == NULL)
        return ERR_NOMEM;
    order->u.reply.msg = msg;
    order->u.reply.code = code;
    order->u.reply.request = request;
    order->u.reply.message = message;
    order->u.reply.wait_ms = wait_ms;
    return 0;
}

void flow_run_uuid(struct run *r, char ret_text[static UUID_TEXT]) { uuid_from_seed(r->ev->seed, r->draws++, ret_text); }

int64_t flow_run_backoff(struct run *r, int64_t first_ms, int64_t longest_ms, int32_t failures)
{
    int64_t wait = first_ms;
    for (int32_t i = 0; i < failures && wait < longest_ms; i++)
        wait *= 2;
    if (wait > longest_ms)
        wait = longest_ms;
    unsigned jitter = r->ev->seed[r->draws++ % sizeof r->ev->seed];
    return wait + wait * (int64_t)jitter / 1024;   /* up to a quarter more, so that clinics do not knock in step */
}

void flow_run_reason(char ret_reason[static FLOW_REASON], enum msg_id msg)
{
    memset(ret_reason, 0, FLOW_REASON);
    if (msg != MSG_NONE)
        text_copy(ret_reason, FLOW_REASON, msg_get(msg)->code);
}

struct flow_job *flow_run_job_add(struct run *r, enum flow_job_kind kind, int64_t id, int64_t version)
{
    if (r->st->job_count == FLOW_JOBS_MAX)
        return NULL;
    struct flow_job *job = &r->st->job[r->st->job_count++];
    memset(job, 0, sizeof *job);
    job->token = ++r->st->token;
    job->kind = kind;
    job->id = id;
    job->version = version;
    job->route = -1;
    job->signer = -1;
    return job;
}

struct flow_job *flow_run_job_find(struct run *r, enum flow_job_kind kind, int64_t token)
{
    for (size_t i = 0; i < r->st->job_count; i++)
        if (r->st->job[i].token == token && r->st->job[i].kind == kind)
            return &r->st->job[i];
    return NULL;
}

int flow_run_request_of(struct run *r, enum flow_job_kind kind, int64_t token, enum flow_request_state state, enum flow_request_step step, struct flow_request *ret_q)
{
    struct flow_job job;
    struct flow_request q;
    if (!flow_run_job_take(r, kind, token, &job))
        return 0;
    RUN_TRY(r->ops->request_get(r->t, job.id, &q, r->e));
    if (q.state != state || q.step != step)
        return 0;
    *ret_q = q;
    return 1;
}

bool flow_run_job_take(struct run *r, enum flow_job_kind kind, int64_t token, struct flow_job *ret_job)
{
    struct flow_job *job = flow_run_job_find(r, kind, token);
    if (job == NULL)
        return false;
    *ret_job = *job;
    flow_run_job_remove(r, job);
    return true;
}

struct flow_job *flow_run_job_of(struct run *r, enum flow_job_kind kind, int64_t id)
{
    for (size_t i = 0; i < r->st->job_count; i++)
        if (r->st->job[i].id == id && r->st->job[i].kind == kind)
            return &r->st->job[i];
    return NULL;
}

void flow_run_job_remove(struct run *r, struct flow_job *job)
{
    struct flow_job *last = &r->st->job[--r->st->job_count];
    if (job != last)
        *job = *last;
    memset(last, 0, sizeof *last);
}

size_t flow_run_job_count(const struct run *r, unsigned kinds, int route)
{
    size_t n = 0;
    for (size_t i = 0; i < r->st->job_count; i++)
        n += (kinds >> r->st->job[i].kind & 1) != 0 && (route < 0 || r->st->job[i].route == route);
    return n;
}

void flow_run_enqueue(struct flow_queue *queue, int64_t id)
{
    if (!queue->more || id <= queue->after)
        queue->after = queue->more && queue->after < id - 1 ? queue->after : id - 1;
    queue->more = true;
}

void flow_run_enqueue_send(struct run *r, const struct flow_message *m)
{
    size_t facility;
    if (!m->turn || m->due_ms != 0 || flow_run_facility(r->cfg, m->facility, &facility) == NULL)
        return;
    if (m->state == FLOW_MS_READY)
        flow_run_enqueue(&r->st->send[facility][0], m->id);
    else if (m->state == FLOW_MS_PENDING)
        flow_run_enqueue(&r->st->send[facility][1], m->id);
    else if (m->state == FLOW_MS_UNKNOWN)
        flow_run_enqueue(&r->st->send[facility][2], m->id);
}

bool flow_run_is_zero(const struct sha256 *digest)
{
    static const struct sha256 zero;
    return memcmp(digest, &zero, sizeof zero) == 0;
}

const struct flow_facility_config *flow_run_facility(const struct flow_config *cfg, const char *code, size_t *ret_index)
{
    for (size_t i = 0; i < cfg->facility_count; i++)
        if (strcmp(cfg->facility[i].code, code) == 0) {
            if (ret_index != NULL)
                *ret_index = i;
            return &cfg->facility[i];
        }
    return NULL;
}

const struct flow_route_config *flow_run_route_config(const struct flow_config *cfg, const char *id)
{
    for (size_t i = 0; i < cfg->route_count; i++)
        if (strcmp(cfg->route[i].id, id) == 0)
            return &cfg->route[i];
    return NULL;
}

struct flow_route_state *flow_run_route(struct run *r, const char *id)
{
    struct flow_state *st = r->st;
    for (size_t i = 0; i < st->route_count; i++)
        if (strcmp(st->route[i].id, id) == 0)
            return &st->route[i];
    if (st->route_count == FLOW_ROUTES_MAX)
        return NULL;
    struct flow_route_state *route = &st->route[st->route_count++];
    memset(route, 0, sizeof *route);
    text_copy(route->id, sizeof route->id, id);
    return route;
}

struct flow_signer_slot *flow_run_signer(struct run *r, const char *id)
{
    struct flow_state *st = r->st;
    for (size_t i = 0; i < st->signer_count; i++)
        if (strcmp(st->signer[i].id, id) == 0)
            return &st->signer[i];
    if (st->signer_count == FLOW_SIGNERS_MAX)
        return NULL;
    struct flow_signer_slot *slot = &st->signer[st->signer_count++];
    memset(slot, 0, sizeof *slot);
    text_copy(slot->id, sizeof slot->id, id);
    slot->state = id[0] == '\0' ? FLOW_SIGNER_READY : FLOW_SIGNER_DOWN;
    return slot;
}
