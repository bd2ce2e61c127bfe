/* exec/kernels_avx2.c -- AVX2 with FMA and F16C; see kernels_avx512.c, whose half-sized
 * sibling this is.  Compiled with these switched on, so nothing here may run before
 * kernels_select() has asked the processor.
 *
 * The low-rank kernel keeps 6 rows by 16 columns of sums in 12 registers, and asks for
 * the rows that they are added to before it starts.  What does not fill eight lanes
 * goes through a padded copy.
 */
#ifdef __x86_64__

#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "exec/cast.h"
#include "exec/kernels.h"

#define INLINE static inline __attribute__((always_inline))

enum {
    VEC_FLOATS = 8,
    N_VECS = 2,
    MAX_BLOCK_ROWS = 6,
    BLOCK_COLS = VEC_FLOATS * N_VECS
};
#define ROUND_NEAREST (_MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)

typedef enum target { TO_BF16, TO_F16, TO_F32, TO_PRODUCT } target;

INLINE __m128i load_half(const void *from)
{
    __m128i h;
    memcpy(&h, from, sizeof h);
    return h;
}

INLINE void store_half(void *to, __m128i h)
{
    memcpy(to, &h, sizeof h);
}

INLINE __m256 of_bf16(__m128i h)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
}

INLINE __m256i nearest_bf16(__m256 x)
{
    const __m256i u = _mm256_castps_si256(x);
    const __m256i high = _mm256_srli_epi32(u, 16);
    const __m256i odd = _mm256_and_si256(high, _mm256_set1_epi32(1));
    const __m256i bias = _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff));
    return _mm256_srli_epi32(_mm256_add_epi32(u, bias), 16);
}

INLINE __m128i low_halves(__m256i r)
{
    const __m256i packed = _mm256_packus_epi32(r, r);
    return _mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x08));
}

/* Adding to the bits could carry a NaN into another number. */
INLINE __m128i round_bf16(__m256 x)
{
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    const __m256i high = _mm256_srli_epi32(_mm256_castps_si256(x), 16);
    const __m256i quiet = _mm256_or_si256(high, _mm256_set1_epi32(0x40));
    return low_halves(_mm256_blendv_epi8(nearest_bf16(x), quiet, nan));
}

/* The one NaN that is left in settled numbers stays what it is. */
INLINE __m128i round_settled_bf16(__m256 x)
{
    return low_halves(nearest_bf16(x));
}

INLINE __m256 settled(__m256 x)
{
    const __m256 nan = _mm256_cmp_ps(x, x, _CMP_UNORD_Q);
    const __m256 one = _mm256_castsi256_ps(_mm256_set1_epi32((int)CANONICAL_NAN));
    return _mm256_blendv_ps(x, one, nan);
}

static void widen_bf16(float *to, const uint16_t *from, size_t n)
{
    size_t i = 0;
    for (; i + VEC_FLOATS <= n; i += VEC_FLOATS) {
        _mm256_storeu_ps(to + i, of_bf16(load_half(from + i)));
    }
    kernels_portable.widen_bf16(to + i, from + i, n - i);
}

static void widen_f16(float *to, const uint16_t *from, size_t n)
{
    size_t i = 0;
    for (; i + VEC_FLOATS <= n; i += VEC_FLOATS) {
        _mm256_storeu_ps(to + i, _mm256_cvtph_ps(load_half(from + i)));
    }
    kernels_portable.widen_f16(to + i, from + i, n - i);
}

static void narrow_bf16(uint16_t *to, const float *from, size_t n)
{
    size_t i = 0;
    for (; i + VEC_FLOATS <= n; i += VEC_FLOATS) {
        store_half(to + i, round_bf16(_mm256_loadu_ps(from + i)));
    }
    kernels_portable.narrow_bf16(to + i, from + i, n - i);
}

static void narrow_f16(uint16_t *to, const float *from, size_t n)
{
    size_t i = 0;
    for (; i + VEC_FLOATS <= n; i += VEC_FLOATS) {
        store_half(to + i, _mm256_cvtps_ph(_mm256_loadu_ps(from + i), ROUND_NEAREST));
    }
    kernels_portable.narrow_f16(to + i, from + i, n - i);
}

static void add(float *to, const float *from, size_t n)
{
    size_t i = 0;
    for (; i + VEC_FLOATS <= n; i += VEC_FLOATS) {
        const __m256 sum =
            _mm256_add_ps(_mm256_loadu_ps(to + i), _mm256_loadu_ps(from + i));
        _mm256_storeu_ps(to + i, settled(sum));
    }
    kernels_portable.add(to + i, from + i, n - i);
}

/* Finish 8 columns of a row: `to` is their place. */
INLINE void finish_eight(target kind, void *to, __m256 product)
{
    switch (kind) {
    case TO_BF16: {
        const __m256 base = of_bf16(load_half(to));
        store_half(to, round_settled_bf16(settled(_mm256_add_ps(base, product))));
        break;
    }
    case TO_F16: {
        const __m256 base = _mm256_cvtph_ps(load_half(to));
        const __m256 x = settled(_mm256_add_ps(base, product));
        store_half(to, _mm256_cvtps_ph(x, ROUND_NEAREST));
        break;
    }
    case TO_F32: {
        float *at = to;
        const __m256 base = _mm256_loadu_ps(at);
        _mm256_storeu_ps(at, settled(_mm256_add_ps(base, product)));
        break;
    }
    case TO_PRODUCT: _mm256_storeu_ps((float *)to, settled(product)); break;
    }
}

INLINE void finish(target kind, unsigned char *to, size_t n, __m256 product)
{
    const size_t n_bytes = kind == TO_BF16 || kind == TO_F16 ? 2 : 4;
    if (n >= VEC_FLOATS) {
        finish_eight(kind, to, product);
        return;
    }
    unsigned char part[VEC_FLOATS * sizeof(float)] = {0};
    memcpy(part, to, n * n_bytes);
    finish_eight(kind, part, product);
    memcpy(to, part, n * n_bytes);
}

/* Finish the block's 16 columns of a row at once: halves are widened and narrowed by
 * interleaving, which keeps columns 0-3 and 8-11 together, and 4-7 and 12-15. */
INLINE void finish_row_bf16(unsigned char *to, __m256 p0, __m256 p1)
{
    __m256i h;
    memcpy(&h, to, sizeof h);
    const __m256i zero = _mm256_setzero_si256();
    const __m256 b0 = _mm256_castsi256_ps(_mm256_unpacklo_epi16(zero, h));
    const __m256 b1 = _mm256_castsi256_ps(_mm256_unpackhi_epi16(zero, h));
    const __m256 q0 = _mm256_permute2f128_ps(p0, p1, 0x20);
    const __m256 q1 = _mm256_permute2f128_ps(p0, p1, 0x31);
    const __m256 x0 = settled(_mm256_add_ps(b0, q0));
    const __m256 x1 = settled(_mm256_add_ps(b1, q1));
    h = _mm256_packus_epi32(nearest_bf16(x0), nearest_bf16(x1));
    memcpy(to, &h, sizeof h);
}

/* `rows` (a constant after inlining) rows from `row` on. */
INLINE void block(const lowrank *w, size_t row, unsigned rows, target kind)
{
    __m256 sum[MAX_BLOCK_ROWS][N_VECS];
    const float *left = w->left + row * w->rank;
    const float *right = w->right;
    const unsigned rank = w->rank;
#pragma GCC unroll 6
    for (unsigned i = 0; i < rows; i++) {
        __builtin_prefetch(w->to + w->row_at[row + i]);
        sum[i][0] = _mm256_setzero_ps();
        sum[i][1] = _mm256_setzero_ps();
    }
#pragma GCC unroll 1
    for (unsigned k = 0; k < rank; k++, right += BLOCK_COLS, left++) {
        const __m256 r0 = _mm256_loadu_ps(right);
        const __m256 r1 = _mm256_loadu_ps(right + VEC_FLOATS);
#pragma GCC unroll 6
        for (unsigned i = 0; i < rows; i++) {
            const __m256 l = _mm256_set1_ps(left[(size_t)i * rank]);
            sum[i][0] = _mm256_fmadd_ps(l, r0, sum[i][0]);
            sum[i][1] = _mm256_fmadd_ps(l, r1, sum[i][1]);
        }
    }
    const __m256 scale = _mm256_set1_ps(w->scale);
    const size_t n_bytes = kind == TO_BF16 || kind == TO_F16 ? 2 : 4;
    const size_t n = w->n_cols;
#pragma GCC unroll 6
    for (unsigned i = 0; i < rows; i++) {
        unsigned char *to = w->to + w->row_at[row + i];
        const __m256 p0 = _mm256_mul_ps(scale, sum[i][0]);
        const __m256 p1 = _mm256_mul_ps(scale, sum[i][1]);
        if (kind == TO_BF16 && n == BLOCK_COLS) {
            finish_row_bf16(to, p0, p1);
            continue;
        }
        finish(kind, to, n, p0);
        if (n > VEC_FLOATS) {
            finish(kind, to + VEC_FLOATS * n_bytes, n - VEC_FLOATS, p1);
        }
    }
}

INLINE void all_rows(const lowrank *w, target kind)
{
    size_t i = 0;
    for (; i + 6 <= w->n_rows; i += 6) {
        block(w, i, 6, kind);
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
    __m256d base_sq[2], delta_sq[2], kept_dot[2]; /* lanes 0-3 and 4-7 */
} sums;

INLINE void measure_four(sums *s, unsigned half, __m128 base, __m128 delta,
                         __m128 stored)
{
    const __m256d b = _mm256_cvtps_pd(base);
    const __m256d d = _mm256_cvtps_pd(delta);
    const __m256d change = _mm256_sub_pd(_mm256_cvtps_pd(stored), b);
    s->base_sq[half] = _mm256_fmadd_pd(b, b, s->base_sq[half]);
    s->delta_sq[half] = _mm256_fmadd_pd(d, d, s->delta_sq[half]);
    s->kept_dot[half] = _mm256_fmadd_pd(change, d, s->kept_dot[half]);
}

INLINE __m256 is_finite(__m256 x)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return _mm256_cmp_ps(_mm256_andnot_ps(sign, x), _mm256_set1_ps(INFINITY),
                         _CMP_LT_OQ);
}

/* Whole groups of eight; a group's first element is in lane 0. */
static size_t measure_groups(measure *m, sums *s, const float *base, const float *delta,
                             const float *stored, size_t n)
{
    __m256 largest = _mm256_set1_ps(m->max_change);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const __m256 b = _mm256_loadu_ps(base + i);
        const __m256 x = _mm256_loadu_ps(stored + i);
        const __m256 finite_x = is_finite(x);
        const __m256 fine = _mm256_and_ps(finite_x, is_finite(b));
        const __m256 same = _mm256_castsi256_ps(
            _mm256_cmpeq_epi32(_mm256_castps_si256(b), _mm256_castps_si256(x)));
        m->n_changed +=
            (unsigned)(LANES - __builtin_popcount((unsigned)_mm256_movemask_ps(same)));
        m->n_nonfinite +=
            (unsigned)(LANES -
                       __builtin_popcount((unsigned)_mm256_movemask_ps(finite_x)));
        const __m256 fb = _mm256_and_ps(fine, b);
        const __m256 fd = _mm256_and_ps(fine, _mm256_loadu_ps(delta + i));
        const __m256 fx = _mm256_and_ps(fine, x);
        const __m256 change = _mm256_sub_ps(fx, fb);
        largest =
            _mm256_max_ps(largest, _mm256_andnot_ps(_mm256_set1_ps(-0.0f), change));
        measure_four(s, 0, _mm256_castps256_ps128(fb), _mm256_castps256_ps128(fd),
                     _mm256_castps256_ps128(fx));
        measure_four(s, 1, _mm256_extractf128_ps(fb, 1), _mm256_extractf128_ps(fd, 1),
                     _mm256_extractf128_ps(fx, 1));
    }
    float lanes[LANES];
    _mm256_storeu_ps(lanes, largest);
    for (unsigned k = 0; k < LANES; k++) {
        m->max_change = lanes[k] > m->max_change ? lanes[k] : m->max_change;
    }
    return i;
}

static void take_measure(measure *m, const float *base, const float *delta,
                         const float *stored, size_t n)
{
    sums s;
    for (unsigned half = 0; half < 2; half++) {
        s.base_sq[half] = _mm256_loadu_pd(m->base_sq + 4 * half);
        s.delta_sq[half] = _mm256_loadu_pd(m->delta_sq + 4 * half);
        s.kept_dot[half] = _mm256_loadu_pd(m->kept_dot + 4 * half);
    }
    const size_t done = measure_groups(m, &s, base, delta, stored, n);
    for (unsigned half = 0; half < 2; half++) {
        _mm256_storeu_pd(m->base_sq + 4 * half, s.base_sq[half]);
        _mm256_storeu_pd(m->delta_sq + 4 * half, s.delta_sq[half]);
        _mm256_storeu_pd(m->kept_dot + 4 * half, s.kept_dot[half]);
    }
    kernels_portable.measure(m, base + done, delta + done, stored + done, n - done);
}

const kernels kernels_avx2 = {
    .name = "avx2",
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
typedef int no_kernels_avx2; /* another processor: the file must not be empty */
#endif
