/*
 * NAME
 *     timefmt - times for people, payloads and time-outs
 *
 * SYNOPSIS
 *     time_format_jst_ms(time_wall_ms(), text); time_is_datetime(text, len); time_parse_instant(text, len, &wall_ms);
 *
 * DESCRIPTION
 *     Days are counted by arithmetic on the proleptic Gregorian calendar, so no function depends on the machine's zone or locale. FHIR's own
 *     limits (R4, data types) hold for what is read: years 0001-9999, hours to 23, seconds to 60, zones to 14:00.
 *
 * DIAGNOSTICS
 *     ERR_SYNTAX from time_parse_instant().
 */
#include "base/timefmt.h"

#include <string.h>
#include <time.h>

#include "base/err.h"

enum { JST_MS = 9 * 3600 * 1000, DAY_MS = 86400000 };

struct civil { int year, month, day, hour, minute, second, ms; };

static int64_t clock_ms(clockid_t id)
{
    struct timespec ts = { 0 };

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t time_wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

int64_t time_boot_ms(void)
{
    return clock_ms(CLOCK_BOOTTIME);
}

/* Days since 1970-01-01; years begin in March so that the leap day is the last. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400, in_era = y - era * 400;
    int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

static struct civil civil_of(int64_t ms)
{
    int64_t days = ms / DAY_MS - (ms % DAY_MS < 0), rest = ms - days * DAY_MS, shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097, in_era = shifted - era * 146097;
    int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * year + year / 4 - year / 100), march = (5 * in_year + 2) / 153;
    int month = (int)(march < 10 ? march + 3 : march - 9);

    return (struct civil){
        .year = (int)(year + era * 400 + (month <= 2)), .month = month, .day = (int)(in_year - (153 * march + 2) / 5 + 1),
        .hour = (int)(rest / 3600000), .minute = (int)(rest / 60000 % 60), .second = (int)(rest / 1000 % 60), .ms = (int)(rest % 1000)
    };
}

/* Y year, M month, D day, h hour, m minute, s second, f milliseconds: a run of one of them is that number with that many digits. All else stands for itself. Without printf: every
 * line of the status log and every result has some. */
static void format(struct civil c, const char *form, char ret_text[static TIME_TEXT_MAX])
{
    static const char names[] = "YMDhmsf";
    const int number[] = { c.year, c.month, c.day, c.hour, c.minute, c.second, c.ms };
    char *out = ret_text;

    while (*form != '\0') {
        const char *name = strchr(names, *form);
        size_t run = name == NULL ? 1 : strspn(form, (const char[]){ *form, '\0' });
        int left = name == NULL ? 0 : number[name - names];

        for (size_t i = run; name != NULL && i > 0; i--, left /= 10)
            out[i - 1] = (char)('0' + (left < 0 ? -left : left) % 10);
        if (name == NULL)
            *out = *form;
        out += run;
        form += run;
    }
    *out = '\0';
}

void time_format_jst_ms(int64_t wall_ms, char ret_text[static TIME_TEXT_MAX])
{
    format(civil_of(wall_ms + JST_MS), "YYYY-MM-DDThh:mm:ss.fff+09:00", ret_text);
}

void time_format_utc(int64_t wall_ms, char ret_text[static TIME_TEXT_MAX])
{
    format(civil_of(wall_ms), "YYYY-MM-DDThh:mm:ssZ", ret_text);
}

void time_format_log(int64_t wall_ms, char ret_text[static TIME_TEXT_MAX])
{
    format(civil_of(wall_ms + JST_MS), "YYYY-MM-DD hh:mm:ss", ret_text);
}

void time_format_compact(int64_t wall_ms, char ret_text[static TIME_TEXT_MAX])
{
    format(civil_of(wall_ms + JST_MS), "YYYYMMDDhhmmss", ret_text);
}

int time_year_jst(int64_t wall_ms)
{
    return civil_of(wall_ms + JST_MS).year;
}

/* --- reading ------------------------------------------------------------------------------------------------------------------- */

/* Exactly `digits` digits at *pos; -1 when they are not there. */
static int take_number(const char *text, size_t len, size_t *pos, size_t digits)
{
    int value = 0;

    if (len - *pos < digits)
        return -1;
    for (size_t i = 0; i < digits; i++) {
        char c = text[*pos + i];

        if (c < '0' || c > '9')
            return -1;
        value = value * 10 + (c - '0');
    }
    *pos += digits;
    return value;
}

static bool take_char(const char *text, size_t len, size_t *pos, char c)
{
    if (*pos >= len || text[*pos] != c)
        return false;
    (*pos)++;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

/* A date at *pos with 1, 2 or 3 parts; the number of parts, 0 when it is none. */
static int take_date(const char *text, size_t len, size_t *pos, struct civil *c)
{
    c->year = take_number(text, len, pos, 4);
    if (c->year < 1)
        return 0;
    if (!take_char(text, len, pos, '-'))
        return 1;
    c->month = take_number(text, len, pos, 2);
    if (c->month < 1 || c->month > 12)
        return 0;
    if (!take_char(text, len, pos, '-'))
        return 2;
    c->day = take_number(text, len, pos, 2);
    return c->day >= 1 && c->day <= days_in_month(c->year, c->month) ? 3 : 0;
}

/* hh:mm:ss[.f…](Z|±hh:mm), to the end of the text. */
static bool take_time(const char *text, size_t len, size_t *pos, struct civil *c, int *ret_zone_minutes)
{
    int hours, minutes, sign;

    c->hour = take_number(text, len, pos, 2);
    if (c->hour < 0 || c->hour > 23 || !take_char(text, len, pos, ':'))
        return false;
    c->minute = take_number(text, len, pos, 2);
    if (c->minute < 0 || c->minute > 59 || !take_char(text, len, pos, ':'))
        return false;
    c->second = take_number(text, len, pos, 2);
    if (c->second < 0 || c->second > 60)
        return false;
    if (take_char(text, len, pos, '.')) {
        size_t from = *pos;
        int weight = 100;

        for (; *pos < len && text[*pos] >= '0' && text[*pos] <= '9'; ++*pos, weight /= 10)
            c->ms += (text[*pos] - '0') * weight;
        if (*pos == from)
            return false;
    }
    *ret_zone_minutes = 0;
    if (take_char(text, len, pos, 'Z'))
        return *pos == len;
    sign = take_char(text, len, pos, '+') ? 1 : take_char(text, len, pos, '-') ? -1 : 0;
    hours = take_number(text, len, pos, 2);
    if (sign == 0 || hours < 0 || !take_char(text, len, pos, ':'))
        return false;
    minutes = take_number(text, len, pos, 2);
    *ret_zone_minutes = sign * (hours * 60 + minutes);
    return minutes >= 0 && minutes <= 59 && hours * 60 + minutes <= 14 * 60 && *pos == len;
}

bool time_is_date(const char *text, size_t len)
{
    struct civil c = { 0 };
    size_t pos = 0;

    return take_date(text, len, &pos, &c) > 0 && pos == len;
}

bool time_is_datetime(const char *text, size_t len)
{
    struct civil c = { 0 };
    size_t pos = 0;
    int parts = take_date(text, len, &pos, &c), zone;

    if (parts > 0 && pos == len)
        return true;
    return parts == 3 && take_char(text, len, &pos, 'T') && take_time(text, len, &pos, &c, &zone);
}

int time_parse_instant(const char *text, size_t len, int64_t *ret_wall_ms)
{
    struct civil c = { 0 };
    size_t pos = 0;
    int zone;

    if (take_date(text, len, &pos, &c) != 3 || !take_char(text, len, &pos, 'T') || !take_time(text, len, &pos, &c, &zone))
        return ERR_SYNTAX;
    *ret_wall_ms = days_of(c.year, c.month, c.day) * DAY_MS + ((int64_t)c.hour * 60 + c.minute - zone) * 60000 + (int64_t)c.second * 1000 + c.ms;
    return 0;
}
