/* One vendor folder from outside: attachments, try/, handing back, and folders that go away with their share. */
#include "base/timefmt.h"
#include "tests/unit/spool_fixture.h"

/* ---- attachments ---- */

TEST(spool_claims_an_attachment_that_came_before_its_request)
{
    struct house *h = open_house();
    struct spool_claim claim;
    put(h, "in", "scan.pdf", "%PDF");
    set_mtime(h, "in", "scan.pdf", 1000);
    CHECK_OK(spool_source_claim_attachment(h->source, "scan.pdf", 7, INT64_C(1000) * 1000000000, 0, &claim, &h->e));
    CHECK_STR(claim.name, "scan.pdf");
    CHECK(!there(h, "in", "scan.pdf"));
}

TEST(spool_waits_for_an_attachment_that_comes_later)
{
    struct house *h = open_house();
    struct spool_claim claim;
    CHECK_ERR(spool_source_claim_attachment(h->source, "scan.pdf", 7, 0, 0, &claim, &h->e), ERR_NOTFOUND);
    put(h, "in", "scan.pdf", "%PDF");
    CHECK_ERR(spool_source_claim_attachment(h->source, "scan.pdf", 7, 0, 100, &claim, &h->e), ERR_NOTFOUND);
    CHECK_ERR(spool_source_claim_attachment(h->source, "scan.pdf", 7, 0, 100 + SETTLE - 1, &claim, &h->e), ERR_NOTFOUND);
    CHECK_OK(spool_source_claim_attachment(h->source, "scan.pdf", 7, 0, 100 + SETTLE, &claim, &h->e));
}

TEST(spool_finds_an_attachment_again_by_its_own_request_only)
{
    struct house *h = open_house();
    struct spool_source_config config = config_of(h->root, "gw01");
    struct spool_claim first, again;
    size_t foreign = 9;
    put(h, "in", "scan.pdf", "of request 7");
    CHECK_OK(spool_source_claim_attachment(h->source, "scan.pdf", 7, INT64_MAX, 0, &first, &h->e));
    h->source = spool_source_free(h->source);
    CHECK_OK(spool_source_new(&config, &h->source, &h->e));
    CHECK_OK(spool_source_left_over(h->source, note_left, h, &foreign, &h->e)); /* it is no request */
    CHECK_INT(h->lefts, 0);
    CHECK_INT(foreign, 0);
    CHECK_ERR(spool_source_claim_attachment(h->source, "scan.pdf", 8, INT64_MAX, 0, &again, &h->e), ERR_NOTFOUND);
    CHECK_ERR(spool_source_claim_attachment(h->source, "scan.pdf", 7, 5, 0, &again, &h->e), ERR_NOTFOUND); /* a number used again after a restore */
    CHECK_OK(spool_source_claim_attachment(h->source, "scan.pdf", 7, INT64_MAX, 0, &again, &h->e));
    CHECK_STR(again.work, first.work);
    CHECK_OK(spool_source_file_away(h->source, again.work, SPOOL_DONE, &h->e));
    CHECK(there(h, "done", "scan.pdf"));
}

TEST(spool_mentions_an_orphan_once_and_again_for_another)
{
    struct house *h = open_house();
    struct spool_source_config config = config_of(h->root, "gw01");
    int64_t now = time_wall_ms();
    put(h, "in", "scan.pdf", "%PDF");
    set_mtime(h, "in", "scan.pdf", 1000); /* a copy keeps its old mtime */
    put(h, "in", "late.json", "{}");
    scan(h, 0);
    h->count = 0;
    CHECK_OK(spool_source_orphans(h->source, now + ORPHAN / 2, note, h, &h->e));
    CHECK_INT(h->count, 0);
    CHECK_OK(spool_source_orphans(h->source, now + ORPHAN + 60000, note, h, &h->e));
    CHECK_INT(h->count, 1);
    CHECK_STR(h->name[0], "scan.pdf");
    CHECK_OK(spool_source_orphans(h->source, now + 2 * ORPHAN, note, h, &h->e));
    CHECK_INT(h->count, 1);
    /* the notice in out/ outlives the process */
    CHECK_OK(spool_source_write(h->source, SPOOL_OUT, "scan.pdf.notice.json", "{}", 2, false, &h->e));
    h->source = spool_source_free(h->source);
    CHECK_OK(spool_source_new(&config, &h->source, &h->e));
    scan(h, 0);
    h->count = 0;
    CHECK_OK(spool_source_orphans(h->source, now + 2 * ORPHAN, note, h, &h->e));
    CHECK_INT(h->count, 0);
    /* an older notice is about another file */
    set_mtime(h, "out", "scan.pdf.notice.json", 2000);
    h->source = spool_source_free(h->source);
    CHECK_OK(spool_source_new(&config, &h->source, &h->e));
    scan(h, 0);
    h->count = 0;
    CHECK_OK(spool_source_orphans(h->source, now + 2 * ORPHAN, note, h, &h->e));
    CHECK_INT(h->count, 1);
}

TEST(spool_names_notices_of_bad_names_by_their_hash)
{
    char stem[SPOOL_STEM_MAX], again[SPOOL_STEM_MAX];
    CHECK_OK(spool_name_stem("検査.pdf", stem));
    CHECK_STR(stem, "検査.pdf");
    CHECK_OK(spool_name_stem("a\nb", stem));
    CHECK_INT(strspn(stem, "0123456789abcdef"), 16);
    CHECK_OK(spool_name_stem("a\nc", again));
    CHECK(strcmp(stem, again) != 0);
}

/* ---- try/ ---- */

TEST(spool_offers_files_to_try_until_they_have_a_result)
{
    struct house *h = open_house();
    put(h, "try", "a.json", "{}");
    put(h, "try", "b.json", "{}");
    put(h, "try", "b.json.result.json", "{}");
    put(h, "try", "b.json.bundle.json", "{}");
    put(h, "try", "c.pdf", "%PDF");
    set_mtime(h, "try", "b.json", 1000);
    CHECK_OK(spool_source_scan_try(h->source, 0, note, h, &h->e));
    CHECK_INT(h->count, 0);
    CHECK_OK(spool_source_scan_try(h->source, SETTLE, note, h, &h->e));
    CHECK_INT(h->count, 1);
    CHECK_STR(h->name[0], "a.json");
    put(h, "try", "b.json", "{\"newer\":1}"); /* newer than its result */
    set_mtime(h, "try", "b.json.result.json", 2000);
    CHECK_OK(spool_source_scan_try(h->source, SETTLE + 1, note, h, &h->e));
    CHECK_OK(spool_source_scan_try(h->source, 2 * SETTLE + 1, note, h, &h->e));
    CHECK_INT(h->count, 2);
    CHECK_STR(h->name[1], "b.json");
}

TEST(spool_knows_the_result_of_a_long_name_to_try)
{
    struct house *h = open_house();
    char name[256], stem[SPOOL_STEM_MAX], result[SPOOL_STEM_MAX + 16];
    memset(name, 'n', 250);
    memcpy(name + 250, ".json", 6);
    put(h, "try", name, "{}");
    CHECK_OK(spool_source_scan_try(h->source, 0, note, h, &h->e));
    CHECK_OK(spool_source_scan_try(h->source, SETTLE, note, h, &h->e));
    CHECK_INT(h->count, 1);
    spool_source_forget(h->source, name);
    CHECK_OK(spool_name_stem(name, stem));
    CHECK_INT(strlen(stem), 16);
    snprintf(result, sizeof result, "%s.result.json", stem);
    CHECK_OK(spool_source_write(h->source, SPOOL_TRY, result, "{}", 2, false, &h->e));
    CHECK_OK(spool_source_scan_try(h->source, 2 * SETTLE, note, h, &h->e));
    CHECK_OK(spool_source_scan_try(h->source, 4 * SETTLE, note, h, &h->e));
    CHECK_INT(h->count, 1);
}

TEST(spool_reads_a_file_to_try_and_leaves_it)
{
    struct house *h = open_house();
    struct spool_content content;
    put(h, "try", "a.json", "{}");
    CHECK_OK(spool_source_read_try(h->source, "a.json", &content, &h->e));
    CHECK(content.fd >= 0);
    close(content.fd);
    CHECK(there(h, "try", "a.json"));
    CHECK_INT(symlink("/etc/passwd", path_of(h, "try", "b.json")), 0);
    CHECK_OK(spool_source_read_try(h->source, "b.json", &content, &h->e));
    CHECK_INT(content.fd, -1);
    CHECK_INT(content.refused, MSG_SPOOL_SYMLINK);
    CHECK_ERR(spool_source_read_try(h->source, "c.json", &content, &h->e), ERR_NOTFOUND);
}

/* ---- handing back ---- */

TEST(spool_writes_by_rename_and_removes)
{
    struct house *h = open_house();
    int result[1] = { 9 };
    CHECK_OK(spool_source_write(h->source, SPOOL_OUT, "a.status.json", "one", 3, false, &h->e));
    CHECK_OK(spool_source_write(h->source, SPOOL_OUT, "a.status.json", "two", 3, true, &h->e));
    CHECK_INT(entries(h, "out"), 1);
    spool_sync(&h->source, 1, result, &h->e);
    CHECK_INT(result[0], 0);
    CHECK_OK(spool_source_write(h->source, SPOOL_TRY, "a.json.result.json", "x", 1, false, &h->e));
    CHECK(there(h, "try", "a.json.result.json"));
    CHECK_OK(spool_source_remove_out(h->source, "a.status.json", &h->e));
    CHECK_OK(spool_source_remove_out(h->source, "a.status.json", &h->e));
    CHECK_INT(entries(h, "out"), 0);
}

TEST(spool_files_away_only_what_it_claimed)
{
    struct house *h = open_house();
    CHECK_ERR(spool_source_file_away(h->source, "short", SPOOL_DONE, &h->e), ERR_INVALID);
    CHECK_ERR(spool_source_file_away(h->source, "0123456789abcdef-../../in/x", SPOOL_DONE, &h->e), ERR_INVALID);
    CHECK_OK(spool_source_file_away(h->source, "0123456789abcdef-never there.json", SPOOL_DONE, &h->e));
    CHECK_INT(entries(h, "done"), 0);
}

/* ---- shares that go away ---- */

TEST(spool_starts_without_its_share_and_finds_it_later)
{
    struct house *h = open_house();
    char root[128];
    struct spool_source_config config;
    struct spool_source *late = NULL;
    struct spool_claim claim;
    int result;

    snprintf(root, sizeof root, "%s/mnt", h->root);
    config = config_of(root, NULL);
    CHECK_ERR(spool_source_new(&config, &late, &h->e), ERR_CLOSED);
    CHECK(late != NULL);
    CHECK_INT(h->e.msg, MSG_SPOOL_SHARE_GONE);
    CHECK_ERR(spool_source_probe(late, &h->e), ERR_CLOSED);
    CHECK_ERR(spool_source_scan(late, 0, note, h, &h->e), ERR_CLOSED);
    CHECK_ERR(spool_source_scan_try(late, 0, note, h, &h->e), ERR_CLOSED);
    CHECK_ERR(spool_source_claim(late, "a.json", &claim, &h->e), ERR_CLOSED);
    CHECK_ERR(spool_source_write(late, SPOOL_OUT, "a", "x", 1, true, &h->e), ERR_CLOSED);
    CHECK_ERR(spool_source_remove_out(late, "a", &h->e), ERR_CLOSED);
    CHECK_ERR(spool_source_left_over(late, note_left, h, NULL, &h->e), ERR_CLOSED);
    CHECK_ERR(spool_source_orphans(late, 0, note, h, &h->e), ERR_CLOSED);
    CHECK_ERR(spool_source_file_away(late, "0123456789abcdef-a.json", SPOOL_DONE, &h->e), ERR_CLOSED);
    spool_sync(&late, 1, &result, &h->e);
    CHECK_INT(result, 0); /* nothing to make durable */
    CHECK_INT(mkdir(root, 0700), 0);
    CHECK_INT(spool_source_probe(late, &h->e), 1);
    CHECK_OK(spool_source_scan(late, 0, note, h, &h->e));
    spool_source_free(late);
}

TEST(spool_makes_nothing_in_the_place_of_a_lost_share)
{
    struct house *h = open_house();
    struct spool_claim claim, second;
    struct spool_content content;
    char away[80];
    int result;

    put(h, "in", "a.json", "{}");
    put(h, "in", "b.json", "{}");
    scan(h, 0);
    CHECK_OK(spool_source_claim(h->source, "a.json", &claim, &h->e));
    snprintf(away, sizeof away, "%s-away", h->root);
    CHECK_INT(rename(h->root, away), 0);
    CHECK_INT(mkdir(h->root, 0700), 0); /* the empty mount point */
    CHECK_ERR(spool_source_probe(h->source, &h->e), ERR_CLOSED);
    CHECK_ERR(spool_source_scan(h->source, 1, note, h, &h->e), ERR_CLOSED);
    CHECK_ERR(spool_source_claim(h->source, "b.json", &second, &h->e), ERR_CLOSED);
    CHECK_ERR(spool_source_read(h->source, claim.work, &content, &h->e), ERR_CLOSED);
    spool_sync(&h->source, 1, &result, &h->e); /* the claim cannot be made durable any more */
    CHECK_INT(result, ERR_CLOSED);
    CHECK_INT(rmdir(h->root), 0); /* which fails unless it is empty */
    CHECK_INT(rename(away, h->root), 0);
    CHECK_INT(spool_source_probe(h->source, &h->e), 1);
    CHECK_OK(spool_source_left_over(h->source, note_left, h, NULL, &h->e));
    CHECK_INT(h->lefts, 1);
    CHECK_STR(h->left[0].name, "a.json");
    scan(h, 10);
    CHECK_INT(scan(h, 10 + SETTLE), 1); /* what lies there is looked at as if for the first time */
}

TEST(spool_notices_a_folder_that_was_made_anew)
{
    struct house *h = open_house();
    CHECK_INT(rmdir(path_of(h, "in", "")), 0);
    CHECK_INT(mkdir(path_of(h, "in", ""), 0770), 0);
    CHECK_INT(spool_source_probe(h->source, &h->e), 1);
    CHECK_INT(spool_source_probe(h->source, &h->e), 0);
    put(h, "in", "a.json", "{}");
    scan(h, 0);
    CHECK_INT(scan(h, SETTLE), 1);
    CHECK_INT(rmdir(path_of(h, "out", "")), 0);
    CHECK_INT(spool_source_probe(h->source, &h->e), 1); /* below the same root it is made again */
    CHECK_OK(spool_source_write(h->source, SPOOL_OUT, "a", "x", 1, false, &h->e));
}

TEST(spool_does_not_take_a_lost_folder_for_a_filed_file)
{
    struct house *h = open_house();
    struct spool_claim claim;
    put(h, "in", "a.json", "{}");
    CHECK_OK(spool_source_claim(h->source, "a.json", &claim, &h->e));
    CHECK_INT(rmdir(path_of(h, "done", "")), 0);
    CHECK_ERR(spool_source_file_away(h->source, claim.work, SPOOL_DONE, &h->e), ERR_CLOSED);
    CHECK(there(h, ".work", claim.work));
    CHECK_INT(spool_source_probe(h->source, &h->e), 1);
    CHECK_OK(spool_source_file_away(h->source, claim.work, SPOOL_DONE, &h->e));
    CHECK(there(h, "done", "a.json"));
}

TEST(spool_says_that_a_result_cannot_be_written_into_a_lost_folder)
{
    struct house *h = open_house();
    CHECK_INT(rmdir(path_of(h, "out", "")), 0);
    CHECK_ERR(spool_source_write(h->source, SPOOL_OUT, "a.result.json", "{}", 2, true, &h->e), ERR_CLOSED);
}

TEST(spool_refuses_a_root_that_is_a_link)
{
    struct house *h = open_house();
    char link_path[128];
    struct spool_source_config config;
    struct spool_source *other = NULL;
    snprintf(link_path, sizeof link_path, "%s/link", h->root);
    CHECK_INT(symlink(h->root, link_path), 0);
    config = config_of(link_path, "gw01");
    CHECK_ERR(spool_source_new(&config, &other, &h->e), ERR_CLOSED);
    spool_source_free(other);
}

TEST(spool_syncs_sources_of_one_disk_together)
{
    struct house *h = open_house();
    char root[128];
    struct spool_source_config config;
    struct spool_source *both[2] = { h->source, NULL };
    int result[2] = { 9, 9 };
    snprintf(root, sizeof root, "%s/second", h->root);
    CHECK_INT(mkdir(root, 0700), 0);
    config = config_of(root, "gw01");
    CHECK_OK(spool_source_new(&config, &both[1], &h->e));
    CHECK_OK(spool_source_write(both[0], SPOOL_OUT, "a", "x", 1, true, &h->e));
    CHECK_OK(spool_source_write(both[1], SPOOL_OUT, "a", "x", 1, true, &h->e));
    spool_sync(both, 2, result, &h->e);
    CHECK_INT(result[0], 0);
    CHECK_INT(result[1], 0);
    spool_source_free(both[1]);
    CHECK(spool_source_free(NULL) == NULL);
}

SWEEP()

TEST_MAIN()
