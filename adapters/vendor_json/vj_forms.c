/*
 * vj_forms.c - the forms of numbers and codes. Lengths and characters only: whether a code exists is for the masters to say.
 */
#include "adapters/vendor_json/vj.h"

#define DIGITS "0-9"
#define CAPITALS "A-Z0-9"

const struct vj_form vj_form_id = { "!-~", 1, 64, "半角英数字・記号 1〜64 文字 (1-64 printable ASCII characters)" };
const struct vj_form vj_form_key = { "!-~", 1, 64, "半角英数字・記号 1〜64 文字 (1-64 printable ASCII characters)" };
const struct vj_form vj_form_ascii = { " -~", 1, 64, "半角文字 1〜64 文字 (1-64 ASCII characters)" };
const struct vj_form vj_form_digits2 = { DIGITS, 2, 2, "数字 2 桁 (2 digits)" };
const struct vj_form vj_form_digits3 = { DIGITS, 3, 3, "数字 3 桁 (3 digits)" };
const struct vj_form vj_form_digits10 = { DIGITS, 10, 10, "数字 10 桁 (10 digits)" };
const struct vj_form vj_form_phone = { "0-9+()-", 3, 20, "03-1234-5678" };
const struct vj_form vj_form_postal = { "0-9-", 7, 8, "100-0001" };
const struct vj_form vj_form_sha256 = { "0-9a-f", 64, 64, "16 進数 64 文字 (64 lower-case hexadecimal digits)" };
const struct vj_form vj_form_bundle_id = { "0-9A-Za-z^-", 17, 52, "医療機関番号10桁^西暦4桁^施設内ID" };

static const struct vj_form code_forms[CHART_SYSTEM_COUNT] = {
    [CHART_DISEASE_KEY] = { DIGITS, 8, 8, "病名管理番号 8 桁 (8 digits)" },
    [CHART_DISEASE_EXCHANGE] = { CAPITALS, 4, 4, "病名交換用コード 4 文字 (4 characters)" },
    [CHART_DISEASE_RECEIPT] = { DIGITS, 7, 7, "傷病名コード 7 桁 (7 digits)" },
    [CHART_ICD10] = { "A-Z0-9.", 3, 8, "E119" },
    [CHART_MODIFIER_KEY] = { DIGITS, 8, 8, "修飾語管理番号 8 桁 (8 digits)" },
    [CHART_MODIFIER_EXCHANGE] = { CAPITALS, 4, 4, "修飾語交換用コード 4 文字 (4 characters)" },
    [CHART_MODIFIER_RECEIPT] = { DIGITS, 4, 4, "修飾語コード 4 桁 (4 digits)" },
    [CHART_ALLERGEN_FOOD] = { CAPITALS, 12, 12, "J9F + 9 文字" },
    [CHART_ALLERGEN_OTHER] = { CAPITALS, 12, 12, "J9N + 9 文字" },
    [CHART_ALLERGEN_DRUG] = { CAPITALS, 15, 15, "YCM + YJ コード 12 文字" },
    [CHART_ALLERGEN_INGREDIENT] = { CAPITALS, 15, 15, "GCM + YJ コード (末尾 ZZZ) 12 文字" },
    [CHART_JLAC10] = { CAPITALS, 17, 17, "JLAC10 17 文字 (17 characters)" },
    [CHART_YJ] = { CAPITALS, 12, 12, "YJ コード 12 文字 (12 characters)" },
    [CHART_DRUG_GENERAL] = { CAPITALS, 12, 12, "一般名コード 12 文字 (12 characters)" },
    [CHART_HOT9] = { DIGITS, 9, 9, "HOT9 9 桁 (9 digits)" },
    [CHART_DRUG_RECEIPT] = { DIGITS, 9, 9, "医薬品コード 9 桁 (9 digits)" },
    [CHART_USAGE] = { CAPITALS, 16, 16, "電子処方箋 用法コード 16 文字 (16 characters)" },
    [CHART_USAGE_JAMI] = { CAPITALS, 16, 16, "標準用法コード 16 文字 (16 characters)" },
};

const struct vj_form *vj_code_form(enum chart_system system)
{
    return &code_forms[system];
}
