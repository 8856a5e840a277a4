/*
 * order.h - the work order: what one vendor file asks for, unit by unit, in the vendor's order.
 *
 * An adapter's `read` makes it. Each unit becomes one message (one Bundle, one operation). Which Bundle-ID a unit gets and whether `current`
 * is a register or a change is decided by flow/, not here. Everything lives in the arena that was given to the adapter.
 *
 * Issues: those of the request (order.issues) refuse every unit when one of them is an error; those of a unit refuse that unit (all of
 * them when all_or_none is set). A unit without errors has a complete chart, or its ready bytes, or is a cancel.
 *
 *     order_settle_codes(order, map, map_context);    // local -> standard codes; warns about what stays uncoded
 */
#ifndef CHART_ORDER_H
#define CHART_ORDER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/issue.h"
#include "chart/chart.h"

enum order_operation { ORDER_REGISTER, ORDER_CHANGE, ORDER_CANCEL, ORDER_CURRENT, ORDER_OPERATION_COUNT };

/* "register", "change", "cancel", "current" */
const char *order_operation_name(enum order_operation operation);
int order_operation_from_name(const char *name, size_t len, enum order_operation *ret_operation);   /* ERR_NOTFOUND */

/* A file that a request names, or carries inline. */
struct order_attachment {
    const struct chart_place *at;
    const char *name;            /* NULL = inline */
    const char *media_type;      /* as found by the first bytes */
    struct sha256 digest;        /* of the decoded content */
    struct bytes content;        /* lent: lives as long as the bytes given to the adapter, or in the arena when inline */
};

struct order_unit {
    const struct chart_place *at;
    enum chart_kind kind;
    enum order_operation operation;
    bool emptied;                /* was `current` with an empty list: operation is ORDER_CANCEL then, and nothing to cancel is no mistake */
    const char *key;             /* letter number, lab report number; for the two lists the chart number; NULL when only bundle_id is known */
    const char *chart_number;    /* NULL when not told (cancel by Bundle-ID, ready Bundle without one) */
    const char *bundle_id;       /* named by the vendor or by the ready Bundle; else NULL */
    const char *insured;         /* member id "06132013:記号:番号:01" (or the public payer's) from the request; NULL = not told.
                                    A cancel of a Bundle-ID that the gateway does not hold needs it. */
    const struct chart *chart;   /* content to build from; NULL for a cancel or a ready Bundle or a unit with errors */
    struct bytes ready;          /* a ready Bundle's bytes, unchanged; .data NULL = none */
    const char *ready_name;      /* attachment that they are; NULL = the file itself */
    bool ready_signed;           /* the Bundle carries a `signature` */
    bool sign;                   /* `sign: true`: an unsigned ready Bundle shall be signed */
    const char *signer;          /* signer named by the request; NULL = the facility's own choice */
    struct issue_list issues;
};

struct order {
    const char *request_id;      /* NULL = none */
    bool all_or_none;
    const char *institution;     /* 10-digit code that the file gives for itself; NULL = none found */
    struct order_unit *unit;
    size_t unit_count;
    struct order_attachment *attachment;
    size_t attachment_count;
    const char *x_json;          /* `{"x-id":1,"/units/0/x-row":"7"}`: the vendor's own members, echoed; NULL = none. Deeper ones are named by pointer. */
    struct issue_list issues;
};

/* No error in the request's own issues, nor in unit's. */
bool order_unit_ok(const struct order *order, const struct order_unit *unit);

/*
 * Asked for each concept that has a local code and none of the wanted systems. systems[0..count) are the lists that would do, best first.
 * Fills *ret_coding (texts live at least as long as the order; .at is set by the caller) and returns 0, or ERR_NOTFOUND.
 */
typedef int order_code_map(void *context, enum chart_kind kind, const enum chart_system *systems, size_t count,
                           const struct chart_concept *concept, const struct chart_text *material, struct chart_coding *ret_coding);

/*
 * Gives every local code its standard code, where map (NULL = none) knows one; sets no_code on the others and adds a warning to their unit
 * (MSG_CHART_UNCODED, rule = name of the list wanted, arg1 = local code, arg2 = term): the line of the work list. Terms that the vendor
 * declared uncoded get MSG_CHART_DECLARED_UNCODED. Call once, between read and build; the builder neither maps nor warns.
 */
int order_settle_codes(struct order *order, order_code_map *map, void *context, struct err *e);

#endif
