/*
 * terminology.c - code systems, value sets and identifier systems -> image.
 *
 * Filters of value sets over loaded systems are carried out here, so that at run time a value set is a list of includes and excludes of codes, systems
 * and other value sets. A system's hierarchy comes from nesting and from the properties parent, subsumedBy and child; a filter sees all parents of
 * a concept, the image keeps the first.
 */
#include "validate/package/terminology.h"

#include <stdlib.h>
#include <string.h>

enum { CONCEPTS_MAX = 2000000, NESTING_MAX = 60 };

/* ---- code systems ---- */

static size_t count_concepts(const struct json_node *list)
{
    size_t count = 0;

    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next)
        count += 1 + count_concepts(json_get(n, "concept"));
    return count;
}

static void gather(struct compile *c, struct code_system *s, const struct json_node *list, const struct json_node *parent)
{
    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next) {
        struct bytes code = node_text(json_get(n, "code"));

        if (code.len > 0)
            s->concept[s->count++] = (struct system_concept){ .code = build_str(&c->build, code.data, code.len), .json = n, .nested_in = parent };
        gather(c, s, json_get(n, "concept"), n);
    }
}

static int compare_codes(const void *left, const void *right)
{
    const struct system_concept *a = left, *b = right;

    return a->code != b->code ? (a->code > b->code) - (a->code < b->code) : 0;
}

uint32_t system_find_code(const struct code_system *s, img_str code)
{
    size_t low = 0, high = s->count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (s->concept[middle].code == code)
            return (uint32_t)middle + 1;
        if (s->concept[middle].code < code)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

static void add_edge(struct compile *c, struct code_system *s, uint32_t child, uint32_t parent)
{
    if (child == 0 || parent == 0 || child == parent)
        return;
    if (s->edges == s->edge_room) {
        size_t room = s->edge_room == 0 ? 256 : s->edge_room * 2;
        struct edge *fresh = arena_array(c->arena, room, sizeof *fresh);

        if (fresh == NULL) {
            build_fail(&c->build, ERR_NOMEM);
            return;
        }
        if (s->edges > 0)
            memcpy(fresh, s->edge, s->edges * sizeof *fresh);
        s->edge = fresh;
        s->edge_room = room;
    }
    s->edge[s->edges++] = (struct edge){ child, parent };
}

/* The value of a property, whatever its type. */
const struct json_node *property_value(const struct json_node *property)
{
    for (const struct json_node *n = property->child; n != NULL; n = n->next)
        if (n->key_len > 5 && memcmp(n->key, "value", 5) == 0)
            return n;
    return NULL;
}

static bool property_true(const struct json_node *concept, const char *name)
{
    const struct json_node *list = json_get(concept, "property");

    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next)
        if (json_equals(json_get(n, "code"), name) && (json_is(property_value(n), JSON_TRUE) || json_equals(property_value(n), "true")))
            return true;
    return false;
}

static bool property_is(const struct json_node *concept, const char *name, const char *text)
{
    const struct json_node *list = json_get(concept, "property");

    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next)
        if (json_equals(json_get(n, "code"), name) && json_equals(property_value(n), text))
            return true;
    return false;
}

static void link_properties(struct compile *c, struct code_system *s, uint32_t at)
{
    const struct json_node *list = json_get(s->concept[at - 1].json, "property");

    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next) {
        const struct json_node *name = json_get(n, "code");
        bool up = json_equals(name, "parent") || json_equals(name, "subsumedBy"), down = json_equals(name, "child");
        uint32_t other = up || down ? system_find_code(s, node_str(&c->build, property_value(n))) : 0;

        add_edge(c, s, up ? at : other, up ? other : at);
    }
}

static int compare_edges(const void *left, const void *right)
{
    const struct edge *a = left, *b = right;

    return a->parent != b->parent ? (a->parent > b->parent) - (a->parent < b->parent) : (a->child > b->child) - (a->child < b->child);
}

static void link_concepts(struct compile *c, struct code_system *s)
{
    for (uint32_t at = 1; at <= s->count; at++) {
        const struct json_node *in = s->concept[at - 1].nested_in;

        if (in != NULL)
            add_edge(c, s, at, system_find_code(s, node_str(&c->build, json_get(in, "code"))));
        link_properties(c, s, at);
    }
    for (size_t i = 0; i < s->edges; i++)
        if (s->concept[s->edge[i].child - 1].parent == 0)
            s->concept[s->edge[i].child - 1].parent = s->edge[i].parent;
    if (s->edges > 0)
        qsort(s->edge, s->edges, sizeof *s->edge, compare_edges);
}

/* Levels from the top; whoever is in a circle of parents loses the parent. */
static void level_concepts(struct code_system *s)
{
    for (size_t i = 0; i < s->count; i++) {
        uint32_t at = s->concept[i].parent;
        size_t depth = 0;

        while (at != 0 && depth <= NESTING_MAX) {
            at = s->concept[at - 1].parent;
            depth++;
        }
        if (depth > NESTING_MAX) {
            s->concept[i].parent = 0;
            depth = 0;
        }
        s->concept[i].level = (uint16_t)depth;
    }
    /* What hung below a cut is levelled by the parent that is left. */
    for (size_t pass = 0; pass < NESTING_MAX; pass++)
        for (size_t i = 0; i < s->count; i++)
            if (s->concept[i].parent != 0 && s->concept[s->concept[i].parent - 1].level >= s->concept[i].level)
                s->concept[i].level = (uint16_t)(s->concept[s->concept[i].parent - 1].level + 1);
}

static struct img_run compile_designations(struct compile *c, const struct json_node *concept)
{
    const struct json_node *list = json_get(concept, "designation");
    struct img_run run = { build_count(&c->build, IMG_LINKS), 0 };

    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next) {
        img_str text = node_str(&c->build, json_get(n, "value"));

        run.count += text != 0 && build_add(&c->build, IMG_LINKS, &text) != 0;
    }
    return run;
}

static void compile_concepts(struct compile *c, struct code_system *s)
{
    uint32_t first = build_count(&c->build, IMG_CONCEPTS);

    for (size_t i = 0; i < s->count && c->build.failed == 0; i++) {
        const struct system_concept *from = &s->concept[i];
        struct img_concept concept = {
            .code = from->code, .display = node_str(&c->build, json_get(from->json, "display")), .parent = from->parent == 0 ? 0 : first + from->parent,
            .more = compile_designations(c, from->json), .level = from->level,
            .abstract = property_true(from->json, "notSelectable") || property_true(from->json, "abstract"),
            .inactive = property_true(from->json, "inactive") || property_is(from->json, "status", "retired")
        };

        build_add(&c->build, IMG_CONCEPTS, &concept);
    }
    s->concepts = (struct img_run){ first, (uint32_t)s->count };
}

static void drop_doubles(struct code_system *s)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->count; i++)
        if (kept == 0 || s->concept[kept - 1].code != s->concept[i].code)
            s->concept[kept++] = s->concept[i];
    s->count = kept;
}

static void compile_system(struct compile *c, const struct resource *r, struct code_system *s)
{
    static const char *const contents[] = { "complete", "fragment", "not-present", "supplement", "example" };
    struct build *b = &c->build;
    const struct json_node *list = json_get(r->json, "concept");
    size_t count = count_concepts(list);
    struct img_system out = { .url = build_text(b, r->url), .version = r->version[0] != '\0' ? build_text(b, r->version) : 0,
        .name = node_str(b, json_get(r->json, "name")), .source = build_text(b, r->source),
        .case_sensitive = !json_is(json_get(r->json, "caseSensitive"), JSON_FALSE) };

    s->resource = r;
    s->concept = arena_array(c->arena, count + 1, sizeof *s->concept);
    if (s->concept == NULL || count > CONCEPTS_MAX) {
        build_fail(b, s->concept == NULL ? ERR_NOMEM : ERR_LIMIT);
        return;
    }
    for (uint8_t i = 0; i < sizeof contents / sizeof *contents; i++)
        if (json_equals(json_get(r->json, "content"), contents[i]))
            out.content = i;
    gather(c, s, list, NULL);
    /* Stable for doubles is not needed: they say the same, or the definition is at fault. */
    qsort(s->concept, s->count, sizeof *s->concept, compare_codes);
    drop_doubles(s);
    link_concepts(c, s);
    level_concepts(s);
    compile_concepts(c, s);
    s->content = out.content;
    out.concepts = s->concepts;
    build_add(b, IMG_SYSTEMS, &out);
}

/* ---- identifier systems ---- */

static void compile_naming(struct compile *c, const struct resource *r)
{
    const struct json_node *list = json_get(r->json, "uniqueId");

    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next) {
        struct img_naming naming = { .uri = node_str(&c->build, json_get(n, "value")), .name = node_str(&c->build, json_get(r->json, "name")) };

        if (naming.uri != 0)
            build_add(&c->build, IMG_NAMINGS, &naming);
    }
}

/* ---- all ---- */

/* Is the same url and version given again by a later resource? */
struct latest { const struct resource **slot; uint32_t size; };

static uint32_t latest_slot(const struct latest *l, const struct resource *r)
{
    uint32_t at = image_hash(r->url, strlen(r->url)) & (l->size - 1);

    while (l->slot[at] != NULL && (strcmp(l->slot[at]->url, r->url) != 0 || strcmp(l->slot[at]->version, r->version) != 0 || strcmp(l->slot[at]->type, r->type) != 0))
        at = (at + 1) & (l->size - 1);
    return at;
}

static int find_latest(struct compile *c, struct latest *l, struct err *e)
{
    size_t count = 0;

    for (const struct resource *r = c->set->first; r != NULL; r = r->next)
        count++;
    for (l->size = 16; l->size < count * 2 + 1;)
        l->size *= 2;
    l->slot = arena_array(c->arena, l->size, sizeof *l->slot);
    if (l->slot == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "package", NULL);
    for (const struct resource *r = c->set->first; r != NULL; r = r->next)
        l->slot[latest_slot(l, r)] = r;
    return 0;
}

int terminology_compile(struct compile *c, struct err *e)
{
    struct latest latest;
    size_t systems = 0;
    int code = find_latest(c, &latest, e);

    if (code < 0)
        return code;
    for (const struct resource *r = c->set->first; r != NULL; r = r->next)
        systems += strcmp(r->type, "CodeSystem") == 0;
    c->system = arena_array(c->arena, systems + 1, sizeof *c->system);
    if (c->system == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "package", NULL);
    for (const struct resource *r = c->set->first; r != NULL && c->build.failed == 0; r = r->next)
        if (strcmp(r->type, "CodeSystem") == 0 && latest.slot[latest_slot(&latest, r)] == r)
            compile_system(c, r, &c->system[c->systems++]);
    for (const struct resource *r = c->set->first; r != NULL && c->build.failed == 0; r = r->next) {
        if (strcmp(r->type, "ValueSet") == 0 && latest.slot[latest_slot(&latest, r)] == r)
            value_set_compile(c, r);
        else if (strcmp(r->type, "NamingSystem") == 0)
            compile_naming(c, r);
    }
    if (c->build.failed != 0)
        return err_set(e, (enum err_code)c->build.failed, c->build.failed == ERR_NOMEM ? MSG_NOMEM : MSG_LIMIT, NULL, "terminology", NULL);
    return 0;
}
