/*
 * NAME
 *     conf - configuration files and interface profiles
 *
 * SYNOPSIS
 *     conf_parse(file, bytes, len, arena, faults, &conf, &e); conf_apply(conf, conf_find(conf, "link", NULL), table, &target, arena, &e);
 *
 * DESCRIPTION
 *     conf_parse() knows lines only; what a key means is known to the caller's table, which conf_apply() runs. A value is turned into its type in
 *     one function a type, listed in `types`; each also says in words what it would have taken.
 *
 * DIAGNOSTICS
 *     ERR_SYNTAX and ERR_INVALID with "file:line", a message CG-10xx, the key and what is allowed; ERR_NOMEM.
 */
#include "base/conf.h"

#include <stdio.h>
#include <string.h>
#include "base/buf.h"
#include "base/text.h"

enum { FILE_MAX = 1 << 20, SECTIONS_MAX = 4096, LINE_MAX_BYTES = 16 * 1024, ALLOWED_MAX = ERR_ARG_MAX, PLACE_MAX = ERR_PLACE_MAX };

#define KEY_CHARS "A-Za-z0-9_./[]-"
#define KIND_CHARS "A-Za-z0-9_.-"

/* ---- lines ---- */

struct reader {
    const char *file;
    struct arena *arena;
    struct conf_section **section_end;
    unsigned section_count;
    struct conf_section *section;       /* that lines go to */
    struct conf_line **line_end;
    uint32_t line;
    struct conf *conf;
    struct err *e;
};

static void place_of(const char *file, uint32_t line, char ret_place[static PLACE_MAX])
{
    /* The number is what must survive when the name is long. */
    char number[16];
    int digits = snprintf(number, sizeof number, ":%u", line);
    size_t len = text_copy(ret_place, PLACE_MAX - (size_t)digits, file);
    memcpy(ret_place + len, number, (size_t)digits + 1);
}

static int fail_at(struct err *e, enum err_code code, enum msg_id msg, const char *file, uint32_t line, const char *arg1, const char *arg2)
{
    char place[PLACE_MAX];
    place_of(file, line, place);
    err_set(e, code, msg, place, arg1, arg2);
    if (e != NULL)
        e->line = line;
    return code;
}

static int syntax(const struct reader *r, const char *what)
{
    return fail_at(r->e, ERR_SYNTAX, MSG_CONF_SYNTAX, r->file, r->line, what, NULL);
}

static int out_of_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "configuration", NULL);
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static const char *skip_blank(const char *p, const char *end)
{
    while (p < end && is_blank(*p))
        p++;
    return p;
}

static const char *trim_end(const char *start, const char *end)
{
    while (end > start && is_blank(end[-1]))
        end--;
    return end;
}

/* After a header or a quoted value only a comment may follow. */
static int only_comment(const char *p, const char *end)
{
    const char *q = skip_blank(p, end);
    return q == end || (*q == '#' && q > p);
}

static struct conf_section *section_new(struct reader *r, const char *kind, const char *name)
{
    struct conf_section *s = arena_alloc(r->arena, sizeof *s);
    if (s == NULL)
        return NULL;
    s->kind = kind;
    s->name = name;
    s->line = r->line;
    r->section = s;
    r->line_end = &s->lines;
    return s;
}

static int section_add(struct reader *r, const char *kind, const char *name)
{
    if (++r->section_count > SECTIONS_MAX)
        return syntax(r, MSG_WORDS("more than 4096 sections", "節が 4096 を超えています"));
    for (const struct conf_section *s = r->conf->sections; s != NULL && kind[0] != '\0'; s = s->next)
        if (strcmp(s->kind, kind) == 0 && strcmp(s->name, name) == 0) {
            char title[ALLOWED_MAX], first[16];
            snprintf(title, sizeof title, "%s%s%s", kind, name[0] != '\0' ? " " : "", name);
            snprintf(first, sizeof first, "%u", s->line);
            return fail_at(r->e, ERR_SYNTAX, MSG_CONF_DUPLICATE_SECTION, r->file, r->line, title, first);
        }
    struct conf_section *s = section_new(r, kind, name);
    if (s == NULL)
        return out_of_memory(r->e);
    *r->section_end = s;
    r->section_end = &s->next;
    return 0;
}

static int read_header(struct reader *r, const char *p, const char *end)
{
    const char *close = memchr(p, ']', (size_t)(end - p));
    if (close == NULL)
        return syntax(r, MSG_WORDS("section header without ]", "節の見出しに ] がありません"));
    if (!only_comment(close + 1, end))
        return syntax(r, MSG_WORDS("text after the section header", "節の見出しの後に余分な文字があります"));
    const char *kind = skip_blank(p + 1, close), *stop = trim_end(kind, close), *kind_end = kind;
    while (kind_end < stop && !is_blank(*kind_end))
        kind_end++;
    const char *name = skip_blank(kind_end, stop);
    if (kind == kind_end || !text_all_of(kind, (size_t)(kind_end - kind), KIND_CHARS))
        return syntax(r, MSG_WORDS("section kind must be of letters, digits, _ . -", "節の種類は英数字と _ . - で書きます"));
    char *kind_text = arena_strndup(r->arena, kind, (size_t)(kind_end - kind));
    char *name_text = arena_strndup(r->arena, name, (size_t)(stop - name));
    if (kind_text == NULL || name_text == NULL)
        return out_of_memory(r->e);
    return section_add(r, kind_text, name_text);
}

static int read_quoted(struct reader *r, const char *p, const char *end, char **ret_value)
{
    char *value = arena_alloc(r->arena, (size_t)(end - p) + 1);
    size_t len = 0;
    if (value == NULL)
        return out_of_memory(r->e);
    for (p++; p < end && *p != '"'; p++) {
        if (*p != '\\') {
            value[len++] = *p;
            continue;
        }
        static const char from[] = "\"\\nt", to[] = "\"\\\n\t";
        const char *known = ++p < end ? memchr(from, *p, sizeof from - 1) : NULL;
        if (known == NULL)
            return syntax(r, MSG_WORDS("only \\\" \\\\ \\n \\t may follow a backslash", "\\ の後には \" \\ n t だけを置けます"));
        value[len++] = to[known - from];
    }
    if (p == end)
        return syntax(r, MSG_WORDS("quoted value without its closing quote", "値を閉じる引用符がありません"));
    if (!only_comment(p + 1, end))
        return syntax(r, MSG_WORDS("text after the closing quote", "引用符の後に余分な文字があります"));
    *ret_value = value;
    return 0;
}

static int read_plain(struct reader *r, const char *p, const char *end, char **ret_value)
{
    const char *stop = p;
    while (stop < end && !(*stop == '#' && (stop == p || is_blank(stop[-1]))))
        stop++;
    *ret_value = arena_strndup(r->arena, p, (size_t)(trim_end(p, stop) - p));
    return *ret_value != NULL ? 0 : out_of_memory(r->e);
}

static int read_pair(struct reader *r, const char *p, const char *end)
{
    const char *equals = memchr(p, '=', (size_t)(end - p));
    if (equals == NULL)
        return syntax(r, MSG_WORDS("neither [section] nor key = value", "[節] でも 項目 = 値 でもありません"));
    const char *key_end = trim_end(p, equals);
    if (key_end == p || !text_all_of(p, (size_t)(key_end - p), KEY_CHARS))
        return syntax(r, MSG_WORDS("a key must be of letters, digits, _ - . / [ ]", "項目名は英数字と _ - . / [ ] で書きます"));
    char *key = arena_strndup(r->arena, p, (size_t)(key_end - p)), *value = NULL;
    struct conf_line *line = arena_alloc(r->arena, sizeof *line);
    if (key == NULL || line == NULL)
        return out_of_memory(r->e);
    const char *start = skip_blank(equals + 1, end);
    int result = start < end && *start == '"' ? read_quoted(r, start, end, &value) : read_plain(r, start, end, &value);
    if (result < 0)
        return result;
    line->key = key;
    line->value = value;
    line->line = r->line;
    *r->line_end = line;
    r->line_end = &line->next;
    return 0;
}

static int read_line(struct reader *r, const char *p, const char *end)
{
    if (end > p && end[-1] == '\r')
        end--;
    if (end - p > LINE_MAX_BYTES)
        return syntax(r, MSG_WORDS("line longer than 16 KiB", "1 行が 16 KiB を超えています"));
    if (!text_is_utf8(p, (size_t)(end - p)))
        return syntax(r, MSG_WORDS("not UTF-8", "UTF-8 ではありません"));
    if (text_find_control(p, (size_t)(end - p), true) >= 0 || memchr(p, '\r', (size_t)(end - p)) != NULL)
        return syntax(r, MSG_WORDS("control character, byte order mark or private-use character", "制御文字、BOM または外字があります"));
    p = skip_blank(p, end);
    if (p == end || *p == '#')
        return 0;
    return *p == '[' ? read_header(r, p, end) : read_pair(r, p, end);
}

int conf_fault(struct conf *conf, int r, struct err *e)
{
    char most[16];
    if (conf->faults == NULL || e == NULL || (r != ERR_SYNTAX && r != ERR_INVALID))
        return r;
    if (conf->told == CONF_FAULTS_MAX) {
        snprintf(most, sizeof most, "%d", CONF_FAULTS_MAX);
        return err_set(e, r, MSG_CONF_MANY, conf->file, most, NULL);
    }
    conf->told_line[conf->told++] = e->line;
    conf->faults->tell(conf->faults->context, e);
    err_clear(e);
    return 0;
}

/* A mistake of the line that was read; what follows a header with one belongs to no section: it is read, and kept out. */
static int tell_line(struct reader *r, int result, bool header)
{
    result = conf_fault(r->conf, result, r->e);
    if (result < 0)
        return result;
    r->section->unread = true;
    if (!header)
        return 0;
    r->conf->header_unread = true;
    return section_new(r, "", "") != NULL ? 0 : out_of_memory(r->e);
}

int conf_parse(const char *file, const char *bytes, size_t len, struct arena *arena, const struct conf_faults *faults, struct conf **ret_conf, struct err *e)
{
    struct reader r = { .file = arena_strdup(arena, file), .arena = arena, .line = 1, .e = e };
    const char *p = bytes, *end = bytes + len;
    int result;
    r.conf = arena_alloc(arena, sizeof *r.conf);
    if (r.file == NULL || r.conf == NULL)
        return out_of_memory(e);
    r.conf->file = r.file;
    r.conf->faults = faults;
    if (len > FILE_MAX)
        return syntax(&r, MSG_WORDS("file larger than 1 MiB", "ファイルが 1 MiB を超えています"));
    r.section_end = &r.conf->sections;
    if ((result = section_add(&r, "", "")) < 0)
        return result;
    for (; p < end; r.line++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        const char *line_end = newline != NULL ? newline : end;
        if ((result = read_line(&r, p, line_end)) < 0 && (result = tell_line(&r, result, *skip_blank(p, line_end) == '[')) < 0)
            return result;
        p = newline != NULL ? newline + 1 : end;
    }
    *ret_conf = r.conf;
    return 0;
}

const struct conf_section *conf_find(const struct conf *conf, const char *kind, const char *name)
{
    for (const struct conf_section *s = conf->sections; s != NULL; s = s->next)
        if (strcmp(s->kind, kind) == 0 && (name == NULL || strcmp(s->name, name) == 0))
            return s;
    return NULL;
}

/* ---- values ---- */

struct unit { const char *name; int64_t factor; };

static const struct unit time_units[] = {
    { "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 }, { "h", 3600 * 1000 }, { "d", 24 * 3600 * 1000 }, { NULL, 0 }
};
static const struct unit size_units[] = {
    { "", 1 }, { "B", 1 }, { "KB", 1000 }, { "MB", 1000 * 1000 }, { "GB", 1000 * 1000 * 1000 },
    { "KiB", 1 << 10 }, { "MiB", 1 << 20 }, { "GiB", 1 << 30 }, { NULL, 0 }
};

static const struct unit no_units[] = { { "", 1 }, { NULL, 0 } };

static int64_t upper(const struct conf_key *key)
{
    return key->max != 0 || key->min < 0 ? key->max : INT64_MAX;
}

static int in_range(const struct conf_key *key, int64_t value)
{
    return value >= key->min && value <= upper(key);
}

static int measure_read(const struct conf_key *key, const char *text, const struct unit *units, int64_t *ret_value)
{
    size_t digits = strspn(text, "0123456789");
    int64_t value;
    if (text_to_int64(text, digits, 0, INT64_MAX, &value) < 0)
        return ERR_INVALID;
    for (const struct unit *u = units; u->name != NULL; u++)
        if (strcmp(u->name, text + digits) == 0) {
            if (__builtin_mul_overflow(value, u->factor, &value) || !in_range(key, value))
                return ERR_INVALID;
            *ret_value = value;
            return 0;
        }
    return ERR_INVALID;
}

static int read_text(const struct conf_key *key, const char *text, void *target)
{
    (void)key;
    memcpy(target, &text, sizeof text);
    return 0;
}

static int read_int(const struct conf_key *key, const char *text, void *target)
{
    int64_t value;
    if (text_to_int64(text, strlen(text), INT64_MIN, INT64_MAX, &value) < 0 || !in_range(key, value))
        return ERR_INVALID;
    memcpy(target, &value, sizeof value);
    return 0;
}

static int read_bool(const struct conf_key *key, const char *text, void *target)
{
    (void)key;
    bool value = strcmp(text, "yes") == 0;
    if (!value && strcmp(text, "no") != 0)
        return ERR_INVALID;
    memcpy(target, &value, sizeof value);
    return 0;
}

static int read_time(const struct conf_key *key, const char *text, void *target)
{
    int64_t value;
    if (measure_read(key, text, time_units, &value) < 0)
        return ERR_INVALID;
    memcpy(target, &value, sizeof value);
    return 0;
}

static int read_size(const struct conf_key *key, const char *text, void *target)
{
    int64_t value;
    if (measure_read(key, text, size_units, &value) < 0)
        return ERR_INVALID;
    memcpy(target, &value, sizeof value);
    return 0;
}

static int read_enum(const struct conf_key *key, const char *text, void *target)
{
    for (int i = 0; key->names[i] != NULL; i++)
        if (strcmp(key->names[i], text) == 0) {
            memcpy(target, &i, sizeof i);
            return 0;
        }
    return ERR_INVALID;
}

/* What the type would have taken, in words for the operator; a buffer that is full has said enough. */
static void describe_measure(struct buf *b, int64_t value, const struct unit *units)
{
    const struct unit *best = units;
    for (const struct unit *u = units; u->name != NULL; u++)
        if (value != 0 && value % u->factor == 0 && u->factor > best->factor)
            best = u;
    buf_addf(b, "%lld%s", (long long)(value / best->factor), best->name);
}

static void describe_range(struct buf *b, const struct conf_key *key, const char *form, const struct unit *units)
{
    bool ends = (key->max != 0 || key->min < 0) && key->max != INT64_MAX;
    buf_addf(b, "%s%s", form, ends ? "" : ">= ");
    describe_measure(b, key->min, units);
    if (!ends)
        return;
    buf_add_str(b, " .. ");
    describe_measure(b, key->max, units);
}

static void describe_int(struct buf *b, const struct conf_key *key) { describe_range(b, key, "", no_units); }
static void describe_bool(struct buf *b, const struct conf_key *key) { (void)key; buf_add_str(b, "yes, no"); }
static void describe_time(struct buf *b, const struct conf_key *key) { describe_range(b, key, "250ms 5s 3m 2h 7d; ", time_units); }
static void describe_size(struct buf *b, const struct conf_key *key) { describe_range(b, key, "4096 512KB 10MB 10MiB; ", size_units); }

static void describe_enum(struct buf *b, const struct conf_key *key)
{
    for (size_t i = 0; key->names[i] != NULL; i++)
        buf_addf(b, "%s%s", i > 0 ? ", " : "", key->names[i]);
}

static const struct {
    size_t size;
    int (*read)(const struct conf_key *key, const char *text, void *target);
    void (*describe)(struct buf *b, const struct conf_key *key);
} types[] = {
    [CONF_TEXT] = { sizeof(const char *), read_text, NULL },
    [CONF_INT] = { sizeof(int64_t), read_int, describe_int },
    [CONF_BOOL] = { sizeof(bool), read_bool, describe_bool },
    [CONF_TIME] = { sizeof(int64_t), read_time, describe_time },
    [CONF_SIZE] = { sizeof(int64_t), read_size, describe_size },
    [CONF_ENUM] = { sizeof(int), read_enum, describe_enum },
};

/* ---- tables ---- */

struct job { struct conf *conf; const struct conf_section *section; char *target; struct arena *arena; struct err *e; };

static int bad_value(const struct job *job, const struct conf_key *key, uint32_t line)
{
    struct buf allowed;
    buf_init(&allowed, ALLOWED_MAX - 1);
    types[key->type].describe(&allowed, key);
    int r = fail_at(job->e, ERR_INVALID, MSG_CONF_BAD_VALUE, job->conf->file, line, key->key, allowed.data);
    buf_free(&allowed);
    return r;
}

static int unknown_key(const struct job *job, const struct conf_line *line, const struct conf_key *table)
{
    struct buf allowed;
    buf_init(&allowed, 4096);  /* struct err cuts it */
    for (const struct conf_key *key = table; key->key != NULL; key++)
        buf_addf(&allowed, "%s%s", key > table ? ", " : "", key->key);
    int r = fail_at(job->e, ERR_INVALID, MSG_CONF_UNKNOWN_KEY, job->conf->file, line->line, line->key, allowed.data);
    buf_free(&allowed);
    return r;
}

static const struct conf_line *find_line(const struct conf_line *from, const char *key)
{
    for (; from != NULL; from = from->next)
        if (strcmp(from->key, key) == 0)
            return from;
    return NULL;
}

static int apply_list(const struct job *job, const struct conf_key *key, const struct conf_line *first)
{
    const struct conf_line fallback = { .key = key->key, .value = key->fallback };
    struct conf_list list = { NULL, NULL, 0 };
    size_t count = 0;
    if (first == NULL && key->fallback != NULL)
        first = &fallback;
    for (const struct conf_line *l = first; l != NULL; l = find_line(l->next, key->key))
        count++;
    list.item = arena_array(job->arena, count, sizeof *list.item);
    list.line = arena_array(job->arena, count, sizeof *list.line);
    if (list.item == NULL || list.line == NULL)
        return out_of_memory(job->e);
    for (const struct conf_line *l = first; l != NULL; l = find_line(l->next, key->key)) {
        list.item[list.count] = l->value;
        list.line[list.count++] = l->line;
    }
    memcpy(job->target + key->offset, &list, sizeof list);
    return 0;
}

static int missing_key(const struct job *job, const struct conf_key *key)
{
    char title[ALLOWED_MAX] = "";
    if (job->section != NULL && job->section->unread)
        return 0;
    if (job->section != NULL && job->section->kind[0] != '\0')
        snprintf(title, sizeof title, "[%s%s%s]", job->section->kind, job->section->name[0] != '\0' ? " " : "", job->section->name);
    return fail_at(job->e, ERR_INVALID, MSG_CONF_MISSING_KEY, job->conf->file, job->section != NULL ? job->section->line : 1, key->key, title);
}

/* Each line that gives the key again. */
static int repeated_key(const struct job *job, const struct conf_line *first)
{
    char number[16];
    int r = 0;
    snprintf(number, sizeof number, "%u", first->line);
    for (const struct conf_line *l = find_line(first->next, first->key); r == 0 && l != NULL; l = find_line(l->next, l->key))
        r = conf_fault(job->conf, fail_at(job->e, ERR_INVALID, MSG_CONF_DUPLICATE_KEY, job->conf->file, l->line, l->key, number), job->e);
    return r;
}

static int apply_key(const struct job *job, const struct conf_key *key)
{
    const struct conf_line *first = job->section != NULL ? find_line(job->section->lines, key->key) : NULL;
    char *value = job->target + key->offset;
    int r = 0;
    if (first == NULL && key->required)
        r = conf_fault(job->conf, missing_key(job, key), job->e);
    if (r < 0 || key->type == CONF_LIST)
        return r < 0 ? r : apply_list(job, key, first);
    memset(value, 0, types[key->type].size);
    if (key->fallback != NULL && types[key->type].read(key, key->fallback, value) < 0)
        return err_set(job->e, ERR_INTERNAL, MSG_INTERNAL, NULL, "bad default", key->key);
    if (first == NULL)
        return 0;
    r = repeated_key(job, first);
    if (r == 0 && types[key->type].read(key, first->value, value) < 0)
        r = conf_fault(job->conf, bad_value(job, key, first->line), job->e);
    return r;
}

int conf_apply(struct conf *conf, const struct conf_section *section, const struct conf_key *table, void *target, struct arena *arena, struct err *e)
{
    const struct job job = { conf, section, target, arena, e };
    int r = 0;
    for (const struct conf_line *l = section != NULL ? section->lines : NULL; l != NULL && r == 0; l = l->next) {
        const struct conf_key *key = table;
        while (key->key != NULL && strcmp(key->key, l->key) != 0)
            key++;
        if (key->key == NULL)
            r = conf_fault(conf, unknown_key(&job, l, table), e);
    }
    for (const struct conf_key *key = table; key->key != NULL && r == 0; key++)
        r = apply_key(&job, key);
    return r;
}

static bool is_told(const struct conf *conf, uint32_t line)
{
    for (size_t i = 0; i < conf->told; i++)
        if (conf->told_line[i] == line)
            return true;
    return false;
}

bool conf_sound(const struct conf *conf, const struct conf_section *section, const char *key)
{
    for (const struct conf_line *l = section != NULL ? find_line(section->lines, key) : NULL; l != NULL; l = find_line(l->next, key))
        if (is_told(conf, l->line))
            return false;
    return true;
}

bool conf_given(const struct conf *conf, const struct conf_section *section, const char *key)
{
    return section != NULL && find_line(section->lines, key) != NULL && conf_sound(conf, section, key);
}
