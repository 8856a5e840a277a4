/*
 * NAME
 *      convert_world - what a worker loads before it is confined, and small helpers of its jobs
 */
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>
#include "base/file.h"
#include "daemon/convert_work.h"
#include "report/findings.h"

const struct exchange_profile *convert_profile(const struct door *door, const struct convert_world *world, const char *link)
{
    int i = settings_find_link(door->settings, link);
    return i < 0 ? NULL : world->profile[i];
}

int convert_findings_fd(const struct issue_list *issues)
{
    struct buf text;
    int fd = -1;

    if (issues->count == 0)
        return -1;
    buf_init(&text, 8 << 20);
    if (findings_write(issues, &text, NULL) == 0)
        fd = memfd_seal("clinsgw-findings", text.data, text.len, NULL);
    buf_free(&text);
    return fd;
}

enum msg_id convert_verdict(const struct issue_list *issues)
{
    const struct issue *worst = findings_worst(issues);

    if (issues->failed)
        return MSG_NOMEM;
    if (issues->errors == 0)
        return MSG_NONE;
    return worst != NULL && worst->severity >= MSG_ERROR ? worst->msg : MSG_LIMIT;
}

typedef int trust_add_fn(struct sign_trust *, struct bytes, struct err *);

/* Adds every regular file of a folder; a file that cannot be read as what it should be is an error that names it. */
static int load_folder(const char *path, trust_add_fn *add, struct sign_trust *trust, bool *ret_any, struct err *e)
{
    DIR *dir = NULL;
    struct dirent *d;
    int fd = dir_open(AT_FDCWD, path, e), r = fd < 0 ? fd : 0;

    if (r == 0 && (dir = fdopendir(fd)) == NULL) {
        close(fd);
        return err_set_errno(e, MSG_IO, path, "opendir");
    }
    while (r == 0 && (d = readdir(dir)) != NULL) {
        struct buf text;
        if (d->d_name[0] == '.')
            continue;
        buf_init(&text, 4 << 20);
        r = file_read(dirfd(dir), d->d_name, 4 << 20, &text, e);
        if (r == 0)
            r = add(trust, buf_bytes(&text), e);
        if (r == 0)
            *ret_any = true;
        buf_free(&text);
    }
    if (dir != NULL)
        closedir(dir);
    return r;
}

int convert_world_load(const struct settings *s, struct convert_world *ret_world, struct err *e)
{
    struct convert_world world = { .trust = sign_trust_new(), .arena = arena_new(CONVERT_ARENA_MAX) };
    bool others = false;
    int r = world.trust == NULL || world.arena == NULL ? err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "convert", NULL) : 0;

    for (size_t i = 0; i < s->links && r == 0; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s.conf", s->profile_dir, s->link[i].profile);
        r = exchange_profile_load(path, &world.profile[i], e);
    }
    if (r == 0 && s->trust_dir != NULL)
        r = load_folder(s->trust_dir, sign_trust_add_anchor, world.trust, &world.has_anchors, e);
    if (r == 0 && s->intermediate_dir != NULL)
        r = load_folder(s->intermediate_dir, sign_trust_add_intermediate, world.trust, &others, e);
    if (r == 0 && s->crl_dir != NULL)
        r = load_folder(s->crl_dir, sign_trust_add_crl, world.trust, &others, e);
    if (r == 0)
        *ret_world = world;
    return r;
}
