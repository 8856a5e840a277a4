/*
 * timefmt.h - times. Wall times are int64_t milliseconds since 1970 UTC; time-outs run on CLOCK_BOOTTIME milliseconds.
 * Clinical times are shown and sent in Japan time (+09:00, no daylight saving), whatever the machine's zone is.
 */
#ifndef BASE_TIMEFMT_H
#define BASE_TIMEFMT_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

int64_t time_wall_ms(void);
int64_t time_boot_ms(void);

enum { TIME_TEXT_MAX = 40 };
/* 2026-11-21T09:30:05.123+09:00 */
void time_format_jst_ms(int64_t wall_ms, char ret_text[static TIME_TEXT_MAX]);
/* 2026-11-21T00:30:05Z */
void time_format_utc(int64_t wall_ms, char ret_text[static TIME_TEXT_MAX]);
/* 2026-11-21 09:30:05 in Japan time, for people */
void time_format_log(int64_t wall_ms, char ret_text[static TIME_TEXT_MAX]);
/* yyyyMMddHHmmss in Japan time */
void time_format_compact(int64_t wall_ms, char ret_text[static TIME_TEXT_MAX]);
/* Year in Japan time. */
int time_year_jst(int64_t wall_ms);

/* FHIR date: YYYY, YYYY-MM or YYYY-MM-DD that exists in the calendar. */
bool time_is_date(const char *text, size_t len);
/* FHIR dateTime: a date, or full date with time, seconds, optional fraction, and zone. */
bool time_is_datetime(const char *text, size_t len);
/* dateTime with seconds and zone -> wall ms; ERR_SYNTAX. Fractions beyond ms are cut. */
int time_parse_instant(const char *text, size_t len, int64_t *ret_wall_ms);

#endif
