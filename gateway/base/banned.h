/*
 * banned.h - calls that this project does not use, as compile errors.
 *
 * Included before everything else by the compiler's command line (-include), so that no file can forget it.
 * System headers are read first; a poisoned name may still be declared there, but never used here.
 */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC poison strcpy strcat sprintf vsprintf /* no bound */
#pragma GCC poison strtok                         /* hidden state */
#pragma GCC poison atoi atol atoll strtol strtoul strtoll strtoull strtod /* errors lost: text_to_int64() */
#pragma GCC poison gets                           /* no bound */
#pragma GCC poison rand srand random              /* not random: rand_fill() */
#pragma GCC poison system popen                   /* a shell: proc_spawn() */
#undef alloca
#pragma GCC poison alloca                         /* unbounded stack */

#endif
