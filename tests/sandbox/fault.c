/*
 * NAME
 *     fault - misbehaviour on command
 *
 * SYNOPSIS
 *     fault add KIND [op=OPERATION] [link=web|folder] [identifier=ID] [institution=CODE] [reused=yes] [nth=N] [times=N] [prob=0.1]
 *                    [ms=N] [n=N] [code=CODE]
 *
 * DESCRIPTION
 *     A fault waits for requests that match all its conditions. The first nth-1 of them pass unharmed; of the following ones `times` (default 1,
 *     0 = for ever) are hit, each with probability prob (default 1) drawn from the seed of the program. Several faults may hit one request.
 */
#include <cjson/cJSON.h>
#include "tests/sandbox/sandbox.h"
#include "base/text.h"

enum { PPM = 1000000 };

struct fault {
    unsigned id;
    enum sb_fault_kind kind;
    enum sb_op op;               /* SB_OP_NONE = any */
    int link;                    /* enum sb_link, -1 = any */
    bool reused;
    char identifier[65], institution[11];
    int64_t nth, times, ppm, ms, n;
    char code[16];
    int64_t seen, hits;
    struct fault *next;
};

struct sb_faults {
    struct fault *first;
    unsigned last_id;
    uint64_t state;
};

static const struct { const char *name; int64_t ms, n; } kind_table[SB_FAULT_KINDS] = {
    [SB_F_SLOW] = { "slow", 200, 0 },
    [SB_F_SLOW_ANSWER] = { "slow-answer", 200, 0 },
    [SB_F_DROP_BEFORE] = { "drop-before", 0, 0 },
    [SB_F_DROP_AFTER] = { "drop-after", 0, 0 },
    [SB_F_HTTP_BEFORE] = { "http-before", 0, 503 },
    [SB_F_HTTP_AFTER] = { "http-after", 0, 503 },
    [SB_F_PENDING] = { "pending", 0, 1 },
    [SB_F_WRONG_IDENTIFIER] = { "wrong-identifier", 0, 0 },
    [SB_F_WRONG_INSTITUTION] = { "wrong-institution", 0, 0 },
    [SB_F_HALF] = { "half", 0, 0 },
    [SB_F_ERR] = { "err", 0, 0 },
    [SB_F_VANISH] = { "vanish", 0, 0 },
    [SB_F_REMOVE] = { "remove", 200, 0 },
    [SB_F_LATE] = { "late", 500, 0 },
    [SB_F_SHARE_GONE] = { "share-gone", 0, 0 },
    [SB_F_TOKEN_EXPIRED] = { "token-expired", 0, 0 },
    [SB_F_SESSIONS] = { "sessions", 0, 0 },
    [SB_F_BUSY] = { "busy", 0, 0 },
    [SB_F_FAILURE_BEFORE] = { "failure-before", 0, 0 },
    [SB_F_FAILURE_AFTER] = { "failure-after", 0, 0 },
    [SB_F_DOUBLE] = { "double", 100, 0 },
};

const char *fault_name(enum sb_fault_kind kind)
{
    return kind < SB_FAULT_KINDS ? kind_table[kind].name : "";
}

struct sb_faults *fault_new(uint64_t seed)
{
    struct sb_faults *f = calloc(1, sizeof *f);
    if (f != NULL)
        f->state = seed;
    return f;
}

struct sb_faults *fault_free(struct sb_faults *f)
{
    if (f != NULL)
        fault_clear(f, 0);
    free(f);
    return NULL;
}

/* SplitMix64 (Steele, Lea, Flood 2014): the same seed gives the same run. */
static uint64_t draw(struct sb_faults *f)
{
    uint64_t z = f->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static bool set_number(const char *text, int64_t min, int64_t max, int64_t *ret_value)
{
    return text_to_int64(text, strlen(text), min, max, ret_value) == 0;
}

/* "0.25", "1", "0" in millionths. */
static bool set_probability(const char *text, int64_t *ret_ppm)
{
    int64_t whole = 0, part = 0, scale = PPM;
    const char *dot = strchr(text, '.');
    size_t whole_len = dot != NULL ? (size_t)(dot - text) : strlen(text);
    if (text_to_int64(text, whole_len, 0, 1, &whole) < 0)
        return false;
    for (const char *p = dot != NULL ? dot + 1 : ""; *p != '\0'; p++) {
        if (*p < '0' || *p > '9')
            return false;
        scale /= 10;
        part += (*p - '0') * scale;
    }
    *ret_ppm = whole * PPM + part;
    return *ret_ppm <= PPM;
}

static bool set_word(char *target, size_t size, const char *text)
{
    int n = snprintf(target, size, "%s", text);
    return n > 0 && (size_t)n < size;
}

static bool set_key(struct fault *f, const char *key, const char *value)
{
    if (strcmp(key, "op") == 0)
        return (f->op = sb_op_by_name(value)) != SB_OP_NONE;
    if (strcmp(key, "link") == 0)
        return (f->link = strcmp(value, "web") == 0 ? SB_WEB : strcmp(value, "folder") == 0 ? SB_FOLDER : -1) >= 0;
    if (strcmp(key, "reused") == 0)
        return f->reused = strcmp(value, "yes") == 0;
    if (strcmp(key, "identifier") == 0)
        return set_word(f->identifier, sizeof f->identifier, value);
    if (strcmp(key, "institution") == 0)
        return set_word(f->institution, sizeof f->institution, value);
    if (strcmp(key, "code") == 0)
        return set_word(f->code, sizeof f->code, value);
    if (strcmp(key, "nth") == 0)
        return set_number(value, 1, INT32_MAX, &f->nth);
    if (strcmp(key, "times") == 0)
        return set_number(value, 0, INT32_MAX, &f->times);
    if (strcmp(key, "ms") == 0)
        return set_number(value, 0, 3600000, &f->ms);
    if (strcmp(key, "n") == 0)
        return set_number(value, 1, 100000, &f->n);
    if (strcmp(key, "prob") == 0)
        return set_probability(value, &f->ppm);
    return false;
}

int fault_add(struct sb_faults *f, char *const *words, size_t count, unsigned *ret_id, struct err *e)
{
    int kind = 0;
    while (count > 0 && kind < SB_FAULT_KINDS && strcmp(kind_table[kind].name, words[0]) != 0)
        kind++;
    if (count == 0 || kind == SB_FAULT_KINDS)
        return err_set(e, ERR_INVALID, MSG_NONE, NULL, count > 0 ? words[0] : "fault kind", NULL);
    struct fault *new = calloc(1, sizeof *new);
    if (new == NULL)
        return err_set(e, ERR_NOMEM, MSG_NONE, NULL, NULL, NULL);
    *new = (struct fault){ .kind = (enum sb_fault_kind)kind, .op = SB_OP_NONE, .link = -1, .nth = 1, .times = 1, .ppm = PPM,
                           .ms = kind_table[kind].ms, .n = kind_table[kind].n };
    for (size_t i = 1; i < count; i++) {
        char key[16];
        const char *equals = strchr(words[i], '=');
        bool fits = equals != NULL && (size_t)(equals - words[i]) < sizeof key;
        if (fits)
            snprintf(key, sizeof key, "%.*s", (int)(equals - words[i]), words[i]);
        if (!fits || !set_key(new, key, equals + 1)) {
            free(new);
            return err_set(e, ERR_INVALID, MSG_NONE, NULL, words[i], NULL);
        }
    }
    new->id = ++f->last_id;
    struct fault **end = &f->first;
    while (*end != NULL)
        end = &(*end)->next;
    *end = new;
    *ret_id = new->id;
    return 0;
}

void fault_clear(struct sb_faults *f, unsigned id)
{
    for (struct fault **p = &f->first; *p != NULL;) {
        struct fault *one = *p;
        if (id == 0 || one->id == id) {
            *p = one->next;
            free(one);
        } else {
            p = &one->next;
        }
    }
}

int fault_list(const struct sb_faults *f, struct buf *out)
{
    for (const struct fault *one = f->first; one != NULL; one = one->next) {
        cJSON *line = cJSON_CreateObject();
        const struct sb_op_info *op = sb_op_get(one->op);
        cJSON_AddNumberToObject(line, "fault", one->id);
        cJSON_AddStringToObject(line, "kind", fault_name(one->kind));
        if (one->op != SB_OP_NONE)
            cJSON_AddStringToObject(line, "op", op != NULL ? op->name : "auth");
        if (one->link >= 0)
            cJSON_AddStringToObject(line, "link", one->link == SB_WEB ? "web" : "folder");
        if (one->identifier[0] != '\0')
            cJSON_AddStringToObject(line, "identifier", one->identifier);
        if (one->institution[0] != '\0')
            cJSON_AddStringToObject(line, "institution", one->institution);
        if (one->reused)
            cJSON_AddTrueToObject(line, "reused");
        if (one->ppm != PPM)
            cJSON_AddNumberToObject(line, "prob", (double)one->ppm / PPM);
        if (one->code[0] != '\0')
            cJSON_AddStringToObject(line, "code", one->code);
        cJSON_AddNumberToObject(line, "nth", (double)one->nth);
        cJSON_AddNumberToObject(line, "ms", (double)one->ms);
        cJSON_AddNumberToObject(line, "n", (double)one->n);
        cJSON_AddNumberToObject(line, "seen", (double)one->seen);
        cJSON_AddNumberToObject(line, "hits", (double)one->hits);
        cJSON_AddNumberToObject(line, "times", (double)one->times);
        char *text = cJSON_PrintUnformatted(line);
        if (text != NULL)
            buf_addf(out, "%s\n", text);
        cJSON_free(text);
        cJSON_Delete(line);
    }
    return out->failed;
}

void fault_take(struct sb_faults *f, enum sb_op op, enum sb_link link, bool reused, const char *institution, const char *identifier, struct sb_plan *ret_plan)
{
    *ret_plan = (struct sb_plan){ 0 };
    for (struct fault *one = f->first; one != NULL; one = one->next) {
        bool fits = (one->op == SB_OP_NONE ? op != SB_AUTH : one->op == op) && (one->link < 0 || one->link == (int)link) && (!one->reused || reused) &&
            (one->identifier[0] == '\0' || strcmp(one->identifier, identifier) == 0) &&
            (one->institution[0] == '\0' || strcmp(one->institution, institution) == 0);
        if (!fits || ++one->seen < one->nth || (one->times != 0 && one->hits >= one->times))
            continue;
        if (one->ppm < PPM && (int64_t)(draw(f) % PPM) >= one->ppm)
            continue;
        one->hits++;
        struct sb_order *order = &ret_plan->order[one->kind];
        *order = (struct sb_order){ .on = true, .ms = one->ms, .n = one->n };
        snprintf(order->code, sizeof order->code, "%s", one->code);
        ret_plan->any = true;
    }
}
