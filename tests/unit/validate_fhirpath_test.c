/* FHIRPath through its header: the language on a document of our own, and everything that can be wrong with an expression. */
#include "tests/unit/test.h"
#include "tests/unit/fhirpath_world.h"

static struct world world;

static int evaluate(const char *text, struct fhirpath_env *env, struct fhirpath_items *items, struct err *e)
{
    buf_reset(&world.program);
    int ret = fhirpath_compile(text, strlen(text), &world.program, e);
    if (ret < 0)
        return ret;
    if (!fhirpath_program_ok(world.program.data, world.program.len))
        return ERR_INTERNAL;
    if (env->document != NULL)
        world_link(&world, world.program.data);
    if (!fhirpath_program_ok(world.program.data, world.program.len))
        return ERR_INTERNAL;
    return fhirpath_eval(world.program.data, world.program.len, env, &world.resource, items, e);
}

/* Items joined by ", "; "error NAME" when it fails. Quantities as "1 'g'", elements without value as "{}". document NULL: nothing is looked up beforehand. */
static const char *run_with(const char *text, const struct document *document)
{
    static char out[4096];
    struct fhirpath_env env = world_env(&world);
    env.document = document;
    struct fhirpath_items items;
    struct err e = ERR_INIT;
    size_t at = 0;
    arena_reset(world.scratch);
    env.max_steps = 300000;
    int ret = evaluate(text, &env, &items, &e);
    out[0] = '\0';
    if (ret < 0) {
        snprintf(out, sizeof out, "error %s", err_code_name(ret));
        return out;
    }
    for (size_t i = 0; i < items.count && at < sizeof out - 64; i++) {
        const struct fhirpath_item *item = &items.item[i];
        struct bytes value = { "{}", 2 };
        at += (size_t)snprintf(out + at, sizeof out - at, "%s", i > 0 ? ", " : "");
        if (item->kind == FHIRPATH_INTEGER) {
            at += (size_t)snprintf(out + at, sizeof out - at, "%lld", (long long)item->integer);
            continue;
        }
        fhirpath_text(item, &value);
        at += (size_t)snprintf(out + at, sizeof out - at, "%.*s", (int)(value.len < 500 ? value.len : 500), value.data);
        if (item->kind == FHIRPATH_QUANTITY)
            at += (size_t)snprintf(out + at, sizeof out - at, " '%.*s'", (int)item->unit_len, item->unit);
    }
    return out;
}

static const char *run(const char *text) { return run_with(text, NULL); }

struct expectation { const char *text, *result; };

static void expect_all(const struct expectation *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (int known = 0; known < 2; known++) {
            const char *result = run_with(list[i].text, known ? &world.document : NULL);
            if (strcmp(result, list[i].result) != 0)
                test_fail(__FILE__, __LINE__, "%s: got \"%s\", want \"%s\"%s", list[i].text, result, list[i].result, known ? ", in a known document" : "");
        }
}
#define EXPECT(...) do { static const struct expectation list[] = { __VA_ARGS__ }; expect_all(list, sizeof list / sizeof *list); } while (0)

TEST(the_world_opens) { CHECK(world_open(&world)); }

TEST(paths)
{
    EXPECT({ "name.family", "Yamada" }, { "Patient.name.given", "Taro, Jiro, {}, Saburo" }, { "name[1].given[1]", "Saburo" }, { "name[9]", "" }, { "name[-1]", "" }, { "nothing", "" },
        { "`name`.`family`", "Yamada" }, { "contact.name.family", "Sato" }, { "Resource.id", "p1" }, { "DomainResource.id", "p1" }, { "Person.id", "" }, { "resourceType", "" },
        { "deceased", "2020-02-29T10:30:00+09:00" }, { "deceasedDateTime", "" }, { "multipleBirth", "2" }, { "contained.active", "false" }, { "contained.id", "o1" },
        { "%resource.id", "p1" }, { "%context.id = %rootResource.id", "true" }, { "name.given.count()", "4" });
}

TEST(primitives_keep_their_companions)
{
    EXPECT({ "birthDate.extension.url", "http://x/time" }, { "birthDate.extension('http://x/time').value", "14:35" }, { "name.given.select(hasValue())", "true, true, false, true" },
        { "name.given.where(extension('http://x/why').exists()).count()", "1" }, { "name.given.getValue()", "" }, { "birthDate.getValue() = @1974-12-25", "true" },
        { "name.given.extension('http://x/why').value.is(string)", "true" }, { "name.given[2].hasValue()", "false" });
}

TEST(types)
{
    EXPECT({ "gender is code", "true" }, { "gender is string", "true" }, { "gender is uri", "false" }, { "gender.ofType(string)", "" }, { "gender.ofType(code)", "male" },
        { "deceased is dateTime", "true" }, { "deceased.ofType(boolean)", "" }, { "(deceased as dateTime).toString().length()", "25" }, { "contact.weight.ofType(Quantity).unit", "kg" },
        { "contained.ofType(Patient).id", "o1" }, { "contained.ofType(DomainResource).id", "o1" }, { "1 is Integer and 1.0 is Decimal and 'a' is String and true is System.Boolean", "true" },
        { "active is Boolean", "false" }, { "active is boolean", "true" }, { "active.type().name", "boolean" }, { "active.type().namespace", "FHIR" }, { "1.type().name", "Integer" },
        { "contact[0].type().name", "BackboneElement" }, { "1 'g' is Quantity", "true" }, { "active is Nonsense", "error notfound" }, { "id.is(id)", "true" }, { "name is HumanName", "error invalid" });
}

TEST(three_values)
{
    EXPECT({ "true and {}", "" }, { "false and {}", "false" }, { "{} and false", "false" }, { "true or {}", "true" }, { "{} or true", "true" }, { "false or {}", "" }, { "true xor true", "false" },
        { "{} xor true", "" }, { "false implies {}", "true" }, { "true implies {}", "" }, { "{} implies true", "true" }, { "{} implies false", "" }, { "{}.not()", "" },
        { "false and nosuch.single()", "false" }, { "(1 | 2) and true", "error invalid" }, { "'text' and true", "true" }, { "iif({}, 1, 2)", "2" }, { "iif(true, 1, (1 | 2).single())", "1" });
}

TEST(decimals_are_exact)
{
    EXPECT({ "0.1 + 0.2 = 0.3", "true" }, { "0.1 + 0.2", "0.3" }, { "1.10", "1.10" }, { "1.10 = 1.1", "true" }, { "1.10 ~ 1.14", "false" }, { "1.1 ~ 1.14", "true" },
        { "99999999999999999999 * 1", "error syntax" }, { "9999999999999999999.9 + 0.1", "10000000000000000000.0" }, { "1 / 3 * 3 < 1", "true" }, { "1 / 0", "" }, { "1 div 0", "" },
        { "'9000000000000000000000000000000000000.0'.toDecimal() / 0.01", "" }, { "'-9000000000000000000000000000000000000.0'.toDecimal() / 0.01", "" },
        { "'9000000000000000000000000000000000000.0'.toDecimal() / 0.1", "90000000000000000000000000000000000000" },
        { "1.5 mod 0.4", "0.3" }, { "-7 div 2", "-3" }, { "-7 mod 2", "-1" }, { "7 / 2", "3.5" }, { "2.5.round()", "3" }, { "(-2.5).round()", "-3" }, { "1.005.round(2)", "1.01" },
        { "1.25.ceiling()", "2" }, { "(-1.25).floor()", "-2" }, { "2.power(10)", "1024" }, { "2.5.power(2)", "6.25" }, { "2.power(0.5).round(6)", "1.414214" }, { "16.sqrt()", "4" }, { "(-1).sqrt()", "" },
        { "(-1).ln()", "" }, { "0.ln()", "" }, { "9223372036854775807 + 1", "" }, { "contact.weight.value.first()", "60.50" }, { "10000.0.exp()", "" }, { "1.0e5", "error syntax" },
        { "-1.5.abs()", "-1.5" }, { "(-1.5).abs()", "1.5" }, { "1.587.lowBoundary(2)", "1.58" }, { "1.587.highBoundary(2)", "1.59" }, { "1.highBoundary()", "1.50000000" }, { "1.587.precision()", "3" });
}

TEST(dates_and_times)
{
    EXPECT({ "birthDate = @1974-12-25", "true" }, { "birthDate = @1974-12", "" }, { "birthDate > @1974-11", "true" }, { "birthDate < @1974-12-25T10:00:00Z", "" },
        { "@2020-02-29 + 1 year", "2021-02-28" }, { "@2020-01-31 + 1 month", "2020-02-29" }, { "@2019-12-31 + 1 day", "2020-01-01" }, { "@2020-03-01 - 1 day", "2020-02-29" }, { "@2014 + 24 months", "2016" },
        { "@2019-03-01 + 24 months", "2021-03-01" }, { "@9999-12-31 + 1 day", "" }, { "@2012-01-01T23:59:59.999Z + 1 millisecond", "2012-01-02T00:00:00.000Z" }, { "@T23:30 + 45 minutes", "00:15" },
        { "@2012-04-15T15:00:00+02:00 = @2012-04-15T16:00:00+03:00", "true" }, { "@2012-04-15T15:00:00Z = @2012-04-15T15:00:00", "" }, { "@2012-04-15T15:00:00Z < @2012-04-17T15:00:00", "true" },
        { "deceased > @2020-02-29T01:00:00Z", "true" }, { "contact.at = @T10:30:00.000", "true" }, { "contact.at = @T10:30", "" }, { "@2020-02-30", "error syntax" }, { "@2020-13", "error syntax" },
        { "@T25:00", "error syntax" }, { "now()", "2026-11-22T10:15:30.123+09:00" }, { "today()", "2026-11-22" }, { "timeOfDay()", "10:15:30.123" }, { "@2020-01-01 + 1 'mo'", "error invalid" },
        { "@2014.highBoundary(8)", "2014-12-31" }, { "@2020-02.highBoundary()", "2020-02-29" }, { "@2014-01-05T10:30:00.000.precision()", "17" }, { "@2014 < @2015-01-01T00:00:00Z", "true" },
        { "'2015-02-30'.convertsToDate()", "false" }, { "'2015-02-28'.toDate() + 1 day", "2015-03-01" }, { "@2015-02-04T10:00:00Z.toDate()", "2015-02-04" });
}

TEST(quantities)
{
    EXPECT({ "contact.weight[1] < contact.weight[0]", "true" }, { "contact.weight[0] = 60500 'g'", "true" }, { "contact.weight[0] > 60500 'm'", "" }, { "contact.weight[0] = 60.5 'm'", "false" },
        { "7 days = 1 'wk'", "true" }, { "12 months = 1 year", "true" }, { "1 year = 1 'a'", "" }, { "2 'm' * 3 'm' = 6 'm2'", "true" }, { "1 'kg' + 1 'g'", "1.001 'kg'" }, { "6 'g' / 2 'L'", "3 'g/(L)'" },
        { "4 'g' ~ 4040 'mg'", "true" }, { "37 'Cel' = 310.15 'K'", "true" }, { "1 'cm'.comparable(1 '[in_i]')", "true" }, { "1 'cm'.comparable(1 'nonsense')", "false" }, { "'1 week'.toQuantity()", "1 'week'" },
        { "1 week.toString()", "1 week" }, { "1 'wk'.toString()", "1 'wk'" }, { "'1 wk'.convertsToQuantity()", "false" }, { "-(1 'g')", "-1 'g'" }, { "1 '[iU]' = 1 '[arb''U]'", "error syntax" },
        { "1 '[iU]' = 1 '[IU]'", "true" }, { "5 'mg' = 5 'mg{dry}'", "true" });
}

TEST(strings)
{
    EXPECT({ "'山田太郎'.length()", "4" }, { "'山田太郎'.substring(1, 2)", "田太" }, { "'山田太郎'.indexOf('太')", "2" }, { "'abcb'.lastIndexOf('b')", "3" }, { "'ＡＢＣ é'.lower()", "ａｂｃ é" }, { "'straße é'.upper()", "STRAßE É" },
        { "'abc'.replace('', '-')", "-a-b-c-" }, { "'山田'.replace('', '-')", "-山-田-" }, { "'a.b'.split('.')", "a, b" }, { "'山田'.toChars()", "山, 田" }, { "name.given.where(hasValue()).join('/')", "Taro/Jiro/Saburo" },
        { "'a' & {} & 'b'", "ab" }, { "'a' + {}", "" }, { "' x '.trim()", "x" }, { "'Taro Yamada' ~ ' taro  yamada'", "true" }, { "'a\\u3042'", "aあ" }, { "'\\ud83d\\ude00'.length()", "1" }, { "'\\ud83d'", "error syntax" },
        { "'x\\y'", "error syntax" }, { "'abc'.substring(3)", "" }, { "'abc'.substring(-1)", "" }, { "'abc'.substring(1, -1)", "" }, { "1.length()", "error invalid" }, { "'a' < 'b' and 'あ' > 'z'", "true" },
        { "'<&>'.escape('html')", "&lt;&amp;&gt;" }, { "'&#x3042;&#12354;&lt;'.unescape('html')", "ああ<" }, { "'\"\\\\'.escape('json')", "\\\"\\\\" }, { "'山'.encode('base64').decode('base64')", "山" },
        { "'/w=='.decode('base64')", "" }, { "'zz'.decode('hex')", "" }, { "'x'.encode('rot13')", "" });
}

TEST(regexes)
{
    EXPECT({ "'A\nB'.matches('A.B')", "true" }, { "'xay'.matches('a')", "true" }, { "'xay'.matchesFull('a')", "false" }, { "'abc'.matches('[')", "error invalid" }, { "'a1b22'.replaceMatches('[0-9]+', '<$0>')", "a<1>b<22>" },
        { "'ab'.replaceMatches('(a)(b)', '$2$1')", "ba" }, { "'山田'.replaceMatches('x*', '-')", "-山-田-" }, { "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab'.matches('^(a+)+$')", "error limit" },
        { "name.family.matches('^Y.*a$')", "true" }, { "'x'.matches(nothing)", "" }, { "'ab'.replaceMatches('a\\\\Kb', 'x')", "ax" });
}

TEST(collections)
{
    EXPECT({ "(1 | 2 | 2)", "1, 2" }, { "(1 | 1.0).count()", "1" }, { "1.combine(1).isDistinct()", "false" }, { "(1 | 2 | 3).exclude(2)", "1, 3" }, { "(1 | 2 | 3).intersect(3 | 2)", "2, 3" },
        { "(1 | 2).subsetOf(1 | 2 | 3)", "true" }, { "(1 | 2 | 3).supersetOf(4)", "false" }, { "(3 | 1 | 2).sort()", "1, 2, 3" }, { "(3 | 1 | 2).sort(-$this)", "3, 2, 1" }, { "(1 | 2 | 3).tail()", "2, 3" },
        { "(1 | 2 | 3).skip(5)", "" }, { "(1 | 2 | 3).take(-1)", "" }, { "(1 | 2 | 3).last()", "3" }, { "(1 | 2).single()", "error invalid" }, { "(1 | 2 | 3).aggregate($this + $total, 0)", "6" },
        { "(10 | 20).select($this + $index)", "10, 21" }, { "name.where(use = 'usual').given.count()", "2" }, { "name.all(use.exists())", "true" }, { "name.exists(family = 'Sato')", "false" },
        { "2 in (1 | 2)", "true" }, { "(1 | 2) contains 3", "false" }, { "{} in (1 | 2)", "" }, { "(1 | 2) = (2 | 1)", "false" }, { "(1 | 2) ~ (2 | 1)", "true" }, { "name[0] = name[0]", "true" }, { "name[0] = name[1]", "false" },
        { "children().count()", "12" }, { "descendants().where($this is HumanName).count()", "3" }, { "1.repeat($this + 1).count()", "error limit" }, { "Patient.repeat(contained).id", "o1" },
        { "(true | false).anyTrue()", "true" }, { "(true | 1).allTrue()", "error invalid" }, { "{}.allTrue()", "true" }, { "name.trace('x').count()", "2" });
}

TEST(paths_that_stop_early_hide_no_failure)
{
    EXPECT({ "name.where(family.substring(given).exists()).exists()", "error invalid" }, { "name.select(given + 'x').exists()", "error invalid" }, { "name.select(use).exists()", "true" },
        { "name.first().given", "Taro, Jiro" }, { "name.select(given.first())", "Taro, {}" }, { "name.select(given.first()).first()", "Taro" }, { "name.tail().given.count()", "2" },
        { "name.given.first() = 'Taro'", "true" }, { "name.given = 'Taro'", "false" }, { "name.given.where($this = 'Taro') = 'Taro'", "true" }, { "'Jiro' in name.given", "true" },
        { "'Jiro' in name.select(given + 'x')", "error invalid" }, { "{} in name.select(given + 'x')", "error invalid" }, { "name.exists(given = 'Taro')", "false" }, { "name.all(given.exists())", "true" },
        { "name.exists(use = 'official' or given + 'x' = 'y')", "true" }, { "name.all(use = 'usual' and given + 'x' = 'y')", "false" }, { "name as HumanName", "error invalid" },
        { "name[0] as HumanName is HumanName", "true" }, { "(name as HumanName).exists()", "error invalid" }, { "name.exists() = active", "true" }, { "name.exists() = nothing.not()", "" },
        { "name.exists() ~ nothing.not()", "false" }, { "nothing.not() ~ nothing.not()", "true" }, { "(name | contact).family", "Yamada" }, { "name[0].given[1] & '!'", "Jiro!" },
        { "name.all(%resource.gender = 'male' and use.exists())", "true" }, { "name.where(%resource.gender = 'female').count()", "0" }, { "name.given.hasValue()", "false" }, { "gender.hasValue()", "true" },
        { "gender.not()", "false" }, { "active.not()", "false" }, { "name.not()", "error invalid" }, { "true is Boolean", "true" }, { "name.trace('a').given.trace('b').count()", "4" });
}

TEST(rows_of_characters_match_as_regular_expressions_do)
{
    static const char *const patterns[] = {
        "[0-4][0-9]", "^[0-9]{3}$", "a{2}", "^a", "a$", "[\\^a]b", "[a\\-c]", "\\d{2}", "a\\.b", "[^a]", "[]a]", "a{0}b", "a{2}?", "a{1,2}", "[a-]", "[-a]", "^$", "a|b", "(a)", "a\\$", "[[:alpha:]]", "x{41}", "[b-a]", "\\w",
    };
    static const char *const texts[] = { "", "1", "39", "123", "123\n", "aa", "ba", "a\n", "^b", "a.b", "axb", "-", "c", "b", "あ39", "a$", "]", "\\" };
    struct fhirpath_env env = world_env(&world);
    char text[200];
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
            for (int full = 0; full < 2; full++) {
                struct fhirpath_items kept = { 0 }, plain = { 0 };
                snprintf(text, sizeof text, "'%s'.matches%s('%s')", texts[k], full ? "Full" : "", patterns[i]);
                env.regexes = world.regexes;
                int ret = evaluate(text, &env, &kept, NULL);
                env.regexes = NULL;
                if (evaluate(text, &env, &plain, NULL) != ret || kept.count != plain.count || (kept.count == 1 && kept.item[0].integer != plain.item[0].integer))
                    test_fail(__FILE__, __LINE__, "%s", text);
            }
}

TEST(texts_of_a_resource_are_kept)
{
    static const struct { const char *text; bool holds; } list[] = {
        { "'o1' in %rootResource.contained.id", true }, { "'o2' in %rootResource.contained.id", false }, { "'Jiro' in %resource.name.given", true }, { "'masked' in %resource.name.given", false },
        { "{} in %resource.contained.id", false }, { "'o1' in contained.id", true }, { "'2' in %resource.multipleBirth", false }, { "2 in %resource.multipleBirth", true },
    };
    struct fhirpath_kept kept = { 0 };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct fhirpath_env env = world_env(&world);
        env.document = &world.document;
        env.reference_ways = true;
        env.kept = &kept;
        buf_reset(&world.program);
        CHECK_OK(fhirpath_compile(list[i].text, strlen(list[i].text), &world.program, NULL));
        world_link(&world, world.program.data);
        kept.path = NULL;                /* the programs of this test lie at one place */
        for (int round = 0; round < 3; round++) {
            bool holds = !list[i].holds;
            CHECK_OK(fhirpath_test(world.program.data, world.program.len, &env, &world.resource, &holds, NULL));
            if (holds != list[i].holds)
                test_fail(__FILE__, __LINE__, "%s, round %d", list[i].text, round);
        }
        if (i == 0)
            CHECK(kept.path != NULL && kept.count == 1);
    }
}

TEST(what_an_invariant_needs_to_fail)
{
    static const struct { const char *text, *one, *other; } list[] = {
        { "gender.empty() or active.exists()", "gender", NULL }, { "gender.exists() implies active.exists()", "gender", NULL }, { "active.exists() or gender.exists()", NULL, NULL },
        { "active.empty() or gender.empty()", "active", "gender" }, { "contained.contained.empty()", "contained", NULL }, { "name.where(use = 'usual').given.empty()", "name", NULL },
        { "birthDate.hasValue().not() or deceased.hasValue().not() or (birthDate <= deceased)", "birthDate", "deceased" }, { "name.all(given.exists())", "name", NULL },
        { "name.given.matches('x').not()", "name", NULL }, { "gender = 'male'", NULL, NULL }, { "name", NULL, NULL }, { "true", NULL, NULL }, { "Patient.name.empty()", NULL, NULL },
        { "%resource.name.empty()", NULL, NULL }, { "name.first().where(nothing.exists()).empty()", "name", NULL }, { "(gender is code).not() or gender.empty()", "gender", NULL },
        { "name.given + 'x' = 'y' or gender.empty()", NULL, NULL }, { "gender.empty() or name.given + 'x' = 'y'", "gender", NULL }, { "(gender.exists() and active).not()", "gender", NULL },
        { "name.select(gender).empty()", "name", NULL }, { "gender.empty() and name.empty()", "gender name", NULL },
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        uint64_t got[FHIRPATH_UNLESS] = { 0 }, want[FHIRPATH_UNLESS] = { 0 };
        const char *names[FHIRPATH_UNLESS] = { list[i].one, list[i].other };
        buf_reset(&world.program);
        CHECK_OK(fhirpath_compile(list[i].text, strlen(list[i].text), &world.program, NULL));
        world_link(&world, world.program.data);
        for (size_t k = 0; k < FHIRPATH_UNLESS; k++)
            for (const char *p = names[k]; p != NULL && *p != '\0'; p += strcspn(p, " "), p += *p == ' ')
                want[k] |= document_name_bit(image_find_str(&world.image, p, strcspn(p, " ")));
        size_t count = fhirpath_unless(world.program.data, got);
        if (count != (size_t)(want[0] != 0) + (want[1] != 0) || got[0] != want[0] || got[1] != want[1])
            test_fail(__FILE__, __LINE__, "%s: %zu, %llx %llx", list[i].text, count, (unsigned long long)got[0], (unsigned long long)got[1]);
    }
}

TEST(many_items_are_told_apart_by_hash)
{
    EXPECT({ "'a b c d e f g h i j k l m a b c'.split(' ').distinct().count()", "13" }, { "('1 2 3 4 5 6 7 8 9 10 11 12 1 2'.split(' ').select(toInteger()) | 1.0 | 2.00 | 13).count()", "13" },
        { "(@2020-01-01T00:00:00Z | @2020-01-01T09:00:00+09:00 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | @2020-01-01T08:00:00+08:00).count()", "10" },
        { "name.combine(name).combine(name).combine(name).combine(name).combine(name).distinct().count()", "2" });
}

TEST(what_the_surroundings_do_not_offer_is_an_error)
{
    EXPECT({ "general.resolve()", "" }, { "conformsTo('http://x')", "error unsupported" }, { "gender.memberOf('http://x')", "error unsupported" }, { "htmlChecks()", "error unsupported" }, { "%nosuch", "error notfound" },
        { "%`vs-a`", "http://hl7.org/fhir/ValueSet/a" }, { "%'ext-b'", "http://hl7.org/fhir/StructureDefinition/b" }, { "%ucum", "http://unitsofmeasure.org" }, { "elementDefinition()", "error unsupported" },
        { "checkModifiers('http://x').id", "p1" });
}

static int yes(void *self, const struct fhirpath_item *item, struct bytes url, enum fhirpath_answer *ret, struct err *e)
{
    (void)item;
    (void)e;
    *(size_t *)self += url.len;
    *ret = FHIRPATH_YES;
    return 0;
}

static bool itself(void *self, const struct fhirpath_item *from, struct bytes reference, struct fhirpath_item *ret)
{
    (void)self;
    if (reference.len != 3 || memcmp(reference.data, "#o1", 3) != 0 || from->resource != world.root)
        return false;
    *ret = fhirpath_resource(&world.image, json_path(world.root, "contained/0"));
    return true;
}

TEST(hooks_are_asked)
{
    size_t seen = 0;
    const struct fhirpath_hooks hooks = { .resolve = itself, .member_of = yes, .conforms_to = yes };
    struct fhirpath_env env = world_env(&world);
    struct fhirpath_items items;
    struct err e = ERR_INIT;
    env.hooks = &hooks;
    env.self = &seen;
    CHECK_OK(evaluate("gender.memberOf('http://x') and conformsTo('abc') and general.resolve().id = 'o1'", &env, &items, &e));
    CHECK(items.count == 1 && items.item[0].integer == 1);
    CHECK_INT(seen, 11);
}

TEST(variables_of_the_caller)
{
    const struct fhirpath_item seven = { .kind = FHIRPATH_INTEGER, .integer = 7 };
    const struct fhirpath_variable list[] = { { "seven", &seven }, { "none", NULL } };
    struct fhirpath_env env = world_env(&world);
    struct fhirpath_items items;
    struct err e = ERR_INIT;
    env.variables = list;
    env.variable_count = 2;
    CHECK_OK(evaluate("%seven + 1 | %none", &env, &items, &e));
    CHECK(items.count == 1 && items.item[0].integer == 8);
}

TEST(invariants_hold_or_not)
{
    static const struct { const char *text; bool holds; } list[] = {
        { "name.exists() or reference.exists()", true }, { "reference.exists() or display.exists()", false }, { "name", true }, { "nothing", false }, { "active", true }, { "active.not()", false }, { "{}", false },
        { "contained.active", false }, { "nothing = 1", false }, { "'x'", true },
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct fhirpath_env env = world_env(&world);
        struct err e = ERR_INIT;
        bool holds = !list[i].holds;
        buf_reset(&world.program);
        CHECK_OK(fhirpath_compile(list[i].text, strlen(list[i].text), &world.program, &e));
        CHECK_OK(fhirpath_test(world.program.data, world.program.len, &env, &world.resource, &holds, &e));
        if (holds != list[i].holds)
            test_fail(__FILE__, __LINE__, "%s", list[i].text);
    }
}

TEST(syntax_errors_name_the_place)
{
    static const struct { const char *text; uint32_t column; } list[] = {
        { "", 1 }, { "1 +", 4 }, { "a.", 3 }, { "(a", 3 }, { "a)", 2 }, { "a b", 3 }, { "a.nosuch()", 3 }, { "a.where()", 3 }, { "a.where(1, 2)", 12 }, { "a.where(1,)", 11 }, { "'abc", 1 }, { "a /* b", 3 }, { "{1}", 2 },
        { "a[1", 4 }, { "$that", 1 }, { "a # b", 3 }, { "@2020-99", 1 }, { "a is", 5 }, { "a.is(1)", 6 }, { "%", 2 }, { "'\\q'", 2 }, { "99999999999999999999", 1 }, { "a..b", 3 }, { "1 = = 2", 5 },
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct err e = ERR_INIT;
        buf_reset(&world.program);
        CHECK_ERR(fhirpath_compile(list[i].text, strlen(list[i].text), &world.program, &e), ERR_SYNTAX);
        if (e.column != list[i].column || e.msg != MSG_FHIRPATH_SYNTAX)
            test_fail(__FILE__, __LINE__, "%s: column %u, want %u", list[i].text, e.column, list[i].column);
        CHECK_INT(world.program.len, 0);
    }
    CHECK_ERR(fhirpath_compile("'\xff'", 3, &world.program, NULL), ERR_SYNTAX);
    CHECK_ERR(fhirpath_compile("'a\0b'", 5, &world.program, NULL), ERR_SYNTAX);
}

static const char *repeated(const char *head, const char *part, size_t count, const char *middle, const char *tail)
{
    static char text[200000];
    size_t at = (size_t)snprintf(text, sizeof text, "%s", head);
    for (size_t i = 0; i < count; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s", part);
    at += (size_t)snprintf(text + at, sizeof text - at, "%s", middle);
    for (size_t i = 0; i < count && tail[0] != '\0'; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s", tail);
    return text;
}

TEST(depth_is_bounded)
{
    CHECK_STR(run(repeated("", "(", 150, "1", ")")), "1");
    CHECK_STR(run(repeated("", "(", 5000, "1", ")")), "error limit");
    CHECK_STR(run(repeated("1", " + 1", 500, "", "")), "501");
    CHECK_STR(run(repeated("1", " + 1", 20000, "", "")), "error limit");
    CHECK_STR(run(repeated("", "- ", 20000, "1", "")), "error limit");
    CHECK_STR(run(repeated("a", ".b", 20000, "", "")), "error limit");
    CHECK_STR(run(repeated("", "iif(true,", 20000, "1", ")")), "error limit");
}

TEST(work_is_bounded)
{
    struct fhirpath_env env = world_env(&world);
    struct fhirpath_items items;
    struct err e = ERR_INIT;
    CHECK_STR(run("1.repeat($this + 1)"), "error limit");
    CHECK_STR(run(repeated("(1|2|3|4|5|6|7|8|9|10)", ".select(%context.combine(1).combine(2).combine(3))", 30, ".count()", "")), "error limit");
    CHECK_STR(run(repeated("'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'", ".replace('a', 'aaaaaaaaaaaaaaaa')", 40, "", "")), "error limit");
    env.max_steps = 10;
    CHECK_ERR(evaluate("descendants().count()", &env, &items, &e), ERR_LIMIT);
    CHECK(e.msg == MSG_FHIRPATH_LIMIT && env.steps > 10);
}

TEST(memory_that_runs_out_is_an_error)
{
    struct fhirpath_env env = world_env(&world);
    struct fhirpath_items items;
    struct err e = ERR_INIT;
    struct arena *small = arena_new(2000);
    CHECK(small != NULL);
    env.arena = small;
    CHECK_ERR(evaluate("descendants().combine(descendants())", &env, &items, &e), ERR_NOMEM);
    arena_free(small);
}

TEST(strict_refuses_what_the_type_does_not_know)
{
    struct fhirpath_env env = world_env(&world);
    struct fhirpath_items items;
    struct err e = ERR_INIT;
    env.strict = true;
    CHECK_ERR(evaluate("name.given1", &env, &items, &e), ERR_INVALID);
    CHECK_INT(e.column, 6);
    CHECK_ERR(evaluate("deceasedDateTime", &env, &items, &e), ERR_INVALID);
    CHECK_ERR(evaluate("Person.name", &env, &items, &e), ERR_INVALID);
    CHECK_ERR(evaluate("Patient.deceased.exists() and name.period.empty()", &env, &items, &e), ERR_INVALID);
    CHECK_ERR(evaluate("children().first()", &env, &items, &e), ERR_INVALID);
    CHECK_OK(evaluate("contact.weight.code", &env, &items, &e));
}

TEST(the_ways_of_the_core)
{
    struct fhirpath_env env = world_env(&world);
    struct fhirpath_items items;
    struct err e = ERR_INIT;
    CHECK_ERR(evaluate("name.as(HumanName)", &env, &items, &e), ERR_INVALID);
    env.reference_ways = true;
    CHECK_OK(evaluate("name.as(HumanName)", &env, &items, &e));
    CHECK_INT(items.count, 2);
    CHECK_OK(evaluate("active = 'true'", &env, &items, &e));
    CHECK(items.count == 1 && items.item[0].integer == 1);
}

TEST(regexes_are_kept_by_their_text)
{
    struct fhirpath_env env = world_env(&world);
    char text[40];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 600; i++) {
            struct fhirpath_items items;
            struct err e = ERR_INIT;
            snprintf(text, sizeof text, "'%03d'.matches('^%03d$')", i, i);
            CHECK_OK(evaluate(text, &env, &items, &e));
            CHECK(items.count == 1 && items.item[0].integer == 1);
        }
}

TEST(documents_without_known_types_are_read_by_their_json)
{
    struct fhirpath_env env = world_env(&world);
    struct fhirpath_items items;
    struct err e = ERR_INIT;
    struct fhirpath_item item;
    const struct json_node *root;
    const char *json = "{\"resourceType\":\"Unheard\",\"a\":[{\"b\":1},{\"b\":2.50}],\"valueString\":\"x\"}";
    CHECK_OK(json_parse(json, strlen(json), NULL, world.documents, &root, &e));
    item = fhirpath_resource(&world.image, root);
    buf_reset(&world.program);
    CHECK_OK(fhirpath_compile("Unheard.a.b | value", 19, &world.program, &e));
    CHECK_OK(fhirpath_eval(world.program.data, world.program.len, &env, &item, &items, &e));
    CHECK_INT(items.count, 3);
}

TEST(damaged_programs_are_refused)
{
    static _Alignas(8) char copy[4096];
    struct err e = ERR_INIT;
    buf_reset(&world.program);
    CHECK_OK(fhirpath_compile("name.where(use = 'official').given.first() | 4 days", 51, &world.program, &e));
    size_t len = world.program.len, refused = 0;
    CHECK(len < sizeof copy && len % 8 == 0);
    memcpy(copy, world.program.data, len);
    CHECK(fhirpath_program_ok(copy, len));
    CHECK(!fhirpath_program_ok(copy, len - 8));
    CHECK(!fhirpath_program_ok(copy + 1, len - 1));
    for (size_t i = 0; i < len; i++) {
        struct fhirpath_env env = world_env(&world);
        struct fhirpath_items items;
        copy[i] = (char)(copy[i] ^ 0x5A);
        env.max_steps = 10000;
        arena_reset(world.scratch);
        if (!fhirpath_program_ok(copy, len))
            refused++;
        else
            (void)fhirpath_eval(copy, len, &env, &world.resource, &items, NULL);
        copy[i] = (char)(copy[i] ^ 0x5A);
    }
    CHECK(refused > len / 4);
    struct fhirpath_env env = world_env(&world);
    struct fhirpath_items items;
    CHECK_ERR(fhirpath_eval(copy, len - 8, &env, &world.resource, &items, &e), ERR_CORRUPT);
}

TEST(the_world_closes) { world_free(&world); }

TEST_MAIN()
