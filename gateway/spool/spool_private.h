/* spool_private.h - shared by the files of this room only. */
#ifndef SPOOL_SPOOL_PRIVATE_H
#define SPOOL_SPOOL_PRIVATE_H

#include <sys/types.h>
#include "spool/spool.h"

/* A name in .work/: the gateway's four hex digits, twelve more of the file, '-' '+' or '~', the vendor's name. */
enum { SPOOL_PREFIX_LEN = 17, SPOOL_OWNER_LEN = 4 };

enum spool_folder { FOLDER_IN, FOLDER_OUT, FOLDER_DONE, FOLDER_ERROR, FOLDER_TRY, FOLDER_WORK, FOLDER_COUNT };

/* One name that was seen lying in in/ or try/. */
struct spool_seen {
    char *name;
    int64_t size, mtime_ns, still_since;  /* still_since: boot ms when size and mtime were first seen so */
    uint64_t inode;
    int64_t ctime_ns;                     /* when it came to lie there under this name, as far as the file system tells */
    uint32_t round;                       /* last scan that saw it */
    bool told, told_orphan, regular;
    bool refused;                         /* could not be claimed: told again after a while */
    struct spool_seen *next;              /* in its bucket */
};

enum { SPOOL_BUCKETS = 4096 };

struct spool_seen_table {
    struct spool_seen *bucket[SPOOL_BUCKETS];
    size_t count;
    size_t next;                          /* bucket with which the next call of spool_source_offer_again() begins: nobody always comes last */
    uint32_t round, salt;                 /* salt: names cannot be chosen so that all of them meet in one bucket */
    int64_t boot_ms;                      /* of the last scan */
    bool full;                            /* a name found no room in this round */
};

struct spool_source {
    struct spool_source_config config;    /* its texts are not kept, but for the endings */
    char *name, *root;
    char owner[SPOOL_OWNER_LEN + 1];      /* four hex digits that begin our names in .work/ */
    int root_fd, folder[FOLDER_COUNT];    /* -1 while the share is gone */
    dev_t dev;
    ino_t ino;
    bool known;                           /* dev and ino are those of a root that was open once */
    bool claimed, written;                /* claims, or files written and filed, wait for spool_sync() */
    struct spool_seen_table in, try_seen;
};

/* First 16 hex digits of SHA-256: stands for a name that cannot be shown, and makes work names unique. */
int spool_short_hash(const void *data, size_t len, char ret_hex[static 17]);
/* The digits of a gateway's name (NULL = ""); that a name in .work/ begins with them and is made as ours are. */
int spool_work_owner(const char *gateway, char ret_owner[static SPOOL_OWNER_LEN + 1]);
bool spool_work_own(const char *owner, const char *work);

/* Names that are never input: hidden ones, unfinished ones, companions, and our own outcome files in try/. */
bool spool_name_unfinished(const char *name);
bool spool_name_outcome(const char *name);
bool spool_ends_with(const char *name, const char *ending);

struct spool_seen *spool_seen_find(const struct spool_seen_table *table, const char *name);
void spool_seen_forget(struct spool_seen_table *table, const char *name);
void spool_seen_clear(struct spool_seen_table *table);
/* in/NAME is there and complete as an attachment of a request with that mtime. */
bool spool_attachment_ready(struct spool_source *source, const char *name, int64_t request_mtime_ns, int64_t boot_ms);
/* The name could not be claimed although it is there: it is told again after a minute, not at every scan. */
void spool_seen_refuse(struct spool_seen_table *table, const char *name);

#endif
