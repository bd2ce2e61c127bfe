#include "audit/verify_fit.h"

#include <math.h>
#include <string.h>

#include "audit/views.h"

enum { VIEW_BASE, VIEW_SUM, VIEW_MERGED, VIEW_GROUP };

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
            if (step_is_update(&t->pieces.at[i].steps[s])) {
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
            if (!step_is_update(&p->steps[s])) {
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

/* The numbers of a type as a grid. */
typedef struct grid {
    int digits; /* of a number, in base 2 */
    int least;  /* exponent of the smallest step */
} grid;

static grid grid_of(dtype dt)
{
    return dt == DT_BF16  ? (grid){8, -133}
           : dt == DT_F16 ? (grid){11, -24}
           : dt == DT_F32 ? (grid){24, -149}
                          : (grid){53, -1022};
}

/* The distance of two neighbours at x, which is finite: a power of two. */
static double step_at(grid g, double x)
{
    uint64_t bits;
    double apart;
    memcpy(&bits, &x, sizeof bits);
    const int exponent = (int)(bits >> 52 & 0x7ff) - 1023 + 1 - g.digits;
    bits = (uint64_t)((exponent > g.least ? exponent : g.least) + 1023) << 52;
    memcpy(&apart, &bits, sizeof apart);
    return apart;
}

/* The nearest number of the grid (overflow aside): beside so large a number doubles
 * stand a step apart, and adding rounds to them. */
static double nearest(grid g, double x)
{
    const double far = 0x1.8p52 * step_at(g, x);
    const double sum = x + far;
    return g.digits < 53 ? sum - far : x;
}

typedef struct element {
    double base, sum, merged;
} element;

static void add_element(fit_sums *s, const element *x, grid g, unsigned rank)
{
    const double d = x->sum - x->base, e = x->merged - x->sum;
    const double c = x->merged - x->base;
    if (!isfinite(x->sum) || !isfinite(x->merged)) {
        s->n_broken += isfinite(x->sum) != isfinite(x->merged) ? 1 : 0;
        return;
    }
    /* One rounding to the type; and products that were added up in f32. */
    const double u = step_at(g, x->merged), v = 0x1p-24 * d;
    s->n++;
    s->n_changed += x->merged != nearest(g, x->base) ? 1 : 0;
    s->cc += c * c;
    s->dd += d * d;
    s->ee += e * e;
    s->ed += e * d;
    s->od += (nearest(g, x->sum) - x->sum) * d;
    s->uu += u * u / 12 + rank * v * v;
}

/* No update reaches it: is it the base's, as it would be stored? */
static bool is_kept(const element *x, grid g)
{
    return isfinite(x->base)
               ? x->merged == nearest(g, x->base)
               : x->merged == x->base || (isnan(x->merged) && isnan(x->base));
}

static bool look(void *who, const view_part *part)
{
    fitter *f = who;
    const group_list *groups = &f->groups.at[part->tensor];
    const grid stored = grid_of(f->stored.at[part->tensor]);
    for (size_t i = 0; i < part->n; i++) {
        element x;
        float number;
        memcpy(&x.base, part->elems[VIEW_BASE] + i * sizeof x.base, sizeof x.base);
        memcpy(&x.sum, part->elems[VIEW_SUM] + i * sizeof x.sum, sizeof x.sum);
        memcpy(&x.merged, part->elems[VIEW_MERGED] + i * sizeof x.merged,
               sizeof x.merged);
        memcpy(&number, part->elems[VIEW_GROUP] + i * sizeof number, sizeof number);
        group *g = &groups->at[(size_t)number];
        if (!g->is_untouched) {
            add_element(&f->fits.at[g->fit].sums, &x, stored, f->rank.at[g->fit]);
        } else if (g->first == UINT64_MAX && !is_kept(&x, stored)) {
            g->first = part->first + i;
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
