/* plan/term_steps.c -- the low-rank terms of one update as steps of pieces. */
#include <string.h>

#include "plan/piece_steps.h"
#include "plan/update.h"

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

void add_terms(merger *g, const attempt *x, plan_tensor *t)
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
        /* One query head for each group is a dim of size 1, which composing would take
         * for the dim of the same stride that it stands in. */
        piece_canonical_with(&box, steps.at);
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

void replace_tensor(merger *g, const attempt *x, plan_tensor *t)
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
