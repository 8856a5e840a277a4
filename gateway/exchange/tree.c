/*
 * NAME
 *     exchange/tree - the envelope as one tree, printed as XML or as JSON
 *
 * SYNOPSIS
 *     exchange_tree_put(), exchange_tree_child(), exchange_tree_print()
 *
 * DESCRIPTION
 *     libxml2 and cJSON do the printing. The Base64 of a Bundle, up to 10 MB of it, never passes through them: with XML it is written between
 *     two flushes of the writer; with JSON a raw item of one control character, which cJSON never prints of itself, marks its place.
 *
 * DIAGNOSTICS
 *     ERR_NOMEM, and ERR_LIMIT from the caller's buffer.
 */
#include <cjson/cJSON.h>
#include <libxml/xmlwriter.h>
#include "base/crypt.h"
#include "exchange/exchange_private.h"

static const char splice_mark = '\x01';

static struct exchange_tree *tree_add(struct arena *arena, struct exchange_tree *parent, const char *name, size_t len)
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
        node = child != NULL ? child : tree_add(arena, node, path, len);
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

/* ---- XML ---- */

static int write_to_buf(void *context, const char *data, int len)
{
    return len >= 0 && buf_add(context, data, (size_t)len) == 0 ? len : -1;
}

/* The writer has not closed the start tag yet: an empty text makes it. Then what is buffered goes out, and our bytes behind it. */
static int splice_xml(xmlTextWriterPtr writer, const struct bytes *bytes, struct buf *ret)
{
    if (xmlTextWriterWriteString(writer, BAD_CAST "") < 0 || xmlTextWriterFlush(writer) < 0)
        return -1;
    return base64_add(ret, bytes->data, bytes->len);
}

static int print_xml_node(xmlTextWriterPtr writer, const struct exchange_tree *node, struct buf *ret)
{
    if (xmlTextWriterStartElement(writer, BAD_CAST node->name) < 0)
        return -1;
    if (node->splice.data != NULL && splice_xml(writer, &node->splice, ret) < 0)
        return -1;
    if (node->text != NULL && xmlTextWriterWriteString(writer, BAD_CAST node->text) < 0)
        return -1;
    for (const struct exchange_tree *child = node->child; child != NULL; child = child->next)
        if (print_xml_node(writer, child, ret) < 0)
            return -1;
    return xmlTextWriterFullEndElement(writer) < 0 ? -1 : 0;
}

static int print_xml(const struct exchange_tree *root, struct buf *ret)
{
    int code = -1;
    xmlOutputBufferPtr out = xmlOutputBufferCreateIO(write_to_buf, NULL, ret, NULL);
    xmlTextWriterPtr writer = out != NULL ? xmlNewTextWriter(out) : NULL;
    if (writer == NULL) {
        if (out != NULL)
            xmlOutputBufferClose(out);
        return ERR_NOMEM;
    }
    if (xmlTextWriterStartDocument(writer, "1.0", "UTF-8", NULL) >= 0 && print_xml_node(writer, root->child, ret) == 0
        && xmlTextWriterEndDocument(writer) >= 0 && xmlTextWriterFlush(writer) >= 0)
        code = 0;
    xmlFreeTextWriter(writer);
    if (ret->failed != 0)
        return ret->failed;
    return code == 0 ? 0 : ERR_NOMEM;
}

/* ---- JSON ---- */

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

static int print_json(const struct exchange_tree *root, struct buf *ret)
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

int exchange_tree_print(const struct exchange_tree *root, enum exchange_form form, struct buf *ret, struct err *e)
{
    int code = form == EXCHANGE_XML ? print_xml(root, ret) : print_json(root, ret);
    return code < 0 ? err_set(e, (enum err_code)code, code == ERR_LIMIT ? MSG_LIMIT : MSG_NOMEM, NULL, "envelope", NULL) : 0;
}
