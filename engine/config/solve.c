/* Sizes from shapes: each dimension of a tensor is an equation over prime axes.
 *
 * Equations with one unknown axis, in which it is linear, are solved until nothing new
 * comes out; then all are verified.  Tensors that say the same are one equation.
 */
#include <string.h>

#include "base/near.h"
#include "config/learned.h"

/* ---- learning ---------------------------------------------------------------- */

typedef VEC(axis_term) term_list;

/* Every product of a term of x with a term of y. */
static term_list multiply(arena *a, const term_list *x, const term_list *y)
{
    term_list out = {0};
    for (size_t i = 0; i < x->n; i++) {
        for (size_t k = 0; k < y->n; k++) {
            axis_term t = {0};
            for (size_t j = 0; j < x->at[i].axes.n; j++) {
                vec_push(a, &t.axes, x->at[i].axes.at[j]);
            }
            for (size_t j = 0; j < y->at[k].axes.n; j++) {
                vec_push(a, &t.axes, y->at[k].axes.at[j]);
            }
            vec_push(a, &out, t);
        }
    }
    return out;
}

static term_list dim_terms(arena *a, const map_dim *d, const bool *part_on)
{
    term_list out = {0};
    axis_term one = {0};
    if (d->kind == DIM_SUM) {
        for (size_t i = 0; i < d->parts.n; i++) {
            const map_part *p = &d->parts.at[i];
            if (part_on != NULL && !part_on[p->id]) {
                continue;
            }
            const term_list body = dim_terms(a, p->body, part_on);
            for (size_t k = 0; k < body.n; k++) {
                vec_push(a, &out, body.at[k]);
            }
        }
        return out;
    }
    if (d->kind == DIM_AXIS) {
        vec_push(a, &one.axes, d->axis);
    }
    vec_push(a, &out, one);
    for (size_t i = 0; d->kind == DIM_PRODUCT && i < d->kids.n; i++) {
        const term_list kid = dim_terms(a, d->kids.at[i], part_on);
        out = multiply(a, &out, &kid);
    }
    return out;
}

static const char *shape_text(arena *a, const uint64_t *shape, unsigned rank)
{
    buf b = {.arena = a};
    for (unsigned i = 0; i < rank; i++) {
        buf_printf(&b, "%s%llu", i == 0 ? "" : " ", (unsigned long long)shape[i]);
    }
    return arena_printf(a, "[%s]", buf_str(&b));
}

static void learn_misfit(context *cx, values *v, const map_tensor *t, const char *name,
                         const char *shape)
{
    values_learned *l = v->learned;
    for (size_t i = 0; i < l->misfits.n; i++) {
        if (l->misfits.at[i].tensor == t &&
            strcmp(l->misfits.at[i].shape, shape) == 0) {
            vec_push(cx->arena, &l->misfits.at[i].names, name);
            return;
        }
    }
    misfit m = {.tensor = t, .shape = shape};
    vec_push(cx->arena, &m.names, name);
    vec_push(cx->arena, &l->misfits, m);
}

static void learn_dim(context *cx, values *v, const map_dim *d, unsigned index,
                      const char *name, uint64_t size, const bool *part_on)
{
    arena *a = cx->arena;
    values_learned *l = v->learned;
    const term_list terms = dim_terms(a, d, part_on);
    buf key = {.arena = a};
    uint64_t at = 0;
    buf_printf(&key, "%p=%llu", (const void *)d, (unsigned long long)size);
    for (size_t i = 0; i < terms.n; i++) {
        buf_add(&key, "+");
        for (size_t k = 0; k < terms.at[i].axes.n; k++) {
            buf_printf(&key, "*%u", terms.at[i].axes.at[k]);
        }
    }
    if (strmap_get(l->equation_by_key, buf_str(&key), &at)) {
        vec_push(a, &l->equations.at[at].names, name);
        return;
    }
    size_equation eq = {.dim = d, .index = index, .size = size};
    for (size_t i = 0; i < terms.n; i++) {
        vec_push(a, &eq.terms, terms.at[i]);
    }
    vec_push(a, &eq.names, name);
    strmap_add(l->equation_by_key, buf_str(&key), l->equations.n);
    vec_push(a, &l->equations, eq);
}

void values_learn(context *cx, values *v, const map_tensor *t, const char *name,
                  const uint64_t *shape, unsigned rank, const bool *part_on)
{
    const map_dims *d = t->dims;
    bool fits = d->all.n == rank;
    for (unsigned i = 0; fits && i < rank; i++) {
        fits = d->all.at[i]->kind != DIM_INT || shape[i] == 1;
    }
    if (!fits) {
        learn_misfit(cx, v, t, name, shape_text(cx->arena, shape, rank));
        return;
    }
    for (unsigned i = 0; i < rank; i++) {
        if (d->all.at[i]->kind != DIM_INT) {
            learn_dim(cx, v, d->all.at[i], i, name, shape[i], part_on);
        }
    }
}

void values_learn_range(context *cx, values *v, uint32_t axis, int64_t n,
                        const char *from)
{
    const learned_range r = {axis, n, from};
    vec_push(cx->arena, &v->learned->ranges, r);
}

/* ---- solving ----------------------------------------------------------------- */

/* The one unknown axis of an equation; NO_AXIS when there is none, several, or a power.
 */
static uint32_t open_axis(const values *v, const size_equation *eq)
{
    uint32_t open = NO_AXIS;
    for (size_t i = 0; i < eq->terms.n; i++) {
        size_t n_open = 0;
        for (size_t k = 0; k < eq->terms.at[i].axes.n; k++) {
            const uint32_t ax = eq->terms.at[i].axes.at[k];
            if (v->size[ax] == SIZE_UNKNOWN) {
                if (++n_open > 1 || (open != NO_AXIS && open != ax)) {
                    return NO_AXIS;
                }
                open = ax;
            }
        }
    }
    return open;
}

/* size = slope * x + rest, exactly. */
static bool solve_equation(context *cx, values *v, const size_equation *eq)
{
    const uint32_t open = open_axis(v, eq);
    int64_t slope = 0, rest = (int64_t)eq->size;
    if (open == NO_AXIS || eq->size > INT64_MAX) {
        return false;
    }
    for (size_t i = 0; i < eq->terms.n; i++) {
        int64_t known = 1;
        bool has_open = false;
        for (size_t k = 0; k < eq->terms.at[i].axes.n; k++) {
            const uint32_t ax = eq->terms.at[i].axes.at[k];
            has_open = has_open || ax == open;
            if (ax != open && __builtin_mul_overflow(known, v->size[ax], &known)) {
                return false;
            }
        }
        if (has_open ? __builtin_add_overflow(slope, known, &slope)
                     : __builtin_sub_overflow(rest, known, &rest)) {
            return false;
        }
    }
    if (slope <= 0 || rest < 0 || rest % slope != 0) {
        return false; /* verification says so */
    }
    return values_set_size(v, open, rest / slope,
                           arena_printf(cx->arena, "dimension %u of %s = %llu",
                                        eq->index, eq->names.at[0],
                                        (unsigned long long)eq->size));
}

static void solve_all(context *cx, values *v)
{
    values_learned *l = v->learned;
    bool news = true;
    for (size_t i = 0; i < l->ranges.n; i++) {
        values_set_size(v, l->ranges.at[i].axis, l->ranges.at[i].n,
                        l->ranges.at[i].from);
    }
    while (news) {
        news = false;
        values_settle(cx, v);
        for (size_t i = 0; i < l->equations.n; i++) {
            news = solve_equation(cx, v, &l->equations.at[i]) || news;
        }
    }
}

/* ---- verifying --------------------------------------------------------------- */

/* "layers.{0..3}.a", or "layers.{0..3}.a and 4 more". */
static const char *names_text(arena *a, const char *const *names, size_t n)
{
    folded *f = NULL;
    const size_t n_folded = fold_names(a, names, n, &f);
    return n_folded <= 1 ? f[0].text
                         : arena_printf(a, "%s and %zu more", f[0].text, n - f[0].n);
}

static const char *terms_text(arena *a, const values *v, const size_equation *eq,
                              bool numbers)
{
    buf b = {.arena = a};
    for (size_t i = 0; i < eq->terms.n; i++) {
        buf_add(&b, i == 0 ? "" : " + ");
        for (size_t k = 0; k < eq->terms.at[i].axes.n; k++) {
            const uint32_t ax = eq->terms.at[i].axes.at[k];
            buf_add(&b, k == 0 ? "" : numbers ? " * " : " ");
            if (numbers && v->size[ax] != SIZE_UNKNOWN) {
                buf_printf(&b, "%lld", (long long)v->size[ax]);
            } else {
                buf_add(&b, v->m->axes.at[ax].name);
            }
        }
        if (eq->terms.at[i].axes.n == 0) {
            buf_add(&b, "1");
        }
    }
    return b.n == 0 ? "0" : buf_str(&b);
}

static void note_sources(arena *a, diag *dg, const values *v, const size_equation *eq)
{
    bool *said = NEW_N(a, bool, v->m->axes.n + 1);
    for (size_t i = 0; i < eq->terms.n; i++) {
        for (size_t k = 0; k < eq->terms.at[i].axes.n; k++) {
            const uint32_t ax = eq->terms.at[i].axes.at[k];
            if (!said[ax] && v->size[ax] != SIZE_UNKNOWN) {
                diag_note(dg, "%s = %lld from %s", v->m->axes.at[ax].name,
                          (long long)v->size[ax], v->size_from[ax]);
            }
            said[ax] = true;
        }
    }
}

/* The size that the axes give; -1: an axis is unknown, or it does not fit 63 bits. */
static int64_t equation_size(const values *v, const size_equation *eq, bool *unknown)
{
    int64_t sum = 0;
    *unknown = false;
    for (size_t i = 0; i < eq->terms.n; i++) {
        for (size_t k = 0; k < eq->terms.at[i].axes.n; k++) {
            *unknown = *unknown || v->size[eq->terms.at[i].axes.at[k]] == SIZE_UNKNOWN;
        }
        const int64_t t = term_size(v, &eq->terms.at[i]);
        if (t == SIZE_UNKNOWN || __builtin_add_overflow(sum, t, &sum)) {
            return -1;
        }
    }
    return sum;
}

static bool verify_equation(context *cx, const values *v, const size_equation *eq)
{
    arena *a = cx->arena;
    bool unknown = false;
    const int64_t size = equation_size(v, eq, &unknown);
    if ((unknown && open_axis(v, eq) == NO_AXIS) ||
        (!unknown && size >= 0 && (uint64_t)size == eq->size)) {
        return true;
    }
    const bool is_one_axis = eq->terms.n == 1 && eq->terms.at[0].axes.n == 1;
    diag *dg = diag_report(cx->diags, SEV_ERROR, "shape-contradicts", eq->dim->at,
                           "dimension %u of %s is %llu, but the rules say %s = %s%s",
                           eq->index, names_text(a, eq->names.at, eq->names.n),
                           (unsigned long long)eq->size, terms_text(a, v, eq, false),
                           terms_text(a, v, eq, true),
                           unknown || size < 0 ? ", which cannot be"
                           : is_one_axis       ? ""
                                         : arena_printf(a, " = %lld", (long long)size));
    note_sources(a, dg, v, eq);
    diag_help(dg,
              "the config does not belong to these weights, or other rules fit: see "
              "--rules");
    return false;
}

static bool verify_misfit(context *cx, const misfit *mf)
{
    arena *a = cx->arena;
    const size_t rank = mf->tensor->dims->all.n;
    diag *dg = diag_report(cx->diags, SEV_ERROR, "shape-contradicts", mf->tensor->at,
                           "%s has shape %s, but the rules give it %zu dimension%s",
                           names_text(a, mf->names.at, mf->names.n), mf->shape, rank,
                           rank == 1 ? "" : "s, a literal 1 being of size 1");
    diag_help(dg, "other rules may fit: see --rules");
    return false;
}

static bool verify_range(context *cx, values *v, const learned_range *r)
{
    const map_axis *ax = &v->m->axes.at[r->axis];
    if (v->size[r->axis] == r->n || v->learned->axis_reported[r->axis]) {
        return true;
    }
    v->learned->axis_reported[r->axis] = true;
    diag *dg = diag_report(cx->diags, SEV_ERROR, "shape-contradicts", ax->at,
                           "the names count 0 to %lld for %s, but %s = %lld",
                           (long long)r->n - 1, ax->name, ax->name,
                           (long long)v->size[r->axis]);
    diag_note(dg, "%s = %lld from %s", ax->name, (long long)v->size[r->axis],
              v->size_from[r->axis]);
    diag_note(dg, "%lld from %s", (long long)r->n, r->from);
    diag_help(
        dg, "tensors are missing or too many, or the config belongs to another model");
    return false;
}

/* An axis that a tensor needs and nothing tells: said once, with one equation. */
static bool report_unknown(context *cx, const values *v, uint32_t ax,
                           const size_equation *eq)
{
    const map_axis *m = &v->m->axes.at[ax];
    const expr *read = m->read[v->side];
    evaluation ev = evaluation_of(cx, v);
    diag *dg = diag_report(cx->diags, SEV_ERROR, "size-unknown", m->at,
                           "the size of axis %s is not known", m->name);
    if (read != NULL) {
        const value *x = eval_expr(&ev, read);
        diag_note(dg, "%s has no value: %s", expr_text(cx->arena, read),
                  (x == NULL || x == UNKNOWN) && ev.why != NULL ? ev.why
                                                                : "it is null");
    }
    diag_note(dg, "dimension %u of %s: %llu = %s", eq->index,
              names_text(cx->arena, eq->names.at, eq->names.n),
              (unsigned long long)eq->size, terms_text(cx->arena, v, eq, true));
    diag_help(dg, "give a config that tells it, or the field with --set");
    return false;
}

static bool verify_known(context *cx, const values *v)
{
    bool *said = NEW_N(cx->arena, bool, v->m->axes.n + 1);
    bool good = true;
    for (size_t i = 0; i < v->learned->equations.n; i++) {
        const size_equation *eq = &v->learned->equations.at[i];
        for (size_t k = 0; k < eq->terms.n; k++) {
            for (size_t j = 0; j < eq->terms.at[k].axes.n; j++) {
                const uint32_t ax = eq->terms.at[k].axes.at[j];
                if (v->size[ax] == SIZE_UNKNOWN && !said[ax]) {
                    said[ax] = true;
                    good = report_unknown(cx, v, ax, eq) && good;
                }
            }
        }
    }
    return good;
}

rt_status values_solve(context *cx, values *v)
{
    values_learned *l = v->learned;
    solve_all(cx, v);
    bool good = values_agree(cx, v) == RT_OK;
    for (size_t i = 0; i < l->misfits.n; i++) {
        good = verify_misfit(cx, &l->misfits.at[i]) && good;
    }
    for (size_t i = 0; i < l->ranges.n; i++) {
        good = verify_range(cx, v, &l->ranges.at[i]) && good;
    }
    bool shapes = good;
    for (size_t i = 0; i < l->equations.n; i++) {
        shapes = verify_equation(cx, v, &l->equations.at[i]) && shapes;
    }
    /* A size that stays unknown is news only where nothing else is wrong. */
    return shapes && verify_known(cx, v) ? RT_OK : RT_MISMATCH;
}
