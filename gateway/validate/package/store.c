/*
 * NAME
 *     package_store - the operator's packages, the sets made of them, and their compiled images
 *
 * SYNOPSIS
 *     struct package_store *s = package_store_open("/var/lib/clinsgw/fhir", &e);
 *     package_store_add(s, "jp-clins.tgz", &info, &e);
 *     package_store_use(s, "clins", files, count, &e);
 *     package_store_set(s, "clins", &set, &e);                      // struct validate_set *, for validate_bytes()
 *
 * DESCRIPTION
 *     packages/NAME-VERSION.tgz, sets/SET.conf (a file a line), sets/SET.image and sets/SET.stamp. The stamp says of which files (name, size, time, inode) and by
 *     which compiler the image was made: as long as it fits, nothing is read or hashed; when it does not, or the image does not verify, the image is written
 *     anew. Everything is written beside its name and renamed.
 *
 * DIAGNOSTICS
 *     PACKAGE_EXISTS, PACKAGE_UNKNOWN, PACKAGE_IN_USE, PACKAGE_SET_UNKNOWN, PACKAGE_NO_CORE, PACKAGE_NAME, what package.h says of packages, and failures of base/file.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/crypt.h"
#include "base/file.h"
#include "base/text.h"
#include "validate/package/package_private.h"
#include "validate/validate_private.h"

enum { FILE_NAME_MAX = 200, SET_NAME_MAX = 64, SET_FILES_MAX = PACKAGES_MAX, CONF_MAX = 64 << 10, PACKAGE_BYTES_MAX = 128 << 20, STORE_MEMORY = 4 << 20 };

struct package_store {
    char *folder;
    int dir, packages, sets, loose;
    struct arena *arena;                 /* what callers are lent */
};

struct package_store *package_store_open(const char *folder, struct err *e)
{
    struct package_store *s = calloc(1, sizeof *s);

    if (s == NULL) {
        err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "package", NULL);
        return NULL;
    }
    s->dir = s->packages = s->sets = s->loose = -1;
    s->folder = strdup(folder);
    s->arena = arena_new(STORE_MEMORY);
    if (s->folder == NULL || s->arena == NULL) {
        err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "package", NULL);
        return package_store_close(s);
    }
    if ((s->dir = dir_make_path(folder, 0755, e)) < 0 || (s->packages = dir_make(s->dir, "packages", 0755, e)) < 0
        || (s->sets = dir_make(s->dir, "sets", 0755, e)) < 0 || (s->loose = dir_make(s->dir, "loose", 0755, e)) < 0)
        return package_store_close(s);
    return s;
}

struct package_store *package_store_close(struct package_store *s)
{
    if (s != NULL) {
        const int fds[] = { s->loose, s->sets, s->packages, s->dir };

        for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
            if (fds[i] >= 0)
                close(fds[i]);
        arena_free(s->arena);
        free(s->folder);
    }
    free(s);
    return NULL;
}

static bool file_name_ok(const char *name)
{
    size_t len = strlen(name);

    return len > 4 && len <= FILE_NAME_MAX && name[0] != '.' && text_all_of(name, len, "0-9A-Za-z._-") && strcmp(name + len - 4, ".tgz") == 0;
}

static bool set_name_ok(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len <= SET_NAME_MAX && text_all_of(name, len, "0-9A-Za-z_-");
}

static int bad_name(struct err *e, const char *name)
{
    return err_set(e, ERR_INVALID, MSG_PACKAGE_NAME, NULL, name, NULL);
}

/* ---- packages ---- */

static bool same_bytes(int dir, const char *name, const struct buf *bytes)
{
    struct buf there;
    bool same;

    buf_init(&there, PACKAGE_BYTES_MAX);
    same = file_read(dir, name, PACKAGE_BYTES_MAX, &there, NULL) == 0 && there.len == bytes->len && memcmp(there.data, bytes->data, there.len) == 0;
    buf_free(&there);
    return same;
}

/* Publishers give out releases that differ and say the same version (jp-clins: "1.x.x-temp"): the later one gets the beginning of its digest into its name. */
static int file_package(struct package_store *s, const struct package_info *info, char *name, size_t size, const struct buf *bytes, struct err *e)
{
    char hex[SHA256_HEX];
    struct sha256 digest;
    int code;

    if (!file_name_ok(name))
        return bad_name(e, name);
    code = file_write(s->packages, name, bytes->data, bytes->len, 0644, FILE_NEW, FILE_DURABLE, e);
    if (code == ERR_EXISTS && !same_bytes(s->packages, name, bytes)) {
        if (sha256_of(bytes->data, bytes->len, &digest) < 0)
            return err_set(e, ERR_INTERNAL, MSG_INTERNAL, NULL, "sha256", NULL);
        sha256_to_hex(&digest, hex);
        snprintf(name, size, "%s-%s-%.8s.tgz", info->name, info->version, hex);
        code = file_name_ok(name) ? file_write(s->packages, name, bytes->data, bytes->len, 0644, FILE_NEW, FILE_DURABLE, e) : bad_name(e, name);
    }
    return code == ERR_EXISTS ? err_set(e, ERR_EXISTS, MSG_PACKAGE_EXISTS, NULL, name, NULL) : code;
}

int package_store_add(struct package_store *s, const char *path, struct package_info *ret_info, struct err *e)
{
    struct package_set *set = package_set_new(e);
    char name[FILE_NAME_MAX + 64];
    struct package_info info;
    struct buf bytes;
    int code = set == NULL ? ERR_NOMEM : 0;

    buf_init(&bytes, PACKAGE_BYTES_MAX);
    if (code == 0)
        code = file_read(AT_FDCWD, path, PACKAGE_BYTES_MAX, &bytes, e);
    if (code == ERR_NOTFOUND)
        err_set(e, ERR_NOTFOUND, MSG_NOT_FOUND, NULL, path, NULL);
    if (code == 0)
        code = package_set_add_bytes(set, path, bytes.data, bytes.len, e);
    if (code == 0) {
        info = *package_set_info(set, 0);
        snprintf(name, sizeof name, "%s-%s.tgz", info.name, info.version);
        info.name = arena_strdup(s->arena, info.name);
        info.version = arena_strdup(s->arena, info.version);
        info.fhir_version = arena_strdup(s->arena, info.fhir_version);
        if (info.name == NULL || info.version == NULL || info.fhir_version == NULL)
            code = err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "package", NULL);
    }
    if (code == 0)
        code = file_package(s, &info, name, sizeof name, &bytes, e);
    if (code == 0 && (info.file = arena_strdup(s->arena, name)) == NULL)
        code = err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "package", NULL);
    if (code == 0 && ret_info != NULL)
        *ret_info = info;
    buf_free(&bytes);
    package_set_free(set);
    return code;
}

/* ---- sets ---- */

/* The files of a set, ended in place in the buffer. */
struct set_files { struct buf text; const char *file[SET_FILES_MAX]; size_t count; };

static int set_file(const char *set, const char *kind, char *ret_name, size_t size, struct err *e)
{
    if (!set_name_ok(set))
        return bad_name(e, set);
    snprintf(ret_name, size, "%s.%s", set, kind);
    return 0;
}

/* Free with buf_free(&f->text), after a failure too. */
static int set_read(struct package_store *s, const char *set, struct set_files *f, struct err *e)
{
    char name[SET_NAME_MAX + 8];
    int code;

    *f = (struct set_files){ .count = 0 };
    buf_init(&f->text, CONF_MAX);
    code = set_file(set, "conf", name, sizeof name, e);
    if (code == 0)
        code = file_read(s->sets, name, CONF_MAX, &f->text, e);
    if (code == ERR_NOTFOUND)
        err_set(e, ERR_NOTFOUND, MSG_PACKAGE_SET_UNKNOWN, NULL, set, NULL);
    if (code < 0)
        return code;
    for (char *at = f->text.len > 0 ? f->text.data : NULL; at != NULL && *at != '\0';) {
        size_t len = strcspn(at, "\n");
        bool more = at[len] == '\n';

        at[len] = '\0';
        if (len > 0 && *at != '#') {
            if (f->count == SET_FILES_MAX || !file_name_ok(at))
                return bad_name(e, at);
            f->file[f->count++] = at;
        }
        at += len + more;
    }
    return 0;
}

/* What an image is made of, to be compared as text: the compiler, and name, size, time and inode of each file. */
static int make_stamp(int dir, const char *const *files, size_t count, struct buf *ret_stamp, struct err *e)
{
    buf_addf(ret_stamp, "%d %d\n", PACKAGE_COMPILER_VERSION, IMG_VERSION);
    for (size_t i = 0; i < count; i++) {
        struct stat st;

        if (fstatat(dir, files[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
            return errno == ENOENT ? err_set(e, ERR_NOTFOUND, MSG_PACKAGE_UNKNOWN, NULL, files[i], NULL) : err_set_errno(e, MSG_IO, NULL, files[i]);
        buf_addf(ret_stamp, "%s %lld %lld.%09ld %llu\n", files[i], (long long)st.st_size, (long long)st.st_mtim.tv_sec, (long)st.st_mtim.tv_nsec,
                 (unsigned long long)st.st_ino);
    }
    return ret_stamp->failed != 0 ? err_set(e, (enum err_code)ret_stamp->failed, MSG_NOMEM, NULL, "package", NULL) : 0;
}

static int compile_files(int dir, const char *const *files, size_t count, struct buf *ret_image, struct err *e)
{
    struct package_set *set = package_set_new(e);
    struct buf bytes;
    int code = set == NULL ? ERR_NOMEM : 0;

    buf_init(&bytes, PACKAGE_BYTES_MAX);
    for (size_t i = 0; code == 0 && i < count; i++) {
        buf_reset(&bytes);
        code = file_read(dir, files[i], PACKAGE_BYTES_MAX, &bytes, e);
        if (code == ERR_NOTFOUND)
            err_set(e, ERR_NOTFOUND, MSG_PACKAGE_UNKNOWN, NULL, files[i], NULL);
        if (code == 0)
            code = package_set_add_bytes(set, files[i], bytes.data, bytes.len, e);
    }
    buf_free(&bytes);
    if (code == 0)
        code = package_set_compile(set, ret_image, e);
    package_set_free(set);
    return code;
}

/* Without the R4 core no resource is known at all. */
static int check_core(const struct image *image, const char *what, struct err *e)
{
    static const char core[] = "http://hl7.org/fhir/StructureDefinition/Bundle";

    return image_find_profile(image, core, strlen(core)) != 0 ? 0 : err_set(e, ERR_INVALID, MSG_PACKAGE_NO_CORE, NULL, what, NULL);
}

/* Where an image lies and what it is made of. */
struct recipe { int dir; const char *const *files; size_t count; int to; const char *what, *image, *stamp; };

/* Compiles and writes the image, then its stamp: a stamp never speaks of an image that is not there. */
static int write_image(const struct recipe *r, struct err *e)
{
    struct buf image, stamp;
    struct image view;
    int code;

    buf_init(&image, PACKAGE_IMAGE_MAX);
    buf_init(&stamp, CONF_MAX);
    code = make_stamp(r->dir, r->files, r->count, &stamp, e);
    if (code == 0)
        code = compile_files(r->dir, r->files, r->count, &image, e);
    if (code == 0)
        code = image_open(image.data, image.len, &view, e);
    if (code == 0)
        code = check_core(&view, r->what, e);
    if (code == 0)
        code = file_write(r->to, r->image, image.data, image.len, 0644, FILE_REPLACE, FILE_DURABLE, e);
    if (code == 0)
        code = file_write(r->to, r->stamp, stamp.data, stamp.len, 0644, FILE_REPLACE, FILE_FAST, e);
    buf_free(&stamp);
    buf_free(&image);
    return code;
}

/* The image, opened, when the stamp fits what lies there now and it verifies; NULL: make it anew. */
static struct validate_set *open_fresh(const struct recipe *r, const char *image_path)
{
    struct validate_set *set = NULL;
    struct buf has, wants;

    buf_init(&has, CONF_MAX);
    buf_init(&wants, CONF_MAX);
    if (make_stamp(r->dir, r->files, r->count, &wants, NULL) == 0 && file_read(r->to, r->stamp, CONF_MAX, &has, NULL) == 0 && has.len == wants.len
        && memcmp(has.data, wants.data, has.len) == 0 && validate_set_open(image_path, &set, NULL) < 0)
        set = NULL;
    buf_free(&wants);
    buf_free(&has);
    return set;
}

/* Verified once: when it is opened. *ret_made: it had to be made. */
static int open_image(const struct recipe *r, const char *image_path, struct validate_set **ret_set, bool *ret_made, struct err *e)
{
    struct validate_set *set = open_fresh(r, image_path);
    bool made = set == NULL;
    int code = made ? write_image(r, e) : 0;

    if (code == 0 && made)
        code = validate_set_open(image_path, &set, e);
    if (code == 0)
        code = check_core(validate_set_image(set), r->what, e);
    if (code < 0) {
        validate_set_close(set);
        return code;
    }
    *ret_set = set;
    *ret_made = made;
    return 0;
}

static int join_path(const struct package_store *s, const char *part, const char *name, char *ret_path, size_t size, struct err *e)
{
    int len = snprintf(ret_path, size, "%s/%s/%s", s->folder, part, name);

    return len > 0 && (size_t)len < size ? 0 : err_set(e, ERR_LIMIT, MSG_FILE_NAME, NULL, name, NULL);
}

int package_store_use(struct package_store *s, const char *set, const char *const *files, size_t count, struct err *e)
{
    char conf[SET_NAME_MAX + 8], image[SET_NAME_MAX + 8], stamp[SET_NAME_MAX + 8];
    struct buf text;
    int code = set_file(set, "conf", conf, sizeof conf, e);

    if (code < 0 || (code = set_file(set, "image", image, sizeof image, e)) < 0 || (code = set_file(set, "stamp", stamp, sizeof stamp, e)) < 0)
        return code;
    if (count == 0 || count > SET_FILES_MAX)
        return err_set(e, ERR_LIMIT, MSG_PACKAGE_TOO_LARGE, NULL, set, "packages");
    buf_init(&text, CONF_MAX);
    for (size_t i = 0; code == 0 && i < count; i++) {
        code = file_name_ok(files[i]) ? 0 : bad_name(e, files[i]);
        buf_addf(&text, "%s\n", files[i]);
    }
    if (code == 0)
        code = write_image(&(struct recipe){ s->packages, files, count, s->sets, set, image, stamp }, e);
    if (code == 0)
        code = file_write(s->sets, conf, text.data, text.len, 0644, FILE_REPLACE, FILE_DURABLE, e);
    buf_free(&text);
    return code;
}

/* The definition goes first: what is left after a failure is nobody's set. */
int package_store_drop(struct package_store *s, const char *set, struct err *e)
{
    static const char *const kinds[] = { "conf", "image", "stamp" };
    char name[SET_NAME_MAX + 8];

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        int code = set_file(set, kinds[i], name, sizeof name, e);

        if (code < 0)
            return code;
        if (unlinkat(s->sets, name, 0) < 0 && (errno != ENOENT || i == 0))
            return errno == ENOENT ? err_set(e, ERR_NOTFOUND, MSG_PACKAGE_SET_UNKNOWN, NULL, set, NULL) : err_set_errno(e, MSG_IO, NULL, name);
    }
    return dir_sync(s->sets, e);
}

static int open_set(struct package_store *s, const char *set, struct validate_set **ret_set, bool *ret_made, struct err *e)
{
    char image[SET_NAME_MAX + 8], stamp[SET_NAME_MAX + 8], path[PATH_MAX];
    struct set_files files;
    int code = set_read(s, set, &files, e);

    if (code == 0)
        code = set_file(set, "image", image, sizeof image, e);
    if (code == 0)
        code = set_file(set, "stamp", stamp, sizeof stamp, e);
    if (code == 0)
        code = join_path(s, "sets", image, path, sizeof path, e);
    if (code == 0)
        code = open_image(&(struct recipe){ s->packages, files.file, files.count, s->sets, set, image, stamp }, path, ret_set, ret_made, e);
    buf_free(&files.text);
    return code;
}

int package_store_refresh(struct package_store *s, const char *set, bool *ret_made, struct err *e)
{
    struct validate_set *opened = NULL;
    bool made = false;
    int code = open_set(s, set, &opened, &made, e);

    validate_set_close(opened);
    if (code == 0 && ret_made != NULL)
        *ret_made = made;
    return code;
}

int package_store_set(struct package_store *s, const char *set, struct validate_set **ret_set, struct err *e)
{
    bool made = false;

    return open_set(s, set, ret_set, &made, e);
}

/* The name of the image of loose files is a digest of their stamp: another file at the same path is another image. */
int package_store_loose(struct package_store *s, const char *const *files, size_t count, struct validate_set **ret_set, struct err *e)
{
    char hex[SHA256_HEX], image[SHA256_HEX + 8], stamp[SHA256_HEX + 8], path[PATH_MAX];
    struct sha256 digest;
    struct buf text;
    bool made = false;
    int code;

    buf_init(&text, CONF_MAX);
    code = count == 0 || count > SET_FILES_MAX ? err_set(e, ERR_LIMIT, MSG_PACKAGE_TOO_LARGE, NULL, "--package", "packages") : make_stamp(AT_FDCWD, files, count, &text, e);
    if (code == 0 && sha256_of(text.data, text.len, &digest) < 0)
        code = err_set(e, ERR_INTERNAL, MSG_INTERNAL, NULL, "sha256", NULL);
    buf_free(&text);
    if (code < 0)
        return code;
    sha256_to_hex(&digest, hex);
    snprintf(image, sizeof image, "%s.image", hex);
    snprintf(stamp, sizeof stamp, "%s.stamp", hex);
    code = join_path(s, "loose", image, path, sizeof path, e);
    return code < 0 ? code : open_image(&(struct recipe){ AT_FDCWD, files, count, s->loose, "--package", image, stamp }, path, ret_set, &made, e);
}

/* ---- looking ---- */

/* Calls back with each name in the folder that ends so, in the order of the alphabet. */
static int each_file(int dir, const char *ending, int (*each)(void *self, const char *name, struct err *e), void *self, struct err *e)
{
    struct dirent **entry = NULL;
    int count = scandirat(dir, ".", &entry, NULL, alphasort), code = 0;

    if (count < 0)
        return err_set_errno(e, MSG_IO, NULL, "readdir");
    for (int i = 0; i < count; i++) {
        const char *name = entry[i]->d_name;
        size_t len = strlen(name), end = strlen(ending);

        if (code == 0 && len > end && name[0] != '.' && strcmp(name + len - end, ending) == 0)
            code = each(self, name, e);
        free(entry[i]);
    }
    free(entry);
    return code;
}

struct user_search { struct package_store *s; const char *file; struct buf *sets; };

/* Adds the set's name when the set has the file. A set that cannot be read uses nothing. */
static int note_user(void *self, const char *name, struct err *e)
{
    struct user_search *u = self;
    char set[SET_NAME_MAX + 1];
    size_t len = strlen(name) - strlen(".conf");
    struct set_files files;

    (void)e;
    if (len > SET_NAME_MAX)
        return 0;
    memcpy(set, name, len);
    set[len] = '\0';
    if (set_read(u->s, set, &files, NULL) == 0)
        for (size_t i = 0; i < files.count; i++)
            if (strcmp(files.file[i], u->file) == 0) {
                buf_addf(u->sets, "%s%s", u->sets->len > 0 ? " " : "", set);
                break;
            }
    buf_free(&files.text);
    return 0;
}

static int find_users(struct package_store *s, const char *file, struct buf *ret_sets, struct err *e)
{
    struct user_search u = { s, file, ret_sets };

    return each_file(s->sets, ".conf", note_user, &u, e);
}

int package_store_remove(struct package_store *s, const char *file, struct err *e)
{
    struct buf sets;
    int code = file_name_ok(file) ? 0 : bad_name(e, file);

    buf_init(&sets, CONF_MAX);
    if (code == 0)
        code = find_users(s, file, &sets, e);
    if (code == 0 && sets.len > 0)
        code = err_set(e, ERR_NOT_NOW, MSG_PACKAGE_IN_USE, NULL, file, sets.data);
    if (code == 0 && unlinkat(s->packages, file, 0) < 0)
        code = errno == ENOENT ? err_set(e, ERR_NOTFOUND, MSG_PACKAGE_UNKNOWN, NULL, file, NULL) : err_set_errno(e, MSG_IO, NULL, file);
    if (code == 0)
        code = dir_sync(s->packages, e);
    buf_free(&sets);
    return code;
}

struct listing { struct package_store *s; int (*each)(void *self, const struct package_listing *row); void *self; };

static size_t size_of(int dir, const char *name)
{
    struct stat st;

    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > 0 ? (size_t)st.st_size : 0;
}

/* "jp-core.r4-1.1.2-url.tgz": the version begins behind the first "-" that a digit follows. */
static int list_package(void *self, const char *file, struct err *e)
{
    struct listing *l = self;
    char name[FILE_NAME_MAX + 1];
    struct buf sets;
    char *dash;
    int code;

    if (!file_name_ok(file))
        return 0;
    memcpy(name, file, strlen(file) - 4);
    name[strlen(file) - 4] = '\0';
    for (dash = strchr(name, '-'); dash != NULL && (dash[1] < '0' || dash[1] > '9');)
        dash = strchr(dash + 1, '-');
    if (dash != NULL)
        *dash = '\0';
    buf_init(&sets, CONF_MAX);
    code = find_users(l->s, file, &sets, e);
    if (code == 0) {
        struct package_listing row = { .file = file, .name = name, .version = dash != NULL ? dash + 1 : "", .bytes = size_of(l->s->packages, file), .sets = sets.data };

        code = l->each(l->self, &row);
    }
    buf_free(&sets);
    return code;
}

static int list_set(void *self, const char *conf, struct err *e)
{
    struct listing *l = self;
    char set[SET_NAME_MAX + 1], image[SET_NAME_MAX + 8];
    size_t len = strlen(conf) - strlen(".conf");
    struct set_files files;
    struct buf text;
    int code;

    if (len > SET_NAME_MAX)
        return 0;
    memcpy(set, conf, len);
    set[len] = '\0';
    if (!set_name_ok(set))
        return 0;
    buf_init(&text, CONF_MAX);
    code = set_read(l->s, set, &files, e);
    for (size_t i = 0; code == 0 && i < files.count; i++)
        buf_addf(&text, "%s%s", i > 0 ? " " : "", files.file[i]);
    if (code == 0) {
        snprintf(image, sizeof image, "%s.image", set);
        struct package_listing row = { .file = NULL, .name = set, .version = "", .bytes = size_of(l->s->sets, image), .sets = text.data };

        code = l->each(l->self, &row);
    }
    buf_free(&text);
    buf_free(&files.text);
    return code;
}

int package_store_list(struct package_store *s, int (*each)(void *self, const struct package_listing *row), void *self, struct err *e)
{
    struct listing l = { s, each, self };
    int code = each_file(s->packages, ".tgz", list_package, &l, e);

    return code < 0 ? code : each_file(s->sets, ".conf", list_set, &l, e);
}
