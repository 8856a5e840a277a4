/* One vendor folder from outside: what is complete, claiming, reading once; hostile names and things included. */
#include <sys/socket.h>
#include <sys/un.h>
#include "tests/unit/spool_fixture.h"

/* ---- complete names ---- */

TEST(spool_makes_its_folders_and_keeps_its_own_to_itself)
{
    struct house *h = open_house();
    struct stat st;
    static const char *const names[] = { "in", "out", "done", "error", "try" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        CHECK(there(h, names[i], "."));
    CHECK_INT(stat(path_of(h, ".work", "."), &st), 0);
    CHECK_INT(st.st_mode & 0777, 0700);
    CHECK_STR(spool_source_name(h->source), "karte");
}

TEST(spool_offers_what_held_still_once)
{
    struct house *h = open_house();
    put(h, "in", "a.json", "{}");
    CHECK_INT(scan(h, 1000), 0);
    CHECK_INT(scan(h, 1000 + SETTLE - 1), 0);
    CHECK_INT(scan(h, 1000 + SETTLE), 1);
    CHECK_STR(h->name[0], "a.json");
    CHECK(h->offer[0].request);
    CHECK_INT(h->offer[0].size, 2);
    CHECK_INT(scan(h, 100000), 0);
}

TEST(spool_waits_while_a_file_grows)
{
    struct house *h = open_house();
    put(h, "in", "a.json", "{");
    CHECK_INT(scan(h, 0), 0);
    put(h, "in", "a.json", "{\"a\":1");
    CHECK_INT(scan(h, SETTLE), 0);
    CHECK_INT(scan(h, 2 * SETTLE - 1), 0);
    CHECK_INT(scan(h, 2 * SETTLE), 1);
}

TEST(spool_waits_while_only_the_mtime_moves)
{
    struct house *h = open_house();
    put(h, "in", "a.json", "{}");
    set_mtime(h, "in", "a.json", 1000000);
    CHECK_INT(scan(h, 0), 0);
    set_mtime(h, "in", "a.json", 1000001);
    CHECK_INT(scan(h, SETTLE), 0);
    CHECK_INT(scan(h, 2 * SETTLE), 1);
}

TEST(spool_takes_a_companion_for_complete_and_removes_it)
{
    struct house *h = open_house();
    struct spool_claim claim;
    put(h, "in", "a.json", "{}");
    CHECK_INT(scan(h, 0), 0);
    put(h, "in", "a.json.ok", "");
    CHECK_INT(scan(h, 1), 1);
    CHECK_STR(h->name[0], "a.json");
    CHECK_OK(spool_source_claim(h->source, "a.json", &claim, &h->e));
    CHECK(!there(h, "in", "a.json.ok"));
    CHECK_INT(entries(h, "in"), 0);
}

TEST(spool_never_offers_unfinished_names)
{
    static const char *const names[] = { ".a.json", "a.json.tmp", "A.JSON.TMP", "b.part", "c.PaRt", "d.ok", ".", "x.json.ok" };
    struct house *h = open_house();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], ".") != 0)
            put(h, "in", names[i], "x");
    CHECK_INT(scan(h, 0), 0);
    CHECK_INT(scan(h, 10 * SETTLE), 0);
    h->count = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        CHECK_OK(spool_source_renamed(h->source, names[i], 10 * SETTLE, note, h, &h->e));
    CHECK_INT(h->count, 0);
}

TEST(spool_takes_a_rename_for_complete)
{
    struct house *h = open_house();
    put(h, "in", "a.json", "{}");
    CHECK_OK(spool_source_renamed(h->source, "a.json", 5, note, h, &h->e));
    CHECK_INT(h->count, 1);
    CHECK_OK(spool_source_renamed(h->source, "a.json", 6, note, h, &h->e));
    CHECK_INT(h->count, 1);
    CHECK_INT(scan(h, 10), 0); /* the first scan of all does not tell it a second time */
    CHECK_INT(scan(h, 10 + SETTLE), 0);
    CHECK_OK(spool_source_renamed(h->source, "gone.json", 6, note, h, &h->e));
    CHECK_OK(spool_source_renamed(h->source, "../in/a.json", 6, note, h, &h->e));
    CHECK_INT(h->count, 0);
}

TEST(spool_offers_again_when_told_to_forget)
{
    struct house *h = open_house();
    put(h, "in", "a.json", "{}");
    put(h, "in", "b.json", "{}");
    scan(h, 0);
    CHECK_INT(scan(h, SETTLE), 2);
    spool_source_forget(h->source, "a.json");
    CHECK_INT(scan(h, SETTLE + 1), 1);
    CHECK_STR(h->name[0], "a.json");
}

TEST(spool_offers_again_as_much_as_is_wanted)
{
    struct house *h = open_house();
    char name[24];
    bool more = false, trials = true;
    size_t told = 0;
    int calls = 0;

    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "n%d.json", i);
        put(h, "in", name, "{}");
    }
    put(h, "in", "picture.png", "an attachment is not offered");
    scan(h, 0);
    scan(h, SETTLE);
    put(h, "in", "n3.json", "{ \"written\": \"anew\" }");
    CHECK_INT(unlink(path_of(h, "in", "n4.json")), 0);
    put(h, "in", "unknown.json", "seen by the next scan");
    do {
        h->count = 0;
        CHECK_OK(spool_source_offer_again(h->source, 3, SETTLE + 1, note, h, &more, &trials, &h->e));
        CHECK(!more || h->count >= 3);
        told += h->count;
        for (size_t i = 0; i < h->count; i++)
            CHECK(strcmp(h->name[i], "n3.json") != 0 && strcmp(h->name[i], "n4.json") != 0 && strcmp(h->name[i], "picture.png") != 0);
    } while (++calls < 3 && more);
    CHECK(told >= 8);
    CHECK(!trials);
    put(h, "try", "t.json", "{}");
    CHECK_OK(spool_source_scan_try(h->source, 0, note, h, &h->e));
    CHECK_OK(spool_source_offer_again(h->source, 100, SETTLE + 1, note, h, &more, &trials, &h->e));
    CHECK(!more);
    CHECK(trials);
    CHECK_INT(scan(h, 2 * SETTLE + 2), 1); /* the one that was written anew */
    CHECK_STR(h->name[0], "n3.json");
    CHECK_INT(scan(h, 3 * SETTLE + 2), 1); /* and the one that nobody knew */
}

TEST(spool_offers_a_name_again_for_another_file)
{
    struct house *h = open_house();
    put(h, "in", "a.json", "{}");
    scan(h, 0);
    CHECK_INT(scan(h, SETTLE), 1);
    put(h, "in", "a.json.tmp", "{\"b\":1}");
    CHECK_INT(rename(path_of(h, "in", "a.json.tmp"), path_of(h, "in", "a.json")), 0);
    CHECK_INT(scan(h, SETTLE + 1), 0);
    CHECK_INT(scan(h, 2 * SETTLE + 1), 1);
}

TEST(spool_tells_requests_and_attachments_apart)
{
    struct house *h = open_house();
    put(h, "in", "letter.JSON", "{}");
    put(h, "in", "scan.pdf", "%PDF");
    scan(h, 0);
    CHECK_INT(scan(h, SETTLE), 2);
    for (size_t i = 0; i < 2; i++)
        CHECK_INT(h->offer[i].request, strcmp(h->name[i], "letter.JSON") == 0);
}

/* ---- claims ---- */

TEST(spool_claims_and_reads_once)
{
    struct house *h = open_house();
    struct spool_claim claim;
    char text[64];
    put(h, "in", "a.json", "{\"a\":1}");
    CHECK_INT(take(h, "a.json", &claim, text, sizeof text), MSG_NONE);
    CHECK_STR(text, "{\"a\":1}");
    CHECK_STR(claim.name, "a.json");
    CHECK_STR(claim.out_name, "a.json");
    CHECK(claim.mtime_ns > 0);
    CHECK(!there(h, "in", "a.json") && there(h, ".work", claim.work));
    CHECK_ERR(spool_source_claim(h->source, "a.json", &claim, &h->e), ERR_NOTFOUND);
    CHECK_INT(h->e.msg, MSG_SPOOL_VANISHED);
}

TEST(spool_lets_one_of_two_gateways_win)
{
    struct house *h = open_house();
    struct spool_source_config config = config_of(h->root, "gw02");
    struct spool_source *other;
    struct spool_claim claim, second;
    size_t foreign = 9;

    CHECK_OK(spool_source_new(&config, &other, &h->e));
    put(h, "in", "a.json", "{}");
    scan(h, 0);
    CHECK_OK(spool_source_claim(other, "a.json", &claim, &h->e));
    CHECK_ERR(spool_source_claim(h->source, "a.json", &second, &h->e), ERR_NOTFOUND);
    CHECK_OK(spool_source_left_over(h->source, note_left, h, &foreign, &h->e)); /* and does not take it for its own later */
    CHECK_INT(h->lefts, 0);
    CHECK_INT(foreign, 1);
    foreign = 9;
    CHECK_OK(spool_count_foreign(h->root, "gw01", &foreign)); /* what doctor says */
    CHECK_INT(foreign, 1);
    CHECK_OK(spool_count_foreign(h->root, "gw02", &foreign));
    CHECK_INT(foreign, 0);
    CHECK_ERR(spool_count_foreign("/nonexistent", "gw01", &foreign), ERR_NOTFOUND);
    CHECK_OK(spool_source_left_over(other, note_left, h, &foreign, &h->e));
    CHECK_INT(h->lefts, 1);
    CHECK_INT(foreign, 0);
    spool_source_free(other);
}

TEST(spool_claims_nothing_outside_its_folder)
{
    static const char *const names[] = { "", ".", "..", "../out/x.json", "in/x.json", "/etc/passwd", ".hidden.json", "a.json.tmp" };
    struct house *h = open_house();
    struct spool_claim claim;
    struct spool_content content;
    put(h, "out", "x.json", "{}");
    put(h, "in", ".hidden.json", "{}");
    put(h, "in", "a.json.tmp", "{}");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        CHECK_ERR(spool_source_claim(h->source, names[i], &claim, &h->e), ERR_INVALID);
        CHECK(spool_source_claim_attachment(h->source, names[i], 1, INT64_MAX, 1000000, &claim, &h->e) < 0);
        CHECK(spool_source_read_try(h->source, names[i], &content, &h->e) < 0);
        CHECK(spool_source_read(h->source, names[i], &content, &h->e) < 0 || content.fd < 0);
        CHECK(spool_source_file_away(h->source, names[i], SPOOL_DONE, &h->e) < 0);
    }
    CHECK(there(h, "out", "x.json"));
    CHECK_ERR(spool_source_remove_out(h->source, "../in/a.json.tmp", &h->e), ERR_INVALID);
    CHECK_ERR(spool_source_write(h->source, SPOOL_OUT, "../in/b.json", "{}", 2, false, &h->e), ERR_INVALID);
    CHECK(there(h, "in", "a.json.tmp") && !there(h, "in", "b.json"));
}

TEST(spool_never_follows_links)
{
    struct house *h = open_house();
    struct spool_claim claim;
    char text[64] = "";
    CHECK_INT(symlink("/etc/passwd", path_of(h, "in", "a.json")), 0);
    CHECK_INT(take(h, "a.json", &claim, text, sizeof text), MSG_SPOOL_SYMLINK);
    CHECK_OK(spool_source_file_away(h->source, claim.work, SPOOL_ERROR, &h->e));
    CHECK(there(h, "error", "a.json"));
    CHECK_INT(access("/etc/passwd", F_OK), 0);
}

TEST(spool_refuses_hard_links)
{
    struct house *h = open_house();
    struct spool_claim claim, second;
    char text[64] = "";
    put(h, "in", "a.json", "{}");
    CHECK_INT(link(path_of(h, "in", "a.json"), path_of(h, "out", "keep")), 0);
    CHECK_INT(take(h, "a.json", &claim, text, sizeof text), MSG_SPOOL_HARD_LINK);
    CHECK_INT(link(path_of(h, "out", "keep"), path_of(h, "in", "a.json")), 0);
    CHECK_INT(take(h, "a.json", &second, text, sizeof text), MSG_SPOOL_HARD_LINK); /* the very same inode, name and mtime */
    CHECK(strcmp(claim.work, second.work) != 0);
    CHECK_INT(entries(h, ".work"), 2);
}

TEST(spool_refuses_folders_and_devices_whatever_they_are_called)
{
    struct house *h = open_house();
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    static const struct { const char *name; enum msg_id want; } things[] = {
        { "folder", MSG_SPOOL_FOLDER }, { "fifo.json", MSG_SPOOL_DEVICE }, { "sock", MSG_SPOOL_DEVICE },
    };
    struct spool_claim claim;
    char text[64] = "";
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK_INT(mkdir(path_of(h, "in", "folder"), 0700), 0);
    put(h, "in/folder", "inside.json", "{}");
    CHECK_INT(mkfifo(path_of(h, "in", "fifo.json"), 0600), 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path_of(h, "in", "sock"));
    CHECK_INT(bind(s, (struct sockaddr *)&address, sizeof address), 0);
    close(s);
    scan(h, 0);
    CHECK_INT(scan(h, SETTLE), 3);
    for (size_t i = 0; i < 3; i++)
        CHECK(h->offer[i].request);
    for (size_t i = 0; i < 3; i++) {
        CHECK_INT(take(h, things[i].name, &claim, text, sizeof text), things[i].want);
        CHECK_OK(spool_source_file_away(h->source, claim.work, SPOOL_ERROR, &h->e));
        CHECK(there(h, "error", things[i].name));
    }
    CHECK(there(h, "error/folder", "inside.json"));
}

TEST(spool_refuses_a_device_node)
{
    struct house *h = open_house();
    struct spool_claim claim;
    char text[64] = "";
    if (mknod(path_of(h, "in", "null.json"), S_IFCHR | 0600, 0x103) < 0)
        SKIP("device nodes need root");
    CHECK_INT(take(h, "null.json", &claim, text, sizeof text), MSG_SPOOL_DEVICE);
}

TEST(spool_refuses_what_is_too_large)
{
    struct house *h = open_house();
    struct spool_claim claim;
    char text[MAX_BYTES + 2];
    char read[MAX_BYTES + 2];
    memset(text, 'x', sizeof text);
    text[MAX_BYTES + 1] = '\0';
    put(h, "in", "a.json", text);
    CHECK_INT(take(h, "a.json", &claim, read, sizeof read), MSG_SPOOL_TOO_LARGE);
    text[MAX_BYTES] = '\0';
    put(h, "in", "a.json", text);
    CHECK_INT(take(h, "a.json", &claim, read, sizeof read), MSG_NONE);
    CHECK_STR(read, text);
}

TEST(spool_reads_an_empty_file)
{
    struct house *h = open_house();
    struct spool_claim claim;
    char text[64] = "?";
    put(h, "in", "a.json", "");
    CHECK_INT(take(h, "a.json", &claim, text, sizeof text), MSG_NONE);
    CHECK_STR(text, "");
}

TEST(spool_refuses_what_it_may_not_read)
{
    struct house *h = open_house();
    struct spool_claim claim;
    char text[64] = "";
    if (geteuid() == 0)
        SKIP("root may read everything");
    put(h, "in", "a.json", "{}");
    CHECK_INT(chmod(path_of(h, "in", "a.json"), 0), 0);
    CHECK_INT(take(h, "a.json", &claim, text, sizeof text), MSG_SPOOL_DENIED);
}

TEST(spool_says_when_a_claimed_file_is_gone)
{
    struct house *h = open_house();
    struct spool_claim claim;
    struct spool_content content;
    put(h, "in", "a.json", "{}");
    CHECK_OK(spool_source_claim(h->source, "a.json", &claim, &h->e));
    CHECK_INT(unlink(path_of(h, ".work", claim.work)), 0);
    CHECK_ERR(spool_source_read(h->source, claim.work, &content, &h->e), ERR_NOTFOUND);
    CHECK_OK(spool_source_file_away(h->source, claim.work, SPOOL_DONE, &h->e));
}

/* ---- names ---- */

TEST(spool_knows_good_names)
{
    char longest[SPOOL_GOOD_NAME_MAX + 2];
    memset(longest, 'x', sizeof longest);
    CHECK(spool_name_good("紹介状 1.json", strlen("紹介状 1.json")));
    CHECK(spool_name_good(longest, SPOOL_GOOD_NAME_MAX));
    CHECK(!spool_name_good(longest, SPOOL_GOOD_NAME_MAX + 1));
    CHECK(!spool_name_good("", 0));
    CHECK(!spool_name_good("a\nb", 3));
    CHECK(!spool_name_good("a\x7f", 2));
    CHECK(!spool_name_good("a\xff", 2));
    CHECK(!spool_name_good("\xe3\x81", 2));
    CHECK(!spool_name_good("\xee\x80\x80", 3)); /* private use: 外字 */
}

TEST(spool_takes_names_in_any_bytes_and_answers_under_their_hash)
{
    static const char *const names[] = { "line\nend.json", "tab\t.json", "\xff\xfe.json", "\x01.json", "del\x7f.json", "\xe3\x81.json" };
    struct house *h = open_house();
    struct spool_claim claim;
    char text[64];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        put(h, "in", names[i], "{}");
        CHECK_INT(take(h, names[i], &claim, text, sizeof text), MSG_NONE);
        CHECK_STR(claim.name, names[i]);
        CHECK_INT(strlen(claim.out_name), 16);
        CHECK_INT(strspn(claim.out_name, "0123456789abcdef"), 16);
        CHECK_OK(spool_source_file_away(h->source, claim.work, SPOOL_ERROR, &h->e));
        CHECK(there(h, "error", claim.out_name));
    }
}

TEST(spool_takes_the_longest_name_of_the_file_system)
{
    struct house *h = open_house();
    struct spool_claim claim;
    char name[SPOOL_NAME_MAX + 1], text[64];

    memset(name, 'x', SPOOL_NAME_MAX);
    memcpy(name + SPOOL_NAME_MAX - 5, ".json", 6);
    put(h, "in", name, "{}");
    scan(h, 0);
    CHECK_INT(scan(h, SETTLE), 1);
    CHECK_INT(take(h, name, &claim, text, sizeof text), MSG_NONE);
    CHECK_STR(claim.name, name);
    CHECK_INT(strlen(claim.out_name), 16);
    CHECK_OK(spool_source_left_over(h->source, note_left, h, NULL, &h->e));
    CHECK_INT(h->lefts, 1);
    CHECK_STR(h->left[0].work, claim.work);
    CHECK_STR(h->left[0].out_name, claim.out_name);
    /* never cut inside a character: file systems that know only UTF-8 would not take it */
    for (int i = 0; i < 80; i++)
        memcpy(name + 3 * i, "あ", 3);
    memcpy(name + 240, ".json", 6);
    put(h, "in", name, "{}");
    CHECK_INT(take(h, name, &claim, text, sizeof text), MSG_NONE);
    CHECK_INT(strlen(claim.work), 17 + 198);
}

TEST(spool_does_not_overwrite_earlier_results)
{
    struct house *h = open_house();
    struct spool_claim claim;
    char text[64], want[SPOOL_STEM_MAX + 32];
    static const char *const written[] = { "result.json", "status.json", "notice.json" };
    for (int n = 1; n <= 4; n++) {
        put(h, "in", "a.json", "{}");
        CHECK_INT(take(h, "a.json", &claim, text, sizeof text), MSG_NONE);
        snprintf(want, sizeof want, n == 1 ? "a.json" : "a.json.%d", n);
        CHECK_STR(claim.out_name, want);
        snprintf(want, sizeof want, "%s.%s", claim.out_name, written[(n - 1) % 3]);
        CHECK_OK(spool_source_write(h->source, SPOOL_OUT, want, "{}", 2, true, &h->e));
        CHECK_OK(spool_source_file_away(h->source, claim.work, SPOOL_DONE, &h->e));
    }
    CHECK(there(h, "done", "a.json") && there(h, "done", "a.json.2") && there(h, "done", "a.json.3") && there(h, "done", "a.json.4"));
    CHECK_INT(entries(h, ".work"), 0);
}

TEST(spool_finds_a_name_however_often_one_was_used)
{
    struct house *h = open_house();
    struct spool_claim claim;
    char text[64], name[SPOOL_STEM_MAX + 32];
    for (int n = 1; n < 130; n++) {
        snprintf(name, sizeof name, n == 1 ? "a.json" : "a.json.%d", n);
        put(h, "done", name, "old");
        snprintf(name, sizeof name, n == 1 ? "a.json.result.json" : "a.json.%d.result.json", n);
        put(h, "out", name, "old");
    }
    for (int n = 0; n < 2; n++) {
        put(h, "in", "a.json", "{}");
        set_mtime(h, "in", "a.json", 1000000 + n);
        CHECK_INT(take(h, "a.json", &claim, text, sizeof text), MSG_NONE);
        CHECK_INT(strlen(claim.out_name), 6 + 1 + 16);
        snprintf(name, sizeof name, "%s.result.json", claim.out_name);
        CHECK(!there(h, "out", name));
        CHECK_OK(spool_source_file_away(h->source, claim.work, SPOOL_DONE, &h->e));
        CHECK(there(h, "done", claim.out_name));
    }
    CHECK_INT(entries(h, "done"), 131);
}

/* ---- after a restart ---- */

TEST(spool_takes_up_what_was_claimed_before)
{
    struct house *h = open_house();
    struct spool_source_config config = config_of(h->root, "gw01");
    struct spool_claim claim;
    size_t foreign = 0;
    put(h, "in", "a.json", "{}");
    CHECK_OK(spool_source_claim(h->source, "a.json", &claim, &h->e));
    put(h, ".work", "stray", "x");
    h->source = spool_source_free(h->source);
    CHECK_OK(spool_source_new(&config, &h->source, &h->e));
    CHECK_OK(spool_source_left_over(h->source, note_left, h, &foreign, &h->e));
    CHECK_INT(h->lefts, 1);
    CHECK_INT(foreign, 1);
    CHECK_STR(h->left[0].work, claim.work);
    CHECK_STR(h->left[0].name, "a.json");
    CHECK_INT(h->left[0].mtime_ns, claim.mtime_ns);
}

/* ---- what cannot be claimed ---- */

TEST(spool_tries_what_cannot_be_claimed_again_after_a_minute)
{
    struct house *h = open_house();
    struct spool_claim claim;
    if (geteuid() == 0)
        SKIP("root may move everything");
    put(h, "in", "a.json", "{}");
    scan(h, 0);
    CHECK_INT(scan(h, SETTLE), 1);
    CHECK_INT(chmod(path_of(h, "in", ""), 0500), 0);
    CHECK_ERR(spool_source_claim(h->source, "a.json", &claim, &h->e), ERR_IO);
    CHECK_INT(scan(h, SETTLE + 1), 0);
    CHECK_INT(chmod(path_of(h, "in", ""), 0700), 0);
    CHECK_INT(scan(h, SETTLE + 59999), 0);
    CHECK_INT(scan(h, SETTLE + 60000), 1);
}

SWEEP()

TEST_MAIN()
