/*
 * vj_engine.c - reading an object by the table of its members. See vj.h.
 */
#include "adapters/vendor_json/vj.h"

#include "base/text.h"
#include "base/timefmt.h"

enum { LINE_MAX_BYTES = 1000, TEXT_MAX_BYTES = 100000, MEMBERS_MAX = 64, POINTER_MAX = 512 };

void vj_issue(struct vj *r, enum msg_severity severity, enum msg_id msg, const struct json_node *node, const char *arg1, const char *arg2)
{
    char pointer[POINTER_MAX];
    struct issue *issue = issues_add(r->issues, severity, msg, NULL, arg1, arg2);
    if (issue == NULL || node == NULL)
        return;
    json_pointer(node, pointer, sizeof pointer);
    issue->pointer = arena_strdup(r->arena, pointer);
    issue->offset = node->start;
    json_line_column(r->file.data, r->file.len, node->start, &issue->line, &issue->column);
    r->failed |= issue->pointer == NULL;
}

void *vj_alloc(struct vj *r, size_t size)
{
    void *p = arena_alloc(r->arena, size);
    r->failed |= p == NULL;
    return p;
}

int vj_nomem(struct err *e)
{
    return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "vendor_json", NULL);
}

const char *vj_join(struct vj *r, const char *a, const char *b, const char *c)
{
    const char *text = arena_printf(r->arena, "%s%s%s", a, b, c);
    r->failed |= text == NULL;
    return text;
}

const struct json_node *vj_spot(const struct json_node *node, const char *name)
{
    const struct json_node *member = json_get(node, name);
    return member != NULL ? member : node;
}

bool vj_given(const struct json_node *node)
{
    return node != NULL && !json_is(node, JSON_NULL) && !(json_is(node, JSON_STRING) && node->len == 0);
}

/* Characters from the beginning of the line to offset, plus one. */
static uint32_t column_of(const struct vj *r, size_t offset)
{
    const char *newline = memrchr(r->file.data, '\n', offset);
    uint32_t column = 1;
    for (const char *p = newline != NULL ? newline + 1 : r->file.data; p < r->file.data + offset; p++)
        column += ((unsigned char)*p & 0xC0) != 0x80;
    return column;
}

/* Lines and columns are counted on from the last place, forwards or backwards (an object is placed again when its members are known), so that a long file is walked once or twice. */
static void move_cursor(struct vj *r, size_t offset)
{
    uint32_t line;
    if (r->cursor_line == 0)
        r->cursor_line = r->cursor_column = 1;
    line = r->cursor_line;
    for (; r->cursor < offset && r->cursor < r->file.len; r->cursor++) {
        unsigned char c = (unsigned char)r->file.data[r->cursor];
        if (c == '\n') {
            line = ++r->cursor_line;
            r->cursor_column = 1;
        } else if ((c & 0xC0) != 0x80) {
            r->cursor_column++;
        }
    }
    for (; r->cursor > offset; r->cursor--) {
        unsigned char c = (unsigned char)r->file.data[r->cursor - 1];
        r->cursor_line -= c == '\n';
        r->cursor_column -= (c & 0xC0) != 0x80;
    }
    if (line != r->cursor_line)
        r->cursor_column = column_of(r, offset);
}

/* The pointer of the container, looked up again for each of its members. */
static const struct vj_pointer *pointer_of(struct vj *r, const struct json_node *container)
{
    struct vj_pointer *known = &r->pointer[(uintptr_t)container / sizeof *container % VJ_POINTERS];
    char text[POINTER_MAX];
    if (known->container == container)
        return known;
    json_pointer(container, text, sizeof text);
    known->text = arena_strdup(r->arena, text);
    known->len = strlen(text);
    known->container = known->text != NULL ? container : NULL;
    return known->text != NULL ? known : NULL;
}

/* As json_pointer() writes it. What needs escapes or would be cut is left to that. */
static const char *place_pointer(struct vj *r, const struct json_node *node)
{
    const struct vj_pointer *parent = node->parent != NULL && node->key != NULL ? pointer_of(r, node->parent) : NULL;
    char text[POINTER_MAX], *joined;
    if (parent == NULL || parent->len + node->key_len + 8 > POINTER_MAX || memchr(node->key, '/', node->key_len) != NULL || memchr(node->key, '~', node->key_len) != NULL) {
        json_pointer(node, text, sizeof text);
        return arena_strdup(r->arena, text);
    }
    joined = arena_alloc(r->arena, parent->len + node->key_len + 2);
    if (joined == NULL)
        return NULL;
    memcpy(joined, parent->text, parent->len);
    joined[parent->len] = '/';
    memcpy(joined + parent->len + 1, node->key, node->key_len);
    return joined;   /* the arena's memory is zero, so it is terminated */
}

const struct chart_place *vj_place(struct vj *r, const struct json_node *node)
{
    struct chart_place *place = vj_alloc(r, sizeof *place);
    if (place == NULL)
        return NULL;
    move_cursor(r, node->start);
    place->pointer = place_pointer(r, node);
    place->offset = node->start;
    place->line = r->cursor_line;
    place->column = r->cursor_column;
    r->failed |= place->pointer == NULL;
    return place->pointer != NULL ? place : NULL;
}

const char *vj_member_names(struct vj *r, const struct vj_member *members)
{
    struct buf names;
    const char *text;
    buf_init(&names, 4096);
    for (const struct vj_member *m = members; m->name != NULL; m++) {
        buf_add_str(&names, names.len > 0 ? ", " : "");
        buf_add_str(&names, m->name);
    }
    text = arena_strdup(r->arena, names.data);
    buf_free(&names);
    return text;
}

static const char *choice_names(struct vj *r, const struct vj_choice *choice)
{
    struct buf names;
    const char *text;
    buf_init(&names, 1024);
    for (; choice->name != NULL; choice++) {
        buf_add_str(&names, names.len > 0 ? ", " : "");
        buf_add_str(&names, choice->name);
    }
    text = arena_strdup(r->arena, names.data);
    buf_free(&names);
    return text;
}

bool vj_date_before(const struct chart_text *later, const struct chart_text *earlier)
{
    return later->text != NULL && earlier->text != NULL && strlen(later->text) >= 10 && strlen(earlier->text) >= 10
           && strncmp(later->text, earlier->text, 10) < 0;
}

void vj_check_order(struct vj *r, const struct json_node *node, const char *later_name, const struct chart_text *later, const char *earlier_name, const struct chart_text *earlier)
{
    if (vj_date_before(later, earlier))
        vj_error(r, MSG_CHART_DATE_ORDER, vj_spot(node, later_name), later_name, earlier_name);
}

void vj_check_future(struct vj *r, const struct json_node *node, const char *name, const struct chart_text *date)
{
    if (r->today[0] != '\0' && date->text != NULL && strncmp(date->text, r->today, strlen(date->text) < 10 ? strlen(date->text) : 10) > 0)
        vj_error(r, MSG_CHART_DATE_FUTURE, vj_spot(node, name), name, NULL);
}

/* ---- leaves ---------------------------------------------------------------------------------------------------------------------------- */

static void bad_character(struct vj *r, const char *name, const struct json_node *node, int64_t offset)
{
    size_t pos = (size_t)offset;
    char shown[32];
    snprintf(shown, sizeof shown, "U+%04X", (unsigned)text_next(node->text, node->len, &pos));
    vj_error(r, MSG_CHART_CONTROL, node, name, shown);
}

static bool check_text(struct vj *r, const struct vj_member *m, const struct json_node *node)
{
    bool layout = m->type == VJ_TEXT || m->type == VJ_LAB_TEXT;
    bool lab = m->type == VJ_LAB || m->type == VJ_LAB_TEXT;
    size_t max = m->max != 0 ? m->max : layout ? TEXT_MAX_BYTES : LINE_MAX_BYTES;
    int64_t bad = text_find_control(node->text, node->len, layout);
    size_t errors = r->issues->errors;
    char limit[24];
    if (node->len > max) {
        snprintf(limit, sizeof limit, "%zu", max);
        vj_error(r, MSG_CHART_TOO_LONG, node, m->name, limit);
    }
    if (bad >= 0)
        bad_character(r, m->name, node, bad);
    if (lab && text_has_halfwidth_kana(node->text, node->len))
        vj_error(r, MSG_CHART_HALF_KANA, node, m->name, NULL);
    if ((lab || m->type == VJ_NAME || m->type == VJ_KANA) && text_has_fullwidth_space(node->text, node->len))
        vj_error(r, MSG_CHART_FULL_SPACE, node, m->name, NULL);
    if (m->type == VJ_KANA && text_has_halfwidth_kana(node->text, node->len))
        vj_warning(r, MSG_CHART_NAME_KANA, node, json_dup(r->arena, node), NULL);
    return r->issues->errors == errors;
}

static bool check_form(struct vj *r, const char *name, const struct vj_form *form, const struct json_node *node)
{
    if (node->len >= form->min && node->len <= form->max && text_all_of(node->text, node->len, form->set))
        return true;
    vj_error(r, MSG_CHART_BAD_FORM, node, name, form->wanted_ja);
    return false;
}

static bool is_clinical_time(const struct json_node *node)
{
    return node->len >= 10 && time_is_datetime(node->text, node->len);
}

static bool check_date(struct vj *r, const struct vj_member *m, const struct json_node *node)
{
    static const char *const wanted[] = { [VJ_DATE] = "2026-11-21", [VJ_PARTIAL] = "2026-11-21 / 2026-11 / 2026",
                                          [VJ_TIME] = "2026-11-21 / 2026-11-21T09:30:00+09:00" };
    bool ok = m->type == VJ_TIME ? is_clinical_time(node) : time_is_date(node->text, node->len) && (m->type == VJ_PARTIAL || node->len == 10);
    if (!ok)
        vj_error(r, MSG_CHART_BAD_DATE, node, m->name, wanted[m->type]);
    return ok;
}

/* The digits of a FHIR decimal without exponent; at most 18 of them. */
static bool is_decimal(const char *text, size_t len, bool whole)
{
    size_t i = len > 0 && text[0] == '-' && !whole ? 1 : 0, start = i, digits;
    while (i < len && text[i] >= '0' && text[i] <= '9')
        i++;
    digits = i - start;
    if (digits == 0 || (digits > 1 && text[start] == '0') || digits > 18)
        return false;
    if (whole || i == len)
        return i == len && !(whole && text[start] == '0');
    if (text[i++] != '.')
        return false;
    start = i;
    while (i < len && text[i] >= '0' && text[i] <= '9')
        i++;
    return i == len && i > start && digits + (i - start) <= 18;
}

static bool check_decimal(struct vj *r, const struct vj_member *m, const struct json_node *node)
{
    bool whole = m->type == VJ_WHOLE, ok = is_decimal(node->text, node->len, whole);
    if (!ok)
        vj_error(r, MSG_CHART_BAD_FORM, node, m->name, whole ? "1, 2, 3, …" : "6.5 / -0.3 / \"1.50\"");
    return ok;
}

static bool wants_string(enum vj_type type)
{
    return type <= VJ_TIME || type == VJ_CHOICE || type == VJ_CODE || type == VJ_DISPLAY;
}

static bool check_type(struct vj *r, const struct vj_member *m, const struct json_node *node)
{
    const char *wanted = NULL;
    if (wants_string(m->type) && !json_is(node, JSON_STRING))
        wanted = "文字列 string";
    else if ((m->type == VJ_DECIMAL || m->type == VJ_WHOLE) && !json_is(node, JSON_STRING) && !json_is(node, JSON_NUMBER))
        wanted = "数値 number";
    else if ((m->type == VJ_BOOL || m->type == VJ_UNCODED) && !json_is(node, JSON_TRUE) && !json_is(node, JSON_FALSE))
        wanted = "true / false";
    else if ((m->type == VJ_LIST || m->type == VJ_FLAGS) && !json_is(node, JSON_ARRAY))
        wanted = "配列 array";
    else if ((m->type == VJ_OBJECT || m->type == VJ_INLINE) && !json_is(node, JSON_OBJECT))
        wanted = "オブジェクト object";
    if (wanted != NULL)
        vj_error(r, MSG_CHART_WRONG_TYPE, node, m->name, wanted);
    return wanted == NULL;
}

static void set_text(struct vj *r, struct chart_text *target, const struct json_node *node)
{
    target->text = json_dup(r->arena, node);
    target->at = vj_place(r, node);
    r->failed |= target->text == NULL;
}

static void read_choice(struct vj *r, const struct vj_member *m, const struct json_node *node, void *target)
{
    for (const struct vj_choice *c = m->choice; c->name != NULL; c++) {
        if (!json_equals(node, c->name))
            continue;
        memcpy(target, &c->value, sizeof c->value);
        return;
    }
    vj_error(r, MSG_CHART_BAD_CHOICE, node, m->name, choice_names(r, m->choice));
}

static void read_flags(struct vj *r, const struct vj_member *m, const struct vj_object *object, const struct json_node *node, unsigned *target)
{
    static const struct vj_choice flags[] = { { "long_term", CHART_LONG_TERM }, { "uninformed", CHART_UNINFORMED }, { "undelivered", CHART_UNDELIVERED }, { 0 } };
    for (const struct json_node *item = node->child; item != NULL; item = item->next) {
        const struct vj_choice *c = flags;
        while (c->name != NULL && !json_equals(item, c->name))
            c++;
        if (c->name == NULL)
            vj_error(r, MSG_CHART_BAD_CHOICE, item, m->name, choice_names(r, flags));
        else if (((unsigned)c->value & m->max) == 0)
            vj_error(r, MSG_CHART_FLAG, item, c->name, object->label);
        else if ((*target & (unsigned)c->value) != 0)
            vj_error(r, MSG_CHART_BAD_FORM, item, m->name, "一つのフラグは一度だけ (each flag once)");
        else
            *target |= (unsigned)c->value;
    }
}

void vj_read_code(struct vj *r, const struct vj_member *m, const struct json_node *node, struct chart_concept *concept)
{
    struct chart_coding *coding = &concept->coding[concept->coding_count];
    if (!check_form(r, m->name, vj_code_form(m->system), node) || concept->coding_count == CHART_CODINGS_MAX)
        return;
    coding->system = m->system;
    set_text(r, &coding->code, node);
    concept->coding_count++;
}

void vj_finish_concept(struct vj *r, struct chart_concept *concept, const struct json_node *node, const struct json_node *display)
{
    concept->at = vj_place(r, node);
    for (size_t i = 1; i < concept->coding_count; i++) {
        for (size_t k = i; k > 0 && concept->coding[k].system < concept->coding[k - 1].system; k--) {
            struct chart_coding other = concept->coding[k];
            concept->coding[k] = concept->coding[k - 1];
            concept->coding[k - 1] = other;
        }
    }
    if (vj_given(display) && json_is(display, JSON_STRING) && concept->coding_count > 0)
        set_text(r, &concept->coding[0].display, display);
}

void vj_read_elsewhere(struct vj *r, const struct vj_member *member, const struct json_node *node, void *target)
{
    (void)r;
    (void)member;
    (void)node;
    (void)target;
}

/* ---- objects and lists -------------------------------------------------------------------------------------------------------------------- */

void vj_read_list(struct vj *r, const struct vj_member *m, const struct json_node *node, void *target)
{
    char *base = target, *items;
    size_t count = node->count, i = 0;
    char limit[24];
    if (count > m->max) {
        snprintf(limit, sizeof limit, "%zu", m->max);
        vj_error(r, MSG_CHART_TOO_MANY, node, m->name, limit);
        return;
    }
    items = count > 0 ? arena_array(r->arena, count, m->object->size) : NULL;
    if (count > 0 && items == NULL) {
        r->failed = true;
        return;
    }
    for (const struct json_node *item = node->child; item != NULL; item = item->next, i++)
        vj_read_object(r, m->object, item, items + i * m->object->size);
    memcpy(base + m->offset, &items, sizeof items);
    memcpy(base + m->count_offset, &count, sizeof count);
}

static void read_object_member(struct vj *r, const struct vj_member *m, const struct json_node *node, char *target)
{
    void *object = m->type == VJ_INLINE ? target + m->offset : vj_alloc(r, m->object->size);
    if (object == NULL)
        return;
    vj_read_object(r, m->object, node, object);
    if (m->type == VJ_OBJECT)
        memcpy(target + m->offset, &object, sizeof object);
}

static bool leaf_ok(struct vj *r, const struct vj_member *m, const struct json_node *node)
{
    switch (m->type) {
    case VJ_FORM: return check_form(r, m->name, m->form, node);
    case VJ_DATE: case VJ_PARTIAL: case VJ_TIME: return check_date(r, m, node);
    case VJ_DECIMAL: case VJ_WHOLE: return check_decimal(r, m, node);
    default: return check_text(r, m, node);
    }
}

void vj_read_leaf(struct vj *r, const struct vj_member *m, const struct json_node *node, void *target)
{
    if (check_type(r, m, node) && leaf_ok(r, m, node))
        set_text(r, (struct chart_text *)(void *)((char *)target + m->offset), node);
}

static void read_member(struct vj *r, const struct vj_object *object, const struct vj_member *m, const struct json_node *node, char *target)
{
    bool truth = json_is(node, JSON_TRUE);
    void *place = target + m->offset;
    if (m->type == VJ_CUSTOM) {
        m->custom(r, m, node, target);
        return;
    }
    if (m->type < VJ_BOOL) {
        vj_read_leaf(r, m, node, target);
        return;
    }
    if (!check_type(r, m, node))
        return;
    switch (m->type) {
    case VJ_DISPLAY: check_text(r, m, node); break;   /* stored by vj_finish_concept(), when the codings are known */
    case VJ_BOOL: memcpy(place, &truth, sizeof truth); break;
    case VJ_UNCODED: ((struct chart_concept *)place)->no_code = truth; break;
    case VJ_CHOICE: read_choice(r, m, node, place); break;
    case VJ_FLAGS: read_flags(r, m, object, node, place); break;
    case VJ_CODE: vj_read_code(r, m, node, place); break;
    case VJ_OBJECT: case VJ_INLINE: read_object_member(r, m, node, target); break;
    case VJ_LIST: vj_read_list(r, m, node, target); break;
    default: break;
    }
}

static bool is_own_member(const struct json_node *node)
{
    return node->key_len > 2 && memcmp(node->key, "x-", 2) == 0;
}

static void unknown_member(struct vj *r, const struct vj_object *object, const struct json_node *node)
{
    char *name = arena_strndup(r->arena, node->key, text_cut(node->key, node->key_len, 100));
    vj_error(r, MSG_CHART_UNKNOWN_MEMBER, node, name, vj_member_names(r, object->members));
}

void vj_read_object(struct vj *r, const struct vj_object *object, const struct json_node *node, void *target)
{
    uint64_t seen = 0;
    size_t index;
    if (!json_is(node, JSON_OBJECT)) {
        vj_error(r, MSG_CHART_WRONG_TYPE, node, object->label, "オブジェクト object");
        return;
    }
    if (object->at_offset != VJ_NO_PLACE) {
        const struct chart_place *at = vj_place(r, node);
        memcpy((char *)target + object->at_offset, &at, sizeof at);
    }
    for (const struct json_node *child = node->child; child != NULL; child = child->next) {
        for (index = 0; object->members[index].name != NULL && !json_key_is(child, object->members[index].name); index++)
            ;
        if (object->members[index].name == NULL) {
            if (!is_own_member(child))
                unknown_member(r, object, child);
        } else if (vj_given(child)) {
            seen |= (uint64_t)1 << (index % MEMBERS_MAX);
            read_member(r, object, &object->members[index], child, target);
        }
    }
    for (index = 0; object->members[index].name != NULL; index++) {
        unsigned rules = object->members[index].rules;
        if ((seen >> index & 1) == 0 && ((rules & VJ_REQUIRED) != 0 || ((rules & VJ_NEEDED) != 0 && r->building)))
            vj_error(r, MSG_CHART_MISSING_MEMBER, vj_spot(node, object->members[index].name), object->members[index].name, NULL);
    }
    if (object->finish != NULL && !r->failed)
        object->finish(r, node, target);
}
