/*
 * banned.h - calls that this project does not use, as compile errors.
 *
 * Included before everything else by the compiler's command line (-include), so that no file can forget it. The system's own headers are
 * read first; then each call is turned into a name that nobody has declared.
 */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <alloca.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#undef strcpy
#undef strcat
#undef sprintf
#undef vsprintf
#undef strtok
#undef atoi
#undef atol
#undef atoll
#undef strtol
#undef strtoul
#undef strtoll
#undef strtoull
#undef strtod
#undef gets
#undef rand
#undef srand
#undef random
#undef system
#undef popen
#undef alloca

/* no bound */
#define strcpy(...) strcpy_is_banned
#define strcat(...) strcat_is_banned
#define sprintf(...) sprintf_is_banned
#define vsprintf(...) vsprintf_is_banned
#define gets(...) gets_is_banned
#define alloca(...) alloca_is_banned
/* hidden state */
#define strtok(...) strtok_is_banned
/* errors lost: text_to_int64() */
#define atoi(...) atoi_is_banned
#define atol(...) atol_is_banned
#define atoll(...) atoll_is_banned
#define strtol(...) strtol_is_banned
#define strtoul(...) strtoul_is_banned
#define strtoll(...) strtoll_is_banned
#define strtoull(...) strtoull_is_banned
#define strtod(...) strtod_is_banned
/* not random: rand_fill() */
#define rand() rand_is_banned
#define srand(...) srand_is_banned
#define random() random_is_banned
/* a shell between us and the program */
#define system(...) system_is_banned
#define popen(...) popen_is_banned

#endif
