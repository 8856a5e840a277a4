/*
 * snapshot.c - drafts of a definition that gives only what it changes.
 *
 * The tree of the base is taken, each element of the differential is looked for in it by its id, and what is said there is laid over what was
 * inherited. An element that the base does not spell out is unfolded: from the element that a content reference names, else from the profile of
 * its type, else from the type. A slice begins as a copy of what it slices, optional; "valueQuantity" is a slice of value[x] by type.
 */
#include "validate/package/snapshot.h"

#include <string.h>

enum { ID_PARTS_MAX = 40, PART_MAX = 512 };

/* ---- trees ---- */

static struct bough *bough_new(struct grove *g, struct bough *up, const char *name, const char *slice)
{
    struct bough *b = g->count < DRAFTS_MAX ? arena_alloc(g->c->arena, sizeof *b) : NULL;

    if (b == NULL) {
        build_fail(&g->c->build, g->count < DRAFTS_MAX ? ERR_NOMEM : ERR_LIMIT);
        return NULL;
    }
    g->count++;
    b->name = name;
    b->slice = slice;
    b->up = up;
    if (up == NULL)
        return b;
    if (slice != NULL) {
        *(up->last_slice != NULL ? &up->last_slice->next : &up->sliced) = b;
        up->last_slice = b;
    } else {
        *(up->last_child != NULL ? &up->last_child->next : &up->child) = b;
        up->last_child = b;
    }
    return b;
}

/* A copy of what is below, children and slices. The depth is that of paths. */
static bool copy_below(struct grove *g, const struct bough *from, struct bough *to, bool slices)
{
    const struct bough *first[] = { from->child, slices ? from->sliced : NULL };

    for (int i = 0; i < 2; i++)
        for (const struct bough *b = first[i]; b != NULL; b = b->next) {
            struct bough *fresh = bough_new(g, to, b->name, b->slice);

            if (fresh == NULL)
                return false;
            fresh->draft = b->draft;
            if (!copy_below(g, b, fresh, true))
                return false;
        }
    return true;
}

static struct bough *find_child(const struct bough *up, const char *name, size_t len)
{
    for (struct bough *b = up->child; b != NULL; b = b->next)
        if (strlen(b->name) == len && memcmp(b->name, name, len) == 0)
            return b;
    return NULL;
}

/* The slice with this name among the slices of an element and theirs; *ret_outer = the one that "a/b" would be a slice of. */
static struct bough *find_slice(struct bough *sliced, const char *slice, struct bough **ret_outer)
{
    *ret_outer = sliced;
    for (struct bough *b = sliced->sliced; b != NULL;) {
        size_t len = strlen(b->slice);

        if (strcmp(b->slice, slice) == 0)
            return b;
        if (strncmp(b->slice, slice, len) == 0 && slice[len] == '/') {
            *ret_outer = b;
            b = b->sliced;
        } else {
            b = b->next;
        }
    }
    return NULL;
}

static const char *last_part(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot != NULL ? dot + 1 : path;
}

static size_t depth_of(const char *path)
{
    size_t depth = 0;

    for (; *path != '\0'; path++)
        depth += *path == '.';
    return depth;
}

struct bough *grove_of_drafts(struct grove *g, const struct draft *draft, size_t count)
{
    struct bough *open[ID_PARTS_MAX] = { NULL }, *root = NULL;

    for (size_t i = 0; i < count; i++) {
        size_t depth = depth_of(draft[i].path);
        struct bough *up = depth > 0 && depth < ID_PARTS_MAX ? open[depth - 1] : NULL, *sliced = NULL, *fresh, *outer;

        if (depth >= ID_PARTS_MAX || (depth > 0 && up == NULL) || (depth == 0) != (root == NULL))
            continue;
        if (up != NULL && draft[i].slice_name != NULL && (sliced = find_child(up, last_part(draft[i].path), strlen(last_part(draft[i].path)))) != NULL) {
            find_slice(sliced, draft[i].slice_name, &outer);
            up = outer;
        }
        fresh = bough_new(g, up, last_part(draft[i].path), sliced != NULL ? draft[i].slice_name : NULL);
        if (fresh == NULL)
            return NULL;
        fresh->draft = draft[i];
        root = root != NULL ? root : fresh;
        open[depth] = fresh;
    }
    return root;
}

struct bough *grove_new(struct grove *g, const char *name)
{
    return bough_new(g, NULL, name, NULL);
}

struct bough *grove_of_base(struct grove *g, struct definition *d)
{
    struct bough *root;

    if (d->base == NULL || !definition_drafts(g->c, d->base, g->depth + 1))
        return NULL;
    root = grove_of_drafts(g, d->base->draft, d->base->count);
    /* Patient begins as DomainResource does. */
    if (root != NULL && d->derivation != IMG_CONSTRAINT && d->type[0] != '\0')
        root->name = d->type;
    return root;
}

/* ---- unfolding ---- */

/* The definition whose elements stand below an element of this type. */
static struct definition *type_definition(struct grove *g, const struct json_node *types)
{
    const struct json_node *type = json_is(types, JSON_ARRAY) && types->count == 1 ? types->child : NULL;
    const struct json_node *profile = json_get(type, "profile"), *first = json_is(profile, JSON_ARRAY) ? profile->child : profile;
    struct bytes code = node_text(json_get(type, "code")), canonical = node_text(first);
    struct definition *d = canonical.len > 0 ? definition_find(g->c, canonical.data, canonical.len) : NULL;

    if (d == NULL && code.len > 0)
        d = definition_of_type(g->c, code.data, code.len);
    return d != NULL && definition_drafts(g->c, d, g->depth + 1) ? d : NULL;
}

static struct bough *root_of(struct bough *b)
{
    while (b->up != NULL)
        b = b->up;
    return b;
}

/* The element that "#Observation.referenceRange" names, within this tree. */
static const struct bough *referenced(struct bough *b)
{
    struct bytes text = node_text(b->draft.field[DRAFT_CONTENT_REFERENCE]);
    const char *at = text.data != NULL ? memchr(text.data, '#', text.len) : NULL, *end = at != NULL ? text.data + text.len : NULL;
    const struct bough *to = root_of(b);

    at = at != NULL ? memchr(at, '.', (size_t)(end - at)) : NULL;
    while (at != NULL && to != NULL) {
        const char *dot = memchr(at + 1, '.', (size_t)(end - at - 1)), *stop = dot != NULL ? dot : end;

        to = find_child(to, at + 1, (size_t)(stop - at - 1));
        at = dot;
    }
    return text.data != NULL && to != b && to != NULL && to->up != NULL ? to : NULL;
}

static bool is_above(const struct bough *above, const struct bough *b)
{
    for (; b != NULL; b = b->up)
        if (b == above)
            return true;
    return false;
}

/* What has been unfolded is of the type of what it referred to, and refers no more. */
static void refer(struct bough *b, const struct bough *from)
{
    b->draft.field[DRAFT_CONTENT_REFERENCE] = NULL;
    b->draft.field[DRAFT_TYPE] = from->draft.field[DRAFT_TYPE];
}

static void unfold(struct grove *g, struct bough *b)
{
    const struct bough *from = referenced(b);
    struct definition *type = NULL;

    if (b->child != NULL)
        return;
    if (from == NULL) {
        type = type_definition(g, b->draft.field[DRAFT_TYPE]);
        from = type != NULL ? grove_of_drafts(g, type->draft, type->count) : NULL;
    } else if (is_above(from, b)) {
        /* A section within a section: its own children are copied without what hangs below them, or there would be no end. */
        for (const struct bough *child = from->child; child != NULL; child = child->next) {
            struct bough *fresh = bough_new(g, b, child->name, NULL);

            if (fresh == NULL)
                return;
            fresh->draft = child->draft;
        }
        refer(b, from);
        return;
    }
    if (from != NULL && b->draft.field[DRAFT_CONTENT_REFERENCE] != NULL)
        refer(b, from);
    if (from != NULL)
        copy_below(g, from, b, false);
    for (struct bough *child = b->child; child != NULL && type != NULL && type->derivation == IMG_CONSTRAINT; child = child->next)
        child->fresh = true;
    for (struct bough *child = from != NULL ? b->child : NULL; child != NULL; child = child->next) {
        const struct bough *same = find_child(from, child->name, strlen(child->name));

        /* Slices of the children belong to the type's profile and come along. */
        if (same != NULL && same->sliced != NULL && child->sliced == NULL) {
            for (const struct bough *s = same->sliced; s != NULL; s = s->next) {
                struct bough *fresh = bough_new(g, child, s->name, s->slice);

                if (fresh == NULL)
                    return;
                fresh->draft = s->draft;
                copy_below(g, s, fresh, true);
            }
        }
    }
}

/* ---- slices ---- */

static struct bough *slice_new(struct grove *g, struct bough *outer, const char *slice)
{
    const char *name = arena_strdup(g->c->arena, slice);
    struct bough *fresh = name != NULL ? bough_new(g, outer, outer->name, name) : NULL;

    if (fresh == NULL) {
        build_fail(&g->c->build, ERR_NOMEM);
        return NULL;
    }
    fresh->draft = outer->draft;
    fresh->draft.field[DRAFT_MIN] = NULL;
    fresh->draft.field[DRAFT_SLICING] = NULL;
    fresh->fresh = true;
    return copy_below(g, outer, fresh, false) ? fresh : NULL;
}

/* A node for facts that the rules of FHIR imply. */
static struct json_node *implied(struct grove *g, enum json_type type, const char *key, const char *text)
{
    struct json_node *node = arena_alloc(g->c->arena, sizeof *node);

    if (node == NULL) {
        build_fail(&g->c->build, ERR_NOMEM);
        return NULL;
    }
    node->type = type;
    json_set_key(node, key, key != NULL ? strlen(key) : 0);
    node->text = text;
    node->len = text != NULL ? (uint32_t)strlen(text) : 0;
    return node;
}

static void hang(struct json_node *parent, struct json_node *child)
{
    if (parent == NULL || child == NULL)
        return;
    child->next = parent->child;
    child->parent = parent;
    parent->child = child;
    parent->count++;
}

/* { "discriminator": [{ "type": "type", "path": "$this" }], "rules": "open" } */
static struct json_node *slicing_by_type(struct grove *g)
{
    struct json_node *slicing = implied(g, JSON_OBJECT, "slicing", NULL), *list = implied(g, JSON_ARRAY, "discriminator", NULL);
    struct json_node *item = implied(g, JSON_OBJECT, NULL, NULL);

    hang(item, implied(g, JSON_STRING, "type", "type"));
    hang(item, implied(g, JSON_STRING, "path", "$this"));
    hang(list, item);
    hang(slicing, list);
    hang(slicing, implied(g, JSON_STRING, "rules", "open"));
    return slicing;
}

static bool same_but_first_case(const char *a, const char *b, size_t len)
{
    return len > 0 && (a[0] | 0x20) == (b[0] | 0x20) && memcmp(a + 1, b + 1, len - 1) == 0;
}

/* "valueQuantity" where value[x] may be a Quantity: a slice of that name and type. */
static struct bough *choice_child(struct grove *g, struct bough *up, const char *name, size_t len)
{
    for (struct bough *b = up->child; b != NULL; b = b->next) {
        size_t stem = strlen(b->name);
        const struct json_node *types = b->draft.field[DRAFT_TYPE];

        if (stem < 4 || strcmp(b->name + stem - 3, "[x]") != 0 || len <= stem - 3 || memcmp(b->name, name, stem - 3) != 0)
            continue;
        for (const struct json_node *n = json_is(types, JSON_ARRAY) ? types->child : NULL; n != NULL; n = n->next) {
            struct bytes code = node_text(json_get(n, "code"));
            struct bough *outer, *slice;
            char slice_name[PART_MAX];
            struct json_node *list, *type;

            if (code.len != len - (stem - 3) || len >= sizeof slice_name || !same_but_first_case(code.data, name + stem - 3, code.len))
                continue;
            memcpy(slice_name, name, len);
            slice_name[len] = '\0';
            slice = find_slice(b, slice_name, &outer);
            if (slice != NULL || (slice = slice_new(g, b, slice_name)) == NULL)
                return slice;
            if (b->draft.field[DRAFT_SLICING] == NULL)
                b->draft.field[DRAFT_SLICING] = slicing_by_type(g);
            list = implied(g, JSON_ARRAY, "type", NULL);
            type = implied(g, JSON_OBJECT, NULL, NULL);
            if (list == NULL || type == NULL)
                return NULL;
            *type = *n;
            type->next = NULL;
            hang(list, type);
            slice->draft.field[DRAFT_TYPE] = list;
            return slice;
        }
    }
    return NULL;
}

/* ---- reaching ---- */

static struct bough *step(struct grove *g, struct bough *at, const char *part, size_t len)
{
    const char *colon = memchr(part, ':', len);
    size_t name = colon != NULL ? (size_t)(colon - part) : len;
    struct bough *child, *outer, *slice;
    char slice_name[PART_MAX];

    unfold(g, at);
    child = find_child(at, part, name);
    if (child == NULL)
        child = choice_child(g, at, part, name);
    if (child == NULL && g->adds_elements) {
        const char *copy = arena_strndup(g->c->arena, part, name);

        child = copy != NULL ? bough_new(g, at, copy, NULL) : NULL;
        if (child != NULL)
            child->fresh = true;
    }
    if (child == NULL || colon == NULL || len - name - 1 >= sizeof slice_name)
        return child;
    memcpy(slice_name, colon + 1, len - name - 1);
    slice_name[len - name - 1] = '\0';
    slice = find_slice(child, slice_name, &outer);
    return slice != NULL ? slice : slice_new(g, outer, slice_name);
}

struct bough *grove_reach(struct grove *g, struct bough *root, const char *id)
{
    const char *at = strchr(id, '.');
    struct bough *b = root;

    while (at != NULL && b != NULL) {
        const char *part = at + 1;
        size_t len = 0;

        /* Dots within the name of a slice do not part: a slice's name ends where the next element's begins, which no one can tell; none has them. */
        while (part[len] != '\0' && part[len] != '.')
            len++;
        b = step(g, b, part, len);
        at = part[len] == '.' ? part + len : NULL;
    }
    return b;
}

/* ---- narrowing ---- */

static bool same_key(const struct json_node *a, const struct json_node *b)
{
    struct bytes x = node_text(json_get(a, "key")), y = node_text(json_get(b, "key"));

    return x.len == y.len && x.len > 0 && memcmp(x.data, y.data, x.len) == 0;
}

/* Invariants add up; one with a key that is there takes its place. */
static void add_constraints(struct grove *g, struct draft *to, const struct draft *from)
{
    const struct json_node **list = from->constraint_count == 0 ? NULL : arena_array(g->c->arena, to->constraint_count + from->constraint_count, sizeof *list);
    size_t count = 0;

    if (from->constraint_count == 0)
        return;
    if (list == NULL) {
        build_fail(&g->c->build, ERR_NOMEM);
        return;
    }
    for (size_t i = 0; i < to->constraint_count; i++)
        list[count++] = to->constraint[i];
    for (size_t i = 0; i < from->constraint_count; i++) {
        size_t k = 0;

        while (k < count && !same_key(list[k], from->constraint[i]))
            k++;
        list[k] = from->constraint[i];
        count += k == count;
    }
    to->constraint = list;
    to->constraint_count = count;
}

void bough_narrow(struct grove *g, struct bough *bough, const struct draft *draft)
{
    for (int i = 0; i < DRAFT_FIELDS; i++)
        if (draft->field[i] != NULL)
            bough->draft.field[i] = json_is(draft->field[i], JSON_NULL) ? NULL : draft->field[i];   /* facts take something away by null */
    /* A fixed value takes the place of a pattern. */
    if (draft->field[DRAFT_FIXED] != NULL && !json_is(draft->field[DRAFT_FIXED], JSON_NULL) && draft->field[DRAFT_PATTERN] == NULL)
        bough->draft.field[DRAFT_PATTERN] = NULL;
    add_constraints(g, &bough->draft, draft);
}

/* ---- flattening ---- */

static bool flatten(struct grove *g, const struct bough *b, const char *path, const char *id, struct definition *d)
{
    struct arena *arena = g->c->arena;
    struct draft *out = &d->draft[d->count++];
    const struct bough *first[] = { b->child, b->sliced };

    *out = b->draft;
    out->path = path;
    out->id = id;
    out->slice_name = b->slice;
    for (int i = 0; i < 2; i++)
        for (const struct bough *n = first[i]; n != NULL; n = n->next) {
            const char *below = n->slice != NULL ? path : arena_printf(arena, "%s.%s", path, n->name);
            int stem = n->slice != NULL && b->slice != NULL ? (int)(strlen(id) - strlen(b->slice) - 1) : (int)strlen(id);
            const char *its_id = n->slice != NULL ? arena_printf(arena, "%.*s:%s", stem, id, n->slice) : arena_printf(arena, "%s.%s", id, n->name);

            if (below == NULL || its_id == NULL || !flatten(g, n, below, its_id, d))
                return false;
        }
    return true;
}

bool grove_flatten(struct grove *g, struct bough *root, struct definition *d)
{
    d->count = 0;
    d->draft = arena_array(g->c->arena, g->count, sizeof *d->draft);
    if (d->draft == NULL || !flatten(g, root, root->name, root->name, d)) {
        build_fail(&g->c->build, ERR_NOMEM);
        return false;
    }
    return true;
}

/* ---- differentials ---- */

/* Where an element of a differential goes when it has no usable id: the path, below what was reached before it. */
struct recent { const char *id[ID_PARTS_MAX]; };

static bool id_fits(const char *id, const char *path)
{
    while (*id != '\0' && *path != '\0' && *id == *path) {
        id++;
        path++;
        if (*id == ':')
            id += strcspn(id, ".");
    }
    return *id == '\0' && *path == '\0';
}

static const char *make_id(struct grove *g, const struct draft *draft, struct recent *recent)
{
    size_t depth = depth_of(draft->path);
    const char *id = draft->id, *last = last_part(draft->path);

    if (depth >= ID_PARTS_MAX)
        return NULL;
    if (id == NULL || !id_fits(id, draft->path) || (draft->slice_name != NULL && strchr(last_part(id), ':') == NULL)) {
        const char *up = depth > 0 ? recent->id[depth - 1] : NULL;
        size_t stem = depth > 0 ? (size_t)(last - draft->path - 1) : 0;
        bool below = up != NULL && strlen(up) >= stem;

        id = depth == 0 ? draft->path : arena_printf(g->c->arena, "%.*s.%s%s%s", (int)(below ? strlen(up) : stem), below ? up : draft->path, last,
                                                     draft->slice_name != NULL ? ":" : "", draft->slice_name != NULL ? draft->slice_name : "");
    }
    recent->id[depth] = id;
    for (size_t i = depth + 1; i < ID_PARTS_MAX; i++)
        recent->id[i] = NULL;
    return id;
}

/* Ids alone are enough ("Patient.name:kanji.family"): facts have no paths. */
static bool read_element(struct compile *c, const struct json_node *element, struct draft *ret)
{
    if (draft_read(c, element, ret))
        return true;
    ret->id = json_get_text(c->arena, element, "id");
    ret->path = ret->id;
    return ret->id != NULL && draft_read_members(c, element, ret);
}

bool snapshot_make(struct compile *c, struct definition *d, int depth)
{
    const struct json_node *list = json_path(d->resource->json, "differential/element");
    struct grove g = { .c = c, .depth = depth, .adds_elements = d->derivation != IMG_CONSTRAINT };
    struct bough *root = d->base == NULL && d->derivation != IMG_CONSTRAINT ? grove_new(&g, d->type) : grove_of_base(&g, d);
    struct recent recent = { { NULL } };

    if (root == NULL)
        return false;
    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL && c->build.failed == 0; n = n->next) {
        struct draft draft = { .path = NULL };
        const char *id = read_element(c, n, &draft) ? (draft.path == draft.id ? draft.id : make_id(&g, &draft, &recent)) : NULL;
        struct bough *b = id != NULL ? grove_reach(&g, root, id) : NULL;

        if (b != NULL)
            bough_narrow(&g, b, &draft);
        else
            set_note(c->set, d->resource->source, d->url, draft.path != NULL ? draft.path : "element without path");
    }
    return c->build.failed == 0 && grove_flatten(&g, root, d);
}
