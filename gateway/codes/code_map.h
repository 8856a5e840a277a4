/*
 * code_map.h - local codes of one clinic and the standard codes that stand for them.
 *
 * A text file, UTF-8 (a byte order mark does no harm), one entry a line, as a spreadsheet writes it:
 *
 *     list,local_code,material,code,name
 *     jlac10,0044,,5C070000002399801,CRP
 *     yj,NTG03,,2171701F1030,"ニトログリセリン, 舌下錠"
 *
 * list: the code list that `code` is of (disease_key, allergen_food, jlac10, yj, ...); material: only for laboratory items, what tells apart
 * several uses of one local code, empty = any; name: the list's own name, may be empty. The heading, empty lines and lines that begin with #
 * are passed over. A wrong line refuses the whole file: half a map would send some items uncoded without anybody's knowing why.
 *
 *     code_map_load(path, &map, &e);
 *     entry = code_map_find(map, "jlac10", "0044", NULL);      // NULL = not in it
 *     code_map_free(map);
 *
 * Entries live as long as the map. ERR_SYNTAX and ERR_INVALID come with e->place "file:line".
 */
#ifndef CODES_CODE_MAP_H
#define CODES_CODE_MAP_H

#include <stddef.h>
#include "base/err.h"

struct code_map;

struct code_map_entry { const char *list, *local_code, *material /* "" = any */, *code, *name /* "" = none */; };

/* At most 16 MiB and 200,000 entries. */
int code_map_load(const char *path, struct code_map **ret_map, struct err *e);
/* The same from memory; file is the name to show in errors. */
int code_map_parse(const char *file, const char *bytes, size_t len, struct code_map **ret_map, struct err *e);
/* The entry for just this material, else the one for any. material NULL or "" = not told. map NULL = nothing is known. */
const struct code_map_entry *code_map_find(const struct code_map *map, const char *list, const char *local_code, const char *material);
size_t code_map_count(const struct code_map *map);
/* NULL; NULL is fine. */
struct code_map *code_map_free(struct code_map *map);

#endif
