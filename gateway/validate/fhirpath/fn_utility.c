/* now, today, timeOfDay. */
#include "validate/fhirpath/eval.h"

int fp_fn_utility(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base)
{
    (void)s;
    struct fp_moment now = fp_moment_of(f->env->now_ms, f->env->zone_minutes);
    f->top = base;
    if (n->fn == FN_TODAY) {
        now.precision = FP_DAY;
        now.has_zone = false;
    } else if (n->fn == FN_TIME_OF_DAY) {
        now.is_time = true;
        now.has_zone = false;
    }
    return fp_push_moment(f, &now);
}
