/*
 * NAME
 *     messages - every sentence for people
 *
 * SYNOPSIS
 *     m = msg_get(MSG_IO); len = msg_format(MSG_IO, LANG_JA, arg1, arg2, text, sizeof text);
 *
 * DESCRIPTION
 *     base/messages.def as an array. What does not fit is cut at a character, and nothing short slips in behind a cut.
 *
 * DIAGNOSTICS
 *     Unknown ids give the empty message MSG_NONE.
 */
#include "base/messages.h"

#include <string.h>
#include "base/text.h"

/* "CG-0042" as a constant: the preprocessor cannot pad with zeros. */
#define DIGIT(number, unit) (char)('0' + (number) / (unit) % 10)
#define CODE(number) (const char[]){ 'C', 'G', '-', DIGIT(number, 1000), DIGIT(number, 100), DIGIT(number, 10), DIGIT(number, 1), '\0' }

static const struct msg_info infos[MSG_COUNT] = {
    [MSG_NONE] = { "CG-0000", "NONE", MSG_INFO, STEP_NONE, { "", "" }, { "", "" } },
#define MSG(name, number, severity, step, ja, en, next_ja, next_en) \
    [MSG_##name] = { CODE(number), #name, MSG_##severity, STEP_##step, { ja, en }, { next_ja, next_en } },
#include "base/messages.def"
#undef MSG
};

const struct msg_info *msg_get(enum msg_id id)
{
    return &infos[(unsigned)id < (unsigned)MSG_COUNT ? id : MSG_NONE];
}

enum msg_id msg_by_code(const char *code)
{
    size_t from = 1, to = MSG_COUNT; /* numbers rise from line to line, which a test holds */

    while (code != NULL && from < to) {
        size_t middle = from + (to - from) / 2;
        int order = strcmp(code, infos[middle].code);
        if (order == 0)
            return (enum msg_id)middle;
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return MSG_NONE;
}

void msg_next(enum msg_id id, enum msg_severity as, enum msg_lang lang, char ret_text[static MSG_NEXT_MAX])
{
    static const struct { const char *end, *instead; } ends[2][2] = {
        [LANG_JA] = { { "て送り直してください", "てください" }, { "で送り直してください", "でください" } },
        [LANG_EN] = { { ", and send again", "" }, { " and send again", "" } },
    };
    size_t len = text_copy(ret_text, MSG_NEXT_MAX, msg_get(id)->next[lang]);

    for (size_t i = 0; i < 2 && as < MSG_ERROR && msg_get(id)->severity >= MSG_ERROR; i++) {
        size_t end = strlen(ends[lang][i].end);
        if (len >= end && strcmp(ret_text + len - end, ends[lang][i].end) == 0) {
            text_copy(ret_text + len - end, MSG_NEXT_MAX - (len - end), ends[lang][i].instead);
            return;
        }
    }
}

/* Where a text is being written; full once something was cut. */
struct target { char *text; size_t size, len; int full; };

static void target_add(struct target *t, const char *text, size_t len)
{
    size_t room = t->size - 1 - t->len;
    if (t->full)
        return;
    if (len > room) {
        len = text_cut(text, len, room);
        t->full = 1;
    }
    memcpy(t->text + t->len, text, len);
    t->len += len;
}

/* {1}, {2} or, with the words that stand there when nothing may be quoted, {1|words}. */
struct placeholder { int arg; const char *words; size_t words_len, len; };

static bool placeholder_at(const char *brace, struct placeholder *ret_p)
{
    const char *end;
    if ((brace[1] != '1' && brace[1] != '2') || (brace[2] != '}' && brace[2] != '|') || (end = strchr(brace, '}')) == NULL)
        return false;
    ret_p->arg = brace[1] - '1';
    ret_p->words = brace[2] == '|' ? brace + 3 : NULL;
    ret_p->words_len = brace[2] == '|' ? (size_t)(end - brace - 3) : 0;
    ret_p->len = (size_t)(end - brace) + 1;
    return true;
}

size_t msg_format(enum msg_id id, enum msg_lang lang, const char *arg1, const char *arg2, char *ret_text, size_t size)
{
    if (size == 0)
        return 0;
    const char *args[2] = { arg1 != NULL ? arg1 : "", arg2 != NULL ? arg2 : "" };
    struct target t = { ret_text, size, 0, 0 };
    const char *p = msg_get(id)->text[lang == LANG_EN ? LANG_EN : LANG_JA];
    for (const char *brace; (brace = strchr(p, '{')) != NULL; ) {
        struct placeholder here;
        target_add(&t, p, (size_t)(brace - p));
        if (placeholder_at(brace, &here)) {
            const char *arg = args[here.arg], *other = strchr(arg, MSG_WORDS("", "")[0]);
            if (other != NULL && lang == LANG_JA)
                arg = other + 1;
            target_add(&t, arg, other != NULL && lang == LANG_EN ? (size_t)(other - arg) : strlen(arg));
            p = brace + here.len;
        } else {
            target_add(&t, brace, 1);
            p = brace + 1;
        }
    }
    target_add(&t, p, strlen(p));
    while (t.len > 0 && ret_text[t.len - 1] == ' ')      /* the last argument was empty */
        t.len--;
    ret_text[t.len] = '\0';
    return t.len;
}

static const char *last_of(const char *text, const char *end, const char *what)
{
    const char *found = NULL;
    for (const char *at = text; (at = strstr(at, what)) != NULL && at < end; at += strlen(what))
        found = at;
    return found;
}

/* Where the text around the placeholder at `brace` begins and ends that goes with it: its parenthesis, its list behind a colon, its brackets. */
static bool goes_with(const char *text, const char *brace, const char **ret_from, const char **ret_to)
{
    static const char *const pair[][2] = { { "（", "）" }, { " (", ")" } };
    static const char *const ends[] = { "。", ". ", "; " };
    for (size_t i = 0; i < sizeof pair / sizeof pair[0]; i++) {
        const char *open = last_of(text, brace, pair[i][0]), *close = last_of(text, brace, pair[i][1]), *to = strstr(brace, pair[i][1]);
        if (open != NULL && to != NULL && (close == NULL || close < open)) {
            *ret_from = open;
            *ret_to = to + strlen(pair[i][1]);
            return true;
        }
    }
    if (brace - text > 2 && memcmp(brace - 2, ": ", 2) == 0) {
        *ret_from = brace - 2;
        *ret_to = brace + strlen(brace);
        for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
            const char *before = last_of(text, brace, ends[i]), *after = strstr(brace, ends[i]);
            *ret_from = before != NULL && before < *ret_from ? before : *ret_from;
            *ret_to = after != NULL && after < *ret_to ? after : *ret_to;
        }
        return true;
    }
    size_t bracket = strlen("「");
    if ((size_t)(brace - text) > bracket && memcmp(brace - bracket, "「", bracket) == 0 && strncmp(brace + 3, "」", bracket) == 0) {
        *ret_from = brace - bracket;
        *ret_to = brace + 3 + bracket;
        return true;
    }
    return false;
}

/* The text before a placeholder and what stands for it; returns where the text goes on. Quotation marks around words of our own go, and so do
 * the blanks that Japanese has around a quotation only, and one blank where nothing is left. */
static const char *add_bare(struct target *t, enum msg_lang lang, const char *text, const char *brace, const struct placeholder *here)
{
    static const char *const mark[][2] = { { "「", "」" }, { "\"", "\"" } };
    const char *to = brace, *next = brace + here->len;
    for (size_t i = 0; i < sizeof mark / sizeof mark[0] && here->words != NULL; i++) {
        size_t open = strlen(mark[i][0]), close = strlen(mark[i][1]);
        if ((size_t)(to - text) < open || memcmp(to - open, mark[i][0], open) != 0 || strncmp(next, mark[i][1], close) != 0)
            continue;
        to -= open;
        next += close;
        break;
    }
    if (here->words != NULL && to > text && to[-1] == ' ' && (lang == LANG_JA || here->words_len == 0))
        to--;
    if (here->words != NULL && lang == LANG_JA && *next == ' ')
        next++;
    target_add(t, text, (size_t)(to - text));
    if (here->words != NULL)
        target_add(t, here->words, here->words_len);
    else
        target_add(t, "…", strlen("…"));
    return next;
}

size_t msg_format_bare(enum msg_id id, enum msg_lang lang, char *ret_text, size_t size)
{
    char text[1024];
    const char *from, *to, *p = text;
    struct placeholder here;
    if (size == 0)
        return 0;
    text_copy(text, sizeof text, msg_get(id)->text[lang == LANG_EN ? LANG_EN : LANG_JA]);
    for (char *brace = text; (brace = strchr(brace, '{')) != NULL; ) {
        if (!placeholder_at(brace, &here) || here.words != NULL || !goes_with(text, brace, &from, &to)) {
            brace++;
            continue;
        }
        memmove(text + (from - text), to, strlen(to) + 1);
        brace = text;
    }
    struct target t = { ret_text, size, 0, 0 };
    for (const char *brace = text; (brace = strchr(brace, '{')) != NULL; ) {
        if (placeholder_at(brace, &here))
            brace = p = add_bare(&t, lang, p, brace, &here);
        else
            brace++;
    }
    target_add(&t, p, strlen(p));
    ret_text[t.len] = '\0';
    return t.len;
}

const char *msg_step_name(enum msg_step step)
{
    static const char *const names[] = { "none", "fix_and_resend", "issue_paper", "wait", "call_it" };
    return (unsigned)step < sizeof names / sizeof names[0] ? names[step] : "none";
}

const char *msg_severity_name(enum msg_severity severity)
{
    static const char *const names[] = { "info", "warning", "error", "alarm" };
    return (unsigned)severity < sizeof names / sizeof names[0] ? names[severity] : "error";
}
