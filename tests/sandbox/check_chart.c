/*
 * NAME
 *     check_chart - the Bundle of the five kinds (collection)
 *
 * DESCRIPTION
 *     One Patient first, then one resource type, the one of meta.tag and of ClinicalKind. Institution number on every resource but the Patient,
 *     department and contained Encounter on Condition and Observation, onset on Condition; only the Patient is referenced inside the Bundle.
 */
#include "tests/sandbox/check.h"

static const struct check_row chart_rows[] = {
    { "type", 1, 1, FORM_FIXED, "collection", "R0201" },
    { "meta.profile{~" CLINS_SD "JP_Bundle_CLINS}", 1, 1, FORM_ANY, NULL, "R0213" },
    { "meta.tag{system=" TYPE_TAG_SYSTEM "}", 1, 1, FORM_OBJECT, NULL, "R02141" },
    { "meta.tag.system", 1, 1, FORM_TEXT, NULL, "R02141" },
    { "meta.tag.code", 1, 1, FORM_TEXT, NULL, "R02141" },
    { "entry.link", 0, 0, FORM_ANY, NULL, "R0218" },
    { "entry.extension", 0, 0, FORM_ANY, NULL, "R0218" },
    { "signature", 0, 1, FORM_OBJECT, NULL, "R0219" },
    { NULL, 0, 0, FORM_ANY, NULL, NULL }
};

static const struct { const char *type, *profile; bool department, onset; const char *subject; } kind_table[] = {
    { "Condition", ECS_SD "JP_Condition_eCS", true, true, "subject" },
    { "AllergyIntolerance", ECS_SD "JP_AllergyIntolerance_eCS", false, false, "patient" },
    { "Observation", ECS_SD "JP_Observation_LabResult_eCS", true, false, "subject" },
};

static int kind_of(const char *type)
{
    for (int i = 0; i < 3; i++)
        if (strcmp(kind_table[i].type, type) == 0)
            return i;
    return -1;
}

/* More than one type besides the Patient is the service's own error, before any look into the resources. */
static void check_one_type(struct sb_bundle *b)
{
    const char *first = NULL;
    unsigned n = 0;
    for (const struct json_node *i = check_items(b->root, "entry"); i != NULL; i = i->next, n++) {
        char at[LOCATION_MAX];
        const char *type = check_text(b, json_get(i, "resource"), "resourceType");
        check_at(at, "Bundle.entry[%u].resource", n);
        if (strcmp(type, "Patient") == 0) {
            if (n > 0)
                check_find(b, "R0211", at, "患者リソースは先頭に一つだけです。");
            continue;
        }
        if (n == 0)
            check_find(b, "R0211", at, "先頭のリソースがPatientではありません。");
        if (first == NULL)
            first = type;
        else if (strcmp(first, type) != 0)
            check_refuse(b, SB_MIXED_TYPES, "R02143", at, "複数のリソース種別が混在しています。");
    }
    if (first == NULL)
        check_find(b, "R02143", "Bundle.entry", "患者以外のリソースがありません。");
}

static void check_institution(struct sb_bundle *b, const struct json_node *r, const char *location)
{
    char at[LOCATION_MAX];
    const struct json_node *extension = check_pick(r, "extension", "url", INSTITUTION_EXTENSION, NULL);
    const char *number = check_text(b, json_get(extension, "valueIdentifier"), "value");
    check_at(at, "%s.extension", location);
    if (extension == NULL)
        check_find(b, "R9011", at, "医療機関番号の拡張がありません。");
    else if (!form_institution(number, strlen(number)))
        check_find(b, "R9012", at, "医療機関番号の形式が正しくありません。");
    else if (strcmp(number, b->sender) != 0)
        check_refuse(b, SB_NOT_SENDER, "R9012", at, "医療機関番号が送信元と一致しません。");
}

static void check_encounter(struct sb_bundle *b, const struct json_node *r, const char *location)
{
    bool found = false;
    char at[LOCATION_MAX];
    for (const struct json_node *c = check_items(r, "contained"); c != NULL; c = c->next) {
        const struct json_node *only = check_items(json_get(c, "meta"), "profile");
        found |= json_equals(json_get(c, "resourceType"), "Encounter") && only != NULL && only->next == NULL && json_equals(only, CORE_SD "JP_Encounter");
    }
    check_at(at, "%s.contained", location);
    if (!found)
        check_find(b, "R9013", at, "JP_Encounterだけをプロファイルに持つcontainedのEncounterがありません。");
}

static void check_entry(struct sb_bundle *b, const struct json_node *r, const char *location, const char *patient_url)
{
    char at[LOCATION_MAX];
    int kind = kind_of(check_text(b, r, "resourceType"));
    if (kind < 0)
        return;
    check_institution(b, r, location);
    if (!check_has_profile(r, kind_table[kind].profile, true)) {
        check_at(at, "%s.meta.profile", location);
        check_find(b, "validEntryProfile", at, "プロファイルのURLが版数なしで記載されていません。");
    }
    if (kind_table[kind].department) {
        check_encounter(b, r, location);
        check_at(at, "%s.extension", location);
        if (check_pick(r, "extension", "url", DEPARTMENT_EXTENSION, NULL) == NULL)
            check_find(b, "R9014", at, "診療科の拡張がありません。");
    }
    if (kind_table[kind].onset && json_get(r, "onsetDateTime") == NULL) {
        check_at(at, "%s.onsetDateTime", location);
        check_find(b, "R9013C", at, "発症日(onsetDateTime)がありません。");
    }
    if (!json_equals(json_get(json_get(r, kind_table[kind].subject), "reference"), patient_url)) {
        check_at(at, "%s.%s.reference", location, kind_table[kind].subject);
        check_find(b, "R0220", at, "このBundleの患者リソースを参照していません。");
    }
}

void check_chart(struct sb_bundle *b, const char *kind)
{
    const struct json_node *tag = check_pick(json_get(b->root, "meta"), "tag", "system", TYPE_TAG_SYSTEM, NULL);
    const char *tagged = check_text(b, tag, "code"), *patient_url = check_text(b, json_at(json_get(b->root, "entry"), 0), "fullUrl");
    unsigned n = 0;
    check_one_type(b);
    check_flags(b, b->root, "Bundle", "CollectionBundle");
    for (const struct json_node *i = check_items(b->root, "entry"); i != NULL; i = i->next, n++) {
        char location[LOCATION_MAX];
        const struct json_node *r = json_get(i, "resource");
        check_at(location, "Bundle.entry[%u].resource", n);
        check_resource(b, r, location, false);
        check_entry(b, r, location, patient_url);
        const char *type = check_text(b, r, "resourceType");
        if (n > 0 && strcmp(type, tagged) != 0)
            check_find(b, "R02143", location, "meta.tagのリソース種別と一致しません。");
    }
    check_rows(b, b->root, "Bundle", chart_rows);
    if (kind_of(tagged) < 0)
        check_find(b, "R02142", "Bundle.meta.tag", "meta.tagのリソース種別が正しくありません。");
    if (kind != NULL && strcmp(kind, tagged) != 0)
        check_find(b, "R02142", "Bundle.meta.tag", "meta.tagのリソース種別が電文の種別と一致しません。");
}
