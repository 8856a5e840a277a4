/*
 * chart.h - the neutral clinical model: what a clinic wants to tell the service, with no trace of any vendor's format and none of FHIR.
 *
 * An adapter fills it, fhir/ builds a Bundle from it. Calling sequence:
 *
 *     adapters/...  ops->read()              bytes -> struct order (chart/order.h), whose units point to a struct chart
 *     chart/        order_settle_codes()     local codes -> standard codes by the caller's map; what stays without one is warned about
 *     fhir/         builds one Bundle of each unit's chart
 *
 * Ownership: everything lives in the arena of the one message and is const for everybody but the adapter. Nothing here is freed singly.
 *
 * Conventions
 *   - A leaf is a struct chart_text: .text is NUL-terminated UTF-8 or NULL when the vendor did not give it (never ""); .at says where it
 *     stands in the vendor's file, or NULL for a value that the adapter made itself. An enum's place is that of the object around it.
 *   - Dates are FHIR dates "2026-11-21" (or "2026-11", "2026" where the field allows it); instants are FHIR dateTimes, with seconds and
 *     zone "2026-11-21T09:30:00+09:00" or a plain date. They are already checked against the calendar.
 *   - Decimals are the vendor's own digits: 1.50 stays "1.50".
 *   - Lists are arrays with a count; NULL and 0 when empty.
 * Elements and their Japanese names: JP-CLINS implementation guide 1.5.2, sections named beside each struct.
 */
#ifndef CHART_CHART_H
#define CHART_CHART_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include "base/buf.h"
#include "base/crypt.h"
#include "base/kind_word.h"

/* Where a value stands in the vendor's file. */
struct chart_place {
    const char *pointer;     /* JSON pointer (RFC 6901), "" = the whole file */
    int64_t offset;          /* byte offset of the value */
    uint32_t line, column;   /* 1-based; column counts characters */
};

struct chart_text { const char *text; const struct chart_place *at; };

/* ---- codes ---------------------------------------------------------------------------------------------------------------------- */

/* Which code list a code is of. The URLs are fhir/'s business. */
enum chart_system {
    CHART_SYSTEM_NONE,
    CHART_DISEASE_KEY,         /* 病名管理番号: the only one the service reads for a disease */
    CHART_DISEASE_EXCHANGE,    /* 病名交換用コード */
    CHART_DISEASE_RECEIPT,     /* レセプト電算処理 傷病名コード */
    CHART_ICD10,               /* ICD-10 (2013) */
    CHART_MODIFIER_KEY,        /* 修飾語管理番号 */
    CHART_MODIFIER_EXCHANGE,   /* 修飾語交換用コード */
    CHART_MODIFIER_RECEIPT,    /* レセプト電算処理 修飾語コード */
    CHART_ALLERGEN_FOOD,       /* J-FAGY J9F + 9 */
    CHART_ALLERGEN_OTHER,      /* J-FAGY J9N + 9 */
    CHART_ALLERGEN_DRUG,       /* YCM + YJ12: a medicine allergen by product */
    CHART_ALLERGEN_INGREDIENT, /* GCM + YJ with ZZZ: by ingredient */
    CHART_JLAC10,              /* 17 digits, list not told: the builder looks in core, infection, general, in that order */
    CHART_JLAC10_CORE,         /* 検査 43 項目 */
    CHART_JLAC10_INFECTION,    /* 感染症 5 項目 */
    CHART_JLAC10_GENERAL,      /* 臨床検査項目分類コード, any other 17 digits */
    CHART_YJ,                  /* 薬価基準収載医薬品コード (12) */
    CHART_DRUG_GENERAL,        /* 一般名処方マスタ (12) */
    CHART_HOT9,
    CHART_DRUG_RECEIPT,        /* レセプト電算処理 医薬品コード (9) */
    CHART_USAGE,               /* 電子処方箋 用法マスタ (16) */
    CHART_USAGE_JAMI,          /* JAMI 標準用法コード */
    CHART_SYSTEM_COUNT
};

struct chart_coding {
    enum chart_system system;
    struct chart_text code;
    struct chart_text display;  /* the list's own name of it, when the vendor gave one */
};

enum { CHART_CODINGS_MAX = 4 };

/*
 * A term of the chart with its codes. text is what the chart says and becomes code.text unchanged.
 * no_code: nothing in the lists of this kind stands for it (a local code alone, or the vendor declared it uncoded); the builder then
 * writes the guide's no-code (99999999, D9F000000000, D9M000000000, D9N000000000, 17 nines, NOCODED, dummy usage).
 */
struct chart_concept {
    const struct chart_place *at;
    struct chart_text text;
    struct chart_text local_code;
    struct chart_coding coding[CHART_CODINGS_MAX];
    size_t coding_count;
    bool no_code;
};

/* First coding of that system; NULL when there is none. */
const struct chart_coding *chart_concept_get(const struct chart_concept *concept, enum chart_system system);
/* Short stable name of a system ("disease_key", "jlac10_core", ...): the name of the list in code maps and work lists. Never NULL. */
const char *chart_system_name(enum chart_system system);

/* ---- flags (jp-clins ehrshrs_indication) ----------------------------------------------------------------------------------------- */

enum chart_flag {
    CHART_LONG_TERM = 1,    /* 長期保存 LTS */
    CHART_UNINFORMED = 2,   /* 未告知 UNINFORMED */
    CHART_UNDELIVERED = 4   /* 未提供 UNDELIVERED */
};

/* ---- people and places ----------------------------------------------------------------------------------------------------------- */

struct chart_address {
    const struct chart_place *at;
    struct chart_text text;         /* whole address in one line; always there */
    struct chart_text postal_code, state /* 都道府県 */, city /* 市区町村 */, line;
};

/* A name in kanji and kana. text is made by the adapter (family, half-width space, given) when the vendor gave none. */
struct chart_name {
    const struct chart_place *at;
    struct chart_text text, family, given;                   /* 漢字 (IDE); all three or none */
    struct chart_text kana_text, kana_family, kana_given;    /* カナ (SYL); all three or none */
};

/* 医療機関 */
struct chart_institution {
    const struct chart_place *at;
    struct chart_text code;         /* 医療機関番号, 10 digits */
    struct chart_text name, phone;
    const struct chart_address *address;   /* NULL = not given */
};

/* 診療科: SS-MIX2 two-digit code, name always */
struct chart_department { const struct chart_place *at; struct chart_text code, name; };

/* 被保険者個人識別子. Either insurer_number and number, or payer_number and recipient_number (生活保護 etc.), or both. */
struct chart_insurance {
    const struct chart_place *at;
    struct chart_text insurer_number;    /* 保険者番号, padded to 8 digits by the adapter */
    struct chart_text symbol;            /* 記号, may be absent */
    struct chart_text number;            /* 番号 */
    struct chart_text branch;            /* 枝番, 2 digits or absent */
    struct chart_text payer_number;      /* 公費負担者番号, 8 */
    struct chart_text recipient_number;  /* 受給者番号, 7 */
    struct chart_text member_id;         /* "06132013:記号:番号:01", ready to send; absent when only a public payer is given */
    struct chart_text public_id;         /* "12130001::1234567:", ready to send; absent without a public payer */
};

enum chart_gender { CHART_GENDER_UNKNOWN, CHART_MALE, CHART_FEMALE, CHART_OTHER };

struct chart_patient {
    const struct chart_place *at;
    struct chart_text number;            /* 診察券番号 / カルテ番号 of the institution */
    struct chart_name name;
    enum chart_gender gender;
    struct chart_text birth_date;
    struct chart_text phone;
    const struct chart_address *address;
    const struct chart_insurance *insurance;
};

struct chart_practitioner {
    const struct chart_place *at;
    struct chart_text id;                /* number inside the institution */
    struct chart_text license_number;    /* 医籍登録番号 */
    struct chart_text narcotics_number;  /* 麻薬施用者番号 */
    struct chart_text phone;
    struct chart_name name;
};

enum chart_class { CHART_OUTPATIENT /* AMB */, CHART_INPATIENT /* IMP */ };

struct chart_encounter {
    const struct chart_place *at;
    enum chart_class class;
    struct chart_text number;            /* 受診・入院番号 */
    struct chart_text start, end;        /* dateTime or date */
};

/* ---- 傷病名 (JP_Condition_eCS) ----------------------------------------------------------------------------------------------------- */

struct chart_modifier { struct chart_concept concept; };   /* 修飾語: CHART_MODIFIER_* ; a key is always there */

enum chart_disease_status { CHART_DISEASE_STATUS_NONE, CHART_ACTIVE, CHART_REMISSION, CHART_INACTIVE, CHART_RESOLVED };
/* 転帰 as the chart has it; only for the text, the status decides */
enum chart_outcome { CHART_OUTCOME_NONE, CHART_CURED /* 治癒 */, CHART_DIED /* 死亡 */, CHART_STOPPED /* 中止 */, CHART_MOVED /* 転医 */, CHART_CONTINUED /* 継続 */ };

struct chart_disease {
    const struct chart_place *at;
    struct chart_text id;                /* the vendor's own id of the entry, NULL = the builder derives one */
    struct chart_concept concept;
    struct chart_modifier *prefix, *postfix;
    size_t prefix_count, postfix_count;
    struct chart_text onset;             /* 診療開始日 / 発症日: date or dateTime */
    struct chart_text end;               /* 転帰日 */
    struct chart_text recorded;
    enum chart_disease_status status;    /* with an end never ACTIVE (con-4) */
    enum chart_outcome outcome;
    bool suspected;                      /* 疑い: unconfirmed */
    bool principal;                      /* 主傷病 */
    struct chart_text note;
    unsigned flags;                      /* all three may stand here */
    const struct chart_department *department;      /* NULL = the chart's */
    const struct chart_practitioner *recorder;      /* NULL = the chart's */
    const struct chart_encounter *encounter;        /* NULL = the chart's */
};

/* ---- アレルギー (JP_AllergyIntolerance_eCS) ------------------------------------------------------------------------------------------ */

enum chart_allergy_category { CHART_ALLERGY_MEDICATION, CHART_ALLERGY_FOOD, CHART_ALLERGY_ENVIRONMENT, CHART_ALLERGY_UNSPECIFIED };
enum chart_certainty { CHART_CERTAINTY_NONE, CHART_CONFIRMED, CHART_UNCONFIRMED, CHART_REFUTED };
enum chart_criticality { CHART_CRITICALITY_NONE, CHART_CRITICALITY_LOW, CHART_CRITICALITY_HIGH, CHART_CRITICALITY_UNKNOWN };
enum chart_severity { CHART_SEVERITY_NONE, CHART_MILD, CHART_MODERATE, CHART_SEVERE };

struct chart_reaction {
    const struct chart_place *at;
    struct chart_text manifestation;     /* 症状; NULL = unknown (nullFlavor NI) */
    struct chart_text onset;
    enum chart_severity severity;
    struct chart_text note;
};

struct chart_allergy {
    const struct chart_place *at;
    struct chart_text id;
    enum chart_allergy_category category;
    struct chart_concept concept;        /* CHART_ALLERGEN_* */
    enum chart_disease_status status;    /* ACTIVE, INACTIVE or RESOLVED; the adapter sets ACTIVE when nothing is said */
    enum chart_certainty certainty;
    enum chart_criticality criticality;
    struct chart_text onset, end, recorded;
    struct chart_reaction *reaction;
    size_t reaction_count;
    struct chart_text note;
    unsigned flags;                      /* CHART_LONG_TERM only */
    const struct chart_department *department;
    const struct chart_practitioner *recorder;
    const struct chart_encounter *encounter;
};

/* ---- 検査・感染症 (JP_Observation_LabResult_eCS) -------------------------------------------------------------------------------------- */

enum chart_value_type { CHART_VALUE_NONE, CHART_QUANTITY, CHART_QUALITATIVE, CHART_STRING, CHART_ABSENT };

struct chart_value {
    const struct chart_place *at;
    enum chart_value_type type;
    struct chart_text number;            /* QUANTITY: digits as written */
    struct chart_text comparator;        /* QUANTITY: "<" "<=" ">=" ">" or absent */
    struct chart_text unit;              /* QUANTITY: as shown */
    struct chart_text unit_code;         /* QUANTITY: UCUM, when the vendor knows it */
    struct chart_text text;              /* QUALITATIVE: "(-)", "陰性"; STRING: free text */
    struct chart_text code, code_system; /* QUALITATIVE: optional, system as URL or urn */
    struct chart_text absent;            /* ABSENT: FHIR data-absent-reason code: unknown, not-performed, error, ... */
};

struct chart_range {
    const struct chart_place *at;
    struct chart_text low, high;         /* digits as written */
    struct chart_text unit;              /* absent = the result's */
    struct chart_text text;
};

struct chart_specimen { const struct chart_place *at; struct chart_text name /* 血清 */, code /* JLAC10 材料コード, 3 digits */, collected; };

enum chart_lab_status { CHART_FINAL, CHART_PRELIMINARY, CHART_CORRECTED, CHART_CANCELLED };
enum chart_interpretation { CHART_INTERPRETATION_NONE, CHART_HIGH /* H */, CHART_LOW /* L */, CHART_NORMAL /* N */,
                            CHART_CRITICAL_HIGH /* HH */, CHART_CRITICAL_LOW /* LL */, CHART_ABNORMAL /* A */,
                            CHART_POSITIVE /* POS */, CHART_NEGATIVE /* NEG */, CHART_INDETERMINATE /* IND */ };

/*
 * One result. Which of the coding patterns applies is read off the concept:
 *   local code (always by prose) and one of CHART_JLAC10_CORE / _INFECTION / _GENERAL (or CHART_JLAC10: the builder finds the list), or
 *   no_code = uncoded. local_material is what tells apart several uses of one local code.
 */
struct chart_lab_item {
    const struct chart_place *at;
    struct chart_text id;
    struct chart_concept concept;
    struct chart_text local_material;
    struct chart_value value;
    enum chart_interpretation interpretation;
    struct chart_range *range;
    size_t range_count;
    const struct chart_specimen *specimen;   /* never NULL: own or the report's */
    enum chart_lab_status status;
    struct chart_text collected;             /* effective: own or the report's */
    struct chart_text issued;
    struct chart_text comment;
    unsigned flags;                          /* CHART_LONG_TERM only */
};

struct chart_lab_report {
    const struct chart_place *at;
    struct chart_text number;                /* 検査報告番号: the unit key */
    struct chart_text order_number;          /* オーダー番号 */
    struct chart_text collected, issued;
    const struct chart_practitioner *requester;  /* ordered it: the performer of the profile */
    struct chart_text comment;
    struct chart_lab_item *item;
    size_t item_count;
};

/* ---- 診療情報提供書 (JP_Bundle_eReferral) ---------------------------------------------------------------------------------------------- */

/* 投薬指示 430 (JP_MedicationRequest_eCS) */
struct chart_medication {
    const struct chart_place *at;
    struct chart_text id;
    struct chart_concept concept;            /* CHART_YJ, CHART_DRUG_GENERAL, CHART_HOT9, CHART_DRUG_RECEIPT */
    struct chart_text rp_number, order_in_rp;/* "1" when not given */
    struct chart_text authored;              /* 処方日; always there */
    struct chart_text start;                 /* 使用開始日; always there (own or authored) */
    struct chart_concept usage;              /* text always; CHART_USAGE, CHART_USAGE_JAMI or no_code */
    struct chart_text dose, dose_unit, dose_unit_code;    /* 1 回量 */
    struct chart_text daily, daily_unit, daily_unit_code; /* 1 日量 */
    struct chart_text days;                  /* 日数 */
    struct chart_text quantity, quantity_unit, quantity_unit_code;  /* 総量 */
    bool as_needed;                          /* 頓用 */
    struct chart_text note;
    unsigned flags;                          /* CHART_LONG_TERM only */
    const struct chart_practitioner *requester;   /* NULL = the author of the letter */
};

struct chart_family {                         /* 家族歴 550 */
    const struct chart_place *at;
    struct chart_text id;
    struct chart_text relation_code;          /* v3-RoleCode: FTH, MTH, ... */
    struct chart_text relation;               /* 父, 母 */
    struct chart_concept *condition; size_t condition_count;   /* CHART_DISEASE_KEY, CHART_ICD10 or text alone */
    struct chart_text note;
};

struct chart_finding {                        /* 身体所見 610, 感染症 520, 社会歴 640: JP_Observation_Common_eCS */
    const struct chart_place *at;
    struct chart_text id;
    struct chart_concept concept;             /* text always; codes rarely */
    struct chart_value value;
    struct chart_text date;
    struct chart_text note;
};

struct chart_immunization {                   /* 予防接種歴 530 */
    const struct chart_place *at;
    struct chart_text id;
    struct chart_concept vaccine;
    struct chart_text date, lot_number, note;
};

struct chart_procedure {                      /* 手術 730, 輸血歴 740, 処置 720 */
    const struct chart_place *at;
    struct chart_text id;
    struct chart_concept concept;
    struct chart_text start, end, note;
};

struct chart_plan { const struct chart_place *at; struct chart_text id, title, description, start; };             /* 診療方針指示 420 */
struct chart_device { const struct chart_place *at; struct chart_text id; struct chart_concept concept; struct chart_text start, note; };  /* 医療機器 810 */
struct chart_directive { const struct chart_place *at; struct chart_text id, title, date, note; };                /* 事前指示 410 */
struct chart_study { const struct chart_place *at; struct chart_text id, title, start, end, note; };              /* 臨床研究参加 830 */

enum chart_attachment_kind {
    CHART_KEY_IMAGE,           /* section 210: PNG, JPEG, TIFF */
    CHART_PDF,                 /* section 230 */
    CHART_DISCHARGE_CDA,       /* section 210: CDA XML, goes in as an eDischargeSummary Bundle with section 200 */
    CHART_DISCHARGE_BUNDLE,    /* section 210: a ready eDischargeSummary Bundle, nested unchanged */
    CHART_LETTER_CDA,          /* section 200 in place of 300 */
    CHART_DOCUMENT             /* a document beside the text of section 330 */
};

struct chart_attachment {
    const struct chart_place *at;
    enum chart_attachment_kind kind;
    struct chart_text title;                 /* always there */
    struct chart_text media_type;            /* checked against the first bytes */
    struct chart_text created;               /* date or dateTime */
    struct chart_text name;                  /* file beside the request, NULL = was inline */
    struct bytes content;                    /* decoded */
    struct sha256 digest;                    /* of content */
    /* CHART_DISCHARGE_CDA only */
    struct chart_text admission, discharge;  /* dates, always there */
    struct chart_disease *disease;           /* of the stay; none = the letter's of section 340 */
    size_t disease_count;
};

/* Section codes of the document-section list. */
enum chart_section_code {
    CHART_SECTION_CDA = 200, CHART_SECTION_ATTACHMENTS = 210, CHART_SECTION_REMARKS = 220, CHART_SECTION_PDF = 230, CHART_SECTION_STRUCTURED = 300,
    CHART_SECTION_COURSE = 330, CHART_SECTION_DIAGNOSES = 340, CHART_SECTION_PRESENT_ILLNESS = 360, CHART_SECTION_PAST_HISTORY = 370,
    CHART_SECTION_ADVANCE_DIRECTIVES = 410, CHART_SECTION_PLAN = 420, CHART_SECTION_MEDICATIONS = 430, CHART_SECTION_ALLERGIES = 510,
    CHART_SECTION_INFECTIONS = 520, CHART_SECTION_IMMUNIZATIONS = 530, CHART_SECTION_FAMILY_HISTORY = 550, CHART_SECTION_PHYSICAL_FINDINGS = 610,
    CHART_SECTION_LAB_RESULTS = 620, CHART_SECTION_SOCIAL_HISTORY = 640, CHART_SECTION_TREATMENTS = 720, CHART_SECTION_SURGERIES = 730,
    CHART_SECTION_TRANSFUSIONS = 740, CHART_SECTION_DEVICES = 810, CHART_SECTION_RESEARCH = 830, CHART_SECTION_RECEIVER = 910,
    CHART_SECTION_SENDER = 920, CHART_SECTION_PURPOSE = 950
};

enum chart_empty { CHART_NOT_EMPTY, CHART_NILKNOWN /* nothing to report */, CHART_NOTASKED /* not taken */ };

/*
 * One section as the vendor filled it: a text, entries of the one type that belongs to its code, or neither with a reason.
 * The text of a section with entries may be NULL: the builder then makes it from the entries (except 330, where it is always there).
 */
struct chart_section {
    const struct chart_place *at;
    enum chart_section_code code;
    enum chart_empty empty;
    struct chart_text text;
    struct chart_disease *disease; size_t disease_count;              /* 340 360 370 */
    struct chart_allergy *allergy; size_t allergy_count;              /* 510 */
    struct chart_family *family; size_t family_count;                 /* 550 */
    struct chart_finding *finding; size_t finding_count;              /* 610 520 640 */
    struct chart_immunization *immunization; size_t immunization_count; /* 530 */
    struct chart_procedure *procedure; size_t procedure_count;        /* 730 740 720 */
    struct chart_medication *medication; size_t medication_count;     /* 430 */
    struct chart_lab_item *lab; size_t lab_count;                     /* 620 */
    struct chart_plan *plan; size_t plan_count;                       /* 420 */
    struct chart_device *device; size_t device_count;                 /* 810 */
    struct chart_directive *directive; size_t directive_count;        /* 410 */
    struct chart_study *study; size_t study_count;                    /* 830 */
    struct chart_attachment *document; size_t document_count;         /* 330 */
};

/* 紹介先 */
struct chart_receiver {
    const struct chart_place *at;
    struct chart_institution institution;            /* code and name always there */
    const struct chart_department *department;       /* may be NULL */
    const struct chart_practitioner *practitioner;   /* may be NULL */
};

/* How the patient's consent to the letter was or will be given (同意): only SPOKEN is sent with the letter. */
enum chart_consent { CHART_CONSENT_SPOKEN /* 紹介元で口頭 */, CHART_CONSENT_PORTAL /* マイナポータル */, CHART_CONSENT_CARD_READER /* 紹介先の顔認証付きカードリーダー */ };

struct chart_letter {
    const struct chart_place *at;
    struct chart_text number;               /* 紹介状番号: the unit key */
    struct chart_text version;              /* "1" when not given */
    struct chart_text issued;               /* 発行日 date or dateTime */
    enum chart_class class;                 /* category OUTPATIENT / DISCHARGE(INPATIENT) */
    const struct chart_practitioner *author;/* 紹介元医師, always there */
    struct chart_receiver receiver;
    enum chart_consent consent;
    struct chart_text signer;               /* name of the signer as the facility's configuration calls it, or NULL = the facility's own choice */
    unsigned flags;                         /* CHART_LONG_TERM only */
    struct chart_section *section;          /* only those the vendor named, in the guide's order; 340 or 360, 330, 950 always unless cda */
    size_t section_count;
    struct chart_attachment *attachment;    /* key images, PDFs, discharge summaries, in the vendor's order */
    size_t attachment_count;
    const struct chart_attachment *cda;     /* section 200 instead of 300; NULL = structured */
};

/* The section with that code, NULL when the vendor did not name it. */
const struct chart_section *chart_letter_section(const struct chart_letter *letter, enum chart_section_code code);

/* ---- one unit's content ------------------------------------------------------------------------------------------------------------ */

enum chart_kind {
    CHART_DISEASES = KIND_WORD_DISEASES,                    /* 傷病名: Condition */
    CHART_ALLERGIES = KIND_WORD_ALLERGIES,                  /* 薬剤アレルギー等 and その他アレルギー等: AllergyIntolerance */
    CHART_LAB = KIND_WORD_LAB,                              /* 検査 and 感染症: Observation */
    CHART_LETTER = KIND_WORD_LETTER,                        /* 診療情報提供書 */
    CHART_PATIENT_SUMMARY = KIND_WORD_PATIENT_SUMMARY,      /* 患者サマリー: as a ready Bundle only */
    CHART_CHECKUP = KIND_WORD_CHECKUP,                      /* 健診結果報告書: as a ready Bundle only */
    CHART_KIND_COUNT = KIND_WORD_COUNT
};

/* "diseases", "allergies", "lab_report", "letter", "patient_summary", "checkup": the vendor format's and the result file's words. */
const char *chart_kind_name(enum chart_kind kind);
/* Name -> kind; ERR_NOTFOUND. */
int chart_kind_from_name(const char *name, size_t len, enum chart_kind *ret_kind);
/* "Condition", "AllergyIntolerance", "Observation", or "Composition" for the documents. */
const char *chart_kind_resource(enum chart_kind kind);
/* A document Bundle (letter, summary, check-up) rather than a collection. */
bool chart_kind_is_document(enum chart_kind kind);
/* The two lists, whose unit is the patient: diseases and allergies. */
bool chart_kind_is_list(enum chart_kind kind);

struct chart {
    const struct chart_place *at;                   /* the unit */
    enum chart_kind kind;
    const struct chart_institution *institution;    /* never NULL */
    const struct chart_department *department;      /* never NULL for diseases, lab, letter */
    const struct chart_patient *patient;            /* never NULL */
    const struct chart_encounter *encounter;        /* never NULL for diseases, lab; else may be NULL */
    const struct chart_practitioner *practitioner;  /* recorder or author; may be NULL for allergies */
    struct chart_disease *disease; size_t disease_count;
    struct chart_allergy *allergy; size_t allergy_count;
    struct chart_lab_report *lab;                   /* NULL unless kind is CHART_LAB */
    struct chart_letter *letter;                    /* NULL unless kind is CHART_LETTER */
};

#endif
