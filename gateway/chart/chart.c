/*
 * NAME
 *     chart - words and look-ups of the neutral clinical model
 *
 * SYNOPSIS
 *     #include "chart/chart.h"
 *
 * DESCRIPTION
 *     The tables that give kinds and code lists their stable names. Vendor format, result files, code maps and work lists use these words,
 *     so a name, once shipped, stays.
 *
 * DIAGNOSTICS
 *     Unknown names give ERR_NOTFOUND; unknown numbers give the name of the first entry.
 */
#include "chart/chart.h"

#include "base/err.h"

static const struct { const char *resource; bool document, list; } kinds[CHART_KIND_COUNT] = {
    [CHART_DISEASES] = { "Condition", false, true },
    [CHART_ALLERGIES] = { "AllergyIntolerance", false, true },
    [CHART_LAB] = { "Observation", false, false },
    [CHART_LETTER] = { "Composition", true, false },
    [CHART_PATIENT_SUMMARY] = { "Composition", true, false },
    [CHART_CHECKUP] = { "Composition", true, false },
};

static const char *const systems[CHART_SYSTEM_COUNT] = {
    [CHART_SYSTEM_NONE] = "none",
    [CHART_DISEASE_KEY] = "disease_key",
    [CHART_DISEASE_EXCHANGE] = "disease_exchange",
    [CHART_DISEASE_RECEIPT] = "disease_receipt",
    [CHART_ICD10] = "icd10",
    [CHART_MODIFIER_KEY] = "modifier_key",
    [CHART_MODIFIER_EXCHANGE] = "modifier_exchange",
    [CHART_MODIFIER_RECEIPT] = "modifier_receipt",
    [CHART_ALLERGEN_FOOD] = "allergen_food",
    [CHART_ALLERGEN_OTHER] = "allergen_other",
    [CHART_ALLERGEN_DRUG] = "allergen_drug",
    [CHART_ALLERGEN_INGREDIENT] = "allergen_ingredient",
    [CHART_JLAC10] = "jlac10",
    [CHART_JLAC10_CORE] = "jlac10_core",
    [CHART_JLAC10_INFECTION] = "jlac10_infection",
    [CHART_JLAC10_GENERAL] = "jlac10_general",
    [CHART_YJ] = "yj",
    [CHART_DRUG_GENERAL] = "drug_general",
    [CHART_HOT9] = "hot9",
    [CHART_DRUG_RECEIPT] = "drug_receipt",
    [CHART_USAGE] = "usage",
    [CHART_USAGE_JAMI] = "usage_jami",
};

const struct chart_coding *chart_concept_get(const struct chart_concept *concept, enum chart_system system)
{
    for (size_t i = 0; concept != NULL && i < concept->coding_count; i++)
        if (concept->coding[i].system == system)
            return &concept->coding[i];
    return NULL;
}

const char *chart_system_name(enum chart_system system)
{
    return systems[(unsigned)system < CHART_SYSTEM_COUNT ? system : CHART_SYSTEM_NONE];
}

const struct chart_section *chart_letter_section(const struct chart_letter *letter, enum chart_section_code code)
{
    for (size_t i = 0; letter != NULL && i < letter->section_count; i++)
        if (letter->section[i].code == code)
            return &letter->section[i];
    return NULL;
}

static size_t kind_index(enum chart_kind kind)
{
    return (unsigned)kind < CHART_KIND_COUNT ? (size_t)kind : 0;
}

const char *chart_kind_name(enum chart_kind kind)
{
    return kind_word_text(kind_index(kind));
}

int chart_kind_from_name(const char *name, size_t len, enum chart_kind *ret_kind)
{
    for (size_t i = 0; i < CHART_KIND_COUNT; i++) {
        const char *word = kind_word_text(i);
        if (strlen(word) != len || memcmp(word, name, len) != 0)
            continue;
        *ret_kind = (enum chart_kind)i;
        return 0;
    }
    return ERR_NOTFOUND;
}

const char *chart_kind_resource(enum chart_kind kind)
{
    return kinds[kind_index(kind)].resource;
}

bool chart_kind_is_document(enum chart_kind kind)
{
    return kinds[kind_index(kind)].document;
}

bool chart_kind_is_list(enum chart_kind kind)
{
    return kinds[kind_index(kind)].list;
}
