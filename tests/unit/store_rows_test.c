/*
 * store_rows_test - rows are given back as they were put, versions guard them, counts follow them.
 */
#include "tests/unit/store_fixture.h"

TEST(store_gives_a_row_back_byte_by_byte)
{
    FIXTURE(f);
    struct flow_message m, back;
    f_begin(&f);
    m = f_message(7, FLOW_MS_UNKNOWN, "1310000001^2026^1");
    m.index = -1;
    m.bundle = f_payload(&f, "B");
    m.signed_wall_ms = INT64_MIN;
    m.deadline_ms = INT64_MAX;
    m.size = UINT64_MAX;
    m.held = m.may_have_stood = true;
    m.evidence = FLOW_EVIDENCE_PERSON;
    CHECK_OK(ops->message_put(f.store, &m, &cause, NULL));
    CHECK_INT(m.id, 1);
    CHECK_INT(m.version, 1);
    CHECK_OK(ops->message_get(f.store, 1, &back, NULL));
    CHECK(memcmp(&m, &back, sizeof m) == 0);
    m.held = false;
    memset(&m.bundle, 0, sizeof m.bundle);
    CHECK_OK(ops->message_put(f.store, &m, &cause, NULL));
    CHECK_INT(m.version, 2);
    f_commit(&f);
    f_reopen(&f);
    CHECK_OK(ops->message_get(f.store, 1, &back, NULL));
    CHECK(memcmp(&m, &back, sizeof m) == 0);
    CHECK_SOUND(&f);
    store_close(f.store);
}

TEST(store_keeps_names_with_any_bytes)
{
    FIXTURE(f);
    struct flow_request r = f_request(FLOW_RQ_RECEIVED, FLOW_RS_LOOK), back;
    snprintf(r.name, sizeof r.name, "line\nbreak\\back\\nslash=\xff\xfe.json");
    memset(r.work_name, 'w', sizeof r.work_name - 1);
    f_begin(&f);
    CHECK_OK(ops->request_put(f.store, &r, &cause, NULL));
    memset(r.name, 0, sizeof r.name);
    snprintf(r.name, sizeof r.name, "\n\\");
    CHECK_OK(ops->request_put(f.store, &r, &cause, NULL));
    f_commit(&f);
    CHECK_OK(ops->request_get(f.store, r.id, &back, NULL));
    CHECK(memcmp(&r, &back, sizeof r) == 0);
    CHECK_SOUND(&f);
    store_close(f.store);
}

TEST(store_refuses_another_version)
{
    FIXTURE(f);
    struct flow_request r = f_request(FLOW_RQ_RECEIVED, FLOW_RS_LOOK), stale, back;
    f_begin(&f);
    CHECK_OK(ops->request_put(f.store, &r, &cause, NULL));
    stale = r;
    CHECK_OK(ops->request_put(f.store, &r, &cause, NULL));
    stale.state = FLOW_RQ_CLOSED;
    CHECK_ERR(ops->request_put(f.store, &stale, &cause, NULL), ERR_NOT_NOW);
    CHECK_INT(stale.version, 1);
    stale.id = 99;
    CHECK_ERR(ops->request_put(f.store, &stale, &cause, NULL), ERR_NOTFOUND);
    CHECK_ERR(ops->request_get(f.store, 99, &back, NULL), ERR_NOTFOUND);
    f_commit(&f);   /* a conflict breaks nothing */
    CHECK_OK(ops->request_get(f.store, r.id, &back, NULL));
    CHECK_INT(back.state, FLOW_RQ_RECEIVED);
    CHECK_INT(back.version, 2);
    store_close(f.store);
}

TEST(store_writes_only_inside_a_transaction)
{
    FIXTURE(f);
    struct flow_request r = f_request(FLOW_RQ_RECEIVED, FLOW_RS_LOOK);
    struct sha256 digest;
    CHECK_ERR(ops->request_put(f.store, &r, &cause, NULL), ERR_NOT_NOW);
    CHECK_INT(r.id, 0);
    CHECK_ERR(ops->counter_set(f.store, FLOW_COUNTER_NAME, 1, &cause, NULL), ERR_NOT_NOW);
    CHECK_ERR(store_payload_put(f.store, (struct bytes){ "x", 1 }, &digest, NULL), ERR_NOT_NOW);
    CHECK_ERR(store_commit(f.store, NULL), ERR_NOT_NOW);
    f_begin(&f);
    CHECK_ERR(store_begin(f.store, NULL), ERR_NOT_NOW);
    f_commit(&f);
    store_close(f.store);
}

TEST(store_refuses_a_row_that_names_missing_bytes)
{
    FIXTURE(f);
    struct flow_request r = f_request(FLOW_RQ_RECEIVED, FLOW_RS_LOOK);
    memset(&r.original, 7, sizeof r.original);
    f_begin(&f);
    CHECK_ERR(ops->request_put(f.store, &r, &cause, NULL), ERR_INTERNAL);
    /* half a change is never committed */
    CHECK_ERR(store_commit(f.store, NULL), ERR_NOT_NOW);
    f_begin(&f);
    r = f_request(FLOW_RQ_RECEIVED, FLOW_RS_LOOK);
    CHECK_OK(ops->request_put(f.store, &r, &cause, NULL));
    CHECK_INT(r.id, 1);
    f_commit(&f);
    CHECK_SOUND(&f);
    store_close(f.store);
}

TEST(store_forgets_what_is_rolled_back)
{
    FIXTURE(f);
    struct flow_request r = f_request(FLOW_RQ_RECEIVED, FLOW_RS_LOOK), back;
    struct store_counts counts;
    int64_t seq, value;
    char hash[SHA256_HEX], after[SHA256_HEX];
    f_begin(&f);
    CHECK_OK(ops->request_put(f.store, &r, &cause, NULL));
    CHECK_OK(ops->counter_set(f.store, FLOW_COUNTER_NAME, 5, &cause, NULL));
    f_commit(&f);
    CHECK_OK(store_chain_head(f.store, &seq, hash, NULL));
    CHECK_INT(seq, 2);
    f_begin(&f);
    r.state = FLOW_RQ_OPEN;
    CHECK_OK(ops->request_put(f.store, &r, &cause, NULL));
    r.id = r.version = 0;
    CHECK_OK(ops->request_put(f.store, &r, &cause, NULL));
    CHECK_OK(ops->counter_set(f.store, FLOW_COUNTER_NAME, 6, &cause, NULL));
    store_rollback(f.store);
    store_rollback(f.store);
    CHECK_OK(store_chain_head(f.store, &seq, after, NULL));
    CHECK_INT(seq, 2);
    CHECK_STR(after, hash);
    CHECK_OK(ops->counter_get(f.store, FLOW_COUNTER_NAME, &value, NULL));
    CHECK_INT(value, 5);
    CHECK_ERR(ops->request_get(f.store, 2, &back, NULL), ERR_NOTFOUND);
    CHECK_OK(store_counts(f.store, NULL, &counts, NULL));
    CHECK_INT(counts.request[FLOW_RQ_RECEIVED], 1);
    CHECK_INT(counts.request[FLOW_RQ_OPEN], 0);
    f_begin(&f);
    r.id = r.version = 0;
    CHECK_OK(ops->request_put(f.store, &r, &cause, NULL));
    CHECK_INT(r.id, 2);
    f_commit(&f);
    CHECK_SOUND(&f);
    store_close(f.store);
}

TEST(store_keeps_counts_over_every_move)
{
    FIXTURE(f);
    struct store_counts counts;
    struct flow_message m;
    struct flow_incident incident = { .open = true };
    for (int i = 0; i < 10; i++) {
        f_begin(&f);
        m = f_message(1, FLOW_MS_READY, "b");
        snprintf(m.facility, sizeof m.facility, "%s", i % 2 ? "1310000001" : "1310000000");
        CHECK_OK(ops->message_put(f.store, &m, &cause, NULL));
        m.state = i < 3 ? FLOW_MS_SENDING : FLOW_MS_DONE;
        CHECK_OK(ops->message_put(f.store, &m, &cause, NULL));
        f_commit(&f);
    }
    f_begin(&f);
    incident.message = m.id;   /* of facility ...1 */
    CHECK_OK(ops->incident_put(f.store, &incident, &cause, NULL));
    f_commit(&f);
    for (int turn = 0; turn < 2; turn++) {
        CHECK_OK(store_counts(f.store, NULL, &counts, NULL));
        CHECK_INT(counts.message[FLOW_MS_SENDING], 3);
        CHECK_INT(counts.message[FLOW_MS_DONE], 7);
        CHECK_INT(counts.message[FLOW_MS_READY], 0);
        CHECK_INT(counts.incidents_open, 1);
        CHECK_OK(store_counts(f.store, "1310000000", &counts, NULL));
        CHECK_INT(counts.message[FLOW_MS_SENDING], 2);
        CHECK_INT(counts.incidents_open, 0);
        CHECK_OK(store_counts(f.store, "1310000001", &counts, NULL));
        CHECK_INT(counts.incidents_open, 1);
        f_reopen(&f);
    }
    CHECK_SOUND(&f);
    store_close(f.store);
}

TEST(store_refuses_a_name_of_an_exchange_twice)
{
    FIXTURE(f);
    struct flow_exchange x = { .kind = FLOW_XK_SUBMIT, .state = FLOW_XS_INTENT, .name = "gw0001000000000001" }, y = x, back;
    f_begin(&f);
    CHECK_OK(ops->exchange_put(f.store, &x, &cause, NULL));
    CHECK_INT(ops->exchange_by_name(f.store, "gw0001000000000001", &back, NULL), 1);
    CHECK_INT(back.id, x.id);
    CHECK_INT(ops->exchange_by_name(f.store, "gw0001000000000002", &back, NULL), 0);
    CHECK_ERR(ops->exchange_put(f.store, &y, &cause, NULL), ERR_EXISTS);
    store_rollback(f.store);
    store_close(f.store);
}

TEST(store_finds_what_a_person_types)
{
    FIXTURE(f);
    struct flow_request r = f_request(FLOW_RQ_OPEN, FLOW_RS_NONE);
    struct flow_message m;
    int64_t request, message;
    f_begin(&f);
    snprintf(r.request_id, sizeof r.request_id, "order-1");
    CHECK_OK(ops->request_put(f.store, &r, &cause, NULL));
    for (int i = 0; i < 3; i++) {
        m = f_message(r.id, FLOW_MS_READY, i == 0 ? "1310000001^2026^9" : "1310000001^2026^10");
        snprintf(m.uuid, sizeof m.uuid, "0a0b0c%02x-1111-4111-8111-11111111111%d", i < 2 ? 1 : 2, i);
        CHECK_OK(ops->message_put(f.store, &m, &cause, NULL));
    }
    f_commit(&f);
    CHECK_OK(store_find(f.store, "2", &request, &message, NULL));
    CHECK(request == 0 && message == 2);
    CHECK_OK(store_find(f.store, "r1", &request, &message, NULL));
    CHECK(request == 1 && message == 0);
    CHECK_OK(store_find(f.store, "0a0b0c02", &request, &message, NULL));
    CHECK(request == 0 && message == 3);
    CHECK_OK(store_find(f.store, "0a0b0c01-1111-4111-8111-111111111111", &request, &message, NULL));
    CHECK(request == 0 && message == 2);
    CHECK_OK(store_find(f.store, "1310000001^2026^10", &request, &message, NULL));
    CHECK(request == 0 && message == 3);
    CHECK_OK(store_find(f.store, "order-1", &request, &message, NULL));
    CHECK(request == 1 && message == 0);
    CHECK_ERR(store_find(f.store, "0a0b0c01", &request, &message, NULL), ERR_EXISTS);
    CHECK_ERR(store_find(f.store, "0a0b0c", &request, &message, NULL), ERR_NOTFOUND);
    CHECK_ERR(store_find(f.store, "r2", &request, &message, NULL), ERR_NOTFOUND);
    CHECK_ERR(store_find(f.store, "4", &request, &message, NULL), ERR_NOTFOUND);
    CHECK_ERR(store_find(f.store, "", &request, &message, NULL), ERR_NOTFOUND);
    store_close(f.store);
}

TEST(store_lists_newest_first)
{
    FIXTURE(f);
    struct flow_message m, rows[4];
    struct flow_request r, requests[4];
    f_begin(&f);
    for (int i = 1; i <= 6; i++) {
        r = f_request(i % 2 ? FLOW_RQ_OPEN : FLOW_RQ_ANSWERED, FLOW_RS_NONE);
        snprintf(r.source, sizeof r.source, "%s", i < 4 ? "karte" : "labo");
        CHECK_OK(ops->request_put(f.store, &r, &cause, NULL));
        m = f_message(i, i % 2 ? FLOW_MS_READY : FLOW_MS_DONE, "b");
        snprintf(m.facility, sizeof m.facility, "%s", i < 4 ? "1310000001" : "1310000002");
        CHECK_OK(ops->message_put(f.store, &m, &cause, NULL));
    }
    f_commit(&f);
    CHECK_INT(store_messages(f.store, NULL, FLOW_MS_NONE, 0, rows, 4, NULL), 4);
    CHECK(rows[0].id == 6 && rows[3].id == 3);
    CHECK_INT(store_messages(f.store, NULL, FLOW_MS_NONE, 3, rows, 4, NULL), 2);
    CHECK(rows[0].id == 2 && rows[1].id == 1);
    CHECK_INT(store_messages(f.store, "1310000002", FLOW_MS_DONE, 0, rows, 4, NULL), 2);
    CHECK(rows[0].id == 6 && rows[1].id == 4);
    CHECK_INT(store_requests(f.store, "labo", FLOW_RQ_OPEN, 0, requests, 4, NULL), 1);
    CHECK_INT(requests[0].id, 5);
    CHECK_INT(store_requests(f.store, "karte", FLOW_RQ_NONE, 0, requests, 4, NULL), 3);
    CHECK_INT(store_requests(f.store, NULL, FLOW_RQ_ANSWERED, 6, requests, 1, NULL), 1);
    CHECK_INT(requests[0].id, 4);
    store_close(f.store);
}

TEST(store_knows_the_last_success_and_the_last_file)
{
    FIXTURE(f);
    struct flow_message m;
    struct flow_request r;
    int64_t last, today;
    CHECK_OK(store_last_success(f.store, "1310000001", &last, NULL));
    CHECK_INT(last, 0);
    CHECK_OK(store_last_file(f.store, "karte", &last, &today, 0, NULL));
    CHECK(last == 0 && today == 0);
    f_begin(&f);
    for (int i = 1; i <= 3; i++) {
        m = f_message(i, i == 3 ? FLOW_MS_REFUSED : FLOW_MS_DONE, "b");
        m.since_wall_ms = 1000 * i;
        CHECK_OK(ops->message_put(f.store, &m, &cause, NULL));
        r = f_request(FLOW_RQ_RECEIVED, FLOW_RS_LOOK);
        r.received_wall_ms = 1000 * i;
        CHECK_OK(ops->request_put(f.store, &r, &cause, NULL));
    }
    f_commit(&f);
    CHECK_OK(store_last_success(f.store, "1310000001", &last, NULL));
    CHECK_INT(last, 2000);
    CHECK_OK(store_last_file(f.store, "karte", &last, &today, 2000, NULL));
    CHECK(last == 3000 && today == 2);
    store_close(f.store);
}

TEST(store_remembers_stems_and_facts)
{
    FIXTURE(f);
    struct flow_request r = f_request(FLOW_RQ_OPEN, FLOW_RS_NONE);
    struct store_facts facts = { .consent = 2, .receiver = "1320000002", .chart_kind = "referral" }, back;
    struct sha256 digest = { { 1 } };
    char name[FLOW_NAME];
    bool taken;
    f_begin(&f);
    CHECK_OK(ops->request_put(f.store, &r, &cause, NULL));
    CHECK_OK(store_out_name_get(f.store, r.id, name, NULL));
    CHECK_STR(name, "");
    CHECK_OK(store_out_name_put(f.store, r.id, "a", NULL));
    CHECK_ERR(store_out_name_put(f.store, 77, "a", NULL), ERR_NOTFOUND);
    CHECK_OK(store_out_name_get(f.store, r.id, name, NULL));
    CHECK_STR(name, "a");
    CHECK_OK(store_out_name_taken(f.store, "karte", "a", &taken, NULL));
    CHECK(taken);
    CHECK_OK(store_out_name_taken(f.store, "labo", "a", &taken, NULL));
    CHECK(!taken);
    r.state = FLOW_RQ_ANSWERED;   /* long ago */
    CHECK_OK(ops->request_put(f.store, &r, &cause, NULL));
    CHECK_OK(store_out_name_taken(f.store, "karte", "a", &taken, NULL));
    CHECK(!taken);
    CHECK_ERR(store_facts_get(f.store, &digest, &back, NULL), ERR_NOTFOUND);
    CHECK_OK(store_facts_put(f.store, &digest, &facts, NULL));
    facts.consent = 1;
    CHECK_OK(store_facts_put(f.store, &digest, &facts, NULL));
    f_commit(&f);
    f_reopen(&f);
    CHECK_OK(store_facts_get(f.store, &digest, &back, NULL));
    CHECK_INT(back.consent, 1);
    CHECK_STR(back.receiver, "1320000002");
    CHECK_STR(back.chart_kind, "referral");
    store_close(f.store);
}

TEST_MAIN()
