/*
 * validate.h - is this a FHIR R4 instance that the service will take, and if not, what must be changed where?
 *
 * One pure function: bytes, profile, package set, terminology, reading in; issues out. No file, no network, no clock, no state; may be called
 * from any number of threads with arenas of their own.
 *
 *     struct issue_list issues;
 *     issues_init(&issues, arena);
 *     struct validate_request r = { .bytes = text, .len = len, .reading = VALIDATE_SERVICE };
 *     if (validate_bytes(&r, &issues, &e) < 0) ...   // could not be checked (memory, limit): never a pass
 *     else if (issues_ok(&issues)) ...               // valid; warnings may stand in the list
 *
 * What is wrong with the instance is an issue, never an error of the function; bytes that are no JSON are an issue, too. Each issue carries the
 * severity, the rule (the invariant's key such as "bdl-7" or "valid-value-bundleIdenfifier" where one exists, the rule number of the guide such as
 * "R1113" where the guide numbers one that no profile carries, else NULL: the message's own code), the location as FHIRPath in the style
 * of the HL7 reference ("Bundle.entry[0].resource.section[2].code"; a missing element is reported at its parent), the byte offset, line and
 * column in the bytes, the profile, and a message of base/messages.def 5xxx (JSON: 3xxx) that says what to change. `pointer` (a place in the
 * vendor's own file) stays NULL: the caller fills it from the source map.
 *
 * Ownership: all is borrowed during the call; the issues' texts live in the arena of the list.
 */
#ifndef VALIDATE_VALIDATE_H
#define VALIDATE_VALIDATE_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/issue.h"
#include "base/json_doc.h"

/*
 * How strict "required" is (guide, chapter on required elements and the service's behaviour):
 * HL7      what the HL7 reference says: every minimum is an error.
 * SERVICE  what the service refuses: a minimum that a Japanese profile adds without must-support is a warning; what base R4 requires and what an
 *          invariant demands stays an error; a Bundle or Composition profile that cannot be resolved is an error; printed rules of
 *          the guide that no profile carries are warnings.
 */
enum validate_reading { VALIDATE_HL7, VALIDATE_SERVICE };

enum validate_answer { VALIDATE_NO, VALIDATE_YES, VALIDATE_UNKNOWN /* the system or value set is not loaded: nothing is said */ };

/* Terminology that the caller has loaded (masters). Every function may be NULL = VALIDATE_UNKNOWN. Pure look-ups; called once a coding. */
struct validate_terms {
    void *self;
    /* Is code in the code system? *ret_display (untouched if not VALIDATE_YES) is its display, len 0 = none known. */
    enum validate_answer (*find_code)(void *self, struct bytes system, struct bytes code, struct bytes *ret_display);
    /* Is the code in the value set with this canonical URL? */
    enum validate_answer (*in_value_set)(void *self, const char *value_set, struct bytes system, struct bytes code);
};

/* Profiles in use. Opaque, immutable, shared by threads. */
struct validate_set;

/* The tables compiled into the program. Static storage, cannot fail. */
const struct validate_set *validate_set_builtin(void);
/*
 * A set compiled from packages (package/package.h), mapped read-only; the whole file is verified before the call returns. ERR_NOTFOUND, ERR_IO, ERR_CORRUPT (damaged),
 * ERR_UNSUPPORTED (written by another version): compile it anew. The set keeps no descriptor open.
 */
int validate_set_open(const char *path, struct validate_set **ret_set, struct err *e);
struct validate_set *validate_set_close(struct validate_set *set);   /* NULL is fine; returns NULL */
/* Does the set hold a profile with this canonical URL ("…|version" allowed)? */
bool validate_set_has(const struct validate_set *set, const char *profile);

/*
 * What a thread keeps from one call to the next: what was worked out of the profiles for earlier documents. Without it each call works it out anew, which takes longer
 * than a small document itself. Used by one thread at a time, with any sets one after the other; must be freed before the set that it was last used with.
 */
struct validate_session;
struct validate_session *validate_session_new(void);                                   /* NULL when out of memory */
struct validate_session *validate_session_free(struct validate_session *session);      /* NULL is fine; returns NULL */

struct validate_request {
    const char *bytes;                   /* the instance, JSON */
    size_t len;
    const struct json_node *root;        /* the same bytes already read, or NULL */
    const char *profile;                 /* canonical URL the root must also conform to, besides its meta.profile; NULL = none */
    const struct validate_set *set;      /* NULL = validate_set_builtin() */
    const struct validate_terms *terms;  /* NULL = none */
    enum validate_reading reading;
    struct validate_session *session;    /* NULL = one for this call */
    struct arena *scratch;               /* tree and indexes of this call; NULL = the arena of the list */
};

/*
 * Checks the instance and adds its issues. 0 = checked (the verdict is in the list); ERR_NOMEM when memory ran out (the list is then marked
 * as failed), ERR_LIMIT when the document is larger than the reader takes.
 */
int validate_bytes(const struct validate_request *request, struct issue_list *issues, struct err *e);

#endif
