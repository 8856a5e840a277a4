/*
 * NAME
 *     check - what the service reads in every Bundle: identifier, sender, flags, required elements
 *
 * DESCRIPTION
 *     check_bundle() parses nothing: it walks a tree of base/json_doc. The first refusal decides the ProcessingResultCode; findings of the FHIR
 *     check are collected to SB_MAX_FINDINGS, each with the FHIRPath of the element that is wrong or missing.
 */
#include <stdarg.h>
#include "tests/sandbox/check.h"
#include "base/text.h"
#include "base/timefmt.h"

/* ---- forms ------------------------------------------------------------------------------------------------------------------------ */

bool form_institution(const char *text, size_t len)
{
    return len == 10 && text_all_digits(text, len) && text[0] <= '4' && text[2] >= '1' && text[2] <= '3';
}

bool form_identifier(const char *text, size_t len)
{
    return len >= 1 && len <= 64 && text_all_of(text, len, "A-Za-z0-9-");
}

/* 10-digit institution ^ year 2020-2039 ^ 1-36 letters, digits, hyphens */
bool form_bundle_id(const char *text, size_t len)
{
    return len >= 17 && len <= 52 && form_institution(text, 10) && text[10] == '^' && text[11] == '2' && text[12] == '0' && (text[13] == '2' || text[13] == '3') &&
        text[14] >= '0' && text[14] <= '9' && text[15] == '^' && text_all_of(text + 16, len - 16, "A-Za-z0-9-");
}

/* insurer 8 digits : symbol : number : branch (2 digits or nothing); no space, no further colon */
bool form_insured(const char *text, size_t len)
{
    size_t colons = 0, last = 0;
    if (len < 11 || !text_all_digits(text, 8) || text[8] != ':' || text_has_fullwidth_space(text, len))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == ':') {
            colons++;
            last = i;
        } else if (text[i] == ' ' || text[i] == '^' || (text[i] >= '\t' && text[i] <= '\r')) {
            return false;
        }
    }
    size_t branch = len - last - 1;
    return colons == 3 && (branch == 0 || (branch == 2 && text_all_digits(text + last + 1, 2)));
}

/* ---- findings --------------------------------------------------------------------------------------------------------------------- */

void check_refuse(struct sb_bundle *b, enum sb_code code, const char *rule, const char *location, const char *message)
{
    if (b->code == SB_DONE || b->code == SB_FHIR_FAILED)
        b->code = code;    /* a code of its own says more than the general one */
    if (b->finding_count >= SB_MAX_FINDINGS)
        return;
    struct sb_finding *f = arena_alloc(b->arena, sizeof *f);
    if (f == NULL)
        return;
    *f = (struct sb_finding){ rule, message, arena_strdup(b->arena, location), NULL };
    *b->findings_end = f;
    b->findings_end = &f->next;
    b->finding_count++;
}

void check_find(struct sb_bundle *b, const char *rule, const char *location, const char *message)
{
    check_refuse(b, SB_FHIR_FAILED, rule, location, message);
}

void check_at(char ret_text[static LOCATION_MAX], const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(ret_text, LOCATION_MAX, format, ap);
    va_end(ap);
}

/* ---- small look-ups --------------------------------------------------------------------------------------------------------------- */

const char *check_text(struct sb_bundle *b, const struct json_node *object, const char *name)
{
    const char *text = json_get_text(b->arena, object, name);
    return text != NULL ? text : "";
}

const struct json_node *check_items(const struct json_node *object, const char *name)
{
    const struct json_node *list = json_get(object, name);
    return json_is(list, JSON_ARRAY) ? list->child : NULL;
}

const struct json_node *check_pick(const struct json_node *object, const char *name, const char *key, const char *text, unsigned *count)
{
    const struct json_node *found = NULL;
    unsigned n = 0;
    for (const struct json_node *i = check_items(object, name); i != NULL; i = i->next) {
        if (json_equals(json_get(i, key), text)) {
            found = found != NULL ? found : i;
            n++;
        }
    }
    if (count != NULL)
        *count = n;
    return found;
}

static bool url_is(const struct json_node *node, const char *url, size_t url_len, bool bare)
{
    return json_is(node, JSON_STRING) && node->len >= url_len && memcmp(node->text, url, url_len) == 0 &&
        (node->len == url_len || (!bare && node->text[url_len] == '|'));
}

bool check_has_profile(const struct json_node *resource, const char *url, bool bare)
{
    for (const struct json_node *p = check_items(json_get(resource, "meta"), "profile"); p != NULL; p = p->next)
        if (url_is(p, url, strlen(url), bare))
            return true;
    return false;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------------- */

struct step { const char *name, *filter, *rest; size_t name_len, filter_len; };

static struct step step_of(const char *path)
{
    struct step s = { .name = path };
    s.name_len = strcspn(path, ".{");
    const char *p = path + s.name_len;
    if (*p == '{') {
        s.filter = p + 1;
        s.filter_len = strcspn(s.filter, "}");
        p = s.filter + s.filter_len + 1;
    }
    s.rest = *p == '.' ? p + 1 : NULL;
    return s;
}

static bool step_fits(const struct step *s, const struct json_node *item)
{
    if (s->filter == NULL)
        return true;
    if (s->filter[0] == '=' || s->filter[0] == '~')
        return url_is(item, s->filter + 1, s->filter_len - 1, s->filter[0] == '=');
    size_t key_len = strcspn(s->filter, "=");
    char key[32];
    snprintf(key, sizeof key, "%.*s", (int)key_len, s->filter);
    return url_is(json_get(item, key), s->filter + key_len + 1, s->filter_len - key_len - 1, true);
}

static bool word_in(const char *list, const char *text, size_t len)
{
    for (const char *p = list; *p != '\0';) {
        size_t n = strcspn(p, "|");
        if (n == len && memcmp(p, text, len) == 0)
            return true;
        p += n + (p[n] == '|' ? 1 : 0);
    }
    return false;
}

static bool value_fits(const struct json_node *v, const struct check_row *row)
{
    int64_t ms;
    if (row->form == FORM_ANY)
        return v->type != JSON_NULL && !((v->type == JSON_OBJECT || v->type == JSON_ARRAY) && v->count == 0) && !(v->type == JSON_STRING && v->len == 0);
    if (row->form == FORM_OBJECT)
        return v->type == JSON_OBJECT && v->count > 0;
    if (v->type != JSON_STRING || v->len == 0)
        return false;
    switch (row->form) {
    case FORM_FIXED: return json_equals(v, row->arg);
    case FORM_ONE_OF: return word_in(row->arg, v->text, v->len);
    case FORM_DATE: return time_is_date(v->text, v->len);
    case FORM_DATETIME: return time_is_datetime(v->text, v->len);
    case FORM_INSTANT: return time_parse_instant(v->text, v->len, &ms) == 0;
    default: return true;
    }
}

static void row_walk(struct sb_bundle *b, const struct json_node *parent, const char *location, const char *path, const struct check_row *row);

static void row_item(struct sb_bundle *b, const struct json_node *item, const char *location, const struct step *s, const struct check_row *row)
{
    if (s->rest != NULL)
        row_walk(b, item, location, s->rest, row);
    else if (!value_fits(item, row))
        check_find(b, row->rule, location, "値が空か、許されていない値です。");
}

static void row_walk(struct sb_bundle *b, const struct json_node *parent, const char *location, const char *path, const struct check_row *row)
{
    struct step s = step_of(path);
    char name[64], at[LOCATION_MAX];
    snprintf(name, sizeof name, "%.*s", (int)s.name_len, s.name);
    const struct json_node *member = json_get(parent, name);
    unsigned count = 0;
    if (json_is(member, JSON_ARRAY)) {
        unsigned index = 0;
        for (const struct json_node *i = member->child; i != NULL; i = i->next, index++) {
            if (!step_fits(&s, i))
                continue;
            count++;
            check_at(at, "%s.%s[%u]", location, name, index);
            row_item(b, i, at, &s, row);
        }
    } else if (member != NULL && step_fits(&s, member)) {
        count = 1;
        check_at(at, "%s.%s", location, name);
        row_item(b, member, at, &s, row);
    }
    if (s.rest != NULL)
        return;
    check_at(at, "%s.%s", location, name);
    if (count < row->min)
        check_find(b, row->rule, at, "必須の要素がありません。");
    else if (count > row->max)
        check_find(b, row->rule, at, "要素が多すぎるか、あってはならない要素です。");
}

void check_rows(struct sb_bundle *b, const struct json_node *resource, const char *location, const struct check_row *rows)
{
    for (; rows->path != NULL; rows++)
        row_walk(b, resource, location, rows->path, rows);
}

/* ---- the Bundle itself ------------------------------------------------------------------------------------------------------------ */

static const struct check_row bundle_rows[] = {
    { "meta.lastUpdated", 1, 1, FORM_INSTANT, NULL, "R0210" },
    { "meta", 1, 1, FORM_OBJECT, NULL, "R0210" },
    { "meta.profile", 1, MANY, FORM_TEXT, NULL, "R0213" },
    { "identifier.system", 1, 1, FORM_FIXED, SB_BUNDLE_ID_SYSTEM, "R02151" },
    { "identifier.value", 1, 1, FORM_TEXT, NULL, "R02152" },
    { "timestamp", 1, 1, FORM_INSTANT, NULL, "R0216" },
    { "entry", 1, MANY, FORM_OBJECT, NULL, "R0210" },
    { "entry.fullUrl", 1, 1, FORM_TEXT, NULL, "R0217" },
    { "entry.resource", 1, 1, FORM_OBJECT, NULL, "R0217" },
    { "entry.resource.resourceType", 1, 1, FORM_TEXT, NULL, "R0217" },
    { "entry.search", 0, 0, FORM_ANY, NULL, "bdl-2" },
    { "entry.request", 0, 0, FORM_ANY, NULL, "bdl-3" },
    { "entry.response", 0, 0, FORM_ANY, NULL, "bdl-4" },
    { NULL, 0, 0, FORM_ANY, NULL, NULL }
};

static int by_text(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

struct urls { const char **url; size_t count; };

/* Every urn:uuid that is referred to is an entry of this Bundle; a Bundle inside it has its own. */
static void check_references(struct sb_bundle *b, const struct urls *known, const struct json_node *node, const char *location)
{
    char at[LOCATION_MAX], text[128];
    unsigned index = 0;
    if (json_equals(json_get(node, "resourceType"), "Bundle") && node != b->root)
        return;
    for (const struct json_node *c = node->type == JSON_OBJECT || node->type == JSON_ARRAY ? node->child : NULL; c != NULL; c = c->next, index++) {
        if (node->type == JSON_ARRAY)
            check_at(at, "%s[%u]", location, index);
        else
            check_at(at, "%s.%.*s", location, (int)c->key_len, c->key);
        if (c->type == JSON_OBJECT || c->type == JSON_ARRAY)
            check_references(b, known, c, at);
        if (c->type != JSON_STRING || !json_key_is(c, "reference") || c->len < 9 || c->len >= sizeof text || memcmp(c->text, "urn:uuid:", 9) != 0)
            continue;
        snprintf(text, sizeof text, "%.*s", (int)c->len, c->text);
        const char *wanted = text;
        if (bsearch(&wanted, known->url, known->count, sizeof *known->url, by_text) == NULL)
            check_find(b, "reference", at, "参照先がこのBundleにありません。");
    }
}

/* No two fullUrls are equal (bdl-7), each is a urn:uuid, and what is referred to is there. */
static void check_urls(struct sb_bundle *b)
{
    const struct json_node *entry = json_get(b->root, "entry");
    struct urls known = { entry != NULL ? arena_array(b->arena, entry->count, sizeof *known.url) : NULL, 0 };
    char at[LOCATION_MAX];
    if (known.url == NULL)
        return;
    for (const struct json_node *i = check_items(b->root, "entry"); i != NULL; i = i->next) {
        const char *url = known.url[known.count] = check_text(b, i, "fullUrl");
        if (strncmp(url, "urn:uuid:", 9) != 0) {
            check_at(at, "Bundle.entry[%zu].fullUrl", known.count);
            check_find(b, "R0217", at, "fullUrlはurn:uuidでなければなりません。");
        }
        known.count++;
    }
    qsort(known.url, known.count, sizeof *known.url, by_text);
    for (size_t i = 1; i < known.count; i++)
        if (strcmp(known.url[i - 1], known.url[i]) == 0)
            check_find(b, "bdl-7", "Bundle.entry", "同じfullUrlが二つ以上あります。");
    check_references(b, &known, b->root, "Bundle");
}

/* Bundle-ID: form first, then whose it is. */
static void check_identifier(struct sb_bundle *b)
{
    const struct json_node *identifier = json_get(b->root, "identifier");
    b->bundle_id = check_text(b, identifier, "value");
    if (!json_equals(json_get(identifier, "system"), SB_BUNDLE_ID_SYSTEM) || !form_bundle_id(b->bundle_id, strlen(b->bundle_id)))
        check_refuse(b, SB_BAD_KEY, "R02152", "Bundle.identifier.value", "Bundle-IDの形式が正しくありません。");
    else if (strncmp(b->bundle_id, b->sender, 10) != 0)
        check_refuse(b, SB_NOT_SENDER, "R9012", "Bundle.identifier.value", "Bundle-IDの医療機関番号が送信元と一致しません。");
}

/* 被保険者個人識別子 of the one Patient; the form is a matter of the Patient's rows. */
static void check_insured(struct sb_bundle *b)
{
    b->insured = "";
    for (const struct json_node *i = check_items(b->root, "entry"); i != NULL; i = i->next) {
        const struct json_node *r = json_get(i, "resource");
        if (json_equals(json_get(r, "resourceType"), "Patient")) {
            b->insured = check_text(b, check_pick(r, "identifier", "system", MEMBER_SYSTEM, NULL), "value");
            return;
        }
    }
}

void check_bundle(struct sb_bundle *b, enum sb_family family, const char *kind)
{
    b->findings_end = &b->findings;
    b->bundle_id = b->insured = "";
    if (!json_is(b->root, JSON_OBJECT) || !json_equals(json_get(b->root, "resourceType"), "Bundle")) {
        check_refuse(b, SB_UNREADABLE, "R0200", "Bundle", "Bundleリソースではありません。");
        return;
    }
    check_identifier(b);
    check_insured(b);
    if (family == SB_CHART)
        check_chart(b, kind);
    check_rows(b, b->root, "Bundle", bundle_rows);
    check_urls(b);
    if (family == SB_DOCUMENT)
        check_letter(b);
    else if (family == SB_SUMMARY)
        check_summary(b);
}
