/*
 * NAME
 *     http - requests read and answers written on one TLS connection
 *
 * DESCRIPTION
 *     Strict where the service would be: exactly one way to say how long the body is, a Host, no obsolete line folding. A body over the limit is
 *     read to its end and thrown away, so that the client can read the 413.
 */
#include "tests/sandbox/http.h"
#include "base/text.h"
#include <strings.h>

struct head { bool host, chunked, has_length, expect; int64_t length; };

/* At least one more byte; ERR_CLOSED. */
static int more(struct http *c)
{
    char block[32768];
    int n = SSL_read(c->ssl, block, sizeof block);
    if (n <= 0)
        return ERR_CLOSED;
    return buf_add(&c->in, block, (size_t)n);
}

/* Forgets what was used. */
static void compact(struct http *c)
{
    size_t rest = c->in.len - c->used;
    if (c->used == 0)
        return;
    memmove(c->in.data, c->in.data + c->used, rest);
    c->in.len = rest;
    c->in.data[rest] = '\0';
    c->used = 0;
}

/* The next line without its CRLF, NUL-terminated in place; NULL with *ret_code. */
static char *line(struct http *c, int *ret_code)
{
    for (;;) {
        char *start = c->in.data + c->used, *end = memchr(start, '\n', c->in.len - c->used);
        if (end != NULL) {
            c->used = (size_t)(end - c->in.data) + 1;
            if (end > start && end[-1] == '\r')
                end--;
            *end = '\0';
            return start;
        }
        if (c->in.len - c->used > HTTP_HEAD_MAX) {
            *ret_code = ERR_LIMIT;
            return NULL;
        }
        if ((*ret_code = more(c)) < 0)
            return NULL;
    }
}

/* Moves n bytes of body to the request, or past it when it is refused. */
static int take(struct http *c, struct http_request *r, size_t n)
{
    while (n > 0) {
        size_t there = c->in.len - c->used;
        if (there == 0) {
            compact(c);
            int result = more(c);
            if (result < 0)
                return result;
            continue;
        }
        size_t part = there < n ? there : n;
        if (r->refuse == 0 && buf_add(&r->body, c->in.data + c->used, part) < 0)
            r->refuse = 413;
        c->used += part;
        n -= part;
    }
    return 0;
}

static int chunk_size(const char *text, size_t *ret_size)
{
    size_t size = 0, n = 0;
    for (; (*text >= '0' && *text <= '9') || ((*text | 32) >= 'a' && (*text | 32) <= 'f'); text++, n++)
        size = size * 16 + (size_t)(*text <= '9' ? *text - '0' : (*text | 32) - 'a' + 10);
    if (n == 0 || n > 8 || (*text != '\0' && *text != ';'))
        return ERR_SYNTAX;
    *ret_size = size;
    return 0;
}

static int read_chunks(struct http *c, struct http_request *r)
{
    size_t total = 0;
    for (;;) {
        int code = 0;
        size_t size;
        const char *text = line(c, &code);
        if (text == NULL || chunk_size(text, &size) < 0 || (total += size) > HTTP_DRAIN_MAX)
            return ERR_CLOSED;
        if (size > 0 && (code = take(c, r, size)) < 0)
            return code;
        /* after the last chunk: trailers up to the empty line; after another: its CRLF */
        while ((text = line(c, &code)) != NULL && size == 0 && text[0] != '\0')
            continue;
        if (text == NULL)
            return ERR_CLOSED;
        if (size == 0)
            return 0;
        if (text[0] != '\0')
            return ERR_CLOSED;
    }
}

static void header(struct head *h, struct http *c, struct http_request *r, char *text)
{
    char *colon = strchr(text, ':'), *value;
    if (colon == NULL || colon == text || text[0] == ' ' || text[0] == '\t') {
        r->refuse = 400;
        return;
    }
    *colon = '\0';
    value = colon + 1 + strspn(colon + 1, " \t");
    for (size_t n = strlen(value); n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\t'); n--)
        value[n - 1] = '\0';
    if (strcasecmp(text, "Content-Length") == 0) {
        if (h->has_length || text_to_int64(value, strlen(value), 0, INT64_MAX, &h->length) < 0)
            r->refuse = 400;
        h->has_length = true;
    } else if (strcasecmp(text, "Transfer-Encoding") == 0) {
        h->chunked = strcasecmp(value, "chunked") == 0;
        r->refuse = h->chunked ? r->refuse : 501;
    } else if (strcasecmp(text, "Host") == 0) {
        h->host = true;
    } else if (strcasecmp(text, "Expect") == 0) {
        h->expect = strcasecmp(value, "100-continue") == 0;
    } else if (strcasecmp(text, "Connection") == 0) {
        c->close |= strcasecmp(value, "close") == 0;
    } else if (strcasecmp(text, "Authorization") == 0) {
        text_copy(r->authorization, sizeof r->authorization, value);
    } else if (strcasecmp(text, "Content-Type") == 0) {
        text_copy(r->type, sizeof r->type, value);
    }
}

static int read_head(struct http *c, struct http_request *r, struct head *h)
{
    int code = 0;
    char version[16], extra, *text = line(c, &code);
    if (text == NULL)
        return ERR_CLOSED;
    if (sscanf(text, "%15s %255s %15s %c", r->method, r->path, version, &extra) != 3 || strcmp(version, "HTTP/1.1") != 0)
        r->refuse = 400;
    for (int lines = 0; (text = line(c, &code)) != NULL && text[0] != '\0'; lines++) {
        if (lines > 100)
            return ERR_CLOSED;
        header(h, c, r, text);
    }
    return text == NULL ? ERR_CLOSED : 0;
}

int http_read(struct http *c, struct http_request *ret_request)
{
    struct http_request *r = ret_request;
    struct head h = { 0 };
    *r = (struct http_request){ .refuse = 0 };
    buf_init(&r->body, SB_MAX_REQUEST);
    compact(c);
    int result = read_head(c, r, &h);
    if (result < 0)
        return result;
    c->requests++;
    if (r->refuse == 0 && (!h.host || (h.chunked && h.has_length)))
        r->refuse = 400;
    if (r->refuse == 0 && !h.chunked && !h.has_length)
        r->refuse = 411;
    if (r->refuse == 0 && h.length > SB_MAX_REQUEST)
        r->refuse = 413;
    if (r->refuse != 0 && (r->refuse != 413 || h.expect || h.length > HTTP_DRAIN_MAX)) {
        c->close = true;    /* where the body ends is not known, or not worth reading */
        return 0;
    }
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (h.expect && (result = http_send(c, go_on, sizeof go_on - 1)) < 0)
        return result;
    return h.chunked ? read_chunks(c, r) : take(c, r, (size_t)h.length);
}

void http_free_request(struct http_request *r)
{
    buf_free(&r->body);
}

int http_send(struct http *c, const void *data, size_t len)
{
    return len == 0 || SSL_write(c->ssl, data, (int)len) > 0 ? 0 : ERR_CLOSED;
}

static const char *reason(int status)
{
    static const struct { int status; const char *text; } table[] = {
        { 200, "OK" }, { 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
        { 411, "Length Required" }, { 413, "Content Too Large" }, { 415, "Unsupported Media Type" }, { 429, "Too Many Requests" },
        { 500, "Internal Server Error" }, { 501, "Not Implemented" }, { 502, "Bad Gateway" }, { 503, "Service Unavailable" }, { 504, "Gateway Timeout" },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].status == status)
            return table[i].text;
    return "Status";
}

int http_answer_part(struct http *c, int status, const char *type, const char *body, size_t len, size_t send)
{
    struct buf out;
    buf_init(&out, len + 1024);
    buf_addf(&out, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n%s\r\n", status, reason(status), type, len,
        c->close ? "Connection: close\r\n" : "");
    buf_add(&out, body, send);
    int result = out.failed != 0 ? out.failed : http_send(c, out.data, out.len);
    buf_free(&out);
    return result;
}

int http_answer(struct http *c, int status, const char *type, const char *body, size_t len)
{
    return http_answer_part(c, status, type, body, len, len);
}
