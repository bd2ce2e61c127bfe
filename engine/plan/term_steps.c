/* plan/term_steps.c -- the low-rank terms of one update as steps of pieces. */
#include <string.h>

#include "plan/piece_steps.h"
#include "plan/update.h"

/* ---- terms --------------------------------------------------------------------- */

bool cut_stride(const cut *c, uint32_t axis, int64_t *stride)
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

bool cuts_join(const cut *target, const cut *x, const cut *y)
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

/* The term of the joined atoms over the target's box; without a second factor it is the
 * first one as it is. */
static bool build_term(const attempt *x, const cut *target, const cut *b, const cut *a,
                       const uint32_t *src, step *s)
{
    *s = (step){.kind = STEP_TERM};
    s->t = (term){.scale = (float)x->scale,
                  .rank = 1,
                  .b = src[0],
                  .a = a != NULL ? src[1] : NO_SOURCE,
                  .b_offset = b->offset,
                  .a_offset = a != NULL ? a->offset : 0};
    for (unsigned i = 0; i < target->n_axes; i++) {
        int64_t bs = 0, as = 0;
        const bool in_b = cut_stride(b, target->axis[i], &bs);
        const bool in_a = a != NULL && cut_stride(a, target->axis[i], &as);
        if (!in_b && !in_a) {
            return false; /* checked with the rule file */
        }
        s->t.b_stride[i] = bs;
        s->t.a_stride[i] = as;
    }
    unsigned summed = 0;
    for (unsigned i = 0; i < b->n_axes; i++) {
        int64_t ts, as;
        if (cut_stride(target, b->axis[i], &ts)) {
            continue;
        }
        if (a == NULL || !cut_stride(a, b->axis[i], &as) || ++summed > 1) {
            return false;
        }
        s->t.rank = (uint32_t)x->size[b->axis[i]];
        s->t.b_k = b->stride[i];
        s->t.a_k = as;
    }
    return summed == (a != NULL ? 1u : 0u);
}

static piece box_of_cut(const attempt *x, const cut *c)
{
    piece box = {.src_offset = c->offset, .dst_offset = c->offset, .n = c->n_axes};
    for (unsigned k = 0; k < c->n_axes; k++) {
        box.size[k] = x->size[c->axis[k]];
        box.dst_stride[k] = box.src_stride[k] = c->stride[k];
    }
    return box;
}

/* ---- norms --------------------------------------------------------------------- */

/* The norms that the sum `t` is to have, and the step that gives them to it. */
static bool build_norm(merger *g, const attempt *x, const plan_tensor *t,
                       const cut *target, step *s)
{
    cut_list m = {0};
    uint32_t src;
    const size_t at = x->n_factors;
    if (!factor_source(g, x, at, &src) ||
        !place_dims(g, x, x->factor_as[at]->dims, NULL, &m)) {
        return false;
    }
    plan_norm *norm = NEW(g->cx->arena, plan_norm);
    *norm =
        (plan_norm){.sum = *t, .magnitude = src, .n = (int64_t)x->factor[at]->n_elems};
    norm->by = box_of_cut(x, target);
    *s = (step){.kind = STEP_NORM, .t = {.b = (uint32_t)g->plan->norms.n}};
    s->t.a = NO_SOURCE;
    for (unsigned i = 0; i < target->n_axes; i++) {
        cut_stride(&m.at[0], target->axis[i], &s->t.b_stride[i]);
        norm->by.src_stride[i] = s->t.b_stride[i];
    }
    vec_push(g->cx->arena, &g->plan->norms, norm);
    return true;
}

/* Give every element of the tensor one more step. */
static bool add_norm(merger *g, const attempt *x, const cut_list *target,
                     plan_tensor *t)
{
    step *s = NEW(g->cx->arena, step);
    piece_list pieces = {0};
    if (target->n != 1 || !build_norm(g, x, t, &target->at[0], s)) {
        return false;
    }
    piece box = box_of_cut(x, &target->at[0]);
    box.n_steps = 1;
    box.steps = s;
    piece_canonical_with(&box, s);
    const bool good =
        piece_compose(g->cx->arena, &box, t->pieces.at, t->pieces.n, &pieces, 1 << 20);
    t->pieces = pieces;
    return good;
}

/* ---- the update ---------------------------------------------------------------- */

typedef struct placed_term {
    uint32_t src[2];
    cut_list target, b, a;
    uint32_t rank;
    piece_list blocks;
} placed_term;

static bool place_term(merger *g, const attempt *x, placed_term *p)
{
    return (x->n_factors == 1 || x->n_factors == 2) &&
           place_dims(g, x, x->target_dims, x->u->target.label, &p->target) &&
           factor_source(g, x, 0, &p->src[0]) &&
           place_dims(g, x, x->factor_as[0]->dims, x->factor_as[0]->label, &p->b) &&
           (x->n_factors == 1 ||
            (factor_source(g, x, 1, &p->src[1]) &&
             place_dims(g, x, x->factor_as[1]->dims, x->factor_as[1]->label, &p->a)));
}

/* One atom of the target with the terms that reach it; false: too many. */
static bool add_atom(merger *g, const attempt *x, placed_term *p, const cut *target,
                     const plan_tensor *t, piece_list *pieces)
{
    VEC(step) steps = {0};
    piece box = box_of_cut(x, target);
    for (size_t i = 0; i < p->b.n; i++) {
        for (size_t k = 0; k < (p->a.n > 0 ? p->a.n : 1); k++) {
            const cut *a = p->a.n > 0 ? &p->a.at[k] : NULL;
            step s;
            if (cuts_join(target, &p->b.at[i], a) &&
                build_term(x, target, &p->b.at[i], a, p->src, &s)) {
                p->rank = s.t.rank;
                vec_push(g->cx->arena, &steps, s);
            }
        }
    }
    box.n_steps = (unsigned)steps.n;
    box.steps = steps.at;
    if (piece_elems(&box) == 0) {
        return true;
    }
    /* One query head for each group is a dim of size 1, which composing would take for
     * the dim of the same stride that it stands in. */
    piece_canonical_with(&box, steps.at);
    if (box.n_steps > 0) {
        vec_push(g->cx->arena, &p->blocks, box);
    }
    return piece_compose(g->cx->arena, &box, t->pieces.at, t->pieces.n, pieces,
                         1 << 20);
}

void add_terms(merger *g, const attempt *x, plan_tensor *t)
{
    placed_term p = {0};
    piece_list pieces = {0};
    if (!may_add(g, x, t)) {
        return;
    }
    if (!place_term(g, x, &p)) {
        g->worst = RT_MISMATCH;
        return;
    }
    bool good = true;
    for (size_t i = 0; good && i < p.target.n; i++) {
        good = add_atom(g, x, &p, &p.target.at[i], t, &pieces);
    }
    t->pieces = pieces;
    t->alias_of = -1;
    /* A sum can be taken back but for its rounding; norms that were replaced cannot. */
    t->class_of = t->class_of > ROUNDING ? t->class_of : ROUNDING;
    if (good && x->u->norm != NULL) {
        t->class_of = LOSSY;
        good = add_norm(g, x, &p.target, t);
    }
    if (!good) {
        diag *dg = diag_report(g->cx->diags, SEV_ERROR, "too-many-terms", x->u->at,
                               "%s takes more terms than one pass can add", t->name);
        diag_help(dg, "six of one part at most; merge the other adapters into the "
                      "result, in float32 so that it is rounded only in the end");
        g->worst = RT_MISMATCH;
        return;
    }
    add_merge_line(g, x, t, p.rank);
    g->acc->lines.at[g->acc->lines.n - 1].blocks = p.blocks;
}
