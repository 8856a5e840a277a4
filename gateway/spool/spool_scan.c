/*
 * NAME
 *      spool_scan - which names in in/ and try/ are complete
 *
 * SYNOPSIS
 *      #include "spool/spool.h"
 *
 * DESCRIPTION
 *      A table remembers each name with size, mtime and inode, and since when they held still (CLOCK_BOOTTIME, so that a turned wall clock
 *      changes nothing). A name is told once; it is told again when another file lies there.
 *
 * DIAGNOSTICS
 *      ERR_CLOSED when the folder cannot be read: the share is gone. ERR_NOMEM.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "base/file.h"
#include "spool/spool_private.h"

enum { REFUSED_RETRY_MS = 60 * 1000 };

bool spool_ends_with(const char *name, const char *ending)
{
    size_t n = strlen(name), m = strlen(ending);
    return n >= m && strcasecmp(name + n - m, ending) == 0;
}

bool spool_name_unfinished(const char *name)
{
    return name[0] == '.' || spool_ends_with(name, ".tmp") || spool_ends_with(name, ".part");
}

bool spool_name_announces(const char *name)
{
    return spool_ends_with(name, ".ok");
}

bool spool_name_outcome(const char *name)
{
    return spool_ends_with(name, ".result.json") || spool_ends_with(name, ".bundle.json");
}

static uint32_t bucket_of(const struct spool_seen_table *table, const char *name)
{
    uint32_t h = 2166136261u ^ table->salt; /* FNV-1a */
    for (; *name != '\0'; name++)
        h = (h ^ (unsigned char)*name) * 16777619u;
    return (h ^ h >> 16) % SPOOL_BUCKETS;
}

struct spool_seen *spool_seen_find(const struct spool_seen_table *table, const char *name)
{
    struct spool_seen *s = table->bucket[bucket_of(table, name)];
    while (s != NULL && strcmp(s->name, name) != 0)
        s = s->next;
    return s;
}

static struct spool_seen *seen_add(struct spool_seen_table *table, const char *name)
{
    struct spool_seen **head = &table->bucket[bucket_of(table, name)], *s;

    if (table->count >= SPOOL_SEEN_MAX) {
        table->full = true;
        return NULL;
    }
    s = calloc(1, sizeof *s);
    if (s == NULL || (s->name = strdup(name)) == NULL) {
        free(s);
        return NULL;
    }
    s->next = *head;
    *head = s;
    table->count++;
    return s;
}

static void seen_free(struct spool_seen *s)
{
    free(s->name);
    free(s);
}

void spool_seen_forget(struct spool_seen_table *table, const char *name)
{
    for (struct spool_seen **at = &table->bucket[bucket_of(table, name)]; *at != NULL; at = &(*at)->next)
        if (strcmp((*at)->name, name) == 0) {
            struct spool_seen *gone = *at;
            *at = gone->next;
            seen_free(gone);
            table->count--;
            return;
        }
}

/* Drops what the last scan did not see; all of it when `all`. */
static void seen_sweep(struct spool_seen_table *table, bool all)
{
    for (size_t i = 0; i < SPOOL_BUCKETS; i++)
        for (struct spool_seen **at = &table->bucket[i]; *at != NULL;)
            if (all || (*at)->round != table->round) {
                struct spool_seen *gone = *at;
                *at = gone->next;
                seen_free(gone);
                table->count--;
            } else {
                at = &(*at)->next;
            }
}

void spool_seen_clear(struct spool_seen_table *table)
{
    seen_sweep(table, true);
}

void spool_seen_refuse(struct spool_seen_table *table, const char *name)
{
    struct spool_seen *s = spool_seen_find(table, name);
    if (s != NULL) {
        s->told = s->refused = true;
        s->still_since = table->boot_ms;
    }
}

static int64_t in_ns(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Brings the table's entry for the name up to date; NULL when the name is gone, the table full or memory out. */
static struct spool_seen *seen_update(struct spool_seen_table *table, int folder, const char *name, int64_t boot_ms)
{
    struct stat st;
    struct spool_seen *s;
    bool fresh;

    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return NULL;
    s = spool_seen_find(table, name);
    fresh = s == NULL;
    if (fresh && (s = seen_add(table, name)) == NULL)
        return NULL;
    if (fresh || s->size != st.st_size || s->mtime_ns != in_ns(st.st_mtim) || s->inode != st.st_ino) {
        s->size = st.st_size;
        s->mtime_ns = in_ns(st.st_mtim);
        s->inode = st.st_ino;
        s->still_since = boot_ms;
        s->told = s->told_orphan = s->refused = false;
    }
    s->ctime_ns = in_ns(st.st_ctim);
    s->regular = S_ISREG(st.st_mode);
    s->round = table->round;
    return s;
}

static bool is_request(const struct spool_source *source, const struct spool_seen *s)
{
    for (const char *const *ending = source->config.request_endings; ending != NULL && *ending != NULL; ending++)
        if (spool_ends_with(s->name, *ending))
            return true;
    return !s->regular;
}

static bool has_companion(int folder, const char *name)
{
    char companion[SPOOL_NAME_MAX + 8];
    int n = snprintf(companion, sizeof companion, "%s.ok", name);
    return n > 0 && n <= SPOOL_NAME_MAX && faccessat(folder, companion, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool is_complete(const struct spool_source *source, const struct spool_seen *s, int folder, int64_t boot_ms)
{
    return boot_ms - s->still_since >= source->config.settle_ms || has_companion(folder, s->name);
}

static void tell(const struct spool_source *source, struct spool_seen *s, spool_offer_fn *on_offer, void *ctx)
{
    struct spool_offer offer = { s->name, strlen(s->name), s->mtime_ns, s->size, is_request(source, s) };
    s->told = true;
    s->refused = false;
    on_offer(ctx, &offer);
}

/* To be told now: complete and not told yet, or refused to be claimed a while ago. */
static bool is_due(const struct spool_source *source, const struct spool_seen *s, int folder, int64_t boot_ms)
{
    return s->told ? s->refused && boot_ms - s->still_since >= REFUSED_RETRY_MS : is_complete(source, s, folder, boot_ms);
}

static int share_gone(const struct spool_source *source, struct err *e)
{
    return err_set(e, ERR_CLOSED, MSG_SPOOL_SHARE_GONE, source->name, source->name, NULL);
}

static int folder_walk_begin(const struct spool_source *source, int folder, DIR **ret_dir, struct err *e)
{
    int fd = folder < 0 ? -1 : openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (dir != NULL) {
        *ret_dir = dir;
        return 0;
    }
    if (fd >= 0)
        close(fd);
    return share_gone(source, e);
}

static bool is_input(enum spool_folder which, const char *name)
{
    return !spool_name_unfinished(name) && !spool_name_announces(name) && !(which == FOLDER_TRY && spool_name_outcome(name));
}

/* One walk over in/ or try/: names are collected first and told after the directory is closed and the table swept. */
static int scan_folder(struct spool_source *source, struct spool_seen_table *table, enum spool_folder which, int64_t boot_ms,
                       spool_offer_fn *on_offer, void *ctx, struct err *e)
{
    int folder = source->folder[which], r;
    struct spool_seen **found = NULL;
    size_t count = 0, room = 0;
    DIR *dir = NULL;
    struct dirent *d;

    r = folder_walk_begin(source, folder, &dir, e);
    if (r < 0)
        return r;
    table->round++;
    table->boot_ms = boot_ms;
    table->full = false;
    while (errno = 0, (d = readdir(dir)) != NULL) {
        struct spool_seen *s;
        if (!is_input(which, d->d_name))
            continue;
        s = seen_update(table, folder, d->d_name, boot_ms);
        if (s == NULL || !is_due(source, s, folder, boot_ms))
            continue;
        if (count == room) {
            size_t grown = room == 0 ? 64 : room * 2;
            struct spool_seen **more = reallocarray(found, grown, sizeof *found);
            if (more == NULL) {
                r = err_set(e, ERR_NOMEM, MSG_NOMEM, source->name, "spool scan", NULL);
                break;
            }
            found = more;
            room = grown;
        }
        found[count++] = s;
    }
    if (d == NULL && errno != 0)
        r = share_gone(source, e);
    closedir(dir);
    if (r == 0)
        seen_sweep(table, false); /* what was found was seen in this round, so it stays */
    for (size_t i = 0; i < count && r == 0; i++)
        if (!found[i]->told || found[i]->refused) /* a folder that changes while it is read may give a name twice */
            tell(source, found[i], on_offer, ctx);
    free(found);
    if (r == 0 && table->full)
        r = err_set(e, ERR_LIMIT, MSG_LIMIT, source->name, source->name, "in/");
    return r;
}

int spool_source_scan(struct spool_source *source, int64_t boot_ms, spool_offer_fn *on_offer, void *ctx, struct err *e)
{
    return scan_folder(source, &source->in, FOLDER_IN, boot_ms, on_offer, ctx, e);
}

int spool_source_renamed(struct spool_source *source, const char *name, int64_t boot_ms, spool_offer_fn *on_offer, void *ctx, struct err *e)
{
    struct spool_seen *s;

    if (source->folder[FOLDER_IN] < 0)
        return share_gone(source, e);
    if (!is_input(FOLDER_IN, name) || name[0] == '\0' || strchr(name, '/') != NULL)
        return 0;
    s = seen_update(&source->in, source->folder[FOLDER_IN], name, boot_ms);
    if (s != NULL && !s->told) {
        s->still_since = boot_ms - source->config.settle_ms; /* an attachment that came so is complete as well */
        tell(source, s, on_offer, ctx);
    }
    return 0;
}

void spool_source_forget(struct spool_source *source, const char *name)
{
    struct spool_seen *s = spool_seen_find(&source->in, name);
    if (s != NULL)
        s->told = false;
    s = spool_seen_find(&source->try_seen, name);
    if (s != NULL)
        s->told = false;
}

/* Tells what is due of one bucket; a name that is gone is left to the next scan. */
static size_t offer_bucket(struct spool_source *source, size_t bucket, int64_t boot_ms, spool_offer_fn *on_offer, void *ctx)
{
    size_t told = 0;

    for (struct spool_seen *s = source->in.bucket[bucket]; s != NULL; s = s->next) {
        if (s->refused || !is_request(source, s) || seen_update(&source->in, source->folder[FOLDER_IN], s->name, boot_ms) != s)
            continue;
        s->told = false;
        if (!is_complete(source, s, source->folder[FOLDER_IN], boot_ms))
            continue;
        tell(source, s, on_offer, ctx);
        told++;
    }
    return told;
}

int spool_source_offer_again(struct spool_source *source, size_t max, int64_t boot_ms, spool_offer_fn *on_offer, void *ctx, bool *ret_more, bool *ret_try, struct err *e)
{
    struct spool_seen_table *in = &source->in;
    size_t told = 0, buckets = 0;

    if (source->folder[FOLDER_IN] < 0)
        return share_gone(source, e);
    for (; buckets < SPOOL_BUCKETS && told < max; buckets++, in->next = (in->next + 1) % SPOOL_BUCKETS)
        told += offer_bucket(source, in->next, boot_ms, on_offer, ctx);
    for (size_t i = 0; i < SPOOL_BUCKETS && source->try_seen.count > 0; i++)
        for (struct spool_seen *s = source->try_seen.bucket[i]; s != NULL; s = s->next)
            s->told = false;
    *ret_more = buckets < SPOOL_BUCKETS && in->count > told;
    *ret_try = source->try_seen.count > 0;
    return 0;
}

/* The vendor was told about this very attachment: its notice is not older than the attachment lies there. */
static bool has_notice(const struct spool_source *source, const struct spool_seen *s)
{
    char stem[SPOOL_STEM_MAX], file[SPOOL_STEM_MAX + 16];
    struct stat st;

    if (spool_name_stem(s->name, stem) < 0)
        return true;
    snprintf(file, sizeof file, "%s.notice.json", stem);
    return fstatat(source->folder[FOLDER_OUT], file, &st, AT_SYMLINK_NOFOLLOW) == 0 && in_ns(st.st_mtim) >= s->ctime_ns;
}

int spool_source_orphans(struct spool_source *source, int64_t wall_ms, spool_offer_fn *on_orphan, void *ctx, struct err *e)
{
    if (source->folder[FOLDER_IN] < 0)
        return share_gone(source, e);
    for (size_t i = 0; i < SPOOL_BUCKETS; i++)
        for (struct spool_seen *s = source->in.bucket[i]; s != NULL; s = s->next)
            if (!s->told_orphan && !is_request(source, s) && wall_ms - s->ctime_ns / 1000000 >= source->config.orphan_ms) {
                struct spool_offer offer = { s->name, strlen(s->name), s->mtime_ns, s->size, false };
                s->told_orphan = true;
                if (!has_notice(source, s))
                    on_orphan(ctx, &offer);
            }
    return 0;
}

bool spool_attachment_ready(struct spool_source *source, const char *name, int64_t request_mtime_ns, int64_t boot_ms)
{
    struct spool_seen *s;
    int folder = source->folder[FOLDER_IN];

    if (folder < 0 || name[0] == '\0' || !is_input(FOLDER_IN, name) || strchr(name, '/') != NULL)
        return false;
    s = seen_update(&source->in, folder, name, boot_ms);
    return s != NULL && (s->mtime_ns <= request_mtime_ns || is_complete(source, s, folder, boot_ms));
}

struct try_walk { struct spool_source *source; spool_offer_fn *on_offer; void *ctx; };

/* Passes a name of try/ on unless a result that is not older lies beside it. */
static void offer_untried(void *ctx, const struct spool_offer *offer)
{
    const struct try_walk *walk = ctx;
    char stem[SPOOL_STEM_MAX], result[SPOOL_STEM_MAX + 16];
    struct stat st;

    if (!offer->request)
        return;
    if (spool_name_stem(offer->name, stem) == 0 && snprintf(result, sizeof result, "%s.result.json", stem) > 0 &&
        fstatat(walk->source->folder[FOLDER_TRY], result, &st, AT_SYMLINK_NOFOLLOW) == 0 && in_ns(st.st_mtim) >= offer->mtime_ns)
        return;
    walk->on_offer(walk->ctx, offer);
}

int spool_source_scan_try(struct spool_source *source, int64_t boot_ms, spool_offer_fn *on_offer, void *ctx, struct err *e)
{
    struct try_walk walk = { source, on_offer, ctx };
    return scan_folder(source, &source->try_seen, FOLDER_TRY, boot_ms, offer_untried, &walk, e);
}
