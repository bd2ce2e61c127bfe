/* exec/finite.h -- which floating-point numbers are NaN, infinite or zero, by their
 * bits.
 */
#ifndef RT_EXEC_FINITE_H
#define RT_EXEC_FINITE_H

#include <stddef.h>
#include <stdint.h>

#include "tensor/dtype.h"

/* Of n elements of f16, bf16, f32, f64, e4m3, e5m2 or e8m0; other types count as finite
 * and not zero. */
uint64_t n_not_finite(const void *elems, dtype dt, size_t n);
uint64_t n_not_zero(const void *elems, dtype dt, size_t n);

#endif
