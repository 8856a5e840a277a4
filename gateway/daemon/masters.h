/*
 * masters.h - the operator's masters (codes/masters.h) as terminology of the validator: the two rooms do not know each other.
 *
 *     struct validate_terms terms = masters_terms(masters);        // may outlive nothing that the masters do not
 *     request.terms = &terms;
 */
#ifndef DAEMON_MASTERS_H
#define DAEMON_MASTERS_H

#include "codes/masters.h"
#include "validate/validate.h"

/* masters NULL: every answer is "unknown". */
struct validate_terms masters_terms(const struct codes_masters *masters);

#endif
