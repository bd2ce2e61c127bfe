/* exec/kernels.h -- the inner loops, once for each instruction set, with equal bits.
 *
 * kernels_portable.c defines the results; the vector sets must give the same bits for
 * every input (tests/unit/test_kernels.c).  That works because the order of operations
 * is fixed for each element and vectors run across elements, never along a sum; and
 * because a NaN that arithmetic leaves is always the same one (cast.h).
 *
 * The low-rank kernel multiplies n_rows rows of the left factor, rank numbers each,
 * with a panel of the right factor: rank rows of as many columns as the set's block of
 * sums is wide, of which n_cols count.  All rows of the left factor pass over one
 * panel, so a narrow panel of a high rank stays in the first cache.  Columns that do
 * not count are computed and thrown away, so a panel must be readable up to its end
 * even when `right` points into the middle of its first row (panel - 1 floats beyond
 * it).
 */
#ifndef RT_EXEC_KERNELS_H
#define RT_EXEC_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_PANEL  ((size_t)32) /* every set's panel divides it */
#define BLOCK_ROWS 12 /* every set's block of rows divides it: no rest is left */

typedef struct lowrank {
    unsigned rank, n_cols; /* 1 <= n_cols <= panel */
    size_t n_rows;
    float scale;
    const float *left;     /* [n_rows][rank] */
    const float *right;    /* [rank], panel floats apart */
    unsigned char *to;     /* what is updated, or overwritten by a product */
    const int64_t *row_at; /* byte offset of each row from `to` */
} lowrank;

#define LANES 8
/* Sums in LANES parts: element i of a call adds to part i % LANES. */
typedef struct measure {
    double base_sq[LANES], delta_sq[LANES], kept_dot[LANES];
    float max_change;
    uint64_t n_changed, n_nonfinite;
} measure;

typedef struct kernels {
    const char *name;
    size_t panel; /* columns of the right factor that lie together */
    void (*widen_bf16)(float *to, const uint16_t *from, size_t n);
    void (*widen_f16)(float *to, const uint16_t *from, size_t n);
    void (*narrow_bf16)(uint16_t *to, const float *from, size_t n);
    void (*narrow_f16)(uint16_t *to, const float *from, size_t n);
    /* to += from, NaNs settled. */
    void (*add)(float *to, const float *from, size_t n);
    /* value = value + scale * sum, rounded to the type, in place; and scale * sum. */
    void (*lowrank_bf16)(const lowrank *w);
    void (*lowrank_f16)(const lowrank *w);
    void (*lowrank_f32)(const lowrank *w);
    void (*lowrank_product)(const lowrank *w);
    /* Elements whose base or stored value is not finite add to no sum. */
    void (*measure)(measure *m, const float *base, const float *delta,
                    const float *stored, size_t n);
} kernels;

extern const kernels kernels_portable;
#ifdef __x86_64__
extern const kernels kernels_avx2;
extern const kernels kernels_avx512;
#endif

/* The fastest set of this processor, or the one of that name ("portable", "avx2",
 * "avx512"); NULL when it is unknown or cannot run here. */
const kernels *kernels_select(const char *name);

#endif
