/* exec/exec.h -- run a plan: tiles on a fixed pool of threads, bounded memory.
 *
 * A tile is a contiguous range of one target tensor's elements, of a size that does not
 * depend on the number of threads.  Workers read with pread, compute in f32 where a
 * piece has steps or casts, and pwrite to the final place.  Output bytes are the same
 * for any number of threads and any instruction set (see plan/piece.h for the
 * arithmetic).
 *
 * A NaN that a step leaves is stored as the positive quiet NaN; a cast alone keeps its
 * sign and upper bits.  Where the source or the target is f64, values are f64 until the
 * one rounding at the end.
 */
#ifndef RT_EXEC_EXEC_H
#define RT_EXEC_EXEC_H

#include "base/status.h"
#include "checkpoint/output.h"
#include "plan/plan.h"

/* Of one target tensor that has terms, over the elements that a term reaches: `base` is
 * the value before the first term, `update` the exact sum of the terms. */
typedef struct exec_stats {
    double base_sq, delta_sq; /* sums of squares: of the base, of the exact update */
    double kept_dot; /* sum of (stored - base) * update: retained gain = kept_dot /
                        delta_sq */
    double max_change;
    uint64_t n_changed, n_nonfinite; /* elements stored with other bits; not finite */
} exec_stats;

typedef struct exec_options {
    unsigned threads;      /* 0 counts as 1; fewer are used when memory is short */
    uint64_t memory_bytes; /* upper bound for buffers and cached factors; 0: 32 MiB */
    const char *kernels; /* "portable", "avx2", "avx512"; NULL: the fastest there is */
    /* Fill stats for tensors with terms: 0, nothing; 1, of all elements; N, the sums of
     * every Nth tile (a sample: a merge takes twice the work where it is measured), and
     * of all tiles how many elements are not finite. */
    unsigned measure_every;
    exec_stats *stats; /* one for each plan tensor, or NULL */
    void (*progress)(void *who, uint64_t done_bytes, uint64_t total_bytes);
    void *who;
    volatile const int *cancel; /* set by a signal handler: stop soon, RT_FILE */
} exec_options;

/* out_index[i]: index of plan tensor i among the output's tensors (output_plan's
 * array). RT_FILE with a diagnostic on the first failing tile in the order of the
 * output's files (short file, write error); RT_FILE when cancelled; RT_MISMATCH when a
 * tensor would need arithmetic on a type that is not computed with; RT_USAGE for
 * unknown kernels. */
RT_NODISCARD rt_status exec_run(context *cx, const plan *p, output *o,
                                const output_tensor *tensors, const size_t *out_index,
                                const exec_options *opt);

/* Are two sources' bytes equal, and their types and numbers of elements?  Streams and
 * stops at the first difference (decide). */
RT_NODISCARD rt_status exec_equal(context *cx, const plan_source *x,
                                  const plan_source *y, bool *equal);
/* The same for what two lists of pieces make of their sources, whose floating-point
 * types may differ if the numbers do not: *equal is false as well where they are cut
 * differently or computed, which bytes cannot answer. */
RT_NODISCARD rt_status exec_pieces_equal(context *cx, const plan *p,
                                         const piece_list *x, const piece_list *y,
                                         bool *equal);
/* How many numbers of a floating-point source are not finite, and not zero. */
typedef struct exec_survey {
    uint64_t n_nonfinite, n_nonzero;
} exec_survey;
RT_NODISCARD rt_status exec_survey_source(context *cx, const plan_source *x,
                                          exec_survey *out);
/* All numbers of a floating-point source, in row-major order. */
RT_NODISCARD rt_status exec_read_numbers(context *cx, const plan_source *x,
                                         double *out);
/* Has every element of these pieces of a source the bytes of `fill`? */
RT_NODISCARD rt_status exec_all_equal_to(context *cx, const plan *p,
                                         const piece *pieces, size_t n, double fill,
                                         bool *equal);

#endif
