/* Code maps: what a spreadsheet writes is read, what is wrong is refused with its line, and the entry for one material comes before that for any. */
#include <stdbool.h>
#include <stdlib.h>
#include "codes/code_map.h"
#include "chart/chart.h"
#include "tests/unit/test.h"

static struct code_map *map;
static struct err e;

static int parse(const char *text)
{
    map = code_map_free(map);
    e = (struct err)ERR_INIT;
    return code_map_parse("codes.csv", text, strlen(text), &map, &e);
}

static void refused(const char *text, const char *place, enum msg_id msg)
{
    CHECK(parse(text) < 0);
    CHECK(map == NULL);
    CHECK_STR(e.place, place);
    CHECK_INT(e.msg, msg);
}

static const char *code_of(const char *list, const char *local, const char *material)
{
    const struct code_map_entry *entry = code_map_find(map, list, local, material);
    return entry == NULL ? "" : entry->code;
}

TEST(code_map_reads_what_a_spreadsheet_writes)
{
    CHECK_OK(parse("\xef\xbb\xbflist,local_code,material,code,name\r\n# ours\r\n\r\njlac10,0044,,5C070000002399801,CRP\r\njlac10,0044,尿,5C070000000199801\r\n"
                   "yj, NTG03 ,,2171701F1030,\"ニトログリセリン, \"\"舌下\"\"\"\r\ndisease_key,A,,20058911,,,\r\n"));
    CHECK_INT(code_map_count(map), 4);
    CHECK_STR(code_of("jlac10", "0044", NULL), "5C070000002399801");
    CHECK_STR(code_of("jlac10", "0044", "血清"), "5C070000002399801");
    CHECK_STR(code_of("jlac10", "0044", "尿"), "5C070000000199801");
    CHECK_STR(code_map_find(map, "yj", "NTG03", "")->name, "ニトログリセリン, \"舌下\"");
    CHECK_STR(code_of("disease_key", "A", NULL), "20058911");
    CHECK_STR(code_of("disease_key", "B", NULL), "");
    CHECK_STR(code_of("yj", "0044", NULL), "");
    CHECK_OK(parse(""));
    CHECK_INT(code_map_count(map), 0);
    CHECK(code_map_find(NULL, "yj", "A", NULL) == NULL);
    map = code_map_free(map);
}

TEST(code_map_refuses_a_wrong_line)
{
    refused("jlac10,0044,,5C070000002399801\nlab,1,,5C070000002399801\n", "codes.csv:2", MSG_CODES_MAP_LINE);
    refused("jlac10,0044,,5C07000000239980\n", "codes.csv:1", MSG_CODES_MAP_LINE);
    refused("allergen_food,M,,J9N123456789\n", "codes.csv:1", MSG_CODES_MAP_LINE);
    refused("\n\nyj,,,2171701F1030\n", "codes.csv:3", MSG_CODES_MAP_LINE);
    refused("yj,A,serum,2171701F1030\n", "codes.csv:1", MSG_CODES_MAP_LINE);
    refused("yj,A,,2171701F1030,n,more\n", "codes.csv:1", MSG_CODES_MAP_LINE);
    refused("yj,A,,2171701F1030,\"open\n", "codes.csv:1", MSG_CODES_MAP_LINE);
    refused("yj,A,,2171701F1030,\"x\"y\n", "codes.csv:1", MSG_CODES_MAP_LINE);
    refused("yj,A,,2171701F1030,\x82\xa0\n", "codes.csv:1", MSG_CODES_MAP_LINE);
    refused("yj,A\n", "codes.csv:1", MSG_CODES_MAP_LINE);
    refused("yj,A,,2171701F1030\nyj,B,,2171701F1030\nyj,A,,2171701F1031\n", "codes.csv:3", MSG_CODES_MAP_TWICE);
    CHECK_ERR(code_map_load("/nonexistent/codes.csv", &map, &e), ERR_NOTFOUND);
}

/* The lists that a concept may want are lists that a map may name. */
TEST(code_map_knows_the_lists_of_the_chart)
{
    static const struct { enum chart_system system; const char *code; } rows[] = {
        { CHART_DISEASE_KEY, "20058911" }, { CHART_ALLERGEN_FOOD, "J9F123456789" }, { CHART_ALLERGEN_OTHER, "J9N123456789" }, { CHART_ALLERGEN_DRUG, "YCM2171701F1030" },
        { CHART_ALLERGEN_INGREDIENT, "GCM2171701FZZZ0" }, { CHART_JLAC10, "5C070000002399801" }, { CHART_JLAC10_CORE, "5C070000002399801" },
        { CHART_JLAC10_INFECTION, "5C070000002399801" }, { CHART_JLAC10_GENERAL, "5C070000002399801" }, { CHART_YJ, "2171701F1030" }, { CHART_DRUG_GENERAL, "2171701F1030" },
        { CHART_USAGE, "1013044400000000" } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char line[100];
        snprintf(line, sizeof line, "%s,L,,%s\n", chart_system_name(rows[i].system), rows[i].code);
        CHECK_OK(parse(line));
        CHECK_STR(code_of(chart_system_name(rows[i].system), "L", NULL), rows[i].code);
    }
    map = code_map_free(map);
}

TEST_MAIN()
