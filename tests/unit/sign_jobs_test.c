/*
 * sign_jobs_test.c - many letters: signed together with one binding of the ledger, and judged one after the other by a trust that remembers.
 */
#include "base/timefmt.h"
#include "sign/sign.h"
#include "tests/unit/sign_fixture.h"

#define DOCTOR "urn:uuid:3e6a0ba2-d781-4fd7-9de6-e077b690daed"

enum { LETTERS = 5 };

/* One morning at one desk. */
static struct {
    struct arena *arena;
    struct sign_trust *trust;
    struct sign_signer *signer;
    struct sign_sitting *sitting;
    struct sign_ledger *ledger;
    int64_t now;
    struct sign_job job[LETTERS];
    char uuid[LETTERS][UUID_TEXT];
} m;

static const char *letter_of(int number)
{
    return arena_printf(m.arena, "{\"resourceType\":\"Bundle\",\"id\":\"%d\",\"type\":\"document\",\"entry\":[{\"fullUrl\":\"urn:uuid:1\",\"resource\":{\"resourceType\":\"Composition\","
                        "\"title\":\"letter %d\",\"author\":[{\"reference\":\"" DOCTOR "\"}]}},{\"fullUrl\":\"" DOCTOR "\",\"resource\":{\"resourceType\":\"Practitioner\","
                        "\"name\":[{\"text\":\"山田 太郎\"}]}}]}", number, number);
}

static void add(struct sign_trust *t, const char *name, int (*function)(struct sign_trust *, struct bytes, struct err *))
{
    struct buf b;
    fixture_read(name, &b);
    CHECK_OK(function(t, buf_bytes(&b), NULL));
    buf_free(&b);
}

static struct sign_trust *new_trust(bool anchor)
{
    struct sign_trust *t = sign_trust_new();
    CHECK(t != NULL);
    if (anchor)
        add(t, "hpki/anchors/root.crt", sign_trust_add_anchor);
    add(t, "hpki/intermediates/signing-ca.crt", sign_trust_add_intermediate);
    add(t, "hpki/crls/root.crl", sign_trust_add_crl);
    add(t, "hpki/crls/signing-ca.crl", sign_trust_add_crl);
    return t;
}

static void job_init(struct sign_job *job, int number, const char *letter)
{
    snprintf(m.uuid[number], sizeof m.uuid[number], "00000000-0000-4000-8000-%012d", number);
    *job = (struct sign_job){ .e = ERR_INIT };
    job->order = (struct sign_order){ .bundle = { letter, strlen(letter) }, .message_uuid = m.uuid[number], .time_ms = m.now, .profile = &sign_profile_default,
                                      .rules = &sign_rules_default, .trust = m.trust };
    sha256_of(letter, strlen(letter), &job->order.approved);
}

static void begin(void)
{
    struct buf certificate, key;
    if (fixture_pki(false) == NULL)
        SKIP("no openssl, or not run from the top of the source tree");
    m.now = time_wall_ms();
    CHECK((m.arena = arena_new(64 << 20)) != NULL);
    m.trust = new_trust(true);
    fixture_read("hpki/doctor-chain.crt", &certificate);
    fixture_read("hpki/doctor.key", &key);
    struct sign_signer_conf conf = { .certificate = buf_bytes(&certificate), .key = buf_bytes(&key) };
    CHECK_OK(sign_signer_open(&sign_signer_key_file, &conf, &m.signer, NULL));
    CHECK_OK(sign_sitting_begin(m.signer, NULL, 0, 0, &m.sitting, NULL));
    int dir = dir_open(AT_FDCWD, fixture_dir, NULL);
    unlinkat(dir, "ledger", 0);
    CHECK_OK(sign_ledger_open(dir, "ledger", &m.ledger, NULL));
    close(dir);
    buf_free(&certificate);
    buf_wipe_free(&key);
    for (int i = 0; i < LETTERS; i++)
        job_init(&m.job[i], i, letter_of(i));
}

static void end(void)
{
    sign_sitting_end(m.sitting);
    sign_signer_close(m.signer);
    sign_ledger_close(m.ledger);
    sign_trust_free(m.trust);
    arena_free(m.arena);
    m.arena = NULL;
}

/* Finishes a job; the message of its refusal, MSG_NONE when it was signed and the signature holds for its own letter. */
static enum msg_id finish(const struct sign_job *job)
{
    struct err e = ERR_INIT;
    struct buf out, plain;
    struct sign_report report;
    buf_init(&out, 1 << 20);
    buf_init(&plain, 1 << 20);
    int r = sign_job_finish(job, m.sitting, m.ledger, &out, &e);
    CHECK(r == 0 || out.len == 0);
    if (r == 0) {
        CHECK_OK(sign_verify_bundle(buf_bytes(&out), &sign_profile_default, m.trust, &sign_rules_default, m.now, m.arena, &report, NULL));
        CHECK_STR(sign_verdict_name(report.verdict), "total_passed");
        CHECK_OK(sign_unsplice(buf_bytes(&out), &plain, NULL));
        CHECK(plain.len == job->order.bundle.len && memcmp(plain.data, job->order.bundle.data, plain.len) == 0);
    }
    buf_free(&out);
    buf_free(&plain);
    return r == 0 ? MSG_NONE : e.msg;
}

TEST(letters_that_come_together_are_each_signed)
{
    begin();
    struct sha256 digest;
    sign_jobs_prepare(m.job, LETTERS, m.sitting, m.ledger, m.arena);
    CHECK_INT(sign_ledger_count(m.ledger), LETTERS);
    for (int i = 0; i < LETTERS; i++) {
        CHECK_INT(finish(&m.job[i]), MSG_NONE);
        CHECK_OK(sign_ledger_find(m.ledger, m.uuid[i], &digest));
        CHECK(memcmp(&digest, &m.job[i].order.approved, sizeof digest) == 0);
    }
    end();
}

TEST(one_bad_letter_holds_back_no_other)
{
    begin();
    m.job[1].order.approved.byte[0] ^= 1;                                /* not what was approved */
    job_init(&m.job[2], 2, "{\"resourceType\":\"Bundle\",\"type\":\"collection\"}");
    m.job[3].result = err_set(&m.job[3].e, ERR_IO, MSG_IO, NULL, "map", NULL);   /* given up by the caller */
    sign_jobs_prepare(m.job, LETTERS, m.sitting, m.ledger, m.arena);
    CHECK_INT(sign_ledger_count(m.ledger), 2);
    CHECK_INT(finish(&m.job[0]), MSG_NONE);
    CHECK_INT(finish(&m.job[1]), MSG_SIGN_APPROVAL);
    CHECK_INT(finish(&m.job[2]), MSG_SIGN_BUNDLE);
    CHECK_INT(finish(&m.job[3]), MSG_IO);
    CHECK_INT(finish(&m.job[4]), MSG_NONE);
    end();
}

TEST(one_letter_that_contradicts_the_ledger_holds_back_no_other)
{
    begin();
    struct sign_ledger_entry before = { m.uuid[1], { { 7 } } };
    CHECK_OK(sign_ledger_bind(m.ledger, &before, 1, NULL));
    m.job[4].order.message_uuid = m.uuid[3];                             /* two contents under one message */
    sign_jobs_prepare(m.job, LETTERS, m.sitting, m.ledger, m.arena);
    CHECK_INT(finish(&m.job[0]), MSG_NONE);
    CHECK_INT(finish(&m.job[1]), MSG_SIGN_LEDGER_OTHER);
    CHECK_INT(finish(&m.job[2]), MSG_NONE);
    CHECK_INT(finish(&m.job[3]), MSG_NONE);
    CHECK_INT(finish(&m.job[4]), MSG_SIGN_LEDGER_OTHER);
    end();
}

TEST(after_a_wrong_pin_nothing_that_waits_is_tried)
{
    begin();
    struct sign_signer *other = NULL;
    struct buf certificate, key;
    fixture_read("hpki/doctor-chain.crt", &certificate);
    fixture_read("hpki/pharmacist.key", &key);                           /* a key that does not fit: the first use fails */
    struct sign_signer_conf conf = { .certificate = buf_bytes(&certificate), .key = buf_bytes(&key) };
    sign_sitting_end(m.sitting);
    CHECK_OK(sign_signer_open(&sign_signer_key_file, &conf, &other, NULL));
    CHECK_OK(sign_sitting_begin(other, NULL, 0, 0, &m.sitting, NULL));
    sign_jobs_prepare(m.job, LETTERS, m.sitting, m.ledger, m.arena);
    CHECK_INT(finish(&m.job[0]), MSG_SIGN_KEY_FILE);
    for (int i = 1; i < LETTERS; i++)
        CHECK_INT(finish(&m.job[i]), MSG_SIGN_SITTING_OVER);
    sign_jobs_prepare(m.job, 1, m.sitting, m.ledger, m.arena);
    CHECK_INT(finish(&m.job[0]), MSG_SIGN_SITTING_OVER);
    buf_free(&certificate);
    buf_wipe_free(&key);
    sign_sitting_end(m.sitting);
    m.sitting = NULL;
    sign_signer_close(other);
    end();
}

/* ---- a trust that remembers ---- */

static struct sign_report judge(const char *person, const struct sign_trust *trust, int64_t at)
{
    struct sign_report report;
    struct buf b;
    char name[64];
    snprintf(name, sizeof name, "hpki/%s.crt", person);
    fixture_read(name, &b);
    CHECK_OK(sign_verify_certificate(buf_bytes(&b), trust, &sign_rules_default, at, &report, NULL));
    buf_free(&b);
    return report;
}

/* Whatever was asked before, the answer is that of a trust that remembers nothing. */
TEST(what_is_remembered_changes_no_verdict)
{
    static const char *const people[] = { "doctor", "dentist", "pharmacist", "authentication", "other-policy", "expired", "revoked", "doctor" };
    begin();
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < sizeof people / sizeof people[0]; i++)
            for (int year = 0; year < 7; year += 3) {
                int64_t at = m.now + (int64_t)year * 366 * 86400000;
                struct sign_trust *forgetful = new_trust(true);
                struct sign_report got = judge(people[i], m.trust, at), want = judge(people[i], forgetful, at);
                CHECK_INT(got.verdict, want.verdict);
                CHECK_INT(got.count, want.count);
                CHECK(memcmp(got.finding, want.finding, got.count * sizeof got.finding[0]) == 0);
                sign_trust_free(forgetful);
            }
    end();
}

static struct sign_report verify(struct bytes bundle, const struct sign_trust *trust, int64_t at)
{
    struct sign_report report;
    CHECK_OK(sign_verify_bundle(bundle, &sign_profile_default, trust, &sign_rules_default, at, m.arena, &report, NULL));
    return report;
}

TEST(a_new_anchor_or_list_counts_at_once)
{
    begin();
    struct sign_trust *t = sign_trust_new();
    struct buf out;
    buf_init(&out, 1 << 20);
    CHECK_OK(sign_bundle(&m.job[0].order, m.sitting, NULL, m.arena, &out, NULL));
    CHECK_STR(sign_verdict_name(verify(buf_bytes(&out), t, m.now).verdict), "indeterminate");
    add(t, "hpki/anchors/root.crt", sign_trust_add_anchor);
    CHECK_STR(sign_verdict_name(verify(buf_bytes(&out), t, m.now).verdict), "indeterminate");
    add(t, "hpki/crls/root.crl", sign_trust_add_crl);
    add(t, "hpki/crls/signing-ca.crl", sign_trust_add_crl);
    CHECK_STR(sign_verdict_name(verify(buf_bytes(&out), t, m.now).verdict), "total_passed");
    CHECK_STR(sign_verdict_name(verify(buf_bytes(&out), t, m.now).verdict), "total_passed");
    buf_free(&out);
    sign_trust_free(t);
    end();
}

/* The end of a certificate lies inside the second for which its path is remembered. */
TEST(a_certificate_ends_to_the_millisecond)
{
    begin();
    int64_t last = judge("doctor", m.trust, m.now).certificate.not_after_ms;
    struct buf out;
    buf_init(&out, 1 << 20);
    CHECK_OK(sign_bundle(&m.job[0].order, m.sitting, NULL, m.arena, &out, NULL));
    for (int i = 0; i < 4; i++) {
        struct sign_report r = verify(buf_bytes(&out), m.trust, last + i % 2);
        bool expired = false;
        for (size_t k = 0; k < r.count; k++)
            expired |= r.finding[k].msg == MSG_VERIFY_EXPIRED;
        CHECK_INT(expired, i % 2);
    }
    buf_free(&out);
    end();
}

TEST_MAIN()
