/* UTF-8, Japanese text and small conversions through base/text.h. */
#include "base/text.h"

#include "base/err.h"
#include "tests/unit/test.h"

static char *converted(int (*convert)(struct buf *, const char *, size_t), const char *text)
{
    static struct buf b;

    buf_free(&b);
    buf_init(&b, 4096);
    CHECK_OK(convert(&b, text, strlen(text)));
    return b.data;
}

TEST(text_decodes_only_well_formed_utf8)
{
    static const struct { const char *text; size_t len; int32_t code; } cases[] = {
        { "A", 1, 'A' }, { "\0", 1, 0 }, { "\x7F", 1, 0x7F }, { "\xC2\x80", 2, 0x80 }, { "\xDF\xBF", 2, 0x7FF }, { "\xE0\xA0\x80", 3, 0x800 },
        { "\xED\x9F\xBF", 3, 0xD7FF }, { "\xEE\x80\x80", 3, 0xE000 }, { "\xEF\xBF\xBF", 3, 0xFFFF }, { "\xF0\x90\x80\x80", 4, 0x10000 },
        { "\xF4\x8F\xBF\xBF", 4, 0x10FFFF },
        { "\x80", 1, -1 }, { "\xC0\x80", 2, -1 }, { "\xC1\xBF", 2, -1 }, { "\xC2", 1, -1 }, { "\xC2\x20", 2, -1 }, { "\xE0\x9F\xBF", 3, -1 },
        { "\xED\xA0\x80", 3, -1 }, { "\xED\xBF\xBF", 3, -1 }, { "\xE3\x81", 2, -1 }, { "\xF0\x8F\xBF\xBF", 4, -1 }, { "\xF4\x90\x80\x80", 4, -1 },
        { "\xF5\x80\x80\x80", 4, -1 }, { "\xF0\x9F\x98", 3, -1 }, { "\xFF", 1, -1 }
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t pos = 0;

        CHECK_INT(text_next(cases[i].text, cases[i].len, &pos), cases[i].code);
        CHECK_INT(pos, cases[i].code < 0 ? 0 : cases[i].len);
        CHECK_INT(text_is_utf8(cases[i].text, cases[i].len), cases[i].code >= 0);
    }
}

TEST(text_encodes_what_it_decodes)
{
    struct buf b;

    buf_init(&b, 8);
    for (int32_t c = 0; c <= 0x10FFFF; c += c < 0x3000 ? 1 : 97) {
        size_t pos = 0;

        buf_reset(&b);
        if (c >= 0xD800 && c <= 0xDFFF) {
            CHECK_ERR(text_add_utf8(&b, c), ERR_INVALID);
        } else {
            CHECK_OK(text_add_utf8(&b, c));
            CHECK_INT(text_next(b.data, b.len, &pos), c);
            CHECK_INT(pos, b.len);
        }
    }
    CHECK_ERR(text_add_utf8(&b, 0x110000), ERR_INVALID);
    CHECK_ERR(text_add_utf8(&b, -1), ERR_INVALID);
    buf_free(&b);
}

TEST(text_cuts_at_characters)
{
    char small[6];

    CHECK_INT(text_cut("あいう", 9, 9), 9);
    CHECK_INT(text_cut("あいう", 9, 8), 6);
    CHECK_INT(text_cut("あいう", 9, 2), 0);
    CHECK_INT(text_cut("a😀", 5, 4), 1);
    CHECK_INT(text_copy(small, sizeof small, "aあい"), 4);
    CHECK_STR(small, "aあ");
    CHECK_INT(text_copy(small, sizeof small, "abcde"), 5);
}

TEST(text_finds_what_must_not_be_there)
{
    CHECK(text_has_halfwidth_kana("検査ｶ", 9) && !text_has_halfwidth_kana("検査カ", 9));
    CHECK(text_has_fullwidth_space("山田　太郎", 15) && !text_has_fullwidth_space("山田 太郎", 13));
    CHECK_INT(text_find_control("a\tb", 3, true), -1);
    CHECK_INT(text_find_control("a\tb", 3, false), 1);
    CHECK_INT(text_find_control("a\x01", 2, true), 1);
    CHECK_INT(text_find_control("あ\x7F", 4, true), 3);
    CHECK_INT(text_find_control("\xC2\x85", 2, true), 0);
    CHECK_INT(text_find_control("\xEE\x80\x80", 3, true), 0);
    CHECK_INT(text_find_control("\xEF\xBF\xBE", 3, true), 0);
    CHECK_INT(text_find_control("x\xF3\xB0\x80\x80", 5, true), 1);
    CHECK_INT(text_find_control("ab\xE3\x81", 4, true), 2);
    CHECK_INT(text_find_control("髙橋𠮷", 10, false), -1);
}

/* Common characters are passed over without decoding: every question must get the answer that decoding gives. */
TEST(text_answers_as_decoding_does)
{
    char text[] = "a\xE3\x81\x82????b";

    for (unsigned lead = 0x7E; lead <= 0xFF; lead++)
        for (unsigned second = 0x7F; second <= 0xC0; second++)
            for (unsigned third = 0x7F; third <= 0xC2; third += third < 0x81 ? 1 : 0x0D) {
                size_t pos = 0, len = sizeof text - 1;
                int64_t bad = -1;
                bool kana = false, wide = false;

                text[4] = (char)lead;
                text[5] = (char)second;
                text[6] = (char)third;
                text[7] = '\x80';
                while (pos < len && bad < 0) {
                    size_t at = pos;
                    int32_t c = text_next(text, len, &pos);

                    kana |= c >= 0xFF61 && c <= 0xFF9F;
                    wide |= c == 0x3000;
                    if (c < 0)
                        bad = (int64_t)at;
                }
                CHECK_INT(text_is_utf8(text, len), bad < 0);
                CHECK_INT(text_has_halfwidth_kana(text, len), kana);
                CHECK_INT(text_has_fullwidth_space(text, len), wide);
                if (bad >= 0)
                    CHECK(text_find_control(text, len, true) >= 0 && text_find_control(text, len, true) <= bad);
            }
}

TEST(text_finds_every_control_wherever_it_stands)
{
    struct buf b;

    buf_init(&b, 64);
    for (int32_t c = 0; c <= 0x10FFFF; c++) {
        bool bad = c < 0x20 || (c >= 0x7F && c <= 0x9F) || (c >= 0xE000 && c <= 0xF8FF) || c == 0xFEFF || c == 0xFFFE || c == 0xFFFF || c >= 0xF0000;

        if (c >= 0xD800 && c <= 0xDFFF)
            continue;
        buf_reset(&b);
        buf_add_str(&b, "a血");
        text_add_utf8(&b, c);
        buf_add_str(&b, "圧b");
        CHECK_INT(text_find_control(b.data, b.len, false), bad ? 4 : -1);
    }
    buf_free(&b);
}

TEST(text_answers_about_whole_texts)
{
    CHECK(text_all_fullwidth("１２３あ", 12) && text_all_fullwidth("", 0));
    CHECK(!text_all_fullwidth("１a", 4) && !text_all_fullwidth("ｱ", 3) && !text_all_fullwidth("\xFF", 1));
    CHECK(text_all_ascii("a~", 2) && !text_all_ascii("あ", 3));
    CHECK(text_all_digits("0123456789", 10) && !text_all_digits("1a", 2) && !text_all_digits("１", 3));
    CHECK(text_all_of("aZ-9", 4, "A-Za-z0-9-") && !text_all_of("a_b", 3, "A-Za-z0-9-") && !text_all_of("é", 2, "A-Za-z0-9-"));
}

TEST(text_reads_integers_within_bounds)
{
    int64_t v = 5;

    CHECK_OK(text_to_int64("-0", 2, -1, 1, &v));
    CHECK_INT(v, 0);
    CHECK_OK(text_to_int64("007", 3, 0, 10, &v));
    CHECK_INT(v, 7);
    CHECK_OK(text_to_int64("9223372036854775807", 19, INT64_MIN, INT64_MAX, &v));
    CHECK_INT(v, INT64_MAX);
    CHECK_OK(text_to_int64("-9223372036854775808", 20, INT64_MIN, INT64_MAX, &v));
    CHECK_INT(v, INT64_MIN);
    CHECK_ERR(text_to_int64("9223372036854775808", 19, INT64_MIN, INT64_MAX, &v), ERR_LIMIT);
    CHECK_ERR(text_to_int64("-9223372036854775809", 20, INT64_MIN, INT64_MAX, &v), ERR_LIMIT);
    CHECK_ERR(text_to_int64("99999999999999999999999", 23, 0, 9, &v), ERR_LIMIT);
    CHECK_ERR(text_to_int64("11", 2, 0, 10, &v), ERR_LIMIT);
    CHECK_ERR(text_to_int64("", 0, 0, 10, &v), ERR_SYNTAX);
    CHECK_ERR(text_to_int64("-", 1, -9, 10, &v), ERR_SYNTAX);
    CHECK_ERR(text_to_int64("+1", 2, 0, 10, &v), ERR_SYNTAX);
    CHECK_ERR(text_to_int64("1 ", 2, 0, 10, &v), ERR_SYNTAX);
    CHECK_INT(v, INT64_MIN);
}

TEST(text_checks_modulus_ten_digits)
{
    CHECK(text_check_digit_ok("06132013", 8));      /* insurer number, worked by hand: 2+3+2... = 17 -> 3 */
    CHECK(!text_check_digit_ok("06132014", 8));
    CHECK(!text_check_digit_ok("0613201a", 8) && !text_check_digit_ok("0", 1));
}

TEST(text_escapes_for_xml)
{
    CHECK_STR(converted(text_add_escaped, "<a b='1' c=\"2\">&血\n\x01</a>"), "&lt;a b=&#39;1&#39; c=&quot;2&quot;&gt;&amp;血\n\xEF\xBF\xBD&lt;/a&gt;");
}

TEST_MAIN()
