/*
 * NAME
 *     terminal_notice - results that nobody asked for, found in the terminal's answer folder
 *
 * SYNOPSIS
 *     notices_see(), notices_work(), notices_remove()
 *
 * DESCRIPTION
 *     Whose they are is not known here: their bytes are for a worker. So nothing is touched before the desk says that it is ours and stored, and a file that
 *     changed meanwhile is told again rather than removed. One that cannot be taken (too large) is told without bytes, and so is once that more lie there than
 *     are watched: where nothing is removed a folder may fill over the years.
 *
 * DIAGNOSTICS
 *     LINK_NOTICE without bytes and with LINK_HOW_ANSWER_LIMIT or LINK_HOW_MANY.
 */
#include <errno.h>
#include <fcntl.h>
#include "link/terminal_notice.h"
#include "link/terminal_share.h"
#include "link/terminal_sight.h"

enum { NOTICES_MAX = 1000 };

struct notice {
    char name[EXCHANGE_NAME_MAX];
    struct sighting sighting;
    bool there, remove, too_large;
    int64_t due_ms;
    struct notice *next;
};

void notices_sweep_begin(struct notices *n)
{
    for (struct notice *one = n->first; one != NULL; one = one->next)
        one->there = false;
    n->many = false;
}

static void tell(const struct link *link, const char *name, enum link_how how, struct bytes bytes)
{
    link_tell(link, &(struct link_fact){ .kind = LINK_NOTICE, .name = name, .how = how, .bytes = bytes });
}

void notices_see(struct notices *n, const struct link *link, const char *name)
{
    struct notice *one = n->first;
    if (!exchange_notice_name(link->profile, name))
        return;
    while (one != NULL && strcmp(one->name, name) != 0)
        one = one->next;
    if (one == NULL && n->count >= NOTICES_MAX) {
        n->many = true;
        if (!n->told_many)
            tell(link, name, LINK_HOW_MANY, (struct bytes){ NULL, 0 });
        n->told_many = true;
    } else if (one == NULL && (one = calloc(1, sizeof *one)) != NULL) {
        snprintf(one->name, sizeof one->name, "%s", name);
        one->next = n->first;
        n->first = one;
        n->count++;
    }
    if (one != NULL) {
        one->there = true;
        one->due_ms = 0;
    }
}

void notices_sweep_end(struct notices *n)
{
    n->told_many &= n->many;
    for (struct notice **at = &n->first; *at != NULL;) {
        struct notice *one = *at;
        if (one->there) {
            at = &one->next;
            continue;
        }
        *at = one->next;
        n->count--;
        free(one);
    }
}

int64_t notices_due(const struct notices *n)
{
    int64_t due = INT64_MAX;
    for (const struct notice *one = n->first; one != NULL; one = one->next)
        due = one->due_ms < due ? one->due_ms : due;
    return due;
}

/* Gone, or not to be told apart from what was told: unlinked. True: the share went away. */
static bool remove_one(struct notice *one, int folder)
{
    struct stat st;
    one->remove = false;
    if (fstatat(folder, one->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return share_meaning(errno) == THERE_LOST;
    return S_ISREG(st.st_mode) && sight_same(&one->sighting, &st) && share_unlink(folder, one->name) == THERE_LOST;
}

static bool look_at(struct notice *one, const struct link *link, int folder, int64_t now_ms, struct buf *bytes)
{
    bool was_large = one->too_large;
    enum sight sight = sight_look(folder, one->name, link->profile, now_ms, &one->sighting, bytes);
    one->too_large = sight == SIGHT_LIMIT;
    if (sight == SIGHT_NEWS || sight == SIGHT_AGAIN)     /* again: it lies there anew although it was taken */
        tell(link, one->name, LINK_HOW_NONE, buf_bytes(bytes));
    else if (sight == SIGHT_LIMIT && !was_large)
        tell(link, one->name, LINK_HOW_ANSWER_LIMIT, (struct bytes){ NULL, 0 });
    one->due_ms = one->sighting.seen ? now_ms + link->profile->equal_reads_ms : INT64_MAX;
    return sight == SIGHT_LOST;
}

bool notices_work(struct notices *n, const struct link *link, int folder, int64_t now_ms)
{
    struct buf bytes;
    bool lost = false;
    buf_init(&bytes, (size_t)link->profile->answer_limit);
    for (struct notice *one = n->first; one != NULL && !lost; one = one->next) {
        if (one->due_ms > now_ms)
            continue;
        if (one->remove)
            lost = remove_one(one, folder);
        lost = lost || look_at(one, link, folder, now_ms, &bytes);
    }
    buf_free(&bytes);
    return lost;
}

int notices_remove(struct notices *n, const char *name)
{
    for (struct notice *one = n->first; one != NULL; one = one->next)
        if (strcmp(one->name, name) == 0) {
            one->remove = true;
            one->due_ms = 0;
            return 0;
        }
    return ERR_NOTFOUND;
}

void notices_free(struct notices *n)
{
    notices_sweep_begin(n);
    notices_sweep_end(n);
}
