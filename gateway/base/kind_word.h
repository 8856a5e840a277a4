/*
 * kind_word.h - the words by which the vendor's request, the facts beside a message and the result file call the kinds of content. One table, because a vendor
 * compares what comes back with what was sent. What a kind means is known in chart/ and flow/ only; their numbers are tied to these.
 */
#ifndef BASE_KIND_WORD_H
#define BASE_KIND_WORD_H

#include <stdint.h>

enum kind_word { KIND_WORD_DISEASES, KIND_WORD_ALLERGIES, KIND_WORD_LAB, KIND_WORD_LETTER, KIND_WORD_PATIENT_SUMMARY, KIND_WORD_CHECKUP, KIND_WORD_COUNT };

/* "diseases", "allergies", "lab_report", "letter", "patient_summary", "checkup"; "" for any other number (it may come from another process). */
const char *kind_word_text(uint64_t kind);

#endif
