/*
 * sign_hpki_test.c - real certificates and revocation lists of the Japanese health care PKI (test holders), at a time when they were valid.
 * They stand outside the source tree: CLINSGW_SHARED, default ../shared. Skipped without them.
 */
#include "base/timefmt.h"
#include "sign/sign.h"
#include "tests/unit/sign_fixture.h"

static const int64_t then_ms = INT64_C(1662508800000);   /* 2022-09-07T00:00:00Z */

static void read_shared(const char *name, struct buf *ret)
{
    const char *shared = getenv("CLINSGW_SHARED");
    char path[512];
    snprintf(path, sizeof path, "%s/samples/hpki-test/%s", shared != NULL ? shared : "../shared", name);
    buf_init(ret, 1 << 20);
    if (access(path, R_OK) != 0)
        SKIP("no CLINSGW_SHARED/samples/hpki-test");
    CHECK_OK(file_read(AT_FDCWD, path, 1 << 20, ret, NULL));
}

typedef int (*add_function)(struct sign_trust *, struct bytes, struct err *);

static void add(struct sign_trust *t, const char *name, add_function function)
{
    struct buf b;
    read_shared(name, &b);
    int r = function(t, buf_bytes(&b), NULL);
    buf_free(&b);
    CHECK_OK(r);
}

static struct sign_trust *trust_with(const char *const *crls)
{
    struct buf probe;
    read_shared("mhlw-root.crt", &probe);   /* skips before anything is held */
    buf_free(&probe);
    struct sign_trust *t = sign_trust_new();
    CHECK(t != NULL);
    add(t, "mhlw-root.crt", sign_trust_add_anchor);
    add(t, "medis-sign-ca2.crt", sign_trust_add_intermediate);
    add(t, "jma-sign-ca.crt", sign_trust_add_intermediate);
    for (; *crls != NULL; crls++)
        add(t, *crls, sign_trust_add_crl);
    return t;
}

static const char *const all_crls[] = { "mhlw-2022-09-05.crl", "medis-2022-09-06.crl", "jma-2022-09-05.crl", NULL };
static const char *const no_crls[] = { NULL };

static struct sign_report judge(const char *name, const struct sign_trust *trust, int64_t time_ms)
{
    struct sign_report r;
    struct buf b;
    read_shared(name, &b);
    int code = sign_verify_certificate(buf_bytes(&b), trust, &sign_rules_default, time_ms, &r, NULL);
    buf_free(&b);
    CHECK_OK(code);
    return r;
}

static bool found(const struct sign_report *r, enum msg_id msg)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->finding[i].msg == msg)
            return true;
    return false;
}

TEST(hpki_doctor_passes_with_the_lists_of_the_day)
{
    struct sign_trust *t = trust_with(all_crls);
    struct sign_report r = judge("ee-medis-2022a.crt", t, then_ms);
    for (size_t i = 0; i < r.count; i++)
        printf("     %s %s\n", msg_get(r.finding[i].msg)->code, r.finding[i].arg[0]);
    CHECK_STR(sign_verdict_name(r.verdict), "total_passed");
    CHECK_STR(r.certificate.role[0], "Medical Doctor");
    CHECK_STR(r.certificate.subject, "Sanjushi Kagurazaka");
    CHECK_STR(r.certificate.name_ja, "神楽坂　三十四");
    CHECK_STR(r.certificate.issuer, "HPKI-01-MedisSignCA2-forNonRepudiation");
    CHECK_STR(r.certificate.serial, "015E");
    CHECK_STR(r.certificate.subject_serial, "Test117120");
    CHECK(r.certificate.non_repudiation_only);
    sign_trust_free(t);
}

TEST(hpki_pharmacists_are_told_apart)
{
    static const char *const names[] = { "ee-medis-2022b.crt", "ee-jpa-2022.crt" };
    struct sign_trust *t = trust_with(all_crls);
    for (size_t i = 0; i < 2; i++) {
        struct sign_report r = judge(names[i], t, then_ms);
        CHECK_STR(sign_verdict_name(r.verdict), "total_failed");
        CHECK(found(&r, MSG_VERIFY_ROLE));
        CHECK_INT(r.count, 1);
        CHECK_STR(r.finding[0].arg[0], "Pharmacist");
    }
    sign_trust_free(t);
}

TEST(hpki_second_authority)
{
    struct sign_trust *t = trust_with(all_crls);
    struct sign_report r = judge("ee-jma-2022.crt", t, then_ms);
    CHECK(!found(&r, MSG_VERIFY_CHAIN) && !found(&r, MSG_VERIFY_NO_CRL) && !found(&r, MSG_VERIFY_CRL_OLD) && !found(&r, MSG_VERIFY_POLICY));
    CHECK(r.certificate.roles > 0);
    sign_trust_free(t);
}

TEST(hpki_expired_certificate)
{
    struct sign_trust *t = trust_with(all_crls);
    struct sign_report r = judge("ee-medis-2017.crt", t, then_ms);
    CHECK(found(&r, MSG_VERIFY_EXPIRED));
    CHECK(r.verdict >= SIGN_INDETERMINATE);
    sign_trust_free(t);
}

TEST(hpki_revocation_must_be_known)
{
    struct sign_trust *t = trust_with(no_crls);
    struct sign_report r = judge("ee-medis-2022a.crt", t, then_ms);
    CHECK_STR(sign_verdict_name(r.verdict), "indeterminate");
    CHECK(found(&r, MSG_VERIFY_NO_CRL));
    sign_trust_free(t);
    t = trust_with(all_crls);
    r = judge("ee-medis-2022a.crt", t, then_ms + INT64_C(30) * 86400000);
    CHECK_STR(sign_verdict_name(r.verdict), "indeterminate");
    CHECK(found(&r, MSG_VERIFY_CRL_OLD));
    CHECK(sign_trust_crl_end_ms(t) > then_ms && sign_trust_crl_end_ms(t) < then_ms + INT64_C(4) * 86400000);
    sign_trust_free(t);
}

TEST(hpki_authorities_are_no_signers)
{
    struct sign_trust *t = trust_with(all_crls);
    struct sign_report r = judge("medis-sign-ca2.crt", t, then_ms);
    CHECK_STR(sign_verdict_name(r.verdict), "total_failed");
    CHECK(found(&r, MSG_VERIFY_KEY_USAGE) && found(&r, MSG_VERIFY_POLICY) && found(&r, MSG_VERIFY_ROLE));
    sign_trust_free(t);
}

TEST(hpki_stranger_is_undecided)
{
    struct sign_trust *t = trust_with(no_crls), *empty = sign_trust_new();
    struct sign_rules rules = sign_rules_default;
    struct sign_report r;
    struct buf b;
    rules.check_revocation = false;
    read_shared("ee-medis-2022a.crt", &b);
    CHECK_OK(sign_verify_certificate(buf_bytes(&b), empty, &rules, then_ms, &r, NULL));
    CHECK_STR(sign_verdict_name(r.verdict), "indeterminate");
    CHECK(found(&r, MSG_VERIFY_CHAIN));
    CHECK_OK(sign_verify_certificate(buf_bytes(&b), t, &rules, then_ms, &r, NULL));
    CHECK_STR(sign_verdict_name(r.verdict), "total_passed");
    buf_free(&b);
    sign_trust_free(t);
    sign_trust_free(empty);
}

TEST_MAIN()
