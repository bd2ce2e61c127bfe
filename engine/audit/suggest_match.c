/* The second step of a draft: which groups of the two sides are the same tensors. */
#include <string.h>

#include "audit/suggest_parts.h"
#include "base/near.h"
#include "exec/exec.h"

/* ---- bytes --------------------------------------------------------------------- */

static void strides_of(const tensor_info *t, int64_t stride[RT_MAX_RANK])
{
    int64_t dense = 1;
    for (unsigned i = t->rank; i-- > 0;) {
        stride[i] = t->is_contiguous ? dense : t->stride[i];
        dense *= (int64_t)t->shape[i];
    }
}

/* x as a box, its elements in the order of the other side, and the same box of y. */
static void boxes_of(const tensor_info *x, bool transposed, const tensor_info *y,
                     uint64_t row, piece *p, piece *q)
{
    int64_t sx[RT_MAX_RANK] = {0}, sy[RT_MAX_RANK] = {0}, dense = 1;
    strides_of(x, sx);
    strides_of(y, sy);
    *p = (piece){.n = x->rank, .src = 0};
    *q = (piece){.n = x->rank, .src = 1};
    for (unsigned i = x->rank; i-- > 0;) {
        const unsigned from = transposed ? x->rank - 1 - i : i;
        p->size[i] = q->size[i] = (int64_t)x->shape[from];
        p->dst_stride[i] = q->dst_stride[i] = dense;
        p->src_stride[i] = sx[from];
        q->src_stride[i] = sy[i];
        dense *= p->size[i];
    }
    q->src_offset = x->rank == 0 ? 0 : (int64_t)row * sy[0];
    if (!transposed && x->is_contiguous && y->is_contiguous) {
        p->n = q->n = 1;
        p->size[0] = q->size[0] = (int64_t)x->n_elems;
        p->dst_stride[0] = p->src_stride[0] = q->dst_stride[0] = q->src_stride[0] = 1;
    }
}

rt_status suggest_same(suggestion *s, unsigned side_of_x, const group *x,
                       bool transposed, const group *y, uint64_t row, bool *same)
{
    const inventory *of_x = s->side[side_of_x].from->inv;
    const inventory *of_y = s->side[1 - side_of_x].from->inv;
    *same = x->first->dt == y->first->dt;
    for (unsigned end = 0; end < (x->n_holes > 0 ? 2u : 1u) && *same; end++) {
        const tensor_info *t = end == 0 ? x->first : x->last;
        const tensor_info *u = end == 0 ? y->first : y->last;
        plan two = {0};
        piece_list p = {0}, q = {0};
        piece box[2];
        vec_push(s->cx->arena, &two.sources, ((plan_source){.inv = of_x, .t = t}));
        vec_push(s->cx->arena, &two.sources, ((plan_source){.inv = of_y, .t = u}));
        boxes_of(t, transposed, u, row, &box[0], &box[1]);
        vec_push(s->cx->arena, &p, box[0]);
        vec_push(s->cx->arena, &q, box[1]);
        TRY(exec_pieces_equal(s->cx, &two, &p, &q, same));
    }
    return RT_OK;
}

/* ---- shapes and names ---------------------------------------------------------- */

static uint64_t rows_of(const group *g)
{
    return g->first->rank == 0 ? 1 : g->first->shape[0];
}

static bool same_numbers(const group *x, const group *y)
{
    bool same = x->n_holes == y->n_holes;
    for (unsigned h = 0; same && h < x->n_holes; h++) {
        same = x->lo[h] == y->lo[h] && x->end[h] == y->end[h];
    }
    return same;
}

/* Could x be `rows` rows of y, or fewer? */
static bool fits(const group *x, const group *y, uint64_t rows)
{
    const tensor_info *t = x->first, *u = y->first;
    return same_numbers(x, y) && t->rank == u->rank && rows_of(x) <= rows &&
           (t->rank == 0 || memcmp(t->shape + 1, u->shape + 1,
                                   (t->rank - 1u) * sizeof t->shape[0]) == 0);
}

static bool fits_transposed(const group *x, const group *y)
{
    const tensor_info *t = x->first, *u = y->first;
    return same_numbers(x, y) && t->rank == 2 && u->rank == 2 &&
           t->shape[0] == u->shape[1] && t->shape[1] == u->shape[0];
}

/* Where part k of `one` should stand: where that of its neighbour does (the bias of a
 * projection beside its weight). */
static const char *expected_parent(const suggestion *s, unsigned side, const group *one,
                                   unsigned k)
{
    for (size_t i = 0; i < s->pairs.n; i++) {
        const pair *p = &s->pairs.at[i];
        if (p->side == side && k < p->n_parts &&
            strcmp(p->one->parent, one->parent) == 0) {
            return p->parts[k]->parent;
        }
        if (k == 0 && p->side != side && p->n_parts == 1 &&
            strcmp(p->parts[0]->parent, one->parent) == 0) {
            return p->one->parent;
        }
    }
    return NULL;
}

static size_t distance(const suggestion *s, unsigned side, const group *one,
                       const group *x, unsigned k)
{
    const char *parent = expected_parent(s, side, one, k);
    return parent != NULL && parent[0] != '\0' && strcmp(parent, x->parent) == 0
               ? 0
               : near_distance(one->text, x->text);
}

static void add_pair(suggestion *s, pair *p)
{
    p->one->taken = true;
    for (unsigned k = 0; k < p->n_parts; k++) {
        p->parts[k]->taken = true;
    }
    vec_push(s->cx->arena, &s->pairs, *p);
}

/* ---- by bytes ------------------------------------------------------------------ */

static bool is_used(const pair *p, const group *x)
{
    bool used = x->taken;
    for (unsigned k = 0; k < p->n_parts; k++) {
        used = used || p->parts[k] == x;
    }
    return used;
}

/* Bytes prove nothing where another tensor of that length, taken or not, has them too.
 */
static rt_status doubt_twins(suggestion *s, pair *p, uint64_t row, const group *best)
{
    const group_list *others = &s->groups[1 - p->side];
    bool same = false;
    for (size_t i = 0; i < others->n && !same; i++) {
        const group *x = &others->at[i];
        if (x != best && rows_of(x) == rows_of(best) && fits(x, p->one, rows_of(x))) {
            TRY(suggest_same(s, 1 - p->side, x, false, p->one, row, &same));
        }
    }
    if (same) {
        p->note = "several tensors hold these bytes; this is the nearest by name";
    }
    return RT_OK;
}

/* The part of `one` that begins at `row`: where a neighbour's stands, else the longest,
 * else the nearest by name. */
static rt_status next_part(suggestion *s, pair *p, uint64_t row, group **best)
{
    const group_list *others = &s->groups[1 - p->side];
    size_t best_distance = 0;
    *best = NULL;
    for (size_t i = 0; i < others->n; i++) {
        group *x = &others->at[i];
        bool same = false;
        if (is_used(p, x) || !fits(x, p->one, rows_of(p->one) - row)) {
            continue;
        }
        TRY(suggest_same(s, 1 - p->side, x, false, p->one, row, &same));
        if (!same) {
            continue;
        }
        const size_t d = distance(s, p->side, p->one, x, p->n_parts);
        const uint64_t n = rows_of(x), most = *best == NULL ? 0 : rows_of(*best);
        const bool is_expected = d == 0 && best_distance > 0;
        if (*best == NULL || is_expected ||
            (best_distance > 0 && (n > most || (n == most && d < best_distance)))) {
            *best = x;
            best_distance = d;
        }
    }
    return *best == NULL || best_distance == 0 ? RT_OK : doubt_twins(s, p, row, *best);
}

/* A tensor whose rows are, one after another, tensors of the other side; one alone is
 * the plain case. */
static rt_status match_rows(suggestion *s, unsigned side, group *one)
{
    pair p = {.side = side, .one = one};
    uint64_t row = 0;
    while (row < rows_of(one) && p.n_parts < PAIR_MAX_PARTS) {
        group *part;
        TRY(next_part(s, &p, row, &part));
        if (part == NULL) {
            return RT_OK;
        }
        p.parts[p.n_parts++] = part;
        row += rows_of(part);
    }
    if (row == rows_of(one) && row > 0) {
        add_pair(s, &p);
    }
    return RT_OK;
}

static rt_status match_transposed(suggestion *s, group *one)
{
    group_list *others = &s->groups[0];
    for (size_t i = 0; i < others->n && !one->taken; i++) {
        group *x = &others->at[i];
        bool same = false;
        if (x->taken || !fits_transposed(x, one)) {
            continue;
        }
        TRY(suggest_same(s, 0, x, true, one, 0, &same));
        if (same) {
            pair p = {.side = 1, .one = one, .parts = {x}, .n_parts = 1};
            p.transposed = true;
            add_pair(s, &p);
        }
    }
    return RT_OK;
}

/* Matrices first: their bytes are distinct, and their neighbours follow them. */
static rt_status match_by_bytes(suggestion *s, bool matrices)
{
    for (unsigned side = 2; side-- > 0;) {
        for (size_t i = 0; i < s->groups[side].n; i++) {
            group *one = &s->groups[side].at[i];
            if (!one->taken && (one->first->rank >= 2) == matrices) {
                TRY(match_rows(s, side, one));
            }
            if (!one->taken && matrices && side == 1) {
                TRY(match_transposed(s, one));
            }
        }
    }
    return RT_OK;
}

/* ---- by shape ------------------------------------------------------------------ */

static const char *doubt(const group *x, const group *y)
{
    return x->first->dt != y->first->dt ? "by shape only: the dtypes differ"
                                        : "by shape only: the bytes differ";
}

/* The two that are left with one shape and the nearest names; false: none are left. */
static bool match_nearest(suggestion *s)
{
    pair best = {.side = 1};
    size_t best_distance = SIZE_MAX;
    for (size_t i = 0; i < s->groups[1].n; i++) {
        for (size_t k = 0; k < s->groups[0].n; k++) {
            group *y = &s->groups[1].at[i], *x = &s->groups[0].at[k];
            const bool plain = fits(x, y, rows_of(y)) && rows_of(x) == rows_of(y);
            if (x->taken || y->taken || (!plain && !fits_transposed(x, y))) {
                continue;
            }
            const size_t d = distance(s, 1, y, x, 0);
            if (best.one == NULL || d < best_distance) {
                best_distance = d;
                best = (pair){.side = 1,
                              .one = y,
                              .parts = {x},
                              .n_parts = 1,
                              .transposed = !plain,
                              .note = doubt(x, y)};
            }
        }
    }
    if (best.one != NULL) {
        add_pair(s, &best);
    }
    return best.one != NULL;
}

/* Two or three that are left and have as many rows together as one of the other side:
 * fill p from the tensors behind `from`. */
static bool find_sum(const suggestion *s, pair *p, size_t from, uint64_t rows)
{
    const group_list *others = &s->groups[1 - p->side];
    for (size_t i = from; rows > 0 && p->n_parts < 3 && i < others->n; i++) {
        group *x = &others->at[i];
        if (x->taken || !fits(x, p->one, rows)) {
            continue;
        }
        p->parts[p->n_parts++] = x;
        if (find_sum(s, p, i + 1, rows - rows_of(x))) {
            return true;
        }
        p->n_parts--;
    }
    return rows == 0 && p->n_parts > 1;
}

static void match_sums(suggestion *s, unsigned side)
{
    for (size_t i = 0; i < s->groups[side].n; i++) {
        group *one = &s->groups[side].at[i];
        pair p = {.side = side, .one = one};
        if (!one->taken && one->first->rank > 0 && find_sum(s, &p, 0, rows_of(one))) {
            p.note = "by shape only: the order is not known, and the parts may be "
                     "interleaved by group";
            add_pair(s, &p);
        }
    }
}

/* Of what is left: does a tensor that has a partner hold the same? */
static rt_status find_ties(suggestion *s, unsigned side)
{
    for (size_t i = 0; i < s->groups[side].n; i++) {
        group *g = &s->groups[side].at[i];
        for (size_t k = 0; !g->taken && k < s->groups[1 - side].n; k++) {
            const group *x = &s->groups[1 - side].at[k];
            bool same = false;
            if (x->taken && rows_of(x) == rows_of(g) && fits(x, g, rows_of(g))) {
                TRY(suggest_same(s, 1 - side, x, false, g, 0, &same));
            }
            g->same_as = same ? x : g->same_as;
        }
    }
    return RT_OK;
}

rt_status suggest_match(suggestion *s)
{
    TRY(match_by_bytes(s, true));
    TRY(match_by_bytes(s, false));
    while (match_nearest(s)) {
    }
    match_sums(s, 1);
    match_sums(s, 0);
    TRY(find_ties(s, 0));
    return find_ties(s, 1);
}
