/*
 * define.c - StructureDefinitions: which there are, on which others they stand, and drafts of their elements.
 */
#include <stdlib.h>
#include <string.h>

#include "validate/package/package_private.h"

#define TYPES_URL "http://hl7.org/fhir/StructureDefinition/"

/* ---- the list ---- */

static uint8_t kind_of(const struct json_node *json)
{
    static const struct { const char *name; uint8_t kind; } kinds[] = {
        { "primitive-type", IMG_PRIMITIVE }, { "complex-type", IMG_COMPLEX }, { "resource", IMG_RESOURCE }
    };

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (json_equals(json_get(json, "kind"), kinds[i].name))
            return kinds[i].kind;
    return IMG_LOGICAL;
}

static uint32_t slot_of(const struct compile *c, const char *url, size_t len)
{
    return image_hash(url, len) & (c->by_url_size - 1);
}

/* The slot of the same url and version, or a free one. */
static struct definition **slot_find(const struct compile *c, const char *url, const char *version)
{
    uint32_t at = slot_of(c, url, strlen(url));

    while (c->by_url[at] != NULL && (strcmp(c->by_url[at]->url, url) != 0 || strcmp(c->by_url[at]->version, version) != 0))
        at = (at + 1) & (c->by_url_size - 1);
    return &c->by_url[at];
}

static void definition_read(const struct resource *r, struct arena *arena, struct definition *ret)
{
    const char *type = json_get_text(arena, r->json, "type"), *name = json_get_text(arena, r->json, "name");

    *ret = (struct definition){
        .resource = r, .url = r->url, .version = r->version, .name = name != NULL ? name : "", .type = type != NULL ? type : "",
        .base_url = json_get_text(arena, r->json, "baseDefinition"), .kind = kind_of(r->json),
        .derivation = json_equals(json_get(r->json, "derivation"), "constraint") ? IMG_CONSTRAINT : IMG_SPECIALIZATION,
        .abstract = json_is(json_get(r->json, "abstract"), JSON_TRUE)
    };
}

/* Types first: profiles look into them. */
static void order_definitions(struct compile *c, struct definition *list, size_t count)
{
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < count; i++)
            if ((list[i].derivation == IMG_CONSTRAINT) == pass && *slot_find(c, list[i].url, list[i].version) == &list[i])
                c->definition[c->definitions++] = list[i];
    memset(c->by_url, 0, c->by_url_size * sizeof *c->by_url);
    for (size_t i = 0; i < c->definitions; i++) {
        *slot_find(c, c->definition[i].url, c->definition[i].version) = &c->definition[i];
        c->definition[i].id = (img_id)(i + 1);
    }
}

/* A chain of bases that comes back to itself is cut. */
static void link_bases(struct compile *c)
{
    for (size_t i = 0; i < c->definitions; i++) {
        struct definition *d = &c->definition[i], *base = d->base_url != NULL ? definition_find(c, d->base_url, strlen(d->base_url)) : NULL;
        int depth = 0;

        for (struct definition *up = base; up != NULL; up = up->base)
            if (up == d || ++depth >= BASES_MAX) {
                set_note(c->set, d->resource->source, d->url, "the chain of base definitions does not end");
                base = NULL;
                break;
            }
        d->base = base;
    }
}

int definitions_collect(struct compile *c, struct err *e)
{
    struct definition *list;
    size_t count = 0, all = 0;

    for (const struct resource *r = c->set->first; r != NULL; r = r->next)
        count += strcmp(r->type, "StructureDefinition") == 0;
    for (c->by_url_size = 16; c->by_url_size < count * 2 + 1;)
        c->by_url_size *= 2;
    list = arena_array(c->arena, count + 1, sizeof *list);
    c->definition = arena_array(c->arena, count + 1, sizeof *c->definition);
    c->by_url = arena_array(c->arena, c->by_url_size, sizeof *c->by_url);
    if (list == NULL || c->definition == NULL || c->by_url == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "package", NULL);
    for (const struct resource *r = c->set->first; r != NULL; r = r->next)
        if (strcmp(r->type, "StructureDefinition") == 0) {
            definition_read(r, c->arena, &list[all]);
            *slot_find(c, r->url, r->version) = &list[all++];
        }
    order_definitions(c, list, all);
    link_bases(c);
    return 0;
}

/* ---- finding ---- */

/* "1" is answered by "1.5.2" when there is no "1". */
static int version_fits(const char *has, const char *asked, size_t len)
{
    if (strncmp(has, asked, len) != 0)
        return 0;
    return has[len] == '\0' ? 2 : has[len] == '.' ? 1 : 0;
}

struct definition *definition_find(const struct compile *c, const char *canonical, size_t len)
{
    const char *bar = memchr(canonical, '|', len);
    size_t url_len = bar != NULL ? (size_t)(bar - canonical) : len;
    struct definition *best = NULL;
    int best_fit = 0;

    for (uint32_t at = slot_of(c, canonical, url_len); c->by_url[at] != NULL; at = (at + 1) & (c->by_url_size - 1)) {
        struct definition *d = c->by_url[at];
        int fit = bar == NULL ? 1 : version_fits(d->version, bar + 1, len - url_len - 1);

        if (strlen(d->url) != url_len || memcmp(d->url, canonical, url_len) != 0 || fit == 0 || fit < best_fit)
            continue;
        if (best == NULL || fit > best_fit || image_compare_versions(d->version, best->version) > 0) {
            best = d;
            best_fit = fit;
        }
    }
    return best;
}

struct definition *definition_of_type(const struct compile *c, const char *type, size_t len)
{
    char url[256];
    size_t prefix = sizeof TYPES_URL - 1;

    if (len > 7 && memcmp(type, "http://", 7) == 0)
        return definition_find(c, type, len);
    if (len > sizeof url - prefix)
        return NULL;
    memcpy(url, TYPES_URL, prefix);
    memcpy(url + prefix, type, len);
    return definition_find(c, url, prefix + len);
}

/* ---- drafts ---- */

struct field_name { const char *name; bool prefix; enum draft_field field; };

static const struct field_name field_names[] = {
    { "min", false, DRAFT_MIN }, { "max", false, DRAFT_MAX }, { "base", false, DRAFT_BASE }, { "type", false, DRAFT_TYPE },
    { "contentReference", false, DRAFT_CONTENT_REFERENCE }, { "maxLength", false, DRAFT_MAX_LENGTH }, { "binding", false, DRAFT_BINDING },
    { "slicing", false, DRAFT_SLICING }, { "mustSupport", false, DRAFT_MUST_SUPPORT }, { "isModifier", false, DRAFT_MODIFIER },
    { "isSummary", false, DRAFT_SUMMARY }, { "fixed", true, DRAFT_FIXED }, { "pattern", true, DRAFT_PATTERN }, { "minValue", true, DRAFT_MIN_VALUE },
    { "maxValue", true, DRAFT_MAX_VALUE }
};

static void draft_take(struct draft *draft, const struct json_node *member)
{
    for (size_t i = 0; i < sizeof field_names / sizeof *field_names; i++) {
        size_t len = strlen(field_names[i].name);

        if (field_names[i].prefix ? member->key_len > len && memcmp(member->key, field_names[i].name, len) == 0 : json_key_is(member, field_names[i].name)) {
            draft->field[field_names[i].field] = member;
            return;
        }
    }
}

bool draft_read_members(struct compile *c, const struct json_node *element, struct draft *draft)
{
    const struct json_node *constraints = json_get(element, "constraint");

    for (const struct json_node *member = element->child; member != NULL; member = member->next)
        draft_take(draft, member);
    if (!json_is(constraints, JSON_ARRAY) || constraints->count == 0)
        return true;
    draft->constraint = arena_array(c->arena, constraints->count, sizeof *draft->constraint);
    if (draft->constraint == NULL) {
        build_fail(&c->build, ERR_NOMEM);
        return false;
    }
    for (const struct json_node *n = constraints->child; n != NULL; n = n->next) {
        const struct json_node *whole = n->type == JSON_STRING ? set_invariant(c->set, n) : n;

        if (whole != NULL)
            draft->constraint[draft->constraint_count++] = whole;
    }
    return true;
}

bool draft_read(struct compile *c, const struct json_node *element, struct draft *ret_draft)
{
    struct draft draft = {
        .path = json_get_text(c->arena, element, "path"), .id = json_get_text(c->arena, element, "id"), .slice_name = json_get_text(c->arena, element, "sliceName")
    };

    if (draft.path == NULL || draft.path[0] == '\0')
        return false;
    if (draft.id == NULL)
        draft.id = draft.path;
    if (!draft_read_members(c, element, &draft))
        return false;
    *ret_draft = draft;
    return true;
}

static bool drafts_from_snapshot(struct compile *c, struct definition *d, const struct json_node *elements)
{
    if (elements->count > DRAFTS_MAX)
        return false;
    d->draft = arena_array(c->arena, elements->count, sizeof *d->draft);
    if (d->draft == NULL) {
        build_fail(&c->build, ERR_NOMEM);
        return false;
    }
    for (const struct json_node *n = elements->child; n != NULL; n = n->next)
        if (draft_read(c, n, &d->draft[d->count]))
            d->count++;
    return d->count > 0;
}

bool definition_drafts(struct compile *c, struct definition *d, int depth)
{
    const struct json_node *elements = json_path(d->resource->json, "snapshot/element");

    if (d->state == DEFINITION_READY)
        return d->count > 0;
    if (d->state == DEFINITION_BUSY || depth > BASES_MAX)
        return false;
    d->state = DEFINITION_BUSY;
    if (json_is(elements, JSON_ARRAY) ? !drafts_from_snapshot(c, d, elements) : !snapshot_make(c, d, depth)) {
        d->count = 0;
        set_note(c->set, d->resource->source, d->url, "no snapshot, and none can be made");
    }
    d->state = DEFINITION_READY;
    return d->count > 0;
}

/* ---- into the image ---- */

static struct img_run compile_contexts(struct compile *c, const struct json_node *list)
{
    static const char *const names[] = { "element", "extension", "fhirpath" };
    struct img_run run = { build_count(&c->build, IMG_CONTEXTS), 0 };

    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next) {
        struct img_context_rule rule = { .expression = node_str(&c->build, json_get(n, "expression")) };

        for (uint32_t i = 0; i < sizeof names / sizeof *names; i++)
            if (json_equals(json_get(n, "type"), names[i]))
                rule.type = i;
        run.count += build_add(&c->build, IMG_CONTEXTS, &rule) != 0;
    }
    return run;
}

static struct img_run compile_texts(struct compile *c, const struct json_node *list)
{
    struct img_run run = { build_count(&c->build, IMG_LINKS), 0 };

    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next) {
        img_str text = node_str(&c->build, n);

        run.count += text != 0 && build_add(&c->build, IMG_LINKS, &text) != 0;
    }
    return run;
}

/* The regex of a primitive stands on the type of its value. */
static img_str regex_of(struct compile *c, const struct definition *d)
{
    for (size_t i = 0; i < d->count && d->kind == IMG_PRIMITIVE; i++) {
        const char *dot = strrchr(d->draft[i].path, '.');
        const struct json_node *extensions = dot != NULL && strcmp(dot, ".value") == 0 ? json_get(json_at(d->draft[i].field[DRAFT_TYPE], 0), "extension") : NULL;

        for (const struct json_node *n = extensions != NULL ? extensions->child : NULL; n != NULL; n = n->next)
            if (json_equals(json_get(n, "url"), TYPES_URL "regex"))
                return node_str(&c->build, json_get(n, "valueString"));
    }
    return 0;
}

static uint8_t well_known(const char *type)
{
    static const char *const names[IMG_WELL_KNOWN_TYPES] = {
        [IMG_STRING] = "string", [IMG_URI] = "uri", [IMG_CODE] = "code", [IMG_ID] = "id", [IMG_CANONICAL] = "canonical", [IMG_DATE_TIME] = "dateTime", [IMG_DECIMAL] = "decimal",
        [IMG_INSTANT] = "instant", [IMG_DATE] = "date", [IMG_BOOLEAN] = "boolean", [IMG_MARKDOWN] = "markdown", [IMG_XHTML_TEXT] = "xhtml", [IMG_POSITIVE_INT] = "positiveInt",
        [IMG_UNSIGNED_INT] = "unsignedInt", [IMG_INTEGER] = "integer", [IMG_INTEGER64] = "integer64", [IMG_URL] = "url", [IMG_BASE64] = "base64Binary", [IMG_TIME] = "time",
        [IMG_UUID] = "uuid", [IMG_OID] = "oid", [IMG_CODING] = "Coding", [IMG_CODEABLE_CONCEPT] = "CodeableConcept", [IMG_QUANTITY] = "Quantity", [IMG_REFERENCE] = "Reference",
        [IMG_IDENTIFIER] = "Identifier", [IMG_EXTENSION] = "Extension", [IMG_META] = "Meta", [IMG_ATTACHMENT] = "Attachment",
    };

    for (size_t i = 1; i < IMG_WELL_KNOWN_TYPES; i++)
        if (strcmp(names[i], type) == 0)
            return (uint8_t)i;
    return IMG_OTHER_TYPE;
}

static void compile_profile(struct compile *c, struct definition *d)
{
    struct build *b = &c->build;
    struct img_profile profile = {
        .url = build_text(b, d->url), .version = d->version[0] != '\0' ? build_text(b, d->version) : 0, .name = build_text(b, d->name),
        .type = build_text(b, d->type), .base_url = build_text(b, d->base_url), .source = build_text(b, d->resource->source),
        .base = d->base != NULL ? d->base->id : 0, .kind = d->kind, .derivation = d->derivation, .abstract = d->abstract, .well_known = well_known(d->type)
    };

    if (!definition_drafts(c, d, 0))
        d->count = 0;
    profile.regex = regex_of(c, d);
    profile.contexts = compile_contexts(c, json_get(d->resource->json, "context"));
    profile.context_invariants = compile_texts(c, json_get(d->resource->json, "contextInvariant"));
    profile.elements.first = build_count(b, IMG_ELEMENTS);
    elements_compile(c, d);
    profile.elements.count = build_count(b, IMG_ELEMENTS) - profile.elements.first;
    profile.root = d->root;
    profile.modifier = d->count > 0 && json_is(d->draft[0].field[DRAFT_MODIFIER], JSON_TRUE);
    build_add(b, IMG_PROFILES, &profile);
}

int definitions_compile(struct compile *c, struct err *e)
{
    int code = definitions_collect(c, e);

    for (size_t i = 0; code == 0 && i < c->definitions && c->build.failed == 0; i++)
        compile_profile(c, &c->definition[i]);
    if (code == 0 && c->build.failed != 0)
        code = err_set(e, (enum err_code)c->build.failed, c->build.failed == ERR_NOMEM ? MSG_NOMEM : MSG_LIMIT, NULL, "package", NULL);
    return code;
}
