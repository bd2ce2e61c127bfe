/* exec/factors.c -- see factors.h. */
#include "exec/factors.h"

#include "exec/widen.h"

#define MAX_GROUP_COLS ((int64_t)16384)

size_t factors_min_floats(unsigned rank)
{
    return (size_t)rank * MAX_PANEL;
}

void factors_init(factors *f, const plan *p, const kernels *k, factor_slot *slots,
                  size_t n_slots, float *room, size_t slot_floats)
{
    *f = (factors){.plan = p,
                   .kernels = k,
                   .n_slots = n_slots,
                   .slot_floats = slot_floats,
                   .slots = slots};
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_cond_init(&f->changed, NULL);
    for (size_t i = 0; i < n_slots; i++) {
        slots[i] = (factor_slot){.panels = room + i * slot_floats};
    }
}

void factors_end(factors *f)
{
    (void)pthread_cond_destroy(&f->changed);
    (void)pthread_mutex_destroy(&f->lock);
}

/* Last element of a tensor as its strides tell. */
static int64_t last_element(const tensor_info *t)
{
    int64_t last = 0;
    for (unsigned d = 0; d < t->rank; d++) {
        last += ((int64_t)t->shape[d] - 1) * t->stride[d];
    }
    return last;
}

/* Where the group of the wanted column starts, and how many columns it has. */
static right_factor group_of(const factors *f, const right_factor *want,
                             int64_t *n_cols)
{
    const int64_t per_slot =
        (int64_t)(f->slot_floats / want->rank / MAX_PANEL * MAX_PANEL);
    const int64_t group = per_slot < MAX_GROUP_COLS ? per_slot : MAX_GROUP_COLS;
    const bool k_outside = want->rank > 1 && want->k_stride > want->col_stride;
    const int64_t in_row = k_outside ? want->offset % want->k_stride : want->offset;
    right_factor key = *want;
    key.offset = want->offset - in_row / want->col_stride % group * want->col_stride;
    const int64_t last = last_element(f->plan->sources.at[want->src].t);
    const int64_t room = last - key.offset - (want->rank - 1) * want->k_stride;
    int64_t n = room / want->col_stride + 1;
    if (k_outside) {
        const int64_t to_row_end = want->k_stride - 1 - key.offset % want->k_stride;
        const int64_t in_this_row = to_row_end / want->col_stride + 1;
        n = n < in_this_row ? n : in_this_row;
    }
    *n_cols = n < group ? n : group;
    return key;
}

static bool same_factor(const right_factor *x, const right_factor *y)
{
    return x->src == y->src && x->rank == y->rank && x->offset == y->offset &&
           x->k_stride == y->k_stride && x->col_stride == y->col_stride;
}

/* Widen rows k.. of columns col.. (native: [n_rows][n]) into their panels. */
static void pack(const factors *f, factor_slot *s, dtype dt, const factor_room *room,
                 size_t k, size_t n_rows, size_t col, size_t n)
{
    const size_t width = dtype_bits(dt) / 8;
    const size_t panel = f->kernels->panel;
    for (size_t i = 0; i < n_rows; i++) {
        for (size_t j = 0; j < n; j += panel) {
            const size_t count = n - j < panel ? n - j : panel;
            float *to = s->panels + (col + j) * s->key.rank + (k + i) * panel;
            widen_f32(f->kernels, to, room->native + (i * n + j) * width, dt, count);
            for (size_t z = count; z < panel; z++) {
                to[z] = 0;
            }
        }
    }
}

/* Read the group in parts that fit into the room: whole panels of some rows. */
static int load(const factors *f, factor_slot *s, factor_room *room)
{
    const plan_source *operand = &f->plan->sources.at[s->key.src];
    const dtype dt = operand->t->dt;
    const size_t width = dtype_bits(dt) / 8;
    const size_t room_elems = room->native_bytes / width;
    size_t most = room_elems / s->key.rank / MAX_PANEL * MAX_PANEL;
    most = most < MAX_PANEL ? MAX_PANEL : most;
    room->from.fd = operand->inv->files.at[operand->t->file].fd;
    room->from.elem_bytes = (unsigned)width;
    for (size_t col = 0; col < s->n_cols; col += most) {
        const size_t n = s->n_cols - col < most ? s->n_cols - col : most;
        const size_t n_rows_most = room_elems / n;
        for (size_t k = 0; k < s->key.rank; k += n_rows_most) {
            const size_t left = s->key.rank - k;
            const size_t n_rows = left < n_rows_most ? left : n_rows_most;
            const strided box = {.n = 2,
                                 .size = {(int64_t)n_rows, (int64_t)n},
                                 .dst = {(int64_t)n, 1},
                                 .src = {s->key.k_stride, s->key.col_stride}};
            const int64_t at = s->key.offset + (int64_t)k * s->key.k_stride +
                               (int64_t)col * s->key.col_stride;
            const int errnum =
                gather(&room->from, &box, operand->t->offset + (uint64_t)at * width,
                       room->native);
            if (errnum != 0) {
                return errnum;
            }
            pack(f, s, dt, room, k, n_rows, col, n);
        }
    }
    return 0;
}

/* With the lock held: the slot of this key, or NULL. */
static factor_slot *find(factors *f, const right_factor *key)
{
    for (size_t i = 0; i < f->n_slots; i++) {
        if (f->slots[i].is_used && same_factor(&f->slots[i].key, key)) {
            return &f->slots[i];
        }
    }
    return NULL;
}

/* With the lock held: the slot that was not in use for longest, or NULL. */
static factor_slot *oldest(factors *f)
{
    factor_slot *best = NULL;
    for (size_t i = 0; i < f->n_slots; i++) {
        factor_slot *s = &f->slots[i];
        if (s->n_holders == 0 && (best == NULL || s->last_use < best->last_use)) {
            best = s;
        }
    }
    return best;
}

/* With the lock held: a slot for the caller to use, or (is_ours) to pack first. */
static factor_slot *claim(factors *f, const right_factor *key, int64_t n_cols,
                          bool *is_ours)
{
    for (;;) {
        factor_slot *s = find(f, key);
        *is_ours = s == NULL;
        if (s == NULL) {
            s = oldest(f);
        }
        if (s != NULL && *is_ours) {
            *s = (factor_slot){.key = *key,
                               .is_used = true,
                               .n_cols = (size_t)n_cols,
                               .panels = s->panels};
        }
        if (s != NULL && (s->is_ready || *is_ours)) {
            s->last_use = ++f->clock;
            s->n_holders++;
            return s;
        }
        (void)pthread_cond_wait(&f->changed, &f->lock);
    }
}

int factors_get(factors *f, const right_factor *want, factor_room *room,
                factor_view *view)
{
    int64_t n_cols = 0;
    const right_factor key = group_of(f, want, &n_cols);
    bool is_ours = false;
    (void)pthread_mutex_lock(&f->lock);
    factor_slot *s = claim(f, &key, n_cols, &is_ours);
    (void)pthread_mutex_unlock(&f->lock);
    if (is_ours) {
        const int errnum = load(f, s, room);
        (void)pthread_mutex_lock(&f->lock);
        s->is_ready = errnum == 0;
        if (errnum != 0) { /* others try for themselves, and fail in their own name */
            s->is_used = false;
            s->n_holders = 0;
        }
        (void)pthread_cond_broadcast(&f->changed);
        (void)pthread_mutex_unlock(&f->lock);
        if (errnum != 0) {
            return errnum;
        }
    }
    const size_t col = (size_t)((want->offset - key.offset) / want->col_stride);
    const size_t first = col % f->kernels->panel;
    *view = (factor_view){.slot = s,
                          .first = first,
                          .n_cols = s->n_cols - col,
                          .right = s->panels + (col - first) * want->rank + first};
    return 0;
}

void factors_release(factors *f, const factor_view *view)
{
    (void)pthread_mutex_lock(&f->lock);
    view->slot->n_holders--;
    (void)pthread_cond_signal(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
}
