/*
 * NAME
 *     clinsgw-sandbox - a stand-in of the national service for tests and for vendors
 *
 * SYNOPSIS
 *     clinsgw-sandbox --db FILE [--port N --tls-cert FILE --tls-key FILE --client-ca FILE --user U --password P] [--share DIR] [--control SOCKET]
 *                     [--hpki-ca DIR] [--institution CODE[:CN]]... [--insured-file FILE] [--scan-ms N] [--seed N] [--verbose]
 *     clinsgw-sandbox ctl SOCKET COMMAND [WORD]...
 *
 * DESCRIPTION
 *     Serves the Web API on a loopback port (0 = any; the line "listening PORT" says which), the terminal's folder below --share, or both, as
 *     docs/interface-profile.md describes them. Prints "ready" when it serves; ends on SIGTERM and SIGINT. docs/sandbox.md is the guide.
 *
 * DIAGNOSTICS
 *     Exit status 0 after a clean end, 1 when it cannot start (the reason on standard error), 2 for a wrong command line.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libxml/parser.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "tests/sandbox/sandbox.h"
#include "base/file.h"
#include "base/text.h"
#include "base/timefmt.h"

/* ---- what the threads share ------------------------------------------------------------------------------------------------------- */

void sb_stop(struct sb *sb)
{
    pthread_mutex_lock(&sb->lock);
    sb->stopping = true;
    pthread_cond_broadcast(&sb->changed);
    pthread_mutex_unlock(&sb->lock);
    if (eventfd_write(sb->stop_fd, 1) < 0)
        fprintf(stderr, "clinsgw-sandbox: eventfd: %s\n", strerror(errno));
}

bool sb_sleep(struct sb *sb, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&sb->lock);
    while (!sb->stopping && pthread_cond_timedwait(&sb->changed, &sb->lock, &until) == 0)
        continue;
    bool running = !sb->stopping;
    pthread_mutex_unlock(&sb->lock);
    return running;
}

bool sb_wait_running(struct sb *sb)
{
    pthread_mutex_lock(&sb->lock);
    while (sb->paused && !sb->stopping)
        pthread_cond_wait(&sb->changed, &sb->lock);
    bool running = !sb->stopping;
    pthread_mutex_unlock(&sb->lock);
    return running;
}

void sb_next_id(struct sb *sb, char ret_text[static UUID_TEXT])
{
    pthread_mutex_lock(&sb->lock);
    uint64_t serial = ++sb->serial;
    pthread_mutex_unlock(&sb->lock);
    uuid_from_seed(sb->seed, serial, ret_text);
}

/* ---- command line ----------------------------------------------------------------------------------------------------------------- */

enum { OPT_DB = 1, OPT_PORT, OPT_CERT, OPT_KEY, OPT_CLIENT_CA, OPT_HPKI, OPT_SHARE, OPT_CONTROL, OPT_USER, OPT_PASSWORD, OPT_INSTITUTION, OPT_INSURED,
       OPT_SCAN, OPT_SEED, OPT_VERBOSE, MEMBERS_MAX = 64 };

static const struct option option_table[] = {
    { "db", required_argument, NULL, OPT_DB }, { "port", required_argument, NULL, OPT_PORT }, { "tls-cert", required_argument, NULL, OPT_CERT },
    { "tls-key", required_argument, NULL, OPT_KEY }, { "client-ca", required_argument, NULL, OPT_CLIENT_CA }, { "hpki-ca", required_argument, NULL, OPT_HPKI },
    { "share", required_argument, NULL, OPT_SHARE }, { "control", required_argument, NULL, OPT_CONTROL }, { "user", required_argument, NULL, OPT_USER },
    { "password", required_argument, NULL, OPT_PASSWORD }, { "institution", required_argument, NULL, OPT_INSTITUTION },
    { "insured-file", required_argument, NULL, OPT_INSURED }, { "scan-ms", required_argument, NULL, OPT_SCAN }, { "seed", required_argument, NULL, OPT_SEED },
    { "verbose", no_argument, NULL, OPT_VERBOSE }, { NULL, 0, NULL, 0 }
};

/* "1318814790:common name", or the code alone where it is the common name; the text stays argv's. */
static bool add_member(struct sb_options *o, char *text)
{
    char *colon = strchr(text, ':');
    if (colon != NULL)
        *colon = '\0';
    if (!form_institution(text, strlen(text)) || (colon != NULL && colon[1] == '\0') || o->member_count == MEMBERS_MAX)
        return false;
    o->members[o->member_count++] = (struct sb_member){ text, colon != NULL ? colon + 1 : text };
    return true;
}

static bool set_option(struct sb_options *o, int which, char *value)
{
    static const size_t text_at[] = {
        [OPT_DB] = offsetof(struct sb_options, db), [OPT_CERT] = offsetof(struct sb_options, tls_cert), [OPT_KEY] = offsetof(struct sb_options, tls_key),
        [OPT_CLIENT_CA] = offsetof(struct sb_options, client_ca), [OPT_HPKI] = offsetof(struct sb_options, hpki_ca),
        [OPT_SHARE] = offsetof(struct sb_options, share), [OPT_CONTROL] = offsetof(struct sb_options, control), [OPT_USER] = offsetof(struct sb_options, user),
        [OPT_PASSWORD] = offsetof(struct sb_options, password), [OPT_INSURED] = offsetof(struct sb_options, insured_file),
    };
    switch (which) {
    case OPT_PORT: return text_to_int64(value, strlen(value), 0, 65535, &o->port) == 0;
    case OPT_SCAN: return text_to_int64(value, strlen(value), 1, 10000, &o->scan_ms) == 0;
    case OPT_SEED: return text_to_int64(value, strlen(value), 0, INT64_MAX, &o->seed) == 0;
    case OPT_INSTITUTION: return add_member(o, value);
    case OPT_VERBOSE: o->verbose = true; return true;
    case '?': return false;
    default:
        *(const char **)((char *)o + text_at[which]) = value;
        return true;
    }
}

static int read_options(int argc, char **argv, struct sb_options *o)
{
    int which;
    bool ok = true;
    while (ok && (which = getopt_long(argc, argv, "", option_table, NULL)) != -1)
        ok = set_option(o, which, optarg);
    bool web = o->port >= 0;
    if (ok && o->db != NULL && optind == argc && (!web || (o->tls_cert != NULL && o->tls_key != NULL && o->client_ca != NULL && o->user != NULL && o->password != NULL)))
        return 0;
    fprintf(stderr, "usage: clinsgw-sandbox --db FILE [--port N --tls-cert FILE --tls-key FILE --client-ca FILE --user U --password P]\n"
                    "           [--share DIR] [--control SOCKET] [--hpki-ca DIR] [--institution CODE[:CN]]... [--insured-file FILE]\n"
                    "           [--scan-ms N] [--seed N] [--verbose]\n       clinsgw-sandbox ctl SOCKET COMMAND [WORD]...\n");
    return ERR_INVALID;
}

/* One insured identifier a line; "#" begins a comment line. */
static int read_insured(struct sb *sb, const char *path, struct err *e)
{
    struct buf text;
    buf_init(&text, (size_t)64 << 20);
    int result = file_read(AT_FDCWD, path, (size_t)64 << 20, &text, e);
    if (result == 0)
        result = db_begin(sb->db, e);
    for (char *line = text.data; result == 0 && *line != '\0';) {
        size_t n = strcspn(line, "\n");
        bool last = line[n] == '\0';
        line[n] = '\0';
        if (n > 0 && line[0] != '#')
            result = db_insured_set(sb->db, line, "valid", e);
        line += n + (last ? 0 : 1);
    }
    if (result == 0)
        result = db_end(sb->db, true, e);
    buf_free(&text);
    return result;
}

/* ---- life ------------------------------------------------------------------------------------------------------------------------- */

struct parts { struct web *web; struct terminal *terminal; struct control *control; };

static int open_sandbox(struct sb *sb, struct err *e)
{
    const struct sb_options *o = sb->options;
    pthread_condattr_t attributes;
    struct sha256 digest;
    sb->settings = (struct sb_settings){ .refuse_duplicate = true, .token_ms = 3600000, .sessions = 20 };
    for (int i = 0; i < SB_OP_COUNT; i++)
        sb->settings.steps[i] = 1;
    pthread_mutex_init(&sb->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&sb->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (sha256_of(&o->seed, sizeof o->seed, &digest) < 0)
        return err_set(e, ERR_INTERNAL, MSG_NONE, NULL, "sha256", NULL);
    memcpy(sb->seed, digest.byte, sizeof sb->seed);
    sb->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (sb->stop_fd < 0)
        return err_set_errno(e, MSG_NONE, NULL, "eventfd");
    sb->db = db_open(o->db, e);
    sb->faults = fault_new((uint64_t)o->seed);
    sb->anchors = sb->db != NULL ? sign_load(o->hpki_ca, e) : NULL;
    if (sb->db == NULL || sb->anchors == NULL || sb->faults == NULL)
        return ERR_IO;
    return o->insured_file != NULL ? read_insured(sb, o->insured_file, e) : 0;
}

static int start_parts(struct sb *sb, struct parts *p, struct err *e)
{
    const struct sb_options *o = sb->options;
    uint16_t port = 0;
    int result = 0;
    if (o->port >= 0 && (result = web_start(sb, &p->web, &port, e)) < 0)
        return result;
    if (o->share != NULL && (result = terminal_start(sb, &p->terminal, e)) < 0)
        return result;
    if (o->control != NULL && (result = control_start(sb, &p->control, e)) < 0)
        return result;
    if (p->web != NULL)
        printf("listening %u\n", port);
    puts("ready");
    fflush(stdout);
    return 0;
}

static void wait_end(struct sb *sb, int signals)
{
    struct pollfd fds[2] = { { signals, POLLIN, 0 }, { sb->stop_fd, POLLIN, 0 } };
    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        continue;
}

static void close_sandbox(struct sb *sb)
{
    sb->db = db_close(sb->db);
    sb->faults = fault_free(sb->faults);
    sb->anchors = sign_free(sb->anchors);
    if (sb->stop_fd >= 0)
        close(sb->stop_fd);
    pthread_cond_destroy(&sb->changed);
    pthread_mutex_destroy(&sb->lock);
}

int main(int argc, char **argv)
{
    if (argc >= 4 && strcmp(argv[1], "ctl") == 0)
        return control_client(argv[2], argv + 3, (size_t)argc - 3);
    struct sb_member members[MEMBERS_MAX];
    struct sb_options options = { .port = -1, .scan_ms = 5, .seed = 1, .members = members };
    if (read_options(argc, argv, &options) < 0)
        return 2;

    /* blocked before any thread is there, so that only signalfd sees them */
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    pthread_sigmask(SIG_BLOCK, &stop, NULL);
    signal(SIGPIPE, SIG_IGN);
    int signals = signalfd(-1, &stop, SFD_CLOEXEC);

    struct sb sb = { .options = &options, .stop_fd = -1 };
    struct parts parts = { 0 };
    struct err e = ERR_INIT;
    xmlInitParser();
    int result = signals < 0 ? err_set_errno(&e, MSG_NONE, NULL, "signalfd") : open_sandbox(&sb, &e);
    if (result == 0)
        result = start_parts(&sb, &parts, &e);
    if (result == 0)
        wait_end(&sb, signals);
    else
        fprintf(stderr, "clinsgw-sandbox: cannot start: %s %s %s\n", e.arg[0], e.place, e.sys_errno != 0 ? strerror(e.sys_errno) : "");
    if (sb.stop_fd >= 0)
        sb_stop(&sb);
    parts.control = control_join(parts.control);
    parts.terminal = terminal_join(parts.terminal);
    parts.web = web_join(parts.web);
    close_sandbox(&sb);
    if (signals >= 0)
        close(signals);
    xmlCleanupParser();
    return result < 0;
}
