/*
 * NAME
 *      convert_file - look and convert: from a vendor's bytes to Bundles
 *
 * DESCRIPTION
 *      look tells the desk what a file asks for, so that it can settle repeats, Bundle-IDs and attachments. convert makes the work order, builds
 *      or takes each Bundle, checks it with the reading of the service, and answers with one message a unit. Every finding about a Bundle is mapped
 *      back to the vendor's line before it leaves the worker.
 *
 * DIAGNOSTICS
 *      A unit is answered with the message that refused it; a failure of the worker itself (memory) refuses the whole file with MSG_NOMEM,
 *      which the desk does not take for the vendor's fault.
 */
#include <unistd.h>
#include "adapters/adapter.h"
#include "base/crypt.h"
#include "base/file.h"
#include "chart/source_map.h"
#include "daemon/convert_work.h"
#include "fhir/fhir.h"
#include "flow/flow.h"
#include "report/findings.h"
#include "validate/validate.h"

/* The input of one look or convert. */
struct input {
    struct convert_payload content;
    struct bytes file;
    struct adapter_file beside[CONVERT_FILES_MAX];
    size_t beside_count;
    const char *institution[SETTINGS_MAX];
    struct adapter_options options;
    const struct adapter_ops *adapter;
};

static void input_close(struct input *in)
{
    for (size_t i = 0; i < in->beside_count; i++)
        memfd_unmap(&in->beside[i].content);
    convert_shut(&in->content);
}

static int input_open(struct door *door, struct arena *arena, struct input *in, struct err *e)
{
    struct wire_group cursor = wire_first(&door->in), file;
    const char *code;
    int r;

    memset(in, 0, sizeof *in);
    r = convert_open(door, F_CONTENT, &in->content, e);
    in->file = in->content.bytes;
    while (r == 0 && wire_next_group(&cursor, F_FILE, &file) && in->beside_count < CONVERT_FILES_MAX) {
        struct bytes name = wire_group_bytes(&file, F_NAME);
        struct adapter_file *f = &in->beside[in->beside_count];
        f->name = arena_strndup(arena, name.data, name.len);
        r = f->name == NULL ? err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "convert", NULL) : convert_map(wire_group_take_fd(&file, F_CONTENT), &f->content, e);
        if (r == 0)
            in->beside_count++;
    }
    cursor = wire_first(&door->in);
    while (wire_next_text(&cursor, F_FACILITY, &code) && in->options.institution_count < SETTINGS_MAX)
        in->institution[in->options.institution_count++] = code;
    in->options.institutions = in->institution;
    in->options.now_ms = wire_i64(&door->in, F_TIME);
    if (r == 0) {
        in->adapter = adapter_choose(wire_text(&door->in, F_FORMAT), in->file.data, in->file.len);
        if (in->adapter == NULL)
            r = err_set(e, ERR_UNSUPPORTED, MSG_INTERNAL, NULL, "format", wire_text(&door->in, F_FORMAT));
    }
    if (r < 0)
        input_close(in);
    return r;
}

static int text_fd(const char *text)
{
    return text == NULL ? -1 : memfd_seal("clinsgw-text", text, strlen(text), NULL);
}

/* A text that no row holds is the name of nothing: it is left out, never cut, and reading refuses it at its place. */
static const char *fitting(const char *text, size_t size, bool *ret_fits)
{
    bool fits = text == NULL || strlen(text) < size;

    *ret_fits = *ret_fits && fits;
    return fits ? text : NULL;
}

static void put_unit(struct wire_out *out, size_t index, const struct adapter_look_unit *u)
{
    bool fits = true;
    const char *key = fitting(u->key, FLOW_KEY, &fits), *chart = fitting(u->chart_number, FLOW_CHART, &fits), *bundle_id = fitting(u->bundle_id, FLOW_BUNDLE_ID, &fits);
    const char *insured = fitting(u->insured, FLOW_INSURED, &fits), *signer = fitting(u->signer, FLOW_SIGNER, &fits);

    wire_group_begin(out, F_UNIT);
    wire_put_u64(out, F_INDEX, index);
    wire_put_u64(out, F_KIND, u->kind);
    wire_put_u64(out, F_OPERATION, u->operation);
    wire_put_u64(out, F_VALID, u->valid && fits);
    wire_put_u64(out, F_INCOMPLETE, u->incomplete);
    wire_put_u64(out, F_EMPTIED, u->emptied);
    wire_put_u64(out, F_READY, u->ready);
    wire_put_u64(out, F_SIGN, u->sign);
    wire_put_text(out, F_KEY, key);
    wire_put_text(out, F_CHART, chart);
    wire_put_text(out, F_BUNDLE_ID, bundle_id);
    wire_put_text(out, F_INSURED, insured);
    wire_put_text(out, F_SIGNER, signer);
    wire_group_end(out);
}

static void copy_issues(struct issue_list *to, const struct issue_list *from)
{
    for (const struct issue *i = from->first; i != NULL; i = i->next) {
        struct issue *copy = issues_add(to, i->severity, i->msg, i->rule, i->arg1, i->arg2);
        if (copy != NULL) {
            struct issue *next = copy->next;
            *copy = *i;
            copy->next = next;
        }
    }
}

/* A cancel is taken at its word and never converted: what reading finds wrong in it, or in the head that it shares with the other units, is said here or never. */
static int hear_cancels(const struct input *in, const struct adapter_look *look, struct arena *arena, struct issue_list *issues, struct err *e)
{
    struct order *order = NULL;
    bool any = false;
    int r;

    for (size_t i = 0; i < look->unit_count; i++)
        any = any || look->unit[i].operation == ORDER_CANCEL;
    if (!any || !issues_ok(issues))
        return 0;
    r = in->adapter->read(in->file, in->beside, in->beside_count, &in->options, arena, &order, e);
    if (r < 0)
        return r;
    if (!issues_ok(&order->issues))
        copy_issues(issues, &order->issues);
    for (size_t i = 0; i < order->unit_count; i++)
        if (order->unit[i].operation == ORDER_CANCEL && !issues_ok(&order->unit[i].issues))
            copy_issues(issues, &order->unit[i].issues);
    return 0;
}

void convert_look(struct door *door, struct convert_world *world)
{
    struct input in;
    struct issue_list issues;
    struct adapter_look *look = NULL;
    struct err e = ERR_INIT;
    uint64_t order = wire_u64(&door->in, F_ORDER);
    enum msg_id verdict;
    int findings, x = -1, r;

    issues_init(&issues, world->arena);
    r = input_open(door, world->arena, &in, &e);
    if (r == 0)
        r = in.adapter->look(in.file, in.beside, in.beside_count, &in.options, world->arena, &look, &issues, &e);
    if (r == 0)
        r = hear_cancels(&in, look, world->arena, &issues, &e);
    verdict = r < 0 ? e.msg : convert_verdict(&issues);
    wire_begin(&door->out, WIRE_LOOKED);
    wire_put_u64(&door->out, F_ORDER, order);
    wire_put_u64(&door->out, F_MSG, verdict);
    wire_put_u64(&door->out, F_ALL_OR_NONE, look != NULL && look->all_or_none);
    if (look != NULL) {
        x = text_fd(look->x_json);
        wire_put_text(&door->out, F_REQUEST_ID, fitting(look->request_id, FLOW_REQUEST_ID, &(bool){ true }));
        wire_put_fd(&door->out, F_X, x);
        for (size_t i = 0; i < look->unit_count; i++)
            put_unit(&door->out, i, &look->unit[i]);
        for (size_t i = 0; i < look->attachment_count; i++)
            wire_put_text(&door->out, F_ATTACHMENT, look->attachment[i]);
    }
    findings = convert_put_findings(&door->out, &issues, true); /* last: units and names have the room that they need */
    door_send(door);
    if (findings >= 0)
        close(findings);
    if (x >= 0)
        close(x);
    if (in.adapter != NULL)
        input_close(&in);
}

/* ---- convert ---- */

/* One unit on its way to an answer. */
struct product {
    struct issue_list issues;
    struct source_map *map;
    struct bytes bundle;              /* built (owned by `built`) or ready */
    struct buf built;
    struct fhir_bundle_facts facts;
    uint64_t signature;               /* 0 none, 1 wanted, 2 present */
    const char *signer;
};

static const struct settings_facility *facility_of(const struct door *door, const struct input *in)
{
    int i = in->options.institution_count == 0 ? -1 : settings_find_facility(door->settings, in->institution[0]);
    return i < 0 ? NULL : &door->settings->facility[i];
}

/* Whether and by whom the unit is to be signed; a Bundle that came unsigned where a signature is required is refused. */
static void settle_signature(const struct door *door, const struct input *in, const struct order_unit *unit, struct product *p)
{
    const struct settings_facility *facility = facility_of(door, in);

    if (unit->kind != CHART_LETTER || facility == NULL)
        return;
    if (p->facts.has_signature) {
        p->signature = 2;
        return;
    }
    if (unit->ready.data != NULL && !unit->sign) {
        if (facility->signing == SIGNING_REQUIRE)
            issues_add(&p->issues, MSG_ERROR, MSG_SIGN_READY_UNSIGNED, NULL, NULL, NULL);
        return;
    }
    p->signer = unit->signer != NULL ? unit->signer : facility->signer;
    p->signature = facility->signing != SIGNING_NEVER && p->signer != NULL;
    if (facility->signing == SIGNING_REQUIRE && (p->signer == NULL || settings_find_signer(door->settings, p->signer) < 0))
        issues_add(&p->issues, MSG_ERROR, MSG_SIGN_UNKNOWN_SIGNER, NULL, p->signer, NULL);
}

static void check_size(const struct exchange_profile *profile, struct product *p)
{
    char have[32], limit[32];
    size_t bound = exchange_size_bound(p->bundle.len + (p->signature == 1 ? SIGN_SPLICE_MAX : 0));

    if (profile == NULL || bound <= (size_t)profile->size_limit)
        return;
    snprintf(have, sizeof have, "%zu", bound);
    snprintf(limit, sizeof limit, "%lld", (long long)profile->size_limit);
    issues_add(&p->issues, MSG_ERROR, MSG_EXCHANGE_TOO_LARGE, NULL, have, limit);
}

static int build_bundle(struct door *door, struct convert_world *world, const struct order_unit *unit, size_t index, const char *bundle_id, struct product *p, struct err *e)
{
    struct fhir_options options;
    struct bytes seed = wire_bytes(&door->in, F_SEED);
    struct bytes parts[2];
    uint64_t number = index;
    struct sha256 own;
    int r;

    fhir_options_init(&options);
    options.bundle_id = bundle_id;
    options.now_ms = wire_i64(&door->in, F_TIME);
    parts[0] = seed;
    parts[1] = (struct bytes){ (const char *)&number, sizeof number };
    r = sha256_of_parts(parts, 2, &own); /* each unit its own uuids */
    if (r < 0)
        return err_set(e, r, MSG_INTERNAL, NULL, "seed", NULL);
    memcpy(options.seed, own.byte, sizeof options.seed);
    r = fhir_build_bundle(unit->chart, &options, world->arena, &p->built, p->map, &p->issues, e);
    p->bundle = buf_bytes(&p->built);
    return r;
}

static int make_product(struct door *door, struct convert_world *world, const struct input *in, const struct order *order, const struct order_unit *unit,
                        size_t index, const char *bundle_id, struct product *p, struct err *e)
{
    struct validate_request check = { .set = world->set, .terms = &world->terms, .session = world->session, .reading = VALIDATE_SERVICE };
    int r = 0;

    p->issues = unit->issues;
    p->map = source_map_new(world->arena);
    if (p->map == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "convert", NULL);
    copy_issues(&p->issues, &order->issues); /* the file's own findings stand with each unit */
    if (!issues_ok(&p->issues) || unit->operation == ORDER_CANCEL)
        return 0;
    if (unit->ready.data != NULL)
        p->bundle = unit->ready;
    else
        r = build_bundle(door, world, unit, index, bundle_id, p, e);
    if (r == ERR_INVALID && p->issues.errors > 0)
        return 0;
    if (r < 0)
        return r;
    check.bytes = p->bundle.data;
    check.len = p->bundle.len;
    if (json_parse(p->bundle.data, p->bundle.len, NULL, world->arena, &check.root, e) == ERR_NOMEM)
        return ERR_NOMEM;
    r = validate_bytes(&check, &p->issues, e); /* which reads again what cannot be read, and says so */
    if (r == 0 && p->issues.errors == 0)
        r = fhir_read_root_facts(check.root, world->arena, &p->facts, e);
    if (r < 0)
        return r;
    settle_signature(door, in, unit, p);
    source_map_apply(p->map, &p->issues);
    check_size(convert_profile(door, world, wire_text(&door->in, F_PROFILE)), p);
    return 0;
}

static void send_unit(struct door *door, uint64_t order, uint64_t index, const struct order_unit *unit, const struct product *p, enum msg_id verdict)
{
    struct wire_out *out = &door->out;
    int fd[3] = { -1, -1, -1 };
    struct buf map;
    bool made;

    buf_init(&map, 64 << 20);
    made = verdict == MSG_NONE && p->bundle.data != NULL && source_map_write(p->map, &map) == 0;
    if (verdict == MSG_NONE && p->bundle.data != NULL && !made)
        verdict = MSG_NOMEM;
    wire_begin(out, WIRE_CONVERTED_UNIT);
    wire_put_u64(out, F_ORDER, order);
    wire_put_u64(out, F_INDEX, index);
    wire_put_u64(out, F_MSG, verdict);
    wire_put_u64(out, F_KIND, unit->kind);
    fd[0] = convert_put_findings(out, &p->issues, wire_u64(&door->in, F_ADVICE) != 0);
    if (made) {
        fd[1] = convert_put(out, F_CONTENT, p->bundle);
        fd[2] = convert_put(out, F_SOURCE_MAP, buf_bytes(&map));
        wire_put_u64(out, F_SIZE, p->bundle.len);
        wire_put_text(out, F_INSURED, p->facts.insured);
        wire_put_text(out, F_RECEIVER, p->facts.receiver);
        wire_put_text(out, F_BUNDLE_ID, p->facts.bundle_id);
        wire_put_u64(out, F_SIGNED, p->signature);
        if (p->signature == 1)
            wire_put_text(out, F_SIGNER, p->signer);
    } else if (unit->operation == ORDER_CANCEL) {
        wire_put_text(out, F_INSURED, unit->insured);
    }
    if (unit->chart != NULL && unit->chart->letter != NULL)
        wire_put_u64(out, F_CONSENT, (uint64_t)unit->chart->letter->consent + 1);
    door_send(door);
    for (size_t i = 0; i < sizeof fd / sizeof *fd; i++)
        if (fd[i] >= 0)
            close(fd[i]);
    buf_free(&map);
}

static enum msg_id convert_one(struct door *door, struct convert_world *world, const struct input *in, const struct order *order, uint64_t number,
                               uint64_t index, const char *bundle_id)
{
    struct product *p = arena_alloc(world->arena, sizeof *p);
    struct err e = ERR_INIT;
    enum msg_id verdict;
    int r;

    if (p == NULL)
        return MSG_NOMEM;
    if (index >= order->unit_count)
        return MSG_INTERNAL;
    buf_init(&p->built, DOOR_PAYLOAD_MAX);
    r = make_product(door, world, in, order, &order->unit[index], index, bundle_id, p, &e);
    if (r == 0) {
        verdict = convert_verdict(&p->issues);
        send_unit(door, number, index, &order->unit[index], p, verdict);
    }
    buf_free(&p->built);
    return r < 0 ? e.msg : MSG_NONE;
}

struct asking { const struct code_map *map; };

/* order_code_map over the facility's file: the lists that would do are asked in their order. */
static int ask_map(void *context, enum chart_kind kind, const enum chart_system *systems, size_t count, const struct chart_concept *concept, const struct chart_text *material,
                   struct chart_coding *ret_coding)
{
    const struct asking *asking = context;

    (void)kind;
    for (size_t i = 0; i < count; i++) {
        const struct code_map_entry *entry = code_map_find(asking->map, chart_system_name(systems[i]), concept->local_code.text, material == NULL ? NULL : material->text);
        if (entry == NULL)
            continue;
        *ret_coding = (struct chart_coding){ .system = systems[i], .code.text = entry->code, .display.text = entry->name[0] == '\0' ? NULL : entry->name };
        return 0;
    }
    return ERR_NOTFOUND;
}

/* The map of the facility that the order is for: the first code that it names. */
static const struct code_map *map_of(const struct door *door, const struct convert_world *world, const struct input *in)
{
    int facility = in->options.institution_count == 0 ? -1 : settings_find_facility(door->settings, in->institution[0]);

    return facility < 0 ? NULL : world->map[facility];
}

void convert_convert(struct door *door, struct convert_world *world)
{
    struct input in;
    struct order *order = NULL;
    struct wire_group cursor, unit;
    struct err e = ERR_INIT;
    uint64_t number = wire_u64(&door->in, F_ORDER), count = 0;
    enum msg_id failed = MSG_NONE;
    int r = input_open(door, world->arena, &in, &e);

    if (r == 0)
        r = in.adapter->read(in.file, in.beside, in.beside_count, &in.options, world->arena, &order, &e);
    if (r == 0)
        r = order_settle_codes(order, ask_map, &(struct asking){ map_of(door, world, &in) }, &e);
    failed = r < 0 ? e.msg : MSG_NONE;
    cursor = wire_first(&door->in);
    while (failed == MSG_NONE && wire_next_group(&cursor, F_UNIT, &unit)) {
        failed = convert_one(door, world, &in, order, number, wire_group_u64(&unit, F_INDEX), wire_group_text(&unit, F_BUNDLE_ID));
        count++;
    }
    wire_begin(&door->out, WIRE_CONVERTED);
    wire_put_u64(&door->out, F_ORDER, number);
    wire_put_u64(&door->out, F_COUNT_UNITS, count);
    wire_put_u64(&door->out, F_MSG, failed);
    door_send(door);
    if (in.adapter != NULL)
        input_close(&in);
}
