/*
 * NAME
 *     document - what each value of a document is, by the base types
 *
 * DESCRIPTION
 *     One walk over the tree with the definition of each object at hand: its members are looked up by name, their types followed; a resource goes on with
 *     the type that it names.
 *
 * DIAGNOSTICS
 *     ERR_NOMEM.
 */
#include "validate/model/document.h"

struct reading { const struct image *image; struct known *known; uint32_t first; };

static void read_members(const struct reading *r, const struct json_node *object, const struct img_element *body, int depth);

/* The type that a resource names, and whether it names one. */
static bool named_type(const struct image *image, const struct json_node *object, img_id *ret_type)
{
    const struct json_node *name = json_get(object, "resourceType");

    if (!json_is(name, JSON_STRING))
        return false;
    *ret_type = image_find_type(image, name->text, name->len);
    return true;
}

static void read_value(const struct reading *r, const struct json_node *node, const struct known *known, int depth)
{
    const struct image *image = r->image;
    struct known *k = &r->known[node->number - r->first];
    const struct img_member *member;
    const struct img_element *body;

    *k = *known;
    if (node->type != JSON_OBJECT || depth >= DOCUMENT_MAX_DEPTH)
        return;
    member = k->member != 0 ? &image->members[k->member - 1] : NULL;
    if (k->type != 0 && image_profile(image, k->type)->kind == IMG_RESOURCE)
        k->resource = named_type(image, node, &k->type);
    if (k->resource)
        body = image_body(image, NULL, k->type);
    else
        body = member != NULL ? image_body(image, image_element(image, member->element), k->type) : NULL;
    if (body != NULL)
        read_members(r, node, body, depth + 1);
}

static void read_members(const struct reading *r, const struct json_node *object, const struct img_element *body, int depth)
{
    for (const struct json_node *n = object->child; n != NULL; n = n->next) {
        bool companion = n->key_len > 1 && n->key[0] == '_';
        const struct img_member *member = image_member(r->image, body, n->key + companion, n->key_len - companion);
        struct known known = { 0, 0, 0, false };

        if (member == NULL)
            continue;
        known = (struct known){ (uint32_t)(member - r->image->members) + 1, image_element(r->image, member->element)->name, image_member_type(r->image, member, NULL), false };
        read_value(r, n, &known, depth);
        for (const struct json_node *item = n->type == JSON_ARRAY ? n->child : NULL; item != NULL; item = item->next)
            read_value(r, item, &known, depth);
    }
}

static uint32_t last_number(const struct json_node *node)
{
    while (node->child != NULL)
        for (node = node->child; node->next != NULL;)
            node = node->next;
    return node->number;
}

int document_read(const struct image *image, const struct json_node *root, struct arena *arena, struct document *ret_document)
{
    struct document document = { .image = image, .first = root->number, .count = last_number(root) - root->number + 1, .id_type = image_find_type(image, "id", 2) };
    struct known *known = arena_array(arena, document.count, sizeof *known);
    struct reading reading = { image, known, document.first };
    img_id type;

    if (known == NULL)
        return ERR_NOMEM;
    document.known = known;
    if (root->type == JSON_OBJECT && named_type(image, root, &type)) {
        known[0] = (struct known){ 0, 0, type, true };
        if (image_body(image, NULL, type) != NULL)
            read_members(&reading, root, image_body(image, NULL, type), 0);
    }
    *ret_document = document;
    return 0;
}
