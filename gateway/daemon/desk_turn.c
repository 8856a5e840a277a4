/*
 * NAME
 *      desk_turn - one turn of the desk: one transaction, one fsync, then the orders
 *
 * DESCRIPTION
 *      Payloads of events are put in the same transaction as the rows that name them. Descriptors of recent payloads are kept, so that a Bundle goes
 *      from worker to worker without being read back from the store.
 *
 * DIAGNOSTICS
 *      A turn that cannot be committed is rolled back whole, and the state machine begins anew from the rows: nothing of it was ordered.
 */
#include <unistd.h>
#include "base/crypt.h"
#include "base/file.h"
#include "base/timefmt.h"
#include "daemon/desk.h"

void desk_log(struct desk *d, const struct err *e)
{
    if (e->msg == MSG_WIRE_CORRUPT) /* names a type of message, never vendor data */
        log_event(d->log, e->msg, e->arg[0], "", NULL);
    else
        log_err(d->log, e);
}

int desk_turn_begin(struct desk *d, struct err *e)
{
    int r = d->in_turn ? 0 : store_begin(d->store, e);

    if (r == 0)
        d->in_turn = true;
    return r;
}

static void answer_inside(struct desk *d)
{
    while (d->orders_given < d->orders.count && !d->failed) {
        struct flow_order order = d->orders.item[d->orders_given++];
        if (order.type == FLOW_DO_COMPOSE)
            desk_compose(d, &order);
        else if (order.type == FLOW_DO_REPLY)
            desk_control_reply(d, &order);
    }
}

void desk_event(struct desk *d, struct flow_event *event)
{
    struct err e = ERR_INIT;
    int r;

    if (d->failed)
        return;
    event->wall_ms = time_wall_ms();
    event->boot_ms = time_boot_ms();
    r = rand_fill(event->seed, sizeof event->seed, &e);
    if (r == 0)
        r = desk_turn_begin(d, &e);
    if (r == 0)
        r = flow_step(&d->cfg, d->flow, &store_flow_ops, d->store, event, &d->orders, &e);
    if (r < 0) {
        desk_log(d, &e);
        d->failed = true;
        return;
    }
    answer_inside(d);
}

void desk_event_later(struct desk *d, const struct flow_event *event)
{
    struct desk_later *later = malloc(sizeof *later);

    if (later == NULL) {
        d->failed = true; /* begun anew from the rows: nothing that matters is only here */
        return;
    }
    later->event = *event;
    later->next = NULL;
    if (d->later == NULL)
        d->later_end = &d->later;
    *d->later_end = later;
    d->later_end = &later->next;
}

bool desk_events_due(struct desk *d)
{
    struct desk_later *list = d->later;
    bool any = list != NULL;

    d->later = NULL;
    while (list != NULL) {
        struct desk_later *next = list->next;
        desk_event(d, &list->event);
        free(list);
        list = next;
    }
    return any;
}

int desk_flow_start(struct desk *d, struct err *e)
{
    struct flow_event start = { .type = FLOW_EV_START, .u.start.clock_sane = true };

    flow_state_free(d->flow);
    d->flow = flow_state_new(e);
    if (d->flow == NULL)
        return ERR_NOMEM;
    flow_orders_reset(&d->orders);
    d->orders_given = 0;
    memset(d->job, 0, sizeof d->job);
    d->failed = false;
    desk_event(d, &start);
    if (d->failed)
        return err_set(e, ERR_INTERNAL, MSG_INTERNAL, NULL, "start", NULL);
    return 0;
}

/* What the doors had told before, told again to a state machine that has just begun. */
static void tell_again(struct desk *d)
{
    for (size_t i = 0; i < d->settings->links; i++) {
        struct flow_event event = { .type = FLOW_EV_LINK_UP };
        snprintf(event.u.link.route, sizeof event.u.link.route, "%s", d->settings->link[i].name);
        if (d->link_up[i])
            desk_event(d, &event);
    }
    for (size_t i = 0; i < d->settings->signers; i++) {
        struct flow_event event = { .type = FLOW_EV_SIGNER, .u.signer.state = (enum flow_signer_state)d->signer[i].state };
        snprintf(event.u.signer.signer, sizeof event.u.signer.signer, "%s", d->settings->signer[i].name);
        desk_event(d, &event);
    }
    d->next_house_ms = 0; /* the disk level */
}

static void begin_anew(struct desk *d)
{
    struct err e = ERR_INIT;

    store_rollback(d->store);
    d->in_turn = false;
    desk_control_turned(d, false);
    if (desk_flow_start(d, &e) < 0) {
        desk_log(d, &e);
        d->stopping = true; /* the rows cannot be read: better down and seen than up and wrong */
        return;
    }
    tell_again(d);
}

void desk_turn_end(struct desk *d)
{
    struct err e = ERR_INIT;

    for (int tries = 0; d->failed || d->in_turn; tries++) {
        if (!d->failed && store_commit(d->store, &e) == 0) {
            d->in_turn = false;
            break;
        }
        if (!d->failed)
            desk_log(d, &e);
        if (tries == 3 || d->stopping) {
            store_rollback(d->store);
            d->in_turn = false;
            d->stopping = true;
            return;
        }
        begin_anew(d);
    }
    desk_control_turned(d, true);
    for (size_t i = 0; i < d->orders.count; i++)
        if (d->orders.item[i].type != FLOW_DO_COMPOSE && d->orders.item[i].type != FLOW_DO_REPLY)
            desk_give(d, &d->orders.item[i]);
    desk_sitting_check(d);
    flow_orders_reset(&d->orders);
    d->orders_given = 0;
}

/* ---- payloads ---- */

static void cache_put(struct desk *d, const struct sha256 *digest, int fd)
{
    struct desk_cached *oldest = &d->cache[0];

    for (size_t i = 0; i < DESK_CACHE_MAX; i++)
        if (d->cache[i].used < oldest->used)
            oldest = &d->cache[i];
    if (oldest->used != 0)
        close(oldest->fd);
    oldest->digest = *digest;
    oldest->fd = fd;
    oldest->used = ++d->cache_clock;
}

static struct desk_cached *cache_find(struct desk *d, const struct sha256 *digest)
{
    for (size_t i = 0; i < DESK_CACHE_MAX; i++)
        if (d->cache[i].used != 0 && memcmp(d->cache[i].digest.byte, digest->byte, sizeof digest->byte) == 0)
            return &d->cache[i];
    return NULL;
}

int desk_payload_take(struct desk *d, int fd, struct sha256 *ret_digest, struct err *e)
{
    struct bytes content;
    struct sha256 digest;
    int r = memfd_map(fd, DESK_PAYLOAD_MAX, &content, e);

    if (r == 0) {
        r = desk_turn_begin(d, e);
        if (r == 0)
            r = store_payload_put(d->store, content, &digest, e);
        memfd_unmap(&content);
    }
    if (r < 0 || cache_find(d, &digest) != NULL)
        close(fd);
    else
        cache_put(d, &digest, fd);
    if (r == 0)
        *ret_digest = digest;
    return r;
}

int desk_payload_fd(struct desk *d, const struct sha256 *digest)
{
    struct desk_cached *cached = cache_find(d, digest);
    struct err e = ERR_INIT;
    int fd;

    if (cached != NULL) {
        cached->used = ++d->cache_clock;
        return cached->fd;
    }
    fd = store_payload_fd(d->store, digest, &e);
    if (fd < 0)
        desk_log(d, &e);
    else
        cache_put(d, digest, fd);
    return fd;
}
