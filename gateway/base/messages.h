/*
 * messages.h - every sentence that an operator or a vendor can read, with its stable code.
 *
 * The table is base/messages.def, one line a message:
 *     MSG(NAME, 1203, WARNING, STEP, "日本語の文 {1}", "English sentence {1}", "次にすること", "what to do next")
 * A code, once shipped, keeps its meaning for ever. {1} and {2} are filled from struct err or by the caller; {1|words} says what stands
 * there in lines that quote nothing (msg_format_bare), "" = nothing. An argument in words of ours is MSG_WORDS(English, Japanese).
 * STEP is the machine-readable next step of a vendor's result file.
 *
 * Number ranges: 0xxx general, 1xxx configuration and start, 2xxx spool, 3xxx vendor input (adapters, chart), 4xxx conversion and
 * codes, 5xxx validation, 6xxx signing, 7xxx exchange, links and answers of the service, 8xxx flow and store, 9xxx operation.
 */
#ifndef BASE_MESSAGES_H
#define BASE_MESSAGES_H

#include <stddef.h>

enum msg_severity { MSG_INFO, MSG_WARNING, MSG_ERROR, MSG_ALARM };
enum msg_step { STEP_NONE, STEP_FIX_AND_RESEND, STEP_ISSUE_PAPER, STEP_WAIT, STEP_CALL_IT };
enum msg_lang { LANG_JA, LANG_EN };

enum msg_id {
    MSG_NONE = 0,
#define MSG(name, number, severity, step, ja, en, next_ja, next_en) MSG_##name,
#include "base/messages.def"
#undef MSG
    MSG_COUNT
};

/* One argument in both languages; msg_format() takes the reader's. */
#define MSG_WORDS(en, ja) en "\x1f" ja

struct msg_info {
    const char *code;          /* "CG-1203" */
    const char *name;          /* the NAME of the table, for metrics and tests */
    enum msg_severity severity;
    enum msg_step step;
    const char *text[2];       /* by enum msg_lang */
    const char *next[2];       /* what to do next, "" = nothing */
};

/* Never NULL: an unknown id gives the entry of MSG_NONE. Static storage. */
const struct msg_info *msg_get(enum msg_id id);
/* By code "CG-1203"; MSG_NONE when there is none. */
enum msg_id msg_by_code(const char *code);
/* Text with {1} and {2} filled (NULL = ""), always terminated, cut at a character. Returns the length written. */
size_t msg_format(enum msg_id id, enum msg_lang lang, const char *arg1, const char *arg2, char *ret_text, size_t size);
/* The same where nothing may be quoted: what only holds a quotation is left out, as far as the sentence stays one; "…" where it would not. */
size_t msg_format_bare(enum msg_id id, enum msg_lang lang, char *ret_text, size_t size);
/* What to do next where the message is told with that severity, which may be less than its own: then the file goes through, and the sentence ends before
 * "and send again". At most MSG_NEXT_MAX bytes, always terminated, "" = nothing. */
enum { MSG_NEXT_MAX = 512 };
void msg_next(enum msg_id id, enum msg_severity as, enum msg_lang lang, char ret_text[static MSG_NEXT_MAX]);
/* "fix_and_resend", "issue_paper", "wait", "call_it", "none" */
const char *msg_step_name(enum msg_step step);
const char *msg_severity_name(enum msg_severity severity);

#endif
