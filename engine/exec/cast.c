/* exec/cast.c -- one number at a time; see cast.h.  These define the bits that the
 * vector kernels must give. */
#include "exec/cast.h"

#include <math.h>

float f32_of_f16(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    const uint32_t exponent = h >> 10 & 0x1fu;
    const uint32_t fraction = h & 0x3ffu;
    if (exponent == 0) {
        const float magnitude = (float)fraction * 0x1p-24f;
        return f32_of_bits(sign | f32_bits(magnitude));
    }
    if (exponent == 0x1f) {
        const uint32_t quiet = fraction != 0 ? 0x400000u : 0;
        return f32_of_bits(sign | 0x7f800000u | quiet | fraction << 13);
    }
    return f32_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

uint16_t f16_of_f32(float x)
{
    const uint32_t u = f32_bits(x);
    const uint32_t sign = u >> 16 & 0x8000u;
    uint32_t a = u & 0x7fffffffu;
    if (a > 0x7f800000u) {
        return (uint16_t)(sign | 0x7e00u | (a >> 13 & 0x3ffu));
    }
    if (a >= 0x477ff000u) { /* 65520, halfway to the next power of two */
        return (uint16_t)(sign | 0x7c00u);
    }
    if (a < 0x38800000u) {
        /* Below 2^-14.  One half has a last place of 2^-24, as f16 has here: the
         * addition rounds as f16 does. */
        const float sum = f32_of_bits(a) + 0.5f;
        return (uint16_t)(sign | (f32_bits(sum) - 0x3f000000u));
    }
    a += 0xfffu + (a >> 13 & 1u);
    return (uint16_t)(sign | (a - (112u << 23)) >> 13);
}

float f32_of_e4m3(uint8_t c)
{
    const uint32_t sign = (uint32_t)(c & 0x80u) << 24;
    const uint32_t exponent = c >> 3 & 0xfu;
    const uint32_t fraction = c & 0x7u;
    if (exponent == 0) {
        return f32_of_bits(sign | f32_bits((float)fraction * 0x1p-9f));
    }
    if ((c & 0x7fu) == 0x7fu) {
        return f32_of_bits(sign | CANONICAL_NAN);
    }
    return f32_of_bits(sign | (exponent + 120) << 23 | fraction << 20);
}

float f32_of_e5m2(uint8_t c)
{
    return f32_of_f16((uint16_t)(c << 8));
}

float f32_of_e8m0(uint8_t c)
{
    const uint32_t least = 0x400000u; /* 2^-127 */
    if (c == 0xff) {
        return f32_of_bits(CANONICAL_NAN);
    }
    return f32_of_bits(c > 0 ? (uint32_t)c << 23 : least);
}

float f32_of_f64_to_odd(double x)
{
    const float nearest = (float)x;
    if (x != x || (double)nearest == x) {
        return nearest;
    }
    const uint32_t u = f32_bits(nearest);
    if ((u & 1u) != 0) {
        return nearest;
    }
    return f32_of_bits(fabs((double)nearest) > fabs(x) ? u - 1 : u + 1);
}

bool cast_can_read(dtype dt)
{
    return dtype_is_float(dt) || dtype_is_f8(dt);
}

bool cast_can_write(dtype dt)
{
    return dtype_is_float(dt);
}

static double to_f64(const unsigned char *from, dtype dt)
{
    uint16_t h;
    float f;
    double d;
    if (dt == DT_F64) {
        memcpy(&d, from, sizeof d);
        return d;
    }
    if (dt == DT_F32) {
        memcpy(&f, from, sizeof f);
        return (double)f;
    }
    if (dt == DT_F8_E4M3) {
        return (double)f32_of_e4m3(*from);
    }
    if (dt == DT_F8_E5M2) {
        return (double)f32_of_e5m2(*from);
    }
    if (dt == DT_F8_E8M0) {
        return (double)f32_of_e8m0(*from);
    }
    memcpy(&h, from, sizeof h);
    return (double)(dt == DT_BF16 ? f32_of_bf16(h) : f32_of_f16(h));
}

static void from_f64(unsigned char *to, dtype dt, double x)
{
    if (dt == DT_F64) {
        const double sum =
            x + 0.0; /* not the sign of a zero, but a NaN becomes quiet */
        memcpy(to, x == x ? &x : &sum, sizeof x);
    } else if (dt == DT_F32) {
        const float f = (float)x;
        memcpy(to, &f, sizeof f);
    } else {
        const float odd = f32_of_f64_to_odd(x);
        const uint16_t h = dt == DT_BF16 ? bf16_of_f32(odd) : f16_of_f32(odd);
        memcpy(to, &h, sizeof h);
    }
}

void cast_to_f64(double *to, const void *from, dtype dt, size_t n)
{
    const unsigned char *p = from;
    const size_t n_bytes = dtype_bits(dt) / 8;
    for (size_t i = 0; i < n; i++) {
        to[i] = to_f64(p + i * n_bytes, dt);
    }
}

void cast_from_f64(void *to, dtype dt, const double *from, size_t n)
{
    unsigned char *p = to;
    const size_t n_bytes = dtype_bits(dt) / 8;
    for (size_t i = 0; i < n; i++) {
        from_f64(p + i * n_bytes, dt, from[i]);
    }
}

/* An integer in two's complement, little-endian, when it fits. */
static bool encode_int(unsigned bits, bool is_signed, double x, unsigned char *bytes)
{
    const double lowest = is_signed ? -ldexp(1.0, (int)bits - 1) : 0.0;
    const double end = ldexp(1.0, (int)bits - (is_signed ? 1 : 0));
    if (!(x >= lowest && x < end) || x != floor(x)) {
        return false;
    }
    const uint64_t magnitude = (uint64_t)fabs(x);
    const uint64_t u = x < 0 ? 0 - magnitude : magnitude;
    for (unsigned i = 0; i < bits / 8; i++) {
        bytes[i] = (unsigned char)(u >> (8 * i));
    }
    return true;
}

static bool encode_f8(dtype dt, double x, unsigned char *bytes)
{
    for (unsigned c = 0; c < 256; c++) {
        const uint8_t code = (uint8_t)c;
        const double value = to_f64(&code, dt);
        if (value == x && signbit(value) == signbit(x)) {
            bytes[0] = code;
            return true;
        }
    }
    return false;
}

bool cast_encode(dtype dt, double x, unsigned char bytes[CAST_MAX_BYTES])
{
    memset(bytes, 0, CAST_MAX_BYTES);
    switch (dt) {
    case DT_F16:
    case DT_BF16:
    case DT_F32:
    case DT_F64: from_f64(bytes, dt, x); return true;
    case DT_F8_E4M3:
    case DT_F8_E5M2:
    case DT_F8_E8M0: return encode_f8(dt, x, bytes);
    case DT_BOOL: bytes[0] = x == 1.0; return x == 0.0 || x == 1.0;
    case DT_U8:
    case DT_U16:
    case DT_U32:
    case DT_U64: return encode_int(dtype_bits(dt), false, x, bytes);
    case DT_I8:
    case DT_I16:
    case DT_I32:
    case DT_I64: return encode_int(dtype_bits(dt), true, x, bytes);
    case DT_F4:
    case DT_F6_E2M3:
    case DT_F6_E3M2:
    case DT_F8_E4M3FNUZ:
    case DT_F8_E5M2FNUZ:
    case DT_C64: return x == 0.0; /* the one number they all write as zero bits */
    case DT_COUNT:
    case DT_UNKNOWN: return false;
    }
    return false;
}
