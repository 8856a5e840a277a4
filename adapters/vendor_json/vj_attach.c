/*
 * vj_attach.c - attachments: inline or beside the request, their bytes against what they claim to be.
 */
#include "adapters/vendor_json/vj.h"

#include "base/text.h"

#define AT(type) offsetof(struct type, at)

enum { FILE_NAME_MAX = 200 };

bool vj_file_name_ok(const struct json_node *name)
{
    return json_is(name, JSON_STRING) && name->len > 0 && name->len <= FILE_NAME_MAX && name->text[0] != '.' && memchr(name->text, '/', name->len) == NULL
           && memchr(name->text, '\\', name->len) == NULL && text_find_control(name->text, name->len, false) < 0;
}

const struct adapter_file *vj_file(const struct vj *r, const struct json_node *name)
{
    for (size_t i = 0; i < r->file_count; i++)
        if (json_equals(name, r->files[i].name))
            return &r->files[i];
    return NULL;
}

void vj_add_attachment(struct vj *r, const struct json_node *node, const struct order_attachment *attachment)
{
    struct order *order = r->order;
    if (order->attachment == NULL)
        order->attachment = arena_array(r->arena, ADAPTER_ATTACHMENTS_MAX, sizeof *order->attachment);
    if (order->attachment == NULL)
        r->failed = true;
    else if (order->attachment_count == ADAPTER_ATTACHMENTS_MAX)
        vj_error(r, MSG_CHART_TOO_MANY, node, "attachments", "50");
    else
        order->attachment[order->attachment_count++] = *attachment;
}

/* ---- content ------------------------------------------------------------------------------------------------------------------------------ */

static bool load_file(struct vj *r, const struct json_node *name, struct chart_attachment *a)
{
    const struct adapter_file *file;
    const char *shown = json_dup(r->arena, name);
    if (!json_is(name, JSON_STRING) || !vj_file_name_ok(name)) {
        vj_error(r, MSG_CHART_ATTACHMENT_NAME, name, shown, NULL);
        return false;
    }
    file = vj_file(r, name);
    if (file == NULL) {
        vj_error(r, MSG_CHART_ATTACHMENT_MISSING, name, shown, NULL);
        return false;
    }
    a->name.text = shown;
    a->name.at = vj_place(r, name);
    a->content = file->content;
    return true;
}

static bool load_data(struct vj *r, const struct json_node *data, struct chart_attachment *a)
{
    struct buf decoded;
    char *copy;
    bool ok = json_is(data, JSON_STRING);
    buf_init(&decoded, ADAPTER_FILE_MAX);
    ok = ok && base64_decode(&decoded, data->text, data->len, 0) == 0;
    if (!ok)
        vj_error(r, MSG_CHART_ATTACHMENT_DATA, data, a->title.text, NULL);
    copy = ok ? arena_strndup(r->arena, decoded.data, decoded.len) : NULL;
    if (copy != NULL)
        a->content = (struct bytes){ copy, decoded.len };
    r->failed |= ok && copy == NULL;
    buf_free(&decoded);
    return copy != NULL;
}

/* file xor data, and what the first bytes say */
static const char *load(struct vj *r, const struct json_node *node, struct chart_attachment *a)
{
    const struct json_node *file = json_get(node, "file"), *data = json_get(node, "data");
    const char *type;
    if (vj_given(file) == vj_given(data)) {
        if (vj_given(file))
            vj_error(r, MSG_CHART_NOT_BOTH, node, "file", "data");
        else
            vj_error(r, MSG_CHART_ONE_OF, node, a->title.text != NULL ? a->title.text : "attachment", "file, data");
        return NULL;
    }
    if (!(vj_given(file) ? load_file(r, file, a) : load_data(r, data, a)))
        return NULL;
    if (a->content.len == 0) {
        vj_error(r, MSG_CHART_ATTACHMENT_EMPTY, node, a->name.text != NULL ? a->name.text : a->title.text, NULL);
        return NULL;
    }
    type = adapter_media_type(a->content.data, a->content.len);
    return type != NULL ? type : "?";
}

static const char *const images[] = { "image/png", "image/jpeg", "image/tiff", NULL };
static const char *const pdf[] = { "application/pdf", NULL };
static const char *const summary[] = { "application/xml", "application/json", NULL };
static const char *const xml[] = { "application/xml", NULL };
static const char *const papers[] = { "application/pdf", "image/png", "image/jpeg", "image/tiff", NULL };

static const struct { const char *const *types; const char *wanted; } allowed[] = {
    [CHART_KEY_IMAGE] = { images, "PNG, JPEG, TIFF" },
    [CHART_PDF] = { pdf, "PDF" },
    [CHART_DISCHARGE_CDA] = { summary, "CDA (XML), FHIR Bundle (JSON)" },
    [CHART_DISCHARGE_BUNDLE] = { summary, "CDA (XML), FHIR Bundle (JSON)" },
    [CHART_LETTER_CDA] = { xml, "CDA (XML)" },
    [CHART_DOCUMENT] = { papers, "PDF, PNG, JPEG, TIFF" },
};

/* The vendor's word for a type is the same as ours, give or take the usual other names. */
static bool same_type(const char *given, const char *found)
{
    static const char *const others[][2] = { { "text/xml", "application/xml" }, { "application/cda+xml", "application/xml" }, { "application/fhir+json", "application/json" } };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strcmp(given, others[i][0]) == 0)
            given = others[i][1];
    return strcmp(given, found) == 0;
}

static bool type_ok(struct vj *r, const struct json_node *node, const struct chart_attachment *a, const char *type)
{
    const char *const *t = allowed[a->kind].types;
    const char *shown = a->name.text != NULL ? a->name.text : a->title.text;
    while (*t != NULL && strcmp(*t, type) != 0)
        t++;
    if (*t == NULL) {
        vj_error(r, MSG_CHART_ATTACHMENT_TYPE, node, shown, allowed[a->kind].wanted);
        return false;
    }
    if (a->media_type.text != NULL && !same_type(a->media_type.text, type)) {
        vj_error(r, MSG_CHART_ATTACHMENT_TYPE, vj_spot(node, "media_type"), shown, a->media_type.text);
        return false;
    }
    return true;
}

static void check_digest(struct vj *r, const struct json_node *node, const struct chart_attachment *a)
{
    const struct json_node *given = json_get(node, "sha256");
    char hex[SHA256_HEX];
    sha256_to_hex(&a->digest, hex);
    if (vj_given(given) && !json_equals(given, hex))
        vj_error(r, MSG_CHART_ATTACHMENT_DIGEST, given, a->name.text != NULL ? a->name.text : a->title.text, NULL);
}

static void finish_content(struct vj *r, const struct json_node *node, void *target)
{
    struct chart_attachment *a = target;
    const char *type = load(r, node, a);
    if (type == NULL || !type_ok(r, node, a, type))
        return;
    if (sha256_of(a->content.data, a->content.len, &a->digest) < 0) {
        r->failed = true;
        return;
    }
    check_digest(r, node, a);
    if (a->kind == CHART_DISCHARGE_CDA && strcmp(type, "application/json") == 0)
        a->kind = CHART_DISCHARGE_BUNDLE;
    a->media_type.text = a->kind == CHART_DISCHARGE_BUNDLE ? "application/fhir+json" : type;
    if (a->media_type.at == NULL)
        a->media_type.at = a->at;
    vj_add_attachment(r, node, &(struct order_attachment){ a->at, a->name.text, a->media_type.text, a->digest, a->content });
}

/* ---- tables -------------------------------------------------------------------------------------------------------------------------------- */

static void read_digest(struct vj *r, const struct vj_member *m, const struct json_node *node, void *target)
{
    static const struct vj_member hex = { .name = "sha256", .type = VJ_FORM, .form = &vj_form_sha256 };
    struct chart_text unused = { NULL, NULL };
    (void)m;
    (void)target;
    vj_read_leaf(r, &hex, node, &unused);
}

#define CONTENT_MEMBERS \
    { .name = "title", .type = VJ_LINE, .rules = VJ_REQUIRED, .max = 200, .offset = offsetof(struct chart_attachment, title) }, \
    { .name = "file", .type = VJ_CUSTOM, .custom = vj_read_elsewhere }, \
    { .name = "data", .type = VJ_CUSTOM, .custom = vj_read_elsewhere }, \
    { .name = "media_type", .type = VJ_FORM, .form = &vj_form_id, .offset = offsetof(struct chart_attachment, media_type) }, \
    { .name = "sha256", .type = VJ_CUSTOM, .custom = read_digest }, \
    { .name = "created", .type = VJ_TIME, .offset = offsetof(struct chart_attachment, created) }

static const struct vj_choice kinds[] = { { "key_image", CHART_KEY_IMAGE }, { "pdf", CHART_PDF }, { "discharge_summary", CHART_DISCHARGE_CDA }, { 0 } };

static const struct vj_member attachment_members[] = {
    { .name = "kind", .type = VJ_CHOICE, .choice = kinds, .rules = VJ_REQUIRED, .offset = offsetof(struct chart_attachment, kind) },
    CONTENT_MEMBERS,
    { .name = "admission", .type = VJ_DATE, .offset = offsetof(struct chart_attachment, admission) },
    { .name = "discharge", .type = VJ_DATE, .offset = offsetof(struct chart_attachment, discharge) },
    { .name = "diseases", .type = VJ_LIST, .object = &vj_disease, .max = 100, .offset = offsetof(struct chart_attachment, disease), .count_offset = offsetof(struct chart_attachment, disease_count) },
    { 0 }
};

static void finish_attachment(struct vj *r, const struct json_node *node, void *target)
{
    static const char *const stay[] = { "admission", "discharge", "diseases" };
    struct chart_attachment *a = target;
    finish_content(r, node, a);
    for (size_t i = 0; i < sizeof stay / sizeof stay[0]; i++) {
        bool given = vj_given(json_get(node, stay[i]));
        if (given && a->kind != CHART_DISCHARGE_CDA)
            vj_error(r, MSG_CHART_ONE_OF, json_get(node, stay[i]), stay[i], "kind: discharge_summary (CDA)");
        else if (!given && i < 2 && a->kind == CHART_DISCHARGE_CDA)
            vj_error(r, MSG_CHART_MISSING_MEMBER, node, stay[i], NULL);
    }
    vj_check_order(r, node, "discharge", &a->discharge, "admission", &a->admission);
}

const struct vj_object vj_attachment = { "attachment", sizeof(struct chart_attachment), AT(chart_attachment), attachment_members, finish_attachment };

static const struct vj_member content_members[] = { CONTENT_MEMBERS, { 0 } };

static void finish_cda(struct vj *r, const struct json_node *node, void *target)
{
    ((struct chart_attachment *)target)->kind = CHART_LETTER_CDA;
    finish_content(r, node, target);
}

const struct vj_object vj_cda = { "cda", sizeof(struct chart_attachment), AT(chart_attachment), content_members, finish_cda };

static void finish_document(struct vj *r, const struct json_node *node, void *target)
{
    ((struct chart_attachment *)target)->kind = CHART_DOCUMENT;
    finish_content(r, node, target);
}

const struct vj_object vj_document = { "document", sizeof(struct chart_attachment), AT(chart_attachment), content_members, finish_document };
