/* The way out for measuring: it answers at once and keeps nothing. */
#include "tests/unit/test.h"
#include "link/link.h"

#define NAME "CISsidoc01req_gw01000000000000z.xml"

enum { FACTS = 8 };

static enum link_fact_kind facts[FACTS];
static size_t fact_count, fact_next;

static void on_fact(void *user, const struct link_fact *fact)
{
    (void)user;
    CHECK(fact_count < FACTS);
    facts[fact_count++] = fact->kind;
}

static void on_release(void *arg) { ++*(int *)arg; }

static void expect(enum link_fact_kind kind)
{
    CHECK(fact_next < fact_count);
    CHECK_STR(link_fact_name((int)facts[fact_next++]), link_fact_name((int)kind));
}

TEST(sink_answers_at_once)
{
    struct exchange_profile *profile;
    struct link *link = NULL;
    int released = 0;
    CHECK_OK(exchange_profile_load("gateway/exchange/profiles/clins-2026.conf", &profile, NULL));
    CHECK_OK(link_open(&link_sink, &(struct link_options){ .profile = profile, .host = "gw01", .fact = on_fact }, &link, NULL));
    struct link_request r = { .exchange = 1, .name = NAME, .institution = "1318814790", .identifier = "id-1", .bytes = { "{}", 2 },
                              .release = on_release, .release_arg = &released };
    CHECK_OK(link_submit(link, &r, NULL));
    link_step(link, 0);
    expect(LINK_UP);
    expect(LINK_PUBLISHED);
    expect(LINK_ANSWER);
    CHECK_INT(released, 1);
    CHECK_ERR(link_look(link, 1, NAME, NULL), ERR_UNSUPPORTED);
    CHECK_OK(link_remove(link, 1, NAME, NULL));
    link_step(link, 0);
    expect(LINK_REMOVED);
    CHECK_INT((int)fact_next, (int)fact_count);
    link_close(link);
    exchange_profile_free(profile);
}

TEST_MAIN()
