/* base/strmap.h -- hash map from NUL-terminated strings to 64-bit numbers.
 *
 * Keys are borrowed: they must outlive the map (arena strings do).  Memory comes
 * from the arena given to strmap_new.  Iteration order is insertion order.
 */
#ifndef RT_BASE_STRMAP_H
#define RT_BASE_STRMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

typedef struct strmap strmap;

strmap *strmap_new(arena *a);
/* Bind key to value; false (and nothing changed) when the key is already there. */
bool strmap_add(strmap *m, const char *key, uint64_t value);
void strmap_set(strmap *m, const char *key, uint64_t value); /* add or overwrite */
bool strmap_get(const strmap *m, const char *key,
                uint64_t *value); /* value may be NULL */
bool strmap_has(const strmap *m, const char *key);
size_t strmap_count(const strmap *m);
const char *strmap_key(const strmap *m, size_t i); /* i < count, insertion order */
uint64_t strmap_value(const strmap *m, size_t i);

#endif
