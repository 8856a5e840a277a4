/*
 * memory.h - the tables of the state machine without a disk: for unit tests, the explorer, and anybody who wants to try flow_step().
 *
 *     struct flow_memory *rows = flow_memory_new(&e);
 *     flow_step(&cfg, st, &flow_memory_ops, rows, &event, &orders, &e);
 *     rows->messages.row[0].state ...
 *     rows = flow_memory_free(rows);
 *
 * Rows stand in order of their ids (id = place + 1), so they may be read directly. Queries scan: this is for a handful of rows.
 * flow_memory_assign() makes one world equal to another: what a crash between two commits leaves behind.
 * flow_memory_check() verifies what the store would enforce by its indexes: one open attempt a message, unique exchange names.
 */
#ifndef FLOW_MEMORY_H
#define FLOW_MEMORY_H

#include "flow/flow.h"

#define FLOW_MEMORY_TABLE(type) struct { struct type *row; size_t count, capacity; }

struct flow_memory {
    FLOW_MEMORY_TABLE(flow_request) requests;
    FLOW_MEMORY_TABLE(flow_attachment) attachments;
    FLOW_MEMORY_TABLE(flow_unit) units;
    FLOW_MEMORY_TABLE(flow_message) messages;
    FLOW_MEMORY_TABLE(flow_attempt) attempts;
    FLOW_MEMORY_TABLE(flow_exchange) exchanges;
    FLOW_MEMORY_TABLE(flow_incident) incidents;
    int64_t counter[FLOW_COUNTERS];
    uint64_t puts;              /* rows written: one event line each */
};

extern const struct flow_tables_ops flow_memory_ops;

struct flow_memory *flow_memory_new(struct err *e);
struct flow_memory *flow_memory_free(struct flow_memory *rows);    /* NULL is fine; returns NULL */
/* to = all rows of from; its memory is used again. ERR_NOMEM: to is only fit to be freed or assigned again. */
int flow_memory_assign(struct flow_memory *to, const struct flow_memory *from, struct err *e);
/* 0, or ERR_CORRUPT with the reason in e. */
int flow_memory_check(const struct flow_memory *rows, struct err *e);

#endif
