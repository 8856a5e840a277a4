/*
 * NAME
 *     exchange/read - what an answer of the service means
 *
 * SYNOPSIS
 *     exchange_read(), exchange_notice_read()
 *
 * DESCRIPTION
 *     Two levels are told apart (field code shows SegmentOfResult 1 together with ProcessingResultStatus 2): the way there, by
 *     SegmentOfResult and ErrorCode, and the business, by ProcessingResultStatus and ProcessingResultCode. Codes are classed by the profile.
 *     Whatever is unlisted or contradicts itself is of class unknown: believing too little costs a question, believing too much a letter.
 *
 * DIAGNOSTICS
 *     CG-7020 where the answer is none: unreadable, an element that must be single comes twice, no SegmentOfResult.
 */
#include "exchange/exchange_private.h"

static int malformed(struct err *e, const char *what)
{
    return err_set(e, ERR_SYNTAX, MSG_ANSWER_SYNTAX, NULL, what, NULL);
}

/* The single node at path, or NULL. ERR_SYNTAX when one on the way comes twice. */
static int node_at(const struct exchange_tree *root, const char *path, size_t path_len, const struct exchange_tree **ret_node, struct err *e)
{
    const struct exchange_tree *node = root;
    for (size_t at = 0; at < path_len && node != NULL;) {
        size_t len = strcspn(path + at, "/");
        if (len > path_len - at)
            len = path_len - at;
        const struct exchange_tree *child = exchange_tree_child(node, path + at, len, NULL);
        if (child != NULL && exchange_tree_child(node, path + at, len, child) != NULL)
            return malformed(e, path);
        node = child;
        at += len + 1;
    }
    *ret_node = node;
    return 0;
}

/* Text of the leaf at path, "" when it is not there. */
static int leaf_at(const struct exchange_tree *root, const char *path, const char **ret_text, struct err *e)
{
    const struct exchange_tree *node;
    int code = node_at(root, path, strlen(path), &node, e);
    if (code < 0)
        return code;
    if (node != NULL && node->text == NULL)
        return malformed(e, path);
    *ret_text = node != NULL ? node->text : "";
    return 0;
}

/* A list's element: where its path is cut, its name, how many there are. */
static int list_at(const struct exchange_tree *root, const char *path, const struct exchange_tree **ret_parent, const char **ret_name,
                   size_t *ret_count, struct err *e)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    const struct exchange_tree *parent;
    int code = node_at(root, path, slash != NULL ? (size_t)(slash - path) : 0, &parent, e);
    if (code < 0)
        return code;
    size_t count = 0;
    const struct exchange_tree *item = parent != NULL ? exchange_tree_child(parent, name, strlen(name), NULL) : NULL;
    for (; item != NULL; item = exchange_tree_child(parent, name, strlen(name), item))
        count++;
    *ret_parent = parent;
    *ret_name = name;
    *ret_count = count;
    return 0;
}

static int out_of_memory(struct err *e) { return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "answer", NULL); }

static int read_checks(const struct exchange_answer_paths *a, const struct exchange_tree *root, struct arena *arena, struct exchange_answer *answer, struct err *e)
{
    const struct exchange_tree *parent, *item;
    const char *name;
    size_t count, kept;
    int code = list_at(root, a->check_list, &parent, &name, &count, e);
    if (code < 0 || count == 0)
        return code;
    kept = count < EXCHANGE_CHECKS_MAX ? count : EXCHANGE_CHECKS_MAX;
    if ((answer->check = arena_array(arena, kept, sizeof *answer->check)) == NULL)
        return out_of_memory(e);
    item = exchange_tree_child(parent, name, strlen(name), NULL);
    for (size_t i = 0; i < kept && code == 0; i++, item = exchange_tree_child(parent, name, strlen(name), item)) {
        struct exchange_check *check = &answer->check[i];
        if ((code = leaf_at(item, a->check_code, &check->code, e)) == 0 && (code = leaf_at(item, a->check_message, &check->message, e)) == 0)
            code = leaf_at(item, a->check_location, &check->location, e);
    }
    answer->check_count = kept;
    answer->findings_cut += count - kept;
    return code;
}

static int read_verifies(const struct exchange_answer_paths *a, const struct exchange_tree *root, struct arena *arena, struct exchange_answer *answer, struct err *e)
{
    const struct exchange_tree *parent, *item;
    const char *name;
    size_t count, kept;
    int code = list_at(root, a->verify_list, &parent, &name, &count, e);
    if (code < 0 || count == 0)
        return code;
    kept = count < EXCHANGE_CHECKS_MAX ? count : EXCHANGE_CHECKS_MAX;
    if ((answer->verify = arena_array(arena, kept, sizeof *answer->verify)) == NULL)
        return out_of_memory(e);
    item = exchange_tree_child(parent, name, strlen(name), NULL);
    for (size_t i = 0; i < kept && code == 0; i++, item = exchange_tree_child(parent, name, strlen(name), item)) {
        struct exchange_verify *verify = &answer->verify[i];
        if ((code = leaf_at(item, a->verify_status, &verify->status, e)) == 0)
            code = leaf_at(item, a->verify_message, &verify->message, e);
        verify->valid = code == 0 && strcmp(verify->status, a->verify_valid) == 0;
    }
    answer->verify_count = kept;
    answer->findings_cut += count - kept;
    return code;
}

/* The leaves that the class is made of. */
struct said { const char *segment, *error_code, *error_message, *charset, *status, *result_code, *result_message, *document_status; };

static int read_leaves(const struct exchange_answer_paths *a, const struct exchange_tree *root, struct said *said, struct exchange_answer *answer, struct err *e)
{
    const struct { const char *path; const char **text; } leaves[] = {
        { a->executed, &answer->executed }, { a->institution, &answer->institution }, { a->identifier, &answer->identifier },
        { a->receipt, &answer->receipt }, { a->segment, &said->segment }, { a->error_code, &said->error_code },
        { a->error_message, &said->error_message }, { a->charset, &said->charset }, { a->status, &said->status },
        { a->result_code, &said->result_code }, { a->result_message, &said->result_message }, { a->document_status, &said->document_status }
    };
    for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++) {
        int code = leaf_at(root, leaves[i].path, leaves[i].text, e);
        if (code < 0)
            return code;
    }
    return said->segment[0] != '\0' ? 0 : malformed(e, a->segment);
}

static void settle(struct exchange_answer *answer, enum exchange_layer layer, const char *code, const char *message, int class, unsigned marks)
{
    answer->layer = (int)layer;
    answer->code = code;
    answer->message = message;
    answer->class = class;
    answer->marks = class == EXCHANGE_FINAL ? marks : 0;
}

/* Failed on the way, or an err file: only its ErrorCode can say that nothing happened. Success and 処理中 would contradict. */
static void class_of_failure(const struct exchange_profile *p, const struct said *said, struct exchange_answer *answer)
{
    int class;
    unsigned marks;
    bool in_header = said->error_code[0] != '\0';
    const char *code = in_header ? said->error_code : said->result_code;
    exchange_code_class(p, code, &class, &marks);
    if (class == EXCHANGE_SUCCESS || class == EXCHANGE_PENDING || !in_header)
        class = EXCHANGE_UNKNOWN;
    settle(answer, EXCHANGE_TRANSPORT, code, in_header ? said->error_message : said->result_message, class, marks);
}

/* Arrived: the business status and code decide together. */
static void class_of_business(const struct exchange_profile *p, const struct said *said, struct exchange_answer *answer)
{
    const struct exchange_answer_paths *a = p->answer;
    bool pending = strcmp(said->segment, a->segment_pending) == 0;
    bool done = strcmp(said->status, a->status_done) == 0, error = strcmp(said->status, a->status_error) == 0;
    int class = EXCHANGE_UNKNOWN;
    unsigned marks = 0;
    bool listed = exchange_code_class(p, said->result_code, &class, &marks);
    bool silent = said->result_code[0] == '\0';
    if (said->error_code[0] != '\0') {
        class = EXCHANGE_UNKNOWN;                    /* an error code beside a success of the way */
    } else if (pending) {
        class = !error && (silent || (listed && class == EXCHANGE_PENDING)) ? EXCHANGE_PENDING : EXCHANGE_UNKNOWN;
    } else if (done) {
        if (silent)
            class = EXCHANGE_SUCCESS;
        else if (class != EXCHANGE_SUCCESS && class != EXCHANGE_PENDING)
            class = EXCHANGE_UNKNOWN;
    } else if (!error || class == EXCHANGE_SUCCESS || class == EXCHANGE_PENDING) {
        class = EXCHANGE_UNKNOWN;
    }
    settle(answer, EXCHANGE_BUSINESS, said->result_code, said->result_message, class, marks);
}

static int document_status(const struct exchange_answer_paths *a, const char *text)
{
    if (text[0] == '\0')
        return EXCHANGE_STATUS_NONE;
    if (strcmp(text, a->document_held) == 0)
        return EXCHANGE_STATUS_HELD;
    return strcmp(text, a->document_open) == 0 ? EXCHANGE_STATUS_OPEN : EXCHANGE_STATUS_OTHER;
}

int exchange_read(const struct exchange_profile *p, int operation, enum exchange_form form, enum exchange_answer_kind kind,
                  struct bytes bytes, struct arena *arena, struct exchange_answer *ret_answer, struct err *e)
{
    const struct exchange_answer_paths *a = p->answer;
    struct exchange_tree root = { .name = "" };
    struct exchange_answer answer = { .class = EXCHANGE_UNKNOWN };
    struct said said = { 0 };
    bool guessed;
    if (operation < 0 || operation >= EXCHANGE_OPERATION_COUNT || !p->call[operation].known)
        return err_set(e, ERR_UNSUPPORTED, MSG_EXCHANGE_OPERATION, NULL, exchange_operation_name(operation), NULL);
    int code = exchange_tree_read(p, form, bytes, arena, &root, &guessed, e);
    if (code == 0)
        code = read_leaves(a, &root, &said, &answer, e);
    if (code == 0 && guessed && strcmp(said.charset, a->charset_shift_jis) != 0)
        code = malformed(e, a->charset);
    if (code == 0)
        code = read_checks(a, &root, arena, &answer, e);
    if (code == 0)
        code = read_verifies(a, &root, arena, &answer, e);
    if (code < 0)
        return code;
    if (kind == EXCHANGE_ERR || (strcmp(said.segment, a->segment_done) != 0 && strcmp(said.segment, a->segment_pending) != 0))
        class_of_failure(p, &said, &answer);
    else
        class_of_business(p, &said, &answer);
    answer.document_status = document_status(a, said.document_status);
    *ret_answer = answer;
    return 0;
}

int exchange_notice_read(const struct exchange_profile *p, enum exchange_form form, struct bytes bytes, struct arena *arena,
                         struct exchange_notice *ret_notice, struct err *e)
{
    const struct exchange_notice_form *f = &p->notice;
    struct exchange_notice notice = { NULL, NULL, NULL };
    const struct { const char *path; const char **text; } leaves[] = {
        { f->institution, &notice.institution }, { f->document, &notice.document }, { f->result, &notice.result }
    };
    struct exchange_tree root = { .name = "" };
    const char *charset = "";
    bool guessed;
    if (f->name == NULL)
        return err_set(e, ERR_UNSUPPORTED, MSG_PROFILE_MISSING, NULL, "[notice]", p->name);
    int code = exchange_tree_read(p, form, bytes, arena, &root, &guessed, e);
    if (code == 0 && guessed)
        code = leaf_at(&root, p->answer->charset, &charset, e);
    if (code == 0 && guessed && strcmp(charset, p->answer->charset_shift_jis) != 0)
        code = malformed(e, p->answer->charset);
    for (size_t i = 0; i < sizeof leaves / sizeof *leaves && code == 0; i++) {
        code = leaf_at(&root, leaves[i].path, leaves[i].text, e);
        if (code == 0 && ((*leaves[i].text)[0] == '\0' || strlen(*leaves[i].text) > EXCHANGE_NOTICE_TEXT_MAX))
            code = malformed(e, leaves[i].path);
    }
    if (code == 0)
        *ret_notice = notice;
    return code;
}
