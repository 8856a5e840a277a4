/*
 * NAME
 *     fhirpath_eval, fhirpath_test - a program meets a document
 *
 * DESCRIPTION
 *     A walk over the nodes of the program from the root. Truth values of and, or, not(), exists() and the like are handed up as such and only become items when somebody
 *     wants a collection.
 *
 * DIAGNOSTICS
 *     ERR_INVALID where the language has no answer (two items where one is wanted, a comparison of things without order), ERR_NOTFOUND unknown constants and types,
 *     ERR_UNSUPPORTED for what the surroundings do not offer, ERR_LIMIT for too many steps or items, ERR_NOMEM. The error names the column in the expression.
 */
#include "validate/fhirpath/eval.h"

#include <string.h>

enum { STACK_FIRST = 24, MANY = 1 << 15 };
static const uint64_t STEPS_DEFAULT = 10000000;

/* ---- the stack ---- */

int fp_fail(struct fp_eval *f, enum err_code code, const char *what)
{
    enum msg_id msg = code == ERR_LIMIT || code == ERR_NOMEM ? MSG_FHIRPATH_LIMIT : code == ERR_UNSUPPORTED ? MSG_FHIRPATH_UNSUPPORTED : MSG_FHIRPATH_EVALUATION;
    err_set(f->e, code, msg, NULL, what, NULL);
    if (f->e != NULL)
        f->e->column = f->column;
    f->failed = code;
    return code;
}

static int stack_grow(struct fp_eval *f)
{
    if (f->capacity >= FHIRPATH_MAX_ITEMS)
        return fp_fail(f, ERR_LIMIT, "items");
    size_t wanted = f->capacity * 2;
    struct fhirpath_item *more = arena_array(f->env->arena, wanted, sizeof *more);
    /* The arena has a maximum: a collection that passes it is too large rather than the machine too small. */
    if (more == NULL)
        return wanted > MANY ? fp_fail(f, ERR_LIMIT, "items") : fp_fail(f, ERR_NOMEM, "memory");
    memcpy(more, f->stack, f->top * sizeof *more);
    f->stack = more;
    f->capacity = wanted;
    return 0;
}

struct fhirpath_item *fp_push(struct fp_eval *f)
{
    if (++f->steps > f->max_steps) {
        fp_fail(f, ERR_LIMIT, "steps");
        return NULL;
    }
    if (f->top == f->capacity && stack_grow(f) < 0)
        return NULL;
    return &f->stack[f->top++];
}

/* The item may lie on the stack itself. */
int fp_push_item(struct fp_eval *f, const struct fhirpath_item *item)
{
    struct fhirpath_item copy = *item;
    struct fhirpath_item *slot = fp_push(f);
    if (slot == NULL)
        return f->failed;
    *slot = copy;
    return 0;
}

int fp_push_bool(struct fp_eval *f, bool value)
{
    return fp_push_item(f, &(struct fhirpath_item){ .kind = FHIRPATH_BOOLEAN, .integer = value });
}

int fp_push_answer(struct fp_eval *f, enum fhirpath_answer answer)
{
    return answer == FHIRPATH_EMPTY ? 0 : fp_push_bool(f, answer == FHIRPATH_YES);
}

int fp_push_integer(struct fp_eval *f, int64_t value)
{
    return fp_push_item(f, &(struct fhirpath_item){ .kind = FHIRPATH_INTEGER, .integer = value });
}

int fp_push_text(struct fp_eval *f, enum fhirpath_kind kind, const char *text, size_t len)
{
    return fp_push_item(f, &(struct fhirpath_item){ .kind = kind, .text = text, .len = len });
}

const char *fp_copy(struct fp_eval *f, const char *text, size_t len)
{
    const char *copy = arena_strndup(f->env->arena, text, len);
    if (copy == NULL)
        fp_fail(f, ERR_NOMEM, "memory");
    return copy;
}

static int push_copy(struct fp_eval *f, enum fhirpath_kind kind, const char *text, size_t len)
{
    const char *copy = fp_copy(f, text, len);
    return copy == NULL ? ERR_NOMEM : fp_push_text(f, kind, copy, len);
}

int fp_push_decimal(struct fp_eval *f, struct fp_decimal value)
{
    char text[FP_DECIMAL_TEXT];
    return push_copy(f, FHIRPATH_DECIMAL, text, fp_decimal_print(value, text));
}

int fp_push_moment(struct fp_eval *f, const struct fp_moment *value)
{
    char text[FP_MOMENT_TEXT];
    size_t len = fp_moment_print(value, text);
    return push_copy(f, value->is_time ? FHIRPATH_TIME : value->precision >= FP_HOUR ? FHIRPATH_DATETIME : FHIRPATH_DATE, text, len);
}

int fp_push_quantity(struct fp_eval *f, struct fp_decimal value, const char *unit, size_t unit_len)
{
    int ret = fp_push_decimal(f, value);
    if (ret == 0) {
        f->stack[f->top - 1].kind = FHIRPATH_QUANTITY;
        f->stack[f->top - 1].unit = unit;
        f->stack[f->top - 1].unit_len = unit_len;
    }
    return ret;
}

void fp_drop(struct fp_eval *f, size_t base, size_t from)
{
    if (base != from)
        memmove(&f->stack[base], &f->stack[from], (f->top - from) * sizeof *f->stack);
    f->top -= from - base;
}

/* ---- truth and single items ---- */

/* Is it a constant out of the expression? Its item then. */
static bool is_literal(const struct fp_eval *f, const struct fp_node *n, struct fhirpath_item *ret)
{
    static const uint8_t kinds[FP_OPS] = {
        [FP_BOOL] = FHIRPATH_BOOLEAN, [FP_STRING] = FHIRPATH_STRING, [FP_INTEGER] = FHIRPATH_INTEGER, [FP_DECIMAL] = FHIRPATH_DECIMAL, [FP_DATE] = FHIRPATH_DATE,
        [FP_DATETIME] = FHIRPATH_DATETIME, [FP_TIME] = FHIRPATH_TIME, [FP_QUANTITY] = FHIRPATH_QUANTITY,
    };
    if (kinds[n->op] == FHIRPATH_NODE)
        return false;
    *ret = (struct fhirpath_item){ .kind = (enum fhirpath_kind)kinds[n->op], .integer = n->number };
    if (n->op != FP_BOOL && n->op != FP_INTEGER) {
        ret->text = f->program + n->text;
        ret->len = n->len;
    }
    if (n->op == FP_QUANTITY) {
        ret->unit = f->program + f->nodes[n->kid[0] - 1].text;
        ret->unit_len = f->nodes[n->kid[0] - 1].len;
    }
    return true;
}

/* "vs-x" and "ext-x" are canonicals of HL7's own value sets and extensions. */
static int constant_url(struct fp_eval *f, const char *prefix, const char *name, size_t len, struct fhirpath_item *ret)
{
    const char *url = arena_printf(f->env->arena, "%s%.*s", prefix, (int)len, name);
    if (url == NULL)
        return fp_fail(f, ERR_NOMEM, "memory");
    *ret = (struct fhirpath_item){ .kind = FHIRPATH_STRING, .text = url, .len = strlen(url) };
    return 0;
}

int fp_constant(struct fp_eval *f, const struct fp_node *n, struct fhirpath_item *own, const struct fhirpath_item **ret_item)
{
    static const struct { const char *name, *value; } fixed[] = {
        { "ucum", "http://unitsofmeasure.org" }, { "sct", "http://snomed.info/sct" }, { "loinc", "http://loinc.org" },
    };
    const struct fhirpath_item *const known[FP_CONSTANTS] = { NULL, f->context, f->env->resource, f->env->root_resource };
    const char *name = f->program + n->text;
    for (size_t i = 0; i < f->env->variable_count; i++)
        if (strcmp(f->env->variables[i].name, name) == 0) {
            *ret_item = f->env->variables[i].item;
            return 0;
        }
    *ret_item = n->fn != FP_ANY_CONSTANT ? known[n->fn] : own;
    if (n->fn != FP_ANY_CONSTANT)
        return 0;
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (strcmp(fixed[i].name, name) == 0) {
            *own = (struct fhirpath_item){ .kind = FHIRPATH_STRING, .text = fixed[i].value, .len = strlen(fixed[i].value) };
            return 0;
        }
    if (strncmp(name, "vs-", 3) == 0)
        return constant_url(f, "http://hl7.org/fhir/ValueSet/", name + 3, n->len - 3, own);
    if (strncmp(name, "ext-", 4) == 0)
        return constant_url(f, "http://hl7.org/fhir/StructureDefinition/", name + 4, n->len - 4, own);
    return fp_fail(f, ERR_NOTFOUND, name);
}

int fp_one(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, struct fhirpath_item *ret, bool *ret_present)
{
    static fp_function_of_one *const calls[FN_COUNT_OF_FUNCTIONS] = {
        [FN_INDEX_OF] = fp_one_text, [FN_LAST_INDEX_OF] = fp_one_text, [FN_SUBSTRING] = fp_one_text, [FN_STARTS_WITH] = fp_one_text, [FN_ENDS_WITH] = fp_one_text,
        [FN_CONTAINS] = fp_one_text, [FN_LENGTH] = fp_one_text, [FN_MATCHES] = fp_one_match, [FN_MATCHES_FULL] = fp_one_match,
    };
    int64_t count = s->index;
    int r = 0;
    *ret_present = is_literal(f, n, ret);
    if (*ret_present || n->op == FP_NOTHING || (n->op == FP_INDEX && count < 0))
        return 0;
    if (n->op == FP_CALL && calls[n->fn] != NULL)
        return calls[n->fn](f, n, s, ret, ret_present);
    if (n->op == FP_CALL)
        r = fp_walk_count(f, n, s, &count);
    *ret_present = r == 0;
    *ret = fp_integer(count);
    return r;
}

int fp_eval_single(struct fp_eval *f, uint32_t id, const struct fp_scope *s, struct fhirpath_item *ret, bool *ret_present)
{
    const struct fp_node *n = &f->nodes[id - 1];
    if (n->way != FP_WAY_ONE)
        return fp_walk_single(f, id, s, ret, ret_present);
    f->column = n->column;
    int r = fp_step(f, 1);
    return r == 0 ? fp_one(f, n, s, ret, ret_present) : r;
}

int fp_focus(struct fp_eval *f, size_t base, struct fhirpath_item *ret, bool *ret_present)
{
    if (f->top - base > 1)
        return fp_fail(f, ERR_INVALID, "one item wanted, several found");
    *ret_present = f->top > base;
    if (*ret_present) {
        *ret = f->stack[base];
        fp_make_value(f, ret);
    }
    f->top = base;
    return 0;
}

int fp_argument(struct fp_eval *f, const struct fp_node *n, unsigned i, const struct fp_scope *s, struct fhirpath_item *ret, bool *ret_present)
{
    *ret_present = false;
    int r = n->kid[i] != 0 ? fp_eval_single(f, n->kid[i], s, ret, ret_present) : 0;
    if (r == 0 && *ret_present)
        fp_make_value(f, ret);
    return r;
}

int fp_focus_value(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, struct fhirpath_item *ret, bool *ret_present)
{
    if (n->kid[0] != 0)
        return fp_argument(f, n, 0, s, ret, ret_present);
    *ret_present = s->self != NULL;
    if (s->self != NULL)
        *ret = fp_value(f, s->self);
    return 0;
}

/* ---- nodes ---- */

static int eval_item_at(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s)
{
    size_t base = f->top;
    struct fhirpath_item index;
    bool present = false;
    int ret = fp_eval_node(f, n->kid[0], s);
    size_t count = f->top - base;
    if (ret == 0)
        ret = fp_argument(f, n, 1, s, &index, &present);
    if (ret < 0)
        return ret;
    if (present && index.kind != FHIRPATH_INTEGER)
        return fp_fail(f, ERR_INVALID, "an index is an integer");
    f->top = base;
    if (!present || index.integer < 0 || (uint64_t)index.integer >= count)
        return 0;
    f->stack[base] = f->stack[base + (size_t)index.integer];
    f->top = base + 1;
    return 0;
}

/* Both operands on the stack: [base, *ret_middle), [*ret_middle, top). */
static int eval_both(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t *ret_middle)
{
    int ret = fp_eval_node(f, n->kid[0], s);
    *ret_middle = f->top;
    return ret == 0 ? fp_eval_node(f, n->kid[1], s) : ret;
}

/* Truth values on both sides need no collections: of one item each, or empty. */
static int equal_answers(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, enum fhirpath_answer *ret)
{
    enum fhirpath_answer left, right;
    int r = fp_eval_truth(f, n->kid[0], s, &left);
    if (r == 0)
        r = fp_eval_truth(f, n->kid[1], s, &right);
    if (r < 0)
        return r;
    *ret = left == right ? FHIRPATH_YES : FHIRPATH_NO;
    if ((n->op == FP_EQUAL || n->op == FP_NOT_EQUAL) && (left == FHIRPATH_EMPTY || right == FHIRPATH_EMPTY))
        *ret = FHIRPATH_EMPTY;
    return 0;
}

static int equal_collections(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, enum fhirpath_answer *ret)
{
    size_t base = f->top, middle;
    bool same = false;
    int r = eval_both(f, n, s, &middle);
    if (r < 0)
        return r;
    if (n->op == FP_EQUAL || n->op == FP_NOT_EQUAL) {
        r = fp_equal_collections(f, base, middle - base, middle, f->top - middle, ret);
    } else {
        r = fp_equivalent_collections(f, base, middle - base, middle, f->top - middle, &same);
        *ret = same ? FHIRPATH_YES : FHIRPATH_NO;
    }
    f->top = base;
    return r;
}

static int truth_equal(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, enum fhirpath_answer *ret)
{
    const struct fp_node *left = &f->nodes[n->kid[0] - 1], *right = &f->nodes[n->kid[1] - 1];
    struct fhirpath_item literal;
    int r;
    if (left->way == FP_WAY_ANSWER && right->way == FP_WAY_ANSWER)
        r = equal_answers(f, n, s, ret);
    else if ((n->op == FP_EQUAL || n->op == FP_NOT_EQUAL) && right->op == FP_STRING)
        r = fp_walk_equal_text(f, n->kid[0], s, (struct bytes){ f->program + right->text, right->len }, ret);
    else if ((n->op == FP_EQUAL || n->op == FP_NOT_EQUAL) && is_literal(f, right, &literal))
        r = fp_walk_equal(f, n->kid[0], s, &literal, ret);
    else
        r = equal_collections(f, n, s, ret);
    if (r == 0 && (n->op == FP_NOT_EQUAL || n->op == FP_NOT_EQUIVALENT) && *ret != FHIRPATH_EMPTY)
        *ret = *ret == FHIRPATH_YES ? FHIRPATH_NO : FHIRPATH_YES;
    return r;
}

static int truth_compare(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, enum fhirpath_answer *ret)
{
    struct fhirpath_item a, b;
    bool has_a = false, has_b = false;
    enum fp_order order;
    int r = fp_eval_single(f, n->kid[0], s, &a, &has_a);
    if (r == 0)
        r = fp_eval_single(f, n->kid[1], s, &b, &has_b);
    if (r < 0)
        return r;
    *ret = FHIRPATH_EMPTY;
    if (!has_a || !has_b)
        return 0;
    f->column = n->column;
    r = fp_compare(f, &a, &b, &order);
    if (r < 0 || order == FP_UNSURE)
        return r;
    bool yes = n->op == FP_LESS ? order == FP_BEFORE : n->op == FP_LESS_EQUAL ? order != FP_AFTER : n->op == FP_GREATER ? order == FP_AFTER : order != FP_BEFORE;
    *ret = yes ? FHIRPATH_YES : FHIRPATH_NO;
    return 0;
}

/* x in c, c contains x */
static int truth_member(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, enum fhirpath_answer *ret)
{
    unsigned one = n->op == FP_IN ? 0 : 1;
    struct fhirpath_item item;
    bool present = false, found = false;
    int r = fp_argument(f, n, one, s, &item, &present);
    if (r == 0 && present)
        r = fp_walk_member(f, n->kid[1 - one], s, &item, &found);
    else if (r == 0)
        r = fp_walk_truth(f, n->kid[1 - one], s, true, ret);   /* nothing is in it, but it may fail */
    *ret = !present ? FHIRPATH_EMPTY : found ? FHIRPATH_YES : FHIRPATH_NO;
    return r;
}

enum { N = FHIRPATH_NO, Y = FHIRPATH_YES, E = FHIRPATH_EMPTY };
const uint8_t fp_logic[4][3][3] = {
    { { N, N, N }, { N, Y, E }, { N, E, E } },    /* and */
    { { N, Y, E }, { Y, Y, Y }, { E, Y, E } },    /* or */
    { { N, Y, E }, { Y, N, E }, { E, E, E } },    /* xor */
    { { Y, Y, Y }, { N, Y, E }, { E, Y, E } },    /* implies */
};

static int truth_logic(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, enum fhirpath_answer *ret)
{
    const uint8_t (*row)[3] = fp_logic[n->op - FP_AND];
    enum fhirpath_answer left, right;
    int r = fp_eval_truth(f, n->kid[0], s, &left);
    if (r < 0)
        return r;
    if (row[left][N] == row[left][Y] && row[left][Y] == row[left][E]) {
        *ret = (enum fhirpath_answer)row[left][N];
        return 0;
    }
    r = fp_eval_truth(f, n->kid[1], s, &right);
    if (r == 0)
        *ret = (enum fhirpath_answer)row[left][right];
    return r;
}

int fp_answer(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, enum fhirpath_answer *ret)
{
    static fp_answerer *const calls[FN_COUNT_OF_FUNCTIONS] = {
        [FN_EXISTS] = fp_answer_any, [FN_EMPTY] = fp_answer_any, [FN_ALL] = fp_answer_any, [FN_NOT] = fp_answer_not, [FN_IS] = fp_answer_type, [FN_HAS_VALUE] = fp_answer_has_value,
    };
    static fp_answerer *const ops[FP_OPS] = {
        [FP_AND] = truth_logic, [FP_OR] = truth_logic, [FP_XOR] = truth_logic, [FP_IMPLIES] = truth_logic, [FP_EQUAL] = truth_equal, [FP_NOT_EQUAL] = truth_equal,
        [FP_EQUIVALENT] = truth_equal, [FP_NOT_EQUIVALENT] = truth_equal, [FP_LESS] = truth_compare, [FP_LESS_EQUAL] = truth_compare, [FP_GREATER] = truth_compare,
        [FP_GREATER_EQUAL] = truth_compare, [FP_IN] = truth_member, [FP_CONTAINS] = truth_member, [FP_IS] = fp_answer_type,
    };
    return (n->op == FP_CALL ? calls[n->fn] : ops[n->op])(f, n, s, ret);
}

/* A criterion is asked of each item; what in it does not depend on the item is asked once. */
static int fixed_answer(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, enum fhirpath_answer *ret)
{
    uint32_t id = (uint32_t)(n - f->nodes) + 1;
    for (unsigned i = 0; i < f->fixed_count; i++)
        if (f->fixed[i].id == id) {
            *ret = f->fixed[i].answer;
            return 0;
        }
    int r = fp_answer(f, n, s, ret);
    if (r == 0 && f->fixed_count < FP_FIXED_ANSWERS) {
        f->fixed[f->fixed_count].id = id;
        f->fixed[f->fixed_count++].answer = *ret;
    }
    return r;
}

int fp_eval_truth(struct fp_eval *f, uint32_t id, const struct fp_scope *s, enum fhirpath_answer *ret)
{
    const struct fp_node *n = &f->nodes[id - 1];
    struct fhirpath_item item;
    bool present = false;
    if (n->way != FP_WAY_ANSWER && n->way != FP_WAY_ONE)
        return fp_walk_truth(f, id, s, false, ret);
    int r = fp_step(f, 1);
    f->column = n->column;
    if (r < 0)
        return r;
    if ((n->flags & FP_FIXED) != 0 && n->way == FP_WAY_ANSWER)
        return fixed_answer(f, n, s, ret);
    if (n->way == FP_WAY_ANSWER)
        return fp_answer(f, n, s, ret);
    r = fp_one(f, n, s, &item, &present);
    *ret = r < 0 || !present ? FHIRPATH_EMPTY : fp_is_true(&item) ? FHIRPATH_YES : FHIRPATH_NO;
    return r;
}

static int eval_arithmetic(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s)
{
    struct fhirpath_item a, b;
    bool has_a = false, has_b = false;
    int ret = fp_argument(f, n, 0, s, &a, &has_a);
    if (ret == 0)
        ret = fp_argument(f, n, 1, s, &b, &has_b);
    if (ret < 0)
        return ret;
    f->column = n->column;
    if (n->op == FP_CONCATENATE) {
        const struct fhirpath_item none = { .kind = FHIRPATH_STRING, .text = "" };
        return fp_arithmetic(f, FP_CONCATENATE, has_a ? &a : &none, has_b ? &b : &none);
    }
    return has_a && has_b ? fp_arithmetic(f, (enum fp_op)n->op, &a, &b) : 0;
}

static int eval_sign(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s)
{
    struct fhirpath_item a;
    bool present = false;
    int ret = fp_argument(f, n, 0, s, &a, &present);
    if (ret < 0 || !present)
        return ret;
    f->column = n->column;
    if (!fp_is_number(&a) && a.kind != FHIRPATH_QUANTITY)
        return fp_fail(f, ERR_INVALID, "a sign needs a number");
    return n->op == FP_NEGATE ? fp_negate(f, &a) : fp_push_item(f, &a);
}

static int eval_union(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s)
{
    size_t base = f->top, middle;
    int ret = eval_both(f, n, s, &middle);
    return ret == 0 ? fp_distinct(f, base) : ret;
}

static int eval_call(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s)
{
    size_t base = f->top;
    int ret = 0;
    if (n->kid[0] != 0)
        ret = fp_eval_node(f, n->kid[0], s);
    else if (s->self != NULL)
        ret = fp_push_item(f, s->self);
    if (ret < 0)
        return ret;
    f->column = n->column;
    return fp_function_of(n->fn)(f, n, s, base);
}

static int eval_total(struct fp_eval *f, const struct fp_scope *s)
{
    int ret = 0;
    for (size_t i = 0; ret == 0 && i < s->total_count; i++)
        ret = fp_push_item(f, &s->total[i]);
    return ret;
}

int fp_eval_stacked(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s)
{
    switch ((enum fp_op)n->op) {
    case FP_CALL: return eval_call(f, n, s);
    case FP_ITEM_AT: return eval_item_at(f, n, s);
    case FP_TOTAL: return eval_total(f, s);
    case FP_NEGATE: case FP_POSITIVE: return eval_sign(f, n, s);
    case FP_UNION: return eval_union(f, n, s);
    default: return eval_arithmetic(f, n, s);
    }
}

int fp_eval_node(struct fp_eval *f, uint32_t id, const struct fp_scope *s)
{
    const struct fp_node *n = &f->nodes[id - 1];
    if (n->way != FP_WAY_STACK)
        return fp_collect(f, id, s);
    int ret = fp_step(f, 1);
    f->column = n->column;
    return ret == 0 ? fp_eval_stacked(f, n, s) : ret;
}

/* ---- the face ---- */

static void machine_init(struct fp_eval *f, const char *program, struct fhirpath_env *env, const struct fhirpath_item *focus, struct fhirpath_item *stack, struct err *e)
{
    const struct fp_header *h = (const void *)program;
    memset(f, 0, sizeof *f);
    f->program = program;
    f->nodes = h != NULL ? (const void *)(program + sizeof *h) : NULL;
    f->env = env;
    f->context = focus;
    f->stack = stack;
    f->capacity = STACK_FIRST;
    f->max_steps = env->max_steps != 0 ? env->max_steps : STEPS_DEFAULT;
    f->e = e;
}

/* Copies what the machine leaves on its stack to where it may stay. */
static int hand_over(struct fp_eval *f, struct fhirpath_items *ret_items)
{
    struct fhirpath_items items = { .count = f->top, .capacity = f->top };
    if (f->top > 0) {
        items.item = arena_array(f->env->arena, f->top, sizeof *items.item);
        if (items.item == NULL)
            return fp_fail(f, ERR_NOMEM, "memory");
        memcpy(items.item, f->stack, f->top * sizeof *items.item);
    }
    *ret_items = items;
    return 0;
}

static bool program_fits(const char *program, size_t len, struct err *e)
{
    if (program != NULL && len >= sizeof(struct fp_header) && (uintptr_t)program % 8 == 0 && ((const struct fp_header *)(const void *)program)->size == len)
        return true;
    err_set(e, ERR_CORRUPT, MSG_FHIRPATH_EVALUATION, NULL, "program", NULL);
    return false;
}

int fhirpath_eval(const char *program, size_t len, struct fhirpath_env *env, const struct fhirpath_item *focus, struct fhirpath_items *ret_items, struct err *e)
{
    struct fhirpath_item stack[STACK_FIRST];
    struct fp_eval f;
    const struct fp_scope scope = { .self = focus, .index = -1 };
    if (!program_fits(program, len, e))
        return ERR_CORRUPT;
    machine_init(&f, program, env, focus, stack, e);
    int ret = fp_eval_node(&f, ((const struct fp_header *)(const void *)program)->root + 1, &scope);
    env->steps = f.steps;
    return ret == 0 ? hand_over(&f, ret_items) : ret;
}

int fhirpath_test(const char *program, size_t len, struct fhirpath_env *env, const struct fhirpath_item *focus, bool *ret_holds, struct err *e)
{
    struct fhirpath_item stack[STACK_FIRST];
    struct fp_eval f;
    const struct fp_scope scope = { .self = focus, .index = -1 };
    enum fhirpath_answer answer = FHIRPATH_EMPTY;
    if (!program_fits(program, len, e))
        return ERR_CORRUPT;
    machine_init(&f, program, env, focus, stack, e);
    uint32_t root = ((const struct fp_header *)(const void *)program)->root + 1;
    int ret = f.nodes[root - 1].way == FP_WAY_ANSWER || f.nodes[root - 1].way == FP_WAY_ONE ? fp_eval_truth(&f, root, &scope, &answer) : fp_walk_truth(&f, root, &scope, true, &answer);
    env->steps = f.steps;
    if (ret == 0)
        *ret_holds = answer == FHIRPATH_YES;
    return ret;
}
