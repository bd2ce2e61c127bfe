#include "audit/verify_fit.h"

#include <math.h>
#include <string.h>

#include "audit/views.h"
#include "exec/cast.h"

enum { VIEW_BASE, VIEW_SUM, VIEW_MERGED, VIEW_GROUP };
enum { BLOCK = 512 };

typedef struct group { /* elements of one tensor that the same update reaches */
    bool is_untouched; /* no update */
    size_t fit;        /* its number in fits */
    uint64_t first;    /* untouched: element that differs; UINT64_MAX: none */
} group;
typedef VEC(group) group_list;

struct fitter {
    context *cx;
    const job *a;
    views views;
    VEC(group_list) groups; /* by tensor */
    VEC(dtype) stored;      /* by tensor: type of the merged checkpoint */
    VEC(unsigned) rank;     /* by fit */
    VEC(verify_fit) fits;
};

/* ---- planning -------------------------------------------------------------------- */

bool fit_wants(const plan_tensor *t)
{
    for (size_t i = 0; i < t->pieces.n; i++) {
        for (unsigned s = 0; s < t->pieces.at[i].n_steps; s++) {
            if (t->pieces.at[i].steps[s].kind != STEP_AFFINE) {
                return true;
            }
        }
    }
    return false;
}

/* The tensor without what an adapter adds. */
static plan_tensor without_updates(arena *a, const plan_tensor *t)
{
    plan_tensor base = *t;
    base.pieces.at = NEW_N(a, piece, t->pieces.n);
    for (size_t i = 0; i < t->pieces.n; i++) {
        piece *p = &base.pieces.at[i];
        *p = t->pieces.at[i];
        step *steps = NEW_N(a, step, p->n_steps + 1);
        unsigned n = 0;
        for (unsigned s = 0; s < p->n_steps; s++) {
            if (p->steps[s].kind == STEP_AFFINE) {
                steps[n++] = p->steps[s];
            }
        }
        p->steps = steps;
        p->n_steps = n;
    }
    return base;
}

/* The number of the group that each element is of, as the tensor's value. */
static plan_tensor numbered(arena *a, const plan_tensor *t, const size_t *group_of)
{
    plan_tensor numbers = *t;
    numbers.pieces.at = NEW_N(a, piece, t->pieces.n);
    for (size_t i = 0; i < t->pieces.n; i++) {
        piece *p = &numbers.pieces.at[i];
        *p = t->pieces.at[i];
        p->src = NO_SOURCE;
        p->fill = (double)group_of[i];
        p->n_steps = 0;
        p->steps = NULL;
    }
    return numbers;
}

/* The line of the merge that the piece's first term is of; NULL: it has no term. */
static const job_merge_line *line_of(const fitter *f, const piece *p)
{
    for (unsigned s = 0; s < p->n_steps; s++) {
        if (p->steps[s].kind != STEP_TERM) {
            continue;
        }
        const char *left = f->a->plan.sources.at[p->steps[s].t.b].t->name;
        for (size_t i = 0; i < f->a->merged.n; i++) {
            const job_merge_line *l = &f->a->merged.at[i];
            if (l->n_factors > 0 && strcmp(l->factors[0], left) == 0) {
                return l;
            }
        }
    }
    return NULL;
}

static size_t group_for(fitter *f, group_list *groups, const job_merge_line **lines,
                        const job_merge_line *l, const char *name)
{
    for (size_t i = 0; i < groups->n; i++) {
        if (lines[i] == l) {
            return i;
        }
    }
    lines[groups->n] = l;
    const group g = {l == NULL, f->fits.n, UINT64_MAX};
    if (l != NULL) {
        vec_push(f->cx->arena, &f->fits,
                 ((verify_fit){.name = name,
                               .module = l->target,
                               .scale = l->scale,
                               .is_open = l->scale_is_open}));
        vec_push(f->cx->arena, &f->rank, l->rank);
    }
    vec_push(f->cx->arena, groups, g);
    return groups->n - 1;
}

static void add_view(fitter *f, unsigned view, plan_tensor t, dtype dt)
{
    t.dt = dt;
    t.alias_of = -1;
    vec_push(f->cx->arena, &f->views.plans[view].tensors, t);
}

void fit_add(fitter *f, const plan_tensor *planned, const plan_tensor *merged)
{
    arena *a = f->cx->arena;
    group_list groups = {0};
    size_t *group_of = NEW_N(a, size_t, planned->pieces.n);
    const job_merge_line **lines =
        NEW_N(a, const job_merge_line *, planned->pieces.n + 1);
    for (size_t i = 0; i < planned->pieces.n; i++) {
        group_of[i] = group_for(f, &groups, lines, line_of(f, &planned->pieces.at[i]),
                                merged->name);
    }
    vec_push(a, &f->groups, groups);
    vec_push(a, &f->stored, merged->dt);
    add_view(f, VIEW_BASE, without_updates(a, planned), DT_F64);
    add_view(f, VIEW_SUM, *planned, DT_F64);
    add_view(f, VIEW_MERGED, *merged, DT_F64);
    add_view(f, VIEW_GROUP, numbered(a, planned, group_of), DT_F32);
}

/* ---- looking --------------------------------------------------------------------- */

/* The distance of two neighbours of this type at x. */
static double step_at(double x, dtype dt)
{
    const int digits = dt == DT_BF16 ? 8 : dt == DT_F16 ? 11 : dt == DT_F32 ? 24 : 53;
    const int least = dt == DT_F16    ? -24
                      : dt == DT_BF16 ? -133
                      : dt == DT_F32  ? -149
                                      : -1074;
    int exponent = 0;
    (void)frexp(x, &exponent);
    return ldexp(1, exponent - digits > least ? exponent - digits : least);
}

typedef struct element {
    double base, sum, merged;
    double plain, rounded; /* the base and the sum as they would be stored */
} element;

static void add_element(fit_sums *s, const element *x, dtype dt, unsigned rank)
{
    const double d = x->sum - x->base, e = x->merged - x->sum;
    const double c = x->merged - x->base;
    if (!isfinite(x->sum) || !isfinite(x->merged)) {
        s->n_broken += isfinite(x->sum) != isfinite(x->merged) ? 1 : 0;
        return;
    }
    /* One rounding to the type; and products that were added up in f32. */
    const double u = step_at(x->merged, dt), v = ldexp(d, -24);
    s->n++;
    s->n_changed += x->merged != x->plain ? 1 : 0;
    s->cc += c * c;
    s->dd += d * d;
    s->ee += e * e;
    s->ed += e * d;
    s->od += (x->rounded - x->sum) * d;
    s->uu += u * u / 12 + rank * v * v;
}

/* What the numbers are once stored. */
static void store(double *to, const double *from, dtype dt, size_t n)
{
    double stored[BLOCK];
    cast_from_f64(stored, dt, from, n);
    cast_to_f64(to, stored, dt, n);
}

static bool look(void *who, const view_part *part)
{
    fitter *f = who;
    const group_list *groups = &f->groups.at[part->tensor];
    const dtype dt = f->stored.at[part->tensor];
    double base[BLOCK], sum[BLOCK], merged[BLOCK], plain[BLOCK], rounded[BLOCK];
    float number[BLOCK];
    for (size_t at = 0; at < part->n; at += BLOCK) {
        const size_t n = part->n - at < BLOCK ? part->n - at : BLOCK;
        memcpy(base, part->elems[VIEW_BASE] + at * sizeof *base, n * sizeof *base);
        memcpy(sum, part->elems[VIEW_SUM] + at * sizeof *sum, n * sizeof *sum);
        memcpy(merged, part->elems[VIEW_MERGED] + at * sizeof *merged,
               n * sizeof *merged);
        memcpy(number, part->elems[VIEW_GROUP] + at * sizeof *number,
               n * sizeof *number);
        store(plain, base, dt, n);
        store(rounded, sum, dt, n);
        for (size_t i = 0; i < n; i++) {
            group *g = &groups->at[(size_t)number[i]];
            const element x = {base[i], sum[i], merged[i], plain[i], rounded[i]};
            if (!g->is_untouched) {
                add_element(&f->fits.at[g->fit].sums, &x, dt, f->rank.at[g->fit]);
            } else if (memcmp(&x.merged, &x.plain, sizeof x.plain) != 0 &&
                       g->first == UINT64_MAX) {
                g->first = part->first + at + i;
            }
        }
    }
    return true;
}

/* ---- the whole ------------------------------------------------------------------- */

fitter *fitter_new(context *cx, const job *a, const plan *merged)
{
    fitter *f = NEW(cx->arena, fitter);
    *f = (fitter){.cx = cx, .a = a, .views = {.n = MAX_VIEWS, .look = look, .who = f}};
    for (unsigned k = 0; k < MAX_VIEWS; k++) {
        plan *p = &f->views.plans[k];
        const plan *of = k == VIEW_MERGED ? merged : &a->plan;
        p->sources.at = of->sources.at;
        p->sources.n = of->sources.n;
    }
    f->views.plans[VIEW_SUM].norms.at = a->plan.norms.at;
    f->views.plans[VIEW_SUM].norms.n = a->plan.norms.n;
    return f;
}

rt_status fit_run(fitter *f, const exec_options *opt, verify_result *out)
{
    const plan *merged = &f->views.plans[VIEW_MERGED];
    uint64_t n_looked = 0; /* in f64 */
    TRY(views_run(f->cx, &f->views, opt, &n_looked));
    for (size_t i = 0; i < merged->tensors.n; i++) {
        out->n_bytes +=
            merged->tensors.at[i].n_elems * (dtype_bits(f->stored.at[i]) / 8);
        for (size_t g = 0; g < f->groups.at[i].n; g++) {
            const uint64_t first = f->groups.at[i].at[g].first;
            if (first != UINT64_MAX) {
                const plan_tensor *t = &merged->tensors.at[i];
                const verify_line line = {t->name,
                                          "is changed where no update reaches it",
                                          verify_place(f->cx->arena, t, first)};
                vec_push(f->cx->arena, &out->lines, line);
            }
        }
    }
    for (size_t i = 0; i < f->fits.n; i++) {
        vec_push(f->cx->arena, &out->fits, f->fits.at[i]);
    }
    fit_judge(out);
    return RT_OK;
}
