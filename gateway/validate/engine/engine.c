/*
 * NAME
 *     engine - a whole instance against a compiled set of profiles
 *
 * SYNOPSIS
 *     int engine_validate(const struct validate_request *request, const struct image *image, const struct json_node *root, struct arena *arena, struct issue_list *issues, struct err *e);
 *
 * DESCRIPTION
 *     Sets up the state of one validation (names that the walk asks for, what each value is), indexes the references of the document and starts
 *     the own run of the outermost resource; everything else follows from there (runs.c).
 */
#include <string.h>

#include "validate/engine/walk.h"

static img_str named(const struct image *image, const char *text)
{
    return image_find_str(image, text, strlen(text));
}

static void know_names(const struct image *image, struct engine_walk *w)
{
    w->name.reference = named(image, "Reference");
    w->name.extension = named(image, "Extension");
    w->name.coding = named(image, "Coding");
    w->name.quantity = named(image, "Quantity");
    w->name.resource = named(image, "Resource");
    w->name.id = named(image, "id");
    w->name.value = named(image, "value");
    w->name.url = named(image, "url");
    w->name.child_extension = named(image, "extension");
}

static void start(struct engine *e, const struct json_node *root)
{
    struct place none = { .name = { "$", json_is(root, JSON_OBJECT) ? 1 : 0 }, .index = NO_INDEX, .node = root };
    const struct json_node *type = json_get(root, "resourceType");

    if (root->type != JSON_OBJECT || !json_is(type, JSON_STRING) || type->len == 0) {
        engine_report(e, &none, root, MSG_ERROR, MSG_VALIDATE_RESOURCE_TYPE, NULL, NULL, "", NULL);
        return;
    }
    if (references_index(e, root) < 0)
        e->failed = true;
    else
        run_own(e, root, NULL);
}

/* Is there an empty array right within an array? Asked only where something is wrong already. */
static bool has_hollow_array(const struct json_node *root)
{
    for (const struct json_node *n = root; n != NULL;) {
        if (n->type == JSON_ARRAY && n->count == 0 && n->parent != NULL && n->parent->type == JSON_ARRAY)
            return true;
        if (n->child != NULL) {
            n = n->child;
            continue;
        }
        while (n != root && n->next == NULL)
            n = n->parent;
        n = n != root ? n->next : NULL;
    }
    return false;
}

/* The reader of the HL7 reference stops at "[[]]": as with text that is no JSON, that is all that is said. */
static void say_only_nested(struct engine *e, const struct issue_list *before, const struct json_node *root)
{
    struct place nowhere = { .name = { "", 0 }, .index = NO_INDEX, .node = root };

    *e->issues = *before;
    if (before->last != NULL)
        before->last->next = NULL;
    engine_report(e, &nowhere, root, MSG_ERROR, MSG_VALIDATE_NESTED_ARRAY, NULL, NULL, NULL, NULL);
}

int engine_validate(const struct validate_request *request, const struct image *image, const struct json_node *root, struct arena *arena, struct issue_list *issues, struct err *e)
{
    struct validate_session *own = request->session == NULL ? validate_session_new() : NULL, *session = request->session != NULL ? request->session : own;
    struct engine_walk walk = { .main = issues, .service = request->reading == VALIDATE_SERVICE };
    struct engine engine = { .request = request, .image = image, .session = session, .terms = { image, request->terms, NULL }, .arena = arena, .issues = issues, .walk = &walk };
    struct issue_list before = *issues;

    if (session == NULL || session_begin(session, image) < 0 || document_read(image, root, session->memo, session->canonicals, arena, &engine.document) < 0) {
        engine.failed = true;
    } else {
        engine.terms.canonicals = session->canonicals;
        engine.path_env = (struct fhirpath_env){
            .image = image, .document = &engine.document, .arena = session->path_arena, .hooks = &invariant_hooks, .self = &engine, .reference_ways = true, .regexes = session->regexes,
            .kept = &engine.path_kept,
        };
        know_names(image, &walk);
        start(&engine, root);
    }
    if (request->reading == VALIDATE_HL7 && issues->errors > before.errors && !engine.failed && has_hollow_array(root))
        say_only_nested(&engine, &before, root);
    if (walk.service && !engine.failed)
        unfilled_merge(issues, before.last);
    validate_session_free(own);
    if (!engine.failed && !issues->failed)
        return 0;
    issues->failed = true;
    return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "validate", NULL);
}
