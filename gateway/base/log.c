/*
 * NAME
 *     log - the event log of a process
 *
 * SYNOPSIS
 *     log = log_new("clinsgwd", journal, LANG_JA, &e); log_event(log, id, arg1, arg2, fields); log_err(log, &e); log = log_free(log);
 *
 * DESCRIPTION
 *     The journal's own protocol (systemd, "Native Journal Protocol"): one datagram an event, NAME=value lines. Control characters in values become
 *     spaces, so that no value can start a line or a field of its own and the binary form is never needed.
 *
 * DIAGNOSTICS
 *     None after log_new(): what the journal does not take at once goes to standard error, one line an event, and what that does not take at once is lost.
 */
#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/text.h"
#include "base/timefmt.h"

enum { TEXT_MAX = 1024, EVENT_MAX = 32 * 1024 };

struct log {
    int fd;                      /* datagram socket, -1 = standard error only */
    enum msg_lang lang;
    struct sockaddr_un address;
    char ident[64];
};

struct log *log_new(const char *ident, const char *journal_path, enum msg_lang lang, struct err *e)
{
    struct log *log = calloc(1, sizeof *log);
    if (log == NULL) {
        err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "log", NULL);
        return NULL;
    }
    log->fd = -1;
    log->lang = lang;
    log->address.sun_family = AF_UNIX;
    text_copy(log->ident, sizeof log->ident, ident);
    if (journal_path == NULL)
        return log;
    if (strlen(journal_path) >= sizeof log->address.sun_path) {
        err_set(e, ERR_INVALID, MSG_LOG_SOCKET, NULL, journal_path, NULL);
        return log_free(log);
    }
    memcpy(log->address.sun_path, journal_path, strlen(journal_path));
    log->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (log->fd < 0) {
        err_set_errno(e, MSG_IO, NULL, "socket");
        return log_free(log);
    }
    return log;
}

struct log *log_free(struct log *log)
{
    if (log != NULL && log->fd >= 0)
        close(log->fd);
    free(log);
    return NULL;
}

/* A failed buffer is noticed once, at the end. */
static void add_clean(struct buf *b, const char *value)
{
    size_t len = strlen(value), pos = 0;
    while (pos < len) {
        size_t from = pos;
        int32_t c = text_next(value, len, &pos);
        if (c < 0) {
            buf_add_char(b, '?');
            pos++;
        } else if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029) {
            buf_add_char(b, ' ');
        } else {
            buf_add(b, value + from, pos - from);
        }
    }
}

static void add_field(struct buf *b, const char *before, const char *name, const char *value, const char *after)
{
    size_t len = strlen(name);
    if (len == 0 || len > 64 || !text_all_of(name, len, "A-Z0-9_"))
        return;
    buf_add_str(b, before);
    buf_add_str(b, name);
    buf_add_char(b, '=');
    add_clean(b, value != NULL ? value : "");
    buf_add_str(b, after);
}

/* Never waits: a journal that hangs must not hang the gateway; what it does not take goes to standard error. */
static int send_journal(const struct log *log, const struct msg_info *info, const char *text, const struct log_field *const lists[2])
{
    static const char *const priorities[] = { "6", "4", "3", "2" };  /* by enum msg_severity: info, warning, err, crit */
    struct buf b;
    if (log->fd < 0)
        return ERR_NOTFOUND;
    buf_init(&b, EVENT_MAX);
    add_field(&b, "", "MESSAGE", text, "\n");
    add_field(&b, "", "PRIORITY", priorities[info->severity], "\n");
    add_field(&b, "", "SYSLOG_IDENTIFIER", log->ident, "\n");
    add_field(&b, "", "CLINSGW_CODE", info->code, "\n");
    add_field(&b, "", "CLINSGW_NAME", info->name, "\n");
    add_field(&b, "", "CLINSGW_NEXT_STEP", msg_step_name(info->step), "\n");
    for (size_t i = 0; i < 2; i++)
        for (const struct log_field *f = lists[i]; f != NULL && f->name != NULL; f++)
            add_field(&b, "", f->name, f->value, "\n");
    int r = b.failed;
    if (r == 0 && sendto(log->fd, b.data, b.len, MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&log->address, sizeof log->address) < 0)
        r = ERR_IO;
    buf_free(&b);
    return r;
}

/* Does not wait, either: behind the standard error of a service stands the same journal. There is nobody left to tell when it fails. */
static void write_line(const char *line, size_t len)
{
    struct pollfd room = { .fd = STDERR_FILENO, .events = POLLOUT };
    ssize_t ignored = send(STDERR_FILENO, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (ignored < 0 && errno == ENOTSOCK && poll(&room, 1, 0) == 1 && (room.revents & POLLOUT) != 0)
        ignored = write(STDERR_FILENO, line, len < PIPE_BUF ? len : PIPE_BUF);   /* what a pipe that has room takes at once */
    (void)ignored;
}

static void write_stderr(const struct log *log, const struct msg_info *info, const char *text, const struct log_field *const lists[2])
{
    struct buf b;
    char when[TIME_TEXT_MAX];
    buf_init(&b, EVENT_MAX);
    time_format_log(time_wall_ms(), when);
    buf_addf(&b, "%s %s[%ld] %s %s ", when, log->ident, (long)getpid(), msg_severity_name(info->severity), info->code);
    add_clean(&b, text);
    for (size_t i = 0; i < 2; i++)
        for (const struct log_field *f = lists[i]; f != NULL && f->name != NULL; f++)
            add_field(&b, " ", f->name, f->value, "");
    buf_add_char(&b, '\n');
    write_line(b.data, b.len);   /* one write an event keeps lines of several processes apart */
    buf_free(&b);
}

static void emit(const struct log *log, enum msg_id id, const char *text, const struct log_field *own, const struct log_field *fields)
{
    const struct log_field *const lists[2] = { own, fields };
    const struct msg_info *info = msg_get(id);
    int kept = errno;
    if (send_journal(log, info, text, lists) < 0)
        write_stderr(log, info, text, lists);
    errno = kept;
}

void log_event(struct log *log, enum msg_id id, const char *arg1, const char *arg2, const struct log_field *fields)
{
    char text[TEXT_MAX];
    if (log == NULL)
        return;
    if (arg1 == NULL && arg2 == NULL)
        msg_format_bare(id, log->lang, text, sizeof text);
    else
        msg_format(id, log->lang, arg1, arg2, text, sizeof text);
    emit(log, id, text, NULL, fields);
}

void log_err(struct log *log, const struct err *e)
{
    char text[TEXT_MAX], number[16];
    if (log == NULL || e == NULL)
        return;
    /* Arguments may quote a vendor's data; those of configuration (1xxx) are the operator's own. */
    bool ours = strncmp(msg_get(e->msg)->code, "CG-1", 4) == 0;
    const char *reason = e->sys_errno != 0 ? strerrordesc_np(e->sys_errno) : NULL;
    size_t len = ours ? msg_format(e->msg, log->lang, e->arg[0], e->arg[1], text, sizeof text) : msg_format_bare(e->msg, log->lang, text, sizeof text);
    len += text_copy(text + len, sizeof text - len, ours && e->place[0] != '\0' ? ", " : "");
    len += text_copy(text + len, sizeof text - len, ours ? e->place : "");
    snprintf(text + len, sizeof text - len, " (%s%s%s)", err_code_name(e->code), reason != NULL ? ", " : "", reason != NULL ? reason : "");
    snprintf(number, sizeof number, "%d", e->sys_errno);
    const struct log_field fields[] = {
        { "CLINSGW_ERROR", err_code_name(e->code) }, { e->sys_errno != 0 ? "ERRNO" : NULL, number }, { NULL, NULL }
    };
    emit(log, e->msg, text, fields, NULL);
}
