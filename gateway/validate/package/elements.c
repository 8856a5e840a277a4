/*
 * elements.c - drafts of one definition's elements -> the tree of elements in the image.
 *
 * A snapshot is a list, depth first; an element belongs to the element before it with the path one part shorter. A slice belongs to the element with the
 * same path that it slices, a slice of a slice ("a/b") to the slice "a". Then each element is laid beside its counterpart in the base types: what
 * it adds is all that a walk of the profile has to look at. Types are compiled before profiles (define.c), so counterparts are in the image.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "validate/fhirpath/fhirpath.h"
#include "validate/package/amend.h"
#include "validate/package/package_private.h"

enum { PATH_DEPTH_MAX = 40, TYPES_MAX = 256, MEMBERS_MAX = 4096, CONSTRAINTS_MAX = 1 << 14, CONSTRAINTS_OF_ONE = 256, REFERENCE_HOPS = 8 };
#define FHIR_TYPE_EXTENSION "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
#define SYSTEM_TYPE "http://hl7.org/fhirpath/"
#define BEST_PRACTICE_EXTENSION "http://hl7.org/fhir/StructureDefinition/elementdefinition-bestpractice"

/* An element while its definition is compiled. Links are indexes + 1 into the same list. */
struct twig {
    const struct draft *draft;
    struct img_element out;
    uint32_t parent, first_child, last_child, next_child, first_slice, last_slice, next_slice, children, slices;
    bool is_slice;
};

struct tree {
    struct compile *c;
    struct definition *d;
    struct twig *twig;
    uint32_t count;
    img_id first;               /* image id of twig[0] */
};

static struct twig *twig_at(struct tree *t, uint32_t link)
{
    return link == 0 ? NULL : &t->twig[link - 1];
}

/* ---- the tree ---- */

static int depth_of(const char *path)
{
    int depth = 0;

    for (; *path != '\0'; path++)
        depth += *path == '.';
    return depth;
}

static void add_child(struct tree *t, uint32_t parent, uint32_t child)
{
    struct twig *p = twig_at(t, parent), *k = twig_at(t, child);

    k->parent = parent;
    if (p->last_child != 0)
        twig_at(t, p->last_child)->next_child = child;
    else
        p->first_child = child;
    p->last_child = child;
    p->children++;
}

static void add_slice(struct tree *t, uint32_t sliced, uint32_t slice)
{
    struct twig *p = twig_at(t, sliced), *k = twig_at(t, slice);

    k->parent = sliced;
    k->is_slice = true;
    if (p->last_slice != 0)
        twig_at(t, p->last_slice)->next_slice = slice;
    else
        p->first_slice = slice;
    p->last_slice = slice;
    p->slices++;
}

/* The slice of which "a/b/c" is a slice: "a/b", or "a", or the sliced element itself. */
static uint32_t sliced_by(struct tree *t, uint32_t sliced, const char *name)
{
    bool deeper = true;

    while (deeper) {
        deeper = false;
        for (uint32_t s = twig_at(t, sliced)->first_slice; s != 0; s = twig_at(t, s)->next_slice) {
            const char *outer = twig_at(t, s)->draft->slice_name;
            size_t len = strlen(outer);

            if (strncmp(name, outer, len) == 0 && name[len] == '/' && name[len + 1] != '\0') {
                sliced = s;
                deeper = true;
                break;
            }
        }
    }
    return sliced;
}

static bool child_path(const char *parent, const char *path)
{
    size_t len = strlen(parent);

    return strncmp(parent, path, len) == 0 && path[len] == '.';
}

/* Hangs each draft where it belongs. False: the list does not begin with its root. */
static bool grow(struct tree *t)
{
    uint32_t open[PATH_DEPTH_MAX] = { 0 }, plain[PATH_DEPTH_MAX] = { 0 };   /* newest element and newest that is no slice, by depth */

    for (size_t i = 0; i < t->d->count; i++) {
        const struct draft *draft = &t->d->draft[i];
        int depth = depth_of(draft->path);
        uint32_t link = t->count + 1, up = depth > 0 && depth < PATH_DEPTH_MAX ? open[depth - 1] : 0;

        if (depth >= PATH_DEPTH_MAX || (depth == 0) != (i == 0) || (depth > 0 && (up == 0 || !child_path(twig_at(t, up)->draft->path, draft->path)))) {
            set_note(t->c->set, t->d->resource->source, t->d->url, draft->path);
            continue;
        }
        t->twig[t->count++] = (struct twig){ .draft = draft };
        if (depth > 0 && draft->slice_name != NULL && plain[depth] != 0 && twig_at(t, plain[depth])->parent == up
            && strcmp(twig_at(t, plain[depth])->draft->path, draft->path) == 0) {
            add_slice(t, sliced_by(t, plain[depth], draft->slice_name), link);
        } else {
            if (depth > 0)
                add_child(t, up, link);
            plain[depth] = link;
        }
        open[depth] = link;
        if (depth + 1 < PATH_DEPTH_MAX)
            open[depth + 1] = plain[depth + 1] = 0;
    }
    return t->count > 0;
}

/* ---- simple members ---- */

static uint32_t read_count(const struct json_node *node, uint32_t otherwise)
{
    struct bytes text = node_text(node);
    int64_t value;

    if (text.data == NULL)
        return otherwise;
    if (text.len == 1 && text.data[0] == '*')
        return IMG_MANY;
    return text_to_int64(text.data, text.len, 0, IMG_MANY - 1, &value) < 0 ? otherwise : (uint32_t)value;
}

static struct img_run link_run(struct compile *c, const struct json_node *list)
{
    uint32_t link[TYPES_MAX];
    size_t count = 0;

    if (json_is(list, JSON_STRING)) {
        link[count++] = node_str(&c->build, list);
    } else {
        for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL && count < TYPES_MAX; n = n->next)
            if (n->type == JSON_STRING && n->len > 0)
                link[count++] = node_str(&c->build, n);
    }
    return build_run(&c->build, IMG_LINKS, link, count, true);
}

/* The FHIR type behind a FHIRPath system type. */
static struct bytes type_code(const struct json_node *type)
{
    struct bytes code = node_text(json_get(type, "code"));
    const struct json_node *extensions = json_get(type, "extension");

    if (code.data == NULL || code.len < sizeof SYSTEM_TYPE || memcmp(code.data, SYSTEM_TYPE, sizeof SYSTEM_TYPE - 1) != 0)
        return code;
    for (const struct json_node *n = json_is(extensions, JSON_ARRAY) ? extensions->child : NULL; n != NULL; n = n->next)
        if (json_equals(json_get(n, "url"), FHIR_TYPE_EXTENSION))
            for (const struct json_node *m = n->child; m != NULL; m = m->next)
                if (m->key_len > 5 && memcmp(m->key, "value", 5) == 0 && m->type == JSON_STRING)
                    return node_text(m);
    return (struct bytes){ "string", 6 };
}

static bool list_has(const struct json_node *list, const char *text)
{
    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next)
        if (json_equals(n, text))
            return true;
    return false;
}

static struct img_run compile_types(struct compile *c, const struct json_node *list, bool *ret_xhtml)
{
    struct img_type types[TYPES_MAX];
    size_t count = 0;

    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL && count < TYPES_MAX; n = n->next) {
        struct bytes code = type_code(n);
        const struct json_node *aggregation = json_get(n, "aggregation"), *versioning = json_get(n, "versioning");
        const struct definition *type = code.data != NULL ? definition_of_type(c, code.data, code.len) : NULL;

        if (code.len == 0)
            continue;
        *ret_xhtml = *ret_xhtml || (code.len == 5 && memcmp(code.data, "xhtml", 5) == 0);
        types[count++] = (struct img_type){
            .code = build_str(&c->build, code.data, code.len), .profile_of_code = type != NULL ? type->id : 0,
            .profiles = link_run(c, json_get(n, "profile")), .targets = link_run(c, json_get(n, "targetProfile")),
            .contained = list_has(aggregation, "contained"), .referenced = list_has(aggregation, "referenced"), .bundled = list_has(aggregation, "bundled"),
            .version_rule = json_equals(versioning, "independent") ? 1 : json_equals(versioning, "specific") ? 2 : 0
        };
    }
    return build_run(&c->build, IMG_TYPES, types, count, true);
}

static uint8_t choose(const struct json_node *node, const char *const *names, uint8_t otherwise)
{
    for (uint8_t i = 0; names[i] != NULL; i++)
        if (json_equals(node, names[i]))
            return i;
    return otherwise;
}

static void compile_slicing(struct compile *c, const struct json_node *slicing, struct img_element *out)
{
    static const char *const rules[] = { "open", "closed", "openAtEnd", NULL }, *const kinds[] = { "value", "pattern", "type", "profile", "exists", NULL };
    const struct json_node *list = json_get(slicing, "discriminator");
    struct img_discriminator found[TYPES_MAX];
    size_t count = 0;

    if (slicing == NULL)
        return;
    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL && count < TYPES_MAX; n = n->next)
        found[count++] = (struct img_discriminator){ .path = node_str(&c->build, json_get(n, "path")), .kind = choose(json_get(n, "type"), kinds, IMG_BY_VALUE) };
    out->discriminators = build_run(&c->build, IMG_DISCRIMINATORS, found, count, true);
    out->slicing_rules = choose(json_get(slicing, "rules"), rules, IMG_OPEN);
    out->has_slicing = 1;
    if (json_is(json_get(slicing, "ordered"), JSON_TRUE))
        out->flags |= IMG_ORDERED_SLICES;
}

static void compile_binding(struct compile *c, const struct json_node *binding, struct img_element *out)
{
    static const char *const strengths[] = { "", "required", "extensible", "preferred", "example", NULL };

    if (binding == NULL)
        return;
    out->binding = node_str(&c->build, json_get(binding, "valueSet"));
    out->binding_strength = choose(json_get(binding, "strength"), strengths, IMG_NO_BINDING);
}

/* Last part of the path, without "[x]". */
static img_str compile_name(struct compile *c, const char *path, uint16_t *flags)
{
    const char *dot = strrchr(path, '.'), *name = dot != NULL ? dot + 1 : path;
    size_t len = strlen(name);

    if (len > 3 && strcmp(name + len - 3, "[x]") == 0) {
        *flags |= IMG_CHOICE;
        len -= 3;
    }
    return build_str(&c->build, name, len);
}

/* Everything that the draft says by itself. */
static void compile_members(struct tree *t, uint32_t index)
{
    struct compile *c = t->c;
    struct build *b = &c->build;
    struct twig *w = &t->twig[index];
    const struct draft *d = w->draft;
    const struct json_node *base = d->field[DRAFT_BASE];
    bool xhtml = false;
    struct img_element out = {
        .path = build_text(b, d->path), .id = build_text(b, d->id), .slice_name = w->is_slice ? build_text(b, d->slice_name) : 0, .profile = t->d->id,
        .parent = w->parent == 0 ? 0 : t->first + w->parent - 1, .min = read_count(d->field[DRAFT_MIN], 0), .max = read_count(d->field[DRAFT_MAX], IMG_MANY),
        .fixed = value_compile(b, d->field[DRAFT_FIXED]), .pattern = value_compile(b, d->field[DRAFT_PATTERN]),
        .min_value = value_compile(b, d->field[DRAFT_MIN_VALUE]), .max_value = value_compile(b, d->field[DRAFT_MAX_VALUE]),
        .max_length = read_count(d->field[DRAFT_MAX_LENGTH], 0)
    };

    out.name = compile_name(c, d->path, &out.flags);
    out.types = compile_types(c, d->field[DRAFT_TYPE], &xhtml);
    out.base_min = read_count(json_get(base, "min"), out.min);
    out.base_max = read_count(json_get(base, "max"), out.max);
    out.flags = (uint16_t)(out.flags | (json_is(d->field[DRAFT_MUST_SUPPORT], JSON_TRUE) ? IMG_MUST_SUPPORT : 0) | (json_is(d->field[DRAFT_MODIFIER], JSON_TRUE) ? IMG_MODIFIER : 0)
                           | (json_is(d->field[DRAFT_SUMMARY], JSON_TRUE) ? IMG_SUMMARY : 0) | (xhtml ? IMG_XHTML : 0)
                           | (index > 0 && out.base_max != 1 ? IMG_ARRAY : 0));
    compile_slicing(c, d->field[DRAFT_SLICING], &out);
    compile_binding(c, d->field[DRAFT_BINDING], &out);
    w->out = out;
}

/* ---- counterparts ---- */

static const struct img_element *element_at(struct compile *c, img_id id)
{
    return id == 0 || id > build_count(&c->build, IMG_ELEMENTS) ? NULL : build_at(&c->build, IMG_ELEMENTS, id);
}

static img_id root_of_type(struct compile *c, struct img_run types)
{
    const struct img_type *type = types.count == 1 ? build_at(&c->build, IMG_TYPES, types.first + 1) : NULL;

    return type == NULL || type->profile_of_code == 0 ? 0 : c->definition[type->profile_of_code - 1].root;
}

/* The element of the base types whose children are the counterparts of the twig's children. */
static const struct img_element *holder_of(struct compile *c, const struct twig *w)
{
    const struct img_element *el = element_at(c, w->out.counterpart);

    for (int hops = 0; el != NULL && hops < REFERENCE_HOPS; hops++) {
        if (el->children.count > 0)
            return el;
        el = element_at(c, el->content_reference != 0 ? el->content_reference : root_of_type(c, w->out.types.count == 1 ? w->out.types : el->types));
    }
    return NULL;
}

static img_id child_named(struct compile *c, const struct img_element *holder, img_str name)
{
    const uint32_t *children = (const uint32_t *)(const void *)c->build.table[IMG_CHILDREN].data;

    for (uint32_t i = 0; holder != NULL && i < holder->children.count; i++)
        if (element_at(c, children[holder->children.first + i])->name == name)
            return children[holder->children.first + i];
    return 0;
}

/* "valueQuantity" in the path of a profile stands for "value[x]" with this type. */
static img_id child_spelt(struct compile *c, const struct img_element *holder, img_str name)
{
    const struct img_member *members = (const struct img_member *)(const void *)c->build.table[IMG_MEMBERS].data;

    for (uint32_t i = 0; holder != NULL && i < holder->members.count; i++)
        if (members[holder->members.first + i].name == name)
            return members[holder->members.first + i].element;
    return 0;
}

static void find_counterpart(struct tree *t, uint32_t index)
{
    struct twig *w = &t->twig[index], *up = twig_at(t, w->parent);
    const struct img_element *holder;

    if (t->d->derivation != IMG_CONSTRAINT)
        return;
    if (up == NULL) {
        const struct definition *type = definition_of_type(t->c, t->d->type, strlen(t->d->type));

        w->out.counterpart = type != NULL && type->derivation != IMG_CONSTRAINT ? type->root : 0;
        return;
    }
    if (w->is_slice) {
        w->out.counterpart = up->out.counterpart;
        return;
    }
    holder = holder_of(t->c, up);
    w->out.counterpart = child_named(t->c, holder, w->out.name);
    if (w->out.counterpart == 0 && (w->out.counterpart = child_spelt(t->c, holder, w->out.name)) != 0) {
        w->out.name = element_at(t->c, w->out.counterpart)->name;
        w->out.flags |= IMG_CHOICE;
    }
}

/* A snapshot that was made here need not repeat what the base definition says. */
static void inherit_base(struct tree *t, uint32_t index)
{
    struct twig *w = &t->twig[index];
    const struct img_element *counterpart = element_at(t->c, w->out.counterpart);

    if (w->draft->field[DRAFT_BASE] != NULL || counterpart == NULL)
        return;
    w->out.base_min = counterpart->base_min;
    w->out.base_max = counterpart->base_max;
    w->out.flags = (uint16_t)((w->out.flags & ~IMG_ARRAY) | (index > 0 && w->out.base_max != 1 ? IMG_ARRAY : 0));
}

/* "#Bundle.link" or "http://.../Bundle#Bundle.link": the element with this id in the same definition, else where the counterpart leads. */
static void find_reference(struct tree *t, uint32_t index)
{
    struct twig *w = &t->twig[index];
    struct bytes text = node_text(w->draft->field[DRAFT_CONTENT_REFERENCE]);
    const char *hash = text.data != NULL ? memchr(text.data, '#', text.len) : NULL;
    const struct img_element *counterpart = element_at(t->c, w->out.counterpart);
    size_t len;

    if (hash == NULL)
        return;
    len = text.len - (size_t)(hash + 1 - text.data);
    for (uint32_t i = 0; i < t->count; i++)
        if (strlen(t->twig[i].draft->id) == len && memcmp(t->twig[i].draft->id, hash + 1, len) == 0) {
            w->out.content_reference = t->first + i;
            return;
        }
    if (counterpart != NULL)
        w->out.content_reference = counterpart->content_reference;
}

/* ---- invariants ---- */

static uint8_t native_of(const struct json_node *key, const struct json_node *expression)
{
    if (json_equals(key, "dom-3"))
        return IMG_NATIVE_DOM_3;
    if (json_equals(expression, "hasValue() or (children().count() > id.count())"))
        return IMG_NATIVE_ELE_1;
    return json_equals(expression, "extension.exists() != value.exists()") ? IMG_NATIVE_EXT_1 : IMG_NATIVE_NONE;
}

static uint8_t shortcut_of(const struct json_node *expression)
{
    static const struct { const char *expression; uint8_t shortcut; } known[] = {
        { "reference.startsWith('#').not() or (reference.substring(1).trace('url') in %rootResource.contained.id.trace('ids'))", IMG_SHORT_REFERENCE },
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (json_equals(expression, known[i].expression))
            return known[i].shortcut;
    return IMG_SHORT_NONE;
}

static bool best_practice(const struct json_node *constraint)
{
    const struct json_node *list = json_get(constraint, "extension");

    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next)
        if (json_equals(json_get(n, "url"), BEST_PRACTICE_EXTENSION) && json_is(json_get(n, "valueBoolean"), JSON_TRUE))
            return true;
    return false;
}

static img_str number_of(void *self, const char *name, size_t len)
{
    struct compile *c = self;

    return build_str(&c->build, name, len);
}

static img_id type_of(void *self, const char *name, size_t len)
{
    const struct definition *type = definition_of_type(self, name, len);

    return type != NULL ? type->id : 0;
}

/* The expression as a program; none when it does not compile: the engine says so where it would be evaluated. */
static void compile_program(struct compile *c, const struct json_node *node, struct img_constraint *fresh)
{
    static const char padding[IMAGE_ALIGN];
    static const struct fhirpath_names names = { number_of, type_of };
    struct bytes text = amend_expression(node_text(json_get(node, "expression"))), key = node_text(json_get(node, "key"));
    struct buf *programs = &c->build.table[IMG_PROGRAMS], program;
    char what[96];

    buf_init(&program, FHIRPATH_PROGRAM_MAX);
    if (text.len > 0 && fhirpath_compile(text.data, text.len, &program, NULL) == 0) {
        fhirpath_link(program.data, &names, c);
        fresh->program = (uint32_t)programs->len;
        fresh->program_len = (uint32_t)program.len;
        _Static_assert(sizeof fresh->unless == FHIRPATH_UNLESS * sizeof *fresh->unless, "room for all");
        fhirpath_unless(program.data, fresh->unless);
        if (buf_add(programs, program.data, program.len) < 0 || buf_add(programs, padding, (IMAGE_ALIGN - programs->len % IMAGE_ALIGN) % IMAGE_ALIGN) < 0)
            build_fail(&c->build, programs->failed);
    } else if (text.len > 0) {
        snprintf(what, sizeof what, "the expression of %.*s does not compile", (int)(key.len < 40 ? key.len : 40), key.data);
        set_note(c->set, "FHIRPath", "invariant", what);
    }
    buf_free(&program);
}

static img_id constraint_add(struct compile *c, const struct json_node *node, struct img_constraint *fresh)
{
    fresh->source = node_str(&c->build, json_get(node, "source"));
    fresh->human = node_str(&c->build, json_get(node, "human"));
    fresh->native = native_of(json_get(node, "key"), json_get(node, "expression"));
    fresh->shortcut = shortcut_of(json_get(node, "expression"));
    compile_program(c, node, fresh);
    return build_add(&c->build, IMG_CONSTRAINTS, fresh);
}

/* The constraint in the image; equal key, expression and severity are one. */
static img_id constraint_id(struct compile *c, const struct json_node *node)
{
    struct img_constraint fresh = {
        .key = node_str(&c->build, json_get(node, "key")), .expression = node_str(&c->build, json_get(node, "expression")),
        .warning = json_equals(json_get(node, "severity"), "warning"), .best_practice = best_practice(node)
    };
    uint32_t hash = fresh.key * 31 + fresh.expression * 7 + fresh.warning * 2u + fresh.best_practice, at;

    if (c->constraint_slot == NULL)
        c->constraint_slot = calloc(CONSTRAINTS_MAX * 2, sizeof *c->constraint_slot);
    if (c->constraint_slot == NULL || build_count(&c->build, IMG_CONSTRAINTS) >= CONSTRAINTS_MAX) {
        build_fail(&c->build, c->constraint_slot == NULL ? ERR_NOMEM : ERR_LIMIT);
        return 0;
    }
    if (fresh.key == 0)
        return 0;
    for (at = (hash ^ hash >> 13) & (CONSTRAINTS_MAX * 2 - 1); c->constraint_slot[at] != 0; at = (at + 1) & (CONSTRAINTS_MAX * 2 - 1)) {
        const struct img_constraint *seen = build_at(&c->build, IMG_CONSTRAINTS, c->constraint_slot[at]);

        if (seen->key == fresh.key && seen->expression == fresh.expression && seen->warning == fresh.warning && seen->best_practice == fresh.best_practice)
            return c->constraint_slot[at];
    }
    c->constraint_slot[at] = constraint_add(c, node, &fresh);
    return c->constraint_slot[at];
}

static bool element_has(struct compile *c, const struct img_element *el, img_id constraint)
{
    const uint32_t *links = (const uint32_t *)(const void *)c->build.table[IMG_LINKS].data;

    for (uint32_t i = 0; el != NULL && i < el->constraints.count; i++)
        if (links[el->constraints.first + i] == constraint)
            return true;
    return false;
}

/* Is the invariant one of the counterpart or of the type, which the walk of the base types checks? */
static bool inherited(struct tree *t, const struct twig *w, img_id constraint)
{
    if (t->d->derivation != IMG_CONSTRAINT)
        return false;
    return element_has(t->c, element_at(t->c, w->out.counterpart), constraint) || element_has(t->c, element_at(t->c, root_of_type(t->c, w->out.types)), constraint);
}

static void compile_constraints(struct tree *t, uint32_t index)
{
    struct twig *w = &t->twig[index];
    uint32_t link[CONSTRAINTS_OF_ONE];
    size_t count = 0;

    for (size_t i = 0; i < w->draft->constraint_count && count < CONSTRAINTS_OF_ONE; i++) {
        img_id id = constraint_id(t->c, w->draft->constraint[i]);

        const struct img_constraint *c = id != 0 ? build_at(&t->c->build, IMG_CONSTRAINTS, id) : NULL;

        if (c == NULL || inherited(t, w, id))
            continue;
        link[count++] = id;
        if (!c->best_practice && c->native == IMG_NATIVE_NONE && c->expression != 0)
            w->out.flags |= IMG_INVARIANTS;
    }
    w->out.constraints = build_run(&t->c->build, IMG_LINKS, link, count, true);
}

/* ---- what it adds ---- */

static bool same_links(struct compile *c, struct img_run a, struct img_run b)
{
    const uint32_t *links = (const uint32_t *)(const void *)c->build.table[IMG_LINKS].data;

    return a.count == b.count && (a.first == b.first || memcmp(links + a.first, links + b.first, a.count * sizeof *links) == 0);
}

static bool same_type(struct compile *c, const struct img_type *a, const struct img_type *b)
{
    return a->code == b->code && same_links(c, a->profiles, b->profiles) && same_links(c, a->targets, b->targets) && a->contained == b->contained
        && a->referenced == b->referenced && a->bundled == b->bundled && a->version_rule == b->version_rule;
}

static bool same_types(struct compile *c, struct img_run a, struct img_run b)
{
    const struct img_type *types = (const struct img_type *)(const void *)c->build.table[IMG_TYPES].data;

    for (uint32_t i = 0; i < a.count && a.count == b.count; i++)
        if (!same_type(c, &types[a.first + i], &types[b.first + i]))
            return false;
    return a.count == b.count;
}

static uint16_t additions(struct compile *c, const struct img_element *el, const struct img_element *base)
{
    static const struct img_element nothing = { .max = IMG_MANY, .base_max = IMG_MANY };
    unsigned adds = 0;

    if (base == NULL)
        base = &nothing;
    adds |= el->min > base->min ? IMG_ADDS_MIN : 0;
    adds |= el->max < base->max ? IMG_ADDS_MAX : 0;
    adds |= !same_types(c, el->types, base->types) ? IMG_ADDS_TYPES : 0;
    adds |= el->binding != 0 && (el->binding != base->binding || el->binding_strength != base->binding_strength) ? IMG_ADDS_BINDING : 0;
    adds |= el->fixed != 0 || el->pattern != 0 || (el->min_value != 0 && base->min_value == 0) || (el->max_value != 0 && base->max_value == 0)
            || (el->max_length != 0 && el->max_length != base->max_length) ? IMG_ADDS_VALUE : 0;
    adds |= el->constraints.count > 0 ? IMG_ADDS_CONSTRAINTS : 0;
    adds |= el->slices.count > 0 || (el->has_slicing && el->slicing_rules == IMG_CLOSED) ? IMG_ADDS_SLICING : 0;
    adds |= (el->flags & ~base->flags & IMG_MUST_SUPPORT) != 0 ? IMG_ADDS_MUST_SUPPORT : 0;
    return (uint16_t)adds;
}

/* ---- JSON members ---- */

struct spelt { const char *text; struct img_member member; };

static int compare_spelt(const void *left, const void *right)
{
    return strcmp(((const struct spelt *)left)->text, ((const struct spelt *)right)->text);
}

static size_t spell(struct tree *t, const struct twig *child, img_str name, uint32_t type, struct spelt *list, size_t count)
{
    img_id element = t->first + (img_id)(child - t->twig);

    for (size_t i = 0; i < count; i++)
        if (list[i].member.name == name)
            return count;
    if (count < MEMBERS_MAX && name != 0)
        list[count++] = (struct spelt){ NULL, { name, element, type } };
    return count;
}

static uint32_t type_index(struct compile *c, struct img_run types, img_str code)
{
    for (uint32_t i = 0; i < types.count; i++)
        if (((const struct img_type *)build_at(&c->build, IMG_TYPES, types.first + i + 1))->code == code)
            return i + 1;
    return 0;
}

/* "value" and "dateTime" make "valueDateTime". */
static img_str choice_name(struct compile *c, img_str name, img_str code)
{
    struct bytes stem = build_bytes(&c->build, name), type = build_bytes(&c->build, code);
    char text[256];

    if (stem.len + type.len >= sizeof text || type.len == 0)
        return 0;
    memcpy(text, stem.data, stem.len);
    memcpy(text + stem.len, type.data, type.len);
    if (text[stem.len] >= 'a' && text[stem.len] <= 'z')
        text[stem.len] = (char)(text[stem.len] - 'a' + 'A');
    return build_str(&c->build, text, stem.len + type.len);
}

static size_t spell_choice(struct tree *t, const struct twig *child, struct img_run types, struct spelt *list, size_t count)
{
    for (uint32_t i = 0; i < types.count; i++) {
        img_str code = ((const struct img_type *)build_at(&t->c->build, IMG_TYPES, types.first + i + 1))->code;

        count = spell(t, child, choice_name(t->c, child->out.name, code), type_index(t->c, child->out.types, code), list, count);
    }
    return count;
}

/* The value of a primitive is no member of its own in JSON. */
static bool is_primitive_value(const struct tree *t, const struct twig *child)
{
    return t->d->kind == IMG_PRIMITIVE && child->parent == 1 && strcmp(strrchr(child->draft->path, '.'), ".value") == 0;
}

static void compile_json_members(struct tree *t, struct twig *w)
{
    struct spelt *list = w->children == 0 ? NULL : malloc(MEMBERS_MAX * sizeof *list);
    struct img_member *members = w->children == 0 ? NULL : malloc(MEMBERS_MAX * sizeof *members);
    size_t count = 0;

    if (w->children > 0 && (list == NULL || members == NULL))
        build_fail(&t->c->build, ERR_NOMEM);
    for (uint32_t k = t->c->build.failed != 0 ? 0 : w->first_child; k != 0; k = twig_at(t, k)->next_child) {
        const struct twig *child = twig_at(t, k);
        const struct img_element *base = element_at(t->c, child->out.counterpart);

        if (is_primitive_value(t, child))
            continue;
        if ((child->out.flags & IMG_CHOICE) == 0) {
            count = spell(t, child, child->out.name, 0, list, count);
            continue;
        }
        count = spell_choice(t, child, child->out.types, list, count);
        if (base != NULL)
            count = spell_choice(t, child, base->types, list, count);
    }
    for (size_t i = 0; i < count; i++)
        list[i].text = build_bytes(&t->c->build, list[i].member.name).data;
    if (count > 0)
        qsort(list, count, sizeof *list, compare_spelt);
    for (size_t i = 0; i < count; i++)
        members[i] = list[i].member;
    w->out.members = build_run(&t->c->build, IMG_MEMBERS, members, count, false);
    free(members);
    free(list);
}

static struct img_run compile_family(struct tree *t, uint32_t first, bool slices)
{
    struct img_run run = { build_count(&t->c->build, IMG_CHILDREN), 0 };

    for (uint32_t k = first; k != 0; k = slices ? twig_at(t, k)->next_slice : twig_at(t, k)->next_child) {
        img_id id = t->first + k - 1;

        run.count += build_add(&t->c->build, IMG_CHILDREN, &id) != 0;
    }
    return run;
}

void elements_compile(struct compile *c, struct definition *d)
{
    struct tree t = { .c = c, .d = d, .first = build_count(&c->build, IMG_ELEMENTS) + 1 };

    t.twig = d->count == 0 ? NULL : calloc(d->count, sizeof *t.twig);
    if (d->count > 0 && t.twig == NULL)
        build_fail(&c->build, ERR_NOMEM);
    if (t.twig == NULL || !grow(&t)) {
        free(t.twig);
        return;
    }
    for (uint32_t i = 0; i < t.count && c->build.failed == 0; i++) {
        struct twig *w = &t.twig[i];

        compile_members(&t, i);
        find_counterpart(&t, i);
        inherit_base(&t, i);
        find_reference(&t, i);
        compile_constraints(&t, i);
        w->out.children = compile_family(&t, w->first_child, false);
        w->out.slices = compile_family(&t, w->first_slice, true);
    }
    for (uint32_t i = t.count; i-- > 0 && c->build.failed == 0;) {
        struct twig *w = &t.twig[i], *up = twig_at(&t, w->parent);

        compile_json_members(&t, w);
        w->out.adds = (uint16_t)(w->out.adds | additions(c, &w->out, element_at(c, w->out.counterpart)));
        if (up != NULL && w->out.adds != 0)
            up->out.adds |= IMG_ADDS_BELOW;
    }
    for (uint32_t i = 0; i < t.count; i++)
        build_add(&c->build, IMG_ELEMENTS, &t.twig[i].out);
    d->root = c->build.failed == 0 ? t.first : 0;
    free(t.twig);
}
