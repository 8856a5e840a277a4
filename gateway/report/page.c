/*
 * NAME
 *      page - the status page: one word, one sentence, and what stands behind them
 *
 * DESCRIPTION
 *      page_judge() looks at the facts with one function a subject and sorts what it finds, worst first, longest first. The screen itself is a list of
 *      tables (page_sheet.c) that is printed as text or as one self-contained HTML page; JSON has the same facts under names of
 *      its own (page_json.c).
 *
 * DIAGNOSTICS
 *      ERR_NOMEM, ERR_LIMIT.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "report/page.h"
#include "report/page_private.h"

enum { DAY_MS = 24 * 3600 * 1000, START_GRACE_MS = 60 * 1000 };

static const char *const words[][2] = { [PAGE_OK] = { "OK", "OK" }, [PAGE_WARNING] = { "注意", "WARNING" }, [PAGE_STOPPED] = { "停止", "STOPPED" } };

const char *page_word_name(enum page_word word, enum msg_lang lang)
{
    return words[word][lang];
}

int64_t page_days(const struct page *p, int64_t end_ms)
{
    int64_t left = end_ms - p->now_ms;

    return left < 0 ? -1 : left / DAY_MS;
}

static struct page_finding *find(struct page *p, enum page_word word, enum msg_id msg, const char *arg, int64_t since_ms)
{
    struct page_finding *f;

    if (p->findings == PAGE_FINDINGS_MAX)
        return NULL;
    f = &p->finding[p->findings++];
    *f = (struct page_finding){ .word = word, .msg = msg, .arg = arg, .since_ms = since_ms };
    return f;
}

static void judge_links(struct page *p)
{
    size_t down = 0;
    int64_t since = 0;
    bool young = p->started_ms != 0 && p->now_ms - p->started_ms < START_GRACE_MS;

    for (size_t i = 0; i < p->links; i++)
        if (!p->link[i].up) {
            down++;
            since = p->link[i].since_ms > since ? p->link[i].since_ms : since;
        }
    if (down > 0 && since == 0 && young) {
        find(p, PAGE_WARNING, MSG_PAGE_STARTING, NULL, p->started_ms);
        return;
    }
    if (down > 0 && down == p->links)
        find(p, PAGE_STOPPED, MSG_PAGE_LINKS_DOWN, NULL, since);
    for (size_t i = 0; i < p->links && down < p->links; i++)
        if (!p->link[i].up)
            find(p, PAGE_WARNING, MSG_PAGE_LINK_DOWN, p->link[i].name, p->link[i].since_ms);
}

static void judge_workers(struct page *p)
{
    if (p->workers_down != NULL)
        find(p, PAGE_STOPPED, MSG_PAGE_NO_WORKERS, p->workers_down, 0);
}

static void judge_sources(struct page *p)
{
    bool young = p->started_ms != 0 && p->now_ms - p->started_ms < START_GRACE_MS;

    for (size_t i = 0; i < p->sources; i++)
        if (!p->source[i].up && !young)
            find(p, PAGE_WARNING, MSG_PAGE_SOURCE_DOWN, p->source[i].name, 0);
}

/* Since when the alarm of that kind and name stands, 0 = it does not. */
static int64_t alarm_since(const struct page *p, enum flow_alarm kind, const char *name)
{
    for (size_t i = 0; i < p->alarms; i++)
        if (p->alarm[i].kind == kind && strcmp(p->alarm[i].name, name) == 0)
            return p->alarm[i].since_ms;
    return 0;
}

static void judge_signers(struct page *p)
{
    static const enum msg_id why[] = {
        [FLOW_SIGNER_READY] = MSG_NONE, [FLOW_SIGNER_NO_CARD] = MSG_PAGE_SIGN_WAITS, [FLOW_SIGNER_PIN] = MSG_PAGE_SIGN_WAITS,
        [FLOW_SIGNER_LOCKED] = MSG_FLOW_WAIT_LOCKED, [FLOW_SIGNER_EXPIRED] = MSG_FLOW_WAIT_EXPIRED, [FLOW_SIGNER_DOWN] = MSG_PAGE_SIGNER_DOWN,
    };

    for (size_t i = 0; i < p->signers; i++) {
        const struct page_signer *s = &p->signer[i];
        if (s->waiting && why[s->state] != MSG_NONE)
            find(p, PAGE_WARNING, why[s->state], s->name, alarm_since(p, FLOW_ALARM_SIGNER, s->name));
        if (s->locked && !(s->waiting && s->state == FLOW_SIGNER_LOCKED))
            find(p, PAGE_WARNING, MSG_FLOW_WAIT_LOCKED, s->name, 0);
        else if (!s->locked && (s->low || s->final_try))
            find(p, PAGE_WARNING, MSG_PAGE_PIN_LOW, s->name, 0);
    }
}

static void judge_expiries(struct page *p)
{
    for (size_t i = 0; i < p->expiries; i++) {
        const struct page_expiry *x = &p->expiry[i];
        struct page_finding *f;
        int64_t days = page_days(p, x->end_ms);
        if (x->unreadable)
            find(p, PAGE_WARNING, MSG_PAGE_EXPIRY_UNREADABLE, x->name, 0);
        else if (x->end_ms != 0 && days < 0)
            find(p, PAGE_WARNING, MSG_PAGE_EXPIRED, x->name, x->end_ms);
        else if (x->end_ms != 0 && days < (x->kind == PAGE_EXPIRY_CRL ? 1 : PAGE_EXPIRY_WARN_DAYS) &&
                 (f = find(p, PAGE_WARNING, MSG_PAGE_EXPIRES, x->name, 0)) != NULL)
            snprintf(f->arg2, sizeof f->arg2, "%lld", (long long)days);
    }
}

static void judge_unknown(struct page *p)
{
    struct page_finding *f;
    int64_t since = 0;

    for (size_t i = 0; i < p->unknowns; i++)
        since = since == 0 || p->unknown[i].since_ms < since ? p->unknown[i].since_ms : since;
    if (p->unknowns > 0 && (f = find(p, PAGE_WARNING, MSG_PAGE_PERSON, NULL, since)) != NULL) {
        snprintf(f->arg2, sizeof f->arg2, "%lld", (long long)p->unknown_count);
        f->arg = f->arg2;
    }
}

/* An alarm whose subject has said the same with its name already. */
static bool is_said(const struct page *p, const struct page_alarm *a)
{
    for (size_t i = 0; i < p->findings; i++) {
        const struct page_finding *f = &p->finding[i];
        if ((a->kind == FLOW_ALARM_PERSON && f->msg == MSG_PAGE_PERSON) || (a->kind == FLOW_ALARM_LINK && f->msg == MSG_PAGE_STARTING))
            return true;
        if (a->kind == FLOW_ALARM_SIGNER && f->arg != NULL && strcmp(f->arg, a->name) == 0)
            return true;
    }
    return false;
}

static void judge_alarms(struct page *p)
{
    for (size_t i = 0; i < p->alarms; i++)
        if (!is_said(p, &p->alarm[i]))
            find(p, p->alarm[i].stops ? PAGE_STOPPED : PAGE_WARNING, p->alarm[i].msg, p->alarm[i].name, p->alarm[i].since_ms);
}

static int worse(const void *a, const void *b)
{
    const struct page_finding *x = a, *y = b;
    int64_t sx = x->since_ms == 0 ? INT64_MAX : x->since_ms, sy = y->since_ms == 0 ? INT64_MAX : y->since_ms;

    if (x->word != y->word)
        return x->word > y->word ? -1 : 1;
    if (sx != sy)
        return sx < sy ? -1 : 1;
    return x->msg < y->msg ? -1 : x->msg > y->msg;
}

/* Findings whose argument is their own number move when they are sorted. */
static void mend_own_arguments(struct page *p)
{
    for (size_t i = 0; i < p->findings; i++)
        if (p->finding[i].msg == MSG_PAGE_PERSON)
            p->finding[i].arg = p->finding[i].arg2;
}

void page_judge(struct page *p)
{
    p->findings = 0;
    if (!p->running) {
        find(p, PAGE_STOPPED, MSG_PAGE_NOT_RUNNING, NULL, 0);
    } else {
        judge_workers(p);
        judge_links(p);
        judge_sources(p);
        judge_signers(p);
    }
    judge_expiries(p);
    judge_unknown(p);
    if (p->running)
        judge_alarms(p);
    qsort(p->finding, p->findings, sizeof *p->finding, worse);
    mend_own_arguments(p);
    p->word = p->findings == 0 ? PAGE_OK : p->finding[0].word;
}

int page_exit(const struct page *p)
{
    return !p->running ? 3 : (int)p->word;
}

int page_write(const struct page *p, enum page_form form, enum msg_lang lang, struct buf *out, struct err *e)
{
    static int (*const writer[])(const struct page *, enum msg_lang, struct buf *) = {
        [PAGE_TEXT] = page_write_text, [PAGE_HTML] = page_write_html, [PAGE_JSON] = page_write_json,
    };
    int r = writer[form](p, lang, out);

    return r < 0 ? err_set(e, (enum err_code)r, r == ERR_LIMIT ? MSG_LIMIT : MSG_NOMEM, NULL, "status", NULL) : 0;
}
