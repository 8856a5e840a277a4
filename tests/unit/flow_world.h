/*
 * flow_world.h - a small world around flow_step() for tests: a virtual clock, workers that answer at once, orders of the links kept.
 *
 * Files are scripts: original byte 0 = index into w->script. Answers carry their meaning in their digest, see world_answer().
 * What a test does not touch goes by itself: claim, look, convert, build, sign and check, read, compose, hand back.
 */
#ifndef TESTS_UNIT_FLOW_WORLD_H
#define TESTS_UNIT_FLOW_WORLD_H

#include "flow/flow.h"
#include "flow/memory.h"
#include "tests/unit/test.h"

/* A test program needs not use them all. */
#define WORLD_FN static __attribute__((unused))

enum { WORLD_SCRIPTS = 24, WORLD_UNITS = 4, WORLD_SENT = 200 };

struct world_script {
    enum msg_id problem, look_reject, convert_reject;
    char request_id[16];
    bool all_or_none;
    size_t unit_count, attachment_count;
    struct flow_unit_looked unit[WORLD_UNITS];
    struct flow_unit_converted made[WORLD_UNITS];
    char attachment[2][FLOW_NAME];
    unsigned char content;              /* the same for two scripts = the same bytes; 0 = index + 1 */
};

struct world {
    struct flow_config cfg;
    struct flow_state *st;
    struct flow_memory *rows;
    struct flow_orders orders;
    int64_t boot, wall;
    uint64_t seed;
    struct world_script script[WORLD_SCRIPTS];
    size_t scripts;
    struct flow_order sent[WORLD_SENT]; /* SUBMIT, AWAIT, LOOK_FOLDER, REMOVE_... in order */
    size_t sent_count;
    struct flow_order reply;
    int alarms[FLOW_ALARMS];            /* raised minus cleared */
    bool no_build, no_sign, no_read, no_look, no_convert, no_attach, no_hand_back;
    uint64_t request_size;
    enum msg_id build_reject, check_reject;
    int logs[MSG_COUNT];
};

WORLD_FN void world_event(struct world *w, struct flow_event *ev);

WORLD_FN struct sha256 world_digest(unsigned char kind, unsigned char n)
{
    struct sha256 d;
    memset(&d, kind, sizeof d);
    d.byte[0] = n;
    return d;
}

WORLD_FN struct flow_event world_new_event(struct world *w, enum flow_event_type type)
{
    struct flow_event ev;
    (void)w;
    memset(&ev, 0, sizeof ev);
    ev.type = type;
    return ev;
}

WORLD_FN void world_look(struct world *w, const struct flow_order *o)
{
    struct flow_event ev = world_new_event(w, FLOW_EV_LOOKED);
    const struct world_script *s = &w->script[o->u.look.original.byte[1]];
    ev.u.looked.token = o->token;
    ev.u.looked.reject = s->look_reject;
    ev.u.looked.all_or_none = s->all_or_none;
    memcpy(ev.u.looked.request_id, s->request_id, sizeof s->request_id);
    ev.u.looked.units = s->unit;
    ev.u.looked.unit_count = s->unit_count;
    ev.u.looked.attachments = s->attachment;
    ev.u.looked.attachment_count = s->attachment_count;
    if (!w->no_look)
        world_event(w, &ev);
}

WORLD_FN void world_convert(struct world *w, const struct flow_order *o)
{
    struct flow_event ev = world_new_event(w, FLOW_EV_CONVERTED);
    const struct world_script *s = &w->script[o->u.convert.original.byte[1]];
    struct flow_unit_converted made[WORLD_UNITS];
    for (size_t i = 0; i < o->u.convert.unit_count; i++)
        made[i] = s->made[o->u.convert.unit[i].index];
    ev.u.converted.token = o->token;
    ev.u.converted.reject = s->convert_reject;
    ev.u.converted.units = made;
    ev.u.converted.unit_count = o->u.convert.unit_count;
    if (!w->no_convert)
        world_event(w, &ev);
}

/* An answer whose digest says what it means. */
enum { A_ABSENT = 1, A_ALREADY = 2, A_THERE = 4, A_RECEIPT = 8, A_MISFIT = 16, A_ENVELOPE = 32 };
static unsigned char world_answers;
WORLD_FN void world_answer(struct world *w, int64_t exchange, enum flow_class answer_class, int marks)
{
    struct flow_event ev = world_new_event(w, FLOW_EV_ANSWER);
    ev.u.answer.exchange = exchange;
    memset(&ev.u.answer.answer, 0xaa, sizeof ev.u.answer.answer);
    ev.u.answer.answer.byte[0] = (unsigned char)answer_class;
    ev.u.answer.answer.byte[1] = (unsigned char)marks;
    ev.u.answer.answer.byte[2] = ++world_answers;
    world_event(w, &ev);
}

WORLD_FN void world_read(struct world *w, const struct flow_order *o)
{
    struct flow_event ev = world_new_event(w, FLOW_EV_ANSWER_READ);
    int marks = o->u.read.answer.byte[1];
    ev.u.read.token = o->token;
    ev.u.read.fits = (marks & A_MISFIT) == 0;
    ev.u.read.answer_class = (enum flow_class)o->u.read.answer.byte[0];
    ev.u.read.business = (marks & A_ENVELOPE) == 0;
    ev.u.read.absent = (marks & A_ABSENT) != 0;
    ev.u.read.already_there = (marks & A_ALREADY) != 0;
    ev.u.read.there = (marks & A_THERE) != 0;
    if (marks & A_RECEIPT)
        memcpy(ev.u.read.receipt, "R1", 3);
    if (!w->no_read)
        world_event(w, &ev);
}

WORLD_FN void world_pure(struct world *w, const struct flow_order *o)
{
    struct flow_event ev = world_new_event(w, FLOW_EV_NONE);
    switch (o->type) {
    case FLOW_DO_CLAIM:
        ev.type = FLOW_EV_CLAIMED;
        ev.u.claimed.token = o->token;
        memcpy(ev.u.claimed.source, o->u.claim.source, sizeof ev.u.claimed.source);
        memcpy(ev.u.claimed.name, o->u.claim.name, sizeof ev.u.claimed.name);
        snprintf(ev.u.claimed.work_name, sizeof ev.u.claimed.work_name, "%d-%.200s", (int)o->token, o->u.claim.name);
        unsigned char n = (unsigned char)(o->u.claim.name[0] - 'a');
        ev.u.claimed.problem = w->script[n].problem;
        ev.u.claimed.original = world_digest(1, w->script[n].content != 0 ? w->script[n].content : (unsigned char)(n + 1));
        ev.u.claimed.original.byte[1] = n;
        if (w->script[n].content != 0)     /* the same bytes have one meaning */
            for (unsigned char i = 0; i < n; i++)
                if (w->script[i].content == w->script[n].content) {
                    ev.u.claimed.original.byte[1] = i;
                    break;
                }
        break;
    case FLOW_DO_CLAIM_ATTACHMENT:
        if (w->no_attach)
            return;
        ev.type = FLOW_EV_ATTACHMENT;
        ev.u.attachment.request = o->u.attachment.request;
        memcpy(ev.u.attachment.name, o->u.attachment.name, FLOW_NAME);
        ev.u.attachment.payload = world_digest(2, (unsigned char)o->u.attachment.name[0]);
        ev.u.attachment.there = true;
        break;
    case FLOW_DO_CHECK:
        ev.type = FLOW_EV_CHECKED;
        ev.u.checked.token = o->token;
        ev.u.checked.reject = w->check_reject;
        break;
    case FLOW_DO_SIGN:
        if (w->no_sign)
            return;
        ev.type = FLOW_EV_SIGNED;
        ev.u.signed_bundle.token = o->token;
        ev.u.signed_bundle.signed_bundle = o->u.sign.bundle;
        ev.u.signed_bundle.signed_bundle.byte[31] ^= 0x55;
        ev.u.signed_bundle.signed_wall_ms = w->wall;
        ev.u.signed_bundle.certificate_end_wall_ms = w->wall + 365 * 86400000LL;
        break;
    case FLOW_DO_BUILD:
        if (w->no_build)
            return;
        ev.type = FLOW_EV_BUILT;
        ev.u.built.token = o->token;
        ev.u.built.reject = w->build_reject;
        ev.u.built.request = world_digest(3, (unsigned char)o->token);
        ev.u.built.size = w->request_size;
        break;
    case FLOW_DO_COMPOSE:
        ev.type = FLOW_EV_COMPOSED;
        ev.u.composed.token = o->token;
        ev.u.composed.outcome = world_digest(4, (unsigned char)o->u.request.request);
        break;
    default:
        return;
    }
    world_event(w, &ev);
}

WORLD_FN void world_subject(struct world *w, enum flow_event_type type, int64_t id, int64_t token)
{
    struct flow_event ev = world_new_event(w, type);
    ev.u.subject.id = id;
    ev.u.subject.token = token;
    world_event(w, &ev);
}

WORLD_FN void world_order(struct world *w, const struct flow_order *o)
{
    switch (o->type) {
    case FLOW_DO_LOOK: world_look(w, o); break;
    case FLOW_DO_CONVERT: world_convert(w, o); break;
    case FLOW_DO_READ: world_read(w, o); break;
    case FLOW_DO_HAND_BACK:
        if (w->no_hand_back)
            break;
        world_subject(w, FLOW_EV_OUTCOME_WRITTEN, o->u.hand_back.request, 0);
        if (o->u.hand_back.origin == FLOW_ORIGIN_VENDOR)
            world_subject(w, FLOW_EV_FILED, o->u.hand_back.request, 0);
        break;
    case FLOW_DO_SUBMIT: case FLOW_DO_AWAIT: case FLOW_DO_LOOK_FOLDER: case FLOW_DO_REMOVE_ANSWER: case FLOW_DO_OFFER_AGAIN:
    case FLOW_DO_READ_NOTICE: case FLOW_DO_REMOVE_NOTICE:
        CHECK(w->sent_count < WORLD_SENT);
        w->sent[w->sent_count++] = *o;
        break;
    case FLOW_DO_ALARM: w->alarms[o->u.alarm.alarm] += o->u.alarm.raise ? 1 : -1; break;
    case FLOW_DO_REPLY: w->reply = *o; break;
    case FLOW_DO_LOG: w->logs[o->u.log.msg]++; break;
    default: world_pure(w, o); break;
    }
}

/* One event, and everything that follows from it without a link or a person. */
WORLD_FN void world_event(struct world *w, struct flow_event *ev)
{
    struct err e = ERR_INIT;
    ev->wall_ms = w->wall;
    ev->boot_ms = w->boot;
    memset(ev->seed, 0, sizeof ev->seed);
    w->seed++;
    memcpy(ev->seed, &w->seed, sizeof w->seed);
    struct flow_orders orders;
    flow_orders_init(&orders);
    int rc = flow_step(&w->cfg, w->st, &flow_memory_ops, w->rows, ev, &orders, &e);
    if (rc < 0)
        printf("     step: %s %s %s\n", err_code_name(rc), e.arg[0], e.arg[1]);
    CHECK_OK(rc);
    rc = flow_memory_check(w->rows, &e);
    if (rc < 0)
        printf("     rows: %s\n", e.arg[0]);
    CHECK_OK(rc);
    for (size_t i = 0; i < orders.count; i++)
        world_order(w, &orders.item[i]);
    flow_orders_free(&orders);
}

WORLD_FN void world_plain(struct world *w, enum flow_event_type type)
{
    struct flow_event ev = world_new_event(w, type);
    world_event(w, &ev);
}

WORLD_FN void world_link(struct world *w, enum flow_event_type type, const char *route)
{
    struct flow_event ev = world_new_event(w, type);
    snprintf(ev.u.link.route, sizeof ev.u.link.route, "%s", route);
    world_event(w, &ev);
}

WORLD_FN void world_fact(struct world *w, enum flow_event_type type, int64_t exchange)
{
    struct flow_event ev = world_new_event(w, type);
    ev.u.exchange.exchange = exchange;
    world_event(w, &ev);
}

WORLD_FN void world_folder(struct world *w, int64_t exchange, enum flow_folder found)
{
    struct flow_event ev = world_new_event(w, FLOW_EV_FOLDER);
    ev.u.folder.exchange = exchange;
    ev.u.folder.found = found;
    world_event(w, &ev);
}

WORLD_FN void world_disk(struct world *w, enum flow_disk level)
{
    struct flow_event ev = world_new_event(w, FLOW_EV_DISK);
    ev.u.disk.level = level;
    world_event(w, &ev);
}

WORLD_FN void world_signer(struct world *w, enum flow_signer_state state)
{
    struct flow_event ev = world_new_event(w, FLOW_EV_SIGNER);
    memcpy(ev.u.signer.signer, "card", 5);
    ev.u.signer.state = state;
    world_event(w, &ev);
}

WORLD_FN void world_operate(struct world *w, enum flow_event_type type, int64_t id, int64_t request, bool done)
{
    struct flow_event ev = world_new_event(w, type);
    ev.u.operate.id = id;
    ev.u.operate.request = request;
    ev.u.operate.done = done;
    memcpy(ev.u.operate.actor, "operator:it", 12);
    memset(&w->reply, 0, sizeof w->reply);
    world_event(w, &ev);
    CHECK_INT(w->reply.type, FLOW_DO_REPLY);
}

/* Moves both clocks on and rings every bell on the way. */
WORLD_FN void world_sleep(struct world *w, int64_t ms)
{
    int64_t until = w->boot + ms, due;
    for (int i = 0; i < 10000; i++) {
        CHECK_OK(flow_next_due(w->st, &flow_memory_ops, w->rows, &due, NULL));
        if (due > until)
            break;
        if (due > w->boot) {
            w->wall += due - w->boot;
            w->boot = due;
        }
        world_plain(w, FLOW_EV_TIMER);
        CHECK(i < 9999);
    }
    w->wall += until - w->boot;
    w->boot = until;
}

WORLD_FN void world_start(struct world *w, enum flow_link link)
{
    flow_config_defaults(&w->cfg);
    w->cfg.facility_count = w->cfg.source_count = 1;
    w->cfg.route_count = 2;
    memcpy(w->cfg.name_tag, "cg", 3);
    memcpy(w->cfg.facility[0].code, "1311234567", 11);
    memcpy(w->cfg.facility[0].route, "main", 5);
    w->cfg.facility[0].policy = FLOW_POLICY_REQUIRE;
    memcpy(w->cfg.source[0].id, "emr", 4);
    memcpy(w->cfg.source[0].facility, "1311234567", 11);
    w->cfg.source[0].attachment_wait_ms = 300000;
    memcpy(w->cfg.route[0].id, "main", 5);
    memcpy(w->cfg.route[1].id, "other", 6);
    w->cfg.route[0].link = link;
    w->cfg.route[1].link = link == FLOW_LINK_TERMINAL ? FLOW_LINK_WEBAPI : FLOW_LINK_TERMINAL;
    for (int i = 0; i < 2; i++) {
        w->cfg.route[i].sessions = 4;
        w->cfg.route[i].settle_ms = 600000;
        w->cfg.route[i].inquire_letter = true;
    }
    w->boot = 1000;
    w->wall = 1700000000000;
    w->request_size = 1000;
    CHECK((w->st = flow_state_new(NULL)) != NULL);
    CHECK((w->rows = flow_memory_new(NULL)) != NULL);
    world_plain(w, FLOW_EV_START);
    world_disk(w, FLOW_DISK_OK);
    world_signer(w, FLOW_SIGNER_READY);
    world_link(w, FLOW_EV_LINK_UP, "main");
}

WORLD_FN void world_end(struct world *w)
{
    flow_state_free(w->st);
    flow_memory_free(w->rows);
}

/* The desk dies and starts again: only rows survive. */
WORLD_FN void world_crash(struct world *w, bool up)
{
    w->boot = 5000;
    world_plain(w, FLOW_EV_START);
    world_disk(w, FLOW_DISK_OK);
    world_signer(w, FLOW_SIGNER_READY);
    if (up)
        world_link(w, FLOW_EV_LINK_UP, "main");
}

/* A script with one unit; returns its index. Bundles differ by index. */
WORLD_FN size_t world_file(struct world *w, enum flow_operation op, enum flow_kind kind, const char *key, const char *bundle_id)
{
    struct world_script *s = &w->script[w->scripts];
    s->unit_count = 1;
    s->unit[0].operation = op;
    s->unit[0].kind = kind;
    if (kind == FLOW_KIND_CONDITION || kind == FLOW_KIND_ALLERGY)
        snprintf(s->unit[0].chart, sizeof s->unit[0].chart, "%s", key);
    else
        snprintf(s->unit[0].key, sizeof s->unit[0].key, "%s", key);
    snprintf(s->unit[0].bundle_id, sizeof s->unit[0].bundle_id, "%s", bundle_id);
    for (int i = 0; i < WORLD_UNITS; i++) {
        s->made[i].index = i;
        s->made[i].bundle = world_digest(9, (unsigned char)(w->scripts * 8 + (size_t)i + 1));
        memcpy(s->made[i].insured, "ins-1", 6);
    }
    return w->scripts++;
}

WORLD_FN void world_add_unit(struct world *w, size_t script, enum flow_operation op, enum flow_kind kind, const char *key)
{
    struct world_script *s = &w->script[script];
    struct flow_unit_looked *u = &s->unit[s->unit_count++];
    u->operation = op;
    u->kind = kind;
    snprintf(kind == FLOW_KIND_CONDITION || kind == FLOW_KIND_ALLERGY ? u->chart : u->key, 60, "%s", key);
}

WORLD_FN void world_drop(struct world *w, size_t script)
{
    struct flow_event ev = world_new_event(w, FLOW_EV_OFFERED);
    memcpy(ev.u.offered.source, "emr", 4);
    snprintf(ev.u.offered.name, sizeof ev.u.offered.name, "%c.json", (int)('a' + script));
    world_event(w, &ev);
}

/* Row n (from 1) as it is now. */
#define MESSAGE(n) (&w->rows->messages.row[(n) - 1])
#define REQUEST(n) (&w->rows->requests.row[(n) - 1])
#define EXCHANGE(n) (&w->rows->exchanges.row[(n) - 1])

/* The last order of this type; its exchange. */
WORLD_FN const struct flow_order *world_last(const struct world *w, enum flow_order_type type)
{
    for (size_t i = w->sent_count; i > 0; i--)
        if (w->sent[i - 1].type == type)
            return &w->sent[i - 1];
    return NULL;
}

WORLD_FN size_t world_count(const struct world *w, enum flow_order_type type)
{
    size_t n = 0;
    for (size_t i = 0; i < w->sent_count; i++)
        n += w->sent[i].type == type;
    return n;
}

#endif
