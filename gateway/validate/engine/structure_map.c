/*
 * NAME
 *     structure_map - what a StructureMap says of itself: names, inputs, variables, paths, groups
 *
 * DESCRIPTION
 *     A group has inputs, a rule adds variables from its sources and targets, and the rules and groups below it may use them. Variables are a list that grows at its head,
 *     so that a rule's own ones are forgotten when it is left. Each knows its element where the types of the inputs are given; then paths are looked up, too. A group whose inputs
 *     have no types is looked at after somebody has called it, with the types of that call.
 *     Maps that are imported are not known here: their groups count as missing, as with the HL7 reference when it has not loaded them. What a transform that the reference
 *     does not know would want is not checked.
 *
 * DIAGNOSTICS
 *     VALIDATE_MAP_NAME, _MAP_TWICE, _MAP_MODE, _MAP_VARIABLE, _MAP_GROUP, _MAP_PATH, _MAP_TYPE, _MAP_PARAMETERS, VALIDATE_FHIRPATH.
 */
#include "validate/engine/defining.h"

/* What the mapping language calls when no group is named: found by types, among the imported maps. */
#define DEFAULT_GROUP "DefaultMappingGroupAnonymousAlias"

struct variable {
    const struct variable *older;
    struct bytes name, mode, type;      /* type: narrows the element's types; data NULL = not given */
    img_id element;                     /* 0 = not known */
};

struct map_group { const struct json_node *node; bool typed, done, called; const struct variable *parameters; };

struct map {
    struct engine *e;
    const struct place *at;
    struct map_group *groups;
    uint32_t count;
};

static const struct bytes none = { NULL, 0 };

static bool name_fine(struct bytes name)
{
    bool fine = name.len > 0;

    for (size_t i = 0; fine && i < name.len; i++) {
        char c = name.data[i];
        fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (i > 0 && c >= '0' && c <= '9');
    }
    return fine;
}

static bool check_name(const struct map *m, const struct place *at, struct bytes name)
{
    bool fine = name_fine(name);

    if (!fine)
        defining_report(m->e, at, MSG_VALIDATE_MAP_NAME, name.data != NULL ? name : defining_text(""), none);
    return fine;
}

/* ---- variables ---- */

static bool is_source(struct bytes mode)
{
    return mode.data != NULL && format_is(mode, "source");
}

static struct variable *add_variable(const struct map *m, const struct variable **scope, struct bytes name, struct bytes mode)
{
    struct variable *v = arena_alloc(m->e->arena, sizeof *v);

    if (v == NULL) {
        m->e->failed = true;
        return NULL;
    }
    *v = (struct variable){ .older = *scope, .name = name, .mode = mode };
    *scope = v;
    return v;
}

static const struct variable *find_variable(const struct map *m, const struct variable *scope, struct bytes name, bool source)
{
    for (; scope != NULL && defining_spend(m->e, m->at); scope = scope->older)
        if (is_source(scope->mode) == source && defining_same(scope->name, name))
            return scope;
    return NULL;
}

/* A target may be read, too. */
static const struct variable *find_either(const struct map *m, const struct variable *scope, struct bytes name, bool source)
{
    const struct variable *v = find_variable(m, scope, name, source);

    return v != NULL ? v : find_variable(m, scope, name, !source);
}

/* ---- types and elements ---- */

static img_id type_of(const struct map *m, struct bytes name)
{
    return name.data == NULL ? 0 : memchr(name.data, ':', name.len) != NULL ? image_find_profile(m->e->image, name.data, name.len) : image_find_type(m->e->image, name.data, name.len);
}

static const struct json_node *find_structure(const struct map *m, struct bytes alias)
{
    for (struct defining_list s = defining_first(m->at->node, "structure"); s.node != NULL && defining_spend(m->e, m->at); defining_next(&s))
        if (defining_same(format_member(s.node, "alias"), alias))
            return s.node;
    return NULL;
}

static bool is_type(const struct map *m, const struct img_type *type, struct bytes name)
{
    const struct img_profile *profile = image_profile(m->e->image, type->profile_of_code);

    return defining_same(image_bytes(m->e->image, type->code), name) || (profile != NULL && (defining_same(image_bytes(m->e->image, profile->type), name) || defining_same(image_bytes(m->e->image, profile->url), name)));
}

static const struct img_element *child_of(const struct image *image, const struct img_element *parent, struct bytes name)
{
    for (uint32_t i = 0; parent != NULL && i < parent->children.count; i++) {
        const struct img_element *child = image_element(image, image->children[parent->children.first + i]);
        if (defining_same(image_bytes(image, child->name), name))
            return child;
    }
    return NULL;
}

/* The elements of this name below the variable's: in its own definition, or in those of its types. How many there are, *ret_element the first. */
static size_t find_elements(const struct map *m, const struct variable *v, struct bytes name, img_id *ret_element)
{
    const struct image *image = m->e->image;
    const struct img_element *element = image_element(image, v->element), *found = NULL;
    size_t count = 0;

    if (element->content_reference != 0)
        element = image_element(image, element->content_reference);
    if (element->children.count > 0) {
        found = child_of(image, element, name);
        count = found == NULL ? 0 : found->slices.count > 0 ? 2 : 1;
    }
    for (uint32_t i = 0; element->children.count == 0 && i < element->types.count; i++) {
        const struct img_type *type = &image->types[element->types.first + i];
        const struct img_profile *profile = image_profile(image, type->profile_of_code);
        const struct img_element *child = profile == NULL || (v->type.data != NULL && !is_type(m, type, v->type)) ? NULL : child_of(image, image_element(image, profile->root), name);

        count += child != NULL;
        found = found == NULL ? child : found;
    }
    if (found != NULL)
        *ret_element = (img_id)(found - image->elements) + 1;
    return count;
}

static bool element_has_type(const struct map *m, img_id id, struct bytes name)
{
    const struct img_element *element = image_element(m->e->image, id);

    for (uint32_t i = 0; i < element->types.count; i++)
        if (is_type(m, &m->e->image->types[element->types.first + i], name))
            return true;
    return false;
}

/* The type that a variable has for a group that it is handed to; data NULL when it may have several. */
static bool has_one_type(const struct map *m, const struct variable *v)
{
    const struct img_element *element = image_element(m->e->image, v->element);

    return v->type.data != NULL || (element != NULL && (element->parent == 0 || element->types.count == 1));
}

/* Does the variable fit an input of this type? */
static bool type_fits(const struct map *m, const struct variable *v, struct bytes wanted)
{
    const struct img_element *element = image_element(m->e->image, v->element);
    const struct img_profile *profile = element != NULL ? image_profile(m->e->image, element->profile) : NULL;
    img_id base = type_of(m, v->type), wanted_id = type_of(m, wanted);

    if (wanted.data == NULL || profile == NULL || defining_same(image_bytes(m->e->image, profile->url), wanted) || defining_same(image_bytes(m->e->image, profile->type), wanted)
        || defining_same(v->type, wanted) || element_has_type(m, v->element, wanted))
        return true;
    while (base != 0 && base != wanted_id)
        base = image_profile(m->e->image, base)->base;
    return wanted_id != 0 && base == wanted_id;
}

/* ---- groups ---- */

static struct map_group *find_group(const struct map *m, struct bytes name)
{
    for (uint32_t i = 0; i < m->count && defining_spend(m->e, m->at); i++)
        if (defining_same(format_member(m->groups[i].node, "name"), name))
            return &m->groups[i];
    return NULL;
}

static bool has_input_types(const struct json_node *group)
{
    for (struct defining_list i = defining_first(group, "input"); i.node != NULL; defining_next(&i))
        if (json_get(i.node, "type") == NULL)
            return false;
    return true;
}

/* The type that the input names, in full where a structure of the map has this alias. */
static struct bytes input_type(const struct map *m, const struct json_node *input)
{
    struct bytes type = format_member(input, "type");
    const struct json_node *structure = find_structure(m, type);

    return structure != NULL ? format_member(structure, "url") : type;
}

/* Is the input used as the structure of this alias may be? */
static bool mode_fits(struct bytes structure, struct bytes input)
{
    return structure.data == NULL || defining_same(structure, input) || (format_is(structure, "target") && format_is(input, "source"));
}

static void type_input(const struct map *m, const struct place *at, struct variable *v, const struct variable *handed)
{
    struct bytes type = format_member(at->node, "type");
    const struct json_node *structure = find_structure(m, type);
    const struct img_profile *profile = image_profile(m->e->image, type_of(m, structure != NULL ? format_member(structure, "url") : type));

    if (handed != NULL) {
        v->element = has_one_type(m, handed) ? handed->element : 0;
    } else if (type.data != NULL && structure == NULL && profile == NULL) {
        defining_report(m->e, at, MSG_VALIDATE_MAP_TYPE, type, v->name);
    } else if (structure != NULL && !mode_fits(format_member(structure, "mode"), v->mode)) {
        defining_report(m->e, at, MSG_VALIDATE_MAP_MODE, v->name, v->mode);
    } else if (profile != NULL) {
        v->element = profile->root;
    }
}

static void check_input(const struct map *m, const struct place *at, const struct variable *parameters, const struct variable **scope)
{
    struct bytes name = format_member(at->node, "name"), mode = format_member(at->node, "mode");
    struct variable *v;

    if (!check_name(m, at, name))
        return;
    if (find_either(m, *scope, name, true) != NULL) {
        defining_report(m->e, at, MSG_VALIDATE_MAP_TWICE, name, none);
        return;
    }
    v = add_variable(m, scope, name, mode);
    if (v == NULL)
        return;
    if (mode.data == NULL || !(format_is(mode, "source") || format_is(mode, "target")))
        defining_report(m->e, at, MSG_VALIDATE_MAP_MODE, name, mode.data != NULL ? mode : defining_text(""));
    else
        type_input(m, at, v, json_get(at->node, "type") == NULL ? find_either(m, parameters, name, is_source(mode)) : NULL);
}

/* ---- rules ---- */

/* A variable that the source or target names, already of the mode of what it comes from; NULL when it names none or wrongly. */
static struct variable *new_variable(const struct map *m, const struct place *at, const struct variable **scope, struct bytes mode)
{
    struct bytes name = format_member(at->node, "variable");

    return name.data != NULL && check_name(m, at, name) ? add_variable(m, scope, name, mode) : NULL;
}

static void check_source(const struct map *m, const struct place *at, const struct variable **scope)
{
    struct bytes context = format_member(at->node, "context"), element = format_member(at->node, "element"), type = format_member(at->node, "type");
    const struct variable *from;
    struct variable *v;
    img_id found = 0;
    size_t count;

    if (!check_name(m, at, context))
        return;
    from = find_variable(m, *scope, context, true);
    if (from == NULL) {
        defining_report(m->e, at, MSG_VALIDATE_MAP_VARIABLE, context, defining_text("source"));
        return;
    }
    if (from->element == 0) {   /* nothing is known of it: the name is taken as it is */
        if (json_get(at->node, "variable") != NULL)
            add_variable(m, scope, format_member(at->node, "variable"), from->mode);
        return;
    }
    v = new_variable(m, at, scope, from->mode);
    if (element.data == NULL) {
        if (v != NULL)
            v->element = from->element, v->type = from->type;
        return;
    }
    count = find_elements(m, from, element, &found);
    if (count == 0)
        defining_report(m->e, at, MSG_VALIDATE_MAP_PATH, context, element);
    else if (count == 1 && type.data != NULL && !element_has_type(m, found, type))
        defining_report(m->e, at, MSG_VALIDATE_MAP_TYPE, type, element);
    if (v != NULL && count == 1)
        v->element = found, v->type = type;
}

/* How many parameters a transform takes. The others are not checked. */
static const struct transform { const char *name; size_t min, max; } transforms[] = {
    { "create", 0, 1 }, { "copy", 0, 1 }, { "reference", 1, 1 }, { "evaluate", 1, 1 }, { "cc", 2, 3 }, { "append", 1, SIZE_MAX }, { "uuid", 0, 0 }, { "translate", 3, 3 },
};

/* The value of a parameter, of whatever type. */
static const struct json_node *value_of(const struct json_node *parameter)
{
    for (const struct json_node *n = parameter != NULL ? parameter->child : NULL; n != NULL; n = n->next)
        if (n->key_len > 5 && memcmp(n->key, "value", 5) == 0)
            return n;
    return NULL;
}

static void check_translate(const struct map *m, const struct place *at, const struct variable *scope)
{
    static const char *const results[] = { "code", "system", "display", "Coding", "CodeableConcept" };
    struct defining_list p = defining_first(at->node, "parameter");
    struct bytes source = format_member(p.node, "valueId"), result;
    const struct json_node *value;
    bool known = false;

    if (source.data != NULL && find_variable(m, scope, source, true) == NULL)
        defining_report(m->e, at, MSG_VALIDATE_MAP_VARIABLE, source, defining_text("source"));
    for (int i = 0; i < 2; i++) {
        if (value_of(p.node) == NULL)
            defining_report(m->e, at, MSG_VALIDATE_MAP_PARAMETERS, defining_text("translate"), none);
        if (p.node != NULL)
            defining_next(&p);
    }
    value = value_of(p.node);
    result = json_is(value, JSON_STRING) ? (struct bytes){ value->text, value->len } : none;
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        known |= result.data != NULL && format_is(result, results[i]);
    if (value != NULL && !known)
        defining_report(m->e, at, MSG_VALIDATE_MAP_PARAMETERS, defining_text("translate"), result);
}

static void check_transform(const struct map *m, const struct place *at, const struct variable *scope)
{
    struct bytes name = format_member(at->node, "transform"), expression;
    size_t count = defining_count(at->node, "parameter");
    const char *why = "";

    if (name.data == NULL && count > 0)
        defining_report(m->e, at, MSG_VALIDATE_MAP_PARAMETERS, defining_text("create"), none);
    for (size_t i = 0; name.data != NULL && i < sizeof transforms / sizeof *transforms; i++)
        if (format_is(name, transforms[i].name) && (count < transforms[i].min || count > transforms[i].max))
            defining_report(m->e, at, MSG_VALIDATE_MAP_PARAMETERS, name, none);
    if (name.data == NULL)
        return;
    if (format_is(name, "evaluate") && count == 1 && value_of(defining_first(at->node, "parameter").node) == NULL)
        defining_report(m->e, at, MSG_VALIDATE_MAP_PARAMETERS, name, none);
    expression = format_is(name, "evaluate") && count == 1 ? format_member(defining_first(at->node, "parameter").node, "valueString") : none;
    if (expression.data != NULL && !defining_is_fhirpath(m->e, expression, &why))
        defining_report(m->e, at, MSG_VALIDATE_FHIRPATH, expression, defining_text(why));
    if (format_is(name, "translate"))
        check_translate(m, at, scope);
}

/* The type that the target's variable is known to have after the transform. */
static void type_target(const struct map *m, const struct json_node *target, struct variable *v, img_id element)
{
    struct bytes transform = format_member(target, "transform"), type;
    const struct json_node *structure;
    const struct img_profile *profile;

    v->element = element;
    if (transform.data == NULL || !format_is(transform, "create") || defining_count(target, "parameter") != 1)
        return;
    type = format_member(defining_first(target, "parameter").node, "valueString");
    structure = find_structure(m, type);
    if (structure != NULL)
        type = format_member(structure, "url");
    profile = image_profile(m->e->image, type_of(m, type));
    if (element == 0 || image_element(m->e->image, element)->types.count != 1)
        v->type = type;
    if (profile != NULL && (element == 0 || profile->kind == IMG_RESOURCE))
        v->element = profile->root, v->type = none;
}

static void check_target(const struct map *m, const struct place *at, const struct variable **scope)
{
    struct bytes context = format_member(at->node, "context"), element = format_member(at->node, "element");
    const struct variable *from, *before = *scope;
    struct variable *v;
    img_id found = 0;

    if (context.data == NULL) {   /* something new, not part of another */
        v = new_variable(m, at, scope, defining_text("target"));
        if (v != NULL)
            type_target(m, at->node, v, 0);
        return;
    }
    if (!check_name(m, at, context))
        return;
    from = find_variable(m, before, context, false);
    if (from == NULL) {
        defining_report(m->e, at, MSG_VALIDATE_MAP_VARIABLE, context, defining_text("target"));
        return;
    }
    if (from->element == 0) {
        if (json_get(at->node, "variable") != NULL)
            add_variable(m, scope, format_member(at->node, "variable"), from->mode);
        return;
    }
    v = new_variable(m, at, scope, from->mode);
    if (element.data == NULL)
        return;
    switch (find_elements(m, from, element, &found)) {
    case 0:
        defining_report(m->e, at, MSG_VALIDATE_MAP_PATH, context, element);
        break;
    case 1:
        check_transform(m, at, before);
        if (v != NULL)
            type_target(m, at->node, v, found);
        break;
    default:
        break;
    }
}

/* ---- calls of groups ---- */

/* One variable that is handed to an input: added to what the group is called with. */
static bool check_parameter(const struct map *m, const struct place *at, const struct json_node *input, const struct variable *scope, const struct variable **handed)
{
    struct bytes name = at->node->type == JSON_STRING ? (struct bytes){ at->node->text, at->node->len } : none, mode = format_member(input, "mode"), type = format_member(input, "type");
    const struct variable *v = is_source(mode) ? find_either(m, scope, name, true) : find_variable(m, scope, name, false);
    struct variable *copy;

    if (v == NULL) {
        defining_report(m->e, at, MSG_VALIDATE_MAP_VARIABLE, name, mode);
        return false;
    }
    if (!type_fits(m, v, input_type(m, input))) {
        defining_report(m->e, at, MSG_VALIDATE_MAP_TYPE, name, type);
        return false;
    }
    copy = add_variable(m, handed, format_member(input, "name"), v->mode);
    if (copy != NULL)
        copy->element = v->element, copy->type = v->type;
    return copy != NULL;
}

static void check_dependent(const struct map *m, const struct place *at, const struct variable *scope)
{
    struct bytes name = format_member(at->node, "name");
    const struct json_node *list = json_get(at->node, "variable");
    struct map_group *group = find_group(m, name);
    struct defining_list input;
    const struct variable *handed = NULL;
    bool fine = true;
    int32_t index = 0;

    if (name.data != NULL && format_is(name, DEFAULT_GROUP))
        return;
    if (group == NULL) {
        defining_report(m->e, at, MSG_VALIDATE_MAP_GROUP, name.data != NULL ? name : defining_text(""), none);
        return;
    }
    if ((json_is(list, JSON_ARRAY) ? list->count : 0) != defining_count(group->node, "input")) {
        defining_report(m->e, at, MSG_VALIDATE_MAP_PARAMETERS, name, none);
        return;
    }
    input = defining_first(group->node, "input");
    for (const struct json_node *n = list != NULL ? list->child : NULL; n != NULL && input.node != NULL && !m->e->failed; n = n->next, defining_next(&input)) {
        struct place place = engine_child(at, "variable", index++, n);
        if (json_get(input.node, "mode") != NULL)
            fine &= check_parameter(m, &place, input.node, scope, &handed);
    }
    if (fine && !group->called) {
        group->called = true;
        group->parameters = handed;
    }
}

/* Rules nest as the JSON does, which the reader bounds. */
static void check_rule(const struct map *m, const struct place *at, const struct variable *scope)
{
    check_name(m, at, format_member(at->node, "name"));
    for (struct defining_list s = defining_first(at->node, "source"); s.node != NULL && defining_spend(m->e, at); defining_next(&s)) {
        struct place place = engine_child(at, "source", s.index, s.node);
        check_source(m, &place, &scope);
    }
    for (struct defining_list t = defining_first(at->node, "target"); t.node != NULL && defining_spend(m->e, at); defining_next(&t)) {
        struct place place = engine_child(at, "target", t.index, t.node);
        check_target(m, &place, &scope);
    }
    for (struct defining_list r = defining_first(at->node, "rule"); r.node != NULL && defining_spend(m->e, at); defining_next(&r)) {
        struct place place = engine_child(at, "rule", r.index, r.node);
        check_rule(m, &place, scope);
    }
    for (struct defining_list d = defining_first(at->node, "dependent"); d.node != NULL && defining_spend(m->e, at); defining_next(&d)) {
        struct place place = engine_child(at, "dependent", d.index, d.node);
        check_dependent(m, &place, scope);
    }
}

static void check_group(const struct map *m, uint32_t index)
{
    struct map_group *group = &m->groups[index];
    struct place at = engine_child(m->at, "group", (int32_t)index, group->node);
    const struct json_node *extends = json_get(group->node, "extends");
    const struct variable *scope = NULL;

    group->done = true;
    check_name(m, &at, format_member(group->node, "name"));
    if (extends != NULL && find_group(m, format_member(group->node, "extends")) == NULL) {
        struct place place = engine_child(&at, "extends", NO_INDEX, extends);
        defining_report(m->e, &place, MSG_VALIDATE_MAP_GROUP, format_member(group->node, "extends"), none);
    }
    for (struct defining_list i = defining_first(group->node, "input"); i.node != NULL && defining_spend(m->e, &at); defining_next(&i)) {
        struct place place = engine_child(&at, "input", i.index, i.node);
        check_input(m, &place, group->parameters, &scope);
    }
    for (struct defining_list r = defining_first(group->node, "rule"); r.node != NULL && defining_spend(m->e, &at); defining_next(&r)) {
        struct place place = engine_child(&at, "rule", r.index, r.node);
        check_rule(m, &place, scope);
    }
}

void structure_map_check(struct engine *e, const struct place *at)
{
    struct map m = { .e = e, .at = at };
    bool fired = true;

    m.groups = arena_array(e->arena, defining_count(at->node, "group") + 1, sizeof *m.groups);
    if (m.groups == NULL) {
        e->failed = true;
        return;
    }
    for (struct defining_list g = defining_first(at->node, "group"); g.node != NULL; defining_next(&g))
        m.groups[m.count++] = (struct map_group){ .node = g.node, .typed = has_input_types(g.node) };
    while (fired && !e->failed) {
        fired = false;
        for (uint32_t i = 0; i < m.count && defining_spend(e, at); i++)
            if (!m.groups[i].done && (m.groups[i].called || m.groups[i].typed)) {
                check_group(&m, i);
                fired = true;
            }
    }
    for (uint32_t i = 0; i < m.count && defining_spend(e, at); i++)
        if (!m.groups[i].done)
            check_group(&m, i);
}
