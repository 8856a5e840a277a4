/*
 * NAME
 *      validate_pool - many files, several threads, one order
 *
 * DESCRIPTION
 *      Threads take the next file, check it and leave its text; the first thread prints the texts in the order of the list. Profiles and terminology are read-only and shared, each
 *      thread has its own arena and its own session of the validator. A thread does not run further ahead of the printer than AHEAD files a thread, so that memory does not grow with the list.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/file.h"
#include "cli/validate_cmd.h"

#define INPUT_MAX ((size_t)1 << 30)
#define ARENA_MAX ((size_t)16 << 30)
#define TEXT_MAX ((size_t)256 << 20)

enum { AHEAD = 8, ISSUES_MAX = 4096, PROGRESS_MS = 100, BIG = 16 << 20, DEEP = 64, NODES_MAX = 200000000 };

/* What came out of one file. */
struct result { struct buf text; struct err e; int status; bool done; };

struct pool {
    const struct validate_job *job;
    const struct validate_names *files;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t next, printed;      /* first file that nobody has taken; first one that is not printed */
    struct result *window;     /* ring of `room` results */
    size_t room;
};

/* One thread's own. */
struct bench { struct arena *arena; struct validate_session *session; struct buf input; };

static int read_standard_input(struct buf *text, struct err *e)
{
    char block[65536];
    ssize_t n = 1;

    while (n > 0 && text->failed == 0) {
        n = read(STDIN_FILENO, block, sizeof block);
        if (n < 0 && errno != EINTR)
            return err_set_errno(e, MSG_IO, "-", "read");
        if (n > 0)
            (void)buf_add(text, block, (size_t)n);
        n = n < 0 ? 1 : n;
    }
    return text->failed == 0 ? 0 : err_set(e, text->failed, MSG_LIMIT, "-", "-", NULL);
}

/* The gateway's reader takes no document that large; a person who names the file means it. What cannot be read here is said by the validator. */
static const struct json_node *read_big(struct bench *bench)
{
    static const struct json_limits limits = { INPUT_MAX, DEEP, NODES_MAX };
    const struct json_node *root = NULL;

    if (bench->input.len >= BIG)
        (void)json_parse(bench->input.data, bench->input.len, &limits, bench->arena, &root, NULL);
    return root;
}

/* A vendor's request is easily given to the wrong command: it is told what it is, not that it lacks a resourceType. */
static void know_vendor_request(struct bench *bench, struct issue_list *list)
{
    const struct json_node *root = NULL;

    if (list->count == 1 && list->first->msg == MSG_VALIDATE_RESOURCE_TYPE
        && json_parse(bench->input.data, bench->input.len, NULL, bench->arena, &root, NULL) == 0
        && json_get(root, "resourceType") == NULL && json_is(json_get(root, "units"), JSON_ARRAY))
        list->first->msg = MSG_CLI_VENDOR_REQUEST;
}

static void check_file(const struct validate_job *job, struct bench *bench, const char *file, struct result *result)
{
    struct validate_request request = { .reading = job->reading, .profile = job->profile, .set = job->set, .terms = job->terms, .session = bench->session };
    struct issue_list list;
    int r;

    result->e = (struct err)ERR_INIT;
    buf_reset(&bench->input);
    arena_reset(bench->arena);
    issues_init(&list, bench->arena);
    list.max = ISSUES_MAX;
    r = strcmp(file, "-") == 0 ? read_standard_input(&bench->input, &result->e) : file_read(AT_FDCWD, file, INPUT_MAX, &bench->input, &result->e);
    if (r == 0) {
        request.bytes = bench->input.data;
        request.len = bench->input.len;
        request.root = read_big(bench);
        r = validate_bytes(&request, &list, &result->e);
        know_vendor_request(bench, &list);
    }
    if (r == ERR_NOTFOUND)
        err_set(&result->e, r, MSG_NOT_FOUND, NULL, file, NULL);
    if (r == 0 && list.failed)
        r = err_set(&result->e, ERR_NOMEM, MSG_NOMEM, file, "validate", NULL);
    if (r < 0)
        validate_form_failure(job, file, &result->e, &result->text);
    else
        validate_form_issues(job, file, &list, &result->text);
    if (result->text.failed != 0) { /* too many findings to tell */
        r = err_set(&result->e, (enum err_code)result->text.failed, MSG_LIMIT, file, file, NULL);
        buf_reset(&result->text);
        validate_form_failure(job, file, &result->e, &result->text);
    }
    result->status = r < 0 ? VALIDATE_NOT_CHECKED : list.errors > 0 ? CLI_FAILED : CLI_DONE;
}

static bool bench_make(struct bench *bench)
{
    buf_init(&bench->input, INPUT_MAX);
    bench->arena = arena_new(ARENA_MAX);
    bench->session = validate_session_new();
    return bench->arena != NULL && bench->session != NULL;
}

static void bench_free(struct bench *bench)
{
    buf_free(&bench->input);
    arena_free(bench->arena);
    validate_session_free(bench->session);
}

/* ---- telling ---- */

struct teller { const struct validate_job *job; size_t total, done; int worst; int64_t shown; bool line; };

static int64_t now_ms(void)
{
    struct timespec t = { 0, 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void progress_clear(struct teller *t)
{
    if (t->line)
        (void)fputs("\r\033[K", stderr);
    t->line = false;
}

static void progress(struct teller *t, const char *file)
{
    int64_t now = t->job->progress ? now_ms() : 0;

    if (!t->job->progress || now - t->shown < PROGRESS_MS)
        return;
    t->shown = now;
    t->line = true;
    (void)fprintf(stderr, "\r\033[K%zu/%zu %.60s", t->done, t->total, file);
}

static void tell(struct teller *t, const char *file, struct result *result)
{
    progress_clear(t);
    if (t->job->form == FORM_TEXT && result->e.msg != MSG_NONE && result->status == VALIDATE_NOT_CHECKED)
        (void)cli_say_err(t->job->c, VALIDATE_NOT_CHECKED, &result->e);
    t->done++;
    if (t->done < t->total)
        validate_form_next(t->job, &result->text);
    t->worst = result->status > t->worst ? result->status : t->worst;
    if (cli_print(&result->text) != CLI_DONE)
        t->worst = VALIDATE_NOT_CHECKED;
    buf_reset(&result->text);
    progress(t, file);
}

static void tell_frame(struct teller *t, void (*what)(const struct validate_job *job, int exit, struct buf *out))
{
    struct buf text;

    buf_init(&text, TEXT_MAX);
    what(t->job, t->worst, &text);
    if (text.failed != 0 || cli_print(&text) != CLI_DONE)
        t->worst = VALIDATE_NOT_CHECKED;
    buf_free(&text);
}

static void begin(const struct validate_job *job, int exit, struct buf *out)
{
    (void)exit;
    validate_form_begin(job, out);
}

/* ---- one thread, several threads ---- */

static void run_alone(struct teller *t, const struct validate_names *files)
{
    struct result result = { .done = false };
    struct bench bench;

    buf_init(&result.text, TEXT_MAX);
    if (!bench_make(&bench))
        t->worst = cli_say(t->job->c, VALIDATE_NOT_CHECKED, MSG_NOMEM, "validate", NULL);
    for (size_t i = 0; bench.arena != NULL && i < files->count; i++) {
        check_file(t->job, &bench, files->name[i], &result);
        tell(t, files->name[i], &result);
    }
    bench_free(&bench);
    buf_free(&result.text);
}

static void *work(void *self)
{
    struct pool *p = self;
    struct bench bench;
    bool fine = bench_make(&bench);

    (void)pthread_mutex_lock(&p->lock);
    while (p->next < p->files->count) {
        size_t i = p->next;
        struct result *result = &p->window[i % p->room];
        if (i >= p->printed + p->room) {
            (void)pthread_cond_wait(&p->changed, &p->lock);
            continue;
        }
        p->next++;
        (void)pthread_mutex_unlock(&p->lock);
        if (fine)
            check_file(p->job, &bench, p->files->name[i], result);
        else
            result->status = err_set(&result->e, ERR_NOMEM, MSG_NOMEM, p->files->name[i], "validate", NULL) < 0 ? VALIDATE_NOT_CHECKED : CLI_DONE;
        (void)pthread_mutex_lock(&p->lock);
        result->done = true;
        (void)pthread_cond_broadcast(&p->changed);
    }
    (void)pthread_mutex_unlock(&p->lock);
    bench_free(&bench);
    return NULL;
}

static void print_in_order(struct pool *p, struct teller *t)
{
    for (size_t i = 0; i < p->files->count; i++) {
        struct result *result = &p->window[i % p->room];
        (void)pthread_mutex_lock(&p->lock);
        while (!result->done)
            (void)pthread_cond_wait(&p->changed, &p->lock);
        (void)pthread_mutex_unlock(&p->lock);
        tell(t, p->files->name[i], result); /* nobody else touches it until `printed` moves on */
        (void)pthread_mutex_lock(&p->lock);
        result->done = false;
        p->printed = i + 1;
        (void)pthread_cond_broadcast(&p->changed);
        (void)pthread_mutex_unlock(&p->lock);
    }
}

/* False when not even one thread could be started. */
static bool run_together(struct teller *t, const struct validate_names *files)
{
    struct pool p = { .job = t->job, .files = files, .room = (size_t)t->job->jobs * AHEAD };
    pthread_t thread[VALIDATE_JOBS_MAX];
    unsigned started = 0;

    p.window = arena_array(files->arena, p.room, sizeof *p.window);
    if (p.window == NULL || pthread_mutex_init(&p.lock, NULL) != 0)
        return false;
    (void)pthread_cond_init(&p.changed, NULL);
    for (size_t i = 0; i < p.room; i++)
        buf_init(&p.window[i].text, TEXT_MAX);
    while (started < t->job->jobs && pthread_create(&thread[started], NULL, work, &p) == 0)
        started++;
    if (started > 0)
        print_in_order(&p, t);
    for (unsigned i = 0; i < started; i++)
        (void)pthread_join(thread[i], NULL);
    for (size_t i = 0; i < p.room; i++)
        buf_free(&p.window[i].text);
    (void)pthread_cond_destroy(&p.changed);
    (void)pthread_mutex_destroy(&p.lock);
    return started > 0;
}

int validate_pool_run(const struct validate_job *job, const struct validate_names *files)
{
    struct teller t = { .job = job, .total = files->count, .worst = CLI_DONE };

    tell_frame(&t, begin);
    if (job->jobs <= 1 || files->count <= 1 || !run_together(&t, files))
        run_alone(&t, files);
    progress_clear(&t);
    tell_frame(&t, validate_form_end);
    return t.worst;
}
