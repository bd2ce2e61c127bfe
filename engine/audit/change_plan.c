/* What becomes of each element, by the planner's pieces. */
#include <string.h>

#include "audit/small_merge.h"

/* The number of a source among the tensors of the model. */
static unsigned tensor_of(const small_merge *s, uint32_t src)
{
    const plan_source *x = src == NO_SOURCE ? NULL : &s->plan.sources.at[src];
    for (unsigned i = 0; x != NULL && i < SMALL_MAX_TENSORS; i++) {
        if (s->name[i] != NULL && strcmp(s->name[i], x->t->name) == 0 &&
            (x->inv == s->base) == (i == 0)) {
            return i;
        }
    }
    return CHANGE_NOWHERE;
}

/* Go to the next element of the piece's box; false: that was the last. */
static bool next_in_box(const piece *p, int64_t *index)
{
    unsigned i = p->n;
    while (i > 0 && ++index[i - 1] == p->size[i - 1]) {
        index[--i] = 0;
    }
    return i > 0;
}

static int64_t element_of(const piece *p, const int64_t *index, int64_t offset,
                          const int64_t *stride)
{
    for (unsigned i = 0; i < p->n; i++) {
        offset += index[i] * stride[i];
    }
    return offset;
}

static void add_term(small_merge *s, const piece *p, const int64_t *index,
                     const term *t, change *c)
{
    const int64_t b = element_of(p, index, t->b_offset, t->b_stride);
    const int64_t a = element_of(p, index, t->a_offset, t->a_stride);
    if (c->n_terms == CHANGE_MAX_TERMS || c->has_norm) {
        c->is_tangled = true;
        return;
    }
    int64_t *bs = NEW_N(s->cx.arena, int64_t, t->rank + 1u);
    int64_t *as = NEW_N(s->cx.arena, int64_t, t->rank + 1u);
    for (uint32_t k = 0; k < t->rank; k++) {
        bs[k] = b + k * t->b_k;
        as[k] = t->a == NO_SOURCE ? 0 : a + k * t->a_k;
    }
    c->term[c->n_terms++] =
        (change_term){.scale = t->scale,
                      .n = t->rank,
                      .b_of = tensor_of(s, t->b),
                      .a_of = t->a == NO_SOURCE ? 0 : tensor_of(s, t->a),
                      .b = bs,
                      .a = as};
}

static void add_step(small_merge *s, const piece *p, const int64_t *index,
                     const step *st, change *c)
{
    switch (st->kind) {
    case STEP_AFFINE:
    case STEP_SCALE: c->is_tangled = true; return;
    case STEP_TERM: add_term(s, p, index, &st->t, c); return;
    case STEP_NORM: break;
    }
    c->is_tangled = c->is_tangled || c->has_norm || st->t.b != 0;
    c->has_norm = true;
    c->norm = element_of(p, index, st->t.b_offset, st->t.b_stride);
}

static change *spread(small_merge *s, const plan_tensor *t)
{
    change *out = NEW_N(s->cx.arena, change, t->n_elems + 1);
    for (size_t i = 0; i < t->pieces.n; i++) {
        const piece *p = &t->pieces.at[i];
        int64_t index[PIECE_MAX_DIMS] = {0};
        bool more = piece_elems(p) > 0;
        while (more) {
            change *c = &out[element_of(p, index, p->dst_offset, p->dst_stride)];
            c->n_met++;
            c->of = tensor_of(s, p->src);
            c->at = element_of(p, index, p->src_offset, p->src_stride);
            for (unsigned k = 0; k < p->n_steps; k++) {
                add_step(s, p, index, &p->steps[k], c);
            }
            more = next_in_box(p, index);
        }
    }
    return out;
}

/* ---- norms ----------------------------------------------------------------------- */

/* The sum whose norms are taken is the target but for its norms, and each element of it
 * counts for one magnitude. */
static void add_norms(small_merge *s, change *made)
{
    const plan_norm *norm = s->plan.norms.at[0];
    const uint64_t n = s->made->n_elems;
    const bool is_whole = s->plan.norms.n == 1 && s->norm != NULL &&
                          norm->sum.n_elems == n &&
                          tensor_of(s, norm->magnitude) == s->n_factors + 1;
    const change *sum = spread(s, &norm->sum);
    unsigned *n_met = NEW_N(s->cx.arena, unsigned, n + 1);
    int64_t index[PIECE_MAX_DIMS] = {0};
    bool more = is_whole && piece_elems(&norm->by) > 0;
    while (more) {
        const int64_t at =
            element_of(&norm->by, index, norm->by.dst_offset, norm->by.dst_stride);
        made[at].counts =
            element_of(&norm->by, index, norm->by.src_offset, norm->by.src_stride);
        n_met[at]++;
        more = next_in_box(&norm->by, index);
    }
    for (uint64_t i = 0; i < n; i++) {
        change bare = made[i];
        bare.has_norm = false;
        made[i].is_tangled = !is_whole || n_met[i] != 1 || !change_same(&bare, &sum[i]);
    }
}

const change *change_by_plan(small_merge *s)
{
    change *made = spread(s, s->made);
    if (s->plan.norms.n > 0) {
        add_norms(s, made);
    }
    return made;
}
