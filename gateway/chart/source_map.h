/*
 * source_map.h - from a place in a Bundle back to the vendor's line.
 *
 * The builder adds one line for each piece of content that it writes: the FHIRPath prefix and the chart's place. Whoever holds an issue
 * with a FHIRPath location asks for the longest prefix. The map is stored as a payload beside its Bundle, because answers of the service come
 * days later.
 *
 *     struct source_map *map = source_map_new(arena);
 *     source_map_add(map, "Bundle.entry[3].resource.code", disease->concept.at);
 *     source_map_add(map, "Bundle.entry[3]", disease->at);
 *     source_map_find(map, "Bundle.entry[3].resource.code.coding[0].display", &place);   // the first of the two
 *
 * Locations are written like those of the validator: `Bundle.entry[0].resource.name[0].text`, an index on every list element; a
 * choice element by its JSON name (`valueQuantity`; `value.ofType(Quantity)` is the same). `resource.ofType(X)` is `resource`; comments are
 * ignored.
 * Everything lives in the arena given to source_map_new().
 */
#ifndef CHART_SOURCE_MAP_H
#define CHART_SOURCE_MAP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/issue.h"
#include "chart/chart.h"

struct source_map;

/* NULL when out of memory. */
struct source_map *source_map_new(struct arena *arena);
/* place NULL: nothing is added, and that is fine. A location added twice: the later place wins. ERR_NOMEM, ERR_LIMIT (200,000 lines). */
int source_map_add(struct source_map *map, const char *location, const struct chart_place *place);
size_t source_map_count(const struct source_map *map);
/* Longest prefix of location that ends at a step. ERR_NOTFOUND; map NULL is an empty one. */
int source_map_find(const struct source_map *map, const char *location, struct chart_place *ret_place);
/* Gives pointer, offset, line and column to every issue that has a location and no pointer. */
void source_map_apply(const struct source_map *map, struct issue_list *issues);

/*
 * The payload: header `clinsgw-source-map 2`, UTF-8 lines `shared TAB rest TAB offset TAB line TAB column TAB shared TAB rest`: location, numbers, pointer. Of location and
 * pointer stands how many bytes they share with those of the line before, and what follows these; a line whose place is that of the line before ends behind the location.
 * The same map gives the same bytes.
 */
int source_map_write(const struct source_map *map, struct buf *out);
/* Reads format 1, too, in which every line is whole: `offset TAB line TAB column TAB location TAB pointer`. ERR_CORRUPT with place "line:N". */
int source_map_read(const char *bytes, size_t len, struct arena *arena, struct source_map **ret_map, struct err *e);

#endif
