/*
 * NAME
 *     image - profiles, value sets and code systems in compiled form
 *
 * SYNOPSIS
 *     img_id image_find_profile(&image, canonical, len);
 *     const struct img_member *image_member(&image, element, name, len);
 *     bool image_value_within(&image, pattern, node);
 *
 * DESCRIPTION
 *     Look-ups in an image that image_open() has verified. Canonicals are found by the hash of the URL without its version; where several versions
 *     are there, the one that is named wins, else the newest by the numbers in it.
 *
 * DIAGNOSTICS
 *     0, NULL, false.
 */
#include "validate/model/image.h"

#include <stdlib.h>

#include "validate/model/image_private.h"

#define TYPES_URL "http://hl7.org/fhir/StructureDefinition/"

static const uint32_t *slots_of(const struct image *i, enum img_section section)
{
    return (const uint32_t *)(const void *)(i->base + i->header->section[section].offset);
}

static bool text_is(const struct image *i, img_str s, const char *text, size_t len)
{
    return image_str_len(i, s) == len && memcmp(image_text(i, s), text, len) == 0;
}

static img_str find_hashed(const struct image *i, const char *text, size_t len, uint32_t hash)
{
    const uint32_t *slots = slots_of(i, IMG_STRING_SLOTS);
    uint32_t mask = i->count[IMG_STRING_SLOTS] - 1;

    for (uint32_t at = hash & mask; slots[at] != 0; at = (at + 1) & mask)
        if (text_is(i, slots[at], text, len))
            return slots[at];
    return 0;
}

img_str image_find_str(const struct image *i, const char *text, size_t len)
{
    return find_hashed(i, text, len, image_hash(text, len));
}

/* ---- versions ---- */

static uint64_t take_number(const char **at)
{
    uint64_t n = 0;

    for (; **at >= '0' && **at <= '9'; ++*at)
        n = n < UINT64_MAX / 100 ? n * 10 + (uint64_t)(**at - '0') : n;
    return n;
}

int image_compare_versions(const char *a, const char *b)
{
    while (*a != '\0' && *b != '\0') {
        bool digits = *a >= '0' && *a <= '9' && *b >= '0' && *b <= '9';
        uint64_t x = digits ? take_number(&a) : (unsigned char)*a++;
        uint64_t y = digits ? take_number(&b) : (unsigned char)*b++;

        if (x != y)
            return x < y ? -1 : 1;
    }
    return (*a != '\0') - (*b != '\0');
}

/* How well a version answers what was asked for: 0 not at all, 1 as a longer form of it, 2 just so. */
static int version_fits(const struct image *i, img_str version, struct bytes asked)
{
    struct bytes has = image_bytes(i, version);

    if (has.len < asked.len || memcmp(has.data, asked.data, asked.len) != 0)
        return 0;
    return has.len == asked.len ? 2 : has.data[asked.len] == '.' ? 1 : 0;
}

struct found { img_id id; img_str version; int fit; };

/* Keeps the better of two with the same URL. Later ones win ties: a later package replaces an earlier one. */
static void consider(const struct image *i, struct found *best, img_id id, img_str version, struct bytes asked)
{
    int fit = asked.data == NULL ? 1 : version_fits(i, version, asked), newer;

    if (fit == 0 || fit < best->fit)
        return;
    newer = best->id == 0 ? 1 : image_compare_versions(image_text(i, version), image_text(i, best->version));
    if (fit > best->fit || newer > 0 || (newer == 0 && id > best->id))
        *best = (struct found){ id, version, fit };
}

static struct bytes split_canonical(const char *canonical, size_t *len)
{
    const char *bar = memchr(canonical, '|', *len);
    struct bytes version = { NULL, 0 };

    if (bar != NULL) {
        version = (struct bytes){ bar + 1, (size_t)(canonical + *len - bar - 1) };
        *len = (size_t)(bar - canonical);
    }
    return version;
}

/* What profiles, systems and value sets begin with. */
struct canonical { img_str url, version; };
_Static_assert(offsetof(struct img_profile, url) == 0 && offsetof(struct img_profile, version) == offsetof(struct canonical, version), "a profile begins with its canonical");
_Static_assert(offsetof(struct img_system, url) == 0 && offsetof(struct img_system, version) == offsetof(struct canonical, version), "a system begins with its canonical");
_Static_assert(offsetof(struct img_value_set, url) == 0 && offsetof(struct img_value_set, version) == offsetof(struct canonical, version), "a value set begins with its canonical");

static img_id find_canonical(const struct image *i, enum img_section table, const void *rows, size_t size, const char *canonical, size_t len)
{
    struct bytes version = split_canonical(canonical, &len);
    uint32_t hash = image_hash(canonical, len);
    img_str url = find_hashed(i, canonical, len, hash);
    const uint32_t *slots = slots_of(i, table);
    uint32_t mask = i->count[table] - 1;
    struct found best = { 0, 0, 0 };

    if (url == 0)
        return 0;
    for (uint32_t at = hash & mask; slots[at] != 0; at = (at + 1) & mask) {
        struct canonical row;
        memcpy(&row, (const char *)rows + (slots[at] - 1) * size, sizeof row);
        if (row.url == url)
            consider(i, &best, slots[at], row.version, version);
    }
    return best.id;
}

img_id image_find_profile(const struct image *i, const char *canonical, size_t len)
{
    return find_canonical(i, IMG_PROFILE_SLOTS, i->profiles, sizeof *i->profiles, canonical, len);
}

const struct img_system *image_find_system(const struct image *i, const char *canonical, size_t len)
{
    img_id id = find_canonical(i, IMG_SYSTEM_SLOTS, i->systems, sizeof *i->systems, canonical, len);
    return id == 0 ? NULL : &i->systems[id - 1];
}

const struct img_value_set *image_find_value_set(const struct image *i, const char *canonical, size_t len)
{
    img_id id = find_canonical(i, IMG_VALUE_SET_SLOTS, i->value_sets, sizeof *i->value_sets, canonical, len);
    return id == 0 ? NULL : &i->value_sets[id - 1];
}

/* ---- types ---- */

img_id image_find_type(const struct image *i, const char *name, size_t len)
{
    char url[256];
    size_t prefix = sizeof TYPES_URL - 1;

    if (len > sizeof url - prefix || memchr(name, '|', len) != NULL)
        return 0;
    memcpy(url, TYPES_URL, prefix);
    memcpy(url + prefix, name, len);
    return image_find_profile(i, url, prefix + len);
}

bool image_type_is(const struct image *i, img_id type, const char *name)
{
    size_t len = strlen(name);

    for (; type != 0; type = i->profiles[type - 1].base) {
        const struct img_profile *p = &i->profiles[type - 1];

        if (p->type != 0 && text_is(i, p->type, name, len))
            return true;
    }
    return false;
}

const struct img_member *image_member(const struct image *i, const struct img_element *element, const char *name, size_t len)
{
    uint32_t low = element->members.first, high = low + element->members.count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct img_member *member = &i->members[middle];
        size_t member_len = image_str_len(i, member->name), common = member_len < len ? member_len : len;
        int order = memcmp(name, image_text(i, member->name), common);

        if (order == 0 && member_len == len)
            return member;
        if (order < 0 || (order == 0 && len < member_len))
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* ---- values ---- */

/* Takes a JSON number apart: digits without zeros at either end, and the power of ten of the last one. */
static size_t number_digits(const char *text, size_t len, char *ret_digits, size_t size, int64_t *ret_exponent, bool *ret_negative)
{
    size_t at = 0, count = 0;
    int64_t exponent = 0, written = 0;
    bool point = false, minus = false;

    *ret_negative = len > 0 && text[0] == '-';
    for (at = *ret_negative; at < len && text[at] != 'e' && text[at] != 'E'; at++) {
        if (text[at] == '.') {
            point = true;
            continue;
        }
        exponent -= point;
        if ((count > 0 || text[at] != '0') && count < size)
            ret_digits[count++] = text[at];
    }
    if (at < len && at + 1 < len && (text[at + 1] == '-' || text[at + 1] == '+'))
        minus = text[++at] == '-';
    for (at++; at < len; at++)
        written = written < INT32_MAX ? written * 10 + (text[at] - '0') : written;
    exponent += minus ? -written : written;
    for (; count > 0 && ret_digits[count - 1] == '0'; count--)
        exponent++;
    *ret_exponent = count > 0 ? exponent : 0;
    *ret_negative = *ret_negative && count > 0;
    return count;
}

static bool same_number(struct bytes a, struct bytes b)
{
    enum { DIGITS_MAX = 128 };
    char x[DIGITS_MAX], y[DIGITS_MAX];
    int64_t x_exponent, y_exponent;
    bool x_negative, y_negative;
    size_t count;

    if (a.len > DIGITS_MAX || b.len > DIGITS_MAX)
        return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
    count = number_digits(a.data, a.len, x, sizeof x, &x_exponent, &x_negative);
    return count == number_digits(b.data, b.len, y, sizeof y, &y_exponent, &y_negative) && x_exponent == y_exponent && x_negative == y_negative
        && memcmp(x, y, count) == 0;
}

static bool same_scalar(const struct image *i, const struct img_value *value, const struct json_node *node)
{
    struct bytes text = image_bytes(i, value->text), other = { node->text, node->len };

    if (value->type != (uint32_t)node->type)
        return false;
    if (node->type == JSON_NUMBER)
        return same_number(text, other);
    return node->type != JSON_STRING || (text.len == other.len && memcmp(text.data, other.data, other.len) == 0);
}

static const struct json_node *member_of(const struct image *i, const struct json_node *object, img_str key)
{
    struct bytes name = image_bytes(i, key);

    for (const struct json_node *n = object->child; n != NULL; n = n->next)
        if (n->key_len == name.len && memcmp(n->key, name.data, name.len) == 0)
            return n;
    return NULL;
}

/* The depth is that of the value, which the image bounds (a child stands behind its parent; the writer refuses deep ones). */
bool image_value_equals(const struct image *i, img_id id, const struct json_node *node)
{
    const struct img_value *value = image_value(i, id);
    const struct json_node *item;

    if (value == NULL || node == NULL)
        return false;
    if (value->type != JSON_OBJECT && value->type != JSON_ARRAY)
        return same_scalar(i, value, node);
    if (value->type != (uint32_t)node->type || value->count != node->count)
        return false;
    item = node->child;
    for (img_id child = value->child; child != 0; child = i->values[child - 1].next) {
        const struct json_node *other = value->type == JSON_OBJECT ? member_of(i, node, i->values[child - 1].key) : item;

        if (!image_value_equals(i, child, other))
            return false;
        item = item != NULL ? item->next : NULL;
    }
    return true;
}

/* Is the item of a pattern's array matched by some item of the array? */
static bool some_within(const struct image *i, img_id id, const struct json_node *array)
{
    for (const struct json_node *n = array->child; n != NULL; n = n->next)
        if (image_value_within(i, id, n))
            return true;
    return false;
}

bool image_value_within(const struct image *i, img_id id, const struct json_node *node)
{
    const struct img_value *value = image_value(i, id);

    if (value == NULL || node == NULL)
        return false;
    if (value->type != JSON_OBJECT && value->type != JSON_ARRAY)
        return same_scalar(i, value, node);
    if (value->type != (uint32_t)node->type)
        return false;
    for (img_id child = value->child; child != 0; child = i->values[child - 1].next)
        if (value->type == JSON_OBJECT ? !image_value_within(i, child, member_of(i, node, i->values[child - 1].key)) : !some_within(i, child, node))
            return false;
    return true;
}
