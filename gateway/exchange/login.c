/*
 * NAME
 *     exchange/login - the log-in body of the Web API and the token in its answer
 *
 * SYNOPSIS
 *     exchange_login_build(), exchange_login_read()
 *
 * DESCRIPTION
 *     The only JSON that the link door itself reads. Secrets are wiped from every copy that this file makes.
 *
 * DIAGNOSTICS
 *     CG-7020 not an answer of the form, CG-7022 an answer without a token.
 */
#include <cjson/cJSON.h>
#include <openssl/crypto.h>
#include "base/json_doc.h"
#include "base/text.h"
#include "exchange/exchange_private.h"

enum { TOKEN_MAX = 16 << 10 };

/* Puts text under the path of member names, making the objects on the way. */
static bool put(cJSON *object, const char *path, const char *text)
{
    char name[65];
    for (;;) {
        size_t len = strcspn(path, "/");
        snprintf(name, sizeof name, "%.*s", (int)len, path);
        if (path[len] == '\0')
            return cJSON_AddStringToObject(object, name, text) != NULL;
        cJSON *inner = cJSON_GetObjectItemCaseSensitive(object, name);
        object = inner != NULL ? inner : cJSON_AddObjectToObject(object, name);
        if (object == NULL)
            return false;
        path += len + 1;
    }
}

static void wipe(cJSON *item)
{
    for (; item != NULL; item = item->next) {
        if (cJSON_IsString(item) && item->valuestring != NULL)
            OPENSSL_cleanse(item->valuestring, strlen(item->valuestring));
        wipe(item->child);
    }
}

int exchange_login_build(const struct exchange_profile *p, const char *user, const char *password, struct buf *ret, struct err *e)
{
    cJSON *object = cJSON_CreateObject();
    char *text = NULL;
    if (object != NULL && put(object, p->login_user, user) && put(object, p->login_password, password))
        text = cJSON_PrintUnformatted(object);
    int code = text == NULL ? ERR_NOMEM : buf_add_str(ret, text);
    if (text != NULL)
        OPENSSL_cleanse(text, strlen(text));
    cJSON_free(text);
    wipe(object);
    cJSON_Delete(object);
    return code < 0 ? err_set(e, (enum err_code)code, code == ERR_LIMIT ? MSG_LIMIT : MSG_NOMEM, NULL, "log-in", NULL) : 0;
}

int exchange_login_read(const struct exchange_profile *p, struct bytes bytes, struct arena *arena, const char **ret_token, int64_t *ret_life_ms, struct err *e)
{
    const struct json_limits limits = { .max_bytes = (size_t)p->login_limit, .max_depth = 8, .max_nodes = 1000 };
    const struct json_node *root;
    if (json_parse(bytes.data, bytes.len, &limits, arena, &root, NULL) < 0)
        return err_set(e, ERR_SYNTAX, MSG_ANSWER_SYNTAX, NULL, "log-in", NULL);
    const struct json_node *token = json_path(root, p->login_token), *expires = json_path(root, p->login_expires);
    if (!json_is(token, JSON_STRING) || token->len == 0)
        return err_set(e, ERR_DENIED, MSG_LOGIN_REFUSED, NULL, NULL, NULL);
    /* It becomes a header line: visible ASCII only, so that no line break can get in. */
    if (token->len > TOKEN_MAX || !text_all_of(token->text, token->len, "!-~"))
        return err_set(e, ERR_SYNTAX, MSG_ANSWER_SYNTAX, NULL, "log-in", NULL);
    int64_t seconds, life = p->login_life_ms;
    bool named = json_is(expires, JSON_NUMBER) ? json_to_int64(expires, &seconds) == 0
               : json_is(expires, JSON_STRING) && text_to_int64(expires->text, expires->len, 0, INT32_MAX, &seconds) == 0;
    if (named && seconds > 0 && seconds <= INT32_MAX)
        life = seconds * 1000;
    const char *copy = json_dup(arena, token);
    if (copy == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "log-in", NULL);
    *ret_token = copy;
    *ret_life_ms = life;
    return 0;
}
