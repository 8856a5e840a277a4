/*
 * NAME
 *      desk_try - files in try/: the whole check, nothing sent, no row
 *
 * DESCRIPTION
 *      A file in try/ is looked at and converted with throw-away identifiers. The files that it names are read beside it, without being
 *      claimed. Result and finished Bundle are put into try/ beside it. Nothing of it is in the store; after a crash it is simply tried again.
 *      Steps of one trial: look, [files beside it], convert, results.
 */
#include <unistd.h>
#include "base/crypt.h"
#include "base/file.h"
#include "base/text.h"
#include "base/timefmt.h"
#include "daemon/desk.h"
#include "report/outcome.h"
#include "spool/spool.h"

enum { BESIDE_MAX = 50 };

struct beside { char name[FLOW_NAME]; int fd; };

struct trial {
    bool used;
    int64_t token;                              /* negative: no order of the state machine has such a number */
    enum wire_type waiting;                     /* order for which no worker is there yet, WIRE_NONE = none */
    int deaths;                                 /* workers that died of it */
    char source[FLOW_SOURCE], name[FLOW_NAME];
    char stem[FLOW_NAME];                       /* of the names of its results */
    int content;                                /* sealed memfd */
    struct beside beside[BESIDE_MAX];
    size_t beside_count, beside_missing;
    bool looked_twice;
    struct flow_unit unit[FLOW_UNITS_MAX];
    struct flow_message message[FLOW_UNITS_MAX];
    struct buf issues[FLOW_UNITS_MAX];
    size_t units;
    struct buf report;                          /* first line x, then findings */
    enum msg_id reject;
};

struct desk_try { struct trial trial[DESK_TRIES_MAX]; int64_t token; bool turned_away; /* a file came when there was no place */ };

int desk_try_new(struct desk *d, struct err *e)
{
    d->tries = calloc(1, sizeof *d->tries);
    return d->tries == NULL ? err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "try", NULL) : 0;
}

static void trial_end(struct trial *t)
{
    if (t->content >= 0)
        close(t->content);
    for (size_t i = 0; i < t->beside_count; i++)
        if (t->beside[i].fd >= 0)
            close(t->beside[i].fd);
    for (size_t i = 0; i < FLOW_UNITS_MAX; i++)
        buf_free(&t->issues[i]);
    buf_free(&t->report);
    memset(t, 0, sizeof *t);
}

void desk_try_free(struct desk *d)
{
    for (size_t i = 0; d->tries != NULL && i < DESK_TRIES_MAX; i++)
        if (d->tries->trial[i].used)
            trial_end(&d->tries->trial[i]);
    free(d->tries);
    d->tries = NULL;
}

static void write_try(struct desk *d, const struct trial *t, const char *ending, struct bytes content)
{
    char name[FLOW_NAME + 32];

    snprintf(name, sizeof name, "%s%s", t->stem, ending);
    desk_door_write(d, t->source, SPOOL_TRY, name, content);
}

static void write_result(struct desk *d, struct trial *t)
{
    struct outcome_unit unit[FLOW_UNITS_MAX];
    struct flow_request request;
    struct outcome o = { 0 };
    char shown[FLOW_NAME * 4];
    struct buf text;
    struct err e = ERR_INIT;
    char *line_end = t->report.len == 0 ? NULL : memchr(t->report.data, '\n', t->report.len);
    int source = settings_find_source(d->settings, t->source);

    memset(unit, 0, sizeof unit);
    memset(&request, 0, sizeof request);
    request.state = FLOW_RQ_CLOSED;
    request.received_wall_ms = time_wall_ms();
    if (source >= 0)
        text_copy(request.facility, sizeof request.facility, d->settings->source[source].facility);
    if (t->reject != MSG_NONE)
        snprintf(request.reason, sizeof request.reason, "%s", msg_get(t->reject)->code);
    o.request = &request;
    outcome_printable(t->name, shown, sizeof shown);
    o.name = shown;
    o.now_ms = time_wall_ms();
    o.advice = true;
    o.unit = unit;
    o.unit_count = t->units;
    for (size_t i = 0; i < t->units; i++) {
        unit[i].unit = &t->unit[i];
        unit[i].message = &t->message[i];
        unit[i].chart_kind = "";
        unit[i].issues = buf_bytes(&t->issues[i]);
    }
    if (line_end != NULL) {
        *line_end = '\0';
        o.x_json = t->report.data[0] != '\0' ? t->report.data : NULL;
        o.report = (struct bytes){ line_end + 1, t->report.len - (size_t)(line_end + 1 - t->report.data) };
    }
    buf_init(&text, DESK_PAYLOAD_MAX);
    if (outcome_write(&o, (enum msg_lang)d->settings->language, true, &text, &e) == 0)
        write_try(d, t, ".result.json", buf_bytes(&text));
    else
        desk_log(d, &e);
    buf_free(&text);
    trial_end(t);
}

static void put_facility(struct desk *d, const char *source)
{
    int i = settings_find_source(d->settings, source);
    const struct settings_facility *f = i < 0 ? NULL : &d->settings->facility[d->settings->source[i].facility_index];

    if (f == NULL)
        return;
    wire_put_text(&d->out, F_FACILITY, f->code);
    if (f->second_code != NULL)
        wire_put_text(&d->out, F_FACILITY, f->second_code);
}

static void put_job(struct desk *d, struct trial *t, enum wire_type type)
{
    int worker = desk_door_worker(d), i = settings_find_source(d->settings, t->source);
    struct desk_job *job;
    struct flow_order order = { .type = type == WIRE_LOOK ? FLOW_DO_LOOK : FLOW_DO_CONVERT };

    if (i < 0) {
        trial_end(t);
        return;
    }
    t->token = --d->tries->token;
    t->waiting = WIRE_NONE;
    if (worker < 0 || (job = desk_job_new(d, worker, t->token, &order)) == NULL) {
        t->waiting = type;
        return;
    }
    job->try_index = (int)(t - d->tries->trial) + 1;
    wire_begin(&d->out, type);
    wire_put_i64(&d->out, F_ORDER, t->token);
    wire_put_text(&d->out, F_FORMAT, d->settings->source[i].format);
    put_facility(d, t->source);
    wire_put_i64(&d->out, F_TIME, time_wall_ms());
    wire_put_fd(&d->out, F_CONTENT, t->content);
    for (size_t k = 0; k < t->beside_count; k++)
        if (t->beside[k].fd >= 0) {
            wire_group_begin(&d->out, F_FILE);
            wire_put_bytes(&d->out, F_NAME, t->beside[k].name, strlen(t->beside[k].name));
            wire_put_fd(&d->out, F_CONTENT, t->beside[k].fd);
            wire_group_end(&d->out);
        }
    if (type == WIRE_CONVERT) {
        unsigned char seed[32];
        (void)rand_fill(seed, sizeof seed, NULL);
        wire_put_bytes(&d->out, F_SEED, seed, sizeof seed);
        wire_put_u64(&d->out, F_ADVICE, 1);
        wire_put_text(&d->out, F_PROFILE, d->settings->link[d->settings->facility[d->settings->source[i].facility_index].link_index].name);
        for (size_t k = 0; k < t->units; k++) {
            wire_group_begin(&d->out, F_UNIT);
            wire_put_u64(&d->out, F_INDEX, k);
            wire_put_text(&d->out, F_BUNDLE_ID, t->unit[k].bundle_id);
            wire_group_end(&d->out);
        }
    }
    if (desk_door_send(d, (size_t)worker) || !d->out_bad)
        return; /* a worker that did not take it is ended, and what it held is tried again */
    desk_job_end(d, job);
    t->reject = MSG_LIMIT;
    write_result(d, t);
}

void desk_try_waiting(struct desk *d)
{
    for (size_t i = 0; i < DESK_TRIES_MAX; i++) {
        struct trial *t = &d->tries->trial[i];
        if (t->used && t->waiting != WIRE_NONE && desk_door_worker(d) >= 0)
            put_job(d, t, t->waiting);
    }
}

/* Files of try/ that were told when there was no place for them: their doors tell them again. */
static void ask_for_turned_away(struct desk *d)
{
    d->tries->turned_away = false;
    desk_ask_offers(d);
}

/* Once in a turn: a place may have become free. */
void desk_try_check(struct desk *d)
{
    size_t used = 0;

    for (size_t i = 0; d->tries->turned_away && i < DESK_TRIES_MAX; i++)
        used += d->tries->trial[i].used;
    if (d->tries->turned_away && used < DESK_TRIES_MAX / 2)
        ask_for_turned_away(d);
}

void desk_try_file(struct desk *d, size_t door, struct wire_in *in)
{
    struct bytes name = wire_bytes(in, F_NAME);
    struct trial *t = NULL;

    (void)door;
    for (size_t i = 0; i < DESK_TRIES_MAX; i++) {
        struct trial *other = &d->tries->trial[i];
        if (other->used && strcmp(other->source, wire_text(in, F_SOURCE)) == 0 && strlen(other->name) == name.len && memcmp(other->name, name.data, name.len) == 0)
            t = other; /* the same name, told again: another file lies there now */
    }
    if (t != NULL)
        trial_end(t);
    for (size_t i = 0; i < DESK_TRIES_MAX && t == NULL; i++)
        if (!d->tries->trial[i].used)
            t = &d->tries->trial[i];
    if (t == NULL) {
        d->tries->turned_away = true;
        return;
    }
    memset(t, 0, sizeof *t);
    t->used = true;
    t->content = wire_take_fd(in, F_CONTENT);
    text_copy(t->source, sizeof t->source, wire_text(in, F_SOURCE));
    snprintf(t->name, sizeof t->name, "%.*s", (int)name.len, name.data);
    text_copy(t->stem, sizeof t->stem, wire_text(in, F_OUT_NAME));
    buf_init(&t->report, DESK_PAYLOAD_MAX);
    for (size_t i = 0; i < FLOW_UNITS_MAX; i++)
        buf_init(&t->issues[i], DESK_PAYLOAD_MAX);
    t->reject = wire_u64(in, F_MSG) < MSG_COUNT ? (enum msg_id)wire_u64(in, F_MSG) : MSG_INTERNAL;
    if (t->reject != MSG_NONE)
        write_result(d, t);
    else
        put_job(d, t, WIRE_LOOK);
}

static struct trial *trial_of(struct desk *d, struct desk_job *job)
{
    struct trial *t = &d->tries->trial[job->try_index - 1];
    return t->used && t->token == job->token ? t : NULL;
}

static void add_mapped(struct buf *out, int fd)
{
    struct bytes b;

    if (fd >= 0 && memfd_map(fd, DESK_PAYLOAD_MAX, &b, NULL) == 0) {
        (void)buf_add(out, b.data, b.len);
        memfd_unmap(&b);
    }
    if (fd >= 0)
        close(fd);
}

static void make_unit(struct desk *d, struct trial *t, const struct wire_group *group)
{
    struct flow_unit *u = &t->unit[t->units];
    char uuid[UUID_TEXT] = "";
    int source = settings_find_source(d->settings, t->source);
    const char *named = wire_group_text(group, F_BUNDLE_ID);

    (void)uuid_new(uuid, NULL);
    u->index = (int32_t)t->units;
    u->asked = FLOW_OP_REGISTER;
    if (named[0] != '\0' || source < 0)
        text_copy(u->bundle_id, sizeof u->bundle_id, named);
    else
        snprintf(u->bundle_id, sizeof u->bundle_id, "%.10s^%d^%s", d->settings->source[source].facility, time_year_jst(time_wall_ms()), uuid);
    snprintf(u->unit, sizeof u->unit, "K/try/%.200s", wire_group_text(group, F_KEY));
    memcpy(t->message[t->units].bundle_id, u->bundle_id, sizeof u->bundle_id);
    text_copy(t->message[t->units].uuid, UUID_TEXT, uuid);
    t->units++;
}

static void ask_beside(struct desk *d, struct trial *t, const char *name)
{
    int door = desk_door_of_source(d, t->source);
    struct beside *b = &t->beside[t->beside_count];

    if (door < 0 || t->beside_count == BESIDE_MAX)
        return;
    text_copy(b->name, sizeof b->name, name);
    b->fd = -1;
    t->beside_count++;
    t->beside_missing++;
    wire_begin(&d->out, WIRE_READ_TRY);
    wire_put_i64(&d->out, F_ORDER, t->token);
    wire_put_text(&d->out, F_SOURCE, t->source);
    wire_put_bytes(&d->out, F_NAME, name, strlen(name));
    (void)desk_door_send(d, (size_t)door);
}

void desk_try_looked(struct desk *d, struct desk_job *job, struct wire_in *in)
{
    struct trial *t = trial_of(d, job);
    struct wire_group cursor = wire_first(in), group;
    const char *name;
    bool incomplete = false, first = t != NULL && t->beside_count == 0;

    desk_job_end(d, job);
    if (t == NULL)
        return;
    buf_reset(&t->report);
    t->units = 0;
    add_mapped(&t->report, wire_take_fd(in, F_X));
    (void)buf_add_char(&t->report, '\n');
    add_mapped(&t->report, wire_take_fd(in, F_ISSUES));
    t->reject = wire_u64(in, F_MSG) < MSG_COUNT ? (enum msg_id)wire_u64(in, F_MSG) : MSG_INTERNAL;
    while (wire_next_group(&cursor, F_UNIT, &group) && t->units < FLOW_UNITS_MAX) {
        incomplete |= wire_group_u64(&group, F_INCOMPLETE) != 0;
        make_unit(d, t, &group);
    }
    cursor = wire_first(in);
    while (t->reject == MSG_NONE && first && wire_next_text(&cursor, F_ATTACHMENT, &name))
        ask_beside(d, t, name);
    if (t->reject != MSG_NONE)
        write_result(d, t);
    else if (t->beside_missing == 0 && incomplete && !t->looked_twice) {
        t->looked_twice = true;
        put_job(d, t, WIRE_LOOK);
    } else if (t->beside_missing == 0)
        put_job(d, t, WIRE_CONVERT);
}

void desk_try_beside(struct desk *d, struct wire_in *in)
{
    int64_t token = wire_i64(in, F_ORDER);
    struct bytes name = wire_bytes(in, F_NAME);

    for (size_t i = 0; i < DESK_TRIES_MAX; i++) {
        struct trial *t = &d->tries->trial[i];
        for (size_t k = 0; t->used && t->token == token && k < t->beside_count; k++)
            if (strlen(t->beside[k].name) == name.len && memcmp(t->beside[k].name, name.data, name.len) == 0 && t->beside_missing > 0) {
                t->beside[k].fd = wire_take_fd(in, F_CONTENT);
                if (--t->beside_missing == 0) {
                    t->looked_twice = true;
                    put_job(d, t, WIRE_LOOK);
                }
                return;
            }
    }
}

void desk_try_unit(struct desk *d, struct desk_job *job, struct wire_in *in)
{
    struct trial *t = trial_of(d, job);
    size_t i = wire_u64(in, F_INDEX);
    enum msg_id reject = wire_u64(in, F_MSG) < MSG_COUNT ? (enum msg_id)wire_u64(in, F_MSG) : MSG_INTERNAL;
    struct bytes bundle;
    int fd;

    if (t == NULL || i >= t->units)
        return;
    t->message[i].state = reject == MSG_NONE ? FLOW_MS_READY : FLOW_MS_REJECTED;
    t->message[i].operation = FLOW_OP_REGISTER;
    t->message[i].since_wall_ms = time_wall_ms();
    if (reject != MSG_NONE)
        snprintf(t->message[i].reason, sizeof t->message[i].reason, "%s", msg_get(reject)->code);
    add_mapped(&t->issues[i], wire_take_fd(in, F_ISSUES));
    fd = wire_take_fd(in, F_CONTENT);
    if (fd >= 0 && memfd_map(fd, DESK_PAYLOAD_MAX, &bundle, NULL) == 0) {
        char ending[32];
        snprintf(ending, sizeof ending, i == 0 ? ".bundle.json" : ".%zu.bundle.json", i + 1);
        write_try(d, t, ending, bundle);
        memfd_unmap(&bundle);
    }
    if (fd >= 0)
        close(fd);
}

void desk_try_converted(struct desk *d, struct desk_job *job, struct wire_in *in)
{
    struct trial *t = trial_of(d, job);

    desk_job_end(d, job);
    if (t == NULL)
        return;
    t->reject = wire_u64(in, F_MSG) < MSG_COUNT ? (enum msg_id)wire_u64(in, F_MSG) : MSG_INTERNAL;
    write_result(d, t);
}

void desk_try_lost(struct desk *d, struct desk_job *job, bool blamed)
{
    struct trial *t = trial_of(d, job);

    if (t == NULL)
        return;
    t->deaths += blamed;
    if (t->deaths < 2) {
        put_job(d, t, job->order.type == FLOW_DO_LOOK ? WIRE_LOOK : WIRE_CONVERT);
        return;
    }
    t->reject = MSG_FLOW_DIED_TWICE;
    write_result(d, t);
}

void desk_try_door_lost(struct desk *d, const char *group)
{
    for (size_t i = 0; d->tries != NULL && i < DESK_TRIES_MAX; i++) {
        struct trial *t = &d->tries->trial[i];
        char wanted[FLOW_SOURCE + 2];
        snprintf(wanted, sizeof wanted, ",%s,", t->source);
        if (t->used && strstr(group, wanted) != NULL)
            trial_end(t);
    }
}
