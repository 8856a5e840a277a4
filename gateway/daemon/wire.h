/*
 * wire.h - what the desk and its doors say to each other, and what the command line says to the desk.
 *
 * A socket pair (SOCK_SEQPACKET) between two processes carries typed messages; payloads travel beside them as sealed memfds, small ones inside. A message is a
 * list of fields. wire_table.c holds one table: which fields each message must and may have, of which kind, how long; a message that
 * does not fit the table never reaches the code behind it, because a confined worker may have been taken over by its input.
 *
 *     struct wire_out out;                              struct wire_in in;
 *     wire_begin(&out, WIRE_CLAIM);                     while ((r = wire_receive(fd, &in, &e)) == 0) {
 *     wire_put_u64(&out, F_ORDER, 7);                       switch (in.type) ... wire_u64(&in, F_ORDER)
 *     wire_put_text(&out, F_NAME, name, len);               wire_release(&in);      // closes descriptors nobody took
 *     wire_send(fd, &out, &e);                          }
 *
 * wire_send rarely waits: the sockets have large buffers, both sides read all the time, and a door says what it was not asked for only while there is room
 * (spool_main.c). ERR_CLOSED = the other side is gone.
 */
#ifndef DAEMON_WIRE_H
#define DAEMON_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include "base/buf.h"
#include "base/err.h"
#include "daemon/wire_table.h"

enum { WIRE_PACKET_MAX = 96 * 1024, WIRE_FDS_MAX = 64 };

struct wire_out {
    unsigned char packet[WIRE_PACKET_MAX];
    size_t len;
    int fd[WIRE_FDS_MAX];       /* borrowed from the caller until sent */
    size_t fds;
    size_t group;               /* where the open group's length stands, 0 = none */
    size_t inside;              /* bytes of payloads */
    int failed;                 /* sticky */
};

struct wire_in {
    enum wire_type type;
    unsigned char packet[WIRE_PACKET_MAX];
    size_t len;
    int fd[WIRE_FDS_MAX];       /* owned; -1 once taken */
    size_t fds;
};

/* Cursor over the fields of a message or a group. */
struct wire_group { const unsigned char *at, *end; struct wire_in *in; };

/* A connected pair for one door; both ends close on exec unless handed over. */
int wire_pair(int ret_fd[2], struct err *e);

void wire_begin(struct wire_out *out, enum wire_type type);
void wire_put_u64(struct wire_out *out, enum wire_field field, uint64_t value);
void wire_put_i64(struct wire_out *out, enum wire_field field, int64_t value);
void wire_put_text(struct wire_out *out, enum wire_field field, const char *text);                   /* NULL = left out */
void wire_put_bytes(struct wire_out *out, enum wire_field field, const void *data, size_t len);
void wire_put_fd(struct wire_out *out, enum wire_field field, int fd);                               /* fd < 0 = left out */
/* A payload inside the message, in place of a descriptor. False: it is too large for that, or others have taken the room. */
bool wire_put_inside(struct wire_out *out, enum wire_field field, struct bytes content);
void wire_group_begin(struct wire_out *out, enum wire_field field);                                  /* groups do not nest */
void wire_group_end(struct wire_out *out);
/* Checks against the table (a mistake of ours is ERR_INTERNAL) and sends. ERR_LIMIT: does not fit a packet. ERR_CLOSED. ERR_TIMEOUT: the other side has not read for 10 s. */
int wire_send(int fd, struct wire_out *out, struct err *e);

/* One message. ERR_CLOSED at the end of the stream, ERR_TIMEOUT when nothing is there, ERR_CORRUPT when it does not fit the table (descriptors are closed). */
int wire_receive(int fd, struct wire_in *in, struct err *e);
void wire_release(struct wire_in *in);

/* Fields of a received message; absent ones give 0, "" or -1. */
bool wire_has(struct wire_in *in, enum wire_field field);
uint64_t wire_u64(struct wire_in *in, enum wire_field field);
int64_t wire_i64(struct wire_in *in, enum wire_field field);
const char *wire_text(struct wire_in *in, enum wire_field field);         /* NUL-terminated, lives as long as `in` */
struct bytes wire_bytes(struct wire_in *in, enum wire_field field);
int wire_take_fd(struct wire_in *in, enum wire_field field);              /* moves it to the caller; of a payload that came inside, a sealed memfd is made */
bool wire_inside(struct wire_in *in, enum wire_field field, struct bytes *ret_content);   /* it came inside, lives as long as `in`; false: as a descriptor, or not at all */

/* Repeated fields and groups: for (c = wire_first(&in); wire_next_group(&c, F_UNIT, &unit);) ... */
struct wire_group wire_first(struct wire_in *in);
bool wire_next_group(struct wire_group *cursor, enum wire_field field, struct wire_group *ret_group);
bool wire_next_text(struct wire_group *cursor, enum wire_field field, const char **ret_text);
bool wire_next_bytes(struct wire_group *cursor, enum wire_field field, struct bytes *ret_bytes);
bool wire_group_has(const struct wire_group *group, enum wire_field field);
uint64_t wire_group_u64(const struct wire_group *group, enum wire_field field);
int64_t wire_group_i64(const struct wire_group *group, enum wire_field field);
const char *wire_group_text(const struct wire_group *group, enum wire_field field);
struct bytes wire_group_bytes(const struct wire_group *group, enum wire_field field);
int wire_group_take_fd(const struct wire_group *group, enum wire_field field);
bool wire_group_inside(const struct wire_group *group, enum wire_field field, struct bytes *ret_content);

/* A well-formed message of the table? For wire_send, wire_receive and the fuzzer. fds = number of descriptors that came along. */
int wire_check(const unsigned char *packet, size_t len, size_t fds, enum wire_type *ret_type, struct err *e);

#endif
