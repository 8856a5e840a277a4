/*
 * image_open.c - is this block of bytes an image that can be walked without looking? Everything that an accessor follows is verified once.
 *
 * Order: header, checksum, sections, strings, then each table line by line. A bit for every place where a string begins makes the test of a reference to
 * a string one look-up, so that a set of 10 MB is verified in a few milliseconds.
 */
#include "validate/model/image.h"

#include <stdlib.h>
#include <string.h>

#include "validate/fhirpath/fhirpath.h"
#include "validate/model/image_private.h"

const char image_magic[8] = { 'C', 'L', 'I', 'N', 'S', 'F', 'H', 'R' };

const uint8_t image_item_size[IMG_SECTIONS] = {
    [IMG_STRINGS] = 1, [IMG_PROFILES] = sizeof(struct img_profile), [IMG_ELEMENTS] = sizeof(struct img_element), [IMG_CHILDREN] = sizeof(uint32_t),
    [IMG_MEMBERS] = sizeof(struct img_member), [IMG_TYPES] = sizeof(struct img_type), [IMG_LINKS] = sizeof(uint32_t),
    [IMG_CONSTRAINTS] = sizeof(struct img_constraint), [IMG_DISCRIMINATORS] = sizeof(struct img_discriminator), [IMG_VALUES] = sizeof(struct img_value),
    [IMG_CONTEXTS] = sizeof(struct img_context_rule), [IMG_PROGRAMS] = 1, [IMG_SYSTEMS] = sizeof(struct img_system),
    [IMG_CONCEPTS] = sizeof(struct img_concept), [IMG_VALUE_SETS] = sizeof(struct img_value_set), [IMG_INCLUDES] = sizeof(struct img_include),
    [IMG_CODES] = sizeof(struct img_code), [IMG_NAMINGS] = sizeof(struct img_naming), [IMG_STRING_SLOTS] = sizeof(uint32_t),
    [IMG_PROFILE_SLOTS] = sizeof(uint32_t), [IMG_SYSTEM_SLOTS] = sizeof(uint32_t), [IMG_VALUE_SET_SLOTS] = sizeof(uint32_t)
};

/* ---- checksum ---- */

static uint64_t rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

/* Each step is one to one in what it takes in, so that no single change of a word is lost. */
static uint64_t mix(uint64_t lane, const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return rotate((lane ^ word) * UINT64_C(0x9E3779B97F4A7C15), 29);
}

/* Four lanes side by side, so that the multiplications do not wait for each other. */
uint64_t image_checksum(const char *bytes, size_t len)
{
    const uint64_t prime = UINT64_C(0x9E3779B97F4A7C15);
    uint64_t a = 1, b = 2, c = 3, d = 4, sum;
    size_t i = 0;

    for (; len - i >= 32; i += 32) {
        a = mix(a, bytes + i);
        b = mix(b, bytes + i + 8);
        c = mix(c, bytes + i + 16);
        d = mix(d, bytes + i + 24);
    }
    sum = rotate((a ^ len) * prime, 31);
    sum = rotate((sum ^ b) * prime, 31);
    sum = rotate((sum ^ c) * prime, 31);
    sum = rotate((sum ^ d) * prime, 31);
    for (; i < len; i++)
        sum = rotate((sum ^ (unsigned char)bytes[i]) * prime, 11);
    return sum ^ sum >> 32;
}

/* Eight bytes at a time: it is asked for every member, URL and code of a document. */
uint32_t image_hash(const char *text, size_t len)
{
    const uint64_t odd = UINT64_C(0x9E3779B97F4A7C15);
    uint64_t hash = len * odd, w = 0;
    size_t i = 0;

    for (; len - i > 8; i += 8) {
        memcpy(&w, text + i, 8);
        hash = (hash ^ w) * odd;
        hash ^= hash >> 32;
    }
    if (len >= 8)   /* the last eight, some of them again */
        memcpy(&w, text + len - 8, 8);
    for (; len < 8 && i < len; i++)
        w = w << 8 | (unsigned char)text[i];
    hash = (hash ^ w) * odd;
    return (uint32_t)(hash ^ hash >> 29 ^ hash >> 47);
}

/* ---- verification ---- */

struct verifier {
    const struct image *image;
    unsigned char *begins;      /* a bit for each IMAGE_STRING_ALIGN bytes of the strings: a string begins here */
    uint32_t first, size;       /* of the strings */
};

/* Called a million times. A number below `first` wraps to one that is too large. */
static inline bool text_ok(const struct verifier *v, img_str s)
{
    uint32_t at = s - v->first;

    return s == 0 || (at < v->size && at % IMAGE_STRING_ALIGN == 0 && (v->begins[at / 32] >> (at / 4 % 8) & 1) != 0);
}

static bool id_ok(const struct verifier *v, img_id id, enum img_section section)
{
    return id <= v->image->count[section];
}

static bool run_ok(const struct verifier *v, struct img_run run, enum img_section section)
{
    uint32_t count = v->image->count[section];

    return run.first <= count && run.count <= count - run.first;
}

/* Runs in image.links hold strings or ids of constraints: what they are is known by whoever points there. */
static bool links_ok(const struct verifier *v, struct img_run run, bool texts)
{
    if (!run_ok(v, run, IMG_LINKS))
        return false;
    for (uint32_t i = 0; i < run.count; i++) {
        uint32_t link = v->image->links[run.first + i];

        if (link == 0 || !(texts ? text_ok(v, link) : id_ok(v, link, IMG_CONSTRAINTS)))
            return false;
    }
    return true;
}

static bool strings_ok(struct verifier *v)
{
    const char *base = v->image->base + v->first;
    uint32_t at = 0;

    while (at < v->size) {
        uint32_t len;

        if (v->size - at < 8)
            return false;
        memcpy(&len, base + at, sizeof len);
        if (len > v->size - at - 5 || base[at + 4 + len] != '\0')
            return false;
        v->begins[at / 32] |= (unsigned char)(1 << (at / 4 % 8));
        at += (4 + len + 1 + IMAGE_STRING_ALIGN - 1) / IMAGE_STRING_ALIGN * IMAGE_STRING_ALIGN;
    }
    return at == v->size;
}

static bool profiles_ok(const struct verifier *v)
{
    const struct image *m = v->image;

    for (uint32_t i = 0; i < m->count[IMG_PROFILES]; i++) {
        const struct img_profile *p = &m->profiles[i];
        img_id base = p->base;

        if (p->url == 0 || !text_ok(v, p->url) || !text_ok(v, p->version) || !text_ok(v, p->name) || !text_ok(v, p->type) || !text_ok(v, p->base_url)
            || !text_ok(v, p->regex) || !text_ok(v, p->source) || !id_ok(v, p->root, IMG_ELEMENTS) || !run_ok(v, p->elements, IMG_ELEMENTS)
            || !run_ok(v, p->contexts, IMG_CONTEXTS) || !links_ok(v, p->context_invariants, true) || p->kind > IMG_LOGICAL || p->derivation > IMG_CONSTRAINT || p->well_known >= IMG_WELL_KNOWN_TYPES)
            return false;
        for (int depth = 0; base != 0; depth++) {
            if (depth == IMAGE_BASES_MAX || !id_ok(v, base, IMG_PROFILES))
                return false;
            base = m->profiles[base - 1].base;
        }
    }
    return true;
}

/* Children and slices of element `id` come after it and name it as their parent. */
static bool family_ok(const struct verifier *v, struct img_run run, img_id id)
{
    if (!run_ok(v, run, IMG_CHILDREN))
        return false;
    for (uint32_t i = 0; i < run.count; i++) {
        img_id child = v->image->children[run.first + i];

        if (child <= id || !id_ok(v, child, IMG_ELEMENTS) || v->image->elements[child - 1].parent != id)
            return false;
    }
    return true;
}

static bool members_ok(const struct verifier *v, struct img_run run, img_id id)
{
    if (!run_ok(v, run, IMG_MEMBERS))
        return false;
    for (uint32_t i = run.first; i < run.first + run.count; i++) {
        const struct img_member *member = &v->image->members[i];

        if (member->name == 0 || !text_ok(v, member->name) || member->element <= id || !id_ok(v, member->element, IMG_ELEMENTS)
            || v->image->elements[member->element - 1].parent != id || member->type > v->image->elements[member->element - 1].types.count)
            return false;
    }
    return true;
}

static bool elements_ok(const struct verifier *v)
{
    for (uint32_t i = 0; i < v->image->count[IMG_ELEMENTS]; i++) {
        const struct img_element *el = &v->image->elements[i];

        if (!text_ok(v, el->path) || !text_ok(v, el->id) || !text_ok(v, el->name) || !text_ok(v, el->slice_name) || !text_ok(v, el->binding)
            || el->profile == 0 || !id_ok(v, el->profile, IMG_PROFILES) || el->parent > i || !id_ok(v, el->counterpart, IMG_ELEMENTS)
            || !id_ok(v, el->content_reference, IMG_ELEMENTS) || !run_ok(v, el->types, IMG_TYPES) || !run_ok(v, el->discriminators, IMG_DISCRIMINATORS)
            || !id_ok(v, el->fixed, IMG_VALUES) || !id_ok(v, el->pattern, IMG_VALUES) || !id_ok(v, el->min_value, IMG_VALUES)
            || !id_ok(v, el->max_value, IMG_VALUES) || !links_ok(v, el->constraints, false) || el->slicing_rules > IMG_OPEN_AT_END
            || el->binding_strength > IMG_EXAMPLE)
            return false;
        if (!family_ok(v, el->children, i + 1) || !family_ok(v, el->slices, i + 1) || !members_ok(v, el->members, i + 1))
            return false;
    }
    return true;
}

static bool types_ok(const struct verifier *v)
{
    for (uint32_t i = 0; i < v->image->count[IMG_TYPES]; i++) {
        const struct img_type *t = &v->image->types[i];

        if (!text_ok(v, t->code) || !id_ok(v, t->profile_of_code, IMG_PROFILES) || !links_ok(v, t->profiles, true) || !links_ok(v, t->targets, true))
            return false;
    }
    return true;
}

static bool constraints_ok(const struct verifier *v)
{
    const struct img_table *programs = &v->image->header->section[IMG_PROGRAMS];

    for (uint32_t i = 0; i < v->image->count[IMG_CONSTRAINTS]; i++) {
        const struct img_constraint *c = &v->image->constraints[i];

        if (!text_ok(v, c->key) || !text_ok(v, c->expression) || !text_ok(v, c->source) || !text_ok(v, c->human) || c->native > IMG_NATIVE_DOM_3 || c->shortcut >= IMG_SHORTCUTS)
            return false;
        if (c->program != 0 && (c->program % IMAGE_ALIGN != 0 || c->program < programs->offset || c->program - programs->offset > programs->count
            || c->program_len > programs->count - (c->program - programs->offset) || !fhirpath_program_ok(v->image->base + c->program, c->program_len)))
            return false;
    }
    return true;
}

static bool values_ok(const struct verifier *v)
{
    for (uint32_t i = 0; i < v->image->count[IMG_VALUES]; i++) {
        const struct img_value *value = &v->image->values[i];

        if (!text_ok(v, value->key) || !text_ok(v, value->text) || !id_ok(v, value->child, IMG_VALUES) || !id_ok(v, value->next, IMG_VALUES)
            || (value->child != 0 && value->child <= i + 1) || (value->next != 0 && value->next <= i + 1) || value->type > JSON_OBJECT)
            return false;
    }
    return true;
}

static bool small_ok(const struct verifier *v)
{
    const struct image *m = v->image;

    for (uint32_t i = 0; i < m->count[IMG_DISCRIMINATORS]; i++)
        if (!text_ok(v, m->discriminators[i].path) || m->discriminators[i].kind > IMG_BY_EXISTS)
            return false;
    for (uint32_t i = 0; i < m->count[IMG_CONTEXTS]; i++)
        if (!text_ok(v, m->contexts[i].expression) || m->contexts[i].type > IMG_CONTEXT_FHIRPATH)
            return false;
    for (uint32_t i = 0; i < m->count[IMG_NAMINGS]; i++)
        if (!text_ok(v, m->namings[i].uri) || !text_ok(v, m->namings[i].name))
            return false;
    return true;
}

static bool systems_ok(const struct verifier *v)
{
    const struct image *m = v->image;

    for (uint32_t i = 0; i < m->count[IMG_SYSTEMS]; i++) {
        const struct img_system *s = &m->systems[i];

        if (s->url == 0 || !text_ok(v, s->url) || !text_ok(v, s->version) || !text_ok(v, s->name) || !text_ok(v, s->source) || !run_ok(v, s->concepts, IMG_CONCEPTS)
            || s->content > IMG_EXAMPLE_CONTENT)
            return false;
    }
    for (uint32_t i = 0; i < m->count[IMG_CONCEPTS]; i++) {
        const struct img_concept *c = &m->concepts[i];

        if (c->code == 0 || !text_ok(v, c->code) || !text_ok(v, c->display) || !id_ok(v, c->parent, IMG_CONCEPTS) || !links_ok(v, c->more, true)
            || (c->parent != 0 && m->concepts[c->parent - 1].level >= c->level))
            return false;
    }
    return true;
}

static bool value_sets_ok(const struct verifier *v)
{
    const struct image *m = v->image;

    for (uint32_t i = 0; i < m->count[IMG_VALUE_SETS]; i++) {
        const struct img_value_set *s = &m->value_sets[i];

        if (s->url == 0 || !text_ok(v, s->url) || !text_ok(v, s->version) || !text_ok(v, s->name) || !text_ok(v, s->source) || !run_ok(v, s->includes, IMG_INCLUDES))
            return false;
    }
    for (uint32_t i = 0; i < m->count[IMG_INCLUDES]; i++) {
        const struct img_include *n = &m->includes[i];

        if (!text_ok(v, n->system) || !text_ok(v, n->version) || !run_ok(v, n->codes, IMG_CODES) || !links_ok(v, n->value_sets, true) || n->kind > IMG_INCLUDE_VALUE_SETS)
            return false;
    }
    for (uint32_t i = 0; i < m->count[IMG_CODES]; i++)
        if (m->codes[i].code == 0 || !text_ok(v, m->codes[i].code) || !text_ok(v, m->codes[i].display))
            return false;
    return true;
}

/* A power of two with a free slot, so that every search ends. */
static bool slots_ok(const struct verifier *v, enum img_section section, enum img_section target)
{
    uint32_t count = v->image->count[section], free_slots = 0;
    const uint32_t *slots = (const uint32_t *)(const void *)(v->image->base + v->image->header->section[section].offset);

    if (count == 0 || (count & (count - 1)) != 0)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (target == IMG_STRINGS ? !text_ok(v, slots[i]) : !id_ok(v, slots[i], target))
            return false;
        free_slots += slots[i] == 0;
    }
    return free_slots > 0;
}

/* Sections follow each other, aligned, within the block. */
static bool sections_ok(const char *bytes, size_t len)
{
    const struct img_header *header = (const void *)bytes;
    size_t least = sizeof *header;

    for (int i = 0; i < IMG_SECTIONS; i++) {
        const struct img_table *table = &header->section[i];

        if (table->offset % IMAGE_ALIGN != 0 || table->offset < least || table->offset > len || table->count > (len - table->offset) / image_item_size[i])
            return false;
        least = table->offset + (size_t)table->count * image_item_size[i];
    }
    return true;
}

static int header_check(const char *bytes, size_t len, struct err *e)
{
    const struct img_header *header = (const void *)bytes;

    if (len < sizeof *header || (uintptr_t)bytes % IMAGE_ALIGN != 0 || memcmp(header->magic, image_magic, sizeof image_magic) != 0)
        return err_set(e, ERR_CORRUPT, MSG_IMAGE_DAMAGED, NULL, "header", NULL);
    if (header->version != IMG_VERSION || header->byte_order != IMAGE_BYTE_ORDER)
        return err_set(e, ERR_UNSUPPORTED, MSG_IMAGE_VERSION, NULL, NULL, NULL);
    if (header->size != len || len > UINT32_MAX || image_checksum(bytes + IMAGE_CHECKED_FROM, len - IMAGE_CHECKED_FROM) != header->checksum)
        return err_set(e, ERR_CORRUPT, MSG_IMAGE_DAMAGED, NULL, "checksum", NULL);
    if (!sections_ok(bytes, len))
        return err_set(e, ERR_CORRUPT, MSG_IMAGE_DAMAGED, NULL, "sections", NULL);
    return 0;
}

static void set_views(struct image *m, const char *bytes, size_t len)
{
    const struct img_header *header = (const void *)bytes;
    const void *at[IMG_SECTIONS];

    for (int i = 0; i < IMG_SECTIONS; i++) {
        at[i] = bytes + header->section[i].offset;
        m->count[i] = header->section[i].count;
    }
    m->base = bytes;
    m->size = len;
    m->header = header;
    m->profiles = at[IMG_PROFILES];
    m->elements = at[IMG_ELEMENTS];
    m->children = at[IMG_CHILDREN];
    m->members = at[IMG_MEMBERS];
    m->types = at[IMG_TYPES];
    m->links = at[IMG_LINKS];
    m->constraints = at[IMG_CONSTRAINTS];
    m->discriminators = at[IMG_DISCRIMINATORS];
    m->values = at[IMG_VALUES];
    m->contexts = at[IMG_CONTEXTS];
    m->systems = at[IMG_SYSTEMS];
    m->concepts = at[IMG_CONCEPTS];
    m->value_sets = at[IMG_VALUE_SETS];
    m->includes = at[IMG_INCLUDES];
    m->codes = at[IMG_CODES];
    m->namings = at[IMG_NAMINGS];
}

static bool all_slots_ok(const struct verifier *v)
{
    return slots_ok(v, IMG_STRING_SLOTS, IMG_STRINGS) && slots_ok(v, IMG_PROFILE_SLOTS, IMG_PROFILES) && slots_ok(v, IMG_SYSTEM_SLOTS, IMG_SYSTEMS)
        && slots_ok(v, IMG_VALUE_SET_SLOTS, IMG_VALUE_SETS);
}

/* Strings first: the others ask where they begin. What is damaged, or NULL. */
static const char *find_damage(struct verifier *v)
{
    static const struct { const char *what; bool (*ok)(const struct verifier *v); } checks[] = {
        { "profiles", profiles_ok }, { "elements", elements_ok }, { "types", types_ok }, { "constraints", constraints_ok }, { "values", values_ok },
        { "tables", small_ok }, { "code systems", systems_ok }, { "value sets", value_sets_ok }, { "slots", all_slots_ok }
    };

    if (!strings_ok(v))
        return "strings";
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if (!checks[i].ok(v))
            return checks[i].what;
    return NULL;
}

int image_open(const char *bytes, size_t len, struct image *ret_image, struct err *e)
{
    struct image image = { 0 };
    struct verifier v = { .image = &image };
    const char *damage;
    int code = header_check(bytes, len, e);

    if (code < 0)
        return code;
    set_views(&image, bytes, len);
    v.first = image.header->section[IMG_STRINGS].offset;
    v.size = image.count[IMG_STRINGS];
    v.begins = calloc(1, v.size / 32 + 1);
    if (v.begins == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "image", NULL);
    damage = find_damage(&v);
    free(v.begins);
    if (damage != NULL)
        return err_set(e, ERR_CORRUPT, MSG_IMAGE_DAMAGED, NULL, damage, NULL);
    *ret_image = image;
    return 0;
}
