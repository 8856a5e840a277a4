/*
 * filters.c - ValueSet.compose.include.filter over a loaded code system.
 *
 * What the operators mean: FHIR R4, http://hl7.org/fhir/R4/valueset-filter-operator.html. All filters of an include must let a concept pass.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "validate/package/terminology.h"

enum { MATCH_LIMIT = 100000, DEPTH_LIMIT = 1000 };

/* One filter being carried out. */
struct filter { struct compile *c; const struct code_system *s; struct bytes property, value; unsigned char *hit /* one byte a concept, all 0 */; bool failed; };

static bool text_is(struct bytes text, const char *other)
{
    return text.len == strlen(other) && memcmp(text.data, other, text.len) == 0;
}

/* ---- hierarchy ---- */

static size_t first_edge(const struct code_system *s, uint32_t parent)
{
    size_t low = 0, high = s->edges;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (s->edge[middle].parent < parent)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Marks what is below the value's code. */
static void mark_below(struct filter *f, bool self)
{
    uint32_t *todo = malloc((f->s->count + 1) * sizeof *todo), top = system_find_code(f->s, build_str(&f->c->build, f->value.data, f->value.len));
    size_t left = 0;

    if (todo == NULL) {
        build_fail(&f->c->build, ERR_NOMEM);
        return;
    }
    if (top != 0)
        todo[left++] = top;
    while (left > 0) {
        uint32_t parent = todo[--left];

        for (size_t i = first_edge(f->s, parent); i < f->s->edges && f->s->edge[i].parent == parent; i++)
            if (!f->hit[f->s->edge[i].child - 1] && f->s->edge[i].child != top) {
                f->hit[f->s->edge[i].child - 1] = 1;
                todo[left++] = f->s->edge[i].child;
            }
    }
    if (top != 0 && self)
        f->hit[top - 1] = 1;
    free(todo);
}

static void is_a(struct filter *f)
{
    mark_below(f, true);
}

static void descendent_of(struct filter *f)
{
    mark_below(f, false);
}

static void is_not_a(struct filter *f)
{
    mark_below(f, true);
    for (size_t i = 0; i < f->s->count; i++)
        f->hit[i] = !f->hit[i];
}

/* The value's code and all above it. */
static void generalizes(struct filter *f)
{
    uint32_t at = system_find_code(f->s, build_str(&f->c->build, f->value.data, f->value.len));
    bool more = at != 0;

    if (at != 0)
        f->hit[at - 1] = 1;
    for (int depth = 0; more && depth < 100; depth++) {
        more = false;
        for (size_t i = 0; i < f->s->edges; i++)
            if (f->hit[f->s->edge[i].child - 1] && !f->hit[f->s->edge[i].parent - 1])
                f->hit[f->s->edge[i].parent - 1] = more = true;
    }
}

/* ---- properties ---- */

typedef bool (*tester)(const struct filter *f, struct bytes text, const void *with);

/* Does some value of the filter's property pass the test? "concept" and "code" are the code itself, "display" its display. */
static bool some_value(const struct filter *f, const struct system_concept *concept, tester test, const void *with)
{
    const struct json_node *list = json_get(concept->json, "property");

    if (text_is(f->property, "concept") || text_is(f->property, "code"))
        return test(f, node_text(json_get(concept->json, "code")), with);
    if (text_is(f->property, "display"))
        return json_get(concept->json, "display") != NULL && test(f, node_text(json_get(concept->json, "display")), with);
    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next) {
        struct bytes name = node_text(json_get(n, "code"));
        const struct json_node *value = property_value(n);
        struct bytes text = node_text(value);

        if (json_is(value, JSON_TRUE) || json_is(value, JSON_FALSE))
            text = value->type == JSON_TRUE ? (struct bytes){ "true", 4 } : (struct bytes){ "false", 5 };
        if (json_is(value, JSON_OBJECT))
            text = node_text(json_get(value, "code"));
        if (name.len == f->property.len && memcmp(name.data, f->property.data, name.len) == 0 && text.data != NULL && test(f, text, with))
            return true;
    }
    return false;
}

static bool test_equal(const struct filter *f, struct bytes text, const void *with)
{
    (void)with;
    return text.len == f->value.len && memcmp(text.data, f->value.data, text.len) == 0;
}

static bool test_any(const struct filter *f, struct bytes text, const void *with)
{
    (void)f;
    (void)with;
    return text.data != NULL;
}

/* Is the text one of the codes between commas? */
static bool test_in(const struct filter *f, struct bytes text, const void *with)
{
    const char *at = f->value.data, *end = at + f->value.len;

    (void)with;
    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at)), *stop = comma != NULL ? comma : end;

        while (at < stop && *at == ' ')
            at++;
        if ((size_t)(stop - at) == text.len && memcmp(at, text.data, text.len) == 0)
            return true;
        at = stop + 1;
    }
    return false;
}

struct regex { pcre2_code *code; pcre2_match_data *match; pcre2_match_context *limits; };

static bool test_regex(const struct filter *f, struct bytes text, const void *with)
{
    const struct regex *r = with;

    (void)f;
    return text.data != NULL && pcre2_match(r->code, (PCRE2_SPTR)text.data, text.len, 0, PCRE2_ANCHORED | PCRE2_ENDANCHORED, r->match, r->limits) >= 0;
}

static void mark_where(struct filter *f, tester test, const void *with, bool wanted)
{
    for (size_t i = 0; i < f->s->count; i++)
        f->hit[i] = some_value(f, &f->s->concept[i], test, with) == wanted;
}

/* "parent" may come from the nesting and "child" from either side: these are questions to the hierarchy. */
static void equal(struct filter *f)
{
    bool parent = text_is(f->property, "parent"), child = text_is(f->property, "child");
    uint32_t at = parent || child ? system_find_code(f->s, build_str(&f->c->build, f->value.data, f->value.len)) : 0;

    if (!parent && !child) {
        mark_where(f, test_equal, NULL, true);
        return;
    }
    for (size_t i = 0; i < f->s->edges; i++) {
        const struct edge *edge = &f->s->edge[i];

        if ((parent ? edge->parent : edge->child) == at)
            f->hit[(parent ? edge->child : edge->parent) - 1] = 1;
    }
}

static void in(struct filter *f)
{
    mark_where(f, test_in, NULL, true);
}

static void not_in(struct filter *f)
{
    mark_where(f, test_in, NULL, false);
}

static void exists(struct filter *f)
{
    mark_where(f, test_any, NULL, !text_is(f->value, "false"));
}

static void regex(struct filter *f)
{
    int why;
    PCRE2_SIZE where;
    struct regex r = { .code = pcre2_compile((PCRE2_SPTR)f->value.data, f->value.len, PCRE2_UTF, &why, &where, NULL) };

    if (r.code == NULL) {
        f->failed = true;
        return;
    }
    r.match = pcre2_match_data_create_from_pattern(r.code, NULL);
    r.limits = pcre2_match_context_create(NULL);
    if (r.match == NULL || r.limits == NULL) {
        build_fail(&f->c->build, ERR_NOMEM);
    } else {
        pcre2_set_match_limit(r.limits, MATCH_LIMIT);
        pcre2_set_depth_limit(r.limits, DEPTH_LIMIT);
        mark_where(f, test_regex, &r, true);
    }
    pcre2_match_context_free(r.limits);
    pcre2_match_data_free(r.match);
    pcre2_code_free(r.code);
}

static const struct { const char *op; void (*mark)(struct filter *f); } operators[] = {
    { "is-a", is_a }, { "descendent-of", descendent_of }, { "is-not-a", is_not_a }, { "generalizes", generalizes }, { "=", equal }, { "in", in },
    { "not-in", not_in }, { "exists", exists }, { "regex", regex }
};

static bool apply(struct filter *f, const struct json_node *filter)
{
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (json_equals(json_get(filter, "op"), operators[i].op)) {
            operators[i].mark(f);
            return !f->failed;
        }
    return false;
}

bool filters_apply(struct compile *c, const struct code_system *s, const struct json_node *filters, unsigned char *pass)
{
    unsigned char *hit = malloc(s->count + 1);
    bool fine = hit != NULL;

    if (hit == NULL)
        build_fail(&c->build, ERR_NOMEM);
    for (const struct json_node *n = filters->child; n != NULL && fine; n = n->next) {
        struct filter f = { .c = c, .s = s, .hit = hit, .property = node_text(json_get(n, "property")), .value = node_text(json_get(n, "value")) };

        memset(hit, 0, s->count + 1);
        fine = f.property.data != NULL && f.value.data != NULL && apply(&f, n);
        for (size_t i = 0; i < s->count; i++)
            pass[i] = pass[i] && hit[i];
    }
    free(hit);
    return fine;
}
