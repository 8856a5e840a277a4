/*
 * door.h - what every door process does at its start and at its end.
 *
 * The desk starts a door as `PROGRAM CONFIG NAME` with the socket on descriptor 3 and the door's lock file on descriptor 4, already under
 * the door's own user. door_start() waits for the lock (a predecessor may still be dying), switches core dumps off, dies with the desk,
 * and reads the configuration. A door ends at the end of its socket, or when told to stop.
 */
#ifndef DAEMON_DOOR_H
#define DAEMON_DOOR_H

#include "base/arena.h"
#include "base/err.h"
#include "daemon/settings.h"
#include "daemon/wire.h"

/* DOOR_SECRET, DOOR_SECRET_2: open files with the secrets of this door (PIN; log-in password, key password), opened by the desk's user; closed when there is none. */
enum { DOOR_SOCKET = 3, DOOR_LOCK = 4, DOOR_SECRET = 5, DOOR_SECRET_2 = 6, DOOR_CONFIG = 7 /* text of the configuration in force */, DOOR_PAYLOAD_MAX = 96 << 20 };

struct door {
    int socket;
    bool drains, stopping;         /* a door that drains is told to stop by `stopping`, and ends itself */
    const char *name;              /* which one of its kind: a route, a signer's door, a worker's number */
    struct arena *arena;           /* lives as long as the process */
    struct settings *settings;
    struct wire_out out;
    struct wire_in in;
};

/* Sets up; on failure says why on standard error (no patient data there) and ends the process with status 70. Never returns NULL. */
struct door *door_start(int argc, char **argv);
/* Tells the desk that the door works now. */
void door_ready(struct door *door);
/* Sends door->out; a desk that is gone ends the process. */
void door_send(struct door *door);
/* Sends a line for the desk's log: arguments must be free of patient data. */
void door_problem(struct door *door, const struct err *e);
/* Waits for a message (poll with any further descriptors is the caller's own). Returns 0, or ERR_TIMEOUT when nothing is there; the end of the socket or WIRE_STOP ends the process. */
int door_receive(struct door *door);
/* Blocks until the socket has something. */
void door_wait(struct door *door);

#endif
