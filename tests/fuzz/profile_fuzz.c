/* The interface profile: any bytes give an error with a message, or a profile that can build and read. */
#include <stdint.h>
#include <stdlib.h>
#include "exchange/exchange.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct exchange_profile *p = NULL;
    struct err e = ERR_INIT;
    int code = exchange_profile_parse("fuzz.conf", (const char *)data, size, &p, &e);
    if (code < 0) {
        if (p != NULL || e.msg == MSG_NONE)
            abort();
        return 0;
    }
    static const struct exchange_fields fields = {
        .institution = "1318814790", .identifier = "i", .insured = "00012345:1:2:", .system = "s", .value = "v", .kind = EXCHANGE_KIND_REFERRAL,
        .consent = EXCHANGE_CONSENT_CARD, .receiver = "1310000001", .receipt = "r", .bundle = { "{}", 2 }
    };
    struct buf out;
    char name[EXCHANGE_NAME_MAX], answer[EXCHANGE_NAME_MAX];
    buf_init(&out, 1 << 20);
    for (int op = 0; op < EXCHANGE_OPERATION_COUNT; op++) {
        if (!p->call[op].known)
            continue;
        exchange_build(p, op, EXCHANGE_XML, &fields, &out, NULL);
        exchange_build(p, op, EXCHANGE_JSON, &fields, &out, NULL);
        if (exchange_request_name(p, op, "gw01", 7, name, NULL) == 0 && exchange_answer_name(p, name, answer) < 0)
            abort();
    }
    buf_free(&out);
    exchange_profile_free(p);
    return 0;
}
