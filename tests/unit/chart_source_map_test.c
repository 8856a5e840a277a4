#include "tests/unit/test.h"

#include "chart/source_map.h"

static const struct chart_place disease = { "/units/0/items/0", 120, 7, 5 };
static const struct chart_place code = { "/units/0/items/0/management_number", 160, 9, 22 };

static struct source_map *example(struct arena *arena)
{
    struct source_map *map = source_map_new(arena);
    CHECK(map != NULL);
    CHECK_OK(source_map_add(map, "Bundle.entry[1]", &disease));
    CHECK_OK(source_map_add(map, "Bundle.entry[1].resource.code.coding[0]", &code));
    CHECK_OK(source_map_add(map, "Bundle.entry[2]", NULL));
    CHECK_INT(source_map_count(map), 2);
    return map;
}

TEST(source_map_finds_the_longest_prefix)
{
    static const struct { const char *location, *pointer; } cases[] = {
        { "Bundle.entry[1]", "/units/0/items/0" },
        { "Bundle.entry[1].resource.subject", "/units/0/items/0" },
        { "Bundle.entry[1].resource.code.coding[0]", "/units/0/items/0/management_number" },
        { "Bundle.entry[1].resource.code.coding[0].display", "/units/0/items/0/management_number" },
        { "Bundle.entry[1].resource.code.coding[1].display", "/units/0/items/0" },
        { "Bundle.entry[1].resource.ofType(Condition).code.coding[0].system", "/units/0/items/0/management_number" },
        { "Bundle.entry[1].resource/*Condition/null*/.code.coding[0]", "/units/0/items/0/management_number" },
        { "Bundle.entry[1", NULL }, { "Bundle.entry[11]", NULL }, { "Bundle", NULL }, { "", NULL }, { "Bundle.entry[2].resource", NULL },
    };
    struct arena *arena = arena_new(1 << 20);
    struct source_map *map = example(arena);
    struct chart_place place = { NULL, -1, 0, 0 };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_INT(source_map_find(map, cases[i].location, &place), cases[i].pointer != NULL ? 0 : ERR_NOTFOUND);
        if (cases[i].pointer != NULL)
            CHECK_STR(place.pointer, cases[i].pointer);
    }
    CHECK_INT(source_map_find(NULL, "Bundle", &place), ERR_NOTFOUND);
    arena_free(arena);
}

TEST(source_map_takes_the_later_place_of_a_location)
{
    struct arena *arena = arena_new(1 << 20);
    struct source_map *map = example(arena);
    struct chart_place place;
    CHECK_OK(source_map_add(map, "Bundle.entry[1]", &code));
    CHECK_INT(source_map_count(map), 2);
    CHECK_OK(source_map_find(map, "Bundle.entry[1].resource", &place));
    CHECK_INT(place.offset, 160);
    arena_free(arena);
}

TEST(source_map_survives_being_stored)
{
    struct arena *arena = arena_new(1 << 24);
    struct source_map *map = example(arena), *again = NULL;
    struct chart_place place;
    struct err e = ERR_INIT;
    struct buf first, second;
    char location[64];
    for (int i = 0; i < 1000; i++) {
        snprintf(location, sizeof location, "Bundle.entry[%d].resource.note[0]", i);
        CHECK_OK(source_map_add(map, location, i % 2 ? &code : &disease));
    }
    buf_init(&first, 1 << 20);
    buf_init(&second, 1 << 20);
    CHECK_OK(source_map_write(map, &first));
    CHECK_OK(source_map_read(first.data, first.len, arena, &again, &e));
    CHECK_INT(source_map_count(again), 1002);
    CHECK_OK(source_map_find(again, "Bundle.entry[999].resource.note[0].text", &place));
    CHECK_STR(place.pointer, "/units/0/items/0/management_number");
    CHECK_INT(place.line, 9);
    CHECK_INT(place.column, 22);
    CHECK_OK(source_map_write(again, &second));
    CHECK_STR(second.data, first.data);
    buf_free(&first);
    buf_free(&second);
    arena_free(arena);
}

TEST(source_map_of_an_earlier_version_is_read)
{
    static const char whole[] = "clinsgw-source-map 1\n150\t7\t3\tBundle.entry[1]\t/units/0\n-1\t0\t0\tBundle.entry[1].resource.code\t\n";
    static const char shared[] = "clinsgw-source-map 2\n0\tBundle.entry[1]\t150\t7\t3\t0\t/units/0\n15\t.resource.code\t-1\t0\t0\t0\t\n";
    struct arena *arena = arena_new(1 << 20);
    struct source_map *map = NULL;
    struct chart_place place;
    struct err e = ERR_INIT;
    struct buf text;
    buf_init(&text, 1 << 20);
    CHECK_OK(source_map_read(whole, sizeof whole - 1, arena, &map, &e));
    CHECK_OK(source_map_find(map, "Bundle.entry[1].resource", &place));
    CHECK_STR(place.pointer, "/units/0");
    CHECK_INT(place.offset, 150);
    CHECK_OK(source_map_write(map, &text));
    CHECK_STR(text.data, shared);
    buf_free(&text);
    arena_free(arena);
}

TEST(source_map_says_once_what_neighbours_share)
{
    static const char want[] = "clinsgw-source-map 2\n0\tBundle.a\t5\t1\t6\t0\t/x/long\n7\tb\n8\t.c\t9\t1\t10\t3\tmore\n0\tx\n";
    static const char *const location[] = { "Bundle.a", "Bundle.b", "Bundle.b.c", "x" };
    struct chart_place here = { .pointer = "/x/long", .offset = 5, .line = 1, .column = 6 }, there = { .pointer = "/x/more", .offset = 9, .line = 1, .column = 10 };
    struct arena *arena = arena_new(1 << 20);
    struct source_map *map = source_map_new(arena), *again = NULL;
    struct chart_place place;
    struct err e = ERR_INIT;
    struct buf text;
    buf_init(&text, 1 << 20);
    for (size_t i = 0; i < 4; i++)
        CHECK_OK(source_map_add(map, location[i], i < 2 ? &here : &there));
    CHECK_OK(source_map_write(map, &text));
    CHECK_STR(text.data, want);
    CHECK_OK(source_map_read(text.data, text.len, arena, &again, &e));
    CHECK_INT(source_map_count(again), 4);
    CHECK_OK(source_map_find(again, "Bundle.b", &place));
    CHECK_STR(place.pointer, "/x/long");
    CHECK_OK(source_map_find(again, "x", &place));
    CHECK_STR(place.pointer, "/x/more");
    CHECK_INT(place.column, 10);
    buf_free(&text);
    arena_free(arena);
}

TEST(source_map_refuses_damaged_bytes)
{
    static const struct { const char *bytes, *place; } cases[] = {
        { "", "line:1" }, { "clinsgw-source-map 3\n", "line:1" }, { "clinsgw-source-map 1\nx\t1\t1\tBundle\t/a\n", "line:2" },
        { "clinsgw-source-map 1\n1\t1\t1\tBundle\t/a\n1\t-1\t1\tBundle.x\t/a\n", "line:3" }, { "clinsgw-source-map 1\n1\t1\t1\tBundle\t/a", "line:2" },
        { "clinsgw-source-map 1\n1\t1\t1\t\t/a\n", "line:2" }, { "clinsgw-source-map 1\n99999999999999999999\t1\t1\tBundle\t/a\n", "line:2" },
        { "clinsgw-source-map 1\n1\t4294967296\t1\tBundle\t/a\n", "line:2" },
        { "clinsgw-source-map 2\n0\tBundle\n", "line:2" }, { "clinsgw-source-map 2\n1\tBundle\t1\t1\t1\t0\t/a\n", "line:2" }, { "clinsgw-source-map 2\n0\t\t1\t1\t1\t0\t/a\n", "line:2" },
        { "clinsgw-source-map 2\n0\tBundle\t1\t1\t1\t0\t/a\n7\t.x\n", "line:3" }, { "clinsgw-source-map 2\n0\tBundle\t1\t1\t1\t0\t/a\n6\t.x\t1\t1\t1\t3\t/b\n", "line:3" },
        { "clinsgw-source-map 2\n0\tBundle\t1\t1\t1\t0\t/a\n-1\t.x\n", "line:3" }, { "clinsgw-source-map 2\n0\tBundle\t1\t1\t1\t0\t/a\n6\t.x\t1\t1\n", "line:3" },
        { "clinsgw-source-map 2\n0\tBundle\t1\t1\t1\t0\t/a\tmore\n", "line:2" }, { "clinsgw-source-map 1\n1\t1\t1\tBundle\n", "line:2" }, { "clinsgw-source-map 2\n\n", "line:2" },
    };
    struct arena *arena = arena_new(1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct source_map *map = NULL;
        struct err e = ERR_INIT;
        CHECK_ERR(source_map_read(cases[i].bytes, strlen(cases[i].bytes), arena, &map, &e), ERR_CORRUPT);
        CHECK(map == NULL);
        CHECK_STR(e.place, cases[i].place);
    }
    arena_free(arena);
}

TEST(source_map_gives_issues_their_line)
{
    struct arena *arena = arena_new(1 << 20);
    struct source_map *map = example(arena);
    struct issue_list issues;
    struct issue *found, *elsewhere, *known;
    issues_init(&issues, arena);
    found = issues_add(&issues, MSG_ERROR, MSG_INTERNAL, "x", NULL, NULL);
    elsewhere = issues_add(&issues, MSG_ERROR, MSG_INTERNAL, "x", NULL, NULL);
    known = issues_add(&issues, MSG_ERROR, MSG_INTERNAL, "x", NULL, NULL);
    found->location = "Bundle.entry[1].resource.code";
    elsewhere->location = "Bundle.entry[7]";
    known->location = "Bundle.entry[1]";
    known->pointer = "/patient";
    source_map_apply(map, &issues);
    CHECK_STR(found->pointer, "/units/0/items/0");
    CHECK_INT(found->line, 7);
    CHECK(elsewhere->pointer == NULL);
    CHECK_STR(known->pointer, "/patient");
    arena_free(arena);
}

TEST(source_map_is_bounded_by_its_arena)
{
    struct arena *arena = arena_new(20000);
    struct source_map *map = source_map_new(arena);
    char location[64];
    int r = 0;
    for (int i = 0; r == 0 && i < 100000; i++) {
        snprintf(location, sizeof location, "Bundle.entry[%d]", i);
        r = source_map_add(map, location, &code);
    }
    CHECK_INT(r, ERR_NOMEM);
    arena_free(arena);
}

TEST_MAIN()
