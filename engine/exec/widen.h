/* exec/widen.h -- arrays of any readable type to f32 and back, with a set of kernels.
 */
#ifndef RT_EXEC_WIDEN_H
#define RT_EXEC_WIDEN_H

#include "exec/kernels.h"
#include "tensor/dtype.h"

/* Exact for cast_can_read() types but f64, which is rounded (factors only: their
 * numbers are f32 by definition, plan/piece.h). */
void widen_f32(const kernels *k, float *to, const void *from, dtype dt, size_t n);
/* One rounding to f16, bf16, f32; f64 is exact. */
void narrow_f32(const kernels *k, void *to, dtype dt, const float *from, size_t n);

#endif
