/* Functions whose argument is evaluated once for each item: $this is the item, $index its place. */
#include "validate/fhirpath/eval.h"

#include <string.h>

enum { SORT_KEYS = 3 };

static struct fp_scope scope_of(const struct fp_scope *outer, const struct fhirpath_item *self, size_t index)
{
    struct fp_scope s = *outer;
    s.self = self;
    s.index = (int64_t)index;
    return s;
}

/* The results are the queue, too: each new item is looked at in its turn. Equal items are taken once, so that it ends. */
static int repeat(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base)
{
    size_t end = f->top;
    struct fp_set set;
    int ret = 0;
    fp_set_init(&set, end);
    for (size_t i = base; ret == 0 && i < f->top; i++) {
        struct fhirpath_item self = f->stack[i];
        const struct fp_scope inner = scope_of(s, &self, i < end ? i - base : i - end);
        size_t before = f->top;
        ret = fp_eval_node(f, n->kid[1], &inner);
        for (size_t k = before; ret == 0 && k < f->top; k++) {
            bool found;
            f->stack[end + set.count] = f->stack[k];
            ret = fp_set_look(f, &set, end + set.count, true, &found);
        }
        if (ret == 0)
            f->top = end + set.count;
    }
    if (ret == 0)
        fp_drop(f, base, end);
    return ret;
}

static int iif(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base)
{
    struct fp_scope inner = *s;
    struct fhirpath_item self, criterion;
    bool present = false;
    if (f->top - base > 1)
        return fp_fail(f, ERR_INVALID, "one item wanted, several found");
    if (f->top > base) {
        self = f->stack[base];
        inner.self = &self;
    } else {
        inner.self = NULL;
    }
    f->top = base;
    int ret = fp_argument(f, n, 1, &inner, &criterion, &present);
    if (ret < 0)
        return ret;
    if (present && criterion.kind != FHIRPATH_BOOLEAN && criterion.kind != FHIRPATH_NODE)
        return fp_fail(f, ERR_INVALID, "a truth value wanted");
    bool yes = present && (criterion.kind != FHIRPATH_BOOLEAN || criterion.integer != 0);
    uint32_t branch = n->kid[yes ? 2 : 3];
    return branch != 0 ? fp_eval_node(f, branch, &inner) : 0;
}

static int aggregate(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base)
{
    size_t end = f->top;
    struct fhirpath_item *total = NULL;
    size_t total_count = 0, room = 0;
    int ret = n->kid[2] != 0 ? fp_eval_node(f, n->kid[2], s) : 0;
    for (size_t i = base; ret == 0 && i <= end; i++) {
        total_count = f->top - end;
        if (total_count > room) {
            room = total_count * 2;
            total = arena_array(f->env->arena, room, sizeof *total);
            if (total == NULL)
                return fp_fail(f, ERR_NOMEM, "memory");
        }
        if (total_count > 0)
            memcpy(total, &f->stack[end], total_count * sizeof *total);
        if (i == end)
            break;
        f->top = end;
        struct fhirpath_item self = f->stack[i];
        struct fp_scope inner = scope_of(s, &self, i - base);
        inner.total = total;
        inner.total_count = total_count;
        ret = fp_eval_node(f, n->kid[1], &inner);
    }
    if (ret == 0)
        fp_drop(f, base, end);
    return ret;
}

/* ---- sort ---- */

struct sort_row { struct fhirpath_item item, key[SORT_KEYS]; bool present[SORT_KEYS]; };

/* Keys of one item; a key written with a minus sorts downwards, whatever its type. */
static int sort_keys(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t index, struct sort_row *row)
{
    const struct fp_scope inner = scope_of(s, &row->item, index);
    int ret = 0;
    if (n->kid[1] == 0) {
        row->key[0] = fp_value(f, &row->item);
        row->present[0] = true;
    }
    for (unsigned k = 0; ret == 0 && k < SORT_KEYS && n->kid[1 + k] != 0; k++) {
        const struct fp_node *key = &f->nodes[n->kid[1 + k] - 1];
        ret = fp_eval_single(f, key->op == FP_NEGATE ? key->kid[0] : n->kid[1 + k], &inner, &row->key[k], &row->present[k]);
    }
    return ret;
}

/* Empty keys come first, downwards, too. */
static int rows_compare(struct fp_eval *f, const struct fp_node *n, const struct sort_row *a, const struct sort_row *b, int *ret_order)
{
    *ret_order = 0;
    for (unsigned k = 0; k < SORT_KEYS && *ret_order == 0 && (k == 0 || n->kid[1 + k] != 0); k++) {
        enum fp_order order = (enum fp_order)(a->present[k] - b->present[k]);
        int ret = fp_step(f, 1);
        if (ret == 0 && a->present[k] && b->present[k])
            ret = fp_compare(f, &a->key[k], &b->key[k], &order);
        if (ret < 0)
            return ret;
        bool down = a->present[k] && b->present[k] && n->kid[1 + k] != 0 && f->nodes[n->kid[1 + k] - 1].op == FP_NEGATE;
        *ret_order = order == FP_UNSURE ? 0 : down ? -(int)order : (int)order;
    }
    return 0;
}

/* Merges rows [from, middle) and [middle, to) of `in` into `out`; equal ones keep their order. */
static int merge(struct fp_eval *f, const struct fp_node *n, struct sort_row *const *in, struct sort_row **out, size_t from, size_t middle, size_t to)
{
    size_t a = from, b = middle;
    for (size_t i = from; i < to; i++) {
        int order = a == middle ? 1 : -1;
        if (a < middle && b < to) {
            int ret = rows_compare(f, n, in[a], in[b], &order);
            if (ret < 0)
                return ret;
        }
        out[i] = order <= 0 ? in[a++] : in[b++];
    }
    return 0;
}

static int sort(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base)
{
    size_t count = f->top - base;
    struct sort_row *rows = arena_array(f->env->arena, count, sizeof *rows);
    struct sort_row **order = arena_array(f->env->arena, count, sizeof *order), **other = arena_array(f->env->arena, count, sizeof *other);
    if (rows == NULL || order == NULL || other == NULL)
        return fp_fail(f, ERR_NOMEM, "memory");
    int ret = 0;
    for (size_t i = 0; ret == 0 && i < count; i++) {
        rows[i].item = f->stack[base + i];
        order[i] = &rows[i];
        ret = sort_keys(f, n, s, i, &rows[i]);
    }
    for (size_t width = 1; ret == 0 && width < count; width *= 2) {
        for (size_t i = 0; ret == 0 && i < count; i += 2 * width) {
            size_t middle = i + width < count ? i + width : count, to = i + 2 * width < count ? i + 2 * width : count;
            ret = merge(f, n, order, other, i, middle, to);
        }
        struct sort_row **swap = order;
        order = other;
        other = swap;
    }
    for (size_t i = 0; ret == 0 && i < count; i++)
        f->stack[base + i] = order[i]->item;
    return ret;
}

int fp_fn_filter(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base)
{
    switch (n->fn) {
    case FN_REPEAT: return repeat(f, n, s, base);
    case FN_IIF: return iif(f, n, s, base);
    case FN_AGGREGATE: return aggregate(f, n, s, base);
    default: return sort(f, n, s, base);
    }
}
