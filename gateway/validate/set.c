/* set.c - a set of profiles: a compiled image, mapped read-only so that all processes share its pages. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "validate/package/package.h"
#include "validate/validate_private.h"

static int map_file(const char *path, void **ret_map, size_t *ret_size, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    void *map;
    int code = 0;

    if (fd < 0)
        return errno == ENOENT ? err_set(e, ERR_NOTFOUND, MSG_NOT_FOUND, NULL, path, NULL) : err_set_errno(e, MSG_IO, NULL, path);
    if (fstat(fd, &st) < 0)
        code = err_set_errno(e, MSG_IO, NULL, path);
    else if (!S_ISREG(st.st_mode) || st.st_size <= 0 || (uint64_t)st.st_size > PACKAGE_IMAGE_MAX)
        code = err_set(e, ERR_CORRUPT, MSG_IMAGE_DAMAGED, NULL, "size", NULL);
    if (code == 0) {
        map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
        if (map == MAP_FAILED) {
            code = err_set_errno(e, MSG_IO, NULL, "mmap");
        } else {
            *ret_map = map;
            *ret_size = (size_t)st.st_size;
        }
    }
    close(fd);
    return code;
}

const struct image *validate_set_image(const struct validate_set *set)
{
    return &(set != NULL ? set : validate_set_builtin())->image;
}

int validate_set_open(const char *path, struct validate_set **ret_set, struct err *e)
{
    struct validate_set *set = calloc(1, sizeof *set);
    int code = set == NULL ? err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "validate", NULL) : map_file(path, &set->map, &set->size, e);

    if (code == 0)
        code = image_open(set->map, set->size, &set->image, e);
    if (code < 0) {
        validate_set_close(set);
        return code;
    }
    *ret_set = set;
    return 0;
}

struct validate_set *validate_set_close(struct validate_set *set)
{
    if (set != NULL && set->map != NULL)
        munmap(set->map, set->size);
    free(set);
    return NULL;
}
