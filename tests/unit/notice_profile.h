/* notice_profile.h - the shipped interface profile with a section [notice], which it does not have: made up, like the stand-in's. */
#ifndef TESTS_UNIT_NOTICE_PROFILE_H
#define TESTS_UNIT_NOTICE_PROFILE_H

#include <fcntl.h>
#include "base/file.h"
#include "exchange/exchange.h"

#define NOTICE_SECTION \
    "\n[notice]\nname = CISsicon01res_*.xml\ninstitution = XmlMsg/MessageHeader/MedicalInstitutionCode\n" \
    "document = XmlMsg/MessageBody/DocumentIdentifier\nresult = XmlMsg/MessageBody/ConsentResult\n"

/* 0, or what exchange_profile_parse() says of the shipped text and this section behind it. */
static int notice_profile(const char *section, struct exchange_profile **ret_profile, struct err *e)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    int code = file_read(AT_FDCWD, "gateway/exchange/profiles/clins-2026.conf", 1 << 20, &text, e);
    if (code == 0 && buf_add_str(&text, section) == 0)
        code = exchange_profile_parse("x.conf", text.data, text.len, ret_profile, e);
    buf_free(&text);
    return code;
}

#endif
