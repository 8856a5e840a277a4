/*
 * Any text into the FHIRPath compiler, and what compiles over a small document; any bytes as a program. The first byte chooses: text, or a program of which the
 * rest are the bytes. Every program that the compiler writes must pass fhirpath_program_ok(), and every program that passes must be walked without leaving it.
 */
#include "tests/unit/fhirpath_world.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
    if (!ok)
        abort();
}

static int evaluate(struct world *w, const char *program, size_t len, const struct document *document, bool *ret_holds)
{
    struct fhirpath_env env = world_env(w);
    struct fhirpath_items items = { 0 };
    struct err e = ERR_INIT;
    const char *space;
    env.document = document;
    env.max_steps = 20000;
    env.reference_ways = (len & 8) != 0;
    if (len & 16)
        env.regexes = NULL;
    arena_reset(w->scratch);
    int ret = fhirpath_eval(program, len, &env, &w->resource, &items, &e);
    check(ret <= 0 && (ret == 0 || e.code == ret));
    for (size_t i = 0; ret == 0 && i < items.count; i++) {
        struct bytes text = { "", 0 };
        fhirpath_text(&items.item[i], &text);
        check(text.data != NULL && fhirpath_type_name(&w->image, &items.item[i], &space).data != NULL);
    }
    ret = fhirpath_test(program, len, &env, &w->resource, ret_holds, &e);
    check(ret <= 0);
    return ret;
}

/* Without what was looked up beforehand and with it the answer is the same, unless one of them takes too many steps. */
static void evaluate_both(struct world *w, char *program, size_t len)
{
    bool plain = false, known = false;
    uint64_t names[FHIRPATH_UNLESS];
    int ret = evaluate(w, program, len, NULL, &plain);
    world_link(w, program);
    check(fhirpath_program_ok(program, len) && fhirpath_unless(program, names) <= FHIRPATH_UNLESS);
    int again = evaluate(w, program, len, &w->document, &known);
    if (ret != ERR_LIMIT && again != ERR_LIMIT && ret != ERR_NOMEM && again != ERR_NOMEM)
        check(ret == again && plain == known);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world world;
    struct err e = ERR_INIT;
    if (world.root == NULL)
        check(world_open(&world));
    if (size < 2)
        return 0;
    buf_reset(&world.program);
    if (data[0] != 0xFF) {
        if (fhirpath_compile((const char *)data, size, &world.program, &e) < 0) {
            check(e.msg != MSG_NONE && e.column <= size + 1 && world.program.len == 0);
            return 0;
        }
        check(fhirpath_program_ok(world.program.data, world.program.len));
    } else {
        buf_add(&world.program, data + 1, size - 1);
        if (world.program.failed || !fhirpath_program_ok(world.program.data, world.program.len))
            return 0;
    }
    evaluate_both(&world, world.program.data, world.program.len);
    return 0;
}
