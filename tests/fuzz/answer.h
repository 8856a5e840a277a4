/* answer.h - what holds for every answer of the service, whichever its form: any bytes give an error or an answer whose texts are all there. */
#ifndef TESTS_FUZZ_ANSWER_H
#define TESTS_FUZZ_ANSWER_H

#include <stdlib.h>
#include "base/text.h"
#include "exchange/exchange.h"
#include "tests/unit/notice_profile.h"

static struct exchange_profile *profile, *noticing;

/* The same bytes as an unasked result: an error, or three texts. */
static void notice_try(enum exchange_form form, struct bytes bytes, struct arena *arena)
{
    struct exchange_notice notice = { NULL, NULL, NULL };
    struct err e = ERR_INIT;
    if (noticing == NULL && notice_profile(NOTICE_SECTION, &noticing, &e) < 0)
        abort();
    int code = exchange_notice_read(noticing, form, bytes, arena, &notice, &e);
    if (code != 0 && e.code != code)
        abort();
    if (code == 0 && (!text_is_utf8(notice.document, strlen(notice.document)) || notice.institution[0] == '\0' || strlen(notice.result) > EXCHANGE_NOTICE_TEXT_MAX))
        abort();
}

static void answer_try(enum exchange_form form, enum exchange_answer_kind kind, struct bytes bytes)
{
    struct exchange_answer answer = { 0 };
    struct err e = ERR_INIT;
    if (profile == NULL && exchange_profile_load("gateway/exchange/profiles/clins-2026.conf", &profile, &e) < 0)
        abort();
    struct arena *arena = arena_new(64 << 20);
    notice_try(form, bytes, arena);
    int code = exchange_read(profile, EXCHANGE_DOCUMENT_REGISTER, form, kind, bytes, arena, &answer, &e);
    if (code != 0 && e.code != code)
        abort();
    if (code == 0 && (!text_is_utf8(answer.message, strlen(answer.message)) || answer.class < 0 || answer.class >= EXCHANGE_CLASS_COUNT))
        abort();
    if (code == 0 && kind == EXCHANGE_ERR && answer.class == EXCHANGE_SUCCESS)
        abort();
    for (size_t i = 0; i < answer.check_count; i++)
        if (answer.check[i].code == NULL || answer.check[i].message == NULL || answer.check[i].location == NULL)
            abort();
    arena_free(arena);
}

#endif
