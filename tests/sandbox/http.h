/*
 * http.h - one HTTP/1.1 connection over TLS, as much of it as the stand-in needs (RFC 9112).
 *
 *     while (http_read(&c, &r) == 0) { ... http_answer(&c, 200, "application/json", body, len); }
 *
 * Blocking; a thread a connection. Requests have Content-Length or chunked bodies; keep-alive is the rule.
 */
#ifndef SANDBOX_HTTP_H
#define SANDBOX_HTTP_H

#include <openssl/ssl.h>
#include "tests/sandbox/sandbox.h"

enum { HTTP_HEAD_MAX = 16384, HTTP_DRAIN_MAX = 64000000 };

struct http {
    SSL *ssl;
    int fd;
    struct buf in;          /* bytes read and not yet used */
    size_t used;
    unsigned requests;      /* read so far: a second one comes on a reused connection */
    bool close;             /* after this answer */
};

struct http_request {
    char method[16], path[256], authorization[256], type[128];
    struct buf body;        /* the caller's http_free_request() frees it */
    int refuse;             /* status to answer instead of looking at it, 0 = none */
};

/* ERR_CLOSED when the connection ended; malformed requests come back with refuse set. */
int http_read(struct http *c, struct http_request *ret_request);
void http_free_request(struct http_request *r);
/* Sends head and the first `send` bytes of the body (len = all). */
int http_answer_part(struct http *c, int status, const char *type, const char *body, size_t len, size_t send);
int http_answer(struct http *c, int status, const char *type, const char *body, size_t len);
int http_send(struct http *c, const void *data, size_t len);

#endif
