/* The samples of the guide and the official example Bundles through the adapters, exactly as a vendor would drop them. Runs in the repository's root. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <unistd.h>
#include "adapters/adapter.h"
#include "base/file.h"

struct dropped { struct arena *arena; struct buf file, beside[8]; struct adapter_file files[8]; size_t count; struct adapter_look *look; struct order *order; };

static void drop(struct dropped *d, int folder, const char *name, const char *institution)
{
    const char *const institutions[] = { institution };
    struct adapter_options options = { institutions, 1, 1795219200000 };   /* 2026-11-21 */
    struct issue_list issues;
    struct err e = ERR_INIT;
    const struct adapter_ops *ops;
    *d = (struct dropped){ .arena = arena_new(256 << 20) };
    buf_init(&d->file, 64 << 20);
    CHECK_OK(file_read(folder, name, 64 << 20, &d->file, &e));
    ops = adapter_choose("json", d->file.data, d->file.len);
    issues_init(&issues, d->arena);
    CHECK_OK(ops->look(buf_bytes(&d->file), NULL, 0, &options, d->arena, &d->look, &issues, &e));
    CHECK_INT(issues.count, 0);
    for (; d->count < d->look->attachment_count; d->count++) {
        CHECK(d->count < 8);
        buf_init(&d->beside[d->count], 64 << 20);
        CHECK_OK(file_read(folder, d->look->attachment[d->count], 64 << 20, &d->beside[d->count], &e));
        d->files[d->count] = (struct adapter_file){ d->look->attachment[d->count], buf_bytes(&d->beside[d->count]) };
    }
    CHECK_OK(ops->look(buf_bytes(&d->file), d->files, d->count, &options, d->arena, &d->look, &issues, &e));
    CHECK_OK(ops->read(buf_bytes(&d->file), d->files, d->count, &options, d->arena, &d->order, &e));
    CHECK_OK(order_settle_codes(d->order, NULL, NULL, &e));
}

static void pick_up(struct dropped *d)
{
    for (size_t i = 0; i < d->count; i++)
        buf_free(&d->beside[i]);
    buf_free(&d->file);
    arena_free(d->arena);
}

TEST(samples_mean_what_the_guide_says)
{
    static const struct { const char *name; enum chart_kind kind; enum order_operation operation; size_t units, attachments; const char *key; size_t warnings; } samples[] = {
        { "01-diseases-current.json", CHART_DISEASES, ORDER_CURRENT, 1, 0, "00012345", 1 },
        { "02-diseases-empty.json", CHART_DISEASES, ORDER_CANCEL, 1, 0, "00012345", 0 },
        { "03-allergies-current.json", CHART_ALLERGIES, ORDER_CURRENT, 1, 0, "00012345", 2 },
        { "04-lab-register.json", CHART_LAB, ORDER_REGISTER, 1, 0, "LAB-20251020-0042", 3 },
        { "05-infection-register.json", CHART_LAB, ORDER_REGISTER, 1, 0, "LAB-20251020-0043", 0 },
        { "06-letter-register.json", CHART_LETTER, ORDER_REGISTER, 1, 2, "REF-2025-00317", 2 },
        { "07-letter-change.json", CHART_LETTER, ORDER_CHANGE, 1, 0, "REF-2025-00317", 2 },
        { "08-letter-cancel.json", CHART_LETTER, ORDER_CANCEL, 1, 0, "REF-2025-00317", 0 },
        { "09-lab-change.json", CHART_LAB, ORDER_CHANGE, 1, 0, "LAB-20251020-0042", 1 },
        { "10-lab-cancel-by-bundle-id.json", CHART_LAB, ORDER_CANCEL, 1, 0, NULL, 0 },
        { "11-mixed-all-or-none.json", CHART_DISEASES, ORDER_CURRENT, 3, 0, "00067890", 0 },
        { "12-bundle-register.json", CHART_ALLERGIES, ORDER_REGISTER, 1, 0, "00023456", 0 },
        { "13-bundle-change.json", CHART_ALLERGIES, ORDER_CHANGE, 1, 1, "00023456", 0 },
        { "14-letter-with-discharge-summary.json", CHART_LETTER, ORDER_REGISTER, 1, 1, "REF-2025-00318", 2 },
    };
    struct err e = ERR_INIT;
    int folder = dir_open(AT_FDCWD, "docs/samples", &e);
    CHECK(folder >= 0);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct dropped d;
        drop(&d, folder, samples[i].name, "1319999999");
        const struct order_unit *unit = &d.order->unit[0];
        if (!order_unit_ok(d.order, unit) || d.order->issues.count > 0 || unit->issues.warnings != samples[i].warnings)
            test_fail(__FILE__, __LINE__, "%s: %zu errors, %zu warnings", samples[i].name, d.order->issues.errors + unit->issues.errors, unit->issues.warnings);
        CHECK_INT(unit->kind, samples[i].kind);
        CHECK_INT(unit->operation, samples[i].operation);
        CHECK_INT(d.order->unit_count, samples[i].units);
        CHECK_INT(d.count, samples[i].attachments);
        CHECK_STR(unit->key, samples[i].key);
        pick_up(&d);
    }
    close(folder);
}

TEST(the_wrong_samples_are_wrong_in_one_way)
{
    static const struct { const char *name; enum msg_id msg; const char *pointer; uint32_t line; } samples[] = {
        { "90-wrong-no-insured-number.json", MSG_CHART_NO_INSURED_LETTER, "/patient", 19 },
        { "91-wrong-lab-without-code.json", MSG_CHART_NO_CODE, "/units/0/items/0", 60 },
    };
    struct err e = ERR_INIT;
    int folder = dir_open(AT_FDCWD, "docs/samples", &e);
    CHECK(folder >= 0);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct dropped d;
        drop(&d, folder, samples[i].name, "1319999999");
        const struct issue_list *issues = &d.order->unit[0].issues;
        CHECK_INT(issues->errors, 1);
        CHECK_INT(issues->first->msg, samples[i].msg);
        CHECK_STR(issues->first->pointer, samples[i].pointer);
        CHECK_INT(issues->first->line, samples[i].line);
        pick_up(&d);
    }
    close(folder);
}

TEST(official_bundles_pass_unchanged)
{
    static const struct { const char *name; enum chart_kind kind; } bundles[] = {
        { "Bundle-Bundle-CLINS-Observations-Example-01.json", CHART_LAB },
        { "Bundle-Bundle-CLINS-Referral-Example-01.json", CHART_LETTER },
        { "Bundle-Bundle-CLINS-Referral-NoEntry-Example-01.json", CHART_LETTER },
        { "Bundle-Bundle-CLINS-PCS-Example-01.json", CHART_PATIENT_SUMMARY },
    };
    const char *shared = getenv("CLINSGW_SHARED");
    char path[1024];
    struct err e = ERR_INIT;
    int folder;
    snprintf(path, sizeof path, "%s/spec/examples/jp-clins", shared != NULL ? shared : "../shared");
    folder = dir_open(AT_FDCWD, path, &e);
    if (folder < 0)
        SKIP("the official examples are not here");
    for (size_t i = 0; i < sizeof bundles / sizeof bundles[0]; i++) {
        struct dropped d;
        drop(&d, folder, bundles[i].name, "1318814790");
        const struct order_unit *unit = &d.order->unit[0];
        if (!order_unit_ok(d.order, unit))
            test_fail(__FILE__, __LINE__, "%s: %s at %s", bundles[i].name, msg_get(unit->issues.first->msg)->name, unit->issues.first->pointer);
        CHECK_INT(unit->kind, bundles[i].kind);
        CHECK(unit->ready.data == d.file.data && unit->ready.len == d.file.len);
        CHECK(unit->bundle_id != NULL && unit->insured != NULL);
        pick_up(&d);
    }
    close(folder);
}

TEST_MAIN()
