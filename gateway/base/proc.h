/*
 * proc.h - processes: readiness and watchdog datagrams (sd_notify protocol), core dumps off, parent-death signal, users.
 */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/err.h"

/* Sends "READY=1" etc. to the socket path (as in $NOTIFY_SOCKET, '@' = abstract); NULL path = nothing to do. */
int proc_notify(const char *socket_path, const char *state, struct err *e);
/* PR_SET_DUMPABLE 0 and RLIMIT_CORE 0. */
int proc_no_core(struct err *e);
/* PR_SET_PDEATHSIG SIGKILL, checked against the race with a parent that has just died. */
int proc_die_with_parent(pid_t parent, struct err *e);
/*
 * Becomes user (groups, gid, uid) for good and drops every capability; nothing when name is NULL or we are neither root nor hold CAP_SETUID and
 * CAP_SETGID. The kernel forgets the parent-death signal and the dumpable flag at that moment: call this before the other two.
 * ERR_NOTFOUND for an unknown user.
 */
int proc_become(const char *user, struct err *e);
/*
 * Same for the desk: keeps CAP_SETUID, CAP_SETGID and CAP_KILL, also across exec, because it starts doors under other users and ends those that
 * hang. The doors drop them by proc_become().
 */
int proc_become_starter(const char *user, struct err *e);

#endif
