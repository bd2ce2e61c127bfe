#include "exec/finite.h"

#include <string.h>

/* A number is not finite when all bits of its exponent are set (of e4m3fn all but the
 * sign's: it has no infinity), and zero when none but the sign is.  Blocks of a fixed
 * length: the compiler makes vectors of the inner loop, and a block's count fits into
 * an element.  Elements may lie on any address. */
#define BLOCK 128u
#define COUNTERS(name, type)                                                           \
    static bool name##_is(const unsigned char *at, type mask, type want)               \
    {                                                                                  \
        type elem;                                                                     \
        memcpy(&elem, at, sizeof elem);                                                \
        return (elem & mask) == want;                                                  \
    }                                                                                  \
    static uint64_t name(const void *elems, size_t n, type mask, bool all)             \
    {                                                                                  \
        const type want = all ? mask : 0;                                              \
        const unsigned char *at = elems;                                               \
        uint64_t total = 0;                                                            \
        for (; n >= BLOCK; n -= BLOCK, at += BLOCK * sizeof(type)) {                   \
            type count = 0;                                                            \
            for (size_t i = 0; i < BLOCK; i++) {                                       \
                count = (type)(count + name##_is(at + i * sizeof(type), mask, want));  \
            }                                                                          \
            total += count;                                                            \
        }                                                                              \
        for (size_t i = 0; i < n; i++) {                                               \
            total += name##_is(at + i * sizeof(type), mask, want);                     \
        }                                                                              \
        return total;                                                                  \
    }
COUNTERS(count_8, uint8_t)
COUNTERS(count_16, uint16_t)
COUNTERS(count_32, uint32_t)
COUNTERS(count_64, uint64_t)

uint64_t n_not_finite(const void *elems, dtype dt, size_t n)
{
    if (dt == DT_F16 || dt == DT_BF16) {
        return count_16(elems, n, dt == DT_F16 ? 0x7c00u : 0x7f80u, true);
    }
    if (dt == DT_F32) {
        return count_32(elems, n, 0x7f800000u, true);
    }
    if (dt == DT_F8_E4M3 || dt == DT_F8_E5M2) {
        return count_8(elems, n, dt == DT_F8_E4M3 ? 0x7fu : 0x7cu, true);
    }
    if (dt == DT_F8_E8M0) { /* all bits exponent, never zero */
        return count_8(elems, n, 0xffu, true);
    }
    return dt == DT_F64 ? count_64(elems, n, 0x7ff0000000000000u, true) : 0;
}

uint64_t n_not_zero(const void *elems, dtype dt, size_t n)
{
    if (dt == DT_F16 || dt == DT_BF16) {
        return n - count_16(elems, n, 0x7fffu, false);
    }
    if (dt == DT_F32) {
        return n - count_32(elems, n, 0x7fffffffu, false);
    }
    if (dt == DT_F8_E4M3 || dt == DT_F8_E5M2) {
        return n - count_8(elems, n, 0x7fu, false);
    }
    return dt == DT_F64 ? n - count_64(elems, n, 0x7fffffffffffffffu, false) : n;
}
