/* tensor/shape.h -- the sizes of a tensor's dims, as messages and reports show them. */
#ifndef RT_TENSOR_SHAPE_H
#define RT_TENSOR_SHAPE_H

#include <stdint.h>

#include "base/arena.h"

/* "[8, 16]"; "[]" of a single number. */
const char *show_shape(arena *a, const uint64_t *shape, unsigned rank);

#endif
