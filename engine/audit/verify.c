#include "audit/verify.h"

#include <string.h>

#include "audit/show.h"
#include "base/pool.h"
#include "exec/cast.h"
#include "exec/run.h"

/* ---- what there is on both sides
 * ------------------------------------------------------ */

typedef struct pair {
    uint64_t first; /* element that differs; UINT64_MAX: none */
    int errnum;     /* reading failed */
    uint32_t bad_src;
    bool bad_in_a;
} pair;

typedef struct verifier {
    context *cx;
    const job *a;
    const checkpoint *b;
    verify_result *out;
    plan plans[2]; /* the pairs' tensors, of A and of B */
    VEC(pair) pairs;
    run runs[2];
    const exec_options *opt;
    uint64_t n_bytes;
    atomic_uint_fast64_t done_bytes;
} verifier;

static void say(verifier *v, const char *name, const char *what)
{
    vec_push(v->cx->arena, &v->out->lines, ((verify_line){name, what, NULL}));
}

static bool same_shape(const plan_tensor *t, const plan_tensor *u)
{
    return t->rank == u->rank &&
           memcmp(t->shape, u->shape, t->rank * sizeof t->shape[0]) == 0;
}

/* Is the name one that a rule lets the layout leave out? */
static const account_tie *tie_of(const job *a, const char *name)
{
    for (size_t s = 0; s < a->steps.n; s++) {
        const account *acc = a->steps.at[s].acc;
        for (size_t i = 0; acc != NULL && i < acc->ties.n; i++) {
            if (strcmp(acc->ties.at[i].name, name) == 0) {
                return &acc->ties.at[i];
            }
        }
    }
    return NULL;
}

/* Can t be computed in another dtype? */
static bool can_cast(const verifier *v, const plan_tensor *t, dtype to)
{
    bool can = cast_can_write(to) && cast_can_read(t->dt);
    for (size_t i = 0; i < t->pieces.n && can; i++) {
        const uint32_t src = t->pieces.at[i].src;
        can = src == NO_SOURCE || cast_can_read(v->a->plan.sources.at[src].t->dt);
    }
    return can;
}

static void count_cast(verifier *v, dtype from, dtype to)
{
    verify_cast *c = v->out->casts.at;
    for (size_t i = 0; i < v->out->casts.n; i++, c++) {
        if (c->from == from && c->to == to) {
            c->n++;
            return;
        }
    }
    vec_push(v->cx->arena, &v->out->casts, ((verify_cast){from, to, 1}));
}

/* Values of another dtype are compared as they would be written in B's. */
static void add_pair(verifier *v, const plan_tensor *t, const plan_tensor *u)
{
    arena *a = v->cx->arena;
    if (t->dt != u->dt && !can_cast(v, t, u->dt)) {
        say(v, t->name,
            arena_printf(a, "is %s here and %s there", show_dtype(a, t->dt),
                         show_dtype(a, u->dt)));
    } else if (!same_shape(t, u)) {
        say(v, t->name,
            arena_printf(a, "has the shape %s here and %s there",
                         show_shape(a, t->shape, t->rank),
                         show_shape(a, u->shape, u->rank)));
    } else if (t->n_elems == 0) {
        v->out->n_equal++;
    } else {
        plan_tensor own = *t;
        own.alias_of = -1;
        own.dt = u->dt;
        if (t->dt != u->dt) {
            count_cast(v, t->dt, u->dt);
        }
        vec_push(a, &v->plans[0].tensors, own);
        vec_push(a, &v->plans[1].tensors, *u);
        vec_push(a, &v->pairs, ((pair){.first = UINT64_MAX}));
    }
}

static const plan_tensor *planned(const job *a, const char *name)
{
    for (size_t i = 0; i < a->plan.tensors.n; i++) {
        if (strcmp(a->plan.tensors.at[i].name, name) == 0) {
            return &a->plan.tensors.at[i];
        }
    }
    return NULL;
}

/* B has a tensor that A's plan leaves out as tied: it must be the other one. */
static bool only_in_b(verifier *v, const plan_tensor *u)
{
    const account_tie *tie = tie_of(v->a, u->name);
    const plan_tensor *t = tie == NULL ? NULL : planned(v->a, tie->to_name);
    if (t != NULL && tie->leave_out) {
        add_pair(v, t, u);
        return true;
    }
    return false;
}

static void match(verifier *v, const stage *b)
{
    arena *a = v->cx->arena;
    strmap *seen = strmap_new(a);
    for (size_t i = 0; i < v->a->plan.tensors.n; i++) {
        const plan_tensor *t = &v->a->plan.tensors.at[i];
        const plan_tensor *u = stage_find(b, t->name);
        const account_tie *tie = u == NULL ? tie_of(v->a, t->name) : NULL;
        (void)strmap_add(seen, t->name, 1);
        if (u == NULL && tie != NULL) {
            u = stage_find(b, tie->to_name); /* B ties what A stores */
        }
        if (u == NULL) {
            say(v, t->name, "is only in the first");
        } else {
            add_pair(v, t, u);
        }
    }
    for (size_t i = 0; i < b->tensors.n; i++) {
        const plan_tensor *u = &b->tensors.at[i];
        if (!strmap_has(seen, u->name) && !only_in_b(v, u)) {
            say(v, u->name, "is only in the second");
        }
    }
}

/* ---- streaming
 * ------------------------------------------------------------------------ */

static int fill(worker *w, const tensor_job *x, uint64_t lo, uint64_t hi)
{
    return tile_fill(w, x, (int64_t)lo, (int64_t)hi);
}

/* A step that fits the buffers of both. */
static uint64_t step_of(const tensor_job *x, const tensor_job *y)
{
    const uint64_t n = x->tile_elems < y->tile_elems ? x->tile_elems : y->tile_elems;
    return n < x->n_elems ? n : x->n_elems;
}

static bool compare_pair(void *shared, unsigned worker_index, size_t i)
{
    verifier *v = shared;
    const tensor_job *x = &v->runs[0].jobs[i], *y = &v->runs[1].jobs[i];
    worker *wx = &v->runs[0].workers[worker_index],
           *wy = &v->runs[1].workers[worker_index];
    pair *p = &v->pairs.at[x->plan_index];
    const uint64_t n_step = step_of(x, y);
    for (uint64_t lo = 0; lo < x->n_elems && p->first == UINT64_MAX; lo += n_step) {
        const uint64_t hi = x->n_elems - lo < n_step ? x->n_elems : lo + n_step;
        if (v->opt->cancel != NULL && *v->opt->cancel != 0) {
            return false;
        }
        const int in_a = fill(wx, x, lo, hi);
        const int in_b = in_a != 0 ? 0 : fill(wy, y, lo, hi);
        if (in_a != 0 || in_b != 0) {
            p->errnum = in_a != 0 ? in_a : in_b;
            p->bad_in_a = in_a != 0;
            p->bad_src = in_a != 0 ? wx->bad_src : wy->bad_src;
            return false;
        }
        const size_t n_bytes = (size_t)(hi - lo) * x->elem_bytes;
        if (memcmp(wx->out, wy->out, n_bytes) != 0) {
            size_t at = 0;
            while (wx->out[at] == wy->out[at]) {
                at++;
            }
            p->first = lo + at / x->elem_bytes;
        }
        atomic_fetch_add_explicit(&v->done_bytes, n_bytes, memory_order_relaxed);
    }
    return true;
}

static void tell(void *shared)
{
    verifier *v = shared;
    v->opt->progress(v->opt->who,
                     atomic_load_explicit(&v->done_bytes, memory_order_relaxed),
                     v->n_bytes);
}

/* Both runs get one list of output tensors, in one order, so job i is job i. */
static rt_status prepare(verifier *v)
{
    context *cx = v->cx;
    const size_t n = v->plans[0].tensors.n;
    output_tensor *tensors = NEW_N(cx->arena, output_tensor, n + 1);
    size_t *index = NEW_N(cx->arena, size_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        const plan_tensor *t = &v->plans[0].tensors.at[i];
        /* Two tied tensors may be compared with one: names are made distinct. */
        tensors[i] = (output_tensor){.name = arena_printf(cx->arena, "%zu", i),
                                     .dt = t->dt,
                                     .rank = (uint8_t)t->rank,
                                     .alias_of = -1};
        memcpy(tensors[i].shape, t->shape, sizeof tensors[i].shape);
        index[i] = i;
        v->n_bytes += plan_tensor_bytes(t);
    }
    const output_options oo = {.format = FORMAT_SAFETENSORS,
                               .name = "model.safetensors"};
    output *o = NULL;
    TRY(output_plan(cx, &oo, tensors, n, &o));
    for (unsigned k = 0; k < 2; k++) {
        v->runs[k] =
            (run){.plan = &v->plans[k], .opt = v->opt, .output = o, .tensors = tensors};
        TRY(run_prepare(cx, &v->runs[k], index));
    }
    return RT_OK;
}

static rt_status read_failed(verifier *v, const pair *p)
{
    const plan_source *s = &v->plans[p->bad_in_a ? 0 : 1].sources.at[p->bad_src];
    diag_report(v->cx->diags, SEV_ERROR, "cannot-read", NOWHERE,
                "cannot read '%s' from '%s': %s", s->t->name,
                s->inv->files.at[s->t->file].path, strerror(p->errnum));
    return RT_FILE;
}

static const char *place_text(arena *a, const plan_tensor *t, uint64_t at)
{
    uint64_t index[RT_MAX_RANK];
    for (unsigned i = t->rank; i-- > 0;) {
        index[i] = at % t->shape[i];
        at /= t->shape[i];
    }
    return show_shape(a, index, t->rank);
}

static rt_status collect(verifier *v, bool ran_all)
{
    for (size_t i = 0; i < v->pairs.n; i++) {
        const pair *p = &v->pairs.at[i];
        const plan_tensor *t = &v->plans[0].tensors.at[i];
        if (p->errnum != 0) {
            return read_failed(v, p);
        }
        if (p->first == UINT64_MAX) {
            v->out->n_equal++;
        } else {
            const verify_line line = {v->plans[1].tensors.at[i].name, "differs",
                                      place_text(v->cx->arena, t, p->first)};
            vec_push(v->cx->arena, &v->out->lines, line);
        }
    }
    v->out->n_bytes = atomic_load(&v->done_bytes);
    if (!ran_all) {
        diag_report(v->cx->diags, SEV_ERROR, "cancelled", NOWHERE,
                    "stopped before everything was compared");
        return RT_FILE;
    }
    return RT_OK;
}

static void warn_of_casts(verifier *v)
{
    arena *a = v->cx->arena;
    for (size_t i = 0; i < v->out->casts.n; i++) {
        const verify_cast *c = &v->out->casts.at[i];
        const bool rounds = !dtype_holds(c->to, c->from);
        diag_report(
            v->cx->diags, SEV_WARNING, "dtypes-differ", NOWHERE,
            "%s: %s in the first, %s in the second; compared after %s the first",
            show_count(a, c->n, "tensor"), show_dtype(a, c->from), show_dtype(a, c->to),
            rounds ? "rounding" : "widening");
    }
}

rt_status verify_run(context *cx, const job *a, const checkpoint *b,
                     const exec_options *opt, verify_result *out)
{
    *out = (verify_result){0};
    verifier v = {.cx = cx, .a = a, .b = b, .out = out, .opt = opt};
    v.plans[0].sources.at = a->plan.sources.at;
    v.plans[0].sources.n = a->plan.sources.n;
    const stage *there = stage_of_inventory(cx, &v.plans[1], b->inv);
    match(&v, there);
    warn_of_casts(&v);
    rt_status status = prepare(&v);
    if (status == RT_OK) {
        const unsigned n[2] = {v.runs[0].n_workers, v.runs[1].n_workers};
        const bool ran_all =
            pool_run(n[0] < n[1] ? n[0] : n[1], v.runs[0].n_jobs, compare_pair, &v,
                     opt->progress != NULL ? tell : NULL);
        status = collect(&v, ran_all);
    }
    run_free(&v.runs[0]);
    run_free(&v.runs[1]);
    return status;
}
