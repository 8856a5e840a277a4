/* See tls_server.h. */
#include "tests/unit/tls_server.h"
#include <arpa/inet.h>
#include <inttypes.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACTS = 64, CONNECTIONS = 128, HEAD_MAX = 32 << 10 };

/* ---- certificates ---- */

static X509 *certificate(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, const char *alternative)
{
    static long serial = 1000;
    X509 *x = X509_new();
    X509V3_CTX context;
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, key);
    X509_set_issuer_name(x, X509_get_subject_name(issuer != NULL ? issuer : x));
    X509V3_set_ctx(&context, issuer != NULL ? issuer : x, x, NULL, NULL, 0);
    const struct { int id; const char *value; } extensions[] = {
        { NID_basic_constraints, issuer == NULL ? "critical,CA:TRUE" : "CA:FALSE" }, { NID_subject_alt_name, alternative }
    };
    for (size_t i = 0; i < 2; i++) {
        X509_EXTENSION *extension = extensions[i].value != NULL ? X509V3_EXT_conf_nid(NULL, &context, extensions[i].id, extensions[i].value) : NULL;
        if (extension != NULL)
            X509_add_ext(x, extension, -1);
        X509_EXTENSION_free(extension);
    }
    X509_sign(x, issuer_key, EVP_sha256());
    return x;
}

static bool save(const struct tls_pki *pki, const char *name, X509 *x, EVP_PKEY *key)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", pki->dir, name);
    FILE *f = fopen(path, "we");
    if (f == NULL)
        return false;
    bool ok = x != NULL ? PEM_write_X509(f, x) == 1 : PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1;
    return fclose(f) == 0 && ok;
}

bool tls_pki_make(struct tls_pki *pki, const char *dir)
{
    snprintf(pki->dir, sizeof pki->dir, "%s", dir);
    EVP_PKEY *key[5];
    for (int i = 0; i < 5; i++)
        key[i] = EVP_EC_gen("P-256");
    X509 *ca = certificate("Test CA", key[0], NULL, key[0], NULL), *other_ca = certificate("Other CA", key[1], NULL, key[1], NULL);
    X509 *server = certificate("service.test", key[2], ca, key[0], "DNS:service.test");
    X509 *client = certificate("1318814790", key[3], ca, key[0], NULL), *other = certificate("stranger", key[4], other_ca, key[1], NULL);
    bool ok = save(pki, "ca.pem", ca, NULL) && save(pki, "other-ca.pem", other_ca, NULL) && save(pki, "server.pem", server, NULL)
           && save(pki, "server.key", NULL, key[2]) && save(pki, "client.pem", client, NULL) && save(pki, "client.key", NULL, key[3])
           && save(pki, "other.pem", other, NULL) && save(pki, "other.key", NULL, key[4]);
    X509 *const all[] = { ca, other_ca, server, client, other };
    for (int i = 0; i < 5; i++) {
        X509_free(all[i]);
        EVP_PKEY_free(key[i]);
    }
    return ok;
}

/* ---- the service ---- */

struct connection { struct tls_server *server; int fd; pthread_t thread; };

struct tls_server {
    SSL_CTX *context;
    int listener, port;
    char login_path[256], login_text[1024];
    int login_status;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct tls_act act[ACTS];
    int act_count, act_next, waiting;
    bool stopping;
    struct tls_seen seen;
    struct connection connection[CONNECTIONS];
    int connection_count;
};

struct message { char head[HEAD_MAX]; size_t head_len, body, got; bool same; };

static bool header(const struct message *m, const char *name, char *ret, size_t size)
{
    char line[64];
    snprintf(line, sizeof line, "\r\n%s:", name);
    const char *at = strcasestr(m->head, line);
    if (at == NULL)
        return false;
    at += strlen(line);
    at += strspn(at, " ");
    snprintf(ret, size, "%.*s", (int)strcspn(at, "\r"), at);
    return true;
}

/* Head, then as much of the body as came along; false at the end of the connection. */
static bool read_head(SSL *ssl, struct message *m)
{
    memset(m, 0, sizeof *m);
    m->same = true;
    for (;;) {
        int len = SSL_read(ssl, m->head + m->head_len, (int)(HEAD_MAX - 1 - m->head_len));
        if (len <= 0)
            return false;
        m->head_len += (size_t)len;
        m->head[m->head_len] = '\0';
        char *end = strstr(m->head, "\r\n\r\n"), text[32];
        if (end == NULL)
            continue;
        for (char *c = end + 4; c < m->head + m->head_len; c++)
            m->same &= *c == 'x';
        m->got = m->head_len - (size_t)(end + 4 - m->head);
        end[2] = '\0';
        m->body = header(m, "Content-Length", text, sizeof text) ? (size_t)strtoumax(text, NULL, 10) : 0;
        return true;
    }
}

static bool read_body(SSL *ssl, struct message *m)
{
    char part[16384];
    while (m->got < m->body) {
        int len = SSL_read(ssl, part, sizeof part);
        if (len <= 0)
            return false;
        for (int i = 0; i < len; i++)
            m->same &= part[i] == 'x';
        m->got += (size_t)len;
    }
    return true;
}

static void answer(SSL *ssl, int status, const char *text, size_t announced)
{
    char head[256];
    snprintf(head, sizeof head, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nLocation: https://service.test/elsewhere\r\n\r\n",
             status, announced);
    if (SSL_write(ssl, head, (int)strlen(head)) > 0 && *text != '\0')
        SSL_write(ssl, text, (int)strlen(text));
}

static struct tls_act next_act(struct tls_server *s)
{
    struct tls_act act = { TLS_ANSWER, 200, "{\"ok\":1}", 0 };
    if (s->act_next < s->act_count)
        act = s->act[s->act_next++];
    act.status = act.status != 0 ? act.status : 200;
    act.text = act.text != NULL ? act.text : "{\"ok\":1}";
    return act;
}

static void note(struct tls_server *s, const struct message *m)
{
    char unused[8];
    s->seen.requests++;
    s->seen.body = m->body;
    s->seen.body_same &= m->same;
    s->seen.expect |= header(m, "Expect", unused, sizeof unused);
    header(m, "Authorization", s->seen.authorization, sizeof s->seen.authorization);
    header(m, "Content-Type", s->seen.type, sizeof s->seen.type);
    const char *path = strchr(m->head, ' ');
    snprintf(s->seen.path, sizeof s->seen.path, "%.*s", path != NULL ? (int)strcspn(path + 1, " ") : 0, path != NULL ? path + 1 : "");
}

/* Plays one act; false ends the connection. Called with the lock held, which it gives up while waiting. */
static bool play(struct tls_server *s, SSL *ssl, struct tls_act act)
{
    if (act.how == TLS_GATHER) {
        s->waiting++;
        pthread_cond_broadcast(&s->changed);
        while (s->waiting < act.gather && !s->stopping)
            pthread_cond_wait(&s->changed, &s->lock);
    }
    while (act.how == TLS_HANG && !s->stopping)
        pthread_cond_wait(&s->changed, &s->lock);
    if (act.how == TLS_DROP_AFTER || act.how == TLS_HANG || s->stopping)
        return false;
    answer(ssl, act.status, act.text, strlen(act.text) + (act.how == TLS_TRUNCATE ? 100 : 0));
    return act.how != TLS_TRUNCATE;
}

static bool serve(struct tls_server *s, SSL *ssl, struct message *m)
{
    char login[300];
    snprintf(login, sizeof login, "POST %s ", s->login_path);
    if (!read_head(ssl, m))
        return false;
    if (strncmp(m->head, login, strlen(login)) == 0) {
        bool whole = read_body(ssl, m);
        pthread_mutex_lock(&s->lock);
        s->seen.logins++;
        answer(ssl, s->login_status, s->login_text, strlen(s->login_text));
        pthread_mutex_unlock(&s->lock);
        return whole;
    }
    pthread_mutex_lock(&s->lock);
    struct tls_act act = next_act(s);
    s->seen.begun++;
    pthread_mutex_unlock(&s->lock);
    if (act.how == TLS_DROP_HEADERS || !read_body(ssl, m))
        return false;
    pthread_mutex_lock(&s->lock);
    note(s, m);
    bool more = play(s, ssl, act);
    pthread_mutex_unlock(&s->lock);
    return more;
}

static void *connection_run(void *arg)
{
    struct connection *c = arg;
    struct message *m = malloc(sizeof *m);
    SSL *ssl = SSL_new(c->server->context);
    SSL_set_fd(ssl, c->fd);
    if (m != NULL && SSL_accept(ssl) == 1)
        while (serve(c->server, ssl, m))
            continue;
    SSL_free(ssl);
    free(m);
    shutdown(c->fd, SHUT_RDWR);
    return NULL;
}

static void *listen_run(void *arg)
{
    struct tls_server *s = arg;
    for (;;) {
        int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
        pthread_mutex_lock(&s->lock);
        if (fd < 0 || s->stopping || s->connection_count == CONNECTIONS) {
            pthread_mutex_unlock(&s->lock);
            if (fd >= 0)
                close(fd);
            return NULL;
        }
        struct connection *c = &s->connection[s->connection_count++];
        *c = (struct connection){ .server = s, .fd = fd };
        s->seen.connections++;
        pthread_create(&c->thread, NULL, connection_run, c);
        pthread_mutex_unlock(&s->lock);
    }
}

struct tls_server *tls_server_start(const struct tls_pki *pki, const char *login_path)
{
    struct tls_server *s = calloc(1, sizeof *s);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof address;
    char path[300];
    snprintf(s->login_path, sizeof s->login_path, "%s", login_path);
    s->seen.body_same = true;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    tls_server_login(s, 200, "{\"status\":\"OK\",\"result\":{\"idToken\":\"token-1\",\"expiresIn\":3600}}");
    s->context = SSL_CTX_new(TLS_server_method());
    snprintf(path, sizeof path, "%s/server.pem", pki->dir);
    SSL_CTX_use_certificate_file(s->context, path, SSL_FILETYPE_PEM);
    snprintf(path, sizeof path, "%s/server.key", pki->dir);
    SSL_CTX_use_PrivateKey_file(s->context, path, SSL_FILETYPE_PEM);
    snprintf(path, sizeof path, "%s/ca.pem", pki->dir);
    SSL_CTX_load_verify_locations(s->context, path, NULL);
    SSL_CTX_set_verify(s->context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_session_id_context(s->context, (const unsigned char *)"t", 1);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bind(s->listener, (struct sockaddr *)&address, sizeof address);
    listen(s->listener, 64);
    getsockname(s->listener, (struct sockaddr *)&address, &len);
    s->port = ntohs(address.sin_port);
    pthread_create(&s->thread, NULL, listen_run, s);
    return s;
}

int tls_server_port(const struct tls_server *s) { return s->port; }

void tls_server_say(struct tls_server *s, struct tls_act act)
{
    pthread_mutex_lock(&s->lock);
    if (s->act_count < ACTS)
        s->act[s->act_count++] = act;
    pthread_mutex_unlock(&s->lock);
}

void tls_server_login(struct tls_server *s, int status, const char *text)
{
    pthread_mutex_lock(&s->lock);
    s->login_status = status;
    snprintf(s->login_text, sizeof s->login_text, "%s", text);
    pthread_mutex_unlock(&s->lock);
}

struct tls_seen tls_server_seen(struct tls_server *s)
{
    pthread_mutex_lock(&s->lock);
    struct tls_seen seen = s->seen;
    pthread_mutex_unlock(&s->lock);
    return seen;
}

void tls_server_stop(struct tls_server *s)
{
    if (s == NULL)
        return;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    for (int i = 0; i < s->connection_count; i++) {
        shutdown(s->connection[i].fd, SHUT_RDWR);
        pthread_join(s->connection[i].thread, NULL);
        close(s->connection[i].fd);
    }
    close(s->listener);
    SSL_CTX_free(s->context);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
