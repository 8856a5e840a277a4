/*
 * NAME
 *     notice - a result that nobody asked for (CIS-IF-119: a patient's consent to a document addressed to this clinic)
 * DESCRIPTION
 *     NOTICE -> row `received`, step `look` -> a worker reads it -> ours: `open`, step `compose`, and from there the way of every outcome; not ours, not
 *     readable, or nobody to be told: `answered` with a reason, kept as it came, until a person has it read again. Its file is removed only when it is ours, in the commit that says so.
 *     It changes no state of any message: where its document is ours the message gets one line in its history, no more.
 *     The same name with the same bytes is the same notice, however often it is seen: that is what a crash, or a file that stays, leaves to see again.
 */
#include "flow/run.h"
#include "base/text.h"

static const char route_prefix[] = "link:";
enum { PREFIX = sizeof route_prefix - 1 };

/* What the order about a notice needs. */
void flow_notice_fill(const struct flow_request *q, struct flow_order *order)
{
    order->u.notice.request = q->id;
    text_copy(order->u.notice.route, sizeof order->u.notice.route, strncmp(q->actor, route_prefix, PREFIX) == 0 ? q->actor + PREFIX : "");
    memcpy(order->u.notice.name, q->name, sizeof q->name);
    order->u.notice.original = q->original;
}

static int notice_remove(struct run *r, const struct flow_request *q)
{
    struct flow_order *order = flow_run_order(r, FLOW_DO_REMOVE_NOTICE);
    if (order == NULL)
        return ERR_NOMEM;
    flow_notice_fill(q, order);
    return 0;
}

int flow_notice_come(struct run *r)
{
    const char *name = r->ev->u.notice.name;
    struct bytes part[2] = { { name, strlen(name) + 1 }, { (const char *)r->ev->u.notice.original.byte, SHA256_BYTES } };
    struct flow_request q;
    struct sha256 key;
    char hex[SHA256_HEX];
    RUN_TRY(sha256_of_parts(part, 2, &key));
    sha256_to_hex(&key, hex);
    int known = r->ops->request_by_notice(r->t, hex, &q, r->e);
    if (known == 1)     /* seen again: what was only not removed is removed */
        return q.state != FLOW_RQ_RECEIVED && q.source[0] != '\0' ? notice_remove(r, &q) : 0;
    RUN_TRY(known);
    memset(&q, 0, sizeof q);
    q.state = FLOW_RQ_RECEIVED;
    q.origin = FLOW_ORIGIN_SERVICE;
    memcpy(q.name, name, sizeof q.name);
    snprintf(q.actor, sizeof q.actor, "%s%s", route_prefix, r->ev->u.notice.route);
    text_copy(q.request_id, sizeof q.request_id, hex);
    q.received_wall_ms = q.since_wall_ms = r->ev->wall_ms;
    q.original = r->ev->u.notice.original;
    return flow_intake_step(r, &q, FLOW_RS_LOOK);
}

/* It is told to nobody, and kept. */
int flow_notice_end(struct run *r, struct flow_request *q, enum msg_id why)
{
    q->state = FLOW_RQ_ANSWERED;
    q->since_wall_ms = r->ev->wall_ms;
    flow_run_reason(q->reason, why);
    RUN_TRY(flow_intake_step(r, q, FLOW_RS_NONE));
    return flow_run_log_request(r, q, why);
}

/* A person has mended what was in its way: read once more. */
int flow_notice_again(struct run *r, struct flow_request *q)
{
    if (q->state != FLOW_RQ_ANSWERED || q->source[0] != '\0')
        return flow_run_reply(r, MSG_FLOW_REPLY_FINAL, ERR_NOT_NOW, q->id, 0, 0);
    q->state = FLOW_RQ_RECEIVED;
    q->since_wall_ms = r->ev->wall_ms;
    q->deaths = 0;
    flow_run_reason(q->reason, MSG_NONE);
    memset(q->facility, 0, sizeof q->facility);
    memset(&q->report, 0, sizeof q->report);
    RUN_TRY(flow_intake_step(r, q, FLOW_RS_LOOK));
    return flow_run_reply(r, MSG_FLOW_REPLY_OK, 0, q->id, 0, 0);
}

/* The newest message of the document, if it is one of ours: its source is told, its history says so. */
static int notice_document(struct run *r, struct flow_request *q)
{
    struct flow_message m = { .id = 0 }, next;
    int rc;
    for (int64_t after = 0; (rc = r->ops->message_next_of_bundle(r->t, q->facility, r->ev->u.notice_read.bundle_id, after, &next, r->e)) == 1; after = next.id)
        m = next;
    RUN_TRY(rc);
    if (m.id == 0)
        return 0;
    q->about_request = m.request;
    memcpy(q->source, m.source, sizeof q->source);
    return flow_run_put_message(r, &m, MSG_FLOW_CONSENT_NOTICE);
}

static int notice_tell(struct run *r, struct flow_request *q)
{
    size_t known = 0;
    memcpy(q->facility, r->ev->u.notice_read.facility, sizeof q->facility);
    RUN_TRY(notice_document(r, q));
    while (known < r->cfg->source_count && strcmp(r->cfg->source[known].id, q->source) != 0)
        known++;
    for (size_t i = 0; known == r->cfg->source_count && i < r->cfg->source_count; i++)     /* none, or one that is gone: the facility's first */
        if (strcmp(r->cfg->source[i].facility, q->facility) == 0)
            memcpy(q->source, r->cfg->source[known = i].id, sizeof q->source);
    if (known == r->cfg->source_count) {
        memset(q->source, 0, sizeof q->source);
        return flow_notice_end(r, q, MSG_FLOW_NOTICE_NO_SOURCE);
    }
    q->state = FLOW_RQ_OPEN;
    q->since_wall_ms = r->ev->wall_ms;
    RUN_TRY(flow_intake_step(r, q, FLOW_RS_COMPOSE));
    RUN_TRY(flow_run_log_request(r, q, MSG_FLOW_CONSENT_NOTICE));
    memcpy(r->orders->item[r->orders->count - 1].u.log.code, r->ev->u.notice_read.result, sizeof r->ev->u.notice_read.result);
    return notice_remove(r, q);
}

int flow_notice_read(struct run *r)
{
    struct flow_request q;
    int rc = flow_run_request_of(r, FLOW_JOB_LOOK, r->ev->u.notice_read.token, FLOW_RQ_RECEIVED, FLOW_RS_LOOK, &q);
    if (rc != 1 || q.origin != FLOW_ORIGIN_SERVICE)
        return rc < 0 ? rc : 0;
    q.report = r->ev->u.notice_read.report;
    if (!r->ev->u.notice_read.readable)
        return flow_notice_end(r, &q, MSG_FLOW_NOTICE_UNREADABLE);
    return r->ev->u.notice_read.facility[0] == '\0' ? flow_notice_end(r, &q, MSG_FLOW_NOTICE_FOREIGN) : notice_tell(r, &q);
}
