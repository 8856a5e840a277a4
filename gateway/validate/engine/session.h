/*
 * session.h - what follows from the profiles alone and is therefore kept from one document to the next: plans of slicings, lists of children that matter,
 * compiled regular expressions. Opaque to callers (validate.h); belongs to one thread.
 *
 *     struct validate_session *s = validate_session_new();
 *     if (s == NULL || session_begin(s, image) < 0) ...        // before each document
 *
 * What grows lies in one arena, which is emptied when another image comes or when it has grown past SESSION_KEEP; the tables beside it have sizes of their own or
 * that the image gives. So no document makes a session larger than its image allows.
 */
#ifndef VALIDATE_ENGINE_SESSION_H
#define VALIDATE_ENGINE_SESSION_H

#include "base/arena.h"
#include "validate/fhirpath/fhirpath.h"
#include "validate/model/canonicals.h"
#include "validate/model/document.h"
#include "validate/model/image.h"
#include "validate/validate.h"

struct plan;
struct face;

/*
 * The children of a definition that say more than "may be there"; most say nothing. `quiet`: nothing is to be said when it is not there, which its name's bit tells. min and max as
 * far as the definition adds them to its base; `below`: something is to be said of the items themselves.
 */
struct short_child { const struct img_element *child; uint64_t name_bit; uint32_t min, max; bool quiet, below, sliced; };
struct shortlist { uint32_t count; struct short_child *child; };

struct validate_session {
    const char *base; uint64_t checksum;             /* of the image that all this was made for */
    struct arena *arena, *path_arena;                /* path_arena: of FHIRPath, emptied between expressions */
    struct fhirpath_regexes *regexes;
    struct document_memo *memo;
    struct canonicals *canonicals;
    struct plan **plans;                             /* by element - 1: slices told apart (slices.c) */
    struct face **faces;                             /* by member - 1: what a member is to the walk (walk.c) */
    struct shortlist **own, **added;                 /* by element - 1: children with counts of their own; children that add to the base (walk.c) */
};

/* Ready for a document of this image; ERR_NOMEM. */
int session_begin(struct validate_session *session, const struct image *image);

/* image_find_profile() for a canonical that stands in the image itself. */
static inline img_id session_profile(struct validate_session *session, const struct image *image, img_str canonical) { return canonicals_get(session->canonicals, image, canonical)->profile; }

#endif
