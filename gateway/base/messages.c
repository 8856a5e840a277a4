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
    for (size_t i = 1; code != NULL && i < MSG_COUNT; i++)
        if (strcmp(infos[i].code, code) == 0)
            return (enum msg_id)i;
    return MSG_NONE;
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

size_t msg_format(enum msg_id id, enum msg_lang lang, const char *arg1, const char *arg2, char *ret_text, size_t size)
{
    if (size == 0)
        return 0;
    const char *args[2] = { arg1 != NULL ? arg1 : "", arg2 != NULL ? arg2 : "" };
    struct target t = { ret_text, size, 0, 0 };
    const char *p = msg_get(id)->text[lang == LANG_EN ? LANG_EN : LANG_JA];
    for (const char *brace; (brace = strchr(p, '{')) != NULL; ) {
        target_add(&t, p, (size_t)(brace - p));
        if ((brace[1] == '1' || brace[1] == '2') && brace[2] == '}') {
            const char *arg = args[brace[1] - '1'];
            target_add(&t, arg, strlen(arg));
            p = brace + 3;
        } else {
            target_add(&t, brace, 1);
            p = brace + 1;
        }
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
