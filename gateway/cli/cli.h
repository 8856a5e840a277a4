/*
 * cli.h - clinsgw: what its subcommands share. One file a group of subcommands, one table in main.c.
 *
 * A subcommand gets its arguments sorted into options and plain ones, checked against its row in the table; settings are loaded for it. It prints its
 * result on standard output and sentences on standard error, and returns the exit status:
 *     0 done (status: OK; validate: valid)   1 refused or failed (status: WARNING; validate: errors found; check-config, doctor: something is wrong)
 *     2 status: STOPPED; validate: could not be checked      3 clinsgwd is not running      64 wrong usage      78 wrong configuration
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "daemon/settings.h"
#include "daemon/wire.h"
#include "store/store.h"

enum cli_exit { CLI_DONE = 0, CLI_FAILED = 1, CLI_STOPPED = 2, CLI_NO_DESK = 3, CLI_USAGE = 64, CLI_CONFIG = 78 };
enum { CLI_ARGS_MAX = 1 << 20, CLI_OPTIONS_MAX = 128, CLI_REPLY_MAX = 96 << 20 };

struct cli_option { const char *name, *value; };   /* value NULL = given without one */

struct cli {
    const char *config;
    enum msg_lang lang;
    bool json;
    const char *verb;
    struct cli_option option[CLI_OPTIONS_MAX];   /* one may be given several times */
    size_t options;
    const char **plain;                   /* room for all arguments */
    size_t plains;
    struct arena *arena;
    struct settings *settings;            /* NULL where the subcommand does not ask for them */
    struct wire_out out;
    struct wire_in in;
};

bool cli_has(const struct cli *c, const char *name);
/* Value of an option (of the first one), NULL when it is not given. */
const char *cli_value(const struct cli *c, const char *name);

/* A sentence on standard error: code, text, place, next step; in JSON mode an object on standard output. Returns exit. */
int cli_say(const struct cli *c, int exit, enum msg_id msg, const char *arg1, const char *arg2);
int cli_say_err(const struct cli *c, int exit, const struct err *e);
/* The same for one line of a list of checks, with a place ("" = none): text, or an item of the array that cli_checks_end() prints. */
struct cli_checks;
struct cli_checks *cli_checks_new(const struct cli *c);
void cli_check(struct cli_checks *k, enum msg_id msg, const char *place, const char *arg1, const char *arg2);
/* The same of a path that the configuration names: the place is its line and key, "" when it is a default. */
void cli_check_path(struct cli_checks *k, enum msg_id msg, const char *path, const char *why);
/* No error so far; warnings may stand there. */
bool cli_checks_clean(const struct cli_checks *k);
/* Prints what JSON has collected, frees; CLI_FAILED when an error was among them. */
int cli_checks_end(struct cli_checks *k);
int cli_print(const struct buf *text);

/* ---- packages.c ---- */

/* Folder of the package store (validate/package/package.h); lives as long as the arena. NULL when memory is out. */
const char *cli_package_folder(struct cli *c);
/* This user's own; NULL when there is none, or memory is out. */
const char *cli_package_cache(struct cli *c);

/* ---- connect.c: the desk ---- */

/* Sends the command with its options and plain arguments. Descriptor, ERR_CLOSED (nobody listens) or another code. */
int cli_connect(struct cli *c, struct err *e);
int cli_send(struct cli *c, int fd, struct err *e);
/* One packet into c->in: CLI_DONE, else the sentence has been printed. */
int cli_receive(struct cli *c, int fd);
/* The answer in c->in: a memfd is read into *ret_text, a sentence is printed. Returns the exit status that it carries. */
int cli_reply(struct cli *c, struct buf *ret_text);
/* All of the above; *ret_there tells whether a desk was there at all. */
int cli_ask(struct cli *c, struct buf *ret_text, bool *ret_there);
/* Opens the store because no desk runs; becomes the desk's user first when root, so that no file in it changes hands. */
int cli_store(struct cli *c, enum store_mode mode, struct store **ret_store, struct err *e);

/* ---- subcommands ---- */

int cli_status(struct cli *c);
int cli_list(struct cli *c);
int cli_show(struct cli *c);
int cli_change(struct cli *c);
int cli_backup(struct cli *c);
int cli_sign(struct cli *c);
int cli_export(struct cli *c);
int cli_validate(struct cli *c);
int cli_package(struct cli *c);
int cli_check_config(struct cli *c);
int cli_doctor(struct cli *c);

/* check-config, also the first half of doctor. */
void cli_check_settings(struct cli *c, struct cli_checks *k);
/* Sources that are no longer configured while requests of theirs wait; store NULL: the running desk is asked. */
void cli_check_sources(struct cli *c, struct cli_checks *k, struct store *store);

#endif
