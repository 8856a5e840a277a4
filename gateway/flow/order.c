/*
 * NAME
 *     order - whose turn it is
 * DESCRIPTION
 *     Key = (facility, Bundle-ID), for the two lists also (facility, chart number and kind). A message may be sent only when no earlier
 *     message of its key blocks (open, or final with a submit or probe that can still take effect) and nothing of its own is loud. A cancel
 *     looks at its own Bundle-ID only, and goes past a register that is unknown: the settling cancel.
 *     flow_order_keys() runs after the event: for every key that changed it gives the turn to the first message, and lets unknown messages of
 *     the Bundle-ID plan anew. Only the first blocking rows of a key are read, never all that wait.
 */
#include "flow/run.h"

static int order_before_is_free(struct run *r, const struct flow_message *m, bool *ret_free)
{
    struct flow_message x;
    int64_t self = m->id != 0 ? m->id : INT64_MAX;   /* about to be stored: behind all others */
    int rc;
    *ret_free = false;
    for (int64_t after = 0; (rc = r->ops->message_next_blocking(r->t, m->facility, m->bundle_id, after, &x, r->e)) == 1 && x.id < self; after = x.id)
        if (m->operation != FLOW_OP_CANCEL || x.state != FLOW_MS_UNKNOWN || x.operation != FLOW_OP_REGISTER)
            return 0;
    RUN_TRY(rc);
    if (m->operation != FLOW_OP_CANCEL && m->list_key[0] != '\0') {
        RUN_TRY(rc = r->ops->message_next_blocking_list(r->t, m->facility, m->list_key, 0, &x, r->e));
        if (rc == 1 && x.id < self)
            return 0;
    }
    *ret_free = true;
    return 0;
}

int flow_order_may_go(struct run *r, const struct flow_message *m, bool *ret_may)
{
    struct flow_message other;
    int rc = 0;
    *ret_may = false;
    if (m->state != FLOW_MS_READY || m->loud > 0)
        return 0;
    RUN_TRY(order_before_is_free(r, m, ret_may));
    if (!*ret_may || !m->all_or_none)
        return 0;
    for (int64_t after = 0; *ret_may && (rc = r->ops->message_next_of_request(r->t, m->request, after, &other, r->e)) == 1; after = other.id)
        *ret_may = other.state != FLOW_MS_TO_SIGN;
    return rc < 0 ? rc : 0;
}

static int order_one(struct run *r, struct flow_message *m)
{
    bool may;
    if (m->state == FLOW_MS_UNKNOWN) {
        struct flow_message before = *m;
        RUN_TRY(flow_unknown_plan(r, m));
        if (before.turn == m->turn && before.due_ms == m->due_ms && before.held == m->held && memcmp(before.reason, m->reason, sizeof m->reason) == 0)
            return 0;
        return flow_run_put_message(r, m, MSG_NONE);
    }
    if (m->state != FLOW_MS_READY)
        return 0;
    RUN_TRY(flow_order_may_go(r, m, &may));
    if (may == m->turn)
        return 0;
    m->turn = may;
    return flow_run_put_message(r, m, MSG_NONE);
}

/* The first that blocks in a key, and behind unknown registers their cancel. */
static int order_bundle(struct run *r, const struct run_key *key)
{
    struct flow_message m;
    int rc;
    for (int64_t after = 0; (rc = r->ops->message_next_blocking(r->t, key->facility, key->bundle_id, after, &m, r->e)) == 1; after = m.id) {
        bool unknown_register = m.state == FLOW_MS_UNKNOWN && m.operation == FLOW_OP_REGISTER;
        RUN_TRY(order_one(r, &m));
        if (!unknown_register)      /* a cancel that lost its turn behind it is stopped when it comes to be sent */
            return 0;
    }
    return rc;
}

static int order_list(struct run *r, const struct run_key *key)
{
    struct flow_message m;
    int rc = key->list_key[0] == '\0' ? 0 : r->ops->message_next_blocking_list(r->t, key->facility, key->list_key, 0, &m, r->e);
    return rc == 1 ? order_one(r, &m) : rc;
}

int flow_order_keys(struct run *r)
{
    for (size_t i = 0; i < r->key_count; i++) {
        struct run_key key = r->key[i];
        RUN_TRY(order_bundle(r, &key));
        RUN_TRY(order_list(r, &key));
    }
    r->key_count = 0;
    return 0;
}
