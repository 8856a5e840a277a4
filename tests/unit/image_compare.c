/* image_compare.c - see image_compare.h. */
#include "tests/unit/image_compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pair { const struct image *a, *b; };

static bool same_text(struct pair p, img_str a, img_str b)
{
    return strcmp(image_text(p.a, a), image_text(p.b, b)) == 0;
}

static bool same_texts(struct pair p, struct img_run a, struct img_run b)
{
    for (uint32_t i = 0; i < a.count && a.count == b.count; i++)
        if (!same_text(p, p.a->links[a.first + i], p.b->links[b.first + i]))
            return false;
    return a.count == b.count;
}

static bool same_types(struct pair p, struct img_run a, struct img_run b)
{
    for (uint32_t i = 0; i < a.count && a.count == b.count; i++) {
        const struct img_type *x = &p.a->types[a.first + i], *y = &p.b->types[b.first + i];

        if (!same_text(p, x->code, y->code) || !same_texts(p, x->profiles, y->profiles) || !same_texts(p, x->targets, y->targets) || x->bundled != y->bundled)
            return false;
    }
    return a.count == b.count;
}

static bool has_constraint(struct pair p, const struct img_constraint *c, struct img_run run)
{
    for (uint32_t i = 0; i < run.count; i++) {
        const struct img_constraint *other = &p.b->constraints[p.b->links[run.first + i] - 1];

        if (same_text(p, c->key, other->key) && same_text(p, c->expression, other->expression) && c->warning == other->warning && c->best_practice == other->best_practice)
            return true;
    }
    return false;
}

static bool same_constraints(struct pair p, struct img_run a, struct img_run b, bool of_a_only)
{
    for (uint32_t i = 0; i < a.count; i++)
        if (!has_constraint(p, &p.a->constraints[p.a->links[a.first + i] - 1], b))
            return false;
    return of_a_only || a.count == b.count;
}

/* The depth is that of the JSON from which the value came. */
static bool same_value(struct pair p, img_id a, img_id b)
{
    const struct img_value *x = image_value(p.a, a), *y = image_value(p.b, b);
    img_id i, k;

    if (x == NULL || y == NULL)
        return x == y;
    if (x->type != y->type || x->count != y->count || !same_text(p, x->text, y->text) || !same_text(p, x->key, y->key))
        return false;
    for (i = x->child, k = y->child; i != 0 && k != 0; i = p.a->values[i - 1].next, k = p.b->values[k - 1].next)
        if (!same_value(p, i, k))
            return false;
    return i == k;
}

static bool same_discriminators(struct pair p, const struct img_element *a, const struct img_element *b)
{
    for (uint32_t i = 0; i < a->discriminators.count && a->discriminators.count == b->discriminators.count; i++) {
        const struct img_discriminator *x = &p.a->discriminators[a->discriminators.first + i], *y = &p.b->discriminators[b->discriminators.first + i];

        if (x->kind != y->kind || !same_text(p, x->path, y->path))
            return false;
    }
    return a->discriminators.count == b->discriminators.count;
}

static bool same_members(struct pair p, const struct img_element *a, const struct img_element *b)
{
    for (uint32_t i = 0; i < a->members.count && a->members.count == b->members.count; i++)
        if (!same_text(p, p.a->members[a->members.first + i].name, p.b->members[b->members.first + i].name))
            return false;
    return a->members.count == b->members.count;
}

/* What differs, or NULL. */
static const char *difference(struct pair p, const struct img_element *a, const struct img_element *b, bool of_a_only)
{
    enum { FLAGS = IMG_MUST_SUPPORT | IMG_MODIFIER | IMG_CHOICE | IMG_ARRAY | IMG_XHTML | IMG_ORDERED_SLICES };

    if (a->min != b->min)
        return "min";
    if (a->max != b->max)
        return "max";
    if ((a->flags & FLAGS) != (b->flags & FLAGS))
        return "flags";
    if (!same_types(p, a->types, b->types))
        return "types";
    if (!same_text(p, a->binding, b->binding) || a->binding_strength != b->binding_strength)
        return "binding";
    if (!same_value(p, a->fixed, b->fixed) || !same_value(p, a->pattern, b->pattern) || !same_value(p, a->min_value, b->min_value)
        || !same_value(p, a->max_value, b->max_value) || a->max_length != b->max_length)
        return "value";
    if (!same_constraints(p, a->constraints, b->constraints, of_a_only))
        return "constraints";
    if (a->slices.count > 0 && (!same_discriminators(p, a, b) || a->slicing_rules != b->slicing_rules))
        return "slicing";
    if (a->slices.count != b->slices.count)
        return "number of slices";
    if (!same_text(p, a->slice_name, b->slice_name))
        return "slice";
    if (a->children.count > 0 && b->children.count > 0 && !same_members(p, a, b))
        return "members";
    return (a->content_reference != 0) != (b->content_reference != 0) ? "content reference" : NULL;
}

static const struct image *sorting;

static int compare_ids(const void *left, const void *right)
{
    return strcmp(image_text(sorting, sorting->elements[*(const uint32_t *)left].id), image_text(sorting, sorting->elements[*(const uint32_t *)right].id));
}

static uint32_t *sorted_elements(const struct image *m, const struct img_profile *p)
{
    uint32_t *list = malloc((p->elements.count + 1) * sizeof *list);

    for (uint32_t i = 0; list != NULL && i < p->elements.count; i++)
        list[i] = p->elements.first + i;
    sorting = m;
    if (list != NULL && p->elements.count > 0)
        qsort(list, p->elements.count, sizeof *list, compare_ids);
    return list;
}

static void note(struct image_differences *d, const struct image *m, const struct img_profile *p, const struct img_element *el, const char *what)
{
    if (d->count++ < d->print)
        printf("     %s %s: %s\n", image_text(m, p->url), image_text(m, el->id), what);
}

void image_compare_profiles(const struct image *a, img_id pa, const struct image *b, img_id pb, struct image_differences *d)
{
    const struct img_profile *x = image_profile(a, pa), *y = image_profile(b, pb);
    uint32_t *left = sorted_elements(a, x), *right = sorted_elements(b, y), i = 0, k = 0;

    while (left != NULL && right != NULL && (i < x->elements.count || k < y->elements.count)) {
        const struct img_element *el = i < x->elements.count ? &a->elements[left[i]] : NULL, *other = k < y->elements.count ? &b->elements[right[k]] : NULL;
        int order = el == NULL ? 1 : other == NULL ? -1 : strcmp(image_text(a, el->id), image_text(b, other->id));

        if (order == 0) {
            const char *what = difference((struct pair){ a, b }, el, other, d->invariants_of_a_only);

            if (what != NULL)
                note(d, a, x, el, what);
            d->elements++;
        } else if (order < 0 && el->adds != 0) {
            note(d, a, x, el, "missing on the right");
        } else if (order > 0 && other->adds != 0) {
            note(d, b, y, other, "missing on the left");
        }
        i += order <= 0;
        k += order >= 0;
    }
    free(left);
    free(right);
}
