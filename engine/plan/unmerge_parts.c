/* plan/unmerge_parts.c -- see unmerge_parts.h. */
#include "plan/unmerge_parts.h"

#include <string.h>

#include "plan/piece_steps.h"

enum { MAX_PARTS = 1 << 20 };

/* ---- places in an atom --------------------------------------------------------- */

/* The cuts of a factor with a rank of n. */
static bool factor_cuts(merger *g, const found *f, unsigned which, int64_t n,
                        const bool *part_on, int64_t *shape, unsigned *rank,
                        cut_list *out)
{
    if (f->rank_axis != NO_AXIS) {
        f->x.size[f->rank_axis] = n;
    }
    *out = (cut_list){0};
    return dims_cuts(g->cx->arena, f->as[which]->dims, f->as[which]->label, f->x.size,
                     part_on, shape, rank, out);
}

/* The number of a row (the axes that `of` has too) of the target's element at rel. */
static int64_t number_in(const found *f, const cut *target, const cut *of, int64_t rel)
{
    int64_t number = 0, other;
    for (unsigned i = 0; i < target->n_axes; i++) {
        const int64_t at = rel / target->stride[i];
        rel %= target->stride[i];
        if (cut_stride(of, target->axis[i], &other)) {
            number = number * f->x.size[target->axis[i]] + at;
        }
    }
    return number;
}

int64_t count_in(const found *f, const cut *target, const cut *of)
{
    int64_t n = 1, other;
    for (unsigned i = 0; i < target->n_axes; i++) {
        n *= cut_stride(of, target->axis[i], &other) ? f->x.size[target->axis[i]] : 1;
    }
    return n;
}

/* ---- blocks -------------------------------------------------------------------- */

static block *block_of(unmerger *um, slot *s, const term *t)
{
    int64_t row_step = t->a_k;
    for (unsigned i = 0; t->a_k <= 1 && i < PIECE_MAX_DIMS; i++) {
        const int64_t a = t->a_stride[i];
        row_step = a > 1 && (row_step <= 1 || a < row_step) ? a : row_step;
    }
    const int64_t first = t->a_k > 1
                              ? t->a_offset / t->a_k
                              : t->a_offset % (row_step > 1 ? row_step : INT64_MAX);
    for (size_t i = 0; i < s->blocks.n; i++) {
        block *b = &s->blocks.at[i];
        if (b->b == t->b && b->a == t->a && b->first_rank == first &&
            b->b_k == t->b_k && b->a_k == t->a_k && b->rank == t->rank &&
            memcmp(&b->scale, &(double){(double)t->scale}, sizeof b->scale) == 0) {
            return b;
        }
    }
    block b = {.b = t->b,
               .a = t->a,
               .b_k = t->b_k,
               .a_k = t->a_k,
               .first_rank = first,
               .rank = t->rank,
               .scale = (double)t->scale,
               .row = NEW_N(um->g.cx->arena, int64_t, (size_t)s->n_rows + 1),
               .col = NEW_N(um->g.cx->arena, int64_t, (size_t)s->n_cols + 1)};
    for (int64_t i = 0; i < s->n_rows; i++) {
        b.row[i] = -1;
    }
    for (int64_t i = 0; i < s->n_cols; i++) {
        b.col[i] = -1;
    }
    vec_push(um->g.cx->arena, &s->blocks, b);
    return &s->blocks.at[s->blocks.n - 1];
}

typedef struct side { /* rows of B or columns of A that a piece's term reads */
    const found *f;
    const cut *target, *of;
    int64_t *element; /* by number */
    const int64_t *stride;
} side;

/* Walk the dims in which the operand moves; false: another element stands there. */
static bool walk(const side *sd, const piece *p, unsigned dim_at, int64_t rel,
                 int64_t element)
{
    if (dim_at == p->n) {
        const int64_t i = number_in(sd->f, sd->target, sd->of, rel);
        const bool fits = sd->element[i] < 0 || sd->element[i] == element;
        sd->element[i] = element;
        return fits;
    }
    const int64_t n = sd->stride[dim_at] == 0 ? 1 : p->size[dim_at];
    for (int64_t k = 0; k < n; k++) {
        if (!walk(sd, p, dim_at + 1, rel + k * p->dst_stride[dim_at],
                  element + k * sd->stride[dim_at])) {
            return false;
        }
    }
    return true;
}

static bool add_term_block(unmerger *um, const found *f, slot *s, const cut *of[2],
                           const piece *p, const term *t)
{
    block *b = block_of(um, s, t);
    const int64_t rel = p->dst_offset - s->target.offset;
    const side rows = {f, &s->target, of[0], b->row, t->b_stride};
    const side cols = {f, &s->target, of[1], b->col, t->a_stride};
    for (unsigned i = 0; i < p->n; i++) {
        if ((t->a_stride[i] != 0) == (t->b_stride[i] != 0)) {
            return false;
        }
    }
    b->n_reached += piece_elems(p);
    return walk(&rows, p, 0, rel, t->b_offset) && walk(&cols, p, 0, rel, t->a_offset);
}

bool walk_operand(const found *f, const cut *target, const cut *of, const piece *p,
                  const int64_t *stride, int64_t rel, int64_t element, int64_t *at)
{
    const side sd = {f, target, of, at, stride};
    return walk(&sd, p, 0, rel, element);
}

static int64_t n_set(const int64_t *element, int64_t n)
{
    int64_t set = 0;
    for (int64_t i = 0; i < n; i++) {
        set += element[i] >= 0;
    }
    return set;
}

static const char *slot_blocks(unmerger *um, found *f, slot *s, const cut *of[2])
{
    piece box = {.src_offset = s->target.offset,
                 .dst_offset = s->target.offset,
                 .n = s->target.n_axes};
    piece_list pieces = {0};
    for (unsigned k = 0; k < box.n; k++) {
        box.size[k] = f->x.size[s->target.axis[k]];
        box.dst_stride[k] = box.src_stride[k] = s->target.stride[k];
    }
    piece_canonical(&box);
    if (!piece_compose(um->g.cx->arena, &box, f->t->pieces.at, f->t->pieces.n, &pieces,
                       MAX_PARTS)) {
        return "it falls into too many parts";
    }
    for (size_t i = 0; i < pieces.n; i++) {
        const piece *p = &pieces.at[i];
        for (unsigned k = 0; k < p->n_steps; k++) {
            const step *st = &p->steps[k];
            if (st->kind == STEP_SCALE && k == 0) {
                continue; /* the base's own values are of no matter here */
            }
            if (st->kind == STEP_NORM) {
                if (!norms_add(um, f, s, p, &st->t)) {
                    return "its norms (DoRA) are of other elements there";
                }
                continue;
            }
            if (st->kind != STEP_TERM || st->t.a == NO_SOURCE || of[0] == NULL) {
                return "it changes more than a linear map's weight";
            }
            if (!add_term_block(um, f, s, of, p, &st->t)) {
                return "its rows and columns are mixed there";
            }
        }
    }
    for (size_t i = 0; i < s->blocks.n; i++) {
        const block *b = &s->blocks.at[i];
        if (n_set(b->row, s->n_rows) * n_set(b->col, s->n_cols) != b->n_reached) {
            return "a factor reaches no rectangle there";
        }
    }
    return NULL;
}

/* The cuts of both factors that make the atom of a cut of the target, if any do. */
static void join_factors(const cut *target, const cut_list of[2], const cut *joined[2])
{
    for (size_t p = 0; p < of[0].n; p++) {
        for (size_t q = 0; q < of[1].n; q++) {
            if (cuts_join(target, &of[0].at[p], &of[1].at[q])) {
                joined[0] = &of[0].at[p];
                joined[1] = &of[1].at[q];
            }
        }
    }
}

const char *found_blocks(unmerger *um, found *f)
{
    int64_t shape[RT_MAX_RANK * 2];
    unsigned rank, n = 0;
    cut_list target = {0}, of[2];
    for (size_t i = 0; i < f->x.u->factors.n; i++) {
        if (f->x.u->factors.at[i].tensor != NULL) {
            f->as[n++] = f->x.u->factors.at[i].tensor;
        }
    }
    f->rank_axis = NO_AXIS;
    for (size_t a = 0; a < um->g.m->axes.n;
         a++) { /* the target tells all but the rank */
        f->x.size[a] = f->x.size[a] == SIZE_UNKNOWN ? 1 : f->x.size[a];
    }
    if (!dims_cuts(um->g.cx->arena, f->x.target_dims, f->x.u->target.label, f->x.size,
                   NULL, shape, &rank, &target)) {
        return "it falls into too many parts";
    }
    if (f->x.u->norm != NULL && !norms_begin(um, f, &target)) {
        return "it falls into too many parts";
    }
    const bool cut_well = factor_cuts(&um->g, f, 0, 1, NULL, shape, &rank, &of[0]) &&
                          factor_cuts(&um->g, f, 1, 1, NULL, shape, &rank, &of[1]);
    for (unsigned i = 0; cut_well && i < of[0].at[0].n_axes; i++) {
        int64_t other;
        if (!cut_stride(&target.at[0], of[0].at[0].axis[i], &other)) {
            f->rank_axis = of[0].at[0].axis[i];
        }
    }
    for (size_t i = 0; cut_well && i < target.n; i++) {
        slot s = {.target = target.at[i]};
        const cut *joined[2] = {NULL, NULL};
        join_factors(&s.target, of, joined);
        if (joined[0] != NULL) {
            s.n_rows = count_in(f, &s.target, joined[0]);
            s.n_cols = count_in(f, &s.target, joined[1]);
        }
        const char *why = slot_blocks(um, f, &s, joined);
        if (why != NULL) {
            return why;
        }
        vec_push(um->g.cx->arena, &f->slots, s);
    }
    if (f->x.u->norm != NULL && !norms_match(um, f)) {
        return "its norms (DoRA) are of other elements there";
    }
    return cut_well && f->rank_axis != NO_AXIS ? NULL : "it falls into too many parts";
}

/* ---- factors ------------------------------------------------------------------- */

typedef struct weaver { /* pieces of one factor */
    unmerger *um;
    const found *f;
    const slot *s;
    const cut *c; /* of the factor */
    unsigned which;
    int64_t k_stride;
    plan_tensor *t;
} weaver;

/* Where row (or column) i of the atom lies in the factor. */
static int64_t place_of(const weaver *w, int64_t i)
{
    int64_t place = w->c->offset, stride;
    for (unsigned k = w->s->target.n_axes; k-- > 0;) {
        const uint32_t axis = w->s->target.axis[k];
        if (cut_stride(w->c, axis, &stride)) {
            place += i % w->f->x.size[axis] * stride;
            i /= w->f->x.size[axis];
        }
    }
    return place;
}

/* n rows from i whose places and elements go on in even steps, for ranks from..+n_k. */
static void weave(weaver *w, const block *b, int64_t i, int64_t n, int64_t from,
                  int64_t n_k)
{
    const int64_t *element = b == NULL ? NULL : w->which == 0 ? b->row : b->col;
    const bool reached = element != NULL && element[i] >= 0;
    piece p = {
        .n = 2,
        .size = {n, n_k},
        .dst_stride = {n > 1 ? place_of(w, i + 1) - place_of(w, i) : 1, w->k_stride},
        .dst_offset = place_of(w, i) + from * w->k_stride,
        .src = NO_SOURCE};
    step *fold = NULL;
    if (reached) {
        p.src = w->which == 0 ? b->b : b->a;
        p.src_offset = element[i];
        p.src_stride[0] = n > 1 ? element[i + 1] - element[i] : 1;
        p.src_stride[1] = w->which == 0 ? b->b_k : b->a_k;
        if (w->which == 0 && (b->fold < 1 || b->fold > 1)) {
            fold = NEW(w->um->g.cx->arena, step);
            *fold = (step){.kind = STEP_AFFINE, .mul = b->fold};
            p.n_steps = 1;
            p.steps = fold;
        }
    }
    if (n_k > 0) {
        piece_canonical(&p);
        vec_push(w->um->g.cx->arena, &w->t->pieces, p);
    }
}

static void weave_rows(weaver *w, const block *b, int64_t from, int64_t n_k)
{
    const int64_t n = w->which == 0 ? w->s->n_rows : w->s->n_cols;
    const int64_t *e = b == NULL ? NULL : w->which == 0 ? b->row : b->col;
    for (int64_t i = 0; i < n;) {
        int64_t end = i + 1;
        const int64_t step_to = end < n ? place_of(w, end) - place_of(w, i) : 0;
        const int64_t step_of = e != NULL && end < n ? e[end] - e[i] : 0;
        while (end < n && place_of(w, end) - place_of(w, end - 1) == step_to &&
               (e == NULL || ((e[end] < 0) == (e[i] < 0) &&
                              (e[i] < 0 || e[end] - e[end - 1] == step_of)))) {
            end++;
        }
        weave(w, b, i, end - i, from, n_k);
        i = end;
    }
}

static dtype dtype_of_blocks(const unmerger *um, const found *f, unsigned which)
{
    dtype dt = DT_UNKNOWN;
    for (size_t s = 0; s < f->slots.n; s++) {
        for (size_t k = 0; k < f->slots.at[s].blocks.n; k++) {
            const block *b = &f->slots.at[s].blocks.at[k];
            const dtype own = um->plan->sources.at[which == 0 ? b->b : b->a].t->dt;
            dt = dt == DT_UNKNOWN || dt == own ? own : DT_F32;
        }
    }
    return dt;
}

/* Zeros are of the type that the other factors have. */
static dtype dtype_of_factor(const unmerger *um, const found *f, unsigned which)
{
    dtype dt = dtype_of_blocks(um, f, which);
    for (size_t i = 0; dt == DT_UNKNOWN && i < um->all.n; i++) {
        dt = dtype_of_blocks(um, &um->all.at[i], which);
    }
    return dt;
}

bool factor_pieces(unmerger *um, const found *f, unsigned which, plan_tensor *t)
{
    int64_t shape[RT_MAX_RANK * 2];
    cut_list cuts, other;
    if (!factor_cuts(&um->g, f, 1 - which, f->rank, f->x.part_on, shape, &t->rank,
                     &other) ||
        !factor_cuts(&um->g, f, which, f->rank, f->x.part_on, shape, &t->rank, &cuts)) {
        return false;
    }
    for (unsigned i = 0; i < t->rank; i++) {
        t->shape[i] = (uint64_t)shape[i];
        t->n_elems *= (uint64_t)shape[i];
    }
    t->dt = dtype_of_factor(um, f, which);
    for (size_t s = 0; s < f->slots.n; s++) {
        weaver w = {.um = um, .f = f, .s = &f->slots.at[s], .which = which, .t = t};
        for (size_t i = 0; i < cuts.n; i++) {
            for (size_t k = 0; k < other.n; k++) {
                const cut *x = &cuts.at[i], *y = &other.at[k];
                w.c = cuts_join(&w.s->target, x, y) ? x : w.c;
            }
        }
        if (w.c == NULL) {
            continue; /* a part that is not there */
        }
        cut_stride(w.c, f->rank_axis, &w.k_stride);
        int64_t from = 0;
        for (size_t k = 0; k < w.s->blocks.n; k++) {
            weave_rows(&w, &w.s->blocks.at[k], from, w.s->blocks.at[k].rank);
            from += w.s->blocks.at[k].rank;
        }
        weave_rows(&w, NULL, from, f->rank - from);
    }
    return t->pieces.n <= MAX_PARTS;
}

void norm_pieces(unmerger *um, const found *f, plan_tensor *t)
{
    const block b = {
        .b = f->magnitude, .b_k = 1, .rank = 1, .fold = 1, .row = f->norm_at};
    slot s = f->slots.at[0];
    int64_t shape[RT_MAX_RANK * 2];
    cut_list cuts = {0};
    s.n_rows = f->n_norms;
    (void)dims_cuts(um->g.cx->arena, f->x.u->norm->dims, NULL, f->x.size, NULL, shape,
                    &t->rank, &cuts); /* norms_begin did the same */
    for (unsigned i = 0; i < t->rank; i++) {
        t->shape[i] = (uint64_t)shape[i];
        t->n_elems *= (uint64_t)shape[i];
    }
    t->dt = um->plan->sources.at[f->magnitude].t->dt;
    weaver w = {.um = um, .f = f, .s = &s, .c = &f->norm_cut, .k_stride = 1, .t = t};
    weave_rows(&w, &b, 0, 1);
}
