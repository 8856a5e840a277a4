/*
 * NAME
 *     ids - no two elements of a resource carry the same id
 *
 * DESCRIPTION
 *     A table of hashes, made with the first id of an element that the walk meets: resource and id lead to the element that was there first. The second one is told. Ids of
 *     resources are no ids of elements, and every resource within another counts for itself, as with the HL7 reference.
 *
 * DIAGNOSTICS
 *     VALIDATE_ID_TWICE.
 */
#include <string.h>

#include "validate/engine/formats.h"
#include "validate/engine/walk.h"

enum { IDS_FIRST_SIZE = 32 };

struct id_slot { const struct json_node *resource, *holder; struct bytes id; };   /* holder NULL = free */

struct id_table { struct id_slot *slots; size_t size, used; };

static struct id_slot *find_slot(struct id_slot *slots, size_t size, const struct json_node *resource, struct bytes id)
{
    size_t at = (size_t)((image_hash(id.data, id.len) + (uint64_t)resource->start * 0x9E3779B97F4A7C15u) >> 7) & (size - 1);

    while (slots[at].holder != NULL && !(slots[at].resource == resource && slots[at].id.len == id.len && memcmp(slots[at].id.data, id.data, id.len) == 0))
        at = (at + 1) & (size - 1);
    return &slots[at];
}

static bool grow(struct engine *e, struct id_table *t)
{
    size_t size = t->size > 0 ? t->size * 2 : IDS_FIRST_SIZE;
    struct id_slot *slots = arena_array(e->arena, size, sizeof *slots);

    if (slots == NULL) {
        e->failed = true;
        return false;
    }
    for (size_t i = 0; i < t->size; i++)
        if (t->slots[i].holder != NULL)
            *find_slot(slots, size, t->slots[i].resource, t->slots[i].id) = t->slots[i];
    t->slots = slots;
    t->size = size;
    return true;
}

static struct id_table *table_of(struct engine *e)
{
    if (e->walk->ids == NULL && (e->walk->ids = arena_alloc(e->arena, sizeof *e->walk->ids)) == NULL)
        e->failed = true;
    return e->walk->ids;
}

/* Ids count within the resource. The snapshot of a StructureDefinition repeats those of its differential and counts for itself. */
static const struct json_node *scope_of(const struct place *at)
{
    const struct json_node *resource = at->resource->node;

    for (; at->up != NULL && at != at->resource; at = at->up)
        if (at->up == at->resource && at->name.len == 8 && memcmp(at->name.data, "snapshot", 8) == 0)
            return at->node;
    return resource;
}

void ids_note(struct engine *e, const struct place *at, const struct json_node *holder)
{
    struct id_table *table = table_of(e);
    const struct json_node *scope = scope_of(at);
    struct bytes id = format_member(holder, "id");
    struct id_slot *slot;

    if (table == NULL || id.len == 0 || scope == NULL || (table->used * 2 >= table->size && !grow(e, table)))
        return;
    slot = find_slot(table->slots, table->size, scope, id);
    if (slot->holder == NULL) {
        *slot = (struct id_slot){ scope, holder, id };
        table->used++;
    } else if (slot->holder != holder) {
        engine_report_bytes(e, at, json_get(holder, "id"), MSG_ERROR, MSG_VALIDATE_ID_TWICE, NULL, id, (struct bytes){ NULL, 0 });
    }
}
