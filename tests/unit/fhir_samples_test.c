/*
 * The way of one file up to its Bundles: every sample of docs/samples through its adapter and the builder. Samples whose number begins with 9 are wrong
 * on purpose. With CLINSGW_DUMP=FOLDER each Bundle is written there as SAMPLE-UNIT.json, for tests/conformance/fhir_reference_test.py.
 */
#include "tests/unit/test.h"
#include "tests/unit/fhir_charts.h"

#include <dirent.h>

#include "adapters/adapter.h"
#include "validate/validate.h"

enum { ARENA_MAX = 256 << 20, JSON_MAX = 64 << 20, FILES_MAX = 100 };

struct samples { struct arena *arena; struct adapter_file file[FILES_MAX]; size_t count; };

static void read_samples(struct samples *s)
{
    const char *folder = "docs/samples";
    DIR *d = opendir(folder);
    s->arena = arena_new(ARENA_MAX);
    s->count = 0;
    if (d == NULL)
        SKIP("docs/samples is not here");
    for (struct dirent *e; (e = readdir(d)) != NULL && s->count < FILES_MAX;) {
        FILE *f = fopen(arena_printf(s->arena, "%s/%s", folder, e->d_name), "rb");
        if (e->d_name[0] == '.' || f == NULL)
            continue;
        char *bytes = arena_alloc(s->arena, 1 << 20);
        struct adapter_file *file = &s->file[s->count++];
        file->name = arena_strdup(s->arena, e->d_name);
        file->content = (struct bytes){ bytes, fread(bytes, 1, 1 << 20, f) };
        fclose(f);
    }
    closedir(d);
}

static void dump(const char *name, size_t unit, const struct buf *json)
{
    char path[512];
    const char *folder = getenv("CLINSGW_DUMP");
    if (folder == NULL)
        return;
    snprintf(path, sizeof path, "%s/sample-%.*s-%zu.json", folder, (int)strcspn(name, "."), name, unit);
    FILE *f = fopen(path, "wb");
    CHECK(f != NULL);
    CHECK_INT(fwrite(json->data, 1, json->len, f), json->len);
    CHECK_INT(fclose(f), 0);
}

static void print_issues(const char *name, const struct issue_list *issues)
{
    for (const struct issue *i = issues->first; i != NULL; i = i->next) {
        char text[300];
        msg_format(i->msg, LANG_EN, i->arg1, i->arg2, text, sizeof text);
        printf("     %s: %s at %s %s\n", name, text, i->pointer != NULL ? i->pointer : "-", i->location != NULL ? i->location : "-");
    }
}

/* Builds the unit's Bundle and lets the house's own validator look at it. */
static void check_unit(const char *name, size_t index, const struct order_unit *unit, struct arena *arena)
{
    struct fhir_options options;
    struct issue_list issues;
    struct err e = ERR_INIT;
    struct buf json;
    fhir_test_options(&options);
    options.bundle_id = arena_printf(arena, "%s^2026^sample-%zu", unit->chart->institution->code.text, index);
    issues_init(&issues, arena);
    buf_init(&json, JSON_MAX);
    struct source_map *map = source_map_new(arena);
    int rc = fhir_build_bundle(unit->chart, &options, arena, &json, map, &issues, &e);
    if (rc == 0) {
        struct validate_request request = { .bytes = json.data, .len = json.len, .reading = VALIDATE_HL7 };
        rc = validate_bytes(&request, &issues, &e);
        source_map_apply(map, &issues);
    }
    if (rc < 0 || issues.errors > 0)
        print_issues(name, &issues);
    CHECK_OK(rc);
    CHECK_INT(issues.errors, 0);
    dump(name, index, &json);
    buf_free(&json);
}

static size_t check_sample(const struct adapter_file *file, const struct samples *s)
{
    const struct adapter_ops *a = adapter_choose("json", file->content.data, file->content.len);
    struct adapter_options options = { .now_ms = 0 };
    struct order *order = NULL;
    struct arena *arena = arena_new(ARENA_MAX);
    size_t built = 0;
    CHECK(a != NULL);
    CHECK_OK(a->read(file->content, s->file, s->count, &options, arena, &order, NULL));
    CHECK_OK(order_settle_codes(order, NULL, NULL, NULL));
    size_t errors = order->issues.errors;
    for (size_t i = 0; i < order->unit_count; i++) {
        errors += order->unit[i].issues.errors;
        if (!order_unit_ok(order, &order->unit[i]) || order->unit[i].chart == NULL)
            continue;
        check_unit(file->name, i, &order->unit[i], arena);
        built++;
    }
    if ((errors > 0) != (file->name[0] == '9')) {
        print_issues(file->name, &order->issues);
        for (size_t i = 0; i < order->unit_count; i++)
            print_issues(file->name, &order->unit[i].issues);
    }
    CHECK_INT(errors > 0, file->name[0] == '9');
    arena_free(arena);
    return built;
}

TEST(fhir_samples_become_bundles)
{
    struct samples s;
    size_t built = 0;
    read_samples(&s);
    for (size_t i = 0; i < s.count; i++) {
        const char *ending = strrchr(s.file[i].name, '.');
        if (ending != NULL && strcmp(ending, ".json") == 0)
            built += check_sample(&s.file[i], &s);
    }
    printf("     %zu Bundles of %zu files\n", built, s.count);
    CHECK(s.count == 0 || built > 0);
    arena_free(s.arena);
}

TEST_MAIN()
