/*
 * store_fixture.h - a store in a folder of its own, for the tests of the store room.
 *
 *     FIXTURE(f);                          // opens f.store in a new folder; the folder goes when the test program ends
 *     f_begin(&f); ...; f_commit(&f);
 */
#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>
#include "store/store.h"
#include "tests/unit/test.h"

struct fixture { struct store *store; char dir[256]; struct sha256 payload; };

static const struct flow_tables_ops *const ops = &store_flow_ops;
static const struct flow_cause cause = { .event = FLOW_EV_CLAIMED, .actor = "", .wall_ms = 1795000000000 };

__attribute__((unused))
static int fixture_unlink(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

/* The folders of one program stand below one, which is removed at its end. */
static char fixture_base[128];
static unsigned fixture_count;
static pid_t fixture_owner;

__attribute__((unused))
static void fixture_remove(void)
{
    if (getpid() == fixture_owner)
        nftw(fixture_base, fixture_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

__attribute__((unused))
static void fixture_dir(char *ret_dir, size_t size)
{
    if (fixture_base[0] == '\0') {
        const char *tmp = getenv("TMPDIR");
        snprintf(fixture_base, sizeof fixture_base, "%s/clinsgw-store-XXXXXX", tmp != NULL && strlen(tmp) < 64 ? tmp : "/tmp");
        CHECK(mkdtemp(fixture_base) != NULL);
        fixture_owner = getpid();
        atexit(fixture_remove);
    }
    snprintf(ret_dir, size, "%s/%u", fixture_base, fixture_count++);
}

__attribute__((unused))
static void f_open(struct fixture *f, enum store_mode mode)
{
    struct err e = ERR_INIT;
    int r = store_open(f->dir, mode, &f->store, &e);
    if (r < 0)
        test_fail(__FILE__, __LINE__, "store_open: %s %s %s", err_code_name(r), e.arg[0], e.arg[1]);
}

__attribute__((unused))
static void f_reopen(struct fixture *f)
{
    f->store = store_close(f->store);
    f_open(f, STORE_READ_WRITE);
}

#define FIXTURE(f) struct fixture f = { .store = NULL }; fixture_dir(f.dir, sizeof f.dir); f_open(&f, STORE_READ_WRITE)

__attribute__((unused)) static void f_begin(struct fixture *f) { CHECK_OK(store_begin(f->store, NULL)); }
__attribute__((unused)) static void f_commit(struct fixture *f) { CHECK_OK(store_commit(f->store, NULL)); }

/* Stores a short text as a payload. */
__attribute__((unused))
static struct sha256 f_payload(struct fixture *f, const char *text)
{
    struct sha256 digest;
    CHECK_OK(store_payload_put(f->store, (struct bytes){ text, strlen(text) }, &digest, NULL));
    return digest;
}

__attribute__((unused))
static struct flow_request f_request(enum flow_request_state state, enum flow_request_step step)
{
    struct flow_request r = { .state = state, .step = step, .source = "karte", .facility = "1310000001", .name = "a.json", .received_wall_ms = 1000, .since_wall_ms = 1000 };
    return r;
}

__attribute__((unused))
static struct flow_message f_message(int64_t request, enum flow_message_state state, const char *bundle_id)
{
    struct flow_message m = { .request = request, .state = state, .operation = FLOW_OP_REGISTER, .kind = FLOW_KIND_LETTER, .source = "karte", .facility = "1310000001",
                              .received_wall_ms = 1000, .since_wall_ms = 1000, .blocks = state < FLOW_MS_DONE };
    snprintf(m.bundle_id, sizeof m.bundle_id, "%s", bundle_id);
    snprintf(m.unit, sizeof m.unit, "B/%s", bundle_id);
    return m;
}

/* The number of faults that store_verify() finds; the first one is kept. */
static char fixture_first[200];
__attribute__((unused))
static void f_keep_first(void *ctx, const char *fault)
{
    (void)ctx;
    if (fixture_first[0] == '\0')
        snprintf(fixture_first, sizeof fixture_first, "%s", fault);
}
__attribute__((unused))
static int f_faults(struct fixture *f)
{
    fixture_first[0] = '\0';
    return store_verify(f->store, f_keep_first, NULL, NULL);
}
#define CHECK_SOUND(f) do { int faults_ = f_faults(f); if (faults_ != 0) test_fail(__FILE__, __LINE__, "%d faults: %s", faults_, fixture_first); } while (0)

#endif
