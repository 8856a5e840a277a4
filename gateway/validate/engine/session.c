/*
 * NAME
 *     session - what is kept from one document to the next
 *
 * DESCRIPTION
 *     A document of 20 KB is validated in a fraction of a millisecond, and most of the time of the first one goes into plans that depend on the profiles only. They are
 *     made when they are first needed and kept in the session. The image is known again by its address and checksum: a set that was closed and another one
 *     opened at the same place are not mistaken for each other.
 *
 * DIAGNOSTICS
 *     ERR_NOMEM. A session that could not begin stays as it was before its first document.
 */
#include <stdlib.h>

#include "validate/engine/session.h"

#define SESSION_MAX ((size_t)64 << 20)
#define SESSION_KEEP ((size_t)16 << 20)
#define PATH_ARENA_MAX ((size_t)256 << 20)

struct validate_session *validate_session_new(void)
{
    struct validate_session *session = calloc(1, sizeof *session);

    if (session == NULL)
        return NULL;
    session->arena = arena_new(SESSION_MAX);
    session->path_arena = arena_new(PATH_ARENA_MAX);
    session->regexes = fhirpath_regexes_new();
    return session->arena != NULL && session->path_arena != NULL && session->regexes != NULL ? session : validate_session_free(session);
}

static void forget(struct validate_session *session)
{
    free(session->memo);
    free(session->canonicals);
    free(session->plans);
    session->memo = NULL;
    session->canonicals = NULL;
    free(session->faces);
    free(session->own);
    free(session->added);
    session->plans = NULL;
    session->faces = NULL;
    session->own = session->added = NULL;
    session->base = NULL;
    if (session->arena != NULL)
        arena_reset(session->arena);
}

struct validate_session *validate_session_free(struct validate_session *session)
{
    if (session == NULL)
        return NULL;
    forget(session);
    arena_free(session->arena);
    arena_free(session->path_arena);
    fhirpath_regexes_free(session->regexes);
    free(session);
    return NULL;
}

int session_begin(struct validate_session *session, const struct image *image)
{
    size_t elements = (size_t)image->count[IMG_ELEMENTS] + 1;

    if (session->base == image->base && session->checksum == image->header->checksum && arena_used(session->arena) <= SESSION_KEEP)
        return 0;
    forget(session);
    session->memo = calloc(1, sizeof *session->memo);
    session->canonicals = calloc(1, sizeof *session->canonicals);
    session->plans = calloc(elements, sizeof *session->plans);
    session->faces = calloc((size_t)image->count[IMG_MEMBERS] + 1, sizeof *session->faces);
    session->own = calloc(elements, sizeof *session->own);
    session->added = calloc(elements, sizeof *session->added);
    if (session->memo == NULL || session->canonicals == NULL || session->plans == NULL || session->faces == NULL || session->own == NULL || session->added == NULL) {
        forget(session);
        return ERR_NOMEM;
    }
    session->base = image->base;
    session->checksum = image->header->checksum;
    return 0;
}
