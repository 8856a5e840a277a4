/*
 * NAME
 *      clinsgw-spool - the door to the vendor folders
 *
 * SYNOPSIS
 *      clinsgw-spool CONFIG GROUP      (started by clinsgwd; GROUP is a comma-separated list of sources on one file system, or "page")
 *
 * DESCRIPTION
 *      Tells the desk which names are complete, claims and reads what the desk asks for, and hands outcomes back. Holds no state: what it
 *      knows comes from the folders.
 *
 *      One turn: obey what the desk has ordered, look at the folders, make all of it durable at once (spool_sync), and only then hand over the bytes of what was
 *      claimed and say what was written and filed. So the cost of a sync does not grow with the number of files.
 *
 * DIAGNOSTICS
 *      Exit status 70 besides those of door.c: a sync failed. What was claimed is found again in .work/ by the next door, what was to be handed back is ordered again.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include "base/crypt.h"
#include "base/file.h"
#include "base/timefmt.h"
#include "daemon/door.h"
#include "spool/spool.h"
#include "spool/spool_watch.h"

enum { SCAN_MS = 1000, RESTLESS_MS = 250, ORPHAN_MS = 60 * 1000, WANTED_MAX = 512, CLAIMS_MAX = 256, DONE_MAX = 512, ORDERS_MAX = 512 /* obeyed in one turn */ };

enum share { SHARE_NOT_TOLD, SHARE_UP, SHARE_DOWN };

/* An attachment that the desk wants as soon as it is there. */
struct wanted { uint64_t order; int64_t request_mtime; size_t source; char name[SPOOL_NAME_MAX + 1]; };

/* Claimed in this turn; its bytes are handed over once that is durable. */
struct claimed { struct spool_claim claim; uint64_t order /* 0 = found in .work/ */; size_t source; bool attachment; };

/* Something written or filed in this turn; said once it is durable. */
struct done { enum wire_type type; uint64_t order; size_t source; };

struct spool_door {
    struct door *door;
    struct spool_source *source[SETTINGS_MAX];
    enum share share[SETTINGS_MAX];
    size_t sources;
    const char *folder[SETTINGS_MAX * 2];         /* in/ and try/ of each source, for the watcher */
    struct spool_watch *watch;
    bool watch_anew;                              /* folders came (back) that the watcher does not know */
    struct wanted wanted[WANTED_MAX];
    size_t wanted_count;
    struct claimed claim[CLAIMS_MAX];
    size_t claims;
    struct done done[DONE_MAX];
    size_t dones;
    int64_t next_scan, next_orphans;
    bool again[SETTINGS_MAX], more[SETTINGS_MAX]; /* the desk has room again; it was offered as much as it can take, and more lies there */
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

/* What nobody has asked for is said only while there is plenty of room in the socket: the desk may be busy telling this door something, and must not meet a door that does not listen. */
static bool has_room(struct spool_door *d)
{
    struct pollfd p = { .fd = d->door->socket, .events = POLLOUT };
    return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0;
}

static void on_offer(void *ctx, const struct spool_offer *offer)
{
    struct visit *v = ctx;

    if (!offer->request)
        return;
    if (!has_room(v->d)) {
        spool_source_forget(v->d->source[v->source], offer->name); /* the next scan tells it */
        v->d->restless = true;
        return;
    }
    put_head(v->d, WIRE_OFFERED, v->source, offer->name);
    wire_put_i64(&v->d->door->out, F_MTIME, offer->mtime_ns);
    wire_put_i64(&v->d->door->out, F_SIZE, offer->size);
    door_send(v->d->door);
}

static void on_try(void *ctx, const struct spool_offer *offer)
{
    struct visit *v = ctx;
    struct spool_content content;
    char stem[SPOOL_STEM_MAX];

    if (!has_room(v->d) || spool_name_stem(offer->name, stem) < 0 || spool_source_read_try(v->d->source[v->source], offer->name, &content, NULL) < 0) {
        spool_source_forget(v->d->source[v->source], offer->name);
        return;
    }
    put_head(v->d, WIRE_TRY, v->source, offer->name);
    wire_put_text(&v->d->door->out, F_OUT_NAME, stem);
    wire_put_u64(&v->d->door->out, F_MSG, spool_name_good(offer->name, offer->name_len) ? content.refused : MSG_SPOOL_NAME_BAD);
    wire_put_fd(&v->d->door->out, F_CONTENT, content.fd);
    door_send(v->d->door);
    if (content.fd >= 0)
        close(content.fd);
}

static void on_orphan(void *ctx, const struct spool_offer *offer)
{
    struct visit *v = ctx;
    char stem[SPOOL_STEM_MAX];

    if (spool_name_stem(offer->name, stem) < 0)
        return;
    put_head(v->d, WIRE_ORPHAN, v->source, offer->name);
    wire_put_text(&v->d->door->out, F_OUT_NAME, stem);
    door_send(v->d->door);
}

static void set_up(struct spool_door *d, size_t i, bool up)
{
    enum share now = up ? SHARE_UP : SHARE_DOWN;

    if (d->share[i] == now)
        return;
    d->watch_anew |= up;
    d->share[i] = now;
    wire_begin(&d->door->out, WIRE_SOURCE_STATE);
    wire_put_text(&d->door->out, F_SOURCE, spool_source_name(d->source[i]));
    wire_put_u64(&d->door->out, F_STATE, up);
    door_send(d->door);
}

static _Noreturn void give_up(struct spool_door *d, const struct err *e)
{
    door_problem(d->door, e);
    exit(70);
}

/* ---- claims, and the end of a turn ---- */

static void hand_over(struct spool_door *d, const struct claimed *c)
{
    struct wire_out *out = &d->door->out;
    struct spool_content content = { .fd = -1 };
    struct err e = ERR_INIT;
    int r = spool_source_read(d->source[c->source], c->claim.work, &content, &e);

    if (r == ERR_CLOSED) {
        set_up(d, c->source, false);
        return; /* it stays in .work/ and is found again when the share is back */
    }
    if (r < 0 && r != ERR_NOTFOUND)
        give_up(d, &e);
    if (r == ERR_NOTFOUND)
        content.refused = MSG_SPOOL_VANISHED;
    else if (content.refused == MSG_NONE && !spool_name_good(c->claim.name, strlen(c->claim.name)))
        content.refused = MSG_SPOOL_NAME_BAD;
    put_head(d, c->attachment ? WIRE_ATTACHMENT : WIRE_CLAIMED, c->source, c->claim.name);
    wire_put_u64(out, F_ORDER, c->order);
    wire_put_bytes(out, F_WORK, c->claim.work, strlen(c->claim.work));
    wire_put_u64(out, F_MSG, content.refused);
    wire_put_fd(out, F_CONTENT, content.fd);
    if (c->attachment) {
        wire_put_u64(out, F_PRESENT, 1);
    } else {
        wire_put_text(out, F_OUT_NAME, c->claim.out_name);
        wire_put_i64(out, F_MTIME, c->claim.mtime_ns);
        wire_put_i64(out, F_SIZE, content.size);
    }
    door_send(d->door);
    if (content.fd >= 0)
        close(content.fd);
}

static void say_done(struct spool_door *d, enum wire_type type, uint64_t order, bool done)
{
    wire_begin(&d->door->out, type);
    wire_put_u64(&d->door->out, F_ORDER, order);
    wire_put_u64(&d->door->out, F_DONE, done);
    door_send(d->door);
}

/* One sync for everything claimed, written and filed in this turn; then the bytes of the claims, and the answers. */
static void end_turn(struct spool_door *d)
{
    int result[SETTINGS_MAX];
    struct err e = ERR_INIT;

    spool_sync(d->source, d->sources, result, &e);
    for (size_t i = 0; i < d->sources; i++) {
        if (result[i] < 0 && result[i] != ERR_CLOSED)
            give_up(d, &e);
        if (result[i] < 0)
            set_up(d, i, false);
    }
    for (size_t i = 0; i < d->claims; i++)
        if (result[d->claim[i].source] == 0)
            hand_over(d, &d->claim[i]);
    d->claims = 0;
    for (size_t i = 0; i < d->dones; i++)
        say_done(d, d->done[i].type, d->done[i].order, result[d->done[i].source] == 0);
    d->dones = 0;
}

static void add_claim(struct spool_door *d, const struct spool_claim *claim, uint64_t order, size_t source, bool attachment)
{
    d->claim[d->claims++] = (struct claimed){ *claim, order, source, attachment };
    if (d->claims == CLAIMS_MAX)
        end_turn(d);
}

static void claim(struct spool_door *d, size_t source, const char *name)
{
    uint64_t order = wire_u64(&d->door->in, F_ORDER);
    struct spool_claim got;
    struct err e = ERR_INIT;
    int r;

    r = spool_source_claim(d->source[source], name, &got, &e);
    if (r == 0) {
        add_claim(d, &got, order, source, false);
        return;
    }
    if (r == ERR_CLOSED)
        set_up(d, source, false);
    else if (r != ERR_NOTFOUND)
        door_problem(d->door, &e);
    put_head(d, WIRE_CLAIM_FAILED, source, name);
    wire_put_u64(&d->door->out, F_ORDER, order);
    wire_put_u64(&d->door->out, F_MSG, e.msg);
    door_send(d->door);
}

static void on_left_over(void *ctx, const struct spool_claim *left)
{
    struct visit *v = ctx;

    add_claim(v->d, left, 0, v->source, false);
}

/* ---- attachments ---- */

static bool try_attachment(struct spool_door *d, const struct wanted *w)
{
    struct spool_claim got;
    struct err e = ERR_INIT;
    int r = spool_source_claim_attachment(d->source[w->source], w->name, (int64_t)w->order, w->request_mtime, time_boot_ms(), &got, &e);

    if (r == 0)
        add_claim(d, &got, w->order, w->source, true);
    else if (r == ERR_CLOSED)
        set_up(d, w->source, false);
    return r == 0;
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

/* The request has its outcome: an attachment of that name belongs to whoever names it next. */
static void want_no_more(struct spool_door *d, uint64_t order)
{
    for (size_t i = 0; i < d->wanted_count;)
        if (d->wanted[i].order == order)
            d->wanted[i] = d->wanted[--d->wanted_count];
        else
            i++;
}

/* ---- handing back ---- */

/* A success is said at the end of the turn, a failure at once. Order 0: nobody waits for it. */
static void answer_order(struct spool_door *d, enum wire_type type, uint64_t order, int r, const struct err *e, size_t source)
{
    if (r == ERR_CLOSED)
        set_up(d, source, false);
    else if (r < 0)
        door_problem(d->door, e);
    if (order == 0)
        return;
    if (r < 0) {
        say_done(d, type, order, false);
        return;
    }
    d->done[d->dones++] = (struct done){ type, order, source };
    if (d->dones == DONE_MAX)
        end_turn(d);
}

static void file_away(struct spool_door *d, size_t source)
{
    struct wire_group cursor = wire_first(&d->door->in);
    enum spool_end end = wire_u64(&d->door->in, F_END) == SPOOL_DONE ? SPOOL_DONE : SPOOL_ERROR;
    struct err e = ERR_INIT;
    struct bytes work;
    int r = 0;

    want_no_more(d, wire_u64(&d->door->in, F_ORDER));
    while (r == 0 && wire_next_bytes(&cursor, F_WORK, &work)) {
        char name[SPOOL_WORK_MAX];
        snprintf(name, sizeof name, "%.*s", (int)work.len, work.data);
        r = spool_source_file_away(d->source[source], name, end, &e);
    }
    answer_order(d, WIRE_FILED, wire_u64(&d->door->in, F_ORDER), r, &e, source);
}

static void write_file(struct spool_door *d, size_t source, const char *name)
{
    struct bytes mapped = { NULL, 0 }, content;
    struct err e = ERR_INIT;
    int fd = -1, r = 0;

    if (!wire_inside(&d->door->in, F_CONTENT, &content)) {
        fd = wire_take_fd(&d->door->in, F_CONTENT);
        r = memfd_map(fd, DOOR_PAYLOAD_MAX, &mapped, &e);
        content = mapped;
    }
    if (r == 0)
        r = spool_source_write(d->source[source], wire_u64(&d->door->in, F_PLACE) == SPOOL_OUT ? SPOOL_OUT : SPOOL_TRY, name, content.data, content.len,
                               wire_u64(&d->door->in, F_DURABLE) != 0, &e);
    memfd_unmap(&mapped);
    if (r == 0 && wire_has(&d->door->in, F_OUT_NAME)) /* where nothing may be removed it stays: the result does not wait for that */
        (void)spool_source_remove_out(d->source[source], wire_text(&d->door->in, F_OUT_NAME), NULL);
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

    snprintf(name, sizeof name, "%.*s", (int)raw.len, raw.data); /* a NUL inside cuts it: no file has such a name */
    if (in->type == WIRE_WRITE_PAGE)
        write_page(d, name);
    if (source < 0)
        return;
    switch (in->type) {
    case WIRE_CLAIM: claim(d, (size_t)source, name); break;
    case WIRE_CLAIM_ATTACHMENT: want_attachment(d, (size_t)source, name); break;
    case WIRE_FILE_AWAY: file_away(d, (size_t)source); break;
    case WIRE_WRITE: write_file(d, (size_t)source, name); break;
    case WIRE_READ_TRY: read_try(d, (size_t)source, name); break;
    case WIRE_OFFER_AGAIN: d->again[source] = true; break;
    default: break;
    }
}

/* ---- the turn ---- */

/* What was claimed before the last end of this door, or before the share went away. */
static void take_up_left_over(struct spool_door *d, size_t source)
{
    struct visit v = { d, source };
    struct err e = ERR_INIT;
    size_t foreign = 0;
    char number[24];

    if (spool_source_left_over(d->source[source], on_left_over, &v, &foreign, NULL) < 0 || foreign == 0)
        return;
    snprintf(number, sizeof number, "%zu", foreign);
    err_set(&e, ERR_INVALID, MSG_SPOOL_FOREIGN, NULL, spool_source_name(d->source[source]), number);
    door_problem(d->door, &e);
}

/* As much as the desk takes at most; what it has no room for it asks for again. */
static void offer_again(struct spool_door *d, size_t source)
{
    struct visit v = { d, source };
    bool try_waits = false;

    d->again[source] = d->more[source] = false;
    if (d->share[source] != SHARE_UP ||
        spool_source_offer_again(d->source[source], (size_t)d->door->settings->window, time_boot_ms(), on_offer, &v, &d->more[source], &try_waits, NULL) < 0)
        return;
    if (try_waits)
        d->next_scan = 0;
}

/* One watcher a process: made anew when folders come back, because a watch holds on to the folder that was. */
static void watch_folders(struct spool_door *d)
{
    struct err e = ERR_INIT;

    d->watch = spool_watch_free(d->watch);
    d->watch_anew = false;
    if (spool_watch_new(d->folder, (unsigned)d->sources * 2, &d->watch, &e) < 0)
        door_problem(d->door, &e);
}

static void scan(struct spool_door *d, int64_t now)
{
    struct err e = ERR_INIT;

    for (size_t i = 0; i < d->sources; i++) {
        struct visit v = { d, i };
        bool was_up = d->share[i] == SHARE_UP;
        int r = spool_source_probe(d->source[i], NULL);
        set_up(d, i, r >= 0);
        if (r < 0)
            continue;
        d->watch_anew |= r == 1; /* other folders of these names, although the share was never seen away */
        if (!was_up || r == 1)
            take_up_left_over(d, i);
        r = spool_source_scan(d->source[i], now, on_offer, &v, &e);
        if (d->more[i])
            offer_again(d, i);
        if (r == 0 || r == ERR_LIMIT)
            (void)spool_source_scan_try(d->source[i], now, on_try, &v, NULL);
        if (r == ERR_LIMIT && now >= d->next_orphans)
            door_problem(d->door, &e);
        if (now >= d->next_orphans && has_room(d))
            (void)spool_source_orphans(d->source[i], time_wall_ms(), on_orphan, &v, NULL);
    }
    if (now >= d->next_orphans)
        d->next_orphans = now + ORPHAN_MS;
    try_attachments(d);
    d->next_scan = now + (d->restless || d->wanted_count > 0 ? RESTLESS_MS : SCAN_MS);
    d->restless = false;
    if (d->watch_anew)
        watch_folders(d);
}

static void on_watch(struct spool_door *d)
{
    struct spool_watch_event event;

    while (spool_watch_next(d->watch, &event)) {
        struct visit v = { d, event.folder / 2 };
        if (event.folder % 2 == 0 && event.renamed && event.name[0] != '\0' && v.source < d->sources && d->share[v.source] == SHARE_UP) {
            (void)spool_source_renamed(d->source[v.source], event.name, time_boot_ms(), on_offer, &v, NULL);
            continue;
        }
        d->restless = true;
        if (spool_name_announces(event.name))
            d->next_scan = 0;
    }
    if (d->wanted_count > 0)
        try_attachments(d);
}

static void open_sources(struct spool_door *d, const char *group)
{
    const struct settings *s = d->door->settings;
    struct err e = ERR_INIT;

    for (size_t i = 0; i < s->sources; i++) {
        const struct settings_source *c = &s->source[i];
        const char **endings = arena_array(d->door->arena, c->endings.count + 1, sizeof *endings);
        struct spool_source_config config = { c->name, s->host, c->root, c->settle_ms, c->max_bytes, c->orphan_ms, endings };
        char wanted[SPOOL_NAME_MAX];
        snprintf(wanted, sizeof wanted, ",%s,", c->name);
        if (endings == NULL || strstr(group, wanted) == NULL)
            continue;
        memcpy(endings, c->endings.item, c->endings.count * sizeof *endings);
        if (spool_source_new(&config, &d->source[d->sources], &e) == ERR_NOMEM)
            give_up(d, &e);
        d->folder[d->sources * 2] = arena_printf(d->door->arena, "%s/in", c->root);
        d->folder[d->sources * 2 + 1] = arena_printf(d->door->arena, "%s/try", c->root);
        if (d->folder[d->sources * 2] == NULL || d->folder[d->sources * 2 + 1] == NULL) {
            err_set(&e, ERR_NOMEM, MSG_NOMEM, NULL, "spool", NULL);
            give_up(d, &e);
        }
        d->sources++;
    }
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

    crypt_start_quiet();
    d.door = door_start(argc, argv);
    d.page = -1;
    open_sources(&d, d.door->name);
    door_ready(d.door);
    for (;;) {
        for (int i = 0; i < ORDERS_MAX && door_receive(d.door) == 0; i++) {
            obey(&d);
            wire_release(&d.door->in);
        }
        for (size_t i = 0; i < d.sources; i++)
            if (d.again[i])
                offer_again(&d, i);
        if (d.watch != NULL)
            on_watch(&d);
        if (time_boot_ms() >= d.next_scan)
            scan(&d, time_boot_ms());
        end_turn(&d);
        wait_turn(&d);
    }
}
