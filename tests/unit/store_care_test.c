/*
 * store_care_test - a backup is a store; what has been kept long enough goes, and what the machine still needs stays.
 */
#include "base/timefmt.h"
#include "tests/unit/store_fixture.h"

static char big[STORE_INLINE_MAX + 100];

static struct sha256 large(struct fixture *f, char salt)
{
    struct sha256 digest;
    memset(big, 'L', sizeof big);
    big[9] = salt;
    CHECK_OK(store_payload_put(f->store, (struct bytes){ big, sizeof big }, &digest, NULL));
    return digest;
}

/* One answered request with one message and all that belongs to it. Returns the message. */
static struct flow_message answered(struct fixture *f, int64_t wall_ms, enum flow_message_state state, enum flow_operation operation, const char *bundle_id, char salt)
{
    char text[] = "x original";
    struct flow_request r = f_request(FLOW_RQ_ANSWERED, FLOW_RS_NONE);
    struct flow_attachment attachment = { .name = "scan.pdf", .work_name = "w" };
    struct flow_unit unit = { .source = "karte", .facility = "1310000001", .settled = operation };
    struct flow_message m;
    struct flow_attempt attempt = { .number = 1, .operation = operation };
    struct flow_exchange x = { .state = FLOW_XS_CLOSED };
    struct store_facts facts = { .consent = 1 };
    text[0] = salt;
    r.since_wall_ms = wall_ms;
    snprintf(r.name, sizeof r.name, "%s", "tanaka-taro.json");
    r.original = f_payload(f, text);
    CHECK_OK(ops->request_put(f->store, &r, &cause, NULL));
    CHECK_OK(store_out_name_put(f->store, r.id, "tanaka-taro", NULL));
    attachment.request = unit.request = r.id;
    attachment.payload = large(f, salt);
    CHECK_OK(ops->attachment_put(f->store, &attachment, &cause, NULL));
    m = f_message(r.id, state, bundle_id);
    m.operation = operation;
    m.since_wall_ms = wall_ms;
    text[1] = 'B';
    m.bundle = f_payload(f, text);
    CHECK_OK(store_facts_put(f->store, &m.bundle, &facts, NULL));
    CHECK_OK(ops->message_put(f->store, &m, &cause, NULL));
    unit.message = attempt.message = x.message = m.id;
    snprintf(unit.unit, sizeof unit.unit, "%s", m.unit);
    CHECK_OK(ops->unit_put(f->store, &unit, &cause, NULL));
    attempt.bundle = m.bundle;
    CHECK_OK(ops->attempt_put(f->store, &attempt, &cause, NULL));
    x.attempt = attempt.id;
    snprintf(x.name, sizeof x.name, "gw%08lld", (long long)m.id);
    text[1] = 'X';
    x.request = f_payload(f, text);
    CHECK_OK(ops->exchange_put(f->store, &x, &cause, NULL));
    return m;
}

static bool payload_there(struct fixture *f, const struct sha256 *digest)
{
    struct buf content;
    buf_init(&content, 1 << 20);
    int r = store_payload_get(f->store, digest, &content, NULL);
    buf_free(&content);
    CHECK(r == 0 || r == ERR_NOTFOUND);
    return r == 0;
}

/* Everything that is old enough, until nothing is left to do. The bytes count as put a moment ago, so "before" lies after that. */
static int retain_all(struct fixture *f)
{
    int n, sum = 0;
    while ((n = store_retain(f->store, time_wall_ms() + 60000, 2, NULL)) > 0)
        sum += n;
    CHECK_INT(n, 0);
    return sum;
}

static bool text_in_file(const char *dir, const char *name, const char *text)
{
    char path[512], *bytes;
    long size;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    CHECK_INT(fseek(file, 0, SEEK_END), 0);
    size = ftell(file);
    rewind(file);
    bytes = malloc((size_t)size + 1);
    CHECK(bytes != NULL && fread(bytes, 1, (size_t)size, file) == (size_t)size);
    fclose(file);
    bool found = memmem(bytes, (size_t)size, text, strlen(text)) != NULL;
    free(bytes);
    return found;
}

TEST(store_backup_is_a_store)
{
    FIXTURE(f);
    struct fixture copy = { .store = NULL };
    struct flow_message m, back;
    int64_t seq, copied;
    char hash[SHA256_HEX], copied_hash[SHA256_HEX], name[512];
    struct stat st;
    f_begin(&f);
    m = answered(&f, 1000, FLOW_MS_DONE, FLOW_OP_REGISTER, "b", 'a');
    CHECK_ERR(store_backup(f.store, "/tmp/never", NULL), ERR_NOT_NOW);
    f_commit(&f);
    fixture_dir(copy.dir, sizeof copy.dir);
    CHECK_OK(store_backup(f.store, copy.dir, NULL));
    CHECK_ERR(store_backup(f.store, copy.dir, NULL), ERR_EXISTS);
    f_begin(&f);   /* the original lives on */
    answered(&f, 1000, FLOW_MS_DONE, FLOW_OP_REGISTER, "c", 'b');
    f_commit(&f);
    snprintf(name, sizeof name, "%s/store.db", copy.dir);
    CHECK_INT(stat(name, &st), 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    f_open(&copy, STORE_READ_WRITE);
    CHECK_SOUND(&copy);
    CHECK_OK(ops->message_get(copy.store, m.id, &back, NULL));
    CHECK(memcmp(&m, &back, sizeof m) == 0);
    CHECK_OK(store_chain_head(f.store, &seq, hash, NULL));
    CHECK_OK(store_chain_head(copy.store, &copied, copied_hash, NULL));
    CHECK(copied == 6 && seq == 12);
    f_begin(&copy);
    answered(&copy, 1000, FLOW_MS_DONE, FLOW_OP_REGISTER, "c", 'c');
    f_commit(&copy);
    CHECK_SOUND(&copy);
    CHECK_SOUND(&f);
    store_close(copy.store);
    store_close(f.store);
}

TEST(store_backup_refuses_damaged_bytes)
{
    FIXTURE(f);
    char dir[256], path[512], hex[SHA256_HEX];
    struct sha256 digest;
    struct stat st;
    f_begin(&f);
    digest = large(&f, 'd');
    f_commit(&f);
    sha256_to_hex(&digest, hex);
    snprintf(path, sizeof path, "%s/payload/%.2s/%s", f.dir, hex, hex);
    CHECK_INT(truncate(path, 5), 0);
    fixture_dir(dir, sizeof dir);
    CHECK_ERR(store_backup(f.store, dir, NULL), ERR_CORRUPT);
    snprintf(path, sizeof path, "%s/store.db", dir);
    CHECK(stat(path, &st) < 0);   /* so nobody takes it for a backup */
    store_close(f.store);
}

TEST(store_lets_go_of_what_nothing_depends_on)
{
    FIXTURE(f);
    struct flow_message first, second, refused, row;
    struct flow_request request;
    struct store_facts facts;
    struct store_counts counts;
    int64_t seq, after, id;
    char hash[SHA256_HEX], name[FLOW_NAME];
    f_begin(&f);
    first = answered(&f, 1000, FLOW_MS_DONE, FLOW_OP_REGISTER, "b", '1');      /* superseded by the next */
    second = answered(&f, 2000, FLOW_MS_DONE, FLOW_OP_CHANGE, "b", '2');       /* stands at the service */
    refused = answered(&f, 3000, FLOW_MS_REFUSED, FLOW_OP_REGISTER, "c", '3');
    f_commit(&f);
    CHECK_SOUND(&f);
    CHECK_OK(store_chain_head(f.store, &seq, hash, NULL));
    CHECK_INT(store_retain(f.store, 1000, 10, NULL), 0);   /* nothing is that old */
    CHECK_INT(store_retain(f.store, 1001, 10, NULL), 1);
    CHECK_ERR(ops->request_get(f.store, first.request, &request, NULL), ERR_NOTFOUND);
    CHECK_OK(ops->request_get(f.store, refused.request, &request, NULL));
    CHECK_SOUND(&f);
    CHECK(payload_there(&f, &first.bundle));   /* put a moment ago: that is not old */
    CHECK_INT(retain_all(&f), 2);
    CHECK_SOUND(&f);

    CHECK_ERR(ops->message_get(f.store, first.id, &row, NULL), ERR_NOTFOUND);
    CHECK_ERR(ops->message_get(f.store, refused.id, &row, NULL), ERR_NOTFOUND);
    CHECK_ERR(ops->request_get(f.store, refused.request, &request, NULL), ERR_NOTFOUND);
    CHECK_OK(ops->message_get(f.store, second.id, &row, NULL));
    CHECK_INT(row.state, FLOW_MS_DONE);
    CHECK_INT(ops->message_last_done(f.store, "1310000001", "b", &row, NULL), 1);
    CHECK_INT(row.id, second.id);
    CHECK_INT(row.bundle.byte[0] | row.bundle.byte[1] | row.bundle.byte[2], 0);
    CHECK(!payload_there(&f, &first.bundle));
    CHECK(!payload_there(&f, &second.bundle));
    CHECK(!payload_there(&f, &refused.bundle));
    CHECK_ERR(store_facts_get(f.store, &first.bundle, &facts, NULL), ERR_NOTFOUND);
    CHECK_OK(store_out_name_get(f.store, first.request, name, NULL));
    CHECK_STR(name, "");
    CHECK_OK(store_counts(f.store, NULL, &counts, NULL));
    CHECK_INT(counts.message[FLOW_MS_DONE], 1);
    CHECK_INT(counts.message[FLOW_MS_REFUSED], 0);
    CHECK_INT(counts.request[FLOW_RQ_ANSWERED], 1);
    CHECK_OK(store_chain_head(f.store, &after, hash, NULL));
    CHECK(after > seq);

    /* an id is never given again, although the newest rows are gone */
    f_begin(&f);
    request = f_request(FLOW_RQ_RECEIVED, FLOW_RS_LOOK);
    CHECK_OK(ops->request_put(f.store, &request, &cause, NULL));
    CHECK_INT(request.id, refused.request + 1);
    f_commit(&f);
    f_reopen(&f);
    CHECK_SOUND(&f);
    CHECK_INT(store_find(f.store, "r1", &id, &id, NULL), ERR_NOTFOUND);
    store_close(f.store);
}

TEST(store_takes_the_words_of_what_goes_out_of_the_chain)
{
    FIXTURE(f);
    struct flow_message m;
    f_begin(&f);
    m = answered(&f, 1000, FLOW_MS_REFUSED, FLOW_OP_REGISTER, "1310000001^2026^gone", '1');
    f_commit(&f);
    f_reopen(&f);
    CHECK(text_in_file(f.dir, "store.db", "tanaka-taro.json"));
    CHECK_INT(retain_all(&f), 1);
    f_reopen(&f);
    CHECK_SOUND(&f);
    CHECK(!text_in_file(f.dir, "store.db", "tanaka-taro.json"));
    CHECK(!text_in_file(f.dir, "store.db", "2026^gone"));
    CHECK(!text_in_file(f.dir, "store.db", "1 original"));
    CHECK(!payload_there(&f, &m.bundle));
    store_close(f.store);
}

TEST(store_keeps_a_notice_as_long_as_a_request)
{
    FIXTURE(f);
    struct flow_request told = f_request(FLOW_RQ_RECEIVED, FLOW_RS_LOOK), left, row;
    told.origin = FLOW_ORIGIN_SERVICE;
    memset(told.source, 0, sizeof told.source);        /* not read yet */
    memset(told.facility, 0, sizeof told.facility);
    snprintf(told.request_id, sizeof told.request_id, "%s", "hash-1");
    told.since_wall_ms = 1000;
    left = told;
    snprintf(left.request_id, sizeof left.request_id, "%s", "hash-2");
    f_begin(&f);
    told.original = f_payload(&f, "<consent/>");
    left.original = f_payload(&f, "<other/>");
    CHECK_OK(ops->request_put(f.store, &told, &cause, NULL));
    CHECK_OK(ops->request_put(f.store, &left, &cause, NULL));
    told.state = left.state = FLOW_RQ_ANSWERED;
    told.step = left.step = FLOW_RS_NONE;
    snprintf(told.source, sizeof told.source, "karte");
    snprintf(told.facility, sizeof told.facility, "1310000001");
    told.report = f_payload(&f, "{}");
    CHECK_OK(ops->request_put(f.store, &told, &cause, NULL));
    CHECK_OK(ops->request_put(f.store, &left, &cause, NULL));
    f_commit(&f);
    f_reopen(&f);
    CHECK_SOUND(&f);                                   /* counts have moved with its facility */
    CHECK_INT(ops->request_by_notice(f.store, "hash-1", &row, NULL), 1);
    CHECK_INT(row.id, told.id);
    CHECK_INT(ops->request_by_notice(f.store, "hash-3", &row, NULL), 0);
    CHECK_INT(store_retain(f.store, 1000, 10, NULL), 0);
    CHECK_INT(retain_all(&f), 2);
    CHECK_INT(ops->request_by_notice(f.store, "hash-1", &row, NULL), 0);
    CHECK(!payload_there(&f, &told.original) && !payload_there(&f, &left.original) && !payload_there(&f, &told.report));
    CHECK_SOUND(&f);
    store_close(f.store);
}

TEST(store_keeps_what_is_busy_or_needed)
{
    FIXTURE(f);
    struct flow_message loud, incident_of, repeated, about, cancel, back;
    struct flow_incident incident = { .open = true };
    struct flow_unit unit = { .repeats = true };
    struct flow_request other = f_request(FLOW_RQ_OPEN, FLOW_RS_NONE), open = other, row;
    f_begin(&f);
    loud = answered(&f, 1000, FLOW_MS_REFUSED, FLOW_OP_REGISTER, "a", '1');
    loud.loud = 1;
    loud.blocks = true;
    CHECK_OK(ops->message_put(f.store, &loud, &cause, NULL));
    incident_of = answered(&f, 1000, FLOW_MS_WITHDRAWN, FLOW_OP_REGISTER, "b", '2');
    incident.message = incident_of.id;
    CHECK_OK(ops->incident_put(f.store, &incident, &cause, NULL));
    repeated = answered(&f, 1000, FLOW_MS_REFUSED, FLOW_OP_REGISTER, "c", '3');
    unit.message = repeated.id;
    CHECK_OK(ops->unit_put(f.store, &unit, &cause, NULL));
    about = answered(&f, 1000, FLOW_MS_REFUSED, FLOW_OP_REGISTER, "d", '4');
    other.about_request = about.request;
    CHECK_OK(ops->request_put(f.store, &other, &cause, NULL));
    answered(&f, 1000, FLOW_MS_DONE, FLOW_OP_REGISTER, "e", '5');
    cancel = answered(&f, 1000, FLOW_MS_DONE, FLOW_OP_CANCEL, "e", '6');   /* so that the Bundle-ID is never used again */
    open.original = f_payload(&f, "an open request");
    CHECK_OK(ops->request_put(f.store, &open, &cause, NULL));
    f_commit(&f);
    CHECK_INT(retain_all(&f), 6);
    CHECK_SOUND(&f);
    CHECK_OK(ops->message_get(f.store, loud.id, &back, NULL));
    CHECK(payload_there(&f, &loud.bundle));
    CHECK_OK(ops->message_get(f.store, incident_of.id, &back, NULL));
    CHECK(payload_there(&f, &incident_of.bundle));
    CHECK_OK(ops->message_get(f.store, repeated.id, &back, NULL));
    CHECK_OK(ops->request_get(f.store, about.request, &row, NULL));
    CHECK_INT(ops->message_last_done(f.store, "1310000001", "e", &back, NULL), 1);
    CHECK_INT(back.id, cancel.id);
    CHECK(payload_there(&f, &open.original));

    /* what held it is over: it is looked at again, a month later */
    f_begin(&f);
    incident.open = false;
    CHECK_OK(ops->incident_put(f.store, &incident, &cause, NULL));
    f_commit(&f);
    CHECK_INT(retain_all(&f), 0);
    CHECK(store_retain(f.store, time_wall_ms() + INT64_C(32) * 86400000, 100, NULL) > 0);
    CHECK_ERR(ops->message_get(f.store, incident_of.id, &back, NULL), ERR_NOTFOUND);
    CHECK_OK(ops->message_get(f.store, loud.id, &back, NULL));
    CHECK_SOUND(&f);
    store_close(f.store);
}

TEST(store_shares_payloads_until_the_last_one_goes)
{
    FIXTURE(f);
    struct flow_request a = f_request(FLOW_RQ_ANSWERED, FLOW_RS_NONE), b = a;
    a.since_wall_ms = 1000;
    b.since_wall_ms = time_wall_ms() + 120000;
    f_begin(&f);
    a.original = b.original = large(&f, 's');
    CHECK_OK(ops->request_put(f.store, &a, &cause, NULL));
    CHECK_OK(ops->request_put(f.store, &b, &cause, NULL));
    f_commit(&f);
    CHECK_INT(retain_all(&f), 1);
    CHECK(payload_there(&f, &b.original));
    CHECK_SOUND(&f);
    CHECK_INT(store_retain(f.store, b.since_wall_ms + 1, 10, NULL), 1);
    CHECK(!payload_there(&f, &b.original));
    CHECK_SOUND(&f);
    store_close(f.store);
}

TEST(store_sweeps_files_without_a_row)
{
    FIXTURE(f);
    struct sha256 lost, kept;
    char path[512], hex[SHA256_HEX];
    struct stat st;
    f_begin(&f);
    kept = large(&f, 'k');
    f_commit(&f);
    f_begin(&f);
    lost = large(&f, 'l');
    store_rollback(f.store);
    sha256_to_hex(&lost, hex);
    snprintf(path, sizeof path, "%s/payload/%.2s/%s", f.dir, hex, hex);
    CHECK_INT(stat(path, &st), 0);
    for (int i = 0; i < 256; i++)
        CHECK_INT(store_retain(f.store, 0, 1, NULL), 0);
    CHECK(stat(path, &st) < 0);
    CHECK(payload_there(&f, &kept));
    store_close(f.store);
}

TEST(store_ballast_takes_room_and_gives_it_back)
{
    FIXTURE(f);
    char path[512];
    struct stat st;
    snprintf(path, sizeof path, "%s/ballast", f.dir);
    CHECK_OK(store_ballast(f.store, 1 << 20, NULL));
    CHECK_OK(store_ballast(f.store, 1 << 20, NULL));
    CHECK_INT(stat(path, &st), 0);
    CHECK_INT(st.st_size, 1 << 20);
    CHECK(st.st_blocks * 512 >= 1 << 20);
    CHECK_OK(store_ballast(f.store, 4096, NULL));
    CHECK_INT(stat(path, &st), 0);
    CHECK_INT(st.st_size, 4096);
    CHECK_OK(store_ballast(f.store, 0, NULL));
    CHECK_OK(store_ballast(f.store, 0, NULL));
    CHECK(stat(path, &st) < 0);
    CHECK_ERR(store_ballast(f.store, INT64_MAX / 2, NULL), ERR_LIMIT);
    CHECK(stat(path, &st) < 0);
    store_close(f.store);
}

TEST_MAIN()
