/*
 * NAME
 *      desk_facts - what a link door reports, as events of the state machine
 *
 * DESCRIPTION
 *      A fact about an exchange becomes one event. Answer bytes are stored before anything is believed of them; an HTTP status that says by itself
 *      what happened is stored like an answer, so that the evidence is bytes here as well.
 */
#include <unistd.h>
#include "base/text.h"
#include "base/timefmt.h"
#include "daemon/desk.h"
#include "link/link.h"

void desk_link_set(struct desk *d, const char *route, bool up, uint64_t how)
{
    struct flow_event event = { .type = up ? FLOW_EV_LINK_UP : FLOW_EV_LINK_DOWN };
    int i = settings_find_link(d->settings, route);

    if (i < 0 || (up && d->link_up[i])) /* once: being up anew restarts the settle times */
        return;
    if (d->link_up[i] != up)
        d->link_since_wall_ms[i] = time_wall_ms();
    d->link_up[i] = up;
    d->page_dirty = true;
    DESK_COPY(event.u.link.route, route);
    event.u.link.why = up ? MSG_NONE : link_how_message((int)how);
    desk_event(d, &event);
}

static void suffix_of(struct desk *d, const char *route, struct bytes name, char *ret_suffix, size_t size)
{
    char text[EXCHANGE_NAME_MAX];
    struct exchange_name parsed;
    int i = settings_find_link(d->settings, route);

    desk_text_of(text, sizeof text, name);
    ret_suffix[0] = '\0';
    if (i >= 0 && exchange_name_parse(d->profile[i], text, d->settings->host, &parsed) == 0)
        text_copy(ret_suffix, size, parsed.suffix);
}

/* Marks what kind of bytes an answer's payload is, for the worker that reads it, perhaps in a later life. */
static void mark_answer(struct desk *d, const struct sha256 *digest, const char *kind, int class)
{
    struct store_facts facts = { .consent = class };
    struct err e = ERR_INIT;

    DESK_COPY(facts.chart_kind, kind);
    if (store_facts_put(d->store, digest, &facts, &e) < 0) {
        desk_log(d, &e);
        d->failed = true;
    }
}

/* Another answer of that name while the first is still being read: the state machine takes one at a time, so the door is to look at it anew and tell it again. */
static void ask_again(struct desk *d, size_t door, struct wire_in *in, const struct sha256 *answer)
{
    static const struct { enum wire_type type; bool named; } orders[] = { { WIRE_FORGET, false }, { WIRE_AWAIT, true } };
    struct bytes name = wire_bytes(in, F_NAME);
    struct flow_exchange row;

    if (d->failed || store_flow_ops.exchange_get(d->store, wire_i64(in, F_EXCHANGE), &row, NULL) < 0 || row.state != FLOW_XS_ANSWERED ||
        memcmp(&row.answer, answer, sizeof *answer) == 0)
        return;
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        wire_begin(&d->out, orders[i].type);
        wire_put_i64(&d->out, F_EXCHANGE, row.id);
        if (orders[i].named)
            wire_put_bytes(&d->out, F_NAME, name.data, name.len);
        (void)desk_door_send(d, door);
    }
}

static void exchange_event(struct desk *d, enum flow_event_type type, struct wire_in *in)
{
    struct flow_event event = { .type = type, .u.exchange.exchange = wire_i64(in, F_EXCHANGE), .u.exchange.why = link_how_message((int)wire_u64(in, F_HOW)) };

    desk_event(d, &event);
}

static void on_answer(struct desk *d, size_t door, bool terminal, struct wire_in *in)
{
    struct flow_event event = { .type = FLOW_EV_ANSWER, .u.answer.exchange = wire_i64(in, F_EXCHANGE) };

    suffix_of(d, d->door[door].name, wire_bytes(in, F_NAME), event.u.answer.name, sizeof event.u.answer.name);
    if (!wire_has(in, F_CONTENT) || !desk_take(d, in, F_CONTENT, &event.u.answer.answer)) {
        exchange_event(d, terminal ? FLOW_EV_UNSURE : FLOW_EV_CONNECTION_ENDED, in); /* there was one, and it cannot be had */
        return;
    }
    if (wire_u64(in, F_ANSWER_KIND) == EXCHANGE_ERR)
        mark_answer(d, &event.u.answer.answer, "err", 0);
    desk_event(d, &event);
    if (terminal)
        ask_again(d, door, in, &event.u.answer.answer);
}

/* An HTTP status that says by itself what happened is stored like an answer, so that the evidence is bytes here as well. */
static void on_status(struct desk *d, struct wire_in *in)
{
    struct flow_event event = { .type = FLOW_EV_ANSWER, .u.answer.exchange = wire_i64(in, F_EXCHANGE) };
    char text[96], kind[16];
    int n = snprintf(text, sizeof text, "HTTP %lld for exchange %lld\n", (long long)wire_i64(in, F_HTTP), (long long)wire_i64(in, F_EXCHANGE));

    snprintf(kind, sizeof kind, "http%lld", (long long)wire_i64(in, F_HTTP));
    if (!desk_put_text(d, text, (size_t)n, &event.u.answer.answer))
        return;
    mark_answer(d, &event.u.answer.answer, kind, (int)wire_u64(in, F_CLASS));
    desk_event(d, &event);
}

static enum flow_folder folder_of(uint64_t place)
{
    static const enum flow_folder table[] = { [LINK_PLACE_REQUEST] = FLOW_FOLDER_REQUEST, [LINK_PLACE_ANSWER] = FLOW_FOLDER_ANSWER,
                                              [LINK_PLACE_TEMPORARY] = FLOW_FOLDER_TEMP, [LINK_PLACE_NOWHERE] = FLOW_FOLDER_NEITHER };
    return place <= LINK_PLACE_NOWHERE ? table[place] : FLOW_FOLDER_NEITHER;
}

static void on_looked_folder(struct desk *d, struct wire_in *in)
{
    struct flow_event event = { .type = FLOW_EV_FOLDER, .u.folder.exchange = wire_i64(in, F_EXCHANGE), .u.folder.found = folder_of(wire_u64(in, F_PLACE)) };

    desk_event(d, &event);
}

/* An answer of ours that nobody awaits: the exchange it belongs to is awaited again, or it is a stray. */
static void on_found(struct desk *d, size_t door, struct wire_in *in)
{
    struct flow_exchange row;
    struct bytes name = wire_bytes(in, F_NAME);
    char suffix[FLOW_SUFFIX], text[EXCHANGE_NAME_MAX];
    struct flow_event stray = { .type = FLOW_EV_STRAY };
    struct err e = ERR_INIT;

    suffix_of(d, d->door[door].name, name, suffix, sizeof suffix);
    if (suffix[0] == '\0' || store_flow_ops.exchange_by_name(d->store, suffix, &row, &e) != 1) {
        desk_event(d, &stray);
        return;
    }
    desk_text_of(text, sizeof text, name);
    wire_begin(&d->out, WIRE_AWAIT);
    wire_put_i64(&d->out, F_EXCHANGE, row.id);
    wire_put_bytes(&d->out, F_NAME, text, strlen(text));
    (void)desk_door_send(d, door);
}

/* Stored before anything is believed of it. One too large to be taken, and one too many to be watched, is a line for a person. */
static void on_notice(struct desk *d, size_t door, struct wire_in *in)
{
    struct flow_event event = { .type = FLOW_EV_NOTICE };
    struct bytes name = wire_bytes(in, F_NAME);
    struct sha256 digest;
    char hex[SHA256_HEX];

    if (!wire_has(in, F_CONTENT) && wire_u64(in, F_HOW) == LINK_HOW_MANY) {
        desk_log_plain(d, MSG_FLOW_NOTICE_MANY, d->door[door].name, NULL);
        return;
    }
    if (!wire_has(in, F_CONTENT)) {
        if (sha256_of(name.data, name.len, &digest) < 0) /* the name itself may name a patient */
            return;
        sha256_to_hex(&digest, hex);
        hex[8] = '\0';
        desk_log_plain(d, MSG_FLOW_NOTICE_TOO_LARGE, d->door[door].name, hex);
        return;
    }
    DESK_COPY(event.u.notice.route, d->door[door].name);
    desk_text_of(event.u.notice.name, sizeof event.u.notice.name, name);
    if (desk_take(d, in, F_CONTENT, &event.u.notice.original))
        desk_event(d, &event);
    else
        desk_door_kill(d, door); /* its file lies there: the next door tells it again */
}

void desk_fact_flush(struct desk *d)
{
    struct flow_event event = { .type = FLOW_EV_PUBLISHED, .u.exchange.exchange = d->published };

    d->published = 0;
    if (event.u.exchange.exchange != 0)
        desk_event(d, &event);
}

void desk_fact(struct desk *d, size_t door, struct wire_in *in)
{
    const char *route = d->door[door].name;
    int link = settings_find_link(d->settings, route);
    bool terminal = link >= 0 && d->settings->link[link].type == LINK_TYPE_TERMINAL;

    if (!terminal && wire_u64(in, F_STATE) == LINK_ANSWER && wire_i64(in, F_EXCHANGE) == d->published)
        d->published = 0; /* an answer says that it has left */
    desk_fact_flush(d);
    switch (wire_u64(in, F_STATE)) {
    case LINK_PUBLISHED: d->published = wire_i64(in, F_EXCHANGE); break;
    case LINK_NOT_LEFT: exchange_event(d, FLOW_EV_NOT_LEFT, in); break;
    case LINK_LEFT_REQ: exchange_event(d, FLOW_EV_LEFT_REQ, in); break;
    case LINK_ANSWER: on_answer(d, door, terminal, in); break;
    case LINK_STATUS: on_status(d, in); break;
    case LINK_ENDED: exchange_event(d, terminal ? FLOW_EV_UNSURE : FLOW_EV_CONNECTION_ENDED, in); break;
    case LINK_LOOKED: on_looked_folder(d, in); break;
    case LINK_FOUND: on_found(d, door, in); break;
    case LINK_NOTICE: on_notice(d, door, in); break;
    case LINK_DOWN:
    case LINK_LOGIN_FAILED: desk_link_set(d, route, false, wire_u64(in, F_HOW)); break;
    case LINK_UP:
    case LINK_LOGGED_IN:
    case LINK_TOKEN_RENEWED: /* perhaps after a log-in that had failed */
        if (d->door[door].ready && !d->replacing) /* last words of a door that ends are no invitation */
            desk_link_set(d, route, true, 0);
        break;
    default: break;
    }
}
