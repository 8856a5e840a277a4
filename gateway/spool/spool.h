/*
 * spool.h - the vendor's folders: which files are complete, claiming them, reading them once, handing back.
 *
 * A source is one folder tree `in/ out/ done/ error/ try/` (vendor's view) and `.work/` (ours, 0700, same file system).
 *
 *     spool_source_open(&config, &src, &e);
 *     spool_source_left_over(src, on_left_over, ctx, &e);   // once at start: claimed before, perhaps without a row
 *     each turn:  spool_source_scan(src, boot_ms, on_offer, ctx, &e);      // complete names, each told once while it lies there
 *                 spool_source_claim(src, name, &claim, &e);               // in/NAME -> .work/WORK, nothing read yet
 *                 spool_source_sync(src, &e);                              // one fsync for all claims of the turn
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
 * A source whose folders cannot be reached (share gone) gives ERR_CLOSED from every call until the folders are back; nothing is created in their place.
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
    SPOOL_WORK_MAX = 256
};

struct spool_source_config {
    const char *name;                /* source name in the configuration */
    const char *root;                /* absolute path of the source's folder */
    int64_t settle_ms;               /* how long size and mtime must hold still */
    int64_t max_bytes;               /* larger files are refused unread */
    int64_t orphan_ms;               /* age after which an attachment that nobody named is mentioned */
    const char *const *request_endings; /* e.g. ".json", NULL-terminated; all other names are attachments */
};

struct spool_source;

/* What lies under a name, as seen without opening it. Times in ns since 1970. */
struct spool_offer {
    const char *name;
    size_t name_len;
    int64_t mtime_ns, size;
    bool request;                    /* ends like a request; else an attachment */
};

struct spool_claim {
    char work[SPOOL_WORK_MAX];       /* name below .work/ */
    char name[SPOOL_NAME_MAX + 1];   /* as the vendor gave it, any bytes but '/' and NUL */
    char out_name[SPOOL_GOOD_NAME_MAX + 16]; /* stem for outcome files: printable UTF-8, unused in out/ (NAME, NAME.2, ...; the hash of a name that cannot be shown) */
    int64_t mtime_ns;
};

struct spool_content {
    int fd;                          /* sealed memfd, -1 when refused; the caller closes it */
    int64_t size, mtime_ns;
    enum msg_id refused;             /* MSG_NONE, or why this is no readable file: MSG_SPOOL_... */
};

/* Opens the folders; missing ones are made below an existing root, a missing root is ERR_CLOSED. The source is usable (and retries) even when this says ERR_CLOSED. */
int spool_source_new(const struct spool_source_config *config, struct spool_source **ret_source, struct err *e);
struct spool_source *spool_source_free(struct spool_source *source);
const char *spool_source_name(const struct spool_source *source);

/* Looks whether the folders are (still, again) there and the same; 0 or ERR_CLOSED. */
int spool_source_probe(struct spool_source *source, struct err *e);

/* The callback must not call back into this source: it notes what to do. */
typedef void spool_offer_fn(void *ctx, const struct spool_offer *offer);
/* Walks in/. Calls back for every complete name not told before (a name is told again after spool_source_forget() or when what lies there has changed).
 * boot_ms: CLOCK_BOOTTIME of this turn. */
int spool_source_scan(struct spool_source *source, int64_t boot_ms, spool_offer_fn *on_offer, void *ctx, struct err *e);
/* The watcher saw `name` arrive by rename from an unfinished name: it is complete at once. Tells it through on_offer when it is there. */
int spool_source_renamed(struct spool_source *source, const char *name, int64_t boot_ms, spool_offer_fn *on_offer, void *ctx, struct err *e);
/* Offer this name, or all that lie there, again at the next scan (a claim was postponed or failed for a passing reason). */
void spool_source_forget(struct spool_source *source, const char *name);
void spool_source_forget_all(struct spool_source *source);
/* Attachments older than orphan_ms since they were first seen, each once per life of this object. wall_ms: now. */
int spool_source_orphans(struct spool_source *source, int64_t wall_ms, spool_offer_fn *on_orphan, void *ctx, struct err *e);

/* True when in/NAME is there and complete as an attachment: like any file, or not younger than the request that names it (attachments first, JSON last). */
bool spool_source_attachment_ready(struct spool_source *source, const char *name, int64_t request_mtime_ns, int64_t boot_ms);

/* in/NAME -> .work/. ERR_NOTFOUND: gone (another gateway, or the vendor took it back). ERR_LIMIT never: a name too long is claimed and named by its hash. */
int spool_source_claim(struct spool_source *source, const char *name, struct spool_claim *ret_claim, struct err *e);
/* Makes all claims since the last call durable (fsync of in/ and .work/). */
int spool_source_sync(struct spool_source *source, struct err *e);
/* Reads .work/WORK once into a sealed memfd; the bytes are taken only when size and mtime were the same before and after. */
int spool_source_read(struct spool_source *source, const char *work, struct spool_content *ret_content, struct err *e);
/* Reads try/NAME or a file beside it in the same way, without claiming. ERR_NOTFOUND when it is not there. */
int spool_source_read_try(struct spool_source *source, const char *name, struct spool_content *ret_content, struct err *e);

typedef void spool_claim_fn(void *ctx, const struct spool_claim *claim);
/* Everything in .work/ (claimed before a restart). */
int spool_source_left_over(struct spool_source *source, spool_claim_fn *on_left_over, void *ctx, struct err *e);

/* Complete names in try/ that have no result yet or are newer than it. Names ending in .result.json or .bundle.json are never input. */
int spool_source_scan_try(struct spool_source *source, int64_t boot_ms, spool_offer_fn *on_offer, void *ctx, struct err *e);

enum spool_place { SPOOL_OUT, SPOOL_TRY };
/* Writes out/FILE or try/FILE by rename; replaces an older one. durable: fsync file and folder. */
int spool_source_write(struct spool_source *source, enum spool_place place, const char *file, const void *data, size_t len, bool durable, struct err *e);
/* Removes out/FILE; a missing one is fine. */
int spool_source_remove_out(struct spool_source *source, const char *file, struct err *e);

enum spool_end { SPOOL_DONE, SPOOL_ERROR };
/* .work/WORK -> done/ or error/ under the vendor's name (NAME, NAME.2, ... when taken; the hash of a name that cannot be shown). A missing WORK is fine: filed before. */
int spool_source_file_away(struct spool_source *source, const char *work, enum spool_end end, struct err *e);

/* True when every byte sequence of the name is printable UTF-8 and it is short enough for outcome files. */
bool spool_name_good(const char *name, size_t len);

#endif
