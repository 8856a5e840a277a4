/*
 * store_crash_test - death in the middle, a full disk, a disk that fails, a second gateway, a strange database.
 *
 * fsync(), fdatasync() and the writes of SQLite are this program's own, so that they can be counted and made to fail.
 */
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/timefmt.h"
#include "tests/unit/store_fixture.h"

static int sync_count, sync_fails;

int fsync(int fd)
{
    sync_count++;
    if (sync_fails > 0 && --sync_fails == 0) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return fsync(fd);
}

static int write_count, write_fails;

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at)
{
    write_count++;
    if (write_fails > 0 && --write_fails == 0) {
        errno = EIO;
        return -1;
    }
    return (ssize_t)syscall(SYS_pwrite64, fd, bytes, size, at);
}

static char big[STORE_INLINE_MAX + 1000];

static void put_requests(struct fixture *f, int count)
{
    for (int i = 0; i < count; i++) {
        struct flow_request r = f_request(FLOW_RQ_RECEIVED, FLOW_RS_LOOK);
        CHECK_OK(ops->request_put(f->store, &r, &cause, NULL));
    }
}

static int64_t received(struct fixture *f)
{
    struct store_counts counts;
    CHECK_OK(store_counts(f->store, NULL, &counts, NULL));
    return counts.request[FLOW_RQ_RECEIVED];
}

/* A child does its work on the store and is gone without a goodbye. */
static void die_after(struct fixture *f, void (*work)(struct fixture *f))
{
    int status;
    f->store = store_close(f->store);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        f_open(f, STORE_READ_WRITE);
        work(f);
        _exit(42);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    f_open(f, STORE_READ_WRITE);
}

static void work_half_a_turn(struct fixture *f)
{
    f_begin(f);
    put_requests(f, 5);
    f_commit(f);
    f_begin(f);
    put_requests(f, 3000);   /* enough to spill into the log before its end */
    memset(big, 'k', sizeof big);
    struct sha256 digest;
    for (char i = 0; i < 20; i++) {
        big[0] = i;
        CHECK_OK(store_payload_put(f->store, (struct bytes){ big, i % 2 ? sizeof big : 200000 }, &digest, NULL));
    }
}

TEST(store_keeps_whole_turns_only_after_a_kill)
{
    FIXTURE(f);
    die_after(&f, work_half_a_turn);
    CHECK_INT(received(&f), 5);
    CHECK_SOUND(&f);
    f_begin(&f);
    put_requests(&f, 1);
    f_commit(&f);
    f_reopen(&f);
    CHECK_INT(received(&f), 6);
    CHECK_SOUND(&f);
    store_close(f.store);
}

static void work_many_turns(struct fixture *f)
{
    for (int i = 0; i < 200; i++) {
        f_begin(f);
        put_requests(f, 10);
        f_commit(f);
    }
}

TEST(store_reads_a_log_that_was_left_behind)
{
    FIXTURE(f);
    die_after(&f, work_many_turns);
    CHECK_INT(received(&f), 2000);
    f.store = store_close(f.store);
    f_open(&f, STORE_READ_ONLY);
    CHECK_INT(received(&f), 2000);
    CHECK_SOUND(&f);
    store_close(f.store);
}

TEST(store_turn_costs_one_fsync)
{
    FIXTURE(f);
    struct sha256 a, b;
    struct flow_request r;
    struct flow_message m;
    f_begin(&f);   /* the first turn also writes the head of the log */
    put_requests(&f, 1);
    f_commit(&f);
    for (int turn = 0; turn < 50; turn++) {
        sync_count = 0;
        memset(big, 'a' + turn % 26, 20000);
        big[0] = (char)turn;
        f_begin(&f);
        CHECK_OK(store_payload_put(f.store, (struct bytes){ big, 20000 }, &a, NULL));
        big[1] = '!';
        CHECK_OK(store_payload_put(f.store, (struct bytes){ big, 20000 }, &b, NULL));
        r = f_request(FLOW_RQ_RECEIVED, FLOW_RS_LOOK);
        r.original = a;
        CHECK_OK(ops->request_put(f.store, &r, &cause, NULL));
        r.state = FLOW_RQ_OPEN;
        CHECK_OK(ops->request_put(f.store, &r, &cause, NULL));
        m = f_message(r.id, FLOW_MS_READY, "b");
        m.bundle = b;
        CHECK_OK(ops->message_put(f.store, &m, &cause, NULL));
        m.turn = true;
        CHECK_OK(ops->message_put(f.store, &m, &cause, NULL));
        m.state = FLOW_MS_SENDING;
        CHECK_OK(ops->message_put(f.store, &m, &cause, NULL));
        f_commit(&f);
        CHECK_INT(sync_count, 1);
    }
    store_close(f.store);
}

/* 400 pages and more, of which a small part would be a write each without the layer between SQLite and the system. */
TEST(store_writes_in_large_pieces)
{
    FIXTURE(f);
    struct sha256 digest;
    struct buf back;
    buf_init(&back, sizeof big);
    f_begin(&f);
    put_requests(&f, 1);
    f_commit(&f);
    write_count = 0;
    f_begin(&f);
    for (int i = 0; i < 80; i++) {
        memset(big, i, 20000);
        CHECK_OK(store_payload_put(f.store, (struct bytes){ big, 20000 }, &digest, NULL));
    }
    f_commit(&f);
    CHECK(write_count >= 14 && write_count <= 30);
    write_count = 0;
    f_reopen(&f);   /* moves the log into the database */
    CHECK(write_count >= 13 && write_count <= 40);
    CHECK_OK(store_payload_get(f.store, &digest, &back, NULL));
    CHECK_INT(back.len, 20000);
    CHECK(memcmp(back.data, big, 20000) == 0);
    CHECK_SOUND(&f);
    buf_free(&back);
    store_close(f.store);
}

/* Whichever write it is: what was gathered is gone, and the commit says so. */
TEST(store_believes_nothing_after_a_failed_write_of_the_log)
{
    for (int which = 1; which <= 3; which++) {
        FIXTURE(f);
        struct sha256 digest;
        f_begin(&f);
        put_requests(&f, 2);
        f_commit(&f);
        f_begin(&f);
        put_requests(&f, 3);
        memset(big, 'w', sizeof big);
        CHECK_OK(store_payload_put(f.store, (struct bytes){ big, STORE_INLINE_MAX }, &digest, NULL));
        write_fails = which;
        CHECK_ERR(store_commit(f.store, NULL), ERR_IO);
        CHECK_INT(write_fails, 0);
        CHECK_ERR(store_begin(f.store, NULL), ERR_IO);
        f_reopen(&f);
        CHECK_INT(received(&f), 2);
        CHECK_SOUND(&f);
        store_close(f.store);
    }
}

TEST(store_believes_nothing_after_a_failed_fsync)
{
    FIXTURE(f);
    struct flow_request r;
    struct err e = ERR_INIT;
    f_begin(&f);
    put_requests(&f, 2);
    f_commit(&f);
    f_begin(&f);
    put_requests(&f, 3);
    sync_fails = 1;
    CHECK_ERR(store_commit(f.store, &e), ERR_IO);
    CHECK_STR(msg_get(e.msg)->name, "STORE_FAILED");
    CHECK_ERR(store_begin(f.store, NULL), ERR_IO);
    CHECK_ERR(ops->request_get(f.store, 1, &r, NULL), ERR_IO);
    f_reopen(&f);
    CHECK(received(&f) == 2 || received(&f) == 5);   /* nobody can know; but never a part */
    CHECK_SOUND(&f);
    store_close(f.store);
}

TEST(store_believes_nothing_after_a_failed_fsync_of_a_file)
{
    FIXTURE(f);
    struct sha256 digest;
    f_begin(&f);
    sync_fails = 1;
    CHECK_ERR(store_payload_put(f.store, (struct bytes){ big, sizeof big }, &digest, NULL), ERR_IO);
    CHECK_ERR(store_commit(f.store, NULL), ERR_IO);
    f_reopen(&f);
    CHECK_SOUND(&f);
    store_close(f.store);
}

/* The fsync of a checkpoint, which SQLite by itself would pass over. */
TEST(store_sees_a_failed_fsync_of_a_checkpoint)
{
    FIXTURE(f);
    bool refused = false;
    memset(big, 'c', sizeof big);
    for (int turn = 0; turn < 200 && !refused; turn++) {
        struct sha256 digest;
        sync_fails = 2;   /* not that of the commit, but the next, if there is one */
        refused = store_begin(f.store, NULL) < 0;
        if (refused)
            break;
        big[0] = (char)turn;
        CHECK_OK(store_payload_put(f.store, (struct bytes){ big, STORE_INLINE_MAX }, &digest, NULL));
        f_commit(&f);
    }
    sync_fails = 0;
    CHECK(refused);
    f_reopen(&f);
    CHECK_SOUND(&f);
    store_close(f.store);
}

/* The same in a quiet moment: nothing is done while there is little to do, and a failure is seen. */
TEST(store_tidies_when_asked)
{
    FIXTURE(f);
    struct sha256 digest;
    memset(big, 't', sizeof big);
    sync_fails = 1;
    store_tidy(f.store);
    CHECK_INT(sync_fails, 1);
    sync_fails = 0;
    for (int turn = 0; turn < 10; turn++) {
        f_begin(&f);
        big[0] = (char)turn;
        CHECK_OK(store_payload_put(f.store, (struct bytes){ big, STORE_INLINE_MAX }, &digest, NULL));
        f_commit(&f);
    }
    f_begin(&f);
    sync_fails = 1;
    store_tidy(f.store);   /* not inside a transaction */
    CHECK_INT(sync_fails, 1);
    sync_fails = 0;
    f_commit(&f);
    sync_fails = 1;
    store_tidy(f.store);
    CHECK_ERR(store_begin(f.store, NULL), ERR_IO);
    f_reopen(&f);
    CHECK_SOUND(&f);
    store_close(f.store);
}

/* Room for a file of the store ends: as on a full disk. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    CHECK_INT(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
    signal(SIGXFSZ, SIG_IGN);
}

TEST(store_goes_on_after_a_full_disk)
{
    FIXTURE(f);
    struct sha256 digest;
    struct err e = ERR_INIT;
    int r = 0;
    f_begin(&f);
    put_requests(&f, 5);
    f_commit(&f);
    memset(big, 'f', sizeof big);
    limit_files(2 << 20);
    for (int turn = 0; turn < 50 && r == 0; turn++) {
        f_begin(&f);
        big[0] = (char)turn;
        r = store_payload_put(f.store, (struct bytes){ big, 200000 }, &digest, &e);
        if (r == 0)
            r = store_commit(f.store, &e);
        else
            store_rollback(f.store);
    }
    limit_files(RLIM_INFINITY);
    CHECK_INT(r, ERR_LIMIT);
    CHECK_STR(msg_get(e.msg)->name, "STORE_FULL");
    f_begin(&f);
    put_requests(&f, 5);
    f_commit(&f);
    CHECK_INT(received(&f), 10);
    f_reopen(&f);
    CHECK_INT(received(&f), 10);
    CHECK_SOUND(&f);
    store_close(f.store);
}

TEST(store_goes_on_after_a_file_that_did_not_fit)
{
    FIXTURE(f);
    struct sha256 digest;
    struct err e = ERR_INIT;
    memset(big, 'F', sizeof big);
    f_begin(&f);
    limit_files(sizeof big - 1);
    int r = store_payload_put(f.store, (struct bytes){ big, sizeof big }, &digest, &e);
    limit_files(RLIM_INFINITY);
    CHECK_INT(r, ERR_LIMIT);
    CHECK_ERR(store_commit(f.store, NULL), ERR_NOT_NOW);
    f_begin(&f);
    CHECK_OK(store_payload_put(f.store, (struct bytes){ big, sizeof big }, &digest, NULL));
    f_commit(&f);
    CHECK_SOUND(&f);
    store_close(f.store);
}

TEST(store_refuses_a_second_gateway)
{
    FIXTURE(f);
    struct store *second = NULL;
    struct err e = ERR_INIT;
    CHECK_ERR(store_open(f.dir, STORE_READ_WRITE, &second, &e), ERR_NOT_NOW);
    CHECK_STR(msg_get(e.msg)->name, "STORE_LOCKED");
    CHECK_ERR(store_open(f.dir, STORE_READ_ONLY, &second, NULL), ERR_NOT_NOW);
    CHECK(second == NULL);
    store_close(f.store);
    CHECK_OK(store_open(f.dir, STORE_READ_ONLY, &second, NULL));
    store_close(second);
}

TEST(store_reader_changes_nothing)
{
    FIXTURE(f);
    struct flow_request r = f_request(FLOW_RQ_RECEIVED, FLOW_RS_LOOK);
    struct sha256 digest;
    f_begin(&f);
    put_requests(&f, 2);
    f_commit(&f);
    store_close(f.store);
    f_open(&f, STORE_READ_ONLY);
    CHECK_ERR(store_begin(f.store, NULL), ERR_DENIED);
    CHECK_ERR(ops->request_put(f.store, &r, &cause, NULL), ERR_DENIED);
    CHECK_ERR(store_payload_put(f.store, (struct bytes){ "x", 1 }, &digest, NULL), ERR_DENIED);
    CHECK_ERR(store_retain(f.store, INT64_MAX, 10, NULL), ERR_DENIED);
    CHECK_ERR(store_ballast(f.store, 4096, NULL), ERR_DENIED);
    CHECK_OK(ops->request_get(f.store, 2, &r, NULL));
    CHECK_INT(received(&f), 2);
    store_close(f.store);
}

TEST(store_reader_makes_nothing)
{
    char dir[256];
    struct store *store = NULL;
    struct stat st;
    struct err e = ERR_INIT;
    fixture_dir(dir, sizeof dir);
    CHECK_ERR(store_open(dir, STORE_READ_ONLY, &store, &e), ERR_NOTFOUND);
    CHECK_STR(msg_get(e.msg)->name, "STORE_NOT_THERE");
    CHECK(stat(dir, &st) < 0);
    CHECK_INT(mkdir(dir, 0700), 0);
    CHECK_ERR(store_open(dir, STORE_READ_ONLY, &store, NULL), ERR_NOTFOUND);
    CHECK(store == NULL);
}

static void run_sql(const char *dir, const char *sql)
{
    char path[512];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/store.db", dir);
    CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
    CHECK_INT(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

TEST(store_leaves_strange_databases_alone)
{
    FIXTURE(f);
    struct store *store = NULL;
    struct err e = ERR_INIT;
    char dir[256], path[512];
    store_close(f.store);
    run_sql(f.dir, "PRAGMA user_version = 2");
    CHECK_ERR(store_open(f.dir, STORE_READ_WRITE, &store, &e), ERR_UNSUPPORTED);
    CHECK_STR(e.arg[0], "2");
    run_sql(f.dir, "PRAGMA user_version = 1; PRAGMA application_id = 7");
    CHECK_ERR(store_open(f.dir, STORE_READ_WRITE, &store, &e), ERR_INVALID);
    CHECK_STR(msg_get(e.msg)->name, "STORE_NOT_OURS");
    fixture_dir(dir, sizeof dir);
    CHECK_INT(mkdir(dir, 0700), 0);
    run_sql(dir, "CREATE TABLE somebody(x)");
    CHECK_ERR(store_open(dir, STORE_READ_WRITE, &store, NULL), ERR_INVALID);
    snprintf(path, sizeof path, "%s/store.db", dir);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    for (int i = 0; i < 1000; i++)
        fputs("this is not a database. ", file);
    fclose(file);
    CHECK_ERR(store_open(dir, STORE_READ_WRITE, &store, &e), ERR_CORRUPT);
    CHECK(store == NULL);
}

TEST(store_opens_with_many_rows)
{
    FIXTURE(f);
    int64_t begin, due;
    for (int i = 0; i < 100000; i++) {
        struct flow_message m = f_message(1, FLOW_MS_READY, "");
        snprintf(m.bundle_id, sizeof m.bundle_id, "1310000001^2026^%d", i);
        m.due_ms = i + 1;
        if (i % 1000 == 0)
            f_begin(&f);
        CHECK_OK(ops->message_put(f.store, &m, &cause, NULL));
        if (i % 1000 == 999)
            f_commit(&f);
    }
    begin = time_boot_ms();
    f_reopen(&f);
    CHECK_INT(ops->timer_next(f.store, &due, NULL), 1);
    CHECK_INT(due, 1);
    printf("     100000 rows: closed, opened and asked in %lld ms\n", (long long)(time_boot_ms() - begin));
    store_close(f.store);
}

TEST_MAIN()
