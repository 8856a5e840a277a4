/*
 * ready_bundle.h - what a ready FHIR Bundle says about itself, as far as the work order needs it. For the adapters only.
 *
 * Nothing is judged that validate/ judges better: only what keeps the Bundle from being one unit of one kind with one Bundle-ID.
 */
#ifndef ADAPTERS_READY_BUNDLE_H
#define ADAPTERS_READY_BUNDLE_H

#include "adapters/adapter.h"

struct ready_facts {
    bool known;                  /* it is a Bundle of a kind that can be registered; else there is an issue */
    enum chart_kind kind;
    const char *bundle_id;       /* NULL = none or malformed */
    const char *institution;     /* first part of bundle_id */
    const char *insured;         /* the Patient's member id, else the public payer's; NULL = none */
    const char *chart_number;    /* the Patient's number at the institution; NULL = none */
    bool is_signed;
};

/* Adds issues with places in these bytes. Negative only for memory. */
int ready_bundle_facts(struct bytes bundle, const struct adapter_options *options, struct arena *arena, struct ready_facts *ret_facts, struct issue_list *issues, struct err *e);

#endif
