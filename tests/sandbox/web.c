/*
 * NAME
 *     web - the Web API of the stand-in
 *
 * DESCRIPTION
 *     Loopback only, TLS 1.2 and later, a client certificate of --client-ca is mandatory, its common name says for which institutions the caller may
 *     speak. Log-in gives an idToken that lives as long as the setting says and is bound to that common name; every business call needs it in
 *     Authorization, without a scheme word.
 *
 *     401 token not accepted, 404 unknown path, 405 not POST, 411 and 413 length, 415 not JSON, 429 too many at once. Everything else is said in the
 *     envelope of a 200.
 */
#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include "tests/sandbox/http.h"
#include "base/timefmt.h"

enum { TOKENS = 256, CONNECTIONS = 512, NAME_MAX_LEN = 128, IDLE_S = 120 };
static const size_t arena_max = (size_t)1 << 30;
static const char auth_path[] = "/oqs-api-pro/MSA12020/ILI12020SV01/auth";
static const char json_type[] = "application/json;charset=UTF-8";

struct token { char text[UUID_TEXT], name[NAME_MAX_LEN]; int64_t ends_ms; uint64_t epoch; };

struct web {
    struct sb *sb;
    SSL_CTX *tls;
    int listener;
    pthread_t thread;
    pthread_mutex_t lock;         /* what follows */
    pthread_cond_t left;
    struct token token[TOKENS];
    size_t next_token;
    int open[CONNECTIONS];        /* descriptors, -1 = free */
    unsigned open_count;
};

struct caller { struct web *web; struct http http; char name[NAME_MAX_LEN]; int slot; };

/* ---- answers ---------------------------------------------------------------------------------------------------------------------- */

static int answer_status(struct caller *c, int status)
{
    char body[96];
    int n = snprintf(body, sizeof body, "{\"status\":\"%d\",\"msg\":\"HTTP %d\"}", status, status);
    return http_answer(&c->http, status, json_type, body, (size_t)n);
}

/* ---- tokens ----------------------------------------------------------------------------------------------------------------------- */

static void token_new(struct caller *c, int64_t life_ms, char ret_text[static UUID_TEXT])
{
    struct web *w = c->web;
    sb_next_id(w->sb, ret_text);
    pthread_mutex_lock(&w->sb->lock);
    uint64_t epoch = w->sb->token_epoch;
    pthread_mutex_unlock(&w->sb->lock);
    pthread_mutex_lock(&w->lock);
    struct token *t = &w->token[w->next_token++ % TOKENS];
    *t = (struct token){ .ends_ms = time_boot_ms() + life_ms, .epoch = epoch };
    memcpy(t->text, ret_text, UUID_TEXT);
    memcpy(t->name, c->name, sizeof t->name);
    pthread_mutex_unlock(&w->lock);
}

/* forget: the token dies with this look at it. */
static bool token_ok(struct caller *c, const char *text, bool forget)
{
    struct web *w = c->web;
    bool found = false;
    pthread_mutex_lock(&w->sb->lock);
    uint64_t epoch = w->sb->token_epoch;
    pthread_mutex_unlock(&w->sb->lock);
    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < TOKENS && text[0] != '\0'; i++) {
        struct token *t = &w->token[i];
        if (strcmp(t->text, text) == 0 && strcmp(t->name, c->name) == 0 && t->epoch == epoch && t->ends_ms > time_boot_ms()) {
            found = true;
            if (forget)
                t->ends_ms = 0;
        }
    }
    pthread_mutex_unlock(&w->lock);
    return found;
}

/* ---- log-in ----------------------------------------------------------------------------------------------------------------------- */

static int answer_token(struct caller *c, int64_t life_ms, int64_t said_ms)
{
    char id[UUID_TEXT], other[UUID_TEXT];
    cJSON *root = cJSON_CreateObject();
    token_new(c, life_ms, id);
    sb_next_id(c->web->sb, other);
    cJSON_AddStringToObject(root, "status", "200");
    cJSON_AddStringToObject(root, "msg", "");
    cJSON *result = cJSON_AddObjectToObject(root, "result");
    cJSON_AddStringToObject(result, "accessToken", other);
    cJSON_AddStringToObject(result, "refreshToken", other);
    cJSON_AddStringToObject(result, "idToken", id);
    cJSON_AddStringToObject(result, "linkSysCharCd", "0");
    cJSON_AddNumberToObject(result, "expiresIn", (double)(said_ms / 1000));
    char *text = cJSON_PrintUnformatted(root);
    int code = text != NULL ? http_answer(&c->http, 200, json_type, text, strlen(text)) : answer_status(c, 500);
    cJSON_free(text);
    cJSON_Delete(root);
    return code;
}

static int handle_auth(struct caller *c, const struct http_request *r)
{
    struct sb *sb = c->web->sb;
    struct sb_plan plan;
    pthread_mutex_lock(&sb->lock);
    fault_take(sb->faults, SB_AUTH, SB_WEB, c->http.requests > 1, "", "", &plan);
    int64_t life = sb->settings.token_ms;
    pthread_mutex_unlock(&sb->lock);
    if (plan.order[SB_F_SLOW].on && !sb_sleep(sb, plan.order[SB_F_SLOW].ms))
        return ERR_CLOSED;
    if (plan.order[SB_F_DROP_BEFORE].on || plan.order[SB_F_DROP_AFTER].on)
        return ERR_CLOSED;
    if (plan.order[SB_F_HTTP_BEFORE].on || plan.order[SB_F_HTTP_AFTER].on)
        return answer_status(c, (int)plan.order[plan.order[SB_F_HTTP_BEFORE].on ? SB_F_HTTP_BEFORE : SB_F_HTTP_AFTER].n);
    if (plan.order[SB_F_SESSIONS].on)
        return answer_status(c, 429);
    struct arena *arena = arena_new(1 << 20);
    const struct json_node *root = NULL;
    bool ok = arena != NULL && json_parse(r->body.data, r->body.len, NULL, arena, &root, NULL) == 0 &&
        json_equals(json_get(root, "user"), sb->options->user) && json_equals(json_get(root, "password"), sb->options->password);
    arena_free(arena);
    if (!ok || plan.order[SB_F_ERR].on)
        return answer_status(c, 401);
    return answer_token(c, plan.order[SB_F_TOKEN_EXPIRED].on ? 0 : life, life);
}

/* ---- business calls --------------------------------------------------------------------------------------------------------------- */

/* Nobody answers: until the client goes away, or we do. */
static void wait_for_hangup(struct caller *c)
{
    struct pollfd fds[2] = { { c->http.fd, POLLIN | POLLRDHUP, 0 }, { c->web->sb->stop_fd, POLLIN, 0 } };
    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        continue;
}

static int answer_exchange(struct caller *c, struct sb_exchange *x)
{
    const struct sb_order *order = x->plan.order;
    struct buf out;
    int result = ERR_CLOSED;
    if (order[SB_F_DROP_AFTER].on || (order[SB_F_SLOW_ANSWER].on && !sb_sleep(c->web->sb, order[SB_F_SLOW_ANSWER].ms)))
        return ERR_CLOSED;
    if (order[SB_F_VANISH].on || order[SB_F_REMOVE].on) {
        wait_for_hangup(c);
        return ERR_CLOSED;
    }
    if (order[SB_F_HTTP_AFTER].on)
        return answer_status(c, (int)order[SB_F_HTTP_AFTER].n);
    buf_init(&out, 1 << 20);
    if (envelope_write(SB_WEB, &x->answer, time_wall_ms(), &out) < 0) {
        result = answer_status(c, 500);
    } else if (order[SB_F_HALF].on) {
        result = http_answer_part(&c->http, 200, json_type, out.data, out.len, out.len / 2);
        if (result == 0 && order[SB_F_HALF].ms > 0 && sb_sleep(c->web->sb, order[SB_F_HALF].ms))
            result = http_send(&c->http, out.data + out.len / 2, out.len - out.len / 2);
        else
            result = ERR_CLOSED;
    } else {
        result = http_answer(&c->http, 200, json_type, out.data, out.len);
        if (result == 0 && order[SB_F_DOUBLE].on)
            result = http_answer(&c->http, 200, json_type, out.data, out.len);
    }
    buf_free(&out);
    return result;
}

static int work_exchange(struct caller *c, struct sb_exchange *x, const char *token)
{
    struct sb *sb = c->web->sb;
    const struct sb_order *order = x->plan.order;
    if (order[SB_F_TOKEN_EXPIRED].on || order[SB_F_SESSIONS].on || order[SB_F_HTTP_BEFORE].on) {
        service_log_lost(sb, x);
        if (order[SB_F_TOKEN_EXPIRED].on)
            token_ok(c, token, true);
        return answer_status(c, order[SB_F_TOKEN_EXPIRED].on ? 401 : order[SB_F_SESSIONS].on ? 429 : (int)order[SB_F_HTTP_BEFORE].n);
    }
    if (order[SB_F_DROP_BEFORE].on) {
        service_log_lost(sb, x);
        return ERR_CLOSED;
    }
    if (order[SB_F_LATE].on) {
        /* the connection ends now, the work happens later all the same */
        shutdown(c->http.fd, SHUT_RDWR);
        if (sb_sleep(sb, order[SB_F_LATE].ms))
            service_run(sb, x);
        return ERR_CLOSED;
    }
    if (order[SB_F_SLOW].on && !sb_sleep(sb, order[SB_F_SLOW].ms))
        return ERR_CLOSED;
    service_run(sb, x);
    return answer_exchange(c, x);
}

static int handle_business(struct caller *c, const struct http_request *r, enum sb_op op)
{
    struct sb *sb = c->web->sb;
    if (!token_ok(c, r->authorization, false))
        return answer_status(c, 401);
    if (!sb_wait_running(sb))
        return ERR_CLOSED;
    pthread_mutex_lock(&sb->lock);
    bool room = sb->in_flight < sb->settings.sessions;
    sb->in_flight += room;
    pthread_mutex_unlock(&sb->lock);
    if (!room)
        return answer_status(c, 429);
    struct sb_exchange x = { .arena = arena_new(arena_max) };
    int result = ERR_NOMEM;
    if (x.arena != NULL) {
        service_open(sb, &x, SB_WEB, op, c->http.requests > 1, buf_bytes(&r->body));
        x.may_send = service_may_send(sb, x.request.institution, c->name);
        result = work_exchange(c, &x, r->authorization);
    }
    arena_free(x.arena);
    pthread_mutex_lock(&sb->lock);
    sb->in_flight--;
    pthread_mutex_unlock(&sb->lock);
    return result;
}

static int handle(struct caller *c, const struct http_request *r)
{
    enum sb_op op = sb_op_by_path(r->path);
    bool auth = strcmp(r->path, auth_path) == 0;
    if (r->refuse != 0)
        return answer_status(c, r->refuse);
    if (!auth && op == SB_OP_NONE)
        return answer_status(c, 404);
    if (strcmp(r->method, "POST") != 0)
        return answer_status(c, 405);
    if (strcasecmp(r->type, json_type) != 0 && strcasecmp(r->type, "application/json; charset=UTF-8") != 0)
        return answer_status(c, 415);
    return auth ? handle_auth(c, r) : handle_business(c, r, op);
}

/* ---- connections ------------------------------------------------------------------------------------------------------------------ */

static bool read_name(struct caller *c)
{
    X509 *cert = SSL_get0_peer_certificate(c->http.ssl);
    return cert != NULL && X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, c->name, sizeof c->name) > 0;
}

static void serve(struct caller *c)
{
    struct http_request r;
    int result = 0;
    while (result == 0 && !c->http.close) {
        result = http_read(&c->http, &r);
        if (result == 0)
            result = handle(c, &r);
        http_free_request(&r);
    }
    /* a clean end says so; a dropped connection must look like one */
    if (result == 0)
        SSL_shutdown(c->http.ssl);
}

static void *connection_main(void *argument)
{
    struct caller *c = argument;
    struct web *w = c->web;
    int yes = 1, slot = c->slot;
    struct timeval idle = { .tv_sec = IDLE_S };
    setsockopt(c->http.fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(c->http.fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof idle);
    buf_init(&c->http.in, (size_t)HTTP_HEAD_MAX * 8);
    c->http.ssl = SSL_new(w->tls);
    if (c->http.ssl != NULL && SSL_set_fd(c->http.ssl, c->http.fd) == 1 && SSL_accept(c->http.ssl) == 1 && read_name(c))
        serve(c);
    SSL_free(c->http.ssl);
    ERR_clear_error();
    buf_free(&c->http.in);
    free(c);
    OPENSSL_thread_stop();
    /* the last step: whoever waits for open_count frees w */
    pthread_mutex_lock(&w->lock);
    close(w->open[slot]);
    w->open[slot] = -1;
    w->open_count--;
    pthread_cond_signal(&w->left);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void open_connection(struct web *w, int fd)
{
    struct caller *c = calloc(1, sizeof *c);
    pthread_attr_t detached;
    pthread_t thread;
    int slot = -1;
    pthread_mutex_lock(&w->lock);
    for (int i = 0; i < CONNECTIONS && slot < 0; i++)
        slot = w->open[i] < 0 ? i : -1;
    if (c != NULL && slot >= 0) {
        *c = (struct caller){ .web = w, .http = { .fd = fd }, .slot = slot };
        pthread_attr_init(&detached);
        pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
        if (pthread_create(&thread, &detached, connection_main, c) == 0) {
            w->open[slot] = fd;
            w->open_count++;
            c = NULL;
            fd = -1;
        }
        pthread_attr_destroy(&detached);
    }
    pthread_mutex_unlock(&w->lock);
    if (fd >= 0)
        close(fd);
    free(c);
}

static void *web_main(void *argument)
{
    struct web *w = argument;
    struct pollfd fds[2] = { { w->listener, POLLIN, 0 }, { w->sb->stop_fd, POLLIN, 0 } };
    while (fds[1].revents == 0) {
        if (poll(fds, 2, -1) < 0 || (fds[0].revents & POLLIN) == 0)
            continue;
        int fd = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            open_connection(w, fd);
    }
    pthread_mutex_lock(&w->lock);
    for (int i = 0; i < CONNECTIONS; i++)
        if (w->open[i] >= 0)
            shutdown(w->open[i], SHUT_RDWR);
    while (w->open_count > 0)
        pthread_cond_wait(&w->left, &w->lock);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* ---- start and end ---------------------------------------------------------------------------------------------------------------- */

static int open_tls(struct web *w, struct err *e)
{
    const struct sb_options *o = w->sb->options;
    w->tls = SSL_CTX_new(TLS_server_method());
    if (w->tls == NULL || SSL_CTX_set_min_proto_version(w->tls, TLS1_2_VERSION) != 1)
        return err_set(e, ERR_INTERNAL, MSG_NONE, NULL, "TLS", NULL);
    if (SSL_CTX_use_certificate_chain_file(w->tls, o->tls_cert) != 1 || SSL_CTX_use_PrivateKey_file(w->tls, o->tls_key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(w->tls) != 1)
        return err_set(e, ERR_INVALID, MSG_NONE, o->tls_cert, "server certificate or key", NULL);
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(o->client_ca);
    if (names == NULL || SSL_CTX_load_verify_locations(w->tls, o->client_ca, NULL) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return err_set(e, ERR_INVALID, MSG_NONE, o->client_ca, "client CA", NULL);
    }
    SSL_CTX_set_client_CA_list(w->tls, names);
    SSL_CTX_set_verify(w->tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    static const unsigned char context[] = "clinsgw-sandbox";
    SSL_CTX_set_session_id_context(w->tls, context, sizeof context - 1);
    return 0;
}

static int open_listener(struct web *w, uint16_t *ret_port, struct err *e)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)w->sb->options->port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof at;
    int yes = 1;
    w->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (w->listener < 0 || setsockopt(w->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0 ||
        bind(w->listener, (const struct sockaddr *)&at, sizeof at) < 0 || listen(w->listener, 128) < 0 ||
        getsockname(w->listener, (struct sockaddr *)&at, &len) < 0)
        return err_set_errno(e, MSG_NONE, NULL, "listen");
    *ret_port = ntohs(at.sin_port);
    return 0;
}

static void web_free(struct web *w)
{
    if (w->listener >= 0)
        close(w->listener);
    SSL_CTX_free(w->tls);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->left);
    free(w);
}

int web_start(struct sb *sb, struct web **ret_web, uint16_t *ret_port, struct err *e)
{
    struct web *w = calloc(1, sizeof *w);
    if (w == NULL)
        return err_set(e, ERR_NOMEM, MSG_NONE, NULL, NULL, NULL);
    w->sb = sb;
    w->listener = -1;
    for (int i = 0; i < CONNECTIONS; i++)
        w->open[i] = -1;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->left, NULL);
    int result = open_tls(w, e);
    if (result == 0)
        result = open_listener(w, ret_port, e);
    if (result == 0 && pthread_create(&w->thread, NULL, web_main, w) != 0)
        result = err_set(e, ERR_NOMEM, MSG_NONE, NULL, "thread", NULL);
    if (result < 0)
        web_free(w);
    else
        *ret_web = w;
    return result;
}

struct web *web_join(struct web *web)
{
    if (web != NULL) {
        pthread_join(web->thread, NULL);
        web_free(web);
    }
    return NULL;
}
