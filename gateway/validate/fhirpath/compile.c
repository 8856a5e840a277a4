/*
 * NAME
 *     fhirpath_compile - an expression becomes a program
 *
 * SYNOPSIS
 *     fhirpath_compile(text, len, &program, &e)
 *
 * DESCRIPTION
 *     Precedence climbing over the operators of FHIRPath 2.0 (the order of its grammar, binding closest first: . [] unary * + is | < = in and or implies).
 *     Nodes are written as soon as their operands are, so that a program is in the order in which it may be walked. Names of functions and the number of
 *     their arguments are settled here; names of elements and types when it is evaluated.
 *
 * DIAGNOSTICS
 *     ERR_SYNTAX with the fault and what stands there, and its column. ERR_LIMIT where the expression is nested or chained too deep or its program would be
 *     larger than FHIRPATH_PROGRAM_MAX. ERR_NOMEM.
 */
#include "validate/fhirpath/fhirpath.h"

#include <string.h>
#include "base/text.h"
#include "validate/fhirpath/lexer.h"
#include "validate/fhirpath/moment.h"
#include "validate/fhirpath/program.h"

struct compiler {
    struct fp_lexer lexer;
    struct buf nodes, texts;      /* struct fp_node; texts with offsets from the start of `texts` */
    uint32_t count;
    unsigned nesting;
    struct err *e;
};

struct operator { const char *word; uint8_t op, precedence; };

/* Higher binds closer. */
enum { PRECEDENCE_IMPLIES = 1, PRECEDENCE_OR, PRECEDENCE_AND, PRECEDENCE_IN, PRECEDENCE_EQUAL, PRECEDENCE_LESS, PRECEDENCE_UNION, PRECEDENCE_IS, PRECEDENCE_ADD, PRECEDENCE_MULTIPLY };
static const struct operator operators[] = {
    { "implies", FP_IMPLIES, PRECEDENCE_IMPLIES }, { "or", FP_OR, PRECEDENCE_OR }, { "xor", FP_XOR, PRECEDENCE_OR }, { "and", FP_AND, PRECEDENCE_AND },
    { "in", FP_IN, PRECEDENCE_IN }, { "contains", FP_CONTAINS, PRECEDENCE_IN }, { "=", FP_EQUAL, PRECEDENCE_EQUAL }, { "!=", FP_NOT_EQUAL, PRECEDENCE_EQUAL },
    { "~", FP_EQUIVALENT, PRECEDENCE_EQUAL }, { "!~", FP_NOT_EQUIVALENT, PRECEDENCE_EQUAL }, { "<", FP_LESS, PRECEDENCE_LESS }, { "<=", FP_LESS_EQUAL, PRECEDENCE_LESS },
    { ">", FP_GREATER, PRECEDENCE_LESS }, { ">=", FP_GREATER_EQUAL, PRECEDENCE_LESS }, { "|", FP_UNION, PRECEDENCE_UNION }, { "is", FP_IS, PRECEDENCE_IS },
    { "as", FP_AS, PRECEDENCE_IS }, { "+", FP_ADD, PRECEDENCE_ADD }, { "-", FP_SUBTRACT, PRECEDENCE_ADD }, { "&", FP_CONCATENATE, PRECEDENCE_ADD },
    { "*", FP_MULTIPLY, PRECEDENCE_MULTIPLY }, { "/", FP_DIVIDE, PRECEDENCE_MULTIPLY }, { "div", FP_DIV, PRECEDENCE_MULTIPLY }, { "mod", FP_MOD, PRECEDENCE_MULTIPLY },
};

static int parse_expression(struct compiler *c, unsigned least, uint32_t *ret_node);

static int fault_at(struct compiler *c, size_t at, const char *what)
{
    char near[40];
    size_t left = at < c->lexer.len ? c->lexer.len - at : 0;
    size_t n = text_cut(c->lexer.text + at, left, sizeof near - 1);
    if (left > 0)
        memcpy(near, c->lexer.text + at, n);
    near[n] = '\0';
    err_set(c->e, ERR_SYNTAX, MSG_FHIRPATH_SYNTAX, NULL, what, near);
    if (c->e != NULL) {
        c->e->column = (uint32_t)at + 1;
        c->e->offset = (int64_t)at;
    }
    return ERR_SYNTAX;
}

static int fault(struct compiler *c, const char *what) { return fault_at(c, c->lexer.token.start, what); }

static int next(struct compiler *c)
{
    return fp_lexer_next(&c->lexer) < 0 ? fault_at(c, c->lexer.at, c->lexer.fault) : 0;
}

static bool at_sign(const struct compiler *c, const char *sign)
{
    return c->lexer.token.kind == TOKEN_SIGN && strcmp(c->lexer.token.sign, sign) == 0;
}

static bool token_is(const struct compiler *c, const char *word)
{
    const struct fp_token *t = &c->lexer.token;
    return t->end - t->start == strlen(word) && memcmp(c->lexer.text + t->start, word, t->end - t->start) == 0;
}

static int expect(struct compiler *c, const char *sign, const char *what)
{
    return at_sign(c, sign) ? next(c) : fault(c, what);
}

static struct fp_node *node_of(struct compiler *c, uint32_t id)
{
    return (struct fp_node *)(void *)c->nodes.data + (id - 1);
}

/* ---- what is known of a node at once ---- */

/* The flags that all of the operands have; $this, where there is none, has both. */
static uint8_t flags_of_operands(const struct fp_node *nodes, const struct fp_node *n)
{
    uint8_t flags = FP_CALM | FP_SINGLE;
    for (unsigned k = 0; k < FP_KIDS; k++)
        if (n->kid[k] != 0)
            flags &= nodes[n->kid[k] - 1].flags;
    return flags;
}

static uint8_t flags_of_call(const struct fp_node *nodes, const struct fp_node *n)
{
    uint8_t focus = n->kid[0] != 0 ? nodes[n->kid[0] - 1].flags : FP_CALM | FP_SINGLE, argument = n->kid[1] != 0 ? nodes[n->kid[1] - 1].flags : FP_CALM | FP_SINGLE;
    /* A criterion of several items is an error. */
    uint8_t calm = (argument & FP_SINGLE) != 0 ? focus & argument & FP_CALM : 0;
    switch (n->fn) {
    case FN_WHERE: return calm | (focus & FP_SINGLE);
    case FN_EXISTS: case FN_ALL: return calm | FP_SINGLE;
    case FN_NOT: return (focus & FP_SINGLE) != 0 ? focus : FP_SINGLE;
    case FN_EMPTY: case FN_COUNT: case FN_HAS_VALUE: return (focus & FP_CALM) | FP_SINGLE;
    case FN_FIRST: return (focus & FP_CALM) | FP_SINGLE;
    case FN_TAIL: case FN_TRACE: return focus;
    case FN_SELECT: return focus & argument;
    case FN_OF_TYPE: return (n->number != 0 ? focus & FP_CALM : 0) | (focus & FP_SINGLE);   /* a type that nobody knows is an error */
    case FN_IS: case FN_INDEX_OF: case FN_LAST_INDEX_OF: case FN_SUBSTRING: case FN_STARTS_WITH: case FN_ENDS_WITH: case FN_CONTAINS: case FN_LENGTH: case FN_MATCHES: case FN_MATCHES_FULL:
        return FP_SINGLE;
    default: return 0;
    }
}

/* FP_FIXED, or 0 */
static uint8_t fixed(const struct fp_node *nodes, const struct fp_node *n)
{
    if (n->op == FP_THIS || n->op == FP_INDEX || n->op == FP_TOTAL || ((n->op == FP_NAME || n->op == FP_CALL) && n->kid[0] == 0))
        return 0;
    for (unsigned k = 0; k < FP_KIDS; k++)
        if (n->kid[k] != 0 && (nodes[n->kid[k] - 1].flags & FP_FIXED) == 0)
            return 0;
    return FP_FIXED;
}

/* FP_CALM and FP_SINGLE of a node whose operands have theirs. */
static uint8_t calm_and_single(const struct fp_node *nodes, const struct fp_node *n)
{
    uint8_t operands = flags_of_operands(nodes, n);
    switch ((enum fp_op)n->op) {
    case FP_NAME: return operands & FP_CALM;
    case FP_CALL: return flags_of_call(nodes, n);
    case FP_CONSTANT: return n->fn != FP_ANY_CONSTANT ? FP_CALM | FP_SINGLE : FP_SINGLE;   /* one that nobody knows is an error */
    case FP_THIS: case FP_INDEX: case FP_NOTHING: case FP_BOOL: case FP_STRING: case FP_INTEGER: case FP_DECIMAL: case FP_DATE: case FP_DATETIME: case FP_TIME: case FP_QUANTITY:
        return FP_CALM | FP_SINGLE;
    case FP_UNION: return operands & FP_CALM;
    case FP_EQUAL: case FP_NOT_EQUAL: case FP_EQUIVALENT: case FP_NOT_EQUIVALENT: return (operands & FP_CALM) | FP_SINGLE;
    case FP_AND: case FP_OR: case FP_XOR: case FP_IMPLIES: return (operands & FP_SINGLE) != 0 ? operands : FP_SINGLE;
    case FP_IS: case FP_AS: case FP_LESS: case FP_LESS_EQUAL: case FP_GREATER: case FP_GREATER_EQUAL: case FP_IN: case FP_CONTAINS: return FP_SINGLE;
    default: return 0;
    }
}

/* ---- nodes ---- */

/* enum fp_flag of a node whose operands have theirs. */
static uint8_t flags_of(const struct fp_node *nodes, const struct fp_node *n)
{
    return (uint8_t)((calm_and_single(nodes, n) & (FP_CALM | FP_SINGLE)) | fixed(nodes, n));
}

static uint8_t way_of(const struct fp_node *n, const char *text)
{
    static const uint8_t ops[FP_OPS] = {
        [FP_NAME] = FP_WAY_NAME, [FP_THIS] = FP_WAY_THIS, [FP_INDEX] = FP_WAY_ONE, [FP_CONSTANT] = FP_WAY_CONSTANT, [FP_NOTHING] = FP_WAY_ONE, [FP_BOOL] = FP_WAY_ONE, [FP_STRING] = FP_WAY_ONE,
        [FP_INTEGER] = FP_WAY_ONE, [FP_DECIMAL] = FP_WAY_ONE, [FP_DATE] = FP_WAY_ONE, [FP_DATETIME] = FP_WAY_ONE, [FP_TIME] = FP_WAY_ONE, [FP_QUANTITY] = FP_WAY_ONE, [FP_IS] = FP_WAY_ANSWER,
        [FP_AS] = FP_WAY_FLOW, [FP_LESS] = FP_WAY_ANSWER, [FP_LESS_EQUAL] = FP_WAY_ANSWER, [FP_GREATER] = FP_WAY_ANSWER, [FP_GREATER_EQUAL] = FP_WAY_ANSWER, [FP_EQUAL] = FP_WAY_ANSWER,
        [FP_NOT_EQUAL] = FP_WAY_ANSWER, [FP_EQUIVALENT] = FP_WAY_ANSWER, [FP_NOT_EQUIVALENT] = FP_WAY_ANSWER, [FP_IN] = FP_WAY_ANSWER, [FP_CONTAINS] = FP_WAY_ANSWER, [FP_AND] = FP_WAY_ANSWER,
        [FP_OR] = FP_WAY_ANSWER, [FP_XOR] = FP_WAY_ANSWER, [FP_IMPLIES] = FP_WAY_ANSWER,
    };
    static const uint8_t calls[FN_COUNT_OF_FUNCTIONS] = {
        [FN_WHERE] = FP_WAY_FLOW, [FN_SELECT] = FP_WAY_FLOW, [FN_OF_TYPE] = FP_WAY_FLOW, [FN_FIRST] = FP_WAY_FLOW, [FN_TAIL] = FP_WAY_FLOW, [FN_TRACE] = FP_WAY_FLOW, [FN_COUNT] = FP_WAY_ONE,
        [FN_INDEX_OF] = FP_WAY_ONE, [FN_LAST_INDEX_OF] = FP_WAY_ONE, [FN_SUBSTRING] = FP_WAY_ONE, [FN_STARTS_WITH] = FP_WAY_ONE, [FN_ENDS_WITH] = FP_WAY_ONE, [FN_CONTAINS] = FP_WAY_ONE,
        [FN_LENGTH] = FP_WAY_ONE, [FN_MATCHES] = FP_WAY_ONE, [FN_MATCHES_FULL] = FP_WAY_ONE,
        [FN_EXISTS] = FP_WAY_ANSWER, [FN_EMPTY] = FP_WAY_ANSWER, [FN_ALL] = FP_WAY_ANSWER, [FN_NOT] = FP_WAY_ANSWER, [FN_IS] = FP_WAY_ANSWER, [FN_HAS_VALUE] = FP_WAY_ANSWER,
    };
    if (n->op == FP_NAME && n->kid[0] == 0 && text[0] >= 'A' && text[0] <= 'Z')
        return FP_WAY_START;
    return n->op == FP_CALL ? calls[n->fn] : ops[n->op];
}

/* Appends a node whose operands are there already; *ret_node = its index + 1. */
static int emit(struct compiler *c, struct fp_node node, uint32_t *ret_node)
{
    uint16_t depth = 0;
    for (unsigned i = 0; i < FP_KIDS; i++)
        if (node.kid[i] != 0 && node_of(c, node.kid[i])->depth > depth)
            depth = node_of(c, node.kid[i])->depth;
    if (depth >= FP_MAX_TREE)
        return err_set(c->e, ERR_LIMIT, MSG_FHIRPATH_LIMIT, NULL, "depth of the expression", NULL);
    node.depth = (uint16_t)(depth + 1);
    node.flags = flags_of((const void *)c->nodes.data, &node);
    node.way = way_of(&node, node.op == FP_NAME ? c->texts.data + node.text : "");
    int failed = buf_add(&c->nodes, &node, sizeof node);
    if (failed == 0)
        *ret_node = ++c->count;
    return failed == 0 ? 0 : err_set(c->e, (enum err_code)failed, MSG_FHIRPATH_LIMIT, NULL, "size of the program", NULL);
}

/* Puts the text of a token (or `fixed`) into the node. */
static int set_text(struct compiler *c, struct fp_node *node, const struct fp_token *token, const char *fixed)
{
    size_t start = c->texts.len;
    if (fixed != NULL)
        buf_add_str(&c->texts, fixed);
    else if (fp_lexer_text(&c->lexer, token, &c->texts) < 0 && c->texts.failed == 0)
        return fault_at(c, c->lexer.at, c->lexer.fault);
    node->text = (uint32_t)start;
    node->len = (uint32_t)(c->texts.len - start);
    int failed = buf_add_char(&c->texts, '\0');
    return failed == 0 ? 0 : err_set(c->e, (enum err_code)failed, MSG_FHIRPATH_LIMIT, NULL, "size of the program", NULL);
}

static struct fp_node node_here(const struct compiler *c, enum fp_op op)
{
    return (struct fp_node){ .op = (uint8_t)op, .column = (uint32_t)c->lexer.token.start + 1 };
}

/* ---- types ---- */

static bool is_name(const struct compiler *c)
{
    return c->lexer.token.kind == TOKEN_NAME || c->lexer.token.kind == TOKEN_QUOTED_NAME;
}

/* Quantity, FHIR.Patient, System.`String`; old expressions write 'Patient'. The text of the node becomes "FHIR.Patient". */
static int parse_type(struct compiler *c, struct fp_node *node)
{
    size_t start = c->texts.len;
    bool more = true;
    while (more) {
        if (!is_name(c) && c->lexer.token.kind != TOKEN_STRING)
            return fault(c, "name of a type expected");
        if (fp_lexer_text(&c->lexer, &c->lexer.token, &c->texts) < 0)
            return fault_at(c, c->lexer.at, c->lexer.fault);
        if (next(c) < 0)
            return ERR_SYNTAX;
        more = at_sign(c, ".");
        if (more) {
            /* In "x is Quantity.unit" nothing can tell: the point belongs to the type. */
            buf_add_char(&c->texts, '.');
            if (next(c) < 0)
                return ERR_SYNTAX;
        }
    }
    node->text = (uint32_t)start;
    node->len = (uint32_t)(c->texts.len - start);
    int failed = buf_add_char(&c->texts, '\0');
    return failed == 0 ? 0 : err_set(c->e, (enum err_code)failed, MSG_FHIRPATH_LIMIT, NULL, "size of the program", NULL);
}

/* ---- terms ---- */

/* The current token is "(" behind the name of a function. */
static int parse_call(struct compiler *c, const struct fp_token *name, uint32_t focus, uint32_t *ret_node)
{
    int fn = fp_find_function(c->lexer.text + name->start, name->end - name->start);
    if (fn < 0)
        return fault_at(c, name->start, "no such function");
    const struct fp_signature *signature = fp_signature((unsigned)fn);
    struct fp_node node = { .op = FP_CALL, .fn = (uint8_t)fn, .column = (uint32_t)name->start + 1 };
    node.kid[0] = focus;
    unsigned count = 0;
    int ret = next(c);
    if (ret == 0 && signature->shape == FP_TYPE_ARGUMENT) {
        ret = parse_type(c, &node);
        count = 1;
    } else {
        while (ret == 0 && !at_sign(c, ")")) {
            if (count == signature->max)
                return fault(c, "too many arguments");
            ret = parse_expression(c, PRECEDENCE_IMPLIES, &node.kid[1 + count]);
            count++;
            if (ret == 0 && !at_sign(c, ")")) {
                ret = expect(c, ",", "\",\" or \")\" expected");
                if (ret == 0 && at_sign(c, ")"))
                    return fault(c, "argument expected");
            }
        }
    }
    if (ret == 0)
        ret = expect(c, ")", "\")\" expected");
    if (ret == 0 && count < signature->min)
        return fault_at(c, name->start, "too few arguments");
    return ret == 0 ? emit(c, node, ret_node) : ret;
}

/* A name or a call, at the start of a path or behind a point. */
static int parse_invocation(struct compiler *c, uint32_t focus, uint32_t *ret_node)
{
    struct fp_token name = c->lexer.token;
    struct fp_node node = node_here(c, FP_NAME);
    node.kid[0] = focus;
    int ret = next(c);
    if (ret == 0 && name.kind == TOKEN_NAME && at_sign(c, "("))
        return parse_call(c, &name, focus, ret_node);
    if (ret == 0)
        ret = set_text(c, &node, &name, NULL);
    return ret == 0 ? emit(c, node, ret_node) : ret;
}

static int parse_variable(struct compiler *c, uint32_t *ret_node)
{
    struct fp_node node = node_here(c, token_is(c, "$this") ? FP_THIS : token_is(c, "$index") ? FP_INDEX : FP_TOTAL);
    if (node.op == FP_TOTAL && !token_is(c, "$total"))
        return fault(c, "no such variable");
    int ret = next(c);
    return ret == 0 ? emit(c, node, ret_node) : ret;
}

/* %name, %`vs-name`, %'name' */
static int parse_constant(struct compiler *c, uint32_t *ret_node)
{
    static const char *const fixed[FP_CONSTANTS] = { [FP_CONTEXT] = "context", [FP_RESOURCE] = "resource", [FP_ROOT_RESOURCE] = "rootResource" };
    struct fp_node node = node_here(c, FP_CONSTANT);
    int ret = next(c);
    if (ret == 0 && !is_name(c) && c->lexer.token.kind != TOKEN_STRING)
        return fault(c, "name expected");
    if (ret == 0)
        ret = set_text(c, &node, &c->lexer.token, NULL);
    for (uint8_t i = 1; ret == 0 && i < FP_CONSTANTS; i++)
        if (strcmp(fixed[i], c->texts.data + node.text) == 0)
            node.fn = i;
    if (ret == 0)
        ret = next(c);
    return ret == 0 ? emit(c, node, ret_node) : ret;
}

/* A number, and the unit behind it makes it a quantity: 4 days, 4 'mg' */
static int parse_number(struct compiler *c, uint32_t *ret_node)
{
    bool integer = c->lexer.token.kind == TOKEN_INTEGER;
    struct fp_node node = node_here(c, integer ? FP_INTEGER : FP_DECIMAL);
    struct fp_token number = c->lexer.token;
    if (integer && text_to_int64(c->lexer.text + number.start, number.end - number.start, 0, INT64_MAX, &node.number) < 0)
        return fault(c, "number too large");
    if (number.end - number.start > 36)
        return fault(c, "number too long");
    int ret = set_text(c, &node, &number, NULL);
    if (ret == 0)
        ret = next(c);
    if (ret < 0)
        return ret;
    const struct fp_token *unit = &c->lexer.token;
    if (unit->kind == TOKEN_STRING || (unit->kind == TOKEN_NAME && fp_calendar_unit(c->lexer.text + unit->start, unit->end - unit->start) != FP_UNIT_NONE)) {
        struct fp_node text = node_here(c, FP_STRING);
        ret = set_text(c, &text, unit, NULL);
        if (ret == 0)
            ret = emit(c, text, &node.kid[0]);
        node.op = FP_QUANTITY;
        if (ret == 0)
            ret = next(c);
    }
    return ret == 0 ? emit(c, node, ret_node) : ret;
}

static int parse_moment(struct compiler *c, enum fp_op op, uint32_t *ret_node)
{
    struct fp_node node = node_here(c, op);
    struct fp_token literal = c->lexer.token;
    literal.start += op == FP_TIME ? 2 : 1;
    struct fp_moment moment;
    if (!fp_moment_parse(c->lexer.text + literal.start, literal.end - literal.start, op == FP_TIME, &moment))
        return fault(c, "no such date or time");
    int ret = set_text(c, &node, &literal, NULL);
    if (ret == 0)
        ret = next(c);
    return ret == 0 ? emit(c, node, ret_node) : ret;
}

static int parse_simple(struct compiler *c, enum fp_op op, int64_t number, uint32_t *ret_node)
{
    struct fp_node node = node_here(c, op);
    node.number = number;
    int ret = op == FP_STRING ? set_text(c, &node, &c->lexer.token, NULL) : 0;
    if (ret == 0)
        ret = next(c);
    return ret == 0 ? emit(c, node, ret_node) : ret;
}

static int parse_sign_term(struct compiler *c, uint32_t *ret_node)
{
    int ret = ERR_SYNTAX;
    if (at_sign(c, "(")) {
        ret = next(c);
        if (ret == 0)
            ret = parse_expression(c, PRECEDENCE_IMPLIES, ret_node);
        return ret == 0 ? expect(c, ")", "\")\" expected") : ret;
    }
    if (at_sign(c, "{")) {
        struct fp_node node = node_here(c, FP_NOTHING);
        ret = next(c);
        if (ret == 0)
            ret = expect(c, "}", "\"}\" expected");
        return ret == 0 ? emit(c, node, ret_node) : ret;
    }
    return at_sign(c, "%") ? parse_constant(c, ret_node) : fault(c, "value expected");
}

static int parse_term(struct compiler *c, uint32_t *ret_node)
{
    switch (c->lexer.token.kind) {
    case TOKEN_NAME:
        if (token_is(c, "true") || token_is(c, "false"))
            return parse_simple(c, FP_BOOL, token_is(c, "true"), ret_node);
        return parse_invocation(c, 0, ret_node);
    case TOKEN_QUOTED_NAME: return parse_invocation(c, 0, ret_node);
    case TOKEN_STRING: return parse_simple(c, FP_STRING, 0, ret_node);
    case TOKEN_INTEGER: case TOKEN_DECIMAL: return parse_number(c, ret_node);
    case TOKEN_DATE: return parse_moment(c, FP_DATE, ret_node);
    case TOKEN_DATETIME: return parse_moment(c, FP_DATETIME, ret_node);
    case TOKEN_TIME: return parse_moment(c, FP_TIME, ret_node);
    case TOKEN_VARIABLE: return parse_variable(c, ret_node);
    case TOKEN_SIGN: return parse_sign_term(c, ret_node);
    case TOKEN_END: break;
    }
    return fault(c, "expression ends early");
}

/* A term and what hangs on it by "." and "[]". */
static int parse_path(struct compiler *c, uint32_t *ret_node)
{
    int ret = parse_term(c, ret_node);
    while (ret == 0 && (at_sign(c, ".") || at_sign(c, "["))) {
        if (at_sign(c, ".")) {
            ret = next(c);
            if (ret == 0)
                ret = is_name(c) ? parse_invocation(c, *ret_node, ret_node) : fault(c, "name expected");
        } else {
            struct fp_node node = node_here(c, FP_ITEM_AT);
            node.kid[0] = *ret_node;
            ret = next(c);
            if (ret == 0)
                ret = parse_expression(c, PRECEDENCE_IMPLIES, &node.kid[1]);
            if (ret == 0)
                ret = expect(c, "]", "\"]\" expected");
            if (ret == 0)
                ret = emit(c, node, ret_node);
        }
    }
    return ret;
}

static int parse_unary(struct compiler *c, uint32_t *ret_node)
{
    if (!at_sign(c, "-") && !at_sign(c, "+"))
        return parse_path(c, ret_node);
    struct fp_node node = node_here(c, at_sign(c, "-") ? FP_NEGATE : FP_POSITIVE);
    int ret = next(c);
    if (ret == 0 && ++c->nesting > FHIRPATH_MAX_DEPTH)
        return err_set(c->e, ERR_LIMIT, MSG_FHIRPATH_LIMIT, NULL, "depth of the expression", NULL);
    if (ret == 0)
        ret = parse_unary(c, &node.kid[0]);
    c->nesting--;
    return ret == 0 ? emit(c, node, ret_node) : ret;
}

static const struct operator *operator_here(const struct compiler *c)
{
    if (c->lexer.token.kind != TOKEN_SIGN && c->lexer.token.kind != TOKEN_NAME)
        return NULL;
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (token_is(c, operators[i].word))
            return &operators[i];
    return NULL;
}

/* Operators that bind at least as close as `least`, to the left. */
static int parse_expression(struct compiler *c, unsigned least, uint32_t *ret_node)
{
    if (++c->nesting > FHIRPATH_MAX_DEPTH)
        return err_set(c->e, ERR_LIMIT, MSG_FHIRPATH_LIMIT, NULL, "depth of the expression", NULL);
    uint32_t left = 0;
    int ret = parse_unary(c, &left);
    const struct operator *o;
    while (ret == 0 && (o = operator_here(c)) != NULL && o->precedence >= least) {
        struct fp_node node = node_here(c, (enum fp_op)o->op);
        node.kid[0] = left;
        ret = next(c);
        if (ret == 0)
            ret = o->op == FP_IS || o->op == FP_AS ? parse_type(c, &node) : parse_expression(c, o->precedence + 1u, &node.kid[1]);
        if (ret == 0)
            ret = emit(c, node, &left);
    }
    c->nesting--;
    if (ret == 0)
        *ret_node = left;
    return ret;
}

/* ---- the program ---- */

static bool has_text(const struct fp_node *n)
{
    return n->op == FP_NAME || n->op == FP_CONSTANT || (n->op >= FP_STRING && n->op <= FP_QUANTITY) || n->op == FP_IS || n->op == FP_AS ||
        (n->op == FP_CALL && fp_signature(n->fn)->shape == FP_TYPE_ARGUMENT);
}

static int write_program(struct compiler *c, struct buf *ret_program)
{
    static const char zeros[8];
    size_t texts = sizeof(struct fp_header) + c->nodes.len;
    size_t size = (texts + c->texts.len + 7) / 8 * 8;
    if (size > FHIRPATH_PROGRAM_MAX || ret_program->failed || buf_reserve(ret_program, size) < 0)
        return err_set(c->e, ret_program->failed == ERR_NOMEM ? ERR_NOMEM : ERR_LIMIT, MSG_FHIRPATH_LIMIT, NULL, "size of the program", NULL);
    struct fp_header header = { FP_MAGIC, (uint32_t)size, c->count, c->count - 1 };
    for (uint32_t i = 1; i <= c->count; i++)
        if (has_text(node_of(c, i)))
            node_of(c, i)->text += (uint32_t)texts;
    buf_add(ret_program, &header, sizeof header);
    buf_add(ret_program, c->nodes.data, c->nodes.len);
    buf_add(ret_program, c->texts.data, c->texts.len);
    return buf_add(ret_program, zeros, size - texts - c->texts.len);
}

int fhirpath_compile(const char *text, size_t len, struct buf *ret_program, struct err *e)
{
    struct compiler c = { .e = e };
    uint32_t root = 0;
    if (len > FHIRPATH_PROGRAM_MAX)
        return err_set(e, ERR_LIMIT, MSG_FHIRPATH_LIMIT, NULL, "length of the expression", NULL);
    fp_lexer_init(&c.lexer, text, len);
    buf_init(&c.nodes, FHIRPATH_PROGRAM_MAX);
    buf_init(&c.texts, FHIRPATH_PROGRAM_MAX);
    int ret = ret_program->len % 8 == 0 ? next(&c) : err_set(e, ERR_INVALID, MSG_INTERNAL, NULL, "fhirpath_compile", "alignment");
    if (ret == 0 && (!text_is_utf8(text, len) || memchr(text, '\0', len) != NULL))
        ret = fault_at(&c, 0, "not UTF-8");
    if (ret == 0)
        ret = parse_expression(&c, PRECEDENCE_IMPLIES, &root);
    if (ret == 0 && c.lexer.token.kind != TOKEN_END)
        ret = fault(&c, "operator expected");
    if (ret == 0)
        ret = write_program(&c, ret_program);
    buf_free(&c.nodes);
    buf_free(&c.texts);
    return ret;
}

/* ---- a program out of a file ---- */

static bool node_ok(const struct fp_node *nodes, uint32_t i, const char *program, size_t texts, size_t size)
{
    const struct fp_node *n = &nodes[i];
    unsigned depth = 0;
    if (n->op >= FP_OPS || n->depth == 0 || n->depth > FP_MAX_TREE || (n->op == FP_CALL && n->fn >= FN_COUNT_OF_FUNCTIONS) || (n->op == FP_CONSTANT && n->fn >= FP_CONSTANTS))
        return false;
    for (unsigned k = 0; k < FP_KIDS; k++) {
        if (n->kid[k] > i)
            return false;
        if (n->kid[k] != 0 && nodes[n->kid[k] - 1].depth > depth)
            depth = nodes[n->kid[k] - 1].depth;
    }
    if (n->depth <= depth || n->flags != flags_of(nodes, n))
        return false;
    if (has_text(n) && (n->text < texts || n->text >= size || n->len >= size - n->text || program[n->text + n->len] != '\0' || memchr(program + n->text, '\0', n->len) != NULL || !text_is_utf8(program + n->text, n->len)))
        return false;
    if (n->way != way_of(n, has_text(n) ? program + n->text : ""))
        return false;
    unsigned least = n->op == FP_ITEM_AT || (n->op >= FP_MULTIPLY && n->op <= FP_CONCATENATE) || n->op >= FP_UNION ? 2 : n->op == FP_NEGATE || n->op == FP_POSITIVE || n->op == FP_IS || n->op == FP_AS || n->op == FP_QUANTITY;
    for (unsigned k = 0; k < least; k++)
        if (n->kid[k] == 0)
            return false;
    if (n->op == FP_QUANTITY && nodes[n->kid[0] - 1].op != FP_STRING)
        return false;
    if (n->op == FP_CALL && fp_signature(n->fn)->shape == FP_PLAIN)
        for (unsigned k = 0; k < fp_signature(n->fn)->min; k++)
            if (n->kid[1 + k] == 0)
                return false;
    return true;
}

/* Does the node name a type? */
static bool has_type(const struct fp_node *n)
{
    return n->op == FP_IS || n->op == FP_AS || (n->op == FP_CALL && fp_signature(n->fn)->shape == FP_TYPE_ARGUMENT);
}

void fhirpath_link(char *program, const struct fhirpath_names *names, void *self)
{
    const struct fp_header *h = (const void *)program;
    struct fp_node *nodes = (void *)(program + sizeof *h);
    for (uint32_t i = 0; i < h->count; i++) {
        const char *text = program + nodes[i].text;
        if (nodes[i].op == FP_NAME) {
            nodes[i].number = names->number_of(self, text, nodes[i].len);
        } else if (has_type(&nodes[i])) {
            size_t space = strncmp(text, "FHIR.", 5) == 0 ? 5 : 0;
            nodes[i].number = names->type_of(self, text + space, nodes[i].len - space);
        }
        nodes[i].flags = flags_of(nodes, &nodes[i]);
    }
}

bool fhirpath_program_ok(const char *program, size_t len)
{
    if (len < sizeof(struct fp_header) || (uintptr_t)program % 8 != 0)
        return false;
    const struct fp_header *h = (const void *)program;
    size_t texts = sizeof *h + (size_t)h->count * sizeof(struct fp_node);
    if (h->magic != FP_MAGIC || h->size != len || h->count == 0 || h->root != h->count - 1 || texts > len)
        return false;
    for (uint32_t i = 0; i < h->count; i++)
        if (!node_ok((const void *)(program + sizeof *h), i, program, texts, len))
            return false;
    return true;
}
