/* value_sets.c - one ValueSet -> includes and excludes of the image. */
#include <stdlib.h>
#include <string.h>

#include "validate/package/terminology.h"

enum { VALUE_SETS_MAX = 256 };

struct code_list { struct img_code *code; size_t count, room; };

static void list_add(struct compile *c, struct code_list *list, img_str code, img_str display)
{
    if (code == 0)
        return;
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 64 : list->room * 2;
        struct img_code *fresh = arena_array(c->arena, room, sizeof *fresh);

        if (fresh == NULL) {
            build_fail(&c->build, ERR_NOMEM);
            return;
        }
        if (list->count > 0)
            memcpy(fresh, list->code, list->count * sizeof *fresh);
        list->code = fresh;
        list->room = room;
    }
    list->code[list->count++] = (struct img_code){ code, display };
}

static int compare_codes(const void *left, const void *right)
{
    const struct img_code *a = left, *b = right;

    return a->code != b->code ? (a->code > b->code) - (a->code < b->code) : (a->display > b->display) - (a->display < b->display);
}

static struct img_run list_compile(struct compile *c, struct code_list *list)
{
    if (list->count > 0)
        qsort(list->code, list->count, sizeof *list->code, compare_codes);
    return build_run(&c->build, IMG_CODES, list->code, list->count, false);
}

/* The loaded system; NULL when there is none, or only its name is known. */
static const struct code_system *find_system(const struct compile *c, struct bytes url, struct bytes version)
{
    const struct code_system *best = NULL;

    for (size_t i = 0; i < c->systems; i++) {
        const struct resource *r = c->system[i].resource;

        if (strlen(r->url) != url.len || memcmp(r->url, url.data, url.len) != 0 || c->system[i].content == IMG_NOT_PRESENT || c->system[i].content == IMG_SUPPLEMENT)
            continue;
        if (version.len > 0 && (strlen(r->version) != version.len || memcmp(r->version, version.data, version.len) != 0))
            continue;
        if (best == NULL || image_compare_versions(r->version, best->resource->version) >= 0)
            best = &c->system[i];
    }
    return best;
}

/* False: the system is not loaded, or a filter is not understood. */
static bool take_filtered(struct compile *c, const struct json_node *include, struct code_list *list)
{
    const struct code_system *s = find_system(c, node_text(json_get(include, "system")), node_text(json_get(include, "version")));
    unsigned char *pass = s == NULL ? NULL : malloc(s->count + 1);
    bool fine = false;

    if (s != NULL && pass == NULL)
        build_fail(&c->build, ERR_NOMEM);
    if (pass != NULL) {
        memset(pass, 1, s->count + 1);
        fine = filters_apply(c, s, json_get(include, "filter"), pass);
    }
    for (size_t i = 0; fine && i < s->count; i++)
        if (pass[i])
            list_add(c, list, s->concept[i].code, 0);
    free(pass);
    return fine;
}

static struct img_run compile_value_sets(struct compile *c, const struct json_node *list)
{
    img_str link[VALUE_SETS_MAX];
    size_t count = 0;

    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL && count < VALUE_SETS_MAX; n = n->next)
        if (n->type == JSON_STRING && n->len > 0)
            link[count++] = node_str(&c->build, n);
    return build_run(&c->build, IMG_LINKS, link, count, true);
}

static void compile_include(struct compile *c, const struct json_node *include, bool exclude, struct img_include *ret)
{
    const struct json_node *concepts = json_get(include, "concept"), *filters = json_get(include, "filter");
    struct code_list list = { NULL, 0, 0 };

    *ret = (struct img_include){
        .system = node_str(&c->build, json_get(include, "system")), .version = node_str(&c->build, json_get(include, "version")), .exclude = exclude,
        .value_sets = compile_value_sets(c, json_get(include, "valueSet")), .kind = IMG_INCLUDE_SYSTEM
    };
    if (ret->system == 0) {
        ret->kind = IMG_INCLUDE_VALUE_SETS;
    } else if (json_is(concepts, JSON_ARRAY) && concepts->count > 0) {
        ret->kind = IMG_INCLUDE_CODES;
        for (const struct json_node *n = concepts->child; n != NULL; n = n->next)
            list_add(c, &list, node_str(&c->build, json_get(n, "code")), node_str(&c->build, json_get(n, "display")));
    } else if (json_is(filters, JSON_ARRAY) && filters->count > 0) {
        ret->kind = take_filtered(c, include, &list) ? IMG_INCLUDE_CODES : IMG_INCLUDE_UNKNOWN;
    }
    if (ret->kind == IMG_INCLUDE_CODES)
        ret->codes = list_compile(c, &list);
}

struct include_list { struct img_include *item; size_t count, room; };

static struct img_include *include_add(struct compile *c, struct include_list *list)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 8 : list->room * 2;
        struct img_include *fresh = arena_array(c->arena, room, sizeof *fresh);

        if (fresh == NULL) {
            build_fail(&c->build, ERR_NOMEM);
            return NULL;
        }
        if (list->count > 0)
            memcpy(fresh, list->item, list->count * sizeof *fresh);
        list->item = fresh;
        list->room = room;
    }
    return &list->item[list->count++];
}

static void take_compose(struct compile *c, const struct json_node *list, bool exclude, struct include_list *out)
{
    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL && c->build.failed == 0; n = n->next) {
        struct img_include *fresh = include_add(c, out);

        if (fresh != NULL)
            compile_include(c, n, exclude, fresh);
    }
}

/* One system of an expansion: all its codes, whatever they hang below. */
static void take_contained(struct compile *c, const struct json_node *list, img_str system, struct code_list *codes)
{
    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next) {
        if (!json_is(json_get(n, "abstract"), JSON_TRUE) && node_str(&c->build, json_get(n, "system")) == system)
            list_add(c, codes, node_str(&c->build, json_get(n, "code")), node_str(&c->build, json_get(n, "display")));
        take_contained(c, json_get(n, "contains"), system, codes);
    }
}

/* A value set that gives nothing but its expansion: an include for each system in it. */
static void take_expansion(struct compile *c, const struct json_node *list, const struct json_node *all, struct include_list *out)
{
    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL && c->build.failed == 0; n = n->next) {
        img_str system = node_str(&c->build, json_get(n, "system"));
        struct code_list codes = { NULL, 0, 0 };
        struct img_include *fresh;
        bool seen = system == 0;

        for (size_t i = 0; i < out->count; i++)
            seen = seen || out->item[i].system == system;
        if (!seen && (fresh = include_add(c, out)) != NULL) {
            take_contained(c, all, system, &codes);
            *fresh = (struct img_include){ .system = system, .kind = IMG_INCLUDE_CODES, .codes = list_compile(c, &codes) };
        }
        take_expansion(c, json_get(n, "contains"), all, out);
    }
}

void value_set_compile(struct compile *c, const struct resource *r)
{
    struct build *b = &c->build;
    const struct json_node *compose = json_get(r->json, "compose"), *contains = json_path(r->json, "expansion/contains");
    struct include_list list = { NULL, 0, 0 };
    struct img_value_set out = { .url = build_text(b, r->url), .version = r->version[0] != '\0' ? build_text(b, r->version) : 0,
        .name = node_str(b, json_get(r->json, "name")), .source = build_text(b, r->source) };

    take_compose(c, json_get(compose, "include"), false, &list);
    if (list.count == 0)
        take_expansion(c, contains, contains, &list);
    out.broken = list.count == 0;
    take_compose(c, json_get(compose, "exclude"), true, &list);
    out.includes = build_run(b, IMG_INCLUDES, list.item, list.count, false);
    build_add(b, IMG_VALUE_SETS, &out);
}
