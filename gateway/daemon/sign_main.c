/*
 * NAME
 *      clinsgw-sign - the door to the signing keys
 *
 * SYNOPSIS
 *      clinsgw-sign CONFIG SIGNER      (started by clinsgwd, one for each signer)
 *
 * DESCRIPTION
 *      Alone has the PIN, the card or key, and a ledger of what was approved for which message. A signer with pin_credential signs unattended; any other
 *      waits for a sitting: the desk passes the connection of `clinsgw sign` on, the PIN is asked and read there and never enters the
 *      desk. A sitting ends when nothing waits any more (the desk says so), when a PIN was refused, or when the card goes.
 *
 * DIAGNOSTICS
 *      A failed signature is answered with its message and with what the letter waits for. Exit status 71 besides those of door.c: the ledger could not be written.
 */
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include "base/crypt.h"
#include "base/file.h"
#include "base/timefmt.h"
#include "daemon/door.h"
#include "daemon/trust.h"
#include "sign/sign.h"

enum { STATUS_MS = 5000, CLIENT_WAIT_MS = 120 * 1000, ARENA_MAX = 512 << 20, TOGETHER_BYTES = 16 << 20 };

struct sign_door {
    struct door *door;
    const struct settings_signer *config;
    struct sign_signer *signer;
    struct sign_sitting *sitting;
    struct sign_ledger *ledger;
    struct sign_trust *trust;
    struct arena *arena;
    bool attended;                /* the open sitting is a person's */
    int client;                   /* connection of `clinsgw sign`, -1 = none */
    uint64_t told;                /* last state told, as a hash of its parts; 0 = none */
    int64_t next_status;
    uint64_t signed_now;          /* signatures of this sitting */
    enum msg_id told_problem;     /* why unattended signing could not begin, told once */
    struct sign_job job[SIGN_JOBS_MAX];   /* letters that came together */
    uint64_t number[SIGN_JOBS_MAX];
    size_t jobs, job_bytes;
};

static const struct sign_signer_ops *const kind[] = { [SIGNER_PKCS11] = &sign_signer_pkcs11, [SIGNER_KEY_FILE] = &sign_signer_key_file };

static enum sign_wait wait_of_status(const struct sign_door *d, const struct sign_token_status *st)
{
    if (!st->present)
        return SIGN_WAIT_CARD;
    if (st->pin_locked)
        return SIGN_WAIT_LOCKED;
    if (st->has_certificate && st->certificate.not_after_ms < time_wall_ms())
        return SIGN_WAIT_CERTIFICATE;
    if (d->sitting == NULL || !sign_sitting_alive(d->sitting))
        return SIGN_WAIT_PIN;
    return SIGN_WAIT_NONE;
}

static void tell_status(struct sign_door *d)
{
    struct sign_token_status st;
    struct err e = ERR_INIT;
    struct wire_out *out = &d->door->out;
    enum sign_wait wait;
    uint64_t now;

    memset(&st, 0, sizeof st);
    if (sign_signer_status(d->signer, &st, &e) < 0)
        st.present = false;
    wait = wait_of_status(d, &st);
    now = 1 + (uint64_t)wait * 16 + st.pin_count_low * 8u + st.pin_final_try * 4u + st.pin_locked * 2u + st.present + (uint64_t)st.certificate.not_after_ms * 256;
    if (now == d->told)
        return;
    d->told = now;
    wire_begin(out, WIRE_SIGNER_STATE);
    wire_put_text(out, F_SIGNER, d->config->name);
    wire_put_u64(out, F_STATE, wait);
    wire_put_u64(out, F_PRESENT, st.present);
    wire_put_u64(out, F_ATTENDED, d->config->pin_credential == NULL && d->config->type == SIGNER_PKCS11);
    wire_put_i64(out, F_NOT_AFTER, st.has_certificate ? st.certificate.not_after_ms : 0);
    if (st.has_certificate) {
        wire_put_text(out, F_TITLE, st.certificate.subject);
        wire_put_text(out, F_ROLE, st.certificate.roles > 0 ? st.certificate.role[0] : "");
    }
    wire_put_u64(out, F_LOW, st.pin_count_low);
    wire_put_u64(out, F_FINAL_TRY, st.pin_final_try);
    wire_put_u64(out, F_LOCKED, st.pin_locked);
    door_send(d->door);
}

/* ---- sittings ---- */

static void answer_client(struct sign_door *d, int code, enum msg_id msg)
{
    char count[24];

    if (d->client < 0)
        return;
    snprintf(count, sizeof count, "%llu", (unsigned long long)d->signed_now);
    wire_begin(&d->door->out, WIRE_REPLY);
    wire_put_u64(&d->door->out, F_EXIT, (uint64_t)code);
    wire_put_u64(&d->door->out, F_MSG, msg);
    wire_put_text(&d->door->out, F_ARG, count);
    (void)wire_send(d->client, &d->door->out, NULL);
    close(d->client);
    d->client = -1;
}

static void end_sitting(struct sign_door *d, int code, enum msg_id msg)
{
    d->sitting = sign_sitting_end(d->sitting);
    d->attended = false;
    answer_client(d, code, msg);
    tell_status(d);
}

/* Asks at the terminal of `clinsgw sign` and reads one PIN into *pin (wiped by the caller). */
static int ask_pin(struct sign_door *d, const struct sign_token_status *st, char *pin, size_t size, size_t *ret_len, struct err *e)
{
    struct wire_out *out = &d->door->out;
    struct pollfd p = { .fd = d->client, .events = POLLIN };
    struct wire_in *in = calloc(1, sizeof *in);
    struct bytes typed;
    int r = in == NULL ? err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "sign", NULL) : 0;

    if (r == 0) {
        wire_begin(out, WIRE_PIN_ASK);
        wire_put_text(out, F_SIGNER, d->config->name);
        wire_put_text(out, F_TITLE, st->has_certificate ? st->certificate.subject : "");
        wire_put_u64(out, F_LOW, st->pin_count_low);
        wire_put_u64(out, F_FINAL_TRY, st->pin_final_try);
        wire_put_u64(out, F_COUNT_UNITS, 0);
        r = wire_send(d->client, out, e);
    }
    if (r == 0)
        r = poll(&p, 1, CLIENT_WAIT_MS) <= 0 ? err_set(e, ERR_TIMEOUT, MSG_SIGN_SITTING_OVER, NULL, NULL, NULL) : wire_receive(d->client, in, e);
    if (r == 0) {
        typed = wire_bytes(in, F_PIN);
        if (in->type != WIRE_PIN || typed.len == 0 || typed.len > size)
            r = err_set(e, ERR_INVALID, MSG_SIGN_PIN_FORM, NULL, NULL, NULL);
        else {
            memcpy(pin, typed.data, typed.len);
            *ret_len = typed.len;
        }
        wire_release(in);
    }
    if (in != NULL)
        OPENSSL_cleanse(in, sizeof *in);
    free(in);
    return r;
}

static void begin_sitting(struct sign_door *d)
{
    struct sign_token_status st;
    struct err e = ERR_INIT;
    char pin[64];
    size_t len = 0;
    unsigned flags = SIGN_ATTENDED | (wire_u64(&d->door->in, F_FORCE) != 0 ? SIGN_FORCE_FINAL_TRY : 0);
    int client = wire_take_fd(&d->door->in, F_CONNECTION), r;

    if (d->client >= 0)
        end_sitting(d, 1, MSG_SIGN_SITTING_OVER);
    d->client = client;
    d->signed_now = 0;
    memset(&st, 0, sizeof st);
    r = sign_signer_status(d->signer, &st, &e);
    if (r == 0 && !st.present)
        r = err_set(&e, ERR_NOT_NOW, MSG_SIGN_NO_CARD, NULL, NULL, NULL);
    if (r == 0)
        r = ask_pin(d, &st, pin, sizeof pin, &len, &e);
    if (r == 0) {
        d->sitting = sign_sitting_end(d->sitting);
        r = sign_sitting_begin(d->signer, pin, len, flags, &d->sitting, &e);
    }
    OPENSSL_cleanse(pin, sizeof pin);
    d->attended = r == 0;
    if (r < 0)
        answer_client(d, 1, e.msg);
    d->told = 0; /* the desk asked: it is told in any case */
    tell_status(d);
}

/* Unattended signing: the PIN comes from a credential, one sitting lasts as long as it lives. */
static void begin_unattended(struct sign_door *d)
{
    struct buf pin;
    struct err e = ERR_INIT;
    int r = 0;

    buf_init(&pin, 64);
    if (d->config->pin_credential != NULL)
        r = settings_secret_read(DOOR_SECRET, d->config->pin_credential, &pin, &e);
    else if (d->config->type == SIGNER_PKCS11)
        goto out;
    if (r == 0)
        r = sign_sitting_begin(d->signer, pin.data, pin.len, 0, &d->sitting, &e);
    if (r < 0 && r != ERR_NOT_NOW && d->told_problem != e.msg)
        door_problem(d->door, &e);
    d->told_problem = r < 0 ? e.msg : MSG_NONE;
out:
    buf_wipe_free(&pin);
}

/* ---- signing ---- */

static int read_order(struct sign_door *d, struct sign_job *job)
{
    struct wire_in *in = &d->door->in;
    struct bytes digest = wire_bytes(in, F_DIGEST);
    const char *author = wire_text(in, F_AUTHOR);
    int fd = wire_take_fd(in, F_CONTENT), r;

    job->order = (struct sign_order){ .time_ms = wire_i64(in, F_TIME), .profile = &sign_profile_default, .rules = &sign_rules_default, .trust = d->trust };
    job->order.message_uuid = arena_strdup(d->arena, wire_text(in, F_UUID));
    if (author[0] != '\0')
        job->order.author = arena_strdup(d->arena, author);
    r = d->sitting == NULL ? err_set(&job->e, ERR_NOT_NOW, MSG_SIGN_SITTING_OVER, NULL, NULL, NULL) : 0;
    if (r == 0 && digest.len != SHA256_BYTES)
        r = err_set(&job->e, ERR_INVALID, MSG_SIGN_APPROVAL, NULL, NULL, NULL);
    if (r == 0 && (job->order.message_uuid == NULL || (author[0] != '\0' && job->order.author == NULL)))
        r = err_set(&job->e, ERR_NOMEM, MSG_NOMEM, NULL, "sign", NULL);
    if (r == 0)
        r = memfd_map(fd, DOOR_PAYLOAD_MAX, &job->order.bundle, &job->e);
    if (r == 0)
        memcpy(job->order.approved.byte, digest.data, SHA256_BYTES);
    if (fd >= 0)
        close(fd);
    return r;
}

static void answer_desk(struct sign_door *d, uint64_t number, int r, const struct buf *made, struct err *e)
{
    struct wire_out *out = &d->door->out;
    int result = -1;

    if (r == 0)
        r = result = memfd_seal("clinsgw-signed", made->data, made->len, e);
    wire_begin(out, r < 0 ? WIRE_SIGN_FAILED : WIRE_SIGNED);
    wire_put_u64(out, F_ORDER, number);
    if (r < 0) {
        wire_put_u64(out, F_MSG, e->msg);
        wire_put_u64(out, F_WAIT, e->msg == MSG_SIGN_SITTING_OVER ? SIGN_WAIT_PIN : sign_wait_of(e));
    } else {
        wire_put_fd(out, F_CONTENT, result);
        wire_put_i64(out, F_NOT_AFTER, sign_sitting_certificate(d->sitting)->not_after_ms);
        d->signed_now++;
    }
    door_send(d->door);
    if (r < 0)
        d->told = 0; /* the desk takes it for the state of the signer: the next look says how it is now */
    if (result >= 0)
        close(result);
}

/* A ledger that could not be written, by a disk that was full perhaps, takes nothing more: the next door opens it anew. All that waits has been answered. */
static void end_if_broken(struct sign_door *d)
{
    struct err e = ERR_INIT;

    if (!sign_ledger_broken(d->ledger))
        return;
    err_set(&e, ERR_IO, MSG_IO, NULL, "ledger", "write");
    door_problem(d->door, &e);
    end_sitting(d, 1, MSG_IO);
    exit(71);
}

/* Whatever came together stands in the ledger by one fsync before the key is touched; each letter is answered as soon as it is signed. */
static void sign_letters(struct sign_door *d)
{
    if (d->jobs == 0)
        return;
    if (d->sitting != NULL)
        sign_jobs_prepare(d->job, d->jobs, d->sitting, d->ledger, d->arena);
    for (size_t i = 0; i < d->jobs; i++) {
        struct err e = ERR_INIT;
        struct buf made;
        int r = d->sitting == NULL ? err_set(&e, ERR_NOT_NOW, MSG_SIGN_SITTING_OVER, NULL, NULL, NULL) : 0;
        buf_init(&made, DOOR_PAYLOAD_MAX);
        if (r == 0)
            r = sign_job_finish(&d->job[i], d->sitting, d->ledger, &made, &e);
        answer_desk(d, d->number[i], r, &made, &e);
        if (d->sitting != NULL && !sign_sitting_alive(d->sitting))
            end_sitting(d, 1, e.msg);
        buf_free(&made);
        memfd_unmap(&d->job[i].order.bundle);
    }
    d->jobs = d->job_bytes = 0;
    arena_reset(d->arena);
    end_if_broken(d);
}

static void obey(struct sign_door *d)
{
    if (d->door->in.type == WIRE_SIGN) {
        struct sign_job *job = &d->job[d->jobs];
        *job = (struct sign_job){ .e = ERR_INIT };
        d->number[d->jobs++] = wire_u64(&d->door->in, F_ORDER);
        job->result = read_order(d, job);
        d->job_bytes += job->order.bundle.len;
        if (d->jobs == SIGN_JOBS_MAX || d->job_bytes > TOGETHER_BYTES)
            sign_letters(d);
        return;
    }
    sign_letters(d); /* in the order in which they came */
    switch (d->door->in.type) {
    case WIRE_SITTING: begin_sitting(d); break;
    case WIRE_SITTING_STATE: /* the desk: nothing waits for this signer any more */
        if (d->attended)
            end_sitting(d, 0, MSG_SIGN_SITTING_DONE);
        break;
    default: break;
    }
}

static int read_into(const char *path, struct buf *b, struct bytes *ret_bytes, struct err *e)
{
    int r = path == NULL ? 0 : file_read(AT_FDCWD, path, 1 << 20, b, e);

    if (path != NULL && r == 0)
        *ret_bytes = buf_bytes(b);
    return r;
}

static int open_signer(struct sign_door *d, struct err *e)
{
    const struct settings *s = d->door->settings;
    struct sign_signer_conf conf = { 0 };
    struct buf certificate, key;
    char name[128];
    int index = settings_find_signer(s, d->door->name), dir = -1, r;

    if (index < 0)
        return err_set(e, ERR_NOTFOUND, MSG_INTERNAL, NULL, "signer", d->door->name);
    d->config = &s->signer[index];
    buf_init(&certificate, 1 << 20);
    buf_init(&key, 1 << 20);
    conf.module = d->config->module;
    conf.token_label = d->config->token;
    conf.keep_login = d->config->keep_login;
    r = read_into(d->config->certificate, &certificate, &conf.certificate, e);
    if (r == 0 && d->config->type == SIGNER_KEY_FILE)
        r = read_into(d->config->key, &key, &conf.key, e);
    if (r == 0)
        r = sign_signer_open(kind[d->config->type], &conf, &d->signer, e);
    buf_wipe_free(&key);
    buf_free(&certificate);
    if (r < 0)
        return r;
    snprintf(name, sizeof name, "%s/sign", s->state_dir);
    dir = dir_make(AT_FDCWD, name, 0700, e);
    if (dir < 0)
        return dir;
    snprintf(name, sizeof name, "ledger-%s", d->config->name);
    r = sign_ledger_open(dir, name, &d->ledger, e);
    close(dir);
    d->arena = arena_new(ARENA_MAX);
    d->trust = sign_trust_new();
    if (r == 0 && (d->arena == NULL || d->trust == NULL))
        r = err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "sign", NULL);
    if (r == 0)
        r = trust_load(s, d->trust, e);
    return r;
}

int main(int argc, char **argv)
{
    static struct sign_door d; /* the door's own state */
    struct err e = ERR_INIT;

    crypt_start_quiet();
    d.door = door_start(argc, argv);
    d.client = -1;
    if (open_signer(&d, &e) < 0) {
        door_problem(d.door, &e);
        return 70;
    }
    begin_unattended(&d);
    door_ready(d.door);
    if (sign_signer_ops_get(d.signer)->for_tests) {
        err_set(&e, ERR_INVALID, MSG_CHECK_KEY_FILE, NULL, d.config->name, NULL);
        door_problem(d.door, &e);
    }
    for (;;) {
        struct pollfd p[2] = { { .fd = d.door->socket, .events = POLLIN }, { .fd = d.client, .events = POLLRDHUP } };
        while (door_receive(d.door) == 0) {
            obey(&d);
            wire_release(&d.door->in);
        }
        sign_letters(&d);
        if (time_boot_ms() >= d.next_status) {
            if (d.sitting == NULL && !d.attended && d.config->pin_credential != NULL)
                begin_unattended(&d); /* a card may have come; a refused PIN is remembered by the ledger */
            tell_status(&d);
            d.next_status = time_boot_ms() + STATUS_MS;
        }
        p[1].fd = d.client;
        if (poll(p, 2, STATUS_MS) > 0 && p[1].revents != 0)
            end_sitting(&d, 1, MSG_SIGN_SITTING_OVER); /* the person at the terminal has gone */
    }
}
