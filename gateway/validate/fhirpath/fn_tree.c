/* Types and the tree: as, type, children, descendants. */
#include "validate/fhirpath/eval.h"

#include <string.h>

static int of_type(struct fp_eval *f, const struct fp_node *n, size_t base)
{
    size_t end = f->top, out = base;
    for (size_t i = base; i < end; i++) {
        bool is = false;
        int ret = fp_item_is(f, &f->stack[i], n, true, &is);
        if (ret < 0)
            return ret;
        if (is)
            f->stack[out++] = f->stack[i];
    }
    f->top = out;
    return 0;
}

static int as(struct fp_eval *f, const struct fp_node *n, size_t base)
{
    bool is = false;
    /* Expressions of R4 were written when as() took collections, and the core lets it. */
    if (f->env->reference_ways)
        return of_type(f, n, base);
    if (f->top - base > 1)
        return fp_fail(f, ERR_INVALID, "one item wanted, several found");
    if (f->top == base)
        return 0;
    int ret = fp_item_is(f, &f->stack[base], n, true, &is);
    if (ret == 0 && !is)
        f->top = base;
    return ret;
}

static int types(struct fp_eval *f, size_t base)
{
    for (size_t i = base; i < f->top; i++) {
        const char *space;
        struct bytes name = fhirpath_type_name(f->env->image, &f->stack[i], &space);
        f->stack[i] = (struct fhirpath_item){ .kind = FHIRPATH_TYPE_INFO, .text = name.data, .len = name.len, .unit = space, .unit_len = strlen(space) };
    }
    return 0;
}

/* Level by level: what was pushed is looked at in its turn. */
static int children(struct fp_eval *f, size_t base, bool all_levels)
{
    size_t end = f->top;
    int ret = 0;
    for (size_t i = base; ret == 0 && i < (all_levels ? f->top : end); i++) {
        struct fhirpath_item from = f->stack[i];
        ret = fp_push_children(f, &from, NULL);
    }
    if (ret == 0)
        fp_drop(f, base, end);
    return ret;
}

int fp_fn_tree(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base)
{
    (void)s;
    switch (n->fn) {
    case FN_TYPE: return types(f, base);
    case FN_CHILDREN: case FN_DESCENDANTS: return children(f, base, n->fn == FN_DESCENDANTS);
    default: return as(f, n, base);
    }
}
