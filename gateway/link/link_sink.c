/*
 * NAME
 *     link_sink - a way out that leads nowhere and answers success at once
 *
 * SYNOPSIS
 *     extern const struct link_ops link_sink;
 *
 * DESCRIPTION
 *     For the bench and for tests of everything before the link. Says PUBLISHED and ANSWER to each submit in the next link_step(), in order.
 *     What it answers reads back as a success of this identifier. Nothing is kept, so there is nothing to look at or to await.
 *
 * DIAGNOSTICS
 *     None of its own.
 */
#include <stdlib.h>
#include "base/text.h"
#include "link/link_private.h"

struct kept {
    struct link_request request;
    char name[EXCHANGE_NAME_MAX], institution[16], identifier[72];
    bool removed;
    struct kept *next;
};

struct sink {
    struct link base;
    struct buf answer;
    struct kept *first, **last;
    bool told_up;
};

static struct kept *keep(struct sink *sink, uint64_t exchange, const char *name, struct err *e)
{
    struct kept *kept = calloc(1, sizeof *kept);
    if (kept == NULL) {
        err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "link", NULL);
        return NULL;
    }
    kept->request.exchange = exchange;
    text_copy(kept->name, sizeof kept->name, name);
    *sink->last = kept;
    sink->last = &kept->next;
    return kept;
}

static int sink_submit(struct link *link, const struct link_request *request, struct err *e)
{
    struct kept *kept = keep((struct sink *)link, request->exchange, request->name, e);
    if (kept == NULL)
        return ERR_NOMEM;
    kept->request = *request;
    text_copy(kept->institution, sizeof kept->institution, request->institution != NULL ? request->institution : "");
    text_copy(kept->identifier, sizeof kept->identifier, request->identifier != NULL ? request->identifier : "");
    return 0;
}

static int sink_remove(struct link *link, uint64_t exchange, const char *name, struct err *e)
{
    struct kept *kept = keep((struct sink *)link, exchange, name, e);
    if (kept == NULL)
        return ERR_NOMEM;
    kept->removed = true;
    return 0;
}

static void answer(struct sink *sink, struct kept *kept)
{
    struct link_fact fact = { .kind = LINK_PUBLISHED, .exchange = kept->request.exchange, .name = kept->name };
    buf_reset(&sink->answer);
    link_tell(&sink->base, &fact);
    if (exchange_answer_build(sink->base.profile, kept->institution, kept->identifier, &sink->answer, NULL) == 0) {
        fact.kind = LINK_ANSWER;
        fact.bytes = buf_bytes(&sink->answer);
    } else {
        fact.kind = LINK_ENDED;
        fact.how = LINK_HOW_BROKEN;
    }
    link_tell(&sink->base, &fact);
}

static void drop(struct sink *sink, struct kept *kept)
{
    sink->first = kept->next;
    if (sink->first == NULL)
        sink->last = &sink->first;
    if (kept->request.release != NULL)
        kept->request.release(kept->request.release_arg);
    free(kept);
}

static void sink_step(struct link *link, int64_t now)
{
    struct sink *sink = (struct sink *)link;
    (void)now;
    if (!sink->told_up) {
        sink->told_up = true;
        link_tell(&sink->base, &(struct link_fact){ .kind = LINK_UP });
    }
    while (sink->first != NULL) {
        struct kept *kept = sink->first;
        if (kept->removed)
            link_tell(&sink->base, &(struct link_fact){ .kind = LINK_REMOVED, .exchange = kept->request.exchange, .name = kept->name });
        else
            answer(sink, kept);
        drop(sink, kept);
    }
}

static int64_t sink_next(struct link *link, int64_t now)
{
    const struct sink *sink = (const struct sink *)link;
    (void)now;
    return sink->first != NULL || !sink->told_up ? 0 : -1;
}

static void sink_close(struct link *link)
{
    struct sink *sink = (struct sink *)link;
    while (sink->first != NULL)
        drop(sink, sink->first);
    buf_free(&sink->answer);
    free(sink);
}

static struct link *sink_open(const struct link_options *options, struct err *e, int *ret_code)
{
    struct sink *sink = calloc(1, sizeof *sink);
    if (sink == NULL) {
        *ret_code = err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "link", NULL);
        return NULL;
    }
    buf_init(&sink->answer, 64 << 10);
    sink->last = &sink->first;
    *ret_code = link_init(&sink->base, &link_sink, options, e);
    if (*ret_code < 0) {
        sink_close(&sink->base);
        return NULL;
    }
    return &sink->base;
}

const struct link_ops link_sink = {
    .name = "sink", .form = EXCHANGE_JSON, .open = sink_open, .close = sink_close, .submit = sink_submit, .remove = sink_remove,
    .step = sink_step, .next = sink_next
};
