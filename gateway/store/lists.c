/*
 * NAME
 *     lists - reading for people
 *
 * SYNOPSIS
 *     store_counts(store, NULL, &counts, &e); n = store_messages(store, NULL, 0, 0, rows, 50, &e);
 *
 * DESCRIPTION
 *     Counts are kept (rows.c) and never counted. Lists go backwards by id; store_find() tries every handle that a person may have in hand.
 *
 * DIAGNOSTICS
 *     ERR_NOTFOUND; ERR_EXISTS when a handle fits several things.
 */
#include "store/store_private.h"

#include "base/text.h"

enum { HANDLE_UUID_MIN = 8 };

int store_counts(struct store *store, const char *facility, struct store_counts *ret_counts, struct err *e)
{
    struct store_counts counts = { .incidents_open = 0 };
    int r = facility == NULL ? store_number_query(store, Q_INCIDENTS_OPEN, &counts.incidents_open, NULL, NULL, 0, e)
                             : store_number_query(store, Q_INCIDENTS_OPEN_OF, &counts.incidents_open, NULL, ARGS(ARG_TEXT(facility)), e);

    if (r < 0)
        return r;
    for (size_t i = 0; i < store->tally_count; i++) {
        const struct tally *t = &store->tally[i];
        if (facility != NULL && strcmp(t->facility, facility) != 0)
            continue;
        for (int s = 0; s < FLOW_MS_STATES; s++)
            counts.message[s] += t->message[s];
        for (int s = 0; s < FLOW_RQ_STATES; s++)
            counts.request[s] += t->request[s];
    }
    *ret_counts = counts;
    return 0;
}

int store_messages(struct store *store, const char *facility, enum flow_message_state state, int64_t before, struct flow_message *ret_rows, int max, struct err *e)
{
    return store_rows_query(store, state == FLOW_MS_NONE ? Q_LIST_MESSAGES : Q_LIST_MESSAGES_STATE, ret_rows, max,
                            ARGS(ARG_TEXT(facility != NULL ? facility : ""), ARG_INT(state), ARG_INT(before > 0 ? before : INT64_MAX), ARG_INT(max)), e);
}

int store_requests(struct store *store, const char *source, enum flow_request_state state, int64_t before, struct flow_request *ret_rows, int max, struct err *e)
{
    return store_rows_query(store, state == FLOW_RQ_NONE ? Q_LIST_REQUESTS : Q_LIST_REQUESTS_STATE, ret_rows, max,
                            ARGS(ARG_TEXT(source != NULL ? source : ""), ARG_INT(state), ARG_INT(before > 0 ? before : INT64_MAX), ARG_INT(max)), e);
}

struct found { int64_t request, message; int count; };

static void found_add(struct found *found, int64_t request, int64_t message)
{
    if (found->count > 0 && found->request == request && found->message == message)
        return;
    found->request = request;
    found->message = message;
    found->count++;
}

static int find_number(struct store *store, const char *handle, struct found *found, struct err *e)
{
    union store_row row;
    struct err local = ERR_INIT;
    bool request = handle[0] == 'r';
    int64_t id;

    if (text_to_int64(handle + request, strlen(handle + request), 1, INT64_MAX, &id) < 0)
        return 0;
    int r = store_row_get(store, request ? TABLE_REQUEST : TABLE_MESSAGE, id, &row, &local);
    if (r == 0)
        found_add(found, request ? id : 0, request ? 0 : id);
    if (r < 0 && r != ERR_NOTFOUND)
        err_copy(e, &local);
    return r == ERR_NOTFOUND ? 0 : r;
}

static int find_uuid(struct store *store, const char *handle, struct found *found, struct err *e)
{
    struct flow_message row[2];
    char end[UUID_TEXT + 1];
    size_t len = strlen(handle);

    if (len < HANDLE_UUID_MIN || len >= UUID_TEXT || !text_all_of(handle, len, "0-9a-f-"))
        return 0;
    snprintf(end, sizeof end, "%s~", handle);   /* behind every letter of a uuid */
    int r = store_rows_query(store, Q_FIND_UUID, row, 2, ARGS(ARG_TEXT(handle), ARG_TEXT(end)), e);
    for (int i = 0; i < r; i++)
        found_add(found, 0, row[i].id);
    return r < 0 ? r : 0;
}

int store_find(struct store *store, const char *handle, int64_t *ret_request, int64_t *ret_message, struct err *e)
{
    struct found found = { 0, 0, 0 };
    union store_row row;
    int r = find_number(store, handle, &found, e);

    if (r == 0)
        r = find_uuid(store, handle, &found, e);
    /* The newest: that is what a Bundle-ID or request_id stands for today. */
    if (r == 0 && (r = store_row_query(store, Q_FIND_BUNDLE, &row, ARGS(ARG_TEXT(handle)), e)) == 1)
        found_add(&found, 0, row.head.id);
    if (r >= 0 && (r = store_row_query(store, Q_FIND_REQUEST_ID, &row, ARGS(ARG_TEXT(handle)), e)) == 1)
        found_add(&found, row.head.id, 0);
    if (r < 0)
        return r;
    if (found.count == 0)
        return err_set(e, ERR_NOTFOUND, MSG_NOT_FOUND, NULL, handle, NULL);
    if (found.count > 1)
        return err_set(e, ERR_EXISTS, MSG_STORE_AMBIGUOUS, NULL, handle, NULL);
    *ret_request = found.request;
    *ret_message = found.message;
    return 0;
}

int store_last_success(struct store *store, const char *facility, int64_t *ret_wall_ms, struct err *e)
{
    int64_t wall_ms;
    int r = store_number_query(store, Q_LAST_SUCCESS, &wall_ms, NULL, ARGS(ARG_TEXT(facility)), e);

    if (r >= 0)
        *ret_wall_ms = wall_ms;
    return r < 0 ? r : 0;
}

int store_last_file(struct store *store, const char *source, int64_t *ret_wall_ms, int64_t *ret_today, int64_t midnight_wall_ms, struct err *e)
{
    int64_t wall_ms, today;
    int r = store_number_query(store, Q_LAST_FILE, &wall_ms, NULL, ARGS(ARG_TEXT(source)), e);

    if (r >= 0)
        r = store_number_query(store, Q_FILES_SINCE, &today, NULL, ARGS(ARG_TEXT(source), ARG_INT(midnight_wall_ms)), e);
    if (r < 0)
        return r;
    *ret_wall_ms = wall_ms;
    *ret_today = today;
    return 0;
}
