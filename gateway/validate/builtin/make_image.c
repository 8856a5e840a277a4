/*
 * NAME
 *     make_image - compiles packages or facts into an image, for the build and for maintainers
 *
 * SYNOPSIS
 *     make_image OUT FILE...          FILE: a package (.tgz) or a facts file (.facts)
 *
 * DESCRIPTION
 *     Runs at build time to make the built-in table; no part of the product.
 *
 * DIAGNOSTICS
 *     0 = written; 1 = said why on standard error. Notes about resources that were not understood go there, too.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "validate/package/package.h"

enum { FACTS_MAX = 64 << 20 };

static int add(struct package_set *set, const char *path, struct err *e)
{
    size_t len = strlen(path);
    struct buf facts;
    int code;

    if (len < 6 || strcmp(path + len - 6, ".facts") != 0)
        return package_set_add_file(set, path, e);
    buf_init(&facts, FACTS_MAX);
    code = file_read(AT_FDCWD, path, FACTS_MAX, &facts, e);
    if (code == 0)
        code = package_set_add_facts(set, facts.data, facts.len, e);
    buf_free(&facts);
    return code;
}

static int write_image(const char *path, const struct buf *image, struct err *e)
{
    FILE *out = fopen(path, "wbe");
    bool fine = out != NULL && fwrite(image->data, 1, image->len, out) == image->len;

    if (out != NULL && fclose(out) != 0)
        fine = false;
    return fine ? 0 : err_set_errno(e, MSG_IO, NULL, "write");
}

int main(int argc, char **argv)
{
    struct err e = ERR_INIT;
    struct package_set *set = package_set_new(&e);
    struct buf image;
    char text[1024];
    int code = set == NULL ? e.code : argc < 3 ? err_set(&e, ERR_INVALID, MSG_NOT_FOUND, NULL, "OUT FILE...", NULL) : 0;

    buf_init(&image, PACKAGE_IMAGE_MAX);
    for (int i = 2; code == 0 && i < argc; i++)
        code = add(set, argv[i], &e);
    if (code == 0)
        code = package_set_compile(set, &image, &e);
    if (code == 0)
        code = write_image(argv[1], &image, &e);
    for (size_t i = 0; set != NULL && i < package_set_notes(set); i++)
        fprintf(stderr, "%s\n", package_set_note(set, i));
    if (code < 0) {
        msg_format(e.msg, LANG_EN, e.arg[0], e.arg[1], text, sizeof text);
        fprintf(stderr, "make_image: %s\n", text);
    }
    buf_free(&image);
    package_set_free(set);
    return code < 0;
}
