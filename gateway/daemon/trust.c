/*
 * NAME
 *      trust - anchors, intermediates and revocation lists from the folders that the configuration names
 *
 * DIAGNOSTICS
 *      A folder that cannot be opened, or a file in it that is not what it should be, is an error that names it: better no start than half the trust.
 */
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>
#include "base/file.h"
#include "daemon/trust.h"

typedef int trust_add_fn(struct sign_trust *, struct bytes, struct err *);

/* Adds every regular file of a folder; a file that cannot be read as what it should be is an error that names it. */
static int load_folder(const char *path, trust_add_fn *add, struct sign_trust *trust, struct err *e)
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
        buf_free(&text);
    }
    if (dir != NULL)
        closedir(dir);
    return r;
}

int trust_load(const struct settings *s, struct sign_trust *trust, struct err *e)
{
    const struct { const char *path; trust_add_fn *add; } folder[] = {
        { s->trust_dir, sign_trust_add_anchor }, { s->intermediate_dir, sign_trust_add_intermediate }, { s->crl_dir, sign_trust_add_crl },
    };
    int r = 0;

    for (size_t i = 0; i < sizeof folder / sizeof *folder && r == 0; i++)
        if (folder[i].path != NULL)
            r = load_folder(folder[i].path, folder[i].add, trust, e);
    return r;
}
