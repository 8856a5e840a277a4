/*
 * NAME
 *     json_tree - looking at the tree that json_doc.c has read
 *
 * DESCRIPTION
 *     Members, items and paths; texts and numbers of values; where a value stands, as a pointer and as line and column.
 *
 * DIAGNOSTICS
 *     What is not there is NULL; json_to_int64() says ERR_INVALID or ERR_LIMIT.
 */
#include "base/json_doc.h"

#include <string.h>

#include "base/text.h"

const struct json_node *json_get_word(const struct json_node *object, uint64_t word, const char *name, size_t len)
{
    if (object == NULL || object->type != JSON_OBJECT)
        return NULL;
    for (const struct json_node *m = object->child; m != NULL; m = m->next)
        if (json_named(m, word, name, len))
            return m;
    return NULL;
}

const struct json_node *json_at(const struct json_node *array, size_t index)
{
    const struct json_node *item;

    if (array == NULL || array->type != JSON_ARRAY || index >= array->count)
        return NULL;
    for (item = array->child; item != NULL && index > 0; index--)
        item = item->next;
    return item;
}

const struct json_node *json_path(const struct json_node *node, const char *path)
{
    while (node != NULL && *path != '\0') {
        size_t len = strcspn(path, "/");

        if (node->type == JSON_ARRAY) {
            int64_t index;

            if (text_to_int64(path, len, 0, UINT32_MAX, &index) < 0)
                return NULL;
            node = json_at(node, (size_t)index);
        } else {
            node = json_get_member(node, path, len);
        }
        path += len;
        path += *path == '/';
    }
    return node;
}

bool json_equals(const struct json_node *node, const char *text)
{
    return json_is(node, JSON_STRING) && node->len == strlen(text) && memcmp(node->text, text, node->len) == 0;
}

const char *json_dup(struct arena *arena, const struct json_node *node)
{
    if (!json_is(node, JSON_STRING) && !json_is(node, JSON_NUMBER))
        return NULL;
    return arena_strndup(arena, node->text, node->len);
}

const char *json_get_text(struct arena *arena, const struct json_node *object, const char *name)
{
    const struct json_node *member = json_get(object, name);

    return json_is(member, JSON_STRING) ? json_dup(arena, member) : NULL;
}

int json_to_int64(const struct json_node *node, int64_t *ret_value)
{
    int code;

    if (!json_is(node, JSON_NUMBER))
        return ERR_INVALID;
    code = text_to_int64(node->text, node->len, INT64_MIN, INT64_MAX, ret_value);
    return code == ERR_SYNTAX ? ERR_INVALID : code;
}

/* Writes one step of a pointer backwards in front of *pos, keeping 3 bytes free for the mark of a cut. False when it does not fit. */
static bool put_step(char *text, size_t *pos, const char *step, size_t len)
{
    while (len > 0) {
        char c = step[--len];

        if (*pos < 5)
            return false;
        text[--*pos] = c == '~' ? '0' : c == '/' ? '1' : c;
        if (c == '~' || c == '/')
            text[--*pos] = '~';
    }
    if (*pos < 4)
        return false;
    text[--*pos] = '/';
    return true;
}

void json_pointer(const struct json_node *node, char *ret_text, size_t size)
{
    size_t pos = size;
    bool whole = true;

    if (size == 0)
        return;
    ret_text[--pos] = '\0';
    for (; node != NULL && node->parent != NULL && whole; node = node->parent) {
        if (node->key != NULL) {
            whole = put_step(ret_text, &pos, node->key, node->key_len);
        } else {
            char number[24], *first = number + sizeof number;
            size_t index = 0;

            for (const struct json_node *n = node->parent->child; n != node; n = n->next)
                index++;
            do
                *--first = (char)('0' + index % 10);
            while ((index /= 10) > 0);
            whole = put_step(ret_text, &pos, first, (size_t)(number + sizeof number - first));
        }
    }
    if (!whole) {
        while (((unsigned char)ret_text[pos] & 0xC0) == 0x80)
            pos++;
        if (pos >= 3) {
            pos -= 3;
            memcpy(ret_text + pos, "…", 3);
        }
    }
    memmove(ret_text, ret_text + pos, size - pos);
}

void json_line_column(const char *bytes, size_t len, size_t offset, uint32_t *ret_line, uint32_t *ret_column)
{
    uint32_t line = 1, column = 1;
    const char *p = bytes, *end = bytes + (offset < len ? offset : len), *newline;

    while (p < end && (newline = memchr(p, '\n', (size_t)(end - p))) != NULL) {
        line++;
        p = newline + 1;
    }
    for (; p < end; p++)
        column += ((unsigned char)*p & 0xC0) != 0x80;
    *ret_line = line;
    *ret_column = column;
}
