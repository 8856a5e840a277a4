/*
 * NAME
 *     link_webapi - the way out over HTTPS: one POST a request, mutual TLS, a token in memory
 *
 * SYNOPSIS
 *     extern const struct link_ops link_webapi;
 *
 * DESCRIPTION
 *     libcurl's multi interface runs up to `sessions` calls and one log-in beside each other in the caller's loop.
 *
 *     No request is ever repeated by the library. A POST whose body comes from a buffer is sent a second time by libcurl 7.88 when a reused
 *     connection dies before an answer, and the service may have committed the first. So the body comes from a read callback without seek, which
 *     cannot be rewound; and before each request on a connection a second callback refuses to begin one whose body has begun. Redirects,
 *     "Expect: 100-continue", proxies from the environment and authentication rounds are off.
 *
 *     What never left (resolve, connect, TLS, no body byte handed over) is told apart from what may have arrived. The only trust anchors are those
 *     of ca_file; without them the system's store would be believed, so the path to it is cleared as well.
 *
 *     The token is fetched at start, before it ends, and after a 401; two log-ins are at least the profile's login_pause apart, a refused one is
 *     tried again after a minute, because accounts get locked. While the service is not reachable the log-in is also the probe.
 *
 * DIAGNOSTICS
 *     LINK_LOGIN_FAILED, LINK_DOWN (once a reason), LINK_UP, LINK_NOT_LEFT, LINK_STATUS, LINK_ENDED with their how.
 */
#include <curl/curl.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <unistd.h>
#include "base/text.h"
#include "link/link_private.h"

enum {
    SESSIONS_MAX = 20,             /* of the guide for one terminal; taken over for the Web API */
    CALLS = SESSIONS_MAX + 1, LOGIN = SESSIONS_MAX,   /* the last slot is the log-in's */
    EXTRA_MAX = 16,                /* descriptors of the caller in link_wait() */
    IDLE_MAX_S = 30,               /* a connection idle for longer is not used again: servers close it about then */
    DENIED_PAUSE_MS = 60000, PROBE_MS = 10000,
    LOGIN_BODY_MAX = 8192
};

enum option { OPTION_LOGIN_URL, OPTION_API_URL, OPTION_CERTIFICATE, OPTION_KEY, OPTION_CA, OPTION_COUNT };

enum call_state { CALL_FREE, CALL_WAITING /* for a token */, CALL_RUNNING };

struct call {
    enum call_state state;
    struct link_request request;
    char name[EXCHANGE_NAME_MAX], identifier[72];
    CURL *easy;
    struct curl_slist *headers;
    struct bytes body;
    size_t sent;                   /* body bytes handed over to libcurl */
    bool published;                /* told */
    struct buf answer;
    bool over_limit;
    uint64_t token_number;
};

/* An answered link_remove() that is not told yet. */
struct removal { uint64_t exchange; char name[EXCHANGE_NAME_MAX]; struct removal *next; };

struct webapi {
    struct link base;
    char *text[OPTION_COUNT];      /* copies of options */
    struct buf user, password, key_password, token, login_body;
    int sessions;
    CURLM *multi;
    struct curl_slist *resolve;
    struct call call[CALLS];
    struct removal *removal, **last_removal;
    bool have_token, had_token, login_wanted;
    uint64_t token_number;
    int64_t now_ms, fresh_until_ms;  /* until then every call has a connection of its own: by then the kept ones are too old to be used */
    int64_t token_end_ms, renew_ms, login_not_before_ms, probe_ms;
    enum link_how login_failed;    /* last told, NONE after a success */
    enum { UP_UNKNOWN, UP_YES, UP_NO } up;
    enum link_how down_how;
};

/* ---- callbacks of libcurl ---- */

static size_t on_read(char *to, size_t size, size_t count, void *user)
{
    struct call *call = user;
    size_t room = size * count, left = call->body.len - call->sent, len = left < room ? left : room;
    memcpy(to, call->body.data + call->sent, len);
    call->sent += len;
    return len;
}

static size_t on_write(char *from, size_t size, size_t count, void *user)
{
    struct call *call = user;
    if (buf_add(&call->answer, from, size * count) == 0)
        return size * count;
    call->over_limit = call->answer.failed == ERR_LIMIT;
    return 0;
}

/* Just before a request begins on a connection: also when libcurl means to begin it once more. */
static int on_begin(void *user, char *ip, char *local_ip, int port, int local_port)
{
    const struct call *call = user;
    (void)ip, (void)local_ip, (void)port, (void)local_port;
    return call->sent == 0 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* ---- one call ---- */

static void wipe_list(struct curl_slist *list)
{
    for (struct curl_slist *at = list; at != NULL; at = at->next)
        OPENSSL_cleanse(at->data, strlen(at->data));
    curl_slist_free_all(list);
}

/* Appends a header line; false and an emptied list when memory is out. */
static bool add_header(struct curl_slist **list, const char *name, const char *prefix, const char *value)
{
    size_t room = strlen(name) + strlen(prefix) + strlen(value) + 3;
    char *line = malloc(room);
    struct curl_slist *longer = NULL;
    if (line != NULL) {
        snprintf(line, room, "%s:%s%s%s", name, *value != '\0' ? " " : "", prefix, value);
        longer = curl_slist_append(*list, line);
        OPENSSL_cleanse(line, room);
        free(line);
    }
    if (longer == NULL) {
        wipe_list(*list);
        *list = NULL;
        return false;
    }
    *list = longer;
    return true;
}

static bool make_headers(const struct webapi *w, struct call *call, bool with_token)
{
    const struct exchange_profile *p = w->base.profile;
    return add_header(&call->headers, "Content-Type", "", p->content_type) && add_header(&call->headers, "Expect", "", "")
        && (!with_token || add_header(&call->headers, p->token_header, p->token_prefix, w->token.data));
}

/* TLS: our certificate, our anchors, 1.2 or later, nothing of the system's. */
static CURLcode set_tls(const struct webapi *w, CURL *easy)
{
    CURLcode r = CURLE_OK;
#define SET(option, value) do { if (r == CURLE_OK) r = curl_easy_setopt(easy, option, value); } while (0)
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_CAINFO, w->text[OPTION_CA]);
    SET(CURLOPT_CAPATH, NULL);
    SET(CURLOPT_SSLCERT, w->text[OPTION_CERTIFICATE]);
    SET(CURLOPT_SSLKEY, w->text[OPTION_KEY]);
    if (w->key_password.len > 0)
        SET(CURLOPT_KEYPASSWD, w->key_password.data);
    return r;
}

static CURLcode set_call(const struct webapi *w, struct call *call, const char *host, const char *path)
{
    const struct exchange_profile *p = w->base.profile;
    CURL *easy = call->easy;
    char url[1024];
    snprintf(url, sizeof url, "%s%s", host, path);
    CURLcode r = curl_easy_setopt(easy, CURLOPT_URL, url);
    SET(CURLOPT_PROTOCOLS_STR, "https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
    SET(CURLOPT_READFUNCTION, on_read);
    SET(CURLOPT_READDATA, call);
    SET(CURLOPT_WRITEFUNCTION, on_write);
    SET(CURLOPT_WRITEDATA, call);
    SET(CURLOPT_PREREQFUNCTION, on_begin);
    SET(CURLOPT_PREREQDATA, call);
    SET(CURLOPT_HTTPHEADER, call->headers);
    SET(CURLOPT_MAXAGE_CONN, (long)IDLE_MAX_S);
    SET(CURLOPT_FRESH_CONNECT, w->now_ms < w->fresh_until_ms ? 1L : 0L);
    SET(CURLOPT_FORBID_REUSE, w->now_ms < w->fresh_until_ms ? 1L : 0L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)p->connect_ms);
    SET(CURLOPT_TIMEOUT_MS, (long)p->call_ms);
    SET(CURLOPT_PRIVATE, call);
    if (w->resolve != NULL)
        SET(CURLOPT_RESOLVE, w->resolve);
#undef SET
    return r == CURLE_OK ? set_tls(w, easy) : r;
}

static void call_clear(struct call *call)
{
    wipe_list(call->headers);
    call->headers = NULL;
    if (call->request.release != NULL)
        call->request.release(call->request.release_arg);
    memset(&call->request, 0, sizeof call->request);
    buf_wipe_free(&call->answer);
    call->body = (struct bytes){ NULL, 0 };
    call->state = CALL_FREE;
}

/* Into the multi handle. False when libcurl has no memory: nothing was sent. */
static bool call_start(struct webapi *w, struct call *call, const char *host, const char *path, bool with_token)
{
    size_t limit = (size_t)(with_token ? w->base.profile->answer_limit : w->base.profile->login_limit);
    call->sent = 0;
    call->published = call->over_limit = false;
    call->token_number = w->token_number;
    buf_init(&call->answer, limit);
    if (call->easy == NULL)
        call->easy = curl_easy_init();
    else
        curl_easy_reset(call->easy);
    if (call->easy == NULL || !make_headers(w, call, with_token) || set_call(w, call, host, path) != CURLE_OK
        || curl_multi_add_handle(w->multi, call->easy) != CURLM_OK)
        return false;
    call->state = CALL_RUNNING;
    return true;
}

/* ---- facts ---- */

static void tell(const struct webapi *w, const struct call *call, struct link_fact fact)
{
    fact.exchange = call->request.exchange;
    fact.name = call->name;
    link_tell(&w->base, &fact);
}

static void set_up(struct webapi *w)
{
    if (w->up == UP_YES)
        return;
    w->up = UP_YES;
    link_tell(&w->base, &(struct link_fact){ .kind = LINK_UP });
}

static void set_down(struct webapi *w, int64_t now, enum link_how how)
{
    w->probe_ms = now + PROBE_MS;
    if (w->up == UP_NO && w->down_how == how)
        return;
    w->up = UP_NO;
    w->down_how = how;
    link_tell(&w->base, &(struct link_fact){ .kind = LINK_DOWN, .how = how });
}

static enum link_how how_of(CURLcode r, const struct call *call)
{
    switch (r) {
    case CURLE_COULDNT_RESOLVE_HOST: case CURLE_COULDNT_RESOLVE_PROXY: return LINK_HOW_RESOLVE;
    case CURLE_COULDNT_CONNECT: return LINK_HOW_CONNECT;
    case CURLE_SSL_CONNECT_ERROR: case CURLE_PEER_FAILED_VERIFICATION: case CURLE_SSL_CERTPROBLEM: case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR: case CURLE_SSL_CIPHER: case CURLE_SSL_CLIENTCERT: case CURLE_SSL_INVALIDCERTSTATUS: return LINK_HOW_TLS;
    case CURLE_OPERATION_TIMEDOUT: return call->sent > 0 ? LINK_HOW_TIMEOUT : LINK_HOW_CONNECT;
    case CURLE_WRITE_ERROR: return call->over_limit ? LINK_HOW_ANSWER_LIMIT : LINK_HOW_BROKEN;
    default: return call->sent > 0 ? LINK_HOW_BROKEN : LINK_HOW_NO_BODY;
    }
}

static bool is_network(enum link_how how)
{
    return how == LINK_HOW_RESOLVE || how == LINK_HOW_CONNECT || how == LINK_HOW_TLS || how == LINK_HOW_TIMEOUT;
}

/* The end of a submit. The slot is free again before the fact is told: the callback may give the next order. */
static void call_end(struct webapi *w, struct call *call, struct link_fact fact)
{
    struct link_request request = call->request;
    char name[EXCHANGE_NAME_MAX];
    struct buf answer = call->answer;
    text_copy(name, sizeof name, call->name);
    buf_init(&call->answer, 0);
    call->request.release = NULL;
    call_clear(call);
    fact.exchange = request.exchange;
    fact.name = name;
    if (fact.kind == LINK_ANSWER)
        fact.bytes = buf_bytes(&answer);
    link_tell(&w->base, &fact);
    buf_free(&answer);
    if (request.release != NULL)
        request.release(request.release_arg);
}

/* ---- log-in ---- */

static bool token_valid(const struct webapi *w, int64_t now) { return w->have_token && now < w->token_end_ms; }

static void drop_token(struct webapi *w)
{
    buf_wipe_free(&w->token);
    w->have_token = false;
}

static void login_failed(struct webapi *w, int64_t now, enum link_how how, long status)
{
    int64_t pause = w->base.profile->login_pause_ms;
    if (how == LINK_HOW_DENIED && pause < DENIED_PAUSE_MS)
        pause = DENIED_PAUSE_MS;
    w->login_not_before_ms = now + pause;
    bool news = w->login_failed != how;
    w->login_failed = how;
    if (news)
        link_tell(&w->base, &(struct link_fact){ .kind = LINK_LOGIN_FAILED, .how = how, .http_status = status });
    for (int i = 0; i < w->sessions && !token_valid(w, now); i++)
        if (w->call[i].state == CALL_WAITING)
            call_end(w, &w->call[i], (struct link_fact){ .kind = LINK_NOT_LEFT, .how = is_network(how) ? how : LINK_HOW_LOGIN });
}

static void login_start(struct webapi *w, int64_t now)
{
    const struct exchange_profile *p = w->base.profile;
    struct call *call = &w->call[LOGIN];
    w->login_wanted = false;
    buf_wipe_free(&w->login_body);
    int code = exchange_login_build(p, w->user.data, w->password.data, &w->login_body, NULL);
    call->body = buf_bytes(&w->login_body);
    if (code < 0 || !call_start(w, call, w->text[OPTION_LOGIN_URL], p->login_path, false)) {
        call_clear(call);
        login_failed(w, now, LINK_HOW_NO_BODY, 0);
    }
}

static void token_take(struct webapi *w, int64_t now, const char *token, int64_t life_ms)
{
    const struct exchange_profile *p = w->base.profile;
    int64_t margin = p->login_margin_ms < life_ms / 2 ? p->login_margin_ms : life_ms / 2;
    drop_token(w);
    if (buf_add_str(&w->token, token) < 0) {
        login_failed(w, now, LINK_HOW_NO_BODY, 0);
        return;
    }
    w->have_token = true;
    w->token_number++;
    w->token_end_ms = now + life_ms;
    w->renew_ms = w->token_end_ms - margin;
    w->login_not_before_ms = now + p->login_pause_ms;
    w->login_failed = LINK_HOW_NONE;
    link_tell(&w->base, &(struct link_fact){ .kind = w->had_token ? LINK_TOKEN_RENEWED : LINK_LOGGED_IN, .expires_ms = life_ms });
    w->had_token = true;
}

static void login_done(struct webapi *w, int64_t now, CURLcode r, long status)
{
    struct call *call = &w->call[LOGIN];
    struct arena *arena = NULL;
    const char *token;
    int64_t life_ms;
    buf_wipe_free(&w->login_body);
    if (r != CURLE_OK) {
        enum link_how how = how_of(r, call);
        set_down(w, now, how);
        login_failed(w, now, how, status);
    } else {
        set_up(w);
        arena = status == 200 ? arena_new(4 << 20) : NULL;
        int code = arena != NULL ? exchange_login_read(w->base.profile, buf_bytes(&call->answer), arena, &token, &life_ms, NULL) : ERR_SYNTAX;
        if (code == 0) {
            token_take(w, now, token, life_ms);
            OPENSSL_cleanse((char *)(uintptr_t)token, strlen(token));
        } else {
            login_failed(w, now, code == ERR_DENIED || (status >= 400 && status < 500) ? LINK_HOW_DENIED : LINK_HOW_HTTP, status);
        }
        arena_free(arena);
    }
    call_clear(call);
}

static bool login_due(const struct webapi *w, int64_t now)
{
    if (w->call[LOGIN].state != CALL_FREE)
        return false;
    if (w->login_wanted)
        return true;
    bool probe = w->up == UP_NO && now >= w->probe_ms;
    return now >= w->login_not_before_ms && (!token_valid(w, now) || now >= w->renew_ms || probe);
}

/* ---- business calls ---- */

/* Does the body speak of this request at all? An answer too many on a kept connection would shift all later ones. */
static bool answers(const struct call *call)
{
    return call->identifier[0] == '\0' ||
           (call->answer.len > 0 && memmem(call->answer.data, call->answer.len, call->identifier, strlen(call->identifier)) != NULL);
}

/* A status by which the service says that it did nothing counts even where the connection broke behind it. */
static void status_done(struct webapi *w, struct call *call, int class, long status)
{
    switch (class) {
    case EXCHANGE_HTTP_TOKEN:
        if (call->token_number == w->token_number)
            drop_token(w);
        call_end(w, call, (struct link_fact){ .kind = LINK_STATUS, .how = LINK_HOW_TOKEN, .class = EXCHANGE_NOT_DONE_RETRY, .http_status = status });
        break;
    case EXCHANGE_HTTP_NOT_DONE_RETRY:
        call_end(w, call, (struct link_fact){ .kind = LINK_STATUS, .class = EXCHANGE_NOT_DONE_RETRY, .http_status = status });
        break;
    case EXCHANGE_HTTP_FINAL:
        call_end(w, call, (struct link_fact){ .kind = LINK_STATUS, .class = EXCHANGE_FINAL, .http_status = status });
        break;
    case EXCHANGE_HTTP_ANSWER:
        if (!answers(call))
            w->fresh_until_ms = w->now_ms + 1000 * (IDLE_MAX_S + 1);
        call_end(w, call, (struct link_fact){ .kind = LINK_ANSWER, .answer_kind = EXCHANGE_RES, .http_status = status });
        break;
    default:
        call_end(w, call, (struct link_fact){ .kind = LINK_ENDED, .how = LINK_HOW_HTTP, .http_status = status });
        break;
    }
}

static void call_done(struct webapi *w, struct call *call, int64_t now, CURLcode r, long status)
{
    int class = exchange_http_class(w->base.profile, status);
    bool nothing_done = class == EXCHANGE_HTTP_TOKEN || class == EXCHANGE_HTTP_NOT_DONE_RETRY || class == EXCHANGE_HTTP_FINAL;
    if (r == CURLE_OK || nothing_done) {
        set_up(w);
        status_done(w, call, class, status);
        return;
    }
    enum link_how how = how_of(r, call);
    if (is_network(how))
        set_down(w, now, how);
    call_end(w, call, (struct link_fact){ .kind = call->sent == 0 ? LINK_NOT_LEFT : LINK_ENDED, .how = how, .http_status = status });
}

static void start_waiting(struct webapi *w, int64_t now)
{
    for (int i = 0; i < w->sessions; i++) {
        struct call *call = &w->call[i];
        if (call->state != CALL_WAITING)
            continue;
        if (token_valid(w, now)) {
            call->body = call->request.bytes;
            if (!call_start(w, call, w->text[OPTION_API_URL], w->base.profile->call[call->request.operation].path, true))
                call_end(w, call, (struct link_fact){ .kind = LINK_NOT_LEFT, .how = LINK_HOW_NO_BODY });
        } else if (w->call[LOGIN].state == CALL_FREE && !login_due(w, now)) {
            call_end(w, call, (struct link_fact){ .kind = LINK_NOT_LEFT, .how = is_network(w->login_failed) ? w->login_failed : LINK_HOW_LOGIN });
        }
    }
}

/* Lets libcurl work, then tells what happened. Returns whether a call ended. */
static bool perform(struct webapi *w, int64_t now)
{
    int running, queued;
    bool ended = false;
    curl_multi_perform(w->multi, &running);
    for (int i = 0; i < w->sessions; i++) {
        struct call *call = &w->call[i];
        if (call->state == CALL_RUNNING && !call->published && call->sent == call->body.len) {
            call->published = true;
            tell(w, call, (struct link_fact){ .kind = LINK_PUBLISHED });
        }
    }
    for (CURLMsg *msg = curl_multi_info_read(w->multi, &queued); msg != NULL; msg = curl_multi_info_read(w->multi, &queued)) {
        if (msg->msg != CURLMSG_DONE)
            continue;
        CURL *easy = msg->easy_handle;
        CURLcode r = msg->data.result;
        struct call *call = NULL;
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&call);
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        curl_multi_remove_handle(w->multi, easy);
        if (call == &w->call[LOGIN])
            login_done(w, now, r, status);
        else
            call_done(w, call, now, r, status);
        ended = true;
    }
    return ended;
}

/* ---- the table ---- */

static void tell_removals(struct webapi *w, bool aloud)
{
    while (w->removal != NULL) {
        struct removal *removal = w->removal;
        w->removal = removal->next;
        if (w->removal == NULL)
            w->last_removal = &w->removal;
        if (aloud)
            link_tell(&w->base, &(struct link_fact){ .kind = LINK_REMOVED, .exchange = removal->exchange, .name = removal->name });
        free(removal);
    }
}

static void webapi_step(struct link *link, int64_t now)
{
    struct webapi *w = (struct webapi *)link;
    bool again = true;
    w->now_ms = now;
    for (int turn = 0; again && turn < 2 * CALLS; turn++) {
        if (login_due(w, now))
            login_start(w, now);
        start_waiting(w, now);
        again = perform(w, now);
    }
    tell_removals(w, true);
}

static int64_t webapi_next(struct link *link, int64_t now)
{
    const struct webapi *w = (const struct webapi *)link;
    bool logging_in = w->call[LOGIN].state != CALL_FREE;
    int64_t due = token_valid(w, now) ? w->renew_ms : now;
    if (w->up == UP_NO && w->probe_ms < due)
        due = w->probe_ms;
    if (due < w->login_not_before_ms)
        due = w->login_not_before_ms;
    for (int i = 0; i < w->sessions; i++)
        if (w->call[i].state == CALL_WAITING && !logging_in)
            return 0;
    if ((w->login_wanted && !logging_in) || w->removal != NULL)
        return 0;
    return logging_in ? -1 : due > now ? due - now : 0;
}

static int webapi_wait(struct link *link, struct pollfd *extra, size_t count, int timeout_ms)
{
    struct webapi *w = (struct webapi *)link;
    struct curl_waitfd fds[EXTRA_MAX];
    if (count > EXTRA_MAX)
        return ERR_LIMIT;
    for (size_t i = 0; i < count; i++)
        fds[i] = (struct curl_waitfd){ .fd = extra[i].fd, .events = (short)((extra[i].events & POLLIN ? CURL_WAIT_POLLIN : 0)
                                                                          | (extra[i].events & POLLOUT ? CURL_WAIT_POLLOUT : 0)) };
    /* libcurl knows its own timers and wakes earlier for them */
    if (curl_multi_poll(w->multi, fds, (unsigned)count, timeout_ms < 0 ? 60000 : timeout_ms, NULL) != CURLM_OK)
        return ERR_IO;
    for (size_t i = 0; i < count; i++)
        extra[i].revents = (short)((fds[i].revents & CURL_WAIT_POLLIN ? POLLIN : 0) | (fds[i].revents & CURL_WAIT_POLLOUT ? POLLOUT : 0));
    return 0;
}

static int webapi_log_in(struct link *link, struct err *e)
{
    (void)e;
    ((struct webapi *)link)->login_wanted = true;
    return 0;
}

static int webapi_submit(struct link *link, const struct link_request *request, struct err *e)
{
    struct webapi *w = (struct webapi *)link;
    struct call *free_call = NULL;
    for (int i = 0; i < w->sessions; i++) {
        if (w->call[i].state != CALL_FREE && w->call[i].request.exchange == request->exchange)
            return err_set(e, ERR_EXISTS, MSG_NOT_NOW, NULL, "submit", NULL);
        if (w->call[i].state == CALL_FREE && free_call == NULL)
            free_call = &w->call[i];
    }
    if (free_call == NULL)
        return err_set(e, ERR_NOT_NOW, MSG_LINK_BUSY, NULL, NULL, NULL);
    free_call->request = *request;
    text_copy(free_call->name, sizeof free_call->name, request->name);
    text_copy(free_call->identifier, sizeof free_call->identifier, request->identifier != NULL ? request->identifier : "");
    free_call->state = CALL_WAITING;
    return 0;
}

/* Nothing lies anywhere: the answer was in the fact. */
static int webapi_remove(struct link *link, uint64_t exchange, const char *name, struct err *e)
{
    struct webapi *w = (struct webapi *)link;
    struct removal *removal = calloc(1, sizeof *removal);
    if (removal == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "link", NULL);
    removal->exchange = exchange;
    text_copy(removal->name, sizeof removal->name, name);
    *w->last_removal = removal;
    w->last_removal = &removal->next;
    return 0;
}

static void webapi_close(struct link *link)
{
    struct webapi *w = (struct webapi *)link;
    for (int i = 0; i < CALLS; i++) {
        if (w->call[i].state == CALL_RUNNING)
            curl_multi_remove_handle(w->multi, w->call[i].easy);
        call_clear(&w->call[i]);
        curl_easy_cleanup(w->call[i].easy);
    }
    curl_multi_cleanup(w->multi);
    tell_removals(w, false);
    curl_slist_free_all(w->resolve);
    struct buf *const secrets[] = { &w->user, &w->password, &w->key_password, &w->token, &w->login_body };
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        buf_wipe_free(secrets[i]);
    for (int i = 0; i < OPTION_COUNT; i++)
        free(w->text[i]);
    free(w);
}

static bool url_ok(const char *url)
{
    size_t len = url != NULL ? strlen(url) : 0;
    return len > 8 && len < 300 && memcmp(url, "https://", 8) == 0 && text_all_of(url + 8, len - 8, "A-Za-z0-9.:[]-");
}

static int check_options(const struct link_options *o, struct err *e)
{
    const struct { const char *name, *file; } files[] = {
        { "certificate", o->certificate_file }, { "key", o->key_file }, { "ca", o->ca_file }
    };
    if (o->sessions < 1 || o->sessions > SESSIONS_MAX)
        return link_bad_option(e, "sessions", "1-20");
    if (!url_ok(o->login_url))
        return link_bad_option(e, "login_url", "https://host[:port]");
    if (!url_ok(o->api_url))
        return link_bad_option(e, "api_url", "https://host[:port]");
    if (o->login_user == NULL || o->login_user[0] == '\0')
        return link_bad_option(e, "login_user", "-");
    if (o->login_password == NULL || o->login_password[0] == '\0')
        return link_bad_option(e, "login_password", "-");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (files[i].file == NULL)
            return link_bad_option(e, files[i].name, "-");
        if (access(files[i].file, R_OK) < 0)
            return err_set_errno(e, MSG_IO, files[i].file, files[i].name);
    }
    return 0;
}

static int copy_options(struct webapi *w, const struct link_options *o, struct err *e)
{
    const char *const texts[OPTION_COUNT] = {
        [OPTION_LOGIN_URL] = o->login_url, [OPTION_API_URL] = o->api_url, [OPTION_CERTIFICATE] = o->certificate_file, [OPTION_KEY] = o->key_file,
        [OPTION_CA] = o->ca_file
    };
    bool ok = true;
    for (int i = 0; i < OPTION_COUNT; i++)
        ok &= (w->text[i] = strdup(texts[i])) != NULL;
    ok &= buf_add_str(&w->user, o->login_user) == 0 && buf_add_str(&w->password, o->login_password) == 0;
    if (o->key_password != NULL)
        ok &= buf_add_str(&w->key_password, o->key_password) == 0;
    if (o->resolve != NULL)
        ok &= (w->resolve = curl_slist_append(NULL, o->resolve)) != NULL;
    w->sessions = o->sessions;
    w->multi = curl_multi_init();
    if (!ok || w->multi == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "link", NULL);
    curl_multi_setopt(w->multi, CURLMOPT_MAXCONNECTS, (long)o->sessions + 2);
    curl_multi_setopt(w->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    return 0;
}

static struct link *webapi_open(const struct link_options *options, struct err *e, int *ret_code)
{
    struct webapi *w = calloc(1, sizeof *w);
    if (w == NULL) {
        *ret_code = err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "link", NULL);
        return NULL;
    }
    struct buf *const buffers[] = { &w->user, &w->password, &w->key_password, &w->login_body };
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        buf_init(buffers[i], LOGIN_BODY_MAX);
    buf_init(&w->token, 32 << 10);
    w->last_removal = &w->removal;
    for (int i = 0; i < CALLS; i++)
        buf_init(&w->call[i].answer, 0);
    *ret_code = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : err_set(e, ERR_INTERNAL, MSG_INTERNAL, NULL, "libcurl", NULL);
    if (*ret_code == 0)
        *ret_code = link_init(&w->base, &link_webapi, options, e);
    if (*ret_code == 0)
        *ret_code = check_options(options, e);
    if (*ret_code == 0)
        *ret_code = copy_options(w, options, e);
    if (*ret_code < 0) {
        webapi_close(&w->base);
        return NULL;
    }
    return &w->base;
}

const struct link_ops link_webapi = {
    .name = "webapi", .form = EXCHANGE_JSON, .open = webapi_open, .close = webapi_close, .log_in = webapi_log_in, .submit = webapi_submit,
    .remove = webapi_remove, .step = webapi_step, .wait = webapi_wait, .next = webapi_next
};
