/*
 * NAME
 *     err - what went wrong
 *
 * SYNOPSIS
 *     return err_set(e, ERR_LIMIT, MSG_LIMIT, place, "depth", "64"); return err_set_errno(e, MSG_IO, NULL, "fsync");
 *
 * DESCRIPTION
 *     A struct err is built aside and then copied, so that its own texts may be passed in again. Texts are cut at a character.
 *
 * DIAGNOSTICS
 *     None: setting an error cannot fail. A missing receiver (NULL) costs the words, never the code.
 */
#include "base/err.h"

#include <errno.h>
#include <string.h>
#include "base/text.h"

static const char *const code_names[] = {
    "none", "nomem", "io", "limit", "syntax", "invalid", "notfound", "exists", "not_now", "timeout", "closed", "denied", "unsupported",
    "corrupt", "untrusted", "internal"
};

void err_clear(struct err *e)
{
    if (e != NULL)
        *e = (struct err)ERR_INIT;
}

int err_set(struct err *e, enum err_code code, enum msg_id msg, const char *place, const char *arg1, const char *arg2)
{
    if (e == NULL)
        return code;
    struct err fresh = ERR_INIT;  /* built aside: the texts may lie inside *e */
    fresh.code = code;
    fresh.msg = msg;
    if (place != NULL)
        text_copy(fresh.place, sizeof fresh.place, place);
    if (arg1 != NULL)
        text_copy(fresh.arg[0], sizeof fresh.arg[0], arg1);
    if (arg2 != NULL)
        text_copy(fresh.arg[1], sizeof fresh.arg[1], arg2);
    *e = fresh;
    return code;
}

int err_set_errno(struct err *e, enum msg_id msg, const char *place, const char *what)
{
    static const struct { int number; enum err_code code; } codes[] = {
        { ENOMEM, ERR_NOMEM }, { ENOSPC, ERR_LIMIT }, { EDQUOT, ERR_LIMIT }, { EFBIG, ERR_LIMIT }
    };
    int number = errno;
    enum err_code code = ERR_IO;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].number == number)
            code = codes[i].code;
    err_set(e, code, msg, place, what, strerrordesc_np(number));
    if (e != NULL)
        e->sys_errno = number;
    errno = number;
    return code;
}

void err_copy(struct err *dst, const struct err *src)
{
    if (dst != NULL && src != NULL && dst != src)
        *dst = *src;
}

const char *err_code_name(int code)
{
    const int count = (int)(sizeof code_names / sizeof code_names[0]);
    return code <= 0 && code > -count ? code_names[-code] : "?";
}
