/*
 * NAME
 *     clock - whether the wall clock may be believed
 * DESCRIPTION
 *     The wall clock goes into Bundle-IDs, Bundles, signatures and headers, where a wrong year cannot be taken back. It is
 *         wrong      before the last time that was believed (kept in the store, once an hour), or far ahead of it: after a dead battery, a
 *                    restored image, a slip of the hand. Nothing is converted, signed or sent. It ends when the time is in the window again,
 *                    or when a person says that the clock is right;
 *         stepped    inside the window, but it has just moved against the boot clock: no new Bundle-ID, no new signature until it has stood
 *                    still for one look of the desk;
 *         sane       otherwise.
 *     Where nothing was ever believed the window begins with the configuration's earliest time.
 * DIAGNOSTICS
 *     FLOW_ALARM_CLOCK with index FLOW_CLOCK_STEPPED or FLOW_CLOCK_WRONG.
 */
#include "flow/run.h"

static enum flow_clock clock_judge(const struct run *r, int64_t last, bool stepped)
{
    static const int64_t slack_ms = 60000, day_ms = 24 * 3600000LL;
    int64_t earliest = r->cfg->clock_earliest_ms, latest = earliest == 0 ? INT64_MAX : earliest + 20 * 365 * day_ms;
    if (last != 0) {
        earliest = last - slack_ms;
        latest = last + 400 * day_ms;        /* a gateway that was off for longer is started by a person */
    }
    return r->ev->wall_ms < earliest || r->ev->wall_ms > latest ? FLOW_CLOCK_WRONG : stepped ? FLOW_CLOCK_STEPPED : FLOW_CLOCK_SANE;
}

static int clock_set(struct run *r, enum flow_clock clock)
{
    r->turns = r->turns || (r->st->clock != clock);
    r->st->clock = clock;
    RUN_TRY(flow_run_alarm(r, FLOW_ALARM_CLOCK, FLOW_CLOCK_STEPPED, "", clock == FLOW_CLOCK_STEPPED, MSG_FLOW_ALARM_CLOCK));
    return flow_run_alarm(r, FLOW_ALARM_CLOCK, FLOW_CLOCK_WRONG, "", clock == FLOW_CLOCK_WRONG, MSG_FLOW_ALARM_CLOCK_WRONG);
}

static int clock_look(struct run *r, bool stepped, bool start)
{
    struct flow_cause cause = flow_run_cause(r, MSG_NONE);
    static const int64_t hour_ms = 3600000;
    int64_t last = 0;
    RUN_TRY(r->ops->counter_get(r->t, FLOW_COUNTER_LAST_WALL, &last, r->e));
    enum flow_clock clock = clock_judge(r, last, stepped);
    if (clock == FLOW_CLOCK_SANE && r->ev->wall_ms >= last + (start ? 1 : hour_ms))
        RUN_TRY(r->ops->counter_set(r->t, FLOW_COUNTER_LAST_WALL, r->ev->wall_ms, &cause, r->e));
    return clock_set(r, clock);
}

int flow_clock_start(struct run *r) { return clock_look(r, false, true); }

int flow_clock_event(struct run *r) { return clock_look(r, r->ev->u.clock.stepped, false); }

/* A person has compared it with another clock. */
int flow_clock_believe(struct run *r)
{
    struct flow_cause cause = flow_run_cause(r, MSG_NONE);
    RUN_TRY(r->ops->counter_set(r->t, FLOW_COUNTER_LAST_WALL, r->ev->wall_ms, &cause, r->e));
    RUN_TRY(clock_set(r, FLOW_CLOCK_SANE));
    return flow_run_reply(r, MSG_FLOW_REPLY_OK, 0, 0, 0, 0);
}
