/*
 * NAME
 *     primitives - is the value of a primitive element what its type allows?
 *
 * DESCRIPTION
 *     The kinds and formats of http://hl7.org/fhir/R4/datatypes.html#primitive, judged and placed as the HL7 reference does: a wrong JSON kind is said of the
 *     element without its index, everything else of the item itself. Types of R4 are matched by hand, since almost every byte of an instance comes by here; the
 *     regex of a type that is not of R4 is run by PCRE2 with limits.
 *
 * DIAGNOSTICS
 *     VALIDATE_KIND, _EMPTY, _FORMAT, _DATE, _ID, _CONTROL, _URI_SPACES, _NOT_ABSOLUTE, _TOO_LONG, _OUT_OF_RANGE, _CODE_SPACES, _BASE64, _URL_UNKNOWN;
 *     warnings _YEAR, _TEXT_SPACES.
 */
#include "validate/engine/engine.h"

#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/text.h"
#include "base/timefmt.h"
#include "validate/engine/formats.h"
#include "validate/engine/session.h"

#define TERMINOLOGY "http://terminology.hl7.org/"

enum { TEXT_MAX = 1048576, REGEX_STEPS = 200000, YEAR_FIRST = 1800, YEAR_AHEAD = 80, PLAIN_MAX = 256 };

struct primitive {
    struct engine *e;
    const struct place *at;
    const struct img_profile *type;
    const struct img_element *definition;
    struct bytes text;
    bool fine, token;           /* token: format_is_token() */
};

static void wrong(struct primitive *p, enum msg_id msg, const char *arg2)
{
    struct bytes second = { arg2, arg2 != NULL ? strlen(arg2) : 0 };

    p->fine = false;
    engine_report_bytes(p->e, p->at, NULL, MSG_ERROR, msg, NULL, p->text, second);
}

static void doubtful(struct primitive *p, enum msg_id msg)
{
    engine_report_bytes(p->e, p->at, NULL, MSG_WARNING, msg, NULL, p->text, (struct bytes){ NULL, 0 });
}

/* ---- formats ---- */

static void check_boolean(struct primitive *p)
{
    if (!format_is(p->text, "true") && !format_is(p->text, "false"))
        wrong(p, MSG_VALIDATE_FORMAT, "true / false");
}

static void check_year(struct primitive *p)
{
    int64_t year = 0;
    int this_year = 1970 + (int)(p->e->path_env.now_ms / 31556952000LL);

    if (text_to_int64(p->text.data, 4, 0, 9999, &year) < 0 || year < YEAR_FIRST || (p->e->path_env.now_ms > 0 && year > this_year + YEAR_AHEAD))
        doubtful(p, MSG_VALIDATE_YEAR);
}

static void check_date(struct primitive *p)
{
    if (format_date(p->text) != FORMAT_DAY)
        wrong(p, MSG_VALIDATE_DATE, "YYYY, YYYY-MM, YYYY-MM-DD");
    else
        check_year(p);
}

static void check_date_time(struct primitive *p)
{
    enum format_date found = format_date(p->text);

    if (found == FORMAT_NO_DATE)
        wrong(p, MSG_VALIDATE_DATE, "YYYY-MM-DDThh:mm:ss+09:00");
    else if (found == FORMAT_TIME_WITHOUT_ZONE)
        wrong(p, MSG_VALIDATE_DATE, "+09:00 / Z");
    else
        check_year(p);
}

static void check_instant(struct primitive *p)
{
    if (format_date(p->text) != FORMAT_TIME)
        wrong(p, MSG_VALIDATE_DATE, "YYYY-MM-DDThh:mm:ss+09:00");
    else
        check_year(p);
}

static void check_time(struct primitive *p)
{
    if (!format_is_time(p->text))
        wrong(p, MSG_VALIDATE_DATE, "hh:mm:ss");
}

static void check_decimal(struct primitive *p)
{
    size_t digits = 0;

    if (!format_is_decimal(p->text)) {
        wrong(p, MSG_VALIDATE_FORMAT, "123.45");
        return;
    }
    for (size_t i = 0; i < p->text.len && p->text.data[i] != 'e' && p->text.data[i] != 'E'; i++)
        digits += p->text.data[i] >= '0' && p->text.data[i] <= '9';
    if (digits > 18)
        doubtful(p, MSG_VALIDATE_DIGITS);
}

static void check_integer(struct primitive *p, int64_t least)
{
    int64_t value = 0;

    if (p->text.len > 11 || text_to_int64(p->text.data, p->text.len, INT32_MIN, INT32_MAX, &value) < 0)
        wrong(p, MSG_VALIDATE_FORMAT, "-2147483648 - 2147483647");
    else if (value < least)
        wrong(p, MSG_VALIDATE_OUT_OF_RANGE, least == 0 ? ">= 0" : ">= 1");
    else if (!format_is_integer(p->text))
        wrong(p, MSG_VALIDATE_FORMAT, "123");
}

static void check_whole(struct primitive *p)
{
    check_integer(p, INT32_MIN);
}

static void check_unsigned(struct primitive *p)
{
    check_integer(p, 0);
}

static void check_positive(struct primitive *p)
{
    check_integer(p, 1);
}

static void check_base64(struct primitive *p)
{
    if (!format_is_base64(p->text))
        wrong(p, MSG_VALIDATE_BASE64, NULL);
}

/* The id of a resource is judged with the resource (typed.c). */
static void check_id(struct primitive *p)
{
    if (p->at->up != NULL && p->at->up == p->at->resource && p->at->name.len == 2 && memcmp(p->at->name.data, "id", 2) == 0)
        return;
    if (!format_is_id(p->text))
        wrong(p, MSG_VALIDATE_ID, NULL);
}

static void check_code(struct primitive *p)
{
    if (!p->token && !format_is_code(p->text))
        wrong(p, MSG_VALIDATE_CODE_SPACES, NULL);
}

static void check_length(struct primitive *p)
{
    uint32_t max = p->definition != NULL && p->definition->max_length > 0 && p->definition->max_length < TEXT_MAX ? p->definition->max_length : TEXT_MAX;
    char number[16];

    if (p->text.len <= max || format_units(p->text) <= max)
        return;
    snprintf(number, sizeof number, "%u", max);
    p->fine = false;
    engine_report_bytes(p->e, p->at, NULL, MSG_ERROR, MSG_VALIDATE_TOO_LONG, NULL, p->at->name, (struct bytes){ number, strlen(number) });
}

static void check_string(struct primitive *p)
{
    if (!p->token && format_trim(p->text).len != p->text.len)
        doubtful(p, MSG_VALIDATE_TEXT_SPACES);
    check_length(p);
}

/* ---- addresses ---- */

/* Prefixes below http://hl7.org/fhir that stand for something without being in the packages' profiles, value sets or code systems. */
static const char *const known_below_fhir[] = {
    "http://hl7.org/fhir/w5", "http://hl7.org/fhir/fivews", "http://hl7.org/fhir/workflow", "http://hl7.org/fhir/interface", "http://hl7.org/fhir/ConsentPolicy/opt-",
    "http://hl7.org/fhir/sid/", "http://hl7.org/fhir/SearchParameter/", "http://hl7.org/fhir/OperationDefinition/", "http://hl7.org/fhir/ConceptMap/",
    "http://hl7.org/fhir/CapabilityStatement/", "http://hl7.org/fhir/CompartmentDefinition/", "http://hl7.org/fhir/StructureMap/", "http://hl7.org/fhir/NamingSystem/",
    "http://hl7.org/fhir/GraphDefinition/", "http://hl7.org/fhir/StructureDefinition/elementdefinition-type-must-support", "http://hl7.org/fhir/StructureDefinition/instance-name",
    "http://hl7.org/fhir/StructureDefinition/instance-description", "http://hl7.org/fhir/StructureDefinition/codesystem-properties-mode",
    "http://hl7.org/fhir/StructureDefinition/structuredefinition-rdf-type", "http://hl7.org/fhir/StructureDefinition/structuredefinition-conformance-derivedFrom",
    "http://hl7.org/fhir/StructureDefinition/structuredefinition-fmm-support", "http://hl7.org/fhirpath/System."
};

/* "http://hl7.org/fhir/5.0/StructureDefinition/extension-...": an element of another version as an extension. */
static bool is_of_other_version(struct bytes url)
{
    static const char head[] = "http://hl7.org/fhir/";
    size_t n = sizeof head - 1;

    return url.len > n + 4 && url.data[n] >= '1' && url.data[n] <= '6' && url.data[n + 1] == '.' && memchr(url.data + n, '/', url.len - n) != NULL;
}

/* "http://terminology.hl7.org/CodeSystem/...": HL7's own terminology. */
static bool is_of_terminology(const struct image *image, struct bytes url)
{
    size_t n = sizeof TERMINOLOGY - 1;
    const char *slash = format_begins(url, TERMINOLOGY) ? memchr(url.data + n, '/', url.len - n) : NULL;

    return slash != NULL && image_find_type(image, url.data + n, (size_t)(slash - url.data) - n) != 0;
}

static bool leads_somewhere(const struct image *image, struct bytes url)
{
    struct bytes plain;
    img_str text;

    if ((!format_begins(url, "http://hl7.org/fhir") && !is_of_terminology(image, url)) || format_holds(url, "example.org") || format_holds(url, "acme.com") || is_of_other_version(url))
        return true;
    plain = (struct bytes){ url.data, format_until(url, "|#") };
    for (size_t i = 0; i < sizeof known_below_fhir / sizeof *known_below_fhir; i++)
        if (format_begins(url, known_below_fhir[i]))
            return true;
    if (image_find_profile(image, url.data, url.len) != 0 || image_find_system(image, plain.data, plain.len) != NULL
        || image_find_value_set(image, plain.data, plain.len) != NULL)
        return true;
    text = image_find_str(image, plain.data, plain.len);
    for (uint32_t i = 0; text != 0 && i < image->count[IMG_NAMINGS]; i++)
        if (image->namings[i].uri == text)
            return true;
    return false;
}

/* FHIR's own addresses must lead to something that is loaded; about those of others nothing can be said. */
static bool is_known_address(const struct engine *e, struct bytes url)
{
    enum { NOT_ASKED, KNOWN, UNKNOWN };
    struct canonical_found *found;

    if (!format_begins(url, "http://hl7.org/fhir") && !format_begins(url, TERMINOLOGY))
        return true;
    found = canonicals_find(e->session->canonicals, e->image, url.data, url.len);
    if (found->judged == NOT_ASKED)
        found->judged = leads_somewhere(e->image, url) ? KNOWN : UNKNOWN;
    return found->judged == KNOWN;
}

static void check_uuid_and_oid(struct primitive *p)
{
    struct bytes rest = p->text;

    if (format_begins(p->text, "urn:uuid:")) {
        const char *end = memchr(p->text.data, '#', p->text.len);

        rest = (struct bytes){ p->text.data + 9, (end != NULL ? (size_t)(end - p->text.data) : p->text.len) - 9 };
        if (!format_is_uuid(rest))
            wrong(p, MSG_VALIDATE_FORMAT, "urn:uuid:xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx (0-9a-f)");
    } else if (format_begins(p->text, "urn:oid:")) {
        rest = (struct bytes){ p->text.data + 8, p->text.len - 8 };
        if (!format_is_oid(rest))
            wrong(p, MSG_VALIDATE_FORMAT, "urn:oid:1.2.392....");
    }
}

static bool is_full_url(const struct place *at)
{
    return at->name.len == 7 && memcmp(at->name.data, "fullUrl", 7) == 0;
}

/* The address of a resource that defines something: it names the resource, and nothing need be there yet. Such resources have a publication status. */
static bool is_own_address(const struct primitive *p)
{
    const struct image *image = p->e->image;
    const struct img_element *root;

    if (p->at->up == NULL || p->at->up != p->at->resource || p->at->name.len != 3 || memcmp(p->at->name.data, "url", 3) != 0)
        return false;
    root = image_element(image, p->at->up->element);
    for (uint32_t i = 0; root != NULL && i < root->children.count; i++) {
        const struct img_element *child = image_element(image, image->children[root->children.first + i]);
        if (format_is(image_bytes(image, child->name), "status"))
            return format_begins(image_bytes(image, child->binding), "http://hl7.org/fhir/ValueSet/publication-status");
    }
    return false;
}

static void check_uri(struct primitive *p)
{
    if (format_begins(p->text, "oid:"))
        wrong(p, MSG_VALIDATE_FORMAT, "urn:oid:");
    if (format_begins(p->text, "uuid:"))
        wrong(p, MSG_VALIDATE_FORMAT, "urn:uuid:");
    if (!p->token && (format_trim(p->text).len != p->text.len || format_has_ascii_space(p->text)))
        wrong(p, MSG_VALIDATE_URI_SPACES, NULL);
    check_length(p);
    check_uuid_and_oid(p);
    if (is_own_address(p)) {
        if (!format_is_absolute(p->text))
            wrong(p, MSG_VALIDATE_NOT_ABSOLUTE, NULL);
    } else if (!is_full_url(p->at) && !is_known_address(p->e, p->text))
        wrong(p, MSG_VALIDATE_URL_UNKNOWN, NULL);
}

static void check_oid(struct primitive *p)
{
    if (!format_begins(p->text, "urn:oid:"))
        wrong(p, MSG_VALIDATE_FORMAT, "urn:oid:1.2.392....");
    check_uri(p);
}

static void check_uuid(struct primitive *p)
{
    if (!format_begins(p->text, "urn:uuid:"))
        wrong(p, MSG_VALIDATE_FORMAT, "urn:uuid:");
    check_uri(p);
}

static void check_canonical(struct primitive *p)
{
    if (p->text.data[0] != '#' && !format_is_absolute(p->text))
        wrong(p, MSG_VALIDATE_NOT_ABSOLUTE, NULL);
    if (!p->token && (format_trim(p->text).len != p->text.len || format_has_ascii_space(p->text)))
        wrong(p, MSG_VALIDATE_URI_SPACES, NULL);
    check_uuid_and_oid(p);
    canonical_check_target(p->e, p->at, p->definition, p->text);
}

/* Types that are not of R4 bring a regex. It is anchored at both ends, as everywhere in FHIR. */
static void check_regex(struct primitive *p)
{
    const char *regex = image_text(p->e->image, p->type->regex);
    int error = 0;
    size_t where = 0;
    pcre2_code *code;
    pcre2_match_data *data = NULL;
    pcre2_match_context *limits = NULL;

    if (p->type->regex == 0)
        return;
    code = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED, PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF, &error, &where, NULL);
    if (code != NULL)
        data = pcre2_match_data_create_from_pattern(code, NULL);
    limits = pcre2_match_context_create(NULL);
    if (data == NULL || limits == NULL) {
        engine_report(p->e, p->at, NULL, MSG_WARNING, MSG_VALIDATE_UNCHECKED, NULL, NULL, regex, NULL);
        goto out;
    }
    pcre2_set_match_limit(limits, REGEX_STEPS);
    pcre2_set_depth_limit(limits, REGEX_STEPS);
    error = pcre2_match(code, (PCRE2_SPTR)p->text.data, p->text.len, 0, 0, data, limits);
    if (error == PCRE2_ERROR_NOMATCH)
        wrong(p, MSG_VALIDATE_FORMAT, regex);
    else if (error < 0)
        engine_report(p->e, p->at, NULL, MSG_WARNING, MSG_VALIDATE_UNCHECKED, NULL, NULL, regex, NULL);
out:
    pcre2_match_context_free(limits);
    pcre2_match_data_free(data);
    pcre2_code_free(code);
}

/* ---- the element ---- */

enum json_need { NEED_TEXT, NEED_NUMBER, NEED_TRUTH };

struct primitive_type { enum json_need need; void (*check)(struct primitive *p); };

static const struct primitive_type types[IMG_WELL_KNOWN_TYPES] = {
    [IMG_OTHER_TYPE] = { NEED_TEXT, check_regex }, [IMG_STRING] = { NEED_TEXT, check_string }, [IMG_URI] = { NEED_TEXT, check_uri }, [IMG_CODE] = { NEED_TEXT, check_code },
    [IMG_ID] = { NEED_TEXT, check_id }, [IMG_CANONICAL] = { NEED_TEXT, check_canonical }, [IMG_DATE_TIME] = { NEED_TEXT, check_date_time }, [IMG_DECIMAL] = { NEED_NUMBER, check_decimal },
    [IMG_INSTANT] = { NEED_TEXT, check_instant }, [IMG_DATE] = { NEED_TEXT, check_date }, [IMG_BOOLEAN] = { NEED_TRUTH, check_boolean }, [IMG_MARKDOWN] = { NEED_TEXT, NULL },
    [IMG_XHTML_TEXT] = { NEED_TEXT, NULL }, [IMG_POSITIVE_INT] = { NEED_NUMBER, check_positive }, [IMG_UNSIGNED_INT] = { NEED_NUMBER, check_unsigned }, [IMG_INTEGER] = { NEED_NUMBER, check_whole },
    [IMG_INTEGER64] = { NEED_TEXT, check_regex }, [IMG_URL] = { NEED_TEXT, check_uri }, [IMG_BASE64] = { NEED_TEXT, check_base64 }, [IMG_TIME] = { NEED_TEXT, check_time },
    [IMG_UUID] = { NEED_TEXT, check_uuid }, [IMG_OID] = { NEED_TEXT, check_oid },
};

/* Kinds are judged by the reader of the reference, which does not know of indexes. */
static void wrong_kind(struct engine *e, const struct place *at, const char *what)
{
    struct place whole = *at;

    whole.index = NO_INDEX;
    engine_report_read(e, &whole, at->node, MSG_VALIDATE_KIND, at->name, (struct bytes){ what, strlen(what) });
}

/* Is there something to read? Objects, arrays and null are no value at all; another kind of value is said and then read as text. */
static bool check_kind(struct engine *e, const struct place *at, enum json_need need)
{
    static const char *const wanted[] = { "string", "number", "boolean" };
    enum json_type type = at->node->type;
    bool right = need == NEED_TEXT ? type == JSON_STRING : need == NEED_NUMBER ? type == JSON_NUMBER : type == JSON_TRUE || type == JSON_FALSE;

    if (!right)
        wrong_kind(e, at, wanted[need]);
    return type != JSON_OBJECT && type != JSON_ARRAY && type != JSON_NULL;
}

/* An element without a value: only good with an extension in its place. */
static void check_nothing(struct primitive *p, bool accompanied)
{
    if (!accompanied && p->text.data == NULL)
        engine_report_bytes(p->e, p->at, NULL, MSG_ERROR, MSG_VALIDATE_EMPTY, NULL, p->at->name, (struct bytes){ NULL, 0 });
    else if (!accompanied && p->text.len == 0)
        engine_report_bytes(p->e, p->at, NULL, MSG_ERROR, MSG_VALIDATE_EMPTY, NULL, p->at->name, (struct bytes){ NULL, 0 });
    else if (p->text.len > 0)
        doubtful(p, MSG_VALIDATE_TEXT_SPACES);
}

/* Characters that XML cannot carry: the reference warns, the service refuses them, and it asks for none that only one maker knows (private use). */
static void check_characters(struct primitive *p, bool long_text)
{
    bool service = p->e->request->reading == VALIDATE_SERVICE;
    int64_t where = text_find_control(p->text.data, p->text.len, true);
    bool control = where >= 0 && (unsigned char)p->text.data[where] < 0x20;

    if (where >= 0 && (control || service))
        engine_report_bytes(p->e, p->at, NULL, control && service ? MSG_ERROR : MSG_WARNING, MSG_VALIDATE_CONTROL, NULL, long_text ? p->at->name : p->text, (struct bytes){ NULL, 0 });
}

bool primitive_is_plain(const struct place *at, enum img_well_known type, const struct img_element *definition)
{
    const struct json_node *node = at->node;

    return (type == IMG_STRING || type == IMG_CODE) && at->companion == NULL && json_is(node, JSON_STRING) && node->len <= PLAIN_MAX && definition->max_length == 0
        && format_is_token((struct bytes){ node->text, node->len });
}

void primitive_check(struct engine *e, const struct place *at, const struct img_profile *type, const struct img_element *definition)
{
    const struct primitive_type *known = &types[type->well_known];
    struct primitive p = { .e = e, .at = at, .type = type, .definition = definition, .fine = true };
    bool accompanied = at->companion != NULL && at->companion->type == JSON_OBJECT && at->companion->count > 0;

    if (at->companion != NULL && at->companion->type != JSON_OBJECT && !(at->companion->type == JSON_NULL && at->index != NO_INDEX)) {
        wrong_kind(e, at, "object");
        return;
    }
    if (at->node != NULL && !(at->node->type == JSON_NULL && at->index != NO_INDEX)) {
        if (!check_kind(e, at, known->need))
            return;
        p.text = at->node->type == JSON_TRUE ? (struct bytes){ "true", 4 } : at->node->type == JSON_FALSE ? (struct bytes){ "false", 5 }
                                                                                   : (struct bytes){ at->node->text, at->node->len };
        if (p.text.data == NULL)
            p.text.data = "";
    }
    p.token = format_is_token(p.text);
    if (!p.token && format_trim(p.text).len == 0) {
        check_nothing(&p, accompanied);
        return;
    }
    if (at->node->type == JSON_STRING && !p.token)
        check_characters(&p, known->need == NEED_TEXT && known->check == NULL);
    if (known->check != NULL)
        known->check(&p);
}
