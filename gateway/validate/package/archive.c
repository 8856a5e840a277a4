/*
 * archive.c - the files of a package, out of a gzipped tar, by libarchive and without touching the disk.
 *
 * Only regular files directly in "package/" whose names end in ".json" are read; links, folders, devices, other places and hidden files are
 * passed over. What a file calls itself is never used as a path.
 */
#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

#include "validate/package/package_private.h"

enum { BLOCK = 64 << 10 };

/* The name behind "package/" (or "./package/"), or NULL when the entry is not wanted. */
static const char *wanted_name(struct archive_entry *entry)
{
    const char *name = archive_entry_pathname(entry), *folder = "package/";
    size_t len;

    if (name == NULL || archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != NULL)
        return NULL;
    if (strncmp(name, "./", 2) == 0)
        name += 2;
    if (strncmp(name, folder, strlen(folder)) != 0)
        return NULL;
    name += strlen(folder);
    len = strlen(name);
    return len > 5 && name[0] != '.' && strchr(name, '/') == NULL && strcmp(name + len - 5, ".json") == 0 ? name : NULL;
}

static int syntax(struct err *e, const char *label, const char *why)
{
    return err_set(e, ERR_SYNTAX, MSG_PACKAGE_NO_PACKAGE, NULL, label, why);
}

/* The rest of the entry into *ret_file; counts what was unpacked, wanted or not. */
static int read_entry(struct archive *a, const char *label, struct buf *ret_file, size_t *total, struct err *e)
{
    la_ssize_t got;

    buf_reset(ret_file);
    do {
        if (buf_reserve(ret_file, BLOCK) < 0)
            return ret_file->failed == ERR_NOMEM ? err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "package", NULL)
                                                 : err_set(e, ERR_LIMIT, MSG_PACKAGE_TOO_LARGE, NULL, label, "file");
        got = archive_read_data(a, ret_file->data + ret_file->len, BLOCK);
        if (got < 0)
            return syntax(e, label, archive_error_string(a));
        ret_file->len += (size_t)got;
        *total += (size_t)got;
        if (*total > PACKAGE_MAX_TOTAL)
            return err_set(e, ERR_LIMIT, MSG_PACKAGE_TOO_LARGE, NULL, label, "total");
    } while (got > 0);
    return 0;
}

static int read_entries(struct archive *a, const char *label, size_t *total, int (*each)(void *, const char *, const char *, size_t, struct err *), void *self, struct err *e)
{
    struct archive_entry *entry;
    struct buf file;
    int status, code = 0;
    size_t files = 0;

    buf_init(&file, PACKAGE_MAX_FILE + BLOCK);
    while ((status = archive_read_next_header(a, &entry)) == ARCHIVE_OK || status == ARCHIVE_WARN) {
        const char *name = wanted_name(entry);

        if (++files > PACKAGE_MAX_FILES) {
            code = err_set(e, ERR_LIMIT, MSG_PACKAGE_TOO_LARGE, NULL, label, "files");
            break;
        }
        /* Skipped data passes through the decompressor, too: it counts. */
        code = read_entry(a, label, &file, total, e);
        if (code == 0 && name != NULL)
            code = each(self, name, file.data, file.len, e);
        if (code < 0)
            break;
    }
    if (code == 0 && status != ARCHIVE_EOF)
        code = syntax(e, label, archive_error_string(a));
    if (code == 0 && files == 0)
        code = syntax(e, label, "empty");
    buf_free(&file);
    return code;
}

int archive_each(const char *label, const char *bytes, size_t len, size_t *total, int (*each)(void *self, const char *name, const char *bytes, size_t len, struct err *e), void *self, struct err *e)
{
    struct archive *a = archive_read_new();
    int code;

    if (a == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "package", NULL);
    if (archive_read_support_filter_gzip(a) != ARCHIVE_OK || archive_read_support_format_tar(a) != ARCHIVE_OK)
        code = err_set(e, ERR_INTERNAL, MSG_INTERNAL, NULL, "libarchive", archive_error_string(a));
    else if (archive_read_open_memory(a, bytes, len) != ARCHIVE_OK)
        code = syntax(e, label, archive_error_string(a));
    else
        code = read_entries(a, label, total, each, self, e);
    archive_read_free(a);
    return code;
}
