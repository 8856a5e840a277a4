/*
 * Every allocation of the base room fails once (after sqlite's test_malloc): the n-th, for every n, until a run completes. Linked with
 * --wrap for malloc, calloc and realloc; only calls made by our own objects pass here.
 */
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/conf.h"
#include "base/json_doc.h"
#include "base/log.h"
#include "tests/unit/test.h"

static long countdown = -1;  /* -1 = never */

static int fails(void)
{
    return countdown >= 0 && countdown-- == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void *__wrap_malloc(size_t size) { return fails() ? NULL : __real_malloc(size); }
void *__wrap_calloc(size_t count, size_t size) { return fails() ? NULL : __real_calloc(count, size); }
void *__wrap_realloc(void *memory, size_t size) { return fails() ? NULL : __real_realloc(memory, size); }

/* Runs fn until no allocation is left to fail: it must say ERR_NOMEM each time, and 0 at last. */
static void exhaust(int (*fn)(void))
{
    for (long n = 0; ; n++) {
        countdown = n;
        int r = fn();
        int fired = countdown < 0;
        countdown = -1;
        if (!fired) {
            CHECK_OK(r);
            CHECK(n > 0);
            return;
        }
        CHECK_ERR(r, ERR_NOMEM);
    }
}

static int use_buf(void)
{
    struct buf b;
    int r = 0;
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 100 && r == 0; i++)
        r = buf_addf(&b, "%050d", i);
    if (r < 0 && (b.failed != r || b.data[b.len] != '\0'))
        r = ERR_INTERNAL;
    buf_free(&b);
    return r;
}

static int use_arena(void)
{
    struct arena *a = arena_new(1 << 20);
    int r = a != NULL ? 0 : ERR_NOMEM;
    for (size_t i = 0; i < 100 && r == 0; i++)
        r = arena_alloc(a, i * 50) != NULL && arena_strdup(a, "x") != NULL ? 0 : ERR_NOMEM;
    arena_free(a);
    return r;
}

static int use_conf(void)
{
    static const struct conf_key table[] = { { .key = "a", .type = CONF_LIST }, { .key = "b", .type = CONF_TEXT, .offset = sizeof(struct conf_list) }, { .key = NULL } };
    struct { struct conf_list list; const char *text; } target;
    static char text[20000];
    size_t len = (size_t)snprintf(text, sizeof text, "[s]\nb = \"%05000d\"\n", 1);
    for (int i = 0; i < 200; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "a = %d\n", i);
    struct arena *a = arena_new(1 << 20);
    struct conf *conf = NULL;
    struct err e = ERR_INIT;
    int r = a != NULL ? conf_parse("f", text, len, a, NULL, &conf, &e) : ERR_NOMEM;
    if (r == 0)
        r = conf_apply(conf, conf_find(conf, "s", NULL), table, &target, a, &e);
    if (r == 0 && (target.list.count != 200 || strlen(target.text) != 5000))
        r = ERR_INTERNAL;
    arena_free(a);
    return r;
}

static int use_json(void)
{
    static const char text[] = "{\"a\":[1,2,3,{\"b\":\"x\\ny\",\"c\":null}],\"d\":{\"e\":true,\"f\":1.50}}";
    struct arena *a = arena_new(1 << 20);
    const struct json_node *root = NULL;
    struct err e = ERR_INIT;
    int r = a != NULL ? json_parse(text, sizeof text - 1, NULL, a, &root, &e) : ERR_NOMEM;
    if (r == 0 && !json_equals(json_path(root, "a/3/b"), "x\ny"))
        r = ERR_INTERNAL;
    arena_free(a);
    return r;
}

static int use_log(void)
{
    struct err e = ERR_INIT;
    struct log *log = log_new("x", NULL, LANG_EN, &e);
    int r = log != NULL ? 0 : e.code;
    log_free(log);
    return r;
}

TEST(every_allocation_of_buf_may_fail) { exhaust(use_buf); }
TEST(every_allocation_of_arena_may_fail) { exhaust(use_arena); }
TEST(every_allocation_of_conf_may_fail) { exhaust(use_conf); }
TEST(every_allocation_of_json_may_fail) { exhaust(use_json); }
TEST(every_allocation_of_log_may_fail) { exhaust(use_log); }

TEST_MAIN()
