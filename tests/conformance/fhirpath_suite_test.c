/*
 * The official FHIRPath suite for R4 (CLINSGW_SHARED/conformance/fhirpath, skipped without), and: every invariant of the packages compiles.
 *
 * A test passes when all items come out, in order, with value and type as the suite names them, or when an expression that is said to be wrong fails. Tests that
 * need a terminology server or CDA do not count. FHIRPATH_SUITE=NAME in the environment tells what came out of that test.
 */
#include "tests/unit/test.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include "base/file.h"
#include "validate/fhirpath/fhirpath.h"
#include "validate/package/package.h"

enum { BAR_PERCENT = 98, DOCUMENTS = 32, TEXT = 512 };

static const char *const left_out_modes[] = { "tx", "cda" };
static const char *const packages[] = { "hl7.fhir.r4.core-4.0.1-definitions.tgz", "jp-core.r4-1.1.2-url.tgz", "jp-clins.r4-1.5.2.tgz" };

struct input { char name[128]; const struct json_node *root; };
struct suite {
    struct image image;
    struct buf block, program;
    struct arena *documents, *scratch;
    struct input document[DOCUMENTS];
    size_t document_count;
    unsigned total, passed, left_out;
};

static const char *shared(void)
{
    const char *s = getenv("CLINSGW_SHARED");
    return s != NULL ? s : "../shared";
}

static bool load_image(struct suite *s, size_t package_count)
{
    struct err e = ERR_INIT;
    struct package_set *set = package_set_new(&e);
    char path[TEXT];
    bool fine = set != NULL;
    for (size_t i = 0; fine && i < package_count; i++) {
        snprintf(path, sizeof path, "%s/spec/packages/%s", shared(), packages[i]);
        fine = package_set_add_file(set, path, &e) == 0;
    }
    buf_init(&s->block, PACKAGE_IMAGE_MAX);
    fine = fine && package_set_compile(set, &s->block, &e) == 0 && image_open(s->block.data, s->block.len, &s->image, &e) == 0;
    package_set_free(set);
    return fine;
}

static const struct json_node *document(struct suite *s, const char *inputfile)
{
    char path[TEXT], name[128];
    snprintf(name, sizeof name, "%s", inputfile);
    char *dot = strrchr(name, '.');
    if (dot != NULL)
        *dot = '\0';
    for (size_t i = 0; i < s->document_count; i++)
        if (strcmp(s->document[i].name, name) == 0)
            return s->document[i].root;
    snprintf(path, sizeof path, "%s/conformance/fhirpath/inputs/%s.json", shared(), name);
    FILE *file = fopen(path, "rb");
    if (file == NULL || s->document_count == DOCUMENTS) {
        if (file != NULL)
            fclose(file);
        return NULL;
    }
    char *bytes = arena_alloc(s->documents, 1 << 20);
    size_t len = bytes != NULL ? fread(bytes, 1, 1 << 20, file) : 0;
    fclose(file);
    struct input *d = &s->document[s->document_count];
    if (json_parse(bytes, len, NULL, s->documents, &d->root, NULL) < 0)
        return NULL;
    snprintf(d->name, sizeof d->name, "%s", name);
    s->document_count++;
    return d->root;
}

static const char *attribute(xmlNode *n, const char *name)
{
    for (xmlAttr *a = n->properties; a != NULL; a = a->next)
        if (strcmp((const char *)a->name, name) == 0 && a->children != NULL)
            return (const char *)a->children->content;
    return NULL;
}

static const char *content(xmlNode *n) { return n != NULL && n->children != NULL ? (const char *)n->children->content : ""; }

static xmlNode *child(xmlNode *n, const char *name)
{
    n = n->children;
    while (n != NULL && (n->type != XML_ELEMENT_NODE || strcmp((const char *)n->name, name) != 0))
        n = n->next;
    return n;
}

static xmlNode *sibling(xmlNode *n, const char *name)
{
    for (n = n->next; n != NULL && (n->type != XML_ELEMENT_NODE || strcmp((const char *)n->name, name) != 0); n = n->next)
        ;
    return n;
}

/* The suite's own profile questions are about types. */
static int conforms_to(void *self, const struct fhirpath_item *item, struct bytes profile, enum fhirpath_answer *ret, struct err *e)
{
    const struct image *image = self;
    img_id id = image_find_profile(image, profile.data, profile.len);
    if (id == 0)
        return err_set(e, ERR_NOTFOUND, MSG_FHIRPATH_EVALUATION, NULL, "profile", NULL);
    *ret = item->type == id ? FHIRPATH_YES : FHIRPATH_NO;
    return 0;
}

/* What an item looks like in the suite: dates with @, quantities with their unit. */
static void show(const struct fhirpath_item *item, char *ret_text, size_t size)
{
    struct bytes text;
    if (item->kind == FHIRPATH_INTEGER) {
        snprintf(ret_text, size, "%lld", (long long)item->integer);
    } else if (item->kind == FHIRPATH_QUANTITY) {
        snprintf(ret_text, size, "%.*s '%.*s'", (int)item->len, item->text, (int)item->unit_len, item->unit);
    } else if (fhirpath_text(item, &text)) {
        snprintf(ret_text, size, "%s%.*s", item->kind == FHIRPATH_TIME ? "@T" : item->kind == FHIRPATH_DATE || item->kind == FHIRPATH_DATETIME ? "@" : "", (int)text.len, text.data);
    } else {
        snprintf(ret_text, size, "(element)");
    }
}

static bool same_value(const struct fhirpath_item *item, const char *want)
{
    char got[TEXT];
    show(item, got, sizeof got);
    if (strcmp(got, want) == 0)
        return true;
    /* An element of type date is written with @, too; "1 '1'" may be written as the number. */
    return want[0] == '@' && strcmp(got, want + 1) == 0;
}

/* Dates and decimals differ in what the suite calls them and what they are: a decimal 1 may be the integer. */
static bool same_type(const struct suite *s, const struct fhirpath_item *item, const char *want)
{
    const char *space;
    struct bytes name = fhirpath_type_name(&s->image, item, &space);
    if (want == NULL || strlen(want) == name.len)
        return want == NULL || strncasecmp(want, name.data, name.len) == 0;
    return false;
}

static bool outputs_match(struct suite *s, xmlNode *test, const struct fhirpath_items *items)
{
    size_t i = 0, wanted = 0;
    bool ordered = attribute(test, "ordered") == NULL || strcmp(attribute(test, "ordered"), "false") != 0;
    for (xmlNode *o = child(test, "output"); o != NULL; o = sibling(o, "output")) {
        bool found = false;
        wanted++;
        for (size_t k = ordered ? i : 0; !found && k < (ordered ? i + 1 : items->count) && k < items->count; k++)
            found = same_value(&items->item[k], content(o)) && same_type(s, &items->item[k], attribute(o, "type"));
        if (!found)
            return false;
        i++;
    }
    return wanted == items->count;
}

static bool predicate_matches(xmlNode *test, bool holds)
{
    xmlNode *o = child(test, "output");
    return o != NULL && strcmp(content(o), holds ? "true" : "false") == 0;
}

static bool evaluate(struct suite *s, xmlNode *test, const char *text, bool strict, struct fhirpath_items *items, bool *ret_holds, struct err *e)
{
    const char *inputfile = attribute(test, "inputfile");
    const struct json_node *root = inputfile != NULL ? document(s, inputfile) : NULL;
    const struct fhirpath_hooks hooks = { .conforms_to = conforms_to };
    struct fhirpath_item resource = root != NULL ? fhirpath_resource(&s->image, root) : (struct fhirpath_item){ .kind = FHIRPATH_NODE };
    struct fhirpath_env env = {
        .image = &s->image, .arena = s->scratch, .hooks = &hooks, .self = &s->image, .resource = &resource, .root_resource = &resource, .now_ms = 1795312800000, .zone_minutes = 540,
        .strict = strict,
    };
    buf_reset(&s->program);
    if (fhirpath_compile(text, strlen(text), &s->program, e) < 0)
        return false;
    if (!fhirpath_program_ok(s->program.data, s->program.len)) {
        err_set(e, ERR_INTERNAL, MSG_INTERNAL, NULL, "program", "not ok");
        return false;
    }
    const struct fhirpath_item *focus = root != NULL ? &resource : NULL;
    return fhirpath_eval(s->program.data, s->program.len, &env, focus, items, e) == 0 && fhirpath_test(s->program.data, s->program.len, &env, focus, ret_holds, e) == 0;
}

static void run_one(struct suite *s, xmlNode *test)
{
    xmlNode *expression = child(test, "expression");
    const char *name = attribute(test, "name"), *mode = attribute(test, "mode"), *verbose = getenv("FHIRPATH_SUITE");
    const char *invalid = attribute(expression, "invalid") != NULL ? attribute(expression, "invalid") : attribute(test, "invalid");
    const char *predicate = attribute(test, "predicate");
    for (size_t i = 0; i < sizeof left_out_modes / sizeof *left_out_modes; i++)
        if (mode != NULL && strcmp(mode, left_out_modes[i]) == 0) {
            s->left_out++;
            return;
        }
    struct err e = ERR_INIT;
    struct fhirpath_items items = { 0 };
    bool holds = false, strict = (mode != NULL && strcmp(mode, "strict") == 0) || (invalid != NULL && strcmp(invalid, "semantic") == 0);
    arena_reset(s->scratch);
    bool done = evaluate(s, test, content(expression), strict, &items, &holds, &e);
    bool passed = invalid != NULL && strcmp(invalid, "false") != 0 ? !done : !done ? false :
        predicate != NULL && strcmp(predicate, "true") == 0 ? predicate_matches(test, holds) : outputs_match(s, test, &items);
    s->total++;
    s->passed += passed;
    if (passed && (verbose == NULL || strcmp(verbose, name) != 0))
        return;
    printf("     %s %s: %s\n", passed ? "passed" : "failed", name, content(expression));
    if (!done)
        printf("       error %s: %s %s column %u\n", err_code_name(e.code), e.arg[0], e.arg[1], e.column);
    for (size_t i = 0; done && i < items.count && i < 10; i++) {
        char got[TEXT];
        const char *space;
        struct bytes type = fhirpath_type_name(&s->image, &items.item[i], &space);
        show(&items.item[i], got, sizeof got);
        printf("       got %s.%.*s %s\n", space, (int)type.len, type.data, got);
    }
}

static void suite_free(struct suite *s)
{
    buf_free(&s->block);
    buf_free(&s->program);
    arena_free(s->documents);
    arena_free(s->scratch);
}

TEST(fhirpath_suite)
{
    char path[TEXT];
    static struct suite s;
    snprintf(path, sizeof path, "%s/conformance/fhirpath/tests-fhir-r4.xml", shared());
    FILE *there = fopen(path, "rb");
    if (there == NULL)
        SKIP("no CLINSGW_SHARED/conformance/fhirpath");
    fclose(there);
    s.documents = arena_new(64 << 20);
    s.scratch = arena_new(64 << 20);
    buf_init(&s.program, FHIRPATH_PROGRAM_MAX);
    CHECK(s.documents != NULL && s.scratch != NULL && load_image(&s, 1));
    xmlDoc *doc = xmlReadFile(path, NULL, XML_PARSE_NONET | XML_PARSE_NOCDATA | XML_PARSE_NOENT);
    CHECK(doc != NULL);
    for (xmlNode *group = child(xmlDocGetRootElement(doc), "group"); group != NULL; group = sibling(group, "group"))
        for (xmlNode *test = child(group, "test"); test != NULL; test = sibling(test, "test"))
            run_one(&s, test);
    xmlFreeDoc(doc);
    xmlCleanupParser();
    printf("     fhirpath suite: %u of %u pass, %u left out\n", s.passed, s.total, s.left_out);
    CHECK(s.total > 900);
    CHECK(s.passed * 100 >= s.total * BAR_PERCENT);
    suite_free(&s);
}

TEST(fhirpath_compiles_all_invariants)
{
    static struct suite s;
    char path[TEXT];
    snprintf(path, sizeof path, "%s/spec/packages/%s", shared(), packages[0]);
    FILE *there = fopen(path, "rb");
    if (there == NULL)
        SKIP("no CLINSGW_SHARED/spec/packages");
    fclose(there);
    buf_init(&s.program, FHIRPATH_PROGRAM_MAX);
    CHECK(load_image(&s, 3));
    unsigned failed = 0, count = s.image.count[IMG_CONSTRAINTS];
    for (uint32_t i = 0; i < count; i++) {
        const struct img_constraint *c = &s.image.constraints[i];
        struct bytes text = image_bytes(&s.image, c->expression);
        struct err e = ERR_INIT;
        buf_reset(&s.program);
        if (text.len == 0 || fhirpath_compile(text.data, text.len, &s.program, &e) == 0)
            continue;
        failed++;
        printf("     %s: %s %s column %u: %s\n", image_text(&s.image, c->key), e.arg[0], e.arg[1], e.column, text.data);
    }
    printf("     %u invariants\n", count);
    CHECK(count > 200);
    CHECK_INT(failed, 0);
    suite_free(&s);
}

TEST_MAIN()
