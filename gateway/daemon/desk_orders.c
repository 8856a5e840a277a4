/*
 * NAME
 *      desk_orders - an order of the state machine as a message to the door that can do it
 *
 * DESCRIPTION
 *      One function an order. A worker's order for which no worker is ready waits here and is given as soon as one is. A submit for which its door is
 *      gone is reported as not having left: the desk knows that it never went out.
 */
#include <fcntl.h>
#include <unistd.h>
#include "base/file.h"
#include "base/timefmt.h"
#include "daemon/desk.h"

#include "link/link.h"
#include "spool/spool.h"

#define BUNDLE_SYSTEM "http://jpfhir.jp/fhir/clins/bundle-identifier"

static const struct settings_facility *facility_of(const struct desk *d, const char *code)
{
    int i = settings_find_facility(d->settings, code);
    return i < 0 ? NULL : &d->settings->facility[i];
}

static void put_facility(struct desk *d, const char *code)
{
    const struct settings_facility *f = facility_of(d, code);

    if (f == NULL)
        return;
    wire_put_text(&d->out, F_FACILITY, f->code);
    if (f->second_code != NULL)
        wire_put_text(&d->out, F_FACILITY, f->second_code);
}

static const struct settings_source *source_of(const struct desk *d, const char *name)
{
    int i = settings_find_source(d->settings, name);
    return i < 0 ? NULL : &d->settings->source[i];
}

static void put_name(struct desk *d, const char *name)
{
    wire_put_bytes(&d->out, F_NAME, name, strlen(name));
}

/* ---- workers ---- */

/* Attachments that are claimed, with their bytes. */
static void put_files(struct desk *d, int64_t request)
{
    struct flow_attachment row;
    struct err e = ERR_INIT;
    static const struct sha256 absent;

    for (int64_t after = 0; store_flow_ops.attachment_next_of_request(d->store, request, after, &row, &e) == 1; after = row.id) {
        if (memcmp(&row.payload, &absent, sizeof absent) == 0)
            continue;
        wire_group_begin(&d->out, F_FILE);
        put_name(d, row.name);
        (void)desk_put_payload(d, F_CONTENT, &row.payload);
        wire_group_end(&d->out);
    }
}

static void look(struct desk *d, const struct flow_order *o)
{
    const struct settings_source *source = source_of(d, o->u.look.source);

    wire_begin(&d->out, WIRE_LOOK);
    wire_put_i64(&d->out, F_ORDER, o->token);
    wire_put_text(&d->out, F_FORMAT, source == NULL ? "json" : source->format);
    if (source != NULL)
        put_facility(d, source->facility);
    wire_put_i64(&d->out, F_TIME, time_wall_ms());
    (void)desk_put_payload(d, F_CONTENT, &o->u.look.original);
    put_files(d, o->u.look.request);
}

static const char *route_of_facility(const struct desk *d, const char *code)
{
    const struct settings_facility *f = facility_of(d, code);
    return f == NULL ? "" : d->settings->link[f->link_index].name;
}

static void convert(struct desk *d, const struct flow_order *o)
{
    const struct settings_source *source = source_of(d, o->u.convert.source);

    wire_begin(&d->out, WIRE_CONVERT);
    wire_put_i64(&d->out, F_ORDER, o->token);
    wire_put_text(&d->out, F_FORMAT, source == NULL ? "json" : source->format);
    put_facility(d, o->u.convert.facility);
    wire_put_i64(&d->out, F_TIME, o->u.convert.wall_ms);
    wire_put_bytes(&d->out, F_SEED, o->u.convert.seed, sizeof o->u.convert.seed);
    (void)desk_put_payload(d, F_CONTENT, &o->u.convert.original);
    put_files(d, o->u.convert.request);
    wire_put_text(&d->out, F_PROFILE, route_of_facility(d, o->u.convert.facility));
    for (size_t i = 0; i < o->u.convert.unit_count; i++) {
        wire_group_begin(&d->out, F_UNIT);
        wire_put_u64(&d->out, F_INDEX, (uint64_t)o->u.convert.unit[i].index);
        wire_put_text(&d->out, F_BUNDLE_ID, o->u.convert.unit[i].bundle_id);
        wire_group_end(&d->out);
    }
}

static void check(struct desk *d, const struct flow_order *o)
{
    static const struct sha256 absent;

    wire_begin(&d->out, WIRE_CHECK);
    wire_put_i64(&d->out, F_ORDER, o->token);
    (void)desk_put_payload(d, F_CONTENT, &o->u.check.bundle);
    if (memcmp(&o->u.check.original_bundle, &absent, sizeof absent) != 0)
        wire_put_bytes(&d->out, F_DIGEST, o->u.check.original_bundle.byte, SHA256_BYTES);
    wire_put_i64(&d->out, F_TIME, o->u.check.wall_ms);
}

/* ---- names of the exchange room for the words of the state machine ---- */

static enum exchange_family family_of(enum flow_kind kind)
{
    return kind == FLOW_KIND_LETTER ? EXCHANGE_DOCUMENT : kind == FLOW_KIND_SUMMARY ? EXCHANGE_SUMMARY : EXCHANGE_CHART;
}

static int operation_of(enum flow_exchange_kind what, enum flow_operation op, enum flow_kind kind)
{
    switch (what) {
    case FLOW_XK_POLL: return EXCHANGE_RESULT;
    case FLOW_XK_INQUIRE: return EXCHANGE_DOCUMENT_INQUIRY;
    case FLOW_XK_PROBE: return (int)exchange_operation_of(family_of(kind), EXCHANGE_CHANGE);
    default:
        return (int)exchange_operation_of(family_of(kind), op == FLOW_OP_CANCEL ? EXCHANGE_CANCEL : op == FLOW_OP_CHANGE ? EXCHANGE_CHANGE : EXCHANGE_REGISTER);
    }
}

static enum exchange_kind document_of(enum flow_kind kind)
{
    static const enum exchange_kind table[FLOW_KIND_COUNT] = {
        [FLOW_KIND_LETTER] = EXCHANGE_KIND_REFERRAL, [FLOW_KIND_SUMMARY] = EXCHANGE_KIND_SUMMARY, [FLOW_KIND_CONDITION] = EXCHANGE_KIND_CONDITION,
        [FLOW_KIND_ALLERGY] = EXCHANGE_KIND_ALLERGY, [FLOW_KIND_OBSERVATION] = EXCHANGE_KIND_OBSERVATION,
    };
    return table[kind];
}

static enum exchange_form form_of(const struct desk *d, const char *route)
{
    int i = settings_find_link(d->settings, route);
    return i >= 0 && d->settings->link[i].type == LINK_TYPE_TERMINAL ? EXCHANGE_XML : EXCHANGE_JSON;
}

static void put_if(struct desk *d, enum wire_field field, const char *text)
{
    if (text[0] != '\0')
        wire_put_text(&d->out, field, text);
}

static void build(struct desk *d, const struct flow_order *o)
{
    struct flow_message message;
    struct store_facts facts = { .consent = 0 };
    struct err e = ERR_INIT;
    static const struct sha256 absent;
    bool has_bundle = memcmp(&o->u.build.bundle, &absent, sizeof absent) != 0;

    if (has_bundle && store_flow_ops.message_get(d->store, o->u.build.message, &message, &e) == 0)
        (void)store_facts_get(d->store, &message.bundle, &facts, &e);
    wire_begin(&d->out, WIRE_BUILD);
    wire_put_i64(&d->out, F_ORDER, o->token);
    wire_put_text(&d->out, F_PROFILE, o->u.build.route);
    wire_put_u64(&d->out, F_OPERATION, (uint64_t)operation_of(o->u.build.kind, o->u.build.operation, o->u.build.document));
    wire_put_u64(&d->out, F_FORM, form_of(d, o->u.build.route));
    wire_put_text(&d->out, F_INSTITUTION, o->u.build.facility);
    wire_put_text(&d->out, F_IDENTIFIER, o->u.build.identifier);
    put_if(d, F_INSURED, o->u.build.key_insured);
    if (o->u.build.bundle_id[0] != '\0') {
        wire_put_text(&d->out, F_SYSTEM, BUNDLE_SYSTEM);
        wire_put_text(&d->out, F_BUNDLE_ID, o->u.build.bundle_id);
    }
    wire_put_u64(&d->out, F_KIND, document_of(o->u.build.document));
    wire_put_u64(&d->out, F_CONSENT, (uint64_t)(facts.consent == 0 && o->u.build.document != FLOW_KIND_NONE ? EXCHANGE_CONSENT_PORTAL : (enum exchange_consent)facts.consent));
    put_if(d, F_RECEIVER, facts.receiver);
    put_if(d, F_RECEIPT, o->u.build.receipt);
    if (has_bundle)
        (void)desk_put_payload(d, F_CONTENT, &o->u.build.bundle);
}

/* Answers that are no envelope (an HTTP status with a class of its own) were stored as "HTTP STATUS CLASS": no worker is needed. */
static bool read_status(struct desk *d, const struct flow_order *o)
{
    struct store_facts facts;
    struct flow_event event = { .type = FLOW_EV_ANSWER_READ };
    struct err e = ERR_INIT;

    if (store_facts_get(d->store, &o->u.read.answer, &facts, &e) < 0 || strncmp(facts.chart_kind, "http", 4) != 0)
        return false;
    event.u.read.token = o->token;
    event.u.read.fits = true;
    event.u.read.answer_class = facts.consent == EXCHANGE_NOT_DONE_RETRY ? FLOW_CLASS_NOT_DONE_RETRY : FLOW_CLASS_FINAL;
    snprintf(event.u.read.code, sizeof event.u.read.code, "HTTP%s", facts.chart_kind + 4);
    event.u.read.msg = MSG_SERVICE_REFUSED;
    desk_event_later(d, &event);
    return true;
}

static void read_answer(struct desk *d, const struct flow_order *o)
{
    struct store_facts facts;
    struct err e = ERR_INIT;
    static const struct sha256 absent;
    bool err_answer = store_facts_get(d->store, &o->u.read.answer, &facts, &e) == 0 && strcmp(facts.chart_kind, "err") == 0;

    wire_begin(&d->out, WIRE_READ);
    wire_put_i64(&d->out, F_ORDER, o->token);
    wire_put_text(&d->out, F_PROFILE, o->u.read.route);
    wire_put_u64(&d->out, F_OPERATION, (uint64_t)operation_of(o->u.read.kind, o->u.read.operation, o->u.read.document));
    wire_put_u64(&d->out, F_FORM, form_of(d, o->u.read.route));
    wire_put_u64(&d->out, F_ANSWER_KIND, err_answer ? EXCHANGE_ERR : EXCHANGE_RES);
    (void)desk_put_payload(d, F_CONTENT, &o->u.read.answer);
    if (memcmp(&o->u.read.source_map, &absent, sizeof absent) != 0)
        (void)desk_put_payload(d, F_SOURCE_MAP, &o->u.read.source_map);
}

static void read_notice(struct desk *d, const struct flow_order *o)
{
    wire_begin(&d->out, WIRE_READ_NOTICE);
    wire_put_i64(&d->out, F_ORDER, o->token);
    wire_put_text(&d->out, F_PROFILE, o->u.notice.route);
    wire_put_u64(&d->out, F_FORM, form_of(d, o->u.notice.route));
    (void)desk_put_payload(d, F_CONTENT, &o->u.notice.original);
}

static const struct { enum flow_order_type type; void (*put)(struct desk *, const struct flow_order *); } work[] = {
    { FLOW_DO_LOOK, look }, { FLOW_DO_CONVERT, convert }, { FLOW_DO_CHECK, check }, { FLOW_DO_BUILD, build }, { FLOW_DO_READ, read_answer },
    { FLOW_DO_READ_NOTICE, read_notice },
};

static bool is_work(enum flow_order_type type)
{
    for (size_t i = 0; i < sizeof work / sizeof *work; i++)
        if (work[i].type == type)
            return true;
    return false;
}

/* A worker that does not take it is ended, and its orders are lost with it; an order that makes no message is lost alone. */
static void give_work(struct desk *d, struct desk_job *job)
{
    struct flow_event lost = { .type = FLOW_EV_WORKER_LOST, .u.subject.token = job->token };
    size_t worker = (size_t)job->door;

    for (size_t i = 0; i < sizeof work / sizeof *work; i++)
        if (work[i].type == job->order.type)
            work[i].put(d, &job->order);
    if (desk_door_send(d, worker) || d->door[worker].fd < 0 || !d->out_bad)
        return;
    desk_job_end(d, job);
    desk_event_later(d, &lost);
}

static void order_work(struct desk *d, const struct flow_order *o)
{
    int worker = desk_door_worker(d);
    struct desk_job *job;

    if (o->type == FLOW_DO_READ && read_status(d, o))
        return;
    job = desk_job_new(d, worker, o->token, o);
    if (job == NULL)
        d->failed = true; /* begun anew rather than waited for what nobody does */
    else if (worker >= 0)
        give_work(d, job);
}

void desk_give_waiting(struct desk *d)
{
    for (size_t i = 0; i < DESK_JOBS_MAX; i++) {
        struct desk_job *job = &d->job[i];
        int worker;
        if (!job->used || job->door >= 0 || job->try_index > 0 || (worker = desk_door_worker(d)) < 0)
            continue;
        job->door = worker;
        job->deadline_ms = time_boot_ms() + DESK_JOB_LIMIT_MS;
        job->given = ++d->given;
        d->door[worker].jobs++;
        give_work(d, job);
    }
    desk_try_waiting(d);
}

/* ---- signer ---- */

static void order_sign(struct desk *d, const struct flow_order *o)
{
    int door = desk_door_find(d, DESK_SIGN, o->u.sign.signer);
    struct flow_event lost = { .type = FLOW_EV_SIGN_LOST, .u.subject.token = o->token };
    struct desk_job *job;

    if (door < 0 || (job = desk_job_new(d, door, o->token, o)) == NULL) {
        desk_event_later(d, &lost);
        return;
    }
    wire_begin(&d->out, WIRE_SIGN);
    wire_put_i64(&d->out, F_ORDER, o->token);
    wire_put_text(&d->out, F_UUID, o->u.sign.uuid);
    wire_put_bytes(&d->out, F_DIGEST, o->u.sign.bundle.byte, SHA256_BYTES);
    wire_put_text(&d->out, F_AUTHOR, "");
    wire_put_i64(&d->out, F_TIME, o->u.sign.wall_ms);
    wire_put_text(&d->out, F_SIGNER, o->u.sign.signer);
    (void)desk_put_payload(d, F_CONTENT, &o->u.sign.bundle);
    if (desk_door_send(d, (size_t)door) || !d->out_bad)
        return;
    desk_job_end(d, job);
    lost.type = FLOW_EV_SIGN_FAILED; /* its bytes cannot be had: again and again would not help */
    memset(&lost.u, 0, sizeof lost.u);
    lost.u.sign_failed.token = o->token;
    lost.u.sign_failed.state = FLOW_SIGNER_READY;
    lost.u.sign_failed.reject = MSG_INTERNAL;
    desk_event_later(d, &lost);
}

/* ---- link ---- */

/* The name on the share for a suffix of ours. */
static int file_name(struct desk *d, const char *route, int operation, const char *suffix, char ret_name[static EXCHANGE_NAME_MAX])
{
    int i = settings_find_link(d->settings, route);
    return i < 0 ? ERR_NOTFOUND : exchange_name_of_suffix(d->profile[i], operation, suffix, ret_name);
}

static void order_submit(struct desk *d, const struct flow_order *o)
{
    struct flow_event event = { .type = FLOW_EV_NOT_LEFT, .u.exchange.exchange = o->u.link.exchange, .u.exchange.why = MSG_WIRE_CLOSED };
    int operation = operation_of(o->u.link.kind, o->u.link.operation, o->u.link.document);
    int door = desk_door_find(d, DESK_LINK, o->u.link.route);
    struct flow_exchange row;
    char name[EXCHANGE_NAME_MAX];
    struct err e = ERR_INIT;

    if (door < 0 || file_name(d, o->u.link.route, operation, o->u.link.name, name) < 0 ||
        store_flow_ops.exchange_get(d->store, o->u.link.exchange, &row, &e) < 0) {
        desk_event_later(d, &event);
        return;
    }
    wire_begin(&d->out, WIRE_SUBMIT);
    wire_put_i64(&d->out, F_EXCHANGE, o->u.link.exchange);
    put_name(d, name);
    wire_put_u64(&d->out, F_OPERATION, (uint64_t)operation);
    wire_put_text(&d->out, F_INSTITUTION, o->u.link.facility);
    wire_put_text(&d->out, F_IDENTIFIER, row.identifier);
    (void)desk_put_payload(d, F_CONTENT, &o->u.link.request);
    if (!desk_door_send(d, (size_t)door)) /* one packet: it went out whole or not at all */
        desk_event_later(d, &event);
}

static void order_await(struct desk *d, const struct flow_order *o, enum wire_type type)
{
    int operation = operation_of(o->u.link.kind, o->u.link.operation, o->u.link.document);
    int door = desk_door_find(d, DESK_LINK, o->u.link.route);
    char name[EXCHANGE_NAME_MAX];

    if (door < 0 || file_name(d, o->u.link.route, operation, o->u.link.name, name) < 0)
        return; /* told again when the link is up */
    wire_begin(&d->out, type);
    wire_put_i64(&d->out, F_EXCHANGE, o->u.link.exchange);
    put_name(d, name);
    (void)desk_door_send(d, (size_t)door);
}

/* Where others read the folder, too, the profile leaves it to the terminal to clear it away. */
static void order_remove_notice(struct desk *d, const struct flow_order *o)
{
    int i = settings_find_link(d->settings, o->u.notice.route), door = desk_door_find(d, DESK_LINK, o->u.notice.route);

    if (i < 0 || door < 0 || !d->profile[i]->notice.remove)
        return;
    wire_begin(&d->out, WIRE_REMOVE_NOTICE);
    put_name(d, o->u.notice.name);
    (void)desk_door_send(d, (size_t)door);
}

/* ---- spool ---- */

static void order_claim(struct desk *d, const struct flow_order *o)
{
    int door = desk_door_of_source(d, o->u.claim.source);

    if (door < 0)
        return; /* FLOW_EV_SPOOL_UP settles it */
    wire_begin(&d->out, WIRE_CLAIM);
    wire_put_i64(&d->out, F_ORDER, o->token);
    wire_put_text(&d->out, F_SOURCE, o->u.claim.source);
    put_name(d, o->u.claim.name);
    (void)desk_door_send(d, (size_t)door);
}

static void order_attachment(struct desk *d, const struct flow_order *o)
{
    int door = desk_door_of_source(d, o->u.attachment.source);
    struct flow_request row;
    struct err e = ERR_INIT;

    if (door < 0 || store_flow_ops.request_get(d->store, o->u.attachment.request, &row, &e) < 0)
        return;
    wire_begin(&d->out, WIRE_CLAIM_ATTACHMENT);
    wire_put_i64(&d->out, F_ORDER, o->u.attachment.request);
    wire_put_text(&d->out, F_SOURCE, o->u.attachment.source);
    put_name(d, o->u.attachment.name);
    wire_put_i64(&d->out, F_MTIME, row.mtime_ns);
    (void)desk_door_send(d, (size_t)door);
}

static const char result_ending[] = ".result.json";

/* "NAME.result.json", for an operator's order "NAME.ORDER.result.json". */
static void result_name(struct desk *d, int64_t request, bool operator_order, char *ret_name, size_t size)
{
    char stem[FLOW_NAME] = "";
    struct flow_request row;
    struct err e = ERR_INIT;

    (void)store_out_name_get(d->store, request, stem, &e);
    for (int64_t about = request; stem[0] == '\0' && about != 0; about = row.about_request) { /* an order stands beside the file that it is about */
        if (store_flow_ops.request_get(d->store, about, &row, &e) < 0 || store_out_name_get(d->store, about, stem, &e) < 0)
            break;
    }
    if (stem[0] == '\0')
        snprintf(stem, sizeof stem, "order");
    if (operator_order)
        snprintf(ret_name, size, "%s.%lld%s", stem, (long long)request, result_ending);
    else
        snprintf(ret_name, size, "%s%s", stem, result_ending);
}

/* The same notice has the same name, whatever was restored meanwhile. */
static void notice_name(struct desk *d, int64_t request, char *ret_name, size_t size)
{
    struct flow_request row;
    struct err e = ERR_INIT;

    if (store_flow_ops.request_get(d->store, request, &row, &e) < 0)
        row.request_id[0] = '\0';
    snprintf(ret_name, size, "consent-%.16s.notice.json", row.request_id);
}

static void send_file_away(struct desk *d, size_t door, const struct flow_order *o)
{
    struct flow_attachment row;
    struct err e = ERR_INIT;

    wire_begin(&d->out, WIRE_FILE_AWAY);
    wire_put_i64(&d->out, F_ORDER, o->u.hand_back.request);
    wire_put_text(&d->out, F_SOURCE, o->u.hand_back.source);
    wire_put_bytes(&d->out, F_WORK, o->u.hand_back.work_name, strlen(o->u.hand_back.work_name));
    for (int64_t after = 0; store_flow_ops.attachment_next_of_request(d->store, o->u.hand_back.request, after, &row, &e) == 1; after = row.id)
        if (row.work_name[0] != '\0')
            wire_put_bytes(&d->out, F_WORK, row.work_name, strlen(row.work_name));
    wire_put_u64(&d->out, F_END, o->u.hand_back.all_done ? SPOOL_DONE : SPOOL_ERROR);
    (void)desk_door_send(d, door);
}

static void order_hand_back(struct desk *d, const struct flow_order *o)
{
    int door = desk_door_of_source(d, o->u.hand_back.source);
    struct flow_event event = { .type = FLOW_EV_HAND_BACK_FAILED, .u.subject.id = o->u.hand_back.request, .u.subject.token = o->token };
    char name[FLOW_NAME + 48];
    int again = -1;
    bool sent;

    if (door < 0) {
        desk_event_later(d, &event);
        return;
    }
    if (o->u.hand_back.origin == FLOW_ORIGIN_SERVICE)
        notice_name(d, o->u.hand_back.request, name, sizeof name);
    else
        result_name(d, o->u.hand_back.request, o->u.hand_back.origin == FLOW_ORIGIN_OPERATOR, name, sizeof name);
    wire_begin(&d->out, WIRE_WRITE);
    wire_put_i64(&d->out, F_ORDER, o->u.hand_back.request);
    wire_put_text(&d->out, F_SOURCE, o->u.hand_back.source);
    wire_put_u64(&d->out, F_PLACE, SPOOL_OUT);
    put_name(d, name);
    if (!desk_put_payload(d, F_CONTENT, &o->u.hand_back.outcome)) {
        again = desk_outcome_again(d, o->u.hand_back.request);
        if (again < 0) {
            desk_event_later(d, &event);
            return;
        }
        wire_put_fd(&d->out, F_CONTENT, again);
    }
    wire_put_u64(&d->out, F_DURABLE, 1);
    if (o->u.hand_back.origin == FLOW_ORIGIN_VENDOR && !desk_status_unwritten(d, o->u.hand_back.request)) {
        char status[sizeof name];
        snprintf(status, sizeof status, "%.*s.status.json", (int)(strlen(name) - strlen(result_ending)), name);
        wire_put_text(&d->out, F_OUT_NAME, status); /* goes with the same order, which is given again until it is done: nothing else would ever take it away */
    }
    sent = desk_door_send(d, (size_t)door);
    if (again >= 0)
        close(again);
    if (!sent) {
        desk_event_later(d, &event);
        return;
    }
    if (o->u.hand_back.origin != FLOW_ORIGIN_VENDOR) {
        event.type = FLOW_EV_FILED; /* there is no original to file */
        desk_event_later(d, &event);
    } else {
        send_file_away(d, (size_t)door, o);
    }
}

void desk_give(struct desk *d, const struct flow_order *o)
{
    if (is_work(o->type)) {
        order_work(d, o);
        return;
    }
    switch (o->type) {
    case FLOW_DO_CLAIM: order_claim(d, o); break;
    case FLOW_DO_OFFER_AGAIN: desk_ask_offers(d); break; /* there is room again */
    case FLOW_DO_CLAIM_ATTACHMENT: order_attachment(d, o); break;
    case FLOW_DO_HAND_BACK: order_hand_back(d, o); break;
    case FLOW_DO_WRITE_STATUS: desk_status_dirty(d, o->u.request.request); break;
    case FLOW_DO_SIGN: order_sign(d, o); break;
    case FLOW_DO_SUBMIT: order_submit(d, o); break;
    case FLOW_DO_AWAIT: order_await(d, o, WIRE_AWAIT); break;
    case FLOW_DO_LOOK_FOLDER: order_await(d, o, WIRE_LINK_LOOK); break;
    case FLOW_DO_REMOVE_ANSWER: order_await(d, o, WIRE_REMOVE); break;
    case FLOW_DO_REMOVE_NOTICE: order_remove_notice(d, o); break;
    case FLOW_DO_LOG: desk_log_order(d, o); break;
    case FLOW_DO_ALARM: desk_alarm_order(d, o); break;
    default: break;
    }
}
