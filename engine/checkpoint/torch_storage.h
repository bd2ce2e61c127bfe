/* checkpoint/torch_storage.h -- how the object of a torch file speaks of a storage:
 *
 *     ("storage", class, key, location, count)          in zip archives
 *     ("storage", class, key, location, count, view)    before; view: of another
 * storage
 *
 * count is in elements of the class.  (torch, serialization.py, persistent_id)
 */
#ifndef RT_CHECKPOINT_TORCH_STORAGE_H
#define RT_CHECKPOINT_TORCH_STORAGE_H

#include "checkpoint/torch_source.h"

typedef struct torch_storage {
    const char *key; /* names its record */
    dtype dt;        /* DT_U8 for an untyped storage */
    bool is_untyped;
    uint64_t n_elems;
} torch_storage;

/* NULL, or what is wrong with the node. */
const char *torch_storage_read(const torch_source *src, const pickle_node *node,
                               torch_storage *s);

/* A whole number that is not negative. */
bool torch_as_u64(const pickle_node *node, uint64_t *n);

#endif
