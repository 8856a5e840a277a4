/*
 * issue.h - a finding about somebody's file: what is wrong or doubtful, where, and by which rule.
 *
 * Adapters, the builder, the validator and the reader of the service's answers all add to one list; report/ turns it into the vendor's
 * result file. Texts live in the arena of the list. Adding never fails visibly: after an allocation failure `failed` is set and the
 * list must not be believed (issues_ok() is false).
 */
#ifndef BASE_ISSUE_H
#define BASE_ISSUE_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include "base/arena.h"
#include "base/messages.h"

struct issue {
    enum msg_severity severity;  /* MSG_INFO, MSG_WARNING, MSG_ERROR */
    enum msg_id msg;             /* the sentence, its code and its next step */
    const char *rule;            /* key of an invariant ("bdl-7", "R3010"), a service code, or NULL: the message's own code */
    const char *arg1, *arg2;     /* for {1} and {2}; may quote vendor data */
    const char *pointer;         /* JSON pointer in the vendor's file, NULL = unknown */
    const char *location;        /* FHIRPath in the Bundle ("Bundle.entry[0].resource.name"), NULL = unknown */
    const char *profile;         /* canonical URL, or NULL */
    int64_t offset;              /* byte offset in the file (pointer) or else in the Bundle (location); -1 = unknown */
    uint32_t line, column;       /* in the same file; 0 = unknown */
    struct issue *next;
};

struct issue_list {
    struct arena *arena;
    struct issue *first, *last;
    size_t count, errors, warnings;
    size_t max;                  /* beyond this many errors, and this many others, issues are counted but not kept (default 500) */
    bool failed;
};

void issues_init(struct issue_list *list, struct arena *arena);
/* Copies the texts. Returns the new issue so that the caller can fill further members (arena memory), or NULL when it was only counted. */
struct issue *issues_add(struct issue_list *list, enum msg_severity severity, enum msg_id msg, const char *rule, const char *arg1, const char *arg2);
/* No error in it and nothing failed while making it. */
bool issues_ok(const struct issue_list *list);

#endif
