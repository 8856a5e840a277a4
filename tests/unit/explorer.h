/*
 * explorer.h - the small world that flow_explore_test walks through: what there is, what can happen next, what must hold.
 *
 * A world = the rows, the state of flow, the requests wherever they are (in the door's hand, in req/, at the service, answered, lost) and
 * what the service holds. explorer_model.c makes things happen in it, each through flow_step() itself; explorer_check.c says what must hold
 * after each. Both write the first violation into the explorer, and nothing happens any more behind one.
 *
 * Assumption A is part of the model: time does not pass a settle bell while the request that it is about can still take effect.
 */
#ifndef TESTS_UNIT_EXPLORER_H
#define TESTS_UNIT_EXPLORER_H

#include "flow/flow.h"
#include "flow/memory.h"

enum { COPIES = 14, BUNDLES = 3, FILES = 3, DEPTH = 400, NESTED = 32 };

enum where { W_NONE, W_HAND, W_TEMP, W_REQ, W_SERVICE, W_WORK, W_ANSWER, W_DELIVERED, W_LOST };

/* One request, wherever it is. */
struct copy {
    uint8_t where, kind, operation, message, bundle, content, of;
    bool connected, effect, pending_said, late;
    uint8_t answer_class, absent, already, there;
};

struct service { bool stands[BUNDLES]; uint8_t content[BUNDLES], by[BUNDLES]; bool ever[FILES + 1]; };

struct file { enum flow_operation operation; enum flow_kind kind; uint8_t bundle; };

struct scenario {
    const char *name;
    enum flow_link link;
    bool overwrite, two_step, inquire, probe;
    bool break_a, lie;                /* the service misbehaves */
    int files, faults, limit;
    struct file file[FILES];
};

struct model {
    struct flow_memory *rows;
    struct flow_state *st;
    int64_t boot;
    struct service service;
    struct copy copy[COPIES];         /* index = id of the exchange - 1 */
    int faults, dropped;
    bool bounded;                     /* something was cut off by a bound */
};

/* A world that was met: with at most so many faults left, at best so deep. */
struct seen { uint64_t hash[2]; };
struct reached { uint8_t faults; uint16_t depth; };

/* What was done: transition, exchange, way, and after which of its commits the desk died. */
struct move { uint8_t what, how, die; int8_t k; };

struct explorer {
    const struct scenario *s;
    struct flow_config cfg;
    struct seen *seen;
    struct reached *reached;
    size_t capacity, count, transitions;
    int depth, limit;                 /* limit: exchanges in one world */
    int deepest;                      /* no way is longer than this, 0 = as long as it likes */
    int found;                        /* length of the way to the violation */
    bool dead;                        /* ... and is dead: nothing is given or heard any more */
    int die_after;                    /* the desk dies after this many commits of the transition, 0 = lives */
    int nested;
    struct flow_orders orders[NESTED];   /* of the steps inside each other */
    struct model *world[DEPTH];          /* one a depth, made when first needed */
    struct move move[DEPTH];
    char violation[160];
};

/* What can happen: to a request (explorer_act_copy) or to the whole (explorer_act_world). */
enum what { T_DROP, T_PUBLISH, T_NOT_LEFT, T_UNSURE_OUT, T_UNSURE_TEMP, T_TAKE, T_PROCESS, T_WORK, T_REFUSE, T_RETRY, T_SYSTEM_DONE, T_SYSTEM_NOT,
    T_LOSE, T_LOSE_ANSWER, T_STILL, T_DELIVER, T_AGAIN, T_END, T_GIVE_UP, T_TIMER, T_CRASH, T_DOOR, T_DOWN, T_UP, T_PERSON, T_COUNT };

/* Of each: what it costs one of the faults, and whether the desk commits in it and may die right after. */
struct explorer_move { const char *name; bool fault, commits; };
extern const struct explorer_move explorer_moves[T_COUNT];
extern const char explorer_bundle_id[BUNDLES][24];

/* ---- explorer_check.c ---- */

/* The first one counts. */
void explorer_violate(struct explorer *x, const char *what, int64_t id);
/* A first submit has just been committed. */
void explorer_check_send(struct explorer *x, const struct model *w, const struct flow_message *m, const struct flow_attempt *a);
/* What must hold in every world. */
void explorer_check_world(struct explorer *x, const struct model *w);

/* ---- explorer_model.c ---- */

/* A life of the desk begins; the link comes up. */
void explorer_start(struct explorer *x, struct model *w);
void explorer_link_up(struct explorer *x, struct model *w);
/* The desk dies with its doors and begins anew. how: below explorer_ways_to_die(), what becomes of the request in a door's hand. */
void explorer_crash(struct explorer *x, struct model *w, int how);
int explorer_ways_to_die(const struct explorer *x, const struct model *w);
/* A bell that rings while something is under way makes it late: a fault each, once. Counts them; mark: and makes them so. */
int explorer_lateness(struct model *w, bool mark);
/* Whether it can happen now; making it happen. k: index of the request. */
bool explorer_enabled_copy(const struct explorer *x, const struct model *w, enum what t, int k);
bool explorer_enabled_world(const struct explorer *x, const struct model *w, enum what t);
void explorer_act_copy(struct explorer *x, struct model *w, enum what t, int k);
void explorer_act_world(struct explorer *x, struct model *w, enum what t, int how);

#endif
