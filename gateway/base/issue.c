/*
 * NAME
 *     issue - the list of findings about one file
 *
 * SYNOPSIS
 *     issues_init(&list, arena); issues_add(&list, MSG_ERROR, MSG_X, "bdl-7", arg1, arg2); ok = issues_ok(&list);
 *
 * DESCRIPTION
 *     Findings keep their order. A list longer than its maximum goes on counting, so that a hostile file cannot fill the memory with findings
 *     and the verdict stays right. Errors have a maximum of their own: no crowd of warnings keeps them out.
 *
 * DIAGNOSTICS
 *     `failed` after an allocation failure.
 */
#include "base/issue.h"

enum { DEFAULT_MAX = 500 };

void issues_init(struct issue_list *list, struct arena *arena)
{
    *list = (struct issue_list){ .arena = arena, .max = DEFAULT_MAX };
}

/* NULL stays NULL; a failed copy marks the list. */
static const char *copy_text(struct issue_list *list, const char *text)
{
    char *copy = arena_strdup(list->arena, text);

    list->failed |= text != NULL && copy == NULL;
    return copy;
}

struct issue *issues_add(struct issue_list *list, enum msg_severity severity, enum msg_id msg, const char *rule, const char *arg1, const char *arg2)
{
    struct issue *issue;

    list->count++;
    list->errors += severity >= MSG_ERROR;
    list->warnings += severity == MSG_WARNING;
    if ((severity >= MSG_ERROR ? list->errors : list->count - list->errors) > list->max)
        return NULL;
    issue = arena_alloc(list->arena, sizeof *issue);
    if (issue == NULL) {
        list->failed = true;
        return NULL;
    }
    issue->severity = severity;
    issue->msg = msg;
    issue->rule = copy_text(list, rule);
    issue->arg1 = copy_text(list, arg1);
    issue->arg2 = copy_text(list, arg2);
    issue->offset = -1;
    if (list->last != NULL)
        list->last->next = issue;
    else
        list->first = issue;
    list->last = issue;
    return issue;
}

bool issues_ok(const struct issue_list *list)
{
    return list->errors == 0 && !list->failed;
}
