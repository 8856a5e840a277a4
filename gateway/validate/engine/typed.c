/*
 * NAME
 *     typed - what the HL7 reference checks of certain types by code, not by definition
 *
 * DESCRIPTION
 *     Identifier systems, the size of attachments, the forms of references, extension addresses, ids of resources, security labels. Codes and their systems are bindings.c.
 *     A table by type; the walk calls typed_check() once for each complex element and each resource.
 *
 * DIAGNOSTICS
 *     VALIDATE_NOT_ABSOLUTE, _SIZE_WRONG, _ID, _TOO_LONG, _LABEL_TWICE, _QUERY; warning _REFERENCE_EMPTY.
 */
#include "validate/engine/engine.h"

#include <string.h>

#include "base/text.h"
#include "validate/engine/formats.h"

static const struct bytes nothing = { NULL, 0 };

static bool is_system(struct bytes text)
{
    return text.data == NULL || format_begins(text, "http:") || format_begins(text, "https:") || format_begins(text, "urn:") || format_begins(text, "ldap:");
}

static void check_identifier(struct engine *e, const struct place *at)
{
    struct bytes system = format_member(at->node, "system"), value = format_member(at->node, "value");

    if (!is_system(system) || json_equals(json_get(at->node, "system"), ""))
        engine_report_bytes(e, at, json_get(at->node, "system"), MSG_ERROR, MSG_VALIDATE_NOT_ABSOLUTE, NULL, system, nothing);
    if (value.data != NULL && system.data != NULL && format_is(system, "urn:ietf:rfc:3986") && memchr(value.data, ':', value.len) == NULL)
        engine_report_bytes(e, at, json_get(at->node, "value"), MSG_ERROR, MSG_VALIDATE_NOT_ABSOLUTE, NULL, value, nothing);
}

/* Its code is judged like a Coding's. */
static void check_quantity(struct engine *e, const struct place *at)
{
    coding_check(e, at);
}

static void check_attachment(struct engine *e, const struct place *at)
{
    const struct json_node *size = json_get(at->node, "size");
    struct bytes data = format_member(at->node, "data");
    char right[24];

    if (size != NULL && size->type == JSON_NUMBER && json_get(at->node, "data") == NULL && (!format_is_integer((struct bytes){ size->text, size->len }) || size->text[0] == '-'))
        engine_report_bytes(e, at, size, MSG_ERROR, MSG_VALIDATE_SIZE_WRONG, NULL, (struct bytes){ size->text, size->len }, (struct bytes){ "0-", 2 });
    if (size == NULL || size->type != JSON_NUMBER || data.data == NULL || !format_is_base64(data))
        return;
    snprintf(right, sizeof right, "%zu", format_base64_size(data));
    if (!format_is((struct bytes){ size->text, size->len }, right))
        engine_report_bytes(e, at, size, MSG_ERROR, MSG_VALIDATE_SIZE_WRONG, NULL, (struct bytes){ size->text, size->len }, (struct bytes){ right, strlen(right) });
}

/* "Type?name=value&...": the conditional references of a transaction. */
static bool is_query(struct bytes text)
{
    bool name = true, first = true;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (!name && c == '&') {
            name = first = true;
        } else if (name && c == '=') {
            if (first)
                return false;
            name = false;
        } else if (c == '&' || c == '=' || (name && !(c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (!first && c >= '0' && c <= '9')))) {
            return false;
        } else {
            first = false;
        }
    }
    return !name;
}

static void check_reference(struct engine *e, const struct place *at)
{
    struct bytes reference = format_member(at->node, "reference");
    const char *mark = reference.data != NULL ? memchr(reference.data, '?', reference.len) : NULL;
    const struct json_node *identifier = json_get(at->node, "identifier");

    if (reference.data == NULL && format_member(identifier, "system").data == NULL && format_member(identifier, "value").data == NULL && format_member(at->node, "display").data == NULL)
        engine_report(e, at, NULL, MSG_WARNING, MSG_VALIDATE_REFERENCE_EMPTY, NULL, NULL, NULL, NULL);
    if (mark != NULL && image_find_type(e->image, reference.data, (size_t)(mark - reference.data)) != 0
        && !is_query((struct bytes){ mark + 1, reference.len - (size_t)(mark + 1 - reference.data) }))
        engine_report_bytes(e, at, NULL, MSG_ERROR, MSG_VALIDATE_QUERY, NULL, reference, nothing);
}

/* Only the parts of a complex extension have names of their own. */
static void check_extension(struct engine *e, const struct place *at)
{
    struct bytes url = format_member(at->node, "url");

    if (url.data != NULL && (at->up == NULL || at->up->type != at->type) && !format_is_absolute(url))
        engine_report_bytes(e, at, json_get(at->node, "url"), MSG_ERROR, MSG_VALIDATE_NOT_ABSOLUTE, NULL, url, nothing);
}

/* Security labels are a set. */
static void check_labels(struct engine *e, const struct place *at)
{
    const struct json_node *list = json_get(at->node, "security");
    struct place meta = engine_child(at->up != NULL ? at->up : at, "meta", NO_INDEX, at->node);
    int32_t i = 0;

    if (list == NULL || list->type != JSON_ARRAY || list->count < 2 || list->count > 1000)
        return;
    for (const struct json_node *n = list->child; n != NULL; n = n->next, i++) {
        struct bytes system = format_member(n, "system"), code = format_member(n, "code");

        for (const struct json_node *m = list->child; m != n; m = m->next) {
            struct bytes other = format_member(m, "system"), other_code = format_member(m, "code");

            if (system.len == other.len && code.len == other_code.len && (system.len == 0 || memcmp(system.data, other.data, system.len) == 0)
                && (code.len == 0 || memcmp(code.data, other_code.data, code.len) == 0)) {
                struct place label = engine_child(&meta, "security", i, n);

                engine_report_bytes(e, &label, n, MSG_ERROR, MSG_VALIDATE_LABEL_TWICE, NULL, code, nothing);
                break;
            }
        }
    }
}

static void check_resource(struct engine *e, const struct place *at)
{
    const struct json_node *id = json_get(at->node, "id");
    struct place place;

    if (id == NULL || (id->type != JSON_STRING && id->type != JSON_NUMBER))
        return;
    place = engine_child(at, "id", NO_INDEX, id);
    if (format_units((struct bytes){ id->text, id->len }) > 64)
        engine_report_bytes(e, &place, id, MSG_ERROR, MSG_VALIDATE_TOO_LONG, NULL, (struct bytes){ "id", 2 }, (struct bytes){ "64", 2 });
    else if (!format_is_id((struct bytes){ id->text, id->len }))
        engine_report_bytes(e, &place, id, MSG_ERROR, MSG_VALIDATE_ID, NULL, (struct bytes){ id->text, id->len }, nothing);
}

static void (*const checks[IMG_WELL_KNOWN_TYPES])(struct engine *e, const struct place *at) = {
    [IMG_REFERENCE] = check_reference, [IMG_QUANTITY] = check_quantity, [IMG_IDENTIFIER] = check_identifier, [IMG_EXTENSION] = check_extension, [IMG_META] = check_labels,
    [IMG_ATTACHMENT] = check_attachment,
};

bool typed_has(enum img_well_known type)
{
    return checks[type] != NULL;
}

void typed_check(struct engine *e, const struct place *at)
{
    const struct img_profile *type = image_profile(e->image, at->type);

    if (at->node == NULL || at->node->type != JSON_OBJECT)
        return;
    if (at->resource == at) {
        check_resource(e, at);
        return;
    }
    if (type != NULL && checks[type->well_known] != NULL)
        checks[type->well_known](e, at);
}
