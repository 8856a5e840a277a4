/*
 * NAME
 *      cmd_export - clinsgw export: stored bytes as they are, and what follows from them
 *
 * DESCRIPTION
 *      jws (text of Bundle.signature.data) and canonical (what was signed) are made here from the stored Bundle, by the same code that signs and verifies.
 *      The bytes hold patient data: a new file is readable by its owner only.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "cli/cli.h"
#include "daemon/view.h"
#include "sign/sign.h"

static const struct { const char *name, *stored[2]; } parts[] = {
    { "original", { "original", NULL } }, { "bundle", { "bundle", NULL } }, { "signed", { "signed", NULL } }, { "request", { "request", NULL } },
    { "answer", { "answer", NULL } },     { "jws", { "signed", NULL } },    { "canonical", { "signed", "bundle" } },
};

/* The bytes from the desk, or from the store of a stopped one. */
static int fetch(struct cli *c, const char *part, bool last, struct buf *bytes)
{
    struct store *store = NULL;
    struct err e = ERR_INIT;
    bool there;
    int code, fd = cli_connect(c, &e), r;

    there = fd != ERR_CLOSED;
    for (size_t i = 0; i < c->options; i++)
        if (strcmp(c->option[i].name, "what") == 0)
            c->option[i].value = part;
    if (fd >= 0) {
        code = cli_send(c, fd, &e) < 0 ? cli_say_err(c, CLI_FAILED, &e) : cli_receive(c, fd);
        close(fd);
        if (code == CLI_DONE && !last && wire_u64(&c->in, F_EXIT) != 0 && wire_u64(&c->in, F_MSG) == MSG_CTL_NO_PART) {
            wire_release(&c->in);
            return ERR_NOTFOUND;
        }
        return code == CLI_DONE ? cli_reply(c, bytes) : code;
    }
    if (there)
        return cli_say_err(c, CLI_FAILED, &e);
    r = cli_store(c, STORE_READ_ONLY, &store, &e);
    if (r == 0)
        r = view_part(store, c->plain[0], part, bytes, &e);
    store_close(store);
    if (r == ERR_NOTFOUND && !last && e.msg == MSG_CTL_NO_PART)
        return r;
    return r < 0 ? cli_say_err(c, CLI_FAILED, &e) : CLI_DONE;
}

static int derive(struct cli *c, const char *what, const struct buf *stored, struct buf *out)
{
    struct err e = ERR_INIT;
    int r;

    if (strcmp(what, "jws") == 0)
        r = sign_jws_text(buf_bytes(stored), out, &e);
    else if (strcmp(what, "canonical") == 0)
        r = sign_canonical_payload(buf_bytes(stored), &sign_profile_default, out, &e);
    else
        r = buf_add(out, stored->data, stored->len) < 0 ? err_set(&e, ERR_NOMEM, MSG_NOMEM, NULL, "export", NULL) : 0;
    return r < 0 ? cli_say_err(c, CLI_FAILED, &e) : CLI_DONE;
}

int cli_export(struct cli *c)
{
    const char *what = cli_value(c, "what"), *path = cli_value(c, "output");
    struct buf stored, out;
    struct err e = ERR_INIT;
    size_t which = 0;
    int code, fd = STDOUT_FILENO;

    while (which < sizeof parts / sizeof *parts && (what == NULL || strcmp(what, parts[which].name) != 0))
        which++;
    if (which == sizeof parts / sizeof *parts)
        return cli_say(c, CLI_USAGE, MSG_CLI_USAGE, "--what original|bundle|signed|jws|canonical|request|answer", NULL);
    buf_init(&stored, CLI_REPLY_MAX);
    buf_init(&out, CLI_REPLY_MAX);
    if (path != NULL && (fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0) { /* before the desk's user is taken on */
        bool there = errno == EEXIST;
        err_set_errno(&e, MSG_IO, path, path);
        code = there ? cli_say(c, CLI_FAILED, MSG_CLI_FILE_THERE, path, NULL) : cli_say_err(c, CLI_FAILED, &e);
        goto out;
    }
    code = fetch(c, parts[which].stored[0], parts[which].stored[1] == NULL, &stored);
    if (code == ERR_NOTFOUND)
        code = fetch(c, parts[which].stored[1], true, &stored);
    if (code == CLI_DONE)
        code = derive(c, what, &stored, &out);
    if (code == CLI_DONE && fd_write_all(fd, out.data, out.len, &e) < 0)
        code = cli_say_err(c, CLI_FAILED, &e);
    if (code == CLI_DONE && path != NULL && fsync(fd) < 0) {
        err_set_errno(&e, MSG_IO, path, path);
        code = cli_say_err(c, CLI_FAILED, &e);
    }
    if (code == CLI_DONE && path != NULL)
        code = cli_say(c, CLI_DONE, MSG_CLI_EXPORTED, path, NULL);
    if (code != CLI_DONE && path != NULL)
        (void)unlink(path); /* else the next try would be told that the file is there */
out:
    if (fd > STDOUT_FILENO)
        close(fd);
    buf_free(&stored);
    buf_free(&out);
    return code;
}
