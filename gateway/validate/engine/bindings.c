/*
 * NAME
 *      bindings - codes against the value set that an element is bound to, and against their own code system
 *
 * DESCRIPTION
 *      Two questions, asked at different places. A Coding or Quantity with a code is asked once for its own system (coding_check). An element with a binding is asked for its value set each
 *      time a definition binds it, by the base type and by profiles (binding_check).
 *
 *      What is an error is what the HL7 reference calls one when it runs without a terminology server:
 *      - required, and the value set does not hold the code: at the primitive, Coding, Quantity or CodeableConcept itself; a CodeableConcept passes with one good Coding;
 *      - required, and there is no code at all (text only, or a primitive without value);
 *      - a code that its loaded, complete system does not know, whatever the binding;
 *      - a system that is no absolute URI, names a value set, or is a known system misspelt.
 *      Whatever cannot be decided, because nobody has loaded a value set or a system, is no error. Extensible and weaker bindings ask for nothing but a code where only a
 *      text is given (a warning). A display that differs is a warning; so is a code that breaks the grammar of its system (a unit, a language, a media type): the reference leaves those
 *      to its server.
 *
 *      A maximum value set (an extension of the binding) is the one thing that makes an extensible binding strict. R4 gives one to a single element that is not a root: Expression.language, whose
 *      maximum is all media types. No table of these exists, and the reference refuses what it cannot look up there.
 */
#include <stdio.h>
#include <string.h>
#include "validate/engine/engine.h"
#include "validate/engine/session.h"

enum { TEXT_MAX = 256 };

#define FHIR_HTTP "http://hl7.org/fhir"
#define EXPRESSION_LANGUAGE "http://hl7.org/fhir/ValueSet/expression-language"

/* ---- reading ---- */

static bool starts_with(struct bytes text, const char *prefix)
{
    size_t len = strlen(prefix);

    return text.len >= len && memcmp(text.data, prefix, len) == 0;
}

static bool equals(struct bytes text, const char *other)
{
    return text.len == strlen(other) && starts_with(text, other);
}

/* The value of a primitive as text; data NULL = it has none. Wrong kinds of JSON are read as they are written: another check complains of them. */
static struct bytes text_of(const struct json_node *node)
{
    struct bytes none = { NULL, 0 };

    if (node == NULL)
        return none;
    switch (node->type) {
    case JSON_STRING: case JSON_NUMBER: return (struct bytes){ node->text, node->len };
    case JSON_TRUE: return (struct bytes){ "true", 4 };
    case JSON_FALSE: return (struct bytes){ "false", 5 };
    case JSON_NULL: case JSON_ARRAY: case JSON_OBJECT: break;
    }
    return none;
}

/* system, version, code and display of a Coding; a Quantity's unit takes the place of the display. */
static struct terms_coding coding_of(const struct json_node *node)
{
    struct terms_coding c = { .system = { NULL, 0 } };

    for (const struct json_node *m = json_is(node, JSON_OBJECT) ? node->child : NULL; m != NULL; m = m->next) {
        struct bytes *to = json_key_is(m, "system") ? &c.system : json_key_is(m, "code") ? &c.code : json_key_is(m, "version") ? &c.version
                         : json_key_is(m, "display") || json_key_is(m, "unit") ? &c.display : NULL;
        if (to != NULL)
            *to = text_of(m);
    }
    return c;
}

/* ---- reporting ---- */

static void put_text(char text[TEXT_MAX], struct bytes from)
{
    size_t len = from.len < TEXT_MAX ? from.len : TEXT_MAX - 1;

    if (len > 0)
        memcpy(text, from.data, len);
    text[len] = '\0';
}

static void say(struct engine *e, const struct place *at, enum msg_severity severity, enum msg_id msg, struct bytes arg1, struct bytes arg2, const char *profile)
{
    char one[TEXT_MAX], two[TEXT_MAX];

    if (e->trial == 0) {
        put_text(one, arg1);
        put_text(two, arg2);
    }
    engine_report(e, at, NULL, severity, msg, NULL, profile, one, two);
}

/* "Could not be looked up" fills the list of a large Bundle with what nobody reads: no more once the list is half full. */
static void say_unchecked(struct engine *e, const struct place *at, struct bytes value_set, const char *profile)
{
    struct bytes none = { NULL, 0 };

    if (e->trial == 0 && e->issues->count < e->issues->max / 2)
        say(e, at, MSG_INFO, MSG_VALIDATE_BINDING_UNCHECKED, value_set, none, profile);
}

/* ---- a code and its own system ---- */

static bool is_absolute(struct bytes system)
{
    return starts_with(system, "http:") || starts_with(system, "https:") || starts_with(system, "urn:");
}

/* Systems whose URI is often written with something behind it, or with https. */
static const char *const big_systems[] = { "http://snomed.info/sct", "http://loinc.org", "http://unitsofmeasure.org", "http://www.nlm.nih.gov/research/umls/rxnorm" };

/* The URI that was meant, or len 0. */
static struct bytes meant_system(struct engine *e, struct bytes system, char *plain, size_t size)
{
    struct bytes none = { NULL, 0 }, http = { plain, 0 };
    int n = 0;

    for (size_t i = 0; i < sizeof big_systems / sizeof *big_systems; i++)
        if (starts_with(system, big_systems[i]) && !equals(system, big_systems[i]))
            return (struct bytes){ big_systems[i], strlen(big_systems[i]) };
    if (!starts_with(system, "https:") || system.len >= size)
        return none;
    n = snprintf(plain, size, "http:%.*s", (int)(system.len - 6), system.data + 6);
    http.len = n > 0 ? (size_t)n : 0;
    for (size_t i = 0; i < sizeof big_systems / sizeof *big_systems; i++)
        if (equals(http, big_systems[i]))
            return http;
    return image_find_system(e->image, http.data, http.len) != NULL ? http : none;
}

/* The URIs of HL7 itself name systems that are there, or nothing. */
static bool is_missing_hl7_system(struct bytes system)
{
    return (starts_with(system, FHIR_HTTP) || starts_with(system, "https://hl7.org/fhir") || starts_with(system, "http://www.hl7.org/fhir") || starts_with(system, "https://www.hl7.org/fhir")
            || starts_with(system, "http://build.fhir.org") || starts_with(system, "https://build.fhir.org"))
        && !starts_with(system, FHIR_HTTP "/sid/") && !starts_with(system, FHIR_HTTP "/test");
}

static void check_unknown_system(struct engine *e, const struct place *at, struct bytes system)
{
    char plain[TEXT_MAX];
    struct bytes meant, none = { NULL, 0 };

    if (is_missing_hl7_system(system)) {
        say(e, at, MSG_ERROR, MSG_VALIDATE_SYSTEM_UNKNOWN, system, none, NULL);
        return;
    }
    meant = meant_system(e, system, plain, sizeof plain);
    if (meant.len > 0)
        say(e, at, MSG_ERROR, MSG_VALIDATE_SYSTEM_MISSPELT, system, meant, NULL);
}

static bool is_ascii(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] >= 0x80)
            return false;
    return true;
}

/* The service takes a Japanese name beside a code whose system is in English; the reference mentions it. */
static bool is_translation(const struct engine *e, struct bytes display, struct bytes expected)
{
    return e->request->reading == VALIDATE_SERVICE && is_ascii(expected) && !is_ascii(display);
}

static void check_code(struct engine *e, const struct place *at, const struct terms_coding *c)
{
    struct terms_why why = { .reason = TERMS_FINE };
    enum terms_answer a = terms_in_system(&e->terms, c, &why);

    if (a == TERMS_NO && why.reason == TERMS_SYNTAX_WRONG)
        say(e, at, MSG_WARNING, MSG_VALIDATE_CODE_SYNTAX, c->code, c->system, NULL);
    else if (a == TERMS_NO)
        say(e, at, MSG_ERROR, MSG_VALIDATE_CODE_UNKNOWN, c->code, c->system, NULL);
    else if (why.reason == TERMS_DISPLAY_WRONG && !is_translation(e, c->display, why.expected))
        say(e, at, MSG_WARNING, MSG_VALIDATE_DISPLAY, c->display, why.expected, NULL);
    else if (a == TERMS_UNKNOWN && !terms_system_known(&e->terms, c->system.data, c->system.len))
        check_unknown_system(e, at, c->system);
}

void coding_check(struct engine *e, const struct place *at)
{
    struct terms_coding c = coding_of(at->node);
    struct bytes none = { NULL, 0 };
    bool quantity = at->type != 0 && image_profile(e->image, at->type)->well_known == IMG_QUANTITY;
    const struct canonical_found *system;

    if (c.system.data != NULL && !is_absolute(c.system))
        say(e, at, MSG_ERROR, MSG_VALIDATE_SYSTEM_RELATIVE, c.system, none, NULL);
    if (c.code.len > 0 && c.system.len == 0 && !quantity)
        say(e, at, MSG_WARNING, MSG_VALIDATE_SYSTEM_MISSING, c.code, none, NULL);
    if (c.system.len == 0 || c.code.len == 0)
        return; /* an empty code is the primitive's concern */
    system = canonicals_find(e->session->canonicals, e->image, c.system.data, c.system.len);
    c.system_number = system->text;
    if (system->value_set != 0)
        say(e, at, MSG_ERROR, MSG_VALIDATE_SYSTEM_IS_VALUE_SET, c.system, none, NULL);
    check_code(e, at, &c);
}

/* ---- bindings ---- */

struct binding { struct engine *e; const struct place *at; const char *profile; img_str canonical; struct bytes value_set; enum img_strength strength; };

static enum terms_answer ask(const struct binding *b, const struct terms_coding *c, struct terms_why *ret_why)
{
    return terms_in_bound_set(&b->e->terms, b->canonical, c, ret_why);
}

/* Is what only an extension of the binding forbids, too, forbidden? See above. */
static bool has_maximum(const struct binding *b)
{
    return b->strength == IMG_EXTENSIBLE && starts_with(b->value_set, EXPRESSION_LANGUAGE);
}

static void judge(const struct binding *b, enum terms_answer answer, enum terms_reason reason, struct bytes code)
{
    if (reason == TERMS_VALUE_SET_MISSING) {
        if (b->strength == IMG_REQUIRED)
            say_unchecked(b->e, b->at, b->value_set, b->profile);
    } else if (answer == TERMS_NO && reason == TERMS_SYNTAX_WRONG) {
        if (b->strength == IMG_REQUIRED)
            say(b->e, b->at, MSG_WARNING, MSG_VALIDATE_CODE_SYNTAX, code, b->value_set, b->profile);
    } else if (answer == TERMS_NO && (b->strength == IMG_REQUIRED || has_maximum(b))) {
        say(b->e, b->at, MSG_ERROR, MSG_VALIDATE_BINDING, code, b->value_set, b->profile);
    }
}

static void no_code(const struct binding *b)
{
    struct bytes none = { NULL, 0 };

    if (b->strength == IMG_REQUIRED)
        say(b->e, b->at, MSG_ERROR, MSG_VALIDATE_BINDING_NO_CODE, b->value_set, none, b->profile);
}

static bool is_blank(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (strchr(" \t\n\r", text.data[i]) == NULL)
            return false;
    return true;
}

static void check_primitive(const struct binding *b)
{
    struct terms_coding c = { .code = text_of(b->at->node), .system_inferred = true };
    struct terms_why why = { .reason = TERMS_FINE };
    enum terms_answer a;

    if (is_blank(c.code)) {
        no_code(b);
        return;
    }
    a = ask(b, &c, &why);
    judge(b, a, why.reason, c.code);
}

/* Its own system is coding_check()'s concern; a code that is in no loaded system is no member either, and both are said, as the reference does. */
static void check_coding(const struct binding *b)
{
    struct terms_coding c = coding_of(b->at->node);
    struct terms_why why = { .reason = TERMS_FINE };
    enum terms_answer a;

    if (c.system.data == NULL || c.code.data == NULL)
        return;
    a = ask(b, &c, &why);
    judge(b, a, why.reason, c.code);
}

static void check_concept(const struct binding *b)
{
    const struct json_node *list = json_get(b->at->node, "coding"), *item = json_is(list, JSON_ARRAY) ? list->child : json_is(list, JSON_OBJECT) ? list : NULL;
    struct terms_coding c = { .system = { NULL, 0 } };
    struct terms_why why = { .reason = TERMS_FINE }, open = why;
    enum terms_answer answer = TERMS_NO;
    bool any = false;

    for (; item != NULL && answer != TERMS_YES; item = item == list ? NULL : item->next) {
        enum terms_answer a;
        if (!json_is(item, JSON_OBJECT) || item->count == 0)
            continue;
        any = true;
        c = coding_of(item);
        a = c.code.data == NULL ? TERMS_NO : ask(b, &c, &why);
        if (a == TERMS_UNKNOWN)
            open = why;
        answer = a == TERMS_NO ? answer : a;
    }
    if (any) {
        judge(b, answer, answer == TERMS_UNKNOWN ? open.reason : TERMS_NOT_IN_VALUE_SET, c.code);
    } else if (b->strength == IMG_EXTENSIBLE && terms_value_set_known(&b->e->terms, b->value_set.data, b->value_set.len)) {
        struct bytes none = { NULL, 0 };
        say(b->e, b->at, MSG_WARNING, MSG_VALIDATE_BINDING_TEXT_ONLY, b->value_set, none, b->profile);
    } else if (terms_value_set_known(&b->e->terms, b->value_set.data, b->value_set.len)) {
        no_code(b);
    }
}

/* The types whose bindings are looked at. */
struct bound_type { void (*check)(const struct binding *b); bool primitive; };

static const struct bound_type *bound_type(const struct engine *e, img_id type)
{
    static const struct bound_type types[IMG_WELL_KNOWN_TYPES] = {
        [IMG_CODE] = { check_primitive, true }, [IMG_STRING] = { check_primitive, true }, [IMG_URI] = { check_primitive, true }, [IMG_URL] = { check_primitive, true },
        [IMG_CANONICAL] = { check_primitive, true }, [IMG_CODING] = { check_coding, false }, [IMG_CODEABLE_CONCEPT] = { check_concept, false }, [IMG_QUANTITY] = { check_coding, false },
    };
    const struct img_profile *profile = image_profile(e->image, type);

    return profile != NULL && types[profile->well_known].check != NULL ? &types[profile->well_known] : NULL;
}

/* The one type that the definition allows, where it allows one only. */
static img_id only_type(const struct engine *e, const struct img_element *definition)
{
    return definition->types.count != 1 ? 0 : e->image->types[definition->types.first].profile_of_code;
}

void binding_check(struct engine *e, const struct place *at, const struct img_element *definition, const char *profile)
{
    struct binding b = { e, at, profile, definition->binding, image_bytes(e->image, definition->binding), (enum img_strength)definition->binding_strength };
    const struct bound_type *type, *wanted;

    if (!binding_counts(definition))
        return;
    type = bound_type(e, at->type);
    wanted = bound_type(e, only_type(e, definition));
    if (wanted != NULL && wanted->primitive && (type == NULL || !type->primitive))
        no_code(&b); /* an object where a code belongs has no code */
    else if (type != NULL)
        type->check(&b);
}
