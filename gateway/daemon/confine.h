/*
 * confine.h - gives up for good what a worker never needs: files, network, other processes.
 *
 * Called once, after everything from files is read and before the first order. Everything that comes from outside is parsed behind it: a worker that was taken over by
 * its input can compute, and speak to the desk, which checks each message.
 */
#ifndef DAEMON_CONFINE_H
#define DAEMON_CONFINE_H

#include "base/err.h"

/* Seccomp filter and resource limits of this process. ERR_IO, ERR_NOMEM: the process must not go on. */
int confine_worker(struct err *e);

#endif
