/*
 * strip.c - a resource without its prose: only the members that an image is made from are copied into the set's memory.
 *
 * A shape lists the members that are kept of an object ("fixed*" = all that begin so) and the shapes of some of them; what has no shape is kept
 * whole (values of fixed and pattern elements, which may hold anything).
 */
#include <string.h>

#include "validate/package/package_private.h"

struct shape;
struct shape_child { const char *name; const struct shape *shape; };
struct shape {
    const char *keep;                    /* names between spaces, each followed by one */
    const struct shape_child *child;     /* ended by name NULL; may be NULL */
};

static const struct shape extension_shape = { "url value* ", NULL };
static const struct shape_child type_children[] = { { "extension", &extension_shape }, { NULL, NULL } };
static const struct shape type_shape = { "code profile targetProfile aggregation versioning extension ", type_children };
static const struct shape_child constraint_children[] = { { "extension", &extension_shape }, { NULL, NULL } };
static const struct shape constraint_shape = { "key severity human expression source extension ", constraint_children };
static const struct shape binding_shape = { "strength valueSet ", NULL };
static const struct shape slicing_shape = { "discriminator ordered rules ", NULL };
#define ELEMENT_KEEP \
    "id path sliceName min max base type contentReference maxLength binding slicing mustSupport isModifier isSummary constraint fixed* pattern* minValue* maxValue* "
static const struct shape_child element_children[] = {
    { "type", &type_shape }, { "constraint", &constraint_shape }, { "binding", &binding_shape }, { "slicing", &slicing_shape }, { NULL, NULL }
};
static const struct shape element_shape = { ELEMENT_KEEP, element_children };
static const struct shape_child view_children[] = { { "element", &element_shape }, { NULL, NULL } };
static const struct shape view_shape = { "element ", view_children };
static const struct shape context_shape = { "type expression ", NULL };
static const struct shape_child definition_children[] = {
    { "snapshot", &view_shape }, { "differential", &view_shape }, { "context", &context_shape }, { NULL, NULL }
};
#define DEFINITION_KEEP "resourceType url version name kind abstract type baseDefinition derivation context contextInvariant "

static const struct shape designation_shape = { "value ", NULL };
static const struct shape property_shape = { "code value* ", NULL };
static const struct shape concept_shape;
static const struct shape_child concept_children[] = {
    { "designation", &designation_shape }, { "property", &property_shape }, { "concept", &concept_shape }, { NULL, NULL }
};
static const struct shape concept_shape = { "code display designation property concept ", concept_children };
static const struct shape_child system_children[] = { { "concept", &concept_shape }, { NULL, NULL } };

static const struct shape code_shape = { "code display ", NULL };
static const struct shape filter_shape = { "property op value ", NULL };
static const struct shape_child include_children[] = { { "concept", &code_shape }, { "filter", &filter_shape }, { NULL, NULL } };
static const struct shape include_shape = { "system version concept filter valueSet ", include_children };
static const struct shape_child compose_children[] = { { "include", &include_shape }, { "exclude", &include_shape }, { NULL, NULL } };
static const struct shape compose_shape = { "inactive include exclude ", compose_children };
static const struct shape contains_shape;
static const struct shape_child contains_children[] = { { "contains", &contains_shape }, { NULL, NULL } };
static const struct shape contains_shape = { "system version code display abstract contains ", contains_children };
static const struct shape expansion_shape = { "contains ", contains_children };
static const struct shape_child value_set_children[] = { { "compose", &compose_shape }, { "expansion", &expansion_shape }, { NULL, NULL } };
static const struct shape unique_shape = { "type value ", NULL };
static const struct shape_child naming_children[] = { { "uniqueId", &unique_shape }, { NULL, NULL } };

static const struct shape definition_by_snapshot = { DEFINITION_KEEP "snapshot ", definition_children };
static const struct shape definition_by_differential = { DEFINITION_KEEP "differential ", definition_children };
static const struct shape system_shape = { "resourceType url version name content caseSensitive supplements concept ", system_children };
static const struct shape value_set_shape = { "resourceType url version name compose expansion ", value_set_children };
static const struct shape naming_shape = { "resourceType name uniqueId ", naming_children };

/* The name within `keep` that lets the member pass, or NULL. */
static const char *kept_as(const char *keep, const char *name, size_t len)
{
    while (*keep != '\0') {
        size_t wanted = strcspn(keep, " ");
        bool prefix = keep[wanted - 1] == '*';

        if (prefix ? len >= wanted - 1 && memcmp(keep, name, wanted - 1) == 0 : len == wanted && memcmp(keep, name, len) == 0)
            return keep;
        keep += wanted + 1;
    }
    return NULL;
}

static const struct shape *child_shape(const struct shape *shape, const struct json_node *node)
{
    for (const struct shape_child *child = shape->child; child != NULL && child->name != NULL; child++)
        if (json_key_is(node, child->name))
            return child->shape;
    return NULL;
}

/* The depth is that of the reader's tree, which it bounds. */
static struct json_node *copy(struct arena *arena, const struct json_node *node, const struct shape *shape)
{
    struct json_node *fresh = arena_alloc(arena, sizeof *fresh), *last = NULL;
    const char *key = node->key != NULL ? arena_strndup(arena, node->key, node->key_len) : NULL;

    if (fresh == NULL)
        return NULL;
    *fresh = (struct json_node){ .type = node->type, .len = node->len };
    json_set_key(fresh, key, node->key_len);
    if ((node->key != NULL && key == NULL)
        || (node->text != NULL && (fresh->text = arena_strndup(arena, node->text, node->len)) == NULL))
        return NULL;
    for (const struct json_node *child = node->child; child != NULL; child = child->next) {
        const struct shape *inner = shape;
        struct json_node *item;

        if (node->type == JSON_OBJECT && shape != NULL) {
            if (kept_as(shape->keep, child->key, child->key_len) == NULL)
                continue;
            inner = child_shape(shape, child);
        }
        item = copy(arena, child, inner);
        if (item == NULL)
            return NULL;
        item->parent = fresh;
        if (last == NULL)
            fresh->child = item;
        else
            last->next = item;
        last = item;
        fresh->count++;
    }
    return fresh;
}

const struct json_node *strip_nothing(struct arena *arena, const struct json_node *node)
{
    return copy(arena, node, NULL);
}

const struct json_node *strip_resource(struct arena *arena, const struct json_node *resource)
{
    const struct json_node *type = json_get(resource, "resourceType");
    bool snapshot = json_path(resource, "snapshot/element") != NULL;
    const struct shape *shape = NULL;

    if (json_equals(type, "StructureDefinition"))
        shape = snapshot ? &definition_by_snapshot : &definition_by_differential;
    else if (json_equals(type, "CodeSystem"))
        shape = &system_shape;
    else if (json_equals(type, "ValueSet"))
        shape = &value_set_shape;
    else if (json_equals(type, "NamingSystem"))
        shape = &naming_shape;
    return shape == NULL ? NULL : copy(arena, resource, shape);
}
