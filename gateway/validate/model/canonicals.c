/*
 * NAME
 *     canonicals - what an address stands for, remembered
 *
 * DESCRIPTION
 *     A table with one place for a number: what comes later takes the place of what was there. A text with a version that the image does not hold as a whole is
 *     looked up each time.
 *
 * DIAGNOSTICS
 *     All members 0: nothing is known.
 */
#include "validate/model/canonicals.h"

static img_id system_of(const struct image *image, const char *text, size_t len)
{
    const struct img_system *system = image_find_system(image, text, len);

    return system != NULL ? (img_id)(system - image->systems) + 1 : 0;
}

static img_id value_set_of(const struct image *image, const char *text, size_t len)
{
    const struct img_value_set *set = image_find_value_set(image, text, len);

    return set != NULL ? (img_id)(set - image->value_sets) + 1 : 0;
}

static void look_up(const struct image *image, img_str known_as, const char *text, size_t len, struct canonical_found *ret)
{
    *ret = (struct canonical_found){
        .text = known_as, .profile = image_find_profile(image, text, len), .system = system_of(image, text, len), .value_set = value_set_of(image, text, len),
        .type = image_find_type(image, text, len),
    };
}

struct canonical_found *canonicals_get(struct canonicals *c, const struct image *image, img_str text)
{
    struct canonical_found *slot = &c->slot[text * 2654435761u >> 22];   /* of 1024 */
    struct bytes whole;

    _Static_assert(CANONICALS_SLOTS == 1 << (32 - 22), "the shift fits the table");
    if (text == 0) {
        c->other = (struct canonical_found){ .text = 0 };
        return &c->other;
    }
    if (slot->text != text) {
        whole = image_bytes(image, text);
        look_up(image, text, whole.data, whole.len, slot);
    }
    return slot;
}

struct canonical_found *canonicals_find(struct canonicals *c, const struct image *image, const char *text, size_t len)
{
    img_str known_as = image_find_str(image, text, len);

    if (known_as != 0)
        return canonicals_get(c, image, known_as);
    c->other = (struct canonical_found){ .text = 0 };
    if (memchr(text, '|', len) != NULL)
        look_up(image, 0, text, len, &c->other);
    return &c->other;
}

img_id canonicals_type(struct canonicals *c, const struct image *image, const char *name, size_t len)
{
    img_str known_as = image_find_str(image, name, len);

    return known_as != 0 ? canonicals_get(c, image, known_as)->type : image_find_type(image, name, len);
}
