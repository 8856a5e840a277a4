/*
 * builtin.c - the profiles that are in the program: profiles.facts, compiled while the program is built and taken in as it is.
 *
 * The block comes from our own compiler in the same build, so it is not verified at run time, and the views into it are constants: a process that uses
 * it has nothing to open, and pages that nobody looks at are never read. BUILTIN_IMAGE is the file's path; the table is written beside it.
 */
#include "validate/validate_private.h"

__asm__(".section .rodata.clinsgw_builtin,\"a\",@progbits\n"
        ".balign 64\n"
        ".globl validate_builtin_image\n"
        ".hidden validate_builtin_image\n"
        "validate_builtin_image:\n"
        ".incbin \"" BUILTIN_IMAGE "\"\n"
        ".previous\n");

extern const char validate_builtin_image[] __attribute__((visibility("hidden")));

#define start validate_builtin_image
static const struct validate_set builtin = { .image =
#include "builtin_image.inc"
};
#undef start

const struct validate_set *validate_set_builtin(void)
{
    return &builtin;
}
