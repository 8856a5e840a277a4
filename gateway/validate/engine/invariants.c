/*
 * NAME
 *     invariants - the constraints of an element: FHIRPath, and two that are answered without it
 *
 * DESCRIPTION
 *     Every element carries ele-1, every extension ext-1; they are answered from the list of children. Constraints that the reference does not run either are
 *     left out: best practice, and dom-3, which references.c answers. What the hooks of an expression ask (resolve, memberOf, conformsTo,
 *     htmlChecks) is answered by the engine.
 *
 * DIAGNOSTICS
 *     An expression that did not compile or that fails is an issue (EXPRESSION), never a pass.
 */
#include <string.h>

#include "validate/engine/walk.h"

enum { PATH_ARENA_KEEP = 64 << 10 };

/* ---- hooks ---- */

static bool hook_resolve(void *self, const struct fhirpath_item *from, struct bytes reference, struct fhirpath_item *ret_item)
{
    struct engine *e = self;
    struct reference_target target = references_find(e, from->resource, reference);

    if (target.resource == NULL)
        return false;
    *ret_item = fhirpath_resource_of(&e->path_env, target.resource);
    return true;
}

static struct bytes text_of(const struct json_node *node)
{
    return node != NULL && node->type == JSON_STRING ? (struct bytes){ node->text, node->len } : (struct bytes){ NULL, 0 };
}

static struct terms_coding coding_of(const struct json_node *node)
{
    struct terms_coding coding = { .system_inferred = false };

    coding.system = text_of(json_get(node, "system"));
    coding.version = text_of(json_get(node, "version"));
    coding.code = text_of(json_get(node, "code"));
    coding.display = text_of(json_get(node, "display"));
    return coding;
}

/* A code, a Coding, or any coding of a CodeableConcept in the value set. */
static enum terms_answer in_value_set(const struct engine *e, const struct fhirpath_item *coded, struct bytes value_set)
{
    const struct json_node *list;
    enum terms_answer answer, any = TERMS_NO;
    struct terms_coding coding = { .system_inferred = true };

    if (coded->kind != FHIRPATH_NODE || coded->node == NULL || coded->node->type != JSON_OBJECT) {
        if (!fhirpath_text(coded, &coding.code))
            return TERMS_NO;
        return terms_in_value_set(&e->terms, value_set.data, value_set.len, &coding, NULL);
    }
    list = json_get(coded->node, "coding");
    if (list == NULL) {
        coding = coding_of(coded->node);
        return terms_in_value_set(&e->terms, value_set.data, value_set.len, &coding, NULL);
    }
    for (const struct json_node *n = list->child; n != NULL && any != TERMS_YES; n = n->next) {
        coding = coding_of(n);
        answer = terms_in_value_set(&e->terms, value_set.data, value_set.len, &coding, NULL);
        any = answer == TERMS_NO ? any : answer;
    }
    return any;
}

static int hook_member_of(void *self, const struct fhirpath_item *coded, struct bytes value_set, enum fhirpath_answer *ret, struct err *e)
{
    enum terms_answer answer = in_value_set(self, coded, value_set);

    (void)e;
    *ret = answer == TERMS_YES ? FHIRPATH_YES : answer == TERMS_NO ? FHIRPATH_NO : FHIRPATH_EMPTY;
    return 0;
}

static int hook_conforms_to(void *self, const struct fhirpath_item *item, struct bytes profile, enum fhirpath_answer *ret, struct err *e)
{
    struct engine *engine = self;
    img_id id = image_find_profile(engine->image, profile.data, profile.len);

    (void)e;
    if (id == 0 || item->kind != FHIRPATH_NODE || item->node == NULL || item->node != item->resource)
        *ret = FHIRPATH_EMPTY;
    else
        *ret = engine_conforms(engine, item->node, id) ? FHIRPATH_YES : FHIRPATH_NO;
    return 0;
}

static int hook_html_checks(void *self, const struct fhirpath_item *div, enum fhirpath_answer *ret, struct err *e)
{
    struct engine *engine = self;
    struct engine_walk *w = engine->walk;
    struct bytes text;

    (void)e;
    if (div->node == NULL || div->node != w->html) {
        w->html = div->node;
        w->html_fine = fhirpath_text(div, &text) && xhtml_fine(text);
    }
    *ret = w->html_fine ? FHIRPATH_YES : FHIRPATH_NO;
    return 0;
}

static int hook_subsumes(void *self, const struct fhirpath_item *a, const struct fhirpath_item *b, enum fhirpath_answer *ret, struct err *e)
{
    const struct engine *engine = self;
    struct terms_coding left, right;
    enum terms_answer answer;

    (void)e;
    if (a->kind != FHIRPATH_NODE || b->kind != FHIRPATH_NODE || a->node == NULL || b->node == NULL) {
        *ret = FHIRPATH_EMPTY;
        return 0;
    }
    left = coding_of(a->node);
    right = coding_of(b->node);
    answer = terms_subsumes(&engine->terms, &left, &right);
    *ret = answer == TERMS_YES ? FHIRPATH_YES : answer == TERMS_NO ? FHIRPATH_NO : FHIRPATH_EMPTY;
    return 0;
}

const struct fhirpath_hooks invariant_hooks = { hook_resolve, hook_member_of, hook_conforms_to, hook_html_checks, hook_subsumes };

/* ---- constraints ---- */

static bool left_out(const struct engine *e, const struct img_constraint *c)
{
    return c->best_practice || c->native != IMG_NATIVE_NONE || c->expression == 0 || (e->trial > 0 && c->warning);
}

/* Answers what is plain to see; false = evaluate it. */
static bool holds_at_sight(const struct engine *e, const struct place *at, const struct img_constraint *c)
{
    const struct json_node *reference;
    const struct known *known;

    if ((c->unless[0] == 0 && c->shortcut == IMG_SHORT_NONE) || !json_is(at->node, JSON_OBJECT))
        return false;
    known = document_known(&e->document, at->node);
    for (size_t i = 0; i < sizeof c->unless / sizeof *c->unless; i++)
        if (known->read && c->unless[i] != 0 && (known->names & c->unless[i]) == 0)
            return true;
    if (c->shortcut == IMG_SHORT_NONE)
        return false;
    reference = json_get(at->node, "reference");
    return json_is(reference, JSON_STRING) && reference->len > 0 && reference->text[0] != '#';
}

static void run_constraint(struct engine *e, const struct place *at, const struct img_constraint *c)
{
    struct engine_walk *w = e->walk;
    struct fhirpath_item focus = engine_item(at);
    bool holds = false;
    int code = ERR_UNSUPPORTED;

    w->path_depth++;
    if (c->program != 0)
        code = fhirpath_test(e->image->base + c->program, c->program_len, &e->path_env, &focus, &holds, NULL);
    w->path_depth--;
    if (w->path_depth == 0 && arena_used(e->session->path_arena) > PATH_ARENA_KEEP)
        arena_reset(e->session->path_arena);
    if (code == ERR_NOMEM)
        e->failed = true;
    else if (code < 0)
        engine_report(e, at, NULL, MSG_ERROR, MSG_VALIDATE_EXPRESSION, image_text(e->image, c->key), c->source != 0 ? image_text(e->image, c->source) : NULL, image_text(e->image, c->key), image_text(e->image, c->expression));
    else if (!holds)
        sentence_report(e, at, c);
}

static void run_constraints(struct engine *e, const struct place *at, const struct img_element *def)
{
    const struct image *image = e->image;

    if ((def->flags & IMG_INVARIANTS) == 0)
        return;
    for (uint32_t i = 0; i < def->constraints.count && !e->failed; i++) {
        const struct img_constraint *c = image_constraint(image, image->links[def->constraints.first + i]);
        if (!left_out(e, c) && !holds_at_sight(e, at, c))
            run_constraint(e, at, c);
    }
}

void invariants_run(struct engine *e, const struct place *at, const struct img_element *def)
{
    run_constraints(e, at, def);
    if (def->content_reference != 0)   /* a section within a section keeps the rules of sections */
        run_constraints(e, at, image_element(e->image, def->content_reference));
}

/* ---- the two that every element carries ---- */

static const struct img_constraint *native_of(const struct image *image, const struct img_element *def, enum img_native native)
{
    for (uint32_t i = 0; def != NULL && i < def->constraints.count; i++) {
        const struct img_constraint *c = image_constraint(image, image->links[def->constraints.first + i]);
        if (c->native == native)
            return c;
    }
    return NULL;
}

/* Only an id. What is empty, or holds nothing that the type knows, is reported when it is listed. */
static bool has_only_id(const struct place *at, const struct json_node *object, bool id)
{
    bool value = at->node != NULL && at->node->type != JSON_OBJECT && !(at->node->type == JSON_STRING && at->node->len == 0);

    return id && !value && object != NULL && object->count == 1;
}

/* An object in which the reader of the HL7 core finds nothing to keep. */
static bool is_hollow(const struct engine *e, const struct item *item)
{
    struct fhirpath_item path = { .kind = FHIRPATH_NODE, .node = item->node, .element = item->member->element, .type = image_member_type(e->image, item->member, NULL) };

    return fhirpath_is_hollow(&e->path_env, &path);
}

void invariants_native(struct engine *e, const struct place *at, const struct img_element *body, uint32_t first_group)
{
    const struct engine_walk *w = e->walk;
    const struct json_node *holder = at->node != NULL && at->node->type == JSON_OBJECT ? at->node : at->companion;
    const struct img_constraint *c;
    bool id = false, value = false, extension = false, is_extension = body->name == w->name.extension && body->parent == 0;

    for (uint32_t g = first_group; g < w->group_count; g++) {
        img_str name = w->groups[g].count > 0 ? w->groups[g].element->name : 0;
        id |= name == w->name.id;
        value |= is_extension && name == w->name.value && !is_hollow(e, &w->items[w->groups[g].first]);
        extension |= name == w->name.child_extension;
    }
    if (id && at->resource != at)
        ids_note(e, at, holder);
    if ((w->service || at->node == NULL) && at->resource != at && has_only_id(at, holder, id)) {   /* of objects the HL7 core lets it pass */
        c = native_of(e->image, image_element(e->image, at->element), IMG_NATIVE_ELE_1);
        if (c == NULL)
            c = native_of(e->image, body, IMG_NATIVE_ELE_1);
        if (c == NULL && at->type != 0)
            c = native_of(e->image, image_element(e->image, image_profile(e->image, at->type)->root), IMG_NATIVE_ELE_1);
        if (c != NULL)
            sentence_report(e, at, c);
    }
    if (is_extension && value == extension) {
        c = native_of(e->image, body, IMG_NATIVE_EXT_1);
        if (c != NULL)
            sentence_report(e, at, c);
    }
}
