/*
 * formats.h - private to the engine: does a text have the form that a primitive type asks for?
 *
 * Matchers written by hand for the regexes of http://hl7.org/fhir/R4/datatypes.html, with the calendar where the regex cannot know it, and for what
 * the HL7 reference calls absolute, a token, white space. Pure; a text is any bytes that are valid UTF-8, not terminated.
 */
#ifndef VALIDATE_ENGINE_FORMATS_H
#define VALIDATE_ENGINE_FORMATS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include "base/buf.h"
#include "base/json_doc.h"

/* Text of a primitive, of whatever kind it is written in; data NULL when there is none or it is empty. */
struct bytes format_text(const struct json_node *primitive);
/* The same of a member. */
static inline struct bytes format_member(const struct json_node *object, const char *name) { return format_text(json_get(object, name)); }
static inline bool format_is(struct bytes text, const char *other)
{
    size_t len = strlen(other);
    return text.len == len && memcmp(text.data, other, len) == 0;
}
static inline bool format_begins(struct bytes text, const char *head)
{
    size_t len = strlen(head);
    return text.len >= len && memcmp(text.data, head, len) == 0;
}
bool format_ends(struct bytes text, const char *tail);
bool format_holds(struct bytes text, const char *part);
/* How much of the text stands before the first of these characters: all of it when there is none. */
size_t format_until(struct bytes text, const char *ends);
/* Without white space (Unicode's) at both ends. */
struct bytes format_trim(struct bytes text);
bool format_has_ascii_space(struct bytes text);
/* Visible ASCII only, at least one character: neither spaces nor controls to look for. */
bool format_is_token(struct bytes text);
/* Length in UTF-16 units, as lengths are counted in FHIR. */
size_t format_units(struct bytes text);

/* Dates to a day that exists; with a time: full to the second. */
enum format_date { FORMAT_NO_DATE, FORMAT_DAY /* or month or year only */, FORMAT_TIME, FORMAT_TIME_WITHOUT_ZONE };
enum format_date format_date(struct bytes text);
bool format_is_time(struct bytes text);
bool format_is_decimal(struct bytes text);
bool format_is_integer(struct bytes text);
bool format_is_base64(struct bytes text);
bool format_is_id(struct bytes text);
bool format_is_code(struct bytes text);
bool format_is_uuid(struct bytes text);          /* without urn:uuid:, lower case */
bool format_is_oid(struct bytes text);           /* without urn:oid:, deep enough to be a name space */
/* A scheme and something after it, no space. */
bool format_is_absolute(struct bytes text);
/* Number of bytes that the Base64 text stands for; white space and padding left out. */
size_t format_base64_size(struct bytes text);

#endif
