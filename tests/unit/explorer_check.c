/*
 * explorer_check - what must hold in every world of the explorer, see explorer.h
 */
#include "tests/unit/explorer.h"
#include <stdio.h>
#include <string.h>

void explorer_violate(struct explorer *x, const char *what, int64_t id)
{
    if (x->violation[0] == '\0')
        snprintf(x->violation, sizeof x->violation, "%.120s (%d)", what, (int)id);
}

static bool key_equal(const struct flow_message *a, const struct flow_message *b)
{
    return strcmp(a->bundle_id, b->bundle_id) == 0 || (a->list_key[0] != '\0' && strcmp(a->list_key, b->list_key) == 0);
}

/* A first submit has just been committed. */
void explorer_check_send(struct explorer *x, const struct model *w, const struct flow_message *m, const struct flow_attempt *a)
{
    for (size_t i = 0; i < w->rows->messages.count; i++) {
        const struct flow_message *o = &w->rows->messages.row[i];
        bool same_bundle = strcmp(o->bundle_id, m->bundle_id) == 0;
        if (o->id != m->id && same_bundle && a->operation != FLOW_OP_CANCEL && o->operation == FLOW_OP_CANCEL && !flow_message_final(o->state))
            explorer_violate(x, "sent while a cancel of its Bundle-ID waits", m->id);
        if (o->id >= m->id || !key_equal(o, m) || (a->operation == FLOW_OP_CANCEL && !same_bundle))
            continue;
        if (a->operation == FLOW_OP_CANCEL && o->operation == FLOW_OP_REGISTER && o->state == FLOW_MS_UNKNOWN)
            continue;
        if (!flow_message_final(o->state))
            explorer_violate(x, "sent before an earlier message of its key was final", m->id);
        for (int k = 0; k < COPIES && k < (int)w->rows->exchanges.count; k++)
            if (w->copy[k].message == o->id && (w->copy[k].kind == FLOW_XK_SUBMIT || w->copy[k].kind == FLOW_XK_PROBE)
                && (w->copy[k].where == W_SERVICE || w->copy[k].where == W_WORK || w->copy[k].where == W_REQ || w->copy[k].where == W_HAND))
                explorer_violate(x, "sent while an earlier message could still take effect", m->id);
    }
    if (a->operation == FLOW_OP_REGISTER && w->service.ever[m->id])
        explorer_violate(x, "a second register of what had happened", m->id);
    struct flow_message last;
    bool stands = flow_memory_ops.message_last_done(w->rows, m->facility, m->bundle_id, &last, NULL) == 1 && last.operation != FLOW_OP_CANCEL;
    if (a->operation == FLOW_OP_CHANGE && !stands)
        explorer_violate(x, "a change of what does not stand", m->id);
    if (a->operation == FLOW_OP_REGISTER && stands)
        explorer_violate(x, "a register of what stands", m->id);
}

/* A cancel of its Bundle-ID that has begun: another message. */
static bool open_cancel(const struct model *w, const struct flow_message *m)
{
    for (size_t i = 0; i < w->rows->messages.count; i++) {
        const struct flow_message *o = &w->rows->messages.row[i];
        if (o->id != m->id && o->operation == FLOW_OP_CANCEL && !flow_message_final(o->state) && strcmp(o->bundle_id, m->bundle_id) == 0)
            return true;
    }
    return false;
}

static void check_message(struct explorer *x, const struct model *w, const struct flow_message *m)
{
    int b = 0;
    while (b < BUNDLES - 1 && strcmp(explorer_bundle_id[b], m->bundle_id) != 0)
        b++;
    bool cancel = m->operation == FLOW_OP_CANCEL;
    switch (m->state) {
    case FLOW_MS_DONE:
        if (cancel && m->evidence != FLOW_EVIDENCE_UNSENT && w->service.stands[b])
            explorer_violate(x, "a Bundle-ID whose cancel is done is at the service", m->id);
        if (!cancel && !w->service.ever[m->id])
            explorer_violate(x, "done, but it never happened", m->id);
        break;
    case FLOW_MS_REJECTED:
    case FLOW_MS_REFUSED:
        if (!cancel && w->service.ever[m->id])
            explorer_violate(x, "rejected or refused, but it was at the service", m->id);
        break;
    case FLOW_MS_READY:
        if (!cancel && open_cancel(w, m))
            explorer_violate(x, "ready while a cancel of its Bundle-ID waits or is out", m->id);
        break;
    case FLOW_MS_WITHDRAWN:
        if (!m->may_have_stood && w->service.ever[m->id])
            explorer_violate(x, "withdrawn, but it was at the service", m->id);
        break;
    default:
        break;
    }
}

/* Where every message of a Bundle-ID is final and quiet, the service holds just what its last done message says. */
static void check_bundle(struct explorer *x, const struct model *w, int b)
{
    const struct flow_message *last = NULL;
    for (size_t i = 0; i < w->rows->messages.count; i++) {
        const struct flow_message *m = &w->rows->messages.row[i];
        if (strcmp(m->bundle_id, explorer_bundle_id[b]) != 0)
            continue;
        if (m->blocks)
            return;
        if (m->state == FLOW_MS_DONE)
            last = m;
    }
    bool ours = last != NULL && last->operation != FLOW_OP_CANCEL;
    if (ours != w->service.stands[b])
        explorer_violate(x, ours ? "done, but the service does not hold it" : "the service holds what we do not", b);
    else if (ours && last->stands_attempt == 0)
        explorer_violate(x, "done without the attempt that stands", b);
    else if (ours && w->rows->attempts.row[last->stands_attempt - 1].bundle.byte[0] != w->service.content[b])
        explorer_violate(x, "the service holds another content", b);
}

void explorer_check_world(struct explorer *x, const struct model *w)
{
    struct err e = ERR_INIT;
    if (flow_memory_check(w->rows, &e) < 0)
        explorer_violate(x, e.arg[0], 0);
    for (size_t i = 0; i < w->rows->messages.count; i++)
        check_message(x, w, &w->rows->messages.row[i]);
    for (int b = 0; b < BUNDLES; b++)
        check_bundle(x, w, b);
    if (w->rows->incidents.count > 0)
        explorer_violate(x, "an incident without a person's mistake", 0);
    int busy = 0;
    for (size_t i = 0; i < w->rows->exchanges.count; i++) {
        enum flow_exchange_state s = w->rows->exchanges.row[i].state;
        busy += s == FLOW_XS_INTENT || s == FLOW_XS_LOOKING || s == FLOW_XS_PUBLISHED || s == FLOW_XS_LEFT;
    }
    if (w->st->route_count > 0 && w->st->route[0].busy != busy)
        explorer_violate(x, "sessions miscounted", w->st->route[0].busy);
    if ((int)w->rows->requests.count != w->dropped)
        explorer_violate(x, "a file was lost or doubled", w->dropped);
}
