/* Any bytes as a package and as facts; what is taken must compile to an image that opens. */
#include <stdint.h>
#include <stdlib.h>

#include "validate/model/image.h"
#include "validate/package/package.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compile(struct package_set *set)
{
    struct err e = ERR_INIT;
    struct buf image;
    struct image view;

    buf_init(&image, PACKAGE_IMAGE_MAX);
    if (package_set_compile(set, &image, &e) == 0 && image_open(image.data, image.len, &view, &e) < 0)
        abort();
    buf_free(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char head[] = "{\"name\":\"x\",\"version\":\"1\"}\n";
    struct err e = ERR_INIT;
    struct package_set *set = package_set_new(&e);
    struct buf facts;

    if (set == NULL)
        return 0;
    if (package_set_add_bytes(set, "fuzz.tgz", (const char *)data, size, &e) == 0)
        compile(set);
    buf_init(&facts, 1 << 24);
    if (buf_add(&facts, head, sizeof head - 1) == 0 && buf_add(&facts, data, size) == 0 && package_set_add_facts(set, facts.data, facts.len, &e) == 0)
        compile(set);
    buf_free(&facts);
    package_set_free(set);
    return 0;
}
