/*
 * NAME
 *     sign.c - signers, sittings, and the one call that signs a Bundle
 *
 * SYNOPSIS
 *     sign_signer_open(...); sign_sitting_begin(...); sign_bundle(...); sign_sitting_end(...); sign_signer_close(...);
 *
 * DESCRIPTION
 *     A sitting is one entry of a PIN: it holds the PIN in locked memory and signs what waits, logging in anew for every signature because a
 *     card asks for the consent of its holder each time (JAHIS 24-002). The first refusal ends it. The steps of sign_bundle() are in the
 *     order of what they cost when wrong: content and author, certificate, ledger, and only then the key.
 *
 * DIAGNOSTICS
 *     CG-6001 to CG-6026. sign_wait_of() maps them to what a letter waits for.
 */
#include <sys/mman.h>
#include <openssl/crypto.h>
#include "sign/internal.h"

enum { PIN_MIN = 4, PIN_MAX = 16, PIN_PAGE = 64, CERTIFICATES_MAX = 1 << 20 };

struct sign_signer { const struct sign_signer_ops *ops; void *self; };

struct sign_sitting {
    struct sign_signer *signer;
    X509 *certificate[SIGN_CHAIN_MAX];   /* signing certificate first; decoded once, which costs as much as a signature */
    size_t certificates;
    struct sign_cert_facts facts;
    char *pin;                       /* PIN_PAGE bytes, locked against swapping where the system allows */
    size_t pin_len;
    unsigned flags;
    bool over;
};

int sign_signer_open(const struct sign_signer_ops *ops, const struct sign_signer_conf *conf, struct sign_signer **ret_signer, struct err *e)
{
    struct sign_signer *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "signer", NULL);
    s->ops = ops;
    int r = ops->open(conf, &s->self, e);
    if (r < 0)
        free(s);
    else
        *ret_signer = s;
    return r;
}

struct sign_signer *sign_signer_close(struct sign_signer *s)
{
    if (s != NULL) {
        s->ops->close(s->self);
        free(s);
    }
    return NULL;
}

const struct sign_signer_ops *sign_signer_ops_get(const struct sign_signer *signer)
{
    return signer->ops;
}

int sign_signer_status(struct sign_signer *signer, struct sign_token_status *ret_status, struct err *e)
{
    return signer->ops->status(signer->self, ret_status, e);
}

/* ---- sitting ---- */

int sign_flags_check(const struct sign_token_status *st, unsigned flags, struct err *e)
{
    if (!st->present)
        return err_set(e, ERR_NOT_NOW, MSG_SIGN_NO_CARD, NULL, NULL, NULL);
    if (st->pin_locked)
        return err_set(e, ERR_DENIED, MSG_SIGN_PIN_LOCKED, NULL, NULL, NULL);
    if (st->pin_final_try && (flags & SIGN_FORCE_FINAL_TRY) == 0)
        return err_set(e, ERR_DENIED, MSG_SIGN_PIN_FINAL, NULL, NULL, NULL);
    if ((st->pin_count_low || st->pin_final_try) && (flags & (SIGN_ATTENDED | SIGN_FORCE_FINAL_TRY)) == 0)
        return err_set(e, ERR_DENIED, MSG_SIGN_PIN_LOW, NULL, NULL, NULL);
    return 0;
}

/* A slip at the keyboard must not cost a try: what cannot be a PIN never reaches the card (JAHIS: 4 to 16 ASCII characters). */
static int check_pin(const char *pin, size_t len, struct err *e)
{
    bool ok = len == 0 || (len >= PIN_MIN && len <= PIN_MAX);
    for (size_t i = 0; i < len && ok; i++)
        ok = pin[i] > 0x20 && pin[i] < 0x7f;
    return ok ? 0 : err_set(e, ERR_INVALID, MSG_SIGN_PIN_FORM, NULL, NULL, NULL);
}

static int read_certificates(struct sign_sitting *s, struct err *e)
{
    struct bytes *list = NULL;
    size_t count = 0;
    struct arena *arena = arena_new(CERTIFICATES_MAX);
    int r = arena != NULL ? s->signer->ops->certificates(s->signer->self, arena, &list, &count, e) : err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "signer", NULL);
    if (r == 0)
        r = sign_chain_read(list, count, s->certificate, &s->certificates, e);
    if (r == 0 && sign_x509_facts(s->certificate[0], &s->facts) < 0)
        r = err_set(e, ERR_SYNTAX, MSG_SIGN_CERT_FORM, NULL, "x5c", NULL);
    arena_free(arena);
    return r;
}

static int begin(struct sign_signer *signer, const char *pin, size_t pin_len, unsigned flags, struct sign_sitting *s, struct err *e)
{
    struct sign_token_status st;
    int r = check_pin(pin, pin_len, e);
    if (r == 0)
        r = signer->ops->status(signer->self, &st, e);
    if (r == 0)
        r = sign_flags_check(&st, flags, e);
    if (r < 0)
        return r;
    s->pin = malloc(PIN_PAGE);
    if (s->pin == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "signer", NULL);
    mlock(s->pin, PIN_PAGE);   /* best effort: a small limit is no reason not to sign */
    if (pin_len > 0)
        memcpy(s->pin, pin, pin_len);
    s->pin_len = pin_len;
    return read_certificates(s, e);
}

int sign_sitting_begin(struct sign_signer *signer, char *pin, size_t pin_len, unsigned flags, struct sign_sitting **ret_sitting, struct err *e)
{
    struct sign_sitting *s = calloc(1, sizeof *s);
    int r = ERR_NOMEM;
    if (s == NULL) {
        err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "signer", NULL);
    } else {
        s->signer = signer;
        s->flags = flags;
        r = begin(signer, pin, pin_len, flags, s, e);
    }
    if (pin_len > 0)
        OPENSSL_cleanse(pin, pin_len);
    if (r < 0)
        sign_sitting_end(s);
    else
        *ret_sitting = s;
    return r;
}

static void wipe_pin(struct sign_sitting *s)
{
    if (s->pin != NULL)
        OPENSSL_cleanse(s->pin, PIN_PAGE);
    s->pin_len = 0;
}

struct sign_sitting *sign_sitting_end(struct sign_sitting *s)
{
    if (s != NULL) {
        wipe_pin(s);
        for (size_t i = 0; i < s->certificates; i++)
            X509_free(s->certificate[i]);
        if (s->signer->ops->rest != NULL)
            s->signer->ops->rest(s->signer->self);
        if (s->pin != NULL)
            munlock(s->pin, PIN_PAGE);
        free(s->pin);
        free(s);
    }
    return NULL;
}

bool sign_sitting_alive(const struct sign_sitting *sitting)
{
    return !sitting->over;
}

const struct sign_cert_facts *sign_sitting_certificate(const struct sign_sitting *sitting)
{
    return &sitting->facts;
}

/* ---- waiting ---- */

static const struct { enum msg_id msg; enum sign_wait wait; } waits[] = {
    { MSG_SIGN_NO_CARD, SIGN_WAIT_CARD },
    { MSG_SIGN_CARD_REMOVED, SIGN_WAIT_CARD },
    { MSG_SIGN_PIN_WRONG, SIGN_WAIT_PIN },
    { MSG_SIGN_PIN_FINAL, SIGN_WAIT_PIN },
    { MSG_SIGN_PIN_LOW, SIGN_WAIT_PIN },
    { MSG_SIGN_PIN_FORM, SIGN_WAIT_PIN },
    { MSG_SIGN_SITTING_OVER, SIGN_WAIT_PIN },
    { MSG_SIGN_PIN_LOCKED, SIGN_WAIT_LOCKED },
    { MSG_SIGN_CERT_ENDED, SIGN_WAIT_CERTIFICATE },
    { MSG_SIGN_CERT_KIND, SIGN_WAIT_CERTIFICATE },
    { MSG_SIGN_CERT_REVOKED, SIGN_WAIT_CERTIFICATE },
    { MSG_SIGN_NO_CERTIFICATE, SIGN_WAIT_CERTIFICATE },
    { MSG_SIGN_NO_KEY, SIGN_WAIT_CERTIFICATE },
    { MSG_SIGN_MODULE, SIGN_WAIT_OPERATOR },
    { MSG_SIGN_DEVICE, SIGN_WAIT_OPERATOR },
    { MSG_SIGN_KEY_FILE, SIGN_WAIT_OPERATOR },
    { MSG_SIGN_SELF_CHECK, SIGN_WAIT_OPERATOR },
    { MSG_SIGN_LEDGER_DAMAGED, SIGN_WAIT_OPERATOR },
    { MSG_SIGN_LEDGER_BUSY, SIGN_WAIT_OPERATOR },
    { MSG_SIGN_CERT_FORM, SIGN_WAIT_OPERATOR },
    { MSG_NOMEM, SIGN_WAIT_OPERATOR },
    { MSG_IO, SIGN_WAIT_OPERATOR },
};

enum sign_wait sign_wait_of(const struct err *e)
{
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++)
        if (waits[i].msg == e->msg)
            return waits[i].wait;
    return SIGN_WAIT_NONE;
}

/* ---- signing ---- */

static int before_key(const struct sign_ledger_entry *entries, size_t count, const struct sign_sitting *s, struct sign_ledger *ledger, struct err *e)
{
    if ((s->flags & (SIGN_ATTENDED | SIGN_FORCE_FINAL_TRY)) == 0 && sign_ledger_pin_refused(ledger, &s->facts.fingerprint))
        return err_set(e, ERR_DENIED, MSG_SIGN_PIN_LOW, NULL, NULL, NULL);
    return sign_ledger_bind(ledger, entries, count, e);
}

/* The ledger takes all or none. When one of them contradicts it, each is asked alone: the others are not to blame. */
static void bind_jobs(struct sign_job *jobs, size_t count, const struct sign_sitting *s, struct sign_ledger *ledger)
{
    struct sign_ledger_entry entry[SIGN_JOBS_MAX];
    struct err e = ERR_INIT;
    size_t passed = 0;
    for (size_t i = 0; i < count; i++)
        if (jobs[i].result == 0)
            entry[passed++] = (struct sign_ledger_entry){ jobs[i].order.message_uuid, jobs[i].order.approved };
    if (passed == 0 || before_key(entry, passed, s, ledger, &e) == 0)
        return;
    passed = 0;
    for (size_t i = 0; i < count; i++)
        if (jobs[i].result == 0)
            jobs[i].result = before_key(&entry[passed++], 1, s, ledger, &jobs[i].e);
}

void sign_jobs_prepare(struct sign_job *jobs, size_t count, struct sign_sitting *s, struct sign_ledger *ledger, struct arena *arena)
{
    for (size_t i = 0; i < count; i++) {
        struct sign_job *job = &jobs[i];
        if (job->result < 0)
            continue;
        if (s->over)
            job->result = err_set(&job->e, ERR_NOT_NOW, MSG_SIGN_SITTING_OVER, NULL, NULL, NULL);
        else
            job->result = sign_prepare_chain(&job->order, s->certificate, s->certificates, arena, &job->prepared, &job->e);
    }
    if (ledger != NULL)
        bind_jobs(jobs, count, s, ledger);
}

static int use_key(struct sign_sitting *s, const struct sha256 *digest, struct sign_ledger *ledger, struct buf *sig, struct err *e)
{
    struct err local = ERR_INIT;
    int r = s->signer->ops->sign(s->signer->self, digest, (struct bytes){ s->pin, s->pin_len }, s->flags, sig, &local);
    if (r == 0)
        return ledger != NULL ? sign_ledger_note_pin(ledger, &s->facts.fingerprint, false, e) : 0;
    /* whatever went wrong between us and the token, the same PIN is not sent again */
    s->over = true;
    wipe_pin(s);
    err_copy(e, &local);
    if (ledger != NULL && local.msg == MSG_SIGN_PIN_WRONG)
        sign_ledger_note_pin(ledger, &s->facts.fingerprint, true, NULL);
    return r;
}

int sign_job_finish(const struct sign_job *job, struct sign_sitting *s, struct sign_ledger *ledger, struct buf *out, struct err *e)
{
    struct buf sig;
    if (job->result < 0) {
        err_copy(e, &job->e);
        return job->result;
    }
    if (s->over)
        return err_set(e, ERR_NOT_NOW, MSG_SIGN_SITTING_OVER, NULL, NULL, NULL);
    buf_init(&sig, SIGN_RSA_MAX);
    int r = use_key(s, &job->prepared.digest, ledger, &sig, e);
    if (r == 0)
        r = sign_finish_checked(&job->order, &job->prepared, buf_bytes(&sig), s->certificate[0], out, e);
    buf_free(&sig);
    return r;
}

int sign_bundle(const struct sign_order *order, struct sign_sitting *s, struct sign_ledger *ledger, struct arena *arena, struct buf *out, struct err *e)
{
    struct sign_job job = { .order = *order };
    sign_jobs_prepare(&job, 1, s, ledger, arena);
    return sign_job_finish(&job, s, ledger, out, e);
}
