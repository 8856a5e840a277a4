/*
 * NAME
 *     exchange/tree - the envelope as one tree
 *
 * SYNOPSIS
 *     exchange_tree_put(), exchange_tree_child()
 *
 * DESCRIPTION
 *     tree_xml.c and tree_json.c print it, tree_read.c fills it from answers. They are files of their own so that the link door, which needs
 *     neither, does not carry libxml2.
 *
 * DIAGNOSTICS
 *     NULL when memory is out.
 */
#include "exchange/exchange_private.h"

struct exchange_tree *exchange_tree_add(struct arena *arena, struct exchange_tree *parent, const char *name, size_t len)
{
    struct exchange_tree *node = arena_alloc(arena, sizeof *node);
    if (node == NULL || (node->name = arena_strndup(arena, name, len)) == NULL)
        return NULL;
    node->parent = parent;
    if (parent->last != NULL)
        parent->last->next = node;
    else
        parent->child = node;
    parent->last = node;
    return node;
}

struct exchange_tree *exchange_tree_put(struct arena *arena, struct exchange_tree *root, const char *path, const char *text)
{
    struct exchange_tree *node = root;
    while (*path != '\0' && node != NULL) {
        size_t len = strcspn(path, "/");
        struct exchange_tree *child = node->child;
        while (child != NULL && (strlen(child->name) != len || memcmp(child->name, path, len) != 0))
            child = child->next;
        node = child != NULL ? child : exchange_tree_add(arena, node, path, len);
        path += len + (path[len] == '/');
    }
    if (node != NULL && text != NULL && (node->text = arena_strdup(arena, text)) == NULL)
        return NULL;
    return node;
}

const struct exchange_tree *exchange_tree_child(const struct exchange_tree *node, const char *name, size_t len, const struct exchange_tree *after)
{
    const struct exchange_tree *child = after != NULL ? after->next : node->child;
    while (child != NULL && (strlen(child->name) != len || memcmp(child->name, name, len) != 0))
        child = child->next;
    return child;
}
