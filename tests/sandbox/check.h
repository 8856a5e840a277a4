/*
 * check.h - the reading of a Bundle: rows of required elements, and the rules that a row cannot say.
 *
 * A row is a path below a resource and how often the last step must stand below each parent that is there. A step may filter its items:
 * `coding{system=URL}` counts items whose member has this text, `profile{=URL}` items that are this text, `profile{~URL}` also `URL|version`.
 * Sources: jp-clins-profiles (tables 2.2 to 2.11), FHIR R4 for what the base requires.
 */
#ifndef SANDBOX_CHECK_H
#define SANDBOX_CHECK_H

#include "tests/sandbox/sandbox.h"

enum check_form {
    FORM_ANY,
    FORM_TEXT,          /* a text that is not empty */
    FORM_FIXED,         /* just arg */
    FORM_ONE_OF,        /* one of arg, separated by | */
    FORM_DATE, FORM_DATETIME, FORM_INSTANT,
    FORM_OBJECT
};

enum { MANY = 65535, LOCATION_MAX = 400 };

struct check_row { const char *path; unsigned short min, max; enum check_form form; const char *arg, *rule; };

/* Runs rows (ended by .path NULL) over one resource that stands at `location`. */
void check_rows(struct sb_bundle *b, const struct json_node *resource, const char *location, const struct check_row *rows);
/* Text members, NUL-terminated in the arena, "" when absent. */
const char *check_text(struct sb_bundle *b, const struct json_node *object, const char *name);
/* A list member's items, or the single value itself: FHIR arrays only, so NULL when it is no array. */
const struct json_node *check_items(const struct json_node *object, const char *name);
/* Item of object.name whose member key is text; *count, when given, how many. */
const struct json_node *check_pick(const struct json_node *object, const char *name, const char *key, const char *text, unsigned *count);
bool check_has_profile(const struct json_node *resource, const char *url, bool bare);
void check_at(char ret_text[static LOCATION_MAX], const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Per type, tables and the rules beside them. in_document: the collection-only rules do not apply. */
void check_resource(struct sb_bundle *b, const struct json_node *resource, const char *location, bool in_document);
void check_contained(struct sb_bundle *b, const struct json_node *resource, const char *location);
void check_flags(struct sb_bundle *b, const struct json_node *resource, const char *location, const char *type);
void check_chart(struct sb_bundle *b, const char *kind);
void check_letter(struct sb_bundle *b);
void check_summary(struct sb_bundle *b);

#define CLINS_SD "http://jpfhir.jp/fhir/clins/StructureDefinition/"
#define ECS_SD "http://jpfhir.jp/fhir/eCS/StructureDefinition/"
#define CORE_SD "http://jpfhir.jp/fhir/core/StructureDefinition/"
#define INSTITUTION_SYSTEM "http://jpfhir.jp/fhir/core/IdSystem/insurance-medical-institution-no"
#define INSTITUTION_EXTENSION "http://jpfhir.jp/fhir/clins/Extension/StructureDefinition/JP_eCS_InstitutionNumber"
#define DEPARTMENT_EXTENSION "http://jpfhir.jp/fhir/eCS/Extension/StructureDefinition/JP_eCS_Department"
#define RESOURCE_ID_SYSTEM "http://jpfhir.jp/fhir/core/IdSystem/resourceInstance-identifier"
#define MEMBER_SYSTEM "http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID"
#define TYPE_TAG_SYSTEM "http://jpfhir.jp/fhir/clins/CodeSystem/BundleResourceType_CS"
#define FLAG_SYSTEM "http://jpfhir.jp/fhir/clins/CodeSystem/JP_ehrshrs_indication"

#endif
