/* plan/scales.c -- `times S name [o / b <- i / b]`: each block of a tensor times its
 * own element of another one.
 *
 * An axis of n elements in blocks of b is two dims, n / b blocks of b, and n % b ragged
 * elements behind them: along each of these dims the scale has one stride, 0 within a
 * block.  So what is scaled stays boxes and steps, and all that is done to boxes goes
 * for it too. */
#include <string.h>

#include "mapping/names.h"
#include "plan/apply.h"
#include "plan/piece_steps.h"

/* ---- the scale's tensor -------------------------------------------------------- */

typedef struct scale_dim {
    uint32_t axis;
    int64_t by, stride;
} scale_dim;

typedef struct placed_scale {
    uint32_t src;
    size_t n;
    scale_dim dim[RT_MAX_RANK];
} placed_scale;

static int64_t block_size(const applier *ap, const map_block *b)
{
    return b->by_axis != NO_AXIS ? ap->v->size[b->by_axis] : b->by;
}

static bool misfit(applier *ap, const instance *x, const plan_tensor *t,
                   const int64_t *want)
{
    buf have = {.arena = ap->cx->arena}, rule = {.arena = ap->cx->arena};
    for (unsigned i = 0; i < t->rank; i++) {
        buf_printf(&have, "%s%llu", i > 0 ? ", " : "", (unsigned long long)t->shape[i]);
    }
    for (size_t i = 0; i < x->scale->dims.n; i++) {
        buf_printf(&rule, "%s%lld", i > 0 ? ", " : "", (long long)want[i]);
    }
    diag *dg = diag_report(ap->cx->diags, SEV_ERROR, "scale-shape", x->scale->at,
                           "%s has the shape [%s], its blocks are [%s]", t->name,
                           buf_str(&have), buf_str(&rule));
    for (size_t i = 0; i < x->scale->dims.n; i++) {
        const map_block *b = &x->scale->dims.at[i];
        if (b->axis != NO_AXIS) {
            diag_note(dg, "%s = %lld in blocks of %lld", ap->m->axes.at[b->axis].name,
                      (long long)ap->v->size[b->axis], (long long)block_size(ap, b));
        }
    }
    diag_help(dg, "the config tells another size of blocks than the file has, or the "
                  "scale is another tensor's");
    ap->worst = RT_MISMATCH;
    return false;
}

static bool blocks_known(applier *ap, const map_scale *s)
{
    for (size_t i = 0; i < s->dims.n; i++) {
        const map_block *b = &s->dims.at[i];
        if (b->axis != NO_AXIS && block_size(ap, b) < 1) {
            diag *dg = diag_report(ap->cx->diags, SEV_ERROR, "size-unknown", s->at,
                                   "the size of blocks of axis %s is not known",
                                   ap->m->axes.at[b->axis].name);
            diag_help(dg, "it is axis %s, which the config of layout '%s' tells",
                      ap->m->axes.at[b->by_axis].name, ap->m->layout[s->side]);
            ap->worst = RT_MISMATCH;
            return false;
        }
    }
    return true;
}

/* Check the shape; strides of a row-major tensor. */
static bool place_scale(applier *ap, const instance *x, const plan_tensor *t,
                        placed_scale *out)
{
    const map_scale *s = x->scale;
    int64_t want[RT_MAX_RANK];
    if (!blocks_known(ap, s)) {
        return false;
    }
    bool fits = s->dims.n <= RT_MAX_RANK;
    int64_t n = 1;
    for (size_t i = 0; fits && i < s->dims.n; i++) {
        const map_block *b = &s->dims.at[i];
        const int64_t by = block_size(ap, b);
        const int64_t size = b->axis == NO_AXIS ? 1 : ap->v->size[b->axis];
        want[i] = size / by + (size % by > 0 ? 1 : 0);
        n *= want[i];
    }
    const bool is_one = n == 1 && t->n_elems == 1; /* [] or [1]: of the whole tensor */
    fits = fits && (is_one || t->rank == s->dims.n);
    for (size_t i = 0; fits && !is_one && i < s->dims.n; i++) {
        fits = t->shape[i] == (uint64_t)want[i];
    }
    if (!fits) {
        return misfit(ap, x, t, want);
    }
    out->n = s->dims.n;
    int64_t stride = 1;
    for (size_t i = s->dims.n; i-- > 0;) {
        const map_block *b = &s->dims.at[i];
        out->dim[i] = (scale_dim){b->axis, block_size(ap, b), stride};
        stride *= want[i];
    }
    return true;
}

/* It must be one run of one source of numbers. */
static bool scale_source(applier *ap, const plan_tensor *t, uint32_t *src)
{
    const piece *p = t->pieces.n == 1 ? &t->pieces.at[0] : NULL;
    const bool is_run = p != NULL && p->n_steps == 0 && p->src != NO_SOURCE &&
                        (p->n == 0 || (p->n == 1 && p->src_stride[0] == 1));
    if (is_run && (dtype_is_float(t->dt) || dtype_is_f8(t->dt))) {
        *src = p->src;
        return true;
    }
    diag *dg =
        diag_report(ap->cx->diags, SEV_ERROR, "scale-type", NOWHERE,
                    "%s (%s) cannot be read as scales", t->name, dtype_st_name(t->dt));
    diag_help(dg, "scales are contiguous tensors of floating-point numbers");
    ap->worst = RT_MISMATCH;
    return false;
}

/* ---- boxes --------------------------------------------------------------------- */

static const scale_dim *dim_of(const placed_scale *s, uint32_t axis)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->dim[i].axis == axis) {
            return &s->dim[i];
        }
    }
    return NULL;
}

typedef struct half_box { /* some dims of a box, with the scale's strides */
    piece p;
    term scale;
} half_box;
typedef VEC(half_box) half_boxes;

static bool add_dim(half_box *b, int64_t n, int64_t dst, int64_t src, int64_t scale)
{
    if (b->p.n == PIECE_MAX_DIMS) {
        return false;
    }
    const unsigned i = b->p.n++;
    b->p.size[i] = n;
    b->p.dst_stride[i] = dst;
    b->p.src_stride[i] = src;
    b->scale.b_stride[i] = scale;
    return true;
}

/* One more dim for every box: whole blocks, and the ragged one. */
static bool add_axis(arena *a, half_boxes *all, const axis_box *whole, unsigned i,
                     const scale_dim *d)
{
    const int64_t n = whole->p.size[i], dst = whole->p.dst_stride[i],
                  src = whole->p.src_stride[i];
    const int64_t by = d != NULL && d->by < n ? d->by : n;
    const int64_t blocks = by > 0 ? n / by : 0, ragged = by > 0 ? n % by : 0;
    const int64_t stride = d != NULL ? d->stride : 0;
    const size_t n_before = all->n;
    bool good = true;
    for (size_t k = 0; k < n_before; k++) {
        if (ragged > 0) {
            half_box rest = all->at[k];
            rest.p.dst_offset += blocks * by * dst;
            rest.p.src_offset += blocks * by * src;
            rest.scale.b_offset += blocks * stride;
            good = good && add_dim(&rest, ragged, dst, src, 0);
            vec_push(a, all, rest);
        }
        half_box *b = &all->at[k];
        good = good && add_dim(b, blocks, by * dst, by * src, stride) &&
               add_dim(b, by, dst, src, 0);
    }
    return good;
}

/* The scale's finite numbers are asked for before anything is written. */
static void ask_finite(applier *ap, const instance *x, const plan_tensor *scale)
{
    for (size_t i = 0; i < ap->acc->conditions.n; i++) {
        condition *k = &ap->acc->conditions.at[i];
        if (k->kind == CONDITION_FINITE) {
            vec_push(ap->cx->arena, &k->pieces, scale->pieces.at[0]);
            return;
        }
    }
    condition k = {.kind = CONDITION_FINITE, .name = scale->name, .at = x->scale->at};
    vec_push(ap->cx->arena, &k.pieces, scale->pieces.at[0]);
    vec_push(ap->cx->arena, &ap->acc->conditions, k);
}

bool scale_boxes(applier *ap, const instance *x, size_t combination,
                 const axis_box *whole, const int64_t *at, piece_list *out)
{
    arena *a = ap->scratch;
    const plan_tensor *t =
        &ap->in->tensors.at[x->found[x->n_from * x->n_combinations + combination]];
    placed_scale s = {0};
    if (!place_scale(ap, x, t, &s) || !scale_source(ap, t, &s.src)) {
        return false;
    }
    half_box none = {.p = whole->p};
    none.p.n = 0;
    none.scale = (term){.b = s.src, .a = NO_SOURCE};
    /* Axes that are captures of this target's name stand still. */
    for (size_t i = 0; i < s.n; i++) {
        if (s.dim[i].axis != NO_AXIS) {
            none.scale.b_offset += at[s.dim[i].axis] / s.dim[i].by * s.dim[i].stride;
        }
    }
    half_boxes all = {0};
    vec_push(a, &all, none);
    for (unsigned i = 0; i < whole->p.n; i++) {
        if (!add_axis(a, &all, whole, i, dim_of(&s, whole->axis[i]))) {
            diag_report(ap->cx->diags, SEV_ERROR, "too-many-pieces", x->scale->at,
                        "%s has more dims of blocks than one pass can take", t->name);
            ap->worst = RT_MISMATCH;
            return false;
        }
    }
    for (size_t i = 0; i < all.n; i++) {
        half_box *b = &all.at[i];
        step *steps = NEW_N(ap->cx->arena, step, 1 + b->p.n_steps);
        steps[0] = (step){.kind = STEP_SCALE, .t = b->scale};
        if (b->p.n_steps > 0) {
            memcpy(steps + 1, b->p.steps, b->p.n_steps * sizeof *steps);
        }
        b->p.n_steps++;
        b->p.steps = steps;
        if (piece_elems(&b->p) > 0) {
            piece_canonical_with(&b->p, steps);
            vec_push(a, out, b->p);
        }
    }
    ask_finite(ap, x, t);
    return true;
}

/* ---- tensors without scales ---------------------------------------------------- */

/* The scale that a rule asks for beside this tensor and that is not there, or NULL. */
static const char *missing_scale(context *cx, const stage *in, const values *v,
                                 const map_rule *rule, const char *name)
{
    const map_scale *scale = rule_scale(rule, v->side);
    int64_t *numbers = NEW_N(cx->arena, int64_t, rule->captures.n + 1);
    const char **words = NEW_N(cx->arena, const char *, rule->captures.n + 1);
    if (scale == NULL ||
        !name_match(cx->arena, v->m, &rule->tensors[v->side].at[0].name, v->choice,
                    rule->captures.at, name, numbers, words)) {
        return NULL;
    }
    const char *wanted =
        name_fill(cx->arena, v->m, &scale->name, v->choice, numbers, words);
    return stage_find(in, wanted) == NULL ? wanted : NULL;
}

static void claim_one(context *cx, const stage *in, const values *v,
                      const plan_tensor *t, account *acc)
{
    for (size_t r = 0; r < v->m->rules.n; r++) {
        const map_rule *rule = &v->m->rules.at[r];
        const char *wanted = missing_scale(cx, in, v, rule, t->name);
        if (wanted != NULL) {
            vec_push(cx->arena, &acc->missing,
                     ((account_missing){wanted, rule,
                                        "8-bit floats say nothing without scales"}));
            return;
        }
    }
    vec_push(cx->arena, &acc->unmapped, t->name);
}

void claim_unscaled(context *cx, const stage *in, const values *v, bool *taken,
                    account *acc)
{
    bool has_scales = false;
    for (size_t r = 0; r < v->m->rules.n; r++) {
        has_scales = has_scales || rule_scale(&v->m->rules.at[r], v->side) != NULL;
    }
    for (size_t i = 0; has_scales && i < in->tensors.n; i++) {
        if (!taken[i] && dtype_is_f8(in->tensors.at[i].dt)) {
            taken[i] = true;
            claim_one(cx, in, v, &in->tensors.at[i], acc);
        }
    }
}
