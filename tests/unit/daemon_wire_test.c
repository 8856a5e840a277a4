/* The wire: what goes in comes out, and what the table does not allow is refused on both sides, without leaking descriptors. */
#include <dirent.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "daemon/wire.h"
#include "tests/unit/test.h"

static struct wire_out out;
static struct wire_in in;
static struct err e;
static int pair[2] = { -1, -1 };

static void open_pair(void)
{
    for (int i = 0; i < 2; i++)
        if (pair[i] >= 0)
            close(pair[i]);
    CHECK_OK(wire_pair(pair, &e));
}

static size_t open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t n = 0;
    CHECK(dir != NULL);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

static int memory(const char *text)
{
    int fd = memfd_seal("test", text, strlen(text), &e);
    CHECK(fd >= 0);
    return fd;
}

/* A raw packet, as a worker could send it that was taken over. */
static int receive_raw(const void *packet, size_t len)
{
    open_pair();
    CHECK_INT(send(pair[0], packet, len, 0), (ssize_t)len);
    return wire_receive(pair[1], &in, &e);
}

static size_t raw_field(unsigned char *at, enum wire_field field, const void *data, uint32_t len)
{
    at[0] = (unsigned char)field;
    memcpy(at + 1, &len, sizeof len);
    memcpy(at + 5, data, len);
    return 5 + len;
}

static size_t raw_begin(unsigned char *packet, unsigned type)
{
    uint16_t t = (uint16_t)type;
    memcpy(packet, &t, sizeof t);
    return sizeof t;
}

TEST(wire_carries_every_kind_of_field)
{
    struct wire_group cursor, unit;
    struct bytes bytes;
    int fd = memory("payload"), got;
    char text[16] = "";

    open_pair();
    wire_begin(&out, WIRE_LOOK);
    wire_put_i64(&out, F_ORDER, -5);
    wire_put_text(&out, F_FORMAT, "json");
    wire_put_text(&out, F_FACILITY, "1310000001");
    wire_put_text(&out, F_FACILITY, "1310000002");
    wire_put_u64(&out, F_TIME, UINT64_MAX);
    wire_put_fd(&out, F_CONTENT, fd);
    wire_group_begin(&out, F_FILE);
    wire_put_bytes(&out, F_NAME, "a\n\xff", 3);
    wire_put_fd(&out, F_CONTENT, fd);
    wire_group_end(&out);
    CHECK_OK(wire_send(pair[0], &out, &e));
    CHECK_OK(wire_receive(pair[1], &in, &e));
    CHECK_INT(in.type, WIRE_LOOK);
    CHECK_INT(wire_i64(&in, F_ORDER), -5);
    CHECK(wire_u64(&in, F_TIME) == UINT64_MAX);
    CHECK_STR(wire_text(&in, F_FORMAT), "json");
    cursor = wire_first(&in);
    for (int i = 1; i <= 2; i++) {
        const char *code;
        CHECK(wire_next_text(&cursor, F_FACILITY, &code));
        CHECK_INT(code[9], '0' + i);
    }
    cursor = wire_first(&in);
    CHECK(wire_next_group(&cursor, F_FILE, &unit));
    bytes = wire_group_bytes(&unit, F_NAME);
    CHECK_INT(bytes.len, 3);
    CHECK(memcmp(bytes.data, "a\n\xff", 3) == 0);
    got = wire_group_take_fd(&unit, F_CONTENT);
    CHECK(got >= 0 && pread(got, text, sizeof text - 1, 0) == 7);
    CHECK_STR(text, "payload");
    CHECK_INT(wire_group_take_fd(&unit, F_CONTENT), -1); /* it was moved */
    CHECK(!wire_next_group(&cursor, F_FILE, &unit));
    close(got);
    close(fd);
    wire_release(&in);
}

TEST(wire_carries_small_payloads_inside)
{
    static char content[WIRE_INSIDE_MAX + 1];
    struct bytes small = { "payload", 7 }, most = { content, WIRE_INSIDE_MAX }, got;
    size_t before;
    int fd;
    char text[16] = "";

    open_pair();
    memset(content, 'c', sizeof content);
    before = open_descriptors();
    wire_begin(&out, WIRE_CONVERTED_UNIT);
    for (int i = 0; i < 2; i++)
        wire_put_u64(&out, i == 0 ? F_ORDER : F_INDEX, 1);
    wire_put_u64(&out, F_MSG, 0);
    wire_put_u64(&out, F_KIND, 1);
    CHECK(wire_put_inside(&out, F_ISSUES, small));
    CHECK(!wire_put_inside(&out, F_CONTENT, (struct bytes){ content, sizeof content }));   /* too large: as a descriptor */
    CHECK(wire_put_inside(&out, F_CONTENT, (struct bytes){ NULL, 0 }));
    CHECK(wire_put_inside(&out, F_SOURCE_MAP, most));
    CHECK_OK(wire_send(pair[0], &out, &e));
    CHECK_OK(wire_receive(pair[1], &in, &e));
    CHECK(wire_inside(&in, F_ISSUES, &got));
    CHECK(got.len == 7 && memcmp(got.data, "payload", 7) == 0);
    CHECK(wire_inside(&in, F_CONTENT, &got));
    CHECK_INT(got.len, 0);
    CHECK(wire_inside(&in, F_SOURCE_MAP, &got));
    CHECK(got.len == WIRE_INSIDE_MAX && memcmp(got.data, content, got.len) == 0);
    CHECK(!wire_inside(&in, F_X, &got));
    fd = wire_take_fd(&in, F_ISSUES);   /* who wants a descriptor gets one */
    CHECK(fd >= 0 && pread(fd, text, sizeof text - 1, 0) == 7);
    CHECK_STR(text, "payload");
    close(fd);
    wire_release(&in);
    CHECK_INT(open_descriptors(), before);
}

TEST(wire_keeps_room_beside_what_is_inside)
{
    static char content[WIRE_INSIDE_MAX];
    size_t count = 0;

    wire_begin(&out, WIRE_LOOK);
    while (count < 100 && wire_put_inside(&out, F_CONTENT, (struct bytes){ content, sizeof content }))
        count++;
    CHECK_INT(count, WIRE_INSIDE_SUM / WIRE_INSIDE_MAX);
    CHECK_INT(out.failed, 0);
    wire_begin(&out, WIRE_LOOK);
    for (int i = 0; i < 400; i++)
        wire_put_bytes(&out, F_NAME, content, 240);
    CHECK_INT(out.failed, 0);
    CHECK(!wire_put_inside(&out, F_CONTENT, (struct bytes){ content, sizeof content }));   /* it would not fit any more */
    CHECK_INT(out.failed, 0);
}

TEST(wire_refuses_payloads_inside_where_none_may_be)
{
    static unsigned char packet[WIRE_PACKET_MAX], value[WIRE_INSIDE_MAX + 2];
    size_t len = raw_begin(packet, WIRE_WRITE_PAGE), head;

    memset(value, 255, sizeof value);
    len += raw_field(packet + len, F_NAME, "a", 1);
    head = len;
    len += raw_field(packet + len, F_CONTENT, value, WIRE_INSIDE_MAX + 1);
    CHECK_OK(receive_raw(packet, len));
    len = head + raw_field(packet + head, F_CONTENT, value, WIRE_INSIDE_MAX + 2);
    CHECK_ERR(receive_raw(packet, len), ERR_CORRUPT);   /* one byte too many */
    value[0] = 254;
    len = head + raw_field(packet + head, F_CONTENT, value, 2);
    CHECK_ERR(receive_raw(packet, len), ERR_CORRUPT);   /* no mark, no index */
    value[0] = 255;
    len = raw_begin(packet, WIRE_SITTING);
    len += raw_field(packet + len, F_CONNECTION, value, 1);
    CHECK_ERR(receive_raw(packet, len), ERR_CORRUPT);   /* a connection is a descriptor */
    wire_begin(&out, WIRE_SITTING);
    CHECK(!wire_put_inside(&out, F_CONNECTION, (struct bytes){ "x", 1 }));
}

TEST(wire_gives_nothing_for_absent_fields)
{
    open_pair();
    wire_begin(&out, WIRE_READY);
    wire_put_text(&out, F_NAME, NULL);
    wire_put_fd(&out, F_CONTENT, -1);
    CHECK_OK(wire_send(pair[0], &out, &e));
    CHECK_OK(wire_receive(pair[1], &in, &e));
    CHECK(!wire_has(&in, F_NAME));
    CHECK_STR(wire_text(&in, F_NAME), "");
    CHECK_INT(wire_bytes(&in, F_NAME).len, 0);
    CHECK_INT(wire_u64(&in, F_ORDER), 0);
    CHECK_INT(wire_take_fd(&in, F_CONTENT), -1);
}

TEST(wire_closes_descriptors_that_nobody_takes)
{
    size_t before;
    int fd;

    open_pair();
    before = open_descriptors();
    fd = memory("x");
    for (int i = 0; i < 100; i++) {
        wire_begin(&out, WIRE_WRITE_PAGE);
        wire_put_bytes(&out, F_NAME, "status.html", 11);
        wire_put_fd(&out, F_CONTENT, fd);
        CHECK_OK(wire_send(pair[0], &out, &e));
        CHECK_OK(wire_receive(pair[1], &in, &e));
        wire_release(&in);
        wire_release(&in);
    }
    close(fd);
    CHECK_INT(open_descriptors(), before);
}

TEST(wire_refuses_to_send_what_the_table_does_not_know)
{
    open_pair();
    wire_begin(&out, WIRE_CLAIM); /* a field is missing */
    wire_put_u64(&out, F_ORDER, 1);
    CHECK_ERR(wire_send(pair[0], &out, &e), ERR_INTERNAL);
    wire_begin(&out, WIRE_READY); /* a field too many */
    wire_put_u64(&out, F_ORDER, 1);
    CHECK_ERR(wire_send(pair[0], &out, &e), ERR_INTERNAL);
    wire_begin(&out, WIRE_STOP); /* one twice */
    wire_put_bytes(&out, F_NAME, "a", 1);
    wire_put_bytes(&out, F_NAME, "b", 1);
    CHECK_ERR(wire_send(pair[0], &out, &e), ERR_INTERNAL);
    wire_begin(&out, WIRE_NONE);
    CHECK_ERR(wire_send(pair[0], &out, &e), ERR_INTERNAL);
    wire_begin(&out, WIRE_PROBLEM); /* no UTF-8 in a text */
    wire_put_u64(&out, F_MSG, 1);
    wire_put_text(&out, F_ARG, "\xff");
    CHECK_ERR(wire_send(pair[0], &out, &e), ERR_INTERNAL);
    CHECK_ERR(wire_receive(pair[1], &in, &e), ERR_TIMEOUT); /* nothing of it left */
}

TEST(wire_refuses_groups_that_do_not_fit_together)
{
    open_pair();
    wire_begin(&out, WIRE_READY);
    wire_group_end(&out);
    CHECK_ERR(wire_send(pair[0], &out, &e), ERR_INTERNAL);
    wire_begin(&out, WIRE_LOOK);
    wire_group_begin(&out, F_FILE);
    wire_group_begin(&out, F_FILE);
    CHECK_ERR(wire_send(pair[0], &out, &e), ERR_INTERNAL);
    wire_begin(&out, WIRE_LOOK);
    wire_group_begin(&out, F_FILE);
    CHECK_ERR(wire_send(pair[0], &out, &e), ERR_INTERNAL);
}

TEST(wire_refuses_more_than_a_packet)
{
    static char big[WIRE_PACKET_MAX + 1];
    int fd = memory("x");

    open_pair();
    wire_begin(&out, WIRE_READY);
    wire_put_bytes(&out, F_NAME, big, sizeof big);
    CHECK_ERR(wire_send(pair[0], &out, &e), ERR_LIMIT);
    wire_begin(&out, WIRE_FILE_AWAY);
    for (int i = 0; i < 1000; i++)
        wire_put_bytes(&out, F_WORK, big, 200);
    CHECK_ERR(wire_send(pair[0], &out, &e), ERR_LIMIT);
    wire_begin(&out, WIRE_LOOK);
    for (int i = 0; i <= WIRE_FDS_MAX; i++)
        wire_put_fd(&out, F_CONTENT, fd);
    CHECK_ERR(wire_send(pair[0], &out, &e), ERR_LIMIT);
    close(fd);
}

TEST(wire_carries_the_largest_message)
{
    static char name[255];
    int fd = memory("x");
    size_t count = 0;
    struct wire_group cursor, unit;

    memset(name, 'n', sizeof name);
    open_pair();
    wire_begin(&out, WIRE_LOOK);
    wire_put_u64(&out, F_ORDER, 1);
    wire_put_text(&out, F_FORMAT, "json");
    wire_put_u64(&out, F_TIME, 1);
    wire_put_fd(&out, F_CONTENT, fd);
    for (int i = 1; i < WIRE_FDS_MAX; i++) {
        wire_group_begin(&out, F_FILE);
        wire_put_bytes(&out, F_NAME, name, sizeof name);
        wire_put_fd(&out, F_CONTENT, fd);
        wire_group_end(&out);
    }
    CHECK_OK(wire_send(pair[0], &out, &e));
    CHECK_OK(wire_receive(pair[1], &in, &e));
    for (cursor = wire_first(&in); wire_next_group(&cursor, F_FILE, &unit);)
        count++;
    CHECK_INT(count, WIRE_FDS_MAX - 1);
    wire_release(&in);
    close(fd);
}

TEST(wire_says_when_the_other_side_is_gone)
{
    open_pair();
    CHECK_ERR(wire_receive(pair[1], &in, &e), ERR_TIMEOUT);
    close(pair[0]);
    pair[0] = -1;
    CHECK_ERR(wire_receive(pair[1], &in, &e), ERR_CLOSED);
    wire_begin(&out, WIRE_READY);
    CHECK_ERR(wire_send(pair[1], &out, &e), ERR_CLOSED);
}

TEST(wire_refuses_packets_of_a_taken_over_process)
{
    unsigned char p[512];
    uint64_t number = 1;
    uint32_t long_len = 0xffffffff;
    size_t n;

    CHECK_ERR(receive_raw("x", 1), ERR_CORRUPT);
    n = raw_begin(p, 0);
    CHECK_ERR(receive_raw(p, n), ERR_CORRUPT);
    n = raw_begin(p, WIRE_TYPE_COUNT);
    CHECK_ERR(receive_raw(p, n), ERR_CORRUPT);
    n = raw_begin(p, 0xffff);
    CHECK_ERR(receive_raw(p, n), ERR_CORRUPT);

    n = raw_begin(p, WIRE_READY); /* half a field header */
    p[n++] = F_NAME;
    CHECK_ERR(receive_raw(p, n), ERR_CORRUPT);
    n = raw_begin(p, WIRE_READY); /* a length that leads out of the packet */
    p[n] = F_NAME;
    memcpy(p + n + 1, &long_len, sizeof long_len);
    CHECK_ERR(receive_raw(p, n + 5), ERR_CORRUPT);
    n = raw_begin(p, WIRE_READY); /* a field that does not exist */
    n += raw_field(p + n, (enum wire_field)200, "x", 1);
    CHECK_ERR(receive_raw(p, n), ERR_CORRUPT);
    n = raw_begin(p, WIRE_READY); /* field 0 */
    n += raw_field(p + n, F_NONE, "x", 1);
    CHECK_ERR(receive_raw(p, n), ERR_CORRUPT);

    n = raw_begin(p, WIRE_FILED); /* a number of four bytes */
    n += raw_field(p + n, F_ORDER, &number, 4);
    n += raw_field(p + n, F_DONE, &number, 8);
    CHECK_ERR(receive_raw(p, n), ERR_CORRUPT);
    n = raw_begin(p, WIRE_FILED);
    n += raw_field(p + n, F_ORDER, &number, 8);
    CHECK_ERR(receive_raw(p, n), ERR_CORRUPT);
    n += raw_field(p + n, F_DONE, &number, 8);
    CHECK_OK(receive_raw(p, n));
    wire_release(&in);
}

TEST(wire_refuses_texts_that_are_none)
{
    static const struct { const char *bytes; uint32_t len; } bad[] = { { "x", 1 }, { "", 0 }, { "a\0b", 4 }, { "\xff", 2 }, { "\xed\xa0\x80", 4 } };
    unsigned char p[512];
    uint64_t number = 1;
    char text[66];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t n = raw_begin(p, WIRE_SOURCE_STATE);
        n += raw_field(p + n, F_STATE, &number, 8);
        n += raw_field(p + n, F_SOURCE, bad[i].bytes, bad[i].len);
        CHECK_ERR(receive_raw(p, n), ERR_CORRUPT);
    }
    memset(text, 'x', sizeof text);
    for (uint32_t len = 64; len <= 65; len++) { /* 64 bytes and the NUL are allowed */
        size_t n = raw_begin(p, WIRE_SOURCE_STATE);
        n += raw_field(p + n, F_STATE, &number, 8);
        text[len] = '\0';
        n += raw_field(p + n, F_SOURCE, text, len + 1);
        CHECK_ERR(receive_raw(p, n), len == 64 ? 0 : ERR_CORRUPT);
        text[len] = 'x';
    }
    wire_release(&in);
}

TEST(wire_refuses_descriptors_that_did_not_come)
{
    unsigned char p[64];
    enum wire_type type = WIRE_NONE;
    unsigned char index = 0;
    size_t n = raw_begin(p, WIRE_WRITE_PAGE);

    n += raw_field(p + n, F_NAME, "a", 1);
    n += raw_field(p + n, F_CONTENT, &index, 1);
    CHECK_ERR(receive_raw(p, n), ERR_CORRUPT);
    CHECK_OK(wire_check(p, n, 1, &type, &e));
    CHECK_INT(type, WIRE_WRITE_PAGE);
    type = WIRE_NONE;
    CHECK_ERR(wire_check(p, n, 0, &type, &e), ERR_CORRUPT);
    CHECK_INT(type, WIRE_NONE);
}

TEST(wire_closes_what_comes_beside_a_packet_that_is_refused)
{
    char text[] = "no message";
    struct iovec iov = { text, sizeof text };
    union { char bytes[CMSG_SPACE(sizeof(int) * 4)]; struct cmsghdr align; } control;
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control };
    int fd[4];
    size_t before;

    open_pair();
    before = open_descriptors();
    for (int round = 0; round < 2; round++) { /* the second time without a byte */
        struct cmsghdr *c;
        for (int i = 0; i < 4; i++)
            fd[i] = memory("x");
        memset(&control, 0, sizeof control);
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(c), fd, sizeof fd);
        CHECK(sendmsg(pair[0], &msg, 0) >= 0);
        for (int i = 0; i < 4; i++)
            close(fd[i]);
        CHECK_ERR(wire_receive(pair[1], &in, &e), round == 0 ? ERR_CORRUPT : ERR_CLOSED);
        CHECK_INT(open_descriptors(), before);
        iov.iov_len = 0;
    }
}

TEST(wire_table_is_whole)
{
    for (int t = 1; t < WIRE_TYPE_COUNT; t++) {
        CHECK(wire_type_table[t].name != NULL && wire_type_table[t].rules != NULL);
        for (const struct wire_rule *rule = wire_type_table[t].rules; rule->field != F_NONE; rule++)
            CHECK(rule->field < F_COUNT && wire_field_table[rule->field].kind != 0);
    }
    for (int f = 1; f < F_COUNT; f++) {
        const struct wire_field_info *info = &wire_field_table[f];
        CHECK(info->kind != 0);
        CHECK(info->kind == WIRE_FD ? info->max == 0 || info->max == WIRE_INSIDE_MAX : (info->kind == WIRE_TEXT || info->kind == WIRE_BYTES) == (info->max > 0));
        CHECK((info->kind == WIRE_GROUP) == (info->group != NULL));
    }
}

TEST_MAIN()
