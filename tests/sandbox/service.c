/*
 * NAME
 *     service - one request through the stand-in: read, checked, one transaction, answered
 *
 * DESCRIPTION
 *     Order of the refusals: envelope, sender, Base64 and JSON, Bundle-ID and sender in the Bundle, one type, flags, FHIR check, insured number,
 *     receiver, signature, already there or absent. Whatever fails changes nothing. A change is cancel and register in one transaction.
 *     With two steps the work is done at once and only its answer is withheld: the first answer carries a receipt number.
 */
#include <cjson/cJSON.h>
#include "tests/sandbox/sandbox.h"
#include "base/text.h"
#include "base/timefmt.h"

struct work {
    struct sb *sb;
    struct sb_exchange *x;
    const struct sb_op_info *op;
    struct sb_bundle bundle;
    struct buf bytes;                 /* the decoded Bundle */
    struct sb_registration row;       /* to be put, or what stands under the key */
    const char *effect;               /* for the log: registered overwritten changed cancelled read refused absent none */
    char faults[160];
};

/* ---- opening ---------------------------------------------------------------------------------------------------------------------- */

void service_open(struct sb *sb, struct sb_exchange *x, enum sb_link link, enum sb_op op, bool reused, struct bytes body)
{
    enum sb_code code = SB_BAD_ENVELOPE;
    x->readable = envelope_read(link, op, body, x->arena, &x->request, &code) == 0;
    x->answer = (struct sb_answer){ .code = x->readable ? SB_DONE : code };
    x->answer.institution = x->request.institution[0] != '\0' ? x->request.institution : NULL;
    x->answer.identifier = x->request.identifier[0] != '\0' ? x->request.identifier : NULL;
    pthread_mutex_lock(&sb->lock);
    fault_take(sb->faults, op, link, reused, x->request.institution, x->request.identifier, &x->plan);
    pthread_mutex_unlock(&sb->lock);
}

bool service_may_send(const struct sb *sb, const char *institution, const char *common_name)
{
    for (size_t i = 0; i < sb->options->member_count; i++) {
        const struct sb_member *m = &sb->options->members[i];
        if (strcmp(m->code, institution) == 0 && (common_name == NULL || strcmp(m->common_name, common_name) == 0))
            return true;
    }
    return false;
}

/* ---- checks without the database -------------------------------------------------------------------------------------------------- */

static void read_bundle(struct work *w)
{
    const struct sb_request *q = &w->x->request;
    const struct bytes *in = &q->field[w->op->family == SB_CHART ? SB_CLINICAL_INFO : SB_DOCUMENT_INFO];
    struct sb_bundle *b = &w->bundle;
    *b = (struct sb_bundle){ .arena = w->x->arena, .sender = q->institution, .bundle_id = "", .insured = "", .code = SB_DONE };
    if (base64_decode(&w->bytes, in->data, in->len, 0) < 0 || json_parse(w->bytes.data, w->bytes.len, NULL, w->x->arena, &b->root, NULL) < 0)
        b->code = SB_UNREADABLE;
    else
        check_bundle(b, w->op->family, q->field[SB_CLINICAL_KIND].data);
}

/* A signature is verified when it is there; a letter without one passes unless the switch says otherwise. */
static void check_signature(struct work *w, bool required)
{
    const struct json_node *signature = json_get(w->bundle.root, "signature");
    struct sb_answer *a = &w->x->answer;
    if (w->bundle.code != SB_DONE || (signature == NULL && !(required && w->op->family == SB_DOCUMENT)))
        return;
    const char *why = signature == NULL ? "電子署名がありません。" : sign_verify(w->sb->anchors, w->bundle.root, signature, time_wall_ms());
    a->verify_status = why == NULL ? "1" : "2";
    a->verify_message = why == NULL ? "署名を検証しました。" : why;
}

static void check_key(struct work *w)
{
    const struct sb_request *q = &w->x->request;
    const struct bytes *insured = &q->field[SB_KEY_INSURED], *value = &q->field[SB_KEY_VALUE];
    if (!form_insured(insured->data, insured->len) || strcmp(q->field[SB_KEY_SYSTEM].data, SB_BUNDLE_ID_SYSTEM) != 0 || !form_bundle_id(value->data, value->len))
        w->x->answer.code = SB_BAD_KEY;
    else if (strncmp(value->data, q->institution, 10) != 0)
        w->x->answer.code = SB_NOT_SENDER;
}

/* ---- checks with the database; caller holds the lock ------------------------------------------------------------------------------ */

static int check_tables(struct work *w, struct err *e)
{
    const struct sb_request *q = &w->x->request;
    struct sb_answer *a = &w->x->answer;
    const char *status = NULL, *participates = NULL;
    if (db_insured(w->sb->db, w->bundle.insured, &status, e) < 0)
        return ERR_IO;
    if (status == NULL || strcmp(status, "valid") != 0) {
        a->code = SB_UNKNOWN_INSURED;
        return 0;
    }
    if (q->field[SB_DESTINATION].data != NULL) {
        if (db_institution(w->sb->db, q->field[SB_DESTINATION].data, &participates, e) < 0)
            return ERR_IO;
        if (participates == NULL || strcmp(participates, "yes") != 0)
            a->code = SB_RECEIVER_REFUSES;
    }
    if (a->code == SB_DONE && a->verify_status != NULL && a->verify_status[0] == '2')
        a->code = SB_BAD_SIGNATURE;
    return 0;
}

/* What stands under all three values of the key, in the operation's own family. */
static int find_key(struct work *w, struct sb_registration *ret_row, bool *ret_found, struct err *e)
{
    const struct sb_request *q = &w->x->request;
    int result = db_find(w->sb->db, q->institution, q->field[SB_KEY_VALUE].data, w->x->arena, ret_row, e);
    if (result < 0 && result != ERR_NOTFOUND)
        return result;
    *ret_found = result == 0 && ret_row->family == w->op->family && strcmp(ret_row->insured, q->field[SB_KEY_INSURED].data) == 0;
    return 0;
}

static void fill_row(struct work *w)
{
    const struct sb_request *q = &w->x->request;
    const char *kind = q->field[SB_CLINICAL_KIND].data != NULL ? q->field[SB_CLINICAL_KIND].data : q->field[SB_DOCUMENT_KIND].data;
    struct sha256 digest;
    w->row = (struct sb_registration){
        .institution = q->institution, .insured = w->bundle.insured, .bundle_id = w->bundle.bundle_id, .kind = kind, .family = w->op->family,
        .destination = q->field[SB_DESTINATION].data, .consent = q->field[SB_CONSENT].data, .bytes = buf_bytes(&w->bytes),
        /* spoken consent at the sender: readable at once; the other patterns wait for the patient */
        .status = q->field[SB_CONSENT].data != NULL && strcmp(q->field[SB_CONSENT].data, "1") != 0 ? "1" : "2",
    };
    if (sha256_of(w->bytes.data, w->bytes.len, &digest) == 0)
        sha256_to_hex(&digest, w->row.sha256);
}

/* Register, the second half of a change too: one Bundle-ID stands once in an institution. */
static int put_row(struct work *w, const char *effect, struct err *e)
{
    struct sb_registration old;
    int result = db_find(w->sb->db, w->row.institution, w->row.bundle_id, w->x->arena, &old, e);
    if (result == 0) {
        if (w->sb->settings.refuse_duplicate) {
            w->x->answer.code = SB_ALREADY_THERE;
            return 0;
        }
        result = db_remove(w->sb->db, old.id, e);
        effect = "overwritten";
    } else if (result == ERR_NOTFOUND) {
        result = 0;
    }
    if (result == 0)
        result = db_put(w->sb->db, &w->row, time_wall_ms(), e);
    if (result == 0)
        w->effect = effect;
    return result;
}

static int act(struct work *w, struct err *e)
{
    struct sb_registration old;
    bool found = false;
    int result = 0;
    enum sb_action action = w->op->action;
    if (action != SB_REGISTER && (result = find_key(w, &old, &found, e)) < 0)
        return result;
    if (action != SB_REGISTER && !found) {
        w->x->answer.code = SB_ABSENT;
        w->effect = "absent";
        return 0;
    }
    switch (action) {
    case SB_REGISTER:
        return put_row(w, "registered", e);
    case SB_CHANGE:
        result = db_remove(w->sb->db, old.id, e);
        return result < 0 ? result : put_row(w, "changed", e);
    case SB_CANCEL:
        w->row = old;
        w->effect = "cancelled";
        return db_remove(w->sb->db, old.id, e);
    default:
        w->x->answer.document_status = old.status;
        w->effect = "read";
        return 0;
    }
}

/* ---- receipts --------------------------------------------------------------------------------------------------------------------- */

static char *receipt_store(const struct sb_answer *a)
{
    cJSON *root = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(root, "findings");
    cJSON_AddStringToObject(root, "code", sb_code_get(a->code)->text);
    if (a->verify_status != NULL) {
        cJSON_AddStringToObject(root, "verify", a->verify_status);
        cJSON_AddStringToObject(root, "verify_message", a->verify_message);
    }
    if (a->document_status != NULL)
        cJSON_AddStringToObject(root, "status", a->document_status);
    for (const struct sb_finding *f = a->findings; f != NULL; f = f->next) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "code", f->code);
        cJSON_AddStringToObject(item, "message", f->message);
        cJSON_AddStringToObject(item, "location", f->location);
        cJSON_AddItemToArray(list, item);
    }
    char *text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    return text;
}

static int receipt_load(const char *stored, struct arena *arena, struct sb_answer *a)
{
    const struct json_node *root;
    if (json_parse(stored, strlen(stored), NULL, arena, &root, NULL) < 0)
        return ERR_CORRUPT;
    const char *code = json_get_text(arena, root, "code");
    a->code = code != NULL ? sb_code_by_text(code) : SB_CODE_COUNT;
    a->verify_status = json_get_text(arena, root, "verify");
    a->verify_message = json_get_text(arena, root, "verify_message");
    a->document_status = json_get_text(arena, root, "status");
    const struct sb_finding *first = NULL, **end = &first;
    for (const struct json_node *i = json_get(root, "findings")->child; i != NULL; i = i->next) {
        struct sb_finding *f = arena_alloc(arena, sizeof *f);
        if (f == NULL)
            return ERR_NOMEM;
        *f = (struct sb_finding){ json_get_text(arena, i, "code"), json_get_text(arena, i, "message"), json_get_text(arena, i, "location"), NULL };
        *end = f;
        end = (const struct sb_finding **)&f->next;
    }
    a->findings = first;
    return a->code == SB_CODE_COUNT ? ERR_CORRUPT : 0;
}

/* 処理中: keeps the answer and gives a number instead. */
static int receipt_give(struct work *w, int64_t polls, struct err *e)
{
    struct sb_answer *a = &w->x->answer;
    char *stored = receipt_store(a), number[24];
    if (stored == NULL)
        return err_set(e, ERR_NOMEM, MSG_NONE, NULL, NULL, NULL);
    snprintf(number, sizeof number, "%018llu", (unsigned long long)(++w->sb->serial + (uint64_t)time_wall_ms() * 1000));
    const char *kept = arena_strdup(w->x->arena, number);
    int result = db_receipt_add(w->sb->db, w->x->request.institution, number, polls, stored, e);
    cJSON_free(stored);
    if (result == 0)
        *a = (struct sb_answer){ .code = SB_ACCEPTED, .reception = kept, .institution = a->institution, .identifier = a->identifier };
    return result;
}

static int receipt_collect(struct work *w, struct err *e)
{
    const struct sb_request *q = &w->x->request;
    struct sb_answer *a = &w->x->answer;
    const char *stored = NULL;
    bool pending = false;
    int result = db_receipt_poll(w->sb->db, q->institution, q->field[SB_RECEPTION].data, w->x->arena, &pending, &stored, e);
    w->effect = "read";
    if (result == ERR_NOTFOUND) {
        a->code = SB_UNKNOWN_RECEIPT;
        return 0;
    }
    if (result < 0)
        return result;
    if (pending || w->x->plan.order[SB_F_PENDING].on) {
        a->code = SB_ACCEPTED;
        a->reception = q->field[SB_RECEPTION].data;
        return 0;
    }
    return receipt_load(stored, w->x->arena, a);
}

/* ---- the transaction -------------------------------------------------------------------------------------------------------------- */

static int log_work(struct work *w, int64_t *ret_id, struct err *e)
{
    const struct sb_request *q = &w->x->request;
    const struct sb_answer *a = &w->x->answer;
    bool key = w->op->action == SB_CANCEL || w->op->action == SB_INQUIRE;
    const struct sb_log_row row = {
        .at_ms = time_wall_ms(), .link = q->link, .op = w->op->name, .institution = q->institution, .identifier = q->identifier,
        .bundle_id = key ? q->field[SB_KEY_VALUE].data : w->bundle.bundle_id, .insured = key ? q->field[SB_KEY_INSURED].data : w->bundle.insured,
        .sha256 = w->row.sha256, .effect = w->effect, .code = a->own_code != NULL ? a->own_code : sb_code_get(a->code)->text, .faults = w->faults,
    };
    return db_log(w->sb->db, &row, ret_id, e);
}

static bool changed_something(const struct work *w)
{
    static const char *const effects[] = { "registered", "overwritten", "changed", "cancelled", NULL };
    for (int i = 0; effects[i] != NULL; i++)
        if (strcmp(effects[i], w->effect) == 0)
            return true;
    return false;
}

/* Savepoint by hand: the work is done in a transaction that is rolled back when it ends in a refusal, and the log row is written after it. */
static int commit_work(struct work *w, struct err *e)
{
    struct sb_db *db = w->sb->db;
    struct sb_answer *a = &w->x->answer;
    int64_t request_id = 0;
    int result = db_begin(db, e);
    if (result < 0)
        return result;
    if (a->code == SB_DONE && (w->op->action == SB_REGISTER || w->op->action == SB_CHANGE))
        result = check_tables(w, e);
    if (result == 0 && a->code == SB_DONE)
        result = w->op->action == SB_COLLECT ? receipt_collect(w, e) : act(w, e);
    if (result == 0 && a->code != SB_DONE && w->op->action == SB_CHANGE) {
        /* the removal of a change whose second half was refused */
        result = db_end(db, false, e);
        if (result < 0 || (result = db_begin(db, e)) < 0)
            return result;
    }
    if (result == 0)
        result = log_work(w, &request_id, e);
    if (result == 0 && changed_something(w))
        result = db_history(db, &w->row, w->effect, request_id, time_wall_ms(), e);
    const struct sb_order *pending = &w->x->plan.order[SB_F_PENDING];
    bool two_steps = (w->sb->settings.steps[w->x->request.op] == 2 || pending->on) && w->op->action != SB_COLLECT && !sb_code_get(a->code)->header;
    if (result == 0 && two_steps)
        result = receipt_give(w, pending->on ? pending->n - 1 : w->sb->settings.polls, e);
    int ended = db_end(db, result == 0, result == 0 ? e : NULL);
    return result < 0 ? result : ended;
}

static void name_faults(struct work *w)
{
    size_t at = 0;
    for (int i = 0; i < SB_FAULT_KINDS; i++)
        if (w->x->plan.order[i].on && at < sizeof w->faults)
            at += (size_t)snprintf(w->faults + at, sizeof w->faults - at, "%s%s", at > 0 ? "," : "", fault_name((enum sb_fault_kind)i));
}

/* Faults that answer instead of working; true when one did. */
static bool refuse_by_fault(struct sb_exchange *x)
{
    static const struct { enum sb_fault_kind kind; enum sb_code code; } table[] = {
        { SB_F_SESSIONS, SB_TOO_MANY_SESSIONS }, { SB_F_BUSY, SB_BUSY }, { SB_F_FAILURE_BEFORE, SB_FAILURE },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (x->plan.order[table[i].kind].on) {
            x->answer.code = table[i].code;
            return true;
        }
    }
    if (!x->plan.order[SB_F_ERR].on)
        return false;
    x->answer.own_code = x->plan.order[SB_F_ERR].code[0] != '\0' ? x->plan.order[SB_F_ERR].code : sb_code_get(SB_FAILURE)->text;
    return true;
}

static void echo_faults(struct sb_exchange *x)
{
    if (x->plan.order[SB_F_WRONG_IDENTIFIER].on)
        x->answer.identifier = "wrong-identifier-0000";
    if (x->plan.order[SB_F_WRONG_INSTITUTION].on)
        x->answer.institution = "1399999999";
    if (x->plan.order[SB_F_FAILURE_AFTER].on) {
        x->answer = (struct sb_answer){ .code = SB_FAILURE, .institution = x->answer.institution, .identifier = x->answer.identifier };
    }
}

static void read_work(struct work *w)
{
    struct sb_answer *a = &w->x->answer;
    bool bundle = w->op->action == SB_REGISTER || w->op->action == SB_CHANGE, key = !bundle && w->op->action != SB_COLLECT;
    if (bundle) {
        pthread_mutex_lock(&w->sb->lock);
        bool required = w->sb->settings.signature_required;
        pthread_mutex_unlock(&w->sb->lock);
        read_bundle(w);
        a->code = w->bundle.code;
        a->findings = w->bundle.findings;
        check_signature(w, required);
        fill_row(w);
    }
    if ((key || w->op->action == SB_CHANGE) && a->code == SB_DONE)
        check_key(w);
}

void service_run(struct sb *sb, struct sb_exchange *x)
{
    struct work w = { .sb = sb, .x = x, .op = sb_op_get(x->request.op), .bundle = { .bundle_id = "", .insured = "" }, .effect = "none" };
    struct err e = ERR_INIT;
    buf_init(&w.bytes, SB_MAX_REQUEST);
    name_faults(&w);
    if (x->readable && !x->may_send)
        x->answer.code = SB_BAD_ENVELOPE;
    bool work = x->answer.code == SB_DONE && !refuse_by_fault(x);
    if (work) {
        w.effect = "refused";
        read_work(&w);
    }
    pthread_mutex_lock(&sb->lock);
    int64_t id;
    int result = work ? commit_work(&w, &e) : log_work(&w, &id, &e);
    pthread_mutex_unlock(&sb->lock);
    if (result < 0) {
        fprintf(stderr, "clinsgw-sandbox: database: %s\n", e.arg[0]);
        x->answer = (struct sb_answer){ .code = SB_FAILURE, .institution = x->answer.institution, .identifier = x->answer.identifier };
    }
    echo_faults(x);
    if (sb->options->verbose)
        fprintf(stderr, "%s %s %s %s %s\n", x->request.link == SB_WEB ? "web" : "folder", w.op->name, w.effect,
            x->answer.own_code != NULL ? x->answer.own_code : sb_code_get(x->answer.code)->text, w.faults);
    buf_free(&w.bytes);
}

void service_log_lost(struct sb *sb, const struct sb_exchange *x)
{
    struct sb_exchange copy = *x;
    struct work w = { .sb = sb, .x = &copy, .op = sb_op_get(x->request.op), .bundle = { .bundle_id = "", .insured = "" }, .effect = "lost" };
    int64_t id;
    name_faults(&w);
    pthread_mutex_lock(&sb->lock);
    if (log_work(&w, &id, NULL) < 0)
        fprintf(stderr, "clinsgw-sandbox: database: a lost request was not recorded\n");
    pthread_mutex_unlock(&sb->lock);
}
