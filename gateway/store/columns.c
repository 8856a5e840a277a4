/*
 * NAME
 *     columns - the fields of the rows, written down once
 *
 * SYNOPSIS
 *     mask = store_columns_diff(TABLE_MESSAGE, &after, &before); store_body_add(&body, TABLE_MESSAGE, mask, &after);
 *
 * DESCRIPTION
 *     One table a row struct of flow.h: a new field there is one new line here (and a migration, once a store has been shipped). The type is
 *     taken from the field. Schema, statements and the bodies of events are made from these tables.
 *     An empty field (0, "", no digest) is not written into the body of a row's first event: the fold of events begins with an empty row.
 *
 * DIAGNOSTICS
 *     ERR_CORRUPT: a value that does not fit its field.
 */
#include "store/store_private.h"

#include "base/text.h"

#define TYPE_OF(type, field) _Generic(((struct type *)0)->field, bool: COLUMN_BOOL, int32_t: COLUMN_I32, unsigned: COLUMN_ENUM, int64_t: COLUMN_I64, \
                                      uint64_t: COLUMN_U64, char *: COLUMN_TEXT, struct sha256: COLUMN_DIGEST)
#define COLUMN_AS(type, field, as) { #field, as, offsetof(struct type, field), sizeof(((struct type *)0)->field) }
#define R(field) COLUMN_AS(flow_request, field, TYPE_OF(flow_request, field))
#define RP(field) COLUMN_AS(flow_request, field, COLUMN_PAYLOAD)
#define A(field) COLUMN_AS(flow_attachment, field, TYPE_OF(flow_attachment, field))
#define AP(field) COLUMN_AS(flow_attachment, field, COLUMN_PAYLOAD)
#define U(field) COLUMN_AS(flow_unit, field, TYPE_OF(flow_unit, field))
#define M(field) COLUMN_AS(flow_message, field, TYPE_OF(flow_message, field))
#define MP(field) COLUMN_AS(flow_message, field, COLUMN_PAYLOAD)
#define T(field) COLUMN_AS(flow_attempt, field, TYPE_OF(flow_attempt, field))
#define TP(field) COLUMN_AS(flow_attempt, field, COLUMN_PAYLOAD)
#define X(field) COLUMN_AS(flow_exchange, field, TYPE_OF(flow_exchange, field))
#define XP(field) COLUMN_AS(flow_exchange, field, COLUMN_PAYLOAD)
#define I(field) COLUMN_AS(flow_incident, field, TYPE_OF(flow_incident, field))

static const struct store_column request_columns[] = {
    R(state), R(step), R(origin), R(source), R(facility), R(name), R(work_name), R(actor), R(mtime_ns), R(received_wall_ms), R(since_wall_ms),
    R(due_ms), RP(original), R(content), RP(report), RP(outcome), R(request_id), R(all_or_none), R(about_request), R(repeat_of), R(open_units),
    R(deaths), R(outcome_written), R(filed), R(reason),
};
static const struct store_column attachment_columns[] = { A(request), A(name), A(work_name), AP(payload) };
static const struct store_column unit_columns[] = {
    U(request), U(index), U(source), U(facility), U(asked), U(settled), U(kind), U(unit), U(list_key), U(bundle_id), U(insured), U(waiting),
    U(message), U(repeats), U(reason),
};
static const struct store_column message_columns[] = {
    M(request), M(index), M(uuid), M(source), M(facility), M(state), M(operation), M(kind), M(unit), M(list_key), M(bundle_id), M(insured),
    M(received_wall_ms), M(since_wall_ms), M(due_ms), M(deadline_ms), MP(bundle), MP(source_map), MP(issues), MP(findings), MP(signed_bundle),
    M(signature), M(signer), M(signed_wall_ms), M(certificate_end_wall_ms), M(size), M(all_or_none), M(turn), M(blocks), M(loud), M(attempts),
    M(submits), M(failures), M(deaths), M(held), M(unsigned_ok), M(reason), M(result_code), M(evidence), M(evidence_exchange),
    M(stands_attempt), M(may_have_stood),
};
static const struct store_column attempt_columns[] = {
    T(message), T(number), T(facility), T(route), T(link), T(operation), T(open), T(left), TP(bundle), T(key_insured), T(receipt),
    T(receipt_exchange), T(begun_wall_ms), T(ended_wall_ms),
};
static const struct store_column exchange_columns[] = {
    X(message), X(attempt), X(of), X(kind), X(state), X(facility), X(route), X(bundle_id), X(name), X(identifier), XP(request), XP(answer),
    X(repeat), X(began_settled), X(began_cancel), X(loud), X(gone), X(removable), X(due_ms), X(deaths), X(answer_class), X(absent),
    X(already_there), X(result_code), X(begun_wall_ms), X(left_wall_ms), X(answered_wall_ms),
};
static const struct store_column incident_columns[] = { I(message), I(exchange), I(answer_class), I(open), I(reason), I(since_wall_ms) };

#define COLUMNS(name) { #name, sizeof(struct flow_##name), name##_columns, sizeof name##_columns / sizeof name##_columns[0] }
static const struct store_columns tables[TABLE_ROWS] = {
    [TABLE_REQUEST] = COLUMNS(request), [TABLE_ATTACHMENT] = COLUMNS(attachment), [TABLE_UNIT] = COLUMNS(unit), [TABLE_MESSAGE] = COLUMNS(message),
    [TABLE_ATTEMPT] = COLUMNS(attempt), [TABLE_EXCHANGE] = COLUMNS(exchange), [TABLE_INCIDENT] = COLUMNS(incident),
};

#define HEAD_FITS(name) _Static_assert(offsetof(struct flow_##name, id) == offsetof(struct store_head, id) && offsetof(struct flow_##name, version) == offsetof(struct store_head, version) \
                                       && sizeof name##_columns / sizeof name##_columns[0] <= 64, "a row begins with id and version, and its columns fit a mask")
HEAD_FITS(request);
HEAD_FITS(attachment);
HEAD_FITS(unit);
HEAD_FITS(message);
HEAD_FITS(attempt);
HEAD_FITS(exchange);
HEAD_FITS(incident);

const struct store_columns *store_columns_of(enum store_table table)
{
    return &tables[table];
}

const char *store_table_name(enum store_table table)
{
    return table < TABLE_ROWS ? tables[table].table : "counter";
}

static const struct sha256 absent;

static bool column_equal(const struct store_column *c, const char *a, const char *b)
{
    return c->type == COLUMN_TEXT ? strcmp(a + c->offset, b + c->offset) == 0 : memcmp(a + c->offset, b + c->offset, c->size) == 0;
}

uint64_t store_columns_diff(enum store_table table, const void *a, const void *b)
{
    static const union store_row empty;
    uint64_t mask = 0;

    for (size_t i = 0; i < tables[table].count; i++)
        if (!column_equal(&tables[table].column[i], a, b != NULL ? b : &empty))
            mask |= UINT64_C(1) << i;
    return mask;
}

/* Any field that is a number, whatever its width. */
static int64_t number_get(const struct store_column *c, const char *row)
{
    switch (c->type) {
    case COLUMN_BOOL: { bool v; memcpy(&v, row + c->offset, sizeof v); return v; }
    case COLUMN_I32: { int32_t v; memcpy(&v, row + c->offset, sizeof v); return v; }
    case COLUMN_ENUM: { unsigned v; memcpy(&v, row + c->offset, sizeof v); return v; }
    case COLUMN_U64:
    case COLUMN_I64: { int64_t v; memcpy(&v, row + c->offset, sizeof v); return v; }
    default: return 0;
    }
}

static int number_set(const struct store_column *c, char *row, int64_t value)
{
    static const struct { int64_t min, max; } range[] = {
        [COLUMN_BOOL] = { 0, 1 }, [COLUMN_I32] = { INT32_MIN, INT32_MAX }, [COLUMN_ENUM] = { 0, UINT32_MAX },
        [COLUMN_I64] = { INT64_MIN, INT64_MAX }, [COLUMN_U64] = { INT64_MIN, INT64_MAX },
    };
    if (value < range[c->type].min || value > range[c->type].max)
        return ERR_CORRUPT;
    switch (c->type) {
    case COLUMN_BOOL: { bool v = value != 0; memcpy(row + c->offset, &v, sizeof v); break; }
    case COLUMN_I32: { int32_t v = (int32_t)value; memcpy(row + c->offset, &v, sizeof v); break; }
    case COLUMN_ENUM: { unsigned v = (unsigned)value; memcpy(row + c->offset, &v, sizeof v); break; }
    default: memcpy(row + c->offset, &value, sizeof value); break;
    }
    return 0;
}

int store_column_bind(sqlite3_stmt *stmt, int place, const struct store_column *c, const void *row)
{
    const char *field = (const char *)row + c->offset;

    switch (c->type) {
    case COLUMN_TEXT: return sqlite3_bind_text(stmt, place, field, -1, SQLITE_STATIC);
    case COLUMN_DIGEST:
    case COLUMN_PAYLOAD: return memcmp(field, &absent, sizeof absent) == 0 ? sqlite3_bind_null(stmt, place) : sqlite3_bind_blob(stmt, place, field, SHA256_BYTES, SQLITE_STATIC);
    default: return sqlite3_bind_int64(stmt, place, number_get(c, row));
    }
}

static int text_set(const struct store_column *c, char *row, const char *text, size_t len)
{
    if (len >= c->size || memchr(text, '\0', len) != NULL)
        return ERR_CORRUPT;
    memset(row + c->offset, 0, c->size);
    memcpy(row + c->offset, text, len);
    return 0;
}

static int column_read(sqlite3_stmt *stmt, int place, const struct store_column *c, char *row)
{
    const void *bytes;
    int size;

    switch (c->type) {
    case COLUMN_TEXT:
        bytes = sqlite3_column_text(stmt, place);
        size = sqlite3_column_bytes(stmt, place);
        return bytes == NULL ? ERR_CORRUPT : text_set(c, row, bytes, (size_t)size);
    case COLUMN_DIGEST:
    case COLUMN_PAYLOAD:
        bytes = sqlite3_column_blob(stmt, place);
        size = sqlite3_column_bytes(stmt, place);
        if (size != 0 && size != SHA256_BYTES)
            return ERR_CORRUPT;
        if (size != 0)
            memcpy(row + c->offset, bytes, SHA256_BYTES);
        return 0;
    default:
        return number_set(c, row, sqlite3_column_int64(stmt, place));
    }
}

int store_row_read(sqlite3_stmt *stmt, enum store_table table, void *ret_row, struct err *e)
{
    const struct store_columns *t = &tables[table];
    struct store_head head = { sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1) };

    memset(ret_row, 0, t->row_size);
    memcpy(ret_row, &head, sizeof head);
    for (size_t i = 0; i < t->count; i++)
        if (column_read(stmt, (int)i + 2, &t->column[i], ret_row) < 0)
            return err_set(e, ERR_CORRUPT, MSG_STORE_CORRUPT, NULL, t->column[i].name, NULL);
    return 0;
}

int store_number_add(struct buf *text, int64_t number)
{
    char digits[24], *p = digits + sizeof digits;
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

    do
        *--p = (char)('0' + left % 10);
    while ((left /= 10) != 0);
    if (number < 0)
        *--p = '-';
    return buf_add(text, p, (size_t)(digits + sizeof digits - p));
}

/* A line break inside a file's name must not begin a new line of the body. */
static int text_add(struct buf *body, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        size_t plain = strcspn(p, "\\\n");
        buf_add(body, p, plain);
        p += plain;
        if (*p == '\0')
            break;
        buf_add_str(body, *p == '\n' ? "\\n" : "\\\\");
    }
    return body->failed;
}

int store_body_add(struct buf *body, enum store_table table, uint64_t mask, const void *row)
{
    const char *fields = row;
    char hex[SHA256_HEX];

    for (size_t i = 0; i < tables[table].count; i++) {
        const struct store_column *c = &tables[table].column[i];
        if ((mask >> i & 1) == 0)
            continue;
        buf_add_str(body, c->name);
        buf_add_char(body, '=');
        if (c->type == COLUMN_TEXT) {
            text_add(body, fields + c->offset);
        } else if (c->type >= COLUMN_DIGEST) {
            struct sha256 digest;
            memcpy(&digest, fields + c->offset, sizeof digest);
            sha256_to_hex(&digest, hex);
            buf_add_str(body, memcmp(&digest, &absent, sizeof absent) == 0 ? "" : hex);
        } else {
            store_number_add(body, number_get(c, fields));
        }
        buf_add_char(body, '\n');
    }
    return body->failed;
}

static int value_apply(const struct store_column *c, char *row, const char *value, size_t len)
{
    char text[FLOW_NAME];
    size_t used = 0;
    int64_t number;
    struct sha256 digest = absent;

    if (c->type == COLUMN_TEXT) {
        for (size_t i = 0; i < len; i++) {
            bool escape = value[i] == '\\' && i + 1 < len;
            if (used == sizeof text)
                return ERR_CORRUPT;
            i += escape;
            text[used++] = (char)(escape && value[i] == 'n' ? '\n' : value[i]);
        }
        return text_set(c, row, text, used);
    }
    if (c->type >= COLUMN_DIGEST) {
        if (len > 0 && sha256_from_hex(value, len, &digest) < 0)
            return ERR_CORRUPT;
        memcpy(row + c->offset, &digest, sizeof digest);
        return 0;
    }
    return text_to_int64(value, len, INT64_MIN, INT64_MAX, &number) < 0 ? ERR_CORRUPT : number_set(c, row, number);
}

static const struct store_column *column_find(enum store_table table, const char *name, size_t len)
{
    for (size_t i = 0; i < tables[table].count; i++)
        if (strlen(tables[table].column[i].name) == len && memcmp(tables[table].column[i].name, name, len) == 0)
            return &tables[table].column[i];
    return NULL;
}

int store_body_apply(enum store_table table, const char *body, size_t len, void *row)
{
    for (size_t at = 0; at < len;) {
        const char *line = body + at, *end = memchr(line, '\n', len - at);
        const char *value = end == NULL ? NULL : memchr(line, '=', (size_t)(end - line));
        const struct store_column *c = value == NULL ? NULL : column_find(table, line, (size_t)(value - line));
        if (c == NULL || value_apply(c, row, value + 1, (size_t)(end - value - 1)) < 0)
            return ERR_CORRUPT;
        at = (size_t)(end - body) + 1;
    }
    return 0;
}
