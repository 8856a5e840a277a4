/*
 * sign_bundle_test.c - a letter signed with the demonstration keys, and every way in which a signature can be wrong.
 *
 * With CLINSGW_SIGN_OUT=FOLDER the signed parts are also left there, for tests/conformance/dss_test.py.
 */
#include "base/timefmt.h"
#include "sign/sign.h"
#include "tests/unit/sign_fixture.h"

#define DOCTOR "urn:uuid:3e6a0ba2-d781-4fd7-9de6-e077b690daed"
#define OTHER "urn:uuid:f11535c2-043d-43b6-bf99-b8298ea3c946"
#define ORGANIZATION "urn:uuid:8a888471-9781-4fb7-b5c4-b34afcdea638"

static const char letter[] =
    "{\n  \"resourceType\": \"Bundle\", \"id\": \"letter-1\",\n  \"meta\": {\"profile\": [\"http://example.org/x\"]},\n  \"type\": \"document\",\n"
    "  \"timestamp\": \"2026-11-21T09:30:05.123+09:00\",\n  \"entry\": [\n"
    "    {\"fullUrl\": \"urn:uuid:00000000-0000-4000-8000-000000000001\", \"resource\": {\"resourceType\": \"Composition\", \"title\": \"診療情報提供書 😀\",\n"
    "      \"author\": [{\"reference\": \"" DOCTOR "\"}, {\"reference\": \"" ORGANIZATION "\"}], \"x\": [1.50, 1e2, \"\\u0022\\/\"]}},\n"
    "    {\"fullUrl\": \"" DOCTOR "\", \"resource\": {\"resourceType\": \"Practitioner\", \"name\": [{\"text\": \"山田 太郎\", \"family\": \"山田\", \"given\": [\"太郎\"]}]}},\n"
    "    {\"fullUrl\": \"" OTHER "\", \"resource\": {\"resourceType\": \"Practitioner\", \"name\": [{\"text\": \"宛先 医師\"}]}},\n"
    "    {\"fullUrl\": \"" ORGANIZATION "\", \"resource\": {\"resourceType\": \"Organization\"}}\n  ]\n} \n";

static const char uuid[] = "00000000-0000-4000-8000-0000000000aa";

/* One world for all tests of this program, made by the first. */
static struct {
    struct sign_trust *trust;
    int64_t now;
    struct arena *arena;
    struct buf signed_letter;
} w;

static struct bytes text_bytes(const char *text) { return (struct bytes){ text, strlen(text) }; }

static void add(struct sign_trust *t, const char *name, int (*function)(struct sign_trust *, struct bytes, struct err *))
{
    struct buf b;
    fixture_read(name, &b);
    CHECK_OK(function(t, buf_bytes(&b), NULL));
    buf_free(&b);
}

static struct sign_trust *new_trust(bool anchor, bool crls)
{
    struct sign_trust *t = sign_trust_new();
    CHECK(t != NULL);
    if (anchor)
        add(t, "hpki/anchors/root.crt", sign_trust_add_anchor);
    add(t, "hpki/intermediates/signing-ca.crt", sign_trust_add_intermediate);
    if (crls) {
        add(t, "hpki/crls/root.crl", sign_trust_add_crl);
        add(t, "hpki/crls/signing-ca.crl", sign_trust_add_crl);
    }
    return t;
}

static struct sign_sitting *sit(const char *person, struct sign_signer **ret_signer)
{
    struct sign_sitting *sitting = NULL;
    struct buf certificate, key;
    char name[64];
    snprintf(name, sizeof name, "hpki/%s.crt", person);
    fixture_read(name, &certificate);
    snprintf(name, sizeof name, "hpki/%s.key", person);
    fixture_read(name, &key);
    struct sign_signer_conf conf = { .certificate = buf_bytes(&certificate), .key = buf_bytes(&key) };
    CHECK_OK(sign_signer_open(&sign_signer_key_file, &conf, ret_signer, NULL));
    CHECK(sign_signer_ops_get(*ret_signer)->for_tests);
    CHECK_OK(sign_sitting_begin(*ret_signer, NULL, 0, SIGN_ATTENDED, &sitting, NULL));
    buf_free(&certificate);
    buf_wipe_free(&key);
    return sitting;
}

static struct sign_order order_of(const char *bundle)
{
    struct sign_order o = { .bundle = text_bytes(bundle), .message_uuid = uuid, .author = DOCTOR, .time_ms = w.now, .profile = &sign_profile_default,
        .rules = &sign_rules_default, .trust = w.trust };
    sha256_of(bundle, strlen(bundle), &o.approved);
    return o;
}

static int sign_as(const char *person, const struct sign_order *o, struct buf *out, struct err *e)
{
    struct sign_signer *signer = NULL;
    struct sign_sitting *sitting = sit(person, &signer);
    int r = sign_bundle(o, sitting, NULL, w.arena, out, e);
    sign_sitting_end(sitting);
    sign_signer_close(signer);
    return r;
}

static void leave_world(void)
{
    buf_free(&w.signed_letter);
    sign_trust_free(w.trust);
    arena_free(w.arena);
}

static void world(void)
{
    if (fixture_pki(false) == NULL)
        SKIP("no openssl, or not run from the top of the source tree");
    if (w.arena != NULL)
        return;
    w.now = time_wall_ms();
    CHECK((w.arena = arena_new(64 << 20)) != NULL);
    w.trust = new_trust(true, true);
    buf_init(&w.signed_letter, 1 << 20);
    atexit(leave_world);
    struct sign_order o = order_of(letter);
    struct err e = ERR_INIT;
    CHECK_OK(sign_as("doctor", &o, &w.signed_letter, &e));
}

static struct sign_report verify_at(struct bytes bundle, const struct sign_trust *trust, int64_t time_ms)
{
    struct sign_report report;
    CHECK_OK(sign_verify_bundle(bundle, &sign_profile_default, trust, &sign_rules_default, time_ms, w.arena, &report, NULL));
    return report;
}

static bool found(const struct sign_report *report, enum msg_id msg)
{
    for (size_t i = 0; i < report->count; i++)
        if (report->finding[i].msg == msg)
            return true;
    return false;
}

#define CHECK_VERDICT(report, want, msg) do { CHECK_STR(sign_verdict_name((report).verdict), sign_verdict_name(want)); CHECK(found(&(report), (msg))); } while (0)

/* Copy of text with the first occurrence of one string replaced by another of any length. */
static const char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    CHECK(at != NULL);
    char *r = arena_printf(w.arena, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    CHECK(r != NULL);
    return r;
}

static const char *signed_text(void) { return w.signed_letter.data; }

/* ---- signing ---- */

TEST(splice_keeps_every_byte)
{
    world();
    struct buf b;
    size_t brace = (size_t)(strrchr(letter, '}') - letter);
    CHECK(memcmp(signed_text(), letter, brace) == 0);
    CHECK(strncmp(signed_text() + brace, ",\"signature\":{", 14) == 0);
    CHECK_STR(signed_text() + w.signed_letter.len - 3, "} \n");
    buf_init(&b, 1 << 20);
    CHECK_OK(sign_unsplice(buf_bytes(&w.signed_letter), &b, NULL));
    CHECK_STR(b.data, letter);
    buf_reset(&b);
    CHECK_ERR(sign_unsplice(text_bytes(letter), &b, NULL), ERR_NOTFOUND);
    CHECK_ERR(sign_unsplice(text_bytes("{\"signature\":{}}"), &b, NULL), ERR_INVALID);
    struct sha256 digest, want;
    const struct json_node *root;
    CHECK_OK(json_parse(w.signed_letter.data, w.signed_letter.len, NULL, w.arena, &root, NULL));
    CHECK_OK(sign_unsplice_digest(buf_bytes(&w.signed_letter), root, &digest, NULL));
    sha256_of(letter, strlen(letter), &want);
    CHECK(memcmp(&digest, &want, sizeof want) == 0);
    CHECK_OK(json_parse(letter, strlen(letter), NULL, w.arena, &root, NULL));
    CHECK_ERR(sign_unsplice_digest(text_bytes(letter), root, &digest, NULL), ERR_NOTFOUND);
    buf_free(&b);
}

TEST(fresh_signature_passes)
{
    world();
    struct sign_report r = verify_at(buf_bytes(&w.signed_letter), w.trust, w.now);
    for (size_t i = 0; i < r.count; i++)
        printf("     %s %s %s\n", msg_get(r.finding[i].msg)->code, r.finding[i].arg[0], r.finding[i].arg[1]);
    CHECK_STR(sign_verdict_name(r.verdict), "total_passed");
    CHECK_INT(r.count, 0);
    CHECK(r.has_certificate);
    CHECK_STR(r.certificate.subject, "Taro Yamada");
    CHECK_STR(r.certificate.name_ja, "山田　太郎");
    CHECK_STR(r.certificate.subject_serial, "Demo000001");
    CHECK_STR(r.certificate.issuer, "HPKI-01-DemoSignCA-forNonRepudiation");
    CHECK_INT(r.certificate.roles, 1);
    CHECK_STR(r.certificate.role[0], "Medical Doctor");
    CHECK(r.certificate.non_repudiation_only);
    CHECK_INT(r.when_ms, w.now);
    CHECK_INT(r.iat_ms, w.now / 1000 * 1000);
}

TEST(signature_element_is_as_the_profile_says)
{
    world();
    char when[TIME_TEXT_MAX];
    time_format_jst_ms(w.now, when);
    const char *span = strstr(signed_text(), ",\"signature\":");
    CHECK(strstr(span, "\"type\":[{\"system\":\"urn:iso-astm:E1762-95:2013\",\"code\":\"1.2.840.10065.1.12.1.1\"}]") != NULL);
    CHECK(strstr(span, when) != NULL);
    CHECK(strstr(span, "\"who\":{\"reference\":\"" DOCTOR "\"}") != NULL);
    CHECK(strstr(span, "\"sigFormat\":\"application/jose\"") != NULL);
    CHECK(strlen(span) < SIGN_SPLICE_MAX);
}

TEST(when_in_utc_is_a_profile_value)
{
    world();
    struct sign_profile profile = sign_profile_default;
    struct buf out;
    char when[TIME_TEXT_MAX];
    buf_init(&out, 1 << 20);
    profile.when = SIGN_WHEN_UTC_S;
    struct sign_order o = order_of(letter);
    o.profile = &profile;
    CHECK_OK(sign_as("doctor", &o, &out, NULL));
    time_format_utc(w.now, when);
    CHECK(strstr(out.data, when) != NULL);
    struct sign_report r = verify_at(buf_bytes(&out), w.trust, w.now);
    CHECK_STR(sign_verdict_name(r.verdict), "total_passed");
    buf_free(&out);
}

TEST(dentist_may_sign_too)
{
    world();
    struct buf out;
    buf_init(&out, 1 << 20);
    struct sign_order o = order_of(letter);
    CHECK_OK(sign_as("dentist", &o, &out, NULL));
    struct sign_report r = verify_at(buf_bytes(&out), w.trust, w.now);
    CHECK_VERDICT(r, SIGN_TOTAL_PASSED, MSG_VERIFY_NAME);
    buf_free(&out);
}

TEST(wrong_certificates_never_sign)
{
    static const struct { const char *person; enum msg_id msg; enum sign_wait wait; } table[] = {
        { "pharmacist", MSG_SIGN_CERT_KIND, SIGN_WAIT_CERTIFICATE }, { "authentication", MSG_SIGN_CERT_KIND, SIGN_WAIT_CERTIFICATE },
        { "other-policy", MSG_SIGN_CERT_KIND, SIGN_WAIT_CERTIFICATE }, { "expired", MSG_SIGN_CERT_ENDED, SIGN_WAIT_CERTIFICATE },
        { "revoked", MSG_SIGN_CERT_REVOKED, SIGN_WAIT_CERTIFICATE },
    };
    world();
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct err e = ERR_INIT;
        struct buf out;
        buf_init(&out, 1 << 20);
        struct sign_order o = order_of(letter);
        CHECK(sign_as(table[i].person, &o, &out, &e) < 0);
        CHECK_INT(e.msg, table[i].msg);
        CHECK_INT(sign_wait_of(&e), table[i].wait);
        CHECK_INT(out.len, 0);
        buf_free(&out);
    }
}

static enum msg_id refusal(const struct sign_order *o)
{
    struct err e = ERR_INIT;
    struct buf out;
    buf_init(&out, 1 << 20);
    int r = sign_as("doctor", o, &out, &e);
    CHECK(r < 0 && out.len == 0);
    CHECK_INT(sign_wait_of(&e), SIGN_WAIT_NONE);
    buf_free(&out);
    return e.msg;
}

TEST(only_the_approved_bytes_are_signed)
{
    world();
    struct sign_order o = order_of(letter);
    o.approved.byte[31] ^= 1;
    CHECK_INT(refusal(&o), MSG_SIGN_APPROVAL);
}

TEST(only_an_author_signs)
{
    world();
    struct sign_order o = order_of(letter);
    o.author = OTHER;
    CHECK_INT(refusal(&o), MSG_SIGN_AUTHOR);
    o.author = ORGANIZATION;
    CHECK_INT(refusal(&o), MSG_SIGN_AUTHOR);
    o.author = "urn:uuid:00000000-0000-4000-8000-000000000001";
    CHECK_INT(refusal(&o), MSG_SIGN_AUTHOR);
    o.author = "";
    CHECK_INT(refusal(&o), MSG_SIGN_AUTHOR);
}

TEST(the_only_author_need_not_be_named)
{
    world();
    struct buf out;
    struct sign_order o = order_of(letter);
    o.author = NULL;
    buf_init(&out, 1 << 20);
    CHECK_OK(sign_as("doctor", &o, &out, NULL));
    CHECK(strstr(out.data, "\"who\":{\"reference\":\"" DOCTOR "\"}") != NULL);
    buf_free(&out);
    o = order_of(replaced(letter, "{\"reference\": \"" ORGANIZATION "\"}]", "{\"reference\": \"" OTHER "\"}]"));
    o.author = NULL;
    CHECK_INT(refusal(&o), MSG_SIGN_AUTHOR);
}

TEST(what_is_no_fresh_document_is_refused)
{
    world();
    struct sign_order o = order_of(signed_text());
    CHECK_INT(refusal(&o), MSG_SIGN_ALREADY);
    o = order_of(replaced(letter, "\"document\"", "\"collection\""));
    CHECK_INT(refusal(&o), MSG_SIGN_BUNDLE);
    o = order_of("[]");
    CHECK_INT(refusal(&o), MSG_SIGN_BUNDLE);
    o = order_of(replaced(letter, "1.50", "1e999"));
    CHECK_INT(refusal(&o), MSG_SIGN_BUNDLE);
}

TEST(ledger_stands_before_the_key)
{
    world();
    struct sign_ledger *ledger = NULL;
    struct sign_signer *signer = NULL;
    struct err e = ERR_INIT;
    struct buf out;
    int dir = dir_open(AT_FDCWD, fixture_dir, NULL);
    CHECK_OK(sign_ledger_open(dir, "ledger", &ledger, NULL));
    struct sign_sitting *sitting = sit("doctor", &signer);
    buf_init(&out, 1 << 20);
    struct sign_order o = order_of(letter), other = order_of(replaced(letter, "1.50", "1.51"));
    CHECK_OK(sign_bundle(&o, sitting, ledger, w.arena, &out, NULL));
    buf_reset(&out);
    o.time_ms += 3600 * 1000;
    CHECK_OK(sign_bundle(&o, sitting, ledger, w.arena, &out, NULL));
    buf_reset(&out);
    CHECK_ERR(sign_bundle(&other, sitting, ledger, w.arena, &out, &e), ERR_EXISTS);
    CHECK_INT(e.msg, MSG_SIGN_LEDGER_OTHER);
    CHECK_INT(out.len, 0);
    CHECK(sign_sitting_alive(sitting));
    sign_sitting_end(sitting);
    sign_signer_close(signer);
    sign_ledger_close(ledger);
    buf_free(&out);
    close(dir);
}

TEST(a_wrong_pin_ends_the_sitting)
{
    world();
    struct buf certificate, key;
    struct sign_signer *signer = NULL;
    struct sign_sitting *sitting = NULL;
    struct sign_ledger *ledger = NULL;
    struct err e = ERR_INIT;
    struct buf out;
    char in[300], to[300], pin[] = "wrong1", good[] = "secret1";
    int dir = dir_open(AT_FDCWD, fixture_dir, NULL);
    snprintf(in, sizeof in, "%s/hpki/doctor.key", fixture_dir);
    snprintf(to, sizeof to, "%s/locked.key", fixture_dir);
    const char *argv[] = { "openssl", "pkcs8", "-topk8", "-passout", "pass:secret1", "-in", in, "-out", to, NULL };
    CHECK_INT(fixture_run(argv, false), 0);
    fixture_read("hpki/doctor-chain.crt", &certificate);
    fixture_read("locked.key", &key);
    struct sign_signer_conf conf = { .certificate = buf_bytes(&certificate), .key = buf_bytes(&key) };
    CHECK_OK(sign_signer_open(&sign_signer_key_file, &conf, &signer, NULL));
    CHECK_OK(sign_ledger_open(dir, "pin-ledger", &ledger, NULL));
    buf_init(&out, 1 << 20);
    struct sign_order o = order_of(letter);
    /* unattended: tried once, then never again, not even by a new sitting with the same credential */
    CHECK_OK(sign_sitting_begin(signer, pin, strlen(pin), 0, &sitting, NULL));
    CHECK(pin[0] == '\0' && pin[5] == '\0');
    CHECK_ERR(sign_bundle(&o, sitting, ledger, w.arena, &out, &e), ERR_DENIED);
    CHECK_INT(e.msg, MSG_SIGN_PIN_WRONG);
    CHECK_INT(sign_wait_of(&e), SIGN_WAIT_PIN);
    CHECK(!sign_sitting_alive(sitting));
    CHECK_ERR(sign_bundle(&o, sitting, ledger, w.arena, &out, &e), ERR_NOT_NOW);
    CHECK_INT(e.msg, MSG_SIGN_SITTING_OVER);
    sitting = sign_sitting_end(sitting);
    memcpy(pin, "wrong1", sizeof pin);
    CHECK_OK(sign_sitting_begin(signer, pin, strlen(pin), 0, &sitting, NULL));
    CHECK_ERR(sign_bundle(&o, sitting, ledger, w.arena, &out, &e), ERR_DENIED);
    CHECK_INT(e.msg, MSG_SIGN_PIN_LOW);
    sitting = sign_sitting_end(sitting);
    /* a person may */
    CHECK_OK(sign_sitting_begin(signer, good, strlen(good), SIGN_ATTENDED, &sitting, NULL));
    CHECK_OK(sign_bundle(&o, sitting, ledger, w.arena, &out, &e));
    sign_sitting_end(sitting);
    struct sign_cert_facts facts;
    CHECK_OK(sign_cert_read(conf.certificate, &facts, NULL));
    CHECK(!sign_ledger_pin_refused(ledger, &facts.fingerprint));
    sign_ledger_close(ledger);
    sign_signer_close(signer);
    buf_free(&out);
    buf_free(&certificate);
    buf_free(&key);
    close(dir);
}

TEST(a_slip_of_the_finger_never_reaches_the_card)
{
    static const char *const slips[] = { "123", "12345678901234567", "12 45", "１２３４" };
    world();
    struct sign_signer *signer = NULL;
    struct sign_sitting *sitting = sit("doctor", &signer), *none = NULL;
    for (size_t i = 0; i < sizeof slips / sizeof slips[0]; i++) {
        char pin[64];
        size_t len = strlen(slips[i]);
        struct err e = ERR_INIT;
        memcpy(pin, slips[i], len);
        CHECK_ERR(sign_sitting_begin(signer, pin, len, SIGN_ATTENDED, &none, &e), ERR_INVALID);
        CHECK_INT(e.msg, MSG_SIGN_PIN_FORM);
        CHECK(none == NULL && pin[0] == '\0' && pin[len - 1] == '\0');
    }
    sign_sitting_end(sitting);
    sign_signer_close(signer);
}

TEST(key_file_must_fit_its_certificate)
{
    world();
    struct buf certificate, key, out;
    struct sign_signer *signer = NULL;
    struct sign_sitting *sitting = NULL;
    struct err e = ERR_INIT;
    fixture_read("hpki/doctor.crt", &certificate);
    fixture_read("hpki/pharmacist.key", &key);
    struct sign_signer_conf conf = { .certificate = buf_bytes(&certificate), .key = buf_bytes(&key) };
    CHECK_OK(sign_signer_open(&sign_signer_key_file, &conf, &signer, NULL));
    CHECK_OK(sign_sitting_begin(signer, NULL, 0, 0, &sitting, NULL));
    buf_init(&out, 1 << 20);
    struct sign_order o = order_of(letter);
    CHECK(sign_bundle(&o, sitting, NULL, w.arena, &out, &e) < 0);
    CHECK_INT(e.msg, MSG_SIGN_KEY_FILE);
    sign_sitting_end(sitting);
    sign_signer_close(signer);
    signer = NULL;
    conf.certificate = text_bytes("no certificate");
    CHECK_ERR(sign_signer_open(&sign_signer_key_file, &conf, &signer, NULL), ERR_SYNTAX);
    conf = (struct sign_signer_conf){ .certificate = buf_bytes(&certificate) };
    CHECK_ERR(sign_signer_open(&sign_signer_key_file, &conf, &signer, NULL), ERR_SYNTAX);
    buf_free(&certificate);
    buf_free(&key);
    buf_free(&out);
}

/* ---- verification: content ---- */

TEST(changed_content_fails)
{
    world();
    struct sign_report r = verify_at(text_bytes(replaced(signed_text(), "1.50", "1.51")), w.trust, w.now);
    CHECK_VERDICT(r, SIGN_TOTAL_FAILED, MSG_VERIFY_SIGNATURE);
    r = verify_at(text_bytes(replaced(signed_text(), "\"family\"", "\"familx\"")), w.trust, w.now);
    CHECK_VERDICT(r, SIGN_TOTAL_FAILED, MSG_VERIFY_SIGNATURE);
    r = verify_at(text_bytes(replaced(signed_text(), "\"type\": \"document\",", "\"type\": \"document\", \"language\": \"ja\",")), w.trust, w.now);
    CHECK_VERDICT(r, SIGN_TOTAL_FAILED, MSG_VERIFY_SIGNATURE);
}

TEST(what_the_canonical_form_leaves_out_may_change)
{
    world();
    struct sign_report r = verify_at(text_bytes(replaced(signed_text(), "letter-1", "letter-2")), w.trust, w.now);
    CHECK_STR(sign_verdict_name(r.verdict), "total_passed");
    r = verify_at(text_bytes(replaced(signed_text(), "1.50", "1.5 ")), w.trust, w.now);
    CHECK_STR(sign_verdict_name(r.verdict), "total_passed");
}

TEST(unsigned_and_unreadable_are_verdicts)
{
    world();
    struct sign_report r = verify_at(text_bytes(letter), w.trust, w.now);
    CHECK_VERDICT(r, SIGN_UNSIGNED, MSG_VERIFY_UNSIGNED);
    r = verify_at(text_bytes("{\"a\":1,\"a\":1}"), w.trust, w.now);
    CHECK_VERDICT(r, SIGN_TOTAL_FAILED, MSG_VERIFY_JSON);
    r = verify_at(text_bytes("[]"), w.trust, w.now);
    CHECK_VERDICT(r, SIGN_TOTAL_FAILED, MSG_VERIFY_JSON);
    r = verify_at(text_bytes("{\"signature\":null}"), w.trust, w.now);
    CHECK_VERDICT(r, SIGN_TOTAL_FAILED, MSG_VERIFY_FORM);
    r = verify_at(text_bytes("{\"signature\":{\"data\":\"Li4=\"}}"), w.trust, w.now);
    CHECK_VERDICT(r, SIGN_TOTAL_FAILED, MSG_VERIFY_FORM);
}

TEST(element_around_the_signature_is_checked)
{
    char when[TIME_TEXT_MAX], other[TIME_TEXT_MAX];
    world();
    time_format_jst_ms(w.now, when);
    time_format_jst_ms(w.now + 1000, other);
    struct sign_report r = verify_at(text_bytes(replaced(signed_text(), when, other)), w.trust, w.now);
    CHECK_VERDICT(r, SIGN_TOTAL_FAILED, MSG_VERIFY_WHEN);
    r = verify_at(text_bytes(replaced(signed_text(), when, "2026-11-21")), w.trust, w.now);
    CHECK_VERDICT(r, SIGN_TOTAL_FAILED, MSG_VERIFY_FORM);
    r = verify_at(text_bytes(replaced(signed_text(), "\"who\":{\"reference\":\"" DOCTOR, "\"who\":{\"reference\":\"" OTHER)), w.trust, w.now);
    CHECK_VERDICT(r, SIGN_TOTAL_FAILED, MSG_VERIFY_WHO);
    r = verify_at(text_bytes(replaced(signed_text(), "1.2.840.10065.1.12.1.1", "1.2.840.10065.1.12.1.5")), w.trust, w.now);
    CHECK_VERDICT(r, SIGN_TOTAL_FAILED, MSG_VERIFY_FORM);
}

/* ---- verification: trust and time ---- */

TEST(missing_trust_is_undecided)
{
    world();
    struct sign_trust *no_anchor = new_trust(false, true), *no_crl = new_trust(true, false);
    struct sign_report r = verify_at(buf_bytes(&w.signed_letter), no_anchor, w.now);
    CHECK_VERDICT(r, SIGN_INDETERMINATE, MSG_VERIFY_CHAIN);
    r = verify_at(buf_bytes(&w.signed_letter), NULL, w.now);
    CHECK_VERDICT(r, SIGN_INDETERMINATE, MSG_VERIFY_CHAIN);
    r = verify_at(buf_bytes(&w.signed_letter), no_crl, w.now);
    CHECK_VERDICT(r, SIGN_INDETERMINATE, MSG_VERIFY_NO_CRL);
    CHECK_INT(sign_trust_crl_end_ms(no_crl), INT64_MAX);
    CHECK(sign_trust_crl_end_ms(w.trust) > w.now + INT64_C(29) * 86400000);
    struct sign_rules rules = sign_rules_default;
    rules.check_revocation = false;
    CHECK_OK(sign_verify_bundle(buf_bytes(&w.signed_letter), &sign_profile_default, no_crl, &rules, w.now, w.arena, &r, NULL));
    CHECK_STR(sign_verdict_name(r.verdict), "total_passed");
    sign_trust_free(no_anchor);
    sign_trust_free(no_crl);
}

TEST(time_matters)
{
    world();
    const int64_t day = 86400000;
    struct sign_report r = verify_at(buf_bytes(&w.signed_letter), w.trust, w.now + 40 * day);
    CHECK_VERDICT(r, SIGN_INDETERMINATE, MSG_VERIFY_CRL_OLD);
    r = verify_at(buf_bytes(&w.signed_letter), w.trust, w.now + 6 * 366 * day);
    CHECK_VERDICT(r, SIGN_INDETERMINATE, MSG_VERIFY_EXPIRED);
    r = verify_at(buf_bytes(&w.signed_letter), w.trust, w.now - 10 * 60 * 1000);
    CHECK_VERDICT(r, SIGN_TOTAL_FAILED, MSG_VERIFY_TIME);
    r = verify_at(buf_bytes(&w.signed_letter), w.trust, w.now - 4 * 60 * 1000);
    CHECK(!found(&r, MSG_VERIFY_TIME));
}

TEST(certificates_are_judged_alone_too)
{
    static const struct { const char *name; enum sign_verdict verdict; enum msg_id msg; } table[] = {
        { "pharmacist", SIGN_TOTAL_FAILED, MSG_VERIFY_ROLE }, { "authentication", SIGN_TOTAL_FAILED, MSG_VERIFY_KEY_USAGE },
        { "other-policy", SIGN_TOTAL_FAILED, MSG_VERIFY_POLICY }, { "expired", SIGN_INDETERMINATE, MSG_VERIFY_EXPIRED },
        { "revoked", SIGN_TOTAL_FAILED, MSG_VERIFY_REVOKED }, { "intermediates/signing-ca", SIGN_TOTAL_FAILED, MSG_VERIFY_KEY_USAGE },
    };
    world();
    struct sign_report r;
    struct buf b;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "hpki/%s.crt", table[i].name);
        fixture_read(name, &b);
        CHECK_OK(sign_verify_certificate(buf_bytes(&b), w.trust, &sign_rules_default, w.now, &r, NULL));
        buf_free(&b);
        CHECK_VERDICT(r, table[i].verdict, table[i].msg);
    }
    CHECK_ERR(sign_verify_certificate(text_bytes("x"), w.trust, &sign_rules_default, w.now, &r, NULL), ERR_SYNTAX);
    CHECK_ERR(sign_trust_add_anchor(w.trust, text_bytes("-----BEGIN CERTIFICATE-----\n"), NULL), ERR_SYNTAX);
    CHECK_ERR(sign_trust_add_crl(w.trust, text_bytes(""), NULL), ERR_SYNTAX);
}

/* ---- verification: forged headers, each signed with the real key ---- */

/* The header of the good signature as text. */
static const char *good_header(void)
{
    struct buf jws, header;
    buf_init(&jws, 1 << 16);
    buf_init(&header, 1 << 16);
    CHECK_OK(sign_jws_text(buf_bytes(&w.signed_letter), &jws, NULL));
    CHECK_OK(base64url_decode(&header, jws.data, (size_t)(strchr(jws.data, '.') - jws.data)));
    const char *r = arena_strndup(w.arena, header.data, header.len);
    buf_free(&jws);
    buf_free(&header);
    return r;
}

enum form { COMPACT, ATTACHED, FLATTENED };

/* The letter with a signature over this header, made by the doctor's key without any of the checks. */
static const char *forge(const char *header, enum form form)
{
    struct buf head, payload, encoded, sig, text, jws, key, certificate;
    struct buf *all[] = { &head, &payload, &encoded, &sig, &text, &jws };
    struct sha256 digest;
    void *self = NULL;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buf_init(all[i], 1 << 20);
    fixture_read("hpki/doctor.key", &key);
    fixture_read("hpki/doctor.crt", &certificate);
    base64url_add(&head, header, strlen(header));
    CHECK_OK(sign_canonical_payload(text_bytes(letter), &sign_profile_default, &payload, NULL));
    base64url_add(&encoded, payload.data, payload.len);
    struct bytes parts[] = { buf_bytes(&head), { ".", 1 }, buf_bytes(&encoded) };
    CHECK_OK(sha256_of_parts(parts, 3, &digest));
    CHECK_OK(sign_signer_key_file.open(&(struct sign_signer_conf){ .certificate = buf_bytes(&certificate), .key = buf_bytes(&key) }, &self, NULL));
    CHECK_OK(sign_signer_key_file.sign(self, &digest, (struct bytes){ "", 0 }, 0, &sig, NULL));
    sign_signer_key_file.close(self);
    base64url_add(&text, sig.data, sig.len);
    if (form == FLATTENED)
        buf_addf(&jws, "{\"protected\":\"%s\",\"header\":{\"etsiU\":[\"e30\"]},\"signature\":\"%s\"}", head.data, text.data);
    else
        buf_addf(&jws, "%s.%s.%s", head.data, form == ATTACHED ? encoded.data : "", text.data);
    buf_reset(&text);
    base64_add(&text, jws.data, jws.len);
    const char *from = strstr(signed_text(), "\"data\":\"");
    const char *r = arena_printf(w.arena, "%.*s\"data\":\"%s\"}} \n", (int)(from - signed_text()), signed_text(), text.data);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buf_free(all[i]);
    buf_wipe_free(&key);
    buf_free(&certificate);
    CHECK(r != NULL);
    return r;
}

TEST(forged_headers)
{
    static const struct { const char *from, *to; enum sign_verdict verdict; enum msg_id msg; } table[] = {
        { "\"RS256\"", "\"none\"", SIGN_TOTAL_FAILED, MSG_VERIFY_ALG }, { "\"RS256\"", "\"HS256\"", SIGN_TOTAL_FAILED, MSG_VERIFY_ALG },
        { "\"RS256\"", "\"RS384\"", SIGN_TOTAL_FAILED, MSG_VERIFY_ALG }, { "\"RS256\"", "256", SIGN_TOTAL_FAILED, MSG_VERIFY_ALG },
        { "{\"alg\"", "{\"alg\":\"RS256\",\"alg\"", SIGN_TOTAL_FAILED, MSG_VERIFY_FORM },
        { "{\"alg\"", "{\"crit\":[\"exp\"],\"exp\":1,\"alg\"", SIGN_TOTAL_FAILED, MSG_VERIFY_CRIT },
        { "{\"alg\"", "{\"crit\":[],\"alg\"", SIGN_TOTAL_FAILED, MSG_VERIFY_CRIT }, { "{\"alg\"", "{\"crit\":\"iat\",\"alg\"", SIGN_TOTAL_FAILED, MSG_VERIFY_CRIT },
        { "{\"alg\"", "{\"crit\":[\"alg\"],\"alg\"", SIGN_TOTAL_FAILED, MSG_VERIFY_CRIT },
        { "{\"alg\"", "{\"crit\":[\"sigT\"],\"alg\"", SIGN_TOTAL_FAILED, MSG_VERIFY_CRIT },
        { "{\"alg\"", "{\"crit\":[\"iat\",\"iat\"],\"alg\"", SIGN_TOTAL_FAILED, MSG_VERIFY_CRIT },
        { "{\"alg\"", "{\"crit\":[1],\"alg\"", SIGN_TOTAL_FAILED, MSG_VERIFY_CRIT },
        { "{\"alg\"", "{\"b64\":false,\"crit\":[\"b64\"],\"alg\"", SIGN_TOTAL_FAILED, MSG_VERIFY_CRIT },
        { "{\"alg\"", "{\"sigD\":{},\"alg\"", SIGN_INDETERMINATE, MSG_VERIFY_UNSUPPORTED },
        { "{\"alg\"", "{\"b64\":false,\"alg\"", SIGN_INDETERMINATE, MSG_VERIFY_UNSUPPORTED },
        { "{\"alg\"", "{\"sigT\":\"2026-11-21T00:00:00Z\",\"alg\"", SIGN_TOTAL_FAILED, MSG_VERIFY_FORM },
        { "{\"alg\"", "{\"x5t\":\"AAAA\",\"alg\"", SIGN_TOTAL_FAILED, MSG_VERIFY_FORM },
        { "{\"alg\"", "{\"x5t#o\":{},\"alg\"", SIGN_TOTAL_FAILED, MSG_VERIFY_FORM },
        { "\"x5t#S256\"", "\"x5t#o\"", SIGN_INDETERMINATE, MSG_VERIFY_UNSUPPORTED }, { "\"x5t#S256\"", "\"y5t\"", SIGN_TOTAL_FAILED, MSG_VERIFY_CERT_DIGEST },
        { "\"x5t#S256\":\"", "\"x5t#S256\":\"AAAA", SIGN_TOTAL_FAILED, MSG_VERIFY_FORM },
        { "\"x5c\"", "\"y5c\"", SIGN_INDETERMINATE, MSG_VERIFY_UNSUPPORTED }, { "\"x5c\":[\"", "\"x5c\":[\"A", SIGN_TOTAL_FAILED, MSG_VERIFY_FORM },
        { "\"iat\"", "\"jat\"", SIGN_TOTAL_FAILED, MSG_VERIFY_FORM }, { "\"iat\":", "\"iat\":-", SIGN_TOTAL_FAILED, MSG_VERIFY_FORM },
        { "\"iat\":1", "\"iat\":9", SIGN_TOTAL_FAILED, MSG_VERIFY_TIME }, { "\"iat\":1", "\"iat\":0.1", SIGN_TOTAL_FAILED, MSG_VERIFY_FORM },
    };
    world();
    const char *header = good_header();
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct sign_report r = verify_at(text_bytes(forge(replaced(header, table[i].from, table[i].to), COMPACT)), w.trust, w.now);
        if (r.verdict != table[i].verdict || !found(&r, table[i].msg))
            printf("     case %zu: %s -> %s\n", i, table[i].from, table[i].to);
        CHECK_VERDICT(r, table[i].verdict, table[i].msg);
    }
}

/* x5c with another certificate in front: the digest was for the doctor. */
TEST(another_certificate_in_front_is_found)
{
    world();
    struct buf b, der;
    char in[300], to[300];
    snprintf(in, sizeof in, "%s/hpki/pharmacist.crt", fixture_dir);
    snprintf(to, sizeof to, "%s/other.der", fixture_dir);
    const char *argv[] = { "openssl", "x509", "-in", in, "-outform", "DER", "-out", to, NULL };
    CHECK_INT(fixture_run(argv, false), 0);
    fixture_read("other.der", &der);
    buf_init(&b, 1 << 16);
    base64_add(&b, der.data, der.len);
    const char *first = arena_printf(w.arena, "\"x5c\":[\"%s\",\"", b.data);
    struct sign_report r = verify_at(text_bytes(forge(replaced(good_header(), "\"x5c\":[\"", first), COMPACT)), w.trust, w.now);
    CHECK_VERDICT(r, SIGN_TOTAL_FAILED, MSG_VERIFY_CERT_DIGEST);
    buf_free(&b);
    buf_free(&der);
}

TEST(other_forms_of_a_good_signature)
{
    world();
    struct sign_report r = verify_at(text_bytes(forge(good_header(), COMPACT)), w.trust, w.now);
    CHECK_STR(sign_verdict_name(r.verdict), "total_passed");
    r = verify_at(text_bytes(forge(good_header(), ATTACHED)), w.trust, w.now);
    CHECK_STR(sign_verdict_name(r.verdict), "total_passed");
    r = verify_at(text_bytes(replaced(forge(good_header(), ATTACHED), "1.50", "1.51")), w.trust, w.now);
    CHECK_VERDICT(r, SIGN_TOTAL_FAILED, MSG_VERIFY_SIGNATURE);
    r = verify_at(text_bytes(forge(good_header(), FLATTENED)), w.trust, w.now);
    CHECK_VERDICT(r, SIGN_INDETERMINATE, MSG_VERIFY_TIMESTAMP);
    CHECK(r.has_timestamp);
    CHECK_INT(r.count, 1);
}

TEST(findings_become_issues)
{
    world();
    struct issue_list list;
    issues_init(&list, w.arena);
    struct sign_report r = verify_at(text_bytes(replaced(signed_text(), "1.50", "1.51")), w.trust, w.now);
    sign_report_issues(&r, &list);
    CHECK_INT(list.errors, 1);
    CHECK_STR(list.first->location, "Bundle.signature");
    CHECK_INT(list.first->msg, MSG_VERIFY_SIGNATURE);
    issues_init(&list, w.arena);
    r = verify_at(text_bytes(letter), w.trust, w.now);
    sign_report_issues(&r, &list);
    CHECK(issues_ok(&list));
    CHECK_INT(list.count, 1);
}

/* ---- other people's tools ---- */

static void leave(const char *folder, const char *name, struct bytes data)
{
    int dir = dir_open(AT_FDCWD, folder, NULL);
    CHECK(dir >= 0);
    CHECK_OK(file_write(dir, name, data.data, data.len, 0600, FILE_REPLACE, FILE_FAST, NULL));
    close(dir);
}

TEST(openssl_command_line_agrees)
{
    world();
    struct buf jws, payload, input, sig;
    struct buf *all[] = { &jws, &payload, &input, &sig };
    char path[4][300];
    static const char *const names[] = { "hpki/doctor.crt", "doctor.pub", "input", "sig" };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buf_init(all[i], 1 << 20);
    for (size_t i = 0; i < 4; i++)
        snprintf(path[i], sizeof path[i], "%s/%s", fixture_dir, names[i]);
    CHECK_OK(sign_jws_text(buf_bytes(&w.signed_letter), &jws, NULL));
    CHECK_OK(sign_canonical_payload(buf_bytes(&w.signed_letter), &sign_profile_default, &payload, NULL));
    const char *dots = strstr(jws.data, "..");
    CHECK(dots != NULL);
    buf_add(&input, jws.data, (size_t)(dots - jws.data) + 1);
    base64url_add(&input, payload.data, payload.len);
    CHECK_OK(base64url_decode(&sig, dots + 2, strlen(dots + 2)));
    leave(fixture_dir, "input", buf_bytes(&input));
    leave(fixture_dir, "sig", buf_bytes(&sig));
    const char *key[] = { "openssl", "x509", "-in", path[0], "-pubkey", "-noout", "-out", path[1], NULL };
    const char *check[] = { "openssl", "dgst", "-sha256", "-verify", path[1], "-signature", path[3], path[2], NULL };
    CHECK_INT(fixture_run(key, false), 0);
    CHECK_INT(fixture_run(check, false), 0);
    input.data[input.len - 1] ^= 1;
    leave(fixture_dir, "input", buf_bytes(&input));
    CHECK(fixture_run(check, false) != 0);
    const char *out = getenv("CLINSGW_SIGN_OUT");
    if (out != NULL) {
        struct buf root, ca;
        fixture_read("hpki/anchors/root.crt", &root);
        fixture_read("hpki/intermediates/signing-ca.crt", &ca);
        leave(out, "signature.jws", buf_bytes(&jws));
        leave(out, "payload.json", buf_bytes(&payload));
        leave(out, "signed.json", buf_bytes(&w.signed_letter));
        leave(out, "root.crt", buf_bytes(&root));
        leave(out, "signing-ca.crt", buf_bytes(&ca));
        buf_free(&root);
        buf_free(&ca);
    }
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buf_free(all[i]);
}

TEST_MAIN()
