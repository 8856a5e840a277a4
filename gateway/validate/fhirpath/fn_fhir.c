/* What FHIR adds to the language: extensions, values, references, terminology and profiles; the last two through the caller's hooks. */
#include "validate/fhirpath/eval.h"

#include <string.h>

static bool is_text(const struct json_node *n, struct bytes text) { return json_is(n, JSON_STRING) && n->len == text.len && memcmp(n->text, text.data, text.len) == 0; }

static int extensions(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base)
{
    struct fhirpath_item url;
    bool present = false;
    size_t end = f->top;
    int ret = fp_argument(f, n, 1, s, &url, &present);
    if (ret < 0)
        return ret;
    if (present && url.kind != FHIRPATH_STRING)
        return fp_fail(f, ERR_INVALID, "a text wanted");
    for (size_t i = base; ret == 0 && present && i < end; i++) {
        struct fhirpath_item from = f->stack[i];
        size_t first = f->top, out = first;
        ret = fp_push_children(f, &from, &(struct fp_name){ "extension", 9, 0 });
        for (size_t k = first; ret == 0 && k < f->top; k++)
            if (is_text(json_get(f->stack[k].node, "url"), (struct bytes){ url.text, url.len }))
                f->stack[out++] = f->stack[k];
        if (ret == 0)
            f->top = out;
    }
    if (ret == 0)
        fp_drop(f, base, end);
    return ret;
}

static bool has_value(const struct fhirpath_item *item)
{
    struct bytes text;
    return item->kind == FHIRPATH_INTEGER || fhirpath_text(item, &text);
}

/* A Reference points by its `reference`, a canonical or uri by itself. */
static int resolve(struct fp_eval *f, size_t base)
{
    size_t out = base;
    for (size_t i = base; i < f->top; i++) {
        struct fhirpath_item item = f->stack[i], found;
        struct bytes reference;
        const struct json_node *inner = item.kind == FHIRPATH_NODE && json_is(item.node, JSON_OBJECT) ? json_get(item.node, "reference") : NULL;
        int ret = fp_step(f, 1);
        if (ret < 0)
            return ret;
        if (json_is(inner, JSON_STRING))
            reference = (struct bytes){ inner->text, inner->len };
        else if (!fhirpath_text(&item, &reference))
            continue;
        if (item.kind != FHIRPATH_NODE && f->env->resource != NULL)
            item.resource = f->env->resource->node;
        if (f->env->hooks != NULL && f->env->hooks->resolve != NULL && f->env->hooks->resolve(f->env->self, &item, reference, &found))
            f->stack[out++] = found;
    }
    f->top = out;
    return 0;
}

typedef int question(void *self, const struct fhirpath_item *item, struct bytes canonical, enum fhirpath_answer *ret, struct err *e);

/* The focus as one item off the stack; *ret_any tells whether there was one. */
static int take_one(struct fp_eval *f, size_t base, struct fhirpath_item *ret_item, bool *ret_any)
{
    if (f->top - base > 1)
        return fp_fail(f, ERR_INVALID, "one item wanted, several found");
    *ret_any = f->top > base;
    if (*ret_any)
        *ret_item = f->stack[base];
    f->top = base;
    return 0;
}

static int ask(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base, question *hook)
{
    struct fhirpath_item item, canonical;
    bool present = false;
    enum fhirpath_answer answer = FHIRPATH_EMPTY;
    bool any = false;
    int ret = take_one(f, base, &item, &any);
    if (ret < 0)
        return ret;
    ret = fp_argument(f, n, 1, s, &canonical, &present);
    if (ret < 0 || !any || !present)
        return ret;
    if (canonical.kind != FHIRPATH_STRING)
        return fp_fail(f, ERR_INVALID, "a text wanted");
    if (hook == NULL)
        return fp_fail(f, ERR_UNSUPPORTED, fp_signature(n->fn)->name);
    ret = hook(f->env->self, &item, (struct bytes){ canonical.text, canonical.len }, &answer, f->e);
    return ret == 0 ? fp_push_answer(f, answer) : ret;
}

static int html_checks(struct fp_eval *f, size_t base)
{
    enum fhirpath_answer answer = FHIRPATH_EMPTY;
    if (f->top == base)
        return 0;
    if (f->env->hooks == NULL || f->env->hooks->html_checks == NULL)
        return fp_fail(f, ERR_UNSUPPORTED, "htmlChecks");
    struct fhirpath_item item = f->stack[base];
    f->top = base;
    int ret = f->env->hooks->html_checks(f->env->self, &item, &answer, f->e);
    return ret == 0 ? fp_push_answer(f, answer) : ret;
}

static int subsumes(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base)
{
    struct fhirpath_item item, other;
    bool present = false;
    enum fhirpath_answer answer = FHIRPATH_EMPTY;
    bool any = false;
    int ret = take_one(f, base, &item, &any);
    if (ret < 0)
        return ret;
    ret = fp_eval_single(f, n->kid[1], s, &other, &present);
    if (ret < 0 || !any || !present)
        return ret;
    if (f->env->hooks == NULL || f->env->hooks->subsumes == NULL)
        return fp_fail(f, ERR_UNSUPPORTED, fp_signature(n->fn)->name);
    bool turned = n->fn == FN_SUBSUMED_BY;
    ret = f->env->hooks->subsumes(f->env->self, turned ? &other : &item, turned ? &item : &other, &answer, f->e);
    return ret == 0 ? fp_push_answer(f, answer) : ret;
}

/* Hands the focus on when no item has a modifier extension but the named ones. */
static int check_modifiers(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base)
{
    struct fhirpath_item url[FP_KIDS - 1];
    bool present[FP_KIDS - 1];
    size_t end = f->top;
    int ret = 0;
    for (unsigned i = 0; ret == 0 && i < FP_KIDS - 1; i++)
        ret = fp_argument(f, n, i + 1, s, &url[i], &present[i]);
    for (size_t i = base; ret == 0 && i < end; i++) {
        struct fhirpath_item from = f->stack[i];
        ret = fp_push_children(f, &from, &(struct fp_name){ "modifierExtension", 17, 0 });
        for (size_t k = end; ret == 0 && k < f->top; k++) {
            bool allowed = false;
            for (unsigned u = 0; u < FP_KIDS - 1; u++)
                allowed |= present[u] && url[u].kind == FHIRPATH_STRING && is_text(json_get(f->stack[k].node, "url"), (struct bytes){ url[u].text, url[u].len });
            if (!allowed)
                return fp_fail(f, ERR_INVALID, "modifier extension that is not expected");
        }
        if (ret == 0)
            f->top = end;
    }
    return ret;
}

int fp_fn_fhir(struct fp_eval *f, const struct fp_node *n, const struct fp_scope *s, size_t base)
{
    const struct fhirpath_hooks *hooks = f->env->hooks;
    bool value = f->top - base == 1 && has_value(&f->stack[base]);
    switch (n->fn) {
    case FN_EXTENSION: return extensions(f, n, s, base);
    case FN_GET_VALUE:
        if (value)
            f->stack[base] = fp_value(f, &f->stack[base]);
        else
            f->top = base;
        return 0;
    case FN_RESOLVE: return resolve(f, base);
    case FN_MEMBER_OF: return ask(f, n, s, base, hooks != NULL ? hooks->member_of : NULL);
    case FN_CONFORMS_TO: return ask(f, n, s, base, hooks != NULL ? hooks->conforms_to : NULL);
    case FN_HTML_CHECKS: return html_checks(f, base);
    case FN_SUBSUMES: case FN_SUBSUMED_BY: return subsumes(f, n, s, base);
    case FN_CHECK_MODIFIERS: return check_modifiers(f, n, s, base);
    default: return fp_fail(f, ERR_UNSUPPORTED, fp_signature(n->fn)->name);
    }
}
