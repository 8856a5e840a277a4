/*
 * NAME
 *     make_image - compiles packages or facts into an image, for the build and for maintainers
 *
 * SYNOPSIS
 *     make_image OUT FILE...          FILE: a package (.tgz) or a facts file (.facts)
 *     make_image --builtin FACTS OUT TABLE
 *     make_image --facts ROOTS OUT FILE...
 *
 * DESCRIPTION
 *     Runs at build time to make the built-in table; no part of the product. --builtin also writes the views into the image as a C initializer, so that
 *     the program need not open it. With --facts it writes that table's source anew from the packages: what the
 *     canonicals in the file ROOTS (one a line, # = remark) and all that they reach need.
 *
 * DIAGNOSTICS
 *     0 = written; 1 = said why on standard error. Notes about resources that were not understood go there, too.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "validate/model/image.h"
#include "validate/package/package.h"

enum { FACTS_MAX = 64 << 20, ROOTS_MAX = 4096 };

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

static int write_file(const char *path, const struct buf *content, struct err *e)
{
    FILE *out = fopen(path, "wbe");
    bool fine = out != NULL && fwrite(content->data, 1, content->len, out) == content->len;

    if (out != NULL && fclose(out) != 0)
        fine = false;
    return fine ? 0 : err_set_errno(e, MSG_IO, NULL, "write");
}

/* struct image as constants: `start` is the symbol of the block. */
static int write_table(const char *path, const struct buf *bytes, struct err *e)
{
    static const struct { const char *name; enum img_section section; } views[] = {
        { "profiles", IMG_PROFILES }, { "elements", IMG_ELEMENTS }, { "children", IMG_CHILDREN }, { "members", IMG_MEMBERS }, { "types", IMG_TYPES },
        { "links", IMG_LINKS }, { "constraints", IMG_CONSTRAINTS }, { "discriminators", IMG_DISCRIMINATORS }, { "values", IMG_VALUES },
        { "contexts", IMG_CONTEXTS }, { "systems", IMG_SYSTEMS }, { "concepts", IMG_CONCEPTS }, { "value_sets", IMG_VALUE_SETS },
        { "includes", IMG_INCLUDES }, { "codes", IMG_CODES }, { "namings", IMG_NAMINGS }
    };
    struct image image;
    struct buf out;
    int code = image_open(bytes->data, bytes->len, &image, e);

    if (code < 0)
        return code;
    buf_init(&out, FACTS_MAX);
    buf_addf(&out, "{ .base = start, .size = %zu, .header = (const void *)start,\n", bytes->len);
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        buf_addf(&out, ".%s = (const void *)(start + %u),\n", views[i].name, image.header->section[views[i].section].offset);
    buf_add_str(&out, ".count = {");
    for (int i = 0; i < IMG_SECTIONS; i++)
        buf_addf(&out, " %u,", image.count[i]);
    code = buf_add_str(&out, " } }\n");
    code = code < 0 ? err_set(e, (enum err_code)code, MSG_NOMEM, NULL, "table", NULL) : write_file(path, &out, e);
    buf_free(&out);
    return code;
}

static int make_image(struct package_set *set, const char *path, const char *table, struct err *e)
{
    struct buf image;
    int code;

    buf_init(&image, PACKAGE_IMAGE_MAX);
    code = package_set_compile(set, &image, e);
    if (code == 0)
        code = write_file(path, &image, e);
    if (code == 0 && table != NULL)
        code = write_table(table, &image, e);
    buf_free(&image);
    return code;
}

/* Ends the lines of the file in place. */
static size_t split_lines(char *text, const char **ret_line, size_t max)
{
    size_t count = 0;

    for (char *at = text; *at != '\0' && count < max;) {
        size_t len = strcspn(at, "\n");
        bool more = at[len] == '\n';

        at[len] = '\0';
        if (len > 0 && *at != '#')
            ret_line[count++] = at;
        at += len + more;
    }
    return count;
}

static int make_facts(struct package_set *set, const char *roots_path, const char *path, struct err *e)
{
    const char *root[ROOTS_MAX];
    struct buf roots, facts;
    int code;

    buf_init(&roots, FACTS_MAX);
    buf_init(&facts, FACTS_MAX);
    code = file_read(AT_FDCWD, roots_path, FACTS_MAX, &roots, e);
    if (code == 0)
        code = package_set_facts(set, root, split_lines(roots.data, root, ROOTS_MAX), &facts, e);
    if (code == 0)
        code = write_file(path, &facts, e);
    buf_free(&facts);
    buf_free(&roots);
    return code;
}

int main(int argc, char **argv)
{
    struct err e = ERR_INIT;
    struct package_set *set = package_set_new(&e);
    bool facts = argc > 4 && strcmp(argv[1], "--facts") == 0, builtin = argc == 5 && strcmp(argv[1], "--builtin") == 0;
    int first = facts ? 4 : 2, last = builtin ? 3 : argc, code = set == NULL ? e.code : 0;
    char text[1024];

    if (code == 0 && last <= first)
        code = err_set(&e, ERR_INVALID, MSG_NOT_FOUND, NULL, "OUT FILE...", NULL);
    for (int i = first; code == 0 && i < last; i++)
        code = add(set, argv[i], &e);
    if (code == 0)
        code = facts ? make_facts(set, argv[2], argv[3], &e) : make_image(set, builtin ? argv[3] : argv[1], builtin ? argv[4] : NULL, &e);
    for (size_t i = 0; set != NULL && i < package_set_notes(set); i++)
        fprintf(stderr, "%s\n", package_set_note(set, i));
    if (code < 0) {
        msg_format(e.msg, LANG_EN, e.arg[0], e.arg[1], text, sizeof text);
        fprintf(stderr, "make_image: %s\n", text);
    }
    package_set_free(set);
    return code < 0;
}
