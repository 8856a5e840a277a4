/*
 * tls_server.h - a small HTTPS service for tests: mutual TLS, a script of behaviours, and counts of what arrived.
 *
 *     struct tls_pki pki; tls_pki_make(&pki, "/tmp/x");               // ca.pem server.pem client.pem client.key other-ca.pem other.pem other.key
 *     struct tls_server *s = tls_server_start(&pki, path_of_login);   // 127.0.0.1, a port of its own, one thread a connection
 *     tls_server_say(s, (struct tls_act){ .how = TLS_DROP_AFTER });   // for the next request that is no log-in; default TLS_ANSWER
 *     ... tls_server_seen(s) ...
 *     tls_server_stop(s);
 */
#ifndef TESTS_UNIT_TLS_SERVER_H
#define TESTS_UNIT_TLS_SERVER_H

#include <stdbool.h>
#include <stddef.h>

struct tls_pki { char dir[128]; };
struct tls_server;

enum tls_how {
    TLS_ANSWER,         /* status (200) and text */
    TLS_DROP_AFTER,     /* read the whole request, then end the connection without a word: it may have been committed */
    TLS_DROP_HEADERS,   /* end the connection after the header lines */
    TLS_TRUNCATE,       /* announce more than is sent */
    TLS_HANG,           /* read the request and say nothing until the server is stopped */
    TLS_GATHER          /* answer only when `gather` requests have come that wait */
};
struct tls_act { enum tls_how how; int status; const char *text; int gather; };

struct tls_seen {
    int connections, logins;
    int begun, requests;          /* header lines that came, complete requests; without log-ins */
    size_t body;                  /* bytes of the last one's body */
    bool body_same;               /* all bodies held 'x' only */
    bool expect;                  /* an Expect: header came */
    char authorization[256], path[256], type[128];
};

bool tls_pki_make(struct tls_pki *pki, const char *dir);
struct tls_server *tls_server_start(const struct tls_pki *pki, const char *login_path);
int tls_server_port(const struct tls_server *s);
void tls_server_say(struct tls_server *s, struct tls_act act);
void tls_server_login(struct tls_server *s, int status, const char *text);
struct tls_seen tls_server_seen(struct tls_server *s);
void tls_server_stop(struct tls_server *s);

#endif
