/*
 * NAME
 *      kind_word - the vendor's words for kinds of content
 */
#include "base/kind_word.h"

const char *kind_word_text(uint64_t kind)
{
    static const char *const words[KIND_WORD_COUNT] = { [KIND_WORD_DISEASES] = "diseases", [KIND_WORD_ALLERGIES] = "allergies", [KIND_WORD_LAB] = "lab_report",
                                                        [KIND_WORD_LETTER] = "letter", [KIND_WORD_PATIENT_SUMMARY] = "patient_summary", [KIND_WORD_CHECKUP] = "checkup" };
    return kind < KIND_WORD_COUNT ? words[kind] : "";
}
