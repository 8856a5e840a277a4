/* Packages: what is loaded and what is not, snapshots, filters, versions, the store; against the official packages where they are. */
#include "tests/unit/test.h"

#include <cjson/cJSON.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/image_compare.h"
#include "tests/unit/package_fixture.h"
#include "validate/model/image.h"
#include "validate/package/package.h"
#include "validate/validate_private.h"

/* An image of the fixture; released by done(). */
static struct { struct package_set *set; struct buf image; struct image view; } at;

static void done(void)
{
    at.set = package_set_free(at.set);
    buf_free(&at.image);
}

static int add_files(struct package_set *set, const struct fixture_file *files, size_t count, enum fixture_kind kind, struct err *e)
{
    size_t len = 0;
    char *bytes = fixture_tgz(files, count, kind, &len);
    int code = bytes == NULL ? ERR_INTERNAL : package_set_add_bytes(set, "test.tgz", bytes, len, e);

    free(bytes);
    return code;
}

static void compile(void)
{
    struct err e = ERR_INIT;

    buf_init(&at.image, PACKAGE_IMAGE_MAX);
    at.set = package_set_new(&e);
    CHECK(at.set != NULL);
    CHECK_OK(add_files(at.set, fixture_core, FIXTURE_CORE, FIXTURE_FILE, &e));
    CHECK_OK(package_set_compile(at.set, &at.image, &e));
    CHECK_OK(image_open(at.image.data, at.image.len, &at.view, &e));
}

static const struct img_element *element(const char *profile, const char *id)
{
    img_id p = image_find_profile(&at.view, profile, strlen(profile));

    for (uint32_t i = 0; p != 0 && i < at.view.profiles[p - 1].elements.count; i++) {
        const struct img_element *el = &at.view.elements[at.view.profiles[p - 1].elements.first + i];

        if (strcmp(image_text(&at.view, el->id), id) == 0)
            return el;
    }
    return NULL;
}

/* The codes of the only include, sorted as text, between spaces. */
static const char *codes_of(const char *value_set, uint32_t include)
{
    static char text[256];
    const struct img_value_set *vs = image_find_value_set(&at.view, value_set, strlen(value_set));
    const char *all[] = { "a", "a1", "a2", "b", "c" };

    text[0] = '\0';
    for (size_t k = 0; vs != NULL && include < vs->includes.count && k < 5; k++) {
        const struct img_include *n = &at.view.includes[vs->includes.first + include];

        for (uint32_t i = 0; i < n->codes.count; i++)
            if (strcmp(image_text(&at.view, at.view.codes[n->codes.first + i].code), all[k]) == 0)
                snprintf(text + strlen(text), sizeof text - strlen(text), "%s ", all[k]);
    }
    return text;
}

TEST(a_snapshot_is_made_from_a_differential)
{
    const struct img_element *code, *slice, *inner;

    compile();
    code = element("http://example.org/MyThing", "Thing.code");
    slice = element("http://example.org/MyThing", "Thing.code:a");
    inner = element("http://example.org/MyThing", "Thing.code:a/b");
    CHECK(code != NULL && slice != NULL && inner != NULL);
    CHECK_INT(code->min, 1);
    CHECK_INT(code->max, IMG_MANY);
    CHECK_INT(code->slicing_rules, IMG_CLOSED);
    CHECK_INT(code->slices.count, 1);
    CHECK(at.view.children[code->slices.first] == (img_id)(slice - at.view.elements) + 1);
    CHECK_INT(slice->slices.count, 1);
    CHECK(at.view.children[slice->slices.first] == (img_id)(inner - at.view.elements) + 1);
    CHECK_INT(slice->min, 1);
    CHECK_INT(inner->min, 0);
    CHECK((slice->flags & IMG_MUST_SUPPORT) != 0 && (slice->flags & IMG_ARRAY) != 0);
    CHECK_STR(image_text(&at.view, image_element(&at.view, slice->counterpart)->id), "Thing.code");
    CHECK_STR(image_text(&at.view, image_value(&at.view, element("http://example.org/MyThing", "Thing.code:a.system")->fixed)->text), "urn:a");
    /* what the slice has, its own slices have */
    CHECK_STR(image_text(&at.view, image_value(&at.view, element("http://example.org/MyThing", "Thing.code:a/b.system")->fixed)->text), "urn:a");
    CHECK(element("http://example.org/MyThing", "Thing.code:a/b.code")->pattern != 0);
    done();
}

TEST(content_references_and_spelt_choices_are_unfolded)
{
    const struct img_element *note, *value, *root;
    const struct img_member *member;

    compile();
    note = element("http://example.org/MyThing", "Thing.part.part.note");
    value = element("http://example.org/MyThing", "Thing.value[x]:valueCoding");
    root = element("http://example.org/MyThing", "Thing");
    CHECK(note != NULL && value != NULL && root != NULL);
    CHECK_INT(note->min, 1);
    CHECK_INT(element("http://example.org/MyThing", "Thing.part.note")->min, 0);
    CHECK_INT(value->types.count, 1);
    CHECK_INT(value->constraints.count, 1);
    CHECK(image_constraint(&at.view, at.view.links[value->constraints.first])->warning);
    CHECK(image_constraint(&at.view, at.view.links[value->constraints.first])->program != 0);
    member = image_member(&at.view, root, "valueCoding", 11);
    CHECK(member != NULL && member->type == 2);
    CHECK(image_member(&at.view, root, "valueInteger", 12) == NULL);
    CHECK(image_member(&at.view, root, "value", 5) == NULL);
    CHECK((root->adds & IMG_ADDS_BELOW) != 0);
    CHECK_STR(image_text(&at.view, image_profile(&at.view, image_find_type(&at.view, "string", 6))->regex), "[a-z]+");
    done();
}

TEST(versions_are_told_apart)
{
    static const struct { const char *canonical, *name; } cases[] = {
        { "http://example.org/MyThing", "MyThing" }, { "http://example.org/MyThing|1.1.9", "Old" }, { "http://example.org/MyThing|1.2.0", "MyThing" },
        { "http://example.org/MyThing|1.1", "Old" }, { "http://example.org/MyThing|1", "MyThing" }
    };

    compile();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        img_id p = image_find_profile(&at.view, cases[i].canonical, strlen(cases[i].canonical));

        CHECK(p != 0);
        CHECK_STR(image_text(&at.view, image_profile(&at.view, p)->name), cases[i].name);
    }
    CHECK(image_find_profile(&at.view, "http://example.org/MyThing|2", 28) == 0);
    CHECK(image_find_profile(&at.view, "http://example.org/MyThing|1.", 29) == 0);
    CHECK(image_type_is(&at.view, image_find_profile(&at.view, "http://example.org/MyThing", 26), "Thing"));
    CHECK(!image_type_is(&at.view, image_find_type(&at.view, "Coding", 6), "Thing"));
    CHECK(image_type_is(&at.view, image_find_type(&at.view, "Coding", 6), "Element"));
    done();
}

TEST(filters_are_carried_out)
{
    static const struct { const char *url, *codes; } cases[] = {
        { "http://example.org/is-a", "a a1 a2 b " }, { "http://example.org/below", "a1 a2 b " }, { "http://example.org/not", "c " },
        { "http://example.org/equal", "a2 " }, { "http://example.org/regex", "a a1 a2 " }, { "http://example.org/in", "b c " }, { "http://example.org/exists", "a2 " },
        { "http://example.org/expansion", "a b " }
    };
    const struct img_value_set *unknown, *empty;

    compile();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_STR(codes_of(cases[i].url, 0), cases[i].codes);
    unknown = image_find_value_set(&at.view, "http://example.org/unknown", 26);
    empty = image_find_value_set(&at.view, "http://example.org/empty", 24);
    CHECK(unknown != NULL && empty != NULL);
    CHECK_INT(unknown->includes.count, 2);
    CHECK_INT(at.view.includes[unknown->includes.first].kind, IMG_INCLUDE_UNKNOWN);
    CHECK(at.view.includes[unknown->includes.first + 1].exclude);
    CHECK(empty->broken && !unknown->broken);
    CHECK_INT(at.view.count[IMG_NAMINGS], 1);
    done();
}

TEST(a_base_that_loops_is_a_note)
{
    img_id loop;
    size_t notes;

    compile();
    loop = image_find_profile(&at.view, "http://example.org/Loop", 23);
    notes = package_set_notes(at.set);
    CHECK(loop != 0);
    CHECK(image_profile(&at.view, loop)->root == 0 && image_profile(&at.view, loop)->base == 0);
    CHECK(notes >= 1 && strstr(package_set_note(at.set, 0), "Loop") != NULL);
    CHECK(package_set_note(at.set, notes) == NULL);
    done();
}

TEST(values_are_compared_as_fhir_asks)
{
    static const struct { const char *text; bool fine; } cases[] = { { "\"urn:a\"", true }, { "\"urn:b\"", false }, { "1", false }, { "null", false } };
    struct arena *arena = arena_new(1 << 20);
    img_id fixed;

    compile();
    fixed = element("http://example.org/MyThing", "Thing.code:a.system")->fixed;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct json_node *node = NULL;

        CHECK_OK(json_parse(cases[i].text, strlen(cases[i].text), NULL, arena, &node, NULL));
        CHECK(image_value_equals(&at.view, fixed, node) == cases[i].fine);
        CHECK(image_value_within(&at.view, fixed, node) == cases[i].fine);
    }
    CHECK(!image_value_equals(&at.view, fixed, NULL));
    arena_free(arena);
    done();
}

/* ---- what is no package ---- */

static int add_bytes(const char *bytes, size_t len)
{
    struct err e = ERR_INIT;
    struct package_set *set = package_set_new(&e);
    int code = package_set_add_bytes(set, "test.tgz", bytes, len, &e);

    package_set_free(set);
    return code;
}

TEST(what_is_no_package_is_refused)
{
    static const struct fixture_file nothing[] = { { "package/x.json", "{}" } }, unnamed[] = { { "package/package.json", "{\"version\":\"1\"}" } };
    size_t len = 0, short_len = 0;
    char *bytes = fixture_tgz(fixture_core, FIXTURE_CORE, FIXTURE_FILE, &len), *other;

    CHECK(bytes != NULL);
    CHECK_ERR(add_bytes("", 0), ERR_SYNTAX);
    CHECK_ERR(add_bytes("no gzip at all, only text", 25), ERR_SYNTAX);
    CHECK_ERR(add_bytes(bytes, len / 2), ERR_SYNTAX);
    CHECK_ERR(add_bytes(bytes, 12), ERR_SYNTAX);
    memset(bytes + 10, 0xFF, 16);
    CHECK_ERR(add_bytes(bytes, len), ERR_SYNTAX);
    free(bytes);
    other = fixture_tgz(nothing, 1, FIXTURE_FILE, &short_len);
    CHECK_ERR(add_bytes(other, short_len), ERR_SYNTAX);
    free(other);
    other = fixture_tgz(unnamed, 1, FIXTURE_FILE, &short_len);
    CHECK_ERR(add_bytes(other, short_len), ERR_SYNTAX);
    free(other);
}

TEST(only_plain_files_of_the_package_are_read)
{
    static const char resource[] = "{\"resourceType\":\"CodeSystem\",\"url\":\"http://example.org/cs\",\"content\":\"complete\"}";
    const struct fixture_file files[] = {
        { "package/package.json", FIXTURE_MANIFEST }, { "package/../../etc/x.json", resource }, { "../package/x.json", resource }, { "/package/x.json", resource },
        { "package/example/x.json", resource }, { "other/x.json", resource }, { "package/.index.json", resource }, { "package/x.txt", resource },
        { "package/broken.json", "{" }, { "package/bom.json", "\xEF\xBB\xBF{\"resourceType\":\"CodeSystem\",\"url\":\"http://example.org/bom\"}" },
        { "./package/good.json", resource }
    };
    const struct fixture_file links[] = { { "package/package.json", FIXTURE_MANIFEST }, { "package/x.json", "" } };
    struct err e = ERR_INIT;
    struct package_set *set = package_set_new(&e);

    CHECK_OK(add_files(set, files, sizeof files / sizeof *files, FIXTURE_FILE, &e));
    CHECK_INT(package_set_info(set, 0)->systems, 2);
    CHECK_STR(package_set_info(set, 0)->name, "test.pack");
    CHECK_INT(package_set_notes(set), 1);
    CHECK_OK(add_files(set, links, 2, FIXTURE_LINK, &e));
    CHECK_INT(package_set_info(set, 1)->systems, 0);
    CHECK_INT(package_set_count(set), 2);
    CHECK(package_set_info(set, 2) == NULL);
    package_set_free(set);
}

TEST(the_last_of_two_with_the_same_name_wins)
{
    const struct fixture_file files[] = {
        { "package/package.json", "{\"name\":\"second\",\"version\":\"1\"}" },
        { "package/x.json", "{\"resourceType\":\"ValueSet\",\"url\":\"http://example.org/empty\",\"compose\":{\"include\":[{\"system\":\"http://example.org/cs\"}]}}" }
    };
    struct err e = ERR_INIT;

    compile();
    CHECK_OK(add_files(at.set, files, 2, FIXTURE_FILE, &e));
    CHECK_OK(package_set_compile(at.set, &at.image, &e));
    CHECK_OK(image_open(at.image.data, at.image.len, &at.view, &e));
    CHECK(!image_find_value_set(&at.view, "http://example.org/empty", 24)->broken);
    CHECK_STR(image_text(&at.view, image_find_value_set(&at.view, "http://example.org/empty", 24)->source), "second#1");
    done();
}

/* ---- facts ---- */

TEST(facts_compile_to_what_they_were_taken_from)
{
    const char *roots[] = { "http://example.org/MyThing", "http://example.org/is-a" };
    struct image_differences d = { .print = 5 };
    struct err e = ERR_INIT;
    struct package_set *set = package_set_new(&e);
    struct buf facts, image;
    struct image view;
    img_id p, q;

    compile();
    buf_init(&facts, 1 << 20);
    buf_init(&image, PACKAGE_IMAGE_MAX);
    CHECK_OK(package_set_facts(at.set, roots, 2, &facts, &e));
    CHECK(strstr(facts.data, "prose") == NULL);
    CHECK_OK(package_set_add_facts(set, facts.data, facts.len, &e));
    CHECK_OK(package_set_compile(set, &image, &e));
    CHECK_OK(image_open(image.data, image.len, &view, &e));
    p = image_find_profile(&at.view, roots[0], strlen(roots[0]));
    q = image_find_profile(&view, roots[0], strlen(roots[0]));
    CHECK(p != 0 && q != 0);
    image_compare_profiles(&at.view, p, &view, q, &d);
    CHECK_INT(d.count, 0);
    CHECK(d.elements > 10);
    CHECK(image_find_value_set(&view, roots[1], strlen(roots[1])) != NULL && image_find_system(&view, "http://example.org/cs", 21) != NULL);
    CHECK(image_find_value_set(&view, "http://example.org/not", 22) == NULL);
    buf_free(&image);
    buf_free(&facts);
    package_set_free(set);
    done();
}

/* ---- the store ---- */

static char folder[] = "/tmp/clinsgw-package-test-XXXXXX";

static void make_folder(void)
{
    if (strstr(folder, "XXXXXX") != NULL)
        CHECK(mkdtemp(folder) != NULL);
}

static void write_package(const char *name, const struct fixture_file *files, size_t count)
{
    size_t len = 0;
    char *bytes = fixture_tgz(files, count, FIXTURE_FILE, &len);
    int dir = dir_open(AT_FDCWD, folder, NULL);

    CHECK(bytes != NULL && dir >= 0);
    CHECK_OK(file_write(dir, name, bytes, len, 0644, FILE_REPLACE, FILE_FAST, NULL));
    close(dir);
    free(bytes);
}

struct seen { char text[512]; };

static int see(void *self, const struct package_listing *row)
{
    struct seen *s = self;

    snprintf(s->text + strlen(s->text), sizeof s->text - strlen(s->text), "%s/%s/%s/%s;", row->file != NULL ? row->file : "-", row->name, row->version, row->sets);
    return 0;
}

static void damage(const char *path, off_t where)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    CHECK(fd >= 0 && pwrite(fd, "\x55", 1, where) == 1);
    close(fd);
}

static void open_and_close(struct package_store *store, const char *name)
{
    struct validate_set *set = NULL;

    CHECK_OK(package_store_set(store, name, &set, NULL));
    validate_set_close(set);
}

TEST(the_store_keeps_packages_and_sets)
{
    const char *files[] = { "test.pack-1.0.0.tgz" }, *missing[] = { "none-1.tgz" }, *wild[] = { "../x.tgz" };
    char home[64], source[64], path[256], package[256];
    struct package_store *store;
    struct validate_set *set = NULL;
    struct package_info info;
    struct err e = ERR_INIT;
    struct seen seen = { "" };
    struct stat before, after;
    bool made = false;

    make_folder();
    snprintf(home, sizeof home, "%s/fhir", folder);
    snprintf(source, sizeof source, "%s/in.tgz", folder);
    write_package("in.tgz", fixture_core, FIXTURE_CORE);
    store = package_store_open(home, &e);
    CHECK(store != NULL);
    CHECK_OK(package_store_add(store, source, &info, &e));
    CHECK_STR(info.file, files[0]);
    CHECK_ERR(package_store_add(store, source, NULL, &e), ERR_EXISTS);
    CHECK_INT(e.msg, MSG_PACKAGE_EXISTS);
    CHECK_ERR(package_store_set(store, "clins", &set, &e), ERR_NOTFOUND);
    CHECK_ERR(package_store_use(store, "clins", missing, 1, &e), ERR_NOTFOUND);
    CHECK_ERR(package_store_use(store, "clins", wild, 1, &e), ERR_INVALID);
    CHECK_ERR(package_store_use(store, "../clins", files, 1, &e), ERR_INVALID);
    CHECK_ERR(package_store_use(store, "clins", files, 0, &e), ERR_LIMIT);
    CHECK_OK(package_store_use(store, "clins", files, 1, &e));
    CHECK_ERR(package_store_remove(store, files[0], &e), ERR_NOT_NOW);
    CHECK_ERR(package_store_remove(store, missing[0], &e), ERR_NOTFOUND);
    CHECK_OK(package_store_list(store, see, &seen, &e));
    CHECK_STR(seen.text, "test.pack-1.0.0.tgz/test.pack/1.0.0/clins;-/clins//test.pack-1.0.0.tgz;");

    /* fresh: left alone; damaged or of another package: written anew */
    snprintf(path, sizeof path, "%s/sets/clins.image", home);
    CHECK(stat(path, &before) == 0);
    open_and_close(store, "clins");
    CHECK(stat(path, &after) == 0 && before.st_ino == after.st_ino);
    damage(path, before.st_size / 2);
    CHECK_ERR(validate_set_open(path, &set, &e), ERR_CORRUPT);
    CHECK_OK(package_store_set(store, "clins", &set, &e));
    CHECK(validate_set_has(set, "http://example.org/MyThing|1"));
    set = validate_set_close(set);
    damage(path, 8);   /* the version */
    CHECK_ERR(validate_set_open(path, &set, &e), ERR_UNSUPPORTED);
    CHECK_OK(package_store_refresh(store, "clins", &made, &e));
    CHECK(made);
    CHECK_OK(package_store_refresh(store, "clins", &made, &e));
    CHECK(!made);
    CHECK_ERR(package_store_refresh(store, "other", &made, &e), ERR_NOTFOUND);
    CHECK_INT(e.msg, MSG_PACKAGE_SET_UNKNOWN);
    CHECK(stat(path, &before) == 0);
    snprintf(package, sizeof package, "%s/packages/%s", home, files[0]);
    CHECK(rename(source, package) == 0);
    open_and_close(store, "clins");
    CHECK(stat(path, &after) == 0 && before.st_ino != after.st_ino);
    {
        const char *loose[] = { package };

        CHECK_OK(package_store_loose(store, loose, 1, &set, &e));
        set = validate_set_close(set);
        CHECK_ERR(package_store_loose(store, missing, 1, &set, &e), ERR_NOTFOUND);
    }

    /* a set that is gone lets its packages go */
    CHECK_ERR(package_store_drop(store, "other", &e), ERR_NOTFOUND);
    CHECK_ERR(package_store_drop(store, "../clins", &e), ERR_INVALID);
    CHECK_OK(package_store_drop(store, "clins", &e));
    CHECK(stat(path, &after) < 0);
    CHECK_ERR(package_store_set(store, "clins", &set, &e), ERR_NOTFOUND);
    CHECK_OK(package_store_remove(store, files[0], &e));
    CHECK(set == NULL);
    package_store_close(store);
}

TEST(a_set_without_the_core_is_not_made)
{
    static const struct fixture_file bare[] = {
        { "package/package.json", "{\"name\":\"bare\",\"version\":\"1\"}" }, { "package/cs.json", "{\"resourceType\":\"CodeSystem\",\"url\":\"http://example.org/cs\",\"content\":\"complete\"}" }
    };
    const char *good[] = { "test.pack-1.0.0.tgz" }, *bad[] = { "bare-1.tgz" };
    struct package_store *store;
    struct validate_set *set = NULL;
    struct err e = ERR_INIT;
    char path[256];

    make_folder();
    snprintf(path, sizeof path, "%s/not/there/fhir", folder);   /* made with its parents */
    store = package_store_open(path, &e);
    CHECK(store != NULL);
    write_package("core.tgz", fixture_core, FIXTURE_CORE);
    write_package("bare.tgz", bare, 2);
    snprintf(path, sizeof path, "%s/core.tgz", folder);
    CHECK_OK(package_store_add(store, path, NULL, &e));
    snprintf(path, sizeof path, "%s/bare.tgz", folder);
    CHECK_OK(package_store_add(store, path, NULL, &e));
    CHECK_ERR(package_store_use(store, "a", bad, 1, &e), ERR_INVALID);
    CHECK_INT(e.msg, MSG_PACKAGE_NO_CORE);
    CHECK_ERR(package_store_set(store, "a", &set, &e), ERR_NOTFOUND);
    CHECK_OK(package_store_use(store, "a", good, 1, &e));
    CHECK_ERR(package_store_use(store, "a", bad, 1, &e), ERR_INVALID);
    CHECK_OK(package_store_set(store, "a", &set, &e));
    CHECK(validate_set_has(set, "http://example.org/MyThing"));
    set = validate_set_close(set);
    bad[0] = path;
    CHECK_ERR(package_store_loose(store, bad, 1, &set, &e), ERR_INVALID);
    CHECK(set == NULL);
    package_store_close(store);
}

TEST(a_set_that_is_no_image_is_refused)
{
    struct validate_set *set = NULL;
    struct err e = ERR_INIT;

    CHECK_ERR(validate_set_open("/nonexistent", &set, &e), ERR_NOTFOUND);
    CHECK_ERR(validate_set_open("/dev/null", &set, &e), ERR_CORRUPT);
    CHECK_ERR(validate_set_open("/tmp", &set, &e), ERR_CORRUPT);
    CHECK(set == NULL);
    CHECK(validate_set_close(NULL) == NULL);
    CHECK(validate_set_has(validate_set_builtin(), "http://jpfhir.jp/fhir/clins/StructureDefinition/JP_Bundle_CLINS|1"));
}

/* ---- against the official packages ---- */

static const char *shared(void)
{
    const char *folder_of = getenv("CLINSGW_SHARED");

    return folder_of != NULL ? folder_of : "../shared";
}

static struct package_set *official(void)
{
    static const char *const names[] = { "hl7.fhir.r4.core", "jp-core", "jp-clins" };
    struct err e = ERR_INIT;
    struct package_set *set = package_set_new(&e);

    for (size_t i = 0; i < 3; i++) {
        char pattern[512];
        glob_t found;

        snprintf(pattern, sizeof pattern, "%s/spec/packages/%s*.tgz", shared(), names[i]);
        if (glob(pattern, 0, NULL, &found) != 0)
            return package_set_free(set);
        CHECK_OK(package_set_add_file(set, found.gl_pathv[0], &e));
        globfree(&found);
    }
    return set;
}

/* Compares every profile that both have. */
static size_t compare_all(const struct image *a, const struct image *b, struct image_differences *d)
{
    size_t profiles = 0;

    for (uint32_t i = 0; i < a->count[IMG_PROFILES]; i++) {
        struct bytes url = image_bytes(a, a->profiles[i].url);
        img_id other = image_find_profile(b, url.data, url.len);

        if (a->profiles[i].root != 0 && other != 0 && image_profile(b, other)->root != 0) {
            image_compare_profiles(a, i + 1, b, other, d);
            profiles++;
        }
    }
    return profiles;
}

/* One file as a line of facts; a profile without its snapshot. False: no resource, or memory. */
static bool add_stripped(struct buf *lines, const char *text, size_t len)
{
    cJSON *resource;
    char *line = NULL;
    bool fine;

    if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        len -= 3;
    }
    resource = cJSON_ParseWithLength(text, len);
    fine = cJSON_HasObjectItem(resource, "resourceType");
    if (fine && cJSON_HasObjectItem(resource, "derivation") && strcmp(cJSON_GetObjectItem(resource, "derivation")->valuestring, "constraint") == 0)
        cJSON_DeleteItemFromObject(resource, "snapshot");
    if (fine)
        line = cJSON_PrintUnformatted(resource);
    if (line != NULL && buf_add_str(lines, line) == 0)
        (void)buf_add_char(lines, '\n');
    cJSON_free(line);
    cJSON_Delete(resource);
    return fine;
}

static struct package_set *official_without_snapshots(void)
{
    static const char *const names[] = { "hl7.fhir.r4.core", "jp-core", "jp-clins" };
    struct err e = ERR_INIT;
    struct package_set *set = package_set_new(&e);
    char *text = malloc(8 << 20);

    for (size_t i = 0; i < 3 && text != NULL; i++) {
        struct archive *a = archive_read_new();
        struct archive_entry *entry;
        struct buf lines;
        char pattern[512];
        glob_t found;

        snprintf(pattern, sizeof pattern, "%s/spec/packages/%s*.tgz", shared(), names[i]);
        CHECK_INT(glob(pattern, 0, NULL, &found), 0);
        buf_init(&lines, 256 << 20);
        buf_addf(&lines, "{\"name\":\"%s\",\"version\":\"1\"}\n", names[i]);
        CHECK(archive_read_support_filter_gzip(a) == ARCHIVE_OK && archive_read_support_format_tar(a) == ARCHIVE_OK
              && archive_read_open_filename(a, found.gl_pathv[0], 65536) == ARCHIVE_OK);
        while (archive_read_next_header(a, &entry) == ARCHIVE_OK)
            if (strstr(archive_entry_pathname(entry), "StructureDefinition") != NULL)
                add_stripped(&lines, text, (size_t)archive_read_data(a, text, 8 << 20));
        archive_read_free(a);
        globfree(&found);
        CHECK_OK(package_set_add_facts(set, lines.data, lines.len, &e));
        buf_free(&lines);
    }
    free(text);
    return set;
}

/* What differs are old profiles of R4 that name a choice by one type, and five flags that the publisher's own tool left out. */
TEST(snapshots_made_here_say_what_the_official_ones_say)
{
    struct image_differences d = { .print = 0 };
    struct err e = ERR_INIT;
    struct package_set *set = official(), *bare;
    struct buf image, made;
    struct image view, other;

    if (set == NULL)
        SKIP("no shared material");
    bare = official_without_snapshots();
    buf_init(&image, PACKAGE_IMAGE_MAX);
    buf_init(&made, PACKAGE_IMAGE_MAX);
    CHECK_OK(package_set_compile(set, &image, &e));
    CHECK_OK(package_set_compile(bare, &made, &e));
    CHECK_OK(image_open(image.data, image.len, &view, &e));
    CHECK_OK(image_open(made.data, made.len, &other, &e));
    CHECK(compare_all(&view, &other, &d) > 700);
    CHECK(d.elements > 25000);
    if (d.count > 100)
        test_fail(__FILE__, __LINE__, "%zu of %zu elements differ", d.count, d.elements);
    buf_free(&made);
    buf_free(&image);
    package_set_free(bare);
    package_set_free(set);
}

TEST(the_builtin_profiles_say_what_the_packages_say)
{
    struct image_differences d = { .print = 20 };
    struct err e = ERR_INIT;
    struct package_set *set = official();
    struct buf image;
    struct image view;
    size_t profiles;

    if (set == NULL)
        SKIP("no shared material");
    buf_init(&image, PACKAGE_IMAGE_MAX);
    CHECK_OK(package_set_compile(set, &image, &e));
    CHECK_OK(image_open(image.data, image.len, &view, &e));
    profiles = compare_all(validate_set_image(NULL), &view, &d);
    CHECK(profiles >= 200);
    CHECK(d.elements > 10000);
    CHECK_INT(d.count, 0);
    for (uint32_t i = 0; i < view.count[IMG_CONSTRAINTS]; i++)
        if (view.constraints[i].program == 0)
            test_fail(__FILE__, __LINE__, "%s does not compile: %s", image_text(&view, view.constraints[i].key), image_text(&view, view.constraints[i].expression));
    buf_free(&image);
    package_set_free(set);
}
TEST_MAIN()
