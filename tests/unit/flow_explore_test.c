/*
 * The explorer: flow_step() itself against a small model of service and link, through every order of events within bounds.
 *
 * From every world (explorer.h) each thing that can happen next is tried: a file is dropped, a door publishes, the service takes, processes,
 * says 処理中, refuses, an answer comes, time passes to the next bell, a person speaks. What goes wrong costs one of a few faults: a loss, a
 * doubling, a late processing, a crash of the desk right after a commit (its orders are never given, its doors die with it), the death of a
 * door, a bell that rings while something is still under way. Worlds are told apart by a hash of all that matters, times relative to now;
 * a world that was seen with as many faults left is not entered again. The search goes depth first, so that memory stays small; when it has
 * met a violation it searches anew, deeper by one step each time, so that the shortest way to one is printed.
 *
 * The last tests let the service break assumption A, or its word, and demand that the checker sees it.
 *
 * CLINSGW_EXPLORE=n adds n faults to every budget (0 when not set).
 */
#include <stddef.h>
#include "tests/unit/explorer.h"
#include "tests/unit/test.h"

#if defined(__SANITIZE_ADDRESS__)
#define EXPLORE_LIGHT 1       /* ten times slower: one fault less */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EXPLORE_LIGHT 1
#endif
#endif
#ifndef EXPLORE_LIGHT
#define EXPLORE_LIGHT 0
#endif

/* ---- hash ---- */

static void mix(uint64_t h[2], int64_t v)
{
    h[0] = (h[0] ^ (uint64_t)v) * 0x100000001b3u;
    h[0] ^= h[0] >> 29;
    h[1] = (h[1] + (uint64_t)v + 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
    h[1] ^= h[1] >> 31;
}

static int64_t rel(int64_t due, int64_t boot) { return due == 0 ? -1 : due > boot ? due - boot : 0; }
static int64_t at_most(int64_t v, int64_t limit) { return v > limit ? limit : v; }

static void hash_rows(const struct model *w, uint64_t h[2])
{
    const struct flow_memory *r = w->rows;
    for (size_t i = 0; i < r->requests.count; i++) {
        mix(h, (int)r->requests.row[i].state * 16 + (int)r->requests.row[i].step);
        mix(h, r->requests.row[i].open_units);
    }
    for (size_t i = 0; i < r->messages.count; i++) {
        const struct flow_message *m = &r->messages.row[i];
        mix(h, (int)m->state * 8 + (int)m->operation);
        mix(h, rel(m->due_ms, w->boot));
        mix(h, m->state == FLOW_MS_PENDING ? rel(m->deadline_ms, w->boot) : 0);
        mix(h, m->turn + 2 * m->held + 4 * m->may_have_stood + 8 * m->loud);
        mix(h, m->attempts * 16 + m->submits);
        mix(h, at_most(m->failures, 3));
        mix(h, m->evidence * 64 + m->stands_attempt);
    }
    for (size_t i = 0; i < r->attempts.count; i++)
        mix(h, r->attempts.row[i].message * 64 + r->attempts.row[i].open * 32 + r->attempts.row[i].left * 16 + (r->attempts.row[i].receipt[0] != '\0') * 8 + r->attempts.row[i].operation);
    for (size_t i = 0; i < r->exchanges.count; i++) {
        const struct flow_exchange *x = &r->exchanges.row[i];
        mix(h, x->message * 4096 + x->attempt * 256 + (int)x->kind * 16 + (int)x->state);
        mix(h, x->repeat + 2 * x->began_settled + 4 * x->began_cancel + 8 * x->loud + 16 * x->gone + 32 * x->absent + 64 * (int)x->answer_class);
        mix(h, rel(x->due_ms, w->boot));
        mix(h, x->of);
    }
    mix(h, (int64_t)r->incidents.count);
}

static void hash_world(const struct model *w, uint64_t h[2])
{
    h[0] = 0xcbf29ce484222325u;
    h[1] = 0x2545f4914f6cdd1du;
    hash_rows(w, h);
    for (size_t i = 0; i < w->rows->exchanges.count && i < COPIES; i++) {
        const struct copy *c = &w->copy[i];
        mix(h, c->where + 16 * c->kind + 64 * c->message + 1024 * c->connected + 2048 * c->effect + 4096 * c->pending_said + 8192 * c->late);
        mix(h, c->answer_class + 16 * c->absent + 32 * c->already + 64 * c->there);
    }
    for (int b = 0; b < BUNDLES; b++)
        mix(h, w->service.stands[b] * 256 + w->service.content[b] * 8 + w->service.by[b]);
    for (int i = 0; i <= FILES; i++)
        mix(h, w->service.ever[i]);
    for (size_t i = 0; i < w->st->route_count; i++)
        mix(h, w->st->route[i].up * 16 + w->st->route[i].busy * 32 + at_most(w->st->route[i].failures, 3) + 1024 * rel(w->st->route[i].not_before_ms, w->boot));
    for (size_t i = 0; i < w->st->job_count; i++)
        mix(h, (int)w->st->job[i].kind * 64 + w->st->job[i].id);
    mix(h, w->dropped);
}

/* true: seen before with as many faults left, and no deeper where that matters */
static bool remember(struct explorer *x, const struct model *w)
{
    uint64_t h[2];
    hash_world(w, h);
    if (x->deepest > 0)
        mix(h, w->faults);                /* then the depth alone is compared */
    size_t at = h[0] & (x->capacity - 1);
    struct reached now = { (uint8_t)w->faults, (uint16_t)x->depth }, *r;
    for (; x->seen[at].hash[0] != 0 || x->seen[at].hash[1] != 0; at = (at + 1) & (x->capacity - 1))
        if (x->seen[at].hash[0] == h[0] && x->seen[at].hash[1] == h[1]) {
            r = &x->reached[at];
            if (x->deepest > 0 ? r->depth <= now.depth : r->faults >= now.faults)
                return true;
            *r = now;
            return false;
        }
    memcpy(x->seen[at].hash, h, sizeof h);
    x->reached[at] = now;
    x->count++;
    return false;
}

/* ---- worlds ---- */

static struct model *model_new(void)
{
    struct model *w = calloc(1, sizeof *w);
    CHECK(w != NULL);
    CHECK((w->rows = flow_memory_new(NULL)) != NULL);
    CHECK((w->st = flow_state_new(NULL)) != NULL);
    return w;
}

static void model_assign(struct model *to, const struct model *from)
{
    struct flow_memory *rows = to->rows;
    struct flow_state *st = to->st;
    *to = *from;
    to->rows = rows;
    to->st = st;
    CHECK_OK(flow_memory_assign(rows, from->rows, NULL));
    memcpy(st, from->st, offsetof(struct flow_state, job) + from->st->job_count * sizeof from->st->job[0]);
}

static void model_free(struct model *w)
{
    if (w == NULL)
        return;
    flow_memory_free(w->rows);
    flow_state_free(w->st);
    free(w);
}

/* ---- the search ---- */

static void explore(struct explorer *x, const struct model *w);

/* One transition; die > 0: the desk dies after that many commits of it. Returns whether it came that far. */
static bool follow(struct explorer *x, const struct model *from, enum what t, int k, int how, int die, bool *any)
{
    int cost = explorer_moves[t].fault + (die > 0);
    if (x->violation[0] != '\0' || cost > from->faults)
        return false;
    CHECK(x->depth < DEPTH);
    struct model **place = &x->world[x->depth], *w = *place != NULL ? *place : (*place = model_new());
    model_assign(w, from);
    if (t == T_TIMER)
        cost += explorer_lateness(w, true);
    if (cost > from->faults)
        return false;
    w->faults -= cost;
    x->move[x->depth++] = (struct move){ (uint8_t)t, (uint8_t)how, (uint8_t)die, (int8_t)k };
    x->transitions++;
    x->die_after = die;
    x->dead = false;
    if (k >= 0)
        explorer_act_copy(x, w, t, k);
    else
        explorer_act_world(x, w, t, how);
    bool came = die == 0 || x->dead;
    x->dead = false;
    x->die_after = 0;
    if (came) {
        if (die > 0 && t == T_DROP && w->rows->requests.count < (size_t)w->dropped)
            w->dropped--;                 /* still in in/ */
        if (die > 0)
            explorer_crash(x, w, 0);
        if (!w->bounded)
            explorer_check_world(x, w);
        *any = true;
        if (x->violation[0] != '\0' && x->found == 0)
            x->found = x->depth;
        if (x->violation[0] == '\0' && !w->bounded && !remember(x, w))
            explore(x, w);
    }
    x->depth--;
    return came;
}

static void explore(struct explorer *x, const struct model *w)
{
    bool any = false;
    if (x->deepest > 0 && x->depth >= x->deepest)
        return;
    int exchanges = (int)w->rows->exchanges.count;
    for (int t = 0; t < T_COUNT; t++) {
        for (int k = 0; k < exchanges && k < COPIES; k++)
            if (explorer_enabled_copy(x, w, (enum what)t, k)) {
                follow(x, w, (enum what)t, k, 0, 0, &any);
                for (int die = 1; explorer_moves[t].commits && follow(x, w, (enum what)t, k, 0, die, &any); )
                    die++;
            }
        if (!explorer_enabled_world(x, w, (enum what)t))
            continue;
        int hows = t == T_CRASH || t == T_DOOR ? explorer_ways_to_die(x, w) : 1;
        for (int how = 0; how < hows; how++)
            follow(x, w, (enum what)t, -1, how, 0, &any);
        for (int die = 1; explorer_moves[t].commits && t != T_DOOR && t != T_UP && follow(x, w, (enum what)t, -1, 0, die, &any); )
            die++;
    }
    if (any || x->violation[0] != '\0')
        return;
    for (size_t i = 0; i < w->rows->messages.count; i++)
        if (!flow_message_final(w->rows->messages.row[i].state))
            explorer_violate(x, "a dead state", w->rows->messages.row[i].id);
    if (x->violation[0] != '\0' && x->found == 0)
        x->found = x->depth;
}

static void configure(struct explorer *x)
{
    struct flow_config *c = &x->cfg;
    flow_config_defaults(c);
    c->facility_count = c->route_count = c->source_count = 1;
    memcpy(c->name_tag, "cg", 3);
    memcpy(c->facility[0].code, "1311234567", 11);
    memcpy(c->facility[0].route, "main", 5);
    memcpy(c->source[0].id, "emr", 4);
    memcpy(c->source[0].facility, "1311234567", 11);
    memcpy(c->route[0].id, "main", 5);
    c->route[0].link = x->s->link;
    c->route[0].sessions = 2;
    c->route[0].answer_ms = 10;
    c->route[0].settle_ms = 100;
    c->route[0].poll_ms = c->route[0].poll_max_ms = 5;
    c->route[0].pending_ms = 30;
    c->route[0].retry_ms = c->route[0].retry_max_ms = 7;
    c->route[0].inquire_ms = 100;
    c->route[0].inquire_letter = x->s->inquire;
    c->route[0].probe_by_change = x->s->probe;
}

static void search(struct explorer *x, int faults, int deepest)
{
    struct model *w = model_new();
    memset(x->seen, 0, x->capacity * sizeof *x->seen);
    x->count = x->transitions = 0;
    x->deepest = deepest;
    x->violation[0] = '\0';
    x->found = x->depth = 0;
    w->boot = 1000;
    w->faults = faults;
    explorer_start(x, w);
    explorer_link_up(x, w);
    remember(x, w);
    explore(x, w);
    model_free(w);
}

static void tell_way(const struct explorer *x)
{
    static const char *const hows[] = { "", " (half)", " (out)", " (taken)" };
    for (int i = 0; i < x->found; i++) {
        const struct move *m = &x->move[i];
        printf("     %2d %s%s", i + 1, explorer_moves[m->what].name, hows[m->how]);
        if (m->k >= 0)
            printf(" %d", m->k + 1);
        if (m->die > 0)
            printf(", crash after commit %d", m->die);
        putchar('\n');
    }
}

/* Explores one scenario. Returns the length of the shortest way to a violation (0 = there is none), and the violation. */
static int run(const struct scenario *s, char ret_violation[160])
{
    static struct explorer x;
    const char *more = getenv("CLINSGW_EXPLORE");
    int extra = more != NULL && more[0] >= '0' && more[0] <= '9' ? more[0] - '0' : 0;
    memset(&x, 0, sizeof x);
    x.s = s;
    x.capacity = (size_t)1 << (20 + 2 * (extra > 3 ? 3 : extra));
    x.limit = s->limit + 2 * extra > COPIES ? COPIES : s->limit + 2 * extra;
    CHECK((x.seen = calloc(x.capacity, sizeof *x.seen)) != NULL);
    CHECK((x.reached = calloc(x.capacity, sizeof *x.reached)) != NULL);
    for (int i = 0; i < NESTED; i++)
        flow_orders_init(&x.orders[i]);
    configure(&x);
    search(&x, s->faults + extra, 0);
    printf("     %-56s %8zu worlds %9zu transitions%s\n", s->name, x.count, x.transitions, x.count >= x.capacity / 2 ? " (cut off)" : "");
    int found = x.found;                  /* a dead state shows one step later */
    x.found = 0;
    for (int deepest = 1; x.found == 0 && deepest <= found + (found > 0); deepest++)
        search(&x, s->faults + extra, deepest);
    tell_way(&x);
    int length = x.found;
    memcpy(ret_violation, x.violation, sizeof x.violation);
    for (int i = 0; i < DEPTH; i++)
        model_free(x.world[i]);
    for (int i = 0; i < NESTED; i++)
        flow_orders_free(&x.orders[i]);
    free(x.reached);
    free(x.seen);
    return length;
}

#define REG(kind, b) { FLOW_OP_REGISTER, FLOW_KIND_##kind, b }
#define CHG(kind, b) { FLOW_OP_CHANGE, FLOW_KIND_##kind, b }
#define CAN(kind, b) { FLOW_OP_CANCEL, FLOW_KIND_##kind, b }
#define CUR(b) { FLOW_OP_CURRENT, FLOW_KIND_CONDITION, b }

/* Both links, duplicate register refused or overwritten, one step or two. */
static void run_all(const char *name, int files, int faults, int limit, bool inquire, bool probe, const struct file *file)
{
    for (int v = 0; v < 8; v++) {
        bool overwrites = (v & 2) != 0, two_step = (v & 4) != 0;
        if (overwrites && !two_step)
            continue;               /* two steps may be said, but need not: both together hold this */
        if (EXPLORE_LIGHT && files > 2 && v > 1)
            continue;               /* for the sanitizers it is enough that every rule runs */
        int less = faults > 1 && (EXPLORE_LIGHT || (two_step && (files != 2 || !overwrites)));
        struct scenario s = { .link = v & 1 ? FLOW_LINK_WEBAPI : FLOW_LINK_TERMINAL, .overwrite = overwrites, .two_step = two_step,
                              .inquire = inquire, .probe = probe, .files = files, .faults = faults - less, .limit = limit - (two_step && (v & 1) == 0) };
        char label[96], violation[160];
        snprintf(label, sizeof label, "%s, %s%s%s", name, v & 1 ? "web" : "folder", overwrites ? ", overwrites" : "", two_step ? ", two steps" : "");
        s.name = label;
        memcpy(s.file, file, sizeof s.file);
        int length = run(&s, violation);
        CHECK_STR(violation, "");
        CHECK_INT(length, 0);
    }
}

TEST(explore_letter_register) { run_all("letter: register", 1, 3, 7, true, false, (const struct file[FILES]){ REG(LETTER, 0) }); }
TEST(explore_lab_probe_register) { run_all("lab with probe: register", 1, 3, 7, false, true, (const struct file[FILES]){ REG(OBSERVATION, 0) }); }
TEST(explore_letter_register_cancel) { run_all("letter: register, cancel", 2, 2, 7, true, false, (const struct file[FILES]){ REG(LETTER, 0), CAN(LETTER, 0) }); }
TEST(explore_lab_register_cancel) { run_all("lab: register, cancel", 2, 2, 7, false, false, (const struct file[FILES]){ REG(OBSERVATION, 0), CAN(OBSERVATION, 0) }); }
TEST(explore_lab_probe_register_cancel) { run_all("lab with probe: register, cancel", 2, 2, 7, false, true, (const struct file[FILES]){ REG(OBSERVATION, 0), CAN(OBSERVATION, 0) }); }
TEST(explore_letter_register_change) { run_all("letter: register, change", 2, 2, 7, true, false, (const struct file[FILES]){ REG(LETTER, 0), CHG(LETTER, 0) }); }
TEST(explore_lab_register_change_cancel) { run_all("lab: register, change, cancel", 3, 2, 7, false, true, (const struct file[FILES]){ REG(OBSERVATION, 0), CHG(OBSERVATION, 0), CAN(OBSERVATION, 0) }); }
TEST(explore_letter_register_cancel_register) { run_all("letter: register, cancel, register", 3, 2, 7, true, false, (const struct file[FILES]){ REG(LETTER, 0), CAN(LETTER, 0), REG(LETTER, 0) }); }
TEST(explore_list_current_current) { run_all("list: register, current, current", 3, 2, 7, false, false, (const struct file[FILES]){ REG(CONDITION, 0), CUR(0), CUR(0) }); }
TEST(explore_two_bundles) { run_all("two letters and a cancel", 3, 1, 7, true, false, (const struct file[FILES]){ REG(LETTER, 0), REG(LETTER, 1), CAN(LETTER, 0) }); }

TEST(explore_sees_a_service_that_breaks_assumption_a)
{
    struct scenario s = { .name = "later than A", .link = FLOW_LINK_TERMINAL, .break_a = true, .inquire = true, .files = 2, .faults = 2, .limit = 7,
                          .file = { REG(LETTER, 0), CAN(LETTER, 0) } };
    char violation[160];
    CHECK(run(&s, violation) > 0);
    printf("     seen: %s\n", violation);
}

TEST(explore_sees_a_service_that_does_not_keep_its_word)
{
    struct scenario s = { .name = "refuses and does it", .link = FLOW_LINK_WEBAPI, .lie = true, .files = 1, .faults = 1, .limit = 7, .file = { REG(LETTER, 0) } };
    char violation[160];
    CHECK_INT(run(&s, violation), 4);     /* drop, publish, refuse, deliver: the shortest way there is */
    printf("     seen: %s\n", violation);
}

TEST_MAIN()
