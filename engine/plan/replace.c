/* plan/replace.c -- `:=`: tensors of the base whose elements come from the adapter. */
#include <string.h>

#include "plan/update.h"

job_merge_line *add_merge_line(merger *g, const attempt *x, const plan_tensor *t,
                               uint32_t rank)
{
    job_merge_line line = {.target = t->name,
                           .rule = x->u->name,
                           .n_factors = x->n_factors,
                           .scale = x->scale,
                           .scale_from = x->scale_from,
                           .scale_is_open = x->scale_is_open,
                           .rank = rank,
                           .tensor = SIZE_MAX};
    for (size_t f = 0; f < x->n_factors; f++) {
        line.factors[f] = g->raw->tensors.at[x->factor_at[f]].name;
    }
    vec_push(g->cx->arena, &g->acc->lines, line);
    return &g->acc->lines.at[g->acc->lines.n - 1];
}

static void mark_replaced(merger *g, const attempt *x, plan_tensor *t,
                          const piece_list *was)
{
    job_merge_line *line = add_merge_line(g, x, t, 0);
    line->replaces = true;
    line->was = *was;
    line->is = t->pieces;
    t->class_of = LOSSY;
    t->alias_of = -1;
}

/* One part of the target: that of the same atom of the adapter's tensor, or as it was.
 */
static bool replace_part(merger *g, const attempt *x, const cut *to,
                         const cut_list *given, const plan_tensor *t, piece_list *out)
{
    const plan_tensor *from = t;
    const cut *read = to;
    for (size_t i = 0; i < given->n; i++) {
        if (cut_same_atom(to, &given->at[i])) {
            from = x->factor[0];
            read = &given->at[i];
        }
    }
    piece box = {.n = to->n_axes, .dst_offset = to->offset, .src_offset = read->offset};
    for (unsigned i = 0; i < to->n_axes; i++) {
        box.size[i] = x->size[to->axis[i]];
        box.dst_stride[i] = to->stride[i];
        (void)cut_stride(read, to->axis[i], &box.src_stride[i]);
    }
    if (piece_elems(&box) == 0) {
        return true;
    }
    piece_canonical(&box);
    return piece_compose(g->cx->arena, &box, from->pieces.at, from->pieces.n, out,
                         1 << 20);
}

/* With dims, element by element of the atoms. */
static bool replace_parts(merger *g, const attempt *x, plan_tensor *t)
{
    arena *a = g->cx->arena;
    const map_tensor *as = x->factor_as[0];
    int64_t shape[RT_MAX_RANK * 2];
    unsigned rank;
    cut_list target = {0}, given = {0};
    piece_list pieces = {0};
    bool good =
        dims_cuts(a, x->target_dims, x->u->target.label, x->size, x->part_on, shape,
                  &rank, &target) &&
        dims_cuts(a, as->dims, as->label, x->size, x->part_on, shape, &rank, &given);
    for (size_t i = 0; good && i < target.n; i++) {
        good = replace_part(g, x, &target.at[i], &given, t, &pieces);
    }
    t->pieces = pieces;
    return good;
}

/* `[...]`: as it is, in the size that it has. */
static void replace_whole(plan_tensor *t, const plan_tensor *from)
{
    t->pieces = from->pieces;
    t->rank = from->rank;
    t->n_elems = from->n_elems;
    memcpy(t->shape, from->shape, sizeof t->shape);
}

void replace_tensor(merger *g, const attempt *x, plan_tensor *t)
{
    const piece_list was = t->pieces;
    if (!stands_alone(g, x, t)) {
        return;
    }
    if (x->u->target.dims->any) {
        replace_whole(t, x->factor[0]);
    } else if (!replace_parts(g, x, t)) {
        g->worst = RT_MISMATCH;
        return;
    }
    mark_replaced(g, x, t, &was);
}

/* ---- rows ---------------------------------------------------------------------- */

/* The rows of a target along one axis, and where the factor's rows lie. */
typedef struct row_swap {
    merger *g;
    const attempt *x;
    cut target, given;
    uint32_t axis; /* of the target's rows */
    int64_t n_rows, row_stride, new_stride;
    piece_list out;
    bool failed;
} row_swap;

/* n rows from `first` of the target, out of rows from `at` of `from`. */
static void take_rows(row_swap *rs, const plan_tensor *from, const cut *read,
                      int64_t read_stride, int64_t at, int64_t first, int64_t n)
{
    piece box = {.dst_offset = rs->target.offset + first * rs->row_stride,
                 .src_offset = read->offset + at * read_stride};
    for (unsigned i = 0; i < rs->target.n_axes; i++) {
        const bool is_row = rs->target.axis[i] == rs->axis;
        const unsigned k = box.n++;
        box.size[k] = is_row ? n : rs->x->size[rs->target.axis[i]];
        box.dst_stride[k] = rs->target.stride[i];
        box.src_stride[k] = read_stride;
        if (!is_row) {
            cut_stride(read, rs->target.axis[i], &box.src_stride[k]);
        }
    }
    if (n == 0) {
        return;
    }
    piece_canonical(&box);
    rs->failed = !piece_compose(rs->g->cx->arena, &box, from->pieces.at, from->pieces.n,
                                &rs->out, 1 << 20) ||
                 rs->failed;
}

/* The list of rows; NULL: reported. */
static const value *rows_of(row_swap *rs, int64_t n_new)
{
    const attempt *x = rs->x;
    merger *g = rs->g;
    const binding b = {x->u->captures.at, x->numbers, x->words, x->u->captures.n};
    const value *rows = values_eval(g->cx, g->v, x->u->rows, &b, NULL);
    bool good = rows != NULL && rows->kind == V_LIST && (int64_t)rows->items.n == n_new;
    for (size_t i = 0; good && i < rows->items.n; i++) {
        const value *r = rows->items.at[i];
        good = r->kind == V_INT && r->i >= 0 && r->i < rs->n_rows;
        for (size_t k = 0; good && k < i; k++) {
            good = rows->items.at[k]->i != r->i;
        }
    }
    if (good) {
        return rows;
    }
    diag *dg = diag_report(g->cx->diags, SEV_ERROR, "bad-rows", x->u->at,
                           "%s holds %lld rows, and its config numbers them %s",
                           x->factor_name[0], (long long)n_new,
                           value_show(g->cx->arena, rows));
    diag_help(dg, "one number from 0 to %lld for each row, no two equal",
              (long long)rs->n_rows - 1);
    return NULL;
}

static int64_t number_of(const value *rows, int64_t row)
{
    for (size_t i = 0; i < rows->items.n; i++) {
        if (rows->items.at[i]->i == row) {
            return (int64_t)i;
        }
    }
    return -1;
}

static bool place_rows(row_swap *rs, const plan_tensor *t)
{
    const attempt *x = rs->x;
    int64_t shape[RT_MAX_RANK * 2];
    unsigned rank;
    cut_list target = {0}, given = {0};
    arena *a = rs->g->cx->arena;
    if (!dims_cuts(a, x->target_dims, NULL, x->size, x->part_on, shape, &rank,
                   &target) ||
        !dims_cuts(a, x->factor_as[0]->dims, NULL, x->size, x->part_on, shape, &rank,
                   &given)) {
        return false;
    }
    rs->target = target.at[0];
    rs->given = given.at[0];
    int64_t n_new = 0, other;
    for (unsigned i = 0; i < rs->target.n_axes; i++) {
        if (!cut_stride(&rs->given, rs->target.axis[i], &other)) {
            rs->axis = rs->target.axis[i];
            rs->row_stride = rs->target.stride[i];
            rs->n_rows = x->size[rs->axis];
        }
    }
    for (unsigned i = 0; i < rs->given.n_axes; i++) {
        if (!cut_stride(&rs->target, rs->given.axis[i], &other)) {
            rs->new_stride = rs->given.stride[i];
            n_new = x->size[rs->given.axis[i]];
        }
    }
    const value *rows = rows_of(rs, n_new);
    if (rows == NULL) {
        return false;
    }
    int64_t from = 0;
    for (int64_t row = 0; row <= rs->n_rows; row++) {
        const int64_t at = row < rs->n_rows ? number_of(rows, row) : -1;
        if (at < 0 && row < rs->n_rows) {
            continue;
        }
        take_rows(rs, t, &rs->target, rs->row_stride, from, from, row - from);
        if (at >= 0) {
            take_rows(rs, x->factor[0], &rs->given, rs->new_stride, at, row, 1);
        }
        from = row + 1;
    }
    return !rs->failed;
}

static void swap_rows(merger *g, const attempt *x, plan_tensor *t)
{
    row_swap rs = {.g = g, .x = x};
    const piece_list was = t->pieces;
    if (!place_rows(&rs, t)) {
        g->worst = RT_MISMATCH;
        return;
    }
    t->pieces = rs.out;
    mark_replaced(g, x, t, &was);
}

void replace_rows(merger *g, const attempt *x, plan_tensor *t)
{
    if (!stands_alone(g, x, t)) {
        return;
    }
    swap_rows(g, x, t);
    for (size_t i = 0; i < g->ties.n; i++) {
        tied_pair *pair = &g->ties.at[i];
        if (&g->out->tensors.at[pair->at[1]] == t && !pair->may_differ &&
            !update_is_held(g, x->u, pair->at[0])) { /* else it gets its own */
            swap_rows(g, x, &g->out->tensors.at[pair->at[0]]);
            pair->same_change = true;
        }
    }
}
