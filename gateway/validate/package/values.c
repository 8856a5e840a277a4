/* values.c - fixed and pattern values: JSON into the image. A child stands behind its parent, a next one behind the one before. */
#include "validate/package/package_private.h"

enum { VALUE_DEPTH_MAX = 32 };

static img_id compile(struct build *b, const struct json_node *node, bool root, int depth)
{
    struct img_value value = { .count = node->count, .type = (uint32_t)node->type };
    img_id id, last = 0;

    if (depth > VALUE_DEPTH_MAX) {
        build_fail(b, ERR_LIMIT);
        return 0;
    }
    if (!root && node->key != NULL)
        value.key = build_str(b, node->key, node->key_len);
    if (node->type == JSON_STRING || node->type == JSON_NUMBER)
        value.text = build_str(b, node->text != NULL ? node->text : "", node->len);
    id = build_add(b, IMG_VALUES, &value);
    for (const struct json_node *child = node->child; child != NULL && b->failed == 0; child = child->next) {
        img_id fresh = compile(b, child, false, depth + 1);

        if (b->failed != 0)
            return 0;
        if (last == 0)
            ((struct img_value *)build_at(b, IMG_VALUES, id))->child = fresh;
        else
            ((struct img_value *)build_at(b, IMG_VALUES, last))->next = fresh;
        last = fresh;
    }
    return id;
}

img_id value_compile(struct build *b, const struct json_node *node)
{
    return node == NULL ? 0 : compile(b, node, true, 0);
}
