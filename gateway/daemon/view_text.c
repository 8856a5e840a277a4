/*
 * NAME
 *      view_text - the trees of list and show as text for people
 */
#include "base/text.h"
#include "daemon/view_private.h"

static const struct { const char *name, *ja; } labels[] = {
    { "about_request", "対象の依頼" }, { "actor", "操作した人" }, { "all_or_none", "全部か無か" }, { "answer", "返答" }, { "answer_sha256", "返答の SHA-256" },
    { "answered", "返答日時" }, { "attachments", "添付ファイル" }, { "attempts", "送信の試み" }, { "begun", "開始" }, { "bundle_id", "Bundle-ID" },
    { "bundle_sha256", "Bundle の SHA-256" }, { "code", "コード" }, { "column", "桁" }, { "document", "文書" }, { "ended", "終了" }, { "evidence", "結果の根拠" },
    { "evidence_exchange", "根拠の通信番号" }, { "exchanges", "サービスとの通信" }, { "facility", "施設" }, { "file", "ファイル名" }, { "findings", "検査の指摘" },
    { "held", "保留中" }, { "history", "経過" }, { "identifier", "識別子" }, { "incident", "食い違いの番号" }, { "incidents", "食い違い" },
    { "institution", "医療機関コード" },
    { "kind", "種類" }, { "left", "送出" }, { "line", "行" }, { "location", "Bundle 内の場所" }, { "may_have_stood", "一時的に登録された可能性" },
    { "message", "番号" }, { "messages", "送信" }, { "name", "名前" }, { "notice", "通知" }, { "number", "回" }, { "open", "進行中" },
    { "operation", "操作" }, { "original_sha256", "元ファイルの SHA-256" }, { "pointer", "ファイル内の場所" }, { "reason", "理由" }, { "receipt", "受付番号" },
    { "received", "受付" }, { "repeat", "再送" }, { "repeat_of", "同じ内容の依頼" }, { "request", "依頼" }, { "request_id", "request_id" },
    { "request_sha256", "要求の SHA-256" }, { "result", "結果" }, { "route", "経路" }, { "rule", "規則" }, { "sentence", "内容" }, { "service_code", "サービスのコード" },
    { "service_findings", "サービスの指摘" }, { "severity", "重さ" }, { "sha256", "SHA-256" }, { "signed", "署名日時" }, { "signed_sha256", "署名済みの SHA-256" },
    { "signer", "署名者" }, { "since", "いつから" }, { "size", "大きさ" }, { "source", "送り元" }, { "state", "状態" },
    { "time", "日時" }, { "uuid", "uuid" }, { "what_to_do", "次にすること" },
};

static const char *label(const struct view *v, const char *name)
{
    for (size_t i = 0; i < sizeof labels / sizeof *labels && v->w.lang == LANG_JA; i++)
        if (strcmp(labels[i].name, name) == 0)
            return labels[i].ja;
    return name;
}

/* Since `from` there is one line: texts of vendors and of the service reach somebody's terminal. */
static void flatten_since(struct buf *out, size_t from)
{
    if (out->len > from)
        text_flatten(out->data + from, out->len - from);
}

static void add_value(const struct view *v, const cJSON *item, struct buf *out)
{
    size_t from = out->len;

    if (cJSON_IsString(item))
        (void)buf_add_str(out, item->valuestring);
    else if (cJSON_IsNumber(item))
        (void)buf_addf(out, "%.0f", item->valuedouble);
    else
        (void)buf_add_str(out, v->w.lang == LANG_JA ? "はい" : "yes");
    flatten_since(out, from);
}

static void indent(struct buf *out, int depth)
{
    for (int i = 0; i < depth; i++)
        (void)buf_add_str(out, "  ");
}

/* A row of short values on one line: history and findings read better so. */
static bool is_flat(const cJSON *object)
{
    for (const cJSON *item = object->child; item != NULL; item = item->next)
        if (cJSON_IsArray(item) || cJSON_IsObject(item))
            return false;
    return true;
}

static void add_row(const struct view *v, const cJSON *object, struct buf *out)
{
    for (const cJSON *item = object->child; item != NULL; item = item->next) {
        bool bare = strcmp(item->string, "time") == 0 || strcmp(item->string, "state") == 0 || strcmp(item->string, "sentence") == 0 || strcmp(item->string, "code") == 0 ||
                    strcmp(item->string, "severity") == 0;
        if (item != object->child)
            (void)buf_add_str(out, "  ");
        if (!bare)
            (void)buf_addf(out, "%s=", label(v, item->string));
        add_value(v, item, out);
    }
    (void)buf_add_char(out, '\n');
}

static void add_tree(const struct view *v, const cJSON *object, int depth, struct buf *out)
{
    for (const cJSON *item = object->child; item != NULL; item = item->next) {
        const cJSON *row;
        indent(out, depth);
        (void)buf_addf(out, "%s: ", label(v, item->string));
        if (!cJSON_IsArray(item)) {
            add_value(v, item, out);
            (void)buf_add_char(out, '\n');
            continue;
        }
        (void)buf_add_char(out, '\n');
        cJSON_ArrayForEach(row, item)
        {
            bool flat = is_flat(row);
            if (flat) {
                indent(out, depth + 1);
                add_row(v, row, out);
            } else {
                add_tree(v, row, depth + 1, out);
                (void)buf_add_char(out, '\n');
            }
        }
    }
}

void view_story_text(struct view *v, const cJSON *root, struct buf *out)
{
    add_tree(v, root, 0, out);
}

static const char *member(const cJSON *row, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(row, name);

    return cJSON_IsString(item) ? item->valuestring : "-";
}

void view_list_text(struct view *v, const cJSON *root, struct buf *out)
{
    const cJSON *row;
    int rows = 0;

    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(root, "messages"))
    {
        const char *reason = member(row, "reason");
        size_t from = out->len;
        (void)buf_addf(out, "%-7s %.10s %.8s  %-9s %-8s %-11s %s %s", member(row, "id"), member(row, "received"), member(row, "received") + (strlen(member(row, "received")) > 11 ? 11 : 0),
                       member(row, "state"), member(row, "operation"), member(row, "kind"), member(row, "source"), member(row, "facility"));
        if (strcmp(member(row, "service_code"), "-") != 0)
            (void)buf_addf(out, " %s", member(row, "service_code"));
        if (strcmp(reason, "-") != 0)
            (void)buf_addf(out, "  %s %s", member(row, "code"), reason);
        flatten_since(out, from);
        (void)buf_add_char(out, '\n');
        rows++;
    }
    if (rows == 0)
        (void)buf_add_str(out, v->w.lang == LANG_JA ? "該当する送信はありません\n" : "no messages\n");
}
