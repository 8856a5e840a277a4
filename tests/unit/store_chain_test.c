/*
 * store_chain_test - the events tell what happened, and whoever changes a row, an event or a payload behind our back is found out.
 */
#include <sqlite3.h>
#include "tests/unit/store_fixture.h"

/* Two requests, a message that moves, a counter, a payload. */
static void furnish(struct fixture *f)
{
    struct flow_request r = f_request(FLOW_RQ_RECEIVED, FLOW_RS_LOOK);
    struct flow_message m;
    struct flow_cause by = { .event = FLOW_EV_RESOLVE, .actor = "operator:root", .wall_ms = 1795000001000, .msg = MSG_FLOW_REPLY_OK };
    f_begin(f);
    r.original = f_payload(f, "the vendor's bytes");
    CHECK_OK(ops->request_put(f->store, &r, &cause, NULL));
    m = f_message(r.id, FLOW_MS_READY, "1310000001^2026^1");
    m.bundle = f_payload(f, "a Bundle");
    CHECK_OK(ops->message_put(f->store, &m, &cause, NULL));
    CHECK_OK(ops->counter_set(f->store, FLOW_COUNTER_NAME, 17, &cause, NULL));
    f_commit(f);
    f_begin(f);
    m.state = FLOW_MS_DONE;
    m.blocks = false;
    m.evidence = FLOW_EVIDENCE_PERSON;
    CHECK_OK(ops->message_put(f->store, &m, &by, NULL));
    r.id = r.version = 0;
    CHECK_OK(ops->request_put(f->store, &r, &cause, NULL));
    f_commit(f);
    CHECK_SOUND(f);
}

struct seen { int count; char body[4][1024]; char actor[FLOW_ACTOR]; enum msg_id msg; int64_t seq[4]; };

static int see(void *ctx, const struct store_event *event)
{
    struct seen *seen = ctx;
    if (seen->count == 4)
        return 7;
    seen->seq[seen->count] = event->seq;
    snprintf(seen->body[seen->count++], 1024, "%s", event->body);
    snprintf(seen->actor, sizeof seen->actor, "%s", event->actor);
    seen->msg = event->msg;
    return 0;
}

TEST(store_tells_the_events_of_a_row)
{
    FIXTURE(f);
    struct seen seen = { .count = 0 };
    furnish(&f);
    CHECK_OK(store_events(f.store, "message", 1, see, &seen, NULL));
    CHECK_INT(seen.count, 2);
    CHECK(strstr(seen.body[0], "bundle_id=1310000001^2026^1\n") != NULL);
    CHECK(strstr(seen.body[0], "state=2\n") != NULL);
    CHECK(strstr(seen.body[0], "due_ms=") == NULL);
    CHECK_STR(seen.body[1], "state=7\nblocks=0\nevidence=4\n");
    CHECK_STR(seen.actor, "operator:root");
    CHECK_INT(seen.msg, MSG_FLOW_REPLY_OK);
    CHECK(seen.seq[0] == 2 && seen.seq[1] == 4);
    seen.count = 4;
    CHECK_INT(store_events(f.store, "message", 1, see, &seen, NULL), 7);
    seen.count = 0;
    CHECK_OK(store_events(f.store, "counter", FLOW_COUNTER_NAME, see, &seen, NULL));
    CHECK_STR(seen.body[0], "value=17\n");
    CHECK_OK(store_events(f.store, "message", 99, see, &seen, NULL));
    CHECK_ERR(store_events(f.store, "nothing", 1, see, &seen, NULL), ERR_INVALID);
    store_close(f.store);
}

TEST(store_chain_head_moves_with_every_event_and_survives)
{
    FIXTURE(f);
    int64_t seq;
    char hash[SHA256_HEX], again[SHA256_HEX];
    CHECK_OK(store_chain_head(f.store, &seq, hash, NULL));
    CHECK_INT(seq, 0);
    furnish(&f);
    CHECK_OK(store_chain_head(f.store, &seq, hash, NULL));
    CHECK_INT(seq, 5);
    f_reopen(&f);
    CHECK_OK(store_chain_head(f.store, &seq, again, NULL));
    CHECK_STR(again, hash);
    CHECK_SOUND(&f);
    store_close(f.store);
}

/* Somebody else's hand in the closed database. */
static void tamper(struct fixture *f, const char *sql)
{
    char path[512];
    sqlite3 *db;
    f->store = store_close(f->store);
    snprintf(path, sizeof path, "%s/store.db", f->dir);
    CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        test_fail(__FILE__, __LINE__, "%s: %s", sql, sqlite3_errmsg(db));
    CHECK(sqlite3_total_changes(db) > 0);
    sqlite3_close(db);
    f_open(f, STORE_READ_WRITE);
}

TEST(store_finds_every_tampering)
{
    static const struct { const char *sql, *fault; } hand[] = {
        { "UPDATE message SET state = 9", "message 1: differs from its events" },
        { "UPDATE message SET version = 3", "message 1: differs from its events" },
        { "UPDATE request SET name = 'b.json' WHERE id = 2", "request 2: differs from its events" },
        { "DELETE FROM request WHERE id = 2", "request 2: is missing" },
        { "INSERT INTO incident VALUES(5, 1, 1, 0, 0, 0, '', 0)", "incident: 1 rows have no events" },
        { "UPDATE counter SET value = 16", "counter 0: differs from its events" },
        { "UPDATE event SET body = replace(body, 'state=7', 'state=8') WHERE seq = 4", "event 4: hash does not fit" },
        { "UPDATE event SET actor = 'operator:other' WHERE seq = 4", "event 4: hash does not fit" },
        { "UPDATE event SET wall_ms = wall_ms + 1 WHERE seq = 1", "event 1: hash does not fit" },
        { "UPDATE event SET event = event + 1 WHERE seq = 1", "event 1: hash does not fit" },
        { "UPDATE event SET row = 3 WHERE seq = 5", "event 5: hash does not fit" },
        { "DELETE FROM event WHERE seq = 3", "event 4: 1 events are missing before it" },
        { "UPDATE event SET hash = zeroblob(32) WHERE seq = 2", "event 2: hash does not fit" },
        { "UPDATE event SET hash = zeroblob(31) WHERE seq = 2", "event 2: cannot be read" },
        { "UPDATE event SET body = zeroblob(32) WHERE seq = 2", "event 2: hash does not fit" },
        { "UPDATE content SET bytes = x'00' WHERE id = 1", "payload" },
        { "DELETE FROM content WHERE id = 2", "payload" },
        { "DELETE FROM payload WHERE id = 2", "message 1: its payload bundle is not there" },
        { "UPDATE payload SET refs = 5 WHERE id = 2", "payload: named 3 times, counted 7" },
        { "UPDATE tally SET n = n + 1 WHERE tbl = 3", "message: kept counts are wrong" },
        { "DELETE FROM tally WHERE tbl = 0", "request: kept counts are wrong" },
    };
    for (size_t i = 0; i < sizeof hand / sizeof hand[0]; i++) {
        struct fixture f = { .store = NULL };
        fixture_dir(f.dir, sizeof f.dir);
        f_open(&f, STORE_READ_WRITE);
        furnish(&f);
        tamper(&f, hand[i].sql);
        int faults = f_faults(&f);
        bool found = strncmp(fixture_first, hand[i].fault, strlen(hand[i].fault)) == 0;
        if (faults < 1 || !found)
            test_fail(__FILE__, __LINE__, "%s: %d faults, the first \"%s\"", hand[i].sql, faults, fixture_first);
        store_close(f.store);
    }
}

/* Cutting the newest event off with its row leaves a shorter chain that fits: only the head that was kept elsewhere tells. */
TEST(store_head_kept_elsewhere_finds_a_cut_chain)
{
    FIXTURE(f);
    int64_t seq, after;
    char hash[SHA256_HEX], now[SHA256_HEX];
    furnish(&f);
    CHECK_OK(store_chain_head(f.store, &seq, hash, NULL));
    tamper(&f, "DELETE FROM event WHERE seq = 5; DELETE FROM request WHERE id = 2; UPDATE tally SET n = 1 WHERE tbl = 0; UPDATE payload SET refs = 1");
    CHECK_SOUND(&f);
    CHECK_OK(store_chain_head(f.store, &after, now, NULL));
    CHECK(after < seq);
    CHECK(strcmp(now, hash) != 0);
    store_close(f.store);
}

TEST(store_verifies_outside_a_turn_only)
{
    FIXTURE(f);
    f_begin(&f);
    CHECK_ERR(store_verify(f.store, NULL, NULL, NULL), ERR_NOT_NOW);
    f_commit(&f);
    CHECK_OK(store_verify(f.store, NULL, NULL, NULL));
    store_close(f.store);
}

TEST_MAIN()
