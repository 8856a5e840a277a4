/*
 * Any bytes as a Bundle, as the protected header of its signature, or as a certificate: a verdict or an error, never a pass. The canonical form of a
 * canonical form is itself.
 */
#include "sign/sign.h"

static void check(int ok)
{
    if (!ok)
        abort();
}

static void judge(struct bytes bundle, struct arena *arena)
{
    struct sign_report report;
    if (sign_verify_bundle(bundle, &sign_profile_default, NULL, &sign_rules_default, INT64_C(1800000000000), arena, &report, NULL) == 0)
        check(report.verdict != SIGN_TOTAL_PASSED && report.count > 0 && report.count <= SIGN_FINDINGS);
}

static void as_bundle(struct bytes in, struct arena *arena)
{
    struct buf once, twice, out;
    buf_init(&once, 1 << 20);
    buf_init(&twice, 1 << 20);
    buf_init(&out, 1 << 20);
    judge(in, arena);
    if (sign_jcs(in, &once, NULL) == 0) {
        check(sign_jcs(buf_bytes(&once), &twice, NULL) == 0);
        check(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
    }
    sign_canonical_payload(in, &sign_profile_default, &out, NULL);
    buf_reset(&out);
    sign_jws_text(in, &out, NULL);
    buf_reset(&out);
    if (sign_unsplice(in, &out, NULL) == 0)
        check(out.len < in.len);
    buf_free(&once);
    buf_free(&twice);
    buf_free(&out);
}

static void as_header(struct bytes in, struct arena *arena)
{
    struct buf jws, bundle;
    buf_init(&jws, 1 << 20);
    buf_init(&bundle, 1 << 20);
    base64url_add(&jws, in.data, in.len);
    buf_add_str(&jws, "..AAAA");
    buf_add_str(&bundle, "{\"resourceType\":\"Bundle\",\"type\":\"document\",\"signature\":{\"data\":\"");
    base64_add(&bundle, jws.data, jws.len);
    buf_add_str(&bundle, "\"}}");
    judge(buf_bytes(&bundle), arena);
    buf_free(&jws);
    buf_free(&bundle);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(16 << 20);
    struct sign_cert_facts facts;
    if (arena == NULL || size < 1) {
        arena_free(arena);
        return 0;
    }
    struct bytes in = { (const char *)data + 1, size - 1 };
    switch (data[0]) {
    case 'C':
        if (sign_cert_read(in, &facts, NULL) == 0)
            check(facts.roles <= SIGN_ROLES && strlen(facts.subject) < SIGN_TEXT_MAX);
        break;
    case 'H':
        as_header(in, arena);
        break;
    default:
        as_bundle(in, arena);
        break;
    }
    arena_free(arena);
    return 0;
}
