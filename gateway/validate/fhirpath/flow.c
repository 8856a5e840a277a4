/*
 * NAME
 *     flow - a path is walked item by item
 *
 * DESCRIPTION
 *     Most of an invariant is paths that end in a question: is there one, how many, is it this text? Such a path needs no collection. Each node of it becomes a step in
 *     the C stack (struct fp_flow) that is handed one item after the other and hands on what follows from it; at the end stands who asked. The order of the
 *     items is that of the collections which the language speaks of.
 *
 *     Who has heard enough says FP_ENOUGH. He may do so only where nothing that is then left out could have failed (FP_CALM), for an expression that fails
 *     is an issue and an answer must not hide it. fp_walk() returns FP_ENOUGH only when `out` said it.
 *
 *     What needs a collection (union, sort, distinct, []) is evaluated on the stack of the machine and handed on from there.
 *
 * DIAGNOSTICS
 *     Those of eval.c.
 */
#include "validate/fhirpath/eval.h"

#include <string.h>

static struct fp_scope scope_of(const struct fp_scope *outer, const struct fhirpath_item *self, size_t index)
{
    struct fp_scope s = *outer;
    s.self = self;
    s.index = (int64_t)index;
    return s;
}

/* Can nothing fail in the node any more, so that the rest of it may be left out? id 0 = $this */
static bool is_calm(const struct fp_eval *f, uint32_t id)
{
    return id == 0 || ((f->nodes[id - 1].flags & FP_CALM) != 0 && !f->env->strict);
}

/* ---- steps ---- */

static int take_where(struct fp_eval *f, struct fp_flow *flow, const struct fhirpath_item *item)
{
    const struct fp_scope inner = scope_of(flow->scope, item, flow->seen++);
    enum fhirpath_answer answer;
    int ret = fp_eval_truth(f, flow->node->kid[1], &inner, &answer);
    return ret == 0 && answer == FHIRPATH_YES ? flow->next->take(f, flow->next, item) : ret;
}

static int take_select(struct fp_eval *f, struct fp_flow *flow, const struct fhirpath_item *item)
{
    const struct fp_scope inner = scope_of(flow->scope, item, flow->seen++);
    return fp_walk(f, flow->node->kid[1], &inner, flow->next);
}

static int take_of_type(struct fp_eval *f, struct fp_flow *flow, const struct fhirpath_item *item)
{
    bool is = false;
    int ret = fp_item_is(f, item, flow->node, true, &is);
    return ret == 0 && is ? flow->next->take(f, flow->next, item) : ret;
}

static int take_first(struct fp_eval *f, struct fp_flow *flow, const struct fhirpath_item *item)
{
    if (flow->seen++ > 0)
        return 0;
    flow->said = flow->next->take(f, flow->next, item);
    if (flow->said < 0)
        return flow->said;
    return is_calm(f, flow->node->kid[0]) ? FP_ENOUGH : 0;
}

static int take_tail(struct fp_eval *f, struct fp_flow *flow, const struct fhirpath_item *item)
{
    return flow->seen++ > 0 ? flow->next->take(f, flow->next, item) : 0;
}

/* What the node is taken from, into the flow. */
static int walk_focus(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, struct fp_flow *flow)
{
    if (n->kid[0] != 0)
        return fp_walk(f, n->kid[0], s, flow);
    return s->self != NULL ? flow->take(f, flow, s->self) : 0;
}

/* `x as T`: more than one x is an error. */
static int take_as(struct fp_eval *f, struct fp_flow *flow, const struct fhirpath_item *item)
{
    if (flow->seen++ > 0)
        return fp_fail(f, ERR_INVALID, "one item wanted, several found");
    return take_of_type(f, flow, item);
}

typedef int walker(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, struct fp_flow *out);

static int walk_this(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, struct fp_flow *out)
{
    (void)n;
    return s->self != NULL ? out->take(f, out, s->self) : 0;
}

static int walk_name(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, struct fp_flow *out)
{
    struct fp_flow own = { .take = fp_take_name, .node = n, .next = out };
    return walk_focus(f, n, s, &own);
}

/* A path may start with the type of what it is taken from. */
static int walk_start(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, struct fp_flow *out)
{
    if (s->self != NULL && s->self->kind == FHIRPATH_NODE && fp_is_resource_type(f->env->image, s->self, f->program + n->text, n->len))
        return out->take(f, out, s->self);
    if (s->self != NULL && s->self->kind == FHIRPATH_NODE && f->env->strict)
        return fp_fail(f, ERR_INVALID, "the path starts with another type");
    return walk_name(f, n, s, out);
}

static int walk_call(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, struct fp_flow *out)
{
    static fp_take *const takes[FN_COUNT_OF_FUNCTIONS] = {
        [FN_WHERE] = take_where, [FN_SELECT] = take_select, [FN_OF_TYPE] = take_of_type, [FN_FIRST] = take_first, [FN_TAIL] = take_tail,
    };
    struct fp_flow own = { .take = n->op == FP_AS ? take_as : takes[n->fn], .node = n, .scope = s, .next = out };
    /* Nobody listens to traces here: patients' data does not go into logs. */
    if (own.take == NULL)
        return walk_focus(f, n, s, out);
    if (f->env->strict && fp_is_without_order(f, n))
        return fp_fail(f, ERR_INVALID, "children have no order");
    int ret = walk_focus(f, n, s, &own);
    return ret >= 0 && own.take == take_first ? own.said : ret;
}

static int walk_constant(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, struct fp_flow *out)
{
    struct fhirpath_item own;
    const struct fhirpath_item *item = NULL;
    int ret = fp_constant(f, n, &own, &item);
    (void)s;
    return ret == 0 && item != NULL ? out->take(f, out, item) : ret;
}

/* The items that the node leaves on the stack, one by one. */
static int walk_stacked(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, struct fp_flow *out)
{
    size_t base = f->top;
    int ret = fp_eval_stacked(f, n, s);
    size_t end = f->top;
    for (size_t i = base; ret == 0 && i < end; i++) {
        struct fhirpath_item item = f->stack[i];
        ret = out->take(f, out, &item);
    }
    fp_drop(f, base, end);               /* what `out` may have put on top stays */
    return ret;
}

static int walk_answer(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, struct fp_flow *out)
{
    enum fhirpath_answer answer;
    int ret = fp_answer(f, n, s, &answer);
    if (ret < 0 || answer == FHIRPATH_EMPTY)
        return ret;
    return out->take(f, out, &(struct fhirpath_item){ .kind = FHIRPATH_BOOLEAN, .integer = answer == FHIRPATH_YES });
}

static int walk_one(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, struct fp_flow *out)
{
    struct fhirpath_item item;
    bool present = false;
    int ret = fp_one(f, n, s, &item, &present);
    return ret == 0 && present ? out->take(f, out, &item) : ret;
}

int fp_walk(struct fp_eval *f, uint32_t id, const struct fp_scope *s, struct fp_flow *out)
{
    static walker *const ways[FP_WAYS] = {
        [FP_WAY_STACK] = walk_stacked, [FP_WAY_THIS] = walk_this, [FP_WAY_CONSTANT] = walk_constant, [FP_WAY_NAME] = walk_name, [FP_WAY_START] = walk_start, [FP_WAY_FLOW] = walk_call,
        [FP_WAY_ONE] = walk_one, [FP_WAY_ANSWER] = walk_answer,
    };
    const struct fp_node *n = &f->nodes[id - 1];
    int ret = fp_step(f, 1);
    if (ret < 0)
        return ret;
    f->column = n->column;
    return ways[n->way](f, n, s, out);
}

/* ---- who asks ---- */

static int take_item(struct fp_eval *f, struct fp_flow *flow, const struct fhirpath_item *item)
{
    struct fhirpath_item *slot = fp_push(f);
    (void)flow;
    if (slot == NULL)
        return f->failed;
    *slot = *item;
    return 0;
}

int fp_collect(struct fp_eval *f, uint32_t id, const struct fp_scope *s)
{
    struct fp_flow out = { .take = take_item };
    int ret = fp_walk(f, id, s, &out);
    return ret < 0 ? ret : 0;
}

int fp_push_children(struct fp_eval *f, const struct fhirpath_item *item, const struct fp_name *name)
{
    struct fp_flow out = { .take = take_item };
    return fp_children(f, item, name, &out);
}

/* flow.seen counts the items */
struct single { struct fp_flow flow; struct fhirpath_item *item; };

static int take_single(struct fp_eval *f, struct fp_flow *flow, const struct fhirpath_item *item)
{
    if (flow->seen++ > 0)
        return fp_fail(f, ERR_INVALID, "one item wanted, several found");
    *((struct single *)(void *)flow)->item = *item;
    return 0;
}

int fp_walk_single(struct fp_eval *f, uint32_t id, const struct fp_scope *s, struct fhirpath_item *ret_item, bool *ret_present)
{
    struct single out = { { .take = take_single }, ret_item };
    int ret = fp_walk(f, id, s, &out.flow);
    *ret_present = out.flow.seen > 0;
    return ret < 0 ? ret : 0;
}

struct truth { struct fp_flow flow; enum fhirpath_answer answer; bool any; /* several items are an answer, too */ };

static int take_truth(struct fp_eval *f, struct fp_flow *flow, const struct fhirpath_item *item)
{
    struct truth *t = (void *)flow;
    if (flow->seen++ > 0 && !t->any)
        return fp_fail(f, ERR_INVALID, "one truth value wanted, several items found");
    t->answer = !fp_is_true(item) && flow->seen == 1 ? FHIRPATH_NO : FHIRPATH_YES;
    return 0;
}

int fp_walk_truth(struct fp_eval *f, uint32_t id, const struct fp_scope *s, bool any, enum fhirpath_answer *ret)
{
    struct truth out = { { .take = take_truth }, FHIRPATH_EMPTY, any };
    int r = fp_walk(f, id, s, &out.flow);
    *ret = out.answer;
    return r < 0 ? r : 0;
}

/* exists() and empty(): hollow elements do not count under the ways of the reference. flow.said: there is one. */
static int take_any(struct fp_eval *f, struct fp_flow *flow, const struct fhirpath_item *item)
{
    if (flow->said == 0 && !(f->env->reference_ways && fhirpath_is_hollow(f->env, item)))
        flow->said = 1;
    return flow->said != 0 && is_calm(f, flow->node->kid[0]) ? FP_ENOUGH : fp_step(f, 1);
}

/* exists(criteria) looks for an item that fulfils them, all(criteria) for one that does not. */
static int take_criteria(struct fp_eval *f, struct fp_flow *flow, const struct fhirpath_item *item)
{
    const struct fp_scope inner = scope_of(flow->scope, item, flow->seen++);
    enum fhirpath_answer answer;
    if (flow->said != 0)
        return 0;
    int ret = fp_eval_truth(f, flow->node->kid[1], &inner, &answer);
    if (ret < 0 || (answer == FHIRPATH_YES) != (flow->node->fn == FN_EXISTS))
        return ret;
    flow->said = 1;
    return is_calm(f, flow->node->kid[0]) ? FP_ENOUGH : 0;
}

/* flow.said: the last one has a value */
static int take_has_value(struct fp_eval *f, struct fp_flow *flow, const struct fhirpath_item *item)
{
    struct bytes text;
    flow->seen++;
    flow->said = item->kind == FHIRPATH_INTEGER || fhirpath_text(item, &text);
    return fp_step(f, 1);
}

int fp_answer_type(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, enum fhirpath_answer *ret)
{
    struct fhirpath_item item;
    bool present = false, is = false;
    struct single out = { { .take = take_single }, &item };
    int r = walk_focus(f, n, s, &out.flow);
    present = out.flow.seen > 0;
    if (r >= 0 && present)
        r = fp_item_is(f, &item, n, false, &is);
    *ret = !present ? FHIRPATH_EMPTY : is ? FHIRPATH_YES : FHIRPATH_NO;
    return r < 0 ? r : 0;
}

int fp_answer_any(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, enum fhirpath_answer *ret)
{
    struct fp_flow out = { .take = n->kid[1] != 0 ? take_criteria : take_any, .node = n, .scope = s };
    int r = walk_focus(f, n, s, &out);
    *ret = (out.said != 0) == (n->fn == FN_EXISTS) ? FHIRPATH_YES : FHIRPATH_NO;
    return r < 0 ? r : 0;
}

int fp_answer_not(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, enum fhirpath_answer *ret)
{
    struct truth truth = { { .take = take_truth }, FHIRPATH_EMPTY, false };
    int r = n->kid[0] != 0 ? fp_eval_truth(f, n->kid[0], s, &truth.answer) : walk_focus(f, n, s, &truth.flow);
    *ret = truth.answer == FHIRPATH_EMPTY ? FHIRPATH_EMPTY : truth.answer == FHIRPATH_YES ? FHIRPATH_NO : FHIRPATH_YES;
    return r;
}

int fp_answer_has_value(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, enum fhirpath_answer *ret)
{
    struct fp_flow out = { .take = take_has_value };
    int r = walk_focus(f, n, s, &out);
    *ret = out.seen == 1 && out.said != 0 ? FHIRPATH_YES : FHIRPATH_NO;
    return r < 0 ? r : 0;
}

/* `path = value`: two collections of one item are equal when these are; flow.seen counts the items. */
struct equal { struct fp_flow flow; const struct fhirpath_item *value; struct bytes text; uint32_t path; enum fhirpath_answer answer; };

static int several_are_not_equal(struct fp_eval *f, struct equal *q)
{
    q->answer = FHIRPATH_NO;
    return is_calm(f, q->path) ? FP_ENOUGH : 0;
}

static int take_equal(struct fp_eval *f, struct fp_flow *flow, const struct fhirpath_item *item)
{
    struct equal *q = (void *)flow;
    return flow->seen++ == 0 ? fp_equal(f, item, q->value, &q->answer) : several_are_not_equal(f, q);
}

static int take_equal_text(struct fp_eval *f, struct fp_flow *flow, const struct fhirpath_item *item)
{
    struct equal *q = (void *)flow;
    struct bytes text;
    if (flow->seen++ > 0)
        return several_are_not_equal(f, q);
    if (!fp_plain_text(f, item, &text))
        return fp_equal(f, item, &(struct fhirpath_item){ .kind = FHIRPATH_STRING, .text = q->text.data, .len = q->text.len }, &q->answer);
    q->answer = text.len == q->text.len && memcmp(text.data, q->text.data, text.len) == 0 ? FHIRPATH_YES : FHIRPATH_NO;
    return fp_step(f, 1);
}

static int ask_equal(struct fp_eval *f, const struct fp_scope *s, struct equal *q, enum fhirpath_answer *ret)
{
    int r = fp_walk(f, q->path, s, &q->flow);
    *ret = q->answer;
    return r < 0 ? r : 0;
}

int fp_walk_equal(struct fp_eval *f, uint32_t id, const struct fp_scope *s, const struct fhirpath_item *value, enum fhirpath_answer *ret)
{
    struct equal q = { .flow = { .take = take_equal }, .value = value, .path = id, .answer = FHIRPATH_EMPTY };
    return ask_equal(f, s, &q, ret);
}

int fp_walk_equal_text(struct fp_eval *f, uint32_t id, const struct fp_scope *s, struct bytes text, enum fhirpath_answer *ret)
{
    struct equal q = { .flow = { .take = take_equal_text }, .text = text, .path = id, .answer = FHIRPATH_EMPTY };
    return ask_equal(f, s, &q, ret);
}

static int take_member(struct fp_eval *f, struct fp_flow *flow, const struct fhirpath_item *item)
{
    struct equal *q = (void *)flow;
    if (q->answer == FHIRPATH_YES)
        return 0;
    int ret = fp_equal(f, q->value, item, &q->answer);
    return ret == 0 && q->answer == FHIRPATH_YES && is_calm(f, q->path) ? FP_ENOUGH : ret;
}

static int take_kept(struct fp_eval *f, struct fp_flow *flow, const struct fhirpath_item *item)
{
    struct fhirpath_kept *kept = f->env->kept;
    struct bytes text;
    (void)flow;
    if (kept->count == FHIRPATH_KEPT || !fp_plain_text(f, item, &text)) {
        kept->other = true;
        return FP_ENOUGH;
    }
    kept->text[kept->count++] = text;
    return fp_step(f, 1);
}

/* The resource that the path starts from: names behind %resource or %rootResource, which give the same for all that is asked within it. NULL = another path, or a
   program that does not lie in the image and may make room for another one at its place. */
static const struct json_node *start_of(const struct fp_eval *f, uint32_t id)
{
    const struct fp_node *n = &f->nodes[id - 1];
    const struct fhirpath_item *item;
    if (n->op != FP_NAME || n->number == 0)
        return NULL;
    while (n->op == FP_NAME && n->kid[0] != 0)
        n = &f->nodes[n->kid[0] - 1];
    if (n->op != FP_CONSTANT || (n->fn != FP_RESOURCE && n->fn != FP_ROOT_RESOURCE) || f->env->variable_count > 0 || f->env->strict)
        return NULL;
    item = n->fn == FP_RESOURCE ? f->env->resource : f->env->root_resource;
    return item != NULL ? item->resource : NULL;
}

/* Is the text among those of the path? *ret_known: it could be said. */
static int look_up_kept(struct fp_eval *f, uint32_t id, const struct fp_scope *s, const struct fhirpath_item *value, bool *ret_known, bool *ret_found)
{
    struct fhirpath_kept *kept = f->env->kept;
    const struct json_node *resource = start_of(f, id);
    int r = 0;
    *ret_known = false;
    if (resource == NULL || value->kind != FHIRPATH_STRING)
        return 0;
    if (kept->path != &f->nodes[id - 1] || kept->resource != resource) {
        struct fp_flow out = { .take = take_kept };
        kept->path = NULL;
        kept->count = 0;
        kept->other = false;
        r = fp_walk(f, id, s, &out);
        if (r < 0)
            return r;
        kept->path = &f->nodes[id - 1];
        kept->resource = resource;
    }
    *ret_known = !kept->other;
    *ret_found = false;
    for (size_t i = 0; i < kept->count && !*ret_found; i++)
        *ret_found = kept->text[i].len == value->len && memcmp(kept->text[i].data, value->text, value->len) == 0;
    return fp_step(f, kept->count);
}

int fp_walk_member(struct fp_eval *f, uint32_t id, const struct fp_scope *s, const struct fhirpath_item *value, bool *ret_found)
{
    struct equal q = { .flow = { .take = take_member }, .value = value, .path = id, .answer = FHIRPATH_NO };
    enum fhirpath_answer answer;
    bool known = false;
    int r = f->env->kept != NULL ? look_up_kept(f, id, s, value, &known, ret_found) : 0;
    if (r < 0 || known)
        return r;
    r = ask_equal(f, s, &q, &answer);
    *ret_found = answer == FHIRPATH_YES;
    return r;
}

static int take_count(struct fp_eval *f, struct fp_flow *flow, const struct fhirpath_item *item)
{
    (void)item;
    flow->seen++;
    return fp_step(f, 1);
}

int fp_walk_count(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, int64_t *ret_count)
{
    struct fp_flow out = { .take = take_count };
    int ret = walk_focus(f, n, s, &out);
    *ret_count = (int64_t)out.seen;
    return ret < 0 ? ret : 0;
}
