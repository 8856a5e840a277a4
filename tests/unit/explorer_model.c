/*
 * explorer_model - what can happen in a world of the explorer, see explorer.h
 */
#include "tests/unit/explorer.h"
#include <stdio.h>
#include <string.h>

const char explorer_bundle_id[BUNDLES][24] = { "1311234567^2023^one", "1311234567^2023^two", "1311234567^2023^three" };

const struct explorer_move explorer_moves[T_COUNT] = {
    [T_DROP] = { "drop", false, true }, [T_PUBLISH] = { "publish", false, true }, [T_NOT_LEFT] = { "does not leave", true, true },
    [T_UNSURE_OUT] = { "unsure, is out", true, true }, [T_UNSURE_TEMP] = { "unsure, is not", true, true }, [T_TAKE] = { "take", false, true },
    [T_PROCESS] = { "process", false, false }, [T_WORK] = { "say pending", false, true }, [T_REFUSE] = { "refuse", true, false },
    [T_RETRY] = { "busy", true, false }, [T_SYSTEM_DONE] = { "system failure, done", true, false }, [T_SYSTEM_NOT] = { "system failure, not done", true, false },
    [T_LOSE] = { "lose the request", true, false }, [T_LOSE_ANSWER] = { "lose the answer", true, false }, [T_STILL] = { "still pending", true, true },
    [T_DELIVER] = { "deliver", false, true }, [T_AGAIN] = { "deliver again", true, true }, [T_END] = { "connection ends", true, true }, [T_GIVE_UP] = { "client gives up", false, true },
    [T_TIMER] = { "bell", false, true }, [T_CRASH] = { "crash", true, false }, [T_DOOR] = { "door dies", true, true },
    [T_DOWN] = { "link down", true, true }, [T_UP] = { "link up", false, true }, [T_PERSON] = { "person", false, true } };

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
    while (c->bundle < BUNDLES - 1 && strcmp(explorer_bundle_id[c->bundle], m->bundle_id) != 0)
        c->bundle++;
    if (row->kind == FLOW_XK_SUBMIT && !row->repeat)
        explorer_check_send(x, w, m, &w->rows->attempts.row[row->attempt - 1]);
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
            memcpy(unit.bundle_id, explorer_bundle_id[f->bundle], sizeof explorer_bundle_id[0]);
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
    if (x->nested == NESTED) {
        explorer_violate(x, "steps too deep inside each other", NESTED);
        return;
    }
    struct flow_orders *orders = &x->orders[x->nested++];
    flow_orders_reset(orders);
    ev->boot_ms = w->boot;
    ev->wall_ms = 1700000000000 + w->boot;
    int rc = flow_step(&x->cfg, w->st, &flow_memory_ops, w->rows, ev, orders, &e);
    if (rc < 0)
        explorer_violate(x, e.arg[0][0] != '\0' ? e.arg[0] : err_code_name(rc), rc);
    if (w->rows->exchanges.count > (size_t)x->limit || x->count >= x->capacity / 2)
        w->bounded = true;
    if (x->die_after > 0 && --x->die_after == 0)
        x->dead = true;
    for (size_t i = 0; i < orders->count && !x->dead; i++)
        give(x, w, &orders->item[i]);
    x->nested--;
}

/* ---- what can happen ---- */

void explorer_start(struct explorer *x, struct model *w)
{
    struct flow_event ev = event_of(FLOW_EV_START);
    step(x, w, &ev);
    ev = event_of(FLOW_EV_DISK);
    step(x, w, &ev);
}

void explorer_link_up(struct explorer *x, struct model *w)
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

/* As many as make a difference. */
int explorer_ways_to_die(const struct explorer *x, const struct model *w)
{
    for (int k = 0; k < COPIES; k++)
        if (w->copy[k].where == W_HAND)
            return x->s->link == FLOW_LINK_WEBAPI ? 2 : 4;
    return 1;
}

void explorer_crash(struct explorer *x, struct model *w, int how)
{
    door_dies(x, w, how);
    w->boot = 1000;
    explorer_start(x, w);
    explorer_link_up(x, w);
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

int explorer_lateness(struct model *w, bool mark)
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

bool explorer_enabled_copy(const struct explorer *x, const struct model *w, enum what t, int k)
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

void explorer_act_copy(struct explorer *x, struct model *w, enum what t, int k)
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

bool explorer_enabled_world(const struct explorer *x, const struct model *w, enum what t)
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

void explorer_act_world(struct explorer *x, struct model *w, enum what t, int how)
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
    case T_CRASH: explorer_crash(x, w, how); break;
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
    case T_UP: explorer_link_up(x, w); break;
    case T_PERSON: {
        int64_t id = for_person(w);
        const struct flow_message *m = &w->rows->messages.row[id - 1];
        int b = 0;
        while (b < BUNDLES - 1 && strcmp(explorer_bundle_id[b], m->bundle_id) != 0)
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
