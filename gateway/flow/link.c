/*
 * NAME
 *     link - facts that the link doors report about exchanges
 * DESCRIPTION
 *     Terminal: INTENT -> PUBLISHED (in req/) -> LEFT (gone from req/) -> ANSWERED -> CLOSED. Web API: INTENT -> ANSWERED -> CLOSED.
 *     ENDED is where an exchange waits that nobody waits for any more; a late answer still takes it to ANSWERED.
 *     An exchange is loud while it can still take effect: until its own verdict, or until the settle time has passed, link up, since it
 *     was gone. The settle time of a route that went down begins anew when it is up again.
 * DIAGNOSTICS
 *     A fact about an exchange that is past it is no error: it changes nothing.
 */
#include "flow/run.h"
#include "base/text.h"

bool flow_link_busy(enum flow_exchange_state state)
{
    return state == FLOW_XS_INTENT || state == FLOW_XS_LOOKING || state == FLOW_XS_PUBLISHED || state == FLOW_XS_LEFT;
}

/* Changes the state in the row and the count of sessions; the caller puts the row. */
int flow_link_state(struct run *r, struct flow_exchange *x, enum flow_exchange_state state)
{
    struct flow_route_state *route = flow_run_route(r, x->route);
    if (route != NULL)
        route->busy += (int32_t)flow_link_busy(state) - (int32_t)flow_link_busy(x->state);
    x->state = state;
    return 0;
}

struct flow_order *flow_link_order(struct run *r, enum flow_order_type type, const struct flow_exchange *x, const struct flow_message *m)
{
    struct flow_order *order = flow_run_order(r, type);
    if (order == NULL)
        return NULL;
    order->u.link.exchange = x->id;
    memcpy(order->u.link.facility, x->facility, sizeof x->facility);
    memcpy(order->u.link.route, x->route, sizeof x->route);
    memcpy(order->u.link.name, x->name, sizeof x->name);
    order->u.link.kind = x->kind;
    order->u.link.operation = x->kind == FLOW_XK_PROBE ? FLOW_OP_CHANGE : m->operation;
    order->u.link.document = m->kind;
    if (type == FLOW_DO_SUBMIT)
        order->u.link.request = x->request;
    return order;
}

static int link_give(struct run *r, enum flow_order_type type, const struct flow_exchange *x)
{
    struct flow_message m;
    RUN_TRY(flow_run_get_message(r, x->message, &m));
    return flow_link_order(r, type, x, &m) == NULL ? ERR_NOMEM : 0;
}

static int link_get(struct run *r, int64_t id, struct flow_exchange *ret_x)
{
    int rc = flow_run_get_exchange(r, id, ret_x);
    return rc == ERR_NOTFOUND ? 0 : rc < 0 ? rc : 1;
}

/* The newest exchange of the message that a door or a worker still has in hand. */
int flow_link_find_busy(struct run *r, int64_t message, struct flow_exchange *ret_x)
{
    struct flow_exchange x;
    int rc, found = 0;
    for (int64_t after = 0; (rc = r->ops->exchange_next_of_message(r->t, message, after, &x, r->e)) == 1; after = x.id)
        if (flow_link_busy(x.state) || x.state == FLOW_XS_ANSWERED) {
            *ret_x = x;
            found = 1;
        }
    return rc < 0 ? rc : found;
}

/* Starts (or restarts) the settle time of a loud exchange that is gone. */
int flow_link_gone(struct run *r, struct flow_exchange *x)
{
    const struct flow_route_config *route = flow_run_route_config(r->cfg, x->route);
    const struct flow_route_state *state = flow_run_route(r, x->route);
    if (!x->gone)
        x->left_wall_ms = r->ev->wall_ms;
    x->gone = true;
    if (x->loud)
        x->due_ms = route != NULL && state != NULL && state->up ? r->ev->boot_ms + (route->settle_ms > 0 ? route->settle_ms : 1) : 0;
    return 0;
}

/* It can take no effect any more. Changes both rows; the caller puts them. */
int flow_link_quiet(struct run *r, struct flow_exchange *x, struct flow_message *m)
{
    if (!x->loud)
        return 0;
    x->loud = false;
    x->due_ms = 0;
    m->loud--;
    return flow_run_mark_key(r, m);
}

/* Nobody waits for it any more: a first submit leaves its message unknown, everything else lets the message plan anew. */
int flow_link_give_up(struct run *r, struct flow_exchange *x, bool gone)
{
    struct flow_message m;
    struct flow_attempt last;
    int rc;
    RUN_TRY(flow_link_state(r, x, FLOW_XS_ENDED));
    if (!x->loud)
        x->due_ms = 0;
    if (gone)
        RUN_TRY(flow_link_gone(r, x));
    RUN_TRY(flow_run_put_exchange(r, x, MSG_NONE));
    RUN_TRY(flow_run_get_message(r, x->message, &m));
    RUN_TRY(rc = r->ops->attempt_last(r->t, m.id, &last, r->e));
    if ((m.state == FLOW_MS_SENDING || m.state == FLOW_MS_SENT) && rc == 1 && last.id == x->attempt && x->kind == FLOW_XK_SUBMIT)
        return flow_message_unknown(r, &m);
    return flow_unknown_replan(r, x->message, true);
}

/* Answer time of what is not a first submit; a first submit has it on its message. */
static int64_t link_answer_due(struct run *r, const struct flow_exchange *x)
{
    const struct flow_route_config *route = flow_run_route_config(r->cfg, x->route);
    return route == NULL ? 0 : r->ev->boot_ms + route->answer_ms;
}

static int link_arm_answer(struct run *r, struct flow_exchange *x)
{
    struct flow_message m;
    if (!x->loud) {
        x->due_ms = link_answer_due(r, x);
        return flow_run_put_exchange(r, x, MSG_NONE);
    }
    RUN_TRY(flow_run_put_exchange(r, x, MSG_NONE));
    RUN_TRY(flow_run_get_message(r, x->message, &m));
    if (m.state == FLOW_MS_SENDING) {
        m.due_ms = link_answer_due(r, x);
        return flow_message_enter(r, &m, FLOW_MS_SENT, MSG_NONE);
    }
    if (m.state != FLOW_MS_SENT && m.state != FLOW_MS_UNKNOWN)
        return 0;
    m.due_ms = link_answer_due(r, x);
    m.turn = false;
    return flow_run_put_message(r, &m, MSG_NONE);
}

static int link_publish(struct run *r, struct flow_exchange *x)
{
    RUN_TRY(flow_link_state(r, x, FLOW_XS_PUBLISHED));
    return link_arm_answer(r, x);
}

int flow_link_published(struct run *r)
{
    struct flow_exchange x;
    int rc = link_get(r, r->ev->u.exchange.exchange, &x);
    return rc != 1 ? rc : x.state == FLOW_XS_INTENT || x.state == FLOW_XS_LOOKING ? link_publish(r, &x) : 0;
}

int flow_link_left(struct run *r)
{
    struct flow_exchange x;
    int rc = link_get(r, r->ev->u.exchange.exchange, &x);
    if (rc != 1)
        return rc;
    if (x.state == FLOW_XS_INTENT || x.state == FLOW_XS_LOOKING)
        RUN_TRY(link_publish(r, &x));
    if (x.gone || !(x.state == FLOW_XS_PUBLISHED || x.state == FLOW_XS_ENDED))
        return 0;
    if (x.state == FLOW_XS_PUBLISHED)
        RUN_TRY(flow_link_state(r, &x, FLOW_XS_LEFT));
    RUN_TRY(flow_link_gone(r, &x));
    return flow_run_put_exchange(r, &x, MSG_NONE);
}

static int link_mark_not_left(struct run *r, const struct flow_exchange *x)
{
    struct flow_attempt a;
    RUN_TRY(r->ops->attempt_get(r->t, x->attempt, &a, r->e));
    if (x->repeat || x->kind != FLOW_XK_SUBMIT || !a.left)
        return 0;
    a.left = false;
    return flow_run_put_attempt(r, &a);
}

static int link_show_not_left(struct run *r, struct flow_exchange *x, int64_t retry_after_ms, bool back_off)
{
    const struct flow_route_config *config = flow_run_route_config(r->cfg, x->route);
    struct flow_route_state *route = flow_run_route(r, x->route);
    struct flow_message m;
    RUN_TRY(flow_link_state(r, x, FLOW_XS_CLOSED));
    RUN_TRY(flow_run_get_message(r, x->message, &m));
    RUN_TRY(flow_link_quiet(r, x, &m));
    x->due_ms = 0;
    RUN_TRY(flow_run_put_exchange(r, x, MSG_FLOW_NOT_LEFT));
    RUN_TRY(link_mark_not_left(r, x));
    if (back_off && config != NULL && route != NULL) {
        int64_t wait = retry_after_ms > 0 ? retry_after_ms : flow_run_backoff(r, config->retry_ms, config->retry_max_ms, route->failures);
        route->failures += route->failures < 30;
        route->not_before_ms = r->ev->boot_ms + wait;
    }
    if (x->kind == FLOW_XK_SUBMIT && m.state == FLOW_MS_SENDING && !x->repeat) {
        m.due_ms = 0;
        return flow_message_make_ready(r, &m, MSG_FLOW_NOT_LEFT);
    }
    m.submits -= x->kind == FLOW_XK_SUBMIT;
    RUN_TRY(flow_run_put_message(r, &m, MSG_NONE));
    return flow_unknown_replan(r, m.id, true);
}

int flow_link_not_left(struct run *r)
{
    struct flow_exchange x;
    int rc = link_get(r, r->ev->u.exchange.exchange, &x);
    if (rc != 1)
        return rc;
    if (x.state != FLOW_XS_INTENT && x.state != FLOW_XS_LOOKING)
        return 0;
    return link_show_not_left(r, &x, r->ev->u.exchange.retry_after_ms, true);
}

/* Terminal: the folder must be looked at. Web API: it may have happened. */
static int link_doubt(struct run *r, struct flow_exchange *x)
{
    const struct flow_route_config *config = flow_run_route_config(r->cfg, x->route);
    const struct flow_route_state *route = flow_run_route(r, x->route);
    if (config != NULL && config->link == FLOW_LINK_WEBAPI)
        return flow_link_give_up(r, x, true);
    RUN_TRY(flow_link_state(r, x, FLOW_XS_LOOKING));
    RUN_TRY(flow_run_put_exchange(r, x, MSG_NONE));
    return route != NULL && route->up ? link_give(r, FLOW_DO_LOOK_FOLDER, x) : 0;
}

int flow_link_unsure(struct run *r)
{
    struct flow_exchange x;
    int rc = link_get(r, r->ev->u.exchange.exchange, &x);
    return rc != 1 ? rc : x.state == FLOW_XS_INTENT ? link_doubt(r, &x) : 0;
}

int flow_link_ended(struct run *r)
{
    struct flow_exchange x;
    int rc = link_get(r, r->ev->u.exchange.exchange, &x);
    return rc != 1 ? rc : flow_link_busy(x.state) ? flow_link_give_up(r, &x, true) : 0;
}

int flow_link_folder(struct run *r)
{
    struct flow_exchange x;
    int rc = link_get(r, r->ev->u.folder.exchange, &x);
    if (rc != 1 || x.state != FLOW_XS_LOOKING)
        return rc < 0 ? rc : 0;
    switch (r->ev->u.folder.found) {
    case FLOW_FOLDER_REQUEST:
    case FLOW_FOLDER_ANSWER:
        RUN_TRY(link_publish(r, &x));
        if (r->ev->u.folder.found == FLOW_FOLDER_ANSWER) {
            RUN_TRY(flow_link_state(r, &x, FLOW_XS_LEFT));
            RUN_TRY(flow_link_gone(r, &x));
            RUN_TRY(flow_run_put_exchange(r, &x, MSG_NONE));
        }
        return link_give(r, FLOW_DO_AWAIT, &x);
    case FLOW_FOLDER_TEMP:
        return link_show_not_left(r, &x, 0, false);
    case FLOW_FOLDER_NEITHER:
        return flow_link_give_up(r, &x, true);
    }
    return 0;
}

int flow_link_stray(struct run *r)
{
    struct flow_order *order = flow_run_order(r, FLOW_DO_LOG);
    if (order == NULL)
        return ERR_NOMEM;
    order->u.log.msg = MSG_FLOW_STRAY;
    return 0;
}

/* Answer bytes: stored on their exchange whatever its state; the worker says what they mean. */
int flow_link_answer(struct run *r)
{
    struct flow_exchange x;
    struct flow_message m;
    const struct sha256 *answer = &r->ev->u.answer.answer;
    int rc = r->ev->u.answer.exchange != 0 ? link_get(r, r->ev->u.answer.exchange, &x) : r->ops->exchange_by_name(r->t, r->ev->u.answer.name, &x, r->e);
    RUN_TRY(rc);
    if (rc == 0)
        return flow_link_stray(r);
    if (memcmp(&x.answer, answer, sizeof x.answer) == 0)     /* the same again: remove what was only not removed */
        return x.state == FLOW_XS_CLOSED && x.removable ? link_give(r, FLOW_DO_REMOVE_ANSWER, &x) : 0;
    if (x.state == FLOW_XS_ANSWERED)                         /* one at a time; the other is reported again */
        return 0;
    bool first = x.state == FLOW_XS_INTENT || x.state == FLOW_XS_LOOKING;
    RUN_TRY(flow_link_state(r, &x, FLOW_XS_ANSWERED));
    x.answer = *answer;
    x.answered_wall_ms = r->ev->wall_ms;
    struct flow_route_state *route = flow_run_route(r, x.route);
    if (route != NULL)
        route->failures = 0;                                 /* the route works: what does not leave next begins its back-off anew */
    RUN_TRY(flow_link_gone(r, &x));
    if (!x.loud)
        x.due_ms = 0;
    RUN_TRY(flow_run_put_exchange(r, &x, MSG_NONE));
    flow_run_enqueue(&r->st->queue[FLOW_QUEUE_READ], x.id);
    RUN_TRY(flow_run_get_message(r, x.message, &m));
    if (first && x.kind == FLOW_XK_SUBMIT && m.state == FLOW_MS_SENDING) {
        m.due_ms = 0;
        return flow_message_enter(r, &m, FLOW_MS_SENT, MSG_NONE);
    }
    return 0;
}

int flow_link_down(struct run *r, const char *id, enum msg_id why)
{
    struct flow_route_state *route = flow_run_route(r, id);
    struct flow_exchange x;
    int rc;
    if (route == NULL)
        return 0;
    route->up = false;
    for (int64_t after = 0; (rc = r->ops->exchange_next_settling(r->t, id, after, &x, r->e)) == 1; after = x.id)
        if (x.due_ms != 0) {
            x.due_ms = 0;
            RUN_TRY(flow_run_put_exchange(r, &x, MSG_NONE));
        }
    RUN_TRY(rc);
    for (size_t i = r->st->job_count; i > 0; i--) {
        struct flow_job *job = &r->st->job[i - 1];
        struct flow_message m;
        if ((job->kind != FLOW_JOB_BUILD && job->kind != FLOW_JOB_BUILT) || &r->st->route[job->route] != route)
            continue;
        RUN_TRY(flow_run_get_message(r, job->id, &m));
        flow_run_job_remove(r, job);
        flow_run_enqueue_send(r, &m);
    }
    return flow_run_alarm(r, FLOW_ALARM_LINK, 0, id, true, why != MSG_NONE ? why : MSG_FLOW_ALARM_LINK);
}

/* The door is gone for good (waitpid): what it had in hand is looked at, or unknown. */
int flow_link_lost(struct run *r)
{
    static const enum flow_exchange_state states[] = { FLOW_XS_INTENT, FLOW_XS_PUBLISHED, FLOW_XS_LEFT };
    const struct flow_route_config *route = flow_run_route_config(r->cfg, r->ev->u.link.route);
    struct flow_exchange x;
    int rc;
    RUN_TRY(flow_link_down(r, r->ev->u.link.route, r->ev->u.link.why));
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (states[i] != FLOW_XS_INTENT && (route == NULL || route->link != FLOW_LINK_WEBAPI))
            continue;
        for (int64_t after = 0; (rc = r->ops->exchange_next(r->t, r->ev->u.link.route, states[i], after, &x, r->e)) == 1; after = x.id)
            RUN_TRY(link_doubt(r, &x));
        RUN_TRY(rc);
    }
    return 0;
}

/* Waits that the folder link takes up again when it is back. */
static int link_resume(struct run *r, struct flow_exchange *x)
{
    struct flow_message m;
    RUN_TRY(link_give(r, FLOW_DO_AWAIT, x));
    if (!x->loud && x->due_ms == 0 && x->state != FLOW_XS_ENDED) {
        x->due_ms = link_answer_due(r, x);
        return flow_run_put_exchange(r, x, MSG_NONE);
    }
    RUN_TRY(flow_run_get_message(r, x->message, &m));
    if (x->state == FLOW_XS_ENDED || m.due_ms != 0 || (m.state != FLOW_MS_SENT && m.state != FLOW_MS_UNKNOWN))
        return 0;
    m.due_ms = link_answer_due(r, x);
    return flow_run_put_message(r, &m, MSG_NONE);
}

int flow_link_up(struct run *r)
{
    const char *id = r->ev->u.link.route;
    struct flow_route_state *route = flow_run_route(r, id);
    struct flow_exchange x;
    int rc;
    if (route == NULL || flow_run_route_config(r->cfg, id) == NULL)
        return 0;
    route->up = route->met = true;
    route->failures = 0;
    route->not_before_ms = 0;
    for (int64_t after = 0; (rc = r->ops->exchange_next(r->t, id, FLOW_XS_LOOKING, after, &x, r->e)) == 1; after = x.id)
        RUN_TRY(link_give(r, FLOW_DO_LOOK_FOLDER, &x));
    RUN_TRY(rc);
    for (int64_t after = 0; (rc = r->ops->exchange_next_settling(r->t, id, after, &x, r->e)) == 1; after = x.id) {
        if (x.gone) {
            RUN_TRY(flow_link_gone(r, &x));
            RUN_TRY(flow_run_put_exchange(r, &x, MSG_NONE));
        } else if (x.state == FLOW_XS_ENDED) {
            RUN_TRY(link_resume(r, &x));
        }
    }
    RUN_TRY(rc);
    for (int k = 0; k < 2; k++) {
        enum flow_exchange_state state = k == 0 ? FLOW_XS_PUBLISHED : FLOW_XS_LEFT;
        for (int64_t after = 0; (rc = r->ops->exchange_next(r->t, id, state, after, &x, r->e)) == 1; after = x.id)
            RUN_TRY(link_resume(r, &x));
        RUN_TRY(rc);
    }
    return flow_run_alarm(r, FLOW_ALARM_LINK, 0, id, false, MSG_FLOW_ALARM_LINK);
}

/* The timer of an exchange: a loud one has settled; another one was not answered in time. */
int flow_link_exchange_due(struct run *r, struct flow_exchange *x)
{
    struct flow_message m;
    x->due_ms = 0;
    if (!x->loud)
        return flow_link_busy(x->state) ? flow_link_give_up(r, x, false) : flow_run_put_exchange(r, x, MSG_NONE);
    RUN_TRY(flow_run_get_message(r, x->message, &m));
    RUN_TRY(flow_link_quiet(r, x, &m));
    /* Only a first submit is waited for longer, by the answer time of its message; the others may have lost theirs to a late answer. */
    if (x->state == FLOW_XS_LEFT && m.state != FLOW_MS_SENDING && m.state != FLOW_MS_SENT)
        RUN_TRY(flow_link_state(r, x, FLOW_XS_ENDED));
    RUN_TRY(flow_run_put_exchange(r, x, MSG_NONE));
    return flow_run_put_message(r, &m, MSG_NONE);
}
