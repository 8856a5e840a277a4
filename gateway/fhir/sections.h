/* sections.h - private to fhir/: the entries of the letter's sections. */
#ifndef FHIR_SECTIONS_H
#define FHIR_SECTIONS_H

#include "fhir/parts.h"

/*
 * Makes the entries of an inner section and its references to them. Returns how many; *ret_text is a plain text of their terms, one a line, or
 * untouched when there are none.
 */
size_t fhir_section_entries(struct fhir_build *b, struct fhir_node section, const struct chart_section *s, const char **ret_text);

#endif
