/*
 * NAME
 *     fhir_build_bundle - the neutral chart as a JP-CLINS Bundle
 *
 * SYNOPSIS
 *     fhir_options_init(&options); fhir_build_bundle(chart, &options, arena, &json, map, &issues, &e);
 *
 * DESCRIPTION
 *     Five kinds of chart information become a collection (JP_Bundle_CLINS): the Patient first, then resources of one type. The letter becomes a
 *     document (letter.c). The tree is built with cJSON, its strings referenced from chart and arena; attachments are spliced in while
 *     printing (node.c).
 *
 * DIAGNOSTICS
 *     ERR_INVALID with the reason among the issues; ERR_NOMEM; ERR_LIMIT; ERR_UNSUPPORTED for kinds that come as ready Bundles.
 */
#include "fhir/parts.h"

#include <string.h>

#define SYSTEM_BUNDLE_IDENTIFIER "http://jpfhir.jp/fhir/clins/bundle-identifier"
#define SYSTEM_BUNDLE_TYPE "http://jpfhir.jp/fhir/clins/CodeSystem/BundleResourceType_CS"

/* What the package 1.5.2 takes: its invariants refuse a version on entries, though the guide's prose asks for it. */
static const struct fhir_suffix default_suffixes[] = {
    { NULL, FHIR_ON_BUNDLE, "|1" },
    { NULL, FHIR_ON_COMPOSITION, "|1" },
    { NULL, FHIR_ON_ENTRY, "" },
    { NULL, FHIR_ON_CONTAINED, "" },
};

void fhir_options_init(struct fhir_options *options)
{
    *options = (struct fhir_options){
        .suffixes = default_suffixes,
        .suffix_count = sizeof default_suffixes / sizeof default_suffixes[0],
        .public_payer_system = FHIR_SYSTEM_MEMBER,
    };
}

void fhir_begin_bundle(struct fhir_build *b, const char *profile, const char *type, const char *bundle_id, unsigned flags, const char *resource_tag)
{
    struct fhir_node bundle = b->frame->bundle;
    fhir_add(b, bundle, "resourceType", "Bundle");
    fhir_meta(b, bundle, profile, FHIR_ON_BUNDLE, flags);
    if (resource_tag != NULL) {
        struct fhir_node tag = fhir_item(b, fhir_object(b, bundle, "meta"), "tag");
        fhir_add(b, tag, "system", SYSTEM_BUNDLE_TYPE);
        fhir_add(b, tag, "code", resource_tag);
    }
    struct fhir_node identifier = fhir_object(b, bundle, "identifier");
    fhir_add(b, identifier, "system", SYSTEM_BUNDLE_IDENTIFIER);
    fhir_add(b, identifier, "value", bundle_id);
    fhir_add(b, bundle, "type", type);
    fhir_add(b, bundle, "timestamp", b->now);
    if (b->failed != 0)
        return;
    b->frame->entries = cJSON_AddArrayToObject(bundle.json, "entry");
    if (b->frame->entries == NULL)
        fhir_fail(b, ERR_NOMEM);
}

static void build_collection(struct fhir_build *b)
{
    const struct chart *c = b->chart;
    fhir_begin_bundle(b, FHIR_CLINS "JP_Bundle_CLINS", "collection", b->options->bundle_id, 0, chart_kind_resource(c->kind));
    fhir_patient(b);
    size_t before = b->frame->count;
    for (size_t i = 0; c->kind == CHART_DISEASES && i < c->disease_count; i++)
        fhir_disease(b, &c->disease[i]);
    for (size_t i = 0; c->kind == CHART_ALLERGIES && i < c->allergy_count; i++)
        fhir_allergy(b, &c->allergy[i]);
    for (size_t i = 0; c->kind == CHART_LAB && c->lab != NULL && i < c->lab->item_count; i++)
        fhir_lab(b, &c->lab->item[i], c->lab, c->lab->requester != NULL ? c->lab->requester : c->practitioner);
    if (b->failed == 0 && b->frame->count == before)
        fhir_refuse(b, MSG_FHIR_EMPTY, c->at, NULL, NULL);
}

/* By enum chart_kind; NULL = comes as a ready Bundle. */
static void (*const builders[CHART_KIND_COUNT])(struct fhir_build *) = {
    [CHART_DISEASES] = build_collection,
    [CHART_ALLERGIES] = build_collection,
    [CHART_LAB] = build_collection,
    [CHART_LETTER] = fhir_build_letter,
};

static int report_failure(const struct fhir_build *b, struct err *e)
{
    switch (b->failed) {
    case ERR_INVALID:
        return err_set(e, ERR_INVALID, MSG_FHIR_REFUSED, NULL, NULL, NULL);
    case ERR_LIMIT:
        return err_set(e, ERR_LIMIT, MSG_LIMIT, NULL, "Bundle", NULL);
    default:
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "fhir", NULL);
    }
}

int fhir_build_bundle(const struct chart *chart, const struct fhir_options *options, struct arena *arena, struct buf *ret_json,
                      struct source_map *map, struct issue_list *issues, struct err *e)
{
    if ((unsigned)chart->kind >= CHART_KIND_COUNT || builders[chart->kind] == NULL)
        return err_set(e, ERR_UNSUPPORTED, MSG_FHIR_KIND, NULL, chart_kind_name(chart->kind), NULL);
    cJSON *root = cJSON_CreateObject();
    struct fhir_frame frame = { .bundle = { root, "Bundle" } };
    struct fhir_build b = { .chart = chart, .options = options, .arena = arena, .map = map, .issues = issues, .frame = &frame };
    if (root == NULL)
        b.failed = ERR_NOMEM;
    time_format_jst_ms(options->now_ms, b.now);
    fhir_map(&b, frame.bundle, chart->at);
    builders[chart->kind](&b);
    if (b.failed == 0)
        b.failed = fhir_print(&b, root, ret_json);
    cJSON_Delete(root);
    return b.failed == 0 ? 0 : report_failure(&b, e);
}
