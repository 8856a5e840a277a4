/*
 * NAME
 *     code_map - local codes and the standard codes that stand for them
 *
 * SYNOPSIS
 *     code_map_load, code_map_parse, code_map_find, code_map_count, code_map_free
 *
 * DESCRIPTION
 *     The file is read into one arena and sorted by list, local code and material, so that a look-up is a binary search. Forms of codes are
 *     those of the lists; whether a code exists is the concern of the check of the finished Bundle.
 *
 * DIAGNOSTICS
 *     MSG_CODES_MAP_LINE and MSG_CODES_MAP_TWICE with the line; ERR_LIMIT, ERR_NOMEM.
 */
#include "codes/code_map.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/text.h"

enum { FILE_MAX_BYTES = 16 << 20, ENTRIES_MAX = 200000, FIELDS = 5, LOCAL_MAX = 64 };

#define CAPITALS "0-9A-Z"

static const struct list { const char *name, *begins, *alphabet; size_t len; } lists[] = {
    { "disease_key", "", "0-9", 8 }, { "allergen_food", "J9F", CAPITALS, 12 }, { "allergen_other", "J9N", CAPITALS, 12 }, { "allergen_drug", "YCM", CAPITALS, 15 },
    { "allergen_ingredient", "GCM", CAPITALS, 15 }, { "jlac10", "", CAPITALS, 17 }, { "jlac10_core", "", CAPITALS, 17 }, { "jlac10_infection", "", CAPITALS, 17 },
    { "jlac10_general", "", CAPITALS, 17 }, { "yj", "", CAPITALS, 12 }, { "drug_general", "", CAPITALS, 12 }, { "usage", "", CAPITALS, 16 },
};

struct row { struct code_map_entry entry; unsigned line; };

struct code_map {
    struct arena *arena;
    struct row *row;
    size_t count;
};

struct reader { struct code_map *map; const char *file; size_t room; unsigned line; struct err *e; };

static int fail(const struct reader *r, enum msg_id msg, const char *what)
{
    char place[ERR_PLACE_MAX];

    snprintf(place, sizeof place, "%s:%u", r->file, r->line);
    return err_set(r->e, ERR_INVALID, msg, place, what, NULL);
}

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "code map", NULL);
}

/* One field from *at, unquoted; *at moves behind its comma, or to the end, after which there is no more. */
static int take_field(struct reader *r, const char **at, const char *end, const char **ret_field, bool *ret_more)
{
    const char *p = *at;
    char *field = arena_alloc(r->map->arena, (size_t)(end - p) + 1), *to = field;

    if (field == NULL)
        return no_memory(r->e);
    if (p < end && *p == '"') {
        for (p++; p < end && (*p != '"' || (p + 1 < end && p[1] == '"')); p++) {
            p += *p == '"';
            *to++ = *p;
        }
        if (p == end || (++p < end && *p != ','))
            return fail(r, MSG_CODES_MAP_LINE, MSG_WORDS("a quotation mark is not closed", "引用符が閉じていません"));
    } else {
        while (p < end && *p != ',')
            *to++ = *p++;
        while (to > field && to[-1] == ' ')
            to--;
        while (*field == ' ' && to > field)
            field++;
    }
    *to = '\0';
    *ret_more = p < end;
    *at = p + (p < end);
    *ret_field = field;
    return 0;
}

static int check_row(const struct reader *r, const struct code_map_entry *entry)
{
    const struct list *list = NULL;
    size_t len = strlen(entry->code);

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (strcmp(lists[i].name, entry->list) == 0)
            list = &lists[i];
    if (list == NULL)
        return fail(r, MSG_CODES_MAP_LINE, MSG_WORDS("the first column must be one of disease_key allergen_food allergen_other allergen_drug allergen_ingredient jlac10 jlac10_core jlac10_infection jlac10_general yj drug_general usage",
                                                     "1 列目は disease_key allergen_food allergen_other allergen_drug allergen_ingredient jlac10 jlac10_core jlac10_infection jlac10_general yj drug_general usage のどれか"));
    if (entry->local_code[0] == '\0' || strlen(entry->local_code) > LOCAL_MAX)
        return fail(r, MSG_CODES_MAP_LINE, MSG_WORDS("the second column is the local code, at most 64 bytes", "2 列目は院内コード（64 バイトまで）"));
    if (entry->material[0] != '\0' && strncmp(entry->list, "jlac10", 6) != 0)
        return fail(r, MSG_CODES_MAP_LINE, MSG_WORDS("only laboratory items have a material in the third column", "3 列目の材料は検査だけに書けます"));
    if (len != list->len || !text_all_of(entry->code, len, list->alphabet) || strncmp(entry->code, list->begins, strlen(list->begins)) != 0)
        return fail(r, MSG_CODES_MAP_LINE, MSG_WORDS("the fourth column is no code of that list", "4 列目がその一覧のコードの形ではありません"));
    return 0;
}

static int add_row(struct reader *r, const struct code_map_entry *entry)
{
    if (r->map->count == ENTRIES_MAX)
        return err_set(r->e, ERR_LIMIT, MSG_LIMIT, r->file, "200000", NULL);
    if (r->map->count == r->room) {
        size_t room = r->room == 0 ? 256 : r->room * 2;
        struct row *more = realloc(r->map->row, room * sizeof *more);
        if (more == NULL)
            return no_memory(r->e);
        r->map->row = more;
        r->room = room;
    }
    r->map->row[r->map->count++] = (struct row){ *entry, r->line };
    return check_row(r, entry);
}

static int take_line(struct reader *r, const char *at, const char *end)
{
    const char *field[FIELDS + 1] = { "", "", "", "", "", "" };
    bool more = true;

    while (end > at && (end[-1] == '\r' || end[-1] == ' '))
        end--;
    if (at == end || *at == '#')
        return 0;
    if (!text_is_utf8(at, (size_t)(end - at)) || text_find_control(at, (size_t)(end - at), false) >= 0)
        return fail(r, MSG_CODES_MAP_LINE, MSG_WORDS("not UTF-8, or a control character", "UTF-8 でないか、制御文字があります"));
    for (size_t i = 0; more; i++) {
        int code = take_field(r, &at, end, &field[i < FIELDS ? i : FIELDS], &more);
        if (code == 0 && i >= FIELDS && field[FIELDS][0] != '\0')
            code = fail(r, MSG_CODES_MAP_LINE, MSG_WORDS("more than five columns", "6 列以上あります"));
        if (code < 0)
            return code;
    }
    if (strcmp(field[0], "list") == 0)
        return 0;
    return add_row(r, &(struct code_map_entry){ field[0], field[1], field[2], field[3], field[4] });
}

static int compare_keys(const struct code_map_entry *a, const struct code_map_entry *b)
{
    int c = strcmp(a->list, b->list);

    c = c != 0 ? c : strcmp(a->local_code, b->local_code);
    return c != 0 ? c : strcmp(a->material, b->material);
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int c = compare_keys(&x->entry, &y->entry);

    return c != 0 ? c : (x->line > y->line) - (x->line < y->line);
}

static int settle(struct reader *r)
{
    if (r->map->count > 1)
        qsort(r->map->row, r->map->count, sizeof *r->map->row, compare_rows);
    for (size_t i = 1; i < r->map->count; i++)
        if (compare_keys(&r->map->row[i - 1].entry, &r->map->row[i].entry) == 0) {
            r->line = r->map->row[i].line;
            return fail(r, MSG_CODES_MAP_TWICE, r->map->row[i].entry.local_code);
        }
    return 0;
}

int code_map_parse(const char *file, const char *bytes, size_t len, struct code_map **ret_map, struct err *e)
{
    static const char mark[] = "\xef\xbb\xbf";
    struct code_map *map = calloc(1, sizeof *map);
    struct reader r = { .map = map, .file = file, .e = e };
    const char *at = bytes, *end = bytes + len;
    int code = map == NULL || (map->arena = arena_new(4 * (size_t)FILE_MAX_BYTES)) == NULL ? no_memory(e) : 0;

    if (code == 0 && len > FILE_MAX_BYTES)
        code = err_set(e, ERR_LIMIT, MSG_LIMIT, file, "16 MiB", NULL);
    if (len >= sizeof mark - 1 && memcmp(bytes, mark, sizeof mark - 1) == 0)
        at += sizeof mark - 1;
    while (code == 0 && at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop == NULL ? end : stop;
        r.line++;
        code = take_line(&r, at, stop);
        at = stop < end ? stop + 1 : end;
    }
    if (code == 0)
        code = settle(&r);
    if (code == 0)
        *ret_map = map;
    else
        code_map_free(map);
    return code;
}

int code_map_load(const char *path, struct code_map **ret_map, struct err *e)
{
    struct buf text;
    int r;

    buf_init(&text, FILE_MAX_BYTES + 1);
    r = file_read(AT_FDCWD, path, FILE_MAX_BYTES, &text, e);
    if (r == 0)
        r = code_map_parse(path, text.data, text.len, ret_map, e);
    buf_free(&text);
    return r;
}

static const struct code_map_entry *find_exact(const struct code_map *map, const struct code_map_entry *wanted)
{
    size_t low = 0, high = map->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int c = compare_keys(&map->row[middle].entry, wanted);
        if (c == 0)
            return &map->row[middle].entry;
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct code_map_entry *code_map_find(const struct code_map *map, const char *list, const char *local_code, const char *material)
{
    const struct code_map_entry *found = NULL;

    if (map == NULL || list == NULL || local_code == NULL)
        return NULL;
    if (material != NULL && material[0] != '\0')
        found = find_exact(map, &(struct code_map_entry){ list, local_code, material, NULL, NULL });
    return found != NULL ? found : find_exact(map, &(struct code_map_entry){ list, local_code, "", NULL, NULL });
}

size_t code_map_count(const struct code_map *map)
{
    return map == NULL ? 0 : map->count;
}

struct code_map *code_map_free(struct code_map *map)
{
    if (map != NULL) {
        arena_free(map->arena);
        free(map->row);
        free(map);
    }
    return NULL;
}
