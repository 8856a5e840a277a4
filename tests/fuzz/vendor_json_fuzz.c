/* Any bytes as a vendor's file: look and read agree about the units, every issue has its place, units without errors are whole. */
#include "adapters/adapter.h"

static void check(int ok)
{
    if (!ok)
        abort();
}

static void check_issues(const struct issue_list *list, size_t len)
{
    for (const struct issue *i = list->first; i != NULL; i = i->next)
        check(i->pointer != NULL && i->offset >= -1 && i->offset <= (int64_t)len && i->msg != MSG_NONE);
}

static void check_unit(const struct order *order, const struct order_unit *unit, const struct adapter_look_unit *seen, size_t len)
{
    check(unit->kind == seen->kind && unit->operation == seen->operation && unit->emptied == seen->emptied);
    check_issues(&unit->issues, len);
    if (!order_unit_ok(order, unit))
        return;
    check(seen->valid);
    if (unit->ready.data != NULL)
        check(unit->bundle_id != NULL);
    else if (unit->operation == ORDER_CANCEL)
        check(unit->chart == NULL && (unit->key != NULL || unit->bundle_id != NULL));
    else
        check(unit->chart != NULL && unit->chart->patient != NULL && unit->chart->institution != NULL && unit->insured != NULL && (unit->key != NULL || unit->bundle_id != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const institutions[] = { "1319999999" };
    static const char bundle[] = "{\"resourceType\":\"Bundle\",\"meta\":{\"profile\":[\"http://jpfhir.jp/fhir/clins/StructureDefinition/JP_Bundle_eReferral\"]},"
                                 "\"identifier\":{\"value\":\"1319999999^2026^a\"}}";
    const struct adapter_file files[] = {
        { "06-letter-key-image.png", { "\x89PNG\r\n\x1a\n", 8 } }, { "06-letter-ecg.pdf", { "%PDF-1.4", 8 } },
        { "14-discharge-summary.xml", { "<a/>", 4 } }, { "13-bundle-change.fhir", { bundle, sizeof bundle - 1 } },
    };
    const struct adapter_options options = { institutions, 1, 1795219200000 };
    struct bytes file = { (const char *)data, size };
    const struct adapter_ops *ops = adapter_choose("json", file.data, size);
    struct arena *arena = arena_new(32 << 20);
    struct adapter_look *look = NULL;
    struct order *order = NULL;
    struct issue_list issues;
    struct err e = ERR_INIT;
    issues_init(&issues, arena);
    int looked = ops->look(file, files, 4, &options, arena, &look, &issues, &e);
    int read = looked == 0 ? ops->read(file, files, 4, &options, arena, &order, &e) : looked;
    check(read == 0 || read == ERR_NOMEM);
    if (read == 0) {
        check(look->unit_count == order->unit_count && (order->unit_count > 0 || order->issues.errors > 0));
        check_issues(&order->issues, size);
        for (size_t i = 0; i < order->unit_count; i++)
            check_unit(order, &order->unit[i], &look->unit[i], size);
        check(order_settle_codes(order, NULL, NULL, &e) == 0);
    }
    arena_free(arena);
    return 0;
}
