/*
 * NAME
 *     validate - is this FHIR R4 instance good enough for the service?
 *
 * SYNOPSIS
 *     struct validate_request r = { .bytes = text, .len = len, .reading = VALIDATE_SERVICE };
 *     int validate_bytes(&r, &issues, &e);
 *
 * DESCRIPTION
 *     The bytes are read strictly into one tree, which the engine walks with the profiles of the set (engine/walk.c). Lines and columns are counted at the
 *     end in one pass, however many issues there are.
 *
 * DIAGNOSTICS
 *     Issues VALIDATE_... (5xxx) and JSON_... (3xxx). ERR_NOMEM, ERR_LIMIT when nothing can be said.
 */
#include "validate/validate.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "validate/engine/engine.h"
#include "validate/validate_private.h"

bool validate_set_has(const struct validate_set *set, const char *profile)
{
    return image_find_profile(&set->image, profile, strlen(profile)) != 0;
}

static int compare_offsets(const void *left, const void *right)
{
    const struct issue *a = *(struct issue *const *)left, *b = *(struct issue *const *)right;

    return (a->offset > b->offset) - (a->offset < b->offset);
}

/* Fills line and column of the issues from `first` on, in the order of their offsets: one pass over the bytes. */
static int place_issues(const struct validate_request *request, struct issue *first, struct arena *arena)
{
    struct issue **sorted;
    const char *at = request->bytes, *newline;
    size_t count = 0, room = 1;
    uint32_t line = 1, column = 1;

    for (const struct issue *i = first; i != NULL; i = i->next)
        room++;
    sorted = arena_array(arena, room, sizeof *sorted);
    if (sorted == NULL)
        return ERR_NOMEM;
    for (; first != NULL; first = first->next)
        if (first->offset >= 0 && first->offset <= (int64_t)request->len)
            sorted[count++] = first;
    qsort(sorted, count, sizeof *sorted, compare_offsets);
    for (size_t i = 0; i < count; i++) {
        const char *end = request->bytes + sorted[i]->offset;

        for (; at < end && (newline = memchr(at, '\n', (size_t)(end - at))) != NULL; at = newline + 1) {
            line++;
            column = 1;
        }
        column += (uint32_t)text_count(at, (size_t)(end - at));
        at = end;
        sorted[i]->line = line;
        sorted[i]->column = column;
    }
    return 0;
}

/* Bytes that are no JSON are an issue; only memory and size are errors. */
static int read_root(const struct validate_request *request, struct arena *arena, struct issue_list *issues, const struct json_node **ret_root, struct err *e)
{
    struct err why = ERR_INIT;
    struct issue *issue;
    int code = json_parse(request->bytes, request->len, NULL, arena, ret_root, &why);

    if (code == 0)
        return 0;
    if (code == ERR_NOMEM || (code == ERR_LIMIT && why.msg == MSG_JSON_TOO_LARGE)) {
        issues->failed |= code == ERR_NOMEM;
        err_copy(e, &why);
        return code;
    }
    issue = issues_add(issues, MSG_ERROR, why.msg, NULL, why.arg[0], why.arg[1]);
    if (issue != NULL) {
        issue->location = arena_strdup(issues->arena, "");
        issue->offset = why.offset;
        issue->line = why.line;
        issue->column = why.column;
    }
    return 0;
}

int validate_bytes(const struct validate_request *request, struct issue_list *issues, struct err *e)
{
    struct arena *arena = request->scratch != NULL ? request->scratch : issues->arena;
    struct issue *last = issues->last;
    const struct json_node *root = request->root;
    int code = root == NULL ? read_root(request, arena, issues, &root, e) : 0;

    if (code == 0 && root != NULL)
        code = engine_validate(request, validate_set_image(request->set), root, arena, issues, e);
    if (code == 0 && root != NULL && place_issues(request, last != NULL ? last->next : issues->first, arena) < 0) {
        issues->failed = true;
        code = err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "validate", NULL);
    }
    return code;
}
