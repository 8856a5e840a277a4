/*
 * NAME
 *     exchange/build - finished request bytes from fields and a Bundle
 *
 * SYNOPSIS
 *     exchange_build(), exchange_size_bound()
 *
 * DESCRIPTION
 *     The profile's list names each element and the field that fills it. Fields are checked here, once, whatever the list does with them, so
 *     that nothing malformed can leave the house. The limit counts on the finished request (10 MB of the guide, Base64 inside).
 *
 * DIAGNOSTICS
 *     CG-7010 a field is missing or malformed, CG-7011 too large, CG-7012 no such operation.
 */
#include "base/crypt.h"
#include "base/text.h"
#include "exchange/exchange_private.h"

enum { BUILD_ARENA_MAX = 256 << 10 };

static int bad_field(struct err *e, int variable, const char *why)
{
    return err_set(e, ERR_INVALID, MSG_EXCHANGE_FIELD, NULL, exchange_variable_name(variable), why);
}

static int too_large(struct err *e, size_t size, int64_t limit)
{
    char have[32], most[32];
    snprintf(have, sizeof have, "%zu", size);
    snprintf(most, sizeof most, "%lld", (long long)limit);
    return err_set(e, ERR_LIMIT, MSG_EXCHANGE_TOO_LARGE, NULL, have, most);
}

/* Printable UTF-8 of a bounded length; identifiers of the house and of the guide are far below it. */
static bool printable(const char *text, size_t max)
{
    size_t len = strlen(text);
    return len > 0 && len <= max && text_is_utf8(text, len) && text_find_control(text, len, false) < 0;
}

/* 被保険者個人識別子 with its first part padded as the profile says. Zeros and spaces on the left are taken off first, so that both forms come in. */
static const char *pad_insured(const struct exchange_profile *p, const char *insured, struct arena *arena)
{
    const char *start = insured + strspn(insured, " ");
    const char *rest = strchr(start, ':');
    size_t len = rest != NULL ? (size_t)(rest - start) : strlen(start);
    if (p->insurer_padding == EXCHANGE_PAD_ZERO && len >= (size_t)p->insurer_width)
        return arena_strdup(arena, start);
    while (len > 1 && *start == '0') {
        start++;
        len--;
    }
    int pad = p->insurer_padding != EXCHANGE_PAD_NONE && len < (size_t)p->insurer_width ? (int)((size_t)p->insurer_width - len) : 0;
    return arena_printf(arena, "%.*s%s", pad, p->insurer_padding == EXCHANGE_PAD_ZERO ? "0000000000000000" : "                ", start);
}

/* Text of a field; NULL = not given; ERR_INVALID when it is malformed. */
static int field_text(const struct exchange_profile *p, const struct exchange_fields *f, int variable, struct arena *arena, const char **ret, struct err *e)
{
    const char *text = NULL;
    switch ((enum exchange_variable)variable) {
    case VARIABLE_INSTITUTION: text = f->institution; break;
    case VARIABLE_IDENTIFIER: text = f->identifier; break;
    case VARIABLE_INSURED: text = f->insured; break;
    case VARIABLE_SYSTEM: text = f->system; break;
    case VARIABLE_VALUE: text = f->value; break;
    case VARIABLE_RECEIVER: text = f->receiver; break;
    case VARIABLE_RECEIPT: text = f->receipt; break;
    case VARIABLE_KIND: text = f->kind < EXCHANGE_KIND_COUNT ? p->kind[f->kind] : NULL; break;
    case VARIABLE_CONSENT: text = f->consent < EXCHANGE_CONSENT_COUNT ? p->consent[f->consent] : NULL; break;
    case VARIABLE_BUNDLE: case VARIABLE_COUNT: break;
    }
    if (text != NULL && (variable == VARIABLE_INSTITUTION || variable == VARIABLE_RECEIVER) && !exchange_text_ok(text, "0-9", 10, 10))
        return bad_field(e, variable, "10 digits");
    if (text != NULL && variable == VARIABLE_IDENTIFIER && !exchange_text_ok(text, "A-Za-z0-9-", 1, 64))
        return bad_field(e, variable, "1-64 [A-Za-z0-9-]");
    if (text != NULL && !printable(text, 512))
        return bad_field(e, variable, "1-512 UTF-8");
    if (text != NULL && variable == VARIABLE_INSURED && (text = pad_insured(p, text, arena)) == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "envelope", NULL);
    *ret = text;
    return 0;
}

static int put_element(const struct exchange_profile *p, const struct exchange_element *element, const struct exchange_fields *f,
                       struct arena *arena, struct exchange_tree *root, struct err *e)
{
    const char *text = element->literal;
    bool is_bundle = text == NULL && element->variable == VARIABLE_BUNDLE;
    if (is_bundle && f->bundle.data == NULL && !element->optional)
        return bad_field(e, VARIABLE_BUNDLE, "-");
    if (text == NULL && !is_bundle) {
        int code = field_text(p, f, element->variable, arena, &text, e);
        if (code < 0)
            return code;
        if (text == NULL && !element->optional)
            return bad_field(e, element->variable, "-");
    }
    if (text == NULL && (!is_bundle || f->bundle.data == NULL))
        return 0;
    struct exchange_tree *leaf = exchange_tree_put(arena, root, element->path, text);
    if (leaf == NULL)
        return err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "envelope", NULL);
    if (is_bundle)
        leaf->splice = f->bundle;
    return 0;
}

static int build(const struct exchange_profile *p, const struct exchange_call *call, enum exchange_form form, const struct exchange_fields *fields,
                 struct buf *ret, struct err *e)
{
    struct exchange_tree root = { .name = "" };
    struct arena *arena = arena_new(BUILD_ARENA_MAX);
    int code = arena != NULL ? 0 : err_set(e, ERR_NOMEM, MSG_NOMEM, NULL, "envelope", NULL);
    for (size_t i = 0; code == 0 && i < call->element_count; i++)
        code = put_element(p, &call->element[i], fields, arena, &root, e);
    if (code == 0 && (code = form == EXCHANGE_XML ? exchange_tree_print_xml(&root, ret) : exchange_tree_print_json(&root, ret)) < 0)
        err_set(e, (enum err_code)code, code == ERR_LIMIT ? MSG_LIMIT : MSG_NOMEM, NULL, "envelope", NULL);
    arena_free(arena);
    return code;
}

size_t exchange_size_bound(size_t bundle_len)
{
    return base64_size(bundle_len) + EXCHANGE_ENVELOPE_MAX;
}

int exchange_build(const struct exchange_profile *p, int operation, enum exchange_form form, const struct exchange_fields *fields,
                   struct buf *ret, struct err *e)
{
    if (operation < 0 || operation >= EXCHANGE_OPERATION_COUNT || !p->call[operation].known)
        return err_set(e, ERR_UNSUPPORTED, MSG_EXCHANGE_OPERATION, NULL, exchange_operation_name(operation), NULL);
    size_t encoded = fields->bundle.data != NULL ? base64_size(fields->bundle.len) : 0;
    if (encoded > (size_t)p->size_limit)
        return too_large(e, encoded, p->size_limit);
    buf_reset(ret);
    int code = buf_reserve(ret, encoded + 2048 < ret->max ? encoded + 2048 : encoded);   /* one allocation for the usual envelope */
    if (code < 0)
        code = err_set(e, (enum err_code)code, code == ERR_LIMIT ? MSG_LIMIT : MSG_NOMEM, NULL, "envelope", NULL);
    else
        code = build(p, &p->call[operation], form, fields, ret, e);
    if (code == 0 && ret->len > (size_t)p->size_limit)
        code = too_large(e, ret->len, p->size_limit);
    if (code == 0 && ret->len > encoded + EXCHANGE_ENVELOPE_MAX)
        code = too_large(e, ret->len - encoded, EXCHANGE_ENVELOPE_MAX);
    if (code < 0)
        buf_reset(ret);
    return code;
}
