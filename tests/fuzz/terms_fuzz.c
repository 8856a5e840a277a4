/*
 * Any coding asked of the value sets and code systems of a small image, of the systems that are defined by a grammar and of a caller's own table: the answers
 * must fit each other.
 *
 * Input: value set, system, version, code, display, one a line; what is missing is not given.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/package_fixture.h"
#include "validate/model/image.h"
#include "validate/package/package.h"
#include "validate/terms/grammar.h"
#include "validate/terms/terms.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES = 5 };

static const char master[] = "urn:master";

static bool same(struct bytes a, const char *text)
{
    return a.data != NULL && a.len == strlen(text) && memcmp(a.data, text, a.len) == 0;
}

/* A master in which every code of digits stands. */
static enum validate_answer find_code(void *self, struct bytes system, struct bytes code, struct bytes *ret_display)
{
    (void)self;
    if (!same(system, master))
        return VALIDATE_UNKNOWN;
    for (size_t i = 0; i < code.len; i++)
        if (code.data[i] < '0' || code.data[i] > '9')
            return VALIDATE_NO;
    *ret_display = (struct bytes){ "number", 6 };
    return VALIDATE_YES;
}

static const struct image *fixture_image(void)
{
    static struct image view;
    static struct buf image;
    struct err e = ERR_INIT;
    struct package_set *set = view.base == NULL ? package_set_new(&e) : NULL;
    size_t len = 0;
    char *tgz;

    if (view.base != NULL)
        return &view;
    tgz = fixture_tgz(fixture_core, FIXTURE_CORE, FIXTURE_FILE, &len);
    buf_init(&image, PACKAGE_IMAGE_MAX);
    if (set == NULL || tgz == NULL || package_set_add_bytes(set, "x", tgz, len, &e) < 0 || package_set_compile(set, &image, &e) < 0
        || image_open(image.data, image.len, &view, &e) < 0)
        abort();
    free(tgz);
    package_set_free(set);
    return &view;
}

/* Copies of the exact length, so that a read beyond one is seen. */
static void split(const uint8_t *data, size_t size, struct bytes *ret_line)
{
    for (size_t i = 0; i < LINES; i++) {
        const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
        size_t len = end != NULL ? (size_t)(end - data) : size;
        char *copy = len > 0 ? malloc(len) : NULL;

        if (copy != NULL)
            memcpy(copy, data, len);
        ret_line[i] = (struct bytes){ copy, copy != NULL ? len : 0 };
        size -= end != NULL ? len + 1 : len;
        data += end != NULL ? len + 1 : len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct validate_terms more = { .find_code = find_code };
    struct terms terms = { .image = fixture_image(), .more = &more };
    struct terms_why why = { .reason = TERMS_FINE };
    struct bytes line[LINES];
    struct terms_coding coding;
    const char *value_set;
    enum terms_answer answer;

    split(data, size, line);
    value_set = line[0].data != NULL ? line[0].data : "";
    coding = (struct terms_coding){ .system = line[1], .version = line[2], .code = line[3], .display = line[4] };
    answer = terms_in_value_set(&terms, value_set, line[0].len, &coding, &why);
    if (answer != TERMS_UNKNOWN && !terms_value_set_known(&terms, value_set, line[0].len))
        abort();
    coding.system_inferred = true;
    (void)terms_in_value_set(&terms, value_set, line[0].len, &coding, &why);
    coding.system_inferred = false;
    answer = terms_in_system(&terms, &coding, &why);
    if (answer != TERMS_UNKNOWN && !same(coding.system, master) && !terms_system_known(&terms, coding.system.data != NULL ? coding.system.data : "", coding.system.len))
        abort();
    if (grammar_check(coding.system, coding.code) != TERMS_UNKNOWN && !grammar_knows(coding.system))
        abort();
    (void)terms_subsumes(&terms, &coding, &coding);
    for (size_t i = 0; i < LINES; i++)
        free((char *)(uintptr_t)line[i].data);
    return 0;
}
