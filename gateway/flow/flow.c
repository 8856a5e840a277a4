/*
 * NAME
 *     flow - the state machine: flow_step(state, event) -> rows and orders
 * SYNOPSIS
 *     flow_step(cfg, state, ops, tables, event, orders, err)
 * DESCRIPTION
 *     The subjects of the machine, one file each:
 *         intake   a file is claimed, looked at, its attachments gathered
 *         settle   repeat, Bundle-ID and operation of each unit, in order of receipt
 *         open     messages made; when they are final, outcome and hand-back
 *         message  the arrows between the states of a message
 *         order    whose turn it is          cancel   what a cancel does to others
 *         sign     to_sign -> ready          send     ready -> sending
 *         link     facts about exchanges     evidence what an answer says
 *         unknown  how it becomes known      timers   what happens when nothing happens
 *         notice   a result that nobody asked for
 *         start    another life's remains    operate  what a person asks for
 *         pump     fills what is free        run      rows, orders, jobs of one step
 *     memory.h is a version of the tables without a disk, for tests and for the explorer.
 * DIAGNOSTICS
 *     See flow.h: an error means that the step must not be committed and that the state must be made again with FLOW_EV_START.
 */
#include "flow/run.h"

static int flow_disk(struct run *r)
{
    r->st->disk = r->ev->u.disk.level;
    RUN_TRY(flow_run_alarm(r, FLOW_ALARM_DISK, FLOW_DISK_LOW1, "", r->st->disk != FLOW_DISK_OK, MSG_FLOW_ALARM_DISK_INTAKE));
    return flow_run_alarm(r, FLOW_ALARM_DISK, FLOW_DISK_LOW2, "", r->st->disk == FLOW_DISK_LOW2, MSG_FLOW_ALARM_DISK_SENDING);
}

/* Indexes of facilities and routes may have changed: everything is looked for again. */
static int flow_reloaded(struct run *r)
{
    for (size_t i = r->st->job_count; i > 0; i--) {
        struct flow_job *job = &r->st->job[i - 1];
        if ((job->kind == FLOW_JOB_BUILD || job->kind == FLOW_JOB_BUILT) && flow_run_route_config(r->cfg, r->st->route[job->route].id) == NULL)
            flow_run_job_remove(r, job);
    }
    for (size_t i = 0; i < FLOW_FACILITIES_MAX; i++)
        for (size_t k = 0; k < 3; k++)
            r->st->send[i][k] = (struct flow_queue){ .after = 0, .more = true };
    r->st->age_check_ms = 0;
    r->turns = true;
    return 0;
}

static int flow_route_down(struct run *r) { return flow_link_down(r, r->ev->u.link.route, r->ev->u.link.why); }

typedef int flow_handler(struct run *r);

static flow_handler *const handlers[FLOW_EV_TYPES] = {
    [FLOW_EV_START] = flow_start_begin,
    [FLOW_EV_TIMER] = flow_timers_due,
    [FLOW_EV_OFFERED] = flow_intake_offered,
    [FLOW_EV_CLAIMED] = flow_intake_claimed,
    [FLOW_EV_CLAIM_FAILED] = flow_intake_claim_failed,
    [FLOW_EV_SPOOL_UP] = flow_intake_spool_up,
    [FLOW_EV_ATTACHMENT] = flow_intake_attachment,
    [FLOW_EV_OUTCOME_WRITTEN] = flow_open_handed_back,
    [FLOW_EV_FILED] = flow_open_handed_back,
    [FLOW_EV_HANDED_BACK] = flow_open_handed_back,
    [FLOW_EV_HAND_BACK_FAILED] = flow_open_handed_back,
    [FLOW_EV_LOOKED] = flow_intake_looked,
    [FLOW_EV_CONVERTED] = flow_open_converted,
    [FLOW_EV_CHECKED] = flow_sign_checked,
    [FLOW_EV_BUILT] = flow_send_built,
    [FLOW_EV_ANSWER_READ] = flow_evidence_read,
    [FLOW_EV_WORKER_LOST] = flow_pump_lost,
    [FLOW_EV_COMPOSED] = flow_open_composed,
    [FLOW_EV_SIGNER] = flow_sign_state,
    [FLOW_EV_SIGNED] = flow_sign_signed,
    [FLOW_EV_SIGN_FAILED] = flow_sign_failed,
    [FLOW_EV_SIGN_LOST] = flow_pump_lost,
    [FLOW_EV_LINK_UP] = flow_link_up,
    [FLOW_EV_LINK_DOWN] = flow_route_down,
    [FLOW_EV_DOOR_LOST] = flow_link_lost,
    [FLOW_EV_PUBLISHED] = flow_link_published,
    [FLOW_EV_NOT_LEFT] = flow_link_not_left,
    [FLOW_EV_UNSURE] = flow_link_unsure,
    [FLOW_EV_LEFT_REQ] = flow_link_left,
    [FLOW_EV_CONNECTION_ENDED] = flow_link_ended,
    [FLOW_EV_ANSWER] = flow_link_answer,
    [FLOW_EV_FOLDER] = flow_link_folder,
    [FLOW_EV_STRAY] = flow_link_stray,
    [FLOW_EV_DISK] = flow_disk,
    [FLOW_EV_CLOCK] = flow_clock_event,
    [FLOW_EV_RETRY] = flow_operate_event,
    [FLOW_EV_CANCEL] = flow_operate_event,
    [FLOW_EV_RESOLVE] = flow_operate_event,
    [FLOW_EV_RELEASE] = flow_operate_event,
    [FLOW_EV_ACKNOWLEDGE] = flow_operate_event,
    [FLOW_EV_PAUSE] = flow_operate_event,
    [FLOW_EV_RESUME] = flow_operate_event,
    [FLOW_EV_BELIEVE_CLOCK] = flow_operate_event,
    [FLOW_EV_AFTER_RESTORE] = flow_operate_event,
    [FLOW_EV_RELOADED] = flow_reloaded,
    [FLOW_EV_NOTICE] = flow_notice_come,
    [FLOW_EV_NOTICE_READ] = flow_notice_read,
};

/* What the event touched, until nothing more follows from it. */
static int flow_settle(struct run *r)
{
    while (r->key_count > 0 || r->finals.count > 0 || r->turns) {
        RUN_TRY(flow_order_keys(r));
        RUN_TRY(flow_open_finals(r));
        RUN_TRY(flow_settle_turns(r));
    }
    return 0;
}

static int flow_tell(struct run *r)
{
    struct flow_request q;
    for (size_t i = 0; i < r->touched.count; i++) {
        RUN_TRY(r->ops->request_get(r->t, r->touched.id[i], &q, r->e));
        if (q.origin != FLOW_ORIGIN_VENDOR)
            continue;
        struct flow_order *order = flow_run_order(r, FLOW_DO_WRITE_STATUS);
        if (order == NULL)
            return ERR_NOMEM;
        order->u.request.request = q.id;
    }
    return 0;
}

static int flow_run(struct run *r)
{
    RUN_TRY(handlers[r->ev->type](r));
    if (r->ev->type == FLOW_EV_TIMER || r->ev->type == FLOW_EV_START || r->ev->type == FLOW_EV_RELOADED)
        RUN_TRY(flow_timers_ages(r));
    do {
        RUN_TRY(flow_settle(r));
        RUN_TRY(flow_pump_all(r));
    } while (r->key_count > 0 || r->finals.count > 0 || r->turns);
    return flow_tell(r);
}

int flow_step(const struct flow_config *cfg, struct flow_state *st, const struct flow_tables_ops *ops, void *tables,
              const struct flow_event *event, struct flow_orders *orders, struct err *e)
{
    struct run r = { .cfg = cfg, .st = st, .ops = ops, .t = tables, .ev = event, .orders = orders, .e = e, .actor = "" };
    if (event->type <= FLOW_EV_NONE || event->type >= FLOW_EV_TYPES || handlers[event->type] == NULL)
        return err_set(e, ERR_INVALID, MSG_INTERNAL, NULL, "event", NULL);
    if (!st->started && event->type != FLOW_EV_START && event->type != FLOW_EV_AFTER_RESTORE)
        return err_set(e, ERR_NOT_NOW, MSG_INTERNAL, NULL, "event before start", NULL);
    int rc = flow_run(&r);
    flow_run_free(&r);
    return rc < 0 ? rc : 0;
}
