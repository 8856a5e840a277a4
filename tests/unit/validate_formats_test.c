/*
 * Forms of primitive values: what FHIR R4 takes and what it does not, one line each.
 */
#include "validate/engine/formats.h"

#include "tests/unit/test.h"

struct form { const char *text; bool good; };

static void judge(const char *what, bool (*is_good)(struct bytes), const struct form *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_good((struct bytes){ list[i].text, strlen(list[i].text) }) != list[i].good)
            test_fail(__FILE__, __LINE__, "%s: \"%s\" should be %s", what, list[i].text, list[i].good ? "taken" : "refused");
}

#define JUDGE(is_good, ...) do { static const struct form forms[] = { __VA_ARGS__ }; judge(#is_good, is_good, forms, sizeof forms / sizeof *forms); } while (0)

TEST(formats_know_dates)
{
    static const struct { const char *text; enum format_date is; } list[] = {
        { "2024", FORMAT_DAY }, { "2024-12", FORMAT_DAY }, { "2024-02-29", FORMAT_DAY }, { "2000-02-29", FORMAT_DAY }, { "0001-01-01", FORMAT_DAY },
        { "2024-01-31T23:59:60+14:00", FORMAT_TIME }, { "2024-01-31T00:00:00Z", FORMAT_TIME }, { "2024-01-31T00:00:00.123456789-13:59", FORMAT_TIME },
        { "2024-01-31T10:00:00", FORMAT_TIME_WITHOUT_ZONE }, { "2024-01-31T10:00:00.5", FORMAT_TIME_WITHOUT_ZONE },
        { "", FORMAT_NO_DATE }, { "24", FORMAT_NO_DATE }, { "0000", FORMAT_NO_DATE }, { "2024-", FORMAT_NO_DATE }, { "2024-00", FORMAT_NO_DATE }, { "2024-13", FORMAT_NO_DATE },
        { "2024-1-1", FORMAT_NO_DATE }, { "2023-02-29", FORMAT_NO_DATE }, { "1900-02-29", FORMAT_NO_DATE }, { "2024-04-31", FORMAT_NO_DATE }, { "2024-01-00", FORMAT_NO_DATE },
        { "20240131", FORMAT_NO_DATE }, { "2024/01/31", FORMAT_NO_DATE }, { "2024-01-31 10:00:00Z", FORMAT_NO_DATE }, { "2024-01-31T", FORMAT_NO_DATE },
        { "2024-01-31T10:00Z", FORMAT_NO_DATE }, { "2024-01-31T24:00:00Z", FORMAT_NO_DATE }, { "2024-01-31T10:60:00Z", FORMAT_NO_DATE }, { "2024-01-31T10:00:61Z", FORMAT_NO_DATE },
        { "2024-01-31T10:00:00.Z", FORMAT_NO_DATE }, { "2024-01-31T10:00:00+9:00", FORMAT_NO_DATE }, { "2024-01-31T10:00:00+14:01", FORMAT_NO_DATE },
        { "2024-01-31T10:00:00+0900", FORMAT_NO_DATE }, { "2024-01-31T10:00:00z", FORMAT_NO_DATE }, { " 2024-01-31", FORMAT_NO_DATE }, { "2024-01-31\n", FORMAT_NO_DATE },
        { "-2024-01-31", FORMAT_NO_DATE }, { "２０２４", FORMAT_NO_DATE }, { "令和6年", FORMAT_NO_DATE }
    };

    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (format_date((struct bytes){ list[i].text, strlen(list[i].text) }) != list[i].is)
            test_fail(__FILE__, __LINE__, "date \"%s\" is not read as %d", list[i].text, list[i].is);
    JUDGE(format_is_time, { "00:00:00", true }, { "23:59:60.5", true }, { "24:00:00", false }, { "10:00", false }, { "10:00:00Z", false }, { "", false });
}

TEST(formats_know_numbers)
{
    JUDGE(format_is_decimal, { "0", true }, { "-0.50", true }, { "1.50", true }, { "1e3", true }, { "1.5E-10", true }, { "00", false }, { "01.5", false }, { ".5", false }, { "5.", false },
          { "+5", false }, { "1e", false }, { "1e+", false }, { "1,5", false }, { "", false }, { "-", false }, { "NaN", false }, { "true", false });
    JUDGE(format_is_integer, { "0", true }, { "-12", true }, { "007", false }, { "1.0", false }, { "1e3", false }, { "", false }, { "-", false });
}

TEST(formats_know_tokens)
{
    JUDGE(format_is_id, { "a", true }, { "A-1.b", true }, { "0123456789012345678901234567890123456789012345678901234567890123", true },
          { "01234567890123456789012345678901234567890123456789012345678901234", false }, { "a_b", false }, { "a b", false }, { "あ", false }, { "", false }, { "a/b", false });
    JUDGE(format_is_code, { "a", true }, { "a b", true }, { "病名", true }, { "a  b", false }, { " a", false }, { "a ", false }, { "a\nb", false }, { "a\tb", false }, { "a\xe3\x80\x80" "b", false }, { "", false });
    JUDGE(format_is_uuid, { "00000000-0000-4000-8000-000000000001", true }, { "ABCDEF00-0000-4000-8000-000000000001", false }, { "00000000-0000-4000-8000-00000000001", false },
          { "00000000000040008000000000000001", false }, { "x", false });
    JUDGE(format_is_oid, { "1.2.392.100495.20.3.51", true }, { "1.3.88", true }, { "2.16.840", true }, { "1.2.3", false }, { "3.1.2.3", false }, { "1.02.392", false }, { "1..2.3.4", false },
          { "1.2.392.", false }, { "1", false }, { "", false });
    JUDGE(format_is_absolute, { "http://a", true }, { "urn:uuid:x", true }, { "mailto:a@b", true }, { "http:", false }, { "a/b", false }, { "", false }, { "://x", false }, { "http://a b", false },
          { "Patient/1", false }, { "HTTP://x", false });
    JUDGE(format_is_base64, { "QUJD", true }, { "QUI=", true }, { "QQ==", true }, { "QUJD\nQUJD", true }, { "QUJ", false }, { "Q===", false }, { "QU=D", false }, { "QU*D", false });
}

TEST(formats_count_and_cut_as_fhir_does)
{
    struct bytes text = { " \xe3\x80\x80 本文\xc2\xa0\n", 0 };

    text.len = strlen(text.data);
    CHECK_INT(format_trim(text).len, 6);
    CHECK_INT(format_trim((struct bytes){ NULL, 0 }).len, 0);
    CHECK_INT(format_trim((struct bytes){ "   ", 3 }).len, 0);
    CHECK_INT(format_units((struct bytes){ "a本\xf0\xa0\xae\xb7", 8 }), 4);
    CHECK_INT(format_base64_size((struct bytes){ "QUJD QUI=", 9 }), 5);
    CHECK_INT(format_base64_size((struct bytes){ "", 0 }), 0);
    CHECK(format_begins((struct bytes){ "urn:x", 5 }, "urn:") && !format_begins((struct bytes){ "ur", 2 }, "urn:"));
    CHECK(format_holds((struct bytes){ "a.example.org/b", 15 }, "example.org") && !format_holds((struct bytes){ NULL, 0 }, "x"));
}

TEST_MAIN()
