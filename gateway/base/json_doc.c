/*
 * NAME
 *     json_doc - strict JSON reader (RFC 8259, UTF-8 only)
 *
 * SYNOPSIS
 *     int json_parse(bytes, len, limits, arena, &root, &e);
 *
 * DESCRIPTION
 *     One pass over the bytes, without recursion: the stack is the chain of parent pointers of the open containers. Nodes come from the arena in
 *     blocks. A string is checked eight bytes at a time while it is plain ASCII; if it has no escape it is not copied. Duplicate members are found
 *     when an object closes: pair by pair up to eight members, then in a hash table, and by sorting when the table is being flooded with collisions
 *     on purpose, so that the time stays n log n for any input.
 *
 * DIAGNOSTICS
 *     JSON_EMPTY, JSON_SYNTAX, JSON_TRAILING, JSON_BOM, JSON_NOT_UTF8, JSON_TRUNCATED, JSON_BAD_TEXT, JSON_DUPLICATE (ERR_SYNTAX), JSON_TOO_DEEP,
 *     JSON_TOO_LARGE (ERR_LIMIT), NOMEM; with byte offset, line, column and the JSON pointer of the innermost value known by then.
 */
#include "base/json_doc.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum {
    DEFAULT_BYTES = 64 << 20, DEFAULT_DEPTH = 64, DEFAULT_NODES = 4000000,
    BLOCK_MIN = 16, BLOCK_MAX = 1024,  /* nodes allocated at a time */
    PAIRWISE_MAX = 8,                  /* members compared pair by pair */
    PROBES_PER_MEMBER = 16             /* beyond this many on average the hash table is given up */
};

enum expect { EXPECT_VALUE, EXPECT_VALUE_OR_END, EXPECT_KEY, EXPECT_KEY_OR_END, EXPECT_COMMA_OR_END, EXPECT_NOTHING };

struct reader {
    const char *start, *at, *end;
    struct arena *arena;
    uint32_t max_depth, max_nodes, depth, nodes;
    struct json_node *block;      /* fresh nodes */
    size_t block_left, block_size;
    struct json_node *root, *open /* container being filled */, *last /* its newest child */;
    struct bytes key;             /* of the value to come; data NULL outside objects */
    uint32_t key_start;
    const struct json_node **table;
    size_t table_size;
    struct err *e;
};

static int reader_fail(struct reader *r, enum err_code code, enum msg_id msg, const char *at, const struct json_node *node, const char *arg)
{
    if (r->e != NULL) {
        char place[ERR_PLACE_MAX] = "";

        if (node != NULL)
            json_pointer(node, place, sizeof place);
        err_set(r->e, code, msg, place, arg, NULL);
        r->e->offset = at - r->start;
        json_line_column(r->start, (size_t)(r->end - r->start), (size_t)(at - r->start), &r->e->line, &r->e->column);
    }
    return (int)code;
}

/* The byte at `at` cannot stand there: says why. */
static int reader_fail_syntax(struct reader *r, const char *at)
{
    size_t pos = (size_t)(at - r->start);
    char seen[16] = "";

    if (at >= r->end)
        return reader_fail(r, ERR_SYNTAX, r->root == NULL ? MSG_JSON_EMPTY : MSG_JSON_TRUNCATED, r->end, r->open, NULL);
    if ((unsigned char)*at >= 0x80) {
        size_t next = pos;

        if (text_next(r->start, (size_t)(r->end - r->start), &next) < 0)
            return reader_fail(r, ERR_SYNTAX, MSG_JSON_NOT_UTF8, at, r->open, NULL);
        memcpy(seen, at, next - pos);
    } else if (*at > 0x20 && *at != 0x7F) {
        seen[0] = *at;
    } else {
        snprintf(seen, sizeof seen, "0x%02X", (unsigned)*at);
    }
    return reader_fail(r, ERR_SYNTAX, MSG_JSON_SYNTAX, at, r->open, seen);
}

/* Eight bytes, the first one lowest. */
static uint64_t eight_bytes(const char *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof w);
    return le64toh(w);
}

/* Files are indented: runs of blanks are skipped eight at a time. */
static void skip_space(struct reader *r)
{
    const uint64_t blanks = UINT64_C(0x2020202020202020);
    const char *p = r->at;

    for (; p < r->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'); p++)
        while (r->end - p > 8 && eight_bytes(p + 1) == blanks)
            p += 8;
    r->at = p;
}

/* --- strings ------------------------------------------------------------------------------------------------------------------- */

/* Skips bytes that are ordinary ASCII in a string, eight at a time: no quote, no backslash, no control, no byte over 0x7F. */
static const char *skip_plain(const char *p, const char *end)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);

    while (end - p >= 8) {
        uint64_t w = eight_bytes(p), quote = w ^ (ones * '"'), slash = w ^ (ones * '\\'), marks;

        /* The classic test for a zero byte; a false alarm is possible only behind a true one, so the first mark is right. */
        marks = (((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((w - ones * 0x20) & ~w) | w) & highs;
        if (marks != 0)
            return p + __builtin_ctzll(marks) / 8;
        p += 8;
    }
    while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
        p++;
    return p;
}

static int hex4(const char *p, const char *end)
{
    int value = 0;

    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* Bytes of the well-formed escape at p (a backslash) and its code point; 0 when it is not allowed. */
static size_t read_escape(const char *p, const char *end, int32_t *ret_code)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *found;
    int high, low;

    if (end - p < 2 || p[1] == '\0')
        return 0;
    found = strchr(names, p[1]);
    if (found != NULL) {
        *ret_code = values[found - names];
        return 2;
    }
    high = p[1] == 'u' ? hex4(p + 2, end) : -1;
    if (high <= 0 || (high >= 0xDC00 && high <= 0xDFFF))
        return 0;
    if (high < 0xD800 || high > 0xDBFF) {
        *ret_code = high;
        return 6;
    }
    low = end - p >= 12 && p[6] == '\\' && p[7] == 'u' ? hex4(p + 8, end) : -1;
    if (low < 0xDC00 || low > 0xDFFF)
        return 0;
    *ret_code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    return 12;
}

static size_t put_utf8(char *to, int32_t c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xC0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xE0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3F));
        to[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    to[0] = (char)(0xF0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 0x3F));
    to[2] = (char)(0x80 | (c >> 6 & 0x3F));
    to[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* Copies a checked string without its escapes; the result is never longer than the source. */
static int unescape(struct reader *r, const char *from, const char *end, struct bytes *ret_text)
{
    char *text = arena_alloc(r->arena, (size_t)(end - from)), *to = text;

    if (text == NULL)
        return reader_fail(r, ERR_NOMEM, MSG_NOMEM, from, r->open, "JSON");
    while (from < end) {
        const char *slash = memchr(from, '\\', (size_t)(end - from));
        size_t plain = (size_t)((slash != NULL ? slash : end) - from);
        int32_t c = 0;

        memcpy(to, from, plain);
        to += plain;
        from += plain;
        if (slash != NULL) {
            from += read_escape(from, end, &c);
            to += put_utf8(to, c);
        }
    }
    *ret_text = (struct bytes){ text, (size_t)(to - text) };
    return 0;
}

/* Why a byte inside a string is refused: broken encoding, an end that came too soon, or a bare control character. */
static int fail_in_string(struct reader *r, const char *p)
{
    static const unsigned char leads[] = { 0xF0, 4, 0xE0, 3, 0xC2, 2 };

    if (p >= r->end)
        return reader_fail(r, ERR_SYNTAX, MSG_JSON_TRUNCATED, r->end, r->open, NULL);
    if ((unsigned char)*p < 0x80)
        return reader_fail(r, ERR_SYNTAX, MSG_JSON_BAD_TEXT, p, r->open, NULL);
    for (size_t i = 0; i < sizeof leads; i += 2)
        if ((unsigned char)*p >= leads[i]) {
            if (r->end - p < leads[i + 1] && (unsigned char)*p < 0xF5)
                return reader_fail(r, ERR_SYNTAX, MSG_JSON_TRUNCATED, p, r->open, NULL);
            break;
        }
    return reader_fail(r, ERR_SYNTAX, MSG_JSON_NOT_UTF8, p, r->open, NULL);
}

static int fail_in_escape(struct reader *r, const char *p)
{
    size_t left = (size_t)(r->end - p);
    bool cut = left < 2 || (p[1] == 'u' && left < 12 && memchr(p, '"', left) == NULL);

    return reader_fail(r, ERR_SYNTAX, cut ? MSG_JSON_TRUNCATED : MSG_JSON_BAD_TEXT, p, r->open, NULL);
}

/* r->at is behind the opening quote; afterwards behind the closing one. */
static int read_string(struct reader *r, struct bytes *ret_text)
{
    const char *from = r->at, *p = from;
    bool escaped = false;

    for (;;) {
        p = skip_plain(p, r->end);
        if (p >= r->end)
            return fail_in_string(r, p);
        if (*p == '"')
            break;
        if (*p == '\\') {
            int32_t c;
            size_t n = read_escape(p, r->end, &c);

            if (n == 0)
                return fail_in_escape(r, p);
            escaped = true;
            p += n;
            continue;
        }
        while (p < r->end && (unsigned char)*p >= 0x80) {
            size_t pos = 0;

            /* U+1000 to U+CFFF, kana and kanji: well-formed by the shape of the bytes alone */
            if ((unsigned char)*p >= 0xE1 && (unsigned char)*p <= 0xEC && r->end - p >= 3 && ((unsigned char)p[1] & 0xC0) == 0x80 && ((unsigned char)p[2] & 0xC0) == 0x80) {
                p += 3;
                continue;
            }
            if (text_next(p, (size_t)(r->end - p), &pos) < 0)
                return fail_in_string(r, p);
            p += pos;
        }
        if (p < r->end && (unsigned char)*p < 0x20)
            return fail_in_string(r, p);
    }
    r->at = p + 1;
    if (escaped)
        return unescape(r, from, p, ret_text);
    *ret_text = (struct bytes){ from, (size_t)(p - from) };
    return 0;
}

/* --- numbers and words --------------------------------------------------------------------------------------------------------- */

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

static int read_number(struct reader *r, struct bytes *ret_text)
{
    const char *from = r->at, *p = from, *digits;

    p += *p == '-';
    digits = p;
    p = skip_digits(p, r->end);
    if (p == digits)
        return reader_fail_syntax(r, p);
    if (*digits == '0' && p - digits > 1)
        return reader_fail_syntax(r, digits + 1);
    if (p < r->end && *p == '.') {
        digits = p + 1;
        p = skip_digits(digits, r->end);
        if (p == digits)
            return reader_fail_syntax(r, p);
    }
    if (p < r->end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < r->end && (*p == '+' || *p == '-');
        digits = p;
        p = skip_digits(p, r->end);
        if (p == digits)
            return reader_fail_syntax(r, p);
    }
    r->at = p;
    *ret_text = (struct bytes){ from, (size_t)(p - from) };
    return 0;
}

static int read_word(struct reader *r, const char *word)
{
    for (size_t i = 0; word[i] != '\0'; i++)
        if (r->at + i >= r->end || r->at[i] != word[i])
            return reader_fail_syntax(r, r->at + i);
    r->at += strlen(word);
    return 0;
}

/* --- duplicate members --------------------------------------------------------------------------------------------------------- */

static bool same_key(const struct json_node *a, const struct json_node *b)
{
    return a->key_len == b->key_len && memcmp(a->key, b->key, a->key_len) == 0;
}

static uint64_t hash_key(const struct json_node *n, uint64_t seed)
{
    uint64_t h = seed ^ n->key_len;
    uint32_t i = 0;

    for (; n->key_len - i >= 8; i += 8) {
        uint64_t w;

        memcpy(&w, n->key + i, 8);
        h = (h ^ w) * UINT64_C(0x9E3779B97F4A7C15);
        h ^= h >> 32;
    }
    for (; i < n->key_len; i++)
        h = (h ^ (unsigned char)n->key[i]) * UINT64_C(0x100000001B3);
    h *= UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 29;
}

static int compare_keys(const void *left, const void *right)
{
    const struct json_node *a = *(const struct json_node *const *)left, *b = *(const struct json_node *const *)right;
    int order = a->key_len != b->key_len ? (a->key_len < b->key_len ? -1 : 1) : memcmp(a->key, b->key, a->key_len);

    return order != 0 ? order : (a->key_start > b->key_start) - (a->key_start < b->key_start);
}

/* The table (at least `count` long) is filled again and sorted. */
static const struct json_node *duplicate_by_sorting(const struct json_node **table, const struct json_node *object)
{
    size_t n = 0;

    for (const struct json_node *m = object->child; m != NULL; m = m->next)
        table[n++] = m;
    qsort(table, n, sizeof *table, compare_keys);
    for (size_t i = 1; i < n; i++)
        if (same_key(table[i - 1], table[i]))
            return table[i];
    return NULL;
}

static const struct json_node *duplicate_by_hash(const struct json_node **table, size_t size, const struct json_node *object)
{
    uint64_t seed = (uint64_t)(uintptr_t)object * UINT64_C(0xD6E8FEB86659FD93);
    size_t probes = 0, allowed = (size_t)object->count * PROBES_PER_MEMBER;

    memset(table, 0, size * sizeof *table);
    for (const struct json_node *m = object->child; m != NULL; m = m->next) {
        size_t i = (size_t)hash_key(m, seed) & (size - 1);

        for (; table[i] != NULL; i = (i + 1) & (size - 1)) {
            if (same_key(table[i], m))
                return m;
            if (++probes > allowed)
                return duplicate_by_sorting(table, object);
        }
        table[i] = m;
    }
    return NULL;
}

static int check_duplicates(struct reader *r, const struct json_node *object)
{
    const struct json_node *twice = NULL;
    size_t size = 4 * PAIRWISE_MAX;

    if (object->count <= PAIRWISE_MAX) {
        for (const struct json_node *a = object->child; a != NULL && twice == NULL; a = a->next)
            for (const struct json_node *b = a->next; b != NULL && twice == NULL; b = b->next)
                if (same_key(a, b))
                    twice = b;
    } else {
        while (size < 2 * (size_t)object->count)
            size *= 2;
        if (size > r->table_size) {
            const struct json_node **grown = realloc(r->table, size * sizeof *grown);

            if (grown == NULL)
                return reader_fail(r, ERR_NOMEM, MSG_NOMEM, r->at, object, "JSON");
            r->table = grown;
            r->table_size = size;
        }
        twice = duplicate_by_hash(r->table, size, object);
    }
    if (twice != NULL) {
        char name[ERR_ARG_MAX];
        size_t n = text_cut(twice->key, twice->key_len, sizeof name - 1);

        memcpy(name, twice->key, n);
        name[n] = '\0';
        return reader_fail(r, ERR_SYNTAX, MSG_JSON_DUPLICATE, r->start + twice->key_start, twice, name);
    }
    return 0;
}

/* --- values -------------------------------------------------------------------------------------------------------------------- */

static struct json_node *add_node(struct reader *r, enum json_type type)
{
    struct json_node *n;

    if (r->nodes >= r->max_nodes) {
        reader_fail(r, ERR_LIMIT, MSG_JSON_TOO_LARGE, r->at, r->open, NULL);
        return NULL;
    }
    if (r->block_left == 0) {
        r->block = arena_array(r->arena, r->block_size, sizeof *r->block);
        if (r->block == NULL) {
            reader_fail(r, ERR_NOMEM, MSG_NOMEM, r->at, r->open, "JSON");
            return NULL;
        }
        r->block_left = r->block_size;
    }
    n = r->block++;
    r->block_left--;
    n->number = r->nodes++;
    n->type = type;
    n->start = (uint32_t)(r->at - r->start);
    n->parent = r->open;
    n->key = r->key.data;
    n->key_len = (uint32_t)r->key.len;
    n->key_start = r->key_start;
    if (r->open == NULL) {
        r->root = n;
    } else {
        if (r->last != NULL)
            r->last->next = n;
        else
            r->open->child = n;
        r->open->count++;
    }
    r->last = n;
    r->key = (struct bytes){ NULL, 0 };
    return n;
}

static int open_container(struct reader *r, enum json_type type, enum expect *ret_expect)
{
    struct json_node *n;

    if (r->depth >= r->max_depth)
        return reader_fail(r, ERR_LIMIT, MSG_JSON_TOO_DEEP, r->at, r->open, NULL);
    n = add_node(r, type);
    if (n == NULL)
        return r->nodes >= r->max_nodes ? ERR_LIMIT : ERR_NOMEM;
    r->depth++;
    r->at++;
    r->open = n;
    r->last = NULL;
    *ret_expect = type == JSON_OBJECT ? EXPECT_KEY_OR_END : EXPECT_VALUE_OR_END;
    return 0;
}

static int close_container(struct reader *r, enum expect *ret_expect)
{
    struct json_node *n = r->open;

    if (*r->at != (n->type == JSON_OBJECT ? '}' : ']'))
        return reader_fail_syntax(r, r->at);
    r->at++;
    n->end = (uint32_t)(r->at - r->start);
    if (n->type == JSON_OBJECT && n->count > 1) {
        int code = check_duplicates(r, n);

        if (code < 0)
            return code;
    }
    r->depth--;
    r->last = n;
    r->open = (struct json_node *)n->parent;
    *ret_expect = r->open == NULL ? EXPECT_NOTHING : EXPECT_COMMA_OR_END;
    return 0;
}

static int read_scalar(struct reader *r, enum json_type type)
{
    static const char *const words[] = { [JSON_NULL] = "null", [JSON_FALSE] = "false", [JSON_TRUE] = "true" };
    struct json_node *n = add_node(r, type);
    struct bytes text = { NULL, 0 };
    int code;

    if (n == NULL)
        return r->nodes >= r->max_nodes ? ERR_LIMIT : ERR_NOMEM;
    if (type == JSON_STRING) {
        r->at++;
        code = read_string(r, &text);
    } else if (type == JSON_NUMBER) {
        code = read_number(r, &text);
    } else {
        code = read_word(r, words[type]);
    }
    n->text = text.data;
    n->len = (uint32_t)text.len;
    n->end = (uint32_t)(r->at - r->start);
    return code;
}

static int read_value(struct reader *r, enum expect *ret_expect)
{
    int code;

    switch (*r->at) {
    case '{': return open_container(r, JSON_OBJECT, ret_expect);
    case '[': return open_container(r, JSON_ARRAY, ret_expect);
    case '"': code = read_scalar(r, JSON_STRING); break;
    case 't': code = read_scalar(r, JSON_TRUE); break;
    case 'f': code = read_scalar(r, JSON_FALSE); break;
    case 'n': code = read_scalar(r, JSON_NULL); break;
    default:
        if (*r->at != '-' && (*r->at < '0' || *r->at > '9'))
            return reader_fail_syntax(r, r->at);
        code = read_scalar(r, JSON_NUMBER);
        break;
    }
    *ret_expect = r->open == NULL ? EXPECT_NOTHING : EXPECT_COMMA_OR_END;
    return code;
}

static int read_key(struct reader *r)
{
    int code;

    if (*r->at != '"')
        return reader_fail_syntax(r, r->at);
    r->key_start = (uint32_t)(r->at - r->start);
    r->at++;
    code = read_string(r, &r->key);
    if (code < 0)
        return code;
    skip_space(r);
    if (r->at >= r->end || *r->at != ':')
        return reader_fail_syntax(r, r->at);
    r->at++;
    return 0;
}

static int read_document(struct reader *r)
{
    enum expect expect = EXPECT_VALUE;
    int code = 0;

    while (code == 0) {
        skip_space(r);
        if (r->at >= r->end)
            return expect == EXPECT_NOTHING ? 0 : reader_fail_syntax(r, r->end);
        switch (expect) {
        case EXPECT_VALUE_OR_END:
            code = *r->at == ']' ? close_container(r, &expect) : read_value(r, &expect);
            break;
        case EXPECT_VALUE:
            code = read_value(r, &expect);
            break;
        case EXPECT_KEY_OR_END:
            if (*r->at == '}') {
                code = close_container(r, &expect);
                break;
            }
            /* fall through */
        case EXPECT_KEY:
            code = read_key(r);
            expect = EXPECT_VALUE;
            break;
        case EXPECT_COMMA_OR_END:
            if (*r->at != ',') {
                code = close_container(r, &expect);
            } else {
                r->at++;
                expect = r->open->type == JSON_OBJECT ? EXPECT_KEY : EXPECT_VALUE;
            }
            break;
        case EXPECT_NOTHING:
            return reader_fail(r, ERR_SYNTAX, MSG_JSON_TRAILING, r->at, NULL, NULL);
        }
    }
    return code;
}

int json_parse(const char *bytes, size_t len, const struct json_limits *limits, struct arena *arena, const struct json_node **ret_root, struct err *e)
{
    size_t max_bytes = limits != NULL && limits->max_bytes > 0 ? limits->max_bytes : DEFAULT_BYTES;
    struct reader r = {
        .start = bytes, .at = bytes, .end = bytes + len, .arena = arena, .e = e,
        .max_depth = limits != NULL && limits->max_depth > 0 ? limits->max_depth : DEFAULT_DEPTH,
        .max_nodes = limits != NULL && limits->max_nodes > 0 ? limits->max_nodes : DEFAULT_NODES,
        .block_size = len / 32 < BLOCK_MIN ? BLOCK_MIN : len / 32 > BLOCK_MAX ? BLOCK_MAX : len / 32
    };
    int code;

    if (len > max_bytes || len >= UINT32_MAX)
        return err_set(e, ERR_LIMIT, MSG_JSON_TOO_LARGE, NULL, NULL, NULL);
    if (len >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
        return reader_fail(&r, ERR_SYNTAX, MSG_JSON_BOM, bytes, NULL, NULL);
    code = read_document(&r);
    free(r.table);
    if (code == 0)
        *ret_root = r.root;
    return code;
}

/* --- looking at the tree ------------------------------------------------------------------------------------------------------- */

const struct json_node *json_get_member(const struct json_node *object, const char *name, size_t len)
{
    if (object == NULL || object->type != JSON_OBJECT)
        return NULL;
    for (const struct json_node *m = object->child; m != NULL; m = m->next)
        if (m->key_len == len && (len == 0 || (m->key[0] == name[0] && memcmp(m->key, name, len) == 0)))
            return m;
    return NULL;
}

const struct json_node *json_at(const struct json_node *array, size_t index)
{
    const struct json_node *item;

    if (array == NULL || array->type != JSON_ARRAY || index >= array->count)
        return NULL;
    for (item = array->child; item != NULL && index > 0; index--)
        item = item->next;
    return item;
}

const struct json_node *json_path(const struct json_node *node, const char *path)
{
    while (node != NULL && *path != '\0') {
        size_t len = strcspn(path, "/");

        if (node->type == JSON_ARRAY) {
            int64_t index;

            if (text_to_int64(path, len, 0, UINT32_MAX, &index) < 0)
                return NULL;
            node = json_at(node, (size_t)index);
        } else {
            node = json_get_member(node, path, len);
        }
        path += len;
        path += *path == '/';
    }
    return node;
}

bool json_equals(const struct json_node *node, const char *text)
{
    return json_is(node, JSON_STRING) && node->len == strlen(text) && memcmp(node->text, text, node->len) == 0;
}

const char *json_dup(struct arena *arena, const struct json_node *node)
{
    if (!json_is(node, JSON_STRING) && !json_is(node, JSON_NUMBER))
        return NULL;
    return arena_strndup(arena, node->text, node->len);
}

const char *json_get_text(struct arena *arena, const struct json_node *object, const char *name)
{
    const struct json_node *member = json_get(object, name);

    return json_is(member, JSON_STRING) ? json_dup(arena, member) : NULL;
}

int json_to_int64(const struct json_node *node, int64_t *ret_value)
{
    int code;

    if (!json_is(node, JSON_NUMBER))
        return ERR_INVALID;
    code = text_to_int64(node->text, node->len, INT64_MIN, INT64_MAX, ret_value);
    return code == ERR_SYNTAX ? ERR_INVALID : code;
}

/* Writes one step of a pointer backwards in front of *pos, keeping 3 bytes free for the mark of a cut. False when it does not fit. */
static bool put_step(char *text, size_t *pos, const char *step, size_t len)
{
    while (len > 0) {
        char c = step[--len];

        if (*pos < 5)
            return false;
        text[--*pos] = c == '~' ? '0' : c == '/' ? '1' : c;
        if (c == '~' || c == '/')
            text[--*pos] = '~';
    }
    if (*pos < 4)
        return false;
    text[--*pos] = '/';
    return true;
}

void json_pointer(const struct json_node *node, char *ret_text, size_t size)
{
    size_t pos = size;
    bool whole = true;

    if (size == 0)
        return;
    ret_text[--pos] = '\0';
    for (; node != NULL && node->parent != NULL && whole; node = node->parent) {
        if (node->key != NULL) {
            whole = put_step(ret_text, &pos, node->key, node->key_len);
        } else {
            char number[24], *first = number + sizeof number;
            size_t index = 0;

            for (const struct json_node *n = node->parent->child; n != node; n = n->next)
                index++;
            do
                *--first = (char)('0' + index % 10);
            while ((index /= 10) > 0);
            whole = put_step(ret_text, &pos, first, (size_t)(number + sizeof number - first));
        }
    }
    if (!whole) {
        while (((unsigned char)ret_text[pos] & 0xC0) == 0x80)
            pos++;
        if (pos >= 3) {
            pos -= 3;
            memcpy(ret_text + pos, "…", 3);
        }
    }
    memmove(ret_text, ret_text + pos, size - pos);
}

void json_line_column(const char *bytes, size_t len, size_t offset, uint32_t *ret_line, uint32_t *ret_column)
{
    uint32_t line = 1, column = 1;
    const char *p = bytes, *end = bytes + (offset < len ? offset : len), *newline;

    while (p < end && (newline = memchr(p, '\n', (size_t)(end - p))) != NULL) {
        line++;
        p = newline + 1;
    }
    for (; p < end; p++)
        column += ((unsigned char)*p & 0xC0) != 0x80;
    *ret_line = line;
    *ret_column = column;
}
