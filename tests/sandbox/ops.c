/*
 * NAME
 *     ops - the tables of operations and result codes of docs/interface-profile.md
 *
 * DESCRIPTION
 *     What each operation is called on both links, which leaves its body must and may have, and what the stand-in answers with.
 */
#include "tests/sandbox/sandbox.h"
#include "base/text.h"

#define BIT(field) (1u << (field))
#define KEY (BIT(SB_KEY_INSURED) | BIT(SB_KEY_SYSTEM) | BIT(SB_KEY_VALUE))
#define LETTER (BIT(SB_DOCUMENT_INFO) | BIT(SB_DOCUMENT_KIND) | BIT(SB_CONSENT) | BIT(SB_DESTINATION))
#define SUMMARY (BIT(SB_DOCUMENT_INFO) | BIT(SB_DOCUMENT_KIND))
#define CHART (BIT(SB_CLINICAL_INFO) | BIT(SB_CLINICAL_KIND))
#define AT(number, verb) "/cis-api-pro/MSA" number "/ILI" number "SV01/" verb

static const struct sb_op_info op_table[SB_OP_COUNT] = {
    [SB_DOC_REGISTER] = { "document.register", "CISsidoc01", AT("30010", "register"), SB_DOCUMENT, SB_REGISTER, LETTER, 0 },
    [SB_DOC_CANCEL] = { "document.cancel", "CISsidoc02", AT("30020", "cancel"), SB_DOCUMENT, SB_CANCEL, KEY, 0 },
    [SB_DOC_CHANGE] = { "document.change", "CISsidoc03", AT("30030", "change"), SB_DOCUMENT, SB_CHANGE, LETTER | KEY, 0 },
    [SB_DOC_INQUIRE] = { "document.inquire", "CISsidoc04", AT("30040", "inquire"), SB_DOCUMENT, SB_INQUIRE, KEY, 0 },
    [SB_PCS_REGISTER] = { "summary.register", "CISsipcs01", AT("31010", "register"), SB_SUMMARY, SB_REGISTER, SUMMARY, BIT(SB_CONSENT) },
    [SB_PCS_CANCEL] = { "summary.cancel", "CISsipcs02", AT("31020", "cancel"), SB_SUMMARY, SB_CANCEL, KEY, 0 },
    [SB_PCS_CHANGE] = { "summary.change", "CISsipcs03", AT("31030", "change"), SB_SUMMARY, SB_CHANGE, SUMMARY | KEY, BIT(SB_CONSENT) },
    [SB_CHART_REGISTER] = { "chart.register", "CISsicln01", AT("32010", "register"), SB_CHART, SB_REGISTER, CHART, 0 },
    [SB_CHART_CANCEL] = { "chart.cancel", "CISsicln02", AT("32020", "cancel"), SB_CHART, SB_CANCEL, KEY, 0 },
    [SB_CHART_CHANGE] = { "chart.change", "CISsicln03", AT("32030", "change"), SB_CHART, SB_CHANGE, CHART | KEY, 0 },
    [SB_RESULT] = { "result", "CISsirst01", AT("39010", "result"), SB_NO_FAMILY, SB_COLLECT, BIT(SB_RECEPTION), 0 },
};

static const struct sb_code_info code_table[SB_CODE_COUNT] = {
    [SB_DONE] = { "CISB0000I", "正常に終了しました。", false, false },
    [SB_ACCEPTED] = { "CISB0001I", "受け付けました。処理中です。", false, false },
    [SB_UNKNOWN_INSURED] = { "CISB1001E", "被保険者番号が存在しないか、有効ではありません。", false, false },
    [SB_RECEIVER_REFUSES] = { "CISB1002E", "紹介先の医療機関は本サービスを利用していません。", false, false },
    [SB_ALREADY_THERE] = { "CISB1003E", "同じBundle-IDの情報が既に登録されています。", false, false },
    [SB_ABSENT] = { "CISB1004E", "指定されたキーの情報は登録されていません。", false, false },
    [SB_BAD_KEY] = { "CISB1005E", "Bundle-IDまたはキー情報の形式が正しくありません。", false, false },
    [SB_MIXED_TYPES] = { "CISB1006E", "一つのBundleに複数のリソース種別が含まれています。", false, false },
    [SB_FHIR_FAILED] = { "CISB1007E", "FHIRの検証でエラーになりました。", false, false },
    [SB_BAD_SIGNATURE] = { "CISB1008E", "電子署名を検証できませんでした。", false, false },
    [SB_BAD_FLAG] = { "CISB1009E", "このリソース種別には指定できないフラグが付いています。", false, false },
    [SB_NOT_SENDER] = { "CISB1010E", "Bundleの医療機関番号が送信元と一致しません。", false, false },
    [SB_UNREADABLE] = { "CISB1011E", "Base64またはJSONを読み取れません。", false, false },
    [SB_BAD_ENVELOPE] = { "CISC0001E", "電文の形式が正しくありません。", true, true },
    [SB_TOO_LARGE] = { "CISC0002E", "電文が10MBを超えています。", true, true },
    [SB_BUSY] = { "CISC0003E", "混雑のため受け付けられません。", true, true },
    [SB_TOO_MANY_SESSIONS] = { "CISC0004E", "セッション数の上限を超えています。", true, true },
    [SB_UNKNOWN_RECEIPT] = { "CISC0005E", "受付番号が存在しません。", true, false },
    [SB_FAILURE] = { "CISC9999E", "システムエラーが発生しました。", true, false },
};

const struct sb_op_info *sb_op_get(enum sb_op op)
{
    return op < SB_OP_COUNT ? &op_table[op] : NULL;
}

enum sb_op sb_op_by_name(const char *name)
{
    if (strcmp(name, "auth") == 0)
        return SB_AUTH;
    for (int i = 0; i < SB_OP_COUNT; i++)
        if (strcmp(op_table[i].name, name) == 0)
            return (enum sb_op)i;
    return SB_OP_NONE;
}

enum sb_op sb_op_by_path(const char *path)
{
    for (int i = 0; i < SB_OP_COUNT; i++)
        if (strcmp(op_table[i].path, path) == 0)
            return (enum sb_op)i;
    return SB_OP_NONE;
}

enum sb_op sb_op_by_file(const char *name, const char **ret_suffix, size_t *ret_suffix_len)
{
    static const char middle[] = "req_", end[] = ".xml";
    for (int i = 0; i < SB_OP_COUNT; i++) {
        size_t api_len = strlen(op_table[i].api), len = strlen(name);
        if (len < api_len + 4 + 12 + 4 || len > api_len + 4 + 32 + 4)
            continue;
        const char *suffix = name + api_len + 4;
        size_t suffix_len = len - api_len - 8;
        if (strncmp(name, op_table[i].api, api_len) != 0 || strncmp(name + api_len, middle, 4) != 0 || strcmp(name + len - 4, end) != 0 ||
            !text_all_of(suffix, suffix_len, "A-Za-z0-9"))
            continue;
        *ret_suffix = suffix;
        *ret_suffix_len = suffix_len;
        return (enum sb_op)i;
    }
    return SB_OP_NONE;
}

const struct sb_code_info *sb_code_get(enum sb_code code)
{
    return &code_table[code < SB_CODE_COUNT ? code : SB_FAILURE];
}

enum sb_code sb_code_by_text(const char *text)
{
    for (int i = 0; i < SB_CODE_COUNT; i++)
        if (strcmp(code_table[i].text, text) == 0)
            return (enum sb_code)i;
    return SB_CODE_COUNT;
}
