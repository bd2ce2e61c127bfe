/* base/checked.h -- 64-bit arithmetic that reports overflow; all in base units. */
#ifndef RT_BASE_CHECKED_H
#define RT_BASE_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

static inline bool mul_u64(uint64_t a, uint64_t b, uint64_t *out) /* true: fits */
{
    return !__builtin_mul_overflow(a, b, out);
}
static inline bool add_u64(uint64_t a, uint64_t b, uint64_t *out) /* true: fits */
{
    return !__builtin_add_overflow(a, b, out);
}
static inline uint64_t align_up(uint64_t x, uint64_t to) /* to: a power of two */
{
    return (x + to - 1) & ~(to - 1);
}

#endif
