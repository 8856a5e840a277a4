/*
 * spool.h - the vendor's folders: which files are complete, claiming them, reading them once, handing back.
 *
 * A source is one folder tree `in/ out/ done/ error/ try/` (vendor's view) and `.work/` (ours, 0700, same file system).
 *
 *     spool_source_new(&config, &src, &e);
 *     spool_source_left_over(src, on_left_over, ctx, &e);   // once at start: claimed before, perhaps without a row
 *     each turn:  spool_source_scan(src, boot_ms, on_offer, ctx, &e);      // complete names, each told once while it lies there
 *                 spool_source_claim(src, name, &claim, &e);               // in/NAME -> .work/WORK, nothing read yet
 *                 spool_sync(&src, 1, &result, &e);                        // one sync for the whole turn
 *                 spool_source_read(src, claim.work, &content, &e);        // once; a sealed memfd
 *     later:      spool_source_write(...), spool_source_file_away(...)
 *
 * Complete = renamed into place from a name that begins with '.' or ends in .tmp / .part (needs spool_source_renamed() from the watcher), or its
 * .ok companion came, or size and mtime held still for settle_ms. Names that begin with '.' or end in .tmp, .part, .ok are never offered.
 *
 * Safe against a second gateway (the rename decides), links, directories, devices, names in any bytes, a vendor that rewrites or deletes meanwhile:
 * whatever lies under the name is renamed into .work/ without being followed; what cannot be read as a regular file with one link
 * is reported by the reason of spool_source_read(), and goes to error/ like any refused file.
 *
 * A source whose folders cannot be reached (share gone) gives ERR_CLOSED from every call until spool_source_probe() finds them back. Missing folders are made
 * when the source is opened, and later only in the root that was seen before: the empty mount point of a lost share gets none. So that a share that is already
 * away at the start is noticed as well, the root should be a folder inside the share, not its mount point.
 * The room holds no rules about what a file means. Not thread-safe; the watcher (spool_watch.h) has its own thread.
 */
#ifndef SPOOL_SPOOL_H
#define SPOOL_SPOOL_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include "base/err.h"

enum {
    SPOOL_NAME_MAX = 255,       /* bytes of a name on the file system */
    SPOOL_GOOD_NAME_MAX = 200,  /* longer ones are refused: endings for outcome files must fit behind it */
    SPOOL_WORK_MAX = 256,
    SPOOL_STEM_MAX = SPOOL_GOOD_NAME_MAX + 24,
    SPOOL_SEEN_MAX = 500000     /* names of one folder that are kept in mind */
};

struct spool_source_config {
    const char *name;                /* source name in the configuration */
    const char *owner;               /* name of this gateway: what another one has claimed below the same root is left alone; NULL = "" */
    const char *root;                /* absolute path of the source's folder */
    int64_t settle_ms;               /* how long size and mtime must hold still */
    int64_t max_bytes;               /* larger files are refused unread */
    int64_t orphan_ms;               /* age after which an attachment that nobody named is mentioned */
    const char *const *request_endings; /* e.g. ".json", NULL-terminated, borrowed for the life of the source; all other names are attachments */
};

struct spool_source;

/* What lies under a name, as seen without opening it. Times in ns since 1970. */
struct spool_offer {
    const char *name;
    size_t name_len;
    int64_t mtime_ns, size;
    bool request;                    /* ends like a request, or is no file at all (claimed only to be refused); else an attachment */
};

struct spool_claim {
    char work[SPOOL_WORK_MAX];       /* name below .work/ */
    char name[SPOOL_NAME_MAX + 1];   /* as the vendor gave it, any bytes but '/' and NUL */
    char out_name[SPOOL_STEM_MAX];   /* stem for outcome files: printable UTF-8, unused in out/ (NAME, NAME.2, … NAME.99, NAME.HASH; the hash alone for a name that cannot be shown) */
    int64_t mtime_ns;
};

struct spool_content {
    int fd;                          /* sealed memfd, -1 when refused; the caller closes it */
    int64_t size, mtime_ns;
    enum msg_id refused;             /* MSG_NONE, or why this is no readable file: MSG_SPOOL_... */
};

/* Opens the folders; missing ones are made below an existing root, a missing root is ERR_CLOSED: the source is made all the same and spool_source_probe() retries. ERR_NOMEM: no source. */
int spool_source_new(const struct spool_source_config *config, struct spool_source **ret_source, struct err *e);
struct spool_source *spool_source_free(struct spool_source *source);
const char *spool_source_name(const struct spool_source *source);

/* Looks whether the folders are (still, again) there and the same ones; opens them anew when not: 1. Else 0, or ERR_CLOSED. */
int spool_source_probe(struct spool_source *source, struct err *e);

/* The callback may call spool_source_forget() and the reading functions of this source, nothing else. */
typedef void spool_offer_fn(void *ctx, const struct spool_offer *offer);
/* Walks in/. Calls back for every complete name not told before (a name is told again after spool_source_forget() or when what lies there has changed).
 * boot_ms: CLOCK_BOOTTIME of this turn. ERR_CLOSED: the share went away meanwhile. ERR_LIMIT: more than SPOOL_SEEN_MAX names lie there; the others are served first. */
int spool_source_scan(struct spool_source *source, int64_t boot_ms, spool_offer_fn *on_offer, void *ctx, struct err *e);
/* The watcher saw `name` arrive by rename from an unfinished name: it is complete at once. Tells it through on_offer when it is there. */
int spool_source_renamed(struct spool_source *source, const char *name, int64_t boot_ms, spool_offer_fn *on_offer, void *ctx, struct err *e);
/* Offer this name again at the next scan (a claim was postponed or failed for a passing reason). */
void spool_source_forget(struct spool_source *source, const char *name);
/* There was no room for what was offered, and now there is: at most max names of in/ that are known and complete are told again, at once and without a walk over the folder. *ret_more: others are
 * left, to be asked for in another call. What lies in try/ is told again at the next scan; *ret_try: something does. ERR_CLOSED: the share went away. */
int spool_source_offer_again(struct spool_source *source, size_t max, int64_t boot_ms, spool_offer_fn *on_offer, void *ctx, bool *ret_more, bool *ret_try, struct err *e);
/* Attachments that came (ctime, because copies keep old mtimes) orphan_ms ago or earlier and that no notice in out/ mentions yet; each once in the life of this object. wall_ms: now. */
int spool_source_orphans(struct spool_source *source, int64_t wall_ms, spool_offer_fn *on_orphan, void *ctx, struct err *e);

/* in/NAME -> .work/. ERR_NOTFOUND: gone (another gateway, or the vendor took it back). ERR_IO: there, but cannot be moved; told again after a minute. A name too long is claimed and
 * named by its hash. */
int spool_source_claim(struct spool_source *source, const char *name, struct spool_claim *ret_claim, struct err *e);
/* The same for an attachment of a request, known by a number of its own and its mtime: in/NAME when it is complete like any file, or not younger than the request (attachments
 * first, JSON last); or what was claimed for this very request before a restart. Such names are nobody else's and never told by spool_source_left_over(). ERR_NOTFOUND: not (yet). */
int spool_source_claim_attachment(struct spool_source *source, const char *name, int64_t request, int64_t request_mtime_ns, int64_t boot_ms, struct spool_claim *ret_claim,
                                  struct err *e);
/* The end of a turn: makes durable what was claimed, written durably and filed away since the last call; one syncfs(2) a file system when something was written or filed, else
 * fsync of in/ and .work/. ret_result[i] belongs to source[i]: 0, ERR_CLOSED (share gone), or a failure, which is final: end the process, a second fsync proves nothing. */
void spool_sync(struct spool_source *const *source, size_t count, int *ret_result, struct err *e);
/* Reads .work/WORK once into a sealed memfd; the bytes are taken only when size and mtime were the same before and after. */
int spool_source_read(struct spool_source *source, const char *work, struct spool_content *ret_content, struct err *e);
/* Reads try/NAME or a file beside it in the same way, without claiming. ERR_NOTFOUND when it is not there. */
int spool_source_read_try(struct spool_source *source, const char *name, struct spool_content *ret_content, struct err *e);

typedef void spool_claim_fn(void *ctx, const struct spool_claim *claim);
/* Everything but attachments that this gateway has in .work/ (claimed before a restart). *ret_foreign: names there that are not ours; may be NULL. */
int spool_source_left_over(struct spool_source *source, spool_claim_fn *on_left_over, void *ctx, size_t *ret_foreign, struct err *e);
/* Looks from outside, for a person who asks: how many names in ROOT/.work are not those of that gateway. ERR_NOTFOUND when the folder is not there or may not be read. */
int spool_count_foreign(const char *root, const char *gateway, size_t *ret_foreign);

/* Complete names in try/ that have no result (spool_name_stem()) yet or are newer than it. Names ending in .result.json or .bundle.json are never input. */
int spool_source_scan_try(struct spool_source *source, int64_t boot_ms, spool_offer_fn *on_offer, void *ctx, struct err *e);

enum spool_place { SPOOL_OUT, SPOOL_TRY };
/* Writes out/FILE or try/FILE by rename; replaces an older one. durable: it will be after the next spool_sync(), and may be told then. */
int spool_source_write(struct spool_source *source, enum spool_place place, const char *file, const void *data, size_t len, bool durable, struct err *e);
/* Removes out/FILE; a missing one is fine. */
int spool_source_remove_out(struct spool_source *source, const char *file, struct err *e);

enum spool_end { SPOOL_DONE, SPOOL_ERROR };
/* .work/WORK -> done/ or error/ under the vendor's name (NAME, NAME.2, … NAME.99, NAME.HASH when taken; the hash of a name that cannot be shown). A missing WORK is fine: filed before.
 * Durable after the next spool_sync(). */
int spool_source_file_away(struct spool_source *source, const char *work, enum spool_end end, struct err *e);

/* True when every byte sequence of the name is printable UTF-8 and it is short enough for outcome files. */
bool spool_name_good(const char *name, size_t len);
/* The name says that another one is complete: a companion NAME.ok. */
bool spool_name_announces(const char *name);
/* Stem of a notice or a result about a name that is not claimed: the name, or 16 hex digits of its SHA-256 when it is not good. ERR_IO when it cannot be hashed. */
int spool_name_stem(const char *name, char ret_stem[static SPOOL_STEM_MAX]);

#endif
