/* Any bytes into the validator, in both readings: an answer within bounds, and every issue with a place inside the bytes. */
#include "validate/validate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(16 << 20);
    struct issue_list issues;
    struct err e = ERR_INIT;
    struct validate_request r = { .bytes = (const char *)data + (size > 0), .len = size - (size > 0), .reading = size > 0 && (data[0] & 1) ? VALIDATE_HL7 : VALIDATE_SERVICE };

    if (arena == NULL)
        return 0;
    issues_init(&issues, arena);
    if (validate_bytes(&r, &issues, &e) == 0) {
        for (const struct issue *i = issues.first; i != NULL; i = i->next)
            if (i->location == NULL || i->offset > (int64_t)r.len || i->line == 0)
                abort();
    } else if (issues_ok(&issues) && e.code != ERR_LIMIT) {
        abort();
    }
    arena_free(arena);
    return 0;
}
