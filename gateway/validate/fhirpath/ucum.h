/*
 * ucum.h - units of measure: are two units commensurable, and what is the factor? (The Unified Code for Units of Measure, case sensitive form.)
 *
 * A table of the base and derived atoms, prefixes, exponents, annotations and the operators "." and "/". Special units (Cel, [degF], pH, ...) are
 * recognised; those with an offset are converted where the function is linear.
 */
#ifndef VALIDATE_FHIRPATH_UCUM_H
#define VALIDATE_FHIRPATH_UCUM_H

#include <stdbool.h>
#include <stddef.h>

struct ucum_unit { double factor, offset; signed char dimension[8]; /* m g s rad K C cd, arbitrary unit */ unsigned arbitrary; /* which one, 0 = none */ };

/* Is the code grammatical with known atoms? *ret_unit may be NULL. */
bool ucum_parse(const char *code, size_t len, struct ucum_unit *ret_unit);
bool ucum_commensurable(const struct ucum_unit *a, const struct ucum_unit *b);

#endif
