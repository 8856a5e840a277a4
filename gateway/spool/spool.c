/*
 * NAME
 *      spool - claim, read, hand back the files of one vendor folder
 *
 * SYNOPSIS
 *      #include "spool/spool.h"
 *
 * DESCRIPTION
 *      Every operation works below directory handles that were opened once without following links. A claim is a rename into .work/ under
 *      a name of our own that still carries the vendor's name, so that a restart can tell whose it was: 16 hex digits of a hash over name,
 *      mtime and inode, a '-', the vendor's name. A name that is too long to be kept is cut behind a '+', and the hash stands for it from then on.
 *
 * DIAGNOSTICS
 *      ERR_CLOSED when the folders are gone, ERR_NOTFOUND when the name is, ERR_IO for the rest.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/crypt.h"
#include "base/file.h"
#include "base/text.h"
#include "spool/spool_private.h"

static const struct { const char *name; mode_t mode; } folders[FOLDER_COUNT] = {
    [FOLDER_IN] = { "in", 0770 }, [FOLDER_OUT] = { "out", 0770 }, [FOLDER_DONE] = { "done", 0770 },
    [FOLDER_ERROR] = { "error", 0770 }, [FOLDER_TRY] = { "try", 0770 }, [FOLDER_WORK] = { ".work", 0700 },
};

enum { PREFIX_LEN = 17, REUSE_MAX = 10000, READ_TRIES = 3 };

bool spool_name_good(const char *name, size_t len)
{
    return len > 0 && len <= SPOOL_GOOD_NAME_MAX && text_is_utf8(name, len) && text_find_control(name, len, false) < 0;
}

static void close_folders(struct spool_source *source)
{
    for (int i = 0; i < FOLDER_COUNT; i++) {
        if (source->folder[i] >= 0)
            close(source->folder[i]);
        source->folder[i] = -1;
    }
    if (source->root_fd >= 0)
        close(source->root_fd);
    source->root_fd = -1;
}

static int gone(const struct spool_source *source, struct err *e)
{
    return err_set(e, ERR_CLOSED, MSG_SPOOL_SHARE_GONE, source->name, source->name, NULL);
}

static int open_folders(struct spool_source *source, struct err *e)
{
    struct stat st;
    int r;

    source->root_fd = dir_open(AT_FDCWD, source->root, NULL);
    if (source->root_fd < 0 || fstat(source->root_fd, &st) < 0) {
        r = gone(source, e);
        goto fail;
    }
    for (int i = 0; i < FOLDER_COUNT; i++) {
        r = dir_make(source->root_fd, folders[i].name, folders[i].mode, e);
        if (r < 0)
            goto fail;
        source->folder[i] = r;
    }
    source->dev = st.st_dev;
    source->ino = st.st_ino;
    return 0;
fail:
    close_folders(source);
    return r;
}

int spool_source_new(const struct spool_source_config *config, struct spool_source **ret_source, struct err *e)
{
    struct spool_source *source = calloc(1, sizeof *source);

    if (source == NULL || (source->name = strdup(config->name)) == NULL || (source->root = strdup(config->root)) == NULL) {
        spool_source_free(source);
        return err_set(e, ERR_NOMEM, MSG_NOMEM, config->name, "spool", NULL);
    }
    source->config = *config;
    source->root_fd = -1;
    for (int i = 0; i < FOLDER_COUNT; i++)
        source->folder[i] = -1;
    *ret_source = source;
    return open_folders(source, e);
}

struct spool_source *spool_source_free(struct spool_source *source)
{
    if (source != NULL) {
        spool_seen_clear(&source->in);
        spool_seen_clear(&source->try_seen);
        if (source->root != NULL)
            close_folders(source);
        free(source->name);
        free(source->root);
        free(source);
    }
    return NULL;
}

const char *spool_source_name(const struct spool_source *source)
{
    return source->name;
}

int spool_source_probe(struct spool_source *source, struct err *e)
{
    struct stat st;

    if (source->root_fd >= 0 && stat(source->root, &st) == 0 && st.st_dev == source->dev && st.st_ino == source->ino &&
        faccessat(source->root_fd, "in", X_OK, AT_EACCESS) == 0)
        return 0;
    close_folders(source);
    spool_seen_clear(&source->in);
    spool_seen_clear(&source->try_seen);
    return open_folders(source, e);
}

/* First 16 hex digits of SHA-256: stands for a name that cannot be shown, and makes work names unique. */
static int short_hash(const void *data, size_t len, char ret_hex[static 17])
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

static bool out_taken(const struct spool_source *source, const char *stem)
{
    static const char *const endings[] = { "result.json", "status.json", "notice.json" };
    char file[SPOOL_NAME_MAX + 1];

    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        snprintf(file, sizeof file, "%s.%s", stem, endings[i]);
        if (faccessat(source->folder[FOLDER_OUT], file, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            return true;
    }
    return false;
}

/* What stands for the vendor's name in our folders: the name itself, or the hash of a name that cannot be shown or kept. */
static void stem_of(const char *work, char ret_stem[static SPOOL_GOOD_NAME_MAX + 1])
{
    const char *name = work + PREFIX_LEN;

    if (work[PREFIX_LEN - 1] == '-' && spool_name_good(name, strlen(name)))
        text_copy(ret_stem, SPOOL_GOOD_NAME_MAX + 1, name);
    else
        snprintf(ret_stem, SPOOL_GOOD_NAME_MAX + 1, "%.*s", PREFIX_LEN - 1, work);
}

/* STEM, or STEM.2, STEM.3, … : the first that has no outcome in out/ yet. */
static void choose_out_name(const struct spool_source *source, const char *work, char *ret_stem, size_t size)
{
    char base[SPOOL_GOOD_NAME_MAX + 1];

    stem_of(work, base);
    text_copy(ret_stem, size, base);
    for (int n = 2; n < REUSE_MAX && out_taken(source, ret_stem); n++)
        snprintf(ret_stem, size, "%s.%d", base, n);
}

static int work_name(const char *name, const struct stat *st, char ret_work[static SPOOL_WORK_MAX])
{
    struct { uint64_t inode; int64_t sec, nsec; char name[SPOOL_NAME_MAX + 1]; } key;
    char hash[17];
    int r;

    memset(&key, 0, sizeof key);
    key.inode = st->st_ino;
    key.sec = st->st_mtim.tv_sec;
    key.nsec = st->st_mtim.tv_nsec;
    text_copy(key.name, sizeof key.name, name);
    r = short_hash(&key, sizeof key, hash);
    if (r == 0 && strlen(name) > SPOOL_GOOD_NAME_MAX)
        snprintf(ret_work, SPOOL_WORK_MAX, "%s+%.*s", hash, SPOOL_GOOD_NAME_MAX, name);
    else if (r == 0)
        snprintf(ret_work, SPOOL_WORK_MAX, "%s-%s", hash, name);
    return r;
}

static void claim_fill(const struct spool_source *source, const char *work, const char *name, int64_t mtime, struct spool_claim *ret_claim)
{
    memset(ret_claim, 0, sizeof *ret_claim);
    snprintf(ret_claim->work, sizeof ret_claim->work, "%s", work);
    snprintf(ret_claim->name, sizeof ret_claim->name, "%s", name);
    ret_claim->mtime_ns = mtime;
    choose_out_name(source, work, ret_claim->out_name, sizeof ret_claim->out_name);
}

int spool_source_claim(struct spool_source *source, const char *name, struct spool_claim *ret_claim, struct err *e)
{
    struct stat st;
    char work[SPOOL_WORK_MAX], companion[SPOOL_NAME_MAX + 8];

    if (source->folder[FOLDER_IN] < 0)
        return gone(source, e);
    if (fstatat(source->folder[FOLDER_IN], name, &st, AT_SYMLINK_NOFOLLOW) < 0 || work_name(name, &st, work) < 0)
        return err_set(e, ERR_NOTFOUND, MSG_SPOOL_VANISHED, NULL, source->name, NULL);
    if (renameat2(source->folder[FOLDER_IN], name, source->folder[FOLDER_WORK], work, RENAME_NOREPLACE) < 0 &&
        (errno != EINVAL || renameat(source->folder[FOLDER_IN], name, source->folder[FOLDER_WORK], work) < 0)) { /* EINVAL: a file system without the flag */
        spool_source_forget(source, name);
        if (errno == ENOENT)
            return err_set(e, ERR_NOTFOUND, MSG_SPOOL_VANISHED, NULL, source->name, NULL);
        return err_set_errno(e, MSG_IO, source->name, "claim");
    }
    source->claimed = true;
    spool_seen_forget(&source->in, name);
    if (snprintf(companion, sizeof companion, "%s.ok", name) <= SPOOL_NAME_MAX)
        unlinkat(source->folder[FOLDER_IN], companion, 0);
    claim_fill(source, work, name, (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec, ret_claim);
    return 0;
}

int spool_source_sync(struct spool_source *source, struct err *e)
{
    int r = 0;

    if (!source->claimed)
        return 0;
    if (source->folder[FOLDER_IN] < 0)
        return gone(source, e);
    r = dir_sync(source->folder[FOLDER_WORK], e);
    if (r == 0)
        r = dir_sync(source->folder[FOLDER_IN], e);
    if (r == 0)
        source->claimed = false;
    return r;
}

/* Why what lies there is no file that may be read, MSG_NONE when it may. */
static enum msg_id unreadable(const struct stat *st, int64_t max)
{
    if (S_ISLNK(st->st_mode))
        return MSG_SPOOL_SYMLINK;
    if (S_ISDIR(st->st_mode))
        return MSG_SPOOL_FOLDER;
    if (!S_ISREG(st->st_mode))
        return MSG_SPOOL_DEVICE;
    if (st->st_nlink > 1)
        return MSG_SPOOL_HARD_LINK;
    if (st->st_size > max)
        return MSG_SPOOL_TOO_LARGE;
    return MSG_NONE;
}

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Reads until size and mtime were the same before and after; a vendor that keeps writing into a claimed file is refused. */
static int read_still(int fd, const struct spool_source *source, struct spool_content *content, struct err *e)
{
    struct stat before, after;
    struct buf b;
    int r = 0;

    buf_init(&b, (size_t)source->config.max_bytes + 1);
    for (int i = 0; i < READ_TRIES && content->fd < 0 && r == 0 && content->refused == MSG_NONE; i++) {
        buf_reset(&b);
        if (fstat(fd, &before) < 0) {
            r = err_set_errno(e, MSG_IO, source->name, "fstat");
            break;
        }
        content->refused = unreadable(&before, source->config.max_bytes);
        if (content->refused != MSG_NONE)
            break;
        r = file_read_fd(fd, (size_t)source->config.max_bytes, &b, e);
        if (r == ERR_LIMIT) {
            content->refused = MSG_SPOOL_TOO_LARGE;
            r = 0;
        } else if (r == 0 && fstat(fd, &after) == 0 && same(&before, &after)) {
            content->fd = memfd_seal("clinsgw-claim", b.data, b.len, e);
            content->size = (int64_t)b.len;
            content->mtime_ns = (int64_t)after.st_mtim.tv_sec * 1000000000 + after.st_mtim.tv_nsec;
            r = content->fd < 0 ? content->fd : 0;
        }
    }
    if (r == 0 && content->fd < 0 && content->refused == MSG_NONE)
        content->refused = MSG_SPOOL_UNSTABLE;
    buf_free(&b);
    return r;
}

static int read_below(struct spool_source *source, enum spool_folder which, const char *name, struct spool_content *ret_content, struct err *e)
{
    struct spool_content content = { .fd = -1, .refused = MSG_NONE };
    struct stat st;
    int fd, r = 0;

    if (source->folder[which] < 0)
        return gone(source, e);
    if (fstatat(source->folder[which], name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return err_set(e, ERR_NOTFOUND, MSG_SPOOL_VANISHED, NULL, source->name, NULL);
    content.refused = unreadable(&st, source->config.max_bytes);
    content.size = st.st_size;
    content.mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    if (content.refused == MSG_NONE) {
        fd = openat(source->folder[which], name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 && errno == EACCES)
            content.refused = MSG_SPOOL_DENIED;
        else if (fd < 0)
            r = err_set_errno(e, MSG_IO, source->name, "open");
        else
            r = read_still(fd, source, &content, e);
        if (fd >= 0)
            close(fd);
    }
    if (r == 0)
        *ret_content = content;
    return r;
}

int spool_source_read(struct spool_source *source, const char *work, struct spool_content *ret_content, struct err *e)
{
    return read_below(source, FOLDER_WORK, work, ret_content, e);
}

int spool_source_read_try(struct spool_source *source, const char *name, struct spool_content *ret_content, struct err *e)
{
    if (strchr(name, '/') != NULL || spool_name_unfinished(name))
        return err_set(e, ERR_NOTFOUND, MSG_SPOOL_VANISHED, NULL, source->name, NULL);
    return read_below(source, FOLDER_TRY, name, ret_content, e);
}

int spool_source_left_over(struct spool_source *source, spool_claim_fn *on_left_over, void *ctx, struct err *e)
{
    DIR *dir;
    struct dirent *d;
    int fd;

    if (source->folder[FOLDER_WORK] < 0)
        return gone(source, e);
    fd = openat(source->folder[FOLDER_WORK], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || (dir = fdopendir(fd)) == NULL) {
        if (fd >= 0)
            close(fd);
        return gone(source, e);
    }
    while ((d = readdir(dir)) != NULL) {
        struct spool_claim claim;
        struct stat st;
        if (strlen(d->d_name) <= PREFIX_LEN || strspn(d->d_name, "0123456789abcdef") != PREFIX_LEN - 1 ||
            fstatat(source->folder[FOLDER_WORK], d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        claim_fill(source, d->d_name, d->d_name + PREFIX_LEN, (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec, &claim);
        on_left_over(ctx, &claim);
    }
    closedir(dir);
    return 0;
}

int spool_source_write(struct spool_source *source, enum spool_place place, const char *file, const void *data, size_t len, bool durable, struct err *e)
{
    int folder = source->folder[place == SPOOL_OUT ? FOLDER_OUT : FOLDER_TRY];

    if (folder < 0)
        return gone(source, e);
    return file_write(folder, file, data, len, 0660, FILE_REPLACE, durable ? FILE_DURABLE : FILE_FAST, e);
}

int spool_source_remove_out(struct spool_source *source, const char *file, struct err *e)
{
    if (source->folder[FOLDER_OUT] < 0)
        return gone(source, e);
    if (unlinkat(source->folder[FOLDER_OUT], file, 0) < 0 && errno != ENOENT)
        return err_set_errno(e, MSG_IO, source->name, "unlink");
    return 0;
}

int spool_source_file_away(struct spool_source *source, const char *work, enum spool_end end, struct err *e)
{
    int folder = source->folder[end == SPOOL_DONE ? FOLDER_DONE : FOLDER_ERROR];
    char base[SPOOL_GOOD_NAME_MAX + 1], to[SPOOL_GOOD_NAME_MAX + 16];

    if (folder < 0)
        return gone(source, e);
    if (strlen(work) <= PREFIX_LEN)
        return err_set(e, ERR_INVALID, MSG_INTERNAL, work, "work name", NULL);
    stem_of(work, base);
    for (int n = 1; n < REUSE_MAX; n++) {
        snprintf(to, sizeof to, n == 1 ? "%s" : "%s.%d", base, n);
        if (renameat2(source->folder[FOLDER_WORK], work, folder, to, RENAME_NOREPLACE) == 0)
            return 0;
        if (errno == EINVAL && faccessat(folder, to, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && renameat(source->folder[FOLDER_WORK], work, folder, to) == 0)
            return 0;
        if (errno == ENOENT)
            return 0;
        if (errno != EEXIST && errno != EINVAL)
            return err_set_errno(e, MSG_IO, source->name, "file away");
    }
    return err_set(e, ERR_LIMIT, MSG_LIMIT, source->name, "names", NULL);
}
