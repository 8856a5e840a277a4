/*
 * NAME
 *     exchange/tree_read - answer bytes, XML or JSON, into the envelope tree
 *
 * SYNOPSIS
 *     exchange_tree_read()
 *
 * DESCRIPTION
 *     XML is read by libxml2's push parser with handlers of ours: a DTD stops it at once, so that no entity is ever declared; nothing is
 *     fetched; depth and number of elements are bounded while reading. Attributes, comments and processing instructions are skipped, text
 *     beside elements is refused. JSON is read by base/json_doc; an array is a repeated element, null an absent one.
 *     Encodings: UTF-8, or Shift_JIS as Windows means it (CP932, because names need its extra characters). The XML declaration is
 *     believed first; where it is silent and the bytes are no UTF-8, CP932 is tried and the caller compares the header's own word for it.
 *
 * DIAGNOSTICS
 *     CG-7020 with line, CG-7021 over a limit.
 */
#include <iconv.h>
#include <libxml/parser.h>
#include "base/json_doc.h"
#include "base/text.h"
#include "exchange/exchange_private.h"

enum { NODES_MAX = 20000, DECLARATION_MAX = 256 };

struct xml_reader {
    xmlParserCtxtPtr parser;
    struct arena *arena;
    struct exchange_tree *at;
    struct buf text;
    size_t nodes, depth;
    int code;
    const char *why;
    int line;
};

static int fail(struct err *e, enum err_code code, const char *what, int line)
{
    char place[32] = "";
    if (line > 0)
        snprintf(place, sizeof place, "(%d)", line);
    err_set(e, code, code == ERR_LIMIT ? MSG_ANSWER_LIMIT : code == ERR_NOMEM ? MSG_NOMEM : MSG_ANSWER_SYNTAX, NULL, what, place);
    if (e != NULL && line > 0)
        e->line = (uint32_t)line;
    return code;
}

static void stop(struct xml_reader *r, enum err_code code, const char *why)
{
    if (r->code == 0) {
        r->code = code;
        r->why = why;
        r->line = xmlSAX2GetLineNumber(r->parser);
    }
    xmlStopParser(r->parser);
}

static bool only_space(const struct buf *text)
{
    return strspn(text->data, " \t\r\n") == text->len;
}

static void on_start(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int namespaces, const xmlChar **namespace,
                     int attributes, int defaulted, const xmlChar **attribute)
{
    struct xml_reader *r = context;
    struct exchange_tree *node = arena_alloc(r->arena, sizeof *node);
    (void)prefix, (void)uri, (void)namespaces, (void)namespace, (void)attributes, (void)defaulted, (void)attribute;
    if (!only_space(&r->text)) {
        stop(r, ERR_SYNTAX, "text beside elements");
    } else if (++r->depth > TREE_DEPTH_MAX || ++r->nodes > NODES_MAX) {
        stop(r, ERR_LIMIT, "elements");
    } else if (node == NULL || (node->name = arena_strdup(r->arena, (const char *)name)) == NULL) {
        stop(r, ERR_NOMEM, "answer");
    } else {
        node->parent = r->at;
        if (r->at->last != NULL)
            r->at->last->next = node;
        else
            r->at->child = node;
        r->at->last = node;
        r->at = node;
        buf_reset(&r->text);
    }
}

static void on_end(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    struct xml_reader *r = context;
    (void)name, (void)prefix, (void)uri;
    if (r->code != 0)
        return;
    if (r->at->child != NULL && !only_space(&r->text)) {
        stop(r, ERR_SYNTAX, "text beside elements");
        return;
    }
    if (r->at->child == NULL) {
        size_t start = strspn(r->text.data, " \t\r\n"), end = r->text.len;
        while (end > start && strchr(" \t\r\n", r->text.data[end - 1]) != NULL)
            end--;
        if ((r->at->text = arena_strndup(r->arena, r->text.data + start, end - start)) == NULL)
            stop(r, ERR_NOMEM, "answer");
    }
    buf_reset(&r->text);
    r->at = r->at->parent;
    r->depth--;
}

static void on_text(void *context, const xmlChar *text, int len)
{
    struct xml_reader *r = context;
    if (r->code == 0 && len > 0 && buf_add(&r->text, text, (size_t)len) < 0)
        stop(r, (enum err_code)r->text.failed, "answer");
}

static void on_doctype(void *context, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id)
{
    (void)name, (void)public_id, (void)system_id;
    stop(context, ERR_SYNTAX, "DOCTYPE");
}

static void on_reference(void *context, const xmlChar *name)
{
    (void)name;
    stop(context, ERR_SYNTAX, "entity");
}

static xmlParserInputPtr on_resolve(void *context, const xmlChar *public_id, const xmlChar *system_id)
{
    (void)public_id, (void)system_id;
    stop(context, ERR_SYNTAX, "entity");
    return NULL;
}

static void on_error(void *context, xmlErrorPtr error)
{
    struct xml_reader *r = context;
    if (r->code == 0 && error != NULL && error->level >= XML_ERR_ERROR) {
        r->code = ERR_SYNTAX;
        r->why = "XML";
        r->line = error->line;
    }
}

static int read_xml(struct bytes text, struct arena *arena, struct exchange_tree *root, struct err *e)
{
    xmlSAXHandler handler = {
        .initialized = XML_SAX2_MAGIC, .startElementNs = on_start, .endElementNs = on_end, .characters = on_text, .cdataBlock = on_text,
        .ignorableWhitespace = on_text, .internalSubset = on_doctype, .reference = on_reference, .resolveEntity = on_resolve, .serror = on_error
    };
    struct xml_reader r = { .arena = arena, .at = root };
    buf_init(&r.text, text.len + 1);
    r.parser = xmlCreatePushParserCtxt(&handler, &r, NULL, 0, NULL);
    if (r.parser == NULL) {
        buf_free(&r.text);
        return fail(e, ERR_NOMEM, "answer", 0);
    }
    xmlCtxtUseOptions(r.parser, XML_PARSE_NONET | XML_PARSE_IGNORE_ENC | XML_PARSE_NOWARNING);
    xmlParseChunk(r.parser, text.data, (int)text.len, 1);
    if (r.code == 0 && (!r.parser->wellFormed || r.at != root))
        r.code = ERR_SYNTAX, r.why = "XML";
    if (r.parser->myDoc != NULL)
        xmlFreeDoc(r.parser->myDoc);
    r.parser->myDoc = NULL;
    xmlFreeParserCtxt(r.parser);
    buf_free(&r.text);
    return r.code == 0 ? 0 : fail(e, (enum err_code)r.code, r.why, r.line);
}

/* ---- encodings ---- */

enum encoding { ENCODING_SILENT, ENCODING_UTF8, ENCODING_CP932, ENCODING_OTHER };

static enum encoding encoding_declared(struct bytes text)
{
    static const struct { const char *name; enum encoding encoding; } names[] = {
        { "utf-8", ENCODING_UTF8 }, { "utf8", ENCODING_UTF8 }, { "us-ascii", ENCODING_UTF8 }, { "shift_jis", ENCODING_CP932 },
        { "shift-jis", ENCODING_CP932 }, { "sjis", ENCODING_CP932 }, { "x-sjis", ENCODING_CP932 }, { "windows-31j", ENCODING_CP932 },
        { "cp932", ENCODING_CP932 }, { "ms932", ENCODING_CP932 }, { "ms_kanji", ENCODING_CP932 }
    };
    char head[DECLARATION_MAX];
    size_t len = text.len < sizeof head - 1 ? text.len : sizeof head - 1;
    memcpy(head, text.data, len);
    head[len] = '\0';
    char *end = strncmp(head, "<?xml", 5) == 0 ? strstr(head, "?>") : NULL;
    if (end == NULL)
        return ENCODING_SILENT;
    *end = '\0';
    const char *at = strstr(head, "encoding");
    if (at == NULL)
        return ENCODING_SILENT;
    at += 8;
    at += strspn(at, " \t\r\n=\"'");
    size_t name = strcspn(at, " \t\r\n\"'");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i].name) == name && strncasecmp(names[i].name, at, name) == 0)
            return names[i].encoding;
    return ENCODING_OTHER;
}

static int from_cp932(const struct exchange_profile *p, struct bytes text, struct arena *arena, struct bytes *ret, struct err *e)
{
    size_t room = text.len * 3 + 16, left = text.len, space = room;
    char *out = arena_alloc(arena, room), *to = out, *from = (char *)(uintptr_t)text.data;
    if (out == NULL)
        return fail(e, ERR_NOMEM, "answer", 0);
    iconv((iconv_t)p->cp932, NULL, NULL, NULL, NULL);
    if (iconv((iconv_t)p->cp932, &from, &left, &to, &space) == (size_t)-1 || left != 0)
        return fail(e, ERR_SYNTAX, "Shift_JIS", 0);
    *ret = (struct bytes){ out, room - space };
    return 0;
}

static int to_utf8(const struct exchange_profile *p, struct bytes *text, struct arena *arena, bool had_bom, bool *ret_guessed, struct err *e)
{
    enum encoding declared = had_bom ? ENCODING_UTF8 : encoding_declared(*text);
    if (declared == ENCODING_OTHER)
        return fail(e, ERR_SYNTAX, "encoding", 1);
    bool utf8 = text_is_utf8(text->data, text->len);
    if (declared == ENCODING_CP932 || (declared == ENCODING_SILENT && !utf8)) {
        *ret_guessed = declared == ENCODING_SILENT;
        return from_cp932(p, *text, arena, text, e);
    }
    return utf8 ? 0 : fail(e, ERR_SYNTAX, "UTF-8", 0);
}

/* ---- JSON ---- */

static int from_json(const struct json_node *value, struct arena *arena, struct exchange_tree *parent, const struct json_node *named, struct err *e);

static int from_members(const struct json_node *object, struct arena *arena, struct exchange_tree *node, struct err *e)
{
    int code = 0;
    for (const struct json_node *member = object->child; member != NULL && code == 0; member = member->next) {
        if (!json_is(member, JSON_ARRAY)) {
            code = from_json(member, arena, node, member, e);
            continue;
        }
        for (const struct json_node *item = member->child; item != NULL && code == 0; item = item->next)
            code = from_json(item, arena, node, member, e);
    }
    return code;
}

static int from_json(const struct json_node *value, struct arena *arena, struct exchange_tree *parent, const struct json_node *named, struct err *e)
{
    bool leaf = json_is(value, JSON_STRING) || json_is(value, JSON_NUMBER);
    if (json_is(value, JSON_NULL))
        return 0;
    if (!leaf && !json_is(value, JSON_OBJECT))
        return fail(e, ERR_SYNTAX, "JSON", 0);
    struct exchange_tree *node = exchange_tree_add(arena, parent, named->key, named->key_len);
    if (node == NULL)
        return fail(e, ERR_NOMEM, "answer", 0);
    if (leaf || value->child == NULL) {
        node->text = leaf ? json_dup(arena, value) : "";
        return node->text != NULL ? 0 : fail(e, ERR_NOMEM, "answer", 0);
    }
    return from_members(value, arena, node, e);
}

static int read_json(struct bytes text, struct arena *arena, struct exchange_tree *root, struct err *e)
{
    const struct json_limits limits = { .max_bytes = EXCHANGE_REQUEST_MAX, .max_depth = TREE_DEPTH_MAX, .max_nodes = NODES_MAX };
    const struct json_node *doc;
    struct err inner = ERR_INIT;
    int code = json_parse(text.data, text.len, &limits, arena, &doc, &inner);
    if (code < 0)
        return fail(e, (enum err_code)code, "JSON", (int)inner.line);
    if (!json_is(doc, JSON_OBJECT))
        return fail(e, ERR_SYNTAX, "JSON", 1);
    return from_members(doc, arena, root, e);
}

int exchange_tree_read(const struct exchange_profile *p, enum exchange_form form, struct bytes bytes, struct arena *arena,
                       struct exchange_tree *root, bool *ret_guessed, struct err *e)
{
    if (bytes.data == NULL || bytes.len == 0)
        return fail(e, ERR_SYNTAX, "0", 0);
    if (bytes.len > (size_t)p->answer_limit)
        return fail(e, ERR_LIMIT, "answer_limit", 0);
    bool bom = bytes.len >= 3 && memcmp(bytes.data, "\xEF\xBB\xBF", 3) == 0;
    if (bom)
        bytes = (struct bytes){ bytes.data + 3, bytes.len - 3 };
    *ret_guessed = false;
    if (form == EXCHANGE_JSON)
        return read_json(bytes, arena, root, e);
    if (memchr(bytes.data, '\0', bytes.len) != NULL)
        return fail(e, ERR_SYNTAX, "NUL", 0);
    int code = to_utf8(p, &bytes, arena, bom, ret_guessed, e);
    return code == 0 ? read_xml(bytes, arena, root, e) : code;
}
