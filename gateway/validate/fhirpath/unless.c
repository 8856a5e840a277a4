/*
 * NAME
 *     fhirpath_unless - what must be there for an invariant to fail
 *
 * DESCRIPTION
 *     Most invariants speak of a member that most objects do not have: "code.empty() or system.exists()" holds wherever there is no code. What an expression says of an
 *     object without certain members is found here without a document: paths that begin with one of them are empty, and from there the answers follow by the rules of
 *     the language. Everything else is taken to give any answer. The invariant holds when "yes" is the only answer left and nothing on the way could have
 *     failed, limits aside (FP_CALM); an expression that fails is an issue and must be evaluated.
 *
 *     Only the answers under the ways of the reference are looked at, as the validator evaluates.
 */
#include "validate/fhirpath/eval.h"

enum { CANDIDATES = 8, NO = 1 << FHIRPATH_NO, YES = 1 << FHIRPATH_YES, EMPTY = 1 << FHIRPATH_EMPTY };

/* The members that are not there. */
struct absence { const struct fp_node *nodes; img_str name[CANDIDATES]; size_t count; };
/* Answers that are possible; may it fail? */
struct outlook { unsigned answers; bool fails; };

static bool is_absent(const struct absence *a, const struct fp_node *n)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->name[i] == (img_str)n->number)
            return true;
    return false;
}

/* Is the node empty for certain, and cannot fail? What is taken from nothing is nothing, and criteria are asked of no item. */
static bool is_empty(const struct absence *a, uint32_t id)
{
    const struct fp_node *n = &a->nodes[id - 1];
    if (n->op == FP_NAME && n->kid[0] == 0)
        return n->way == FP_WAY_NAME && is_absent(a, n);
    if (n->op == FP_NAME || n->op == FP_AS)
        return is_empty(a, n->kid[0]);
    if (n->op != FP_CALL || n->kid[0] == 0)
        return n->op == FP_NOTHING;
    switch (n->fn) {
    case FN_WHERE: case FN_SELECT: case FN_OF_TYPE: case FN_AS: case FN_FIRST: case FN_LAST: case FN_TAIL: case FN_SINGLE: case FN_TRACE: case FN_RESOLVE: return is_empty(a, n->kid[0]);
    default: return false;
    }
}

static bool has(const struct absence *a, uint32_t id, unsigned flags)
{
    return id == 0 || (a->nodes[id - 1].flags & flags) == flags;
}

static struct outlook outlook_of(const struct absence *a, uint32_t id);

/* The right side is asked where the left one leaves the answer open. */
static struct outlook of_logic(const struct absence *a, const struct fp_node *n)
{
    struct outlook left = outlook_of(a, n->kid[0]), right = outlook_of(a, n->kid[1]), both = { 0, left.fails };
    for (unsigned l = 0; l < 3; l++) {
        const uint8_t *row = fp_logic[n->op - FP_AND][l];
        if ((left.answers >> l & 1) == 0)
            continue;
        if (row[0] == row[1] && row[1] == row[2]) {
            both.answers |= 1u << row[0];
            continue;
        }
        both.fails |= right.fails;
        for (unsigned r = 0; r < 3; r++)
            if ((right.answers >> r & 1) != 0)
                both.answers |= 1u << row[r];
    }
    return both;
}

/* Comparisons with nothing have no answer; the other side is evaluated all the same. */
static struct outlook of_comparison(const struct absence *a, const struct fp_node *n, unsigned wanted)
{
    bool left = is_empty(a, n->kid[0]), right = is_empty(a, n->kid[1]);
    bool calm = (left || has(a, n->kid[0], wanted)) && (right || has(a, n->kid[1], wanted));
    bool order = n->op < FP_EQUAL;           /* these may fail on what they are given */
    return (struct outlook){ left || right ? EMPTY : NO | YES | EMPTY, !calm || (order && !left && !right) };
}

static struct outlook of_not(const struct absence *a, const struct fp_node *n)
{
    struct outlook o = outlook_of(a, n->kid[0]);
    o.answers = (o.answers & EMPTY) | ((o.answers & YES) != 0 ? NO : 0) | ((o.answers & NO) != 0 ? YES : 0);
    return o;
}

static struct outlook of_call(const struct absence *a, const struct fp_node *n)
{
    const struct outlook calm = { NO | YES | EMPTY, (n->flags & (FP_CALM | FP_SINGLE)) != (FP_CALM | FP_SINGLE) };
    if (n->fn == FN_NOT && n->kid[0] != 0)
        return of_not(a, n);
    if (n->kid[0] == 0 || !is_empty(a, n->kid[0]))
        return calm;
    switch (n->fn) {
    case FN_EMPTY: case FN_ALL: return (struct outlook){ YES, false };
    case FN_EXISTS: case FN_HAS_VALUE: return (struct outlook){ NO, false };
    case FN_STARTS_WITH: case FN_ENDS_WITH: case FN_CONTAINS: case FN_MATCHES: case FN_MATCHES_FULL: return (struct outlook){ NO, !has(a, n->kid[1], FP_CALM | FP_SINGLE) };
    case FN_IS: return (struct outlook){ EMPTY, false };
    default: return calm;
    }
}

/* The node as a truth value. */
static struct outlook outlook_of(const struct absence *a, uint32_t id)
{
    const struct fp_node *n = &a->nodes[id - 1];
    if (is_empty(a, id))
        return (struct outlook){ EMPTY, false };
    switch (n->op) {
    case FP_AND: case FP_OR: case FP_XOR: case FP_IMPLIES: return of_logic(a, n);
    case FP_EQUAL: case FP_NOT_EQUAL: return of_comparison(a, n, FP_CALM);
    case FP_LESS: case FP_LESS_EQUAL: case FP_GREATER: case FP_GREATER_EQUAL: return of_comparison(a, n, FP_CALM | FP_SINGLE);
    case FP_CALL: return of_call(a, n);
    case FP_IS: return (struct outlook){ is_empty(a, n->kid[0]) ? EMPTY : NO | YES | EMPTY, !is_empty(a, n->kid[0]) };
    default: return (struct outlook){ NO | YES | EMPTY, (n->flags & (FP_CALM | FP_SINGLE)) != (FP_CALM | FP_SINGLE) };
    }
}

static bool holds_without(const struct absence *a, uint32_t root)
{
    struct outlook o = outlook_of(a, root);
    return o.answers == YES && !o.fails;
}

/* The names that paths from $this begin with, as far as there is room. */
static struct absence candidates(const struct fp_node *nodes, uint32_t count)
{
    struct absence all = { .nodes = nodes };
    for (uint32_t i = 0; i < count && all.count < CANDIDATES; i++)
        if (nodes[i].op == FP_NAME && nodes[i].kid[0] == 0 && nodes[i].way == FP_WAY_NAME && nodes[i].number != 0 && !is_absent(&all, &nodes[i]))
            all.name[all.count++] = (img_str)nodes[i].number;
    return all;
}

size_t fhirpath_unless(const char *program, uint64_t ret_names[FHIRPATH_UNLESS])
{
    const struct fp_header *h = (const void *)program;
    const struct fp_node *nodes = (const void *)(program + sizeof *h);
    struct absence all = candidates(nodes, h->count);
    size_t count = 0;
    for (size_t i = 0; i < all.count && count < FHIRPATH_UNLESS; i++) {
        const struct absence one = { .nodes = nodes, .name = { all.name[i] }, .count = 1 };
        if (holds_without(&one, h->root + 1))
            ret_names[count++] = document_name_bit(all.name[i]);
    }
    if (count > 0 || !holds_without(&all, h->root + 1))
        return count;
    for (size_t i = all.count; i > 0; i--) {
        struct absence fewer = all;
        fewer.name[i - 1] = fewer.name[--fewer.count];
        if (holds_without(&fewer, h->root + 1))
            all = fewer;
    }
    ret_names[0] = 0;
    for (size_t i = 0; i < all.count; i++)
        ret_names[0] |= document_name_bit(all.name[i]);
    return 1;
}
