/*
 * store_plan_test - with years of rows in the tables, no statement of the desk may walk through one: SQLite is asked how it would find them.
 */
#include "store/store_private.h"
#include "tests/unit/test.h"

static sqlite3 *schema(void)
{
    sqlite3 *db = NULL;
    struct buf text;
    buf_init(&text, 1 << 20);
    CHECK_OK(store_schema_text(&text));
    CHECK_INT(sqlite3_open(":memory:", &db), SQLITE_OK);
    CHECK_INT(sqlite3_exec(db, text.data, NULL, NULL, NULL), SQLITE_OK);
    buf_free(&text);
    return db;
}

/* "" or the line of the plan that walks or sorts. */
static void plan_fault(sqlite3 *db, const char *sql, char *ret_fault, size_t size)
{
    char explain[8192];
    sqlite3_stmt *stmt;
    ret_fault[0] = '\0';
    CHECK((size_t)snprintf(explain, sizeof explain, "EXPLAIN QUERY PLAN %s", sql) < sizeof explain);
    CHECK_INT(sqlite3_prepare_v2(db, explain, -1, &stmt, NULL), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const char *line = (const char *)sqlite3_column_text(stmt, 3);
        if (strncmp(line, "SCAN", 4) == 0 || strstr(line, "TEMP B-TREE") != NULL || strstr(line, "AUTOMATIC") != NULL)
            snprintf(ret_fault, size, "%s", line);
    }
    sqlite3_finalize(stmt);
}

TEST(store_finds_every_row_by_an_index)
{
    sqlite3 *db = schema();
    struct buf sql;
    char fault[256];
    buf_init(&sql, 1 << 16);
    for (int q = 0; q < QUERIES; q++) {
        buf_reset(&sql);
        CHECK_OK(store_query_text((enum store_query)q, &sql));
        plan_fault(db, sql.data, fault, sizeof fault);
        /* the few kept counts are read whole, by their key */
        if (fault[0] != '\0' && q != Q_TALLY_ALL)
            test_fail(__FILE__, __LINE__, "%s: %s", fault, strstr(sql.data, "FROM") != NULL ? strstr(sql.data, "FROM") : sql.data);
    }
    buf_free(&sql);
    sqlite3_close(db);
}

TEST(store_plan_test_sees_a_walk)
{
    sqlite3 *db = schema();
    char fault[256];
    plan_fault(db, "SELECT id FROM message WHERE signer = ?1 ORDER BY id LIMIT 1", fault, sizeof fault);
    CHECK_STR(fault, "SCAN message");
    plan_fault(db, "SELECT id FROM message WHERE request = ?1 ORDER BY unit LIMIT 1", fault, sizeof fault);
    CHECK(strstr(fault, "TEMP B-TREE") != NULL);
    sqlite3_close(db);
}

TEST_MAIN()
