/*
 * NAME
 *     link - the ways out of the house, behind one table of functions
 *
 * SYNOPSIS
 *     link_open(), link_close(), link_submit(), link_look(), link_await(), link_remove(), link_forget(), link_remove_notice(), link_log_in(), link_step(), link_wait()
 *
 * DESCRIPTION
 *     Orders and names that all back ends share. A member of the table that a back end lacks means "cannot be done on this link".
 *
 * DIAGNOSTICS
 *     CG-7040 wrong options, CG-7041 all sessions in use; the facts' own reasons are CG-7042 to CG-7057.
 */
#include <errno.h>
#include "base/text.h"
#include "link/link_private.h"

static const char *const fact_names[LINK_FACT_COUNT] = {
    [LINK_PUBLISHED] = "published", [LINK_NOT_LEFT] = "not_left", [LINK_LEFT_REQ] = "left_req", [LINK_ANSWER] = "answer",
    [LINK_STATUS] = "status", [LINK_ENDED] = "ended", [LINK_LOOKED] = "looked", [LINK_REMOVED] = "removed", [LINK_FOUND] = "found",
    [LINK_DOWN] = "down", [LINK_UP] = "up", [LINK_LOGGED_IN] = "logged_in", [LINK_TOKEN_RENEWED] = "token_renewed",
    [LINK_LOGIN_FAILED] = "login_failed", [LINK_NOTICE] = "notice"
};

static const struct { const char *name; enum msg_id msg; } hows[LINK_HOW_COUNT] = {
    [LINK_HOW_NONE] = { "none", MSG_NONE }, [LINK_HOW_RESOLVE] = { "resolve", MSG_LINK_RESOLVE }, [LINK_HOW_CONNECT] = { "connect", MSG_LINK_CONNECT },
    [LINK_HOW_TLS] = { "tls", MSG_LINK_TLS }, [LINK_HOW_NO_BODY] = { "no_body", MSG_LINK_NO_BODY }, [LINK_HOW_TOKEN] = { "token", MSG_LINK_TOKEN },
    [LINK_HOW_LOGIN] = { "login", MSG_LINK_LOGIN }, [LINK_HOW_DENIED] = { "denied", MSG_LOGIN_REFUSED },
    [LINK_HOW_NAME_TAKEN] = { "name_taken", MSG_LINK_NAME_TAKEN }, [LINK_HOW_SHARE] = { "share", MSG_LINK_SHARE },
    [LINK_HOW_WRITE] = { "write", MSG_LINK_WRITE }, [LINK_HOW_BROKEN] = { "broken", MSG_LINK_BROKEN },
    [LINK_HOW_TIMEOUT] = { "timeout", MSG_LINK_TIMEOUT }, [LINK_HOW_ANSWER_LIMIT] = { "answer_limit", MSG_LINK_ANSWER_LIMIT },
    [LINK_HOW_HTTP] = { "http", MSG_LINK_HTTP }, [LINK_HOW_RENAME] = { "rename", MSG_LINK_RENAME }, [LINK_HOW_CLOSED] = { "closed", MSG_LINK_CLOSED },
    [LINK_HOW_PERMISSION] = { "permission", MSG_LINK_PERMISSION }, [LINK_HOW_MANY] = { "many", MSG_FLOW_NOTICE_MANY }
};

const char *link_fact_name(int kind) { return kind >= 0 && kind < LINK_FACT_COUNT ? fact_names[kind] : "unknown"; }
enum msg_id link_how_message(int how) { return how >= 0 && how < LINK_HOW_COUNT ? hows[how].msg : MSG_NONE; }

int link_bad_option(struct err *e, const char *option, const char *why)
{
    return err_set(e, ERR_INVALID, MSG_LINK_OPTION, option, option, why);
}

int link_init(struct link *link, const struct link_ops *ops, const struct link_options *options, struct err *e)
{
    size_t len = options->host != NULL ? strlen(options->host) : 0;
    if (len < EXCHANGE_HOST_MIN || len > EXCHANGE_HOST_MAX || !text_all_of(options->host, len, "0-9a-z"))
        return link_bad_option(e, "host", "2-8 [0-9a-z]");
    if (options->profile == NULL || options->fact == NULL)
        return err_set(e, ERR_INTERNAL, MSG_INTERNAL, NULL, "link_open", NULL);
    link->ops = ops;
    link->profile = options->profile;
    text_copy(link->host, sizeof link->host, options->host);
    link->fact = options->fact;
    link->user = options->user;
    return 0;
}

void link_tell(const struct link *link, const struct link_fact *fact)
{
    struct link_fact told = *fact;
    if (told.name == NULL)
        told.name = "";
    link->fact(link->user, &told);
}

int link_open(const struct link_ops *ops, const struct link_options *options, struct link **ret_link, struct err *e)
{
    int code = 0;
    struct link *link = ops->open(options, e, &code);
    if (link == NULL)
        return code;
    *ret_link = link;
    return 0;
}

struct link *link_close(struct link *link)
{
    if (link != NULL)
        link->ops->close(link);
    return NULL;
}

const struct link_ops *link_ops_get(const struct link *link) { return link->ops; }

static int unsupported(struct err *e, const struct link *link, const char *order)
{
    return err_set(e, ERR_UNSUPPORTED, MSG_NOT_NOW, NULL, link->ops->name, order);
}

/* The names that orders carry must be of the profile: they become file names. */
static int check_order(const struct link *link, uint64_t exchange, const char *name, struct err *e)
{
    struct exchange_name parsed;
    if (exchange == 0 || name == NULL || exchange_name_parse(link->profile, name, NULL, &parsed) < 0 || parsed.kind != EXCHANGE_NAME_REQUEST)
        return err_set(e, ERR_INVALID, MSG_INTERNAL, NULL, "link", name);
    return 0;
}

int link_log_in(struct link *link, struct err *e)
{
    return link->ops->log_in != NULL ? link->ops->log_in(link, e) : 0;
}

int link_submit(struct link *link, const struct link_request *request, struct err *e)
{
    int code = check_order(link, request->exchange, request->name, e);
    if (code == 0 && (request->operation < 0 || request->operation >= EXCHANGE_OPERATION_COUNT || !link->profile->call[request->operation].known))
        code = err_set(e, ERR_INVALID, MSG_EXCHANGE_OPERATION, NULL, exchange_operation_name(request->operation), NULL);
    if (code == 0 && (request->bytes.data == NULL || request->bytes.len == 0 || request->bytes.len > (size_t)link->profile->size_limit))
        code = err_set(e, ERR_INVALID, MSG_EXCHANGE_TOO_LARGE, NULL, "link_submit", NULL);
    return code == 0 ? link->ops->submit(link, request, e) : code;
}

int link_look(struct link *link, uint64_t exchange, const char *name, struct err *e)
{
    if (link->ops->look == NULL)
        return unsupported(e, link, "look");
    int code = check_order(link, exchange, name, e);
    return code == 0 ? link->ops->look(link, exchange, name, e) : code;
}

int link_await(struct link *link, uint64_t exchange, const char *name, struct err *e)
{
    if (link->ops->await == NULL)
        return unsupported(e, link, "await");
    int code = check_order(link, exchange, name, e);
    return code == 0 ? link->ops->await(link, exchange, name, e) : code;
}

int link_remove(struct link *link, uint64_t exchange, const char *name, struct err *e)
{
    int code = check_order(link, exchange, name, e);
    return code == 0 ? link->ops->remove(link, exchange, name, e) : code;
}

int link_forget(struct link *link, uint64_t exchange)
{
    return link->ops->forget != NULL ? link->ops->forget(link, exchange) : ERR_NOTFOUND;
}

int link_remove_notice(struct link *link, const char *name)
{
    return link->ops->remove_notice != NULL ? link->ops->remove_notice(link, name) : ERR_UNSUPPORTED;
}

void link_step(struct link *link, int64_t now_ms) { link->ops->step(link, now_ms); }

int link_wait(struct link *link, struct pollfd *extra, size_t count, int64_t now_ms, int64_t max_ms)
{
    int64_t own = link->ops->next(link, now_ms);
    if (own >= 0 && (max_ms < 0 || own < max_ms))
        max_ms = own;
    int timeout = max_ms < 0 ? -1 : max_ms > 60000 ? 60000 : (int)max_ms;
    for (size_t i = 0; i < count; i++)
        extra[i].revents = 0;
    if (link->ops->wait != NULL)
        return link->ops->wait(link, extra, count, timeout);
    return poll(extra, (nfds_t)count, timeout) >= 0 || errno == EINTR ? 0 : ERR_IO;
}
