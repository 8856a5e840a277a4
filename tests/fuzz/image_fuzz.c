/* Any bytes laid over a small image, the checksum made right again: refused, or safe to look at from end to end. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/package_fixture.h"
#include "validate/model/image.h"
#include "validate/model/image_private.h"
#include "validate/package/package.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *image_bytes_of_fixture(size_t *ret_len)
{
    struct err e = ERR_INIT;
    struct package_set *set = package_set_new(&e);
    size_t len = 0;
    char *tgz = fixture_tgz(fixture_core, FIXTURE_CORE, FIXTURE_FILE, &len);
    struct buf image;

    buf_init(&image, PACKAGE_IMAGE_MAX);
    if (set == NULL || tgz == NULL || package_set_add_bytes(set, "x", tgz, len, &e) < 0 || package_set_compile(set, &image, &e) < 0)
        abort();
    free(tgz);
    package_set_free(set);
    return buf_take(&image, ret_len);
}

static size_t look(const struct image *m)
{
    size_t seen = 0;

    for (uint32_t i = 0; i < m->count[IMG_PROFILES]; i++)
        seen += strlen(image_text(m, m->profiles[i].url)) + image_type_is(m, i + 1, "Element")
              + image_find_profile(m, image_text(m, m->profiles[i].url), image_str_len(m, m->profiles[i].url));
    for (uint32_t i = 0; i < m->count[IMG_ELEMENTS]; i++) {
        seen += strlen(image_text(m, m->elements[i].path)) + (image_member(m, &m->elements[i], "code", 4) != NULL);
        for (uint32_t k = 0; k < m->elements[i].constraints.count; k++)
            seen += strlen(image_text(m, m->constraints[m->links[m->elements[i].constraints.first + k] - 1].key));
    }
    for (uint32_t i = 0; i < m->count[IMG_CONCEPTS]; i++)
        for (img_id c = i + 1; c != 0; c = m->concepts[c - 1].parent)
            seen++;
    return seen;
}

/* Input: pairs of a 3-byte place and a byte. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char *whole;
    static size_t len;
    struct image view;
    uint64_t sum;
    char *copy;

    if (whole == NULL)
        whole = image_bytes_of_fixture(&len);
    copy = malloc(len);
    if (copy == NULL)
        return 0;
    memcpy(copy, whole, len);
    for (size_t i = 0; i + 4 <= size; i += 4)
        copy[(data[i] | (size_t)data[i + 1] << 8 | (size_t)data[i + 2] << 16) % len] = (char)data[i + 3];
    sum = image_checksum(copy + IMAGE_CHECKED_FROM, len - IMAGE_CHECKED_FROM);
    memcpy(copy + offsetof(struct img_header, checksum), &sum, sizeof sum);
    if (image_open(copy, len, &view, NULL) == 0 && look(&view) == 0 && view.count[IMG_PROFILES] > 0)
        abort();
    free(copy);
    return 0;
}
