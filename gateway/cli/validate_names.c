/*
 * NAME
 *      validate_names - what the arguments of clinsgw validate stand for
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "cli/validate_cmd.h"

enum { FOLDERS_DEEP = 32, FIRST_ROOM = 64 };

static int add(struct validate_names *list, const char *name, struct err *e)
{
    size_t room = list->room == 0 ? FIRST_ROOM : 2 * list->room;
    const char **grown;

    if (name == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "validate", NULL);
    if (list->count == list->room) {
        grown = arena_array(list->arena, room, sizeof *grown);
        if (grown == NULL)
            return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "validate", NULL);
        if (list->count > 0)
            memcpy(grown, list->name, list->count * sizeof *grown);
        list->name = grown;
        list->room = room;
    }
    list->name[list->count++] = name;
    return 0;
}

static bool is_instance(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot != NULL && (strcmp(dot, ".json") == 0 || strcmp(dot, ".fhir") == 0);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names in a folder that are not hidden, sorted. Takes the descriptor. */
static int read_folder(struct arena *arena, int fd, struct validate_names *ret_names, struct err *e)
{
    struct validate_names names = { .arena = arena };
    DIR *folder = fdopendir(fd);
    int r = 0;

    if (folder == NULL) {
        close(fd);
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "fdopendir", NULL);
    }
    for (const struct dirent *d; r == 0 && (d = readdir(folder)) != NULL; )
        if (d->d_name[0] != '.')
            r = add(&names, arena_strdup(arena, d->d_name), e);
    closedir(folder);
    if (r < 0)
        return r;
    if (names.count > 1)
        qsort(names.name, names.count, sizeof *names.name, by_name);
    *ret_names = names;
    return 0;
}

static int add_folder(struct validate_names *list, const char *path, int fd, unsigned depth, struct err *e)
{
    struct validate_names inside = { .arena = list->arena };
    size_t len = strlen(path);
    int r = read_folder(list->arena, fd, &inside, e);

    for (size_t i = 0; r == 0 && i < inside.count; i++) {
        const char *name = arena_printf(list->arena, "%s%s%s", path, len > 0 && path[len - 1] == '/' ? "" : "/", inside.name[i]);
        int below = name == NULL ? -1 : dir_open(AT_FDCWD, name, NULL);
        if (below >= 0 && depth >= FOLDERS_DEEP) {
            close(below);
            r = err_set(e, ERR_LIMIT, MSG_LIMIT, name, name, NULL);
        } else if (below >= 0) {
            r = add_folder(list, name, below, depth + 1, e);
        } else if (name == NULL || is_instance(name)) {
            r = add(list, name, e);
        }
    }
    return r;
}

int validate_names_add(struct validate_names *list, const char *argument, struct err *e)
{
    int fd = strcmp(argument, "-") == 0 ? -1 : dir_open(AT_FDCWD, argument, NULL);

    return fd < 0 ? add(list, argument, e) : add_folder(list, argument, fd, 0, e);
}
