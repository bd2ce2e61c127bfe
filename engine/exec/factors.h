/* exec/factors.h -- right-hand factors of low-rank terms, packed and kept for all
 * tiles.
 *
 * A factor is seen as a matrix of `rank` rows (k_stride apart) and columns (col_stride
 * apart) in an operand tensor.  It is read, widened to f32 and packed in groups of
 * columns: panels as wide as the kernels want them, each [rank][panel], zeros beyond
 * the last column. Groups start at multiples of a fixed number of columns of the
 * operand, so that tiles find what other tiles packed.
 *
 * Memory is a fixed number of slots, replaced in the order of their last use.  Any
 * thread may ask; each holds at most one group at a time, and there are at least as
 * many slots as threads, so one is always free for who asks.
 */
#ifndef RT_EXEC_FACTORS_H
#define RT_EXEC_FACTORS_H

#include <pthread.h>

#include "exec/gather.h"
#include "exec/kernels.h"
#include "plan/plan.h"

typedef struct right_factor { /* the columns from a place on, as a term reads them */
    uint32_t src;
    unsigned rank;
    int64_t offset; /* element of the operand: row 0, first column wanted */
    int64_t k_stride, col_stride;
} right_factor;

typedef struct factor_slot {
    right_factor key; /* offset: of the group's first column */
    bool is_used, is_ready;
    unsigned n_holders;
    uint64_t last_use;
    size_t n_cols;
    float *panels;
} factor_slot;

typedef struct factors {
    const plan *plan;
    const kernels *kernels;
    pthread_mutex_t lock; /* guards the slots but for the panels of ready ones */
    pthread_cond_t changed;
    uint64_t clock;
    size_t n_slots, slot_floats;
    factor_slot *slots;
} factors;

typedef struct factor_room { /* scratch of the asking thread */
    unsigned char *native;   /* rows of elements as they stand in the file */
    size_t native_bytes;
    gather_from from;
} factor_room;

typedef struct factor_view {
    factor_slot *slot;
    const float *right; /* of the first column wanted; rows a panel apart */
    size_t first;       /* its number in its panel */
    size_t n_cols;      /* wanted columns in this group; panels follow one another */
} factor_view;

/* Slots over `room` (n_slots * slot_floats floats, plus MAX_PANEL beyond). */
void factors_init(factors *f, const plan *p, const kernels *k, factor_slot *slots,
                  size_t n_slots, float *room, size_t slot_floats);
void factors_end(factors *f);

/* The group that holds the first column of `want`, packed; 0 or an errno of reading it.
 * The view stays valid until factors_release. */
int factors_get(factors *f, const right_factor *want, factor_room *room,
                factor_view *view);
void factors_release(factors *f, const factor_view *view);

/* Floats that a slot needs at least for this rank. */
size_t factors_min_floats(unsigned rank);

#endif
