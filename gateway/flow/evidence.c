/*
 * NAME
 *     evidence - what an answer says about its message
 * DESCRIPTION
 *     A worker has read an answer. Its class, the marks (absent, already there, there) and the level of the verdict make one of the
 *     verdicts below; what a verdict does depends on the kind of the exchange it is about (a poll speaks for the exchange it asks about)
 *     and on the state of the message. The rules:
 *       - success of any exchange of any attempt, at any time, makes an open message done;
 *       - a refusal, "not done, try again" or 処理中 counts only from the last attempt, and not once the same change or cancel was sent
 *         again; then only success, absence (after settling) or a person ends it;
 *       - absence is believed from a cancel or repeat that began after all submits of the Bundle-ID had settled, and from an inquiry or
 *         probe that also belongs to the last attempt and had no cancel out;
 *       - a final message never changes: a contradiction is an incident, everything else an event.
 * DIAGNOSTICS
 *     Incidents raise FLOW_ALARM_INCIDENT.
 */
#include "flow/run.h"

enum verdict { V_NOTHING, V_SUCCESS, V_REFUSED, V_ABSENT, V_ALREADY, V_RETRY, V_PENDING, V_UNKNOWN };

struct finding {
    enum verdict verdict;
    struct flow_exchange x;       /* the exchange that was answered */
    struct flow_exchange root;    /* the submit, inquiry or probe that it speaks for */
    struct flow_message m;
    struct flow_attempt attempt;  /* of root */
    bool last;                    /* ... is the last one */
};

static enum verdict evidence_verdict(const struct run *r, const struct flow_exchange *x, enum flow_exchange_kind root)
{
    bool poll = x->kind == FLOW_XK_POLL;
    switch (r->ev->u.read.answer_class) {
    case FLOW_CLASS_SUCCESS:
        return root != FLOW_XK_INQUIRE || (r->ev->u.read.there && !r->ev->u.read.absent) ? V_SUCCESS : V_ABSENT;
    case FLOW_CLASS_FINAL:
        if (poll && !r->ev->u.read.business)
            return V_UNKNOWN;                       /* the poll was refused, not what it asks about */
        return r->ev->u.read.absent ? V_ABSENT : r->ev->u.read.already_there ? V_ALREADY : V_REFUSED;
    case FLOW_CLASS_NOT_DONE_RETRY:
        return poll ? V_NOTHING : V_RETRY;
    case FLOW_CLASS_PENDING:
        return V_PENDING;
    case FLOW_CLASS_NONE:
    case FLOW_CLASS_UNKNOWN:
    case FLOW_CLASS_COUNT:
        break;
    }
    return V_UNKNOWN;
}

static int evidence_incident(struct run *r, const struct finding *f, enum msg_id msg)
{
    struct flow_incident incident;
    struct flow_cause cause = flow_run_cause(r, MSG_FLOW_ALARM_INCIDENT);
    memset(&incident, 0, sizeof incident);
    incident.message = f->m.id;
    incident.exchange = f->x.id;
    incident.answer_class = f->x.answer_class;
    incident.open = true;
    flow_run_reason(incident.reason, msg);
    incident.since_wall_ms = r->ev->wall_ms;
    RUN_TRY(r->ops->incident_put(r->t, &incident, &cause, r->e));
    RUN_TRY(flow_run_log_message(r, &f->m, MSG_FLOW_ALARM_INCIDENT));
    return flow_run_alarm(r, FLOW_ALARM_INCIDENT, 0, "", true, MSG_FLOW_ALARM_INCIDENT);
}

static bool evidence_waits(enum flow_message_state s) { return s == FLOW_MS_SENDING || s == FLOW_MS_SENT || s == FLOW_MS_PENDING; }

/* Unknown stays unknown; what comes next is planned again. */
static int evidence_stay(struct run *r, const struct finding *f)
{
    return flow_unknown_replan(r, f->m.id, true);
}

static int evidence_ask_person(struct run *r, struct finding *f)
{
    f->m.held = true;
    f->m.turn = false;
    f->m.due_ms = 0;
    flow_run_reason(f->m.reason, MSG_FLOW_ASK_REFUSED);
    RUN_TRY(flow_run_put_message(r, &f->m, MSG_FLOW_ASK_REFUSED));
    RUN_TRY(flow_run_log_message(r, &f->m, MSG_FLOW_ASK_REFUSED));
    return flow_run_alarm(r, FLOW_ALARM_PERSON, 0, f->m.facility, true, MSG_FLOW_ASK_PERSON);
}

static int evidence_ready_again(struct run *r, struct finding *f, enum msg_id msg)
{
    const struct flow_route_config *route = flow_run_route_config(r->cfg, f->attempt.route);
    f->m.due_ms = 0;
    if (msg == MSG_FLOW_BUSY && route != NULL) {
        f->m.due_ms = r->ev->boot_ms + flow_run_backoff(r, route->retry_ms, route->retry_max_ms, f->m.failures);
        f->m.failures += f->m.failures < 30;
    }
    return flow_message_make_ready(r, &f->m, msg);
}

/* The latest earlier attempt that may have reached the service: 1, 0. */
static int evidence_earlier(struct run *r, const struct finding *f, struct flow_attempt *ret_a)
{
    struct flow_attempt a;
    int rc, found = 0;
    for (int64_t after = 0; (rc = r->ops->attempt_next_of_message(r->t, f->m.id, after, &a, r->e)) == 1 && a.id < f->attempt.id; after = a.id)
        if (a.left) {
            *ret_a = a;
            found = 1;
        }
    return rc < 0 ? rc : found;
}

/* A negative answer to the very submit that a person took for done. One to an older attempt was asked about another try. */
static bool evidence_contradicts_person(const struct finding *f)
{
    return f->m.state == FLOW_MS_DONE && f->m.evidence == FLOW_EVIDENCE_PERSON && f->last && !f->root.repeat;
}

/* A refusal of a submit, with or without a mark. */
static int evidence_refused(struct run *r, struct finding *f)
{
    struct flow_attempt earlier;
    bool again = f->m.state == FLOW_MS_UNKNOWN && f->m.submits > 1;
    bool absent = f->verdict == V_ABSENT;
    if (flow_message_final(f->m.state)) {
        return evidence_contradicts_person(f) ? evidence_incident(r, f, MSG_FLOW_REFUSED) : 0;
    }
    if (!f->last || !(evidence_waits(f->m.state) || f->m.state == FLOW_MS_UNKNOWN))
        return 0;
    if (f->m.operation == FLOW_OP_CANCEL && absent) {
        if (f->root.began_settled)
            return flow_message_done(r, &f->m, FLOW_EVIDENCE_ANSWER, f->x.id, f->attempt.id);
        return f->m.state == FLOW_MS_UNKNOWN ? evidence_stay(r, f) : flow_message_unknown(r, &f->m);
    }
    if (again && !(absent && f->root.began_settled))
        return f->root.repeat ? evidence_ask_person(r, f) : 0;
    if (f->m.operation == FLOW_OP_REGISTER && f->verdict == V_ALREADY) {
        int rc = evidence_earlier(r, f, &earlier);
        RUN_TRY(rc);
        if (rc == 1)
            return flow_message_done(r, &f->m, FLOW_EVIDENCE_ANSWER, f->x.id, earlier.id);
    }
    return flow_message_enter(r, &f->m, FLOW_MS_REFUSED, r->ev->u.read.msg != MSG_NONE ? r->ev->u.read.msg : MSG_FLOW_REFUSED);
}

static int evidence_success(struct run *r, struct finding *f, enum flow_evidence evidence)
{
    bool submit = f->root.kind == FLOW_XK_SUBMIT;
    if (!flow_message_final(f->m.state))
        return flow_message_done(r, &f->m, evidence, f->x.id, f->attempt.id);
    if (submit && (f->m.state == FLOW_MS_REFUSED || f->m.state == FLOW_MS_REJECTED || (f->m.state == FLOW_MS_WITHDRAWN && !f->m.may_have_stood)))
        return evidence_incident(r, f, MSG_FLOW_ALARM_INCIDENT);
    return 0;
}

static int evidence_pending(struct run *r, struct finding *f)
{
    const struct flow_route_config *route = flow_run_route_config(r->cfg, f->attempt.route);
    bool repeated = f->m.state == FLOW_MS_UNKNOWN && f->m.submits > 1;
    if (!f->last || !(evidence_waits(f->m.state) || f->m.state == FLOW_MS_UNKNOWN) || route == NULL)
        return 0;
    if (r->ev->u.read.receipt[0] != '\0') {
        memcpy(f->attempt.receipt, r->ev->u.read.receipt, sizeof f->attempt.receipt);
        f->attempt.receipt_exchange = f->root.id;
        RUN_TRY(flow_run_put_attempt(r, &f->attempt));
    }
    if (repeated)
        return evidence_stay(r, f);
    f->m.failures = f->x.kind == FLOW_XK_POLL ? f->m.failures + (f->m.failures < 30) : 0;
    int64_t poll = f->attempt.receipt[0] == '\0' ? route->pending_ms : flow_run_backoff(r, route->poll_ms, route->poll_max_ms, f->m.failures);
    f->m.due_ms = r->ev->boot_ms + poll;
    if (f->m.state == FLOW_MS_PENDING) {
        f->m.turn = false;
        return flow_run_put_message(r, &f->m, MSG_NONE);
    }
    f->m.deadline_ms = r->ev->boot_ms + route->pending_ms;
    return flow_message_enter(r, &f->m, FLOW_MS_PENDING, MSG_NONE);
}

static int evidence_submit(struct run *r, struct finding *f)
{
    switch (f->verdict) {
    case V_SUCCESS:
        return evidence_success(r, f, FLOW_EVIDENCE_ANSWER);
    case V_REFUSED:
    case V_ABSENT:
    case V_ALREADY:
        return evidence_refused(r, f);
    case V_RETRY:
        if (flow_message_final(f->m.state))        /* a person said done, the first submit says not */
            return evidence_contradicts_person(f) ? evidence_incident(r, f, MSG_FLOW_BUSY) : 0;
        if (f->last && f->m.submits <= 1 && (evidence_waits(f->m.state) || f->m.state == FLOW_MS_UNKNOWN))
            return evidence_ready_again(r, f, MSG_FLOW_BUSY);
        return evidence_stay(r, f);
    case V_PENDING:
        return evidence_pending(r, f);
    case V_UNKNOWN:
        if (f->last && evidence_waits(f->m.state))
            return flow_message_unknown(r, &f->m);
        return evidence_stay(r, f);
    case V_NOTHING:
        break;
    }
    return evidence_stay(r, f);
}

/* Inquiry and probe: about a register that is unknown. */
static int evidence_question(struct run *r, struct finding *f)
{
    bool cancel;
    if (f->verdict == V_SUCCESS)
        return evidence_success(r, f, f->root.kind == FLOW_XK_INQUIRE ? FLOW_EVIDENCE_INQUIRY : FLOW_EVIDENCE_PROBE);
    if (f->m.state != FLOW_MS_UNKNOWN)
        return 0;
    if ((f->verdict == V_REFUSED || f->verdict == V_ALREADY) && f->last)
        return evidence_ask_person(r, f);
    if (f->verdict != V_ABSENT)
        return evidence_stay(r, f);
    RUN_TRY(flow_message_has_open_cancel(r, f->m.facility, f->m.bundle_id, f->m.id, &cancel));
    if (f->last && f->root.began_settled && !f->root.began_cancel && !cancel)
        return evidence_ready_again(r, f, MSG_NONE);
    return evidence_stay(r, f);
}

/* Loud or quiet: a verdict of its own quiets a submit or probe; 処理中 and "unknown" let the settle time run (anew). */
static int evidence_settle(struct run *r, struct finding *f)
{
    bool decided = f->verdict == V_SUCCESS || f->verdict == V_REFUSED || f->verdict == V_ABSENT || f->verdict == V_ALREADY || f->verdict == V_RETRY;
    struct flow_exchange *root = f->root.id == f->x.id ? &f->x : &f->root;
    bool effect = root->kind == FLOW_XK_SUBMIT || root->kind == FLOW_XK_PROBE;
    if (f->verdict == V_PENDING && effect && !root->loud && !flow_message_final(f->m.state)) {
        root->loud = true;                          /* the service itself says that it is still at it */
        f->m.loud++;
    }
    if (decided)
        RUN_TRY(flow_link_quiet(r, root, &f->m));
    else if (root->loud && (root == &f->x || f->verdict == V_PENDING))
        RUN_TRY(flow_link_gone(r, root));
    if (root != &f->x) {
        if (decided) {
            root->answer_class = f->x.answer_class;
            root->absent = f->x.absent;
            RUN_TRY(flow_link_state(r, root, FLOW_XS_CLOSED));
        }
        RUN_TRY(flow_run_put_exchange(r, root, MSG_NONE));
    }
    RUN_TRY(flow_link_state(r, &f->x, f->verdict == V_PENDING || f->verdict == V_UNKNOWN ? FLOW_XS_ENDED : FLOW_XS_CLOSED));
    RUN_TRY(flow_run_put_exchange(r, &f->x, MSG_NONE));
    f->root = *root;
    if (!flow_run_is_zero(&r->ev->u.read.findings))
        f->m.findings = r->ev->u.read.findings;
    memcpy(f->m.result_code, r->ev->u.read.code, sizeof f->m.result_code);
    if (f->verdict == V_SUCCESS && !flow_message_final(f->m.state))
        return 0;                                   /* evidence_success() writes it with its new state */
    return flow_run_put_message(r, &f->m, MSG_NONE);
}

static int evidence_load(struct run *r, struct finding *f)
{
    struct flow_attempt last;
    int rc;
    f->root = f->x;
    if (f->x.kind == FLOW_XK_POLL && f->x.of != 0)
        RUN_TRY(flow_run_get_exchange(r, f->x.of, &f->root));
    RUN_TRY(flow_run_get_message(r, f->x.message, &f->m));
    RUN_TRY(r->ops->attempt_get(r->t, f->root.attempt, &f->attempt, r->e));
    RUN_TRY(rc = r->ops->attempt_last(r->t, f->m.id, &last, r->e));
    f->last = rc == 1 && last.id == f->attempt.id;
    return 0;
}

/* The answer under our name is not ours: it stays where it is, and nothing is known. */
static int evidence_misfit(struct run *r, struct flow_exchange *x)
{
    struct flow_message m;
    RUN_TRY(flow_run_get_message(r, x->message, &m));
    RUN_TRY(flow_run_log_message(r, &m, MSG_FLOW_MISFIT));
    return flow_link_give_up(r, x, true);
}

static int evidence_apply(struct run *r, struct flow_exchange *x)
{
    const struct flow_route_config *route = flow_run_route_config(r->cfg, x->route);
    struct finding f;
    memset(&f, 0, sizeof f);
    x->answer_class = r->ev->u.read.answer_class;
    x->absent = r->ev->u.read.absent;
    x->already_there = r->ev->u.read.already_there;
    memcpy(x->result_code, r->ev->u.read.code, sizeof x->result_code);
    x->removable = route == NULL || route->link == FLOW_LINK_TERMINAL;
    f.x = *x;
    RUN_TRY(evidence_load(r, &f));
    f.verdict = evidence_verdict(r, x, f.root.kind);
    if (f.verdict == V_ABSENT)
        f.x.absent = true;
    if (f.root.id == f.x.id)
        f.root = f.x;
    RUN_TRY(evidence_settle(r, &f));
    if (x->removable) {
        struct flow_order *order = flow_link_order(r, FLOW_DO_REMOVE_ANSWER, &f.x, &f.m);
        if (order == NULL)
            return ERR_NOMEM;
    }
    RUN_TRY(f.root.kind == FLOW_XK_SUBMIT ? evidence_submit(r, &f) : evidence_question(r, &f));
    return flow_unknown_replan(r, f.m.id, false);      /* a plan may have waited for just this answer to be read */
}

int flow_evidence_read(struct run *r)
{
    struct flow_job job;
    struct flow_exchange x;
    if (!flow_run_job_take(r, FLOW_JOB_READ, r->ev->u.read.token, &job))
        return 0;
    RUN_TRY(flow_run_get_exchange(r, job.id, &x));
    if (x.state != FLOW_XS_ANSWERED)
        return 0;
    return r->ev->u.read.fits ? evidence_apply(r, &x) : evidence_misfit(r, &x);
}

/* A worker died reading it: once more, then the answer counts as not readable. */
int flow_evidence_read_lost(struct run *r, struct flow_job *job)
{
    enum { TRIES = 2 };
    struct flow_exchange x;
    RUN_TRY(flow_run_get_exchange(r, job->id, &x));
    flow_run_job_remove(r, job);
    if (x.state != FLOW_XS_ANSWERED)
        return 0;
    x.deaths++;
    if (x.deaths >= TRIES)
        return flow_link_give_up(r, &x, true);
    flow_run_enqueue(&r->st->queue[FLOW_QUEUE_READ], x.id);
    return flow_run_put_exchange(r, &x, MSG_NONE);
}
