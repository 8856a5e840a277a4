/*
 * NAME
 *     envelope - requests read, answers written, as XML for the folder and as JSON for the Web API
 *
 * DESCRIPTION
 *     A request is XmlMsg with MessageHeader and MessageBody; every leaf is a text that stands once. The reader is strict: UTF-8 without BOM,
 *     no CR, no document type, no attributes, no element that the operation's row does not name, nothing missing, nothing empty.
 *     An answer is built as one cJSON tree; the XML is made from the same tree, an array becoming a repeated element.
 *
 * DIAGNOSTICS
 *     envelope_read() answers ERR_INVALID with SB_BAD_ENVELOPE or SB_TOO_LARGE; whatever part of the header was readable is filled for the echo.
 */
#include <cjson/cJSON.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include "tests/sandbox/sandbox.h"
#include "base/text.h"
#include "base/timefmt.h"

enum { PATH_MAX_LEN = 96, LEAF_INSTITUTION = 100, LEAF_IDENTIFIER, LEAF_NONE };

static const struct { const char *path; int leaf; } leaf_table[] = {
    { "/MessageHeader/MedicalInstitutionCode", LEAF_INSTITUTION },
    { "/MessageHeader/ArbitraryFileIdentifier", LEAF_IDENTIFIER },
    { "/MessageBody/DocumentInfo", SB_DOCUMENT_INFO },
    { "/MessageBody/DocumentKind", SB_DOCUMENT_KIND },
    { "/MessageBody/ConsentPattern", SB_CONSENT },
    { "/MessageBody/DestinationInstitutionCode", SB_DESTINATION },
    { "/MessageBody/ClinicalInfo", SB_CLINICAL_INFO },
    { "/MessageBody/ClinicalKind", SB_CLINICAL_KIND },
    { "/MessageBody/KeyInfo/InsuredPersonIdentifier", SB_KEY_INSURED },
    { "/MessageBody/KeyInfo/IdentifierSystem", SB_KEY_SYSTEM },
    { "/MessageBody/KeyInfo/IdentifierValue", SB_KEY_VALUE },
    { "/MessageBody/ReceptionNumber", SB_RECEPTION },
};

static const char *const container_table[] = { "/MessageHeader", "/MessageBody", "/MessageBody/KeyInfo" };

struct reading {
    struct arena *arena;
    struct sb_request *request;
    bool seen_header, seen_body, bad;
};

static int leaf_find(const char *path)
{
    for (size_t i = 0; i < sizeof leaf_table / sizeof leaf_table[0]; i++)
        if (strcmp(leaf_table[i].path, path) == 0)
            return leaf_table[i].leaf;
    return LEAF_NONE;
}

static bool container_known(const char *path)
{
    for (size_t i = 0; i < sizeof container_table / sizeof container_table[0]; i++)
        if (strcmp(container_table[i], path) == 0)
            return true;
    return false;
}

static void reading_container(struct reading *r, const char *path)
{
    bool *seen = strcmp(path, "/MessageHeader") == 0 ? &r->seen_header : strcmp(path, "/MessageBody") == 0 ? &r->seen_body : NULL;
    if (!container_known(path) || (seen != NULL && *seen))
        r->bad = true;
    if (seen != NULL)
        *seen = true;
}

/* text must be NUL-terminated and live as long as the arena. */
static void reading_leaf(struct reading *r, const char *path, const char *text, size_t len)
{
    struct sb_request *q = r->request;
    int leaf = leaf_find(path);
    const char **header = leaf == LEAF_INSTITUTION ? &q->institution : leaf == LEAF_IDENTIFIER ? &q->identifier : NULL;
    if (leaf == LEAF_NONE || len == 0 || strlen(text) != len) {
        r->bad = true;
    } else if (header != NULL) {
        r->bad |= (*header)[0] != '\0';
        *header = text;
    } else {
        r->bad |= q->field[leaf].data != NULL;
        q->field[leaf] = (struct bytes){ text, len };
    }
}

static bool path_join(char ret_path[static PATH_MAX_LEN], const char *parent, const char *name, size_t name_len)
{
    int n = snprintf(ret_path, PATH_MAX_LEN, "%s/%.*s", parent, (int)(name_len > PATH_MAX_LEN ? PATH_MAX_LEN : name_len), name);
    return n > 0 && n < PATH_MAX_LEN;
}

/* ---- XML -------------------------------------------------------------------------------------------------------------------------- */

static bool xml_is_blank(const xmlNode *node)
{
    if (node->type != XML_TEXT_NODE || node->content == NULL)
        return false;
    return strspn((const char *)node->content, " \t\n") == strlen((const char *)node->content);
}

static void xml_leaf(struct reading *r, const xmlNode *node, const char *path)
{
    size_t len = 0;
    for (const xmlNode *c = node->children; c != NULL; c = c->next) {
        if (c->type != XML_TEXT_NODE && c->type != XML_CDATA_SECTION_NODE)
            r->bad = true;
        else
            len += strlen((const char *)c->content);
    }
    char *text = r->bad ? NULL : arena_alloc(r->arena, len + 1);
    if (text == NULL) {
        r->bad = true;
        return;
    }
    size_t at = 0;
    for (const xmlNode *c = node->children; c != NULL; c = c->next) {
        size_t n = strlen((const char *)c->content);
        memcpy(text + at, c->content, n);
        at += n;
    }
    text[len] = '\0';
    reading_leaf(r, path, text, len);
}

static bool xml_plain(const xmlNode *node)
{
    return node->properties == NULL && node->nsDef == NULL && node->ns == NULL;
}

static void xml_children(struct reading *r, const xmlNode *parent, const char *parent_path)
{
    for (const xmlNode *node = parent->children; node != NULL && !r->bad; node = node->next) {
        char path[PATH_MAX_LEN];
        if (xml_is_blank(node) || node->type == XML_COMMENT_NODE)
            continue;
        if (node->type != XML_ELEMENT_NODE || !xml_plain(node) || !path_join(path, parent_path, (const char *)node->name, strlen((const char *)node->name))) {
            r->bad = true;
        } else if (container_known(path)) {
            reading_container(r, path);
            xml_children(r, node, path);    /* depth is bounded: only the three known containers are entered */
        } else {
            xml_leaf(r, node, path);
        }
    }
}

static void xml_read(struct reading *r, struct bytes body)
{
    if (memchr(body.data, '\r', body.len) != NULL || (body.len >= 3 && memcmp(body.data, "\xEF\xBB\xBF", 3) == 0) || !text_is_utf8(body.data, body.len) ||
        memmem(body.data, body.len, "<!DOCTYPE", 9) != NULL) {
        r->bad = true;
        return;
    }
    /* without a document type there are no entities to grow; HUGE lifts only the limit on one text, which lies just below ours */
    xmlDoc *doc = xmlReadMemory(body.data, (int)body.len, NULL, "UTF-8", XML_PARSE_NONET | XML_PARSE_HUGE | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    const xmlNode *root = doc != NULL ? xmlDocGetRootElement(doc) : NULL;
    if (root == NULL || doc->intSubset != NULL || strcmp((const char *)root->name, "XmlMsg") != 0 || !xml_plain(root))
        r->bad = true;
    else
        xml_children(r, root, "");
    xmlFreeDoc(doc);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------------------------- */

static void json_children(struct reading *r, const struct json_node *parent, const char *parent_path)
{
    for (const struct json_node *n = parent->child; n != NULL && !r->bad; n = n->next) {
        char path[PATH_MAX_LEN];
        if (!path_join(path, parent_path, n->key, n->key_len)) {
            r->bad = true;
        } else if (n->type == JSON_OBJECT && container_known(path)) {
            reading_container(r, path);
            json_children(r, n, path);
        } else if (n->type == JSON_STRING) {
            const char *text = json_dup(r->arena, n);
            if (text == NULL)
                r->bad = true;
            else
                reading_leaf(r, path, text, n->len);
        } else {
            r->bad = true;
        }
    }
}

static void json_read(struct reading *r, struct bytes body)
{
    const struct json_limits limits = { .max_bytes = SB_MAX_REQUEST, .max_depth = 8, .max_nodes = 64 };
    const struct json_node *root;
    if (json_parse(body.data, body.len, &limits, r->arena, &root, NULL) < 0 || root->count != 1 || !json_is(json_get(root, "XmlMsg"), JSON_OBJECT))
        r->bad = true;
    else
        json_children(r, json_get(root, "XmlMsg"), "");
}

/* ---- forms ------------------------------------------------------------------------------------------------------------------------ */

static bool field_is(const struct sb_request *q, enum sb_field field, const char *const *allowed)
{
    if (q->field[field].data == NULL)
        return true;
    for (; *allowed != NULL; allowed++)
        if (strcmp(*allowed, q->field[field].data) == 0)
            return true;
    return false;
}

/* The leaves that the operation's row names, and nothing else, each with an allowed value. */
static bool fields_ok(const struct sb_request *q)
{
    static const char *const letter[] = { "1", NULL }, *const summary[] = { "2", NULL }, *const consent[] = { "1", "2", "3", NULL };
    static const char *const chart[] = { "Condition", "AllergyIntolerance", "Observation", NULL };
    const struct sb_op_info *op = sb_op_get(q->op);
    for (int i = 0; i < SB_FIELD_COUNT; i++) {
        bool there = q->field[i].data != NULL;
        if (there ? ((op->required | op->optional) & (1u << i)) == 0 : (op->required & (1u << i)) != 0)
            return false;
    }
    const struct bytes *to = &q->field[SB_DESTINATION];
    return field_is(q, SB_DOCUMENT_KIND, op->family == SB_DOCUMENT ? letter : summary) && field_is(q, SB_CONSENT, consent) &&
        field_is(q, SB_CLINICAL_KIND, chart) && (to->data == NULL || form_institution(to->data, to->len));
}

int envelope_read(enum sb_link link, enum sb_op op, struct bytes body, struct arena *arena, struct sb_request *ret_request, enum sb_code *ret_code)
{
    struct reading r = { .arena = arena, .request = ret_request };
    *ret_request = (struct sb_request){ .op = op, .link = link, .institution = "", .identifier = "" };
    if (body.len > SB_MAX_REQUEST) {
        *ret_code = SB_TOO_LARGE;
        return ERR_INVALID;
    }
    if (link == SB_FOLDER)
        xml_read(&r, body);
    else
        json_read(&r, body);
    bool institution_ok = form_institution(ret_request->institution, strlen(ret_request->institution));
    bool identifier_ok = form_identifier(ret_request->identifier, strlen(ret_request->identifier));
    if (!institution_ok)
        ret_request->institution = "";
    if (!identifier_ok)
        ret_request->identifier = "";
    if (r.bad || !r.seen_header || !r.seen_body || !institution_ok || !identifier_ok || !fields_ok(ret_request)) {
        *ret_code = SB_BAD_ENVELOPE;
        return ERR_INVALID;
    }
    return 0;
}

/* ---- answers ---------------------------------------------------------------------------------------------------------------------- */

static void add_text(cJSON *object, const char *name, const char *text)
{
    if (text != NULL)
        cJSON_AddStringToObject(object, name, text);
}

static void add_header(cJSON *header, const struct sb_answer *a, int64_t now_ms)
{
    const struct sb_code_info *code = sb_code_get(a->code);
    bool failed = a->own_code != NULL || code->header;
    char now[TIME_TEXT_MAX];
    time_format_compact(now_ms, now);
    add_text(header, "ProcessExecutionTime", now);
    add_text(header, "MedicalInstitutionCode", a->institution);
    add_text(header, "ArbitraryFileIdentifier", a->identifier);
    add_text(header, "SegmentOfResult", failed ? "9" : a->code == SB_ACCEPTED ? "2" : "1");
    if (failed) {
        add_text(header, "ErrorCode", a->own_code != NULL ? a->own_code : code->text);
        add_text(header, "ErrorMessage", a->own_code != NULL ? "指定されたエラーです。" : code->message);
    }
    add_text(header, "CharacterCodeIdentifier", "0");
}

static void add_body(cJSON *body, const struct sb_answer *a)
{
    const struct sb_code_info *code = sb_code_get(a->code);
    if (a->own_code != NULL || code->header)
        return;
    add_text(body, "ProcessingResultStatus", a->code == SB_DONE || a->code == SB_ACCEPTED ? "1" : "2");
    add_text(body, "ProcessingResultCode", code->text);
    add_text(body, "ProcessingResultMessage", code->message);
    add_text(body, "ReceptionNumber", a->reception);
    if (a->findings != NULL) {
        cJSON *list = cJSON_AddArrayToObject(cJSON_AddObjectToObject(body, "FhirCheckResultList"), "FhirCheckResult");
        for (const struct sb_finding *f = a->findings; f != NULL; f = f->next) {
            cJSON *item = cJSON_CreateObject();
            add_text(item, "ResultCode", f->code);
            add_text(item, "ResultMessage", f->message);
            add_text(item, "Location", f->location);
            cJSON_AddItemToArray(list, item);
        }
    }
    if (a->verify_status != NULL) {
        cJSON *item = cJSON_CreateObject();
        add_text(item, "Status", a->verify_status);
        add_text(item, "Message", a->verify_message);
        cJSON_AddItemToArray(cJSON_AddArrayToObject(cJSON_AddObjectToObject(body, "VerifyResultList"), "VerifyResult"), item);
    }
    add_text(body, "DocumentStatus", a->document_status);
}

static void xml_add(xmlNode *parent, const cJSON *item)
{
    const cJSON *child;
    if (cJSON_IsArray(item)) {
        cJSON_ArrayForEach(child, item) {
            xmlNode *node = xmlNewChild(parent, NULL, (const xmlChar *)item->string, NULL);
            const cJSON *leaf;
            cJSON_ArrayForEach(leaf, child)
                xml_add(node, leaf);
        }
    } else if (cJSON_IsObject(item)) {
        xmlNode *node = xmlNewChild(parent, NULL, (const xmlChar *)item->string, NULL);
        cJSON_ArrayForEach(child, item)
            xml_add(node, child);
    } else {
        xmlNewTextChild(parent, NULL, (const xmlChar *)item->string, (const xmlChar *)item->valuestring);
    }
}

static int xml_write(const cJSON *message, struct buf *out)
{
    xmlDoc *doc = xmlNewDoc((const xmlChar *)"1.0");
    xmlNode *root = doc != NULL ? xmlNewNode(NULL, (const xmlChar *)"XmlMsg") : NULL;
    xmlChar *text = NULL;
    int len = 0, result = ERR_NOMEM;
    if (root != NULL) {
        const cJSON *child;
        xmlDocSetRootElement(doc, root);
        cJSON_ArrayForEach(child, message)
            xml_add(root, child);
        xmlDocDumpMemoryEnc(doc, &text, &len, "UTF-8");
        if (text != NULL)
            result = buf_add(out, text, (size_t)len);
    }
    xmlFree(text);
    xmlFreeDoc(doc);
    return result;
}

int envelope_write(enum sb_link link, const struct sb_answer *answer, int64_t now_ms, struct buf *out)
{
    int result = ERR_NOMEM;
    cJSON *root = cJSON_CreateObject(), *message = cJSON_AddObjectToObject(root, "XmlMsg");
    cJSON *header = cJSON_AddObjectToObject(message, "MessageHeader"), *body = cJSON_AddObjectToObject(message, "MessageBody");
    char *text = NULL;
    if (header == NULL || body == NULL)
        goto out;
    add_header(header, answer, now_ms);
    add_body(body, answer);
    if (link == SB_FOLDER) {
        result = xml_write(message, out);
    } else if ((text = cJSON_PrintUnformatted(root)) != NULL) {
        result = buf_add_str(out, text);
    }
out:
    cJSON_free(text);
    cJSON_Delete(root);
    return result;
}
