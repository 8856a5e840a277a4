/*
 * The leaf checks of the engine on plain R4 instances: primitives, narrative, references, contained resources, typed elements, Bundles. Each damage is found where the HL7 reference
 * reports it, and what is sound is taken without a word. Needs the R4 package of $CLINSGW_SHARED (default ../shared).
 */
#include "validate/engine/engine.h"

#include "tests/unit/test.h"
#include "validate/package/package.h"

static struct image image;
static struct arena *arena;
static struct issue_list issues;

/* False when the package is not there: the test says so and is skipped. */
static bool have_image(void)
{
    static struct buf block;
    const char *shared = getenv("CLINSGW_SHARED");
    struct err e = ERR_INIT;
    struct package_set *set;
    char path[512];

    if (image.base != NULL)
        return true;
    snprintf(path, sizeof path, "%s/spec/packages/hl7.fhir.r4.core-4.0.1-definitions.tgz", shared != NULL ? shared : "../shared");
    set = package_set_new(&e);
    CHECK(set != NULL);
    if (package_set_add_file(set, path, &e) < 0) {
        package_set_free(set);
        return false;
    }
    buf_init(&block, PACKAGE_IMAGE_MAX);
    CHECK_OK(package_set_compile(set, &block, &e));
    CHECK_OK(image_open(block.data, block.len, &image, &e));
    package_set_free(set);
    return true;
}

static void run(const char *text, size_t len, enum validate_reading reading)
{
    struct validate_request r = { .bytes = text, .len = len, .reading = reading };
    const struct json_node *root = NULL;
    struct err e = ERR_INIT;

    arena = arena_free(arena);
    arena = arena_new((size_t)512 << 20);
    issues_init(&issues, arena);
    CHECK_OK(json_parse(text, len, NULL, arena, &root, &e));
    r.root = root;
    CHECK_OK(engine_validate(&r, &image, root, arena, &issues, &e));
}

static void show(const char *text)
{
    printf("       %s\n", text);
    for (const struct issue *i = issues.first; i != NULL; i = i->next)
        printf("       %s %s %s at %s\n", msg_severity_name(i->severity), msg_get(i->msg)->name, i->rule != NULL ? i->rule : "-", i->location);
}

static bool found(enum msg_severity severity, enum msg_id msg, const char *location)
{
    for (const struct issue *i = issues.first; i != NULL; i = i->next)
        if (i->severity == severity && i->msg == msg && strcmp(i->location, location) == 0)
            return true;
    return false;
}

struct wrong { const char *text; enum msg_severity severity; enum msg_id msg; const char *location; };

static void find_all(const struct wrong *list, size_t count, enum validate_reading reading)
{
    for (size_t i = 0; i < count; i++) {
        run(list[i].text, strlen(list[i].text), reading);
        if (!found(list[i].severity, list[i].msg, list[i].location)) {
            show(list[i].text);
            test_fail(__FILE__, __LINE__, "no %s at %s", msg_get(list[i].msg)->name, list[i].location);
        }
    }
}

#define FIND(...) do { static const struct wrong list[] = { __VA_ARGS__ }; find_all(list, sizeof list / sizeof *list, VALIDATE_HL7); } while (0)

/* No error, whatever is remarked. */
static void take_all(const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        run(list[i], strlen(list[i]), VALIDATE_HL7);
        if (!issues_ok(&issues)) {
            show(list[i]);
            test_fail(__FILE__, __LINE__, "a sound instance is refused");
        }
    }
}

#define TAKE(...) do { static const char *const list[] = { __VA_ARGS__ }; take_all(list, sizeof list / sizeof *list); } while (0)

#define PATIENT(members) "{\"resourceType\":\"Patient\"," members "}"
#define NARRATIVE(div) PATIENT("\"text\":{\"status\":\"generated\",\"div\":\"" div "\"}")
#define DIV(inner) "<div xmlns=\\\"http://www.w3.org/1999/xhtml\\\">" inner "</div>"

TEST(leaf_primitives_that_are_sound)
{
    if (!have_image())
        SKIP("the R4 package is not there");
    TAKE(PATIENT("\"active\":true,\"birthDate\":\"2024-02-29\",\"multipleBirthInteger\":-1"), PATIENT("\"birthDate\":\"1960\""), PATIENT("\"deceasedDateTime\":\"2024-01-31T23:59:60.123+14:00\""),
         PATIENT("\"_birthDate\":{\"extension\":[{\"url\":\"http://hl7.org/fhir/StructureDefinition/data-absent-reason\",\"valueCode\":\"unknown\"}]}"),
         PATIENT("\"name\":[{\"given\":[null,\"花子\"],\"_given\":[{\"extension\":[{\"url\":\"http://hl7.org/fhir/StructureDefinition/data-absent-reason\",\"valueCode\":\"unknown\"}]},null]}]"),
         PATIENT("\"identifier\":[{\"system\":\"urn:oid:1.2.392.100495.20\",\"value\":\" 前後 \"}]"),
         PATIENT("\"photo\":[{\"contentType\":\"image/png\",\"data\":\"QUJD\",\"size\":3}]"));
}

TEST(leaf_primitives_that_are_wrong)
{
    if (!have_image())
        SKIP("the R4 package is not there");
    FIND({ PATIENT("\"active\":\"true\""), MSG_ERROR, MSG_VALIDATE_KIND, "Patient.active" }, { PATIENT("\"birthDate\":2024"), MSG_ERROR, MSG_VALIDATE_KIND, "Patient.birthDate" },
         { PATIENT("\"name\":[{\"given\":[\"a\",1]}]"), MSG_ERROR, MSG_VALIDATE_KIND, "Patient.name[0].given" },
         { PATIENT("\"gender\":{\"code\":\"male\"}"), MSG_ERROR, MSG_VALIDATE_KIND, "Patient.gender" },
         { PATIENT("\"birthDate\":\"2023-02-29\""), MSG_ERROR, MSG_VALIDATE_DATE, "Patient.birthDate" }, { PATIENT("\"birthDate\":\"0000\""), MSG_ERROR, MSG_VALIDATE_DATE, "Patient.birthDate" },
         { PATIENT("\"deceasedDateTime\":\"2024-01-01T10:00:00\""), MSG_ERROR, MSG_VALIDATE_DATE, "Patient.deceased.ofType(dateTime)" },
         { PATIENT("\"meta\":{\"lastUpdated\":\"2024-01-01\"}"), MSG_ERROR, MSG_VALIDATE_DATE, "Patient.meta.lastUpdated" },
         { PATIENT("\"birthDate\":\"1066-10-14\""), MSG_WARNING, MSG_VALIDATE_YEAR, "Patient.birthDate" },
         { PATIENT("\"multipleBirthInteger\":1.5"), MSG_ERROR, MSG_VALIDATE_FORMAT, "Patient.multipleBirth.ofType(integer)" },
         { PATIENT("\"multipleBirthInteger\":2147483648"), MSG_ERROR, MSG_VALIDATE_FORMAT, "Patient.multipleBirth.ofType(integer)" },
         { PATIENT("\"telecom\":[{\"rank\":0}]"), MSG_ERROR, MSG_VALIDATE_OUT_OF_RANGE, "Patient.telecom[0].rank" },
         { PATIENT("\"photo\":[{\"size\":-1}]"), MSG_ERROR, MSG_VALIDATE_OUT_OF_RANGE, "Patient.photo[0].size" },
         { PATIENT("\"name\":[{\"text\":\"\"}]"), MSG_ERROR, MSG_VALIDATE_EMPTY, "Patient.name[0].text" },
         { PATIENT("\"name\":[{\"text\":\" x\"}]"), MSG_WARNING, MSG_VALIDATE_TEXT_SPACES, "Patient.name[0].text" },
         { PATIENT("\"language\":\" ja\""), MSG_ERROR, MSG_VALIDATE_CODE_SPACES, "Patient.language" },
         { PATIENT("\"implicitRules\":\"http://a b\""), MSG_ERROR, MSG_VALIDATE_URI_SPACES, "Patient.implicitRules" },
         { PATIENT("\"identifier\":[{\"system\":\"urn:uuid:X\",\"value\":\"1\"}]"), MSG_ERROR, MSG_VALIDATE_FORMAT, "Patient.identifier[0].system" },
         { PATIENT("\"identifier\":[{\"system\":\"urn:oid:1.2.3\",\"value\":\"1\"}]"), MSG_ERROR, MSG_VALIDATE_FORMAT, "Patient.identifier[0].system" },
         { PATIENT("\"meta\":{\"profile\":[\"Patient\"]}"), MSG_ERROR, MSG_VALIDATE_NOT_ABSOLUTE, "Patient.meta.profile[0]" },
         { PATIENT("\"photo\":[{\"data\":\"QUJ\"}]"), MSG_ERROR, MSG_VALIDATE_BASE64, "Patient.photo[0].data" },
         { PATIENT("\"identifier\":[{\"system\":\"http://hl7.org/fhir/v2/0203\",\"value\":\"1\"}]"), MSG_ERROR, MSG_VALIDATE_URL_UNKNOWN, "Patient.identifier[0].system" },
         { PATIENT("\"name\":[{\"text\":\"a\\u0001b\"}]"), MSG_WARNING, MSG_VALIDATE_CONTROL, "Patient.name[0].text" });
}

TEST(leaf_texts_over_one_megabyte)
{
    static char text[1100000];
    size_t len = (size_t)snprintf(text, sizeof text, "{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"");

    if (!have_image())
        SKIP("the R4 package is not there");
    memset(text + len, 'x', 1048577);
    memcpy(text + len + 1048577, "\"}]}", 4);
    run(text, len + 1048577 + 4, VALIDATE_HL7);
    CHECK(found(MSG_ERROR, MSG_VALIDATE_TOO_LONG, "Patient.name[0].text"));
    memcpy(text + len + 1048576, "\"}]}", 4);
    run(text, len + 1048576 + 4, VALIDATE_HL7);
    CHECK(issues_ok(&issues));
}

TEST(leaf_narratives)
{
    if (!have_image())
        SKIP("the R4 package is not there");
    TAKE(NARRATIVE(DIV("text")), NARRATIVE(DIV("<p>a &amp; b &#160; <b class='x'>c</b><br/></p><table border=\\\"1\\\"><tr><td nowrap>1</td></tr></table>")),
         NARRATIVE(DIV("<!-- note --><a href=\\\"http://x.jp/?a=1\\\">x</a><img src=\\\"#a\\\" alt=\\\"\\\"/>")),
         NARRATIVE("<h:div xmlns:h=\\\"http://www.w3.org/1999/xhtml\\\">x</h:div>"), NARRATIVE(" " DIV("x") " "));
    FIND({ NARRATIVE("text"), MSG_ERROR, MSG_VALIDATE_XHTML_BROKEN, "Patient.text.div" }, { NARRATIVE(DIV("<p>open")), MSG_ERROR, MSG_VALIDATE_XHTML_BROKEN, "Patient.text.div" },
         { NARRATIVE(DIV("<p x==1>")), MSG_ERROR, MSG_VALIDATE_XHTML_BROKEN, "Patient.text.div" }, { NARRATIVE(DIV("a & b")), MSG_ERROR, MSG_VALIDATE_XHTML_ENTITY, "Patient.text.div" },
         { NARRATIVE(DIV("&nbsp;")), MSG_ERROR, MSG_VALIDATE_XHTML_ENTITY, "Patient.text.div" }, { NARRATIVE("<div>x</div>"), MSG_ERROR, MSG_VALIDATE_XHTML_NAMESPACE, "Patient.text.div" },
         { NARRATIVE("<p xmlns=\\\"http://www.w3.org/1999/xhtml\\\">x</p>"), MSG_ERROR, MSG_VALIDATE_XHTML_ROOT, "Patient.text.div" },
         { NARRATIVE(DIV("<script>x</script>")), MSG_ERROR, MSG_VALIDATE_XHTML_ELEMENT, "Patient.text.div" },
         { NARRATIVE(DIV("<p><div>x</div></p>")), MSG_ERROR, MSG_VALIDATE_XHTML_ELEMENT, "Patient.text.div" },
         { NARRATIVE(DIV("<p onclick=\\\"x\\\">y</p>")), MSG_ERROR, MSG_VALIDATE_XHTML_ATTRIBUTE, "Patient.text.div" },
         { NARRATIVE(DIV("<a href=\\\"a b\\\">y</a>")), MSG_ERROR, MSG_VALIDATE_XHTML_ADDRESS, "Patient.text.div" },
         { NARRATIVE(DIV("<svg xmlns=\\\"http://www.w3.org/2000/svg\\\"/>x")), MSG_ERROR, MSG_VALIDATE_XHTML_NAMESPACE, "Patient.text.div" },
         { NARRATIVE(DIV(" <p/> ")), MSG_ERROR, MSG_VALIDATE_INVARIANT, "Patient.text.div" });
    CHECK(xhtml_fine((struct bytes){ "<div>x</div>", 12 }));
    CHECK(!xhtml_fine((struct bytes){ "<div> \n</div>", 13 }));
    CHECK(!xhtml_fine((struct bytes){ "", 0 }));
    CHECK(!xhtml_fine((struct bytes){ "<!DOCTYPE x><div>x</div>", 24 }));
}

TEST(leaf_typed_elements)
{
    if (!have_image())
        SKIP("the R4 package is not there");
    FIND({ PATIENT("\"identifier\":[{\"system\":\"abc\",\"value\":\"1\"}]"), MSG_ERROR, MSG_VALIDATE_NOT_ABSOLUTE, "Patient.identifier[0]" },
         { PATIENT("\"identifier\":[{\"system\":\"urn:ietf:rfc:3986\",\"value\":\"abc\"}]"), MSG_ERROR, MSG_VALIDATE_NOT_ABSOLUTE, "Patient.identifier[0]" },
         { PATIENT("\"photo\":[{\"data\":\"QUJD\",\"size\":4}]"), MSG_ERROR, MSG_VALIDATE_SIZE_WRONG, "Patient.photo[0]" },
         { PATIENT("\"id\":\"a_b\""), MSG_ERROR, MSG_VALIDATE_ID, "Patient.id" },
         { PATIENT("\"id\":\"01234567890123456789012345678901234567890123456789012345678901234\""), MSG_ERROR, MSG_VALIDATE_TOO_LONG, "Patient.id" },
         { PATIENT("\"extension\":[{\"url\":\"abc\",\"valueString\":\"x\"}]"), MSG_ERROR, MSG_VALIDATE_NOT_ABSOLUTE, "Patient.extension[0]" },
         { PATIENT("\"managingOrganization\":{\"type\":\"Organization\"}"), MSG_WARNING, MSG_VALIDATE_REFERENCE_EMPTY, "Patient.managingOrganization" },
         { PATIENT("\"managingOrganization\":{\"reference\":\"Organization?name\"}"), MSG_ERROR, MSG_VALIDATE_QUERY, "Patient.managingOrganization" });
}

#define CONTAINED(inner, reference) PATIENT("\"contained\":[{\"resourceType\":\"Organization\"," inner "\"name\":\"x\"}],\"managingOrganization\":{" reference "}")

TEST(leaf_references_and_contained_resources)
{
    if (!have_image())
        SKIP("the R4 package is not there");
    TAKE(CONTAINED("\"id\":\"o\",", "\"reference\":\"#o\",\"type\":\"Organization\""), PATIENT("\"managingOrganization\":{\"reference\":\"Organization/1\"}"),
         PATIENT("\"managingOrganization\":{\"reference\":\"http://x.jp/fhir/Organization/1/_history/2\"}"));
    FIND({ CONTAINED("\"id\":\"o\",", "\"reference\":\"#p\""), MSG_ERROR, MSG_VALIDATE_UNRESOLVED, "Patient.managingOrganization" },
         { CONTAINED("\"id\":\"o\",", "\"reference\":\"#p\""), MSG_ERROR, MSG_VALIDATE_CONTAINED_UNUSED, "Patient" },
         { CONTAINED("", "\"reference\":\"#o\""), MSG_ERROR, MSG_VALIDATE_ID_MISSING, "Patient.contained[0]" },
         { CONTAINED("\"id\":\"o\",", "\"reference\":\"#o\",\"type\":\"Patient\""), MSG_ERROR, MSG_VALIDATE_REFERENCE_TYPE, "Patient.managingOrganization" },
         { CONTAINED("\"id\":\"o\",", "\"reference\":\"#o\",\"type\":\"Patient\""), MSG_ERROR, MSG_VALIDATE_REFERENCE_TARGET, "Patient.managingOrganization" },
         { "{\"resourceType\":\"Patient\",\"contained\":[{\"resourceType\":\"Patient\",\"id\":\"o\"}],\"managingOrganization\":{\"reference\":\"#o\"}}", MSG_ERROR, MSG_VALIDATE_REFERENCE_TARGET,
           "Patient.managingOrganization" },
         { PATIENT("\"managingOrganization\":{\"reference\":\"Organization/1\",\"type\":\"Practitioner\"}"), MSG_ERROR, MSG_VALIDATE_REFERENCE_TYPE, "Patient.managingOrganization" });
}

#define OBSERVATION(members) "{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"text\":\"x\"}," members "}"
#define CONDITION(members) "{\"resourceType\":\"Condition\",\"subject\":{\"display\":\"x\"}," members "}"
#define ONSET(low, high) CONDITION("\"onsetRange\":{\"low\":{" low "},\"high\":{" high "}}")
#define UCUM(code) "\"system\":\"http://unitsofmeasure.org\",\"code\":\"" code "\""
#define CODED(system) PATIENT("\"maritalStatus\":{\"coding\":[{\"system\":\"" system "\",\"code\":\"M\"}]}")
#define BIRTH_PLACE "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"

/* Places where a plain reading of the definitions and the HL7 core differ. */
TEST(leaf_habits_of_the_core)
{
    if (!have_image())
        SKIP("the R4 package is not there");
    TAKE(PATIENT("\"managingOrganization\":{\"reference\":\"http://hl7.org/fhir/Organization/1\"}"), CODED("http://example.org/unknown"), CODED("http://terminology.hl7.org/other"),
         PATIENT("\"id\":\"a\",\"name\":[{\"id\":\"a\",\"text\":\"x\"},{\"id\":\"b\",\"text\":\"x\"}]"),
         PATIENT("\"contained\":[{\"resourceType\":\"Organization\",\"id\":\"o\",\"name\":\"x\",\"telecom\":[{\"id\":\"t\",\"system\":\"phone\",\"value\":\"1\"}]}],\"managingOrganization\":{\"id\":\"t\",\"reference\":\"#o\"}"),
         PATIENT("\"extension\":[{\"url\":\"" BIRTH_PLACE "\",\"valueAddress\":{\"text\":\"x\"}}]"),
         ONSET("\"value\":1,\"unit\":\"days\"," UCUM("d"), "\"value\":2,\"unit\":\"days\"," UCUM("kg")), NARRATIVE(DIV("&#x41;")));
    FIND({ PATIENT("\"name\":[{\"id\":\"a\",\"text\":\"x\"}],\"address\":[{\"id\":\"a\",\"text\":\"x\"}]"), MSG_ERROR, MSG_VALIDATE_ID_TWICE, "Patient.address[0]" },
         { PATIENT("\"gender\":\"male\",\"_gender\":{\"id\":\"a\"},\"birthDate\":\"2020\",\"_birthDate\":{\"id\":\"a\"}"), MSG_ERROR, MSG_VALIDATE_ID_TWICE, "Patient.birthDate" },
         { PATIENT("\"extension\":[{\"url\":\"" BIRTH_PLACE "|4.0.1\",\"valueAddress\":{\"text\":\"x\"}}]"), MSG_ERROR, MSG_VALIDATE_EXTENSION_VERSION, "Patient.extension[0]" },
         { CODED("http://terminology.hl7.org/CodeSystem/nope"), MSG_ERROR, MSG_VALIDATE_URL_UNKNOWN, "Patient.maritalStatus.coding[0].system" },
         { CONTAINED("\"id\":\"o\",", "\"display\":\"#o\""), MSG_ERROR, MSG_VALIDATE_CONTAINED_UNUSED, "Patient" },
         { ONSET("\"value\":\"3\",\"unit\":\"days\"", "\"value\":2,\"unit\":\"days\""), MSG_ERROR, MSG_VALIDATE_INVARIANT, "Condition.onset.ofType(Range)" },
         { OBSERVATION("\"valueString\":\"x\",\"valueQuantity\":{\"value\":1}"), MSG_ERROR, MSG_VALIDATE_FORBIDDEN, "Observation" },
         { OBSERVATION("\"meta\":{\"profile\":[\"http://hl7.org/fhir/StructureDefinition/triglyceride\"]}"), MSG_ERROR, MSG_VALIDATE_FIXED, "Observation.code" },
         { PATIENT("\"extension\":[{\"url\":\"http://example.org/x\",\"valueCodeableConcept\":{\"coding\":[]}}]"), MSG_ERROR, MSG_VALIDATE_INVARIANT, "Patient.extension[0]" },
         { NARRATIVE(DIV("a&#0;")), MSG_ERROR, MSG_VALIDATE_XHTML_ENTITY, "Patient.text.div" }, { NARRATIVE(DIV("a&#xD800;")), MSG_ERROR, MSG_VALIDATE_XHTML_ENTITY, "Patient.text.div" },
         { NARRATIVE(DIV("a&#12a;")), MSG_ERROR, MSG_VALIDATE_XHTML_ENTITY, "Patient.text.div" }, { "[]", MSG_ERROR, MSG_VALIDATE_RESOURCE_TYPE, "" });
    run(OBSERVATION("\"valueString\":\"x\",\"valueQuantity\":{\"value\":\"x\"}"), strlen(OBSERVATION("\"valueString\":\"x\",\"valueQuantity\":{\"value\":\"x\"}")), VALIDATE_HL7);
    CHECK(found(MSG_ERROR, MSG_VALIDATE_KIND, "Observation.value.ofType(Quantity).value"));   /* Quantity is named first by the definition, and so it is the one that is read */
}

#define BUNDLE(type, more) "{\"resourceType\":\"Bundle\",\"type\":\"" type "\"" more "}"
#define ENTRY(url, resource) "{\"fullUrl\":\"" url "\",\"resource\":{" resource "}}"
#define URN(digit) "urn:uuid:00000000-0000-4000-8000-00000000000" digit
#define HEAD ",\"identifier\":{\"system\":\"urn:x\",\"value\":\"1\"},\"timestamp\":\"2026-01-02T03:04:05Z\""
#define COMPOSITION(more) \
    "\"resourceType\":\"Composition\",\"id\":\"c\",\"status\":\"final\",\"type\":{\"text\":\"x\"},\"date\":\"2026-01-02\",\"author\":[{\"reference\":\"" URN("2") "\"}],\"title\":\"x\"" more
#define DOCUMENT(more, entries) BUNDLE("document", HEAD ",\"entry\":[" ENTRY(URN("1"), COMPOSITION(more)) "," ENTRY(URN("2"), "\"resourceType\":\"Practitioner\",\"active\":true") entries "]")

TEST(leaf_bundles)
{
    if (!have_image())
        SKIP("the R4 package is not there");
    TAKE(DOCUMENT("", ""), DOCUMENT("", "," ENTRY(URN("3"), "\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"},\"subject\":{\"reference\":\"" URN("2") "\"}")),
         BUNDLE("collection", ",\"entry\":[" ENTRY("http://x.jp/fhir/Patient/1", "\"resourceType\":\"Patient\",\"id\":\"1\",\"managingOrganization\":{\"reference\":\"Organization/2\"}") ","
                ENTRY("http://x.jp/fhir/Organization/2", "\"resourceType\":\"Organization\",\"id\":\"2\",\"name\":\"x\"") "]"),
         BUNDLE("transaction", ",\"entry\":[{\"request\":{\"method\":\"DELETE\",\"url\":\"Patient/1\"}}]"));
    FIND({ BUNDLE("document", HEAD), MSG_ERROR, MSG_VALIDATE_NO_ENTRIES, "Bundle" },
         { BUNDLE("document", HEAD ",\"entry\":[" ENTRY(URN("1"), "\"resourceType\":\"Patient\"") "]"), MSG_ERROR, MSG_VALIDATE_FIRST_ENTRY, "Bundle.entry[1].resource" },
         { DOCUMENT("", "," ENTRY(URN("3"), "\"resourceType\":\"Patient\"")), MSG_ERROR, MSG_VALIDATE_UNREACHABLE, "Bundle.entry[3]" },
         { DOCUMENT(",\"subject\":{\"reference\":\"" URN("9") "\"}", ""), MSG_ERROR, MSG_VALIDATE_UNRESOLVED, "Bundle.entry[1].resource.subject.reference" },
         { BUNDLE("collection", ",\"entry\":[{\"resource\":{\"resourceType\":\"Patient\"}}]"), MSG_ERROR, MSG_VALIDATE_FULLURL_NEEDED, "Bundle.entry[0]" },
         { BUNDLE("collection", ",\"link\":[{\"relation\":\"next\",\"url\":\"http://x\"}]"), MSG_ERROR, MSG_VALIDATE_LINK, "Bundle.link[0].relation" },
         { BUNDLE("searchset", ",\"link\":[{\"relation\":\"next\",\"url\":\"http://x\"},{\"relation\":\"next\",\"url\":\"http://x\"}]"), MSG_ERROR, MSG_VALIDATE_LINK_TWICE, "Bundle.link[1]" },
         { BUNDLE("searchset", ",\"entry\":[{\"fullUrl\":\"" URN("1") "\",\"resource\":{\"resourceType\":\"Patient\"},\"search\":{\"mode\":\"match\"}}]"), MSG_ERROR, MSG_VALIDATE_SEARCH_NO_ID,
           "Bundle.entry[0].resource" },
         { BUNDLE("searchset", ",\"link\":[{\"relation\":\"self\",\"url\":\"http://x/Observation?a=b\"}],\"entry\":[{\"fullUrl\":\"" URN("1") "\",\"resource\":{\"resourceType\":\"Patient\",\"id\":\"1\"},"
                  "\"search\":{\"mode\":\"match\"}}]"), MSG_ERROR, MSG_VALIDATE_SEARCH_MODE, "Bundle.entry[0].resource" },
         { BUNDLE("collection", ",\"entry\":[" ENTRY("http://x.jp/fhir/Patient/1", "\"resourceType\":\"Patient\",\"id\":\"1\",\"managingOrganization\":{\"reference\":\"Organization/2\"}") ","
                  ENTRY("http://x.jp/fhir/Organization/2", "\"resourceType\":\"Patient\",\"id\":\"2\"") "]"), MSG_ERROR, MSG_VALIDATE_REFERENCE_TARGET, "Bundle.entry[0].resource.managingOrganization" },
         { BUNDLE("collection", ",\"entry\":[" ENTRY("http://x.jp/fhir/Patient/1", "\"resourceType\":\"Patient\",\"id\":\"1\",\"managingOrganization\":{\"reference\":\"a/b/c\"}") "]"), MSG_ERROR,
           MSG_VALIDATE_REFERENCE_FORM, "Bundle.entry[0].resource.managingOrganization" });
}

#define POST(head, resource) "{" head "\"resource\":{" resource "},\"request\":{\"method\":\"POST\",\"url\":\"x\"}}"
#define WITH_URL "\"fullUrl\":\"" URN("1") "\","
#define OF_PATIENT(reference) "\"resourceType\":\"Patient\",\"active\":true,\"managingOrganization\":{\"reference\":\"" reference "\"}"

TEST(leaf_references_within_bundles)
{
    if (!have_image())
        SKIP("the R4 package is not there");
    TAKE(BUNDLE("transaction", ",\"entry\":[" POST("", "\"resourceType\":\"Patient\",\"active\":true") "]"),
         BUNDLE("transaction", ",\"entry\":[" POST(WITH_URL, OF_PATIENT("Organization?identifier=a|b")) "]"),
         BUNDLE("collection", ",\"entry\":[" ENTRY(URN("1"), "\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"},\"subject\":{\"reference\":\"" URN("2") "\"}") ","
                ENTRY(URN("2"), "\"resourceType\":\"Patient\",\"id\":\"2\",\"managingOrganization\":{\"display\":\"x\"}") "]"));
    FIND({ BUNDLE("transaction", ",\"entry\":[" POST("", OF_PATIENT("Organization/1")) "]"), MSG_ERROR, MSG_VALIDATE_FULLURL_NEEDED, "Bundle.entry[0]" },
         { BUNDLE("transaction", ",\"entry\":[" POST("", OF_PATIENT("Organization/1")) "]"), MSG_ERROR, MSG_VALIDATE_FULLURL_NEEDED, "Bundle.entry[0].resource.managingOrganization" },
         { BUNDLE("transaction", ",\"entry\":[" POST(WITH_URL, OF_PATIENT("Nonsense?identifier=1")) "]"), MSG_ERROR, MSG_VALIDATE_REFERENCE_FORM, "Bundle.entry[0].resource.managingOrganization" },
         { BUNDLE("collection", ",\"entry\":[" ENTRY(URN("1"), OF_PATIENT("Organization?identifier=1")) "]"), MSG_ERROR, MSG_VALIDATE_REFERENCE_FORM, "Bundle.entry[0].resource.managingOrganization" },
         { BUNDLE("collection", ",\"entry\":[" ENTRY(URN("1"), OF_PATIENT(URN("2"))) "," ENTRY(URN("2"), "\"resourceType\":\"Organization\",\"name\":\"x\"") ","
                  ENTRY(URN("2"), "\"resourceType\":\"Organization\",\"name\":\"y\"") "]"), MSG_ERROR, MSG_VALIDATE_FULLURL_TWICE, "Bundle.entry[0].resource.managingOrganization" },
         { BUNDLE("collection", ",\"entry\":[{\"id\":\"e\",\"fullUrl\":\"" URN("1") "\",\"resource\":{\"resourceType\":\"Patient\",\"id\":\"e\",\"name\":[{\"id\":\"e\",\"text\":\"x\"}]}},"
                  "{\"id\":\"e\",\"fullUrl\":\"" URN("2") "\",\"resource\":{\"resourceType\":\"Patient\",\"id\":\"q\"}}]"), MSG_ERROR, MSG_VALIDATE_ID_TWICE, "Bundle.entry[1]" },
         { BUNDLE("transaction", ",\"entry\":[{\"resource\":{\"resourceType\":\"Patient\"}}]"), MSG_ERROR, MSG_VALIDATE_INVARIANT, "Bundle.entry[0]" });
}

TEST(leaf_bundles_are_placed_right_for_the_service)
{
    static const struct wrong list[] = {
        { BUNDLE("document", HEAD ",\"entry\":[" ENTRY(URN("1"), "\"resourceType\":\"Patient\"") "]"), MSG_ERROR, MSG_VALIDATE_FIRST_ENTRY, "Bundle.entry[0].resource" },
        { DOCUMENT("", "," ENTRY(URN("3"), "\"resourceType\":\"Patient\"")), MSG_ERROR, MSG_VALIDATE_UNREACHABLE, "Bundle.entry[2]" },
        { DOCUMENT(",\"subject\":{\"reference\":\"" URN("9") "\"}", ""), MSG_ERROR, MSG_VALIDATE_UNRESOLVED, "Bundle.entry[0].resource.subject" },
        { DOCUMENT("", ""), MSG_WARNING, MSG_VALIDATE_MILLISECONDS, "Bundle.timestamp" },
        { PATIENT("\"name\":[{\"text\":\"a\\u0001b\"}]"), MSG_ERROR, MSG_VALIDATE_CONTROL, "Patient.name[0].text" },
        { PATIENT("\"name\":[{\"text\":\"\\uE000\"}]"), MSG_WARNING, MSG_VALIDATE_CONTROL, "Patient.name[0].text" }
    };

    if (!have_image())
        SKIP("the R4 package is not there");
    find_all(list, sizeof list / sizeof *list, VALIDATE_SERVICE);
}

/* 100,000 entries in a ring: each is found by hash, all hang together, and one outside the ring is seen. */
TEST(leaf_many_entries_hang_together)
{
    enum { MANY = 100000 };
    struct buf text;
    size_t len;

    if (!have_image())
        SKIP("the R4 package is not there");
    buf_init(&text, (size_t)64 << 20);
    buf_add_str(&text, "{\"resourceType\":\"Bundle\",\"type\":\"document\"" HEAD ",\"entry\":[" ENTRY(URN("1"), COMPOSITION(",\"subject\":{\"reference\":\"urn:x:0\"}")) "," ENTRY(URN("2"), "\"resourceType\":\"Practitioner\",\"active\":true"));
    for (int i = 0; i < MANY; i++)
        buf_addf(&text, ",{\"fullUrl\":\"urn:x:%d\",\"resource\":{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"},\"subject\":{\"reference\":\"urn:x:%d\"}}}", i, (i + 1) % MANY);
    buf_add_str(&text, "," ENTRY("urn:x:alone", "\"resourceType\":\"Patient\",\"active\":true") "]}");
    CHECK_INT(text.failed, 0);
    len = text.len;
    run(text.data, len, VALIDATE_SERVICE);
    CHECK(found(MSG_ERROR, MSG_VALIDATE_UNREACHABLE, "Bundle.entry[100002]"));
    CHECK_INT(issues.errors, 1);
    buf_free(&text);
}

TEST_MAIN()
