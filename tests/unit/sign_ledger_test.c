/* sign_ledger_test.c - the ledger of the sign door: one digest a message, over restarts and crashes. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "sign/sign.h"
#include "tests/unit/sign_fixture.h"

static const char uuid_a[] = "00000000-0000-4000-8000-00000000000a", uuid_b[] = "00000000-0000-4000-8000-00000000000b";

static struct sha256 digest_of(const char *text)
{
    struct sha256 d;
    sha256_of(text, strlen(text), &d);
    return d;
}

/* A directory handle on the temporary folder, with the ledger of an earlier test removed. */
static int fresh_dir(void)
{
    if (fixture_temp() == NULL)
        SKIP("no temporary folder");
    int dir = dir_open(AT_FDCWD, fixture_dir, NULL);
    unlinkat(dir, "ledger", 0);
    return dir;
}

static struct sign_ledger *open_ledger(int dir)
{
    struct sign_ledger *l = NULL;
    CHECK_OK(sign_ledger_open(dir, "ledger", &l, NULL));
    return l;
}

static int bind(struct sign_ledger *l, const char *uuid, const char *text)
{
    struct sign_ledger_entry entry = { uuid, digest_of(text) };
    return sign_ledger_bind(l, &entry, 1, NULL);
}

static void append(int dir, const char *text)
{
    int fd = openat(dir, "ledger", O_WRONLY | O_APPEND | O_CREAT, 0600);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static off_t size_of(int dir)
{
    struct stat st;
    CHECK_OK(fstatat(dir, "ledger", &st, 0));
    return st.st_size;
}

TEST(ledger_refuses_a_second_digest)
{
    int dir = fresh_dir();
    struct sign_ledger *l = open_ledger(dir);
    struct err e = ERR_INIT;
    struct sign_ledger_entry other = { uuid_a, digest_of("two") };
    CHECK_OK(bind(l, uuid_a, "one"));
    CHECK_OK(bind(l, uuid_a, "one"));
    CHECK_ERR(sign_ledger_bind(l, &other, 1, &e), ERR_EXISTS);
    CHECK_INT(e.msg, MSG_SIGN_LEDGER_OTHER);
    CHECK_OK(bind(l, uuid_b, "two"));
    CHECK_INT(sign_ledger_count(l), 2);
    sign_ledger_close(l);
    close(dir);
}

TEST(ledger_remembers_over_a_restart)
{
    int dir = fresh_dir();
    struct sha256 got, want = digest_of("one");
    struct sign_ledger *l = open_ledger(dir);
    CHECK_OK(bind(l, uuid_a, "one"));
    off_t size = size_of(dir);
    CHECK_INT(size, 5 + 36 + 1 + 64 + 1);
    CHECK_OK(bind(l, uuid_a, "one"));
    CHECK_INT(size_of(dir), size);
    sign_ledger_close(l);
    l = open_ledger(dir);
    CHECK_OK(sign_ledger_find(l, uuid_a, &got));
    CHECK(memcmp(&got, &want, sizeof got) == 0);
    CHECK_ERR(sign_ledger_find(l, uuid_b, &got), ERR_NOTFOUND);
    CHECK_ERR(bind(l, uuid_a, "two"), ERR_EXISTS);
    sign_ledger_close(l);
    close(dir);
}

TEST(ledger_cuts_a_torn_line)
{
    int dir = fresh_dir();
    struct sign_ledger *l = open_ledger(dir);
    struct sha256 got;
    CHECK_OK(bind(l, uuid_a, "one"));
    sign_ledger_close(l);
    off_t size = size_of(dir);
    append(dir, "sign 00000000-0000-4000-8000-00000000000b 0123");
    l = open_ledger(dir);
    CHECK_INT(size_of(dir), size);
    CHECK_ERR(sign_ledger_find(l, uuid_b, &got), ERR_NOTFOUND);
    CHECK_OK(bind(l, uuid_b, "two"));
    sign_ledger_close(l);
    l = open_ledger(dir);
    CHECK_INT(sign_ledger_count(l), 2);
    sign_ledger_close(l);
    close(dir);
}

/* The file may grow by ten bytes and no more, as on a disk that is full. */
TEST(ledger_that_could_not_be_written_is_whole_when_opened_anew)
{
    int dir = fresh_dir();
    struct sign_ledger *l = open_ledger(dir);
    struct rlimit before, tight;
    struct sha256 got;
    CHECK_OK(bind(l, uuid_a, "one"));
    CHECK(!sign_ledger_broken(l));
    signal(SIGXFSZ, SIG_IGN);
    CHECK_OK(getrlimit(RLIMIT_FSIZE, &before));
    tight = before;
    tight.rlim_cur = (rlim_t)size_of(dir) + 10;
    CHECK_OK(setrlimit(RLIMIT_FSIZE, &tight));
    int r = bind(l, uuid_b, "two");
    CHECK_OK(setrlimit(RLIMIT_FSIZE, &before));
    CHECK(r < 0);
    CHECK(sign_ledger_broken(l));
    CHECK(bind(l, uuid_b, "two") < 0);
    sign_ledger_close(l);
    l = open_ledger(dir);
    CHECK(!sign_ledger_broken(l));
    CHECK_ERR(sign_ledger_find(l, uuid_b, &got), ERR_NOTFOUND);
    CHECK_OK(bind(l, uuid_b, "two"));
    sign_ledger_close(l);
    close(dir);
}

TEST(ledger_refuses_damage)
{
    static const char *const lines[] = {
        "\n", "sign x y\n", "sing 00000000-0000-4000-8000-00000000000b 0000000000000000000000000000000000000000000000000000000000000000\n",
        "sign 00000000-0000-4000-8000-00000000000B 0000000000000000000000000000000000000000000000000000000000000000\n",
        "sign 00000000-0000-4000-8000-00000000000a 0000000000000000000000000000000000000000000000000000000000000000\n",
        "pin-refused 00\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        int dir = fresh_dir();
        struct sign_ledger *l = open_ledger(dir);
        struct err e = ERR_INIT;
        CHECK_OK(bind(l, uuid_a, "one"));
        l = sign_ledger_close(l);
        append(dir, lines[i]);
        CHECK_ERR(sign_ledger_open(dir, "ledger", &l, &e), ERR_CORRUPT);
        CHECK_STR(e.arg[0], "2");
        CHECK(l == NULL);
        close(dir);
    }
}

TEST(ledger_writes_all_or_nothing_of_a_batch)
{
    int dir = fresh_dir();
    struct sign_ledger *l = open_ledger(dir);
    struct sign_ledger_entry batch[] = { { uuid_b, digest_of("b") }, { uuid_a, digest_of("other") } };
    struct sign_ledger_entry twice[] = { { uuid_b, digest_of("b") }, { uuid_b, digest_of("c") } };
    struct sha256 got;
    CHECK_OK(bind(l, uuid_a, "one"));
    off_t size = size_of(dir);
    CHECK_ERR(sign_ledger_bind(l, batch, 2, NULL), ERR_EXISTS);
    CHECK_ERR(sign_ledger_bind(l, twice, 2, NULL), ERR_EXISTS);
    CHECK_ERR(sign_ledger_find(l, uuid_b, &got), ERR_NOTFOUND);
    CHECK_INT(size_of(dir), size);
    sign_ledger_close(l);
    close(dir);
}

TEST(ledger_grows)
{
    int dir = fresh_dir();
    enum { MANY = 5000 };
    static char uuid[MANY][UUID_TEXT];
    static struct sign_ledger_entry entry[MANY];
    struct sign_ledger *l = open_ledger(dir);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(uuid[i], sizeof uuid[i], "00000000-0000-4000-8000-%012x", i);
        entry[i] = (struct sign_ledger_entry){ uuid[i], digest_of(uuid[i]) };
    }
    CHECK_OK(sign_ledger_bind(l, entry, MANY, NULL));
    sign_ledger_close(l);
    l = open_ledger(dir);
    CHECK_INT(sign_ledger_count(l), MANY);
    for (unsigned i = 0; i < MANY; i++)
        CHECK_OK(bind(l, uuid[i], uuid[i]));
    sign_ledger_close(l);
    close(dir);
}

TEST(ledger_is_used_by_one_process)
{
    int dir = fresh_dir();
    struct sign_ledger *l = open_ledger(dir), *second = NULL;
    CHECK_ERR(sign_ledger_open(dir, "ledger", &second, NULL), ERR_NOT_NOW);
    sign_ledger_close(l);
    CHECK_OK(sign_ledger_open(dir, "ledger", &second, NULL));
    sign_ledger_close(second);
    close(dir);
}

TEST(ledger_follows_no_link)
{
    int dir = fresh_dir();
    struct sign_ledger *l = NULL;
    CHECK_OK(symlinkat("/dev/null", dir, "ledger"));
    CHECK(sign_ledger_open(dir, "ledger", &l, NULL) < 0);
    CHECK_OK(unlinkat(dir, "ledger", 0));
    close(dir);
}

TEST(ledger_remembers_a_refused_pin)
{
    int dir = fresh_dir();
    struct sha256 one = digest_of("certificate"), two = digest_of("another");
    struct sign_ledger *l = open_ledger(dir);
    CHECK(!sign_ledger_pin_refused(l, &one));
    CHECK_OK(sign_ledger_note_pin(l, &one, false, NULL));
    CHECK_INT(size_of(dir), 0);
    CHECK_OK(sign_ledger_note_pin(l, &one, true, NULL));
    sign_ledger_close(l);
    l = open_ledger(dir);
    CHECK(sign_ledger_pin_refused(l, &one));
    CHECK(!sign_ledger_pin_refused(l, &two));
    CHECK_OK(sign_ledger_note_pin(l, &one, false, NULL));
    sign_ledger_close(l);
    l = open_ledger(dir);
    CHECK(!sign_ledger_pin_refused(l, &one));
    sign_ledger_close(l);
    close(dir);
}

TEST(ledger_refuses_what_is_no_uuid)
{
    int dir = fresh_dir();
    struct sign_ledger *l = open_ledger(dir);
    CHECK_ERR(bind(l, "x", "one"), ERR_INVALID);
    CHECK_ERR(bind(l, "00000000-0000-4000-8000-00000000000a\n", "one"), ERR_INVALID);
    CHECK_ERR(bind(l, "00000000 0000-4000-8000-00000000000a", "one"), ERR_INVALID);
    CHECK_INT(sign_ledger_count(l), 0);
    sign_ledger_close(l);
    close(dir);
}

TEST_MAIN()
