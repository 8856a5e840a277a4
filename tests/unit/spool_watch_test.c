/* The watcher says what arrives, and whether it was renamed from an unfinished name. Events are waited for on its descriptor. */
#include <poll.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/spool_watch.h"
#include "tests/unit/test.h"

static char root[64], path[4][160];

static const char *at(const char *name)
{
    static unsigned next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", root, name);
    return p;
}

static void put(const char *name)
{
    FILE *f = fopen(at(name), "w");
    CHECK(f != NULL);
    fputs("x", f);
    CHECK_INT(fclose(f), 0);
}

static struct spool_watch *open_watch(void)
{
    static char in[80], try_[80], none[80];
    const char *const folders[] = { in, none, try_ };
    struct spool_watch *watch = NULL;
    struct err e = ERR_INIT;
    int r;

    snprintf(root, sizeof root, "/tmp/clinsgw-watch-XXXXXX");
    CHECK(mkdtemp(root) != NULL);
    CHECK_INT(mkdir(at("in"), 0700), 0);
    CHECK_INT(mkdir(at("try"), 0700), 0);
    snprintf(in, sizeof in, "%s/in", root);
    snprintf(try_, sizeof try_, "%s/try", root);
    snprintf(none, sizeof none, "%s/none", root);
    r = spool_watch_new(folders, 3, &watch, &e);
    if (r == ERR_UNSUPPORTED)
        SKIP("no inotify here");
    CHECK_OK(r);
    return watch;
}

/* The next event, however long it takes; a watcher that says nothing is ended by the test run's own limit. */
static struct spool_watch_event next(struct spool_watch *watch)
{
    struct spool_watch_event event = { 99, false, "" };
    struct pollfd p = { .fd = spool_watch_fd(watch), .events = POLLIN };
    while (!spool_watch_next(watch, &event))
        CHECK(poll(&p, 1, -1) == 1);
    return event;
}

static void close_watch(struct spool_watch *watch)
{
    static const char *const names[] = { "in/a.json", "in/b.json", "in/c\n\xff.json", "try/a.json", "in/.hidden", "elsewhere.json", "in/d.json" };
    CHECK(spool_watch_free(watch) == NULL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(at(names[i]));
    rmdir(at("in"));
    rmdir(at("try"));
    CHECK_INT(rmdir(root), 0);
}

TEST(watch_says_what_was_written_and_where)
{
    struct spool_watch *watch = open_watch();
    struct spool_watch_event event;
    CHECK(!spool_watch_next(watch, &event));
    put("in/a.json");
    event = next(watch);
    CHECK_INT(event.folder, 0);
    CHECK_STR(event.name, "a.json");
    CHECK(!event.renamed);
    put("try/a.json");
    event = next(watch);
    CHECK_INT(event.folder, 2);
    CHECK_STR(event.name, "a.json");
    close_watch(watch);
}

TEST(watch_knows_a_rename_from_an_unfinished_name)
{
    static const char *const from[] = { "in/.hidden", "in/b.json.tmp", "in/b.json.PART" };
    struct spool_watch *watch = open_watch();
    for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
        struct spool_watch_event event;
        put(from[i]); /* says nothing: the name is unfinished */
        CHECK_INT(rename(at(from[i]), at("in/b.json")), 0);
        event = next(watch);
        CHECK_STR(event.name, "b.json");
        CHECK(event.renamed);
    }
    close_watch(watch);
}

TEST(watch_takes_other_renames_for_less)
{
    struct spool_watch *watch = open_watch();
    struct spool_watch_event event;
    put("elsewhere.json");
    CHECK_INT(rename(at("elsewhere.json"), at("in/a.json")), 0); /* out of sight: may have been half a file */
    event = next(watch);
    CHECK_STR(event.name, "a.json");
    CHECK(!event.renamed);
    CHECK_INT(rename(at("in/a.json"), at("in/d.json")), 0); /* from a name that was no unfinished one */
    event = next(watch);
    CHECK_STR(event.name, "d.json");
    CHECK(!event.renamed);
    close_watch(watch);
}

TEST(watch_takes_names_in_any_bytes)
{
    struct spool_watch *watch = open_watch();
    struct spool_watch_event event;
    put("in/.hidden");
    CHECK_INT(rename(at("in/.hidden"), at("in/c\n\xff.json")), 0);
    event = next(watch);
    CHECK_STR(event.name, "c\n\xff.json");
    CHECK(event.renamed);
    close_watch(watch);
}

TEST(watch_can_be_made_anew)
{
    for (int i = 0; i < 3; i++) {
        struct spool_watch *watch = open_watch();
        put("in/a.json");
        CHECK_STR(next(watch).name, "a.json");
        close_watch(watch);
    }
    CHECK(spool_watch_free(NULL) == NULL);
}

TEST_MAIN()
