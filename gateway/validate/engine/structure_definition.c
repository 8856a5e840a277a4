/*
 * NAME
 *     structure_definition - what a StructureDefinition says of its type, its base and its elements
 *
 * DESCRIPTION
 *     Type, kind and base fit each other; contexts are for extensions, whose url is fixed to their own; elements belong to the type and carry nothing that their types cannot have
 *     (a length, a range, a binding, targets); values in a snapshot are of one of the types; rules are told once under one key. What making the snapshot would find, of a differential that
 *     does not match its base, is not looked for here.
 *     Contexts, types and profiles are counted as the HL7 reference does with `--reading hl7`: always as the first.
 *
 * DIAGNOSTICS
 *     VALIDATE_DEFINITION_PATH, _DEFINITION_KEY, _FHIRPATH, _FORBIDDEN, _MISSING, _FIXED, _TYPE, _VALUE.
 */
#include "validate/engine/defining.h"

#define FHIR_TYPES "http://hl7.org/fhir/StructureDefinition/"

static const struct bytes none = { NULL, 0 };

struct definition {
    struct engine *e;
    const struct place *at;
    struct bytes url, type, kind, derivation;
    const struct img_profile *base;     /* NULL = not known */
    bool constraint, snapshot;          /* snapshot: the list under way */
};

/* What the values of a type can have. */
enum { HAS_LENGTH = 1, HAS_RANGE = 2, HAS_BINDING = 4, HAS_TARGET = 8 };

static const struct { const char *type; unsigned has; } abilities[] = {
    { "integer", HAS_RANGE | HAS_LENGTH }, { "decimal", HAS_RANGE | HAS_LENGTH }, { "instant", HAS_RANGE | HAS_LENGTH }, { "date", HAS_RANGE | HAS_LENGTH }, { "dateTime", HAS_RANGE | HAS_LENGTH },
    { "time", HAS_RANGE | HAS_LENGTH }, { "positiveInt", HAS_RANGE | HAS_LENGTH }, { "unsignedInt", HAS_RANGE | HAS_LENGTH }, { "string", HAS_LENGTH | HAS_BINDING }, { "uri", HAS_LENGTH | HAS_BINDING },
    { "code", HAS_LENGTH | HAS_BINDING }, { "oid", HAS_LENGTH | HAS_BINDING }, { "url", HAS_LENGTH | HAS_BINDING }, { "uuid", HAS_LENGTH | HAS_BINDING }, { "canonical", HAS_TARGET | HAS_LENGTH },
    { "id", HAS_LENGTH }, { "markdown", HAS_LENGTH }, { "Reference", HAS_TARGET }, { "CodeableConcept", HAS_BINDING }, { "Coding", HAS_BINDING }, { "Extension", HAS_BINDING }, { "Range", HAS_BINDING },
    { "Quantity", HAS_RANGE | HAS_BINDING }, { "Age", HAS_RANGE | HAS_BINDING }, { "Distance", HAS_RANGE | HAS_BINDING }, { "Duration", HAS_RANGE | HAS_BINDING }, { "MoneyQuantity", HAS_RANGE | HAS_BINDING },
    { "SimpleQuantity", HAS_RANGE | HAS_BINDING }, { "Count", HAS_RANGE }, { "Money", HAS_RANGE },
};

static unsigned ability_of(struct bytes type)
{
    for (size_t i = 0; i < sizeof abilities / sizeof *abilities; i++)
        if (format_is(type, abilities[i].type))
            return abilities[i].has;
    return 0;
}

static void report(const struct definition *d, const struct place *at, enum msg_id msg, const char *arg1, struct bytes arg2)
{
    defining_report(d->e, at, msg, defining_text(arg1), arg2);
}

/* ---- the definition as a whole ---- */

static void check_type(const struct definition *d)
{
    struct place place = engine_child(d->at, "type", NO_INDEX, json_get(d->at->node, "type"));
    const size_t head = sizeof FHIR_TYPES - 1;
    bool itself = d->url.len == head + d->type.len && format_begins(d->url, FHIR_TYPES) && memcmp(d->url.data + head, d->type.data, d->type.len) == 0;

    if (format_is_absolute(d->type)) {
        if (!format_is(d->kind, "logical"))
            defining_report(d->e, &place, MSG_VALIDATE_TYPE, d->type, d->kind);
    } else if (image_find_type(d->e->image, d->type.data, d->type.len) == 0 || (!itself && !d->constraint)) {
        defining_report(d->e, &place, MSG_VALIDATE_TYPE, d->type, none);
    }
}

static void check_base(const struct definition *d)
{
    static const char *const kinds[] = { [IMG_PRIMITIVE] = "primitive-type", [IMG_COMPLEX] = "complex-type", [IMG_RESOURCE] = "resource", [IMG_LOGICAL] = "logical" };
    struct bytes type;
    bool same;

    if (d->base == NULL)
        return;
    type = image_bytes(d->e->image, d->base->type);
    same = defining_same(type, d->type);
    if (d->derivation.len == 0)
        report(d, d->at, MSG_VALIDATE_MISSING, "StructureDefinition.derivation", none);
    else if (same != d->constraint)
        defining_report(d->e, d->at, MSG_VALIDATE_TYPE, d->type, type);
    if (!format_is(d->kind, kinds[d->base->kind]) && (d->constraint || !d->base->abstract))
        report(d, d->at, MSG_VALIDATE_VALUE, "kind", defining_text(kinds[d->base->kind]));
}

static void check_contexts(const struct definition *d)
{
    static const char *const members[] = { "context", "contextInvariant" };

    for (size_t i = 0; i < sizeof members / sizeof *members && !format_is(d->type, "Extension"); i++) {
        const struct json_node *list = json_get(d->at->node, members[i]);
        int32_t index = 0;
        for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next) {
            struct place place = engine_child(d->at, members[i], d->e->request->reading == VALIDATE_HL7 ? 0 : index++, n);
            report(d, &place, MSG_VALIDATE_FORBIDDEN, members[i], none);
        }
    }
}

/* An extension says its own address. */
static void check_extension_url(const struct definition *d)
{
    struct bytes fixed = none;

    if (!format_is(d->type, "Extension") || d->base == NULL || d->base->derivation != IMG_SPECIALIZATION || d->url.len == 0)
        return;
    for (struct defining_list l = defining_first(json_get(d->at->node, "differential"), "element"); l.node != NULL && defining_spend(d->e, d->at); defining_next(&l))
        if (json_equals(json_get(l.node, "path"), "Extension.url")) {
            fixed = format_member(l.node, "fixedUri");
            break;
        }
    if (fixed.data == NULL)
        report(d, d->at, MSG_VALIDATE_MISSING, "Extension.url fixedUri", none);
    else if (!defining_same(fixed, d->url))
        defining_report(d->e, d->at, MSG_VALIDATE_FIXED, fixed, d->url);
}

/* ---- elements ---- */

/* The type's code, or what stands for one of FHIRPath's own types. */
static struct bytes code_of(const struct json_node *type)
{
    for (struct defining_list x = defining_first(type, "extension"); x.node != NULL; defining_next(&x))
        if (json_equals(json_get(x.node, "url"), FHIR_TYPES "structuredefinition-fhir-type"))
            return json_get(x.node, "valueUrl") != NULL ? format_member(x.node, "valueUrl") : format_member(x.node, "valueUri");
    return format_member(type, "code");
}

static void check_targets(const struct definition *d, const struct place *at, const struct json_node *type, int32_t index, struct bytes code)
{
    const struct json_node *list = json_get(type, "targetProfile");
    bool hl7 = d->e->request->reading == VALIDATE_HL7;
    struct place place = engine_child(at, "type", hl7 ? 0 : index, type), where = engine_child(&place, "targetProfile", 0, list);

    if (list == NULL || (ability_of(code) & HAS_TARGET) != 0)
        return;
    report(d, &where, MSG_VALIDATE_FORBIDDEN, "targetProfile", code);
    if (hl7)   /* it tells this twice */
        report(d, at, MSG_VALIDATE_FORBIDDEN, "targetProfile", code);
}

static void check_profiles(const struct definition *d, const struct place *at, const struct json_node *type, int32_t index, struct bytes code)
{
    const struct json_node *list = json_get(type, "profile");
    bool hl7 = d->e->request->reading == VALIDATE_HL7;
    struct place place = engine_child(at, "type", hl7 ? 0 : index, type);
    int32_t i = 0;

    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL && defining_spend(d->e, at); n = n->next, i++) {
        struct place where = engine_child(&place, "profile", hl7 ? 0 : i, n);
        const struct img_profile *profile = n->type == JSON_STRING ? image_profile(d->e->image, image_find_profile(d->e->image, n->text, n->len)) : NULL;
        img_id own = profile != NULL ? image_find_type(d->e->image, image_text(d->e->image, profile->type), image_str_len(d->e->image, profile->type)) : 0;
        if (own != 0 && code.len < 64 && image_find_type(d->e->image, code.data, code.len) != 0
            && !image_type_is(d->e->image, own, image_text(d->e->image, image_find_str(d->e->image, code.data, code.len))))
            defining_report(d->e, &where, MSG_VALIDATE_TYPE, image_bytes(d->e->image, profile->type), code);
    }
}

/* Types of an element: what they can have, how many there are. */
static unsigned check_types(const struct definition *d, const struct place *at, struct bytes path, size_t *ret_count)
{
    bool root = memchr(path.data, '.', path.len) == NULL;
    unsigned has = root ? ability_of(path) : 0;

    *ret_count = root;
    for (struct defining_list t = defining_first(at->node, "type"); t.node != NULL && defining_spend(d->e, at); defining_next(&t)) {
        struct bytes code = code_of(t.node);
        if (code.data == NULL)
            continue;
        has |= ability_of(code);
        ++*ret_count;
        check_targets(d, at, t.node, t.index, code);
        check_profiles(d, at, t.node, t.index, code);
    }
    return has;
}

static bool has_type(const struct json_node *element, const char *name, size_t len)
{
    for (struct defining_list t = defining_first(element, "type"); t.node != NULL; defining_next(&t)) {
        struct bytes code = code_of(t.node);
        if (code.len == len && len > 0 && memcmp(code.data + 1, name + 1, len - 1) == 0 && (code.data[0] | 0x20) == (name[0] | 0x20))
            return true;
    }
    return false;
}

/* A value in a snapshot is of one of the element's types. */
static void check_value(const struct definition *d, const struct place *at, const char *prefix)
{
    size_t len = strlen(prefix);

    for (const struct json_node *n = at->node->child; n != NULL; n = n->next)
        if (n->key_len > len && memcmp(n->key, prefix, len) == 0 && !has_type(at->node, n->key + len, n->key_len - len)) {
            struct place place = engine_child(at, prefix, NO_INDEX, n);
            defining_report(d->e, &place, MSG_VALIDATE_TYPE, (struct bytes){ n->key + len, n->key_len - len }, none);
        }
}

/* Is there a member whose name begins so, with a type behind it? */
static bool has_choice(const struct json_node *object, const char *prefix)
{
    size_t len = strlen(prefix);

    for (const struct json_node *n = object->child; n != NULL; n = n->next)
        if (n->key_len > len && memcmp(n->key, prefix, len) == 0)
            return true;
    return false;
}

static void check_abilities(const struct definition *d, const struct place *at, unsigned has)
{
    const struct { const char *member; bool there; unsigned needs; } wants[] = {
        { "binding", json_get(at->node, "binding") != NULL, HAS_BINDING }, { "maxLength", json_get(at->node, "maxLength") != NULL, HAS_LENGTH },
        { "minValue[x]", has_choice(at->node, "minValue"), HAS_RANGE }, { "maxValue[x]", has_choice(at->node, "maxValue"), HAS_RANGE },
    };

    for (size_t i = 0; i < sizeof wants / sizeof *wants; i++)
        if (wants[i].there && (has & wants[i].needs) == 0)
            report(d, at, MSG_VALIDATE_FORBIDDEN, wants[i].member, none);
}

/* ---- rules ---- */

/* Another rule of the same key, told earlier in the list with other words; that of ele-1 may differ. */
static bool key_differs(const struct definition *d, const struct json_node *elements, const struct json_node *constraint, struct bytes key, struct bytes expression)
{
    for (struct defining_list l = { elements->child, 0 }; l.node != NULL; defining_next(&l))
        for (struct defining_list c = defining_first(l.node, "constraint"); c.node != NULL && defining_spend(d->e, d->at); defining_next(&c)) {
            struct bytes other = format_member(c.node, "expression");
            if (c.node == constraint)
                return false;
            if (other.data != NULL && defining_same(format_member(c.node, "key"), key))
                return !defining_same(other, expression) && !format_is(key, "ele-1");
        }
    return false;
}

static bool base_has_key(const struct definition *d, struct bytes key)
{
    const struct image *image = d->e->image;
    img_str name = image_find_str(image, key.data, key.len);

    for (uint32_t i = 0; d->base != NULL && name != 0 && i < d->base->elements.count; i++) {
        const struct img_element *element = &image->elements[d->base->elements.first + i];
        for (uint32_t c = 0; c < element->constraints.count && defining_spend(d->e, d->at); c++)
            if (image_constraint(image, image->links[element->constraints.first + c])->key == name)
                return true;
    }
    return false;
}

static void check_constraint(const struct definition *d, const struct place *at, const struct json_node *elements)
{
    struct bytes key = format_member(at->node, "key"), expression = format_member(at->node, "expression"), source = format_member(at->node, "source");
    bool own = source.data == NULL || defining_same(source, d->url);
    const char *why = "";

    if (key.data == NULL || expression.data == NULL)
        return;
    if (!d->snapshot && !own)
        defining_report(d->e, at, MSG_VALIDATE_VALUE, defining_text("source"), d->url);
    else if (!d->snapshot ? base_has_key(d, key) : key_differs(d, elements, at->node, key, expression))
        defining_report(d->e, at, MSG_VALIDATE_DEFINITION_KEY, key, none);
    if (d->snapshot && own && !defining_is_fhirpath(d->e, expression, &why))
        defining_report(d->e, at, MSG_VALIDATE_FHIRPATH, expression, defining_text(why));
}

static void check_element(const struct definition *d, const struct place *at, const struct json_node *elements, struct bytes type)
{
    struct bytes path = format_member(at->node, "path"), id = format_member(at->node, "id");
    bool inner = path.len > type.len && memcmp(path.data, type.data, type.len) == 0 && path.data[type.len] == '.';
    size_t types;
    unsigned has;

    if (path.data == NULL)
        return;
    if (!inner && !defining_same(path, type))
        defining_report(d->e, at, MSG_VALIDATE_DEFINITION_PATH, path, type);
    if (!d->snapshot && memchr(path.data, '.', path.len) == NULL && json_get(at->node, "slicing") != NULL)
        report(d, at, MSG_VALIDATE_FORBIDDEN, "slicing", none);
    if (!d->snapshot && d->constraint && json_get(at->node, "meaningWhenMissing") != NULL && !format_is(path, "Extension") && !format_ends(path, ".extension"))
        report(d, at, MSG_VALIDATE_FORBIDDEN, "meaningWhenMissing", none);
    has = check_types(d, at, path, &types);
    if (types > 0)
        check_abilities(d, at, has);
    if (d->snapshot && id.data != NULL && memchr(id.data, '.', id.len) != NULL) {
        if (types == 0 && json_get(at->node, "contentReference") == NULL)
            report(d, at, MSG_VALIDATE_MISSING, "type", none);
        check_value(d, at, "fixed");
        check_value(d, at, "pattern");
    }
    for (struct defining_list c = defining_first(at->node, "constraint"); c.node != NULL && defining_spend(d->e, at); defining_next(&c)) {
        struct place constraint = engine_child(at, "constraint", c.index, c.node);
        check_constraint(d, &constraint, elements);
    }
}

static void check_elements(const struct definition *d, const char *name)
{
    struct place list = engine_child(d->at, name, NO_INDEX, json_get(d->at->node, name));
    const char *slash = format_is(d->kind, "logical") ? memrchr(d->type.data, '/', d->type.len) : NULL;
    struct bytes type = slash != NULL ? (struct bytes){ slash + 1, d->type.len - (size_t)(slash + 1 - d->type.data) } : d->type;

    for (struct defining_list l = defining_first(list.node, "element"); l.node != NULL && defining_spend(d->e, d->at); defining_next(&l)) {
        struct place element = engine_child(&list, "element", l.index, l.node);
        check_element(d, &element, json_get(list.node, "element"), type);
    }
}

void structure_definition_check(struct engine *e, const struct place *at)
{
    struct bytes base = format_member(at->node, "baseDefinition");
    struct definition d = { .e = e, .at = at, .url = format_member(at->node, "url"), .type = format_member(at->node, "type"), .kind = format_member(at->node, "kind"), .derivation = format_member(at->node, "derivation") };

    if (d.type.data == NULL || d.kind.data == NULL)
        return;   /* missing: said already, and nothing can be held against them */
    if (d.derivation.data == NULL)
        d.derivation = defining_text("");
    d.constraint = format_is(d.derivation, "constraint");
    d.base = base.data != NULL ? image_profile(e->image, image_find_profile(e->image, base.data, base.len)) : NULL;
    check_type(&d);
    check_base(&d);
    check_contexts(&d);
    check_extension_url(&d);
    check_elements(&d, "differential");
    d.snapshot = true;
    check_elements(&d, "snapshot");
}
