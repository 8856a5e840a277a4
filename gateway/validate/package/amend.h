/*
 * amend.h - invariants of R4 that do not say what they mean, as they are meant. Private to the chamber.
 */
#ifndef VALIDATE_PACKAGE_AMEND_H
#define VALIDATE_PACKAGE_AMEND_H

#include "base/buf.h"

/*
 * The expression to evaluate for an invariant with this text: the text itself, or the meant one. FHIRPath answers "nothing" where an element is absent, and an invariant whose answer is nothing counts
 * as broken; a handful of R4 forget that (ref-1 for a reference by identifier). The HL7 reference amends the same.
 */
struct bytes amend_expression(struct bytes text);

#endif
