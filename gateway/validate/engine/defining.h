/*
 * defining.h - private to the engine: resources that define something, and what is checked of them by code.
 *
 * defining.c holds the table of types; each check is called once for a resource of its type, after its walk. What they compare within a resource is bounded for the document
 * (defining_spend): names are looked for in lists that are as long as the sender likes.
 */
#ifndef VALIDATE_ENGINE_DEFINING_H
#define VALIDATE_ENGINE_DEFINING_H

#include "validate/engine/formats.h"
#include "validate/engine/walk.h"

/* The checks. All are called at the place of a resource. */
void defining_check(struct engine *e, const struct place *at);             /* the one that the type has, if any */
void structure_map_check(struct engine *e, const struct place *at);
void structure_definition_check(struct engine *e, const struct place *at);
void questionnaire_check(struct engine *e, const struct place *at);
void questionnaire_response_check(struct engine *e, const struct place *at);
void measure_check(struct engine *e, const struct place *at);
void measure_report_check(struct engine *e, const struct place *at);

/* The objects of a member that repeats, counted as the walk counts them: what is no object is not there. */
struct defining_list { const struct json_node *node; int32_t index; };
struct defining_list defining_first(const struct json_node *object, const char *name);
void defining_next(struct defining_list *list);
size_t defining_count(const struct json_node *object, const char *name);

/* One comparison more; false when the document has had its share, which is told once. */
bool defining_spend(struct engine *e, const struct place *at);
/* The contained resource with this id ("#" is cut off) and type; NULL when there is none. */
const struct json_node *defining_contained(struct engine *e, const struct place *at, struct bytes reference, const char *type);
/* The number as it is near enough to compare; false when it is none or has too many digits. */
bool defining_number(const struct json_node *node, long double *ret_number);
/* Is this an expression of FHIRPath? ret_why may stay empty. */
bool defining_is_fhirpath(struct engine *e, struct bytes text, const char **ret_why);

static inline bool defining_same(struct bytes a, struct bytes b)
{
    return a.data != NULL && b.data != NULL && a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}
static inline void defining_report(struct engine *e, const struct place *at, enum msg_id msg, struct bytes arg1, struct bytes arg2)
{
    engine_report_bytes(e, at, NULL, MSG_ERROR, msg, NULL, arg1, arg2);
}
static inline struct bytes defining_text(const char *text)
{
    return (struct bytes){ text, strlen(text) };
}

#endif
