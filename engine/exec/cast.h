/* exec/cast.h -- numbers of the element types: exact widening, one rounding back.
 *
 * Widening to f32 is exact for f16, bf16, f32 and the usual 8-bit floats (e4m3fn and
 * e5m2; Micikevicius et al., "FP8 formats for deep learning"; and e8m0 of scales).
 * Narrowing rounds to nearest, ties to even; overflow gives infinity.  A NaN stays a
 * NaN: it keeps its sign and its upper bits and becomes quiet.  From f64 to 16 bits
 * there is one rounding too: the step through f32 rounds to odd, which a second
 * rounding cannot see.
 */
#ifndef RT_EXEC_CAST_H
#define RT_EXEC_CAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tensor/dtype.h"

#define CANONICAL_NAN 0x7fc00000u /* what arithmetic leaves, whatever NaN went in */

static inline uint32_t f32_bits(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static inline float f32_of_bits(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* A result of arithmetic: which NaN an operation leaves differs between processors. */
static inline float f32_settled(float x)
{
    return x == x ? x : f32_of_bits(CANONICAL_NAN);
}

static inline double f64_settled(double x)
{
    return x == x ? x : (double)f32_of_bits(CANONICAL_NAN);
}

static inline float f32_quiet(float x)
{
    const uint32_t u = f32_bits(x);
    return f32_of_bits(x == x ? u : u | 0x400000u);
}

static inline float f32_of_bf16(uint16_t h)
{
    return f32_of_bits((uint32_t)h << 16);
}

static inline uint16_t bf16_of_f32(float x)
{
    const uint32_t u = f32_bits(x);
    if ((u & 0x7fffffffu) > 0x7f800000u) {
        return (uint16_t)(u >> 16 | 0x40u);
    }
    return (uint16_t)((u + 0x7fffu + (u >> 16 & 1u)) >> 16);
}

float f32_of_f16(uint16_t h);
uint16_t f16_of_f32(float x);
float f32_of_e4m3(uint8_t c);
float f32_of_e5m2(uint8_t c);
float f32_of_e8m0(uint8_t c); /* a power of two */
float f32_of_f64_to_odd(double x);

/* Can values of this type be computed with, or converted to another type? */
bool cast_can_read(dtype dt);
bool cast_can_write(dtype dt); /* f16 bf16 f32 f64 */

/* n elements of `dt` as f64, exactly; and back with one rounding (cast_can_write). */
void cast_to_f64(double *to, const void *from, dtype dt, size_t n);
void cast_from_f64(void *to, dtype dt, const double *from, size_t n);

/* The bytes of one element of any type that stand for x; false when none do: a fraction
 * in an integer, or a number out of range.  Types of f16 bf16 f32 f64 round. */
#define CAST_MAX_BYTES 8
bool cast_encode(dtype dt, double x, unsigned char bytes[CAST_MAX_BYTES]);

#endif
