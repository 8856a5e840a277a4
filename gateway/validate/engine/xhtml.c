/*
 * NAME
 *     xhtml - is the narrative's div what FHIR allows?
 *
 * DESCRIPTION
 *     http://hl7.org/fhir/R4/narrative.html#xhtml: one div in the XHTML name space with the elements and attributes of HTML 4.0 that carry no activity, and
 *     something to read in it. A scanner of one pass over the bytes, without entities, DTDs, network or memory of its own beyond the stack of open elements.
 *     Where XML would be stricter than the HL7 reference (an element still open at the end), the reference is followed.
 *
 * DIAGNOSTICS
 *     VALIDATE_XHTML_BROKEN, _XHTML_NAMESPACE, _XHTML_ROOT, _XHTML_ELEMENT, _XHTML_ATTRIBUTE, _XHTML_ENTITY, _XHTML_ADDRESS; all at the div.
 */
#include "validate/engine/engine.h"

#include <string.h>

#include "base/text.h"
#include "validate/engine/formats.h"

#define XHTML "http://www.w3.org/1999/xhtml"

enum { OPEN_MAX = 200, PREFIX_MAX = 16 };

/* Sorted. */
static const char *const elements[] = {
    "a", "abbr", "acronym", "address", "area", "b", "bdo", "big", "blockquote", "br", "caption", "cite", "code", "col", "colgroup", "dd", "dfn", "div", "dl", "dt",
    "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "kbd", "li", "map", "ol", "p", "pre", "q", "samp", "small", "span", "strong", "sub", "sup", "table",
    "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "ul", "var"
};
static const char *const attributes[] = {
    "abbr", "accesskey", "align", "axis", "char", "charoff", "class", "colspan", "dir", "headers", "id", "lang", "rowspan", "scope", "span", "style", "tabindex", "title",
    "valign", "width", "xml:lang"
};
/* Attributes of certain elements only. */
static const char *const own_attributes[] = {
    "a.charset", "a.coords", "a.href", "a.hreflang", "a.name", "a.rel", "a.rev", "a.shape", "a.type", "area.alt", "area.coords", "area.href", "area.nohref", "area.shape",
    "blockquote.cite", "img.alt", "img.border", "img.height", "img.ismap", "img.longdesc", "img.src", "img.usemap", "img.width", "map.name", "pre.space", "q.cite",
    "table.border", "table.cellpadding", "table.cellspacing", "table.frame", "table.rules", "table.summary", "table.width", "td.nowrap"
};
/* Not within a paragraph. */
static const char *const blocks[] = { "blockquote", "div", "ol", "p", "table", "ul" };
static const char *const entities[] = { "amp", "apos", "gt", "lt", "quot" };

#define IS_ONE_OF(list, text) is_one_of(list, sizeof list / sizeof *list, text)

struct scan {
    const char *at, *end;
    struct engine *e;                   /* NULL = only the verdict is wanted */
    const struct place *place;
    struct bytes open[OPEN_MAX];        /* names without prefix */
    bool paragraph[OPEN_MAX];           /* this one or one around it is a p */
    size_t depth;
    struct bytes prefix[PREFIX_MAX];    /* declared anywhere before; all lead to XHTML unless `foreign` */
    bool foreign[PREFIX_MAX];
    size_t prefixes;
    bool broken, names_fine, content, done;
};

static bool is_one_of(const char *const *list, size_t count, struct bytes text)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = (low + high) / 2, len = strlen(list[middle]);
        int order = memcmp(text.data, list[middle], text.len < len ? text.len : len);

        if (order == 0)
            order = (text.len > len) - (text.len < len);
        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

static void report(struct scan *s, enum msg_id msg, struct bytes arg1, struct bytes arg2)
{
    if (s->e != NULL)
        engine_report_bytes(s->e, s->place, NULL, MSG_ERROR, msg, NULL, arg1, arg2);
}

static struct bytes bytes_of(const char *text)
{
    return (struct bytes){ text, strlen(text) };
}

/* No more can be said of a text after this. */
static void broken(struct scan *s, const char *what, struct bytes detail)
{
    if (!s->broken)
        report(s, MSG_VALIDATE_XHTML_BROKEN, bytes_of(what), detail);
    s->broken = true;
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == ':' || c == '.' || (unsigned char)c >= 0x80;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= 9 && c <= 13);
}

static void skip_blanks(struct scan *s)
{
    while (s->at < s->end && is_blank(*s->at))
        s->at++;
}

static struct bytes read_name(struct scan *s)
{
    struct bytes name = { s->at, 0 };

    while (s->at < s->end && is_name_byte(*s->at))
        s->at++;
    name.len = (size_t)(s->at - name.data);
    return name;
}

static struct bytes local_name(struct bytes name)
{
    const char *colon = name.len > 0 ? memchr(name.data, ':', name.len) : NULL;

    return colon != NULL ? (struct bytes){ colon + 1, name.len - (size_t)(colon + 1 - name.data) } : name;
}

/* "#160" or "#xA0" of a character that XML may hold; 0 = of none. */
static uint32_t numbered(struct bytes name)
{
    bool hex = name.len > 1 && name.data[1] == 'x';
    uint32_t value = 0;

    for (size_t i = hex ? 2 : 1; i < name.len; i++) {
        char c = name.data[i];
        uint32_t digit = c >= '0' && c <= '9' ? (uint32_t)(c - '0') : hex && c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10 : hex && c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10 : 99;

        value = value * (hex ? 16 : 10) + digit;
        if (digit == 99 || value > 0x10FFFF)
            return 0;
    }
    return (value < 0x20 && value != '\t' && value != '\n' && value != '\r') || (value >= 0xD800 && value <= 0xDFFF) || value == 0xFFFE || value == 0xFFFF ? 0 : value;
}

/* After "&": a character reference or one of the five names of XML. */
static void read_reference(struct scan *s)
{
    struct bytes name = { ++s->at, 0 };

    while (s->at < s->end && strchr(";&'\"><", *s->at) == NULL)
        s->at++;
    name.len = (size_t)(s->at - name.data);
    s->at += s->at < s->end;
    if (name.len == 0)
        broken(s, "&", (struct bytes){ NULL, 0 });
    else if (name.data[0] == '#' ? numbered(name) == 0 : !IS_ONE_OF(entities, name))
        report(s, MSG_VALIDATE_XHTML_ENTITY, name, (struct bytes){ NULL, 0 });
}

/* ---- attributes ---- */

static bool is_address_byte(char c)
{
    return (unsigned char)c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c != '\0' && strchr(";?:@&=+$.,/%-_~#[]!'()*|", c) != NULL);
}

/* data:(media type);base64,(data) */
static bool is_data_address(struct bytes value)
{
    const char *comma = memchr(value.data, ',', value.len);
    struct bytes head = { value.data, comma != NULL ? (size_t)(comma - value.data) : 0 };

    return comma != NULL && format_ends(head, ";base64") && memchr(head.data, '/', head.len) != NULL
        && format_is_base64((struct bytes){ comma + 1, value.len - head.len - 1 });
}

static bool is_address(struct bytes value)
{
    if (format_begins(value, "data:"))
        return is_data_address(value);
    for (size_t i = 0; i < value.len; i++)
        if (!is_address_byte(value.data[i]))
            return false;
    return value.len > 0;
}

static void declare_prefix(struct scan *s, struct bytes prefix, struct bytes value)
{
    if (s->prefixes == PREFIX_MAX)
        return;
    s->prefix[s->prefixes] = prefix;
    s->foreign[s->prefixes++] = !format_is(value, XHTML);
}

static void check_attribute(struct scan *s, struct bytes element, struct bytes name, struct bytes value, bool has_value)
{
    char joined[64];
    bool known = IS_ONE_OF(attributes, name);

    if (!known && element.len + name.len + 1 < sizeof joined) {
        memcpy(joined, element.data, element.len);
        joined[element.len] = '.';
        memcpy(joined + element.len + 1, name.data, name.len);
        known = IS_ONE_OF(own_attributes, ((struct bytes){ joined, element.len + name.len + 1 }));
    }
    if (!known) {
        s->names_fine = false;
        report(s, MSG_VALIDATE_XHTML_ATTRIBUTE, name, element);
    }
    if (has_value && s->depth > 0 && ((format_is(name, "href") && format_is(element, "a")) || (format_is(name, "src") && format_is(element, "img"))) && !is_address(value))
        report(s, MSG_VALIDATE_XHTML_ADDRESS, value, (struct bytes){ NULL, 0 });
}

/* The value behind "="; ends at its quote, and as in the reference at ">" whatever the quotes say. */
static struct bytes read_value(struct scan *s)
{
    char quote = s->at < s->end && (*s->at == '"' || *s->at == '\'') ? *s->at++ : '\0';
    struct bytes value = { s->at, 0 };

    while (s->at < s->end && *s->at != '>' && (quote != '\0' ? *s->at != quote : *s->at != '/' && !is_blank(*s->at))) {
        if (*s->at == '&')
            read_reference(s);
        else
            s->at++;
    }
    value.len = (size_t)(s->at - value.data);
    s->at += quote != '\0' && s->at < s->end && *s->at == quote;
    return value;
}

/* Attributes up to "/" or ">". *ret_namespace: value of xmlns, data NULL = none. */
static void read_attributes(struct scan *s, struct bytes element, struct bytes *ret_namespace)
{
    skip_blanks(s);
    while (!s->broken && s->at < s->end && *s->at != '>' && *s->at != '/') {
        struct bytes name = read_name(s), value = { NULL, 0 };
        bool has_value = false;

        if (name.len == 0) {
            broken(s, "<", element);
            return;
        }
        skip_blanks(s);
        if (s->at < s->end && *s->at == '=') {
            s->at++;
            skip_blanks(s);
            value = read_value(s);
            has_value = true;
        } else if (s->at < s->end && !is_name_byte(*s->at) && *s->at != '>' && *s->at != '/') {
            broken(s, "=", name);
            return;
        }
        skip_blanks(s);
        if (format_is(name, "xmlns"))
            *ret_namespace = value;
        else if (format_begins(name, "xmlns:"))
            declare_prefix(s, (struct bytes){ name.data + 6, name.len - 6 }, value);
        else
            check_attribute(s, element, name, value, has_value);
    }
}

/* ---- elements ---- */

static bool prefix_is_foreign(const struct scan *s, struct bytes name)
{
    struct bytes local = local_name(name), prefix = { name.data, local.data > name.data ? (size_t)(local.data - name.data) - 1 : 0 };

    for (size_t i = s->prefixes; local.data != name.data && i-- > 0;)
        if (s->prefix[i].len == prefix.len && memcmp(s->prefix[i].data, prefix.data, prefix.len) == 0)
            return s->foreign[i];
    return local.data != name.data;
}

/* The root's name space must be declared; one further in only if it differs. */
static void check_namespace(struct scan *s, struct bytes name, struct bytes declared)
{
    bool prefixed = local_name(name).data != name.data;

    if (prefixed ? prefix_is_foreign(s, name) : declared.data != NULL ? !format_is(declared, XHTML) : s->depth == 0)
        report(s, MSG_VALIDATE_XHTML_NAMESPACE, declared.data != NULL ? declared : bytes_of("-"), (struct bytes){ NULL, 0 });
}

static void check_element(struct scan *s, struct bytes local)
{
    bool inside = s->depth > 0 && s->paragraph[s->depth - 1];

    if (!IS_ONE_OF(elements, local)) {
        s->names_fine = false;
        report(s, MSG_VALIDATE_XHTML_ELEMENT, local, (struct bytes){ NULL, 0 });
    } else if (inside && IS_ONE_OF(blocks, local)) {
        report(s, MSG_VALIDATE_XHTML_ELEMENT, local, bytes_of("p"));
    }
    if (s->depth == 0 && !format_is(local, "div") && !format_is(local, "DIV") && !format_is(local, "Div"))
        report(s, MSG_VALIDATE_XHTML_ROOT, local, (struct bytes){ NULL, 0 });
    s->content |= format_is(local, "img");
}

/* At the name of a start tag. */
static void read_start(struct scan *s)
{
    struct bytes name = read_name(s), local = local_name(name), declared = { NULL, 0 };

    if (name.len == 0) {
        broken(s, "<", (struct bytes){ NULL, 0 });
        return;
    }
    check_element(s, local);
    read_attributes(s, local, &declared);
    if (s->broken)
        return;
    check_namespace(s, name, declared);
    if (s->at < s->end && *s->at == '/') {
        if (s->at + 1 >= s->end || s->at[1] != '>') {
            broken(s, "/", local);
            return;
        }
        s->at += 2;
        s->done = s->depth == 0;
        return;
    }
    s->at += s->at < s->end;
    if (s->depth == OPEN_MAX) {
        broken(s, "200", local);
        return;
    }
    s->paragraph[s->depth] = format_is(local, "p") || (s->depth > 0 && s->paragraph[s->depth - 1]);
    s->open[s->depth++] = local;
}

/* Behind "</". */
static void read_end(struct scan *s)
{
    const char *close = memchr(s->at, '>', (size_t)(s->end - s->at));
    struct bytes name = { s->at, close != NULL ? (size_t)(close - s->at) : 0 }, open = s->open[s->depth - 1];

    if (close == NULL) {
        broken(s, "</", open);
        return;
    }
    name = local_name(name);
    if (name.len != open.len || (s->depth > 1 ? memcmp(name.data, open.data, open.len) : strncasecmp(name.data, open.data, open.len)) != 0) {
        broken(s, "</", open);
        return;
    }
    s->at = close + 1;
    s->done = --s->depth == 0;
}

/* Behind "<": a comment, a processing instruction, a DOCTYPE. */
static void read_declaration(struct scan *s)
{
    bool comment = s->end - s->at >= 3 && memcmp(s->at, "!--", 3) == 0;
    const char *close = comment ? memmem(s->at + 3, (size_t)(s->end - s->at) - 3, "-->", 3) : memchr(s->at, '>', (size_t)(s->end - s->at));

    if (close == NULL) {
        broken(s, comment ? "<!--" : "<!", (struct bytes){ NULL, 0 });
        return;
    }
    if (!comment && s->end - s->at >= 8 && memcmp(s->at, "!DOCTYPE", 8) == 0) {
        s->names_fine = false;
        report(s, MSG_VALIDATE_XHTML_ELEMENT, bytes_of("!DOCTYPE"), (struct bytes){ NULL, 0 });
    }
    s->at = close + (comment ? 3 : 1);
}

/* Text up to the next "<". */
static void read_text(struct scan *s)
{
    while (!s->broken && s->at < s->end && *s->at != '<') {
        if (*s->at == '&') {
            s->content = true;
            read_reference(s);
        } else {
            s->content |= (unsigned char)*s->at > ' ';
            s->at++;
        }
    }
}

static void read_markup(struct scan *s)
{
    s->at++;
    if (s->at < s->end && (*s->at == '!' || *s->at == '?'))
        read_declaration(s);
    else if (s->depth > 0 && s->at < s->end && *s->at == '/') {
        s->at++;
        read_end(s);
    } else
        read_start(s);
}

static void scan_all(struct scan *s, struct bytes text)
{
    s->at = text.data;
    s->end = text.data + text.len;
    s->names_fine = true;
    while (!s->broken && !s->done && s->at < s->end) {
        if (s->depth == 0)
            skip_blanks(s);
        if (s->at < s->end && *s->at == '<')
            read_markup(s);
        else if (s->depth > 0)
            read_text(s);
        else
            broken(s, "<div>", (struct bytes){ NULL, 0 });
    }
    if (s->depth == 0 && !s->done)
        broken(s, "<div>", (struct bytes){ NULL, 0 });
}

void xhtml_check(struct engine *e, const struct place *at)
{
    struct scan scan;

    if (at->node == NULL || at->node->type != JSON_STRING)
        return;
    memset(&scan, 0, offsetof(struct scan, open));
    scan.e = e;
    scan.place = at;
    scan.depth = scan.prefixes = 0;
    scan.broken = scan.content = scan.done = false;
    scan_all(&scan, (struct bytes){ at->node->text, at->node->len });
}

bool xhtml_fine(struct bytes text)
{
    struct scan scan;

    memset(&scan, 0, offsetof(struct scan, open));
    scan.depth = scan.prefixes = 0;
    scan.broken = scan.content = scan.done = false;
    scan_all(&scan, text);
    return !scan.broken && scan.names_fine && scan.content;
}
