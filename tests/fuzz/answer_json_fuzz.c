/* Answers of the service as JSON: any bytes give an error or an answer whose texts are all there. */
#include <stdint.h>
#include <stdlib.h>
#include "exchange/exchange.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct exchange_profile *profile;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct exchange_answer answer = { 0 };
    struct err e = ERR_INIT;
    if (profile == NULL && exchange_profile_load("gateway/exchange/profiles/clins-2026.conf", &profile, &e) < 0)
        abort();
    if (size < 1)
        return 0;
    struct arena *arena = arena_new(64 << 20);
    int code = exchange_read(profile, EXCHANGE_DOCUMENT_REGISTER, EXCHANGE_JSON, EXCHANGE_RES, (struct bytes){ (const char *)data, size }, arena, &answer, &e);
    if (code == 0) {
        if (!text_is_utf8(answer.message, strlen(answer.message)) || answer.class < 0 || answer.class >= EXCHANGE_CLASS_COUNT)
            abort();
        for (size_t i = 0; i < answer.check_count; i++)
            if (answer.check[i].code == NULL || answer.check[i].message == NULL || answer.check[i].location == NULL)
                abort();
    } else if (e.code != code) {
        abort();
    }
    arena_free(arena);
    return 0;
}
