/*
 * NAME
 *      desk_turn - turns of the desk: one transaction, one fsync, then the orders
 *
 * DESCRIPTION
 *      An order that only asks a worker to think, or the spool door for a file, has no effect that a crash could leave behind without its reason: it is given at
 *      once, before the commit. Every other order waits for the commit. So a transaction stays open over several turns of the loop while workers are busy, until an order
 *      presses that somebody waits for, nobody is busy any more, or TURN_MS have passed: a file on its way from folder to service costs one commit
 *      before it is sent, however many steps that is. What a crash takes away is what nobody has acted upon; the file itself lies in .work/ and comes again.
 *      Even an order that presses waits for what the doors have said meanwhile, PRESSED_MS at most: an idle house hears nothing more and commits at once,
 *      in a busy one several files share the pages of a commit.
 *
 *      Payloads of events are put in the same transaction as the rows that name them. Descriptors of recent payloads are kept, so that a Bundle goes
 *      from worker to worker without being read back from the store.
 *
 * DIAGNOSTICS
 *      A turn that cannot be committed is rolled back whole, and the state machine begins anew from the rows: nothing of it was ordered.
 */
#include <sys/stat.h>
#include <unistd.h>
#include "base/crypt.h"
#include "base/file.h"
#include "base/timefmt.h"
#include "daemon/desk.h"

enum { TURN_MS = 20, PRESSED_MS = 3 };

/* When an order may be given. */
enum haste { AFTER_COMMIT_SOON /* the commit is made at the end of this turn */, AFTER_COMMIT /* ... whenever it is made */, AT_ONCE /* before it */ };

static enum haste haste_of(enum flow_order_type type)
{
    static const enum haste table[FLOW_DO_TYPES] = {
        [FLOW_DO_LOOK] = AT_ONCE, [FLOW_DO_CONVERT] = AT_ONCE, [FLOW_DO_CHECK] = AT_ONCE, [FLOW_DO_BUILD] = AT_ONCE, [FLOW_DO_READ] = AT_ONCE, [FLOW_DO_READ_NOTICE] = AT_ONCE, /* pure */
        [FLOW_DO_CLAIM] = AT_ONCE, [FLOW_DO_OFFER_AGAIN] = AT_ONCE, /* no row stands behind them; what is claimed lies in .work/ and is found there */
        [FLOW_DO_LOG] = AFTER_COMMIT, [FLOW_DO_ALARM] = AFTER_COMMIT, [FLOW_DO_WRITE_STATUS] = AFTER_COMMIT, [FLOW_DO_COMPOSE] = AFTER_COMMIT /* was answered inside */,
    };
    return table[type];
}

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

    if (r == 0 && !d->in_turn) {
        d->in_turn = true;
        d->turn_since_ms = time_boot_ms();
    }
    return r;
}

static void answer_inside(struct desk *d)
{
    while (d->orders_answered < d->orders.count && !d->failed) {
        const struct flow_order *next = &d->orders.item[d->orders_answered++];
        if (next->type != FLOW_DO_COMPOSE && next->type != FLOW_DO_REPLY)
            continue;
        struct flow_order order = *next; /* the list may move while it is answered */
        if (order.type == FLOW_DO_COMPOSE)
            desk_compose(d, &order);
        else
            desk_control_reply(d, &order);
    }
}

/* One call of the kernel for many events. A seed that was given is wiped here. */
static int draw_seed(struct desk *d, unsigned char ret_seed[static 32], struct err *e)
{
    int r = 0;

    if (d->seeds_left == 0) {
        if ((r = rand_fill(d->seeds, sizeof d->seeds, e)) < 0)
            return r;
        d->seeds_left = DESK_SEEDS;
    }
    d->seeds_left--;
    memcpy(ret_seed, d->seeds[d->seeds_left], sizeof d->seeds[0]);
    memset(d->seeds[d->seeds_left], 0, sizeof d->seeds[0]);
    return r;
}

void desk_event(struct desk *d, struct flow_event *event)
{
    struct err e = ERR_INIT;
    int r;

    if (d->failed)
        return;
    event->wall_ms = time_wall_ms();
    event->boot_ms = time_boot_ms();
    r = draw_seed(d, event->seed, &e);
    if (r == 0)
        r = desk_turn_begin(d, &e);
    if (r == 0)
        r = flow_step(&d->cfg, d->flow, &store_flow_ops, d->store, event, &d->orders, &e);
    if (r < 0) {
        desk_log(d, &e);
        d->disk_full |= e.code == ERR_LIMIT;
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
    struct flow_event start = { .type = FLOW_EV_START };

    flow_state_free(d->flow);
    d->flow = flow_state_new(e);
    if (d->flow == NULL)
        return ERR_NOMEM;
    flow_orders_reset(&d->orders);
    d->orders_answered = d->orders_early = 0;
    d->pressed = d->failed = false;
    d->disk_told = false;
    d->next_house_ms = 0;
    desk_event(d, &start);
    if (d->failed)
        return err_set(e, ERR_INTERNAL, MSG_INTERNAL, NULL, "start", NULL);
    return 0;
}

/* Facts that waited for the turn and are about orders of the life that has ended: their numbers are given anew. */
static void forget_later(struct desk *d)
{
    while (d->later != NULL) {
        struct desk_later *next = d->later->next;
        free(d->later);
        d->later = next;
    }
}

/*
 * As if this process had been killed and started again, which is the life that the state machine is made for: what doors said in the turn that was lost is
 * said by no one again, and reports of their old orders would carry numbers that are given anew. So the doors go with it.
 */
static void begin_anew(struct desk *d)
{
    struct err e = ERR_INIT;

    store_rollback(d->store);
    d->in_turn = false;
    desk_control_turned(d, false);
    desk_doors_drop(d);
    forget_later(d);
    memset(d->alarm, 0, sizeof d->alarm);
    if (d->disk_full && store_ballast(d->store, 0, &e) < 0) /* room for what must be written now */
        desk_log(d, &e);
    d->disk_full = false;
    if (desk_flow_start(d, &e) < 0) {
        desk_log(d, &e);
        d->stopping = d->failed = true; /* the rows cannot be read: better down and seen than up and wrong */
    }
}

static void cache_drop(struct desk_cached *cached)
{
    if (cached->used != 0 && cached->fd >= 0)
        close(cached->fd);
    free(cached->bytes);
    memset(cached, 0, sizeof *cached);
}

/* Large payloads are read from the store again when they are wanted again. Only between turns: a message in the making has borrowed its descriptors. */
static void cache_trim(struct desk *d)
{
    int64_t total = 0;

    for (size_t i = 0; i < DESK_CACHE_MAX; i++)
        total += d->cache[i].used != 0 ? d->cache[i].size : 0;
    while (total > DESK_CACHE_BYTES) {
        struct desk_cached *oldest = NULL;
        for (size_t i = 0; i < DESK_CACHE_MAX; i++)
            if (d->cache[i].used != 0 && (oldest == NULL || d->cache[i].used < oldest->used))
                oldest = &d->cache[i];
        if (oldest == NULL)
            return;
        total -= oldest->size;
        cache_drop(oldest);
    }
}

/* Gives what needs no commit, and sees whether anything presses. Giving orders makes no new ones: what it meets becomes an event of the next turn. */
static void give_early(struct desk *d)
{
    for (; d->orders_early < d->orders.count && !d->failed; d->orders_early++) {
        struct flow_order *order = &d->orders.item[d->orders_early];
        enum haste haste = haste_of(order->type);
        if (haste == AT_ONCE) {
            desk_give(d, order);
            order->type = FLOW_DO_NONE;
        }
        if (haste == AFTER_COMMIT_SOON && !d->pressed) {
            d->pressed = true;
            d->pressed_since_ms = time_boot_ms();
        }
    }
}

static bool workers_busy(const struct desk *d)
{
    for (size_t i = 0; i < d->doors; i++)
        if (d->door[i].kind == DESK_CONVERT && d->door[i].jobs > 0)
            return true;
    return false;
}

/* True when it stands; false when the desk has to stop. */
static bool commit(struct desk *d)
{
    struct err e = ERR_INIT;

    for (int tries = 0; d->failed || d->in_turn; tries++) {
        if (!d->failed && store_commit(d->store, &e) == 0) {
            d->in_turn = false;
            break;
        }
        if (!d->failed) {
            desk_log(d, &e);
            d->disk_full |= e.code == ERR_LIMIT;
        }
        if (tries == 3 || d->stopping) {
            store_rollback(d->store);
            d->in_turn = false;
            d->stopping = d->failed = true;
            return false;
        }
        begin_anew(d);
    }
    return true;
}

void desk_turn_commit(struct desk *d)
{
    if (!commit(d))
        return;
    desk_control_turned(d, true);
    for (size_t i = 0; i < d->orders.count; i++) {
        enum flow_order_type type = d->orders.item[i].type;
        if (type != FLOW_DO_NONE && type != FLOW_DO_COMPOSE && type != FLOW_DO_REPLY)
            desk_give(d, &d->orders.item[i]);
    }
    desk_sitting_check(d);
    flow_orders_reset(&d->orders);
    d->orders_answered = d->orders_early = 0;
    d->pressed = false;
    cache_trim(d);
}

/* Boot time at which the transaction is committed whatever else happens. */
static int64_t latest(const struct desk *d)
{
    int64_t turn = d->turn_since_ms + TURN_MS, pressed = d->pressed_since_ms + PRESSED_MS;

    return d->pressed && pressed < turn ? pressed : turn;
}

void desk_turn_end(struct desk *d, bool heard)
{
    give_early(d);
    if (d->failed || d->stopping || (d->in_turn && time_boot_ms() >= latest(d)) || (!heard && (d->pressed || !workers_busy(d))))
        desk_turn_commit(d);
}

int64_t desk_turn_due(const struct desk *d)
{
    return !d->in_turn ? INT64_MAX : d->pressed || !workers_busy(d) ? 0 : latest(d);
}

/* ---- payloads ---- */

/* In the place of the one that was not asked for the longest. fd is taken over, -1 = none. */
static struct desk_cached *cache_put(struct desk *d, const struct sha256 *digest, int fd, size_t size)
{
    struct desk_cached *oldest = &d->cache[0];

    for (size_t i = 0; i < DESK_CACHE_MAX; i++)
        if (d->cache[i].used < oldest->used)
            oldest = &d->cache[i];
    cache_drop(oldest);
    *oldest = (struct desk_cached){ .digest = *digest, .fd = fd, .used = ++d->cache_clock, .size = (int64_t)size };
    return oldest;
}

static struct desk_cached *cache_find(struct desk *d, const struct sha256 *digest)
{
    for (size_t i = 0; i < DESK_CACHE_MAX; i++)
        if (d->cache[i].used != 0 && memcmp(d->cache[i].digest.byte, digest->byte, sizeof digest->byte) == 0)
            return &d->cache[i];
    return NULL;
}

/* Small ones as bytes, others as a memfd (fd < 0: it is made here). What cannot be kept is read from the store when it is wanted. */
static void keep(struct desk *d, const struct sha256 *digest, struct bytes content, int fd)
{
    bool small = content.len > 0 && content.len <= WIRE_INSIDE_MAX;
    char *copy = small ? malloc(content.len) : NULL;

    if (copy != NULL) {
        memcpy(copy, content.data, content.len);
        if (fd >= 0)
            close(fd);
        cache_put(d, digest, -1, content.len)->bytes = copy;
    } else if (fd >= 0 || (fd = memfd_seal("clinsgw-payload", content.data, content.len, NULL)) >= 0) {
        cache_put(d, digest, fd, content.len);
    }
}

int desk_payload_take(struct desk *d, int fd, struct sha256 *ret_digest, struct err *e)
{
    struct bytes content, mapped = { "", 0 };
    struct sha256 digest;
    int r;

    buf_reset(&d->taken);
    r = memfd_read(fd, DESK_TAKEN_MAX, &d->taken, NULL);
    content = buf_bytes(&d->taken);
    if (r < 0) { /* large, as a rule */
        r = memfd_map(fd, DESK_PAYLOAD_MAX, &mapped, e);
        content = mapped;
    }
    if (r == 0)
        r = desk_turn_begin(d, e);
    if (r == 0)
        r = store_payload_put(d->store, content, &digest, e);
    if (r < 0 || cache_find(d, &digest) != NULL)
        close(fd);
    else
        keep(d, &digest, content, fd);
    memfd_unmap(&mapped);
    if (r == 0)
        *ret_digest = digest;
    return r;
}

int desk_payload_keep(struct desk *d, struct bytes content, struct sha256 *ret_digest, struct err *e)
{
    int r = desk_turn_begin(d, e);

    if (r == 0)
        r = store_payload_put(d->store, content, ret_digest, e);
    if (r == 0 && cache_find(d, ret_digest) == NULL)
        keep(d, ret_digest, content, -1);
    return r;
}

bool desk_put_payload(struct desk *d, enum wire_field field, const struct sha256 *digest)
{
    struct desk_cached *cached = cache_find(d, digest);
    struct err e = ERR_INIT;
    struct stat st;
    int fd;

    if (cached == NULL) {
        fd = store_payload_fd(d->store, digest, &e);
        if (fd >= 0)
            cached = cache_put(d, digest, fd, fstat(fd, &st) == 0 ? (size_t)st.st_size : 0);
    }
    if (cached != NULL && cached->bytes != NULL && wire_put_inside(&d->out, field, (struct bytes){ cached->bytes, (size_t)cached->size }))
        goto out;
    if (cached != NULL && cached->fd < 0)
        cached->fd = memfd_seal("clinsgw-payload", cached->bytes, (size_t)cached->size, &e);
    if (cached == NULL || cached->fd < 0) {
        desk_log(d, &e);
        return false;
    }
    wire_put_fd(&d->out, field, cached->fd);
out:
    cached->used = ++d->cache_clock;
    return true;
}

void desk_text_of(char *ret, size_t size, struct bytes from)
{
    snprintf(ret, size, "%.*s", (int)from.len, from.data);
}

/* What a failure to put a payload means for the turn. */
static bool took(struct desk *d, int r, const struct err *e)
{
    if (r == 0)
        return true;
    desk_log(d, e);
    d->disk_full |= e->msg == MSG_STORE_FULL;
    d->failed = d->failed || e->msg == MSG_STORE_FULL || (e->code != ERR_CORRUPT && e->code != ERR_LIMIT && e->code != ERR_INVALID); /* the others are the sender's fault */
    return false;
}

bool desk_take_fd(struct desk *d, int fd, struct sha256 *ret_digest)
{
    struct err e = ERR_INIT;

    return fd < 0 || took(d, desk_payload_take(d, fd, ret_digest, &e), &e);
}

bool desk_take(struct desk *d, struct wire_in *in, enum wire_field field, struct sha256 *ret_digest)
{
    struct bytes content;
    struct err e = ERR_INIT;

    if (!wire_inside(in, field, &content))
        return desk_take_fd(d, wire_take_fd(in, field), ret_digest);
    return took(d, desk_payload_keep(d, content, ret_digest, &e), &e);
}

bool desk_put_text(struct desk *d, const char *text, size_t len, struct sha256 *ret_digest)
{
    struct err e = ERR_INIT;
    struct bytes b = { text, len };

    if (desk_turn_begin(d, &e) == 0 && store_payload_put(d->store, b, ret_digest, &e) == 0)
        return true;
    desk_log(d, &e);
    d->disk_full |= e.msg == MSG_STORE_FULL;
    d->failed = true;
    return false;
}
