/*
 * fhir.h - the neutral chart as a JP-CLINS Bundle (FHIR R4), and what a finished Bundle says about itself.
 *
 * Both are pure functions: no file, no clock, no random number. The same chart, options and seed give the same bytes.
 *
 *     struct fhir_options o;
 *     fhir_options_init(&o);
 *     o.bundle_id = "1318814790^2026^..."; o.now_ms = now; memcpy(o.seed, seed, sizeof o.seed);
 *     struct buf json; buf_init(&json, 64 << 20);
 *     struct source_map *map = source_map_new(arena);
 *     if (fhir_build_bundle(chart, &o, arena, &json, map, &issues, &e) < 0) ...
 *
 * Ownership: chart, options and attachments are borrowed during the call; the bytes belong to the caller's buffer; texts of source map,
 * issues and facts live in their arenas. Attachments are written straight into the buffer as Base64, once.
 *
 * Failure: ERR_INVALID when the chart cannot become a Bundle (the reason stands in the issues as an error; the buffer is as before),
 * ERR_NOMEM, ERR_LIMIT when the Bundle passes the maximum of the buffer or of the arena.
 *
 * Source: JP-CLINS 1.5.2, profiles JP_Bundle_CLINS, JP_Bundle_eReferral, JP_Bundle_eDischargeSummary and the _eCS profiles. A cancel needs
 * no Bundle. Code maps and warnings about uncoded terms are chart/'s work (order_settle_codes), done before.
 */
#ifndef FHIR_FHIR_H
#define FHIR_FHIR_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/issue.h"
#include "base/json_doc.h"
#include "chart/chart.h"
#include "chart/source_map.h"

/* Where a profile's URL is written: the guide and its package disagree on the version suffix by position. */
enum fhir_position { FHIR_ON_BUNDLE, FHIR_ON_COMPOSITION, FHIR_ON_ENTRY, FHIR_ON_CONTAINED };

/* One line of data: what is put behind a profile's URL at a position. */
struct fhir_suffix {
    const char *profile;             /* canonical URL without version; NULL = any */
    enum fhir_position position;
    const char *suffix;              /* "|1", or "" for the bare URL */
};

struct fhir_options {
    const char *bundle_id;           /* 機関番号^年^ID */
    int64_t now_ms;                  /* meta.lastUpdated and timestamp */
    unsigned char seed[32];          /* of every uuid inside */
    const struct fhir_suffix *suffixes;  /* the last fitting line wins; fhir_options_init() sets the lines that pass package 1.5.2 */
    size_t suffix_count;
    /*
     * Identifier system for a patient who has a public payer only (生活保護). Package 1.5.2 knows just the member system, which is the default;
     * which one the service means is not public. Beside a member id the public payer always goes under its own system.
     */
    const char *public_payer_system;
};

/* Defaults: "|1" on Bundle and Composition, bare elsewhere; no Bundle-ID, zero seed. */
void fhir_options_init(struct fhir_options *options);

#define FHIR_SYSTEM_MEMBER "http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID"
#define FHIR_SYSTEM_PUBLIC_PAYER "http://jpfhir.jp/fhir/clins/Idsystem/JP_PublicPayer_memberID"

/*
 * Appends the Bundle of one unit's chart to ret_json, one line for each resource and each element with vendor data to map, and what was found on
 * the way to issues. chart->kind: diseases, allergies, lab, letter; another kind is ERR_UNSUPPORTED (those come as ready Bundles).
 */
int fhir_build_bundle(const struct chart *chart, const struct fhir_options *options, struct arena *arena, struct buf *ret_json,
                      struct source_map *map, struct issue_list *issues, struct err *e);

/* ---- facts of a finished Bundle ---------------------------------------------------------------------------------------------------- */

enum fhir_bundle_kind {
    FHIR_BUNDLE_UNKNOWN,
    FHIR_BUNDLE_DISEASES, FHIR_BUNDLE_ALLERGIES, FHIR_BUNDLE_LAB,      /* collections, by the resource type of meta.tag or of the entries */
    FHIR_BUNDLE_LETTER, FHIR_BUNDLE_DISCHARGE, FHIR_BUNDLE_PATIENT_SUMMARY, FHIR_BUNDLE_CHECKUP
};

struct fhir_bundle_facts {
    enum fhir_bundle_kind kind;
    const char *bundle_id;           /* Bundle.identifier.value; NULL = none */
    const char *profile;             /* first meta.profile of the Bundle as written; NULL = none */
    const char *resource_type;       /* "Condition", "AllergyIntolerance", "Observation", or "Composition" for documents; NULL = unknown */
    const char *institution;         /* 10 digits: of the Bundle-ID, else of an entry's extension, else of the sender; NULL = unknown */
    const char *insured;             /* 被保険者個人識別子 (or the public payer's) of the Patient; NULL = none */
    const char *chart_number;        /* the Patient's number inside the institution; NULL = none */
    const char *patient_name;        /* text of the first name; for the readable outcome only, never for a log */
    const char *receiver;            /* letter: institution number of the Organization of section 910; NULL = none */
    const char *issued;              /* Composition.date or Bundle.timestamp as written; NULL = none */
    bool has_signature;              /* Bundle.signature is there */
    bool long_term;                  /* tag LTS on Bundle or Composition */
    size_t entry_count;
};

/*
 * Reads what desk and request need to know. Lenient: what is missing stays NULL, judging is validate/'s task. Texts live in the arena.
 * ERR_INVALID when it is no Bundle.
 */
int fhir_read_root_facts(const struct json_node *root, struct arena *arena, struct fhir_bundle_facts *ret_facts, struct err *e);

#endif
