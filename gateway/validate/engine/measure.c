/*
 * NAME
 *     measure - what a Measure's criteria need, and a MeasureReport against a measure that came with it
 *
 * DESCRIPTION
 *     Criteria in CQL need a library. The groups, populations and stratifiers of a MeasureReport are those of its contained Measure ("#id"), told apart by their codes, each there once;
 *     the score is what the kind of scoring and of report ask for. A measure that is elsewhere is not known here, so nothing is said.
 *
 * DIAGNOSTICS
 *     VALIDATE_MEASURE_LIBRARY, _MEASURE_CODE, _MEASURE_PART, _MEASURE_TWICE, _MISSING, _FORBIDDEN, _OUT_OF_RANGE.
 */
#include "validate/engine/defining.h"

static const struct bytes none = { NULL, 0 };

/* ---- Measure ---- */

void measure_check(struct engine *e, const struct place *at)
{
    bool library = json_get(at->node, "library") != NULL;

    for (struct defining_list g = defining_first(at->node, "group"); g.node != NULL && !library; defining_next(&g)) {
        struct place group = engine_child(at, "group", g.index, g.node);
        for (struct defining_list s = defining_first(g.node, "stratifier"); s.node != NULL; defining_next(&s)) {
            struct place stratifier = engine_child(&group, "stratifier", s.index, s.node), criteria = engine_child(&stratifier, "criteria", NO_INDEX, json_get(s.node, "criteria"));
            struct bytes language = format_member(criteria.node, "language");
            if (language.data != NULL && (format_is(language, "text/cql") || format_is(language, "text/cql.identifier")))
                defining_report(e, &criteria, MSG_VALIDATE_MEASURE_LIBRARY, language, none);
        }
    }
}

/* ---- MeasureReport ---- */

struct report { struct engine *e; const struct place *at; struct bytes scoring, type; };

/* Have the two concepts a coding in common? Without any coding the text decides where it may. */
static bool same_code(const struct report *r, const struct json_node *a, const struct json_node *b, bool text)
{
    for (struct defining_list x = defining_first(a, "coding"); x.node != NULL; defining_next(&x))
        for (struct defining_list y = defining_first(b, "coding"); y.node != NULL && defining_spend(r->e, r->at); defining_next(&y))
            if (defining_same(format_member(x.node, "code"), format_member(y.node, "code")) && defining_same(format_member(x.node, "system"), format_member(y.node, "system")))
                return true;
    return text && defining_count(a, "coding") == 0 && defining_count(b, "coding") == 0 && defining_same(format_member(a, "text"), format_member(b, "text"));
}

/* The code of a part; that of a report's stratifier repeats, the first one counts. */
static const struct json_node *code_of(const struct json_node *part)
{
    const struct json_node *code = json_get(part, "code");

    return json_is(code, JSON_ARRAY) ? defining_first(part, "code").node : code;
}

/* The part of this name in the measure's group (or the measure) that has the code. */
static const struct json_node *find_part(const struct report *r, const struct json_node *of, const char *name, const struct json_node *code)
{
    for (struct defining_list p = defining_first(of, name); p.node != NULL && defining_spend(r->e, r->at); defining_next(&p))
        if (same_code(r, json_get(p.node, "code"), code, strcmp(name, "stratifier") == 0))
            return p.node;
    return NULL;
}

/* Was the part reported before this one? */
static bool is_second(const struct report *r, const struct json_node *of, const char *name, const struct json_node *holder, const struct json_node *before, const struct json_node *part)
{
    for (struct defining_list p = defining_first(holder, name); p.node != NULL && p.node != before && defining_spend(r->e, r->at); defining_next(&p))
        if (code_of(p.node) != NULL && find_part(r, of, name, code_of(p.node)) == part)
            return true;
    return false;
}

/* What one reported part stands for; NULL when that cannot be said, which is reported. */
static const struct json_node *known_part(const struct report *r, const struct place *at, const struct json_node *of, const char *name, const struct json_node *holder)
{
    const struct json_node *code = code_of(at->node), *part = code != NULL ? find_part(r, of, name, code) : NULL;

    if (code == NULL)
        defining_report(r->e, at, MSG_VALIDATE_MEASURE_CODE, defining_text(name), none);
    else if (part == NULL)
        defining_report(r->e, at, MSG_VALIDATE_MEASURE_PART, defining_text(name), none);
    else if (is_second(r, of, name, holder, at->node, part))
        defining_report(r->e, at, MSG_VALIDATE_MEASURE_TWICE, defining_text(name), none);
    else
        return part;
    return NULL;
}

/* Observations of a measure need not be reported. */
static bool may_be_absent(const struct json_node *part)
{
    for (struct defining_list c = defining_first(json_get(part, "code"), "coding"); c.node != NULL; defining_next(&c))
        if (json_equals(json_get(c.node, "code"), "measure-observation") && json_equals(json_get(c.node, "system"), "http://terminology.hl7.org/CodeSystem/measure-population"))
            return true;
    return false;
}

static void check_missing(const struct report *r, const struct place *at, const struct json_node *of, const char *name, const struct json_node *holder)
{
    for (struct defining_list p = defining_first(of, name); p.node != NULL && defining_spend(r->e, r->at); defining_next(&p))
        if (!is_second(r, of, name, holder, NULL, p.node) && !may_be_absent(p.node)) {
            defining_report(r->e, at, MSG_VALIDATE_MISSING, defining_text(name), format_member(defining_first(json_get(p.node, "code"), "coding").node, "code"));
            return;
        }
}

static void check_population(const struct report *r, const struct place *at)
{
    if (!format_is(r->type, "subject-list") && json_get(at->node, "subjectResults") != NULL)
        defining_report(r->e, at, MSG_VALIDATE_FORBIDDEN, defining_text("subjectResults"), none);
}

static void forbid(const struct report *r, const struct place *at, const char *name)
{
    struct place place = engine_child(at, name, NO_INDEX, json_get(at->node, name));

    if (place.node != NULL)
        defining_report(r->e, &place, MSG_VALIDATE_FORBIDDEN, defining_text(name), r->scoring);
}

static void check_score(const struct report *r, const struct place *at)
{
    static const char *const scored[] = { "proportion", "ratio", "continuous-variable" }, *const unit[] = { "unit", "system", "code" };
    struct place score = engine_child(at, "measureScore", NO_INDEX, json_get(at->node, "measureScore")), value = engine_child(&score, "value", NO_INDEX, json_get(score.node, "value"));
    bool wanted = false, proportion = format_is(r->scoring, "proportion");
    long double number;

    for (size_t i = 0; i < sizeof scored / sizeof *scored; i++)
        wanted |= format_is(r->scoring, scored[i]);
    if (format_is(r->type, "data-collection") || format_is(r->scoring, "cohort")) {
        forbid(r, at, "measureScore");
        return;
    }
    if (wanted && score.node == NULL)
        defining_report(r->e, at, MSG_VALIDATE_MISSING, defining_text("measureScore"), none);
    if (!wanted || score.node == NULL)
        return;
    for (size_t i = 0; proportion && i < sizeof unit / sizeof *unit; i++)
        forbid(r, &score, unit[i]);
    if (value.node == NULL && json_get(score.node, "extension") == NULL)
        defining_report(r->e, &score, MSG_VALIDATE_MISSING, defining_text("value"), none);
    else if (proportion && defining_number(value.node, &number) && (number < 0 || number > 1))
        defining_report(r->e, &value, MSG_VALIDATE_OUT_OF_RANGE, (struct bytes){ value.node->text, value.node->len }, defining_text("0-1"));
}

static void check_parts(const struct report *r, const struct place *at, const struct json_node *group, const char *name)
{
    for (struct defining_list p = defining_first(at->node, name); p.node != NULL && defining_spend(r->e, r->at); defining_next(&p)) {
        struct place place = engine_child(at, name, p.index, p.node);
        if (known_part(r, &place, group, name, at->node) != NULL && strcmp(name, "population") == 0)
            check_population(r, &place);
    }
    check_missing(r, at, group, name, at->node);
}

static void check_group(const struct report *r, const struct place *at, const struct json_node *group)
{
    check_parts(r, at, group, "population");
    check_score(r, at);
    check_parts(r, at, group, "stratifier");
}

/* Of one group in both, the code may be left out. */
static void check_only_group(const struct report *r, const struct place *at, const struct json_node *group)
{
    const struct json_node *code = json_get(at->node, "code"), *own = json_get(group, "code");

    if (code != NULL && own != NULL && !same_code(r, own, code, true))
        defining_report(r->e, at, MSG_VALIDATE_MEASURE_PART, defining_text("group"), none);
    check_group(r, at, group);
}

void measure_report_check(struct engine *e, const struct place *at)
{
    struct bytes reference = format_member(at->node, "measure");
    const struct json_node *measure = reference.data != NULL && reference.data[0] == '#' ? defining_contained(e, at, reference, "Measure") : NULL;
    struct report r = { e, at, format_member(defining_first(json_get(measure, "scoring"), "coding").node, "code"), format_member(at->node, "type") };
    size_t groups = defining_count(measure, "group");

    if (r.scoring.data == NULL)
        r.scoring = defining_text("");
    if (r.type.data == NULL)
        r.type = defining_text("");
    for (struct defining_list g = defining_first(at->node, "group"); g.node != NULL && groups > 0 && defining_spend(e, at); defining_next(&g)) {
        struct place place = engine_child(at, "group", g.index, g.node);
        bool only = groups == 1 && defining_count(at->node, "group") == 1;
        const struct json_node *group = only ? defining_first(measure, "group").node : known_part(&r, &place, measure, "group", at->node);
        if (only)
            check_only_group(&r, &place, group);
        else if (group != NULL)
            check_group(&r, &place, group);
    }
    if (groups > 0 && !(groups == 1 && defining_count(at->node, "group") == 1) && !format_is(r.type, "data-collection"))
        check_missing(&r, at, measure, "group", at->node);
}
