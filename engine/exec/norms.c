/* exec/norms.c -- gains of norms: before the tiles run, each sum is made once, a tile
 * at a time in the order of its elements, and the squares of what shares a magnitude
 * are added up in f64.  That order is the layout's in which the adapter was added, so
 * the gains do not depend on the layout that is written, on tiles or on threads. */
#include <math.h>

#include "base/file.h"
#include "base/pool.h"
#include "exec/cast.h"
#include "exec/run.h"

enum { NORM_ELEMS = 64 * 1024 }; /* of the sum that are made at once */

rt_status norms_prepare(context *cx, run *r)
{
    const size_t n = r->plan->norms.n;
    r->norms = NEW_N(cx->arena, norm_job, n + 1);
    for (size_t i = 0; i < n; i++) {
        const plan_norm *norm = r->plan->norms.at[i];
        norm_job *job = &r->norms[i];
        *job = (norm_job){.sum = norm->sum,
                          .by = norm->by,
                          .sum_sq = NEW_N(cx->arena, double, (size_t)norm->n + 1),
                          .gain = NEW_N(cx->arena, float, (size_t)norm->n + 1)};
        /* Not rounded to the base's type: as the values before the last step are. */
        job->sum.dt = norm->sum.dt == DT_F64 ? DT_F64 : DT_F32;
        piece_canonical(&job->by);
        job->job = (tensor_job){.t = &job->sum,
                                .pieces = norm->sum.pieces.at,
                                .n_pieces = norm->sum.pieces.n,
                                .dt = job->sum.dt,
                                .elem_bytes = dtype_bits(job->sum.dt) / 8,
                                .n_elems = norm->sum.n_elems,
                                .tile_elems = NORM_ELEMS};
    }
    return RT_OK;
}

/* Where in the sum and in the magnitudes the next element stands. */
typedef struct place {
    const piece *by;
    int64_t at[PIECE_MAX_DIMS], m;
} place;

static void place_next(place *p)
{
    for (unsigned i = p->by->n; i-- > 0;) {
        p->m += p->by->src_stride[i];
        if (++p->at[i] < p->by->size[i]) {
            return;
        }
        p->m -= p->by->size[i] * p->by->src_stride[i];
        p->at[i] = 0;
    }
}

static void add_squares(norm_job *n, place *p, const unsigned char *tile, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double v;
        cast_to_f64(&v, tile + i * n->job.elem_bytes, n->job.dt, 1);
        n->sum_sq[p->m] += v * v;
        place_next(p);
    }
}

/* The gains: magnitudes over the norms. */
static int make_gains(worker *w, norm_job *n, const plan_norm *norm)
{
    const tensor_info *m = w->run->plan->sources.at[norm->magnitude].t;
    gather_from from = source_of(w, norm->magnitude);
    w->bad_src = norm->magnitude;
    for (int64_t at = 0; at < norm->n; at += DENSE_ELEMS) {
        const int64_t count =
            norm->n - at < DENSE_ELEMS ? norm->n - at : (int64_t)DENSE_ELEMS;
        const strided s = {.n = 1, .size = {count}, .dst = {1}, .src = {1}};
        const int errnum =
            gather(&from, &s, m->offset + (uint64_t)at * from.elem_bytes, w->native);
        if (errnum != 0) {
            return errnum;
        }
        for (int64_t i = 0; i < count; i++) {
            double magnitude;
            cast_to_f64(&magnitude, w->native + (uint64_t)i * from.elem_bytes, m->dt,
                        1);
            const double size = sqrt(n->sum_sq[at + i]);
            n->gain[at + i] = size > 0 || isnan(size) ? (float)(magnitude / size) : 0;
        }
    }
    return 0;
}

static bool do_norm(void *shared, unsigned worker_index, size_t i)
{
    run *r = shared;
    worker *w = &r->workers[worker_index];
    norm_job *n = &r->norms[i];
    place p = {.by = &n->by};
    failure f = {.tile = i, .job = &n->job};
    for (uint64_t lo = 0; lo < n->job.n_elems && f.errnum == 0; lo += NORM_ELEMS) {
        if (run_is_cancelled(r)) {
            atomic_store(&r->was_cancelled, true);
            return false;
        }
        const uint64_t left = n->job.n_elems - lo;
        const uint64_t count = left < NORM_ELEMS ? left : NORM_ELEMS;
        f.errnum = tile_fill(w, &n->job, (int64_t)lo, (int64_t)(lo + count));
        if (f.errnum == 0) {
            add_squares(n, &p, w->out, (size_t)count);
        }
    }
    if (f.errnum == 0) {
        f.errnum = make_gains(w, n, r->plan->norms.at[i]);
    }
    f.src = w->bad_src;
    return f.errnum == 0 || run_fail(r, f);
}

bool norms_make(run *r)
{
    return pool_run(r->n_workers, r->plan->norms.n, do_norm, r, NULL);
}
