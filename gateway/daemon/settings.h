/*
 * settings.h - the configuration of the gateway (clinsgw.conf(5)) as typed structs.
 *
 * The desk reads the file and hands its text on to the doors, so that all have the one in force whatever lies there meanwhile; each takes its own part. Unknown keys, bad values and references to sections that do not
 * exist are errors with file, line, key and what is allowed; nothing is read half. Secrets never stand in the file: only the names of the files or
 * systemd credentials that hold them.
 */
#ifndef DAEMON_SETTINGS_H
#define DAEMON_SETTINGS_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/conf.h"
#include "base/err.h"

enum settings_link_type { LINK_TYPE_WEBAPI, LINK_TYPE_TERMINAL, LINK_TYPE_SINK };
enum settings_signing { SIGNING_REQUIRE, SIGNING_PREFER, SIGNING_NEVER };
enum settings_signer_type { SIGNER_PKCS11, SIGNER_KEY_FILE };
enum settings_limits { SETTINGS_MAX = 64 /* sections of one kind */, SETTINGS_NAME_MAX = 63, SETTINGS_LINK_NAME_MAX = 31 /* bytes of their names: as FLOW_SOURCE, FLOW_SIGNER, FLOW_ROUTE hold */ };

struct settings_link {
    const char *name;
    int type;                                   /* enum settings_link_type */
    const char *profile;                        /* file name below profile_dir, without .conf */
    uint32_t line;                              /* that names it, else that of the section */
    int64_t sessions;
    const char *folder;
    const char *login_url, *api_url, *login_user, *login_password_file, *certificate, *key, *key_password_file, *ca, *resolve;
};

struct settings_signer {
    const char *name;
    int type;                                   /* enum settings_signer_type */
    const char *module, *token, *certificate, *key;
    const char *pin_credential;                 /* file name below $CREDENTIALS_DIRECTORY, or absolute path; NULL = a person signs */
    bool keep_login;                            /* pkcs11: one log-in a sitting; for an HSM */
};

struct settings_facility {
    const char *code;                           /* 10 digits */
    const char *second_code;                    /* valid beside it for a time, NULL = none */
    const char *name;
    const char *link;
    int signing;                                /* enum settings_signing; required key: nobody chooses for the clinic */
    int64_t prefer_after_ms;                    /* prefer: unsigned after this age */
    int64_t signature_age_ms;                   /* a signature older than this is made anew before sending */
    const char *signer;                         /* default signer, NULL = none */
    const char *code_map;                       /* file of local codes (codes/code_map.h), NULL = none */
    int link_index, signer_index;               /* into the lists below; signer_index -1 = none */
};

struct settings_source {
    const char *name, *facility, *root, *format;
    int64_t settle_ms, attachment_wait_ms, orphan_ms, max_bytes;
    struct conf_list endings;
    int facility_index;
};

struct settings {
    const char *file;
    const char *state_dir, *run_dir, *doors_dir, *profile_dir, *fhir_dir, *page_dir, *trust_dir, *intermediate_dir, *crl_dir;
    const char *master_dir;                     /* the operator's code lists (codes/masters.h), NULL = none */
    const char *fhir_set;                       /* set of FHIR packages below fhir_dir, by name; NULL = the built-in profiles */
    const char *host;                           /* prefix of request names on shared folders, [0-9a-z]{2,8} */
    int language;                               /* enum msg_lang */
    int64_t workers, window, log_keep_days;
    int64_t low_water_intake, low_water_send, ballast;
    const char *desk_user, *spool_user, *convert_user, *sign_user, *link_user;
    struct settings_link link[SETTINGS_MAX];           size_t links;
    struct settings_signer signer[SETTINGS_MAX];       size_t signers;
    struct settings_facility facility[SETTINGS_MAX];   size_t facilities;
    struct settings_source source[SETTINGS_MAX];       size_t sources;
};

/* Reads and checks. Everything lives in the arena. ERR_SYNTAX, ERR_INVALID, ERR_NOTFOUND with place "file:line". */
int settings_load(const char *path, struct arena *arena, struct settings **ret_settings, struct err *e);
/* From an open descriptor, from its beginning; file is the name to show in errors, faults as below or NULL. */
int settings_load_fd(int fd, const char *file, struct arena *arena, const struct conf_faults *faults, struct settings **ret_settings, struct err *e);
/* Only the section [gateway], whatever the others hold: enough to ask a running desk, which has a configuration of its own in force. */
int settings_load_gateway(const char *path, struct arena *arena, struct settings **ret_settings, struct err *e);
/* The same as settings_load(), telling of every mistake that can be known (conf.h) instead of stopping at the first; what was told is not left in *e (its msg is MSG_NONE then). */
int settings_load_telling(const char *path, struct arena *arena, const struct conf_faults *faults, struct settings **ret_settings, struct err *e);
/* After the profile of a link could not be loaded: says so with the line that names it and the profiles that are there. Other reasons, and a folder without any, stay as they are. Returns e->code. */
int settings_profile_missing(const struct settings *s, const struct settings_link *link, struct err *e);
/* The same from bytes; file is the name to show in errors. */
int settings_parse(const char *file, const char *bytes, size_t len, struct arena *arena, struct settings **ret_settings, struct err *e);
/* Index of the section with that name, -1 when there is none. */
int settings_find_link(const struct settings *s, const char *name);
int settings_find_signer(const struct settings *s, const char *name);
int settings_find_facility(const struct settings *s, const char *code);   /* by first or second code */
int settings_find_source(const struct settings *s, const char *name);
/* Opens a secret: an absolute path, or a name in $CREDENTIALS_DIRECTORY. Done under the user who may read it, before a door becomes its own. -1 when it is not there. */
int settings_secret_open(const char *name);
/* Reads a secret from a descriptor that was handed over; the last line end is cut. The caller wipes *ret_secret. name is for the error only: ERR_NOTFOUND when nothing
 * was handed over. */
int settings_secret_read(int fd, const char *name, struct buf *ret_secret, struct err *e);

#endif
