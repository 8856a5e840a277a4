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

struct reading { const struct image *image; struct document_memo *memo; struct canonicals *canonicals; struct known *known; uint32_t first; };

static void read_members(const struct reading *r, const struct json_node *object, const struct img_element *body, int depth);

/* The type that a resource names, and whether it names one. */
static bool named_type(const struct reading *r, const struct json_node *object, img_id *ret_type)
{
    const struct json_node *name = json_get(object, "resourceType");

    if (!json_is(name, JSON_STRING))
        return false;
    *ret_type = canonicals_type(r->canonicals, r->image, name->text, name->len);
    return true;
}

static void read_value(const struct reading *r, const struct json_node *node, const struct known_member *as, int depth)
{
    struct known *k = &r->known[node->number - r->first];
    const struct img_element *body = as->below;

    *k = as->known;
    if (node->type != JSON_OBJECT || depth >= DOCUMENT_MAX_DEPTH)
        return;
    if (as->resource) {
        k->resource = named_type(r, node, &k->type);
        if (k->resource)
            body = image_body(r->image, NULL, k->type);
    }
    if (body != NULL)
        read_members(r, node, body, depth + 1);
}

/* Fills *ret for the member; its body stays NULL when the definition does not know it. */
static void look_up(const struct image *image, const struct img_element *body, const struct json_node *node, struct known_member *ret)
{
    bool companion = node->key_len > 1 && node->key[0] == '_';
    const struct img_member *member = image_member(image, body, node->key + companion, node->key_len - companion);
    const struct img_element *element;
    const struct img_profile *type;

    *ret = (struct known_member){ .companion = companion };
    if (member == NULL)
        return;
    element = image_element(image, member->element);
    ret->body = body;
    ret->name = image_text(image, member->name);
    ret->word = node->key_word;
    ret->known = (struct known){
        .member = (uint32_t)(member - image->members) + 1, .name = element->name, .type = image_member_type(image, member, NULL),
        .list = (element->flags & IMG_ARRAY) != 0, .choice = (element->flags & IMG_CHOICE) != 0,
    };
    type = image_profile(image, ret->known.type);
    ret->known.kind = type != NULL ? (uint8_t)(type->kind + 1) : 0;
    ret->resource = type != NULL && type->kind == IMG_RESOURCE;
    ret->below = image_body(image, element, ret->known.type);
}

/* Is this what was found for the name before? The word of a long one covers its beginning only. */
static bool is_of(const struct known_member *k, const struct img_element *body, const struct json_node *node)
{
    size_t len = node->key_len - k->companion;

    if (k->body != body || k->word != node->key_word)
        return false;
    return node->key_len < sizeof k->word || (strncmp(k->name, node->key + k->companion, len) == 0 && k->name[len] == '\0');
}

static const struct known_member *find_member(const struct reading *r, const struct img_element *body, const struct json_node *node, struct known_member *own)
{
    struct known_member *slot = &r->memo->slot[(node->key_word + node->key_len + (uint64_t)(uintptr_t)body) * UINT64_C(0x9E3779B97F4A7C15) >> 54];   /* of 1024 */

    _Static_assert(DOCUMENT_MEMO == 1 << (64 - 54), "the shift fits the table");
    if (is_of(slot, body, node))
        return slot;
    look_up(r->image, body, node, own);
    if (own->body == NULL)
        return own;
    *slot = *own;
    return slot;
}

static void read_members(const struct reading *r, const struct json_node *object, const struct img_element *body, int depth)
{
    struct known *object_known = &r->known[object->number - r->first];
    struct known_member own;

    object_known->read = true;
    for (const struct json_node *n = object->child; n != NULL; n = n->next) {
        const struct known_member *member = find_member(r, body, n, &own);

        object_known->companions |= member->companion;
        if (member->body == NULL)
            continue;
        object_known->names |= document_name_bit(member->known.name);
        if (n->type != JSON_ARRAY) {
            read_value(r, n, member, depth);
            continue;
        }
        own = *member;   /* what is below may take its slot */
        r->known[n->number - r->first] = own.known;
        for (const struct json_node *item = n->child; item != NULL; item = item->next)
            read_value(r, item, &own, depth);
    }
}

static uint32_t last_number(const struct json_node *node)
{
    while (node->child != NULL)
        for (node = node->child; node->next != NULL;)
            node = node->next;
    return node->number;
}

int document_read(const struct image *image, const struct json_node *root, struct document_memo *memo, struct canonicals *canonicals, struct arena *arena, struct document *ret_document)
{
    struct document document = { .image = image, .first = root->number, .count = last_number(root) - root->number + 1, .id_type = image_find_type(image, "id", 2) };
    struct known *known = arena_array(arena, document.count, sizeof *known);
    struct reading reading = { image, memo, canonicals, known, document.first };
    img_id type;

    if (known == NULL)
        return ERR_NOMEM;
    document.known = known;
    if (root->type == JSON_OBJECT && named_type(&reading, root, &type)) {
        known[0] = (struct known){ .type = type, .resource = true };
        if (image_body(image, NULL, type) != NULL)
            read_members(&reading, root, image_body(image, NULL, type), 0);
    }
    *ret_document = document;
    return 0;
}
