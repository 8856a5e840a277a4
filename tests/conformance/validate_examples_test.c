/*
 * The official example Bundles (CLINSGW_SHARED/spec/examples/jp-clins, skipped without) have no error in either reading, and no damaged Bundle
 * of CLINSGW_SHARED/conformance that the reference passes is refused.
 */
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "validate/validate.h"

#include "tests/unit/test.h"

enum { FILE_MAX = 16 << 20 };

/* Descriptor of a folder below the shared material; ends the test when it is not there. */
static int shared_folder(const char *below)
{
    const char *shared = getenv("CLINSGW_SHARED");
    char path[512];
    int fd;

    snprintf(path, sizeof path, "%s/%s", shared != NULL && *shared != '\0' ? shared : "../shared", below);
    fd = dir_open(AT_FDCWD, path, NULL);
    if (fd < 0)
        SKIP("no shared material");
    return fd;
}

static size_t errors_of(int dir, const char *name, enum validate_reading reading, bool say)
{
    struct arena *arena = arena_new(256 << 20);
    struct issue_list issues;
    struct buf bytes;
    struct validate_request r = { .reading = reading };
    size_t errors;

    buf_init(&bytes, FILE_MAX);
    issues_init(&issues, arena);
    CHECK_OK(file_read(dir, name, FILE_MAX, &bytes, NULL));
    r.bytes = bytes.data;
    r.len = bytes.len;
    CHECK_OK(validate_bytes(&r, &issues, NULL));
    errors = issues.errors;
    for (const struct issue *i = issues.first; say && i != NULL; i = i->next)
        if (i->severity >= MSG_ERROR)
            printf("       %s: %s %s at %s\n", name, msg_get(i->msg)->name, i->rule != NULL ? i->rule : "-", i->location);
    buf_free(&bytes);
    arena_free(arena);
    return errors;
}

TEST(validate_takes_the_official_bundles)
{
    int folder = shared_folder("spec/examples/jp-clins");
    DIR *list = fdopendir(dup(folder));
    size_t seen = 0, refused = 0;

    CHECK(list != NULL);
    for (const struct dirent *d; (d = readdir(list)) != NULL; )
        for (int reading = VALIDATE_HL7; reading <= VALIDATE_SERVICE; reading++)
            if (strncmp(d->d_name, "Bundle-", 7) == 0) {
                seen++;
                refused += errors_of(folder, d->d_name, (enum validate_reading)reading, true) > 0;
            }
    closedir(list);
    close(folder);
    CHECK_INT(seen, 8);
    CHECK_INT(refused, 0);
}

/* Reads "file":"…" and "verdict":"…" out of the lines of jp.jsonl. */
TEST(validate_refuses_no_damaged_bundle_that_the_reference_passes)
{
    int folder = shared_folder("conformance"), cases = dir_open(folder, "jp", NULL);
    struct arena *arena = arena_new(256 << 20);
    struct buf lines;
    size_t good = 0, refused = 0, bad = 0, caught = 0;

    CHECK(cases >= 0);
    buf_init(&lines, FILE_MAX);
    CHECK_OK(file_read(folder, "jp.jsonl", FILE_MAX, &lines, NULL));
    for (const char *line = lines.data, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        const struct json_node *root;
        const char *name;
        bool ok;

        arena_reset(arena);
        CHECK_OK(json_parse(line, (size_t)(end - line), NULL, arena, &root, NULL));
        if (json_get(root, "from")->len < 7 || memcmp(json_get(root, "from")->text, "Bundle-", 7) != 0 || json_equals(json_get(root, "verdict"), "either"))
            continue;
        name = json_get_text(arena, root, "file");
        ok = json_equals(json_get(root, "verdict"), "ok");
        good += ok;
        bad += !ok;
        if (errors_of(cases, name, VALIDATE_HL7, ok) > 0)
            *(ok ? &refused : &caught) += 1;
    }
    printf("       good %zu, refused %zu; bad %zu, caught %zu\n", good, refused, bad, caught);
    buf_free(&lines);
    arena_free(arena);
    close(cases);
    close(folder);
    CHECK(good > 0 && bad > 0);
    CHECK_INT(refused, 0);
    CHECK(caught * 1000 >= bad * 997);   /* the bar for verdicts: the built-in tables are no weaker than the packages */
}

TEST_MAIN()
