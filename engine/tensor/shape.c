#include "tensor/shape.h"

const char *show_shape(arena *a, const uint64_t *shape, unsigned rank)
{
    buf b = {.arena = a};
    buf_add(&b, "[");
    for (unsigned i = 0; i < rank; i++) {
        buf_printf(&b, "%s%llu", i > 0 ? ", " : "", (unsigned long long)shape[i]);
    }
    buf_add(&b, "]");
    return buf_str(&b);
}
