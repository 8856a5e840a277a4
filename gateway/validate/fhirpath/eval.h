/*
 * eval.h - what the parts of the evaluator share; private to this folder.
 *
 * Collections live on one stack of items: evaluating a node pushes its result and leaves everything below as it was. A result is [base, f->top).
 * The stack may move when it grows, so that pointers into it are good until the next push only: who evaluates further copies items first.
 * The first items lie in the C stack of fhirpath_eval(), so that a small evaluation allocates nothing.
 *
 * All return 0 or a negative code with f->e set.
 */
#ifndef VALIDATE_FHIRPATH_EVAL_H
#define VALIDATE_FHIRPATH_EVAL_H

#include "validate/fhirpath/decimal.h"
#include "validate/fhirpath/fhirpath.h"
#include "validate/fhirpath/moment.h"
#include "validate/fhirpath/program.h"

/* $this, $index and $total of the innermost function that set them. */
struct fp_scope {
    const struct fhirpath_item *self;     /* NULL = empty */
    int64_t index;                        /* -1 = none */
    const struct fhirpath_item *total;    /* in the arena */
    size_t total_count;
};

enum { FP_FIXED_ANSWERS = 4 };
struct fp_eval {
    const char *program;
    const struct fp_node *nodes;          /* nodes[id - 1] */
    struct fhirpath_env *env;
    const struct fhirpath_item *context;  /* focus of the whole expression */
    struct fhirpath_item *stack;
    size_t top, capacity;
    uint64_t steps, max_steps;
    uint32_t column;                      /* of the node at work, for messages */
    int failed;                           /* code of the last failure */
    struct { uint32_t id; enum fhirpath_answer answer; } fixed[FP_FIXED_ANSWERS];   /* of nodes that say the same in each turn of a criterion */
    unsigned fixed_count;
    struct err *e;
};

/* ---- paths, item by item (flow.c) ---- */

enum { FP_ENOUGH = 1 };
/* A step of a path, in the C stack of who walks it; the first member of what holds more. */
struct fp_flow;
/* Takes the item, which does not lie on the stack of the machine and lives until the call returns. 0 = go on, FP_ENOUGH, or a negative code. */
typedef int fp_take(struct fp_eval *f, struct fp_flow *flow, const struct fhirpath_item *item);
struct fp_flow {
    fp_take *take;
    const struct fp_node *node;
    const struct fp_scope *scope;         /* of the node */
    struct fp_flow *next;
    size_t seen;                          /* items so far */
    int said;                             /* by the step, see there */
};

/* Hands the node's items to `out`. FP_ENOUGH when `out` said so. */
int fp_walk(struct fp_eval *f, uint32_t id, const struct fp_scope *s, struct fp_flow *out);
/* The node's items on the stack. */
int fp_collect(struct fp_eval *f, uint32_t id, const struct fp_scope *s);
int fp_walk_single(struct fp_eval *f, uint32_t id, const struct fp_scope *s, struct fhirpath_item *ret_item, bool *ret_present);
/* any: several items are true; otherwise an error. */
int fp_walk_truth(struct fp_eval *f, uint32_t id, const struct fp_scope *s, bool any, enum fhirpath_answer *ret);
/* node = value, where value is one item that is no place in the document */
int fp_walk_equal(struct fp_eval *f, uint32_t id, const struct fp_scope *s, const struct fhirpath_item *value, enum fhirpath_answer *ret);
/* node = 'text' */
int fp_walk_equal_text(struct fp_eval *f, uint32_t id, const struct fp_scope *s, struct bytes text, enum fhirpath_answer *ret);
/* value in node */
int fp_walk_member(struct fp_eval *f, uint32_t id, const struct fp_scope *s, const struct fhirpath_item *value, bool *ret_found);
int fp_walk_count(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, int64_t *ret_count);
/* Truth values of nodes: FP_WAY_ANSWER. */
typedef int fp_answerer(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, enum fhirpath_answer *ret);
/* Three-valued logic: [operator - FP_AND][left][right], values are enum fhirpath_answer. */
extern const uint8_t fp_logic[4][3][3];
fp_answerer fp_answer_any /* exists, empty, all */, fp_answer_not, fp_answer_has_value, fp_answer_type /* is */;

/* ---- machine (eval.c) ---- */

/* %name: *ret_item NULL = empty; *own has room for what is made here. */
int fp_constant(struct fp_eval *f, const struct fp_node *n, struct fhirpath_item *own, const struct fhirpath_item **ret_item);
/* Nodes whose way is FP_WAY_ONE, FP_WAY_ANSWER, FP_WAY_STACK. */
int fp_one(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, struct fhirpath_item *ret, bool *ret_present);
fp_answerer fp_answer;
/* FP_WAY_ONE of texts (fn_string.c, fn_regex.c); *ret_present is false when they are called. */
typedef int fp_function_of_one(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, struct fhirpath_item *ret, bool *ret_present);
fp_function_of_one fp_one_text, fp_one_match;
int fp_eval_stacked(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s);
int fp_eval_node(struct fp_eval *f, uint32_t id, const struct fp_scope *s);
/* The node as a truth value; a single item that is not a boolean counts as true. */
int fp_eval_truth(struct fp_eval *f, uint32_t id, const struct fp_scope *s, enum fhirpath_answer *ret);
/* The node as one item: *ret_present false for the empty collection; more than one is an error. Leaves the stack as it was. */
int fp_eval_single(struct fp_eval *f, uint32_t id, const struct fp_scope *s, struct fhirpath_item *ret, bool *ret_present);
int fp_fail(struct fp_eval *f, enum err_code code, const char *what);
static inline int fp_step(struct fp_eval *f, uint64_t count)
{
    f->steps += count;
    return f->steps <= f->max_steps ? 0 : fp_fail(f, ERR_LIMIT, "steps");
}
/* Room for one more item on top, not initialised; NULL with the error set. */
struct fhirpath_item *fp_push(struct fp_eval *f);
int fp_push_item(struct fp_eval *f, const struct fhirpath_item *item);
int fp_push_bool(struct fp_eval *f, bool value);
int fp_push_answer(struct fp_eval *f, enum fhirpath_answer answer);       /* nothing for FHIRPATH_EMPTY */
int fp_push_integer(struct fp_eval *f, int64_t value);
int fp_push_decimal(struct fp_eval *f, struct fp_decimal value);
int fp_push_moment(struct fp_eval *f, const struct fp_moment *value);
int fp_push_text(struct fp_eval *f, enum fhirpath_kind kind, const char *text, size_t len);   /* text must live as long as the arena */
int fp_push_quantity(struct fp_eval *f, struct fp_decimal value, const char *unit, size_t unit_len);
/* Moves [from, top) down to base. */
void fp_drop(struct fp_eval *f, size_t base, size_t from);
const char *fp_copy(struct fp_eval *f, const char *text, size_t len);    /* into the arena; NULL with the error set */

/* ---- places (navigate.c) ---- */

/* A name of children; number: its img_str, 0 = not looked up. */
struct fp_name { const char *text; size_t len; img_str number; };
/* The step that hands on the children with the name of its node. */
fp_take fp_take_name;
/* Hands the children with this name to `out`, NULL = all. FP_ENOUGH when `out` said so. */
int fp_children(struct fp_eval *f, const struct fhirpath_item *item, const struct fp_name *name, struct fp_flow *out);
/* The same onto the stack (flow.c). */
int fp_push_children(struct fp_eval *f, const struct fhirpath_item *item, const struct fp_name *name);
/* The type that the node names ("FHIR.Patient", "Patient", "System.String"): is the item of that type or of one derived from it? exact: of that type itself, except
   that resources and complex types may be derived. A type that nobody knows is an error. */
int fp_item_is(struct fp_eval *f, const struct fhirpath_item *item, const struct fp_node *type, bool exact, bool *ret);
bool fp_is_resource_type(const struct image *image, const struct fhirpath_item *item, const char *name, size_t len);

/* ---- values (value.c) ---- */

/* A primitive element becomes its computed value, a Quantity element a quantity; everything else stays what it is. */
struct fhirpath_item fp_value(struct fp_eval *f, const struct fhirpath_item *item);
void fp_make_value(struct fp_eval *f, struct fhirpath_item *item);               /* in its place */
static inline struct fhirpath_item fp_bool(bool value) { return (struct fhirpath_item){ .kind = FHIRPATH_BOOLEAN, .integer = value }; }
static inline struct fhirpath_item fp_integer(int64_t value) { return (struct fhirpath_item){ .kind = FHIRPATH_INTEGER, .integer = value }; }
/* A single item that is not a boolean counts as true. */
static inline bool fp_is_true(const struct fhirpath_item *item)
{
    return item->kind == FHIRPATH_BOOLEAN ? item->integer != 0 : item->kind != FHIRPATH_NODE || !json_is(item->node, JSON_FALSE);
}
bool fp_is_number(const struct fhirpath_item *value);
/* A text, or an element that cannot be anything else. */
bool fp_plain_text(const struct fp_eval *f, const struct fhirpath_item *item, struct bytes *ret);
bool fp_decimal(const struct fhirpath_item *value, struct fp_decimal *ret);      /* integer, decimal, quantity */
bool fp_moment(const struct fhirpath_item *value, struct fp_moment *ret);        /* date, dateTime, time */
int fp_equal(struct fp_eval *f, const struct fhirpath_item *a, const struct fhirpath_item *b, enum fhirpath_answer *ret);
int fp_equivalent(struct fp_eval *f, const struct fhirpath_item *a, const struct fhirpath_item *b, bool *ret);
/* FHIRPATH_EMPTY: cannot be said. Kinds that have no order fail. */
int fp_compare(struct fp_eval *f, const struct fhirpath_item *a, const struct fhirpath_item *b, enum fp_order *ret);
uint64_t fp_hash(struct fp_eval *f, const struct fhirpath_item *item);
/* Collections [a, a + n) and [b, b + m) on the stack. */
int fp_equal_collections(struct fp_eval *f, size_t a, size_t n, size_t b, size_t m, enum fhirpath_answer *ret);
int fp_equivalent_collections(struct fp_eval *f, size_t a, size_t n, size_t b, size_t m, bool *ret);

/* ---- sets (sets.c) ---- */

struct fp_set { uint32_t *slot; size_t mask, count, offset; };   /* slot: position on the stack - offset + 1 */
void fp_set_init(struct fp_set *set, size_t offset);
/* Is an equal item among those added? If not, and add, the item at position `at` of the stack is taken in. */
int fp_set_look(struct fp_eval *f, struct fp_set *set, size_t at, bool add, bool *ret_found);
/* Leaves the first of equal items in [base, top). */
int fp_distinct(struct fp_eval *f, size_t base);

/* ---- operators (operators.c) ---- */

int fp_arithmetic(struct fp_eval *f, enum fp_op op, const struct fhirpath_item *a, const struct fhirpath_item *b);
int fp_negate(struct fp_eval *f, const struct fhirpath_item *a);

/* ---- functions ---- */

/* The focus is [base, top); the result takes its place. */
typedef int fp_function(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base);

/* children() and descendants() promise no order: strictly, what depends on one is a mistake. */
bool fp_is_without_order(const struct fp_eval *f, const struct fp_node *n);
fp_function fp_fn_collection, fp_fn_filter, fp_fn_tree, fp_fn_convert, fp_fn_string, fp_fn_regex, fp_fn_coding, fp_fn_math, fp_fn_boundary, fp_fn_fhir, fp_fn_utility;
/* NULL for what has another way (fp_way_of). */
fp_function *fp_function_of(unsigned fn);
/* The focus as one value (fp_value): *ret_present false when empty, an error for more. */
/* What the node is taken from as one value. */
int fp_focus_value(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, struct fhirpath_item *ret, bool *ret_present);
int fp_focus(struct fp_eval *f, size_t base, struct fhirpath_item *ret, bool *ret_present);
/* Argument i (1..) as one value. */
int fp_argument(struct fp_eval *f, const struct fp_node *n, unsigned i, const struct fp_scope *s, struct fhirpath_item *ret, bool *ret_present);

#endif
