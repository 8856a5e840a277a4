/*
 * NAME
 *     ucum - units of measure
 *
 * DESCRIPTION
 *     Recursive descent over the grammar of the Unified Code for Units of Measure, case sensitive form: terms of components joined by "." and "/", components of an atom with
 *     prefix, exponent and annotation, numbers, parentheses. An atom is looked up whole before a prefix is split off (cd is a candela, not a hundredth of a day).
 *     Derived atoms are defined by other units and followed down to the seven base units; the chains are short and checked by depth.
 *
 *     Arbitrary units and units by logarithm are comparable with themselves only. Degrees Celsius, Fahrenheit and Réaumur carry an offset when they stand alone.
 */
#include "validate/fhirpath/ucum.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { DEPTH_MAX = 24, LENGTH_MAX = 256, EXPONENT_MAX = 60 };

struct atom { const char *code; double value; const char *of; bool metric; };
#define A(code, value, of, metric) { code, value, of, metric },
static const struct atom atoms[] = {
#include "validate/fhirpath/ucum_atoms.inc"
};
#undef A

/* In the order of ucum_unit.dimension. */
static const char *const base_units[] = { "m", "g", "s", "rad", "K", "C", "cd" };
static const struct { const char *code; double factor; } prefixes[] = {
    { "Ki", 1024 }, { "Mi", 1048576 }, { "Gi", 1073741824 }, { "Ti", 1099511627776 }, { "da", 1e1 }, { "Q", 1e30 }, { "R", 1e27 }, { "Y", 1e24 }, { "Z", 1e21 }, { "E", 1e18 }, { "P", 1e15 },
    { "T", 1e12 }, { "G", 1e9 }, { "M", 1e6 }, { "k", 1e3 }, { "h", 1e2 }, { "d", 1e-1 }, { "c", 1e-2 }, { "m", 1e-3 }, { "u", 1e-6 }, { "n", 1e-9 }, { "p", 1e-12 }, { "f", 1e-15 },
    { "a", 1e-18 }, { "z", 1e-21 }, { "y", 1e-24 }, { "r", 1e-27 }, { "q", 1e-30 },
};
static const struct { const char *code; double offset; } offsets[] = { { "Cel", 273.15 }, { "[degF]", 459.67 * 5 / 9 }, { "[degRe]", 273.15 } };

enum { ARBITRARY = 7 };   /* the place of the arbitrary unit's exponent in dimension */

struct parser { const char *text; size_t len, at; unsigned depth; };

static bool parse_term(struct parser *p, struct ucum_unit *ret);

static bool same(const char *code, const char *text, size_t len) { return strlen(code) == len && memcmp(code, text, len) == 0; }

/* a := a * b^power; false when a dimension leaves its range. */
static bool multiply(struct ucum_unit *a, const struct ucum_unit *b, int power)
{
    for (size_t i = 0; i < sizeof a->dimension; i++) {
        int sum = a->dimension[i] + b->dimension[i] * power;
        if (sum < -EXPONENT_MAX || sum > EXPONENT_MAX)
            return false;
        a->dimension[i] = (signed char)sum;
    }
    if (b->arbitrary != 0)
        a->arbitrary = a->arbitrary == 0 ? b->arbitrary : a->arbitrary * 1000 + b->arbitrary;
    a->factor *= pow(b->factor, power);
    return true;
}

/* Base or derived, without prefix. */
static bool find_atom(const char *text, size_t len, bool only_metric, unsigned depth, struct ucum_unit *ret)
{
    struct ucum_unit unit = { .factor = 1 };
    for (size_t i = 0; i < sizeof base_units / sizeof *base_units; i++)
        if (same(base_units[i], text, len)) {
            unit.dimension[i] = 1;
            *ret = unit;
            return true;
        }
    for (size_t i = 0; i < sizeof atoms / sizeof *atoms; i++) {
        if (!same(atoms[i].code, text, len) || (only_metric && !atoms[i].metric))
            continue;
        if (atoms[i].of == NULL) {
            unit.dimension[ARBITRARY] = 1;
            unit.arbitrary = (unsigned)i + 1;
        } else {
            struct parser p = { .text = atoms[i].of, .len = strlen(atoms[i].of), .depth = depth + 1 };
            if (!parse_term(&p, &unit))
                return false;
            unit.factor *= atoms[i].value;
        }
        *ret = unit;
        return true;
    }
    return false;
}

static bool find_unit(const char *text, size_t len, unsigned depth, struct ucum_unit *ret)
{
    if (find_atom(text, len, false, depth, ret))
        return true;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        size_t n = strlen(prefixes[i].code);
        if (len > n && memcmp(text, prefixes[i].code, n) == 0 && find_atom(text + n, len - n, true, depth, ret)) {
            ret->factor *= prefixes[i].factor;
            return true;
        }
    }
    return false;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static char peek(const struct parser *p) { return p->at < p->len ? p->text[p->at] : '\0'; }

/* [+-]digits; absent = 1 */
static bool parse_exponent(struct parser *p, int *ret)
{
    bool sign = peek(p) == '-' || peek(p) == '+', negative = peek(p) == '-';
    int value = 0;
    p->at += sign;
    if (!is_digit(peek(p))) {
        *ret = 1;
        return !sign;
    }
    for (; is_digit(peek(p)); p->at++)
        if ((value = value * 10 + (peek(p) - '0')) > EXPONENT_MAX)
            return false;
    *ret = negative ? -value : value;
    return true;
}

static bool parse_annotation(struct parser *p)
{
    for (p->at++; peek(p) != '}'; p->at++)
        if (peek(p) < '!' || peek(p) > '~' || peek(p) == '{')
            return false;
    p->at++;
    return true;
}

/* Characters of an atom up to its exponent; brackets hold what would be operators elsewhere. */
static size_t atom_length(const struct parser *p)
{
    const char *text = p->text + p->at;
    size_t left = p->len - p->at, i = 0;
    if (left >= 3 && memcmp(text, "10", 2) == 0 && (text[2] == '*' || text[2] == '^'))
        return 3;
    while (i < left && text[i] > ' ' && text[i] <= '~' && strchr("./(){}+-0123456789", text[i]) == NULL) {
        if (text[i] == '[') {
            while (i < left && text[i] != ']')
                i++;
            if (i == left)
                return 0;
        }
        i++;
    }
    return i;
}

static bool parse_component(struct parser *p, struct ucum_unit *ret)
{
    struct ucum_unit unit = { .factor = 1 }, result = { .factor = 1 };
    int exponent = 1;
    char c = peek(p);
    size_t n;
    if (c == '(') {
        p->at++;
        if (++p->depth > DEPTH_MAX || !parse_term(p, &unit) || peek(p) != ')')
            return false;
        p->depth--;
        p->at++;
    } else if (c == '{') {
        *ret = unit;
        return parse_annotation(p);
    } else if ((n = atom_length(p)) > 0) {
        if (!find_unit(p->text + p->at, n, p->depth, &unit))
            return false;
        p->at += n;
        if (!parse_exponent(p, &exponent))
            return false;
    } else if (is_digit(c)) {
        double value = 0;
        for (; is_digit(peek(p)); p->at++)
            value = value * 10 + (peek(p) - '0');
        unit.factor = value;
        if (value <= 0 || value > 1e30)
            return false;
    } else {
        return false;
    }
    if (!multiply(&result, &unit, exponent) || (peek(p) == '{' && !parse_annotation(p)))
        return false;
    *ret = result;
    return true;
}

static bool parse_term(struct parser *p, struct ucum_unit *ret)
{
    struct ucum_unit unit = { .factor = 1 }, one;
    int power = 1;
    if (p->depth > DEPTH_MAX)
        return false;
    if (peek(p) == '/') {
        power = -1;
        p->at++;
    }
    for (;;) {
        if (!parse_component(p, &one) || !multiply(&unit, &one, power))
            return false;
        if (peek(p) != '.' && peek(p) != '/')
            break;
        power = peek(p) == '/' ? -1 : 1;
        p->at++;
    }
    *ret = unit;
    return true;
}

bool ucum_parse(const char *code, size_t len, struct ucum_unit *ret_unit)
{
    struct parser p = { .text = code, .len = len };
    struct ucum_unit unit;
    if (len == 0 || len > LENGTH_MAX || !parse_term(&p, &unit) || p.at != len || !isfinite(unit.factor) || unit.factor == 0.0)
        return false;
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++)
        if (same(offsets[i].code, code, len))
            unit.offset = offsets[i].offset;
    if (ret_unit != NULL)
        *ret_unit = unit;
    return true;
}

bool ucum_commensurable(const struct ucum_unit *a, const struct ucum_unit *b)
{
    return memcmp(a->dimension, b->dimension, sizeof a->dimension) == 0 && a->arbitrary == b->arbitrary;
}
