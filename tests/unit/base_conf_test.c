/* Tests of base/conf.h. */
#include "base/conf.h"

#include "tests/unit/test.h"

static struct arena *arena;
static struct conf *conf;
static struct err e;

static int parse(const char *text)
{
    arena_free(arena);
    arena = arena_new(8 << 20);
    conf = NULL;
    err_clear(&e);
    return conf_parse("test.conf", text, strlen(text), arena, NULL, &conf, &e);
}

static const char *value(const char *kind, const char *name, const char *key)
{
    const struct conf_section *s = conf_find(conf, kind, name);
    for (const struct conf_line *l = s != NULL ? s->lines : NULL; l != NULL; l = l->next)
        if (strcmp(l->key, key) == 0)
            return l->value;
    return NULL;
}

TEST(conf_reads_sections_keys_and_comments)
{
    CHECK_OK(parse("# comment\nlang = ja\n\n[facility 1318814790]  # first\n  link=webapi\r\n\tnote = 診療所 # tail\n[facility two words]\nempty =\n[plain]\nx = a#b\n"));
    CHECK_STR(value("", NULL, "lang"), "ja");
    CHECK_STR(value("facility", "1318814790", "link"), "webapi");
    CHECK_STR(value("facility", NULL, "note"), "診療所");
    CHECK_STR(value("facility", "two words", "empty"), "");
    CHECK_STR(value("plain", "", "x"), "a#b");
    CHECK(conf_find(conf, "facility", "none") == NULL);
    CHECK(conf_find(conf, "gone", NULL) == NULL);
    CHECK_INT(conf_find(conf, "facility", "two words")->line, 7);
    CHECK_INT(conf_find(conf, "facility", NULL)->lines->next->line, 6);
}

TEST(conf_reads_quoted_values_and_odd_keys)
{
    CHECK_OK(parse("a = \"  # not a comment \" # but this\nb = \"say \\\"x\\\" \\\\ \\n\\t.\"\nXmlMsg/Item[2]/Code.x-y_z = ${institution}\nc = say \"x\"\nd = \"\"\n"));
    CHECK_STR(value("", NULL, "a"), "  # not a comment ");
    CHECK_STR(value("", NULL, "b"), "say \"x\" \\ \n\t.");
    CHECK_STR(value("", NULL, "XmlMsg/Item[2]/Code.x-y_z"), "${institution}");
    CHECK_STR(value("", NULL, "c"), "say \"x\"");
    CHECK_STR(value("", NULL, "d"), "");
}

TEST(conf_reads_nothing_and_a_file_without_last_newline)
{
    CHECK_OK(parse(""));
    CHECK(conf_find(conf, "", "")->lines == NULL);
    CHECK_OK(parse("a = 1"));
    CHECK_STR(value("", NULL, "a"), "1");
}

TEST(conf_keeps_long_lines_whole)
{
    /* 200 bytes and more are where a packaged reader cuts */
    static char text[40000], want[20000];
    for (size_t len = 190; len < 16000; len += 977) {
        memset(want, 'v', len);
        want[len] = '\0';
        snprintf(text, sizeof text, "key = %s\nnext = 1\n", want);
        CHECK_OK(parse(text));
        CHECK_STR(value("", NULL, "key"), want);
        CHECK_STR(value("", NULL, "next"), "1");
    }
    memset(want, 'v', 16384);
    want[16384] = '\0';
    snprintf(text, sizeof text, "\nkey = %s\n", want);
    CHECK_ERR(parse(text), ERR_SYNTAX);
    CHECK_STR(e.place, "test.conf:2");
}

TEST(conf_names_file_and_line_of_a_fault)
{
    static const struct { const char *text; const char *place; } table[] = {
        { "a = 1\nnonsense\n", "test.conf:2" }, { "[open\n", "test.conf:1" }, { "[]\n", "test.conf:1" }, { "[ ]\n", "test.conf:1" },
        { "[a] b\n", "test.conf:1" }, { "[ä]\n", "test.conf:1" }, { "a b = 1\n", "test.conf:1" }, { " = 1\n", "test.conf:1" },
        { "a = \"open\n", "test.conf:1" }, { "a = \"x\" y\n", "test.conf:1" }, { "a = \"x\"#y\n", "test.conf:1" }, { "a = \"\\q\"\n", "test.conf:1" },
        { "a = \"\\", "test.conf:1" }, { "\n\n\xff = 1\n", "test.conf:3" }, { "a = \x01\n", "test.conf:1" }, { "\xef\xbb\xbf" "a = 1\n", "test.conf:1" },
        { "a = 1\rb = 2\n", "test.conf:1" }, { "[x a]\n[x b]\n[x  a ]\n", "test.conf:3" }, { "キー = 1\n", "test.conf:1" }
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        CHECK_ERR(parse(table[i].text), ERR_SYNTAX);
        CHECK(conf == NULL);
        CHECK_STR(e.place, table[i].place);
        CHECK(e.msg == MSG_CONF_SYNTAX || e.msg == MSG_CONF_DUPLICATE_SECTION);
    }
    CHECK_INT(e.line, 1);
}

TEST(conf_refuses_nul_and_what_is_too_large)
{
    static char big[(1 << 20) + 2];
    CHECK_OK(parse(""));
    CHECK_ERR(conf_parse("f", "a = 1\0", 6, arena, NULL, &conf, &e), ERR_SYNTAX);
    memset(big, '\n', sizeof big);
    CHECK_OK(conf_parse("f", big, 1 << 20, arena, NULL, &conf, &e));
    CHECK_ERR(conf_parse("f", big, (1 << 20) + 1, arena, NULL, &conf, &e), ERR_SYNTAX);
}

TEST(conf_keeps_the_line_number_of_a_long_file_name)
{
    static char name[2000];
    memset(name, 'n', sizeof name - 1);
    CHECK_OK(parse(""));
    CHECK_ERR(conf_parse(name, "a = 1\nx", 7, arena, NULL, &conf, &e), ERR_SYNTAX);
    CHECK_STR(e.place + strlen(e.place) - 2, ":2");
}

/* ---- tables ---- */

struct settings { const char *text; struct conf_list folders; int64_t count, wait, limit; bool on; int colour; const char *other; };

static const char *const colours[] = { "red", "green", "blue", NULL };

static const struct conf_key table[] = {
    { .key = "text", .type = CONF_TEXT, .offset = offsetof(struct settings, text), .required = true },
    { .key = "folder", .type = CONF_LIST, .offset = offsetof(struct settings, folders) },
    { .key = "count", .type = CONF_INT, .offset = offsetof(struct settings, count), .min = -5, .max = 20, .fallback = "3" },
    { .key = "wait", .type = CONF_TIME, .offset = offsetof(struct settings, wait), .min = 100, .max = 7 * 86400000LL, .fallback = "5s" },
    { .key = "limit", .type = CONF_SIZE, .offset = offsetof(struct settings, limit), .min = 1, .fallback = "10MB" },
    { .key = "on", .type = CONF_BOOL, .offset = offsetof(struct settings, on), .fallback = "yes" },
    { .key = "colour", .type = CONF_ENUM, .offset = offsetof(struct settings, colour), .names = colours, .fallback = "blue" },
    { .key = "other", .type = CONF_TEXT, .offset = offsetof(struct settings, other) },
    { .key = NULL }
};

static struct settings got;

static int apply(const char *text)
{
    char whole[4096];
    snprintf(whole, sizeof whole, "[s]\n%s", text);
    CHECK_OK(parse(whole));
    memset(&got, 0x55, sizeof got);
    return conf_apply(conf, conf_find(conf, "s", NULL), table, &got, arena, &e);
}

TEST(conf_apply_gives_defaults)
{
    CHECK_OK(apply("text = x\n"));
    CHECK_STR(got.text, "x");
    CHECK_INT(got.folders.count, 0);
    CHECK_INT(got.count, 3);
    CHECK_INT(got.wait, 5000);
    CHECK_INT(got.limit, 10000000);
    CHECK(got.on);
    CHECK_INT(got.colour, 2);
    CHECK(got.other == NULL);
}

TEST(conf_apply_reads_every_type)
{
    CHECK_OK(apply("text = 値\nfolder = /b\ncount = -5\nfolder = /a\nwait = 7d\nlimit = 4KiB\non = no\ncolour = red\nother =\n"));
    CHECK_STR(got.text, "値");
    CHECK_INT(got.folders.count, 2);
    CHECK_STR(got.folders.item[0], "/b");
    CHECK_STR(got.folders.item[1], "/a");
    CHECK_INT(got.folders.line[1], 5);
    CHECK_INT(got.count, -5);
    CHECK_INT(got.wait, 7 * 86400000LL);
    CHECK_INT(got.limit, 4096);
    CHECK(!got.on);
    CHECK_INT(got.colour, 0);
    CHECK_STR(got.other, "");
}

TEST(conf_apply_reads_every_unit)
{
    static const struct { const char *line; int64_t want; } times[] = {
        { "250ms", 250 }, { "5s", 5000 }, { "3m", 180000 }, { "2h", 7200000 }, { "1d", 86400000 }
    }, sizes[] = {
        { "4096", 4096 }, { "1B", 1 }, { "512KB", 512000 }, { "10MB", 10000000 }, { "2GB", 2000000000 }, { "10MiB", 10485760 }, { "3GiB", 3LL << 30 }
    };
    char text[100];
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        snprintf(text, sizeof text, "text = x\nwait = %s\n", times[i].line);
        CHECK_OK(apply(text));
        CHECK_INT(got.wait, times[i].want);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        snprintf(text, sizeof text, "text = x\nlimit = %s\n", sizes[i].line);
        CHECK_OK(apply(text));
        CHECK_INT(got.limit, sizes[i].want);
    }
}

TEST(conf_apply_refuses_bad_values_and_says_what_is_allowed)
{
    static const struct { const char *line, *key, *allowed; } bad[] = {
        { "count = 21", "count", "-5 .. 20" }, { "count = -6", "count", "-5 .. 20" }, { "count = 1x", "count", "-5 .. 20" }, { "count =", "count", "-5 .. 20" },
        { "count = 99999999999999999999", "count", "-5 .. 20" }, { "wait = 5", "wait", "250ms 5s 3m 2h 7d; 100ms .. 7d" },
        { "wait = 99ms", "wait", NULL }, { "wait = 8d", "wait", NULL }, { "wait = 1 s", "wait", NULL }, { "wait = -1s", "wait", NULL },
        { "wait = 9223372036854775807d", "wait", NULL }, { "wait = s", "wait", NULL }, { "limit = 0", "limit", "4096 512KB 10MB 10MiB; >= 1" },
        { "limit = 1kb", "limit", NULL }, { "limit = 9223372036854775807GiB", "limit", NULL }, { "limit = 1.5MB", "limit", NULL },
        { "on = true", "on", "yes, no" }, { "on = Yes", "on", "yes, no" }, { "on =", "on", "yes, no" },
        { "colour = pink", "colour", "red, green, blue" }, { "colour = gree", "colour", "red, green, blue" }
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[200];
        snprintf(text, sizeof text, "text = x\n%s\n", bad[i].line);
        CHECK_ERR(apply(text), ERR_INVALID);
        CHECK_INT(e.msg, MSG_CONF_BAD_VALUE);
        CHECK_STR(e.place, "test.conf:3");
        CHECK_INT(e.line, 3);
        CHECK_STR(e.arg[0], bad[i].key);
        if (bad[i].allowed != NULL)
            CHECK_STR(e.arg[1], bad[i].allowed);
    }
}

TEST(conf_apply_refuses_unknown_keys)
{
    CHECK_ERR(apply("text = x\n\ncolor = red\n"), ERR_INVALID);
    CHECK_INT(e.msg, MSG_CONF_UNKNOWN_KEY);
    CHECK_STR(e.place, "test.conf:4");
    CHECK_STR(e.arg[0], "color");
    CHECK_STR(e.arg[1], "text, folder, count, wait, limit, on, colour, other");
}

TEST(conf_apply_refuses_repeated_keys)
{
    CHECK_ERR(apply("text = x\ncount = 1\ncount = 1\n"), ERR_INVALID);
    CHECK_INT(e.msg, MSG_CONF_DUPLICATE_KEY);
    CHECK_STR(e.place, "test.conf:4");
    CHECK_STR(e.arg[0], "count");
    CHECK_STR(e.arg[1], "3");
}

TEST(conf_apply_misses_required_keys)
{
    CHECK_ERR(apply("count = 1\n"), ERR_INVALID);
    CHECK_INT(e.msg, MSG_CONF_MISSING_KEY);
    CHECK_STR(e.place, "test.conf:1");
    CHECK_STR(e.arg[0], "text");
    CHECK_STR(e.arg[1], "[s]");
    CHECK_ERR(conf_apply(conf, NULL, table, &got, arena, &e), ERR_INVALID);
}

TEST(conf_apply_without_a_section_gives_defaults)
{
    CHECK_OK(parse(""));
    CHECK_OK(conf_apply(conf, NULL, table + 1, &got, arena, &e));
    CHECK_INT(got.count, 3);
}

TEST(conf_apply_finds_a_wrong_default)
{
    static const struct conf_key wrong[] = { { .key = "n", .type = CONF_INT, .max = 5, .fallback = "6" }, { .key = NULL } };
    int64_t n;
    CHECK_OK(parse(""));
    CHECK_ERR(conf_apply(conf, NULL, wrong, &n, arena, &e), ERR_INTERNAL);
}

static void note(void *context, const struct err *fault)
{
    size_t used = strlen(context);
    snprintf((char *)context + used, 400 - used, "%u%s ", fault->line, fault->msg == MSG_CONF_SYNTAX ? "!" : fault->arg[0]);
}

/* Parses and applies the table to [s] with a listener; returns what it heard: line and key, or line and ! for one that cannot be read. */
static const char *told_of(const char *text)
{
    static char told[400];
    static const struct conf_faults faults = { note, told };
    told[0] = '\0';
    arena_free(arena);
    arena = arena_new(8 << 20);
    err_clear(&e);
    CHECK_OK(conf_parse("test.conf", text, strlen(text), arena, &faults, &conf, &e));
    CHECK_OK(conf_apply(conf, conf_find(conf, "s", NULL), table, &got, arena, &e));
    CHECK_INT(e.msg, MSG_NONE);
    return told;
}

TEST(conf_tells_of_every_mistake_to_a_listener)
{
    CHECK_STR(told_of("[s]\ntext = x\ncount = 99\ncolor = red\nwait = 1\nwait = 2\non = yes\n"), "4color 3count 6wait 5wait ");
    CHECK_INT(got.count, 3); /* the default stands in */
    CHECK(got.on);
    CHECK_INT(conf->told, 4);
    CHECK(!conf_sound(conf, conf_find(conf, "s", NULL), "wait") && conf_sound(conf, conf_find(conf, "s", NULL), "limit"));
    CHECK(conf_given(conf, conf_find(conf, "s", NULL), "on") && !conf_given(conf, conf_find(conf, "s", NULL), "limit") && !conf_given(conf, conf_find(conf, "s", NULL), "count"));
    CHECK_STR(told_of("[s]\ncount = 1\n"), "1text ");
    CHECK_STR(told_of("[s]\ntext = x\n"), "");
    CHECK_INT(conf->told, 0);
}

TEST(conf_tells_nothing_that_an_unread_line_may_explain)
{
    CHECK_STR(told_of("[s]\ntext x\ncount = 99\n"), "2! 3count ");
    CHECK(!conf->header_unread);
    CHECK_STR(told_of("[s]\ntext = x\n[t\nnonsense\ncolor = red\n"), "3! 4! ");
    CHECK(conf->header_unread && conf_find(conf, "s", NULL)->next == NULL);
    CHECK_STR(told_of("[s]\ntext = x\n[s]\ncount = 99\n"), "3s ");
}

TEST(conf_stops_telling_after_so_many)
{
    static char text[4 * CONF_FAULTS_MAX + 20], told[400];
    static const struct conf_faults faults = { note, told };
    for (size_t i = 0; i <= CONF_FAULTS_MAX; i++)
        memcpy(text + 2 * i, "x\n", 2);
    arena_free(arena);
    arena = arena_new(8 << 20);
    err_clear(&e);
    CHECK_ERR(conf_parse("test.conf", text, 2 * CONF_FAULTS_MAX, arena, &faults, &conf, &e), 0);
    CHECK_INT(conf->told, CONF_FAULTS_MAX);
    CHECK_ERR(conf_parse("test.conf", text, strlen(text), arena, &faults, &conf, &e), ERR_SYNTAX);
    CHECK_INT(e.msg, MSG_CONF_MANY);
    CHECK_STR(e.arg[0], "50");
}

TEST(conf_reports_an_arena_that_is_full)
{
    static const char text[] = "[a b]\nkey = value\nkey = \"quoted\"\n";
    static const struct conf_key keys[] = { { .key = "key", .type = CONF_LIST }, { .key = NULL } };
    int parsed = 0, applied = 0;
    for (size_t max = 0; max < 2000; max += 8) {
        struct arena *a = arena_new(max);
        struct conf_list list;
        conf = NULL;
        int r = conf_parse("f", text, sizeof text - 1, a, NULL, &conf, &e);
        CHECK(r == 0 || (r == ERR_NOMEM && conf == NULL && parsed == 0));
        parsed += r == 0;
        if (r == 0) {
            r = conf_apply(conf, conf_find(conf, "a", "b"), keys, &list, a, &e);
            CHECK(r == 0 || (r == ERR_NOMEM && applied == 0));
            applied += r == 0;
        }
        arena_free(a);
    }
    CHECK(parsed > applied && applied > 0);
}

TEST_MAIN()
