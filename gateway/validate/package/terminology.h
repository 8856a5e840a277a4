/*
 * terminology.h - a code system while value sets are compiled: its concepts sorted by the number of the code, and who is below whom. Private to the chamber.
 */
#ifndef VALIDATE_PACKAGE_TERMINOLOGY_H
#define VALIDATE_PACKAGE_TERMINOLOGY_H

#include "validate/package/package_private.h"

struct system_concept { img_str code; uint32_t parent /* index + 1, 0 = none */; uint16_t level; const struct json_node *json, *nested_in; };
struct edge { uint32_t child, parent; };    /* index + 1 */

struct code_system {
    const struct resource *resource;
    struct system_concept *concept; size_t count;
    struct edge *edge; size_t edges, edge_room;     /* sorted by parent */
    struct img_run concepts;
    uint8_t content;                                /* enum img_content */
};

/* Index + 1 of the concept, 0 = none. */
uint32_t system_find_code(const struct code_system *s, img_str code);
/* The value[x] of a concept's property; NULL = none. */
const struct json_node *property_value(const struct json_node *property);
/* value_sets.c */
void value_set_compile(struct compile *c, const struct resource *r);
/* filters.c: marks the concepts that all filters let pass. False: an operator or property that cannot be carried out. `pass` has one byte a concept. */
bool filters_apply(struct compile *c, const struct code_system *s, const struct json_node *filters, unsigned char *pass);

#endif
