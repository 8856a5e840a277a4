/* build.c - the writer of images: interning, tables, the final block. */
#include "validate/package/build.h"

#include <stdlib.h>
#include <string.h>

#include "validate/model/image_private.h"
#include "validate/package/package.h"

enum { STRINGS_AT = sizeof(struct img_header), SLOTS_FIRST = 1024, RUN_ITEMS_MAX = 64 /* longer runs are not looked for */ };

_Static_assert(sizeof(struct img_header) % IMAGE_ALIGN == 0, "strings follow the header at once");

void build_init(struct build *b)
{
    *b = (struct build){ .failed = 0 };
    for (int i = 0; i < IMG_SECTIONS; i++)
        buf_init(&b->table[i], PACKAGE_IMAGE_MAX);
}

void build_free(struct build *b)
{
    for (int i = 0; i < IMG_SECTIONS; i++)
        buf_free(&b->table[i]);
    free(b->strings.value);
    free(b->runs.value);
    build_init(b);
}

void build_fail(struct build *b, int code)
{
    if (b->failed == 0)
        b->failed = code;
}

static void append(struct build *b, enum img_section section, const void *data, size_t len)
{
    int code = buf_add(&b->table[section], data, len);

    if (code < 0)
        build_fail(b, code);
}

/* Makes room for one more value; `hash_of` tells where a stored one belongs. */
static bool slots_grow(struct build *b, struct build_slots *slots, uint32_t (*hash_of)(const struct build *b, uint32_t value))
{
    uint32_t size = slots->size == 0 ? SLOTS_FIRST : slots->size * 2;
    uint32_t *fresh;

    if (slots->used < slots->size / 4 * 3)
        return true;
    fresh = size > slots->size ? calloc(size, sizeof *fresh) : NULL;
    if (fresh == NULL) {
        build_fail(b, ERR_NOMEM);
        return false;
    }
    for (uint32_t i = 0; i < slots->size; i++) {
        uint32_t at;

        if (slots->value[i] == 0)
            continue;
        for (at = hash_of(b, slots->value[i]) & (size - 1); fresh[at] != 0;)
            at = (at + 1) & (size - 1);
        fresh[at] = slots->value[i];
    }
    free(slots->value);
    slots->value = fresh;
    slots->size = size;
    return true;
}

/* ---- strings ---- */

struct bytes build_bytes(const struct build *b, img_str s)
{
    const char *at = b->table[IMG_STRINGS].data + (s - STRINGS_AT);
    uint32_t len;

    if (s == 0)
        return (struct bytes){ "", 0 };
    memcpy(&len, at, sizeof len);
    return (struct bytes){ at + sizeof len, len };
}

static uint32_t string_hash(const struct build *b, uint32_t s)
{
    struct bytes text = build_bytes(b, s);

    return image_hash(text.data, text.len);
}

img_str build_str(struct build *b, const char *text, size_t len)
{
    static const char padding[IMAGE_STRING_ALIGN];
    uint32_t size = (uint32_t)len, at, mask;
    img_str fresh;

    if (text == NULL || b->failed != 0 || !slots_grow(b, &b->strings, string_hash))
        return 0;
    mask = b->strings.size - 1;
    for (at = image_hash(text, len) & mask; b->strings.value[at] != 0; at = (at + 1) & mask) {
        struct bytes seen = build_bytes(b, b->strings.value[at]);

        if (seen.len == len && memcmp(seen.data, text, len) == 0)
            return b->strings.value[at];
    }
    fresh = (img_str)(STRINGS_AT + b->table[IMG_STRINGS].len);
    append(b, IMG_STRINGS, &size, sizeof size);
    append(b, IMG_STRINGS, text, len);
    append(b, IMG_STRINGS, padding, IMAGE_STRING_ALIGN - len % IMAGE_STRING_ALIGN);
    if (b->failed != 0)
        return 0;
    b->strings.value[at] = fresh;
    b->strings.used++;
    return fresh;
}

img_str build_text(struct build *b, const char *text)
{
    return text == NULL ? 0 : build_str(b, text, strlen(text));
}

/* ---- items ---- */

uint32_t build_count(const struct build *b, enum img_section section)
{
    return (uint32_t)(b->table[section].len / image_item_size[section]);
}

void *build_at(struct build *b, enum img_section section, img_id id)
{
    return b->table[section].data + (size_t)(id - 1) * image_item_size[section];
}

img_id build_add(struct build *b, enum img_section section, const void *item)
{
    append(b, section, item, image_item_size[section]);
    return b->failed != 0 ? 0 : build_count(b, section);
}

/* What is remembered of a stored run: its section, length and first item in 32 bits; 0 = not worth it. */
static uint32_t run_pack(enum img_section section, size_t count, uint32_t first)
{
    static const uint8_t code[IMG_SECTIONS] = { [IMG_TYPES] = 1, [IMG_LINKS] = 2, [IMG_DISCRIMINATORS] = 3 };

    return first < 1u << 24 && count < RUN_ITEMS_MAX && code[section] != 0 ? ((uint32_t)code[section] << 30 | (uint32_t)count << 24 | first) : 0;
}

static uint32_t run_hash(const struct build *b, uint32_t packed)
{
    static const enum img_section section_of[] = { IMG_STRINGS, IMG_TYPES, IMG_LINKS, IMG_DISCRIMINATORS };
    enum img_section section = section_of[packed >> 30];
    size_t size = image_item_size[section];

    return image_hash(b->table[section].data + (packed & 0xFFFFFF) * size, (packed >> 24 & 0x3F) * size);
}

struct img_run build_run(struct build *b, enum img_section section, const void *items, size_t count, bool shared)
{
    size_t len = count * image_item_size[section];
    struct img_run run = { build_count(b, section), (uint32_t)count };
    uint32_t packed = shared ? run_pack(section, count, run.first) : 0, at, mask;

    if (count == 0 || b->failed != 0)
        return (struct img_run){ 0, 0 };
    if (packed == 0 || !slots_grow(b, &b->runs, run_hash)) {
        append(b, section, items, len);
        return run;
    }
    mask = b->runs.size - 1;
    for (at = image_hash(items, len) & mask; b->runs.value[at] != 0; at = (at + 1) & mask) {
        uint32_t seen = b->runs.value[at], first = seen & 0xFFFFFF;

        if (seen >> 24 == packed >> 24 && memcmp(b->table[section].data + (size_t)first * image_item_size[section], items, len) == 0)
            return (struct img_run){ first, (uint32_t)count };
    }
    append(b, section, items, len);
    b->runs.value[at] = packed;
    b->runs.used++;
    return run;
}

/* ---- the block ---- */

struct slot_source { enum img_section slots, table; size_t url_at; };

static const struct slot_source slot_sources[] = {
    { IMG_PROFILE_SLOTS, IMG_PROFILES, offsetof(struct img_profile, url) },
    { IMG_SYSTEM_SLOTS, IMG_SYSTEMS, offsetof(struct img_system, url) },
    { IMG_VALUE_SET_SLOTS, IMG_VALUE_SETS, offsetof(struct img_value_set, url) }
};

static uint32_t slots_size(uint32_t items)
{
    uint32_t size = 4;

    while (size < items * 2 + 1)
        size *= 2;
    return size;
}

static void add_slots(struct build *b, const struct slot_source *source)
{
    uint32_t count = build_count(b, source->table), size = slots_size(count);
    uint32_t *slots = calloc(size, sizeof *slots);

    if (slots == NULL) {
        build_fail(b, ERR_NOMEM);
        return;
    }
    for (img_id id = 1; id <= count; id++) {
        img_str url;
        uint32_t at;

        memcpy(&url, (const char *)build_at(b, source->table, id) + source->url_at, sizeof url);
        for (at = string_hash(b, url) & (size - 1); slots[at] != 0;)
            at = (at + 1) & (size - 1);
        slots[at] = id;
    }
    append(b, source->slots, slots, size * sizeof *slots);
    free(slots);
}

static void add_section(struct build *b, struct img_header *header, enum img_section section, struct buf *out)
{
    static const char padding[IMAGE_ALIGN];

    header->section[section] = (struct img_table){ (uint32_t)out->len, build_count(b, section) };
    buf_add(out, b->table[section].data, b->table[section].len);
    if (section + 1 < IMG_SECTIONS)
        buf_add(out, padding, (IMAGE_ALIGN - out->len % IMAGE_ALIGN) % IMAGE_ALIGN);
}

/* Programs were counted from the start of their section; an image counts from its own. */
static void place_programs(struct buf *out, const struct img_header *header)
{
    for (uint32_t i = 0; i < header->section[IMG_CONSTRAINTS].count && out->failed == 0; i++) {
        char *at = out->data + header->section[IMG_CONSTRAINTS].offset + i * sizeof(struct img_constraint);
        struct img_constraint constraint;

        memcpy(&constraint, at, sizeof constraint);
        constraint.program = constraint.program_len == 0 ? 0 : constraint.program + header->section[IMG_PROGRAMS].offset;
        memcpy(at, &constraint, sizeof constraint);
    }
}

int build_finish(struct build *b, const uint8_t sources[32], struct buf *ret_image, struct err *e)
{
    struct img_header header = { .version = IMG_VERSION, .byte_order = IMAGE_BYTE_ORDER };
    struct buf out;
    int code;

    buf_init(&out, PACKAGE_IMAGE_MAX);
    for (size_t i = 0; i < sizeof slot_sources / sizeof *slot_sources; i++)
        add_slots(b, &slot_sources[i]);
    if (slots_grow(b, &b->strings, string_hash))
        append(b, IMG_STRING_SLOTS, b->strings.value, b->strings.size * sizeof *b->strings.value);
    memcpy(header.magic, image_magic, sizeof header.magic);
    memcpy(header.sources, sources, sizeof header.sources);
    buf_add(&out, &header, sizeof header);
    for (int i = 0; i < IMG_SECTIONS; i++)
        add_section(b, &header, (enum img_section)i, &out);
    header.size = out.len;
    code = b->failed != 0 ? b->failed : out.failed;
    if (code < 0) {
        buf_free(&out);
        return err_set(e, code, code == ERR_NOMEM ? MSG_NOMEM : MSG_LIMIT, NULL, "image", NULL);
    }
    place_programs(&out, &header);
    memcpy(out.data, &header, sizeof header);
    header.checksum = image_checksum(out.data + IMAGE_CHECKED_FROM, out.len - IMAGE_CHECKED_FROM);
    memcpy(out.data, &header, sizeof header);
    buf_free(ret_image);
    *ret_image = out;
    return 0;
}
