/* fhir_charts.h - charts of every kind and variant for the tests of the builder. */
#ifndef TESTS_UNIT_FHIR_CHARTS_H
#define TESTS_UNIT_FHIR_CHARTS_H

#include "fhir/fhir.h"

struct fhir_variant {
    const char *name;                                    /* names the dumped file */
    const struct chart *(*make)(struct arena *arena);    /* NULL when out of memory */
    size_t warnings;                                     /* that the builder must give */
};

const struct fhir_variant *fhir_variants(size_t *ret_count);
const struct chart *fhir_variant_chart(const char *name, struct arena *arena);
/* Options of all tests: a fixed Bundle-ID, time and seed. */
void fhir_test_options(struct fhir_options *options);

#endif
