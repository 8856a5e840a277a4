/* spool_private.h - shared by the files of this room only. */
#ifndef SPOOL_SPOOL_PRIVATE_H
#define SPOOL_SPOOL_PRIVATE_H

#include <sys/types.h>
#include "spool/spool.h"

enum spool_folder { FOLDER_IN, FOLDER_OUT, FOLDER_DONE, FOLDER_ERROR, FOLDER_TRY, FOLDER_WORK, FOLDER_COUNT };

/* One name that was seen lying in in/ or try/. */
struct spool_seen {
    char *name;
    int64_t size, mtime_ns, still_since;  /* still_since: boot ms when size and mtime were first seen so */
    uint64_t inode;
    uint32_t round;                       /* last scan that saw it */
    bool told, told_orphan;
    struct spool_seen *next;              /* in its bucket */
};

enum { SPOOL_BUCKETS = 4096 };

struct spool_seen_table { struct spool_seen *bucket[SPOOL_BUCKETS]; size_t count; uint32_t round; };

struct spool_source {
    struct spool_source_config config;    /* texts owned */
    char *name, *root;
    int root_fd, folder[FOLDER_COUNT];    /* -1 while the share is gone */
    dev_t dev;
    ino_t ino;
    bool claimed;                         /* claims wait for spool_source_sync() */
    struct spool_seen_table in, try_seen;
};

/* Names that are never input: hidden ones, unfinished ones, companions, and our own outcome files in try/. */
bool spool_name_unfinished(const char *name);
bool spool_name_companion(const char *name);
bool spool_name_outcome(const char *name);
bool spool_ends_with(const char *name, const char *ending);

struct spool_seen *spool_seen_find(const struct spool_seen_table *table, const char *name);
void spool_seen_forget(struct spool_seen_table *table, const char *name);
void spool_seen_clear(struct spool_seen_table *table);

#endif
