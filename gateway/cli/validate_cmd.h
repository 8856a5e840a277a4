/*
 * validate_cmd.h - private to `clinsgw validate`: its parts share this.
 *
 *     cmd_validate.c     options, packages, exit status
 *     validate_names.c   files, folders, standard input -> one list
 *     validate_pool.c    the list, checked by several threads, told in its order
 *     validate_form.c    what is told: text, json, jsonl, operationoutcome
 */
#ifndef CLI_VALIDATE_CMD_H
#define CLI_VALIDATE_CMD_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/issue.h"
#include "cli/cli.h"
#include "validate/validate.h"

enum { VALIDATE_NOT_CHECKED = 2, VALIDATE_JOBS_MAX = 64 };
enum validate_form { FORM_TEXT, FORM_JSON, FORM_JSONL, FORM_OUTCOME, FORM_COUNT };

/* What is the same for all files; read-only while threads run. */
struct validate_job {
    const struct cli *c;
    enum validate_form form;
    enum validate_reading reading;
    const char *profile;                 /* NULL = none */
    const struct validate_set *set;      /* NULL = the built-in tables */
    const struct validate_terms *terms;  /* the masters */
    unsigned jobs;                       /* threads at once, at least 1 */
    bool progress;                       /* tell on standard error how far it is */
};

/* ---- validate_names.c ---- */

struct validate_names { struct arena *arena; const char **name; size_t count, room; };
/*
 * Adds what the argument stands for: "-", a file, or the *.json and *.fhir of a folder and the folders in it, sorted. A name that is not there is taken as it is:
 * reading it will say so. ERR_NOMEM, ERR_LIMIT (folders too deep).
 */
int validate_names_add(struct validate_names *list, const char *argument, struct err *e);

/* ---- validate_pool.c ---- */

/* Checks all and prints. CLI_DONE, CLI_FAILED (an error was found) or VALIDATE_NOT_CHECKED. */
int validate_pool_run(const struct validate_job *job, const struct validate_names *files);

/* ---- validate_form.c: everything is added to the buffer, whose sticky failure says that something is missing ---- */

/* FORM_COUNT: no such form. */
enum validate_form validate_form_find(const char *name);
void validate_form_begin(const struct validate_job *job, struct buf *out);
/* The text of one file. */
void validate_form_issues(const struct validate_job *job, const char *file, const struct issue_list *list, struct buf *out);
/* One file that could not be checked; nothing for people in FORM_TEXT, where a sentence goes to standard error. */
void validate_form_failure(const struct validate_job *job, const char *file, const struct err *e, struct buf *out);
/* Between two files. */
void validate_form_next(const struct validate_job *job, struct buf *out);
void validate_form_end(const struct validate_job *job, int exit, struct buf *out);

#endif
