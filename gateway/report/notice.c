/*
 * NAME
 *      notice - an unasked result of the service for the store and for the vendor
 *
 * DESCRIPTION
 *      The three texts stand as the service wrote them: what they mean is in annexes that the vendor holds. Beside them stand the vendor's own ids where
 *      the document is one of his.
 *
 * DIAGNOSTICS
 *      ERR_NOMEM, ERR_LIMIT; ERR_SYNTAX for a payload that this file did not make.
 */
#include <cjson/cJSON.h>
#include "base/json_doc.h"
#include "report/notice.h"
#include "report/outcome.h"
#include "report/writer.h"

static int finish(const struct writer *w, cJSON *root, struct buf *out, struct err *e)
{
    int r = root == NULL ? ERR_NOMEM : writer_print(w, root, out);

    cJSON_Delete(root);
    return r < 0 ? err_set(e, (enum err_code)r, r == ERR_NOMEM ? MSG_NOMEM : MSG_LIMIT, NULL, "notice", NULL) : 0;
}

static void put_said(struct writer *w, cJSON *root, const struct notice_said *said)
{
    writer_put_text(w, root, "institution", said->institution);
    writer_put_text(w, root, "document", said->document);
    writer_put_text(w, root, "result", said->result);
}

int notice_keep(const struct notice_said *said, struct buf *out, struct err *e)
{
    struct writer w = { LANG_EN, true };
    cJSON *root = cJSON_CreateObject();

    put_said(&w, root, said);
    return finish(&w, root, out, e);
}

int notice_said(struct bytes text, struct arena *arena, struct notice_said *ret_said, struct err *e)
{
    const struct json_node *root;
    struct notice_said said;
    const struct { const char *name; const char **text; } members[] = { { "institution", &said.institution }, { "document", &said.document }, { "result", &said.result } };
    int r = json_parse(text.data, text.len, NULL, arena, &root, e);

    for (size_t i = 0; i < sizeof members / sizeof *members && r == 0; i++) {
        *members[i].text = json_get_text(arena, root, members[i].name);
        if (*members[i].text == NULL)
            r = err_set(e, ERR_SYNTAX, MSG_INTERNAL, NULL, "notice", members[i].name);
    }
    if (r == 0)
        *ret_said = said;
    return r;
}

int notice_write(const struct notice_told *told, enum msg_lang lang, struct buf *out, struct err *e)
{
    struct writer w = { lang, true };
    cJSON *root = cJSON_CreateObject();
    char file[FLOW_NAME * 4];

    outcome_printable(told->request->name, file, sizeof file);
    writer_put_text(&w, root, "notice", "consent");
    writer_put_number(&w, root, "request", told->request->id);
    writer_put_text(&w, root, "facility", told->request->facility);
    put_said(&w, root, &told->said);
    writer_put_text(&w, root, "from_file", file);
    writer_put_time(&w, root, "received", told->request->received_wall_ms);
    writer_put_sentence(&w, root, "text", MSG_FLOW_CONSENT_NOTICE, MSG_INFO, NULL, NULL);
    writer_put_text(&w, root, "file", told->about);
    writer_put_text(&w, root, "request_id", told->about_id);
    if (told->unit != NULL) {
        writer_put_number(&w, root, "unit", told->unit->index);
        writer_put_text(&w, root, "unit_key", outcome_unit_key(told->unit));
    }
    writer_put_text(&w, root, "message", told->message != NULL ? told->message->uuid : NULL);
    writer_put_text(&w, root, "next_step", msg_step_name(msg_get(MSG_FLOW_CONSENT_NOTICE)->step));
    return finish(&w, root, out, e);
}
