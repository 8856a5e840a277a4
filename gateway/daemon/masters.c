/* masters.c - see masters.h. */
#include "daemon/masters.h"

static enum validate_answer find_code(void *self, struct bytes system, struct bytes code, struct bytes *ret_display)
{
    static const enum validate_answer answers[] = { [CODES_NO] = VALIDATE_NO, [CODES_YES] = VALIDATE_YES, [CODES_UNKNOWN] = VALIDATE_UNKNOWN };

    return answers[codes_masters_find(self, system, code, ret_display)];
}

struct validate_terms masters_terms(const struct codes_masters *masters)
{
    return (struct validate_terms){ .self = (void *)(uintptr_t)masters, .find_code = find_code };
}
