/*
 * facts.c - a package set as facts: what some profiles and all that they reach need, one JSON object a line, without prose.
 *
 * A definition is written as a differential against what snapshot.c makes of its base, element by element: only what differs stands there. Invariants stand once,
 * in a list at the beginning, and are named where they hold. Read back, the lines compile to the same image as the packages.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "validate/package/snapshot.h"

enum { FACTS_MAX = 64 << 20 };

struct facts {
    struct compile c;
    unsigned char *reached;              /* by definition */
    size_t *todo, todos;
    const struct resource **resource;    /* terminology that is reached */
    size_t resources, resource_room;
    const struct json_node **invariant; const char **invariant_name; size_t invariants, invariant_room;
    struct buf lines;
};

/* ---- printing ---- */

static void print_text(struct buf *out, const char *text, size_t len)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char ch = (unsigned char)text[i];

        if (ch == '"' || ch == '\\') {
            buf_add_char(out, '\\');
            buf_add_char(out, (char)ch);
        } else if (ch < 0x20) {
            buf_addf(out, "\\u%04x", ch);
        } else {
            buf_add_char(out, (char)ch);
        }
    }
    buf_add_char(out, '"');
}

/* Names of the members that are left out, between spaces. The depth is that of the reader's tree. */
static void print_node(struct buf *out, const struct json_node *node, const char *without)
{
    static const char *const words[] = { [JSON_NULL] = "null", [JSON_FALSE] = "false", [JSON_TRUE] = "true" };
    bool first = true;

    if (node->type == JSON_STRING) {
        print_text(out, node->text, node->len);
    } else if (node->type == JSON_NUMBER) {
        buf_add(out, node->text, node->len);
    } else if (node->type != JSON_ARRAY && node->type != JSON_OBJECT) {
        buf_add_str(out, words[node->type]);
    } else {
        buf_add_char(out, node->type == JSON_ARRAY ? '[' : '{');
        for (const struct json_node *n = node->child; n != NULL; n = n->next) {
            char word[64];

            if (without != NULL && n->key_len < sizeof word - 3) {
                snprintf(word, sizeof word, " %.*s ", (int)n->key_len, n->key != NULL ? n->key : "");
                if (n->key != NULL && strstr(without, word) != NULL)
                    continue;
            }
            if (!first)
                buf_add_char(out, ',');
            first = false;
            if (n->key != NULL) {
                print_text(out, n->key, n->key_len);
                buf_add_char(out, ':');
            }
            print_node(out, n, without);
        }
        buf_add_char(out, node->type == JSON_ARRAY ? ']' : '}');
    }
}

static void print_member(struct buf *out, const struct json_node *node)
{
    buf_add_char(out, ',');
    print_text(out, node->key, node->key_len);
    buf_add_char(out, ':');
    print_node(out, node, NULL);
}

/* ---- what is reached ---- */

static void reach(struct facts *f, struct definition *d)
{
    size_t index;

    if (d == NULL)
        return;
    index = (size_t)(d - f->c.definition);
    if (f->reached[index] == 0) {
        f->reached[index] = 1;
        f->todo[f->todos++] = index;
    }
}

static void reach_canonicals(struct facts *f, const struct json_node *list, bool profiles_only)
{
    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next) {
        struct bytes text = node_text(n);
        struct definition *d = text.data != NULL ? definition_find(&f->c, text.data, text.len) : NULL;

        if (d != NULL && (!profiles_only || d->derivation == IMG_CONSTRAINT))
            reach(f, d);
    }
}

static void take_resource(struct facts *f, const struct resource *r)
{
    for (size_t i = 0; i < f->resources; i++)
        if (f->resource[i] == r)
            return;
    if (f->resources < f->resource_room)
        f->resource[f->resources++] = r;
}

static const struct resource *find_resource(const struct facts *f, const char *type, struct bytes canonical)
{
    const char *bar = canonical.data != NULL ? memchr(canonical.data, '|', canonical.len) : NULL;
    size_t len = bar != NULL ? (size_t)(bar - canonical.data) : canonical.len;
    const struct resource *best = NULL;

    for (const struct resource *r = canonical.data == NULL ? NULL : f->c.set->first; r != NULL; r = r->next)
        if (strcmp(r->type, type) == 0 && strlen(r->url) == len && memcmp(r->url, canonical.data, len) == 0
            && (best == NULL || image_compare_versions(r->version, best->version) >= 0))
            best = r;
    return best;
}

static void reach_value_set(struct facts *f, struct bytes canonical, bool systems_only, int depth);

/* The systems of the includes or excludes, and the value sets that they name. */
static void reach_parts(struct facts *f, const struct json_node *list, bool systems_only, int depth)
{
    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next) {
        const struct resource *system = find_resource(f, "CodeSystem", node_text(json_get(n, "system")));
        const struct json_node *sets = json_get(n, "valueSet");

        if (system != NULL)
            take_resource(f, system);
        for (const struct json_node *v = json_is(sets, JSON_ARRAY) ? sets->child : NULL; v != NULL; v = v->next)
            reach_value_set(f, node_text(v), systems_only, depth + 1);
    }
}

/*
 * systems_only: nobody must take a code from a set that is only preferred or an example, but one that says it is of such a set's systems is looked
 * up there.
 */
static void reach_value_set(struct facts *f, struct bytes canonical, bool systems_only, int depth)
{
    const struct resource *r = depth < BASES_MAX ? find_resource(f, "ValueSet", canonical) : NULL;

    if (r == NULL)
        return;
    if (!systems_only)
        take_resource(f, r);
    reach_parts(f, json_path(r->json, "compose/include"), systems_only, depth);
    if (!systems_only)
        reach_parts(f, json_path(r->json, "compose/exclude"), systems_only, depth);
}

static void reach_from(struct facts *f, struct definition *d)
{
    reach(f, d->base);
    reach(f, definition_of_type(&f->c, d->type, strlen(d->type)));
    if (!definition_drafts(&f->c, d, 0))
        return;
    for (size_t i = 0; i < d->count; i++) {
        const struct json_node *types = d->draft[i].field[DRAFT_TYPE], *binding = d->draft[i].field[DRAFT_BINDING];

        for (const struct json_node *n = json_is(types, JSON_ARRAY) ? types->child : NULL; n != NULL; n = n->next) {
            struct bytes code = node_text(json_get(n, "code"));

            if (code.len > 0)
                reach(f, definition_of_type(&f->c, code.data, code.len));
            reach_canonicals(f, json_get(n, "profile"), false);
            reach_canonicals(f, json_get(n, "targetProfile"), true);
        }
        if (json_equals(json_get(binding, "strength"), "required") || json_equals(json_get(binding, "strength"), "extensible"))
            reach_value_set(f, node_text(json_get(binding, "valueSet")), false, 0);
        else
            reach_value_set(f, node_text(json_get(binding, "valueSet")), true, 0);
    }
}

/* ---- differences ---- */

static bool same_node(const struct json_node *a, const struct json_node *b)
{
    const struct json_node *i, *k;

    if (a == NULL || b == NULL)
        return a == b;
    if (a->type != b->type || a->count != b->count || a->key_len != b->key_len || (a->key_len > 0 && memcmp(a->key, b->key, a->key_len) != 0)
        || a->len != b->len || (a->len > 0 && memcmp(a->text, b->text, a->len) != 0))
        return false;
    for (i = a->child, k = b->child; i != NULL && k != NULL; i = i->next, k = k->next)
        if (!same_node(i, k))
            return false;
    return i == k;
}

static bool same_field(enum draft_field field, const struct json_node *wanted, const struct json_node *has)
{
    if (field == DRAFT_BASE || field == DRAFT_SUMMARY)
        return true;
    /* A reference goes by itself when it is unfolded; a slicing that slices nothing says nothing. */
    if (wanted == NULL && (field == DRAFT_CONTENT_REFERENCE || field == DRAFT_SLICING))
        return true;
    if (field == DRAFT_MUST_SUPPORT || field == DRAFT_MODIFIER)
        return json_is(wanted, JSON_TRUE) == json_is(has, JSON_TRUE);
    if (field == DRAFT_MIN && has == NULL)
        return wanted == NULL || (wanted->len == 1 && wanted->text[0] == '0');
    return same_node(wanted, has);
}

static bool same_invariant(const struct json_node *a, const struct json_node *b)
{
    static const char *const members[] = { "key", "expression", "severity" };

    for (int i = 0; i < 3; i++)
        if (!same_node(json_get(a, members[i]), json_get(b, members[i])))
            return false;
    return same_node(json_get(a, "extension"), json_get(b, "extension"));
}

static bool has_invariant(const struct draft *draft, const struct json_node *invariant)
{
    for (size_t i = 0; i < draft->constraint_count; i++)
        if (same_invariant(draft->constraint[i], invariant))
            return true;
    return false;
}

/* The name of the invariant in the list of all: its key, or with a number when others have the same. */
static const char *invariant_name(struct facts *f, const struct json_node *invariant)
{
    struct bytes key = node_text(json_get(invariant, "key"));
    size_t same_key = 1;

    for (size_t i = 0; i < f->invariants; i++) {
        if (same_invariant(f->invariant[i], invariant))
            return f->invariant_name[i];
        same_key += same_node(json_get(f->invariant[i], "key"), json_get(invariant, "key"));
    }
    if (f->invariants == f->invariant_room || key.len == 0) {
        build_fail(&f->c.build, ERR_LIMIT);
        return "";
    }
    f->invariant[f->invariants] = invariant;
    f->invariant_name[f->invariants] = same_key == 1 ? arena_strndup(f->c.arena, key.data, key.len)
                                                     : arena_printf(f->c.arena, "%.*s#%zu", (int)key.len, key.data, same_key);
    return f->invariant_name[f->invariants] != NULL ? f->invariant_name[f->invariants++] : "";
}

/* What must be said of an element so that `has` becomes `wanted`; laid over `has` at once, as the reader will. */
struct saying { struct facts *f; struct grove *g; struct bough *start; bool first; };

/* What is inherited and does not hold is taken away by null. */
static const struct json_node *nothing_of(struct facts *f, enum draft_field field, const struct json_node *has)
{
    struct json_node *node = arena_alloc(f->c.arena, sizeof *node);

    if (node == NULL) {
        build_fail(&f->c.build, ERR_NOMEM);
        return has;
    }
    node->type = field == DRAFT_MUST_SUPPORT || field == DRAFT_MODIFIER ? JSON_FALSE : JSON_NULL;
    json_set_key(node, has->key, has->key_len);
    return node;
}

static void say_element(struct saying *s, const struct draft *wanted, const char *id, struct bough *has)
{
    struct buf *out = &s->f->lines;
    struct draft more = { .path = NULL };
    const struct json_node **fresh = arena_array(s->f->c.arena, wanted->constraint_count + 1, sizeof *fresh);
    bool any = has->fresh;

    if (fresh == NULL) {
        build_fail(&s->f->c.build, ERR_NOMEM);
        return;
    }
    for (int i = 0; i < DRAFT_FIELDS; i++)
        if (!same_field((enum draft_field)i, wanted->field[i], has->draft.field[i])) {
            more.field[i] = wanted->field[i] != NULL ? wanted->field[i] : nothing_of(s->f, (enum draft_field)i, has->draft.field[i]);
            any = true;
        }
    for (size_t i = 0; i < wanted->constraint_count; i++)
        if (!has_invariant(&has->draft, wanted->constraint[i]))
            fresh[more.constraint_count++] = wanted->constraint[i];
    more.constraint = fresh;
    has->fresh = false;
    if (!any && more.constraint_count == 0)
        return;
    buf_add_str(out, s->first ? "{\"id\":" : ",{\"id\":");
    s->first = false;
    print_text(out, id, strlen(id));
    for (int i = 0; i < DRAFT_FIELDS; i++) {
        if (more.field[i] != NULL)
            print_member(out, more.field[i]);
    }
    for (size_t i = 0; i < more.constraint_count; i++) {
        const char *name = invariant_name(s->f, more.constraint[i]);

        buf_add_str(out, i == 0 ? ",\"constraint\":[" : ",");
        print_text(out, name, strlen(name));
    }
    buf_add_str(out, more.constraint_count > 0 ? "]}" : "}");
    bough_narrow(s->g, has, &more);
}

/* Depth first, as the snapshot has them: an element, its children, its slices. */
static void say_bough(struct saying *s, const struct bough *b, const char *id)
{
    struct bough *has = s->f->c.build.failed == 0 ? grove_reach(s->g, s->start, id) : NULL;
    const struct bough *first[] = { b->child, b->sliced };

    if (has == NULL) {
        set_note(s->f->c.set, "facts", id, "cannot be said as a differential");
        return;
    }
    say_element(s, &b->draft, id, has);
    for (int i = 0; i < 2; i++)
        for (const struct bough *n = first[i]; n != NULL; n = n->next) {
            int stem = n->slice != NULL && b->slice != NULL ? (int)(strlen(id) - strlen(b->slice) - 1) : (int)strlen(id);
            const char *below = n->slice != NULL ? arena_printf(s->f->c.arena, "%.*s:%s", stem, id, n->slice) : arena_printf(s->f->c.arena, "%s.%s", id, n->name);

            if (below == NULL)
                build_fail(&s->f->c.build, ERR_NOMEM);
            else
                say_bough(s, n, below);
        }
}

static void print_definition(struct facts *f, struct definition *d)
{
    struct grove wanted = { .c = &f->c }, made = { .c = &f->c, .adds_elements = d->derivation != IMG_CONSTRAINT };
    struct bough *goal = grove_of_drafts(&wanted, d->draft, d->count);
    struct bough *start = d->base != NULL ? grove_of_base(&made, d) : grove_new(&made, d->type);
    struct saying s = { .f = f, .g = &made, .start = start, .first = true };
    struct buf *out = &f->lines;

    if (goal == NULL || start == NULL) {
        set_note(f->c.set, d->resource->source, d->url, "cannot be said as a differential");
        return;
    }
    print_node(out, d->resource->json, " snapshot differential ");
    out->len--;                          /* the closing brace */
    buf_add_str(out, ",\"differential\":{\"element\":[");
    say_bough(&s, goal, goal->name);
    buf_add_str(out, "]}}\n");
}

/* ---- all ---- */

static int by_url(const void *left, const void *right)
{
    const struct resource *a = *(const struct resource *const *)left, *b = *(const struct resource *const *)right;
    int order = strcmp(a->type, b->type);

    if (order == 0)
        order = strcmp(a->url, b->url);
    return order != 0 ? order : strcmp(a->version, b->version);
}

/* A root that begins with "-" is left out, whoever reaches it. */
static void leave_out(struct facts *f, const char *root)
{
    struct definition *d = *root == '-' ? definition_find(&f->c, root + 1, strlen(root + 1)) : NULL;

    if (d != NULL)
        f->reached[d - f->c.definition] = 1;
}

static void reach_root(struct facts *f, const char *root)
{
    struct bytes canonical = { root, strlen(root) };
    struct definition *d = definition_find(&f->c, root, canonical.len);
    const struct resource *system = find_resource(f, "CodeSystem", canonical);
    bool all = strcmp(root, "*") == 0;

    if (*root == '-')
        return;
    for (size_t i = 0; all && i < f->c.definitions; i++)
        reach(f, &f->c.definition[i]);
    reach(f, d);
    reach_value_set(f, canonical, false, 0);
    if (system != NULL)
        take_resource(f, system);
    if (!all && d == NULL && system == NULL && find_resource(f, "ValueSet", canonical) == NULL)
        set_note(f->c.set, "facts", root, "not in the packages");
}

static int prepare(struct facts *f, const char *const *roots, size_t count, struct err *e)
{
    size_t room = 1, bytes = 0;
    int code = definitions_collect(&f->c, e);

    if (code < 0)
        return code;
    for (const struct resource *r = f->c.set->first; r != NULL; r = r->next)
        room++;
    bytes = f->c.definitions + 1;
    f->reached = arena_alloc(f->c.arena, bytes);
    f->todo = arena_array(f->c.arena, bytes, sizeof *f->todo);
    f->resource = arena_array(f->c.arena, room, sizeof *f->resource);
    f->resource_room = room;
    f->invariant_room = 1 << 14;
    f->invariant = arena_array(f->c.arena, f->invariant_room, sizeof *f->invariant);
    f->invariant_name = arena_array(f->c.arena, f->invariant_room, sizeof *f->invariant_name);
    if (f->reached == NULL || f->todo == NULL || f->resource == NULL || f->invariant == NULL || f->invariant_name == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "package", NULL);
    for (size_t i = 0; i < count; i++)
        leave_out(f, roots[i]);
    for (size_t i = 0; i < count; i++)
        reach_root(f, roots[i]);
    for (size_t done = 0; done < f->todos; done++)
        reach_from(f, &f->c.definition[f->todo[done]]);
    return 0;
}

static void print_all(struct facts *f)
{
    const struct resource **list = arena_array(f->c.arena, f->todos + 1, sizeof *list);

    if (list == NULL) {
        build_fail(&f->c.build, ERR_NOMEM);
        return;
    }
    for (size_t i = 0; i < f->todos; i++)
        list[i] = f->c.definition[f->todo[i]].resource;
    qsort(list, f->todos, sizeof *list, by_url);
    qsort(f->resource, f->resources, sizeof *f->resource, by_url);
    for (size_t i = 0; i < f->todos; i++)
        for (size_t k = 0; k < f->todos; k++)
            if (f->c.definition[f->todo[k]].resource == list[i])
                print_definition(f, &f->c.definition[f->todo[k]]);
    for (size_t i = 0; i < f->resources; i++) {
        print_node(&f->lines, f->resource[i]->json, NULL);
        buf_add_char(&f->lines, '\n');
    }
}

static void print_head(struct facts *f, struct buf *out)
{
    buf_add_str(out, "{\"name\":\"builtin\",\"version\":\"1\",\"fhirVersions\":[\"4.0.1\"]}\n{\"resourceType\":\"Invariants\",\"invariant\":{");
    for (size_t i = 0; i < f->invariants; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        print_text(out, f->invariant_name[i], strlen(f->invariant_name[i]));
        buf_add_char(out, ':');
        print_node(out, f->invariant[i], " human ");
    }
    buf_add_str(out, "}}\n");
}

int package_set_facts(struct package_set *set, const char *const *roots, size_t count, struct buf *ret_facts, struct err *e)
{
    struct facts f = { .c = { .set = set, .arena = arena_new(PACKAGE_MEMORY) } };
    struct buf out;
    int code;

    if (f.c.arena == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "package", NULL);
    build_init(&f.c.build);
    buf_init(&f.lines, FACTS_MAX);
    buf_init(&out, FACTS_MAX);
    code = prepare(&f, roots, count, e);
    if (code == 0) {
        print_all(&f);
        print_head(&f, &out);
        buf_add(&out, f.lines.data, f.lines.len);
        code = f.c.build.failed != 0 ? f.c.build.failed : f.lines.failed != 0 ? f.lines.failed : out.failed;
        if (code < 0)
            err_set(e, (enum err_code)code, code == ERR_NOMEM ? MSG_NOMEM : MSG_LIMIT, NULL, "facts", NULL);
    }
    if (code == 0) {
        buf_free(ret_facts);
        *ret_facts = out;
        buf_init(&out, FACTS_MAX);
    }
    buf_free(&f.lines);
    buf_free(&out);
    build_free(&f.c.build);
    arena_free(f.c.arena);
    return code;
}
