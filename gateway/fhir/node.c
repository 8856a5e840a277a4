/*
 * NAME
 *     node - elements of a Bundle in the making
 *
 * DESCRIPTION
 *     Thin over cJSON: names are literals and strings live in arenas, so both are referenced and not copied. Numbers are raw text, so that
 *     1.50 stays 1.50. Attachments never enter the tree: a raw item of one control character, the index and the same character again marks their
 *     place. cJSON escapes control characters in every string, so no vendor text can look like a mark.
 *
 * DIAGNOSTICS
 *     The first failure stays in build->failed: ERR_NOMEM, ERR_LIMIT, ERR_INVALID.
 */
#include "fhir/node.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypt.h"
#include "base/text.h"

#define SPLICE_MARK '\x01'

enum { PRINT_FIRST_SIZE = 32 * 1024 };

static const struct fhir_node no_node = { NULL, "" };

void fhir_fail(struct fhir_build *b, int code)
{
    if (b->failed == 0)
        b->failed = code;
}

static void tell(struct fhir_build *b, enum msg_severity severity, enum msg_id msg, const struct chart_place *at, const char *location, const char *arg1, const char *arg2)
{
    struct issue *issue = issues_add(b->issues, severity, msg, NULL, arg1, arg2);
    if (issue == NULL)
        return;
    issue->location = location;
    if (at != NULL) {
        issue->pointer = at->pointer;
        issue->offset = at->offset;
        issue->line = at->line;
        issue->column = at->column;
    }
}

void fhir_refuse(struct fhir_build *b, enum msg_id msg, const struct chart_place *at, const char *arg1, const char *arg2)
{
    tell(b, MSG_ERROR, msg, at, NULL, arg1, arg2);
    fhir_fail(b, ERR_INVALID);
}

void fhir_warn(struct fhir_build *b, enum msg_id msg, const struct chart_place *at, const char *location, const char *arg1, const char *arg2)
{
    tell(b, MSG_WARNING, msg, at, location, arg1, arg2);
}

const char *fhir_format(struct fhir_build *b, const char *format, ...)
{
    char first[256]; /* nearly every text fits: it is formatted once */
    va_list ap, again;
    va_start(ap, format);
    va_copy(again, ap);
    int size = vsnprintf(first, sizeof first, format, ap);
    va_end(ap);
    char *text = size < 0 ? NULL : arena_alloc(b->arena, (size_t)size + 1);
    if (text != NULL && (size_t)size < sizeof first)
        memcpy(text, first, (size_t)size + 1);
    else if (text != NULL)
        vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    if (text == NULL)
        fhir_fail(b, ERR_NOMEM);
    return text == NULL ? "" : text;
}

/* "parent.name" or, index >= 0, "parent.name[index]". Made for every element, so without the cost of a format. */
static const char *child_path(struct fhir_build *b, const char *parent, const char *name, int index)
{
    char digits[16], *d = digits + sizeof digits;
    if (index >= 0) {
        *--d = ']';
        do
            *--d = (char)('0' + index % 10);
        while ((index /= 10) > 0);
        *--d = '[';
    }
    size_t parent_len = strlen(parent), name_len = strlen(name), tail = (size_t)(digits + sizeof digits - d);
    char *path = arena_alloc(b->arena, parent_len + 1 + name_len + tail + 1);
    if (path == NULL) {
        fhir_fail(b, ERR_NOMEM);
        return "";
    }
    memcpy(path, parent, parent_len);
    path[parent_len] = '.';
    memcpy(path + parent_len + 1, name, name_len);
    memcpy(path + parent_len + 1 + name_len, d, tail);
    return path;   /* the arena's memory is zero, so it is terminated */
}

/* Hands the child to its parent, or notes that memory is out. */
static cJSON *put(struct fhir_build *b, cJSON *parent, const char *name, cJSON *child)
{
    if (child != NULL && cJSON_AddItemToObjectCS(parent, name, child))
        return child;
    cJSON_Delete(child);
    fhir_fail(b, ERR_NOMEM);
    return NULL;
}

static cJSON *append(struct fhir_build *b, cJSON *array, cJSON *child)
{
    if (child != NULL && cJSON_AddItemToArray(array, child))
        return child;
    cJSON_Delete(child);
    fhir_fail(b, ERR_NOMEM);
    return NULL;
}

struct fhir_node fhir_object(struct fhir_build *b, struct fhir_node parent, const char *name)
{
    if (b->failed != 0)
        return no_node;
    cJSON *json = cJSON_GetObjectItemCaseSensitive(parent.json, name);
    if (json == NULL)
        json = put(b, parent.json, name, cJSON_CreateObject());
    struct fhir_node node = { json, child_path(b, parent.path, name, -1) };
    return b->failed != 0 ? no_node : node;
}

struct fhir_node fhir_item(struct fhir_build *b, struct fhir_node parent, const char *name)
{
    if (b->failed != 0)
        return no_node;
    cJSON *array = cJSON_GetObjectItemCaseSensitive(parent.json, name);
    if (array == NULL)
        array = put(b, parent.json, name, cJSON_CreateArray());
    if (array == NULL)
        return no_node;
    int index = cJSON_GetArraySize(array);
    struct fhir_node node = { append(b, array, cJSON_CreateObject()), child_path(b, parent.path, name, index) };
    return b->failed != 0 ? no_node : node;
}

void fhir_add(struct fhir_build *b, struct fhir_node node, const char *name, const char *text)
{
    if (b->failed == 0 && text != NULL && text[0] != '\0')
        put(b, node.json, name, cJSON_CreateStringReference(text));
}

void fhir_add_text(struct fhir_build *b, struct fhir_node node, const char *name, const struct chart_text *text)
{
    if (text->text == NULL)
        return;
    fhir_add(b, node, name, text->text);
    fhir_map_member(b, node, name, text->at);
}

void fhir_add_item(struct fhir_build *b, struct fhir_node node, const char *name, const char *text)
{
    if (b->failed != 0 || text == NULL || text[0] == '\0')
        return;
    cJSON *array = cJSON_GetObjectItemCaseSensitive(node.json, name);
    if (array == NULL)
        array = put(b, node.json, name, cJSON_CreateArray());
    if (array != NULL)
        append(b, array, cJSON_CreateStringReference(text));
}

static const char *skip_digits(const char *p)
{
    while (*p >= '0' && *p <= '9')
        p++;
    return p;
}

bool fhir_is_number(const char *text)
{
    const char *p = text + (*text == '-'), *start = p;
    p = skip_digits(p);
    if (p == start || (*start == '0' && p - start > 1))
        return false;
    if (*p == '.') {
        start = ++p;
        p = skip_digits(p);
        if (p == start)
            return false;
    }
    if (*p == 'e' || *p == 'E') {
        p += p[1] == '+' || p[1] == '-' ? 2 : 1;
        start = p;
        p = skip_digits(p);
        if (p == start)
            return false;
    }
    return *p == '\0';
}

void fhir_add_raw(struct fhir_build *b, struct fhir_node node, const char *name, const char *raw)
{
    if (b->failed == 0)
        put(b, node.json, name, cJSON_CreateRaw(raw));
}

void fhir_add_number(struct fhir_build *b, struct fhir_node node, const char *name, const struct chart_text *digits)
{
    if (b->failed != 0 || digits->text == NULL)
        return;
    if (!fhir_is_number(digits->text)) {
        fhir_refuse(b, MSG_FHIR_NOT_A_NUMBER, digits->at, digits->text, NULL);
        return;
    }
    fhir_add_raw(b, node, name, digits->text);
    fhir_map_member(b, node, name, digits->at);
}

void fhir_add_true(struct fhir_build *b, struct fhir_node node, const char *name)
{
    if (b->failed == 0)
        put(b, node.json, name, cJSON_CreateTrue());
}

void fhir_add_splice(struct fhir_build *b, struct fhir_node node, const char *name, struct bytes content, bool base64)
{
    if (b->failed != 0)
        return;
    if (b->splice == NULL)
        b->splice = arena_array(b->arena, FHIR_SPLICES_MAX, sizeof *b->splice);
    if (b->splice == NULL || b->splice_count == FHIR_SPLICES_MAX) {
        fhir_fail(b, b->splice == NULL ? ERR_NOMEM : ERR_LIMIT);
        return;
    }
    char mark[32];
    snprintf(mark, sizeof mark, "%c%zu%c", SPLICE_MARK, b->splice_count, SPLICE_MARK);
    b->splice[b->splice_count++] = (struct fhir_splice){ content, base64 };
    fhir_add_raw(b, node, name, mark);
}

static void map_path(struct fhir_build *b, const char *path, const struct chart_place *at)
{
    if (b->failed != 0 || at == NULL || b->map == NULL)
        return;
    int rc = source_map_add(b->map, path, at);
    if (rc < 0)
        fhir_fail(b, rc);
}

void fhir_map(struct fhir_build *b, struct fhir_node node, const struct chart_place *at)
{
    map_path(b, node.path, at);
}

void fhir_map_member(struct fhir_build *b, struct fhir_node node, const char *name, const struct chart_place *at)
{
    if (b->failed == 0 && at != NULL && b->map != NULL)
        map_path(b, child_path(b, node.path, name, -1), at);
}

const char *fhir_uuid_url(struct fhir_build *b)
{
    char uuid[UUID_TEXT];
    uuid_from_seed(b->options->seed, b->counter++, uuid);
    return fhir_format(b, "urn:uuid:%s", uuid);
}

/* Puts the splice of the mark at p (behind its first byte) into out; returns the first byte behind the mark. */
static const char *print_splice(const struct fhir_build *b, const char *p, struct buf *out)
{
    size_t index = 0;
    for (; *p >= '0' && *p <= '9'; p++)
        index = index * 10 + (size_t)(*p - '0');
    const struct fhir_splice *s = &b->splice[index];
    if (!s->base64)
        buf_add(out, s->content.data, s->content.len);
    else if (buf_add_char(out, '"') == 0 && base64_add(out, s->content.data, s->content.len) == 0)
        buf_add_char(out, '"');
    return p + 1;
}

int fhir_print(struct fhir_build *b, const cJSON *root, struct buf *out)
{
    if (out->failed != 0)
        return out->failed;
    size_t before = out->len, extra = 0;
    char *text = cJSON_PrintBuffered(root, PRINT_FIRST_SIZE, 0);
    if (text == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < b->splice_count; i++)
        extra += b->splice[i].base64 ? base64_size(b->splice[i].content.len) : b->splice[i].content.len;
    buf_reserve(out, strlen(text) + extra);
    const char *p = text;
    for (const char *mark; (mark = strchr(p, SPLICE_MARK)) != NULL; p = print_splice(b, mark + 1, out))
        buf_add(out, p, (size_t)(mark - p));
    buf_add_str(out, p);
    cJSON_free(text);
    int rc = out->failed;
    if (rc != 0) {
        out->len = before;
        out->failed = 0;
        if (out->data != NULL && out->capacity > before)
            out->data[before] = '\0';
    }
    return rc;
}
