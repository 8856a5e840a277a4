/*
 * NAME
 *     canonical_targets - does a canonical lead to the kind of resource that its element asks for?
 *
 * DESCRIPTION
 *     Of what is loaded (profiles, value sets, code systems) and of contained resources the type is known; of everything else nothing can be said. meta.profile is not looked at here: what is
 *     no profile there is told when it is applied.
 *
 * DIAGNOSTICS
 *     VALIDATE_REFERENCE_TARGET.
 */
#include "validate/engine/engine.h"

#include "validate/engine/formats.h"
#include "validate/engine/session.h"

/* The type of resource that the canonical leads to; data NULL = not known. */
static struct bytes type_behind(struct engine *e, const struct place *at, struct bytes text)
{
    struct bytes type = { NULL, 0 };
    const struct canonical_found *found;

    if (text.data[0] == '#') {
        struct reference_target target = at->resource != NULL ? references_find(e, at->resource->node, text) : (struct reference_target){ .way = REFERENCE_NONE };
        if (target.way == REFERENCE_CONTAINED)
            type = format_member(target.resource, "resourceType");
        return type;
    }
    found = canonicals_find(e->session->canonicals, e->image, text.data, text.len);
    if (found->profile != 0)
        type = (struct bytes){ "StructureDefinition", 19 };
    else if (found->value_set != 0)
        type = (struct bytes){ "ValueSet", 8 };
    else if (found->system != 0)
        type = (struct bytes){ "CodeSystem", 10 };
    return type;
}

void canonical_check_target(struct engine *e, const struct place *at, const struct img_element *definition, struct bytes text)
{
    const struct image *image = e->image;
    const struct img_profile *holder = definition != NULL ? image_profile(image, definition->profile) : NULL;
    const struct img_type *type = definition != NULL && definition->types.count > 0 ? &image->types[definition->types.first] : NULL;
    struct bytes found = { NULL, 0 }, wanted;

    if (type == NULL || type->targets.count == 0 || (holder != NULL && holder->well_known == IMG_META))
        return;
    found = type_behind(e, at, text);
    for (uint32_t i = 0; found.data != NULL && i < type->targets.count; i++) {
        const char *slash;
        wanted = image_bytes(image, image->links[type->targets.first + i]);
        slash = memrchr(wanted.data, '/', wanted.len);
        if (slash != NULL)
            wanted = (struct bytes){ slash + 1, wanted.len - (size_t)(slash + 1 - wanted.data) };
        if (format_is(wanted, "Resource") || (wanted.len == found.len && memcmp(wanted.data, found.data, found.len) == 0))
            return;
    }
    if (found.data != NULL)
        engine_report_bytes(e, at, NULL, MSG_ERROR, MSG_VALIDATE_REFERENCE_TARGET, NULL, found, wanted);
}
