/*
 * grammar.h - private to the chamber: code systems that are defined by a grammar and need no table.
 *
 * UCUM (http://unitsofmeasure.org), BCP 47 (languages), BCP 13 (media types), RFC 3986 (URIs), ISO 3166 (countries and their parts) and ISO 4217 (currencies) by the form of
 * their codes. The form is all that is looked at: "xx" is a language code, "text/foo" a media type.
 */
#ifndef VALIDATE_TERMS_GRAMMAR_H
#define VALIDATE_TERMS_GRAMMAR_H

#include "base/buf.h"
#include "validate/terms/terms.h"

/* TERMS_UNKNOWN: the system is none of them. */
enum terms_answer grammar_check(struct bytes system, struct bytes code);
bool grammar_knows(struct bytes system);

#endif
