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
    struct err *e;
};

/* ---- machine (eval.c) ---- */

int fp_eval_node(struct fp_eval *f, uint32_t id, const struct fp_scope *s);
/* The node as a truth value; a single item that is not a boolean counts as true. */
int fp_eval_truth(struct fp_eval *f, uint32_t id, const struct fp_scope *s, enum fhirpath_answer *ret);
/* The node as one item: *ret_present false for the empty collection; more than one is an error. Leaves the stack as it was. */
int fp_eval_single(struct fp_eval *f, uint32_t id, const struct fp_scope *s, struct fhirpath_item *ret, bool *ret_present);
/* [base, top) as a truth value. */
int fp_truth(struct fp_eval *f, size_t base, enum fhirpath_answer *ret);
int fp_fail(struct fp_eval *f, enum err_code code, const char *what);
int fp_step(struct fp_eval *f, uint64_t count);
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
/* Pushes the children with this name, NULL = all. */
int fp_push_children(struct fp_eval *f, const struct fhirpath_item *item, const struct fp_name *name);
/* "FHIR.Patient", "Patient", "System.String": is the item of that type or of one derived from it? exact: of that type itself, except that resources and complex
   types may be derived. A type that nobody knows is an error. */
int fp_item_is(struct fp_eval *f, const struct fhirpath_item *item, const char *type, size_t len, bool exact, bool *ret);
bool fp_is_resource_type(const struct image *image, const struct fhirpath_item *item, const char *name, size_t len);

/* ---- values (value.c) ---- */

/* A primitive element becomes its computed value, a Quantity element a quantity; everything else stays what it is. */
struct fhirpath_item fp_value(struct fp_eval *f, const struct fhirpath_item *item);
bool fp_is_number(const struct fhirpath_item *value);
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

fp_function fp_fn_collection, fp_fn_filter, fp_fn_tree, fp_fn_convert, fp_fn_string, fp_fn_regex, fp_fn_coding, fp_fn_math, fp_fn_boundary, fp_fn_fhir, fp_fn_utility;
fp_function *fp_function_of(unsigned fn);
/* The focus as one value (fp_value): *ret_present false when empty, an error for more. */
/* Is there a value on the stack from base on? Under the ways of the reference hollow elements do not count. */
bool fp_any(const struct fp_eval *f, size_t base);
int fp_focus(struct fp_eval *f, size_t base, struct fhirpath_item *ret, bool *ret_present);
/* Argument i (1..) as one value. */
int fp_argument(struct fp_eval *f, const struct fp_node *n, unsigned i, const struct fp_scope *s, struct fhirpath_item *ret, bool *ret_present);

#endif
