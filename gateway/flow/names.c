/*
 * NAME
 *     names - the words of the state machine as text, its defaults, and the canonical text of a unit
 * DIAGNOSTICS
 *     flow_unit_text() returns ERR_LIMIT for a text that does not fit, ERR_INVALID for a unit that nothing names.
 */
#include "flow/flow.h"
#include <stdio.h>

static const char *name_of(const char *const *names, size_t count, int index)
{
    return index >= 0 && (size_t)index < count && names[index] != NULL ? names[index] : "";
}

#define NAME_OF(names, index) name_of((names), sizeof (names) / sizeof (names)[0], (int)(index))

bool flow_message_final(enum flow_message_state state)
{
    return state == FLOW_MS_DONE || state == FLOW_MS_REFUSED || state == FLOW_MS_REJECTED || state == FLOW_MS_WITHDRAWN;
}

const char *flow_message_reason(const struct flow_message *m, bool paused)
{
    return paused && m->state == FLOW_MS_READY ? msg_get(MSG_FLOW_WAIT_PAUSED)->code : m->reason;
}

const char *flow_operation_name(enum flow_operation op)
{
    static const char *const names[] = { "", "register", "change", "cancel", "current", "clear" };
    return NAME_OF(names, op);
}

const char *flow_kind_name(enum flow_kind kind)
{
    static const char *const names[] = { "", "letter", "summary", "condition", "allergy", "observation" };
    return NAME_OF(names, kind);
}

const char *flow_request_state_name(enum flow_request_state s)
{
    static const char *const names[] = { "", "received", "open", "closed", "answered" };
    return NAME_OF(names, s);
}

const char *flow_message_state_name(enum flow_message_state s)
{
    static const char *const names[] = { "", "to_sign", "ready", "sending", "sent", "pending", "unknown", "done", "refused", "rejected", "withdrawn" };
    return NAME_OF(names, s);
}

const char *flow_exchange_state_name(enum flow_exchange_state s)
{
    static const char *const names[] = { "", "intent", "looking", "published", "left", "ended", "answered", "closed" };
    return NAME_OF(names, s);
}

const char *flow_exchange_kind_name(enum flow_exchange_kind k)
{
    static const char *const names[] = { "submit", "poll", "inquire", "probe" };
    return NAME_OF(names, k);
}

const char *flow_evidence_name(enum flow_evidence v)
{
    static const char *const names[] = { "", "answer", "inquiry", "probe", "person", "unsent" };
    return NAME_OF(names, v);
}

const char *flow_class_name(enum flow_class c)
{
    static const char *const names[] = { "", "success", "final", "not_done_retry", "pending", "unknown" };
    return NAME_OF(names, c);
}

void flow_config_defaults(struct flow_config *cfg)
{
    enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };
    memset(cfg, 0, sizeof *cfg);
    cfg->claims_max = 48;
    cfg->worker_jobs = 32;
    cfg->sign_jobs = 8;
    cfg->request_age_ms[FLOW_RQ_RECEIVED] = 15 * MINUTE;
    cfg->request_age_ms[FLOW_RQ_OPEN] = 24 * HOUR;
    cfg->request_age_ms[FLOW_RQ_CLOSED] = 15 * MINUTE;
    cfg->message_age_ms[FLOW_MS_TO_SIGN] = 4 * HOUR;
    cfg->message_age_ms[FLOW_MS_READY] = 30 * MINUTE;
    cfg->message_age_ms[FLOW_MS_SENDING] = 10 * MINUTE;
    cfg->message_age_ms[FLOW_MS_SENT] = 10 * MINUTE;
    cfg->message_age_ms[FLOW_MS_PENDING] = 1 * HOUR;
    cfg->message_age_ms[FLOW_MS_UNKNOWN] = 1 * HOUR;
    for (size_t i = 0; i < FLOW_ROUTES_MAX; i++) {
        struct flow_route_config *route = &cfg->route[i];
        route->sessions = 1;
        route->settle_ms = 30 * MINUTE;
        route->answer_ms = 3 * MINUTE;
        route->poll_ms = 2 * SECOND;
        route->poll_max_ms = 1 * MINUTE;
        route->pending_ms = 1 * HOUR;
        route->retry_ms = 2 * SECOND;
        route->retry_max_ms = 5 * MINUTE;
        route->inquire_ms = 30 * SECOND;
        route->max_request_bytes = 10000000;
    }
}

int flow_unit_text(const struct flow_unit_looked *unit, char ret_text[static FLOW_UNIT], struct err *e)
{
    char text[FLOW_UNIT] = "";
    bool list = unit->kind == FLOW_KIND_CONDITION || unit->kind == FLOW_KIND_ALLERGY;
    int n = 0;
    if (list && unit->chart[0] != '\0')
        n = snprintf(text, sizeof text, "L/%s/%s", flow_kind_name(unit->kind), unit->chart);
    else if (unit->key[0] != '\0')
        n = snprintf(text, sizeof text, "K/%s/%s", flow_kind_name(unit->kind), unit->key);
    else if (unit->bundle_id[0] != '\0')
        n = snprintf(text, sizeof text, "B/%s", unit->bundle_id);
    else if (unit->operation != FLOW_OP_REGISTER)
        return err_set(e, ERR_INVALID, MSG_FLOW_UNIT_NAMELESS, NULL, NULL, NULL);
    if (n < 0 || (size_t)n >= sizeof text)
        return err_set(e, ERR_LIMIT, MSG_FLOW_UNIT_LIMIT, NULL, NULL, NULL);
    memset(ret_text, 0, FLOW_UNIT);
    memcpy(ret_text, text, (size_t)n);
    return 0;
}
