/*
 * text.h - UTF-8, Japanese text and small conversions. All texts inside the product are UTF-8 (NFC is not enforced).
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include "base/buf.h"

/* Code point at *pos and moves *pos on; -1 and *pos unmoved where the bytes are not well-formed UTF-8 (RFC 3629). */
int32_t text_next(const char *text, size_t len, size_t *pos);
/* Characters of a UTF-8 text: bytes that continue one are not counted. */
size_t text_count(const char *text, size_t len);
bool text_is_utf8(const char *text, size_t len);
/* Largest n <= len that does not cut a character. */
size_t text_cut(const char *text, size_t len, size_t max);
/* Copies with truncation at a character; always terminated. Returns bytes written. */
size_t text_copy(char *ret_text, size_t size, const char *text);
/* Appends code point c as UTF-8. */
int text_add_utf8(struct buf *b, int32_t c);

/* Code points U+FF61-FF9F. */
bool text_has_halfwidth_kana(const char *text, size_t len);
/* U+3000 anywhere. */
bool text_has_fullwidth_space(const char *text, size_t len);
/* C0 (but TAB LF CR when allow_layout), DEL, C1, U+FFFE/F, surrogates, private use (外字), U+FEFF. Returns offset of the first, or -1. */
int64_t text_find_control(const char *text, size_t len, bool allow_layout);
/* What text_find_control() finds becomes '?', byte by byte: one line, whatever a value of somebody else's holds. */
void text_flatten(char *text, size_t len);
/* Every code point is full-width / is ASCII (for 記号・番号: R1012 prose). Empty is true. */
bool text_all_fullwidth(const char *text, size_t len);
bool text_all_ascii(const char *text, size_t len);
bool text_all_digits(const char *text, size_t len);
/* True when the whole text consists of characters of the set given as ranges "A-Za-z0-9-" ('-' last is itself). */
bool text_all_of(const char *text, size_t len, const char *set);

/* Whole text is a decimal integer in [min, max]; ERR_SYNTAX, ERR_LIMIT. */
int text_to_int64(const char *text, size_t len, int64_t min, int64_t max, int64_t *ret_value);
/* Modulus-10 check digit with weights 2,1 from the right (保険者番号, 医療機関コード, …); digits only. True when the last digit fits. */
bool text_check_digit_ok(const char *digits, size_t len);

/* XML/HTML escape of & < > " and ' ; control characters that XML 1.0 forbids become U+FFFD. */
int text_add_escaped(struct buf *out, const char *text, size_t len);

#endif
