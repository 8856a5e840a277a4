/* Tests of base/arena.h. */
#include "base/arena.h"

#include <stdalign.h>
#include <stddef.h>
#include "tests/unit/test.h"

TEST(arena_memory_is_zero_and_aligned)
{
    struct arena *a = arena_new(1 << 20);
    for (size_t size = 0; size < 300; size++) {
        unsigned char *p = arena_alloc(a, size);
        CHECK(p != NULL);
        CHECK_INT((uintptr_t)p % alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            CHECK_INT(p[i], 0);
        memset(p, 0xff, size);
    }
    CHECK(arena_free(a) == NULL);
    CHECK(arena_free(NULL) == NULL);
}

TEST(arena_pieces_do_not_overlap)
{
    enum { COUNT = 3000 };
    static unsigned char *piece[COUNT];
    struct arena *a = arena_new(256 << 20);
    for (unsigned i = 0; i < COUNT; i++) {
        size_t size = i % 100 == 99 ? 70000 : i % 97;
        piece[i] = arena_alloc(a, size + 1);
        CHECK(piece[i] != NULL);
        memset(piece[i], (int)(i % 251), size + 1);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        size_t size = i % 100 == 99 ? 70000 : i % 97;
        CHECK_INT(piece[i][0], i % 251);
        CHECK_INT(piece[i][size], i % 251);
    }
    arena_free(a);
}

TEST(arena_stops_at_its_maximum)
{
    struct arena *a = arena_new(1000);
    CHECK(arena_alloc(a, 1001) == NULL);
    CHECK(arena_alloc(a, 1000) != NULL);
    CHECK_INT(arena_used(a), 1000);
    CHECK(arena_alloc(a, 1) == NULL);
    arena_reset(a);
    CHECK_INT(arena_used(a), 0);
    CHECK(arena_alloc(a, 1000) != NULL);
    arena_free(a);
}

TEST(arena_counts_many_small_pieces)
{
    struct arena *a = arena_new(1 << 16);
    size_t count = 0;
    while (arena_alloc(a, 1) != NULL)
        CHECK(++count <= 1 << 16);
    CHECK_INT(count, (1 << 16) / alignof(max_align_t));
    arena_free(a);
}

TEST(arena_refuses_overflow)
{
    struct arena *a = arena_new(SIZE_MAX);
    CHECK(arena_array(a, SIZE_MAX / 2, 3) == NULL);
    CHECK(arena_alloc(a, SIZE_MAX) == NULL);
    CHECK(arena_alloc(a, SIZE_MAX - 8) == NULL);
    CHECK(arena_strndup(a, "x", SIZE_MAX) == NULL);
    CHECK(arena_array(a, 0, 8) != NULL);
    int *numbers = arena_array(a, 1000, sizeof *numbers);
    CHECK(numbers != NULL);
    CHECK_INT(numbers[999], 0);
    arena_free(a);
}

TEST(arena_reset_gives_clean_memory_again)
{
    struct arena *a = arena_new(1 << 20);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 200; i++) {
            unsigned char *p = arena_alloc(a, 100);
            CHECK(p != NULL);
            for (int j = 0; j < 100; j++)
                CHECK_INT(p[j], 0);
            memset(p, 0xaa, 100);
        }
        arena_reset(a);
    }
    arena_free(a);
    a = arena_new(10);
    arena_reset(a);
    arena_free(a);
}

TEST(arena_reset_forgets_large_and_small_alike)
{
    struct arena *a = arena_new(64 << 20);
    static const size_t sizes[] = { 40, 5000, 3, 70000, 2000000, 900, 300000, 1, 65536 };
    for (size_t round = 0; round < 20; round++) {
        for (size_t i = 0; i < 200; i++) {
            size_t size = sizes[(i * (round + 1)) % (sizeof sizes / sizeof sizes[0])];
            unsigned char *p = arena_alloc(a, size);
            if (p == NULL)
                break;   /* the maximum, at another place in each round */
            for (size_t j = 0; j < size; j++)
                if (p[j] != 0)
                    test_fail(__FILE__, __LINE__, "byte %zu of %zu is not zero in round %zu", j, size, round);
            memset(p, 0xaa, size);
        }
        arena_reset(a);
        CHECK_INT(arena_used(a), 0);
    }
    CHECK(arena_alloc(a, 60 << 20) != NULL);
    arena_free(a);
}

TEST(arena_texts)
{
    struct arena *a = arena_new(1000);
    CHECK_STR(arena_strdup(a, "傷病名"), "傷病名");
    CHECK(arena_strdup(a, NULL) == NULL);
    CHECK_STR(arena_strndup(a, "abcdef", 3), "abc");
    CHECK_STR(arena_strndup(a, NULL, 0), "");
    CHECK_STR(arena_printf(a, "%d-%s", 12, "x"), "12-x");
    CHECK(arena_printf(a, "%2000d", 1) == NULL);
    arena_free(a);
}

TEST_MAIN()
