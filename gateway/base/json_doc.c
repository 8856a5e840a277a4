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
    FEW_MAX = 4,                       /* members of which just the first bytes of the names are compared */
    DISTINCT_MAX = 24,                 /* members looked at for names that may be alike */
    PROBES_PER_MEMBER = 16             /* beyond this many on average the hash table is given up */
};

enum expect { EXPECT_VALUE, EXPECT_FIRST_OR_END, EXPECT_COMMA_OR_END, EXPECT_NOTHING };

/* Functions that read take the place where they begin and return the one behind what they read; NULL when it is refused, `code` then says how. */
struct reader {
    const char *start, *end;
    struct arena *arena;
    uint32_t max_depth, max_nodes, depth, nodes;
    struct json_node *block;      /* fresh nodes */
    size_t block_left, block_size;
    const struct json_node *root, **link /* where the next node goes */;
    struct json_node *open;       /* container being filled */
    struct bytes key;             /* of the value to come, within an object */
    uint64_t key_word;
    uint32_t key_start;
    const struct json_node **table;
    size_t table_size;
    int code;
    struct err *e;
};

static const char *reader_fail(struct reader *r, enum err_code code, enum msg_id msg, const char *at, const struct json_node *node, const char *arg)
{
    r->code = (int)code;
    if (r->e != NULL) {
        char place[ERR_PLACE_MAX] = "";

        if (node != NULL)
            json_pointer(node, place, sizeof place);
        err_set(r->e, code, msg, place, arg, NULL);
        r->e->offset = at - r->start;
        json_line_column(r->start, (size_t)(r->end - r->start), (size_t)(at - r->start), &r->e->line, &r->e->column);
    }
    return NULL;
}

/* The byte at `at` cannot stand there: says why. */
static const char *reader_fail_syntax(struct reader *r, const char *at)
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
static const char *skip_blanks(const char *p, const char *end)
{
    const uint64_t blanks = UINT64_C(0x2020202020202020);

    for (; p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'); p++)
        while (end - p > 8 && eight_bytes(p + 1) == blanks)
            p += 8;
    return p;
}

static inline const char *skip_space(const char *p, const char *end)
{
    return p < end && (unsigned char)*p > ' ' ? p : skip_blanks(p, end);
}

/* --- strings ------------------------------------------------------------------------------------------------------------------- */

/* Skips bytes that are ordinary ASCII in a string, eight at a time: no quote, no backslash, no control, no byte over 0x7F. */
static inline const char *skip_plain(const char *p, const char *end)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);

    while (end - p >= 8) {
        uint64_t w = eight_bytes(p), marks;

        /* Turned by 2, the quote stands right above the controls. A difference borrows from a higher byte only behind one that is marked, so the first mark is right. */
        marks = (((w ^ ones * 2) - ones * 0x21) | ((w ^ ones * '\\') - ones) | w) & highs;
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

/* Copies a checked string without its escapes; the result is never longer than the source. False when memory is out. */
static bool unescape(struct reader *r, const char *from, const char *end, struct bytes *ret_text)
{
    char *text = arena_alloc(r->arena, (size_t)(end - from)), *to = text;

    if (text == NULL)
        return reader_fail(r, ERR_NOMEM, MSG_NOMEM, from, r->open, "JSON") != NULL;
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
    return true;
}

/* Why a byte inside a string is refused: broken encoding, an end that came too soon, or a bare control character. */
static const char *fail_in_string(struct reader *r, const char *p)
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

static const char *fail_in_escape(struct reader *r, const char *p)
{
    size_t left = (size_t)(r->end - p);
    bool cut = left < 2 || (p[1] == 'u' && left < 12 && memchr(p, '"', left) == NULL);

    return reader_fail(r, ERR_SYNTAX, cut ? MSG_JSON_TRUNCATED : MSG_JSON_BAD_TEXT, p, r->open, NULL);
}

/* Bytes over 0x7F, well-formed. Kana and kanji are that by the shape of their bytes alone, and two are looked at at once. */
static const char *skip_letters(struct reader *r, const char *p)
{
    const uint64_t shape = UINT64_C(0xC0C0F0C0C0F0), three = UINT64_C(0x8080E08080E0);
    const unsigned by_shape = 0xDFFE;   /* lead bytes but E0, which may be too long a form, and ED, which may be a surrogate */

    while (p < r->end && (unsigned char)*p >= 0x80) {
        size_t pos = 0;

        while (r->end - p >= 8) {
            uint64_t w = eight_bytes(p);

            if ((w & shape) != three || (by_shape >> (w & 15) & by_shape >> (w >> 24 & 15) & 1) == 0)
                break;
            p += 6;
        }
        if (p < r->end && (unsigned char)*p < 0x80)
            break;
        if (text_next(p, (size_t)(r->end - p), &pos) < 0)
            return fail_in_string(r, p);
        p += pos;
    }
    return p;
}

/* A string that is more than plain ASCII; it is that up to p. */
static const char *read_rich_string(struct reader *r, const char *from, const char *p, struct bytes *ret_text)
{
    bool escaped = false;

    for (;; p = skip_plain(p, r->end)) {
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
        if ((unsigned char)*p < 0x80)
            return fail_in_string(r, p);
        p = skip_letters(r, p);
        if (p == NULL)
            return NULL;
    }
    *ret_text = (struct bytes){ from, (size_t)(p - from) };
    return escaped && !unescape(r, from, p, ret_text) ? NULL : p + 1;
}

/* `from` is behind the opening quote. */
static inline const char *read_string(struct reader *r, const char *from, struct bytes *ret_text)
{
    const char *p = skip_plain(from, r->end);

    if (p >= r->end || *p != '"')
        return read_rich_string(r, from, p, ret_text);
    *ret_text = (struct bytes){ from, (size_t)(p - from) };
    return p + 1;
}

/* --- numbers and words --------------------------------------------------------------------------------------------------------- */

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

static const char *read_number(struct reader *r, const char *from, struct bytes *ret_text)
{
    const char *p = from, *digits;

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
    *ret_text = (struct bytes){ from, (size_t)(p - from) };
    return p;
}

static const char *read_word(struct reader *r, const char *p, const char *word)
{
    for (; *word != '\0'; p++, word++)
        if (p >= r->end || *p != *word)
            return reader_fail_syntax(r, p);
    return p;
}

/* --- duplicate members --------------------------------------------------------------------------------------------------------- */

static bool same_key(const struct json_node *a, const struct json_node *b)
{
    return json_named(a, b->key_word, b->key, b->key_len);
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

/* Names are equal when their first eight bytes are, at least; in larger objects one bit for a name does: as long as none falls on another, no two are equal. */
static bool may_have_duplicates(const struct json_node *object)
{
    uint64_t seen = 0, bit;

    if (object->count <= FEW_MAX) {
        for (const struct json_node *a = object->child; a != NULL; a = a->next)
            for (const struct json_node *b = a->next; b != NULL; b = b->next)
                if (a->key_word == b->key_word)
                    return true;
        return false;
    }
    if (object->count > DISTINCT_MAX)
        return true;
    for (const struct json_node *m = object->child; m != NULL; m = m->next, seen |= bit) {
        bit = UINT64_C(1) << ((m->key_word + m->key_len) * UINT64_C(0x9E3779B97F4A7C15) >> 58);
        if ((seen & bit) != 0)
            return true;
    }
    return false;
}

/* False when a member is there twice, which is said. */
static bool check_duplicates(struct reader *r, const struct json_node *object, const char *at)
{
    const struct json_node *twice = NULL;
    size_t size = 4 * PAIRWISE_MAX;

    if (!may_have_duplicates(object))
        return true;
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
                return reader_fail(r, ERR_NOMEM, MSG_NOMEM, at, object, "JSON") != NULL;
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
        reader_fail(r, ERR_SYNTAX, MSG_JSON_DUPLICATE, r->start + twice->key_start, twice, name);
    }
    return twice == NULL;
}

/* --- values -------------------------------------------------------------------------------------------------------------------- */

static bool more_nodes(struct reader *r, const char *at)
{
    size_t left = r->max_nodes - r->nodes, count = r->block_size < left ? r->block_size : left;

    if (left == 0)
        return reader_fail(r, ERR_LIMIT, MSG_JSON_TOO_LARGE, at, r->open, NULL) != NULL;
    r->block = arena_array(r->arena, count, sizeof *r->block);
    if (r->block == NULL)
        return reader_fail(r, ERR_NOMEM, MSG_NOMEM, at, r->open, "JSON") != NULL;
    r->block_left = count;
    return true;
}

/* A node for the value at `at`; NULL when there is no room for it. */
static inline struct json_node *add_node(struct reader *r, enum json_type type, const char *at)
{
    struct json_node *n, *open = r->open;

    if (r->block_left == 0 && !more_nodes(r, at))
        return NULL;
    n = r->block++;
    r->block_left--;
    n->number = r->nodes++;
    n->type = type;
    n->start = (uint32_t)(at - r->start);
    n->parent = open;
    n->key_start = r->key_start;
    if (open != NULL) {
        if (open->type == JSON_OBJECT) {
            n->key = r->key.data;
            n->key_len = (uint32_t)r->key.len;
            n->key_word = r->key_word;
        }
        open->count++;
    }
    *r->link = n;
    r->link = &n->next;
    return n;
}

static const char *open_container(struct reader *r, enum json_type type, const char *p, enum expect *ret_expect)
{
    struct json_node *n;

    if (r->depth >= r->max_depth)
        return reader_fail(r, ERR_LIMIT, MSG_JSON_TOO_DEEP, p, r->open, NULL);
    n = add_node(r, type, p);
    if (n == NULL)
        return NULL;
    r->depth++;
    r->open = n;
    r->link = &n->child;
    *ret_expect = EXPECT_FIRST_OR_END;
    return p + 1;
}

static const char *close_container(struct reader *r, const char *p, enum expect *ret_expect)
{
    struct json_node *n = r->open;

    if (*p != (n->type == JSON_OBJECT ? '}' : ']'))
        return reader_fail_syntax(r, p);
    p++;
    n->end = (uint32_t)(p - r->start);
    if (n->type == JSON_OBJECT && n->count > 1 && !check_duplicates(r, n, p))
        return NULL;
    r->depth--;
    r->link = &n->next;
    r->open = (struct json_node *)n->parent;
    *ret_expect = r->open == NULL ? EXPECT_NOTHING : EXPECT_COMMA_OR_END;
    return p;
}

/* p: behind the value, or NULL when it could not be read. */
static inline const char *end_scalar(const struct reader *r, struct json_node *n, const char *p, const struct bytes *text)
{
    if (p == NULL)
        return NULL;
    n->text = text->data;
    n->len = (uint32_t)text->len;
    n->end = (uint32_t)(p - r->start);
    return p;
}

static inline const char *read_text(struct reader *r, const char *p)
{
    struct json_node *n = add_node(r, JSON_STRING, p);
    struct bytes text = { NULL, 0 };

    if (n == NULL)
        return NULL;
    return end_scalar(r, n, read_string(r, p + 1, &text), &text);
}

static const char *read_other(struct reader *r, const char *p)
{
    static const char *const words[] = { [JSON_NULL] = "null", [JSON_FALSE] = "false", [JSON_TRUE] = "true" };
    enum json_type type = *p == 't' ? JSON_TRUE : *p == 'f' ? JSON_FALSE : *p == 'n' ? JSON_NULL : JSON_NUMBER;
    struct bytes text = { NULL, 0 };
    struct json_node *n;

    if (type == JSON_NUMBER && *p != '-' && (*p < '0' || *p > '9'))
        return reader_fail_syntax(r, p);
    n = add_node(r, type, p);
    if (n == NULL)
        return NULL;
    return end_scalar(r, n, type == JSON_NUMBER ? read_number(r, p, &text) : read_word(r, p, words[type]), &text);
}

static inline const char *read_value(struct reader *r, const char *p, enum expect *ret_expect)
{
    if (*p == '{')
        return open_container(r, JSON_OBJECT, p, ret_expect);
    if (*p == '[')
        return open_container(r, JSON_ARRAY, p, ret_expect);
    *ret_expect = r->open == NULL ? EXPECT_NOTHING : EXPECT_COMMA_OR_END;
    return *p == '"' ? read_text(r, p) : read_other(r, p);
}

/* json_word() of the name that was just read, without a loop where eight bytes can be read; `from`: where it stands when it has no escapes. */
static inline uint64_t word_of(const struct reader *r, const char *from)
{
    uint64_t word;

    if (r->key.data != from || r->end - from < (ptrdiff_t)sizeof word)
        return json_word(r->key.data, r->key.len);
    memcpy(&word, from, sizeof word);
    return r->key.len >= sizeof word ? word : word & htole64((UINT64_C(1) << r->key.len * 8) - 1);
}

/* Up to the value, which is there. */
static inline const char *read_key(struct reader *r, const char *p)
{
    const char *from = p + 1;

    if (*p != '"')
        return reader_fail_syntax(r, p);
    r->key_start = (uint32_t)(p - r->start);
    p = read_string(r, from, &r->key);
    if (p == NULL)
        return NULL;
    r->key_word = word_of(r, from);
    if (r->end - p >= 2 && *p == ':' && (unsigned char)p[1] > ' ')
        return p + 1;
    p = skip_space(p, r->end);
    if (p >= r->end || *p != ':')
        return reader_fail_syntax(r, p);
    p = skip_space(p + 1, r->end);
    return p < r->end ? p : reader_fail_syntax(r, p);
}

static void read_document(struct reader *r)
{
    enum expect expect = EXPECT_VALUE;
    const char *p = r->start;

    while (p != NULL) {
        p = skip_space(p, r->end);
        if (p >= r->end || expect == EXPECT_NOTHING) {
            if (p < r->end)
                reader_fail(r, ERR_SYNTAX, MSG_JSON_TRAILING, p, NULL, NULL);
            else if (expect != EXPECT_NOTHING)
                reader_fail_syntax(r, p);
            return;
        }
        if (expect == EXPECT_COMMA_OR_END ? *p != ',' : expect == EXPECT_FIRST_OR_END && *p == (r->open->type == JSON_OBJECT ? '}' : ']')) {
            p = close_container(r, p, &expect);
            continue;
        }
        if (expect == EXPECT_COMMA_OR_END)
            p = skip_space(p + 1, r->end);
        if (p >= r->end)
            p = reader_fail_syntax(r, p);
        else if (r->open != NULL && r->open->type == JSON_OBJECT)
            p = read_key(r, p);
        if (p != NULL)
            p = read_value(r, p, &expect);
    }
}

int json_parse(const char *bytes, size_t len, const struct json_limits *limits, struct arena *arena, const struct json_node **ret_root, struct err *e)
{
    size_t max_bytes = limits != NULL && limits->max_bytes > 0 ? limits->max_bytes : DEFAULT_BYTES;
    struct reader r = {
        .start = bytes, .end = bytes + len, .arena = arena, .e = e,
        .max_depth = limits != NULL && limits->max_depth > 0 ? limits->max_depth : DEFAULT_DEPTH,
        .max_nodes = limits != NULL && limits->max_nodes > 0 ? limits->max_nodes : DEFAULT_NODES,
        .block_size = len / 32 < BLOCK_MIN ? BLOCK_MIN : len / 32 > BLOCK_MAX ? BLOCK_MAX : len / 32
    };

    if (len > max_bytes || len >= UINT32_MAX)
        return err_set(e, ERR_LIMIT, MSG_JSON_TOO_LARGE, NULL, NULL, NULL);
    if (len >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
        reader_fail(&r, ERR_SYNTAX, MSG_JSON_BOM, bytes, NULL, NULL);
    r.link = &r.root;
    if (r.code == 0)
        read_document(&r);
    free(r.table);
    if (r.code == 0)
        *ret_root = r.root;
    return r.code;
}
