/*
 * NAME
 *      desk_page - the facts behind the status page
 *
 * DESCRIPTION
 *      What only the running desk knows (folders, links, signers, alarms) joined with what stands in the store and on disk. Files with an end are looked at
 *      every ten minutes, the rest each time.
 *
 * DIAGNOSTICS
 *      ERR_NOMEM, or those of the store.
 */
#include <stdlib.h>
#include "base/timefmt.h"
#include "daemon/desk.h"
#include "daemon/facts.h"
#include "daemon/version.h"
#include "report/page.h"

enum { ENDS_MS = 10 * 60 * 1000, PAGE_ARENA = 1 << 20, WORKER_FAILURES = 2 };

static const char *const link_types[] = { [LINK_TYPE_WEBAPI] = "webapi", [LINK_TYPE_TERMINAL] = "terminal", [LINK_TYPE_SINK] = "sink" };

/* A worker that died of one file is back at once. Those that end again and again before they are ready will not get better by themselves. */
static int add_workers(const struct desk *d, enum msg_lang lang, struct arena *arena, struct page *p, struct err *e)
{
    const struct desk_door *down = NULL;
    char text[512] = "";

    for (size_t i = 0; i < d->doors; i++) {
        if (d->door[i].kind != DESK_CONVERT)
            continue;
        if (d->door[i].ready || d->door[i].failures < WORKER_FAILURES)
            return 0;
        down = &d->door[i];
    }
    if (down == NULL)
        return 0;
    if (down->problem != MSG_NONE)
        msg_format(down->problem, lang, down->problem_arg[0], down->problem_arg[1], text, sizeof text);
    p->workers_down = arena_printf(arena, "%s %s", msg_get(down->problem != MSG_NONE ? down->problem : MSG_DOOR_ENDED)->code, text);
    return p->workers_down == NULL ? err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "status", NULL) : 0;
}

static void add_links(struct desk *d, struct page *p)
{
    int64_t boot = time_boot_ms();

    for (size_t i = 0; i < d->settings->links; i++) {
        struct page_link *l = &p->link[p->links++];
        *l = (struct page_link){ .name = d->settings->link[i].name, .type = link_types[d->settings->link[i].type], .up = d->link_up[i], .since_ms = d->link_since_wall_ms[i],
                                 .sessions = d->settings->link[i].sessions };
        for (size_t k = 0; k < d->flow->route_count; k++) {
            const struct flow_route_state *route = &d->flow->route[k];
            if (strcmp(route->id, l->name) != 0)
                continue;
            l->busy = route->busy;
            if (route->not_before_ms > boot)
                l->next_try_ms = p->now_ms + (route->not_before_ms - boot);
        }
    }
}

static int add_signers(struct desk *d, struct page *p, struct err *e)
{
    struct flow_message m;
    int r = 0;

    for (size_t i = 0; i < d->settings->signers && r >= 0; i++) {
        const struct desk_signer *s = &d->signer[i];
        struct page_signer *to = &p->signer[p->signers++];
        *to = (struct page_signer){ .name = d->settings->signer[i].name, .state = (enum flow_signer_state)s->state, .present = s->present, .attended = s->attended, .low = s->low,
                                    .final_try = s->final_try, .locked = s->locked, .not_after_ms = s->not_after_ms };
        if (desk_door_find(d, DESK_SIGN, to->name) < 0)
            to->state = FLOW_SIGNER_DOWN;
        r = store_flow_ops.message_next_to_sign(d->store, to->name, 0, &m, e);
        to->waiting = r == 1;
    }
    return r < 0 ? r : 0;
}

static void add_alarms(struct desk *d, struct page *p)
{
    for (size_t i = 0; i < DESK_ALARMS_MAX; i++) {
        const struct desk_alarm *a = &d->alarm[i];
        if (!a->raised || !a->told)
            continue;
        p->alarm[p->alarms++] = (struct page_alarm){ .kind = a->order.u.alarm.alarm, .msg = a->order.u.alarm.msg, .name = a->order.u.alarm.name, .since_ms = a->since_wall_ms,
                                                     .stops = a->order.u.alarm.alarm == FLOW_ALARM_DISK
                                                              || (a->order.u.alarm.alarm == FLOW_ALARM_CLOCK && a->order.u.alarm.index == FLOW_CLOCK_WRONG) }; /* nothing comes in, or nothing goes out */
    }
}

/* Certificates on disk; the card's own certificate is known from the door. */
static int add_ends(struct desk *d, enum msg_lang lang, struct arena *arena, struct page *p, struct err *e)
{
    int64_t boot = time_boot_ms();

    if (d->next_ends_ms <= boot) {
        facts_ends_read(d->settings, &d->ends);
        d->next_ends_ms = boot + ENDS_MS;
    }
    for (size_t i = 0; i < d->settings->signers; i++)
        if (d->signer[i].not_after_ms != 0)
            d->ends.signer[i] = d->signer[i].not_after_ms;
    return facts_from_ends(d->settings, &d->ends, lang, arena, p, e);
}

int desk_page_make(struct desk *d, enum desk_page form, enum msg_lang lang, struct buf *ret_text, int *ret_exit, struct err *e)
{
    static const enum page_form forms[] = { [DESK_PAGE_TEXT] = PAGE_TEXT, [DESK_PAGE_HTML] = PAGE_HTML, [DESK_PAGE_JSON] = PAGE_JSON };
    struct page *p = calloc(1, sizeof *p);
    struct arena *arena = arena_new(PAGE_ARENA);
    int r = p == NULL || arena == NULL ? err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "status", NULL) : 0;

    if (r < 0)
        goto out;
    p->now_ms = time_wall_ms();
    p->started_ms = d->started_wall_ms;
    p->version = CLINSGW_VERSION;
    p->running = !d->stopping;
    p->paused = d->flow->paused;
    p->clock_sane = d->flow->clock == FLOW_CLOCK_SANE;
    p->disk = d->flow->disk;
    facts_from_machine(d->settings, arena, p);
    r = facts_from_store(d->store, d->settings, p, e);
    for (size_t i = 0; i < p->sources; i++)
        p->source[i].up = d->source_up[i];
    add_links(d, p);
    if (r == 0)
        r = add_workers(d, lang, arena, p, e);
    if (r == 0)
        r = add_signers(d, p, e);
    add_alarms(d, p);
    if (r == 0)
        r = add_ends(d, lang, arena, p, e);
    if (r < 0)
        goto out;
    page_judge(p);
    r = page_write(p, forms[form], lang, ret_text, e);
    if (r == 0)
        *ret_exit = page_exit(p);
out:
    arena_free(arena);
    free(p);
    return r;
}
