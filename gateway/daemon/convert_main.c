/*
 * NAME
 *      clinsgw-convert - a confined worker that turns bytes into Bundles and answers into facts
 *
 * SYNOPSIS
 *      clinsgw-convert CONFIG NUMBER      (started by clinsgwd)
 *
 * DESCRIPTION
 *      Everything that comes from outside is parsed here and nowhere else: vendor files, Bundles, answers of the service. The worker reads interface
 *      profiles and trust anchors, then gives up files, network and new processes for good, and works off one order after the other.
 */
#include <malloc.h>
#include <cjson/cJSON.h>
#include "base/crypt.h"
#include "daemon/confine.h"
#include "daemon/convert_work.h"

static const struct { enum wire_type type; void (*job)(struct door *, struct convert_world *); } jobs[] = {
    { WIRE_LOOK, convert_look }, { WIRE_CONVERT, convert_convert }, { WIRE_CHECK, convert_check }, { WIRE_BUILD, convert_build }, { WIRE_READ, convert_read },
    { WIRE_READ_NOTICE, convert_read_notice },
};

enum { KEEP_BYTES = 2 << 20 };

/* cJSON asks for thousands of small pieces a Bundle and has given all of them back at the end of the job. It tells its allocator no context. */
static struct arena *pieces;

static void *piece_new(size_t size)
{
    return arena_alloc(pieces, size);
}

static void piece_free(void *piece)
{
    (void)piece; /* all at once, after the job */
}

int main(int argc, char **argv)
{
    struct cJSON_Hooks hooks = { .malloc_fn = piece_new, .free_fn = piece_free };
    struct convert_world world;
    struct err e = ERR_INIT;
    struct door *door;

    crypt_start_quiet();
    door = door_start(argc, argv);
    /* one job after the other of the same size: give nothing below that back to the system, only to fetch it again */
    (void)mallopt(M_MMAP_THRESHOLD, KEEP_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, KEEP_BYTES);
    if (convert_world_load(door->settings, &world, &e) < 0 || confine_worker(&e) < 0) {
        door_problem(door, &e);
        return 70;
    }
    if ((pieces = arena_new(CONVERT_ARENA_MAX)) == NULL) {
        err_set(&e, ERR_NOMEM, MSG_NOMEM, NULL, "convert", NULL);
        door_problem(door, &e);
        return 70;
    }
    cJSON_InitHooks(&hooks);
    door_ready(door);
    for (;;) {
        if (door_receive(door) == ERR_TIMEOUT) {
            door_wait(door);
            continue;
        }
        for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++)
            if (door->in.type == jobs[i].type)
                jobs[i].job(door, &world);
        wire_release(&door->in);
        arena_reset(world.arena);
        arena_reset(pieces);
    }
}
