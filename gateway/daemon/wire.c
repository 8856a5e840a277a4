/*
 * NAME
 *      wire - typed messages over a socket pair
 *
 * SYNOPSIS
 *      #include "daemon/wire.h"
 *
 * DESCRIPTION
 *      Packet: type (2 bytes), then fields: id (1 byte), length (4 bytes), value. Numbers are 8 bytes, texts end with a NUL that the length counts,
 *      a descriptor is the index (1 byte) into those that came along, or the byte 255 and then the payload itself, a group is a run of fields. All in the machine's byte order:
 *      both ends are processes of one machine and one build.
 *
 * DIAGNOSTICS
 *      ERR_CORRUPT says that the other side broke the table: the desk ends such a door and starts another.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/file.h"
#include "base/text.h"
#include "base/timefmt.h"
#include "daemon/wire.h"

enum { HEADER = 2, FIELD_HEADER = 5, SEND_WAIT_MS = 10000, INSIDE = 255 /* no index of a descriptor */ };

_Static_assert((int)WIRE_FDS_MAX < (int)INSIDE, "the mark is no index");

int wire_pair(int ret_fd[2], struct err *e)
{
    int fd[2], size = 4 << 20;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) < 0)
        return err_set_errno(e, MSG_IO, NULL, "socketpair");
    for (int i = 0; i < 2; i++) /* larger where allowed; the default still holds one packet */
        if (setsockopt(fd[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0)
            (void)setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    ret_fd[0] = fd[0];
    ret_fd[1] = fd[1];
    return 0;
}

void wire_begin(struct wire_out *out, enum wire_type type)
{
    uint16_t t = (uint16_t)type;

    memcpy(out->packet, &t, sizeof t);
    out->len = HEADER;
    out->fds = 0;
    out->group = 0;
    out->inside = 0;
    out->failed = 0;
}

static unsigned char *field_room(struct wire_out *out, enum wire_field field, size_t len)
{
    unsigned char *at = out->packet + out->len;
    uint32_t n = (uint32_t)len;

    if (out->failed != 0)
        return NULL;
    if (len > WIRE_PACKET_MAX || out->len + FIELD_HEADER + len > WIRE_PACKET_MAX) {
        out->failed = ERR_LIMIT;
        return NULL;
    }
    at[0] = (unsigned char)field;
    memcpy(at + 1, &n, sizeof n);
    out->len += FIELD_HEADER + len;
    return at + FIELD_HEADER;
}

void wire_put_u64(struct wire_out *out, enum wire_field field, uint64_t value)
{
    unsigned char *at = field_room(out, field, sizeof value);
    if (at != NULL)
        memcpy(at, &value, sizeof value);
}

void wire_put_i64(struct wire_out *out, enum wire_field field, int64_t value)
{
    wire_put_u64(out, field, (uint64_t)value);
}

void wire_put_text(struct wire_out *out, enum wire_field field, const char *text)
{
    unsigned char *at = text == NULL ? NULL : field_room(out, field, strlen(text) + 1);
    if (at != NULL)
        memcpy(at, text, strlen(text) + 1);
}

void wire_put_bytes(struct wire_out *out, enum wire_field field, const void *data, size_t len)
{
    unsigned char *at = field_room(out, field, len);
    if (at != NULL && len > 0)
        memcpy(at, data, len);
}

void wire_put_fd(struct wire_out *out, enum wire_field field, int fd)
{
    unsigned char *at;

    if (fd < 0)
        return;
    if (out->fds == WIRE_FDS_MAX)
        out->failed = ERR_LIMIT;
    at = field_room(out, field, 1);
    if (at != NULL) {
        *at = (unsigned char)out->fds;
        out->fd[out->fds++] = fd;
    }
}

bool wire_put_inside(struct wire_out *out, enum wire_field field, struct bytes content)
{
    unsigned char *at;

    if (content.len > wire_field_table[field].max || content.len > WIRE_INSIDE_SUM - out->inside || content.len + 1 + FIELD_HEADER > WIRE_PACKET_MAX - out->len)
        return false;
    at = field_room(out, field, 1 + content.len);
    if (at != NULL) {
        at[0] = INSIDE;
        if (content.len > 0)
            memcpy(at + 1, content.data, content.len);
        out->inside += content.len;
    }
    return true;
}

void wire_group_begin(struct wire_out *out, enum wire_field field)
{
    if (out->group != 0 && out->failed == 0)
        out->failed = ERR_INTERNAL;
    if (field_room(out, field, 0) != NULL)
        out->group = out->len;
}

void wire_group_end(struct wire_out *out)
{
    uint32_t n = (uint32_t)(out->len - out->group);

    if (out->group == 0 && out->failed == 0)
        out->failed = ERR_INTERNAL; /* an end without a beginning */
    if (out->failed == 0)
        memcpy(out->packet + out->group - sizeof n, &n, sizeof n);
    out->group = 0;
}

/* ---- checking ---- */

struct field_seen { unsigned count[F_COUNT]; };

static const struct wire_rule *rule_of(const struct wire_rule *rules, unsigned field)
{
    for (; rules->field != F_NONE; rules++)
        if ((unsigned)rules->field == field)
            return rules;
    return NULL;
}

static int value_fits(const struct wire_field_info *info, const unsigned char *at, uint32_t len, size_t fds)
{
    switch (info->kind) {
    case WIRE_NUMBER:
        return len == 8;
    case WIRE_TEXT:
        return len > 0 && len <= info->max + 1 && at[len - 1] == '\0' && memchr(at, '\0', len - 1) == NULL && text_is_utf8((const char *)at, len - 1);
    case WIRE_BYTES:
        return len <= info->max;
    case WIRE_FD:
        return len > 0 && (at[0] == INSIDE ? len - 1 <= info->max && info->max > 0 : len == 1 && at[0] < fds);
    case WIRE_GROUP:
        return 1;
    default:
        return 0;
    }
}

static int check_fields(const unsigned char *at, const unsigned char *end, const struct wire_rule *rules, size_t fds)
{
    struct field_seen seen = { { 0 } };

    while (at < end) {
        const struct wire_rule *rule;
        const struct wire_field_info *info;
        uint32_t len;
        if (end - at < FIELD_HEADER)
            return ERR_CORRUPT;
        memcpy(&len, at + 1, sizeof len);
        rule = rule_of(rules, at[0]);
        if (rule == NULL || len > (size_t)(end - at - FIELD_HEADER) || (++seen.count[at[0]] > 1 && rule->count != WIRE_MANY))
            return ERR_CORRUPT;
        info = &wire_field_table[at[0]];
        if (!value_fits(info, at + FIELD_HEADER, len, fds))
            return ERR_CORRUPT;
        if (info->kind == WIRE_GROUP && check_fields(at + FIELD_HEADER, at + FIELD_HEADER + len, info->group, fds) < 0)
            return ERR_CORRUPT;
        at += FIELD_HEADER + len;
    }
    for (; rules->field != F_NONE; rules++)
        if (rules->count == WIRE_ONE && seen.count[rules->field] == 0)
            return ERR_CORRUPT;
    return 0;
}

int wire_check(const unsigned char *packet, size_t len, size_t fds, enum wire_type *ret_type, struct err *e)
{
    uint16_t type = 0;

    if (len >= HEADER)
        memcpy(&type, packet, sizeof type);
    if (len < HEADER || type == 0 || type >= WIRE_TYPE_COUNT || check_fields(packet + HEADER, packet + len, wire_type_table[type].rules, fds) < 0)
        return err_set(e, ERR_CORRUPT, MSG_WIRE_CORRUPT, type < WIRE_TYPE_COUNT ? wire_type_table[type].name : "?", type < WIRE_TYPE_COUNT ? wire_type_table[type].name : "?", NULL);
    *ret_type = (enum wire_type)type;
    return 0;
}

/* ---- sending and receiving ---- */

union control { char bytes[CMSG_SPACE(sizeof(int) * WIRE_FDS_MAX)]; struct cmsghdr align; };

static int send_once(int fd, struct msghdr *msg, struct err *e)
{
    int64_t until = time_boot_ms() + SEND_WAIT_MS;

    for (;;) {
        if (sendmsg(fd, msg, MSG_NOSIGNAL) >= 0)
            return 0;
        if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
            return err_set(e, ERR_CLOSED, MSG_WIRE_CLOSED, NULL, NULL, NULL);
        if (errno == EAGAIN || errno == ENOBUFS) {
            struct pollfd p = { .fd = fd, .events = POLLOUT };
            if (time_boot_ms() >= until)
                return err_set(e, ERR_TIMEOUT, MSG_WIRE_CLOSED, NULL, NULL, NULL);
            (void)poll(&p, 1, 100);
        } else if (errno != EINTR) {
            return err_set_errno(e, MSG_IO, NULL, "sendmsg");
        }
    }
}

int wire_send(int fd, struct wire_out *out, struct err *e)
{
    struct iovec iov = { out->packet, out->len };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    union control control;
    enum wire_type type;

    if (out->failed != 0)
        return err_set(e, (enum err_code)out->failed, out->failed == ERR_LIMIT ? MSG_LIMIT : MSG_INTERNAL, NULL, "wire", NULL);
    if (out->group != 0)
        return err_set(e, ERR_INTERNAL, MSG_INTERNAL, NULL, "wire", "group");
    if (wire_check(out->packet, out->len, out->fds, &type, e) < 0)
        return ERR_INTERNAL;
    if (out->fds > 0) {
        struct cmsghdr *c;
        memset(&control, 0, sizeof control);
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * out->fds);
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * out->fds);
        memcpy(CMSG_DATA(c), out->fd, sizeof(int) * out->fds);
    }
    return send_once(fd, &msg, e);
}

static void collect_fds(struct msghdr *msg, struct wire_in *in)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < n && in->fds < WIRE_FDS_MAX; i++)
            memcpy(&in->fd[in->fds++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
    }
}

int wire_receive(int fd, struct wire_in *in, struct err *e)
{
    struct iovec iov = { in->packet, sizeof in->packet };
    union control control;
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control };
    ssize_t n;
    int r;

    in->fds = 0;
    in->len = 0;
    do
        n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return ERR_TIMEOUT;
    if (n < 0)
        return err_set(e, ERR_CLOSED, MSG_WIRE_CLOSED, NULL, NULL, NULL);
    in->len = (size_t)n;
    collect_fds(&msg, in);
    if (n == 0) { /* the end, or an empty packet: descriptors beside it must not stay */
        wire_release(in);
        return err_set(e, ERR_CLOSED, MSG_WIRE_CLOSED, NULL, NULL, NULL);
    }
    r = (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ? err_set(e, ERR_CORRUPT, MSG_WIRE_CORRUPT, "truncated", "truncated", NULL)
                                                    : wire_check(in->packet, in->len, in->fds, &in->type, e);
    if (r < 0)
        wire_release(in);
    return r;
}

void wire_release(struct wire_in *in)
{
    for (size_t i = 0; i < in->fds; i++)
        if (in->fd[i] >= 0)
            close(in->fd[i]);
    in->fds = 0;
}

/* ---- reading fields: everything was checked, so only presence is asked ---- */

struct wire_group wire_first(struct wire_in *in)
{
    struct wire_group g = { in->packet + HEADER, in->packet + in->len, in };
    return g;
}

/* Moves on to the next field with that id; its value and length, or NULL. */
static const unsigned char *next_field(struct wire_group *cursor, enum wire_field field, uint32_t *ret_len)
{
    while (cursor->at < cursor->end) {
        const unsigned char *at = cursor->at;
        uint32_t len;
        memcpy(&len, at + 1, sizeof len);
        cursor->at += FIELD_HEADER + len;
        if (at[0] == (unsigned char)field) {
            *ret_len = len;
            return at + FIELD_HEADER;
        }
    }
    return NULL;
}

static const unsigned char *find_field(const struct wire_group *group, enum wire_field field, uint32_t *ret_len)
{
    struct wire_group cursor = *group;
    return next_field(&cursor, field, ret_len);
}

bool wire_group_has(const struct wire_group *group, enum wire_field field)
{
    uint32_t len;
    return find_field(group, field, &len) != NULL;
}

uint64_t wire_group_u64(const struct wire_group *group, enum wire_field field)
{
    uint32_t len;
    uint64_t value = 0;
    const unsigned char *at = find_field(group, field, &len);
    if (at != NULL)
        memcpy(&value, at, sizeof value);
    return value;
}

int64_t wire_group_i64(const struct wire_group *group, enum wire_field field)
{
    return (int64_t)wire_group_u64(group, field);
}

const char *wire_group_text(const struct wire_group *group, enum wire_field field)
{
    uint32_t len;
    const unsigned char *at = find_field(group, field, &len);
    return at == NULL ? "" : (const char *)at;
}

struct bytes wire_group_bytes(const struct wire_group *group, enum wire_field field)
{
    uint32_t len = 0;
    const unsigned char *at = find_field(group, field, &len);
    struct bytes b = { at == NULL ? "" : (const char *)at, len };
    return b;
}

int wire_group_take_fd(const struct wire_group *group, enum wire_field field)
{
    uint32_t len;
    const unsigned char *at = find_field(group, field, &len);
    int fd = -1;

    if (at != NULL && *at == INSIDE) {
        fd = memfd_seal("clinsgw-inside", at + 1, len - 1, NULL);
    } else if (at != NULL) {
        fd = group->in->fd[*at];
        group->in->fd[*at] = -1;
    }
    return fd < 0 ? -1 : fd;
}

bool wire_group_inside(const struct wire_group *group, enum wire_field field, struct bytes *ret_content)
{
    uint32_t len = 0;
    const unsigned char *at = find_field(group, field, &len);

    if (at == NULL || *at != INSIDE)
        return false;
    *ret_content = (struct bytes){ (const char *)at + 1, len - 1 };
    return true;
}

bool wire_next_group(struct wire_group *cursor, enum wire_field field, struct wire_group *ret_group)
{
    uint32_t len;
    const unsigned char *at = next_field(cursor, field, &len);

    if (at == NULL)
        return false;
    ret_group->at = at;
    ret_group->end = at + len;
    ret_group->in = cursor->in;
    return true;
}

bool wire_next_text(struct wire_group *cursor, enum wire_field field, const char **ret_text)
{
    uint32_t len;
    const unsigned char *at = next_field(cursor, field, &len);

    if (at != NULL)
        *ret_text = (const char *)at;
    return at != NULL;
}

bool wire_next_bytes(struct wire_group *cursor, enum wire_field field, struct bytes *ret_bytes)
{
    uint32_t len;
    const unsigned char *at = next_field(cursor, field, &len);

    if (at != NULL)
        *ret_bytes = (struct bytes){ (const char *)at, len };
    return at != NULL;
}

bool wire_has(struct wire_in *in, enum wire_field field) { struct wire_group g = wire_first(in); return wire_group_has(&g, field); }
uint64_t wire_u64(struct wire_in *in, enum wire_field field) { struct wire_group g = wire_first(in); return wire_group_u64(&g, field); }
int64_t wire_i64(struct wire_in *in, enum wire_field field) { struct wire_group g = wire_first(in); return wire_group_i64(&g, field); }
const char *wire_text(struct wire_in *in, enum wire_field field) { struct wire_group g = wire_first(in); return wire_group_text(&g, field); }
struct bytes wire_bytes(struct wire_in *in, enum wire_field field) { struct wire_group g = wire_first(in); return wire_group_bytes(&g, field); }
bool wire_inside(struct wire_in *in, enum wire_field field, struct bytes *ret_content) { struct wire_group g = wire_first(in); return wire_group_inside(&g, field, ret_content); }
int wire_take_fd(struct wire_in *in, enum wire_field field) { struct wire_group g = wire_first(in); return wire_group_take_fd(&g, field); }
