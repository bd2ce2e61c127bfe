#include "checkpoint/inventory.h"

#include <unistd.h>

inventory *inventory_new(arena *a)
{
    inventory *inv = NEW(a, inventory);

    inv->by_name = strmap_new(a);
    return inv;
}

const char *inventory_name(arena *a, const inventory *inv, uint32_t file,
                           const char *name)
{
    const char *part = inv->files.at[file].part;
    return part != NULL ? arena_printf(a, "%s%s", part, name) : name;
}

bool inventory_add(arena *a, inventory *inv, tensor_info t)
{
    if (!strmap_add(inv->by_name, t.name, inv->tensors.n)) {
        return false;
    }
    vec_push(a, &inv->tensors, t);
    return true;
}

const tensor_info *inventory_find(const inventory *inv, const char *name)
{
    uint64_t i;

    return strmap_get(inv->by_name, name, &i) ? &inv->tensors.at[i] : NULL;
}

void inventory_close(inventory *inv)
{
    if (inv == NULL) {
        return;
    }
    for (size_t i = 0; i < inv->files.n; i++) {
        if (inv->files.at[i].fd >= 0) {
            (void)close(inv->files.at[i].fd);
            inv->files.at[i].fd = -1;
        }
    }
}
