/* The terminal folder link against a terminal played by direct file operations, on a clock of the test's own. */
#include "tests/unit/test.h"
#include "link/link.h"
#include "tests/unit/notice_profile.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHIPPED "gateway/exchange/profiles/clins-2026.conf"
#define MARKER "clinsgw-share.txt"
#define NAME "CISsidoc01req_gw01000000000000z.xml"
#define ANSWER "CISsidoc01res_gw01000000000000z.xml"
#define ERRFILE "CISsidoc01err_gw01000000000000z.xml"
#define TEMP ".clinsgw-gw01000000000000z.tmp"

enum { POLL = 300, SWEEP = 30000 };

static struct exchange_profile *profile;
static char root[64];
static struct link *link_;
static struct link_fact facts[64];
static char fact_bytes[64][64], fact_names[64][EXCHANGE_NAME_MAX];
static size_t fact_count, fact_next;
static int released;
static int64_t now;

static const char *at(const char *path)
{
    static char full[4][256];
    static int turn;
    char *to = full[turn++ % 4];
    snprintf(to, sizeof full[0], "%s/%s", root, path);
    return to;
}

static void put(const char *path, const char *text)
{
    int fd = open(at(path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    CHECK(fd >= 0);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static bool there(const char *path)
{
    struct stat st;
    return lstat(at(path), &st) == 0;
}

static const char *content(const char *path)
{
    static char text[256];
    int fd = open(at(path), O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    if (len < 0)
        return NULL;
    text[len] = '\0';
    return text;
}

static size_t entries(const char *path)
{
    size_t count = 0;
    DIR *dir = opendir(at(path));
    CHECK(dir != NULL);
    for (struct dirent *d = readdir(dir); d != NULL; d = readdir(dir))
        count += strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
    closedir(dir);
    return count;
}

static void remove_tree(const char *path)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return;
    for (struct dirent *d = readdir(dir); d != NULL; d = readdir(dir)) {
        char inner[400];
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
            continue;
        snprintf(inner, sizeof inner, "%s/%s", path, d->d_name);
        if (unlink(inner) < 0)
            remove_tree(inner);
    }
    closedir(dir);
    rmdir(path);
}

static void on_fact(void *user, const struct link_fact *fact)
{
    (void)user;
    if (fact_count == 64)
        abort();
    facts[fact_count] = *fact;
    snprintf(fact_bytes[fact_count], sizeof fact_bytes[0], "%.*s", (int)fact->bytes.len, fact->bytes.data != NULL ? fact->bytes.data : "");
    snprintf(fact_names[fact_count], sizeof fact_names[0], "%s", fact->name);
    fact_count++;
}

static void on_release(void *arg) { ++*(int *)arg; }

static void restart_link(void)
{
    struct link_options options = { .profile = profile, .host = "gw01", .fact = on_fact, .folder = root };
    link_ = link_close(link_);
    fact_count = fact_next = 0;
    released = 0;
    CHECK_OK(link_open(&link_terminal, &options, &link_, NULL));
}

static void begin(void)
{
    if (profile == NULL)
        CHECK_OK(exchange_profile_load(SHIPPED, &profile, NULL));
    if (root[0] != '\0')
        remove_tree(root);
    snprintf(root, sizeof root, "/tmp/clinsgw-terminal-XXXXXX");
    CHECK(mkdtemp(root) != NULL);
    CHECK(mkdir(at("req"), 0755) == 0 && mkdir(at("res"), 0755) == 0);
    put(MARKER, "here\n");
    now = 1000000;
    restart_link();
}

static void end(void)
{
    link_ = link_close(link_);
    remove_tree(root);
    root[0] = '\0';
    profile = exchange_profile_free(profile);
}

static void pass(int64_t ms)
{
    now += ms;
    link_step(link_, now);
}

static struct link_fact *expect(enum link_fact_kind kind)
{
    if (fact_next >= fact_count)
        test_fail(__FILE__, __LINE__, "no fact where %s was expected", link_fact_name((int)kind));
    if (facts[fact_next].kind != kind)
        test_fail(__FILE__, __LINE__, "fact %s where %s was expected", link_fact_name((int)facts[fact_next].kind), link_fact_name((int)kind));
    return &facts[fact_next++];
}

static void quiet(void)
{
    if (fact_next != fact_count)
        test_fail(__FILE__, __LINE__, "unexpected fact %s", link_fact_name((int)facts[fact_next].kind));
}

static void up(void)
{
    pass(0);
    expect(LINK_UP);
    quiet();
}

static int submit_named(uint64_t exchange, const char *name)
{
    struct link_request r = { .exchange = exchange, .name = name, .operation = EXCHANGE_DOCUMENT_REGISTER, .bytes = { "<request/>", 10 },
                              .release = on_release, .release_arg = &released };
    return link_submit(link_, &r, NULL);
}

static void publish(void)
{
    CHECK_OK(submit_named(1, NAME));
    quiet();
    pass(0);
    CHECK_INT(expect(LINK_PUBLISHED)->exchange, 1);
    CHECK_INT(released, 1);
    quiet();
}

static void begin_published(void)
{
    begin();
    up();
    publish();
}

static void answered(const char *bytes)
{
    expect(LINK_ANSWER);
    CHECK_STR(fact_bytes[fact_next - 1], bytes);
}

/* The terminal takes the request and answers; after two equal reads that is told. */
static void take_and_answer(const char *bytes)
{
    unlink(at("req/" NAME));
    put("res/" ANSWER, bytes);
    pass(POLL);
    expect(LINK_LEFT_REQ);
    pass(POLL);
    answered(bytes);
}

TEST(request_is_published_taken_answered_removed)
{
    begin_published();
    CHECK_STR(content("req/" NAME), "<request/>");
    CHECK_INT(entries("req"), 1);
    pass(POLL);
    quiet();
    unlink(at("req/" NAME));
    pass(POLL);
    expect(LINK_LEFT_REQ);
    put("res/" ANSWER, "<answer/>");
    pass(POLL);
    quiet();                                    /* one read proves nothing */
    pass(POLL);
    struct link_fact *answer = expect(LINK_ANSWER);
    CHECK_INT(answer->answer_kind, EXCHANGE_RES);
    CHECK_STR(fact_bytes[fact_next - 1], "<answer/>");
    CHECK_STR(fact_names[fact_next - 1], NAME);
    pass(POLL);
    pass(SWEEP);
    quiet();                                    /* told once */
    CHECK(there("res/" ANSWER));                /* and left until somebody says so */
    CHECK_OK(link_remove(link_, 1, NAME, NULL));
    pass(0);
    expect(LINK_REMOVED);
    CHECK(!there("res/" ANSWER));
    pass(SWEEP);
    quiet();
    end();
}

TEST(answer_that_changed_before_its_removal_is_told_first)
{
    begin_published();
    take_and_answer("<pending/>");
    unlink(at("res/" ANSWER));
    put("res/" ANSWER, "<success/>");           /* nobody has these bytes yet */
    CHECK_OK(link_remove(link_, 1, NAME, NULL));
    pass(0);
    CHECK(there("res/" ANSWER));
    pass(POLL);
    pass(POLL);
    answered("<success/>");
    CHECK_OK(link_remove(link_, 1, NAME, NULL));
    pass(0);
    expect(LINK_REMOVED);
    CHECK(!there("res/" ANSWER));
    quiet();
    end();
}

TEST(answer_written_anew_with_the_same_bytes_is_removed)
{
    begin_published();
    take_and_answer("<answer/>");
    unlink(at("res/" ANSWER));
    put("res/" ANSWER, "<answer/>");
    CHECK_OK(link_remove(link_, 1, NAME, NULL));
    for (int i = 0; i < 5; i++)
        pass(POLL);
    expect(LINK_REMOVED);
    CHECK(!there("res/" ANSWER));
    quiet();
    end();
}

TEST(answer_that_still_grows_is_not_reported)
{
    begin_published();
    unlink(at("req/" NAME));
    put("res/" ANSWER, "");
    for (int i = 0; i < 5; i++)
        pass(POLL);
    expect(LINK_LEFT_REQ);
    quiet();                                    /* empty: being made */
    put("res/" ANSWER, "<a");
    pass(POLL);
    put("res/" ANSWER, "<ans");
    pass(POLL);
    put("res/" ANSWER, "<answer/>");
    pass(POLL);
    quiet();
    pass(POLL - 1);
    quiet();
    pass(1);
    answered("<answer/>");
    end();
}

TEST(half_answer_that_stood_still_is_reported_again_when_whole)
{
    begin_published();
    put("res/" ANSWER, "<ans");
    pass(POLL);
    pass(POLL);
    answered("<ans");
    put("res/" ANSWER, "<answer/>");
    pass(POLL);
    pass(POLL);
    answered("<answer/>");
    quiet();
    end();
}

TEST(answer_may_vanish_between_the_reads)
{
    begin_published();
    put("res/" ANSWER, "<answer/>");
    pass(POLL);
    unlink(at("res/" ANSWER));
    pass(POLL);
    pass(POLL);
    quiet();
    end();
}

TEST(err_answer_is_told_apart)
{
    begin_published();
    put("res/" ERRFILE, "<err/>");
    unlink(at("req/" NAME));
    pass(POLL);
    pass(POLL);
    expect(LINK_LEFT_REQ);
    CHECK_INT(expect(LINK_ANSWER)->answer_kind, EXCHANGE_ERR);
    CHECK_OK(link_remove(link_, 1, NAME, NULL));
    pass(0);
    expect(LINK_REMOVED);
    CHECK_INT(entries("res"), 0);
    end();
}

TEST(files_of_others_are_never_touched)
{
    static const char *const others[] = { "req/OQSsiquc01req_202611210001.xml", "res/OQSsiquc01res_202611210001.xml", "res/del0001.txt",
        "res/CISsidoc01res_202611210001.xml", "req/.clinsgw-gw02000000000000z.tmp", "req/.clinsgw-other.tmp", "res/CISsidoc01res_gw02000000000000z.xml" };
    begin();
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        put(others[i], "theirs");
    up();
    publish();
    put("res/" ANSWER, "<answer/>");
    for (int i = 0; i < 3; i++)
        pass(SWEEP);
    CHECK_OK(link_remove(link_, 1, NAME, NULL));
    pass(0);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        CHECK_STR(content(others[i]), "theirs");
    expect(LINK_ANSWER);
    expect(LINK_REMOVED);
    quiet();
    end();
}

TEST(share_without_marker_is_never_used_or_made)
{
    begin();
    unlink(at(MARKER));
    pass(0);
    CHECK_INT(expect(LINK_DOWN)->how, LINK_HOW_SHARE);
    CHECK_OK(submit_named(1, NAME));
    pass(0);
    struct link_fact *fact = expect(LINK_NOT_LEFT);
    CHECK_INT(fact->how, LINK_HOW_SHARE);
    CHECK_INT(released, 1);
    CHECK_INT(entries("req"), 0);
    remove_tree(root);
    for (int i = 0; i < 5; i++)
        pass(1000);
    quiet();                                    /* down is told once */
    CHECK(!there(""));
    end();
}

TEST(marker_must_be_a_file)
{
    begin();
    unlink(at(MARKER));
    CHECK(symlink("/etc/hostname", at(MARKER)) == 0);
    pass(0);
    expect(LINK_DOWN);
    end();
}

TEST(share_lost_and_back_loses_nothing)
{
    char away[80];
    begin_published();
    snprintf(away, sizeof away, "%s-away", root);
    CHECK(rename(root, away) == 0);
    CHECK(mkdir(root, 0755) == 0);              /* the empty mount point */
    pass(POLL);
    expect(LINK_DOWN);
    for (int i = 0; i < 10; i++)
        pass(1000);
    quiet();                                    /* above all no LEFT_REQ */
    CHECK_INT(entries(""), 0);
    CHECK(rmdir(root) == 0 && rename(away, root) == 0);
    put("res/" ANSWER, "<answer/>");
    pass(1000);
    expect(LINK_UP);
    pass(POLL);
    expect(LINK_ANSWER);
    quiet();
    end();
}

TEST(folder_gone_below_a_live_root_is_share_lost)
{
    begin_published();
    CHECK(rename(at("req"), at("req2")) == 0);
    pass(POLL);
    expect(LINK_DOWN);
    quiet();
    CHECK(rename(at("req2"), at("req")) == 0);
    pass(1000);
    expect(LINK_UP);
    quiet();
    end();
}

TEST(removal_and_look_wait_for_the_share)
{
    begin();
    put("res/" ANSWER, "<answer/>");
    unlink(at(MARKER));
    pass(0);
    expect(LINK_DOWN);
    CHECK_OK(link_remove(link_, 1, NAME, NULL));
    CHECK_OK(link_look(link_, 2, "CISsidoc01req_gw010000000000010.xml", NULL));
    pass(1000);
    quiet();
    CHECK(there("res/" ANSWER));
    put(MARKER, "back\n");
    pass(1000);
    expect(LINK_REMOVED);
    CHECK_INT(expect(LINK_LOOKED)->place, LINK_PLACE_NOWHERE);
    expect(LINK_UP);
    end();
}

TEST(name_that_is_there_is_never_overwritten)
{
    static const char *const taken[] = { "req/" NAME, "res/" ANSWER, "res/" ERRFILE };
    for (size_t i = 0; i < 3; i++) {
        begin();
        put(taken[i], "older");
        up();
        CHECK_OK(submit_named(1, NAME));
        pass(0);
        CHECK_INT(expect(LINK_NOT_LEFT)->how, LINK_HOW_NAME_TAKEN);
        CHECK_STR(content(taken[i]), "older");
        CHECK_INT(entries("req") + entries("res"), 1);
    }
    end();
}

TEST(temporary_that_cannot_be_written_leaves_nothing)
{
    begin();
    if (geteuid() == 0) {
        /* root passes every permission: a folder in the temporary's place is what it cannot overwrite */
        CHECK(mkdir(at("req/" TEMP), 0755) == 0);
    } else {
        CHECK(chmod(at("req"), 0555) == 0);
    }
    up();
    CHECK_OK(submit_named(1, NAME));
    pass(0);
    struct link_fact *fact = expect(LINK_NOT_LEFT);
    CHECK(fact->how == LINK_HOW_WRITE || fact->how == LINK_HOW_PERMISSION);
    CHECK(fact->sys_errno != 0);
    CHECK(!there("req/" NAME));
    chmod(at("req"), 0755);
    end();
}

TEST(leftover_temporary_of_this_exchange_is_overwritten)
{
    begin();
    put("req/" TEMP, "half");
    up();
    publish();
    CHECK_STR(content("req/" NAME), "<request/>");
    CHECK(!there("req/" TEMP));
    end();
}

static enum link_place place_of(void)
{
    CHECK_OK(link_look(link_, 7, NAME, NULL));
    pass(POLL);
    return expect(LINK_LOOKED)->place;
}

TEST(look_after_a_crash)
{
    begin();
    up();
    CHECK_INT(place_of(), LINK_PLACE_NOWHERE);
    put("req/" NAME, "r");
    CHECK_INT(place_of(), LINK_PLACE_REQUEST);
    put("res/" ANSWER, "a");
    CHECK_INT(place_of(), LINK_PLACE_ANSWER);
    unlink(at("req/" NAME));
    CHECK_INT(place_of(), LINK_PLACE_ANSWER);
    unlink(at("res/" ANSWER));
    put("res/" ERRFILE, "e");
    CHECK_INT(place_of(), LINK_PLACE_ANSWER);
    unlink(at("res/" ERRFILE));
    put("req/" TEMP, "half");
    CHECK_INT(place_of(), LINK_PLACE_TEMPORARY);
    CHECK(!there("req/" TEMP));
    CHECK_INT(place_of(), LINK_PLACE_NOWHERE);
    quiet();
    end();
}

TEST(awaited_after_a_restart)
{
    begin();
    put("req/" NAME, "r");
    up();
    CHECK_OK(link_await(link_, 5, NAME, NULL));
    CHECK_ERR(link_await(link_, 5, NAME, NULL), ERR_EXISTS);
    pass(0);
    quiet();
    unlink(at("req/" NAME));
    put("res/" ANSWER, "<answer/>");
    pass(POLL);
    CHECK_INT(expect(LINK_LEFT_REQ)->exchange, 5);
    pass(POLL);
    CHECK_INT(expect(LINK_ANSWER)->exchange, 5);
    end();
}

TEST(stale_temporaries_go_with_the_first_sweep_not_before)
{
    begin();
    put("req/" TEMP, "half");
    put("req/.clinsgw-gw010000000000020.tmp", "half");
    up();
    pass(SWEEP - 1);
    CHECK(there("req/" TEMP));                  /* evidence for a look that may still come */
    unlink(at(MARKER));
    pass(1000);
    expect(LINK_DOWN);
    CHECK(there("req/" TEMP));
    put(MARKER, "here\n");
    pass(1000);
    expect(LINK_UP);
    CHECK_INT(entries("req"), 0);
    end();
}

TEST(share_that_comes_late_is_not_swept_before_it_is_looked_at)
{
    begin();
    unlink(at(MARKER));
    put("req/" TEMP, "half");
    pass(0);
    expect(LINK_DOWN);
    for (int i = 0; i < 5; i++)
        pass(SWEEP);
    put(MARKER, "here\n");
    pass(1000);
    expect(LINK_UP);
    CHECK(there("req/" TEMP));                  /* the desk looks for it now */
    pass(SWEEP);
    CHECK(!there("req/" TEMP));
    end();
}

TEST(unawaited_answer_of_ours_is_told_once_and_can_be_awaited)
{
    begin();
    put("res/" ANSWER, "<answer/>");
    up();
    pass(SWEEP);
    expect(LINK_FOUND);
    CHECK_STR(fact_names[fact_next - 1], NAME);
    pass(SWEEP);
    pass(SWEEP);
    quiet();
    CHECK_OK(link_await(link_, 9, NAME, NULL));
    pass(0);
    pass(POLL);
    expect(LINK_LEFT_REQ);
    CHECK_INT(expect(LINK_ANSWER)->exchange, 9);
    pass(SWEEP);
    quiet();
    end();
}

TEST(answer_as_symlink_or_folder_or_too_large_is_not_read)
{
    begin_published();
    CHECK(symlink("/etc/hostname", at("res/" ANSWER)) == 0);
    pass(POLL);
    pass(POLL);
    quiet();
    unlink(at("res/" ANSWER));
    CHECK(mkdir(at("res/" ANSWER), 0755) == 0);
    pass(POLL);
    pass(POLL);
    quiet();
    rmdir(at("res/" ANSWER));
    put("res/" ANSWER, "x");
    CHECK(truncate(at("res/" ANSWER), (off_t)profile->answer_limit + 1) == 0);
    pass(POLL);
    CHECK_INT(expect(LINK_ENDED)->how, LINK_HOW_ANSWER_LIMIT);
    end();
}

TEST(forgotten_exchange_is_not_reported)
{
    begin_published();
    CHECK_OK(link_forget(link_, 1));
    CHECK_ERR(link_forget(link_, 1), ERR_NOTFOUND);
    unlink(at("req/" NAME));
    put("res/" ANSWER, "<answer/>");
    pass(POLL);
    pass(POLL);
    quiet();
    CHECK(there("res/" ANSWER));
    end();
}

TEST(orders_that_make_no_sense_have_no_effect)
{
    struct link_request r = { .exchange = 1, .name = "../../etc/passwd", .operation = 0, .bytes = { "x", 1 } };
    begin();
    up();
    CHECK_ERR(link_submit(link_, &r, NULL), ERR_INVALID);
    r.name = ANSWER;
    CHECK_ERR(link_submit(link_, &r, NULL), ERR_INVALID);
    r.name = NAME;
    r.exchange = 0;
    CHECK_ERR(link_submit(link_, &r, NULL), ERR_INVALID);
    r.exchange = 1;
    r.bytes.len = 0;
    CHECK_ERR(link_submit(link_, &r, NULL), ERR_INVALID);
    CHECK_ERR(link_look(link_, 1, "x", NULL), ERR_INVALID);
    CHECK_ERR(link_remove(link_, 1, "x", NULL), ERR_INVALID);
    CHECK_OK(submit_named(1, NAME));
    CHECK_ERR(submit_named(1, NAME), ERR_EXISTS);
    CHECK_ERR(link_remove(link_, 1, NAME, NULL), ERR_NOT_NOW);
    pass(0);
    expect(LINK_PUBLISHED);
    CHECK_ERR(submit_named(1, NAME), ERR_EXISTS);
    CHECK_INT(released, 1);
    end();
}

TEST(closing_releases_what_was_not_sent)
{
    begin();
    CHECK_OK(submit_named(1, NAME));
    link_ = link_close(link_);
    CHECK_INT(released, 1);
    CHECK_INT(entries("req"), 0);
    end();
}

TEST(waits_just_until_there_is_work)
{
    begin();
    CHECK_INT(link_ops_get(link_)->next(link_, now), 0);
    up();
    CHECK(link_ops_get(link_)->next(link_, now) > POLL);
    CHECK_OK(submit_named(1, NAME));
    CHECK_INT(link_ops_get(link_)->next(link_, now), 0);
    pass(0);
    CHECK_INT(link_ops_get(link_)->next(link_, now), POLL);
    end();
}

TEST(options_are_checked)
{
    struct err e = ERR_INIT;
    struct link *l = NULL;
    CHECK_OK(exchange_profile_load(SHIPPED, &profile, NULL));
    struct link_options options = { .profile = profile, .host = "GW", .fact = on_fact, .folder = "/tmp" };
    CHECK_ERR(link_open(&link_terminal, &options, &l, &e), ERR_INVALID);
    CHECK_STR(e.place, "host");
    options.host = "gw01";
    options.folder = "relative";
    CHECK_ERR(link_open(&link_terminal, &options, &l, &e), ERR_INVALID);
    CHECK_STR(e.place, "folder");
    CHECK(l == NULL);
    profile = exchange_profile_free(profile);
}

#define NOTICE "CISsicon01res_1319999999_1.xml"

static void begin_noticing(void)
{
    CHECK_OK(notice_profile(NOTICE_SECTION, &profile, NULL));
    begin();
    put("res/" NOTICE, "<consent/>");
    up();
    pass(SWEEP);
    quiet();                                    /* one read proves nothing */
    pass(POLL);
    CHECK_INT(expect(LINK_NOTICE)->exchange, 0);
    CHECK_STR(fact_names[fact_next - 1], NOTICE);
    CHECK_STR(fact_bytes[fact_next - 1], "<consent/>");
    quiet();
}

TEST(unasked_result_is_told_once_and_left_until_it_may_go)
{
    begin_noticing();
    pass(SWEEP);
    pass(SWEEP);
    quiet();
    CHECK(there("res/" NOTICE));
    CHECK_OK(link_remove_notice(link_, NOTICE));
    pass(0);
    CHECK(!there("res/" NOTICE));
    pass(SWEEP);
    CHECK_ERR(link_remove_notice(link_, NOTICE), ERR_NOTFOUND);   /* forgotten with its file */
    put("res/" NOTICE, "<consent/>");           /* there anew: who has it says so again */
    pass(SWEEP);
    pass(POLL);
    expect(LINK_NOTICE);
    restart_link();
    up();
    pass(SWEEP);
    pass(POLL);
    expect(LINK_NOTICE);                        /* another life knows nothing */
    quiet();
    end();
}

TEST(unasked_result_that_changed_is_told_instead_of_removed)
{
    begin_noticing();
    put("res/" NOTICE, "<another/>");
    CHECK_OK(link_remove_notice(link_, NOTICE));
    pass(0);
    CHECK(there("res/" NOTICE));
    pass(POLL);
    expect(LINK_NOTICE);
    CHECK_STR(fact_bytes[fact_next - 1], "<another/>");
    end();
}

TEST(what_is_no_unasked_result_is_not_touched)
{
    static const char *const names[] = { "CISsicon01res_.xml", "CISsicon01res_a.b.xml", "CISsicon01res_a.xml.bak", "cissicon01res_a.xml", "CISsidoc01res_other00000000000001.xml" };
    CHECK_OK(notice_profile(NOTICE_SECTION, &profile, NULL));
    begin();
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "res/%s", names[i]);
        put(path, "x");
    }
    CHECK(symlink("/etc/hostname", at("res/CISsicon01res_link.xml")) == 0 && mkdir(at("res/CISsicon01res_folder.xml"), 0755) == 0);
    put("res/CISsicon01res_large.xml", "x");
    CHECK(truncate(at("res/CISsicon01res_large.xml"), (off_t)profile->answer_limit + 1) == 0);
    up();
    for (int i = 0; i < 4; i++)
        pass(SWEEP);
    CHECK_INT(expect(LINK_NOTICE)->how, LINK_HOW_ANSWER_LIMIT);   /* without bytes, once */
    quiet();
    CHECK_INT(entries("res"), 5 + 3);
    end();
}

TEST(more_unasked_results_than_are_watched_are_told_once)
{
    enum { WATCHED = 1000 };
    char name[64];
    CHECK_OK(notice_profile(NOTICE_SECTION, &profile, NULL));
    begin();
    for (int i = 0; i <= WATCHED; i++) {
        snprintf(name, sizeof name, "res/CISsicon01res_%d.xml", i);
        CHECK_INT(mkfifo(at(name), 0600), 0); /* never read: all that is told is the number */
    }
    up();
    pass(SWEEP);
    CHECK_INT(expect(LINK_NOTICE)->how, LINK_HOW_MANY);
    quiet();
    CHECK(unlink(at("res/CISsicon01res_0.xml")) == 0 && unlink(at("res/CISsicon01res_1.xml")) == 0);
    for (int i = 0; i < 3; i++)
        pass(SWEEP);
    quiet(); /* all have room */
    CHECK(mkfifo(at("res/CISsicon01res_a.xml"), 0600) == 0 && mkfifo(at("res/CISsicon01res_b.xml"), 0600) == 0);
    pass(SWEEP);
    CHECK_INT(expect(LINK_NOTICE)->how, LINK_HOW_MANY);   /* and then there was none again */
    end();
}

TEST_MAIN()
