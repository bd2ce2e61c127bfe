/* exec/kernels_avx512.c -- AVX-512 F, BW, VL, DQ.  Compiled with these switched on, so
 * nothing here may run before kernels_select() has asked the processor.
 *
 * The low-rank kernel keeps 12 rows by 32 columns of sums in 24 registers and goes once
 * through the rank; bf16 is rounded with integers, since the conversion instruction
 * flushes subnormal numbers.
 */
#ifdef __x86_64__

#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "exec/cast.h"
#include "exec/kernels.h"

#define INLINE static inline __attribute__((always_inline))

enum {
    VEC_FLOATS = 16,
    N_VECS = 2,
    MAX_BLOCK_ROWS = BLOCK_ROWS,
    BLOCK_COLS = VEC_FLOATS * N_VECS
};
#define ROUND_NEAREST (_MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)

typedef enum target { TO_BF16, TO_F16, TO_F32, TO_PRODUCT } target;

/* The first n of 16 lanes. */
INLINE __mmask16 lanes_of(size_t n)
{
    return (__mmask16)(n >= VEC_FLOATS ? 0xffffu : (1u << n) - 1u);
}

INLINE __m512 load_bf16(__mmask16 m, const void *from)
{
    const __m256i h = _mm256_maskz_loadu_epi16(m, from);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
}

INLINE __m512i nearest_bf16(__m512 x)
{
    const __m512i u = _mm512_castps_si512(x);
    const __m512i high = _mm512_srli_epi32(u, 16);
    const __m512i odd = _mm512_and_si512(high, _mm512_set1_epi32(1));
    const __m512i bias = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff));
    return _mm512_srli_epi32(_mm512_add_epi32(u, bias), 16);
}

/* Adding to the bits could carry a NaN into another number. */
INLINE __m256i round_bf16(__m512 x)
{
    const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    const __m512i high = _mm512_srli_epi32(_mm512_castps_si512(x), 16);
    const __m512i quiet = _mm512_set1_epi32(0x40);
    return _mm512_cvtepi32_epi16(
        _mm512_mask_or_epi32(nearest_bf16(x), nan, high, quiet));
}

/* The one NaN that is left in settled numbers stays what it is. */
INLINE __m256i round_settled_bf16(__m512 x)
{
    return _mm512_cvtepi32_epi16(nearest_bf16(x));
}

INLINE __m512 settled(__m512 x)
{
    const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    return _mm512_mask_mov_ps(
        x, nan, _mm512_castsi512_ps(_mm512_set1_epi32((int)CANONICAL_NAN)));
}

static void widen_bf16(float *to, const uint16_t *from, size_t n)
{
    for (size_t i = 0; i < n; i += VEC_FLOATS) {
        const __mmask16 m = lanes_of(n - i);
        _mm512_mask_storeu_ps(to + i, m, load_bf16(m, from + i));
    }
}

static void widen_f16(float *to, const uint16_t *from, size_t n)
{
    for (size_t i = 0; i < n; i += VEC_FLOATS) {
        const __mmask16 m = lanes_of(n - i);
        const __m256i h = _mm256_maskz_loadu_epi16(m, from + i);
        _mm512_mask_storeu_ps(to + i, m, _mm512_cvtph_ps(h));
    }
}

static void narrow_bf16(uint16_t *to, const float *from, size_t n)
{
    for (size_t i = 0; i < n; i += VEC_FLOATS) {
        const __mmask16 m = lanes_of(n - i);
        const __m512 x = _mm512_maskz_loadu_ps(m, from + i);
        _mm256_mask_storeu_epi16(to + i, m, round_bf16(x));
    }
}

static void narrow_f16(uint16_t *to, const float *from, size_t n)
{
    for (size_t i = 0; i < n; i += VEC_FLOATS) {
        const __mmask16 m = lanes_of(n - i);
        const __m512 x = _mm512_maskz_loadu_ps(m, from + i);
        _mm256_mask_storeu_epi16(to + i, m, _mm512_cvtps_ph(x, ROUND_NEAREST));
    }
}

static void add(float *to, const float *from, size_t n)
{
    for (size_t i = 0; i < n; i += VEC_FLOATS) {
        const __mmask16 m = lanes_of(n - i);
        const __m512 x = _mm512_maskz_loadu_ps(m, to + i);
        const __m512 y = _mm512_maskz_loadu_ps(m, from + i);
        _mm512_mask_storeu_ps(to + i, m, settled(_mm512_add_ps(x, y)));
    }
}

/* Finish 16 columns of a row: `to` is their place. */
INLINE void finish(target kind, unsigned char *to, __mmask16 m, __m512 product)
{
    switch (kind) {
    case TO_BF16: {
        const __m512 x = settled(_mm512_add_ps(load_bf16(m, to), product));
        _mm256_mask_storeu_epi16(to, m, round_settled_bf16(x));
        break;
    }
    case TO_F16: {
        const __m512 base = _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(m, to));
        const __m512 x = settled(_mm512_add_ps(base, product));
        _mm256_mask_storeu_epi16(to, m, _mm512_cvtps_ph(x, ROUND_NEAREST));
        break;
    }
    case TO_F32: {
        const __m512 x = _mm512_add_ps(_mm512_maskz_loadu_ps(m, to), product);
        _mm512_mask_storeu_ps(to, m, settled(x));
        break;
    }
    case TO_PRODUCT: _mm512_mask_storeu_ps(to, m, settled(product)); break;
    }
}

/* `rows` (a constant after inlining) rows from `row` on. */
INLINE void block(const lowrank *w, size_t row, unsigned rows, target kind)
{
    __m512 sum[MAX_BLOCK_ROWS][N_VECS];
    const float *left = w->left + row * w->rank;
    const float *right = w->right;
    const unsigned rank = w->rank;
#pragma GCC unroll 12
    for (unsigned i = 0; i < rows; i++) {
        sum[i][0] = _mm512_setzero_ps();
        sum[i][1] = _mm512_setzero_ps();
    }
#pragma GCC unroll 1
    for (unsigned k = 0; k < rank; k++, right += BLOCK_COLS, left++) {
        const __m512 r0 = _mm512_loadu_ps(right);
        const __m512 r1 = _mm512_loadu_ps(right + VEC_FLOATS);
#pragma GCC unroll 12
        for (unsigned i = 0; i < rows; i++) {
            const __m512 l = _mm512_set1_ps(left[(size_t)i * rank]);
            sum[i][0] = _mm512_fmadd_ps(l, r0, sum[i][0]);
            sum[i][1] = _mm512_fmadd_ps(l, r1, sum[i][1]);
        }
    }
    const __m512 scale = _mm512_set1_ps(w->scale);
    const size_t n_bytes = kind == TO_BF16 || kind == TO_F16 ? 2 : 4;
    const size_t n = w->n_cols;
    const __mmask16 m0 = lanes_of(n);
    const __mmask16 m1 = lanes_of(n > VEC_FLOATS ? n - VEC_FLOATS : 0);
#pragma GCC unroll 12
    for (unsigned i = 0; i < rows; i++) {
        unsigned char *to = w->to + w->row_at[row + i];
        finish(kind, to, m0, _mm512_mul_ps(scale, sum[i][0]));
        finish(kind, to + VEC_FLOATS * n_bytes, m1, _mm512_mul_ps(scale, sum[i][1]));
    }
}

INLINE void all_rows(const lowrank *w, target kind)
{
    size_t i = 0;
    for (; i + 12 <= w->n_rows; i += 12) {
        block(w, i, 12, kind);
    }
    if (i + 6 <= w->n_rows) {
        block(w, i, 6, kind);
        i += 6;
    }
    if (i + 3 <= w->n_rows) {
        block(w, i, 3, kind);
        i += 3;
    }
    for (; i < w->n_rows; i++) {
        block(w, i, 1, kind);
    }
}

static void lowrank_bf16(const lowrank *w)
{
    all_rows(w, TO_BF16);
}

static void lowrank_f16(const lowrank *w)
{
    all_rows(w, TO_F16);
}

static void lowrank_f32(const lowrank *w)
{
    all_rows(w, TO_F32);
}

static void lowrank_product(const lowrank *w)
{
    all_rows(w, TO_PRODUCT);
}

typedef struct sums {
    __m512d base_sq, delta_sq, kept_dot;
} sums;

/* Eight elements; lanes that are not `fine` come as zeros. */
INLINE void measure_eight(sums *s, __m256 base, __m256 delta, __m256 stored)
{
    const __m512d b = _mm512_cvtps_pd(base);
    const __m512d d = _mm512_cvtps_pd(delta);
    const __m512d change = _mm512_sub_pd(_mm512_cvtps_pd(stored), b);
    s->base_sq = _mm512_fmadd_pd(b, b, s->base_sq);
    s->delta_sq = _mm512_fmadd_pd(d, d, s->delta_sq);
    s->kept_dot = _mm512_fmadd_pd(change, d, s->kept_dot);
}

INLINE __mmask16 is_finite(__m512 x)
{
    const __m512 size = _mm512_abs_ps(x);
    return _mm512_cmp_ps_mask(size, _mm512_set1_ps(INFINITY), _CMP_LT_OQ);
}

static void take_measure(measure *m, const float *base, const float *delta,
                         const float *stored, size_t n)
{
    sums s = {_mm512_loadu_pd(m->base_sq), _mm512_loadu_pd(m->delta_sq),
              _mm512_loadu_pd(m->kept_dot)};
    __m512 largest = _mm512_set1_ps(m->max_change);
    for (size_t i = 0; i < n; i += VEC_FLOATS) {
        const __mmask16 here = lanes_of(n - i);
        const __m512 b = _mm512_maskz_loadu_ps(here, base + i);
        const __m512 d = _mm512_maskz_loadu_ps(here, delta + i);
        const __m512 x = _mm512_maskz_loadu_ps(here, stored + i);
        const __mmask16 finite_x = is_finite(x);
        const __mmask16 changed = _mm512_mask_cmpneq_epi32_mask(
            here, _mm512_castps_si512(b), _mm512_castps_si512(x));
        const __mmask16 fine = _mm512_kand(finite_x, is_finite(b));
        m->n_changed += (unsigned)__builtin_popcount(changed);
        m->n_nonfinite += (unsigned)__builtin_popcount(here & (unsigned)~finite_x);
        const __m512 fb = _mm512_maskz_mov_ps(fine, b);
        const __m512 fd = _mm512_maskz_mov_ps(fine, d);
        const __m512 fx = _mm512_maskz_mov_ps(fine, x);
        largest = _mm512_max_ps(largest, _mm512_abs_ps(_mm512_sub_ps(fx, fb)));
        measure_eight(&s, _mm512_castps512_ps256(fb), _mm512_castps512_ps256(fd),
                      _mm512_castps512_ps256(fx));
        measure_eight(&s, _mm512_extractf32x8_ps(fb, 1), _mm512_extractf32x8_ps(fd, 1),
                      _mm512_extractf32x8_ps(fx, 1));
    }
    _mm512_storeu_pd(m->base_sq, s.base_sq);
    _mm512_storeu_pd(m->delta_sq, s.delta_sq);
    _mm512_storeu_pd(m->kept_dot, s.kept_dot);
    m->max_change = _mm512_reduce_max_ps(largest);
}

const kernels kernels_avx512 = {
    .name = "avx512",
    .panel = BLOCK_COLS,
    .widen_bf16 = widen_bf16,
    .widen_f16 = widen_f16,
    .narrow_bf16 = narrow_bf16,
    .narrow_f16 = narrow_f16,
    .add = add,
    .lowrank_bf16 = lowrank_bf16,
    .lowrank_f16 = lowrank_f16,
    .lowrank_f32 = lowrank_f32,
    .lowrank_product = lowrank_product,
    .measure = take_measure,
};

#else
typedef int no_kernels_avx512; /* another processor: the file must not be empty */
#endif
