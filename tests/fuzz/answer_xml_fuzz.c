/* Answers of the service as XML, see answer.h. The first byte picks res or err. */
#include <stdint.h>
#include "tests/fuzz/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0)
        answer_try(EXCHANGE_XML, data[0] & 1 ? EXCHANGE_ERR : EXCHANGE_RES, (struct bytes){ (const char *)data + 1, size - 1 });
    return 0;
}
