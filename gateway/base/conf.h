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
 *
 * Without a listener the first mistake is the error. With one (struct conf_faults) each mistake is told and reading goes on, past what cannot be known
 * any more: a line that cannot be read may be the key that seems to be missing, a header that cannot be read the section that seems to be. At the end conf->told says
 * whether there was any. A caller that finds mistakes of its own hands them to conf_fault().
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include "base/arena.h"
#include "base/err.h"

struct conf_line { const char *key, *value; uint32_t line; struct conf_line *next; };
struct conf_section {
    const char *kind, *name;   /* "" before the first header */
    uint32_t line;
    bool unread;               /* a line of it could not be read, and was told */
    struct conf_line *lines;
    struct conf_section *next;
};

/* Who wants to hear of every mistake; *e is the teller's again afterwards. */
struct conf_faults { void (*tell)(void *context, const struct err *e); void *context; };
enum { CONF_FAULTS_MAX = 50 };

struct conf {
    const char *file;
    struct conf_section *sections;
    const struct conf_faults *faults;       /* NULL = the first mistake ends the reading */
    size_t told;
    uint32_t told_line[CONF_FAULTS_MAX];
    bool header_unread;                     /* of some section, and it was told */
};

/* file is the name to show in errors; faults may be NULL and outlives the conf. Everything lives in the arena. ERR_SYNTAX with e->place "file:line". */
int conf_parse(const char *file, const char *bytes, size_t len, struct arena *arena, const struct conf_faults *faults, struct conf **ret_conf, struct err *e);
/* A mistake was found (r < 0, *e with its line): 0 when it was told and reading goes on, else r. After CONF_FAULTS_MAX it ends with MSG_CONF_MANY. Only ERR_SYNTAX and ERR_INVALID are mistakes. */
int conf_fault(struct conf *conf, int r, struct err *e);
/* A line of the section gives the key, and none that does was told as a mistake. */
bool conf_given(const struct conf *conf, const struct conf_section *section, const char *key);
/* No line that gives the key was told as a mistake: its value, or its default, may be relied on. */
bool conf_sound(const struct conf *conf, const struct conf_section *section, const char *key);
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
 * Fills target from the section by the table (ended by .key NULL); what no line gives is its default, and so is what was told as a mistake (zero where there is none).
 * ERR_INVALID with place "file:line". section NULL = only defaults. After a failure target is filled in part and must not be used.
 */
int conf_apply(struct conf *conf, const struct conf_section *section, const struct conf_key *table, void *target, struct arena *arena, struct err *e);

#endif
