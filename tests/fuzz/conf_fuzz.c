/* Any bytes as a configuration file, and then through a table with every type. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct settings { const char *text; struct conf_list list; int64_t number, time, size; bool flag; int choice; };

static const char *const choices[] = { "one", "two", NULL };

static const struct conf_key table[] = {
    { .key = "text", .type = CONF_TEXT, .offset = offsetof(struct settings, text) },
    { .key = "list", .type = CONF_LIST, .offset = offsetof(struct settings, list) },
    { .key = "number", .type = CONF_INT, .offset = offsetof(struct settings, number), .min = -10, .max = 10 },
    { .key = "time", .type = CONF_TIME, .offset = offsetof(struct settings, time), .max = 1000000 },
    { .key = "size", .type = CONF_SIZE, .offset = offsetof(struct settings, size) },
    { .key = "flag", .type = CONF_BOOL, .offset = offsetof(struct settings, flag) },
    { .key = "choice", .type = CONF_ENUM, .offset = offsetof(struct settings, choice), .names = choices },
    { .key = NULL }
};

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void count(void *context, const struct err *e)
{
    check(e->msg != MSG_NONE && strncmp(e->place, "fuzz:", 5) == 0);
    ++*(size_t *)context;
}

/* With a listener each mistake is told, and the count of them is kept. */
static void hear_all(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(16 << 20);
    size_t heard = 0;
    const struct conf_faults faults = { count, &heard };
    struct conf *conf = NULL;
    struct err e = ERR_INIT;
    struct settings got;
    if (conf_parse("fuzz", (const char *)data, size, arena, &faults, &conf, &e) == 0) {
        for (const struct conf_section *s = conf->sections; s != NULL; s = s->next)
            if (conf_apply(conf, s, table, &got, arena, &e) < 0)
                break;
        check(conf->told == heard);
    }
    check(heard <= CONF_FAULTS_MAX);
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(16 << 20);
    struct conf *conf = NULL;
    struct err e = ERR_INIT;
    hear_all(data, size);
    if (conf_parse("fuzz", (const char *)data, size, arena, NULL, &conf, &e) < 0) {
        check(conf == NULL && e.code != 0 && (e.code == ERR_NOMEM || strncmp(e.place, "fuzz:", 5) == 0));
    } else {
        for (const struct conf_section *s = conf->sections; s != NULL; s = s->next) {
            struct settings got;
            check(conf_find(conf, s->kind, s->name) == s);
            if (conf_apply(conf, s, table, &got, arena, &e) < 0)
                continue;
            check(got.number >= -10 && got.number <= 10 && got.time <= 1000000 && got.size >= 0 && got.choice >= 0 && got.choice < 2);
            for (size_t i = 0; i < got.list.count; i++)
                check(strlen(got.list.item[i]) <= size);
        }
    }
    arena_free(arena);
    return 0;
}
