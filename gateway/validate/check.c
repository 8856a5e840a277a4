/*
 * check.c - one resource: JSON kinds and primitives by one walk over its nodes, then the tables. See check.h.
 */
#include "validate/check.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/timefmt.h"

/* --- issues and places --------------------------------------------------------------------------------------------------------- */

/* One step of a FHIRPath location: ".name", "[3]", choices as the reference writes them: "value.ofType(Quantity)". */
static size_t put_step(const struct json_node *n, char *out, size_t size)
{
    static const char *const choices[] = { "value", "onset", "abatement", "effective", "medication", "occurrence", "performed", "deceased", "multipleBirth" };
    static const char primitives[] = " Base64Binary Boolean Canonical Code Date DateTime Decimal Id Instant Integer Markdown Oid PositiveInt String Time UnsignedInt Uri Url Uuid ";
    char type[40];
    size_t index = 0;

    if (n->key == NULL) {
        for (const struct json_node *s = n->parent->child; s != n; s = s->next)
            index++;
        return (size_t)snprintf(out, size, "[%zu]", index);
    }
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        size_t len = strlen(choices[i]);

        if (n->key_len > len && n->key_len < len + 30 && memcmp(n->key, choices[i], len) == 0 && n->key[len] >= 'A' && n->key[len] <= 'Z') {
            snprintf(type, sizeof type, " %.*s ", (int)(n->key_len - len), n->key + len);
            type[1] = (char)(strstr(primitives, type) != NULL ? type[1] | 0x20 : type[1]);
            return (size_t)snprintf(out, size, ".%s.ofType(%.*s)", choices[i], (int)(n->key_len - len), type + 1);
        }
    }
    return (size_t)snprintf(out, size, ".%.*s", n->key_len < 200 ? (int)n->key_len : 200, n->key);
}

static char *location_of(struct check *c, const struct json_node *node)
{
    const struct json_node *chain[80];
    struct bytes type;
    char text[1024];
    size_t depth = 0, len;

    for (; node->parent != NULL && depth < sizeof chain / sizeof *chain; node = node->parent)
        chain[depth++] = node;
    type = check_type_of(node);
    len = (size_t)snprintf(text, 64, "%.*s", type.len < 60 ? (int)type.len : 60, type.len > 0 ? type.data : "");
    while (depth > 0 && len < sizeof text) {
        const struct json_node *step = chain[--depth];

        len += put_step(step, text + len, sizeof text - len);
    }
    return arena_strndup(c->issues->arena, text, text_cut(text, len < sizeof text ? len : sizeof text - 1, sizeof text - 1));
}

void check_add(struct check *c, enum msg_severity severity, enum msg_id msg, const char *rule, const struct json_node *at, const char *arg1, const char *arg2)
{
    struct issue *issue = issues_add(c->issues, severity, msg, rule, arg1, arg2);

    if (issue == NULL)
        return;
    issue->location = location_of(c, at);
    issue->profile = arena_strdup(c->issues->arena, c->profile);
    issue->offset = at->start;
    c->issues->failed |= issue->location == NULL;
}

void check_add_text(struct check *c, enum msg_severity severity, enum msg_id msg, const char *rule, const struct json_node *at, const struct json_node *text, const char *arg2)
{
    char quoted[120] = "";

    if (text != NULL && text->text != NULL) {
        size_t n = text_cut(text->text, text->len, sizeof quoted - 1);

        memcpy(quoted, text->text, n);
        quoted[n] = '\0';
    }
    check_add(c, severity, msg, rule, at, quoted, arg2);
}

void check_prose(struct check *c, enum msg_id msg, const char *rule, const struct json_node *at, const char *arg1, const char *arg2)
{
    if (c->service)
        check_add(c, MSG_WARNING, msg, rule, at, arg1, arg2);
}

/* --- look-ups ------------------------------------------------------------------------------------------------------------------ */

const struct json_node *check_find(const struct json_node *list, const char *where, const char *is)
{
    if (json_is(list, JSON_OBJECT))
        return json_equals(json_get(list, where), is) ? list : NULL;
    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next)
        if (json_equals(json_get(n, where), is))
            return n;
    return NULL;
}

size_t check_count(const struct json_node *list, const char *where, const char *is)
{
    size_t count = 0;

    if (json_is(list, JSON_OBJECT))
        return json_equals(json_get(list, where), is);
    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next)
        count += json_equals(json_get(n, where), is);
    return count;
}

const struct json_node *check_member_of_choice(const struct json_node *object, const char *prefix)
{
    size_t len = strlen(prefix);

    for (const struct json_node *m = json_is(object, JSON_OBJECT) ? object->child : NULL; m != NULL; m = m->next)
        if (m->key_len > len && memcmp(m->key, prefix, len) == 0 && m->key[len] >= 'A' && m->key[len] <= 'Z')
            return m;
    return NULL;
}

/* [0-4][0-9][1-3][0-9]{7} */
bool check_is_institution(const struct json_node *n)
{
    return json_is(n, JSON_STRING) && n->len == 10 && text_all_digits(n->text, 10) && n->text[0] <= '4' && n->text[2] >= '1' && n->text[2] <= '3';
}

struct bytes check_type_of(const struct json_node *resource)
{
    const struct json_node *type = json_get(resource, "resourceType");

    return json_is(type, JSON_STRING) ? (struct bytes){ type->text, type->len } : (struct bytes){ "", 0 };
}

bool check_type_is(const struct json_node *resource, const char *type)
{
    return json_equals(json_get(resource, "resourceType"), type);
}

bool check_profile_is(const struct json_node *canonical, const char *url)
{
    size_t len = strlen(url);

    return json_is(canonical, JSON_STRING) && canonical->len >= len && memcmp(canonical->text, url, len) == 0
        && (canonical->len == len || canonical->text[len] == '|');
}

bool check_has_profile(const struct json_node *resource, const char *url)
{
    const struct json_node *list = json_path(resource, "meta/profile");

    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next)
        if (check_profile_is(n, url))
            return true;
    return false;
}

bool check_index_make(struct check *c, struct index *index, size_t count)
{
    index->size = 8;
    while (index->size < 2 * count)
        index->size *= 2;
    index->slots = arena_array(c->arena, index->size, sizeof *index->slots);
    c->failed |= index->slots == NULL;
    return index->slots != NULL;
}

struct index_slot *check_index_find(const struct index *index, const char *key, size_t len)
{
    uint64_t h = UINT64_C(0xCBF29CE484222325) ^ (uint64_t)(uintptr_t)index->slots;
    size_t i;

    for (i = 0; i < len; i++)
        h = (h ^ (unsigned char)key[i]) * UINT64_C(0x100000001B3);
    for (i = (size_t)(h ^ h >> 32) & (index->size - 1); index->slots[i].key.data != NULL; i = (i + 1) & (index->size - 1))
        if (index->slots[i].key.len == len && memcmp(index->slots[i].key.data, key, len) == 0)
            break;
    return &index->slots[i];
}

/* --- tables -------------------------------------------------------------------------------------------------------------------- */

static enum msg_severity severity_of(const struct check *c, enum need need)
{
    return c->service && need >= NEED_SOFT ? MSG_WARNING : MSG_ERROR;
}

static bool is_one_of(const struct json_node *value, const char *list)
{
    while (*list != '\0') {
        size_t len = strcspn(list, "|");

        if (value->len == len && memcmp(value->text, list, len) == 0)
            return true;
        list += len;
        list += *list == '|';
    }
    return false;
}

/* The element `name` of one object. */
static void check_element(struct check *c, const struct json_node *object, const char *name, const struct rule *rule)
{
    size_t len = strlen(name), count = 0;
    bool choice = len > 3 && strcmp(name + len - 3, "[x]") == 0;
    char prefix[40], limit[8], needed[160] = "";
    const struct json_node *member;

    snprintf(prefix, sizeof prefix, "%.*s", (int)(choice ? len - 3 : len), name);
    member = choice ? check_member_of_choice(object, prefix) : json_get(object, name);
    if (member != NULL && rule->need == NEED_BASE && (member->type == JSON_ARRAY) != (rule->max > 1))
        check_add(c, MSG_ERROR, MSG_VALIDATE_KIND, NULL, member, name, rule->max > 1 ? "array" : "object / string");
    if (rule->where != NULL)
        count = check_count(member, rule->where, rule->is);
    else if (member != NULL)
        count = member->type == JSON_ARRAY ? member->count : 1;
    if (member == NULL) {
        snprintf(needed, sizeof needed, "_%s", prefix);
        count = (choice ? check_member_of_choice(object, needed) : json_get(object, needed)) != NULL;
        needed[0] = '\0';
    }
    if (rule->where != NULL)
        snprintf(needed, sizeof needed, "(%s = %s)", rule->where, rule->is);
    else if (rule->one_of != NULL)
        snprintf(needed, sizeof needed, "(%s)", rule->one_of);
    if (count < rule->min && !(rule->need == NEED_PROSE && !c->service))
        check_add(c, severity_of(c, rule->need), MSG_VALIDATE_MISSING, rule->key, object, name, needed);
    if (count > rule->max && rule->max == 0)
        check_add(c, MSG_ERROR, MSG_VALIDATE_FORBIDDEN, rule->key, object, name, NULL);
    else if (count > rule->max) {
        snprintf(limit, sizeof limit, "%u", rule->max);
        check_add(c, MSG_ERROR, MSG_VALIDATE_TOO_MANY, rule->key, object, name, limit);
    }
    if (member == NULL || rule->one_of == NULL || rule->where != NULL)
        return;
    for (const struct json_node *v = member->type == JSON_ARRAY ? member->child : member; v != NULL; v = v->next) {
        if (v->type == JSON_STRING && !is_one_of(v, rule->one_of))
            check_add(c, severity_of(c, rule->need), MSG_VALIDATE_VALUE, rule->key, v, name, rule->one_of);
        if (member->type != JSON_ARRAY)
            break;
    }
}

/* Follows the path through arrays; recursion is bounded by the reader's depth. */
static void follow_rule(struct check *c, const struct json_node *node, const char *path, const struct rule *rule)
{
    size_t len = strcspn(path, ".");
    char name[40];

    if (node->type == JSON_ARRAY) {
        for (const struct json_node *n = node->child; n != NULL; n = n->next)
            follow_rule(c, n, path, rule);
    } else if (path[len] == '\0') {
        if (node->type == JSON_OBJECT)
            check_element(c, node, path, rule);
    } else {
        snprintf(name, sizeof name, "%.*s", (int)len, path);
        node = json_get(node, name);
        if (node != NULL)
            follow_rule(c, node, path + len + 1, rule);
    }
}

void check_rules(struct check *c, const struct json_node *resource, const struct rule *rules)
{
    for (; rules != NULL && rules->path != NULL; rules++)
        follow_rule(c, resource, rules->path, rules);
}

static void apply_profile(struct check *c, const struct json_node *resource, const struct profile *p)
{
    const char *outer = c->profile;

    c->profile = p->url;
    check_rules(c, resource, p->rules);
    if (p->check != NULL)
        p->check(c, resource);
    c->profile = outer;
}

/* The profile itself or its version 1, the only one there is (StructureDefinition.version of jp-clins 1.5.2). */
static bool resolves(const struct json_node *canonical, const char *url)
{
    return check_profile_is(canonical, url) && (canonical->len == strlen(url) || (canonical->len == strlen(url) + 2 && canonical->text[canonical->len - 1] == '1'));
}

static bool declares(const struct json_node *resource, const char *url)
{
    const struct json_node *list = json_path(resource, "meta/profile");

    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next)
        if (resolves(n, url))
            return true;
    return false;
}

void check_against(struct check *c, const struct json_node *resource, const char *profile_url)
{
    size_t len = strcspn(profile_url, "|");

    for (size_t i = 0; i < check_profile_count; i++)
        if (strlen(check_profiles[i].url) == len && memcmp(check_profiles[i].url, profile_url, len) == 0) {
            if (!check_type_is(resource, check_profiles[i].type))
                check_add(c, MSG_ERROR, MSG_VALIDATE_VALUE, NULL, resource, "resourceType", check_profiles[i].type);
            else if (!declares(resource, check_profiles[i].url))   /* a declared one is checked anyway */
                apply_profile(c, resource, &check_profiles[i]);
            return;
        }
    check_add(c, c->service ? MSG_ERROR : MSG_WARNING, MSG_VALIDATE_PROFILE_UNKNOWN, NULL, resource, profile_url, NULL);
}

/* The profiles that the resource itself names. */
static void check_declared(struct check *c, const struct json_node *resource)
{
    const struct json_node *list = json_path(resource, "meta/profile");
    bool whole = check_type_is(resource, "Bundle") || check_type_is(resource, "Composition");
    uint64_t seen = 0;

    for (const struct json_node *n = json_is(list, JSON_ARRAY) ? list->child : NULL; n != NULL; n = n->next) {
        size_t i = 0;
        bool known;

        while (i < check_profile_count && !resolves(n, check_profiles[i].url))
            i++;
        known = i < check_profile_count;
        if (!known && (whole || !c->service))
            check_add_text(c, c->service ? MSG_ERROR : MSG_WARNING, MSG_VALIDATE_PROFILE_UNKNOWN, NULL, n, n, NULL);
        else if (!known)
            continue;
        else if (!check_type_is(resource, check_profiles[i].type))
            check_add(c, MSG_ERROR, MSG_VALIDATE_VALUE, NULL, resource, "resourceType", check_profiles[i].type);
        else if ((seen >> i & 1) == 0)
            apply_profile(c, resource, &check_profiles[i]);
        seen |= i < check_profile_count ? UINT64_C(1) << i : 0;
    }
}

/* --- the walk over all nodes of a resource ------------------------------------------------------------------------------------- */

enum kind { KIND_NONE, KIND_DATE, KIND_DATETIME, KIND_INSTANT, KIND_URI, KIND_CODE, KIND_BOOLEAN, KIND_LIST, KIND_SINGLE };

/* Elements whose name alone says what they are, in every type that this product meets. */
static enum kind kind_of(const struct json_node *n)
{
    static const struct { const char *name; enum kind kind; } names[] = {
        { "birthDate", KIND_DATE }, { "valueDate", KIND_DATE }, { "date", KIND_DATETIME }, { "recordedDate", KIND_DATETIME }, { "authoredOn", KIND_DATETIME },
        { "created", KIND_DATETIME }, { "start", KIND_DATETIME }, { "end", KIND_DATETIME }, { "onsetDateTime", KIND_DATETIME },
        { "abatementDateTime", KIND_DATETIME }, { "effectiveDateTime", KIND_DATETIME }, { "valueDateTime", KIND_DATETIME },
        { "occurrenceDateTime", KIND_DATETIME }, { "performedDateTime", KIND_DATETIME }, { "deceasedDateTime", KIND_DATETIME }, { "issued", KIND_INSTANT },
        { "lastUpdated", KIND_INSTANT }, { "timestamp", KIND_INSTANT }, { "valueInstant", KIND_INSTANT }, { "system", KIND_URI }, { "url", KIND_URI },
        { "fullUrl", KIND_URI }, { "valueUri", KIND_URI }, { "valueCanonical", KIND_URI }, { "code", KIND_CODE }, { "status", KIND_CODE }, { "use", KIND_CODE },
        { "gender", KIND_CODE }, { "intent", KIND_CODE }, { "contentType", KIND_CODE }, { "valueCode", KIND_CODE }, { "language", KIND_CODE },
        { "userSelected", KIND_BOOLEAN }, { "active", KIND_BOOLEAN }, { "valueBoolean", KIND_BOOLEAN }, { "coding", KIND_LIST },
        { "extension", KIND_LIST }, { "modifierExtension", KIND_LIST }, { "contained", KIND_LIST }, { "entry", KIND_LIST }, { "section", KIND_LIST },
        { "tag", KIND_LIST }, { "given", KIND_LIST }, { "meta", KIND_SINGLE }, { "text", KIND_SINGLE }
    };

    for (size_t i = 0; n->key != NULL && i < sizeof names / sizeof *names; i++)
        if (n->key[0] == names[i].name[0] && json_key_is(n, names[i].name))
            return names[i].kind;
    return KIND_NONE;
}

/* code: no white space at the ends, none but single blanks inside; uri: none at all */
static bool has_stray_space(const struct json_node *n, bool any)
{
    for (uint32_t i = 0; i < n->len; i++)
        if (n->text[i] == ' ' || n->text[i] == '\t' || n->text[i] == '\n' || n->text[i] == '\r')
            if (any || n->text[i] != ' ' || i == 0 || i + 1 == n->len || n->text[i - 1] == ' ')
                return true;
    return false;
}

static void check_kind(struct check *c, const struct json_node *n)
{
    enum kind kind = kind_of(n);
    int64_t ms;
    bool string = n->type == JSON_STRING;

    switch (kind) {
    case KIND_DATE:
        if (!string || !time_is_date(n->text, n->len))
            check_add_text(c, MSG_ERROR, MSG_VALIDATE_DATE, NULL, n, n, "YYYY-MM-DD");
        break;
    case KIND_DATETIME:
        if (n->type != JSON_OBJECT && (!string || !time_is_datetime(n->text, n->len)))
            check_add_text(c, MSG_ERROR, MSG_VALIDATE_DATE, NULL, n, n, "YYYY-MM-DDThh:mm:ss+09:00");
        break;
    case KIND_INSTANT:
        if (!string || time_parse_instant(n->text, n->len, &ms) < 0)
            check_add_text(c, MSG_ERROR, MSG_VALIDATE_DATE, NULL, n, n, "YYYY-MM-DDThh:mm:ss.sss+09:00");
        break;
    case KIND_URI:
    case KIND_CODE:
        if (string && has_stray_space(n, kind == KIND_URI))
            check_add_text(c, MSG_ERROR, MSG_VALIDATE_FORMAT, NULL, n, n, kind == KIND_URI ? "URI" : "code");
        if (n->type != JSON_OBJECT && n->type != JSON_ARRAY && !string)
            check_add(c, MSG_ERROR, MSG_VALIDATE_KIND, NULL, n, kind == KIND_URI ? "URI" : "code", "string");
        break;
    case KIND_BOOLEAN:
        if (n->type != JSON_TRUE && n->type != JSON_FALSE)
            check_add_text(c, MSG_ERROR, MSG_VALIDATE_KIND, NULL, n, n, "true / false");
        break;
    case KIND_LIST:
    case KIND_SINGLE:
        if ((n->type == JSON_ARRAY) != (kind == KIND_LIST))
            check_add(c, MSG_ERROR, MSG_VALIDATE_KIND, NULL, n, kind == KIND_LIST ? "[...]" : "{...}", kind == KIND_LIST ? "array" : "object / string");
        break;
    case KIND_NONE:
        break;
    }
}

static void check_string(struct check *c, const struct json_node *n)
{
    int64_t bad;

    if (n->len == 0) {
        check_add(c, MSG_ERROR, MSG_VALIDATE_EMPTY, "ele-1", n, "\"\"", NULL);
        return;
    }
    bad = text_find_control(n->text, n->len, true);
    if (bad >= 0 && (unsigned char)n->text[bad] < 0x20)
        check_add(c, MSG_ERROR, MSG_VALIDATE_CONTROL, NULL, n, "U+0000-U+001F", NULL);
    else if (bad >= 0)
        check_prose(c, MSG_VALIDATE_CONTROL, NULL, n, "外字 / U+FEFF / U+FFFE / U+0080-U+009F", NULL);
    if (json_key_is(n, "div") && (n->len < 11 || memcmp(n->text, "<div", 4) != 0 || memcmp(n->text + n->len - 6, "</div>", 6) != 0))
        check_add(c, MSG_ERROR, MSG_VALIDATE_FORMAT, "txt-1", n, "div", "<div xmlns=\"http://www.w3.org/1999/xhtml\">...</div>");
    if (json_key_is(n, "id") && json_get(n->parent, "resourceType") != NULL && (n->len > 64 || !text_all_of(n->text, n->len, "A-Za-z0-9.-")))
        check_add_text(c, MSG_ERROR, MSG_VALIDATE_ID, NULL, n, n, NULL);
}

/* An object in `extension`: url, and either a value or extensions (ext-1). */
static void check_extension(struct check *c, const struct json_node *n)
{
    bool value = check_member_of_choice(n, "value") != NULL || check_member_of_choice(n, "_value") != NULL;

    if (json_get(n, "url") == NULL)
        check_add(c, MSG_ERROR, MSG_VALIDATE_MISSING, NULL, n, "url", NULL);
    if (value == (json_get(n, "extension") != NULL))
        check_add(c, MSG_ERROR, MSG_VALIDATE_INVARIANT, "ext-1", n, "ext-1", "value[x] xor extension");
}

/* What the operator's masters say about a Coding. */
static void check_coding(struct check *c, const struct json_node *coding)
{
    const struct validate_terms *terms = c->request->terms;
    const struct json_node *system = json_get(coding, "system"), *code = json_get(coding, "code"), *display = json_get(coding, "display");
    struct bytes known = { NULL, 0 };
    char quoted[120];
    enum validate_answer answer;

    if (terms == NULL || terms->find_code == NULL || !json_is(system, JSON_STRING) || !json_is(code, JSON_STRING))
        return;
    answer = terms->find_code(terms->self, (struct bytes){ system->text, system->len }, (struct bytes){ code->text, code->len }, &known);
    snprintf(quoted, sizeof quoted, "%.*s", system->len < 100 ? (int)system->len : 100, system->text);
    if (answer == VALIDATE_NO)
        check_add_text(c, MSG_ERROR, MSG_VALIDATE_CODE, NULL, coding, code, quoted);
    if (answer != VALIDATE_YES || known.len == 0 || !json_is(display, JSON_STRING) || (display->len == known.len && memcmp(display->text, known.data, known.len) == 0))
        return;
    snprintf(quoted, sizeof quoted, "%.*s", (int)text_cut(known.data, known.len, sizeof quoted - 1), known.data);
    check_add_text(c, MSG_WARNING, MSG_VALIDATE_DISPLAY, NULL, coding, display, quoted);
}

static uint32_t group_of(uint32_t *group, uint32_t i)
{
    while (group[i] != i)
        i = group[i] = group[group[i]];
    return i;
}

/* A reference out of the resource: to an entry of its Bundle, or of the one around it. */
static void check_outward(struct check *c, struct scope *scope, const struct json_node *n)
{
    const struct json_node *type = json_get(n->parent, "type"), *target = NULL;
    bool urn = n->len > 4 && memcmp(n->text, "urn:", 4) == 0;

    for (const struct scope *s = scope; s != NULL && target == NULL; s = s->outer) {
        struct index_slot *slot = check_index_find(&s->urls, n->text, n->len);

        if (slot->key.data == NULL)
            continue;
        target = s->resources[slot->value];
        if (s == scope)
            scope->group[group_of(scope->group, scope->entry)] = group_of(scope->group, slot->value);
        if (scope->patient_only && slot->value != 0)
            check_prose(c, MSG_VALIDATE_REFERENCE_PATIENT_ONLY, NULL, n, "urn:uuid", NULL);
    }
    if (target == NULL && scope != NULL && (urn || c->service))
        check_add_text(c, urn ? MSG_ERROR : MSG_WARNING, MSG_VALIDATE_UNRESOLVED, "ref-1", n->parent, n, NULL);
    if (target != NULL && json_is(type, JSON_STRING) && json_is(json_get(target, "resourceType"), JSON_STRING)) {
        struct bytes real = check_type_of(target);
        char quoted[64];

        snprintf(quoted, sizeof quoted, "%.*s", real.len < 60 ? (int)real.len : 60, real.data);
        if (real.len != type->len || memcmp(real.data, type->text, real.len) != 0)
            check_add_text(c, MSG_ERROR, MSG_VALIDATE_REFERENCE_TYPE, NULL, n->parent, type, quoted);
    }
}

static void check_reference(struct check *c, struct scope *scope, const struct index *contained, const struct json_node *n)
{
    struct index_slot *slot;

    if (n->type != JSON_STRING || n->len == 0)
        return;
    if (has_stray_space(n, true))
        check_add_text(c, MSG_ERROR, MSG_VALIDATE_FORMAT, NULL, n, n, "URI");
    if (n->text[0] != '#') {
        check_outward(c, scope, n);
        return;
    }
    if (n->len == 1)
        return;
    slot = contained->slots != NULL ? check_index_find(contained, n->text + 1, n->len - 1) : NULL;
    if (slot == NULL || slot->key.data == NULL)
        check_add_text(c, MSG_ERROR, MSG_VALIDATE_UNRESOLVED, "ref-1", n->parent, n, NULL);
    else
        slot->used = true;
}

/* null stands only in an array beside its companion: "given": ["a", null], "_given": [null, {...}] */
static bool null_is_allowed(const struct json_node *n)
{
    const struct json_node *list = n->parent;
    char other[64];

    if (list == NULL || list->type != JSON_ARRAY || list->key == NULL || list->key_len + 2 > sizeof other)
        return false;
    snprintf(other, sizeof other, "%s%.*s", list->key[0] == '_' ? "" : "_", (int)list->key_len, list->key);
    return json_get(list->parent, list->key[0] == '_' ? other + 1 : other) != NULL || json_get(list->parent, other) != NULL;
}

static void check_node(struct check *c, struct scope *scope, const struct index *contained, const struct json_node *n)
{
    if (json_key_is(n, "reference"))
        check_reference(c, scope, contained, n);
    else if (n->key != NULL)
        check_kind(c, n);
    if (n->type == JSON_STRING) {
        check_string(c, n);
    } else if (n->type == JSON_NULL) {
        if (!null_is_allowed(n))
            check_add(c, MSG_ERROR, MSG_VALIDATE_EMPTY, "ele-1", n, "null", NULL);
    } else if (n->type >= JSON_ARRAY && n->count == 0) {
        /* The reference lets an empty array pass although the specification does not. */
        check_add(c, n->type == JSON_ARRAY ? MSG_WARNING : MSG_ERROR, MSG_VALIDATE_EMPTY, "ele-1", n, n->type == JSON_ARRAY ? "[]" : "{}", NULL);
    } else if (n->type == JSON_OBJECT) {
        if (n->key == NULL && n->parent != NULL && (json_key_is(n->parent, "extension") || json_key_is(n->parent, "modifierExtension")))
            check_extension(c, n);
        check_coding(c, n);
    }
}

/* All nodes below the resource, without recursion; the resources in the entries of a Bundle are left to check_bundle(). */
static void walk(struct check *c, struct scope *scope, const struct index *contained, const struct json_node *resource)
{
    bool bundle = check_type_is(resource, "Bundle");
    const struct json_node *n = resource->child;

    while (n != NULL && n != resource) {
        bool skip = bundle && json_key_is(n, "resource") && n->parent->parent != NULL && n->parent->parent->parent == resource;

        if (!skip)
            check_node(c, scope, contained, n);
        if (n->child != NULL && !skip) {
            n = n->child;
            continue;
        }
        while (n != resource && n->next == NULL)
            n = n->parent;
        if (n != resource)
            n = n->next;
    }
}

/* dom-2, dom-3, dom-4 and the index of ids */
static void check_contained(struct check *c, const struct json_node *list, struct index *index)
{
    if (!json_is(list, JSON_ARRAY) || list->count == 0 || !check_index_make(c, index, list->count))
        return;
    for (const struct json_node *n = list->child; n != NULL; n = n->next) {
        const struct json_node *id = json_get(n, "id");

        if (json_get(n, "contained") != NULL)
            check_add(c, MSG_ERROR, MSG_VALIDATE_CONTAINED_META, "dom-2", list->parent, "contained", NULL);
        if (json_path(n, "meta/lastUpdated") != NULL || json_path(n, "meta/versionId") != NULL)
            check_add(c, MSG_ERROR, MSG_VALIDATE_CONTAINED_META, "dom-4", list->parent, "meta.lastUpdated / meta.versionId", NULL);
        if (json_is(id, JSON_STRING) && id->len > 0)
            check_index_find(index, id->text, id->len)->key = (struct bytes){ id->text, id->len };
        else
            check_add(c, MSG_ERROR, MSG_VALIDATE_MISSING, NULL, n, "id", NULL);
    }
}

static bool is_known_type(struct bytes type)
{
    const char *found = check_resource_types;
    char spaced[64];

    if (type.len == 0 || type.len > 60 || memchr(type.data, ' ', type.len) != NULL)
        return false;
    snprintf(spaced, sizeof spaced, " %.*s ", (int)type.len, type.data);
    return strstr(found, spaced) != NULL;
}

static void check_base(struct check *c, const struct json_node *resource)
{
    struct bytes type = check_type_of(resource);

    if (json_get(resource, "resourceType") == NULL)
        check_add(c, MSG_ERROR, MSG_VALIDATE_MISSING, NULL, resource, "resourceType", NULL);
    else if (!is_known_type(type))
        check_add_text(c, MSG_ERROR, MSG_VALIDATE_RESOURCE_TYPE, NULL, resource, json_get(resource, "resourceType"), NULL);
    for (const struct rule *r = check_base_rules; r->path != NULL; r++)
        if (strncmp(r->path, type.data, type.len) == 0 && r->path[type.len] == '.')
            follow_rule(c, resource, r->path + type.len + 1, r);
    check_base_invariants(c, resource);
}

void check_resource(struct check *c, struct scope *scope, const struct json_node *resource)
{
    const struct json_node *contained = json_get(resource, "contained");
    struct index ids = { NULL, 0 };

    check_contained(c, contained, &ids);
    if (c->failed)
        return;
    walk(c, scope, &ids, resource);
    for (const struct json_node *n = ids.slots != NULL ? contained->child : NULL; n != NULL; n = n->next) {
        const struct json_node *id = json_get(n, "id");

        check_base(c, n);
        if (json_is(id, JSON_STRING) && !check_index_find(&ids, id->text, id->len)->used)
            check_add_text(c, MSG_ERROR, MSG_VALIDATE_CONTAINED_UNUSED, "dom-3", n, id, NULL);
    }
    check_base(c, resource);
    check_declared(c, resource);
}
