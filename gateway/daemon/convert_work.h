/*
 * convert_work.h - the jobs of a convert worker: look, convert, check, build, read, read_notice. Each takes its order from door->in and answers
 * with one or more messages. All are pure functions of what came in the order and of what was loaded before the worker was confined.
 */
#ifndef DAEMON_CONVERT_WORK_H
#define DAEMON_CONVERT_WORK_H

#include "base/arena.h"
#include "base/issue.h"
#include "codes/code_map.h"
#include "daemon/door.h"
#include "daemon/masters.h"
#include "exchange/exchange.h"
#include "sign/sign.h"
#include "validate/validate.h"

enum { CONVERT_FILES_MAX = 60, CONVERT_ARENA_MAX = 512 << 20 };

/* Loaded before confinement; read-only afterwards. */
struct convert_world {
    struct exchange_profile *profile[SETTINGS_MAX];   /* by index of the link */
    struct code_map *map[SETTINGS_MAX];               /* by index of the facility, NULL = none */
    struct sign_trust *trust;
    struct validate_set *set;                         /* NULL = the built-in profiles */
    struct codes_masters *masters;                    /* the operator's code lists; NULL = none */
    struct validate_terms terms;                      /* the same for the validator */
    struct validate_session *session;                 /* what validating keeps from one Bundle to the next */
    struct arena *arena;                              /* of one job, reset after each */
};

/* Profiles of all links, code maps of all facilities, the set of FHIR packages (fhir_set), code lists (master_dir), trust anchors (trust_dir), CRLs (crl_dir). */
int convert_world_load(const struct settings *settings, struct convert_world *ret_world, struct err *e);

void convert_look(struct door *door, struct convert_world *world);
void convert_convert(struct door *door, struct convert_world *world);
void convert_check(struct door *door, struct convert_world *world);
void convert_build(struct door *door, struct convert_world *world);
void convert_read(struct door *door, struct convert_world *world);
void convert_read_notice(struct door *door, struct convert_world *world);

/* Shared by the jobs: the profile of the order's F_PROFILE (name of a link), NULL when there is none. */
const struct exchange_profile *convert_profile(const struct door *door, const struct convert_world *world, const char *link);
/* Maps a descriptor of a message, which is closed in any case. To be given back with memfd_unmap(), also after an error. */
int convert_map(int fd, struct bytes *ret_bytes, struct err *e);
/* A payload of the order, which lies in the message or is mapped. To be given back with convert_shut(), also after an error. */
struct convert_payload { struct bytes bytes, mapped; };
int convert_open(struct door *door, enum wire_field field, struct convert_payload *ret_payload, struct err *e);
void convert_shut(struct convert_payload *payload);
/* A payload of the answer, in the message or as a memfd: that, or -1. The caller closes it after sending; want of memory shows when it is sent. */
int convert_put(struct wire_out *out, enum wire_field field, struct bytes content);
/* Findings as such a payload, left out when there are none; with advice for a dry run. */
int convert_put_findings(struct wire_out *out, const struct issue_list *issues, bool advice);
/* What is wrong with a list as a whole: the worst finding's message when it has errors, MSG_NOMEM when it failed, else MSG_NONE. */
enum msg_id convert_verdict(const struct issue_list *issues);

#endif
