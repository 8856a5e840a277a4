/*
 * validate_speed - how fast one core validates, without files and processes around it.
 *
 *     validate_speed rate FOLDER FILE[:FILE...] [PACKAGE...]   instances a second (warm), the files one after the other
 *     validate_speed memory FOLDER FILE [PACKAGE...]     PSS in KB of a process that has validated the file
 *     validate_speed growth FOLDER [PACKAGE...]          nanoseconds a resource in Bundles of 10 to 100,000
 *     validate_speed json FILE                           megabytes of JSON read a second
 *
 * FOLDER is a package store; without packages the built-in tables are used. Prints figures, one a line: [N] VALUE.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/file.h"
#include "base/text.h"
#include "validate/package/package.h"
#include "validate/validate.h"

#define FILE_MAX ((size_t)256 << 20)
#define ARENA_MAX ((size_t)8 << 30)

enum { LOT = 64, GROWTH_MAX = 100000, FILES_MAX = 16 };

static double now(void)
{
    struct timespec t = { 0, 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds_wanted(void)
{
    const char *text = getenv("BENCH_SECONDS");
    int64_t n = 5;

    if (text != NULL)
        (void)text_to_int64(text, strlen(text), 1, 3600, &n);
    return (double)n;
}

static int fail(const struct err *e)
{
    char text[1024];

    msg_format(e->msg, LANG_EN, e->arg[0], e->arg[1], text, sizeof text);
    fprintf(stderr, "validate_speed: %s\n", text);
    return 1;
}

static int open_set(const char *folder, const char *const *packages, size_t count, struct validate_set **ret_set, struct err *e)
{
    struct package_store *store;
    int r;

    *ret_set = NULL;
    if (count == 0)
        return 0;
    store = package_store_open(folder, e);
    r = store == NULL ? -1 : package_store_loose(store, packages, count, ret_set, e);
    package_store_close(store);
    return r;
}

/* The largest Bundles are beyond what the validator reads by itself. */
static const struct json_node *read_big(const struct buf *text, struct arena *arena)
{
    static const struct json_limits limits = { FILE_MAX, 64, 200000000 };
    const struct json_node *root = NULL;

    if (text->len >= (size_t)16 << 20)
        (void)json_parse(text->data, text->len, &limits, arena, &root, NULL);
    return root;
}

struct worker { const struct validate_set *set; struct validate_session *session; struct arena *arena; };

static int check(const struct buf *text, const struct worker *w, size_t *ret_errors, struct err *e)
{
    struct validate_request request = { .bytes = text->data, .len = text->len, .set = w->set, .session = w->session, .reading = VALIDATE_HL7 };
    struct issue_list issues;
    int r;

    arena_reset(w->arena);
    issues_init(&issues, w->arena);
    request.root = read_big(text, w->arena);
    r = validate_bytes(&request, &issues, e);
    *ret_errors = issues.errors;
    return r;
}

static int rate(const struct buf *texts, size_t count, const struct worker *w, struct err *e)
{
    double start, end, wanted = seconds_wanted();
    size_t n = 0, errors = 0;
    int r = 0;

    for (size_t i = 0; i < count && r == 0; i++)
        r = check(&texts[i], w, &errors, e);
    for (start = end = now(); r == 0 && end - start < wanted; end = now())
        for (size_t i = 0; i < LOT * count && r == 0; i++, n++)
            r = check(&texts[i % count], w, &errors, e);
    if (r == 0)
        printf("%.1f\n", (double)n / (end - start));
    return r;
}

static int memory(const struct buf *text, const struct worker *w, struct err *e)
{
    char line[256];
    FILE *f;
    unsigned long kb = 0;
    size_t errors;
    int r = check(text, w, &errors, e);

    f = fopen("/proc/self/smaps_rollup", "re");
    while (r == 0 && f != NULL && fgets(line, sizeof line, f) != NULL)
        if (sscanf(line, "Pss: %lu", &kb) == 1)
            printf("%lu\n", kb);
    if (f != NULL)
        (void)fclose(f);
    return r;
}

/* A collection of one Patient and laboratory results that refer to it and to the one before. */
static int make_bundle(struct buf *out, unsigned resources)
{
    buf_reset(out);
    (void)buf_add_str(out, "{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":["
        "{\"fullUrl\":\"urn:uuid:00000000-0000-4000-8000-000000000000\",\"resource\":{\"resourceType\":\"Patient\",\"active\":true,\"name\":[{\"family\":\"a\"}],\"gender\":\"female\"}}");
    for (unsigned i = 1; i < resources; i++)
        (void)buf_addf(out, ",{\"fullUrl\":\"urn:uuid:00000000-0000-4000-8000-%012x\",\"resource\":{\"resourceType\":\"Observation\",\"identifier\":[{\"system\":\"urn:oid:1.2.392.100495.20.3\",\"value\":\"%u\"}],"
            "\"status\":\"final\",\"category\":[{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/observation-category\",\"code\":\"laboratory\"}]}],"
            "\"code\":{\"coding\":[{\"system\":\"urn:oid:1.2.392.200119.4.504\",\"code\":\"2A030000001930101\",\"display\":\"Hemoglobin\"}]},\"subject\":{\"reference\":\"urn:uuid:00000000-0000-4000-8000-000000000000\"},"
            "\"effectiveDateTime\":\"2025-04-01T09:00:00+09:00\",\"valueQuantity\":{\"value\":13.%u,\"unit\":\"g/dL\",\"system\":\"http://unitsofmeasure.org\",\"code\":\"g/dL\"}%s%012x%s}}",
            i, i, i % 10, i == 1 ? ",\"note\":[{\"text\":\"" : ",\"derivedFrom\":[{\"reference\":\"urn:uuid:00000000-0000-4000-8000-", i - 1, "\"}]");
    (void)buf_add_str(out, "]}");
    return out->failed;
}

static int growth(const struct worker *w, struct err *e)
{
    struct buf text;
    size_t errors = 0;
    int r = 0;

    buf_init(&text, FILE_MAX);
    for (unsigned n = 10; n <= GROWTH_MAX && r == 0; n *= 10) {
        unsigned rounds = 1 + 20000 / n;
        double start;
        if (make_bundle(&text, n) < 0)
            r = err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "bundle", NULL);
        if (r == 0)
            r = check(&text, w, &errors, e);
        start = now();
        for (unsigned i = 0; i < rounds && r == 0; i++)
            r = check(&text, w, &errors, e);
        if (r == 0)
            printf("%u %.1f\n", n, (now() - start) * 1e9 / rounds / n);
        if (errors > 0)
            r = err_set(e, ERR_INVALID, MSG_INTERNAL, NULL, "the Bundle has errors", NULL);
    }
    buf_free(&text);
    return r;
}

static int json(const struct buf *text, struct arena *arena, struct err *e)
{
    double start, end, wanted = seconds_wanted() / 2;
    const struct json_node *root;
    size_t n = 0;
    int r = 0;

    for (start = end = now(); r == 0 && end - start < wanted; end = now())
        for (size_t i = 0; i < LOT && r == 0; i++, n++) {
            arena_reset(arena);
            r = json_parse(text->data, text->len, NULL, arena, &root, e);
        }
    if (r == 0)
        printf("%.1f\n", (double)n * (double)text->len / (end - start) / 1e6);
    return r;
}

/* The files of a list "a:b:c". */
static int read_files(char *list, struct buf *texts, size_t *ret_count, struct err *e)
{
    char *rest = NULL;
    int r = 0;

    for (char *file = strtok_r(list, ":", &rest); file != NULL && r == 0 && *ret_count < FILES_MAX; file = strtok_r(NULL, ":", &rest)) {
        r = file_read(AT_FDCWD, file, FILE_MAX, &texts[*ret_count], e);
        *ret_count += r == 0;
    }
    return r;
}

static int measure(const char *what, const struct buf *texts, size_t count, const struct worker *w, struct err *e)
{
    if (strcmp(what, "growth") == 0)
        return growth(w, e);
    if (count == 0)
        return err_set(e, ERR_INVALID, MSG_INTERNAL, NULL, "no file", NULL);
    if (strcmp(what, "rate") == 0)
        return rate(texts, count, w, e);
    return strcmp(what, "memory") == 0 ? memory(texts, w, e) : json(texts, w->arena, e);
}

int main(int argc, char **argv)
{
    struct err e = ERR_INIT;
    struct worker w = { .arena = arena_new(ARENA_MAX), .session = validate_session_new() };
    struct validate_set *set = NULL;
    struct buf texts[FILES_MAX];
    const char *what = argc > 2 ? argv[1] : "";
    bool file = strcmp(what, "growth") != 0, packages = strcmp(what, "json") != 0;
    int first = 2 + packages + file, r = 0;
    size_t count = 0;

    for (size_t i = 0; i < FILES_MAX; i++)
        buf_init(&texts[i], FILE_MAX);
    if (argc < first || w.arena == NULL || w.session == NULL)
        return fprintf(stderr, "usage: validate_speed rate|memory|growth|json ...\n"), 64;
    if (packages)
        r = open_set(argv[2], (const char *const *)&argv[first], (size_t)(argc - first), &set, &e);
    w.set = set;
    if (r == 0 && file)
        r = read_files(argv[first - 1], texts, &count, &e);
    if (r == 0)
        r = measure(what, texts, count, &w, &e);
    validate_session_free(w.session);
    validate_set_close(set);
    for (size_t i = 0; i < FILES_MAX; i++)
        buf_free(&texts[i]);
    arena_free(w.arena);
    return r == 0 ? 0 : fail(&e);
}
