/*
 * err.h - how a function says what went wrong.
 *
 * Convention of the whole project: a function returns 0 or a negative `enum err_code`; results go out through
 * `ret_...` arguments that stay untouched on failure; the reason goes to a `struct err` that the caller owns and that may be NULL.
 * A function either returns an error or logs it, never both.
 *
 *     struct err e = ERR_INIT;
 *     if (thing_do(..., &e) < 0)
 *         log_err(log, &e);          // the caller, once, at the top
 *
 * The code tells a program what to do; the message id (base/messages.h) tells a person. Arguments and place may name
 * vendor data: they go to the vendor's result file and never to a log (log.h prints only the message id and codes).
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdint.h>
#include <stdbool.h>
#include "base/messages.h"

enum err_code {
    ERR_NOMEM = -1,        /* allocation failed */
    ERR_IO = -2,           /* a system call failed; sys_errno says which way */
    ERR_LIMIT = -3,        /* a configured or built-in limit was passed */
    ERR_SYNTAX = -4,       /* bytes are not of the language they should be */
    ERR_INVALID = -5,      /* well-formed but not allowed */
    ERR_NOTFOUND = -6,
    ERR_EXISTS = -7,
    ERR_NOT_NOW = -8,        /* not now: wrong state, wrong version, wrong order of calls */
    ERR_TIMEOUT = -9,
    ERR_CLOSED = -10,      /* the other side is gone */
    ERR_DENIED = -11,      /* permission, PIN, certificate */
    ERR_UNSUPPORTED = -12,
    ERR_CORRUPT = -13,     /* our own data does not verify */
    ERR_UNTRUSTED = -14,   /* signature or chain cannot be believed (undecided is ERR_NOT_NOW) */
    ERR_INTERNAL = -15     /* a mistake of this program */
};

enum { ERR_ARG_MAX = 400, ERR_PLACE_MAX = 384 };

struct err {
    int code;                   /* enum err_code, 0 = none */
    enum msg_id msg;            /* MSG_NONE = none */
    char arg[2][ERR_ARG_MAX];   /* fill {1} and {2} of the message; UTF-8, cut at a character */
    char place[ERR_PLACE_MAX];  /* JSON pointer, FHIRPath, or file:line - the message says which */
    uint32_t line, column;      /* 1-based place in the input, 0 = unknown */
    int64_t offset;             /* byte offset in the input, -1 = unknown */
    int sys_errno;              /* for ERR_IO */
};

#define ERR_INIT { .offset = -1 }

/* Fills *e (NULL is fine) and returns code, so that `return err_set(...)` reads well. Any text may be NULL. */
int err_set(struct err *e, enum err_code code, enum msg_id msg, const char *place, const char *arg1, const char *arg2);
/* Same for a failed system call: code ERR_IO (ERR_NOMEM for ENOMEM, ERR_LIMIT for ENOSPC, EDQUOT and EFBIG), keeps errno in sys_errno; arg1 = what was being done. */
int err_set_errno(struct err *e, enum msg_id msg, const char *place, const char *what);
/* Copies src over *dst, both may be NULL. */
void err_copy(struct err *dst, const struct err *src);
void err_clear(struct err *e);
/* Short fixed English name of a code: "limit", "io", ... for logs and tests. */
const char *err_code_name(int code);

#endif
