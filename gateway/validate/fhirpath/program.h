/*
 * program.h - the form of a compiled expression; private to this folder.
 *
 * A program is a header, nodes and texts, in this order, without pointers. A node names its operands by index + 1; operands stand before the node that
 * uses them, so that no walk can go in circles, and `depth` bounds the recursion. Offsets of texts count from the header.
 */
#ifndef VALIDATE_FHIRPATH_PROGRAM_H
#define VALIDATE_FHIRPATH_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

enum { FP_MAGIC = 0x31505046, FP_MAX_TREE = 1000, FP_KIDS = 4 };

enum fp_op {
    FP_NAME,       /* text = member; number = its img_str, 0 = not looked up; kid 0 = what it is taken from, 0 = $this */
    FP_CALL,       /* fn; kid 0 = focus, 0 = $this; kids 1.. = arguments */
    FP_ITEM_AT,    /* kid 0 [ kid 1 ] */
    FP_THIS, FP_INDEX, FP_TOTAL,
    FP_CONSTANT,   /* %text; fn = enum fp_constant */
    FP_NOTHING,    /* {} */
    FP_BOOL, FP_STRING, FP_INTEGER /* number */, FP_DECIMAL, FP_DATE, FP_DATETIME, FP_TIME,
    FP_QUANTITY,   /* text = number as written; kid 0 = a string, the unit */
    FP_NEGATE, FP_POSITIVE,
    FP_MULTIPLY, FP_DIVIDE, FP_DIV, FP_MOD, FP_ADD, FP_SUBTRACT, FP_CONCATENATE,
    FP_IS, FP_AS,  /* kid 0; text = type */
    FP_UNION,
    FP_LESS, FP_LESS_EQUAL, FP_GREATER, FP_GREATER_EQUAL,
    FP_EQUAL, FP_NOT_EQUAL, FP_EQUIVALENT, FP_NOT_EQUIVALENT,
    FP_IN, FP_CONTAINS,
    FP_AND, FP_OR, FP_XOR, FP_IMPLIES,
    FP_OPS
};

/* What is said of a node without looking at a document. */
enum fp_flag {
    FP_CALM = 1,       /* it cannot fail, limits aside */
    FP_SINGLE = 2,     /* one item at most */
    FP_FIXED = 4,      /* the same for all values of $this, $index and $total */
};

/* How a node is evaluated. */
enum fp_way {
    FP_WAY_STACK,      /* a collection on the stack: fp_eval_stacked() */
    FP_WAY_THIS, FP_WAY_CONSTANT, FP_WAY_NAME, FP_WAY_START /* a name that may be that of a type */, FP_WAY_FLOW,   /* item by item: fp_walk() */
    FP_WAY_ONE,        /* one item at most: fp_eval_single() */
    FP_WAY_ANSWER,     /* a truth value: fp_eval_truth() */
    FP_WAYS
};

/* Constants that are known when the program is made. */
enum fp_constant { FP_ANY_CONSTANT, FP_CONTEXT, FP_RESOURCE, FP_ROOT_RESOURCE, FP_CONSTANTS };

struct fp_node {
    uint8_t op, fn;              /* enum fp_op; enum fp_fn, enum fp_constant */
    uint16_t depth;              /* 1 + the deepest operand's */
    uint32_t kid[FP_KIDS];       /* node index + 1, 0 = none */
    uint32_t text, len;          /* offset from the header, bytes; a NUL follows */
    uint32_t column;             /* 1-based byte in the expression */
    uint8_t flags, way;          /* enum fp_flag, enum fp_way: they follow from the rest */
    uint16_t spare;
    int64_t number;              /* boolean, integer, name; of a type its img_id, 0 = not looked up */
};

struct fp_header { uint32_t magic, size, count, root; /* index of the last node; size: bytes of all, a multiple of 8 */ };

/* What the parser must know of a function. */
enum fp_shape { FP_PLAIN, FP_TYPE_ARGUMENT /* the argument is the name of a type */ };
struct fp_signature { const char *name; uint8_t min, max, shape; };

/* Functions, in the order of the table in functions.c. */
enum fp_fn {
    FN_EMPTY, FN_EXISTS, FN_NOT, FN_ALL, FN_ALL_TRUE, FN_ANY_TRUE, FN_ALL_FALSE, FN_ANY_FALSE, FN_SUBSET_OF, FN_SUPERSET_OF, FN_COUNT, FN_DISTINCT, FN_IS_DISTINCT,
    FN_WHERE, FN_SELECT, FN_REPEAT, FN_OF_TYPE, FN_IS, FN_AS,
    FN_SINGLE, FN_FIRST, FN_LAST, FN_TAIL, FN_SKIP, FN_TAKE, FN_INTERSECT, FN_EXCLUDE, FN_UNION, FN_COMBINE,
    FN_IIF, FN_AGGREGATE, FN_TRACE, FN_NOW, FN_TODAY, FN_TIME_OF_DAY, FN_CHILDREN, FN_DESCENDANTS, FN_TYPE, FN_SORT,
    FN_TO_BOOLEAN, FN_TO_INTEGER, FN_TO_DECIMAL, FN_TO_STRING, FN_TO_DATE, FN_TO_DATETIME, FN_TO_TIME, FN_TO_QUANTITY,
    FN_CONVERTS_TO_BOOLEAN, FN_CONVERTS_TO_INTEGER, FN_CONVERTS_TO_DECIMAL, FN_CONVERTS_TO_STRING, FN_CONVERTS_TO_DATE, FN_CONVERTS_TO_DATETIME,
    FN_CONVERTS_TO_TIME, FN_CONVERTS_TO_QUANTITY,
    FN_INDEX_OF, FN_LAST_INDEX_OF, FN_SUBSTRING, FN_STARTS_WITH, FN_ENDS_WITH, FN_CONTAINS, FN_UPPER, FN_LOWER, FN_REPLACE, FN_MATCHES, FN_MATCHES_FULL, FN_REPLACE_MATCHES,
    FN_LENGTH, FN_TO_CHARS, FN_TRIM, FN_SPLIT, FN_JOIN, FN_ENCODE, FN_DECODE, FN_ESCAPE, FN_UNESCAPE,
    FN_ABS, FN_CEILING, FN_FLOOR, FN_TRUNCATE, FN_ROUND, FN_SQRT, FN_EXP, FN_LN, FN_LOG, FN_POWER,
    FN_LOW_BOUNDARY, FN_HIGH_BOUNDARY, FN_PRECISION, FN_COMPARABLE,
    FN_EXTENSION, FN_HAS_VALUE, FN_GET_VALUE, FN_RESOLVE, FN_MEMBER_OF, FN_CONFORMS_TO, FN_HTML_CHECKS, FN_SUBSUMES, FN_SUBSUMED_BY, FN_CHECK_MODIFIERS,
    FN_ELEMENT_DEFINITION, FN_SLICE,
    FN_COUNT_OF_FUNCTIONS
};

const struct fp_signature *fp_signature(unsigned fn);                 /* fn < FN_COUNT_OF_FUNCTIONS */
int fp_find_function(const char *name, size_t len);                   /* enum fp_fn, or -1 */

#endif
