/*
 * NAME
 *     unfilled - what the guide wants sent whenever it is known, and is not there
 *
 * DESCRIPTION
 *     Elements that a Japanese profile marks as must-support without asking for one are reported by object while the walk goes on. Here, at the end, those
 *     of one resource become one warning at the resource, because hundreds of single ones would bury what matters.
 */
#include <string.h>

#include "validate/engine/walk.h"

enum { NAMES_MAX = 240, LOOK_BACK = 4 };

/* Length of the part of a location that names the nearest resource: up to the last ".resource" or ".contained[n]", else the first name. */
static size_t resource_part(const char *location)
{
    size_t part = strcspn(location, ".");

    for (const char *at = location + part; *at == '.'; at += 1 + strcspn(at + 1, ".")) {
        size_t len = strcspn(at + 1, ".");
        if ((len == 8 && memcmp(at + 1, "resource", 8) == 0) || (len > 9 && memcmp(at + 1, "contained[", 10) == 0))
            part = (size_t)(at + 1 + len - location);
    }
    return part;
}

/* Does the list "a, b.c" hold the name, whole? */
static bool listed(const char *names, const char *name, size_t len)
{
    for (const char *at = names; (at = strstr(at, name)) != NULL; at++)
        if ((at == names || at[-1] == ' ') && (at[len] == ',' || at[len] == '\0'))
            return true;
    return false;
}

/* `names` and, for each of `more`, the way from the resource and the name; what does not fit is left out. */
static const char *joined(struct arena *arena, const char *names, const char *way, const char *more)
{
    char text[NAMES_MAX + 1], one[NAMES_MAX];
    size_t len = strlen(names);

    memcpy(text, names, len + 1);
    while (*more != '\0') {
        size_t name = strcspn(more, ",");
        int n = snprintf(one, sizeof one, "%s%s%.*s", way, way[0] != '\0' ? "." : "", (int)name, more);

        more += name + strspn(more + name, ", ");
        if (n < 0 || (size_t)n >= sizeof one || len + (size_t)n + 2 > NAMES_MAX || listed(text, one, (size_t)n))
            continue;
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", len > 0 ? ", " : "", one);
    }
    return arena_strdup(arena, text);
}

void unfilled_merge(struct issue_list *list, struct issue *last_before)
{
    struct issue *heads[LOOK_BACK] = { NULL }, *previous = last_before, *next;
    size_t newest = 0;

    for (struct issue *i = last_before != NULL ? last_before->next : list->first; i != NULL && !list->failed; i = next) {
        size_t part = i->location != NULL ? resource_part(i->location) : 0;
        struct issue *head = NULL;

        next = i->next;
        if (i->msg != MSG_VALIDATE_MUST_SUPPORT || i->location == NULL || i->arg1 == NULL) {
            previous = i;
            continue;
        }
        for (size_t h = 0; h < LOOK_BACK && head == NULL; h++)
            if (heads[h] != NULL && strlen(heads[h]->location) == part && memcmp(heads[h]->location, i->location, part) == 0)
                head = heads[h];
        if (head == NULL) {
            i->arg1 = joined(list->arena, "", i->location + part + (i->location[part] == '.'), i->arg1);
            i->location = arena_strndup(list->arena, i->location, part);
            list->failed |= i->arg1 == NULL || i->location == NULL;
            heads[newest++ % LOOK_BACK] = i;
            previous = i;
            continue;
        }
        head->arg1 = joined(list->arena, head->arg1, i->location + part + (i->location[part] == '.'), i->arg1);
        list->failed |= head->arg1 == NULL;
        *(previous != NULL ? &previous->next : &list->first) = next;
        list->last = list->last == i ? previous : list->last;
        list->count--;
        list->warnings--;
    }
}
