/*
 * NAME
 *     ledger.c - the sign door's own memory: which bytes were signed for which message
 *
 * SYNOPSIS
 *     sign_ledger_open(dir, "ledger", &ledger, &e);  sign_ledger_bind(ledger, entries, n, &e);  sign_ledger_close(ledger);
 *
 * DESCRIPTION
 *     A text file that only grows, one line a fact:
 *         sign UUID HEX              the message was given to the key with this digest of B
 *         pin-refused HEX            the PIN for the certificate with this fingerprint was wrong
 *         pin-accepted HEX           it was right again
 *     Lines are durable before the key is touched. Kept apart from the desk's store on purpose: a desk that is wrong, or restored from an
 *     old backup, still cannot have two contents signed under one message. In memory: an open-addressed table over the uuid.
 *
 * DIAGNOSTICS
 *     CG-6005 (another digest), CG-6006 (damaged), CG-6007 (locked by another process). A failed write or fsync is final: the ledger refuses further lines
 *     until it is opened anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/text.h"
#include "sign/internal.h"

enum { LEDGER_MAX = 1 << 30, UUID_LEN = UUID_TEXT - 1, HEX_LEN = SHA256_HEX - 1, PINS = 64 };

struct slot { char uuid[UUID_TEXT]; struct sha256 digest; };
struct pin { struct sha256 certificate; bool refused; };

struct sign_ledger {
    int fd;
    bool broken;              /* a write or fsync failed */
    struct slot *slot;        /* size is a power of two; uuid[0] == 0 = free */
    size_t size, count;
    struct pin pin[PINS];
    size_t pins;
};

/* ---- table ---- */

static size_t place_of(const struct sign_ledger *l, const char *uuid)
{
    uint64_t h = UINT64_C(14695981039346656037);   /* FNV-1a; uuids are random already */
    for (size_t i = 0; i < UUID_LEN; i++)
        h = (h ^ (unsigned char)uuid[i]) * UINT64_C(1099511628211);
    size_t at = (size_t)h & (l->size - 1);
    while (l->slot[at].uuid[0] != '\0' && memcmp(l->slot[at].uuid, uuid, UUID_LEN) != 0)
        at = (at + 1) & (l->size - 1);
    return at;
}

static int grow(struct sign_ledger *l, size_t wanted)
{
    size_t size = l->size;
    while (size / 2 < wanted)
        size *= 2;
    if (size == l->size)
        return 0;
    struct sign_ledger bigger = { .size = size, .slot = calloc(size, sizeof *l->slot) };
    if (bigger.slot == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < l->size; i++)
        if (l->slot[i].uuid[0] != '\0')
            bigger.slot[place_of(&bigger, l->slot[i].uuid)] = l->slot[i];
    free(l->slot);
    l->slot = bigger.slot;
    l->size = size;
    return 0;
}

static void put(struct sign_ledger *l, const char *uuid, const struct sha256 *digest)
{
    struct slot *s = &l->slot[place_of(l, uuid)];
    l->count += s->uuid[0] == '\0';
    memcpy(s->uuid, uuid, UUID_LEN);
    s->uuid[UUID_LEN] = '\0';
    s->digest = *digest;
}

static void put_pin(struct sign_ledger *l, const struct sha256 *certificate, bool refused)
{
    size_t i = 0;
    while (i < l->pins && memcmp(&l->pin[i].certificate, certificate, sizeof *certificate) != 0)
        i++;
    if (i == PINS)   /* more signers than one door ever has: the oldest gives way */
        memmove(l->pin, l->pin + 1, sizeof l->pin[0] * (size_t)--i);
    else if (i == l->pins)
        l->pins++;
    l->pin[i] = (struct pin){ *certificate, refused };
}

/* ---- lines ---- */

static bool is_uuid(const char *text, size_t len)
{
    if (len != UUID_LEN || !text_all_of(text, len, "0-9a-f-"))
        return false;
    return text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-';
}

static bool starts(const char *line, size_t len, const char *word, size_t rest)
{
    size_t n = strlen(word);
    return len == n + rest && memcmp(line, word, n) == 0;
}

static int read_line(struct sign_ledger *l, const char *line, size_t len)
{
    static const struct { const char *word; bool refused; } pins[] = { { "pin-refused ", true }, { "pin-accepted ", false } };
    struct sha256 digest;
    if (starts(line, len, "sign ", UUID_LEN + 1 + HEX_LEN)) {
        const char *uuid = line + 5;
        if (!is_uuid(uuid, UUID_LEN) || uuid[UUID_LEN] != ' ' || sha256_from_hex(uuid + UUID_LEN + 1, HEX_LEN, &digest) < 0)
            return ERR_CORRUPT;
        if (grow(l, l->count + 1) < 0)
            return ERR_NOMEM;
        const struct slot *s = &l->slot[place_of(l, uuid)];
        if (s->uuid[0] != '\0' && memcmp(&s->digest, &digest, sizeof digest) != 0)
            return ERR_CORRUPT;
        put(l, uuid, &digest);
        return 0;
    }
    for (size_t i = 0; i < sizeof pins / sizeof pins[0]; i++)
        if (starts(line, len, pins[i].word, HEX_LEN) && sha256_from_hex(line + strlen(pins[i].word), HEX_LEN, &digest) == 0) {
            put_pin(l, &digest, pins[i].refused);
            return 0;
        }
    return ERR_CORRUPT;
}

/* Reads all whole lines; *ret_end = bytes of them. */
static int read_lines(struct sign_ledger *l, const char *data, size_t len, size_t *ret_end, struct err *e)
{
    size_t at = 0, number = 1;
    const char *end;
    int r = 0;
    for (; r == 0 && at < len && (end = memchr(data + at, '\n', len - at)) != NULL; number++) {
        size_t line = (size_t)(end - (data + at));
        r = read_line(l, data + at, line);
        at += line + 1;
    }
    if (r == ERR_CORRUPT) {
        char text[32];
        snprintf(text, sizeof text, "%zu", number - 1);
        return err_set(e, ERR_CORRUPT, MSG_SIGN_LEDGER_DAMAGED, NULL, text, NULL);
    }
    if (r < 0)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "ledger", NULL);
    *ret_end = at;
    return 0;
}

static int write_lines(struct sign_ledger *l, const struct buf *lines, struct err *e)
{
    if (lines->failed != 0)
        return err_set(e, (enum err_code)lines->failed, MSG_NOMEM, NULL, "ledger", NULL);
    if (l->broken)
        return err_set(e, ERR_IO, MSG_SIGN_LEDGER_DAMAGED, NULL, "fsync", NULL);
    l->broken = true;
    int r = fd_write_all(l->fd, lines->data, lines->len, e);
    if (r < 0)
        return r;
    if (fdatasync(l->fd) < 0)
        return err_set_errno(e, MSG_IO, NULL, "fsync ledger");
    l->broken = false;
    return 0;
}

/* ---- face ---- */

static int open_file(int dir, const char *name, int *ret_fd, struct err *e)
{
    struct stat st;
    int fd = openat(dir, name, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_set_errno(e, MSG_IO, NULL, "open ledger");
    int r = 0;
    if (fstat(fd, &st) < 0)
        r = err_set_errno(e, MSG_IO, NULL, "stat ledger");
    else if (!S_ISREG(st.st_mode))
        r = err_set(e, ERR_INVALID, MSG_SIGN_LEDGER_DAMAGED, NULL, "no regular file", NULL);
    else if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        r = errno == EWOULDBLOCK ? err_set(e, ERR_NOT_NOW, MSG_SIGN_LEDGER_BUSY, NULL, NULL, NULL) : err_set_errno(e, MSG_IO, NULL, "lock ledger");
    else if (st.st_size == 0)
        r = dir_sync(dir, e);   /* the name itself must survive before the first line counts */
    if (r < 0) {
        close(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

int sign_ledger_open(int dir, const char *name, struct sign_ledger **ret_ledger, struct err *e)
{
    struct buf content;
    size_t end = 0;
    struct sign_ledger *l = calloc(1, sizeof *l);
    buf_init(&content, LEDGER_MAX);
    if (l == NULL || (l->slot = calloc(1024, sizeof *l->slot)) == NULL) {
        free(l);
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "ledger", NULL);
    }
    l->size = 1024;
    l->fd = -1;
    int r = open_file(dir, name, &l->fd, e);
    if (r == 0)
        r = file_read_fd(l->fd, LEDGER_MAX, &content, e);
    if (r == 0)
        r = read_lines(l, content.data, content.len, &end, e);
    if (r == 0 && end < content.len && (ftruncate(l->fd, (off_t)end) < 0 || fsync(l->fd) < 0))
        r = err_set_errno(e, MSG_IO, NULL, "cut ledger");
    buf_free(&content);
    if (r < 0)
        sign_ledger_close(l);
    else
        *ret_ledger = l;
    return r;
}

struct sign_ledger *sign_ledger_close(struct sign_ledger *l)
{
    if (l != NULL) {
        if (l->fd >= 0)
            close(l->fd);
        free(l->slot);
        free(l);
    }
    return NULL;
}

/* Also finds two entries of one call that contradict each other. */
static int check_entry(const struct sign_ledger *l, const struct sign_ledger_entry *entries, size_t at, bool *ret_known, struct err *e)
{
    const struct sign_ledger_entry *n = &entries[at];
    struct sha256 before;
    if (n->uuid == NULL || !is_uuid(n->uuid, strlen(n->uuid)))
        return err_set(e, ERR_INVALID, MSG_INTERNAL, NULL, "uuid", NULL);
    *ret_known = sign_ledger_find(l, n->uuid, &before) == 0;
    for (size_t i = 0; i < at && !*ret_known; i++)
        if (strcmp(entries[i].uuid, n->uuid) == 0) {
            before = entries[i].digest;
            *ret_known = true;
        }
    if (*ret_known && memcmp(&before, &n->digest, sizeof before) != 0)
        return err_set(e, ERR_EXISTS, MSG_SIGN_LEDGER_OTHER, NULL, n->uuid, NULL);
    return 0;
}

int sign_ledger_bind(struct sign_ledger *l, const struct sign_ledger_entry *entries, size_t count, struct err *e)
{
    struct buf lines;
    int r = 0;
    buf_init(&lines, LEDGER_MAX);
    for (size_t i = 0; i < count && r == 0; i++) {
        char hex[SHA256_HEX];
        bool known = false;
        r = check_entry(l, entries, i, &known, e);
        sha256_to_hex(&entries[i].digest, hex);
        if (r == 0 && !known)
            buf_addf(&lines, "sign %s %s\n", entries[i].uuid, hex);
    }
    if (r == 0 && grow(l, l->count + count) < 0)
        r = err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "ledger", NULL);
    if (r == 0 && lines.len > 0)
        r = write_lines(l, &lines, e);
    for (size_t i = 0; i < count && r == 0; i++)
        put(l, entries[i].uuid, &entries[i].digest);
    buf_free(&lines);
    return r;
}

int sign_ledger_find(const struct sign_ledger *l, const char *uuid, struct sha256 *ret_digest)
{
    if (!is_uuid(uuid, strlen(uuid)))
        return ERR_NOTFOUND;
    const struct slot *s = &l->slot[place_of(l, uuid)];
    if (s->uuid[0] == '\0')
        return ERR_NOTFOUND;
    *ret_digest = s->digest;
    return 0;
}

size_t sign_ledger_count(const struct sign_ledger *l)
{
    return l->count;
}

bool sign_ledger_broken(const struct sign_ledger *l)
{
    return l->broken;
}

int sign_ledger_note_pin(struct sign_ledger *l, const struct sha256 *certificate, bool refused, struct err *e)
{
    struct buf line;
    char hex[SHA256_HEX];
    if (sign_ledger_pin_refused(l, certificate) == refused)
        return 0;
    buf_init(&line, 256);
    sha256_to_hex(certificate, hex);
    buf_addf(&line, "%s %s\n", refused ? "pin-refused" : "pin-accepted", hex);
    int r = write_lines(l, &line, e);
    buf_free(&line);
    if (r == 0)
        put_pin(l, certificate, refused);
    return r;
}

bool sign_ledger_pin_refused(const struct sign_ledger *l, const struct sha256 *certificate)
{
    for (size_t i = 0; i < l->pins; i++)
        if (memcmp(&l->pin[i].certificate, certificate, sizeof *certificate) == 0)
            return l->pin[i].refused;
    return false;
}
