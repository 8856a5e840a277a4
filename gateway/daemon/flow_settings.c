/*
 * NAME
 *      flow_settings - the configuration as the state machine needs it
 */
#include <stdio.h>
#include <string.h>
#include "daemon/flow_settings.h"
#include "daemon/version.h"

void flow_settings(const struct settings *s, struct exchange_profile *const *profile, struct flow_config *ret_config)
{
    struct flow_config *c = ret_config;

    flow_config_defaults(c);
    c->clock_earliest_ms = CLINSGW_EARLIEST_MS;
    snprintf(c->name_tag, sizeof c->name_tag, "%s", s->host);
    c->claims_max = (int32_t)s->window;
    c->worker_jobs = (int32_t)(s->window < FLOW_JOBS_MAX / 2 ? s->window : FLOW_JOBS_MAX / 2);
    c->sign_jobs = 4;
    c->facility_count = c->route_count = c->source_count = 0;
    for (size_t i = 0; i < s->links && c->route_count < FLOW_ROUTES_MAX; i++) {
        struct flow_route_config *r = &c->route[c->route_count++];
        const struct exchange_profile *p = profile[i];
        memset(r, 0, sizeof *r);
        snprintf(r->id, sizeof r->id, "%s", s->link[i].name);
        r->link = s->link[i].type == LINK_TYPE_TERMINAL ? FLOW_LINK_TERMINAL : FLOW_LINK_WEBAPI;
        r->sessions = (int32_t)s->link[i].sessions;
        r->settle_ms = p->settle_ms;
        r->answer_ms = p->answer_ms;
        r->poll_ms = p->result_first_ms;
        r->poll_max_ms = p->result_max_ms;
        r->pending_ms = p->pending_ms;
        r->retry_ms = p->retry_first_ms;
        r->retry_max_ms = p->retry_max_ms;
        r->inquire_ms = p->result_first_ms;
        r->inquire_letter = p->call[EXCHANGE_DOCUMENT_REGISTER].settle == EXCHANGE_SETTLE_INQUIRY;
        r->probe_by_change = p->call[EXCHANGE_CHART_REGISTER].settle == EXCHANGE_SETTLE_PROBE;
        r->max_request_bytes = (uint64_t)p->size_limit;
    }
    for (size_t i = 0; i < s->facilities && c->facility_count < FLOW_FACILITIES_MAX; i++) {
        struct flow_facility_config *f = &c->facility[c->facility_count++];
        memset(f, 0, sizeof *f);
        snprintf(f->code, sizeof f->code, "%s", s->facility[i].code);
        snprintf(f->institution, sizeof f->institution, "%s", s->facility[i].code);
        snprintf(f->route, sizeof f->route, "%s", s->facility[i].link);
        f->policy = s->facility[i].signing == SIGNING_REQUIRE ? FLOW_POLICY_REQUIRE : s->facility[i].signing == SIGNING_PREFER ? FLOW_POLICY_PREFER : FLOW_POLICY_NEVER;
        f->prefer_age_ms = s->facility[i].prefer_after_ms;
        f->max_signature_age_ms = s->facility[i].signature_age_ms;
    }
    for (size_t i = 0; i < s->sources && c->source_count < FLOW_SOURCES_MAX; i++) {
        struct flow_source_config *q = &c->source[c->source_count++];
        memset(q, 0, sizeof *q);
        snprintf(q->id, sizeof q->id, "%s", s->source[i].name);
        snprintf(q->facility, sizeof q->facility, "%s", s->facility[s->source[i].facility_index].code);
        q->attachment_wait_ms = s->source[i].attachment_wait_ms;
    }
}
