/* The operator's masters: what is taken, what is refused with its line, and that the validator asks them. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "codes/masters.h"
#include "daemon/masters.h"

static char folder[] = "/tmp/clinsgw-masters-XXXXXX";

/* A folder with this one file (or none), loaded. */
static int load(const char *name, const char *text, size_t len, struct codes_masters **ret_masters, struct err *e)
{
    int dir;

    if (strstr(folder, "XXXXXX") != NULL)
        CHECK(mkdtemp(folder) != NULL);
    dir = dir_open(AT_FDCWD, folder, NULL);
    CHECK(dir >= 0);
    (void)unlinkat(dir, "a.tsv", 0);
    if (name != NULL)
        CHECK_OK(file_write(dir, name, text, len, 0644, FILE_REPLACE, FILE_FAST, NULL));
    close(dir);
    *e = (struct err)ERR_INIT;
    return codes_masters_load(folder, ret_masters, e);
}

static enum codes_answer ask(const struct codes_masters *m, const char *system, const char *code, struct bytes *ret_display)
{
    return codes_masters_find(m, (struct bytes){ system, strlen(system) }, (struct bytes){ code, strlen(code) }, ret_display);
}

TEST(a_master_knows_its_codes)
{
    static const char text[] = "\xEF\xBB\xBF" "system\thttp://x/d\r\n# remark\r\n\r\n20\tnineteen plus one\tmore\r\n9\t\r\n100\r\n3\tthree";
    struct bytes display = { NULL, 0 };
    struct codes_masters *m = NULL;
    struct err e;

    CHECK_OK(load("a.tsv", text, sizeof text - 1, &m, &e));
    CHECK_INT(codes_masters_count(m), 1);
    CHECK_INT(ask(m, "http://x/d", "20", &display), CODES_YES);
    CHECK(display.len == 17 && memcmp(display.data, "nineteen plus one", 17) == 0);
    CHECK_INT(ask(m, "http://x/d", "9", &display), CODES_YES);
    CHECK_INT(display.len, 0);
    CHECK_INT(ask(m, "http://x/d", "100", &display), CODES_YES);
    CHECK_INT(ask(m, "http://x/d", "3", &display), CODES_YES);
    CHECK_INT(ask(m, "http://x/d", "2", &display), CODES_NO);
    CHECK_INT(ask(m, "http://x/d", "", &display), CODES_NO);
    CHECK_INT(ask(m, "http://x/other", "20", &display), CODES_UNKNOWN);
    CHECK_INT(ask(NULL, "http://x/d", "20", &display), CODES_UNKNOWN);
    codes_masters_free(m);
}

TEST(a_fragment_does_not_say_no)
{
    static const char text[] = "system\thttp://x/d\tfragment\na\tA\n";
    struct bytes display = { NULL, 0 };
    struct codes_masters *m = NULL;
    struct err e;

    CHECK_OK(load("a.tsv", text, sizeof text - 1, &m, &e));
    CHECK_INT(ask(m, "http://x/d", "a", &display), CODES_YES);
    CHECK_INT(ask(m, "http://x/d", "b", &display), CODES_UNKNOWN);
    codes_masters_free(m);
}

TEST(what_is_no_master_is_named_with_its_line)
{
    static const struct { const char *text; enum msg_id msg; const char *line; } cases[] = {
        { "", MSG_MASTER_HEAD, "" }, { "a\tA\n", MSG_MASTER_HEAD, "" }, { "system\n", MSG_MASTER_HEAD, "" }, { "system\t\n", MSG_MASTER_HEAD, "" },
        { "system\thttp://x\tpartly\n", MSG_MASTER_HEAD, "" }, { "system\thttp://x\n1\tA\n\tB\n", MSG_MASTER_LINE, "3" },
        { "system\thttp://x\n1\tA\n2\tB\n1\tC\n", MSG_MASTER_LINE, "4" }, { "system\thttp://x\n1\t\x83\x41\n", MSG_MASTER_LINE, "2" }
    };
    struct codes_masters *m = NULL;
    struct err e;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_ERR(load("a.tsv", cases[i].text, strlen(cases[i].text), &m, &e), ERR_SYNTAX);
        CHECK_INT(e.msg, cases[i].msg);
        CHECK_STR(e.arg[0], "a.tsv");
        CHECK_STR(e.arg[1], cases[i].line);
    }
    CHECK(m == NULL);
    CHECK_OK(load("b.txt", "anything", 8, &m, &e));
    CHECK_INT(codes_masters_count(m), 0);
    m = codes_masters_free(m);
    CHECK_ERR(codes_masters_load("/nonexistent", &m, &e), ERR_NOTFOUND);
}

/* The worst issue of a disease with this code. */
static enum msg_id verdict(const struct codes_masters *m, const char *code, const char *display)
{
    static const char form[] = "{\"resourceType\":\"Condition\",\"subject\":{\"reference\":\"Patient/1\"},\"code\":{\"coding\":[{\"system\":\"http://x/d\",\"code\":\"%s\",\"display\":\"%s\"}]}}";
    struct arena *arena = arena_new(64 << 20);
    struct validate_terms terms = masters_terms(m);
    struct validate_request r = { .terms = &terms };
    struct issue_list issues;
    enum msg_id found = MSG_NONE;
    char text[400];

    r.len = (size_t)snprintf(text, sizeof text, form, code, display);
    r.bytes = text;
    issues_init(&issues, arena);
    CHECK_OK(validate_bytes(&r, &issues, NULL));
    for (const struct issue *i = issues.first; i != NULL; i = i->next)
        if (i->severity >= MSG_WARNING && i->location != NULL && strstr(i->location, "Condition.code") != NULL)
            found = i->msg;
    arena_free(arena);
    return found;
}

TEST(the_validator_asks_the_masters)
{
    static const char text[] = "system\thttp://x/d\na\tA\n";
    struct codes_masters *m = NULL;
    struct err e;

    CHECK_OK(load("a.tsv", text, sizeof text - 1, &m, &e));
    CHECK_INT(verdict(NULL, "b", "B"), MSG_NONE);
    CHECK_INT(verdict(m, "a", "A"), MSG_NONE);
    CHECK_INT(verdict(m, "a", "B"), MSG_VALIDATE_DISPLAY);
    CHECK_INT(verdict(m, "b", "B"), MSG_VALIDATE_CODE_UNKNOWN);
    codes_masters_free(m);
}

TEST_MAIN()
