/* Cuts: the labelled parts of a tensor as boxes of numbers. */
#include "mapping/cuts.h"

#include <string.h>

typedef struct cutter {
    arena *a;
    const int64_t *size;
    const bool *part_on;
} cutter;

static bool times(int64_t x, int64_t y, int64_t *out)
{
    return !__builtin_mul_overflow(x, y, out);
}

static bool plus(int64_t x, int64_t y, int64_t *out)
{
    return !__builtin_add_overflow(x, y, out);
}

static bool is_on(const cutter *c, const map_part *p)
{
    return c->part_on == NULL || c->part_on[p->id];
}

static bool extent(const cutter *c, const map_dim *d, int64_t *out)
{
    int64_t n = d->kind == DIM_SUM ? 0 : 1;
    if (d->kind == DIM_AXIS) {
        n = c->size[d->axis];
    }
    for (size_t i = 0; i < d->kids.n; i++) {
        int64_t kid;
        if (!extent(c, d->kids.at[i], &kid) || !times(n, kid, &n)) {
            return false;
        }
    }
    for (size_t i = 0; i < d->parts.n; i++) {
        int64_t part = 0;
        if (is_on(c, &d->parts.at[i]) &&
            (!extent(c, d->parts.at[i].body, &part) || !plus(n, part, &n))) {
            return false;
        }
    }
    *out = n;
    return n >= 0;
}

static bool add_label(cut *x, const char *label)
{
    if (x->n_labels == CUT_MAX_LABELS) {
        return false;
    }
    unsigned i = x->n_labels++;
    while (i > 0 && strcmp(x->label[i - 1], label) > 0) {
        x->label[i] = x->label[i - 1];
        i--;
    }
    x->label[i] = label;
    return true;
}

static bool add_axis(cut *x, uint32_t axis, int64_t stride)
{
    if (x->n_axes == CUT_MAX_AXES) {
        return false;
    }
    x->axis[x->n_axes] = axis;
    x->stride[x->n_axes++] = stride;
    return true;
}

/* x times y: the axes of y lie within those of x. */
static bool join(const cut *x, const cut *y, cut *out)
{
    *out = *x;
    for (unsigned i = 0; i < y->n_labels; i++) {
        if (!add_label(out, y->label[i])) {
            return false;
        }
    }
    for (unsigned i = 0; i < y->n_axes; i++) {
        if (!add_axis(out, y->axis[i], y->stride[i])) {
            return false;
        }
    }
    return plus(x->offset, y->offset, &out->offset);
}

static bool cuts_of(const cutter *c, const map_dim *d, int64_t stride, cut_list *out);

/* The dims of a product, `stride` being that of the last one; *total is its extent. */
static bool cuts_product(const cutter *c, const map_dim *const *kids, size_t n,
                         int64_t stride, cut_list *out)
{
    const cut one = {0};
    int64_t *strides = NEW_N(c->a, int64_t, n + 1);
    for (size_t i = n; i-- > 0;) {
        int64_t size;
        strides[i] = stride;
        if (!extent(c, kids[i], &size) || !times(stride, size, &stride)) {
            return false;
        }
    }
    out->n = 0;
    vec_push(c->a, out, one);
    for (size_t i = 0; i < n; i++) {
        cut_list kid = {0}, all = {0};
        if (!cuts_of(c, kids[i], strides[i], &kid)) {
            return false;
        }
        for (size_t x = 0; x < out->n; x++) {
            for (size_t y = 0; y < kid.n; y++) {
                cut both;
                if (!join(&out->at[x], &kid.at[y], &both)) {
                    return false;
                }
                vec_push(c->a, &all, both);
            }
        }
        *out = all;
    }
    return true;
}

static bool cuts_sum(const cutter *c, const map_dim *d, int64_t stride, cut_list *out)
{
    int64_t base = 0;
    for (size_t i = 0; i < d->parts.n; i++) {
        const map_part *p = &d->parts.at[i];
        cut_list part = {0};
        int64_t size, step;
        if (!is_on(c, p)) {
            continue;
        }
        if (!cuts_of(c, p->body, stride, &part)) {
            return false;
        }
        for (size_t k = 0; k < part.n; k++) {
            cut x = part.at[k];
            if (!plus(x.offset, base, &x.offset) || !add_label(&x, p->label)) {
                return false;
            }
            vec_push(c->a, out, x);
        }
        if (!extent(c, p->body, &size) || !times(size, stride, &step) ||
            !plus(base, step, &base)) {
            return false;
        }
    }
    return true;
}

static bool cuts_of(const cutter *c, const map_dim *d, int64_t stride, cut_list *out)
{
    cut x = {0};
    switch (d->kind) {
    case DIM_AXIS:
        add_axis(&x, d->axis, stride);
        vec_push(c->a, out, x);
        return true;
    case DIM_INT: vec_push(c->a, out, x); return true;
    case DIM_PRODUCT: return cuts_product(c, d->kids.at, d->kids.n, stride, out);
    case DIM_SUM: return cuts_sum(c, d, stride, out);
    }
    return false;
}

bool dims_cuts(arena *a, const map_dims *d, const char *label, const int64_t *size,
               const bool *part_on, int64_t *shape, unsigned *rank, cut_list *out)
{
    const cutter c = {a, size, part_on};
    *out = (cut_list){0};
    *rank = (unsigned)d->all.n;
    for (size_t i = 0; i < d->all.n; i++) {
        if (!extent(&c, d->all.at[i], &shape[i])) {
            return false;
        }
    }
    if (!cuts_product(&c, d->all.at, d->all.n, 1, out)) {
        return false;
    }
    for (size_t i = 0; label != NULL && i < out->n; i++) {
        if (!add_label(&out->at[i], label)) {
            return false;
        }
    }
    return true;
}

bool tensor_cuts(arena *a, const map_tensor *t, const int64_t *size,
                 const bool *part_on, int64_t *shape, unsigned *rank, cut_list *out)
{
    return dims_cuts(a, t->dims, t->label, size, part_on, shape, rank, out);
}

bool cut_same_atom(const cut *x, const cut *y)
{
    if (x->n_labels != y->n_labels || x->n_axes != y->n_axes) {
        return false;
    }
    for (unsigned i = 0; i < x->n_labels; i++) {
        if (strcmp(x->label[i], y->label[i]) != 0) {
            return false;
        }
    }
    for (unsigned i = 0; i < x->n_axes; i++) {
        bool found = false;
        for (unsigned k = 0; k < y->n_axes && !found; k++) {
            found = x->axis[i] == y->axis[k];
        }
        if (!found) {
            return false;
        }
    }
    return true;
}
