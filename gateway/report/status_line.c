/*
 * NAME
 *      status_line - one line of the status log
 *
 * DESCRIPTION
 *      Time, code, then `key=value` for what is known, then the sentence and the next step. A line that does not fit is cut at a character.
 */
#include <string.h>
#include "base/text.h"
#include "base/timefmt.h"
#include "report/status_line.h"

/* As much as there is room for; the length counts what did not fit, too. */
static size_t add_text(char *text, size_t size, size_t at, const char *more)
{
    size_t len = strlen(more);

    if (at < size - 1)
        memcpy(text + at, more, len < size - 1 - at ? len : size - 1 - at);
    return at + len;
}

static size_t add(char *text, size_t size, size_t at, const char *label, const char *value)
{
    if (value == NULL || value[0] == '\0')
        return at;
    at = add_text(text, size, at, " ");
    return add_text(text, size, add_text(text, size, at, label), value);
}

size_t status_line_format(const struct status_line *line, enum msg_lang lang, char *ret_text, size_t size)
{
    const struct msg_info *info = msg_get(line->msg);
    char time[TIME_TEXT_MAX], sentence[1024];
    size_t n;

    time_format_log(line->wall_ms, time);
    n = add_text(ret_text, size, 0, time);
    n = add(ret_text, size, n, "", line->msg == MSG_NONE ? "-" : info->code);
    if (line->message != NULL && line->message[0] == 'r')
        n = add(ret_text, size, n, "request=", line->message + 1);
    else
        n = add(ret_text, size, n, "message=", line->message);
    n = add(ret_text, size, n, "source=", line->source);
    n = add(ret_text, size, n, "facility=", line->facility);
    n = add(ret_text, size, n, "name=", line->name);
    n = add(ret_text, size, n, "kind=", line->kind);
    n = add(ret_text, size, n, "op=", line->operation);
    n = add(ret_text, size, n, "state=", line->state);
    n = add(ret_text, size, n, "code=", line->code);
    n = add(ret_text, size, n, "file=", line->hash8);
    if (line->msg != MSG_NONE) {
        const char *code = line->code != NULL ? line->code : "";
        if (line->arg[0] == NULL && line->arg[1] == NULL && code[0] == '\0')
            msg_format_bare(line->msg, lang, sentence, sizeof sentence);
        else
            msg_format(line->msg, lang, line->arg[0] != NULL ? line->arg[0] : code, line->arg[1], sentence, sizeof sentence);
        n = add(ret_text, size, n, "", sentence);
        n = add(ret_text, size, n, lang == LANG_JA ? "→ 次に: " : "-> next: ", line->over ? "" : info->next[lang]);
        n = add(ret_text, size, n, "", !line->over ? "" : lang == LANG_JA ? "→ 解消しました" : "-> over");
    }
    if (n >= size - 1)
        n = text_cut(ret_text, size - 1, size - 2);
    text_flatten(ret_text, n);
    ret_text[n++] = '\n';
    ret_text[n] = '\0';
    return n;
}
