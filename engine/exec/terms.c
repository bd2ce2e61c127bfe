/* exec/terms.c -- a low-rank term over a box, as rows times columns.
 *
 * One operand moves with the innermost dim: it is the right factor, its columns run
 * along that dim, packed and cached.  Dims in which it stands still are the rows; the
 * other operand, the left factor, is read once for all of them.  Dims in which the
 * right factor moves as well, other than the innermost, are outer loops.  Where no
 * operand owns the innermost dim, columns are single elements: slow, but the same
 * numbers.
 */
#include "exec/run.h"
#include "exec/widen.h"

typedef struct operand {
    uint32_t src;
    int64_t offset, k_stride;
    const int64_t *stride;
} operand;

typedef struct loops {
    worker *w;
    const part *box;
    const term *t;
    const term_target *to;
    operand left, right;
    bool has_cols; /* the last dim is that of the columns */
    unsigned n_row_dims, n_outer_dims;
    unsigned row_dims[PIECE_MAX_DIMS], outer_dims[PIECE_MAX_DIMS];
    int64_t n_rows;
} loops;

gather_from source_of(worker *w, uint32_t src)
{
    const plan_source *s = &w->run->plan->sources.at[src];
    return (gather_from){.fd = s->inv->files.at[s->t->file].fd,
                         .elem_bytes = dtype_bits(s->t->dt) / 8,
                         .stage = w->stage,
                         .stage_bytes = STAGE_BYTES};
}

static loops loops_of(worker *w, const part *box, const term *t, const term_target *to)
{
    const operand a = {t->a, t->a_offset, t->a_k, t->a_stride};
    const operand b = {t->b, t->b_offset, t->b_k, t->b_stride};
    const unsigned n = box->p->n;
    loops l = {.w = w, .box = box, .t = t, .to = to, .n_rows = 1};
    const bool a_moves = n > 0 && a.stride[n - 1] != 0;
    const bool b_moves = n > 0 && b.stride[n - 1] != 0;
    l.has_cols = a_moves != b_moves && to->stride[n - 1] == 1;
    const bool b_is_right = t->a == NO_SOURCE || (b_moves && !a_moves);
    l.right = b_is_right ? b : a;
    l.left = b_is_right ? a : b;
    for (unsigned i = 0; i < n - (l.has_cols ? 1 : 0); i++) {
        if (l.right.stride[i] == 0) {
            l.row_dims[l.n_row_dims++] = i;
            l.n_rows *= box->size[i];
        } else {
            l.outer_dims[l.n_outer_dims++] = i;
        }
    }
    return l;
}

/* The left factor's rows as [n_rows][rank] f32. */
static int load_left(const loops *l, int64_t offset)
{
    worker *w = l->w;
    strided s = {.n = l->n_row_dims + 1};
    if (l->left.src == NO_SOURCE) {
        for (int64_t i = 0; i < l->n_rows * (int64_t)l->t->rank; i++) {
            w->left[i] = 1;
        }
        return 0;
    }
    for (unsigned i = 0; i < l->n_row_dims; i++) {
        s.size[i] = l->box->size[l->row_dims[i]];
        s.src[i] = l->left.stride[l->row_dims[i]];
    }
    s.size[l->n_row_dims] = (int64_t)l->t->rank;
    s.src[l->n_row_dims] = l->left.k_stride;
    strided_dense(s.n, s.size, s.dst);
    const tensor_info *t = w->run->plan->sources.at[l->left.src].t;
    const gather_from from = source_of(w, l->left.src);
    const int errnum =
        gather(&from, &s, t->offset + (uint64_t)offset * from.elem_bytes, w->native);
    if (errnum != 0) {
        w->bad_src = l->left.src;
        return errnum;
    }
    widen_f32(w->run->kernels, w->left, w->native, t->dt,
              (size_t)l->n_rows * l->t->rank);
    return 0;
}

static void place_rows(const loops *l)
{
    int64_t at[PIECE_MAX_DIMS] = {0};
    for (int64_t row = 0; row < l->n_rows; row++) {
        int64_t place = 0;
        for (unsigned i = 0; i < l->n_row_dims; i++) {
            place += at[i] * l->to->stride[l->row_dims[i]];
        }
        l->w->row_at[row] = place * (int64_t)l->to->elem_bytes;
        for (unsigned i = l->n_row_dims; i-- > 0;) {
            if (++at[i] < l->box->size[l->row_dims[i]]) {
                break;
            }
            at[i] = 0;
        }
    }
}

/* All columns of the rows, `to` being the place of the first row's first column. */
static int sweep(const loops *l, int64_t right_offset, unsigned char *to)
{
    worker *w = l->w;
    const unsigned last = l->box->p->n - 1;
    const int64_t n_cols = l->has_cols ? l->box->size[last] : 1;
    const int64_t col_stride = l->has_cols ? l->right.stride[last] : 1;
    factor_room room = {.native = w->native,
                        .native_bytes = (size_t)DENSE_ELEMS * 8,
                        .from = source_of(w, l->right.src)};
    for (int64_t j = 0; j < n_cols;) {
        const right_factor want = {.src = l->right.src,
                                   .rank = l->t->rank,
                                   .offset = right_offset + j * col_stride,
                                   .k_stride = l->right.k_stride,
                                   .col_stride = col_stride};
        factor_view view;
        const int errnum = factors_get(w->factors, &want, &room, &view);
        if (errnum != 0) {
            w->bad_src = l->right.src;
            return errnum;
        }
        const int64_t here =
            n_cols - j < (int64_t)view.n_cols ? n_cols - j : (int64_t)view.n_cols;
        lowrank work = {.rank = l->t->rank,
                        .n_rows = (size_t)l->n_rows,
                        .scale = l->t->scale,
                        .left = w->left,
                        .right = view.right,
                        .row_at = w->row_at};
        const size_t panel = w->run->kernels->panel;
        size_t first = view.first;
        for (int64_t done = 0; done < here; done += work.n_cols) {
            const size_t rest = (size_t)(here - done);
            work.n_cols = (unsigned)(rest < panel - first ? rest : panel - first);
            work.to = to + (uint64_t)(j + done) * l->to->elem_bytes;
            l->to->kernel(&work);
            work.right += work.rank * panel - first;
            first = 0;
        }
        factors_release(w->factors, &view);
        j += here;
    }
    return 0;
}

static int run_loops(const loops *l)
{
    const int64_t left = part_at(l->box, l->left.offset, l->left.stride);
    const int64_t right = part_at(l->box, l->right.offset, l->right.stride);
    int64_t at[PIECE_MAX_DIMS] = {0};
    int64_t loaded = -1;
    place_rows(l);
    for (;;) {
        int64_t left_now = left, right_now = right, to_now = 0;
        for (unsigned i = 0; i < l->n_outer_dims; i++) {
            const unsigned d = l->outer_dims[i];
            left_now += at[i] * l->left.stride[d];
            right_now += at[i] * l->right.stride[d];
            to_now += at[i] * l->to->stride[d];
        }
        int errnum = 0;
        if (left_now != loaded) {
            errnum = load_left(l, left_now);
            loaded = left_now;
        }
        if (errnum == 0) {
            errnum =
                sweep(l, right_now, l->to->at + (uint64_t)to_now * l->to->elem_bytes);
        }
        if (errnum != 0) {
            return errnum;
        }
        unsigned i = l->n_outer_dims;
        while (i-- > 0) {
            if (++at[i] < l->box->size[l->outer_dims[i]]) {
                break;
            }
            at[i] = 0;
        }
        if (i == (unsigned)-1) {
            return 0;
        }
    }
}

int term_apply(worker *w, const part *box, const term *t, const term_target *to)
{
    const loops l = loops_of(w, box, t, to);
    if (l.n_rows <= MAX_ROWS && l.n_rows * (int64_t)t->rank <= LEFT_FLOATS) {
        return run_loops(&l);
    }
    unsigned widest = l.row_dims[0];
    for (unsigned i = 1; i < l.n_row_dims; i++) {
        widest = box->size[l.row_dims[i]] > box->size[widest] ? l.row_dims[i] : widest;
    }
    part half = *box;
    term_target place = *to;
    half.size[widest] = box->size[widest] / 2;
    const int errnum = term_apply(w, &half, t, &place);
    if (errnum != 0) {
        return errnum;
    }
    const int64_t first = half.size[widest];
    half.from[widest] += first;
    half.size[widest] = box->size[widest] - first;
    place.at += (uint64_t)(first * to->stride[widest]) * to->elem_bytes;
    return term_apply(w, &half, t, &place);
}
