/*
 * NAME
 *      spool_watch - wake on changes in the vendor folders
 *
 * DESCRIPTION
 *      The thread owns libinotifytools; the rest of the process sees a pipe with fixed-size records. A full pipe drops records: the rescan
 *      finds what they would have told. A rename from an unfinished name is recognised by the cookie that inotify gives both of its halves.
 *
 * DIAGNOSTICS
 *      ERR_UNSUPPORTED when inotify or the thread cannot be had. A queue that overflowed wakes the door without a name.
 */
#include <errno.h>
#include <fcntl.h>
#include <inotifytools/inotifytools.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/inotify.h>
#include <unistd.h>
#include "base/text.h"
#include "spool/spool_private.h"
#include "spool/spool_watch.h"

enum { WAKE_S = 1 /* the library has no other way to be told that it is enough */ };

struct spool_watch {
    int pipe[2];
    unsigned count;
    int wd[SPOOL_WATCH_MAX];
    pthread_t thread;
    atomic_bool stop;
};

struct record { uint32_t folder, renamed; char name[SPOOL_NAME_MAX + 1]; };

_Static_assert(sizeof(struct record) <= 4096, "a record must fit PIPE_BUF, so that it is written whole");

static void *watch_main(void *arg)
{
    struct spool_watch *watch = arg;
    uint32_t unfinished_cookie = 0;

    while (!atomic_load(&watch->stop)) {
        struct inotify_event *event = inotifytools_next_event(WAKE_S);
        struct record record = { 0 };
        bool unfinished;
        if (event == NULL && inotifytools_error() != 0)
            break;
        if (event == NULL)
            continue;
        unfinished = event->len > 0 && spool_name_unfinished(event->name);
        if (event->mask & IN_MOVED_FROM) {
            unfinished_cookie = unfinished ? event->cookie : 0;
            continue;
        }
        if (unfinished)
            continue;
        for (record.folder = 0; record.folder < watch->count && watch->wd[record.folder] != event->wd; record.folder++)
            continue;
        if (event->mask & IN_Q_OVERFLOW)
            record.folder = 0;
        else if (record.folder == watch->count)
            continue;
        record.renamed = (event->mask & IN_MOVED_TO) && event->cookie != 0 && event->cookie == unfinished_cookie;
        if (event->len > 0)
            text_copy(record.name, sizeof record.name, event->name);
        if (write(watch->pipe[1], &record, sizeof record) < 0 && errno == EPIPE)
            break;
    }
    return NULL;
}

/* The library keeps a folder under its path with a '/' at the end and finds it under no other. -1 = not there. */
static int watch_folder(const char *path)
{
    char folder[PATH_MAX];
    int n = snprintf(folder, sizeof folder, "%s/", path);

    if (n < 0 || (size_t)n >= sizeof folder || !inotifytools_watch_file(folder, IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE | IN_ONLYDIR))
        return -1;
    return inotifytools_wd_from_filename(folder);
}

int spool_watch_new(const char *const *paths, unsigned count, struct spool_watch **ret_watch, struct err *e)
{
    struct spool_watch *watch = calloc(1, sizeof *watch);
    sigset_t all, old;
    bool ready, started = false;

    if (watch == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "watch", NULL);
    watch->count = count < SPOOL_WATCH_MAX ? count : SPOOL_WATCH_MAX;
    if (pipe2(watch->pipe, O_CLOEXEC | O_NONBLOCK) < 0) {
        free(watch);
        return err_set_errno(e, MSG_IO, NULL, "pipe");
    }
    ready = inotifytools_initialize() != 0;
    if (ready) {
        for (unsigned i = 0; i < watch->count; i++)
            watch->wd[i] = watch_folder(paths[i]);
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old); /* signals belong to the main thread */
        started = pthread_create(&watch->thread, NULL, watch_main, watch) == 0;
        pthread_sigmask(SIG_SETMASK, &old, NULL);
    }
    if (!started) {
        if (ready)
            inotifytools_cleanup();
        close(watch->pipe[0]);
        close(watch->pipe[1]);
        free(watch);
        return err_set(e, ERR_UNSUPPORTED, MSG_SPOOL_NO_WATCH, NULL, "inotify", NULL);
    }
    *ret_watch = watch;
    return 0;
}

struct spool_watch *spool_watch_free(struct spool_watch *watch)
{
    if (watch != NULL) {
        atomic_store(&watch->stop, true);
        pthread_join(watch->thread, NULL);
        inotifytools_cleanup();
        close(watch->pipe[0]);
        close(watch->pipe[1]);
        free(watch);
    }
    return NULL;
}

int spool_watch_fd(const struct spool_watch *watch)
{
    return watch->pipe[0];
}

bool spool_watch_next(struct spool_watch *watch, struct spool_watch_event *ret_event)
{
    struct record record;

    if (read(watch->pipe[0], &record, sizeof record) != (ssize_t)sizeof record)
        return false;
    ret_event->folder = record.folder;
    ret_event->renamed = record.renamed != 0;
    text_copy(ret_event->name, sizeof ret_event->name, record.name);
    return true;
}
