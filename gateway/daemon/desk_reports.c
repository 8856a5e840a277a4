/*
 * NAME
 *      desk_reports - what a door says, as events of the state machine
 *
 * DESCRIPTION
 *      One function a message. Bytes that come along are put as payloads in the transaction of the turn before the event that names them. Texts are cut to
 *      the sizes of the rows; the doors check lengths where they matter.
 *
 * DIAGNOSTICS
 *      A message that breaks the table ends its door. A report of an order that nobody knows is dropped.
 */
#include <fcntl.h>
#include <unistd.h>
#include "base/file.h"
#include "base/kind_word.h"
#include "base/text.h"
#include "base/timefmt.h"
#include "chart/order.h"
#include "daemon/desk.h"
#include "link/link.h"
#include "report/notice.h"
#include "report/outcome.h"
#include "sign/sign.h"
#include "spool/spool.h"

enum { HEAR_MAX = 128 };

/* ---- spool ---- */

static void on_offered(struct desk *d, struct wire_in *in)
{
    struct flow_event event = { .type = FLOW_EV_OFFERED, .u.offered.mtime_ns = wire_i64(in, F_MTIME), .u.offered.size = wire_u64(in, F_SIZE) };

    if (d->flow->refused_offer && d->flow->received >= d->cfg.claims_max) /* it has said so, and will ask for all of them */
        return;
    DESK_COPY(event.u.offered.source, wire_text(in, F_SOURCE));
    desk_text_of(event.u.offered.name, sizeof event.u.offered.name, wire_bytes(in, F_NAME));
    desk_event(d, &event);
}

/* The stem is the request's own: two claims in quick succession may have been given the same one by the door. */
static void remember_out_name(struct desk *d, const struct flow_event *event, const char *stem)
{
    struct flow_request row;
    char unique[FLOW_NAME];
    bool taken = false;
    struct err e = ERR_INIT;
    int r;

    if (d->failed || store_flow_ops.request_by_work_name(d->store, event->u.claimed.source, event->u.claimed.work_name, &row, &e) != 1)
        return;
    if (store_out_name_get(d->store, row.id, unique, &e) == 0 && unique[0] != '\0')
        return;
    r = store_out_name_taken(d->store, row.source, stem, &taken, &e);
    if (taken)
        snprintf(unique, sizeof unique, "%.200s.r%lld", stem, (long long)row.id);
    else
        text_copy(unique, sizeof unique, stem);
    if (r == 0)
        r = store_out_name_put(d->store, row.id, unique, &e);
    if (r < 0) {
        desk_log(d, &e);
        d->failed = true;
    }
}

static void on_claimed(struct desk *d, size_t door, struct wire_in *in)
{
    struct flow_event event = { .type = FLOW_EV_CLAIMED, .u.claimed.token = wire_i64(in, F_ORDER), .u.claimed.mtime_ns = wire_i64(in, F_MTIME),
                                .u.claimed.problem = (enum msg_id)wire_u64(in, F_MSG) };

    DESK_COPY(event.u.claimed.source, wire_text(in, F_SOURCE));
    desk_text_of(event.u.claimed.name, sizeof event.u.claimed.name, wire_bytes(in, F_NAME));
    desk_text_of(event.u.claimed.work_name, sizeof event.u.claimed.work_name, wire_bytes(in, F_WORK));
    if (event.u.claimed.problem >= MSG_COUNT)
        event.u.claimed.problem = MSG_INTERNAL;
    if (!desk_take(d, in, F_CONTENT, &event.u.claimed.original)) {
        desk_door_kill(d, door); /* it lies in .work/: the next door hands it over again */
        return;
    }
    desk_event(d, &event);
    remember_out_name(d, &event, wire_text(in, F_OUT_NAME));
}

static void on_claim_failed(struct desk *d, struct wire_in *in)
{
    struct flow_event event = { .type = FLOW_EV_CLAIM_FAILED, .u.claimed.token = wire_i64(in, F_ORDER) };

    DESK_COPY(event.u.claimed.source, wire_text(in, F_SOURCE));
    desk_text_of(event.u.claimed.name, sizeof event.u.claimed.name, wire_bytes(in, F_NAME));
    desk_event(d, &event);
}

static void on_attachment(struct desk *d, size_t door, struct wire_in *in)
{
    struct flow_event event = { .type = FLOW_EV_ATTACHMENT, .u.attachment.request = wire_i64(in, F_ORDER), .u.attachment.there = wire_u64(in, F_PRESENT) != 0,
                                .u.attachment.problem = (enum msg_id)wire_u64(in, F_MSG) };

    desk_text_of(event.u.attachment.name, sizeof event.u.attachment.name, wire_bytes(in, F_NAME));
    desk_text_of(event.u.attachment.work_name, sizeof event.u.attachment.work_name, wire_bytes(in, F_WORK));
    if (desk_take(d, in, F_CONTENT, &event.u.attachment.payload))
        desk_event(d, &event);
    else
        desk_door_kill(d, door); /* found again in .work/, under its name */
}

static void handed_back(struct desk *d, enum flow_event_type type, int64_t request)
{
    struct flow_event event = { .type = type, .u.subject.id = request };

    desk_event(d, &event);
}

/* The door mostly says both in one breath: then it is one change of the row. */
static void written_flush(struct desk *d)
{
    int64_t request = d->written;

    d->written = 0;
    if (request != 0)
        handed_back(d, FLOW_EV_OUTCOME_WRITTEN, request);
}

static void on_written(struct desk *d, struct wire_in *in)
{
    int64_t request = wire_i64(in, F_ORDER);

    if (request == 0)
        return; /* a status file or a file in try/: made again from the rows whenever something changes */
    if (wire_u64(in, F_DONE))
        d->written = request;
    else
        handed_back(d, FLOW_EV_HAND_BACK_FAILED, request);
}

static void on_filed(struct desk *d, struct wire_in *in)
{
    int64_t request = wire_i64(in, F_ORDER);
    bool done = wire_u64(in, F_DONE) != 0, both = done && d->written == request;

    if (both)
        d->written = 0;
    written_flush(d);
    handed_back(d, both ? FLOW_EV_HANDED_BACK : done ? FLOW_EV_FILED : FLOW_EV_HAND_BACK_FAILED, request);
}

/* One notice beside the vendor's results: an attachment that nobody names is no request and gets no outcome. */
static void write_notice(struct desk *d, const char *source, struct bytes name, const char *stem)
{
    char raw[FLOW_NAME], shown[FLOW_NAME * 4], file[FLOW_NAME + 16];
    struct buf text;
    struct err e = ERR_INIT;

    buf_init(&text, 1 << 16);
    desk_text_of(raw, sizeof raw, name);
    outcome_printable(raw, shown, sizeof shown);
    snprintf(file, sizeof file, "%s.notice.json", stem);
    if (outcome_notice(shown, MSG_SPOOL_ORPHAN, (enum msg_lang)d->settings->language, time_wall_ms(), &text, &e) == 0)
        desk_door_write(d, source, SPOOL_OUT, file, buf_bytes(&text));
    else
        desk_log(d, &e);
    buf_free(&text);
}

static void on_orphan(struct desk *d, struct wire_in *in)
{
    const char *source = wire_text(in, F_SOURCE);
    struct sha256 digest;
    char hex[SHA256_HEX];
    struct bytes name = wire_bytes(in, F_NAME);

    if (sha256_of(name.data, name.len, &digest) < 0) /* the name itself may name a patient */
        return;
    sha256_to_hex(&digest, hex);
    hex[8] = '\0';
    desk_log_plain(d, MSG_WARNED_ORPHAN, source, hex);
    write_notice(d, source, name, wire_text(in, F_OUT_NAME));
}

static void on_source_state(struct desk *d, struct wire_in *in)
{
    struct flow_event event = { .type = FLOW_EV_SPOOL_UP };
    int i = settings_find_source(d->settings, wire_text(in, F_SOURCE));
    bool up = wire_u64(in, F_STATE) != 0;

    if (i < 0)
        return;
    if (d->source_met[i] ? d->source_up[i] != up : !up) /* there from the start is no news */
        desk_log_plain(d, up ? MSG_SPOOL_SHARE_BACK : MSG_SPOOL_SHARE_GONE, d->settings->source[i].name, "");
    d->source_up[i] = up;
    d->source_met[i] = true;
    d->page_dirty = true;
    DESK_COPY(event.u.source.source, d->settings->source[i].name);
    desk_event(d, &event); /* down, too: what it had claimed and not handed over is on nobody's way any more, and comes again when it is up */
}

/* ---- workers ---- */

/* The worker could not do it, or its report is no good: that says nothing about the bytes, and what happens twice is rejected. */
static void job_lost(struct desk *d, struct desk_job *job)
{
    struct flow_event event = { .type = FLOW_EV_WORKER_LOST, .u.subject.token = job->token };

    desk_event(d, &event);
    desk_job_end(d, job);
}

static enum flow_kind kind_of(uint64_t chart_kind)
{
    switch (chart_kind) {
    case CHART_DISEASES: return FLOW_KIND_CONDITION;
    case CHART_ALLERGIES: return FLOW_KIND_ALLERGY;
    case CHART_LAB: return FLOW_KIND_OBSERVATION;
    case CHART_LETTER: return FLOW_KIND_LETTER;
    case CHART_PATIENT_SUMMARY: return FLOW_KIND_SUMMARY;
    default: return FLOW_KIND_NONE;
    }
}

static enum flow_operation operation_of(uint64_t order, bool emptied)
{
    static const enum flow_operation table[ORDER_OPERATION_COUNT] = {
        [ORDER_REGISTER] = FLOW_OP_REGISTER, [ORDER_CHANGE] = FLOW_OP_CHANGE, [ORDER_CANCEL] = FLOW_OP_CANCEL, [ORDER_CURRENT] = FLOW_OP_CURRENT,
    };
    if (emptied)
        return FLOW_OP_CLEAR;
    return order < ORDER_OPERATION_COUNT ? table[order] : FLOW_OP_NONE;
}

static bool read_unit(const struct wire_group *group, struct flow_unit_looked *unit)
{
    bool valid = wire_group_u64(group, F_VALID) != 0;

    memset(unit, 0, sizeof *unit);
    unit->kind = valid ? kind_of(wire_group_u64(group, F_KIND)) : FLOW_KIND_NONE;
    unit->operation = valid ? operation_of(wire_group_u64(group, F_OPERATION), wire_group_u64(group, F_EMPTIED) != 0) : FLOW_OP_REGISTER;
    if (valid) {
        DESK_COPY(unit->key, wire_group_text(group, F_KEY));
        DESK_COPY(unit->chart, wire_group_text(group, F_CHART));
        DESK_COPY(unit->bundle_id, wire_group_text(group, F_BUNDLE_ID));
        DESK_COPY(unit->insured, wire_group_text(group, F_INSURED));
    }
    return wire_group_u64(group, F_INCOMPLETE) != 0;
}

/* Report payload: the vendor's own members in the first line, the findings as JSON in the rest. */
static bool put_report(struct desk *d, struct wire_in *in, struct sha256 *ret_digest)
{
    int x = wire_take_fd(in, F_X), issues = wire_take_fd(in, F_ISSUES);
    struct bytes a = { "", 0 }, b = { "", 0 };
    struct buf text;
    bool ok = true;

    buf_init(&text, DESK_PAYLOAD_MAX);
    if ((x >= 0 && memfd_map(x, DESK_PAYLOAD_MAX, &a, NULL) < 0) || (issues >= 0 && memfd_map(issues, DESK_PAYLOAD_MAX, &b, NULL) < 0))
        ok = false;
    if (ok && a.len + b.len > 0)
        ok = buf_add(&text, a.data, a.len) == 0 && buf_add_char(&text, '\n') == 0 && buf_add(&text, b.data, b.len) == 0 &&
             desk_put_text(d, text.data, text.len, ret_digest);
    if (x >= 0) {
        memfd_unmap(&a);
        close(x);
    }
    if (issues >= 0) {
        memfd_unmap(&b);
        close(issues);
    }
    buf_free(&text);
    return ok;
}

static void on_looked(struct desk *d, struct desk_job *job, struct wire_in *in)
{
    struct flow_event event = { .type = FLOW_EV_LOOKED, .u.looked.token = wire_i64(in, F_ORDER), .u.looked.reject = (enum msg_id)wire_u64(in, F_MSG),
                                .u.looked.all_or_none = wire_u64(in, F_ALL_OR_NONE) != 0 };
    struct flow_unit_looked *units = calloc(FLOW_UNITS_MAX, sizeof *units);
    char (*attachments)[FLOW_NAME] = calloc(FLOW_ATTACHMENTS_MAX, sizeof *attachments);
    struct wire_group cursor = wire_first(in), group;
    const char *name;

    if (units == NULL || attachments == NULL || event.u.looked.reject == MSG_NOMEM) {
        job_lost(d, job);
        goto out;
    }
    while (wire_next_group(&cursor, F_UNIT, &group)) {
        if (event.u.looked.unit_count == FLOW_UNITS_MAX) {
            event.u.looked.reject = MSG_FLOW_UNIT_LIMIT;
            break;
        }
        event.u.looked.incomplete |= read_unit(&group, &units[event.u.looked.unit_count++]);
    }
    cursor = wire_first(in);
    while (wire_next_text(&cursor, F_ATTACHMENT, &name))
        if (event.u.looked.attachment_count == FLOW_ATTACHMENTS_MAX)
            event.u.looked.reject = MSG_FLOW_UNIT_LIMIT;
        else
            text_copy(attachments[event.u.looked.attachment_count++], FLOW_NAME, name);
    event.u.looked.units = units;
    event.u.looked.attachments = (const char (*)[FLOW_NAME])attachments;
    DESK_COPY(event.u.looked.request_id, wire_text(in, F_REQUEST_ID));
    if (event.u.looked.reject >= MSG_COUNT)
        event.u.looked.reject = MSG_INTERNAL;
    if (put_report(d, in, &event.u.looked.report)) {
        desk_event(d, &event);
        desk_job_end(d, job);
    } else {
        job_lost(d, job);
    }
out:
    free(units);
    free(attachments);
}

static void on_unit(struct desk *d, struct desk_job *job, struct wire_in *in)
{
    struct flow_unit_converted *unit;
    struct store_facts facts = { .consent = wire_i64(in, F_CONSENT) };
    struct err e = ERR_INIT;

    if (job->units == FLOW_UNITS_MAX)
        return;
    unit = &job->unit[job->units++];
    memset(unit, 0, sizeof *unit);
    unit->index = (int32_t)wire_u64(in, F_INDEX);
    unit->reject = (enum msg_id)wire_u64(in, F_MSG);
    unit->signature = (enum flow_signature)wire_u64(in, F_SIGNED);
    unit->size = wire_u64(in, F_SIZE);
    DESK_COPY(unit->insured, wire_text(in, F_INSURED));
    DESK_COPY(unit->signer, wire_text(in, F_SIGNER));
    DESK_COPY(facts.receiver, wire_text(in, F_RECEIVER));
    DESK_COPY(facts.chart_kind, kind_word_text(wire_u64(in, F_KIND)));
    if (unit->reject >= MSG_COUNT)
        unit->reject = MSG_INTERNAL;
    job->spoiled |= unit->reject == MSG_NOMEM;
    if (!desk_take(d, in, F_ISSUES, &unit->issues) || !desk_take(d, in, F_SOURCE_MAP, &unit->source_map)) {
        job->spoiled = true;
        return;
    }
    if (wire_has(in, F_CONTENT)) {
        if (!desk_take(d, in, F_CONTENT, &unit->bundle)) {
            job->spoiled = true;
            return;
        }
        if (store_facts_put(d->store, &unit->bundle, &facts, &e) < 0) {
            desk_log(d, &e);
            d->failed = true;
        }
    }
}

static void on_converted(struct desk *d, struct desk_job *job, struct wire_in *in)
{
    struct flow_event event = { .type = FLOW_EV_CONVERTED, .u.converted.token = wire_i64(in, F_ORDER), .u.converted.reject = (enum msg_id)wire_u64(in, F_MSG) };

    if (job->spoiled || event.u.converted.reject == MSG_NOMEM) {
        job_lost(d, job);
        return;
    }
    event.u.converted.units = job->unit;
    event.u.converted.unit_count = job->units;
    if (event.u.converted.reject >= MSG_COUNT)
        event.u.converted.reject = MSG_INTERNAL;
    desk_event(d, &event);
    desk_job_end(d, job);
}

/* What the conversion had to say about a message stays beside what the check says: two JSON arrays become one. */
static bool take_findings(struct desk *d, int64_t message, int fd, struct sha256 *ret_digest)
{
    static const struct sha256 absent;
    struct flow_message row;
    struct bytes fresh;
    struct buf text;
    struct err e = ERR_INIT;
    bool ok = false;

    if (fd < 0 || store_flow_ops.message_get(d->store, message, &row, &e) < 0 || memcmp(&row.issues, &absent, sizeof absent) == 0)
        return desk_take_fd(d, fd, ret_digest);
    buf_init(&text, DESK_PAYLOAD_MAX);
    if (memfd_map(fd, DESK_PAYLOAD_MAX, &fresh, &e) == 0) {
        if (store_payload_get(d->store, &row.issues, &text, &e) == 0 && text.len > 2 && fresh.len > 2) {
            text.data[--text.len] = '\0'; /* the closing bracket */
            ok = buf_add_char(&text, ',') == 0 && buf_add(&text, fresh.data + 1, fresh.len - 1) == 0 && desk_put_text(d, text.data, text.len, ret_digest);
        }
        memfd_unmap(&fresh);
    }
    buf_free(&text);
    if (ok)
        close(fd);
    return ok || desk_take_fd(d, fd, ret_digest);
}

static void on_checked(struct desk *d, struct desk_job *job, struct wire_in *in)
{
    struct flow_event event = { .type = FLOW_EV_CHECKED, .u.checked.token = wire_i64(in, F_ORDER), .u.checked.reject = (enum msg_id)wire_u64(in, F_MSG) };

    if (event.u.checked.reject >= MSG_COUNT)
        event.u.checked.reject = MSG_INTERNAL;
    event.u.checked.signed_wall_ms = job->order.u.check.wall_ms;
    if (event.u.checked.reject == MSG_NOMEM || !take_findings(d, job->order.u.check.message, wire_take_fd(in, F_ISSUES), &event.u.checked.issues)) {
        job_lost(d, job);
        return;
    }
    desk_event(d, &event);
    desk_job_end(d, job);
}

static void on_built(struct desk *d, struct desk_job *job, struct wire_in *in)
{
    struct flow_event event = { .type = FLOW_EV_BUILT, .u.built.token = wire_i64(in, F_ORDER), .u.built.reject = (enum msg_id)wire_u64(in, F_MSG),
                                .u.built.size = wire_u64(in, F_SIZE) };

    if (event.u.built.reject >= MSG_COUNT)
        event.u.built.reject = MSG_INTERNAL;
    if (event.u.built.reject == MSG_NOMEM || (event.u.built.reject == MSG_NONE && !wire_has(in, F_CONTENT)) ||
        !desk_take(d, in, F_CONTENT, &event.u.built.request)) {
        job_lost(d, job);
        return;
    }
    desk_event(d, &event);
    desk_job_end(d, job);
}

static enum flow_class class_of(uint64_t class)
{
    static const enum flow_class table[EXCHANGE_CLASS_COUNT] = {
        [EXCHANGE_SUCCESS] = FLOW_CLASS_SUCCESS, [EXCHANGE_PENDING] = FLOW_CLASS_PENDING, [EXCHANGE_FINAL] = FLOW_CLASS_FINAL,
        [EXCHANGE_NOT_DONE_RETRY] = FLOW_CLASS_NOT_DONE_RETRY, [EXCHANGE_UNKNOWN] = FLOW_CLASS_UNKNOWN,
    };
    return class < EXCHANGE_CLASS_COUNT ? table[class] : FLOW_CLASS_UNKNOWN;
}

static void on_answer_read(struct desk *d, struct desk_job *job, struct wire_in *in)
{
    struct flow_event event = { .type = FLOW_EV_ANSWER_READ, .u.read.token = wire_i64(in, F_ORDER) };

    event.u.read.fits = wire_u64(in, F_MSG) == MSG_NONE &&
                        exchange_answer_fits(wire_text(in, F_INSTITUTION), wire_text(in, F_IDENTIFIER), job->order.u.read.facility, job->order.u.read.identifier);
    event.u.read.answer_class = class_of(wire_u64(in, F_CLASS));
    event.u.read.business = wire_u64(in, F_LAYER) == EXCHANGE_BUSINESS;
    event.u.read.absent = (wire_u64(in, F_MARKS) & EXCHANGE_ABSENT) != 0;
    event.u.read.already_there = (wire_u64(in, F_MARKS) & EXCHANGE_ALREADY_THERE) != 0;
    event.u.read.there = wire_u64(in, F_DOCUMENT_STATUS) != EXCHANGE_STATUS_NONE;
    event.u.read.msg = event.u.read.answer_class == FLOW_CLASS_FINAL ? MSG_SERVICE_REFUSED : MSG_NONE;
    DESK_COPY(event.u.read.receipt, wire_text(in, F_RECEIPT));
    DESK_COPY(event.u.read.code, wire_text(in, F_CODE));
    if (wire_u64(in, F_MSG) == MSG_NOMEM || !desk_take(d, in, F_ISSUES, &event.u.read.findings)) {
        job_lost(d, job);
        return;
    }
    desk_event(d, &event);
    desk_job_end(d, job);
}

static void on_notice_read(struct desk *d, struct desk_job *job, struct wire_in *in)
{
    struct flow_event event = { .type = FLOW_EV_NOTICE_READ, .u.notice_read.token = wire_i64(in, F_ORDER), .u.notice_read.readable = wire_u64(in, F_MSG) == MSG_NONE };
    struct notice_said said = { wire_text(in, F_INSTITUTION), wire_text(in, F_BUNDLE_ID), wire_text(in, F_CODE) };
    int facility = settings_find_facility(d->settings, said.institution);
    struct buf text;
    bool ok = wire_u64(in, F_MSG) != MSG_NOMEM;

    buf_init(&text, 1 << 16);
    if (ok && event.u.notice_read.readable) {
        DESK_COPY(event.u.notice_read.facility, facility < 0 ? "" : d->settings->facility[facility].code);
        DESK_COPY(event.u.notice_read.bundle_id, said.document);
        DESK_COPY(event.u.notice_read.result, said.result);
        ok = notice_keep(&said, &text, NULL) == 0 && desk_put_text(d, text.data, text.len, &event.u.notice_read.report);
    }
    buf_free(&text);
    if (ok) {
        desk_event(d, &event);
        desk_job_end(d, job);
    } else {
        job_lost(d, job);
    }
}

/* ---- signer ---- */

static enum flow_signer_state signer_state(uint64_t wait)
{
    switch (wait) {
    case SIGN_WAIT_NONE: return FLOW_SIGNER_READY;
    case SIGN_WAIT_CARD: return FLOW_SIGNER_NO_CARD;
    case SIGN_WAIT_PIN: return FLOW_SIGNER_PIN;
    case SIGN_WAIT_LOCKED: return FLOW_SIGNER_LOCKED;
    case SIGN_WAIT_CERTIFICATE: return FLOW_SIGNER_EXPIRED;
    default: return FLOW_SIGNER_DOWN;
    }
}

static void on_signed(struct desk *d, struct desk_job *job, struct wire_in *in)
{
    struct flow_event event = { .type = FLOW_EV_SIGNED, .u.signed_bundle.token = wire_i64(in, F_ORDER), .u.signed_bundle.certificate_end_wall_ms = wire_i64(in, F_NOT_AFTER) };

    event.u.signed_bundle.signed_wall_ms = job->order.u.sign.wall_ms;
    if (!desk_take(d, in, F_CONTENT, &event.u.signed_bundle.signed_bundle)) {
        event.type = FLOW_EV_SIGN_LOST;
        memset(&event.u, 0, sizeof event.u);
        event.u.subject.token = job->token;
    }
    desk_event(d, &event);
    desk_job_end(d, job);
}

static void on_sign_failed(struct desk *d, struct desk_job *job, struct wire_in *in)
{
    struct flow_event event = { .type = FLOW_EV_SIGN_FAILED, .u.sign_failed.token = wire_i64(in, F_ORDER) };
    uint64_t wait = wire_u64(in, F_WAIT), msg = wire_u64(in, F_MSG);

    event.u.sign_failed.state = signer_state(wait);
    event.u.sign_failed.reject = wait != SIGN_WAIT_NONE ? MSG_NONE : msg == MSG_NONE || msg >= MSG_COUNT ? MSG_INTERNAL : (enum msg_id)msg;
    desk_event(d, &event);
    desk_job_end(d, job);
}

static void on_signer_state(struct desk *d, size_t door, struct wire_in *in)
{
    struct flow_event event = { .type = FLOW_EV_SIGNER, .u.signer.state = signer_state(wire_u64(in, F_STATE)) };
    int i = settings_find_signer(d->settings, d->door[door].name);

    if (i < 0)
        return;
    d->signer[i].state = (int)event.u.signer.state;
    d->signer[i].present = wire_u64(in, F_PRESENT) != 0;
    d->signer[i].attended = wire_u64(in, F_ATTENDED) != 0;
    d->signer[i].low = wire_u64(in, F_LOW) != 0;
    d->signer[i].final_try = wire_u64(in, F_FINAL_TRY) != 0;
    d->signer[i].locked = wire_u64(in, F_LOCKED) != 0;
    d->signer[i].not_after_ms = wire_i64(in, F_NOT_AFTER);
    DESK_COPY(d->signer[i].title, wire_text(in, F_TITLE));
    d->page_dirty = true;
    DESK_COPY(event.u.signer.signer, d->settings->signer[i].name);
    desk_event(d, &event);
}

/* ---- any door ---- */

static void on_ready(struct desk *d, size_t door)
{
    d->door[door].ready = true;
    d->door[door].problem = MSG_NONE;
    d->page_dirty = true;
    if (d->door[door].kind == DESK_CONVERT)
        desk_give_waiting(d);
    if (d->door[door].kind == DESK_LINK && d->settings->link[settings_find_link(d->settings, d->door[door].name)].type == LINK_TYPE_SINK)
        desk_link_set(d, d->door[door].name, true, 0);
}

static void on_problem(struct desk *d, size_t index, struct wire_in *in)
{
    struct desk_door *door = &d->door[index];
    struct wire_group cursor = wire_first(in);
    const char *arg[2] = { "", "" };
    uint64_t msg = wire_u64(in, F_MSG);

    for (int i = 0; i < 2 && wire_next_text(&cursor, F_ARG, &arg[i]); i++)
        continue;
    door->problem = msg < MSG_COUNT ? (enum msg_id)msg : MSG_INTERNAL;
    for (int i = 0; i < 2; i++)
        snprintf(door->problem_arg[i], sizeof door->problem_arg[i], "%s", arg[i]);
    log_event(d->log, door->problem, arg[0], arg[1], NULL);
}

/* What a worker may say to an order. */
static bool is_report_of(const struct desk_job *job, enum wire_type type)
{
    static const struct { enum wire_type report; enum flow_order_type order; } table[] = {
        { WIRE_LOOKED, FLOW_DO_LOOK }, { WIRE_CONVERTED_UNIT, FLOW_DO_CONVERT }, { WIRE_CONVERTED, FLOW_DO_CONVERT }, { WIRE_CHECKED, FLOW_DO_CHECK },
        { WIRE_BUILT, FLOW_DO_BUILD }, { WIRE_ANSWER, FLOW_DO_READ }, { WIRE_NOTICE, FLOW_DO_READ_NOTICE },
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].report == type)
            return table[i].order == job->order.type;
    return false;
}

static void hear_work(struct desk *d, size_t door, struct wire_in *in)
{
    struct desk_job *job = desk_job_find(d, wire_i64(in, F_ORDER), door);
    bool trial = job != NULL && job->try_index > 0;

    if (job == NULL)
        return;
    if (!is_report_of(job, in->type)) {
        desk_door_kill(d, door);
        return;
    }
    d->door[door].failures = 0; /* it works: its end will be that of one order, and its successor need not wait */
    switch (in->type) {
    case WIRE_LOOKED: trial ? desk_try_looked(d, job, in) : on_looked(d, job, in); break;
    case WIRE_CONVERTED_UNIT: trial ? desk_try_unit(d, job, in) : on_unit(d, job, in); break;
    case WIRE_CONVERTED: trial ? desk_try_converted(d, job, in) : on_converted(d, job, in); break;
    case WIRE_CHECKED: on_checked(d, job, in); break;
    case WIRE_BUILT: on_built(d, job, in); break;
    case WIRE_ANSWER: on_answer_read(d, job, in); break;
    case WIRE_NOTICE: on_notice_read(d, job, in); break;
    default: break;
    }
}

static void hear_spool(struct desk *d, size_t door, struct wire_in *in)
{
    if (in->type != WIRE_FILED)
        written_flush(d);
    switch (in->type) {
    case WIRE_OFFERED: on_offered(d, in); break;
    case WIRE_CLAIMED: on_claimed(d, door, in); break;
    case WIRE_CLAIM_FAILED: on_claim_failed(d, in); break;
    case WIRE_ATTACHMENT: on_attachment(d, door, in); break;
    case WIRE_WRITTEN: on_written(d, in); break;
    case WIRE_FILED: on_filed(d, in); break;
    case WIRE_ORPHAN: on_orphan(d, in); break;
    case WIRE_SOURCE_STATE: on_source_state(d, in); break;
    case WIRE_TRY: desk_try_file(d, door, in); break;
    case WIRE_TRY_FILE: desk_try_beside(d, in); break;
    default: break;
    }
}

static void hear_sign(struct desk *d, size_t door, struct wire_in *in)
{
    struct desk_job *job = in->type == WIRE_SIGNER_STATE ? NULL : desk_job_find(d, wire_i64(in, F_ORDER), door);

    if (in->type == WIRE_SIGNER_STATE)
        on_signer_state(d, door, in);
    else if (job != NULL && in->type == WIRE_SIGNED)
        on_signed(d, job, in);
    else if (job != NULL && in->type == WIRE_SIGN_FAILED)
        on_sign_failed(d, job, in);
}

int desk_hear(struct desk *d, size_t door)
{
    struct wire_in *in = &d->in;
    struct err e = ERR_INIT;
    int n = 0, r = 0;

    while (n < HEAR_MAX && d->door[door].fd >= 0 && (r = wire_receive(d->door[door].fd, in, &e)) == 0) {
        n++;
        d->door[door].deaf_ms = 0;
        if (in->type == WIRE_READY)
            on_ready(d, door);
        else if (in->type == WIRE_PROBLEM)
            on_problem(d, door, in);
        else if (d->door[door].kind == DESK_SPOOL)
            hear_spool(d, door, in);
        else if (d->door[door].kind == DESK_CONVERT)
            hear_work(d, door, in);
        else if (d->door[door].kind == DESK_SIGN)
            hear_sign(d, door, in);
        else if (in->type == WIRE_FACT)
            desk_fact(d, door, in);
        wire_release(in);
    }
    written_flush(d);
    desk_fact_flush(d);
    if (r < 0 && r != ERR_TIMEOUT && d->door[door].fd >= 0) {
        if (r != ERR_CLOSED)
            desk_log(d, &e);
        desk_door_cut(d, door);
    }
    return n;
}
