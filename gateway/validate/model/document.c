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

struct reading { const struct image *image; struct document_memo *memo; struct known *known; uint32_t first; };

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

/* As image_member(), with the last answers at hand. */
static const struct img_member *find_member(const struct reading *r, const struct img_element *body, const char *name, size_t len)
{
    const struct img_member *member;
    uint64_t key = 0;
    size_t at;

    if (r->memo == NULL)
        return image_member(r->image, body, name, len);
    memcpy(&key, name, len < sizeof key ? len : sizeof key);
    at = (size_t)(((key ^ len << 56) + (uint64_t)(uintptr_t)body) * UINT64_C(0x9E3779B97F4A7C15) >> 48) & (DOCUMENT_MEMO - 1);
    member = r->memo->slot[at].member;
    if (r->memo->slot[at].body == body && image_str_len(r->image, member->name) == len && memcmp(image_text(r->image, member->name), name, len) == 0)
        return member;
    member = image_member(r->image, body, name, len);
    if (member != NULL) {
        r->memo->slot[at].body = body;
        r->memo->slot[at].member = member;
    }
    return member;
}

static void read_members(const struct reading *r, const struct json_node *object, const struct img_element *body, int depth)
{
    for (const struct json_node *n = object->child; n != NULL; n = n->next) {
        bool companion = n->key_len > 1 && n->key[0] == '_';
        const struct img_member *member = find_member(r, body, n->key + companion, n->key_len - companion);
        struct known known = { .member = 0 };

        r->known[object->number - r->first].companions |= companion;
        if (member == NULL)
            continue;
        known.member = (uint32_t)(member - r->image->members) + 1;
        known.name = image_element(r->image, member->element)->name;
        known.type = image_member_type(r->image, member, NULL);
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

int document_read(const struct image *image, const struct json_node *root, struct document_memo *memo, struct arena *arena, struct document *ret_document)
{
    struct document document = { .image = image, .first = root->number, .count = last_number(root) - root->number + 1, .id_type = image_find_type(image, "id", 2) };
    struct known *known = arena_array(arena, document.count, sizeof *known);
    struct reading reading = { image, memo, known, document.first };
    img_id type;

    if (known == NULL)
        return ERR_NOMEM;
    document.known = known;
    if (root->type == JSON_OBJECT && named_type(image, root, &type)) {
        known[0] = (struct known){ .type = type, .resource = true };
        if (image_body(image, NULL, type) != NULL)
            read_members(&reading, root, image_body(image, NULL, type), 0);
    }
    *ret_document = document;
    return 0;
}
