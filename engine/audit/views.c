#include "audit/views.h"

#include <limits.h>
#include <string.h>

#include "base/pool.h"
#include "exec/run.h"

typedef struct bad_read { /* of one tensor */
    int errnum;           /* 0: it could be read */
    unsigned view;
    uint32_t src;
} bad_read;

typedef struct viewer {
    const views *v;
    const exec_options *opt;
    exec_options each; /* of one view */
    run runs[MAX_VIEWS];
    const tensor_job **jobs[MAX_VIEWS]; /* by tensor */
    bad_read *bad;                      /* by tensor */
    uint64_t n_bytes;
    atomic_uint_fast64_t done_bytes;
} viewer;

/* A step that fits the buffers of all. */
static uint64_t step_of(const viewer *x, size_t tensor)
{
    uint64_t n = x->jobs[0][tensor]->n_elems;
    for (unsigned k = 0; k < x->v->n; k++) {
        const uint64_t most = x->jobs[k][tensor]->tile_elems;
        n = most < n ? most : n;
    }
    return n;
}

static bool fill_all(viewer *x, unsigned worker_index, uint64_t lo, uint64_t hi,
                     view_part *seen)
{
    for (unsigned k = 0; k < x->v->n; k++) {
        worker *w = &x->runs[k].workers[worker_index];
        const int errnum =
            tile_fill(w, x->jobs[k][seen->tensor], (int64_t)lo, (int64_t)hi);
        if (errnum != 0) {
            x->bad[seen->tensor] = (bad_read){errnum, k, w->bad_src};
            return false;
        }
        seen->elems[k] = w->out;
    }
    seen->first = lo;
    seen->n = (size_t)(hi - lo);
    return true;
}

static bool look_at(void *shared, unsigned worker_index, size_t i)
{
    viewer *x = shared;
    view_part seen = {.tensor = i};
    const tensor_job *last = x->jobs[x->v->n - 1][i];
    const uint64_t n_step = step_of(x, i);
    bool more = true;
    for (uint64_t lo = 0; lo < last->n_elems && more; lo += n_step) {
        const uint64_t left = last->n_elems - lo;
        const uint64_t hi = left < n_step ? last->n_elems : lo + n_step;
        if (run_is_cancelled(&x->runs[0]) ||
            !fill_all(x, worker_index, lo, hi, &seen)) {
            return false;
        }
        more = x->v->look(x->v->who, &seen);
        atomic_fetch_add_explicit(&x->done_bytes, (hi - lo) * last->elem_bytes,
                                  memory_order_relaxed);
    }
    return true;
}

static void tell(void *shared)
{
    const viewer *x = shared;
    x->opt->progress(x->opt->who,
                     atomic_load_explicit(&x->done_bytes, memory_order_relaxed),
                     x->n_bytes);
}

/* A run wants an output: one that is only laid out. */
static rt_status prepare(context *cx, viewer *x, unsigned k)
{
    const plan *p = &x->v->plans[k];
    const size_t n = p->tensors.n;
    run *r = &x->runs[k];
    output_tensor *tensors = NEW_N(cx->arena, output_tensor, n + 1);
    size_t *index = NEW_N(cx->arena, size_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        const plan_tensor *t = &p->tensors.at[i];
        /* Two tied tensors may be compared with one: names are made distinct. */
        tensors[i] = (output_tensor){.name = arena_printf(cx->arena, "%zu", i),
                                     .dt = t->dt,
                                     .rank = (uint8_t)t->rank,
                                     .alias_of = -1};
        memcpy(tensors[i].shape, t->shape, sizeof tensors[i].shape);
        index[i] = i;
    }
    const output_options oo = {.format = FORMAT_SAFETENSORS,
                               .name = "model.safetensors"};
    output *o = NULL;
    TRY(output_plan(cx, &oo, tensors, n, &o));
    *r = (run){.plan = p, .opt = &x->each, .output = o, .tensors = tensors};
    (void)pthread_mutex_init(&r->lock, NULL);
    TRY(run_prepare(cx, r, index));
    x->jobs[k] = NEW_N(cx->arena, const tensor_job *, n + 1);
    for (size_t i = 0; i < r->n_jobs; i++) {
        x->jobs[k][r->jobs[i].plan_index] = &r->jobs[i];
    }
    return RT_OK;
}

static rt_status read_failed(context *cx, const viewer *x, const bad_read *bad)
{
    const plan_source *s = &x->v->plans[bad->view].sources.at[bad->src];
    diag_report(cx->diags, SEV_ERROR, "cannot-read", NOWHERE,
                "cannot read '%s' from '%s': %s", s->t->name,
                s->inv->files.at[s->t->file].path, strerror(bad->errnum));
    return RT_FILE;
}

/* What went wrong, the first tensor's first. */
static rt_status finish(context *cx, const viewer *x, bool ran_all)
{
    for (unsigned k = 0; k < x->v->n; k++) { /* making the norms of a plan failed */
        const failure *f = &x->runs[k].failure;
        if (f->is_set) {
            const bad_read bad = {f->errnum, k, f->src};
            return read_failed(cx, x, &bad);
        }
    }
    for (size_t i = 0; i < x->v->plans[0].tensors.n; i++) {
        if (x->bad[i].errnum != 0) {
            return read_failed(cx, x, &x->bad[i]);
        }
    }
    if (!ran_all) {
        diag_report(cx->diags, SEV_ERROR, "cancelled", NOWHERE,
                    "stopped before everything was compared");
        return RT_FILE;
    }
    return RT_OK;
}

static rt_status run_all(context *cx, viewer *x)
{
    const size_t n = x->v->plans[0].tensors.n;
    unsigned n_workers = UINT_MAX;
    bool ran_all = true;
    for (unsigned k = 0; k < x->v->n; k++) {
        TRY(prepare(cx, x, k));
        n_workers = x->runs[k].n_workers < n_workers ? x->runs[k].n_workers : n_workers;
    }
    for (size_t i = 0; i < n; i++) {
        x->n_bytes +=
            x->jobs[x->v->n - 1][i]->n_elems * x->jobs[x->v->n - 1][i]->elem_bytes;
    }
    for (unsigned k = 0; k < x->v->n && ran_all; k++) {
        ran_all = norms_make(&x->runs[k]);
    }
    ran_all = ran_all && pool_run(n_workers, n, look_at, x,
                                  x->opt->progress != NULL ? tell : NULL);
    return finish(cx, x, ran_all);
}

rt_status views_run(context *cx, const views *v, const exec_options *opt,
                    uint64_t *n_bytes)
{
    viewer x = {.v = v, .opt = opt, .each = *opt};
    x.each.memory_bytes = opt->memory_bytes / v->n;
    x.each.stats = NULL;
    x.bad = NEW_N(cx->arena, bad_read, v->plans[0].tensors.n + 1);
    const rt_status status = run_all(cx, &x);
    *n_bytes += atomic_load(&x.done_bytes);
    for (unsigned k = 0; k < v->n; k++) {
        if (x.runs[k].plan != NULL) {
            run_free(&x.runs[k]);
            (void)pthread_mutex_destroy(&x.runs[k].lock);
        }
    }
    return status;
}
