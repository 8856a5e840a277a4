/*
 * spool_watch.h - wakes the spool door when something happens in a vendor folder.
 *
 * libinotifytools exports no descriptor and counts whole seconds, so it blocks in a helper thread which writes one record a change into a pipe;
 * the door polls the pipe. One watcher a process (the library keeps global state). Watching is a hint only: the rescan every few seconds finds
 * everything, also on network folders where no event ever comes.
 */
#ifndef SPOOL_SPOOL_WATCH_H
#define SPOOL_SPOOL_WATCH_H

#include <stdbool.h>
#include "base/err.h"
#include "spool/spool.h"

struct spool_watch;

enum { SPOOL_WATCH_MAX = 128 };

struct spool_watch_event {
    unsigned folder;                     /* index into the folders given to spool_watch_new */
    bool renamed;                        /* arrived by rename from a name that begins with '.' or ends in .tmp / .part */
    char name[SPOOL_NAME_MAX + 1];       /* "" = look at the whole folder */
};

/* Watches the folders (absolute paths, the first SPOOL_WATCH_MAX); those that are not there are skipped, and a folder that is replaced is lost:
   make a new watch then. ERR_UNSUPPORTED where inotify cannot be had: then only the rescan works. */
int spool_watch_new(const char *const *folders, unsigned count, struct spool_watch **ret_watch, struct err *e);
/* Ends the thread and closes the pipe; may wait for it up to a second. */
struct spool_watch *spool_watch_free(struct spool_watch *watch);
int spool_watch_fd(const struct spool_watch *watch);
/* Next event without waiting; false when there is none. */
bool spool_watch_next(struct spool_watch *watch, struct spool_watch_event *ret_event);

#endif
