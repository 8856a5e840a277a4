/*
 * NAME
 *      view_uncoded - the work list of terms that were sent without a standard code
 *
 * DESCRIPTION
 *      Reads the findings of the newest messages and gathers the warnings about uncoded terms: one row a list, local code and term, with how often
 *      and when last. Nothing is kept for it: what is found is what the results said.
 *
 * DIAGNOSTICS
 *      Those of the store; ERR_NOMEM. Findings that cannot be read are passed over.
 */
#include <stdlib.h>
#include "base/text.h"
#include "base/timefmt.h"
#include "daemon/view.h"
#include "daemon/view_private.h"
#include "report/findings.h"

enum { PAGE_ROWS = 64, MESSAGES_DEFAULT = 1000, TERMS_MAX = 1000, FINDINGS_ARENA = 4 << 20, KEEP_ARENA = 4 << 20, PAYLOAD_MAX = 96 << 20 };

struct term { const char *facility, *list, *local_code, *name; int64_t times, last_ms, message; };

struct gathered {
    struct store *store;
    struct arena *kept, *read;     /* texts of the terms; findings of one message */
    struct term *term;
    size_t count;
};

static bool same(const char *a, const char *b)
{
    return strcmp(a == NULL ? "" : a, b == NULL ? "" : b) == 0;
}

/* Newest first: the first message that names a term is its last. */
static int add_term(struct gathered *g, const struct flow_message *m, const struct issue *i, struct err *e)
{
    const char *local = i->msg == MSG_CHART_UNCODED ? i->arg1 : "";
    struct term *t;

    for (t = g->term; t < g->term + g->count; t++)
        if (same(t->facility, m->facility) && same(t->list, i->rule) && same(t->local_code, local) && same(t->name, i->arg2)) {
            t->times++;
            return 0;
        }
    if (g->count == TERMS_MAX)
        return 0;
    *t = (struct term){ arena_strdup(g->kept, m->facility), arena_strdup(g->kept, i->rule == NULL ? "" : i->rule), arena_strdup(g->kept, local == NULL ? "" : local),
                        arena_strdup(g->kept, i->arg2 == NULL ? "" : i->arg2), 1, m->since_wall_ms, m->id };
    if (t->facility == NULL || t->list == NULL || t->local_code == NULL || t->name == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "view", NULL);
    g->count++;
    return 0;
}

static int add_message(struct gathered *g, const struct flow_message *m, struct err *e)
{
    struct issue_list list;
    struct buf text;
    int r = 0;

    buf_init(&text, PAYLOAD_MAX);
    arena_reset(g->read);
    issues_init(&list, g->read);
    if (store_payload_get(g->store, &m->issues, &text, NULL) == 0 && findings_read(text.data, text.len, &list, NULL) == 0)
        for (const struct issue *i = list.first; i != NULL && r == 0; i = i->next)
            if (i->msg == MSG_CHART_UNCODED || i->msg == MSG_CHART_DECLARED_UNCODED)
                r = add_term(g, m, i, e);
    buf_free(&text);
    return r;
}

static int gather(struct gathered *g, const struct view_ask *ask, struct err *e)
{
    static const struct sha256 absent;
    struct flow_message *rows = calloc(PAGE_ROWS, sizeof *rows);
    int64_t before = 0, left = ask->limit == 0 ? MESSAGES_DEFAULT : ask->limit;
    int n = rows == NULL ? err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "view", NULL) : PAGE_ROWS, r = 0;

    while (n == PAGE_ROWS && left > 0 && r == 0) {
        n = store_messages(g->store, ask->facility, FLOW_MS_NONE, before, rows, PAGE_ROWS, e);
        for (int i = 0; i < n && left > 0 && r == 0; i++, left--) {
            before = rows[i].id;
            if (memcmp(&rows[i].issues, &absent, sizeof absent) != 0 && (ask->source == NULL || same(ask->source, rows[i].source)))
                r = add_message(g, &rows[i], e);
        }
    }
    free(rows);
    return n < 0 ? n : r;
}

static void put_text(const struct gathered *g, enum msg_lang lang, struct buf *out)
{
    for (const struct term *t = g->term; t < g->term + g->count; t++) {
        char time[TIME_TEXT_MAX];
        size_t from = out->len;
        time_format_log(t->last_ms, time);
        (void)buf_addf(out, "%s  %-19s %-12s %s  %s%lld%s %.10s  %s%lld", t->facility, t->list, t->local_code[0] == '\0' ? "-" : t->local_code, t->name, lang == LANG_JA ? "" : "x", (long long)t->times,
                       lang == LANG_JA ? " 回、最後" : ", last", time, lang == LANG_JA ? "送信 " : "message ", (long long)t->message);
        if (out->len > from) /* terms are what vendors wrote */
            text_flatten(out->data + from, out->len - from);
        (void)buf_add_char(out, '\n');
    }
    if (g->count == 0)
        (void)buf_add_str(out, lang == LANG_JA ? "標準コードのない項目はありません\n" : "nothing was sent uncoded\n");
}

static int put_json(const struct gathered *g, enum msg_lang lang, struct buf *out)
{
    struct writer w = { lang, true };
    cJSON *root = cJSON_CreateObject(), *array;
    int r;

    if (root == NULL)
        return ERR_NOMEM;
    array = writer_put_list(&w, root, "uncoded");
    for (const struct term *t = g->term; t < g->term + g->count; t++) {
        cJSON *o = writer_put_item(&w, array);
        writer_put_text(&w, o, "facility", t->facility);
        writer_put_text(&w, o, "list", t->list);
        writer_put_text(&w, o, "local_code", t->local_code);
        writer_put_text(&w, o, "term", t->name);
        writer_put_number(&w, o, "times", t->times);
        writer_put_time(&w, o, "last", t->last_ms);
        writer_put_number(&w, o, "message", t->message);
    }
    r = w.ok ? writer_print(&w, root, out) : ERR_NOMEM;
    cJSON_Delete(root);
    return r;
}

int view_uncoded(struct store *store, const struct view_ask *ask, enum msg_lang lang, bool json, struct buf *out, struct err *e)
{
    struct gathered g = { .store = store, .kept = arena_new(KEEP_ARENA), .read = arena_new(FINDINGS_ARENA), .term = calloc(TERMS_MAX, sizeof *g.term) };
    int r = g.kept == NULL || g.read == NULL || g.term == NULL ? err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "view", NULL) : gather(&g, ask, e);

    if (r == 0 && json && put_json(&g, lang, out) < 0)
        r = err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "view", NULL);
    else if (r == 0 && !json)
        put_text(&g, lang, out);
    arena_free(g.kept);
    arena_free(g.read);
    free(g.term);
    return r;
}
