/*
 * spool_fixture.h - a vendor folder of its own for each test, and what the room has told about it. Time is a parameter.
 *
 *     struct house *h = open_house();          // fresh; the folder of the test before goes
 *     put(h, "in", "a.json", "{}"); scan(h, boot_ms); h->count, h->name[0] ...
 *
 * The last test of a program is SWEEP(): nothing stays behind.
 */
#ifndef TESTS_UNIT_SPOOL_FIXTURE_H
#define TESTS_UNIT_SPOOL_FIXTURE_H

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "spool/spool.h"
#include "tests/unit/test.h"

enum { SETTLE = 3000, ORPHAN = 24 * 3600 * 1000, MAX_BYTES = 4096, NAMES_MAX = 64 };

static const char *const endings[] = { ".json", NULL };

/* A root of its own for each test, and what the room has told. */
struct house {
    char root[64];
    struct spool_source *source;
    struct err e;
    char name[NAMES_MAX][SPOOL_NAME_MAX + 1];
    struct spool_offer offer[NAMES_MAX];
    struct spool_claim left[NAMES_MAX];
    size_t count, lefts;
};

__attribute__((unused))
static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

__attribute__((unused))
static struct spool_source_config config_of(const char *root, const char *owner)
{
    return (struct spool_source_config){ "karte", owner, root, SETTLE, MAX_BYTES, ORPHAN, endings };
}

__attribute__((unused))
static struct house *open_house(void)
{
    static struct house h;
    struct spool_source_config config;

    if (h.source != NULL)
        spool_source_free(h.source);
    if (h.root[0] != '\0')
        nftw(h.root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    memset(&h, 0, sizeof h);
    snprintf(h.root, sizeof h.root, "/tmp/clinsgw-spool-XXXXXX");
    CHECK(mkdtemp(h.root) != NULL);
    config = config_of(h.root, "gw01");
    CHECK_OK(spool_source_new(&config, &h.source, &h.e));
    return &h;
}

__attribute__((unused))
static const char *path_of(const struct house *h, const char *folder, const char *name)
{
    static char path[4][512];
    static unsigned next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof path[0], "%s/%s/%s", h->root, folder, name);
    return p;
}

__attribute__((unused))
static void put(const struct house *h, const char *folder, const char *name, const char *text)
{
    FILE *f = fopen(path_of(h, folder, name), "w");
    CHECK(f != NULL);
    fputs(text, f);
    CHECK_INT(fclose(f), 0);
}

__attribute__((unused))
static void set_mtime(const struct house *h, const char *folder, const char *name, int64_t seconds)
{
    struct timespec t[2] = { { .tv_sec = seconds }, { .tv_sec = seconds } };
    CHECK_INT(utimensat(AT_FDCWD, path_of(h, folder, name), t, AT_SYMLINK_NOFOLLOW), 0);
}

__attribute__((unused))
static bool there(const struct house *h, const char *folder, const char *name)
{
    struct stat st;
    return lstat(path_of(h, folder, name), &st) == 0;
}

__attribute__((unused))
static size_t entries(const struct house *h, const char *folder)
{
    DIR *dir = opendir(path_of(h, folder, "."));
    size_t n = 0;
    for (struct dirent *d; dir != NULL && (d = readdir(dir)) != NULL;)
        n += strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
    if (dir != NULL)
        closedir(dir);
    return n;
}

__attribute__((unused))
static void note(void *ctx, const struct spool_offer *offer)
{
    struct house *h = ctx;
    if (h->count == NAMES_MAX)
        return;
    snprintf(h->name[h->count], sizeof h->name[0], "%s", offer->name);
    h->offer[h->count] = *offer;
    h->offer[h->count].name = h->name[h->count];
    h->count++;
}

__attribute__((unused))
static void note_left(void *ctx, const struct spool_claim *claim)
{
    struct house *h = ctx;
    if (h->lefts < NAMES_MAX)
        h->left[h->lefts++] = *claim;
}

__attribute__((unused))
static size_t scan(struct house *h, int64_t boot_ms)
{
    h->count = 0;
    CHECK_OK(spool_source_scan(h->source, boot_ms, note, h, &h->e));
    return h->count;
}

__attribute__((unused))
static int sync_now(struct house *h)
{
    int result;
    spool_sync(&h->source, 1, &result, &h->e);
    return result;
}

/* Claims NAME, reads it, and says why it was refused; the text goes to ret_text. */
__attribute__((unused))
static enum msg_id take(struct house *h, const char *name, struct spool_claim *claim, char *ret_text, size_t size)
{
    struct spool_content content;
    struct bytes b;

    CHECK_OK(spool_source_claim(h->source, name, claim, &h->e));
    CHECK_OK(sync_now(h));
    CHECK_OK(spool_source_read(h->source, claim->work, &content, &h->e));
    if (content.fd < 0)
        return content.refused;
    CHECK_OK(memfd_map(content.fd, MAX_BYTES, &b, &h->e)); /* which asks for all four seals */
    CHECK_INT(b.len, content.size);
    snprintf(ret_text, size, "%.*s", (int)b.len, b.data);
    memfd_unmap(&b);
    close(content.fd);
    return content.refused;
}

/* Closes the last source and removes its folder. */
__attribute__((unused))
static void sweep(void)
{
    struct house *h = open_house();
    h->source = spool_source_free(h->source);
    CHECK_INT(nftw(h->root, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    h->root[0] = '\0';
}

#define SWEEP() TEST(spool_sweeps_its_test_folders) { sweep(); }

#endif
