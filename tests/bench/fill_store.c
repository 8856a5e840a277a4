/*
 * NAME
 *      fill_store - many waiting messages, for the bench of a restart
 *
 * SYNOPSIS
 *      fill_store STATE_DIR COUNT
 *
 * DESCRIPTION
 *      The store must hold one request with one message that waits to be sent. It is copied COUNT times through store.h, each copy with its own request,
 *      unit, Bundle-ID and events, so that the tables, indexes and chain are as if so many files had come while the link was down. The payloads are shared.
 *
 * DIAGNOSTICS
 *      Exit status 1 with the reason on standard error.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/crypt.h"
#include "base/text.h"
#include "base/timefmt.h"
#include "store/store.h"

enum { A_TURN = 500 };

struct waiting { struct flow_request request; struct flow_unit unit; struct flow_message message; };

static int read_waiting(struct store *store, struct waiting *w, struct err *e)
{
    int found = store_messages(store, "", FLOW_MS_READY, INT64_MAX, &w->message, 1, e);

    if (found == 0)
        return err_set(e, ERR_NOTFOUND, MSG_NOT_FOUND, NULL, "a message that waits", NULL);
    if (found < 0 || store_flow_ops.request_get(store, w->message.request, &w->request, e) < 0)
        return e->code;
    return store_flow_ops.unit_next_of_request(store, w->message.request, 0, &w->unit, e) < 0 ? e->code : 0;
}

static int add_copy(struct store *store, const struct waiting *w, int64_t number, struct err *e)
{
    struct waiting c = *w;
    struct flow_cause cause = { .event = FLOW_EV_CONVERTED, .wall_ms = time_wall_ms(), .actor = "" };
    char name[FLOW_NAME];
    int r;

    c.request.id = c.request.version = c.unit.id = c.unit.version = c.message.id = c.message.version = 0;
    snprintf(c.request.name, sizeof c.request.name, "copy-%" PRId64 ".json", number);
    snprintf(c.request.work_name, sizeof c.request.work_name, "copy-%" PRId64 "-work.json", number);
    snprintf(c.request.request_id, sizeof c.request.request_id, "COPY-%" PRId64, number);
    snprintf(c.unit.unit, sizeof c.unit.unit, "copy-%" PRId64, number);
    snprintf(c.unit.bundle_id, sizeof c.unit.bundle_id, "%s^2026^copy-%" PRId64, c.unit.facility, number);
    memcpy(c.message.unit, c.unit.unit, sizeof c.message.unit);
    memcpy(c.message.bundle_id, c.unit.bundle_id, sizeof c.message.bundle_id);
    snprintf(name, sizeof name, "copy-%" PRId64, number);
    if ((r = uuid_new(c.message.uuid, e)) < 0 || (r = store_flow_ops.request_put(store, &c.request, &cause, e)) < 0)
        return r;
    c.message.request = c.unit.request = c.request.id;
    if ((r = store_flow_ops.message_put(store, &c.message, &cause, e)) < 0)
        return r;
    c.unit.message = c.message.id;
    if ((r = store_flow_ops.unit_put(store, &c.unit, &cause, e)) < 0)
        return r;
    return store_out_name_put(store, c.request.id, name, e);
}

int main(int argc, char **argv)
{
    struct store *store = NULL;
    struct waiting w;
    struct err e = ERR_INIT;
    int64_t count = 0;
    int r = argc != 3 || text_to_int64(argv[2], strlen(argv[2]), 1, 10000000, &count) < 0 ? err_set(&e, ERR_INVALID, MSG_INTERNAL, NULL, "usage: fill_store STATE_DIR COUNT", NULL) : store_open(argv[1], STORE_READ_WRITE, &store, &e);

    if (r == 0)
        r = read_waiting(store, &w, &e);
    for (int64_t i = 0; i < count && r == 0; i++) {
        if (i % A_TURN == 0)
            r = store_begin(store, &e);
        if (r == 0)
            r = add_copy(store, &w, i, &e);
        if (r == 0 && (i % A_TURN == A_TURN - 1 || i == count - 1))
            r = store_commit(store, &e);
    }
    store_close(store);
    if (r < 0) {
        char text[512];
        msg_format(e.msg, LANG_EN, e.arg[0], e.arg[1], text, sizeof text);
        fprintf(stderr, "fill_store: %s\n", text);
    }
    return r < 0;
}
