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

int fp_step(struct fp_eval *f, uint64_t count)
{
    f->steps += count;
    return f->steps <= f->max_steps ? 0 : fp_fail(f, ERR_LIMIT, "steps");
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

int fp_truth(struct fp_eval *f, size_t base, enum fhirpath_answer *ret)
{
    size_t count = f->top - base;
    if (count == 0) {
        *ret = FHIRPATH_EMPTY;
        return 0;
    }
    if (count > 1)
        return fp_fail(f, ERR_INVALID, "one truth value wanted, several items found");
    struct fhirpath_item value = fp_value(f, &f->stack[base]);
    *ret = value.kind != FHIRPATH_BOOLEAN || value.integer != 0 ? FHIRPATH_YES : FHIRPATH_NO;
    return 0;
}

int fp_eval_single(struct fp_eval *f, uint32_t id, const struct fp_scope *s, struct fhirpath_item *ret, bool *ret_present)
{
    size_t base = f->top;
    int r = fp_eval_node(f, id, s);
    if (r < 0)
        return r;
    if (f->top - base > 1)
        return fp_fail(f, ERR_INVALID, "one item wanted, several found");
    *ret_present = f->top > base;
    if (*ret_present)
        *ret = f->stack[base];
    f->top = base;
    return 0;
}

bool fp_any(const struct fp_eval *f, size_t base)
{
    for (size_t i = base; i < f->top; i++)
        if (!f->env->reference_ways || !fhirpath_is_hollow(f->env, &f->stack[i]))
            return true;
    return false;
}

int fp_focus(struct fp_eval *f, size_t base, struct fhirpath_item *ret, bool *ret_present)
{
    if (f->top - base > 1)
        return fp_fail(f, ERR_INVALID, "one item wanted, several found");
    *ret_present = f->top > base;
    if (*ret_present)
        *ret = fp_value(f, &f->stack[base]);
    f->top = base;
    return 0;
}

int fp_argument(struct fp_eval *f, const struct fp_node *n, unsigned i, const struct fp_scope *s, struct fhirpath_item *ret, bool *ret_present)
{
    *ret_present = false;
    int r = n->kid[i] != 0 ? fp_eval_single(f, n->kid[i], s, ret, ret_present) : 0;
    if (r == 0 && *ret_present)
        *ret = fp_value(f, ret);
    return r;
}

/* ---- nodes ---- */

static int eval_name(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s)
{
    const struct fp_name name = { f->program + n->text, n->len, (img_str)n->number };
    if (n->kid[0] == 0) {
        if (s->self == NULL)
            return 0;
        /* A path may start with the type of what it is taken from. */
        if (n->len > 0 && name.text[0] >= 'A' && name.text[0] <= 'Z' && s->self->kind == FHIRPATH_NODE) {
            if (fp_is_resource_type(f->env->image, s->self, name.text, name.len))
                return fp_push_item(f, s->self);
            if (f->env->strict)
                return fp_fail(f, ERR_INVALID, "the path starts with another type");
        }
        return fp_push_children(f, s->self, &name);
    }
    size_t base = f->top;
    int ret = fp_eval_node(f, n->kid[0], s);
    size_t end = f->top;
    f->column = n->column;
    for (size_t i = base; ret == 0 && i < end; i++) {
        struct fhirpath_item from = f->stack[i];
        ret = fp_push_children(f, &from, &name);
    }
    if (ret == 0)
        fp_drop(f, base, end);
    return ret;
}

static int eval_focus(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s)
{
    if (n->kid[0] != 0)
        return fp_eval_node(f, n->kid[0], s);
    return s->self != NULL ? fp_push_item(f, s->self) : 0;
}

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

/* "vs-x" and "ext-x" are canonicals of HL7's own value sets and extensions. */
static int push_constant_url(struct fp_eval *f, const char *prefix, const char *name, size_t len)
{
    const char *url = arena_printf(f->env->arena, "%s%.*s", prefix, (int)len, name);
    return url == NULL ? fp_fail(f, ERR_NOMEM, "memory") : fp_push_text(f, FHIRPATH_STRING, url, strlen(url));
}

static int eval_constant(struct fp_eval *f, const struct fp_node *n)
{
    static const struct { const char *name, *value; } fixed[] = {
        { "ucum", "http://unitsofmeasure.org" }, { "sct", "http://snomed.info/sct" }, { "loinc", "http://loinc.org" },
    };
    const struct fhirpath_item *const known[FP_CONSTANTS] = { NULL, f->context, f->env->resource, f->env->root_resource };
    const char *name = f->program + n->text;
    for (size_t i = 0; i < f->env->variable_count; i++)
        if (strcmp(f->env->variables[i].name, name) == 0)
            return f->env->variables[i].item != NULL ? fp_push_item(f, f->env->variables[i].item) : 0;
    if (n->fn != FP_ANY_CONSTANT)
        return known[n->fn] != NULL ? fp_push_item(f, known[n->fn]) : 0;
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (strcmp(fixed[i].name, name) == 0)
            return fp_push_text(f, FHIRPATH_STRING, fixed[i].value, strlen(fixed[i].value));
    if (strncmp(name, "vs-", 3) == 0)
        return push_constant_url(f, "http://hl7.org/fhir/ValueSet/", name + 3, n->len - 3);
    if (strncmp(name, "ext-", 4) == 0)
        return push_constant_url(f, "http://hl7.org/fhir/StructureDefinition/", name + 4, n->len - 4);
    return fp_fail(f, ERR_NOTFOUND, name);
}

static int eval_type_operator(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s)
{
    struct fhirpath_item item;
    bool present = false, is = false;
    int ret = fp_eval_single(f, n->kid[0], s, &item, &present);
    if (ret < 0 || !present)
        return ret;
    ret = fp_item_is(f, &item, f->program + n->text, n->len, n->op == FP_AS, &is);
    if (ret < 0)
        return ret;
    if (n->op == FP_IS)
        return fp_push_bool(f, is);
    return is ? fp_push_item(f, &item) : 0;
}

/* Both operands on the stack: [base, *ret_middle), [*ret_middle, top). */
static int eval_both(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t *ret_middle)
{
    int ret = fp_eval_node(f, n->kid[0], s);
    *ret_middle = f->top;
    return ret == 0 ? fp_eval_node(f, n->kid[1], s) : ret;
}

static int truth_equal(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, enum fhirpath_answer *ret)
{
    size_t base = f->top, middle;
    bool same = false;
    int r = eval_both(f, n, s, &middle);
    if (r < 0)
        return r;
    if (n->op == FP_EQUAL || n->op == FP_NOT_EQUAL) {
        r = fp_equal_collections(f, base, middle - base, middle, f->top - middle, ret);
        if (r == 0 && n->op == FP_NOT_EQUAL && *ret != FHIRPATH_EMPTY)
            *ret = *ret == FHIRPATH_YES ? FHIRPATH_NO : FHIRPATH_YES;
    } else {
        r = fp_equivalent_collections(f, base, middle - base, middle, f->top - middle, &same);
        *ret = same == (n->op == FP_EQUIVALENT) ? FHIRPATH_YES : FHIRPATH_NO;
    }
    f->top = base;
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
    bool present = false;
    size_t base = f->top;
    enum fhirpath_answer same = FHIRPATH_NO;
    int r = fp_eval_single(f, n->kid[one], s, &item, &present);
    if (r == 0)
        r = fp_eval_node(f, n->kid[1 - one], s);
    for (size_t i = base; r == 0 && present && i < f->top && same != FHIRPATH_YES; i++) {
        struct fhirpath_item other = f->stack[i];
        r = fp_equal(f, &item, &other, &same);
    }
    f->top = base;
    *ret = !present ? FHIRPATH_EMPTY : same == FHIRPATH_YES ? FHIRPATH_YES : FHIRPATH_NO;
    return r;
}

/* Three-valued logic: [operator][left][right], values no, yes, empty. */
static int truth_logic(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, enum fhirpath_answer *ret)
{
    enum { N = FHIRPATH_NO, Y = FHIRPATH_YES, E = FHIRPATH_EMPTY };
    static const uint8_t table[4][3][3] = {
        { { N, N, N }, { N, Y, E }, { N, E, E } },    /* and */
        { { N, Y, E }, { Y, Y, Y }, { E, Y, E } },    /* or */
        { { N, Y, E }, { Y, N, E }, { E, E, E } },    /* xor */
        { { Y, Y, Y }, { N, Y, E }, { E, Y, E } },    /* implies */
    };
    const uint8_t (*row)[3] = table[n->op - FP_AND];
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

/* exists(), empty() and not() without arguments need no collection of their own. */
static int truth_call(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, enum fhirpath_answer *ret)
{
    size_t base = f->top;
    if (n->fn == FN_NOT && n->kid[0] != 0) {
        int r = fp_eval_truth(f, n->kid[0], s, ret);
        if (r == 0 && *ret != FHIRPATH_EMPTY)
            *ret = *ret == FHIRPATH_YES ? FHIRPATH_NO : FHIRPATH_YES;
        return r;
    }
    int r = n->fn == FN_EMPTY || (n->fn == FN_EXISTS && n->kid[1] == 0) ? eval_focus(f, n, s) : fp_eval_node(f, (uint32_t)(n - f->nodes) + 1, s);
    if (r == 0 && (n->fn == FN_EMPTY || (n->fn == FN_EXISTS && n->kid[1] == 0)))
        *ret = fp_any(f, base) == (n->fn == FN_EXISTS) ? FHIRPATH_YES : FHIRPATH_NO;
    else if (r == 0)
        r = fp_truth(f, base, ret);
    f->top = base;
    return r;
}

int fp_eval_truth(struct fp_eval *f, uint32_t id, const struct fp_scope *s, enum fhirpath_answer *ret)
{
    const struct fp_node *n = &f->nodes[id - 1];
    size_t base = f->top;
    int r = fp_step(f, 1);
    if (r < 0)
        return r;
    f->column = n->column;
    switch (n->op) {
    case FP_AND: case FP_OR: case FP_XOR: case FP_IMPLIES: return truth_logic(f, n, s, ret);
    case FP_EQUAL: case FP_NOT_EQUAL: case FP_EQUIVALENT: case FP_NOT_EQUIVALENT: return truth_equal(f, n, s, ret);
    case FP_LESS: case FP_LESS_EQUAL: case FP_GREATER: case FP_GREATER_EQUAL: return truth_compare(f, n, s, ret);
    case FP_IN: case FP_CONTAINS: return truth_member(f, n, s, ret);
    case FP_CALL:
        if (n->fn == FN_EXISTS || n->fn == FN_EMPTY || n->fn == FN_NOT)
            return truth_call(f, n, s, ret);
        break;
    default: break;
    }
    r = fp_eval_node(f, id, s);
    if (r == 0)
        r = fp_truth(f, base, ret);
    f->top = base;
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

static int eval_literal(struct fp_eval *f, const struct fp_node *n)
{
    static const uint8_t kinds[FP_OPS] = {
        [FP_BOOL] = FHIRPATH_BOOLEAN, [FP_STRING] = FHIRPATH_STRING, [FP_INTEGER] = FHIRPATH_INTEGER, [FP_DECIMAL] = FHIRPATH_DECIMAL, [FP_DATE] = FHIRPATH_DATE,
        [FP_DATETIME] = FHIRPATH_DATETIME, [FP_TIME] = FHIRPATH_TIME, [FP_QUANTITY] = FHIRPATH_QUANTITY,
    };
    struct fhirpath_item item = { .kind = (enum fhirpath_kind)kinds[n->op], .integer = n->number };
    if (n->op != FP_BOOL && n->op != FP_INTEGER) {
        item.text = f->program + n->text;
        item.len = n->len;
    }
    if (n->op == FP_QUANTITY) {
        item.unit = f->program + f->nodes[n->kid[0] - 1].text;
        item.unit_len = f->nodes[n->kid[0] - 1].len;
    }
    return fp_push_item(f, &item);
}

static int eval_call(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s)
{
    size_t base = f->top;
    int ret = eval_focus(f, n, s);
    if (ret < 0)
        return ret;
    f->column = n->column;
    return fp_function_of(n->fn)(f, n, s, base);
}

static int eval_variable(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s)
{
    if (n->op == FP_THIS)
        return s->self != NULL ? fp_push_item(f, s->self) : 0;
    if (n->op == FP_INDEX)
        return s->index >= 0 ? fp_push_integer(f, s->index) : 0;
    int ret = 0;
    for (size_t i = 0; ret == 0 && i < s->total_count; i++)
        ret = fp_push_item(f, &s->total[i]);
    return ret;
}

int fp_eval_node(struct fp_eval *f, uint32_t id, const struct fp_scope *s)
{
    const struct fp_node *n = &f->nodes[id - 1];
    enum fhirpath_answer answer;
    int ret = fp_step(f, 1);
    if (ret < 0)
        return ret;
    f->column = n->column;
    switch ((enum fp_op)n->op) {
    case FP_NAME: return eval_name(f, n, s);
    case FP_CALL: return eval_call(f, n, s);
    case FP_ITEM_AT: return eval_item_at(f, n, s);
    case FP_THIS: case FP_INDEX: case FP_TOTAL: return eval_variable(f, n, s);
    case FP_CONSTANT: return eval_constant(f, n);
    case FP_NOTHING: return 0;
    case FP_BOOL: case FP_STRING: case FP_INTEGER: case FP_DECIMAL: case FP_DATE: case FP_DATETIME: case FP_TIME: case FP_QUANTITY: return eval_literal(f, n);
    case FP_NEGATE: case FP_POSITIVE: return eval_sign(f, n, s);
    case FP_MULTIPLY: case FP_DIVIDE: case FP_DIV: case FP_MOD: case FP_ADD: case FP_SUBTRACT: case FP_CONCATENATE: return eval_arithmetic(f, n, s);
    case FP_IS: case FP_AS: return eval_type_operator(f, n, s);
    case FP_UNION: return eval_union(f, n, s);
    default: break;
    }
    ret = fp_eval_truth(f, id, s, &answer);
    return ret == 0 ? fp_push_answer(f, answer) : ret;
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
    int ret = 0;
    /* Operators of logic give no collection; everything else may give several items, which is true. */
    if (f.nodes[root - 1].op >= FP_LESS) {
        ret = fp_eval_truth(&f, root, &scope, &answer);
    } else {
        ret = fp_eval_node(&f, root, &scope);
        if (ret == 0 && f.top > 1)
            answer = FHIRPATH_YES;
        else if (ret == 0)
            ret = fp_truth(&f, 0, &answer);
    }
    env->steps = f.steps;
    if (ret == 0)
        *ret_holds = answer == FHIRPATH_YES;
    return ret;
}
