/*
 * NAME
 *      cmd_look - clinsgw status, list, uncoded, show
 *
 * DESCRIPTION
 *      The running desk answers; when it is stopped the store is read here, and status says STOPPED with exit status 3.
 */
#include <stdlib.h>
#include <string.h>
#include "base/text.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "daemon/facts.h"
#include "daemon/version.h"
#include "daemon/view.h"
#include "report/page.h"

/* The page of a stopped gateway. The store may not be there yet: then the sentence alone is shown. */
static int page_from_store(struct cli *c, struct buf *text)
{
    struct page *p = calloc(1, sizeof *p);
    struct store *store = NULL;
    struct facts_ends *ends = calloc(1, sizeof *ends);
    struct err e = ERR_INIT;
    int r, code = CLI_NO_DESK;

    if (p == NULL || ends == NULL) {
        code = cli_say(c, CLI_FAILED, MSG_NOMEM, "status", NULL);
        goto out;
    }
    p->now_ms = time_wall_ms();
    p->version = CLINSGW_VERSION;
    facts_ends_read(c->settings, ends);
    r = cli_store(c, STORE_READ_ONLY, &store, &e);
    if (r == 0)
        r = facts_from_store(store, c->settings, p, &e);
    if (r == 0 || r == ERR_NOTFOUND)
        r = facts_from_ends(c->settings, ends, c->lang, c->arena, p, &e);
    facts_from_machine(c->settings, c->arena, p);
    page_judge(p);
    if (r == 0)
        r = page_write(p, c->json ? PAGE_JSON : cli_has(c, "html") ? PAGE_HTML : PAGE_TEXT, c->lang, text, &e);
    if (r < 0)
        code = cli_say_err(c, CLI_NO_DESK, &e);
out:
    store_close(store);
    free(ends);
    free(p);
    return code;
}

int cli_status(struct cli *c)
{
    struct buf text;
    bool there;
    int code;

    buf_init(&text, VIEW_TEXT_MAX);
    code = cli_ask(c, &text, &there);
    if (!there)
        code = page_from_store(c, &text);
    if (text.len > 0 && cli_print(&text) != CLI_DONE)
        code = CLI_FAILED;
    buf_free(&text);
    return code;
}

static int view(struct cli *c, struct store *store, struct buf *text, struct err *e)
{
    struct view_ask ask = { cli_value(c, "state"), cli_value(c, "facility"), cli_value(c, "source"), 0 };
    const char *limit = cli_value(c, "limit");

    if (strcmp(c->verb, "show") == 0)
        return view_show(store, c->plain[0], c->lang, c->json, text, e);
    if (limit != NULL && text_to_int64(limit, strlen(limit), 1, VIEW_LIST_MAX, &ask.limit) < 0)
        return err_set(e, ERR_INVALID, MSG_CTL_ARGUMENT, NULL, limit, NULL);
    return (strcmp(c->verb, "uncoded") == 0 ? view_uncoded : view_list)(store, &ask, c->lang, c->json, text, e);
}

static int look(struct cli *c)
{
    struct store *store = NULL;
    struct err e = ERR_INIT;
    struct buf text;
    bool there;
    int code;

    buf_init(&text, VIEW_TEXT_MAX);
    code = cli_ask(c, &text, &there);
    if (!there)
        code = cli_store(c, STORE_READ_ONLY, &store, &e) < 0 || view(c, store, &text, &e) < 0 ? cli_say_err(c, CLI_FAILED, &e) : CLI_DONE;
    if (code == CLI_DONE)
        code = cli_print(&text);
    store_close(store);
    buf_free(&text);
    return code;
}

int cli_list(struct cli *c)
{
    return look(c);
}

int cli_show(struct cli *c)
{
    return look(c);
}
