/* What is known about a message that was sent: facts of the links, every row of "unknown -> known", cancels, persons, incidents, restore. */
#include "tests/unit/flow_world.h"

#define WORLD(link) struct world *w = &the_world; memset(w, 0, sizeof *w); world_start(w, link)
static struct world the_world;

static size_t lab(struct world *w, enum flow_operation op) { return world_file(w, op, FLOW_KIND_OBSERVATION, "lab-1", ""); }
static size_t letter(struct world *w, enum flow_operation op) { return world_file(w, op, FLOW_KIND_LETTER, "l-1", ""); }
static int64_t last_submit(const struct world *w) { return world_last(w, FLOW_DO_SUBMIT)->u.link.exchange; }
static void lose_connection(struct world *w, int64_t exchange) { world_fact(w, FLOW_EV_CONNECTION_ENDED, exchange); }
static void settle(struct world *w) { world_sleep(w, w->cfg.route[0].settle_ms + 1); }

/* sending -> every state that one answer can lead to */
TEST(known_first_answers)
{
    static const struct { enum flow_operation op; enum flow_class answer_class; int marks; enum flow_message_state state; } rows[] = {
        { FLOW_OP_REGISTER, FLOW_CLASS_SUCCESS, 0, FLOW_MS_DONE },
        { FLOW_OP_REGISTER, FLOW_CLASS_FINAL, 0, FLOW_MS_REFUSED },
        { FLOW_OP_REGISTER, FLOW_CLASS_FINAL, A_ALREADY, FLOW_MS_REFUSED },          /* no earlier attempt: somebody else's */
        { FLOW_OP_REGISTER, FLOW_CLASS_NOT_DONE_RETRY, 0, FLOW_MS_READY },
        { FLOW_OP_REGISTER, FLOW_CLASS_PENDING, A_RECEIPT, FLOW_MS_PENDING },
        { FLOW_OP_REGISTER, FLOW_CLASS_UNKNOWN, 0, FLOW_MS_UNKNOWN },
        { FLOW_OP_REGISTER, FLOW_CLASS_SUCCESS, A_MISFIT, FLOW_MS_UNKNOWN },
        { FLOW_OP_CHANGE, FLOW_CLASS_SUCCESS, 0, FLOW_MS_DONE },
        { FLOW_OP_CHANGE, FLOW_CLASS_FINAL, A_ABSENT, FLOW_MS_REFUSED },
        { FLOW_OP_CHANGE, FLOW_CLASS_FINAL, 0, FLOW_MS_REFUSED },
        { FLOW_OP_CANCEL, FLOW_CLASS_SUCCESS, 0, FLOW_MS_DONE },
        { FLOW_OP_CANCEL, FLOW_CLASS_FINAL, A_ABSENT, FLOW_MS_DONE },
        { FLOW_OP_CANCEL, FLOW_CLASS_FINAL, 0, FLOW_MS_REFUSED },
        { FLOW_OP_CANCEL, FLOW_CLASS_NOT_DONE_RETRY, 0, FLOW_MS_READY },
        { FLOW_OP_CANCEL, FLOW_CLASS_UNKNOWN, 0, FLOW_MS_UNKNOWN },
    };
    for (int link = 0; link < 2; link++)
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            WORLD(link == 0 ? FLOW_LINK_TERMINAL : FLOW_LINK_WEBAPI);
            size_t m = 1;
            if (rows[i].op != FLOW_OP_REGISTER) {
                world_drop(w, lab(w, FLOW_OP_REGISTER));
                world_answer(w, 1, FLOW_CLASS_SUCCESS, 0);
                m = 2;
            }
            world_drop(w, lab(w, rows[i].op));
            world_answer(w, last_submit(w), rows[i].answer_class, rows[i].marks);
            if (MESSAGE(m)->state != rows[i].state)
                printf("     row %d link %d\n", (int)i, link);
            CHECK_INT(MESSAGE(m)->state, rows[i].state);
            CHECK_INT(MESSAGE(m)->evidence, rows[i].state == FLOW_MS_DONE ? FLOW_EVIDENCE_ANSWER : FLOW_EVIDENCE_NONE);
            CHECK_INT(w->rows->incidents.count, 0);
            world_end(w);
        }
}

TEST(known_not_left_goes_again_with_a_new_name)
{
    WORLD(FLOW_LINK_TERMINAL);
    world_drop(w, lab(w, FLOW_OP_REGISTER));
    world_fact(w, FLOW_EV_NOT_LEFT, 1);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_READY);
    CHECK(!w->rows->attempts.row[0].left);
    world_sleep(w, 10000);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_SENDING);
    CHECK(strcmp(EXCHANGE(1)->name, EXCHANGE(2)->name) != 0);
    /* an earlier attempt that did not leave makes "already there" nobody's but somebody else's */
    world_answer(w, 2, FLOW_CLASS_FINAL, A_ALREADY);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_REFUSED);
    world_end(w);
}

TEST(known_already_there_names_the_earlier_attempt)
{
    WORLD(FLOW_LINK_TERMINAL);
    world_drop(w, lab(w, FLOW_OP_REGISTER));
    world_answer(w, 1, FLOW_CLASS_NOT_DONE_RETRY, 0);
    world_sleep(w, 60000);
    CHECK_INT(MESSAGE(1)->attempts, 2);
    world_answer(w, 2, FLOW_CLASS_FINAL, A_ALREADY);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_DONE);
    CHECK_INT(MESSAGE(1)->stands_attempt, 1);
    world_end(w);
}

TEST(known_terminal_after_a_crash_in_sending)
{
    static const struct { enum flow_folder found; enum flow_message_state state; } rows[] = {
        { FLOW_FOLDER_REQUEST, FLOW_MS_SENT }, { FLOW_FOLDER_ANSWER, FLOW_MS_SENT }, { FLOW_FOLDER_TEMP, FLOW_MS_SENDING /* again, at once */ }, { FLOW_FOLDER_NEITHER, FLOW_MS_UNKNOWN } };
    for (size_t i = 0; i < 4; i++) {
        WORLD(FLOW_LINK_TERMINAL);
        world_drop(w, lab(w, FLOW_OP_REGISTER));
        world_crash(w, false);
        CHECK_INT(MESSAGE(1)->state, FLOW_MS_SENDING);
        CHECK_INT(EXCHANGE(1)->state, FLOW_XS_LOOKING);
        CHECK_INT(world_count(w, FLOW_DO_LOOK_FOLDER), 0);       /* not before the share is back */
        world_link(w, FLOW_EV_LINK_UP, "main");
        CHECK_INT(world_count(w, FLOW_DO_LOOK_FOLDER), 1);
        world_folder(w, 1, rows[i].found);
        CHECK_INT(MESSAGE(1)->state, rows[i].state);
        CHECK_INT(MESSAGE(1)->attempts, rows[i].found == FLOW_FOLDER_TEMP ? 2 : 1);
        CHECK_INT(w->st->route[0].busy, rows[i].found == FLOW_FOLDER_NEITHER ? 0 : 1);
        world_end(w);
    }
}

TEST(known_web_after_a_crash_in_sending_is_unknown)
{
    WORLD(FLOW_LINK_WEBAPI);
    world_drop(w, lab(w, FLOW_OP_REGISTER));
    world_crash(w, true);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_UNKNOWN);
    CHECK_STR(MESSAGE(1)->reason, msg_get(MSG_FLOW_ASK_PERSON)->code);
    CHECK_INT(w->st->route[0].busy, 0);
    world_end(w);
}

TEST(known_a_door_that_dies_leaves_doubt)
{
    WORLD(FLOW_LINK_TERMINAL);
    world_drop(w, lab(w, FLOW_OP_REGISTER));
    world_link(w, FLOW_EV_DOOR_LOST, "main");
    CHECK_INT(EXCHANGE(1)->state, FLOW_XS_LOOKING);
    world_link(w, FLOW_EV_LINK_UP, "main");
    CHECK_INT(world_count(w, FLOW_DO_SUBMIT), 1);               /* a submit is never given again */
    CHECK_INT(world_count(w, FLOW_DO_LOOK_FOLDER), 1);
    world_end(w);
}

TEST(known_answers_are_kept_before_they_are_removed_and_survive_a_crash)
{
    WORLD(FLOW_LINK_TERMINAL);
    world_drop(w, lab(w, FLOW_OP_REGISTER));
    world_fact(w, FLOW_EV_PUBLISHED, 1);
    w->no_read = true;
    world_answer(w, 1, FLOW_CLASS_SUCCESS, 0);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_SENT);
    CHECK_INT(world_count(w, FLOW_DO_REMOVE_ANSWER), 0);
    w->no_read = false;
    world_crash(w, true);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_DONE);
    CHECK_INT(world_count(w, FLOW_DO_REMOVE_ANSWER), 1);
    /* found again by a sweep: removed again, nothing else */
    struct flow_event ev = world_new_event(w, FLOW_EV_ANSWER);
    memcpy(ev.u.answer.name, EXCHANGE(1)->name, FLOW_SUFFIX);
    ev.u.answer.answer = EXCHANGE(1)->answer;
    world_event(w, &ev);
    CHECK_INT(world_count(w, FLOW_DO_REMOVE_ANSWER), 2);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_DONE);
    world_end(w);
}

TEST(known_letter_by_inquiry)
{
    WORLD(FLOW_LINK_WEBAPI);
    world_drop(w, letter(w, FLOW_OP_REGISTER));
    lose_connection(w, 1);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_UNKNOWN);
    world_sleep(w, 40000);
    CHECK_INT(EXCHANGE(2)->kind, FLOW_XK_INQUIRE);
    /* absent before settling is not believed */
    world_answer(w, 2, FLOW_CLASS_FINAL, A_ABSENT);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_UNKNOWN);
    settle(w);
    int64_t x = last_submit(w);
    while (!EXCHANGE(x)->began_settled) {
        world_answer(w, x, FLOW_CLASS_FINAL, A_ABSENT);
        CHECK_INT(MESSAGE(1)->state, FLOW_MS_UNKNOWN);
        settle(w);
        x = last_submit(w);
    }
    world_answer(w, x, FLOW_CLASS_FINAL, A_ABSENT);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_SENDING);              /* ready, and off again */
    CHECK_INT(MESSAGE(1)->attempts, 2);
    /* the first attempt's answer comes after all: success counts always */
    world_answer(w, 1, FLOW_CLASS_SUCCESS, 0);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_DONE);
    CHECK_INT(MESSAGE(1)->stands_attempt, 1);
    world_end(w);
}

/* The next inquiry that began after settling. */
static int64_t settled_inquiry(struct world *w)
{
    for (int i = 0; i < 20; i++) {
        settle(w);
        int64_t x = last_submit(w);
        if (EXCHANGE(x)->kind == FLOW_XK_INQUIRE && EXCHANGE(x)->began_settled)
            return x;
        world_answer(w, x, FLOW_CLASS_FINAL, A_ABSENT);
    }
    CHECK(false);
    return 0;
}

TEST(known_absence_from_an_older_attempt_says_nothing)
{
    WORLD(FLOW_LINK_WEBAPI);
    world_drop(w, letter(w, FLOW_OP_REGISTER));
    lose_connection(w, 1);
    int64_t late = settled_inquiry(w);
    lose_connection(w, late);
    world_answer(w, settled_inquiry(w), FLOW_CLASS_FINAL, A_ABSENT);
    CHECK_INT(MESSAGE(1)->attempts, 2);
    lose_connection(w, last_submit(w));
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_UNKNOWN);
    world_answer(w, late, FLOW_CLASS_FINAL, A_ABSENT);          /* true when it was asked; the second attempt may stand by now */
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_UNKNOWN);
    settle(w);
    CHECK_INT(MESSAGE(1)->attempts, 2);
    world_end(w);
}

TEST(known_a_late_pending_keeps_what_is_ready_from_going_again)
{
    WORLD(FLOW_LINK_WEBAPI);
    world_drop(w, letter(w, FLOW_OP_REGISTER));
    lose_connection(w, 1);
    int64_t inquiry = settled_inquiry(w);
    world_operate(w, FLOW_EV_PAUSE, 0, 0, false);
    world_answer(w, inquiry, FLOW_CLASS_FINAL, A_ABSENT);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_READY);
    world_answer(w, 1, FLOW_CLASS_PENDING, 0);                  /* of the first attempt: the service is still at it, it says */
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_READY);
    CHECK_INT(MESSAGE(1)->loud, 1);
    world_operate(w, FLOW_EV_RESUME, 0, 0, false);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_READY);
    CHECK_INT(MESSAGE(1)->attempts, 1);
    settle(w);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_SENDING);
    CHECK_INT(MESSAGE(1)->attempts, 2);
    world_end(w);
}

TEST(known_letter_there_is_believed_at_once)
{
    WORLD(FLOW_LINK_WEBAPI);
    world_drop(w, letter(w, FLOW_OP_REGISTER));
    lose_connection(w, 1);
    world_sleep(w, 40000);
    world_answer(w, 2, FLOW_CLASS_SUCCESS, A_THERE);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_DONE);
    CHECK_INT(MESSAGE(1)->evidence, FLOW_EVIDENCE_INQUIRY);
    CHECK_INT(MESSAGE(1)->evidence_exchange, 2);
    CHECK(MESSAGE(1)->blocks);                                  /* final, but its submit is still loud */
    settle(w);
    CHECK(!MESSAGE(1)->blocks);
    world_end(w);
}

TEST(known_inquiry_refused_asks_a_person)
{
    WORLD(FLOW_LINK_WEBAPI);
    world_drop(w, letter(w, FLOW_OP_REGISTER));
    lose_connection(w, 1);
    world_sleep(w, 40000);
    world_answer(w, 2, FLOW_CLASS_FINAL, 0);
    CHECK(MESSAGE(1)->held);
    CHECK_INT(w->alarms[FLOW_ALARM_PERSON], 1);
    world_end(w);
}

TEST(known_five_kinds_by_probe_or_person)
{
    for (int probe = 0; probe < 2; probe++) {
        WORLD(FLOW_LINK_WEBAPI);
        w->cfg.route[0].probe_by_change = probe != 0;
        world_drop(w, lab(w, FLOW_OP_REGISTER));
        lose_connection(w, 1);
        world_sleep(w, 60000);
        CHECK_INT(w->rows->exchanges.count, 1);                 /* never before settling */
        settle(w);
        if (!probe) {
            CHECK_INT(w->rows->exchanges.count, 1);
            CHECK_STR(MESSAGE(1)->reason, msg_get(MSG_FLOW_ASK_PERSON)->code);
        } else {
            CHECK_INT(EXCHANGE(2)->kind, FLOW_XK_PROBE);
            world_answer(w, 2, FLOW_CLASS_SUCCESS, 0);
            CHECK_INT(MESSAGE(1)->evidence, FLOW_EVIDENCE_PROBE);
        }
        world_end(w);
    }
}

/* change and cancel: the same bytes again once settled */
/* A late answer of the submit must not take the answer time of the probe that is out, nor its session. */
TEST(known_a_probe_that_is_lost_ends_whatever_comes_meanwhile)
{
    static const enum flow_class late[] = { FLOW_CLASS_UNKNOWN, FLOW_CLASS_NOT_DONE_RETRY, FLOW_CLASS_PENDING, FLOW_CLASS_SUCCESS };
    for (size_t i = 0; i < sizeof late / sizeof late[0]; i++) {
        WORLD(FLOW_LINK_TERMINAL);
        w->cfg.route[0].probe_by_change = true;
        world_drop(w, lab(w, FLOW_OP_REGISTER));
        world_fact(w, FLOW_EV_PUBLISHED, 1);
        world_fact(w, FLOW_EV_LEFT_REQ, 1);
        settle(w);
        settle(w);
        CHECK_INT(EXCHANGE(2)->kind, FLOW_XK_PROBE);
        world_fact(w, FLOW_EV_PUBLISHED, 2);
        world_fact(w, FLOW_EV_LEFT_REQ, 2);                     /* and never an answer */
        world_answer(w, 1, late[i], 0);
        CHECK_INT(EXCHANGE(2)->state, FLOW_XS_LEFT);
        settle(w);
        settle(w);
        CHECK_INT(EXCHANGE(2)->state, FLOW_XS_ENDED);
        CHECK(!EXCHANGE(2)->loud);
        bool done = late[i] == FLOW_CLASS_SUCCESS;
        world_sleep(w, w->cfg.route[0].pending_ms);
        CHECK_INT(w->st->route[0].busy, done ? 0 : 1);
        CHECK_INT(w->rows->exchanges.count, done ? 2 : 3);      /* the next try is out */
        world_end(w);
    }
}

TEST(known_by_repeating)
{
    static const struct { enum flow_operation op; enum flow_class answer_class; int marks; enum flow_message_state state; bool held; } rows[] = {
        { FLOW_OP_CHANGE, FLOW_CLASS_SUCCESS, 0, FLOW_MS_DONE, false }, { FLOW_OP_CHANGE, FLOW_CLASS_FINAL, A_ABSENT, FLOW_MS_REFUSED, false },
        { FLOW_OP_CHANGE, FLOW_CLASS_FINAL, 0, FLOW_MS_UNKNOWN, true }, { FLOW_OP_CHANGE, FLOW_CLASS_PENDING, A_RECEIPT, FLOW_MS_UNKNOWN, false },
        { FLOW_OP_CHANGE, FLOW_CLASS_NOT_DONE_RETRY, 0, FLOW_MS_UNKNOWN, false },
        { FLOW_OP_CANCEL, FLOW_CLASS_SUCCESS, 0, FLOW_MS_DONE, false }, { FLOW_OP_CANCEL, FLOW_CLASS_FINAL, A_ABSENT, FLOW_MS_DONE, false },
        { FLOW_OP_CANCEL, FLOW_CLASS_FINAL, 0, FLOW_MS_UNKNOWN, true },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        WORLD(FLOW_LINK_WEBAPI);
        world_drop(w, lab(w, FLOW_OP_REGISTER));
        world_answer(w, 1, FLOW_CLASS_SUCCESS, 0);
        world_drop(w, lab(w, rows[i].op));
        lose_connection(w, 2);
        CHECK_INT(MESSAGE(2)->state, FLOW_MS_UNKNOWN);
        CHECK_INT(w->rows->exchanges.count, 2);
        settle(w);
        CHECK_INT(w->rows->exchanges.count, 3);
        CHECK(EXCHANGE(3)->repeat && EXCHANGE(3)->began_settled);
        CHECK_INT(EXCHANGE(3)->attempt, EXCHANGE(2)->attempt);
        CHECK(strcmp(EXCHANGE(3)->identifier, EXCHANGE(2)->identifier) != 0);
        /* a late refusal of the first does not count any more */
        world_answer(w, 2, FLOW_CLASS_FINAL, 0);
        CHECK_INT(MESSAGE(2)->state, FLOW_MS_UNKNOWN);
        CHECK(!MESSAGE(2)->held);
        world_answer(w, 3, rows[i].answer_class, rows[i].marks);
        CHECK_INT(MESSAGE(2)->state, rows[i].state);
        CHECK_INT(MESSAGE(2)->held, rows[i].held);
        world_end(w);
    }
}

TEST(known_pending_is_polled_and_then_unknown)
{
    WORLD(FLOW_LINK_WEBAPI);
    world_drop(w, lab(w, FLOW_OP_REGISTER));
    world_answer(w, 1, FLOW_CLASS_PENDING, A_RECEIPT);
    world_sleep(w, 5000);
    CHECK_INT(EXCHANGE(2)->kind, FLOW_XK_POLL);
    CHECK_INT(EXCHANGE(2)->of, 1);
    /* a poll that is refused by its envelope says nothing about the registration */
    world_answer(w, 2, FLOW_CLASS_NOT_DONE_RETRY, 0);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_PENDING);
    world_sleep(w, 60000);
    world_answer(w, last_submit(w), FLOW_CLASS_FINAL, A_ENVELOPE);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_UNKNOWN);
    world_sleep(w, 60000);
    CHECK_INT(EXCHANGE(last_submit(w))->kind, FLOW_XK_POLL);    /* polled here too */
    world_answer(w, last_submit(w), FLOW_CLASS_SUCCESS, 0);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_DONE);
    CHECK_INT(MESSAGE(1)->loud, 0);
    world_end(w);
}

TEST(known_terminal_answer_time_passes)
{
    WORLD(FLOW_LINK_TERMINAL);
    world_drop(w, letter(w, FLOW_OP_REGISTER));
    world_fact(w, FLOW_EV_PUBLISHED, 1);
    world_sleep(w, w->cfg.route[0].answer_ms + 1);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_UNKNOWN);
    CHECK_INT(MESSAGE(1)->loud, 1);
    /* still in req/: it does not settle, however long */
    settle(w);
    settle(w);
    CHECK_INT(MESSAGE(1)->loud, 1);
    world_fact(w, FLOW_EV_LEFT_REQ, 1);
    world_link(w, FLOW_EV_LINK_DOWN, "main");
    settle(w);
    CHECK_INT(MESSAGE(1)->loud, 1);                             /* link down: the time does not run */
    world_link(w, FLOW_EV_LINK_UP, "main");
    settle(w);
    CHECK_INT(MESSAGE(1)->loud, 0);
    world_answer(w, 1, FLOW_CLASS_PENDING, A_RECEIPT);          /* late 処理中 */
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_PENDING);
    world_end(w);
}

TEST(cancel_withdraws_what_waits)
{
    WORLD(FLOW_LINK_WEBAPI);
    world_drop(w, lab(w, FLOW_OP_REGISTER));
    world_drop(w, lab(w, FLOW_OP_CHANGE));
    CHECK_INT(MESSAGE(2)->state, FLOW_MS_READY);
    world_drop(w, lab(w, FLOW_OP_CANCEL));
    CHECK_INT(MESSAGE(2)->state, FLOW_MS_WITHDRAWN);
    CHECK_INT(MESSAGE(3)->state, FLOW_MS_READY);                /* the register is sending: not past it */
    world_answer(w, 1, FLOW_CLASS_NOT_DONE_RETRY, 0);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_WITHDRAWN);            /* would become ready while its cancel waits */
    CHECK(!MESSAGE(1)->may_have_stood);
    CHECK_INT(MESSAGE(3)->state, FLOW_MS_SENDING);
    world_answer(w, 2, FLOW_CLASS_FINAL, A_ABSENT);
    CHECK_INT(MESSAGE(3)->state, FLOW_MS_DONE);
    world_end(w);
}

TEST(cancel_of_what_we_do_not_hold)
{
    WORLD(FLOW_LINK_WEBAPI);
    size_t f = world_file(w, FLOW_OP_CANCEL, FLOW_KIND_LETTER, "", "1311234567^2022^foreign");
    world_drop(w, f);
    CHECK_STR(MESSAGE(1)->reason, msg_get(MSG_FLOW_CANCEL_NO_INSURED)->code);
    size_t g = world_file(w, FLOW_OP_CANCEL, FLOW_KIND_LETTER, "", "1311234567^2022^foreign2");
    memcpy(w->script[g].unit[0].insured, "their-number", 13);
    world_drop(w, g);
    CHECK_INT(MESSAGE(2)->state, FLOW_MS_SENDING);
    CHECK_STR(w->rows->attempts.row[0].key_insured, "their-number");
    world_end(w);
}

/* The settling cancel, and what it makes of the register */
TEST(cancel_past_an_unknown_register)
{
    static const struct { enum flow_class answer_class; int marks; enum flow_message_state state; bool stood; } rows[] = {
        { FLOW_CLASS_SUCCESS, 0, FLOW_MS_DONE, false }, { FLOW_CLASS_FINAL, 0, FLOW_MS_UNKNOWN, false } };
    for (size_t i = 0; i < 2; i++) {
        WORLD(FLOW_LINK_WEBAPI);
        world_drop(w, letter(w, FLOW_OP_REGISTER));
        lose_connection(w, 1);
        world_drop(w, letter(w, FLOW_OP_CANCEL));
        CHECK_INT(MESSAGE(2)->state, FLOW_MS_SENDING);
        CHECK(!EXCHANGE(2)->began_settled);
        CHECK_STR(MESSAGE(1)->reason, msg_get(MSG_FLOW_WAIT_CANCEL)->code);
        world_sleep(w, 60000);
        CHECK_INT(w->rows->exchanges.count, 2);                 /* no inquiry while its cancel is out */
        world_answer(w, 2, rows[i].answer_class, rows[i].marks);
        CHECK_INT(MESSAGE(1)->state, rows[i].state);
        CHECK_INT(MESSAGE(1)->may_have_stood, rows[i].stood);
        if (rows[i].state == FLOW_MS_UNKNOWN) {                 /* cancel refused: settled by its own row */
            world_sleep(w, 60000);
            CHECK_INT(EXCHANGE(3)->kind, FLOW_XK_INQUIRE);
        }
        world_end(w);
    }
}

TEST(cancel_absent_too_early_is_repeated)
{
    WORLD(FLOW_LINK_WEBAPI);
    world_drop(w, letter(w, FLOW_OP_REGISTER));
    lose_connection(w, 1);
    world_drop(w, letter(w, FLOW_OP_CANCEL));
    world_answer(w, 2, FLOW_CLASS_FINAL, A_ABSENT);
    CHECK_INT(MESSAGE(2)->state, FLOW_MS_UNKNOWN);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_UNKNOWN);
    settle(w);
    CHECK(EXCHANGE(3)->repeat);
    world_answer(w, 3, FLOW_CLASS_SUCCESS, 0);
    CHECK_INT(MESSAGE(2)->state, FLOW_MS_DONE);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_WITHDRAWN);
    CHECK(MESSAGE(1)->may_have_stood);                          /* two cancels: nobody knows */
    CHECK_INT(w->rows->incidents.count, 0);
    world_answer(w, 1, FLOW_CLASS_SUCCESS, 0);                  /* the register's own answer, very late: no surprise */
    CHECK_INT(w->rows->incidents.count, 0);
    world_end(w);
}

TEST(cancel_absent_after_settling_withdraws)
{
    WORLD(FLOW_LINK_WEBAPI);
    world_drop(w, lab(w, FLOW_OP_REGISTER));
    lose_connection(w, 1);
    settle(w);
    world_drop(w, lab(w, FLOW_OP_CANCEL));
    CHECK(EXCHANGE(2)->began_settled);
    world_answer(w, 2, FLOW_CLASS_FINAL, A_ABSENT);
    CHECK_INT(MESSAGE(2)->state, FLOW_MS_DONE);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_WITHDRAWN);
    CHECK(!MESSAGE(1)->may_have_stood);
    world_answer(w, 1, FLOW_CLASS_SUCCESS, 0);                  /* breaks assumption A */
    CHECK_INT(w->rows->incidents.count, 1);
    CHECK_INT(w->alarms[FLOW_ALARM_INCIDENT], 1);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_WITHDRAWN);
    world_operate(w, FLOW_EV_ACKNOWLEDGE, 1, 0, true);
    CHECK_INT(w->alarms[FLOW_ALARM_INCIDENT], 0);
    world_end(w);
}

TEST(cancel_a_bundle_id_is_never_used_twice)
{
    WORLD(FLOW_LINK_WEBAPI);
    const char *id = "1311234567^2023^q";
    world_drop(w, world_file(w, FLOW_OP_REGISTER, FLOW_KIND_LETTER, "", id));
    world_answer(w, 1, FLOW_CLASS_SUCCESS, 0);
    world_drop(w, world_file(w, FLOW_OP_CANCEL, FLOW_KIND_LETTER, "", id));
    world_answer(w, 2, FLOW_CLASS_SUCCESS, 0);
    world_drop(w, world_file(w, FLOW_OP_REGISTER, FLOW_KIND_LETTER, "", id));
    CHECK_INT(MESSAGE(3)->state, FLOW_MS_REJECTED);
    world_end(w);
}

TEST(cancel_names_the_insured_identifier_that_stands)
{
    WORLD(FLOW_LINK_WEBAPI);
    world_drop(w, lab(w, FLOW_OP_REGISTER));
    world_answer(w, 1, FLOW_CLASS_SUCCESS, 0);
    size_t f = lab(w, FLOW_OP_CHANGE);
    memcpy(w->script[f].made[0].insured, "ins-2", 6);
    world_drop(w, f);
    CHECK_STR(w->rows->attempts.row[1].key_insured, "ins-1");
    world_answer(w, 2, FLOW_CLASS_FINAL, 0);
    world_drop(w, lab(w, FLOW_OP_CANCEL));
    CHECK_STR(w->rows->attempts.row[2].key_insured, "ins-1");
    world_end(w);
}

TEST(order_change_waits_until_the_register_is_final_and_quiet)
{
    WORLD(FLOW_LINK_WEBAPI);
    world_drop(w, letter(w, FLOW_OP_REGISTER));
    world_drop(w, letter(w, FLOW_OP_CHANGE));
    lose_connection(w, 1);
    world_sleep(w, 40000);
    world_answer(w, 2, FLOW_CLASS_SUCCESS, A_THERE);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_DONE);
    CHECK_INT(MESSAGE(2)->state, FLOW_MS_READY);
    CHECK(!MESSAGE(2)->turn);
    settle(w);
    CHECK_INT(MESSAGE(2)->state, FLOW_MS_SENDING);
    world_end(w);
}

TEST(order_change_of_what_did_not_come_about_is_rejected)
{
    WORLD(FLOW_LINK_WEBAPI);
    world_drop(w, lab(w, FLOW_OP_REGISTER));
    world_drop(w, lab(w, FLOW_OP_CHANGE));
    world_answer(w, 1, FLOW_CLASS_FINAL, 0);
    CHECK_STR(MESSAGE(2)->reason, msg_get(MSG_FLOW_NO_BASE)->code);
    world_end(w);
}

TEST(person_may_speak_only_once_settled)
{
    WORLD(FLOW_LINK_WEBAPI);
    world_drop(w, lab(w, FLOW_OP_REGISTER));
    world_operate(w, FLOW_EV_RESOLVE, 1, 0, true);
    CHECK_INT(w->reply.u.reply.code, ERR_NOT_NOW);              /* it is sending */
    lose_connection(w, 1);
    world_operate(w, FLOW_EV_RESOLVE, 1, 0, false);
    CHECK_INT(w->reply.u.reply.msg, MSG_FLOW_REPLY_WAIT);
    CHECK_INT(w->reply.u.reply.wait_ms, w->cfg.route[0].settle_ms);
    world_operate(w, FLOW_EV_RESOLVE, 1, 0, true);              /* --done of a register: at any time */
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_DONE);
    CHECK_INT(MESSAGE(1)->evidence, FLOW_EVIDENCE_PERSON);
    world_answer(w, 1, FLOW_CLASS_FINAL, 0);                    /* a negative answer of a first submit meets a person's done */
    CHECK_INT(w->rows->incidents.count, 1);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_DONE);
    world_end(w);
}

TEST(person_done_is_not_contradicted_by_an_older_attempt)
{
    static const enum flow_class late[] = { FLOW_CLASS_FINAL, FLOW_CLASS_NOT_DONE_RETRY };
    for (size_t i = 0; i < sizeof late / sizeof late[0]; i++) {
        WORLD(FLOW_LINK_WEBAPI);
        world_drop(w, letter(w, FLOW_OP_REGISTER));
        lose_connection(w, 1);
        world_answer(w, settled_inquiry(w), FLOW_CLASS_FINAL, A_ABSENT);
        int64_t second = last_submit(w);
        lose_connection(w, second);
        world_operate(w, FLOW_EV_RESOLVE, 1, 0, true);
        CHECK_INT(MESSAGE(1)->state, FLOW_MS_DONE);
        world_answer(w, 1, late[i], 0);
        CHECK_INT(w->rows->incidents.count, 0);
        world_answer(w, second, late[i], 0);
        CHECK_INT(w->rows->incidents.count, 1);
        world_end(w);
    }
}

TEST(person_not_done_sends_again_and_done_cancel_needs_settling)
{
    WORLD(FLOW_LINK_WEBAPI);
    world_drop(w, lab(w, FLOW_OP_REGISTER));
    lose_connection(w, 1);
    settle(w);
    world_operate(w, FLOW_EV_RESOLVE, 1, 0, false);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_SENDING);
    CHECK_INT(MESSAGE(1)->attempts, 2);
    lose_connection(w, 2);
    world_drop(w, lab(w, FLOW_OP_CANCEL));
    lose_connection(w, 3);
    world_operate(w, FLOW_EV_RESOLVE, 2, 0, true);
    CHECK_INT(w->reply.u.reply.msg, MSG_FLOW_REPLY_WAIT);
    world_link(w, FLOW_EV_LINK_DOWN, "main");
    world_operate(w, FLOW_EV_RESOLVE, 2, 0, true);
    CHECK(w->reply.u.reply.wait_ms == INT64_MAX);
    world_link(w, FLOW_EV_LINK_UP, "main");
    w->cfg.route[0].sessions = 0;                               /* nothing is sent again by itself here */
    settle(w);
    world_operate(w, FLOW_EV_RESOLVE, 1, 0, false);
    CHECK_INT(w->reply.u.reply.msg, MSG_FLOW_REPLY_CANCEL_FIRST);
    world_operate(w, FLOW_EV_RESOLVE, 2, 0, true);
    CHECK_INT(MESSAGE(2)->state, FLOW_MS_DONE);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_WITHDRAWN);
    CHECK(MESSAGE(1)->may_have_stood);
    world_end(w);
}

TEST(person_not_done_of_a_change_with_a_cancel_behind_it_withdraws)
{
    WORLD(FLOW_LINK_WEBAPI);
    world_drop(w, lab(w, FLOW_OP_REGISTER));
    world_answer(w, 1, FLOW_CLASS_SUCCESS, 0);
    world_drop(w, lab(w, FLOW_OP_CHANGE));
    lose_connection(w, 2);
    settle(w);
    world_answer(w, 3, FLOW_CLASS_FINAL, 0);
    CHECK(MESSAGE(2)->held);
    world_drop(w, lab(w, FLOW_OP_CANCEL));
    CHECK_INT(MESSAGE(3)->state, FLOW_MS_READY);                /* past an unknown register only */
    world_operate(w, FLOW_EV_RESOLVE, 2, 0, false);
    CHECK_INT(w->reply.u.reply.code, 0);
    CHECK_INT(MESSAGE(2)->state, FLOW_MS_WITHDRAWN);
    CHECK_INT(MESSAGE(3)->state, FLOW_MS_SENDING);
    world_end(w);
}

TEST(person_cancels_by_an_order_of_the_house)
{
    WORLD(FLOW_LINK_WEBAPI);
    world_drop(w, lab(w, FLOW_OP_REGISTER));
    world_answer(w, 1, FLOW_CLASS_SUCCESS, 0);
    world_operate(w, FLOW_EV_CANCEL, 1, 0, false);
    CHECK_INT(REQUEST(2)->origin, FLOW_ORIGIN_OPERATOR);
    CHECK_STR(REQUEST(2)->source, "emr");
    CHECK_STR(REQUEST(2)->actor, "operator:it");
    CHECK_INT(MESSAGE(2)->state, FLOW_MS_SENDING);
    world_answer(w, 2, FLOW_CLASS_SUCCESS, 0);
    CHECK_INT(REQUEST(2)->state, FLOW_RQ_ANSWERED);
    CHECK(REQUEST(2)->filed);
    world_operate(w, FLOW_EV_CANCEL, 99, 0, false);
    CHECK_INT(w->reply.u.reply.code, ERR_NOTFOUND);
    world_end(w);
}

TEST(restore_holds_everything)
{
    WORLD(FLOW_LINK_TERMINAL);
    world_drop(w, lab(w, FLOW_OP_REGISTER));
    size_t f = letter(w, FLOW_OP_REGISTER);
    w->script[f].made[0].signature = FLOW_SIGNATURE_WANTED;
    memcpy(w->script[f].made[0].signer, "card", 5);
    w->no_sign = true;
    world_drop(w, f);
    w->no_convert = true;
    world_drop(w, world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "lab-9", ""));
    int64_t names = w->rows->counter[FLOW_COUNTER_NAME];
    world_operate(w, FLOW_EV_AFTER_RESTORE, 0, 0, false);
    world_crash(w, true);
    CHECK(w->rows->counter[FLOW_COUNTER_NAME] > names + 1000);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_UNKNOWN);
    CHECK_INT(MESSAGE(2)->state, FLOW_MS_UNKNOWN);
    CHECK(MESSAGE(1)->held && MESSAGE(2)->held);
    CHECK_INT(REQUEST(3)->step, FLOW_RS_HELD);
    CHECK_STR(REQUEST(3)->reason, msg_get(MSG_FLOW_HELD_FILE)->code);
    struct flow_event ev = world_new_event(w, FLOW_EV_CLAIMED);   /* a name in .work/ without a row */
    memcpy(ev.u.claimed.source, "emr", 4);
    memcpy(ev.u.claimed.name, "d.json", 7);
    memcpy(ev.u.claimed.work_name, "77-d.json", 10);
    world_event(w, &ev);
    CHECK_INT(REQUEST(4)->step, FLOW_RS_HELD);
    world_operate(w, FLOW_EV_RESUME, 0, 0, false);
    w->no_sign = w->no_convert = false;
    settle(w);
    CHECK_INT(world_count(w, FLOW_DO_SUBMIT), 1);               /* nothing by itself */
    world_operate(w, FLOW_EV_RESOLVE, 2, 0, false);
    CHECK_INT(MESSAGE(2)->state, FLOW_MS_SENDING);              /* signed first */
    static const struct sha256 none;
    CHECK(memcmp(&MESSAGE(2)->signed_bundle, &none, sizeof none) != 0);
    world_operate(w, FLOW_EV_RELEASE, 0, 3, true);
    CHECK_INT(REQUEST(3)->state, FLOW_RQ_OPEN);
    world_operate(w, FLOW_EV_RELEASE, 0, 4, false);
    CHECK_INT(REQUEST(4)->state, FLOW_RQ_ANSWERED);
    world_operate(w, FLOW_EV_RELEASE, 0, 4, true);
    CHECK_INT(w->reply.u.reply.code, ERR_NOT_NOW);
    world_end(w);
}

TEST(link_switched_while_messages_are_open)
{
    WORLD(FLOW_LINK_WEBAPI);
    world_drop(w, letter(w, FLOW_OP_REGISTER));
    lose_connection(w, 1);
    memcpy(w->cfg.facility[0].route, "other", 6);
    world_plain(w, FLOW_EV_RELOADED);
    world_link(w, FLOW_EV_LINK_UP, "other");
    world_drop(w, lab(w, FLOW_OP_REGISTER));
    CHECK_STR(EXCHANGE(2)->route, "other");
    world_sleep(w, 60000);
    CHECK_INT(EXCHANGE(3)->kind, FLOW_XK_INQUIRE);
    CHECK_STR(EXCHANGE(3)->route, "main");                      /* open ones finish on the old */
    world_end(w);
}

/* The section of the old link is taken out while a message waits to be tried again there, or the service was still at it. */
static void without_the_old_link(struct world *w)
{
    memcpy(w->cfg.facility[0].route, "other", 6);
    w->cfg.route[0] = w->cfg.route[1];
    w->cfg.route_count = 1;
}

TEST(link_taken_out_leaves_nothing_waiting_for_ever)
{
    static const struct { enum flow_class answer; int marks; bool restart; } cases[] = {
        { FLOW_CLASS_NOT_DONE_RETRY, 0, true }, { FLOW_CLASS_NOT_DONE_RETRY, 0, false }, { FLOW_CLASS_PENDING, A_RECEIPT, true }, { FLOW_CLASS_PENDING, A_RECEIPT, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        WORLD(FLOW_LINK_WEBAPI);
        world_drop(w, lab(w, FLOW_OP_REGISTER));
        world_answer(w, 1, cases[i].answer, cases[i].marks);
        CHECK(MESSAGE(1)->due_ms != 0);
        without_the_old_link(w);
        if (cases[i].restart)
            world_crash(w, false);
        else
            world_plain(w, FLOW_EV_RELOADED);
        world_link(w, FLOW_EV_LINK_UP, "other");
        world_sleep(w, 1000000);
        if (cases[i].answer == FLOW_CLASS_NOT_DONE_RETRY) {
            CHECK_INT(world_count(w, FLOW_DO_SUBMIT), 2);
            CHECK_STR(world_last(w, FLOW_DO_SUBMIT)->u.link.route, "other");
        } else {
            CHECK_INT(MESSAGE(1)->state, FLOW_MS_UNKNOWN);
            CHECK_INT(w->alarms[FLOW_ALARM_PERSON] > 0, 1);
        }
        world_end(w);
    }
}

TEST(stray_answers_are_left_alone)
{
    WORLD(FLOW_LINK_TERMINAL);
    struct flow_event ev = world_new_event(w, FLOW_EV_ANSWER);
    memcpy(ev.u.answer.name, "somebodyelse99", 15);
    world_event(w, &ev);
    CHECK_INT(w->logs[MSG_FLOW_STRAY], 1);
    CHECK_INT(world_count(w, FLOW_DO_REMOVE_ANSWER), 0);
    struct flow_event stray = world_new_event(w, FLOW_EV_STRAY);
    world_event(w, &stray);
    CHECK_INT(w->logs[MSG_FLOW_STRAY], 2);
    world_end(w);
}

TEST(reports_that_fit_nothing_change_nothing)
{
    WORLD(FLOW_LINK_TERMINAL);
    world_drop(w, lab(w, FLOW_OP_REGISTER));
    uint64_t puts = w->rows->puts;
    static const enum flow_event_type types[] = { FLOW_EV_LOOKED, FLOW_EV_CONVERTED, FLOW_EV_CHECKED, FLOW_EV_BUILT, FLOW_EV_ANSWER_READ, FLOW_EV_COMPOSED,
        FLOW_EV_SIGNED, FLOW_EV_SIGN_FAILED, FLOW_EV_WORKER_LOST, FLOW_EV_CLAIM_FAILED, FLOW_EV_PUBLISHED, FLOW_EV_LEFT_REQ, FLOW_EV_NOT_LEFT, FLOW_EV_UNSURE,
        FLOW_EV_CONNECTION_ENDED, FLOW_EV_FOLDER, FLOW_EV_OUTCOME_WRITTEN, FLOW_EV_FILED, FLOW_EV_ATTACHMENT };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct flow_event ev = world_new_event(w, types[i]);
        world_event(w, &ev);
    }
    CHECK_INT(w->rows->puts, puts);
    world_end(w);
}

TEST(events_before_start_are_refused)
{
    struct flow_config cfg;
    struct flow_orders orders;
    struct flow_event ev;
    flow_config_defaults(&cfg);
    flow_orders_init(&orders);
    memset(&ev, 0, sizeof ev);
    ev.type = FLOW_EV_TIMER;
    struct flow_state *st = flow_state_new(NULL);
    struct flow_memory *rows = flow_memory_new(NULL);
    CHECK_ERR(flow_step(&cfg, st, &flow_memory_ops, rows, &ev, &orders, NULL), ERR_NOT_NOW);
    ev.type = FLOW_EV_TYPES;
    CHECK_ERR(flow_step(&cfg, st, &flow_memory_ops, rows, &ev, &orders, NULL), ERR_INVALID);
    flow_state_free(st);
    flow_memory_free(rows);
    flow_orders_free(&orders);
}

TEST_MAIN()
