/*
 * conf.h - the reader of configuration files and interface profiles.
 *
 * Format: lines `key = value`, sections `[kind name]` (name optional), comments from `#` at the start of a line or after white space.
 * A value may be "quoted" (then \" \\ \n \t are read and # is itself). Keys are letters, digits, '_', '-', '.', '/', '[', ']'. UTF-8, a line at most 16 KiB,
 * a file at most 1 MiB. No includes, no environment, no line joining.
 * A repeated key is an error unless the caller's table says that it is a list. A repeated section (same kind and name) is an error.
 *
 * Two layers: conf_parse() makes lines with their numbers; conf_apply() runs a typed table over one section, so that an unknown key, a bad
 * value or a missing key is an error with file, line, key and what is allowed (MSG_CONF_...).
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include "base/arena.h"
#include "base/err.h"

struct conf_line { const char *key, *value; uint32_t line; struct conf_line *next; };
struct conf_section { const char *kind, *name; /* "" before the first header */ uint32_t line; struct conf_line *lines; struct conf_section *next; };
struct conf { const char *file; struct conf_section *sections; };

/* file is the name to show in errors. Everything lives in the arena. ERR_SYNTAX with e->place "file:line". */
int conf_parse(const char *file, const char *bytes, size_t len, struct arena *arena, struct conf **ret_conf, struct err *e);
/* First section of that kind and name (name NULL = any); NULL when there is none. */
const struct conf_section *conf_find(const struct conf *conf, const char *kind, const char *name);

enum conf_type {
    CONF_TEXT,      /* const char * */
    CONF_LIST,      /* struct conf_list: the key may be repeated, order kept */
    CONF_INT,       /* int64_t in [min, max] */
    CONF_BOOL,      /* bool: yes | no */
    CONF_TIME,      /* int64_t milliseconds: 250ms 5s 3m 2h 7d, in [min, max] ms */
    CONF_SIZE,      /* int64_t bytes: 10MB (10^6) 10MiB (2^20) 512KB 4096, in [min, max] */
    CONF_ENUM       /* int: index into names */
};

struct conf_list { const char **item; uint32_t *line; size_t count; };

struct conf_key {
    const char *key;
    enum conf_type type;
    size_t offset;             /* offsetof() in the target struct */
    bool required;
    int64_t min, max;          /* max 0 with min >= 0: no upper bound */
    const char *const *names;  /* CONF_ENUM: NULL-terminated */
    const char *fallback;      /* default, in the form of the file; NULL = zero */
};

/*
 * Fills target from the section by the table (ended by .key NULL); what no line gives is its default. ERR_INVALID with place "file:line".
 * section NULL = only defaults. After a failure target is filled in part and must not be used.
 */
int conf_apply(const struct conf *conf, const struct conf_section *section, const struct conf_key *table, void *target, struct arena *arena, struct err *e);

#endif
