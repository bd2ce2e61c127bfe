/* exec/kernels_portable.c -- plain C for any processor; defines the bits of them all.
 *
 * The expressions must not be contracted (-ffp-contract=off, and ISO C mode): a product
 * is rounded before it is added wherever fmaf is not written.
 */
#include "exec/kernels.h"

#include <math.h>
#include <string.h>

#include "exec/cast.h"

static void widen_bf16(float *to, const uint16_t *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = f32_of_bf16(from[i]);
    }
}

static void widen_f16(float *to, const uint16_t *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = f32_of_f16(from[i]);
    }
}

static void narrow_bf16(uint16_t *to, const float *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = bf16_of_f32(from[i]);
    }
}

static void narrow_f16(uint16_t *to, const float *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = f16_of_f32(from[i]);
    }
}

static void add(float *to, const float *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = f32_settled(to[i] + from[i]);
    }
}

/* scale * sum for the n_cols columns of one row. */
static void row_product(const lowrank *w, size_t row, float *product)
{
    float sum[MAX_PANEL] = {0};
    const float *left = w->left + row * w->rank;
    for (unsigned k = 0; k < w->rank; k++) {
        const float *right = w->right + k * MAX_PANEL;
        for (unsigned j = 0; j < w->n_cols; j++) {
            sum[j] = fmaf(left[k], right[j], sum[j]);
        }
    }
    for (unsigned j = 0; j < w->n_cols; j++) {
        product[j] = w->scale * sum[j];
    }
}

static void lowrank_bf16(const lowrank *w)
{
    for (size_t i = 0; i < w->n_rows; i++) {
        float product[MAX_PANEL];
        uint16_t value[MAX_PANEL] = {0};
        unsigned char *to = w->to + w->row_at[i];
        row_product(w, i, product);
        memcpy(value, to, w->n_cols * sizeof *value);
        for (unsigned j = 0; j < w->n_cols; j++) {
            value[j] = bf16_of_f32(f32_settled(f32_of_bf16(value[j]) + product[j]));
        }
        memcpy(to, value, w->n_cols * sizeof *value);
    }
}

static void lowrank_f16(const lowrank *w)
{
    for (size_t i = 0; i < w->n_rows; i++) {
        float product[MAX_PANEL];
        uint16_t value[MAX_PANEL] = {0};
        unsigned char *to = w->to + w->row_at[i];
        row_product(w, i, product);
        memcpy(value, to, w->n_cols * sizeof *value);
        for (unsigned j = 0; j < w->n_cols; j++) {
            value[j] = f16_of_f32(f32_settled(f32_of_f16(value[j]) + product[j]));
        }
        memcpy(to, value, w->n_cols * sizeof *value);
    }
}

static void lowrank_f32(const lowrank *w)
{
    for (size_t i = 0; i < w->n_rows; i++) {
        float product[MAX_PANEL];
        float value[MAX_PANEL] = {0};
        unsigned char *to = w->to + w->row_at[i];
        row_product(w, i, product);
        memcpy(value, to, w->n_cols * sizeof *value);
        for (unsigned j = 0; j < w->n_cols; j++) {
            value[j] = f32_settled(value[j] + product[j]);
        }
        memcpy(to, value, w->n_cols * sizeof *value);
    }
}

static void lowrank_product(const lowrank *w)
{
    for (size_t i = 0; i < w->n_rows; i++) {
        float product[MAX_PANEL];
        row_product(w, i, product);
        for (unsigned j = 0; j < w->n_cols; j++) {
            product[j] = f32_settled(product[j]);
        }
        memcpy(w->to + w->row_at[i], product, w->n_cols * sizeof *product);
    }
}

static void take_measure(measure *m, const float *base, const float *delta,
                         const float *stored, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        m->n_changed += f32_bits(base[i]) != f32_bits(stored[i]);
        m->n_nonfinite += isfinite(stored[i]) ? 0 : 1;
        if (!isfinite(base[i]) || !isfinite(stored[i])) {
            continue;
        }
        const size_t lane = i % LANES;
        const double b = (double)base[i];
        const double d = (double)delta[i];
        const double change = (double)stored[i] - b;
        const float size = fabsf(stored[i] - base[i]);
        m->base_sq[lane] = fma(b, b, m->base_sq[lane]);
        m->delta_sq[lane] = fma(d, d, m->delta_sq[lane]);
        m->kept_dot[lane] = fma(change, d, m->kept_dot[lane]);
        m->max_change = size > m->max_change ? size : m->max_change;
    }
}

const kernels kernels_portable = {
    .name = "portable",
    .panel = MAX_PANEL,
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
