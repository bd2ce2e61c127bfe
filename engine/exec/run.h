/* exec/run.h -- one execution of a plan: the jobs, and what each worker owns.
 *
 * A job is one output tensor that has bytes of its own; it is cut into tiles of
 * tile_elems, the first one `lead` elements shorter so that the others begin on pages
 * of the file.  Tiles of all jobs are numbered in the order of the output's files, and
 * computed from the number alone.
 */
#ifndef RT_EXEC_RUN_H
#define RT_EXEC_RUN_H

#include <stdatomic.h>

#include "exec/exec.h"
#include "exec/factors.h"

enum {
    STAGE_BYTES = 1024 * 1024, /* of a read whose elements are then put in place */
    DENSE_ELEMS = 64 * 1024,   /* of a part that is computed apart from the output */
    DELTA_FLOATS = 128 * 1024, /* products of the terms of such a part */
    LEFT_FLOATS = 64 * 1024,   /* rows of a left factor */
    MAX_ROWS = 8 * 1024,       /* that one call of a kernel updates */
    TILE_BYTES = 1024 * 1024,  /* of output; more for transposes */
    MERGE_BYTES = 512 * 1024,  /* the same where terms of low rank are added */
    SLOT_BYTES = 1024 * 1024,  /* of packed factors; more for very high ranks */
    PAGE_BYTES = 4096,
};

typedef struct job_sums { /* of one tile */
    double base_sq, delta_sq, kept_dot, max_change;
    uint64_t n_changed, n_nonfinite;
} job_sums;

typedef struct tensor_job {
    const plan_tensor *t;
    size_t plan_index, out_index;
    const piece *pieces; /* of elements, or of bytes for types without whole bytes */
    size_t n_pieces;
    dtype dt; /* DT_U8 for such bytes */
    unsigned elem_bytes;
    uint64_t n_elems;
    uint64_t tile_elems, lead;
    uint64_t n_tiles, first_tile;
    unsigned measure_every; /* 0: it has no terms, or nothing is measured */
    uint32_t file;
    int fd;
    uint64_t offset; /* bytes */
    atomic_uint crc32;
    job_sums *sums; /* one for each tile while the job runs */
    uint64_t tiles_left;
} tensor_job;

typedef struct norm_job { /* of one plan norm: its gains, made before the tiles */
    plan_tensor sum;      /* f32, or f64 for a base of f64 */
    piece by;             /* as in plan_norm, in canonical form */
    tensor_job job;       /* of the sum, which no file gets */
    double *sum_sq;       /* by element of the magnitudes */
    float *gain;          /* m / |v|; 0 where v is 0 */
} norm_job;

typedef struct failure { /* of the first tile, in order, that failed */
    bool is_set, is_write;
    uint64_t tile;
    int errnum;
    const tensor_job *job;
    uint32_t src;
} failure;

typedef struct run run;

typedef struct worker {
    const run *run;
    factors *factors;      /* of all workers */
    unsigned char *out;    /* a tile */
    unsigned char *native; /* a part's elements as they stand in the file */
    unsigned char *cooked; /* a part's elements of the target's type */
    unsigned char *stage;
    float *delta, *left;
    int64_t *row_at;
    step *steps; /* room for piece_clip */
    piece clips[PIECE_MAX_CLIPS];
    bool is_measured; /* this tile */
    measure sums;
    uint32_t bad_src; /* that could not be read */
} worker;

struct run {
    const plan *plan;
    const exec_options *opt;
    const kernels *kernels;
    output *output;
    const output_tensor *tensors;
    tensor_job *jobs; /* in the order of files and offsets */
    size_t n_jobs;
    norm_job *norms; /* one for each of plan.norms */
    uint64_t n_tiles, n_bytes;
    bool needs_crc;
    unsigned n_workers;
    worker *workers;
    factors factors;
    void *room; /* of all buffers */
    size_t room_bytes;
    atomic_uint_fast64_t done_bytes;
    atomic_bool was_cancelled;
    pthread_mutex_t lock; /* guards failure, and sums and tiles_left of all jobs */
    failure failure;
};

/* Check that the plan can be run, and make jobs and buffers (run_free frees them). */
RT_NODISCARD rt_status run_prepare(context *cx, run *r, const size_t *out_index);
void run_free(run *r);

/* Elements lo..hi of a job into w->out.  0 or an errno, with w->bad_src set. */
int tile_fill(worker *w, const tensor_job *job, int64_t lo, int64_t hi);
/* One clipped piece; `to` is the place of the tile's element 0, the tensor's lo. */
int piece_compute(worker *w, const tensor_job *job, const piece *p, unsigned char *to,
                  int64_t lo);

/* Jobs for the plan's norms (norms.c); then, with buffers, their gains: false when one
 * failed or the run was cancelled. */
RT_NODISCARD rt_status norms_prepare(context *cx, run *r);
bool norms_make(run *r);
/* Keep the first failure, in the order of tiles; false. */
bool run_fail(run *r, failure f);
bool run_is_cancelled(const run *r);

/* ---- terms ---------------------------------------------------------------------- */

/* A box within a piece: indices from[i] .. from[i] + size[i] of each dim. */
typedef struct part {
    const piece *p;
    int64_t from[PIECE_MAX_DIMS], size[PIECE_MAX_DIMS];
} part;

static inline int64_t part_at(const part *b, int64_t offset, const int64_t *stride)
{
    for (unsigned i = 0; i < b->p->n; i++) {
        offset += b->from[i] * stride[i];
    }
    return offset;
}

typedef struct term_target {
    void (*kernel)(const lowrank *w);
    unsigned char *at; /* of the part's first element */
    unsigned elem_bytes;
    int64_t stride[PIECE_MAX_DIMS]; /* elements */
} term_target;

/* Run a term over a part: 0 or an errno, with w->bad_src set. */
int term_apply(worker *w, const part *box, const term *t, const term_target *to);

/* Where to read a source from with this worker's scratch. */
gather_from source_of(worker *w, uint32_t src);

#endif
