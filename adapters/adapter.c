/*
 * NAME
 *     adapter - which adapter reads a file, and what all of them share
 *
 * SYNOPSIS
 *     #include "adapters/adapter.h"
 *
 * DESCRIPTION
 *     The table of formats, the one question that is answered by looking at the bytes (request or Bundle), magic numbers of attachments,
 *     and the vendor's own members.
 *
 * DIAGNOSTICS
 *     adapter_choose() gives NULL for a format that is not built in: a mistake of the configuration.
 */
#include "adapters/adapter.h"

#include "base/json_doc.h"
#include "base/text.h"

enum { OWN_MEMBERS_BYTES_MAX = 64 * 1024, POINTER_MAX = 512 };

const struct adapter_ops *adapter_choose(const char *format, const char *bytes, size_t len)
{
    if (strcmp(format, "json") == 0)
        return adapter_is_fhir(bytes, len) ? &ready_bundle_ops : &vendor_json_ops;
    if (strcmp(format, vendor_json_ops.format) == 0)
        return &vendor_json_ops;
    if (strcmp(format, ready_bundle_ops.format) == 0)
        return &ready_bundle_ops;
    return NULL;
}

/* Past the string that begins at i (an opening quote), or len. */
static size_t skip_string(const char *bytes, size_t len, size_t i)
{
    for (i++; i < len && bytes[i] != '"'; i++)
        if (bytes[i] == '\\')
            i++;
    return i < len ? i + 1 : len;
}

/*
 * A scan, not a parse: broken JSON may answer either way, and the adapter chosen then says what is broken. A member name at depth 1 is a
 * string that follows `{` or `,` there; anything else at depth 1 is a value.
 */
bool adapter_is_fhir(const char *bytes, size_t len)
{
    static const char name[] = "\"resourceType\"";
    size_t depth = 0, i = 0;
    bool name_next = false;
    if (memmem(bytes, len, name, sizeof name - 1) == NULL) /* most files: what stands nowhere need not be looked for member by member */
        return false;
    while (i < len) {
        char c = bytes[i];
        if (c == '"') {
            size_t end = skip_string(bytes, len, i);
            if (depth == 1 && name_next && end - i == sizeof name - 1 && memcmp(bytes + i, name, end - i) == 0)
                return true;
            name_next = false;
            i = end;
            continue;
        }
        if (c == '{' || c == '[') {
            if (depth == 0 && c == '[')
                return false;
            depth++;
            name_next = c == '{';
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        } else if (c == ',') {
            name_next = true;
        }
        i++;
    }
    return false;
}

static bool begins(const char *bytes, size_t len, const char *magic, size_t magic_len)
{
    return len >= magic_len && memcmp(bytes, magic, magic_len) == 0;
}

#define BEGINS(bytes, len, magic) begins(bytes, len, magic, sizeof(magic) - 1)

const char *adapter_media_type(const char *bytes, size_t len)
{
    if (BEGINS(bytes, len, "%PDF-"))
        return "application/pdf";
    if (BEGINS(bytes, len, "\x89PNG\r\n\x1a\n"))
        return "image/png";
    if (BEGINS(bytes, len, "\xFF\xD8\xFF"))
        return "image/jpeg";
    if (BEGINS(bytes, len, "II*\0") || BEGINS(bytes, len, "MM\0*"))
        return "image/tiff";
    if (BEGINS(bytes, len, "\xEF\xBB\xBF")) {
        bytes += 3;
        len -= 3;
    }
    while (len > 0 && (*bytes == ' ' || *bytes == '\t' || *bytes == '\r' || *bytes == '\n')) {
        bytes++;
        len--;
    }
    if (BEGINS(bytes, len, "{"))
        return "application/json";
    return BEGINS(bytes, len, "<") && !BEGINS(bytes, len, "<!DOCTYPE html") && !BEGINS(bytes, len, "<html") ? "application/xml" : NULL;
}

bool adapter_bundle_id_ok(const char *text, size_t len)
{
    return len >= 17 && len <= 52 && text_all_of(text, 1, "0-4") && text_all_digits(text + 1, 1) && text_all_of(text + 2, 1, "1-3") && text_all_digits(text + 3, 7)
           && text[10] == '^' && memcmp(text + 11, "20", 2) == 0 && text_all_of(text + 13, 1, "2-3") && text_all_digits(text + 14, 1) && text[15] == '^'
           && text_all_of(text + 16, len - 16, "A-Za-z0-9-");
}

bool adapter_institution_ok(const struct adapter_options *options, const char *code, size_t len)
{
    for (size_t i = 0; i < options->institution_count; i++)
        if (strlen(options->institutions[i]) == len && memcmp(options->institutions[i], code, len) == 0)
            return true;
    return options->institution_count == 0;
}

void adapter_add_err(struct issue_list *issues, const struct err *e)
{
    struct issue *issue = issues_add(issues, MSG_ERROR, e->msg, NULL, e->arg[0], e->arg[1]);
    if (issue == NULL)
        return;
    issue->pointer = arena_strdup(issues->arena, e->place);
    issue->offset = e->offset;
    issue->line = e->line;
    issue->column = e->column;
    issues->failed |= issue->pointer == NULL;
}

/* JSON string of text: only quotes, backslashes and controls need escaping. */
static void add_quoted(struct buf *out, const char *text, size_t len)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            buf_addf(out, "\\%c", c);
        else if (c < 0x20)
            buf_addf(out, "\\u%04x", c);
        else
            buf_add_char(out, (char)c);
    }
    buf_add_char(out, '"');
}

static void add_own(struct buf *out, const struct json_node *root, const struct json_node *node, struct bytes file)
{
    char pointer[POINTER_MAX];
    buf_add_char(out, out->len > 0 ? ',' : '{');
    if (node->parent == root) {
        add_quoted(out, node->key, node->key_len);
    } else {
        json_pointer(node, pointer, sizeof pointer);
        add_quoted(out, pointer, strlen(pointer));
    }
    buf_add_char(out, ':');
    for (uint32_t i = node->start; i < node->end; i++) /* one line: a line end can only stand between tokens */
        buf_add_char(out, file.data[i] == '\n' || file.data[i] == '\r' ? ' ' : file.data[i]);
}

int adapter_own_members(const struct json_node *root, struct bytes file, struct arena *arena, const char **ret_json)
{
    const struct json_node *node = root;
    struct buf out;
    const char *json = NULL;
    int r = 0;
    buf_init(&out, OWN_MEMBERS_BYTES_MAX);
    while (node != NULL) {
        bool own = node->key != NULL && node->key_len > 2 && memcmp(node->key, "x-", 2) == 0;
        if (own)
            add_own(&out, root, node, file);
        if (!own && node->child != NULL) {
            node = node->child;
            continue;
        }
        while (node != root && node->next == NULL)
            node = node->parent;
        node = node != root ? node->next : NULL;
    }
    if (out.len > 0) {
        buf_add_char(&out, '}');
        r = out.failed;
        json = r == 0 ? arena_strdup(arena, out.data) : NULL;
        r = r == 0 && json == NULL ? ERR_NOMEM : r;
    }
    buf_free(&out);
    if (r == 0)
        *ret_json = json;
    return r;
}
