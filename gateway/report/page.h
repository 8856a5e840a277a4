/*
 * page.h - the one screen for the clinic's IT staff: is it running, since when, what must I do?
 *
 *     struct page p = { ... facts that the desk has gathered ... };
 *     page_judge(&p);                                    // word and sentence from the facts
 *     page_write(&p, PAGE_HTML, LANG_JA, &text, &e);     // or PAGE_TEXT, PAGE_JSON
 *     exit status of `clinsgw status`: page_exit(&p)
 *
 * One word (OK, WARNING, STOPPED) and one sentence with its stable code and next step stand first; then sources, facilities, links, signers, what
 * a person must settle, expiries, machine, alarms, last events. No patient data: no names of files, no chart numbers, no Bundle-IDs.
 *
 * Ownership: every text is borrowed during the call. The same facts always give the same bytes.
 * Failure: ERR_NOMEM, ERR_LIMIT (text over the buffer's maximum).
 */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/messages.h"
#include "flow/flow.h"

enum { PAGE_LIST_MAX = 64, PAGE_UNKNOWN_MAX = 20, PAGE_EVENTS_MAX = 10, PAGE_ALARMS_MAX = 64, PAGE_FINDINGS_MAX = 160, PAGE_EXPIRY_WARN_DAYS = 30 };

enum page_form { PAGE_TEXT, PAGE_HTML, PAGE_JSON };
enum page_word { PAGE_OK, PAGE_WARNING, PAGE_STOPPED };

/* Times are wall milliseconds UTC, 0 = never or not known. */
struct page_source { const char *name, *facility; bool up; int64_t last_file_ms, today; };

struct page_facility {
    const char *code, *name, *link;
    int64_t message[FLOW_MS_STATES];     /* messages by state */
    int64_t oldest_ms;                   /* since when the oldest unsent one waits (to_sign, ready) */
    int64_t awaited_ms;                  /* since when the oldest one without result is out (sending, sent, pending) */
    int64_t last_success_ms;
};

struct page_link { const char *name, *type; bool up; int64_t since_ms, next_try_ms; int64_t busy, sessions; };

struct page_signer {
    const char *name;
    enum flow_signer_state state;
    bool present, attended, low, final_try, locked, waiting;
    int64_t not_after_ms;
};

enum page_expiry_kind { PAGE_EXPIRY_LINK, PAGE_EXPIRY_SIGNER, PAGE_EXPIRY_CRL };
/* An end that comes by itself; unreadable = the file is there but says no date, or cannot be read. */
struct page_expiry { enum page_expiry_kind kind; const char *name; int64_t end_ms; bool unreadable; };

struct page_alarm { enum flow_alarm kind; enum msg_id msg; const char *name; int64_t since_ms; bool stops; };
struct page_unknown { int64_t message; enum flow_kind kind; enum flow_operation operation; enum msg_id why; int64_t since_ms; };

/* One thing that is not as it should be. Made by page_judge(). */
struct page_finding { enum page_word word; enum msg_id msg; const char *arg; char arg2[24]; int64_t since_ms; };

struct page {
    int64_t now_ms, started_ms;
    const char *version;
    bool running;                        /* false: said by the command line, the desk is stopped */
    bool paused, clock_sane;
    const char *workers_down;            /* no conversion process can start: why; NULL: they run */
    enum flow_disk disk;
    int64_t disk_free;                   /* bytes */
    int64_t requests_open, incidents_open;
    struct page_source source[PAGE_LIST_MAX];      size_t sources;
    struct page_facility facility[PAGE_LIST_MAX];  size_t facilities;
    struct page_link link[PAGE_LIST_MAX];          size_t links;
    struct page_signer signer[PAGE_LIST_MAX];      size_t signers;
    struct page_expiry expiry[3 * PAGE_LIST_MAX];  size_t expiries;
    struct page_alarm alarm[PAGE_ALARMS_MAX];      size_t alarms;
    struct page_unknown unknown[PAGE_UNKNOWN_MAX]; size_t unknowns;    /* that a person must settle: the first of them */
    int64_t unknown_count;               /* all of them */
    const char *event[PAGE_EVENTS_MAX];            size_t events;      /* last lines of the status log, oldest first */
    struct page_finding finding[PAGE_FINDINGS_MAX];size_t findings;    /* worst first; set by page_judge() */
    enum page_word word;                                               /* set by page_judge() */
};

/* Word and findings from the facts. */
void page_judge(struct page *p);
/* 0 OK, 1 WARNING, 2 STOPPED, 3 the desk is not running. */
int page_exit(const struct page *p);
/* Appends. */
int page_write(const struct page *p, enum page_form form, enum msg_lang lang, struct buf *out, struct err *e);
/* "OK", "WARNING", "STOPPED"; in Japanese OK, 注意, 停止. */
const char *page_word_name(enum page_word word, enum msg_lang lang);

#endif
