/* A small world for FHIRPath: a handful of types of our own making, a document, and one call that evaluates. Shared by unit test and fuzz target. */
#ifndef TESTS_UNIT_FHIRPATH_WORLD_H
#define TESTS_UNIT_FHIRPATH_WORLD_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "validate/fhirpath/fhirpath.h"
#include "validate/package/package.h"

/* Elements: "name:type", "*" repeats, types of a choice joined by "/". Children of a backbone element have their path spelt out. */
struct world_type { const char *name, *kind, *base, *elements; };
static const struct world_type world_types[] = {
    { "Element", "complex-type", "", "id:string extension:Extension*" },
    { "BackboneElement", "complex-type", "Element", "id:string extension:Extension* modifierExtension:Extension*" },
    { "string", "primitive-type", "Element", "id:string extension:Extension* value:string" },
    { "code", "primitive-type", "string", "id:string extension:Extension* value:string" },
    { "id", "primitive-type", "string", "id:string extension:Extension* value:string" },
    { "uri", "primitive-type", "Element", "id:string extension:Extension* value:string" },
    { "boolean", "primitive-type", "Element", "id:string extension:Extension* value:string" },
    { "integer", "primitive-type", "Element", "id:string extension:Extension* value:string" },
    { "decimal", "primitive-type", "Element", "id:string extension:Extension* value:string" },
    { "date", "primitive-type", "Element", "id:string extension:Extension* value:string" },
    { "dateTime", "primitive-type", "Element", "id:string extension:Extension* value:string" },
    { "time", "primitive-type", "Element", "id:string extension:Extension* value:string" },
    { "Extension", "complex-type", "Element", "id:string extension:Extension* url:uri value[x]:string/boolean/Quantity" },
    { "Quantity", "complex-type", "Element", "id:string extension:Extension* value:decimal unit:string system:uri code:code" },
    { "Reference", "complex-type", "Element", "id:string extension:Extension* reference:string display:string" },
    { "HumanName", "complex-type", "Element", "id:string extension:Extension* use:code family:string given:string*" },
    { "Resource", "resource", "", "id:id language:code" },
    { "DomainResource", "resource", "Resource", "id:id language:code contained:Resource* extension:Extension* modifierExtension:Extension*" },
    { "Patient", "resource", "DomainResource",
      "id:id language:code contained:Resource* extension:Extension* modifierExtension:Extension* active:boolean name:HumanName* gender:code birthDate:date deceased[x]:boolean/dateTime "
      "multipleBirth[x]:boolean/integer general:Reference* contact:BackboneElement* contact.id:string contact.name:HumanName contact.weight:Quantity contact.at:time" },
};

static const char world_document[] =
    "{\"resourceType\":\"Patient\",\"id\":\"p1\",\"active\":true,"
    "\"name\":[{\"use\":\"official\",\"family\":\"Yamada\",\"given\":[\"Taro\",\"Jiro\"]},{\"use\":\"usual\",\"given\":[null,\"Saburo\"],\"_given\":[{\"extension\":[{\"url\":\"http://x/why\","
    "\"valueString\":\"masked\"}]},null]}],"
    "\"gender\":\"male\",\"birthDate\":\"1974-12-25\",\"_birthDate\":{\"extension\":[{\"url\":\"http://x/time\",\"valueString\":\"14:35\"}]},\"deceasedDateTime\":\"2020-02-29T10:30:00+09:00\","
    "\"multipleBirthInteger\":2,\"general\":[{\"reference\":\"#o1\",\"display\":\"one\"}],"
    "\"contact\":[{\"name\":{\"family\":\"Sato\"},\"weight\":{\"value\":60.50,\"unit\":\"kg\",\"system\":\"http://unitsofmeasure.org\",\"code\":\"kg\"},\"at\":\"10:30:00\"},"
    "{\"weight\":{\"value\":500,\"code\":\"g\",\"system\":\"http://unitsofmeasure.org\"}}],"
    "\"contained\":[{\"resourceType\":\"Patient\",\"id\":\"o1\",\"active\":false}]}";

struct world { struct buf block, program; struct image image; struct document_memo memo; struct canonicals canonicals; struct document document; struct arena *documents, *scratch; const struct json_node *root; struct fhirpath_item resource; struct fhirpath_regexes *regexes; };

static inline void world_element(struct buf *out, const char *path, const char *types, bool many)
{
    buf_addf(out, ",{\"id\":\"%s\",\"path\":\"%s\",\"min\":0,\"max\":\"%s\",\"base\":{\"path\":\"%s\",\"min\":0,\"max\":\"%s\"},\"type\":[", path, path, many ? "*" : "1", path, many ? "*" : "1");
    for (const char *t = types; *t != '\0'; ) {
        size_t n = strcspn(t, "/");
        buf_addf(out, "%s{\"code\":\"%.*s\"}", t == types ? "" : ",", (int)n, t);
        t += n + (t[n] == '/');
    }
    buf_add_str(out, "]}");
}

static inline void world_definition(struct buf *out, const struct world_type *t)
{
    const char *root = "http://hl7.org/fhir/StructureDefinition/";
    buf_addf(out, "{\"resourceType\":\"StructureDefinition\",\"url\":\"%s%s\",\"name\":\"%s\",\"status\":\"active\",\"kind\":\"%s\",\"abstract\":false,\"type\":\"%s\",", root, t->name, t->name, t->kind, t->name);
    if (t->base[0] != '\0')
        buf_addf(out, "\"baseDefinition\":\"%s%s\",\"derivation\":\"specialization\",", root, t->base);
    buf_addf(out, "\"snapshot\":{\"element\":[{\"id\":\"%s\",\"path\":\"%s\",\"min\":0,\"max\":\"*\"}", t->name, t->name);
    for (const char *p = t->elements; *p != '\0'; ) {
        size_t n = strcspn(p, " "), name = strcspn(p, ":");
        bool many = p[n - 1] == '*';
        char path[80], types[80];
        snprintf(path, sizeof path, "%s.%.*s", t->name, (int)name, p);
        snprintf(types, sizeof types, "%.*s", (int)(n - name - 1 - many), p + name + 1);
        world_element(out, path, types, many);
        p += n + (p[n] == ' ');
    }
    buf_add_str(out, "]}}\n");
}

static inline void world_free(struct world *w)
{
    buf_free(&w->block);
    buf_free(&w->program);
    w->documents = arena_free(w->documents);
    w->scratch = arena_free(w->scratch);
    w->regexes = fhirpath_regexes_free(w->regexes);
}

static inline bool world_read(struct world *w, const char *json)
{
    if (json_parse(json, strlen(json), NULL, w->documents, &w->root, NULL) < 0)
        return false;
    w->resource = fhirpath_resource(&w->image, w->root);
    return document_read(&w->image, w->root, &w->memo, &w->canonicals, w->documents, &w->document) == 0;
}

static inline img_str world_number(void *self, const char *name, size_t len) { return image_find_str(self, name, len); }
static inline img_id world_type(void *self, const char *name, size_t len) { return image_find_type(self, name, len); }

/* As a program is kept in an image. */
static inline void world_link(struct world *w, char *program)
{
    static const struct fhirpath_names names = { world_number, world_type };
    fhirpath_link(program, &names, &w->image);
}

static inline bool world_open(struct world *w)
{
    struct err e = ERR_INIT;
    struct buf facts;
    memset(w, 0, sizeof *w);
    buf_init(&facts, 1 << 20);
    buf_init(&w->block, PACKAGE_IMAGE_MAX);
    buf_init(&w->program, FHIRPATH_PROGRAM_MAX);
    for (size_t i = 0; i < sizeof world_types / sizeof *world_types; i++)
        world_definition(&facts, &world_types[i]);
    struct package_set *set = package_set_new(&e);
    bool fine = set != NULL && facts.failed == 0 && package_set_add_facts(set, facts.data, facts.len, &e) == 0 && package_set_compile(set, &w->block, &e) == 0 &&
        image_open(w->block.data, w->block.len, &w->image, &e) == 0;
    package_set_free(set);
    buf_free(&facts);
    w->documents = arena_new(64 << 20);
    w->scratch = arena_new(64 << 20);
    w->regexes = fhirpath_regexes_new();
    return fine && w->documents != NULL && w->scratch != NULL && w->regexes != NULL && world_read(w, world_document);
}

static inline struct fhirpath_env world_env(struct world *w)
{
    return (struct fhirpath_env){ .image = &w->image, .arena = w->scratch, .resource = &w->resource, .root_resource = &w->resource, .now_ms = 1795310130123, .zone_minutes = 540, .regexes = w->regexes };
}

#endif
