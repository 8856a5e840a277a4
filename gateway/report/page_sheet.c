/*
 * NAME
 *      page_sheet - the status page as text and as HTML
 *
 * DESCRIPTION
 *      One walk over the facts prints tables through a writer that knows two forms. The HTML is one file without script, picture or anything from
 *      elsewhere, so that it opens over a share in an old browser; it loads itself anew every minute. Colour never stands without
 *      its word.
 */
#include <stdio.h>
#include <string.h>
#include "base/text.h"
#include "base/timefmt.h"
#include "report/page_private.h"

struct sheet { const struct page *p; enum msg_lang lang; struct buf *out; bool html; };

enum { CELL = 512, CELLS_MAX = 9, LONG_CELL = 60 /* bytes: from here a cell may be broken into lines */ };

struct row { char cell[CELLS_MAX][CELL]; size_t count; enum page_word level; };

static const char *tr(const struct sheet *s, const char *ja, const char *en)
{
    return s->lang == LANG_JA ? ja : en;
}

static void put(struct sheet *s, const char *text)
{
    if (s->html)
        (void)text_add_escaped(s->out, text, strlen(text));
    else
        (void)buf_add_str(s->out, text);
}

static void raw(struct sheet *s, const char *markup)
{
    (void)buf_add_str(s->out, markup);
}

static const char *class_of(enum page_word word)
{
    static const char *const name[] = { [PAGE_OK] = "ok", [PAGE_WARNING] = "warn", [PAGE_STOPPED] = "stop" };
    return name[word];
}

/* ---- tables ---- */

static void table_begin(struct sheet *s, const char *title, const char *const *heads, size_t count)
{
    raw(s, s->html ? "<section><h2>" : "\n[ ");
    put(s, title);
    raw(s, s->html ? "</h2>\n<table>" : " ]\n");
    raw(s, s->html && count > 0 ? "<tr>" : "");
    for (size_t i = 0; i < count; i++) {
        raw(s, s->html ? "<th>" : i == 0 ? "  " : " | ");
        put(s, heads[i]);
        raw(s, s->html ? "</th>" : "");
    }
    raw(s, count == 0 ? "" : s->html ? "</tr>\n" : "\n");
}

static void table_end(struct sheet *s)
{
    raw(s, s->html ? "</table></section>\n" : "");
}

static void table_row(struct sheet *s, const struct row *row)
{
    if (s->html)
        (void)buf_addf(s->out, "<tr class=\"%s\">", class_of(row->level));
    for (size_t i = 0; i < row->count; i++) {
        raw(s, !s->html ? i == 0 ? "  " : " | " : strlen(row->cell[i]) < LONG_CELL ? "<td>" : "<td class=\"long\">");
        put(s, row->cell[i]);
        raw(s, s->html ? "</td>" : "");
    }
    raw(s, s->html ? "</tr>\n" : "\n");
}

static void cell(struct row *row, const char *text)
{
    if (row->count < CELLS_MAX)
        text_copy(row->cell[row->count++], CELL, text == NULL || text[0] == '\0' ? "-" : text);
}

static void cell_number(struct row *row, int64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%lld", (long long)value);
    cell(row, text);
}

static void cell_time(struct row *row, int64_t wall_ms)
{
    char text[TIME_TEXT_MAX] = "-";

    if (wall_ms != 0)
        time_format_log(wall_ms, text);
    cell(row, text);
}

/* ---- the head: word and sentence ---- */

static void sentence(struct sheet *s, const struct page_finding *f, char *text, size_t size)
{
    if (f == NULL)
        msg_format(MSG_PAGE_ALL_WELL, s->lang, NULL, NULL, text, size);
    else
        msg_format(f->msg, s->lang, f->arg, f->arg2, text, size);
}

static void head(struct sheet *s)
{
    const struct page *p = s->p;
    const struct page_finding *f = p->findings > 0 ? &p->finding[0] : NULL;
    char text[CELL * 2], when[TIME_TEXT_MAX];
    const char *next = f == NULL ? "" : msg_get(f->msg)->next[s->lang];

    if (s->html)
        (void)buf_addf(s->out, "<div class=\"%s word\"><b>", class_of(p->word));
    put(s, page_word_name(p->word, s->lang));
    raw(s, s->html ? "</b> " : ": ");
    sentence(s, f, text, sizeof text);
    put(s, text);
    if (f != NULL) {
        (void)buf_addf(s->out, " (%s)", msg_get(f->msg)->code);
        if (f->since_ms != 0) {
            time_format_log(f->since_ms, when);
            raw(s, " ");
            put(s, tr(s, "いつから: ", "since "));
            put(s, when);
        }
    }
    raw(s, s->html ? "<br>" : "\n");
    if (next[0] != '\0') {
        put(s, tr(s, "次にすること: ", "what to do: "));
        put(s, next);
        raw(s, s->html ? "" : "\n");
    }
    raw(s, s->html ? "</div>\n" : "");
    time_format_log(p->now_ms, when);
    raw(s, s->html ? "<p>" : "");
    put(s, tr(s, "作成: ", "made: "));
    put(s, when);
    put(s, "  clinsgw ");
    put(s, p->version);
    if (p->running) {
        raw(s, s->html ? "<br>" : "\n");
        put(s, tr(s, "この画面は 1 分以内に新しくなります。作成時刻が 5 分以上前のままなら、clinsgw か機械が止まっています",
                  "This page is renewed within a minute. If it was made more than 5 minutes ago, clinsgw or the machine has stopped"));
    }
    raw(s, s->html ? "</p>\n" : "\n");
}

/* ---- the tables ---- */

static void findings(struct sheet *s)
{
    const char *const heads[] = { tr(s, "状態", "state"), tr(s, "内容", "what"), tr(s, "コード", "code"), tr(s, "いつから", "since"), tr(s, "次にすること", "what to do") };

    if (s->p->findings < 2)
        return;
    table_begin(s, tr(s, "確認が必要なこと", "To be looked at"), heads, 5);
    for (size_t i = 0; i < s->p->findings; i++) {
        const struct page_finding *f = &s->p->finding[i];
        struct row row = { .level = f->word };
        char text[CELL];
        cell(&row, page_word_name(f->word, s->lang));
        sentence(s, f, text, sizeof text);
        cell(&row, text);
        cell(&row, msg_get(f->msg)->code);
        cell_time(&row, f->since_ms);
        cell(&row, msg_get(f->msg)->next[s->lang]);
        table_row(s, &row);
    }
    table_end(s);
}

static void sources(struct sheet *s)
{
    const char *const heads[] = { tr(s, "送り元", "source"), tr(s, "施設", "facility"), tr(s, "フォルダ", "folder"), tr(s, "最後のファイル", "last file"), tr(s, "今日の件数", "today") };

    table_begin(s, tr(s, "送り元", "Sources"), heads, 5);
    for (size_t i = 0; i < s->p->sources; i++) {
        const struct page_source *q = &s->p->source[i];
        bool known = s->p->running;
        struct row row = { .level = q->up || !known ? PAGE_OK : PAGE_WARNING };
        cell(&row, q->name);
        cell(&row, q->facility);
        cell(&row, !known ? "-" : q->up ? tr(s, "使えます", "up") : tr(s, "使えません", "down"));
        cell_time(&row, q->last_file_ms);
        cell_number(&row, q->today);
        table_row(s, &row);
    }
    table_end(s);
}

static void facilities(struct sheet *s)
{
    const char *const heads[] = { tr(s, "施設", "facility"), tr(s, "経路", "link"), tr(s, "署名待ち", "to sign"), tr(s, "送信待ち", "to send"), tr(s, "そのうち最古", "oldest of these"),
                                  tr(s, "結果待ち", "awaited"), tr(s, "そのうち最古", "oldest of these"), tr(s, "届いたか不明", "unknown"), tr(s, "最後の登録成功", "last success") };

    table_begin(s, tr(s, "施設ごとの送信", "Facilities"), heads, 9);
    for (size_t i = 0; i < s->p->facilities; i++) {
        const struct page_facility *f = &s->p->facility[i];
        struct row row = { .level = f->message[FLOW_MS_UNKNOWN] > 0 ? PAGE_WARNING : PAGE_OK };
        char text[CELL];
        snprintf(text, sizeof text, "%s %s", f->code, f->name);
        cell(&row, text);
        cell(&row, f->link);
        cell_number(&row, f->message[FLOW_MS_TO_SIGN]);
        cell_number(&row, f->message[FLOW_MS_READY]);
        cell_time(&row, f->oldest_ms);
        cell_number(&row, f->message[FLOW_MS_SENDING] + f->message[FLOW_MS_SENT] + f->message[FLOW_MS_PENDING]);
        cell_time(&row, f->awaited_ms);
        cell_number(&row, f->message[FLOW_MS_UNKNOWN]);
        cell_time(&row, f->last_success_ms);
        table_row(s, &row);
    }
    table_end(s);
}

static void links(struct sheet *s)
{
    const char *const heads[] = { tr(s, "経路", "link"), tr(s, "種類", "type"), tr(s, "状態", "state"), tr(s, "いつから", "since"), tr(s, "次の試行", "next try"), tr(s, "送信中", "busy") };

    if (!s->p->running)
        return;
    table_begin(s, tr(s, "経路", "Links"), heads, 6);
    for (size_t i = 0; i < s->p->links; i++) {
        const struct page_link *l = &s->p->link[i];
        struct row row = { .level = l->up ? PAGE_OK : PAGE_WARNING };
        char text[64];
        cell(&row, l->name);
        cell(&row, l->type);
        cell(&row, l->up ? tr(s, "つながっています", "up") : tr(s, "切れています", "down"));
        cell_time(&row, l->since_ms);
        cell_time(&row, l->next_try_ms);
        snprintf(text, sizeof text, "%lld / %lld", (long long)l->busy, (long long)l->sessions);
        cell(&row, text);
        table_row(s, &row);
    }
    table_end(s);
}

static const char *signer_word(const struct sheet *s, enum flow_signer_state state)
{
    static const char *const word[][2] = {
        [FLOW_SIGNER_READY] = { "署名できます", "ready" }, [FLOW_SIGNER_NO_CARD] = { "カードがありません", "no card" }, [FLOW_SIGNER_PIN] = { "暗証番号待ち", "waits for the PIN" },
        [FLOW_SIGNER_LOCKED] = { "ロックされています", "locked" }, [FLOW_SIGNER_EXPIRED] = { "証明書の期限切れ", "certificate ended" }, [FLOW_SIGNER_DOWN] = { "止まっています", "not available" },
    };
    return word[state][s->lang];
}

static void signers(struct sheet *s)
{
    const char *const heads[] = { tr(s, "署名者", "signer"), tr(s, "状態", "state"), tr(s, "カード", "card"), tr(s, "待っている文書", "documents wait"), tr(s, "方式", "manner") };

    if (!s->p->running || s->p->signers == 0)
        return;
    table_begin(s, tr(s, "署名", "Signing"), heads, 5);
    for (size_t i = 0; i < s->p->signers; i++) {
        const struct page_signer *g = &s->p->signer[i];
        struct row row = { .level = g->waiting && g->state != FLOW_SIGNER_READY ? PAGE_WARNING : PAGE_OK };
        cell(&row, g->name);
        cell(&row, signer_word(s, g->state));
        cell(&row, g->present ? tr(s, "あり", "present") : tr(s, "なし", "absent"));
        cell(&row, g->waiting ? tr(s, "あり", "yes") : tr(s, "なし", "no"));
        cell(&row, g->attended ? tr(s, "その都度入力 (clinsgw sign)", "attended (clinsgw sign)") : tr(s, "自動", "unattended"));
        table_row(s, &row);
    }
    table_end(s);
}

static void unknown(struct sheet *s)
{
    const char *const heads[] = { tr(s, "番号", "message"), tr(s, "種類", "kind"), tr(s, "操作", "operation"), tr(s, "いつから", "since"), tr(s, "理由", "why"), tr(s, "次にすること", "what to do") };

    if (s->p->unknowns == 0)
        return;
    table_begin(s, tr(s, "人の確認が要る送信", "To be settled by a person"), heads, 6);
    for (size_t i = 0; i < s->p->unknowns; i++) {
        const struct page_unknown *u = &s->p->unknown[i];
        struct row row = { .level = PAGE_WARNING };
        char text[CELL];
        cell_number(&row, u->message);
        cell(&row, flow_kind_name(u->kind));
        cell(&row, flow_operation_name(u->operation));
        cell_time(&row, u->since_ms);
        msg_format(u->why, s->lang, NULL, NULL, text, sizeof text);
        cell(&row, text);
        cell(&row, msg_get(u->why)->next[s->lang]);
        table_row(s, &row);
    }
    table_end(s);
}

static void expiries(struct sheet *s)
{
    const char *const heads[] = { tr(s, "期限のあるもの", "what ends"), tr(s, "期限", "end"), tr(s, "残り日数", "days left") };

    if (s->p->expiries == 0)
        return;
    table_begin(s, tr(s, "期限", "Expiries"), heads, 3);
    for (size_t i = 0; i < s->p->expiries; i++) {
        const struct page_expiry *x = &s->p->expiry[i];
        int64_t days = page_days(s->p, x->end_ms);
        struct row row = { .level = x->unreadable || (x->end_ms != 0 && days < (x->kind == PAGE_EXPIRY_CRL ? 1 : PAGE_EXPIRY_WARN_DAYS)) ? PAGE_WARNING : PAGE_OK };
        cell(&row, x->name);
        cell_time(&row, x->end_ms);
        if (x->unreadable)
            cell(&row, tr(s, "読み取れません", "cannot be read"));
        else if (x->end_ms == 0)
            cell(&row, "-");
        else if (days < 0)
            cell(&row, tr(s, "期限切れ", "ended"));
        else
            cell_number(&row, days);
        table_row(s, &row);
    }
    table_end(s);
}

static void machine(struct sheet *s)
{
    const struct page *p = s->p;
    struct row row = { .level = p->disk == FLOW_DISK_OK ? PAGE_OK : PAGE_WARNING };
    char text[64];

    table_begin(s, tr(s, "この機械", "Machine"), NULL, 0);
    cell(&row, tr(s, "ディスクの空き", "disk free"));
    snprintf(text, sizeof text, "%lld MB", (long long)(p->disk_free / 1000000));
    cell(&row, text);
    table_row(s, &row);
    if (p->running) {
        row = (struct row){ .level = p->clock_sane ? PAGE_OK : PAGE_WARNING };
        cell(&row, tr(s, "時計", "clock"));
        cell(&row, p->clock_sane ? tr(s, "正常", "fine") : tr(s, "ずれています", "has stepped"));
        table_row(s, &row);
        row = (struct row){ .level = p->paused ? PAGE_WARNING : PAGE_OK };
        cell(&row, tr(s, "送信", "sending"));
        cell(&row, p->paused ? tr(s, "一時停止中 (再開: clinsgw resume)", "paused (go on: clinsgw resume)") : tr(s, "動作中", "on"));
        table_row(s, &row);
        row = (struct row){ .level = PAGE_OK };
        cell(&row, tr(s, "開始", "started"));
        cell_time(&row, p->started_ms);
        table_row(s, &row);
    }
    row = (struct row){ .level = PAGE_OK };
    cell(&row, tr(s, "処理中の依頼", "requests under way"));
    cell_number(&row, p->requests_open);
    table_row(s, &row);
    table_end(s);
}

static void events(struct sheet *s)
{
    if (s->p->events == 0)
        return;
    table_begin(s, tr(s, "最近の出来事", "Last events"), NULL, 0);
    for (size_t i = s->p->events; i-- > 0;) {
        struct row row = { .level = PAGE_OK };
        cell(&row, s->p->event[i]);
        table_row(s, &row);
    }
    table_end(s);
}

static void body(struct sheet *s)
{
    head(s);
    findings(s);
    sources(s);
    facilities(s);
    links(s);
    signers(s);
    unknown(s);
    expiries(s);
    machine(s);
    events(s);
}

int page_write_text(const struct page *p, enum msg_lang lang, struct buf *out)
{
    struct sheet s = { p, lang, out, false };

    body(&s);
    return out->failed;
}

int page_write_html(const struct page *p, enum msg_lang lang, struct buf *out)
{
    struct sheet s = { p, lang, out, true };

    (void)buf_addf(out, "<!DOCTYPE html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"60\"><title>", lang == LANG_JA ? "ja" : "en");
    put(&s, page_word_name(p->word, lang));
    raw(&s, " - clinsgw</title>\n<style>\n"
            "body{font-family:Meiryo,sans-serif;font-size:90%;margin:1em;color:#111;background:#fff}section{display:inline-block;vertical-align:top;margin-right:2em}"
            "table{border-collapse:collapse;margin-bottom:.5em}h2{font-size:110%;margin:.6em 0 .3em}"
            "th,td{border:1px solid #999;padding:2px 8px;text-align:left;vertical-align:top;white-space:nowrap}th{background:#eee}td.long{white-space:normal}"
            ".word{padding:.6em 1em;font-size:130%;border:2px solid #555}.word b{font-size:150%}p{margin:.6em 0;color:#444}"
            "div.ok{background:#d8f0d8}.warn,div.warn{background:#fff0b3}.stop,div.stop{background:#f7c6c6}\n</style></head><body>\n");
    body(&s);
    raw(&s, "</body></html>\n");
    return out->failed;
}
