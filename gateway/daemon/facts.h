/*
 * facts.h - facts for the status page that come from the store and from files: the same for the desk and for the command line.
 *
 *     struct page *p = calloc(1, sizeof *p);
 *     p->now_ms = time_wall_ms();
 *     facts_from_store(store, settings, p, &e);
 *     facts_ends_read(settings, &ends);                       // certificates and lists on disk: now and then, not for every page
 *     facts_from_ends(settings, &ends, lang, arena, p, &e);
 *     facts_from_machine(settings, arena, p);
 *
 * Texts that are not the settings' own live in the arena. What cannot be read is shown as such: these functions fail only with the store or memory.
 */
#ifndef DAEMON_FACTS_H
#define DAEMON_FACTS_H

#include "base/arena.h"
#include "daemon/settings.h"
#include "report/page.h"
#include "store/store.h"

/* Ends of certificates and lists on disk, wall ms; 0 = there is none, -1 = cannot be read. */
struct facts_ends { int64_t link[SETTINGS_MAX], signer[SETTINGS_MAX], crl; };

/* notAfter of the first certificate of a PEM or DER file; nextUpdate of a CRL. ERR_SYNTAX, ERR_NOTFOUND, ... */
int facts_certificate_end(const char *path, int64_t *ret_wall_ms, struct err *e);
int facts_crl_end(int dir, const char *name, int64_t *ret_wall_ms, struct err *e);
/* Reads them all. */
void facts_ends_read(const struct settings *s, struct facts_ends *ret_ends);

int facts_from_store(struct store *store, const struct settings *s, struct page *p, struct err *e);
int facts_from_ends(const struct settings *s, const struct facts_ends *ends, enum msg_lang lang, struct arena *arena, struct page *p, struct err *e);
/* Sources of the store that requests wait for which are not answered yet, with their numbers; those behind the last place are not told. */
struct facts_waiting { size_t count; struct { char name[FLOW_SOURCE]; int64_t requests; } source[FLOW_SOURCES_MAX]; };
int facts_waiting(struct store *store, struct facts_waiting *ret_waiting, struct err *e);
/* The tail of the status log, and the free bytes of the disk. */
void facts_from_machine(const struct settings *s, struct arena *arena, struct page *p);

#endif
