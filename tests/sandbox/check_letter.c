/*
 * NAME
 *     check_letter - document Bundles: 診療情報提供書 and 患者サマリー
 *
 * DESCRIPTION
 *     Composition first, its required elements, the sections with their fixed titles and places, the resources that the profile counts, and that
 *     every entry can be reached from the Composition.
 */
#include "tests/sandbox/check.h"

#define SECTION_SYSTEM "http://jpfhir.jp/fhir/clins/CodeSystem/document-section"
#define VERSION_EXTENSION "http://hl7.org/fhir/StructureDefinition/composition-clinicaldocument-versionNumber"
#define END { NULL, 0, 0, FORM_ANY, NULL, NULL }

#define COMPOSITION(profile) \
    { "meta", 1, 1, FORM_OBJECT, NULL, "meta" }, { "meta.lastUpdated", 1, 1, FORM_INSTANT, NULL, "meta" }, \
    { "meta.profile", 1, MANY, FORM_TEXT, NULL, "meta" }, { "meta.profile{~" profile "}", 1, 1, FORM_ANY, NULL, "meta.profile" }, \
    { "extension{url=" VERSION_EXTENSION "}", 1, 1, FORM_OBJECT, NULL, "version" }, \
    { "extension{url=" VERSION_EXTENSION "}.valueString", 1, 1, FORM_TEXT, NULL, "version" }, \
    { "identifier", 1, 1, FORM_OBJECT, NULL, "identifier" }, { "identifier.system", 1, 1, FORM_FIXED, RESOURCE_ID_SYSTEM, "identifier" }, \
    { "identifier.value", 1, 1, FORM_TEXT, NULL, "identifier" }, { "status", 1, 1, FORM_FIXED, "final", "status" }, \
    { "type", 1, 1, FORM_OBJECT, NULL, "type" }, { "type.coding", 1, 1, FORM_OBJECT, NULL, "type" }, \
    { "type.coding.system", 1, 1, FORM_FIXED, "http://jpfhir.jp/fhir/Common/CodeSystem/doc-typecodes", "type" }, \
    { "category", 1, 1, FORM_OBJECT, NULL, "category" }, { "category.coding", 1, 1, FORM_OBJECT, NULL, "category" }, \
    { "category.coding.system", 1, 1, FORM_FIXED, "http://jpfhir.jp/fhir/Common/CodeSystem/doc-subtypecodes", "category" }, \
    { "category.coding.code", 1, 1, FORM_TEXT, NULL, "category" }, \
    { "subject", 1, 1, FORM_OBJECT, NULL, "subject" }, { "subject.reference", 1, 1, FORM_TEXT, NULL, "subject" }, \
    { "encounter.reference", 1, 1, FORM_TEXT, NULL, "encounter" }, { "date", 1, 1, FORM_DATETIME, NULL, "date" }

static const struct check_row letter_composition_rows[] = {
    COMPOSITION("http://jpfhir.jp/fhir/eReferral/StructureDefinition/JP_Composition_eReferral"),
    { "type.coding.code", 1, 1, FORM_FIXED, "57133-1", "type" },
    { "title", 1, 1, FORM_FIXED, "診療情報提供書", "title" },
    { "author", 1, MANY, FORM_OBJECT, NULL, "author" },
    { "author.reference", 1, 1, FORM_TEXT, NULL, "author" },
    { "custodian", 1, 1, FORM_OBJECT, NULL, "custodian" },
    { "custodian.reference", 1, 1, FORM_TEXT, NULL, "custodian" },
    { "event", 1, 1, FORM_OBJECT, NULL, "event" },
    { "event.code", 1, 1, FORM_OBJECT, NULL, "event" },
    { "event.code.text", 1, 1, FORM_TEXT, NULL, "event" },
    { "event.code.coding", 0, 0, FORM_ANY, NULL, "event" },
    { "event.period", 1, 1, FORM_OBJECT, NULL, "event" },
    { "event.period.start", 1, 1, FORM_DATETIME, NULL, "event" },
    { "section", 2, MANY, FORM_OBJECT, NULL, "section" },
    END
};

static const struct check_row summary_composition_rows[] = {
    COMPOSITION("http://jpfhir.jp/fhir/ePCS/StructureDefinition/JP_Composition_ePCS"),
    { "type.coding.code", 1, 1, FORM_FIXED, "56447-6", "type" },
    { "title", 1, 1, FORM_FIXED, "患者サマリー（療養計画書）", "title" },
    { "encounter", 1, 1, FORM_OBJECT, NULL, "encounter" },
    { "author", 2, 2, FORM_OBJECT, NULL, "author" },
    { "custodian", 0, 0, FORM_ANY, NULL, "custodian" },
    { "event", 0, 0, FORM_ANY, NULL, "event" },
    { "section", 0, 1, FORM_OBJECT, NULL, "section" },
    END
};

static const struct check_row document_rows[] = {
    { "type", 1, 1, FORM_FIXED, "document", "R0201" },
    { "signature", 0, 1, FORM_OBJECT, NULL, "signature" },
    END
};

static const struct check_row letter_rows[] = {
    { "meta.profile{~" CLINS_SD "JP_Bundle_eReferral}", 1, 1, FORM_ANY, NULL, "R0213" },
    { "entry", 5, MANY, FORM_OBJECT, NULL, "R0211" },
    END
};

static const struct check_row summary_rows[] = {
    { "meta.profile{~" CLINS_SD "JP_Bundle_ePCS}", 1, 1, FORM_ANY, NULL, "R0213" },
    { "entry", 7, MANY, FORM_OBJECT, NULL, "R0211" },
    END
};

/* ---- sections --------------------------------------------------------------------------------------------------------------------- */

enum place { TOP, INSIDE_300, SUMMARY };

static const struct section_row { const char *code, *title; enum place place; unsigned short min, max, entry_min, entry_max, text_max; } section_table[] = {
    { "920", "紹介元情報", TOP, 1, 1, 1, 3, 1 },
    { "910", "紹介先情報", TOP, 1, 1, 1, 3, 1 },
    { "200", "CDA参照", TOP, 0, 1, 1, 1, 1 },
    { "300", "構造情報", TOP, 0, 1, 0, MANY, 1 },
    { "210", "添付情報", TOP, 0, MANY, 1, MANY, 1 },
    { "220", "備考・連絡情報", TOP, 0, MANY, 0, 1, 1 },
    { "230", "PDF", TOP, 0, MANY, 1, MANY, 0 },
    { "950", "紹介目的", INSIDE_300, 1, 1, 0, 1, 1 },
    { "340", "傷病名・主訴", INSIDE_300, 1, 1, 0, MANY, 1 },
    { "360", "現病歴", INSIDE_300, 1, 1, 0, MANY, 1 },
    { "370", "既往歴", INSIDE_300, 0, 1, 0, MANY, 1 },
    { "510", "アレルギー・不耐性反応", INSIDE_300, 0, 1, 0, MANY, 1 },
    { "550", "家族歴", INSIDE_300, 0, 1, 0, MANY, 1 },
    { "610", "身体所見", INSIDE_300, 0, 1, 0, MANY, 1 },
    { "520", "感染症情報", INSIDE_300, 0, 1, 0, MANY, 1 },
    { "640", "社会歴・生活習慣", INSIDE_300, 0, 1, 0, MANY, 1 },
    { "530", "予防接種歴", INSIDE_300, 0, 1, 0, MANY, 1 },
    { "730", "手術", INSIDE_300, 0, 1, 0, MANY, 1 },
    { "740", "輸血歴", INSIDE_300, 0, 1, 0, MANY, 1 },
    { "720", "処置", INSIDE_300, 0, 1, 0, MANY, 1 },
    { "430", "投薬指示", INSIDE_300, 0, 1, 0, MANY, 1 },
    { "620", "検査結果", INSIDE_300, 0, 1, 0, MANY, 1 },
    { "330", "臨床経過", INSIDE_300, 0, 1, 0, MANY, 1 },
    { "420", "診療方針指示", INSIDE_300, 0, 1, 0, MANY, 1 },
    { "810", "医療機器", INSIDE_300, 0, 1, 0, MANY, 1 },
    { "410", "事前指示", INSIDE_300, 0, 1, 0, MANY, 1 },
    { "830", "臨床研究参加", INSIDE_300, 0, 1, 0, MANY, 1 },
    { "422", "計画サマリー", SUMMARY, 0, 1, 2, MANY, 1 },
};

enum { SECTIONS = sizeof section_table / sizeof section_table[0] };

static const struct check_row section_rows[] = {
    { "title", 1, 1, FORM_TEXT, NULL, "section" },
    { "code", 1, 1, FORM_OBJECT, NULL, "section" },
    { "code.coding", 1, 1, FORM_OBJECT, NULL, "section" },
    { "code.coding.system", 1, 1, FORM_FIXED, SECTION_SYSTEM, "section" },
    { "code.coding.code", 1, 1, FORM_TEXT, NULL, "section" },
    { "code.text", 0, 0, FORM_ANY, NULL, "section" },
    { "text.status", 1, 1, FORM_ONE_OF, "generated|extensions|additional|empty", "section" },
    { "text.div", 1, 1, FORM_TEXT, NULL, "section" },
    { "mode", 0, 0, FORM_ANY, NULL, "section" },
    { "orderedBy", 0, 0, FORM_ANY, NULL, "section" },
    END
};

static unsigned count_of(const struct json_node *list)
{
    return json_is(list, JSON_ARRAY) ? list->count : list != NULL ? 1 : 0;
}

static void check_section(struct sb_bundle *b, const struct json_node *s, const char *at, const struct section_row *row)
{
    char text[LOCATION_MAX];
    unsigned entries = count_of(json_get(s, "entry"));
    bool inner = json_get(s, "section") != NULL;
    if (!json_equals(json_get(s, "title"), row->title))
        check_find(b, "section.title", at, "セクションの題名が定められたものではありません。");
    if (entries < row->entry_min || entries > row->entry_max)
        check_find(b, "section.entry", at, "セクションの参照の数が定められた範囲にありません。");
    if (json_get(s, "text") != NULL && row->text_max == 0)
        check_find(b, "section.text", at, "このセクションにはテキストを記載できません。");
    if (json_get(s, "text") == NULL && entries == 0 && !inner)
        check_find(b, "cmp-1", at, "テキスト、参照、下位セクションのいずれもありません。");
    if (json_get(s, "emptyReason") != NULL && entries > 0)
        check_find(b, "cmp-2", at, "参照があるセクションにemptyReasonがあります。");
    const struct json_node *display = json_get(json_at(json_get(json_get(s, "code"), "coding"), 0), "display");
    check_at(text, "%sセクション", row->title);
    if (display != NULL && !json_equals(display, text))
        check_find(b, "section.code", at, "セクションのコードの表示名が正しくありません。");
    if (inner && strcmp(row->code, "300") != 0)
        check_find(b, "section.section", at, "このセクションは下位セクションを持てません。");
}

/* One level of sections: each known here, counted. */
static void check_sections(struct sb_bundle *b, const struct json_node *parent, const char *location, enum place place)
{
    unsigned count[SECTIONS] = { 0 }, n = 0;
    for (const struct json_node *s = check_items(parent, "section"); s != NULL; s = s->next, n++) {
        char at[LOCATION_MAX];
        int found = -1;
        const char *code = check_text(b, json_at(json_get(json_get(s, "code"), "coding"), 0), "code");
        check_at(at, "%s.section[%u]", location, n);
        check_rows(b, s, at, section_rows);
        for (int i = 0; i < SECTIONS && found < 0; i++)
            if (section_table[i].place == place && strcmp(section_table[i].code, code) == 0)
                found = i;
        if (found < 0) {
            check_find(b, "section.code", at, "この位置に許されていないセクションです。");
            continue;
        }
        count[found]++;
        check_section(b, s, at, &section_table[found]);
        if (strcmp(code, "300") == 0)
            check_sections(b, s, at, INSIDE_300);
    }
    for (int i = 0; i < SECTIONS; i++) {
        char at[LOCATION_MAX];
        check_at(at, "%s.section", location);
        if (section_table[i].place == place && (count[i] < section_table[i].min || count[i] > section_table[i].max))
            check_find(b, "section", at, "必須のセクションがないか、同じセクションが複数あります。");
    }
}

/* 200 CDA参照 or 300 構造情報, one of them. */
static void check_either(struct sb_bundle *b, const struct json_node *composition)
{
    unsigned n = 0;
    for (const struct json_node *s = check_items(composition, "section"); s != NULL; s = s->next) {
        const struct json_node *code = json_get(json_at(json_get(json_get(s, "code"), "coding"), 0), "code");
        n += json_equals(code, "200") || json_equals(code, "300");
    }
    if (n != 1)
        check_find(b, "checkExist", "Bundle.entry[0].resource.section", "CDA参照と構造情報のどちらか一つが必要です。");
}

/* ---- reachability ----------------------------------------------------------------------------------------------------------------- */

struct graph { const struct json_node **entry; const char **url; bool *reached; unsigned count; };

static void graph_mark(struct sb_bundle *b, struct graph *g, const struct json_node *node)
{
    if (json_key_is(node, "reference") && node->type == JSON_STRING) {
        for (unsigned i = 0; i < g->count; i++) {
            if (!g->reached[i] && json_equals(node, g->url[i])) {
                g->reached[i] = true;
                graph_mark(b, g, g->entry[i]);
            }
        }
    } else if (node->type == JSON_OBJECT || node->type == JSON_ARRAY) {
        for (const struct json_node *c = node->child; c != NULL; c = c->next)
            graph_mark(b, g, c);
    }
}

/* An entry that refers to something reached is reached too (documents may be linked backward). */
static bool graph_refers(const struct graph *g, const struct json_node *node)
{
    if (json_key_is(node, "reference") && node->type == JSON_STRING) {
        for (unsigned i = 0; i < g->count; i++)
            if (g->reached[i] && json_equals(node, g->url[i]))
                return true;
        return false;
    }
    if (node->type != JSON_OBJECT && node->type != JSON_ARRAY)
        return false;
    for (const struct json_node *c = node->child; c != NULL; c = c->next)
        if (graph_refers(g, c))
            return true;
    return false;
}

enum { GRAPH_MAX = 2000 };

static void check_reachable(struct sb_bundle *b)
{
    const struct json_node *list = json_get(b->root, "entry");
    struct graph g = { .count = count_of(list) };
    if (g.count == 0 || g.count > GRAPH_MAX)
        return;
    g.entry = arena_array(b->arena, g.count, sizeof *g.entry);
    g.url = arena_array(b->arena, g.count, sizeof *g.url);
    g.reached = arena_array(b->arena, g.count, sizeof *g.reached);
    if (g.entry == NULL || g.url == NULL || g.reached == NULL)
        return;
    unsigned n = 0;
    for (const struct json_node *i = list->child; i != NULL; i = i->next, n++) {
        g.entry[n] = i;
        g.url[n] = check_text(b, i, "fullUrl");
    }
    g.reached[0] = true;
    graph_mark(b, &g, g.entry[0]);
    for (bool more = true; more;) {
        more = false;
        for (unsigned i = 1; i < g.count; i++) {
            if (!g.reached[i] && graph_refers(&g, g.entry[i])) {
                more = g.reached[i] = true;
                graph_mark(b, &g, g.entry[i]);
            }
        }
    }
    for (unsigned i = 1; i < g.count; i++) {
        char at[LOCATION_MAX];
        check_at(at, "Bundle.entry[%u]", i);
        if (!g.reached[i])
            check_find(b, "bdl-document", at, "Compositionからたどれないリソースです。");
    }
}

/* ---- documents -------------------------------------------------------------------------------------------------------------------- */

struct count_row { const char *type; unsigned short min, max; };

static void check_counts(struct sb_bundle *b, const struct count_row *rows)
{
    for (; rows->type != NULL; rows++) {
        unsigned n = 0;
        for (const struct json_node *i = check_items(b->root, "entry"); i != NULL; i = i->next)
            n += json_equals(json_get(json_get(i, "resource"), "resourceType"), rows->type);
        if (n < rows->min || n > rows->max)
            check_find(b, "R0211", "Bundle.entry", "必須のリソースがないか、数が定められた範囲にありません。");
    }
}

static void check_document(struct sb_bundle *b, const struct check_row *rows, const struct check_row *composition_rows, const struct count_row *counts, enum place place)
{
    const struct json_node *first = json_get(json_at(json_get(b->root, "entry"), 0), "resource");
    unsigned n = 0;
    check_rows(b, b->root, "Bundle", document_rows);
    check_rows(b, b->root, "Bundle", rows);
    check_flags(b, b->root, "Bundle", "Bundle");
    if (!json_equals(json_get(first, "resourceType"), "Composition"))
        check_find(b, "bdl-11", "Bundle.entry[0].resource", "先頭のリソースがCompositionではありません。");
    else {
        check_rows(b, first, "Bundle.entry[0].resource", composition_rows);
        check_sections(b, first, "Bundle.entry[0].resource", place);
    }
    check_counts(b, counts);
    for (const struct json_node *i = check_items(b->root, "entry"); i != NULL; i = i->next, n++) {
        char location[LOCATION_MAX];
        check_at(location, "Bundle.entry[%u].resource", n);
        check_resource(b, json_get(i, "resource"), location, true);
    }
    check_reachable(b);
}

void check_letter(struct sb_bundle *b)
{
    static const struct count_row counts[] = { { "Composition", 1, 1 }, { "Patient", 1, 1 }, { "Practitioner", 1, MANY }, { "Organization", 2, 4 }, { NULL, 0, 0 } };
    check_document(b, letter_rows, letter_composition_rows, counts, TOP);
    check_either(b, json_get(json_at(json_get(b->root, "entry"), 0), "resource"));
}

void check_summary(struct sb_bundle *b)
{
    static const struct count_row counts[] = { { "Composition", 1, 1 }, { "Patient", 1, 1 }, { "Practitioner", 1, MANY }, { "Organization", 1, 1 },
                                               { "Encounter", 1, 1 }, { "CarePlan", 1, 1 }, { "Condition", 1, MANY }, { NULL, 0, 0 } };
    check_document(b, summary_rows, summary_composition_rows, counts, SUMMARY);
}
