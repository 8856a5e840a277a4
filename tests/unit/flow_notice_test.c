/* A result that nobody asked for: stored, told once, removed when it is ours; whose it is not, what cannot be read, and what a crash leaves. */
#include "tests/unit/flow_world.h"

#define WORLD() struct world *w = &the_world; memset(w, 0, sizeof *w); world_start(w, FLOW_LINK_TERMINAL)
static struct world the_world;

enum { MINE, FOREIGN, UNREADABLE };

static void come(struct world *w, const char *name, unsigned char content)
{
    struct flow_event ev = world_new_event(w, FLOW_EV_NOTICE);
    memcpy(ev.u.notice.route, "main", 5);
    snprintf(ev.u.notice.name, sizeof ev.u.notice.name, "%s", name);
    ev.u.notice.original = world_digest(7, content);
    world_event(w, &ev);
}

/* What a worker says to the last order. */
static void read_as(struct world *w, int how, const char *document)
{
    struct flow_event ev = world_new_event(w, FLOW_EV_NOTICE_READ);
    ev.u.notice_read.token = world_last(w, FLOW_DO_READ_NOTICE)->token;
    ev.u.notice_read.readable = how != UNREADABLE;
    if (how == MINE)
        memcpy(ev.u.notice_read.facility, "1311234567", 11);
    snprintf(ev.u.notice_read.bundle_id, sizeof ev.u.notice_read.bundle_id, "%s", document);
    memcpy(ev.u.notice_read.result, "1", 2);
    if (how != UNREADABLE)
        ev.u.notice_read.report = world_digest(8, 1);
    world_event(w, &ev);
}

TEST(notice_is_stored_read_told_and_then_removed)
{
    WORLD();
    come(w, "n1.xml", 1);
    CHECK_INT(w->rows->requests.count, 1);
    CHECK_INT(REQUEST(1)->origin, FLOW_ORIGIN_SERVICE);
    CHECK_INT(REQUEST(1)->state, FLOW_RQ_RECEIVED);
    CHECK_INT(world_count(w, FLOW_DO_REMOVE_NOTICE), 0);       /* nobody knows yet whose it is */
    const struct flow_order *read = world_last(w, FLOW_DO_READ_NOTICE);
    CHECK_STR(read->u.notice.route, "main");
    CHECK_STR(read->u.notice.name, "n1.xml");
    read_as(w, MINE, "9999999999^2026^a");
    CHECK_INT(REQUEST(1)->state, FLOW_RQ_ANSWERED);
    CHECK_STR(REQUEST(1)->source, "emr");
    CHECK_STR(REQUEST(1)->facility, "1311234567");
    CHECK_STR(REQUEST(1)->reason, "");
    CHECK_INT(REQUEST(1)->about_request, 0);
    CHECK(REQUEST(1)->outcome_written);
    CHECK_INT(w->logs[MSG_FLOW_CONSENT_NOTICE], 1);
    CHECK_INT(w->logs[MSG_NONE], 0);                           /* its one line is all */
    CHECK_STR(world_last(w, FLOW_DO_REMOVE_NOTICE)->u.notice.name, "n1.xml");
    CHECK_INT(w->rows->messages.count, 0);
    CHECK_INT(w->st->received, 0);
    world_end(w);
}

TEST(notice_seen_again_is_not_told_again)
{
    WORLD();
    come(w, "n1.xml", 1);
    come(w, "n1.xml", 1);                                      /* while a worker has it */
    CHECK_INT(world_count(w, FLOW_DO_READ_NOTICE), 1);
    read_as(w, MINE, "d");
    come(w, "n1.xml", 1);
    CHECK_INT(w->rows->requests.count, 1);
    CHECK_INT(world_count(w, FLOW_DO_REMOVE_NOTICE), 2);       /* what was only not removed goes */
    world_crash(w, true);
    come(w, "n1.xml", 1);
    CHECK_INT(w->rows->requests.count, 1);
    CHECK_INT(w->logs[MSG_FLOW_CONSENT_NOTICE], 1);
    come(w, "n1.xml", 2);                                      /* other bytes, or another name: another notice */
    come(w, "n2.xml", 1);
    CHECK_INT(w->rows->requests.count, 3);
    world_end(w);
}

TEST(notice_of_somebody_else_or_unreadable_is_kept_and_left_alone)
{
    static const struct { int how; enum msg_id msg; } rows[] = { { FOREIGN, MSG_FLOW_NOTICE_FOREIGN }, { UNREADABLE, MSG_FLOW_NOTICE_UNREADABLE } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        WORLD();
        come(w, "n1.xml", 1);
        read_as(w, rows[i].how, "d");
        come(w, "n1.xml", 1);
        CHECK_INT(REQUEST(1)->state, FLOW_RQ_ANSWERED);
        CHECK_STR(REQUEST(1)->reason, msg_get(rows[i].msg)->code);
        CHECK_STR(REQUEST(1)->source, "");
        CHECK(!REQUEST(1)->outcome_written);
        CHECK(memcmp(&REQUEST(1)->original, &(struct sha256){ { 0 } }, sizeof(struct sha256)) != 0);
        CHECK_INT(w->logs[rows[i].msg], 1);
        CHECK_INT(w->logs[MSG_FLOW_CONSENT_NOTICE], 0);
        CHECK_INT(world_count(w, FLOW_DO_REMOVE_NOTICE), 0);
        CHECK_INT(w->st->received, 0);
        world_operate(w, FLOW_EV_RETRY, 0, 1, false);          /* the configuration was mended */
        CHECK_INT(w->reply.u.reply.code, 0);
        CHECK_INT(REQUEST(1)->state, FLOW_RQ_RECEIVED);
        read_as(w, MINE, "d");
        CHECK_INT(REQUEST(1)->state, FLOW_RQ_ANSWERED);
        CHECK_STR(REQUEST(1)->source, "emr");
        CHECK_STR(REQUEST(1)->reason, "");
        CHECK_INT(w->logs[MSG_FLOW_CONSENT_NOTICE], 1);
        world_operate(w, FLOW_EV_RETRY, 0, 1, false);
        CHECK_INT(w->reply.u.reply.code, ERR_NOT_NOW);
        CHECK_INT(w->rows->requests.count, 1);
        world_end(w);
    }
}

TEST(notice_without_a_source_is_kept_with_a_reason)
{
    WORLD();
    w->cfg.source_count = 0;
    come(w, "n1.xml", 1);
    read_as(w, MINE, "d");
    CHECK_INT(REQUEST(1)->state, FLOW_RQ_ANSWERED);
    CHECK_STR(REQUEST(1)->reason, msg_get(MSG_FLOW_NOTICE_NO_SOURCE)->code);
    CHECK_INT(world_count(w, FLOW_DO_REMOVE_NOTICE), 0);
    world_end(w);
}

TEST(notice_about_a_message_of_ours_changes_nothing_but_its_history)
{
    WORLD();
    memcpy(w->cfg.source[1].id, "lab", 4);
    memcpy(w->cfg.source[1].facility, "1311234567", 11);
    w->cfg.source_count = 2;
    world_drop(w, world_file(w, FLOW_OP_REGISTER, FLOW_KIND_LETTER, "l-1", ""));
    world_answer(w, 1, FLOW_CLASS_SUCCESS, 0);
    struct flow_message before = *MESSAGE(1);
    size_t sent = w->sent_count;
    come(w, "n1.xml", 1);
    read_as(w, MINE, before.bundle_id);
    CHECK_INT(REQUEST(2)->about_request, 1);
    CHECK_STR(REQUEST(2)->source, "emr");
    CHECK_INT(MESSAGE(1)->version, before.version + 1);        /* one line */
    before.version++;
    CHECK(memcmp(MESSAGE(1), &before, sizeof before) == 0);
    CHECK_INT(w->sent_count, sent + 2);                        /* read and remove: nothing goes to the service */
    CHECK_INT(w->rows->incidents.count, 0);
    world_operate(w, FLOW_EV_RETRY, 0, 2, false);
    CHECK(w->reply.u.reply.code != 0);
    world_end(w);
}

TEST(notice_survives_a_crash_at_every_step)
{
    WORLD();
    come(w, "n1.xml", 1);
    world_crash(w, true);                                      /* a worker had it */
    CHECK_INT(world_count(w, FLOW_DO_READ_NOTICE), 2);
    w->no_hand_back = true;
    read_as(w, MINE, "d");
    CHECK_INT(REQUEST(1)->state, FLOW_RQ_CLOSED);
    w->no_hand_back = false;
    world_crash(w, true);                                      /* the vendor had not been told */
    CHECK_INT(REQUEST(1)->state, FLOW_RQ_ANSWERED);
    CHECK_INT(w->logs[MSG_FLOW_CONSENT_NOTICE], 1);
    world_end(w);
}

TEST(notice_that_kills_two_workers_is_unreadable)
{
    WORLD();
    come(w, "n1.xml", 1);
    world_subject(w, FLOW_EV_WORKER_LOST, 0, world_last(w, FLOW_DO_READ_NOTICE)->token);
    CHECK_INT(world_count(w, FLOW_DO_READ_NOTICE), 2);
    world_subject(w, FLOW_EV_WORKER_LOST, 0, world_last(w, FLOW_DO_READ_NOTICE)->token);
    CHECK_INT(world_count(w, FLOW_DO_READ_NOTICE), 2);
    CHECK_STR(REQUEST(1)->reason, msg_get(MSG_FLOW_NOTICE_UNREADABLE)->code);
    CHECK_INT(w->rows->messages.count, 0);
    read_as(w, MINE, "d");                                     /* too late: nobody waits for it */
    CHECK_STR(REQUEST(1)->source, "");
    world_end(w);
}

TEST(notice_is_not_held_after_a_restore)
{
    WORLD();
    come(w, "n1.xml", 1);
    world_operate(w, FLOW_EV_AFTER_RESTORE, 0, 0, false);
    CHECK_INT(REQUEST(1)->step, FLOW_RS_LOOK);
    CHECK_INT(world_count(w, FLOW_DO_READ_NOTICE), 2);
    read_as(w, MINE, "d");
    CHECK_INT(REQUEST(1)->state, FLOW_RQ_ANSWERED);
    world_end(w);
}

TEST_MAIN()
