/*
 * lexer.h - the words of a FHIRPath expression; private to this folder.
 *
 *     struct fp_lexer l; fp_lexer_init(&l, text, len);
 *     while (fp_lexer_next(&l) == 0 && l.token.kind != TOKEN_END) ...        // l.fault says what is wrong otherwise
 */
#ifndef VALIDATE_FHIRPATH_LEXER_H
#define VALIDATE_FHIRPATH_LEXER_H

#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

enum fp_token_kind {
    TOKEN_END, TOKEN_NAME, TOKEN_QUOTED_NAME /* in back ticks or double quotes */, TOKEN_STRING, TOKEN_INTEGER, TOKEN_DECIMAL, TOKEN_DATE, TOKEN_DATETIME, TOKEN_TIME,
    TOKEN_VARIABLE /* $this */, TOKEN_SIGN
};

struct fp_token {
    enum fp_token_kind kind;
    size_t start, end;       /* bytes of the expression */
    char sign[3];            /* TOKEN_SIGN: "<=", "(", ... */
};

struct fp_lexer { const char *text; size_t len, at; struct fp_token token; const char *fault; };

void fp_lexer_init(struct fp_lexer *l, const char *text, size_t len);
/* The next token into l->token; -1 with l->fault set and l->at at the place. */
int fp_lexer_next(struct fp_lexer *l);
/* The text of a name, string or variable, without quotes and escapes, appended to out; -1 with l->fault set for an escape that does not exist or no memory. */
int fp_lexer_text(struct fp_lexer *l, const struct fp_token *token, struct buf *out);

#endif
