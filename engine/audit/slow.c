#include "audit/slow.h"

#include <stdlib.h>
#include <string.h>

static bool is_on(const map_part *p, const bool *part_on)
{
    return part_on == NULL || part_on[p->id];
}

int64_t slow_size(const map_dim *d, const int64_t *size, const bool *part_on)
{
    int64_t n = 0;
    switch (d->kind) {
    case DIM_AXIS: return size[d->axis];
    case DIM_INT: return 1;
    case DIM_PRODUCT:
        n = 1;
        for (size_t i = 0; i < d->kids.n; i++) {
            const int64_t k = slow_size(d->kids.at[i], size, part_on);
            if (k < 0 || __builtin_mul_overflow(n, k, &n)) {
                return -1;
            }
        }
        return n;
    case DIM_SUM:
        for (size_t i = 0; i < d->parts.n; i++) {
            if (is_on(&d->parts.at[i], part_on)) {
                const int64_t k = slow_size(d->parts.at[i].body, size, part_on);
                if (k < 0 || __builtin_add_overflow(n, k, &n)) {
                    return -1;
                }
            }
        }
        return n;
    }
    return -1;
}

bool slow_shape(const map_dims *d, const int64_t *size, const bool *part_on,
                uint64_t *shape, unsigned *rank)
{
    *rank = 0;
    for (size_t i = 0; d != NULL && i < d->all.n; i++) {
        const int64_t n = slow_size(d->all.at[i], size, part_on);
        if (n < 0 || *rank == 8) {
            return false;
        }
        shape[(*rank)++] = (uint64_t)n;
    }
    return d != NULL;
}

/* ---- atoms --------------------------------------------------------------------- */

typedef struct atom_walk {
    slow_choice *choice;
    unsigned n_met;
    const bool *part_on;
    slow_atom *atom;
} atom_walk;

static void walk(atom_walk *w, const map_dim *d)
{
    slow_atom *at = w->atom;
    switch (d->kind) {
    case DIM_AXIS:
        if (at->n_axes == SLOW_MAX_AXES) {
            at->is_there = false;
            return;
        }
        at->axis[at->n_axes++] = d->axis;
        return;
    case DIM_INT: return;
    case DIM_PRODUCT:
        for (size_t i = 0; i < d->kids.n; i++) {
            walk(w, d->kids.at[i]);
        }
        return;
    case DIM_SUM: break;
    }
    const unsigned k = w->n_met++;
    slow_choice *c = w->choice;
    if (k >= SLOW_MAX_SUMS || d->parts.n == 0) {
        at->is_there = false;
        return;
    }
    if (k >= c->n) {
        c->n = k + 1;
        c->digit[k] = 0;
    }
    c->n_parts[k] = (unsigned)d->parts.n;
    const map_part *p = &d->parts.at[c->digit[k]];
    at->is_there = at->is_there && is_on(p, w->part_on);
    at->label[at->n_labels++] = p->label;
    walk(w, p->body);
}

static int by_text(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static int by_number(const void *x, const void *y)
{
    const uint32_t p = *(const uint32_t *)x, q = *(const uint32_t *)y;
    return p < q ? -1 : p > q;
}

static int64_t block_size(const map_block *b, const int64_t *size)
{
    return b->by_axis != NO_AXIS ? size[b->by_axis] : b->by;
}

static int64_t n_blocks(const map_block *b, const int64_t *size)
{
    const int64_t n = b->axis != NO_AXIS ? size[b->axis] : 1, by = block_size(b, size);
    int64_t blocks = 0;
    for (int64_t at = 0; n >= 0 && by > 0 && at < n; at += by) {
        blocks++;
    }
    return n < 0 || by <= 0 ? -1 : blocks;
}

bool slow_blocks(const map_scale *s, const int64_t *size, uint64_t *shape,
                 unsigned *rank)
{
    *rank = (unsigned)s->dims.n;
    for (size_t i = 0; i < s->dims.n; i++) {
        const int64_t n = n_blocks(&s->dims.at[i], size);
        if (n < 0 || i >= 8) {
            return false;
        }
        shape[i] = (uint64_t)n;
    }
    return true;
}

int64_t slow_block_of(const map_scale *s, const int64_t *size, const int64_t *index)
{
    int64_t at = 0;
    for (size_t i = 0; i < s->dims.n; i++) {
        const map_block *b = &s->dims.at[i];
        at *= n_blocks(b, size);
        at += b->axis != NO_AXIS ? index[b->axis] / block_size(b, size) : 0;
    }
    return at;
}

slow_atom slow_atom_of(const map_tensor *t, const bool *part_on, slow_choice *choice)
{
    slow_atom at = {.is_there = true};
    atom_walk w = {choice, 0, part_on, &at};
    for (size_t i = 0; t->dims != NULL && i < t->dims->all.n; i++) {
        walk(&w, t->dims->all.at[i]);
    }
    if (t->label != NULL) {
        at.label[at.n_labels++] = t->label;
    }
    qsort(at.label, at.n_labels, sizeof at.label[0], by_text);
    qsort(at.axis, at.n_axes, sizeof at.axis[0], by_number);
    return at;
}

bool slow_next(slow_choice *c)
{
    while (c->n > 0) {
        if (++c->digit[c->n - 1] < c->n_parts[c->n - 1]) {
            return true;
        }
        c->n--;
    }
    return false;
}

bool slow_has_axis(const slow_atom *x, uint32_t axis)
{
    for (unsigned i = 0; i < x->n_axes; i++) {
        if (x->axis[i] == axis) {
            return true;
        }
    }
    return false;
}

bool slow_next_index(const slow_atom *atom, const int64_t *size, int64_t *index)
{
    for (unsigned i = atom->n_axes; i-- > 0;) {
        if (++index[atom->axis[i]] < size[atom->axis[i]]) {
            return true;
        }
        index[atom->axis[i]] = 0;
    }
    return false;
}

/* ---- one element ----------------------------------------------------------------- */

typedef struct position_walk {
    const slow_choice *choice;
    unsigned n_met;
    const int64_t *size, *index;
    const bool *part_on;
} position_walk;

static int64_t index_in(position_walk *w, const map_dim *d)
{
    int64_t at = 0;
    switch (d->kind) {
    case DIM_AXIS: return w->index[d->axis];
    case DIM_INT: return 0;
    case DIM_PRODUCT:
        for (size_t i = 0; i < d->kids.n; i++) {
            at = at * slow_size(d->kids.at[i], w->size, w->part_on) +
                 index_in(w, d->kids.at[i]);
        }
        return at;
    case DIM_SUM: break;
    }
    const unsigned digit = w->choice->digit[w->n_met++];
    for (unsigned i = 0; i < digit; i++) {
        if (is_on(&d->parts.at[i], w->part_on)) {
            at += slow_size(d->parts.at[i].body, w->size, w->part_on);
        }
    }
    return at + index_in(w, d->parts.at[digit].body);
}

int64_t slow_position(const map_tensor *t, const int64_t *size, const bool *part_on,
                      const slow_choice *choice, const int64_t *index)
{
    position_walk w = {choice, 0, size, index, part_on};
    int64_t at = 0;
    for (size_t i = 0; t->dims != NULL && i < t->dims->all.n; i++) {
        const map_dim *d = t->dims->all.at[i];
        at = at * slow_size(d, size, part_on) + index_in(&w, d);
    }
    return at;
}

/* ---- text ------------------------------------------------------------------------ */

static void add_numbers(buf *b, const map_dim *d, const int64_t *size,
                        const bool *part_on)
{
    bool first = true;
    switch (d->kind) {
    case DIM_AXIS: buf_printf(b, "%lld", (long long)size[d->axis]); return;
    case DIM_INT: buf_add(b, "1"); return;
    case DIM_PRODUCT:
        for (size_t i = 0; i < d->kids.n; i++) {
            buf_add(b, i > 0 ? "*" : "");
            add_numbers(b, d->kids.at[i], size, part_on);
        }
        if (d->kids.n == 0) {
            buf_add(b, "1");
        }
        return;
    case DIM_SUM:
        buf_add(b, "(");
        for (size_t i = 0; i < d->parts.n; i++) {
            if (is_on(&d->parts.at[i], part_on)) {
                buf_add(b, first ? "" : " + ");
                add_numbers(b, d->parts.at[i].body, size, part_on);
                first = false;
            }
        }
        buf_add(b, ")");
        return;
    }
}

const char *slow_numbers(arena *a, const map_dims *d, const int64_t *size,
                         const bool *part_on)
{
    buf b = {.arena = a};
    buf_add(&b, "[");
    for (size_t i = 0; d != NULL && i < d->all.n; i++) {
        buf_add(&b, i > 0 ? ", " : "");
        add_numbers(&b, d->all.at[i], size, part_on);
    }
    buf_add(&b, "]");
    return buf_str(&b);
}
