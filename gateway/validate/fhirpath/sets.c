/* Sets of items: equal ones are found by hash once there are more than a few. */
#include "validate/fhirpath/eval.h"

enum { FEW = 8, SLOTS_FIRST = 64 };

void fp_set_init(struct fp_set *set, size_t offset)
{
    *set = (struct fp_set){ .offset = offset };
}

static int set_insert(struct fp_eval *f, struct fp_set *set, size_t at)
{
    size_t i = fp_hash(f, &f->stack[at]) & set->mask;
    while (set->slot[i] != 0)
        i = (i + 1) & set->mask;
    set->slot[i] = (uint32_t)(at - set->offset + 1);
    return 0;
}

/* The items of the set are those at offset .. offset + count. */
static int set_grow(struct fp_eval *f, struct fp_set *set)
{
    size_t wanted = set->slot == NULL ? SLOTS_FIRST : (set->mask + 1) * 4;
    uint32_t *slots = arena_array(f->env->arena, wanted, sizeof *slots);
    if (slots == NULL)
        return fp_fail(f, ERR_NOMEM, "memory");
    set->slot = slots;
    set->mask = wanted - 1;
    for (size_t i = 0; i < set->count; i++)
        set_insert(f, set, set->offset + i);
    return fp_step(f, set->count);
}

/* Added items must lie one behind the other from the offset on: the caller moves the new one to offset + count before it asks. */
int fp_set_look(struct fp_eval *f, struct fp_set *set, size_t at, bool add, bool *ret_found)
{
    enum fhirpath_answer same = FHIRPATH_NO;
    int r = 0;
    if (set->slot == NULL) {
        for (size_t i = 0; r == 0 && same != FHIRPATH_YES && i < set->count; i++)
            r = fp_equal(f, &f->stack[set->offset + i], &f->stack[at], &same);
    } else {
        for (size_t i = fp_hash(f, &f->stack[at]) & set->mask; r == 0 && same != FHIRPATH_YES && set->slot[i] != 0; i = (i + 1) & set->mask)
            r = fp_equal(f, &f->stack[set->offset + set->slot[i] - 1], &f->stack[at], &same);
    }
    if (r < 0)
        return r;
    *ret_found = same == FHIRPATH_YES;
    if (*ret_found || !add)
        return 0;
    set->count++;
    if ((set->slot == NULL && set->count > FEW) || (set->slot != NULL && set->count * 2 > set->mask))
        return set_grow(f, set);
    return set->slot != NULL ? set_insert(f, set, at) : 0;
}

int fp_distinct(struct fp_eval *f, size_t base)
{
    struct fp_set set;
    fp_set_init(&set, base);
    int r = 0;
    for (size_t i = base; r == 0 && i < f->top; i++) {
        bool found;
        f->stack[base + set.count] = f->stack[i];
        r = fp_set_look(f, &set, base + set.count, true, &found);
    }
    f->top = base + set.count;
    return r;
}
