/*
 * NAME
 *     defining - resources that define something: which check each type has, and the short ones
 *
 * DESCRIPTION
 *     The HL7 reference checks some types by code, beyond their definitions and invariants. Those are here and in the files that defining.h names: CodeSystem, ConceptMap and SearchParameter
 *     in this one. Anything that needs what nobody has loaded (a code system, an imported map) says nothing.
 *
 * DIAGNOSTICS
 *     VALIDATE_CODES_COUNT, _CODES_CONTENT, _CODE_UNKNOWN, _FHIRPATH, _NOT_CHECKED.
 */
#include "validate/engine/defining.h"

#include <stdlib.h>

enum { WORK_MAX = 10000000, PROGRAM_MAX = 1 << 18, CONCEPT_DEPTH = 64 };

static const struct bytes none = { NULL, 0 };

/* ---- what the checks share ---- */

static const struct json_node *object_from(const struct json_node *n)
{
    while (n != NULL && n->type != JSON_OBJECT)
        n = n->next;
    return n;
}

struct defining_list defining_first(const struct json_node *object, const char *name)
{
    const struct json_node *member = json_get(object, name);

    return (struct defining_list){ json_is(member, JSON_ARRAY) ? object_from(member->child) : NULL, 0 };
}

void defining_next(struct defining_list *list)
{
    list->node = object_from(list->node->next);
    list->index++;
}

size_t defining_count(const struct json_node *object, const char *name)
{
    size_t count = 0;

    for (struct defining_list l = defining_first(object, name); l.node != NULL; defining_next(&l))
        count++;
    return count;
}

bool defining_spend(struct engine *e, const struct place *at)
{
    if (e->failed || e->walk->compared > WORK_MAX)
        return false;
    if (++e->walk->compared > WORK_MAX)
        walk_limit(e, at, "comparisons");
    return e->walk->compared <= WORK_MAX;
}

const struct json_node *defining_contained(struct engine *e, const struct place *at, struct bytes reference, const char *type)
{
    struct reference_target target = references_find(e, at->node, reference);

    return target.way == REFERENCE_CONTAINED && json_equals(json_get(target.resource, "resourceType"), type) ? target.resource : NULL;
}

bool defining_number(const struct json_node *node, long double *ret_number)
{
    char text[64];

    if (!json_is(node, JSON_NUMBER) || node->len >= sizeof text)
        return false;
    memcpy(text, node->text, node->len);
    text[node->len] = '\0';
    *ret_number = strtold(text, NULL);
    return true;
}

bool defining_is_fhirpath(struct engine *e, struct bytes text, const char **ret_why)
{
    struct err why = ERR_INIT;
    struct buf program;
    bool fine;

    buf_init(&program, PROGRAM_MAX);
    fine = fhirpath_compile(text.data, text.len, &program, &why) == 0;
    buf_free(&program);
    if (!fine && why.code == ERR_NOMEM)
        e->failed = true;
    if (!fine && (*ret_why = arena_strndup(e->arena, why.arg[0], strlen(why.arg[0]))) == NULL)
        *ret_why = "";
    return fine;
}

/* ---- CodeSystem ---- */

/* Concepts nest as the JSON does. */
static size_t count_concepts(struct engine *e, const struct place *at, const struct json_node *of, unsigned depth)
{
    size_t count = 0;

    for (struct defining_list c = defining_first(of, "concept"); c.node != NULL && depth < CONCEPT_DEPTH && defining_spend(e, at); defining_next(&c))
        count += 1 + count_concepts(e, at, c.node, depth + 1);
    return count;
}

static void check_count(struct engine *e, const struct place *at, struct bytes content)
{
    const struct json_node *stated = json_get(at->node, "count");
    struct place place = engine_child(at, "count", NO_INDEX, stated);
    size_t count = count_concepts(e, at, at->node, 0);
    int64_t number;

    if (!format_is(content, "complete") || !json_is(stated, JSON_NUMBER) || json_to_int64(stated, &number) < 0 || number < 0 || (uint64_t)number == count)
        return;
    defining_report(e, &place, MSG_VALIDATE_CODES_COUNT, (struct bytes){ stated->text, stated->len }, none);
}

/* A supplement holds nothing but what it adds to another system's concepts. */
static void check_supplement(struct engine *e, const struct place *at, struct bytes content, struct bytes system)
{
    static const char *const not_its_own[] = { "caseSensitive", "hierarchyMeaning" };
    struct place place = engine_child(at, "content", NO_INDEX, json_get(at->node, "content"));
    struct terms_coding coding = { .system = system };
    struct terms_why why;

    if (!format_is(content, "supplement"))
        defining_report(e, &place, MSG_VALIDATE_CODES_CONTENT, content, defining_text("supplement"));
    for (size_t i = 0; i < sizeof not_its_own / sizeof *not_its_own; i++) {
        const struct json_node *member = json_get(at->node, not_its_own[i]);
        struct place wrong = engine_child(at, not_its_own[i], NO_INDEX, member);
        if (member != NULL)
            defining_report(e, &wrong, MSG_VALIDATE_FORBIDDEN, wrong.name, none);
    }
    for (struct defining_list c = defining_first(at->node, "concept"); c.node != NULL && defining_spend(e, at); defining_next(&c)) {
        struct place concept = engine_child(at, "concept", c.index, c.node);
        coding.code = format_member(c.node, "code");
        if (coding.code.data != NULL && terms_in_system(&e->terms, &coding, &why) == TERMS_NO)
            defining_report(e, &concept, MSG_VALIDATE_CODE_UNKNOWN, coding.code, system);
    }
}

static void code_system_check(struct engine *e, const struct place *at)
{
    struct bytes content = format_member(at->node, "content"), system = format_member(at->node, "supplements");
    struct defining_list first = defining_first(at->node, "concept");
    struct place concept = engine_child(at, "concept", 0, first.node), place = engine_child(at, "content", NO_INDEX, json_get(at->node, "content"));

    if (content.data == NULL)
        return;
    if (system.data != NULL)
        check_supplement(e, at, content, system);
    else if (format_is(content, "supplement"))
        defining_report(e, &place, MSG_VALIDATE_MISSING, defining_text("CodeSystem.supplements"), none);
    check_count(e, at, content);
    if (format_is(content, "not-present") && first.node != NULL)
        defining_report(e, &concept, MSG_VALIDATE_CODES_CONTENT, content, none);
}

/* ---- ConceptMap ---- */

static void check_mapped(struct engine *e, const struct place *at, const struct json_node *group, const char *system)
{
    struct terms_coding coding = { .system = format_member(group, system), .code = format_member(at->node, "code") };
    struct place place = engine_child(at, "code", NO_INDEX, json_get(at->node, "code"));
    struct terms_why why;

    if (coding.system.data != NULL && coding.code.data != NULL && terms_in_system(&e->terms, &coding, &why) == TERMS_NO && why.reason == TERMS_CODE_UNKNOWN)
        defining_report(e, &place, MSG_VALIDATE_CODE_UNKNOWN, coding.code, coding.system);
}

static void concept_map_check(struct engine *e, const struct place *at)
{
    for (struct defining_list g = defining_first(at->node, "group"); g.node != NULL; defining_next(&g)) {
        struct place group = engine_child(at, "group", g.index, g.node);
        for (struct defining_list c = defining_first(g.node, "element"); c.node != NULL && defining_spend(e, at); defining_next(&c)) {
            struct place element = engine_child(&group, "element", c.index, c.node);
            check_mapped(e, &element, g.node, "source");
            for (struct defining_list t = defining_first(c.node, "target"); t.node != NULL && defining_spend(e, at); defining_next(&t)) {
                struct place target = engine_child(&element, "target", t.index, t.node);
                check_mapped(e, &target, g.node, "target");
            }
        }
    }
}

/* ---- SearchParameter ---- */

static void search_parameter_check(struct engine *e, const struct place *at)
{
    struct place place = engine_child(at, "expression", NO_INDEX, json_get(at->node, "expression"));
    struct bytes expression = format_member(at->node, "expression");
    const char *why = "";

    if (expression.data != NULL && !defining_is_fhirpath(e, expression, &why))
        defining_report(e, &place, MSG_VALIDATE_FHIRPATH, expression, defining_text(why));
}

/* ---- which type has which ---- */

static const struct defining { const char *type; void (*check)(struct engine *e, const struct place *at); } table[] = {
    { "CodeSystem", code_system_check },
    { "ConceptMap", concept_map_check },
    { "Measure", measure_check },
    { "MeasureReport", measure_report_check },
    { "Questionnaire", questionnaire_check },
    { "QuestionnaireResponse", questionnaire_response_check },
    { "SearchParameter", search_parameter_check },
    { "StructureDefinition", structure_definition_check },
    { "StructureMap", structure_map_check },
};

void defining_check(struct engine *e, const struct place *at)
{
    struct bytes type = format_member(at->node, "resourceType");

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (format_is(type, table[i].type)) {
            table[i].check(e, at);
            return;
        }
}
