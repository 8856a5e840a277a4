/*
 * NAME
 *      spool - claim, read, hand back the files of one vendor folder
 *
 * SYNOPSIS
 *      #include "spool/spool.h"
 *
 * DESCRIPTION
 *      Every operation works below directory handles that were opened once without following links. A claim is a rename into .work/ under
 *      a name of our own that still carries the vendor's name, so that a restart can tell whose it was: 16 hex digits (4 of a hash of the gateway's
 *      name, 12 of one over name, mtime and inode), a '-', the vendor's name. A name that is too long to be kept is cut behind a '+', and the digits stand
 *      for it from then on. An attachment has a '~' and 12 digits of a hash over its request instead: after a restart it is found by its request alone.
 *      Nothing that exists is ever replaced, save an outcome file by its successor.
 *
 * DIAGNOSTICS
 *      ERR_CLOSED when the folders are gone, ERR_NOTFOUND when the name is, ERR_INVALID for a name that would lead out of its folder, ERR_NOMEM, ERR_IO for the rest.
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

enum { REUSE_MAX = 100, READ_TRIES = 3, SALTS = 16 };

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

/* In a root that is not the one seen before nothing is made: it may be the empty mount point of a share that is gone. */
static int open_folders(struct spool_source *source, struct err *e)
{
    struct stat st;

    source->root_fd = dir_open(AT_FDCWD, source->root, NULL);
    if (source->root_fd < 0 || fstat(source->root_fd, &st) < 0)
        goto fail;
    for (int i = 0; i < FOLDER_COUNT; i++) {
        bool make = !source->known || (st.st_dev == source->dev && st.st_ino == source->ino);
        source->folder[i] = make ? dir_make(source->root_fd, folders[i].name, folders[i].mode, NULL) : dir_open(source->root_fd, folders[i].name, NULL);
        if (source->folder[i] < 0)
            goto fail;
    }
    source->dev = st.st_dev;
    source->ino = st.st_ino;
    source->known = true;
    return 0;
fail:
    close_folders(source);
    return gone(source, e);
}

int spool_source_new(const struct spool_source_config *config, struct spool_source **ret_source, struct err *e)
{
    struct spool_source *source = calloc(1, sizeof *source);
    uint32_t salt[2];

    if (source == NULL || (source->name = strdup(config->name)) == NULL || (source->root = strdup(config->root)) == NULL) {
        spool_source_free(source);
        return err_set(e, ERR_NOMEM, MSG_NOMEM, config->name, "spool", NULL);
    }
    source->config = *config;
    source->config.name = source->name;
    source->config.root = source->root;
    source->config.owner = NULL;
    source->root_fd = -1;
    for (int i = 0; i < FOLDER_COUNT; i++)
        source->folder[i] = -1;
    if (spool_work_owner(config->owner, source->owner) < 0 || rand_fill(salt, sizeof salt, NULL) < 0) {
        spool_source_free(source);
        return err_set(e, ERR_NOMEM, MSG_NOMEM, config->name, "spool", NULL);
    }
    source->in.salt = salt[0];
    source->try_seen.salt = salt[1];
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

/* The names still lead to the folders that are open: somebody may have removed one and made it anew. */
static bool still_there(const struct spool_source *source)
{
    struct stat st, open;

    if (source->root_fd < 0 || fstatat(AT_FDCWD, source->root, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_dev != source->dev || st.st_ino != source->ino)
        return false;
    for (int i = 0; i < FOLDER_COUNT; i++)
        if (fstatat(source->root_fd, folders[i].name, &st, AT_SYMLINK_NOFOLLOW) < 0 || fstat(source->folder[i], &open) < 0 ||
            st.st_dev != open.st_dev || st.st_ino != open.st_ino)
            return false;
    return true;
}

int spool_source_probe(struct spool_source *source, struct err *e)
{
    if (still_there(source))
        return 0;
    close_folders(source);
    spool_seen_clear(&source->in);
    spool_seen_clear(&source->try_seen);
    int r = open_folders(source, e);
    return r < 0 ? r : 1;
}

/* A failure below a share that is gone is the share's. */
static int because_gone(struct spool_source *source, int r, struct err *e)
{
    return r != ERR_NOMEM && !still_there(source) ? gone(source, e) : r;
}

/* One component that leads nowhere else. */
static bool is_component(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len <= SPOOL_NAME_MAX && strchr(name, '/') == NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* rename() that never replaces: EEXIST also on file systems that do not know the flag (FUSE, older network ones); there only we write into the target. */
static int move(int from_dir, const char *from, int to_dir, const char *to)
{
    if (renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
        return -1;
    if (faccessat(to_dir, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return -1;
    }
    return renameat(from_dir, from, to_dir, to);
}

static bool out_taken(const struct spool_source *source, const char *stem)
{
    static const char *const endings[] = { "result.json", "status.json", "notice.json" };
    char file[SPOOL_STEM_MAX + 16];

    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        snprintf(file, sizeof file, "%s.%s", stem, endings[i]);
        if (faccessat(source->folder[FOLDER_OUT], file, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            return true;
    }
    return false;
}

int spool_name_stem(const char *name, char ret_stem[static SPOOL_STEM_MAX])
{
    char hash[17];
    size_t len = strlen(name);
    bool good = spool_name_good(name, len);
    int r = good ? 0 : spool_short_hash(name, len, hash);

    if (r == 0)
        text_copy(ret_stem, SPOOL_STEM_MAX, good ? name : hash);
    return r;
}

/*
 * What stands for the vendor's name in our folders, n-th choice: the name itself, or the digits of a name that cannot be shown or kept; then with .2, .3, …;
 * and at last with the digits behind it, which no other file has. So a name that is used every day for years costs a hundred looks and no more.
 */
static void stem_of(const char *work, int n, char ret_stem[static SPOOL_STEM_MAX])
{
    const char *name = work + SPOOL_PREFIX_LEN;
    bool good = work[SPOOL_PREFIX_LEN - 1] != '+' && spool_name_good(name, strlen(name));
    int len = good ? SPOOL_GOOD_NAME_MAX : SPOOL_PREFIX_LEN - 1;

    if (!good)
        name = work;
    if (n == 1)
        snprintf(ret_stem, SPOOL_STEM_MAX, "%.*s", len, name);
    else if (n < REUSE_MAX)
        snprintf(ret_stem, SPOOL_STEM_MAX, "%.*s.%d", len, name, n);
    else
        snprintf(ret_stem, SPOOL_STEM_MAX, "%.*s.%.*s", len, name, SPOOL_PREFIX_LEN - 1, work);
}

/* The first stem that has no outcome in out/ yet. */
static void choose_out_name(const struct spool_source *source, const char *work, char ret_stem[static SPOOL_STEM_MAX])
{
    int n = 1;

    stem_of(work, n, ret_stem);
    while (n < REUSE_MAX && out_taken(source, ret_stem))
        stem_of(work, ++n, ret_stem);
}

static int work_name(const struct spool_source *source, const char *name, const struct stat *st, int salt, char ret_work[static SPOOL_WORK_MAX])
{
    struct { uint64_t inode; int64_t sec, nsec, salt; char name[SPOOL_NAME_MAX + 1]; } key;
    size_t len = strlen(name);
    char hash[17];
    int r;

    memset(&key, 0, sizeof key);
    key.salt = salt;
    key.inode = st->st_ino;
    key.sec = st->st_mtim.tv_sec;
    key.nsec = st->st_mtim.tv_nsec;
    text_copy(key.name, sizeof key.name, name);
    r = spool_short_hash(&key, sizeof key, hash);
    if (r == 0)
        snprintf(ret_work, SPOOL_WORK_MAX, "%s%.*s%c%.*s", source->owner, SPOOL_PREFIX_LEN - 1 - SPOOL_OWNER_LEN, hash, len > SPOOL_GOOD_NAME_MAX ? '+' : '-',
                 (int)text_cut(name, len, SPOOL_GOOD_NAME_MAX), name);
    return r;
}

static void claim_fill(const struct spool_source *source, const char *work, const char *name, int64_t mtime, struct spool_claim *ret_claim)
{
    memset(ret_claim, 0, sizeof *ret_claim);
    snprintf(ret_claim->work, sizeof ret_claim->work, "%s", work);
    snprintf(ret_claim->name, sizeof ret_claim->name, "%s", name);
    ret_claim->mtime_ns = mtime;
    choose_out_name(source, work, ret_claim->out_name);
}

/* in/NAME -> .work/WORK under a name that is free. The same inode may come twice (a hard link, a number used again), so a name that is taken is salted. */
static int move_to_work(const struct spool_source *source, const char *name, const struct stat *st, char ret_work[static SPOOL_WORK_MAX])
{
    int r = -1;

    for (int salt = 0; salt < SALTS && r < 0; salt++) {
        if (work_name(source, name, st, salt, ret_work) < 0) {
            errno = EIO;
            return -1;
        }
        r = move(source->folder[FOLDER_IN], name, source->folder[FOLDER_WORK], ret_work);
        if (r < 0 && errno != EEXIST)
            return r;
    }
    return r;
}

static void remove_companion(const struct spool_source *source, const char *name)
{
    char companion[SPOOL_NAME_MAX + 8];

    if (snprintf(companion, sizeof companion, "%s.ok", name) <= SPOOL_NAME_MAX)
        unlinkat(source->folder[FOLDER_IN], companion, 0);
}

/* The file is ours now: nothing of it stays in in/. */
static void claim_done(struct spool_source *source, const char *name)
{
    source->claimed = true;
    spool_seen_forget(&source->in, name);
    remove_companion(source, name);
}

static int claim_failed(struct spool_source *source, const char *name, int number, struct err *e)
{
    if (!still_there(source))
        return gone(source, e);
    if (number == ENOENT) {
        spool_seen_forget(&source->in, name);
        return err_set(e, ERR_NOTFOUND, MSG_SPOOL_VANISHED, NULL, source->name, NULL);
    }
    spool_seen_refuse(&source->in, name);
    errno = number;
    return err_set_errno(e, MSG_IO, source->name, "claim");
}

static int attachment_work_name(const struct spool_source *source, const char *name, int64_t request, int64_t request_mtime_ns, char ret_work[static SPOOL_WORK_MAX])
{
    struct { int64_t request, mtime; char name[SPOOL_NAME_MAX + 1]; } key;
    char hash[17];
    int r;

    memset(&key, 0, sizeof key);
    key.request = request;
    key.mtime = request_mtime_ns;
    text_copy(key.name, sizeof key.name, name);
    r = spool_short_hash(&key, sizeof key, hash);
    if (r == 0)
        snprintf(ret_work, SPOOL_WORK_MAX, "%s%.*s~%.*s", source->owner, SPOOL_PREFIX_LEN - 1 - SPOOL_OWNER_LEN, hash, (int)text_cut(name, strlen(name), SPOOL_GOOD_NAME_MAX), name);
    return r;
}

int spool_source_claim_attachment(struct spool_source *source, const char *name, int64_t request, int64_t request_mtime_ns, int64_t boot_ms, struct spool_claim *ret_claim,
                                  struct err *e)
{
    struct stat st;
    char work[SPOOL_WORK_MAX];

    if (source->folder[FOLDER_IN] < 0)
        return gone(source, e);
    if (!is_component(name) || attachment_work_name(source, name, request, request_mtime_ns, work) < 0)
        return err_set(e, ERR_INVALID, MSG_FILE_NAME, NULL, source->name, NULL);
    if (fstatat(source->folder[FOLDER_WORK], work, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (!spool_attachment_ready(source, name, request_mtime_ns, boot_ms))
            return err_set(e, ERR_NOTFOUND, MSG_SPOOL_ATTACHMENT_MISSING, NULL, NULL, NULL);
        if (fstatat(source->folder[FOLDER_IN], name, &st, AT_SYMLINK_NOFOLLOW) < 0 || move(source->folder[FOLDER_IN], name, source->folder[FOLDER_WORK], work) < 0)
            return claim_failed(source, name, errno, e);
        claim_done(source, name);
    }
    claim_fill(source, work, name, (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec, ret_claim);
    return 0;
}

int spool_source_claim(struct spool_source *source, const char *name, struct spool_claim *ret_claim, struct err *e)
{
    struct stat st;
    char work[SPOOL_WORK_MAX];

    if (source->folder[FOLDER_IN] < 0)
        return gone(source, e);
    if (!is_component(name) || spool_name_unfinished(name))
        return err_set(e, ERR_INVALID, MSG_FILE_NAME, NULL, source->name, NULL);
    if (fstatat(source->folder[FOLDER_IN], name, &st, AT_SYMLINK_NOFOLLOW) < 0 || move_to_work(source, name, &st, work) < 0)
        return claim_failed(source, name, errno, e);
    claim_done(source, name);
    claim_fill(source, work, name, (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec, ret_claim);
    return 0;
}

/* Folders of some network file systems cannot be synced and say EINVAL: their server answers for the rename. */
static int sync_claims(struct spool_source *source, struct err *e)
{
    static const enum spool_folder both[] = { FOLDER_WORK, FOLDER_IN };

    if (source->root_fd < 0)
        return gone(source, e);
    for (size_t i = 0; i < sizeof both / sizeof *both; i++)
        if (fsync(source->folder[both[i]]) < 0 && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
            return because_gone(source, err_set_errno(e, MSG_IO, source->name, "fsync"), e);
    return 0;
}

static int sync_all(struct spool_source *source, struct err *e)
{
    if (source->root_fd < 0)
        return gone(source, e);
    if (syncfs(source->root_fd) < 0)
        return because_gone(source, err_set_errno(e, MSG_IO, source->name, "syncfs"), e);
    return 0;
}

void spool_sync(struct spool_source *const *source, size_t count, int *ret_result, struct err *e)
{
    for (size_t i = 0; i < count; i++)
        ret_result[i] = 0;
    for (size_t i = 0; i < count; i++) {
        if (!source[i]->written)
            continue;
        ret_result[i] = sync_all(source[i], e);
        source[i]->written = source[i]->claimed = false;
        for (size_t k = 0; k < count && source[i]->root_fd >= 0; k++) /* what else lies on that file system shares the result */
            if (source[k]->root_fd >= 0 && source[k]->dev == source[i]->dev && (source[k]->written || source[k]->claimed)) {
                ret_result[k] = ret_result[i];
                source[k]->written = source[k]->claimed = false;
            }
    }
    for (size_t i = 0; i < count; i++)
        if (source[i]->claimed) {
            ret_result[i] = sync_claims(source[i], e);
            source[i]->claimed = false;
        }
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
            r = content->fd < 0 ? ERR_NOMEM : 0; /* whatever it says, this process has run out of something */
        }
    }
    if (r == 0 && content->fd < 0 && content->refused == MSG_NONE)
        content->refused = MSG_SPOOL_UNSTABLE;
    buf_free(&b);
    return r;
}

/* Something else came to lie there between the look and the opening, or it may not be read. */
static enum msg_id cannot_open(int number)
{
    return number == EACCES || number == EPERM ? MSG_SPOOL_DENIED : number == ELOOP ? MSG_SPOOL_SYMLINK : number == ENXIO || number == ENODEV ? MSG_SPOOL_DEVICE
                                                                                                     : MSG_SPOOL_UNREADABLE;
}

static int read_below(struct spool_source *source, enum spool_folder which, const char *name, struct spool_content *ret_content, struct err *e)
{
    struct spool_content content = { .fd = -1, .refused = MSG_NONE };
    struct stat st;
    int fd, r = 0;

    if (source->folder[which] < 0)
        return gone(source, e);
    if (!is_component(name) || fstatat(source->folder[which], name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return because_gone(source, err_set(e, ERR_NOTFOUND, MSG_SPOOL_VANISHED, NULL, source->name, NULL), e);
    content.refused = unreadable(&st, source->config.max_bytes);
    content.size = st.st_size;
    content.mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    if (content.refused == MSG_NONE) {
        fd = openat(source->folder[which], name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 && errno == ENOENT)
            r = err_set(e, ERR_NOTFOUND, MSG_SPOOL_VANISHED, NULL, source->name, NULL);
        else if (fd < 0)
            content.refused = cannot_open(errno);
        else
            r = read_still(fd, source, &content, e);
        if (fd >= 0)
            close(fd);
    }
    if (r < 0 || content.refused == MSG_SPOOL_UNREADABLE)
        r = because_gone(source, r, e);
    if (r < 0 && r != ERR_NOMEM && r != ERR_CLOSED && r != ERR_NOTFOUND) { /* the share is there, the file cannot be read: a damaged disk under it, and no reason to hold up other files */
        content.refused = MSG_SPOOL_UNREADABLE;
        r = 0;
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

int spool_source_left_over(struct spool_source *source, spool_claim_fn *on_left_over, void *ctx, size_t *ret_foreign, struct err *e)
{
    size_t foreign = 0;
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
        if (!spool_work_own(source->owner, d->d_name)) {
            foreign += d->d_name[0] != '.';
            continue;
        }
        if (d->d_name[SPOOL_PREFIX_LEN - 1] == '~' || fstatat(source->folder[FOLDER_WORK], d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        claim_fill(source, d->d_name, d->d_name + SPOOL_PREFIX_LEN, (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec, &claim);
        on_left_over(ctx, &claim);
    }
    closedir(dir);
    if (ret_foreign != NULL)
        *ret_foreign = foreign;
    return 0;
}

int spool_source_write(struct spool_source *source, enum spool_place place, const char *file, const void *data, size_t len, bool durable, struct err *e)
{
    int folder = source->folder[place == SPOOL_OUT ? FOLDER_OUT : FOLDER_TRY], r;

    if (folder < 0)
        return gone(source, e);
    r = file_write(folder, file, data, len, 0660, FILE_REPLACE, FILE_FAST, e);
    source->written |= r == 0 && durable;
    return r < 0 ? because_gone(source, r, e) : 0;
}

int spool_source_remove_out(struct spool_source *source, const char *file, struct err *e)
{
    if (source->folder[FOLDER_OUT] < 0)
        return gone(source, e);
    if (!is_component(file))
        return err_set(e, ERR_INVALID, MSG_FILE_NAME, NULL, source->name, NULL);
    if (unlinkat(source->folder[FOLDER_OUT], file, 0) < 0 && errno != ENOENT)
        return err_set_errno(e, MSG_IO, source->name, "unlink");
    return 0;
}

int spool_source_file_away(struct spool_source *source, const char *work, enum spool_end end, struct err *e)
{
    int folder = source->folder[end == SPOOL_DONE ? FOLDER_DONE : FOLDER_ERROR];
    char to[SPOOL_STEM_MAX];
    int number;

    if (folder < 0)
        return gone(source, e);
    if (strlen(work) <= SPOOL_PREFIX_LEN || !is_component(work))
        return err_set(e, ERR_INVALID, MSG_INTERNAL, NULL, "work name", NULL);
    for (int n = 1; n <= REUSE_MAX; n++) {
        stem_of(work, n, to);
        if (move(source->folder[FOLDER_WORK], work, folder, to) == 0) {
            source->written = true;
            return 0;
        }
        if (errno != EEXIST)
            break;
    }
    number = errno;
    if (!still_there(source)) /* ENOENT of a folder that is gone is not ENOENT of a file that was filed */
        return gone(source, e);
    errno = number;
    return number == ENOENT ? 0 : err_set_errno(e, MSG_IO, source->name, "file away");
}
