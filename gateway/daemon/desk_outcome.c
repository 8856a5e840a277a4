/*
 * NAME
 *      desk_outcome - outcome and status files from the rows
 *
 * DESCRIPTION
 *      Reads the rows of one request and lets report/ make the text. The outcome is composed inside the turn that closes the request, so that its bytes are
 *      durable before anything is written. Status files are projections: a change is written after a short pause, and not at all when
 *      the file was answered meanwhile. When sending is paused or goes on, those of all that wait to be sent are written anew, some in each turn.
 */
#include "base/file.h"
#include "base/timefmt.h"
#include "daemon/desk.h"
#include "report/findings.h"
#include "report/notice.h"
#include "report/outcome.h"
#include "spool/spool.h"

enum { STATUS_PAUSE_MS = 400, UNITS_MAX = FLOW_UNITS_MAX + 1, AGAIN_ROWS = 32 };

static const struct sha256 absent;

/* Rows and payloads of one request while its text is made. Large, so only the first `count` of each are ever touched. */
struct rows {
    struct flow_request request, first;
    struct flow_unit unit[UNITS_MAX];
    struct flow_message message[UNITS_MAX];
    struct store_facts facts[UNITS_MAX];
    struct buf issues[UNITS_MAX], findings[UNITS_MAX], report;
    struct outcome_unit out[UNITS_MAX];
    size_t count;
    char name[FLOW_NAME * 4], repeat_name[FLOW_NAME * 4];
};

static const char unreadable[] = "\n["; /* neither the vendor's own members nor findings: the outcome says that there is something missing */

/*
 * Findings that the disk has damaged cost the reader the findings, not the result: the letter has gone, and a turn that fails here fails every time, with all
 * that the other sources have in it.
 */
static int read_payload(struct desk *d, const struct sha256 *digest, struct buf *b, struct err *e)
{
    struct err damage = ERR_INIT;
    int r = memcmp(digest, &absent, sizeof absent) == 0 ? 0 : store_payload_get(d->store, digest, b, &damage);

    if (r == 0)
        return 0;
    if (r != ERR_CORRUPT && r != ERR_NOTFOUND) {
        err_copy(e, &damage);
        return r;
    }
    desk_log(d, &damage);
    buf_reset(b);
    return buf_add_str(b, unreadable) < 0 ? err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "outcome", NULL) : 0;
}

static int add_row(struct desk *d, struct rows *rows, bool has_unit, int64_t message, bool repeats, struct err *e)
{
    size_t i = rows->count++;
    struct outcome_unit *u = &rows->out[i];
    int r = 0;

    memset(u, 0, sizeof *u);
    memset(&rows->facts[i], 0, sizeof rows->facts[i]);
    buf_init(&rows->issues[i], DESK_PAYLOAD_MAX);
    buf_init(&rows->findings[i], DESK_PAYLOAD_MAX);
    u->unit = has_unit ? &rows->unit[i] : NULL;
    u->repeats = repeats;
    if (message != 0) {
        r = store_flow_ops.message_get(d->store, message, &rows->message[i], e);
        if (r == 0)
            r = read_payload(d, &rows->message[i].issues, &rows->issues[i], e);
        if (r == 0)
            r = read_payload(d, &rows->message[i].findings, &rows->findings[i], e);
        if (r == 0)
            (void)store_facts_get(d->store, &rows->message[i].bundle, &rows->facts[i], NULL);
        u->message = &rows->message[i];
    }
    u->chart_kind = rows->facts[i].chart_kind;
    u->issues = buf_bytes(&rows->issues[i]);
    u->findings = buf_bytes(&rows->findings[i]);
    return r;
}

/* Names the attachments that are waited for, or did not come, among the findings about the file. */
static int name_missing(struct desk *d, struct rows *rows, enum msg_severity severity, struct err *e)
{
    struct flow_attachment a;
    struct issue_list issues;
    struct arena *arena = arena_new(1 << 20);
    const char *line_end = rows->report.len == 0 ? NULL : memchr(rows->report.data, '\n', rows->report.len);
    size_t head = line_end == NULL ? 0 : (size_t)(line_end - rows->report.data);
    struct buf with;
    int r = arena == NULL ? err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "outcome", NULL) : 0;

    buf_init(&with, DESK_PAYLOAD_MAX);
    issues_init(&issues, arena);
    if (r == 0 && line_end != NULL && findings_read(rows->report.data, rows->report.len, &issues, NULL) < 0) {
        arena_reset(arena);
        issues_init(&issues, arena);
        (void)issues_add(&issues, MSG_WARNING, MSG_INTERNAL, NULL, "findings", NULL); /* as outcome_write() says it of others */
    }
    for (int64_t after = 0; r == 0 && (r = store_flow_ops.attachment_next_of_request(d->store, rows->request.id, after, &a, e)) == 1; after = a.id) {
        char name[FLOW_NAME * 4];
        outcome_printable(a.name, name, sizeof name);
        r = memcmp(&a.payload, &absent, sizeof absent) != 0 || issues_add(&issues, severity, MSG_SPOOL_ATTACHMENT_MISSING, NULL, name, NULL) != NULL ? 0
            : err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "outcome", NULL);
    }
    if (r == 0 && (buf_add(&with, rows->report.data, head) < 0 || buf_add(&with, "\n", 1) < 0))
        r = err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "outcome", NULL);
    if (r == 0)
        r = findings_write(&issues, true, &with, e);
    if (r == 0) {
        struct buf before = rows->report;
        rows->report = with;
        with = before;
    }
    buf_free(&with);
    arena_free(arena);
    return r;
}

static int collect(struct desk *d, int64_t id, struct rows *rows, struct err *e)
{
    struct flow_message m;
    int64_t whole = 0; /* the one message of a file that was rejected as a whole: it speaks for every unit */
    int r = store_flow_ops.request_get(d->store, id, &rows->request, e);

    if (r == 0)
        r = store_flow_ops.message_next_of_request(d->store, id, 0, &m, e);
    if (r == 1 && m.index < 0)
        whole = m.id;
    for (int64_t after = 0; r >= 0 && rows->count < UNITS_MAX; after = rows->unit[rows->count - 1].id) {
        struct flow_unit *unit = &rows->unit[rows->count];
        r = store_flow_ops.unit_next_of_request(d->store, id, after, unit, e);
        if (r != 1)
            break;
        r = add_row(d, rows, true, unit->message != 0 ? unit->message : whole, unit->repeats, e);
    }
    if (r >= 0 && rows->count == 0 && whole != 0)
        r = add_row(d, rows, false, whole, false, e);
    if (r >= 0 && rows->request.repeat_of != 0 && store_flow_ops.request_get(d->store, rows->request.repeat_of, &rows->first, NULL) == 0)
        outcome_printable(rows->first.name, rows->repeat_name, sizeof rows->repeat_name);
    if (r >= 0)
        r = read_payload(d, &rows->request.report, &rows->report, e);
    if (r == 0 && whole != 0 && strcmp(m.reason, msg_get(MSG_FLOW_ATTACHMENT_MISSING)->code) == 0)
        r = name_missing(d, rows, MSG_ERROR, e);
    else if (r == 0 && strcmp(rows->request.reason, msg_get(MSG_FLOW_WAIT_ATTACHMENT)->code) == 0)
        r = name_missing(d, rows, MSG_INFO, e);
    outcome_printable(rows->request.name, rows->name, sizeof rows->name);
    return r;
}

int desk_outcome_text(struct desk *d, int64_t request, bool final, struct buf *ret_text, struct err *e)
{
    struct rows *rows = malloc(sizeof *rows);
    struct outcome o = { 0 };
    char *line_end;
    int r;

    if (rows == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "outcome", NULL);
    buf_init(&rows->report, DESK_PAYLOAD_MAX);
    rows->count = 0;
    rows->request.name[0] = rows->name[0] = rows->repeat_name[0] = '\0';
    r = collect(d, request, rows, e);
    if (r >= 0) {
        o.request = &rows->request;
        o.name = rows->name;
        o.repeat_of = rows->repeat_name[0] != '\0' ? rows->repeat_name : NULL;
        o.unit = rows->out;
        o.unit_count = rows->count;
        o.now_ms = time_wall_ms();
        o.paused = d->flow != NULL && d->flow->paused;
        line_end = rows->report.len == 0 ? NULL : memchr(rows->report.data, '\n', rows->report.len);
        if (line_end != NULL) { /* first line: the vendor's own members; the rest: findings (desk_reports.c) */
            *line_end = '\0';
            o.x_json = rows->report.data[0] != '\0' ? rows->report.data : NULL;
            o.report = (struct bytes){ line_end + 1, rows->report.len - (size_t)(line_end + 1 - rows->report.data) };
        }
        r = outcome_write(&o, (enum msg_lang)d->settings->language, final, ret_text, e);
    }
    for (size_t i = 0; i < rows->count; i++) {
        buf_free(&rows->issues[i]);
        buf_free(&rows->findings[i]);
    }
    buf_free(&rows->report);
    free(rows);
    return r < 0 ? r : 0;
}

/* The vendor's request with the document that a notice is about, as far as it is still there. */
static void about_document(struct desk *d, struct notice_told *told, struct flow_request *about, struct flow_unit *unit, struct flow_message *message)
{
    if (store_flow_ops.request_get(d->store, told->request->about_request, about, NULL) < 0)
        return;
    told->about_id = about->request_id;
    for (int64_t after = 0; store_flow_ops.unit_next_of_request(d->store, about->id, after, unit, NULL) == 1; after = unit->id) {
        if (strcmp(unit->bundle_id, told->said.document) != 0)
            continue;
        told->unit = unit;
        if (unit->message != 0 && store_flow_ops.message_get(d->store, unit->message, message, NULL) == 0)
            told->message = message;
        return;
    }
}

static int notice_text(struct desk *d, const struct flow_request *request, struct buf *ret_text, struct err *e)
{
    struct notice_told told = { .request = request };
    struct flow_request about = { .id = 0 };
    struct flow_unit unit;
    struct flow_message message;
    struct arena *arena = arena_new(1 << 20);
    struct buf said;
    char name[FLOW_NAME * 4];
    int r = arena == NULL ? err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "notice", NULL) : 0;

    buf_init(&said, 1 << 16);
    if (r == 0)
        r = read_payload(d, &request->report, &said, e);
    if (r == 0 && notice_said(buf_bytes(&said), arena, &told.said, NULL) == ERR_NOMEM)     /* damaged: told without its words, they stand in the original */
        r = err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "notice", NULL);
    if (r == 0 && request->about_request != 0 && told.said.document != NULL)
        about_document(d, &told, &about, &unit, &message);
    if (about.id != 0) {
        outcome_printable(about.name, name, sizeof name);
        told.about = name;
    }
    if (r == 0)
        r = notice_write(&told, (enum msg_lang)d->settings->language, ret_text, e);
    buf_free(&said);
    arena_free(arena);
    return r;
}

static int final_text(struct desk *d, int64_t id, struct buf *ret_text, struct err *e)
{
    struct flow_request request;
    int r = store_flow_ops.request_get(d->store, id, &request, e);

    if (r < 0)
        return r;
    return request.origin == FLOW_ORIGIN_SERVICE ? notice_text(d, &request, ret_text, e) : desk_outcome_text(d, id, true, ret_text, e);
}

int desk_outcome_again(struct desk *d, int64_t request)
{
    struct buf text;
    struct err e = ERR_INIT;
    int fd;

    buf_init(&text, DESK_PAYLOAD_MAX);
    fd = final_text(d, request, &text, &e);
    if (fd == 0)
        fd = memfd_seal("clinsgw-outcome", text.data, text.len, &e);
    if (fd < 0)
        desk_log(d, &e);
    buf_free(&text);
    return fd;
}

void desk_compose(struct desk *d, const struct flow_order *order)
{
    struct flow_event event = { .type = FLOW_EV_COMPOSED, .u.composed.token = order->token };
    struct buf text;
    struct err e = ERR_INIT;
    int r;

    buf_init(&text, DESK_PAYLOAD_MAX);
    r = final_text(d, order->u.request.request, &text, &e);
    if (r == 0)
        r = desk_payload_keep(d, buf_bytes(&text), &event.u.composed.outcome, &e); /* handed back right after the commit */
    buf_free(&text);
    if (r < 0) {
        desk_log(d, &e);
        d->failed = true;
        return;
    }
    desk_event(d, &event);
}

/* ---- status files ---- */

int desk_status_open(struct desk *d, struct err *e)
{
    struct flow_request row;
    int64_t paused = 0;
    int r = store_requests(d->store, NULL, FLOW_RQ_NONE, 0, &row, 1, e);

    d->newest = r == 1 ? row.id : 0;
    if (r >= 0)
        r = store_flow_ops.counter_get(d->store, FLOW_COUNTER_PAUSED, &paused, e);
    d->paused_told = paused != 0; /* the files of the life before say so */
    return r < 0 ? r : 0;
}

/* Its place among those whose file is to be written; dirty_count when it is none. */
static size_t find_dirty(const struct desk *d, int64_t request)
{
    size_t i = 0;

    while (i < d->dirty_count && d->dirty[i] != request)
        i++;
    return i;
}

void desk_status_dirty(struct desk *d, int64_t request)
{
    if (find_dirty(d, request) < d->dirty_count)
        return;
    if (d->dirty_count == DESK_DIRTY_MAX) {
        d->dirty_since[0] = 0; /* full: flushed at once */
        return;
    }
    d->dirty[d->dirty_count] = request;
    d->dirty_fresh[d->dirty_count] = request > d->newest;
    if (request > d->newest)
        d->newest = request;
    d->dirty_since[d->dirty_count++] = time_boot_ms();
}

bool desk_status_unwritten(const struct desk *d, int64_t request)
{
    size_t i = find_dirty(d, request);

    return i < d->dirty_count && d->dirty_fresh[i];
}

int64_t desk_status_due(const struct desk *d)
{
    if (d->again_before != 0 || d->flow->paused != d->paused_told)
        return 0;
    return d->dirty_count == 0 ? INT64_MAX : d->dirty_since[0] + STATUS_PAUSE_MS;
}

static void write_status(struct desk *d, int64_t id)
{
    struct flow_request row;
    char stem[FLOW_NAME] = "", name[FLOW_NAME + 16];
    struct buf text;
    struct err e = ERR_INIT;

    if (store_flow_ops.request_get(d->store, id, &row, &e) < 0 || row.origin != FLOW_ORIGIN_VENDOR)
        return;
    /* what is closed has its result, or will have: that takes the status file away (desk_orders.c) */
    if (row.state == FLOW_RQ_ANSWERED || row.state == FLOW_RQ_CLOSED || store_out_name_get(d->store, id, stem, &e) < 0 || stem[0] == '\0')
        return;
    snprintf(name, sizeof name, "%s.status.json", stem);
    buf_init(&text, DESK_PAYLOAD_MAX);
    if (desk_outcome_text(d, id, false, &text, &e) == 0)
        desk_door_write(d, row.source, SPOOL_OUT, name, buf_bytes(&text));
    else
        desk_log(d, &e);
    buf_free(&text);
}

/* Sending was paused or goes on: what waits to be sent says so in its status file, the newest first, some in a turn. */
static void write_again(struct desk *d)
{
    struct flow_message row[AGAIN_ROWS];
    struct err e = ERR_INIT;
    int64_t last = 0;
    int n;

    if (d->flow->paused != d->paused_told)
        d->again_before = INT64_MAX;
    d->paused_told = d->flow->paused;
    if (d->again_before == 0)
        return;
    n = store_messages(d->store, NULL, FLOW_MS_READY, d->again_before, row, AGAIN_ROWS, &e);
    if (n < 0)
        desk_log(d, &e);
    for (int i = 0; i < n; i++) {
        if (row[i].request != last && find_dirty(d, row[i].request) == d->dirty_count) /* else it is written anyway, soon */
            write_status(d, row[i].request);
        last = row[i].request;
    }
    d->again_before = n < AGAIN_ROWS ? 0 : row[n - 1].id;
}

void desk_status_flush(struct desk *d, int64_t boot_ms)
{
    size_t done = 0;

    if (desk_status_due(d) <= boot_ms)
        desk_turn_commit(d); /* what is told is durable */
    write_again(d);
    for (; done < d->dirty_count && d->dirty_since[done] + STATUS_PAUSE_MS <= boot_ms; done++)
        write_status(d, d->dirty[done]);
    memmove(d->dirty_fresh, d->dirty_fresh + done, (d->dirty_count - done) * sizeof *d->dirty_fresh);
    memmove(d->dirty, d->dirty + done, (d->dirty_count - done) * sizeof *d->dirty);
    memmove(d->dirty_since, d->dirty_since + done, (d->dirty_count - done) * sizeof *d->dirty_since);
    d->dirty_count -= done;
}
