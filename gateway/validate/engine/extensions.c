/*
 * NAME
 *     extensions - an extension against its own definition
 *
 * DESCRIPTION
 *     The url names the definition; a part of a complex extension has a short one. Checked here: url, known, allowed at this place, in the right one of
 *     extension and modifierExtension, value of an allowed type; the rest (count, parts, values) is the layer of the definition, pushed for the walk.
 *     An extension that nobody knows is an error, as it is for the reference when no extension domain is named; examples and tooling are let through.
 */
#include <string.h>

#include "validate/engine/walk.h"

static const char *const open_domains[] = { "http://hl7.org/fhir/tools/StructureDefinition/", "http://hl7.org/fhir/StructureDefinition/structuredefinition-expression" };
static const char *const open_words[] = { "example.org", "acme.com", "nema.org" };

static struct bytes url_of(const struct json_node *extension)
{
    const struct json_node *url = json_get(extension, "url");

    return url != NULL && url->type == JSON_STRING ? (struct bytes){ url->text, url->len } : (struct bytes){ NULL, 0 };
}

/* A scheme and a colon. */
static bool is_absolute(struct bytes url)
{
    size_t i = 0;

    while (i < url.len && ((url.data[i] >= 'a' && url.data[i] <= 'z') || (url.data[i] >= 'A' && url.data[i] <= 'Z') || (i > 0 && url.data[i] >= '0' && url.data[i] <= '9')))
        i++;
    return i > 0 && i < url.len && url.data[i] == ':';
}

static bool let_through(struct bytes url)
{
    for (size_t i = 0; i < sizeof open_words / sizeof *open_words; i++)
        if (memmem(url.data, url.len, open_words[i], strlen(open_words[i])) != NULL)
            return true;
    for (size_t i = 0; i < sizeof open_domains / sizeof *open_domains; i++)
        if (url.len >= strlen(open_domains[i]) && memcmp(url.data, open_domains[i], strlen(open_domains[i])) == 0)
            return true;
    return false;
}

/* ---- context ---- */

static bool is_type(const struct engine *e, const struct place *place, const char *name, size_t len)
{
    char text[128];

    if (place->type == 0 || len >= sizeof text)
        return false;
    memcpy(text, name, len);
    text[len] = '\0';
    return image_type_is(e->image, place->type, text);
}

static bool name_is(struct bytes name, const char *text, size_t len)
{
    if (len > 3 && memcmp(text + len - 3, "[x]", 3) == 0)
        len -= 3;
    return name.len == len && memcmp(name.data, text, len) == 0;
}

/* "Patient.contact.name" from the end: each part but the first is the name of a place, the first is a type. */
static bool matches_path(const struct engine *e, const struct place *at, const char *expression)
{
    size_t end = strlen(expression), start;

    for (; at != NULL; at = at->up) {
        for (start = end; start > 0 && expression[start - 1] != '.'; start--)
            continue;
        if (start == 0)
            return is_type(e, at, expression, end);
        if (!name_is(at->name, expression + start, end - start) || at->resource == at)
            return false;
        end = start - 1;
    }
    return false;
}

static bool matches_element(const struct engine *e, const struct place *at, const char *expression)
{
    const char *hash = strchr(expression, '#');

    if (hash != NULL)
        expression = hash + 1;
    if (strcmp(expression, "Element") == 0 || strcmp(expression, "Any") == 0)
        return true;
    return matches_path(e, at, expression);
}

static bool matches_extension(const struct place *at, const char *expression)
{
    struct bytes url;

    if (at->name.len == 5 && memcmp(at->name.data, "value", 5) == 0 && at->up != NULL)
        at = at->up;
    url = url_of(at->node);
    return url.data != NULL && url.len == strlen(expression) && memcmp(url.data, expression, url.len) == 0;
}

static bool matches_expression(struct engine *e, const struct place *at, const char *expression)
{
    struct buf program;
    struct fhirpath_items items = { .count = 0 };
    struct err why = ERR_INIT;
    bool found = false;

    buf_init(&program, FHIRPATH_PROGRAM_MAX);
    e->walk->path_depth++;
    if (fhirpath_compile(expression, strlen(expression), &program, &why) == 0 && fhirpath_eval(program.data, program.len, &e->path_env, e->path_env.resource, &items, &why) == 0)
        for (size_t i = 0; i < items.count && !found; i++)
            found = items.item[i].kind == FHIRPATH_NODE && items.item[i].node == at->node && items.item[i].companion == at->companion;
    e->walk->path_depth--;
    buf_free(&program);
    return found;
}

static bool context_fits(struct engine *e, const struct place *at, const struct img_profile *definition)
{
    for (uint32_t i = 0; i < definition->contexts.count; i++) {
        const struct img_context_rule *rule = &e->image->contexts[definition->contexts.first + i];
        const char *expression = image_text(e->image, rule->expression);
        if (rule->type == IMG_CONTEXT_ELEMENT ? matches_element(e, at, expression) : rule->type == IMG_CONTEXT_EXTENSION ? matches_extension(at, expression) : matches_expression(e, at, expression))
            return true;
    }
    return false;
}

/* Where the path "Element" would be allowed more than the table says: the core's own corrections. */
static bool allowed_anywhere(const char *url)
{
    static const char *const urls[] = {
        "http://hl7.org/fhir/StructureDefinition/structuredefinition-normative-version", "http://hl7.org/fhir/StructureDefinition/capabilitystatement-expectation",
        "http://hl7.org/fhir/StructureDefinition/capabilitystatement-prohibited", "http://hl7.org/fhir/StructureDefinition/regex",
        "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type",
    };

    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
        if (strcmp(url, urls[i]) == 0)
            return true;
    return false;
}

static void check_context(struct engine *e, const struct place *at, const struct img_profile *definition)
{
    const char *url = image_text(e->image, definition->url), *first = "";

    if (at->up == NULL || context_fits(e, at->up, definition) || allowed_anywhere(url))
        return;
    if (definition->contexts.count > 0)
        first = image_text(e->image, e->image->contexts[definition->contexts.first].expression);
    engine_report(e, at->up, at->node, MSG_ERROR, MSG_VALIDATE_EXTENSION_CONTEXT, NULL, url, url, first);
}

/* ---- value ---- */

static const struct img_element *child_named(const struct image *image, const struct img_element *element, img_str name)
{
    for (uint32_t i = 0; i < element->children.count; i++) {
        const struct img_element *child = image_element(image, image->children[element->children.first + i]);
        if (child->name == name)
            return child;
    }
    return NULL;
}

/* Code of the type that the extension's value has in the file; 0 = no value. */
static img_str value_type(const struct engine *e, const struct place *at, bool *ret_parts)
{
    const struct image *image = e->image;
    img_str type = 0;

    *ret_parts = false;
    for (const struct json_node *n = at->node->child; n != NULL; n = n->next) {
        const struct img_member *member = document_member(&e->document, n);
        const struct img_element *element = member != NULL ? image_element(image, member->element) : NULL;
        if (element != NULL && element->name == e->walk->name.child_extension)
            *ret_parts = n->type == JSON_ARRAY && n->count > 0;
        else if (element != NULL && element->name == e->walk->name.value && member->type > 0 && type == 0)
            type = image->types[element->types.first + member->type - 1].code;
    }
    return type;
}

static void check_value(struct engine *e, const struct place *at, const struct img_profile *definition)
{
    const struct image *image = e->image;
    const struct img_element *value = child_named(image, image_element(image, definition->root), e->walk->name.value);
    uint32_t allowed = value != NULL && value->max != 0 ? value->types.count : 0;
    bool parts, fits;
    img_str type = value_type(e, at, &parts);

    fits = type == 0 ? allowed == 0 : false;
    for (uint32_t i = 0; i < allowed && !fits && type != 0; i++)
        fits = image->types[value->types.first + i].code == type;
    if (!fits)
        engine_report(e, at, NULL, MSG_ERROR, MSG_VALIDATE_EXTENSION_VALUE, NULL, image_text(image, definition->url), image_text(image, definition->url), allowed > 0 ? image_text(image, image->types[value->types.first].code) : "-");
}

/* ---- all of it ---- */

static bool has_part(const struct engine *e, const struct img_profile *definition, struct bytes url)
{
    const struct image *image = e->image;
    const struct img_element *parts = child_named(image, image_element(image, definition->root), e->walk->name.child_extension);

    for (uint32_t s = 0; parts != NULL && s < parts->slices.count; s++) {
        const struct img_element *slice = image_element(image, image->children[parts->slices.first + s]);
        const struct img_element *fixed = child_named(image, slice, e->walk->name.url);
        const struct img_value *value = fixed != NULL ? image_value(image, fixed->fixed) : NULL;
        struct bytes text = value != NULL ? image_bytes(image, value->text) : (struct bytes){ "", 0 };
        if (value != NULL && text.len == url.len && memcmp(text.data, url.data, url.len) == 0)
            return true;
    }
    return false;
}

/* A short url: it must be a part of the extension around it. */
static void check_part(struct engine *e, const struct place *at, struct bytes url)
{
    struct bytes outer = url_of(at->up->node);
    img_id id = outer.data != NULL ? canonicals_find(e->session->canonicals, e->image, outer.data, outer.len)->profile : 0;
    const struct img_profile *definition = image_profile(e->image, id);

    if (definition != NULL && definition->type == e->walk->name.extension && definition->root != 0 && !has_part(e, definition, url))
        engine_report_bytes(e, at, NULL, MSG_ERROR, MSG_VALIDATE_EXTENSION_PART, NULL, url, outer);
}

static void check_known(struct engine *e, const struct place *at, img_id id)
{
    const struct img_profile *definition = image_profile(e->image, id);
    bool modifier = at->name.len == 17 && memcmp(at->name.data, "modifierExtension", 17) == 0;
    const struct img_element *root = image_element(e->image, definition->root);
    struct layer layer = { root, false };
    const char *url = image_text(e->image, definition->url);

    check_context(e, at, definition);
    if (root == NULL)
        return;
    if (modifier != ((root->flags & IMG_MODIFIER) != 0))
        engine_report(e, at, NULL, MSG_ERROR, MSG_VALIDATE_EXTENSION_MODIFIER, NULL, url, url, modifier ? "extension" : "modifierExtension");
    check_value(e, at, definition);
    layer_element(e, at, &layer, at->up);
}

void extension_check(struct engine *e, const struct place *at)
{
    const struct place *up = at->up;
    struct bytes url = at->node != NULL ? url_of(at->node) : (struct bytes){ NULL, 0 };
    bool inside = up != NULL && up->type != 0 && image_profile(e->image, up->type)->type == e->walk->name.extension;
    const char *bar = url.data != NULL ? memchr(url.data, '|', url.len) : NULL;
    size_t plain = bar != NULL ? (size_t)(bar - url.data) : url.len;
    img_id id;

    if (url.len == 0 || (!inside && !is_absolute(url))) {
        engine_report_bytes(e, at, NULL, MSG_ERROR, MSG_VALIDATE_EXTENSION_URL, NULL, url, (struct bytes){ NULL, 0 });
        return;
    }
    id = is_absolute(url) ? canonicals_find(e->session->canonicals, e->image, url.data, plain)->profile : 0;
    if (id != 0 && image_profile(e->image, id)->type != e->walk->name.extension)
        id = 0;
    if (id != 0 && bar != NULL)
        engine_report_bytes(e, at, NULL, MSG_ERROR, MSG_VALIDATE_EXTENSION_VERSION, NULL, url, (struct bytes){ NULL, 0 });
    if (id != 0)
        check_known(e, at, id);
    else if (inside && !is_absolute(url))
        check_part(e, at, url);
    else if (!let_through(url))
        engine_report_bytes(e, at, NULL, MSG_ERROR, MSG_VALIDATE_EXTENSION_UNKNOWN, NULL, url, (struct bytes){ NULL, 0 });
}
