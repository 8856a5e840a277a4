/*
 * NAME
 *      desk_house - what the desk sees of the machine, and what people read: status log, alarms, page, witness
 *
 * DESCRIPTION
 *      The status log has one line an event: local time, message, source, kind, state, code, sentence, next step. It names no patient: a file is
 *      its message and the first eight digits of its hash. The same goes to the journal with fields. Every hour the number and hash of the newest event
 *      go to both, so that the chain of events has a witness outside the store.
 *
 * DIAGNOSTICS
 *      A status log that cannot be written is said in the journal; nothing waits for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "base/file.h"
#include "base/proc.h"
#include "base/text.h"
#include "base/timefmt.h"
#include "daemon/desk.h"
#include "report/status_line.h"

enum {
    HOUSE_MS = 5000, PAGE_MS = 2000, PAGE_IDLE_MS = 30 * 1000, HOUR_MS = 3600 * 1000, CLOCK_STEP_MS = 60 * 1000,
    REPLACED_MS = 30 * 1000,         /* a link of a replaced door should be back by then */
    LOG_MAX = 16 << 20, LINES_MAX = 64 << 10, RETAIN_AT_ONCE = 50
};

static const int64_t DAY_MS = 24 * (int64_t)HOUR_MS;

int desk_house_open(struct desk *d, struct err *e)
{
    int dir = dir_make(AT_FDCWD, d->settings->state_dir, 0750, e), r;
    const char *watchdog = getenv("WATCHDOG_USEC");
    struct err room = ERR_INIT;

    if (dir < 0)
        return dir;
    d->status_log = openat(dir, "status.log", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    close(dir);
    buf_init(&d->lines, LINES_MAX);
    if (d->status_log < 0)
        return err_set_errno(e, MSG_IO, "status.log", "open");
    if (watchdog != NULL && text_to_int64(watchdog, strlen(watchdog), 1, INT64_MAX, &d->watchdog_ms) == 0)
        d->watchdog_ms = d->watchdog_ms / 1000 / 3;
    d->clock_wall_ms = time_wall_ms();
    d->clock_boot_ms = time_boot_ms();
    d->next_hour_ms = d->clock_boot_ms;
    d->next_retain_ms = d->clock_boot_ms + HOUR_MS;
    d->page_dirty = true;
    r = store_ballast(d->store, d->settings->ballast, &room);
    if (r == ERR_LIMIT) /* a disk that is full now is no reason not to start: the ballast is there to be given up */
        desk_log(d, &room);
    else if (r < 0)
        err_copy(e, &room);
    return r == ERR_LIMIT ? 0 : r;
}

/* ---- status log ---- */

/* One file and one before it; a log that grew too large is moved aside. */
static void rotate(struct desk *d)
{
    struct stat st;
    char name[4096], old[4096];
    int fd;

    if (fstat(d->status_log, &st) < 0 || st.st_size < LOG_MAX)
        return;
    snprintf(name, sizeof name, "%s/status.log", d->settings->state_dir);
    snprintf(old, sizeof old, "%s/status.log.1", d->settings->state_dir);
    if ((rename(name, old) == 0 || errno == ENOENT /* moved before, when no new one could be made */) && (fd = open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640)) >= 0) {
        close(d->status_log);
        d->status_log = fd;
    }
}

static void write_line(struct desk *d, const struct status_line *line)
{
    char text[2048];
    size_t n = status_line_format(line, (enum msg_lang)d->settings->language, text, sizeof text);

    if (d->lines.len + n > LINES_MAX)
        desk_log_flush(d);
    if (buf_add(&d->lines, text, n) < 0)
        log_event(d->log, MSG_IO, "status.log", "", NULL);
}

void desk_log_flush(struct desk *d)
{
    if (d->lines.len == 0)
        return;
    rotate(d);
    if (fd_write_all(d->status_log, d->lines.data, d->lines.len, NULL) < 0)
        log_event(d->log, MSG_IO, "status.log", "", NULL);
    buf_reset(&d->lines);
}

static void journal(struct desk *d, const struct status_line *line)
{
    const struct log_field fields[] = {
        { "CLINSGW_MESSAGE", line->message }, { "CLINSGW_SOURCE", line->source }, { "CLINSGW_FACILITY", line->facility }, { "CLINSGW_KIND", line->kind }, { "CLINSGW_NAME", line->name != NULL ? line->name : "" },
        { "CLINSGW_STATE", line->state }, { "CLINSGW_CODE", line->code }, { "CLINSGW_HASH", line->hash8 }, { NULL, NULL },
    };
    char sentence[1024];

    if (line->over) {
        msg_format(line->msg, (enum msg_lang)d->settings->language, line->arg[0], line->arg[1], sentence, sizeof sentence);
        log_event(d->log, MSG_FLOW_ALARM_OVER, msg_get(line->msg)->code, sentence, fields);
    } else {
        log_event(d->log, line->msg, line->arg[0] != NULL || line->code[0] == '\0' ? line->arg[0] : line->code, line->arg[1], fields);
    }
}

void desk_log_order(struct desk *d, const struct flow_order *order)
{
    char id[48] = "";
    struct status_line line = {
        .wall_ms = time_wall_ms(), .msg = order->u.log.msg, .message = id, .source = order->u.log.source, .facility = order->u.log.facility,
        .kind = flow_kind_name(order->u.log.kind), .operation = flow_operation_name(order->u.log.operation), .code = order->u.log.code, .hash8 = order->u.log.hash8,
    };

    if (order->u.log.message != 0)
        snprintf(id, sizeof id, "%lld", (long long)order->u.log.message);
    else if (order->u.log.request != 0)
        snprintf(id, sizeof id, "r%lld", (long long)order->u.log.request);
    line.state = order->u.log.message_state != FLOW_MS_NONE ? flow_message_state_name(order->u.log.message_state) : flow_request_state_name(order->u.log.request_state);
    write_line(d, &line);
    if (line.msg != MSG_NONE && msg_get(line.msg)->severity > MSG_INFO)
        journal(d, &line);
    d->page_dirty = true;
}

void desk_log_plain(struct desk *d, enum msg_id msg, const char *arg1, const char *arg2)
{
    struct status_line line = { .wall_ms = time_wall_ms(), .msg = msg, .message = "", .source = "", .facility = "", .kind = "", .operation = "", .state = "", .code = "", .hash8 = "",
                                .arg = { arg1, arg2 } };

    write_line(d, &line);
    log_event(d->log, msg, arg1, arg2, NULL);
    d->page_dirty = true;
}

/* ---- alarms ---- */

static void tell_alarm(struct desk *d, struct desk_alarm *alarm, bool over)
{
    const struct flow_order *order = &alarm->order;
    struct status_line line = { .wall_ms = time_wall_ms(), .msg = order->u.alarm.msg, .message = "", .source = "", .facility = "", .name = order->u.alarm.name, .kind = "", .operation = "",
                                .state = over ? "cleared" : "alarm", .code = "", .hash8 = "", .over = over, .arg = { order->u.alarm.name, "" } };

    alarm->told = !over;
    write_line(d, &line);
    journal(d, &line);
    d->page_dirty = true;
}

/* The end is told under the code of the beginning. A link whose door the desk itself replaces is given a while to come back before anybody is alarmed. */
void desk_alarm_order(struct desk *d, const struct flow_order *order)
{
    struct desk_alarm *slot = NULL;

    if (d->stopping && order->u.alarm.alarm == FLOW_ALARM_LINK) /* a link ends with its door: nothing to be alarmed about */
        return;
    for (size_t i = 0; i < DESK_ALARMS_MAX; i++) {
        struct desk_alarm *a = &d->alarm[i];
        if (a->raised && a->order.u.alarm.alarm == order->u.alarm.alarm && a->order.u.alarm.index == order->u.alarm.index &&
            strcmp(a->order.u.alarm.name, order->u.alarm.name) == 0)
            slot = a;
    }
    for (size_t i = 0; i < DESK_ALARMS_MAX && slot == NULL && order->u.alarm.raise; i++)
        if (!d->alarm[i].raised)
            slot = &d->alarm[i];
    if (slot == NULL)
        return;
    if (order->u.alarm.raise) {
        slot->since_wall_ms = slot->raised ? slot->since_wall_ms : time_wall_ms();
        slot->raised = true;
        slot->told = false;
        slot->order = *order;
        slot->patient = order->u.alarm.alarm == FLOW_ALARM_LINK && (d->replacing || time_boot_ms() < d->replaced_ms + REPLACED_MS);
        slot->since_ms = time_boot_ms();
        if (!slot->patient)
            tell_alarm(d, slot, false);
    } else {
        slot->raised = false;
        if (slot->told)
            tell_alarm(d, slot, true);
    }
}

static void tell_late_alarms(struct desk *d, int64_t boot_ms)
{
    for (size_t i = 0; i < DESK_ALARMS_MAX; i++)
        if (d->alarm[i].raised && d->alarm[i].patient && !d->alarm[i].told && boot_ms - d->alarm[i].since_ms >= REPLACED_MS)
            tell_alarm(d, &d->alarm[i], false);
}

/* ---- machine ---- */

static void look_at_disk(struct desk *d)
{
    struct flow_event event = { .type = FLOW_EV_DISK };
    struct statvfs st;
    int64_t free_bytes;
    struct err e = ERR_INIT;

    if (statvfs(d->settings->state_dir, &st) < 0)
        return;
    free_bytes = (int64_t)st.f_bavail * (int64_t)st.f_frsize;
    event.u.disk.level = free_bytes < d->settings->low_water_send ? FLOW_DISK_LOW2 : free_bytes < d->settings->low_water_intake ? FLOW_DISK_LOW1 : FLOW_DISK_OK;
    if (d->disk_told && event.u.disk.level == d->flow->disk)
        return;
    d->disk_told = true;
    if (store_ballast(d->store, event.u.disk.level == FLOW_DISK_LOW2 ? 0 : d->settings->ballast, &e) < 0 && event.u.disk.level == FLOW_DISK_OK)
        desk_log(d, &e);
    desk_event(d, &event);
}

/* The state machine hears of a clock that moved against the boot clock, of every look until it believes it again, and once an hour. */
static void look_at_clock(struct desk *d, int64_t boot_ms, bool hour)
{
    struct flow_event event = { .type = FLOW_EV_CLOCK };
    int64_t wall = time_wall_ms(), step = (wall - d->clock_wall_ms) - (boot_ms - d->clock_boot_ms);

    event.u.clock.stepped = step >= CLOCK_STEP_MS || step <= -CLOCK_STEP_MS;
    d->clock_wall_ms = wall;
    d->clock_boot_ms = boot_ms;
    if (event.u.clock.stepped || hour || d->flow->clock != FLOW_CLOCK_SANE)
        desk_event(d, &event);
}

void desk_house_care(struct desk *d, int64_t boot_ms)
{
    struct err e = ERR_INIT;
    int n;

    if (boot_ms < d->next_retain_ms || d->stopping || d->flow->clock != FLOW_CLOCK_SANE) /* nothing is thrown away by a clock that is not believed */
        return;
    desk_turn_commit(d);
    n = store_retain(d->store, time_wall_ms() - d->settings->log_keep_days * DAY_MS, RETAIN_AT_ONCE, &e);
    if (n < 0)
        desk_log(d, &e);
    if (n < RETAIN_AT_ONCE) /* a full slice: the next one after the next turn, so that no turn is long */
        d->next_retain_ms = boot_ms + HOUR_MS;
}

static void tell_witness(struct desk *d)
{
    char number[24], hash[SHA256_HEX];
    int64_t seq = 0;

    if (store_chain_head(d->store, &seq, hash, NULL) < 0)
        return;
    snprintf(number, sizeof number, "%lld", (long long)seq);
    desk_log_plain(d, MSG_WITNESS, number, hash);
}

static void write_page(struct desk *d, enum desk_page form, const char *name)
{
    struct buf text;
    struct err e = ERR_INIT;
    int code, fd = -1, door = -1;

    for (size_t i = 0; i < d->doors && door < 0; i++)
        if (d->door[i].kind == DESK_SPOOL && d->door[i].ready)
            door = (int)i;
    if (door < 0 || d->settings->page_dir == NULL)
        return;
    buf_init(&text, 4 << 20);
    if (desk_page_make(d, form, (enum msg_lang)d->settings->language, &text, &code, &e) == 0)
        fd = memfd_seal("clinsgw-page", text.data, text.len, &e);
    if (fd >= 0) {
        wire_begin(&d->out, WIRE_WRITE_PAGE);
        wire_put_bytes(&d->out, F_NAME, name, strlen(name));
        wire_put_fd(&d->out, F_CONTENT, fd);
        (void)desk_door_send(d, (size_t)door);
        close(fd);
    } else {
        desk_log(d, &e);
    }
    buf_free(&text);
}

void desk_house_turn(struct desk *d, int64_t boot_ms)
{
    if (boot_ms >= d->next_house_ms || boot_ms >= d->next_hour_ms) {
        d->next_house_ms = boot_ms + HOUSE_MS;
        look_at_disk(d);
        look_at_clock(d, boot_ms, boot_ms >= d->next_hour_ms);
        tell_late_alarms(d, boot_ms);
    }
    if (boot_ms >= d->next_hour_ms) {
        d->next_hour_ms = boot_ms + HOUR_MS;
        tell_witness(d);
    }
    if (d->watchdog_ms > 0 && boot_ms >= d->next_watchdog_ms) {
        d->next_watchdog_ms = boot_ms + d->watchdog_ms;
        (void)proc_notify(getenv("NOTIFY_SOCKET"), "WATCHDOG=1", NULL);
    }
    /* The last page says that nobody is at the desk: it is what people look at while the gateway is stopped. */
    if (d->stopping || (boot_ms >= d->next_page_ms && (d->page_dirty || boot_ms >= d->next_page_ms + PAGE_IDLE_MS))) {
        d->next_page_ms = boot_ms + PAGE_MS;
        d->page_dirty = false;
        write_page(d, DESK_PAGE_HTML, "status.html");
        write_page(d, DESK_PAGE_TEXT, "status.txt");
    }
}

int64_t desk_house_due(const struct desk *d)
{
    int64_t due = d->next_house_ms < d->next_hour_ms ? d->next_house_ms : d->next_hour_ms;

    if (d->watchdog_ms > 0 && d->next_watchdog_ms < due)
        due = d->next_watchdog_ms;
    if (d->page_dirty && d->next_page_ms < due)
        due = d->next_page_ms;
    return due;
}
