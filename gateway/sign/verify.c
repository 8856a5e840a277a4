/*
 * NAME
 *     verify.c - judges the signature of a Bundle, or a certificate as a signer
 *
 * SYNOPSIS
 *     sign_verify_bundle(bytes, &profile, trust, &rules, now, arena, &report, &e);
 *
 * DESCRIPTION
 *     The verdicts are those of EN 319 102-1, with a fourth for a Bundle that carries no signature, which this channel permits. Failed means
 *     that the bytes differ or that the signer may not sign; undecided means that something is missing here (anchor, list, time-stamp
 *     check). A letter is shown in every case; only its label differs. Without a time-stamp the time of validation is the caller's
 *     time_ms; `when` and iat are compared as whole seconds, since profiles differ in the fraction.
 *
 * DIAGNOSTICS
 *     Findings CG-6040 to CG-6061.
 */
#include "base/text.h"
#include "sign/internal.h"

static const char *const policies[] = { "1.2.392.100495.1.5.1.1.0.1", NULL };
static const char *const roles[] = { "Medical Doctor", "Dentist", NULL };

const struct sign_rules sign_rules_default = { policies, roles, true, 5 * 60 * 1000 };

const char *sign_verdict_name(enum sign_verdict verdict)
{
    static const char *const name[] = {
        [SIGN_UNSIGNED] = "unsigned", [SIGN_TOTAL_PASSED] = "total_passed", [SIGN_INDETERMINATE] = "indeterminate", [SIGN_TOTAL_FAILED] = "total_failed",
    };
    return name[verdict];
}

void sign_finding_add(struct sign_report *report, enum sign_verdict weight, enum msg_id msg, const char *arg1, const char *arg2)
{
    if (weight > report->verdict)
        report->verdict = weight;
    for (size_t i = 0; i < report->count; i++)
        if (report->finding[i].msg == msg && strcmp(report->finding[i].arg[0], arg1 != NULL ? arg1 : "") == 0)
            return;
    /* the last place is kept for the heaviest: a remark never displaces a failure */
    size_t at = report->count < SIGN_FINDINGS ? report->count++ : SIGN_FINDINGS - 1;
    if (at == SIGN_FINDINGS - 1 && report->count == SIGN_FINDINGS && report->finding[at].weight > weight)
        return;
    struct sign_finding *f = &report->finding[at];
    f->weight = weight;
    f->msg = msg;
    text_copy(f->arg[0], sizeof f->arg[0], arg1 != NULL ? arg1 : "");
    text_copy(f->arg[1], sizeof f->arg[1], arg2 != NULL ? arg2 : "");
}

/* ---- certificate ---- */

static void judge_kind(const struct sign_cert_facts *facts, bool has_policy, const struct sign_rules *rules, struct sign_report *report)
{
    char listed[SIGN_TEXT_MAX] = "-";
    if (!facts->non_repudiation_only)
        sign_finding_add(report, SIGN_TOTAL_FAILED, MSG_VERIFY_KEY_USAGE, NULL, NULL);
    if (!has_policy)
        sign_finding_add(report, SIGN_TOTAL_FAILED, MSG_VERIFY_POLICY, NULL, NULL);
    if (facts->roles > 0)
        text_copy(listed, sizeof listed, facts->role[0]);
    if (!sign_has_role(facts, rules->roles))
        sign_finding_add(report, SIGN_TOTAL_FAILED, MSG_VERIFY_ROLE, listed, NULL);
}

/* Chain, revocation and policy; trust NULL = undecided. */
static int judge_path(struct sign_path *path, const struct sign_trust *trust, int64_t time_ms, struct err *e)
{
    int r = 0;
    path->report.verdict = SIGN_TOTAL_PASSED;
    path->has_policy = sign_x509_has_policy(path->certificate, path->policies);
    if (trust == NULL)
        sign_finding_add(&path->report, SIGN_INDETERMINATE, MSG_VERIFY_CHAIN, "-", NULL);
    else
        r = sign_trust_check(trust, path->certificate, path->extra, path->extra_count, path->revocation, time_ms, &path->report, e);
    if (r == 0 && trust != NULL)
        sign_memory_keep_path(trust->memory, path);
    return r;
}

int sign_certificate_judge(X509 *certificate, X509 *const *extra, size_t extra_count, const struct sign_trust *trust, const struct sign_rules *rules, int64_t time_ms, struct sign_report *report, struct err *e)
{
    struct sign_path path = { .certificate = certificate, .extra_count = extra_count < SIGN_CHAIN_MAX ? extra_count : SIGN_CHAIN_MAX, .second = time_ms / 1000,
                              .revocation = rules->check_revocation, .policies = rules->policies };
    const struct sign_path *known = NULL;
    char end[TIME_TEXT_MAX];
    int r;
    for (size_t i = 0; i < path.extra_count; i++)
        path.extra[i] = extra[i];
    if (trust != NULL)
        known = sign_memory_path(trust->memory, &path);
    if (known == NULL) {
        if (sign_x509_facts(certificate, &path.facts) < 0) {
            sign_finding_add(report, SIGN_TOTAL_FAILED, MSG_VERIFY_FORM, "x5c", NULL);
            return 0;
        }
        r = judge_path(&path, trust, time_ms, e);
        if (r < 0)
            return r;
        known = &path;
    }
    report->certificate = known->facts;
    report->has_certificate = true;
    for (size_t i = 0; i < known->report.count; i++)
        sign_finding_add(report, known->report.finding[i].weight, known->report.finding[i].msg, known->report.finding[i].arg[0], known->report.finding[i].arg[1]);
    if (time_ms < known->facts.not_before_ms || time_ms > known->facts.not_after_ms) {
        time_format_log(known->facts.not_after_ms, end);
        sign_finding_add(report, SIGN_INDETERMINATE, MSG_VERIFY_EXPIRED, end, NULL);
    }
    judge_kind(&known->facts, known->has_policy, rules, report);
    return 0;
}

int sign_verify_certificate(struct bytes certificate, const struct sign_trust *trust, const struct sign_rules *rules, int64_t time_ms, struct sign_report *ret_report, struct err *e)
{
    struct sign_report report = { .verdict = SIGN_TOTAL_PASSED, .iat_ms = -1, .when_ms = -1 };
    X509 *x = sign_x509_read(certificate);
    if (x == NULL)
        return err_set(e, ERR_SYNTAX, MSG_SIGN_CERT_FORM, NULL, "certificate", NULL);
    int r = sign_certificate_judge(x, NULL, 0, trust, rules, time_ms, &report, e);
    X509_free(x);
    if (r == 0)
        *ret_report = report;
    return r;
}

/* ---- Bundle ---- */

static void judge_times(const struct json_node *signature, const struct sign_jws *jws, const struct sign_rules *rules, int64_t now_ms, struct sign_report *report)
{
    const struct json_node *when = json_get(signature, "when");
    if (!json_is(when, JSON_STRING) || time_parse_instant(when->text, when->len, &report->when_ms) < 0)
        sign_finding_add(report, SIGN_TOTAL_FAILED, MSG_VERIFY_FORM, "when", NULL);
    else if (report->when_ms / 1000 != jws->iat_ms / 1000)
        sign_finding_add(report, SIGN_TOTAL_FAILED, MSG_VERIFY_WHEN, NULL, NULL);
    if (jws->iat_ms / 1000 > (now_ms + rules->skew_ms) / 1000)
        sign_finding_add(report, SIGN_TOTAL_FAILED, MSG_VERIFY_TIME, "future", NULL);
    if (report->has_certificate && (jws->iat_ms < report->certificate.not_before_ms || jws->iat_ms > report->certificate.not_after_ms))
        sign_finding_add(report, SIGN_TOTAL_FAILED, MSG_VERIFY_TIME, "certificate", NULL);
}

/* Appends a name without any kind of space; certificates put a full-width one between the names. */
static void add_squeezed(struct buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        if (len - i >= 3 && memcmp(text + i, "\xe3\x80\x80", 3) == 0)
            i += 3;
        else if (text[i] == ' ')
            i++;
        else
            buf_add_char(out, text[i++]);
    }
}

static bool name_fits(const struct json_node *name, const char *wanted)
{
    struct buf whole, parts;
    const struct json_node *text = json_get(name, "text"), *family = json_get(name, "family"), *given = json_get(name, "given");
    buf_init(&whole, 4096);
    buf_init(&parts, 4096);
    if (json_is(text, JSON_STRING))
        add_squeezed(&whole, text->text, text->len);
    if (json_is(family, JSON_STRING))
        add_squeezed(&parts, family->text, family->len);
    for (const struct json_node *g = json_is(given, JSON_ARRAY) ? given->child : NULL; g != NULL; g = g->next)
        if (json_is(g, JSON_STRING))
            add_squeezed(&parts, g->text, g->len);
    bool fits = strcmp(whole.data, wanted) == 0 || strcmp(parts.data, wanted) == 0;
    buf_free(&whole);
    buf_free(&parts);
    return fits;
}

/* A remark only: old characters and readings differ between register and chart. */
static void compare_name(const struct json_node *practitioner, struct sign_report *report)
{
    const struct json_node *names = json_get(practitioner, "name"), *first = json_at(names, 0), *shown = json_get(first, "text");
    struct buf wanted;
    char text[SIGN_TEXT_MAX] = "-";
    bool fits = false;
    if (report->certificate.name_ja[0] == '\0')
        return;
    buf_init(&wanted, 4096);
    add_squeezed(&wanted, report->certificate.name_ja, strlen(report->certificate.name_ja));
    for (const struct json_node *n = json_is(names, JSON_ARRAY) ? names->child : NULL; n != NULL && !fits; n = n->next)
        fits = name_fits(n, wanted.data);
    if (json_is(shown, JSON_STRING))
        snprintf(text, sizeof text, "%.*s", (int)text_cut(shown->text, shown->len, sizeof text - 1), shown->text);
    if (!fits)
        sign_finding_add(report, SIGN_TOTAL_PASSED, MSG_VERIFY_NAME, report->certificate.name_ja, text);
    buf_free(&wanted);
}

static void judge_signer(const struct json_node *root, const struct json_node *signature, struct sign_report *report)
{
    const struct json_node *who = json_path(signature, "who/reference"), *entry = NULL, *type = json_path(signature, "type/0");
    char name[SIGN_TEXT_MAX] = "-";
    if (!json_equals(json_get(type, "system"), sign_type_system) || !json_equals(json_get(type, "code"), sign_type_code))
        sign_finding_add(report, SIGN_TOTAL_FAILED, MSG_VERIFY_FORM, "type", NULL);
    if (json_is(who, JSON_STRING) && sign_author_find(root, who->text, who->len, &entry) == SIGN_AUTHOR_OK) {
        compare_name(json_get(entry, "resource"), report);
        return;
    }
    if (json_is(who, JSON_STRING))
        snprintf(name, sizeof name, "%.*s", (int)text_cut(who->text, who->len, 64), who->text);
    sign_finding_add(report, SIGN_TOTAL_FAILED, MSG_VERIFY_WHO, name, NULL);
}

/* False when the signature does not hold: nothing else is worth saying then. */
static bool check_signature(const struct json_node *root, const struct sign_profile *profile, const struct sign_jws *jws, struct sign_report *report, int *ret_code, struct err *e)
{
    struct buf payload, encoded;
    struct sha256 digest;
    bool same = true;
    buf_init(&payload, SIGN_PAYLOAD_MAX);
    buf_init(&encoded, SIGN_PAYLOAD_MAX / 3 * 4 + 8);
    struct err local = ERR_INIT;
    int r = sign_payload_write(root, profile, &payload, &local);
    if (r == 0 && jws->payload_text.len > 0) {
        r = base64url_add(&encoded, payload.data, payload.len);
        same = encoded.len == jws->payload_text.len && memcmp(encoded.data, jws->payload_text.data, encoded.len) == 0;
    }
    if (r == 0)
        r = sign_input_digest(jws->protected_text, buf_bytes(&payload), &digest, &local);
    if (r == ERR_NOMEM || r == ERR_INTERNAL) {
        err_copy(e, &local);
        *ret_code = r;
        same = false;
    } else if (r < 0) {
        sign_finding_add(report, SIGN_TOTAL_FAILED, MSG_VERIFY_JSON, local.arg[0], NULL);
        same = false;
    } else if (!same || !sign_rsa_ok(jws->chain[0], &digest, jws->signature)) {
        sign_finding_add(report, SIGN_TOTAL_FAILED, MSG_VERIFY_SIGNATURE, NULL, NULL);
        same = false;
    }
    buf_free(&payload);
    buf_free(&encoded);
    return same;
}

static int judge_signature(const struct json_node *root, const struct json_node *signature, const struct sign_profile *profile, const struct sign_trust *trust,
                           const struct sign_rules *rules, int64_t now_ms, struct arena *arena, struct sign_report *report, struct err *e)
{
    const struct json_node *data = json_get(signature, "data");
    struct sign_jws jws = { .iat_ms = -1 };
    struct buf text;
    int r = 0;
    buf_init(&text, SIGN_JWS_MAX);
    if (!json_is(data, JSON_STRING) || base64_decode(&text, data->text, data->len, 1) < 0) {
        sign_finding_add(report, SIGN_TOTAL_FAILED, MSG_VERIFY_FORM, "data", NULL);
        goto out;
    }
    if (!sign_jws_read(buf_bytes(&text), trust != NULL ? trust->memory : NULL, arena, &jws, report) || !check_signature(root, profile, &jws, report, &r, e))
        goto out;
    report->iat_ms = jws.iat_ms;
    report->has_timestamp = jws.has_timestamp;
    r = sign_certificate_judge(jws.chain[0], jws.chain + 1, jws.chain_count - 1, trust, rules, now_ms, report, e);
    if (r < 0)
        goto out;
    judge_times(signature, &jws, rules, now_ms, report);
    judge_signer(root, signature, report);
    if (jws.has_timestamp)
        sign_finding_add(report, SIGN_INDETERMINATE, MSG_VERIFY_TIMESTAMP, NULL, NULL);
out:
    sign_jws_clear(&jws);
    buf_free(&text);
    return r;
}

int sign_verify_bundle(struct bytes bundle, const struct sign_profile *profile, const struct sign_trust *trust, const struct sign_rules *rules,
                       int64_t time_ms, struct arena *arena, struct sign_report *ret_report, struct err *e)
{
    struct sign_report report = { .verdict = SIGN_TOTAL_PASSED, .iat_ms = -1, .when_ms = -1 };
    const struct json_node *root = NULL;
    struct err local = ERR_INIT;
    int r = json_parse(bundle.data, bundle.len, NULL, arena, &root, &local);
    if (r == 0)
        return sign_verify_root(root, profile, trust, rules, time_ms, arena, ret_report, e);
    if (r == ERR_NOMEM) {
        err_copy(e, &local);
        return r;
    }
    sign_finding_add(&report, SIGN_TOTAL_FAILED, MSG_VERIFY_JSON, msg_get(local.msg)->code, NULL);
    *ret_report = report;
    return 0;
}

int sign_verify_root(const struct json_node *root, const struct sign_profile *profile, const struct sign_trust *trust, const struct sign_rules *rules,
                     int64_t time_ms, struct arena *arena, struct sign_report *ret_report, struct err *e)
{
    struct sign_report report = { .verdict = SIGN_TOTAL_PASSED, .iat_ms = -1, .when_ms = -1 };
    const struct json_node *signature = json_get(root, "signature");
    int r;
    if (root->type != JSON_OBJECT) {
        sign_finding_add(&report, SIGN_TOTAL_FAILED, MSG_VERIFY_JSON, "Bundle", NULL);
    } else if (signature == NULL) {
        report.verdict = SIGN_UNSIGNED;
        sign_finding_add(&report, SIGN_UNSIGNED, MSG_VERIFY_UNSIGNED, NULL, NULL);
    } else {
        r = judge_signature(root, signature, profile, trust, rules, time_ms, arena, &report, e);
        if (r < 0)
            return r;
    }
    *ret_report = report;
    return 0;
}

void sign_report_issues(const struct sign_report *report, struct issue_list *list)
{
    static const enum msg_severity severity[] = {
        [SIGN_UNSIGNED] = MSG_INFO, [SIGN_TOTAL_PASSED] = MSG_INFO, [SIGN_INDETERMINATE] = MSG_WARNING, [SIGN_TOTAL_FAILED] = MSG_ERROR,
    };
    for (size_t i = 0; i < report->count; i++) {
        const struct sign_finding *f = &report->finding[i];
        struct issue *n = issues_add(list, severity[f->weight], f->msg, NULL, f->arg[0], f->arg[1]);
        if (n != NULL)
            n->location = "Bundle.signature";
    }
}
