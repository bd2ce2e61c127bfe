/* Numbers: every f16 and bf16 value there and back, roundings against an independent
 * evaluator that searches for the nearest value. */
#include "exec/cast.h"
#include "exec/finite.h"

#include <math.h>
#include <stdlib.h>

#include "check.h"

/* The value of sign, exponent and fraction fields, by definition. */
static double by_definition(unsigned code, unsigned n_exponent, unsigned n_fraction)
{
    const int bias = (1 << (n_exponent - 1)) - 1;
    const unsigned fraction = code & ((1u << n_fraction) - 1);
    const unsigned exponent = code >> n_fraction & ((1u << n_exponent) - 1);
    const double sign = (code >> (n_exponent + n_fraction) & 1u) != 0 ? -1.0 : 1.0;
    if (exponent == (1u << n_exponent) - 1) {
        return fraction != 0 ? (double)NAN : sign * INFINITY;
    }
    const int shift = (exponent == 0 ? 1 : (int)exponent) - bias - (int)n_fraction;
    const unsigned whole = fraction + (exponent == 0 ? 0 : 1u << n_fraction);
    return sign * ldexp((double)whole, shift);
}

static bool same(double x, double y)
{
    return (x != x && y != y) || (x == y && signbit(x) == signbit(y));
}

static void test_widening(void)
{
    unsigned n_bad = 0;
    for (unsigned c = 0; c < 0x10000; c++) {
        n_bad += !same((double)f32_of_f16((uint16_t)c), by_definition(c, 5, 10));
        n_bad += !same((double)f32_of_bf16((uint16_t)c), by_definition(c, 8, 7));
    }
    for (unsigned c = 0; c < 0x100; c++) {
        n_bad += !same((double)f32_of_e5m2((uint8_t)c), by_definition(c, 5, 2));
        const bool is_nan = (c & 0x7fu) == 0x7fu;
        double want = (double)NAN;
        if (!is_nan && (c >> 3 & 0xfu) == 0xfu) {
            /* e4m3fn has no infinities: the top exponent is one like the others. */
            want = ((c & 0x80u) != 0 ? -1.0 : 1.0) * ldexp(8.0 + (c & 7u), 8 - 3);
        } else if (!is_nan) {
            want = by_definition(c, 4, 3);
        }
        n_bad += !same((double)f32_of_e4m3((uint8_t)c), want);
        want = c == 255 ? (double)NAN : ldexp(1, (int)c - 127);
        n_bad += !same((double)f32_of_e8m0((uint8_t)c), want);
    }
    CHECK_INT(n_bad, 0);
}

static void test_there_and_back(void)
{
    unsigned n_bad = 0;
    for (unsigned c = 0; c < 0x10000; c++) {
        const uint16_t h = (uint16_t)c;
        const bool nan_f16 = (c & 0x7fffu) > 0x7c00u;
        const bool nan_bf16 = (c & 0x7fffu) > 0x7f80u;
        n_bad += f16_of_f32(f32_of_f16(h)) != (nan_f16 ? (h | 0x200u) : h);
        n_bad += bf16_of_f32(f32_of_bf16(h)) != (nan_bf16 ? (h | 0x40u) : h);
    }
    CHECK_INT(n_bad, 0);
}

/* Nearest, ties to even, of the non-negative codes 0..inf of a 16-bit type. */
static unsigned nearest_code(double x, unsigned inf, unsigned n_exponent,
                             unsigned n_fraction)
{
    unsigned lo = 0;
    unsigned hi = inf;
    while (hi - lo > 1) {
        const unsigned middle = (lo + hi) / 2;
        if (by_definition(middle, n_exponent, n_fraction) <= x) {
            lo = middle;
        } else {
            hi = middle;
        }
    }
    const double below = by_definition(lo, n_exponent, n_fraction);
    /* Beyond the largest number the next step decides where infinity begins. */
    const double above =
        hi < inf ? by_definition(hi, n_exponent, n_fraction)
                 : 2 * below - by_definition(lo - 1, n_exponent, n_fraction);
    if (x - below != above - x) {
        return x - below < above - x ? lo : hi;
    }
    return lo % 2 == 0 ? lo : hi;
}

static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}

static void check_roundings(double x, unsigned *n_bad)
{
    unsigned char bytes[CAST_MAX_BYTES];
    uint16_t h;
    const double a = fabs(x);
    const unsigned sign = signbit(x) ? 0x8000u : 0;
    const unsigned f16 = sign | nearest_code(a, 0x7c00, 5, 10);
    const unsigned bf16 = sign | nearest_code(a, 0x7f80, 8, 7);
    if (x == (double)(float)x) {
        *n_bad += f16_of_f32((float)x) != f16;
        *n_bad += bf16_of_f32((float)x) != bf16;
    }
    *n_bad += !cast_encode(DT_F16, x, bytes);
    memcpy(&h, bytes, sizeof h);
    *n_bad += h != f16;
    *n_bad += !cast_encode(DT_BF16, x, bytes);
    memcpy(&h, bytes, sizeof h);
    *n_bad += h != bf16;
}

static void test_rounding(void)
{
    unsigned n_bad = 0;
    uint64_t state = 1;
    for (unsigned i = 0; i < 100000; i++) {
        const float f = f32_of_bits(next_random(&state));
        if (isfinite(f)) {
            check_roundings((double)f, &n_bad);
            /* Just beside it, where a rounding through f32 goes wrong. */
            check_roundings((double)f * (1 + 0x1p-45), &n_bad);
        }
    }
    /* Every tie between neighbours, and what is just beside it. */
    for (unsigned c = 0; c < 0x7c00; c++) {
        const double f16 =
            by_definition(c, 5, 10) / 2 + by_definition(c + 1, 5, 10) / 2;
        const double tie = c + 1 == 0x7c00 ? 65520.0 : f16;
        check_roundings(tie, &n_bad);
        check_roundings(-tie * (1 + 0x1p-50), &n_bad);
        check_roundings(tie * (1 - 0x1p-50), &n_bad);
    }
    for (unsigned c = 0; c + 1 < 0x7f80; c++) {
        const double tie = by_definition(c, 8, 7) / 2 + by_definition(c + 1, 8, 7) / 2;
        check_roundings(tie, &n_bad);
        check_roundings(tie * (1 + 0x1p-50), &n_bad);
        check_roundings(-tie * (1 - 0x1p-50), &n_bad);
    }
    CHECK_INT(n_bad, 0);
}

static void test_special(void)
{
    CHECK_INT(bf16_of_f32(INFINITY), 0x7f80);
    CHECK_INT(bf16_of_f32(-INFINITY), 0xff80);
    CHECK_INT(bf16_of_f32(3.4e38f), 0x7f80);
    CHECK_INT(f16_of_f32(65519.0f), 0x7bff);
    CHECK_INT(f16_of_f32(65520.0f), 0x7c00);
    CHECK_INT(f16_of_f32(0x1p-25f), 0);
    CHECK_INT(f16_of_f32(0x1.000002p-25f), 1);
    CHECK_INT(bf16_of_f32(f32_of_bits(0x007fffff)), 0x0080); /* a subnormal rounds up */
    CHECK_INT(bf16_of_f32(f32_of_bits(0x7f800001)),
              0x7fc0); /* no NaN becomes infinity */
    CHECK_INT(f16_of_f32(f32_of_bits(0xff800001)), 0xfe00);
    CHECK_INT(f32_bits(f32_quiet(f32_of_bits(0xff800001))), 0xffc00001);
    CHECK_INT(f32_bits(f32_settled(f32_of_bits(0xff800001))), CANONICAL_NAN);
    CHECK_INT(f32_bits(f32_of_f64_to_odd(1e300)), 0x7f7fffff);
    CHECK_INT(f32_bits(f32_of_f64_to_odd(-1e-300)), 0x80000001);
    CHECK_INT(f32_bits(f32_of_f64_to_odd(0.5)), 0x3f000000);
}

static void test_encode(void)
{
    unsigned char b[CAST_MAX_BYTES];
    CHECK(cast_encode(DT_I64, -2, b) && b[0] == 0xfe && b[7] == 0xff);
    CHECK(cast_encode(DT_I8, -128, b) && b[0] == 0x80);
    CHECK(!cast_encode(DT_I8, 128, b) && !cast_encode(DT_U8, -1, b));
    CHECK(cast_encode(DT_U64, 0x1p63, b) && b[7] == 0x80);
    CHECK(!cast_encode(DT_U64, 0x1p64, b) && !cast_encode(DT_I32, 0.5, b));
    CHECK(!cast_encode(DT_I32, (double)NAN, b));
    CHECK(cast_encode(DT_BOOL, 1, b) && b[0] == 1 && !cast_encode(DT_BOOL, 2, b));
    CHECK(cast_encode(DT_F8_E4M3, -448, b) && b[0] == 0xfe);
    CHECK(!cast_encode(DT_F8_E4M3, 449, b));
    CHECK(cast_encode(DT_F8_E5M2, 1, b) && b[0] == 0x3c);
    CHECK(cast_encode(DT_F32, 1, b) && b[2] == 0x80 && b[3] == 0x3f);
    CHECK(cast_encode(DT_F64, 1, b) && b[6] == 0xf0 && b[7] == 0x3f);
    CHECK(cast_encode(DT_C64, 0, b) && !cast_encode(DT_C64, 1, b));
    CHECK(!cast_encode(DT_F8_E8M0, 0, b)); /* powers of two only */
    CHECK(cast_encode(DT_F8_E8M0, 0x1p-127, b) && b[0] == 0);
    CHECK(cast_encode(DT_F8_E8M0, 4, b) && b[0] == 129);
}

/* By bits: every length around a block, each kind of number at the end. */
static void test_finite(void)
{
    const float kinds[] = {0.0f,     -0.0f,    1e-39f,    1.0f,
                           -3.0e38f, INFINITY, -INFINITY, NAN};
    float f[200];
    uint16_t b[200];
    double d[200];
    for (size_t n = 0; n < 200; n++) {
        size_t bad = 0, zero = 0;
        for (size_t i = 0; i < n; i++) {
            f[i] = kinds[(i * 5 + n) % 8];
            b[i] = bf16_of_f32(f[i]);
            d[i] = (double)f[i];
            bad += isfinite(f[i]) ? 0 : 1;
            zero += f[i] == 0.0f ? 1 : 0;
        }
        CHECK_INT((int)n_not_finite(f, DT_F32, n), (int)bad);
        CHECK_INT((int)n_not_finite(b, DT_BF16, n), (int)bad);
        CHECK_INT((int)n_not_finite(d, DT_F64, n), (int)bad);
        CHECK_INT((int)n_not_zero(f, DT_F32, n), (int)(n - zero));
        CHECK_INT((int)n_not_zero(b, DT_BF16, n), (int)(n - zero));
        CHECK_INT((int)n_not_zero(d, DT_F64, n), (int)(n - zero));
    }
    for (unsigned code = 0; code < 256; code++) {
        const uint8_t c = (uint8_t)code;
        const float x = f32_of_e4m3(c), y = f32_of_e5m2(c);
        CHECK_INT((int)n_not_finite(&c, DT_F8_E4M3, 1), isfinite(x) ? 0 : 1);
        CHECK_INT((int)n_not_finite(&c, DT_F8_E5M2, 1), isfinite(y) ? 0 : 1);
        CHECK_INT((int)n_not_finite(&c, DT_F8_E8M0, 1), code == 255 ? 1 : 0);
        CHECK_INT((int)n_not_zero(&c, DT_F8_E8M0, 1), 1);
        CHECK_INT((int)n_not_zero(&c, DT_F8_E4M3, 1), x == 0.0f ? 0 : 1);
        CHECK_INT((int)n_not_zero(&c, DT_F8_E5M2, 1), y == 0.0f ? 0 : 1);
    }
    const uint16_t halves[] = {0x7c00, 0x7bff, 0xfe01, 0x8000, 0x0001};
    CHECK_INT((int)n_not_finite(halves, DT_F16, 5), 2);
    CHECK_INT((int)n_not_zero(halves, DT_F16, 5), 4);
}

int main(void)
{
    test_widening();
    test_there_and_back();
    test_rounding();
    test_special();
    test_encode();
    test_finite();
    return CHECK_RESULT();
}
