#include "tests/unit/test.h"

#include "chart/order.h"

static const struct chart_place at = { "/units/0/items/0/local_code", 10, 3, 4 };

/* Knows the local code "L1" in the best list it is asked for. */
static int map_l1(void *context, enum chart_kind kind, const enum chart_system *systems, size_t count, const struct chart_concept *concept, const struct chart_text *material, struct chart_coding *ret_coding)
{
    (void)kind;
    (void)material;
    ++*(int *)context;
    CHECK(count > 0);
    if (strcmp(concept->local_code.text, "L1") != 0)
        return ERR_NOTFOUND;
    *ret_coding = (struct chart_coding){ systems[0], { "12345678", NULL }, { "標準名", NULL } };
    return 0;
}

static struct order *one_unit(struct arena *arena, struct chart *chart)
{
    struct order *order = arena_alloc(arena, sizeof *order);
    order->unit = arena_alloc(arena, sizeof *order->unit);
    order->unit_count = 1;
    issues_init(&order->issues, arena);
    issues_init(&order->unit[0].issues, arena);
    order->unit[0].kind = chart->kind;
    order->unit[0].chart = chart;
    return order;
}

TEST(names_of_kinds_and_operations_go_both_ways)
{
    for (int k = 0; k < CHART_KIND_COUNT; k++) {
        enum chart_kind kind = CHART_KIND_COUNT;
        const char *name = chart_kind_name((enum chart_kind)k);
        CHECK_OK(chart_kind_from_name(name, strlen(name), &kind));
        CHECK_INT(kind, k);
    }
    for (int o = 0; o < ORDER_OPERATION_COUNT; o++) {
        enum order_operation operation = ORDER_OPERATION_COUNT;
        const char *name = order_operation_name((enum order_operation)o);
        CHECK_OK(order_operation_from_name(name, strlen(name), &operation));
        CHECK_INT(operation, o);
    }
    enum chart_kind kind = CHART_LAB;
    enum order_operation operation = ORDER_CHANGE;
    CHECK_ERR(chart_kind_from_name("diseases ", 9, &kind), ERR_NOTFOUND);
    CHECK_ERR(order_operation_from_name("delete", 6, &operation), ERR_NOTFOUND);
    CHECK_INT(kind, CHART_LAB);
    CHECK_INT(operation, ORDER_CHANGE);
    CHECK_STR(chart_kind_resource(CHART_ALLERGIES), "AllergyIntolerance");
    CHECK(chart_kind_is_document(CHART_LETTER) && !chart_kind_is_document(CHART_LAB));
    CHECK(chart_kind_is_list(CHART_DISEASES) && !chart_kind_is_list(CHART_LAB));
    CHECK_STR(chart_system_name(CHART_JLAC10_CORE), "jlac10_core");
}

TEST(a_local_code_gets_its_standard_code_first)
{
    struct arena *arena = arena_new(1 << 20);
    struct chart_disease diseases[2] = { 0 };
    struct chart chart = { .kind = CHART_DISEASES, .disease = diseases, .disease_count = 2 };
    struct order *order = one_unit(arena, &chart);
    struct err e = ERR_INIT;
    int asked = 0;
    diseases[0].concept = (struct chart_concept){ .text = { "病名", &at }, .local_code = { "L1", &at }, .coding = { { CHART_ICD10, { "I209", &at }, { NULL, NULL } } }, .coding_count = 1 };
    diseases[1].concept = (struct chart_concept){ .text = { "既知", &at }, .local_code = { "L1", &at }, .coding = { { CHART_DISEASE_KEY, { "87654321", &at }, { NULL, NULL } } }, .coding_count = 1 };
    CHECK_OK(order_settle_codes(order, map_l1, &asked, &e));
    CHECK_INT(asked, 1);
    CHECK_INT(diseases[0].concept.coding_count, 2);
    CHECK_INT(diseases[0].concept.coding[0].system, CHART_DISEASE_KEY);
    CHECK_INT(diseases[0].concept.coding[1].system, CHART_ICD10);
    CHECK(diseases[0].concept.coding[0].code.at == &at);
    CHECK(!diseases[0].concept.no_code);
    CHECK_STR(chart_concept_get(&diseases[1].concept, CHART_DISEASE_KEY)->code.text, "87654321");
    CHECK(chart_concept_get(&diseases[1].concept, CHART_YJ) == NULL);
    CHECK_INT(order->unit[0].issues.count, 0);
    arena_free(arena);
}

TEST(what_stays_without_a_code_is_warned_about)
{
    struct arena *arena = arena_new(1 << 20);
    struct chart_allergy allergies[3] = { 0 };
    struct chart chart = { .kind = CHART_ALLERGIES, .allergy = allergies, .allergy_count = 3 };
    struct order *order = one_unit(arena, &chart);
    struct err e = ERR_INIT;
    const struct issue *issue;
    int asked = 0;
    allergies[0].category = CHART_ALLERGY_FOOD;
    allergies[0].concept = (struct chart_concept){ .text = { "そば", &at }, .local_code = { "L9", &at } };
    allergies[1].category = CHART_ALLERGY_UNSPECIFIED;
    allergies[1].concept = (struct chart_concept){ .text = { "猫", &at }, .no_code = true };
    allergies[2].category = CHART_ALLERGY_MEDICATION;
    allergies[2].concept = (struct chart_concept){ .text = { "薬", &at }, .coding = { { CHART_ALLERGEN_DRUG, { "YCM123456789012", &at }, { NULL, NULL } } }, .coding_count = 1 };
    CHECK_OK(order_settle_codes(order, map_l1, &asked, &e));
    CHECK(allergies[0].concept.no_code && allergies[1].concept.no_code && !allergies[2].concept.no_code);
    CHECK_INT(order->unit[0].issues.warnings, 2);
    CHECK(order_unit_ok(order, &order->unit[0]));
    issue = order->unit[0].issues.first;
    CHECK_INT(issue->msg, MSG_CHART_UNCODED);
    CHECK_STR(issue->rule, "allergen_food");
    CHECK_STR(issue->arg1, "L9");
    CHECK_STR(issue->arg2, "そば");
    CHECK_STR(issue->pointer, at.pointer);
    CHECK_INT(issue->line, 3);
    CHECK_INT(issue->next->msg, MSG_CHART_DECLARED_UNCODED);
    arena_free(arena);
}

TEST(units_with_errors_are_left_alone)
{
    struct arena *arena = arena_new(1 << 20);
    struct chart_disease disease = { .concept = { .text = { "病名", &at }, .local_code = { "L1", &at } } };
    struct chart chart = { .kind = CHART_DISEASES, .disease = &disease, .disease_count = 1 };
    struct order *order = one_unit(arena, &chart);
    struct err e = ERR_INIT;
    int asked = 0;
    issues_add(&order->issues, MSG_ERROR, MSG_CHART_NO_UNITS, NULL, NULL, NULL);
    CHECK(!order_unit_ok(order, &order->unit[0]));
    CHECK_OK(order_settle_codes(order, map_l1, &asked, &e));
    CHECK_INT(asked, 0);
    arena_free(arena);
}

TEST_MAIN()
