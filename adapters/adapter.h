/*
 * adapter.h - one vendor format each: bytes in, work order out. Pure functions: no files, no clock, no state.
 *
 *     const struct adapter_ops *a = adapter_choose("json", bytes, len);      // format of the source's configuration
 *     a->look(bytes, files, 0, &options, arena, &look, &issues, &e);         // cheap: what does it ask for, which attachments does it name
 *     ... the desk settles repeats, has the attachments claimed ...
 *     a->look(bytes, files, n, ...);                                         // again when a unit was `incomplete`: now the ready Bundle's id is known
 *     a->read(bytes, files, n, &options, arena, &order, &e);                 // everything, with all issues
 *
 * look and read agree: unit i of the one is unit i of the other, also when the unit is wrong.
 *
 * Mistakes of the vendor are issues, not errors of the function: look and read return 0 and add what they found (JSON pointer, line, column,
 * offset filled; for a file that is not JSON the line and column of the break). Look reports only what keeps it from telling the units,
 * and an institution that is not the facility's: its keys mean nothing here; read reports everything. A negative return means memory, a limit of ours or an internal mistake; then nothing was returned.
 * Everything returned lives in the arena or lends from the bytes given, which must stay alive.
 *
 * A format is a property of its source and never guessed, with one exception: "json" is a request or a bare FHIR Bundle, told apart by
 * the root member `resourceType`.
 */
#ifndef ADAPTERS_ADAPTER_H
#define ADAPTERS_ADAPTER_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/issue.h"
#include "chart/order.h"

/* A file that lay beside the request. */
struct adapter_file { const char *name; struct bytes content; };

struct adapter_options {
    const char *const *institutions;   /* 10-digit codes of the facility that are valid now; a file of any other is refused */
    size_t institution_count;          /* 0 = not checked (clinsgw validate) */
    int64_t now_ms;                    /* for dates in the future and entries that ended long ago; 0 = not checked */
};

struct adapter_look_unit {
    enum chart_kind kind;
    enum order_operation operation;
    bool valid;                  /* false: kind or operation cannot be told; read says why */
    bool incomplete;             /* a ready Bundle whose file was not among the files given: kind and ids not known yet */
    bool emptied;                /* as in struct order_unit */
    bool ready;                  /* a ready Bundle */
    bool sign;
    const char *key, *chart_number, *bundle_id, *insured, *signer;   /* as in struct order_unit */
    const char *resource_type;   /* chart_kind_resource(kind) */
};

struct adapter_look {
    const char *request_id;      /* NULL = none */
    bool all_or_none;
    const char *institution;     /* NULL = none found */
    const char *x_json;          /* as in struct order */
    struct adapter_look_unit *unit;
    size_t unit_count;
    const char **attachment;     /* names of the files that must lie beside it, each once, in order of naming */
    size_t attachment_count;
};

struct adapter_ops {
    const char *format;          /* "vendor_json", "ready_bundle" */
    int (*look)(struct bytes file, const struct adapter_file *files, size_t file_count, const struct adapter_options *options,
                struct arena *arena, struct adapter_look **ret_look, struct issue_list *issues, struct err *e);
    int (*read)(struct bytes file, const struct adapter_file *files, size_t file_count, const struct adapter_options *options,
                struct arena *arena, struct order **ret_order, struct err *e);
};

extern const struct adapter_ops vendor_json_ops;    /* adapters/vendor_json: the request of docs/vendor-guide.md */
extern const struct adapter_ops ready_bundle_ops;   /* adapters/ready_bundle: a bare FHIR Bundle, passed on unchanged */

/* By format name: "json" (tells request and Bundle apart by the bytes), "vendor_json", "ready_bundle". NULL for an unknown name. */
const struct adapter_ops *adapter_choose(const char *format, const char *bytes, size_t len);
/* The root is an object with a member `resourceType`. False for anything that is no JSON object. Reads the root's member names only. */
bool adapter_is_fhir(const char *bytes, size_t len);

/* What the first bytes say: "application/pdf", "image/png", "image/jpeg", "image/tiff", "application/xml", "application/json"; NULL = none of these. */
const char *adapter_media_type(const char *bytes, size_t len);

/* Bundle-ID: 10-digit institution ^ year 2020-2039 ^ 1-36 of A-Z a-z 0-9 - (JP-CLINS R2152). */
bool adapter_bundle_id_ok(const char *text, size_t len);
/* The facility of options owns that 10-digit code; true when options name none. */
bool adapter_institution_ok(const struct adapter_options *options, const char *code, size_t len);
/* Adds what a failed reader says as an issue. */
void adapter_add_err(struct issue_list *issues, const struct err *e);
/* JSON object of every member whose name begins with `x-`: those of the root by name, deeper ones by JSON pointer; the values as written, on one line. NULL = none. */
struct json_node;
int adapter_own_members(const struct json_node *root, struct bytes file, struct arena *arena, const char **ret_json);

enum {
    ADAPTER_FILE_MAX = 64 * 1024 * 1024,      /* bytes of one request file */
    ADAPTER_UNITS_MAX = 32,                   /* as FLOW_UNITS_MAX: what one request may hold as rows */
    ADAPTER_ATTACHMENTS_MAX = 50
};

#endif
