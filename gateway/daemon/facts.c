/*
 * NAME
 *      facts - what the status page says from store and files
 *
 * DESCRIPTION
 *      The counts are kept by the store, the oldest rows come from an index: a page costs the same with ten messages and with a hundred thousand.
 *
 * DIAGNOSTICS
 *      A certificate that cannot be read is a fact of its own and no failure.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include "base/file.h"
#include "base/text.h"
#include "base/timefmt.h"
#include "daemon/facts.h"

enum { CERT_MAX = 1 << 20, CRL_MAX = 32 << 20, UNKNOWN_SCAN = 1000, TAIL = 65536, JST_MS = 9 * 3600 * 1000, DAY_MS = 24 * 3600 * 1000, WAITING_ROWS = 64 };

/* ---- who waits ---- */

static void count_waiting(struct facts_waiting *w, const char *source)
{
    size_t i = 0;

    while (i < w->count && strcmp(w->source[i].name, source) != 0)
        i++;
    if (i == FLOW_SOURCES_MAX)
        return;
    if (i == w->count)
        text_copy(w->source[w->count++].name, sizeof w->source[0].name, source);
    w->source[i].requests++;
}

int facts_waiting(struct store *store, struct facts_waiting *ret_waiting, struct err *e)
{
    struct flow_request *rows = calloc(WAITING_ROWS, sizeof *rows);
    struct facts_waiting waiting = { 0 };
    int n = rows == NULL ? err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "facts", NULL) : 0;

    for (int state = FLOW_RQ_RECEIVED; state < FLOW_RQ_ANSWERED && n >= 0; state++) {
        n = WAITING_ROWS;
        for (int64_t before = 0; n == WAITING_ROWS; before = rows[WAITING_ROWS - 1].id) {
            n = store_requests(store, NULL, (enum flow_request_state)state, before, rows, WAITING_ROWS, e);
            for (int i = 0; i < n; i++)
                count_waiting(&waiting, rows[i].source);
        }
    }
    free(rows);
    if (n < 0)
        return n;
    *ret_waiting = waiting;
    return 0;
}

/* ---- ends ---- */

static int wall_of(const ASN1_TIME *t, int64_t *ret_wall_ms)
{
    struct tm tm;
    time_t seconds;

    if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1)
        return ERR_SYNTAX;
    seconds = timegm(&tm);
    *ret_wall_ms = (int64_t)seconds * 1000;
    return 0;
}

int facts_certificate_end(const char *path, int64_t *ret_wall_ms, struct err *e)
{
    struct buf text;
    X509 *cert = NULL;
    BIO *bio = NULL;
    const unsigned char *at;
    int r;

    buf_init(&text, CERT_MAX);
    r = file_read(AT_FDCWD, path, CERT_MAX, &text, e);
    if (r < 0)
        goto out;
    at = (const unsigned char *)text.data;
    bio = BIO_new_mem_buf(text.data, (int)text.len);
    if (bio != NULL)
        cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    if (cert == NULL)
        cert = d2i_X509(NULL, &at, (long)text.len);
    if (cert == NULL || wall_of(X509_get0_notAfter(cert), ret_wall_ms) < 0)
        r = err_set(e, ERR_SYNTAX, MSG_CHECK_CERTIFICATE, path, path, NULL);
out:
    ERR_clear_error();
    X509_free(cert);
    BIO_free(bio);
    buf_free(&text);
    return r;
}

int facts_crl_end(int dir, const char *name, int64_t *ret_wall_ms, struct err *e)
{
    struct buf text;
    X509_CRL *crl = NULL;
    BIO *bio = NULL;
    const unsigned char *at;
    int r;

    buf_init(&text, CRL_MAX);
    r = file_read(dir, name, CRL_MAX, &text, e);
    if (r < 0)
        goto out;
    at = (const unsigned char *)text.data;
    bio = BIO_new_mem_buf(text.data, (int)text.len);
    if (bio != NULL)
        crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
    if (crl == NULL)
        crl = d2i_X509_CRL(NULL, &at, (long)text.len);
    if (crl == NULL || wall_of(X509_CRL_get0_nextUpdate(crl), ret_wall_ms) < 0)
        r = err_set(e, ERR_SYNTAX, MSG_CHECK_CRL, name, name, NULL);
out:
    ERR_clear_error();
    X509_CRL_free(crl);
    BIO_free(bio);
    buf_free(&text);
    return r;
}

/* The earliest end of all lists. */
static int64_t crls_end(const char *path)
{
    int64_t end = 0, one;
    int fd = dir_open(AT_FDCWD, path, NULL);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.' && facts_crl_end(dirfd(dir), entry->d_name, &one, NULL) == 0)
            end = end == 0 || one < end ? one : end;
    closedir(dir);
    return end;
}

void facts_ends_read(const struct settings *s, struct facts_ends *ret_ends)
{
    memset(ret_ends, 0, sizeof *ret_ends);
    for (size_t i = 0; i < s->links; i++)
        if (s->link[i].certificate != NULL && facts_certificate_end(s->link[i].certificate, &ret_ends->link[i], NULL) < 0)
            ret_ends->link[i] = -1;
    for (size_t i = 0; i < s->signers; i++)
        if (s->signer[i].certificate != NULL && facts_certificate_end(s->signer[i].certificate, &ret_ends->signer[i], NULL) < 0)
            ret_ends->signer[i] = -1;
    if (s->crl_dir != NULL)
        ret_ends->crl = crls_end(s->crl_dir);
}

static bool add_end(struct page *p, enum page_expiry_kind kind, char *name, int64_t end_ms)
{
    if (p->expiries < sizeof p->expiry / sizeof *p->expiry)
        p->expiry[p->expiries++] = (struct page_expiry){ .kind = kind, .name = name, .end_ms = end_ms < 0 ? 0 : end_ms, .unreadable = end_ms < 0 };
    return name != NULL;
}

int facts_from_ends(const struct settings *s, const struct facts_ends *ends, enum msg_lang lang, struct arena *arena, struct page *p, struct err *e)
{
    bool ok = true;

    for (size_t i = 0; i < s->links; i++)
        if (ends->link[i] != 0)
            ok = add_end(p, PAGE_EXPIRY_LINK, arena_printf(arena, lang == LANG_JA ? "経路 %s の証明書" : "certificate of link %s", s->link[i].name), ends->link[i]) && ok;
    for (size_t i = 0; i < s->signers; i++)
        if (ends->signer[i] != 0)
            ok = add_end(p, PAGE_EXPIRY_SIGNER, arena_printf(arena, lang == LANG_JA ? "署名者 %s の証明書" : "certificate of signer %s", s->signer[i].name), ends->signer[i]) && ok;
    if (ends->crl != 0)
        ok = add_end(p, PAGE_EXPIRY_CRL, arena_strdup(arena, lang == LANG_JA ? "失効リスト (CRL)" : "revocation lists (CRL)"), ends->crl) && ok;
    return ok ? 0 : err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "status", NULL);
}

/* ---- store ---- */

static int oldest(struct store *store, const char *facility, enum flow_message_state state, int64_t *since, struct err *e)
{
    struct flow_message m;
    int r = store_flow_ops.message_oldest(store, facility, state, &m, e);

    if (r == 1 && (*since == 0 || m.since_wall_ms < *since))
        *since = m.since_wall_ms;
    return r;
}

static int facility_facts(struct store *store, const struct settings_facility *f, struct page_facility *to, struct err *e)
{
    static const enum flow_message_state waiting[] = { FLOW_MS_TO_SIGN, FLOW_MS_READY }, awaited[] = { FLOW_MS_SENDING, FLOW_MS_SENT, FLOW_MS_PENDING };
    struct store_counts counts;
    int r = store_counts(store, f->code, &counts, e);

    if (r < 0)
        return r;
    *to = (struct page_facility){ .code = f->code, .name = f->name, .link = f->link };
    for (int i = 0; i < FLOW_MS_STATES; i++)
        to->message[i] = counts.message[i];
    for (size_t i = 0; i < sizeof waiting / sizeof *waiting && r >= 0; i++)
        r = oldest(store, f->code, waiting[i], &to->oldest_ms, e);
    for (size_t i = 0; i < sizeof awaited / sizeof *awaited && r >= 0; i++)
        r = oldest(store, f->code, awaited[i], &to->awaited_ms, e);
    return r < 0 ? r : store_last_success(store, f->code, &to->last_success_ms, e);
}

static int unknown_facts(struct store *store, struct page *p, struct err *e)
{
    struct flow_message m;
    int r = 0, seen = 0;

    for (int64_t after = 0; seen < UNKNOWN_SCAN && (r = store_flow_ops.message_next_in_state(store, FLOW_MS_UNKNOWN, after, &m, e)) == 1; after = m.id, seen++) {
        if (!m.held)
            continue;
        p->unknown_count++;
        if (p->unknowns < PAGE_UNKNOWN_MAX)
            p->unknown[p->unknowns++] = (struct page_unknown){ m.id, m.kind, m.operation, msg_by_code(m.reason), m.since_wall_ms };
    }
    return r < 0 ? r : 0;
}

int facts_from_store(struct store *store, const struct settings *s, struct page *p, struct err *e)
{
    struct store_counts counts;
    int64_t midnight = p->now_ms - (p->now_ms + JST_MS) % DAY_MS;
    int r = store_counts(store, NULL, &counts, e);

    if (r < 0)
        return r;
    p->requests_open = counts.request[FLOW_RQ_RECEIVED] + counts.request[FLOW_RQ_OPEN] + counts.request[FLOW_RQ_CLOSED];
    p->incidents_open = counts.incidents_open;
    for (size_t i = 0; i < s->sources && r >= 0; i++) {
        struct page_source *q = &p->source[i];
        *q = (struct page_source){ .name = s->source[i].name, .facility = s->source[i].facility };
        r = store_last_file(store, q->name, &q->last_file_ms, &q->today, midnight, e);
        p->sources = i + 1;
    }
    for (size_t i = 0; i < s->facilities && r >= 0; i++) {
        r = facility_facts(store, &s->facility[i], &p->facility[i], e);
        p->facilities = i + 1;
    }
    return r < 0 ? r : unknown_facts(store, p, e);
}

/* ---- machine ---- */

/* What a person wants to read of the status log: sentences, and results; not each step of what goes well. */
static bool is_news(const char *line)
{
    static const char *const results[] = { " state=done", " state=refused", " state=rejected", " state=withdrawn", " state=unknown" };
    enum { STAMP = 20 /* 2026-11-21 09:30:05 and a blank */ };

    if (strlen(line) <= STAMP || strncmp(line + STAMP, "- ", 2) != 0)
        return true;
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        if (strstr(line, results[i]) != NULL)
            return true;
    return false;
}

/* The last lines of the status log, oldest first. */
static void last_events(int fd, struct arena *arena, struct page *p)
{
    off_t size = lseek(fd, 0, SEEK_END), from = size > TAIL ? size - TAIL : 0;
    char *text = arena_alloc(arena, TAIL + 1), *line, *end;
    ssize_t n = text == NULL || size <= 0 ? 0 : pread(fd, text, TAIL, from);

    if (n <= 0)
        return;
    end = text + n;
    while (end > text && p->events < PAGE_EVENTS_MAX) {
        if (end[-1] == '\n')
            end--;
        *end = '\0';
        line = memrchr(text, '\n', (size_t)(end - text));
        if (line == NULL && from > 0)
            break; /* cut in the middle */
        line = line == NULL ? text : line + 1;
        if (line < end && is_news(line))
            p->event[p->events++] = line;
        end = line;
    }
    for (size_t i = 0; i < p->events / 2; i++) {
        const char *swap = p->event[i];
        p->event[i] = p->event[p->events - 1 - i];
        p->event[p->events - 1 - i] = swap;
    }
}

void facts_from_machine(const struct settings *s, struct arena *arena, struct page *p)
{
    struct statvfs st;
    int dir = dir_open(AT_FDCWD, s->state_dir, NULL), fd;

    if (statvfs(s->state_dir, &st) == 0)
        p->disk_free = (int64_t)st.f_bavail * (int64_t)st.f_frsize;
    if (dir < 0)
        return;
    fd = openat(dir, "status.log", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    close(dir);
    if (fd >= 0) {
        last_events(fd, arena, p);
        close(fd);
    }
}
