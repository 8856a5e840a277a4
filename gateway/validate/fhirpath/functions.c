/* The table of functions: names, numbers of arguments, who carries them out. */
#include "validate/fhirpath/eval.h"

#include <string.h>

struct entry { struct fp_signature signature; fp_function *run; /* NULL: flow.c, eval.c */ };

#define F(id, text, least, most, kind, function) [id] = { { text, least, most, kind }, function }
static const struct entry entries[FN_COUNT_OF_FUNCTIONS] = {
    F(FN_EMPTY, "empty", 0, 0, FP_PLAIN, NULL), F(FN_EXISTS, "exists", 0, 1, FP_PLAIN, NULL), F(FN_NOT, "not", 0, 0, FP_PLAIN, NULL),
    F(FN_ALL, "all", 1, 1, FP_PLAIN, NULL), F(FN_ALL_TRUE, "allTrue", 0, 0, FP_PLAIN, fp_fn_collection), F(FN_ANY_TRUE, "anyTrue", 0, 0, FP_PLAIN, fp_fn_collection),
    F(FN_ALL_FALSE, "allFalse", 0, 0, FP_PLAIN, fp_fn_collection), F(FN_ANY_FALSE, "anyFalse", 0, 0, FP_PLAIN, fp_fn_collection),
    F(FN_SUBSET_OF, "subsetOf", 1, 1, FP_PLAIN, fp_fn_collection), F(FN_SUPERSET_OF, "supersetOf", 1, 1, FP_PLAIN, fp_fn_collection), F(FN_COUNT, "count", 0, 0, FP_PLAIN, NULL),
    F(FN_DISTINCT, "distinct", 0, 0, FP_PLAIN, fp_fn_collection), F(FN_IS_DISTINCT, "isDistinct", 0, 0, FP_PLAIN, fp_fn_collection),
    F(FN_WHERE, "where", 1, 1, FP_PLAIN, NULL), F(FN_SELECT, "select", 1, 1, FP_PLAIN, NULL), F(FN_REPEAT, "repeat", 1, 1, FP_PLAIN, fp_fn_filter),
    F(FN_OF_TYPE, "ofType", 1, 1, FP_TYPE_ARGUMENT, NULL), F(FN_IS, "is", 1, 1, FP_TYPE_ARGUMENT, NULL), F(FN_AS, "as", 1, 1, FP_TYPE_ARGUMENT, fp_fn_tree),
    F(FN_SINGLE, "single", 0, 0, FP_PLAIN, fp_fn_collection), F(FN_FIRST, "first", 0, 0, FP_PLAIN, NULL), F(FN_LAST, "last", 0, 0, FP_PLAIN, fp_fn_collection),
    F(FN_TAIL, "tail", 0, 0, FP_PLAIN, NULL), F(FN_SKIP, "skip", 1, 1, FP_PLAIN, fp_fn_collection), F(FN_TAKE, "take", 1, 1, FP_PLAIN, fp_fn_collection),
    F(FN_INTERSECT, "intersect", 1, 1, FP_PLAIN, fp_fn_collection), F(FN_EXCLUDE, "exclude", 1, 1, FP_PLAIN, fp_fn_collection), F(FN_UNION, "union", 1, 1, FP_PLAIN, fp_fn_collection),
    F(FN_COMBINE, "combine", 1, 1, FP_PLAIN, fp_fn_collection),
    F(FN_IIF, "iif", 2, 3, FP_PLAIN, fp_fn_filter), F(FN_AGGREGATE, "aggregate", 1, 2, FP_PLAIN, fp_fn_filter), F(FN_TRACE, "trace", 1, 2, FP_PLAIN, NULL),
    F(FN_NOW, "now", 0, 0, FP_PLAIN, fp_fn_utility), F(FN_TODAY, "today", 0, 0, FP_PLAIN, fp_fn_utility), F(FN_TIME_OF_DAY, "timeOfDay", 0, 0, FP_PLAIN, fp_fn_utility),
    F(FN_CHILDREN, "children", 0, 0, FP_PLAIN, fp_fn_tree), F(FN_DESCENDANTS, "descendants", 0, 0, FP_PLAIN, fp_fn_tree), F(FN_TYPE, "type", 0, 0, FP_PLAIN, fp_fn_tree),
    F(FN_SORT, "sort", 0, 3, FP_PLAIN, fp_fn_filter),
    F(FN_TO_BOOLEAN, "toBoolean", 0, 0, FP_PLAIN, fp_fn_convert), F(FN_TO_INTEGER, "toInteger", 0, 0, FP_PLAIN, fp_fn_convert), F(FN_TO_DECIMAL, "toDecimal", 0, 0, FP_PLAIN, fp_fn_convert),
    F(FN_TO_STRING, "toString", 0, 0, FP_PLAIN, fp_fn_convert), F(FN_TO_DATE, "toDate", 0, 0, FP_PLAIN, fp_fn_convert), F(FN_TO_DATETIME, "toDateTime", 0, 0, FP_PLAIN, fp_fn_convert),
    F(FN_TO_TIME, "toTime", 0, 0, FP_PLAIN, fp_fn_convert), F(FN_TO_QUANTITY, "toQuantity", 0, 1, FP_PLAIN, fp_fn_convert),
    F(FN_CONVERTS_TO_BOOLEAN, "convertsToBoolean", 0, 0, FP_PLAIN, fp_fn_convert), F(FN_CONVERTS_TO_INTEGER, "convertsToInteger", 0, 0, FP_PLAIN, fp_fn_convert),
    F(FN_CONVERTS_TO_DECIMAL, "convertsToDecimal", 0, 0, FP_PLAIN, fp_fn_convert), F(FN_CONVERTS_TO_STRING, "convertsToString", 0, 0, FP_PLAIN, fp_fn_convert),
    F(FN_CONVERTS_TO_DATE, "convertsToDate", 0, 0, FP_PLAIN, fp_fn_convert), F(FN_CONVERTS_TO_DATETIME, "convertsToDateTime", 0, 0, FP_PLAIN, fp_fn_convert),
    F(FN_CONVERTS_TO_TIME, "convertsToTime", 0, 0, FP_PLAIN, fp_fn_convert), F(FN_CONVERTS_TO_QUANTITY, "convertsToQuantity", 0, 1, FP_PLAIN, fp_fn_convert),
    F(FN_INDEX_OF, "indexOf", 1, 1, FP_PLAIN, NULL), F(FN_LAST_INDEX_OF, "lastIndexOf", 1, 1, FP_PLAIN, NULL), F(FN_SUBSTRING, "substring", 1, 2, FP_PLAIN, NULL),
    F(FN_STARTS_WITH, "startsWith", 1, 1, FP_PLAIN, NULL), F(FN_ENDS_WITH, "endsWith", 1, 1, FP_PLAIN, NULL), F(FN_CONTAINS, "contains", 1, 1, FP_PLAIN, NULL),
    F(FN_UPPER, "upper", 0, 0, FP_PLAIN, fp_fn_string), F(FN_LOWER, "lower", 0, 0, FP_PLAIN, fp_fn_string), F(FN_REPLACE, "replace", 2, 2, FP_PLAIN, fp_fn_string),
    F(FN_MATCHES, "matches", 1, 1, FP_PLAIN, NULL), F(FN_MATCHES_FULL, "matchesFull", 1, 1, FP_PLAIN, NULL), F(FN_REPLACE_MATCHES, "replaceMatches", 2, 2, FP_PLAIN, fp_fn_regex),
    F(FN_LENGTH, "length", 0, 0, FP_PLAIN, NULL), F(FN_TO_CHARS, "toChars", 0, 0, FP_PLAIN, fp_fn_string), F(FN_TRIM, "trim", 0, 0, FP_PLAIN, fp_fn_string),
    F(FN_SPLIT, "split", 1, 1, FP_PLAIN, fp_fn_string), F(FN_JOIN, "join", 0, 1, FP_PLAIN, fp_fn_string), F(FN_ENCODE, "encode", 1, 1, FP_PLAIN, fp_fn_coding),
    F(FN_DECODE, "decode", 1, 1, FP_PLAIN, fp_fn_coding), F(FN_ESCAPE, "escape", 1, 1, FP_PLAIN, fp_fn_coding), F(FN_UNESCAPE, "unescape", 1, 1, FP_PLAIN, fp_fn_coding),
    F(FN_ABS, "abs", 0, 0, FP_PLAIN, fp_fn_math), F(FN_CEILING, "ceiling", 0, 0, FP_PLAIN, fp_fn_math), F(FN_FLOOR, "floor", 0, 0, FP_PLAIN, fp_fn_math),
    F(FN_TRUNCATE, "truncate", 0, 0, FP_PLAIN, fp_fn_math), F(FN_ROUND, "round", 0, 1, FP_PLAIN, fp_fn_math), F(FN_SQRT, "sqrt", 0, 0, FP_PLAIN, fp_fn_math),
    F(FN_EXP, "exp", 0, 0, FP_PLAIN, fp_fn_math), F(FN_LN, "ln", 0, 0, FP_PLAIN, fp_fn_math), F(FN_LOG, "log", 1, 1, FP_PLAIN, fp_fn_math), F(FN_POWER, "power", 1, 1, FP_PLAIN, fp_fn_math),
    F(FN_LOW_BOUNDARY, "lowBoundary", 0, 1, FP_PLAIN, fp_fn_boundary), F(FN_HIGH_BOUNDARY, "highBoundary", 0, 1, FP_PLAIN, fp_fn_boundary),
    F(FN_PRECISION, "precision", 0, 0, FP_PLAIN, fp_fn_boundary), F(FN_COMPARABLE, "comparable", 1, 1, FP_PLAIN, fp_fn_boundary),
    F(FN_EXTENSION, "extension", 1, 1, FP_PLAIN, fp_fn_fhir), F(FN_HAS_VALUE, "hasValue", 0, 0, FP_PLAIN, NULL), F(FN_GET_VALUE, "getValue", 0, 0, FP_PLAIN, fp_fn_fhir),
    F(FN_RESOLVE, "resolve", 0, 0, FP_PLAIN, fp_fn_fhir), F(FN_MEMBER_OF, "memberOf", 1, 1, FP_PLAIN, fp_fn_fhir), F(FN_CONFORMS_TO, "conformsTo", 1, 1, FP_PLAIN, fp_fn_fhir),
    F(FN_HTML_CHECKS, "htmlChecks", 0, 0, FP_PLAIN, fp_fn_fhir), F(FN_SUBSUMES, "subsumes", 1, 1, FP_PLAIN, fp_fn_fhir), F(FN_SUBSUMED_BY, "subsumedBy", 1, 1, FP_PLAIN, fp_fn_fhir),
    F(FN_CHECK_MODIFIERS, "checkModifiers", 1, 3, FP_PLAIN, fp_fn_fhir), F(FN_ELEMENT_DEFINITION, "elementDefinition", 0, 0, FP_PLAIN, fp_fn_fhir), F(FN_SLICE, "slice", 2, 2, FP_PLAIN, fp_fn_fhir),
};
#undef F

const struct fp_signature *fp_signature(unsigned fn) { return &entries[fn].signature; }
fp_function *fp_function_of(unsigned fn) { return entries[fn].run; }

int fp_find_function(const char *name, size_t len)
{
    for (int i = 0; i < FN_COUNT_OF_FUNCTIONS; i++)
        if (strlen(entries[i].signature.name) == len && memcmp(entries[i].signature.name, name, len) == 0)
            return i;
    return -1;
}
