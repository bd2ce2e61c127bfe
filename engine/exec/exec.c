/* exec/exec.c -- run all tiles on the pool, and put together what they leave:
 * checksums, statistics, and the first failure. */
#include "exec/exec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32.h"
#include "base/file.h"
#include "base/pool.h"
#include "exec/finite.h"
#include "exec/run.h"

/* The job that a tile belongs to: the last one that starts at it or before. */
static tensor_job *job_of(const run *r, uint64_t tile)
{
    size_t lo = 0;
    size_t hi = r->n_jobs;
    while (hi - lo > 1) {
        const size_t middle = lo + (hi - lo) / 2;
        if (r->jobs[middle].first_tile <= tile) {
            lo = middle;
        } else {
            hi = middle;
        }
    }
    return &r->jobs[lo];
}

/* Tiles are dealt out in order, so all tiles before a failed one run to their end: the
 * first failure does not depend on the threads. */
bool run_fail(run *r, failure f)
{
    (void)pthread_mutex_lock(&r->lock);
    if (!r->failure.is_set || f.tile < r->failure.tile) {
        r->failure = f;
        r->failure.is_set = true;
    }
    (void)pthread_mutex_unlock(&r->lock);
    return false;
}

static void add_crc(tensor_job *job, const unsigned char *bytes, size_t n_bytes,
                    uint64_t n_behind)
{
    atomic_fetch_xor(&job->crc32, crc32_part(crc32_of(bytes, n_bytes), n_behind));
}

static double lanes(const double *lane)
{
    double sum = 0;
    for (unsigned i = 0; i < LANES; i++) {
        sum += lane[i];
    }
    return sum;
}

/* In the order of tiles, so that sums do not depend on who was first. */
static void sum_tiles(const tensor_job *job, exec_stats *s)
{
    *s = (exec_stats){0};
    for (uint64_t i = 0; i < job->n_tiles; i++) {
        const job_sums *t = &job->sums[i];
        s->base_sq += t->base_sq;
        s->delta_sq += t->delta_sq;
        s->kept_dot += t->kept_dot;
        s->max_change = t->max_change > s->max_change ? t->max_change : s->max_change;
        s->n_changed += t->n_changed;
        s->n_nonfinite += t->n_nonfinite;
    }
}

/* Sums are kept by tile while a tensor is worked on; false: no memory. */
static bool keep_sums(run *r, tensor_job *job, uint64_t tile, const measure *m)
{
    bool ok = true;
    (void)pthread_mutex_lock(&r->lock);
    if (job->sums == NULL) {
        job->sums = calloc(job->n_tiles, sizeof *job->sums);
        ok = job->sums != NULL;
    }
    if (ok) {
        job->sums[tile] = (job_sums){.base_sq = lanes(m->base_sq),
                                     .delta_sq = lanes(m->delta_sq),
                                     .kept_dot = lanes(m->kept_dot),
                                     .max_change = (double)m->max_change,
                                     .n_changed = m->n_changed,
                                     .n_nonfinite = m->n_nonfinite};
        if (--job->tiles_left == 0) {
            sum_tiles(job, &r->opt->stats[job->plan_index]);
            free(job->sums);
            job->sums = NULL;
        }
    }
    (void)pthread_mutex_unlock(&r->lock);
    return ok;
}

bool run_is_cancelled(const run *r)
{
    return r->opt->cancel != NULL && *r->opt->cancel != 0;
}

static bool do_tile(void *shared, unsigned worker_index, size_t i)
{
    run *r = shared;
    worker *w = &r->workers[worker_index];
    if (run_is_cancelled(r)) {
        atomic_store(&r->was_cancelled, true);
        return false;
    }
    tensor_job *job = job_of(r, i);
    const uint64_t tile = i - job->first_tile;
    const uint64_t lo = tile == 0 ? 0 : tile * job->tile_elems - job->lead;
    const uint64_t end = (tile + 1) * job->tile_elems - job->lead;
    const uint64_t hi = end < job->n_elems ? end : job->n_elems;
    memset(&w->sums, 0, sizeof w->sums);
    w->is_measured = job->measure_every > 0 && tile % job->measure_every == 0;
    failure f = {.tile = i, .job = job};
    f.errnum = tile_fill(w, job, (int64_t)lo, (int64_t)hi);
    if (f.errnum != 0) {
        f.src = w->bad_src;
        return run_fail(r, f);
    }
    const size_t n_bytes = (size_t)(hi - lo) * job->elem_bytes;
    if (r->needs_crc) {
        add_crc(job, w->out, n_bytes, (job->n_elems - hi) * job->elem_bytes);
    }
    if (job->measure_every > 0 && !w->is_measured) {
        w->sums.n_nonfinite = n_not_finite(w->out, job->dt, (size_t)(hi - lo));
    }
    f.is_write = true;
    f.errnum = pwrite_all(job->fd, w->out, n_bytes, job->offset + lo * job->elem_bytes);
    if (f.errnum == 0 && job->measure_every > 0 && !keep_sums(r, job, tile, &w->sums)) {
        f.errnum = ENOMEM;
    }
    if (f.errnum != 0) {
        return run_fail(r, f);
    }
    atomic_fetch_add_explicit(&r->done_bytes, n_bytes, memory_order_relaxed);
    return true;
}

static void tell_progress(void *shared)
{
    run *r = shared;
    const uint64_t done = atomic_load_explicit(&r->done_bytes, memory_order_relaxed);
    r->opt->progress(r->opt->who, done, r->n_bytes);
}

static rt_status report_failure(context *cx, const run *r)
{
    const failure *f = &r->failure;
    const char *name = f->job->t->name;
    if (f->is_write) {
        diag *dg =
            diag_report(cx->diags, SEV_ERROR, "cannot-write", NOWHERE,
                        "cannot write tensor '%s' to '%s': %s", name,
                        output_file_name(r->output, f->job->file), strerror(f->errnum));
        if (f->errnum == ENOSPC || f->errnum == EDQUOT) {
            diag_help(dg, "free space there, or name another directory");
        }
        return RT_FILE;
    }
    const plan_source *s = &r->plan->sources.at[f->src];
    const char *path = s->inv->files.at[s->t->file].path;
    const bool is_short = f->errnum == ENODATA;
    diag *dg = diag_report(
        cx->diags, SEV_ERROR, is_short ? "file-short" : "cannot-read", NOWHERE,
        "cannot read '%s' from '%s' for tensor '%s': %s", s->t->name, path, name,
        is_short ? "the file ends before its data" : strerror(f->errnum));
    if (is_short) {
        diag_help(dg, "the file is shorter than its header says: fetch it again");
    }
    return RT_FILE;
}

static rt_status finish(context *cx, run *r, bool ran_all)
{
    if (r->failure.is_set) {
        return report_failure(cx, r);
    }
    if (r->opt->progress != NULL && ran_all) {
        tell_progress(r);
    }
    /* Asked once more: whoever interrupts the very end wants no output either. */
    if (atomic_load(&r->was_cancelled) || !ran_all || run_is_cancelled(r)) {
        diag_report(cx->diags, SEV_ERROR, "cancelled", NOWHERE,
                    "stopped before everything was written");
        return RT_FILE;
    }
    for (size_t i = 0; i < r->n_jobs && r->needs_crc; i++) {
        output_set_crc(r->output, r->jobs[i].out_index, atomic_load(&r->jobs[i].crc32));
    }
    return RT_OK;
}

rt_status exec_run(context *cx, const plan *p, output *o, const output_tensor *tensors,
                   const size_t *out_index, const exec_options *opt)
{
    run r = {.plan = p, .opt = opt, .output = o, .tensors = tensors};
    (void)pthread_mutex_init(&r.lock, NULL);
    rt_status status = run_prepare(cx, &r, out_index);
    if (status == RT_OK) {
        const bool ran_all =
            norms_make(&r) && pool_run(r.n_workers, (size_t)r.n_tiles, do_tile, &r,
                                       opt->progress != NULL ? tell_progress : NULL);
        status = finish(cx, &r, ran_all);
    }
    run_free(&r);
    (void)pthread_mutex_destroy(&r.lock);
    return status;
}
