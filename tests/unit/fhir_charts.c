/*
 * fhir_charts.c - charts of every kind and variant. What one variant lacks another has: the reference validator sees all of them
 * (tests/conformance/fhir_reference_test.py).
 */
#include "tests/unit/fhir_charts.h"

#include <string.h>

#include "base/crypt.h"
#include "codes/codes.h"

#define PLACE(p) (&(const struct chart_place){ .pointer = p, .offset = 1, .line = 1, .column = 1 })
#define T(p, t) { .text = t, .at = PLACE(p) }
#define X(t) { .text = t }
#define CODE(s, c, d) { .system = s, .code = T("/code/" c, c), .display = X(d) }
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* ---- people and places ---- */

static const struct chart_address home = { .at = PLACE("/patient/address"), .text = T("/patient/address/text", "東京都港区新橋１−２−３"), .postal_code = X("105-0004"), .state = X("東京都"), .city = X("港区"), .line = X("新橋１−２−３") };
static const struct chart_institution house = { .at = PLACE("/institution"), .code = T("/institution/code", "1318814790"), .name = X("みなと診療所"), .phone = X("03-1111-2222"), .address = &home };
static const struct chart_department cardiology = { .at = PLACE("/department"), .code = T("/department/code", "08"), .name = X("循環器内科") };
static const struct chart_department unnamed = { .at = PLACE("/department"), .name = X("総合診療科") };

static const struct chart_insurance member = { .at = PLACE("/insurance"), .member_id = T("/insurance", "00012345:あいう:１８７:05") };
static const struct chart_insurance member_without_branch = { .at = PLACE("/insurance"), .member_id = T("/insurance", "06132013:12-3:45678:") };
static const struct chart_insurance payer_only = { .at = PLACE("/insurance"), .public_id = T("/insurance", "12130001::1234567:") };
static const struct chart_insurance both = { .at = PLACE("/insurance"), .member_id = T("/insurance", "00012345:あいう:１８７:05"), .public_id = T("/insurance", "54130001::1234567:") };

#define PATIENT(which) { .at = PLACE("/patient"), .number = T("/patient/number", "000999739"), \
    .name = { .at = PLACE("/patient/name"), .text = T("/patient/name/text", "牧野 爛漫"), .family = X("牧野"), .given = X("爛漫"), \
              .kana_text = X("マキノ ランマン"), .kana_family = X("マキノ"), .kana_given = X("ランマン") }, \
    .gender = CHART_FEMALE, .birth_date = T("/patient/birth_date", "1930-06-28"), .phone = X("03-123-1234"), .address = &home, .insurance = &which }
static const struct chart_patient patient = PATIENT(member), patient_branch = PATIENT(member_without_branch), patient_payer = PATIENT(payer_only), patient_both = PATIENT(both);

static const struct chart_practitioner doctor = { .at = PLACE("/practitioner"), .id = T("/practitioner/id", "D001"), .license_number = X("123456"), .narcotics_number = X("13-0001"), .phone = X("03-1111-3333"),
    .name = { .text = X("医療 太郎"), .family = X("医療"), .given = X("太郎"), .kana_text = X("イリョウ タロウ"), .kana_family = X("イリョウ"), .kana_given = X("タロウ") } };
static const struct chart_practitioner colleague = { .at = PLACE("/receiver/practitioner"), .name = { .text = X("野口 英世丸"), .family = X("野口"), .given = X("英世丸") } };

static const struct chart_encounter visit = { .at = PLACE("/encounter"), .class = CHART_OUTPATIENT, .number = X("192844"), .start = X("2026-11-20T09:00:00+09:00") };
static const struct chart_encounter stay = { .at = PLACE("/encounter"), .class = CHART_INPATIENT, .start = X("2026-11-01"), .end = X("2026-11-20") };

#define HEAD(k, p) .at = PLACE("/units/0"), .kind = k, .institution = &house, .department = &cardiology, .patient = &p, .encounter = &visit, .practitioner = &doctor

/* ---- diseases ---- */

static struct chart_modifier left[] = { { { .at = PLACE("/diseases/0/prefix/0"), .text = X("左"), .coding = { CODE(CHART_MODIFIER_KEY, "27000358", "左"), CODE(CHART_MODIFIER_EXCHANGE, "1087", "左"), CODE(CHART_MODIFIER_RECEIPT, "2056", "左") }, .coding_count = 3 } } };
static struct chart_modifier after[] = { { { .text = X("の術後"), .coding = { CODE(CHART_MODIFIER_KEY, "27000727", "の術後") }, .coding_count = 1 } }, { { .text = X("の疑い"), .coding = { CODE(CHART_MODIFIER_KEY, "27000737", NULL) }, .coding_count = 1 } } };

static struct chart_disease diseases[] = {
    { .at = PLACE("/diseases/0"), .id = T("/diseases/0/id", "D-1"), .concept = { .at = PLACE("/diseases/0/disease"), .text = T("/diseases/0/disease/text", "左前腕骨折・術後"),
        .coding = { CODE(CHART_DISEASE_KEY, "20080427", "前腕骨折"), CODE(CHART_DISEASE_EXCHANGE, "SR2K", "前腕骨折"), CODE(CHART_DISEASE_RECEIPT, "8130020", "前腕骨折"), CODE(CHART_ICD10, "S529", NULL) }, .coding_count = 4 },
      .prefix = left, .prefix_count = 1, .postfix = after, .postfix_count = 2, .onset = T("/diseases/0/onset", "2020-04-10"), .recorded = X("2020-04-18T10:00:00+09:00"),
      .status = CHART_ACTIVE, .principal = true, .note = T("/diseases/0/note", "ギプス固定\n経過良好 <1週間>"), .flags = CHART_LONG_TERM | CHART_UNINFORMED | CHART_UNDELIVERED },
    { .at = PLACE("/diseases/1"), .concept = { .text = X("胃癌"), .coding = { CODE(CHART_DISEASE_KEY, "20054178", "胃癌") }, .coding_count = 1 }, .onset = X("2020-04-10"), .status = CHART_REMISSION, .flags = CHART_UNINFORMED },
    { .at = PLACE("/diseases/2"), .concept = { .text = X("当院でのみ使う病名"), .local_code = X("L001"), .no_code = true }, .onset = X("2022-05"), .suspected = true, .flags = CHART_UNDELIVERED },
    { .at = PLACE("/diseases/3"), .concept = { .text = X("急性気管支炎"), .coding = { CODE(CHART_DISEASE_RECEIPT, "4660009", "急性気管支炎") }, .coding_count = 1, .no_code = true }, .onset = X("2026-01-05"), .end = X("2026-01-20"), .status = CHART_RESOLVED, .outcome = CHART_CURED, .flags = CHART_LONG_TERM },
    { .at = PLACE("/diseases/4"), .concept = { .text = X("狭心症"), .coding = { CODE(CHART_DISEASE_KEY, "20058911", "狭心症") }, .coding_count = 1 }, .onset = X("2018"), .end = X("2024-03"), .outcome = CHART_MOVED, .status = CHART_INACTIVE, .department = &unnamed, .recorder = &colleague, .encounter = &stay },
};
static const struct chart chart_diseases = { HEAD(CHART_DISEASES, patient), .disease = diseases, .disease_count = COUNT(diseases) };
static const struct chart chart_disease_plain = { .at = PLACE(""), .kind = CHART_DISEASES, .institution = &house, .department = &unnamed, .patient = &patient_branch, .encounter = &stay, .disease = diseases + 1, .disease_count = 1 };
static const struct chart chart_public_payer = { HEAD(CHART_DISEASES, patient_payer), .disease = diseases, .disease_count = 1 };
static const struct chart chart_both_payers = { HEAD(CHART_DISEASES, patient_both), .disease = diseases, .disease_count = 1 };

/* ---- allergies ---- */

static struct chart_reaction reactions[] = {
    { .at = PLACE("/allergies/0/reactions/0"), .manifestation = X("全身の発疹"), .onset = X("2020-05-01"), .severity = CHART_SEVERE, .note = X("投与30分後") },
    { .at = PLACE("/allergies/0/reactions/1"), .severity = CHART_MILD },
    { .manifestation = X("嘔吐"), .severity = CHART_MODERATE },
};
static struct chart_allergy allergies[] = {
    { .at = PLACE("/allergies/0"), .id = X("A-1"), .category = CHART_ALLERGY_MEDICATION, .concept = { .at = PLACE("/allergies/0/allergen"), .text = T("/allergies/0/allergen/text", "ヨードうがい液"), .coding = { CODE(CHART_ALLERGEN_INGREDIENT, "GCM2260701F1ZZZ", "ポビドンヨード含嗽用液７％") }, .coding_count = 1 },
      .status = CHART_ACTIVE, .certainty = CHART_CONFIRMED, .criticality = CHART_CRITICALITY_HIGH, .onset = X("2020-05-01"), .recorded = X("2020-05-02"), .reaction = reactions, .reaction_count = COUNT(reactions), .note = X("再投与禁止"), .flags = CHART_LONG_TERM },
    { .at = PLACE("/allergies/1"), .category = CHART_ALLERGY_MEDICATION, .concept = { .text = X("ロキソニン"), .coding = { CODE(CHART_ALLERGEN_DRUG, "YCM1149019F1560", "ロキソニン錠６０ｍｇ") }, .coding_count = 1 }, .status = CHART_INACTIVE, .certainty = CHART_UNCONFIRMED, .criticality = CHART_CRITICALITY_LOW },
    { .at = PLACE("/allergies/2"), .category = CHART_ALLERGY_MEDICATION, .concept = { .text = X("昔の注射"), .no_code = true }, .status = CHART_ACTIVE, .criticality = CHART_CRITICALITY_UNKNOWN, .encounter = &stay, .department = &unnamed, .recorder = &colleague },
    { .at = PLACE("/allergies/3"), .category = CHART_ALLERGY_FOOD, .concept = { .text = X("サバ"), .coding = { CODE(CHART_ALLERGEN_FOOD, "J9FC11310000", "さば") }, .coding_count = 1 }, .status = CHART_RESOLVED, .end = X("2025-10-01"), .certainty = CHART_CONFIRMED },
    { .at = PLACE("/allergies/4"), .category = CHART_ALLERGY_FOOD, .concept = { .text = X("山菜"), .no_code = true }, .status = CHART_ACTIVE },
    { .at = PLACE("/allergies/5"), .category = CHART_ALLERGY_ENVIRONMENT, .concept = { .text = X("スギ花粉"), .coding = { CODE(CHART_ALLERGEN_OTHER, "J9NP10010000", "スギ花粉") }, .coding_count = 1 }, .status = CHART_ACTIVE },
    { .at = PLACE("/allergies/6"), .category = CHART_ALLERGY_UNSPECIFIED, .concept = { .text = X("不明の物質"), .no_code = true }, .status = CHART_ACTIVE, .certainty = CHART_REFUTED },
};
static const struct chart chart_allergies = { HEAD(CHART_ALLERGIES, patient), .allergy = allergies, .allergy_count = COUNT(allergies) };
static const struct chart chart_allergy_plain = { .kind = CHART_ALLERGIES, .institution = &house, .patient = &patient, .allergy = allergies + 3, .allergy_count = 1 };

/* ---- lab ---- */

static const struct chart_specimen serum = { .at = PLACE("/lab/specimen"), .name = X("血清"), .code = X("023") };
static const struct chart_specimen urine = { .name = X("尿") };
static const struct chart_specimen blood = { .name = X("全血"), .code = X("019"), .collected = X("2026-11-20T09:30:00+09:00") };
static struct chart_range ranges[] = {
    { .at = PLACE("/lab/items/0/ranges/0"), .low = X("4.10"), .high = X("5.1"), .unit = X("g/dL"), .text = X("成人") }, { .high = X("10") }, { .text = X("(-)") }, { .at = NULL },
};
#define WHEN .collected = X("2026-11-20T09:30:00+09:00")
#define QUANTITY(n, u) { .at = PLACE("/lab/value"), .type = CHART_QUANTITY, .number = X(n), .unit = X(u) }
static struct chart_lab_item lab_items[] = {
    { .at = PLACE("/lab/items/0"), .id = X("L-1"), .concept = { .at = PLACE("/lab/items/0/test"), .text = T("/lab/items/0/test/text", "アルブミン"), .local_code = T("/lab/items/0/test/local", "0000181800"), .coding = { CODE(CHART_JLAC10_CORE, "3A015000001827101", "ALB") }, .coding_count = 1 }, .local_material = X("023"),
      .value = { .at = PLACE("/lab/items/0/value"), .type = CHART_QUANTITY, .number = T("/lab/items/0/value/number", "3.90"), .unit = X("g/dL"), .unit_code = X("g/dL") }, .interpretation = CHART_LOW, .range = ranges, .range_count = COUNT(ranges), .specimen = &serum, WHEN, .issued = X("2026-11-20T12:00:00+09:00"), .comment = X("再検済み"), .flags = CHART_LONG_TERM },
    { .concept = { .text = X("カリウム"), .local_code = X("K"), .coding = { CODE(CHART_JLAC10, "3H015000002326101", NULL) }, .coding_count = 1 }, .value = { .type = CHART_QUANTITY, .number = X("10"), .comparator = X("<"), .unit = X("mEq/L") }, .interpretation = CHART_CRITICAL_HIGH, .specimen = &serum, WHEN, .status = CHART_CORRECTED },
    { .concept = { .text = X("カリウム 一般"), .local_code = X("K2"), .coding = { CODE(CHART_JLAC10_GENERAL, "3H015000002326101", "カリウム") }, .coding_count = 1 }, .value = { .type = CHART_QUANTITY, .number = X("3.5"), .comparator = X(">="), .unit = X("mEq/L") }, .interpretation = CHART_NORMAL, .specimen = &serum, WHEN, .status = CHART_PRELIMINARY },
    { .concept = { .text = X("eGFR"), .local_code = X("0000181910"), .coding = { CODE(CHART_JLAC10_GENERAL, "8A065000002391901", "推算GFR") }, .coding_count = 1 }, .value = QUANTITY("75", "mL/min/1.73m2"), .specimen = &serum, WHEN },
    { .concept = { .text = X("eGFR(2)"), .local_code = X("0000181911"), .coding = { CODE(CHART_JLAC10, "8A065000002391901", NULL) }, .coding_count = 1 }, .value = QUANTITY("0", "mL"), .specimen = &serum, WHEN },
    { .concept = { .text = X("院内だけの検査"), .local_code = X("X-99"), .no_code = true }, .value = { .type = CHART_STRING, .text = X("判定できず\n再採取") }, .specimen = &urine, WHEN, .interpretation = CHART_ABNORMAL },
    { .concept = { .text = X("コードのない検査"), .no_code = true }, .value = { .type = CHART_ABSENT, .absent = X("not-performed") }, .specimen = &urine, .collected = X("2026-11-20"), .status = CHART_CANCELLED },
    { .concept = { .text = X("梅毒反応"), .local_code = X("TP1"), .coding = { CODE(CHART_JLAC10_INFECTION, "5E071000002399811", NULL) }, .coding_count = 1 }, .value = { .type = CHART_QUALITATIVE, .text = X("(-)"), .code = X("1"), .code_system = X("urn:oid:1.2.392.200119.6.2102") }, .interpretation = CHART_NEGATIVE, .specimen = &serum, WHEN, .flags = CHART_LONG_TERM },
    { .concept = { .text = X("梅毒STS"), .local_code = X("TP2"), .coding = { CODE(CHART_JLAC10, "5E074135102311711", NULL) }, .coding_count = 1 }, .value = { .type = CHART_QUALITATIVE, .text = X("陽性") }, .interpretation = CHART_POSITIVE, .specimen = &blood, WHEN },
    { .concept = { .text = X("判定保留の検査"), .local_code = X("H1"), .no_code = true }, .value = { .type = CHART_ABSENT }, .interpretation = CHART_INDETERMINATE, .specimen = &blood, WHEN },
    { .concept = { .text = X("値の小さな検査"), .local_code = X("S1"), .no_code = true }, .value = { .type = CHART_QUANTITY, .number = X("-0.0050"), .comparator = X("<="), .unit = X("μg/mL") }, .interpretation = CHART_CRITICAL_LOW, .specimen = &serum, WHEN },
    { .concept = { .text = X("高い検査"), .local_code = X("S2"), .no_code = true }, .value = { .type = CHART_QUANTITY, .number = X("1234567890.12345"), .comparator = X(">") }, .interpretation = CHART_HIGH, .specimen = &serum, WHEN, .issued = X("2026-11-20") },
};
static struct chart_lab_report report = { .at = PLACE("/lab"), .number = X("R-1"), .order_number = X("O-77"), .collected = X("2026-11-20T09:30:00+09:00"), .issued = X("2026-11-20T13:00:00.250+09:00"), .requester = &doctor, .comment = X("検体は良好"), .item = lab_items, .item_count = COUNT(lab_items) };
static const struct chart chart_lab = { HEAD(CHART_LAB, patient), .lab = &report };

/* Codes that the lists do not take: each gives one warning. */
static struct chart_lab_item odd_items[] = {
    { .concept = { .text = X("Dダイマー"), .local_code = X("DD1"), .coding = { CODE(CHART_JLAC10_CORE, "2B140000001904101", "DD") }, .coding_count = 1 }, .value = QUANTITY("0.5", "μg/mL"), .specimen = &serum, WHEN },
    { .concept = { .text = X("表だけのコード"), .local_code = X("T1"), .coding = { CODE(CHART_JLAC10_CORE, "3A015000002399801", NULL) }, .coding_count = 1 }, .value = QUANTITY("1", "g"), .specimen = &serum, WHEN },
};
static struct chart_lab_report odd_report = { .number = X("R-2"), .item = odd_items, .item_count = COUNT(odd_items) };
static const struct chart chart_lab_odd = { HEAD(CHART_LAB, patient), .lab = &odd_report };

/* ---- letter ---- */

static struct chart_family family[] = {
    { .at = PLACE("/family/0"), .relation_code = X("MTH"), .relation = X("母"), .condition = (struct chart_concept[]){ { .text = X("胃がん"), .coding = { CODE(CHART_DISEASE_KEY, "20054178", "胃癌"), CODE(CHART_ICD10, "C169", "胃癌") }, .coding_count = 2 }, { .text = X("高血圧") } }, .condition_count = 2, .note = X("60歳で発症") },
    { .relation_code = X("FTH"), .relation = X("父") },
};
static struct chart_finding findings[] = {
    { .at = PLACE("/findings/0"), .concept = { .text = X("腹部所見") }, .value = { .type = CHART_STRING, .text = X("上腹部圧痛あり") }, .date = X("2026-11-20"), .note = X("仰臥位") },
    { .concept = { .text = X("体重") }, .value = { .type = CHART_QUANTITY, .number = X("60.50"), .unit = X("kg"), .unit_code = X("kg") } },
    { .concept = { .text = X("HBs抗原") }, .value = { .type = CHART_QUALITATIVE, .text = X("陰性") } },
    { .concept = { .text = X("喫煙") }, .value = { .type = CHART_ABSENT, .absent = X("asked-declined") } },
};
static struct chart_immunization shots[] = { { .at = PLACE("/shots/0"), .vaccine = { .text = X("インフルエンザHAワクチン") }, .date = X("2025-10-15"), .lot_number = X("A12"), .note = X("副反応なし") }, { .vaccine = { .text = X("BCG") } } };
static struct chart_procedure procedures[] = { { .at = PLACE("/procedures/0"), .concept = { .text = X("虫垂切除術") }, .start = X("2010-05"), .note = X("他院") }, { .concept = { .text = X("赤血球輸血") }, .start = X("2011-01-01"), .end = X("2011-01-02") }, { .concept = { .text = X("創傷処置") } } };
static struct chart_medication medications[] = {
    { .at = PLACE("/medications/0"), .id = X("M-1"), .concept = { .at = PLACE("/medications/0/drug"), .text = X("ミヤＢＭ錠（２０ｍｇ／錠）"), .local_code = X("I1656900"), .coding = { CODE(CHART_YJ, "2316009F1022", "ミヤＢＭ錠"), CODE(CHART_HOT9, "104195801", NULL) }, .coding_count = 2 }, .rp_number = X("2"), .order_in_rp = X("3"), .authored = X("2026-11-20"), .start = X("2026-11-21"),
      .usage = { .text = X("1日3回 毎食後"), .coding = { CODE(CHART_USAGE, "1013044400000000", "１日３回毎食後　服用"), CODE(CHART_USAGE_JAMI, "1013044400000000", NULL) }, .coding_count = 2 }, .dose = X("2.0"), .dose_unit = X("錠"), .dose_unit_code = X("TAB"), .daily = X("6"), .daily_unit = X("錠"), .daily_unit_code = X("TAB"), .days = X("14"), .quantity = X("84"), .quantity_unit = X("錠"), .quantity_unit_code = X("TAB"), .note = X("一包化"), .flags = CHART_LONG_TERM },
    { .concept = { .text = X("一般名アムロジピン錠"), .coding = { CODE(CHART_DRUG_GENERAL, "2171022F1ZZZ", "【般】アムロジピン錠２．５ｍｇ") }, .coding_count = 1 }, .authored = X("2026-11-20T10:00:00+09:00"), .usage = { .text = X("1日1回 朝食後"), .no_code = true }, .dose = X("1"), .dose_unit = X("錠"), .days = X("28"), .requester = &colleague },
    { .concept = { .text = X("院内製剤うがい液"), .local_code = X("I99"), .no_code = true }, .authored = X("2026-11-20"), .usage = { .text = X("のどが痛いとき"), .no_code = true }, .quantity = X("1"), .quantity_unit = X("本"), .as_needed = true },
};
static struct chart_plan plans[] = { { .at = PLACE("/plans/0"), .title = X("血圧管理"), .description = X("減塩を続けてください。"), .start = X("2026-11-21") }, { .description = X("毎月受診") } };
static struct chart_device devices[] = { { .at = PLACE("/devices/0"), .concept = { .text = X("ペースメーカー") }, .start = X("2020-01-01"), .note = X("MRI非対応") }, { .concept = { .text = X("眼鏡") } } };
static struct chart_directive directives[] = { { .at = PLACE("/directives/0"), .title = X("心肺蘇生を望まない"), .date = X("2026-01-01"), .note = X("家族同席で確認") }, { .title = X("臓器提供意思表示あり") } };
static struct chart_study studies[] = { { .at = PLACE("/studies/0"), .title = X("治験A"), .start = X("2026-01"), .end = X("2026-06"), .note = X("第III相") }, { .title = X("観察研究B"), .start = X("2025") }, { .title = X("研究C") } };

#define PDF_BYTES "%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
#define CDA_BYTES "<?xml version=\"1.0\"?><ClinicalDocument xmlns=\"urn:hl7-org:v3\"/>"
#define BYTES(s) { (s), sizeof(s) - 1 }
static struct chart_attachment progress[] = { { .at = PLACE("/course/document"), .kind = CHART_DOCUMENT, .title = X("臨床経過"), .media_type = X("application/pdf"), .content = BYTES(PDF_BYTES) } };
static struct chart_disease stay_diseases[] = { { .at = PLACE("/discharge/diseases/0"), .concept = { .text = X("肺炎"), .coding = { CODE(CHART_DISEASE_KEY, "20062943", "肺炎") }, .coding_count = 1 }, .onset = X("2026-11-01"), .end = X("2026-11-20"), .status = CHART_RESOLVED } };
static struct chart_attachment attachments[] = {
    { .at = PLACE("/attachments/0"), .kind = CHART_KEY_IMAGE, .title = X("胸部X線"), .media_type = X("image/png"), .created = X("2026-11-19"), .content = BYTES("\x89PNG\r\n\x1a\n") },
    { .at = PLACE("/attachments/1"), .kind = CHART_PDF, .title = X("検査報告書"), .media_type = X("application/pdf"), .content = BYTES(PDF_BYTES) },
    { .at = PLACE("/attachments/2"), .kind = CHART_KEY_IMAGE, .title = X("内視鏡"), .media_type = X("image/jpeg"), .content = BYTES("\xff\xd8\xff") },
    { .at = PLACE("/attachments/3"), .kind = CHART_KEY_IMAGE, .title = X("スキャン"), .media_type = X("image/tiff"), .created = X("2026-11-19T08:00:00+09:00"), .content = BYTES("II*") },
    { .at = PLACE("/attachments/4"), .kind = CHART_PDF, .title = X("紹介状写し"), .media_type = X("application/pdf"), .content = BYTES(PDF_BYTES) },
    { .at = PLACE("/attachments/5"), .kind = CHART_DISCHARGE_CDA, .title = X("退院時サマリー"), .media_type = X("application/xml"), .content = BYTES(CDA_BYTES), .admission = X("2026-11-01"), .discharge = X("2026-11-20"), .disease = stay_diseases, .disease_count = 1 },
    { .at = PLACE("/attachments/6"), .kind = CHART_DISCHARGE_CDA, .title = X("前回の退院時サマリー"), .media_type = X("application/xml"), .created = X("2025-02-02"), .content = BYTES(CDA_BYTES), .admission = X("2025-01-01"), .discharge = X("2025-02-01") },
};
static const struct chart_attachment letter_cda = { .at = PLACE("/cda"), .kind = CHART_LETTER_CDA, .title = X("診療情報提供書(CDA)"), .media_type = X("application/xml"), .content = BYTES(CDA_BYTES) };

#define SECTION(c, t) .at = PLACE("/sections/" #c), .code = c, .text = T("/sections/" #c "/text", t)
static struct chart_section full_sections[] = {
    { SECTION(CHART_SECTION_PURPOSE, "腹痛精査お願いします。") },
    { SECTION(CHART_SECTION_DIAGNOSES, "上腹部痛、腰痛"), .disease = diseases, .disease_count = COUNT(diseases) },
    { SECTION(CHART_SECTION_PRESENT_ILLNESS, "6月から上腹部痛 <強い> & 嘔気\r\n改善なし"), .disease = diseases + 1, .disease_count = 1 },
    { .at = PLACE("/sections/370"), .code = CHART_SECTION_PAST_HISTORY, .disease = diseases + 4, .disease_count = 1 },
    { .code = CHART_SECTION_ALLERGIES, .allergy = allergies, .allergy_count = COUNT(allergies) },
    { .code = CHART_SECTION_FAMILY_HISTORY, .family = family, .family_count = COUNT(family) },
    { .code = CHART_SECTION_PHYSICAL_FINDINGS, .finding = findings, .finding_count = 2 },
    { .code = CHART_SECTION_INFECTIONS, .finding = findings + 2, .finding_count = 1 },
    { .code = CHART_SECTION_SOCIAL_HISTORY, .finding = findings + 3, .finding_count = 1 },
    { .code = CHART_SECTION_IMMUNIZATIONS, .immunization = shots, .immunization_count = COUNT(shots) },
    { .code = CHART_SECTION_SURGERIES, .procedure = procedures, .procedure_count = 1 },
    { .code = CHART_SECTION_TRANSFUSIONS, .procedure = procedures + 1, .procedure_count = 1 },
    { .code = CHART_SECTION_TREATMENTS, .procedure = procedures + 2, .procedure_count = 1 },
    { .code = CHART_SECTION_MEDICATIONS, .medication = medications, .medication_count = COUNT(medications) },
    { .code = CHART_SECTION_LAB_RESULTS, .lab = lab_items, .lab_count = COUNT(lab_items) },
    { SECTION(CHART_SECTION_COURSE, "外来で経過観察中。"), .document = progress, .document_count = 1 },
    { .code = CHART_SECTION_PLAN, .plan = plans, .plan_count = COUNT(plans) },
    { .code = CHART_SECTION_DEVICES, .device = devices, .device_count = COUNT(devices) },
    { .code = CHART_SECTION_ADVANCE_DIRECTIVES, .directive = directives, .directive_count = COUNT(directives) },
    { .code = CHART_SECTION_RESEARCH, .study = studies, .study_count = COUNT(studies) },
    { SECTION(CHART_SECTION_REMARKS, "ご不明の点はお電話ください。") },
};
static struct chart_section text_sections[] = {
    { SECTION(CHART_SECTION_PURPOSE, "精査") }, { SECTION(CHART_SECTION_DIAGNOSES, "胃潰瘍の疑い") }, { SECTION(CHART_SECTION_PRESENT_ILLNESS, "1か月前から") }, { SECTION(CHART_SECTION_COURSE, "経過を見ています") },
};

#define RECEIVER .receiver = { .at = PLACE("/receiver"), .institution = { .at = PLACE("/receiver/institution"), .code = T("/receiver/institution/code", "1311234567"), .name = X("東京第一テスト病院") } }
static struct chart_letter full_letter = { .at = PLACE("/letter"), .number = X("LT-1"), .version = X("2"), .issued = X("2026-11-21T10:00:00+09:00"), .class = CHART_OUTPATIENT, .author = &doctor,
    .receiver = { .at = PLACE("/receiver"), .institution = { .at = PLACE("/receiver/institution"), .code = T("/receiver/institution/code", "1311234567"), .name = X("東京第一テスト病院"), .phone = X("03-1234-5678"), .address = &home }, .department = &cardiology, .practitioner = &colleague },
    .flags = CHART_LONG_TERM, .section = full_sections, .section_count = COUNT(full_sections), .attachment = attachments, .attachment_count = COUNT(attachments) };
static struct chart_letter text_letter = { .at = PLACE("/letter"), .number = X("LT-2"), .issued = X("2026-11-21"), .class = CHART_INPATIENT, .author = &colleague, RECEIVER, .section = text_sections, .section_count = COUNT(text_sections) };
static struct chart_letter cda_letter = { .at = PLACE("/letter"), .number = X("LT-3"), .issued = X("2026-11-21"), .author = &doctor, RECEIVER, .cda = &letter_cda, .attachment = attachments + 1, .attachment_count = 1 };
static const struct chart chart_letter_full = { HEAD(CHART_LETTER, patient), .letter = &full_letter };
static const struct chart chart_letter_text = { .at = PLACE(""), .kind = CHART_LETTER, .institution = &house, .department = &unnamed, .patient = &patient_branch, .letter = &text_letter };
static const struct chart chart_letter_cda = { HEAD(CHART_LETTER, patient), .letter = &cda_letter };

/* ---- the list ---- */

#define STATIC_CHART(name) static const struct chart *make_##name(struct arena *arena) { (void)arena; return &chart_##name; }
STATIC_CHART(diseases)
STATIC_CHART(disease_plain)
STATIC_CHART(public_payer)
STATIC_CHART(both_payers)
STATIC_CHART(allergies)
STATIC_CHART(allergy_plain)
STATIC_CHART(lab)
STATIC_CHART(lab_odd)
STATIC_CHART(letter_full)
STATIC_CHART(letter_text)
STATIC_CHART(letter_cda)

static bool has_display(const struct chart_lab_item *item, size_t count, const char *display)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(codes_lab_find(item[i].concept.coding[0].code.text)->display, display) == 0)
            return true;
    return false;
}

/* One code of each group of a list: the reference knows a slice for each. */
static const struct chart *make_lab_list(struct arena *arena, enum codes_lab_kind kind)
{
    size_t count, used = 0;
    const struct codes_lab *all = codes_lab_all(&count);
    struct chart_lab_item *item = arena_array(arena, count, sizeof *item);
    struct chart_lab_report *lab = arena_alloc(arena, sizeof *lab);
    struct chart *chart = arena_alloc(arena, sizeof *chart);
    if (item == NULL || lab == NULL || chart == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (all[i].kind != kind || !codes_lab_is_sendable(&all[i]) || has_display(item, used, all[i].display))
            continue;
        item[used] = odd_items[0];
        item[used].concept.coding[0].code.text = all[i].code;
        used++;
    }
    *lab = odd_report;
    lab->item = item;
    lab->item_count = used;
    *chart = chart_lab_odd;
    chart->lab = lab;
    return chart;
}

static const struct chart *make_lab_core(struct arena *arena) { return make_lab_list(arena, CODES_LAB_CORE); }
static const struct chart *make_lab_infection(struct arena *arena) { return make_lab_list(arena, CODES_LAB_INFECTION); }

/* A letter whose optional sections say why they are empty. */
static const struct chart *make_letter_empty(struct arena *arena)
{
    size_t count, used = COUNT(text_sections);
    const struct codes_section *all = codes_letter_sections(&count);
    struct chart_section *section = arena_array(arena, count + used, sizeof *section);
    struct chart_letter *letter = arena_alloc(arena, sizeof *letter);
    struct chart *chart = arena_alloc(arena, sizeof *chart);
    if (section == NULL || letter == NULL || chart == NULL)
        return NULL;
    memcpy(section, text_sections, sizeof text_sections);
    section[1].empty = CHART_NILKNOWN;   /* a text and a reason: the text is kept */
    for (size_t i = 0; i < count; i++) {
        if (all[i].place != CODES_SECTION_INNER || all[i].required || strcmp(all[i].code, "330") == 0)
            continue;
        unsigned code = 0;
        for (const char *p = all[i].code; *p != '\0'; p++)
            code = code * 10 + (unsigned)(*p - '0');
        section[used].code = (enum chart_section_code)code;
        section[used].empty = used % 2 == 0 ? CHART_NILKNOWN : CHART_NOTASKED;
        used++;
    }
    section[used].code = CHART_SECTION_REMARKS;
    section[used].empty = CHART_NILKNOWN;
    used++;
    *letter = text_letter;
    letter->section = section;
    letter->section_count = used;
    *chart = chart_letter_text;
    chart->letter = letter;
    return chart;
}

/* A letter with a ready discharge summary: the one that another letter has inside. */
static const struct chart *make_letter_ready(struct arena *arena)
{
    static const char start[] = "{\"resourceType\":\"Bundle\",\"meta\":{\"lastUpdated\":\"2026-11-21T09:30:05.123+09:00\",\"profile\":[\"http://jpfhir.jp/fhir/clins/StructureDefinition/JP_Bundle_eDischarge";
    struct fhir_options options;
    struct issue_list issues;
    struct buf json;
    struct chart_attachment *attachment = arena_alloc(arena, sizeof *attachment);
    struct chart_letter *letter = arena_alloc(arena, sizeof *letter);
    struct chart *chart = arena_alloc(arena, sizeof *chart);
    if (attachment == NULL || letter == NULL || chart == NULL)
        return NULL;
    fhir_test_options(&options);
    options.seed[0] ^= 1;
    issues_init(&issues, arena);
    buf_init(&json, 1 << 20);
    *letter = text_letter;
    letter->attachment = attachments + 5;
    letter->attachment_count = 1;
    *chart = chart_letter_text;
    chart->letter = letter;
    if (fhir_build_bundle(chart, &options, arena, &json, NULL, &issues, NULL) < 0)
        return NULL;
    const char *inner = strstr(json.data, start);
    size_t len = 0;
    for (int depth = 0; inner != NULL && (len == 0 || depth > 0); len++)
        depth += (inner[len] == '{') - (inner[len] == '}');
    *attachment = attachments[5];
    attachment->kind = CHART_DISCHARGE_BUNDLE;
    attachment->content = (struct bytes){ arena_strndup(arena, inner == NULL ? "" : inner, len), len };
    letter->attachment = attachment;
    buf_free(&json);
    return chart;
}

static const struct fhir_variant variants[] = {
    { "diseases", make_diseases, 0 }, { "disease_plain", make_disease_plain, 0 }, { "public_payer", make_public_payer, 0 }, { "both_payers", make_both_payers, 0 },
    { "allergies", make_allergies, 0 }, { "allergy_plain", make_allergy_plain, 0 },
    { "lab", make_lab, 0 }, { "lab_odd", make_lab_odd, 2 }, { "lab_core", make_lab_core, 0 }, { "lab_infection", make_lab_infection, 0 },
    { "letter_full", make_letter_full, 0 }, { "letter_text", make_letter_text, 0 }, { "letter_cda", make_letter_cda, 0 }, { "letter_empty", make_letter_empty, 0 }, { "letter_ready", make_letter_ready, 0 },
};

const struct fhir_variant *fhir_variants(size_t *ret_count)
{
    *ret_count = COUNT(variants);
    return variants;
}

const struct chart *fhir_variant_chart(const char *name, struct arena *arena)
{
    for (size_t i = 0; i < COUNT(variants); i++)
        if (strcmp(variants[i].name, name) == 0)
            return variants[i].make(arena);
    return NULL;
}

void fhir_test_options(struct fhir_options *options)
{
    fhir_options_init(options);
    options->bundle_id = "1318814790^2026^3f6c2d1e-0d5b-4a57-9a2e-3c8f0a1b2c3d";
    options->now_ms = INT64_C(1795221005123);   /* 2026-11-21T09:30:05.123+09:00 */
    memset(options->seed, 7, sizeof options->seed);
}
