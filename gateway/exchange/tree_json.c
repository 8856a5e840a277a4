/*
 * NAME
 *     exchange/tree_json - prints the envelope as JSON
 *
 * SYNOPSIS
 *     exchange_tree_print_json(), exchange_answer_build()
 *
 * DESCRIPTION
 *     cJSON prints the small elements. The Base64 of a Bundle never passes through it: a raw item of one control character, which cJSON never
 *     prints of itself, marks its place.
 *
 * DIAGNOSTICS
 *     ERR_NOMEM, and ERR_LIMIT from the caller's buffer.
 */
#include <cjson/cJSON.h>
#include "base/crypt.h"
#include "exchange/exchange_private.h"

enum { ANSWER_ARENA_MAX = 64 << 10 };

static const char splice_mark = '\x01';

static cJSON *json_of(const struct exchange_tree *node, const struct bytes **ret_splice)
{
    if (node->splice.data != NULL) {
        const char mark[] = { '"', splice_mark, '"', '\0' };
        *ret_splice = &node->splice;
        return cJSON_CreateRaw(mark);
    }
    if (node->text != NULL)
        return cJSON_CreateString(node->text);
    cJSON *object = cJSON_CreateObject();
    for (const struct exchange_tree *child = node->child; object != NULL && child != NULL; child = child->next) {
        cJSON *item = json_of(child, ret_splice);
        if (item == NULL || !cJSON_AddItemToObject(object, child->name, item)) {
            cJSON_Delete(item);
            cJSON_Delete(object);
            return NULL;
        }
    }
    return object;
}

int exchange_tree_print_json(const struct exchange_tree *root, struct buf *ret)
{
    const struct bytes *splice = NULL;
    cJSON *object = json_of(root, &splice);
    char *text = object != NULL ? cJSON_PrintUnformatted(object) : NULL;
    cJSON_Delete(object);
    if (text == NULL)
        return ERR_NOMEM;
    const char *mark = splice != NULL ? strchr(text, splice_mark) : NULL;
    if (mark != NULL) {
        buf_add(ret, text, (size_t)(mark - text));
        base64_add(ret, splice->data, splice->len);
        buf_add_str(ret, mark + 1);
    } else {
        buf_add_str(ret, text);
    }
    cJSON_free(text);
    return ret->failed;
}

int exchange_answer_build(const struct exchange_profile *p, const char *institution, const char *identifier,
                          struct buf *ret, struct err *e)
{
    const struct exchange_answer_paths *a = p->answer;
    const char *done = NULL;
    for (size_t i = 0; i < p->code_count && done == NULL; i++)
        if (p->code[i].class == EXCHANGE_SUCCESS)
            done = p->code[i].code;
    const struct { const char *path, *text; } leaf[] = {
        { a->institution, institution }, { a->identifier, identifier }, { a->segment, a->segment_done }, { a->status, a->status_done },
        { a->result_code, done }
    };
    struct exchange_tree root = { .name = "" };
    struct arena *arena = arena_new(ANSWER_ARENA_MAX);
    int code = arena != NULL ? 0 : err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "envelope", NULL);
    for (size_t i = 0; code == 0 && i < sizeof leaf / sizeof *leaf; i++)
        if (leaf[i].text != NULL && exchange_tree_put(arena, &root, leaf[i].path, leaf[i].text) == NULL)
            code = err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "envelope", NULL);
    if (code == 0 && (code = exchange_tree_print_json(&root, ret)) < 0)
        err_set(e, (enum err_code)code, code == ERR_LIMIT ? MSG_LIMIT : MSG_NOMEM, NULL, "envelope", NULL);
    arena_free(arena);
    return code;
}
