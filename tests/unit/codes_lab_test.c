/* The fixed code tables answer what the package says. */
#include "tests/unit/test.h"
#include "codes/codes.h"

TEST(codes_core_item_has_the_display_of_its_code_system)
{
    const struct codes_lab *lab = codes_lab_find("3A015000001827101");
    CHECK(lab != NULL);
    CHECK_STR(lab->display, "ALB");
    CHECK_STR(codes_lab_system_of(lab), CODES_SYSTEM_LAB_CORE);
    CHECK(codes_lab_is_sendable(lab));
}

TEST(codes_infection_item_is_of_the_infection_system)
{
    const struct codes_lab *lab = codes_lab_find("5E071000002399811");
    CHECK(lab != NULL);
    CHECK_STR(lab->display, "梅毒反応");
    CHECK_STR(codes_lab_system_of(lab), CODES_SYSTEM_LAB_INFECTION);
}

TEST(codes_d_dimer_cannot_be_sent_as_core_item)
{
    const struct codes_lab *lab = codes_lab_find("2B140000001904101");
    CHECK(lab != NULL);
    CHECK(!codes_lab_is_sendable(lab));
}

TEST(codes_unknown_code_is_no_error)
{
    CHECK(codes_lab_find("99999999999999999") == NULL);
    CHECK(codes_lab_find("") == NULL);
    CHECK(codes_lab_find(NULL) == NULL);
}

TEST(codes_lists_hold_what_the_package_counts)
{
    size_t count, core = 0, unsendable = 0;
    const struct codes_lab *all = codes_lab_all(&count);
    CHECK_INT(count, 437 + 255);
    for (size_t i = 0; i < count; i++) {
        core += all[i].kind == CODES_LAB_CORE;
        unsendable += !codes_lab_is_sendable(&all[i]);
        CHECK(i == 0 || strcmp(all[i - 1].code, all[i].code) < 0);
        CHECK(strlen(all[i].code) == 17 && strspn(all[i].code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 17); /* the form of JLAC10 */
        CHECK(codes_lab_find(all[i].code) == &all[i]);
    }
    CHECK_INT(core, 437);
    CHECK_INT(unsendable, 15);
}

TEST(codes_letter_has_each_section_once)
{
    size_t count;
    const struct codes_section *s = codes_letter_sections(&count);
    CHECK_INT(count, 27);
    for (size_t i = 0; i < count; i++)
        CHECK(codes_letter_section_find(s[i].code) == &s[i]);
    CHECK(codes_letter_section_find("322") == NULL);
    CHECK_STR(codes_letter_section_find("340")->title, "傷病名・主訴");
}

TEST_MAIN()
