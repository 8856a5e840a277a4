/* Tests of base/crypt.h: published vectors, and the OpenSSL command line as a second opinion. */
#include "base/crypt.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/unit/test.h"

/* FIPS 180-4 examples (NIST, "SHA256.pdf") and the empty text. */
TEST(sha256_of_known_texts)
{
    static const struct { const char *text, *hex; } table[] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct sha256 d;
        char hex[SHA256_HEX];
        CHECK_OK(sha256_of(table[i].text, strlen(table[i].text), &d));
        sha256_to_hex(&d, hex);
        CHECK_STR(hex, table[i].hex);
    }
}

TEST(sha256_of_a_million_letters_in_parts)
{
    static char a[1000];
    struct bytes parts[1000];
    struct sha256 d;
    char hex[SHA256_HEX];
    memset(a, 'a', sizeof a);
    for (size_t i = 0; i < 1000; i++)
        parts[i] = (struct bytes){ a, sizeof a };
    CHECK_OK(sha256_of_parts(parts, 1000, &d));
    sha256_to_hex(&d, hex);
    CHECK_STR(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    CHECK_OK(sha256_of_parts(NULL, 0, &d));
    sha256_to_hex(&d, hex);
    CHECK(strncmp(hex, "e3b0c442", 8) == 0);
}

TEST(sha256_maker_makes_the_same_again_and_again)
{
    struct sha256_maker *maker = sha256_maker_new();
    struct bytes parts[] = { { "ab", 2 }, { "", 0 }, { "c", 1 } };
    struct sha256 d, known;

    CHECK(maker != NULL);
    CHECK_OK(sha256_of("abc", 3, &known));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(sha256_make(maker, parts, 3, &d));
        CHECK(memcmp(&d, &known, sizeof d) == 0);
        CHECK_OK(sha256_make(maker, NULL, 0, &d));
        CHECK(memcmp(&d, &known, sizeof d) != 0);
    }
    CHECK(sha256_maker_free(maker) == NULL);
    CHECK(sha256_maker_free(NULL) == NULL);
}

TEST(sha256_hex_goes_both_ways)
{
    struct sha256 d, back;
    char hex[SHA256_HEX], upper[SHA256_HEX] = "";
    CHECK_OK(sha256_of("x", 1, &d));
    sha256_to_hex(&d, hex);
    CHECK_OK(sha256_from_hex(hex, 64, &back));
    CHECK(memcmp(&d, &back, sizeof d) == 0);
    for (int i = 0; i < 64; i++)
        upper[i] = (char)(hex[i] >= 'a' ? hex[i] - 32 : hex[i]);
    CHECK_OK(sha256_from_hex(upper, 64, &back));
    CHECK(memcmp(&d, &back, sizeof d) == 0);
    memset(&back, 7, sizeof back);
    hex[63] = 'g';
    CHECK_ERR(sha256_from_hex(hex, 64, &back), ERR_SYNTAX);
    CHECK_ERR(sha256_from_hex(hex, 63, &back), ERR_SYNTAX);
    CHECK_INT(back.byte[0], 7);
}

/* RFC 4648 section 10 */
static const struct { const char *plain, *coded; } vectors[] = {
    { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" }
};

TEST(base64_vectors)
{
    struct buf b;
    buf_init(&b, 100);
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        buf_reset(&b);
        CHECK_OK(base64_add(&b, vectors[i].plain, strlen(vectors[i].plain)));
        CHECK_STR(b.data, vectors[i].coded);
        CHECK_INT(base64_size(strlen(vectors[i].plain)), b.len);
        buf_reset(&b);
        CHECK_OK(base64_decode(&b, vectors[i].coded, strlen(vectors[i].coded), 0));
        CHECK_STR(b.data, vectors[i].plain);
    }
    buf_free(&b);
}

TEST(base64url_uses_its_own_letters)
{
    struct buf b;
    buf_init(&b, 100);
    CHECK_OK(base64url_add(&b, "\xfb\xff\xfe\x01", 4));
    CHECK_STR(b.data, "-__-AQ");
    buf_reset(&b);
    CHECK_OK(base64_add(&b, "\xfb\xff\xfe\x01", 4));
    CHECK_STR(b.data, "+//+AQ==");
    buf_reset(&b);
    CHECK_OK(base64url_decode(&b, "-__-AQ", 6));
    CHECK_INT(b.len, 4);
    CHECK(memcmp(b.data, "\xfb\xff\xfe\x01", 4) == 0);
    buf_free(&b);
}

TEST(base64_decode_is_strict)
{
    static const char *const wrong[] = {
        "Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm9v=", "Zm9vYg=", "=", "====", "Zg==Zg==", "Zg=x", "Zm9v\n", " Zm9v", "Zm-v", "Zm_v", "Zm.v", "Zg=\n="
    };
    struct buf b;
    buf_init(&b, 100);
    CHECK_OK(buf_add_str(&b, "before"));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_ERR(base64_decode(&b, wrong[i], strlen(wrong[i]), 0), ERR_SYNTAX);
        CHECK_STR(b.data, "before");
    }
    CHECK_ERR(base64_decode(&b, "Zm\0v", 4, 1), ERR_SYNTAX);
    CHECK_ERR(base64_decode(&b, "Zg==\0", 5, 1), ERR_SYNTAX);
    CHECK_ERR(base64url_decode(&b, "Zg==", 4), ERR_SYNTAX);
    CHECK_ERR(base64url_decode(&b, "Zh", 2), ERR_SYNTAX);
    CHECK_ERR(base64url_decode(&b, "Z", 1), ERR_SYNTAX);
    CHECK_ERR(base64url_decode(&b, "Zm+v", 4), ERR_SYNTAX);
    CHECK_STR(b.data, "before");
    buf_free(&b);
}

TEST(base64_decode_allows_space_on_request)
{
    struct buf b;
    buf_init(&b, 100);
    CHECK_OK(base64_decode(&b, " Zm9v\r\nYg = =\t", 14, 1));
    CHECK_STR(b.data, "foob");
    buf_free(&b);
}

TEST(base64_decode_respects_the_maximum)
{
    struct buf b;
    buf_init(&b, 3);
    CHECK_OK(base64_decode(&b, "Zm9v", 4, 0));
    CHECK_STR(b.data, "foo");
    CHECK_ERR(base64_decode(&b, "Zg==", 4, 0), ERR_LIMIT);
    buf_free(&b);
    CHECK_ERR(base64_add(&b, "foo", 3), ERR_LIMIT);
    buf_free(&b);
}

/* Runs openssl with the bytes on its standard input. */
static int openssl(const char *const argv[], const char *in, size_t len, struct buf *out)
{
    int to[2], from[2], status;
    char chunk[4096];
    ssize_t n;
    CHECK_OK(pipe2(to, O_CLOEXEC));
    CHECK_OK(pipe2(from, O_CLOEXEC));
    pid_t child = fork();
    if (child == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        execvp("openssl", (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    CHECK_INT(write(to[1], in, len), len);
    close(to[1]);
    while ((n = read(from[0], chunk, sizeof chunk)) > 0)
        CHECK_OK(buf_add(out, chunk, (size_t)n));
    close(from[0]);
    CHECK_INT(waitpid(child, &status, 0), child);
    return status;
}

TEST(crypt_agrees_with_the_openssl_command_line)
{
    static const char *const digest[] = { "openssl", "dgst", "-sha256", "-r", NULL }, *const encode[] = { "openssl", "base64", "-A", NULL };
    struct buf ours, theirs, back;
    signal(SIGPIPE, SIG_IGN);
    for (size_t len = 0; len < 4000; len = len * 3 + 1) {
        static unsigned char bytes[4000];
        struct sha256 d;
        char hex[SHA256_HEX];
        buf_init(&ours, 1 << 16);
        buf_init(&theirs, 1 << 16);
        buf_init(&back, 1 << 16);
        CHECK_OK(rand_fill(bytes, len, NULL));
        if (openssl(digest, (char *)bytes, len, &theirs) != 0)
            SKIP("no openssl command");
        CHECK_OK(sha256_of(bytes, len, &d));
        sha256_to_hex(&d, hex);
        CHECK(theirs.len >= 64 && memcmp(theirs.data, hex, 64) == 0);
        buf_reset(&theirs);
        CHECK_OK(openssl(encode, (char *)bytes, len, &theirs));
        CHECK_OK(base64_add(&ours, bytes, len));
        CHECK_STR(ours.data, theirs.data);
        CHECK_OK(base64_decode(&back, theirs.data, theirs.len, 0));
        CHECK_INT(back.len, len);
        CHECK(memcmp(back.data, bytes, len) == 0);
        buf_free(&ours);
        buf_free(&theirs);
        buf_free(&back);
    }
}

TEST(rand_fill_fills_all)
{
    unsigned char a[256 + 8] = { 0 }, b[256 + 8] = { 0 };
    CHECK_OK(rand_fill(a, 256, NULL));
    CHECK_OK(rand_fill(b, 256, NULL));
    CHECK(memcmp(a, b, 256) != 0);
    CHECK(memcmp(a + 224, b + 224, 32) != 0);
    CHECK(memcmp(a + 256, b + 256, 8) == 0);
}

static void check_uuid(const char *text, char version)
{
    CHECK_INT(strlen(text), 36);
    for (int i = 0; i < 36; i++)
        CHECK(i == 8 || i == 13 || i == 18 || i == 23 ? text[i] == '-' : strchr("0123456789abcdef", text[i]) != NULL);
    CHECK_INT(text[14], version);
    CHECK(strchr("89ab", text[19]) != NULL);
}

TEST(uuid_new_is_version_4)
{
    char a[UUID_TEXT], b[UUID_TEXT];
    CHECK_OK(uuid_new(a, NULL));
    CHECK_OK(uuid_new(b, NULL));
    check_uuid(a, '4');
    check_uuid(b, '4');
    CHECK(strcmp(a, b) != 0);
}

TEST(uuid_from_seed_repeats_itself)
{
    unsigned char seed[32] = { 1, 2, 3 };
    char a[UUID_TEXT], b[UUID_TEXT];
    uuid_from_seed(seed, 7, a);
    uuid_from_seed(seed, 7, b);
    check_uuid(a, '8');
    CHECK_STR(a, b);
    uuid_from_seed(seed, 8, b);
    CHECK(strcmp(a, b) != 0);
    uuid_from_seed(seed, (uint64_t)7 << 56, b);
    CHECK(strcmp(a, b) != 0);
    seed[31] = 1;
    uuid_from_seed(seed, 7, b);
    CHECK(strcmp(a, b) != 0);
}

TEST_MAIN()
