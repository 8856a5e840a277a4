/*
 * amend.c - a table of expressions: see amend.h.
 */
#include "validate/package/amend.h"

#include <string.h>

static const char *const amended[][2] = {
    { "reference.startsWith('#').not() or (reference.substring(1).trace('url') in %rootResource.contained.id.trace('ids'))",
      "reference.empty() or reference = '#' or reference.startsWith('#').not() or (reference.substring(1) in %rootResource.contained.id)" },
    { "fullUrl.contains('/_history/').not()", "fullUrl.empty() or fullUrl.contains('/_history/').not()" },
    { "probability is decimal implies (probability as decimal) <= 100", "probability.empty() or (probability is decimal).not() or (probability as decimal) <= 100" },
    { "name.matches('[A-Z]([A-Za-z0-9_]){0,254}')", "name.empty() or name.matches('^[A-Z]([A-Za-z0-9_]){0,254}$')" },
    { "enableWhen.count() > 2 implies enableBehavior.exists()", "enableWhen.count() < 2 or enableBehavior.exists()" },
    { "isModifier implies isModifierReason.exists()", "isModifier.empty() or isModifier.not() or isModifierReason.exists()" }
};

struct bytes amend_expression(struct bytes text)
{
    for (size_t i = 0; i < sizeof amended / sizeof *amended; i++)
        if (strlen(amended[i][0]) == text.len && memcmp(amended[i][0], text.data, text.len) == 0)
            return (struct bytes){ amended[i][1], strlen(amended[i][1]) };
    return text;
}
