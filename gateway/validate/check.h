/*
 * check.h - private to the room: one run of the validator, and the tables it reads.
 */
#ifndef VALIDATE_CHECK_H
#define VALIDATE_CHECK_H

#include "validate/validate.h"

enum { MANY = UINT16_MAX };

/* What is behind a minimum, for the reading "service": only NEED_SOFT is lowered to a warning. */
enum need { NEED_BASE /* FHIR R4 */, NEED_FIRM /* Japanese, must-support */, NEED_SOFT /* Japanese, not must-support */, NEED_PROSE /* printed only: a warning for the service */ };

/* One line of a table: how often an element stands in each object that the path leads to, and what it may be. */
struct rule {
    const char *path;          /* members from the resource on; the last is the element, "value[x]" = any choice of it */
    uint16_t min, max;
    enum need need;
    const char *one_of;        /* allowed texts "a|b", NULL = any */
    const char *where, *is;    /* count only objects whose member `where` is the string `is` */
    const char *key;           /* rule id, NULL = the message's code */
};

struct check;

struct profile {
    const char *url, *type;
    const struct rule *rules;                                                /* ended by .path NULL; may be NULL */
    void (*check)(struct check *c, const struct json_node *resource);        /* what does not fit into a table; may be NULL */
    bool whole;                                                              /* Bundle or Composition: must be resolvable, may carry "|1" */
};

extern const struct profile check_profiles[];
extern const size_t check_profile_count;

/* fullUrl -> entry, or id -> contained resource: open addressing in the arena. */
struct index_slot { struct bytes key; uint32_t value; bool used; };
struct index { struct index_slot *slots; size_t size; };

/* One Bundle that is being checked; an attached Bundle has its own, inside the other. */
struct scope {
    const struct json_node *bundle;
    struct index urls;
    const struct json_node **resources;  /* by entry */
    uint32_t *group;                     /* union-find: entries that are linked */
    uint32_t count, entry /* whose resource is being walked */;
    bool patient_only;                   /* the five kinds: only the Patient may be referenced */
    const struct scope *outer;
};

struct check {
    const struct validate_request *request;
    struct issue_list *issues;
    struct arena *arena;
    const char *profile;      /* on whose behalf a rule speaks, NULL = base */
    bool service, failed;
};

/* check.c: issues, look-ups, rules, one resource */
void check_add(struct check *c, enum msg_severity severity, enum msg_id msg, const char *rule, const struct json_node *at, const char *arg1, const char *arg2);
/* Same with a node's text as the first argument. */
void check_add_text(struct check *c, enum msg_severity severity, enum msg_id msg, const char *rule, const struct json_node *at, const struct json_node *text, const char *arg2);
void check_prose(struct check *c, enum msg_id msg, const char *rule, const struct json_node *at, const char *arg1, const char *arg2);
void check_rules(struct check *c, const struct json_node *resource, const struct rule *rules);
const struct json_node *check_member_of_choice(const struct json_node *object, const char *prefix);
/* First item of an array (or a single object) whose member `where` is the string `is`. */
const struct json_node *check_find(const struct json_node *list, const char *where, const char *is);
size_t check_count(const struct json_node *list, const char *where, const char *is);
bool check_is_institution(const struct json_node *text);
struct bytes check_type_of(const struct json_node *resource);
bool check_type_is(const struct json_node *resource, const char *type);
/* Canonical URL without "|version". */
bool check_profile_is(const struct json_node *canonical, const char *url);
bool check_has_profile(const struct json_node *resource, const char *url);
void check_against(struct check *c, const struct json_node *resource, const char *profile_url);
/* Everything about one resource but the entries of a Bundle: JSON kinds, references, contained ones, base rules, declared profiles. */
void check_resource(struct check *c, struct scope *scope, const struct json_node *resource);
bool check_index_make(struct check *c, struct index *index, size_t count);
/* The slot of the key; taken if it was free (then .used is still false). */
struct index_slot *check_index_find(const struct index *index, const char *key, size_t len);

/* bundle.c */
void check_bundle(struct check *c, const struct scope *outer, const struct json_node *bundle);
void check_bundle_clins(struct check *c, const struct json_node *bundle);
void check_bundle_referral(struct check *c, const struct json_node *bundle);
void check_bundle_discharge(struct check *c, const struct json_node *bundle);
void check_bundle_summary(struct check *c, const struct json_node *bundle);

/* tables.c and rules.c */
extern const struct rule check_base_rules[];     /* path begins with the type */
extern const char check_resource_types[];        /* " Account ActivityDefinition ... " */
void check_base_invariants(struct check *c, const struct json_node *resource);
void check_patient(struct check *c, const struct json_node *resource);
void check_condition(struct check *c, const struct json_node *resource);
void check_allergy(struct check *c, const struct json_node *resource);
void check_lab(struct check *c, const struct json_node *resource);
void check_medication(struct check *c, const struct json_node *resource);
void check_referral(struct check *c, const struct json_node *resource);
void check_discharge(struct check *c, const struct json_node *resource);
void check_summary(struct check *c, const struct json_node *resource);

#endif
