/* The Web API link against a small TLS service of the test's own: how many copies arrive, and what is known of each that failed. */
#include "tests/unit/test.h"
#include "tests/unit/tls_server.h"
#include "base/timefmt.h"
#include "link/link.h"
#include <curl/curl.h>
#include <dirent.h>
#include <signal.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <unistd.h>

#define SHIPPED "gateway/exchange/profiles/clins-2026.conf"
#define LOGIN_PATH "/oqs-api-pro/MSA12020/ILI12020SV01/auth"
#define TURNS 400               /* of at most 100 ms each: how long a fact is waited for before the test gives up */

enum { FACTS = 128, BIG = 3 << 20 };

static struct exchange_profile *profile;
static struct tls_pki pki;
static struct tls_server *server;
static struct link *link_;
static struct link_fact facts[FACTS];
static char fact_bytes[FACTS][64];
static size_t fact_count;
static int released, port;
static int64_t clock_shift;
static char dir[64], url[64], resolve[64], files[4][128];
static char *big;

static void on_fact(void *user, const struct link_fact *fact)
{
    (void)user;
    if (fact_count == FACTS)
        abort();
    facts[fact_count] = *fact;
    snprintf(fact_bytes[fact_count], sizeof fact_bytes[0], "%.*s", (int)fact->bytes.len, fact->bytes.data != NULL ? fact->bytes.data : "");
    fact_count++;
}

static void on_release(void *arg) { ++*(int *)arg; }

static void remove_dir(void)
{
    DIR *d = dir[0] != '\0' ? opendir(dir) : NULL;
    for (struct dirent *entry = d != NULL ? readdir(d) : NULL; entry != NULL; entry = readdir(d))
        unlinkat(dirfd(d), entry->d_name, 0);
    if (d != NULL)
        closedir(d);
    rmdir(dir);
    dir[0] = '\0';
}

static void end(void)
{
    link_ = link_close(link_);
    tls_server_stop(server);
    server = NULL;
    profile = exchange_profile_free(profile);
    free(big);
    big = NULL;
    remove_dir();
}

static struct link_options options(void)
{
    static const char *const names[] = { "client.pem", "client.key", "ca.pem" };
    for (int i = 0; i < 3; i++)
        snprintf(files[i], sizeof files[0], "%s/%s", dir, names[i]);
    snprintf(url, sizeof url, "https://service.test:%d", port);
    snprintf(resolve, sizeof resolve, "service.test:%d:127.0.0.1", port);
    return (struct link_options){ .profile = profile, .host = "gw01", .sessions = 4, .fact = on_fact, .login_url = url, .api_url = url, .login_user = "user",
                                  .login_password = "secret", .certificate_file = files[0], .key_file = files[1], .ca_file = files[2], .resolve = resolve };
}

/* A service and a profile; open_with() then makes the link. */
static void begin_service(void)
{
    if (profile != NULL)
        end();
    signal(SIGPIPE, SIG_IGN);
    snprintf(dir, sizeof dir, "/tmp/clinsgw-webapi-XXXXXX");
    CHECK(mkdtemp(dir) != NULL);
    CHECK(tls_pki_make(&pki, dir));
    CHECK_OK(exchange_profile_load(SHIPPED, &profile, NULL));
    profile->login_pause_ms = 0;
    server = tls_server_start(&pki, LOGIN_PATH);
    port = tls_server_port(server);
    fact_count = 0;
    released = 0;
    clock_shift = 0;
    big = malloc(BIG);
    CHECK(big != NULL);
    memset(big, 'x', BIG);
}

static void open_with(struct link_options o) { CHECK_OK(link_open(&link_webapi, &o, &link_, NULL)); }

static void begin(void)
{
    begin_service();
    open_with(options());
}

static int64_t now(void) { return time_boot_ms() + clock_shift; }

static const char *identifier;   /* of the next submits */

static int submit_bytes(uint64_t exchange, size_t len)
{
    char name[EXCHANGE_NAME_MAX];
    CHECK_OK(exchange_request_name(profile, EXCHANGE_DOCUMENT_REGISTER, "gw01", exchange, name, NULL));
    struct link_request r = { .exchange = exchange, .name = name, .operation = EXCHANGE_DOCUMENT_REGISTER, .bytes = { big, len },
                              .identifier = identifier, .release = on_release, .release_arg = &released };
    return link_submit(link_, &r, NULL);
}

static void submit(uint64_t exchange) { CHECK_OK(submit_bytes(exchange, 5000)); }

static const struct link_fact *find(enum link_fact_kind kind, uint64_t exchange)
{
    for (size_t i = 0; i < fact_count; i++)
        if (facts[i].kind == kind && facts[i].exchange == exchange)
            return &facts[i];
    return NULL;
}

/* Runs the loop until the fact is there. */
static const struct link_fact *await(enum link_fact_kind kind, uint64_t exchange)
{
    for (int i = 0; i < TURNS && find(kind, exchange) == NULL; i++) {
        CHECK_OK(link_wait(link_, NULL, 0, now(), 100));
        link_step(link_, now());
    }
    const struct link_fact *fact = find(kind, exchange);
    if (fact == NULL)
        test_fail(__FILE__, __LINE__, "%s of %d never came (last fact: %s)", link_fact_name((int)kind), (int)exchange,
                  fact_count > 0 ? link_fact_name((int)facts[fact_count - 1].kind) : "none");
    return fact;
}

static const char *text_of(const struct link_fact *fact) { return fact_bytes[fact - facts]; }

TEST(logs_in_by_itself_and_answers)
{
    begin();
    submit(1);
    tls_server_say(server, (struct tls_act){ .text = "{\"a\":1}" });
    const struct link_fact *answer = await(LINK_ANSWER, 1);
    CHECK_STR(text_of(answer), "{\"a\":1}");
    CHECK_INT(answer->http_status, 200);
    CHECK_INT(find(LINK_LOGGED_IN, 0)->expires_ms, 3600000);
    CHECK(find(LINK_UP, 0) != NULL && find(LINK_PUBLISHED, 1) != NULL);
    CHECK(find(LINK_PUBLISHED, 1) < answer);
    CHECK_INT(released, 1);
    struct tls_seen seen = tls_server_seen(server);
    CHECK_STR(seen.authorization, "token-1");
    CHECK_STR(seen.path, "/cis-api-pro/MSA30010/ILI30010SV01/register");
    CHECK_STR(seen.type, "application/json;charset=UTF-8");
    CHECK(seen.body == 5000 && seen.body_same && !seen.expect);
    CHECK_INT(seen.logins, 1);
    CHECK_OK(link_remove(link_, 1, "CISsidoc01req_gw010000000000001.xml", NULL));
    await(LINK_REMOVED, 1);
    end();
}

TEST(connection_is_used_again_for_big_bodies)
{
    begin();
    for (uint64_t i = 1; i <= 3; i++) {
        CHECK_OK(submit_bytes(i, BIG));
        await(LINK_ANSWER, i);
    }
    struct tls_seen seen = tls_server_seen(server);
    CHECK_INT(seen.connections, 1);
    CHECK_INT(seen.requests, 3);
    CHECK(seen.body == BIG && seen.body_same && !seen.expect);
    CHECK_INT(released, 3);
    end();
}

/* An answer too many on a kept connection would be taken for that of the next request, and so on for ever. */
TEST(kept_connection_with_an_answer_to_something_else_is_left)
{
    begin();
    identifier = "id-1";
    tls_server_say(server, (struct tls_act){ .status = 200, .text = "{\"of\":\"id-1\"}" });
    submit(1);
    await(LINK_ANSWER, 1);
    CHECK_INT(tls_server_seen(server).connections, 1);
    tls_server_say(server, (struct tls_act){ .status = 200, .text = "{\"of\":\"id-1\"}" });
    identifier = "id-2";
    submit(2);
    await(LINK_ANSWER, 2);
    CHECK_INT(tls_server_seen(server).connections, 1);
    identifier = "id-3";
    submit(3);
    await(LINK_ANSWER, 3);
    CHECK_INT(tls_server_seen(server).connections, 2);
    identifier = NULL;
    CHECK_INT(released, 3);
    end();
}

/* The heart of it: the service read the request, perhaps committed, and the reused connection died. */
TEST(reused_connection_that_dies_after_reading_gets_one_copy)
{
    static const size_t sizes[] = { 1, 5000, 200000, BIG };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        begin();
        submit(1);
        await(LINK_ANSWER, 1);
        tls_server_say(server, (struct tls_act){ .how = TLS_DROP_AFTER });
        CHECK_OK(submit_bytes(2, sizes[i]));
        CHECK_INT(await(LINK_ENDED, 2)->how, LINK_HOW_BROKEN);
        /* a further call shows that nothing was still under way */
        submit(3);
        await(LINK_ANSWER, 3);
        struct tls_seen seen = tls_server_seen(server);
        CHECK_INT(seen.requests, 3);
        CHECK_INT(seen.begun, 3);
        CHECK(seen.connections >= 2);           /* libcurl may open one to repeat on, and is stopped there */
        CHECK_INT(released, 3);
        CHECK(find(LINK_NOT_LEFT, 2) == NULL);
    }
    end();
}

TEST(reused_connection_that_dies_while_reading_is_not_begun_again)
{
    begin();
    submit(1);
    await(LINK_ANSWER, 1);
    tls_server_say(server, (struct tls_act){ .how = TLS_DROP_HEADERS });
    CHECK_OK(submit_bytes(2, BIG));
    CHECK_INT(await(LINK_ENDED, 2)->how, LINK_HOW_BROKEN);
    submit(3);
    await(LINK_ANSWER, 3);
    CHECK_INT(tls_server_seen(server).begun, 3);
    CHECK_INT(tls_server_seen(server).requests, 2);
    end();
}

TEST(fresh_connection_that_dies_after_reading_gets_one_copy)
{
    begin();
    tls_server_say(server, (struct tls_act){ .how = TLS_DROP_AFTER });
    submit(1);
    CHECK_INT(await(LINK_ENDED, 1)->how, LINK_HOW_BROKEN);
    CHECK_INT(tls_server_seen(server).requests, 1);
    end();
}

/* What the read callback is for: the same death, with the body in a buffer of libcurl's. Also shows that the service here would see a second copy. */
static size_t ignore(char *from, size_t size, size_t count, void *user)
{
    (void)from, (void)user;
    return size * count;
}

TEST(postfields_on_a_reused_connection_would_arrive_twice)
{
    begin_service();
    struct link_options o = options();
    char full[128];
    CURL *easy = curl_easy_init();
    struct curl_slist *hosts = curl_slist_append(NULL, o.resolve);
    snprintf(full, sizeof full, "%s/plain", o.api_url);
    curl_easy_setopt(easy, CURLOPT_URL, full);
    curl_easy_setopt(easy, CURLOPT_RESOLVE, hosts);
    curl_easy_setopt(easy, CURLOPT_CAINFO, o.ca_file);
    curl_easy_setopt(easy, CURLOPT_SSLCERT, o.certificate_file);
    curl_easy_setopt(easy, CURLOPT_SSLKEY, o.key_file);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "xxxx");
    CURLcode first = curl_easy_perform(easy);
    tls_server_say(server, (struct tls_act){ .how = TLS_DROP_AFTER });
    curl_easy_perform(easy);
    int copies = tls_server_seen(server).requests - 1;
    curl_easy_cleanup(easy);
    curl_slist_free_all(hosts);
    end();
    CHECK_INT(first, CURLE_OK);
    if (copies == 1)
        SKIP("this libcurl does not repeat a POST by itself");
    CHECK_INT(copies, 2);
}

TEST(sessions_run_beside_each_other_and_no_more)
{
    begin();
    for (int i = 0; i < 4; i++)
        tls_server_say(server, (struct tls_act){ .how = TLS_GATHER, .gather = 4 });
    for (uint64_t i = 1; i <= 4; i++)
        submit(i);
    CHECK_ERR(submit_bytes(5, 10), ERR_NOT_NOW);
    CHECK_ERR(submit_bytes(2, 10), ERR_EXISTS);
    for (uint64_t i = 1; i <= 4; i++)
        await(LINK_ANSWER, i);
    submit(5);
    await(LINK_ANSWER, 5);
    CHECK_INT(tls_server_seen(server).requests, 5);
    CHECK_INT(released, 5);
    end();
}

TEST(refused_token_is_not_done_and_brings_a_new_one)
{
    begin();
    submit(1);
    await(LINK_ANSWER, 1);
    tls_server_login(server, 200, "{\"result\":{\"idToken\":\"token-2\"}}");
    tls_server_say(server, (struct tls_act){ .status = 401 });
    submit(2);
    const struct link_fact *fact = await(LINK_STATUS, 2);
    CHECK_INT(fact->how, LINK_HOW_TOKEN);
    CHECK_INT(fact->class, EXCHANGE_NOT_DONE_RETRY);
    CHECK_INT(fact->http_status, 401);
    await(LINK_TOKEN_RENEWED, 0);
    submit(3);
    await(LINK_ANSWER, 3);
    CHECK_STR(tls_server_seen(server).authorization, "token-2");
    CHECK_INT(tls_server_seen(server).logins, 2);
    CHECK_INT(tls_server_seen(server).requests, 3);
    end();
}

TEST(token_is_renewed_before_it_ends)
{
    begin();
    await(LINK_LOGGED_IN, 0);
    tls_server_login(server, 200, "{\"result\":{\"idToken\":\"token-2\",\"expiresIn\":\"100\"}}");
    clock_shift = 3600000 - profile->login_margin_ms - 5000;
    link_step(link_, now());
    CHECK_INT(tls_server_seen(server).logins, 1);
    clock_shift += 5000;
    CHECK_INT(await(LINK_TOKEN_RENEWED, 0)->expires_ms, 100000);
    submit(1);
    await(LINK_ANSWER, 1);
    CHECK_STR(tls_server_seen(server).authorization, "token-2");
    end();
}

TEST(refused_login_holds_nothing_back_and_is_not_hammered)
{
    begin_service();
    tls_server_login(server, 401, "{\"status\":\"NG\"}");
    open_with(options());
    submit(1);
    CHECK_INT(await(LINK_LOGIN_FAILED, 0)->how, LINK_HOW_DENIED);
    CHECK_INT(await(LINK_NOT_LEFT, 1)->how, LINK_HOW_LOGIN);
    submit(2);
    CHECK_INT(await(LINK_NOT_LEFT, 2)->how, LINK_HOW_LOGIN);
    CHECK_INT(tls_server_seen(server).logins, 1);
    CHECK_INT(released, 2);
    tls_server_login(server, 200, "{\"result\":{\"idToken\":\"token-9\"}}");
    clock_shift = 61000;
    await(LINK_LOGGED_IN, 0);
    submit(3);
    await(LINK_ANSWER, 3);
    end();
}

TEST(login_answers_that_are_none)
{
    static const struct { int status; const char *text; enum link_how how; } rows[] = {
        { 200, "<html>", LINK_HOW_HTTP }, { 200, "{\"status\":\"NG\",\"msg\":\"locked\"}", LINK_HOW_DENIED }, { 503, "", LINK_HOW_HTTP },
        { 403, "", LINK_HOW_DENIED }, { 302, "", LINK_HOW_HTTP }, { 200, "{\"result\":{\"idToken\":\"a\\nb\"}}", LINK_HOW_HTTP }
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        begin_service();
        tls_server_login(server, rows[i].status, rows[i].text);
        open_with(options());
        CHECK_INT(await(LINK_LOGIN_FAILED, 0)->how, rows[i].how);
    }
    end();
}

TEST(http_statuses_by_their_class)
{
    begin();
    tls_server_say(server, (struct tls_act){ .status = 413 });
    submit(1);
    CHECK_INT(await(LINK_STATUS, 1)->class, EXCHANGE_FINAL);
    CHECK_INT(find(LINK_STATUS, 1)->http_status, 413);
    tls_server_say(server, (struct tls_act){ .status = 429 });
    submit(2);
    CHECK_INT(await(LINK_STATUS, 2)->class, EXCHANGE_NOT_DONE_RETRY);
    tls_server_say(server, (struct tls_act){ .status = 404 });
    submit(3);
    CHECK_INT(await(LINK_STATUS, 3)->class, EXCHANGE_FINAL);
    tls_server_say(server, (struct tls_act){ .status = 500 });
    submit(4);
    CHECK_INT(await(LINK_ENDED, 4)->how, LINK_HOW_HTTP);
    CHECK_INT(find(LINK_ENDED, 4)->http_status, 500);
    tls_server_say(server, (struct tls_act){ .status = 307 });
    submit(5);
    CHECK_INT(await(LINK_ENDED, 5)->http_status, 307);
    CHECK_INT(tls_server_seen(server).requests, 5);     /* the redirect was not followed */
    CHECK_INT(released, 5);
    end();
}

TEST(answer_cut_off_or_too_large_is_not_believed)
{
    begin();
    tls_server_say(server, (struct tls_act){ .how = TLS_TRUNCATE });
    submit(1);
    CHECK_INT(await(LINK_ENDED, 1)->how, LINK_HOW_BROKEN);
    profile->answer_limit = 4;
    tls_server_say(server, (struct tls_act){ .text = "12345" });
    submit(2);
    CHECK_INT(await(LINK_ENDED, 2)->how, LINK_HOW_ANSWER_LIMIT);
    CHECK(find(LINK_ANSWER, 1) == NULL && find(LINK_ANSWER, 2) == NULL);
    end();
}

TEST(silence_after_the_request_is_unknown)
{
    begin();
    await(LINK_LOGGED_IN, 0);
    profile->call_ms = 300;
    tls_server_say(server, (struct tls_act){ .how = TLS_HANG });
    submit(1);
    CHECK_INT(await(LINK_ENDED, 1)->how, LINK_HOW_TIMEOUT);
    CHECK_INT(find(LINK_DOWN, 0)->how, LINK_HOW_TIMEOUT);
    CHECK_INT(tls_server_seen(server).requests, 1);
    end();
}

TEST(nobody_there_has_not_left)
{
    begin_service();
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof address;
    CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    port = ntohs(address.sin_port);             /* bound, not listening: refused */
    open_with(options());
    submit(1);
    CHECK_INT(await(LINK_NOT_LEFT, 1)->how, LINK_HOW_CONNECT);
    CHECK_INT(find(LINK_DOWN, 0)->how, LINK_HOW_CONNECT);
    CHECK_INT(find(LINK_LOGIN_FAILED, 0)->how, LINK_HOW_CONNECT);
    close(fd);
    end();
}

TEST(business_host_that_is_away_after_the_login)
{
    begin_service();
    struct link_options o = options();
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof address;
    char api[64];
    CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    snprintf(api, sizeof api, "https://127.0.0.1:%d", ntohs(address.sin_port));
    o.api_url = api;
    open_with(o);
    submit(1);
    CHECK_INT(await(LINK_NOT_LEFT, 1)->how, LINK_HOW_CONNECT);
    CHECK(find(LINK_LOGGED_IN, 0) != NULL);
    CHECK_INT(released, 1);
    close(fd);
    end();
}

TEST(only_our_own_anchors_are_believed)
{
    char other[128];
    begin_service();
    struct link_options o = options();
    snprintf(other, sizeof other, "%s/other-ca.pem", dir);
    o.ca_file = other;
    open_with(o);
    submit(1);
    CHECK_INT(await(LINK_NOT_LEFT, 1)->how, LINK_HOW_TLS);
    CHECK_INT(tls_server_seen(server).requests + tls_server_seen(server).logins, 0);
    end();
}

TEST(host_name_is_verified)
{
    char wrong[64], map[80];
    begin_service();
    struct link_options o = options();
    snprintf(wrong, sizeof wrong, "https://wrong.test:%d", port);
    snprintf(map, sizeof map, "wrong.test:%d:127.0.0.1", port);
    o.login_url = o.api_url = wrong;
    o.resolve = map;
    open_with(o);
    submit(1);
    CHECK_INT(await(LINK_NOT_LEFT, 1)->how, LINK_HOW_TLS);
    CHECK_INT(tls_server_seen(server).logins, 0);
    end();
}

TEST(stranger_s_certificate_never_gets_a_token)
{
    char cert[128], key[128];
    begin_service();
    struct link_options o = options();
    snprintf(cert, sizeof cert, "%s/other.pem", dir);
    snprintf(key, sizeof key, "%s/other.key", dir);
    o.certificate_file = cert;
    o.key_file = key;
    open_with(o);
    submit(1);
    await(LINK_LOGIN_FAILED, 0);
    await(LINK_NOT_LEFT, 1);
    CHECK_INT(tls_server_seen(server).logins + tls_server_seen(server).requests, 0);
    end();
}

TEST(environment_s_proxy_is_ignored)
{
    setenv("https_proxy", "http://127.0.0.1:9", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:9", 1);
    begin();
    submit(1);
    await(LINK_ANSWER, 1);
    end();
    unsetenv("https_proxy");
    unsetenv("ALL_PROXY");
}

TEST(service_back_is_noticed_without_a_submit)
{
    begin_service();
    tls_server_stop(server);
    server = NULL;
    open_with(options());
    await(LINK_DOWN, 0);
    fact_count = 0;
    server = tls_server_start(&pki, LOGIN_PATH);
    link_ = link_close(link_);
    port = tls_server_port(server);
    open_with(options());
    await(LINK_UP, 0);
    end();
}

TEST(down_service_is_probed_by_the_login)
{
    begin();
    await(LINK_LOGGED_IN, 0);
    profile->call_ms = 300;
    tls_server_say(server, (struct tls_act){ .how = TLS_HANG });
    submit(1);
    await(LINK_DOWN, 0);
    fact_count = 0;
    profile->call_ms = 90000;
    link_step(link_, now());
    CHECK_INT(tls_server_seen(server).logins, 1);
    clock_shift += 10001;
    await(LINK_UP, 0);
    CHECK_INT(tls_server_seen(server).logins, 2);
    end();
}

TEST(closing_releases_everything)
{
    begin();
    await(LINK_LOGGED_IN, 0);
    tls_server_say(server, (struct tls_act){ .how = TLS_HANG });
    submit(1);
    await(LINK_PUBLISHED, 1);
    submit(2);
    link_ = link_close(link_);
    CHECK_INT(released, 2);
    end();
}

TEST(callers_descriptors_wake_the_wait)
{
    int pair[2];
    begin();
    await(LINK_LOGGED_IN, 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    struct pollfd fd = { .fd = pair[0], .events = POLLIN };
    CHECK_OK(link_wait(link_, &fd, 1, now(), 0));
    CHECK_INT(fd.revents, 0);
    CHECK(write(pair[1], "x", 1) == 1);
    CHECK_OK(link_wait(link_, &fd, 1, now(), 60000));
    CHECK(fd.revents & POLLIN);
    close(pair[0]);
    close(pair[1]);
    end();
}

TEST(wrong_options_are_named)
{
    begin_service();
    struct link *l = NULL;
    struct err e = ERR_INIT;
    struct link_options o = options();
    o.api_url = "http://service.test";
    CHECK_ERR(link_open(&link_webapi, &o, &l, &e), ERR_INVALID);
    CHECK_STR(e.place, "api_url");
    o = options(), o.login_url = "https://service.test/path";
    CHECK_ERR(link_open(&link_webapi, &o, &l, &e), ERR_INVALID);
    o = options(), o.sessions = 21;
    CHECK_ERR(link_open(&link_webapi, &o, &l, &e), ERR_INVALID);
    CHECK_STR(e.place, "sessions");
    o = options(), o.login_password = NULL;
    CHECK_ERR(link_open(&link_webapi, &o, &l, &e), ERR_INVALID);
    o = options(), o.key_file = "/no/such.key";
    CHECK_ERR(link_open(&link_webapi, &o, &l, &e), ERR_IO);
    CHECK_STR(e.place, "/no/such.key");
    CHECK(l == NULL);
    end();
}

TEST_MAIN()
