/*
 * NAME
 *      convert_wire - check, build, read and read_notice: what goes to the service and what comes back
 *
 * DESCRIPTION
 *      check judges the signature of bytes that are about to be sent and validates them again. build prints the finished request. read takes an
 *      answer apart and maps the places it names to the vendor's lines; read_notice does the same with what nobody asked for.
 */
#include <unistd.h>
#include "base/crypt.h"
#include "base/file.h"
#include "chart/source_map.h"
#include "daemon/convert_work.h"
#include "validate/validate.h"

/* The bytes are those that were approved: without the signature they have the approved digest. */
static int check_approval(struct bytes bundle, const struct json_node *root, struct bytes digest, struct issue_list *issues, struct err *e)
{
    struct sha256 got;
    int r = sign_unsplice_digest(bundle, root, &got, e);

    if (r == ERR_INVALID || r == ERR_NOTFOUND || (r == 0 && memcmp(got.byte, digest.data, sizeof got.byte) != 0)) {
        issues_add(issues, MSG_ERROR, MSG_SIGN_APPROVAL, NULL, NULL, NULL);
        r = 0;
    }
    return r;
}

/* Signature and content; the bytes are read once for all that is asked of them. Bytes that came in ready and are no JSON are found by each on its own. */
static int check_bytes(struct bytes bundle, struct bytes digest, int64_t time_ms, struct convert_world *world, struct sign_report *report, struct issue_list *issues, struct err *e)
{
    struct validate_request check = { .bytes = bundle.data, .len = bundle.len, .set = world->set, .terms = &world->terms, .session = world->session, .reading = VALIDATE_SERVICE };
    bool approved = digest.len == SHA256_BYTES;
    int r = json_parse(bundle.data, bundle.len, NULL, world->arena, &check.root, e);

    if (r < 0 && !approved && r != ERR_NOMEM)
        r = sign_verify_bundle(bundle, &sign_profile_default, world->trust, &sign_rules_default, time_ms, world->arena, report, e);
    if (r == 0 && approved)
        r = check_approval(bundle, check.root, digest, issues, e);
    if (r == 0 && check.root != NULL)
        r = sign_verify_root(check.root, &sign_profile_default, world->trust, &sign_rules_default, time_ms, world->arena, report, e);
    if (r < 0)
        return r;
    sign_report_issues(report, issues);
    return validate_bytes(&check, issues, e);
}

void convert_check(struct door *door, struct convert_world *world)
{
    struct convert_payload bundle = { .mapped = { NULL, 0 } };
    struct bytes digest = wire_bytes(&door->in, F_DIGEST);
    struct issue_list issues;
    struct sign_report report;
    struct err e = ERR_INIT;
    uint64_t order = wire_u64(&door->in, F_ORDER);
    int findings, r;

    memset(&report, 0, sizeof report);
    issues_init(&issues, world->arena);
    r = convert_open(door, F_CONTENT, &bundle, &e);
    if (r == 0)
        r = check_bytes(bundle.bytes, digest, wire_i64(&door->in, F_TIME), world, &report, &issues, &e);
    wire_begin(&door->out, WIRE_CHECKED);
    wire_put_u64(&door->out, F_ORDER, order);
    wire_put_u64(&door->out, F_MSG, r < 0 ? e.msg : convert_verdict(&issues));
    wire_put_u64(&door->out, F_SIGNATURE, report.verdict);
    findings = convert_put_findings(&door->out, &issues, false);
    door_send(door);
    if (findings >= 0)
        close(findings);
    convert_shut(&bundle);
}

static const char *optional(struct door *door, enum wire_field field)
{
    return wire_has(&door->in, field) ? wire_text(&door->in, field) : NULL;
}

void convert_build(struct door *door, struct convert_world *world)
{
    const struct exchange_profile *profile = convert_profile(door, world, wire_text(&door->in, F_PROFILE));
    struct exchange_fields fields = {
        .institution = wire_text(&door->in, F_INSTITUTION), .identifier = wire_text(&door->in, F_IDENTIFIER), .insured = optional(door, F_INSURED),
        .system = optional(door, F_SYSTEM), .value = optional(door, F_BUNDLE_ID), .kind = (enum exchange_kind)wire_u64(&door->in, F_KIND),
        .consent = (enum exchange_consent)wire_u64(&door->in, F_CONSENT), .receiver = optional(door, F_RECEIVER), .receipt = optional(door, F_RECEIPT),
    };
    struct convert_payload bundle = { .mapped = { NULL, 0 } };
    struct buf request;
    struct err e = ERR_INIT;
    uint64_t order = wire_u64(&door->in, F_ORDER);
    int fd = -1, r;

    buf_init(&request, DOOR_PAYLOAD_MAX);
    r = profile == NULL ? err_set(&e, ERR_NOTFOUND, MSG_INTERNAL, NULL, "profile", NULL) : wire_has(&door->in, F_CONTENT) ? convert_open(door, F_CONTENT, &bundle, &e) : 0;
    fields.bundle = bundle.bytes;
    if (r == 0)
        r = exchange_build(profile, (int)wire_u64(&door->in, F_OPERATION), (enum exchange_form)wire_u64(&door->in, F_FORM), &fields, &request, &e);
    wire_begin(&door->out, WIRE_BUILT);
    wire_put_u64(&door->out, F_ORDER, order);
    wire_put_u64(&door->out, F_MSG, r < 0 ? e.msg : MSG_NONE);
    wire_put_u64(&door->out, F_SIZE, request.len);
    if (r == 0)
        fd = convert_put(&door->out, F_CONTENT, buf_bytes(&request));
    door_send(door);
    if (fd >= 0)
        close(fd);
    buf_free(&request);
    convert_shut(&bundle);
}

/* The service's findings as issues at the vendor's lines. */
static int answer_findings(struct door *door, struct convert_world *world, const struct exchange_answer *answer, struct issue_list *issues, struct err *e)
{
    struct convert_payload text = { .mapped = { NULL, 0 } };
    struct source_map *map = NULL;
    int r;

    for (size_t i = 0; i < answer->check_count; i++) {
        struct issue *issue = issues_add(issues, MSG_ERROR, MSG_SERVICE_FINDING, answer->check[i].code, answer->check[i].code, answer->check[i].message);
        if (issue != NULL && answer->check[i].location[0] != '\0')
            issue->location = answer->check[i].location;
    }
    for (size_t i = 0; i < answer->verify_count; i++)
        if (!answer->verify[i].valid)
            issues_add(issues, MSG_ERROR, MSG_SERVICE_FINDING, answer->verify[i].status, "署名検証", answer->verify[i].message);
    if (issues->count == 0 || !wire_has(&door->in, F_SOURCE_MAP)) /* nearly always: then the map is not even looked at */
        return 0;
    r = convert_open(door, F_SOURCE_MAP, &text, e);
    if (r == 0 && source_map_read(text.bytes.data, text.bytes.len, world->arena, &map, NULL) == 0)
        source_map_apply(map, issues);
    convert_shut(&text);
    return r;
}

void convert_read(struct door *door, struct convert_world *world)
{
    const struct exchange_profile *profile = convert_profile(door, world, wire_text(&door->in, F_PROFILE));
    struct convert_payload bytes = { .mapped = { NULL, 0 } };
    struct exchange_answer answer;
    struct issue_list issues;
    struct err e = ERR_INIT;
    uint64_t order = wire_u64(&door->in, F_ORDER);
    int findings = -1, r;

    memset(&answer, 0, sizeof answer);
    issues_init(&issues, world->arena);
    r = profile == NULL ? err_set(&e, ERR_NOTFOUND, MSG_INTERNAL, NULL, "profile", NULL) : convert_open(door, F_CONTENT, &bytes, &e);
    if (r == 0)
        r = exchange_read(profile, (int)wire_u64(&door->in, F_OPERATION), (enum exchange_form)wire_u64(&door->in, F_FORM),
                          (enum exchange_answer_kind)wire_u64(&door->in, F_ANSWER_KIND), bytes.bytes, world->arena, &answer, &e);
    if (r == 0)
        r = answer_findings(door, world, &answer, &issues, &e);
    wire_begin(&door->out, WIRE_ANSWER);
    wire_put_u64(&door->out, F_ORDER, order);
    wire_put_u64(&door->out, F_MSG, r < 0 ? e.msg : MSG_NONE);
    wire_put_u64(&door->out, F_CLASS, r < 0 ? (uint64_t)EXCHANGE_UNKNOWN : (uint64_t)answer.class);
    wire_put_u64(&door->out, F_MARKS, answer.marks);
    wire_put_u64(&door->out, F_LAYER, (uint64_t)answer.layer);
    wire_put_u64(&door->out, F_DOCUMENT_STATUS, (uint64_t)answer.document_status);
    if (r == 0) {
        wire_put_text(&door->out, F_INSTITUTION, answer.institution);
        wire_put_text(&door->out, F_IDENTIFIER, answer.identifier);
        wire_put_text(&door->out, F_CODE, answer.code);
        wire_put_text(&door->out, F_TEXT, answer.message);
        wire_put_text(&door->out, F_RECEIPT, answer.receipt);
        findings = convert_put_findings(&door->out, &issues, false);
    }
    door_send(door);
    if (findings >= 0)
        close(findings);
    convert_shut(&bytes);
}

void convert_read_notice(struct door *door, struct convert_world *world)
{
    const struct exchange_profile *profile = convert_profile(door, world, wire_text(&door->in, F_PROFILE));
    enum exchange_form form = (enum exchange_form)wire_u64(&door->in, F_FORM);
    struct convert_payload bytes = { .mapped = { NULL, 0 } };
    struct exchange_notice notice = { "", "", "" };
    struct err e = ERR_INIT;
    uint64_t order = wire_u64(&door->in, F_ORDER);
    int r = profile == NULL ? err_set(&e, ERR_NOTFOUND, MSG_INTERNAL, NULL, "profile", NULL) : convert_open(door, F_CONTENT, &bytes, &e);

    if (r == 0)
        r = exchange_notice_read(profile, form, bytes.bytes, world->arena, &notice, &e);
    wire_begin(&door->out, WIRE_NOTICE);
    wire_put_u64(&door->out, F_ORDER, order);
    wire_put_u64(&door->out, F_MSG, r < 0 ? e.msg : MSG_NONE);
    if (r == 0) {
        wire_put_text(&door->out, F_INSTITUTION, notice.institution);
        wire_put_text(&door->out, F_BUNDLE_ID, notice.document);
        wire_put_text(&door->out, F_CODE, notice.result);
    }
    door_send(door);
    convert_shut(&bytes);
}
