/*
 * store_payload_test - bytes by their digest: once, whole, or not at all.
 */
#include <fcntl.h>
#include <sys/wait.h>
#include "base/file.h"
#include "tests/unit/store_fixture.h"

/* Content of a size that differs by salt. */
static struct bytes content(char *space, size_t len, char salt)
{
    for (size_t i = 0; i < len; i++)
        space[i] = (char)(i * 31 + i / 251);
    if (len > 0)
        space[len / 2] = salt;
    return (struct bytes){ space, len };
}

static char space[STORE_INLINE_MAX + 2], back_space[STORE_INLINE_MAX + 2];

static void round_trip(struct fixture *f, size_t len)
{
    struct sha256 digest, again;
    struct buf back;
    struct bytes in = content(space, len, 'a');
    buf_init(&back, 1 << 20);
    f_begin(f);
    CHECK_OK(store_payload_put(f->store, in, &digest, NULL));
    CHECK_OK(store_payload_put(f->store, in, &again, NULL));
    CHECK(memcmp(&digest, &again, sizeof digest) == 0);
    f_commit(f);
    f_reopen(f);
    CHECK_OK(buf_add_str(&back, "before:"));
    CHECK_OK(store_payload_get(f->store, &digest, &back, NULL));
    CHECK_INT(back.len, len + 7);
    CHECK(memcmp(back.data + 7, in.data, len) == 0);
    buf_free(&back);
}

static int files_below(const char *dir)
{
    char command[512], line[32] = "";
    int pipes[2], status;
    snprintf(command, sizeof command, "find '%s/payload' -type f | wc -l", dir);
    CHECK_INT(pipe(pipes), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(pipes[1], 1);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(pipes[1]);
    CHECK(read(pipes[0], line, sizeof line - 1) > 0);
    close(pipes[0]);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    return line[0] - '0';
}

TEST(store_gives_payloads_back_whole)
{
    static const size_t sizes[] = { 0, 1, 4096, 20000, STORE_INLINE_MAX, STORE_INLINE_MAX + 1 };
    FIXTURE(f);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        round_trip(&f, sizes[i]);
    CHECK_INT(files_below(f.dir), 1);   /* the large one, once */
    CHECK_SOUND(&f);
    store_close(f.store);
}

TEST(store_says_what_it_does_not_have)
{
    FIXTURE(f);
    struct sha256 digest = { { 9 } };
    struct buf back;
    buf_init(&back, 100);
    CHECK_ERR(store_payload_get(f.store, &digest, &back, NULL), ERR_NOTFOUND);
    CHECK_ERR(store_payload_fd(f.store, &digest, NULL), ERR_NOTFOUND);
    f_begin(&f);
    digest = f_payload(&f, "more than ten");
    f_commit(&f);
    back.max = 10;
    CHECK_ERR(store_payload_get(f.store, &digest, &back, NULL), ERR_LIMIT);
    CHECK_INT(back.len, 0);
    buf_free(&back);
    store_close(f.store);
}

TEST(store_hands_a_payload_over_sealed)
{
    FIXTURE(f);
    struct bytes in = content(space, sizeof space, 'f'), mapped;
    struct sha256 digest;
    f_begin(&f);
    CHECK_OK(store_payload_put(f.store, in, &digest, NULL));
    int fd = store_payload_fd(f.store, &digest, NULL);   /* a turn sees its own */
    f_commit(&f);
    CHECK(fd >= 0);
    CHECK_OK(memfd_map(fd, sizeof space, &mapped, NULL));
    CHECK(mapped.len == in.len && memcmp(mapped.data, in.data, in.len) == 0);
    memfd_unmap(&mapped);
    close(fd);
    store_close(f.store);
}

TEST(store_takes_a_file_again_after_a_rollback)
{
    FIXTURE(f);
    struct bytes in = content(space, sizeof space, 'r');
    struct sha256 digest;
    struct buf back;
    buf_init(&back, 1 << 20);
    f_begin(&f);
    CHECK_OK(store_payload_put(f.store, in, &digest, NULL));
    store_rollback(f.store);
    CHECK_ERR(store_payload_get(f.store, &digest, &back, NULL), ERR_NOTFOUND);
    CHECK_SOUND(&f);   /* a file without a row is no fault */
    f_begin(&f);
    CHECK_OK(store_payload_put(f.store, in, &digest, NULL));
    f_commit(&f);
    CHECK_OK(store_payload_get(f.store, &digest, &back, NULL));
    buf_free(&back);
    store_close(f.store);
}

/* Path of the payload file. */
static void file_of(const struct fixture *f, const struct sha256 *digest, char *ret_path, size_t size)
{
    char hex[SHA256_HEX];
    sha256_to_hex(digest, hex);
    snprintf(ret_path, size, "%s/payload/%.2s/%s", f->dir, hex, hex);
}

TEST(store_sees_damage_of_a_file)
{
    FIXTURE(f);
    struct flow_request r = f_request(FLOW_RQ_RECEIVED, FLOW_RS_LOOK);
    char path[512];
    struct buf back;
    struct stat st;
    struct err e = ERR_INIT;
    buf_init(&back, 1 << 20);
    f_begin(&f);
    CHECK_OK(store_payload_put(f.store, content(space, sizeof space, 'd'), &r.original, NULL));
    CHECK_OK(ops->request_put(f.store, &r, &cause, NULL));
    f_commit(&f);
    CHECK_SOUND(&f);
    file_of(&f, &r.original, path, sizeof path);
    CHECK_INT(stat(path, &st), 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    int fd = open(path, O_WRONLY);
    CHECK_INT(pwrite(fd, "!", 1, 1000), 1);
    CHECK_ERR(store_payload_get(f.store, &r.original, &back, &e), ERR_CORRUPT);
    CHECK_INT(back.len, 0);
    CHECK_STR(msg_get(e.msg)->name, "STORE_PAYLOAD_BAD");
    CHECK_INT(strlen(e.arg[0]), 8);
    CHECK_INT(f_faults(&f), 1);
    CHECK_INT(ftruncate(fd, 10), 0);
    CHECK_ERR(store_payload_get(f.store, &r.original, &back, NULL), ERR_CORRUPT);
    close(fd);
    CHECK_INT(unlink(path), 0);
    CHECK_ERR(store_payload_get(f.store, &r.original, &back, NULL), ERR_CORRUPT);
    CHECK_INT(f_faults(&f), 1);
    buf_free(&back);
    store_close(f.store);
}

TEST(store_payloads_are_for_its_user_only)
{
    FIXTURE(f);
    struct stat st;
    char path[512];
    CHECK_INT(stat(f.dir, &st), 0);
    CHECK_INT(st.st_mode & 0777, 0700);
    snprintf(path, sizeof path, "%s/store.db", f.dir);
    CHECK_INT(stat(path, &st), 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    snprintf(path, sizeof path, "%s/payload", f.dir);
    CHECK_INT(stat(path, &st), 0);
    CHECK_INT(st.st_mode & 0777, 0700);
    store_close(f.store);
}

/* Many different bytes, put in one turn and read in the next. */
TEST(store_keeps_many_payloads_apart)
{
    FIXTURE(f);
    struct sha256 digest[64];
    struct buf back;
    buf_init(&back, 1 << 20);
    f_begin(&f);
    for (int i = 0; i < 64; i++)
        CHECK_OK(store_payload_put(f.store, content(space, 100 + (size_t)i * 997, (char)i), &digest[i], NULL));
    f_commit(&f);
    for (int i = 0; i < 64; i++) {
        struct bytes want = content(back_space, 100 + (size_t)i * 997, (char)i);
        buf_reset(&back);
        CHECK_OK(store_payload_get(f.store, &digest[i], &back, NULL));
        CHECK(back.len == want.len && memcmp(back.data, want.data, want.len) == 0);
    }
    buf_free(&back);
    store_close(f.store);
}

TEST_MAIN()
