/*
 * package_fixture.h - a small FHIR package in memory, for tests of the package loader and of images.
 */
#ifndef TESTS_UNIT_PACKAGE_FIXTURE_H
#define TESTS_UNIT_PACKAGE_FIXTURE_H

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIXTURE_MANIFEST "{\"name\":\"test.pack\",\"version\":\"1.0.0\",\"fhirVersions\":[\"4.0.1\"]}"
#define FIXTURE_TYPES "http://hl7.org/fhir/StructureDefinition/"

struct fixture_file { const char *name, *text; };

/* What stands in for the R4 core: enough types for a profile with slices. */
static const struct fixture_file fixture_core[] = {
    { "package/package.json", FIXTURE_MANIFEST },
    { "package/Element.json", "{\"resourceType\":\"StructureDefinition\",\"url\":\"" FIXTURE_TYPES "Element\",\"version\":\"4.0.1\",\"name\":\"Element\",\"kind\":\"complex-type\",\"abstract\":true,"
      "\"type\":\"Element\",\"snapshot\":{\"element\":[{\"id\":\"Element\",\"path\":\"Element\",\"min\":0,\"max\":\"*\",\"constraint\":[{\"key\":\"ele-1\",\"severity\":\"error\",\"human\":\"prose\","
      "\"expression\":\"hasValue() or (children().count() > id.count())\"}]},{\"id\":\"Element.id\",\"path\":\"Element.id\",\"min\":0,\"max\":\"1\",\"type\":[{\"code\":\"string\"}]}]}}" },
    { "package/string.json", "{\"resourceType\":\"StructureDefinition\",\"url\":\"" FIXTURE_TYPES "string\",\"version\":\"4.0.1\",\"name\":\"string\",\"kind\":\"primitive-type\",\"type\":\"string\","
      "\"baseDefinition\":\"" FIXTURE_TYPES "Element\",\"derivation\":\"specialization\",\"snapshot\":{\"element\":[{\"id\":\"string\",\"path\":\"string\",\"min\":0,\"max\":\"*\"},"
      "{\"id\":\"string.id\",\"path\":\"string.id\",\"min\":0,\"max\":\"1\",\"type\":[{\"code\":\"string\"}]},{\"id\":\"string.value\",\"path\":\"string.value\",\"min\":0,\"max\":\"1\","
      "\"type\":[{\"code\":\"http://hl7.org/fhirpath/System.String\",\"extension\":[{\"url\":\"" FIXTURE_TYPES "regex\",\"valueString\":\"[a-z]+\"}]}]}]}}" },
    { "package/Coding.json", "{\"resourceType\":\"StructureDefinition\",\"url\":\"" FIXTURE_TYPES "Coding\",\"version\":\"4.0.1\",\"name\":\"Coding\",\"kind\":\"complex-type\",\"type\":\"Coding\","
      "\"baseDefinition\":\"" FIXTURE_TYPES "Element\",\"derivation\":\"specialization\",\"differential\":{\"element\":[{\"id\":\"Coding\",\"path\":\"Coding\",\"min\":0,\"max\":\"*\"},"
      "{\"id\":\"Coding.system\",\"path\":\"Coding.system\",\"min\":0,\"max\":\"1\",\"type\":[{\"code\":\"string\"}]},{\"id\":\"Coding.code\",\"path\":\"Coding.code\",\"min\":0,\"max\":\"1\","
      "\"type\":[{\"code\":\"string\"}]}]}}" },
    { "package/Thing.json", "{\"resourceType\":\"StructureDefinition\",\"url\":\"" FIXTURE_TYPES "Thing\",\"version\":\"4.0.1\",\"name\":\"Thing\",\"kind\":\"resource\",\"type\":\"Thing\","
      "\"derivation\":\"specialization\",\"snapshot\":{\"element\":[{\"id\":\"Thing\",\"path\":\"Thing\",\"min\":0,\"max\":\"*\"},{\"id\":\"Thing.code\",\"path\":\"Thing.code\",\"min\":0,\"max\":\"*\","
      "\"base\":{\"min\":0,\"max\":\"*\"},\"type\":[{\"code\":\"Coding\"}]},{\"id\":\"Thing.part\",\"path\":\"Thing.part\",\"min\":0,\"max\":\"*\",\"type\":[{\"code\":\"Element\"}]},"
      "{\"id\":\"Thing.part.id\",\"path\":\"Thing.part.id\",\"min\":0,\"max\":\"1\",\"type\":[{\"code\":\"string\"}]},"
      "{\"id\":\"Thing.part.note\",\"path\":\"Thing.part.note\",\"min\":0,\"max\":\"1\",\"type\":[{\"code\":\"string\"}]},{\"id\":\"Thing.part.part\",\"path\":\"Thing.part.part\",\"min\":0,\"max\":\"*\","
      "\"contentReference\":\"#Thing.part\"},{\"id\":\"Thing.value[x]\",\"path\":\"Thing.value[x]\",\"min\":0,\"max\":\"1\",\"type\":[{\"code\":\"string\"},{\"code\":\"Coding\"}]}]}}" },
    { "package/Bundle.json", "{\"resourceType\":\"StructureDefinition\",\"url\":\"" FIXTURE_TYPES "Bundle\",\"version\":\"4.0.1\",\"name\":\"Bundle\",\"kind\":\"resource\",\"type\":\"Bundle\","
      "\"derivation\":\"specialization\",\"snapshot\":{\"element\":[{\"id\":\"Bundle\",\"path\":\"Bundle\",\"min\":0,\"max\":\"*\"}]}}" },
    { "package/MyThing.json", "{\"resourceType\":\"StructureDefinition\",\"url\":\"http://example.org/MyThing\",\"version\":\"1.2.0\",\"name\":\"MyThing\",\"kind\":\"resource\",\"type\":\"Thing\","
      "\"baseDefinition\":\"" FIXTURE_TYPES "Thing\",\"derivation\":\"constraint\",\"differential\":{\"element\":[{\"id\":\"Thing\",\"path\":\"Thing\"},"
      "{\"id\":\"Thing.code\",\"path\":\"Thing.code\",\"slicing\":{\"discriminator\":[{\"type\":\"value\",\"path\":\"system\"}],\"rules\":\"closed\"},\"min\":1},"
      "{\"id\":\"Thing.code:a\",\"path\":\"Thing.code\",\"sliceName\":\"a\",\"min\":1,\"max\":\"1\",\"mustSupport\":true},"
      "{\"id\":\"Thing.code:a.system\",\"path\":\"Thing.code.system\",\"min\":1,\"fixedString\":\"urn:a\"},"
      "{\"id\":\"Thing.code:a/b\",\"path\":\"Thing.code\",\"sliceName\":\"a/b\",\"max\":\"1\"},"
      "{\"id\":\"Thing.code:a/b.code\",\"path\":\"Thing.code.code\",\"patternString\":\"x\"},"
      "{\"path\":\"Thing.part.part.note\",\"min\":1},"
      "{\"path\":\"Thing.valueCoding\",\"min\":1,\"constraint\":[{\"key\":\"my-1\",\"severity\":\"warning\",\"expression\":\"code.exists()\"}]}]}}" },
    { "package/MyThing-old.json", "{\"resourceType\":\"StructureDefinition\",\"url\":\"http://example.org/MyThing\",\"version\":\"1.1.9\",\"name\":\"Old\",\"kind\":\"resource\",\"type\":\"Thing\","
      "\"baseDefinition\":\"" FIXTURE_TYPES "Thing\",\"derivation\":\"constraint\",\"differential\":{\"element\":[{\"id\":\"Thing.code\",\"path\":\"Thing.code\",\"max\":\"0\"}]}}" },
    { "package/Loop.json", "{\"resourceType\":\"StructureDefinition\",\"url\":\"http://example.org/Loop\",\"name\":\"Loop\",\"kind\":\"resource\",\"type\":\"Thing\","
      "\"baseDefinition\":\"http://example.org/Loop\",\"derivation\":\"constraint\",\"differential\":{\"element\":[{\"id\":\"Thing\",\"path\":\"Thing\"}]}}" },
    { "package/cs.json", "{\"resourceType\":\"CodeSystem\",\"url\":\"http://example.org/cs\",\"version\":\"1\",\"name\":\"Cs\",\"content\":\"complete\",\"concept\":["
      "{\"code\":\"a\",\"display\":\"A\",\"concept\":[{\"code\":\"a1\"},{\"code\":\"a2\",\"property\":[{\"code\":\"kind\",\"valueString\":\"odd\"}]}]},"
      "{\"code\":\"b\",\"property\":[{\"code\":\"parent\",\"valueCode\":\"a2\"}]},{\"code\":\"c\",\"property\":[{\"code\":\"parent\",\"valueCode\":\"c\"}]}]}" },
    { "package/vs-is-a.json", "{\"resourceType\":\"ValueSet\",\"url\":\"http://example.org/is-a\",\"compose\":{\"include\":[{\"system\":\"http://example.org/cs\",\"filter\":[{\"property\":\"concept\",\"op\":\"is-a\",\"value\":\"a\"}]}]}}" },
    { "package/vs-below.json", "{\"resourceType\":\"ValueSet\",\"url\":\"http://example.org/below\",\"compose\":{\"include\":[{\"system\":\"http://example.org/cs\",\"filter\":[{\"property\":\"concept\",\"op\":\"descendent-of\",\"value\":\"a\"}]}]}}" },
    { "package/vs-not.json", "{\"resourceType\":\"ValueSet\",\"url\":\"http://example.org/not\",\"compose\":{\"include\":[{\"system\":\"http://example.org/cs\",\"filter\":[{\"property\":\"concept\",\"op\":\"is-not-a\",\"value\":\"a\"}]}]}}" },
    { "package/vs-equal.json", "{\"resourceType\":\"ValueSet\",\"url\":\"http://example.org/equal\",\"compose\":{\"include\":[{\"system\":\"http://example.org/cs\",\"filter\":[{\"property\":\"kind\",\"op\":\"=\",\"value\":\"odd\"}]}]}}" },
    { "package/vs-regex.json", "{\"resourceType\":\"ValueSet\",\"url\":\"http://example.org/regex\",\"compose\":{\"include\":[{\"system\":\"http://example.org/cs\",\"filter\":[{\"property\":\"code\",\"op\":\"regex\",\"value\":\"a.?\"}]}]}}" },
    { "package/vs-in.json", "{\"resourceType\":\"ValueSet\",\"url\":\"http://example.org/in\",\"compose\":{\"include\":[{\"system\":\"http://example.org/cs\",\"filter\":[{\"property\":\"concept\",\"op\":\"in\",\"value\":\"b, c\"}]}]}}" },
    { "package/vs-exists.json", "{\"resourceType\":\"ValueSet\",\"url\":\"http://example.org/exists\",\"compose\":{\"include\":[{\"system\":\"http://example.org/cs\",\"filter\":[{\"property\":\"kind\",\"op\":\"exists\",\"value\":\"true\"}]}]}}" },
    { "package/vs-unknown.json", "{\"resourceType\":\"ValueSet\",\"url\":\"http://example.org/unknown\",\"compose\":{\"include\":[{\"system\":\"http://example.org/none\",\"filter\":[{\"property\":\"concept\",\"op\":\"is-a\",\"value\":\"a\"}]}],"
      "\"exclude\":[{\"system\":\"http://example.org/cs\",\"concept\":[{\"code\":\"a\"}]}]}}" },
    { "package/vs-empty.json", "{\"resourceType\":\"ValueSet\",\"url\":\"http://example.org/empty\"}" },
    { "package/vs-expansion.json", "{\"resourceType\":\"ValueSet\",\"url\":\"http://example.org/expansion\",\"expansion\":{\"contains\":[{\"system\":\"http://example.org/cs\",\"code\":\"a\",\"contains\":[{\"system\":\"http://example.org/cs\",\"code\":\"b\"}]}]}}" },
    { "package/naming.json", "{\"resourceType\":\"NamingSystem\",\"name\":\"Ids\",\"uniqueId\":[{\"type\":\"uri\",\"value\":\"urn:ids\"}]}" }
};
enum { FIXTURE_CORE = sizeof fixture_core / sizeof *fixture_core };

enum fixture_kind { FIXTURE_FILE, FIXTURE_LINK };

/* A .tgz of the files; free() it. NULL when it could not be made. */
static inline char *fixture_tgz(const struct fixture_file *files, size_t count, enum fixture_kind kind, size_t *ret_len)
{
    size_t room = 1 << 20, used = 0;
    char *bytes = malloc(room);
    struct archive *a = archive_write_new();
    bool fine = bytes != NULL && a != NULL && archive_write_add_filter_gzip(a) == ARCHIVE_OK && archive_write_set_format_ustar(a) == ARCHIVE_OK
             && archive_write_open_memory(a, bytes, room, &used) == ARCHIVE_OK;

    for (size_t i = 0; fine && i < count; i++) {
        struct archive_entry *entry = archive_entry_new();
        size_t len = strlen(files[i].text);

        archive_entry_set_pathname(entry, files[i].name);
        archive_entry_set_filetype(entry, kind == FIXTURE_LINK && i > 0 ? AE_IFLNK : AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        if (kind == FIXTURE_LINK && i > 0)
            archive_entry_set_symlink(entry, "/etc/passwd");
        archive_entry_set_size(entry, kind == FIXTURE_LINK && i > 0 ? 0 : (la_int64_t)len);
        fine = archive_write_header(a, entry) == ARCHIVE_OK && (kind == FIXTURE_LINK && i > 0 ? true : archive_write_data(a, files[i].text, len) == (la_ssize_t)len);
        archive_entry_free(entry);
    }
    fine = archive_write_free(a) == ARCHIVE_OK && fine;
    if (!fine) {
        free(bytes);
        return NULL;
    }
    *ret_len = used;
    return bytes;
}

#endif
