/* Functions over whole collections: existence, subsetting, combining. */
#include "validate/fhirpath/eval.h"

/* allTrue() and its kin: the one value that decides, and the answer then. */
static int all_or_any(struct fp_eval *f, unsigned fn, size_t base)
{
    int64_t decisive = fn == FN_ANY_TRUE || fn == FN_ALL_FALSE;
    bool all = fn == FN_ALL_TRUE || fn == FN_ALL_FALSE, answer = all;
    for (size_t i = base; i < f->top; i++) {
        struct fhirpath_item v = fp_value(f, &f->stack[i]);
        if (v.kind != FHIRPATH_BOOLEAN)
            return fp_fail(f, ERR_INVALID, "truth values wanted");
        if (v.integer == decisive)
            answer = !all;
    }
    f->top = base;
    return fp_push_bool(f, answer);
}

/* Takes [from, from + count) of the focus. */
static int keep(struct fp_eval *f, size_t base, int64_t from, int64_t count)
{
    int64_t have = (int64_t)(f->top - base);
    from = from < 0 ? 0 : from > have ? have : from;
    count = count < 0 ? 0 : count > have - from ? have - from : count;
    f->top = base + (size_t)(from + count);
    fp_drop(f, base, base + (size_t)from);
    return 0;
}

static int skip_or_take(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base)
{
    struct fhirpath_item number;
    bool present = false;
    int ret = fp_argument(f, n, 1, s, &number, &present);
    if (ret < 0)
        return ret;
    if (!present || number.kind != FHIRPATH_INTEGER)
        return fp_fail(f, ERR_INVALID, "an integer wanted");
    return n->fn == FN_SKIP ? keep(f, base, number.integer, INT64_MAX) : keep(f, base, 0, number.integer);
}

/* Moves the argument's items [end, top) below the focus, so that a set can be made of them: *ret_middle is where the focus begins then. */
static int argument_first(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base, size_t *ret_middle)
{
    size_t end = f->top;
    int ret = fp_eval_node(f, n->kid[1], s);
    size_t count = f->top - end;
    for (size_t i = base; ret == 0 && i < end; i++)
        ret = fp_push_item(f, &f->stack[i]);
    if (ret == 0)
        fp_drop(f, base, end);
    *ret_middle = base + count;
    return ret;
}

/* A set of the items [base, middle); equal ones fall away and the rest follows. */
static int set_of(struct fp_eval *f, struct fp_set *set, size_t base, size_t middle)
{
    int ret = 0;
    fp_set_init(set, base);
    for (size_t i = base; ret == 0 && i < middle; i++) {
        bool found;
        f->stack[base + set->count] = f->stack[i];
        ret = fp_set_look(f, set, base + set->count, true, &found);
    }
    return ret;
}

/* Items of the focus that are (intersect) or are not (exclude) in the argument. */
static int intersect_or_exclude(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base)
{
    struct fp_set set;
    size_t middle, out;
    int ret = argument_first(f, n, s, base, &middle);
    if (ret == 0)
        ret = set_of(f, &set, base, middle);
    out = middle;
    for (size_t i = middle; ret == 0 && i < f->top; i++) {
        bool found;
        ret = fp_set_look(f, &set, i, false, &found);
        if (ret == 0 && found == (n->fn == FN_INTERSECT))
            f->stack[out++] = f->stack[i];
    }
    if (ret < 0)
        return ret;
    f->top = out;
    fp_drop(f, base, middle);
    return n->fn == FN_INTERSECT ? fp_distinct(f, base) : 0;
}

static int subset_of(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base)
{
    struct fp_set set;
    size_t middle, end = f->top;
    bool all = true;
    int ret;
    if (n->fn == FN_SUBSET_OF) {
        ret = argument_first(f, n, s, base, &middle);
    } else {
        middle = end;
        ret = fp_eval_node(f, n->kid[1], s);
    }
    if (ret == 0)
        ret = set_of(f, &set, base, middle);
    for (size_t i = middle; ret == 0 && all && i < f->top; i++)
        ret = fp_set_look(f, &set, i, false, &all);
    f->top = base;
    return ret == 0 ? fp_push_bool(f, all) : ret;
}

static int combine(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base)
{
    int ret = fp_eval_node(f, n->kid[1], s);
    return ret == 0 && n->fn == FN_UNION ? fp_distinct(f, base) : ret;
}

static int distinct_count(struct fp_eval *f, size_t base)
{
    size_t count = f->top - base;
    int ret = fp_distinct(f, base);
    bool same = f->top - base == count;
    f->top = base;
    return ret == 0 ? fp_push_bool(f, same) : ret;
}

bool fp_is_without_order(const struct fp_eval *f, const struct fp_node *n)
{
    const struct fp_node *focus = n->kid[0] != 0 ? &f->nodes[n->kid[0] - 1] : NULL;
    bool ordered = n->fn >= FN_FIRST && n->fn <= FN_TAKE;
    return ordered && focus != NULL && focus->op == FP_CALL && (focus->fn == FN_CHILDREN || focus->fn == FN_DESCENDANTS);
}

int fp_fn_collection(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base)
{
    size_t count = f->top - base;
    if (f->env->strict && fp_is_without_order(f, n))
        return fp_fail(f, ERR_INVALID, "children have no order");
    switch (n->fn) {
    case FN_SINGLE: return count > 1 ? fp_fail(f, ERR_INVALID, "one item wanted, several found") : 0;
    case FN_LAST: return keep(f, base, (int64_t)count - 1, 1);
    case FN_SKIP: case FN_TAKE: return skip_or_take(f, n, s, base);
    case FN_DISTINCT: return fp_distinct(f, base);
    case FN_IS_DISTINCT: return distinct_count(f, base);
    case FN_INTERSECT: case FN_EXCLUDE: return intersect_or_exclude(f, n, s, base);
    case FN_SUBSET_OF: case FN_SUPERSET_OF: return subset_of(f, n, s, base);
    case FN_UNION: case FN_COMBINE: return combine(f, n, s, base);
    default: return all_or_any(f, n->fn, base);
    }
}
