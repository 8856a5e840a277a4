/*
 * NAME
 *     sign - what waits for its signer
 * DESCRIPTION
 *     to_sign -> order SIGN (digest approved by the request that names the signer) -> SIGNED -> order CHECK on the signed bytes -> CHECKED:
 *     the signed payload is named and the message is ready. Nothing is written in between: a crash signs again. A ready Bundle that came
 *     signed takes the same way from CHECK on; it belongs to the signer slot with the empty name.
 * DIAGNOSTICS
 *     A document that the signer will never sign, or that does not verify, is rejected; everything else is a reason to wait.
 */
#include "flow/run.h"

static enum msg_id sign_wait_reason(enum flow_signer_state state)
{
    static const enum msg_id reason[] = {
        [FLOW_SIGNER_READY] = MSG_FLOW_WAIT_SIGNER, [FLOW_SIGNER_NO_CARD] = MSG_FLOW_WAIT_CARD, [FLOW_SIGNER_PIN] = MSG_FLOW_WAIT_PIN,
        [FLOW_SIGNER_LOCKED] = MSG_FLOW_WAIT_LOCKED, [FLOW_SIGNER_EXPIRED] = MSG_FLOW_WAIT_EXPIRED, [FLOW_SIGNER_DOWN] = MSG_FLOW_WAIT_SIGN_DOOR };
    return (size_t)state < sizeof reason / sizeof reason[0] ? reason[state] : MSG_FLOW_WAIT_SIGN_DOOR;
}

enum msg_id flow_sign_reason(struct run *r, const struct flow_message *m)
{
    const struct flow_signer_slot *slot = flow_run_signer(r, m->signer);
    if (m->signature == FLOW_SIGNATURE_PRESENT)
        return MSG_FLOW_WAIT_VERIFY;
    return slot == NULL ? MSG_FLOW_WAIT_SIGNER : sign_wait_reason(slot->state);
}

void flow_sign_enqueue(struct run *r, const struct flow_message *m)
{
    struct flow_signer_slot *slot = flow_run_signer(r, m->signer);
    if (slot != NULL)
        flow_run_enqueue(&slot->queue, m->id);
}

/* The waiting ones learn why they wait; only as many as a person would look at, the rest follow when they are tried. */
static int sign_tell(struct run *r, const char *signer, enum msg_id why)
{
    enum { TELL = 50 };
    struct flow_message m;
    char reason[FLOW_REASON];
    int rc = 0, told = 0;
    flow_run_reason(reason, why);
    for (int64_t after = 0; told < TELL && (rc = r->ops->message_next_to_sign(r->t, signer, after, &m, r->e)) == 1; after = m.id, told++)
        if (memcmp(m.reason, reason, sizeof reason) != 0) {
            memcpy(m.reason, reason, sizeof reason);
            RUN_TRY(flow_run_put_message(r, &m, why));
        }
    return rc < 0 ? rc : 0;
}

static int sign_set(struct run *r, struct flow_signer_slot *slot, enum flow_signer_state state)
{
    struct flow_message m;
    bool changed = slot->state != state;
    slot->state = state;
    if (state == FLOW_SIGNER_READY) {
        slot->queue.after = 0;
        slot->queue.more = true;
        return flow_run_alarm(r, FLOW_ALARM_SIGNER, 0, slot->id, false, MSG_FLOW_ALARM_SIGNER);
    }
    if (changed)
        RUN_TRY(sign_tell(r, slot->id, sign_wait_reason(state)));
    int waits = r->ops->message_next_to_sign(r->t, slot->id, 0, &m, r->e);
    RUN_TRY(waits);
    return waits == 1 ? flow_run_alarm(r, FLOW_ALARM_SIGNER, 0, slot->id, true, sign_wait_reason(state)) : 0;
}

int flow_sign_state(struct run *r)
{
    struct flow_signer_slot *slot = flow_run_signer(r, r->ev->u.signer.signer);
    return slot == NULL || slot->id[0] == '\0' ? 0 : sign_set(r, slot, r->ev->u.signer.state);
}

int flow_sign_failed(struct run *r)
{
    struct flow_job job;
    struct flow_message m;
    if (!flow_run_job_take(r, FLOW_JOB_SIGN, r->ev->u.sign_failed.token, &job))
        return 0;
    struct flow_signer_slot *slot = &r->st->signer[job.signer];
    RUN_TRY(flow_run_get_message(r, job.id, &m));
    if (m.state != FLOW_MS_TO_SIGN)
        return 0;
    if (r->ev->u.sign_failed.state == FLOW_SIGNER_READY && r->ev->u.sign_failed.reject != MSG_NONE)
        return flow_message_enter(r, &m, FLOW_MS_REJECTED, r->ev->u.sign_failed.reject);
    flow_run_enqueue(&slot->queue, job.id);
    return sign_set(r, slot, r->ev->u.sign_failed.state == FLOW_SIGNER_READY ? FLOW_SIGNER_DOWN : r->ev->u.sign_failed.state);
}

static int sign_order_check(struct run *r, struct flow_job *job, const struct flow_message *m)
{
    struct flow_order *order = flow_run_work(r, FLOW_DO_CHECK, job);
    if (order == NULL)
        return ERR_NOMEM;
    bool ours = !flow_run_is_zero(&job->payload);
    order->u.check.message = m->id;
    memcpy(order->u.check.facility, m->facility, sizeof m->facility);
    order->u.check.bundle = ours ? job->payload : m->bundle;
    if (ours)
        order->u.check.original_bundle = m->bundle;
    order->u.check.wall_ms = r->ev->wall_ms;
    return 0;
}

int flow_sign_signed(struct run *r)
{
    struct flow_job *job = flow_run_job_find(r, FLOW_JOB_SIGN, r->ev->u.signed_bundle.token);
    struct flow_message m;
    if (job == NULL)
        return 0;
    RUN_TRY(flow_run_get_message(r, job->id, &m));
    if (m.state != FLOW_MS_TO_SIGN) {
        flow_run_job_remove(r, job);
        return 0;
    }
    job->kind = FLOW_JOB_CHECK;
    job->payload = r->ev->u.signed_bundle.signed_bundle;
    job->wall_ms = r->ev->u.signed_bundle.signed_wall_ms;
    job->end_wall_ms = r->ev->u.signed_bundle.certificate_end_wall_ms;
    return sign_order_check(r, job, &m);
}

int flow_sign_checked(struct run *r)
{
    struct flow_job job;
    struct flow_message m;
    if (!flow_run_job_take(r, FLOW_JOB_CHECK, r->ev->u.checked.token, &job))
        return 0;
    RUN_TRY(flow_run_get_message(r, job.id, &m));
    if (m.state != FLOW_MS_TO_SIGN)
        return 0;
    if (!flow_run_is_zero(&r->ev->u.checked.issues))
        m.issues = r->ev->u.checked.issues;
    if (r->ev->u.checked.reject != MSG_NONE)
        return flow_message_enter(r, &m, FLOW_MS_REJECTED, r->ev->u.checked.reject);
    if (!flow_run_is_zero(&job.payload)) {
        m.signed_bundle = job.payload;
        m.signed_wall_ms = job.wall_ms;
        m.certificate_end_wall_ms = job.end_wall_ms;
    } else {
        m.signed_wall_ms = r->ev->u.checked.signed_wall_ms;
        m.certificate_end_wall_ms = r->ev->u.checked.certificate_end_wall_ms;
    }
    m.deaths = 0;
    m.due_ms = 0;
    return flow_message_make_ready(r, &m, MSG_NONE);
}

/* Policy `prefer`: what has waited for its age goes unsigned. */
int flow_sign_prefer(struct run *r)
{
    struct flow_message m;
    int rc = 0;
    for (size_t i = 0; i < r->cfg->facility_count && r->st->clock == FLOW_CLOCK_SANE; i++) {
        const struct flow_facility_config *f = &r->cfg->facility[i];
        if (f->policy != FLOW_POLICY_PREFER)
            continue;
        while ((rc = r->ops->message_oldest(r->t, f->code, FLOW_MS_TO_SIGN, &m, r->e)) == 1 && m.since_wall_ms + f->prefer_age_ms <= r->ev->wall_ms
               && m.signature == FLOW_SIGNATURE_WANTED) {
            m.unsigned_ok = true;
            m.due_ms = 0;
            RUN_TRY(flow_message_make_ready(r, &m, MSG_FLOW_UNSIGNED));
        }
        RUN_TRY(rc);
    }
    return 0;
}

static int sign_start(struct run *r, struct flow_signer_slot *slot, const struct flow_message *m, bool *ret_full)
{
    bool verify = slot->id[0] == '\0';
    struct flow_job *job = flow_run_job_add(r, verify ? FLOW_JOB_CHECK : FLOW_JOB_SIGN, m->id, m->version);
    *ret_full = job == NULL;
    if (job == NULL)
        return 0;
    job->signer = (int16_t)(slot - r->st->signer);
    if (verify)
        return sign_order_check(r, job, m);
    struct flow_order *order = flow_run_work(r, FLOW_DO_SIGN, job);
    if (order == NULL)
        return ERR_NOMEM;
    order->u.sign.message = m->id;
    memcpy(order->u.sign.facility, m->facility, sizeof m->facility);
    memcpy(order->u.sign.signer, m->signer, sizeof m->signer);
    memcpy(order->u.sign.uuid, m->uuid, sizeof m->uuid);
    order->u.sign.bundle = m->bundle;
    order->u.sign.wall_ms = r->ev->wall_ms;
    return 0;
}

static int32_t sign_jobs_of(const struct run *r, size_t slot)
{
    int32_t n = 0;
    for (size_t i = 0; i < r->st->job_count; i++)
        n += r->st->job[i].signer == (int16_t)slot;
    return n;
}

int flow_sign_pump(struct run *r)
{
    struct flow_message m;
    int rc = 0;
    for (size_t i = 0; i < r->st->signer_count; i++) {
        struct flow_signer_slot *slot = &r->st->signer[i];
        bool full = false;
        if (slot->state != FLOW_SIGNER_READY || (slot->id[0] != '\0' && r->st->clock != FLOW_CLOCK_SANE))
            continue;
        int32_t room = r->cfg->sign_jobs - sign_jobs_of(r, i);
        while (slot->queue.more && room > 0 && !full) {
            RUN_TRY(rc = r->ops->message_next_to_sign(r->t, slot->id, slot->queue.after, &m, r->e));
            if (rc == 0) {
                slot->queue.more = false;
                break;
            }
            if (flow_run_job_of(r, FLOW_JOB_SIGN, m.id) == NULL && flow_run_job_of(r, FLOW_JOB_CHECK, m.id) == NULL) {
                RUN_TRY(sign_start(r, slot, &m, &full));
                room--;
            }
            if (!full)
                slot->queue.after = m.id;
        }
    }
    return 0;
}
