/* Images that are damaged at every place: opened or refused, never followed out of the block. */
#include "tests/unit/test.h"

#include "tests/unit/package_fixture.h"
#include "validate/model/image.h"
#include "validate/model/image_private.h"
#include "validate/package/package.h"

static void make(struct buf *image)
{
    struct err e = ERR_INIT;
    struct package_set *set = package_set_new(&e);
    size_t len = 0;
    char *bytes = fixture_tgz(fixture_core, FIXTURE_CORE, FIXTURE_FILE, &len);

    buf_init(image, PACKAGE_IMAGE_MAX);
    CHECK(set != NULL && bytes != NULL);
    CHECK_OK(package_set_add_bytes(set, "test.tgz", bytes, len, &e));
    CHECK_OK(package_set_compile(set, image, &e));
    free(bytes);
    package_set_free(set);
}

static void reseal(char *bytes, size_t len)
{
    uint64_t sum = image_checksum(bytes + IMAGE_CHECKED_FROM, len - IMAGE_CHECKED_FROM);

    memcpy(bytes + offsetof(struct img_header, checksum), &sum, sizeof sum);
}

/* Looks at everything; a wrong reference is found by the sanitizer. */
static size_t look(const struct image *m)
{
    size_t seen = 0;

    for (uint32_t i = 0; i < m->count[IMG_PROFILES]; i++) {
        struct bytes url = image_bytes(m, m->profiles[i].url);

        seen += url.len + strlen(image_text(m, m->profiles[i].name)) + image_find_profile(m, url.data, url.len);
        seen += image_type_is(m, i + 1, "Element");
    }
    for (uint32_t i = 0; i < m->count[IMG_ELEMENTS]; i++) {
        const struct img_element *el = &m->elements[i];

        seen += strlen(image_text(m, el->path)) + (image_member(m, el, "code", 4) != NULL);
        for (uint32_t k = 0; k < el->constraints.count; k++)
            seen += strlen(image_text(m, image_constraint(m, m->links[el->constraints.first + k])->expression));
        for (uint32_t k = 0; k < el->types.count; k++)
            seen += strlen(image_text(m, m->types[el->types.first + k].code));
    }
    for (uint32_t i = 0; i < m->count[IMG_CONCEPTS]; i++)
        for (img_id c = i + 1; c != 0; c = m->concepts[c - 1].parent)
            seen += strlen(image_text(m, m->concepts[c - 1].code));
    seen += image_find_system(m, "http://example.org/cs", 21) != NULL;
    seen += image_find_value_set(m, "http://example.org/is-a|1", 25) != NULL;
    return seen + image_find_str(m, "no such text anywhere", 21);
}

TEST(damage_is_found_by_the_checksum)
{
    struct buf image;
    struct image view;

    make(&image);
    for (size_t i = 0; i < image.len; i += 7) {
        image.data[i] ^= 0x10;
        CHECK(image_open(image.data, image.len, &view, NULL) < 0);
        image.data[i] ^= 0x10;
    }
    CHECK_OK(image_open(image.data, image.len, &view, NULL));
    CHECK_ERR(image_open(image.data, image.len - 8, &view, NULL), ERR_CORRUPT);
    CHECK_ERR(image_open(image.data, 16, &view, NULL), ERR_CORRUPT);
    CHECK_ERR(image_open(image.data, 0, &view, NULL), ERR_CORRUPT);
    buf_free(&image);
}

TEST(damage_with_a_right_checksum_leads_nowhere)
{
    static const unsigned char changes[] = { 0x01, 0x80, 0xFF };
    struct buf image;
    struct image view;
    size_t opened = 0, refused = 0;

    make(&image);
    for (size_t i = IMAGE_CHECKED_FROM; i < image.len; i += 3)
        for (size_t k = 0; k < sizeof changes; k++) {
            image.data[i] = (char)(image.data[i] ^ changes[k]);
            reseal(image.data, image.len);
            if (image_open(image.data, image.len, &view, NULL) == 0) {
                opened++;
                CHECK(look(&view) > 0);
            } else {
                refused++;
            }
            image.data[i] = (char)(image.data[i] ^ changes[k]);
        }
    CHECK(opened > 0 && refused > 0);
    buf_free(&image);
}

TEST(every_section_is_verified)
{
    /* A table whose items begin with a reference: out of range, it must be refused. */
    static const enum img_section sections[] = {
        IMG_PROFILES, IMG_ELEMENTS, IMG_CHILDREN, IMG_MEMBERS, IMG_TYPES, IMG_LINKS, IMG_CONSTRAINTS, IMG_DISCRIMINATORS, IMG_SYSTEMS, IMG_CONCEPTS, IMG_VALUE_SETS,
        IMG_INCLUDES, IMG_CODES, IMG_NAMINGS, IMG_STRINGS, IMG_STRING_SLOTS, IMG_PROFILE_SLOTS, IMG_SYSTEM_SLOTS, IMG_VALUE_SET_SLOTS
    };
    struct buf image;
    struct image view;

    make(&image);
    CHECK_OK(image_open(image.data, image.len, &view, NULL));
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        uint32_t wrong = 0x7FFFFFF0, was;
        char *item = image.data + view.header->section[sections[i]].offset;

        if (view.count[sections[i]] == 0)
            test_fail(__FILE__, __LINE__, "the fixture has nothing in section %d", (int)sections[i]);
        memcpy(&was, item, sizeof was);
        memcpy(item, &wrong, sizeof wrong);
        reseal(image.data, image.len);
        if (image_open(image.data, image.len, &view, NULL) != ERR_CORRUPT)
            test_fail(__FILE__, __LINE__, "section %d is not verified", (int)sections[i]);
        memcpy(item, &was, sizeof was);
        reseal(image.data, image.len);
        CHECK_OK(image_open(image.data, image.len, &view, NULL));
    }
    buf_free(&image);
}

TEST(another_version_is_told_from_damage)
{
    struct buf image;
    struct image view;
    uint32_t version = IMG_VERSION + 1;

    make(&image);
    memcpy(image.data + offsetof(struct img_header, version), &version, sizeof version);
    CHECK_ERR(image_open(image.data, image.len, &view, NULL), ERR_UNSUPPORTED);
    buf_free(&image);
}
TEST_MAIN()
