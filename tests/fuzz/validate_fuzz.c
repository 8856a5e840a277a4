/*
 * Any bytes as an instance against compiled profiles, in both readings and for a profile with slices: an answer within bounds, every finding with a place inside
 * the bytes, and the same answer when asked again.
 */
#include <stdint.h>

#include "tests/unit/package_fixture.h"
#include "validate/package/package.h"
#include "validate/validate_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void open_set(struct validate_set *set)
{
    static struct buf image;
    struct err e = ERR_INIT;
    struct package_set *packages = package_set_new(&e);
    size_t len = 0;
    char *tgz = fixture_tgz(fixture_core, FIXTURE_CORE, FIXTURE_FILE, &len);

    buf_init(&image, PACKAGE_IMAGE_MAX);
    if (packages == NULL || tgz == NULL || package_set_add_bytes(packages, "core", tgz, len, &e) < 0 || package_set_compile(packages, &image, &e) < 0
        || image_open(image.data, image.len, &set->image, &e) < 0)
        abort();
    free(tgz);
    package_set_free(packages);
}

static size_t judge(const struct validate_request *r)
{
    struct arena *arena = arena_new(32 << 20);
    struct issue_list issues;
    struct err e = ERR_INIT;
    size_t errors;

    if (arena == NULL)
        return 0;
    issues_init(&issues, arena);
    if (validate_bytes(r, &issues, &e) == 0) {
        for (const struct issue *i = issues.first; i != NULL; i = i->next)
            if (i->location == NULL || i->offset > (int64_t)r->len || i->line == 0)
                abort();
    } else if (issues_ok(&issues) && e.code != ERR_LIMIT) {
        abort();
    }
    errors = issues.errors;
    arena_free(arena);
    return errors;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct validate_set small;
    static struct validate_session *kept;   /* by all inputs and both sets */
    unsigned how = size > 0 ? data[0] : 0;
    struct validate_request r = { .bytes = (const char *)data + (size > 0), .len = size - (size > 0), .reading = (how & 1) != 0 ? VALIDATE_HL7 : VALIDATE_SERVICE };

    if (small.image.base == NULL)
        open_set(&small);
    r.set = (how & 2) != 0 ? NULL : &small;
    if (kept == NULL)
        kept = validate_session_new();
    r.session = (how & 8) != 0 ? NULL : kept;
    r.profile = (how & 4) != 0 ? "http://example.org/MyThing" : NULL;
    if (judge(&r) != judge(&r))
        abort();
    return 0;
}
