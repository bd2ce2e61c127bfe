/* Plans of random pieces against an evaluator that goes element by element: permuted
 * and interleaved dims, gaps, fills, casts, affine steps, scales and low-rank terms;
 * the same bytes for any number of threads, any kernels, any memory. */
#include "exec/strided.h"
#include "exec_fixture.h"

enum { MAX_AXES = 5 };

static dtype draw_float(void)
{
    static const dtype types[] = {DT_BF16, DT_BF16, DT_F16, DT_F32,
                                  DT_BF16, DT_F64,  DT_F16, DT_F32};
    return types[draw(8)];
}

/* ---- the evaluator -------------------------------------------------------------- */

static double source_value(const fixture *f, uint32_t src, int64_t at)
{
    const tensor_info *t = f->plan.sources.at[src].t;
    double x;
    CHECK(at >= 0 && (uint64_t)at < t->n_elems);
    cast_to_f64(&x, f->bytes.p + t->offset + (uint64_t)at * (dtype_bits(t->dt) / 8),
                t->dt, 1);
    return x;
}

static float term_value(const fixture *f, const term *t, unsigned n, const int64_t *i)
{
    int64_t a = t->a_offset, b = t->b_offset;
    for (unsigned d = 0; d < n; d++) {
        a += i[d] * t->a_stride[d];
        b += i[d] * t->b_stride[d];
    }
    float sum = 0;
    for (uint32_t k = 0; k < t->rank; k++) {
        const float x = (float)source_value(f, t->b, b + k * t->b_k);
        const float y = (float)source_value(f, t->a, a + k * t->a_k);
        sum = fmaf(x, y, sum);
    }
    return t->scale * sum;
}

static double scale_value(const fixture *f, const term *t, unsigned n, const int64_t *i)
{
    int64_t at = t->b_offset;
    for (unsigned d = 0; d < n; d++) {
        at += i[d] * t->b_stride[d];
    }
    return (double)(float)source_value(f, t->b, at);
}

static void evaluate(const fixture *f, const plan_tensor *t, const piece *p,
                     const int64_t *i, unsigned char *out, exec_stats *stats)
{
    int64_t to = p->dst_offset, from = p->src_offset;
    const unsigned width = dtype_bits(t->dt) / 8;
    for (unsigned d = 0; d < p->n; d++) {
        to += i[d] * p->dst_stride[d];
        from += i[d] * p->src_stride[d];
    }
    unsigned char *at = out + (uint64_t)to * width;
    const bool is_fill = p->src == NO_SOURCE;
    const dtype dt = is_fill ? t->dt : f->plan.sources.at[p->src].t->dt;
    if (p->n_steps == 0 && dt == t->dt) {
        unsigned char fill[CAST_MAX_BYTES];
        const char *bytes = f->bytes.p;
        if (is_fill) {
            CHECK(cast_encode(t->dt, p->fill, fill));
            memcpy(at, fill, width);
        } else {
            bytes += f->plan.sources.at[p->src].t->offset + (uint64_t)from * width;
            memcpy(at, bytes, width);
        }
        return;
    }
    const bool scaled = p->n_steps > 0 && p->steps[0].kind == STEP_SCALE;
    const bool wide = dt == DT_F64 || t->dt == DT_F64 || scaled;
    double x = is_fill ? (wide ? p->fill : (double)(float)p->fill)
                       : source_value(f, p->src, from);
    double base = x, update = 0;
    bool has_update = false;
    for (unsigned s = 0; s < p->n_steps; s++) {
        const step *st = &p->steps[s];
        if (st->kind == STEP_SCALE) {
            x *= scale_value(f, &st->t, p->n, i);
        } else if (st->kind == STEP_AFFINE && wide) {
            const double product = x * st->mul;
            x = product + st->add;
        } else if (st->kind == STEP_AFFINE) {
            const volatile float product = (float)x * (float)st->mul;
            x = (double)(product + (float)st->add);
        } else {
            const volatile float product = term_value(f, &st->t, p->n, i);
            base = has_update ? base : x;
            has_update = true;
            update += (double)product;
            x = wide ? x + (double)product : (double)((float)x + product);
        }
        x = x == x ? x : (double)f32_of_bits(CANONICAL_NAN);
    }
    cast_from_f64(at, t->dt, &x, 1);
    if (has_update) {
        double stored;
        cast_to_f64(&stored, at, t->dt, 1);
        stats->n_changed += memcmp(&stored, &base, sizeof base) != 0;
        stats->n_nonfinite += isfinite(stored) ? 0 : 1;
        if (isfinite(stored) && isfinite(base)) {
            stats->base_sq += base * base;
            stats->delta_sq += update * update;
            stats->kept_dot += (stored - base) * update;
            stats->max_change = fmax(stats->max_change, fabs(stored - base));
        }
    }
}

static void evaluate_tensor(const fixture *f, const plan_tensor *t, unsigned char *out,
                            exec_stats *stats)
{
    for (size_t k = 0; k < t->pieces.n; k++) {
        const piece *p = &t->pieces.at[k];
        int64_t i[PIECE_MAX_DIMS] = {0};
        for (int64_t n = piece_elems(p); n > 0; n--) {
            evaluate(f, t, p, i, out, stats);
            for (unsigned d = p->n; d-- > 0;) {
                if (++i[d] < p->size[d]) {
                    break;
                }
                i[d] = 0;
            }
        }
    }
}

/* ---- random plans --------------------------------------------------------------- */

typedef struct axes {
    unsigned n;
    int64_t size[MAX_AXES];
} axes;

static void draw_order(unsigned n, unsigned *order)
{
    for (unsigned i = 0; i < n; i++) {
        order[i] = i;
    }
    for (unsigned i = n; i > 1; i--) {
        const unsigned j = draw(i);
        const unsigned t = order[i - 1];
        order[i - 1] = order[j];
        order[j] = t;
    }
}

/* Strides of the axes that are `used`, in a random order, innermost stride `inner`;
 * with a further axis of size `extra` somewhere, whose stride is *extra_stride. Returns
 * the number of elements of the whole. */
static int64_t draw_strides(const axes *ax, const bool *used, bool shuffle,
                            int64_t inner, int64_t extra, int64_t *stride,
                            int64_t *extra_stride)
{
    unsigned order[MAX_AXES + 1];
    if (shuffle) {
        draw_order(ax->n + 1, order);
    } else {
        for (unsigned i = 0; i <= ax->n; i++) {
            order[i] = (i + ax->n) % (ax->n + 1); /* the extra one outermost */
        }
    }
    int64_t next = inner;
    for (unsigned i = ax->n + 1; i-- > 0;) {
        if (order[i] == ax->n) {
            *extra_stride = next;
            next *= extra;
        } else if (used == NULL || used[order[i]]) {
            stride[order[i]] = next;
            next *= ax->size[order[i]];
        } else {
            stride[order[i]] = 0;
        }
    }
    return next;
}

static step draw_term(fixture *f, const axes *ax, uint32_t max_rank)
{
    step s = {.kind = STEP_TERM};
    bool in_a[MAX_AXES], in_b[MAX_AXES];
    for (unsigned i = 0; i < ax->n; i++) {
        const unsigned d = draw(20);
        in_a[i] = d < 9 || d == 19;
        in_b[i] = (d >= 9 && d < 18) || d == 19;
    }
    s.t.rank = 1 + draw(max_rank);
    s.t.scale = (float)draw(64) / 16 - 1;
    const int64_t n_a = draw_strides(ax, in_a, draw(2) == 0, 1 + draw(8) / 7, s.t.rank,
                                     s.t.a_stride, &s.t.a_k);
    const int64_t n_b = draw_strides(ax, in_b, draw(2) == 0, 1 + draw(8) / 7, s.t.rank,
                                     s.t.b_stride, &s.t.b_k);
    s.t.a_offset = draw(5);
    s.t.b_offset = draw(5);
    s.t.a = add_source(f, draw_float(), (uint64_t)(n_a + s.t.a_offset));
    s.t.b = add_source(f, draw_float(), (uint64_t)(n_b + s.t.b_offset));
    return s;
}

/* Along an axis one scale, or one for each element; blocks are two axes. */
static step draw_scale(fixture *f, const axes *ax)
{
    static const dtype types[] = {DT_F32, DT_F32, DT_BF16, DT_F16, DT_F8_E8M0};
    step s = {.kind = STEP_SCALE, .t = {.a = NO_SOURCE}};
    bool used[MAX_AXES];
    int64_t none;
    for (unsigned i = 0; i < ax->n; i++) {
        used[i] = draw(2) == 0;
    }
    const int64_t n = draw_strides(ax, used, draw(2) == 0, 1, 1, s.t.b_stride, &none);
    s.t.b_offset = draw(5);
    s.t.b = add_source(f, types[draw(5)], (uint64_t)(n + s.t.b_offset));
    return s;
}

/* Sort by target strides and leave out dims of size 1: canonical but for fusing. */
static void tidy(piece *p, step *steps)
{
    piece q = *p;
    step old[4];
    memcpy(old, steps, p->n_steps * sizeof *steps);
    q.n = 0;
    bool done[MAX_AXES] = {false};
    for (unsigned round = 0; round < p->n; round++) {
        unsigned best = MAX_AXES;
        for (unsigned i = 0; i < p->n; i++) {
            if (!done[i] &&
                (best == MAX_AXES || p->dst_stride[i] > p->dst_stride[best])) {
                best = i;
            }
        }
        done[best] = true;
        if (p->size[best] == 1) {
            continue;
        }
        q.size[q.n] = p->size[best];
        q.dst_stride[q.n] = p->dst_stride[best];
        q.src_stride[q.n] = p->src_stride[best];
        for (unsigned s = 0; s < p->n_steps; s++) {
            steps[s].t.a_stride[q.n] = old[s].t.a_stride[best];
            steps[s].t.b_stride[q.n] = old[s].t.b_stride[best];
        }
        q.n++;
    }
    *p = q;
    p->steps = steps;
    if (p->n_steps == 0) {
        piece_canonical(p);
    }
}

typedef struct kind {
    bool cast, steps, scales;
    uint32_t max_rank;
    unsigned max_terms;
} kind;

static dtype draw_source(const kind *k, dtype to)
{
    if (k->scales && draw(2) == 0) {
        return draw(2) == 0 ? DT_F8_E4M3 : DT_F8_E5M2;
    }
    return k->cast && draw(3) > 0 ? draw_float() : to;
}

static void add_tensor(fixture *f, const axes *ax, const kind *k)
{
    arena *a = f->cx.arena;
    static const dtype any[] = {DT_U8, DT_I16, DT_BF16, DT_F32, DT_I64, DT_F8_E4M3};
    const bool computed = k->cast || k->steps || k->scales;
    const dtype dt = computed ? draw_float() : any[draw(6)];
    const int64_t n_parts = 1 + draw(3);
    plan_tensor t = {.name = arena_printf(a, "t%zu", f->plan.tensors.n),
                     .dt = dt,
                     .alias_of = -1,
                     .rank = 1};
    int64_t dst[MAX_AXES], dst_part = 0;
    const int64_t n = draw_strides(ax, NULL, draw(3) > 0, 1, n_parts, dst, &dst_part);
    t.n_elems = t.shape[0] = (uint64_t)n;
    for (int64_t part = 0; part < n_parts; part++) {
        piece p = {.n = ax->n, .dst_offset = part * dst_part, .src = NO_SOURCE};
        int64_t src_part = 0;
        memcpy(p.size, ax->size, ax->n * sizeof *p.size);
        memcpy(p.dst_stride, dst, ax->n * sizeof *dst);
        const int64_t extra = 1 + draw(2);
        const int64_t n_src = draw_strides(ax, NULL, draw(3) > 0, 1 + draw(5) / 4,
                                           extra, p.src_stride, &src_part);
        if (draw(8) > 0) {
            p.src_offset = draw((uint32_t)extra) * src_part;
            p.src = add_source(f, draw_source(k, dt), (uint64_t)n_src);
        } else {
            p.fill = draw(2) == 0 ? 0 : 1;
        }
        step *steps = NEW_N(a, step, 4);
        if (k->scales && draw(4) > 0) {
            steps[p.n_steps++] = draw_scale(f, ax);
        }
        if (k->steps && draw(4) == 0) {
            steps[p.n_steps++] = (step){.mul = 1.5, .add = 0.1};
        }
        const unsigned n_terms = k->steps ? draw(k->max_terms + 1) : 0;
        for (unsigned i = 0; i < n_terms; i++) {
            steps[p.n_steps++] = draw_term(f, ax, k->max_rank);
        }
        if (k->steps && draw(6) == 0 && n_terms == 0) {
            steps[p.n_steps++] = (step){.mul = -1, .add = 0};
        }
        tidy(&p, steps);
        vec_push(a, &t.pieces, p);
    }
    vec_push(a, &f->plan.tensors, t);
}

/* ---- all ways to run ------------------------------------------------------------ */

static bool near(double x, double y)
{
    return fabs(x - y) <= 1e-6 * fmax(fabs(x), fabs(y)) + 1e-12;
}

static void check_stats(const exec_stats *got, const exec_stats *want)
{
    CHECK_INT(got->n_changed, want->n_changed);
    CHECK_INT(got->n_nonfinite, want->n_nonfinite);
    CHECK(near(got->base_sq, want->base_sq));
    CHECK(near(got->delta_sq, want->delta_sq));
    CHECK(near(got->max_change, want->max_change));
    const double room =
        1e-6 * (want->delta_sq + sqrt(want->delta_sq * want->base_sq)) + 1e-9;
    CHECK(fabs(got->kept_dot - want->kept_dot) <= room);
}

static void run_all_ways(fixture *f)
{
    static const exec_options ways[] = {
        {.threads = 1, .kernels = "portable"},
        {.threads = 2, .kernels = "avx2", .measure_every = 1},
        {.threads = 7, .memory_bytes = 256 << 20},
        {.threads = 3, .measure_every = 1},
        {.threads = 2, .memory_bytes = 1, .measure_every = 1, .kernels = "portable"},
    };
    const size_t n = f->plan.tensors.n;
    exec_stats *want_stats = NEW_N(f->cx.arena, exec_stats, n);
    exec_stats *got_stats = NEW_N(f->cx.arena, exec_stats, n);
    exec_stats *last_stats = NULL;
    unsigned char **want = NEW_N(f->cx.arena, unsigned char *, n);
    write_source(f);
    for (size_t i = 0; i < n; i++) {
        const plan_tensor *t = &f->plan.tensors.at[i];
        want[i] = arena_alloc(f->cx.arena, t->n_elems * dtype_bits(t->dt) / 8 + 1);
        evaluate_tensor(f, t, want[i], &want_stats[i]);
    }
    for (unsigned w = 0; w < sizeof ways / sizeof *ways; w++) {
        exec_options opt = ways[w];
        opt.stats = got_stats;
        const ran r = run_plan(f, w % 2 == 0 ? FORMAT_TORCH : FORMAT_SAFETENSORS, opt);
        if (r.status == RT_USAGE) {
            output_abort(r.o); /* no such kernels here */
            continue;
        }
        CHECK_INT(r.status, RT_OK);
        for (size_t i = 0; i < n; i++) {
            check_tensor(f, &r, i, want[i]);
        }
        for (size_t i = 0; i < n && opt.measure_every == 1; i++) {
            check_stats(&got_stats[i], &want_stats[i]);
        }
        if (opt.measure_every == 1 && opt.memory_bytes == 0 && last_stats != NULL) {
            CHECK(memcmp(last_stats, got_stats, n * sizeof *got_stats) == 0);
        } else if (opt.measure_every == 1) {
            last_stats = NEW_N(f->cx.arena, exec_stats, n);
            memcpy(last_stats, got_stats, n * sizeof *got_stats);
        }
        output_abort(r.o);
    }
}

static axes draw_axes(int64_t max_elems)
{
    axes ax = {.n = 1 + draw(MAX_AXES)};
    int64_t n = 1;
    for (unsigned i = 0; i < ax.n; i++) {
        const uint32_t most = draw(4) == 0 ? 150 : 9;
        ax.size[i] = 1 + draw(most);
        if (n * ax.size[i] > max_elems) {
            ax.size[i] = 1;
        }
        n *= ax.size[i];
    }
    return ax;
}

static void test_random(const kind *k, unsigned n_plans)
{
    for (unsigned i = 0; i < n_plans; i++) {
        fixture f;
        fixture_begin(&f);
        for (unsigned t = 0; t < 6; t++) {
            const axes ax = draw_axes(4000);
            add_tensor(&f, &ax, k);
        }
        run_all_ways(&f);
        fixture_end(&f);
    }
}

/* Large enough for several tiles, parts, groups of columns and halves of rows. */
static void test_large(const kind *k, int64_t rows, int64_t cols)
{
    fixture f;
    fixture_begin(&f);
    const axes ax = {.n = 2, .size = {rows, cols}};
    add_tensor(&f, &ax, k);
    add_tensor(&f, &ax, k);
    run_all_ways(&f);
    fixture_end(&f);
}

/* A box that is one run on both sides is read to its place at once. */
static void test_squeeze(void)
{
    strided s = {
        .n = 4, .size = {3, 1, 5, 7}, .dst = {35, 9, 7, 1}, .src = {35, 8, 7, 1}};
    strided_squeeze(&s);
    CHECK_INT(s.n, 1);
    CHECK_INT(s.size[0], 105);
    CHECK(s.dst[0] == 1 && s.src[0] == 1);

    strided gap = {.n = 3, .size = {3, 5, 7}, .dst = {35, 7, 1}, .src = {40, 7, 1}};
    strided_squeeze(&gap);
    CHECK_INT(gap.n, 2);
    CHECK(gap.size[0] == 3 && gap.dst[0] == 35 && gap.src[0] == 40);
    CHECK(gap.size[1] == 35 && gap.dst[1] == 1 && gap.src[1] == 1);

    strided turned = {.n = 2, .size = {5, 7}, .dst = {7, 1}, .src = {1, 5}};
    strided_squeeze(&turned);
    CHECK_INT(turned.n, 2);
}

int main(void)
{
    test_squeeze();
    test_random(&(kind){0}, 60);
    test_random(&(kind){.cast = true}, 30);
    test_random(&(kind){.steps = true, .max_rank = 6, .max_terms = 1}, 60);
    test_random(&(kind){.cast = true, .steps = true, .max_rank = 40, .max_terms = 3},
                40);
    test_random(&(kind){.scales = true}, 30);
    test_random(
        &(kind){
            .cast = true, .steps = true, .scales = true, .max_rank = 9, .max_terms = 2},
        40);
    test_large(&(kind){0}, 1100, 2100);
    test_large(&(kind){.scales = true}, 700, 1100);
    test_large(&(kind){.steps = true, .max_rank = 3, .max_terms = 1}, 700, 1100);
    test_large(&(kind){.steps = true, .max_rank = 4, .max_terms = 1}, 20, 40000);
    test_large(&(kind){.steps = true, .max_rank = 4, .max_terms = 1}, 40000, 20);
    test_large(&(kind){.cast = true, .steps = true, .max_rank = 90, .max_terms = 2},
               130, 400);
    return CHECK_RESULT();
}
