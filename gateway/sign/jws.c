/*
 * NAME
 *     jws.c - reads a JWS and its protected header, strictly
 *
 * SYNOPSIS
 *     sign_jws_read(text, memory, arena, &jws, &report);  sign_jws_clear(&jws);
 *
 * DESCRIPTION
 *     Compact (RFC 7515 section 7.1) or flattened JSON (7.2.2, which JAdES needs for time-stamps); general JSON is undecided. In the order that
 *     leaves no room for another key: header strictly parsed, crit, algorithm from a list of one, exactly one certificate digest, the digest
 *     compared with x5c[0]. Nothing is verified with a key before all that fits.
 *
 * DIAGNOSTICS
 *     Findings CG-6042 to CG-6045, CG-6061.
 */
#include <openssl/err.h>
#include "base/text.h"
#include "sign/internal.h"

enum { RSA_BITS_MIN = 2048 };

static bool failed(struct sign_report *report, enum msg_id msg, const char *arg)
{
    sign_finding_add(report, SIGN_TOTAL_FAILED, msg, arg, NULL);
    return false;
}

static bool undecided(struct sign_report *report, const char *arg)
{
    sign_finding_add(report, SIGN_INDETERMINATE, MSG_VERIFY_UNSUPPORTED, arg, NULL);
    return false;
}

/* ---- serializations ---- */

static bool split_compact(struct bytes text, struct sign_jws *jws, struct sign_report *report)
{
    const char *first = memchr(text.data, '.', text.len);
    const char *second = first != NULL ? memchr(first + 1, '.', text.len - (size_t)(first + 1 - text.data)) : NULL;
    if (second == NULL || memchr(second + 1, '.', text.len - (size_t)(second + 1 - text.data)) != NULL)
        return failed(report, MSG_VERIFY_FORM, "JWS");
    jws->protected_text = (struct bytes){ text.data, (size_t)(first - text.data) };
    jws->payload_text = (struct bytes){ first + 1, (size_t)(second - first - 1) };
    jws->signature_text = (struct bytes){ second + 1, text.len - (size_t)(second + 1 - text.data) };
    return true;
}

static struct bytes text_of(const struct json_node *n)
{
    return json_is(n, JSON_STRING) ? (struct bytes){ n->text, n->len } : (struct bytes){ "", 0 };
}

static bool split_json(struct bytes text, struct arena *arena, struct sign_jws *jws, struct sign_report *report)
{
    const struct json_node *root = NULL;
    if (json_parse(text.data, text.len, NULL, arena, &root, NULL) < 0)
        return failed(report, MSG_VERIFY_FORM, "JWS");
    if (json_get(root, "signatures") != NULL)
        return undecided(report, "signatures");
    jws->protected_text = text_of(json_get(root, "protected"));
    jws->payload_text = text_of(json_get(root, "payload"));
    jws->signature_text = text_of(json_get(root, "signature"));
    jws->has_timestamp = json_path(root, "header/etsiU") != NULL;
    return true;
}

/* ---- header ---- */

static bool in_list(const char *const *list, const struct json_node *text)
{
    for (; *list != NULL; list++)
        if (json_equals(text, *list))
            return true;
    return false;
}

/* RFC 7515 section 4.1.11: non-empty array of distinct names that are present and understood; registered JOSE names have no place in it. */
static bool check_crit(const struct json_node *header, struct sign_report *report)
{
    static const char *const understood[] = { "sigT", "srCms", "iat", NULL };
    const struct json_node *crit = json_get(header, "crit");
    if (crit == NULL)
        return true;
    if (!json_is(crit, JSON_ARRAY) || crit->count == 0)
        return failed(report, MSG_VERIFY_CRIT, "crit");
    for (const struct json_node *n = crit->child; n != NULL; n = n->next) {
        char name[SIGN_TEXT_MAX] = "?";
        if (json_is(n, JSON_STRING))
            snprintf(name, sizeof name, "%.*s", (int)text_cut(n->text, n->len, 64), n->text);
        if (!in_list(understood, n) || json_get(header, name) == NULL)
            return failed(report, MSG_VERIFY_CRIT, name);
        for (const struct json_node *other = crit->child; other != n; other = other->next)
            if (json_equals(other, name))
                return failed(report, MSG_VERIFY_CRIT, name);
    }
    return true;
}

static bool check_algorithm(const struct json_node *header, struct sign_report *report)
{
    const struct json_node *alg = json_get(header, "alg");
    char name[32] = "-";
    if (json_equals(alg, "RS256"))
        return true;
    if (json_is(alg, JSON_STRING))
        snprintf(name, sizeof name, "%.*s", (int)text_cut(alg->text, alg->len, 24), alg->text);
    return failed(report, MSG_VERIFY_ALG, name);
}

/* iat (V1.2.1) in whole seconds or sigT (V1.1.1), not both. */
static bool read_time(const struct json_node *header, struct sign_jws *jws, struct sign_report *report)
{
    const struct json_node *iat = json_get(header, "iat"), *sig_t = json_get(header, "sigT");
    int64_t seconds = 0;
    if ((iat == NULL) == (sig_t == NULL))
        return failed(report, MSG_VERIFY_FORM, iat == NULL ? "iat" : "iat, sigT");
    if (iat != NULL) {
        if (json_to_int64(iat, &seconds) < 0 || seconds < 0 || seconds > INT64_C(253402300799))
            return failed(report, MSG_VERIFY_FORM, "iat");
        jws->iat_ms = seconds * 1000;
        return true;
    }
    if (!json_is(sig_t, JSON_STRING) || time_parse_instant(sig_t->text, sig_t->len, &jws->iat_ms) < 0)
        return failed(report, MSG_VERIFY_FORM, "sigT");
    return true;
}

static bool read_digest(const struct json_node *header, struct sign_jws *jws, struct sign_report *report)
{
    const struct json_node *x5t = json_get(header, "x5t#S256");
    struct buf raw;
    if (json_get(header, "x5t") != NULL || (x5t != NULL && (json_get(header, "x5t#o") != NULL || json_get(header, "sigX5ts") != NULL)))
        return failed(report, MSG_VERIFY_FORM, "x5t");
    if (x5t == NULL)
        return json_get(header, "x5t#o") != NULL || json_get(header, "sigX5ts") != NULL ? undecided(report, "x5t#o") : failed(report, MSG_VERIFY_CERT_DIGEST, "-");
    buf_init(&raw, 4 * SHA256_BYTES);
    jws->has_x5t = json_is(x5t, JSON_STRING) && base64url_decode(&raw, x5t->text, x5t->len) == 0 && raw.len == SHA256_BYTES;
    if (jws->has_x5t)
        memcpy(jws->x5t.byte, raw.data, SHA256_BYTES);
    buf_free(&raw);
    return jws->has_x5t || failed(report, MSG_VERIFY_FORM, "x5t#S256");
}

static bool read_chain(const struct json_node *header, struct sign_memory *memory, struct sign_jws *jws, struct sign_report *report)
{
    const struct json_node *x5c = json_get(header, "x5c");
    if (x5c == NULL)
        return undecided(report, "x5c");
    if (!json_is(x5c, JSON_ARRAY) || x5c->count == 0)
        return failed(report, MSG_VERIFY_FORM, "x5c");
    for (const struct json_node *n = x5c->child; n != NULL; n = n->next) {
        X509 *x;
        if (jws->chain_count == SIGN_CHAIN_MAX)
            return undecided(report, "x5c");
        x = json_is(n, JSON_STRING) ? sign_memory_certificate(memory, text_of(n)) : NULL;
        if (x == NULL)
            return failed(report, MSG_VERIFY_FORM, "x5c");
        jws->chain[jws->chain_count++] = x;
    }
    return true;
}

static bool check_unsupported(const struct json_node *header, struct sign_report *report)
{
    static const char *const names[] = { "sigD", "b64", NULL };
    for (const char *const *n = names; *n != NULL; n++)
        if (json_get(header, *n) != NULL)
            return undecided(report, *n);
    return true;
}

static bool read_header(struct sign_memory *memory, struct arena *arena, struct sign_jws *jws, struct sign_report *report)
{
    struct buf raw;
    const char *copy = NULL;
    const struct json_node *header = NULL;
    buf_init(&raw, SIGN_JWS_MAX);
    if (jws->protected_text.len > 0 && base64url_decode(&raw, jws->protected_text.data, jws->protected_text.len) == 0)
        copy = arena_strndup(arena, raw.data, raw.len);
    size_t len = raw.len;
    buf_free(&raw);
    if (copy == NULL || json_parse(copy, len, NULL, arena, &header, NULL) < 0 || header->type != JSON_OBJECT)
        return failed(report, MSG_VERIFY_FORM, "header");
    jws->header = header;
    return check_crit(header, report) && check_algorithm(header, report) && check_unsupported(header, report) && read_time(header, jws, report) &&
        read_digest(header, jws, report) && read_chain(header, memory, jws, report);
}

static bool check_certificate_digest(const struct sign_jws *jws, struct sign_report *report)
{
    struct sha256 digest;
    unsigned len = 0;
    if (X509_digest(jws->chain[0], EVP_sha256(), digest.byte, &len) != 1 || memcmp(digest.byte, jws->x5t.byte, SHA256_BYTES) != 0)
        return failed(report, MSG_VERIFY_CERT_DIGEST, "");
    return true;
}

/* ---- face inside the room ---- */

bool sign_jws_read(struct bytes text, struct sign_memory *memory, struct arena *arena, struct sign_jws *jws, struct sign_report *report)
{
    struct buf raw;
    bool json = text.len > 0 && text.data[0] == '{', ok;
    *jws = (struct sign_jws){ .iat_ms = -1 };
    if (text.len == 0 || !(json ? split_json(text, arena, jws, report) : split_compact(text, jws, report)))
        return text.len > 0 ? false : failed(report, MSG_VERIFY_FORM, "data");
    if (!read_header(memory, arena, jws, report) || !check_certificate_digest(jws, report))
        return false;
    buf_init(&raw, SIGN_RSA_MAX);
    ok = jws->signature_text.len > 0 && base64url_decode(&raw, jws->signature_text.data, jws->signature_text.len) == 0;
    if (ok)
        jws->signature = (struct bytes){ arena_strndup(arena, raw.data, raw.len), raw.len };
    buf_free(&raw);
    return (ok && jws->signature.data != NULL) || failed(report, MSG_VERIFY_FORM, "signature");
}

void sign_jws_clear(struct sign_jws *jws)
{
    for (size_t i = 0; i < jws->chain_count; i++)
        X509_free(jws->chain[i]);
    jws->chain_count = 0;
}

bool sign_rsa_ok(X509 *certificate, const struct sha256 *digest, struct bytes signature)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    EVP_PKEY_CTX *ctx = NULL;
    bool ok = key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) >= RSA_BITS_MIN;
    ctx = ok ? EVP_PKEY_CTX_new(key, NULL) : NULL;
    ok = ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
        EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1 &&
        EVP_PKEY_verify(ctx, (const unsigned char *)signature.data, signature.len, digest->byte, SHA256_BYTES) == 1;
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return ok;
}
