/*
 * NAME
 *      clinsgw-spool - the door to the vendor folders
 *
 * SYNOPSIS
 *      clinsgw-spool CONFIG GROUP      (started by clinsgwd; GROUP is a comma-separated list of sources on one file system, or "page")
 *
 * DESCRIPTION
 *      Tells the desk which names are complete, claims and reads what the desk asks for, and hands outcomes back. Holds no state: what it
 *      knows comes from the folders. Claims of one turn are made durable with one fsync before their bytes are handed over.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include "base/file.h"
#include "base/timefmt.h"
#include "daemon/door.h"
#include "spool/spool.h"
#include "spool/spool_watch.h"

enum { SCAN_MS = 1000, SLOW_SCAN_MS = 5000, ORPHAN_MS = 60 * 1000, WANTED_MAX = 512, CLAIMS_MAX = 256 };

/* An attachment that the desk wants as soon as it is there. */
struct wanted { uint64_t order; int64_t request_mtime; size_t source; char name[SPOOL_NAME_MAX + 1]; };

struct spool_door {
    struct door *door;
    struct spool_source *source[SETTINGS_MAX];
    bool up[SETTINGS_MAX], told[SETTINGS_MAX];   /* state of each source, and whether the desk was told any */
    size_t sources;
    struct spool_watch *watch;
    struct wanted wanted[WANTED_MAX];
    size_t wanted_count;
    struct spool_claim claim[CLAIMS_MAX];
    size_t claim_source[CLAIMS_MAX], claims;
    uint64_t claim_order[CLAIMS_MAX];             /* 0 = found in .work/; claimed in this turn, not yet handed over */
    int64_t next_scan, next_orphans;
    int page;                                     /* folder of the status page, -1 = none */
    bool restless;                                /* something lies there that is not complete yet */
};

struct visit { struct spool_door *d; size_t source; };

static int find_source(const struct spool_door *d, const char *name)
{
    for (size_t i = 0; i < d->sources; i++)
        if (strcmp(spool_source_name(d->source[i]), name) == 0)
            return (int)i;
    return -1;
}

static void put_head(struct spool_door *d, enum wire_type type, size_t source, const char *name)
{
    wire_begin(&d->door->out, type);
    wire_put_text(&d->door->out, F_SOURCE, spool_source_name(d->source[source]));
    wire_put_bytes(&d->door->out, F_NAME, name, strlen(name));
}

static void on_offer(void *ctx, const struct spool_offer *offer)
{
    struct visit *v = ctx;

    if (!offer->request)
        return;
    put_head(v->d, WIRE_OFFERED, v->source, offer->name);
    wire_put_i64(&v->d->door->out, F_MTIME, offer->mtime_ns);
    wire_put_i64(&v->d->door->out, F_SIZE, offer->size);
    door_send(v->d->door);
}

static void on_try(void *ctx, const struct spool_offer *offer)
{
    struct visit *v = ctx;
    struct spool_content content;

    if (spool_source_read_try(v->d->source[v->source], offer->name, &content, NULL) < 0)
        return;
    put_head(v->d, WIRE_TRY, v->source, offer->name);
    wire_put_u64(&v->d->door->out, F_MSG, spool_name_good(offer->name, offer->name_len) ? content.refused : MSG_SPOOL_NAME_BAD);
    wire_put_fd(&v->d->door->out, F_CONTENT, content.fd);
    door_send(v->d->door);
    if (content.fd >= 0)
        close(content.fd);
}

static void on_orphan(void *ctx, const struct spool_offer *offer)
{
    struct visit *v = ctx;

    put_head(v->d, WIRE_ORPHAN, v->source, spool_name_good(offer->name, offer->name_len) ? offer->name : "?");
    door_send(v->d->door);
}

static void set_up(struct spool_door *d, size_t i, bool up)
{
    if (d->told[i] && d->up[i] == up)
        return;
    d->told[i] = true;
    d->up[i] = up;
    wire_begin(&d->door->out, WIRE_SOURCE_STATE);
    wire_put_text(&d->door->out, F_SOURCE, spool_source_name(d->source[i]));
    wire_put_u64(&d->door->out, F_STATE, up);
    door_send(d->door);
}

/* ---- claims ---- */

static void hand_over_claim(struct spool_door *d, uint64_t order, size_t source, const struct spool_claim *claim)
{
    struct spool_content content = { .fd = -1 };
    struct err e = ERR_INIT;
    int r = spool_source_read(d->source[source], claim->work, &content, &e);

    if (r < 0 && r != ERR_NOTFOUND) {
        door_problem(d->door, &e);
        if (r == ERR_CLOSED)
            set_up(d, source, false);
        return; /* it stays in .work/ and is found again when the share is back */
    }
    put_head(d, WIRE_CLAIMED, source, claim->name);
    wire_put_u64(&d->door->out, F_ORDER, order);
    wire_put_bytes(&d->door->out, F_WORK, claim->work, strlen(claim->work));
    wire_put_text(&d->door->out, F_OUT_NAME, claim->out_name);
    wire_put_i64(&d->door->out, F_MTIME, claim->mtime_ns);
    wire_put_i64(&d->door->out, F_SIZE, content.size);
    if (r == ERR_NOTFOUND)
        content.refused = MSG_SPOOL_VANISHED;
    else if (content.refused == MSG_NONE && !spool_name_good(claim->name, strlen(claim->name)))
        content.refused = MSG_SPOOL_NAME_BAD;
    wire_put_u64(&d->door->out, F_MSG, content.refused);
    wire_put_fd(&d->door->out, F_CONTENT, content.fd);
    door_send(d->door);
    if (content.fd >= 0)
        close(content.fd);
}

/* One fsync a source for everything claimed in this turn, then the bytes. */
static void hand_over_claims(struct spool_door *d)
{
    struct err e = ERR_INIT;

    for (size_t i = 0; i < d->sources; i++)
        if (d->up[i] && spool_source_sync(d->source[i], &e) < 0)
            door_problem(d->door, &e);
    for (size_t i = 0; i < d->claims; i++)
        hand_over_claim(d, d->claim_order[i], d->claim_source[i], &d->claim[i]);
    d->claims = 0;
}

static void claim(struct spool_door *d, size_t source, const char *name)
{
    uint64_t order = wire_u64(&d->door->in, F_ORDER);
    struct err e = ERR_INIT;
    int r;

    if (d->claims == CLAIMS_MAX)
        hand_over_claims(d);
    r = spool_source_claim(d->source[source], name, &d->claim[d->claims], &e);
    if (r == 0) {
        d->claim_order[d->claims] = order;
        d->claim_source[d->claims++] = source;
        return;
    }
    put_head(d, WIRE_CLAIM_FAILED, source, name);
    wire_put_u64(&d->door->out, F_ORDER, order);
    wire_put_u64(&d->door->out, F_MSG, e.msg);
    door_send(d->door);
}

static void on_left_over(void *ctx, const struct spool_claim *left)
{
    struct visit *v = ctx;

    if (v->d->claims == CLAIMS_MAX)
        hand_over_claims(v->d);
    v->d->claim[v->d->claims] = *left;
    v->d->claim_order[v->d->claims] = 0;
    v->d->claim_source[v->d->claims++] = v->source;
}

/* ---- attachments ---- */

static bool try_attachment(struct spool_door *d, const struct wanted *w)
{
    struct spool_source *source = d->source[w->source];
    struct spool_content content = { .fd = -1 };
    struct spool_claim claimed;
    struct err e = ERR_INIT;

    if (!spool_source_attachment_ready(source, w->name, w->request_mtime, time_boot_ms()) || spool_source_claim(source, w->name, &claimed, &e) < 0)
        return false;
    if (spool_source_sync(source, &e) < 0 || spool_source_read(source, claimed.work, &content, &e) < 0) {
        door_problem(d->door, &e);
        return false;
    }
    put_head(d, WIRE_ATTACHMENT, w->source, w->name);
    wire_put_u64(&d->door->out, F_ORDER, w->order);
    wire_put_u64(&d->door->out, F_PRESENT, 1);
    wire_put_bytes(&d->door->out, F_WORK, claimed.work, strlen(claimed.work));
    wire_put_u64(&d->door->out, F_MSG, content.refused);
    wire_put_fd(&d->door->out, F_CONTENT, content.fd);
    door_send(d->door);
    if (content.fd >= 0)
        close(content.fd);
    return true;
}

static void try_attachments(struct spool_door *d)
{
    for (size_t i = 0; i < d->wanted_count;)
        if (try_attachment(d, &d->wanted[i]))
            d->wanted[i] = d->wanted[--d->wanted_count];
        else
            i++;
}

static void want_attachment(struct spool_door *d, size_t source, const char *name)
{
    struct wanted w = { .order = wire_u64(&d->door->in, F_ORDER), .request_mtime = wire_i64(&d->door->in, F_MTIME), .source = source };

    snprintf(w.name, sizeof w.name, "%s", name);
    for (size_t i = 0; i < d->wanted_count; i++)
        if (d->wanted[i].order == w.order && strcmp(d->wanted[i].name, w.name) == 0)
            return;
    if (try_attachment(d, &w))
        return;
    put_head(d, WIRE_ATTACHMENT, source, name);
    wire_put_u64(&d->door->out, F_ORDER, w.order);
    wire_put_u64(&d->door->out, F_PRESENT, 0);
    door_send(d->door);
    if (d->wanted_count == WANTED_MAX) { /* the oldest wish is dropped: its request ends at its time-out */
        memmove(d->wanted, d->wanted + 1, (WANTED_MAX - 1) * sizeof *d->wanted);
        d->wanted_count--;
    }
    d->wanted[d->wanted_count++] = w;
}

/* ---- handing back ---- */

static void answer_order(struct spool_door *d, enum wire_type type, uint64_t order, int r, const struct err *e, size_t source)
{
    if (r == ERR_CLOSED)
        set_up(d, source, false);
    else if (r < 0)
        door_problem(d->door, e);
    if (order == 0)
        return;
    wire_begin(&d->door->out, type);
    wire_put_u64(&d->door->out, F_ORDER, order);
    wire_put_u64(&d->door->out, F_DONE, r == 0);
    door_send(d->door);
}

static void file_away(struct spool_door *d, size_t source)
{
    struct wire_group cursor = wire_first(&d->door->in);
    enum spool_end end = wire_u64(&d->door->in, F_END) == SPOOL_DONE ? SPOOL_DONE : SPOOL_ERROR;
    struct err e = ERR_INIT;
    struct bytes work;
    int r = 0;

    while (r == 0 && wire_next_bytes(&cursor, F_WORK, &work)) {
        char name[SPOOL_WORK_MAX];
        snprintf(name, sizeof name, "%.*s", (int)work.len, work.data);
        r = spool_source_file_away(d->source[source], name, end, &e);
    }
    answer_order(d, WIRE_FILED, wire_u64(&d->door->in, F_ORDER), r, &e, source);
}

static void write_file(struct spool_door *d, size_t source, const char *name)
{
    struct bytes content = { NULL, 0 };
    struct err e = ERR_INIT;
    int fd = wire_take_fd(&d->door->in, F_CONTENT);
    int r = memfd_map(fd, DOOR_PAYLOAD_MAX, &content, &e);

    if (r == 0) {
        r = spool_source_write(d->source[source], wire_u64(&d->door->in, F_PLACE) == SPOOL_OUT ? SPOOL_OUT : SPOOL_TRY, name, content.data, content.len,
                               wire_u64(&d->door->in, F_DURABLE) != 0, &e);
        memfd_unmap(&content);
    }
    if (fd >= 0)
        close(fd);
    answer_order(d, WIRE_WRITTEN, wire_u64(&d->door->in, F_ORDER), r, &e, source);
}

static void write_page(struct spool_door *d, const char *name)
{
    struct bytes content = { NULL, 0 };
    struct err e = ERR_INIT;
    int fd = wire_take_fd(&d->door->in, F_CONTENT), r;

    if (d->page < 0 && d->door->settings->page_dir != NULL)
        d->page = dir_open(AT_FDCWD, d->door->settings->page_dir, NULL);
    if (d->page >= 0 && memfd_map(fd, DOOR_PAYLOAD_MAX, &content, &e) == 0) {
        r = file_write(d->page, name, content.data, content.len, 0644, FILE_REPLACE, FILE_FAST, &e);
        memfd_unmap(&content);
        if (r < 0) { /* a share that went away: opened again at the next page */
            close(d->page);
            d->page = -1;
        }
    }
    if (fd >= 0)
        close(fd);
}

static void read_try(struct spool_door *d, size_t source, const char *name)
{
    struct spool_content content = { .fd = -1, .refused = MSG_SPOOL_ATTACHMENT_MISSING };

    (void)spool_source_read_try(d->source[source], name, &content, NULL);
    wire_begin(&d->door->out, WIRE_TRY_FILE);
    wire_put_u64(&d->door->out, F_ORDER, wire_u64(&d->door->in, F_ORDER));
    wire_put_bytes(&d->door->out, F_NAME, name, strlen(name));
    wire_put_u64(&d->door->out, F_MSG, content.refused);
    wire_put_fd(&d->door->out, F_CONTENT, content.fd);
    door_send(d->door);
    if (content.fd >= 0)
        close(content.fd);
}

static void obey(struct spool_door *d)
{
    struct wire_in *in = &d->door->in;
    struct bytes raw = wire_bytes(in, F_NAME);
    char name[SPOOL_NAME_MAX + 1];
    int source = find_source(d, wire_text(in, F_SOURCE));

    snprintf(name, sizeof name, "%.*s", (int)raw.len, raw.data);
    if (in->type == WIRE_WRITE_PAGE)
        write_page(d, name);
    if (source < 0)
        return;
    switch (in->type) {
    case WIRE_CLAIM: claim(d, (size_t)source, name); break;
    case WIRE_CLAIM_ATTACHMENT: want_attachment(d, (size_t)source, name); break;
    case WIRE_FILE_AWAY: file_away(d, (size_t)source); break;
    case WIRE_WRITE: write_file(d, (size_t)source, name); break;
    case WIRE_REMOVE_OUT: (void)spool_source_remove_out(d->source[source], name, NULL); break;
    case WIRE_READ_TRY: read_try(d, (size_t)source, name); break;
    case WIRE_OFFER_AGAIN:
        spool_source_forget_all(d->source[source]);
        d->next_scan = 0;
        break;
    default: break;
    }
}

/* ---- the turn ---- */

static void scan(struct spool_door *d, int64_t now)
{
    for (size_t i = 0; i < d->sources; i++) {
        struct visit v = { d, i };
        bool was_up = d->up[i];
        int r = spool_source_probe(d->source[i], NULL);
        set_up(d, i, r == 0);
        if (r == 0 && !was_up)
            (void)spool_source_left_over(d->source[i], on_left_over, &v, NULL);
        if (r == 0 && spool_source_scan(d->source[i], now, on_offer, &v, NULL) == 0)
            (void)spool_source_scan_try(d->source[i], now, on_try, &v, NULL);
        if (d->up[i] && now >= d->next_orphans)
            (void)spool_source_orphans(d->source[i], time_wall_ms(), on_orphan, &v, NULL);
    }
    if (now >= d->next_orphans)
        d->next_orphans = now + ORPHAN_MS;
    try_attachments(d);
    d->next_scan = now + (d->restless || d->wanted_count > 0 ? SCAN_MS / 4 : SCAN_MS);
    d->restless = false;
}

static void on_watch(struct spool_door *d)
{
    struct spool_watch_event event;

    while (spool_watch_next(d->watch, &event)) {
        struct visit v = { d, event.folder / 2 };
        if (event.folder % 2 == 0 && event.renamed && event.name[0] != '\0' && v.source < d->sources && d->up[v.source])
            (void)spool_source_renamed(d->source[v.source], event.name, time_boot_ms(), on_offer, &v, NULL);
        else
            d->restless = true;
    }
    if (d->wanted_count > 0)
        try_attachments(d);
}

static void open_sources(struct spool_door *d, const char *group)
{
    const struct settings *s = d->door->settings;
    const char *folders[SETTINGS_MAX * 2];
    struct err e = ERR_INIT;

    for (size_t i = 0; i < s->sources; i++) {
        const struct settings_source *c = &s->source[i];
        const char **endings = arena_array(d->door->arena, c->endings.count + 1, sizeof *endings);
        struct spool_source_config config = { c->name, c->root, c->settle_ms, c->max_bytes, c->orphan_ms, endings };
        char wanted[SPOOL_NAME_MAX];
        snprintf(wanted, sizeof wanted, ",%s,", c->name);
        if (endings == NULL || strstr(group, wanted) == NULL)
            continue;
        memcpy(endings, c->endings.item, c->endings.count * sizeof *endings);
        if (spool_source_new(&config, &d->source[d->sources], &e) == ERR_NOMEM)
            exit(70);
        folders[d->sources * 2] = arena_printf(d->door->arena, "%s/in", c->root);
        folders[d->sources * 2 + 1] = arena_printf(d->door->arena, "%s/try", c->root);
        d->sources++;
    }
    if (d->sources > 0 && spool_watch_new(folders, (unsigned)d->sources * 2, &d->watch, &e) < 0)
        door_problem(d->door, &e);
}

static void wait_turn(struct spool_door *d)
{
    struct pollfd p[2] = { { .fd = d->door->socket, .events = POLLIN }, { .fd = d->watch == NULL ? -1 : spool_watch_fd(d->watch), .events = POLLIN } };
    int64_t left = d->next_scan - time_boot_ms();

    while (poll(p, 2, left < 0 ? 0 : (int)left) < 0 && errno == EINTR)
        continue;
}

int main(int argc, char **argv)
{
    static struct spool_door d; /* the door's own state */

    d.door = door_start(argc, argv);
    d.page = -1;
    open_sources(&d, d.door->name);
    door_ready(d.door);
    for (size_t i = 0; i < d.sources; i++) {
        struct visit v = { &d, i };
        set_up(&d, i, spool_source_probe(d.source[i], NULL) == 0);
        if (d.up[i])
            (void)spool_source_left_over(d.source[i], on_left_over, &v, NULL);
    }
    for (;;) {
        while (door_receive(d.door) == 0) {
            obey(&d);
            wire_release(&d.door->in);
        }
        if (d.watch != NULL)
            on_watch(&d);
        if (time_boot_ms() >= d.next_scan)
            scan(&d, time_boot_ms());
        hand_over_claims(&d);
        wait_turn(&d);
    }
}
