/*
 * NAME
 *     masters - the operator's code lists
 *
 * SYNOPSIS
 *     codes_masters_load(folder, &masters, &e);
 *     codes_masters_find(masters, system, code, &display);
 *
 * DESCRIPTION
 *     A file stays in memory as it was read; rows point into it and are sorted by code. Several files may tell of one system: a code that stands in one of
 *     them is right, one that stands in none is wrong only when no file calls itself a fragment.
 *
 * DIAGNOSTICS
 *     MASTER_HEAD, MASTER_LINE, LIMIT, NOMEM, IO.
 */
#include "codes/masters.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

struct row { const char *code, *display; uint32_t code_len, display_len; };

struct master {
    struct buf text;
    struct bytes system;
    struct row *row; size_t count;
    bool fragment;
};

struct codes_masters { struct master master[CODES_MASTERS_MAX]; size_t count; };

/* Cuts the next piece up to `stop` or the end; false when nothing is left. */
static bool next_piece(struct bytes *rest, char stop, struct bytes *ret_piece)
{
    const char *end;

    if (rest->data == NULL)
        return false;
    end = memchr(rest->data, stop, rest->len);
    *ret_piece = (struct bytes){ rest->data, end != NULL ? (size_t)(end - rest->data) : rest->len };
    *rest = end != NULL ? (struct bytes){ end + 1, rest->len - ret_piece->len - 1 } : (struct bytes){ NULL, 0 };
    return true;
}

/* Without the end of a line as Windows writes it. */
static bool next_line(struct bytes *rest, struct bytes *ret_line)
{
    if (!next_piece(rest, '\n', ret_line))
        return false;
    if (ret_line->len > 0 && ret_line->data[ret_line->len - 1] == '\r')
        ret_line->len--;
    return true;
}

static bool is_word(struct bytes text, const char *word)
{
    return text.len == strlen(word) && memcmp(text.data, word, text.len) == 0;
}

static int compare_codes(struct bytes a, struct bytes b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.data, b.data, len) : 0;

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static struct bytes code_of(const struct row *row)
{
    return (struct bytes){ row->code, row->code_len };
}

static int compare_rows(const void *left, const void *right)
{
    return compare_codes(code_of(left), code_of(right));
}

static int line_error(const char *file, size_t line, struct err *e)
{
    char number[24];

    snprintf(number, sizeof number, "%zu", line);
    return err_set(e, ERR_SYNTAX, MSG_MASTER_LINE, NULL, file, number);
}

static int read_head(struct master *m, struct bytes line, const char *file, struct err *e)
{
    struct bytes word = { NULL, 0 }, kind = { NULL, 0 };
    bool fine = next_piece(&line, '\t', &word) && is_word(word, "system") && next_piece(&line, '\t', &m->system) && m->system.len > 0;

    m->fragment = fine && next_piece(&line, '\t', &kind) && is_word(kind, "fragment");
    return fine && (m->fragment || kind.len == 0 || is_word(kind, "complete")) ? 0 : err_set(e, ERR_SYNTAX, MSG_MASTER_HEAD, NULL, file, NULL);
}

static size_t line_number(const struct master *m, const char *at)
{
    size_t line = 1;

    for (const char *c = m->text.data; c < at; c++)
        line += *c == '\n';
    return line;
}

/* The first of two rows of one code, in the order of the file, is the one that counts as the mistake's place: the second is named. */
static int sort_rows(struct master *m, const char *file, struct err *e)
{
    qsort(m->row, m->count, sizeof *m->row, compare_rows);
    for (size_t i = 1; i < m->count; i++)
        if (compare_rows(&m->row[i - 1], &m->row[i]) == 0)
            return line_error(file, line_number(m, m->row[i - 1].code > m->row[i].code ? m->row[i - 1].code : m->row[i].code), e);
    return 0;
}

static int read_rows(struct master *m, struct bytes rest, const char *file, struct err *e)
{
    size_t room = 1;
    struct bytes line;

    for (struct bytes at = rest; next_line(&at, &line);)
        room++;
    m->row = calloc(room, sizeof *m->row);
    if (m->row == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "masters", NULL);
    while (next_line(&rest, &line)) {
        struct bytes at = line, code = { NULL, 0 }, display = { NULL, 0 };

        if (line.len == 0 || line.data[0] == '#')
            continue;
        (void)next_piece(&at, '\t', &code);
        (void)next_piece(&at, '\t', &display);
        if (code.len == 0 || !text_is_utf8(line.data, line.len))
            return line_error(file, line_number(m, line.data), e);
        m->row[m->count++] = (struct row){ code.data, display.data, (uint32_t)code.len, (uint32_t)display.len };
    }
    return sort_rows(m, file, e);
}

static int read_master(struct master *m, int dir, const char *file, struct err *e)
{
    static const char mark[] = "\xEF\xBB\xBF";
    struct bytes rest, line = { NULL, 0 };
    int r;

    buf_init(&m->text, CODES_MASTER_BYTES + 1);
    r = file_read(dir, file, CODES_MASTER_BYTES, &m->text, e);
    if (r < 0)
        return r;
    rest = (struct bytes){ m->text.data, m->text.len };
    if (rest.len >= 3 && memcmp(rest.data, mark, 3) == 0) /* what a spreadsheet writes */
        rest = (struct bytes){ rest.data + 3, rest.len - 3 };
    (void)next_line(&rest, &line);
    r = read_head(m, line, file, e);
    return r < 0 ? r : read_rows(m, rest, file, e);
}

static bool is_master(const char *name)
{
    const char *dot = strrchr(name, '.');

    return name[0] != '.' && dot != NULL && strcmp(dot, ".tsv") == 0;
}

int codes_masters_load(const char *folder, struct codes_masters **ret_masters, struct err *e)
{
    struct codes_masters *all = calloc(1, sizeof *all);
    struct dirent **entry = NULL;
    int dir = dir_open(AT_FDCWD, folder, e), count = -1, r = dir < 0 ? dir : 0;

    if (all == NULL)
        r = err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "masters", NULL);
    if (r == 0 && (count = scandirat(dir, ".", &entry, NULL, alphasort)) < 0)
        r = err_set_errno(e, MSG_IO, folder, "readdir");
    for (int i = 0; i < count; i++) {
        if (r == 0 && is_master(entry[i]->d_name) && all->count == CODES_MASTERS_MAX)
            r = err_set(e, ERR_LIMIT, MSG_LIMIT, folder, entry[i]->d_name, NULL);
        else if (r == 0 && is_master(entry[i]->d_name))
            r = read_master(&all->master[all->count++], dir, entry[i]->d_name, e);
        free(entry[i]);
    }
    free(entry);
    if (dir >= 0)
        close(dir);
    if (r < 0) {
        codes_masters_free(all);
        return r;
    }
    *ret_masters = all;
    return 0;
}

struct codes_masters *codes_masters_free(struct codes_masters *all)
{
    for (size_t i = 0; all != NULL && i < all->count; i++) {
        buf_free(&all->master[i].text);
        free(all->master[i].row);
    }
    free(all);
    return NULL;
}

size_t codes_masters_count(const struct codes_masters *all)
{
    return all != NULL ? all->count : 0;
}

enum codes_answer codes_masters_find(const struct codes_masters *all, struct bytes system, struct bytes code, struct bytes *ret_display)
{
    enum codes_answer answer = CODES_UNKNOWN;
    bool open = false;

    for (size_t i = 0; all != NULL && i < all->count; i++) {
        const struct master *m = &all->master[i];
        struct row wanted = { .code = code.data, .code_len = (uint32_t)code.len };
        const struct row *row;

        if (compare_codes(m->system, system) != 0)
            continue;
        row = m->count > 0 ? bsearch(&wanted, m->row, m->count, sizeof wanted, compare_rows) : NULL;
        if (row != NULL) {
            *ret_display = (struct bytes){ row->display, row->display_len };
            return CODES_YES;
        }
        open = open || m->fragment;
        answer = CODES_NO;
    }
    return open ? CODES_UNKNOWN : answer;
}
