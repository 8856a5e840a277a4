/*
 * NAME
 *     bundle.c - what the sign room knows of a Bundle: who signs, where the signature goes, how it comes out again
 *
 * SYNOPSIS
 *     sign_prepare(&order, chain, n, arena, &prepared, &e);  sign_finish(&order, &prepared, sig, certificate, &out, &e);
 *     sign_unsplice(signed, &out, &e);  sign_jws_text(signed, &out, &e);
 *
 * DESCRIPTION
 *     The Bundle is never printed anew. The signature is spliced in before its last `}`, so that the approved bytes can be cut out again and
 *     compared by digest. FHIR R4 Signature: type, when, who, targetFormat, sigFormat, data; data is base64 of the JWS text, because
 *     base64Binary has no ".". type is Author's Signature of ASTM E1762, as the Japanese referral guide fixes it.
 *
 * DIAGNOSTICS
 *     CG-6001 to CG-6005, CG-6023 to CG-6026.
 */
#include <cjson/cJSON.h>
#include "sign/internal.h"

const char sign_type_system[] = "urn:iso-astm:E1762-95:2013", sign_type_code[] = "1.2.840.10065.1.12.1.1", sign_sig_format[] = "application/jose";

const struct sign_profile sign_profile_default = { SIGN_JADES_B_COMPACT_DETACHED, SIGN_CANONICAL_DOCUMENT_JCS, SIGN_WHEN_JST_MS };

static const char *const target_format[] = {
    [SIGN_CANONICAL_DOCUMENT_JCS] = "application/fhir+json;canonicalization=http://hl7.org/fhir/canonicalization/json#document",
};

void sign_format_when(enum sign_when form, int64_t time_ms, char ret_text[static TIME_TEXT_MAX])
{
    if (form == SIGN_WHEN_UTC_S)
        time_format_utc(time_ms, ret_text);
    else
        time_format_jst_ms(time_ms, ret_text);
}

/* ---- who ---- */

static bool text_is(const struct json_node *n, const char *text, size_t len)
{
    return json_is(n, JSON_STRING) && n->len == len && memcmp(n->text, text, len) == 0;
}

/* The entry of type Practitioner whose fullUrl is this; NULL = none. */
static const struct json_node *practitioner_entry(const struct json_node *bundle, const char *url, size_t len)
{
    const struct json_node *entries = json_get(bundle, "entry");
    if (!json_is(entries, JSON_ARRAY))
        return NULL;
    for (const struct json_node *n = entries->child; n != NULL; n = n->next)
        if (text_is(json_get(n, "fullUrl"), url, len) && json_equals(json_path(n, "resource/resourceType"), "Practitioner"))
            return n;
    return NULL;
}

int sign_author_find(const struct json_node *bundle, const char *wanted, size_t wanted_len, const struct json_node **ret_entry)
{
    const struct json_node *composition = json_path(bundle, "entry/0/resource"), *found = NULL;
    const struct json_node *authors = json_get(composition, "author");
    if (!json_equals(json_get(bundle, "type"), "document") || !json_equals(json_get(composition, "resourceType"), "Composition") || !json_is(authors, JSON_ARRAY))
        return SIGN_AUTHOR_UNKNOWN;
    for (const struct json_node *a = authors->child; a != NULL; a = a->next) {
        const struct json_node *ref = json_get(a, "reference"), *entry;
        if (!json_is(ref, JSON_STRING) || (wanted != NULL && !text_is(ref, wanted, wanted_len)))
            continue;
        entry = practitioner_entry(bundle, ref->text, ref->len);
        if (entry != NULL && found != NULL && entry != found)
            return SIGN_AUTHOR_AMBIGUOUS;
        found = entry != NULL ? entry : found;
    }
    if (found == NULL)
        return SIGN_AUTHOR_UNKNOWN;
    *ret_entry = found;
    return SIGN_AUTHOR_OK;
}

/* ---- preparing ---- */

/* Signing certificate, then its issuers as far as known, without the root: what x5c carries. Returns how many. */
static size_t build_chain(const struct sign_order *order, X509 *const *given, size_t given_count, X509 *ret_chain[SIGN_CHAIN_MAX])
{
    size_t count = 1;
    ret_chain[0] = given[0];
    while (count < SIGN_CHAIN_MAX) {
        X509 *last = ret_chain[count - 1], *next = NULL;
        for (size_t i = 1; i < given_count && next == NULL; i++)
            if (X509_check_issued(given[i], last) == X509_V_OK)
                next = given[i];
        int known = order->trust != NULL ? sk_X509_num(order->trust->intermediates) : 0;
        for (int i = 0; i < known && next == NULL; i++)
            if (X509_check_issued(sk_X509_value(order->trust->intermediates, i), last) == X509_V_OK)
                next = sk_X509_value(order->trust->intermediates, i);
        if (next == NULL || X509_check_issued(next, next) == X509_V_OK)
            break;
        ret_chain[count++] = next;
    }
    return count;
}

static bool add_x5c(cJSON *header, X509 *const *chain, size_t count)
{
    cJSON *list = cJSON_AddArrayToObject(header, "x5c");
    bool ok = list != NULL;
    for (size_t i = 0; i < count && ok; i++) {
        unsigned char *der = NULL;
        int len = i2d_X509(chain[i], &der);
        struct buf text;
        buf_init(&text, SIGN_JWS_MAX);
        ok = len > 0 && base64_add(&text, der, (size_t)len) == 0 && cJSON_AddItemToArray(list, cJSON_CreateString(text.data));
        buf_free(&text);
        OPENSSL_free(der);
    }
    return ok;
}

/* JAdES baseline B: alg, typ, x5t#S256, x5c, iat; nothing critical, so that every JOSE library can check it. */
static int build_header(const struct sign_order *order, X509 *const *chain, size_t count, const struct sha256 *fingerprint, struct buf *out)
{
    struct buf digest;
    char iat[24], *text = NULL;
    int r = ERR_NOMEM;
    buf_init(&digest, 64);
    cJSON *header = cJSON_CreateObject();
    snprintf(iat, sizeof iat, "%lld", (long long)(order->time_ms / 1000));
    if (header == NULL || base64url_add(&digest, fingerprint->byte, SHA256_BYTES) < 0)
        goto out;
    if (cJSON_AddStringToObject(header, "alg", "RS256") == NULL || cJSON_AddStringToObject(header, "typ", "jose") == NULL ||
        cJSON_AddStringToObject(header, "x5t#S256", digest.data) == NULL || !add_x5c(header, chain, count) ||
        cJSON_AddRawToObject(header, "iat", iat) == NULL)
        goto out;
    text = cJSON_PrintUnformatted(header);
    if (text != NULL)
        r = base64url_add(out, text, strlen(text));
out:
    cJSON_free(text);
    cJSON_Delete(header);
    buf_free(&digest);
    return r;
}

int sign_input_digest(struct bytes header_text, struct bytes payload, struct sha256 *ret_digest, struct err *e)
{
    struct buf encoded;
    struct bytes parts[3] = { header_text, { ".", 1 } };
    buf_init(&encoded, payload.len / 3 * 4 + 8);
    int r = base64url_add(&encoded, payload.data, payload.len);
    parts[2] = buf_bytes(&encoded);
    if (r == 0)
        r = sha256_of_parts(parts, 3, ret_digest);
    buf_free(&encoded);
    return r == 0 ? 0 : err_set(e, (enum err_code)r, r == ERR_NOMEM ? MSG_NOMEM : MSG_INTERNAL, NULL, "digest", NULL);
}

/* Own certificate before the key is touched: a signature that the service would refuse is not worth a PIN. */
static int check_certificate(const struct sign_order *order, X509 *const *given, size_t count, struct err *e)
{
    static const struct { enum msg_id found, said; enum err_code code; } table[] = {
        { MSG_VERIFY_REVOKED, MSG_SIGN_CERT_REVOKED, ERR_UNTRUSTED },
        { MSG_VERIFY_EXPIRED, MSG_SIGN_CERT_ENDED, ERR_INVALID },
    };
    struct sign_report report = { .verdict = SIGN_TOTAL_PASSED };
    int r = sign_certificate_judge(given[0], given + 1, count - 1, order->trust, order->rules, order->time_ms, &report, e);
    if (r < 0)
        return r;
    for (size_t i = 0; i < report.count; i++)
        for (size_t k = 0; k < sizeof table / sizeof table[0]; k++)
            if (report.finding[i].msg == table[k].found)
                return err_set(e, table[k].code, table[k].said, NULL, report.finding[i].arg[0], NULL);
    for (size_t i = 0; i < report.count; i++)
        if (report.finding[i].weight == SIGN_TOTAL_FAILED) {
            char text[ERR_ARG_MAX];   /* code and argument: the sentence itself would have to choose a language */
            snprintf(text, sizeof text, "%s %.120s", msg_get(report.finding[i].msg)->code, report.finding[i].arg[0]);
            return err_set(e, ERR_INVALID, MSG_SIGN_CERT_KIND, NULL, text, NULL);
        }
    return 0;
}

static int check_bundle(const struct sign_order *order, const struct json_node *root, const struct json_node **ret_author, struct err *e)
{
    if (!json_equals(json_get(root, "resourceType"), "Bundle") || !json_equals(json_get(root, "type"), "document"))
        return err_set(e, ERR_INVALID, MSG_SIGN_BUNDLE, NULL, "type", NULL);
    if (json_get(root, "signature") != NULL)
        return err_set(e, ERR_INVALID, MSG_SIGN_ALREADY, NULL, NULL, NULL);
    if (sign_author_find(root, order->author, order->author != NULL ? strlen(order->author) : 0, ret_author) != SIGN_AUTHOR_OK)
        return err_set(e, ERR_INVALID, MSG_SIGN_AUTHOR, NULL, order->author != NULL ? order->author : "-", NULL);
    return 0;
}

static int prepare_texts(const struct sign_order *order, const struct json_node *root, X509 *const *given, size_t count, struct buf *header, struct sign_prepared *p, struct err *e)
{
    struct sha256 fingerprint;
    X509 *chain[SIGN_CHAIN_MAX];
    unsigned len = 0;
    struct buf payload;
    size_t length = build_chain(order, given, count, chain);
    if (X509_digest(given[0], EVP_sha256(), fingerprint.byte, &len) != 1 || build_header(order, chain, length, &fingerprint, header) < 0)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "header", NULL);
    buf_init(&payload, SIGN_PAYLOAD_MAX);
    int r = sign_payload_write(root, order->profile, &payload, e);
    if (r == 0)
        r = sign_input_digest(buf_bytes(header), buf_bytes(&payload), &p->digest, e);
    buf_free(&payload);
    return r;
}

int sign_prepare_chain(const struct sign_order *order, X509 *const *given, size_t count, struct arena *arena, struct sign_prepared *ret_prepared, struct err *e)
{
    struct sign_prepared p = { 0 };
    struct sha256 digest;
    const struct json_node *root = NULL, *author = NULL;
    struct buf header;
    char when[TIME_TEXT_MAX];
    buf_init(&header, SIGN_JWS_MAX);
    int r = sha256_of(order->bundle.data, order->bundle.len, &digest);
    if (r == 0 && memcmp(digest.byte, order->approved.byte, SHA256_BYTES) != 0)
        r = err_set(e, ERR_INVALID, MSG_SIGN_APPROVAL, NULL, NULL, NULL);
    if (r == 0)
        r = json_parse(order->bundle.data, order->bundle.len, NULL, arena, &root, e);
    if (r == 0)
        r = check_bundle(order, root, &author, e);
    if (r == 0)
        r = check_certificate(order, given, count, e);
    if (r == 0)
        r = prepare_texts(order, root, given, count, &header, &p, e);
    if (r < 0)
        goto out;
    sign_format_when(order->profile->when, order->time_ms, when);
    p.splice_at = root->end - 1;
    p.when = arena_strdup(arena, when);
    p.who = json_get_text(arena, author, "fullUrl");
    p.header = (struct bytes){ arena_strndup(arena, header.data, header.len), header.len };
    if (p.when == NULL || p.who == NULL || p.header.data == NULL)
        r = err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "sign", NULL);
    else
        *ret_prepared = p;
out:
    buf_free(&header);
    return r;
}

int sign_chain_read(const struct bytes *list, size_t count, X509 *ret_chain[SIGN_CHAIN_MAX], size_t *ret_count, struct err *e)
{
    *ret_count = 0;
    if (count == 0)
        return err_set(e, ERR_INVALID, MSG_SIGN_NO_CERTIFICATE, NULL, NULL, NULL);
    for (size_t i = 0; i < count && i < SIGN_CHAIN_MAX; i++) {
        ret_chain[i] = sign_x509_read(list[i]);
        if (ret_chain[i] == NULL)
            return err_set(e, ERR_SYNTAX, MSG_SIGN_CERT_FORM, NULL, "x5c", NULL);
        ++*ret_count;
    }
    return 0;
}

int sign_prepare(const struct sign_order *order, const struct bytes *chain, size_t chain_count, struct arena *arena, struct sign_prepared *ret_prepared, struct err *e)
{
    X509 *given[SIGN_CHAIN_MAX] = { NULL };
    size_t count = 0;
    int r = sign_chain_read(chain, chain_count, given, &count, e);
    if (r == 0)
        r = sign_prepare_chain(order, given, count, arena, ret_prepared, e);
    for (size_t i = 0; i < count; i++)
        X509_free(given[i]);
    return r;
}

/* ---- finishing ---- */

static char *signature_json(const struct sign_order *order, const struct sign_prepared *p, const char *data)
{
    char *text = NULL;
    cJSON *root = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(root, "type"), *type = cJSON_CreateObject(), *who;
    if (!cJSON_AddItemToArray(list, type)) {
        cJSON_Delete(type);
        goto out;
    }
    if (cJSON_AddStringToObject(type, "system", sign_type_system) == NULL || cJSON_AddStringToObject(type, "code", sign_type_code) == NULL ||
        cJSON_AddStringToObject(root, "when", p->when) == NULL || (who = cJSON_AddObjectToObject(root, "who")) == NULL ||
        cJSON_AddStringToObject(who, "reference", p->who) == NULL ||
        cJSON_AddStringToObject(root, "targetFormat", target_format[order->profile->canonical]) == NULL ||
        cJSON_AddStringToObject(root, "sigFormat", sign_sig_format) == NULL || cJSON_AddStringToObject(root, "data", data) == NULL)
        goto out;
    text = cJSON_PrintUnformatted(root);
out:
    cJSON_Delete(root);
    return text;
}

int sign_finish_checked(const struct sign_order *order, const struct sign_prepared *prepared, struct bytes sig, X509 *certificate, struct buf *out, struct err *e)
{
    struct buf jws, data;
    char *json = NULL;
    int r = 0;
    buf_init(&jws, SIGN_JWS_MAX);
    buf_init(&data, 2 * SIGN_JWS_MAX);
    if (!sign_rsa_ok(certificate, &prepared->digest, sig)) {
        r = err_set(e, ERR_UNTRUSTED, MSG_SIGN_SELF_CHECK, NULL, NULL, NULL);
        goto out;
    }
    buf_add(&jws, prepared->header.data, prepared->header.len);
    buf_add_str(&jws, "..");
    if (base64url_add(&jws, sig.data, sig.len) == 0 && base64_add(&data, jws.data, jws.len) == 0)
        json = signature_json(order, prepared, data.data);
    if (json == NULL) {
        r = err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "sign", NULL);
        goto out;
    }
    size_t len = strlen(json);
    if (len + sizeof ",\"signature\":" > SIGN_SPLICE_MAX || buf_reserve(out, order->bundle.len + len + sizeof ",\"signature\":") < 0) {
        r = err_set(e, len > SIGN_SPLICE_MAX - 16 ? ERR_LIMIT : (enum err_code)out->failed, MSG_LIMIT, NULL, "signature", NULL);
        goto out;
    }
    buf_add(out, order->bundle.data, prepared->splice_at);
    buf_add_str(out, ",\"signature\":");
    buf_add(out, json, len);
    buf_add(out, order->bundle.data + prepared->splice_at, order->bundle.len - prepared->splice_at);
out:
    cJSON_free(json);
    buf_free(&jws);
    buf_free(&data);
    return r;
}

int sign_finish(const struct sign_order *order, const struct sign_prepared *prepared, struct bytes sig, struct bytes certificate, struct buf *out, struct err *e)
{
    X509 *x = sign_x509_read(certificate);
    int r = x != NULL ? sign_finish_checked(order, prepared, sig, x, out, e) : err_set(e, ERR_SYNTAX, MSG_SIGN_CERT_FORM, NULL, "x5c", NULL);
    X509_free(x);
    return r;
}

/* ---- taking apart ---- */

static int with_signature(struct bytes bundle, struct arena *arena, const struct json_node **ret_signature, struct err *e)
{
    const struct json_node *root = NULL, *signature;
    if (arena == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "sign", NULL);
    int r = json_parse(bundle.data, bundle.len, NULL, arena, &root, e);
    if (r < 0)
        return r;
    signature = json_get(root, "signature");
    if (signature == NULL)
        return err_set(e, ERR_NOTFOUND, MSG_VERIFY_UNSIGNED, NULL, NULL, NULL);
    *ret_signature = signature;
    return 0;
}

int sign_jws_text(struct bytes bundle, struct buf *out, struct err *e)
{
    const struct json_node *signature = NULL, *data;
    struct arena *arena = arena_new(SIGN_ARENA_MAX);
    int r = with_signature(bundle, arena, &signature, e);
    if (r == 0) {
        data = json_get(signature, "data");
        if (!json_is(data, JSON_STRING) || data->len == 0 || base64_decode(out, data->text, data->len, 1) < 0)
            r = err_set(e, ERR_SYNTAX, MSG_VERIFY_FORM, NULL, "data", NULL);
    }
    arena_free(arena);
    return r;
}

/* B as the two parts of the bytes around the signature. */
static int parts_of(struct bytes bundle, const struct json_node *signature, struct bytes ret_part[2], struct err *e)
{
    /* the span begins with the comma before the name; a signature that is the first member has none and is not ours */
    size_t from = signature->key_start;
    while (from > 0 && strchr(" \t\r\n", bundle.data[from - 1]) != NULL && bundle.data[from - 1] != '\0')
        from--;
    if (from == 0 || bundle.data[from - 1] != ',')
        return err_set(e, ERR_INVALID, MSG_VERIFY_FORM, NULL, "signature", NULL);
    ret_part[0] = (struct bytes){ bundle.data, from - 1 };
    ret_part[1] = (struct bytes){ bundle.data + signature->end, bundle.len - signature->end };
    return 0;
}

int sign_unsplice(struct bytes signed_bundle, struct buf *out, struct err *e)
{
    const struct json_node *signature = NULL;
    struct bytes part[2];
    struct arena *arena = arena_new(SIGN_ARENA_MAX);
    int r = with_signature(signed_bundle, arena, &signature, e);
    if (r == 0)
        r = parts_of(signed_bundle, signature, part, e);
    if (r == 0 && (buf_add(out, part[0].data, part[0].len) < 0 || buf_add(out, part[1].data, part[1].len) < 0))
        r = err_set(e, (enum err_code)out->failed, MSG_LIMIT, NULL, "Bundle", NULL);
    arena_free(arena);
    return r;
}

int sign_unsplice_digest(struct bytes signed_bundle, const struct json_node *root, struct sha256 *ret_digest, struct err *e)
{
    const struct json_node *signature = json_get(root, "signature");
    struct bytes part[2];
    int r = signature != NULL ? parts_of(signed_bundle, signature, part, e) : err_set(e, ERR_NOTFOUND, MSG_VERIFY_UNSIGNED, NULL, NULL, NULL);
    if (r == 0 && sha256_of_parts(part, 2, ret_digest) < 0)
        r = err_set(e, ERR_INTERNAL, MSG_INTERNAL, NULL, "digest", NULL);
    return r;
}
