/* Answers of the service as JSON, see answer.h. */
#include <stdint.h>
#include "tests/fuzz/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0)
        answer_try(EXCHANGE_JSON, EXCHANGE_RES, (struct bytes){ (const char *)data, size });
    return 0;
}
