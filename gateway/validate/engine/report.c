/*
 * NAME
 *     report - issues of the engine and the places they are about
 *
 * DESCRIPTION
 *     An issue is made only when it is kept: a question (trial) just counts, and the text of a location is built from the chain of places when the
 *     issue is added. An issue that says the same of the same place as an earlier one is left out; several profiles ask the same things.
 *
 * DIAGNOSTICS
 *     When memory runs out the list and the engine are marked as failed.
 */
#include <string.h>

#include "validate/engine/walk.h"

enum { LOCATION_MAX = 4096, ARGUMENT_MAX = 200, SEEN_MIN = 64 };

static size_t put(char *text, size_t at, const char *from, size_t len)
{
    size_t room = at < LOCATION_MAX ? LOCATION_MAX - 1 - at : 0;

    len = len < room ? len : room;
    if (len > 0)
        memcpy(text + at, from, len);
    return at + len;
}

static size_t put_place(char *text, size_t at, const struct place *place)
{
    char number[16];
    size_t first = sizeof number;
    uint32_t index = (uint32_t)place->index;

    if (place->up != NULL)
        at = put(text, at, ".", 1);
    at = put(text, at, place->name.data, place->name.len);
    if (place->of_type.len > 0) {
        at = put(text, at, ".ofType(", 8);
        at = put(text, at, place->of_type.data, place->of_type.len);
        at = put(text, at, ")", 1);
    }
    if (place->index != NO_INDEX) {
        number[--first] = ']';
        do
            number[--first] = (char)('0' + index % 10);
        while ((index /= 10) > 0);
        number[--first] = '[';
        at = put(text, at, number + first, sizeof number - first);
    }
    return at;
}

const char *engine_location(struct engine *e, const struct place *at)
{
    const struct place *chain[ENGINE_MAX_DEPTH * 4];
    char text[LOCATION_MAX];
    size_t depth = 0, len = 0;

    for (; at != NULL && depth < sizeof chain / sizeof *chain; at = at->up)
        chain[depth++] = at;
    while (depth > 0)
        len = put_place(text, len, chain[--depth]);
    return arena_strndup(e->issues->arena, text, len);
}

struct fhirpath_item engine_item(const struct place *at)
{
    return (struct fhirpath_item){ .kind = FHIRPATH_NODE, .node = at->node, .companion = at->companion, .type = at->type, .element = at->element,
                                   .resource = at->resource != NULL ? at->resource->node : NULL };
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static uint32_t issue_hash(const struct issue *issue)
{
    return image_hash(issue->location, strlen(issue->location)) * 31 + (uint32_t)issue->msg;
}

static struct issue **seen_slot(struct issue **slots, uint32_t count, const struct issue *issue)
{
    uint32_t at = issue_hash(issue) & (count - 1);

    while (slots[at] != NULL && !(slots[at]->msg == issue->msg && same_text(slots[at]->location, issue->location) && same_text(slots[at]->rule, issue->rule) && same_text(slots[at]->arg1, issue->arg1) && same_text(slots[at]->arg2, issue->arg2)))
        at = (at + 1) & (count - 1);
    return &slots[at];
}

static bool seen_grow(struct engine *e)
{
    struct engine_walk *w = e->walk;
    uint32_t size = w->seen_slots == 0 ? SEEN_MIN : w->seen_slots * 2;
    struct issue **slots = arena_array(e->arena, size, sizeof(struct issue *));

    if (slots == NULL) {
        e->failed = true;
        return false;
    }
    for (uint32_t i = 0; i < w->seen_slots; i++)
        if (w->seen[i] != NULL)
            *seen_slot(slots, size, w->seen[i]) = w->seen[i];
    w->seen = slots;
    w->seen_slots = size;
    return true;
}

/* Was the same said of the same place before? Remembers the issue if not. */
static bool said_before(struct engine *e, const struct issue *issue, struct issue ***ret_slot)
{
    struct engine_walk *w = e->walk;

    *ret_slot = NULL;
    if ((w->seen_count + 1) * 2 > w->seen_slots && !seen_grow(e))
        return false;
    *ret_slot = seen_slot(w->seen, w->seen_slots, issue);
    return **ret_slot != NULL;
}

/* Adds a finished issue to the list under way; its texts are in the arena already. */
void report_keep(struct engine *e, const struct issue *issue)
{
    struct issue_list *list = e->issues;
    struct issue **slot = NULL, *kept;

    if (list == e->walk->main && said_before(e, issue, &slot))
        return;
    kept = issues_add(list, issue->severity, issue->msg, issue->rule, issue->arg1, issue->arg2);
    if (kept == NULL)
        return;
    kept->location = issue->location;
    kept->profile = issue->profile;
    kept->offset = issue->offset;
    if (slot != NULL) {
        *slot = kept;
        e->walk->seen_count++;
    }
}

void engine_report(struct engine *e, const struct place *at, const struct json_node *node, enum msg_severity severity, enum msg_id msg, const char *rule, const char *profile, const char *arg1, const char *arg2)
{
    struct issue issue = { .severity = severity, .msg = msg, .rule = rule, .profile = profile, .arg1 = arg1, .arg2 = arg2, .offset = -1 };

    if (e->trial > 0) {
        e->trial_errors += severity >= MSG_ERROR;
        return;
    }
    e->walk->errors += severity >= MSG_ERROR;
    if (e->issues->max != 0 && e->issues->count >= e->issues->max) {
        issues_add(e->issues, severity, msg, rule, arg1, arg2);   /* only counted */
        return;
    }
    for (const struct place *p = at; node == NULL && p != NULL; p = p->up)
        node = p->node != NULL ? p->node : p->companion;
    if (node != NULL)
        issue.offset = (int64_t)node->start;
    issue.location = engine_location(e, at);
    if (issue.location == NULL) {
        e->failed = true;
        return;
    }
    report_keep(e, &issue);
}

static const char *cut(struct engine *e, struct bytes text)
{
    size_t len = text.len;
    char *copy;

    if (text.data == NULL)
        return NULL;
    if (len > ARGUMENT_MAX)
        for (len = ARGUMENT_MAX; len > 0 && ((unsigned char)text.data[len] & 0xC0) == 0x80;)
            len--;
    copy = len < text.len ? arena_printf(e->issues->arena, "%.*s…", (int)len, text.data) : arena_strndup(e->issues->arena, text.data, len);
    e->failed |= copy == NULL;
    return copy;
}

void engine_report_bytes(struct engine *e, const struct place *at, const struct json_node *node, enum msg_severity severity, enum msg_id msg, const char *rule, struct bytes arg1, struct bytes arg2)
{
    if (e->trial > 0) {
        e->trial_errors += severity >= MSG_ERROR;
        return;
    }
    engine_report(e, at, node, severity, msg, rule, NULL, cut(e, arg1), cut(e, arg2));
}

void engine_report_read(struct engine *e, const struct place *at, const struct json_node *node, enum msg_id msg, struct bytes arg1, struct bytes arg2)
{
    size_t errors = e->walk->errors;

    if (e->trial > 0)
        return;
    engine_report_bytes(e, at, node, MSG_ERROR, msg, NULL, arg1, arg2);
    e->walk->errors = errors;
}
