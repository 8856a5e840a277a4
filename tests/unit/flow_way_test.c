/* The way of a file through the state machine: intake, order of receipt, repeats, signing, hand-back. */
#include "tests/unit/flow_world.h"

#define WORLD(link) struct world *w = &the_world; memset(w, 0, sizeof *w); world_start(w, link)
static struct world the_world;

TEST(flow_one_file_goes_all_the_way)
{
    WORLD(FLOW_LINK_TERMINAL);
    world_drop(w, world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "lab-1", ""));
    CHECK_INT(w->rows->requests.count, 1);
    CHECK_INT(REQUEST(1)->state, FLOW_RQ_OPEN);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_SENDING);
    CHECK(strncmp(MESSAGE(1)->bundle_id, "1311234567^2023^", 16) == 0);
    CHECK_INT(strlen(MESSAGE(1)->bundle_id), 10 + 1 + 4 + 1 + 36);
    world_fact(w, FLOW_EV_PUBLISHED, 1);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_SENT);
    world_fact(w, FLOW_EV_LEFT_REQ, 1);
    world_answer(w, 1, FLOW_CLASS_SUCCESS, 0);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_DONE);
    CHECK_INT(MESSAGE(1)->evidence, FLOW_EVIDENCE_ANSWER);
    CHECK_INT(MESSAGE(1)->evidence_exchange, 1);
    CHECK_INT(MESSAGE(1)->stands_attempt, 1);
    CHECK_INT(REQUEST(1)->state, FLOW_RQ_ANSWERED);
    CHECK_INT(world_count(w, FLOW_DO_REMOVE_ANSWER), 1);
    CHECK_INT(w->st->job_count, 0);
    CHECK_INT(w->st->route[0].busy, 0);
    CHECK_INT(w->st->received, 0);
    world_end(w);
}

TEST(flow_submit_is_ordered_only_with_its_intent)
{
    WORLD(FLOW_LINK_WEBAPI);
    world_drop(w, world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "lab-1", ""));
    const struct flow_order *o = world_last(w, FLOW_DO_SUBMIT);
    CHECK(o != NULL);
    CHECK_INT(EXCHANGE(1)->state, FLOW_XS_INTENT);
    CHECK_STR(EXCHANGE(1)->name, o->u.link.name);
    CHECK(strlen(o->u.link.name) >= 12);
    world_end(w);
}

TEST(flow_unreadable_things_become_one_rejected_message)
{
    static const struct { enum msg_id problem, look, convert; } rows[] = {
        { MSG_LIMIT, MSG_NONE, MSG_NONE }, { MSG_NONE, MSG_LIMIT, MSG_NONE }, { MSG_NONE, MSG_NONE, MSG_LIMIT } };
    for (size_t i = 0; i < 3; i++) {
        WORLD(FLOW_LINK_TERMINAL);
        size_t f = world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "lab-1", "");
        w->script[f].problem = rows[i].problem;
        w->script[f].look_reject = rows[i].look;
        w->script[f].convert_reject = rows[i].convert;
        world_drop(w, f);
        CHECK_INT(w->rows->messages.count, 1);
        CHECK_INT(MESSAGE(1)->state, FLOW_MS_REJECTED);
        CHECK_STR(MESSAGE(1)->reason, msg_get(MSG_LIMIT)->code);
        CHECK_INT(REQUEST(1)->state, FLOW_RQ_ANSWERED);
        CHECK_INT(world_count(w, FLOW_DO_SUBMIT), 0);
        world_end(w);
    }
}

TEST(flow_a_file_without_units_or_with_one_twice_is_rejected)
{
    WORLD(FLOW_LINK_TERMINAL);
    size_t f = world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "lab-1", "");
    world_add_unit(w, f, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "lab-1");
    world_drop(w, f);
    CHECK_STR(MESSAGE(1)->reason, msg_get(MSG_FLOW_UNIT_TWICE)->code);
    size_t g = world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "lab-1", "");
    w->script[g].unit_count = 0;
    world_drop(w, g);
    CHECK_STR(MESSAGE(2)->reason, msg_get(MSG_FLOW_NO_UNITS)->code);
    size_t h = world_file(w, FLOW_OP_CHANGE, FLOW_KIND_OBSERVATION, "", "");
    world_drop(w, h);
    CHECK_STR(MESSAGE(3)->reason, msg_get(MSG_FLOW_UNIT_NAMELESS)->code);
    world_end(w);
}

TEST(flow_a_converter_that_dies_twice_rejects)
{
    WORLD(FLOW_LINK_TERMINAL);
    w->no_convert = true;
    world_drop(w, world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "lab-1", ""));
    CHECK_INT(w->st->job_count, 1);
    world_subject(w, FLOW_EV_WORKER_LOST, 0, w->st->job[0].token);
    CHECK_INT(w->st->job_count, 1);
    CHECK_INT(REQUEST(1)->state, FLOW_RQ_RECEIVED);
    world_subject(w, FLOW_EV_WORKER_LOST, 0, w->st->job[0].token);
    CHECK_STR(MESSAGE(1)->reason, msg_get(MSG_FLOW_DIED_TWICE)->code);
    world_end(w);
}

TEST(flow_attachments_are_waited_for_and_then_missed)
{
    WORLD(FLOW_LINK_TERMINAL);
    size_t f = world_file(w, FLOW_OP_REGISTER, FLOW_KIND_LETTER, "l-1", "");
    w->script[f].attachment_count = 1;
    memcpy(w->script[f].attachment[0], "x.pdf", 6);
    w->no_attach = true;
    world_drop(w, f);
    CHECK_INT(REQUEST(1)->step, FLOW_RS_ATTACH);
    /* another unit does not wait for it; the same unit does */
    world_drop(w, world_file(w, FLOW_OP_REGISTER, FLOW_KIND_LETTER, "l-2", ""));
    CHECK_INT(REQUEST(2)->state, FLOW_RQ_OPEN);
    world_drop(w, world_file(w, FLOW_OP_CHANGE, FLOW_KIND_LETTER, "l-1", ""));
    CHECK_INT(REQUEST(3)->step, FLOW_RS_TURN);
    world_sleep(w, w->cfg.source[0].attachment_wait_ms + 1);
    CHECK_INT(REQUEST(1)->state, FLOW_RQ_ANSWERED);
    CHECK_STR(MESSAGE(2)->reason, msg_get(MSG_FLOW_ATTACHMENT_MISSING)->code);
    CHECK_STR(MESSAGE(3)->reason, msg_get(MSG_FLOW_NOT_LIVE)->code);
    world_end(w);
}

TEST(flow_attachments_come_and_the_wait_begins_anew_after_a_crash)
{
    WORLD(FLOW_LINK_TERMINAL);
    size_t f = world_file(w, FLOW_OP_REGISTER, FLOW_KIND_LETTER, "l-1", "");
    w->script[f].attachment_count = 2;
    memcpy(w->script[f].attachment[0], "x.pdf", 6);
    memcpy(w->script[f].attachment[1], "y.pdf", 6);
    w->no_attach = true;
    world_drop(w, f);
    world_sleep(w, w->cfg.source[0].attachment_wait_ms - 1000);
    world_crash(w, true);
    world_sleep(w, w->cfg.source[0].attachment_wait_ms - 1000);
    CHECK_INT(REQUEST(1)->step, FLOW_RS_ATTACH);
    w->no_attach = false;
    struct flow_event ev = world_new_event(w, FLOW_EV_SPOOL_UP);
    memcpy(ev.u.source.source, "emr", 4);
    world_event(w, &ev);
    CHECK_INT(REQUEST(1)->state, FLOW_RQ_OPEN);
    world_end(w);
}

TEST(flow_requests_of_a_unit_are_opened_in_order_of_receipt)
{
    WORLD(FLOW_LINK_WEBAPI);
    w->no_convert = true;
    world_drop(w, world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "lab-1", ""));
    int64_t token = w->st->job[0].token;
    world_drop(w, world_file(w, FLOW_OP_CANCEL, FLOW_KIND_OBSERVATION, "lab-1", ""));
    CHECK_INT(REQUEST(2)->step, FLOW_RS_TURN);
    struct flow_event ev = world_new_event(w, FLOW_EV_CONVERTED);
    ev.u.converted.token = token;
    ev.u.converted.units = w->script[0].made;
    ev.u.converted.unit_count = 1;
    w->no_build = true;
    world_event(w, &ev);
    CHECK_INT(REQUEST(2)->state, FLOW_RQ_ANSWERED);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_WITHDRAWN);
    CHECK_INT(MESSAGE(2)->state, FLOW_MS_DONE);
    CHECK_INT(MESSAGE(2)->evidence, FLOW_EVIDENCE_UNSENT);
    world_end(w);
}

static void done_by(struct world *w, int64_t exchange) { world_answer(w, exchange, FLOW_CLASS_SUCCESS, 0); }

TEST(flow_register_of_a_live_unit_says_change)
{
    WORLD(FLOW_LINK_WEBAPI);
    world_drop(w, world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "lab-1", ""));
    world_drop(w, world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "lab-1", ""));
    CHECK_STR(MESSAGE(2)->reason, msg_get(MSG_FLOW_SAY_CHANGE)->code);
    done_by(w, 1);
    world_drop(w, world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "lab-1", ""));
    CHECK_INT(MESSAGE(3)->state, FLOW_MS_REJECTED);
    world_drop(w, world_file(w, FLOW_OP_CHANGE, FLOW_KIND_OBSERVATION, "lab-1", ""));
    CHECK_INT(MESSAGE(4)->state, FLOW_MS_SENDING);
    CHECK_STR(MESSAGE(4)->bundle_id, MESSAGE(1)->bundle_id);
    world_end(w);
}

TEST(flow_a_bare_bundle_with_a_known_id_says_change)
{
    WORLD(FLOW_LINK_WEBAPI);
    world_drop(w, world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "", "1311234567^2023^x"));
    world_drop(w, world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "", "1311234567^2023^x"));
    CHECK_STR(MESSAGE(2)->reason, msg_get(MSG_FLOW_SAY_CHANGE)->code);
    world_answer(w, 1, FLOW_CLASS_FINAL, 0);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_REFUSED);
    world_drop(w, world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "", "1311234567^2023^x"));
    CHECK_INT(MESSAGE(3)->state, FLOW_MS_SENDING);
    world_end(w);
}

TEST(flow_current_is_decided_when_its_turn_comes)
{
    WORLD(FLOW_LINK_WEBAPI);
    world_drop(w, world_file(w, FLOW_OP_CURRENT, FLOW_KIND_CONDITION, "p1", ""));
    world_drop(w, world_file(w, FLOW_OP_CURRENT, FLOW_KIND_CONDITION, "p1", ""));
    CHECK_INT(MESSAGE(1)->operation, FLOW_OP_REGISTER);
    CHECK_INT(MESSAGE(2)->operation, FLOW_OP_CURRENT);
    CHECK_STR(MESSAGE(2)->bundle_id, MESSAGE(1)->bundle_id);
    done_by(w, 1);
    CHECK_INT(MESSAGE(2)->operation, FLOW_OP_CHANGE);
    CHECK_INT(MESSAGE(2)->state, FLOW_MS_SENDING);
    world_drop(w, world_file(w, FLOW_OP_CURRENT, FLOW_KIND_CONDITION, "p1", ""));
    world_answer(w, 2, FLOW_CLASS_FINAL, A_ABSENT);
    CHECK_INT(MESSAGE(2)->state, FLOW_MS_REFUSED);
    CHECK_INT(MESSAGE(3)->operation, FLOW_OP_CHANGE);
    done_by(w, 3);
    world_drop(w, world_file(w, FLOW_OP_CLEAR, FLOW_KIND_CONDITION, "p1", ""));
    CHECK_INT(MESSAGE(4)->operation, FLOW_OP_CANCEL);
    CHECK_STR(MESSAGE(4)->bundle_id, MESSAGE(1)->bundle_id);
    /* after a cancel the next list is a new Bundle-ID, and waits for the cancel by the list's key */
    world_drop(w, world_file(w, FLOW_OP_CURRENT, FLOW_KIND_CONDITION, "p1", ""));
    CHECK(strcmp(MESSAGE(5)->bundle_id, MESSAGE(1)->bundle_id) != 0);
    CHECK_INT(MESSAGE(5)->state, FLOW_MS_READY);
    done_by(w, 4);
    CHECK_INT(MESSAGE(5)->operation, FLOW_OP_REGISTER);
    CHECK_INT(MESSAGE(5)->state, FLOW_MS_SENDING);
    world_end(w);
}

TEST(flow_an_empty_list_with_nothing_live_is_done_unsent)
{
    WORLD(FLOW_LINK_WEBAPI);
    world_drop(w, world_file(w, FLOW_OP_CLEAR, FLOW_KIND_ALLERGY, "p1", ""));
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_DONE);
    CHECK_INT(MESSAGE(1)->evidence, FLOW_EVIDENCE_UNSENT);
    CHECK_INT(REQUEST(1)->state, FLOW_RQ_ANSWERED);
    CHECK_INT(world_count(w, FLOW_DO_SUBMIT), 0);
    world_end(w);
}

TEST(flow_repeats_are_answered_with_what_they_repeat)
{
    WORLD(FLOW_LINK_WEBAPI);
    size_t f = world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "lab-1", "");
    w->script[f].content = 77;
    world_drop(w, f);
    world_drop(w, f);
    CHECK_INT(REQUEST(2)->repeat_of, 1);
    CHECK_INT(REQUEST(2)->state, FLOW_RQ_OPEN);
    CHECK_INT(w->rows->messages.count, 1);
    done_by(w, 1);
    CHECK_INT(REQUEST(1)->state, FLOW_RQ_ANSWERED);
    CHECK_INT(REQUEST(2)->state, FLOW_RQ_ANSWERED);
    world_drop(w, f);
    CHECK_INT(REQUEST(3)->repeat_of, 1);
    CHECK_INT(REQUEST(3)->state, FLOW_RQ_ANSWERED);
    CHECK_INT(world_count(w, FLOW_DO_SUBMIT), 1);
    world_end(w);
}

TEST(flow_x_xy_x_are_three_reports)
{
    WORLD(FLOW_LINK_WEBAPI);
    size_t x = world_file(w, FLOW_OP_CURRENT, FLOW_KIND_CONDITION, "p1", "");
    size_t xy = world_file(w, FLOW_OP_CURRENT, FLOW_KIND_CONDITION, "p1", "");
    world_drop(w, x);
    done_by(w, 1);
    world_drop(w, xy);
    done_by(w, 2);
    world_drop(w, x);
    done_by(w, 3);
    CHECK_INT(w->rows->messages.count, 3);
    CHECK_INT(MESSAGE(3)->state, FLOW_MS_DONE);
    CHECK_INT(REQUEST(3)->repeat_of, 0);
    world_end(w);
}

TEST(flow_a_failed_file_dropped_again_is_made_anew)
{
    WORLD(FLOW_LINK_WEBAPI);
    size_t f = world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "lab-1", "");
    memcpy(w->script[f].request_id, "rid", 4);
    w->script[f].made[0].reject = MSG_LIMIT;
    world_drop(w, f);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_REJECTED);
    w->script[f].made[0].reject = MSG_NONE;     /* the code map was mended */
    world_drop(w, f);
    CHECK_INT(MESSAGE(2)->state, FLOW_MS_SENDING);
    world_end(w);
}

TEST(flow_a_mixed_request_makes_only_the_failed_units_anew)
{
    WORLD(FLOW_LINK_WEBAPI);
    size_t f = world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "lab-1", "");
    world_add_unit(w, f, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "lab-2");
    w->script[f].made[1].reject = MSG_LIMIT;
    world_drop(w, f);
    done_by(w, 1);
    CHECK_INT(REQUEST(1)->state, FLOW_RQ_ANSWERED);
    w->script[f].made[1].reject = MSG_NONE;
    world_drop(w, f);
    CHECK_INT(w->rows->messages.count, 3);
    CHECK_INT(MESSAGE(3)->index, 1);
    CHECK_INT(REQUEST(2)->repeat_of, 0);
    done_by(w, 2);
    CHECK_INT(REQUEST(2)->state, FLOW_RQ_ANSWERED);
    world_operate(w, FLOW_EV_RETRY, 2, 0, false);
    CHECK_INT(w->reply.u.reply.code, 0);
    CHECK_INT(MESSAGE(4)->state, FLOW_MS_REJECTED);      /* lab-2 is live by now: say change */
    world_operate(w, FLOW_EV_RETRY, 1, 0, false);
    CHECK_INT(w->reply.u.reply.code, ERR_NOT_NOW);
    world_end(w);
}

TEST(flow_request_ids)
{
    WORLD(FLOW_LINK_WEBAPI);
    size_t a = world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "lab-1", "");
    size_t b = world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "lab-2", "");
    memcpy(w->script[a].request_id, "rid", 4);
    memcpy(w->script[b].request_id, "rid", 4);
    world_drop(w, a);
    world_drop(w, b);
    CHECK_STR(MESSAGE(2)->reason, msg_get(MSG_FLOW_REQUEST_ID_USED)->code);
    world_drop(w, a);
    CHECK_INT(REQUEST(3)->repeat_of, 1);
    world_answer(w, 1, FLOW_CLASS_FINAL, 0);
    world_drop(w, b);                                    /* free again */
    CHECK_INT(MESSAGE(3)->state, FLOW_MS_SENDING);
    world_end(w);
}

TEST(flow_all_or_none)
{
    WORLD(FLOW_LINK_WEBAPI);
    size_t f = world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "lab-1", "");
    world_add_unit(w, f, FLOW_OP_REGISTER, FLOW_KIND_LETTER, "l-1");
    w->script[f].all_or_none = true;
    w->script[f].made[1].signature = FLOW_SIGNATURE_WANTED;
    memcpy(w->script[f].made[1].signer, "card", 5);
    w->no_sign = true;
    world_drop(w, f);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_READY);         /* waits for the letter's signature */
    CHECK_INT(MESSAGE(2)->state, FLOW_MS_TO_SIGN);
    struct flow_event ev = world_new_event(w, FLOW_EV_SIGN_FAILED);
    ev.u.sign_failed.token = w->st->job[0].token;
    ev.u.sign_failed.reject = MSG_LIMIT;
    world_event(w, &ev);
    CHECK_STR(MESSAGE(1)->reason, msg_get(MSG_FLOW_ALL_OR_NONE)->code);
    CHECK_STR(MESSAGE(2)->reason, msg_get(MSG_LIMIT)->code);
    CHECK_INT(REQUEST(1)->state, FLOW_RQ_ANSWERED);
    /* once one was sent each goes its own way */
    w->no_sign = false;
    world_drop(w, f);
    CHECK_INT(MESSAGE(3)->state, FLOW_MS_SENDING);
    CHECK_INT(MESSAGE(4)->state, FLOW_MS_SENDING);
    world_answer(w, 1, FLOW_CLASS_FINAL, 0);
    CHECK_INT(MESSAGE(4)->state, FLOW_MS_SENDING);
    world_end(w);
}

static size_t letter(struct world *w, const char *key)
{
    size_t f = world_file(w, FLOW_OP_REGISTER, FLOW_KIND_LETTER, key, "");
    w->script[f].made[0].signature = FLOW_SIGNATURE_WANTED;
    memcpy(w->script[f].made[0].signer, "card", 5);
    return f;
}

TEST(flow_signing)
{
    WORLD(FLOW_LINK_WEBAPI);
    world_signer(w, FLOW_SIGNER_PIN);
    world_drop(w, letter(w, "l-1"));
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_TO_SIGN);
    CHECK_STR(MESSAGE(1)->reason, msg_get(MSG_FLOW_WAIT_PIN)->code);
    world_signer(w, FLOW_SIGNER_NO_CARD);
    CHECK_STR(MESSAGE(1)->reason, msg_get(MSG_FLOW_WAIT_CARD)->code);
    CHECK_INT(w->alarms[FLOW_ALARM_SIGNER], 1);
    world_signer(w, FLOW_SIGNER_READY);
    CHECK_INT(w->alarms[FLOW_ALARM_SIGNER], 0);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_SENDING);
    CHECK(memcmp(&w->rows->attempts.row[0].bundle, &MESSAGE(1)->signed_bundle, sizeof (struct sha256)) == 0);
    world_end(w);
}

TEST(flow_a_signature_that_does_not_check_is_rejected)
{
    WORLD(FLOW_LINK_WEBAPI);
    w->check_reject = MSG_LIMIT;
    world_drop(w, letter(w, "l-1"));
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_REJECTED);
    size_t f = world_file(w, FLOW_OP_REGISTER, FLOW_KIND_LETTER, "", "1311234567^2023^y");
    w->script[f].made[0].signature = FLOW_SIGNATURE_PRESENT;
    w->check_reject = MSG_NONE;
    world_drop(w, f);
    CHECK_INT(MESSAGE(2)->state, FLOW_MS_SENDING);
    world_end(w);
}

TEST(flow_crash_while_signing_signs_again)
{
    WORLD(FLOW_LINK_WEBAPI);
    w->no_sign = true;
    world_drop(w, letter(w, "l-1"));
    CHECK_INT(w->st->job[0].kind, FLOW_JOB_SIGN);
    w->no_sign = false;
    world_crash(w, true);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_SENDING);
    world_end(w);
}

TEST(flow_policies)
{
    WORLD(FLOW_LINK_WEBAPI);
    w->no_sign = true;
    w->cfg.facility[0].policy = FLOW_POLICY_NEVER;
    world_drop(w, letter(w, "l-1"));
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_SENDING);
    w->cfg.facility[0].policy = FLOW_POLICY_PREFER;
    w->cfg.facility[0].prefer_age_ms = 3600000;
    world_plain(w, FLOW_EV_RELOADED);
    world_drop(w, letter(w, "l-2"));
    CHECK_INT(MESSAGE(2)->state, FLOW_MS_TO_SIGN);
    world_sleep(w, 3600000 + 600000);
    CHECK_INT(MESSAGE(2)->state, FLOW_MS_SENDING);
    CHECK_INT(w->logs[MSG_FLOW_UNSIGNED], 1);
    world_end(w);
}

TEST(flow_old_signatures_are_made_again_and_ended_certificates_reject)
{
    WORLD(FLOW_LINK_WEBAPI);
    w->cfg.facility[0].max_signature_age_ms = 3600000;
    world_link(w, FLOW_EV_LINK_DOWN, "main");
    world_drop(w, letter(w, "l-1"));
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_READY);
    w->wall += 7200000;
    world_link(w, FLOW_EV_LINK_UP, "main");
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_SENDING);
    CHECK_INT(MESSAGE(1)->signed_wall_ms, w->wall);
    world_link(w, FLOW_EV_LINK_DOWN, "main");
    world_drop(w, letter(w, "l-2"));
    w->wall += 366 * 86400000LL;
    world_link(w, FLOW_EV_LINK_UP, "main");
    CHECK_STR(MESSAGE(2)->reason, msg_get(MSG_FLOW_CERTIFICATE_ENDED)->code);
    world_end(w);
}

TEST(flow_too_large_is_seen_at_build)
{
    WORLD(FLOW_LINK_WEBAPI);
    w->request_size = 10000001;
    world_drop(w, world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "lab-1", ""));
    CHECK_STR(MESSAGE(1)->reason, msg_get(MSG_FLOW_TOO_LARGE)->code);
    CHECK_INT(w->rows->exchanges.count, 0);
    world_end(w);
}

TEST(flow_sessions_are_a_limit_and_other_keys_never_wait)
{
    WORLD(FLOW_LINK_TERMINAL);
    for (int i = 0; i < 7; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        world_drop(w, world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, key, ""));
    }
    CHECK_INT(world_count(w, FLOW_DO_SUBMIT), 4);
    CHECK_INT(w->st->route[0].busy, 4);
    done_by(w, 2);
    CHECK_INT(world_count(w, FLOW_DO_SUBMIT), 5);
    CHECK_INT(MESSAGE(5)->state, FLOW_MS_SENDING);
    world_end(w);
}

TEST(flow_disk_and_pause)
{
    WORLD(FLOW_LINK_TERMINAL);
    size_t f = world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "lab-1", "");
    world_disk(w, FLOW_DISK_LOW1);
    world_drop(w, f);
    CHECK_INT(w->rows->requests.count, 0);
    world_disk(w, FLOW_DISK_OK);
    CHECK(world_last(w, FLOW_DO_OFFER_AGAIN) != NULL);
    world_operate(w, FLOW_EV_PAUSE, 0, 0, false);
    world_drop(w, f);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_READY);
    world_crash(w, true);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_READY);
    world_disk(w, FLOW_DISK_LOW2);
    world_operate(w, FLOW_EV_RESUME, 0, 0, false);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_READY);
    world_disk(w, FLOW_DISK_OK);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_SENDING);
    world_end(w);
}

TEST(flow_clock_step_stops_new_bundle_ids_and_signatures)
{
    WORLD(FLOW_LINK_TERMINAL);
    struct flow_event ev = world_new_event(w, FLOW_EV_CLOCK);
    ev.u.clock.stepped = true;
    world_event(w, &ev);
    world_drop(w, world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "lab-1", ""));
    CHECK_STR(REQUEST(1)->reason, msg_get(MSG_FLOW_WAIT_CLOCK)->code);
    world_drop(w, world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "", "1311234567^2023^z"));
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_SENDING);
    ev.u.clock.stepped = false;
    world_event(w, &ev);
    CHECK_INT(MESSAGE(2)->state, FLOW_MS_SENDING);
    world_end(w);
}

static void look_at_clock(struct world *w)
{
    struct flow_event ev = world_new_event(w, FLOW_EV_CLOCK);
    world_event(w, &ev);
}

/* Another life, whose wall clock stands so far from where it should. */
static void live_again(struct world *w, int64_t off_ms)
{
    w->wall += off_ms;
    w->alarms[FLOW_ALARM_CLOCK] = 0;
    world_crash(w, true);
    CHECK_INT(w->alarms[FLOW_ALARM_CLOCK], w->st->clock != FLOW_CLOCK_SANE);
}

TEST(flow_clock_that_is_wrong_stops_everything_until_it_is_right)
{
    static const int64_t off[] = { -61000, -86400000, -1600000000000, 401 * 86400000LL, 40 * 365 * 86400000LL };
    for (size_t i = 0; i < sizeof off / sizeof off[0]; i++) {
        WORLD(FLOW_LINK_TERMINAL);
        world_drop(w, world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "", "1311234567^2023^a"));
        world_answer(w, 1, FLOW_CLASS_NOT_DONE_RETRY, 0);
        CHECK_INT(MESSAGE(1)->state, FLOW_MS_READY);
        live_again(w, off[i]);
        CHECK_INT(w->st->clock, FLOW_CLOCK_WRONG);
        world_drop(w, world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "", "1311234567^2023^b"));
        CHECK_STR(REQUEST(2)->reason, msg_get(MSG_FLOW_WAIT_CLOCK)->code);
        for (int k = 0; k < 3; k++)
            look_at_clock(w);                                   /* a wrong clock that stands still is still wrong */
        world_sleep(w, i == 0 ? 500 : 3600000);
        look_at_clock(w);
        CHECK_INT(w->rows->exchanges.count, 1);
        w->wall -= off[i];                                      /* repaired: a step, but into the window */
        struct flow_event ev = world_new_event(w, FLOW_EV_CLOCK);
        ev.u.clock.stepped = true;
        world_event(w, &ev);
        CHECK_INT(w->st->clock, FLOW_CLOCK_STEPPED);
        CHECK_INT(w->alarms[FLOW_ALARM_CLOCK], 1);
        look_at_clock(w);
        CHECK_INT(w->st->clock, FLOW_CLOCK_SANE);
        CHECK_INT(w->alarms[FLOW_ALARM_CLOCK], 0);
        world_sleep(w, 3600000);
        CHECK_INT(MESSAGE(1)->attempts, 2);
        CHECK_INT(MESSAGE(2)->attempts, 1);
        world_end(w);
    }
}

TEST(flow_clock_of_an_earlier_day_catches_up)
{
    WORLD(FLOW_LINK_TERMINAL);
    live_again(w, -3600000);
    CHECK_INT(w->st->clock, FLOW_CLOCK_WRONG);
    w->wall += 3600000;
    look_at_clock(w);
    CHECK_INT(w->st->clock, FLOW_CLOCK_SANE);
    live_again(w, 399 * 86400000LL);                            /* off for a year: nothing to wonder about */
    CHECK_INT(w->st->clock, FLOW_CLOCK_SANE);
    live_again(w, -59000);
    CHECK_INT(w->st->clock, FLOW_CLOCK_SANE);
    world_end(w);
}

TEST(flow_clock_that_runs_is_kept_once_an_hour)
{
    WORLD(FLOW_LINK_TERMINAL);
    int64_t began = w->wall;
    w->wall += 3599000;
    look_at_clock(w);
    CHECK_INT(w->rows->counter[FLOW_COUNTER_LAST_WALL], began);
    w->wall += 1000;
    look_at_clock(w);
    CHECK_INT(w->rows->counter[FLOW_COUNTER_LAST_WALL], began + 3600000);
    live_again(w, -3600000);                                    /* later than that life began, but an hour too early */
    CHECK_INT(w->st->clock, FLOW_CLOCK_WRONG);
    world_end(w);
}

TEST(flow_clock_is_believed_when_a_person_says_so)
{
    WORLD(FLOW_LINK_TERMINAL);
    live_again(w, 5 * 365 * 86400000LL);
    world_drop(w, world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "lab-1", ""));
    CHECK_INT(w->rows->messages.count, 0);
    world_operate(w, FLOW_EV_BELIEVE_CLOCK, 0, 0, false);
    CHECK_INT(w->reply.u.reply.code, 0);
    CHECK_INT(w->alarms[FLOW_ALARM_CLOCK], 0);
    CHECK_INT(MESSAGE(1)->state, FLOW_MS_SENDING);
    look_at_clock(w);
    live_again(w, 1000);
    CHECK_INT(w->st->clock, FLOW_CLOCK_SANE);                   /* kept */
    live_again(w, -5 * 365 * 86400000LL);
    CHECK_INT(w->st->clock, FLOW_CLOCK_WRONG);
    world_operate(w, FLOW_EV_BELIEVE_CLOCK, 0, 0, false);       /* backwards too: the earlier word was the mistake */
    CHECK_INT(w->st->clock, FLOW_CLOCK_SANE);
    world_end(w);
}

TEST(flow_clock_of_a_first_start_has_its_window_from_the_configuration)
{
    WORLD(FLOW_LINK_TERMINAL);
    w->rows->counter[FLOW_COUNTER_LAST_WALL] = 0;
    w->cfg.clock_earliest_ms = w->wall;
    live_again(w, -1);
    CHECK_INT(w->st->clock, FLOW_CLOCK_WRONG);
    live_again(w, 30 * 365 * 86400000LL);
    CHECK_INT(w->st->clock, FLOW_CLOCK_WRONG);
    live_again(w, -29 * 365 * 86400000LL);
    CHECK_INT(w->st->clock, FLOW_CLOCK_SANE);
    world_end(w);
}

TEST(flow_hand_back_is_tried_again)
{
    WORLD(FLOW_LINK_WEBAPI);
    w->no_hand_back = true;
    world_drop(w, world_file(w, FLOW_OP_CHANGE, FLOW_KIND_OBSERVATION, "lab-1", ""));
    CHECK_INT(REQUEST(1)->state, FLOW_RQ_CLOSED);
    world_subject(w, FLOW_EV_HAND_BACK_FAILED, 1, 0);
    w->no_hand_back = false;
    world_sleep(w, 20000);
    CHECK_INT(REQUEST(1)->state, FLOW_RQ_ANSWERED);
    world_end(w);
}

TEST(flow_every_non_final_state_has_an_alarm_age)
{
    struct flow_config cfg;
    flow_config_defaults(&cfg);
    for (int s = FLOW_MS_TO_SIGN; s <= FLOW_MS_UNKNOWN; s++)
        CHECK(cfg.message_age_ms[s] > 0);
    for (int s = FLOW_RQ_RECEIVED; s <= FLOW_RQ_CLOSED; s++)
        CHECK(cfg.request_age_ms[s] > 0);
    WORLD(FLOW_LINK_TERMINAL);
    world_link(w, FLOW_EV_LINK_DOWN, "main");
    world_drop(w, world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, "lab-1", ""));
    world_sleep(w, w->cfg.message_age_ms[FLOW_MS_READY] - 1000);
    CHECK_INT(w->alarms[FLOW_ALARM_MESSAGE_AGE], 0);
    world_sleep(w, 700000);
    CHECK_INT(w->alarms[FLOW_ALARM_MESSAGE_AGE], 1);
    world_link(w, FLOW_EV_LINK_UP, "main");
    done_by(w, 1);
    world_sleep(w, 20000);
    CHECK_INT(w->alarms[FLOW_ALARM_MESSAGE_AGE], 0);
    world_end(w);
}

TEST(flow_vendor_files_are_all_accounted_for_after_a_crash)
{
    WORLD(FLOW_LINK_WEBAPI);
    w->no_look = true;
    for (int i = 0; i < 3; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        world_drop(w, world_file(w, FLOW_OP_REGISTER, FLOW_KIND_OBSERVATION, key, ""));
    }
    w->no_look = false;
    world_crash(w, true);
    CHECK_INT(w->rows->requests.count, 3);
    CHECK_INT(world_count(w, FLOW_DO_SUBMIT), 3);
    CHECK_INT(w->st->received, 0);
    /* the same name in .work/ again is not a second request */
    struct flow_event ev = world_new_event(w, FLOW_EV_CLAIMED);
    memcpy(ev.u.claimed.source, "emr", 4);
    memcpy(ev.u.claimed.work_name, REQUEST(1)->work_name, FLOW_NAME);
    world_event(w, &ev);
    CHECK_INT(w->rows->requests.count, 3);
    world_end(w);
}

TEST(flow_unit_texts)
{
    struct flow_unit_looked u = { .operation = FLOW_OP_CANCEL, .kind = FLOW_KIND_CONDITION, .chart = "0001", .key = "k" };
    char text[FLOW_UNIT];
    CHECK_OK(flow_unit_text(&u, text, NULL));
    CHECK_STR(text, "L/condition/0001");
    u.kind = FLOW_KIND_LETTER;
    CHECK_OK(flow_unit_text(&u, text, NULL));
    CHECK_STR(text, "K/letter/k");
    u.key[0] = '\0';
    CHECK_ERR(flow_unit_text(&u, text, NULL), ERR_INVALID);
    memcpy(u.bundle_id, "b", 2);
    CHECK_OK(flow_unit_text(&u, text, NULL));
    CHECK_STR(text, "B/b");
}

TEST_MAIN()
