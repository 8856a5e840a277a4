/*
 * Places in the document: children by name, types, type tests.
 *
 * A child is found in the JSON object first and then in the definition, because most names that an invariant asks for are not there. The definition says which
 * type it has, and which of "value", "valueQuantity" is the element's name. Where no definition is known the JSON object alone is believed.
 */
#include "validate/fhirpath/eval.h"

#include <string.h>

enum { HOLLOW_DEPTH = 8, TYPE_LINE = 16 };

/* The definition whose children are the item's: of the element itself, of the one it refers to, of its type. */
static const struct img_element *definition(const struct image *image, const struct fhirpath_item *item)
{
    const struct img_element *e = image_element(image, item->element);
    if (e != NULL && e->content_reference != 0)
        e = image_element(image, e->content_reference);
    if (e != NULL && e->children.count > 0)
        return e;
    const struct img_profile *type = image_profile(image, item->type);
    return type != NULL ? image_element(image, type->root) : NULL;
}

/* The type of an element's child, and its definition. */
static void set_type(const struct image *image, const struct img_member *member, struct fhirpath_item *child)
{
    if (member == NULL)
        return;
    child->element = member->element;
    const struct img_element *e = image_element(image, member->element);
    const struct img_element *target = e->content_reference != 0 ? image_element(image, e->content_reference) : e;
    uint32_t which = member->type != 0 ? member->type - 1 : 0;
    if (which < target->types.count)
        child->type = image->types[target->types.first + which].profile_of_code;
}

struct fhirpath_item fhirpath_resource(const struct image *image, const struct json_node *resource)
{
    struct fhirpath_item item = { .kind = FHIRPATH_NODE, .node = resource, .resource = resource };
    const struct json_node *type = json_get(resource, "resourceType");
    if (json_is(type, JSON_STRING))
        item.type = image_find_type(image, type->text, type->len);
    return item;
}

struct fhirpath_item fhirpath_resource_of(const struct fhirpath_env *env, const struct json_node *resource)
{
    if (env->document == NULL || !document_known(env->document, resource)->resource)
        return fhirpath_resource(env->image, resource);
    return (struct fhirpath_item){ .kind = FHIRPATH_NODE, .node = resource, .type = document_known(env->document, resource)->type, .resource = resource };
}

/* The definition of a member of an object with this definition; "_name" has that of its value. */
static const struct img_member *member_of(const struct fhirpath_env *env, const struct img_element *def, const struct json_node *n)
{
    bool beside = n->key_len > 1 && n->key[0] == '_';
    if (env->document != NULL)
        return document_member(env->document, n);
    return image_member(env->image, def, n->key + beside, n->key_len - beside);
}

static bool is_resource_kind(const struct image *image, img_id type)
{
    const struct img_profile *p = image_profile(image, type);
    return p == NULL || p->kind == IMG_RESOURCE;
}

/* Would the reader of the HL7 reference keep this value for an element of the type? It drops objects where a primitive belongs and the other way round. */
static bool is_of_kind(const struct img_profile *type, const struct json_node *value)
{
    if (type == NULL || value == NULL)
        return true;
    return type->kind == IMG_PRIMITIVE ? value->type != JSON_OBJECT && value->type != JSON_ARRAY : value->type == JSON_OBJECT;
}

static bool is_hollow(const struct fhirpath_env *env, const struct fhirpath_item *item, int depth);

/* Does the member say something? */
static bool member_counts(const struct fhirpath_env *env, const struct img_member *member, const struct json_node *value, int depth)
{
    const struct image *image = env->image;
    bool list = value->type == JSON_ARRAY;

    if (list && (image_element(image, member->element)->flags & IMG_ARRAY) == 0)
        return false;                    /* a list where one belongs */
    for (const struct json_node *n = list ? value->child : value; n != NULL; n = list ? n->next : NULL) {
        struct fhirpath_item child = { .kind = FHIRPATH_NODE, .node = n };

        set_type(image, member, &child);
        if (n->type != JSON_NULL && is_of_kind(image_profile(image, child.type), n) && !is_hollow(env, &child, depth + 1))
            return true;
    }
    return false;
}

/* Is there a member that needs no look inside? Most objects have one. */
static bool says_something(const struct document *document, const struct json_node *object)
{
    for (const struct json_node *n = object->child; n != NULL; n = n->next) {
        const struct known *known = document_known(document, n);
        const struct img_profile *type = image_profile(document->image, known->type);

        if (known->member != 0 && type != NULL && type->kind == IMG_PRIMITIVE && n->type != JSON_OBJECT && n->type != JSON_ARRAY && n->type != JSON_NULL && !json_key_is(n, "resourceType"))
            return true;
    }
    return false;
}

static bool is_hollow(const struct fhirpath_env *env, const struct fhirpath_item *item, int depth)
{
    const struct image *image = env->image;
    const struct img_element *def;
    const struct img_profile *type;

    if (item->kind != FHIRPATH_NODE || item->node == NULL || item->node->type != JSON_OBJECT || item->companion != NULL || depth > HOLLOW_DEPTH)
        return false;
    type = image_profile(image, item->type);
    if (item->element != 0 && is_resource_kind(image, item->type) && (type == NULL || type->abstract))
        return depth == 0;               /* a resource whose type is missing */
    if (item->type == 0 && item->resource == item->node)
        return depth == 0;               /* or unknown */
    if (env->document != NULL && says_something(env->document, item->node))
        return false;
    def = definition(image, item);
    if (def == NULL)
        return false;
    for (const struct json_node *n = item->node->child; n != NULL; n = n->next) {
        bool beside = n->key_len > 1 && n->key[0] == '_';
        const struct img_member *member = member_of(env, def, n);

        if (member != NULL && !json_key_is(n, "resourceType") && (beside || member_counts(env, member, n, depth)))
            return false;
    }
    return true;
}

bool fhirpath_is_hollow(const struct fhirpath_env *env, const struct fhirpath_item *item)
{
    return is_hollow(env, item, 0);
}

/* Whose children are handed on: an object, or the companion of a value, and the nearest resource. */
struct holder { const struct json_node *object, *resource; };

/* One child, a value or only its companion. A resource is of the type that it says itself. */
static int hand_child(struct fp_eval *f, struct fp_flow *out, const struct holder *holder, const struct img_member *member, const struct json_node *node, const struct json_node *companion)
{
    const struct image *image = f->env->image;
    if (node != NULL && node->type == JSON_NULL)
        node = NULL;
    if (companion != NULL && companion->type != JSON_OBJECT)
        companion = NULL;
    if (node == NULL && companion == NULL)
        return 0;
    struct fhirpath_item child = { .kind = FHIRPATH_NODE, .node = node, .companion = companion, .resource = holder->resource };
    set_type(image, member, &child);
    if (f->env->reference_ways && !is_of_kind(image_profile(image, child.type), node))
        return 0;
    /* Resource.id is an id, though the definitions of R4 call it a string. */
    if (node != NULL && node->key_len == 2 && memcmp(node->key, "id", 2) == 0 && holder->object == holder->resource && child.type != 0)
        child.type = f->env->document != NULL ? f->env->document->id_type : image_find_type(image, "id", 2);
    if (node != NULL && node->type == JSON_OBJECT && is_resource_kind(image, child.type) && json_get(node, "resourceType") != NULL)
        child = fhirpath_resource_of(f->env, node);
    return out->take(f, out, &child);
}

/* A member's value: an array's items with the companions at the same positions, or one. */
static int hand_member(struct fp_eval *f, struct fp_flow *out, const struct holder *holder, const struct img_member *member, const struct json_node *value, const struct json_node *companion)
{
    if (!json_is(value, JSON_ARRAY) && !json_is(companion, JSON_ARRAY))
        return hand_child(f, out, holder, member, value, companion);
    if (f->env->reference_ways && member != NULL && (image_element(f->env->image, member->element)->flags & IMG_ARRAY) == 0)
        return 0;                        /* a list where one belongs */
    const struct json_node *v = json_is(value, JSON_ARRAY) ? value->child : value, *c = json_is(companion, JSON_ARRAY) ? companion->child : companion;
    int ret = 0;
    while (ret == 0 && (v != NULL || c != NULL)) {
        ret = hand_child(f, out, holder, member, v, c);
        v = v != NULL && v->parent == value ? v->next : NULL;
        c = c != NULL && c->parent == companion ? c->next : NULL;
    }
    return ret;
}

static bool key_is(const struct json_node *n, const char *name, size_t len) { return n->key_len == len && memcmp(n->key, name, len) == 0; }

/* Member "_name" of the object. */
static const struct json_node *companion_of(const struct json_node *object, const char *name, size_t len)
{
    for (const struct json_node *n = object->child; n != NULL; n = n->next)
        if (n->key_len == len + 1 && n->key[0] == '_' && memcmp(n->key + 1, name, len) == 0)
            return n;
    return NULL;
}

/* Is "valueQuantity" a choice of "value"? Without a definition: when a type is called so. */
static bool is_choice(const struct image *image, const struct img_element *def, const char *key, size_t key_len, size_t len, const struct img_member **ret_member)
{
    if (def != NULL) {
        *ret_member = image_member(image, def, key, key_len);
        return *ret_member != NULL && (*ret_member)->type != 0 && image_str_len(image, image_element(image, (*ret_member)->element)->name) == len;
    }
    char type[64];
    size_t n = key_len - len;
    *ret_member = NULL;
    if (n >= sizeof type)
        return false;
    memcpy(type, key + len, n);
    if (image_find_type(image, type, n) != 0)
        return true;
    type[0] = (char)(type[0] - 'A' + 'a');
    return image_find_type(image, type, n) != 0;
}

static int hand_choice(struct fp_eval *f, struct fp_flow *out, const struct holder *holder, const struct img_element *def, const char *name, size_t len)
{
    const struct json_node *object = holder->object;
    const struct img_member *member;
    int ret = 0;
    for (const struct json_node *n = object->child; ret == 0 && n != NULL; n = n->next) {
        bool lone = n->key_len > len + 1 && n->key[0] == '_';
        const char *key = lone ? n->key + 1 : n->key;
        size_t key_len = lone ? n->key_len - 1 : n->key_len;
        if (key_len <= len || key[len] < 'A' || key[len] > 'Z' || memcmp(key, name, len) != 0 || !is_choice(f->env->image, def, key, key_len, len, &member))
            continue;
        if (!lone) {
            ret = hand_member(f, out, holder, member, n, companion_of(object, key, key_len));
        } else {
            bool has_value = false;
            for (const struct json_node *v = object->child; v != NULL && !has_value; v = v->next)
                has_value = key_is(v, key, key_len);
            if (!has_value)
                ret = hand_member(f, out, holder, member, NULL, n);
        }
    }
    return ret;
}

/* Does the definition have an element of this name, choice or not? */
static bool is_known(const struct image *image, const struct img_element *def, const char *name, size_t len)
{
    for (uint32_t i = 0; i < def->children.count; i++) {
        struct bytes b = image_bytes(image, image_element(image, image->children[def->children.first + i])->name);
        if (b.len == len && memcmp(b.data, name, len) == 0)
            return true;
    }
    return false;
}

/* Is there a value beside this companion, or a companion beside this value? */
static const struct json_node *partner(const struct document *document, const struct json_node *object, const struct json_node *of)
{
    uint32_t member = document_known(document, of)->member;
    for (const struct json_node *n = object->child; n != NULL; n = n->next)
        if (n != of && document_known(document, n)->member == member)
            return n;
    return NULL;
}

static int hand_known(struct fp_eval *f, struct fp_flow *out, const struct holder *holder, img_str name);

/* Does the path go on with a name in this object? Then nobody needs the item. */
static bool goes_on(const struct fp_flow *out, const struct known *known)
{
    return out->take == fp_take_name && known->read && out->node->number != 0 && (known->resource || known->kind == IMG_COMPLEX + 1);
}

/* A value whose definition is known, with nothing beside it. */
static int hand_value(struct fp_eval *f, struct fp_flow *out, const struct holder *holder, const struct known *known, const struct json_node *node)
{
    const struct img_member *member = &f->env->image->members[known->member - 1];
    bool place = known->kind == IMG_PRIMITIVE + 1 ? node->type < JSON_ARRAY && node->type != JSON_NULL : known->kind == IMG_COMPLEX + 1 && node->type == JSON_OBJECT;
    if (goes_on(out, known)) {
        f->column = out->node->column;
        return hand_known(f, out->next, &(struct holder){ node, known->resource ? node : holder->resource }, (img_str)out->node->number);
    }
    if (known->resource)
        return out->take(f, out, &(struct fhirpath_item){ .kind = FHIRPATH_NODE, .node = node, .type = known->type, .resource = node });
    if (!place)
        return hand_child(f, out, holder, member, node, NULL);
    struct fhirpath_item child = { .kind = FHIRPATH_NODE, .node = node, .type = known->type, .element = member->element, .resource = holder->resource };
    if (node->key_len == 2 && holder->object == holder->resource && memcmp(node->key, "id", 2) == 0)
        child.type = f->env->document->id_type;
    return out->take(f, out, &child);
}

/* A member of the name that is wanted, where a value may have a companion, or a list stands where one belongs. */
static int hand_known_member(struct fp_eval *f, struct fp_flow *out, const struct holder *holder, const struct json_node *n, bool companions)
{
    const struct document *document = f->env->document;
    const struct json_node *other = companions ? partner(document, holder->object, n) : NULL;
    int ret = 0;
    if (n->key[0] == '_')
        return other == NULL ? hand_member(f, out, holder, document_member(document, n), NULL, n) : 0;
    if (other != NULL || (n->type == JSON_ARRAY && !document_known(document, n)->list))
        return hand_member(f, out, holder, document_member(document, n), n, other);
    if (n->type != JSON_ARRAY)
        return hand_value(f, out, holder, document_known(document, n), n);
    for (const struct json_node *v = n->child; ret == 0 && v != NULL; v = v->next)
        ret = hand_value(f, out, holder, document_known(document, v), v);
    return ret;
}

/* As hand_named(), where it is known what each member is. */
static int hand_known(struct fp_eval *f, struct fp_flow *out, const struct holder *holder, img_str name)
{
    const struct document *document = f->env->document;
    const struct known *own = document_known(document, holder->object), *known;
    int ret = fp_step(f, 1);
    if (ret < 0 || (own->names & document_name_bit(name)) == 0)
        return ret;
    for (const struct json_node *n = holder->object->child; n != NULL; n = n->next) {
        known = document_known(document, n);
        if (known->name != name)
            continue;
        if (own->companions || (n->type == JSON_ARRAY) != known->list || n->key[0] == '_')
            ret = hand_known_member(f, out, holder, n, own->companions);
        else if (n->type != JSON_ARRAY)
            ret = hand_value(f, out, holder, known, n);
        else
            for (const struct json_node *v = n->child; ret == 0 && v != NULL; v = v->next)
                ret = hand_value(f, out, holder, document_known(document, v), v);
        /* Only a choice, or a value with something beside it, is there twice. */
        if (ret != 0 || (!own->companions && !known->choice))
            return ret;
    }
    return 0;
}

static int hand_named(struct fp_eval *f, struct fp_flow *out, const struct holder *holder, const struct fhirpath_item *item, const char *name, size_t len)
{
    const struct image *image = f->env->image;
    const struct json_node *object = holder->object, *value = NULL, *companion = NULL;
    const struct img_element *def;
    bool choice = false;
    for (const struct json_node *n = object->child; n != NULL; n = n->next) {
        if (n->key_len < len)
            continue;
        if (n->key_len == len && memcmp(n->key, name, len) == 0)
            value = n;
        else if (n->key_len == len + 1 && n->key[0] == '_' && memcmp(n->key + 1, name, len) == 0)
            companion = n;
        else if (memcmp(n->key + (n->key[0] == '_'), name, len - (n->key[0] == '_')) == 0)
            choice = true;
    }
    if (value == NULL && companion == NULL && !choice && !f->env->strict)
        return 0;
    def = definition(image, item);
    if (f->env->strict && def != NULL && !is_known(image, def, name, len))
        return fp_fail(f, ERR_INVALID, "the type has no such element");
    if (value != NULL || companion != NULL) {
        const struct img_member *member = def != NULL ? image_member(image, def, name, len) : NULL;
        if (def == NULL ? !(len == 12 && memcmp(name, "resourceType", 12) == 0) : member != NULL && member->type == 0)
            return hand_member(f, out, holder, member, value, companion);
        if (def != NULL && member != NULL)
            return 0;
    }
    return choice ? hand_choice(f, out, holder, def, name, len) : 0;
}

static int hand_all(struct fp_eval *f, struct fp_flow *out, const struct holder *holder, const struct fhirpath_item *item)
{
    const struct image *image = f->env->image;
    const struct json_node *object = holder->object;
    const struct img_element *def = definition(image, item);
    int ret = 0;
    for (const struct json_node *n = object->child; ret == 0 && n != NULL; n = n->next) {
        bool lone = n->key_len > 1 && n->key[0] == '_';
        const char *key = lone ? n->key + 1 : n->key;
        size_t len = lone ? n->key_len - 1u : n->key_len;
        const struct img_member *member = def != NULL ? member_of(f->env, def, n) : NULL;
        if (len == 12 && memcmp(key, "resourceType", 12) == 0)
            continue;
        if (!lone) {
            ret = hand_member(f, out, holder, member, n, companion_of(object, key, len));
            continue;
        }
        bool has_value = false;
        for (const struct json_node *v = object->child; v != NULL && !has_value; v = v->next)
            has_value = key_is(v, key, len);
        if (!has_value)
            ret = hand_member(f, out, holder, member, NULL, n);
    }
    return ret;
}

static int hand_text(struct fp_eval *f, struct fp_flow *out, enum fhirpath_kind kind, const char *text, size_t len)
{
    return out->take(f, out, &(struct fhirpath_item){ .kind = kind, .text = text, .len = len });
}

static int hand_type_part(struct fp_eval *f, struct fp_flow *out, const struct fhirpath_item *info, const char *name, size_t len)
{
    if (len == 4 && memcmp(name, "name", 4) == 0)
        return hand_text(f, out, FHIRPATH_STRING, info->text, info->len);
    if (len == 9 && memcmp(name, "namespace", 9) == 0)
        return hand_text(f, out, FHIRPATH_STRING, info->unit, info->unit_len);
    return 0;
}

/* value, unit and code of a computed quantity */
static int hand_quantity_part(struct fp_eval *f, struct fp_flow *out, const struct fhirpath_item *quantity, const char *name, size_t len)
{
    if (len == 5 && memcmp(name, "value", 5) == 0)
        return hand_text(f, out, FHIRPATH_DECIMAL, quantity->text, quantity->len);
    if (len == 4 && (memcmp(name, "unit", 4) == 0 || memcmp(name, "code", 4) == 0))
        return hand_text(f, out, FHIRPATH_STRING, quantity->unit, quantity->unit_len);
    return 0;
}

int fp_children(struct fp_eval *f, const struct fhirpath_item *item, const struct fp_name *name, struct fp_flow *out)
{
    if (item->kind == FHIRPATH_TYPE_INFO)
        return name != NULL ? hand_type_part(f, out, item, name->text, name->len) : 0;
    if (item->kind == FHIRPATH_QUANTITY)
        return name != NULL ? hand_quantity_part(f, out, item, name->text, name->len) : 0;
    if (item->kind != FHIRPATH_NODE)
        return 0;
    const struct holder holder = { json_is(item->node, JSON_OBJECT) ? item->node : item->companion, item->resource };
    if (!json_is(holder.object, JSON_OBJECT) || (name != NULL && name->len == 0))
        return 0;
    if (name == NULL)
        return hand_all(f, out, &holder, item);
    bool known = f->env->document != NULL && !f->env->strict;
    if (known && name->number != 0 && document_known(f->env->document, holder.object)->read)
        return hand_known(f, out, &holder, name->number);
    if (!known || definition(f->env->image, item) == NULL)
        return hand_named(f, out, &holder, item, name->text, name->len);
    img_str number = name->number != 0 ? name->number : image_find_str(f->env->image, name->text, name->len);
    return number != 0 ? hand_known(f, out, &holder, number) : 0;
}

static int take_other_name(struct fp_eval *f, struct fp_flow *flow, const struct fhirpath_item *item)
{
    const struct fp_node *n = flow->node;
    int ret = fp_step(f, 1);
    return ret == 0 ? fp_children(f, item, &(struct fp_name){ f->program + n->text, n->len, (img_str)n->number }, flow->next) : ret;
}

/* What most steps of a path meet is an object that is known. */
int fp_take_name(struct fp_eval *f, struct fp_flow *flow, const struct fhirpath_item *item)
{
    const struct document *document = f->env->document;
    const struct fp_node *n = flow->node;
    f->column = n->column;
    if (document == NULL || n->number == 0 || item->kind != FHIRPATH_NODE || !json_is(item->node, JSON_OBJECT) || f->env->strict || !document_known(document, item->node)->read)
        return take_other_name(f, flow, item);
    return hand_known(f, flow->next, &(struct holder){ item->node, item->resource }, (img_str)n->number);
}

/* ---- types ---- */

static bool same(struct bytes a, const char *text, size_t len) { return a.len == len && memcmp(a.data, text, len) == 0; }

/* The name of a type is the end of its URL: an Age is a constrained Quantity whose `type` is Quantity. */
static struct bytes type_name(const struct image *image, const struct img_profile *p)
{
    struct bytes url = image_bytes(image, p->url);
    size_t at = url.len;
    while (at > 0 && url.data[at - 1] != '/')
        at--;
    if (at > 0 && at < url.len)
        return (struct bytes){ url.data + at, url.len - at };
    return image_bytes(image, p->name);
}

static const char *const system_names[] = {
    [FHIRPATH_NODE] = "", [FHIRPATH_BOOLEAN] = "Boolean", [FHIRPATH_STRING] = "String", [FHIRPATH_INTEGER] = "Integer", [FHIRPATH_DECIMAL] = "Decimal", [FHIRPATH_DATE] = "Date",
    [FHIRPATH_DATETIME] = "DateTime", [FHIRPATH_TIME] = "Time", [FHIRPATH_QUANTITY] = "Quantity", [FHIRPATH_TYPE_INFO] = "SimpleTypeInfo",
};

struct bytes fhirpath_type_name(const struct image *image, const struct fhirpath_item *item, const char **ret_space)
{
    struct bytes name = { "", 0 };
    *ret_space = item->kind == FHIRPATH_NODE ? "FHIR" : "System";
    if (item->kind != FHIRPATH_NODE)
        return (struct bytes){ system_names[item->kind], strlen(system_names[item->kind]) };
    const struct img_profile *p = image_profile(image, item->type);
    if (p != NULL)
        return type_name(image, p);
    const struct json_node *type = json_get(item->node, "resourceType");
    return json_is(type, JSON_STRING) ? (struct bytes){ type->text, type->len } : name;
}

/* Up the line of base types; images say base < derived nowhere, so the line is bounded by a number no FHIR type comes near. */
static bool type_derives(const struct image *image, img_id type, const char *name, size_t len)
{
    const struct img_profile *p = image_profile(image, type);
    for (unsigned i = 0; p != NULL && i < TYPE_LINE; i++) {
        if (same(type_name(image, p), name, len))
            return true;
        p = image_profile(image, p->base);
    }
    return false;
}

bool fp_is_resource_type(const struct image *image, const struct fhirpath_item *item, const char *name, size_t len)
{
    if (item->type != 0)
        return type_derives(image, item->type, name, len);
    const char *space;
    return same(fhirpath_type_name(image, item, &space), name, len);
}

/* The same where the type is known by its number. */
static bool is_of_type(const struct image *image, img_id type, img_id wanted, bool exact)
{
    const struct img_profile *p = image_profile(image, type);
    for (unsigned i = 0; type != wanted && i < TYPE_LINE && !(exact && p->kind == IMG_PRIMITIVE) && p->base != 0; i++) {
        type = p->base;
        p = image_profile(image, type);
    }
    return type == wanted;
}

static bool is_system_name(const char *name, size_t len)
{
    for (size_t i = FHIRPATH_BOOLEAN; i <= FHIRPATH_QUANTITY; i++)
        if (strlen(system_names[i]) == len && memcmp(system_names[i], name, len) == 0)
            return true;
    return false;
}

int fp_item_is(struct fp_eval *f, const struct fhirpath_item *item, const struct fp_node *node, bool exact, bool *ret)
{
    const struct image *image = f->env->image;
    const char *type = f->program + node->text;
    size_t len = node->len;
    if (node->number != 0 && item->kind == FHIRPATH_NODE && item->type != 0) {
        *ret = is_of_type(image, item->type, (img_id)node->number, exact);
        return 0;
    }
    bool system = len > 7 && memcmp(type, "System.", 7) == 0, fhir = len > 5 && memcmp(type, "FHIR.", 5) == 0;
    type += system ? 7 : fhir ? 5 : 0;
    len -= system ? 7 : fhir ? 5 : 0;
    if (item->kind != FHIRPATH_NODE) {
        *ret = !fhir && same((struct bytes){ system_names[item->kind], strlen(system_names[item->kind]) }, type, len);
        if (*ret || system || is_system_name(type, len))
            return 0;
    }
    *ret = false;
    if (system)
        return 0;
    if (image->count[IMG_PROFILES] > 0 && image_find_type(image, type, len) == 0 && (fhir || !is_system_name(type, len)))
        return fp_fail(f, ERR_NOTFOUND, "no such type");
    if (item->kind != FHIRPATH_NODE)
        return 0;
    const struct img_profile *p = image_profile(image, item->type);
    if (exact && p != NULL && p->kind == IMG_PRIMITIVE)
        *ret = same(type_name(image, p), type, len);
    else
        *ret = fp_is_resource_type(image, item, type, len);
    return 0;
}
