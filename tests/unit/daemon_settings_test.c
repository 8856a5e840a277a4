/* clinsgw.conf(5): what is read, what is refused, and where the refusal points. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/settings.h"
#include "flow/flow.h"
#include "tests/unit/test.h"

#define LINK "[link web]\ntype = sink\n"
#define SIGNER "[signer card]\ntype = pkcs11\nmodule = /usr/lib/x.so\n"
#define FACILITY "[facility 1310000001]\nname = A\nlink = web\nsigning = never\n"
#define SOURCE "[source karte]\nfacility = 1310000001\nroot = /srv/karte\n"
#define WHOLE LINK FACILITY SOURCE

static struct arena *arena;
static struct settings *got;
static struct err e;

static int parse(const char *text)
{
    arena = arena_free(arena);
    arena = arena_new(4 << 20);
    CHECK(arena != NULL);
    got = NULL;
    e = (struct err)ERR_INIT;
    return settings_parse("conf", text, strlen(text), arena, &got, &e);
}

static void refused(const char *text, const char *place, enum msg_id msg, const char *key)
{
    int r = parse(text);
    if (r == 0)
        test_fail(__FILE__, __LINE__, "taken: %s", text);
    CHECK(got == NULL);
    CHECK_INT(e.code, r);
    CHECK_STR(e.place, place);
    CHECK_INT(e.msg, msg);
    CHECK_STR(e.arg[0], key);
}

TEST(settings_have_defaults_for_all_but_choices)
{
    CHECK_OK(parse(WHOLE));
    CHECK_STR(got->file, "conf");
    CHECK_STR(got->state_dir, "/var/lib/clinsgw");
    CHECK_STR(got->host, "gw01");
    CHECK_INT(got->language, 0);
    CHECK_INT(got->workers, 1);
    CHECK_INT(got->low_water_intake, 500000000);
    CHECK(got->page_dir == NULL);
    CHECK_INT(got->links, 1);
    CHECK_INT(got->link[0].type, LINK_TYPE_SINK);
    CHECK_INT(got->link[0].sessions, 1);
    CHECK_INT(got->facility[0].signing, SIGNING_NEVER);
    CHECK_INT(got->facility[0].link_index, 0);
    CHECK_INT(got->facility[0].signer_index, -1);
    CHECK_INT(got->facility[0].prefer_after_ms, 24 * 3600 * 1000);
    CHECK_INT(got->source[0].settle_ms, 3000);
    CHECK_INT(got->source[0].orphan_ms, 24 * 3600 * 1000);
    CHECK_INT(got->source[0].max_bytes, 20000000);
    CHECK_INT(got->source[0].endings.count, 1);
    CHECK_STR(got->source[0].endings.item[0], ".json");
    CHECK_INT(got->source[0].facility_index, 0);
}

TEST(settings_read_what_is_given)
{
    CHECK_OK(parse("[gateway]\nstate_dir = /var/x\nhost = kan2\nlanguage = en\nworkers = 3\nlow_water_intake = 2GB\nlow_water_send = 1GB\n" LINK SIGNER
                   "[facility 1310000001]\nname = A\nlink = web\nsigning = require\nsigner = card\nsecond_code = 1310000002\nprefer_after = 2h\n"
                   "[source karte]\nfacility = 1310000002\nroot = /srv/karte//\nsettle = 250ms\nrequest_ending = .json\nrequest_ending = .dat\nmax_size = 1MiB\n"));
    CHECK_STR(got->host, "kan2");
    CHECK_INT(got->language, 1);
    CHECK_INT(got->facility[0].signer_index, 0);
    CHECK_INT(got->facility[0].prefer_after_ms, 2 * 3600 * 1000);
    CHECK_INT(got->source[0].facility_index, 0); /* named by its second code */
    CHECK_STR(got->source[0].root, "/srv/karte");
    CHECK_INT(got->source[0].settle_ms, 250);
    CHECK_INT(got->source[0].max_bytes, 1 << 20);
    CHECK_INT(got->source[0].endings.count, 2);
    CHECK_STR(got->source[0].endings.item[1], ".dat");
}

TEST(settings_take_two_facilities)
{
    CHECK_OK(parse(LINK FACILITY "[facility 1310000002]\nname = B\nlink = web\nsigning = never\n" SOURCE "[source b]\nfacility = 1310000002\nroot = /srv/b\n"));
    CHECK_INT(settings_find_facility(got, "1310000002"), 1);
    CHECK_INT(settings_find_facility(got, "1310000003"), -1);
    CHECK_INT(settings_find_source(got, "b"), 1);
    CHECK_INT(settings_find_source(got, "c"), -1);
    CHECK_INT(settings_find_link(got, "web"), 0);
    CHECK_INT(settings_find_link(got, ""), -1);
    CHECK_INT(settings_find_signer(got, "card"), -1);
    CHECK_INT(got->source[1].facility_index, 1);
}

TEST(settings_refuse_what_they_do_not_know)
{
    refused(WHOLE "[source b]\nfacility = 1310000001\nroot = /b\ncolour = red\n", "conf:13", MSG_CONF_UNKNOWN_KEY, "colour");
    refused("[gatway]\n" WHOLE, "conf:1", MSG_CONF_UNKNOWN_SECTION, "gatway");
    refused("[gateway one]\n" WHOLE, "conf:1", MSG_CONF_BAD_VALUE, "gateway");
    refused("state_dir = /x\n" WHOLE, "conf:1", MSG_CONF_SYNTAX, MSG_WORDS("a line before the first [section]", "最初の [節] より前に行があります"));
    refused("[link]\ntype = sink\n", "conf:1", MSG_CONF_BAD_VALUE, "link");
    refused("[gateway]\n\nworkers = 1\nworkers = 2\n" WHOLE, "conf:4", MSG_CONF_DUPLICATE_KEY, "workers");
}

TEST(settings_refuse_values_out_of_range)
{
    refused("[gateway]\nworkers = 0\n", "conf:2", MSG_CONF_BAD_VALUE, "workers");
    refused("[gateway]\nwindow = 257\n", "conf:2", MSG_CONF_BAD_VALUE, "window");
    refused("[gateway]\nlanguage = fr\n", "conf:2", MSG_CONF_BAD_VALUE, "language");
    refused("[gateway]\nhost = GW-1\n", "conf:2", MSG_CONF_BAD_VALUE, "host");
    refused("[gateway]\nhost = x\n", "conf:2", MSG_CONF_BAD_VALUE, "host");
    refused("[gateway]\nhost = ninechars\n", "conf:2", MSG_CONF_BAD_VALUE, "host");
    refused("[gateway]\nstate_dir = var\n", "conf:2", MSG_CONF_BAD_VALUE, "state_dir");
    refused("[gateway]\nworkers = 1\npage_dir = ../page\n", "conf:3", MSG_CONF_BAD_VALUE, "page_dir");
    refused("[gateway]\nlow_water_intake = 1MB\nlow_water_send = 2MB\n", "conf:3", MSG_CONF_BAD_VALUE, "low_water_send");
    refused("[link web]\ntype = sink\nsessions = 21\n", "conf:3", MSG_CONF_BAD_VALUE, "sessions");
    refused(LINK FACILITY SOURCE "max_size = 65MiB\n", "conf:10", MSG_CONF_BAD_VALUE, "max_size");
    refused(LINK FACILITY SOURCE "settle = 2h\n", "conf:10", MSG_CONF_BAD_VALUE, "settle");
    refused(LINK FACILITY SOURCE "settle = -1s\n", "conf:10", MSG_CONF_BAD_VALUE, "settle");
}

TEST(settings_demand_choices)
{
    refused(LINK "[facility 1310000001]\nname = A\nlink = web\n", "conf:3", MSG_CONF_MISSING_KEY, "signing");
    refused(LINK "[facility 1310000001]\nlink = web\nsigning = never\n", "conf:3", MSG_CONF_MISSING_KEY, "name");
    refused("[link web]\nsessions = 1\n", "conf:1", MSG_CONF_MISSING_KEY, "type");
    refused("[link web]\ntype = terminal\n", "conf:1", MSG_CONF_MISSING_KEY, "folder");
    refused("[link web]\ntype = terminal\nfolder = here\n", "conf:3", MSG_CONF_BAD_VALUE, "folder");
    refused("[link web]\ntype = webapi\nlogin_url = https://x\n", "conf:1", MSG_CONF_MISSING_KEY, "api_url");
    refused("[signer s]\ntype = pkcs11\n", "conf:1", MSG_CONF_MISSING_KEY, "module");
    refused("[signer s]\ntype = key_file\nkey = /k\n", "conf:1", MSG_CONF_MISSING_KEY, "certificate");
    refused(LINK "[facility 1310000001]\nname = A\nlink = web\nsigning = require\n", "conf:3", MSG_CONF_BAD_VALUE, "signer");
    refused(LINK FACILITY "[source karte]\nfacility = 1310000001\n", "conf:7", MSG_CONF_MISSING_KEY, "root");
}

TEST(settings_refuse_references_to_nothing)
{
    refused(LINK "[facility 1310000001]\nname = A\nlink = wab\nsigning = never\n", "conf:5", MSG_CONF_BAD_VALUE, "link");
    refused(LINK "[facility 1310000001]\nname = A\nlink = web\nsigning = prefer\nsigner = nobody\n", "conf:7", MSG_CONF_BAD_VALUE, "signer");
    refused(LINK FACILITY "[source karte]\nfacility = 1310000009\nroot = /x\n", "conf:8", MSG_CONF_BAD_VALUE, "facility");
}

TEST(settings_refuse_codes_that_are_none_or_shared)
{
    refused(LINK "[facility 131000000]\nname = A\nlink = web\nsigning = never\n", "conf:3", MSG_CONF_BAD_VALUE, "facility");
    refused(LINK "[facility 131000000x]\nname = A\nlink = web\nsigning = never\n", "conf:3", MSG_CONF_BAD_VALUE, "facility");
    refused(LINK FACILITY "second_code = 12\n", "conf:7", MSG_CONF_BAD_VALUE, "second_code");
    refused(LINK FACILITY "second_code = 1310000002\n[facility 1310000002]\nname = B\nlink = web\nsigning = never\n", "conf:8", MSG_CONF_BAD_VALUE, "second_code");
    refused(LINK FACILITY "[facility 1310000002]\nname = B\nlink = web\nsigning = never\nsecond_code = 1310000001\n", "conf:11", MSG_CONF_BAD_VALUE, "second_code");
}

TEST(settings_refuse_names_that_break_lists_and_paths)
{
    refused("[link a,b]\ntype = sink\n", "conf:1", MSG_CONF_BAD_VALUE, "link");
    refused("[link ../x]\ntype = sink\n", "conf:1", MSG_CONF_BAD_VALUE, "link");
    refused("[link a23456789012345678901234567890123]\ntype = sink\n", "conf:1", MSG_CONF_BAD_VALUE, "link");
    refused("[signer a b]\ntype = pkcs11\nmodule = /m\n", "conf:1", MSG_CONF_BAD_VALUE, "signer");
    refused(LINK FACILITY "[source カルテ]\nfacility = 1310000001\nroot = /x\n", "conf:7", MSG_CONF_BAD_VALUE, "source");
}

TEST(settings_refuse_sources_that_share_a_folder)
{
    refused(WHOLE "[source b]\nfacility = 1310000001\nroot = /srv/karte/\n", "conf:12", MSG_CONF_BAD_VALUE, "root");
    refused(WHOLE "[source b]\nfacility = 1310000001\nroot = /srv/karte/in\n", "conf:12", MSG_CONF_BAD_VALUE, "root");
    refused(WHOLE "[source b]\nfacility = 1310000001\nroot = /srv\n", "conf:12", MSG_CONF_BAD_VALUE, "root");
    CHECK_OK(parse(WHOLE "[source b]\nfacility = 1310000001\nroot = /srv/karte2\n"));
    refused(LINK FACILITY "[source b]\nfacility = 1310000001\nroot = srv\n", "conf:9", MSG_CONF_BAD_VALUE, "root");
}

TEST(settings_refuse_links_that_share_a_folder)
{
    refused("[link a]\ntype = terminal\nfolder = /mnt/t\n[link b]\ntype = terminal\nfolder = /mnt/t\n", "conf:6", MSG_CONF_BAD_VALUE, "folder");
}

TEST(settings_refuse_endings_that_never_come)
{
    refused(WHOLE "request_ending = .tmp\n", "conf:10", MSG_CONF_BAD_VALUE, "request_ending");
    refused(WHOLE "request_ending = .OK\n", "conf:10", MSG_CONF_BAD_VALUE, "request_ending");
    refused(WHOLE "request_ending = json\n", "conf:10", MSG_CONF_BAD_VALUE, "request_ending");
    refused(WHOLE "request_ending = .\n", "conf:10", MSG_CONF_BAD_VALUE, "request_ending");
    refused(WHOLE "request_ending = ./x\n", "conf:10", MSG_CONF_BAD_VALUE, "request_ending");
}

TEST(settings_hold_as_many_sections_as_the_state_machine)
{
    static char text[8192];
    size_t n = 0;
    for (int i = 0; i < FLOW_ROUTES_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "[link l%d]\ntype = sink\n", i);
    CHECK_OK(parse(text));
    CHECK_INT(got->links, FLOW_ROUTES_MAX);
    snprintf(text + n, sizeof text - n, "[link more]\ntype = sink\n");
    CHECK_ERR(parse(text), ERR_INVALID);
    CHECK_STR(e.arg[0], "link");
    CHECK(got == NULL);
    n = (size_t)snprintf(text, sizeof text, LINK FACILITY);
    for (int i = 0; i < SETTINGS_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "[source s%d]\nfacility = 1310000001\nroot = /srv/%d\n", i, i);
    CHECK_OK(parse(text));
    CHECK_INT(got->sources, SETTINGS_MAX);
    snprintf(text + n, sizeof text - n, "[source more]\nfacility = 1310000001\nroot = /srv/more\n");
    CHECK_ERR(parse(text), ERR_INVALID);
    CHECK_STR(e.arg[0], "source");
}

TEST(settings_say_what_is_no_configuration)
{
    CHECK_ERR(parse("[gateway\n"), ERR_SYNTAX);
    CHECK_STR(e.place, "conf:1");
    CHECK_ERR(parse("[gateway]\nhost\n"), ERR_SYNTAX);
    CHECK_STR(e.place, "conf:2");
}

TEST(settings_are_read_from_a_file)
{
    char path[] = "/tmp/clinsgw-settings-XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    CHECK_INT(write(fd, WHOLE, strlen(WHOLE)), (ssize_t)strlen(WHOLE));
    close(fd);
    arena = arena_free(arena);
    arena = arena_new(4 << 20);
    got = NULL;
    CHECK_OK(settings_load(path, arena, &got, &e));
    CHECK_STR(got->file, path);
    unlink(path);
    CHECK_ERR(settings_load(path, arena, &got, &e), ERR_NOTFOUND);
    CHECK(settings_load("/tmp", arena, &got, &e) < 0);
}

static void note(void *context, const struct err *fault)
{
    size_t used = strlen(context);
    snprintf((char *)context + used, 1024 - used, "%s%s ", strrchr(fault->place, ':'), fault->arg[0]);
}

/* What is told of a text: ":LINEkey " each. */
static const char *told_of(const char *text)
{
    static char told[1024];
    char path[] = "/tmp/clinsgw-settings-XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    CHECK_INT(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    told[0] = '\0';
    arena = arena_free(arena);
    arena = arena_new(4 << 20);
    got = NULL;
    e = (struct err)ERR_INIT;
    CHECK_ERR(settings_load_telling(path, arena, &(struct conf_faults){ note, told }, &got, &e), ERR_INVALID);
    CHECK(got == NULL && e.msg == MSG_NONE);
    unlink(path);
    return told;
}

TEST(settings_tell_of_every_mistake)
{
    CHECK_STR(told_of("[gateway]\nworkers = 99\nhost = X\nstate_dir = var\n" WHOLE "colour = red\nsettle = 9h\nroot = /again\n"), ":2workers :4state_dir :3host :14colour :16root :15settle ");
    CHECK_STR(told_of(LINK FACILITY SOURCE "root = /a\nroot = /b\n"), ":10root :11root ");
    CHECK_STR(told_of("[link web]\ntype = webapi\nlogin_user = u\ncertificate = /c\nkey = /k\n" FACILITY SOURCE), ":1login_url :1api_url :1login_password_file :1ca ");
    CHECK_STR(told_of(LINK "[facility 1310000001]\nlink = wab\nsigning = prefer\nsigner = nobody\nsecond_code = 12\n[source karte]\nfacility = 1310000009\nroot = /x\nrequest_ending = .tmp\nrequest_ending = json\n"),
              ":3name :7second_code :11request_ending :12request_ending :4link :6signer :9facility ");
}

TEST(settings_tell_nothing_that_follows_from_another_mistake)
{
    CHECK_STR(told_of("[link web]\ntype = webpai\n" FACILITY SOURCE), ":2type ");                                       /* no keys of a type that is not known */
    CHECK_STR(told_of("[link web]\nsessions = 2\n" FACILITY SOURCE), ":1type ");
    CHECK_STR(told_of(LINK "[facility 1310000001]\nname = A\nlink = web\nsigning = maybe\n" SOURCE), ":6signing ");      /* nor the signer of a policy that is none */
    CHECK_STR(told_of("[lnk web]\ntype = sink\n" FACILITY SOURCE), ":1lnk ");                                            /* may be the link that the facility names */
    CHECK_STR(told_of(LINK "[facility 131000000]\nname = A\nlink = web\nsigning = never\n" SOURCE), ":3facility ");
    CHECK_STR(told_of(LINK "[facility 131000000]\nname = A\nlink = wab\nsigning = never\n" SOURCE), ":3facility :5link ");   /* links are all understood */
    CHECK_STR(told_of("[gateway]\nlow_water_intake = some\nlow_water_send = 600MB\n" WHOLE), ":2low_water_intake ");     /* what it is compared with is not known */
    CHECK_STR(told_of(LINK FACILITY "[source karte]\nfacility = 1310000001\nroot = a\nroot = b\n"), ":10root ");
    CHECK(strncmp(told_of("[link web\ntype = sink\n" FACILITY SOURCE), ":1section header without ]", 25) == 0 && strchr(told_of("[link web\ntype = sink\n" FACILITY SOURCE) + 1, ':') == NULL);
    CHECK(strchr(told_of(LINK "[facility 1310000001]\nname = A\nlink = web\nsigning never\n" SOURCE) + 1, ':') == NULL); /* the line may be the key that is missing */
    CHECK(strchr(told_of("[link web]\ntype = terminal\nfolder /mnt/x\n" FACILITY SOURCE) + 1, ':') == NULL);
}

TEST(settings_read_the_gateway_alone_whatever_else_is_wrong)
{
    char path[] = "/tmp/clinsgw-settings-XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    CHECK_INT(write(fd, "[gateway]\nworkers = 99\n", 23), 23);
    arena = arena_free(arena);
    arena = arena_new(4 << 20);
    got = NULL;
    CHECK_ERR(settings_load_gateway(path, arena, &got, &e), ERR_INVALID);
    CHECK(got == NULL);
    CHECK_INT(ftruncate(fd, 0), 0);
    CHECK_INT(pwrite(fd, "[gateway]\nrun_dir = /r\n[facility x]\n", 36, 0), 36);
    close(fd);
    CHECK_OK(settings_load_gateway(path, arena, &got, &e));
    CHECK_STR(got->run_dir, "/r");
    CHECK_INT(got->facilities, 0);
    unlink(path);
}

TEST(settings_name_the_profiles_that_are_there)
{
    char folder[] = "/tmp/clinsgw-profiles-XXXXXX", path[64], text[400];
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/own.conf", folder);
    close(open(path, O_WRONLY | O_CREAT, 0600));
    snprintf(text, sizeof text, "[gateway]\nprofile_dir = %s\n[link a]\ntype = sink\nprofile = onw\n", folder);
    CHECK_OK(parse(text));
    e.code = ERR_IO;
    e.sys_errno = EACCES;
    CHECK_ERR(settings_profile_missing(got, &got->link[0], &e), ERR_IO);
    e.sys_errno = ENOENT;
    CHECK_ERR(settings_profile_missing(got, &got->link[0], &e), ERR_INVALID);
    CHECK_STR(e.place, "conf:5");
    CHECK_STR(e.arg[0], "profile");
    CHECK_STR(e.arg[1], "own");
    unlink(path);
    rmdir(folder);
}

/* ---- secrets ---- */

static char folder[] = "/tmp/clinsgw-secret-XXXXXX";

static void put_secret(const char *name, const char *text)
{
    char path[128];
    FILE *f;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "w");
    CHECK(f != NULL);
    fputs(text, f);
    CHECK_INT(fclose(f), 0);
}

static int read_secret(const char *name, struct buf *ret)
{
    int fd = settings_secret_open(name), r;
    buf_wipe_free(ret);
    r = settings_secret_read(fd, name, ret, &e);
    if (fd >= 0)
        close(fd);
    return r;
}

TEST(settings_read_secrets_by_name_and_by_path)
{
    struct buf secret;
    char path[128], big[5000];

    CHECK(mkdtemp(folder) != NULL);
    buf_init(&secret, 8192);
    put_secret("pin", "1234\r\n");
    unsetenv("CREDENTIALS_DIRECTORY");
    CHECK_ERR(read_secret("pin", &secret), ERR_NOTFOUND);
    CHECK_INT(e.msg, MSG_CONF_NO_SECRET);
    CHECK_STR(e.arg[0], "pin");
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    CHECK_OK(read_secret("pin", &secret));
    CHECK_STR(secret.data, "1234");
    snprintf(path, sizeof path, "%s/pin", folder);
    unsetenv("CREDENTIALS_DIRECTORY");
    CHECK_OK(read_secret(path, &secret));
    CHECK_STR(secret.data, "1234");
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    CHECK_ERR(read_secret("../pin", &secret), ERR_NOTFOUND);
    CHECK_ERR(read_secret("none", &secret), ERR_NOTFOUND);
    CHECK_ERR(read_secret("", &secret), ERR_NOTFOUND);
    CHECK_ERR(read_secret(NULL, &secret), ERR_NOTFOUND);
    CHECK_ERR(read_secret("..", &secret), ERR_INVALID);
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    put_secret("big", big);
    CHECK_ERR(read_secret("big", &secret), ERR_LIMIT);
    put_secret("empty", "\n\n");
    CHECK_OK(read_secret("empty", &secret));
    CHECK_INT(secret.len, 0);
    buf_wipe_free(&secret);
    unsetenv("CREDENTIALS_DIRECTORY");
    unlink(path);
    snprintf(path, sizeof path, "%s/big", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/empty", folder);
    unlink(path);
    CHECK_INT(rmdir(folder), 0);
    arena = arena_free(arena);
}

TEST_MAIN()
