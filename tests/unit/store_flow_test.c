/*
 * store_flow_test - the same random puts into the store and into the tables of flow/memory.h; every query must give the same answer.
 * Also: the tables of columns leave no field of a row out.
 */
#include "flow/memory.h"
#include "store/store_private.h"
#include "tests/unit/store_fixture.h"

enum { POOL = 6, STEPS = 1000 };

struct world { struct fixture f; struct flow_memory *memory; uint64_t seed; struct sha256 pool[POOL]; int64_t names; };

static uint64_t dice(struct world *w, uint64_t sides)
{
    w->seed ^= w->seed << 13;
    w->seed ^= w->seed >> 7;
    w->seed ^= w->seed << 17;
    return (w->seed >> 11) % sides;
}

/* Every field gets something: numbers small enough to be enumerations, texts out of a handful. */
static void fill(struct world *w, enum store_table table, void *row)
{
    static const char *const words[] = { "1", "2", "B/1", "L/2", "a\nb" };
    const struct store_columns *t = store_columns_of(table);
    for (size_t i = 0; i < t->count; i++) {
        const struct store_column *c = &t->column[i];
        char *field = (char *)row + c->offset;
        int64_t number = (int64_t)dice(w, 4);
        memset(field, 0, c->size);
        switch (c->type) {
        case COLUMN_TEXT: snprintf(field, c->size, "%s", words[dice(w, sizeof words / sizeof words[0])]); break;
        case COLUMN_PAYLOAD: if (dice(w, 3) > 0) memcpy(field, &w->pool[dice(w, POOL)], sizeof(struct sha256)); break;
        case COLUMN_DIGEST: memset(field, (int)dice(w, 3), c->size); break;
        case COLUMN_BOOL: *(bool *)(void *)field = dice(w, 2) == 1; break;
        case COLUMN_ENUM: *(unsigned *)(void *)field = (unsigned)dice(w, 4); break;
        case COLUMN_I32: *(int32_t *)(void *)field = (int32_t)number - 1; break;
        default: memcpy(field, &number, sizeof number); break;
        }
    }
}

/* What the machine takes for granted of its rows. */
static void tame(struct world *w, enum store_table table, union store_row *row)
{
    switch (table) {
    case TABLE_REQUEST:
        row->request.state = (enum flow_request_state)(1 + dice(w, FLOW_RQ_STATES - 1));
        row->request.step = (enum flow_request_step)dice(w, FLOW_RS_COUNT);
        row->request.due_ms = (int64_t)dice(w, 2) * (int64_t)dice(w, 1000);
        break;
    case TABLE_UNIT: row->unit.request = row->head.id != 0 ? row->head.id : (int64_t)w->memory->units.count + 1; break;   /* rises with the id */
    case TABLE_MESSAGE:
        row->message.state = (enum flow_message_state)(1 + dice(w, FLOW_MS_STATES - 1));
        row->message.due_ms = (int64_t)dice(w, 2) * (int64_t)dice(w, 1000);
        break;
    case TABLE_ATTEMPT: row->attempt.number = (int32_t)(row->head.id != 0 ? row->head.id : (int64_t)w->memory->attempts.count + 1); break;
    case TABLE_EXCHANGE:
        row->exchange.state = (enum flow_exchange_state)(1 + dice(w, FLOW_XS_STATES - 1));
        row->exchange.due_ms = (int64_t)dice(w, 2) * (int64_t)dice(w, 1000);
        snprintf(row->exchange.name, sizeof row->exchange.name, "gw%lld", (long long)(row->head.id != 0 ? row->head.id : (int64_t)w->memory->exchanges.count + 1));
        break;
    default: break;
    }
}

#define PUT_BOTH(type, table, tables) \
    static void put_##type(struct world *w, bool fresh) \
    { \
        union store_row a, b; \
        memset(&a, 0, sizeof a); \
        if (!fresh && w->memory->tables.count > 0) \
            a.type = w->memory->tables.row[dice(w, w->memory->tables.count)]; \
        fill(w, table, &a); \
        tame(w, table, &a); \
        b = a; \
        CHECK_OK(store_flow_ops.type##_put(w->f.store, &a.type, &cause, NULL)); \
        CHECK_OK(flow_memory_ops.type##_put(w->memory, &b.type, &cause, NULL)); \
        CHECK(memcmp(&a, &b, sizeof a) == 0); \
    }
PUT_BOTH(request, TABLE_REQUEST, requests)
PUT_BOTH(attachment, TABLE_ATTACHMENT, attachments)
PUT_BOTH(unit, TABLE_UNIT, units)
PUT_BOTH(message, TABLE_MESSAGE, messages)
PUT_BOTH(attempt, TABLE_ATTEMPT, attempts)
PUT_BOTH(exchange, TABLE_EXCHANGE, exchanges)
PUT_BOTH(incident, TABLE_INCIDENT, incidents)

static void (*const put_both[])(struct world *w, bool fresh) = { put_request, put_attachment, put_unit, put_message, put_attempt, put_exchange, put_incident };

#define SAME(call, ...) \
    do { \
        union store_row a_, b_; \
        memset(&a_, 0, sizeof a_); \
        memset(&b_, 0, sizeof b_); \
        int x_ = store_flow_ops.call(w->f.store, __VA_ARGS__, (void *)&a_, NULL), y_ = flow_memory_ops.call(w->memory, __VA_ARGS__, (void *)&b_, NULL); \
        if (x_ != y_ || memcmp(&a_, &b_, sizeof a_) != 0) \
            test_fail(__FILE__, __LINE__, #call ": the store says %d (row %lld), memory %d (row %lld)", x_, (long long)a_.head.id, y_, (long long)b_.head.id); \
    } while (0)

static void ask_requests(struct world *w, const char *a, const char *b, int64_t id)
{
    enum flow_request_step step = (enum flow_request_step)dice(w, FLOW_RS_COUNT);
    enum flow_request_state state = (enum flow_request_state)(1 + dice(w, FLOW_RQ_STATES - 2));
    int64_t few = (int64_t)dice(w, 4), many = (int64_t)dice(w, 60);
    SAME(request_get, id);
    SAME(request_next, state, step, id);
    SAME(request_next_of_facility, a, step, id);
    SAME(request_by_work_name, a, b);
    SAME(request_by_request_id, a, b, id);
    SAME(request_by_notice, b);
    SAME(request_oldest, state);
    SAME(attachment_next_of_request, few, id);
    SAME(unit_next_of_request, many, id);
    SAME(unit_first_waiting, a, b, id);
    SAME(unit_first_waiting_bundle, a, b, id);
    SAME(unit_last, a, b, id);
    SAME(unit_next_repeating, few, id);
    SAME(incident_get, id);
    SAME(incident_next_open, id);
}

static void ask_messages(struct world *w, const char *a, const char *b, int64_t id)
{
    enum flow_message_state state = (enum flow_message_state)(1 + dice(w, FLOW_MS_UNKNOWN));
    int64_t few = (int64_t)dice(w, 4);
    SAME(message_get, id);
    SAME(message_next_of_request, few, id);
    SAME(message_next_of_bundle, a, b, id);
    SAME(message_live_of_unit, a, b);
    SAME(message_last_done, a, b);
    SAME(message_next_blocking, a, b, id);
    SAME(message_next_blocking_list, a, b, id);
    SAME(message_next_blocking_list, a, "", id);
    SAME(message_next_sendable, a, state, id);
    SAME(message_next_to_sign, a, id);
    SAME(message_oldest, a, state);
    SAME(message_next_in_state, state, id);
    SAME(attempt_get, id);
    SAME(attempt_last, few);
    SAME(attempt_next_of_message, few, id);
}

static void ask_exchanges(struct world *w, const char *a, const char *b, int64_t id)
{
    enum flow_exchange_state state = (enum flow_exchange_state)(1 + dice(w, FLOW_XS_CLOSED - 1));
    int64_t few = (int64_t)dice(w, 4);
    char name[FLOW_SUFFIX];
    snprintf(name, sizeof name, "gw%lld", (long long)id);
    SAME(exchange_get, id);
    SAME(exchange_next, a, state, id);
    SAME(exchange_next, NULL, state, id);
    SAME(exchange_next_settling, a, id);
    SAME(exchange_next_settling, NULL, id);
    SAME(exchange_by_name, name);
    SAME(exchange_next_of_message, few, id);
    SAME(exchange_next_loud, a, b, id);
}

static void ask_timers(struct world *w)
{
    enum flow_subject subject[2] = { FLOW_SUBJECT_NONE, FLOW_SUBJECT_NONE };
    int64_t a = 0, b = 0, now = (int64_t)dice(w, 300);
    CHECK_INT(store_flow_ops.timer_next(w->f.store, &a, NULL), flow_memory_ops.timer_next(w->memory, &b, NULL));
    CHECK_INT(a, b);
    CHECK_INT(store_flow_ops.timer_due(w->f.store, now, &subject[0], &a, NULL), flow_memory_ops.timer_due(w->memory, now, &subject[1], &b, NULL));
    CHECK_INT(subject[0], subject[1]);
    CHECK_INT(a, b);
}

static void ask_all(struct world *w)
{
    static const char *const words[] = { "1", "2", "B/1", "L/2", "a\nb", "none" };
    for (int i = 0; i < 3; i++) {
        const char *a = words[dice(w, 6)], *b = words[dice(w, 6)];
        ask_requests(w, a, b, (int64_t)dice(w, 120));
        ask_messages(w, a, b, (int64_t)dice(w, 120));
        ask_exchanges(w, a, b, (int64_t)dice(w, 120));
        ask_timers(w);
    }
}

static void counters(struct world *w)
{
    enum flow_counter counter = (enum flow_counter)dice(w, FLOW_COUNTERS);
    int64_t value = (int64_t)dice(w, 1000), a, b;
    CHECK_OK(store_flow_ops.counter_set(w->f.store, counter, value, &cause, NULL));
    CHECK_OK(flow_memory_ops.counter_set(w->memory, counter, value, &cause, NULL));
    counter = (enum flow_counter)dice(w, FLOW_COUNTERS);
    CHECK_OK(store_flow_ops.counter_get(w->f.store, counter, &a, NULL));
    CHECK_OK(flow_memory_ops.counter_get(w->memory, counter, &b, NULL));
    CHECK_INT(a, b);
}

static void live(struct world *w)
{
    f_begin(&w->f);
    for (int step = 0; step < STEPS; step++) {
        put_both[dice(w, 7)](w, dice(w, 5) < 2);
        if (dice(w, 10) == 0)
            counters(w);
        ask_all(w);
        if (dice(w, 50) == 0) {
            f_commit(&w->f);
            if (dice(w, 4) == 0)
                f_reopen(&w->f);
            f_begin(&w->f);
        }
    }
    f_commit(&w->f);
}

TEST(store_answers_as_memory_does)
{
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct world w = { .seed = seed * UINT64_C(0x9e3779b97f4a7c15) };
        char text[] = "payload 0";
        printf("     seed %llu\n", (unsigned long long)seed);
        fixture_dir(w.f.dir, sizeof w.f.dir);
        f_open(&w.f, STORE_READ_WRITE);
        w.memory = flow_memory_new(NULL);
        CHECK(w.memory != NULL);
        f_begin(&w.f);
        for (int i = 0; i < POOL; i++) {
            text[8] = (char)('0' + i);
            w.pool[i] = f_payload(&w.f, text);
        }
        f_commit(&w.f);
        live(&w);
        CHECK_SOUND(&w.f);
        w.memory = flow_memory_free(w.memory);
        store_close(w.f.store);
    }
}

/* Bytes of a row struct that no column covers can only be what the compiler puts between fields: less than the next field's alignment. */
TEST(store_columns_cover_every_field)
{
    for (int table = 0; table < TABLE_ROWS; table++) {
        const struct store_columns *t = store_columns_of((enum store_table)table);
        unsigned char covered[sizeof(union store_row)] = { 0 };
        memset(covered, 1, sizeof(struct store_head));
        for (size_t i = 0; i < t->count; i++)
            memset(covered + t->column[i].offset, 1, t->column[i].size);
        for (size_t at = 0, run = 0; at <= t->row_size; at++) {
            if (at < t->row_size && !covered[at]) {
                run++;
                continue;
            }
            if (run >= 8 || (run > 0 && at % (run >= 4 ? 8 : run >= 2 ? 4 : 2) != 0))
                test_fail(__FILE__, __LINE__, "%s: %zu bytes before byte %zu have no column", t->table, run, at);
            run = 0;
        }
    }
}

TEST_MAIN()
