/*
 * NAME
 *     control - the control socket, and the client that talks to it
 *
 * SYNOPSIS
 *     clinsgw-sandbox ctl SOCKET COMMAND [WORD]...
 *
 * DESCRIPTION
 *     A Unix-domain socket (mode 0600). One line of words in, lines out, the last one "ok ..." or "error ...". Commands are the rows of the table at
 *     the end; listings are one JSON object a line.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "tests/sandbox/sandbox.h"
#include "base/file.h"
#include "base/text.h"
#include "base/timefmt.h"

enum { LINE_MAX_LEN = 4096, WORDS_MAX = 32, CLIENT_WAIT_MS = 5000 };

struct control { struct sb *sb; pthread_t thread; int listener; };

struct call { struct sb *sb; char **word; size_t count; struct buf *out; struct err e; bool stop; };

/* Value of --name or name=; NULL when not given. */
static const char *call_value(const struct call *c, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < c->count; i++) {
        const char *w = c->word[i];
        if (strncmp(w, name, n) == 0 && w[n] == '=')
            return w + n + 1;
        if (strncmp(w, "--", 2) == 0 && strcmp(w + 2, name) == 0 && i + 1 < c->count)
            return c->word[i + 1];
    }
    return NULL;
}

static bool call_has(const struct call *c, const char *word)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->word[i], word) == 0)
            return true;
    return false;
}

static int bad(struct call *c, const char *what)
{
    return err_set(&c->e, ERR_INVALID, MSG_NONE, NULL, what, NULL);
}

/* ---- commands; the lock is held unless the row says otherwise --------------------------------------------------------------------- */

static int do_fault(struct call *c)
{
    unsigned id = 0;
    int64_t number = 0;
    if (c->count >= 1 && strcmp(c->word[0], "add") == 0) {
        int result = fault_add(c->sb->faults, c->word + 1, c->count - 1, &id, &c->e);
        return result < 0 ? result : buf_addf(c->out, "ok %u\n", id);
    }
    if (c->count >= 1 && strcmp(c->word[0], "clear") == 0) {
        if (c->count == 2 && text_to_int64(c->word[1], strlen(c->word[1]), 1, INT32_MAX, &number) < 0)
            return bad(c, c->word[1]);
        fault_clear(c->sb->faults, (unsigned)number);
        return 0;
    }
    if (c->count == 1 && strcmp(c->word[0], "list") == 0)
        return fault_list(c->sb->faults, c->out);
    return bad(c, "fault add|clear|list");
}

static int do_dump(struct call *c)
{
    return db_dump(c->sb->db, call_value(c, "bundle-id"), call_has(c, "--bytes"), c->out, &c->e);
}

static int do_requests(struct call *c)
{
    int64_t count;
    return db_requests(c->sb->db, call_value(c, "bundle-id"), call_value(c, "effect"), call_value(c, "op"), c->out, &count, &c->e);
}

static int do_count(struct call *c)
{
    int64_t registrations, requests, matching;
    int result = db_count(c->sb->db, &registrations, &requests, &c->e);
    if (result == 0)
        result = db_requests(c->sb->db, call_value(c, "bundle-id"), call_value(c, "effect"), call_value(c, "op"), NULL, &matching, &c->e);
    return result < 0 ? result : buf_addf(c->out, "{\"registrations\":%lld,\"requests\":%lld,\"matching\":%lld}\n", (long long)registrations,
        (long long)requests, (long long)matching);
}

static int do_insured(struct call *c)
{
    bool forget = c->count == 2 && strcmp(c->word[0], "remove") == 0, end = c->count == 2 && strcmp(c->word[0], "end") == 0;
    if (!forget && !end && !(c->count == 2 && strcmp(c->word[0], "add") == 0))
        return bad(c, "insured add|end|remove NUMBER");
    return db_insured_set(c->sb->db, c->word[1], forget ? NULL : end ? "ended" : "valid", &c->e);
}

static int do_institution(struct call *c)
{
    bool no = call_value(c, "participates") != NULL && strcmp(call_value(c, "participates"), "no") == 0;
    if (c->count < 2 || strcmp(c->word[0], "add") != 0 || !form_institution(c->word[1], strlen(c->word[1])))
        return bad(c, "institution add CODE [participates=yes|no]");
    return db_institution_set(c->sb->db, c->word[1], no ? "no" : "yes", &c->e);
}

static int set_steps(struct call *c, const char *value)
{
    int64_t steps;
    const char *op = call_value(c, "op");
    enum sb_op one = op != NULL ? sb_op_by_name(op) : SB_OP_NONE;
    if (text_to_int64(value, strlen(value), 1, 2, &steps) < 0 || (op != NULL && one >= SB_OP_COUNT))
        return bad(c, "set steps=1|2 [op=OPERATION]");
    for (int i = 0; i < SB_OP_COUNT; i++)
        if (op == NULL || i == (int)one)
            c->sb->settings.steps[i] = (int)steps;
    return 0;
}

static int set_number(struct call *c, const char *name, int64_t max, int64_t *target)
{
    const char *value = call_value(c, name);
    if (value == NULL)
        return 0;
    return text_to_int64(value, strlen(value), 0, max, target) < 0 ? bad(c, name) : 0;
}

static int set_switch(struct call *c, const char *name, const char *on, const char *off, bool *target)
{
    const char *value = call_value(c, name);
    if (value == NULL)
        return 0;
    if (strcmp(value, on) != 0 && strcmp(value, off) != 0)
        return bad(c, name);
    *target = strcmp(value, on) == 0;
    return 0;
}

static int do_set(struct call *c)
{
    static const char *const names[] = { "duplicate", "signature", "steps", "polls", "token-ms", "sessions", "op" };
    struct sb_settings *s = &c->sb->settings;
    for (size_t i = 0; i < c->count; i++) {
        bool known = false;
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
            known |= strcspn(c->word[i], "=") == strlen(names[k]) && strncmp(c->word[i], names[k], strlen(names[k])) == 0;
        if (!known)
            return bad(c, c->word[i]);
    }
    int result = set_switch(c, "duplicate", "refuse", "overwrite", &s->refuse_duplicate);
    if (result == 0)
        result = set_switch(c, "signature", "required", "optional", &s->signature_required);
    if (result == 0 && call_value(c, "steps") != NULL)
        result = set_steps(c, call_value(c, "steps"));
    if (result == 0)
        result = set_number(c, "polls", 100000, &s->polls);
    if (result == 0)
        result = set_number(c, "token-ms", 86400000, &s->token_ms);
    return result < 0 ? result : set_number(c, "sessions", 1000, &s->sessions);
}

static int do_show(struct call *c)
{
    const struct sb_settings *s = &c->sb->settings;
    buf_addf(c->out, "{\"duplicate\":\"%s\",\"signature\":\"%s\",\"polls\":%lld,\"token_ms\":%lld,\"sessions\":%lld,\"paused\":%s,\"share_away\":%s,\"steps\":{",
        s->refuse_duplicate ? "refuse" : "overwrite", s->signature_required ? "required" : "optional", (long long)s->polls, (long long)s->token_ms,
        (long long)s->sessions, c->sb->paused ? "true" : "false", c->sb->share_away ? "true" : "false");
    for (int i = 0; i < SB_OP_COUNT; i++)
        buf_addf(c->out, "%s\"%s\":%d", i > 0 ? "," : "", sb_op_get((enum sb_op)i)->name, s->steps[i]);
    return buf_add_str(c->out, "}}\n");
}

static int do_status(struct call *c)
{
    bool ok = c->count == 2 && (strcmp(c->word[1], "1") == 0 || strcmp(c->word[1], "2") == 0);
    return ok ? db_status_set(c->sb->db, c->word[0], c->word[1], &c->e) : bad(c, "document-status BUNDLE-ID 1|2");
}

static int do_reset(struct call *c)
{
    fault_clear(c->sb->faults, 0);
    return db_reset(c->sb->db, &c->e);
}

static int do_tokens(struct call *c)
{
    c->sb->token_epoch++;
    return 0;
}

static int do_pause(struct call *c)
{
    c->sb->paused = true;
    return 0;
}

static int do_resume(struct call *c)
{
    c->sb->paused = false;
    pthread_cond_broadcast(&c->sb->changed);
    return 0;
}

static int do_stop(struct call *c)
{
    c->stop = true;
    return 0;
}

static int do_share(struct call *c)
{
    int64_t ms = 0;
    bool gone = c->count >= 1 && strcmp(c->word[0], "gone") == 0;
    if (c->sb->options->share == NULL || (!gone && !(c->count == 1 && strcmp(c->word[0], "back") == 0)))
        return bad(c, "share gone [ms=N] | share back");
    int result = set_number(c, "ms", 3600000, &ms);
    return result < 0 ? result : terminal_share(c->sb, gone, ms, &c->e);
}

static bool plain(const char *word)
{
    size_t len = strlen(word);
    return len > 0 && len <= 64 && text_all_of(word, len, "A-Za-z0-9^_-");
}

static int do_notice(struct call *c)
{
    char suffix[96];
    const char *name = call_value(c, "name");
    if (c->sb->options->share == NULL || c->count < 3 || !plain(c->word[0]) || !plain(c->word[1]) || !plain(c->word[2]) || (name != NULL && !plain(name)))
        return bad(c, "notice INSTITUTION DOCUMENT RESULT [name=SUFFIX] [broken=yes]");
    snprintf(suffix, sizeof suffix, "%s_%lld", c->word[0], (long long)time_wall_ms());
    struct sb_notice notice = { c->word[0], c->word[1], c->word[2], name != NULL ? name : suffix, call_value(c, "broken") != NULL };
    return terminal_notice(c->sb, &notice, &c->e);
}

static const struct { const char *name; int (*run)(struct call *c); bool unlocked; } command_table[] = {
    { "fault", do_fault, false }, { "dump", do_dump, false }, { "requests", do_requests, false }, { "count", do_count, false },
    { "insured", do_insured, false }, { "institution", do_institution, false }, { "set", do_set, false }, { "show", do_show, false },
    { "document-status", do_status, false }, { "reset", do_reset, false }, { "forget-tokens", do_tokens, false }, { "pause", do_pause, false },
    { "resume", do_resume, false }, { "stop", do_stop, false }, { "share", do_share, true },
    { "notice", do_notice, true },
};

/* ---- one connection --------------------------------------------------------------------------------------------------------------- */

static size_t split(char *text, char **ret_words)
{
    size_t n = 0;
    for (char *p = text; *p != '\0' && n < WORDS_MAX;) {
        p += strspn(p, " \t\r");
        if (*p == '\0')
            break;
        ret_words[n++] = p;
        p += strcspn(p, " \t\r");
        if (*p != '\0')
            *p++ = '\0';
    }
    return n;
}

static void run_line(struct call *c, char *text)
{
    char *words[WORDS_MAX];
    size_t n = split(text, words), at = 0, rows = sizeof command_table / sizeof command_table[0];
    while (n > 0 && at < rows && strcmp(command_table[at].name, words[0]) != 0)
        at++;
    if (n == 0 || at == rows) {
        buf_add_str(c->out, "error unknown command\n");
        return;
    }
    c->word = words + 1;
    c->count = n - 1;
    if (!command_table[at].unlocked)
        pthread_mutex_lock(&c->sb->lock);
    int result = command_table[at].run(c);
    if (!command_table[at].unlocked)
        pthread_mutex_unlock(&c->sb->lock);
    if (result < 0)
        buf_addf(c->out, "error %s: %s%s\n", c->e.code == ERR_NOTFOUND ? "not there" : "cannot be used (docs/sandbox.md)", c->e.arg[0], c->e.place);
    else if (c->out->len < 3 || strncmp(c->out->data, "ok ", 3) != 0)
        buf_add_str(c->out, "ok\n");
}

/* A line with its newline, within the time a client gets. */
static bool read_line(int fd, char text[static LINE_MAX_LEN])
{
    size_t at = 0;
    for (;;) {
        struct pollfd p = { fd, POLLIN, 0 };
        if (poll(&p, 1, CLIENT_WAIT_MS) <= 0)
            return false;
        ssize_t n = read(fd, text + at, LINE_MAX_LEN - 1 - at);
        if (n <= 0)
            return false;
        at += (size_t)n;
        text[at] = '\0';
        char *end = strchr(text, '\n');
        if (end != NULL) {
            *end = '\0';
            return true;
        }
        if (at == LINE_MAX_LEN - 1)
            return false;
    }
}

/* Returns true when the command was "stop". */
static bool serve(struct control *k, int fd)
{
    char text[LINE_MAX_LEN];
    struct buf out;
    struct call c = { .sb = k->sb, .out = &out, .e = ERR_INIT };
    buf_init(&out, (size_t)1 << 30);
    if (read_line(fd, text)) {
        run_line(&c, text);
        if (fd_write_all(fd, out.data, out.len, NULL) < 0)
            c.stop |= false;    /* the client went away: its loss */
    }
    buf_free(&out);
    return c.stop;
}

static void *control_main(void *argument)
{
    struct control *k = argument;
    struct pollfd fds[2] = { { k->listener, POLLIN, 0 }, { k->sb->stop_fd, POLLIN, 0 } };
    while (fds[1].revents == 0) {
        if (poll(fds, 2, -1) < 0 || (fds[0].revents & POLLIN) == 0)
            continue;
        int fd = accept4(k->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        bool stop = serve(k, fd);
        close(fd);
        if (stop)
            sb_stop(k->sb);
    }
    return NULL;
}

static int socket_address(const char *path, struct sockaddr_un *ret_at)
{
    *ret_at = (struct sockaddr_un){ .sun_family = AF_UNIX };
    return text_copy(ret_at->sun_path, sizeof ret_at->sun_path, path) == strlen(path) ? 0 : ERR_LIMIT;
}

int control_start(struct sb *sb, struct control **ret_control, struct err *e)
{
    struct sockaddr_un at;
    struct control *k = calloc(1, sizeof *k);
    if (k == NULL || socket_address(sb->options->control, &at) < 0) {
        free(k);
        return err_set(e, ERR_LIMIT, MSG_NONE, sb->options->control, "control socket", NULL);
    }
    k->sb = sb;
    k->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unlink(at.sun_path);
    mode_t old = umask(0177);
    bool ok = k->listener >= 0 && bind(k->listener, (const struct sockaddr *)&at, sizeof at) == 0 && listen(k->listener, 16) == 0;
    umask(old);
    if (!ok || pthread_create(&k->thread, NULL, control_main, k) != 0) {
        int result = err_set_errno(e, MSG_NONE, sb->options->control, "control socket");
        if (k->listener >= 0)
            close(k->listener);
        free(k);
        return result;
    }
    *ret_control = k;
    return 0;
}

struct control *control_join(struct control *control)
{
    if (control != NULL) {
        pthread_join(control->thread, NULL);
        close(control->listener);
        unlink(control->sb->options->control);
        free(control);
    }
    return NULL;
}

/* ---- client ----------------------------------------------------------------------------------------------------------------------- */

int control_client(const char *socket_path, char *const *words, size_t count)
{
    struct sockaddr_un at;
    struct buf text;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), status = 1;
    buf_init(&text, (size_t)1 << 30);
    for (size_t i = 0; i < count; i++)
        buf_addf(&text, "%s%s", i > 0 ? " " : "", words[i]);
    buf_add_char(&text, '\n');
    if (fd < 0 || socket_address(socket_path, &at) < 0 || connect(fd, (const struct sockaddr *)&at, sizeof at) < 0 || fd_write_all(fd, text.data, text.len, NULL) < 0) {
        fprintf(stderr, "clinsgw-sandbox: %s: %s\n", socket_path, strerror(errno));
        goto out;
    }
    buf_reset(&text);
    char block[16384];
    for (ssize_t n; (n = read(fd, block, sizeof block)) > 0;)
        if (buf_add(&text, block, (size_t)n) < 0)
            goto out;
    fwrite(text.data, 1, text.len, stdout);
    const char *last = text.len > 1 ? memrchr(text.data, '\n', text.len - 1) : NULL;
    last = last != NULL ? last + 1 : text.data;
    status = strncmp(last, "ok", 2) == 0 ? 0 : 1;
out:
    if (fd >= 0)
        close(fd);
    buf_free(&text);
    return status;
}
