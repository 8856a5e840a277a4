/*
 * Resources that define something, against the profiles built into the program: a good one of each type passes, and every change to it is found by its rule at its place.
 * Texts are JSON with single quotes, so that they can be read.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/test.h"
#include "validate/validate.h"

/* One change: the first `from` in the good text becomes `to`. msg MSG_NONE: it stays fine. */
struct change { const char *from, *to; enum msg_id msg; const char *location; };

#define COUNT(list) (sizeof(list) / sizeof *(list))

static struct arena *arena;
static struct issue_list issues;

/* The text with one change made and its quotes doubled; NULL when there is nothing to change. */
static char *edited(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    size_t head = at != NULL ? (size_t)(at - text) : 0, size = strlen(text) + strlen(to) + 1;
    char *made = at != NULL ? malloc(size) : NULL;

    if (made == NULL)
        return NULL;
    snprintf(made, size, "%.*s%s%s", (int)head, text, to, at + strlen(from));
    for (char *c = made; *c != '\0'; c++)
        *c = *c == '\'' ? '"' : *c;
    return made;
}

static void run_as(const char *text, enum validate_reading reading)
{
    struct validate_request r = { .bytes = text, .len = strlen(text), .reading = reading };
    struct err e = ERR_INIT;

    if (arena == NULL)
        arena = arena_new(256 << 20);
    arena_reset(arena);
    issues_init(&issues, arena);
    CHECK_OK(validate_bytes(&r, &issues, &e));
}

static size_t errors(enum msg_id msg, const char *location)
{
    size_t count = 0;

    for (const struct issue *i = issues.first; i != NULL; i = i->next)
        count += i->severity >= MSG_ERROR && (msg == MSG_NONE || (i->msg == msg && strcmp(i->location, location) == 0));
    return count;
}

static void show(const char *what)
{
    printf("     %s\n", what);
    for (const struct issue *i = issues.first; i != NULL; i = i->next)
        if (i->severity >= MSG_ERROR)
            printf("       %s %s %s\n", i->location, msg_get(i->msg)->name, i->arg1 != NULL ? i->arg1 : "");
}

static void try_changes(const char *good, const struct change *changes, size_t count, enum validate_reading reading)
{
    for (size_t i = 0; i < count; i++) {
        const struct change *c = &changes[i];
        char *text = edited(good, c->from, c->to);
        bool fine;

        CHECK(text != NULL);
        if (text == NULL) {
            printf("     nothing to change: %s\n", c->from);
            continue;
        }
        run_as(text, reading);
        fine = c->msg == MSG_NONE ? errors(MSG_NONE, "") == 0 : errors(c->msg, c->location) > 0;
        if (!fine)
            show(c->to);
        CHECK(fine);
        free(text);
    }
}

static void try_all(const char *good, const struct change *changes, size_t count)
{
    char *text = edited(good, "{", "{");

    CHECK(text != NULL);
    run_as(text, VALIDATE_HL7);
    if (errors(MSG_NONE, "") > 0)
        show("the good one");
    CHECK(errors(MSG_NONE, "") == 0);
    free(text);
    try_changes(good, changes, count, VALIDATE_HL7);
}

#define SOURCE(name, more) "'source':[{'context':'" name "'" more "}]"
#define TARGET(name, more) "'target':[{'context':'" name "','contextType':'variable'" more "}]"

static const char map[] =
    "{'resourceType':'StructureMap','url':'http://example.org/m','name':'M','status':'draft','structure':[{'url':'http://hl7.org/fhir/StructureDefinition/Patient','mode':'source','alias':'Pat'},"
    "{'url':'http://hl7.org/fhir/StructureDefinition/Person','mode':'target','alias':'Per'}],'group':["
    "{'name':'main','typeMode':'none','input':[{'name':'src','type':'Pat','mode':'source'},{'name':'tgt','type':'Per','mode':'target'}],'rule':["
    "{'name':'a'," SOURCE("src", ",'element':'active','variable':'act'") "," TARGET("tgt", ",'element':'active','transform':'copy','parameter':[{'valueId':'act'}]") "},"
    "{'name':'b'," SOURCE("src", ",'element':'name','variable':'n','type':'HumanName'") "," TARGET("tgt", ",'element':'name','variable':'m','transform':'create'") ",'dependent':[{'name':'sub','variable':['n','m']}],"
    "'rule':[{'name':'deep'," SOURCE("n", ",'element':'use','variable':'u'") "," TARGET("m", ",'element':'use','transform':'translate','parameter':[{'valueId':'u'},{'valueString':'#c'},{'valueString':'code'}]") "}]},"
    "{'name':'e'," SOURCE("src", "") "," TARGET("tgt", ",'element':'gender','transform':'evaluate','parameter':[{'valueString':'1 + 1'}]") "}]},"
    "{'name':'sub','extends':'base','typeMode':'none','input':[{'name':'s','type':'HumanName','mode':'source'},{'name':'t','type':'HumanName','mode':'target'}],'rule':["
    "{'name':'f'," SOURCE("s", ",'element':'family','variable':'v'") "," TARGET("t", ",'element':'family','transform':'uuid'") "}]},"
    "{'name':'base','typeMode':'none','input':[{'name':'p','mode':'source'},{'name':'q','mode':'target'}],'rule':[{'name':'g'," SOURCE("p", ",'element':'any','variable':'x'") "," TARGET("q", ",'element':'thing','variable':'y'") ",'rule':[{'name':'h'," SOURCE("x", "") "," TARGET("y", ",'element':'z'") "}]}]}]}";

TEST(maps_use_what_they_have)
{
    static const struct change changes[] = {
        { "'name':'main'", "'name':'1main'", MSG_VALIDATE_MAP_NAME, "StructureMap.group[0]" },
        { "'name':'a',", "'name':'a-b',", MSG_VALIDATE_MAP_NAME, "StructureMap.group[0].rule[0]" },
        { "'variable':'act'", "'variable':'a ct'", MSG_VALIDATE_MAP_NAME, "StructureMap.group[0].rule[0].source[0]" },
        { "'name':'tgt','type':'Per'", "'name':'src','type':'Per'", MSG_VALIDATE_MAP_TWICE, "StructureMap.group[0].input[1]" },
        { "'type':'Pat','mode':'source'", "'type':'Pat','mode':'both'", MSG_VALIDATE_MAP_MODE, "StructureMap.group[0].input[0]" },
        { "'type':'Pat','mode':'source'", "'type':'Pat','mode':'target'", MSG_VALIDATE_MAP_MODE, "StructureMap.group[0].input[0]" },
        { "'type':'Pat'", "'type':'Nobody'", MSG_VALIDATE_MAP_TYPE, "StructureMap.group[0].input[0]" },
        { "'type':'Pat'", "'type':'Patient'", MSG_NONE, "" },
        { "{'context':'src','element':'active'", "{'context':'other','element':'active'", MSG_VALIDATE_MAP_VARIABLE, "StructureMap.group[0].rule[0].source[0]" },
        { "{'context':'src','element':'active'", "{'context':'tgt','element':'active'", MSG_VALIDATE_MAP_VARIABLE, "StructureMap.group[0].rule[0].source[0]" },
        { "{'context':'tgt'", "{'context':'src'", MSG_VALIDATE_MAP_VARIABLE, "StructureMap.group[0].rule[0].target[0]" },
        { "{'context':'n',", "{'context':'act',", MSG_VALIDATE_MAP_VARIABLE, "StructureMap.group[0].rule[1].rule[0].source[0]" },
        { "'element':'active'", "'element':'nothing'", MSG_VALIDATE_MAP_PATH, "StructureMap.group[0].rule[0].source[0]" },
        { "'element':'family','transform'", "'element':'active','transform'", MSG_VALIDATE_MAP_PATH, "StructureMap.group[1].rule[0].target[0]" },
        { "'type':'HumanName'}", "'type':'Address'}", MSG_VALIDATE_MAP_TYPE, "StructureMap.group[0].rule[1].source[0]" },
        { "'extends':'base'", "'extends':'gone'", MSG_VALIDATE_MAP_GROUP, "StructureMap.group[1].extends" },
        { "'dependent':[{'name':'sub'", "'dependent':[{'name':'gone'", MSG_VALIDATE_MAP_GROUP, "StructureMap.group[0].rule[1].dependent[0]" },
        { "['n','m']", "['n']", MSG_VALIDATE_MAP_PARAMETERS, "StructureMap.group[0].rule[1].dependent[0]" },
        { "['n','m']", "['n','n']", MSG_VALIDATE_MAP_VARIABLE, "StructureMap.group[0].rule[1].dependent[0].variable[1]" },
        { "['n','m']", "['m','m']", MSG_NONE, "" },   /* a target may be read */
        { "'s','type':'HumanName'", "'s','type':'Address'", MSG_VALIDATE_MAP_TYPE, "StructureMap.group[0].rule[1].dependent[0].variable[0]" },
        { "'transform':'copy','parameter':[", "'transform':'copy','parameter':[{'valueId':'act'},", MSG_VALIDATE_MAP_PARAMETERS, "StructureMap.group[0].rule[0].target[0]" },
        { "'transform':'uuid'", "'transform':'uuid','parameter':[{'valueString':'x'}]", MSG_VALIDATE_MAP_PARAMETERS, "StructureMap.group[1].rule[0].target[0]" },
        { "'transform':'uuid'", "'parameter':[{'valueString':'x'}]", MSG_VALIDATE_MAP_PARAMETERS, "StructureMap.group[1].rule[0].target[0]" },
        { "{'valueId':'u'}", "{'valueId':'w'}", MSG_VALIDATE_MAP_VARIABLE, "StructureMap.group[0].rule[1].rule[0].target[0]" },
        { "{'valueString':'code'}", "{'valueString':'word'}", MSG_VALIDATE_MAP_PARAMETERS, "StructureMap.group[0].rule[1].rule[0].target[0]" },
        { "{'valueId':'u'}", "{'id':'x'}", MSG_VALIDATE_MAP_PARAMETERS, "StructureMap.group[0].rule[1].rule[0].target[0]" },
        { "'1 + 1'", "'1 + ('", MSG_VALIDATE_FHIRPATH, "StructureMap.group[0].rule[2].target[0]" },
        { "{'context':'x'", "{'context':'nowhere'", MSG_VALIDATE_MAP_VARIABLE, "StructureMap.group[2].rule[0].rule[0].source[0]" },
        { "{'context':'y'", "{'context':'nowhere'", MSG_VALIDATE_MAP_VARIABLE, "StructureMap.group[2].rule[0].rule[0].target[0]" },
    };

    try_all(map, changes, COUNT(changes));
}

TEST(groups_without_types_get_them_from_who_calls_them)
{
    static const struct change changes[] = {
        { "'s','type':'HumanName','mode'", "'s','mode'", MSG_NONE, "" },
        { "{'name':'s','type':'HumanName','mode':'source'},{'name':'t','type':'HumanName','mode':'target'}],'rule':[{'name':'f','source':[{'context':'s','element':'family'",
          "{'name':'s','mode':'source'},{'name':'t','mode':'target'}],'rule':[{'name':'f','source':[{'context':'s','element':'nothing'", MSG_VALIDATE_MAP_PATH, "StructureMap.group[1].rule[0].source[0]" },
    };

    try_all(map, changes, COUNT(changes));
}

#define ITEM(link, type, more) "{'linkId':'" link "','type':'" type "'" more "}"
#define GENDER(code) "'valueCoding':{'system':'http://hl7.org/fhir/administrative-gender','code':'" code "'}"
#define QUESTIONS \
    "'item':[" ITEM("g", "group", ",'item':[" ITEM("b", "boolean", ",'required':true") "," ITEM("s", "string", ",'text':'Say','enableWhen':[{'question':'b','operator':'=','answerBoolean':true}]") "]") "," \
    ITEM("n", "integer", ",'repeats':true,'item':[" ITEM("n1", "date", "") "]") "," ITEM("c", "choice", ",'answerOption':[{" GENDER("male") "},{'valueInteger':3},{'valueString':'x'}]") "," \
    ITEM("v", "choice", ",'answerValueSet':'http://hl7.org/fhir/ValueSet/administrative-gender'") "," ITEM("o", "open-choice", ",'answerOption':[{'valueString':'k'}]") "," \
    ITEM("m", "decimal", ",'enableBehavior':'all','enableWhen':[{'question':'n','operator':'>','answerInteger':3},{'question':'c','operator':'='," "'answerCoding':{'system':'http://hl7.org/fhir/administrative-gender','code':'male'}}]") "]"

static const char questionnaire[] = "{'resourceType':'Questionnaire','status':'active'," QUESTIONS "}";

TEST(conditions_of_a_questionnaire_name_another_item)
{
    static const struct change changes[] = {
        { "{'question':'b'", "{'question':'gone'", MSG_VALIDATE_ENABLE_WHEN, "Questionnaire.item[0].item[1]" },
        { "{'question':'b'", "{'question':'s'", MSG_VALIDATE_ENABLE_WHEN, "Questionnaire.item[0].item[1]" },
        { "{'question':'b',", "{", MSG_VALIDATE_ENABLE_WHEN, "Questionnaire.item[0].item[1]" },
        { "'repeats':true,", "'repeats':true,'enableWhen':[{'question':'n1','operator':'exists','answerBoolean':true}],", MSG_VALIDATE_ENABLE_WHEN, "Questionnaire.item[1]" },
    };

    try_all(questionnaire, changes, COUNT(changes));
}

#define ANSWER(link, value) "{'linkId':'" link "','answer':[{" value "}]}"

static const char response[] =
    "{'resourceType':'QuestionnaireResponse','contained':[{'resourceType':'Questionnaire','id':'q','status':'active'," QUESTIONS "}],'questionnaire':'#q','status':'completed','item':["
    "{'linkId':'g','item':[" ANSWER("b", "'valueBoolean':true") ",{'linkId':'s','text':'Say','answer':[{'valueString':'a'}]}]},"
    "{'linkId':'n','answer':[{'valueInteger':5,'item':[" ANSWER("n1", "'valueDate':'2020-01-01'") "]},{'valueInteger':2}]}," ANSWER("c", GENDER("male")) "," ANSWER("v", GENDER("female")) ","
    ANSWER("o", "'valueString':'free'") "," ANSWER("m", "'valueDecimal':1.5") "]}";

TEST(answers_fit_the_questionnaire_that_came_with_them)
{
    static const struct change changes[] = {
        { "{'linkId':'v','answer'", "{'linkId':'gone','answer'", MSG_VALIDATE_ANSWER_ITEM, "QuestionnaireResponse" },
        { "{'linkId':'v','answer'", "{'answer'", MSG_VALIDATE_ANSWER_ITEM, "QuestionnaireResponse" },
        { "{'linkId':'v','answer'", "{'linkId':'n1','answer'", MSG_VALIDATE_ANSWER_PLACE, "QuestionnaireResponse" },
        { "{'linkId':'v','answer'", "{'linkId':'g','answer'", MSG_VALIDATE_ANSWER_ORDER, "QuestionnaireResponse" },
        { "{'linkId':'v','answer'", "{'linkId':'g','answer'", MSG_VALIDATE_ANSWER_MANY, "QuestionnaireResponse" },
        { "{'linkId':'v','answer'", "{'linkId':'g','answer'", MSG_VALIDATE_ANSWER_GROUP, "QuestionnaireResponse.item[3]" },
        { "'answer':[{'valueBoolean':true}]", "'text':''", MSG_VALIDATE_ANSWER_MISSING, "QuestionnaireResponse.item[0]" },
        { "'item':[{'linkId':'b','answer':[{'valueBoolean':true}]}", "'item':[{'linkId':'b','answer':[{'valueBoolean':false}]}", MSG_VALIDATE_ANSWER_DISABLED, "QuestionnaireResponse.item[0].item[1]" },
        { "'valueInteger':5", "'valueInteger':3", MSG_VALIDATE_ANSWER_DISABLED, "QuestionnaireResponse.item[5]" },
        { "'valueInteger':2", "'valueInteger':7", MSG_NONE, "" },
        { "'operator':'=','answerBoolean':true", "'operator':'exists','answerBoolean':false", MSG_VALIDATE_ANSWER_DISABLED, "QuestionnaireResponse.item[0].item[1]" },
        { "'operator':'=','answerBoolean':true", "'operator':'!=','answerBoolean':true", MSG_VALIDATE_ANSWER_DISABLED, "QuestionnaireResponse.item[0].item[1]" },
        { "'operator':'=','answerBoolean':true", "'operator':'=','answerString':'true'", MSG_NONE, "" },   /* of another type: nothing can be said */
        { "'answer':[{'valueString':'a'}", "'answer':[{'valueString':'b'},{'valueString':'a'}", MSG_VALIDATE_ANSWER_MANY, "QuestionnaireResponse.item[0].item[1]" },
        { "'text':'Say','answer'", "'text':'Write','answer'", MSG_VALIDATE_ANSWER_TEXT, "QuestionnaireResponse.item[0].item[1]" },
        { "'valueDate':'2020-01-01'", "'valueString':'2020-01-01'", MSG_VALIDATE_TYPE, "QuestionnaireResponse.item[1].item[0].answer[0].value" },
        { "{'linkId':'c','answer':[{" GENDER("male"), "{'linkId':'c','answer':[{" GENDER("other"), MSG_VALIDATE_VALUE, "QuestionnaireResponse.item[2].answer[0]" },
        { "{'linkId':'c','answer':[{" GENDER("male"), "{'linkId':'c','answer':[{'valueInteger':3", MSG_NONE, "" },
        { "{'linkId':'c','answer':[{" GENDER("male"), "{'linkId':'c','answer':[{'valueInteger':4", MSG_VALIDATE_VALUE, "QuestionnaireResponse.item[2].answer[0]" },
        { "{'linkId':'c','answer':[{" GENDER("male"), "{'linkId':'c','answer':[{'valueDecimal':3", MSG_VALIDATE_TYPE, "QuestionnaireResponse.item[2].answer[0].value" },
        { GENDER("female"), GENDER("nobody"), MSG_VALIDATE_BINDING, "QuestionnaireResponse.item[3].answer[0]" },
        { "'linkId':'v','answer':[", "'linkId':'v','item':[" ANSWER("n1", "'valueDate':'2020'") "],'answer':[", MSG_VALIDATE_ANSWER_GROUP, "QuestionnaireResponse.item[3]" },
        { "'questionnaire':'#q'", "'questionnaire':'http://example.org/q'", MSG_VALIDATE_CONTAINED_UNUSED, "QuestionnaireResponse" },
    };
    static const struct change in_place[] = {
        { "'valueDate':'2020-01-01'", "'valueString':'2020-01-01'", MSG_VALIDATE_TYPE, "QuestionnaireResponse.item[1].answer[0].item[0].answer[0].value" },
    };
    static const char *const unfinished[] = { "'in-progress'", "'stopped'" };

    try_all(response, changes, COUNT(changes));
    try_changes(response, in_place, COUNT(in_place), VALIDATE_SERVICE);
    for (size_t i = 0; i < COUNT(unfinished); i++) {
        char *missing = edited(response, "'answer':[{'valueBoolean':true}]", "'id':'x'"), *text;
        CHECK(missing != NULL);
        text = edited(missing, "\"completed\"", unfinished[i]);
        CHECK(text != NULL);
        run_as(text, VALIDATE_HL7);
        CHECK(errors(MSG_VALIDATE_ANSWER_MISSING, "QuestionnaireResponse.item[0]") == 0);
        free(text);
        free(missing);
    }
}

#define CODE(value) "{'coding':[{'system':'urn:x','code':'" value "'}]}"
#define CRITERIA "'criteria':{'language':'text/fhirpath','expression':'true'}"
#define MEASURE \
    "'status':'active','scoring':{'coding':[{'system':'http://terminology.hl7.org/CodeSystem/measure-scoring','code':'proportion'}]},'group':[" \
    "{'code':" CODE("g1") ",'population':[{'code':" CODE("p1") "," CRITERIA "},{'code':" CODE("p2") "," CRITERIA "}],'stratifier':[{'code':" CODE("s1") "," CRITERIA "}]},{'code':" CODE("g2") "}]"

static const char measure[] = "{'resourceType':'Measure'," MEASURE "}";
static const char report[] =
    "{'resourceType':'MeasureReport','contained':[{'resourceType':'Measure','id':'m'," MEASURE "}],'status':'complete','type':'summary','measure':'#m','period':{'start':'2020'},'group':["
    "{'code':" CODE("g1") ",'population':[{'code':" CODE("p1") ",'count':2},{'code':" CODE("p2") "}],'measureScore':{'value':0.5},'stratifier':[{'code':[" CODE("s1") "]}]},{'code':" CODE("g2") ",'measureScore':{'value':1}}]}";

TEST(criteria_in_cql_need_a_library)
{
    static const struct change changes[] = {
        { "'stratifier':[{'code':" CODE("s1") ",'criteria':{'language':'text/fhirpath'", "'stratifier':[{'code':" CODE("s1") ",'criteria':{'language':'text/cql'", MSG_VALIDATE_MEASURE_LIBRARY, "Measure.group[0].stratifier[0].criteria" },
        { "'status':'active'", "'status':'active','library':['http://example.org/l']", MSG_NONE, "" },
    };

    try_all(measure, changes, COUNT(changes));
}

TEST(reports_have_the_parts_of_their_measure)
{
    static const struct change changes[] = {
        { "'group':[{'code':" CODE("g1") ",'population':[{'code':" CODE("p1") ",'count'", "'group':[{'population':[{'code':" CODE("p1") ",'count'", MSG_VALIDATE_MEASURE_CODE, "MeasureReport.group[0]" },
        { "{'code':" CODE("g2") ",'measureScore'", "{'code':" CODE("g3") ",'measureScore'", MSG_VALIDATE_MEASURE_PART, "MeasureReport.group[1]" },
        { "{'code':" CODE("g2") ",'measureScore'", "{'code':" CODE("g1") ",'measureScore'", MSG_VALIDATE_MEASURE_TWICE, "MeasureReport.group[1]" },
        { "{'code':" CODE("g2") ",'measureScore'", "{'code':" CODE("g3") ",'measureScore'", MSG_VALIDATE_MISSING, "MeasureReport" },
        { "{'code':" CODE("p2") "}],'measureScore'", "{'code':" CODE("p3") "}],'measureScore'", MSG_VALIDATE_MEASURE_PART, "MeasureReport.group[0].population[1]" },
        { ",{'code':" CODE("p2") "}],'measureScore'", "],'measureScore'", MSG_VALIDATE_MISSING, "MeasureReport.group[0]" },
        { "'stratifier':[{'code':[" CODE("s1"), "'stratifier':[{'code':[" CODE("s2"), MSG_VALIDATE_MEASURE_PART, "MeasureReport.group[0].stratifier[0]" },
        { "'measureScore':{'value':0.5},", "", MSG_VALIDATE_MISSING, "MeasureReport.group[0]" },
        { "'measureScore':{'value':0.5}", "'measureScore':{'value':1.5}", MSG_VALIDATE_OUT_OF_RANGE, "MeasureReport.group[0].measureScore.value" },
        { "'measureScore':{'value':0.5}", "'measureScore':{'value':0.5,'unit':'x'}", MSG_VALIDATE_FORBIDDEN, "MeasureReport.group[0].measureScore.unit" },
        { "'measureScore':{'value':0.5}", "'measureScore':{'comparator':'<'}", MSG_VALIDATE_MISSING, "MeasureReport.group[0].measureScore" },
        { "'code':'proportion'", "'code':'cohort'", MSG_VALIDATE_FORBIDDEN, "MeasureReport.group[0].measureScore" },
        { "'type':'summary'", "'type':'data-collection'", MSG_VALIDATE_FORBIDDEN, "MeasureReport.group[0].measureScore" },
        { "'count':2", "'count':2,'subjectResults':{'display':'x'}", MSG_VALIDATE_FORBIDDEN, "MeasureReport.group[0].population[0]" },
    };

    try_all(report, changes, COUNT(changes));
}

static const char system_text[] =
    "{'resourceType':'CodeSystem','url':'http://hl7.org/fhir/not-there-yet','status':'draft','content':'complete','caseSensitive':true,'count':3,'property':[{'code':'s','uri':'http://hl7.org/fhir/administrative-gender#status','type':'code'}],"
    "'concept':[{'code':'a','concept':[{'code':'b'}]},{'code':'c'}]}";
static const char supplement[] = "{'resourceType':'CodeSystem','url':'http://example.org/s','status':'draft','content':'supplement','supplements':'http://hl7.org/fhir/administrative-gender','concept':[{'code':'male'}]}";
static const char concept_map[] =
    "{'resourceType':'ConceptMap','url':'http://example.org/c','status':'draft','group':[{'source':'http://hl7.org/fhir/administrative-gender','target':'http://hl7.org/fhir/publication-status',"
    "'element':[{'code':'male','target':[{'code':'draft','equivalence':'equal'}]}]}]}";
static const char parameter[] =
    "{'resourceType':'SearchParameter','url':'http://example.org/p','name':'p','status':'draft','description':'d','code':'p','base':['Patient'],'type':'token','expression':'Patient.gender'}";

TEST(code_systems_and_maps_hold_what_they_say)
{
    static const struct change systems[] = {
        { "'count':3", "'count':4", MSG_VALIDATE_CODES_COUNT, "CodeSystem.count" },
        { "'content':'complete'", "'content':'not-present'", MSG_VALIDATE_CODES_CONTENT, "CodeSystem.concept[0]" },
        { "'content':'complete'", "'content':'fragment'", MSG_NONE, "" },
        { "'content':'complete'", "'content':'supplement'", MSG_VALIDATE_MISSING, "CodeSystem.content" },
        { "'url':'http://hl7.org/fhir/not-there-yet'", "'url':'yet'", MSG_VALIDATE_NOT_ABSOLUTE, "CodeSystem.url" },
        { "administrative-gender#status", "administrative-nothing#status", MSG_VALIDATE_URL_UNKNOWN, "CodeSystem.property[0].uri" },
    };
    static const struct change supplements[] = {
        { "'content':'supplement'", "'content':'fragment'", MSG_VALIDATE_CODES_CONTENT, "CodeSystem.content" },
        { "'code':'male'", "'code':'mail'", MSG_VALIDATE_CODE_UNKNOWN, "CodeSystem.concept[0]" },
        { "'status':'draft'", "'status':'draft','caseSensitive':true", MSG_VALIDATE_FORBIDDEN, "CodeSystem.caseSensitive" },
        { "http://hl7.org/fhir/administrative-gender", "http://example.org/unknown", MSG_NONE, "" },
    };
    static const struct change maps[] = {
        { "'code':'male'", "'code':'draft'", MSG_VALIDATE_CODE_UNKNOWN, "ConceptMap.group[0].element[0].code" },
        { "'code':'draft'", "'code':'male'", MSG_VALIDATE_CODE_UNKNOWN, "ConceptMap.group[0].element[0].target[0].code" },
        { "'source':'http://hl7.org/fhir/administrative-gender'", "'source':'http://example.org/unknown'", MSG_NONE, "" },
    };
    static const struct change parameters[] = {
        { "Patient.gender", "Patient.(gender", MSG_VALIDATE_FHIRPATH, "SearchParameter.expression" },
        { "'url':'http://example.org/p'", "'url':'p'", MSG_VALIDATE_NOT_ABSOLUTE, "SearchParameter.url" },
    };

    try_all(system_text, systems, COUNT(systems));
    try_all(supplement, supplements, COUNT(supplements));
    try_all(concept_map, maps, COUNT(maps));
    try_all(parameter, parameters, COUNT(parameters));
}

#define TYPE(name) "http://hl7.org/fhir/StructureDefinition/" name
#define ELEMENT(path, more) "{'id':'" path "','path':'" path "'" more "}"
#define HEAD(type, kind, more) \
    "{'resourceType':'StructureDefinition','url':'http://example.org/s','name':'S','status':'draft','kind':'" kind "','abstract':false,'type':'" type "','baseDefinition':'" TYPE(type) "','derivation':'constraint'" more ","

static const char profile[] = HEAD("Patient", "resource", "") "'differential':{'element':[" ELEMENT("Patient", ",'constraint':[{'key':'x-1','severity':'error','human':'h','expression':'name.exists()','source':'http://example.org/s'}]") ","
    ELEMENT("Patient.extension", ",'type':[{'code':'Extension','profile':['" TYPE("patient-nationality") "']}]") "," ELEMENT("Patient.gender", ",'binding':{'strength':'required','valueSet':'http://hl7.org/fhir/ValueSet/administrative-gender'},'type':[{'code':'code'}]") ","
    ELEMENT("Patient.managingOrganization", ",'type':[{'code':'Reference','targetProfile':['" TYPE("Organization") "']}]") "]}}";
static const char extension[] = HEAD("Extension", "complex-type", ",'context':[{'type':'element','expression':'Patient'}]") "'differential':{'element':[" ELEMENT("Extension", "") "," ELEMENT("Extension.url", ",'fixedUri':'http://example.org/s'") "]}}";

TEST(definitions_fit_their_type_and_base)
{
    static const struct change profiles[] = {
        { "'type':'Patient'", "'type':'Nobody'", MSG_VALIDATE_TYPE, "StructureDefinition.type" },
        { "'type':'Patient'", "'type':'Person'", MSG_VALIDATE_TYPE, "StructureDefinition" },
        { "'type':'Patient'", "'type':'http://example.org/Patient'", MSG_VALIDATE_TYPE, "StructureDefinition.type" },
        { "'kind':'resource'", "'kind':'complex-type'", MSG_VALIDATE_VALUE, "StructureDefinition" },
        { "'derivation':'constraint'", "'derivation':'specialization'", MSG_VALIDATE_TYPE, "StructureDefinition" },
        { ",'derivation':'constraint'", "", MSG_VALIDATE_MISSING, "StructureDefinition" },
        { "'abstract':false", "'abstract':false,'contextInvariant':['true']", MSG_VALIDATE_FORBIDDEN, "StructureDefinition.contextInvariant[0]" },
        { "'path':'Patient.gender'", "'path':'Person.gender'", MSG_VALIDATE_DEFINITION_PATH, "StructureDefinition.differential.element[2]" },
        { "'path':'Patient.gender'", "'path':'Patients.gender'", MSG_VALIDATE_DEFINITION_PATH, "StructureDefinition.differential.element[2]" },
        { "'path':'Patient',", "'path':'Patient','slicing':{'rules':'open'},", MSG_VALIDATE_FORBIDDEN, "StructureDefinition.differential.element[0]" },
        { "[{'code':'code'}]", "[{'code':'boolean'}]", MSG_VALIDATE_FORBIDDEN, "StructureDefinition.differential.element[2]" },
        { "'type':[{'code':'code'}]", "'type':[{'code':'code'}],'maxLength':3", MSG_NONE, "" },
        { "'type':[{'code':'code'}]", "'type':[{'code':'Coding'}],'maxLength':3", MSG_VALIDATE_FORBIDDEN, "StructureDefinition.differential.element[2]" },
        { "'type':[{'code':'code'}]", "'type':[{'code':'code'}],'minValueInteger':3", MSG_VALIDATE_FORBIDDEN, "StructureDefinition.differential.element[2]" },
        { "'code':'Reference'", "'code':'string'", MSG_VALIDATE_FORBIDDEN, "StructureDefinition.differential.element[3].type[0].targetProfile[0]" },
        { TYPE("patient-nationality"), TYPE("Patient"), MSG_VALIDATE_TYPE, "StructureDefinition.differential.element[1].type[0].profile[0]" },
        { "'key':'x-1'", "'key':'pat-1'", MSG_NONE, "" },   /* of Patient.contact in the snapshot: see below */
        { "'source':'http://example.org/s'", "'source':'http://example.org/other'", MSG_VALIDATE_VALUE, "StructureDefinition.differential.element[0].constraint[0]" },
    };
    static const struct change extensions[] = {
        { "'fixedUri':'http://example.org/s'", "'fixedUri':'http://example.org/t'", MSG_VALIDATE_FIXED, "StructureDefinition" },
        { ",'fixedUri':'http://example.org/s'", "", MSG_VALIDATE_MISSING, "StructureDefinition" },
    };

    try_all(profile, profiles, COUNT(profiles) - 2);
    try_changes(profile, &profiles[COUNT(profiles) - 1], 1, VALIDATE_HL7);
    try_changes(profile, &(struct change){ "'key':'x-1'", "'key':'pat-1'", MSG_VALIDATE_DEFINITION_KEY, "StructureDefinition.differential.element[0].constraint[0]" }, 1, VALIDATE_HL7);
    try_all(extension, extensions, COUNT(extensions));
}

static const char snapshot[] = HEAD("Patient", "resource", "") "'snapshot':{'element':[" ELEMENT("Patient", "") "," ELEMENT("Patient.active", ",'min':0,'max':'1','fixedBoolean':true,'type':[{'code':'boolean'}],"
    "'constraint':[{'key':'x-1','severity':'error','human':'h','expression':'true'}]") "," ELEMENT("Patient.name", ",'min':0,'max':'1','type':[{'code':'HumanName'}],'constraint':[{'key':'x-1','severity':'error','human':'h','expression':'true'}]") "]}}";

TEST(snapshots_have_types_and_one_rule_to_a_key)
{
    static const struct { const char *from, *to; enum msg_id msg; const char *location; } cases[] = {
        { "'fixedBoolean':true", "'fixedString':'x'", MSG_VALIDATE_TYPE, "StructureDefinition.snapshot.element[1].fixed" },
        { ",'type':[{'code':'HumanName'}]", "", MSG_VALIDATE_MISSING, "StructureDefinition.snapshot.element[2]" },
        { "'HumanName'}],'constraint':[{'key':'x-1','severity':'error','human':'h','expression':'true'", "'HumanName'}],'constraint':[{'key':'x-1','severity':'error','human':'h','expression':'false'", MSG_VALIDATE_DEFINITION_KEY, "StructureDefinition.snapshot.element[2].constraint[0]" },
        { "'expression':'true'", "'expression':'true ('", MSG_VALIDATE_FHIRPATH, "StructureDefinition.snapshot.element[1].constraint[0]" },
    };
    char *text = edited(snapshot, "{", "{");

    run_as(text, VALIDATE_HL7);
    for (size_t i = 0; i < COUNT(cases); i++)   /* other rules want more of a snapshot; these do not speak of the good one */
        CHECK(errors(cases[i].msg, cases[i].location) == 0);
    free(text);
    for (size_t i = 0; i < COUNT(cases); i++) {
        text = edited(snapshot, cases[i].from, cases[i].to);
        CHECK(text != NULL);
        run_as(text, VALIDATE_HL7);
        if (errors(cases[i].msg, cases[i].location) == 0)
            show(cases[i].to);
        CHECK(errors(cases[i].msg, cases[i].location) > 0);
        free(text);
    }
}

TEST(canonicals_lead_to_the_type_that_is_asked_for)
{
    static const char good[] = "{'resourceType':'MeasureReport','status':'complete','type':'summary','measure':'http://example.org/m','period':{'start':'2020'}}";
    static const struct change changes[] = {
        { "http://example.org/m", "http://hl7.org/fhir/ValueSet/administrative-gender", MSG_VALIDATE_REFERENCE_TARGET, "MeasureReport.measure" },
        { "http://example.org/m", TYPE("Patient"), MSG_VALIDATE_REFERENCE_TARGET, "MeasureReport.measure" },
    };
    static const struct change contained[] = {
        { "'resourceType':'Measure'", "'resourceType':'Library'", MSG_VALIDATE_REFERENCE_TARGET, "MeasureReport.measure" },
    };

    try_all(good, changes, COUNT(changes));
    try_changes(report, contained, COUNT(contained), VALIDATE_HL7);
}

TEST(contained_resources_without_type_or_id_are_not_there)
{
    static const char good[] = "{'resourceType':'Observation','status':'final','code':{'text':'x'},'contained':[{'resourceType':'Patient','id':'p'}],'subject':{'reference':'#p'}}";
    static const struct change changes[] = {
        { "'id':'p'", "'id':['p']", MSG_VALIDATE_ID_MISSING, "Observation.contained[0]" },
        { "'id':'p'", "'id':{'value':'p'}", MSG_VALIDATE_ID_MISSING, "Observation.contained[0]" },
        { "'resourceType':'Patient'", "'resourceType':['Patient']", MSG_VALIDATE_UNRESOLVED, "Observation.subject" },
        { "'resourceType':'Patient'", "'resourceType':'Pacient'", MSG_VALIDATE_UNRESOLVED, "Observation.subject" },
    };
    char *text = edited(good, "'resourceType':'Patient'", "'resourceType':{}"), *alone = edited(text, ",\"subject\":{\"reference\":\"#p\"}", "");

    try_all(good, changes, COUNT(changes));
    CHECK(alone != NULL);
    run_as(alone, VALIDATE_HL7);
    CHECK(errors(MSG_VALIDATE_CONTAINED_UNUSED, "Observation") == 0);
    free(alone);
    free(text);
}

TEST(what_a_reader_drops_is_not_there)
{
    static const char good[] =
        "{'resourceType':'Bundle','type':'collection','entry':[{'fullUrl':'http://example.org/fhir/Basic/1','resource':{'resourceType':'Basic','id':'1','code':{'text':'x'}}},"
        "{'fullUrl':'http://example.org/fhir/Media/2','resource':{'resourceType':'Media','id':'2','status':'completed','content':{'url':'http://example.org/x','size':1000}}}]}";
    static const struct change changes[] = {
        { "'resourceType':'Basic'", "'resourceType':'Basis'", MSG_VALIDATE_INVARIANT, "Bundle.entry[0]" },   /* bdl-5: no resource */
        { "'size':1000", "'size':1000.0", MSG_VALIDATE_SIZE_WRONG, "Bundle.entry[1].resource.content" },
        { "'size':1000", "'size':-1", MSG_VALIDATE_SIZE_WRONG, "Bundle.entry[1].resource.content" },
    };
    char *text = edited(good, "'fullUrl':'http://example.org/fhir/Basic/1'", "'_fullUrl':{'extension':[{'url':'http://example.org/x','valueString':'x'}]}");

    try_all(good, changes, COUNT(changes));
    CHECK(text != NULL);
    run_as(text, VALIDATE_HL7);
    for (const struct issue *i = issues.first; i != NULL; i = i->next)
        CHECK(i->msg != MSG_VALIDATE_EXPRESSION);   /* bdl-7 joins texts, and an element without a value is none */
    free(text);
}

/* A list of many, each of which is looked for among all. */
static char *many(const char *head, const char *part, size_t count, const char *tail)
{
    size_t size = strlen(head) + strlen(tail) + count * (strlen(part) + 32) + 1, len = (size_t)snprintf(NULL, 0, "%s", head);
    char *text = malloc(size);

    if (text == NULL)
        return NULL;
    snprintf(text, size, "%s", head);
    for (size_t i = 0; i < count; i++) {
        int n = snprintf(text + len, size - len, part, i > 0 ? "," : "", (unsigned)i, (unsigned)(count - i));
        len += n > 0 ? (size_t)n : 0;
    }
    snprintf(text + len, size - len, "%s", tail);
    for (char *c = text; *c != '\0'; c++)
        *c = *c == '\'' ? '"' : *c;
    return text;
}

TEST(hostile_lists_are_cut_off_and_that_is_said)
{
    static const struct { const char *head, *part, *tail; } cases[] = {
        { "{'resourceType':'Questionnaire','status':'active','item':[", "%s{'linkId':'a%u','type':'string','enableWhen':[{'question':'a%u','operator':'=','answerString':'x'}]}", "]}" },
        { "{'resourceType':'StructureMap','url':'http://example.org/m','name':'M','status':'draft','group':[", "%s{'name':'a%u','extends':'a%u','typeMode':'none','input':[{'name':'s','mode':'source'}],'rule':[{'name':'r','source':[{'context':'s'}]}]}", "]}" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char *text = many(cases[i].head, cases[i].part, 5000, cases[i].tail);
        bool told = false;

        CHECK(text != NULL);
        run_as(text, VALIDATE_HL7);
        for (const struct issue *k = issues.first; k != NULL; k = k->next)
            told |= k->msg == MSG_VALIDATE_NOT_CHECKED;
        CHECK(told);
        free(text);
    }
}

TEST(the_world_closes)
{
    arena_free(arena);
}

TEST_MAIN()
