/* Any bytes as a narrative: an answer, and what is fine begins with a tag and stays fine with blanks around it. */
#include "validate/engine/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 2);
    bool fine;

    if (text == NULL)
        return 0;
    text[0] = ' ';
    if (size > 0)
        memcpy(text + 1, data, size);
    text[size + 1] = '\n';
    fine = xhtml_fine((struct bytes){ text + 1, size });
    if (fine && (size == 0 || memchr(text, '<', size) == NULL || memcmp(text + 1, "</", 2) == 0))
        abort();
    if (fine && !xhtml_fine((struct bytes){ text, size + 2 }))
        abort();
    free(text);
    return 0;
}
