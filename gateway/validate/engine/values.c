/*
 * NAME
 *     values - fixed and pattern values
 *
 * DESCRIPTION
 *     What differs is reported at the member that differs, as the reference does: a wrong or missing system of a Coding at "….system", a coding that a
 *     pattern asks for and that is not among those given at the CodeableConcept.
 */
#include <string.h>

#include "validate/engine/walk.h"

enum { VALUE_MAX_DEPTH = 20 };

struct comparison { struct engine *e; const struct img_element *def; bool pattern; unsigned depth; };

static void compare(const struct comparison *c, const struct place *at, const struct img_value *value, img_id id, const struct json_node *node);

static void report_value(const struct comparison *c, const struct place *at, const struct img_value *value, const struct json_node *node)
{
    struct engine *e = c->e;
    struct bytes is = { "", 0 }, should = { "", 0 };

    if (node != NULL && node->text != NULL)
        is = (struct bytes){ node->text, node->len };
    if (value != NULL && value->text != 0)
        should = image_bytes(e->image, value->text);
    else if (value != NULL && value->type <= JSON_TRUE)
        should = value->type == JSON_TRUE ? (struct bytes){ "true", 4 } : (struct bytes){ "false", 5 };
    engine_report_bytes(e, at, node, MSG_ERROR, MSG_VALIDATE_FIXED, NULL, is, should);
}

static const struct json_node *member_of(const struct json_node *object, const struct image *image, img_str key)
{
    struct bytes name = image_bytes(image, key);

    for (const struct json_node *n = object->child; n != NULL; n = n->next)
        if (n->key_len == name.len && memcmp(n->key, name.data, name.len) == 0)
            return n;
    return NULL;
}

static bool value_has(const struct image *image, const struct img_value *value, const struct json_node *member)
{
    for (img_id id = value->child; id != 0; id = image_value(image, id)->next) {
        struct bytes name = image_bytes(image, image_value(image, id)->key);
        if (name.len == member->key_len && memcmp(name.data, member->key, name.len) == 0)
            return true;
    }
    return false;
}

static void compare_object(const struct comparison *c, const struct place *at, const struct img_value *value, const struct json_node *node)
{
    const struct image *image = c->e->image;
    struct comparison below = *c;

    below.depth++;
    for (img_id id = value->child; id != 0; id = image_value(image, id)->next) {
        const struct img_value *part = image_value(image, id);
        const struct json_node *member = member_of(node, image, part->key);
        struct place place = engine_child(at, image_text(image, part->key), NO_INDEX, member);
        if (member == NULL)
            report_value(c, part->type == JSON_ARRAY ? at : &place, part, NULL);
        else
            compare(&below, part->type == JSON_ARRAY ? at : &place, part, id, member);
    }
    for (const struct json_node *n = node->child; n != NULL && !c->pattern; n = n->next)
        if (!(n->key_len > 0 && n->key[0] == '_') && !(n->key_len == 2 && memcmp(n->key, "id", 2) == 0) && !value_has(image, value, n)) {
            char *name = arena_strndup(c->e->arena, n->key, n->key_len);
            struct place place = engine_child(at, name != NULL ? name : "", NO_INDEX, n);
            engine_report_bytes(c->e, &place, n, MSG_ERROR, MSG_VALIDATE_FORBIDDEN, NULL, (struct bytes){ n->key, n->key_len }, (struct bytes){ NULL, 0 });
        }
}

/* Pattern: each item asked for is among those given; else both lists say the same in the same order. Reported at the object that holds the list. */
static void compare_array(const struct comparison *c, const struct place *at, const struct img_value *value, img_id id, const struct json_node *node)
{
    const struct image *image = c->e->image;
    bool fine = c->pattern ? image_value_within(image, id, node) : image_value_equals(image, id, node);

    if (!fine)
        report_value(c, at, value, node);
}

static void compare(const struct comparison *c, const struct place *at, const struct img_value *value, img_id id, const struct json_node *node)
{
    if (c->depth > VALUE_MAX_DEPTH || value->type == JSON_ARRAY || node->type == JSON_ARRAY)
        compare_array(c, at, value, id, node);
    else if (value->type == JSON_OBJECT && node->type == JSON_OBJECT)
        compare_object(c, at, value, node);
    else if (!image_value_equals(c->e->image, id, node))
        report_value(c, at, value, node);
}

/* A fixed value leaves no room for extensions beside it; a pattern does. */
static void check_bare(const struct comparison *c, const struct place *at)
{
    const struct json_node *extension = json_get(at->companion, "extension");

    if (!c->pattern && at->node != NULL && extension != NULL)
        engine_report_bytes(c->e, at, extension, MSG_ERROR, MSG_VALIDATE_FORBIDDEN, NULL, (struct bytes){ "extension", 9 }, (struct bytes){ NULL, 0 });
}

/* A primitive that has an extension in the place of its value is not compared. */
void value_check(struct engine *e, const struct place *at, const struct img_element *def, img_id value, bool pattern)
{
    struct comparison c = { .e = e, .def = def, .pattern = pattern };
    const struct img_value *wanted = image_value(e->image, value);

    if (wanted->type == JSON_STRING && at->companion == NULL && image_value_equals(e->image, value, at->node))
        return;
    if (at->node != NULL)
        compare(&c, at, wanted, value, at->node);
    else if (at->companion == NULL || wanted->type == JSON_OBJECT || wanted->type == JSON_ARRAY)
        report_value(&c, at, wanted, NULL);
    check_bare(&c, at);
}
