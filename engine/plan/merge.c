/* plan/merge.c -- see merge.h. */
#include "plan/merge.h"

#include <string.h>

#include "base/near.h"
#include "mapping/cuts.h"
#include "mapping/names.h"

enum { MAX_FACTORS = 4, MAX_CASES = 6 };

typedef struct merger {
    context *cx;
    const mapping *m, *family;
    unsigned family_side;
    const uint32_t *family_choices;
    const stage *base, *adapter;
    values *v;
    stage *out;
    merge_account *acc;
    bool *used; /* by adapter tensor */
    rt_status worst;
} merger;

/* ---- sizes of one instance ----------------------------------------------------- */

/* A dim's size as k + coefficient * (the one unknown axis); false when it is no such
 * form. */
typedef struct linear {
    int64_t k, coefficient;
    uint32_t axis; /* NO_AXIS: no unknown */
} linear;

static bool dim_linear(const map_dim *d, const int64_t *size, const bool *part_on,
                       linear *out);

static bool body_linear(const map_dim *const *kids, size_t n, const int64_t *size,
                        const bool *part_on, linear *out)
{
    *out = (linear){1, 0, NO_AXIS};
    for (size_t i = 0; i < n; i++) {
        linear x;
        if (!dim_linear(kids[i], size, part_on, &x)) {
            return false;
        }
        if (x.axis != NO_AXIS && out->axis != NO_AXIS) {
            return false;
        }
        if (x.axis != NO_AXIS) {
            *out = (linear){out->k * x.k, out->k * x.coefficient, x.axis};
        } else {
            out->k *= x.k;
            out->coefficient *= x.k;
        }
    }
    return true;
}

static bool dim_linear(const map_dim *d, const int64_t *size, const bool *part_on,
                       linear *out)
{
    switch (d->kind) {
    case DIM_INT: *out = (linear){1, 0, NO_AXIS}; return true;
    case DIM_AXIS:
        *out = size[d->axis] != SIZE_UNKNOWN ? (linear){size[d->axis], 0, NO_AXIS}
                                             : (linear){0, 1, d->axis};
        return true;
    case DIM_PRODUCT: return body_linear(d->kids.at, d->kids.n, size, part_on, out);
    case DIM_SUM: break;
    }
    *out = (linear){0, 0, NO_AXIS};
    for (size_t i = 0; i < d->parts.n; i++) {
        linear x;
        if (part_on != NULL && !part_on[d->parts.at[i].id]) {
            continue;
        }
        if (!dim_linear(d->parts.at[i].body, size, part_on, &x) ||
            (x.axis != NO_AXIS && out->axis != NO_AXIS && x.axis != out->axis)) {
            return false;
        }
        out->k += x.k;
        out->coefficient += x.coefficient;
        out->axis = x.axis != NO_AXIS ? x.axis : out->axis;
    }
    return true;
}

/* One tensor's shape tells at most one axis for each dim.  1: learned, 0: nothing new,
 * -1: contradiction. */
static int solve_tensor(const map_dims *d, const plan_tensor *t, const bool *part_on,
                        int64_t *size)
{
    int learned = 0;
    if (d->all.n != t->rank) {
        return -1;
    }
    for (size_t i = 0; i < d->all.n; i++) {
        linear x;
        if (!dim_linear(d->all.at[i], size, part_on, &x)) {
            continue;
        }
        const int64_t rest = (int64_t)t->shape[i] - x.k;
        if (x.axis == NO_AXIS) {
            if (rest != 0) {
                return -1;
            }
        } else if (x.coefficient == 0 || rest % x.coefficient != 0 || rest < 0) {
            return -1;
        } else {
            size[x.axis] = rest / x.coefficient;
            learned = 1;
        }
    }
    return learned;
}

/* ---- an instance --------------------------------------------------------------- */

typedef struct attempt {
    const map_update *u;
    size_t base_at;              /* index in the base stage */
    const map_dims *target_dims; /* in the order in which the base stores them */
    int64_t *numbers;
    const char **words;
    const char *factor_name[MAX_FACTORS];
    const plan_tensor *factor[MAX_FACTORS];
    const map_tensor *factor_as[MAX_FACTORS];
    size_t n_factors;
    double scale;
    bool *part_on;
    int64_t *size;
} attempt;

static bool sizes_fit(attempt *x, const plan_tensor *target)
{
    for (int again = 1; again != 0;) {
        again = solve_tensor(x->target_dims, target, x->part_on, x->size);
        for (size_t f = 0; again >= 0 && f < x->n_factors; f++) {
            const int one =
                solve_tensor(x->factor_as[f]->dims, x->factor[f], x->part_on, x->size);
            again = one < 0 ? one : again | one;
        }
        if (again < 0) {
            return false;
        }
    }
    return true;
}

static void gather_whens(const map_dim *d, const expr **when)
{
    for (size_t i = 0; i < d->kids.n; i++) {
        gather_whens(d->kids.at[i], when);
    }
    for (size_t i = 0; i < d->parts.n; i++) {
        when[d->parts.at[i].id] = d->parts.at[i].when;
        gather_whens(d->parts.at[i].body, when);
    }
}

static const char *show_shape(context *cx, const plan_tensor *t)
{
    buf b = {.arena = cx->arena};
    for (unsigned i = 0; i < t->rank; i++) {
        buf_printf(&b, "%s%llu", i > 0 ? ", " : "", (unsigned long long)t->shape[i]);
    }
    return arena_printf(cx->arena, "[%s]", buf_str(&b));
}

static void report_misfit(merger *g, const attempt *x, const plan_tensor *target)
{
    diag *dg = diag_report(g->cx->diags, SEV_ERROR, "adapter-shape", x->u->at,
                           "the adapter's shapes do not fit %s by rule '%s'",
                           target->name, x->u->name);
    diag_note(dg, "%s is %s", target->name, show_shape(g->cx, target));
    for (size_t f = 0; f < x->n_factors; f++) {
        diag_note(dg, "%s is %s", x->factor_name[f], show_shape(g->cx, x->factor[f]));
    }
    for (uint32_t a = 0; a < g->m->axes.n; a++) {
        if (g->v->size[a] != SIZE_UNKNOWN && g->v->size_from[a] != NULL) {
            diag_note(dg, "%s = %lld (%s)", g->m->axes.at[a].name,
                      (long long)g->v->size[a], g->v->size_from[a]);
        }
    }
    diag_help(
        dg, "is it the adapter of another base model, or has it another rank or other "
            "parts than its config says?");
}

/* Which guarded parts are there: as the config says; where it is silent, the one choice
 * that the shapes allow. */
static bool settle_parts(merger *g, attempt *x, const plan_tensor *target)
{
    const expr **when = NEW_N(g->cx->arena, const expr *, x->u->n_parts + 1);
    for (size_t i = 0; i < x->u->target.dims->all.n; i++) {
        gather_whens(x->u->target.dims->all.at[i], when);
    }
    for (size_t f = 0; f < x->n_factors; f++) {
        for (size_t i = 0; i < x->factor_as[f]->dims->all.n; i++) {
            gather_whens(x->factor_as[f]->dims->all.at[i], when);
        }
    }
    const binding b = {x->u->captures.at, x->numbers, x->words, x->u->captures.n};
    const expr *open[MAX_CASES];
    unsigned n_open = 0;
    x->part_on = NEW_N(g->cx->arena, bool, x->u->n_parts + 1);
    for (uint32_t i = 0; i < x->u->n_parts; i++) {
        const value *is =
            when[i] != NULL ? values_eval(g->cx, g->v, when[i], &b, NULL) : NULL;
        x->part_on[i] = when[i] == NULL || (is != NULL && value_truth(is));
        bool known = when[i] == NULL || is != NULL;
        for (unsigned k = 0; k < n_open && !known; k++) {
            known = strcmp(open[k]->s != NULL ? open[k]->s : "",
                           when[i]->s != NULL ? when[i]->s : "") == 0;
        }
        if (!known && n_open < MAX_CASES) {
            open[n_open++] = when[i];
        }
    }
    int64_t *known_sizes = x->size;
    unsigned fits = 0, fit_at = 0;
    for (unsigned set = 0; set < 1u << n_open; set++) {
        for (uint32_t i = 0; i < x->u->n_parts; i++) {
            for (unsigned k = 0; k < n_open && when[i] != NULL; k++) {
                if (open[k] == when[i] || (open[k]->s != NULL && when[i]->s != NULL &&
                                           strcmp(open[k]->s, when[i]->s) == 0)) {
                    x->part_on[i] = (set >> k & 1u) != 0;
                }
            }
        }
        x->size = NEW_N(g->cx->arena, int64_t, g->m->axes.n + 1);
        memcpy(x->size, known_sizes, g->m->axes.n * sizeof *x->size);
        if (sizes_fit(x, target)) {
            fits++;
            fit_at = set;
        }
        if (n_open == 0) {
            break;
        }
    }
    if (fits == 1 &&
        n_open > 0) { /* redo the one that fits, it may not have been the last */
        for (uint32_t i = 0; i < x->u->n_parts; i++) {
            for (unsigned k = 0; k < n_open && when[i] != NULL; k++) {
                if (open[k]->s != NULL && when[i]->s != NULL &&
                    strcmp(open[k]->s, when[i]->s) == 0) {
                    x->part_on[i] = (fit_at >> k & 1u) != 0;
                }
            }
        }
        memcpy(x->size, known_sizes, g->m->axes.n * sizeof *x->size);
        return sizes_fit(x, target);
    }
    if (fits == 0) {
        report_misfit(g, x, target);
    } else if (fits > 1) {
        diag *dg = diag_report(g->cx->diags, SEV_ERROR, "adapter-parts", x->u->at,
                               "%u choices of parts fit the shapes of %s", fits,
                               x->factor_name[0]);
        for (unsigned k = 0; k < n_open; k++) {
            diag_note(dg, "the adapter's config does not tell '%s'",
                      open[k]->s != NULL ? open[k]->s : "a part's condition");
        }
        diag_help(dg, "say them with --set, for example --set lora_query=true --set "
                      "lora_key=false");
    }
    return fits == 1;
}

/* ---- terms --------------------------------------------------------------------- */

static bool cut_stride(const cut *c, uint32_t axis, int64_t *stride)
{
    for (unsigned i = 0; i < c->n_axes; i++) {
        if (c->axis[i] == axis) {
            *stride = c->stride[i];
            return true;
        }
    }
    *stride = 0;
    return false;
}

static bool joins(const cut *target, const cut *x, const cut *y)
{
    /* The labels of both factors together are exactly the target's. */
    unsigned n = 0;
    for (unsigned i = 0; i < target->n_labels; i++) {
        bool there = false;
        for (unsigned k = 0; k < x->n_labels; k++) {
            there = there || strcmp(x->label[k], target->label[i]) == 0;
        }
        for (unsigned k = 0; y != NULL && k < y->n_labels; k++) {
            there = there || strcmp(y->label[k], target->label[i]) == 0;
        }
        if (!there) {
            return false;
        }
    }
    for (unsigned k = 0; k < x->n_labels; k++) {
        for (unsigned i = 0; i < target->n_labels; i++) {
            n += strcmp(x->label[k], target->label[i]) == 0;
        }
    }
    if (n != x->n_labels) {
        return false;
    }
    n = 0;
    for (unsigned k = 0; y != NULL && k < y->n_labels; k++) {
        for (unsigned i = 0; i < target->n_labels; i++) {
            n += strcmp(y->label[k], target->label[i]) == 0;
        }
    }
    return y == NULL || n == y->n_labels;
}

static bool place_dims(merger *g, const attempt *x, const map_dims *d,
                       const char *label, cut_list *out)
{
    int64_t shape[RT_MAX_RANK * 2];
    unsigned rank;
    return dims_cuts(g->cx->arena, d, label, x->size, x->part_on, shape, &rank, out);
}

/* The adapter tensor behind a factor must be one run of one source. */
static bool factor_source(merger *g, const attempt *x, size_t f, uint32_t *src)
{
    const piece_list *p = &x->factor[f]->pieces;
    if (p->n == 1 && p->at[0].n_steps == 0 && p->at[0].src != NO_SOURCE &&
        p->at[0].n <= 1 &&
        (p->at[0].n == 0 ||
         (p->at[0].src_stride[0] == 1 && p->at[0].dst_stride[0] == 1))) {
        *src = p->at[0].src;
        return true;
    }
    diag_report(g->cx->diags, SEV_ERROR, "adapter-view", x->u->at,
                "%s is a strided view; save the adapter with contiguous tensors",
                x->factor_name[f]);
    return false;
}

static bool build_term(const attempt *x, const cut *target, const cut *b, const cut *a,
                       const uint32_t *src, piece *box, step *s)
{
    *s = (step){.kind = STEP_TERM};
    s->t = (term){.scale = (float)x->scale,
                  .rank = 1,
                  .b = src[0],
                  .a = src[1],
                  .b_offset = b->offset,
                  .a_offset = a->offset};
    *box = (piece){.src_offset = target->offset, .dst_offset = target->offset};
    for (unsigned i = 0; i < target->n_axes; i++) {
        int64_t bs, as;
        const bool in_b = cut_stride(b, target->axis[i], &bs);
        const bool in_a = cut_stride(a, target->axis[i], &as);
        if (!in_b && !in_a) {
            return false; /* checked with the rule file */
        }
        const unsigned k = box->n++;
        box->size[k] = x->size[target->axis[i]];
        box->dst_stride[k] = box->src_stride[k] = target->stride[i];
        s->t.b_stride[k] = bs;
        s->t.a_stride[k] = as;
    }
    unsigned summed = 0;
    for (unsigned i = 0; i < b->n_axes; i++) {
        int64_t ts, as;
        if (cut_stride(target, b->axis[i], &ts)) {
            continue;
        }
        if (!cut_stride(a, b->axis[i], &as) || ++summed > 1) {
            return false;
        }
        s->t.rank = (uint32_t)x->size[b->axis[i]];
        s->t.b_k = b->stride[i];
        s->t.a_k = as;
    }
    return summed == 1;
}

/* Rewrite the base tensor as its atoms, those that the term reaches with a step. */
static void apply_terms(merger *g, const attempt *x, plan_tensor *t)
{
    uint32_t src[2];
    cut_list target = {0}, b = {0}, a = {0};
    if (x->n_factors != 2 || !factor_source(g, x, 0, &src[0]) ||
        !factor_source(g, x, 1, &src[1]) ||
        !place_dims(g, x, x->target_dims, x->u->target.label, &target) ||
        !place_dims(g, x, x->factor_as[0]->dims, x->factor_as[0]->label, &b) ||
        !place_dims(g, x, x->factor_as[1]->dims, x->factor_as[1]->label, &a)) {
        g->worst = RT_MISMATCH;
        return;
    }
    piece_list pieces = {0};
    uint32_t rank = 0;
    for (size_t i = 0; i < target.n; i++) {
        VEC(step) steps = {0};
        piece box = {.src_offset = target.at[i].offset,
                     .dst_offset = target.at[i].offset};
        for (unsigned k = 0; k < target.at[i].n_axes; k++) {
            box.size[k] = x->size[target.at[i].axis[k]];
            box.dst_stride[k] = box.src_stride[k] = target.at[i].stride[k];
            box.n++;
        }
        for (size_t p = 0; p < b.n; p++) {
            for (size_t q = 0; q < a.n; q++) {
                step s;
                if (joins(&target.at[i], &b.at[p], &a.at[q]) &&
                    build_term(x, &target.at[i], &b.at[p], &a.at[q], src, &box, &s)) {
                    rank = s.t.rank;
                    vec_push(g->cx->arena, &steps, s);
                }
            }
        }
        box.n_steps = (unsigned)steps.n;
        box.steps = steps.at;
        if (piece_elems(&box) == 0) {
            continue;
        }
        if (box.n_steps == 0) {
            piece_canonical(&box);
        }
        if (!piece_compose(g->cx->arena, &box, t->pieces.at, t->pieces.n, &pieces,
                           1 << 20)) {
            diag_report(g->cx->diags, SEV_ERROR, "too-many-terms", x->u->at,
                        "%s takes more terms than one pass can add", t->name);
            g->worst = RT_MISMATCH;
            return;
        }
    }
    t->pieces = pieces;
    t->alias_of = -1;
    t->class_of = LOSSY;
    job_merge_line line = {.target = t->name,
                           .rule = x->u->name,
                           .n_factors = x->n_factors,
                           .scale = x->scale,
                           .rank = rank,
                           .tensor = SIZE_MAX};
    for (size_t f = 0; f < x->n_factors; f++) {
        line.factors[f] = x->factor_name[f];
    }
    vec_push(g->cx->arena, &g->acc->lines, line);
}

/* `:=`: the base tensor's elements come from the adapter. */
static void apply_replacement(merger *g, const attempt *x, plan_tensor *t)
{
    t->pieces = x->factor[0]->pieces;
    t->class_of = LOSSY;
    t->alias_of = -1;
    job_merge_line line = {.target = t->name,
                           .rule = x->u->name,
                           .n_factors = 1,
                           .scale = 1,
                           .tensor = SIZE_MAX,
                           .factors = {x->factor_name[0]}};
    vec_push(g->cx->arena, &g->acc->lines, line);
}

/* ---- matching ------------------------------------------------------------------ */

/* Scalars of the product; an absent config field is an error, never a default. */
static bool scale_of(merger *g, attempt *x)
{
    const binding b = {x->u->captures.at, x->numbers, x->words, x->u->captures.n};
    x->scale = 1;
    for (size_t f = 0; f < x->u->factors.n; f++) {
        if (x->u->factors.at[f].scalar == NULL) {
            continue;
        }
        const char *why = NULL;
        const value *s = values_eval(g->cx, g->v, x->u->factors.at[f].scalar, &b, &why);
        if (s == NULL || !value_is_number(s)) {
            diag *dg = diag_report(g->cx->diags, SEV_ERROR, "no-scale", x->u->at,
                                   "the adapter's scale is not known%s%s",
                                   why != NULL ? ": " : "", why != NULL ? why : "");
            diag_help(dg, "it is never in the weights; give it with --set, for example "
                          "--set lora_alpha=16 --set lora_r=8");
            return false;
        }
        x->scale *= value_number(s);
    }
    return true;
}

static void try_update(merger *g, attempt *x)
{
    size_t there = 0, want = 0;
    const char *absent = NULL, *present = NULL;
    const binding bd = {x->u->captures.at, x->numbers, x->words, x->u->captures.n};
    for (size_t i = 0; i < x->u->guards.n; i++) {
        if (values_holds(g->cx, g->v, x->u->guards.at[i], &bd) != 1) {
            return;
        }
    }
    for (size_t f = 0; f < x->u->factors.n && x->n_factors < MAX_FACTORS; f++) {
        const map_tensor *as = x->u->factors.at[f].tensor;
        if (as == NULL) {
            continue;
        }
        const char *name = name_fill(g->cx->arena, g->m, &as->name, g->v->choice,
                                     x->numbers, x->words);
        const plan_tensor *t = stage_find(g->adapter, name);
        want++;
        there += t != NULL;
        *(t != NULL ? &present : &absent) = name;
        x->factor_name[x->n_factors] = name;
        x->factor_as[x->n_factors] = as;
        x->factor[x->n_factors++] = t;
    }
    if (there == 0) {
        return;
    }
    if (there < want) {
        diag *dg = diag_report(g->cx->diags, SEV_ERROR, "adapter-half", x->u->at,
                               "the adapter has %s but not %s", present, absent);
        diag_help(dg,
                  "both factors of a term are needed; the adapter file is incomplete");
        g->worst = RT_MISMATCH;
        return;
    }
    plan_tensor *t = &g->out->tensors.at[x->base_at];
    x->size = g->v->size;
    if (!scale_of(g, x) || !settle_parts(g, x, t)) {
        g->worst = RT_MISMATCH;
        return;
    }
    for (size_t f = 0; f < x->n_factors; f++) {
        uint64_t at;
        if (strmap_get(g->adapter->by_name, x->factor_name[f], &at)) {
            if (g->used[at]) {
                diag_report(g->cx->diags, SEV_ERROR, "adapter-twice", x->u->at,
                            "%s is used by two terms", x->factor_name[f]);
                g->worst = RT_MISMATCH;
            }
            g->used[at] = true;
        }
    }
    if (x->u->replace) {
        apply_replacement(g, x, t);
    } else {
        apply_terms(g, x, t);
    }
}

/* How the base's family stores this tensor: its arrow; ARROW_NONE when it is no linear
 * map. Without a family every tensor of two dims is [O <- I]. */
static arrow_kind arrow_of(merger *g, const plan_tensor *t)
{
    if (g->family == NULL) {
        return t->rank == 2 ? ARROW_OUT_IN : ARROW_NONE;
    }
    for (size_t r = 0; r < g->family->rules.n; r++) {
        const map_rule *rule = &g->family->rules.at[r];
        int64_t *numbers = NEW_N(g->cx->arena, int64_t, rule->captures.n + 1);
        const char **words = NEW_N(g->cx->arena, const char *, rule->captures.n + 1);
        for (size_t i = 0; i < rule->tensors[g->family_side].n; i++) {
            const map_tensor *as = &rule->tensors[g->family_side].at[i];
            if (name_match(g->cx->arena, g->family, &as->name, g->family_choices,
                           rule->captures.at, t->name, numbers, words)) {
                return as->dims->arrow;
            }
        }
    }
    return ARROW_NONE;
}

/* Dims of an `each` target in the order in which the base stores them. */
static const map_dims *stored_dims(merger *g, const map_dims *d, arrow_kind base)
{
    if (d->arrow == ARROW_NONE || base == d->arrow || base == ARROW_NONE) {
        return d;
    }
    map_dims *turned = NEW(g->cx->arena, map_dims);
    *turned = *d;
    turned->all.at = NEW_N(g->cx->arena, const map_dim *, d->all.n);
    size_t n = 0;
    for (uint32_t i = 0; i < d->n_batch; i++) {
        turned->all.at[n++] = d->all.at[i];
    }
    for (size_t i = d->n_batch + d->n_left; i < d->all.n; i++) {
        turned->all.at[n++] = d->all.at[i];
    }
    for (uint32_t i = 0; i < d->n_left; i++) {
        turned->all.at[n++] = d->all.at[d->n_batch + i];
    }
    return turned;
}

static bool is_excepted(merger *g, const map_update *u, const char *name)
{
    for (size_t i = 0; i < u->except.n; i++) {
        const map_name *n = u->except.at[i];
        map_capture caps[16] = {{0}};
        int64_t numbers[16];
        const char *words[16];
        if (name_match(g->cx->arena, g->m, n, g->v->choice, caps, name, numbers,
                       words)) {
            return true;
        }
    }
    return false;
}

static void run_update(merger *g, const map_update *u)
{
    const map_name *named = u->each != NULL ? u->each : &u->target.name;
    for (size_t i = 0; i < g->base->tensors.n; i++) {
        const plan_tensor *t = &g->base->tensors.at[i];
        attempt x = {.u = u,
                     .base_at = i,
                     .numbers = NEW_N(g->cx->arena, int64_t, u->captures.n + 1),
                     .words = NEW_N(g->cx->arena, const char *, u->captures.n + 1)};
        if (!name_match(g->cx->arena, g->m, named, g->v->choice, u->captures.at,
                        t->name, x.numbers, x.words) ||
            is_excepted(g, u, t->name)) {
            continue;
        }
        x.target_dims = u->target.dims;
        if (u->each != NULL) {
            const arrow_kind arrow = arrow_of(g, t);
            if (arrow == ARROW_NONE) {
                continue;
            }
            x.target_dims = stored_dims(g, u->target.dims, arrow);
        }
        try_update(g, &x);
    }
}

static void account_adapter(merger *g)
{
    for (size_t i = 0; i < g->adapter->tensors.n; i++) {
        const char *name = g->adapter->tensors.at[i].name;
        bool dropped = g->used[i];
        for (size_t d = 0; d < g->m->drops.n && !dropped; d++) {
            const map_drop *drop = &g->m->drops.at[d];
            int64_t *numbers = NEW_N(g->cx->arena, int64_t, drop->captures.n + 1);
            const char **words =
                NEW_N(g->cx->arena, const char *, drop->captures.n + 1);
            if (drop->side == RIGHT &&
                name_match(g->cx->arena, g->m, &drop->name, g->v->choice,
                           drop->captures.at, name, numbers, words)) {
                vec_push(g->cx->arena, &g->acc->drops,
                         ((account_drop){name, drop->because, drop->keep, drop->at}));
                dropped = true;
            }
        }
        if (!dropped) {
            vec_push(g->cx->arena, &g->acc->unused, name);
        }
    }
}

static void report_unused(merger *g)
{
    folded *f;
    const size_t n = fold_names(g->cx->arena, g->acc->unused.at, g->acc->unused.n, &f);
    diag *dg = diag_report(g->cx->diags, SEV_ERROR, "adapter-unused", NOWHERE,
                           "%zu tensor%s of the adapter %s taken by no rule of '%s'",
                           g->acc->unused.n, g->acc->unused.n == 1 ? "" : "s",
                           g->acc->unused.n == 1 ? "is" : "are", g->m->name);
    for (size_t i = 0; i < n && i < 20; i++) {
        diag_note(dg, "%s", f[i].text);
    }
    diag_help(
        dg, "merging without them would not be the model that was trained; is this the "
            "adapter's base?");
    g->worst = RT_MISMATCH;
}

rt_status stage_merge(context *cx, const stage *base, const stage *adapter, values *v,
                      const mapping *base_family, unsigned base_side,
                      const uint32_t *base_choices, stage **out, merge_account *acc)
{
    merger g = {.cx = cx,
                .m = v->m,
                .family = base_family,
                .family_side = base_side,
                .family_choices = base_choices,
                .base = base,
                .adapter = adapter,
                .v = v,
                .acc = acc};
    g.used = NEW_N(cx->arena, bool, adapter->tensors.n + 1);
    g.out = NEW(cx->arena, stage);
    g.out->by_name = base->by_name;
    for (size_t i = 0; i < base->tensors.n; i++) {
        vec_push(cx->arena, &g.out->tensors, base->tensors.at[i]);
    }
    for (size_t i = 0; i < v->m->updates.n; i++) {
        run_update(&g, &v->m->updates.at[i]);
    }
    account_adapter(&g);
    if (acc->unused.n > 0) {
        report_unused(&g);
    } else if (acc->lines.n == 0 && g.worst == RT_OK) {
        diag_report(cx->diags, SEV_ERROR, "adapter-empty", NOWHERE,
                    "the adapter has no tensor that rule file '%s' knows", v->m->name);
        g.worst = RT_MISMATCH;
    }
    *out = g.out;
    return g.worst;
}
