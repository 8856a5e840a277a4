/*
 * NAME
 *     intake - a vendor's file from its offer to the moment when all its bytes are ours
 * DESCRIPTION
 *     OFFERED -> order CLAIM (while there is room) -> CLAIMED: row `received`, step `look` -> LOOKED: units and attachments named ->
 *     step `attach` until every attachment is there -> step `turn` (settle.c). A thing that cannot be read makes one rejected message.
 * DIAGNOSTICS
 *     None of its own: what is wrong with a file becomes a rejected message with a reason.
 */
#include "flow/run.h"
#include "base/text.h"

bool flow_intake_counts(enum flow_request_step step) { return step == FLOW_RS_LOOK || step == FLOW_RS_TURN || step == FLOW_RS_CONVERT; }

/* Moves the request to a step of its state and writes it; keeps the count of what is on its way inside. */
int flow_intake_step(struct run *r, struct flow_request *q, enum flow_request_step step)
{
    static const bool frees[FLOW_RS_COUNT] = { [FLOW_RS_LOOK] = true, [FLOW_RS_ATTACH] = true, [FLOW_RS_TURN] = true, [FLOW_RS_CONVERT] = true };
    r->turns = r->turns || (q->id != 0 && frees[q->step]) || step == FLOW_RS_TURN;
    r->st->received += (int32_t)flow_intake_counts(step) - (int32_t)(q->id != 0 && flow_intake_counts(q->step));
    q->step = step;
    RUN_TRY(flow_run_put_request(r, q, MSG_NONE));
    static const int queue_of[FLOW_RS_COUNT] = {
        [FLOW_RS_LOOK] = 1 + FLOW_QUEUE_LOOK, [FLOW_RS_CONVERT] = 1 + FLOW_QUEUE_CONVERT,
        [FLOW_RS_COMPOSE] = 1 + FLOW_QUEUE_COMPOSE, [FLOW_RS_HAND_BACK] = 1 + FLOW_QUEUE_HAND_BACK };
    if (queue_of[step] != 0)
        flow_run_enqueue(&r->st->queue[queue_of[step] - 1], q->id);
    return 0;
}

static const struct flow_source_config *intake_source(const struct run *r, const char *id)
{
    for (size_t i = 0; i < r->cfg->source_count; i++)
        if (strcmp(r->cfg->source[i].id, id) == 0)
            return &r->cfg->source[i];
    return NULL;
}

/* How long this request waits for an attachment; an operator's order about a source that is gone does not wait. */
int64_t flow_intake_wait_ms(const struct run *r, const struct flow_request *q)
{
    const struct flow_source_config *source = intake_source(r, q->source);
    return source == NULL ? 0 : source->attachment_wait_ms;
}

static bool intake_has_room(const struct run *r)
{
    return r->st->disk == FLOW_DISK_OK && r->st->received < r->cfg->claims_max && r->st->job_count < FLOW_JOBS_MAX;
}

int flow_intake_offered(struct run *r)
{
    if (!intake_has_room(r)) {
        r->st->refused_offer = true;
        return 0;
    }
    struct flow_order *order = flow_run_work(r, FLOW_DO_CLAIM, flow_run_job_add(r, FLOW_JOB_CLAIM, 0, 0));
    if (order == NULL)
        return ERR_NOMEM;
    r->st->received++;
    memcpy(order->u.claim.source, r->ev->u.offered.source, sizeof order->u.claim.source);
    memcpy(order->u.claim.name, r->ev->u.offered.name, sizeof order->u.claim.name);
    return 0;
}

/* Half of the room free again: asks the spool doors for what was offered in vain. */
int flow_intake_room(struct run *r)
{
    if (!r->st->refused_offer || !intake_has_room(r) || r->st->received > r->cfg->claims_max / 2)
        return 0;
    r->st->refused_offer = false;
    return flow_run_order(r, FLOW_DO_OFFER_AGAIN) == NULL ? ERR_NOMEM : 0;
}

int flow_intake_claim_failed(struct run *r)
{
    struct flow_job job;
    if (flow_run_job_take(r, FLOW_JOB_CLAIM, r->ev->u.claimed.token, &job))
        r->st->received--;
    return 0;
}

int flow_intake_claimed(struct run *r)
{
    struct flow_request q, old;
    const struct flow_source_config *source = intake_source(r, r->ev->u.claimed.source);
    struct flow_job job;
    int64_t restored = 0;
    bool ordered = flow_run_job_take(r, FLOW_JOB_CLAIM, r->ev->u.claimed.token, &job);
    r->st->received -= ordered;
    int known = r->ops->request_by_work_name(r->t, r->ev->u.claimed.source, r->ev->u.claimed.work_name, &old, r->e);
    if (known != 0)
        return known < 0 ? known : 0;
    RUN_TRY(r->ops->counter_get(r->t, FLOW_COUNTER_RESTORED, &restored, r->e));
    memset(&q, 0, sizeof q);
    q.state = FLOW_RQ_RECEIVED;
    q.origin = FLOW_ORIGIN_VENDOR;
    memcpy(q.source, r->ev->u.claimed.source, sizeof q.source);
    memcpy(q.name, r->ev->u.claimed.name, sizeof q.name);
    memcpy(q.work_name, r->ev->u.claimed.work_name, sizeof q.work_name);
    if (source != NULL)
        memcpy(q.facility, source->facility, sizeof q.facility);
    q.mtime_ns = r->ev->u.claimed.mtime_ns;
    q.received_wall_ms = q.since_wall_ms = r->ev->wall_ms;
    q.original = r->ev->u.claimed.original;
    bool hold = restored != 0 && !ordered;      /* may have been sent after the snapshot */
    if (hold)
        flow_run_reason(q.reason, MSG_FLOW_HELD_FILE);
    RUN_TRY(flow_intake_step(r, &q, hold ? FLOW_RS_HELD : FLOW_RS_LOOK));
    RUN_TRY(flow_run_log_request(r, &q, MSG_NONE));
    if (r->ev->u.claimed.problem != MSG_NONE)
        return flow_open_reject(r, &q, r->ev->u.claimed.problem);
    if (flow_run_facility(r->cfg, q.facility, NULL) == NULL)
        return flow_open_reject(r, &q, MSG_FLOW_NO_FACILITY);
    return 0;
}

int flow_intake_order_attachment(struct run *r, const struct flow_request *q, const struct flow_attachment *a)
{
    struct flow_order *order = flow_run_order(r, FLOW_DO_CLAIM_ATTACHMENT);
    if (order == NULL)
        return ERR_NOMEM;
    order->u.attachment.request = q->id;
    memcpy(order->u.attachment.source, q->source, sizeof q->source);
    memcpy(order->u.attachment.name, a->name, sizeof a->name);
    return 0;
}

/* Orders every attachment that is still missing; none missing: the content is complete and the request waits for its turn. */
static int intake_attach(struct run *r, struct flow_request *q)
{
    struct flow_attachment a = { .id = 0 };
    struct bytes part[2 + 2 * FLOW_ATTACHMENTS_MAX];
    struct flow_attachment *kept = malloc(FLOW_ATTACHMENTS_MAX * sizeof *kept);   /* most files have none: not touched for nothing */
    size_t count = 0, missing = 0;
    int rc = kept == NULL ? err_set(r->e, ERR_NOMEM, MSG_NOMEM, NULL, "flow", NULL) : 0;
    part[0] = (struct bytes){ (const char *)q->original.byte, sizeof q->original.byte };
    while (rc == 0 && count < FLOW_ATTACHMENTS_MAX && (rc = r->ops->attachment_next_of_request(r->t, q->id, a.id, &a, r->e)) == 1) {
        kept[count] = a;
        part[1 + 2 * count] = (struct bytes){ kept[count].name, sizeof a.name };
        part[2 + 2 * count] = (struct bytes){ (const char *)kept[count].payload.byte, sizeof a.payload.byte };
        count++;
        rc = 0;
        if (flow_run_is_zero(&a.payload)) {
            missing++;
            rc = flow_intake_order_attachment(r, q, &a);
        }
    }
    if (rc == 0 && missing == 0) {
        flow_run_reason(q->reason, MSG_NONE);
        q->due_ms = 0;
        struct flow_unit u;
        rc = sha256_of_parts(part, 1 + 2 * count, &q->content);
        if (rc == 0)
            rc = r->ops->unit_next_of_request(r->t, q->id, 0, &u, r->e);
        if (rc >= 0)   /* no units yet: the first look could not tell them without the attachments */
            rc = flow_intake_step(r, q, rc == 0 ? FLOW_RS_LOOK : FLOW_RS_TURN);
    } else if (rc == 0) {
        flow_run_reason(q->reason, MSG_FLOW_WAIT_ATTACHMENT);
        if (q->due_ms == 0)
            q->due_ms = r->ev->boot_ms + flow_intake_wait_ms(r, q);
        rc = flow_intake_step(r, q, FLOW_RS_ATTACH);
    }
    free(kept);
    return rc;
}

/* It is in .work/ and its bytes are not wanted (unreadable, or too late): it is filed away with its request. */
static int intake_attachment_unused(struct run *r, struct flow_request *q)
{
    struct flow_attachment a;
    int rc;
    if (r->ev->u.attachment.work_name[0] == '\0' || q->state == FLOW_RQ_ANSWERED)
        return 0;
    for (int64_t after = 0; (rc = r->ops->attachment_next_of_request(r->t, q->id, after, &a, r->e)) == 1; after = a.id)
        if (memcmp(a.name, r->ev->u.attachment.name, sizeof a.name) == 0 && flow_run_is_zero(&a.payload) && a.work_name[0] == '\0') {
            memcpy(a.work_name, r->ev->u.attachment.work_name, sizeof a.work_name);
            RUN_TRY(flow_run_put_attachment(r, &a));
            if (q->state == FLOW_RQ_CLOSED && q->origin == FLOW_ORIGIN_VENDOR) {   /* perhaps the order to file away is out without it: once more */
                struct flow_job *job = flow_run_job_of(r, FLOW_JOB_HAND_BACK, q->id);
                if (job != NULL)
                    flow_run_job_remove(r, job);
                flow_run_enqueue(&r->st->queue[FLOW_QUEUE_HAND_BACK], q->id);
            }
        }
    return rc;
}

int flow_intake_attachment(struct run *r)
{
    struct flow_request q;
    struct flow_attachment a = { .id = 0 };
    bool complete = true, found = false;
    int rc = r->ops->request_get(r->t, r->ev->u.attachment.request, &q, r->e);
    if (rc == ERR_NOTFOUND)
        return 0;
    RUN_TRY(rc);
    if (q.state != FLOW_RQ_RECEIVED)
        return intake_attachment_unused(r, &q);
    if (q.step != FLOW_RS_ATTACH || !(r->ev->u.attachment.there || r->ev->u.attachment.problem != MSG_NONE))
        return 0;
    if (r->ev->u.attachment.problem != MSG_NONE) {
        RUN_TRY(intake_attachment_unused(r, &q));
        return flow_open_reject(r, &q, r->ev->u.attachment.problem);
    }
    for (int64_t after = 0; (rc = r->ops->attachment_next_of_request(r->t, q.id, after, &a, r->e)) == 1; after = a.id) {
        if (memcmp(a.name, r->ev->u.attachment.name, sizeof a.name) == 0 && flow_run_is_zero(&a.payload)) {
            a.payload = r->ev->u.attachment.payload;
            memcpy(a.work_name, r->ev->u.attachment.work_name, sizeof a.work_name);
            RUN_TRY(flow_run_put_attachment(r, &a));
            found = true;
        }
        complete = complete && !flow_run_is_zero(&a.payload);
    }
    RUN_TRY(rc);
    return found && complete ? intake_attach(r, &q) : 0;
}

int flow_intake_attachment_due(struct run *r, struct flow_request *q)
{
    q->due_ms = 0;
    if (q->state != FLOW_RQ_RECEIVED || q->step != FLOW_RS_ATTACH)
        return flow_run_put_request(r, q, MSG_NONE);
    return flow_open_reject(r, q, MSG_FLOW_ATTACHMENT_MISSING);
}

/* What the door of this source lost is given again; its claims come back as names without a row. */
int flow_intake_spool_up(struct run *r)
{
    struct flow_request q;
    struct flow_attachment a;
    int rc;
    for (size_t i = r->st->job_count; i > 0; i--) {
        struct flow_job *job = &r->st->job[i - 1];
        if (job->kind == FLOW_JOB_CLAIM)
            r->st->received--;
        else if (job->kind == FLOW_JOB_HAND_BACK)
            flow_run_enqueue(&r->st->queue[FLOW_QUEUE_HAND_BACK], job->id);
        else
            continue;
        flow_run_job_remove(r, job);
    }
    r->st->hand_back_ms = 0;             /* what its share was not there for is tried now */
    r->st->queue[FLOW_QUEUE_HAND_BACK] = (struct flow_queue){ .after = 0, .more = true };
    for (int64_t after = 0; (rc = r->ops->request_next(r->t, FLOW_RQ_RECEIVED, FLOW_RS_ATTACH, after, &q, r->e)) == 1; after = q.id) {
        if (strcmp(q.source, r->ev->u.source.source) != 0)
            continue;
        for (int64_t at = 0; (rc = r->ops->attachment_next_of_request(r->t, q.id, at, &a, r->e)) == 1; at = a.id)
            if (flow_run_is_zero(&a.payload))
                RUN_TRY(flow_intake_order_attachment(r, &q, &a));
        RUN_TRY(rc);
    }
    return rc;
}

/* Checks and stores the units; *ret_why says what is wrong with them as a whole. */
static int intake_units(struct run *r, const struct flow_request *q, enum msg_id *ret_why)
{
    size_t n = r->ev->u.looked.unit_count;
    *ret_why = n == 0 ? MSG_FLOW_NO_UNITS : n > FLOW_UNITS_MAX || r->ev->u.looked.attachment_count > FLOW_ATTACHMENTS_MAX ? MSG_FLOW_UNIT_LIMIT : MSG_NONE;
    char (*seen)[FLOW_UNIT] = *ret_why == MSG_NONE ? calloc(n, sizeof *seen) : NULL;
    int rc = seen == NULL && *ret_why == MSG_NONE ? err_set(r->e, ERR_NOMEM, MSG_NOMEM, NULL, "flow", NULL) : 0;
    for (size_t i = 0; rc == 0 && *ret_why == MSG_NONE && i < n; i++) {
        const struct flow_unit_looked *look = &r->ev->u.looked.units[i];
        int bad = flow_unit_text(look, seen[i], NULL);
        if (bad < 0)
            *ret_why = bad == ERR_LIMIT ? MSG_FLOW_UNIT_LIMIT : MSG_FLOW_UNIT_NAMELESS;
        for (size_t k = 0; bad == 0 && k < i && *ret_why == MSG_NONE; k++)
            if ((seen[i][0] != '\0' && strcmp(seen[i], seen[k]) == 0) ||
                (look->bundle_id[0] != '\0' && strcmp(look->bundle_id, r->ev->u.looked.units[k].bundle_id) == 0))
                *ret_why = MSG_FLOW_UNIT_TWICE;
    }
    for (size_t i = 0; rc == 0 && *ret_why == MSG_NONE && i < n; i++) {
        const struct flow_unit_looked *look = &r->ev->u.looked.units[i];
        struct flow_unit u;
        memset(&u, 0, sizeof u);
        u.request = q->id;
        u.index = (int32_t)i;
        memcpy(u.source, q->source, sizeof u.source);
        memcpy(u.facility, q->facility, sizeof u.facility);
        u.asked = look->operation;
        u.kind = look->kind;
        memcpy(u.unit, seen[i], sizeof u.unit);
        if (seen[i][0] == 'L')
            memcpy(u.list_key, seen[i], sizeof u.list_key);
        memcpy(u.bundle_id, look->bundle_id, sizeof u.bundle_id);
        memcpy(u.insured, look->insured, sizeof u.insured);
        u.waiting = true;
        rc = flow_run_put_unit(r, &u);
    }
    free(seen);
    return rc;
}

int flow_intake_looked(struct run *r)
{
    struct flow_request q;
    enum msg_id why = r->ev->u.looked.reject;
    int rc = flow_run_request_of(r, FLOW_JOB_LOOK, r->ev->u.looked.token, FLOW_RQ_RECEIVED, FLOW_RS_LOOK, &q);
    if (rc != 1)
        return rc;
    if (!flow_run_is_zero(&r->ev->u.looked.report))
        q.report = r->ev->u.looked.report;
    if (why != MSG_NONE)
        return flow_open_reject(r, &q, why);
    memcpy(q.request_id, r->ev->u.looked.request_id, sizeof q.request_id);
    q.all_or_none = r->ev->u.looked.all_or_none;
    struct flow_attachment a = { .id = 0 };
    int have = r->ops->attachment_next_of_request(r->t, q.id, 0, &a, r->e);   /* an operator's retry carries its attachments with it; a second look has them */
    RUN_TRY(have);
    if (have != 0 || !r->ev->u.looked.incomplete || r->ev->u.looked.attachment_count == 0)
        RUN_TRY(intake_units(r, &q, &why));
    if (why != MSG_NONE)
        return flow_open_reject(r, &q, why);
    for (size_t i = 0; have == 0 && i < r->ev->u.looked.attachment_count; i++) {
        memset(&a, 0, sizeof a);
        a.request = q.id;
        memcpy(a.name, r->ev->u.looked.attachments[i], sizeof a.name);
        RUN_TRY(flow_run_put_attachment(r, &a));
    }
    return intake_attach(r, &q);
}
