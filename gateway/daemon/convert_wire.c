/*
 * NAME
 *      convert_wire - check, build and read: what goes to the service and what comes back
 *
 * DESCRIPTION
 *      check judges the signature of bytes that are about to be sent and validates them again. build prints the finished request. read takes an
 *      answer apart and maps the places it names to the vendor's lines.
 */
#include <unistd.h>
#include "base/crypt.h"
#include "base/file.h"
#include "chart/source_map.h"
#include "daemon/convert_work.h"
#include "validate/validate.h"

static int map_field(struct door *door, enum wire_field field, struct bytes *ret_bytes, struct err *e)
{
    int fd = wire_take_fd(&door->in, field), r = 0;

    if (fd >= 0) {
        r = memfd_map(fd, DOOR_PAYLOAD_MAX, ret_bytes, e);
        close(fd);
    }
    return r;
}

/* The bytes are those that were approved: without the signature they have the approved digest. */
static int check_approval(struct bytes bundle, struct bytes digest, struct issue_list *issues, struct err *e)
{
    struct buf plain;
    struct sha256 got;
    int r;

    buf_init(&plain, DOOR_PAYLOAD_MAX);
    r = sign_unsplice(bundle, &plain, e);
    if (r == 0)
        r = sha256_of(plain.data, plain.len, &got);
    if (r == ERR_INVALID || r == ERR_NOTFOUND || (r == 0 && memcmp(got.byte, digest.data, sizeof got.byte) != 0)) {
        issues_add(issues, MSG_ERROR, MSG_SIGN_APPROVAL, NULL, NULL, NULL);
        r = 0;
    }
    buf_free(&plain);
    return r;
}

void convert_check(struct door *door, struct convert_world *world)
{
    struct bytes bundle = { NULL, 0 }, digest = wire_bytes(&door->in, F_DIGEST);
    struct issue_list issues;
    struct sign_report report;
    struct validate_request check = { .reading = VALIDATE_SERVICE };
    struct err e = ERR_INIT;
    uint64_t order = wire_u64(&door->in, F_ORDER);
    int findings, r;

    memset(&report, 0, sizeof report);
    issues_init(&issues, world->arena);
    r = map_field(door, F_CONTENT, &bundle, &e);
    if (r == 0 && digest.len == SHA256_BYTES)
        r = check_approval(bundle, digest, &issues, &e);
    if (r == 0)
        r = sign_verify_bundle(bundle, &sign_profile_default, world->trust, &sign_rules_default, wire_i64(&door->in, F_TIME), world->arena, &report, &e);
    if (r == 0) {
        sign_report_issues(&report, &issues);
        check.bytes = bundle.data;
        check.len = bundle.len;
        r = validate_bytes(&check, &issues, &e);
    }
    findings = convert_findings_fd(&issues);
    wire_begin(&door->out, WIRE_CHECKED);
    wire_put_u64(&door->out, F_ORDER, order);
    wire_put_u64(&door->out, F_MSG, r < 0 ? e.msg : convert_verdict(&issues));
    wire_put_u64(&door->out, F_SIGNATURE, report.verdict);
    wire_put_fd(&door->out, F_ISSUES, findings);
    door_send(door);
    if (findings >= 0)
        close(findings);
    memfd_unmap(&bundle);
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
    struct buf request;
    struct sha256 digest;
    struct err e = ERR_INIT;
    uint64_t order = wire_u64(&door->in, F_ORDER);
    int fd = -1, r;

    buf_init(&request, DOOR_PAYLOAD_MAX);
    r = profile == NULL ? err_set(&e, ERR_NOTFOUND, MSG_INTERNAL, NULL, "profile", NULL) : map_field(door, F_CONTENT, &fields.bundle, &e);
    if (r == 0)
        r = exchange_build(profile, (int)wire_u64(&door->in, F_OPERATION), (enum exchange_form)wire_u64(&door->in, F_FORM), &fields, &request, &e);
    if (r == 0)
        r = sha256_of(request.data, request.len, &digest);
    if (r == 0)
        r = fd = memfd_seal("clinsgw-request", request.data, request.len, &e);
    wire_begin(&door->out, WIRE_BUILT);
    wire_put_u64(&door->out, F_ORDER, order);
    wire_put_u64(&door->out, F_MSG, r < 0 ? e.msg : MSG_NONE);
    wire_put_u64(&door->out, F_SIZE, request.len);
    if (r >= 0) {
        wire_put_fd(&door->out, F_CONTENT, fd);
        wire_put_bytes(&door->out, F_DIGEST, digest.byte, sizeof digest.byte);
    }
    door_send(door);
    if (fd >= 0)
        close(fd);
    buf_free(&request);
    if (fields.bundle.data != NULL)
        memfd_unmap(&fields.bundle);
}

/* The service's findings as issues at the vendor's lines. */
static void answer_findings(struct convert_world *world, const struct exchange_answer *answer, struct bytes map_bytes, struct issue_list *issues)
{
    struct source_map *map = NULL;

    for (size_t i = 0; i < answer->check_count; i++) {
        struct issue *issue = issues_add(issues, MSG_ERROR, MSG_SERVICE_FINDING, answer->check[i].code, answer->check[i].code, answer->check[i].message);
        if (issue != NULL && answer->check[i].location[0] != '\0')
            issue->location = answer->check[i].location;
    }
    for (size_t i = 0; i < answer->verify_count; i++)
        if (!answer->verify[i].valid)
            issues_add(issues, MSG_ERROR, MSG_SERVICE_FINDING, answer->verify[i].status, "署名検証", answer->verify[i].message);
    if (map_bytes.len > 0 && source_map_read(map_bytes.data, map_bytes.len, world->arena, &map, NULL) == 0)
        source_map_apply(map, issues);
}

void convert_read(struct door *door, struct convert_world *world)
{
    const struct exchange_profile *profile = convert_profile(door, world, wire_text(&door->in, F_PROFILE));
    struct bytes bytes = { NULL, 0 }, map = { NULL, 0 };
    struct exchange_answer answer;
    struct issue_list issues;
    struct err e = ERR_INIT;
    uint64_t order = wire_u64(&door->in, F_ORDER);
    int findings = -1, r;

    memset(&answer, 0, sizeof answer);
    issues_init(&issues, world->arena);
    r = profile == NULL ? err_set(&e, ERR_NOTFOUND, MSG_INTERNAL, NULL, "profile", NULL) : map_field(door, F_CONTENT, &bytes, &e);
    if (r == 0)
        r = map_field(door, F_SOURCE_MAP, &map, &e);
    if (r == 0)
        r = exchange_read(profile, (int)wire_u64(&door->in, F_OPERATION), (enum exchange_form)wire_u64(&door->in, F_FORM),
                          (enum exchange_answer_kind)wire_u64(&door->in, F_ANSWER_KIND), bytes, world->arena, &answer, &e);
    if (r == 0)
        answer_findings(world, &answer, map, &issues);
    if (r == 0 && issues.count > 0)
        findings = convert_findings_fd(&issues);
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
        wire_put_fd(&door->out, F_ISSUES, findings);
    }
    door_send(door);
    if (findings >= 0)
        close(findings);
    if (bytes.data != NULL)
        memfd_unmap(&bytes);
    if (map.data != NULL)
        memfd_unmap(&map);
}
