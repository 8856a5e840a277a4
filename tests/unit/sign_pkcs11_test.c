/*
 * sign_pkcs11_test.c - cards: a real module (SoftHSM), and a small one in this file for what SoftHSM cannot do: lock, removal, last try.
 */
#include <p11-kit-1/p11-kit/pkcs11.h>
#include "base/timefmt.h"
#include "sign/sign.h"
#include "tests/unit/sign_fixture.h"

#define DOCTOR "urn:uuid:3e6a0ba2-d781-4fd7-9de6-e077b690daed"

static const char letter[] =
    "{\"resourceType\":\"Bundle\",\"type\":\"document\",\"entry\":[{\"fullUrl\":\"urn:uuid:1\",\"resource\":{\"resourceType\":\"Composition\",\"author\":[{\"reference\":\"" DOCTOR "\"}]}},"
    "{\"fullUrl\":\"" DOCTOR "\",\"resource\":{\"resourceType\":\"Practitioner\",\"name\":[{\"text\":\"山田 太郎\"}]}}]}";

static struct sign_order order_at(int64_t now)
{
    struct sign_order o = { .bundle = { letter, sizeof letter - 1 }, .message_uuid = "00000000-0000-4000-8000-0000000000aa", .time_ms = now,
        .profile = &sign_profile_default, .rules = &sign_rules_default };
    sha256_of(letter, sizeof letter - 1, &o.approved);
    return o;
}

/* ---- a card that does as it is told ---- */

enum { CERTIFICATE = 1, PRIVATE_KEY = 2, HANDLE = 7 };

static struct {
    CK_FLAGS flags;           /* of the token */
    bool present, logged_in, no_key;
    CK_RV login, sign;        /* what these calls answer */
    int logins, signs, logouts, sessions;
    struct buf certificate, key;
    void *signer;             /* the key behind the card */
    CK_OBJECT_CLASS searched;
    bool given;
} card;

static CK_RV card_initialize(void *args) { return args == NULL ? CKR_OK : CKR_ARGUMENTS_BAD; }
static CK_RV card_finalize(void *reserved) { (void)reserved; return CKR_OK; }

static CK_RV card_slots(unsigned char present, CK_SLOT_ID *list, CK_ULONG *count)
{
    (void)present;
    if (list != NULL && card.present)
        list[0] = 3;
    *count = card.present;
    return CKR_OK;
}

static CK_RV card_token(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    if (!card.present)
        return CKR_TOKEN_NOT_PRESENT;
    memset(info, ' ', sizeof *info);
    memcpy(info->label, "HPKI Application", 16);
    memcpy(info->model, "ISO 7816-15:2016", 16);
    info->flags = card.flags | CKF_LOGIN_REQUIRED;   /* not every driver sets CKF_TOKEN_INITIALIZED */
    return slot == 3 ? CKR_OK : CKR_SLOT_ID_INVALID;
}

static CK_RV card_open(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify, CK_SESSION_HANDLE *session)
{
    (void)application;
    (void)notify;
    if (slot != 3 || flags != CKF_SERIAL_SESSION)
        return CKR_ARGUMENTS_BAD;
    card.sessions++;
    *session = HANDLE;
    return card.present ? CKR_OK : CKR_TOKEN_NOT_PRESENT;
}

static CK_RV card_close(CK_SESSION_HANDLE session)
{
    card.sessions--;
    card.logged_in = false;
    return session == HANDLE ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

static CK_RV card_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char *pin, CK_ULONG len)
{
    card.logins++;
    if (!card.present)
        return CKR_DEVICE_REMOVED;
    if (session != HANDLE || user != CKU_USER)
        return CKR_ARGUMENTS_BAD;
    if (card.login != CKR_OK)
        return card.login;
    if (len != 6 || memcmp(pin, "123456", 6) != 0)
        return CKR_PIN_INCORRECT;
    card.logged_in = true;
    return CKR_OK;
}

static CK_RV card_logout(CK_SESSION_HANDLE session)
{
    card.logouts++;
    card.logged_in = false;
    return session == HANDLE ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

static CK_RV card_find_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *wanted, CK_ULONG count)
{
    bool modulus = false;
    for (CK_ULONG i = 0; i < count; i++) {
        if (wanted[i].type == CKA_CLASS)
            memcpy(&card.searched, wanted[i].pValue, sizeof card.searched);
        modulus |= wanted[i].type == CKA_MODULUS && wanted[i].ulValueLen == 256;
    }
    card.given = card.searched == CKO_PRIVATE_KEY && (!modulus || !card.logged_in || card.no_key);
    return session == HANDLE && card.present ? CKR_OK : CKR_DEVICE_REMOVED;
}

static CK_RV card_find(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *list, CK_ULONG max, CK_ULONG *count)
{
    *count = !card.given && max > 0;
    if (*count > 0)
        list[0] = card.searched == CKO_PRIVATE_KEY ? PRIVATE_KEY : CERTIFICATE;
    card.given = true;
    return session == HANDLE ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

static CK_RV card_find_final(CK_SESSION_HANDLE session) { return session == HANDLE ? CKR_OK : CKR_SESSION_HANDLE_INVALID; }

static CK_RV card_attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *wanted, CK_ULONG count)
{
    if (session != HANDLE || object != CERTIFICATE || count != 1 || wanted->type != CKA_VALUE || wanted->ulValueLen < card.certificate.len)
        return CKR_ARGUMENTS_BAD;
    memcpy(wanted->pValue, card.certificate.data, card.certificate.len);
    wanted->ulValueLen = card.certificate.len;
    return CKR_OK;
}

static CK_RV card_sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return session == HANDLE && mechanism->mechanism == CKM_RSA_PKCS && key == PRIVATE_KEY && card.logged_in ? CKR_OK : CKR_ARGUMENTS_BAD;
}

static CK_RV card_sign(CK_SESSION_HANDLE session, unsigned char *data, CK_ULONG len, unsigned char *sig, CK_ULONG *sig_len)
{
    struct sha256 digest;
    struct buf out;
    if (session != HANDLE || len != 19 + SHA256_BYTES)
        return CKR_DATA_LEN_RANGE;
    if (sig == NULL) {
        *sig_len = 256;
        return CKR_OK;
    }
    card.signs++;
    if (card.sign != CKR_OK)
        return card.sign;
    memcpy(digest.byte, data + 19, SHA256_BYTES);
    buf_init(&out, 1024);
    CK_RV rv = sign_signer_key_file.sign(card.signer, &digest, (struct bytes){ "", 0 }, 0, &out, NULL) == 0 ? CKR_OK : CKR_FUNCTION_FAILED;
    if (rv == CKR_OK && out.len <= *sig_len) {
        memcpy(sig, out.data, out.len);
        *sig_len = out.len;
    }
    buf_free(&out);
    return rv;
}

/* Every function that is not in the guaranteed subset stays NULL: calling it would crash. */
static const CK_FUNCTION_LIST card_functions = {
    .version = { 2, 20 }, .C_Initialize = card_initialize, .C_Finalize = card_finalize, .C_GetSlotList = card_slots, .C_GetTokenInfo = card_token,
    .C_OpenSession = card_open, .C_CloseSession = card_close, .C_Login = card_login, .C_Logout = card_logout, .C_FindObjectsInit = card_find_init,
    .C_FindObjects = card_find, .C_FindObjectsFinal = card_find_final, .C_GetAttributeValue = card_attribute, .C_SignInit = card_sign_init, .C_Sign = card_sign,
};

/* ---- helpers ---- */

static void pki(void)
{
    if (fixture_pki(true) == NULL)
        SKIP("no openssl, softhsm2-util or pkcs11-tool, or not run from the top of the source tree");
}

/* A fresh card with the certificate and key of that person, and a signer on it. */
static struct sign_signer *insert_card(const char *person)
{
    char crt[300], key[64], der[300];
    struct sign_signer *signer = NULL;
    pki();
    memset(&card, 0, sizeof card);
    card.present = true;
    snprintf(crt, sizeof crt, "%s/hpki/%s.crt", fixture_dir, person);
    snprintf(der, sizeof der, "%s/card.der", fixture_dir);
    snprintf(key, sizeof key, "hpki/%s.key", person);
    const char *argv[] = { "openssl", "x509", "-in", crt, "-outform", "DER", "-out", der, NULL };
    CHECK_INT(fixture_run(argv, false), 0);
    fixture_read("card.der", &card.certificate);
    fixture_read(key, &card.key);
    struct sign_signer_conf conf = { .certificate = buf_bytes(&card.certificate), .key = buf_bytes(&card.key) };
    CHECK_OK(sign_signer_key_file.open(&conf, &card.signer, NULL));
    CHECK_OK(sign_signer_open(&sign_signer_pkcs11, &(struct sign_signer_conf){ .cryptoki = &card_functions }, &signer, NULL));
    return signer;
}

static void remove_card(struct sign_signer *signer)
{
    sign_signer_close(signer);
    sign_signer_key_file.close(card.signer);
    buf_free(&card.certificate);
    buf_wipe_free(&card.key);
    CHECK_INT(card.sessions, 0);
}

static int begin(struct sign_signer *signer, const char *pin, unsigned flags, struct sign_sitting **ret_sitting, struct err *e)
{
    char copy[32];
    snprintf(copy, sizeof copy, "%s", pin);
    return sign_sitting_begin(signer, copy, strlen(copy), flags, ret_sitting, e);
}

/* Signs one letter; the message of the refusal, MSG_NONE when it worked. */
static enum msg_id sign_once(struct sign_sitting *sitting, enum sign_wait *ret_wait)
{
    struct err e = ERR_INIT;
    struct buf out;
    struct arena *arena = arena_new(8 << 20);
    struct sign_order o = order_at(time_wall_ms());
    buf_init(&out, 1 << 20);
    int r = sign_bundle(&o, sitting, NULL, arena, &out, &e);
    bool wrote = out.len > 0;
    buf_free(&out);
    arena_free(arena);
    CHECK(wrote == (r == 0));
    if (ret_wait != NULL)
        *ret_wait = sign_wait_of(&e);
    return r == 0 ? MSG_NONE : e.msg;
}

/* ---- the small card ---- */

TEST(card_signs_and_asks_for_the_pin_each_time)
{
    struct sign_signer *signer = insert_card("doctor");
    struct sign_sitting *sitting = NULL;
    CHECK_OK(begin(signer, "123456", SIGN_ATTENDED, &sitting, NULL));
    CHECK_INT(card.logins, 0);
    for (int i = 1; i <= 3; i++) {
        CHECK_INT(sign_once(sitting, NULL), MSG_NONE);
        CHECK_INT(card.logins, i);
        CHECK_INT(card.logouts, i);
        CHECK_INT(card.signs, i);
        CHECK(!card.logged_in);
    }
    CHECK_STR(sign_sitting_certificate(sitting)->subject, "Taro Yamada");
    sign_sitting_end(sitting);
    remove_card(signer);
}

TEST(card_that_keeps_its_login_is_logged_out_at_the_end)
{
    struct sign_signer *first = insert_card("doctor"), *signer = NULL;
    struct sign_sitting *sitting = NULL;
    CHECK_OK(sign_signer_open(&sign_signer_pkcs11, &(struct sign_signer_conf){ .cryptoki = &card_functions, .keep_login = true }, &signer, NULL));
    CHECK_OK(begin(signer, "123456", SIGN_ATTENDED, &sitting, NULL));
    for (int i = 1; i <= 3; i++)
        CHECK_INT(sign_once(sitting, NULL), MSG_NONE);
    CHECK_INT(card.logins, 1);
    CHECK_INT(card.logouts, 0);
    sign_sitting_end(sitting);
    CHECK_INT(card.logouts, 1);
    CHECK(!card.logged_in);
    sign_signer_close(signer);
    remove_card(first);
}

TEST(card_pin_is_tried_once)
{
    struct sign_signer *signer = insert_card("doctor");
    struct sign_sitting *sitting = NULL;
    enum sign_wait wait;
    CHECK_OK(begin(signer, "654321", SIGN_ATTENDED, &sitting, NULL));
    CHECK_INT(sign_once(sitting, &wait), MSG_SIGN_PIN_WRONG);
    CHECK_INT(wait, SIGN_WAIT_PIN);
    CHECK_INT(sign_once(sitting, &wait), MSG_SIGN_SITTING_OVER);
    CHECK_INT(card.logins, 1);
    sign_sitting_end(sitting);
    remove_card(signer);
}

TEST(card_with_few_tries_is_for_persons)
{
    struct sign_signer *signer = insert_card("doctor");
    struct sign_sitting *sitting = NULL;
    struct err e = ERR_INIT;
    card.flags = CKF_USER_PIN_COUNT_LOW;
    CHECK_ERR(begin(signer, "123456", 0, &sitting, &e), ERR_DENIED);
    CHECK_INT(e.msg, MSG_SIGN_PIN_LOW);
    CHECK_OK(begin(signer, "123456", SIGN_ATTENDED, &sitting, NULL));
    CHECK_INT(sign_once(sitting, NULL), MSG_NONE);
    sign_sitting_end(sitting);
    remove_card(signer);
}

TEST(card_last_try_must_be_wanted)
{
    struct sign_signer *signer = insert_card("doctor");
    struct sign_sitting *sitting = NULL;
    struct err e = ERR_INIT;
    card.flags = CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY;
    CHECK_ERR(begin(signer, "123456", SIGN_ATTENDED, &sitting, &e), ERR_DENIED);
    CHECK_INT(e.msg, MSG_SIGN_PIN_FINAL);
    CHECK_INT(card.logins, 0);
    CHECK_OK(begin(signer, "123456", SIGN_ATTENDED | SIGN_FORCE_FINAL_TRY, &sitting, NULL));
    CHECK_INT(sign_once(sitting, NULL), MSG_NONE);
    sign_sitting_end(sitting);
    remove_card(signer);
}

TEST(card_flags_are_read_before_every_login)
{
    struct sign_signer *signer = insert_card("doctor");
    struct sign_sitting *sitting = NULL;
    CHECK_OK(begin(signer, "123456", SIGN_ATTENDED, &sitting, NULL));
    CHECK_INT(sign_once(sitting, NULL), MSG_NONE);
    card.flags = CKF_USER_PIN_FINAL_TRY;
    CHECK_INT(sign_once(sitting, NULL), MSG_SIGN_PIN_FINAL);
    CHECK_INT(card.logins, 1);
    sign_sitting_end(sitting);
    remove_card(signer);
}

TEST(card_locked)
{
    struct sign_signer *signer = insert_card("doctor");
    struct sign_sitting *sitting = NULL;
    struct err e = ERR_INIT;
    enum sign_wait wait;
    CHECK_OK(begin(signer, "123456", SIGN_ATTENDED, &sitting, NULL));
    card.login = CKR_PIN_LOCKED;
    CHECK_INT(sign_once(sitting, &wait), MSG_SIGN_PIN_LOCKED);
    CHECK_INT(wait, SIGN_WAIT_LOCKED);
    sitting = sign_sitting_end(sitting);
    card.flags = CKF_USER_PIN_LOCKED;
    CHECK_ERR(begin(signer, "123456", SIGN_ATTENDED | SIGN_FORCE_FINAL_TRY, &sitting, &e), ERR_DENIED);
    CHECK_INT(e.msg, MSG_SIGN_PIN_LOCKED);
    CHECK_INT(card.logins, 1);
    remove_card(signer);
}

TEST(card_absent_removed_and_back)
{
    struct sign_signer *signer = insert_card("doctor");
    struct sign_sitting *sitting = NULL;
    struct sign_token_status st;
    struct err e = ERR_INIT;
    enum sign_wait wait;
    card.present = false;
    CHECK_OK(sign_signer_status(signer, &st, NULL));
    CHECK(!st.present);
    CHECK_ERR(begin(signer, "123456", SIGN_ATTENDED, &sitting, &e), ERR_NOT_NOW);
    CHECK_INT(e.msg, MSG_SIGN_NO_CARD);
    CHECK_INT(sign_wait_of(&e), SIGN_WAIT_CARD);
    card.present = true;
    CHECK_OK(begin(signer, "123456", SIGN_ATTENDED, &sitting, NULL));
    CHECK_INT(sign_once(sitting, NULL), MSG_NONE);
    card.present = false;
    CHECK_INT(sign_once(sitting, &wait), MSG_SIGN_CARD_REMOVED);
    CHECK_INT(wait, SIGN_WAIT_CARD);
    card.present = true;
    CHECK_INT(sign_once(sitting, NULL), MSG_SIGN_SITTING_OVER);
    sitting = sign_sitting_end(sitting);
    CHECK_OK(begin(signer, "123456", SIGN_ATTENDED, &sitting, NULL));
    CHECK_INT(sign_once(sitting, NULL), MSG_NONE);
    sign_sitting_end(sitting);
    remove_card(signer);
}

TEST(card_that_fails_in_the_middle_is_logged_out)
{
    struct sign_signer *signer = insert_card("doctor");
    struct sign_sitting *sitting = NULL;
    enum sign_wait wait;
    CHECK_OK(begin(signer, "123456", SIGN_ATTENDED, &sitting, NULL));
    card.sign = CKR_DEVICE_ERROR;
    CHECK_INT(sign_once(sitting, &wait), MSG_SIGN_DEVICE);
    CHECK_INT(wait, SIGN_WAIT_OPERATOR);
    CHECK_INT(card.logouts, 1);
    CHECK(!sign_sitting_alive(sitting));
    sitting = sign_sitting_end(sitting);
    card.sign = CKR_OK;
    card.no_key = true;
    CHECK_OK(begin(signer, "123456", SIGN_ATTENDED, &sitting, NULL));
    CHECK_INT(sign_once(sitting, &wait), MSG_SIGN_NO_KEY);
    CHECK_INT(wait, SIGN_WAIT_CERTIFICATE);
    CHECK_INT(card.logouts, 2);
    sign_sitting_end(sitting);
    remove_card(signer);
}

TEST(card_of_the_wrong_kind)
{
    struct sign_signer *signer = insert_card("authentication");
    struct sign_sitting *sitting = NULL;
    struct sign_token_status st;
    struct err e = ERR_INIT;
    CHECK_OK(sign_signer_status(signer, &st, NULL));
    CHECK(st.present && !st.has_certificate);
    CHECK_STR(st.label, "HPKI Application");
    CHECK_STR(st.model, "ISO 7816-15:2016");
    CHECK_ERR(begin(signer, "123456", SIGN_ATTENDED, &sitting, &e), ERR_NOTFOUND);
    CHECK_INT(e.msg, MSG_SIGN_NO_CERTIFICATE);
    remove_card(signer);
    signer = insert_card("pharmacist");
    CHECK_OK(begin(signer, "123456", SIGN_ATTENDED, &sitting, NULL));
    CHECK_INT(sign_once(sitting, NULL), MSG_SIGN_CERT_KIND);
    CHECK_INT(card.logins, 0);
    sign_sitting_end(sitting);
    remove_card(signer);
}

TEST(card_whose_signature_does_not_fit_is_found)
{
    struct sign_signer *signer = insert_card("doctor");
    struct sign_sitting *sitting = NULL;
    struct buf other, key;
    enum sign_wait wait;
    CHECK_OK(begin(signer, "123456", SIGN_ATTENDED, &sitting, NULL));
    sign_signer_key_file.close(card.signer);
    fixture_read("hpki/pharmacist.crt", &other);
    fixture_read("hpki/pharmacist.key", &key);
    struct sign_signer_conf conf = { .certificate = buf_bytes(&other), .key = buf_bytes(&key) };
    CHECK_OK(sign_signer_key_file.open(&conf, &card.signer, NULL));
    CHECK_INT(sign_once(sitting, &wait), MSG_SIGN_SELF_CHECK);
    CHECK_INT(wait, SIGN_WAIT_OPERATOR);
    sign_sitting_end(sitting);
    buf_free(&other);
    buf_wipe_free(&key);
    remove_card(signer);
}

/* ---- SoftHSM ---- */

static struct sign_signer *softhsm(void)
{
    struct buf module;
    struct sign_signer *signer = NULL;
    struct err e = ERR_INIT;
    char path[300];
    pki();
    snprintf(path, sizeof path, "%s/token/softhsm2.conf", fixture_dir);
    setenv("SOFTHSM2_CONF", path, 1);
    fixture_read("token/module", &module);
    module.data[strcspn(module.data, "\n")] = '\0';
    struct sign_signer_conf conf = { .module = module.data };
    CHECK_OK(sign_signer_open(&sign_signer_pkcs11, &conf, &signer, &e));
    buf_free(&module);
    return signer;
}

TEST(softhsm_status_needs_no_pin)
{
    struct sign_signer *signer = softhsm();
    struct sign_token_status st;
    CHECK_OK(sign_signer_status(signer, &st, NULL));
    CHECK(st.present && st.has_certificate && !st.pin_locked && !st.pin_count_low);
    CHECK_STR(st.label, "HPKI Application");
    CHECK_STR(st.certificate.name_ja, "山田　太郎");
    CHECK(st.certificate.not_after_ms > time_wall_ms());
    sign_signer_close(signer);
}

TEST(softhsm_signs_what_waits_in_one_sitting)
{
    struct sign_signer *signer = softhsm();
    struct sign_sitting *sitting = NULL;
    struct sign_trust *trust = sign_trust_new();
    struct arena *arena = arena_new(32 << 20);
    struct buf anchor, intermediate, out;
    int64_t now = time_wall_ms();
    struct sign_order o = order_at(now);
    struct sign_rules rules = sign_rules_default;
    struct sign_report report;
    fixture_read("hpki/anchors/root.crt", &anchor);
    fixture_read("hpki/intermediates/signing-ca.crt", &intermediate);
    CHECK_OK(sign_trust_add_anchor(trust, buf_bytes(&anchor), NULL));
    rules.check_revocation = false;
    CHECK_OK(begin(signer, "demo1234", SIGN_ATTENDED, &sitting, NULL));
    buf_init(&out, 1 << 20);
    for (int i = 0; i < 3; i++) {
        buf_reset(&out);
        CHECK_OK(sign_bundle(&o, sitting, NULL, arena, &out, NULL));
        /* the chain came from the card: the trust has the root only */
        CHECK_OK(sign_verify_bundle(buf_bytes(&out), &sign_profile_default, trust, &rules, now, arena, &report, NULL));
        CHECK_STR(sign_verdict_name(report.verdict), "total_passed");
    }
    sign_sitting_end(sitting);
    sign_signer_close(signer);
    sign_trust_free(trust);
    arena_free(arena);
    buf_free(&out);
    buf_free(&anchor);
    buf_free(&intermediate);
}

TEST(softhsm_wrong_pin_lowers_the_count)
{
    struct sign_signer *signer = softhsm();
    struct sign_sitting *sitting = NULL;
    struct sign_token_status st;
    struct err e = ERR_INIT;
    CHECK_OK(begin(signer, "wrong123", SIGN_ATTENDED, &sitting, NULL));
    CHECK_INT(sign_once(sitting, NULL), MSG_SIGN_PIN_WRONG);
    sitting = sign_sitting_end(sitting);
    CHECK_OK(sign_signer_status(signer, &st, NULL));
    CHECK(st.pin_count_low);
    CHECK_ERR(begin(signer, "demo1234", 0, &sitting, &e), ERR_DENIED);
    CHECK_INT(e.msg, MSG_SIGN_PIN_LOW);
    CHECK_OK(begin(signer, "demo1234", SIGN_ATTENDED, &sitting, NULL));
    CHECK_INT(sign_once(sitting, NULL), MSG_NONE);
    sitting = sign_sitting_end(sitting);
    CHECK_OK(sign_signer_status(signer, &st, NULL));
    CHECK(!st.pin_count_low);
    sign_signer_close(signer);
}

TEST(softhsm_other_label_is_no_card)
{
    struct sign_signer *signer = softhsm(), *other = NULL;
    struct sign_token_status st;
    struct buf module;
    sign_signer_close(signer);
    fixture_read("token/module", &module);
    module.data[strcspn(module.data, "\n")] = '\0';
    struct sign_signer_conf conf = { .module = module.data, .token_label = "Another" };
    CHECK_OK(sign_signer_open(&sign_signer_pkcs11, &conf, &other, NULL));
    CHECK_OK(sign_signer_status(other, &st, NULL));
    CHECK(!st.present);
    sign_signer_close(other);
    buf_free(&module);
}

TEST(module_that_is_none)
{
    struct sign_signer *signer = NULL;
    struct err e = ERR_INIT;
    CHECK_ERR(sign_signer_open(&sign_signer_pkcs11, &(struct sign_signer_conf){ .module = "/nonexistent.so" }, &signer, &e), ERR_NOTFOUND);
    CHECK_INT(e.msg, MSG_SIGN_MODULE);
    CHECK_ERR(sign_signer_open(&sign_signer_pkcs11, &(struct sign_signer_conf){ .module = "libm.so.6" }, &signer, &e), ERR_INVALID);
    CHECK_ERR(sign_signer_open(&sign_signer_pkcs11, &(struct sign_signer_conf){ 0 }, &signer, &e), ERR_INVALID);
    CHECK(signer == NULL);
}

TEST_MAIN()
