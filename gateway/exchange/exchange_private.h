/*
 * exchange_private.h - what the files of this room share; no other room includes it.
 */
#ifndef EXCHANGE_PRIVATE_H
#define EXCHANGE_PRIVATE_H

#include "base/conf.h"
#include "exchange/exchange.h"

/* What ${name} can stand for, in the order of the table in profile_lists.c. */
enum exchange_variable {
    VARIABLE_INSTITUTION, VARIABLE_IDENTIFIER, VARIABLE_INSURED, VARIABLE_SYSTEM, VARIABLE_VALUE, VARIABLE_KIND, VARIABLE_CONSENT,
    VARIABLE_RECEIVER, VARIABLE_RECEIPT, VARIABLE_BUNDLE, VARIABLE_COUNT
};
const char *exchange_variable_name(int variable);

/* Where things stand in an answer; all paths from the root. check_* and verify_* members are names below their list's element. */
struct exchange_answer_paths {
    const char *executed, *institution, *identifier, *segment, *segment_done, *segment_pending, *error_code, *error_message, *charset,
        *charset_shift_jis, *status, *status_done, *status_error, *result_code, *result_message, *receipt, *check_list, *check_code,
        *check_message, *check_location, *verify_list, *verify_status, *verify_valid, *verify_message, *document_status, *document_held,
        *document_open;
};

enum { TREE_DEPTH_MAX = 16, PATH_DEPTH_MAX = 8 };

/* One element: a leaf with text, or an inner one with children. Both directions use it. */
struct exchange_tree {
    const char *name, *text;          /* text NULL: inner element */
    struct bytes splice;              /* a leaf whose text is the Base64 of these bytes (data not NULL) */
    struct exchange_tree *child, *last, *next, *parent;
};

/* A new last child; NULL when memory is out. */
struct exchange_tree *exchange_tree_add(struct arena *arena, struct exchange_tree *parent, const char *name, size_t len);
/* Leaf at path below a nameless *root, making what is missing; NULL when memory is out. */
struct exchange_tree *exchange_tree_put(struct arena *arena, struct exchange_tree *root, const char *path, const char *text);
/* First child of that name (len bytes), or the next sibling of that name after `after`. */
const struct exchange_tree *exchange_tree_child(const struct exchange_tree *node, const char *name, size_t len, const struct exchange_tree *after);
/* Append the only child of the nameless root. ERR_NOMEM, ERR_LIMIT; *ret is failed then. */
int exchange_tree_print_xml(const struct exchange_tree *root, struct buf *ret);
int exchange_tree_print_json(const struct exchange_tree *root, struct buf *ret);
/* Reads bytes into *root (nameless, one child). ERR_SYNTAX, ERR_LIMIT, ERR_NOMEM. *ret_guessed: no encoding was declared and CP932 was tried. */
int exchange_tree_read(const struct exchange_profile *p, enum exchange_form form, struct bytes bytes, struct arena *arena,
                       struct exchange_tree *root, bool *ret_guessed, struct err *e);

/* Element names of a path are XML names and at most PATH_DEPTH_MAX of them. */
bool exchange_path_ok(const char *path);
/* Text in one of the ranges of text_all_of() and min..max bytes long. */
bool exchange_text_ok(const char *text, const char *set, size_t min, size_t max);

/* An error of the profile at a line: place "file:line". */
int exchange_profile_fail(struct err *e, const char *file, uint32_t line, enum msg_id msg, const char *what, const char *allowed);
/* The lists: [header], [body ...], [codes], [http]. Operations are filled in already. */
int exchange_profile_lists(struct exchange_profile *p, const struct conf *conf, struct err *e);

#endif
