/* Any bytes as clinsgw.conf: refused with a place, or settings that hold together. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_links(const struct settings *s)
{
    for (size_t i = 0; i < s->links; i++)
        check(settings_find_link(s, s->link[i].name) == (int)i && s->link[i].sessions >= 1 && s->link[i].sessions <= 20 && strchr(s->link[i].name, ',') == NULL);
    for (size_t i = 0; i < s->signers; i++)
        check(settings_find_signer(s, s->signer[i].name) == (int)i);
}

static void check_facilities(const struct settings *s)
{
    for (size_t i = 0; i < s->facilities; i++) {
        const struct settings_facility *f = &s->facility[i];
        check(strlen(f->code) == 10 && settings_find_facility(s, f->code) == (int)i);
        check(f->link_index >= 0 && (size_t)f->link_index < s->links && f->signer_index < (int)s->signers);
        check(f->signing != SIGNING_REQUIRE || f->signer_index >= 0);
    }
}

static void check_sources(const struct settings *s)
{
    for (size_t i = 0; i < s->sources; i++) {
        const struct settings_source *c = &s->source[i];
        check(c->root[0] == '/' && c->facility_index >= 0 && (size_t)c->facility_index < s->facilities && settings_find_source(s, c->name) == (int)i);
        check(c->endings.count > 0 && c->max_bytes >= 1024 && c->settle_ms >= 0);
        for (size_t k = 0; k < c->endings.count; k++)
            check(c->endings.item[k][0] == '.');
        for (size_t k = 0; k < i; k++)
            check(strcmp(c->root, s->source[k].root) != 0);
    }
}

static void count(void *context, const struct err *e)
{
    check(e->msg != MSG_NONE && strncmp(e->place, "fuzz:", 5) == 0);
    ++*(size_t *)context;
}

/* A listener hears of something exactly when there is something wrong. */
static void hear_all(const uint8_t *data, size_t size, int result)
{
    struct arena *arena = arena_new(16 << 20);
    size_t heard = 0;
    const struct conf_faults faults = { count, &heard };
    struct settings *s = NULL;
    struct err e = ERR_INIT;
    int r, fd = memfd_create("settings", MFD_CLOEXEC);

    check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    r = settings_load_fd(fd, "fuzz", arena, &faults, &s, &e);
    check(r == ERR_NOMEM || (r < 0) == (result < 0));
    check(r == 0 || r == ERR_NOMEM || heard > 0 || e.msg != MSG_NONE);
    check(r < 0 || heard == 0);
    close(fd);
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(16 << 20);
    struct settings *s = NULL;
    struct err e = ERR_INIT;
    int r = settings_parse("fuzz", (const char *)data, size, arena, &s, &e);

    hear_all(data, size, r);
    if (r < 0) {
        check(s == NULL && e.code == r && (r == ERR_NOMEM || strncmp(e.place, "fuzz:", 5) == 0));
    } else {
        check(s != NULL && s->state_dir[0] == '/' && s->workers >= 1 && s->low_water_send <= s->low_water_intake);
        check_links(s);
        check_facilities(s);
        check_sources(s);
    }
    arena_free(arena);
    return 0;
}
