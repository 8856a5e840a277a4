/*
 * NAME
 *      writer - trees of named values for programs
 *
 * DESCRIPTION
 *      Thin steps over cJSON that remember a failure, so that a long list of members reads as a list.
 *
 * DIAGNOSTICS
 *      ERR_NOMEM, ERR_LIMIT; nothing is logged.
 */
#include "base/err.h"
#include "base/timefmt.h"
#include "report/writer.h"

static void note(struct writer *w, bool good)
{
    w->ok = w->ok && good;
}

void writer_put_text(struct writer *w, cJSON *to, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0')
        note(w, cJSON_AddStringToObject(to, name, text) != NULL);
}

void writer_put_number(struct writer *w, cJSON *to, const char *name, int64_t value)
{
    note(w, cJSON_AddNumberToObject(to, name, (double)value) != NULL);
}

void writer_put_count(struct writer *w, cJSON *to, const char *name, int64_t value)
{
    if (value != 0)
        writer_put_number(w, to, name, value);
}

void writer_put_bool(struct writer *w, cJSON *to, const char *name, bool value)
{
    note(w, cJSON_AddBoolToObject(to, name, value) != NULL);
}

void writer_put_yes(struct writer *w, cJSON *to, const char *name, bool value)
{
    if (value)
        writer_put_bool(w, to, name, true);
}

void writer_put_time(struct writer *w, cJSON *to, const char *name, int64_t wall_ms)
{
    char text[TIME_TEXT_MAX];

    if (wall_ms == 0)
        return;
    time_format_jst_ms(wall_ms, text);
    writer_put_text(w, to, name, text);
}

void writer_put_sentence(struct writer *w, cJSON *to, const char *name, enum msg_id msg, enum msg_severity as, const char *arg1, const char *arg2)
{
    char text[2048], next[MSG_NEXT_MAX];

    msg_format(msg, w->lang, arg1, arg2, text, sizeof text);
    writer_put_text(w, to, "code", msg_get(msg)->code);
    writer_put_text(w, to, name, text);
    msg_next(msg, as, w->lang, next);
    writer_put_text(w, to, "what_to_do", next);
}

cJSON *writer_put_list(struct writer *w, cJSON *to, const char *name)
{
    cJSON *array = cJSON_AddArrayToObject(to, name);

    note(w, array != NULL);
    return array;
}

cJSON *writer_put_object(struct writer *w, cJSON *to, const char *name)
{
    cJSON *object = cJSON_AddObjectToObject(to, name);

    note(w, object != NULL);
    return object;
}

cJSON *writer_put_item(struct writer *w, cJSON *array)
{
    cJSON *object = cJSON_CreateObject();

    if (object == NULL || array == NULL || !cJSON_AddItemToArray(array, object)) {
        cJSON_Delete(object);
        w->ok = false;
        return NULL;
    }
    return object;
}

int writer_print(const struct writer *w, const cJSON *root, struct buf *out)
{
    char *text = root != NULL && w->ok ? cJSON_PrintBuffered(root, 4096, 1) : NULL;
    int r = text == NULL ? ERR_NOMEM : buf_add_str(out, text);

    if (r == 0)
        r = buf_add_char(out, '\n');
    cJSON_free(text);
    return r;
}
