/* Dates and times with precision and zone. Days are counted in the proleptic Gregorian calendar. */
#include "validate/fhirpath/moment.h"

#include <stdio.h>
#include <string.h>

static const int64_t NANOS = 1000000000;
enum { MINUTES_OF_DAY = 1440, SECONDS_OF_DAY = 86400 };

static bool is_leap(int32_t year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

static int32_t days_of_month(int32_t year, int32_t month)
{
    static const int8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days since 0000-03-01, which makes leap days the last of their year. */
static int64_t day_number(int32_t year, int32_t month, int32_t day)
{
    int64_t y = month <= 2 ? year - 1 : year, m = (month + 9) % 12;
    return y * 365 + y / 4 - y / 100 + y / 400 + (m * 306 + 5) / 10 + day - 1;
}

static void set_day(struct fp_moment *m, int64_t number)
{
    int64_t y = (10000 * number + 14780) / 3652425;
    int64_t rest = number - (y * 365 + y / 4 - y / 100 + y / 400);
    if (rest < 0) {
        y--;
        rest = number - (y * 365 + y / 4 - y / 100 + y / 400);
    }
    int64_t month = (100 * rest + 52) / 3060;
    m->year = (int32_t)(y + (month + 2) / 12);
    m->month = (int32_t)((month + 2) % 12 + 1);
    m->day = (int32_t)(rest - (month * 306 + 5) / 10 + 1);
}

struct reader { const char *p; size_t left; };

static bool read_number(struct reader *r, unsigned width, int32_t low, int32_t high, int32_t *ret)
{
    int32_t v = 0;
    if (r->left < width)
        return false;
    for (unsigned i = 0; i < width; i++) {
        if (r->p[i] < '0' || r->p[i] > '9')
            return false;
        v = v * 10 + (r->p[i] - '0');
    }
    r->p += width;
    r->left -= width;
    *ret = v;
    return v >= low && v <= high;
}

static bool read_char(struct reader *r, char c)
{
    if (r->left == 0 || *r->p != c)
        return false;
    r->p++;
    r->left--;
    return true;
}

static bool read_fraction(struct reader *r, struct fp_moment *m)
{
    int32_t unit = 100000000;
    unsigned digits = 0;
    for (; r->left > 0 && *r->p >= '0' && *r->p <= '9'; r->p++, r->left--, digits++) {
        m->nano += (*r->p - '0') * unit;
        unit /= 10;
    }
    m->digits = (uint8_t)(digits > 9 ? 9 : digits);
    m->precision = FP_FRACTION;
    return digits > 0;
}

static bool read_clock(struct reader *r, struct fp_moment *m)
{
    if (!read_number(r, 2, 0, 23, &m->hour))
        return false;
    m->precision = FP_HOUR;
    if (!read_char(r, ':'))
        return true;
    if (!read_number(r, 2, 0, 59, &m->minute))
        return false;
    m->precision = FP_MINUTE;
    if (!read_char(r, ':'))
        return true;
    /* 60: a leap second may be written */
    if (!read_number(r, 2, 0, 60, &m->second))
        return false;
    m->precision = FP_SECOND;
    return !read_char(r, '.') || read_fraction(r, m);
}

static bool read_zone(struct reader *r, struct fp_moment *m)
{
    if (r->left == 0)
        return true;
    m->has_zone = true;
    if (read_char(r, 'Z'))
        return true;
    bool west = read_char(r, '-');
    int32_t hours, minutes;
    if ((!west && !read_char(r, '+')) || !read_number(r, 2, 0, 14, &hours) || !read_char(r, ':') || !read_number(r, 2, 0, 59, &minutes))
        return false;
    m->zone = (int16_t)((hours * 60 + minutes) * (west ? -1 : 1));
    return true;
}

bool fp_moment_parse(const char *text, size_t len, bool is_time, struct fp_moment *ret)
{
    struct fp_moment m = { .month = 1, .day = 1, .is_time = is_time };
    struct reader r = { text, len };
    bool fine;
    if (is_time) {
        fine = read_clock(&r, &m);
    } else {
        fine = read_number(&r, 4, 1, 9999, &m.year);
        m.precision = FP_YEAR;
        if (fine && read_char(&r, '-')) {
            fine = read_number(&r, 2, 1, 12, &m.month);
            m.precision = FP_MONTH;
            if (fine && read_char(&r, '-')) {
                fine = read_number(&r, 2, 1, days_of_month(m.year, m.month), &m.day);
                m.precision = FP_DAY;
            }
        }
        if (fine && read_char(&r, 'T') && r.left > 0)
            fine = m.precision == FP_DAY && read_clock(&r, &m) && read_zone(&r, &m);
    }
    if (!fine || r.left > 0)
        return false;
    *ret = m;
    return true;
}

size_t fp_moment_print(const struct fp_moment *m, char ret_text[static FP_MOMENT_TEXT])
{
    static const int32_t unit[] = { 1, 100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1 };
    char date[16] = "", clock[16] = "", fraction[16] = "", zone[16] = "";
    if (!m->is_time)
        snprintf(date, sizeof date, m->precision == FP_YEAR ? "%04d" : m->precision == FP_MONTH ? "%04d-%02d" : "%04d-%02d-%02d", m->year % 10000, m->month % 100, m->day % 100);
    if (m->precision >= FP_HOUR)
        snprintf(clock, sizeof clock, m->precision == FP_HOUR ? "%02d" : m->precision == FP_MINUTE ? "%02d:%02d" : "%02d:%02d:%02d", m->hour % 100, m->minute % 100, m->second % 100);
    if (m->precision == FP_FRACTION)
        snprintf(fraction, sizeof fraction, ".%0*d", m->digits, m->nano / unit[m->digits]);
    int minutes = m->zone < 0 ? -m->zone : m->zone;
    if (m->has_zone && m->zone == 0)
        snprintf(zone, sizeof zone, "Z");
    else if (m->has_zone)
        snprintf(zone, sizeof zone, "%c%02d:%02d", m->zone < 0 ? '-' : '+', minutes / 60 % 100, minutes % 60);
    int n = snprintf(ret_text, FP_MOMENT_TEXT, "%s%s%s%s%s", date, date[0] != '\0' && clock[0] != '\0' ? "T" : "", clock, fraction, zone);
    return n > 0 ? (size_t)n : 0;
}

/* Nanoseconds of a clock time; with dates, seconds since day 0. */
static int64_t seconds_of(const struct fp_moment *m)
{
    int64_t days = m->is_time ? 0 : day_number(m->year, m->month, m->day);
    return ((days * 24 + m->hour) * 60 + m->minute - (m->has_zone ? m->zone : 0)) * 60 + m->second;
}

static enum fp_order order(int64_t a, int64_t b) { return a < b ? FP_BEFORE : a > b ? FP_AFTER : FP_SAME; }

static enum fp_order compare_exact(const struct fp_moment *a, const struct fp_moment *b)
{
    enum fp_order by_second = order(seconds_of(a), seconds_of(b));
    return by_second != FP_SAME ? by_second : order(a->nano, b->nano);
}

static uint8_t coarse(const struct fp_moment *m) { return m->precision > FP_SECOND ? FP_SECOND : m->precision; }

enum fp_order fp_moment_compare(const struct fp_moment *a, const struct fp_moment *b)
{
    enum { ZONES_APART = 26 * 3600 };   /* from -12:00 to +14:00 */
    uint8_t least = coarse(a) < coarse(b) ? coarse(a) : coarse(b);
    if (a->is_time != b->is_time)
        return FP_UNSURE;
    if (coarse(a) == coarse(b) && least >= FP_HOUR && a->has_zone == b->has_zone)
        return compare_exact(a, b);
    if (least >= FP_HOUR && a->has_zone != b->has_zone) {
        int64_t apart = seconds_of(a) - seconds_of(b);
        return apart > ZONES_APART ? FP_AFTER : apart < -ZONES_APART ? FP_BEFORE : FP_UNSURE;
    }
    struct fp_moment x = *a, y = *b;
    if (least >= FP_HOUR && x.zone != y.zone) {
        /* Brought to one zone, the parts that both have can be compared. */
        fp_moment_add(&x, -(int64_t)x.zone, FP_UNIT_MINUTE);
        fp_moment_add(&y, -(int64_t)y.zone, FP_UNIT_MINUTE);
    }
    const int32_t left[] = { x.year, x.month, x.day, x.hour, x.minute, x.second }, right[] = { y.year, y.month, y.day, y.hour, y.minute, y.second };
    for (unsigned i = x.is_time ? FP_HOUR : FP_YEAR; i <= least; i++)
        if (left[i - 1] != right[i - 1])
            return order(left[i - 1], right[i - 1]);
    return coarse(a) == coarse(b) ? order(x.nano, y.nano) : FP_UNSURE;
}

uint64_t fp_moment_hash(const struct fp_moment *m)
{
    return ((uint64_t)seconds_of(m) * 8 + coarse(m)) * 0x9E3779B97F4A7C15u ^ (uint64_t)m->nano;
}

/* ---- units ---- */

static const struct { const char *word; enum fp_unit unit; } calendar_words[] = {
    { "year", FP_UNIT_YEAR }, { "month", FP_UNIT_MONTH }, { "week", FP_UNIT_WEEK }, { "day", FP_UNIT_DAY }, { "hour", FP_UNIT_HOUR }, { "minute", FP_UNIT_MINUTE },
    { "second", FP_UNIT_SECOND }, { "millisecond", FP_UNIT_MILLISECOND },
};
static const char *const codes[] = { [FP_UNIT_WEEK] = "wk", [FP_UNIT_DAY] = "d", [FP_UNIT_HOUR] = "h", [FP_UNIT_MINUTE] = "min", [FP_UNIT_SECOND] = "s", [FP_UNIT_MILLISECOND] = "ms" };

enum fp_unit fp_calendar_unit(const char *text, size_t len)
{
    for (size_t i = 0; i < sizeof calendar_words / sizeof *calendar_words; i++) {
        size_t n = strlen(calendar_words[i].word);
        if ((len == n || (len == n + 1 && text[n] == 's')) && memcmp(text, calendar_words[i].word, n) == 0)
            return calendar_words[i].unit;
    }
    return FP_UNIT_NONE;
}

enum fp_unit fp_definite_unit(const char *text, size_t len)
{
    for (size_t i = FP_UNIT_WEEK; i < sizeof codes / sizeof *codes; i++)
        if (strlen(codes[i]) == len && memcmp(codes[i], text, len) == 0)
            return (enum fp_unit)i;
    return FP_UNIT_NONE;
}

const char *fp_unit_code(enum fp_unit unit)
{
    return unit >= FP_UNIT_WEEK && unit <= FP_UNIT_MILLISECOND ? codes[unit] : NULL;
}

/* ---- arithmetic ---- */

static bool add_months(struct fp_moment *m, int64_t months)
{
    if (months > 120000 || months < -120000)
        return false;
    int64_t all = (int64_t)m->year * 12 + m->month - 1 + months;
    if (all < 12 || all >= 120000)
        return false;
    m->year = (int32_t)(all / 12);
    m->month = (int32_t)(all % 12 + 1);
    if (m->day > days_of_month(m->year, m->month))
        m->day = days_of_month(m->year, m->month);
    return true;
}

static bool add_days(struct fp_moment *m, int64_t days)
{
    if (days > 3700000 || days < -3700000)
        return false;
    struct fp_moment sum = *m;
    int64_t number = day_number(m->year, m->month, m->day) + days;
    if (number < day_number(1, 1, 1) || number > day_number(9999, 12, 31))
        return false;
    set_day(&sum, number);
    *m = sum;
    return true;
}

/* Seconds and nanoseconds of the day, with carry into the date; a clock time goes round. */
static bool add_nanos(struct fp_moment *m, int64_t seconds, int64_t nanos)
{
    int64_t nano = m->nano + nanos;
    int64_t second = (int64_t)m->hour * 3600 + m->minute * 60 + m->second + seconds;
    second += nano / NANOS - (nano % NANOS < 0);
    nano = nano % NANOS + (nano % NANOS < 0 ? NANOS : 0);
    int64_t days = second / SECONDS_OF_DAY - (second % SECONDS_OF_DAY < 0);
    second -= days * SECONDS_OF_DAY;
    if (!m->is_time && !add_days(m, days))
        return false;
    m->hour = (int32_t)(second / 3600);
    m->minute = (int32_t)(second / 60 % 60);
    m->second = (int32_t)(second % 60);
    m->nano = (int32_t)nano;
    return true;
}

bool fp_moment_add(struct fp_moment *m, int64_t amount, enum fp_unit unit)
{
    static const int64_t seconds[] = { [FP_UNIT_WEEK] = 604800, [FP_UNIT_DAY] = 86400, [FP_UNIT_HOUR] = 3600, [FP_UNIT_MINUTE] = 60, [FP_UNIT_SECOND] = 1 };
    if (amount > 400000000000000 || amount < -400000000000000)
        return false;
    if (unit == FP_UNIT_YEAR || unit == FP_UNIT_MONTH) {
        if (m->is_time || amount > 120000 || amount < -120000)
            return false;
        int64_t months = unit == FP_UNIT_YEAR ? amount * 12 : amount;
        return add_months(m, m->precision == FP_YEAR ? months / 12 * 12 : months);
    }
    if (unit == FP_UNIT_MILLISECOND) {
        if (m->precision >= FP_SECOND && m->digits < 3 && amount % 1000 != 0) {
            m->precision = FP_FRACTION;
            m->digits = 3;
        }
        if (m->precision >= FP_SECOND)
            return add_nanos(m, amount / 1000, amount % 1000 * 1000000);
        amount /= 1000;
        unit = FP_UNIT_SECOND;
    }
    if (__builtin_mul_overflow(amount, seconds[unit], &amount) || amount > 400000000000 || amount < -400000000000)
        return false;
    if (m->is_time || m->precision >= FP_HOUR)
        return add_nanos(m, amount, 0);
    int64_t days = amount / SECONDS_OF_DAY;
    if (m->precision == FP_DAY)
        return add_days(m, days);
    return add_months(m, m->precision == FP_MONTH ? days / 30 : days / 365 * 12);
}

/* ---- boundaries ---- */

static const uint8_t date_digits[] = { 0, 4, 6, 8, 10, 12, 14, 17 }, time_digits[] = { 0, 0, 0, 0, 2, 4, 6, 9 };

int fp_moment_digits(const struct fp_moment *m)
{
    return (m->is_time ? time_digits : date_digits)[m->precision];
}

bool fp_moment_boundary(struct fp_moment *m, int64_t digits, bool high)
{
    const uint8_t *table = m->is_time ? time_digits : date_digits;
    unsigned wanted = m->is_time ? FP_HOUR : FP_YEAR;
    while (wanted <= FP_FRACTION && table[wanted] != digits)
        wanted++;
    if (wanted > FP_FRACTION)
        return false;
    if (high) {
        if (m->precision < FP_MONTH)
            m->month = 12;
        if (m->precision < FP_DAY)
            m->day = days_of_month(m->year, m->month);
        if (m->precision < FP_HOUR)
            m->hour = 23;
        /* An hour alone is read as its first minute, as the official suite has it. */
        if (m->precision < FP_HOUR)
            m->minute = 59;
        if (m->precision < FP_SECOND)
            m->second = 59;
        if (m->precision < FP_FRACTION)
            m->nano = 999000000;
    }
    if (!m->is_time && wanted >= FP_HOUR && !m->has_zone) {
        m->has_zone = true;
        m->zone = (int16_t)(high ? -12 * 60 : 14 * 60);
    }
    if (wanted < FP_HOUR)
        m->has_zone = false;
    m->precision = (uint8_t)wanted;
    m->digits = 3;
    return true;
}

struct fp_moment fp_moment_of(int64_t wall_ms, int32_t zone_minutes)
{
    struct fp_moment m = { .year = 1970, .month = 1, .day = 1, .precision = FP_FRACTION, .digits = 3, .has_zone = true, .zone = (int16_t)(zone_minutes % MINUTES_OF_DAY) };
    int64_t seconds = wall_ms / 1000 - (wall_ms % 1000 < 0);
    if (fp_moment_add(&m, seconds + m.zone * 60, FP_UNIT_SECOND))
        m.nano = (int32_t)((wall_ms - seconds * 1000) * 1000000);
    return m;
}
