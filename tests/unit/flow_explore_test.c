/*
 * The explorer: flow_step() itself against a small model of service and link, through every order of events within bounds.
 *
 * A world = the rows, the state of flow, the requests wherever they are (in the door's hand, in req/, at the service, answered, lost) and
 * what the service holds. From every world each thing that can happen next is tried: a file is dropped, a door publishes, the service
 * takes, processes, says 処理中, refuses, an answer comes, time passes to the next bell, a person speaks. What goes wrong costs one of a few
 * faults: a loss, a doubling, a late processing, a crash of the desk right after a commit (its orders are never given, its doors die with
 * it), the death of a door, a bell that rings while something is still under way. Worlds are told apart by a hash of all that matters,
 * times relative to now; a world that was seen with as many faults left is not entered again. The search goes depth first, so that memory
 * stays small; when it has met a violation it searches anew, deeper by one step each time, so that the shortest way to one is printed.
 *
 * Assumption A is part of the model: time does not pass a settle bell while the request that it is about can still take effect.
 * The last tests let the service break A, or its word, and demand that the checker sees it.
 *
 * CLINSGW_EXPLORE=n adds n faults to every budget (0 when not set).
 */
#include "flow/flow.h"
#include "flow/memory.h"
#include "tests/unit/test.h"
#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define EXPLORE_LIGHT 1       /* ten times slower: one fault less */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EXPLORE_LIGHT 1
#endif
#endif
#ifndef EXPLORE_LIGHT
#define EXPLORE_LIGHT 0
#endif

enum { COPIES = 14, BUNDLES = 3, FILES = 3, DEPTH = 400, NESTED = 32 };

enum where { W_NONE, W_HAND, W_TEMP, W_REQ, W_SERVICE, W_WORK, W_ANSWER, W_DELIVERED, W_LOST };

/* One request, wherever it is. */
struct copy {
    uint8_t where, kind, operation, message, bundle, content, of;
    bool connected, effect, pending_said, late;
    uint8_t answer_class, absent, already, there;
};

struct service { bool stands[BUNDLES]; uint8_t content[BUNDLES], by[BUNDLES]; bool ever[FILES + 1]; };

struct file { enum flow_operation operation; enum flow_kind kind; uint8_t bundle; };

struct scenario {
    const char *name;
    enum flow_link link;
    bool overwrite, two_step, inquire, probe;
    bool break_a, lie;                /* the service misbehaves */
    int files, faults, limit;
    struct file file[FILES];
};

struct model {
    struct flow_memory *rows;
    struct flow_state *st;
    int64_t boot;
    struct service service;
    struct copy copy[COPIES];         /* index = id of the exchange - 1 */
    int faults, dropped;
    bool bounded;                     /* something was cut off by a bound */
};

/* A world that was met: with at most so many faults left, at best so deep. */
struct seen { uint64_t hash[2]; };
struct reached { uint8_t faults; uint16_t depth; };

/* What was done: transition, exchange, way, and after which of its commits the desk died. */
struct move { uint8_t what, how, die; int8_t k; };

struct explorer {
    const struct scenario *s;
    struct flow_config cfg;
    struct seen *seen;
    struct reached *reached;
    size_t capacity, count, transitions;
    int depth, limit;                 /* limit: exchanges in one world */
    int deepest;                      /* no way is longer than this, 0 = as long as it likes */
    int found;                        /* length of the way to the violation */
    bool dead;                        /* ... and is dead: nothing is given or heard any more */
    int die_after;                    /* the desk dies after this many commits of the transition, 0 = lives */
    int nested;
    struct flow_orders orders[NESTED];   /* of the steps inside each other */
    struct model *world[DEPTH];          /* one a depth, made when first needed */
    struct move move[DEPTH];
    char violation[160];
};

static const char bundle_names[BUNDLES][24] = { "1311234567^2023^one", "1311234567^2023^two", "1311234567^2023^three" };

/* ---- hash ---- */

static void mix(uint64_t h[2], int64_t v)
{
    h[0] = (h[0] ^ (uint64_t)v) * 0x100000001b3u;
    h[0] ^= h[0] >> 29;
    h[1] = (h[1] + (uint64_t)v + 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
    h[1] ^= h[1] >> 31;
}

static int64_t rel(int64_t due, int64_t boot) { return due == 0 ? -1 : due > boot ? due - boot : 0; }
static int64_t at_most(int64_t v, int64_t limit) { return v > limit ? limit : v; }

static void hash_rows(const struct model *w, uint64_t h[2])
{
    const struct flow_memory *r = w->rows;
    for (size_t i = 0; i < r->requests.count; i++) {
        mix(h, (int)r->requests.row[i].state * 16 + (int)r->requests.row[i].step);
        mix(h, r->requests.row[i].open_units);
    }
    for (size_t i = 0; i < r->messages.count; i++) {
        const struct flow_message *m = &r->messages.row[i];
        mix(h, (int)m->state * 8 + (int)m->operation);
        mix(h, rel(m->due_ms, w->boot));
        mix(h, m->state == FLOW_MS_PENDING ? rel(m->deadline_ms, w->boot) : 0);
        mix(h, m->turn + 2 * m->held + 4 * m->may_have_stood + 8 * m->loud);
        mix(h, m->attempts * 16 + m->submits);
        mix(h, at_most(m->failures, 3));
        mix(h, m->evidence * 64 + m->stands_attempt);
    }
    for (size_t i = 0; i < r->attempts.count; i++)
        mix(h, r->attempts.row[i].message * 64 + r->attempts.row[i].open * 32 + r->attempts.row[i].left * 16 + (r->attempts.row[i].receipt[0] != '\0') * 8 + r->attempts.row[i].operation);
    for (size_t i = 0; i < r->exchanges.count; i++) {
        const struct flow_exchange *x = &r->exchanges.row[i];
        mix(h, x->message * 4096 + x->attempt * 256 + (int)x->kind * 16 + (int)x->state);
        mix(h, x->repeat + 2 * x->began_settled + 4 * x->began_cancel + 8 * x->loud + 16 * x->gone + 32 * x->absent + 64 * (int)x->answer_class);
        mix(h, rel(x->due_ms, w->boot));
        mix(h, x->of);
    }
    mix(h, (int64_t)r->incidents.count);
}

static void hash_world(const struct model *w, uint64_t h[2])
{
    h[0] = 0xcbf29ce484222325u;
    h[1] = 0x2545f4914f6cdd1du;
    hash_rows(w, h);
    for (size_t i = 0; i < w->rows->exchanges.count && i < COPIES; i++) {
        const struct copy *c = &w->copy[i];
        mix(h, c->where + 16 * c->kind + 64 * c->message + 1024 * c->connected + 2048 * c->effect + 4096 * c->pending_said + 8192 * c->late);
        mix(h, c->answer_class + 16 * c->absent + 32 * c->already + 64 * c->there);
    }
    for (int b = 0; b < BUNDLES; b++)
        mix(h, w->service.stands[b] * 256 + w->service.content[b] * 8 + w->service.by[b]);
    for (int i = 0; i <= FILES; i++)
        mix(h, w->service.ever[i]);
    for (size_t i = 0; i < w->st->route_count; i++)
        mix(h, w->st->route[i].up * 16 + w->st->route[i].busy * 32 + at_most(w->st->route[i].failures, 3) + 1024 * rel(w->st->route[i].not_before_ms, w->boot));
    for (size_t i = 0; i < w->st->job_count; i++)
        mix(h, (int)w->st->job[i].kind * 64 + w->st->job[i].id);
    mix(h, w->dropped);
}

/* true: seen before with as many faults left, and no deeper where that matters */
static bool remember(struct explorer *x, const struct model *w)
{
    uint64_t h[2];
    hash_world(w, h);
    if (x->deepest > 0)
        mix(h, w->faults);                /* then the depth alone is compared */
    size_t at = h[0] & (x->capacity - 1);
    struct reached now = { (uint8_t)w->faults, (uint16_t)x->depth }, *r;
    for (; x->seen[at].hash[0] != 0 || x->seen[at].hash[1] != 0; at = (at + 1) & (x->capacity - 1))
        if (x->seen[at].hash[0] == h[0] && x->seen[at].hash[1] == h[1]) {
            r = &x->reached[at];
            if (x->deepest > 0 ? r->depth <= now.depth : r->faults >= now.faults)
                return true;
            *r = now;
            return false;
        }
    memcpy(x->seen[at].hash, h, sizeof h);
    x->reached[at] = now;
    x->count++;
    return false;
}

/* ---- worlds ---- */

static struct model *model_new(void)
{
    struct model *w = calloc(1, sizeof *w);
    CHECK(w != NULL);
    CHECK((w->rows = flow_memory_new(NULL)) != NULL);
    CHECK((w->st = flow_state_new(NULL)) != NULL);
    return w;
}

static void model_assign(struct model *to, const struct model *from)
{
    struct flow_memory *rows = to->rows;
    struct flow_state *st = to->st;
    *to = *from;
    to->rows = rows;
    to->st = st;
    CHECK_OK(flow_memory_assign(rows, from->rows, NULL));
    memcpy(st, from->st, offsetof(struct flow_state, job) + from->st->job_count * sizeof from->st->job[0]);
}

static void model_free(struct model *w)
{
    if (w == NULL)
        return;
    flow_memory_free(w->rows);
    flow_state_free(w->st);
    free(w);
}

static void violate(struct explorer *x, const char *what, int64_t id)
{
    if (x->violation[0] == '\0')
        snprintf(x->violation, sizeof x->violation, "%.120s (%d)", what, (int)id);
}

/* ---- what must hold ---- */

static bool key_equal(const struct flow_message *a, const struct flow_message *b)
{
    return strcmp(a->bundle_id, b->bundle_id) == 0 || (a->list_key[0] != '\0' && strcmp(a->list_key, b->list_key) == 0);
}

/* A first submit has just been committed. */
static void check_send(struct explorer *x, const struct model *w, const struct flow_message *m, const struct flow_attempt *a)
{
    for (size_t i = 0; i < w->rows->messages.count; i++) {
        const struct flow_message *o = &w->rows->messages.row[i];
        bool same_bundle = strcmp(o->bundle_id, m->bundle_id) == 0;
        if (o->id != m->id && same_bundle && a->operation != FLOW_OP_CANCEL && o->operation == FLOW_OP_CANCEL && !flow_message_final(o->state))
            violate(x, "sent while a cancel of its Bundle-ID waits", m->id);
        if (o->id >= m->id || !key_equal(o, m) || (a->operation == FLOW_OP_CANCEL && !same_bundle))
            continue;
        if (a->operation == FLOW_OP_CANCEL && o->operation == FLOW_OP_REGISTER && o->state == FLOW_MS_UNKNOWN)
            continue;
        if (!flow_message_final(o->state))
            violate(x, "sent before an earlier message of its key was final", m->id);
        for (int k = 0; k < COPIES && k < (int)w->rows->exchanges.count; k++)
            if (w->copy[k].message == o->id && (w->copy[k].kind == FLOW_XK_SUBMIT || w->copy[k].kind == FLOW_XK_PROBE)
                && (w->copy[k].where == W_SERVICE || w->copy[k].where == W_WORK || w->copy[k].where == W_REQ || w->copy[k].where == W_HAND))
                violate(x, "sent while an earlier message could still take effect", m->id);
    }
    if (a->operation == FLOW_OP_REGISTER && w->service.ever[m->id])
        violate(x, "a second register of what had happened", m->id);
    struct flow_message last;
    bool stands = flow_memory_ops.message_last_done(w->rows, m->facility, m->bundle_id, &last, NULL) == 1 && last.operation != FLOW_OP_CANCEL;
    if (a->operation == FLOW_OP_CHANGE && !stands)
        violate(x, "a change of what does not stand", m->id);
    if (a->operation == FLOW_OP_REGISTER && stands)
        violate(x, "a register of what stands", m->id);
}

/* A cancel of its Bundle-ID that has begun: another message. */
static bool open_cancel(const struct model *w, const struct flow_message *m)
{
    for (size_t i = 0; i < w->rows->messages.count; i++) {
        const struct flow_message *o = &w->rows->messages.row[i];
        if (o->id != m->id && o->operation == FLOW_OP_CANCEL && !flow_message_final(o->state) && strcmp(o->bundle_id, m->bundle_id) == 0)
            return true;
    }
    return false;
}

static void check_message(struct explorer *x, const struct model *w, const struct flow_message *m)
{
    int b = 0;
    while (b < BUNDLES - 1 && strcmp(bundle_names[b], m->bundle_id) != 0)
        b++;
    bool cancel = m->operation == FLOW_OP_CANCEL;
    switch (m->state) {
    case FLOW_MS_DONE:
        if (cancel && m->evidence != FLOW_EVIDENCE_UNSENT && w->service.stands[b])
            violate(x, "a Bundle-ID whose cancel is done is at the service", m->id);
        if (!cancel && !w->service.ever[m->id])
            violate(x, "done, but it never happened", m->id);
        break;
    case FLOW_MS_REJECTED:
    case FLOW_MS_REFUSED:
        if (!cancel && w->service.ever[m->id])
            violate(x, "rejected or refused, but it was at the service", m->id);
        break;
    case FLOW_MS_READY:
        if (!cancel && open_cancel(w, m))
            violate(x, "ready while a cancel of its Bundle-ID waits or is out", m->id);
        break;
    case FLOW_MS_WITHDRAWN:
        if (!m->may_have_stood && w->service.ever[m->id])
            violate(x, "withdrawn, but it was at the service", m->id);
        break;
    default:
        break;
    }
}

/* Where every message of a Bundle-ID is final and quiet, the service holds just what its last done message says. */
static void check_bundle(struct explorer *x, const struct model *w, int b)
{
    const struct flow_message *last = NULL;
    for (size_t i = 0; i < w->rows->messages.count; i++) {
        const struct flow_message *m = &w->rows->messages.row[i];
        if (strcmp(m->bundle_id, bundle_names[b]) != 0)
            continue;
        if (m->blocks)
            return;
        if (m->state == FLOW_MS_DONE)
            last = m;
    }
    bool ours = last != NULL && last->operation != FLOW_OP_CANCEL;
    if (ours != w->service.stands[b])
        violate(x, ours ? "done, but the service does not hold it" : "the service holds what we do not", b);
    else if (ours && last->stands_attempt == 0)
        violate(x, "done without the attempt that stands", b);
    else if (ours && w->rows->attempts.row[last->stands_attempt - 1].bundle.byte[0] != w->service.content[b])
        violate(x, "the service holds another content", b);
}

static void check_world(struct explorer *x, const struct model *w)
{
    struct err e = ERR_INIT;
    if (flow_memory_check(w->rows, &e) < 0)
        violate(x, e.arg[0], 0);
    for (size_t i = 0; i < w->rows->messages.count; i++)
        check_message(x, w, &w->rows->messages.row[i]);
    for (int b = 0; b < BUNDLES; b++)
        check_bundle(x, w, b);
    if (w->rows->incidents.count > 0)
        violate(x, "an incident without a person's mistake", 0);
    int busy = 0;
    for (size_t i = 0; i < w->rows->exchanges.count; i++) {
        enum flow_exchange_state s = w->rows->exchanges.row[i].state;
        busy += s == FLOW_XS_INTENT || s == FLOW_XS_LOOKING || s == FLOW_XS_PUBLISHED || s == FLOW_XS_LEFT;
    }
    if (w->st->route_count > 0 && w->st->route[0].busy != busy)
        violate(x, "sessions miscounted", w->st->route[0].busy);
    if ((int)w->rows->requests.count != w->dropped)
        violate(x, "a file was lost or doubled", w->dropped);
}

/* ---- one event ---- */

static void step(struct explorer *x, struct model *w, struct flow_event *ev);

static struct flow_event event_of(enum flow_event_type type)
{
    struct flow_event ev;
    memset(&ev, 0, sizeof ev);
    ev.type = type;
    return ev;
}

static void fact(struct explorer *x, struct model *w, enum flow_event_type type, int exchange)
{
    struct flow_event ev = event_of(type);
    ev.u.exchange.exchange = exchange;
    step(x, w, &ev);
}

static void answer(struct explorer *x, struct model *w, int k, enum flow_class answer_class)
{
    const struct copy *c = &w->copy[k];
    struct flow_event ev = event_of(FLOW_EV_ANSWER);
    ev.u.answer.exchange = k + 1;
    memset(&ev.u.answer.answer, 0xaa, sizeof ev.u.answer.answer);
    ev.u.answer.answer.byte[0] = (unsigned char)answer_class;
    ev.u.answer.answer.byte[1] = (unsigned char)(answer_class == FLOW_CLASS_PENDING ? 0 : c->absent);
    ev.u.answer.answer.byte[2] = (unsigned char)(answer_class == FLOW_CLASS_PENDING ? 0 : c->already);
    ev.u.answer.answer.byte[3] = (unsigned char)(answer_class == FLOW_CLASS_PENDING ? 0 : c->there);
    step(x, w, &ev);
}

static void order_submit(struct explorer *x, struct model *w, const struct flow_order *o)
{
    const struct flow_exchange *row = &w->rows->exchanges.row[o->u.link.exchange - 1];
    const struct flow_message *m = &w->rows->messages.row[row->message - 1];
    if (o->u.link.exchange > COPIES)
        return;
    struct copy *c = &w->copy[o->u.link.exchange - 1];
    memset(c, 0, sizeof *c);
    c->where = W_HAND;
    c->kind = (uint8_t)row->kind;
    c->operation = (uint8_t)o->u.link.operation;
    c->message = (uint8_t)row->message;
    c->of = (uint8_t)row->of;
    c->content = w->rows->attempts.row[row->attempt - 1].bundle.byte[0];
    while (c->bundle < BUNDLES - 1 && strcmp(bundle_names[c->bundle], m->bundle_id) != 0)
        c->bundle++;
    if (row->kind == FLOW_XK_SUBMIT && !row->repeat)
        check_send(x, w, m, &w->rows->attempts.row[row->attempt - 1]);
}

static void order_folder(struct explorer *x, struct model *w, const struct flow_order *o)
{
    int k = (int)o->u.link.exchange - 1;
    struct copy *c = &w->copy[k];
    struct flow_event ev = event_of(FLOW_EV_FOLDER);
    ev.u.folder.exchange = k + 1;
    ev.u.folder.found = c->where == W_REQ ? FLOW_FOLDER_REQUEST : c->where == W_TEMP ? FLOW_FOLDER_TEMP : c->where == W_ANSWER ? FLOW_FOLDER_ANSWER : FLOW_FOLDER_NEITHER;
    if (c->where == W_TEMP)
        c->where = W_LOST;                /* the look removes it */
    step(x, w, &ev);
}

static void order_pure(struct explorer *x, struct model *w, const struct flow_order *o)
{
    struct flow_event ev = event_of(FLOW_EV_NONE);
    struct flow_unit_looked unit;
    struct flow_unit_converted made;
    memset(&unit, 0, sizeof unit);
    memset(&made, 0, sizeof made);
    switch (o->type) {
    case FLOW_DO_CLAIM:
        ev.type = FLOW_EV_CLAIMED;
        ev.u.claimed.token = o->token;
        memcpy(ev.u.claimed.source, o->u.claim.source, FLOW_SOURCE);
        memcpy(ev.u.claimed.name, o->u.claim.name, FLOW_NAME);
        memcpy(ev.u.claimed.work_name, o->u.claim.name, FLOW_NAME);
        memset(&ev.u.claimed.original, o->u.claim.name[0], sizeof ev.u.claimed.original);
        break;
    case FLOW_DO_LOOK: {
        const struct file *f = &x->s->file[o->u.look.original.byte[0] - '0'];
        ev.type = FLOW_EV_LOOKED;
        ev.u.looked.token = o->token;
        unit.operation = f->operation;
        unit.kind = f->kind;
        if (f->kind == FLOW_KIND_CONDITION)
            memcpy(unit.chart, "p1", 3);
        if (f->kind != FLOW_KIND_CONDITION || f->operation == FLOW_OP_REGISTER)
            memcpy(unit.bundle_id, bundle_names[f->bundle], sizeof bundle_names[0]);
        memcpy(unit.insured, "ins", 4);
        ev.u.looked.units = &unit;
        ev.u.looked.unit_count = 1;
        break;
    }
    case FLOW_DO_CONVERT:
        ev.type = FLOW_EV_CONVERTED;
        ev.u.converted.token = o->token;
        memset(&made.bundle, 7, sizeof made.bundle);
        made.bundle.byte[0] = (unsigned char)(o->u.convert.original.byte[0] - '0' + 1);
        memcpy(made.insured, "ins", 4);
        ev.u.converted.units = &made;
        ev.u.converted.unit_count = 1;
        break;
    case FLOW_DO_BUILD:
        ev.type = FLOW_EV_BUILT;
        ev.u.built.token = o->token;
        memset(&ev.u.built.request, 3, sizeof ev.u.built.request);
        break;
    case FLOW_DO_READ:
        ev.type = FLOW_EV_ANSWER_READ;
        ev.u.read.token = o->token;
        ev.u.read.fits = ev.u.read.business = true;
        ev.u.read.answer_class = (enum flow_class)o->u.read.answer.byte[0];
        ev.u.read.absent = o->u.read.answer.byte[1] != 0;
        ev.u.read.already_there = o->u.read.answer.byte[2] != 0;
        ev.u.read.there = o->u.read.answer.byte[3] != 0;
        if (ev.u.read.answer_class == FLOW_CLASS_PENDING)
            memcpy(ev.u.read.receipt, "R", 2);
        break;
    case FLOW_DO_COMPOSE:
        ev.type = FLOW_EV_COMPOSED;
        ev.u.composed.token = o->token;
        memset(&ev.u.composed.outcome, 4, sizeof ev.u.composed.outcome);
        break;
    case FLOW_DO_HAND_BACK:
        ev.type = FLOW_EV_OUTCOME_WRITTEN;
        ev.u.subject.id = o->u.hand_back.request;
        step(x, w, &ev);
        ev.type = FLOW_EV_FILED;
        break;
    default:
        return;
    }
    step(x, w, &ev);
}

static void give(struct explorer *x, struct model *w, const struct flow_order *o)
{
    switch (o->type) {
    case FLOW_DO_SUBMIT: order_submit(x, w, o); break;
    case FLOW_DO_LOOK_FOLDER: order_folder(x, w, o); break;
    case FLOW_DO_AWAIT:
        if (w->copy[o->u.link.exchange - 1].where != W_REQ)
            fact(x, w, FLOW_EV_LEFT_REQ, (int)o->u.link.exchange);
        break;
    default: order_pure(x, w, o); break;
    }
}

/* One commit; then its orders, unless the desk dies in between (x->die_after). */
static void step(struct explorer *x, struct model *w, struct flow_event *ev)
{
    struct err e = ERR_INIT;
    if (x->violation[0] != '\0' || w->bounded || x->dead)
        return;
    CHECK(x->nested < NESTED);
    struct flow_orders *orders = &x->orders[x->nested++];
    flow_orders_reset(orders);
    ev->boot_ms = w->boot;
    ev->wall_ms = 1700000000000 + w->boot;
    int rc = flow_step(&x->cfg, w->st, &flow_memory_ops, w->rows, ev, orders, &e);
    if (rc < 0)
        violate(x, e.arg[0][0] != '\0' ? e.arg[0] : err_code_name(rc), rc);
    if (w->rows->exchanges.count > (size_t)x->limit || x->count >= x->capacity / 2)
        w->bounded = true;
    if (x->die_after > 0 && --x->die_after == 0)
        x->dead = true;
    for (size_t i = 0; i < orders->count && !x->dead; i++)
        give(x, w, &orders->item[i]);
    x->nested--;
}

/* ---- what can happen ---- */

static void start(struct explorer *x, struct model *w)
{
    struct flow_event ev = event_of(FLOW_EV_START);
    step(x, w, &ev);
    ev = event_of(FLOW_EV_DISK);
    step(x, w, &ev);
}

static void up(struct explorer *x, struct model *w)
{
    struct flow_event ev = event_of(FLOW_EV_LINK_UP);
    memcpy(ev.u.link.route, "main", 5);
    step(x, w, &ev);
}

/* The link door dies: what it had in hand is nowhere, half-way, out, or taken already. */
static void door_dies(const struct explorer *x, struct model *w, int how)
{
    for (int k = 0; k < COPIES; k++) {
        struct copy *c = &w->copy[k];
        if (c->where == W_HAND)
            c->where = how == 0 ? W_LOST : x->s->link == FLOW_LINK_WEBAPI ? W_SERVICE : how == 1 ? W_TEMP : how == 2 ? W_REQ : W_SERVICE;
        c->connected = false;
        if (x->s->link == FLOW_LINK_WEBAPI && c->where == W_ANSWER)
            c->where = W_LOST;
    }
}

/* How many ways make a difference. */
static int ways_to_die(const struct explorer *x, const struct model *w)
{
    for (int k = 0; k < COPIES; k++)
        if (w->copy[k].where == W_HAND)
            return x->s->link == FLOW_LINK_WEBAPI ? 2 : 4;
    return 1;
}

static void crash(struct explorer *x, struct model *w, int how)
{
    door_dies(x, w, how);
    w->boot = 1000;
    start(x, w);
    up(x, w);
}

static void apply(struct explorer *x, struct model *w, struct copy *c)
{
    struct service *s = &w->service;
    int b = c->bundle;
    bool stands = s->stands[b], writes = false;
    c->answer_class = FLOW_CLASS_SUCCESS;
    if (c->kind == FLOW_XK_INQUIRE) {
        c->there = stands;
        c->absent = !stands;
    } else if (c->operation == FLOW_OP_CANCEL) {
        c->absent = !stands;
        s->stands[b] = false;
    } else if (c->operation == FLOW_OP_CHANGE) {
        c->absent = !stands;
        writes = stands;
    } else {
        c->already = stands && !x->s->overwrite;
        writes = !c->already;
    }
    if (c->kind != FLOW_XK_INQUIRE && (c->absent || c->already))
        c->answer_class = FLOW_CLASS_FINAL;
    if (writes) {
        s->stands[b] = true;
        s->content[b] = c->content;
        s->by[b] = c->message;
        s->ever[c->message] = true;
    }
    c->effect = true;
}

static const struct copy *root_of(const struct model *w, const struct copy *c) { return c->kind == FLOW_XK_POLL && c->of > 0 ? &w->copy[c->of - 1] : c; }

enum what { T_DROP, T_PUBLISH, T_NOT_LEFT, T_UNSURE_OUT, T_UNSURE_TEMP, T_TAKE, T_PROCESS, T_WORK, T_REFUSE, T_RETRY, T_SYSTEM_DONE, T_SYSTEM_NOT,
    T_LOSE, T_LOSE_ANSWER, T_STILL, T_DELIVER, T_AGAIN, T_END, T_GIVE_UP, T_TIMER, T_CRASH, T_DOOR, T_DOWN, T_UP, T_PERSON, T_COUNT };

static const struct { const char *name; bool fault, commits; } whats[T_COUNT] = {
    [T_DROP] = { "drop", false, true }, [T_PUBLISH] = { "publish", false, true }, [T_NOT_LEFT] = { "does not leave", true, true },
    [T_UNSURE_OUT] = { "unsure, is out", true, true }, [T_UNSURE_TEMP] = { "unsure, is not", true, true }, [T_TAKE] = { "take", false, true },
    [T_PROCESS] = { "process", false, false }, [T_WORK] = { "say pending", false, true }, [T_REFUSE] = { "refuse", true, false },
    [T_RETRY] = { "busy", true, false }, [T_SYSTEM_DONE] = { "system failure, done", true, false }, [T_SYSTEM_NOT] = { "system failure, not done", true, false },
    [T_LOSE] = { "lose the request", true, false }, [T_LOSE_ANSWER] = { "lose the answer", true, false }, [T_STILL] = { "still pending", true, true },
    [T_DELIVER] = { "deliver", false, true }, [T_AGAIN] = { "deliver again", true, true }, [T_END] = { "connection ends", true, true }, [T_GIVE_UP] = { "client gives up", false, true },
    [T_TIMER] = { "bell", false, true }, [T_CRASH] = { "crash", true, false }, [T_DOOR] = { "door dies", true, true },
    [T_DOWN] = { "link down", true, true }, [T_UP] = { "link up", false, true }, [T_PERSON] = { "person", false, true } };

/* Deciding a request at the service: how = T_PROCESS and its faulty sisters. */
static void decide(struct explorer *x, struct model *w, struct copy *c, enum what how)
{
    if (c->kind == FLOW_XK_POLL) {        /* tells what became of the other one */
        const struct copy *root = root_of(w, c);
        c->answer_class = root->answer_class;
        c->absent = root->absent;
        c->already = root->already;
        c->there = root->there;
        c->where = x->s->link == FLOW_LINK_WEBAPI && !c->connected ? W_LOST : W_ANSWER;
        return;
    }
    bool lie = how == T_REFUSE && x->s->lie;
    if (how == T_PROCESS || how == T_SYSTEM_DONE || how == T_LOSE_ANSWER || lie)
        apply(x, w, c);
    if (how == T_REFUSE || how == T_RETRY || how == T_SYSTEM_DONE || how == T_SYSTEM_NOT) {
        static const uint8_t class_of[T_COUNT] = { [T_REFUSE] = FLOW_CLASS_FINAL, [T_RETRY] = FLOW_CLASS_NOT_DONE_RETRY, [T_SYSTEM_DONE] = FLOW_CLASS_UNKNOWN, [T_SYSTEM_NOT] = FLOW_CLASS_UNKNOWN };
        c->absent = c->already = c->there = 0;
        c->answer_class = class_of[how];
        c->effect = true;
    }
    bool heard = c->where != W_WORK;      /* the answer of 処理中 work is fetched by polls */
    bool lost = how == T_LOSE || how == T_LOSE_ANSWER;
    if (how == T_LOSE)
        c->effect = true;
    if (lost && c->answer_class == 0)
        c->answer_class = FLOW_CLASS_UNKNOWN;
    c->where = lost || !heard || (x->s->link == FLOW_LINK_WEBAPI && !c->connected) ? W_LOST : W_ANSWER;
}

/* Next bell, or 0. */
static int64_t next_bell(const struct model *w)
{
    int64_t due = 0;
    if (flow_memory_ops.timer_next(w->rows, &due, NULL) != 1)
        due = 0;
    int64_t route = w->st->route_count > 0 && w->st->route[0].up ? w->st->route[0].not_before_ms : 0;
    return due == 0 ? route : route != 0 && route < due ? route : due;
}

static bool may_ring(const struct explorer *x, const struct model *w)
{
    int64_t bell = next_bell(w);
    if (bell == 0)
        return false;
    for (size_t i = 0; i < w->rows->exchanges.count && i < COPIES; i++) {
        const struct flow_exchange *row = &w->rows->exchanges.row[i];
        const struct copy *c = &w->copy[i];
        bool open = c->where == W_SERVICE || c->where == W_WORK;
        if (open && !c->effect && row->loud && row->due_ms != 0 && row->due_ms <= bell && !x->s->break_a)
            return false;                 /* assumption A */
    }
    return true;
}

/* A bell that rings while something is under way makes it late: a fault each, once. */
static int lateness(struct model *w, bool mark)
{
    int n = 0;
    for (int k = 0; k < COPIES; k++) {
        struct copy *c = &w->copy[k];
        bool under_way = c->where == W_HAND || c->where == W_REQ || c->where == W_SERVICE || c->where == W_ANSWER;
        n += under_way && !c->late;
        c->late = c->late || (mark && under_way);
    }
    return n;
}

/* The message that waits for a person who may speak now, or 0. */
static int64_t for_person(const struct model *w)
{
    for (size_t i = 0; i < w->rows->messages.count; i++) {
        const struct flow_message *m = &w->rows->messages.row[i];
        int64_t wait;
        bool asked = strcmp(m->reason, msg_get(MSG_FLOW_ASK_PERSON)->code) == 0 || strcmp(m->reason, msg_get(MSG_FLOW_ASK_REFUSED)->code) == 0;
        if (m->state != FLOW_MS_UNKNOWN || !asked)
            continue;
        bool cancel = false;
        for (size_t k = 0; k < w->rows->messages.count; k++) {
            const struct flow_message *o = &w->rows->messages.row[k];
            cancel = cancel || (o->id != m->id && o->operation == FLOW_OP_CANCEL && !flow_message_final(o->state) && o->state != FLOW_MS_READY && strcmp(o->bundle_id, m->bundle_id) == 0);
        }
        if (!cancel && flow_resolve_wait(&flow_memory_ops, w->rows, m, false, w->boot, &wait, NULL) == 0 && wait == 0)
            return m->id;
    }
    return 0;
}

static bool enabled_copy(const struct explorer *x, const struct model *w, enum what t, int k)
{
    const struct copy *c = &w->copy[k];
    bool terminal = x->s->link == FLOW_LINK_TERMINAL, poll = c->kind == FLOW_XK_POLL;
    bool effectful = c->kind == FLOW_XK_SUBMIT || c->kind == FLOW_XK_PROBE;
    bool root_open = poll && !root_of(w, c)->effect;
    switch (t) {
    case T_PUBLISH: case T_NOT_LEFT: return c->where == W_HAND;
    case T_UNSURE_OUT: case T_UNSURE_TEMP: return c->where == W_HAND && terminal;
    case T_TAKE: return c->where == W_REQ;
    case T_PROCESS: return (c->where == W_SERVICE && !root_open) || (c->where == W_WORK && !c->effect);
    case T_WORK: return c->where == W_SERVICE && effectful && x->s->two_step && (terminal || c->connected);
    case T_REFUSE: case T_RETRY: return !poll && (c->where == W_SERVICE || (c->where == W_WORK && t == T_REFUSE)) && !c->effect;
    case T_SYSTEM_DONE: case T_SYSTEM_NOT: return !poll && effectful && c->where == W_SERVICE;
    case T_LOSE: return !poll && (c->where == W_SERVICE || c->where == W_REQ) && !c->effect;
    case T_LOSE_ANSWER: return !poll && c->where == W_SERVICE;
    case T_STILL: return c->where == W_SERVICE && root_open;
    case T_DELIVER: return c->where == W_ANSWER && (terminal || c->connected);
    case T_AGAIN: return c->where == W_DELIVERED && terminal;
    case T_END: return !terminal && c->connected && (c->where == W_SERVICE || c->where == W_ANSWER);
    case T_GIVE_UP: return !terminal && c->connected && c->where == W_LOST;
    default: return false;
    }
}

static void act_copy(struct explorer *x, struct model *w, enum what t, int k)
{
    struct copy *c = &w->copy[k];
    bool terminal = x->s->link == FLOW_LINK_TERMINAL;
    switch (t) {
    case T_PUBLISH:
        c->where = terminal ? W_REQ : W_SERVICE;
        c->connected = true;
        if (terminal)
            fact(x, w, FLOW_EV_PUBLISHED, k + 1);
        break;
    case T_NOT_LEFT: c->where = W_LOST; fact(x, w, FLOW_EV_NOT_LEFT, k + 1); break;
    case T_UNSURE_OUT: c->where = W_REQ; fact(x, w, FLOW_EV_UNSURE, k + 1); break;
    case T_UNSURE_TEMP: c->where = W_TEMP; fact(x, w, FLOW_EV_UNSURE, k + 1); break;
    case T_TAKE: c->where = W_SERVICE; fact(x, w, FLOW_EV_LEFT_REQ, k + 1); break;
    case T_WORK: c->where = W_WORK; c->pending_said = true; c->connected = false; answer(x, w, k, FLOW_CLASS_PENDING); break;
    case T_STILL: c->where = W_DELIVERED; c->connected = false; answer(x, w, k, FLOW_CLASS_PENDING); break;
    case T_DELIVER: c->where = W_DELIVERED; c->connected = false; answer(x, w, k, (enum flow_class)c->answer_class); break;
    case T_AGAIN: answer(x, w, k, (enum flow_class)c->answer_class); break;
    case T_END: case T_GIVE_UP: c->connected = false; if (c->where == W_ANSWER) c->where = W_LOST; fact(x, w, FLOW_EV_CONNECTION_ENDED, k + 1); break;
    case T_LOSE:
        if (c->where == W_REQ) {          /* the terminal ate it */
            decide(x, w, c, t);
            fact(x, w, FLOW_EV_LEFT_REQ, k + 1);
            break;
        }
        decide(x, w, c, t);
        break;
    default: decide(x, w, c, t); break;
    }
}

static bool enabled_world(const struct explorer *x, const struct model *w, enum what t)
{
    bool is_up = w->st->route_count > 0 && w->st->route[0].up;
    switch (t) {
    case T_DROP: return w->dropped < x->s->files;
    case T_TIMER: return may_ring(x, w);
    case T_CRASH: return true;
    case T_DOOR: case T_DOWN: return is_up && w->rows->exchanges.count > 0;
    case T_UP: return !is_up;
    case T_PERSON: return for_person(w) != 0;
    default: return false;
    }
}

static void act_world(struct explorer *x, struct model *w, enum what t, int how)
{
    struct flow_event ev = event_of(FLOW_EV_NONE);
    switch (t) {
    case T_DROP:
        ev.type = FLOW_EV_OFFERED;
        memcpy(ev.u.offered.source, "emr", 4);
        ev.u.offered.name[0] = (char)('0' + w->dropped++);
        step(x, w, &ev);
        break;
    case T_TIMER: {
        int64_t bell = next_bell(w);
        w->boot = bell > w->boot ? bell : w->boot;
        ev.type = FLOW_EV_TIMER;
        step(x, w, &ev);
        break;
    }
    case T_CRASH: crash(x, w, how); break;
    case T_DOOR:
        door_dies(x, w, how);
        ev.type = FLOW_EV_DOOR_LOST;
        memcpy(ev.u.link.route, "main", 5);
        step(x, w, &ev);
        break;
    case T_DOWN:
        ev.type = FLOW_EV_LINK_DOWN;
        memcpy(ev.u.link.route, "main", 5);
        step(x, w, &ev);
        break;
    case T_UP: up(x, w); break;
    case T_PERSON: {
        int64_t id = for_person(w);
        const struct flow_message *m = &w->rows->messages.row[id - 1];
        int b = 0;
        while (b < BUNDLES - 1 && strcmp(bundle_names[b], m->bundle_id) != 0)
            b++;
        ev.type = FLOW_EV_RESOLVE;
        ev.u.operate.id = id;
        ev.u.operate.done = m->operation == FLOW_OP_CANCEL ? !w->service.stands[b] : w->service.stands[b] && w->service.by[b] == id;
        step(x, w, &ev);
        break;
    }
    default: break;
    }
}

/* ---- the search ---- */

static void explore(struct explorer *x, const struct model *w);

/* One transition; die > 0: the desk dies after that many commits of it. Returns whether it came that far. */
static bool follow(struct explorer *x, const struct model *from, enum what t, int k, int how, int die, bool *any)
{
    int cost = whats[t].fault + (die > 0);
    if (x->violation[0] != '\0' || cost > from->faults)
        return false;
    CHECK(x->depth < DEPTH);
    struct model **place = &x->world[x->depth], *w = *place != NULL ? *place : (*place = model_new());
    model_assign(w, from);
    if (t == T_TIMER)
        cost += lateness(w, true);
    if (cost > from->faults)
        return false;
    w->faults -= cost;
    x->move[x->depth++] = (struct move){ (uint8_t)t, (uint8_t)how, (uint8_t)die, (int8_t)k };
    x->transitions++;
    x->die_after = die;
    x->dead = false;
    if (k >= 0)
        act_copy(x, w, t, k);
    else
        act_world(x, w, t, how);
    bool came = die == 0 || x->dead;
    x->dead = false;
    x->die_after = 0;
    if (came) {
        if (die > 0 && t == T_DROP && w->rows->requests.count < (size_t)w->dropped)
            w->dropped--;                 /* still in in/ */
        if (die > 0)
            crash(x, w, 0);
        if (!w->bounded)
            check_world(x, w);
        *any = true;
        if (x->violation[0] != '\0' && x->found == 0)
            x->found = x->depth;
        if (x->violation[0] == '\0' && !w->bounded && !remember(x, w))
            explore(x, w);
    }
    x->depth--;
    return came;
}

static void explore(struct explorer *x, const struct model *w)
{
    bool any = false;
    if (x->deepest > 0 && x->depth >= x->deepest)
        return;
    int exchanges = (int)w->rows->exchanges.count;
    for (int t = 0; t < T_COUNT; t++) {
        for (int k = 0; k < exchanges && k < COPIES; k++)
            if (enabled_copy(x, w, (enum what)t, k)) {
                follow(x, w, (enum what)t, k, 0, 0, &any);
                for (int die = 1; whats[t].commits && follow(x, w, (enum what)t, k, 0, die, &any); )
                    die++;
            }
        if (!enabled_world(x, w, (enum what)t))
            continue;
        int hows = t == T_CRASH || t == T_DOOR ? ways_to_die(x, w) : 1;
        for (int how = 0; how < hows; how++)
            follow(x, w, (enum what)t, -1, how, 0, &any);
        for (int die = 1; whats[t].commits && t != T_DOOR && t != T_UP && follow(x, w, (enum what)t, -1, 0, die, &any); )
            die++;
    }
    if (any || x->violation[0] != '\0')
        return;
    for (size_t i = 0; i < w->rows->messages.count; i++)
        if (!flow_message_final(w->rows->messages.row[i].state))
            violate(x, "a dead state", w->rows->messages.row[i].id);
    if (x->violation[0] != '\0' && x->found == 0)
        x->found = x->depth;
}

static void configure(struct explorer *x)
{
    struct flow_config *c = &x->cfg;
    flow_config_defaults(c);
    c->facility_count = c->route_count = c->source_count = 1;
    memcpy(c->name_tag, "cg", 3);
    memcpy(c->facility[0].code, "1311234567", 11);
    memcpy(c->facility[0].route, "main", 5);
    memcpy(c->source[0].id, "emr", 4);
    memcpy(c->source[0].facility, "1311234567", 11);
    memcpy(c->route[0].id, "main", 5);
    c->route[0].link = x->s->link;
    c->route[0].sessions = 2;
    c->route[0].answer_ms = 10;
    c->route[0].settle_ms = 100;
    c->route[0].poll_ms = c->route[0].poll_max_ms = 5;
    c->route[0].pending_ms = 30;
    c->route[0].retry_ms = c->route[0].retry_max_ms = 7;
    c->route[0].inquire_ms = 100;
    c->route[0].inquire_letter = x->s->inquire;
    c->route[0].probe_by_change = x->s->probe;
}

static void search(struct explorer *x, int faults, int deepest)
{
    struct model *w = model_new();
    memset(x->seen, 0, x->capacity * sizeof *x->seen);
    x->count = x->transitions = 0;
    x->deepest = deepest;
    x->violation[0] = '\0';
    x->found = x->depth = 0;
    w->boot = 1000;
    w->faults = faults;
    start(x, w);
    up(x, w);
    remember(x, w);
    explore(x, w);
    model_free(w);
}

static void tell_way(const struct explorer *x)
{
    static const char *const hows[] = { "", " (half)", " (out)", " (taken)" };
    for (int i = 0; i < x->found; i++) {
        const struct move *m = &x->move[i];
        printf("     %2d %s%s", i + 1, whats[m->what].name, hows[m->how]);
        if (m->k >= 0)
            printf(" %d", m->k + 1);
        if (m->die > 0)
            printf(", crash after commit %d", m->die);
        putchar('\n');
    }
}

/* Explores one scenario. Returns the length of the shortest way to a violation (0 = there is none), and the violation. */
static int run(const struct scenario *s, char ret_violation[160])
{
    static struct explorer x;
    const char *more = getenv("CLINSGW_EXPLORE");
    int extra = more != NULL && more[0] >= '0' && more[0] <= '9' ? more[0] - '0' : 0;
    memset(&x, 0, sizeof x);
    x.s = s;
    x.capacity = (size_t)1 << (20 + 2 * (extra > 3 ? 3 : extra));
    x.limit = s->limit + 2 * extra > COPIES ? COPIES : s->limit + 2 * extra;
    CHECK((x.seen = calloc(x.capacity, sizeof *x.seen)) != NULL);
    CHECK((x.reached = calloc(x.capacity, sizeof *x.reached)) != NULL);
    for (int i = 0; i < NESTED; i++)
        flow_orders_init(&x.orders[i]);
    configure(&x);
    search(&x, s->faults + extra, 0);
    printf("     %-56s %8zu worlds %9zu transitions%s\n", s->name, x.count, x.transitions, x.count >= x.capacity / 2 ? " (cut off)" : "");
    int found = x.found;                  /* a dead state shows one step later */
    x.found = 0;
    for (int deepest = 1; x.found == 0 && deepest <= found + (found > 0); deepest++)
        search(&x, s->faults + extra, deepest);
    tell_way(&x);
    int length = x.found;
    memcpy(ret_violation, x.violation, sizeof x.violation);
    for (int i = 0; i < DEPTH; i++)
        model_free(x.world[i]);
    for (int i = 0; i < NESTED; i++)
        flow_orders_free(&x.orders[i]);
    free(x.reached);
    free(x.seen);
    return length;
}

#define REG(kind, b) { FLOW_OP_REGISTER, FLOW_KIND_##kind, b }
#define CHG(kind, b) { FLOW_OP_CHANGE, FLOW_KIND_##kind, b }
#define CAN(kind, b) { FLOW_OP_CANCEL, FLOW_KIND_##kind, b }
#define CUR(b) { FLOW_OP_CURRENT, FLOW_KIND_CONDITION, b }

/* Both links, duplicate register refused or overwritten, one step or two. */
static void run_all(const char *name, int files, int faults, int limit, bool inquire, bool probe, const struct file *file)
{
    for (int v = 0; v < 8; v++) {
        bool overwrites = (v & 2) != 0, two_step = (v & 4) != 0;
        if (overwrites && !two_step)
            continue;               /* two steps may be said, but need not: both together hold this */
        if (EXPLORE_LIGHT && files > 2 && v > 1)
            continue;               /* for the sanitizers it is enough that every rule runs */
        int less = faults > 1 && (EXPLORE_LIGHT || (two_step && (files != 2 || !overwrites)));
        struct scenario s = { .link = v & 1 ? FLOW_LINK_WEBAPI : FLOW_LINK_TERMINAL, .overwrite = overwrites, .two_step = two_step,
                              .inquire = inquire, .probe = probe, .files = files, .faults = faults - less, .limit = limit - (two_step && (v & 1) == 0) };
        char label[96], violation[160];
        snprintf(label, sizeof label, "%s, %s%s%s", name, v & 1 ? "web" : "folder", overwrites ? ", overwrites" : "", two_step ? ", two steps" : "");
        s.name = label;
        memcpy(s.file, file, sizeof s.file);
        int length = run(&s, violation);
        CHECK_STR(violation, "");
        CHECK_INT(length, 0);
    }
}

TEST(explore_letter_register) { run_all("letter: register", 1, 3, 7, true, false, (const struct file[FILES]){ REG(LETTER, 0) }); }
TEST(explore_lab_probe_register) { run_all("lab with probe: register", 1, 3, 7, false, true, (const struct file[FILES]){ REG(OBSERVATION, 0) }); }
TEST(explore_letter_register_cancel) { run_all("letter: register, cancel", 2, 2, 7, true, false, (const struct file[FILES]){ REG(LETTER, 0), CAN(LETTER, 0) }); }
TEST(explore_lab_register_cancel) { run_all("lab: register, cancel", 2, 2, 7, false, false, (const struct file[FILES]){ REG(OBSERVATION, 0), CAN(OBSERVATION, 0) }); }
TEST(explore_lab_probe_register_cancel) { run_all("lab with probe: register, cancel", 2, 2, 7, false, true, (const struct file[FILES]){ REG(OBSERVATION, 0), CAN(OBSERVATION, 0) }); }
TEST(explore_letter_register_change) { run_all("letter: register, change", 2, 2, 7, true, false, (const struct file[FILES]){ REG(LETTER, 0), CHG(LETTER, 0) }); }
TEST(explore_lab_register_change_cancel) { run_all("lab: register, change, cancel", 3, 2, 7, false, true, (const struct file[FILES]){ REG(OBSERVATION, 0), CHG(OBSERVATION, 0), CAN(OBSERVATION, 0) }); }
TEST(explore_letter_register_cancel_register) { run_all("letter: register, cancel, register", 3, 2, 7, true, false, (const struct file[FILES]){ REG(LETTER, 0), CAN(LETTER, 0), REG(LETTER, 0) }); }
TEST(explore_list_current_current) { run_all("list: register, current, current", 3, 2, 7, false, false, (const struct file[FILES]){ REG(CONDITION, 0), CUR(0), CUR(0) }); }
TEST(explore_two_bundles) { run_all("two letters and a cancel", 3, 1, 7, true, false, (const struct file[FILES]){ REG(LETTER, 0), REG(LETTER, 1), CAN(LETTER, 0) }); }

TEST(explore_sees_a_service_that_breaks_assumption_a)
{
    struct scenario s = { .name = "later than A", .link = FLOW_LINK_TERMINAL, .break_a = true, .inquire = true, .files = 2, .faults = 2, .limit = 7,
                          .file = { REG(LETTER, 0), CAN(LETTER, 0) } };
    char violation[160];
    CHECK(run(&s, violation) > 0);
    printf("     seen: %s\n", violation);
}

TEST(explore_sees_a_service_that_does_not_keep_its_word)
{
    struct scenario s = { .name = "refuses and does it", .link = FLOW_LINK_WEBAPI, .lie = true, .files = 1, .faults = 1, .limit = 7, .file = { REG(LETTER, 0) } };
    char violation[160];
    CHECK_INT(run(&s, violation), 4);     /* drop, publish, refuse, deliver: the shortest way there is */
    printf("     seen: %s\n", violation);
}

TEST_MAIN()
