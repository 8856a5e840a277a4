/*
 * codes.h - small fixed tables of codes that JP-CLINS prescribes.
 *
 * For what: the builder of Bundles asks here which code system a lab code belongs to and what a section of the letter must be called.
 * All answers are constants of the program: nothing to open, nothing to free, safe from any process. The large masters (diseases,
 * medicines) may not be redistributed and are not here.
 *
 *     const struct codes_lab *lab = codes_lab_find("3A015000001827101");
 *     if (lab != NULL && codes_lab_is_sendable(lab)) ... lab->display is "ALB"
 *
 * Source of the tables: JP-CLINS package 1.5.2, CodeSystems JP_CLINS_ObsLabResult_CoreLabo_CS, JP_CLINS_ObsLabResult_InfectionLabo_CS,
 * document-section; titles from JP_Composition_eReferral.
 */
#ifndef CODES_CODES_H
#define CODES_CODES_H

#include <stdbool.h>
#include <stddef.h>

/* Systems of lab codes (JP_Observation_LabResult_eCS, slices of code.coding). */
#define CODES_SYSTEM_LAB_CORE "http://jpfhir.jp/fhir/clins/CodeSystem/JLAC10/JP_CLINS_ObsLabResult_CoreLabo_CS"
#define CODES_SYSTEM_LAB_INFECTION "http://jpfhir.jp/fhir/clins/CodeSystem/JLAC10/JP_CLINS_ObsLabResult_InfectionLabo_CS"
#define CODES_SYSTEM_LAB_GENERAL "http://medis.or.jp/CodeSystem/master-JLAC10-17digits"
#define CODES_SYSTEM_LAB_LOCAL "http://jpfhir.jp/fhir/clins/CodeSystem/JP_CLINS_ObsLabResult_LocalCode_CS"
#define CODES_SYSTEM_LAB_UNCODED "http://jpfhir.jp/fhir/clins/CodeSystem/JP_CLINS_ObsLabResult_Uncoded_CS"
#define CODES_SYSTEM_SECTION "http://jpfhir.jp/fhir/clins/CodeSystem/document-section"

enum codes_lab_kind { CODES_LAB_CORE, CODES_LAB_INFECTION };

struct codes_lab {
    const char *code;            /* JLAC10, 17 characters */
    enum codes_lab_kind kind;    /* one of the 43 core items, or one of the 5 infections */
    const char *display;         /* the CodeSystem's own display of this code: the only one that passes */
};

/* Row of a JLAC10 code in one of the two lists, NULL when it is in neither (or code is NULL). */
const struct codes_lab *codes_lab_find(const char *code);
/* All rows, sorted by code. */
const struct codes_lab *codes_lab_all(size_t *ret_count);
/* URL of the system under which the row is sent. */
const char *codes_lab_system_of(const struct codes_lab *lab);
/*
 * False for the rows whose CodeSystem display no slice of the profile takes (the 15 of D-dimer, display "DD"): these go out as general
 * JLAC10, with a warning.
 */
bool codes_lab_is_sendable(const struct codes_lab *lab);

/* How often and where a section may stand in a letter. */
enum codes_section_place { CODES_SECTION_TOP, CODES_SECTION_INNER };

struct codes_section {
    const char *code;       /* "340" */
    const char *title;      /* fixed by JP_Composition_eReferral; the display is the title + セクション */
    enum codes_section_place place;
    bool required;          /* the profile demands it (300 stands for itself) */
    bool repeats;           /* 0..* */
};

/* Sections of the letter in the order in which the guide lists them. */
const struct codes_section *codes_letter_sections(size_t *ret_count);
/* NULL when a letter has no such section. */
const struct codes_section *codes_letter_section_find(const char *code);

#endif
