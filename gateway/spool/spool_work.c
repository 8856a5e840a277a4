/*
 * NAME
 *      spool_work - whose a name in .work/ is
 *
 * DESCRIPTION
 *      Several gateways may share a file server. Each begins the names of what it has claimed with a hash of its own name and takes up only those again.
 *
 * DIAGNOSTICS
 *      ERR_NOTFOUND; those of the hash.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/crypt.h"
#include "spool/spool_private.h"

int spool_short_hash(const void *data, size_t len, char ret_hex[static 17])
{
    struct sha256 digest;
    char hex[SHA256_HEX];
    int r = sha256_of(data, len, &digest);

    if (r == 0) {
        sha256_to_hex(&digest, hex);
        memcpy(ret_hex, hex, 16);
        ret_hex[16] = '\0';
    }
    return r;
}

int spool_work_owner(const char *gateway, char ret_owner[static SPOOL_OWNER_LEN + 1])
{
    const char *name = gateway == NULL ? "" : gateway;
    char hash[17];
    int r = spool_short_hash(name, strlen(name), hash);

    if (r == 0) {
        memcpy(ret_owner, hash, SPOOL_OWNER_LEN);
        ret_owner[SPOOL_OWNER_LEN] = '\0';
    }
    return r;
}

bool spool_work_own(const char *owner, const char *work)
{
    return strlen(work) > SPOOL_PREFIX_LEN && strspn(work, "0123456789abcdef") == SPOOL_PREFIX_LEN - 1 && strchr("-+~", work[SPOOL_PREFIX_LEN - 1]) != NULL &&
           memcmp(work, owner, SPOOL_OWNER_LEN) == 0;
}

int spool_count_foreign(const char *root, const char *gateway, size_t *ret_foreign)
{
    char owner[SPOOL_OWNER_LEN + 1], path[4096];
    size_t foreign = 0;
    const struct dirent *d;
    DIR *dir;
    int fd, r = spool_work_owner(gateway, owner);

    if (r < 0)
        return r;
    if (snprintf(path, sizeof path, "%s/.work", root) >= (int)sizeof path || (fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
        return ERR_NOTFOUND;
    if ((dir = fdopendir(fd)) == NULL) {
        close(fd);
        return ERR_NOTFOUND;
    }
    while ((d = readdir(dir)) != NULL)
        foreign += d->d_name[0] != '.' && !spool_work_own(owner, d->d_name);
    closedir(dir);
    *ret_foreign = foreign;
    return 0;
}
