/* Any bytes into the strict JSON reader: a tree that hangs together, or an error with a place. */
#include "base/json_doc.h"

static void check(int ok)
{
    if (!ok)
        abort();
}

/* Walks without recursion; every value lies inside its parent and behind its elder sibling. */
static void walk(const struct json_node *root, size_t len)
{
    const struct json_node *n = root;
    char pointer[64];

    while (n != NULL) {
        check(n->start < n->end && n->end <= len);
        check(n->parent == NULL || (n->start > n->parent->start && n->end < n->parent->end));
        check(n->next == NULL || n->end < n->next->start);
        json_pointer(n, pointer, sizeof pointer);
        check(strlen(pointer) < sizeof pointer);
        if (n->child != NULL) {
            n = n->child;
            continue;
        }
        while (n != NULL && n->next == NULL)
            n = n->parent;
        n = n != NULL ? n->next : NULL;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_limits limits = { .max_depth = 32, .max_nodes = 20000 };
    struct arena *arena = arena_new(8 << 20);
    const struct json_node *root = NULL;
    struct err e = ERR_INIT;

    if (arena == NULL)
        return 0;
    if (json_parse((const char *)data, size, &limits, arena, &root, &e) == 0) {
        walk(root, size);
    } else {
        check(root == NULL && e.msg != MSG_NONE && e.code < 0 && e.offset >= -1 && e.offset <= (int64_t)size);
    }
    arena_free(arena);
    return 0;
}
