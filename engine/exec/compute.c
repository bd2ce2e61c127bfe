/* exec/compute.c -- pieces with a cast or with steps.
 *
 * The usual merge, one term on a base of the target's type, is done in place: the base
 * is read into the tile and updated there.  Everything else is cut into parts that stay
 * in a core's cache; of each the products of all terms are made first, then one pass
 * widens the base, runs the steps, rounds once and measures, a block at a time.
 */
#include <math.h>

#include "exec/cast.h"
#include "exec/round.h"
#include "exec/run.h"
#include "exec/widen.h"

enum { BLOCK = 2048 }; /* elements of the pass: its buffers stay in the first cache */

static unsigned count_operands(const piece *p)
{
    unsigned n = 0;
    for (unsigned i = 0; i < p->n_steps; i++) {
        n += step_has_operand(&p->steps[i]) ? 1 : 0;
    }
    return n;
}

static bool has_step(const piece *p, step_kind kind)
{
    bool found = false;
    for (unsigned i = 0; i < p->n_steps; i++) {
        found = found || p->steps[i].kind == kind;
    }
    return found;
}

static bool is_in_place(const worker *w, const tensor_job *job, const piece *p,
                        dtype from)
{
    const bool is_plain = p->n_steps == 1 && p->steps[0].kind == STEP_TERM;
    const bool is_dense = p->n == 0 || p->dst_stride[p->n - 1] == 1;
    return w->run->plan->round == ROUND_NEAREST && is_plain && is_dense &&
           !w->is_measured && from == job->dt && job->dt != DT_F64;
}

static int in_place(worker *w, const tensor_job *job, const piece *p, unsigned char *at)
{
    strided s = {.n = p->n};
    term_target to = {.at = at, .elem_bytes = job->elem_bytes};
    part whole = {.p = p};
    for (unsigned i = 0; i < p->n; i++) {
        s.size[i] = whole.size[i] = p->size[i];
        s.dst[i] = to.stride[i] = p->dst_stride[i];
        s.src[i] = p->src_stride[i];
    }
    const gather_from from = source_of(w, p->src);
    const uint64_t base = w->run->plan->sources.at[p->src].t->offset;
    const int errnum =
        gather(&from, &s, base + (uint64_t)p->src_offset * from.elem_bytes, at);
    if (errnum != 0) {
        w->bad_src = p->src;
        return errnum;
    }
    const kernels *k = w->run->kernels;
    to.kernel = job->dt == DT_BF16  ? k->lowrank_bf16
                : job->dt == DT_F16 ? k->lowrank_f16
                                    : k->lowrank_f32;
    return term_apply(w, &whole, &p->steps[0].t, &to);
}

/* ---- parts ---------------------------------------------------------------------- */

typedef struct pass {
    worker *w;
    const tensor_job *job;
    const piece *p;
    const part *box;
    dtype from;         /* of the base */
    const void *base;   /* dense; NULL: the piece's fill */
    unsigned char *out; /* dense, of the target's type */
    size_t n;
    unsigned n_terms;
} pass;

/* The type of a term's operands: that of its sums, where every operation rounds. */
static dtype step_type(const run *r, const step *s)
{
    return r->plan->round == ROUND_STEPWISE && s->kind == STEP_TERM
               ? r->plan->sources.at[s->t.b].t->dt
               : DT_UNKNOWN;
}

/* Where these strides have element `at` of the part, in the order of its dims. */
static uint64_t element_of(const pass *x, size_t at, int64_t offset,
                           const int64_t *stride)
{
    int64_t place = part_at(x->box, offset, stride);
    int64_t rest = (int64_t)at;
    for (unsigned i = x->p->n; i-- > 0;) {
        place += rest % x->box->size[i] * stride[i];
        rest /= x->box->size[i];
    }
    return (uint64_t)place;
}

/* Leave each value to chance between its two neighbours; narrowing it is exact then. */
static void round_all_by_chance(const pass *x, double *v, size_t at, size_t n)
{
    const run *r = x->w->run;
    const piece *p = x->p;
    const bool is_made = p->src == NO_SOURCE;
    const char *name = is_made ? x->job->t->name : r->plan->sources.at[p->src].t->name;
    const uint64_t base = round_base(r->plan->seed, name);
    for (size_t i = 0; i < n; i++) {
        const uint64_t element =
            is_made ? element_of(x, at + i, p->dst_offset, p->dst_stride)
                    : element_of(x, at + i, p->src_offset, p->src_stride);
        v[i] = round_by_chance(v[i], x->job->dt, round_key(base, element));
    }
}

static void dither_f32(const pass *x, float *v, size_t at, size_t n)
{
    double wide[BLOCK];
    if (x->w->run->plan->round != ROUND_STOCHASTIC || x->job->dt == DT_F32) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        wide[i] = (double)v[i];
    }
    round_all_by_chance(x, wide, at, n);
    for (size_t i = 0; i < n; i++) {
        v[i] = (float)wide[i];
    }
}

static void dither_f64(const pass *x, double *v, size_t at, size_t n)
{
    if (x->w->run->plan->round == ROUND_STOCHASTIC) {
        round_all_by_chance(x, v, at, n);
    }
}

static void run_steps_f32(const pass *x, float *v, size_t at, size_t n)
{
    const kernels *k = x->w->run->kernels;
    unsigned n_terms = 0;
    for (unsigned i = 0; i < x->p->n_steps; i++) {
        const step *s = &x->p->steps[i];
        if (s->kind == STEP_TERM) {
            const float *delta = x->w->delta + n_terms++ * x->n;
            const dtype dt = step_type(x->w->run, s);
            round_through(k, v, dt, n);
            k->add(v, delta + at, n);
            round_through(k, v, dt, n);
            continue;
        }
        if (s->kind == STEP_NORM) {
            const float *gain = x->w->delta + n_terms++ * x->n + at;
            for (size_t j = 0; j < n; j++) {
                v[j] = f32_settled(v[j] * gain[j]);
            }
            continue;
        }
        const float mul = (float)s->mul;
        const float add = (float)s->add;
        for (size_t j = 0; j < n; j++) {
            const float product = v[j] * mul;
            v[j] = f32_settled(product + add);
        }
    }
}

/* The whole update in f32, and the value that it met: the steps before the first term
 * belong to the base.  With a norm the update is what became of the base: `sum`, before
 * it was rounded. */
static void measure_f32(const pass *x, float *base, const float *sum,
                        const float *stored, size_t at, size_t n)
{
    float update[BLOCK];
    piece before = *x->p;
    before.n_steps = 0;
    while (x->p->steps[before.n_steps].kind == STEP_AFFINE) {
        before.n_steps++;
    }
    pass first = *x;
    first.p = &before;
    run_steps_f32(&first, base, at, n);
    memcpy(update, x->w->delta + at, n * sizeof *update);
    for (unsigned t = 1; t < x->n_terms && !has_step(x->p, STEP_NORM); t++) {
        x->w->run->kernels->add(update, x->w->delta + t * x->n + at, n);
    }
    for (size_t j = 0; j < n && has_step(x->p, STEP_NORM); j++) {
        update[j] = sum[j] - base[j];
    }
    x->w->run->kernels->measure(&x->w->sums, base, update, stored, n);
}

static void pass_f32(const pass *x, size_t at, size_t n)
{
    const kernels *k = x->w->run->kernels;
    float v[BLOCK], base[BLOCK], sum[BLOCK];
    unsigned char *out = x->out + at * x->job->elem_bytes;
    if (x->base != NULL) {
        const unsigned char *from = x->base;
        widen_f32(k, v, from + at * (dtype_bits(x->from) / 8), x->from, n);
    } else {
        for (size_t i = 0; i < n; i++) {
            v[i] = (float)x->p->fill;
        }
    }
    if (!x->w->is_measured || x->n_terms == 0) {
        run_steps_f32(x, v, at, n);
        dither_f32(x, v, at, n);
        narrow_f32(k, out, x->job->dt, v, n);
        return;
    }
    memcpy(base, v, n * sizeof *base);
    run_steps_f32(x, v, at, n);
    memcpy(sum, v, n * sizeof *sum);
    dither_f32(x, v, at, n);
    narrow_f32(k, out, x->job->dt, v, n);
    widen_f32(k, v, out, x->job->dt, n);
    measure_f32(x, base, sum, v, at, n);
}

/* The sum of the terms of one element. */
static double update_of(const pass *x, size_t at)
{
    const float *delta = x->w->delta + at;
    double d = 0;
    for (unsigned i = 0; i < x->p->n_steps; i++) {
        const step *s = &x->p->steps[i];
        d += s->kind == STEP_TERM ? (double)*delta : 0;
        delta += step_has_operand(s) ? x->n : 0;
    }
    return d;
}

static void measure_f64(const pass *x, const double *base, const double *stored,
                        size_t at, size_t n)
{
    measure *m = &x->w->sums;
    const bool has_norm = has_step(x->p, STEP_NORM);
    for (size_t i = 0; i < n; i++) {
        const double change = stored[i] - base[i];
        const double d = has_norm ? change : update_of(x, at + i);
        m->n_nonfinite += isfinite(stored[i]) ? 0 : 1;
        m->n_changed += memcmp(&stored[i], &base[i], sizeof *base) != 0 ? 1 : 0;
        if (!isfinite(base[i]) || !isfinite(stored[i])) {
            continue;
        }
        m->base_sq[i % LANES] += base[i] * base[i];
        m->delta_sq[i % LANES] += d * d;
        m->kept_dot[i % LANES] += change * d;
        m->max_change = fmaxf(m->max_change, (float)fabs(change));
    }
}

static void pass_f64(const pass *x, size_t at, size_t n)
{
    double v[BLOCK], base[BLOCK];
    unsigned char *out = x->out + at * x->job->elem_bytes;
    if (x->base != NULL) {
        const unsigned char *from = x->base;
        cast_to_f64(v, from + at * (dtype_bits(x->from) / 8), x->from, n);
    } else {
        for (size_t i = 0; i < n; i++) {
            v[i] = x->p->fill;
        }
    }
    bool is_updated = false;
    const float *delta = x->w->delta + at;
    for (unsigned i = 0; i < x->p->n_steps; i++) {
        const step *s = &x->p->steps[i];
        if (step_is_update(s) && !is_updated) {
            memcpy(base, v, n * sizeof *base);
            is_updated = true;
        }
        const bool adds = s->kind == STEP_TERM;
        for (size_t j = 0; j < n && step_has_operand(s); j++) {
            v[j] =
                f64_settled(adds ? v[j] + (double)delta[j] : v[j] * (double)delta[j]);
        }
        for (size_t j = 0; j < n && !step_has_operand(s); j++) {
            const double product = v[j] * s->mul;
            v[j] = f64_settled(product + s->add);
        }
        delta += step_has_operand(s) ? x->n : 0;
    }
    dither_f64(x, v, at, n);
    cast_from_f64(out, x->job->dt, v, n);
    if (x->w->is_measured && is_updated) {
        cast_to_f64(v, out, x->job->dt, n);
        measure_f64(x, base, v, at, n);
    }
}

/* The gain of each element of the part. */
static void spread_gains(worker *w, const part *box, const term *t,
                         const int64_t *dense, float *to)
{
    strided s = {.n = box->p->n};
    memcpy(s.size, box->size, sizeof s.size);
    memcpy(s.dst, dense, sizeof s.dst);
    memcpy(s.src, t->b_stride, sizeof s.src);
    const float *gain = w->run->norms[t->b].gain;
    strided_copy(&s, sizeof *to, to, gain + part_at(box, t->b_offset, t->b_stride));
}

/* The scale of each element of the part: those that there are, read and spread. */
static int spread_scales(worker *w, const part *box, const term *t,
                         const int64_t *dense, float *to)
{
    strided few = {.n = box->p->n}, all = {.n = box->p->n};
    int64_t n = 1;
    for (unsigned i = box->p->n; i-- > 0;) {
        const bool varies = t->b_stride[i] != 0;
        few.size[i] = varies ? box->size[i] : 1;
        few.src[i] = t->b_stride[i];
        few.dst[i] = n;
        all.size[i] = box->size[i];
        all.dst[i] = dense[i];
        all.src[i] = varies ? n : 0;
        n *= few.size[i];
    }
    const gather_from from = source_of(w, t->b);
    const tensor_info *scale = w->run->plan->sources.at[t->b].t;
    const int64_t first = part_at(box, t->b_offset, t->b_stride);
    const int errnum = gather(
        &from, &few, scale->offset + (uint64_t)first * from.elem_bytes, w->native);
    if (errnum != 0) {
        w->bad_src = t->b;
        return errnum;
    }
    void *read = w->cooked;
    widen_f32(w->run->kernels, read, w->native, scale->dt, (size_t)n);
    strided_copy(&all, sizeof *to, to, read);
    return 0;
}

/* What the steps of the part need of each element, one step after another in w->delta:
 * products of terms, gains, scales. */
static int make_deltas(worker *w, const part *box, int64_t n, const int64_t *dense)
{
    unsigned n_deltas = 0;
    for (unsigned i = 0; i < box->p->n_steps; i++) {
        const step *s = &box->p->steps[i];
        if (!step_has_operand(s)) {
            continue;
        }
        float *delta = w->delta + (size_t)n_deltas++ * (size_t)n;
        if (s->kind == STEP_SCALE) {
            const int bad = spread_scales(w, box, &s->t, dense, delta);
            if (bad != 0) {
                return bad;
            }
            continue;
        }
        if (s->kind == STEP_NORM) {
            spread_gains(w, box, &s->t, dense, delta);
            continue;
        }
        term_target to = {.kernel = w->run->kernels->lowrank_product,
                          .at = (unsigned char *)delta,
                          .elem_bytes = sizeof *delta};
        memcpy(to.stride, dense, sizeof to.stride);
        const dtype dt = step_type(w->run, s);
        term t = s->t;
        t.scale = dt != DT_UNKNOWN ? 1 : t.scale;
        const int errnum = term_apply(w, box, &t, &to);
        if (errnum != 0) {
            return errnum;
        }
        if (dt != DT_UNKNOWN) {
            round_through(w->run->kernels, delta, dt, (size_t)n);
            for (int64_t j = 0; j < n; j++) {
                delta[j] = f32_settled(delta[j] * s->t.scale);
            }
            round_through(w->run->kernels, delta, dt, (size_t)n);
        }
    }
    return 0;
}

static int read_base(worker *w, const part *box, const int64_t *dense)
{
    const piece *p = box->p;
    strided s = {.n = p->n};
    memcpy(s.size, box->size, sizeof s.size);
    memcpy(s.dst, dense, sizeof s.dst);
    memcpy(s.src, p->src_stride, sizeof s.src);
    const gather_from from = source_of(w, p->src);
    const int64_t first = part_at(box, p->src_offset, p->src_stride);
    const uint64_t base = w->run->plan->sources.at[p->src].t->offset;
    w->bad_src = p->src;
    return gather(&from, &s, base + (uint64_t)first * from.elem_bytes, w->native);
}

static int compute_part(worker *w, const tensor_job *job, const part *box, int64_t n,
                        unsigned char *to, int64_t lo)
{
    const piece *p = box->p;
    int64_t dense[PIECE_MAX_DIMS] = {0};
    strided_dense(p->n, box->size, dense);
    pass x = {.w = w, .job = job, .p = p, .box = box, .from = job->dt, .n = (size_t)n};
    x.n_terms = count_operands(p);
    int errnum = make_deltas(w, box, n, dense);
    if (errnum == 0 && p->src != NO_SOURCE) {
        x.from = w->run->plan->sources.at[p->src].t->dt;
        x.base = w->native;
        errnum = read_base(w, box, dense);
    }
    if (errnum != 0) {
        return errnum;
    }
    strided s = {.n = p->n};
    bool is_dense = true;
    for (unsigned i = 0; i < p->n; i++) {
        s.size[i] = box->size[i];
        s.dst[i] = p->dst_stride[i];
        s.src[i] = dense[i];
        is_dense = is_dense && (s.size[i] == 1 || s.dst[i] == s.src[i]);
    }
    const int64_t first = part_at(box, p->dst_offset, p->dst_stride) - lo;
    unsigned char *place = to + (uint64_t)first * job->elem_bytes;
    x.out = is_dense ? place : w->cooked;
    const bool is_wide =
        x.from == DT_F64 || job->dt == DT_F64 || has_step(p, STEP_SCALE);
    for (size_t at = 0; at < x.n; at += BLOCK) {
        const size_t count = x.n - at < BLOCK ? x.n - at : BLOCK;
        if (is_wide) {
            pass_f64(&x, at, count);
        } else {
            pass_f32(&x, at, count);
        }
    }
    if (!is_dense) {
        strided_copy(&s, job->elem_bytes, place, w->cooked);
    }
    return 0;
}

/* Halve along the outermost dim until a part fits into the buffers. */
static int compute_parts(worker *w, const tensor_job *job, const part *box,
                         int64_t limit, unsigned char *to, int64_t lo)
{
    int64_t n = 1;
    unsigned outermost = 0;
    for (unsigned i = box->p->n; i-- > 0;) {
        n *= box->size[i];
        outermost = box->size[i] > 1 ? i : outermost;
    }
    if (n <= limit) {
        return compute_part(w, job, box, n, to, lo);
    }
    part half = *box;
    half.size[outermost] /= 2;
    const int errnum = compute_parts(w, job, &half, limit, to, lo);
    if (errnum != 0) {
        return errnum;
    }
    half.from[outermost] += half.size[outermost];
    half.size[outermost] = box->size[outermost] - half.size[outermost];
    return compute_parts(w, job, &half, limit, to, lo);
}

int piece_compute(worker *w, const tensor_job *job, const piece *p, unsigned char *to,
                  int64_t lo)
{
    const dtype from =
        p->src == NO_SOURCE ? DT_UNKNOWN : w->run->plan->sources.at[p->src].t->dt;
    if (is_in_place(w, job, p, from)) {
        return in_place(w, job, p,
                        to + (uint64_t)(p->dst_offset - lo) * job->elem_bytes);
    }
    const unsigned n_deltas = count_operands(p);
    const int64_t for_deltas = n_deltas > 0 ? DELTA_FLOATS / n_deltas : DENSE_ELEMS;
    part whole = {.p = p};
    memcpy(whole.size, p->size, sizeof whole.size);
    return compute_parts(w, job, &whole,
                         for_deltas < DENSE_ELEMS ? for_deltas : DENSE_ELEMS, to, lo);
}
