/*
 * NAME
 *     package - from FHIR packages to an image
 *
 * SYNOPSIS
 *     struct package_set *set = package_set_new(&e);
 *     package_set_add_file(set, "hl7.fhir.r4.core.tgz", &e);
 *     package_set_compile(set, &image, &e);
 *
 * DESCRIPTION
 *     Each file of a package is read strictly, reduced to the facts that an image needs (strip.c) and kept in the memory of the set. Compiling goes
 *     over the StructureDefinitions (define.c, snapshot.c, elements.c), then over the terminology (terminology.c), and writes one block (build.c).
 *
 * DIAGNOSTICS
 *     PACKAGE_NO_PACKAGE (ERR_SYNTAX), PACKAGE_TOO_LARGE (ERR_LIMIT), NOMEM, IO. What is wrong with single resources is a note of the set.
 */
#include "validate/package/package.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypt.h"
#include "base/file.h"
#include "validate/package/package_private.h"

enum { PACKAGE_FILE_MAX = 128 << 20 };

struct package_set *package_set_new(struct err *e)
{
    struct package_set *set = calloc(1, sizeof *set);
    struct arena *arena = arena_new(PACKAGE_MEMORY);

    if (set == NULL || arena == NULL) {
        free(set);
        arena_free(arena);
        err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "package", NULL);
        return NULL;
    }
    set->arena = arena;
    set->last = &set->first;
    return set;
}

struct package_set *package_set_free(struct package_set *set)
{
    if (set != NULL)
        arena_free(set->arena);
    free(set);
    return NULL;
}

void set_note(struct package_set *set, const char *source, const char *url, const char *what)
{
    const char *note = set->notes < NOTES_MAX ? arena_printf(set->arena, "%s: %s: %s", source, url, what) : NULL;

    if (note != NULL)
        set->note[set->notes++] = note;
}

size_t package_set_notes(const struct package_set *set)
{
    return set->notes;
}

const char *package_set_note(const struct package_set *set, size_t index)
{
    return index < set->notes ? set->note[index] : NULL;
}

size_t package_set_count(const struct package_set *set)
{
    return set->packages;
}

const struct package_info *package_set_info(const struct package_set *set, size_t index)
{
    return index < set->packages ? &set->package[index] : NULL;
}

const struct json_node *set_invariant(const struct package_set *set, const struct json_node *name)
{
    for (const struct json_node *n = set->invariants != NULL ? set->invariants->child : NULL; n != NULL; n = n->next)
        if (n->key_len == name->len && memcmp(n->key, name->text, name->len) == 0)
            return n;
    return NULL;
}

/* ---- loading ---- */

struct loading {
    struct package_set *set;
    struct arena *scratch;              /* of one file */
    struct package_info *info;
    struct resource *first, **last;     /* of this package: its source is known when package.json was seen */
};

static int out_of_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "package", NULL);
}

static const char *text_or(struct arena *arena, const struct json_node *object, const char *name, const char *otherwise)
{
    const char *text = json_get_text(arena, object, name);

    return text != NULL ? text : otherwise;
}

static void count_resource(struct package_info *info, const char *type)
{
    info->profiles += strcmp(type, "StructureDefinition") == 0;
    info->value_sets += strcmp(type, "ValueSet") == 0;
    info->systems += strcmp(type, "CodeSystem") == 0;
}

/* Takes the resource when it is of a kind that images are made from. */
static int add_resource(struct loading *l, const struct json_node *json, struct err *e)
{
    struct arena *arena = l->set->arena;
    const struct json_node *bare = strip_resource(arena, json);
    struct resource *r;

    if (bare == NULL)
        return 0;
    r = arena_alloc(arena, sizeof *r);
    if (r == NULL)
        return out_of_memory(e);
    r->json = bare;
    r->type = text_or(arena, bare, "resourceType", "");
    r->url = text_or(arena, bare, "url", "");
    r->version = text_or(arena, bare, "version", "");
    if (r->url[0] == '\0' && strcmp(r->type, "NamingSystem") != 0) {
        set_note(l->set, l->info->file, r->type, "without url");
        return 0;
    }
    *l->last = r;
    l->last = &r->next;
    count_resource(l->info, r->type);
    return 0;
}

static int read_manifest(struct loading *l, const struct json_node *json, struct err *e)
{
    struct arena *arena = l->set->arena;

    l->info->name = json_get_text(arena, json, "name");
    l->info->version = text_or(arena, json, "version", "");
    l->info->fhir_version = json_dup(arena, json_at(json_get(json, "fhirVersions"), 0));
    if (l->info->fhir_version == NULL)
        l->info->fhir_version = "";
    return l->info->name != NULL ? 0 : err_set(e, ERR_SYNTAX, MSG_PACKAGE_NO_PACKAGE, NULL, l->info->file, "package.json");
}

/* The list that facts begin with. */
static int add_invariants(struct loading *l, const struct json_node *list, struct err *e)
{
    if (!json_is(list, JSON_OBJECT))
        return 0;
    l->set->invariants = strip_nothing(l->set->arena, list);
    return l->set->invariants != NULL ? 0 : out_of_memory(e);
}

static int load_file(void *self, const char *name, const char *bytes, size_t len, struct err *e)
{
    struct loading *l = self;
    const struct json_node *json;
    struct err why = ERR_INIT;
    int code;

    /* Some packages are written with a byte order mark. */
    if (len >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0) {
        bytes += 3;
        len -= 3;
    }
    arena_reset(l->scratch);
    code = json_parse(bytes, len, NULL, l->scratch, &json, &why);
    if (code == ERR_NOMEM)
        return out_of_memory(e);
    if (code < 0) {
        set_note(l->set, l->info->file, name, "no JSON");
        return 0;
    }
    if (strcmp(name, "package.json") == 0)
        return read_manifest(l, json, e);
    if (json_equals(json_get(json, "resourceType"), "Invariants"))
        return add_invariants(l, json_get(json, "invariant"), e);
    return add_resource(l, json, e);
}

/* Hands the resources over once the package's name is known. */
static int adopt(struct loading *l, struct err *e)
{
    struct package_set *set = l->set;
    const char *source;

    if (l->info->name == NULL)
        return err_set(e, ERR_SYNTAX, MSG_PACKAGE_NO_PACKAGE, NULL, l->info->file, "package.json");
    source = arena_printf(set->arena, "%s#%s", l->info->name, l->info->version);
    if (source == NULL)
        return out_of_memory(e);
    for (struct resource *r = l->first; r != NULL; r = r->next)
        r->source = source;
    if (l->first != NULL) {
        *set->last = l->first;
        set->last = l->last;
    }
    set->packages++;
    return 0;
}

static int start_loading(struct package_set *set, const char *name, const char *bytes, size_t len, struct loading *ret_loading, struct err *e)
{
    struct sha256 digest;
    struct package_info *info;

    if (set->packages == PACKAGES_MAX)
        return err_set(e, ERR_LIMIT, MSG_PACKAGE_TOO_LARGE, NULL, name, "packages");
    info = &set->package[set->packages];
    *info = (struct package_info){ .file = arena_strdup(set->arena, name) };
    *ret_loading = (struct loading){ .set = set, .info = info, .scratch = arena_new(PACKAGE_MEMORY) };
    if (info->file == NULL || ret_loading->scratch == NULL) {
        arena_free(ret_loading->scratch);
        return out_of_memory(e);
    }
    if (sha256_of(bytes, len, &digest) < 0) {
        arena_free(ret_loading->scratch);
        return err_set(e, ERR_INTERNAL, MSG_INTERNAL, NULL, "sha256", NULL);
    }
    memcpy(info->sha256, digest.byte, sizeof info->sha256);
    return 0;
}

int package_set_add_bytes(struct package_set *set, const char *name, const char *bytes, size_t len, struct err *e)
{
    struct loading l;
    int code = start_loading(set, name, bytes, len, &l, e);

    if (code < 0)
        return code;
    l.last = &l.first;
    code = archive_each(name, bytes, len, &set->total, load_file, &l, e);
    if (code == 0)
        code = adopt(&l, e);
    arena_free(l.scratch);
    return code;
}

int package_set_add_file(struct package_set *set, const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    struct buf bytes;
    int code;

    buf_init(&bytes, PACKAGE_FILE_MAX);
    code = file_read(AT_FDCWD, path, PACKAGE_FILE_MAX, &bytes, e);
    if (code == 0)
        code = package_set_add_bytes(set, slash != NULL ? slash + 1 : path, bytes.data, bytes.len, e);
    buf_free(&bytes);
    return code;
}

/* One JSON object a line; the first line is the manifest: {"name":...,"version":...}. */
int package_set_add_facts(struct package_set *set, const char *bytes, size_t len, struct err *e)
{
    struct loading l;
    const char *at = bytes, *end = bytes + len;
    bool manifest = true;
    int code = start_loading(set, "facts", bytes, len, &l, e);

    if (code < 0)
        return code;
    l.last = &l.first;
    while (code == 0 && at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t line = (size_t)((stop != NULL ? stop : end) - at);

        if (line > 0)
            code = load_file(&l, manifest ? "package.json" : "line", at, line, e);
        manifest = false;
        at += line + 1;
    }
    if (code == 0)
        code = adopt(&l, e);
    arena_free(l.scratch);
    return code;
}

/* ---- compiling ---- */

static int sources_digest(const struct package_set *set, uint8_t ret_sources[32], struct err *e)
{
    static const unsigned char version[] = { PACKAGE_COMPILER_VERSION, IMG_VERSION };
    struct bytes parts[PACKAGES_MAX + 1];
    struct sha256 digest;

    parts[0] = (struct bytes){ (const char *)version, sizeof version };
    for (size_t i = 0; i < set->packages; i++)
        parts[i + 1] = (struct bytes){ (const char *)set->package[i].sha256, sizeof set->package[i].sha256 };
    if (sha256_of_parts(parts, set->packages + 1, &digest) < 0)
        return err_set(e, ERR_INTERNAL, MSG_INTERNAL, NULL, "sha256", NULL);
    memcpy(ret_sources, digest.byte, 32);
    return 0;
}

int package_set_compile(struct package_set *set, struct buf *ret_image, struct err *e)
{
    struct compile c = { .set = set, .arena = arena_new(PACKAGE_MEMORY) };
    uint8_t sources[32];
    int code;

    if (c.arena == NULL)
        return out_of_memory(e);
    build_init(&c.build);
    code = sources_digest(set, sources, e);
    if (code == 0)
        code = definitions_compile(&c, e);
    if (code == 0)
        code = terminology_compile(&c, e);
    if (code == 0)
        code = build_finish(&c.build, sources, ret_image, e);
    build_free(&c.build);
    free(c.constraint_slot);
    arena_free(c.arena);
    return code;
}
