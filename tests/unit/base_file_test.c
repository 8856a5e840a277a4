/* Tests of base/file.h, in a folder of their own below TMPDIR. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "tests/unit/test.h"

/* A fresh folder for one test; returns its descriptor. A failing test leaves it for inspection. */
static char folder[4096];

static int enter(void)
{
    const char *tmp = getenv("TMPDIR");
    struct err e = ERR_INIT;
    snprintf(folder, sizeof folder, "%s/clinsgw-file-XXXXXX", tmp != NULL ? tmp : "/tmp");
    CHECK(mkdtemp(folder) != NULL);
    int dir = dir_open(AT_FDCWD, folder, &e);
    CHECK(dir >= 0);
    return dir;
}

static int names_in(int dir)
{
    int count = 0;
    DIR *d = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    CHECK(d != NULL);
    for (struct dirent *f; (f = readdir(d)) != NULL; )
        count += f->d_name[0] != '.' || strlen(f->d_name) > 2;
    closedir(d);
    return count;
}

static void leave(int dir)
{
    DIR *d = fdopendir(dir);
    CHECK(d != NULL);
    for (struct dirent *f; (f = readdir(d)) != NULL; )
        if (unlinkat(dirfd(d), f->d_name, 0) < 0 && (errno == EISDIR || errno == EPERM))
            unlinkat(dirfd(d), f->d_name, AT_REMOVEDIR);
    closedir(d);
    rmdir(folder);
}

static int put(int dir, const char *name, const char *text, enum file_replace replace)
{
    return file_write(dir, name, text, strlen(text), 0640, replace, FILE_DURABLE, NULL);
}

static void check_content(int dir, const char *name, const char *want)
{
    struct buf b;
    struct err e = ERR_INIT;
    buf_init(&b, 1 << 20);
    CHECK_OK(file_read(dir, name, 1 << 20, &b, &e));
    CHECK_STR(b.data, want);
    buf_free(&b);
}

TEST(file_write_and_read_back)
{
    int dir = enter();
    struct stat st;
    mode_t mask = umask(077);
    CHECK_OK(put(dir, "a.json", "first", FILE_REPLACE));
    CHECK_OK(put(dir, "a.json", "second", FILE_REPLACE));
    umask(mask);
    check_content(dir, "a.json", "second");
    CHECK_OK(fstatat(dir, "a.json", &st, 0));
    CHECK_INT(st.st_mode & 07777, 0640);
    CHECK_OK(file_write(dir, "empty", NULL, 0, 0600, FILE_NEW, FILE_FAST, NULL));
    check_content(dir, "empty", "");
    CHECK_INT(names_in(dir), 2);
    leave(dir);
}

TEST(file_new_never_replaces)
{
    int dir = enter();
    CHECK_OK(put(dir, "a", "first", FILE_NEW));
    CHECK_ERR(put(dir, "a", "second", FILE_NEW), ERR_EXISTS);
    check_content(dir, "a", "first");
    CHECK_OK(symlinkat("nowhere", dir, "dangling"));
    CHECK_ERR(put(dir, "dangling", "x", FILE_NEW), ERR_EXISTS);
    CHECK_INT(names_in(dir), 2);
    leave(dir);
}

TEST(file_write_replaces_a_link_and_not_what_it_points_to)
{
    int dir = enter();
    CHECK_OK(put(dir, "target", "kept", FILE_NEW));
    CHECK_OK(symlinkat("target", dir, "link"));
    CHECK_OK(put(dir, "link", "new", FILE_REPLACE));
    check_content(dir, "target", "kept");
    check_content(dir, "link", "new");
    leave(dir);
}

TEST(file_write_takes_a_name_and_no_path)
{
    int dir = enter();
    char name[300];
    CHECK_ERR(put(dir, "", "x", FILE_REPLACE), ERR_INVALID);
    CHECK_ERR(put(dir, ".", "x", FILE_REPLACE), ERR_INVALID);
    CHECK_ERR(put(dir, "..", "x", FILE_REPLACE), ERR_INVALID);
    CHECK_ERR(put(dir, "../x", "x", FILE_REPLACE), ERR_INVALID);
    CHECK_ERR(put(dir, "/tmp/x", "x", FILE_REPLACE), ERR_INVALID);
    memset(name, 'n', sizeof name);
    name[256] = '\0';
    CHECK_ERR(put(dir, name, "x", FILE_REPLACE), ERR_INVALID);
    name[255] = '\0';
    CHECK_OK(put(dir, name, "longest", FILE_NEW));
    check_content(dir, name, "longest");
    CHECK_OK(put(dir, "\xff\xfe 名", "any bytes", FILE_NEW));
    check_content(dir, "\xff\xfe 名", "any bytes");
    CHECK_INT(names_in(dir), 2);
    leave(dir);
}

TEST(file_write_leaves_nothing_when_it_fails)
{
    int dir = enter();
    struct err e = ERR_INIT;
    CHECK_OK(mkdirat(dir, "taken", 0700));
    CHECK_ERR(file_write(dir, "taken", "x", 1, 0600, FILE_REPLACE, FILE_DURABLE, &e), ERR_INVALID);
    CHECK_INT(e.msg, MSG_IO);
    CHECK_INT(e.sys_errno, EISDIR);
    CHECK_INT(names_in(dir), 1);
    leave(dir);
    CHECK_ERR(file_write(-1, "x", "x", 1, 0600, FILE_REPLACE, FILE_DURABLE, NULL), ERR_IO);
}

TEST(file_read_refuses_links_and_special_files)
{
    int dir = enter();
    struct buf b;
    struct err e = ERR_INIT;
    buf_init(&b, 1 << 20);
    CHECK_OK(buf_add_str(&b, "kept"));
    CHECK_OK(put(dir, "real", "secret", FILE_NEW));
    CHECK_OK(symlinkat("real", dir, "link"));
    CHECK_OK(mkfifoat(dir, "fifo", 0600));
    CHECK_OK(mkdirat(dir, "sub", 0700));
    CHECK_ERR(file_read(dir, "link", 100, &b, &e), ERR_INVALID);
    CHECK_ERR(file_read(dir, "fifo", 100, &b, &e), ERR_INVALID);
    CHECK_ERR(file_read(dir, "sub", 100, &b, &e), ERR_INVALID);
    CHECK_ERR(file_read(dir, "gone", 100, &b, &e), ERR_NOTFOUND);
    CHECK_INT(e.sys_errno, ENOENT);
    CHECK_ERR(file_read(AT_FDCWD, "/dev/zero", 100, &b, &e), ERR_INVALID);
    CHECK_STR(b.data, "kept");
    buf_free(&b);
    leave(dir);
}

TEST(file_read_keeps_to_both_limits)
{
    int dir = enter();
    struct buf b;
    CHECK_OK(put(dir, "ten", "0123456789", FILE_NEW));
    buf_init(&b, 100);
    CHECK_ERR(file_read(dir, "ten", 9, &b, NULL), ERR_LIMIT);
    CHECK_INT(b.len, 0);
    CHECK_OK(file_read(dir, "ten", 10, &b, NULL));
    CHECK_OK(file_read(dir, "ten", 10, &b, NULL));
    CHECK_STR(b.data, "01234567890123456789");
    buf_free(&b);
    buf_init(&b, 9);
    CHECK_ERR(file_read(dir, "ten", 100, &b, NULL), ERR_LIMIT);
    buf_free(&b);
    leave(dir);
}

TEST(file_read_of_a_file_that_says_it_is_empty)
{
    /* Files of /proc have size 0 and content; reading goes on to the end, and only to the limit. */
    struct buf b;
    buf_init(&b, 1 << 20);
    CHECK_OK(file_read(AT_FDCWD, "/proc/self/status", 1 << 20, &b, NULL));
    CHECK(b.len > 100);
    buf_reset(&b);
    CHECK_ERR(file_read(AT_FDCWD, "/proc/self/status", 100, &b, NULL), ERR_LIMIT);
    CHECK_INT(b.len, 0);
    buf_free(&b);
}

TEST(file_read_fd_starts_at_the_beginning)
{
    int dir = enter();
    struct buf b;
    CHECK_OK(put(dir, "x", "abcdef", FILE_NEW));
    int fd = openat(dir, "x", O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && lseek(fd, 3, SEEK_SET) == 3);
    buf_init(&b, 100);
    CHECK_OK(file_read_fd(fd, 100, &b, NULL));
    CHECK_STR(b.data, "abcdef");
    buf_free(&b);
    close(fd);
    leave(dir);
}

TEST(dir_open_and_make)
{
    int dir = enter();
    struct err e = ERR_INIT;
    struct stat st;
    mode_t mask = umask(077);
    int sub = dir_make(dir, "sub", 0750, &e);
    umask(mask);
    CHECK(sub >= 0);
    CHECK_INT(fcntl(sub, F_GETFD), FD_CLOEXEC);
    CHECK_OK(fstat(sub, &st));
    CHECK_INT(st.st_mode & 07777, 0750);
    int again = dir_make(dir, "sub", 0700, &e);
    CHECK(again >= 0);
    close(again);
    close(sub);
    CHECK_OK(symlinkat("sub", dir, "link"));
    CHECK_OK(put(dir, "file", "x", FILE_NEW));
    CHECK_ERR(dir_open(dir, "link", &e), ERR_INVALID);
    CHECK_ERR(dir_make(dir, "link", 0700, &e), ERR_INVALID);
    CHECK_ERR(dir_open(dir, "file", &e), ERR_INVALID);
    CHECK_ERR(dir_open(dir, "gone", &e), ERR_NOTFOUND);
    CHECK_ERR(dir_make(dir, "gone/below", 0700, &e), ERR_NOTFOUND);
    CHECK_OK(dir_sync(dir, &e));
    CHECK_ERR(dir_sync(-1, &e), ERR_IO);
    leave(dir);
}

TEST(memfd_carries_all_seals)
{
    struct err e = ERR_INIT;
    struct bytes mapped;
    int fd = memfd_seal("test", "payload", 7, &e);
    CHECK(fd >= 0);
    CHECK_INT(fcntl(fd, F_GET_SEALS), F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    CHECK_INT(write(fd, "x", 1), -1);
    CHECK_INT(ftruncate(fd, 1), -1);
    CHECK_INT(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_OK(memfd_map(fd, 7, &mapped, &e));
    CHECK_INT(mapped.len, 7);
    CHECK(memcmp(mapped.data, "payload", 7) == 0);
    memfd_unmap(&mapped);
    CHECK_INT(mapped.len, 0);
    memfd_unmap(&mapped);
    CHECK_ERR(memfd_map(fd, 6, &mapped, &e), ERR_LIMIT);
    close(fd);
}

TEST(memfd_is_read_into_a_buffer)
{
    struct err e = ERR_INIT;
    struct buf text;
    int fd = memfd_seal("test", "payload", 7, &e), empty = memfd_seal("empty", NULL, 0, &e), open_one = memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    buf_init(&text, 10);
    CHECK_OK(memfd_read(empty, 0, &text, &e));
    CHECK_INT(text.len, 0);
    CHECK_OK(buf_add_str(&text, "a "));
    CHECK_OK(memfd_read(fd, 7, &text, &e));
    CHECK_STR(text.data, "a payload");
    CHECK_ERR(memfd_read(fd, 6, &text, &e), ERR_LIMIT);
    CHECK_STR(text.data, "a payload");
    CHECK_ERR(memfd_read(fd, 7, &text, &e), ERR_LIMIT);   /* the buffer's own */
    CHECK_ERR(memfd_read(open_one, 7, &text, &e), ERR_INVALID);
    CHECK_ERR(memfd_read(-1, 7, &text, &e), ERR_INVALID);
    CHECK_STR(text.data, "a payload");
    buf_free(&text);
    close(fd);
    close(empty);
    close(open_one);
}

TEST(memfd_map_refuses_what_could_still_change)
{
    struct err e = ERR_INIT;
    struct bytes mapped = { "untouched", 9 };
    int fd = memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK(fd >= 0);
    CHECK_OK(fd_write_all(fd, "abc", 3, &e));
    CHECK_ERR(memfd_map(fd, 100, &mapped, &e), ERR_INVALID);
    CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL));
    CHECK_ERR(memfd_map(fd, 100, &mapped, &e), ERR_INVALID);
    CHECK_INT(e.msg, MSG_MEMFD_UNSEALED);
    close(fd);
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK_ERR(memfd_map(fd, 100, &mapped, &e), ERR_INVALID);
    close(fd);
    CHECK_ERR(memfd_map(-1, 100, &mapped, &e), ERR_INVALID);
    CHECK_STR(mapped.data, "untouched");
}

TEST(memfd_may_be_empty)
{
    struct bytes mapped;
    int fd = memfd_seal("empty", NULL, 0, NULL);
    CHECK(fd >= 0);
    CHECK_OK(memfd_map(fd, 0, &mapped, NULL));
    CHECK_INT(mapped.len, 0);
    memfd_unmap(&mapped);
    close(fd);
}

TEST_MAIN()
