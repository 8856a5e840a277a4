/*
 * NAME
 *     codes - small fixed tables of codes that JP-CLINS prescribes
 *
 * SYNOPSIS
 *     codes_lab_find, codes_lab_all, codes_lab_system_of, codes_lab_is_sendable, codes_letter_sections, codes_letter_section_find
 *
 * DESCRIPTION
 *     The lab table is generated (make_lab_table.py) and sorted by code, so a look-up is a binary search. Three official lists disagree
 *     on names and codes of the core items; the validator follows the CodeSystem of the package, so this table does, too.
 *
 * DIAGNOSTICS
 *     None: a code that is not listed is an answer (NULL), not an error.
 */
#include "codes/codes.h"

#include <stdlib.h>
#include <string.h>

static const struct codes_lab lab_table[] = {
#include "codes/lab_table.inc"
};

static const struct codes_section letter_sections[] = {
    { "920", "紹介元情報", CODES_SECTION_TOP, true, false },
    { "910", "紹介先情報", CODES_SECTION_TOP, true, false },
    { "200", "CDA参照", CODES_SECTION_TOP, false, false },
    { "300", "構造情報", CODES_SECTION_TOP, false, false },
    { "950", "紹介目的", CODES_SECTION_INNER, true, false },
    { "340", "傷病名・主訴", CODES_SECTION_INNER, true, false },
    { "360", "現病歴", CODES_SECTION_INNER, true, false },
    { "370", "既往歴", CODES_SECTION_INNER, false, false },
    { "510", "アレルギー・不耐性反応", CODES_SECTION_INNER, false, false },
    { "550", "家族歴", CODES_SECTION_INNER, false, false },
    { "610", "身体所見", CODES_SECTION_INNER, false, false },
    { "520", "感染症情報", CODES_SECTION_INNER, false, false },
    { "640", "社会歴・生活習慣", CODES_SECTION_INNER, false, false },
    { "530", "予防接種歴", CODES_SECTION_INNER, false, false },
    { "730", "手術", CODES_SECTION_INNER, false, false },
    { "740", "輸血歴", CODES_SECTION_INNER, false, false },
    { "720", "処置", CODES_SECTION_INNER, false, false },
    { "430", "投薬指示", CODES_SECTION_INNER, false, false },
    { "620", "検査結果", CODES_SECTION_INNER, false, false },
    { "330", "臨床経過", CODES_SECTION_INNER, false, false },
    { "420", "診療方針指示", CODES_SECTION_INNER, false, false },
    { "810", "医療機器", CODES_SECTION_INNER, false, false },
    { "410", "事前指示", CODES_SECTION_INNER, false, false },
    { "830", "臨床研究参加", CODES_SECTION_INNER, false, false },
    { "210", "添付情報", CODES_SECTION_TOP, false, true },
    { "220", "備考・連絡情報", CODES_SECTION_TOP, false, true },
    { "230", "PDF", CODES_SECTION_TOP, false, true },
};

static int compare_lab(const void *key, const void *row)
{
    return strcmp(key, ((const struct codes_lab *)row)->code);
}

const struct codes_lab *codes_lab_find(const char *code)
{
    if (code == NULL)
        return NULL;
    return bsearch(code, lab_table, sizeof lab_table / sizeof lab_table[0], sizeof lab_table[0], compare_lab);
}

const struct codes_lab *codes_lab_all(size_t *ret_count)
{
    *ret_count = sizeof lab_table / sizeof lab_table[0];
    return lab_table;
}

const char *codes_lab_system_of(const struct codes_lab *lab)
{
    return lab->kind == CODES_LAB_CORE ? CODES_SYSTEM_LAB_CORE : CODES_SYSTEM_LAB_INFECTION;
}

bool codes_lab_is_sendable(const struct codes_lab *lab)
{
    return strcmp(lab->display, "DD") != 0;
}

const struct codes_section *codes_letter_sections(size_t *ret_count)
{
    *ret_count = sizeof letter_sections / sizeof letter_sections[0];
    return letter_sections;
}

const struct codes_section *codes_letter_section_find(const char *code)
{
    for (size_t i = 0; code != NULL && i < sizeof letter_sections / sizeof letter_sections[0]; i++)
        if (strcmp(letter_sections[i].code, code) == 0)
            return &letter_sections[i];
    return NULL;
}
