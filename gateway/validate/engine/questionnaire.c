/*
 * NAME
 *     questionnaire - questions that depend on others, and answers against a questionnaire that came with them
 *
 * DESCRIPTION
 *     A Questionnaire's conditions must name an item that exists, not the item itself nor one within it.
 *     A QuestionnaireResponse is held against its contained Questionnaire ("#id"): items are known, in their place and order, repeat only where they may, have the type and
 *     the options of their question, and are there when they are required and enabled. A questionnaire that is elsewhere is not known here, so nothing is said.
 *     Whether an item is enabled may be beyond what can be said (an expression, values of other types): then nothing is said about that either.
 *     Items below an answer are reported at the item, as the HL7 reference does, with `--reading hl7`.
 *
 * DIAGNOSTICS
 *     VALIDATE_ENABLE_WHEN, _ANSWER_ITEM, _ANSWER_PLACE, _ANSWER_ORDER, _ANSWER_MISSING, _ANSWER_DISABLED, _ANSWER_MANY, _ANSWER_TEXT, _ANSWER_GROUP, _TYPE, _VALUE, _BINDING, _MISSING.
 */
#include "validate/engine/defining.h"

enum { ITEM_DEPTH = 64 };

static const struct bytes none = { NULL, 0 };

/* The first item with this linkId below `of`, in the order of the file. Items nest as the JSON does. */
static const struct json_node *find_item(struct engine *e, const struct place *at, const struct json_node *of, struct bytes link, unsigned depth)
{
    const struct json_node *found = NULL;

    for (struct defining_list i = defining_first(of, "item"); found == NULL && i.node != NULL && depth < ITEM_DEPTH && defining_spend(e, at); defining_next(&i))
        found = defining_same(format_member(i.node, "linkId"), link) ? i.node : find_item(e, at, i.node, link, depth + 1);
    return found;
}

/* ---- Questionnaire ---- */

static void check_conditions(struct engine *e, const struct place *root, const struct place *at)
{
    for (struct defining_list w = defining_first(at->node, "enableWhen"); w.node != NULL && defining_spend(e, at); defining_next(&w)) {
        struct bytes question = format_member(w.node, "question");
        const struct json_node *target = question.data == NULL ? NULL : find_item(e, root, root->node, question, 0);

        if (target == NULL || target == at->node || find_item(e, root, at->node, question, 0) != NULL)
            defining_report(e, at, MSG_VALIDATE_ENABLE_WHEN, question.data != NULL ? question : defining_text(""), none);
    }
}

static void check_questions(struct engine *e, const struct place *root, const struct place *at, unsigned depth)
{
    for (struct defining_list i = defining_first(at->node, "item"); i.node != NULL && depth < ITEM_DEPTH && defining_spend(e, root); defining_next(&i)) {
        struct place item = engine_child(at, "item", i.index, i.node);
        check_conditions(e, root, &item);
        check_questions(e, root, &item, depth + 1);
    }
}

void questionnaire_check(struct engine *e, const struct place *at)
{
    check_questions(e, at, at, 0);
}

/* ---- is a question enabled? ---- */

/* What is under way: items of the response with their questions, the innermost first. */
struct frame { const struct frame *up; const struct json_node *question, *item; };

struct response {
    struct engine *e;
    const struct place *at;
    const struct json_node *questionnaire;
    bool finished;                      /* completed or amended: what is required must be there */
};

enum enabled { ENABLED, DISABLED, ENABLED_UNKNOWN };

struct condition { const struct json_node *expected; struct bytes operator; bool any, met, unknown; };

/* The member "answerBoolean", "valueDecimal", ...: the only one of this name. */
static const struct json_node *choice_of(const struct json_node *object, const char *name)
{
    size_t len = strlen(name);

    for (const struct json_node *n = object->child; n != NULL; n = n->next)
        if (n->key_len > len && memcmp(n->key, name, len) == 0)
            return n;
    return NULL;
}

static bool same_member(const struct json_node *a, const struct json_node *b, const char *name)
{
    struct bytes x = format_member(a, name), y = format_member(b, name);

    return (x.data == NULL && y.data == NULL) || defining_same(x, y);
}

/* Below, equal or above zero; *ret_known false when the two cannot be compared. */
static int compare(const struct json_node *actual, const struct json_node *expected, bool *ret_known)
{
    long double a, b;
    size_t len;
    int order;

    *ret_known = true;
    if (json_is(actual, JSON_NUMBER) && json_is(expected, JSON_NUMBER)) {
        *ret_known = defining_number(actual, &a) && defining_number(expected, &b);
        return *ret_known ? (a > b) - (a < b) : 0;
    }
    if (!json_is(actual, JSON_STRING) || !json_is(expected, JSON_STRING)) {
        *ret_known = actual->type == JSON_TRUE || actual->type == JSON_FALSE;
        return actual->type == expected->type ? 0 : actual->type == JSON_TRUE ? 1 : -1;
    }
    len = actual->len < expected->len ? actual->len : expected->len;
    order = memcmp(actual->text, expected->text, len);
    return order != 0 ? order : (actual->len > expected->len) - (actual->len < expected->len);
}

static bool operator_holds(struct bytes operator, int order)
{
    static const struct { const char *text; bool below, equal, above; } operators[] = {
        { "=", false, true, false }, { "!=", true, false, true }, { ">", false, false, true }, { "<", true, false, false }, { ">=", false, true, true }, { "<=", true, true, false },
    };

    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (format_is(operator, operators[i].text))
            return order < 0 ? operators[i].below : order == 0 ? operators[i].equal : operators[i].above;
    return false;
}

static void hold_answer(struct condition *c, const struct json_node *answer)
{
    const struct json_node *value = choice_of(answer, "value");
    bool coding, known = true;
    int order;

    if (value == NULL)
        return;
    c->any = true;
    if (c->expected == NULL || c->expected->key_len - 6 != value->key_len - 5 || memcmp(c->expected->key + 6, value->key + 5, value->key_len - 5) != 0) {
        c->unknown = true;   /* of another type */
        return;
    }
    coding = json_key_is(value, "valueCoding");
    if (coding)
        order = same_member(value, c->expected, "code") && (json_get(c->expected, "system") == NULL || same_member(value, c->expected, "system")) ? 0 : 1;
    else if (value->type == JSON_OBJECT)
        order = json_get(value, "value") == NULL || json_get(c->expected, "value") == NULL ? (known = false, 0) : compare(json_get(value, "value"), json_get(c->expected, "value"), &known);
    else
        order = compare(value, c->expected, &known);
    c->unknown |= !known;
    c->met |= known && operator_holds(c->operator, order);
}

/* All answers to the question at or below an item, an answer or the whole response. */
static void hold_answers(const struct response *r, struct condition *c, const struct json_node *of, struct bytes question, unsigned depth)
{
    bool asked = defining_same(format_member(of, "linkId"), question);

    if (depth >= ITEM_DEPTH)
        return;
    for (struct defining_list i = defining_first(of, "item"); i.node != NULL && defining_spend(r->e, r->at); defining_next(&i))
        hold_answers(r, c, i.node, question, depth + 1);
    for (struct defining_list a = defining_first(of, "answer"); a.node != NULL && defining_spend(r->e, r->at); defining_next(&a)) {
        if (asked)
            hold_answer(c, a.node);
        hold_answers(r, c, a.node, question, depth + 1);
    }
}

static bool is_within(const struct json_node *node, const struct json_node *outer)
{
    while (node != NULL && node != outer)
        node = node->parent;
    return node != NULL;
}

/* Where the answers count: in the innermost group that holds both questions, or in the whole response. NULL = that group is not under way. */
static const struct json_node *answers_of(const struct response *r, const struct frame *frames, const struct json_node *question, const struct json_node *target)
{
    const struct json_node *group = target;

    while (group != NULL && group != r->questionnaire && !(json_get(group, "linkId") != NULL && is_within(question, group)))
        group = group->parent;
    if (group == NULL || group == r->questionnaire)
        return r->at->node;
    for (; frames != NULL; frames = frames->up)
        if (frames->question == group)
            return frames->item;
    return NULL;
}

static void hold_condition(const struct response *r, const struct frame *frames, const struct json_node *question, const struct json_node *when, struct condition *c)
{
    struct bytes name = format_member(when, "question");
    const struct json_node *target = name.data != NULL ? find_item(r->e, r->at, r->questionnaire, name, 0) : NULL;
    const struct json_node *where = target != NULL ? answers_of(r, frames, question, target) : NULL;

    *c = (struct condition){ .expected = choice_of(when, "answer"), .operator = format_member(when, "operator") };
    if (where != NULL)
        hold_answers(r, c, where, name, 0);
    if (c->operator.data == NULL) {
        c->unknown = true;
    } else if (format_is(c->operator, "exists")) {
        c->unknown = c->expected == NULL || (c->expected->type != JSON_TRUE && c->expected->type != JSON_FALSE);
        c->met = !c->unknown && (c->expected->type == JSON_TRUE) == c->any;
    }
}

static enum enabled is_enabled(const struct response *r, const struct frame *frames, const struct json_node *question)
{
    size_t count = defining_count(question, "enableWhen"), met = 0;
    struct bytes behavior = format_member(question, "enableBehavior");
    struct condition c;

    for (struct defining_list x = defining_first(question, "extension"); x.node != NULL; defining_next(&x))
        if (format_holds(format_member(x.node, "url"), "enableWhenExpression") || format_holds(format_member(x.node, "url"), "enablewhen"))
            return ENABLED_UNKNOWN;   /* an expression says it */
    for (struct defining_list w = defining_first(question, "enableWhen"); w.node != NULL; defining_next(&w)) {
        hold_condition(r, frames, question, w.node, &c);
        if (c.unknown)
            return ENABLED_UNKNOWN;
        met += c.met;
    }
    if (count == 0 || (count > 1 && behavior.data == NULL))
        return ENABLED;
    return count == 1 || format_is(behavior, "any") ? (met > 0 ? ENABLED : DISABLED) : met == count ? ENABLED : DISABLED;
}

/* ---- answers ---- */

/* What a question's type wants of the member that holds the answer. Choices take several. */
static const struct { const char *type, *member; } answer_types[] = {
    { "boolean", "valueBoolean" }, { "decimal", "valueDecimal" }, { "integer", "valueInteger" }, { "date", "valueDate" }, { "dateTime", "valueDateTime" }, { "time", "valueTime" },
    { "string", "valueString" }, { "text", "valueString" }, { "url", "valueUri" }, { "attachment", "valueAttachment" }, { "reference", "valueReference" }, { "quantity", "valueQuantity" },
};
static const char *const option_members[] = { "valueCoding", "valueDate", "valueTime", "valueInteger", "valueString" };

static bool is_choice(struct bytes type)
{
    return format_is(type, "choice") || format_is(type, "open-choice");
}

static bool type_fits(struct bytes type, const struct json_node *value)
{
    for (size_t i = 0; i < sizeof answer_types / sizeof *answer_types; i++)
        if (format_is(type, answer_types[i].type))
            return json_key_is(value, answer_types[i].member);
    for (size_t i = 0; is_choice(type) && i < sizeof option_members / sizeof *option_members; i++)
        if (json_key_is(value, option_members[i]))
            return true;
    return !is_choice(type);
}

static bool is_option(const struct json_node *value, const struct json_node *option)
{
    bool known;

    if (option == NULL || option->key_len != value->key_len || memcmp(option->key, value->key, value->key_len) != 0)
        return false;
    if (value->type == JSON_OBJECT)
        return same_member(value, option, "system") && same_member(value, option, "code");
    return compare(value, option, &known) == 0 && known;
}

static void check_option(const struct response *r, const struct place *at, const struct json_node *question, const struct json_node *value)
{
    struct bytes set = format_member(question, "answerValueSet"), type = format_member(question, "type");
    struct terms_coding coding = { .system = format_member(value, "system"), .version = format_member(value, "version"), .code = format_member(value, "code") };
    struct terms_why why;

    if (json_key_is(value, "valueString") && format_is(type, "open-choice"))
        return;
    if (defining_count(question, "answerOption") > 0) {
        for (struct defining_list o = defining_first(question, "answerOption"); o.node != NULL && defining_spend(r->e, r->at); defining_next(&o))
            if (is_option(value, choice_of(o.node, "value")))
                return;
        defining_report(r->e, at, MSG_VALIDATE_VALUE, coding.code.data != NULL ? coding.code : value->type == JSON_OBJECT ? none : (struct bytes){ value->text, value->len }, defining_text("answerOption"));
    } else if (set.data != NULL && set.data[0] != '#' && json_key_is(value, "valueCoding") && coding.code.data != NULL
               && terms_in_value_set(&r->e->terms, set.data, set.len, &coding, &why) == TERMS_NO && why.reason != TERMS_SYSTEM_MISSING) {
        defining_report(r->e, at, MSG_VALIDATE_BINDING, coding.code, set);
    }
}

static void check_items(const struct response *r, const struct place *at, const struct json_node *holder, const struct json_node *questions, const struct frame *frames, unsigned depth);

static void check_answers(const struct response *r, const struct place *at, const struct json_node *question, const struct frame *frames, unsigned depth)
{
    struct bytes type = format_member(question, "type");

    if (defining_count(at->node, "answer") > 1 && !json_is(json_get(question, "repeats"), JSON_TRUE))
        defining_report(r->e, at, MSG_VALIDATE_ANSWER_MANY, format_member(question, "linkId"), none);
    for (struct defining_list a = defining_first(at->node, "answer"); a.node != NULL && type.data != NULL && defining_spend(r->e, r->at); defining_next(&a)) {
        struct place answer = engine_child(at, "answer", a.index, a.node);
        const struct json_node *value = choice_of(a.node, "value");
        struct place place = engine_child(&answer, "value", NO_INDEX, value);

        if (format_is(type, "group"))
            defining_report(r->e, at, MSG_VALIDATE_ANSWER_GROUP, format_member(question, "linkId"), none);
        else if (value != NULL && !format_is(type, "display") && !type_fits(type, value))
            defining_report(r->e, &place, MSG_VALIDATE_TYPE, (struct bytes){ value->key, value->key_len }, type);
        else if (value != NULL && is_choice(type))
            check_option(r, &answer, question, value);
        if (!format_is(type, "group"))
            check_items(r, r->e->request->reading == VALIDATE_HL7 ? at : &answer, a.node, question, frames, depth + 1);
    }
}

static void check_missing(const struct response *r, const struct place *at, const struct json_node *question)
{
    if (r->finished && json_is(json_get(question, "required"), JSON_TRUE))
        defining_report(r->e, at, MSG_VALIDATE_ANSWER_MISSING, format_member(question, "linkId"), none);
}

static void check_item(const struct response *r, const struct place *at, const struct json_node *question, const struct frame *up, unsigned depth)
{
    struct frame frame = { up, question, at->node };
    struct bytes text = format_member(at->node, "text"), type = format_member(question, "type"), link = format_member(question, "linkId");
    bool group = type.data != NULL && format_is(type, "group");

    if (text.data != NULL && !defining_same(text, format_member(question, "text")))
        defining_report(r->e, at, MSG_VALIDATE_ANSWER_TEXT, text, link);
    if (!group && defining_count(at->node, "answer") == 0 && is_enabled(r, up, question) == ENABLED)
        check_missing(r, at, question);
    check_answers(r, at, question, &frame, depth);
    if (type.data == NULL)
        defining_report(r->e, at, MSG_VALIDATE_MISSING, defining_text("Questionnaire.item.type"), link);
    else if (group)
        check_items(r, at, at->node, question, &frame, depth + 1);
    else if (defining_count(at->node, "item") > 0)
        defining_report(r->e, at, MSG_VALIDATE_ANSWER_GROUP, link, none);
}

/* The question among those directly below `questions`; *ret_position its place among them. */
static const struct json_node *own_question(const struct response *r, const struct json_node *questions, struct bytes link, int32_t *ret_position)
{
    for (struct defining_list q = defining_first(questions, "item"); q.node != NULL && defining_spend(r->e, r->at); defining_next(&q))
        if (defining_same(format_member(q.node, "linkId"), link)) {
            *ret_position = q.index;
            return q.node;
        }
    return NULL;
}

/* Known, in its place, in order? What stands in the wrong place is looked at here. */
static void check_places(const struct response *r, const struct place *at, const struct json_node *holder, const struct json_node *questions, const struct frame *frames, unsigned depth)
{
    int32_t last = -1, position = -1;

    for (struct defining_list i = defining_first(holder, "item"); i.node != NULL && defining_spend(r->e, r->at); defining_next(&i)) {
        struct bytes link = format_member(i.node, "linkId");
        struct place item = engine_child(at, "item", i.index, i.node);
        const struct json_node *elsewhere;

        if (link.data == NULL) {
            defining_report(r->e, at, MSG_VALIDATE_ANSWER_ITEM, defining_text(""), none);
        } else if (own_question(r, questions, link, &position) != NULL) {
            if (position < last)
                defining_report(r->e, at, MSG_VALIDATE_ANSWER_ORDER, link, none);
            last = position;
        } else if ((elsewhere = find_item(r->e, r->at, r->questionnaire, link, 0)) != NULL) {
            defining_report(r->e, at, MSG_VALIDATE_ANSWER_PLACE, link, none);
            check_item(r, &item, elsewhere, frames, depth);
        } else {
            defining_report(r->e, at, MSG_VALIDATE_ANSWER_ITEM, link, none);
        }
    }
}

/* The items that answer one question. An item with neither answer nor items counts as not there. */
static void check_question(const struct response *r, const struct place *at, const struct json_node *holder, const struct json_node *question, const struct frame *frames, unsigned depth)
{
    enum enabled enabled = is_enabled(r, frames, question);
    struct bytes link = format_member(question, "linkId");
    size_t count = 0;

    for (struct defining_list i = defining_first(holder, "item"); i.node != NULL && defining_spend(r->e, r->at); defining_next(&i)) {
        struct place item = engine_child(at, "item", i.index, i.node);
        if (!defining_same(format_member(i.node, "linkId"), link) || (json_get(i.node, "answer") == NULL && json_get(i.node, "item") == NULL))
            continue;
        if (enabled == DISABLED)
            defining_report(r->e, &item, MSG_VALIDATE_ANSWER_DISABLED, link, none);
        if (++count == 2 && !json_is(json_get(question, "repeats"), JSON_TRUE))
            defining_report(r->e, at, MSG_VALIDATE_ANSWER_MANY, link, none);
        check_item(r, &item, question, frames, depth);
    }
    if (count == 0 && enabled == ENABLED)
        check_missing(r, at, question);
}

static void check_items(const struct response *r, const struct place *at, const struct json_node *holder, const struct json_node *questions, const struct frame *frames, unsigned depth)
{
    if (depth >= ITEM_DEPTH || r->e->failed)
        return;
    check_places(r, at, holder, questions, frames, depth);
    for (struct defining_list q = defining_first(questions, "item"); q.node != NULL && defining_spend(r->e, r->at); defining_next(&q))
        check_question(r, at, holder, q.node, frames, depth);
}

void questionnaire_response_check(struct engine *e, const struct place *at)
{
    struct bytes reference = format_member(at->node, "questionnaire"), status = format_member(at->node, "status");
    struct response r = { .e = e, .at = at };

    if (reference.data == NULL || reference.data[0] != '#')
        return;
    r.questionnaire = defining_contained(e, at, reference, "Questionnaire");
    r.finished = status.data != NULL && (format_is(status, "completed") || format_is(status, "amended"));
    if (r.questionnaire != NULL)
        check_items(&r, at, at->node, r.questionnaire, NULL, 0);
}
