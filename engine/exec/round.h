/* exec/round.h -- the last rounding where it is not to the nearest.
 *
 * Stochastic: a value between two neighbours becomes the upper one with the probability
 * of its place between them, so that a sum keeps updates that are each too small to
 * move a weight.  The random number of an element is a hash of a seed, the name of the
 * tensor that it is read from, and its number there: the same for any tiles, threads,
 * and layout that is written.
 *
 * Stepwise: every operation rounds to the adapter's type, as trainers do that calculate
 * in it.
 */
#ifndef RT_EXEC_ROUND_H
#define RT_EXEC_ROUND_H

#include "exec/kernels.h"
#include "tensor/dtype.h"

/* The hash of a tensor's elements: of element i it is round_key(base, i). */
uint64_t round_base(uint64_t seed, const char *name);
uint64_t round_key(uint64_t base, uint64_t element);

/* The value of `dt` (f16 bf16 f32 f64) that x becomes, given its element's key. */
double round_by_chance(double x, dtype dt, uint64_t key);

/* Round n numbers to `dt` and back; f32 and f64 leave them as they are. */
void round_through(const kernels *k, float *v, dtype dt, size_t n);

#endif
