/*
 * NAME
 *     settle - repeat, Bundle-ID and operation of each unit, in order of receipt
 * DESCRIPTION
 *     A request at step `turn` goes on when every earlier request of its facility has been looked at and no earlier one that is still
 *     `received` shares a unit, a Bundle-ID or the request_id with it. Then
 *       - a repeat (same bytes as the last request of the same source for the same units, or the same request_id) is answered with what
 *         those units came to; only units that failed then are made anew;
 *       - every other unit gets its operation and Bundle-ID from what is live, or a reason why it is rejected.
 * DIAGNOSTICS
 *     What is wrong with a unit goes into its `reason` and becomes a rejected message when the request is opened.
 */
#include "flow/run.h"
#include "base/text.h"
#include "base/timefmt.h"
#include <stdio.h>

/* Large: allocated as it is, settle_load() fills as much as there is. */
struct settle_units { struct flow_unit unit[FLOW_UNITS_MAX]; size_t count; };

static bool settle_dead(enum flow_message_state s) { return s == FLOW_MS_REJECTED || s == FLOW_MS_REFUSED || s == FLOW_MS_WITHDRAWN; }

static int settle_load(struct run *r, int64_t request, struct settle_units *ret_units)
{
    int rc;
    ret_units->count = 0;
    for (int64_t after = 0; ret_units->count < FLOW_UNITS_MAX; after = ret_units->unit[ret_units->count++].id) {
        rc = r->ops->unit_next_of_request(r->t, request, after, &ret_units->unit[ret_units->count], r->e);
        if (rc != 1)
            return rc;
    }
    return 0;
}

/* The newest message of the Bundle-ID that is not dead, and whether we hold any at all. */
static int settle_bundle(struct run *r, const char *facility, const char *bundle_id, struct flow_message *ret_newest, bool *ret_alive, bool *ret_held)
{
    struct flow_message m;
    int rc;
    *ret_alive = *ret_held = false;
    for (int64_t after = 0; (rc = r->ops->message_next_of_bundle(r->t, facility, bundle_id, after, &m, r->e)) == 1; after = m.id) {
        *ret_held = true;
        if (!*ret_alive || !settle_dead(m.state))
            *ret_newest = m;
        *ret_alive = *ret_alive || !settle_dead(m.state);
    }
    return rc;
}

/* Units that are named by a Bundle-ID take the unit under which it is known; a register without any name is the unit of its own bytes. */
static int settle_names(struct run *r, const struct flow_request *q, struct flow_unit *u)
{
    struct flow_message m;
    bool alive, held;
    if (u->unit[0] == '\0') {
        char hex[SHA256_HEX];
        sha256_to_hex(&q->content, hex);
        snprintf(u->unit, sizeof u->unit, "H/%s/%d", hex, (int)u->index);
    } else if (u->unit[0] == 'B') {
        RUN_TRY(settle_bundle(r, u->facility, u->bundle_id, &m, &alive, &held));
        if (held && m.unit[0] != '\0') {
            memcpy(u->unit, m.unit, sizeof u->unit);
            memcpy(u->list_key, m.list_key, sizeof u->list_key);
        }
    }
    return 0;
}

/* *ret_wait: an earlier request must be opened first. */
static int settle_must_wait(struct run *r, const struct flow_request *q, const struct settle_units *units, bool *ret_wait)
{
    struct flow_unit other;
    struct flow_request earlier;
    int rc = 0;
    *ret_wait = true;
    for (size_t i = 0; i < units->count; i++) {
        const struct flow_unit *u = &units->unit[i];
        if ((rc = r->ops->unit_first_waiting(r->t, u->facility, u->unit, q->id, &other, r->e)) != 0)
            return rc < 0 ? rc : 0;
        if (u->bundle_id[0] != '\0' && (rc = r->ops->unit_first_waiting_bundle(r->t, u->facility, u->bundle_id, q->id, &other, r->e)) != 0)
            return rc < 0 ? rc : 0;
    }
    if (q->request_id[0] != '\0' && q->origin == FLOW_ORIGIN_VENDOR) {
        RUN_TRY(rc = r->ops->request_by_request_id(r->t, q->source, q->request_id, q->id, &earlier, r->e));
        if (rc == 1 && earlier.state == FLOW_RQ_RECEIVED)
            return 0;
    }
    *ret_wait = false;
    return 0;
}

/* Whether any message that the request stands for is open or done. */
static int settle_in_use(struct run *r, int64_t request, bool *ret_use)
{
    struct settle_units *units = malloc(sizeof *units);
    struct flow_message m;
    *ret_use = false;
    int rc = units == NULL ? err_set(r->e, ERR_NOMEM, MSG_NOMEM, NULL, "flow", NULL) : settle_load(r, request, units);
    for (size_t i = 0; rc == 0 && i < units->count; i++)
        if (units->unit[i].message != 0 && (rc = flow_run_get_message(r, units->unit[i].message, &m)) == 0)
            *ret_use = *ret_use || !settle_dead(m.state);
    free(units);
    return rc;
}

/* The request that this one repeats as far as its units did not fail: 1 and *ret_base, else 0. *ret_why: rejected for its request_id. */
static int settle_base(struct run *r, const struct flow_request *q, const struct settle_units *units, int64_t *ret_base, enum msg_id *ret_why)
{
    struct flow_request p;
    struct flow_unit last;
    int64_t base = 0;
    int rc;
    if (q->origin == FLOW_ORIGIN_OPERATOR) {
        *ret_base = q->about_request;
        return 1;
    }
    if (q->request_id[0] != '\0') {
        bool use = false;
        RUN_TRY(rc = r->ops->request_by_request_id(r->t, q->source, q->request_id, q->id, &p, r->e));
        if (rc == 1)
            RUN_TRY(settle_in_use(r, p.id, &use));
        if (use && memcmp(&p.content, &q->content, sizeof p.content) != 0) {
            *ret_why = MSG_FLOW_REQUEST_ID_USED;
            return 0;
        }
        if (use) {
            *ret_base = p.id;
            return 1;
        }
    }
    for (size_t i = 0; i < units->count; i++) {
        RUN_TRY(rc = r->ops->unit_last(r->t, q->source, units->unit[i].unit, q->id, &last, r->e));
        if (rc == 0 || (base != 0 && last.request != base))
            return 0;
        base = last.request;
    }
    RUN_TRY(r->ops->request_get(r->t, base, &p, r->e));
    if (flow_run_is_zero(&p.content) || memcmp(&p.content, &q->content, sizeof p.content) != 0)
        return 0;
    *ret_base = p.repeat_of != 0 ? p.repeat_of : base;     /* the one that was made, not another repeat of it */
    return 1;
}

/* Takes over what the units of `base` came to where that is open or done. *ret_all: nothing is left to be made. */
static int settle_repeat(struct run *r, struct settle_units *units, int64_t base, bool *ret_all)
{
    struct settle_units *old = malloc(sizeof *old);
    struct flow_message m;
    *ret_all = true;
    int rc = old == NULL ? err_set(r->e, ERR_NOMEM, MSG_NOMEM, NULL, "flow", NULL) : settle_load(r, base, old);
    for (size_t i = 0; rc == 0 && i < units->count; i++) {
        struct flow_unit *u = &units->unit[i];
        for (size_t k = 0; rc == 0 && k < old->count; k++) {
            if (old->unit[k].index != u->index || old->unit[k].message == 0)
                continue;
            rc = flow_run_get_message(r, old->unit[k].message, &m);
            if (rc < 0 || settle_dead(m.state))
                continue;
            u->message = m.id;
            u->repeats = true;
            u->settled = m.operation;
            memcpy(u->bundle_id, m.bundle_id, sizeof u->bundle_id);
        }
        *ret_all = *ret_all && u->repeats;
    }
    free(old);
    return rc;
}

static void settle_new_bundle_id(struct run *r, struct flow_unit *u)
{
    const struct flow_facility_config *f = flow_run_facility(r->cfg, u->facility, NULL);
    char uuid[UUID_TEXT];
    flow_run_uuid(r, uuid);
    memset(u->bundle_id, 0, sizeof u->bundle_id);
    snprintf(u->bundle_id, sizeof u->bundle_id, "%s^%04d^%s", f->institution[0] != '\0' ? f->institution : f->code, time_year_jst(r->ev->wall_ms) % 10000, uuid);
}

/* What a unit's words come to, by what is live. Returns a reason to reject, or MSG_NONE; *ret_fresh: a new Bundle-ID is wanted. */
static enum msg_id settle_words(struct flow_unit *u, const struct flow_message *live, bool named, bool named_alive, bool *ret_fresh)
{
    bool is_live = live != NULL;
    *ret_fresh = false;
    u->settled = u->asked == FLOW_OP_CLEAR ? FLOW_OP_CANCEL : u->asked;
    if (is_live && named && strcmp(live->bundle_id, u->bundle_id) != 0 && u->asked != FLOW_OP_REGISTER)
        return MSG_FLOW_OTHER_BUNDLE_ID;
    switch (u->asked) {
    case FLOW_OP_REGISTER:
        if (is_live || named_alive)
            return MSG_FLOW_SAY_CHANGE;
        *ret_fresh = !named;
        return MSG_NONE;
    case FLOW_OP_CANCEL:
        if (!is_live && !named)
            return MSG_FLOW_NOT_LIVE;
        break;
    case FLOW_OP_CHANGE:
        if (!is_live)
            return MSG_FLOW_NOT_LIVE;
        break;
    case FLOW_OP_CURRENT:
        *ret_fresh = !is_live && !named;
        break;
    case FLOW_OP_CLEAR:
        break;
    case FLOW_OP_NONE:
        return MSG_FLOW_UNIT_NAMELESS;
    }
    if (is_live)
        memcpy(u->bundle_id, live->bundle_id, sizeof u->bundle_id);
    return MSG_NONE;
}

/* *ret_clock: it needs a new Bundle-ID and the clock cannot be believed. */
static int settle_unit(struct run *r, struct flow_unit *u, bool *ret_clock)
{
    struct flow_message live, newest;
    bool alive = false, held = false, fresh, named = u->bundle_id[0] != '\0';
    int rc;
    RUN_TRY(rc = r->ops->message_live_of_unit(r->t, u->facility, u->unit, &live, r->e));
    bool is_live = rc == 1 && live.operation != FLOW_OP_CANCEL;
    if (named)
        RUN_TRY(settle_bundle(r, u->facility, u->bundle_id, &newest, &alive, &held));
    if (!is_live && alive && newest.operation != FLOW_OP_CANCEL && u->asked != FLOW_OP_REGISTER) {
        is_live = true;
        live = newest;
    }
    enum msg_id why = settle_words(u, is_live ? &live : NULL, named, alive, &fresh);
    flow_run_reason(u->reason, why);
    *ret_clock = why == MSG_NONE && fresh && r->st->clock != FLOW_CLOCK_SANE;
    if (why == MSG_NONE && fresh && !*ret_clock)
        settle_new_bundle_id(r, u);
    return 0;
}

static int settle_wait(struct run *r, struct flow_request *q, enum msg_id why)
{
    char reason[FLOW_REASON];
    flow_run_reason(reason, why);
    if (memcmp(reason, q->reason, sizeof reason) == 0)
        return 0;
    memcpy(q->reason, reason, sizeof reason);
    return flow_run_put_request(r, q, why);
}

/* Gives every unit its words; the rows are written only when all could be settled. */
static int settle_request(struct run *r, struct flow_request *q, struct settle_units *units)
{
    enum msg_id why = MSG_NONE;
    int64_t base = 0;
    bool all = false, clock = false;
    int rc;
    for (size_t i = 0; i < units->count; i++)
        RUN_TRY(settle_names(r, q, &units->unit[i]));
    bool wait;
    RUN_TRY(settle_must_wait(r, q, units, &wait));
    if (wait)
        return settle_wait(r, q, MSG_FLOW_WAIT_EARLIER);
    RUN_TRY(rc = settle_base(r, q, units, &base, &why));
    if (why != MSG_NONE)
        return flow_open_reject(r, q, why);
    if (rc == 1)
        RUN_TRY(settle_repeat(r, units, base, &all));
    bool convert = false;
    for (size_t i = 0; i < units->count; i++) {
        struct flow_unit *u = &units->unit[i];
        if (!u->repeats)
            RUN_TRY(settle_unit(r, u, &clock));
        if (clock)
            return settle_wait(r, q, MSG_FLOW_WAIT_CLOCK);
        convert = convert || (!u->repeats && u->reason[0] == '\0' && u->settled != FLOW_OP_CANCEL);
    }
    if (convert && r->st->clock == FLOW_CLOCK_WRONG)       /* the time goes into the Bundle */
        return settle_wait(r, q, MSG_FLOW_WAIT_CLOCK);
    for (size_t i = 0; i < units->count; i++)
        RUN_TRY(flow_run_put_unit(r, &units->unit[i]));
    q->repeat_of = all ? base : 0;
    flow_run_reason(q->reason, all ? MSG_FLOW_REPEAT : MSG_NONE);
    if (convert)
        return flow_intake_step(r, q, FLOW_RS_CONVERT);
    return flow_open_request(r, q, NULL, 0);
}

static int settle_facility(struct run *r, const char *facility, struct settle_units *units)
{
    struct flow_request q, unlooked;
    int rc, look;
    RUN_TRY(look = r->ops->request_next_of_facility(r->t, facility, FLOW_RS_LOOK, 0, &unlooked, r->e));
    for (int64_t after = 0; (rc = r->ops->request_next_of_facility(r->t, facility, FLOW_RS_TURN, after, &q, r->e)) == 1; after = q.id) {
        if (look == 1 && unlooked.id < q.id)
            return 0;
        RUN_TRY(settle_load(r, q.id, units));
        RUN_TRY(settle_request(r, &q, units));
    }
    return rc;
}

int flow_settle_turns(struct run *r)
{
    int rc = 0;
    if (!r->turns)
        return 0;
    r->turns = false;
    struct settle_units *units = malloc(sizeof *units);
    if (units == NULL)
        return err_set(r->e, ERR_NOMEM, MSG_NOMEM, NULL, "flow", NULL);
    for (size_t i = 0; rc == 0 && i < r->cfg->facility_count; i++)
        rc = settle_facility(r, r->cfg->facility[i].code, units);
    free(units);
    return rc;
}
