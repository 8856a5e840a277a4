/*
 * json_doc.h - the strict JSON reader (RFC 8259) through which everything from outside is read.
 *
 * One call turns bytes into an immutable tree in the caller's arena. Refused: bytes that are not UTF-8, a BOM, lone surrogates, NUL in a
 * string, duplicate members, depth over the limit, anything after the value. Numbers keep their text (1.50 stays 1.50).
 * Every value knows its byte offsets, so that any issue can name line, column and JSON pointer.
 *
 *     struct arena *a = arena_new(64 << 20);
 *     const struct json_node *root;
 *     if (json_parse(bytes, len, NULL, a, &root, &e) < 0) ...   // e: message, offset, line, column
 *     const struct json_node *n = json_get(root, "patient");    // NULL when absent or root no object
 *
 * The input bytes must stay alive as long as the tree: strings without escapes point into them. Writing is cJSON's task, never this room's.
 */
#ifndef BASE_JSON_DOC_H
#define BASE_JSON_DOC_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <string.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum json_type { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* All members are read-only for everybody but the reader. */
struct json_node {
    enum json_type type;
    uint32_t key_len, len;           /* bytes of key and text */
    uint32_t number;                 /* place in the order of the file: 0 for the root, one more for each value after it */
    const char *key;                 /* member name, decoded, not NUL-terminated; NULL for array items and the root */
    const char *text;                /* string: decoded; number: as written; not NUL-terminated */
    uint32_t key_start;              /* offset of the name's opening quote */
    uint32_t start, end;             /* the value's bytes are input[start, end) */
    uint32_t count;                  /* members or items */
    const struct json_node *parent, *child, *next;
    uint64_t key_word;               /* json_word() of the member name; 0 for array items and the root */
};

struct json_limits {
    size_t max_bytes;   /* default 64 MiB */
    uint32_t max_depth; /* default 64 */
    uint32_t max_nodes; /* default 4,000,000 */
};

/* limits NULL = defaults. On failure *ret_root is untouched and e says what and where. */
int json_parse(const char *bytes, size_t len, const struct json_limits *limits, struct arena *arena, const struct json_node **ret_root, struct err *e);

/* The first eight bytes of a name, zeros behind a shorter one: names of up to eight bytes are equal when word and length are. */
static inline uint64_t json_word(const char *name, size_t len)
{
    uint64_t word = 0;
    memcpy(&word, name, len < sizeof word ? len : sizeof word);
    return word;
}
/* Names a node that is made by hand, beside the tree of a reader; NULL = no name. The name must outlive it. */
static inline void json_set_key(struct json_node *node, const char *key, size_t len)
{
    node->key = key;
    node->key_len = key != NULL ? (uint32_t)len : 0;
    node->key_word = key != NULL ? json_word(key, len) : 0;
}
/* Has the member this name, whose json_word() is at hand? */
static inline bool json_named(const struct json_node *member, uint64_t word, const char *name, size_t len)
{
    return member->key_word == word && member->key_len == len && (len <= sizeof word || memcmp(member->key + sizeof word, name + sizeof word, len - sizeof word) == 0);
}

/* Look-ups; NULL or wrong types in give NULL out. */
const struct json_node *json_get_word(const struct json_node *object, uint64_t word, const char *name, size_t len);
static inline const struct json_node *json_get_member(const struct json_node *object, const char *name, size_t len) { return json_get_word(object, json_word(name, len), name, len); }
static inline const struct json_node *json_get(const struct json_node *object, const char *name) { return json_get_member(object, name, strlen(name)); }
const struct json_node *json_at(const struct json_node *array, size_t index);
/* Follows a path of member names and indexes: json_path(root, "entry/0/resource"). No escapes. */
const struct json_node *json_path(const struct json_node *node, const char *path);

static inline bool json_is(const struct json_node *node, enum json_type type) { return node != NULL && node->type == type; }
bool json_equals(const struct json_node *node, const char *text);      /* a string with just this text */
static inline bool json_key_is(const struct json_node *node, const char *name)
{
    return node != NULL && node->key != NULL && json_named(node, json_word(name, strlen(name)), name, strlen(name));
}
/* NUL-terminated copy of a string's or number's text; NULL when it is neither or memory is out. */
const char *json_dup(struct arena *arena, const struct json_node *node);
/* Text of string member `name`, NUL-terminated in the arena; NULL when absent or not a string. */
const char *json_get_text(struct arena *arena, const struct json_node *object, const char *name);
/* Integer without fraction or exponent; ERR_INVALID, ERR_LIMIT. */
int json_to_int64(const struct json_node *node, int64_t *ret_value);

/* RFC 6901 pointer of the node ("" = root), always terminated, cut from the left with "…" when too long. */
void json_pointer(const struct json_node *node, char *ret_text, size_t size);
/* 1-based line and column (characters) of a byte offset. */
void json_line_column(const char *bytes, size_t len, size_t offset, uint32_t *ret_line, uint32_t *ret_column);

#endif
