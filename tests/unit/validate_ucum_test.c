/* Units of measure: grammar and conversions that are known from elsewhere. */
#include "tests/unit/test.h"

#include <math.h>
#include "validate/fhirpath/ucum.h"

static bool parses(const char *code) { return ucum_parse(code, strlen(code), NULL); }

TEST(codes_of_laboratories)
{
    static const char *const good[] = {
        "mg/dL", "10*3/uL", "10*9/L", "10^6", "mmol/L", "mm[Hg]", "%", "U/L", "[iU]/L", "k[IU]/L", "g/(24.h)", "mL/min/{1.73_m2}", "/[HPF]", "{score}", "mg{creat}/d", "ug/kg/h", "Cel", "[degF]", "[pH]", "fL", "pg",
        "meq/L", "mosm/kg", "kg/m2", "a", "mo", "wk", "d", "h", "min", "s", "ms", "m[H2O]", "cm[H2O]", "[lb_av]", "[in_i]", "[arb'U]/mL", "m.s-2", "m.s+2", "1", "10*-3", "dB", "B[10.nV]", "umol/min", "nkat/L", "(mg/dL)",
        "1/d", "mL/(min.{1.73_m2})", "10*3.{RBC}", "deg", "''", "[car_Au]", "/min", "g%", "KiBy", "[in_i'Hg]",
    };
    static const char *const bad[] = {
        "", " ", "mg dL", "mg//dL", "mg/", ".mg", "(mg", "mg)", "[", "mg]", "{", "mg{", "nonsense", "mgdL", "m-", "m2.", "0", "kk", "kmin", "ug/㎗", "mg/dl ", "10**3", "[foo]", "k[arb'U]", "m{a}2", "m{日}", "m999", "5-", "%%",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!parses(good[i]))
            test_fail(__FILE__, __LINE__, "%s should parse", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (parses(bad[i]))
            test_fail(__FILE__, __LINE__, "\"%s\" should not parse", bad[i]);
}

/* How many b are one a. */
static double ratio(const char *a, const char *b)
{
    struct ucum_unit x, y;
    if (!ucum_parse(a, strlen(a), &x) || !ucum_parse(b, strlen(b), &y))
        test_fail(__FILE__, __LINE__, "%s or %s does not parse", a, b);
    return ucum_commensurable(&x, &y) ? x.factor / y.factor : NAN;
}

TEST(known_conversions)
{
    static const struct { const char *a, *b; double ratio; } list[] = {
        { "kg", "g", 1000 }, { "L", "mL", 1000 }, { "l", "dm3", 1 }, { "[in_i]", "cm", 2.54 }, { "[ft_i]", "m", 0.3048 }, { "[mi_i]", "km", 1.609344 }, { "[lb_av]", "kg", 0.45359237 }, { "[oz_av]", "g", 28.349523125 },
        { "[stone_av]", "kg", 6.35029318 }, { "[gal_us]", "L", 3.785411784 }, { "[foz_us]", "mL", 29.5735295625 }, { "[pt_br]", "mL", 568.26125 }, { "wk", "d", 7 }, { "a", "d", 365.25 }, { "mo", "d", 30.4375 }, { "d", "s", 86400 },
        { "N", "kg.m.s-2", 1 }, { "J", "N.m", 1 }, { "kcal", "kJ", 4.184 }, { "[Cal]", "cal", 1000 }, { "bar", "kPa", 100 }, { "atm", "Pa", 101325 }, { "mm[Hg]", "Pa", 133.322 }, { "[psi]", "kPa", 6.894757293168361 },
        { "cm[H2O]", "Pa", 98.0665 }, { "U", "nkat", 16.666666666666668 }, { "meq/L", "mmol/L", 1 }, { "mg/dL", "g/L", 0.01 }, { "10*9/L", "10*3/uL", 1 }, { "%", "1", 0.01 }, { "deg", "rad", 0.017453292519943295 }, { "Ci", "GBq", 37 },
        { "RAD", "Gy", 0.01 }, { "REM", "mSv", 10 }, { "eV", "J", 1.60217733e-19 }, { "t", "kg", 1000 }, { "ar", "m2", 100 }, { "km/h", "m/s", 0.2777777777777778 }, { "[HP]", "W", 745.6998715822702 }, { "[degF]", "K", 0.5555555555555556 },
        { "By", "bit", 8 }, { "KiBy", "By", 1024 }, { "[IU]", "[iU]", 1 }, { "k[iU]/L", "[iU]/mL", 1 }, { "Ohm", "V/A", 1 }, { "lx", "cd.sr/m2", 1 }, { "[diop]", "m-1", 1 }, { "[acr_us]", "m2", 4046.872609874252 },
        { "mol", "1", 6.0221367e23 }, { "mL/min/{1.73_m2}", "L/h", 0.06 }, { "g/(24.h)", "g/d", 1 }, { "[car_m]", "mg", 200 }, { "[pnt]", "mm", 0.35277777777777775 },
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        double got = ratio(list[i].a, list[i].b);
        if (!(fabs(got - list[i].ratio) <= 1e-9 * list[i].ratio))
            test_fail(__FILE__, __LINE__, "one %s is %.12g %s, want %.12g", list[i].a, got, list[i].b, list[i].ratio);
    }
}

TEST(what_measures_other_things)
{
    CHECK(isnan(ratio("kg", "m")));
    CHECK(isnan(ratio("[iU]", "mol")));
    CHECK(isnan(ratio("[iU]", "[arb'U]")));
    CHECK(isnan(ratio("[pH]", "1")));
    CHECK(isnan(ratio("m2", "m3")));
}

TEST(degrees_have_an_offset)
{
    struct ucum_unit u;
    CHECK(ucum_parse("Cel", 3, &u) && fabs(u.offset - 273.15) < 1e-9);
    CHECK(ucum_parse("[degF]", 6, &u) && fabs(98.6 * u.factor + u.offset - 310.15) < 1e-6);
    CHECK(ucum_parse("J/Cel", 5, &u) && u.offset == 0.0);
}

TEST(hostile_codes_end)
{
    char text[300];
    memset(text, '(', sizeof text);
    CHECK(!ucum_parse(text, 200, NULL));
    CHECK(!ucum_parse(text, sizeof text, NULL));
    for (size_t i = 0; i + 3 < 255; i += 3)
        memcpy(text + i, "Ym.", 3);
    CHECK(!ucum_parse(text, 254, NULL));
    CHECK(!ucum_parse("m60.m60", 7, NULL));
}

TEST_MAIN()
