/*
 * NAME
 *     source_map - from a place in a Bundle to the vendor's line
 *
 * SYNOPSIS
 *     #include "chart/source_map.h"
 *
 * DESCRIPTION
 *     Entries stand in the order of adding, found through an open hash table over the normalised location. Looking up cuts the location step
 *     by step from its end and asks the table each time, so its cost is the depth of the location and not the size of the map.
 *     Normal form: comments are left out; `value.ofType(Quantity)` becomes `valueQuantity`, the name in JSON; behind a whole resource the
 *     type is left out. So the validator's typed paths meet the builder's plain ones.
 *
 * DIAGNOSTICS
 *     source_map_read(): ERR_CORRUPT, place "line:N". A stored map is our own data: it was damaged.
 */
#include "chart/source_map.h"

#include "base/text.h"

enum { LOCATION_MAX = 1024, ENTRIES_MAX = 200000, FIRST_ROOM = 256 };

struct entry { const char *location; size_t len; struct chart_place place; };

struct source_map {
    struct arena *arena;
    struct entry *entry;
    uint32_t *slot;          /* index + 1 into entry, 0 = free; slots = 2 * room, a power of two */
    size_t count, room;
};

static const char header[] = "clinsgw-source-map 2\n", header_whole[] = "clinsgw-source-map 1\n"; /* of the same length */

struct source_map *source_map_new(struct arena *arena)
{
    struct source_map *map = arena_alloc(arena, sizeof *map);
    if (map != NULL)
        map->arena = arena;
    return map;
}

/* Eight bytes at a time: the keys are our own locations, nobody attacks this table. */
static size_t hash(const char *text, size_t len)
{
    uint64_t h = 0xcbf29ce484222325u ^ len, word;
    for (; len >= sizeof word; text += sizeof word, len -= sizeof word) {
        memcpy(&word, text, sizeof word);
        h = (h ^ word) * 0x9e3779b97f4a7c15u;
        h ^= h >> 32;
    }
    for (; len > 0; text++, len--)
        h = (h ^ (unsigned char)*text) * 0x100000001b3u;
    h *= 0x9e3779b97f4a7c15u;
    return (size_t)(h ^ (h >> 29));
}

static uint32_t *find_slot(const struct source_map *map, const char *location, size_t len)
{
    size_t mask = map->room * 2 - 1;
    for (size_t i = hash(location, len) & mask;; i = (i + 1) & mask) {
        const struct entry *entry = map->slot[i] != 0 ? &map->entry[map->slot[i] - 1] : NULL;
        if (entry == NULL || (entry->len == len && memcmp(entry->location, location, len) == 0))
            return &map->slot[i];
    }
}

static int grow(struct source_map *map)
{
    size_t room = map->room != 0 ? map->room * 2 : FIRST_ROOM;
    struct entry *entry = arena_array(map->arena, room, sizeof *entry);
    uint32_t *slot = arena_array(map->arena, room * 2, sizeof *slot);
    if (entry == NULL || slot == NULL)
        return ERR_NOMEM;
    if (map->count > 0)
        memcpy(entry, map->entry, map->count * sizeof *entry);
    map->entry = entry;
    map->slot = slot;
    map->room = room;
    for (size_t i = 0; i < map->count; i++)
        *find_slot(map, entry[i].location, entry[i].len) = (uint32_t)i + 1;
    return 0;
}

/* A whole resource stands here (entry.resource, contained[0]): its type is no part of the name. */
static bool ends_in_resource(const char *text, size_t len)
{
    static const char step[] = ".resource";
    if (len > 0 && text[len - 1] == ']')
        return true;
    return len >= sizeof step - 1 && memcmp(text + len - (sizeof step - 1), step, sizeof step - 1) == 0;
}

/* Normal form into ret_text; returns its length, or 0 when it does not fit. */
static size_t normalise(const char *location, char ret_text[static LOCATION_MAX])
{
    static const char cast[] = ".ofType(";
    size_t len = strlen(location);
    if (len < LOCATION_MAX && memchr(location, '(', len) == NULL && memchr(location, '*', len) == NULL) { /* the builder's own: in normal form already */
        memcpy(ret_text, location, len + 1);
        return len;
    }
    len = 0;
    while (*location != '\0') {
        const char *end = NULL;
        if (location[0] == '.' && strncmp(location, cast, sizeof cast - 1) == 0 && (end = strchr(location, ')')) != NULL) {
            const char *type = location + sizeof cast - 1;
            size_t size = ends_in_resource(ret_text, len) ? 0 : (size_t)(end - type);
            if (len + size >= LOCATION_MAX)
                return 0;
            memcpy(ret_text + len, type, size);
            if (size > 0 && ret_text[len] >= 'a' && ret_text[len] <= 'z')
                ret_text[len] = (char)(ret_text[len] - 'a' + 'A');
            len += size;
        } else if (location[0] == '/' && location[1] == '*')
            end = (end = strstr(location + 2, "*/")) != NULL ? end + 1 : NULL;
        if (end != NULL) {
            location = end + 1;
            continue;
        }
        if (len >= LOCATION_MAX - 1)
            return 0;
        ret_text[len++] = *location++;
    }
    ret_text[len] = '\0';
    return len;
}

static int add(struct source_map *map, const char *location, size_t len, const struct chart_place *place)
{
    uint32_t *slot;
    if (map->count >= ENTRIES_MAX)
        return ERR_LIMIT;
    if (map->count == map->room && grow(map) < 0)
        return ERR_NOMEM;
    slot = find_slot(map, location, len);
    if (*slot == 0) {
        struct entry *entry = &map->entry[map->count];
        entry->location = arena_strndup(map->arena, location, len);
        if (entry->location == NULL)
            return ERR_NOMEM;
        entry->len = len;
        *slot = (uint32_t)++map->count;
    }
    map->entry[*slot - 1].place = *place;
    return 0;
}

int source_map_add(struct source_map *map, const char *location, const struct chart_place *place)
{
    char normal[LOCATION_MAX];
    size_t len = normalise(location, normal);
    if (place == NULL)
        return 0;
    return len != 0 ? add(map, normal, len, place) : ERR_LIMIT;
}

size_t source_map_count(const struct source_map *map)
{
    return map != NULL ? map->count : 0;
}

int source_map_find(const struct source_map *map, const char *location, struct chart_place *ret_place)
{
    char normal[LOCATION_MAX];
    size_t len;
    if (map == NULL || map->count == 0 || location == NULL || (len = normalise(location, normal)) == 0)
        return ERR_NOTFOUND;
    while (len > 0) {
        uint32_t index = *find_slot(map, normal, len);
        if (index != 0) {
            *ret_place = map->entry[index - 1].place;
            return 0;
        }
        do
            len--;
        while (len > 0 && normal[len] != '.' && normal[len] != '[');
    }
    return ERR_NOTFOUND;
}

void source_map_apply(const struct source_map *map, struct issue_list *issues)
{
    struct chart_place place;
    for (struct issue *i = issues->first; i != NULL; i = i->next) {
        if (i->pointer != NULL || i->location == NULL || source_map_find(map, i->location, &place) < 0)
            continue;
        i->pointer = place.pointer;
        i->offset = place.offset;
        i->line = place.line;
        i->column = place.column;
    }
}

/* A number and a TAB; without printf, which costs more than all the rest of a line. */
static void add_number(struct buf *out, int64_t value)
{
    char digits[24], *d = digits + sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    *--d = '\t';
    do
        *--d = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (value < 0)
        *--d = '-';
    buf_add(out, d, (size_t)(digits + sizeof digits - d));
}

static size_t shared_len(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t n = 0;
    while (n < a_len && n < b_len && a[n] == b[n])
        n++;
    return n;
}

/* `shared TAB rest`: neighbours differ in their ends, and so the map is a third of what it would be in full. */
static void add_rest(struct buf *out, const char *before, size_t before_len, const char *text, size_t len)
{
    size_t shared = shared_len(before, before_len, text, len);
    add_number(out, (int64_t)shared);
    buf_add(out, text + shared, len - shared);
}

int source_map_write(const struct source_map *map, struct buf *out)
{
    const struct entry none = { .location = "", .place = { .offset = -1 } }, *before = &none;
    const char *pointer_before = "";
    size_t pointer_before_len = 0;
    buf_add_str(out, header);
    for (size_t i = 0; i < source_map_count(map); before = &map->entry[i++]) {
        const struct entry *entry = &map->entry[i];
        const struct chart_place *at = &entry->place, *last = &before->place;
        const char *pointer = at->pointer != NULL ? at->pointer : "";
        size_t len = strcspn(pointer, "\t\n"); /* a member name may hold anything, so a line break in it would break the line: such a pointer is cut there */
        bool same = before != &none && at->offset == last->offset && at->line == last->line && at->column == last->column && len == pointer_before_len &&
                    memcmp(pointer, pointer_before, len) == 0;
        add_rest(out, before->location, before->len, entry->location, entry->len);
        if (!same) {
            buf_add_char(out, '\t');
            add_number(out, at->offset);
            add_number(out, at->line);
            add_number(out, at->column);
            add_rest(out, pointer_before, pointer_before_len, pointer, len);
        }
        buf_add_char(out, '\n');
        pointer_before = pointer;
        pointer_before_len = len;
    }
    return out->failed;
}

/* The next field of a line; false when there is none. *at is NULL behind the last. */
static bool next_field(const char **at, const char *line_end, const char **ret_field, size_t *ret_len)
{
    const char *stop = *at == NULL ? NULL : memchr(*at, '\t', (size_t)(line_end - *at));
    if (*at == NULL)
        return false;
    *ret_field = *at;
    *ret_len = (size_t)((stop == NULL ? line_end : stop) - *at);
    *at = stop == NULL ? NULL : stop + 1;
    return true;
}

static bool next_number(const char **at, const char *line_end, int64_t min, int64_t max, int64_t *ret_number)
{
    const char *field;
    size_t len;
    return next_field(at, line_end, &field, &len) && text_to_int64(field, len, min, max, ret_number) == 0;
}

/* The line before, which the next one may lean on. */
struct reader { struct source_map *map; char location[LOCATION_MAX]; size_t len, pointer_len; struct chart_place place; bool whole /* format 1: nothing is shared */; };

static int read_location(struct reader *r, const char **at, const char *line_end)
{
    int64_t shared = 0;
    const char *rest;
    size_t len;
    if (!r->whole && !next_number(at, line_end, 0, (int64_t)r->len, &shared))
        return ERR_CORRUPT;
    if (!next_field(at, line_end, &rest, &len) || (size_t)shared + len == 0 || (size_t)shared + len >= LOCATION_MAX)
        return ERR_CORRUPT;
    memcpy(r->location + shared, rest, len);
    r->len = (size_t)shared + len;
    return 0;
}

static int read_numbers(struct reader *r, const char **at, const char *line_end)
{
    int64_t line, column;
    if (!next_number(at, line_end, -1, INT64_MAX, &r->place.offset) || !next_number(at, line_end, 0, UINT32_MAX, &line) || !next_number(at, line_end, 0, UINT32_MAX, &column))
        return ERR_CORRUPT;
    r->place.line = (uint32_t)line;
    r->place.column = (uint32_t)column;
    return 0;
}

static int read_pointer(struct reader *r, const char **at, const char *line_end)
{
    int64_t shared = 0;
    const char *rest;
    char *pointer;
    size_t len;
    if ((!r->whole && !next_number(at, line_end, 0, (int64_t)r->pointer_len, &shared)) || !next_field(at, line_end, &rest, &len) || *at != NULL)
        return ERR_CORRUPT;
    pointer = arena_alloc(r->map->arena, (size_t)shared + len + 1);
    if (pointer == NULL)
        return ERR_NOMEM;
    if (shared > 0)
        memcpy(pointer, r->place.pointer, (size_t)shared);
    memcpy(pointer + shared, rest, len);
    r->place.pointer = pointer;
    r->pointer_len = (size_t)shared + len;
    return 0;
}

static int read_line(struct reader *r, const char *at, const char *line_end)
{
    int code = r->whole ? read_numbers(r, &at, line_end) : 0;
    if (code == 0)
        code = read_location(r, &at, line_end);
    if (code == 0 && !r->whole && at != NULL)
        code = read_numbers(r, &at, line_end);
    else if (code == 0 && at == NULL && (r->whole || r->place.pointer == NULL)) /* the first line leans on nothing */
        code = ERR_CORRUPT;
    if (code == 0 && at != NULL)
        code = read_pointer(r, &at, line_end);
    return code < 0 ? code : add(r->map, r->location, r->len, &r->place);
}

static int read_lines(struct reader *r, const char *at, const char *limit, unsigned *ret_line)
{
    int code = 0;
    for (const char *end; code == 0 && at < limit; at = end + 1, ++*ret_line) {
        end = memchr(at, '\n', (size_t)(limit - at));
        if (end == NULL)
            return ERR_CORRUPT;
        code = read_line(r, at, end);
        if (code < 0)
            return code;
    }
    return code;
}

int source_map_read(const char *bytes, size_t len, struct arena *arena, struct source_map **ret_map, struct err *e)
{
    struct reader *r = arena_alloc(arena, sizeof *r);
    unsigned line = 1;
    char place[32];
    int code = r != NULL && (r->map = source_map_new(arena)) != NULL ? 0 : ERR_NOMEM;
    if (code == 0 && (len < sizeof header - 1 || (memcmp(bytes, header, sizeof header - 1) != 0 && memcmp(bytes, header_whole, sizeof header_whole - 1) != 0)))
        code = ERR_CORRUPT;
    if (code == 0) {
        line = 2;
        r->whole = memcmp(bytes, header_whole, sizeof header_whole - 1) == 0;
        code = read_lines(r, bytes + sizeof header - 1, bytes + len, &line);
    }
    if (code == 0) {
        *ret_map = r->map;
        return 0;
    }
    snprintf(place, sizeof place, "line:%u", line);
    return err_set(e, code, code == ERR_NOMEM ? MSG_NOMEM : MSG_INTERNAL, place, "source map", NULL);
}
