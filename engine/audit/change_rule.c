/* What becomes of each element, by the dims of an update: a slow reading, an element at
 * a time. */
#include <string.h>

#include "audit/slow.h"
#include "audit/small_merge.h"

typedef struct reading {
    small_merge *s;
    int64_t *index; /* by axis: of the element that is told */
    change *out;
} reading;

/* The axis that x has and y lacks, or NO_AXIS. */
static uint32_t axis_beyond(const slow_atom *x, const slow_atom *y)
{
    for (unsigned i = 0; i < x->n_axes; i++) {
        if (!slow_has_axis(y, x->axis[i])) {
            return x->axis[i];
        }
    }
    return NO_AXIS;
}

static bool has_label(const slow_atom *x, const char *label)
{
    for (unsigned i = 0; i < x->n_labels; i++) {
        if (strcmp(x->label[i], label) == 0) {
            return true;
        }
    }
    return false;
}

/* A term lands where the labels of both factors, taken together, are the target's. */
static bool lands(const slow_atom *at, const slow_atom *b, const slow_atom *a)
{
    bool does = at->is_there && b->is_there && a->is_there;
    for (unsigned i = 0; i < at->n_labels; i++) {
        does = does && (has_label(b, at->label[i]) || has_label(a, at->label[i]));
    }
    for (unsigned i = 0; i < b->n_labels; i++) {
        does = does && has_label(at, b->label[i]);
    }
    for (unsigned i = 0; i < a->n_labels; i++) {
        does = does && has_label(at, a->label[i]);
    }
    return does;
}

static int64_t position(const reading *r, const map_tensor *t,
                        const slow_choice *choice)
{
    return slow_position(t, r->s->v->size, r->s->part_on, choice, r->index);
}

/* ---- the parts of an update ------------------------------------------------------ */

static void add_term(reading *r, const slow_atom *at, const slow_atom *b,
                     const slow_choice *b_at, const slow_choice *a_at, change *c)
{
    const small_merge *s = r->s;
    const bool two = s->n_factors == 2;
    const uint32_t summed = axis_beyond(b, at);
    const int64_t n = summed == NO_AXIS ? 1 : s->v->size[summed];
    int64_t *bs = NEW_N(s->cx.arena, int64_t, (size_t)n);
    int64_t *as = NEW_N(s->cx.arena, int64_t, (size_t)n);
    for (int64_t k = 0; k < n; k++) {
        if (summed != NO_AXIS) {
            r->index[summed] = k;
        }
        bs[k] = position(r, s->tensor[1], b_at);
        as[k] = two ? position(r, s->tensor[2], a_at) : 0;
    }
    if (c->n_terms == CHANGE_MAX_TERMS) {
        c->is_tangled = true;
        return;
    }
    c->term[c->n_terms++] = (change_term){.scale = (float)s->scale,
                                          .n = (uint32_t)n,
                                          .b_of = 1,
                                          .a_of = two ? 2 : 0,
                                          .b = bs,
                                          .a = as};
}

/* All terms that land on an element, in the order of the parts of B, then of A. */
static void add_terms(reading *r, const slow_atom *at, change *c)
{
    const small_merge *s = r->s;
    slow_choice b_at = {0};
    do {
        const slow_atom b = slow_atom_of(s->tensor[1], s->part_on, &b_at);
        slow_choice a_at = {0};
        do {
            slow_atom a = {.is_there = true};
            if (s->n_factors == 2) {
                a = slow_atom_of(s->tensor[2], s->part_on, &a_at);
            }
            if (lands(at, &b, &a)) {
                add_term(r, at, &b, &b_at, &a_at, c);
            }
        } while (slow_next(&a_at));
    } while (slow_next(&b_at));
}

/* The element of the part of the same labels, if there is one. */
static void replace(const reading *r, const slow_atom *at, change *c)
{
    const slow_atom none = {.is_there = true};
    slow_choice f_at = {0};
    do {
        const slow_atom f = slow_atom_of(r->s->tensor[1], r->s->part_on, &f_at);
        if (lands(at, &f, &none)) {
            c->of = 1;
            c->at = position(r, r->s->tensor[1], &f_at);
        }
    } while (slow_next(&f_at));
}

/* The element of the row of that number, if the list has it. */
static void replace_row(reading *r, const slow_atom *at, change *c)
{
    slow_choice f_at = {0};
    const slow_atom f = slow_atom_of(r->s->tensor[1], r->s->part_on, &f_at);
    const int64_t row = r->index[axis_beyond(at, &f)];
    for (size_t i = 0; i < r->s->rows->items.n; i++) {
        if (r->s->rows->items.at[i]->i == row) {
            r->index[axis_beyond(&f, at)] = (int64_t)i;
            c->of = 1;
            c->at = position(r, r->s->tensor[1], &f_at);
        }
    }
}

static void add_norm(const reading *r, change *c)
{
    slow_choice n_at = {0};
    (void)slow_atom_of(r->s->norm, r->s->part_on, &n_at);
    c->has_norm = true;
    c->norm = c->counts = position(r, r->s->norm, &n_at);
}

/* ---- all elements ---------------------------------------------------------------- */

static void read_element(reading *r, const slow_atom *at, const slow_choice *choice)
{
    const int64_t own = position(r, r->s->tensor[0], choice);
    change *c = &r->out[own];
    c->n_met++;
    c->of = 0;
    c->at = own;
    if (!r->s->u->replace) {
        add_terms(r, at, c);
    } else if (r->s->u->rows != NULL) {
        replace_row(r, at, c);
    } else {
        replace(r, at, c);
    }
    if (r->s->norm != NULL) {
        add_norm(r, c);
    }
}

const change *change_by_rule(small_merge *s)
{
    const uint64_t n = s->made->n_elems;
    reading r = {.s = s,
                 .index = NEW_N(s->cx.arena, int64_t, s->v->m->axes.n + 1),
                 .out = NEW_N(s->cx.arena, change, n + 1)};
    if (s->u->target.dims->any) { /* `[...]`: as it is */
        for (uint64_t i = 0; i < n; i++) {
            r.out[i] = (change){.n_met = 1, .of = 1, .at = (int64_t)i};
        }
        return r.out;
    }
    slow_choice choice = {0};
    do {
        const slow_atom at = slow_atom_of(s->tensor[0], s->part_on, &choice);
        memset(r.index, 0, s->v->m->axes.n * sizeof *r.index);
        do {
            if (at.is_there) {
                read_element(&r, &at, &choice);
            }
        } while (slow_next_index(&at, s->v->size, r.index));
    } while (slow_next(&choice));
    return r.out;
}
