/* Sizes become axes: their names, where configs say them, and the names and dims of
 * tensors in terms of them. */
#include <string.h>

#include "audit/suggest_draft.h"

/* ---- axes ---------------------------------------------------------------------- */

static draft_axis *axis_of(draft *d, uint64_t size, bool is_capture)
{
    for (size_t i = 0; i < d->axes.n; i++) {
        if (d->axes.at[i].size == size && d->axes.at[i].is_capture == is_capture) {
            return &d->axes.at[i];
        }
    }
    vec_push(d->a, &d->axes, ((draft_axis){.size = size, .is_capture = is_capture}));
    return &d->axes.at[d->axes.n - 1];
}

static bool is_hole(const group *g, unsigned h)
{
    return g->end[h] - g->lo[h] > 1; /* a number that never changes is text */
}

static void count_size(draft *d, uint64_t size, bool is_capture, unsigned n_copies)
{
    draft_axis *x = axis_of(d, size, is_capture);
    x->n_uses++;
    x->n_copies = n_copies > x->n_copies ? n_copies : x->n_copies;
}

/* The dims of a tensor from `from` on. */
static void count_dims(draft *d, const tensor_info *t, unsigned from)
{
    for (unsigned k = from; k < t->rank; k++) {
        unsigned n = 1;
        for (unsigned i = k + 1; i < t->rank; i++) {
            n += t->shape[i] == t->shape[k] ? 1 : 0;
        }
        count_size(d, t->shape[k], false, n);
    }
}

static void count_captures(draft *d, const group *g)
{
    for (unsigned h = 0; h < g->n_holes; h++) {
        unsigned n = 1;
        for (unsigned i = h + 1; i < g->n_holes; i++) {
            n += is_hole(g, i) && g->end[i] == g->end[h] ? 1 : 0;
        }
        if (is_hole(g, h)) {
            count_size(d, g->end[h], true, n);
        }
    }
}

static void count_all(draft *d)
{
    for (unsigned side = 0; side < 2; side++) {
        for (size_t i = 0; i < d->s->groups[side].n; i++) {
            count_captures(d, &d->s->groups[side].at[i]);
        }
    }
    for (size_t i = 0; i < d->s->pairs.n; i++) {
        const pair *p = &d->s->pairs.at[i];
        for (unsigned k = 0; k < p->n_parts; k++) {
            count_dims(d, p->parts[k]->first, 0);
        }
        /* rows that are parts of the other side are their sum, and no axis */
        count_dims(d, p->one->first, p->n_parts > 1 ? 1 : 0);
    }
}

/* The more often a size is used, the earlier its letter. */
static void name_axes(draft *d)
{
    /* a and b are sides of a draft, l and e number layers and experts */
    static const char *const of_sizes[] = {"c", "i", "v", "d", "f", "g", "h", "j",
                                           "k", "m", "n", "o", "p", "q", "r", "s",
                                           "t", "u", "w", "x", "y", "z"};
    static const char *const of_captures[] = {"l", "e"};
    const size_t n_letters[2] = {sizeof of_sizes / sizeof *of_sizes,
                                 sizeof of_captures / sizeof *of_captures};
    size_t n_named[2] = {0, 0};
    for (size_t round = 0; round < d->axes.n; round++) {
        draft_axis *best = NULL;
        for (size_t i = 0; i < d->axes.n; i++) {
            draft_axis *x = &d->axes.at[i];
            if (x->name == NULL && (best == NULL || x->n_uses > best->n_uses)) {
                best = x;
            }
        }
        if (best == NULL) {
            return;
        }
        const bool is_capture = best->is_capture;
        const size_t k = n_named[is_capture]++;
        best->name = k < n_letters[is_capture]
                         ? (is_capture ? of_captures[k] : of_sizes[k])
                         : arena_printf(d->a, "%s_%zu", is_capture ? "number" : "size",
                                        k + 1 - n_letters[is_capture]);
    }
}

/* The only field of a config that has this value, as "SIDE.field", or NULL. */
static const char *field_of(draft *d, unsigned side, uint64_t size)
{
    const value *config = d->s->side[side].config;
    const char *only = NULL;
    for (size_t i = 0; config != NULL && i < config->members.n; i++) {
        const value_member *m = &config->members.at[i];
        if (m->val->kind == V_INT && m->val->i >= 0 && (uint64_t)m->val->i == size) {
            if (only != NULL) {
                return NULL;
            }
            only = arena_printf(d->a, "%s.%s", d->s->side[side].layout, m->key);
        }
    }
    return only;
}

void draft_axes(draft *d)
{
    count_all(d);
    name_axes(d);
    for (size_t i = 0; i < d->axes.n; i++) {
        draft_axis *x = &d->axes.at[i];
        x->field[0] = field_of(d, 0, x->size);
        x->field[1] = field_of(d, 1, x->size);
    }
}

void draft_add_axes(draft *d)
{
    for (size_t i = 0; i < d->axes.n; i++) {
        const draft_axis *x = &d->axes.at[i];
        if (x->size == 1 && !x->is_capture) {
            continue;
        }
        if (x->field[0] == NULL && x->field[1] == NULL) {
            buf_printf(d->out, "# %s is %llu, which no field alone says: shapes tell\n",
                       x->name, (unsigned long long)x->size);
        } else {
            buf_printf(d->out, "axis %s", x->name);
            for (unsigned k = 0; k < 2; k++) {
                if (x->field[k] != NULL) {
                    buf_printf(d->out, " = %s", x->field[k]);
                }
            }
            buf_printf(d->out, "  # %llu\n", (unsigned long long)x->size);
        }
        for (unsigned k = 2; k <= x->n_copies; k++) {
            buf_printf(d->out, "axis %s%u = %s\n", x->name, k, x->name);
        }
    }
    buf_add(d->out, "\n");
}

/* ---- names and dims ------------------------------------------------------------ */

/* c, or c2 for the second of its kind from the end. */
static void add_axis(draft *d, buf *out, uint64_t size, unsigned n_behind)
{
    if (size == 1) {
        buf_add(out, "1");
    } else if (n_behind == 0) {
        buf_add(out, axis_of(d, size, false)->name);
    } else {
        buf_printf(out, "%s%u", axis_of(d, size, false)->name, n_behind + 1);
    }
}

const char *draft_dim(draft *d, const tensor_info *t, unsigned k)
{
    unsigned n_behind = 0;
    buf b = {.arena = d->a};
    for (unsigned i = k + 1; i < t->rank; i++) {
        n_behind += t->shape[i] == t->shape[k] ? 1 : 0;
    }
    add_axis(d, &b, t->shape[k], n_behind);
    return buf_str(&b);
}

/* "{l}", "{l2}" for the second of its size, "{l in 1..}" where the first are lacking.
 */
static void add_hole(draft *d, buf *out, const group *g, unsigned h)
{
    const draft_axis *x = axis_of(d, g->end[h], true);
    unsigned n_before = 0;
    for (unsigned i = 0; i < h; i++) {
        n_before += is_hole(g, i) && g->end[i] == g->end[h] ? 1 : 0;
    }
    buf_printf(out, "{%s", x->name);
    if (n_before > 0) {
        buf_printf(out, "%u", n_before + 1);
    }
    if (g->lo[h] > 0) {
        buf_printf(out, " in %llu..", (unsigned long long)g->lo[h]);
    }
    /* An end that no config tells must be said here. */
    if (g->lo[h] > 0 && x->field[0] == NULL && x->field[1] == NULL) {
        buf_printf(out, "%llu", (unsigned long long)g->end[h]);
    }
    buf_add(out, "}");
}

const char *draft_name(draft *d, const group *g)
{
    buf b = {.arena = d->a};
    for (unsigned h = 0; h < g->n_holes; h++) {
        buf_add(&b, g->literals[h]);
        if (is_hole(g, h)) {
            add_hole(d, &b, g, h);
        } else {
            buf_printf(&b, "%llu", (unsigned long long)g->lo[h]);
        }
    }
    buf_add(&b, g->literals[g->n_holes]);
    return buf_str(&b);
}

const char *draft_dims(draft *d, const tensor_info *t, const char *rows, bool turned)
{
    buf b = {.arena = d->a};
    buf_add(&b, "[");
    for (unsigned k = 0; k < t->rank; k++) {
        const unsigned at = turned ? t->rank - 1 - k : k;
        const char *arrow = turned ? " -> " : " <- ";
        buf_add(&b, k == 0 ? "" : t->rank == 2 ? arrow : " ");
        buf_add(&b, at == 0 && rows != NULL ? rows : draft_dim(d, t, at));
    }
    buf_add(&b, "]");
    return buf_str(&b);
}
